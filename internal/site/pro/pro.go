// Package pro is the site Vaccin Covid for professionals: find a person, see the doses that stand,
// record one, correct one, cancel one.
//
// Every page works without JavaScript. Nothing personal is in an address: searches are sent by
// POST, people and doses are named by ids. The idempotency key of an entry is made before its form
// is shown and is part of its address: whoever goes back after a confirmation meets the dose that
// was saved, and cannot save it twice. What is typed is kept as a draft (package run) as soon as the
// form is sent for checking, and while one types where scripts run: the page that shows it for checking
// reads it there. In a run, the form itself shows what is locked and what deserves a second look, and
// saves without another page.
//
// The site decides nothing about vaccination: rank, warnings and refusals come from the room
// vaccinate, and are only put into words here. A warning never stops the professional.
//
// Specification: workflow sections 2 to 4, 6 and 11; style, rules "Web".
package pro

import (
	"context"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/login/limit"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
	"carnet/internal/vaccinate/run"
	"carnet/nir"
)

//go:embed text static all:templates
var files embed.FS

// Texts are the words of this site: what the rooms refuse is said the same to software.
func Texts() fs.FS { return files }

// Login is what the site needs of the logins: package login's Site has it.
type Login interface {
	CallbackPath() string
	EndPath() string
	Begin(w http.ResponseWriter, r *http.Request) error
	Finish(w http.ResponseWriter, r *http.Request) (login.Identity, error)
	SameDevice(r *http.Request) bool
	Call(w http.ResponseWriter, r *http.Request, q login.CallRequest) (login.Wait, error)
	Waiting(w http.ResponseWriter, r *http.Request) (login.Wait, error)
	Quit(w http.ResponseWriter, r *http.Request) error
	Hold(w http.ResponseWriter, r *http.Request, identity login.Identity) (login.Held, error)
	Held(r *http.Request) (login.Held, error)
	Open(w http.ResponseWriter, r *http.Request, o login.Opening) (login.Session, error)
	Renew(w http.ResponseWriter, r *http.Request) (login.Session, string, error)
	Current(r *http.Request) (login.Session, error)
	Fresh(s login.Session) bool
	Take(ctx context.Context, limit, key string) error
	Spend(ctx context.Context, actor protect.Actor, limit string) error
	Logout(w http.ResponseWriter, r *http.Request) error
	BackChannel(w http.ResponseWriter, r *http.Request)
	Sessions(ctx context.Context, person carnet.ID) ([]login.Summary, error)
	EndSession(ctx context.Context, person, session carnet.ID) error
	EndSessions(ctx context.Context, person carnet.ID) (int, error)
	History(ctx context.Context, actor protect.Actor) ([]login.Event, error)
	Hours(ctx context.Context, actor protect.Actor) (hours.Week, error)
	SetHours(ctx context.Context, session login.Session, week hours.Week) error
}

// People is what the site needs of the room people.
type People interface {
	ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (people.Found, error)
	ByTraits(ctx context.Context, actor protect.Actor, t people.Traits) ([]people.Found, error)
	ByRecall(ctx context.Context, actor protect.Actor, code carnet.Private) ([]people.Found, error)
	Person(ctx context.Context, actor protect.Actor, id carnet.ID) (carnet.Person, error)
	Dependants(ctx context.Context, actor protect.Actor, parent carnet.ID) ([]people.Found, error)
	Changes(ctx context.Context, actor protect.Actor, person carnet.ID) ([]people.Change, error)
	Open(ctx context.Context, actor protect.Actor, n people.Newcomer) (carnet.Person, []people.Found, error)
	Number(ctx context.Context, actor protect.Actor, n people.Numbering) (carnet.ID, error)
	Join(ctx context.Context, actor protect.Actor, j people.Joining) error
	Separate(ctx context.Context, actor protect.Actor, p people.Separation) (carnet.ID, error)
	Rename(ctx context.Context, actor protect.Actor, r people.Renaming) error
}

