package pro

import (
	"io"
	"net/url"
	"slices"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
)

// TestCorrections goes through the pages that put entries right.
func TestCorrections(t *testing.T) {
	key := id(104).String()
	typed := func(what string, form ...string) sitetest.Scenario {
		f := url.Values{"version": {"1"}, "reason": {"relu sur la boîte"}}
		for i := 0; i < len(form); i += 2 {
			f.Set(form[i], form[i+1])
		}
		return sitetest.Scenario{Name: what, Method: post, URL: dose + "/rectifications/" + what + "/" + key, Session: true, Form: f, ExpectedStatus: ok}
	}
	with := func(s sitetest.Scenario, status int, content ...string) sitetest.Scenario {
		s.ExpectedStatus, s.ExpectedContent = status, content
		return s
	}
	lot := typed("lot", "lot", "ex4822", "expiry-day", "31", "expiry-month", "12", "expiry-year", "2021")
	confirmed := typed("lot", "lot", "ex4822", "confirm", "1")
	confirmed.Name, confirmed.ExpectedStatus, confirmed.ExpectedLocation = "confirmed", see, dose+"?fait=correction"
	suspect := func(f *fake) { f.doses[0].Suspected = true; f.records.suspects = f.doses[:1] }
	petition := vaccinate.Petition{ID: id(90), Person: fougere.ID, Dose: id(50), What: []vaccinate.Change{vaccinate.ChangeDate}, Words: carnet.Hide("C’était le 9 mai."), At: now, State: vaccinate.Waiting}
	asked := func(f *fake) { f.records.petitions = []vaccinate.Petition{petition} }
	delegate := func(f *fake) { f.typing.ID = genet.ID }
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "the dose page tells the history of the entry", URL: dose, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Historique de cette saisie", "Enregistrée", "Moi, par une personne autorisée", "Corrigée : Endroit : Bras droit → Bras gauche", "bras relu", "Sacha Bouleau", "Déplacer vers une autre personne", "Signaler cette saisie comme fausse"}}},
		{Scenario: sitetest.Scenario{Name: "a delegate corrects nothing", URL: dose, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"lui seul peut corriger"}, NotExpectedContent: []string{"/corriger", "/signaler"}}, before: delegate},
		{Scenario: sitetest.Scenario{Name: "what is wrong is asked first", URL: dose + "/corriger", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Qu'est-ce qui est faux", "Le lot ou la péremption", dose + "/corriger/date", "Plusieurs réponses à la fois"}, NotExpectedContent: []string{"/corriger/evidence"}}},
		{Scenario: sitetest.Scenario{Name: "of a dose of elsewhere, other things", URL: dose + "/corriger", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"La preuve"}, NotExpectedContent: []string{"/corriger/site", "/corriger/tout"}},
			before: func(f *fake) { f.doses[0].Evidence = carnet.Proven }},
		{Scenario: sitetest.Scenario{Name: "a correction gets its key", URL: dose + "/corriger/lot", Session: true, ExpectedStatus: see, ExpectedLocation: dose + "/rectifications/lot/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "the whole form too", URL: dose + "/corriger/tout", Session: true, ExpectedStatus: see, ExpectedLocation: dose + "/corrections/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "nothing else is a correction", URL: dose + "/corriger/nom", Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "the form of a lot", URL: dose + "/rectifications/lot/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{`value="EX4821"`, "Motif de la correction", "Demi-dose"}, NotExpectedContent: []string{`name="injector"`}}},
		{Scenario: sitetest.Scenario{Name: "of a date", URL: dose + "/rectifications/date/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{`name="date-day"`, `value="2021"`}}},
		{Scenario: sitetest.Scenario{Name: "of people", URL: dose + "/rectifications/people/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Sacha Bouleau", "Camille Tilleul"}}},
		{Scenario: sitetest.Scenario{Name: "of a place", URL: dose + "/rectifications/place/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Gymnase de la Mairie"}}},
		{Scenario: sitetest.Scenario{Name: "of a vaccine", URL: dose + "/rectifications/vaccine/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Spikevax"}}},
		{Scenario: sitetest.Scenario{Name: "of a rank", URL: dose + "/rectifications/rank/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{`name="rank"`}}},
		{Scenario: sitetest.Scenario{Name: "of the consent", URL: dose + "/rectifications/consent/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Un parent"}}},
		{Scenario: with(typed("lot", "reason", ""), bad, "ce motif reste dans le dossier")},
		{Scenario: with(lot, ok, "Vérifiez la correction", "Endroit : Bras droit → Bras gauche", "2 attestations", "prévenue", `name="lot" value="ex4822"`, `name="expiry-year" value="2021"`)},
		{Scenario: with(typed("lot", "lot", "é"), bad, "EX", "lot")},
		{Scenario: with(typed("lot", "lot", "X9", "edit", "1"), ok, `value="X9"`)},
		{Scenario: with(typed("date", "date-day", "32", "date-month", "1", "date-year", "2021"), bad, "date")},
		{Scenario: with(typed("rank", "rank", "x", "expected", "2"), bad, "de 1 à 9")},
		{Scenario: with(typed("site", "site", "left-arm"), bad, "Cette correction ne change rien"), before: func(f *fake) {
			f.records.refused = carnet.E("vaccinate", carnet.Invalid, "dose.no-change", nil)
		}},
		{Scenario: confirmed, after: func(t *testing.T, f *fake) {
			if len(f.recorded) != 1 || f.recorded[0].Lot.Reveal() != "EX4822" || f.recorded[0].BodySite != carnet.LeftArm || f.recorded[0].Injector != bouleau.ID || f.recorded[0].Responsible != tilleul.ID || !slices.Equal(f.reasons, []string{"relu sur la boîte"}) {
				t.Errorf("%+v, %v", f.recorded, f.reasons)
			}
		}},
		{Scenario: sitetest.Scenario{Name: "cancelling tells what follows", URL: dose + "/annulations/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Ce qui va suivre", "2 attestations délivrées", "Enregistrée deux fois"}}},
		{Scenario: sitetest.Scenario{Name: "moving gets its key", URL: dose + "/deplacer", Session: true, ExpectedStatus: see, ExpectedLocation: dose + "/deplacements/" + firstKey.String()}},
		{Scenario: sitetest.Scenario{Name: "moving asks to whom", URL: dose + "/deplacements/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Numéro de sécurité sociale de la bonne personne"}}},
		{Scenario: sitetest.Scenario{Name: "not to nobody", Method: post, URL: dose + "/deplacements/" + key, Session: true, Form: url.Values{"nir": {""}}, ExpectedStatus: bad}},
		{Scenario: sitetest.Scenario{Name: "not to the same person", Method: post, URL: dose + "/deplacements/" + key, Session: true, Form: url.Values{"nir": {mustNIR(t, "2620599999001").Reveal()}}, ExpectedStatus: bad, ExpectedContent: []string{"Choisissez une autre personne"}}},
		{Scenario: sitetest.Scenario{Name: "but to somebody who is shown first", Method: post, URL: dose + "/deplacements/" + key, Session: true, Form: url.Values{"nir": {mustNIR(t, "1900199999001").Reveal()}}, ExpectedStatus: ok,
			ExpectedContent: []string{"Vers le dossier de", "MYRTE", `name="to" value="` + newcomer.ID.String()}}, before: func(f *fake) { f.people[1].Identity.NIR = mustNIR(t, "1900199999001") },
			after: func(t *testing.T, f *fake) {
				if f.records.met[newcomer.ID] != vaccinate.ByNumber || len(f.records.moved) != 0 {
					t.Errorf("met %v, moved %v", f.records.met, f.records.moved)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "and moved", Method: post, URL: dose + "/deplacements/" + key, Session: true, Form: url.Values{"to": {newcomer.ID.String()}, "words": {"homonyme"}}, ExpectedStatus: see,
			ExpectedLocation: "/personnes/" + newcomer.ID.String() + "/doses/" + id(70).String() + "?fait=deplacement"}, after: func(t *testing.T, f *fake) {
			if len(f.records.moved) != 1 || f.records.moved[0].To != newcomer.ID || f.records.moved[0].Dose != id(50) || f.records.moved[0].Reason != "homonyme" {
				t.Errorf("moved %+v", f.records.moved)
			}
		}},
		{Scenario: sitetest.Scenario{Name: "a false entry is reported with the others of the person", URL: dose + "/signalements/" + key, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"L'annulation est définitive", `name="dose-` + id(50).String(), "checked", "Comirnaty (Pfizer/BioNTech), 10/05/2021"}}},
		{Scenario: sitetest.Scenario{Name: "reported", Method: post, URL: dose + "/signalements/" + key, Session: true, Form: url.Values{"dose-" + id(50).String(): {"1"}, "words": {"aucun passage"}}, ExpectedStatus: see, ExpectedLocation: dose + "?fait=signalement"},
			after: func(t *testing.T, f *fake) {
				if s := f.records.suspected; len(s) != 1 || !slices.Equal(s[0].Doses, []carnet.ID{id(50)}) || s[0].Reason != "aucun passage" {
					t.Errorf("suspected %+v", s)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the queue is empty", URL: "/demandes", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Rien à traiter"}}},
		{Scenario: sitetest.Scenario{Name: "the queue shows what is reported", URL: "/demandes", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Annuler définitivement", "Comirnaty"}}, before: suspect},
		{Scenario: sitetest.Scenario{Name: "a second person annuls", Method: post, URL: "/demandes/" + fougere.ID.String() + "/faux/" + id(50).String() + "/" + key, Session: true, Form: url.Values{"do": {"annul"}, "words": {"vérifié"}}, ExpectedStatus: see, ExpectedLocation: "/demandes?fait=1"},
			before: suspect, after: func(t *testing.T, f *fake) {
				if len(f.records.confirmed) != 1 || f.records.confirmed[0].Reason != "vérifié" || len(f.records.cleared) != 0 {
					t.Errorf("%+v", f.records)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "or lifts the report", Method: post, URL: "/demandes/" + fougere.ID.String() + "/faux/" + id(50).String() + "/" + key, Session: true, Form: url.Values{"do": {"clear"}, "words": {"vérifié"}}, ExpectedStatus: see, ExpectedLocation: "/demandes?fait=1"},
			after: func(t *testing.T, f *fake) {
				if len(f.records.cleared) != 1 {
					t.Errorf("%+v", f.records)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "ATT-41 a request of rectification is in the queue of the professional", URL: "/demandes", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"La date est fausse", "le 9 mai", dose}, NotExpectedContent: []string{"FOUGÈRE"}}, before: asked},
		{Scenario: sitetest.Scenario{Name: "and is answered there", Method: post, URL: "/demandes/" + fougere.ID.String() + "/" + id(90).String(), Session: true, Form: url.Values{"state": {"accepted"}, "answer": {"Date corrigée."}}, ExpectedStatus: see, ExpectedLocation: "/demandes?fait=1"},
			before: asked, after: func(t *testing.T, f *fake) {
				if a := f.records.answered; len(a) != 1 || a[0].State != vaccinate.Accepted || a[0].Answer.Reveal() != "Date corrigée." || a[0].Person != fougere.ID {
					t.Errorf("answered %+v", a)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "POL-49 somebody else’s patient is not shown", URL: person, Session: true, ExpectedStatus: see, ExpectedLocation: person + "/acces", NotExpectedContent: secrets}, before: stranger},
		{Scenario: sitetest.Scenario{Name: "nor one of their doses", URL: dose, Session: true, ExpectedStatus: see, ExpectedLocation: person + "/acces", NotExpectedContent: secrets}, before: stranger},
		{Scenario: sitetest.Scenario{Name: "the closed record says what to do", URL: person + "/acces", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Retrouver la personne", "Pourquoi ouvrir ce dossier"}, NotExpectedContent: secrets}, before: stranger},
		{Scenario: sitetest.Scenario{Name: "it opens with a motive only", Method: post, URL: person + "/acces", Session: true, Form: url.Values{"motive": {""}}, ExpectedStatus: bad, ExpectedContent: []string{"Expliquez pourquoi"}, NotExpectedContent: secrets}, before: stranger},
		{Scenario: sitetest.Scenario{Name: "with a motive", Method: post, URL: person + "/acces", Session: true, Form: url.Values{"motive": {"urgence"}}, ExpectedStatus: see, ExpectedLocation: person}, before: stranger},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			if s.before != nil {
				s.before(f)
			}
			_, h := start(t, f, io.Discard)
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
		})
	}
}

func stranger(f *fake) { f.records.link = vaccinate.NoLink }

// TestSearchMeets : who is found by something that they brought along is met.
func TestSearchMeets(t *testing.T) {
	f := newFake(t)
	m := meeting{f, f}
	if _, err := m.ByNIR(t.Context(), protect.Actor{}, f.people[0].Identity.NIR); err != nil || f.records.met[fougere.ID] != vaccinate.ByNumber {
		t.Errorf("met %v, %v", f.records.met, err)
	}
}
