package pro

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
)

const (
	post = http.MethodPost
	ok   = http.StatusOK
	bad  = http.StatusBadRequest
	see  = http.StatusSeeOther
)

var (
	person = "/personnes/" + fougere.ID.String()
	dose   = person + "/doses/" + id(50).String()
	entryA = person + "/saisies/" + id(101).String()
)

// full is a form of a dose with every answer right.
func full(change ...string) url.Values {
	v := url.Values{
		"vaccine": {"EU/1/20/1528"}, "lot": {"ex4822"}, "date-day": {"21"}, "date-month": {"6"}, "date-year": {"2021"},
		"site": {"left-arm"}, "place": {acacias.ID}, "injector": {tilleul.ID.String()}, "asked": {"1"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

// secrets are what a page that shows nobody must not hold.
var secrets = []string{"FOUGÈRE", "AUBÉPINE", "Anémone", "262059999900", "2 62 05", "EX4821"}

func TestPages(t *testing.T) {
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "home says who it is for and warns about the secret code", URL: "/", ExpectedStatus: ok,
			ExpectedContent:    []string{"réservé aux professionnels", "Pro Santé Connect (bac à sable)", "Votre code secret n'appartient qu'à vous", "Bac à sable"},
			NotExpectedContent: append([]string{"Se déconnecter"}, secrets...),
			ExpectedHeaders:    map[string]string{"Cache-Control": "no-store"}}},
		{Scenario: sitetest.Scenario{Name: "home leads on who is logged in", URL: "/", Session: true, ExpectedStatus: see, ExpectedLocation: "/vacciner"}},
		{Scenario: sitetest.Scenario{Name: "a page without session leads to the login and back", URL: person, ExpectedStatus: see,
			ExpectedLocation: "/?retour=" + url.QueryEscape(person) + "&session=absente", NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "the login form keeps where to come back to", URL: "/?retour=%2Frecherche&session=terminee", ExpectedStatus: ok,
			ExpectedContent: []string{`name="retour" value="/recherche"`, "Votre session est terminée"}}},
		{Scenario: sitetest.Scenario{Name: "nobody is sent to another site after the login", URL: "/?retour=%2F%2Fevil.example", ExpectedStatus: ok,
			NotExpectedContent: []string{"evil.example"}}},
		{Scenario: sitetest.Scenario{Name: "login begins", Method: post, URL: "/connexion", ExpectedStatus: see, ExpectedLocation: "http://localhost:8412/authorize"}},
		{Scenario: sitetest.Scenario{Name: "login when the provider is down", Method: post, URL: "/connexion", ExpectedStatus: 503,
			ExpectedContent: []string{"Pro Santé Connect ne répond pas"}},
			before: func(f *fake) {
				f.finish = carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil)
			}},
		{Scenario: sitetest.Scenario{Name: "login refused is explained on the login page", URL: "/connexion/retour/psc", ExpectedStatus: 403,
			ExpectedContent: []string{"La connexion n'a pas abouti", "Vous avez quitté la connexion avant la fin", "Pro Santé Connect (bac à sable)"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Denied, login.CodeDenied, nil) }},
		{Scenario: sitetest.Scenario{Name: "logout is a form", Method: post, URL: "/deconnexion", Session: true, ExpectedStatus: see, ExpectedLocation: "http://localhost:8412/session/end"}},
		{Scenario: sitetest.Scenario{Name: "logout by a link does nothing", URL: "/deconnexion", Session: true, ExpectedStatus: 405,
			ExpectedHeaders: map[string]string{"Allow": "POST"}, ExpectedContent: []string{"Cette adresse ne s'ouvre pas de cette façon"}}},

		{Scenario: sitetest.Scenario{Name: "every page says who is logged in, and where", URL: "/recherche", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Camille Tilleul", "Centre de vaccination des Acacias", "Se déconnecter"}, NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "a number leads straight to the person", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"nir"}, "nir": {mustNIR(t, "2620599999001").Reveal()}}, ExpectedStatus: see, ExpectedLocation: person}},
		{Scenario: sitetest.Scenario{Name: "a number with a wrong key is explained and kept", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"nir"}, "nir": {"2 62 05 99 999 001 21"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Il y a une réponse à corriger", "La clé (les deux derniers chiffres) ne correspond pas", `value="2 62 05 99 999 001 21"`, "<title>Erreur : Trouver une personne"}}},
		{Scenario: sitetest.Scenario{Name: "no number", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Saisissez le numéro de sécurité sociale"}}},
		{Scenario: sitetest.Scenario{Name: "a name without a date", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"traits"}, "name": {"Fougère"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Indiquez la date de naissance", `value="Fougère"`, `href="#birth"`}}},
		{Scenario: sitetest.Scenario{Name: "a date that does not exist", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"traits"}, "name": {"Fougère"}, "birth-day": {"31"}, "birth-month": {"2"}, "birth-year": {"1962"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"ce jour n'existe pas dans ce mois", `value="31"`}}},
		{Scenario: sitetest.Scenario{Name: "too many searches by name wait", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"traits"}, "name": {"Fougère"}, "birth-day": {"3"}, "birth-month": {"5"}, "birth-year": {"1962"}}, ExpectedStatus: http.StatusTooManyRequests,
			ExpectedContent: []string{"Trop de recherches par nom", "dans 7 min", `value="Fougère"`}, NotExpectedContent: secrets},
			before: func(f *fake) {
				f.limit = &carnet.Error{Op: "login.Take", Kind: carnet.Unavailable, Code: login.CodeLimit, Args: map[string]any{"Minutes": 7}}
			}},
		{Scenario: sitetest.Scenario{Name: "results are masked", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"traits"}, "name": {"Fougère"}, "birth-day": {"7"}, "birth-month": {"5"}, "birth-year": {"1962"}}, ExpectedStatus: ok,
			ExpectedContent:    []string{"Une personne correspond", "AU●●● An●●●", "2 62 ●●", "Probable : vérifiez", "77 sur 100", `" autofocus>AU`, "nom : le même (+40)", "date de naissance : le même (+37)", "Ce n'est aucune de ces personnes", `name="seen" value="` + fougere.ID.String()},
			NotExpectedContent: []string{"AUBÉPINE", "Anémone", "FOUGÈRE", "262059999900"}}},
		{Scenario: sitetest.Scenario{Name: "nobody found says what to do", Method: post, URL: "/recherche", Session: true,
			Form: url.Values{"by": {"traits"}, "name": {"Chêne"}, "birth-day": {"7"}, "birth-month": {"5"}, "birth-year": {"1961"}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Personne ne correspond", "personne n'est refusé faute de numéro", `value="Chêne"`}}},
		{Scenario: sitetest.Scenario{Name: "session over while a form is sent: nothing typed is lost", Method: post, URL: "/recherche",
			Form: url.Values{"by": {"traits"}, "name": {"Fougère"}}, ExpectedStatus: 401,
			ExpectedContent: []string{"Votre session est terminée", `type="hidden" name="name" value="Fougère"`, "Envoyer de nouveau", `href="/" target="_blank"`}}},
		{Scenario: sitetest.Scenario{Name: "a form from another site is refused", Method: post, URL: "/recherche", Session: true, Form: url.Values{"by": {"nir"}},
			Headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, ExpectedStatus: 403, ExpectedContent: []string{"La demande ne vient pas d'une page de ce site", "Accès refusé"}}},

		{Scenario: sitetest.Scenario{Name: "the record of a person", URL: person, Session: true, ExpectedStatus: ok,
			ExpectedContent:    []string{"AUBÉPINE", "Anémone Iris", "07/05/1962", "2 62 ●●", "1 sur 2", "Comirnaty (Pfizer/BioNTech)", "10/05/2021", "Sacha Bouleau", "En cours", "Enregistrer une dose"},
			NotExpectedContent: []string{"262059999900", "2 62 05"}}},
		{Scenario: sitetest.Scenario{Name: "the record of somebody without a dose", URL: "/personnes/" + newcomer.ID.String(), Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Aucune dose enregistrée", "00/00/1990", "Sans numéro"}}},
		{Scenario: sitetest.Scenario{Name: "no infection on record", URL: person + "/infections", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Maladies déjà eues", "Aucune n'est enregistrée", "Date du test ou des premiers signes", "rougeole"}}},
		{Scenario: sitetest.Scenario{Name: "an infection without date or proof: every fault at once", Method: http.MethodPost, URL: person + "/infections", Session: true,
			Form: url.Values{"key": {id(7).String()}, "disease": {"covid-19"}}, ExpectedStatus: 400, ExpectedContent: []string{"Choisissez si un résultat a été vu", id(7).String()}}},
		{Scenario: sitetest.Scenario{Name: "an infection with a day that does not exist", Method: http.MethodPost, URL: person + "/infections", Session: true,
			Form: url.Values{"key": {id(7).String()}, "disease": {"covid-19"}, "evidence": {"proof"}, "date-day": {"31"}, "date-month": {"2"}, "date-year": {"2021"}}, ExpectedStatus: 400, ExpectedContent: []string{`value="31"`}}},
		{Scenario: sitetest.Scenario{Name: "a proven infection", Method: http.MethodPost, URL: person + "/infections", Session: true,
			Form: url.Values{"key": {id(7).String()}, "disease": {"covid-19"}, "evidence": {"proof"}, "date-day": {"3"}, "date-month": {"2"}, "date-year": {"2021"}}, ExpectedStatus: see, ExpectedLocation: person + "/infections"}},
		{Scenario: sitetest.Scenario{Name: "it is withdrawn", Method: http.MethodPost, URL: person + "/infections/" + id(7).String() + "/retrait", Session: true, ExpectedStatus: see, ExpectedLocation: person + "/infections"}},
		{Scenario: sitetest.Scenario{Name: "nobody behind an id", URL: "/personnes/" + id(99).String(), Session: true, ExpectedStatus: 404, ExpectedContent: []string{"Cette personne n'est pas dans le registre"}}},
		{Scenario: sitetest.Scenario{Name: "an id that is none", URL: "/personnes/moi", Session: true, ExpectedStatus: 404, NotExpectedContent: []string{"moi<"}}},
		{Scenario: sitetest.Scenario{Name: "the store is away", URL: person, Session: true, ExpectedStatus: 503, ExpectedHeaders: map[string]string{"Retry-After": "30"},
			ExpectedContent: []string{"Service momentanément indisponible", "Réessayer"}, NotExpectedContent: secrets},
			before: func(f *fake) { f.down = carnet.E("store", carnet.Unavailable, "store.busy", nil) }},
		{Scenario: sitetest.Scenario{Name: "an error that is ours tells nothing but a number", URL: person, Session: true, ExpectedStatus: 500,
			ExpectedContent: []string{"L'erreur vient de nous", "Numéro à donner à l'assistance"}, NotExpectedContent: append([]string{"secret of the store"}, secrets...)},
			before: func(f *fake) { f.down = errSecret }},

		{Scenario: sitetest.Scenario{Name: "a new entry gets its key", URL: person + "/doses/nouvelle", Session: true, ExpectedStatus: see, ExpectedLocation: person + "/saisies/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "the form begins with today, this place, myself", URL: entryA, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{`value="21"`, `value="06"`, `value="2021"`, `value="` + acacias.ID + `" selected`, "Camille Tilleul (moi)", "calculé à l'étape suivante"}}},
		{Scenario: sitetest.Scenario{Name: "nothing answered: every fault at once", Method: post, URL: entryA, Session: true, Form: url.Values{}, ExpectedStatus: bad,
			ExpectedContent: []string{"Il y a 7 réponses à corriger", "Choisissez le vaccin", "Indiquez le numéro de lot", "Indiquez la date", "Choisissez l'endroit", "Choisissez un de vos lieux", "Choisissez qui a injecté", "Cochez la case quand les questions"}}},
		{Scenario: sitetest.Scenario{Name: "a date in the future", Method: post, URL: entryA, Session: true, Form: full("date-day", "22"), ExpectedStatus: bad,
			ExpectedContent: []string{"ne peut pas être après aujourd'hui (21/06/2021)", `value="22"`, `value="ex4822"`, "suite du schéma initial"},
		}},
		{Scenario: sitetest.Scenario{Name: "a date before birth", Method: post, URL: entryA, Session: true, Form: full("date-year", "1960"), ExpectedStatus: bad,
			ExpectedContent: []string{"avant la naissance"}}},
		{Scenario: sitetest.Scenario{Name: "a rank without its reason", Method: post, URL: entryA, Session: true, Form: full("rank", "3", "expected", "3"), ExpectedStatus: bad,
			ExpectedContent: []string{"Expliquez pourquoi", `<details class="fold" open><summary><span>Rang de la dose`}}},
		{Scenario: sitetest.Scenario{Name: "an injector who is not of the place", Method: post, URL: entryA, Session: true, Form: full("injector", id(77).String()), ExpectedStatus: bad,
			ExpectedContent: []string{"parmi les vaccinateurs de ce lieu"}}},
		{Scenario: sitetest.Scenario{Name: "change leads back with everything typed, the cursor in the field", Method: post, URL: entryA, Session: true, Form: full("edit", "lot"), ExpectedStatus: ok,
			ExpectedContent: []string{`value="ex4822"`, `value="EU/1/20/1528" selected`, "autofocus"}}},
		{Scenario: sitetest.Scenario{Name: "save", Method: post, URL: entryA + "/enregistrer", Session: true, Form: full("shown", "2/2"), ExpectedStatus: see,
			ExpectedLocation: person + "/doses/" + id(60).String() + "/confirmation"},
			after: func(t *testing.T, f *fake) {
				c := f.recorded[0]
				if c.Key != id(101) || c.Rank != 2 || c.Expected != 2 || c.Lot.Reveal() != "EX4822" || c.Injector != tilleul.ID || c.Date != today || c.Place != acacias.ID {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "save with a chosen rank", Method: post, URL: entryA + "/enregistrer", Session: true,
			Form: full("shown", "1/1", "rank", "1", "expected", "1", "rank-reason", "infection en mars"), ExpectedStatus: see, ExpectedLocation: person + "/doses/" + id(60).String() + "/confirmation"},
			after: func(t *testing.T, f *fake) {
				if c := f.recorded[0]; c.Rank != 1 || c.Expected != 1 || c.RankReason != "infection en mars" {
					t.Errorf("recorded %+v", c)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "save refused by the room: the form comes back with everything", Method: post, URL: entryA + "/enregistrer", Session: true, Form: full("shown", "2/2"), ExpectedStatus: bad,
			ExpectedContent: []string{"Choisissez qui a injecté", `value="ex4822"`}},
			before: func(f *fake) {
				var p carnet.Problems
				p.Add("injector", "dose.injector", nil)
				f.problems = p
			}},
		{Scenario: sitetest.Scenario{Name: "the history changed meanwhile: the new rank is shown before anything is saved", Method: post, URL: entryA + "/enregistrer", Session: true,
			Form: full("shown", "1/2"), ExpectedStatus: 409, ExpectedContent: []string{"Le rang proposé a changé", `name="shown" value="2/2"`}},
			before: func(f *fake) {
				var p carnet.Problems
				p.Add("rank-reason", "dose.reason-missing", nil)
				f.problems = p
			}},
		{Scenario: sitetest.Scenario{Name: "going back after the confirmation leads to the saved dose", URL: entryA, Session: true, ExpectedStatus: see, ExpectedLocation: dose + "?fait=deja"},
			before: func(f *fake) { f.done[id(101)] = f.doses[0] }},
		{Scenario: sitetest.Scenario{Name: "saving again leads to the saved dose and records nothing", Method: post, URL: entryA + "/enregistrer", Session: true, Form: full("shown", "2/2"),
			ExpectedStatus: see, ExpectedLocation: dose + "?fait=deja"},
			before: func(f *fake) { f.done[id(101)] = f.doses[0] },
			after: func(t *testing.T, f *fake) {
				if len(f.recorded) > 0 {
					t.Error("recorded twice")
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a key that is none of ours", URL: person + "/saisies/1", Session: true, ExpectedStatus: 404, ExpectedContent: []string{"Reprenez depuis le dossier"}}},
		{Scenario: sitetest.Scenario{Name: "after saving: three things to do next", URL: dose + "/confirmation", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"C'est enregistré", "Personne suivante", "Autre dose, même personne", "Revenir au dossier", "EX4821"}}},
		{Scenario: sitetest.Scenario{Name: "a dose, mine", URL: dose + "?fait=deja", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Rien n'a été saisi deux fois", "Corriger cette dose", "Annuler cette dose", "10/05/2021 à 14:04"}}},
		{Scenario: sitetest.Scenario{Name: "a dose of somebody else's cannot be corrected here", URL: dose, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Cette dose a été saisie par d'autres"}, NotExpectedContent: []string{"Corriger cette dose"}}, before: notMine},
		{Scenario: sitetest.Scenario{Name: "nor by its address", URL: dose + "/corrections/" + id(102).String(), Session: true, ExpectedStatus: 403,
			ExpectedContent: []string{"Accès refusé", "Rien n'a été modifié"}, NotExpectedContent: secrets}, before: notMine},
		{Scenario: sitetest.Scenario{Name: "a correction begins with what is recorded", URL: dose + "/corrections/" + id(102).String(), Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{`value="EX4821"`, `name="version" value="1"`, "Motif de la correction"}}},
		{Scenario: sitetest.Scenario{Name: "a correction needs a reason", Method: post, URL: dose + "/corrections/" + id(102).String(), Session: true, Form: full("version", "1"), ExpectedStatus: bad,
			ExpectedContent: []string{"ce motif reste dans le dossier"}}},
		{Scenario: sitetest.Scenario{Name: "a correction is saved", Method: post, URL: dose + "/corrections/" + id(102).String() + "/enregistrer", Session: true,
			Form: full("version", "1", "reason", "lot mal recopié", "shown", "1/2"), ExpectedStatus: see, ExpectedLocation: dose + "?fait=correction"},
			after: func(t *testing.T, f *fake) {
				if len(f.reasons) != 1 || f.reasons[0] != "lot mal recopié" {
					t.Errorf("reasons %q", f.reasons)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "somebody corrected it meanwhile", Method: post, URL: dose + "/corrections/" + id(102).String() + "/enregistrer", Session: true,
			Form: full("version", "1", "reason", "lot mal recopié", "shown", "1/2"), ExpectedStatus: 409, ExpectedContent: []string{"Quelqu'un a corrigé cette dose", "Votre correction n'a pas été appliquée"}},
			before: func(f *fake) { f.problems = carnet.E("vaccinate", carnet.Conflict, "dose.changed-meanwhile", nil) }},
		{Scenario: sitetest.Scenario{Name: "a cancellation gets its key", URL: dose + "/annuler", Session: true, ExpectedStatus: see, ExpectedLocation: dose + "/annulations/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "cancel needs a reason", Method: post, URL: dose + "/annulations/" + id(103).String(), Session: true, Form: url.Values{}, ExpectedStatus: bad,
			ExpectedContent: []string{"Choisissez pourquoi la dose est annulée", `href="#reason"`}}},
		{Scenario: sitetest.Scenario{Name: "cancel for another reason needs words", Method: post, URL: dose + "/annulations/" + id(103).String(), Session: true, Form: url.Values{"reason": {"other"}}, ExpectedStatus: bad,
			ExpectedContent: []string{"Écrivez la raison"}}},
		{Scenario: sitetest.Scenario{Name: "cancel", Method: post, URL: dose + "/annulations/" + id(103).String(), Session: true, Form: url.Values{"reason": {"not-given"}}, ExpectedStatus: see,
			ExpectedLocation: person + "?fait=annulation"}},
		{Scenario: sitetest.Scenario{Name: "an unknown address", URL: "/nulle-part", Session: true, ExpectedStatus: 404, ExpectedContent: []string{"Page introuvable"}}},
		{Scenario: sitetest.Scenario{Name: "the cookies are listed", URL: "/cookies", ExpectedStatus: ok, ExpectedContent: []string{"__Host-pro-session", "__Host-pro-login", "__Host-pro-lang"}}},
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
			for _, secret := range append([]string{fougere.ID.String(), "Fougère", "ex4822", "EX4822"}, secrets...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
			if !strings.Contains(out.String(), `"pattern"`) {
				t.Errorf("no access log: %s", &out)
			}
		})
	}
}

func notMine(f *fake) {
	f.doses[0].RecordedBy, f.doses[0].Injector, f.doses[0].Responsible = id(8), id(9), id(9)
}

type secretError struct{}

func (secretError) Error() string { return "secret of the store" }

var errSecret = secretError{}

// TestWarningsHaveWords: whatever the rules warn of, in both languages.
func TestWarningsHaveWords(t *testing.T) {
	f := newFake(t)
	f.proposal = &vaccinate.Proposal{Rank: 3, Expected: 3, Reason: "booster", Warnings: []vaccinate.Warning{
		{Code: "interval", Args: map[string]any{"Days": 3, "Least": 21, "Vaccine": "Comirnaty"}},
		{Code: "same-day", Args: map[string]any{"Vaccine": "Comirnaty"}},
		{Code: "other-vaccine", Args: map[string]any{"Vaccine": "Comirnaty"}},
		{Code: "complete", Args: map[string]any{"Doses": 2}},
		{Code: "later-dose", Args: map[string]any{"Date": today}},
	}}
	_, h := start(t, f, &bytes.Buffer{})
	sitetest.Scenario{URL: check(t, h, full()), Session: true, ExpectedStatus: ok,
		ExpectedContent: []string{"5 points à vérifier", "c'est un rappel", "du 21/06/2021. Vérifiez la date.", "(2 doses)"}, NotExpectedContent: []string{"{"}}.Run(t, h)
}

// check sends the form of a dose and returns the address of the page that shows it for checking.
func check(t *testing.T, h http.Handler, form url.Values) string {
	t.Helper()
	r := httptest.NewRequest(post, entryA, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	to := w.Header().Get("Location")
	if w.Code != see || to != entryA+"/verification" {
		t.Fatalf("status %d, location %q: %s", w.Code, to, w.Body)
	}
	return to
}

// TestCheck: every answer is shown, with the rank, why, and what deserves a second look. The address
// of the page tells nothing; what was typed is in a draft that only who typed it opens.
func TestCheck(t *testing.T) {
	f := newFake(t)
	_, h := start(t, f, &bytes.Buffer{})
	to := check(t, h, full("vaccine", "EU/1/20/1507"))
	sitetest.Scenario{URL: to, Session: true, ExpectedStatus: ok, ExpectedContent: []string{
		"Vérifier avant d'enregistrer", "EX4822", "21/06/2021", "Bras gauche", "2 sur 2", "suite du schéma initial", "2 points à vérifier",
		"La dose précédente était Comirnaty.", "42 jours", "au moins 28 jours", `name="shown" value="2/2"`, "vous restez juge", "La personne elle-même", "Rien trouvé",
	}}.Run(t, h)
	sitetest.Scenario{Name: "the form takes the draft up again", URL: entryA, Session: true, ExpectedStatus: ok,
		ExpectedContent: []string{`value="ex4822"`, `value="EU/1/20/1507" selected`, `id="asked" value="1" checked`}}.Run(t, h)
	sitetest.Scenario{Name: "drafts are where the work begins", URL: "/vacciner", Session: true, ExpectedStatus: ok,
		ExpectedContent: []string{"Brouillons", "Anémone Iris AUBÉPINE", entryA, entryA + "/abandon"}}.Run(t, h)
	lost := entryA + "?saisie=perdue"
	sitetest.Scenario{Name: "another entry has no draft", URL: strings.Replace(to, id(101).String(), id(102).String(), 1), Session: true, ExpectedStatus: see,
		ExpectedLocation: strings.Replace(lost, id(101).String(), id(102).String(), 1), NotExpectedContent: []string{"EX4822"}}.Run(t, h)
	sitetest.Scenario{Name: "a draft is given up", Method: post, URL: entryA + "/abandon", Session: true, ExpectedStatus: see, ExpectedLocation: "/vacciner"}.Run(t, h)
	sitetest.Scenario{URL: to, Session: true, ExpectedStatus: see, ExpectedLocation: lost}.Run(t, h)
	sitetest.Scenario{URL: lost, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Rien n'a été enregistré"}}.Run(t, h)
	f.done[id(101)] = f.doses[0]
	sitetest.Scenario{Name: "after saving, the check page leads to the saved dose", URL: to, Session: true, ExpectedStatus: see, ExpectedLocation: dose + "?fait=deja"}.Run(t, h)
}
