// Package attestation is the teleservice for insured people: log in, see one's situation, download
// the certified PDF.
//
// A person sees what is theirs and nothing else: the pages take no id of a person, they only know
// the one of the session. The site keeps nothing: it asks the room certify for the columns of a
// certificate, shows them, and forgets them. The PDF is sent once, is not stored anywhere, and
// must not be kept by any cache on the way.
//
// Texts: terms of use of the teleservice (seed 000), identity section 2.8 and 2.10.
package attestation

import (
	"context"
	"embed"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

//go:embed text all:templates
var files embed.FS

// FileName is the name of the PDF: it says what it is, and not whose.
const FileName = "attestation-vaccination-covid-19.pdf"

// lineFileName is the name of the attestation of one disease of several.
const lineFileName = "attestation-vaccination.pdf"

// Names of the European certificate, as a page and as a card.
const (
	EuropeanFileName = "certificat-covid-numerique-ue.pdf"
	CardFileName     = "certificat-covid-numerique-ue-carte.pdf"
)

// Login is what the site needs of the logins: package login's Site has it.
type Login interface {
	CallbackPath() string
	Begin(w http.ResponseWriter, r *http.Request) error
	Finish(w http.ResponseWriter, r *http.Request) (login.Identity, error)
	Open(w http.ResponseWriter, r *http.Request, o login.Opening) (login.Session, error)
	Current(r *http.Request) (login.Session, error)
	Logout(w http.ResponseWriter, r *http.Request) error
	Sessions(ctx context.Context, person carnet.ID) ([]login.Summary, error)
	EndSession(ctx context.Context, person, session carnet.ID) error
	EndSessions(ctx context.Context, person carnet.ID) (int, error)
}

// People finds the one person whom a login speaks of, and holds what they were told.
type People interface {
	Recognise(ctx context.Context, actor protect.Actor, l people.Login) (id carnet.ID, changed bool, err error)
	Notices(ctx context.Context, actor protect.Actor) ([]carnet.Notice, error)
	Seen(ctx context.Context, actor protect.Actor) error
}

// Certify opens a person's situation and certifies it.
type Certify interface {
	Summary(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Summary, error)
	Attestation(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error)
	AttestationOf(ctx context.Context, actor protect.Actor, person, dose carnet.ID) (certify.Document, error)
	European(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error)
	Card(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error)
	Replace(ctx context.Context, actor protect.Actor, person, key carnet.ID) (int, error)
	NewKey() (carnet.ID, error)
	Issuance(ctx context.Context) ([]certify.Issued, error)
}

// Deps is what the site is made of.
type Deps struct {
	Login      Login
	People     People
	Certify    Certify
	Petitions  Petitions
	Register   []protect.Processing // what the notice on personal data tells
	Wallet     string               // address of the wallet, where the right-hand codes lead; empty when it is not ours
	Clock      carnet.Clock
	Rand       io.Reader // safe for concurrent use
	Log        *slog.Logger
	HTTPS      bool
	Sandbox    bool     // the login button says so, and the strip on top
	FormAction []string // origins of the login provider
	Accounts   []Account
}

// Account is a kind of account that the login provider accepts, for the page that names them. The
// list is the operator's configuration: the provider decides.
type Account struct {
	Name     string `toml:"name"`
	Recovery string `toml:"recovery"` // address where its owner replaces a lost or stolen password
}

const (
	loginPath     = "/connexion"
	logoutPath    = "/deconnexion"
	situationPath = "/ma-vaccination"
	pdfPath       = "/ma-vaccination/attestation"
	europeanPath  = "/ma-vaccination/certificat-europeen"
	cardPath      = "/ma-vaccination/carte"
	replacePath   = "/ma-vaccination/remplacer"
	issuancePath  = "/delivrances"
	sessionsPath  = "/mes-connexions"
	messagesPath  = "/mes-messages"
)

type site struct {
	Deps
	ui     *ui.Kit
	claims func(login.Claims) (carnet.Identity, error)
	routes []string // patterns of the pages
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
	kit, err := ui.New(ui.Config{
		Site: "attestation", Files: files, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox, FormAction: d.FormAction,
		Cookies: []ui.Cookie{
			{Name: "__Host-attestation-session", Purpose: "cookies.session.purpose", Life: "cookies.session.life"},
			{Name: "__Host-attestation-login", Purpose: "cookies.login.purpose", Life: "cookies.login.life"},
		},
	})
	if err != nil {
		return nil, err
	}
	return &site{Deps: d, ui: kit, claims: login.Claims.Person}, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		s.routes = append(s.routes, pattern)
		mux.HandleFunc(pattern, h)
	}
	handle("GET /{$}", s.home)
	handle("GET /franceconnect", s.about)
	handle("GET "+NoticePath, s.notice)
	handle("POST "+loginPath, s.begin)
	handle("GET "+s.Login.CallbackPath(), s.finish)
	handle("POST "+logoutPath, s.logout)
	handle("GET "+situationPath, s.private(s.situation))
	handle("GET "+pdfPath, s.private(s.download(FileName, s.Certify.Attestation)))
	handle("GET "+pdfPath+"/{dose}", s.private(s.downloadOf))
	handle("GET "+europeanPath, s.private(s.download(EuropeanFileName, s.Certify.European)))
	handle("GET "+cardPath, s.private(s.download(CardFileName, s.Certify.Card)))
	handle("GET "+replacePath, s.private(s.askReplace))
	handle("POST "+replacePath, s.private(s.replace))
	handle("GET "+issuancePath, s.issuance)
	handle("GET "+sessionsPath, s.private(s.sessions))
	handle("POST "+sessionsPath, s.private(s.endSessions))
	handle("GET "+messagesPath, s.private(s.messages))
	handle("POST "+messagesPath, s.private(s.seen))
	handle("GET "+petitionsPath, s.private(s.petitions))
	handle("POST "+petitionsPath, s.private(s.ask))
	return s.ui.Handler(mux)
}

