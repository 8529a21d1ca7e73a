package login_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"

	"github.com/go-jose/go-jose/v4"
)

var update = flag.Bool("update", false, "write the table of docs/conformance-login.md")

// module is a test module of the OpenID Foundation's conformance suite for relying parties, by its
// name there, and what our test of that name does. The suite itself is not available here.
type module struct {
	name string
	note string
	run  func(*testing.T)
}

// code is a login by code that has to end so. Without a change it is to be accepted.
func code(want string, profile func(*login.Profile), changes ...func(*rig)) func(*testing.T) {
	return func(t *testing.T) {
		r := newRig(t, profile)
		for _, change := range changes {
			change(r)
		}
		_, err := r.login(t)
		r.judge(t, want, err)
	}
}

// call is a login by a call that has to end so.
func call(want string, profile func(*login.Profile), changes ...func(*rig)) func(*testing.T) {
	return func(t *testing.T) {
		r := newRig(t, both(ciba, profile))
		for _, change := range changes {
			change(r)
		}
		_, err := r.call(t)
		r.judge(t, want, err)
	}
}

func claim(name string, v any) func(*rig) {
	return func(r *rig) {
		r.idToken = func(c map[string]any) {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
	}
}

func claimAt(name string, d time.Duration) func(*rig) {
	return func(r *rig) {
		r.idToken = func(c map[string]any) { c[name] = r.clock.now().Add(d).Unix() }
	}
}

func phoneSays(code string) func(*rig) {
	return func(r *rig) { r.phone = func() (string, string) { return code, "" } }
}

func pushSays(name string, v any) func(*rig) {
	return func(r *rig) {
		r.pushed = func(m map[string]any) {
			if m[name] = v; v == nil {
				delete(m, name)
			}
		}
	}
}

func unsigned(r *rig) {
	r.sign = func(p []byte, _ string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + base64.RawURLEncoding.EncodeToString(p) + "."
	}
}

func logout(want string, change func(map[string]any), evil func(*rig)) func(*testing.T) {
	return func(t *testing.T) {
		r := newRig(t, nil)
		if evil != nil {
			evil(r)
		}
		ended, err := r.provider.LogoutToken(t.Context(), r.logoutToken(change))
		r.judge(t, want, err)
		if err == nil && (ended.SessionID != "s1" || ended.Subject.Reveal() != "subject-1") {
			t.Errorf("%+v", ended)
		}
	}
}

// left goes out through the provider and returns the address there; the session here must be over
// whatever comes back.
func left(t *testing.T) (*rig, *url.URL) {
	t.Helper()
	r := newRig(t, nil)
	b := browser{}
	r.open(t, b, r.person(t))
	kept := browser{"__Host-pro-session": b["__Host-pro-session"]}
	w := httptest.NewRecorder()
	if err := r.site.Logout(w, b.request("POST", "/deconnexion", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.current(kept); carnet.CodeOf(err) != login.CodeNoSession {
		t.Errorf("the session outlives the logout: %v", err)
	}
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return r, u
}

// waiting calls a phone for a browser, and returns what looks at the waiting page of that browser.
func waiting(t *testing.T, said string) (*rig, func(*testing.T) login.Wait) {
	t.Helper()
	r := newRig(t, ciba)
	phoneSays(said)(r)
	site, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "http://localhost:8401", Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute,
		Calls: &login.Calls{Service: "Vaccin Covid", Professional: logintest.ProfessionalID}}, r.provider, r.store, logintest.Guard(t, r.clock.now), r.clock.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{}
	w := httptest.NewRecorder()
	if _, err := site.Call(w, b.request("POST", "/appel", nil), login.CallRequest{Number: number}); err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	return r, func(t *testing.T) login.Wait {
		t.Helper()
		now, err := site.Waiting(httptest.NewRecorder(), b.request("GET", "/attente", nil))
		if err != nil || now.State != login.WaitPending {
			t.Fatalf("%+v %v", now, err)
		}
		return now
	}
}

func cibaModules(t *testing.T) []module {
	stranger := ecKey(t)
	rs256 := func(r *rig) {
		key := rsaKey(t, 2048)
		r.keys = func() []jose.JSONWebKey {
			return []jose.JSONWebKey{jwk(&r.key.PublicKey, evilKid), jwk(&key.PublicKey, "k2")}
		}
		r.sign = func(p []byte, _ string) string { return r.jws(jose.RS256, key, "k2", p) }
	}
	list := []module{
		{"", "push, poll, ID token, user information", call("", nil)},
		{"RespectsPollingInterval", "whatever the browser does, the provider is asked once an interval", func(t *testing.T) {
			r, look := waiting(t, "authorization_pending")
			for range 11 { // every second
				look(t)
				r.clock.forward(time.Second)
			}
			if n := len(r.forms["/token"]); n != 3 {
				t.Errorf("asked %d times in ten seconds, with an interval of five", n)
			}
		}},
		{"SlowDown", "the interval grows by five seconds", func(t *testing.T) {
			r, look := waiting(t, "slow_down")
			if w := look(t); w.Interval != 10*time.Second {
				t.Errorf("interval %s", w.Interval)
			}
			asked := len(r.forms["/token"])
			r.clock.forward(9 * time.Second)
			if look(t); len(r.forms["/token"]) != asked {
				t.Errorf("asked %d times before the interval", len(r.forms["/token"])-asked)
			}
			r.clock.forward(time.Second)
			if w := look(t); w.Interval != 15*time.Second || len(r.forms["/token"]) != asked+1 {
				t.Errorf("asked %d times", len(r.forms["/token"])-asked)
			}
		}},
		{"InvalidAccessDenied", "the call ends", call(login.CodeDenied, nil, phoneSays("access_denied"))},
		{"InvalidExpiredToken", "the call ends", call(login.CodeExpired, nil, phoneSays("expired_token"))},
		{"TokenInvalidRequest", "the call ends", call(login.CodeRefused, nil, phoneSays("invalid_request"))},
		{"BackchannelInvalidUnknownUserId", "told apart from other refusals, so that the page can look like a call that waits", call(login.CodeUnknownUser, nil, pushSays("error", "unknown_user_id"))},
		{"BackchannelInvalidIdTokenHint", "only login_hint is ever sent; the answer ends the call", call(login.CodeRefused, nil, pushSays("error", "invalid_request"))},
		{"BackchannelInvalidExpiredIdTokenHint", "only login_hint is ever sent; the answer ends the call", call(login.CodeRefused, nil, pushSays("error", "expired_login_hint_token"))},
		{"BackchannelResponseInvalidMissingAuthReqId", "refused", call(login.CodeProviderDown, nil, pushSays("auth_req_id", nil))},
		{"BackchannelResponseInvalidMissingExpiresIn", "refused", call(login.CodeProviderDown, nil, pushSays("expires_in", nil))},
		{"InvalidAlternateAlg", "RS256 where ES256 is registered, with a published key: refused", call(login.CodeToken, nil, rs256)},
		{"InvalidNullAlg", "refused", call(login.CodeToken, nil, unsigned)},
		{"InvalidSignature", "refused", call(login.CodeToken, nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string { return r.jws(jose.ES256, stranger, kid, p) }
		})},
		{"InvalidAud", "refused", call(login.CodeToken, nil, claim("aud", "somebody"))},
		{"InvalidSecondaryAud", "refused: nobody else is trusted", call(login.CodeToken, nil, claim("aud", []string{"carnet", "somebody"}))},
		{"ValidAudAsArray", "accepted", call("", nil, claim("aud", []string{"carnet"}))},
		{"InvalidMissingAud", "refused", call(login.CodeToken, nil, claim("aud", nil))},
		{"InvalidIss", "refused", call(login.CodeToken, nil, claim("iss", "https://other.example"))},
		{"InvalidMissingIss", "refused", call(login.CodeToken, nil, claim("iss", nil))},
		{"InvalidExpiredExp", "refused", call(login.CodeToken, nil, claimAt("exp", -5*time.Minute))},
		{"InvalidMissingExp", "refused", call(login.CodeToken, nil, claim("exp", nil))},
		{"InvalidIatIsWeekInPast", "refused", call(login.CodeToken, nil, claimAt("iat", -7*24*time.Hour))},
		{"NoScopeInTokenEndpointResponse", "accepted: the answer of the provider of these tests has no scope", call("", nil)},
		{"RefreshToken", "none is asked for; one that comes is dropped, never sent", func(t *testing.T) {
			r := newRig(t, ciba)
			_, err := r.call(t)
			r.judge(t, "", err)
			for _, forms := range r.forms {
				for _, f := range forms {
					if f.Get("grant_type") == "refresh_token" || f.Has("refresh_token") || strings.Contains(f.Get("scope"), "offline_access") {
						t.Errorf("sent %v", f)
					}
				}
			}
		}},
	}
	for i := range list {
		list[i].name = "FAPICIBAClient" + list[i].name + "Test"
	}
	return list
}

func codeModules(t *testing.T) []module {
	other, next, rsa := ecKey(t), ecKey(t), rsaKey(t, 2048)
	rs256 := func(p *login.Profile) { p.IDTokenAlgs = []string{"RS256"} }
	withRSA := func(r *rig) {
		r.keys = func() []jose.JSONWebKey { return []jose.JSONWebKey{jwk(&rsa.PublicKey, evilKid)} }
		r.sign = func(p []byte, kid string) string { return r.jws(jose.RS256, rsa, kid, p) }
	}
	by := func(key any, alg jose.SignatureAlgorithm) func(*rig) {
		return func(r *rig) { r.sign = func(p []byte, kid string) string { return r.jws(alg, key, kid, p) } }
	}
	noKid := func(r *rig) { r.sign = func(p []byte, _ string) string { return r.es256(p, "") } }
	seen := func(check func(*testing.T, *http.Request)) func(*testing.T) {
		return func(t *testing.T) {
			r := newRig(t, nil)
			n := 0
			r.serve["/userinfo"] = func(w http.ResponseWriter, q *http.Request) {
				n++
				check(t, q)
				r.info(w, q, func(v any) { writeJSON(w, v) })
			}
			_, err := r.login(t)
			r.judge(t, "", err)
			if n != 1 {
				t.Errorf("user information read %d times", n)
			}
		}
	}
	moved := func(key, from, to string) func(*testing.T) {
		return func(t *testing.T) {
			r := newRig(t, nil)
			r.discovery = func(d map[string]any) { d[key] = r.server.URL + to }
			r.serve[to] = func(w http.ResponseWriter, q *http.Request) { q.URL.Path = from; r.ServeHTTP(w, q) }
			_, err := r.login(t)
			r.judge(t, "", err)
			if r.requests[to] != 1 || r.requests[from] != 1 { // the second is what the first led to
				t.Errorf("requests %v", r.requests)
			}
		}
	}
	rotation := func(announced bool) func(*testing.T) {
		return func(t *testing.T) {
			r := newRig(t, nil)
			_, err := r.login(t)
			r.judge(t, "", err)
			if announced { // old and new are published together before the new one signs
				r.keys = func() []jose.JSONWebKey {
					return []jose.JSONWebKey{jwk(&r.key.PublicKey, evilKid), jwk(&next.PublicKey, "k2")}
				}
			} else {
				r.keys = func() []jose.JSONWebKey { return []jose.JSONWebKey{jwk(&next.PublicKey, "k2")} }
			}
			r.sign = func(p []byte, _ string) string { return r.jws(jose.ES256, next, "k2", p) }
			r.clock.forward(31 * time.Second)
			_, err = r.login(t)
			r.judge(t, "", err)
		}
	}
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	list := []module{
		{"", "code, ID token, user information", code("", nil)},
		{"ClientSecretBasic", "form-encoded before it is put in the header", code("", func(p *login.Profile) { p.AuthMethod = login.SecretBasic })},
		{"IdTokenSigAlgNone", "stricter: an unsigned token is refused, none cannot be configured", code(login.CodeToken, nil, unsigned)},
		{"IdTokenSignedUsingRS256", "accepted where the profile names RS256", code("", rs256, withRSA)},
		{"InvalidIdTokenSignatureWithRS256", "refused", code(login.CodeToken, rs256, withRSA, by(rsaKey(t, 2048), jose.RS256))},
		{"InvalidIdTokenSignatureWithES256", "refused", code(login.CodeToken, nil, by(other, jose.ES256))},
		{"InvalidIdTokenSignatureWithHS256", "refused, as any HS256", code(login.CodeToken, nil, by([]byte(strings.Repeat("k", 32)), jose.HS256))},
		{"InvalidIssuerInIdToken", "refused", code(login.CodeToken, nil, claim("iss", "https://other.example"))},
		{"InvalidAudInIdToken", "refused", code(login.CodeToken, nil, claim("aud", "somebody"))},
		{"MissingAudInIdToken", "refused", code(login.CodeToken, nil, claim("aud", nil))},
		{"MissingIatInIdToken", "refused", code(login.CodeToken, nil, claim("iat", nil))},
		{"MissingSubInIdToken", "refused", code(login.CodeToken, nil, claim("sub", nil))},
		{"InvalidAtHashInIdToken", "refused", code(login.CodeToken, nil, claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"))},
		{"MissingAtHashInIdToken", "accepted: by code the claim is optional, and FranceConnect sends none", code("", nil, claim("at_hash", nil))},
		{"Nonce", "43 characters, new for each login", func(t *testing.T) {
			r := newRig(t, nil)
			had := map[string]bool{}
			for range 3 {
				u, err := url.Parse(r.begin(t, browser{}, "/"))
				if n := u.Query().Get("nonce"); err != nil || len(n) != 43 || had[n] {
					t.Errorf("nonce %q, %v", n, err)
				} else {
					had[n] = true
				}
			}
		}},
		{"NonceInvalid", "refused", code(login.CodeToken, nil, claim("nonce", "x"))},
		{"KidAbsentSingleJwks", "accepted: one key can be meant", code("", nil, noKid)},
		{"KidAbsentMultipleMatchingKeysInJwks", "refused: it does not say which key is meant", code(login.CodeToken, nil, noKid, func(r *rig) {
			r.keys = func() []jose.JSONWebKey {
				return []jose.JSONWebKey{jwk(&r.key.PublicKey, evilKid), jwk(&other.PublicKey, "k2")}
			}
		})},
		{"InvalidSubInUserinfoResponse", "refused", code(login.CodeToken, nil, func(r *rig) { r.userInfo = func(c map[string]any) { c["sub"] = "subject-2" } })},
		{"SignedUserinfo", "verified like an ID token", code("", signed, func(r *rig) { r.signInfo = r.es256 })},
		{"ScopeUserInfoClaims", "the scopes of the profile are asked, the claims come from the user information", func(t *testing.T) {
			r := newRig(t, func(p *login.Profile) { p.Scopes = []string{"openid", "profile"} })
			b := browser{}
			at := r.begin(t, b, "/")
			if !strings.Contains(at, "scope=openid+profile") {
				t.Errorf("asked %s", at)
			}
			id, err := r.finish(b, r.authorize(t, at))
			r.judge(t, "", err)
			if p, err := id.Claims.Person(); err != nil || p.BirthName.Reveal() != "FOUGÈRE" {
				t.Error(err)
			}
		}},
		{"UserinfoBearerHeader", "the access token goes in the header", seen(func(t *testing.T, q *http.Request) {
			if q.Header.Get("Authorization") != "Bearer "+accessToken {
				t.Error("no bearer token in the header")
			}
		})},
		{"UserinfoBearerBody", "not used: the token goes in the header only, never in a body or an address", seen(func(t *testing.T, q *http.Request) {
			if q.Method != http.MethodGet || q.ContentLength > 0 || strings.Contains(q.URL.String(), accessToken) {
				t.Errorf("%s %s", q.Method, q.URL)
			}
		})},
		{"FormPostError", "not used: response_mode is not sent, and an answer by POST is refused", func(t *testing.T) {
			r := newRig(t, nil)
			b := browser{}
			u, err := url.Parse(r.begin(t, b, "/"))
			if err != nil || u.Query().Has("response_mode") {
				t.Errorf("%v %v", u, err)
			}
			form := url.Values{"error": {"access_denied"}, "state": {u.Query().Get("state")}}
			if _, err := r.site.Finish(httptest.NewRecorder(), b.request("POST", r.site.CallbackPath(), form)); carnet.CodeOf(err) != login.CodeMethod {
				t.Error(err)
			}
		}},
		{"MtlsEndpointAliases", "used with tls_client_auth, and held to the hosts of the profile", func(t *testing.T) {
			r, _ := mutualTLS(t)
			_, err := r.login(t)
			r.judge(t, "", err)
		}},
		{"DiscoveryOpenIDConfiguration", "addresses come from the metadata", moved("token_endpoint", "/token", "/elsewhere-token")},
		{"DiscoveryIssuerMismatch", "refused before anything is asked", func(t *testing.T) {
			r := newRig(t, nil)
			r.discovery = func(d map[string]any) { d["issuer"] = r.server.URL + "/" }
			if err := r.site.Begin(httptest.NewRecorder(), browser{}.request("POST", "/connexion", nil)); carnet.CodeOf(err) != login.CodeProviderDown {
				t.Error(err)
			}
		}},
		{"DiscoveryJwksUriKeys", "keys come from jwks_uri", moved("jwks_uri", "/jwks", "/elsewhere-keys")},
		{"SigningKeyRotation", "an unknown key id makes the keys be read again, at most every 30 s", rotation(true)},
		{"SigningKeyRotationJustBeforeSigning", "the same, with a key that replaces the old one", rotation(false)},
		{"RPInitLogout", "id_token_hint, post_logout_redirect_uri and state; the session here ends first", func(t *testing.T) {
			_, u := left(t)
			if q := u.Query(); u.Path != "/end" || q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != "http://localhost:8401/fin" || len(q.Get("state")) != 43 {
				t.Errorf("sent to %s", u.Path)
			}
		}},
		{"RPInitLogoutInvalidState", "nothing hangs on the answer: the session is over before the browser leaves, and a state that comes back opens and ends nothing", func(t *testing.T) {
			r, _ := left(t)
			if _, err := r.current(browser{}); carnet.CodeOf(err) != login.CodeNoSession {
				t.Error(err)
			}
			if _, err := r.finish(browser{}, "/connexion/retour/evil?state="+strings.Repeat("A", 43)); carnet.CodeOf(err) != login.CodeState {
				t.Error(err)
			}
		}},
		{"RPInitLogoutNoState", "the same, without a state", func(t *testing.T) {
			r, _ := left(t)
			if _, err := r.finish(browser{}, "/connexion/retour/evil"); carnet.CodeOf(err) != login.CodeState {
				t.Error(err)
			}
		}},
		{"BackChannelLogout", "gives subject and session", logout("", nil, nil)},
		{"BackChannelLogoutAlgNone", "refused", logout(login.CodeToken, nil, unsigned)},
		{"BackChannelLogoutNoEvent", "refused", logout(login.CodeToken, func(c map[string]any) { delete(c, "events") }, nil)},
		{"BackChannelLogoutWithNonce", "refused", logout(login.CodeToken, set("nonce", "x"), nil)},
		{"BackChannelLogoutWrongAlg", "refused", logout(login.CodeToken, nil, withRSA)},
		{"BackChannelLogoutWrongAud", "refused", logout(login.CodeToken, set("aud", "somebody"), nil)},
		{"BackChannelLogoutWrongEvent", "refused", logout(login.CodeToken, set("events", map[string]any{"urn:other": map[string]any{}}), nil)},
		{"BackChannelLogoutWrongIssuer", "refused", logout(login.CodeToken, set("iss", "https://other.example"), nil)},
	}
	for i := range list {
		list[i].name = "OIDCCClientTest" + list[i].name
	}
	return list
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

const (
	tableBegin = "<!-- relying party: written by go test ./internal/login -run TestConformance -update -->\n"
	tableEnd   = "<!-- end of relying party -->\n"
)

// TestConformance has a test for each module that the specification names (section 10.5), and
// keeps the table of docs/conformance-login.md.
func TestConformance(t *testing.T) {
	ciba, oidc := cibaModules(t), codeModules(t)
	if len(ciba) != 25 || len(oidc) != 41 {
		t.Errorf("%d and %d modules", len(ciba), len(oidc))
	}
	var table strings.Builder
	table.WriteString(tableBegin + "\n| module | what our test of that name does |\n|-|-|\n")
	for _, m := range append(ciba, oidc...) {
		t.Run(m.name, m.run)
		fmt.Fprintf(&table, "| `%s` | %s |\n", m.name, m.note)
	}
	table.WriteString("\n" + tableEnd)
	path := filepath.Join("..", "..", "docs", "conformance-login.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	if want := before + table.String() + after; want != string(text) {
		if !*update {
			t.Errorf("%s is not what the tests say: go test ./internal/login -run TestConformance -update", path)
		} else if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
