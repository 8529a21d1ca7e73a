package protection

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/origin"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
)

const (
	see    = http.StatusSeeOther
	post   = http.MethodPost
	valley = "99999999900012"
)

var (
	now = time.Date(2021, 6, 21, 9, 30, 0, 0, time.UTC)
	me  = id(1)
)

func id(n byte) carnet.ID { return carnet.ID{6: 0x70, 8: 0x80, 15: n} }

// fake stands for package login.
type fake struct {
	finish, ended error
	held          bool
	role          protect.Role
	opened        []login.Opening
	closed        []carnet.ID
	events        []login.Event
	cases         []fraud.Finding
	acts          []string // of the watch
	petitions     petitioned
}

func (f *fake) CallbackPath() string { return "/connexion/retour/proconnect" }
func (f *fake) EndPath() string      { return "/connexion/fin/proconnect" }

func (f *fake) Begin(w http.ResponseWriter, r *http.Request) error {
	if f.finish == nil {
		http.Redirect(w, r, "http://localhost:8413/authorize", see)
	}
	return f.finish
}

func (f *fake) Finish(http.ResponseWriter, *http.Request) (login.Identity, error) {
	return login.Identity{Issuer: "https://i.invalid", Subject: carnet.Hide("subject")}, f.finish
}

func (f *fake) Hold(_ http.ResponseWriter, _ *http.Request, i login.Identity) (login.Held, error) {
	return login.Held{Identity: i}, nil
}

func (f *fake) Held(*http.Request) (login.Held, error) {
	if !f.held {
		return login.Held{}, carnet.E("login", carnet.Invalid, login.CodeState, nil)
	}
	return login.Held{Identity: login.Identity{Issuer: "https://i.invalid", Subject: carnet.Hide("subject")}}, nil
}

func (f *fake) Open(_ http.ResponseWriter, _ *http.Request, o login.Opening) (login.Session, error) {
	f.opened = append(f.opened, o)
	return login.Session{}, nil
}

func (f *fake) Current(r *http.Request) (login.Session, error) {
	if f.ended != nil {
		return login.Session{}, f.ended
	}
	if r.Header.Get(sitetest.Anonymous) != "" {
		return login.Session{}, carnet.E("login", carnet.Denied, login.CodeNoSession, nil)
	}
	return login.Session{ID: id(20), Person: me, Role: f.role, Organisation: valley, Name: carnet.Hide("Rose Aubépine"), ExpiresAt: now.Add(time.Hour)}, nil
}

func (f *fake) Logout(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "http://localhost:8413/session/end", see)
	return nil
}