// private runs a handler for the person who is logged in, and answers its error.
func (s *site) private(h func(http.ResponseWriter, *http.Request, login.Session) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := s.Login.Current(r)
		if carnet.KindOf(err) == carnet.Denied {
			why := "absente"
			if carnet.CodeOf(err) == login.CodeSessionEnded {
				why = "terminee"
			}
			http.Redirect(w, r, "/?session="+why, http.StatusSeeOther)
			return
		}
		if err == nil {
			ui.SetSession(r, ui.Session{Name: session.Name.Reveal(), Logout: logoutPath})
			err = h(w, r, session)
		}
		if err != nil {
			s.ui.Fail(w, r, err)
		}
	}
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
		http.Redirect(w, r, situationPath, http.StatusSeeOther)
		return
	}
	v := s.homeView(r)
	switch r.URL.Query().Get("session") {
	case "terminee":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.ended"), Lines: []string{v.T("home.ended-words")}}
	case "fermees":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("home.closed")}
	case "absente":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.missing")}
	}
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

type aboutView struct {
	homeView
	Accounts []Account
}

func (s *site) about(w http.ResponseWriter, r *http.Request) {
	v := aboutView{s.homeView(r), s.Accounts}
	v.Title = v.T("about.title")
	v.Back = &ui.Link{Href: "/", Words: v.T("about.back")}
	s.ui.Render(w, r, http.StatusOK, "about", &v)
}

func (s *site) begin(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Begin(w, r); err != nil {
		s.refused(w, r, err)
	}
}

// refused shows the login page again, with what went wrong at the provider. What is not the
// login's business has an error page.
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

