package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/login/software"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/pro"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/catalogue"
	"carnet/internal/vaccinate/fraud"
	"carnet/nir"
)

func id(n byte) carnet.ID { return carnet.DerivedID([]byte{n, 15: n}) }

var (
	now    = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	nurse  = id(1)
	doctor = id(2)
	client = id(3)
	fern   = id(4)

	fernNIR = func() nir.Number {
		n, err := nir.Complete("2850599999001")
		if err != nil {
			panic(err)
		}
		return n
	}()
)

const (
	place    = "990000011"
	nurseNo  = "899700218896"
	doctorNo = "899700000112"
)

// fake is the rooms behind the site, in memory.
type fake struct {
	catalogue *catalogue.Catalogue
	grant     software.Grant
	failure   *software.Failure
	met       []vaccinate.Link
	events    map[carnet.ID][]vaccinate.Event // by entry
	keys      map[carnet.ID]carnet.ID         // idempotency key to entry
	commands  []vaccinate.Command
	held      error // what the watch says
	err       error // what the next call of a room answers
	actors    []protect.Actor
}

func newFake(t testing.TB) *fake {
	t.Helper()
	c, err := vaccinate.ReadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return &fake{catalogue: c, events: map[carnet.ID][]vaccinate.Event{}, keys: map[carnet.ID]carnet.ID{},
		grant: software.Grant{Client: client, Professional: nurse, Place: place, Scopes: software.AllScopes, Session: id(9)}}
}

func (f *fake) Authenticate(*http.Request) (software.Grant, error) {
	if f.failure != nil {
		return software.Grant{}, f.failure
	}
	return f.grant, nil
}

