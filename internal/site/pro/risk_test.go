package pro

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"net/url"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate/fraud"
)

// risks is the watch of the fake.
type risks struct{ *fake }

func (r risks) Gate(fraud.Who) error               { return r.gate }
func (r risks) Saw(_, person carnet.ID)            { r.seen = append(r.seen, person) }
func (r risks) Waited(_, _ carnet.ID)              {}
func (r risks) Refused(context.Context, fraud.Who) {}
func (r risks) Waits(protect.Actor) int            { return len(r.colleague) }
func (r risks) Mine(_ context.Context, a protect.Actor) ([]fraud.Finding, error) {
	return r.findings, a.May(protect.ActSettings)
}
func (r risks) Waiting(context.Context, protect.Actor) ([]fraud.Waiting, error) {
	return r.colleague, nil
}
func (r risks) Confirm(_ context.Context, _ protect.Actor, session carnet.ID) error {
	r.confirmed = append(r.confirmed, session)
	return nil
}

func finding(me carnet.ID) fraud.Finding {
	return fraud.Finding{ID: id(80), Session: me, Professional: tilleul.ID, Place: acacias.ID, At: now, Signal: fraud.SessionRate, Value: 61, Limit: 60, Points: 2, Score: 3, Step: fraud.StepUp}
}

func held(code string, args map[string]any) error {
	return &carnet.Error{Op: "fraud.Gate", Kind: carnet.Denied, Code: code, Args: args}
}

func TestHeld(t *testing.T) {
	f := newFake(t)
	_, h := start(t, f, &bytes.Buffer{})
	me, err := door{f}.Current(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	f.findings = []fraud.Finding{finding(me.ID)}
	first, save := "/personnes/"+newcomer.ID.String()+"/doses/nouvelle", "/personnes/"+newcomer.ID.String()+"/saisies/"+id(101).String()
	for _, c := range []struct {
		name, code string
		args       map[string]any
		want       []string
	}{
		{"a new authentication", fraud.CodeStepUp, nil, []string{"Confirmez votre identité", "61 saisies en une heure", `action="/connexion/nouvelle"`, `value="` + save + `/verification"`}},
		{"a second person", fraud.CodeSecond, nil, []string{"Un autre professionnel doit confirmer", "Réessayer"}},
		{"a pause", fraud.CodePause, map[string]any{"Until": now.Add(time.Hour)}, []string{"La saisie est en pause", "12:30:00"}},
		{"a stop", fraud.CodeStopped, nil, []string{"La saisie est arrêtée", "36 99"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.gate = held(c.code, c.args)
			sitetest.Scenario{URL: first, Session: true, ExpectedStatus: http.StatusForbidden, ExpectedContent: c.want[:1]}.Run(t, h)
			sitetest.Scenario{Method: http.MethodPost, URL: save + "/enregistrer", Session: true, Form: url.Values{"vaccine": {"EU/1/20/1528"}}, ExpectedStatus: http.StatusForbidden, ExpectedContent: c.want,
				NotExpectedContent: []string{"FOUGÈRE", "MYRTE"}}.Run(t, h)
			if len(f.recorded) > 0 {
				t.Fatal("it was recorded")
			}
		})
	}
	t.Run("somebody who types does not see what was found", func(t *testing.T) {
		f.gate, f.typing = held(fraud.CodeStepUp, nil), login.Delegation{ID: genet.ID, Name: genet.Name, Presence: login.Present}
		defer func() { f.typing = login.Delegation{} }()
		sitetest.Scenario{URL: first, Session: true, ExpectedStatus: http.StatusForbidden, ExpectedContent: []string{"Confirmez votre identité"}, NotExpectedContent: []string{"61"}}.Run(t, h)
		sitetest.Scenario{URL: findingsPath, Session: true, ExpectedStatus: http.StatusForbidden}.Run(t, h)
		sitetest.Scenario{URL: colleaguesPath, Session: true, ExpectedStatus: http.StatusForbidden}.Run(t, h)
		sitetest.Scenario{Method: http.MethodPost, URL: againPath, Session: true, Form: url.Values{"retour": {first}}, ExpectedStatus: http.StatusSeeOther, ExpectedLocation: waitPath}.Run(t, h)
		if len(f.called) != 1 || f.called[0].Delegate.Reveal() != "Basile Genêt" || f.called[0].ReturnTo != first {
			t.Fatalf("the telephone is asked %+v", f.called)
		}
	})
	t.Run("reading goes on", func(t *testing.T) {
		f.gate, f.seen = held(fraud.CodeStopped, nil), nil
		sitetest.Scenario{URL: "/personnes/" + fougere.ID.String(), Session: true, ExpectedStatus: http.StatusOK}.Run(t, h)
		if !slices.Contains(f.seen, fougere.ID) {
			t.Fatalf("the watch does not know that the record was read: %v", f.seen)
		}
	})
}

func TestFindings(t *testing.T) {
	f := newFake(t)
	_, h := start(t, f, &bytes.Buffer{})
	sitetest.Scenario{URL: findingsPath, Session: true, ExpectedStatus: http.StatusOK, ExpectedContent: []string{"Aucun signalement"}}.Run(t, h)
	f.findings = []fraud.Finding{finding(id(9))}
	sitetest.Scenario{URL: findingsPath, Session: true, ExpectedStatus: http.StatusOK, ExpectedContent: []string{"le seuil est 60", "Nouvelle authentification", "Vous"}}.Run(t, h)
	sitetest.Scenario{URL: settingsPath, Session: true, ExpectedStatus: http.StatusOK, ExpectedContent: []string{findingsPath}, NotExpectedContent: []string{"à confirmer"}}.Run(t, h)
	f.colleague = []fraud.Waiting{{Session: id(90), Professional: bouleau, Since: now, Findings: f.findings}}
	sitetest.Scenario{URL: colleaguesPath, Session: true, ExpectedStatus: http.StatusOK, ExpectedContent: []string{"1 session à confirmer", "Sacha Bouleau", "je confirme", "le seuil est 60"}}.Run(t, h)
	f.stale = true
	sitetest.Scenario{URL: colleaguesPath, Session: true, ExpectedStatus: http.StatusOK, ExpectedContent: []string{"authentifiez-vous"}, NotExpectedContent: []string{"je confirme"}}.Run(t, h)
	confirm := sitetest.Scenario{Method: http.MethodPost, URL: colleaguesPath, Session: true, Form: url.Values{"session": {id(90).String()}}, ExpectedStatus: http.StatusForbidden}
	confirm.Run(t, h)
	f.stale = false
	confirm.ExpectedStatus, confirm.ExpectedLocation = http.StatusSeeOther, colleaguesPath+"?fait=1"
	confirm.Run(t, h)
	if !slices.Equal(f.confirmed, []carnet.ID{id(90)}) {
		t.Fatalf("confirmed %v", f.confirmed)
	}
}
