package pro

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate/lists"
	"carnet/internal/vaccinate/paper"
)

// desk stands for the rooms lists and paper.
type desk struct {
	asked    []lists.Request
	marked   []lists.Contact
	deleted  int
	printed  int
	problems error
	empty    bool
	taken    bool
}

var (
	madeList = lists.List{ID: id(220), Actor: tilleul.ID, Place: acacias.ID, Made: now, Expires: now.AddDate(0, 0, 30),
		Request: lists.Request{Kind: lists.Overdue, Disease: "covid-19", Mine: true, Motive: lists.Appointment, Days: 30}}
	given = carnet.Dose{ID: id(50), PersonID: fougere.ID, Vaccine: "EU/1/20/1528", Date: carnet.Date{Year: 2021, Month: 5, Day: 10}, Place: acacias, Rank: 1, Expected: 2, Injector: bouleau.ID}
	form  = paper.Form{Serial: "7KF2MX9QA6", Place: acacias, Printed: now, By: tilleul.ID}
)

func (d *desk) NewKey() (carnet.ID, error) { return firstKey, nil }
func (d *desk) entries() []lists.Entry {
	if d.empty {
		return nil
	}
	refused := carnet.Dose{ID: id(51), PersonID: newcomer.ID, Vaccine: "EU/1/20/1528", Date: today, Place: acacias, NotGiven: carnet.Refused}
	formula := carnet.Person{ID: id(12), Identity: carnet.Identity{BirthName: carnet.Hide("=LIERRE"), GivenNames: []carnet.Private{carnet.Hide("Ulysse")}, Birth: birth("1980-01-01"), Sex: carnet.Male}}
	return []lists.Entry{
		{Line: lists.Line{Person: fougere.ID, Dose: given.ID, Why: "overdue", On: carnet.Date{Year: 2021, Month: 6, Day: 20}, Contact: lists.ToContact, ChangedAt: now}, Who: fougere, Last: given},
		{Line: lists.Line{Person: newcomer.ID, Dose: refused.ID, Why: "refused", On: today, Contact: lists.Reached, ChangedAt: now}, Who: newcomer, Last: refused},
		{Line: lists.Line{Person: formula.ID, Dose: id(52), Why: "lot", On: today, Contact: lists.Unreachable, ChangedAt: now}, Who: formula},
	}
}
func (d *desk) Today(_ context.Context, _ protect.Actor, mine bool) ([]lists.Entry, bool, error) {
	return d.entries(), !mine, d.problems
}
func (d *desk) Make(_ context.Context, _ protect.Actor, q lists.Request) (lists.List, error) {
	d.asked = append(d.asked, q)
	return madeList, d.problems
}
func (d *desk) Lists(context.Context, protect.Actor) ([]lists.List, error) {
	if d.empty {
		return nil, nil
	}
	return []lists.List{madeList}, nil
}
func (d *desk) Mark(_ context.Context, _ protect.Actor, _, _, _ carnet.ID, c lists.Contact) error {
	d.marked = append(d.marked, c)
	return d.problems
}
func (d *desk) Delete(context.Context, protect.Actor, carnet.ID) error {
	d.deleted++
	return d.problems
}
func (d *desk) Report(context.Context, protect.Actor, carnet.Date, carnet.Date) ([]lists.Activity, error) {
	return []lists.Activity{{Day: today, Vaccine: "EU/1/20/1528", N: 74}, {Day: today, Vaccine: "EU/1/20/1528", NotGiven: carnet.Refused, N: 2}}, d.problems
}
func (d *desk) Open(_ context.Context, _ protect.Actor, id carnet.ID) (lists.List, []lists.Entry, error) {
	if id != madeList.ID {
		return lists.List{}, nil, carnet.E("lists", carnet.NotFound, "list.unknown", nil)
	}
	return madeList, d.entries(), d.problems
}

// drawer stands for the room paper.
type drawer struct{ *desk }

func (d drawer) Print(_ context.Context, _ protect.Actor, _ carnet.ID, _ string, n int) ([]paper.Form, error) {
	if n < 1 || n > paper.MaxForms {
		return nil, &carnet.Error{Kind: carnet.Invalid, Code: "form.count", Field: "count", Args: map[string]any{"Max": paper.MaxForms}}
	}
	d.printed += n
	return []paper.Form{form}, d.problems
}
func (d drawer) Printed(context.Context, protect.Actor, carnet.ID) ([]paper.Form, error) {
	second := form
	second.Serial = "9QA57KF2MT"
	return []paper.Form{form, second}, d.problems
}
func (d drawer) Check(_ context.Context, _ protect.Actor, s paper.Serial) (paper.Form, error) {
	f := form
	if f.Serial = s; d.taken {
		f.Dose, f.Taken = id(50), now
	}
	return f, d.problems
}
func (d drawer) Open(context.Context, protect.Actor, string, time.Time) (int, int, error) {
	return 38, 40, nil
}

