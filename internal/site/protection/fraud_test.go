package protection

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
)

// watch is the watch of the fake.
type watch struct{ *fake }

func suspect() []fraud.Finding {
	return []fraud.Finding{
		{ID: id(51), Session: id(60), Professional: id(61), Place: "990000011", At: now, Signal: fraud.CertificateRush, Value: 12, Limit: 10, Points: 3, Score: 5, Step: fraud.StepUp, Policy: carnet.Date{Year: 2021, Month: 1, Day: 1}},
		{ID: id(50), Session: id(60), Professional: id(61), Place: "990000011", At: now.Add(-time.Minute), Signal: fraud.SessionRate, Value: 60, Limit: 60, Points: 2, Score: 2, Step: fraud.Note,
			Reviews: []fraud.Answer{{Verdict: fraud.Doubt, At: now, Reason: carnet.Hide("à rappeler")}}},
	}
}

func (w watch) staff(a protect.Actor) error {
	if a.Role != protect.SecurityStaff {
		return carnet.E("protect", carnet.Denied, "access.denied", protect.ErrDenied)
	}
	return nil
}

func (w watch) List(_ context.Context, a protect.Actor, _ fraud.Query) ([]fraud.Finding, error) {
	return w.cases, w.staff(a)
}

func (w watch) Case(_ context.Context, a protect.Actor, session carnet.ID) (fraud.Case, error) {
	if session != id(60) || len(w.cases) == 0 {
		return fraud.Case{}, carnet.E("fraud", carnet.NotFound, fraud.CodeUnknown, nil)
	}
	return fraud.Case{Session: session, Findings: w.cases, Score: 5, Professional: carnet.Professional{FamilyName: carnet.Hide("Bouleau"), GivenName: carnet.Hide("Sacha")},
		Place: carnet.Place{Name: "Centre des Tilleuls", Commune: "Valombre"}, Entries: []fraud.Entry{{Stands: true}, {}},
		Answers: []fraud.Answer{{Kind: fraud.Stopped, At: now, Reason: carnet.Hide("ne reconnaît pas la session"), By: me}, {Kind: fraud.Confirmed, At: now}}}, w.staff(a)
}

func (w watch) note(format string, a ...any) { w.acts = append(w.acts, fmt.Sprintf(format, a...)) }

func (w watch) why(reason string) error {
	if reason == "" {
		return carnet.Problems{{Op: "input", Kind: carnet.Invalid, Code: "dose.reason-missing", Field: "reason"}}
	}
	return nil
}

func (w watch) Review(_ context.Context, _ protect.Actor, f carnet.ID, v fraud.Verdict, reason string) error {
	w.note("review %s %s %s", f, v, reason)
	return w.why(reason)
}

func (w watch) Lift(_ context.Context, _ protect.Actor, _ carnet.ID, reason string) error {
	w.note("lift %s", reason)
	return w.why(reason)
}

func (w watch) Stop(_ context.Context, _ protect.Actor, _ carnet.ID, all bool, reason string) (int, error) {
	w.note("stop %v %s", all, reason)
	return 1, w.why(reason)
}

func (w watch) Plan(_ context.Context, _ protect.Actor, s fraud.Scope, _ fraud.Certificates) (fraud.Order, error) {
	return fraud.Order{Scope: s, Doses: make([]fraud.Entry, 178), People: 177, Certificates: 160, Before: 2, Gone: 1}, nil
}

func (w watch) Revoke(_ context.Context, _ protect.Actor, s fraud.Scope, _ fraud.Certificates, reason string) (fraud.Order, error) {
	w.note("revoke %s %s", s.Session, reason)
	return fraud.Order{}, w.why(reason)
}

func (w watch) Release(_ context.Context, _ protect.Actor, s fraud.Scope, reason string) (int, error) {
	w.note("release %s %s", s.Session, reason)
	return 1, w.why(reason)
}

func (f *fake) Stating(context.Context, protect.Actor, carnet.ID, []carnet.ID) (int, error) {
	return 0, nil
}

