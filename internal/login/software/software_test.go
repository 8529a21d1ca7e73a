package software_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/login/limit"
	"carnet/internal/login/logintest"
	"carnet/internal/login/software"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/store/sqlite"
)

const (
	issuer = "https://api.example"
	number = "899700218896" // fictitious
	place  = "990000011"
)

var (
	nurse    = carnet.DerivedID(make([]byte, 16))
	operator = protect.Actor{Role: protect.System}
	start    = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

// directory knows one professional in one place.
type directory struct{}

func (directory) Exercises(_ context.Context, actor protect.Actor, n carnet.Private, at string) (carnet.ID, error) {
	if actor.Role != protect.BusinessSoftware || actor.Delegate.IsZero() {
		return carnet.ID{}, errors.New("the directory is asked by somebody else")
	}
	if n.Reveal() != number || at != place {
		return carnet.ID{}, carnet.E("test", carnet.NotFound, "professional.unknown", nil)
	}
	return nurse, nil
}

type world struct {
	*software.Service
	db     *sqlite.DB
	file   string
	client software.Client
	key    *ecdsa.PrivateKey // of the client
	proof  *ecdsa.PrivateKey
	mu     sync.Mutex
	at     time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ring, err := keyring.Open(t.TempDir(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{at: start, file: filepath.Join(t.TempDir(), "carnet.db"), key: newKey(t, elliptic.P256()), proof: newKey(t, elliptic.P256())}
	ids := carnet.IDs{Clock: w.now, Rand: rand.Reader}
	w.db, err = sqlite.Open(t.Context(), w.file, ring, ids,
		sqlite.Migrations{Room: "journal", FS: journal.Migrations}, sqlite.Migrations{Room: "login", FS: login.Migrations})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	w.Service = software.New(software.Config{Issuer: issuer, Limits: limit.Defaults(), Client: http.DefaultClient}, w.db.Software(), logintest.Guard(t, w.now), directory{}, ids)
	w.client, err = w.Add(t.Context(), operator, software.Registration{Name: "Logiciel du Tilleul", Places: []string{place, "990000029"},
		Scopes: software.AllScopes, Keys: setOf(&w.key.PublicKey, "a")})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func setOf(key any, kid string) jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: kid}}}
}

type claims map[string]any

// with returns the claims with others in their place; nil takes one away.
func (c claims) with(other claims) claims {
	out := maps.Clone(c)
	for k, v := range other {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any, c claims) string {
	t.Helper()
	o := &jose.SignerOptions{ExtraHeaders: headers}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func jti() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (w *world) assertion() claims {
	id, now := w.client.ID.String(), w.now().Unix()
	return claims{"iss": id, "sub": id, "aud": issuer + software.TokenPath, "exp": now + 60, "iat": now, "jti": jti()}
}

func (w *world) signed(t testing.TB, c claims) string {
	return sign(t, jose.ES256, w.key, map[jose.HeaderKey]any{"kid": "a"}, c)
}

func (w *world) form(t testing.TB) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Immunization.crus system/Patient.s"}, "professional": {number}, "place": {place},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {w.signed(t, w.assertion())}}
}

// dpop is a proof of a request; token is empty at the token endpoint.
func (w *world) dpop(t testing.TB, method, path, token string, other claims) string {
	c := claims{"jti": jti(), "htm": method, "htu": issuer + path, "iat": w.now().Unix(), "nonce": w.Nonce()}
	if token != "" {
		hash := sha256.Sum256([]byte(token))
		c["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	return sign(t, jose.ES256, w.proof, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: &w.proof.PublicKey}}, c.with(other))
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (w *world) post(t testing.TB, form url.Values, change func(*http.Request)) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, software.TokenPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	w.ServeToken(rec, r)
	a := answer{status: rec.Code, header: rec.Header()}
	if err := json.Unmarshal(rec.Body.Bytes(), &a.body); err != nil {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return a
}

func (w *world) proving(t testing.TB, other claims) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("DPoP", w.dpop(t, http.MethodPost, software.TokenPath, "", other)) }
}

// token gets one.
func (w *world) token(t testing.TB) string {
	t.Helper()
	a := w.post(t, w.form(t), w.proving(t, nil))
	if a.status != http.StatusOK {
		t.Fatalf("%d %v", a.status, a.body)
	}
	return a.body["access_token"].(string)
}

func (w *world) request(t testing.TB, token string, other claims) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/fhir/Immunization/1?x=y", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", w.dpop(t, http.MethodGet, "/fhir/Immunization/1", token, other))
	return r
}

