// Package software lets the software of establishments act for the professionals who work there: it
// registers clients, gives them access tokens, and checks what they send.
//
// It is an OAuth 2.0 authorization server with one grant, client credentials (RFC 6749 section
// 4.4), as SMART Backend Services asks (SMART App Launch 2.2.0), and its resource server:
//
//   - A client proves who it is by a signed assertion and nothing else (private_key_jwt, RFC 7523):
//     for this server, within five minutes, once. There is no shared secret.
//   - A token belongs to who holds a key: the one of a DPoP proof (RFC 9449), with a nonce of this
//     server, or the one of a client certificate of the connection (RFC 8705 section 3). A token
//     without either is never given.
//   - A token is for one professional in one place. The client names them when it asks; the place
//     must be one that the operator registered the client for, and one where the professional
//     exercises. Everything that is done with the token is done in their name, by the software: the
//     journal and each entry have both (protect.Actor with Delegate = the client).
//   - It lives five minutes and is a random value that the store knows by hash: revoking a client
//     ends its tokens at once.
//   - Assertions and proofs are used once, by a row of the store: not in another process either,
//     nor after a restart.
//
// How much a client may ask is bounded per client and professional (package limit); what exceeds it
// is refused with 429 and recorded in the journal.
//
// What is not done: authorization code, refresh tokens, dynamic registration. Software without a
// professional who answers for the act has nothing to do here.
package software

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/limit"
	"carnet/internal/protect"
)

// Life is how long an access token lives.
const Life = 5 * time.Minute

const (
	maxName    = 100 // characters
	maxPlaces  = 200
	maxClients = 1000
	maxKeys    = 10
	minRSA     = 2048 // bits of a modulus
)

// Stable codes of the errors of registration.
const (
	CodeUnknown = "software.unknown"      // no such client, or revoked
	CodeName    = "software.name-missing" // no name, or one that is too long
	CodePlaces  = "software.places"       // no place, too many, or one that is no FINESS number
	CodeScope   = "software.scope"        // a scope that there is not
	CodeKeys    = "software.keys"         // no key, too many, or one that cannot be believed
	CodeMany    = "software.many"         // too many clients
)

// Client is a registered software in an establishment.
type Client struct {
	ID      carnet.ID // its text is the client_id
	Name    string    // as the operator wrote it: no person
	Places  []string  // FINESS of the places for whose professionals it may act
	Scopes  Scopes
	Keys    jose.JSONWebKeySet // public
	KeysURL string             // where the keys are, instead of Keys
	Since   time.Time
	Revoked time.Time // zero while it stands
}

// Stands reports a client that is not revoked.
func (c Client) Stands() bool { return c.Revoked.IsZero() }

// Token is an access token as it is stored.
type Token struct {
	Hash         [32]byte  // SHA-256 of the token
	ID           carnet.ID // of the day on which the client acts for the professional
	Client       carnet.ID
	Professional carnet.ID
	Place        string
	Scopes       Scopes
	Proof        [32]byte // thumbprint of the key of DPoP proofs (RFC 7638); zero without
	Certificate  [32]byte // SHA-256 of the certificate of the connection; zero without
	ExpiresAt    time.Time
}

// Store keeps clients, tokens and what was used up. It refuses a decision that is not for
// protect.Software.
type Store interface {
	Software(ctx context.Context, d protect.Decision, fn func(Tx) error) error
	// Lookup is the keyed hash of the store.
	Lookup(kind, value string) [32]byte
}

// Tx is one transaction.
type Tx interface {
	// Clients lists them all, the revoked ones too, oldest first.
	Clients() ([]Client, error)
	Client(id carnet.ID) (Client, error) // carnet.NotFound
	// PutClient writes one, in the place of the one of the same id.
	PutClient(c Client) error
	PutToken(t Token) error
	Token(hash [32]byte) (Token, error) // carnet.NotFound
	// RemoveTokens ends the tokens of a client.
	RemoveTokens(client carnet.ID) error
	// Use notes something that may be used once, and reports false when it was used before.
	Use(hash [32]byte, until time.Time) (bool, error)
	// Limit replaces the theoretical arrival time of a key of a limit by next of it.
	Limit(name string, key login.Hash, next func(tat time.Time) time.Time) error
	// Refused records in the journal that a professional's software asked too much.
	Refused(professional, client carnet.ID, name string) error
	// Purge removes tokens and used things whose time has passed.
	Purge(at time.Time) error
}

// Directory tells who exercises where. Exercises returns the id of the professional of a number, or
// carnet.NotFound or carnet.Denied when nobody of that number exercises at the place.
type Directory interface {
	Exercises(ctx context.Context, actor protect.Actor, number carnet.Private, place string) (carnet.ID, error)
}

// Config is what the room goes by.
type Config struct {
	// Issuer is the address that clients know the server by, without a path: "https://api.example".
	Issuer string
	Limits limit.Config
	// Client fetches the keys of clients that are registered by address.
	Client *http.Client
}

// TokenPath is the path of the token endpoint.
const TokenPath = "/oauth/token"

// Service is the room.
type Service struct {
	Config
	store Store
	guard login.Guard
	who   Directory
	ids   carnet.IDs
	keys  remote
}

// New returns the room over a store.
func New(c Config, store Store, guard login.Guard, who Directory, ids carnet.IDs) *Service {
	return &Service{Config: c, store: store, guard: guard, who: who, ids: ids, keys: remote{client: c.Client, clock: ids.Clock}}
}

// Registration is what the operator says of a client.
type Registration struct {
	Name    string
	Places  []string
	Scopes  Scopes
	Keys    jose.JSONWebKeySet
	KeysURL string
}

