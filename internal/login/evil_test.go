package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"

	"github.com/go-jose/go-jose/v4"
)

// evil is a provider that answers as a test wants it to. Without a change every answer is right.
type evil struct {
	server *httptest.Server
	key    *ecdsa.PrivateKey
	clock  *clock
	client string

	mu       sync.Mutex
	codes    map[string]url.Values // code to authorization request
	requests map[string]int        // by path

	// What a test may change.
	discovery func(map[string]any)
	answer    func(url.Values)
	idToken   func(map[string]any)
	userInfo  func(map[string]any)
	sign      func(payload []byte, kid string) string
	signInfo  func(payload []byte, kid string) string
	keys      func() []jose.JSONWebKey
	serve     map[string]http.HandlerFunc
	prove     func(*http.Request) bool          // that it is our client; nil: by its secret
	encrypt   func(token string) string         // what is signed; nil: not at all
	pushed    func(map[string]any)              // answer to a call
	phone     func() (code, description string) // empty code: the professional has approved
	forms     map[string][]url.Values           // received, by path
}

const (
	evilKid     = "k1"
	accessToken = "an-access-token"
)

func newEvil(t testing.TB, c *clock) *evil {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &evil{key: key, clock: c, client: "carnet", codes: map[string]url.Values{}, forms: map[string][]url.Values{}, requests: map[string]int{}, serve: map[string]http.HandlerFunc{}}
	e.reset()
	e.server = httptest.NewServer(e)
	t.Cleanup(e.server.Close)
	return e
}

func (e *evil) reset() {
	e.discovery, e.answer, e.idToken, e.userInfo = func(map[string]any) {}, func(url.Values) {}, func(map[string]any) {}, func(map[string]any) {}
	e.pushed, e.phone = func(map[string]any) {}, func() (string, string) { return "", "" }
	e.sign, e.signInfo = e.es256, nil
	e.keys = func() []jose.JSONWebKey { return []jose.JSONWebKey{jwk(&e.key.PublicKey, evilKid)} }
}

func jwk(key any, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"}
}

func (e *evil) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.requests[r.URL.Path]++
	e.mu.Unlock()
	if h := e.serve[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	reply := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		doc := map[string]any{
			"issuer": e.server.URL, "authorization_endpoint": e.server.URL + "/authorize", "token_endpoint": e.server.URL + "/token",
			"userinfo_endpoint": e.server.URL + "/userinfo", "jwks_uri": e.server.URL + "/jwks", "end_session_endpoint": e.server.URL + "/end?x=1",
			"revocation_endpoint": e.server.URL + "/revoke", "backchannel_authentication_endpoint": e.server.URL + "/push",
			"backchannel_authentication_cancel_endpoint": e.server.URL + "/cancel",
		}
		e.discovery(doc)
		reply(doc)
	case "/jwks":
		reply(jose.JSONWebKeySet{Keys: e.keys()})
	case "/push", "/cancel", "/revoke", "/end":
		e.back(w, r, reply)
	case "/token":
		e.token(w, r, reply)
	case "/userinfo":
		e.info(w, r, reply)
	default:
		http.NotFound(w, r)
	}
}

// authorize plays the browser and the person at the provider: it returns the callback address.
func (e *evil) authorize(t *testing.T, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	code := rand.Text()
	e.mu.Lock()
	e.codes[code] = q
	e.mu.Unlock()
	a := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {e.server.URL}}
	e.answer(a)
	return q.Get("redirect_uri") + "?" + a.Encode()
}

