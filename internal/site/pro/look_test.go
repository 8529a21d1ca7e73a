package pro

import (
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/origin"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/run"
)

// TestLook looks at every page in a real browser, without JavaScript: no axe violation, no sideways
// scroll, nothing in the console, at 320 and 1280 pixels, light and dark.
func TestLook(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	f := newFake(t)
	recalled.Recall = carnet.Hide(code(t))
	withRecalled(f)
	made, h := start(t, f, io.Discard)
	made.claims = func(login.Claims) (login.Professional, error) { return nurse, nil }
	server := httptest.NewServer(h)
	defer server.Close()

	type steps = []chromedp.Action[chromedp.Void]
	click := func(sel string) chromedp.Action[chromedp.Void] { return sitetest.Press(sel) }
	typed := func(sel, value string) chromedp.Action[chromedp.Void] {
		return chromedp.SetValue(chromedp.CSS(sel), value)
	}
	person, none := "/personnes/"+fougere.ID.String(), "/personnes/"+newcomer.ID.String()
	dose := person + "/doses/" + f.doses[0].ID.String()
	entry := person + "/saisies/" + id(101).String()
	fill := steps{typed("#vaccine", "EU/1/20/1507"), typed("#lot", "QX12"), sitetest.Tick("#site"), sitetest.Tick("#asked")}

	for _, page := range []struct {
		name, path string
		anonymous  bool
		before     func()
		do         steps
	}{
		{name: "home", path: "/", anonymous: true},
		{name: "home-refused", path: "/connexion/retour/psc", anonymous: true, before: func() {
			f.finish = carnet.E("login.Finish", carnet.Denied, login.CodeDenied, nil)
		}},
		{name: "waiting", path: "/connexion/attente", anonymous: true, before: func() { pending(f) }},
		{name: "waiting-elsewhere", path: "/connexion/attente", anonymous: true, before: func() { pending(f); f.wait.Pull, f.wait.Page = true, true }},
		{name: "left", path: "/connexion/quittee", anonymous: true},
		{name: "opening", path: "/connexion/ouverture", anonymous: true, before: func() { atDoor("")(f) }},
		{name: "passkey", path: "/connexion/ouverture", anonymous: true, before: func() { atDoor("Basile Genêt")(f) },
			do: steps{sitetest.Tick("#situation"), sitetest.Tick("#presence"), click("form.form .actions button")}},
		{name: "settings", path: "/parametres", before: func() {
			f.declared, f.entries = []delegation.Delegate{genet}, []vaccinate.Entry{delegated}
			f.events = []login.Event{{At: now, Kind: login.EventReported, Browser: "Firefox, Linux", Place: origin.Place{Label: "Valfleuri"}},
				{At: now, Kind: login.EventStart, Browser: "Firefox, Linux", Quiet: true, Establishment: "Gymnase"}, {At: now.Add(-time.Hour), Kind: login.EventOpened, Browser: "Chrome, Windows"}}
		}},
		{name: "settings-stale", path: "/parametres", before: func() { f.stale = true }},
		{name: "findings", path: findingsPath, before: func() { f.findings = []fraud.Finding{finding(id(9))} }},
		{name: "colleagues", path: colleaguesPath, before: func() {
			f.colleague = []fraud.Waiting{{Session: id(90), Professional: bouleau, Since: now, Findings: []fraud.Finding{finding(id(9))}}}
		}},
		{name: "held-step-up", path: none + "/doses/nouvelle", before: func() { f.gate, f.findings = held(fraud.CodeStepUp, nil), []fraud.Finding{finding(id(200))} }},
		{name: "held-stopped", path: none + "/doses/nouvelle", before: func() { f.gate = held(fraud.CodeStopped, nil) }},
		{name: "delegate", path: "/recherche", before: func() { f.typing = login.Delegation{ID: genet.ID, Name: genet.Name, Presence: login.Present} }},
		{name: "find", path: "/recherche"},
		{name: "find-faults", path: "/recherche", do: steps{typed("#nir", "2 62 05 99 999 001 21"), click("button[value=nir]")}},
		{name: "find-results", path: "/recherche", do: steps{typed("#name", "Fougère"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1962"), click("button[value=traits]")}},
		{name: "find-limit", path: "/recherche", before: func() {
			f.limit = &carnet.Error{Op: "login.Take", Kind: carnet.Unavailable, Code: login.CodeLimit, Args: map[string]any{"Minutes": 7}}
		}, do: steps{typed("#name", "Fougère"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1962"), click("button[value=traits]")}},
		{name: "find-none", path: "/recherche", do: steps{typed("#name", "Chêne"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1961"), click("button[value=traits]")}},
		{name: "find-twins", path: "/recherche", before: func() { f.found = doubtful() }, do: steps{typed("#name", "Fougère"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1962"), click("button[value=traits]"), sitetest.Click("main details summary")}},
		{name: "newcomer", path: "/recherche", do: steps{typed("#name", "Chêne"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1961"), click("button[value=traits]"), click("form[action='/personnes/nouvelle'] button")}},
		{name: "newcomer-like", path: "/recherche", before: func() { f.like = doubtful() }, do: steps{typed("#name", "Chêne"), typed("#birth", "7"), typed("#birth-month", "5"), typed("#birth-year", "1961"), click("button[value=traits]"),
			click("form[action='/personnes/nouvelle'] button"), click("button[value=open]")}},
		{name: "slip", path: personPath(recalled.ID) + "/fiche?fait=ouverture"},
		{name: "identity", path: personPath(recalled.ID) + "/identite?fait=correction", before: func() { f.changes = happened() }},
		{name: "number", path: personPath(recalled.ID) + "/identite/numero"},
		{name: "infections", path: person + "/infections", before: func() {
			f.infections = []carnet.Infection{{ID: id(7), Disease: "covid-19", Date: carnet.Date{Year: 2021, Month: 2, Day: 3}, Evidence: carnet.Proven}}
		}},
		{name: "rename", path: personPath(fougere.ID) + "/identite/corriger"},
		{name: "join", path: personPath(fougere.ID) + "/identite/reunir"},
		{name: "join-compare", path: personPath(fougere.ID) + "/identite/reunir", do: steps{typed("#nir", code(t)), click("form.form button")}},
		{name: "person-recalled", path: personPath(recalled.ID), before: func() { f.doses = append(f.doses, elsewhere()...) }},
		{name: "person", path: person},
		{name: "person-empty", path: none},
		{name: "station", path: "/vacciner"},
		{name: "station-run", path: "/vacciner?" + lastQuery(f.doses[0], id(101)).Encode(), before: func() { openRun(f); draft(f) }},
		{name: "station-lot", path: "/vacciner", before: func() { openRun(f) }, do: steps{sitetest.Click("main summary"), click("form[action='/vacciner/lot'] button")}},
		{name: "station-none", path: "/vacciner", do: steps{typed("#nir", mustNIR(t, "1620599999001").Reveal()), click("form[action='/vacciner'] button")}},
		{name: "entry", path: entry},
		{name: "entry-lots", path: entry, before: func() { stocked(f) }},
		{name: "entry-run", path: entry, before: func() { openRun(f) }},
		{name: "entry-run-faults", path: entry, before: func() { openRun(f) }, do: steps{click(".entry .actions button")}},
		{name: "entry-none", path: entry, do: steps{click("button[value=kind-none]")}},
		{name: "summary", path: person + "/synthese"},
		{name: "entry-elsewhere", path: entry, do: steps{click("button[value=kind-elsewhere]")}},
		{name: "entry-faults", path: entry, do: steps{sitetest.Click("details.fold:has(#rank) > summary"), typed("#rank", "3"), click("form.form .actions button")}},
		{name: "check", path: entry, do: append(fill, click("form.form .actions button"))},
		{name: "saved", path: dose + "/confirmation"},
		{name: "dose", path: dose},
		{name: "correct", path: dose + "/corrections/" + id(102).String()},
		{name: "cancel", path: dose + "/annulations/" + id(103).String()},
		{name: "correct-choice", path: dose + "/corriger"},
		{name: "correct-lot", path: dose + "/rectifications/lot/" + id(104).String()},
		{name: "correct-confirm", path: dose + "/rectifications/lot/" + id(104).String(), do: steps{typed("#lot", "EX4822"), typed("#reason", "lot relu sur la boîte"), click("form.form .actions button")}},
		{name: "move", path: dose + "/deplacements/" + id(105).String()},
		{name: "forged", path: dose + "/signalements/" + id(106).String()},
		{name: "queue", path: "/demandes", before: func() {
			f.records.suspects = f.doses[:1]
			f.records.petitions = []vaccinate.Petition{{ID: id(90), Person: fougere.ID, Dose: id(50), What: []vaccinate.Change{vaccinate.ChangeDate, vaccinate.ChangePlace}, Words: carnet.Hide("C'était la veille, au gymnase. J'ai le carton."), At: now, State: vaccinate.Waiting},
				{ID: id(91), Person: fougere.ID, Dose: id(50), What: []vaccinate.Change{vaccinate.ChangeLot}, Words: carnet.Hide("Le lot n'est pas celui du carton."), At: now, State: vaccinate.Accepted, Answer: carnet.Hide("Corrigé, merci.")}}
		}},
		{name: "access", path: person + "/acces", before: func() { f.records.link = vaccinate.NoLink }},
		{name: "expired", path: "/recherche", before: func() {}, do: steps{typed("#nir", "2620599999001"), sitetest.Then(func() {
			f.session = carnet.E("login", carnet.Denied, login.CodeSessionEnded, nil)
		}), click("button[value=nir]"), sitetest.Then(func() { f.session = nil })}},
		{name: "not-found", path: "/nulle-part"},
		{name: "down", path: person, before: func() { f.down = carnet.E("store", carnet.Unavailable, "store.busy", nil) }},
		{name: "cookies", path: "/cookies"},
	} {
		t.Run(page.name, func(t *testing.T) {
			f.finish, f.down, f.limit, f.stale, f.typing, f.gate, f.findings, f.colleague = nil, nil, nil, false, login.Delegation{}, nil, nil, nil
			f.found, f.like, f.changes = nil, nil, nil
			f.records.link, f.records.suspects, f.records.petitions = vaccinate.ByNumber, nil, nil
			f.run, f.lots, f.drafts = nil, nil, map[carnet.ID]run.Draft{}
			if page.before != nil {
				page.before()
			}
			look := sitetest.Look{URL: server.URL + page.path, Do: page.do, Headers: map[string]string{"Accept-Language": "fr"}}
			if page.anonymous {
				look.Headers["X-Test-Session"] = "none"
			}
			browser.Check(t, "pro-"+page.name, look)
		})
	}
}
