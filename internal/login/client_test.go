package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// proves reads the assertion of a form and checks it as a provider does (RFC 7523, section 3).
func (r *rig) proves(t *testing.T, seen map[string]bool) func(*http.Request) bool {
	return func(q *http.Request) bool {
		raw := q.PostForm.Get("client_assertion")
		token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.RS256})
		if err != nil {
			t.Errorf("assertion: %v", err)
			return false
		}
		var c jwt.Claims
		set := r.provider.JWKS()
		if err := token.Claims(set, &c); err != nil {
			t.Errorf("assertion: %v", err)
			return false
		}
		if seen[c.ID] || len(c.ID) < 22 {
			t.Errorf("jti %q", c.ID)
		}
		seen[c.ID] = true
		if c.Issuer != "carnet" || c.Subject != "carnet" || len(c.Audience) != 1 || c.Audience[0] != r.server.URL || c.Expiry.Time().Sub(c.IssuedAt.Time()) != time.Minute {
			t.Errorf("assertion %+v", c)
		}
		if q.PostForm.Has("client_secret") || q.Header.Get("Authorization") != "" || q.PostForm.Get("client_id") != "carnet" ||
			q.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("request %v", q.PostForm)
		}
		return true
	}
}

func TestPrivateKeyJWT(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"ES256": keyFile(t, ecKey(t)), "ES384": keyFile(t, p384), "ES512": keyFile(t, p521), "RS256": keyFile(t, rsaKey(t, 2048))} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, both(ciba, func(p *login.Profile) {
				p.AuthMethod, p.SecretFile, p.KeyFile, p.Revoke = login.PrivateKeyJWT, "", file, true
			}))
			seen := map[string]bool{}
			r.prove = r.proves(t, seen)
			if _, err := r.login(t); err != nil {
				t.Error(err)
			}
			if _, err := r.call(t); err != nil {
				t.Error(err)
			}
			if len(seen) != 5 { // code, revocation; push, collect, revocation
				t.Errorf("%d assertions", len(seen))
			}
			if alg := r.provider.JWKS().Keys[0].Algorithm; alg != name {
				t.Errorf("algorithm %s", alg)
			}
		})
	}
}

func TestRevocation(t *testing.T) {
	r := newRig(t, func(p *login.Profile) { p.Revoke = true })
	if _, err := r.login(t); err != nil {
		t.Fatal(err)
	}
	if f := r.forms["/revoke"]; len(f) != 1 || f[0].Get("token") != accessToken || f[0].Get("token_type_hint") != "access_token" {
		t.Errorf("revoked %v", f)
	}
	r.serve["/revoke"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	if _, err := r.login(t); err != nil {
		t.Errorf("a revocation that fails keeps somebody out: %v", err)
	}
}

// certificate is a self-signed one of a client.
func certificate(t *testing.T) (certFile, keyPath string) {
	t.Helper()
	key := ecKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "carnet"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pemFile(t, "CERTIFICATE", der), keyFile(t, key)
}

// mutualTLS is a rig whose token endpoint is at an alias that asks for a certificate (RFC 8705).
func mutualTLS(t *testing.T) (*rig, login.Profile) {
	t.Helper()
	certFile, keyPath := certificate(t)
	r := newRig(t, nil)
	alias := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if len(q.TLS.PeerCertificates) != 1 || q.TLS.PeerCertificates[0].Subject.CommonName != "carnet" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.ServeHTTP(w, q)
	}))
	alias.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	alias.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshakes that are to fail
	alias.StartTLS()
	t.Cleanup(alias.Close)
	r.prove = func(q *http.Request) bool {
		return q.TLS != nil && q.PostForm.Get("client_id") == "carnet" && !q.PostForm.Has("client_secret") && q.Header.Get("Authorization") == ""
	}
	r.discovery = func(d map[string]any) {
		d["mtls_endpoint_aliases"] = map[string]string{"token_endpoint": alias.URL + "/token", "userinfo_endpoint": alias.URL + "/userinfo"}
	}
	p := r.profile(t)
	p.AuthMethod, p.SecretFile, p.CertFile, p.KeyFile = login.MutualTLS, "", certFile, keyPath
	p.CAFile = pemFile(t, "CERTIFICATE", alias.Certificate().Raw)
	p.Hosts = []string{strings.TrimPrefix(r.server.URL, "http://"), strings.TrimPrefix(alias.URL, "https://")}
	r.site = r.newSite(t, "pro", p)
	return r, p
}

func TestMutualTLS(t *testing.T) {
	r, p := mutualTLS(t)
	if _, err := r.login(t); err != nil {
		t.Fatal(err)
	}
	t.Run("an alias at a host that is not listed", func(t *testing.T) {
		q := p
		q.Hosts = p.Hosts[:1]
		r.site = r.newSite(t, "pro", q)
		if err := r.site.Begin(httptest.NewRecorder(), browser{}.request("POST", "/", nil)); carnet.CodeOf(err) != login.CodeProviderDown {
			t.Error(err)
		}
	})
	t.Run("a server of another authority", func(t *testing.T) {
		q := p
		q.CAFile = p.CertFile
		r.site = r.newSite(t, "pro", q)
		if _, err := r.login(t); carnet.CodeOf(err) != login.CodeProviderDown {
			t.Error(err)
		}
	})
	t.Run("the aliases are for mutual TLS only", func(t *testing.T) {
		other := newRig(t, nil)
		other.discovery = r.discovery
		if _, err := other.login(t); err != nil {
			t.Error(err)
		}
	})
	t.Run("files that are none", func(t *testing.T) {
		for name, change := range map[string]func(*login.Profile){
			"certificate": func(p *login.Profile) { p.CertFile = p.KeyFile },
			"key":         func(p *login.Profile) { p.KeyFile = keyFile(t, ecKey(t)) },
			"authorities": func(p *login.Profile) { p.CAFile = p.KeyFile },
			"missing":     func(p *login.Profile) { p.CAFile = p.KeyFile + "-not" },
		} {
			q := p
			change(&q)
			if _, err := login.NewProvider(q, r.clock.now, rand.Reader, nil); carnet.CodeOf(err) != login.CodeProfile {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := login.NewProvider(p, r.clock.now, rand.Reader, roundTripper{}); carnet.CodeOf(err) != login.CodeProfile {
			t.Error(err)
		}
	})
}

type roundTripper struct{}

func (roundTripper) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, http.ErrNotSupported
}
