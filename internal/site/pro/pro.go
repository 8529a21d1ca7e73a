// Package pro is the site Vaccin Covid for professionals: find a person, see the doses that stand,
// record one, correct one, cancel one.
//
// Every page works without JavaScript. Nothing personal is in an address: searches are sent by
// POST, people and doses are named by ids. The idempotency key of an entry is made before its form
// is shown and is part of its address: whoever goes back after a confirmation meets the dose that
// was saved, and cannot save it twice. The steps form, check, save keep what was typed in the page
// itself and, sealed, in the address of the page that shows it for checking; nothing is stored.
//
// The site decides nothing about vaccination: rank, warnings and refusals come from the room
// vaccinate, and are only put into words here. A warning never stops the professional.
//
// Specification: workflow sections 2 to 4, 6 and 11; style, rules "Web".
package pro

import (
	"context"
	"embed"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/nir"
)

//go:embed text all:templates
var files embed.FS

// Login is what the site needs of the logins: package login's Site has it.
type Login interface {
	CallbackPath() string
	Begin(w http.ResponseWriter, r *http.Request) error
	Finish(w http.ResponseWriter, r *http.Request) (login.Identity, error)
	Open(w http.ResponseWriter, r *http.Request, o login.Opening) (login.Session, error)
	Current(r *http.Request) (login.Session, error)
	Logout(w http.ResponseWriter, r *http.Request) error
}

// People is what the site needs of the room people.
type People interface {
	ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (people.Found, error)
	ByTraits(ctx context.Context, actor protect.Actor, t people.Traits) ([]people.Found, error)
	Person(ctx context.Context, actor protect.Actor, id carnet.ID) (carnet.Person, error)
}

// Vaccinate is what the site needs of the room vaccinate.
type Vaccinate interface {
	Catalogue() vaccinate.Catalogue
	NewKey() (carnet.ID, error)
	Today() carnet.Date
	History(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error)
	Propose(ctx context.Context, actor protect.Actor, person carnet.ID, vaccine string, on carnet.Date, correcting carnet.ID) (vaccinate.Proposal, error)
	Done(ctx context.Context, actor protect.Actor, person, key carnet.ID) (carnet.Dose, error)
	Record(ctx context.Context, actor protect.Actor, c vaccinate.Command) (carnet.Dose, error)
	Correct(ctx context.Context, actor protect.Actor, c vaccinate.Command, r vaccinate.Revision) (carnet.Dose, error)
	Cancel(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID, reason string) error
	Professional(ctx context.Context, actor protect.Actor) (carnet.Professional, error)
	Vaccinators(ctx context.Context, actor protect.Actor, place string) ([]carnet.Professional, error)
	ProfessionalID(number carnet.Private) carnet.ID
	Enrol(ctx context.Context, actor protect.Actor, p carnet.Professional) (carnet.ID, error)
}

// Deps is what the site is made of.
type Deps struct {
	Login      Login
	People     People
	Vaccinate  Vaccinate
	Clock      carnet.Clock
	Rand       io.Reader // safe for concurrent use
	Log        *slog.Logger
	HTTPS      bool
	Sandbox    bool     // the login button says so, and the strip on top
	FormAction []string // origins of the login provider
}

// Paths of the forms that begin and end a session.
const (
	loginPath  = "/connexion"
	logoutPath = "/deconnexion"
)

const savedCookie = "__Host-pro-saved"

type site struct {
	Deps
	ui     *ui.Kit
	claims func(login.Claims) (login.Professional, error)
	drafts drafts
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
		Cookies: []ui.Cookie{
			{Name: "__Host-pro-session", Purpose: "cookies.session.purpose", Life: "cookies.session.life"},
			{Name: "__Host-pro-login", Purpose: "cookies.login.purpose", Life: "cookies.login.life"},
			{Name: savedCookie, Purpose: "cookies.saved.purpose", Life: "cookies.login.life"},
		},
	})
	if err != nil {
		return nil, err
	}
	sealed, err := newDrafts(d.Rand)
	if err != nil {
		return nil, err
	}
	return &site{Deps: d, ui: kit, claims: login.Claims.Professional, drafts: sealed}, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST "+loginPath, s.begin)
	mux.HandleFunc("GET "+s.Login.CallbackPath(), s.finish)
	mux.HandleFunc("POST "+logoutPath, s.logout)
	private := func(pattern string, h func(http.ResponseWriter, *http.Request, protect.Actor) error) {
		mux.HandleFunc(pattern, s.private(h))
	}
	private("GET /recherche", s.findPage)
	private("POST /recherche", s.find)
	private("GET /personnes/{person}", s.person)
	private("GET /personnes/{person}/doses/nouvelle", s.newEntry)
	private("GET /personnes/{person}/saisies/{key}", s.entryPage)
	private("POST /personnes/{person}/saisies/{key}", s.entryCheck)
	private("GET /personnes/{person}/saisies/{key}/verification", s.checkPage)
	private("POST /personnes/{person}/saisies/{key}/enregistrer", s.entrySave)
	private("GET /personnes/{person}/doses/{dose}", s.dose)
	private("GET /personnes/{person}/doses/{dose}/confirmation", s.saved)
	private("GET /personnes/{person}/doses/{dose}/corriger", s.newCorrection)
	private("GET /personnes/{person}/doses/{dose}/corrections/{key}", s.entryPage)
	private("POST /personnes/{person}/doses/{dose}/corrections/{key}", s.entryCheck)
	private("GET /personnes/{person}/doses/{dose}/corrections/{key}/verification", s.checkPage)
	private("POST /personnes/{person}/doses/{dose}/corrections/{key}/enregistrer", s.entrySave)
	private("GET /personnes/{person}/doses/{dose}/annuler", s.newCancel)
	private("GET /personnes/{person}/doses/{dose}/annulations/{key}", s.cancelPage)
	private("POST /personnes/{person}/doses/{dose}/annulations/{key}", s.cancel)
	return s.ui.Handler(mux)
}

// private runs a handler for somebody who is logged in, and answers its error.
func (s *site) private(h func(http.ResponseWriter, *http.Request, protect.Actor) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := s.Login.Current(r)
		if carnet.KindOf(err) == carnet.Denied {
			s.away(w, r, carnet.CodeOf(err))
			return
		}
		if err != nil {
			s.ui.Fail(w, r, err)
			return
		}
		actor := session.Actor()
		ui.SetSession(r, ui.Session{Name: session.Name.Reveal(), Detail: s.placeName(r.Context(), actor), Logout: logoutPath})
		if err := h(w, r, actor); err != nil {
			s.ui.Fail(w, r, err)
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
