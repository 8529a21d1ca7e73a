// Package sandbox is the outside world on one machine: OpenID providers that behave like the real
// ones as far as a relying party can tell, and the people who log in there. None of them exists.
//
// # Issuers
//
// [Sandbox.FC] lets insured people in, in the manner of FranceConnect: a closed list of request
// parameters, no PKCE, a nonce of 22 characters or more, acr_values mandatory, signed user
// information, a subject of its own for each client, the public error codes. [Sandbox.PSC] lets
// professionals in, in the manner of Pro Santé Connect: PKCE mandatory, client_secret_basic,
// plain user information with the places of practice. Both sign with ES256 and ask for identifier
// and password at every login: there is no session at the provider.
//
// The protocol is that of github.com/luikyv/go-oidc, behind a guard of our own that works around
// its defects: Basic credentials are form-decoded, user information carries iat and exp, state is
// bounded and single use, and the logout accepts an ID token that has expired, as the real
// providers do (the engine does not). Times follow the injected clock as far as the engine lets
// them; it also looks at the clock of the machine.
//
// # People
//
// [ReadWorld] gives the people, professionals and places, so that the program can put them in its
// register and its directory. They all have one password, shown on the login page, stored as
// argon2id and limited like any other.
//
// # Secrets
//
// Keys, the client secrets and the secret of the pairwise subjects are made at the first start
// in the folder that the caller gives, and read at the next ones. [Issuer.Profile] is what a
// relying party needs to know.
//
// Specification: identity sections 2.2 to 2.9, 4.3, 4.6 and 8. What is not done here: the second
// FranceConnect platform, the identity providers behind the federation, push login, encrypted
// tokens, token revocation.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Config says where the sandbox lives and who its clients are.
type Config struct {
	Dir   string       // keys and secrets; made when missing
	FC    IssuerConfig // an issuer without origin is not there
	PSC   IssuerConfig
	Clock carnet.Clock
	Rand  io.Reader
	Log   *slog.Logger

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
}

// Sandbox is the set of issuers.
type Sandbox struct {
	World World
	FC    *Issuer // nil when it was not asked for, as are the others
	PSC   *Issuer
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
	s := &Sandbox{World: w}
	for _, x := range []struct {
		to     **Issuer
		shape  shape
		config IssuerConfig
		people []persona
	}{
		{&s.FC, citizens, c.FC, w.insuredPersonas()},
		{&s.PSC, professionals, c.PSC, w.professionalPersonas()},
	} {
		if x.config.Origin == "" {
			continue
		}
		i, err := newIssuer(x.shape, x.config, x.people, v, w.password, stored, c)
		if err != nil {
			return nil, fmt.Errorf("sandbox: issuer %s: %w", x.shape.name, err)
		}
		*x.to = i
	}
	return s, nil
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
	levels        []string            // served, weakest first; the last one when none is asked that is known
	scopes        map[string][]string // scope to the claims that it opens; nil for all of them
	allow         []string            // parameters of the authorization request; nil for any
	need          []string            // those that must be there
	minNonce      int
	oneLevel      bool // a level that is not served is an error, not ignored
	pkce          bool
	signedInfo    bool
	subject       func(secret []byte, client string, p persona) string
	codes         map[string]string // code shown for a fault, by fault
	profile       login.Profile     // what differs for a relying party

	// extend adds what this issuer does besides; nil for nothing.
	extend func(*Issuer) (extension, error)
}

// extension is what an issuer does that others do not.
type extension struct {
	authenticate goidc.AuthnFunc                 // instead of asking for identifier and password
	options      []provider.Option               // of the engine
	pages        func(mux *http.ServeMux)        // pages of its own, below the chain of the sites
	wrap         func(http.Handler) http.Handler // around all of the origin
	client       func(*goidc.Client)             // what a client may do besides
	close        func() error
	endpoints    func(mux *http.ServeMux) // for programs: without cookies, before the pages
}

// citizens imitates FranceConnect.
var citizens = shape{
	name: "fc", base: "/api/v2",
	discovery: "/.well-known/openid-configuration", authorize: "/authorize", token: "/token",
	userInfo: "/userinfo", jwks: "/jwks", logout: "/session/end", revocation: "/token/revocation",
	clientID: "carnet-attestation", authMethod: goidc.AuthnMethodSecretPost,
	codeLifetime: 30 * time.Second, tokenLifetime: 60 * time.Second,
	levels: []string{"eidas1"},
	scopes: map[string][]string{
		"openid": {}, "given_name": {"given_name", "given_name_array"}, "family_name": {"family_name"}, "birthdate": {"birthdate"},
		"gender": {"gender"}, "birthplace": {"birthplace"}, "birthcountry": {"birthcountry"},
		"preferred_username": {"preferred_username"}, "email": {"email"},
		"profile":        {"given_name", "given_name_array", "family_name", "birthdate", "gender", "preferred_username"},
		"birth":          {"birthplace", "birthcountry"},
		"identite_pivot": {"given_name", "given_name_array", "family_name", "birthdate", "gender", "birthplace", "birthcountry"},
	},
	allow:    []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "acr_values", "claims", "prompt", "idp_hint", "ui_locales"},
	need:     []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "acr_values"},
	minNonce: 22, oneLevel: true, signedInfo: true,
	subject: pairwiseSubject,
	codes: map[string]string{
		faultParameter: "Y030007", faultClient: "Y04EA6EF", faultRedirect: "Y04C013C", faultSession: "Y190001", faultHint: "Y030007",
	},
	profile: login.Profile{
		AuthMethod: login.SecretPost, Scopes: []string{"openid", "identite_pivot", "preferred_username", "email"},
		ACRRequest: []string{"eidas1"}, ACRMin: "eidas1", UserInfo: login.UserInfoJWT,
	},
}
