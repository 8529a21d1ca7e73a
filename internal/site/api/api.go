// Package api is the site for the software of establishments, so that nobody types twice: HL7 FHIR R4
// for vaccinations, OAuth 2.0 to be let in, and a page that shows developers how.
//
//	GET  /                        the page for developers
//	GET  /openapi.json            what is not FHIR (OpenAPI 3.1)
//	POST /oauth/token             a token, see package software
//	GET  /.well-known/oauth-authorization-server, /fhir/.well-known/smart-configuration
//	GET  /fhir/metadata           the CapabilityStatement
//	POST /fhir                    a batch
//	POST /fhir/Patient/_search    a person by number
//	POST /fhir/Patient/$match     people by traits
//	GET  /fhir/Patient/{id}       the least of an identity
//	POST /fhir/Immunization       record
//	GET  /fhir/Immunization/{id}  read, with _history and _history/{version}
//	GET  /fhir/Immunization       search by patient, also POST /fhir/Immunization/_search
//	PUT  /fhir/Immunization/{id}  correct, or take away with the status entered-in-error
//	POST /api/v1/scan             what a pack's code says
//	POST /api/v1/problem          a fault of this interface, for the operator
//
// # Rules
//
// Every request but the descriptions has a token, which names one professional in one place; the act
// is theirs. A record opens to software as it does to who is logged in: for people who were found by
// their number or traits on the day, or of whom there is an entry. Numbers never are in addresses:
// a search by number is a POST.
//
// A creation is recognised when it is sent again: by the header Idempotency-Key, else by
// If-None-Exist, else by the first identifier of the resource. Without any it is refused. A
// correction says which version it saw (If-Match) and why. Nothing is deleted: an entry is taken away
// by a correction to entered-in-error, and stays readable as such.
//
// Faults come as an OperationOutcome with a stable code, a path, and words in both languages. Neither
// faults nor logs repeat what was sent.
//
// docs/api.md has the elements, the lists of codes and what is not kept.
package api

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"

	"carnet/internal/carnet"
	"carnet/internal/login/software"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
	"carnet/nir"
)

//go:embed text static all:templates
var files embed.FS

// Base is the path of the FHIR interface.
const Base = "/fhir"

const (
	maxBody  = 256 << 10 // bytes of one resource
	maxBatch = 2 << 20   // bytes of a batch
	maxMany  = 50        // entries of a batch
)

// Software lets programs in; software.Service has it.
type Software interface {
	Authenticate(r *http.Request) (software.Grant, error)
	Challenge(h http.Header, f *software.Failure) int
	ServeToken(w http.ResponseWriter, r *http.Request)
	Metadata(certificates bool, documentation string) software.Metadata
	Nonce() string
	Key(g software.Grant, text string) carnet.ID
}

// People finds insured people; people.Service has it.
type People interface {
	ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (people.Found, error)
	ByTraits(ctx context.Context, actor protect.Actor, t people.Traits) ([]people.Found, error)
	Person(ctx context.Context, actor protect.Actor, id carnet.ID) (carnet.Person, error)
}

// Vaccinate is the record; vaccinate.Service has it.
type Vaccinate interface {
	Catalogue() vaccinate.Catalogue
	ProfessionalID(number carnet.Private) carnet.ID
	History(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error)
	Events(ctx context.Context, actor protect.Actor, person, dose carnet.ID) ([]vaccinate.Event, error)
	Propose(ctx context.Context, actor protect.Actor, person carnet.ID, vaccine string, on carnet.Date, correcting carnet.ID) (vaccinate.Proposal, error)
	Done(ctx context.Context, actor protect.Actor, person, key carnet.ID) (carnet.Dose, error)
	Record(ctx context.Context, actor protect.Actor, c vaccinate.Command) (carnet.Dose, error)
	Correct(ctx context.Context, actor protect.Actor, c vaccinate.Command, r vaccinate.Revision) (carnet.Dose, error)
	Cancel(ctx context.Context, actor protect.Actor, c vaccinate.Cancellation) error
	Meet(ctx context.Context, actor protect.Actor, person carnet.ID, how vaccinate.Link) error
}

// Risk is the watch over entries; fraud.Watch has it. What it holds, software does not enter either.
type Risk interface {
	Gate(who fraud.Who) error
}

// Deps is what the site is made of.
type Deps struct {
	Software     Software
	People       People
	Vaccinate    Vaccinate
	Risk         Risk
	Words        fs.FS  // folder text with the words of what the rooms refuse: those of the site for professionals
	Origin       string // the address that programs know the site by
	Version      string // of the program
	Certificates bool   // the site's own connections ask for a client certificate
	Example      *Example
	Clock        carnet.Clock
	Rand         io.Reader
	Log          *slog.Logger
	HTTPS        bool
	Sandbox      bool
}

// Example is the client that a sandbox has made, for the page: anybody may be it.
type Example struct {
	Client       string // id
	Key          string // JWK, private
	Professional string // RPPS
	Place        string // FINESS
	NIR          string // of somebody in the register
}

type site struct {
	Deps
	ui      *ui.Kit
	openAPI []byte
	script  string
	rooms   map[string]ui.Text // words of what the rooms refuse, by language
}

// New builds the site.
func New(d Deps) (http.Handler, error) {
	s := &site{Deps: d}
	var err error
	s.ui, err = ui.New(ui.Config{Site: "api", Files: files, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox,
		Bodies: map[string]int64{Base: maxBatch, Base + "/": maxBatch, Base + "/Immunization": maxBody}, Program: s.program})
	if err != nil {
		return nil, err
	}
	if s.openAPI, err = openAPI(d.Origin); err != nil {
		return nil, err
	}
	s.rooms = map[string]ui.Text{}
	for _, lang := range ui.Languages {
		if s.rooms[lang], err = ui.ReadText(d.Words, lang); err != nil {
			return nil, err
		}
	}
	if s.script, err = script(d); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /openapi.json", s.serveOpenAPI)
	mux.HandleFunc("POST "+software.TokenPath, d.Software.ServeToken)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("GET /.well-known/smart-configuration", s.smart)
	mux.HandleFunc("GET "+Base+"/.well-known/smart-configuration", s.smart)
	mux.HandleFunc("GET "+Base+"/metadata", s.capability)
	for _, to := range s.routes() {
		mux.HandleFunc(to.method+" "+Base+to.path, s.serve(to))
	}
	for _, path := range []string{"", "/{$}"} {
		mux.HandleFunc("POST "+Base+path, s.serve(route{do: s.batch}))
	}
	mux.HandleFunc("POST /api/v1/scan", s.scan)
	mux.HandleFunc("POST /api/v1/problem", s.problem)
	return s.ui.Handler(mux), nil
}