func oauthError(w http.ResponseWriter, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

// client reads a form and reports that it comes from our client.
func (e *evil) form(r *http.Request) bool {
	_ = r.ParseForm()
	e.mu.Lock()
	e.forms[r.URL.Path] = append(e.forms[r.URL.Path], r.PostForm)
	e.mu.Unlock()
	if e.prove != nil {
		return e.prove(r)
	}
	id, secret, ok := r.BasicAuth()
	if ok { // form-encoded before it is put in the header (RFC 6749, section 2.3.1)
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	return id == e.client && secret == clientSecret
}

// back takes what our server posts beside the token endpoint.
func (e *evil) back(w http.ResponseWriter, r *http.Request, reply func(any)) {
	if !e.form(r) {
		oauthError(w, "invalid_client", "")
		return
	}
	if r.URL.Path != "/push" {
		return
	}
	answer := map[string]any{"auth_req_id": requestID, "expires_in": 120, "interval": 5}
	e.pushed(answer)
	if code, ok := answer["error"].(string); ok {
		oauthError(w, code, "")
		return
	}
	reply(answer)
}

const (
	requestID = "a-request-id-of-128-bits"
	number    = "899700000112" // SubjectNameID of whoever answers
)

func (e *evil) token(w http.ResponseWriter, r *http.Request, reply func(any)) {
	fail := func(code string) { oauthError(w, code, "") }
	if !e.form(r) {
		fail("invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") == "urn:openid:params:grant-type:ciba" {
		if code, description := e.phone(); code != "" {
			oauthError(w, code, description)
			return
		}
		if r.PostForm.Get("auth_req_id") != requestID {
			fail("invalid_grant")
			return
		}
		e.tokens(reply, "")
		return
	}
	e.mu.Lock()
	q, ok := e.codes[r.PostForm.Get("code")]
	delete(e.codes, r.PostForm.Get("code"))
	e.mu.Unlock()
	if !ok || r.PostForm.Get("redirect_uri") != q.Get("redirect_uri") {
		fail("invalid_grant")
		return
	}
	if challenge := q.Get("code_challenge"); challenge != "" {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if q.Get("code_challenge_method") != "S256" || base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
			fail("invalid_grant")
			return
		}
	}
	e.tokens(reply, q.Get("nonce"))
}

func (e *evil) tokens(reply func(any), nonce string) {
	now := e.clock.now()
	claims := map[string]any{
		"iss": e.server.URL, "sub": "subject-1", "aud": e.client, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
		"auth_time": now.Unix(), "acr": "eidas1",
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	e.idToken(claims)
	payload, _ := json.Marshal(claims)
	token := e.sign(payload, evilKid)
	if e.encrypt != nil {
		token = e.encrypt(token)
	}
	reply(map[string]any{"access_token": accessToken, "token_type": "Bearer", "expires_in": 60, "refresh_token": "not-asked", "id_token": token})
}

func (e *evil) info(w http.ResponseWriter, r *http.Request, reply func(any)) {
	if r.Header.Get("Authorization") != "Bearer "+accessToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := map[string]any{"sub": "subject-1", "given_name": "Camille", "family_name": "FOUGÈRE", "birthdate": "1985-05-12", "gender": "female", "birthplace": "00999", "birthcountry": "99100",
		"SubjectNameID": number, "siret": "12345678901234"}
	if e.signInfo == nil {
		e.userInfo(claims)
		reply(claims)
		return
	}
	maps.Copy(claims, map[string]any{"iss": e.server.URL, "aud": e.client, "exp": e.clock.now().Add(time.Minute).Unix(), "iat": e.clock.now().Unix()})
	e.userInfo(claims)
	payload, _ := json.Marshal(claims)
	token := e.signInfo(payload, evilKid)
	if e.encrypt != nil {
		token = e.encrypt(token)
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(token))
}

func (e *evil) jws(alg jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	o := &jose.SignerOptions{}
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		panic(err)
	}
	j, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := j.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func (e *evil) es256(payload []byte, kid string) string {
	return e.jws(jose.ES256, e.key, kid, payload)
}

// publicPEM is what an attacker would take for an HMAC key.
func (e *evil) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&e.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

const clientSecret = "s3cret with/odd+characters&=%"

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 21, 9, 30, 0, 500_000_000, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is a site in front of an evil provider.
type rig struct {
	*evil
	clock *clock
	store *logintest.Memory
	site  *login.Site

	provider *login.Provider // of the site that was made last
}

func (e *evil) profile(t testing.TB) login.Profile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(clientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return login.Profile{
		Name: "evil", DiscoveryURL: e.server.URL + "/.well-known/openid-configuration", Issuer: e.server.URL, ClientID: e.client,
		SecretFile: file, AuthMethod: login.SecretBasic, Scopes: []string{"openid"}, PKCE: true, ACRRequest: []string{"eidas1"},
		ACRMin: "eidas1", AuthTime: true, UserInfo: login.UserInfoRaw, RequireIss: true,
	}
}

func newRig(t *testing.T, change func(*login.Profile)) *rig {
	t.Helper()
	c := newClock()
	r := &rig{evil: newEvil(t, c), clock: c, store: logintest.NewMemory()}
	p := r.profile(t)
	if change != nil {
		change(&p)
	}
	r.site = r.newSite(t, "pro", p)
	return r
}

func (r *rig) newSite(t *testing.T, name string, p login.Profile) *login.Site {
	t.Helper()
	provider, err := login.NewProvider(p, r.clock.now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.provider = provider
	s, err := login.NewSite(login.SiteConfig{
		Name: name, Origin: "http://localhost:8401", Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute, SignedOut: "/fin",
	}, provider, r.store, logintest.Guard(t, r.clock.now), r.clock.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// browser holds the cookies of a browser, as it would for http://localhost.
type browser map[string]string

func (b browser) request(method, target string, form url.Values) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (b browser) keep(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b, c.Name)
		} else {
			b[c.Name] = c.Value
		}
	}
}

func (r *rig) begin(t *testing.T, b browser, returnTo string) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := r.site.Begin(w, b.request("POST", "/connexion", url.Values{login.FieldReturn: {returnTo}})); err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("status %d", w.Code)
	}
	return w.Header().Get("Location")
}

func (r *rig) finish(b browser, callback string) (login.Identity, error) {
	w := httptest.NewRecorder()
	id, err := r.site.Finish(w, b.request("GET", callback, nil))
	b.keep(w)
	return id, err
}

// login goes all the way.
func (r *rig) login(t *testing.T) (login.Identity, error) {
	t.Helper()
	b := browser{}
	return r.finish(b, r.authorize(t, r.begin(t, b, "/")))
}

func TestRightAnswersAreAccepted(t *testing.T) {
	for name, change := range map[string]func(*login.Profile, *rig){
		"basic, PKCE, plain user information": nil,
		"post, no PKCE, signed user information": func(p *login.Profile, r *rig) {
			p.AuthMethod, p.PKCE, p.UserInfo = login.SecretPost, false, login.UserInfoJWT
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(p *login.Profile) {
				if change != nil {
					change(p, nil)
				}
			})
			if change != nil {
				r.signInfo = r.es256
			}
			id, err := r.login(t)
			if err != nil {
				t.Fatal(err)
			}
			if id.Subject.Reveal() != "subject-1" || id.Issuer != r.server.URL || id.Provider != "evil" || id.ACR != "eidas1" || id.AuthTime.Unix() != r.clock.now().Unix() {
				t.Errorf("identity %+v", id)
			}
			if p, err := id.Claims.Person(); err != nil || p.BirthName.Reveal() != "FOUGÈRE" {
				t.Errorf("claims: %v", err)
			}
			if s := fmt.Sprintf("%v %+v %#v", id, id, id); strings.Contains(s, "subject-1") || strings.Contains(s, "Camille") || strings.Contains(s, "eyJ") {
				t.Errorf("an identity shows itself: %s", s)
			}
		})
	}
}

