package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/login"

	"github.com/go-jose/go-jose/v4"
)

// keyFile writes a private key as PEM and returns its path.
func keyFile(t testing.TB, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemFile(t, "PRIVATE KEY", der)
}

func pemFile(t testing.TB, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jwe encrypts as a provider would, with what a test wants in the header.
func jwe(t testing.TB, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, kid, inner string, header map[jose.HeaderKey]any, zip bool) string {
	t.Helper()
	o := (&jose.EncrypterOptions{ExtraHeaders: header}).WithContentType("JWT")
	if zip {
		o.Compression = jose.DEFLATE
	}
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: kid}, o)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := e.Encrypt([]byte(inner))
	if err != nil {
		t.Fatal(err)
	}
	text, err := obj.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEvilNested gives tokens that are encrypted, well or not.
func TestEvilNested(t *testing.T) {
	ec, old, second, stranger := ecKey(t), rsaKey(t, 2048), ecKey(t), ecKey(t)
	files := []string{keyFile(t, ec), keyFile(t, old)}
	more := append(files[:2:2], keyFile(t, second))
	type option struct {
		alg    jose.KeyAlgorithm
		enc    jose.ContentEncryption
		key    any
		kid    string // "-" for none
		header map[jose.HeaderKey]any
		zip    bool
		inner  func(string) string
	}
	tests := []struct {
		name string
		keys []string
		with option
		want string
	}{
		{"ECDH-ES (ok)", files, option{}, ""},
		{"RSA-OAEP-256 (ok)", files, option{alg: jose.RSA_OAEP_256, key: &old.PublicKey}, ""},
		{"claims repeated in the header (ok)", files, option{header: map[jose.HeaderKey]any{"aud": "carnet"}}, ""},
		{"aud as a list in the header (ok)", files, option{header: map[jose.HeaderKey]any{"aud": []string{"carnet"}}}, ""},
		{"aud with another in the header", files, option{header: map[jose.HeaderKey]any{"aud": []string{"carnet", "somebody"}}}, login.CodeToken},
		{"another aud in the header", files, option{header: map[jose.HeaderKey]any{"aud": "somebody"}}, login.CodeToken},
		{"another iss in the header", files, option{header: map[jose.HeaderKey]any{"iss": "https://other.example"}}, login.CodeToken},
		{"iss of another type in the header", files, option{header: map[jose.HeaderKey]any{"iss": 7}}, login.CodeToken},
		{"JWE RSA1_5", files, option{alg: jose.RSA1_5, key: &old.PublicKey}, login.CodeToken},
		{"JWE RSA-OAEP with SHA-1", files, option{alg: jose.RSA_OAEP, key: &old.PublicKey}, login.CodeToken},
		{"A128GCM", files, option{enc: jose.A128GCM}, login.CodeToken},
		{"A256CBC-HS512", files, option{enc: jose.A256CBC_HS512}, login.CodeToken},
		{"direct, with the client secret", files, option{alg: jose.DIRECT, key: []byte("s3cret with/odd+characters&=%xyz")[:32]}, login.CodeToken},
		{"compressed", files, option{zip: true}, login.CodeToken},
		{"for a key that is not ours", files, option{key: &stranger.PublicKey, kid: "x"}, login.CodeToken},
		{"with our key id and another key", files, option{key: &stranger.PublicKey}, login.CodeToken},
		{"no key id, one key (ok)", files[:1], option{kid: "-"}, ""},
		{"no key id, several keys", more, option{kid: "-"}, login.CodeToken},
		{"the second of our keys (ok)", more, option{key: &second.PublicKey}, ""},
		{"JWE without inner JWS", files, option{inner: func(jws string) string {
			b, err := base64.RawURLEncoding.DecodeString(strings.Split(jws, ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}}, login.CodeToken},
		{"inner alg none", files, option{inner: func(jws string) string {
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(jws, ".")[1] + "."
		}}, login.CodeToken},
		{"inner signature of another", files, option{inner: func(jws string) string { return jws[:len(jws)-8] + "AAAAAAAA" }}, login.CodeToken},
		{"encrypted twice", files, option{inner: func(jws string) string {
			return jwe(t, jose.ECDH_ES, jose.A256GCM, &ec.PublicKey, "", jws, nil, false)
		}}, login.CodeToken},
		{"too long", files, option{inner: func(jws string) string { return jws + strings.Repeat("a", 70<<10) }}, login.CodeToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(p *login.Profile) { p.UserInfo, p.EncKeys = login.UserInfoNested, tt.keys })
			r.signInfo = r.es256
			r.encrypt = func(token string) string {
				o := tt.with
				if o.alg == "" {
					o.alg = jose.ECDH_ES
				}
				if o.enc == "" {
					o.enc = jose.A256GCM
				}
				if o.key == nil {
					o.key = &ec.PublicKey
				}
				switch o.kid {
				case "-":
					o.kid = ""
				case "":
					o.kid = r.provider.JWKS().Keys[0].KeyID
					for _, k := range r.provider.JWKS().Keys {
						if equal, ok := k.Key.(interface{ Equal(crypto.PublicKey) bool }); ok && equal.Equal(o.key) {
							o.kid = k.KeyID
						}
					}
				}
				if o.inner != nil {
					token = o.inner(token)
				}
				return jwe(t, o.alg, o.enc, o.key, o.kid, token, o.header, o.zip)
			}
			id, err := r.login(t)
			r.judge(t, tt.want, err)
			if err == nil {
				if _, err := id.Claims.Person(); err != nil || strings.Count(id.IDToken.Reveal(), ".") != 2 {
					t.Errorf("the ID token that is kept is not the inner one, or no claims: %v", err)
				}
			}
		})
	}
	t.Run("only signed where encrypted was agreed", func(t *testing.T) {
		r := newRig(t, func(p *login.Profile) { p.UserInfo, p.EncKeys = login.UserInfoNested, files })
		r.signInfo = r.es256
		_, err := r.login(t)
		r.judge(t, login.CodeToken, err)
	})
	t.Run("encrypted where only signed was agreed", func(t *testing.T) {
		r := newRig(t, signed)
		r.signInfo = r.es256
		r.encrypt = func(token string) string {
			return jwe(t, jose.ECDH_ES, jose.A256GCM, &ec.PublicKey, "", token, nil, false)
		}
		_, err := r.login(t)
		r.judge(t, login.CodeToken, err)
	})
}

