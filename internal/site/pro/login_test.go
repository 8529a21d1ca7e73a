package pro

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
)

var (
	genet  = delegation.Delegate{ID: id(30), Name: carnet.Hide("Basile Genêt"), Since: now.AddDate(0, -1, 0), Passkeys: []delegation.Passkey{{ID: []byte{1}}}}
	nobody = map[string]string{sitetest.Anonymous: "none"}
	nurse  = login.Professional{Number: carnet.Hide("899700218896"), FamilyName: carnet.Hide("Tilleul"), GivenName: carnet.Hide("Camille"), Situations: []login.Situation{
		{Profession: carnet.Nurse, Place: acacias}, {Profession: carnet.Nurse, Place: mairie}, {Profession: "86", Place: mairie}, {Profession: carnet.Nurse},
	}}
)

// delegated is what Basile Genêt entered for Camille Tilleul.
var delegated = vaccinate.Entry{Event: vaccinate.Event{Dose: carnet.Dose{ID: id(50), PersonID: fougere.ID}, Actor: tilleul.ID, Delegate: genet.ID, At: now}, Stands: true,
	Now: carnet.Dose{ID: id(50), PersonID: fougere.ID, Vaccine: "EU/1/20/1528", Date: today, Place: acacias}}

// atDoor is somebody whom the provider vouched for, with what was typed when it began.
func atDoor(delegate string) func(*fake) {
	return func(f *fake) {
		f.held = &login.Held{ID: id(70), Asked: login.Asked{Establishment: "gymnase de la mairie", Delegate: carnet.Hide(delegate), ReturnTo: "/", At: now}, Until: now.Add(time.Minute)}
		f.declared = []delegation.Delegate{genet}
	}
}

func pending(f *fake) {
	f.wait = login.Wait{State: login.WaitPending, Number: "482913", Since: now, Until: now.Add(2 * time.Minute), Interval: 5 * time.Second,
		Asked: login.Asked{Establishment: "Gymnase de la Mairie", Delegate: genet.Name}}
}