func TestFraudPages(t *testing.T) {
	at := casePath(id(60))
	done := at + "?fait=1"
	why := "centre appelé"
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, s := range []struct {
		sitetest.Scenario
		role protect.Role
		acts []string
	}{
		{Scenario: sitetest.Scenario{Name: "the list, each session once, without a name", URL: findingsPath, ExpectedStatus: 200, ExpectedContent: []string{"12 attestations obtenues", "1 à examiner", at, `aria-current="page"`},
			NotExpectedContent: []string{"Bouleau", "60 saisies"}}},
		{Scenario: sitetest.Scenario{Name: "a session explained", URL: at, ExpectedStatus: 200, ExpectedContent: []string{"Sacha Bouleau", "Centre des Tilleuls", "60 saisies en une heure", "le seuil est 10", "3 points", "à rappeler", "Doute", "2 doses", "ne reconnaît pas"}}},
		{Scenario: sitetest.Scenario{Name: "a session without finding", URL: casePath(id(9)), ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "no session", URL: findingsPath + "/x", ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "a verdict", Method: post, URL: at + reviewPart, Form: form("finding", id(51).String(), "verdict", "genuine", "reason", why), ExpectedStatus: see, ExpectedLocation: done},
			acts: []string{"review " + id(51).String() + " genuine " + why}},
		{Scenario: sitetest.Scenario{Name: "a verdict on nothing", Method: post, URL: at + reviewPart, Form: form("verdict", "genuine", "reason", why), ExpectedStatus: 400, ExpectedContent: []string{"Choisissez un signalement", why}}},
		{Scenario: sitetest.Scenario{Name: "a verdict without words", Method: post, URL: at + reviewPart, Form: form("finding", id(51).String(), "verdict", "doubt"), ExpectedStatus: 400, ExpectedContent: []string{"Dites pourquoi"}},
			acts: []string{"review " + id(51).String() + " doubt "}},
		{Scenario: sitetest.Scenario{Name: "what can be done", URL: at + actPart, ExpectedStatus: 200, ExpectedContent: []string{"Arrêter cette session", "Débloquer"}}},
		{Scenario: sitetest.Scenario{Name: "a stop", Method: post, URL: at + actPart, Form: form("act", "stop", "reason", why), ExpectedStatus: see, ExpectedLocation: done}, acts: []string{"stop false " + why}},
		{Scenario: sitetest.Scenario{Name: "a stop of all", Method: post, URL: at + actPart, Form: form("act", "stop-all", "reason", why), ExpectedStatus: see, ExpectedLocation: done}, acts: []string{"stop true " + why}},
		{Scenario: sitetest.Scenario{Name: "a stop without words", Method: post, URL: at + actPart, Form: form("act", "stop"), ExpectedStatus: 400, ExpectedContent: []string{"Dites pourquoi"}}, acts: []string{"stop false "}},
		{Scenario: sitetest.Scenario{Name: "let go on", Method: post, URL: at + actPart, Form: form("act", "lift", "reason", why), ExpectedStatus: see, ExpectedLocation: done}, acts: []string{"lift " + why}},
		{Scenario: sitetest.Scenario{Name: "an order is shown first", URL: at + orderPart, ExpectedStatus: 200, ExpectedContent: []string{"178 doses", "177 personnes", "160 attestations", "Révoquer maintenant", "Libérer"}}},
		{Scenario: sitetest.Scenario{Name: "and carried out in one action", Method: post, URL: at + orderPart, Form: form("act", "revoke", "reason", why), ExpectedStatus: see, ExpectedLocation: done},
			acts: []string{"revoke " + id(60).String() + " " + why, "follow"}},
		{Scenario: sitetest.Scenario{Name: "not without words", Method: post, URL: at + orderPart, Form: form("act", "revoke"), ExpectedStatus: 400, ExpectedContent: []string{"Dites pourquoi"}},
			acts: []string{"revoke " + id(60).String() + " "}},
		{Scenario: sitetest.Scenario{Name: "doses are released", Method: post, URL: at + orderPart, Form: form("act", "release", "reason", why), ExpectedStatus: see, ExpectedLocation: done},
			acts: []string{"release " + id(60).String() + " " + why}},
		{Scenario: sitetest.Scenario{Name: "it is not for support", URL: findingsPath, ExpectedStatus: 403}, role: protect.Support},
		{Scenario: sitetest.Scenario{Name: "nor a session", URL: at, ExpectedStatus: 403, NotExpectedContent: []string{"Bouleau"}}, role: protect.Protection},
		{Scenario: sitetest.Scenario{Name: "nor an act", Method: post, URL: at + actPart, Form: form("act", "stop", "reason", why), ExpectedStatus: 403}, role: protect.Support},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := &fake{role: protect.SecurityStaff, cases: suspect()}
			if s.role != "" {
				f.role = s.role
			}
			var out bytes.Buffer
			_, h := start(t, f, &out)
			s.Session = true
			s.Run(t, h)
			if !slices.Equal(f.acts, s.acts) && !slices.Equal(f.acts, append(s.acts, s.acts...)) { // an answered form is sent in both languages
				t.Errorf("done: %q", f.acts)
			}
			if strings.Contains(out.String(), "Bouleau") || strings.Contains(out.String(), why) {
				t.Errorf("the log holds too much: %s", &out)
			}
		})
	}
}

// Every signal, step, verdict and answer has words.
func TestFraudWords(t *testing.T) {
	s, _ := start(t, &fake{}, io.Discard)
	for _, lang := range ui.Languages {
		text := s.ui.In(lang)
		var keys []string
		for _, x := range fraud.Signals {
			keys = append(keys, "signal."+string(x))
		}
		for _, x := range fraud.Steps[1:] {
			keys = append(keys, "step."+string(x))
		}
		for _, x := range fraud.Verdicts {
			keys = append(keys, "verdict."+string(x), "verdict-words."+string(x))
		}
		for _, x := range []fraud.AnswerKind{fraud.Confirmed, fraud.Lifted, fraud.Stopped, fraud.Revoked, fraud.Released} {
			keys = append(keys, "answer."+string(x), "answer-program."+string(x))
		}
		for _, key := range keys {
			if !text.Has(key) {
				t.Errorf("%s: no words for %s", lang, key)
			}
		}
	}
}
