package pro

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
)

// box is a GTIN that no catalogue knows; scanned is a box of it as a scanner sends it, french as a
// scanner with a US keyboard types it on a French one, without the separator.
const (
	unknownBox = gs1.GTIN("03400999999977")
	scanned    = "]d201034009999999771721123110QX77\x1d21S01"
)

func TestEntryKinds(t *testing.T) {
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "nobody was injected: why, and which vaccine", Method: post, URL: entryA, Session: true, Form: url.Values{"kind": {"none"}, "place": {acacias.ID}, "date-day": {"21"}, "date-month": {"6"}, "date-year": {"2021"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Noter qu'il n'y a pas eu d'injection", "Dites pourquoi il n'y a pas d'injection", "Choisissez le vaccin"}}},
		{Scenario: sitetest.Scenario{Name: "a refusal is a record", Method: post, URL: entryA + "/enregistrer", Session: true,
			Form:           url.Values{"kind": {"none"}, "not-given": {"refused"}, "vaccine": {"EU/1/20/1528"}, "place": {acacias.ID}, "date-day": {"21"}, "date-month": {"6"}, "date-year": {"2021"}, "note": {"reviendra"}},
			ExpectedStatus: see, ExpectedLocation: dose60},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; c.NotGiven != carnet.Refused || !c.Lot.IsZero() || !c.Injector.IsZero() || c.Place != acacias.ID || c.Note.Reveal() != "reviendra" {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a dose of elsewhere needs no lot, no injector, no place", Method: post, URL: entryA + "/enregistrer", Session: true,
			Form:           url.Values{"kind": {"elsewhere"}, "evidence": {"proof"}, "product": {"CoronaVac"}, "country": {"MA"}, "date-day": {"2"}, "date-month": {"3"}, "date-year": {"2021"}},
			ExpectedStatus: see, ExpectedLocation: dose60},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; c.Evidence != carnet.Proven || c.Product != "CoronaVac" || c.Country != "MA" || c.Place != "" || !c.Injector.IsZero() {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "of elsewhere: proof seen or not, a product, a country that exists", Method: post, URL: entryA, Session: true,
			Form: url.Values{"kind": {"elsewhere"}, "country": {"ZZ"}, "date-day": {"2"}, "date-month": {"3"}, "date-year": {"2021"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Dites si vous avez vu la preuve", "Donnez le nom du vaccin", "Ce pays n'est pas dans la liste", "Maroc"}}},
		{Scenario: sitetest.Scenario{Name: "a change of kind loses nothing typed", Method: post, URL: entryA, Session: true, Form: full("edit", "kind-none", "note", "une note"), ExpectedStatus: ok,
			ExpectedContent: []string{"Noter qu'il n'y a pas eu d'injection", "une note", `value="EU/1/20/1528" selected`}}},
		{Scenario: sitetest.Scenario{Name: "a past day asks why it is entered now", Method: post, URL: entryA, Session: true, Form: full("date-day", "20"), ExpectedStatus: bad,
			ExpectedContent: []string{"L'injection n'est pas d'aujourd'hui", "20/06/2021"}}},
		{Scenario: sitetest.Scenario{Name: "a past day with its reason, a lot that nobody knows", Method: post, URL: entryA + "/enregistrer", Session: true, Form: full("date-day", "20", "lot", "", "late-reason", "panne du réseau"),
			ExpectedStatus: see, ExpectedLocation: dose60},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; !c.Lot.IsZero() || c.LateReason != "panne du réseau" || c.Date.Day != 20 {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "today's lot is known", Method: post, URL: entryA, Session: true, Form: full("lot", ""), ExpectedStatus: bad, ExpectedContent: []string{"Indiquez le numéro de lot"}}},
		{Scenario: sitetest.Scenario{Name: "a number of a paper form that cannot be", Method: post, URL: entryA, Session: true, Form: full("form", "AAAA"), ExpectedStatus: bad}},
		{Scenario: sitetest.Scenario{Name: "somebody else consents: a name", Method: post, URL: entryA, Session: true, Form: full("consent", "parent"), ExpectedStatus: bad,
			ExpectedContent: []string{"Donnez le nom de qui consent"}}},
		{Scenario: sitetest.Scenario{Name: "everything that was answered is recorded", Method: post, URL: entryA + "/enregistrer", Session: true,
			Form: full("consent", "guardian", "consent-name", "Iris Mélèze", "consent-relation", "tutrice", "contraindication", "fever", "half", "1", "time", "10:15", "place-type", "home",
				"responsible", bouleau.ID.String(), "expiry-day", "1", "expiry-month", "6", "expiry-year", "2021", "route", "IM"), ExpectedStatus: see, ExpectedLocation: dose60},
			after: func(t *testing.T, f *fake) {
				c := f.recorded[0]
				if c.Consent.By != carnet.ByGuardian || c.Consent.Name.Reveal() != "Iris Mélèze" || len(c.Contraindications) != 1 || !c.Half || c.Time != "10:15" || c.PlaceType != carnet.Home ||
					c.Responsible != bouleau.ID || c.Expiry.Day != 1 || c.Route != "IM" || len(c.Warnings) != 1 || c.Warnings[0] != "lot-expired" {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a lot of the place is picked", Method: post, URL: entryA, Session: true, Form: full("live", id(91).String(), "vaccine", "", "lot", ""), ExpectedStatus: see, ExpectedLocation: entryA + "/verification"},
			before: stocked, after: func(t *testing.T, f *fake) {
				if d := f.drafts[id(101)].Form.Reveal(); !strings.Contains(d, "lot=QX12") || !strings.Contains(d, url.QueryEscape("EU/1/20/1507")) {
					t.Errorf("the draft is %s", d)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a scan without scripts fills the form and asks what the box is", Method: post, URL: entryA, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: ok,
			ExpectedContent: []string{`value="QX77"`, `name="expiry-year" value="2021"`, `name="gtin" value="` + string(unknownBox) + `"`}}},
		{Scenario: sitetest.Scenario{Name: "a box that was named before", Method: post, URL: entryA, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: ok,
			ExpectedContent: []string{`value="QX77"`, `value="EU/1/20/1507" selected`}}, before: func(f *fake) { f.boxes[unknownBox] = "EU/1/20/1507" }},
		{Scenario: sitetest.Scenario{Name: "what is no code of a box is explained", Method: post, URL: entryA, Session: true, Form: url.Values{"scan": {"bonjour"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Ce code n'est pas celui d'une boîte", `href="#scan"`}}},
		{Scenario: sitetest.Scenario{Name: "the answer about a box is remembered once the dose is recorded", Method: post, URL: entryA + "/enregistrer", Session: true, Form: full("gtin", string(unknownBox)), ExpectedStatus: see, ExpectedLocation: dose60},
			after: func(t *testing.T, f *fake) {
				if f.boxes[unknownBox] != "EU/1/20/1528" {
					t.Errorf("boxes %v", f.boxes)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the script asks about a scan", Method: post, URL: boxPath, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: ok,
			ExpectedContent: []string{`"lot":"QX77"`, `"expiry":["31","12","2021"]`, `"bad":true`, "choisissez le vaccin"}}},
		{Scenario: sitetest.Scenario{Name: "a recalled lot is told at the scan", Method: post, URL: boxPath, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: ok, ExpectedContent: []string{"Ce lot est rappelé", "Spikevax"}},
			before: func(f *fake) {
				f.boxes[unknownBox] = "EU/1/20/1507"
				f.lots = []stock.Lot{{ID: id(92), Place: acacias.ID, Vaccine: "EU/1/20/1507", Number: carnet.Lot{Private: carnet.Hide("QX77")}, Recall: &stock.Recall{Reason: stock.Quality}}}
			}},
		{Scenario: sitetest.Scenario{Name: "a photo that holds no code", Method: post, URL: photoPath, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Aucun code lisible"}}},
		{Scenario: sitetest.Scenario{Name: "a photo with a code", Method: post, URL: photoPath, Session: true, ExpectedStatus: ok, ExpectedContent: []string{`"lot":"QX77"`}},
			before: func(f *fake) { f.photo = []string{scanned} }},
		{Scenario: sitetest.Scenario{Name: "the sheet that is printed for the person certifies nothing", URL: person + "/synthese", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Synthèse vaccinale", "AUBÉPINE", "10/05/2021", "EX4821", "elle ne fait pas foi"}, NotExpectedContent: []string{"262059999900"}}},
		{Scenario: sitetest.Scenario{Name: "the script keeps what is typed", Method: post, URL: entryA + "/brouillon", Session: true, Form: full("note", "à suivre", "intrus", "x"), ExpectedStatus: http.StatusNoContent},
			after: func(t *testing.T, f *fake) {
				if d := f.drafts[id(101)].Form.Reveal(); !strings.Contains(d, "note=") || strings.Contains(d, "intrus") {
					t.Errorf("the draft is %s", d)
				}
			}},
	} {
		t.Run(s.Name, func(t *testing.T) { play(t, s.Scenario, s.before, s.after) })
	}
}

var dose60 = person + "/doses/" + id(60).String() + "/confirmation"

func play(t *testing.T, s sitetest.Scenario, before func(*fake), after func(*testing.T, *fake)) {
	t.Helper()
	f := newFake(t)
	if before != nil {
		before(f)
	}
	var out strings.Builder
	_, h := start(t, f, &out)
	s.Run(t, h)
	if after != nil {
		after(t, f)
	}
	for _, secret := range append([]string{"QX77", "QX12", "Mélèze", string(unknownBox)}, secrets...) {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, &out)
		}
	}
}

// inRun is the short form of a run, as the page sends it.
func inRun(change ...string) url.Values {
	v := full("run", id(70).String(), "run-version", "1", "vaccine", "EU/1/20/1507", "lot", "QX12", "shown", "2/2")
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func TestRun(t *testing.T) {
	start := url.Values{"personne": {fougere.ID.String()}, "dose": {id(50).String()}, "saisie": {id(50).String()}}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "same vaccine, next person", Method: post, URL: runPath, Session: true, Form: start, ExpectedStatus: see, ExpectedLocation: "/vacciner"},
			after: func(t *testing.T, f *fake) {
				if f.run == nil || f.run.Vaccine != "EU/1/20/1528" || f.run.Lot.Reveal() != "EX4821" || f.run.Injector != bouleau.ID || len(f.counts) != 1 {
					t.Errorf("the run is %+v, %v", f.run, f.counts)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "not with somebody else's dose", Method: post, URL: runPath, Session: true, Form: start, ExpectedStatus: 404}, before: notMine},
		{Scenario: sitetest.Scenario{Name: "the form of a run asks what is never carried over, and warns", URL: entryA, Session: true, ExpectedStatus: ok,
			ExpectedContent:    []string{"Dans la série", "QX12", "2 points à vérifier", "La dose précédente était Comirnaty", `name="run" value="` + id(70).String(), `name="shown" value="2/2"`, entryA + "/enregistrer"},
			NotExpectedContent: []string{" checked", `id="lot"`}}, before: openRun},
		{Scenario: sitetest.Scenario{Name: "the full form leaves the run alone", URL: entryA + "?serie=non", Session: true, ExpectedStatus: ok, ExpectedContent: []string{`id="lot"`}, NotExpectedContent: []string{"Dans la série"}}, before: openRun},
		{Scenario: sitetest.Scenario{Name: "an entry of the run comes back to the next person", Method: post, URL: entryA + "/enregistrer", Session: true, Form: inRun(), ExpectedStatus: see,
			ExpectedLocation: "/vacciner?" + url.Values{"personne": {fougere.ID.String()}, "dose": {id(60).String()}, "saisie": {id(101).String()}}.Encode()}, before: openRun,
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; c.Run != id(70) || c.Injector != bouleau.ID || c.PlaceType != carnet.Centre || c.Expiry.Year != 2021 || !f.counts[id(101)] {
					t.Errorf("recorded %+v, %v", c, f.counts)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the lot changed meanwhile: nothing is recorded with another box in mind", Method: post, URL: entryA + "/enregistrer", Session: true, Form: inRun("run-version", "0"), ExpectedStatus: 409,
			ExpectedContent: []string{"La série n'est plus celle que cette page montrait", `name="run-version" value="1"`}}, before: openRun, after: nothing},
		{Scenario: sitetest.Scenario{Name: "the run ended meanwhile", Method: post, URL: entryA + "/enregistrer", Session: true, Form: inRun(), ExpectedStatus: 409,
			ExpectedContent: []string{"La série n'est plus celle que cette page montrait", `value="QX12"`}}, after: nothing},
		{Scenario: sitetest.Scenario{Name: "the lot of a run changes by a scan", Method: post, URL: runLotPath, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: see, ExpectedLocation: "/vacciner?fait=lot"},
			before: func(f *fake) { openRun(f); f.boxes[unknownBox] = "EU/1/20/1507" },
			after: func(t *testing.T, f *fake) {
				if f.run.Lot.Reveal() != "QX77" || f.run.Version != 2 || f.run.Expiry.Month != 12 {
					t.Errorf("the run is %+v", f.run)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "an unknown box is no box of a run", Method: post, URL: runLotPath, Session: true, Form: url.Values{"scan": {scanned}}, ExpectedStatus: bad, ExpectedContent: []string{"Cette boîte est inconnue"}}, before: openRun},
		{Scenario: sitetest.Scenario{Name: "a recalled lot ends the run", URL: "/vacciner", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"le lot est rappelé"}, NotExpectedContent: []string{"Dans la série"}},
			before: func(f *fake) {
				openRun(f)
				f.lots = []stock.Lot{{ID: id(92), Place: acacias.ID, Vaccine: "EU/1/20/1507", Number: f.run.Lot, Recall: &stock.Recall{Reason: stock.Quality}}}
			}, after: func(t *testing.T, f *fake) {
				if len(f.ended) == 0 || f.ended[0] != run.Recalled {
					t.Errorf("ended %v", f.ended)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the entry that was recorded can be undone in place", URL: "/vacciner?" + lastQuery(carnet.Dose{ID: id(50), PersonID: fougere.ID}, id(50)).Encode(), Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"C'est enregistré", "Annuler cette saisie", "Comirnaty"}}, before: openRun},
		{Scenario: sitetest.Scenario{Name: "undo", Method: post, URL: undoPath, Session: true, Form: start, ExpectedStatus: see, ExpectedLocation: "/vacciner?fait=annulation"}, before: openRun,
			after: func(t *testing.T, f *fake) {
				if len(f.undone) != 1 || f.undone[0] != id(50) {
					t.Errorf("undone %v", f.undone)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the end of a run", Method: post, URL: endPath, Session: true, ExpectedStatus: see, ExpectedLocation: "/vacciner?fait=fin"}, before: openRun},
		{Scenario: sitetest.Scenario{Name: "a number leads to a new entry", Method: post, URL: "/vacciner", Session: true, Form: url.Values{"nir": {mustNIR(t, "2620599999001").Reveal()}}, ExpectedStatus: see, ExpectedLocation: person + "/saisies/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "the login provider is away: an open session goes on", Method: post, URL: entryA + "/enregistrer", Session: true, Form: inRun(), ExpectedStatus: see,
			ExpectedLocation: "/vacciner?" + lastQuery(carnet.Dose{ID: id(60), PersonID: fougere.ID}, id(101)).Encode()},
			before: func(f *fake) {
				openRun(f)
				f.finish = carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil)
			}},
	} {
		t.Run(s.Name, func(t *testing.T) { play(t, s.Scenario, s.before, s.after) })
	}
}

func nothing(t *testing.T, f *fake) {
	t.Helper()
	if len(f.recorded) > 0 {
		t.Errorf("recorded %+v", f.recorded)
	}
}

// TestDeferred: an entry that waited on the device is recorded once, for who typed it.
func TestDeferred(t *testing.T) {
	nir := mustNIR(t, "2620599999001").Reveal()
	waited := func(change ...string) url.Values {
		return inRun(append([]string{"owner", tilleul.ID.String() + "." + carnet.ID{}.String(), "key", id(105).String(), "nir", nir, "time", "09:10", "shown", ""}, change...)...)
	}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "by number", Form: waited(), ExpectedStatus: ok, ExpectedContent: []string{`"state":"done"`, "Un point", person + "/doses/"}},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; c.Key != id(105) || c.Person != fougere.ID || c.Lot.Reveal() != "QX12" || c.Time != "09:10" {
					t.Errorf("recorded %+v", c)
				}
			}, before: func(f *fake) {
				f.proposal = &vaccinate.Proposal{Rank: 2, Expected: 2, Reason: "primary", Warnings: []vaccinate.Warning{{Code: "other-vaccine"}}}
			}},
		{Scenario: sitetest.Scenario{Name: "of somebody else", Form: waited("owner", bouleau.ID.String()+"."+carnet.ID{}.String()), ExpectedStatus: 403}, after: nothing},
		{Scenario: sitetest.Scenario{Name: "twice", Form: waited(), ExpectedStatus: ok, ExpectedContent: []string{`"state":"done"`}}, before: func(f *fake) { f.done[id(105)] = f.doses[0] }, after: nothing},
		{Scenario: sitetest.Scenario{Name: "of nobody known", Form: waited("nir", mustNIR(t, "1620599999001").Reveal()), ExpectedStatus: ok, ExpectedContent: []string{`"state":"look"`, "Personne n'a ce numéro"}}, after: nothing},
		{Scenario: sitetest.Scenario{Name: "with something missing: a draft, nothing lost", Form: waited("asked", "", "site", ""), ExpectedStatus: ok, ExpectedContent: []string{`"state":"draft"`}},
			after: func(t *testing.T, f *fake) {
				nothing(t, f)
				if d := f.drafts[id(105)]; d.Person != fougere.ID || !strings.Contains(d.Form.Reveal(), "lot=QX12") {
					t.Errorf("draft %+v", d)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the day after, it says why", Form: waited("date-day", "20"), ExpectedStatus: ok, ExpectedContent: []string{`"state":"done"`}},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; !strings.Contains(c.LateReason, "hors") {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "of another session, about somebody without link", Form: waited("person", fougere.ID.String()), ExpectedStatus: ok, ExpectedContent: []string{`"state":"look"`, "par son numéro"}},
			before: func(f *fake) { f.link = vaccinate.NoLink }, after: nothing},
		{Scenario: sitetest.Scenario{Name: "with a key that is none", Form: waited("key", "x"), ExpectedStatus: 404}, after: nothing},
	} {
		s.Method, s.URL, s.Session = post, deferredPath, true
		t.Run(s.Name, func(t *testing.T) { play(t, s.Scenario, s.before, s.after) })
	}
}

// TestScanner scans a box in a real browser as a scanner does, key by key and Enter: the fields are
// filled and the form is not sent; what is typed is kept as a draft.
func TestScanner(t *testing.T) {
	f := newFake(t)
	f.boxes[unknownBox] = "EU/1/20/1507"
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	look := sitetest.Look{URL: server.URL + entryA, Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
		k := &keyboard{v: v}
		k.focus(t, "scan")
		// As a scanner with the keys of a US keyboard types it on a French one.
		k.data("à&à\"'ààççççççç--&-é&&é\"&&àQX--" + kb.Enter)
		v.Value(`document.querySelector("[data-says]").textContent.replace("…", "")`)
		v.Expect(entryA, "Le numéro du produit est faux d'un chiffre")
		v.Await(`(async () => { document.querySelector("#scan").value = ""; document.querySelector("#scan").focus(); return ""; })()`)
		k.data(strings.ReplaceAll(strings.TrimPrefix(scanned, "]d2"), "\x1d", "^]") + kb.Enter)
		v.Value(`document.querySelector("#lot").value`)
		if got := v.Value(`[...["#vaccine", "#lot", "#expiry", "#expiry-month", "#expiry-year"]].map((s) => document.querySelector(s).value).join(" ")`); got != "EU/1/20/1507 QX77 31 12 2021" {
			t.Errorf("the form holds %q", got)
		}
		k.focus(t, "eligibility")
		if v.Value(`document.querySelector("[data-status]").textContent`); len(f.drafts) != 1 || !strings.Contains(f.drafts[id(101)].Form.Reveal(), "QX77") {
			t.Errorf("drafts %+v", f.drafts)
		}
	})
}