func code(err error) string {
	if f, ok := errors.AsType[*software.Failure](err); ok {
		return f.Code
	}
	return ""
}

func TestTokenOfProof(t *testing.T) {
	w := newWorld(t)
	a := w.post(t, w.form(t), w.proving(t, nil))
	if a.status != 200 || a.body["token_type"] != "DPoP" || a.body["expires_in"] != 300.0 || a.body["scope"] != "system/Immunization.crus system/Patient.s" {
		t.Fatalf("%d %v", a.status, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("DPoP-Nonce") != w.Nonce() {
		t.Errorf("headers: %v", a.header)
	}
	token := a.body["access_token"].(string)
	g, err := w.Authenticate(w.request(t, token, nil))
	if err != nil {
		t.Fatal(err)
	}
	actor := g.Actor()
	if actor.ID != nurse || actor.Delegate != w.client.ID || actor.Role != protect.BusinessSoftware || actor.Organisation != place || actor.Session.IsZero() {
		t.Errorf("actor: %+v", actor)
	}
	if g.May("Immunization", 'c') != nil || code(g.May("Immunization", 'd')) != software.CodeGranted || code(g.May("Patient", 'r')) != software.CodeGranted {
		t.Error("the scopes are not those that were asked")
	}
	w.wait(software.Life)
	if _, err := w.Authenticate(w.request(t, token, nil)); code(err) != software.CodeToken {
		t.Errorf("after its life: %v", err)
	}
}

func TestTokenOfCertificate(t *testing.T) {
	w := newWorld(t)
	with := func(raw string) func(*http.Request) {
		return func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte(raw)}}}
		}
	}
	a := w.post(t, w.form(t), with("mine"))
	if a.status != 200 || a.body["token_type"] != "Bearer" {
		t.Fatalf("%d %v", a.status, a.body)
	}
	for raw, want := range map[string]string{"mine": "", "theirs": software.CodeHolder} {
		r := httptest.NewRequest(http.MethodGet, "/fhir/metadata", nil)
		r.Header.Set("Authorization", "Bearer "+a.body["access_token"].(string))
		with(raw)(r)
		if _, err := w.Authenticate(r); code(err) != want {
			t.Errorf("certificate %s: %v", raw, err)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/fhir/metadata", nil)
	r.Header.Set("Authorization", "Bearer "+a.body["access_token"].(string))
	if _, err := w.Authenticate(r); code(err) != software.CodeHolder {
		t.Errorf("without a certificate: %v", err)
	}
}

// TestTokenRefused is the negative list of the token endpoint.
func TestTokenRefused(t *testing.T) {
	w := newWorld(t)
	other := newKey(t, elliptic.P256())
	p384 := newKey(t, elliptic.P384())
	replayed := w.assertion()
	if a := w.post(t, url.Values(formWith(w.form(t), "client_assertion", w.signed(t, replayed))), w.proving(t, nil)); a.status != 200 {
		t.Fatal(a.body)
	}
	usedProof := w.dpop(t, http.MethodPost, software.TokenPath, "", nil)
	if a := w.post(t, w.form(t), func(r *http.Request) { r.Header.Set("DPoP", usedProof) }); a.status != 200 {
		t.Fatal(a.body)
	}
	revoked, err := w.Add(t.Context(), operator, software.Registration{Name: "Ancien", Places: []string{place}, Scopes: software.AllScopes, Keys: setOf(&w.key.PublicKey, "a")})
	if err == nil {
		err = w.Revoke(t.Context(), operator, revoked.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	now := w.now().Unix()
	assert := func(c claims) url.Values { return url.Values{"client_assertion": {w.signed(t, w.assertion().with(c))}} }
	raw := func(s string) url.Values { return url.Values{"client_assertion": {s}} }
	none := func(alg string) string {
		e := base64.RawURLEncoding.EncodeToString
		text, _ := json.Marshal(w.assertion())
		return e([]byte(`{"alg":"`+alg+`","kid":"a"}`)) + "." + e(text) + "."
	}
	public, err := x509.MarshalPKIXPublicKey(&w.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		form   url.Values // replaced
		proof  claims
		change func(*http.Request)
		status int
		code   string
	}{
		"another grant":             {form: url.Values{"grant_type": {"authorization_code"}}, status: 400, code: software.CodeGrantType},
		"no grant":                  {form: url.Values{"grant_type": nil}, status: 400, code: software.CodeGrantType},
		"no assertion":              {form: url.Values{"client_assertion": nil}, status: 401, code: software.CodeMethod},
		"another type of assertion": {form: url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}}, status: 401, code: software.CodeMethod},
		"a secret too":              {form: url.Values{"client_secret": {"x"}}, status: 401, code: software.CodeMethod},
		"basic authentication too":  {change: func(r *http.Request) { r.SetBasicAuth("a", "b") }, status: 401, code: software.CodeMethod},
		"not a form":                {change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, status: 400, code: software.CodeRequest},
		"parameters in the address": {change: func(r *http.Request) { r.URL.RawQuery = "scope=x" }, status: 400, code: software.CodeRequest},
		"a parameter twice":         {form: url.Values{"scope": {"system/Patient.s", "system/Patient.s"}}, status: 400, code: software.CodeRequest},
		"a long form":               {form: url.Values{"x": {strings.Repeat("x", 40<<10)}}, status: 400, code: software.CodeRequest},

		"alg none":                          {form: raw(none("none")), status: 401, code: software.CodeAssertion},
		"HS256 with the public key":         {form: raw(sign(t, jose.HS256, public, map[jose.HeaderKey]any{"kid": "a"}, w.assertion())), status: 401, code: software.CodeAssertion},
		"another key":                       {form: raw(sign(t, jose.ES256, other, map[jose.HeaderKey]any{"kid": "a"}, w.assertion())), status: 401, code: software.CodeAssertion},
		"another algorithm than the key's":  {form: raw(sign(t, jose.ES384, p384, map[jose.HeaderKey]any{"kid": "a"}, w.assertion())), status: 401, code: software.CodeAssertion},
		"an unknown key id":                 {form: raw(sign(t, jose.ES256, w.key, map[jose.HeaderKey]any{"kid": "b"}, w.assertion())), status: 401, code: software.CodeClient},
		"no key id":                         {form: raw(sign(t, jose.ES256, w.key, nil, w.assertion())), status: 401, code: software.CodeClient},
		"an altered payload":                {form: raw(alter(w.signed(t, w.assertion()))), status: 401, code: software.CodeAssertion},
		"not a token":                       {form: raw("a.b.c"), status: 401, code: software.CodeAssertion},
		"an encrypted token":                {form: raw("a.b.c.d.e"), status: 401, code: software.CodeAssertion},
		"a long token":                      {form: raw(w.signed(t, w.assertion().with(claims{"x": strings.Repeat("x", 9<<10)}))), status: 401, code: software.CodeAssertion},
		"an unknown critical header":        {form: raw(sign(t, jose.ES256, w.key, map[jose.HeaderKey]any{"kid": "a", "crit": []string{"x"}, "x": 1}, w.assertion())), status: 401, code: software.CodeAssertion},
		"the key in the token":              {form: raw(sign(t, jose.ES256, other, map[jose.HeaderKey]any{"kid": "a", "jwk": jose.JSONWebKey{Key: &other.PublicKey}}, w.assertion())), status: 401, code: software.CodeAssertion},
		"claims of other types":             {form: assert(claims{"jti": 5}), status: 401, code: software.CodeAssertion},
		"nobody's id":                       {form: assert(claims{"iss": nurse.String(), "sub": nurse.String()}), status: 401, code: software.CodeClient},
		"no id":                             {form: assert(claims{"iss": "x", "sub": "x"}), status: 401, code: software.CodeClient},
		"a revoked client":                  {form: assert(claims{"iss": revoked.ID.String(), "sub": revoked.ID.String()}), status: 401, code: software.CodeClient},
		"another issuer":                    {form: assert(claims{"iss": "x"}), status: 401, code: software.CodeIssuer},
		"no issuer":                         {form: assert(claims{"iss": nil}), status: 401, code: software.CodeIssuer},
		"another client_id":                 {form: url.Values{"client_id": {nurse.String()}}, status: 401, code: software.CodeIssuer},
		"another audience":                  {form: assert(claims{"aud": "https://other.example/oauth/token"}), status: 401, code: software.CodeAudience},
		"no audience":                       {form: assert(claims{"aud": nil}), status: 401, code: software.CodeAudience},
		"two audiences":                     {form: assert(claims{"aud": []string{issuer, "https://other.example"}}), status: 401, code: software.CodeAudience},
		"an audience with a slash":          {form: assert(claims{"aud": issuer + "/"}), status: 401, code: software.CodeAudience},
		"expired":                           {form: assert(claims{"exp": now - 31}), status: 401, code: software.CodeTime},
		"no end":                            {form: assert(claims{"exp": nil}), status: 401, code: software.CodeTime},
		"an end too far":                    {form: assert(claims{"exp": now + 331}), status: 401, code: software.CodeTime},
		"an end beyond all":                 {form: assert(claims{"exp": 1e300}), status: 401, code: software.CodeTime},
		"issued in the future":              {form: assert(claims{"iat": now + 31}), status: 401, code: software.CodeTime},
		"not yet valid":                     {form: assert(claims{"nbf": now + 31}), status: 401, code: software.CodeTime},
		"no jti":                            {form: assert(claims{"jti": nil}), status: 401, code: software.CodeReplay},
		"a long jti":                        {form: assert(claims{"jti": strings.Repeat("x", 201)}), status: 401, code: software.CodeReplay},
		"a replayed assertion":              {form: assert(replayed), status: 401, code: software.CodeReplay},
		"no scope":                          {form: url.Values{"scope": nil}, status: 400, code: software.CodeAsked},
		"a scope that there is not":         {form: url.Values{"scope": {"system/*.cruds"}}, status: 400, code: software.CodeAsked},
		"a scope of users":                  {form: url.Values{"scope": {"user/Immunization.r"}}, status: 400, code: software.CodeAsked},
		"letters out of order":              {form: url.Values{"scope": {"system/Immunization.rc"}}, status: 400, code: software.CodeAsked},
		"a scope beyond the registered":     {form: url.Values{"scope": {"system/Patient.cruds"}}, status: 400, code: software.CodeAsked},
		"no professional":                   {form: url.Values{"professional": nil}, status: 400, code: software.CodeProfessional},
		"a number with a wrong key":         {form: url.Values{"professional": {"899700218897"}}, status: 400, code: software.CodeProfessional},
		"nobody's number":                   {form: url.Values{"professional": {"899700000112"}}, status: 400, code: software.CodeProfessional},
		"a place of somebody else's":        {form: url.Values{"place": {"990000037"}}, status: 400, code: software.CodeProfessional},
		"a place where they do not work":    {form: url.Values{"place": {"990000029"}}, status: 400, code: software.CodeProfessional},
		"neither proof nor certificate":     {change: func(r *http.Request) { r.Header.Del("DPoP") }, status: 400, code: software.CodeUnbound},
		"two proofs":                        {change: func(r *http.Request) { r.Header.Add("DPoP", "x") }, status: 400, code: software.CodeProof},
		"a proof that is none":              {change: func(r *http.Request) { r.Header.Set("DPoP", "x") }, status: 400, code: software.CodeProof},
		"a proof of another method":         {proof: claims{"htm": "GET"}, status: 400, code: software.CodeProof},
		"a proof of another address":        {proof: claims{"htu": issuer + "/fhir"}, status: 400, code: software.CodeProof},
		"a proof for another server":        {proof: claims{"htu": "https://other.example" + software.TokenPath}, status: 400, code: software.CodeProof},
		"a proof without jti":               {proof: claims{"jti": nil}, status: 400, code: software.CodeProof},
		"an old proof":                      {proof: claims{"iat": now - 601}, status: 400, code: software.CodeProof},
		"a proof from the future":           {proof: claims{"iat": now + 601}, status: 400, code: software.CodeProof},
		"a proof without time":              {proof: claims{"iat": nil}, status: 400, code: software.CodeProof},
		"a proof without nonce":             {proof: claims{"nonce": nil}, status: 400, code: software.CodeNonce},
		"a proof with an invented nonce":    {proof: claims{"nonce": "x"}, status: 400, code: software.CodeNonce},
		"a proof that was used":             {change: func(r *http.Request) { r.Header.Set("DPoP", usedProof) }, status: 400, code: software.CodeProofReplay},
		"a proof of another type":           {change: w.badProof(t, map[jose.HeaderKey]any{"typ": "JWT", "jwk": jose.JSONWebKey{Key: &w.proof.PublicKey}}), status: 400, code: software.CodeProof},
		"a proof with a private key inside": {change: w.badProof(t, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: w.proof}}), status: 400, code: software.CodeProof},
		"a proof without a key":             {change: w.badProof(t, map[jose.HeaderKey]any{"typ": "dpop+jwt"}), status: 400, code: software.CodeProof},
		"a proof by another key":            {change: w.badProof(t, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: &other.PublicKey}}), status: 400, code: software.CodeProof},
	} {
		t.Run(name, func(t *testing.T) {
			form := w.form(t)
			for k, v := range c.form {
				if form[k] = v; v == nil {
					delete(form, k)
				}
			}
			a := w.post(t, form, func(r *http.Request) {
				w.proving(t, c.proof)(r)
				if c.change != nil {
					c.change(r)
				}
			})
			if a.status != c.status || a.body["code"] != c.code || a.body["error"] == "" || a.body["access_token"] != nil {
				t.Errorf("%d %v, want %d %s", a.status, a.body, c.status, c.code)
			}
			for _, value := range a.body {
				if strings.Contains(value.(string), number) || strings.Contains(value.(string), place) {
					t.Error("the refusal repeats what was sent")
				}
			}
		})
	}
}

