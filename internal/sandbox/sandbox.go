// Package sandbox is the outside world on one machine: OpenID providers that behave like the real
// ones as far as a relying party can tell, and the people who log in there. None of them exists.
//
// # Issuers
//
// Each issuer has an origin of its own:
//
//   - [Sandbox.FC] lets insured people in, in the manner of FranceConnect: a closed list of request
//     parameters, no PKCE, a nonce of 22 characters or more, acr_values mandatory, signed user
//     information, a subject for each client, public error codes. It knows nobody itself: a chooser
//     sends people on to [Sandbox.IdentityProviders], of which it is a relying party by the code of
//     package login, and it asks a civil registry about who comes back. [Sandbox.FCPlus] is the same
//     in the manner of FranceConnect+: levels eidas2 and eidas3, tokens inside encrypted ones.
//   - [Sandbox.ProConnect] lets staff in, in the manner of ProConnect: another closed list, levels by
//     the claims parameter, a session of twelve hours, a log-out that needs three parameters.
//   - [Sandbox.PSC] lets professionals in, in the manner of Pro Santé Connect: on its own page with
//     PKCE and client_secret_basic, or by their phones (CIBA), which package phone is.
//
// The protocol is that of github.com/luikyv/go-oidc, behind a guard of our own that works around
// its defects: Basic credentials are form-decoded, user information carries iat and exp, state is
// bounded and single use, what may be ignored is, and the logout accepts an ID token that has
// expired, as the real providers do (the engine does not). Tokens of the platforms are signed again,
// for the engine cannot leave out at_hash and typ, and are encrypted here, so that a client may
// change its keys. Times follow the injected clock as far as the engine lets them; it also looks at
// the clock of the machine.
//
// What differs from the real ones, besides what nobody outside can see: levels above eidas1 are
// given for a password, and the second factor is only said; identity providers keep no session, so
// a log-out at a platform has nobody further to tell; notices that the real one sends by e-mail are
// shown on the page; the civil registry answers from the list of people.
//
// # People
//
// [ReadWorld] gives the people, professionals, staff and places, so that the program can put them in
// its register and its directory. There is somebody for each hard case; the page /personnes of each
// issuer lists them with what happens to them, and /codes what the codes mean. They all have one
// password, shown on the login page, stored as argon2id and limited like any other.
//
// # Secrets
//
// Keys, the client secrets and the secret of the pairwise subjects are made at the first start
// in the folder that the caller gives, and read at the next ones. [Issuer.Profile] is what a
// relying party needs to know.
//
// Specification: identity sections 2.2 to 2.9, 3, 4.2 to 4.6, 8 and 10.3 to 10.5.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/ui"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Config says where the sandbox lives and who its clients are.
type Config struct {
	Dir        string       // keys and secrets; made when missing
	FC         IssuerConfig // an issuer without origin is not there
	FCPlus     IssuerConfig
	PSC        IssuerConfig
	ProConnect IssuerConfig
	// Where the identity providers of FC and FCPlus are served, by their name in IdentityProviders; a
	// federator needs one at least.
	IdentityProviders map[string]string
	Clock             carnet.Clock
	Rand              io.Reader
	Log               *slog.Logger

	PushHosts []string // push services of phones; nil: those of the usual browsers (phone.Config)
	Told      bool     // a request for a number that nobody has is refused at once, as conformance suites expect
}

// IssuerConfig is about one issuer and its clients.
type IssuerConfig struct {
	Origin  string   // where the issuer is served: "http://localhost:8411"
	Clients []Client // the first is the site of Carnet that Profile speaks to
}

// Client is a relying party as an issuer knows it.
type Client struct {
	ID           string // by default the one that the issuer gives to the site of Carnet
	Name         string // as the pages of the issuer show it
	RedirectURI  string // to the letter
	SignedOutURI string // to the letter
	LogoutURI    string // where logout tokens go (back-channel logout); empty: nowhere

	KeysURI           string   // its public keys: FCPlus encrypts tokens to one of them; in clear when empty
	Asserts           bool     // it authenticates with a JWT that one of these keys signed (private_key_jwt), not with a secret
	Entity            string   // clients of one entity learn the same subject of a person; by default each is alone
	SectorURI         string   // list of its redirect URIs (OpenID Connect Core 1.0, section 8.1); not asked when empty
	IdentityProviders []string // those that its users may choose; all when empty
	Mandates          []string // perimeters in which somebody may act for another; none when empty
	Private           bool     // open to the staff of private organisations
	Disabled          bool
}

// Sandbox is the set of issuers.
type Sandbox struct {
	World      World
	FC         *Issuer // nil when it was not asked for, as are the others
	FCPlus     *Issuer
	PSC        *Issuer
	ProConnect *Issuer
	// The identity providers by name.
	IdentityProviders map[string]*Issuer
}

