package pro

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
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
	session  error // what Current answers when it is not nil
	finish   error
	down     error // what people and vaccinate answer
	doses    []carnet.Dose
	done     map[carnet.ID]carnet.Dose
	people   []carnet.Person
	rules    *vaccinate.Service
	recorded []vaccinate.Command
	reasons  []string
	enrolled []carnet.Professional
	problems error // what Record and Correct answer
	proposal *vaccinate.Proposal

	// Identities.
	identity  error // what the commands on identities answer
	like      []people.Found
	children  map[carnet.ID][]people.Found
	changes   []people.Change
	newcomers []people.Newcomer
	numbered  []people.Numbering
	joined    []people.Joining
	separated []people.Separation
	renamed   []people.Renaming
	stock     *lots

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
}

func newFake(t testing.TB) *fake {
	t.Helper()
	catalogue, err := vaccinate.ReadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{records: records{link: vaccinate.ByNumber}, stock: newLots(), done: map[carnet.ID]carnet.Dose{}, people: []carnet.Person{fougere, newcomer}}
	f.people[0].Identity.NIR = mustNIR(t, "2620599999001")
	f.rules = vaccinate.New(nil, nil, nil, carnet.IDs{Clock: func() time.Time { return now }, Rand: rand.Reader}, catalogue)
	lot, err := carnet.ParseLot("EX4821")
	if err != nil {
		t.Fatal(err)
	}
	f.doses = []carnet.Dose{{
		ID: id(50), PersonID: fougere.ID, Vaccine: "EU/1/20/1528", Lot: lot, Date: carnet.Date{Year: 2021, Month: 5, Day: 10}, Place: acacias, BodySite: carnet.LeftArm,
		Rank: 1, Expected: 2, Injector: bouleau.ID, RecordedBy: tilleul.ID, RecordedAt: time.Date(2021, 5, 10, 12, 4, 0, 0, time.UTC), Version: 1,
	}}
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

func (f *fake) Catalogue() vaccinate.Catalogue          { return f.rules.Catalogue() }
func (f *fake) NewKey() (carnet.ID, error)              { return firstKey, nil }
func (f *fake) Today() carnet.Date                      { return today }
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
		ID: id(60), PersonID: c.Person, Vaccine: c.Vaccine, Lot: c.Lot, Date: c.Date, Place: acacias, BodySite: c.BodySite,
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
		Login: door{f}, Delegation: delegates{f}, People: f, Vaccinate: f, Stock: f.stock, Risk: risks{f}, Phones: true, Phone: "http://localhost:8412/wallet",
		Contact: Contact{Who: "Assistance de la Clairière", Phone: "36 99", Hours: contactHours{}}, Clock: func() time.Time { return now }, Rand: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(out, nil)), Sandbox: true, FormAction: []string{"http://localhost:8412"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.handler()
}
