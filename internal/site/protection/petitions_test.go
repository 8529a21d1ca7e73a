package protection

import (
	"context"
	"io"
	"net/url"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate"
)

// petitioned stands for what holds the requests of rectification.
type petitioned struct {
	list     []vaccinate.Petition
	answered []vaccinate.Petition
	err      error
}

func (p *petitioned) AllAsked(_ context.Context, a protect.Actor) ([]vaccinate.Petition, error) {
	if a.Role != protect.Protection {
		return nil, carnet.E("protect", carnet.Denied, "access.denied", protect.ErrDenied)
	}
	return p.list, nil
}

func (p *petitioned) Answer(_ context.Context, _ protect.Actor, person, id carnet.ID, state vaccinate.PetitionState, words string) error {
	p.answered = append(p.answered, vaccinate.Petition{ID: id, Person: person, State: state, Answer: carnet.Hide(words)})
	return p.err
}

func TestPetitions(t *testing.T) {
	list := []vaccinate.Petition{{ID: id(60), Person: id(61), Dose: id(62), What: []vaccinate.Change{vaccinate.ChangePlace}, Words: carnet.Hide("Ce centre n'est pas le mien."), At: now, State: vaccinate.Waiting}}
	at := petitionsPath + "/" + id(61).String() + "/" + id(60).String()
	for _, s := range []struct {
		sitetest.Scenario
		before func(*fake)
		after  func(*testing.T, *fake)
	}{
		{Scenario: sitetest.Scenario{Name: "ATT-41 the requests of rectification reach the data protection officer", URL: petitionsPath, Session: true, ExpectedStatus: 200,
			ExpectedContent: []string{"Le lieu est faux", "pas le mien", "En attente", at}}},
		{Scenario: sitetest.Scenario{Name: "none", URL: petitionsPath, Session: true, ExpectedStatus: 200, ExpectedContent: []string{"Aucune demande"}}, before: func(f *fake) { f.petitions.list = nil }},
		{Scenario: sitetest.Scenario{Name: "another role sees none", URL: petitionsPath, Session: true, ExpectedStatus: 403}, before: func(f *fake) { f.role = protect.SecurityStaff }},
		{Scenario: sitetest.Scenario{Name: "answered", Method: post, URL: at, Session: true, Form: url.Values{"state": {"declined"}, "answer": {"La preuve dit autre chose."}}, ExpectedStatus: see, ExpectedLocation: petitionsPath + "?fait=1"},
			after: func(t *testing.T, f *fake) {
				if a := f.petitions.answered; len(a) != 1 || a[0].ID != id(60) || a[0].Person != id(61) || a[0].State != vaccinate.Declined || a[0].Answer.Reveal() != "La preuve dit autre chose." {
					t.Errorf("answered %+v", a)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "without words", Method: post, URL: at, Session: true, Form: url.Values{"state": {"declined"}}, ExpectedStatus: 400, ExpectedContent: []string{"Expliquez à la personne"}}, before: func(f *fake) {
			var p carnet.Problems
			p.Add("answer", "petition.answer-missing", nil)
			f.petitions.err = p
		}},
		{Scenario: sitetest.Scenario{Name: "nobody is logged in", URL: petitionsPath, ExpectedStatus: see, ExpectedLocation: "/?session=absente"}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := &fake{role: protect.Protection, petitions: petitioned{list: list}}
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
