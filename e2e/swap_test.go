package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/sandbox"
)

// The swap test: one suite of logins on the program as it is built, first with its own sandbox,
// then with npm oidc-provider set up as FranceConnect and FranceConnect+, in the newest
// version and in the one nearest to FranceConnect's. Between the runs nothing but the
// configuration file changes.

const (
	swapSecret   = "a-secret-of-the-tests-and-of-nothing-else"
	swapPassword = "a-password-of-the-tests"
)

// swap is one way to run the program: what the configuration says, and how people log in at the
// provider that it names.
type swap struct {
	name     string
	site     string // that the configuration changes; empty: none
	shape    string // of the peer
	preset   string
	keys     string // more of the profile
	engine   string
	flags    []string // of the sandbox
	password string
}

var swaps = func() (list []swap) {
	list = append(list, swap{name: "the sandbox"}, swap{name: "the sandbox as FranceConnect+", flags: []string{"--sandbox-citizens", "fc-plus", "--port-fc-plus", "0"}})
	for version, engine := range map[string]string{"9.13.3": "oidc-provider", "9.1.3": "oidc-provider-old"} {
		list = append(list,
			swap{name: "oidc-provider " + version + " as FranceConnect", site: "attestation", shape: "fc", preset: "franceconnect", engine: engine},
			swap{name: "oidc-provider " + version + " as FranceConnect+", site: "attestation", shape: "fc-plus", preset: "franceconnect-plus", keys: "enc_keys = [\"enc.pem\"]\n", engine: engine},
		)
	}
	return list
}()

// freePort is a port that is free at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// claims are what a peer says about the people of the sandbox, in the words of the provider that it
// plays.
func claims(world sandbox.World) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, p := range world.People {
		place, country := p.Identity.BirthPlace, "99100"
		if strings.HasPrefix(place, "99") {
			place, country = "", p.Identity.BirthPlace
		}
		gender := map[string]string{"F": "female", "M": "male"}[string(p.Identity.Sex)]
		all[p.Identifier] = map[string]any{"given_name": p.Identity.Given(), "family_name": p.Identity.BirthName.Reveal(), "birthdate": p.Identity.Birth.ISO(),
			"gender": gender, "birthplace": place, "birthcountry": country, "email": p.Email.Reveal()}
	}
	for _, p := range world.Professionals {
		var activities []map[string]any
		for _, place := range p.Professional.Places {
			activities = append(activities, map[string]any{"numeroFinessSite": place.ID, "raisonSocialeSite": place.Name, "libelleCommune": place.Commune})
		}
		all[p.Identifier] = map[string]any{"given_name": p.Professional.GivenName.Reveal(), "family_name": p.Professional.FamilyName.Reveal(),
			"SubjectNameID": p.Professional.Number.Reveal(),
			"SubjectRefPro": map[string]any{"exercices": []any{map[string]any{"codeProfession": p.Professional.Profession, "activities": activities}}}}
	}
	return all
}

// start starts the program with a provider of the configuration, if any.
func (s *swap) start(t *testing.T, world sandbox.World) *carnet {
	t.Helper()
	dir := t.TempDir()
	if s.site == "" {
		s.password = world.Password()
		return serve(t, dir, s.flags...)
	}
	s.password = swapPassword
	port := freePort(t)
	origin := fmt.Sprintf("http://localhost:%d", port)
	profile, err := login.Preset(s.preset)
	if err != nil {
		t.Fatal(err)
	}
	peer := logintest.PeerConfig{Engine: s.engine, Shape: s.shape, Password: s.password, Accounts: claims(world), Client: map[string]any{
		"client_id": "carnet", "client_secret": swapSecret,
		"redirect_uris": []string{origin + login.CallbackPath(profile.Name)}, "post_logout_redirect_uris": []string{origin + "/"}}}
	if s.shape == "fc-plus" { // the provider reads our key where the site publishes it
		peer.Client["jwks_uri"] = origin + login.KeysPath
	}
	op := logintest.StartPeer(t, peer)
	write(t, filepath.Join(dir, "secret"), swapSecret)
	write(t, filepath.Join(dir, "enc.pem"), encPEM)
	write(t, filepath.Join(dir, "carnet.toml"), fmt.Sprintf("[login.%s]\npreset = %q\nissuer = %q\ndiscovery_url = %q\nhosts = []\nclient_id = \"carnet\"\nsecret_file = \"secret\"\n%s",
		s.site, s.preset, op.Issuer, op.Discovery, s.keys))
	return serve(t, dir, "--config", filepath.Join(dir, "carnet.toml"), "--port-"+s.site, fmt.Sprint(port))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// encPEM is the private key that tokens of these tests are encrypted for; it protects nothing.
const encPEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r
M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1
-----END PRIVATE KEY-----
`

// enter goes from a site to its provider and back, as a person does.
func (s *swap) enter(t *testing.T, b *logintest.Browser, site, identifier, password string) {
	t.Helper()
	b.Get(site + "/").Press("/connexion")
	for range 4 { // a federation asks first which identity provider, and at the end whether to go on
		switch {
		case strings.HasPrefix(b.Page.URL.String(), site):
			return
		case b.Page.Offers("laposte"):
			b.Choose("laposte")
		case b.Page.Offers("continue"):
			b.Choose("continue")
		case b.Page.Has("password"):
			b.Send(map[string]string{"identifier": identifier, "password": password, "action": "login"})
		default:
			t.Fatalf("no way on at %s: status %d\n%s", b.Page.URL, b.Page.Status, b.Page.Body)
		}
	}
}

func TestSwap(t *testing.T) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range swaps {
		t.Run(s.name, func(t *testing.T) {
			c := s.start(t, world)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(c.logged(t))
				}
			})
			t.Run("an insured person logs in, is known, and leaves", func(t *testing.T) { s.insured(t, c, world.People[0]) })
			t.Run("somebody who refuses at the provider is told so", func(t *testing.T) { s.refuses(t, c.attest) })
			c.stop(t)
			for _, secret := range []string{swapSecret, s.password, "eyJ", world.People[0].Identity.BirthName.Reveal()} {
				if strings.Contains(c.logged(t), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
		})
	}
}

func (s *swap) insured(t *testing.T, c *carnet, person sandbox.Insured) {
	b := logintest.NewBrowser(t)
	s.enter(t, b, c.attest, person.Identifier, s.password)
	if b.Page.Status != http.StatusOK || !strings.Contains(b.Page.Body, person.Identity.BirthName.Reveal()) {
		t.Fatalf("at %s: status %d\n%s", b.Page.URL, b.Page.Status, b.Page.Body)
	}
	s.leave(t, b, c.attest)
	if b.Get(c.attest + "/ma-vaccination"); strings.Contains(b.Page.Body, person.Identity.BirthName.Reveal()) {
		t.Errorf("the session outlives the logout, at %s", b.Page.URL)
	}
}

func (s *swap) leave(t *testing.T, b *logintest.Browser, site string) {
	t.Helper()
	if b.Press("/deconnexion"); b.Page.Has("logout") {
		b.Send(map[string]string{"logout": "yes"})
	}
	if !strings.HasPrefix(b.Page.URL.String(), site+"/") {
		t.Errorf("after the logout at %s", b.Page.URL)
	}
}

func (s *swap) refuses(t *testing.T, site string) {
	b := logintest.NewBrowser(t)
	b.Get(site + "/").Press("/connexion").Choose("quit")
	if !strings.HasPrefix(b.Page.URL.String(), site) || b.Page.Status >= 500 || b.Page.Status == http.StatusOK {
		t.Errorf("at %s: status %d", b.Page.URL, b.Page.Status)
	}
}