func (f *fake) BackChannel(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (f *fake) Sessions(_ context.Context, person carnet.ID) ([]login.Summary, error) {
	if person != me {
		return nil, carnet.E("fake", carnet.Internal, "internal", nil)
	}
	return []login.Summary{{ID: id(21), CreatedAt: now.Add(-time.Hour), Browser: "Firefox, Linux"}, {ID: id(20), CreatedAt: now}}, nil
}

func (f *fake) EndSession(_ context.Context, _, session carnet.ID) error {
	f.closed = append(f.closed, session)
	return nil
}

func (f *fake) EndSessions(context.Context, carnet.ID) (int, error) {
	f.closed = append(f.closed, id(20), id(21))
	return 2, nil
}

func (f *fake) EndAlerted(_ context.Context, a protect.Actor, person carnet.ID) (int, error) {
	if a.Role != protect.SecurityStaff {
		return 0, carnet.E("protect", carnet.Denied, "access.denied", protect.ErrDenied)
	}
	f.closed = append(f.closed, person)
	return 1, nil
}

func (f *fake) Alerts(_ context.Context, a protect.Actor) ([]login.Event, error) {
	if a.Role != protect.SecurityStaff {
		return nil, carnet.E("protect", carnet.Denied, "access.denied", protect.ErrDenied)
	}
	return f.events, nil
}

func start(t testing.TB, f *fake, out io.Writer) (*site, http.Handler) {
	t.Helper()
	if f.role == "" {
		f.role = protect.Support
	}
	s, err := newSite(Deps{
		Login: f, Watch: watch{f}, Petitions: &f.petitions, Certificates: f, Follow: func(context.Context) error { f.acts = append(f.acts, "follow"); return nil }, Clock: func() time.Time { return now }, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(out, nil)), Sandbox: true,
		FormAction: []string{"http://localhost:8413"}, StaffID: func(string, carnet.Private) carnet.ID { return me },
		Allowed: login.Allowed{
			Organisations: []login.Organisation{{SIRET: valley, Name: "Caisse de Valombre", Roles: []protect.Role{protect.Protection, protect.Support, protect.SecurityStaff}}},
			Members:       []login.Member{{SIRET: valley, Email: "r.aubepine@valombre.invalid", Roles: []protect.Role{protect.Support, protect.SecurityStaff}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.claims = func(login.Claims) (login.Staff, error) { return rose, nil }
	return s, s.handler()
}

var rose = login.Staff{GivenName: carnet.Hide("Rose"), FamilyName: carnet.Hide("Aubépine"), Email: carnet.Hide("r.aubepine@valombre.invalid"), SIRET: valley}

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

func TestPages(t *testing.T) {
	events := []login.Event{{Person: id(40), At: now, Kind: login.EventAlert, Site: "pro", Browser: "Firefox, Linux", Place: origin.Place{Label: "Valombre"}, Reasons: []string{"repeated", "travelling", "spraying", "hasty", "reported"}}}
	arriving, security := func(f *fake) { f.held = true }, func(f *fake) { f.role, f.events = protect.SecurityStaff, events }
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		who    *login.Staff
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "home", URL: "/", ExpectedStatus: 200, ExpectedContent: []string{"Espace des agents", "Se connecter avec ProConnect (bac à sable)", "Qu'est-ce que ProConnect ?"}}},
		{Scenario: sitetest.Scenario{Name: "home leads on who is logged in", URL: "/", Session: true, ExpectedStatus: see, ExpectedLocation: "/agents"}},
		{Scenario: sitetest.Scenario{Name: "login begins", Method: post, URL: "/connexion", ExpectedStatus: see, ExpectedLocation: "http://localhost:8413/authorize"}},
		{Scenario: sitetest.Scenario{Name: "without a second factor", URL: "/connexion/retour/proconnect", ExpectedStatus: 403, ExpectedContent: []string{"n'a pas de second facteur"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Denied, login.CodeLevel, nil) }},
		{Scenario: sitetest.Scenario{Name: "back from the provider", URL: "/connexion/retour/proconnect", ExpectedStatus: see, ExpectedLocation: "/connexion/role"}},
		{Scenario: sitetest.Scenario{Name: "the opening needs an identity", URL: "/connexion/role", ExpectedStatus: 400}},
		{Scenario: sitetest.Scenario{Name: "the roles of the list are offered", URL: "/connexion/role", ExpectedStatus: 200,
			ExpectedContent: []string{"Vous êtes Rose Aubépine, Caisse de Valombre", `value="support"`, `value="security"`}, NotExpectedContent: []string{`value="dpo"`, "checked"}}, before: arriving},
		{Scenario: sitetest.Scenario{Name: "another organisation", URL: "/connexion/role", ExpectedStatus: 403, ExpectedContent: []string{"n'est pas sur la liste"}}, before: arriving,
			who: &login.Staff{GivenName: rose.GivenName, FamilyName: rose.FamilyName, Email: rose.Email, SIRET: "99999999900020"}, after: shut},
		{Scenario: sitetest.Scenario{Name: "somebody else of the organisation", Method: post, URL: "/connexion/role", Form: url.Values{"role": {"support"}}, ExpectedStatus: 403, ExpectedContent: []string{"vous n'y êtes pas"}}, before: arriving,
			who: &login.Staff{GivenName: rose.GivenName, FamilyName: rose.FamilyName, Email: carnet.Hide("i.lierre@valombre.invalid"), SIRET: valley}, after: shut},
		{Scenario: sitetest.Scenario{Name: "a role that is not theirs", Method: post, URL: "/connexion/role", Form: url.Values{"role": {"dpo"}}, ExpectedStatus: 400, ExpectedContent: []string{"Choisissez un rôle"}}, before: arriving, after: shut},
		{Scenario: sitetest.Scenario{Name: "a role of another world", Method: post, URL: "/connexion/role", Form: url.Values{"role": {"system"}}, ExpectedStatus: 400}, before: arriving, after: shut},
		{Scenario: sitetest.Scenario{Name: "a session in one role", Method: post, URL: "/connexion/role", Form: url.Values{"role": {"security"}}, ExpectedStatus: see, ExpectedLocation: "/agents"}, before: arriving,
			after: func(t *testing.T, f *fake) {
				if len(f.opened) != 1 || f.opened[0].Role != protect.SecurityStaff || f.opened[0].Person != me || f.opened[0].Organisation != valley {
					t.Errorf("opened %+v", f.opened)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the desk", URL: "/agents", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Rose Aubépine", "Assistance, Caisse de Valombre", "Firefox, Linux", "celle-ci"}, NotExpectedContent: []string{"Alertes de connexion"}}},
		{Scenario: sitetest.Scenario{Name: "the desk needs a session", URL: "/agents", ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "so do the alerts", URL: "/agents/alertes", ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "a session that ended says so", URL: "/agents", Session: true, ExpectedStatus: see, ExpectedLocation: "/?session=terminee"},
			before: func(f *fake) { f.ended = carnet.E("login", carnet.Denied, login.CodeSessionEnded, nil) }},
		{Scenario: sitetest.Scenario{Name: "one session is closed", Method: post, URL: "/agents/sessions", Session: true, Form: url.Values{"session": {id(21).String()}}, ExpectedStatus: see, ExpectedLocation: "/agents?fermee=1"}, after: closed(id(21))},
		{Scenario: sitetest.Scenario{Name: "all are closed", Method: post, URL: "/agents/sessions", Session: true, Form: url.Values{"session": {"toutes"}}, ExpectedStatus: see, ExpectedLocation: "/?session=fermees"}, after: closed(id(20), id(21))},
		{Scenario: sitetest.Scenario{Name: "alerts are not for support", URL: "/agents/alertes", Session: true, ExpectedStatus: 403}},
		{Scenario: sitetest.Scenario{Name: "nor is ending sessions", Method: post, URL: "/agents/alertes", Session: true, Form: url.Values{"person": {id(40).String()}}, ExpectedStatus: 403}, after: closed()},
		{Scenario: sitetest.Scenario{Name: "alerts, without a name or a number", URL: "/agents/alertes", Session: true, ExpectedStatus: 200,
			ExpectedContent:    []string{"21/06/2021 à 11:30", "site des professionnels", "Valombre", "Ce n'est pas moi", "Un autre pays", "plus rapide", id(40).String(), "Fermer toutes ses sessions", `href="/agents/alertes" aria-current="page"`},
			NotExpectedContent: []string{`href="/agents" aria-current`}}, before: security},
		{Scenario: sitetest.Scenario{Name: "no alert", URL: "/agents/alertes", Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Rien à signaler"}}, before: func(f *fake) { f.role = protect.SecurityStaff }},
		{Scenario: sitetest.Scenario{Name: "sessions of an alert are ended", Method: post, URL: "/agents/alertes", Session: true, Form: url.Values{"person": {id(40).String()}}, ExpectedStatus: see, ExpectedLocation: "/agents/alertes?fermees=1"}, before: security, after: closed(id(40))},
		{Scenario: sitetest.Scenario{Name: "the cookies are listed", URL: "/cookies", ExpectedStatus: 200, ExpectedContent: []string{"__Host-protection-session", "__Host-protection-login"}}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := &fake{}
			if s.before != nil {
				s.before(f)
			}
			var out bytes.Buffer
			site, h := start(t, f, &out)
			if s.who != nil {
				site.claims = func(login.Claims) (login.Staff, error) { return *s.who, nil }
			}
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
			for _, secret := range []string{"Aubépine", "aubepine", "lierre"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

func shut(t *testing.T, f *fake) {
	if len(f.opened) > 0 {
		t.Errorf("opened %+v", f.opened)
	}
}

func closed(want ...carnet.ID) func(*testing.T, *fake) {
	return func(t *testing.T, f *fake) {
		if !slices.Equal(f.closed, want) {
			t.Errorf("closed %v", f.closed)
		}
	}
}

// Every reason of an alert, and every code that can be met here, has words.
func TestWords(t *testing.T) {
	s, _ := start(t, &fake{}, io.Discard)
	for _, lang := range ui.Languages {
		text := s.ui.In(lang)
		for _, why := range []string{"repeated", "travelling", "spraying", "hasty", login.ReasonReported, login.ReasonHours} {
			if !text.Has("reason." + why) {
				t.Errorf("%s: no words for %s", lang, why)
			}
		}
		for _, role := range login.StaffRoles {
			if !text.Has("role."+string(role)) || !text.Has("role-words."+string(role)) {
				t.Errorf("%s: no words for %s", lang, role)
			}
		}
	}
}

func TestListMustHold(t *testing.T) {
	if _, err := New(Deps{Allowed: login.Allowed{Members: []login.Member{{SIRET: valley}}}}); err == nil {
		t.Error("a member of nowhere is accepted")
	}
}

// TestLook looks at every page in a real browser, without JavaScript.
func TestLook(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	for _, page := range []struct {
		name, path string
		session    bool
		fake       fake
	}{
		{name: "home", path: "/"},
		{name: "refused", path: "/connexion/retour/proconnect", fake: fake{finish: carnet.E("login", carnet.Denied, login.CodeLevel, nil)}},
		{name: "opening", path: "/connexion/role", fake: fake{held: true}},
		{name: "desk", path: "/agents", session: true},
		{name: "alerts", path: "/agents/alertes", session: true, fake: fake{role: protect.SecurityStaff, events: []login.Event{
			{Person: id(40), At: now, Site: "pro", Browser: "Firefox, Linux", Place: origin.Place{Label: "Valombre"}, Reasons: []string{"repeated", "hasty"}}}}},
		{name: "findings", path: findingsPath, session: true, fake: fake{role: protect.SecurityStaff, cases: suspect()}},
		{name: "findings-none", path: findingsPath, session: true, fake: fake{role: protect.SecurityStaff}},
		{name: "case", path: casePath(id(60)), session: true, fake: fake{role: protect.SecurityStaff, cases: suspect()}},
		{name: "act", path: casePath(id(60)) + actPart, session: true, fake: fake{role: protect.SecurityStaff, cases: suspect()}},
		{name: "order", path: casePath(id(60)) + orderPart, session: true, fake: fake{role: protect.SecurityStaff, cases: suspect()}},
	} {
		t.Run(page.name, func(t *testing.T) {
			_, h := start(t, &page.fake, io.Discard)
			server := httptest.NewServer(h)
			defer server.Close()
			look := sitetest.Look{URL: server.URL + page.path, Headers: map[string]string{"Accept-Language": "fr"}}
			if !page.session {
				look.Headers[sitetest.Anonymous] = "none"
			}
			browser.Check(t, "protection-"+page.name, look)
		})
	}
}
