package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"

	"github.com/go-jose/go-jose/v4"
)

// Runs D and A of the specification, section 10.3: our relying party with npm oidc-provider set up
// as FranceConnect, FranceConnect+, Pro Santé Connect and ProConnect, in its newest version and in the one
// nearest to what FranceConnect runs. Time is that of the machine: the engine has no other.

const (
	peerSecret   = "a-secret-of-the-tests-and-of-nothing-else"
	peerPassword = "a-password-of-the-tests"
	peerNumber   = "899700000112"
)

var peerPeople = map[string]map[string]any{
	"camille.fougere": {"given_name": "Camille Rose", "family_name": "FOUGÈRE", "birthdate": "1985-05-12", "gender": "female", "birthplace": "00999", "birthcountry": "99100",
		"preferred_username": "LAURIER", "email": "camille.fougere@carnet.example"},
	"iris.genet": {"given_name": "Iris", "usual_name": "GENÊT", "email": "iris.genet@caisse.invalid", "uid": "42", "siret": peerSIRET},
	peerNumber: {"given_name": "Aurélien", "family_name": "SAULE", "SubjectNameID": peerNumber, "SubjectRefPro": map[string]any{"exercices": []any{
		map[string]any{"codeProfession": "10", "activities": []any{map[string]any{"numeroFinessSite": "009900010", "raisonSocialeSite": "Centre du Tilleul"}}}}}},
}

const peerSIRET = "12345678901234"

var engines = map[string]string{"9.13.3": "oidc-provider", "9.1.3": "oidc-provider-old"}

// place is a site in front of a provider, on a socket.
type place struct {
	url      string
	site     *login.Site
	provider *login.Provider
	identity login.Identity
	err      error
}

// listen takes the address first, for a provider must know it.
func listen(t *testing.T) (*httptest.Server, *http.Handler) {
	t.Helper()
	h := new(http.Handler)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h).ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	return s, h
}

