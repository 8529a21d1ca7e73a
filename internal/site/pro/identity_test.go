package pro

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/site/sitetest"
)

// recalled is somebody without number, with a code.
var recalled = carnet.Person{ID: id(12), Recall: carnet.Hide("ABCDEFGHT"), Identity: carnet.Identity{BirthName: carnet.Hide("SORBIER"), GivenNames: []carnet.Private{carnet.Hide("Idris")},
	Birth: birth("1993-04-01"), Sex: carnet.Male, Postcode: carnet.NoFixedAddress}}

// withRecalled adds somebody without number, whose code is right.
func withRecalled(f *fake) { f.people = append(f.people, recalled) }

// code is a code that ParseRecall takes: the last letter is tried.
func code(t testing.TB) string {
	t.Helper()
	for _, last := range "ABCDEFGHJKLMNPRSTUVWXYZ" {
		if c, err := people.ParseRecall("ABC-DEF-GH" + string(last)); err == nil {
			return c.Reveal()
		}
	}
	t.Fatal("no letter checks")
	return ""
}

func TestIdentityPages(t *testing.T) {
	const post, see, bad, ok = http.MethodPost, http.StatusSeeOther, http.StatusBadRequest, http.StatusOK
	recalled.Recall = carnet.Hide(code(t))
	person, none, lost := personPath(fougere.ID), personPath(newcomer.ID), personPath(recalled.ID)
	hers := mustNIR(t, "2620599999001").Reveal()
	newOne := func(more ...string) url.Values {
		form := url.Values{"do": {"open"}, "key": {id(200).String()}, "name": {"Sorbier"}, "given": {"Idris Lou"}, "birth-day": {"1"}, "birth-month": {"4"}, "birth-year": {"1993"}, "sex": {"M"},
			"no-address": {"1"}, "proof": {"passport"}}
		for i := 0; i < len(more); i += 2 {
			form[more[i]] = append(form[more[i]], more[i+1])
		}
		return form
	}
	reason := func(more ...string) url.Values {
		form := url.Values{"key": {id(201).String()}, "proof": {"id-card"}, "reason": {"même personne"}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	clerk := func(f *fake) { f.typing = login.Delegation{ID: id(9), Name: carnet.Hide("Lou Genêt")} }
	like := []people.Found{{ID: fougere.ID, Identity: fougere.Identity, Score: 63, Why: []people.Reason{{Trait: people.ByName, How: people.Sounds, Points: 30}}, Alerts: []people.Alert{people.NoNumber}}}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		check  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "one field: the code leads straight to the person", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}, "nir": {strings.ToLower(code(t))}},
			ExpectedStatus: see, ExpectedLocation: lost}, before: withRecalled},
		{Scenario: sitetest.Scenario{Name: "a code that is none", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}, "nir": {"ABC-DEF-GHI"}},
			ExpectedStatus: bad, ExpectedContent: []string{"Ce code n'est pas juste", `value="ABC-DEF-GHI"`}}},
		{Scenario: sitetest.Scenario{Name: "a code that nobody has", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}, "nir": {code(t)}},
			ExpectedStatus: ok, ExpectedContent: []string{"Personne ne correspond", "Cherchez par le nom"}, NotExpectedContent: []string{"Ouvrir un dossier sans numéro</button>"}}},
		{Scenario: sitetest.Scenario{Name: "codes can be tried one after another: not many", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}, "nir": {code(t)}},
			ExpectedStatus: bad, ExpectedContent: []string{"Trop de recherches"}}, before: func(f *fake) {
			f.limit = &carnet.Error{Op: "login.Take", Kind: carnet.Unavailable, Code: login.CodeLimit, Args: map[string]any{"Minutes": 7}}
		}},
		{Scenario: sitetest.Scenario{Name: "nobody by name: a record can be opened, with what was typed", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"traits"}, "name": {"Chêne"}, "birth-day": {"7"}, "birth-month": {"5"}, "birth-year": {"1961"}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Ouvrir un dossier sans numéro", `action="/personnes/nouvelle"`, `type="hidden" name="name" value="Chêne"`}}},
		{Scenario: sitetest.Scenario{Name: "the form keeps what the search had", Method: post, URL: newcomerPath, Session: true,
			Form: url.Values{"name": {"Chêne"}, "birth-day": {"7"}, "birth-month": {"5"}, "birth-year": {"1961"}, "seen": {fougere.ID.String()}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Ouvrir un dossier sans numéro", `value="Chêne"`, `value="1961"`, "Sans adresse fixe", `name="key" value="` + firstKey.String(), `name="seen" value="` + fougere.ID.String()}}},
		{Scenario: sitetest.Scenario{Name: "a record is opened and its code is printed", Method: post, URL: newcomerPath, Session: true, Form: newOne("parent", hers), ExpectedStatus: see,
			ExpectedLocation: none + "/fiche?fait=ouverture"}, check: func(t *testing.T, f *fake) {
			n := f.newcomers[0]
			if n.Key != id(200) || n.Identity.BirthName.Reveal() != "SORBIER" || n.Identity.Given() != "Idris Lou" || n.Identity.Postcode != carnet.NoFixedAddress || n.Proof != people.Passport || n.Parent != fougere.ID {
				t.Errorf("opened %+v", n)
			}
		}},
		{Scenario: sitetest.Scenario{Name: "a parent whom nobody knows", Method: post, URL: newcomerPath, Session: true, Form: newOne("parent", "12"), ExpectedStatus: bad,
			ExpectedContent: []string{"Donnez le numéro ou le code d'une seule personne", `value="Sorbier"`}}},
		{Scenario: sitetest.Scenario{Name: "who looks like the newcomer is shown first", Method: post, URL: newcomerPath, Session: true, Form: newOne(), ExpectedStatus: http.StatusConflict,
			ExpectedContent: []string{"Est-ce l'une de ces personnes ?", "AU●●● An●●●", "63 sur 100", "nom : même son, écrit autrement (+30)", "Dossier ouvert sans numéro", "ce n'est aucune de ces personnes", `value="Sorbier"`}, NotExpectedContent: []string{"AUBÉPINE"}},
			before: func(f *fake) { f.like = like }},
		{Scenario: sitetest.Scenario{Name: "and judged to be somebody else", Method: post, URL: newcomerPath, Session: true, Form: newOne("like", fougere.ID.String(), "others", "1"), ExpectedStatus: see, ExpectedLocation: none + "/fiche?fait=ouverture"},
			before: func(f *fake) { f.like = like }},
		{Scenario: sitetest.Scenario{Name: "the slip says a code and not whose it is", URL: lost + "/fiche?fait=ouverture", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Votre code de vaccination", people.PrintRecall(recalled.Recall), "Il ne dit pas qui vous êtes"}, NotExpectedContent: []string{"SORBIER", "Idris", "1993"}}, before: withRecalled},
		{Scenario: sitetest.Scenario{Name: "who has a number has no slip", URL: person + "/fiche", Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "the identity and its history", URL: lost + "/identite?fait=correction", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"L'identité est corrigée", "Sans numéro", people.PrintRecall(recalled.Recall), "Sans adresse fixe", "Donner le numéro", "Un autre dossier a été réuni avec celui-ci", "Passeport", "Séparer de nouveau", lost + "/identite/separer/" + id(13).String()}},
			before: func(f *fake) {
				withRecalled(f)
				f.changes = []people.Change{{Kind: people.Received, Other: id(13), At: now, Proof: people.IDCard, Reason: "même personne"}, {Kind: people.Opened, At: now, Proof: people.Passport}}
			}},
		{Scenario: sitetest.Scenario{Name: "what was parted has no button", URL: person + "/identite", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"a été séparé de celui-ci"}, NotExpectedContent: []string{"Séparer de nouveau", "Donner le numéro"}},
			before: func(f *fake) {
				f.changes = []people.Change{{Kind: people.Released, Other: id(13), At: now}, {Kind: people.Received, Other: id(13), At: now}}
			}},
		{Scenario: sitetest.Scenario{Name: "a delegate changes no identity", URL: person + "/identite", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"revient au professionnel"}, NotExpectedContent: []string{"/identite/corriger"}}, before: clerk},
		{Scenario: sitetest.Scenario{Name: "nor by the address", URL: person + "/identite/corriger", Session: true, ExpectedStatus: 403}, before: clerk},
		{Scenario: sitetest.Scenario{Name: "a number is given", Method: post, URL: lost + "/identite/numero", Session: true, Form: reason("nir", mustNIR(t, "1930499999007").Reveal()), ExpectedStatus: see, ExpectedLocation: person + "/identite?fait=numero"},
			before: withRecalled, check: func(t *testing.T, f *fake) {
				if n := f.numbered[0]; n.Person != recalled.ID || n.NIR.IsZero() || n.Reason != "même personne" || n.Proof != people.IDCard {
					t.Errorf("numbered %+v", n)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a number that is none", Method: post, URL: lost + "/identite/numero", Session: true, Form: reason("nir", "193"), ExpectedStatus: bad, ExpectedContent: []string{"15 caractères", `value="193"`}}, before: withRecalled},
		{Scenario: sitetest.Scenario{Name: "the number of another name: both are compared", Method: post, URL: lost + "/identite/numero", Session: true, Form: reason("nir", hers), ExpectedStatus: http.StatusConflict,
			ExpectedContent: []string{"Ce numéro est celui d'un autre dossier", "SORBIER", "AUBÉPINE", "Ce qui diffère entre les deux", "Date de naissance", "Dossier qui reste", `name="other" value="` + fougere.ID.String()}},
			before: func(f *fake) {
				withRecalled(f)
				f.identity = carnet.E("people", carnet.Conflict, "person.number-other", nil)
			}},
		{Scenario: sitetest.Scenario{Name: "joining asks for the other record", URL: person + "/identite/reunir", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Numéro ou code de rappel de l'autre dossier", "Comparer les deux dossiers"}}},
		{Scenario: sitetest.Scenario{Name: "then compares", Method: post, URL: person + "/identite/reunir", Session: true, Form: url.Values{"nir": {code(t)}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Est-ce la même personne ?", "SORBIER", "AUBÉPINE", "10/05/2021, Comirnaty", "Réunir les deux dossiers", `name="other" value="` + recalled.ID.String()}}, before: withRecalled},
		{Scenario: sitetest.Scenario{Name: "the same record", Method: post, URL: person + "/identite/reunir", Session: true, Form: url.Values{"nir": {hers}}, ExpectedStatus: bad, ExpectedContent: []string{"C'est le même dossier"}}},
		{Scenario: sitetest.Scenario{Name: "nobody there", Method: post, URL: person + "/identite/reunir", Session: true, Form: url.Values{"nir": {code(t)}}, ExpectedStatus: bad, ExpectedContent: []string{"Aucun dossier n'a ce code"}}},
		{Scenario: sitetest.Scenario{Name: "the one with a number stays", Method: post, URL: lost + "/identite/reunir", Session: true, Form: reason("other", fougere.ID.String()), ExpectedStatus: see, ExpectedLocation: person + "/identite?fait=reunion"},
			before: withRecalled, check: func(t *testing.T, f *fake) {
				if j := f.joined[0]; j.From != recalled.ID || j.Into != fougere.ID || j.Key != id(201) {
					t.Errorf("joined %+v", j)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "parted again", Method: post, URL: person + "/identite/separer/" + recalled.ID.String(), Session: true, Form: reason(), ExpectedStatus: see, ExpectedLocation: person + "/identite?fait=separation"},
			check: func(t *testing.T, f *fake) {
				if f.separated[0].Person != recalled.ID {
					t.Errorf("separated %+v", f.separated)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "an identity is shown to be corrected", URL: person + "/identite/corriger", Session: true, ExpectedStatus: ok, ExpectedContent: []string{`value="FOUGÈRE"`, `value="AUBÉPINE"`, `value="Anémone Iris"`, `value="1962"`}}},
		{Scenario: sitetest.Scenario{Name: "and corrected", Method: post, URL: person + "/identite/corriger", Session: true, Form: newOne("reason", "jugement"), ExpectedStatus: see, ExpectedLocation: person + "/identite?fait=correction"},
			check: func(t *testing.T, f *fake) {
				if r := f.renamed[0]; r.Person != fougere.ID || r.Identity.BirthName.Reveal() != "SORBIER" || r.Reason != "jugement" {
					t.Errorf("renamed %+v", r)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "what is wrong with it is said", Method: post, URL: person + "/identite/corriger", Session: true, Form: newOne("birth-month", "13"), ExpectedStatus: bad, ExpectedContent: []string{"Expliquez pourquoi"}},
			before: func(f *fake) {
				f.identity = carnet.Problems{{Op: "input", Kind: carnet.Invalid, Code: "person.reason", Field: "reason"}}
			}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			if s.before != nil {
				s.before(f)
			}
			var out bytes.Buffer
			_, h := start(t, f, &out)
			s.Run(t, h)
			if s.check != nil {
				s.check(t, f)
			}
			for _, secret := range []string{"SORBIER", "Sorbier", "Idris", code(t), "193049999900"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
		})
	}
}
