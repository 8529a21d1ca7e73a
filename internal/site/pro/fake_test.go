package pro

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
	"carnet/nir"
)

// The people of these tests are plants; the commune 99 9 99 does not exist.
var (
	acacias  = carnet.Place{ID: "750099999", Name: "Centre de vaccination des Acacias", Commune: "Valfleuri", Country: "FR"}
	mairie   = carnet.Place{ID: "750099998", Name: "Gymnase de la Mairie", Commune: "Valfleuri", Country: "FR"}
	tilleul  = carnet.Professional{ID: id(1), FamilyName: carnet.Hide("Tilleul"), GivenName: carnet.Hide("Camille"), Profession: carnet.Nurse, Vaccinator: true, Places: []carnet.Place{acacias, mairie}}
	bouleau  = carnet.Professional{ID: id(2), FamilyName: carnet.Hide("Bouleau"), GivenName: carnet.Hide("Sacha"), Profession: carnet.Physician, Vaccinator: true, Places: []carnet.Place{acacias}}
	today    = carnet.Date{Year: 2021, Month: 6, Day: 21}
	now      = time.Date(2021, 6, 21, 9, 30, 0, 0, time.UTC)
	fougere  = carnet.Person{ID: id(10), Identity: carnet.Identity{BirthName: carnet.Hide("FOUGÈRE"), UsedName: carnet.Hide("AUBÉPINE"), GivenNames: []carnet.Private{carnet.Hide("Anémone"), carnet.Hide("Iris")}, Birth: birth("1962-05-07"), Sex: carnet.Female}}
	newcomer = carnet.Person{ID: id(11), Identity: carnet.Identity{BirthName: carnet.Hide("MYRTE"), GivenNames: []carnet.Private{carnet.Hide("Basile")}, Birth: birth("1990-00-00"), Sex: carnet.Male}}
	firstKey = id(100)
)

// id is a version 7 id that ends in n.
func id(n byte) carnet.ID {
	return carnet.ID{0x01, 0x7a, 0x2b, 0x3c, 0x4d, 0x5e, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n}
}

func birth(s string) carnet.BirthDate {
	b, err := carnet.ParseBirthDate(s)
	if err != nil {
		panic(err)
	}
	return b
}