func (w *world) badProof(t testing.TB, headers map[jose.HeaderKey]any) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("DPoP", sign(t, jose.ES256, w.proof, headers, claims{"jti": jti(), "htm": "POST", "htu": issuer + software.TokenPath, "iat": w.now().Unix(), "nonce": w.Nonce()}))
	}
}

func formWith(form url.Values, name, value string) url.Values {
	form.Set(name, value)
	return form
}

func alter(token string) string {
	parts := strings.Split(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), "api.example", "api.exampla", 1)))
	return strings.Join(parts, ".")
}

func TestRequestRefused(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	usedOnce := w.request(t, token, nil)
	if _, err := w.Authenticate(usedOnce); err != nil {
		t.Fatal(err)
	}
	thief := newKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		change func(*http.Request)
		proof  claims
		code   string
	}{
		"no token":                     {change: func(r *http.Request) { r.Header.Del("Authorization") }, code: software.CodeToken},
		"two tokens":                   {change: func(r *http.Request) { r.Header.Add("Authorization", "DPoP "+token) }, code: software.CodeToken},
		"another scheme":               {change: func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) }, code: software.CodeToken},
		"an unknown token":             {change: func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+strings.Repeat("A", 43)) }, code: software.CodeProof},
		"as a bearer":                  {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token); r.Header.Del("DPoP") }, code: software.CodeHolder},
		"as a bearer with a proof":     {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, code: software.CodeHolder},
		"without a proof":              {change: func(r *http.Request) { r.Header.Del("DPoP") }, code: software.CodeHolder},
		"a proof for another token":    {proof: claims{"ath": "x"}, code: software.CodeProof},
		"a proof without the token":    {proof: claims{"ath": nil}, code: software.CodeProof},
		"a proof of another method":    {proof: claims{"htm": "POST"}, code: software.CodeProof},
		"a proof of another resource":  {proof: claims{"htu": issuer + "/fhir/Immunization/2"}, code: software.CodeProof},
		"a proof with an old nonce":    {proof: claims{"nonce": "x"}, code: software.CodeNonce},
		"a proof that was used":        {change: func(r *http.Request) { r.Header.Set("DPoP", usedOnce.Header.Get("DPoP")) }, code: software.CodeProofReplay},
		"a proof by who stole a token": {change: func(r *http.Request) { w.steal(t, r, thief, token) }, code: software.CodeHolder},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.request(t, token, c.proof)
			if c.change != nil {
				c.change(r)
			}
			_, err := w.Authenticate(r)
			f, ok := errors.AsType[*software.Failure](err)
			if !ok || f.Code != c.code || f.Status != http.StatusUnauthorized {
				t.Fatalf("%v, want %s", err, c.code)
			}
			h := http.Header{}
			if w.Challenge(h, f) != 401 || !strings.HasPrefix(h.Get("WWW-Authenticate"), `DPoP algs="ES256 `) || !strings.Contains(h.Get("WWW-Authenticate"), `error="`+f.Name+`"`) {
				t.Errorf("challenge: %v", h)
			}
		})
	}
	if _, err := w.Authenticate(w.request(t, token, claims{"htu": "HTTPS://API.example:443/fhir/Immunization/1"})); err != nil {
		t.Errorf("an address that is the same: %v", err)
	}
}

