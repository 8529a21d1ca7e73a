package attestation

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
)

var (
	now                   = time.Date(2021, 6, 21, 9, 30, 0, 0, time.UTC)
	acacias               = carnet.Place{ID: "750099999", Name: "Centre de vaccination des Acacias", Commune: "Valfleuri", Country: "FR"}
	session, otherSession = carnet.ID{6: 0x70, 8: 0x80, 15: 1}, carnet.ID{6: 0x70, 8: 0x80, 15: 2}
	me                    = carnet.ID{0x01, 0x7a, 0x2b, 0x3c, 0x4d, 0x5e, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 10}
	pivot                 = carnet.Identity{BirthName: carnet.Hide("FOUGÈRE"), GivenNames: []carnet.Private{carnet.Hide("Anémone"), carnet.Hide("Iris")}}
)

// fake stands for login, people and certify.
type fake struct {
	finish, resolve, down, ended error
	doses                        []certify.Dose
	asked                        []carnet.ID // persons whose data was asked for
	opened                       []login.Opening
	closed                       []carnet.ID // sessions
	notices                      []carnet.Notice
	seen                         int
	desk                         desk
}

func dose(rank int, day carnet.Date) certify.Dose {
	return certify.Dose{
		Dose: carnet.Dose{PersonID: me, Vaccine: "EU/1/20/1528", Date: day, Place: acacias, Rank: rank, Expected: 2},
		Product: carnet.Vaccine{Code: "EU/1/20/1528", Name: "Comirnaty", Holder: "Pfizer/BioNTech", Diseases: []string{"covid-19"}, French: "Covid-19", English: "COVID-19",
			ATC: "J07BX03", Label: "COMIRNATY PFIZER/BIONTECH"},
	}
}

// measles is a dose against another disease, foreign one of a product that nobody knows.
func measles() certify.Dose {
	d := dose(1, carnet.Date{Year: 2026, Month: 9, Day: 2})
	d.ID, d.Vaccine = otherSession, "NUVA/VAC0053"
	d.Product = carnet.Vaccine{Code: d.Vaccine, Name: "Priorix", Holder: "GSK", Diseases: []string{"measles"}, French: "rougeole, oreillons, rubéole", English: "measles, mumps, rubella",
		ATC: "J07BD52", Label: "PRIORIX GSK"}
	return d
}

func foreign() certify.Dose {
	return certify.Dose{Dose: carnet.Dose{ID: session, PersonID: me, Date: carnet.Date{Year: 2020, Month: 2, Day: 3}, Country: "BR", Evidence: carnet.Proven},
		Product: carnet.Vaccine{Name: "reçu ailleurs / given elsewhere"}}
}

// several is doses of three sorts.
func several() []certify.Dose {
	return append(append([]certify.Dose{foreign()}, newFake(2).doses...), measles())
}

func newFake(doses int) *fake {
	all := []certify.Dose{dose(1, carnet.Date{Year: 2021, Month: 5, Day: 10}), dose(2, carnet.Date{Year: 2021, Month: 6, Day: 19})}
	return &fake{doses: all[:doses]}
}

func (f *fake) CallbackPath() string { return "/connexion/retour/fc" }

func (f *fake) Begin(w http.ResponseWriter, r *http.Request) error {
	if f.finish != nil {
		return f.finish
	}
	http.Redirect(w, r, "http://localhost:8411/authorize", http.StatusSeeOther)
	return nil
}

func (f *fake) Finish(http.ResponseWriter, *http.Request) (login.Identity, error) {
	return login.Identity{Subject: carnet.Hide("subject"), ReturnTo: "/"}, f.finish
}

func (f *fake) Open(_ http.ResponseWriter, _ *http.Request, o login.Opening) (login.Session, error) {
	f.opened = append(f.opened, o)
	return login.Session{Person: o.Person, Name: o.Name}, nil
}

func (f *fake) Current(r *http.Request) (login.Session, error) {
	if f.ended != nil {
		return login.Session{}, f.ended
	}
	if r.Header.Get(sitetest.Anonymous) != "" {
		return login.Session{}, carnet.E("login", carnet.Denied, login.CodeNoSession, nil)
	}
	return login.Session{ID: session, Person: me, Role: protect.Insured, Name: carnet.Hide("Anémone FOUGÈRE")}, nil
}

func (f *fake) Logout(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "http://localhost:8411/session/end", http.StatusSeeOther)
	return nil
}

func (f *fake) Recognise(context.Context, protect.Actor, people.Login) (carnet.ID, bool, error) {
	return me, false, f.resolve
}

