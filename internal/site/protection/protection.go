// Package protection is the site of those who answer for the data: the staff of the funds and of
// the operator.
//
// Staff come in through a provider that vouches for who they are and for whom they work, with a
// second factor. That is not enough: the organisation and the person must be on the operator's list,
// which also says in which roles they may work, and a session has one role, chosen when it opens.
// What a role may see is in the register of processing; this site decides nothing about it.
//
//   - dpo: also the requests of rectification of everybody, with the words of the person and without
//     their identity, and an answer when the professionals gave none.
//   - support, publication: who one is, for whom, one's own sessions. The desks of these roles
//     are on the sites that they work on.
//   - security: also the alerts of the last 90 days, about logins, without a name or a number, and
//     the power to end the sessions of whoever an alert is about; and what was out of the ordinary in
//     entries, each session with its explanation, a verdict on each finding, the stop of a session, and
//     the revocation of every certificate that states one of its doses.
//
// Specification: identity sections 3, 6 (R11, R19) and 9.
package protection

import (
	"context"
	"embed"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
)

//go:embed text all:templates
var files embed.FS

// Login is what the site needs of the logins: package login's Site has it.
type Login interface {
	CallbackPath() string
	EndPath() string
	Begin(w http.ResponseWriter, r *http.Request) error
	Finish(w http.ResponseWriter, r *http.Request) (login.Identity, error)
	Hold(w http.ResponseWriter, r *http.Request, identity login.Identity) (login.Held, error)
	Held(r *http.Request) (login.Held, error)
	Open(w http.ResponseWriter, r *http.Request, o login.Opening) (login.Session, error)
	Current(r *http.Request) (login.Session, error)
	Logout(w http.ResponseWriter, r *http.Request) error
	BackChannel(w http.ResponseWriter, r *http.Request)
	Sessions(ctx context.Context, person carnet.ID) ([]login.Summary, error)
	EndSession(ctx context.Context, person, session carnet.ID) error
	EndSessions(ctx context.Context, person carnet.ID) (int, error)
	EndAlerted(ctx context.Context, actor protect.Actor, person carnet.ID) (int, error)
	Alerts(ctx context.Context, actor protect.Actor) ([]login.Event, error)
}

// Deps is what the site is made of.
type Deps struct {
	Login   Login
	Allowed login.Allowed
	Watch   Watch
	// Petitions are the requests of rectification.
	Petitions Petitions
	// Certificates counts documents before an order, and Follow revokes after it what states a
	// suspended dose: certify.Service has both.
	Certificates fraud.Certificates
	Follow       func(ctx context.Context) error
	StaffID      func(issuer string, subject carnet.Private) carnet.ID
	Clock        carnet.Clock
	Rand         io.Reader // safe for concurrent use
	Log          *slog.Logger
	HTTPS        bool
	Sandbox      bool     // the login button says so, and the strip on top
	FormAction   []string // origins of the login provider
}

const (
	loginPath    = "/connexion"
	openingPath  = "/connexion/role"
	logoutPath   = "/deconnexion"
	deskPath     = "/agents"
	sessionsPath = "/agents/sessions"
	alertsPath   = "/agents/alertes"
)

type site struct {
	Deps
	ui     *ui.Kit
	claims func(login.Claims) (login.Staff, error)
}

// New builds the site.
func New(d Deps) (http.Handler, error) {
	s, err := newSite(d)
	if err != nil {
		return nil, err
	}
	return s.handler(), nil
}