func (w *world) steal(t testing.TB, r *http.Request, thief *ecdsa.PrivateKey, token string) {
	mine := w.proof
	w.proof = thief
	r.Header.Set("DPoP", w.dpop(t, http.MethodGet, "/fhir/Immunization/1", token, nil))
	w.proof = mine
}

func TestNonceGoesOn(t *testing.T) {
	w := newWorld(t)
	old := w.Nonce()
	w.wait(5 * time.Minute)
	if w.Nonce() == old {
		t.Fatal("the nonce does not change")
	}
	if a := w.post(t, w.form(t), w.proving(t, claims{"nonce": old})); a.status != 200 {
		t.Errorf("the nonce before: %v", a.body)
	}
	w.wait(5 * time.Minute)
	a := w.post(t, w.form(t), w.proving(t, claims{"nonce": old}))
	if a.body["error"] != "use_dpop_nonce" || a.header.Get("DPoP-Nonce") != w.Nonce() {
		t.Errorf("an old nonce: %v", a.body)
	}
}

func TestOneTokenOfManyWithOneAssertion(t *testing.T) {
	w := newWorld(t)
	form := w.form(t)
	var wg sync.WaitGroup
	given := make(chan answer, 8)
	for range cap(given) {
		wg.Go(func() { given <- w.post(t, form, w.proving(t, nil)) })
	}
	wg.Wait()
	close(given)
	n := 0
	for a := range given {
		if a.status == 200 {
			n++
		} else if a.body["code"] != software.CodeReplay {
			t.Errorf("%v", a.body)
		}
	}
	if n != 1 {
		t.Errorf("%d tokens", n)
	}
}

