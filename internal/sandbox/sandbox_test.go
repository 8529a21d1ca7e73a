package sandbox_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
)

// world is a running sandbox with one site at each issuer.
type world struct {
	sandbox     *sandbox.Sandbox
	dir         string
	attestation *site // at fc
	plus        *site // at fc-plus
	pro         *site
	protection  *site // at proconnect
	fc, psc     *httptest.Server
	fcPlus, pc  *httptest.Server
	idps        map[string]*httptest.Server
	broken      atomic.Bool // identity providers do not give user information
	later       *offset
	log         *strings.Builder
}

// offset is a clock that runs with the machine's, and can be put forward.
type offset struct {
	mu sync.Mutex
	d  time.Duration
}

func (o *offset) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Add(o.d)
}

func (o *offset) forward(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.d += d
}

// site is a site of ours that logs people in.
type site struct {
	*login.Site
	server   *httptest.Server
	provider *login.Provider
	identity login.Identity
	err      error
	seen     atomic.Bool // the last view of the home page was with a session
}

func (s *site) inside() bool { return s.seen.Load() }

// start makes servers first, so that their addresses are known, then what they serve.
func start(t *testing.T, dir string) *world { return startWith(t, dir) }

// startWith adds clients of the platform +, whose answers the tests take.
func startWith(t *testing.T, dir string, more ...sandbox.Client) *world {
	t.Helper()
	return startAll(t, dir, more, nil)
}

// startPeer adds a client to every issuer.
func startPeer(t *testing.T, dir string, everywhere sandbox.Client) *world {
	t.Helper()
	return startAll(t, dir, nil, []sandbox.Client{everywhere})
}

func startAll(t *testing.T, dir string, more, everywhere []sandbox.Client) *world {
	t.Helper()
	w := &world{dir: dir, later: &offset{}, log: &strings.Builder{}}
	listen := func(h *http.Handler) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*h).ServeHTTP(rw, r) }))
		t.Cleanup(s.Close)
		s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		return s
	}
	var handlers [12]http.Handler
	w.fc, w.psc, w.fcPlus, w.pc = listen(&handlers[0]), listen(&handlers[1]), listen(&handlers[2]), listen(&handlers[3])
	w.attestation, w.pro = &site{server: listen(&handlers[4])}, &site{server: listen(&handlers[5])}
	w.plus, w.protection = &site{server: listen(&handlers[6])}, &site{server: listen(&handlers[7])}
	w.idps = map[string]*httptest.Server{}
	origins := map[string]string{}
	for n, name := range sandbox.IdentityProviders() {
		w.idps[name] = listen(&handlers[8+n])
		origins[name] = w.idps[name].URL
	}
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, nil))
	var err error
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	issuer := func(origin, client string, s *site, profile string, others ...sandbox.Client) sandbox.IssuerConfig {
		first := sandbox.Client{Name: client, RedirectURI: s.server.URL + login.CallbackPath(profile), SignedOutURI: s.server.URL + "/"}
		return sandbox.IssuerConfig{Origin: origin, Clients: slices.Concat([]sandbox.Client{first}, others, everywhere)}
	}
	plus := issuer(w.fcPlus.URL, "Carnet, attestation", w.plus, "fc-plus", w.others()...)
	for _, c := range more {
		c.RedirectURI, c.SignedOutURI = w.attestation.server.URL+"/retour", w.attestation.server.URL+"/sorti"
		plus.Clients = append(plus.Clients, c)
	}
	plus.Clients[0].KeysURI = w.plus.server.URL + login.KeysPath
	w.sandbox, err = sandbox.New(sandbox.Config{
		Dir: dir, Clock: w.later.now, Rand: rand.Reader, Log: log,
		FC:                issuer(w.fc.URL, "Carnet, attestation", w.attestation, "fc", w.others()...),
		FCPlus:            plus,
		PSC:               issuer(w.psc.URL, "Carnet, professionnels", w.pro, "psc"),
		ProConnect:        issuer(w.pc.URL, "Carnet, protection des données", w.protection, "proconnect"),
		IdentityProviders: origins,
	})
	if err != nil {
		t.Fatal(err)
	}
	handlers[0], handlers[1], handlers[2], handlers[3] = w.sandbox.FC, w.sandbox.PSC, w.sandbox.FCPlus, w.sandbox.ProConnect
	handlers[4] = w.attestation.serve(t, w, "attestation", protect.Insured, w.sandbox.FC.Profile())
	handlers[5] = w.pro.serve(t, w, "pro", protect.Professional, w.sandbox.PSC.Profile())
	handlers[6] = w.plus.serve(t, w, "plus", protect.Insured, w.sandbox.FCPlus.Profile())
	handlers[7] = w.protection.serve(t, w, "protection", protect.Insured, w.sandbox.ProConnect.Profile())
	for n, name := range sandbox.IdentityProviders() {
		idp := w.sandbox.IdentityProviders[name]
		handlers[8+n] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/userinfo" && w.broken.Load() {
				http.Error(rw, "broken", http.StatusInternalServerError)
				return
			}
			idp.ServeHTTP(rw, r)
		})
	}
	return w
}

