// Package login lets people in: it is the OpenID Connect relying party of the sites, and the
// table of their sessions.
//
// # A login
//
// A [Site] sends the browser to its [Provider] and takes it back, by the authorization code flow
// of OpenID Connect Core 1.0 section 3.1, hardened by RFC 9700:
//
//   - [Site.Begin] makes a state and a nonce of 256 bits, and a code verifier when the profile
//     says PKCE. They go into one row, single use, good for ten minutes, found by the hash of the
//     state and sealed with a key that only the cookie of that browser holds.
//   - [Site.Finish] takes the row out and checks, in this order: the browser, the age, the issuer
//     of the answer (RFC 9207), the answer itself, the ID token, the level, the age of the
//     authentication, and that the user information speaks of the same subject.
//   - [Site.Open] turns what the site made of the identity into a session.
//
// A provider whose profile says login_mode = "ciba" can also be asked to reach the person's phone
// (OpenID Connect CIBA Core 1.0, poll delivery): [Provider.Push] asks, [Provider.Collect] looks for
// the answer, [Provider.CancelPush] takes the question back. The rows, the limits and the pages of
// a call are the site's.
//
// A callback address that was stolen opens nothing: the row is bound to a cookie. It does not
// spoil the login of its owner either.
//
// # A provider
//
// Everything that differs between providers is data in a [Profile]; no name of a provider is
// anywhere in the code; [Preset] gives the ready ones. Signatures are ES256 unless the profile
// names another asymmetric algorithm. HS256 and none cannot be configured. A profile with
// enc_keys expects its tokens encrypted (ECDH-ES or RSA-OAEP-256, A256GCM) around the signature,
// and accepts no other. The client proves itself by a secret, by a signed assertion
// (private_key_jwt, RFC 7523) or by its certificate (RFC 8705). Bodies are bounded, redirects are
// not followed, hosts that the profile does not list are not called, and keys are fetched again at
// most every thirty seconds. [Provider.Check] compares what the metadata promise with the profile.
//
// # A session
//
// The cookie holds 256 random bits; the row holds their SHA-256. What is personal in a session,
// the name, the subject at the provider, its ID token, is sealed (XChaCha20-Poly1305) with a key
// derived from the cookie by HKDF and bound to the row: the database alone tells nothing, and a
// row that was altered does not open.
//
// # Errors
//
// Every error is a [carnet.Error] whose code begins with "login."; the constants list them. None
// of them, nor anything that they wrap, holds a code, a token or a claim.
//
// Specification: identity sections 2.3 to 2.9, 3, 4.3 to 4.6, 7, 9, 10.4 and 10.5. What is not done
// here: CIBA by ping or push delivery, pushed authorization requests, sender-constrained tokens,
// refresh tokens (none is asked, one that comes is dropped).
package login

import (
	"time"

	"carnet/internal/carnet"
)

// Stable codes of the errors of this package.
const (
	CodeMethod       = "login.method"          // begun or left by a link: only a form may
	CodeState        = "login.state"           // this browser did not begin that login, or it is used up
	CodeExpired      = "login.expired"         // begun too long ago
	CodeDenied       = "login.denied"          // the person refused, or left, at the provider
	CodeIssuer       = "login.issuer"          // the answer comes from another provider (RFC 9207)
	CodeRefused      = "login.refused"         // the provider does not accept our request or our code
	CodeToken        = "login.token"           // what the provider says does not hold, or is about somebody else
	CodeLevel        = "login.level"           // the means of authentication is too weak
	CodeStale        = "login.stale"           // the provider did not ask again, and had to
	CodeClaims       = "login.claims"          // the provider does not say who the person is as agreed
	CodeNotActive    = "login.not-active"      // a professional with no situation of practice, or suspended
	CodeOrganisation = "login.organisation"    // staff of an organisation that the profile does not list
	CodeNumber       = "login.number"          // the number typed is not one
	CodePending      = "login.pending"         // nobody has answered the call yet
	CodeSlowDown     = "login.slow-down"       // the provider wants to be asked less often
	CodeReported     = "login.reported"        // the professional says that the call was not theirs
	CodeUnknownUser  = "login.unknown-user"    // the provider does not know the number; never shown to the person
	CodeProviderDown = "login.provider-down"   // the provider does not answer, or not as agreed
	CodeNoSession    = "login.session-missing" // nobody is logged in
	CodeSessionEnded = "login.session-expired" // logged in too long ago, or idle for too long
	CodeReplaced     = "login.replaced"        // a later request for the same number took the place
	CodeLimit        = "login.limit"           // too many requests; Args: Minutes
	CodeRole         = "login.role"            // not a role of this site
	CodeDelegate     = "login.delegate"        // the delegate cannot type in this session
	CodeOther        = "login.other-person"    // who authenticated is not who is logged in
	CodeLong         = "login.long"            // a name that is typed is too long; Args: Max
	CodeStepUp       = "login.step-up"         // authenticated too long ago for this act
	CodeProfile      = "login.profile"         // a profile that cannot be used; Field names the key
)

// AttemptLifetime is how long a person may stay at the provider.
const AttemptLifetime = 10 * time.Minute

// Identity is what a provider says, after every check. (Issuer, Subject) is the key of the
// person at that provider.
type Identity struct {
	Provider string // name of the profile
	Issuer   string
	Subject  carnet.Private
	ACR      string    // level of the authentication, at least what the profile asks
	AMR      []string  // means used, when the provider tells
	AuthTime time.Time // zero when the provider does not tell
	SID      string    // session at the provider, when it tells; a logout token may name it
	Claims   Claims
	IDToken  carnet.Private // signed, decrypted; kept for the logout at the provider
	ReturnTo string         // path of this site where the person wanted to go; never another site

	held holdOf // the row that waits with it, if any
}

func refuse(op string, kind carnet.Kind, code string, cause error) error {
	return carnet.E("login."+op, kind, code, cause)
}
