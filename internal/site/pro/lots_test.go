package pro

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate/stock"
)

// lots stands for the room stock.
type lots struct {
	list      []stock.Lot
	delivered []stock.Delivery
	changed   []stock.Change
	orders    []stock.Order
	marked    []stock.Contact
	problems  error
}

func newLots() *lots {
	lot := func(n byte, vaccine, number, expiry string, received, recorded int) stock.Lot {
		on, err := carnet.ParseDate(expiry)
		if err != nil {
			panic(err) // a literal of this file
		}
		return stock.Lot{ID: id(n), Place: acacias.ID, Vaccine: vaccine, Number: carnet.Lot{Private: carnet.Hide(number)}, Expiry: on, Received: received, Recorded: recorded, Version: 1, AddedAt: now}
	}
	l := &lots{list: []stock.Lot{
		lot(200, "EU/1/20/1528", "EX4821", "2021-09-30", 120, 74),
		lot(201, "EU/1/20/1507", "QX12", "2021-06-25", 10, 12),
		lot(202, "EU/1/20/1507", "QX13", "2021-06-27", 0, 1),
		lot(203, "EU/1/20/1525", "JN0008", "2021-12-31", 50, 21),
		lot(204, "EU/1/20/1528", "OLD1", "2021-05-31", 60, 60),
	}}
	l.list[3].Recall = &stock.Recall{ID: id(210), Vaccine: "EU/1/20/1525", Reason: stock.ColdChain, At: now}
	return l
}

func (l *lots) NewKey() (carnet.ID, error) { return firstKey, nil }
func (l *lots) List(context.Context, protect.Actor, string) ([]stock.Lot, error) {
	return l.list, nil
}
func (l *lots) Live(context.Context, protect.Actor, string) ([]stock.Lot, error) {
	return l.list[:3], nil
}
func (l *lots) Lot(_ context.Context, _ protect.Actor, _ string, id carnet.ID) (stock.Lot, []stock.Event, error) {
	i := slices.IndexFunc(l.list, func(x stock.Lot) bool { return x.ID == id })
	if i < 0 {
		return stock.Lot{}, nil, carnet.E("stock", carnet.NotFound, "lot.unknown", nil)
	}
	return l.list[i], []stock.Event{{Kind: stock.Delivered, Actor: tilleul.ID, At: now.Add(-time.Hour), Doses: 120}, {Kind: stock.Changed, Actor: id, At: now}}, nil
}
func (l *lots) Deliver(_ context.Context, _ protect.Actor, d stock.Delivery) (stock.Lot, error) {
	l.delivered = append(l.delivered, d)
	return stock.Lot{}, l.problems
}
func (l *lots) Change(_ context.Context, _ protect.Actor, c stock.Change) (stock.Lot, error) {
	l.changed = append(l.changed, c)
	return stock.Lot{}, l.problems
}
func (l *lots) Recall(_ context.Context, _ protect.Actor, o stock.Order, _ func(int, int)) (stock.Report, error) {
	l.orders = append(l.orders, o)
	if o.Reason == "" {
		return stock.Report{}, &carnet.Error{Op: "stock", Kind: carnet.Invalid, Code: "recall.reason", Field: "reason"}
	}
	return stock.Report{Doses: []stock.Concerned{{Injected: stock.Injected{Person: fougere.ID, Dose: id(50)}}, {Injected: stock.Injected{Person: newcomer.ID, Dose: id(51)}, Told: true}}, Told: 1}, l.problems
}
func (l *lots) Follow(_ context.Context, _ protect.Actor, _ string, lot carnet.ID) (stock.Lot, []stock.Concern, error) {
	on := carnet.Date{Year: 2021, Month: 6, Day: 18}
	return l.list[3], []stock.Concern{
		{Follow: stock.Follow{Dose: id(50), Contact: stock.ToContact, ChangedAt: now}, Person: fougere, Date: on},
		{Follow: stock.Follow{Dose: id(51), Contact: stock.Reached, ChangedAt: now}, Person: newcomer, Date: on},
	}, l.problems
}
func (l *lots) Mark(_ context.Context, _ protect.Actor, _ string, _, _ carnet.ID, c stock.Contact) error {
	l.marked = append(l.marked, c)
	return l.problems
}