func TestRevokedAtOnce(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	if err := w.Revoke(t.Context(), operator, w.client.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(w.request(t, token, nil)); code(err) != software.CodeToken {
		t.Errorf("the token of a revoked client: %v", err)
	}
	if a := w.post(t, w.form(t), w.proving(t, nil)); a.body["code"] != software.CodeClient {
		t.Errorf("a new one: %v", a.body)
	}
	if err := w.Revoke(t.Context(), operator, nurse); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("nobody: %v", err)
	}
	list, err := w.List(t.Context(), operator)
	if err != nil || len(list) != 1 || list[0].Stands() || !list[0].Revoked.Equal(w.now()) {
		t.Errorf("list: %v %+v", err, list)
	}
}

func TestKeysReplaced(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	next := newKey(t, elliptic.P256())
	if err := w.Replace(t.Context(), operator, w.client.ID, setOf(&next.PublicKey, "b"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(w.request(t, token, nil)); code(err) != software.CodeToken {
		t.Errorf("a token of the old key: %v", err)
	}
	if a := w.post(t, w.form(t), w.proving(t, nil)); a.body["code"] != software.CodeClient {
		t.Errorf("the old key: %v", a.body)
	}
	a := w.post(t, formWith(w.form(t), "client_assertion", sign(t, jose.ES256, next, map[jose.HeaderKey]any{"kid": "b"}, w.assertion())), w.proving(t, nil))
	if a.status != 200 {
		t.Errorf("the new key: %v", a.body)
	}
}

func TestKeysByAddress(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	set, asked := setOf(&w.key.PublicKey, "a"), 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		_ = json.NewEncoder(rw).Encode(set)
	}))
	defer server.Close()
	w.Service = software.New(software.Config{Issuer: issuer, Limits: limit.Defaults(), Client: server.Client()}, w.db.Software(), logintest.Guard(t, w.now), directory{}, carnet.IDs{Clock: w.now, Rand: rand.Reader})
	var err error
	if w.client, err = w.Add(t.Context(), operator, software.Registration{Name: "Par adresse", Places: []string{place}, Scopes: software.AllScopes, KeysURL: server.URL + "/keys"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.token(t)
	}
	if asked != 1 {
		t.Errorf("fetched %d times", asked)
	}
	// Another key: the id of the old one is unknown after five minutes, and invented ids do not make us hammer the address.
	next := newKey(t, elliptic.P256())
	mu.Lock()
	set = setOf(&next.PublicKey, "b")
	mu.Unlock()
	sent := func(key *ecdsa.PrivateKey, kid string) answer {
		return w.post(t, formWith(w.form(t), "client_assertion", sign(t, jose.ES256, key, map[jose.HeaderKey]any{"kid": kid}, w.assertion())), w.proving(t, nil))
	}
	w.wait(31 * time.Second)
	for range 5 {
		sent(w.key, "invented")
	}
	if asked != 2 {
		t.Errorf("fetched %d times for an invented id", asked)
	}
	if a := sent(next, "b"); a.status != 200 {
		t.Errorf("the new key: %v", a.body)
	}
	if a := sent(w.key, "a"); a.status == 200 {
		t.Error("the key that was taken away is still believed")
	}
	server.Close()
	w.wait(6 * time.Minute)
	if a := sent(next, "b"); a.status != 401 || a.body["code"] != software.CodeClient {
		t.Errorf("the address does not answer: %d %v", a.status, a.body)
	}
}