func (f *fake) Challenge(h http.Header, e *software.Failure) int {
	h.Set("WWW-Authenticate", "DPoP")
	return e.Status
}
func (f *fake) ServeToken(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
func (f *fake) Metadata(bool, string) software.Metadata {
	return software.Metadata{Issuer: "https://api.example"}
}
func (f *fake) Gate(who fraud.Who) error {
	if who != (fraud.Who{Session: id(9), Professional: nurse, Delegate: client, Place: place}) {
		return errors.New("somebody else enters")
	}
	return f.held
}
func (f *fake) Nonce() string { return "nonce" }
func (f *fake) Key(g software.Grant, text string) carnet.ID {
	hash := sha256.Sum256([]byte(g.Client.String() + text))
	return carnet.DerivedID(hash[:])
}

func (f *fake) called(actor protect.Actor) error {
	f.actors = append(f.actors, actor)
	err := f.err
	f.err = nil
	return err
}

var fernIs = carnet.Identity{NIR: fernNIR, BirthName: carnet.Hide("FOUGÈRE"), GivenNames: []carnet.Private{carnet.Hide("Camille")}, Sex: carnet.Female, Birth: mustBirth("1985-05-12")}

func mustBirth(s string) carnet.BirthDate {
	b, err := carnet.ParseBirthDate(s)
	if err != nil {
		panic(err)
	}
	return b
}

func (f *fake) ByNIR(_ context.Context, actor protect.Actor, n nir.Number) (people.Found, error) {
	if err := f.called(actor); err != nil {
		return people.Found{}, err
	}
	if n.Reveal() != fernNIR.Reveal() {
		return people.Found{}, carnet.E("fake", carnet.NotFound, "person.unknown-nir", nil)
	}
	return people.Found{ID: fern, Identity: fernIs, Score: 100}, nil
}

func (f *fake) ByTraits(_ context.Context, actor protect.Actor, t people.Traits) ([]people.Found, error) {
	if err := f.called(actor); err != nil {
		return nil, err
	}
	if t.Birth.IsZero() {
		var p carnet.Problems
		p.Add("birth", "birth.missing", nil)
		return nil, p
	}
	return []people.Found{{ID: fern, Identity: fernIs, Score: 97, Why: []people.Reason{{Trait: people.ByName, How: people.Exact}}}}, nil
}

func (f *fake) Person(_ context.Context, actor protect.Actor, who carnet.ID) (carnet.Person, error) {
	if err := f.called(actor); err != nil {
		return carnet.Person{}, err
	}
	if who != fern {
		return carnet.Person{}, carnet.E("fake", carnet.NotFound, "person.unknown", nil)
	}
	return carnet.Person{ID: fern, Identity: fernIs}, nil
}

func (f *fake) Catalogue() vaccinate.Catalogue { return f.catalogue }
func (f *fake) ProfessionalID(n carnet.Private) carnet.ID {
	return map[string]carnet.ID{nurseNo: nurse, doctorNo: doctor}[n.Reveal()]
}

func (f *fake) History(_ context.Context, actor protect.Actor, who carnet.ID) ([]carnet.Dose, error) {
	if err := f.called(actor); err != nil {
		return nil, err
	}
	var list []carnet.Dose
	for _, events := range f.events {
		if e := events[len(events)-1]; e.Kind != vaccinate.Cancelled && e.Dose.PersonID == who {
			list = append(list, e.Dose)
		}
	}
	slices.SortFunc(list, func(a, b carnet.Dose) int { return a.Date.Days() - b.Date.Days() })
	return list, nil
}

func (f *fake) Events(_ context.Context, actor protect.Actor, who, dose carnet.ID) ([]vaccinate.Event, error) {
	if err := f.called(actor); err != nil {
		return nil, err
	}
	list := f.events[dose]
	if len(list) == 0 || list[0].Dose.PersonID != who {
		return nil, carnet.E("fake", carnet.NotFound, "dose.unknown", nil)
	}
	return list, nil
}

func (f *fake) Propose(context.Context, protect.Actor, carnet.ID, string, carnet.Date, carnet.ID) (vaccinate.Proposal, error) {
	return vaccinate.Proposal{Rank: 1, Expected: 2}, nil
}

func (f *fake) Done(_ context.Context, _ protect.Actor, _, key carnet.ID) (carnet.Dose, error) {
	if dose, ok := f.keys[key]; ok {
		return f.events[dose][0].Dose, nil
	}
	return carnet.Dose{}, carnet.E("fake", carnet.NotFound, "dose.no-event", nil)
}

func (f *fake) dose(actor protect.Actor, c vaccinate.Command) carnet.Dose {
	return carnet.Dose{PersonID: c.Person, NotGiven: c.NotGiven, Evidence: c.Evidence, Vaccine: c.Vaccine, Product: c.Product, Country: c.Country, Lot: c.Lot, Expiry: c.Expiry,
		Half: c.Half, Date: c.Date, Time: c.Time, Place: carnet.Place{ID: c.Place}, PlaceType: c.PlaceType, BodySite: c.BodySite, Route: c.Route, Rank: 1, Expected: 2, RankReason: c.RankReason,
		Eligibility: c.Eligibility, Consent: c.Consent, Note: c.Note, Injector: c.Injector, Responsible: c.Responsible, RecordedBy: actor.ID, Delegate: actor.Delegate, RecordedAt: now,
		LateReason: c.LateReason, Form: c.Form}
}

func (f *fake) Record(_ context.Context, actor protect.Actor, c vaccinate.Command) (carnet.Dose, error) {
	if err := f.called(actor); err != nil {
		return carnet.Dose{}, err
	}
	f.commands = append(f.commands, c)
	if dose, ok := f.keys[c.Key]; ok {
		return f.events[dose][0].Dose, nil
	}
	d := f.dose(actor, c)
	d.ID, d.Version = id(byte(50+len(f.events))), 1
	f.keys[c.Key] = d.ID
	f.events[d.ID] = []vaccinate.Event{{Kind: vaccinate.Recorded, Dose: d, At: now}}
	return d, nil
}

func (f *fake) Correct(_ context.Context, actor protect.Actor, c vaccinate.Command, r vaccinate.Revision) (carnet.Dose, error) {
	if err := f.called(actor); err != nil {
		return carnet.Dose{}, err
	}
	f.commands = append(f.commands, c)
	list := f.events[r.Dose]
	was := list[len(list)-1].Dose
	if was.Version != r.Version {
		return carnet.Dose{}, carnet.E("fake", carnet.Conflict, "dose.changed-meanwhile", nil)
	}
	if r.Reason == "" {
		var p carnet.Problems
		p.Add("reason", "dose.reason-missing", nil)
		return carnet.Dose{}, p
	}
	d := f.dose(actor, c)
	d.ID, d.Version = was.ID, was.Version+1
	f.events[d.ID] = append(list, vaccinate.Event{Kind: vaccinate.Corrected, Dose: d, At: now.Add(time.Minute), Reason: r.Reason})
	return d, nil
}

func (f *fake) Cancel(_ context.Context, actor protect.Actor, c vaccinate.Cancellation) error {
	if err := f.called(actor); err != nil {
		return err
	}
	list := f.events[c.Dose]
	d := list[len(list)-1].Dose
	d.Version++
	f.events[c.Dose] = append(list, vaccinate.Event{Kind: vaccinate.Cancelled, Cause: c.Cause, Reason: c.Reason, Dose: d, At: now.Add(time.Minute)})
	return nil
}

func (f *fake) Meet(_ context.Context, actor protect.Actor, who carnet.ID, how vaccinate.Link) error {
	if who != fern {
		return errors.New("somebody else is met")
	}
	f.met = append(f.met, how)
	return f.called(actor)
}

// start builds the site over the fake.
func start(t testing.TB, f *fake, log io.Writer) http.Handler {
	t.Helper()
	h, err := New(Deps{Software: f, People: f, Vaccinate: f, Risk: f, Words: pro.Texts(), Origin: "https://api.example", Version: "test", Clock: func() time.Time { return now }, Rand: strings.NewReader(strings.Repeat("r", 1<<20)),
		Log: slog.New(slog.NewTextHandler(log, nil)), Sandbox: true,
		Example: &Example{Client: client.String(), Key: `{"kty":"EC","kid":"essai"}`, Professional: nurseNo, Place: place, NIR: fernNIR.Reveal()}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type sent struct {
	method, path, body string
	header             map[string]string
}

type got struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (s sent) to(t testing.TB, h http.Handler) got {
	t.Helper()
	r := httptest.NewRequest(s.method, s.path, strings.NewReader(s.body))
	if s.body != "" {
		r.Header.Set("Content-Type", fhir.MediaType)
		if strings.Contains(s.path, "_search") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	for k, v := range s.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	g := got{status: w.Code, header: w.Header(), text: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &g.body) // a page is none
	return g
}

// code is the stable code of an OperationOutcome, and the element it speaks of.
func (g got) code() string {
	o, err := fhir.Decode[fhir.OperationOutcome]([]byte(g.text), fhir.Limits{})
	if err != nil {
		return "no outcome: " + err.Error()
	}
	var list []string
	for _, i := range o.Issue {
		at := ""
		if len(i.Expression) > 0 {
			at = " " + string(i.Expression[0])
		}
		list = append(list, string(i.Details.Coding[0].Code)+at)
	}
	return strings.Join(list, "; ")
}