// Vaccinate is what the site needs of the room vaccinate.
type Vaccinate interface {
	Records
	Catalogue() vaccinate.Catalogue
	NewKey() (carnet.ID, error)
	Today() carnet.Date
	History(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error)
	Propose(ctx context.Context, actor protect.Actor, person carnet.ID, vaccine string, on carnet.Date, correcting carnet.ID) (vaccinate.Proposal, error)
	Done(ctx context.Context, actor protect.Actor, person, key carnet.ID) (carnet.Dose, error)
	Record(ctx context.Context, actor protect.Actor, c vaccinate.Command) (carnet.Dose, error)
	Correct(ctx context.Context, actor protect.Actor, c vaccinate.Command, r vaccinate.Revision) (carnet.Dose, error)
	Cancel(ctx context.Context, actor protect.Actor, c vaccinate.Cancellation) error
	Contest(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID, reason string) error
	DelegatedEntries(ctx context.Context, actor protect.Actor, since time.Time) ([]vaccinate.Entry, error)
	Infections(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Infection, error)
	RecordInfection(ctx context.Context, actor protect.Actor, key carnet.ID, i carnet.Infection) (carnet.Infection, error)
	WithdrawInfection(ctx context.Context, actor protect.Actor, person, infection carnet.ID) error
	Professional(ctx context.Context, actor protect.Actor) (carnet.Professional, error)
	Vaccinators(ctx context.Context, actor protect.Actor, place string) ([]carnet.Professional, error)
	ProfessionalID(number carnet.Private) carnet.ID
	Enrol(ctx context.Context, actor protect.Actor, p carnet.Professional) (carnet.ID, error)
}

// Delegation is what the site needs of the delegates: package delegation's Service has it.
type Delegation interface {
	List(ctx context.Context, actor protect.Actor) ([]delegation.Delegate, error)
	Declare(ctx context.Context, session login.Session, name string) (delegation.Delegate, error)
	Revoke(ctx context.Context, session login.Session, delegate carnet.ID) error
	BeginPasskey(ctx context.Context, session login.Session, delegate carnet.ID) (json.RawMessage, error)
	FinishPasskey(ctx context.Context, session login.Session, delegate carnet.ID, response []byte) error
	Ready(ctx context.Context, professional carnet.ID) ([]delegation.Delegate, error)
	BeginAuthorise(ctx context.Context, professional, delegate carnet.ID) (json.RawMessage, error)
	Authorise(ctx context.Context, held login.Held, professional, delegate carnet.ID, presence login.Presence, response []byte) (login.Delegation, error)
}

// Runs is what the site needs of runs and drafts: package run's Service has it.
type Runs interface {
	Start(ctx context.Context, actor protect.Actor, r run.Run) (run.Run, error)
	Current(ctx context.Context, actor protect.Actor) (run.Run, error)
	ChangeLot(ctx context.Context, actor protect.Actor, vaccine string, lot carnet.Lot, expiry carnet.Date) (run.Run, error)
	End(ctx context.Context, actor protect.Actor, why string) error
	Count(ctx context.Context, actor protect.Actor, run, key carnet.ID) error
	Uncount(ctx context.Context, actor protect.Actor, run, key carnet.ID) error
	SaveDraft(ctx context.Context, actor protect.Actor, person, key carnet.ID, form carnet.Private) error
	Draft(ctx context.Context, actor protect.Actor, person, key carnet.ID) (run.Draft, error)
	Drafts(ctx context.Context, actor protect.Actor) ([]run.Draft, error)
	DropDraft(ctx context.Context, actor protect.Actor, person, key carnet.ID) error
	Pack(ctx context.Context, actor protect.Actor, g gs1.GTIN) (string, error)
	RememberPack(ctx context.Context, actor protect.Actor, g gs1.GTIN, vaccine string) error
}

// Deps is what the site is made of.
type Deps struct {
	Login      Login
	Delegation Delegation
	People     People
	Vaccinate  Vaccinate
	Runs       Runs
	Stock      Stock
	Lists      Lists
	Paper      Paper
	Imports    Imports
	Risk       Risk
	Documents  Documents // nil when nothing is certified here
	// Picture reads the codes in a picture of at most 8 MiB, the likeliest first; nil when nothing does.
	Picture    func(ctx context.Context, picture []byte) ([]string, error)
	Clock      carnet.Clock
	Rand       io.Reader // safe for concurrent use
	Log        *slog.Logger
	HTTPS      bool
	Sandbox    bool     // the login button says so, and the strip on top
	FormAction []string // origins of the login provider
	Phones     bool     // the provider reaches telephones; else its own page asks everything
	Phone      string   // address of the sandbox's telephone; empty without
	Contact    Contact
}

// mayInject are the professions that enter, and are proposed as the one who injects. The directory of a real
// operator says it per person; the login only brings the profession.
var mayInject = []string{carnet.Physician, carnet.Pharmacist, carnet.Midwife, carnet.Nurse}

const findPath = "/recherche"

const savedCookie = "__Host-pro-saved"