func TestRegistrationFaults(t *testing.T) {
	w := newWorld(t)
	weak := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}
	good := setOf(&w.key.PublicKey, "a")
	for name, c := range map[string]struct {
		r     software.Registration
		field string
	}{
		"no name":                 {software.Registration{Places: []string{place}, Scopes: software.AllScopes, Keys: good}, "name"},
		"no place":                {software.Registration{Name: "x", Scopes: software.AllScopes, Keys: good}, "place"},
		"a place that is none":    {software.Registration{Name: "x", Places: []string{"99 0000"}, Scopes: software.AllScopes, Keys: good}, "place"},
		"no scope":                {software.Registration{Name: "x", Places: []string{place}, Keys: good}, "scope"},
		"no key":                  {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes}, "keys"},
		"a private key":           {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, Keys: setOf(w.key, "a")}, "keys"},
		"a key without id":        {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, Keys: setOf(&w.key.PublicKey, "")}, "keys"},
		"a weak key":              {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, Keys: setOf(weak, "a")}, "keys"},
		"a secret":                {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, Keys: setOf([]byte("secret"), "a")}, "keys"},
		"an address without TLS":  {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, KeysURL: "http://keys.example"}, "keys"},
		"an address and a key":    {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, KeysURL: "https://keys.example", Keys: good}, "keys"},
		"an address with a login": {software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, KeysURL: "https://a:b@keys.example"}, "keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Add(t.Context(), operator, c.r)
			problems, ok := errors.AsType[carnet.Problems](err)
			if !ok || len(problems) != 1 || problems[0].Field != c.field {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := w.Add(t.Context(), protect.Actor{ID: nurse, Role: protect.Professional}, software.Registration{Name: "x", Places: []string{place}, Scopes: software.AllScopes, Keys: good}); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a professional registers software: %v", err)
	}
}