func newSite(d Deps) (*site, error) {
	if err := d.Allowed.Validate(); err != nil {
		return nil, err
	}
	kit, err := ui.New(ui.Config{
		Site: "protection", Files: files, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox, FormAction: d.FormAction,
		Cookies: []ui.Cookie{
			{Name: "__Host-protection-session", Purpose: "cookies.session.purpose", Life: "cookies.session.life"},
			{Name: "__Host-protection-login", Purpose: "cookies.login.purpose", Life: "cookies.login.life"},
		},
	})
	if err != nil {
		return nil, err
	}
	return &site{Deps: d, ui: kit, claims: login.Claims.Staff}, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST "+loginPath, s.begin)
	mux.HandleFunc("GET "+s.Login.CallbackPath(), s.finish)
	mux.HandleFunc("GET "+openingPath, s.opening)
	mux.HandleFunc("POST "+openingPath, s.open)
	mux.HandleFunc("POST "+logoutPath, s.logout)
	mux.HandleFunc("POST "+s.Login.EndPath(), s.Login.BackChannel)
	mux.HandleFunc("GET "+deskPath, s.member(s.desk))
	mux.HandleFunc("POST "+sessionsPath, s.member(s.endSessions))
	mux.HandleFunc("GET "+alertsPath, s.member(s.alerts))
	mux.HandleFunc("POST "+alertsPath, s.member(s.endAlerted))
	mux.HandleFunc("GET "+petitionsPath, s.member(s.petitions))
	mux.HandleFunc("POST "+petitionsPath+"/{person}/{petition}", s.member(s.answer))
	mux.HandleFunc("GET "+findingsPath, s.watchman(s.findings))
	const session = findingsPath + "/{session}"
	mux.HandleFunc("GET "+session, s.watchman(s.showCase))
	mux.HandleFunc("POST "+session+reviewPart, s.watchman(s.review))
	mux.HandleFunc("GET "+session+actPart, s.watchman(s.showAct))
	mux.HandleFunc("POST "+session+actPart, s.watchman(s.act))
	mux.HandleFunc("GET "+session+orderPart, s.watchman(s.showOrder))
	mux.HandleFunc("POST "+session+orderPart, s.watchman(s.order))
	return s.ui.Handler(mux)
}

// member runs a handler for staff who are logged in, and answers its error.
func (s *site) member(h func(http.ResponseWriter, *http.Request, login.Session) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := s.Login.Current(r)
		if carnet.KindOf(err) == carnet.Denied {
			why := "absente"
			if carnet.CodeOf(err) == login.CodeSessionEnded {
				why = "terminee"
			}
			http.Redirect(w, r, "/?session="+why, http.StatusSeeOther)
			return
		}
		if err == nil {
			t := s.ui.Text(r)
			shown := ui.Session{Name: me.Name.Reveal(), Detail: t.T("role."+string(me.Role)) + ", " + s.organisation(me.Organisation), Logout: logoutPath,
				Tabs: []ui.Link{{Href: deskPath, Words: t.T("desk.title")}}}
			if me.Role == protect.SecurityStaff {
				shown.Tabs = append(shown.Tabs, ui.Link{Href: alertsPath, Words: t.T("alerts.title")}, ui.Link{Href: findingsPath, Words: t.T("findings.title")})
			}
			if me.Role == protect.Protection {
				shown.Tabs = append(shown.Tabs, ui.Link{Href: petitionsPath, Words: t.T("petitions.title")})
			}
			ui.SetSession(r, shown)
			err = h(w, r, me)
		}
		if err != nil {
			s.ui.Fail(w, r, err)
		}
	}
}

// organisation names the organisation of a session.
func (s *site) organisation(siret string) string {
	i := slices.IndexFunc(s.Allowed.Organisations, func(o login.Organisation) bool { return o.SIRET == siret })
	if i < 0 {
		return siret
	}
	return s.Allowed.Organisations[i].Name
}

type homeView struct {
	ui.Page
	Login, Button string
}

func (s *site) homeView(r *http.Request) homeView {
	v := homeView{Page: s.ui.Page(r, "home.title"), Login: loginPath}
	v.Button = v.T("home.login")
	if s.Sandbox {
		v.Button = v.T("home.login-sandbox")
	}
	return v
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Login.Current(r); err == nil {
		http.Redirect(w, r, deskPath, http.StatusSeeOther)
		return
	}
	v := s.homeView(r)
	switch r.URL.Query().Get("session") {
	case "terminee":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.ended")}
	case "absente":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.missing")}
	case "fermees":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("home.closed")}
	}
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