// finish takes the person back from the provider. Exactly one person of the register answers to
// the identity, or there is no session: nobody is ever asked to pick themselves from a list.
func (s *site) finish(w http.ResponseWriter, r *http.Request) {
	identity, err := s.Login.Finish(w, r)
	if err != nil {
		s.refused(w, r, err)
		return
	}
	pivot, err := s.claims(identity.Claims)
	if err != nil {
		s.refused(w, r, err)
		return
	}
	id, changed, err := s.People.Recognise(r.Context(), protect.Actor{Role: protect.System},
		people.Login{Issuer: identity.Issuer, Subject: identity.Subject, Pivot: pivot})
	if e, ok := errors.AsType[*carnet.Error](err); ok && s.ui.In(ui.Languages[0]).Has("stranger."+strings.TrimPrefix(e.Code, "person.")+".title") {
		s.stranger(w, r, e)
		return
	}
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	if changed {
		s.Log.InfoContext(r.Context(), "the identity of an account changed", "request", ui.RequestID(r))
	}
	name := carnet.Hide(pivot.GivenNames[0].Reveal() + " " + pivot.Name().Reveal())
	if _, err := s.Login.Open(w, r, login.Opening{Person: id, Name: name, Identity: identity}); err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, situationPath, http.StatusSeeOther)
}

type strangerView struct {
	ui.Page
	Words, Trait string   // what happened; what differs, when one trait does
	Do           []string // the way out, step by step
}

// stranger explains why the login leads to nobody, and who can help. It says nothing of a person
// who may be another one.
func (s *site) stranger(w http.ResponseWriter, r *http.Request, e *carnet.Error) {
	s.Log.InfoContext(r.Context(), "login without a person", "request", ui.RequestID(r), "code", e.Code)
	reason := "stranger." + strings.TrimPrefix(e.Code, "person.")
	v := strangerView{Page: s.ui.Page(r, reason+".title")}
	v.Words = v.T(reason + ".words")
	if e.Field != "" {
		v.Trait = v.T("stranger.trait." + e.Field)
	}
	for _, step := range []string{".account", ".vaccinator", ".fund"} {
		if key := reason + step; v.Has(key) {
			v.Do = append(v.Do, v.T(key))
		}
	}
	s.ui.Render(w, r, ui.Status(e.Kind), "stranger", &v)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Logout(w, r); err != nil {
		s.ui.Fail(w, r, err)
	}
}

type situationView struct {
	ui.Page
	None     *ui.Empty
	Complete bool
	State    string // icon of the state
	Word     string
	Words    string
	Last     ui.Rows
	Doses    ui.Table
	Lines    *ui.Table // an attestation for each disease, when there are several
	PDF      string
	European string // empty when no dose is against COVID-19
	Card     string
	Covid    bool // the page with two codes
	Replace  string
	Sessions string
	Wallet   string
	Messages ui.Link
	Unread   int
}

func (s *site) situation(w http.ResponseWriter, r *http.Request, me login.Session) error {
	now, err := s.Certify.Summary(r.Context(), me.Actor(), me.Person)
	if err != nil {
		return err
	}
	v := situationView{Page: s.ui.Page(r, "situation.title"), PDF: pdfPath, European: europeanPath, Card: cardPath, Replace: replacePath, Sessions: sessionsPath, Wallet: s.Wallet}
	told, err := s.People.Notices(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v.Messages, v.Unread = ui.Link{Href: messagesPath, Words: v.T("messages.link")}, unread(told)
	if v.Unread > 0 {
		v.Messages.Words = v.N("messages.unread", v.Unread)
	}
	if r.URL.Query().Get("remplace") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("replace.done"), Lines: []string{v.T("replace.done-words")}}
	}
	last, ok := now.Last()
	if !ok {
		v.None = &ui.Empty{Icon: "leaf", Title: v.T("none.title"), Words: v.T("none.words")}
		s.ui.Render(w, r, http.StatusOK, "situation", &v)
		return nil
	}
	v.Complete, v.State, v.Word = last.Complete(), "progress", v.T("state.going")
	v.Words = v.T("state.going-words", "rank", last.Rank, "expected", last.Expected)
	if v.Complete {
		v.State, v.Word, v.Words = "check", v.T("state.complete"), v.T("state.complete-words", "rank", last.Rank, "expected", last.Expected)
	}
	if last.Rank == 0 {
		v.Complete, v.State, v.Word, v.Words = false, "info", v.T("lines.recorded"), v.T("lines.recorded-words")
	}
	v.Last = v.Rows(
		ui.Row{Label: v.T("dose.vaccine"), Value: vaccine(last)},
		ui.Row{Label: v.T("dose.date"), Value: v.Date(last.Date), Number: true},
		ui.Row{Label: v.T("dose.rank"), Value: v.rank(last)},
		ui.Row{Label: v.T("dose.place"), Value: place(last.Place)},
	)
	v.Doses = ui.Table{
		Caption: v.N("situation.doses", len(now.Doses)),
		Head:    []string{v.T("dose.rank"), v.T("dose.vaccine"), v.T("dose.date"), v.T("dose.place")},
	}
	for _, d := range now.Doses {
		v.Doses.Rows = append(v.Doses.Rows, []ui.Cell{
			{Words: v.rank(d)}, {Words: vaccine(d)}, {Words: v.Date(d.Date), Number: true}, {Words: place(d.Place)},
		})
	}
	v.documents(now.Lines())
	s.ui.Render(w, r, http.StatusOK, "situation", &v)
	return nil
}