// TestLimit checks the limit of the professional's requests by software.
func TestLimit(t *testing.T) {
	w := newWorld(t)
	limits, err := limit.Defaults().With(limit.Config{limit.SoftwareRequest: {Rate: limit.Rate{Count: 3, Period: time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	w.Limits = limits
	token := w.token(t)
	for range 3 {
		if _, err := w.Authenticate(w.request(t, token, nil)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("VIT-44 what a professional's software asks too much is refused with 429 and recorded", func(t *testing.T) {
		_, err := w.Authenticate(w.request(t, token, nil))
		f, ok := errors.AsType[*software.Failure](err)
		h := http.Header{}
		if !ok || w.Challenge(h, f) != http.StatusTooManyRequests || h.Get("Retry-After") != "20" || f.Code != software.CodeLimit {
			t.Fatalf("%v %v", err, h)
		}
		raw, err := sql.Open("sqlite", "file:"+w.file+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		var n int
		err = raw.QueryRow(`SELECT count(*) FROM journal WHERE person_id=? AND kind=? AND object=? AND outcome=?`,
			nurse[:], string(journal.Event), "limit "+w.client.ID.String(), limit.SoftwareRequest).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("%d lines of the journal say so, %v", n, err)
		}
	})
	w.wait(20 * time.Second)
	if _, err := w.Authenticate(w.request(t, token, nil)); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	w := newWorld(t)
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384 := newKey(t, elliptic.P384())
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{jose.ES384: p384, jose.RS384: large, jose.PS256: large, jose.PS384: large} {
		if err := w.Replace(t.Context(), operator, w.client.ID, setOf(key.Public(), "k"), ""); err != nil {
			t.Fatal(err)
		}
		a := w.post(t, formWith(w.form(t), "client_assertion", sign(t, alg, key, map[jose.HeaderKey]any{"kid": "k"}, w.assertion())), w.proving(t, nil))
		if a.status != 200 {
			t.Errorf("%s: %v", alg, a.body)
		}
	}
	a := w.post(t, formWith(w.form(t), "client_assertion", sign(t, jose.RS256, large, map[jose.HeaderKey]any{"kid": "k"}, w.assertion())), w.proving(t, nil))
	if a.status != 401 {
		t.Errorf("RS256: %v", a.body)
	}
}

func TestMetadata(t *testing.T) {
	w := newWorld(t)
	text, err := json.Marshal(w.Metadata(true, issuer+"/").SMART())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"issuer":"https://api.example"`, `"token_endpoint":"https://api.example/oauth/token"`, `"response_types_supported":[]`, `"ES384"`, `"client-confidential-asymmetric"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// FuzzToken: whatever is sent, the answer is one of OAuth and nobody gets a token.
func FuzzToken(f *testing.F) {
	w := newWorld(f)
	f.Add(w.form(f).Encode(), "x.y.z")
	f.Add("grant_type=client_credentials&client_assertion=a.b.c", w.dpop(f, "POST", software.TokenPath, "", nil))
	f.Fuzz(func(t *testing.T, form, proof string) {
		r := httptest.NewRequest(http.MethodPost, software.TokenPath, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["Dpop"] = []string{proof}
		rec := httptest.NewRecorder()
		w.ServeToken(rec, r)
		body, _ := io.ReadAll(rec.Body)
		if rec.Code != 400 && rec.Code != 401 || !json.Valid(body) {
			t.Errorf("%d %s", rec.Code, body)
		}
	})
}