// New opens the sandbox: it reads what an earlier start left in the folder, and makes the rest.
func New(c Config) (*Sandbox, error) {
	if c.Dir == "" || c.Clock == nil || c.Rand == nil || c.Log == nil {
		return nil, errors.New("sandbox: folder, clock, random source and log are needed")
	}
	w, err := ReadWorld()
	if err != nil {
		return nil, err
	}
	v := vault{c.Dir, c.Rand}
	stored := sync.OnceValues(func() (password, error) { return v.password(w.password) })
	s := &Sandbox{World: w, IdentityProviders: map[string]*Issuer{}}
	insured := w.insuredPersonas()
	issuer := func(to **Issuer, shape shape, config IssuerConfig, people []persona) error {
		if config.Origin == "" {
			return nil
		}
		i, err := newIssuer(shape, config, people, v, w.password, stored, c)
		if err != nil {
			return fmt.Errorf("sandbox: issuer %s: %w", shape.name, err)
		}
		*to = i
		return nil
	}
	var idps []*Issuer
	federators := federators(c)
	for _, p := range identityProviders {
		if c.IdentityProviders[p.name] == "" || len(federators) == 0 {
			continue
		}
		var clients []Client
		for _, f := range federators {
			clients = append(clients, Client{ID: f.name, Name: f.client, RedirectURI: f.origin + login.CallbackPath(p.name), SignedOutURI: f.origin + "/"})
		}
		var idp *Issuer
		if err := issuer(&idp, identityProvider(p.name, p.levels), IssuerConfig{c.IdentityProviders[p.name], clients}, customers(insured, p.name)); err != nil {
			return nil, err
		}
		idps = append(idps, idp)
		s.IdentityProviders[p.name] = idp
	}
	if len(federators) > 0 && len(idps) == 0 {
		return nil, errors.New("sandbox: a federator without identity providers lets nobody in")
	}
	known := w.registry()
	fc, plus := citizens(), citizensPlus()
	fc.extend = extendFederation(idps, known, citizenSession, c)
	plus.extend = extendFederation(idps, known, citizenPlusSession, c)
	return s, errors.Join(
		issuer(&s.FC, fc, c.FC, insured),
		issuer(&s.FCPlus, plus, c.FCPlus, insured),
		issuer(&s.PSC, professionals, c.PSC, w.professionalPersonas()),
		issuer(&s.ProConnect, staff, c.ProConnect, w.staffPersonas()),
	)
}

// Citizens is the platform by which insured people come in: FC, else FCPlus.
func (s *Sandbox) Citizens() *Issuer {
	if s.FC != nil {
		return s.FC
	}
	return s.FCPlus
}

// federator is one of the platforms as its identity providers know it.
type federator struct{ name, client, origin string }

func federators(c Config) []federator {
	var list []federator
	for _, f := range []federator{{"fc", "Identité citoyenne", c.FC.Origin}, {"fc-plus", "Identité citoyenne +", c.FCPlus.Origin}} {
		if f.origin != "" {
			list = append(list, f)
		}
	}
	return list
}

// customers are the people that an identity provider knows.
func customers(people []persona, idp string) []persona {
	var list []persona
	for _, p := range people {
		if len(p.providers) == 0 || slices.Contains(p.providers, idp) {
			list = append(list, p)
		}
	}
	return list
}

// Close ends what the issuers have under way.
func (s *Sandbox) Close() error {
	var err error
	for _, i := range []*Issuer{s.FC, s.PSC} {
		if i != nil && i.extension.close != nil {
			err = errors.Join(err, i.extension.close())
		}
	}
	return err
}

// shape is what makes an issuer look like the one it imitates.
type shape struct {
	name          string
	base          string // path of the issuer
	discovery     string // below the base, as are all the paths that follow
	authorize     string
	token         string
	userInfo      string
	jwks          string
	logout        string
	revocation    string // none when empty
	clientID      string
	authMethod    goidc.AuthnMethod
	codeLifetime  time.Duration
	tokenLifetime time.Duration       // access and ID tokens
	patience      time.Duration       // how long a login page stays good; by default requestLifetime
	levels        []string            // served, weakest first; the last one when none is asked that is known
	scopes        map[string][]string // scope to the claims that it opens; nil for all of them
	allow         []string            // parameters of the authorization request; nil for any
	need          []string            // those that must be there
	prompts       []string            // values of prompt; nil for any
	minState      int                 // bytes of state
	minNonce      int                 // bytes of nonce
	reuse         string              // highest level for which a session stands in for a login
	federates     bool                // it sends people on to identity providers
	twins         bool                // it gives the identity of the identity provider, and civil status beside it
	seals         bool                // tokens are encrypted for clients that publish a key
	remembers     bool                // it keeps a session: prompt=none may succeed
	oneLevel      bool                // a level that is not served is an error, not ignored
	pkce          bool
	assertions    bool // a client may authenticate with a JWT
	signedInfo    bool
	bare          bool // headers and claims of its tokens are the fewest possible
	subject       func(secret []byte, client string, p persona) string
	codes         map[string]string // code shown for a fault, by fault
	profile       login.Profile     // what differs for a relying party

	// extend adds what this issuer does besides; nil for nothing.
	extend func(*Issuer) (extension, error)
}

// extension is what an issuer does that others do not.
type extension struct {
	authenticate goidc.AuthnFunc                 // instead of asking for identifier and password
	logout       http.HandlerFunc                // instead of checking the request and sending the browser back
	signOut      http.HandlerFunc                // ends the session at the provider, before the browser goes back
	cookies      []ui.Cookie                     // besides the one that binds a request to its browser
	origins      []string                        // where its forms may end besides here and at the clients
	options      []provider.Option               // of the engine
	pages        func(mux *http.ServeMux)        // pages of its own, below the chain of the sites
	wrap         func(http.Handler) http.Handler // around all of the origin
	client       func(*goidc.Client)             // what a client may do besides
	metadata     map[string]any                  // besides those of the engine
	close        func() error
	endpoints    func(mux *http.ServeMux) // for programs: without cookies, before the pages
}

// Account is a kind of account that the federator accepts.
type Account struct {
	Name string
	Page string // where the provider shows everybody and the password
}

// Accounts lists them in the order of the chooser.
func (s *Sandbox) Accounts() []Account {
	var list []Account
	for _, name := range IdentityProviders() {
		i := s.IdentityProviders[name]
		list = append(list, Account{i.kit.In("fr").T("idp." + name + ".name"), i.config.Origin + peoplePath})
	}
	return list
}