// Add registers a client; the clock dates it. Every fault is named at once (carnet.Problems).
func (s *Service) Add(ctx context.Context, actor protect.Actor, r Registration) (Client, error) {
	r.Name = strings.Join(strings.Fields(r.Name), " ")
	if err := r.check(); err != nil {
		return Client{}, err
	}
	id, err := s.ids.New()
	if err != nil {
		return Client{}, err
	}
	c := Client{ID: id, Name: r.Name, Places: slices.Compact(slices.Sorted(slices.Values(r.Places))), Scopes: r.Scopes, Keys: r.Keys, KeysURL: r.KeysURL, Since: s.now()}
	return c, s.within(ctx, actor, func(tx Tx) error {
		list, err := tx.Clients()
		if err != nil {
			return err
		}
		if len(list) >= maxClients {
			return carnet.E("software.Add", carnet.Conflict, CodeMany, nil)
		}
		return tx.PutClient(c)
	})
}

// List is every client, the revoked ones too, oldest first.
func (s *Service) List(ctx context.Context, actor protect.Actor) ([]Client, error) {
	var list []Client
	err := s.within(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.Clients()
		return err
	})
	return list, err
}

// Replace gives a client other keys, by value or by address; tokens of the old ones end.
func (s *Service) Replace(ctx context.Context, actor protect.Actor, client carnet.ID, keys jose.JSONWebKeySet, address string) error {
	var problems carnet.Problems
	checkKeys(&problems, keys, address)
	if err := problems.Err(); err != nil {
		return err
	}
	return s.change(ctx, actor, client, func(c *Client) { c.Keys, c.KeysURL = keys, address })
}

// Revoke ends a client and its tokens, at once and for good. Again, it changes nothing.
func (s *Service) Revoke(ctx context.Context, actor protect.Actor, client carnet.ID) error {
	return s.change(ctx, actor, client, func(c *Client) {
		if c.Stands() {
			c.Revoked = s.now()
		}
	})
}

func (s *Service) change(ctx context.Context, actor protect.Actor, client carnet.ID, how func(*Client)) error {
	return s.within(ctx, actor, func(tx Tx) error {
		c, err := tx.Client(client)
		if err != nil {
			return err
		}
		how(&c)
		if err := tx.PutClient(c); err != nil {
			return err
		}
		return tx.RemoveTokens(client)
	})
}

func (r Registration) check() error {
	var problems carnet.Problems
	if r.Name == "" || utf8.RuneCountInString(r.Name) > maxName || !utf8.ValidString(r.Name) || strings.IndexFunc(r.Name, func(c rune) bool { return !unicode.IsPrint(c) }) >= 0 {
		problems.Add("name", CodeName, map[string]any{"Max": maxName})
	}
	if len(r.Places) == 0 || len(r.Places) > maxPlaces || slices.ContainsFunc(r.Places, func(p string) bool { return !finess(p) }) {
		problems.Add("place", CodePlaces, map[string]any{"Max": maxPlaces})
	}
	if len(r.Scopes) == 0 {
		problems.Add("scope", CodeScope, nil)
	}
	checkKeys(&problems, r.Keys, r.KeysURL)
	return problems.Err()
}

// finess reports the form of a FINESS number: nine digits, of which the second may be a letter
// (Corsica).
func finess(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (i != 1 || c != 'A' && c != 'B') {
			return false
		}
	}
	return len(s) == 9
}

func checkKeys(problems *carnet.Problems, set jose.JSONWebKeySet, address string) {
	bad := func(cause string) {
		*problems = append(*problems, &carnet.Error{Op: "input", Kind: carnet.Invalid, Code: CodeKeys, Field: "keys", Err: errors.New(cause)})
	}
	if address != "" {
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(address) > 500 {
			bad("the address of the keys is not an https address")
		}
		if len(set.Keys) > 0 {
			bad("keys and an address of keys: one of them")
		}
		return
	}
	if err := believable(set); err != nil {
		bad(err.Error())
	}
}

// believable refuses a set with a private key, a weak one, two of one id, or none.
func believable(set jose.JSONWebKeySet) error {
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return errors.New("between one and ten keys are needed")
	}
	seen := map[string]bool{}
	for _, k := range set.Keys {
		switch {
		case !k.IsPublic() || !k.Valid():
			return errors.New("a key is not a public one")
		case k.KeyID == "" || seen[k.KeyID]:
			return errors.New("every key needs an id (kid) of its own")
		case k.Use != "" && k.Use != "sig":
			return errors.New("a key is not for signatures")
		case len(algorithmsOf(k)) == 0:
			return errors.New("a key is of a kind that is not believed: P-256, P-384, Ed25519, or RSA of 2048 bits and more")
		}
		seen[k.KeyID] = true
	}
	return nil
}

func (s *Service) within(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	return s.store.Software(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Software}), fn)
}

// program is the actor when no professional is known yet.
var program = protect.Actor{Role: protect.System}

func (s *Service) now() time.Time { return s.ids.Clock().UTC().Truncate(time.Microsecond) }

// wait asks a limit about a client's use of a professional's name: how long to wait, zero for not at
// all.
func (s *Service) wait(tx Tx, name string, client, professional carnet.ID) (time.Duration, error) {
	key := client.String() + " " + professional.String()
	rate, ok := s.Limits.For(name, key)
	if !ok {
		return 0, carnet.E("software", carnet.Internal, "internal", errors.New("no limit "+name))
	}
	var a limit.Answer
	now := s.now()
	err := tx.Limit(name, s.store.Lookup("limit", name+"\n"+key), func(tat time.Time) (next time.Time) {
		a, next = rate.Next(tat, now)
		return next
	})
	if err != nil || a.Allowed {
		return 0, err
	}
	return a.Retry, tx.Refused(professional, client, name)
}