// documents lists what can be downloaded: the formats follow the disease.
func (v *situationView) documents(lines []certify.Line) {
	european := slices.ContainsFunc(lines, func(l certify.Line) bool { return slices.Contains(l.Kinds(), certify.European) })
	if !european {
		v.European, v.Card = "", ""
	}
	v.Covid = lines[0].Disease == "covid-19"
	if len(lines) < 2 {
		return
	}
	v.Lines = &ui.Table{Caption: v.N("lines.caption", len(lines)), Head: []string{v.T("lines.against"), v.T("dose.vaccine"), v.T("dose.rank"), v.T("dose.date"), v.T("lines.document")}}
	for _, l := range lines {
		last := l.Last()
		against := last.Product.French
		if v.Lang != "fr" {
			against = last.Product.English
		}
		if against == "" {
			against = v.T("lines.unknown")
		}
		v.Lines.Rows = append(v.Lines.Rows, []ui.Cell{
			{Words: against}, {Words: vaccine(last)}, {Words: v.rank(last)}, {Words: v.Date(last.Date), Number: true},
			{Words: v.T("lines.get"), Href: pdfPath + "/" + last.ID.String(), For: against},
		})
	}
}

// rank writes the rank of a dose; a product that the catalogue does not know has none.
func (v *situationView) rank(d certify.Dose) string {
	if d.Rank == 0 {
		return v.T("lines.unranked")
	}
	return v.T("dose.of", "rank", d.Rank, "expected", d.Expected)
}

func vaccine(d certify.Dose) string {
	if d.Product.Holder == "" {
		return d.Product.Name
	}
	return d.Product.Name + " (" + d.Product.Holder + ")"
}

func place(p carnet.Place) string {
	if p.Commune == "" {
		return p.Name
	}
	return p.Name + ", " + p.Commune
}

// download certifies and sends a document. It is a GET, because the download manager of a phone asks
// again by itself and can only do that; another site cannot make the browser ask for it.
func (s *site) download(name string, certified func(context.Context, protect.Actor, carnet.ID) (certify.Document, error)) func(http.ResponseWriter, *http.Request, login.Session) error {
	return func(w http.ResponseWriter, r *http.Request, me login.Session) error {
		if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
			http.Redirect(w, r, situationPath, http.StatusSeeOther)
			return nil
		}
		doc, err := certified(r.Context(), me.Actor(), me.Person)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", "application/pdf")
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		h.Set("Content-Length", strconv.Itoa(len(doc.PDF)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(doc.PDF) // the reader is gone: nobody left to tell
		return nil
	}
}

// downloadOf is the attestation of the disease that one of the person's doses is against: its id says nothing
// to who reads an address over a shoulder.
func (s *site) downloadOf(w http.ResponseWriter, r *http.Request, me login.Session) error {
	dose, err := carnet.ParseID(r.PathValue("dose"))
	if err != nil {
		return carnet.E("attestation", carnet.NotFound, "certificate.no-dose", err)
	}
	return s.download(lineFileName, func(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error) {
		return s.Certify.AttestationOf(ctx, actor, person, dose)
	})(w, r, me)
}
