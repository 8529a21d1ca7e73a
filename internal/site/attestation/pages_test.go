package attestation

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

// Every code that the rooms can answer with has words, save those that nobody can meet here.
func TestCodesHaveWords(t *testing.T) {
	s, _ := start(t, newFake(0), &bytes.Buffer{})
	codes := sitetest.Codes(t, "../../certify", "../../login")
	if !slices.Contains(codes, login.CodeDenied) || !slices.Contains(codes, "certificate.no-dose") {
		t.Fatalf("the codes were not found: %v", codes)
	}
	silent := map[string]bool{
		"login.profile":  true,                                                                                                                   // configuration
		"login.delegate": true, "login.limit": true, "login.long": true, "login.number": true, "login.other-person": true, "login.pending": true, // telephones
		"login.replaced": true, "login.reported": true, "login.slow-down": true, "login.step-up": true, "login.unknown-user": true,
		"login.not-active": true, "login.organisation": true, "login.role": true, "login.staff": true, // professionals and staff
	}
	for _, lang := range ui.Languages {
		text := s.ui.In(lang)
		for _, code := range codes {
			if !silent[code] && strings.HasPrefix(code, "login.") && !text.Has("problem."+code) {
				t.Errorf("%s: no words for %s", lang, code)
			}
		}
	}
}

var secrets = []string{"FOUGÈRE", "Anémone", "Comirnaty", "Acacias"}