func TestListPages(t *testing.T) {
	list := "/listes/travail/" + madeList.ID.String()
	ask := func(change ...string) url.Values {
		v := url.Values{"key": {firstKey.String()}, "kind": {"overdue"}, "disease": {"covid-19"}, "who": {"mine"}, "motive": {"appointment"}, "days": {"30"}}
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	days := url.Values{"key": {firstKey.String()}, "from-day": {"1"}, "from-month": {"6"}, "from-year": {"2021"}, "to-day": {"21"}, "to-month": {"6"}, "to-year": {"2021"}}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "the session of the day", URL: "/listes", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Séance du 21/06/2021", "AUBÉPINE Anémone Iris", "Refus", "Annulée", "Toutes celles du lieu", "Personnes à revoir", "Feuilles de secours"}}},
		{Scenario: sitetest.Scenario{Name: "that of everybody, cut", URL: "/listes?qui=tous", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Les miennes seulement", "Seules les 1 000 dernières"}}},
		{Scenario: sitetest.Scenario{Name: "a day that begins", URL: "/listes", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Rien n'est saisi aujourd'hui"}}, before: func(f *fake) { f.desk.empty = true }},
		{Scenario: sitetest.Scenario{Name: "without session nobody is shown", URL: "/listes", ExpectedStatus: see, ExpectedLocation: "/?retour=%2Flistes&session=absente", NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "lists are asked for, and say what they are for", URL: "/listes/travail", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Dose en retard", "21/07/2021", "Pourquoi cette liste ?", "journal des accès", "covid-19"}, NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "a list is made", Method: post, URL: "/listes/travail", Session: true, Form: ask(), ExpectedStatus: see, ExpectedLocation: list},
			after: func(t *testing.T, f *fake) {
				if q := f.desk.asked[0]; q.Kind != lists.Overdue || !q.Mine || q.Days != 30 || q.Motive != lists.Appointment || q.Disease != "covid-19" || q.Key != firstKey {
					t.Errorf("%+v", q)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a list needs a motive", Method: post, URL: "/listes/travail", Session: true, Form: ask("motive", ""), ExpectedStatus: bad, ExpectedContent: []string{"Choisissez pourquoi", `value="30"`}},
			before: func(f *fake) {
				f.desk.problems = carnet.Problems{{Kind: carnet.Invalid, Code: "list.motive", Field: "motive"}}
			}},
		{Scenario: sitetest.Scenario{Name: "a list says why somebody is on it, and until when", URL: list, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"La suivante est en retard depuis le 20/06/2021", "A refusé le 21/06/2021", "1 sur 3", "21/07/2021", "jamais à faire pression", "Exporter en CSV"}, NotExpectedContent: []string{"2 62 05", "262059999"}}},
		{Scenario: sitetest.Scenario{Name: "the list of another", URL: "/listes/travail/" + id(99).String(), Session: true, ExpectedStatus: 404, NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "no list", URL: "/listes/travail/1", Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "somebody was reached", Method: post, URL: list, Session: true, Form: url.Values{"person": {fougere.ID.String()}, "dose": {id(50).String()}, "contact": {"reached"}}, ExpectedStatus: see,
			ExpectedLocation: list + "#d" + id(50).String()}},
		{Scenario: sitetest.Scenario{Name: "a list is deleted", Method: post, URL: list + "/suppression", Session: true, Form: url.Values{}, ExpectedStatus: see, ExpectedLocation: "/listes/travail?fait=suppression"}},
		{Scenario: sitetest.Scenario{Name: "a list is not deleted by a link", URL: list + "/suppression", Session: true, ExpectedStatus: 405}},
		{Scenario: sitetest.Scenario{Name: "a report of a day that does not exist", Method: post, URL: "/listes/rapport", Session: true, Form: url.Values{"key": {firstKey.String()}, "from-day": {"31"}, "from-month": {"2"}, "from-year": {"2021"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Cette date n'existe pas."}}},
		{Scenario: sitetest.Scenario{Name: "a report that is too long", Method: post, URL: "/listes/rapport", Session: true, Form: days, ExpectedStatus: bad, ExpectedContent: []string{"90 jours au plus"}},
			before: func(f *fake) {
				f.desk.problems = carnet.Problems{{Kind: carnet.Invalid, Code: "report.long", Field: "to", Args: map[string]any{"Max": 90}}}
			}},

		{Scenario: sitetest.Scenario{Name: "forms are printed beforehand", URL: "/feuille-papier", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"40 feuilles préparées ici, dont 38 non saisies", "Vérifier un numéro"}}},
		{Scenario: sitetest.Scenario{Name: "forms get their numbers", Method: post, URL: "/feuille-papier", Session: true, Form: url.Values{"key": {firstKey.String()}, "count": {"2"}}, ExpectedStatus: see, ExpectedLocation: "/feuille-papier/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "too many forms", Method: post, URL: "/feuille-papier", Session: true, Form: url.Values{"key": {firstKey.String()}, "count": {"500"}}, ExpectedStatus: bad, ExpectedContent: []string{"entre 1 et 50", `value="500"`}}},
		{Scenario: sitetest.Scenario{Name: "one sheet for each person", URL: "/feuille-papier/" + firstKey.String(), Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"7KF2M-X9QA6", "9QA57-KF2MT", "Vaccination : feuille de secours", "Bras gauche", "Équipe mobile", "Souffrante", "<svg viewBox"}}},
		{Scenario: sitetest.Scenario{Name: "sheets of another", URL: "/feuille-papier/" + firstKey.String(), Session: true, ExpectedStatus: 404},
			before: func(f *fake) { f.desk.problems = carnet.E("paper", carnet.NotFound, "form.unknown", nil) }},
		{Scenario: sitetest.Scenario{Name: "a number that cannot be", Method: post, URL: "/feuille-papier/verification", Session: true, Form: url.Values{"form": {"7KF2M-X9QAA"}}, ExpectedStatus: bad, ExpectedContent: []string{"Relisez-le", `value="7KF2M-X9QAA"`}}},
		{Scenario: sitetest.Scenario{Name: "a number that was not entered", Method: post, URL: "/feuille-papier/verification", Session: true, Form: url.Values{"form": {sound}}, ExpectedStatus: ok, ExpectedContent: []string{"n'est pas saisie", "Centre de vaccination des Acacias"}}},
		{Scenario: sitetest.Scenario{Name: "a number that was entered", Method: post, URL: "/feuille-papier/verification", Session: true, Form: url.Values{"form": {sound}}, ExpectedStatus: ok, ExpectedContent: []string{"est saisie, le 21/06/2021"}},
			before: func(f *fake) { f.desk.taken = true }},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			if s.before != nil {
				s.before(f)
			}
			var out bytes.Buffer
			_, h := start(t, f, &out)
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
			for _, secret := range append([]string{"LIERRE", "7KF2M", sound}, secrets...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

// sound is the number of a form whose check holds.
const sound = "222222222J"

// TestExports reads the two files back as a spreadsheet would.
func TestExports(t *testing.T) {
	f := newFake(t)
	_, h := start(t, f, io.Discard)
	get := func(path string, form url.Values) ([][]string, string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != ok || w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
			t.Fatalf("%d, %v", w.Code, w.Header())
		}
		text, marked := strings.CutPrefix(w.Body.String(), "\ufeff")
		if !marked {
			t.Error("no mark of UTF-8")
		}
		in := csv.NewReader(strings.NewReader(text))
		in.Comma, in.FieldsPerRecord = ';', -1
		rows, err := in.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows, text
	}
	rows, text := get("/listes/travail/"+madeList.ID.String()+"/export", nil)
	if len(rows) != 6 || !strings.HasPrefix(rows[0][0], "Données de santé") || !strings.Contains(rows[1][0], "Proposer un rendez-vous") || rows[3][0] != "AUBÉPINE" || rows[3][2] != "1962-05-07" || rows[3][5] != "2021-05-10" {
		t.Errorf("%q", rows)
	}
	if rows[5][0] != "'=LIERRE" {
		t.Errorf("a name is a formula: %q", rows[5][0])
	}
	if strings.Contains(text, "26205") {
		t.Error("a number left with the list")
	}
	rows, text = get("/listes/rapport", url.Values{"from-day": {"1"}, "from-month": {"6"}, "from-year": {"2021"}, "to-day": {"21"}, "to-month": {"6"}, "to-year": {"2021"}})
	if len(rows) != 4 || rows[2][0] != "2021-06-21" || rows[2][1] != acacias.ID || rows[2][6] != "74" || rows[3][5] != "Refus" || strings.Contains(text, "AUBÉPINE") {
		t.Errorf("%q", rows)
	}
}

// TestLookLists looks at the pages of lists and of paper, as TestLook does at the others.
func TestLookLists(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	f := newFake(t)
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	for name, path := range map[string]string{
		"today": "/listes", "worklists": "/listes/travail", "worklist": "/listes/travail/" + madeList.ID.String(),
		"paper": "/feuille-papier", "paper-sheets": "/feuille-papier/" + firstKey.String(),
	} {
		t.Run(name, func(t *testing.T) {
			browser.Check(t, "pro-"+name, sitetest.Look{URL: server.URL + path, Headers: map[string]string{"Accept-Language": "fr"}})
		})
	}
}

// TestFormsPrint prints the forms as a browser does: one A4 page for each, neither more nor less.
func TestFormsPrint(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	_, h := start(t, newFake(t), io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	for _, lang := range []string{"fr", "en"} {
		look := sitetest.Look{URL: server.URL + "/feuille-papier/" + firstKey.String(), Headers: map[string]string{"Accept-Language": lang}}
		browser.Visit(t, look, func(v *sitetest.Visit) {
			v.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				file, err := chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), func(p *page.PrintToPDFParams) { p.PreferCSSPageSize = new(true) })(ctx, target)
				if err != nil {
					return err
				}
				if dir := os.Getenv("CARNET_SHOTS"); dir != "" {
					if err := os.WriteFile(filepath.Join(dir, "paper-"+lang+".pdf"), file, 0o600); err != nil {
						return err
					}
				}
				if n := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(file, -1)); n != 2 {
					t.Errorf("%s: 2 forms are printed on %d pages", lang, n)
				}
				return nil
			}))
		})
	}
}
