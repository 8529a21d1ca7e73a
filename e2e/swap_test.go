package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone/phonetest"
)

// The swap test: one suite of logins on the program as it is built, first with its own sandbox,
// then with npm oidc-provider set up as FranceConnect, FranceConnect+ and Pro Santé Connect (its
// page, and the telephone), in the newest version and in the one nearest to FranceConnect's.
// Between the runs nothing but the configuration changes.

const (
	swapSecret   = "a-secret-of-the-tests-and-of-nothing-else"
	swapPassword = "a-password-of-the-tests"
)

// swap is one way to run the program: what the configuration says, and how people log in at the
// provider that it names.
type swap struct {
	name   string
	site   string // that the configuration changes; empty: none
	shape  string // of the peer
	preset string
	keys   string // more of the profile
	engine string
	flags  []string // of the sandbox

	telephone bool // professionals log in by telephone too
	password  string
	peer      *logintest.Peer // nil: the sandbox
}

var swaps = func() (list []swap) {
	list = append(list, swap{name: "the sandbox", telephone: true}, swap{name: "the sandbox as FranceConnect+", flags: []string{"--sandbox-citizens", "fc-plus", "--port-fc-plus", "0"}})
	for version, engine := range map[string]string{"9.13.3": "oidc-provider", "9.1.3": "oidc-provider-old"} {
		list = append(list,
			swap{name: "oidc-provider " + version + " as FranceConnect", site: "attestation", shape: "fc", preset: "franceconnect", engine: engine},
			swap{name: "oidc-provider " + version + " as FranceConnect+", site: "attestation", shape: "fc-plus", preset: "franceconnect-plus", keys: "enc_keys = [\"enc.pem\"]\n", engine: engine},
			swap{name: "oidc-provider " + version + " as Pro Santé Connect", site: "pro", shape: "psc", preset: "pro-sante-connect", keys: "id_token_algs = [\"ES256\"]\n", engine: engine},
			swap{name: "oidc-provider " + version + " as Pro Santé Connect by telephone", site: "pro", shape: "psc", preset: "pro-sante-connect-ciba", engine: engine,
				keys: "id_token_algs = [\"ES256\"]\n[login.pro.ciba]\ncontext = true\n", telephone: true},
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
		who := map[string]any{"given_name": p.Professional.GivenName.Reveal(), "family_name": p.Professional.FamilyName.Reveal(),
			"SubjectNameID": p.Professional.Number.Reveal(),
			"SubjectRefPro": map[string]any{"exercices": []any{map[string]any{"codeProfession": p.Professional.Profession, "activities": activities}}}}
		all[p.Identifier], all[p.Professional.Number.Reveal()] = who, who // the page knows one, the phone the other
	}
	return all
}

// start starts the program with a provider of the configuration, if any.
func (s *swap) start(t *testing.T, world sandbox.World) *carnet {
	t.Helper()
	dir := t.TempDir()
	if s.site == "" {
		s.password = world.Password()
		return serve(t, dir, append(s.flags, noPorts...)...)
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
	s.peer = op
	write(t, filepath.Join(dir, "secret"), swapSecret)
	write(t, filepath.Join(dir, "enc.pem"), encPEM)
	write(t, filepath.Join(dir, "carnet.toml"), fmt.Sprintf("[login.%s]\npreset = %q\nissuer = %q\ndiscovery_url = %q\nhosts = []\nclient_id = \"carnet\"\nsecret_file = \"secret\"\n%s",
		s.site, s.preset, op.Issuer, op.Discovery, s.keys))
	return serve(t, dir, append([]string{"--config", filepath.Join(dir, "carnet.toml"), "--port-" + s.site, fmt.Sprint(port)}, noPorts...)...)
}

// noPorts are sites that these tests do not look at.
var noPorts = []string{"--port-protection", "0", "--port-proconnect", "0"}

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
			if s.site != "pro" {
				t.Run("an insured person logs in, is known, and leaves", func(t *testing.T) { s.insured(t, c, world.People[0]) })
				t.Run("somebody who refuses at the provider is told so", func(t *testing.T) { s.refuses(t, c.attest) })
			}
			if s.site != "attestation" && len(s.flags) == 0 {
				who := world.Professionals[0]
				t.Run("a professional logs in by the provider's page, is known, and leaves", func(t *testing.T) { s.byPage(t, c, who) })
				t.Run("a professional who refuses at the provider is told so", func(t *testing.T) { s.refuses(t, c.pro) })
				if s.telephone {
					s.byTelephone(t, c, who)
				}
			}
			if s.site == "attestation" {
				t.Run("ATT-37 the service neither asks for the password of the provider nor stores it", func(t *testing.T) { s.keepsNoPassword(t, c) })
			}
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

func (s *swap) byPage(t *testing.T, c *carnet, who sandbox.Practitioner) {
	b := logintest.NewBrowser(t)
	s.enter(t, b, c.pro, who.Identifier, s.password)
	s.inside(t, b, c, who)
}

// inside opens the session of somebody whom the provider vouched for, and leaves.
func (s *swap) inside(t *testing.T, b *logintest.Browser, c *carnet, who sandbox.Practitioner) {
	t.Helper()
	if b.Page.Status != http.StatusOK || !strings.Contains(b.Page.Body, who.Professional.FamilyName.Reveal()) {
		t.Fatalf("at %s: status %d\n%s", b.Page.URL, b.Page.Status, b.Page.Body)
	}
	places := b.Page.Choices("situation")
	if len(places) == 0 {
		t.Fatalf("no place to choose:\n%s", b.Page.Body)
	}
	b.Send(map[string]string{"situation": places[0]})
	if b.Page.Status != http.StatusOK || !b.Page.Has("nir") {
		t.Fatalf("no session: at %s: status %d\n%s", b.Page.URL, b.Page.Status, b.Page.Body)
	}
	s.leave(t, b, c.pro)
	if b.Get(c.pro + "/"); b.Page.Has("nir") {
		t.Error("the session outlives the logout")
	}
}

// telephone is the phone of a professional.
type telephone interface {
	approve(t *testing.T, shown, typed string)
	refuse(t *testing.T, shown string)
}

// atSandbox is a phone of the sandbox.
type atSandbox struct{ *phonetest.Phone }

// request takes the request that rang, or looks for the one with the digits of the computer.
func (p atSandbox) request(t *testing.T, digits string) phonetest.Request {
	t.Helper()
	list, err := p.Requests()
	if err != nil {
		t.Fatal(err)
	}
	var r phonetest.Request
	if len(list) == 1 {
		r = list[0]
	} else if r, err = p.Find(digits); err != nil {
		t.Fatal(err)
	}
	if err := p.Show(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// decide waits when the request must be read first. typed is what is typed, if not what is shown.
func (p atSandbox) decide(t *testing.T, decision, shown, typed string) {
	t.Helper()
	r := p.request(t, shown)
	_, err := p.Decide(r, decision, typed, phonetest.Code)
	f, ok := errors.AsType[*phonetest.Fault](err)
	if ok && f.Code == "phone.early" {
		time.Sleep(time.Duration(f.Wait) * time.Millisecond)
		if _, err = p.Requests(); err == nil { // the time of the server
			_, err = p.Decide(r, decision, typed, phonetest.Code)
			f, ok = errors.AsType[*phonetest.Fault](err)
		}
	}
	if err != nil && (!ok || f.Code != "phone.number") { // a wrong number is a refusal
		t.Fatal(err)
	}
}

func (p atSandbox) approve(t *testing.T, shown, typed string) {
	t.Helper()
	p.decide(t, "approve", shown, typed)
}
func (p atSandbox) refuse(t *testing.T, shown string) { t.Helper(); p.decide(t, "decline", shown, "") }

// atPeer is the phone of a number at a peer.
type atPeer struct {
	peer   *logintest.Peer
	number string
}

func (p atPeer) approve(t *testing.T, _, typed string) {
	t.Helper()
	p.peer.Answer(t, p.number, "approve", typed)
}
func (p atPeer) refuse(t *testing.T, _ string) { t.Helper(); p.peer.Answer(t, p.number, "deny", "") }

var (
	sandboxPhones = regexp.MustCompile(`(http://localhost:\d+)/wallet`)
	shownDigits   = regexp.MustCompile(`(?s)<p class="code"[^>]*>(.*?)</p>`)
	element       = regexp.MustCompile(`<[^>]*>`)
)

// call types a number on the page of a site and returns the digits that the waiting page shows.
func call(t *testing.T, b *logintest.Browser, site, number string) string {
	t.Helper()
	b.Get(site + "/").Send(map[string]string{"number": number})
	m := shownDigits.FindStringSubmatch(b.Page.Body)
	if m == nil {
		t.Fatalf("no number to type at %s: status %d\n%s", b.Page.URL, b.Page.Status, b.Page.Body)
	}
	return element.ReplaceAllString(m[1], "")
}

// await looks at the waiting page until it is another.
func await(t *testing.T, b *logintest.Browser) {
	t.Helper()
	page := b.Page.URL.String()
	for range 60 {
		if b.Get(page); b.Page.URL.String() != page || b.Page.Status != http.StatusOK {
			return
		}
		time.Sleep(250 * time.Millisecond) // the provider is not asked more often than it wants
	}
	t.Fatalf("still waiting: %s", b.Page.Body)
}

func (s *swap) byTelephone(t *testing.T, c *carnet, who sandbox.Practitioner) {
	number := who.Professional.Number.Reveal()
	var phone telephone = atPeer{s.peer, number}
	if s.peer == nil {
		phone = atSandbox{phonetest.Give(t, sandboxPhones.FindStringSubmatch(c.printed())[1], who.Identifier, rand.Reader)}
	}
	t.Run("a professional logs in by telephone, is known, and leaves; the next session asks again", func(t *testing.T) {
		for range 2 {
			b := logintest.NewBrowser(t)
			digits := call(t, b, c.pro, number[1:])
			phone.approve(t, digits, digits)
			await(t, b)
			s.inside(t, b, c, who)
		}
	})
	t.Run("another number typed on the telephone opens nothing", func(t *testing.T) {
		b := logintest.NewBrowser(t)
		digits := call(t, b, c.pro, number)
		wrong := "1" + digits[1:]
		if wrong == digits {
			wrong = "2" + digits[1:]
		}
		phone.approve(t, digits, wrong)
		if await(t, b); b.Page.Status != http.StatusForbidden {
			t.Errorf("at %s: status %d", b.Page.URL, b.Page.Status)
		}
	})
	t.Run("a refusal opens nothing, and says so", func(t *testing.T) {
		b := logintest.NewBrowser(t)
		phone.refuse(t, call(t, b, c.pro, number))
		if await(t, b); b.Page.Status != http.StatusForbidden {
			t.Errorf("at %s: status %d", b.Page.URL, b.Page.Status)
		}
	})
	t.Run("a browser that left opens nothing, whatever the telephone says later", func(t *testing.T) {
		b := logintest.NewBrowser(t)
		digits := call(t, b, c.pro, number)
		page := b.Page.URL.String()
		b.Press("/quitter")
		if s.peer != nil { // nothing takes a call back there
			phone.approve(t, digits, digits)
		}
		if b.Get(page); b.Page.Status == http.StatusOK && !b.Page.Has("number") {
			t.Errorf("at %s: status %d", b.Page.URL, b.Page.Status)
		}
	})
	t.Run("a number that nobody has looks like one that waits", func(t *testing.T) {
		b := logintest.NewBrowser(t)
		if call(t, b, c.pro, "99700218896") == "" {
			t.Error("no number to type")
		}
		if b.Get(b.Page.URL.String()); b.Page.Status != http.StatusOK || !shownDigits.MatchString(b.Page.Body) {
			t.Errorf("at %s: status %d", b.Page.URL, b.Page.Status)
		}
	})
}

// keepsNoPassword looks at the pages and the disk of a service whose provider is another program:
// people have logged in there with their password.
func (s *swap) keepsNoPassword(t *testing.T, c *carnet) {
	b := logintest.NewBrowser(t)
	for _, page := range []string{"/", "/ma-vaccination"} {
		if b.Get(c.attest + page); !strings.HasPrefix(b.Page.URL.String(), c.attest) || strings.Contains(b.Page.Body, `type="password"`) {
			t.Errorf("%s asks for a password, at %s", page, b.Page.URL)
		}
	}
	if found := find(t, c.dir, []string{swapPassword}); len(found) > 0 {
		t.Error(found)
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