func TestPages(t *testing.T) {
	const see = http.StatusSeeOther
	for _, s := range []struct {
		sitetest.Scenario
		doses  int
		before func(*fake)
		closed []carnet.ID
	}{
		{Scenario: sitetest.Scenario{Name: "home says what it is, what is needed, that it is free", URL: "/", ExpectedStatus: 200,
			ExpectedContent:    []string{"Le service est gratuit", "au moins une dose", "régime obligatoire", "Se connecter avec FranceConnect (bac à sable)", "Qu'est-ce que FranceConnect ?", "décret n° 2020-1690 du 25 décembre 2020", "ne donne pas d'avis médical"},
			NotExpectedContent: append([]string{"Se déconnecter"}, secrets...)}},
		{Scenario: sitetest.Scenario{Name: "what FranceConnect is", URL: "/franceconnect", ExpectedStatus: 200, ExpectedContent: []string{"Nous ne voyons jamais votre mot de passe", "FranceConnect est imité"}}},
		{Scenario: sitetest.Scenario{Name: "the notice tells what the register of processing says", URL: NoticePath, ExpectedStatus: 200,
			ExpectedContent: []string{"Vaccin Covid : enregistrement et suivi des vaccinations", "Numéro d'inscription au répertoire", "délégué à la protection des données", "CNIL", "Ministère chargé de la santé"}}},
		{Scenario: sitetest.Scenario{Name: "home leads on who is logged in", URL: "/", Session: true, ExpectedStatus: see, ExpectedLocation: "/ma-vaccination"}},
		{Scenario: sitetest.Scenario{Name: "the situation needs a login", URL: "/ma-vaccination", ExpectedStatus: see, ExpectedLocation: "/?session=absente", NotExpectedContent: secrets}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "so does the PDF", URL: "/ma-vaccination/attestation", ExpectedStatus: see, ExpectedLocation: "/?session=absente", NotExpectedContent: []string{"%PDF"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "a session that ended says so", URL: "/ma-vaccination", ExpectedStatus: see, ExpectedLocation: "/?session=terminee"},
			before: func(f *fake) { f.ended = carnet.E("login", carnet.Denied, login.CodeSessionEnded, nil) }},
		{Scenario: sitetest.Scenario{Name: "and the home page explains it", URL: "/?session=terminee", ExpectedStatus: 200, ExpectedContent: []string{"Votre session est terminée"}}},
		{Scenario: sitetest.Scenario{Name: "login begins", Method: http.MethodPost, URL: "/connexion", ExpectedStatus: see, ExpectedLocation: "http://localhost:8411/authorize"}},
		{Scenario: sitetest.Scenario{Name: "the provider is down", Method: http.MethodPost, URL: "/connexion", ExpectedStatus: 503, ExpectedContent: []string{"FranceConnect ne répond pas", "(bac à sable)"}},
			before: func(f *fake) {
				f.finish = carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil)
			}},
		{Scenario: sitetest.Scenario{Name: "the person left FranceConnect", URL: "/connexion/retour/fc", ExpectedStatus: 403, ExpectedContent: []string{"Vous avez quitté FranceConnect avant la fin", "Se connecter avec FranceConnect"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Denied, login.CodeDenied, nil) }},
		{Scenario: sitetest.Scenario{Name: "an answer used twice", URL: "/connexion/retour/fc?code=x", ExpectedStatus: 400, ExpectedContent: []string{"elle a déjà servi"}, NotExpectedContent: []string{"code=x"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Invalid, login.CodeState, nil) }},
		{Scenario: sitetest.Scenario{Name: "an internal error at the login is an error page", URL: "/connexion/retour/fc", ExpectedStatus: 500, ExpectedContent: []string{"L'erreur vient de nous"}},
			before: func(f *fake) { f.finish = carnet.E("login", carnet.Internal, "internal", nil) }},
		{Scenario: sitetest.Scenario{Name: "back from the provider", URL: "/connexion/retour/fc", ExpectedStatus: see, ExpectedLocation: "/ma-vaccination"}},
		{Scenario: sitetest.Scenario{Name: "nobody has that identity: a human path", URL: "/connexion/retour/fc", ExpectedStatus: 404,
			ExpectedContent: []string{"Nous n'avons pas pu vous reconnaître", "Personne, dans le registre", "caisse d'assurance maladie", "Rien n'a été enregistré"}, NotExpectedContent: secrets},
			before: func(f *fake) { f.resolve = carnet.E("people", carnet.NotFound, "person.unresolved", nil) }},
		{Scenario: sitetest.Scenario{Name: "several have that identity: never a list to pick from", URL: "/connexion/retour/fc", ExpectedStatus: 409,
			ExpectedContent: []string{"Plusieurs personnes"}, NotExpectedContent: append([]string{"<select", `type="radio"`}, secrets...)},
			before: func(f *fake) { f.resolve = carnet.E("people", carnet.Conflict, "person.ambiguous", nil) }},
		{Scenario: sitetest.Scenario{Name: "one detail differs: which, and who can mend it", URL: "/connexion/retour/fc", ExpectedStatus: 404,
			ExpectedContent: []string{"Votre identité diffère d'un détail", "le lieu de naissance", "compte FranceConnect", "caisse d'assurance maladie"}, NotExpectedContent: secrets},
			before: func(f *fake) {
				f.resolve = &carnet.Error{Op: "people", Kind: carnet.NotFound, Code: people.CodeNear, Field: "birth-place"}
			}},
		{Scenario: sitetest.Scenario{Name: "known by a used name only", URL: "/connexion/retour/fc", ExpectedStatus: 404,
			ExpectedContent: []string{"nom d'usage", "inscrire votre nom de naissance"}, NotExpectedContent: secrets},
			before: func(f *fake) { f.resolve = carnet.E("people", carnet.NotFound, people.CodeMarriedName, nil) }},
		{Scenario: sitetest.Scenario{Name: "somebody who died: words that hurt nobody", URL: "/connexion/retour/fc", ExpectedStatus: 403,
			ExpectedContent: []string{"ne peut pas s'ouvrir avec ce compte", "un proche ou un ayant droit"}, NotExpectedContent: append([]string{"mort", "décéd"}, secrets...)},
			before: func(f *fake) { f.resolve = carnet.E("people", carnet.Denied, people.CodeDeceased, nil) }},
		{Scenario: sitetest.Scenario{Name: "an account that used to be another's", URL: "/connexion/retour/fc", ExpectedStatus: 409,
			ExpectedContent: []string{"mène à une autre personne", "chacune doit avoir le sien"}, NotExpectedContent: secrets},
			before: func(f *fake) { f.resolve = carnet.E("people", carnet.Conflict, people.CodeOther, nil) }},
		{Scenario: sitetest.Scenario{Name: "ATT-38 each account's recovery is one link away", URL: "/franceconnect", ExpectedStatus: 200,
			ExpectedContent: []string{"Les comptes acceptés", "Compte de la Mousse", `href="https://mousse.invalid/perdu"`, "Compte du Lierre"}}},
		{Scenario: sitetest.Scenario{Name: "the sessions of the person", URL: "/mes-connexions", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Vos connexions", "celle-ci", otherSession.String(), session.String(), "Tout fermer, partout", "Mot de passe perdu ou volé"}}},
		{Scenario: sitetest.Scenario{Name: "the situation says that there are messages", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Vous avez 3 messages non lus", `href="/mes-messages"`}}, doses: 1, before: func(f *fake) { f.notices = told() }},
		{Scenario: sitetest.Scenario{Name: "what the person was told, in words", URL: messagesPath, Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Une dose de votre carnet a été corrigée", "Un lot de vaccin que vous avez reçu est rappelé", "gardé trop chaud ou trop froid", "Injection du 10/05/2021.", "Votre dossier a changé", "J'ai lu ces messages"}}, before: func(f *fake) { f.notices = told() }},
		{Scenario: sitetest.Scenario{Name: "no message", URL: messagesPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Vous n'avez aucun message"}, NotExpectedContent: []string{"J'ai lu"}}},
		{Scenario: sitetest.Scenario{Name: "messages were read", Method: http.MethodPost, URL: messagesPath, Session: true, ExpectedStatus: see, ExpectedLocation: messagesPath}},
		{Scenario: sitetest.Scenario{Name: "the messages need a login", URL: messagesPath, ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "the sessions need a login", URL: "/mes-connexions", ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "so does closing one", Method: http.MethodPost, URL: "/mes-connexions", Form: url.Values{"session": {"toutes"}}, ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "another session is closed", Method: http.MethodPost, URL: "/mes-connexions", Session: true, Form: url.Values{"session": {otherSession.String()}},
			ExpectedStatus: see, ExpectedLocation: "/mes-connexions?fermee=1"}, closed: []carnet.ID{otherSession}},
		{Scenario: sitetest.Scenario{Name: "closing this one is logging out", Method: http.MethodPost, URL: "/mes-connexions", Session: true, Form: url.Values{"session": {session.String()}},
			ExpectedStatus: see, ExpectedLocation: "http://localhost:8411/session/end"}},
		{Scenario: sitetest.Scenario{Name: "one that is over already is closed too", Method: http.MethodPost, URL: "/mes-connexions", Session: true, Form: url.Values{"session": {otherSession.String()}},
			ExpectedStatus: see, ExpectedLocation: "/mes-connexions?fermee=1"}, closed: []carnet.ID{otherSession},
			before: func(f *fake) { f.down = carnet.E("login", carnet.NotFound, "session.unknown", nil) }},
		{Scenario: sitetest.Scenario{Name: "what is not a session is not found", Method: http.MethodPost, URL: "/mes-connexions", Session: true, Form: url.Values{"session": {"x"}}, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "ATT-38 all are closed at once", Method: http.MethodPost, URL: "/mes-connexions", Session: true, Form: url.Values{"session": {"toutes"}},
			ExpectedStatus: see, ExpectedLocation: "/?session=fermees"}, closed: []carnet.ID{session, otherSession}},
		{Scenario: sitetest.Scenario{Name: "and the home page says so", URL: "/?session=fermees", ExpectedStatus: 200, ExpectedContent: []string{"Toutes vos connexions sont fermées"}}},
		{Scenario: sitetest.Scenario{Name: "one dose of two", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent:    []string{"En cours", "Vous avez reçu la dose 1 sur 2", "Comirnaty (Pfizer/BioNTech)", "10/05/2021", "Centre de vaccination des Acacias, Valfleuri", "Télécharger l'attestation (PDF)", "À gauche : le 2D-Doc", "À droite : le QR code", "système Vaccin Covid", "CNIL", "Anémone FOUGÈRE", "Se déconnecter"},
			NotExpectedContent: []string{"Terminé"}, ExpectedHeaders: map[string]string{"Cache-Control": "no-store"}}, doses: 1},
		{Scenario: sitetest.Scenario{Name: "two doses of two", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Terminé", "Votre vaccination est complète : dose 2 sur 2.", "19/06/2021", "2 doses enregistrées"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "several diseases: an attestation for each", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent:    []string{"Une attestation par maladie", "rougeole, oreillons, rubéole", "Priorix (GSK)", "non précisé", "sans rang", "Certificat européen", pdfPath + "/" + otherSession.String()},
			NotExpectedContent: []string{"À droite : le QR code"}},
			before: func(f *fake) { f.doses = several() }},
		{Scenario: sitetest.Scenario{Name: "no dose against COVID-19: no European certificate", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Priorix (GSK)", "Télécharger l'attestation (PDF)"}, NotExpectedContent: []string{"Certificat européen", "Une attestation par maladie", "TAC"}},
			before: func(f *fake) { f.doses = []certify.Dose{measles()} }},
		{Scenario: sitetest.Scenario{Name: "the attestation of one of them", URL: pdfPath + "/" + otherSession.String(), Session: true, ExpectedStatus: 200, ExpectedContent: []string{"%PDF-1.7"},
			ExpectedHeaders: map[string]string{"Content-Disposition": `attachment; filename="attestation-vaccination.pdf"`}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "what is no dose has none", URL: pdfPath + "/x", Session: true, ExpectedStatus: 404, NotExpectedContent: []string{"%PDF"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "the attestation of one needs a login", URL: pdfPath + "/" + otherSession.String(), ExpectedStatus: see, ExpectedLocation: "/?session=absente", NotExpectedContent: []string{"%PDF"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "no dose: says so and what to do", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Aucune dose n'est enregistrée à votre nom", "revenez demain", "C'était à l'étranger"}, NotExpectedContent: []string{"Télécharger"}}},
		{Scenario: sitetest.Scenario{Name: "no dose: no PDF", URL: "/ma-vaccination/attestation", Session: true, ExpectedStatus: 404,
			ExpectedContent: []string{"il n'y a pas d'attestation à télécharger", "demandez au professionnel"}}},
		{Scenario: sitetest.Scenario{Name: "the PDF", URL: "/ma-vaccination/attestation", Session: true, ExpectedStatus: 200, ExpectedContent: []string{"%PDF-1.7"},
			ExpectedHeaders: map[string]string{"Cache-Control": "no-store", "Content-Type": "application/pdf", "X-Content-Type-Options": "nosniff",
				"Content-Disposition": `attachment; filename="attestation-vaccination-covid-19.pdf"`}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "another site cannot make the browser ask for the PDF", URL: "/ma-vaccination/attestation", Session: true,
			Headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, ExpectedStatus: see, ExpectedLocation: "/ma-vaccination", NotExpectedContent: []string{"%PDF"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "the European certificate", URL: europeanPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"%PDF-1.7"},
			ExpectedHeaders: map[string]string{"Cache-Control": "no-store", "Content-Disposition": `attachment; filename="certificat-covid-numerique-ue.pdf"`}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "the European certificate needs a login", URL: europeanPath, ExpectedStatus: see, ExpectedLocation: "/?session=absente", NotExpectedContent: []string{"%PDF"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "the card", URL: cardPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"%PDF-1.7"},
			ExpectedHeaders: map[string]string{"Content-Disposition": `attachment; filename="certificat-covid-numerique-ue-carte.pdf"`}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "no European certificate of what is known: what remains", URL: europeanPath, Session: true, ExpectedStatus: 409,
			ExpectedContent: []string{"ne permet pas d'établir un certificat européen", "2D-Doc reste disponible"}, NotExpectedContent: []string{"%PDF"}},
			doses: 1, before: func(f *fake) {
				f.down = carnet.E("certify", carnet.Conflict, "certificate.not-european", nil)
			}},
		{Scenario: sitetest.Scenario{Name: "replacing is explained before it is done", URL: replacePath, Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"ne sont plus valables", "tout de suite", "à partir de demain", "Révoquer et remplacer", otherSession.String()}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "replaced", Method: http.MethodPost, URL: replacePath, Session: true, Form: url.Values{"cle": {otherSession.String()}},
			ExpectedStatus: see, ExpectedLocation: "/ma-vaccination?remplace=1"}, doses: 2, closed: []carnet.ID{otherSession}},
		{Scenario: sitetest.Scenario{Name: "and the situation says so", URL: "/ma-vaccination?remplace=1", Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Vos anciennes attestations sont révoquées"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "replacing without a key of ours", Method: http.MethodPost, URL: replacePath, Session: true, Form: url.Values{"cle": {"x"}}, ExpectedStatus: 404}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "replacing needs a login", Method: http.MethodPost, URL: replacePath, Form: url.Values{"cle": {otherSession.String()}}, ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
		{Scenario: sitetest.Scenario{Name: "the public log of issuance", URL: issuancePath, ExpectedStatus: 200, ExpectedContent: []string{"Attestations délivrées", "20/11/2026", "41", "Certificat européen"}, NotExpectedContent: secrets}},
		{Scenario: sitetest.Scenario{Name: "the page has a text to copy, and no field to write in", URL: "/ma-vaccination", Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Un texte pour demander la correction", "article 16", "au professionnel qui a saisi la dose et au délégué"}, NotExpectedContent: []string{"<textarea", `type="text"`}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "the signer is away", URL: "/ma-vaccination/attestation", Session: true, ExpectedStatus: 503, ExpectedContent: []string{"Réessayer"}, NotExpectedContent: []string{"%PDF"}},
			doses: 1, before: func(f *fake) { f.down = carnet.E("certify", carnet.Unavailable, "signer.away", nil) }},
		{Scenario: sitetest.Scenario{Name: "revoked today", URL: "/ma-vaccination/attestation", Session: true, ExpectedStatus: 409,
			ExpectedContent: []string{"a été révoquée aujourd'hui", "revenez demain"}, NotExpectedContent: []string{"%PDF"}},
			doses: 1, before: func(f *fake) { f.down = carnet.E("certify", carnet.Conflict, "certificate.revoked-today", nil) }},
		{Scenario: sitetest.Scenario{Name: "no address opens somebody else's situation", URL: "/ma-vaccination/017a2b3c-4d5e-7000-8000-000000000011", Session: true, ExpectedStatus: 404, NotExpectedContent: []string{"Comirnaty"}}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "nor does a parameter", URL: "/ma-vaccination?person=017a2b3c-4d5e-7000-8000-000000000011", Session: true, ExpectedStatus: 200}, doses: 2},
		{Scenario: sitetest.Scenario{Name: "logout", Method: http.MethodPost, URL: "/deconnexion", Session: true, ExpectedStatus: see, ExpectedLocation: "http://localhost:8411/session/end"}},
		{Scenario: sitetest.Scenario{Name: "the cookies are listed", URL: "/cookies", ExpectedStatus: 200, ExpectedContent: []string{"__Host-attestation-session", "__Host-attestation-login", "__Host-attestation-lang"}}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(s.doses)
			if s.before != nil {
				s.before(f)
			}
			var out bytes.Buffer
			_, h := start(t, f, &out)
			s.Run(t, h)
			if !slices.Equal(f.closed, s.closed) {
				t.Errorf("closed %v", f.closed)
			}
			for _, person := range f.asked {
				if person != me {
					t.Errorf("asked for %s, who is not logged in", person)
				}
			}
			for _, secret := range append([]string{me.String()}, secrets...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

// TestOnePerson walks every route: without a session none opens anything, and with one each asks for
// the person of the session, whatever the request says.
func TestOnePerson(t *testing.T) {
	f := newFake(2)
	s, _ := start(t, f, &bytes.Buffer{})
	s.HTTPS = true
	s, err := newSite(s.Deps)
	if err != nil {
		t.Fatal(err)
	}
	s.claims = func(login.Claims) (carnet.Identity, error) { return pivot, nil }
	h := s.handler()
	public := []string{"GET /{$}", "GET /franceconnect", "GET " + NoticePath, "GET " + issuancePath, "POST " + loginPath, "GET /connexion/retour/fc", "POST " + logoutPath}
	if len(s.routes) < len(public)+4 {
		t.Fatalf("only %d routes", len(s.routes))
	}
	other := "017a2b3c-4d5e-7000-8000-000000000011"
	ask := func(pattern, session string) *httptest.ResponseRecorder {
		method, path, _ := strings.Cut(pattern, " ")
		form := url.Values{"person": {other}, "id": {other}, "session": {other}}
		r := httptest.NewRequest(method, "https://attestation.example"+strings.TrimSuffix(path, "{$}")+"?"+form.Encode(), strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if session == "" {
			r.Header.Set(sitetest.Anonymous, "none")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	t.Run("POL-61 insured pages need authentication and TLS, and open no other person's data", func(t *testing.T) {
		for _, pattern := range s.routes {
			if w := ask(pattern, ""); !slices.Contains(public, pattern) && (w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/?session=absente") {
				t.Errorf("%s without a session: status %d, %q", pattern, w.Code, w.Header().Get("Location"))
			}
			w := ask(pattern, "open")
			if !strings.HasPrefix(w.Header().Get("Strict-Transport-Security"), "max-age=63072000") {
				t.Errorf("%s: may be read without TLS", pattern)
			}
			for _, c := range w.Result().Cookies() {
				if !c.Secure || !c.HttpOnly || !strings.HasPrefix(c.Name, "__Host-") {
					t.Errorf("%s: cookie %s may leave without TLS", pattern, c.Name)
				}
			}
		}
		if len(f.asked) < 3 {
			t.Fatalf("only %d questions", len(f.asked))
		}
		for _, person := range f.asked {
			if person != me {
				t.Errorf("asked for %s, who is not logged in", person)
			}
		}
	})
}