type site struct {
	Deps
	ui     *ui.Kit
	claims func(login.Claims) (login.Professional, error)
	routes []string // patterns of the pages
	places sync.Map // id to name of places of work, for the header: names of establishments, no person
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
		Site: "pro", Files: files, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox, FormAction: d.FormAction,
		Policy: []string{"script-src 'self'", "connect-src 'self'"}, Bodies: map[string]int64{photoPath: maxPhoto, importPath: bulk.MaxUpload + 64<<10},
		Cookies: []ui.Cookie{
			{Name: "__Host-pro-session", Purpose: "cookies.session.purpose", Life: "cookies.session.life"},
			{Name: "__Host-pro-login", Purpose: "cookies.login.purpose", Life: "cookies.login.life"},
			{Name: "__Host-pro-known", Purpose: "cookies.known.purpose", Life: "cookies.known.life"},
			{Name: savedCookie, Purpose: "cookies.saved.purpose", Life: "cookies.login.life"},
		},
	})
	if err != nil {
		return nil, err
	}
	d.People = meeting{d.People, d.Vaccinate}
	return &site{Deps: d, ui: kit, claims: login.Claims.Professional}, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		s.routes = append(s.routes, pattern)
		mux.HandleFunc(pattern, h)
	}
	handle("GET /{$}", s.home)
	handle("POST "+loginPath, s.begin)
	handle("POST "+callPath, s.call)
	handle("GET "+waitPath, s.waiting)
	handle("GET "+statePath, s.state)
	handle("POST "+quitPath, s.quit)
	handle("GET "+leftPath, s.left)
	handle("GET "+openingPath, s.opening)
	handle("POST "+openingPath, s.open)
	handle("POST "+s.Login.EndPath(), s.Login.BackChannel)
	handle("GET "+s.Login.CallbackPath(), s.finish)
	handle("POST "+logoutPath, s.logout)
	handle("GET "+cardPath, s.card)
	member := func(pattern string, h func(http.ResponseWriter, *http.Request, login.Session) error) {
		handle(pattern, s.member(h))
	}
	member("GET "+settingsPath, s.settings)
	member("POST "+freshPath, s.confirm)
	member("POST "+declarePath, s.declare)
	member("POST "+contestPath, s.contest)
	member("POST "+sessionsPath, s.endSessions)
	member("POST "+hoursPath, s.saveHours)
	member("POST "+againPath, s.again)
	member("GET "+findingsPath, s.findings)
	member("GET "+colleaguesPath, s.colleagues)
	member("POST "+colleaguesPath, s.confirmColleague)
	private := func(pattern string, h func(http.ResponseWriter, *http.Request, protect.Actor) error) {
		handle(pattern, s.private(h))
	}
	member("GET "+vaccinatePath, s.station)
	member("POST "+vaccinatePath, s.entering(s.next))
	handle("GET "+offlinePath, s.offline)
	handle("GET "+workerPath, s.script("worker.js"))
	handle("GET "+storePath, s.script("store.js"))
	member("POST "+deferredPath, s.deferred)
	private("POST "+runPath, s.startRun)
	private("POST "+runLotPath, s.changeRunLot)
	private("POST "+endPath, s.endRun)
	private("POST "+undoPath, s.undo)
	private("POST "+boxPath, s.readBox)
	if s.Picture != nil {
		private("POST "+photoPath, s.readPhoto)
	}
	private("POST /personnes/{person}/saisies/{key}/brouillon", s.saveDraft)
	private("POST /personnes/{person}/saisies/{key}/abandon", s.dropDraft)
	private("GET /recherche", s.findPage)
	private("POST /recherche", s.find)
	private("GET /personnes/{person}", s.person)
	private("GET /personnes/{person}/synthese", s.summary)
	private("GET /personnes/{person}/infections", s.infections)
	private("POST /personnes/{person}/infections", s.addInfection)
	private("POST /personnes/{person}/infections/{infection}/retrait", s.withdrawInfection)
	private("GET /personnes/{person}/acces", s.access)
	private("POST /personnes/{person}/acces", s.openAccess)
	member("GET /personnes/{person}/doses/nouvelle", s.entering(s.newEntry))
	private("GET /personnes/{person}/saisies/{key}", s.entryPage)
	private("POST /personnes/{person}/saisies/{key}", s.entryCheck)
	private("GET /personnes/{person}/saisies/{key}/verification", s.checkPage)
	member("POST /personnes/{person}/saisies/{key}/enregistrer", s.entering(s.entrySave))
	private("GET /personnes/{person}/doses/{dose}", s.dose)
	private("GET /personnes/{person}/doses/{dose}/confirmation", s.saved)
	private("GET /personnes/{person}/doses/{dose}/corriger", s.chooseCorrection)
	private("GET /personnes/{person}/doses/{dose}/corriger/{what}", s.newCorrection)
	private("GET /personnes/{person}/doses/{dose}/rectifications/{what}/{key}", s.correctPage)
	private("POST /personnes/{person}/doses/{dose}/rectifications/{what}/{key}", s.correct)
	private("GET /personnes/{person}/doses/{dose}/corrections/{key}", s.entryPage)
	private("POST /personnes/{person}/doses/{dose}/corrections/{key}", s.entryCheck)
	private("POST /personnes/{person}/doses/{dose}/corrections/{key}/enregistrer", s.entrySave)
	private("GET /personnes/{person}/doses/{dose}/annuler", s.newCancel)
	private("GET /personnes/{person}/doses/{dose}/annulations/{key}", s.cancelPage)
	private("POST /personnes/{person}/doses/{dose}/annulations/{key}", s.cancel)
	private("GET /personnes/{person}/doses/{dose}/deplacer", s.newMove)
	private("GET /personnes/{person}/doses/{dose}/deplacements/{key}", s.movePage)
	private("POST /personnes/{person}/doses/{dose}/deplacements/{key}", s.move)
	private("GET /personnes/{person}/doses/{dose}/signaler", s.newForged)
	private("GET /personnes/{person}/doses/{dose}/signalements/{key}", s.forgedPage)
	private("POST /personnes/{person}/doses/{dose}/signalements/{key}", s.forged)
	private("GET "+queuePath, s.queue)
	private("POST "+answerPath, s.answer)
	private("POST "+annulPath, s.annul)
	s.lotRoutes(private)
	s.importRoutes(private)
	s.identityRoutes(private)
	s.listRoutes(private)
	s.paperRoutes(private)
	return s.ui.Handler(mux)
}