func mustNIR(t testing.TB, digits string) nir.Number {
	t.Helper()
	n, err := nir.Complete(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fake stands for login, people and vaccinate. It keeps doses in memory and uses the real rules.
type fake struct {
	records
	session error // what Current answers when it is not nil
	finish  error
	down    error // what people and vaccinate answer
	doses   []carnet.Dose

	infections []carnet.Infection

	done     map[carnet.ID]carnet.Dose
	people   []carnet.Person
	rules    *vaccinate.Service
	recorded []vaccinate.Command
	reasons  []string
	enrolled []carnet.Professional
	problems error // what Record and Correct answer
	proposal *vaccinate.Proposal

	// Identities.
	identity   error // what the commands on identities answer
	like       []people.Found
	found      []people.Found // what ByTraits answers when it is set
	children   map[carnet.ID][]people.Found
	changes    []people.Change
	newcomers  []people.Newcomer
	numbered   []people.Numbering
	joined     []people.Joining
	separated  []people.Separation
	renamed    []people.Renaming
	renumbered []carnet.ID
	stock      *lots
	desk       *desk
	imports    *imports

	// The door.
	called    []login.CallRequest
	wait      login.Wait
	waiting   error // what Waiting answers
	held      *login.Held
	opened    []login.Opening
	renewed   bool
	stale     bool
	limit     error // what Take answers
	spend     func(context.Context, protect.Actor, string) error
	gate      error       // what the watch answers
	seen      []carnet.ID // people whose pages were shown
	findings  []fraud.Finding
	colleague []fraud.Waiting
	confirmed []carnet.ID
	quit      int
	closed    []carnet.ID // sessions
	typing    login.Delegation
	declared  []delegation.Delegate
	named     []string // declared by name
	revoked   []carnet.ID
	passkeys  []string
	entries   []vaccinate.Entry
	contested []carnet.ID
	events    []login.Event
	week      hours.Week

	// Runs, drafts, boxes, lots.
	run    *run.Run
	ended  []string
	counts map[carnet.ID]bool
	drafts map[carnet.ID]run.Draft
	boxes  map[gs1.GTIN]string
	lots   []stock.Lot
	photo  []string // what a picture holds
	keys   byte
	other  carnet.ID   // who is logged in, when it is not tilleul
	day    carnet.Date // today, when it is another
}

// runs stands for package run.
type runs struct{ f *fake }

func (r runs) Start(_ context.Context, a protect.Actor, x run.Run) (run.Run, error) {
	x.ID, x.Actor, x.Place, x.Version, x.StartedAt = id(70), a.ID, a.Organisation, 1, now
	r.f.run = &x
	return x, nil
}

func (r runs) Current(context.Context, protect.Actor) (run.Run, error) {
	if r.f.run == nil {
		return run.Run{}, carnet.E("run", carnet.NotFound, "run.none", nil)
	}
	x := *r.f.run
	x.Pace = run.Pace{Entries: len(r.f.counts), First: now.Add(-time.Minute), Last: now}
	return x, r.f.down
}

func (r runs) ChangeLot(_ context.Context, _ protect.Actor, vaccine string, lot carnet.Lot, expiry carnet.Date) (run.Run, error) {
	r.f.run.Vaccine, r.f.run.Lot, r.f.run.Expiry = vaccine, lot, expiry
	r.f.run.Version++
	return *r.f.run, nil
}

func (r runs) End(_ context.Context, _ protect.Actor, why string) error {
	r.f.run, r.f.ended = nil, append(r.f.ended, why)
	return nil
}

func (r runs) Count(_ context.Context, _ protect.Actor, _, key carnet.ID) error {
	r.f.counts[key] = true
	return nil
}

func (r runs) Uncount(_ context.Context, _ protect.Actor, _, key carnet.ID) error {
	delete(r.f.counts, key)
	return nil
}

func (r runs) SaveDraft(_ context.Context, a protect.Actor, person, key carnet.ID, form carnet.Private) error {
	r.f.drafts[key] = run.Draft{Key: key, Person: person, Actor: a.ID, Form: form, SavedAt: now}
	return nil
}

func (r runs) Draft(_ context.Context, a protect.Actor, person, key carnet.ID) (run.Draft, error) {
	if d, ok := r.f.drafts[key]; ok && d.Person == person && d.Actor == a.ID {
		return d, nil
	}
	return run.Draft{}, carnet.E("run", carnet.NotFound, "entry.no-draft", nil)
}

func (r runs) Drafts(context.Context, protect.Actor) (list []run.Draft, _ error) {
	for _, d := range r.f.drafts {
		list = append(list, d)
	}
	return list, nil
}

func (r runs) DropDraft(_ context.Context, _ protect.Actor, _, key carnet.ID) error {
	delete(r.f.drafts, key)
	return nil
}

func (r runs) Pack(_ context.Context, _ protect.Actor, g gs1.GTIN) (string, error) {
	if v, ok := r.f.boxes[g]; ok {
		return v, nil
	}
	return "", carnet.E("run", carnet.NotFound, "scan.unknown-pack", nil)
}

func (r runs) RememberPack(_ context.Context, _ protect.Actor, g gs1.GTIN, vaccine string) error {
	r.f.boxes[g] = vaccine
	return nil
}

// shelf stands for package stock where a dose is entered: the place keeps no stock unless f.lots has some.
type shelf struct {
	*lots
	f *fake
}

func (l shelf) Live(context.Context, protect.Actor, string) ([]stock.Lot, error) {
	var live []stock.Lot
	for _, x := range l.f.lots {
		if x.State(today) == stock.Active {
			live = append(live, x)
		}
	}
	return live, nil
}

func (l shelf) Status(_ context.Context, _ protect.Actor, place, vaccine string, number carnet.Lot) (stock.Lot, error) {
	for _, x := range l.f.lots {
		if x.Vaccine == vaccine && x.Number.Equal(number.Private) {
			return x, nil
		}
	}
	return stock.Lot{Place: place, Vaccine: vaccine, Number: number}, nil
}

func newFake(t testing.TB) *fake {
	t.Helper()
	catalogue, err := vaccinate.ReadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{records: records{link: vaccinate.ByNumber}, stock: newLots(), desk: &desk{}, imports: &imports{}, done: map[carnet.ID]carnet.Dose{}, counts: map[carnet.ID]bool{}, drafts: map[carnet.ID]run.Draft{}, boxes: map[gs1.GTIN]string{}, people: []carnet.Person{fougere, newcomer}}
	f.people[0].Identity.NIR = mustNIR(t, "2620599999001")
	f.rules = vaccinate.New(nil, nil, nil, carnet.IDs{Clock: func() time.Time { return now }, Rand: rand.Reader}, catalogue)
	lot, err := carnet.ParseLot("EX4821")
	if err != nil {
		t.Fatal(err)
	}
	f.doses = []carnet.Dose{{
		ID: id(50), PersonID: fougere.ID, Vaccine: "EU/1/20/1528", Lot: lot, Date: carnet.Date{Year: 2021, Month: 5, Day: 10}, Place: acacias, BodySite: carnet.LeftArm,
		Rank: 1, Expected: 2, Injector: bouleau.ID, RecordedBy: tilleul.ID, Responsible: tilleul.ID, RecordedIn: acacias.ID, RecordedAt: time.Date(2021, 5, 10, 12, 4, 0, 0, time.UTC), Version: 1,
	}}
	entered := f.doses[0]
	entered.BodySite = carnet.RightArm
	f.records.events = []vaccinate.Event{
		{ID: id(80), Kind: vaccinate.Recorded, Actor: tilleul.ID, Delegate: genet.ID, At: entered.RecordedAt, Dose: entered},
		{ID: id(81), Kind: vaccinate.Corrected, Actor: bouleau.ID, At: entered.RecordedAt.Add(time.Hour), Dose: f.doses[0], Reason: "bras relu", Changes: []vaccinate.Change{vaccinate.ChangeSite}},
	}
	f.records.effect = vaccinate.Effect{Before: entered, After: f.doses[0], Standing: f.doses}
	return f
}

// People.

func (f *fake) ByNIR(_ context.Context, _ protect.Actor, n nir.Number) (people.Found, error) {
	for _, p := range f.people {
		if p.Identity.NIR.Equal(n) && !n.IsZero() {
			return people.Found{ID: p.ID, Identity: p.Identity, Why: []people.Reason{{Trait: people.ByNumber, How: people.Exact, Points: 100}}, Score: 100}, f.down
		}
	}
	return people.Found{}, carnet.E("people", carnet.NotFound, "person.unknown-nir", nil)
}

func (f *fake) ByTraits(_ context.Context, _ protect.Actor, t people.Traits) ([]people.Found, error) {
	if f.found != nil {
		return f.found, f.down
	}
	var list []people.Found
	for _, p := range f.people {
		if p.Identity.Birth.Equal(t.Birth) {
			list = append(list, people.Found{ID: p.ID, Identity: p.Identity, Why: []people.Reason{{Trait: people.ByName, How: people.Exact, Points: 40}, {Trait: people.ByBirth, How: people.Exact, Points: 37}}, Score: 77})
		}
	}
	return list, f.down
}

func (f *fake) Person(_ context.Context, _ protect.Actor, id carnet.ID) (carnet.Person, error) {
	for _, p := range f.people {
		if p.ID == id {
			return p, f.down
		}
	}
	return carnet.Person{}, carnet.E("people", carnet.NotFound, "person.unknown", nil)
}

// Vaccinate.

func (f *fake) Catalogue() vaccinate.Catalogue { return f.rules.Catalogue() }
func (f *fake) NewKey() (carnet.ID, error) {
	f.keys++
	return id(99 + f.keys), nil // firstKey, then the ones that follow
}

func (f *fake) Today() carnet.Date {
	if !f.day.IsZero() {
		return f.day
	}
	return today
}

func (f *fake) ProfessionalID(carnet.Private) carnet.ID { return tilleul.ID }

func (f *fake) History(_ context.Context, _ protect.Actor, person carnet.ID) ([]carnet.Dose, error) {
	var list []carnet.Dose
	for _, d := range f.doses {
		if d.PersonID == person {
			list = append(list, d)
		}
	}
	return list, f.down
}

func (f *fake) Propose(_ context.Context, _ protect.Actor, person carnet.ID, vaccine string, on carnet.Date, _ carnet.ID) (vaccinate.Proposal, error) {
	if f.proposal != nil {
		return *f.proposal, nil
	}
	if person == newcomer.ID {
		return vaccinate.Proposal{Rank: 1, Expected: 2, Reason: "first"}, nil
	}
	p := vaccinate.Proposal{Rank: 2, Expected: 2, Reason: "primary"}
	if vaccine != "EU/1/20/1528" {
		p.Warnings = []vaccinate.Warning{
			{Code: "other-vaccine", Args: map[string]any{"Vaccine": "Comirnaty"}},
			{Code: "interval", Args: map[string]any{"Days": on.Days() - f.doses[0].Date.Days(), "Least": 28, "Vaccine": "Spikevax"}},
		}
	}
	return p, nil
}

func (f *fake) Done(_ context.Context, _ protect.Actor, _, key carnet.ID) (carnet.Dose, error) {
	if d, ok := f.done[key]; ok {
		return d, nil
	}
	return carnet.Dose{}, carnet.E("vaccinate", carnet.NotFound, "key", nil)
}

func (f *fake) Record(_ context.Context, a protect.Actor, c vaccinate.Command) (carnet.Dose, error) {
	f.recorded = append(f.recorded, c)
	if f.problems != nil {
		return carnet.Dose{}, f.problems
	}
	d := carnet.Dose{
		ID: id(60), PersonID: c.Person, Vaccine: c.Vaccine, Lot: c.Lot, Expiry: c.Expiry, Date: c.Date, Place: acacias, BodySite: c.BodySite,
		NotGiven: c.NotGiven, Evidence: c.Evidence, Product: c.Product, Country: c.Country, PlaceType: c.PlaceType, Consent: c.Consent, Run: c.Run,
		Rank: c.Rank, Expected: c.Expected, RankReason: c.RankReason, Injector: c.Injector, RecordedBy: a.ID, RecordedAt: now, Version: 1,
	}
	f.done[c.Key] = d
	f.doses = append(f.doses, d)
	return d, nil
}

func (f *fake) Correct(_ context.Context, a protect.Actor, c vaccinate.Command, r vaccinate.Revision) (carnet.Dose, error) {
	f.recorded, f.reasons = append(f.recorded, c), append(f.reasons, r.Reason)
	return f.doses[0], f.problems
}

func (f *fake) Cancel(_ context.Context, _ protect.Actor, c vaccinate.Cancellation) error {
	f.reasons = append(f.reasons, string(c.Cause)+": "+c.Reason)
	return f.problems
}

func (f *fake) Contest(_ context.Context, _ protect.Actor, _, dose, _ carnet.ID, reason string) error {
	f.contested, f.reasons = append(f.contested, dose), append(f.reasons, reason)
	return f.problems
}

func (f *fake) DelegatedEntries(context.Context, protect.Actor, time.Time) ([]vaccinate.Entry, error) {
	return f.entries, nil
}

func (f *fake) Professional(_ context.Context, a protect.Actor) (carnet.Professional, error) {
	return tilleul, nil
}

func (f *fake) Vaccinators(context.Context, protect.Actor, string) ([]carnet.Professional, error) {
	return []carnet.Professional{bouleau, tilleul}, nil
}

func (f *fake) Enrol(_ context.Context, _ protect.Actor, p carnet.Professional) (carnet.ID, error) {
	f.enrolled = append(f.enrolled, p)
	return tilleul.ID, nil
}

func start(t testing.TB, f *fake, out io.Writer) (*site, http.Handler) {
	t.Helper()
	s, err := newSite(Deps{
		Login: door{f}, Delegation: delegates{f}, People: f, Vaccinate: f, Documents: func(context.Context, carnet.ID, []carnet.Dose) (int, error) { return 2, nil }, Runs: runs{f}, Stock: shelf{f.stock, f}, Imports: f.imports, Risk: risks{f}, Lists: f.desk, Paper: drawer{f.desk}, Picture: func(context.Context, []byte) ([]string, error) { return f.photo, nil },
		Phones: true, Phone: "http://localhost:8412/wallet",
		Contact: Contact{Who: "Assistance de la Clairière", Phone: "36 99", Hours: contactHours{}}, Clock: func() time.Time { return now }, Rand: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(out, nil)), Sandbox: true, FormAction: []string{"http://localhost:8412"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.handler()
}

// openRun opens a run of Spikevax with a few doses; stocked gives the place two lots; draft leaves one.
func openRun(f *fake) {
	f.run = &run.Run{ID: id(70), Actor: tilleul.ID, Place: acacias.ID, PlaceType: carnet.Centre, Vaccine: "EU/1/20/1507", Lot: carnet.Lot{Private: carnet.Hide("QX12")},
		Expiry: carnet.Date{Year: 2021, Month: 12, Day: 31}, Injector: bouleau.ID, StartedAt: now, Version: 1}
	f.counts = map[carnet.ID]bool{id(80): true, id(81): true, id(82): true}
}

func stocked(f *fake) {
	for i, code := range []string{"EU/1/20/1528", "EU/1/20/1507"} {
		f.lots = append(f.lots, stock.Lot{ID: id(90 + byte(i)), Place: acacias.ID, Vaccine: code, Number: carnet.Lot{Private: carnet.Hide([]string{"EX4821", "QX12"}[i])},
			Expiry: carnet.Date{Year: 2021, Month: 12, Day: 31}})
	}
}

func draft(f *fake) {
	f.drafts[id(101)] = run.Draft{Key: id(101), Person: newcomer.ID, Actor: tilleul.ID, Form: carnet.Hide("lot=QX12"), SavedAt: now}
}

func (f *fake) Infections(_ context.Context, _ protect.Actor, person carnet.ID) ([]carnet.Infection, error) {
	return f.infections, f.down
}

func (f *fake) RecordInfection(_ context.Context, a protect.Actor, key carnet.ID, i carnet.Infection) (carnet.Infection, error) {
	var problems carnet.Problems
	if i.Date.IsZero() {
		problems.Add("date", "dose.date-missing", nil)
	}
	if i.Evidence == carnet.Administered {
		problems.Add("evidence", "infection.evidence", nil)
	}
	if err := problems.Err(); err != nil {
		return i, err
	}
	i.ID = key
	f.infections = append(f.infections, i)
	return i, f.down
}

func (f *fake) WithdrawInfection(_ context.Context, _ protect.Actor, _, infection carnet.ID) error {
	f.infections = slices.DeleteFunc(f.infections, func(i carnet.Infection) bool { return i.ID == infection })
	return f.down
}