func TestJWKS(t *testing.T) {
	r := newRig(t, func(p *login.Profile) {
		p.UserInfo, p.EncKeys = login.UserInfoNested, []string{keyFile(t, ecKey(t)), keyFile(t, rsaKey(t, 2048))}
		p.AuthMethod, p.SecretFile, p.KeyFile = login.PrivateKeyJWT, "", keyFile(t, ecKey(t))
	})
	text, err := json.Marshal(r.provider.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 3 {
		t.Fatalf("%v: %s", err, text)
	}
	for i, want := range []string{"sig ES256", "enc ECDH-ES", "enc RSA-OAEP-256"} {
		k := set.Keys[i]
		if got := k["use"].(string) + " " + k["alg"].(string); got != want || k["kid"] == "" {
			t.Errorf("key %d is %s, want %s", i, got, want)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := k[private]; there {
				t.Errorf("key %d publishes %q", i, private)
			}
		}
	}
	w := httptest.NewRecorder()
	if err := r.site.Keys(w, httptest.NewRequest("GET", login.KeysPath, nil)); err != nil || w.Body.String() != string(text) || w.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("published %s %v", w.Body, err)
	}
	if text, err := json.Marshal(newRig(t, nil).provider.JWKS()); err != nil || string(text) != `{"keys":[]}` {
		t.Errorf("without keys: %s %v", text, err)
	}
}

func TestKeyFiles(t *testing.T) {
	r := newRig(t, nil)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := ecKey(t)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	old := rsaKey(t, 2048)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		file string
		ok   bool
	}{
		"PKCS#8":           {keyFile(t, ec), true},
		"SEC 1":            {pemFile(t, "EC PRIVATE KEY", sec1), true},
		"PKCS#1":           {pemFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(old)), true},
		"Ed25519":          {keyFile(t, edwards), false},
		"P-224":            {keyFile(t, p224), false},
		"encrypted":        {pemFile(t, "ENCRYPTED PRIVATE KEY", sec1), false},
		"public":           {pemFile(t, "PUBLIC KEY", sec1), false},
		"broken":           {pemFile(t, "PRIVATE KEY", sec1[:20]), false},
		"empty":            {empty, false},
		"missing":          {empty + "-not", false},
		"longer than ours": {pemFile(t, "PRIVATE KEY", make([]byte, 70<<10)), false},
	} {
		p := r.profile(t)
		p.EncKeys = []string{x.file}
		_, err := login.NewProvider(p, r.clock.now, rand.Reader, nil)
		if x.ok != (err == nil) || err != nil && carnet.CodeOf(err) != login.CodeProfile {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzUnwrap opens what a provider might send in place of an encrypted token.
func FuzzUnwrap(f *testing.F) {
	ec := ecKey(f)
	f.Add(jwe(f, jose.ECDH_ES, jose.A256GCM, &ec.PublicKey, "", "a.b.c", nil, false))
	f.Add("a.b.c.d.e")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"","y":""}}`)) + "....")
	clock := newClock()
	p := login.Profile{Name: "f", DiscoveryURL: "https://op.example/d", Issuer: "https://op.example", ClientID: "carnet", AuthMethod: login.PrivateKeyJWT,
		KeyFile: keyFile(f, ec), Scopes: []string{"openid"}, ACRMin: "eidas1", UserInfo: login.UserInfoNested, EncKeys: []string{keyFile(f, ec)}}
	provider, err := login.NewProvider(p, clock.now, rand.Reader, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if inner, err := login.Unwrap(provider, raw); err != nil && inner != "" {
			t.Error("an error and a token")
		}
	})
}