// TestDoor is the way in, page by page.
func TestDoor(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	numbers := []string{"899700218896", "99700218896"}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "the page asks a number, and never a code", URL: "/", ExpectedStatus: ok,
			ExpectedContent:    []string{"Numéro e-CPS", `action="/connexion/appel"`, `name="establishment"`, `name="delegate"`, "Passer par la page de Pro Santé Connect"},
			NotExpectedContent: []string{`type="password"`, `name="code"`, `name="pin"`}}},
		{Scenario: sitetest.Scenario{Name: "ECP-02 the page says that nobody asks for the secret code", URL: "/", ExpectedStatus: ok,
			ExpectedContent: []string{"Votre code secret n'appartient qu'à vous. Personne de chez nous ne vous le demandera jamais"}, NotExpectedContent: []string{`type="password"`}}},
		{Scenario: sitetest.Scenario{Name: "ECP-03 and to keep the phone with oneself", URL: "/", ExpectedStatus: ok, ExpectedContent: []string{"Gardez votre téléphone avec vous."}}},
		{Scenario: sitetest.Scenario{Name: "ECP-11 whom to call, from when to when", URL: "/", ExpectedStatus: ok,
			ExpectedContent: []string{"Assistance de la Clairière", `href="tel:3699"`, "36 99", "lundi à vendredi, 8 h 30 à 17 h 30"}, NotExpectedContent: []string{"C'est fermé en ce moment"}}},
		{Scenario: sitetest.Scenario{Name: "a call leads to the waiting page", Method: post, URL: "/connexion/appel",
			Form: form("number", "99700218896", "establishment", "Gymnase de la Mairie", "delegate", "Basile Genêt"), ExpectedStatus: see, ExpectedLocation: "/connexion/attente", NotExpectedContent: numbers},
			before: pending, after: func(t *testing.T, f *fake) {
				if len(f.called) != 1 || f.called[0].Number != "99700218896" || f.called[0].Establishment != "Gymnase de la Mairie" || f.called[0].Delegate.Reveal() != "Basile Genêt" {
					t.Errorf("called %+v", f.called)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "what cannot be a number comes back with everything typed", Method: post, URL: "/connexion/appel",
			Form: form("number", "123", "establishment", "Gymnase", "delegate", "Basile Genêt"), ExpectedStatus: 400,
			ExpectedContent: []string{"Ce numéro n'est pas un numéro e-CPS", `value="123"`, `value="Gymnase"`, `value="Basile Genêt"`, `aria-invalid="true"`}},
			before: func(f *fake) {
				f.finish = &carnet.Error{Op: "login", Kind: carnet.Invalid, Code: login.CodeNumber, Field: "number"}
			}},
		{Scenario: sitetest.Scenario{Name: "too many calls: how long to wait, and another way", Method: post, URL: "/connexion/appel", Form: form("number", "99700218896"), ExpectedStatus: 503,
			ExpectedContent: []string{"Réessayez dans 4 min", "Passer par la page de Pro Santé Connect"}},
			before: func(f *fake) {
				f.finish = &carnet.Error{Op: "login", Kind: carnet.Unavailable, Code: login.CodeLimit, Args: map[string]any{"Minutes": 4}}
			}},
		{Scenario: sitetest.Scenario{Name: "the provider is down", Method: post, URL: "/connexion/appel", Form: form("number", "99700218896"), ExpectedStatus: 503,
			ExpectedContent: []string{"Pro Santé Connect ne répond pas", "Une session déjà ouverte continue"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil) }},
		{Scenario: sitetest.Scenario{Name: "the waiting page shows the number and what the phone shows", URL: "/connexion/attente", ExpectedStatus: ok,
			ExpectedContent: []string{"<span>4</span><span>8</span><span>2</span><span>9</span><span>1</span><span>3</span>", "Gymnase de la Mairie", "Basile Genêt", "11:32:00",
				`data-every="5"`, "J'ai validé sur mon téléphone", `data-state="/connexion/attente/etat"`, "Ouvrir le téléphone du bac à sable"}, NotExpectedContent: append([]string{`type="password"`}, numbers...)}, before: pending},
		{Scenario: sitetest.Scenario{Name: "ECP-10 and the way out of it", URL: "/connexion/attente", ExpectedStatus: ok,
			ExpectedContent: []string{`action="/connexion/quitter"`, "Quitter l'authentification"}}, before: pending},
		{Scenario: sitetest.Scenario{Name: "over quota, one opens the application", URL: "/connexion/attente", ExpectedStatus: ok, ExpectedContent: []string{"Ouvrez l'application e-CPS sur votre téléphone"}},
			before: func(f *fake) { pending(f); f.wait.Pull = true }},
		{Scenario: sitetest.Scenario{Name: "over quota at a provider that would ring, one goes through its page", URL: "/connexion/attente", ExpectedStatus: ok,
			ExpectedContent: []string{"son téléphone n'en reçoit plus", `action="/connexion"`, `name="retour"`}, NotExpectedContent: []string{"<span>4</span>"}},
			before: func(f *fake) { pending(f); f.wait.Pull, f.wait.Page, f.wait.Asked.ReturnTo = true, true, "/vacciner" }},
		{Scenario: sitetest.Scenario{Name: "while the provider is away the number stays", URL: "/connexion/attente", ExpectedStatus: ok, ExpectedContent: []string{"Pro Santé Connect ne répond pas", "<span>4</span>"}},
			before: func(f *fake) {
				pending(f)
				f.waiting = carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil)
			}},
		{Scenario: sitetest.Scenario{Name: "the script learns the state and nothing else", URL: "/connexion/attente/etat", ExpectedStatus: ok, ExpectedContent: []string{`{"state":"pending"}`}}, before: pending},
		{Scenario: sitetest.Scenario{Name: "also when it is over", URL: "/connexion/attente/etat", ExpectedStatus: ok, ExpectedContent: []string{`{"state":"over"}`}},
			before: func(f *fake) { f.waiting = carnet.E("login", carnet.Denied, login.CodeReported, nil) }},
		{Scenario: sitetest.Scenario{Name: "refused on the phone", URL: "/connexion/attente", ExpectedStatus: 403, ExpectedContent: []string{"Vous avez quitté la connexion avant la fin"}},
			before: func(f *fake) { f.waiting = carnet.E("login", carnet.Denied, login.CodeDenied, nil) }},
		{Scenario: sitetest.Scenario{Name: "it is not me", URL: "/connexion/attente", ExpectedStatus: 403, ExpectedContent: []string{"Ce n'est pas moi", "bloquée pendant 24 heures"}},
			before: func(f *fake) { f.waiting = carnet.E("login", carnet.Denied, login.CodeReported, nil) }},
		{Scenario: sitetest.Scenario{Name: "approved: the opening is next", URL: "/connexion/attente", ExpectedStatus: see, ExpectedLocation: "/connexion/ouverture"},
			before: func(f *fake) { f.wait = login.Wait{State: login.WaitHeld} }},
		{Scenario: sitetest.Scenario{Name: "leaving", Method: post, URL: "/connexion/quitter", ExpectedStatus: see, ExpectedLocation: "/connexion/quittee"},
			after: func(t *testing.T, f *fake) {
				if f.quit != 1 {
					t.Error("not left")
				}
			}},
		{Scenario: sitetest.Scenario{Name: "ECP-10 leaving offers to report", URL: "/connexion/quittee", ExpectedStatus: ok,
			ExpectedContent: []string{"La demande est effacée", "choisissez « Ce n'est pas moi »", "Assistance de la Clairière", "36 99"}}},
		{Scenario: sitetest.Scenario{Name: "back from the page of the provider", URL: "/connexion/retour/psc?code=x", ExpectedStatus: see, ExpectedLocation: "/connexion/ouverture"}},
		{Scenario: sitetest.Scenario{Name: "the opening needs an identity", URL: "/connexion/ouverture", ExpectedStatus: 400, ExpectedContent: []string{"elle a déjà servi"}}},
		{Scenario: sitetest.Scenario{Name: "the opening asks where, and who types", URL: "/connexion/ouverture", ExpectedStatus: ok,
			ExpectedContent: []string{"Vous êtes Camille Tilleul", "Infirmier, Centre de vaccination des Acacias, Valfleuri", `value="60/750099998" checked`, "Moi-même", "Basile Genêt", "À côté de la personne qui saisit"},
			// Nobody is authorised unless the form says so, and from afar only whom the phone named.
			NotExpectedContent: []string{"Opticien", "remote-checked", `value="` + genet.ID.String() + `" checked`}}, before: atDoor("")},
		{Scenario: sitetest.Scenario{Name: "ECP-08 the session shows the name of the delegate and asks for confirmation", URL: "/connexion/ouverture", ExpectedStatus: ok,
			ExpectedContent: []string{"Basile Genêt", `value="` + genet.ID.String() + `" checked`, "remote-checked"}, NotExpectedContent: []string{"Moi-même"}}, before: atDoor("basile  GENET")},
		{Scenario: sitetest.Scenario{Name: "ECP-09 somebody who was not declared before opens nothing", URL: "/connexion/ouverture", ExpectedStatus: 403,
			ExpectedContent: []string{"Une demande faite pour « Iris Lierre » n'ouvre pas de session"}}, before: atDoor("Iris Lierre")},
		{Scenario: sitetest.Scenario{Name: "nor by sending the form at once", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999"), ExpectedStatus: 403}, before: atDoor("Iris Lierre"), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "a session for oneself", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", ""), ExpectedStatus: see, ExpectedLocation: "/vacciner"},
			before: atDoor(""), after: func(t *testing.T, f *fake) {
				if len(f.opened) != 1 || f.opened[0].Organisation != acacias.ID || f.opened[0].Profession != carnet.Nurse || !f.opened[0].Delegation.ID.IsZero() || len(f.enrolled) != 1 || len(f.enrolled[0].Places) != 2 {
					t.Errorf("opened %+v, enrolled %+v", f.opened, f.enrolled)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "no place is guessed", Method: post, URL: "/connexion/ouverture", Form: form("delegate", ""), ExpectedStatus: 400, ExpectedContent: []string{"Choisissez à quel titre et où vous travaillez"}}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "a place of somebody else", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099990"), ExpectedStatus: 400}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "a profession that does not vaccinate", Method: post, URL: "/connexion/ouverture", Form: form("situation", "86/750099998"), ExpectedStatus: 400}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "ECP-06 a delegate without a word on presence", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", genet.ID.String(), "passkey", "{}"), ExpectedStatus: 400,
			ExpectedContent: []string{"Dites où est le professionnel"}}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "ECP-09 from afar only whom the phone named", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", genet.ID.String(), "presence", "remote-checked", "passkey", "{}"), ExpectedStatus: 400,
			ExpectedContent: []string{"le nom de la personne doit être dans la demande"}}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "another delegate than the phone showed", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", id(33).String(), "presence", "present", "passkey", "{}"), ExpectedStatus: 400}, before: atDoor("Basile Genêt"), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "the phone named a delegate: no session for oneself", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", ""), ExpectedStatus: 400}, before: atDoor("Basile Genêt"), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "a delegate proves who they are", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", genet.ID.String(), "presence", "present"), ExpectedStatus: ok,
			ExpectedContent: []string{"Basile Genêt va saisir sous la responsabilité du professionnel Camille Tilleul", `data-challenge="{"challenge":"bGllcnJl"}"`, `name="presence" value="present"`, "Utiliser ma clé d'accès"}}, before: atDoor(""), after: notOpened},
		{Scenario: sitetest.Scenario{Name: "ECP-06 and the session opens with the presence that was declared", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", genet.ID.String(), "presence", "remote-checked", "passkey", "{}"), ExpectedStatus: see, ExpectedLocation: "/vacciner"},
			before: atDoor("Basile Genêt"), after: func(t *testing.T, f *fake) {
				if len(f.opened) != 1 || f.opened[0].Delegation.ID != genet.ID || f.opened[0].Delegation.Presence != login.RemoteChecked || f.opened[0].Delegation.Name.Reveal() != "Basile Genêt" {
					t.Errorf("opened %+v", f.opened)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a passkey that does not hold opens nothing", Method: post, URL: "/connexion/ouverture", Form: form("situation", "60/750099999", "delegate", genet.ID.String(), "presence", "present", "passkey", "{}"), ExpectedStatus: 403,
			ExpectedContent: []string{"La clé d'accès n'a pas été reconnue"}}, before: func(f *fake) {
			atDoor("")(f)
			f.problems = carnet.E("delegation", carnet.Denied, delegation.CodePasskey, nil)
		}, after: notOpened},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			if s.before != nil {
				s.before(f)
			}
			var out bytes.Buffer
			site, h := start(t, f, &out)
			site.claims = func(login.Claims) (login.Professional, error) { return nurse, nil }
			s.Headers = nobody
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
			for _, secret := range append([]string{"482913", "Genêt", "Tilleul"}, numbers...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

func notOpened(t *testing.T, f *fake) {
	if len(f.opened) > 0 || len(f.enrolled) > 0 {
		t.Errorf("opened %+v, enrolled %+v", f.opened, f.enrolled)
	}
}

// TestNobodyEnters: an account is not a profession.
func TestNobodyEnters(t *testing.T) {
	for name, c := range map[string]struct {
		who  login.Professional
		err  error
		code string
	}{
		"without a place of work":     {login.Professional{Number: nurse.Number, Situations: []login.Situation{{Profession: carnet.Nurse}}}, nil, "Aucun lieu d'exercice"},
		"an optician":                 {login.Professional{Number: nurse.Number, Situations: []login.Situation{{Profession: "86", Place: acacias}}}, nil, "réservé aux médecins"},
		"claims that do not hold":     {login.Professional{}, carnet.E("login", carnet.Denied, login.CodeClaims, nil), "n'a pas transmis tout"},
		"a place without a right one": {login.Professional{Number: nurse.Number, Situations: []login.Situation{{Profession: "86", Place: acacias}, {Profession: carnet.Nurse}}}, nil, "Aucun lieu d'exercice"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			atDoor("")(f)
			site, h := start(t, f, &bytes.Buffer{})
			site.claims = func(login.Claims) (login.Professional, error) { return c.who, c.err }
			for _, method := range []string{http.MethodGet, post} {
				sitetest.Scenario{Method: method, URL: "/connexion/ouverture", Headers: nobody, Form: url.Values{"situation": {"60/750099999"}}, ExpectedStatus: 403, ExpectedContent: []string{c.code}}.Run(t, h)
			}
			notOpened(t, f)
		})
	}
}

func TestSupportIsClosed(t *testing.T) {
	f := newFake(t)
	site, h := start(t, f, &bytes.Buffer{})
	site.Clock = func() time.Time { return now.Add(12 * time.Hour) }
	t.Run("ECP-11 outside its hours the page says so", func(t *testing.T) {
		sitetest.Scenario{URL: "/", Headers: nobody, ExpectedStatus: ok, ExpectedContent: []string{"C'est fermé en ce moment", "36 99"}}.Run(t, h)
	})
}

// TestSameDevice: on the telephone itself the page of the provider comes first (R25).
func TestSameDevice(t *testing.T) {
	_, h := start(t, newFake(t), &bytes.Buffer{})
	for agent, callFirst := range map[string]bool{"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0": true, "Mozilla/5.0 (Linux; Android 16; Mobile) Firefox/140.0": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(sitetest.Anonymous, "none")
		r.Header.Set("User-Agent", agent)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		call, page := strings.Index(w.Body.String(), `action="/connexion/appel"`), strings.Index(w.Body.String(), `action="/connexion"`)
		if call < 0 || page < 0 || (call < page) != callFirst {
			t.Errorf("%s: the telephone at %d, the page at %d", agent, call, page)
		}
	}
}

// TestCard is what the browser extension asks before it reads a carte Vitale.
func TestCard(t *testing.T) {
	t.Run("VIT-20 the extension learns whether a professional is logged in", func(t *testing.T) {
		_, h := start(t, newFake(t), &bytes.Buffer{})
		sitetest.Scenario{URL: cardPath, Session: true, ExpectedStatus: http.StatusNoContent}.Run(t, h)
		sitetest.Scenario{URL: cardPath, Headers: nobody, ExpectedStatus: http.StatusUnauthorized, NotExpectedContent: []string{"Tilleul"}}.Run(t, h)
	})
}

// TestSettings is "Mes paramètres".
func TestSettings(t *testing.T) {
	delegate := func(f *fake) { f.typing = login.Delegation{ID: genet.ID, Name: genet.Name, Presence: login.Present} }
	declared := func(f *fake) { f.declared = []delegation.Delegate{genet} }
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "ECP-08 the tab names who types", URL: "/parametres", ExpectedStatus: ok,
			ExpectedContent: []string{`href="/parametres" aria-current="page"`, "Personnes qui saisissent sous ma responsabilité", "Basile Genêt", "Nom et prénom de la personne", "Créer une clé d'accès"}}, before: declared},
		{Scenario: sitetest.Scenario{Name: "a revoked delegate is not shown", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{"Personne ne saisit pour vous."}},
			before: func(f *fake) {
				gone := genet
				gone.Revoked = now
				f.declared = []delegation.Delegate{gone}
			}},
		{Scenario: sitetest.Scenario{Name: "without a fresh authentication nothing can be changed", URL: "/parametres", ExpectedStatus: ok,
			ExpectedContent: []string{"confirmez d'abord votre identité", `action="/connexion/confirmer"`, "Basile Genêt"}, NotExpectedContent: []string{`name="name"`, `name="week"`, `name="revoke"`}},
			before: func(f *fake) { declared(f); f.stale = true }},
		{Scenario: sitetest.Scenario{Name: "confirming calls the phone of the session", Method: post, URL: "/connexion/confirmer", ExpectedStatus: see, ExpectedLocation: "/connexion/attente"},
			after: func(t *testing.T, f *fake) {
				if len(f.called) != 1 || f.called[0].Number != tilleul.Number.Reveal() || f.called[0].ReturnTo != "/parametres" {
					t.Errorf("called %+v", f.called)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "then the session goes on", Method: post, URL: "/connexion/ouverture", ExpectedStatus: see, ExpectedLocation: "/parametres"},
			after: func(t *testing.T, f *fake) {
				if !f.renewed || len(f.opened) > 0 {
					t.Error("not renewed")
				}
			}},
		{Scenario: sitetest.Scenario{Name: "declaring asks for a passkey at once", Method: post, URL: "/parametres/personnes", Form: url.Values{"name": {"Iris Lierre"}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Créer la clé d'accès", "data-create", `data-challenge="{"challenge":"bW91c3Nl"}"`, `name="key" value="` + id(31).String()}},
			after: func(t *testing.T, f *fake) {
				if !slices.Equal(f.named, []string{"Iris Lierre"}) {
					t.Errorf("declared %v", f.named)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a name that is there already", Method: post, URL: "/parametres/personnes", Form: url.Values{"name": {"Basile Genêt"}}, ExpectedStatus: 400,
			ExpectedContent: []string{"Une personne de ce nom est déjà dans la liste", `value="Basile Genêt"`}},
			before: func(f *fake) {
				declared(f)
				f.problems = &carnet.Error{Op: "delegation", Kind: carnet.Conflict, Code: delegation.CodeTwice, Field: "name"}
			}},
		{Scenario: sitetest.Scenario{Name: "the passkey is kept", Method: post, URL: "/parametres/personnes", Form: url.Values{"key": {genet.ID.String()}, "passkey": {`{"id":"x"}`}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if !slices.Equal(f.passkeys, []string{`{"id":"x"}`}) {
					t.Errorf("passkeys %v", f.passkeys)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a delegate is removed", Method: post, URL: "/parametres/personnes", Form: url.Values{"revoke": {genet.ID.String()}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if !slices.Equal(f.revoked, []carnet.ID{genet.ID}) {
					t.Errorf("revoked %v", f.revoked)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "what delegates entered can be contested", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{"Comirnaty", "Basile Genêt", "Contester", id(50).String()}},
			before: func(f *fake) { declared(f); f.entries = []vaccinate.Entry{delegated} }},
		{Scenario: sitetest.Scenario{Name: "a contested one says so", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{"Contestée"}, NotExpectedContent: []string{"Contester,"}},
			before: func(f *fake) {
				declared(f)
				e := delegated
				e.Now.Contested = true
				f.entries = []vaccinate.Entry{e}
			}},
		{Scenario: sitetest.Scenario{Name: "contesting", Method: post, URL: "/parametres/saisies", Form: url.Values{"person": {fougere.ID.String()}, "dose": {id(50).String()}, "key": {firstKey.String()}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if !slices.Equal(f.contested, []carnet.ID{id(50)}) || !slices.Equal(f.reasons, []string{"not-recognised"}) {
					t.Errorf("contested %v for %v", f.contested, f.reasons)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "hours are declared", Method: post, URL: "/parametres/heures", Form: url.Values{"week": {"mon-fri 08:30-12:30"}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if f.week.IsZero() {
					t.Error("no hours")
				}
			}},
		{Scenario: sitetest.Scenario{Name: "hours as they are written in French", Method: post, URL: "/parametres/heures", Form: url.Values{"week": {"lundi-ven 8h30-12h30 13h-19h; Sam 9 h - 12 h"}}, ExpectedStatus: 400}},
		{Scenario: sitetest.Scenario{Name: "hours in French", Method: post, URL: "/parametres/heures", Form: url.Values{"week": {"lundi-ven 8h30-12h30 13h-19h; Sam 9h-12h"}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if f.week.String() != "mon-fri 08:30-12:30 13:00-19:00; sat 09:00-12:00" {
					t.Errorf("%s", f.week)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "and they come back so", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{`value="lun-ven 8h30-12h30 13h-19h; sam 9h-12h"`}},
			before: func(f *fake) { f.week, _ = hours.Parse("mon-fri 08:30-12:30 13:00-19:00; sat 09:00-12:00") }},
		{Scenario: sitetest.Scenario{Name: "hours that cannot be read come back", Method: post, URL: "/parametres/heures", Form: url.Values{"week": {"lundi matin"}}, ExpectedStatus: 400, ExpectedContent: []string{"Ces heures ne se lisent pas", `value="lundi matin"`}}},
		{Scenario: sitetest.Scenario{Name: "sessions are listed", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{"Firefox, Linux", "saisie par Basile Genêt", "celle-ci", id(201).String(), "Tout fermer, partout"}}, before: declared},
		{Scenario: sitetest.Scenario{Name: "one is closed", Method: post, URL: "/parametres/sessions", Form: url.Values{"session": {id(201).String()}}, ExpectedStatus: see, ExpectedLocation: "/parametres?fait=1"},
			after: func(t *testing.T, f *fake) {
				if !slices.Equal(f.closed, []carnet.ID{id(201)}) {
					t.Errorf("closed %v", f.closed)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "VIT-50 all are closed at once", Method: post, URL: "/parametres/sessions", Form: url.Values{"session": {"toutes"}}, ExpectedStatus: see, ExpectedLocation: "/?session=fermees"},
			after: func(t *testing.T, f *fake) {
				if len(f.closed) != 2 {
					t.Errorf("closed %v", f.closed)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the requests of 90 days", URL: "/parametres", ExpectedStatus: ok, ExpectedContent: []string{"21/06/2021 à 11:30", "Ce n'est pas moi", "première fois depuis ce navigateur", "inhabituelle", "Firefox, Linux"}},
			before: func(f *fake) {
				f.events = []login.Event{{At: now, Kind: login.EventReported}, {At: now, Kind: login.EventStart, Browser: "Firefox, Linux", Quiet: true}}
			}},
		{Scenario: sitetest.Scenario{Name: "every page of a delegate's session says who types for whom", URL: "/vacciner", ExpectedStatus: ok,
			ExpectedContent: []string{"Basile Genêt saisit sous la responsabilité du professionnel Camille Tilleul"}, NotExpectedContent: []string{"Mes paramètres"}}, before: delegate},
		{Scenario: sitetest.Scenario{Name: "error pages too", URL: "/personnes/" + id(99).String(), ExpectedStatus: 404, ExpectedContent: []string{"Basile Genêt saisit sous la responsabilité du professionnel Camille Tilleul"}}, before: delegate},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			if s.before != nil {
				s.before(f)
			}
			_, h := start(t, f, &bytes.Buffer{})
			s.Session = true
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
		})
	}
	t.Run("a delegate neither sees nor changes settings", func(t *testing.T) {
		f := newFake(t)
		delegate(f)
		_, h := start(t, f, &bytes.Buffer{})
		for _, path := range []string{"/parametres", "/parametres/sessions", "/connexion/confirmer"} {
			method := post
			if path == "/parametres" {
				method = http.MethodGet
			}
			sitetest.Scenario{Method: method, URL: path, Session: true, Form: url.Values{"session": {"toutes"}}, ExpectedStatus: 403}.Run(t, h)
		}
		if len(f.closed)+len(f.called) > 0 {
			t.Errorf("closed %v, called %v", f.closed, f.called)
		}
	})
}

// TestStrongAuthentication walks every route: without a session none of them shows anything.
func TestStrongAuthentication(t *testing.T) {
	f := newFake(t)
	s, h := start(t, f, &bytes.Buffer{})
	// The form for a day without network is empty and says nothing of anybody: it must be on the device before.
	open := map[string]bool{offlinePath: true, workerPath: true, storePath: true, "/": true, "/cookies": true, loginPath: true, callPath: true, waitPath: true, statePath: true, quitPath: true, leftPath: true, openingPath: true, logoutPath: true,
		"/connexion/retour/psc": true, "/connexion/fin/psc": true, cardPath: true}
	if len(s.routes) < 25 {
		t.Fatalf("only %d routes", len(s.routes))
	}
	t.Run("POL-62 no professional page without strong authentication", func(t *testing.T) {
		for _, pattern := range s.routes {
			method, path, _ := strings.Cut(pattern, " ")
			path = strings.TrimSuffix(path, "{$}")
			if open[path] {
				continue
			}
			for _, name := range []string{"person", "dose", "key"} {
				path = strings.ReplaceAll(path, "{"+name+"}", id(50).String())
			}
			r := httptest.NewRequest(method, path, nil)
			r.Header.Set(sitetest.Anonymous, "none")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if method == http.MethodGet && (w.Code != see || !strings.HasPrefix(w.Header().Get("Location"), "/?retour=")) || method == post && w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
				t.Errorf("%s: status %d, location %q", pattern, w.Code, w.Header().Get("Location"))
			}
		}
	})
	if got := len(f.recorded) + len(f.reasons) + len(f.named) + len(f.closed); got > 0 {
		t.Errorf("%d effects", got)
	}
}