func (f *fake) Notices(_ context.Context, a protect.Actor) ([]carnet.Notice, error) {
	f.asked = append(f.asked, a.ID)
	return f.notices, f.down
}

func (f *fake) Seen(_ context.Context, a protect.Actor) error {
	f.asked = append(f.asked, a.ID)
	f.seen++
	return f.down
}

// told is what a person may be told: one of each kind, the last one read, and one that no page knows.
func told() (list []carnet.Notice) {
	for i, kind := range []string{"certificate.replaced", "dose.corrected", "dose.cancelled", "lot.recalled", "person.merged", "unheard.of"} {
		n := carnet.Notice{ID: session, PersonID: me, Kind: kind, At: now.Add(-time.Duration(i) * 24 * time.Hour), Args: map[string]string{"date": "2021-05-10"}}
		if i > 2 {
			n.ReadAt, n.Args = now, nil
		}
		if kind == "lot.recalled" {
			n.Args = map[string]string{"vaccine": "EU/1/20/1528", "date": "2021-05-10", "reason": "cold-chain"}
		}
		list = append(list, n)
	}
	return list
}

func (f *fake) Sessions(_ context.Context, person carnet.ID) ([]login.Summary, error) {
	f.asked = append(f.asked, person)
	return []login.Summary{
		{ID: otherSession, Site: "attestation", CreatedAt: now.Add(-time.Hour), LastSeen: now.Add(-time.Minute), ExpiresAt: now.Add(time.Minute)},
		{ID: session, Site: "attestation", CreatedAt: now, LastSeen: now, ExpiresAt: now.Add(time.Hour)},
	}, nil
}

func (f *fake) EndSession(_ context.Context, person, session carnet.ID) error {
	f.closed = append(f.closed, session)
	return f.down
}

func (f *fake) EndSessions(context.Context, carnet.ID) (int, error) {
	f.closed = append(f.closed, session, otherSession)
	return 2, f.down
}

func (f *fake) Summary(_ context.Context, a protect.Actor, person carnet.ID) (certify.Summary, error) {
	f.asked = append(f.asked, person)
	return certify.Summary{Identity: pivot, Doses: f.doses}, f.down
}

func (f *fake) Attestation(_ context.Context, a protect.Actor, person carnet.ID) (certify.Document, error) {
	f.asked = append(f.asked, person)
	if len(f.doses) == 0 {
		return certify.Document{}, carnet.E("certify", carnet.NotFound, "certificate.no-dose", nil)
	}
	return certify.Document{PDF: []byte("%PDF-1.7 of a test")}, f.down
}

func (f *fake) AttestationOf(ctx context.Context, a protect.Actor, person, _ carnet.ID) (certify.Document, error) {
	return f.Attestation(ctx, a, person)
}

func (f *fake) European(ctx context.Context, a protect.Actor, person carnet.ID) (certify.Document, error) {
	return f.Attestation(ctx, a, person)
}

func (f *fake) Card(ctx context.Context, a protect.Actor, person carnet.ID) (certify.Document, error) {
	return f.Attestation(ctx, a, person)
}

func (f *fake) Replace(_ context.Context, _ protect.Actor, person, key carnet.ID) (int, error) {
	f.asked, f.closed = append(f.asked, person), append(f.closed, key)
	return 2, f.down
}

func (f *fake) NewKey() (carnet.ID, error) { return otherSession, nil }

func (f *fake) Issuance(context.Context) ([]certify.Issued, error) {
	return []certify.Issued{{Day: carnet.Date{Year: 2026, Month: 11, Day: 20}, Kind: certify.National, N: 41}, {Day: carnet.Date{Year: 2026, Month: 11, Day: 21}, Kind: certify.European, N: 7}}, f.down
}

func start(t testing.TB, f *fake, out io.Writer) (*site, http.Handler) {
	t.Helper()
	s, err := newSite(Deps{
		Wallet: "https://portefeuille.example/",
		Login:  f, People: f, Certify: f, Petitions: &f.desk, Register: register(t).Processing(), Clock: func() time.Time { return now }, Rand: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(out, nil)), Sandbox: true, FormAction: []string{"http://localhost:8411"},
		Accounts: []Account{{"Compte de la Mousse", "https://mousse.invalid/perdu"}, {"Compte du Lierre", ""}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.claims = func(login.Claims) (carnet.Identity, error) { return pivot, nil }
	return s, s.handler()
}

// register is the one that the program carries.
func register(t testing.TB) *protect.Register {
	t.Helper()
	r, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