// box is a delivery with every answer right.
func box(change ...string) url.Values {
	v := url.Values{"key": {firstKey.String()}, "vaccine": {"EU/1/20/1528"}, "lot": {"ex4822"}, "expiry-day": {"30"}, "expiry-month": {"9"}, "expiry-year": {"2021"}, "received": {"60"}}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func TestLotPages(t *testing.T) {
	scan := func(text string) url.Values { return url.Values{"scan": {text}} }
	lot := "/lots/" + id(200).String()
	changed := url.Values{"key": {firstKey.String()}, "version": {"1"}, "received": {"118"}}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *lots)
		check  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "the stock says what to look at", URL: "/lots", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"5 lots", "74 saisies sur 120 reçues", "2 doses de trop", "Plus que 6 jours", "Rappelé", "Périmé", "Disponible", "une saisie"}, NotExpectedContent: secrets[:5]}},
		{Scenario: sitetest.Scenario{Name: "an empty stock says what to do", URL: "/lots", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Aucun lot reçu"}},
			before: func(f *fake) { f.stock.list = nil }},
		{Scenario: sitetest.Scenario{Name: "without session", URL: "/lots", ExpectedStatus: see, ExpectedLocation: "/?retour=%2Flots&session=absente", NotExpectedContent: []string{"EX4821"}}},
		{Scenario: sitetest.Scenario{Name: "a lot is delivered", Method: post, URL: "/lots", Session: true, Form: box(), ExpectedStatus: see, ExpectedLocation: "/lots?fait=recu"},
			after: func(t *testing.T, l *lots) {
				if d := l.delivered[0]; d.Number.Reveal() != "EX4822" || d.Expiry.String() != "2021-09-30" || d.Received != 60 || d.Place != acacias.ID || d.Key != firstKey {
					t.Errorf("%+v", d)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "every fault at once, nothing typed is lost", Method: post, URL: "/lots", Session: true, Form: box("lot", "a b", "expiry-day", "31", "received", "douze", "supplier", "Dépôt"), ExpectedStatus: bad,
			ExpectedContent: []string{"Cette date n'existe pas.", "Indiquez un nombre, en chiffres.", `value="Dépôt"`, `value="a b"`, `value="douze"`, "3 réponses"}}},
		{Scenario: sitetest.Scenario{Name: "a fault of the room", Method: post, URL: "/lots", Session: true, Form: box(), ExpectedStatus: bad,
			ExpectedContent: []string{"Ce lot est déjà ici avec une autre péremption, le 31/10/2021"}},
			before: func(f *fake) {
				f.stock.problems = carnet.Problems{{Kind: carnet.Invalid, Code: "lot.expiry-differs", Field: "expiry", Args: map[string]any{"Expiry": carnet.Date{Year: 2021, Month: 10, Day: 31}}}}
			}},
		{Scenario: sitetest.Scenario{Name: "a box is read", Method: post, URL: "/lots/boite", Session: true, Form: scan("]d2010340099999997717211231" + "10AB12\x1d21S1"), ExpectedStatus: ok,
			ExpectedContent: []string{"choisissez le vaccin", `value="AB12"`, `value="31"`, `value="2021"`, `name="gtin" value="03400999999977"`}}},
		{Scenario: sitetest.Scenario{Name: "a known box is not asked", Method: post, URL: "/lots/boite", Session: true, Form: scan("]d201" + knownGTIN(t) + "17211231" + "10AB12\x1d21S1"), ExpectedStatus: ok,
			ExpectedContent: []string{"La boîte est lue", "selected"}, NotExpectedContent: []string{"choisissez le vaccin"}}},
		{Scenario: sitetest.Scenario{Name: "a lost separator is told", Method: post, URL: "/lots/boite", Session: true, Form: scan("01" + knownGTIN(t) + "17211231" + "10AB1221S12"), ExpectedStatus: ok,
			ExpectedContent: []string{"vérifiez le lot sur la boîte"}}},
		{Scenario: sitetest.Scenario{Name: "the product of an unknown box is remembered", Method: post, URL: "/lots", Session: true, Form: box("gtin", "03400999999977"), ExpectedStatus: see, ExpectedLocation: "/lots?fait=recu"},
			check: func(t *testing.T, f *fake) {
				if f.boxes["03400999999977"] != "EU/1/20/1528" {
					t.Errorf("%v", f.boxes)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "not a box", Method: post, URL: "/lots/boite", Session: true, Form: scan("bonjour"), ExpectedStatus: bad, ExpectedContent: []string{"Ce n'est pas le code d'une boîte", `value="bonjour"`}}},
		{Scenario: sitetest.Scenario{Name: "what the scanner sent comes back without what a page cannot hold", Method: post, URL: "/lots/boite", Session: true, Form: scan("99A\x1d\x02B\x1c"), ExpectedStatus: bad,
			ExpectedContent: []string{`value="99A␝B"`}}},
		{Scenario: sitetest.Scenario{Name: "a lot, with what happened to it", URL: lot, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Lot EX4821", "Reçu, 120 doses", "Camille Tilleul", "Épuisé à partir de demain, 22/06/2021"}}},
		{Scenario: sitetest.Scenario{Name: "a lot of nowhere", URL: "/lots/" + id(250).String(), Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "a lot without an id", URL: "/lots/12", Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "a recalled lot says so", URL: "/lots/" + id(203).String(), Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Ce lot est rappelé depuis", "Rupture de la chaîne du froid", "Personnes à joindre"}, NotExpectedContent: []string{"Épuisé à partir de demain"}}},
		{Scenario: sitetest.Scenario{Name: "a lot is changed", Method: post, URL: lot, Session: true, Form: changed, ExpectedStatus: see, ExpectedLocation: lot + "?fait=modifie"},
			after: func(t *testing.T, l *lots) {
				if c := l.changed[0]; c.Received != 118 || c.Version != 1 || !c.Depleted.IsZero() {
					t.Errorf("%+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "used up from tomorrow, in one press", Method: post, URL: lot, Session: true, Form: url.Values{"key": {firstKey.String()}, "version": {"1"}, "end": {"1"}}, ExpectedStatus: see, ExpectedLocation: lot + "?fait=modifie"},
			after: func(t *testing.T, l *lots) {
				if c := l.changed[0]; c.Depleted.String() != "2021-06-22" {
					t.Errorf("%+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a recall is shown before it is made", URL: lot + "/rappel", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Rien n'est fait avant que vous confirmiez", "Rappeler le lot et prévenir pour une dose", "la personne est déjà prévenue"}},
			after: func(t *testing.T, l *lots) {
				for _, o := range l.orders {
					if !o.DryRun {
						t.Errorf("%+v", o)
					}
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a recall needs a reason", Method: post, URL: lot + "/rappel", Session: true, Form: url.Values{}, ExpectedStatus: bad, ExpectedContent: []string{"Choisissez un motif"}}},
		{Scenario: sitetest.Scenario{Name: "a lot is recalled", Method: post, URL: lot + "/rappel", Session: true, Form: url.Values{"reason": {"quality"}}, ExpectedStatus: see, ExpectedLocation: lot + "/personnes?fait=rappel"},
			after: func(t *testing.T, l *lots) {
				if o := l.orders[0]; o.DryRun || o.Place != acacias.ID || o.Number.Reveal() != "EX4821" {
					t.Errorf("%+v", o)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "not the head", URL: lot + "/rappel", Session: true, ExpectedStatus: 403},
			before: func(f *fake) { f.stock.problems = carnet.E("stock", carnet.Denied, "stock.head", nil) }},
		{Scenario: sitetest.Scenario{Name: "whom to reach", URL: lot + "/personnes", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"AUBÉPINE Anémone Iris", "injection du 18/06/2021", "Jointes : 1 sur 2", "À joindre", "Remettre à joindre"}}},
		{Scenario: sitetest.Scenario{Name: "somebody was reached", Method: post, URL: lot + "/personnes", Session: true, Form: url.Values{"dose": {id(50).String()}, "contact": {"reached"}}, ExpectedStatus: see,
			ExpectedLocation: lot + "/personnes#d" + id(50).String()}},
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
				s.after(t, f.stock)
			}
			if s.check != nil {
				s.check(t, f)
			}
			for _, secret := range append([]string{"ex4822", "EX4822", "AB12"}, secrets...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

// knownGTIN is the GTIN of a pack of the catalogue.
func knownGTIN(t testing.TB) string {
	t.Helper()
	for _, v := range newFake(t).Catalogue().Vaccines() {
		if len(v.Packs) > 0 {
			return "0" + v.Packs[0]
		}
	}
	t.Fatal("no vaccine of the catalogue has a pack")
	return ""
}

// TestLookLots looks at the pages of lots, as TestLook does at the others.
func TestLookLots(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	f := newFake(t)
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	type steps = []chromedp.Action[chromedp.Void]
	lot := "/lots/" + id(200).String()
	for _, page := range []struct {
		name, path string
		do         steps
	}{
		{name: "lots", path: "/lots"},
		{name: "lots-faults", path: "/lots", do: steps{chromedp.SetValue(chromedp.CSS("#received"), "douze"), sitetest.Press("form.form > .actions button")}},
		{name: "lots-scanned", path: "/lots", do: steps{chromedp.SetValue(chromedp.CSS("#scan"), "01034009999999771721123110AB12"), sitetest.Press("form.card .actions button")}},
		{name: "lot", path: lot},
		{name: "lot-recalled", path: "/lots/" + id(203).String()},
		{name: "recall", path: lot + "/rappel"},
		{name: "recall-people", path: lot + "/personnes?fait=rappel"},
	} {
		t.Run(page.name, func(t *testing.T) {
			browser.Check(t, "pro-"+page.name, sitetest.Look{URL: server.URL + page.path, Do: page.do, Headers: map[string]string{"Accept-Language": "fr"}})
		})
	}
}