// others are clients whose answers the tests take themselves. Their addresses answer nothing.
func (w *world) others() []sandbox.Client {
	back := w.attestation.server.URL
	return []sandbox.Client{
		{ID: "sister", Name: "Le service frère", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", Entity: "carnet-attestation"},
		{ID: "stranger", Name: "Un autre service", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti"},
		{ID: "queried", Name: "Avec paramètre", RedirectURI: back + "/retour?foo=bar", SignedOutURI: back + "/sorti"},
		{ID: "closed", Name: "Fermé", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", Disabled: true},
		{ID: "sectorless", Name: "Sans secteur", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", SectorURI: back + "/secteur-absent"},
		{ID: "sectored", Name: "Avec secteur", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", SectorURI: back + "/secteur"},
		{ID: "choosy", Name: "Difficile", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", IdentityProviders: []string{"laposte", "msa"}},
		{ID: "helping", Name: "Avec aidants", RedirectURI: back + "/retour", SignedOutURI: back + "/sorti", Mandates: []string{"logement"}},
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (s *site) serve(t *testing.T, w *world, name string, role protect.Role, p login.Profile) http.Handler {
	t.Helper()
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	guard := protect.NewGuard(register, carnet.IDs{Clock: w.later.now, Rand: rand.Reader})
	if s.provider, err = login.NewProvider(p, w.later.now, rand.Reader, nil); err != nil {
		t.Fatal(err)
	}
	s.Site, err = login.NewSite(login.SiteConfig{
		Name: name, Origin: s.server.URL, Role: role, Absolute: 30 * time.Minute, Idle: 15 * time.Minute,
	}, s.provider, logintest.NewMemory(), guard, w.later.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		session, err := s.Current(r)
		s.seen.Store(err == nil)
		_, _ = io.WriteString(rw, `<link rel="icon" href="data:,"><main id="main">`)
		if err == nil {
			_, _ = io.WriteString(rw, "<p>bonjour "+session.Name.Reveal()+`</p><form method="post" action="/deconnexion"><button id="deconnexion">Partir</button></form>`)
			return
		}
		_, _ = io.WriteString(rw, `<p>personne</p><form method="post" action="/connexion"><button id="connexion">Entrer</button></form>`)
	})
	mux.HandleFunc("POST /connexion", func(rw http.ResponseWriter, r *http.Request) {
		if err := s.Begin(rw, r); err != nil {
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET "+s.CallbackPath(), func(rw http.ResponseWriter, r *http.Request) {
		s.identity, s.err = s.Finish(rw, r)
		if s.err != nil {
			http.Error(rw, carnet.CodeOf(s.err), http.StatusForbidden)
			return
		}
		id, err := carnet.IDs{Clock: w.later.now, Rand: rand.Reader}.New()
		if err != nil {
			t.Error(err)
		}
		if _, err := s.Open(rw, r, login.Opening{Person: id, Name: carnet.Hide("Camille"), Identity: s.identity}); err != nil {
			t.Error(err)
		}
		http.Redirect(rw, r, s.identity.ReturnTo, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /moi", func(rw http.ResponseWriter, r *http.Request) {
		session, err := s.Current(r)
		if err != nil {
			http.Error(rw, carnet.CodeOf(err), http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(rw, "bonjour "+session.Name.Reveal())
	})
	mux.HandleFunc("GET "+login.KeysPath, func(rw http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(rw).Encode(s.provider.JWKS()); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /secteur", func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, `["`+s.server.URL+`/retour"]`)
	})
	mux.HandleFunc("POST /deconnexion", func(rw http.ResponseWriter, r *http.Request) {
		if err := s.Logout(rw, r); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// browser keeps cookies like a browser does on http://localhost: by host without port, secure
// ones too. It stops at redirects only when told to.
type browser struct {
	t    *testing.T
	jar  map[string]string
	stop func(*url.URL) bool
	last *http.Response
	body string

	foreign bool // cookies that are not ours come too, and redirects of other kinds
}

func newBrowser(t *testing.T) *browser { return &browser{t: t, jar: map[string]string{}} }

func (b *browser) do(method, address string, form url.Values) *browser {
	b.t.Helper()
	for range 12 {
		r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
		if err != nil {
			b.t.Fatal(err)
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Language", "en")
		for name, value := range b.jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		resp.Body.Close()
		b.last, b.body = resp, string(body)
		for _, c := range resp.Cookies() {
			if b.foreign && !strings.HasPrefix(c.Name, "__Host-") {
				b.jar[c.Name] = c.Value
				continue
			}
			if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
				b.t.Errorf("cookie %s is not as it should be: %v", c.Name, c)
			}
			if c.MaxAge < 0 {
				delete(b.jar, c.Name)
			} else {
				b.jar[c.Name] = c.Value
			}
		}
		if resp.StatusCode != http.StatusSeeOther && !(b.foreign && resp.StatusCode == http.StatusFound) {
			return b
		}
		next, err := r.URL.Parse(resp.Header.Get("Location"))
		if err != nil {
			b.t.Fatal(err)
		}
		if b.stop != nil && b.stop(next) {
			return b
		}
		method, address, form = http.MethodGet, next.String(), nil
	}
	b.t.Fatal("redirected for ever")
	return nil
}

func (b *browser) get(address string) *browser {
	b.t.Helper()
	return b.do(http.MethodGet, address, nil)
}

var action = regexp.MustCompile(`<form class="form" method="post" action="([^"]+)"`)

// submit sends the login form of the page at hand.
func (b *browser) submit(origin, identifier, password, button string) *browser {
	b.t.Helper()
	m := action.FindStringSubmatch(b.body)
	if m == nil {
		b.t.Fatalf("no login form (status %d):\n%s", b.last.StatusCode, b.body[:min(len(b.body), 200)])
	}
	return b.do(http.MethodPost, origin+m[1], url.Values{"identifier": {identifier}, "password": {password}, "action": {button}})
}

var (
	hidden  = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	refused = regexp.MustCompile(`<dt>[^<]*</dt><dd class="num"><a href="/codes#([A-Z0-9]+)"`)
)

// press sends the form of a federator's page with one button more.
func (b *browser) press(name, value string) *browser {
	b.t.Helper()
	m, csrf := action.FindStringSubmatch(b.body), hidden.FindStringSubmatch(b.body)
	if m == nil || csrf == nil {
		b.t.Fatalf("no form of the federator (status %d):\n%s", b.last.StatusCode, b.body[:min(len(b.body), 3000)])
	}
	form := url.Values{"csrf": {csrf[1]}, "action": {name}}
	if name == "idp" {
		form.Set("idp", value)
	}
	at := b.last.Request.URL
	return b.do(http.MethodPost, at.Scheme+"://"+at.Host+m[1], form)
}

// origin is where the page at hand is from.
func (b *browser) origin() string { return b.last.Request.URL.Scheme + "://" + b.last.Request.URL.Host }

// through goes from the chooser of a federator to the page that says what the site will learn.
func (b *browser) through(idp, identifier string) *browser {
	b.t.Helper()
	b.press("idp", idp)
	return b.submit(b.origin(), identifier, pass, "login")
}

// enter goes all the way from the chooser to the site.
func (b *browser) enter(identifier string) *browser {
	b.t.Helper()
	return b.through("ameli", identifier).press("continue", "")
}

// code is the public code on the page at hand.
func (b *browser) code() string {
	if m := refused.FindStringSubmatch(b.body); m != nil {
		return m[1]
	}
	return ""
}

// location stops a browser at the callback address and returns it.
func (b *browser) callback(path string) *browser {
	b.stop = func(u *url.URL) bool { return u.Path == path }
	return b
}

func (b *browser) location() *url.URL {
	b.t.Helper()
	u, err := url.Parse(b.last.Header.Get("Location"))
	if err != nil || u.Host == "" {
		b.t.Fatalf("no redirect (status %d)", b.last.StatusCode)
	}
	return u
}

const pass = "bac-a-sable"

func TestInsuredPersonLogsIn(t *testing.T) {
	w := start(t, t.TempDir())
	b := newBrowser(t)
	b.do("POST", w.attestation.server.URL+"/connexion", url.Values{login.FieldReturn: {"/moi"}})
	if b.last.StatusCode != 200 || !strings.Contains(b.body, "Carnet, attestation") {
		t.Fatalf("login page: %d\n%s", b.last.StatusCode, b.body)
	}
	b.enter("marguerite.aubepine")
	if b.body != "bonjour Camille" {
		t.Fatalf("after the login: %d %q (%v)", b.last.StatusCode, b.body, w.attestation.err)
	}
	got := w.attestation.identity
	if !regexp.MustCompile(`^[0-9a-f]{64}v1$`).MatchString(got.Subject.Reveal()) || got.ACR != "eidas1" || got.AuthTime.IsZero() {
		t.Errorf("identity: subject %q, acr %q", got.Subject.Reveal(), got.ACR)
	}
	person, err := got.Claims.Person()
	if err != nil {
		t.Fatal(err)
	}
	if person.BirthName.Reveal() != "AUBÉPINE" || person.UsedName.Reveal() != "LAURIER" || person.Given() != "Marguerite Ève" ||
		person.Birth.ISO() != "1948-02-29" || person.Sex != carnet.Female || person.BirthPlace != "00997" || !person.NIR.IsZero() {
		t.Errorf("traits are not those of the persona: %s %s %s %s", person.BirthName.Reveal(), person.Given(), person.Birth.ISO(), person.BirthPlace)
	}
	var claims map[string]any
	if err := got.Claims.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"email", "preferred_username", "iss", "aud", "iat", "exp"} {
		if claims[name] == nil {
			t.Errorf("claim %s is missing", name)
		}
	}
	if strings.Contains(w.log.String(), "marguerite") || strings.Contains(w.log.String(), pass) {
		t.Error("the log names the person or holds the password")
	}

	b.do("POST", w.attestation.server.URL+"/deconnexion", nil)
	if b.last.StatusCode != 200 || !strings.Contains(b.body, "personne") {
		t.Errorf("after the logout: %d %q", b.last.StatusCode, b.body)
	}
	if b.get(w.attestation.server.URL + "/moi"); b.last.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session outlives the logout: %q", b.body)
	}
}

// The platform + encrypts what it says, and our relying party reads it.
func TestInsuredPersonLogsInAtTheHigherLevel(t *testing.T) {
	w := start(t, t.TempDir())
	b := newBrowser(t).do("POST", w.plus.server.URL+"/connexion", url.Values{login.FieldReturn: {"/moi"}})
	b.through("laposte", "marguerite.aubepine").press("continue", "")
	if b.body != "bonjour Camille" {
		t.Fatalf("after the login: %d %q (%v)", b.last.StatusCode, b.body, w.plus.err)
	}
	person, err := w.plus.identity.Claims.Person()
	if err != nil || person.BirthName.Reveal() != "AUBÉPINE" || w.plus.identity.ACR != "eidas2" {
		t.Errorf("acr %s, %v", w.plus.identity.ACR, err)
	}
	if hint := w.plus.identity.IDToken.Reveal(); strings.Count(hint, ".") != 2 {
		t.Error("the hint for the log-out is not the inner token")
	}
	if b.do("POST", w.plus.server.URL+"/deconnexion", nil); b.last.StatusCode != 200 || !strings.Contains(b.body, "personne") {
		t.Errorf("after the log-out: %d", b.last.StatusCode)
	}
}

func TestProfessionalLogsIn(t *testing.T) {
	w := start(t, t.TempDir())
	b := newBrowser(t)
	b.do("POST", w.pro.server.URL+"/connexion", url.Values{login.FieldReturn: {"/moi"}}).submit(w.psc.URL, "aurelien.saule", pass, "login")
	if b.body != "bonjour Camille" {
		t.Fatalf("after the login: %d %q (%v)", b.last.StatusCode, b.body, w.pro.err)
	}
	p, err := w.pro.identity.Claims.Professional()
	if err != nil {
		t.Fatal(err)
	}
	if p.Number.Reveal() != "899700000112" || p.FamilyName.Reveal() != "SAULE" || p.GivenName.Reveal() != "Aurélien" {
		t.Errorf("professional: %s %s %s", p.Number.Reveal(), p.GivenName.Reveal(), p.FamilyName.Reveal())
	}
	if len(p.Situations) != 2 || p.Situations[0].Profession != carnet.Physician || p.Situations[1].Place.ID != "009900028" {
		t.Errorf("situations: %+v", p.Situations)
	}
	if s := w.pro.identity.Subject.Reveal(); !regexp.MustCompile(`^f:[0-9a-f-]{36}:899700000112$`).MatchString(s) {
		t.Errorf("subject %q", s)
	}
}

// Every persona that can log in is understood by our own relying party, or refused with its code.
func TestEveryPersonaIsUnderstood(t *testing.T) {
	w := start(t, t.TempDir())
	for _, p := range w.sandbox.World.People {
		if !p.CanLogIn {
			continue
		}
		t.Run(p.Identifier, func(t *testing.T) {
			idp := "ameli"
			if p.Identifier == "clovis.jasmin" {
				idp = "msa"
			}
			b := newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).through(idp, p.Identifier)
			if code := sandbox.CodeOf(p); b.code() != code {
				t.Fatalf("code %q, want %q (status %d)", b.code(), code, b.last.StatusCode)
			} else if code != "" {
				return
			}
			b.press("continue", "")
			got, err := w.attestation.identity.Claims.Person()
			if err != nil {
				t.Fatal(err)
			}
			if name := sandbox.CivilName(p); got.BirthName.Reveal() != name || got.Given() != p.Identity.Given() ||
				got.Birth.ISO() != strings.ReplaceAll(p.Identity.Birth.ISO(), "-00", "-01") {
				t.Error("the traits are not those of the persona")
			}
		})
	}
	for _, p := range w.sandbox.World.Professionals {
		t.Run(p.Identifier, func(t *testing.T) {
			newBrowser(t).do("POST", w.pro.server.URL+"/connexion", nil).submit(w.psc.URL, p.Identifier, pass, "login")
			got, err := w.pro.identity.Claims.Professional()
			if p.Identifier == "barnabe.chene" {
				if carnet.CodeOf(err) != login.CodeNotActive {
					t.Errorf("a suspended registration: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Identifier == "perrine.ajonc" {
				if len(got.Situations) != 1 || got.Situations[0].Place.ID != "" || got.FamilyName.Reveal() != "AJONC" {
					t.Errorf("a sparse record: %+v", got.Situations)
				}
				return
			}
			if p.Identifier == "capucine.frene" && (got.Situations[0].Profession != carnet.Physician || got.Situations[1].Profession != carnet.Pharmacist) {
				t.Errorf("two practices: %+v", got.Situations)
			}
			if !got.Number.Equal(p.Professional.Number) || len(got.Situations) != len(p.Professional.Places) {
				t.Error("the claims are not those of the persona")
			}
		})
	}
}

func TestLoginPage(t *testing.T) {
	w := start(t, t.TempDir())
	ameli := w.idps["ameli"].URL
	begin := func(t *testing.T) *browser {
		return newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).press("idp", "ameli")
	}
	t.Run("wrong password is explained and nothing typed is lost", func(t *testing.T) {
		b := begin(t).submit(ameli, "noe.tilleul", "wrong", "login")
		if b.last.StatusCode != 200 || !strings.Contains(b.body, "do not go together") || !strings.Contains(b.body, `value="noe.tilleul"`) || strings.Contains(b.body, "wrong\"") {
			t.Errorf("%d\n%s", b.last.StatusCode, b.body)
		}
		if b.submit(ameli, "noe.tilleul", pass, "login").press("continue", ""); w.attestation.err != nil {
			t.Error(w.attestation.err)
		}
	})
	t.Run("an identifier that nobody has is answered like a wrong password", func(t *testing.T) {
		b := begin(t).submit(ameli, "personne", pass, "login")
		if !strings.Contains(b.body, "do not go together") {
			t.Error(b.body)
		}
	})
	t.Run("missing fields", func(t *testing.T) {
		if b := begin(t).submit(ameli, "", pass, "login"); !strings.Contains(b.body, "Enter an identifier") {
			t.Error(b.body)
		}
		if b := begin(t).submit(ameli, "noe.tilleul", "", "login"); !strings.Contains(b.body, "Enter the password") {
			t.Error(b.body)
		}
	})
	t.Run("a persona of the panel fills the identifier", func(t *testing.T) {
		b := begin(t)
		link := regexp.MustCompile(`href="(/interaction/[^"]+persona=camille.fougere)"`).FindStringSubmatch(b.body)
		if link == nil {
			t.Fatal("no link to the persona")
		}
		if b.get(ameli + link[1]); !strings.Contains(b.body, `value="camille.fougere"`) {
			t.Error("the identifier is not filled in")
		}
	})
	t.Run("the language switch stays on the page", func(t *testing.T) {
		b := begin(t)
		link := regexp.MustCompile(`href="(/interaction/[^"]+\?lang=fr)"`).FindStringSubmatch(b.body)
		if link == nil {
			t.Fatal("no link to French")
		}
		if b.get(ameli + link[1]); !strings.Contains(b.body, "Pour continuer vers Identité citoyenne") {
			t.Errorf("%d\n%s", b.last.StatusCode, b.body)
		}
	})
	t.Run("refusing goes back to the chooser", func(t *testing.T) {
		b := begin(t).submit(ameli, "", "", "quit")
		if !strings.Contains(b.body, "Choose an account") {
			t.Errorf("%q", b.body)
		}
		if b.press("quit", ""); b.body != login.CodeDenied+"\n" {
			t.Errorf("from there to the site: %q", b.body)
		}
	})
	t.Run("a page opened in another browser", func(t *testing.T) {
		b := begin(t)
		m := action.FindStringSubmatch(b.body)
		if m == nil {
			t.Fatal("no form")
		}
		other := newBrowser(t).do("POST", ameli+m[1], url.Values{"identifier": {"camille.fougere"}, "password": {pass}, "action": {"login"}})
		if other.last.StatusCode != http.StatusUnauthorized || !strings.Contains(other.body, "expired_request") {
			t.Errorf("%d", other.last.StatusCode)
		}
	})
	t.Run("a page that was used opens no second time", func(t *testing.T) {
		b := begin(t)
		m := action.FindStringSubmatch(b.body)
		b.submit(ameli, "camille.fougere", pass, "login")
		if b.get(ameli + m[1]); b.last.StatusCode != http.StatusUnauthorized || !strings.Contains(b.body, "expired_request") {
			t.Errorf("%d", b.last.StatusCode)
		}
	})
	t.Run("a form of another site is refused", func(t *testing.T) {
		b := begin(t)
		m := action.FindStringSubmatch(b.body)
		r, _ := http.NewRequest("POST", ameli+m[1], strings.NewReader("action=quit"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-site")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
	t.Run("five wrong passwords, then one a minute", func(t *testing.T) {
		b := begin(t)
		for range 5 {
			b.submit(ameli, "jean.hetre", "wrong", "login")
		}
		if b.submit(ameli, "jean.hetre", pass, "login"); !strings.Contains(b.body, "Too many tries") {
			t.Fatalf("the sixth is not refused: %s", b.body)
		}
		w.later.forward(61 * time.Second)
		defer w.later.forward(-61 * time.Second)
		// The page is still good; only the machine's clock is behind ours.
		if b.submit(ameli, "jean.hetre", pass, "login").press("continue", ""); w.attestation.err != nil || strings.Contains(b.body, "Too many") {
			t.Errorf("after a minute: %v %s", w.attestation.err, b.body)
		}
	})
}

// authorizeQuery is a request that the fc issuer accepts.
func (w *world) authorizeQuery() url.Values {
	return url.Values{
		"client_id": {"carnet-attestation"}, "redirect_uri": {w.attestation.RedirectURI()}, "response_type": {"code"},
		"scope": {"openid identite_pivot"}, "state": {"s"}, "nonce": {"0123456789012345678901"}, "acr_values": {"eidas1"},
	}
}

func TestAuthorizeGuard(t *testing.T) {
	w := start(t, t.TempDir())
	back := w.attestation.RedirectURI()
	tests := []struct {
		name   string
		change func(url.Values)
		status int
		page   string // code on the page
		error  string // in the redirect
	}{
		{"accepted", func(url.Values) {}, 303, "", ""},
		{"PKCE", func(q url.Values) { q.Set("code_challenge", "x"); q.Set("code_challenge_method", "S256") }, 400, "Y030007", ""},
		{"max_age", func(q url.Values) { q.Set("max_age", "0") }, 400, "Y030007", ""},
		{"login_hint", func(q url.Values) { q.Set("login_hint", "x") }, 400, "Y030007", ""},
		{"request", func(q url.Values) { q.Set("request", "x") }, 400, "Y030007", ""},
		{"nonce missing", func(q url.Values) { q.Del("nonce") }, 400, "Y030007", ""},
		{"nonce of 21", func(q url.Values) { q.Set("nonce", "012345678901234567890") }, 400, "Y030007", ""},
		{"state missing", func(q url.Values) { q.Del("state") }, 400, "Y030007", ""},
		{"acr_values missing", func(q url.Values) { q.Del("acr_values") }, 400, "Y030007", ""},
		{"parameter twice", func(q url.Values) { q.Add("state", "t") }, 400, "Y030007", ""},
		{"redirect_uri not an address", func(q url.Values) { q.Set("redirect_uri", "x") }, 400, "Y030007", ""},
		{"prompt none", func(q url.Values) { q.Set("prompt", "none") }, 400, "Y030007", ""},
		{"prompt empty", func(q url.Values) { q.Set("prompt", "") }, 400, "Y030007", ""},
		{"prompt login consent", func(q url.Values) { q.Set("prompt", "login consent") }, 303, "", ""},
		{"unknown client", func(q url.Values) { q.Set("client_id", "x") }, 400, "Y04EA6EF", ""},
		{"foreign redirect_uri", func(q url.Values) { q.Set("redirect_uri", "http://localhost/x") }, 400, "Y04C013C", ""},
		{"redirect_uri with a slash more", func(q url.Values) { q.Set("redirect_uri", back+"/") }, 400, "Y04C013C", ""},
		{"response_type empty", func(q url.Values) { q.Set("response_type", "") }, 303, "", "invalid_request"},
		{"response_type token", func(q url.Values) { q.Set("response_type", "token") }, 303, "", "unsupported_response_type"},
		{"scope without openid", func(q url.Values) { q.Set("scope", "email") }, 303, "", "invalid_request"},
		{"unknown scope", func(q url.Values) { q.Set("scope", "openid address") }, 303, "", "invalid_scope"},
		{"level not served", func(q url.Values) { q.Set("acr_values", "eidas2 eidas3") }, 303, "", "invalid_acr"},
		{"weakest level counts", func(q url.Values) { q.Set("acr_values", "eidas3 eidas1") }, 303, "", ""},
		{"unknown level", func(q url.Values) { q.Set("acr_values", "gold") }, 303, "", ""},
		{"amr asked", func(q url.Values) { q.Set("claims", `{"id_token":{"amr":{"essential":true}}}`) }, 303, "", ""},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				q := w.authorizeQuery()
				tt.change(q)
				b := newBrowser(t)
				b.stop = func(*url.URL) bool { return true }
				if method == "GET" {
					b.get(w.fc.URL + "/api/v2/authorize?" + q.Encode())
				} else {
					b.do("POST", w.fc.URL+"/api/v2/authorize", q)
				}
				if b.last.StatusCode != tt.status {
					t.Fatalf("status %d, want %d\n%s", b.last.StatusCode, tt.status, b.body)
				}
				to := b.last.Header.Get("Location")
				switch {
				case tt.page != "":
					if to != "" || !strings.Contains(b.body, tt.page) || strings.Contains(b.body, back) {
						t.Errorf("page without code %s, or with a way back", tt.page)
					}
				case tt.error == "":
					if !strings.HasPrefix(to, "/api/v2/interaction/") {
						t.Errorf("sent to %s", to)
					}
				default:
					u, err := url.Parse(to)
					if err != nil {
						t.Fatal(err)
					}
					got := u.Query()
					if u.Fragment != "" {
						if got, err = url.ParseQuery(u.Fragment); err != nil {
							t.Fatal(err)
						}
					}
					if !strings.HasPrefix(to, back) || got.Get("error") != tt.error || got.Get("error_description") == "" || got.Get("state") != "s" || got.Get("iss") != w.sandbox.FC.Issuer() {
						t.Errorf("sent to %s", to)
					}
				}
			})
		}
	}
	t.Run("professionals must use PKCE", func(t *testing.T) {
		q := url.Values{
			"client_id": {"carnet-pro"}, "redirect_uri": {w.pro.RedirectURI()}, "response_type": {"code"}, "scope": {"openid scope_all"}, "state": {"s"},
		}
		for _, method := range []string{"", "plain"} {
			if method != "" {
				q.Set("code_challenge_method", method)
				q.Set("code_challenge", strings.Repeat("a", 43))
			}
			b := newBrowser(t)
			b.stop = func(*url.URL) bool { return true }
			b.get(w.psc.URL + "/auth/realms/esante-wallet/protocol/openid-connect/auth?" + q.Encode())
			if got := b.location().Query().Get("error"); got != "invalid_request" {
				t.Errorf("method %q: error %q", method, got)
			}
		}
	})
}

// redeem sends a code to the token endpoint of fc.
func (w *world) redeem(t *testing.T, code, secret string) (int, string) {
	t.Helper()
	resp, err := http.PostForm(w.fc.URL+"/api/v2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {w.attestation.RedirectURI()},
		"client_id": {"carnet-attestation"}, "client_secret": {secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Cookies()) > 0 {
		t.Error("the token endpoint sets a cookie")
	}
	return resp.StatusCode, string(body)
}

// code logs in by hand and returns the code of the callback.
func (w *world) code(t *testing.T) string {
	t.Helper()
	b := newBrowser(t).callback(w.attestation.CallbackPath())
	b.get(w.fc.URL + "/api/v2/authorize?" + w.authorizeQuery().Encode()).enter("camille.fougere")
	q := b.location().Query()
	if q.Get("iss") != w.sandbox.FC.Issuer() || q.Get("state") != "s" {
		t.Fatalf("callback %v", q)
	}
	return q.Get("code")
}

func TestToken(t *testing.T) {
	w := start(t, t.TempDir())
	secret := w.secret(t)
	t.Run("answer", func(t *testing.T) {
		status, body := w.redeem(t, w.code(t), secret)
		fields := regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(body, -1)
		var names []string
		for _, f := range fields {
			names = append(names, f[1])
		}
		slices.Sort(names)
		if status != 200 || strings.Join(names, " ") != "access_token expires_in id_token scope token_type" || !strings.Contains(body, `"expires_in":60`) {
			t.Errorf("%d %v", status, names)
		}
	})
	t.Run("code replay is refused and kills the first token", func(t *testing.T) {
		code := w.code(t)
		_, first := w.redeem(t, code, secret)
		if status, body := w.redeem(t, code, secret); status != 400 || !strings.Contains(body, "invalid_grant") {
			t.Errorf("replay: %d %s", status, body)
		}
		access := regexp.MustCompile(`"access_token":"([^"]+)"`).FindStringSubmatch(first)[1]
		if status := w.userInfo(t, access); status != 401 {
			t.Errorf("user information after a replay: %d", status)
		}
	})
	t.Run("of two at once, one is served", func(t *testing.T) {
		code := w.code(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		served := 0
		for range 8 {
			wg.Go(func() {
				if status, _ := w.redeem(t, code, secret); status == 200 {
					mu.Lock()
					served++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if served > 1 {
			t.Errorf("%d were served", served)
		}
	})
	t.Run("wrong secret", func(t *testing.T) {
		if status, body := w.redeem(t, w.code(t), "x"); status != 401 || !strings.Contains(body, "invalid_client") {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("no code and unknown code", func(t *testing.T) {
		if status, body := w.redeem(t, "", secret); status != 400 || !strings.Contains(body, "invalid_request") {
			t.Errorf("%d %s", status, body)
		}
		if status, body := w.redeem(t, "x", secret); status != 400 || !strings.Contains(body, "invalid_grant") {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("a code lives 30 s", func(t *testing.T) {
		code := w.code(t)
		w.later.forward(31 * time.Second)
		defer w.later.forward(-31 * time.Second)
		if status, body := w.redeem(t, code, secret); status != 400 || !strings.Contains(body, "invalid_grant") {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("a token lives 60 s", func(t *testing.T) {
		_, body := w.redeem(t, w.code(t), secret)
		access := regexp.MustCompile(`"access_token":"([^"]+)"`).FindStringSubmatch(body)[1]
		if status := w.userInfo(t, access); status != 200 {
			t.Fatalf("fresh: %d", status)
		}
		w.later.forward(61 * time.Second)
		defer w.later.forward(-61 * time.Second)
		if status := w.userInfo(t, access); status != 401 {
			t.Errorf("after 61 s: %d", status)
		}
	})
}

func (w *world) userInfo(t *testing.T, access string) int {
	t.Helper()
	r, _ := http.NewRequest("GET", w.fc.URL+"/api/v2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestLogoutAtTheIssuer(t *testing.T) {
	w := start(t, t.TempDir())
	newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).enter("camille.fougere")
	hint := w.attestation.identity.IDToken.Reveal()
	w.later.forward(time.Hour) // an ID token that has expired is still a good hint
	end := func(q url.Values) *browser {
		b := newBrowser(t)
		b.stop = func(*url.URL) bool { return true }
		return b.get(w.fc.URL + "/api/v2/session/end?" + q.Encode())
	}
	b := end(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {w.attestation.SignedOutURI()}, "state": {"z"}})
	if got := b.last.Header.Get("Location"); got != w.attestation.SignedOutURI()+"?state=z" {
		t.Errorf("sent to %q", got)
	}
	if b := end(url.Values{"id_token_hint": {hint}}); b.last.StatusCode != 200 || !strings.Contains(b.body, "logged out") {
		t.Errorf("without an address: %d", b.last.StatusCode)
	}
	for name, q := range map[string]url.Values{
		"no hint":         {"post_logout_redirect_uri": {w.attestation.SignedOutURI()}},
		"altered hint":    {"id_token_hint": {hint[:len(hint)-4] + "AAAA"}, "post_logout_redirect_uri": {w.attestation.SignedOutURI()}},
		"foreign address": {"id_token_hint": {hint}, "post_logout_redirect_uri": {"http://localhost/x"}},
	} {
		if b := end(q); b.last.StatusCode != 400 || b.last.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, b.last.StatusCode)
		}
	}
}

func (w *world) secret(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(readFile(t, w.sandbox.FC.Profile().SecretFile))
}

func TestSecondStartKeepsKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sandbox")
	subject := func(w *world) string {
		newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).enter("camille.fougere")
		if w.attestation.err != nil {
			t.Fatal(w.attestation.err)
		}
		return w.attestation.identity.Subject.Reveal()
	}
	keys := func(w *world) string { return newBrowser(t).get(w.fc.URL + "/api/v2/jwks").body }
	first := start(t, dir)
	second := start(t, dir)
	if keys(first) != keys(second) || keys(first) == "" {
		t.Error("the keys changed")
	}
	if strings.Contains(keys(first), `"d":`) {
		t.Error("the private key is published")
	}
	if subject(first) != subject(second) {
		t.Error("the subject changed")
	}
	if first.secret(t) != second.secret(t) || !regexp.MustCompile(`^[A-Za-z0-9]{64}$`).MatchString(first.secret(t)) {
		t.Error("the client secret changed, or is not of letters and digits")
	}
	for _, f := range files(t, dir) {
		if f.mode.Perm() != 0o600 {
			t.Errorf("%s has mode %s", f.name, f.mode)
		}
	}
	other := start(t, filepath.Join(t.TempDir(), "sandbox"))
	if keys(other) == keys(first) || subject(other) == subject(first) {
		t.Error("two instances share keys or subjects")
	}
}

func TestProvidersPromiseWhatTheProfilesAsk(t *testing.T) {
	w := start(t, t.TempDir())
	for _, s := range []*site{w.attestation, w.plus, w.pro, w.protection} {
		findings, err := s.provider.Check(context.Background())
		if err != nil {
			t.Errorf("%s: %v", s.provider.Name(), err)
		}
		for _, f := range findings {
			if !f.OK {
				t.Errorf("%s: %+v", s.provider.Name(), f)
			}
		}
	}
}

func TestProviderDown(t *testing.T) {
	w := start(t, t.TempDir())
	w.fc.Close()
	b := newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil)
	if b.last.StatusCode != http.StatusServiceUnavailable || !strings.Contains(b.body, login.CodeProviderDown) {
		t.Errorf("%d %s", b.last.StatusCode, b.body)
	}
}