// private runs a handler for somebody who is logged in, and answers its error.
func (s *site) private(h func(http.ResponseWriter, *http.Request, protect.Actor) error) http.HandlerFunc {
	return s.member(func(w http.ResponseWriter, r *http.Request, me login.Session) error { return h(w, r, me.Actor()) })
}

// member does the same for a handler that needs to know more of the session.
func (s *site) member(h func(http.ResponseWriter, *http.Request, login.Session) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := s.Login.Current(r)
		if carnet.KindOf(err) == carnet.Denied {
			s.away(w, r, carnet.CodeOf(err))
			return
		}
		if err == nil {
			err = s.Login.Spend(r.Context(), me.Actor(), limit.Requests)
			if carnet.CodeOf(err) == login.CodeLimit {
				s.Risk.Refused(r.Context(), who(me))
			}
		}
		if err != nil {
			s.ui.Fail(w, r, err)
			return
		}
		t := s.ui.Text(r)
		shown := ui.Session{Name: me.Name.Reveal(), Detail: s.placeName(r.Context(), me.Actor()), Logout: logoutPath,
			Tabs: []ui.Link{{Href: vaccinatePath, Words: t.T("tabs.vaccinate")}, {Href: findPath, Words: t.T("tabs.find")}, {Href: listsPath, Words: t.T("tabs.lists")}, {Href: lotsPath, Words: t.T("tabs.lots")}}}
		if d := me.Delegation; d.ID.IsZero() {
			shown.Tabs = append(shown.Tabs, ui.Link{Href: queuePath, Words: t.T("tabs.queue")}, ui.Link{Href: importPath, Words: t.T("tabs.import")}, ui.Link{Href: settingsPath, Words: t.T("tabs.settings")})
			if n := s.Risk.Waits(me.Actor()); n > 0 {
				shown.Tabs = append(shown.Tabs, ui.Link{Href: colleaguesPath, Words: t.N("tabs.colleagues", n)})
			}
		} else {
			shown.Notice = t.T("notice.delegate", "delegate", d.Name.Reveal(), "name", me.Name.Reveal())
		}
		ui.SetSession(r, shown)
		if err := h(w, r, me); err != nil {
			if id, bad := carnet.ParseID(r.PathValue("person")); bad == nil && carnet.CodeOf(err) == "person.no-link" {
				http.Redirect(w, r, accessPath(id), http.StatusSeeOther)
				return
			}
			s.ui.Fail(w, r, err)
			return
		}
		// Whose page was shown was looked at: what is entered of them later was not entered blindly.
		if person, err := carnet.ParseID(r.PathValue("person")); err == nil && r.Method == http.MethodGet {
			s.Risk.Saw(me.ID, person)
		}
	}
}

// placeName names the place of the session, in the header of every page.
func (s *site) placeName(ctx context.Context, actor protect.Actor) string {
	if actor.Organisation == "" {
		return ""
	}
	if name, ok := s.places.Load(actor.Organisation); ok {
		return name.(string)
	}
	me, err := s.Vaccinate.Professional(ctx, actor)
	if err != nil {
		s.Log.WarnContext(ctx, "place of a session", "err", err)
		return ""
	}
	s.remember(me.Places)
	for _, p := range me.Places {
		if p.ID == actor.Organisation {
			return p.Name
		}
	}
	return ""
}

func (s *site) remember(places []carnet.Place) {
	for _, p := range places {
		s.places.Store(p.ID, p.Name)
	}
}