func (s *site) begin(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Begin(w, r); err != nil {
		s.refused(w, r, err)
	}
}

// refused shows the login page again, with what went wrong. What is not the login's business has an
// error page.
func (s *site) refused(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*carnet.Error](err)
	v := s.homeView(r)
	if !ok || e.Kind == carnet.Internal || !v.Has("problem."+e.Code) {
		s.ui.Fail(w, r, err)
		return
	}
	s.Log.InfoContext(r.Context(), "login refused", "request", ui.RequestID(r), "code", e.Code, "err", err)
	kind := "warning"
	if e.Kind == carnet.Denied && e.Code != login.CodeDenied {
		kind = "error"
	}
	v.Banner = &ui.Banner{Kind: kind, Title: v.T("home.refused"), Lines: []string{v.Message(e)}}
	s.ui.Render(w, r, ui.Status(e.Kind), "home", &v)
}

// finish takes somebody back from the provider.
func (s *site) finish(w http.ResponseWriter, r *http.Request) {
	identity, err := s.Login.Finish(w, r)
	if err == nil {
		_, err = s.Login.Hold(w, r, identity)
	}
	if err != nil {
		s.refused(w, r, err)
		return
	}
	http.Redirect(w, r, openingPath, http.StatusSeeOther)
}

// arrive reads who waits at the door, and in which roles they may come in today.
func (s *site) arrive(r *http.Request) (login.Held, login.Staff, login.Organisation, []protect.Role, error) {
	held, err := s.Login.Held(r)
	if err != nil {
		return held, login.Staff{}, login.Organisation{}, nil, err
	}
	who, err := s.claims(held.Identity.Claims)
	if err != nil {
		return held, who, login.Organisation{}, nil, err
	}
	o, roles, err := s.Allowed.Roles(who)
	return held, who, o, roles, err
}

type openingView struct {
	ui.Page
	Action, Name, Organisation string
	Role                       ui.Field
}

func (s *site) opening(w http.ResponseWriter, r *http.Request) {
	_, who, o, roles, err := s.arrive(r)
	if err != nil {
		s.refused(w, r, err)
		return
	}
	s.showOpening(w, r, http.StatusOK, who, o, roles, nil)
}

func (s *site) showOpening(w http.ResponseWriter, r *http.Request, status int, who login.Staff, o login.Organisation, roles []protect.Role, fault error) {
	v := openingView{Page: s.ui.Page(r, "opening.title"), Action: openingPath, Name: nameOf(who), Organisation: o.Name}
	v.Fault(fault)
	var options []ui.Option
	for _, role := range roles {
		options = append(options, ui.Option{Value: string(role), Label: v.T("role." + string(role)), Hint: v.T("role-words." + string(role))})
	}
	chosen := ""
	if len(roles) == 1 {
		chosen = string(roles[0])
	}
	v.Role = v.Radios("role", "opening.role", chosen, options)
	s.ui.Render(w, r, status, "opening", &v)
}

// open opens a session in one role.
func (s *site) open(w http.ResponseWriter, r *http.Request) {
	held, who, o, roles, err := s.arrive(r)
	if err != nil {
		s.refused(w, r, err)
		return
	}
	role := protect.Role(r.PostFormValue("role"))
	if !slices.Contains(roles, role) {
		s.showOpening(w, r, http.StatusBadRequest, who, o, roles, &carnet.Error{Op: "protection.open", Kind: carnet.Invalid, Code: "staff.role", Field: "role"})
		return
	}
	id := s.StaffID(held.Identity.Issuer, held.Identity.Subject)
	if _, err := s.Login.Open(w, r, login.Opening{Person: id, Name: carnet.Hide(nameOf(who)), Organisation: o.SIRET, Role: role, Identity: held.Identity}); err != nil {
		s.refused(w, r, err)
		return
	}
	http.Redirect(w, r, deskPath, http.StatusSeeOther)
}

