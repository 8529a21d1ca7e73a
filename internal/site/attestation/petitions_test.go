package attestation

import (
	"bytes"
	"context"
	"net/url"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
)

// desk stands for what takes requests of rectification.
type desk struct {
	list  []vaccinate.Petition
	asked []vaccinate.Petition
	err   error
}

func (d *desk) Ask(_ context.Context, _ protect.Actor, p vaccinate.Petition) error {
	d.asked = append(d.asked, p)
	return d.err
}

func (d *desk) Petitions(context.Context, protect.Actor) ([]vaccinate.Petition, error) {
	return d.list, nil
}

func TestPetitions(t *testing.T) {
	form := url.Values{"cle": {otherSession.String()}, "dose": {session.String()}, "what-date": {"1"}, "words": {"C'était la veille."}}
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "the form", URL: petitionsPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Comirnaty, 10/05/2021", "La date est fausse", "Que faut-il corriger"}}},
		{Scenario: sitetest.Scenario{Name: "nothing to correct", URL: petitionsPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Aucune dose"}, NotExpectedContent: []string{`name="words"`}}, before: func(f *fake) { f.doses = nil }},
		{Scenario: sitetest.Scenario{Name: "what became of those before", URL: petitionsPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Rien à corriger", "La preuve dit le 10."}}, before: func(f *fake) {
			f.desk.list = []vaccinate.Petition{{ID: session, Dose: session, What: []vaccinate.Change{vaccinate.ChangeDate}, Words: carnet.Hide("C'était la veille."), At: now, State: vaccinate.Declined, Answer: carnet.Hide("La preuve dit le 10.")}}
		}},
		{Scenario: sitetest.Scenario{Name: "ATT-41 a request is sent from the attestation site", Method: "POST", URL: petitionsPath, Session: true, Form: form, ExpectedStatus: 303, ExpectedLocation: petitionsPath + "?fait=1"},
			after: func(t *testing.T, f *fake) {
				if len(f.desk.asked) != 1 || f.desk.asked[0].Dose != session || f.desk.asked[0].What[0] != vaccinate.ChangeDate || f.desk.asked[0].Words.Reveal() != "C'était la veille." {
					t.Errorf("asked %+v", f.desk.asked)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "no dose is named", Method: "POST", URL: petitionsPath, Session: true, Form: url.Values{"cle": {otherSession.String()}}, ExpectedStatus: 400, ExpectedContent: []string{"Choisissez la dose"}}},
		{Scenario: sitetest.Scenario{Name: "one waits already", Method: "POST", URL: petitionsPath, Session: true, Form: form, ExpectedStatus: 409, ExpectedContent: []string{"attend déjà une réponse"}},
			before: func(f *fake) { f.desk.err = carnet.E("x", carnet.Conflict, "petition.waiting", nil) }},
		{Scenario: sitetest.Scenario{Name: "without words", Method: "POST", URL: petitionsPath, Session: true, Form: form, ExpectedStatus: 400, ExpectedContent: []string{"Expliquez en quelques mots", "Cochez au moins"}},
			before: func(f *fake) {
				var p carnet.Problems
				p.Add("words", "petition.words-missing", nil)
				p.Add("what", "petition.what-missing", nil)
				f.desk.err = p
			}},
		{Scenario: sitetest.Scenario{Name: "without a key", Method: "POST", URL: petitionsPath, Session: true, Form: url.Values{}, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "nobody is logged in", URL: petitionsPath, ExpectedStatus: 303, ExpectedLocation: "/?session=absente"}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(1)
			if len(f.doses) > 0 {
				f.doses[0].ID = session
			}
			if s.before != nil {
				s.before(f)
			}
			_, h := start(t, f, &bytes.Buffer{})
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f)
			}
		})
	}
}