// TestEvilProvider is the table of the specification, section 10.4, as far as the code flow goes.
// evilAnswer is one thing that a provider may answer, by code or to a call.
type evilAnswer struct {
	name    string
	profile func(*login.Profile)
	evil    func(*rig)
	want    string // code of the refusal; empty when it is to be accepted
}

func evilAnswers(t *testing.T) []evilAnswer {
	week := 7 * 24 * time.Hour
	set := func(name string, v any) func(*rig) {
		return func(r *rig) { r.idToken = func(c map[string]any) { c[name] = v } }
	}
	drop := func(name string) func(*rig) {
		return func(r *rig) { r.idToken = func(c map[string]any) { delete(c, name) } }
	}
	at := func(name string, d time.Duration) func(*rig) {
		return func(r *rig) { r.idToken = func(c map[string]any) { c[name] = r.clock.now().Add(d).Unix() } }
	}
	info := func(change func(*rig, map[string]any)) func(*rig) {
		return func(r *rig) { r.userInfo = func(c map[string]any) { change(r, c) } }
	}
	answer := func(name string, v ...string) func(*rig) {
		return func(r *rig) { r.answer = func(q url.Values) { q[name] = v } }
	}
	path := func(p string, h http.HandlerFunc) func(*rig) { return func(r *rig) { r.serve[p] = h } }
	huge := func(media string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			fmt.Fprintf(w, `{"access_token":"x","token_type":"Bearer","sub":"subject-1","pad":"%s"}`, strings.Repeat("a", 2<<20))
		}
	}
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	return []evilAnswer{
		{"iss wrong", nil, set("iss", "https://other.example"), login.CodeToken},
		{"iss missing", nil, drop("iss"), login.CodeToken},
		{"aud wrong", nil, set("aud", "somebody"), login.CodeToken},
		{"aud missing", nil, drop("aud"), login.CodeToken},
		{"aud array with Carnet (ok)", nil, set("aud", []string{"carnet"}), ""},
		{"aud with an untrusted extra", nil, set("aud", []string{"carnet", "somebody"}), login.CodeToken},
		{"azp wrong", nil, set("azp", "somebody"), login.CodeToken},
		{"azp right (ok)", nil, set("azp", "carnet"), ""},
		{"exp past", nil, at("exp", -time.Minute), login.CodeToken},
		{"exp past within the skew (ok)", nil, at("exp", -5*time.Second), ""},
		{"exp missing", nil, drop("exp"), login.CodeToken},
		{"iat missing", nil, drop("iat"), login.CodeToken},
		{"iat a week old", nil, at("iat", -week), login.CodeToken},
		{"iat in the future", nil, at("iat", time.Minute), login.CodeToken},
		{"nbf in the future", nil, at("nbf", time.Minute), login.CodeToken},
		{"nonce missing", nil, drop("nonce"), login.CodeToken},
		{"nonce wrong", nil, set("nonce", "x"), login.CodeToken},
		{"nonce empty", nil, set("nonce", ""), login.CodeToken},
		{"sub missing", nil, drop("sub"), login.CodeToken},
		{"sub too long", nil, set("sub", strings.Repeat("a", 256)), login.CodeToken},
		{"sub a number", nil, set("sub", 7), login.CodeToken},
		{"userinfo sub differs", nil, info(func(_ *rig, c map[string]any) { c["sub"] = "subject-2" }), login.CodeToken},
		{"userinfo sub missing", nil, info(func(_ *rig, c map[string]any) { delete(c, "sub") }), login.CodeToken},
		{"alg none", nil, func(r *rig) {
			r.sign = func(p []byte, _ string) string {
				b := base64.RawURLEncoding
				return b.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + b.EncodeToString(p) + "."
			}
		}, login.CodeToken},
		{"HS256 with the public key", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string { return r.jws(jose.HS256, r.publicPEM(), kid, p) }
		}, login.CodeToken},
		{"HS256 with the secret", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string {
				return r.jws(jose.HS256, []byte(clientSecret+strings.Repeat(" ", 32)), kid, p)
			}
		}, login.CodeToken},
		{"RS256 where ES256 is registered", nil, func(r *rig) {
			r.keys = func() []jose.JSONWebKey { return []jose.JSONWebKey{jwk(&rsaKey.PublicKey, evilKid)} }
			r.sign = func(p []byte, kid string) string { return r.jws(jose.RS256, rsaKey, kid, p) }
		}, login.CodeToken},
		{"RS256 where it is registered (ok)", func(p *login.Profile) { p.IDTokenAlgs = []string{"RS256"} }, func(r *rig) {
			r.keys = func() []jose.JSONWebKey { return []jose.JSONWebKey{jwk(&rsaKey.PublicKey, evilKid)} }
			r.sign = func(p []byte, kid string) string { return r.jws(jose.RS256, rsaKey, kid, p) }
		}, ""},
		{"bad signature", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string { return r.jws(jose.ES256, other, kid, p) }
		}, login.CodeToken},
		{"payload changed after signing", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string {
				parts := strings.Split(r.es256(p, kid), ".")
				parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(p), "subject-1", "subject-9", 1)))
				return strings.Join(parts, ".")
			}
		}, login.CodeToken},
		{"unknown kid", nil, func(r *rig) { r.sign = func(p []byte, _ string) string { return r.es256(p, "k9") } }, login.CodeToken},
		{"kid absent, one key (ok)", nil, func(r *rig) { r.sign = func(p []byte, _ string) string { return r.es256(p, "") } }, ""},
		{"kid absent, several keys", nil, func(r *rig) {
			r.keys = func() []jose.JSONWebKey {
				return []jose.JSONWebKey{jwk(&r.key.PublicKey, evilKid), jwk(&other.PublicKey, "k2")}
			}
			r.sign = func(p []byte, _ string) string { return r.es256(p, "") }
		}, login.CodeToken},
		{"key meant for encryption", nil, func(r *rig) {
			r.keys = func() []jose.JSONWebKey {
				return []jose.JSONWebKey{{Key: &r.key.PublicKey, KeyID: evilKid, Use: "enc"}}
			}
		}, login.CodeToken},
		{"at_hash wrong", nil, set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), login.CodeToken},
		{"at_hash right (ok)", nil, set("at_hash", atHash(accessToken)), ""},
		{"acr lower", func(p *login.Profile) { p.ACRMin = "eidas2" }, nil, login.CodeLevel},
		{"acr higher (ok)", func(p *login.Profile) { p.ACRMin = "eidas2" }, set("acr", "eidas3"), ""},
		{"acr missing", nil, drop("acr"), login.CodeLevel},
		{"acr unknown", nil, set("acr", "gold"), login.CodeLevel},
		{"auth_time before the request", nil, at("auth_time", -time.Hour), login.CodeStale},
		{"auth_time missing", nil, drop("auth_time"), login.CodeStale},
		{"auth_time missing, not required (ok)", func(p *login.Profile) { p.AuthTime = false }, drop("auth_time"), ""},
		{"auth_time in the future", nil, at("auth_time", time.Hour), login.CodeToken},
		{"JWE where a JWS is due", nil, func(r *rig) { r.sign = func([]byte, string) string { return "a.b.c.d.e" } }, login.CodeToken},
		{"two signatures", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string {
				parts := strings.Split(r.es256(p, kid), ".")
				one := map[string]string{"protected": parts[0], "signature": parts[2]}
				j, _ := json.Marshal(map[string]any{"payload": parts[1], "signatures": []any{one, one}})
				return string(j)
			}
		}, login.CodeToken},
		{"one signature, not compact", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string {
				parts := strings.Split(r.es256(p, kid), ".")
				j, _ := json.Marshal(map[string]string{"payload": parts[1], "protected": parts[0], "signature": parts[2]})
				return string(j)
			}
		}, login.CodeToken},
		{"amr needed and used (ok)", func(p *login.Profile) { p.AMRNeed = []string{"mfa"} }, set("amr", []string{"pwd", "mfa"}), ""},
		{"amr needed and missing", func(p *login.Profile) { p.AMRNeed = []string{"mfa"} }, set("amr", []string{"pwd"}), login.CodeLevel},
		{"amr of another type, needed", func(p *login.Profile) { p.AMRNeed = []string{"mfa"} }, set("amr", "mfa"), login.CodeLevel},
		{"amr of another type, not needed (ok)", nil, set("amr", 7), ""},
		{"acr in the set (ok)", acrSet, set("acr", "eidas1-mfa"), ""},
		{"acr outside the set", acrSet, set("acr", "eidas1"), login.CodeLevel},
		{"acr missing, a set is asked", acrSet, drop("acr"), login.CodeLevel},
		{"organisation listed (ok)", func(p *login.Profile) { p.SIRET = []string{"12345678901234"} }, nil, ""},
		{"organisation not listed", func(p *login.Profile) { p.SIRET = []string{"99999999999999"} }, nil, login.CodeOrganisation},
		{"organisation missing", func(p *login.Profile) { p.SIRET = []string{"12345678901234"} }, info(func(_ *rig, c map[string]any) { delete(c, "siret") }), login.CodeOrganisation},
		{"no ID token", nil, func(r *rig) { r.sign = func([]byte, string) string { return "" } }, login.CodeToken},
		{"huge ID token", nil, func(r *rig) { r.sign = func([]byte, string) string { return strings.Repeat("a", 100<<10) } }, login.CodeToken},
		{"JSON userinfo where a JWT is due", func(p *login.Profile) { p.UserInfo = login.UserInfoJWT }, nil, login.CodeToken},
		{"JWT userinfo where JSON is due", nil, func(r *rig) { r.signInfo = r.es256 }, login.CodeToken},
		{"userinfo JWT badly signed", signed, func(r *rig) {
			r.signInfo = func(p []byte, kid string) string { return r.jws(jose.ES256, other, kid, p) }
		}, login.CodeToken},
		{"userinfo JWT of another issuer", signed, infoClaim("iss", "https://other.example"), login.CodeToken},
		{"userinfo JWT for somebody else", signed, infoClaim("aud", "somebody"), login.CodeToken},
		{"userinfo JWT expired", signed, infoClaim("exp", 1), login.CodeToken},
		{"userinfo JWT sub differs", signed, infoClaim("sub", "subject-2"), login.CodeToken},
		{"userinfo not JSON", nil, path("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "[")
		}), login.CodeToken},
		{"userinfo fails", nil, path("/userinfo", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), login.CodeProviderDown},
		{"response iss wrong", nil, answer("iss", "https://other.example"), login.CodeIssuer},
		{"response iss missing", nil, answer("iss"), login.CodeIssuer},
		{"response iss missing, announced by discovery", func(p *login.Profile) { p.RequireIss = false }, func(r *rig) {
			r.answer = func(q url.Values) { q.Del("iss") }
			r.discovery = func(d map[string]any) { d["authorization_response_iss_parameter_supported"] = true }
		}, login.CodeIssuer},
		{"response iss missing, not required (ok)", func(p *login.Profile) { p.RequireIss = false }, answer("iss"), ""},
		{"response iss wrong, not required", func(p *login.Profile) { p.RequireIss = false }, answer("iss", "x"), login.CodeIssuer},
		{"state wrong", nil, answer("state", strings.Repeat("A", 43)), login.CodeState},
		{"state missing", nil, answer("state"), login.CodeState},
		{"state twice", nil, answer("state", "a", "b"), login.CodeState},
		{"code twice", nil, answer("code", "a", "b"), login.CodeState},
		{"code missing", nil, answer("code"), login.CodeRefused},
		{"code of somebody else", nil, answer("code", "x"), login.CodeRefused},
		{"code replay", nil, func(r *rig) {
			b := browser{}
			callback := r.authorize(t, r.begin(t, b, "/"))
			if _, err := r.finish(b, callback); err != nil {
				t.Fatal(err)
			}
			used, err := url.Parse(callback)
			if err != nil {
				t.Fatal(err)
			}
			r.answer = func(q url.Values) { q.Set("code", used.Query().Get("code")) }
		}, login.CodeRefused},
		{"the person refuses", nil, answer("error", "access_denied"), login.CodeDenied},
		{"the provider fails", nil, answer("error", "server_error"), login.CodeProviderDown},
		{"the provider is busy", nil, answer("error", "temporarily_unavailable"), login.CodeProviderDown},
		{"another error", nil, answer("error", "invalid_acr"), login.CodeRefused},
		{"an error of another provider", nil, func(r *rig) {
			r.answer = func(q url.Values) { q.Set("error", "access_denied"); q.Set("iss", "x") }
		}, login.CodeIssuer},
		{"redirecting token endpoint", nil, path("/token", redirect), login.CodeProviderDown},
		{"redirecting userinfo", nil, path("/userinfo", redirect), login.CodeProviderDown},
		{"redirecting keys", nil, path("/jwks", redirect), login.CodeProviderDown},
		{"oversized token answer", nil, path("/token", huge("application/json")), login.CodeProviderDown},
		{"oversized userinfo", nil, path("/userinfo", huge("application/json")), login.CodeProviderDown},
		{"oversized keys", nil, path("/jwks", huge("application/json")), login.CodeProviderDown},
		{"token endpoint fails", nil, path("/token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), login.CodeProviderDown},
		{"token answer not JSON", nil, path("/token", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }), login.CodeProviderDown},
		{"token of another type", nil, path("/token", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"x","token_type":"mac"}`)
		}), login.CodeToken},
	}
}

// judge compares how a login ended with how it had to.
func (r *rig) judge(t *testing.T, want string, err error) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Error("accepted")
	case want != "" && carnet.CodeOf(err) != want:
		t.Errorf("refused with %s, want %s: %v", carnet.CodeOf(err), want, err)
	}
	if err != nil && (strings.Contains(err.Error(), accessToken) || strings.Contains(err.Error(), "eyJ") || strings.Contains(err.Error(), "Camille") ||
		strings.Contains(err.Error(), number) || strings.Contains(err.Error(), requestID)) {
		t.Errorf("the error quotes a token or a claim: %v", err)
	}
	if r.requests["/elsewhere"] > 0 {
		t.Error("a redirect was followed")
	}
}

func TestEvilProvider(t *testing.T) {
	for _, tt := range evilAnswers(t) {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.profile)
			if tt.evil != nil {
				tt.evil(r)
			}
			_, err := r.login(t)
			r.judge(t, tt.want, err)
		})
	}
}

func acrSet(p *login.Profile) { p.ACRMin, p.ACRAccept = "", []string{"eidas0-mfa", "eidas1-mfa"} }

func signed(p *login.Profile) { p.UserInfo = login.UserInfoJWT }

func infoClaim(name string, v any) func(*rig) {
	return func(r *rig) {
		r.signInfo = r.es256
		r.userInfo = func(c map[string]any) { c[name] = v }
	}
}

func atHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:crypto.SHA256.Size()/2])
}

func TestEvilDiscovery(t *testing.T) {
	for name, evil := range map[string]func(*rig){
		"issuer mismatch": func(r *rig) { r.discovery = func(d map[string]any) { d["issuer"] = r.server.URL + "/" } },
		"issuer missing":  func(r *rig) { r.discovery = func(d map[string]any) { delete(d, "issuer") } },
		"host not listed": func(r *rig) {
			r.discovery = func(d map[string]any) { d["token_endpoint"] = "https://other.example/token" }
		},
		"a sandbox that was not asked for": func(r *rig) { r.discovery = func(d map[string]any) { d["carnet_sandbox"] = true } },
		"endpoint not https":               func(r *rig) { r.discovery = func(d map[string]any) { d["jwks_uri"] = "http://other.example/jwks" } },
		"endpoint missing":                 func(r *rig) { r.discovery = func(d map[string]any) { delete(d, "userinfo_endpoint") } },
		"logout host not ours": func(r *rig) {
			r.discovery = func(d map[string]any) { d["end_session_endpoint"] = "https://other.example/" }
		},
		"not JSON": func(r *rig) {
			r.serve["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<") }
		},
		"not found": func(r *rig) { r.serve["/.well-known/openid-configuration"] = http.NotFound },
		"redirects": func(r *rig) {
			r.serve["/.well-known/openid-configuration"] = func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, "/jwks", http.StatusFound) }
		},
		"does not answer at all": func(r *rig) { r.server.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			evil(r)
			w := httptest.NewRecorder()
			err := r.site.Begin(w, browser{}.request("POST", "/connexion", nil))
			if carnet.CodeOf(err) != login.CodeProviderDown || carnet.KindOf(err) != carnet.Unavailable {
				t.Fatalf("got %v", err)
			}
			if len(w.Result().Cookies()) > 0 || w.Body.Len() > 0 {
				t.Error("something was answered")
			}
		})
	}
}

func TestKeysAreFetchedAgainButNotTooOften(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.login(t); err != nil {
		t.Fatal(err)
	}
	next, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r.keys = func() []jose.JSONWebKey {
		return []jose.JSONWebKey{jwk(&r.key.PublicKey, evilKid), jwk(&next.PublicKey, "k2")}
	}
	r.sign = func(p []byte, _ string) string { return r.jws(jose.ES256, next, "k2", p) }
	for range 5 {
		if _, err := r.login(t); carnet.CodeOf(err) != login.CodeToken {
			t.Fatalf("within 30 s of the first fetch: %v", err)
		}
	}
	if n := r.requests["/jwks"]; n != 1 {
		t.Errorf("%d fetches within 30 s", n)
	}
	r.clock.forward(31 * time.Second)
	if _, err := r.login(t); err != nil {
		t.Errorf("key rotated: %v", err)
	}
	if n := r.requests["/jwks"]; n != 2 {
		t.Errorf("%d fetches", n)
	}
}

func TestMetadataIsKeptForAnHourAndFailuresForASecondOrTwo(t *testing.T) {
	const doc = "/.well-known/openid-configuration"
	r := newRig(t, nil)
	for range 3 {
		if _, err := r.login(t); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.requests[doc]; n != 1 {
		t.Errorf("%d fetches", n)
	}
	r.clock.forward(time.Hour)
	r.serve[doc] = http.NotFound
	for range 3 {
		if err := r.site.Begin(httptest.NewRecorder(), browser{}.request("POST", "/", nil)); carnet.CodeOf(err) != login.CodeProviderDown {
			t.Error(err)
		}
	}
	if n := r.requests[doc]; n != 2 {
		t.Errorf("%d fetches of a provider that fails", n)
	}
	delete(r.serve, doc)
	r.clock.forward(6 * time.Second)
	if _, err := r.login(t); err != nil {
		t.Error(err)
	}
}