func nameOf(who login.Staff) string {
	return strings.TrimSpace(who.GivenName.Reveal() + " " + who.FamilyName.Reveal())
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Logout(w, r); err != nil {
		s.ui.Fail(w, r, err)
	}
}

type deskView struct {
	ui.Page
	Role     ui.Rows
	Form     string
	Sessions []openSession
}

type openSession struct {
	ID, Opened, Browser string
	Here                bool
}

// desk says in which capacity one works, and lists one's own sessions.
func (s *site) desk(w http.ResponseWriter, r *http.Request, me login.Session) error {
	v := deskView{Page: s.ui.Page(r, "desk.title"), Form: sessionsPath}
	if r.URL.Query().Get("fermee") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("desk.ended")}
	}
	v.Role = v.Rows(
		ui.Row{Label: v.T("desk.role"), Value: v.T("role." + string(me.Role)), Hint: v.T("role-words." + string(me.Role))},
		ui.Row{Label: v.T("desk.organisation"), Value: s.organisation(me.Organisation), Hint: me.Organisation},
		ui.Row{Label: v.T("desk.until"), Value: v.Instant(me.ExpiresAt), Number: true},
	)
	list, err := s.Login.Sessions(r.Context(), me.Person)
	if err != nil {
		return err
	}
	for _, x := range list {
		v.Sessions = append(v.Sessions, openSession{x.ID.String(), v.T("desk.opened", "when", v.Instant(x.CreatedAt)), x.Browser, x.ID == me.ID})
	}
	s.ui.Render(w, r, http.StatusOK, "desk", &v)
	return nil
}

// endSessions closes one of one's own sessions, or all of them.
func (s *site) endSessions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	return login.Close(s.Login, w, r, me, deskPath+"?fermee=1")
}

type alertsView struct {
	ui.Page
	None   *ui.Empty
	Form   string
	Alerts []alert
}

type alert struct {
	Person, When, Where, Browser, Site string
	Reasons                            []string
}

// alerts lists the logins to look at. It has no name and no number: who it is about is an id, which
// is enough to end the sessions and to recognise two alerts about one person.
func (s *site) alerts(w http.ResponseWriter, r *http.Request, me login.Session) error {
	events, err := s.Login.Alerts(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v := alertsView{Page: s.ui.Page(r, "alerts.title"), Form: alertsPath}
	if n := r.URL.Query().Get("fermees"); n != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("alerts.ended")}
	}
	if len(events) == 0 {
		v.None = &ui.Empty{Icon: "shield", Title: v.T("alerts.none"), Words: v.T("alerts.none-words")}
	}
	for _, e := range events {
		a := alert{Person: e.Person.String(), When: v.Instant(e.At), Where: e.Place.Label, Browser: e.Browser, Site: v.T("site-of." + e.Site)}
		for _, why := range e.Reasons {
			a.Reasons = append(a.Reasons, v.T("reason."+why))
		}
		v.Alerts = append(v.Alerts, a)
	}
	s.ui.Render(w, r, http.StatusOK, "alerts", &v)
	return nil
}

// endAlerted ends every session of whoever an alert is about.
func (s *site) endAlerted(w http.ResponseWriter, r *http.Request, me login.Session) error {
	id, err := carnet.ParseID(r.PostFormValue("person"))
	if err != nil {
		return carnet.E("protection.alerts", carnet.NotFound, "alert.unknown", err)
	}
	if _, err := s.Login.EndAlerted(r.Context(), me.Actor(), id); err != nil {
		return err
	}
	http.Redirect(w, r, alertsPath+"?fermees=1", http.StatusSeeOther)
	return nil
}