func newPlace(t *testing.T, server *httptest.Server, h *http.Handler, p login.Profile) *place {
	t.Helper()
	out := &place{url: server.URL}
	var err error
	if out.provider, err = login.NewProvider(p, time.Now, rand.Reader, nil); err != nil {
		t.Fatal(err)
	}
	out.site, err = login.NewSite(login.SiteConfig{Name: "place", Origin: server.URL, Role: protect.Insured, Absolute: 30 * time.Minute, Idle: 15 * time.Minute},
		out.provider, logintest.NewMemory(), logintest.Guard(t, time.Now), time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := out.site.Current(r); err == nil {
			_, _ = io.WriteString(w, `<form method="post" action="/deconnexion"><button>Partir</button></form>`)
			return
		}
		_, _ = io.WriteString(w, `<form method="post" action="/connexion"><button>Entrer</button></form>`)
	})
	mux.HandleFunc("POST /connexion", func(w http.ResponseWriter, r *http.Request) {
		if err := out.site.Begin(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET "+out.site.CallbackPath(), func(w http.ResponseWriter, r *http.Request) {
		if out.identity, out.err = out.site.Finish(w, r); out.err != nil {
			http.Error(w, carnet.CodeOf(out.err), http.StatusForbidden)
			return
		}
		if _, err := out.site.Open(w, r, login.Opening{Person: carnet.ID{1}, Identity: out.identity}); err != nil {
			t.Error(err)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /deconnexion", func(w http.ResponseWriter, r *http.Request) {
		if err := out.site.Logout(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	*h = mux
	return out
}

// preset is a ready profile for a peer: only addresses, client and keys are the operator's.
func preset(t *testing.T, name string, peer *logintest.Peer, change func(*login.Profile)) login.Profile {
	t.Helper()
	p, err := login.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(peerSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Issuer, p.DiscoveryURL, p.Hosts, p.ClientID, p.SecretFile = peer.Issuer, peer.Discovery, nil, "carnet", secret
	p.IDTokenAlgs = []string{"ES256"}
	if change != nil {
		change(&p)
	}
	return p
}

// keysOf is what a site publishes, before its provider runs.
func keysOf(t *testing.T, change func(*login.Profile)) jose.JSONWebKeySet {
	t.Helper()
	p, err := login.NewProvider(preset(t, "franceconnect", &logintest.Peer{Issuer: "https://op.example", Discovery: "https://op.example/d"}, change), time.Now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.JWKS()
}

// keyFile makes a private key: EC P-256, or RSA of 2048 bits.
func keyFile(t *testing.T, ec bool) string {
	t.Helper()
	var key any
	var err error
	if ec {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// peer starts a provider whose client is a site of that address.
func peer(t *testing.T, engine, shape, site, profile string, change func(*logintest.PeerConfig)) *logintest.Peer {
	t.Helper()
	c := logintest.PeerConfig{Engine: engine, Shape: shape, Password: peerPassword, Accounts: peerPeople, Client: map[string]any{
		"client_id": "carnet", "client_secret": peerSecret, "redirect_uris": []string{site + login.CallbackPath(profile)}, "post_logout_redirect_uris": []string{site + "/"}}}
	if change != nil {
		change(&c)
	}
	return logintest.StartPeer(t, c)
}

// enter goes from the site to the provider and back.
func (p *place) enter(t *testing.T, b *logintest.Browser, identifier string) {
	t.Helper()
	b.Get(p.url + "/").Press("/connexion").Send(map[string]string{"identifier": identifier, "password": peerPassword, "action": "login"})
}

func TestPeerAsFranceConnect(t *testing.T) {
	for version, engine := range engines {
		t.Run("oidc-provider "+version, func(t *testing.T) {
			server, h := listen(t)
			op := peer(t, engine, "fc", server.URL, "franceconnect", nil)
			site := newPlace(t, server, h, preset(t, "franceconnect", op, nil))
			b := logintest.NewBrowser(t)
			site.enter(t, b, "camille.fougere")
			if site.err != nil || b.Page.Status != http.StatusOK {
				t.Fatalf("%v: status %d %s", site.err, b.Page.Status, b.Page.Body)
			}
			person, err := site.identity.Claims.Person()
			if err != nil || person.BirthName.Reveal() != "FOUGÈRE" || person.UsedName.Reveal() != "LAURIER" || person.Given() != "Camille Rose" || person.BirthPlace != "00999" {
				t.Errorf("%v %s", err, person.BirthName.Reveal())
			}
			if site.identity.ACR != "eidas1" || !regexp.MustCompile(`^[0-9a-f]{64}v1$`).MatchString(site.identity.Subject.Reveal()) || site.identity.AuthTime.IsZero() {
				t.Errorf("%+v", site.identity)
			}
			t.Run("logout goes there and comes back", func(t *testing.T) {
				b.Press("/deconnexion").Send(map[string]string{"logout": "yes"})
				if b.Page.URL.Path != "/" || !strings.HasPrefix(b.Page.URL.String(), site.url) || !strings.Contains(b.Page.Body, "Entrer") {
					t.Errorf("at %s: %s", b.Page.URL, b.Page.Body)
				}
			})
			t.Run("the person leaves", func(t *testing.T) {
				logintest.NewBrowser(t).Get(site.url + "/").Press("/connexion").Send(map[string]string{"action": "quit"})
				if carnet.CodeOf(site.err) != login.CodeDenied {
					t.Errorf("%v", site.err)
				}
			})
			t.Run("what is promised", func(t *testing.T) { promises(t, site.provider) })
			t.Run("PKCE is refused there, as by FranceConnect", func(t *testing.T) {
				with := newPlace(t, server, h, preset(t, "franceconnect", op, func(p *login.Profile) { p.PKCE = true }))
				b := logintest.NewBrowser(t).Get(with.url + "/").Press("/connexion")
				if b.Page.Status != http.StatusBadRequest || !strings.Contains(b.Page.Body, "Y030007") {
					t.Errorf("status %d: %s", b.Page.Status, b.Page.Body)
				}
			})
			t.Run("a wrong secret", func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "other")
				if err := os.WriteFile(file, []byte(strings.ToUpper(peerSecret)), 0o600); err != nil {
					t.Fatal(err)
				}
				with := newPlace(t, server, h, preset(t, "franceconnect", op, func(p *login.Profile) { p.SecretFile = file }))
				with.enter(t, logintest.NewBrowser(t), "camille.fougere")
				if carnet.CodeOf(with.err) != login.CodeRefused {
					t.Errorf("%v", with.err)
				}
			})
		})
	}
}

// promises fails for each promise of the metadata that is not what the profile asks.
func promises(t *testing.T, p *login.Provider) {
	t.Helper()
	findings, err := p.Check(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, f := range findings {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
}

func TestPeerAsFranceConnectPlus(t *testing.T) {
	for version, engine := range engines {
		for _, alg := range []string{"ECDH-ES", "RSA-OAEP-256"} {
			t.Run("oidc-provider "+version+" with "+alg, func(t *testing.T) {
				file := keyFile(t, alg == "ECDH-ES")
				server, h := listen(t)
				// The public key that the peer encrypts for is what the site publishes.
				ours := keysOf(t, func(p *login.Profile) { p.EncKeys = []string{file} })
				op := peer(t, engine, "fc-plus", server.URL, "franceconnect-plus", func(c *logintest.PeerConfig) { c.Client["jwks"], c.Encryption = ours, alg })
				site := newPlace(t, server, h, preset(t, "franceconnect-plus", op, func(p *login.Profile) { p.EncKeys = []string{file} }))
				b := logintest.NewBrowser(t)
				site.enter(t, b, "camille.fougere")
				if site.err != nil {
					t.Fatal(site.err)
				}
				if person, err := site.identity.Claims.Person(); err != nil || person.BirthName.Reveal() != "FOUGÈRE" {
					t.Error(err)
				}
				if site.identity.ACR != "eidas2" || strings.Count(site.identity.IDToken.Reveal(), ".") != 2 {
					t.Errorf("level %s, a token of %d parts is kept", site.identity.ACR, strings.Count(site.identity.IDToken.Reveal(), ".")+1)
				}
				promises(t, site.provider)
				t.Run("logout with the decrypted token", func(t *testing.T) {
					if b.Press("/deconnexion").Send(map[string]string{"logout": "yes"}); !strings.HasPrefix(b.Page.URL.String(), site.url) {
						t.Errorf("at %s: %s", b.Page.URL, b.Page.Body)
					}
				})
			})
		}
		t.Run("oidc-provider "+version+", a level too low", func(t *testing.T) {
			file := keyFile(t, true)
			server, h := listen(t)
			ours := keysOf(t, func(p *login.Profile) { p.EncKeys = []string{file} })
			op := peer(t, engine, "fc-plus", server.URL, "franceconnect-plus", func(c *logintest.PeerConfig) { c.Client["jwks"] = ours })
			site := newPlace(t, server, h, preset(t, "franceconnect-plus", op, func(p *login.Profile) { p.EncKeys, p.ACRMin = []string{file}, "eidas3" }))
			site.enter(t, logintest.NewBrowser(t), "camille.fougere")
			if carnet.CodeOf(site.err) != login.CodeLevel {
				t.Errorf("%v", site.err)
			}
		})
	}
}

func TestPeerWithPrivateKeyJWT(t *testing.T) {
	for version, engine := range engines {
		t.Run("oidc-provider "+version, func(t *testing.T) {
			file := keyFile(t, true)
			server, h := listen(t)
			private := func(p *login.Profile) { p.AuthMethod, p.SecretFile, p.KeyFile = login.PrivateKeyJWT, "", file }
			ours := keysOf(t, private)
			op := peer(t, engine, "psc", server.URL, "pro-sante-connect", func(c *logintest.PeerConfig) {
				delete(c.Client, "client_secret")
				c.Client["jwks"], c.Client["token_endpoint_auth_method"] = ours, "private_key_jwt"
			})
			site := newPlace(t, server, h, preset(t, "pro-sante-connect-ciba", op, private))
			site.enter(t, logintest.NewBrowser(t), peerNumber)
			if site.err != nil {
				t.Error(site.err)
			}
			c, err := site.provider.Push(t.Context(), login.PushRequest{Number: carnet.Hide(peerNumber), Binding: "42"})
			if err != nil {
				t.Fatal(err)
			}
			op.Answer(t, peerNumber, "approve", "42")
			if _, err := collect(t, site.provider, c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPeerAsProSanteConnect(t *testing.T) {
	for version, engine := range engines {
		t.Run("oidc-provider "+version+", by code", func(t *testing.T) {
			server, h := listen(t)
			op := peer(t, engine, "psc", server.URL, "pro-sante-connect", nil)
			site := newPlace(t, server, h, preset(t, "pro-sante-connect", op, nil))
			site.enter(t, logintest.NewBrowser(t), peerNumber)
			if site.err != nil {
				t.Fatal(site.err)
			}
			p, err := site.identity.Claims.Professional()
			if err != nil || p.Number.Reveal() != peerNumber || len(p.Situations) != 1 || p.Situations[0].Profession != carnet.Physician {
				t.Errorf("%v %+v", err, p)
			}
			promises(t, site.provider)
		})
	}
}

func TestPeerAsProConnect(t *testing.T) {
	for version, engine := range engines {
		t.Run("oidc-provider "+version, func(t *testing.T) {
			server, h := listen(t)
			op := peer(t, engine, "proconnect", server.URL, "proconnect", nil)
			site := newPlace(t, server, h, preset(t, "proconnect", op, func(p *login.Profile) { p.SIRET = []string{peerSIRET} }))
			site.enter(t, logintest.NewBrowser(t), "iris.genet")
			if site.err != nil {
				t.Fatal(site.err)
			}
			s, err := site.identity.Claims.Staff()
			if err != nil || s.SIRET != peerSIRET || s.FamilyName.Reveal() != "GENÊT" || !strings.HasSuffix(site.identity.ACR, "-mfa") && site.identity.ACR < "eidas2" {
				t.Errorf("%v, level %s, organisation %s", err, site.identity.ACR, s.SIRET)
			}
			promises(t, site.provider)
			t.Run("another organisation", func(t *testing.T) {
				other := newPlace(t, server, h, preset(t, "proconnect", op, func(p *login.Profile) { p.SIRET = []string{"99999999999999"} }))
				if other.enter(t, logintest.NewBrowser(t), "iris.genet"); carnet.CodeOf(other.err) != login.CodeOrganisation {
					t.Error(other.err)
				}
			})
			t.Run("acr_values is refused there, as by ProConnect", func(t *testing.T) {
				with := newPlace(t, server, h, preset(t, "proconnect", op, func(p *login.Profile) { p.ACRBy = login.ACRByValues }))
				b := logintest.NewBrowser(t).Get(with.url + "/").Press("/connexion")
				if b.Page.Status != http.StatusBadRequest || !strings.Contains(b.Page.Body, "Y000400") {
					t.Errorf("status %d: %s", b.Page.Status, b.Page.Body)
				}
			})
		})
	}
}

// collect waits for the interval, as a site does, and for the next one while nobody has answered.
func collect(t *testing.T, p *login.Provider, c login.Pushed) (login.Identity, error) {
	t.Helper()
	for {
		id, err := p.Collect(t.Context(), c)
		if carnet.CodeOf(err) != login.CodePending {
			return id, err
		}
	}
}

func TestPeerOfCalls(t *testing.T) {
	for version, engine := range engines {
		t.Run("oidc-provider "+version, func(t *testing.T) {
			op := peer(t, engine, "psc", "http://localhost:1", "pro-sante-connect", nil)
			p, err := login.NewProvider(preset(t, "pro-sante-connect-ciba", op, func(p *login.Profile) { p.CIBA.Context = true }), time.Now, rand.Reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			promises(t, p)
			push := func(t *testing.T, number string) (login.Pushed, error) {
				t.Helper()
				return p.Push(t.Context(), login.PushRequest{Number: carnet.Hide(number), Binding: "42", Lifetime: time.Minute, Context: login.PushContext{Service: "Vaccin Covid", Digits: 2}})
			}
			begin := func(t *testing.T) login.Pushed {
				t.Helper()
				c, err := push(t, peerNumber)
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			t.Run("nominal, with the context on the phone; replay", func(t *testing.T) {
				c := begin(t)
				calls := op.Calls(t)
				var context map[string]any
				if len(calls) != 1 || calls[0].Binding != "42" || calls[0].Channel != "MOBILE" || json.Unmarshal([]byte(calls[0].Context), &context) != nil || context["service"] != "Vaccin Covid" {
					t.Errorf("%+v", calls)
				}
				if !c.ExpiresAt.Equal(c.At.Add(time.Minute)) {
					t.Errorf("lives for %s", c.ExpiresAt.Sub(c.At))
				}
				if _, err := p.Collect(t.Context(), login.Pushed{RequestID: c.RequestID, Number: c.Number, At: c.At, ExpiresAt: c.ExpiresAt}); carnet.CodeOf(err) != login.CodePending {
					t.Errorf("before an answer: %v", err)
				}
				op.Answer(t, peerNumber, "approve", "42")
				id, err := collect(t, p, c)
				if err != nil || id.ACR != "eidas1" || id.AuthTime.IsZero() {
					t.Fatalf("%v", err)
				}
				if pro, err := id.Claims.Professional(); err != nil || pro.Number.Reveal() != peerNumber {
					t.Error(err)
				}
				if _, err := collect(t, p, c); carnet.CodeOf(err) != login.CodeRefused {
					t.Errorf("replay: %v", err)
				}
			})
			t.Run("another number typed on the phone", func(t *testing.T) {
				c := begin(t)
				op.Answer(t, peerNumber, "approve", "43")
				if _, err := collect(t, p, c); carnet.CodeOf(err) != login.CodeDenied {
					t.Error(err)
				}
			})
			t.Run("refused", func(t *testing.T) {
				c := begin(t)
				op.Answer(t, peerNumber, "deny", "")
				if _, err := collect(t, p, c); carnet.CodeOf(err) != login.CodeDenied {
					t.Error(err)
				}
			})
			t.Run("it was not me", func(t *testing.T) {
				c := begin(t)
				op.Answer(t, peerNumber, "report", "")
				if _, err := collect(t, p, c); carnet.CodeOf(err) != login.CodeReported {
					t.Error(err)
				}
			})
			t.Run("unknown number", func(t *testing.T) {
				if _, err := push(t, "99700218896"); carnet.CodeOf(err) != login.CodeUnknownUser {
					t.Error(err)
				}
			})
			t.Run("a request that is none", func(t *testing.T) {
				c := begin(t)
				c.RequestID = carnet.Hide("not-one-of-theirs")
				if _, err := collect(t, p, c); carnet.CodeOf(err) != login.CodeRefused {
					t.Error(err)
				}
			})
		})
	}
}

// TestPeersAlone is run A between two parts that others wrote: it tells a fault of the set-up from
// one of ours.
func TestPeersAlone(t *testing.T) {
	op := peer(t, "oidc-provider", "psc", "http://localhost:1", "pro-sante-connect", nil)
	var got map[string]string
	if err := json.Unmarshal(logintest.StartScript(t, "ciba.mjs", map[string]string{
		"discovery": op.Discovery, "control": op.Control, "client_id": "carnet", "client_secret": peerSecret, "number": peerNumber, "unknown": "899700218896",
	}).Line, &got); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]string{
		"nominal": "eidas1", "early": "authorization_pending", "replay": "invalid_grant", "denial": "access_denied", "expiry": "expired_token",
		"binding": "invalid_binding_message", "unknown": "unknown_user_id",
	} {
		if got[step] != want {
			t.Errorf("%s: %q, want %q", step, got[step], want)
		}
	}
}
