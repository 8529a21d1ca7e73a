package storetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/hours"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/stock"
)

// ended notes the sessions that the watch ends.
type ended struct{ sessions []carnet.ID }

func (e *ended) End(_ context.Context, _, session carnet.ID) (int, error) {
	e.sessions = append(e.sessions, session)
	return 1, nil
}

// watched is a watch over the entries of the world's vaccinate service, with limits that few doses reach.
func (w *world) watched(t testing.TB, e *ended, log *bytes.Buffer) (*fraud.Watch, *vaccinate.Service) {
	t.Helper()
	p := fraud.Default(hours.Usual())
	p.Rules = map[fraud.Signal]fraud.Rule{fraud.SessionRate: {Limit: 2, Points: 3}, fraud.NewPlace: {Limit: 3, Points: 1}, fraud.LotOverdrawn: {Limit: 150, Points: 5}}
	p.Scores = fraud.Scores{StepUp: 3, Second: 6, Pause: 9, Stop: 12}
	watch, err := fraud.NewWatch(w.Backend.Fraud, w.guard, w.ids, fraud.Policies{p}, e, slog.New(slog.NewTextHandler(log, nil)))
	must(t, err)
	must(t, watch.Start(t.Context()))
	return watch, w.vaccinateOver(watch.Hear(w.Backend.Vaccinate))
}

// crowd enrols people.
func (w *world) crowd(t testing.TB, n int) (list []carnet.ID) {
	t.Helper()
	for i := range n {
		id, err := w.people.Enrol(t.Context(), system, identity("AUBÉPINE", "", "1990-01-01", carnet.Male, number(t, fmt.Sprintf("19001009990%02d", i)), "Noé"))
		must(t, err)
		list = append(list, id)
	}
	return list
}

// enter records one dose of the centre for a person in a session.
func (w *world) enter(t testing.TB, s *vaccinate.Service, actor protect.Actor, person carnet.ID) carnet.Dose {
	t.Helper()
	c := w.command(t, "2026-11-20")
	c.Person = person
	must(t, w.vaccinate.Meet(t.Context(), actor, c.Person, vaccinate.ByNumber))
	d, err := s.Record(t.Context(), actor, c)
	must(t, err)
	return d
}

func codes(list []fraud.Finding) (out []string) {
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s %d/%d %d %s", f.Signal, f.Value, f.Limit, f.Score, f.Step))
	}
	return out
}

func testWatch(t *testing.T, w *world) {
	ctx := t.Context()
	var log bytes.Buffer
	e := &ended{}
	watch, s := w.watched(t, e, &log)
	people := w.crowd(t, 9)
	actor := w.nurse
	actor.Session = next(t, w)
	who := fraud.Who{Session: actor.Session, Professional: actor.ID, Place: centre.ID, Opened: w.now(), AuthTime: w.now()}
	gate := func(want string) {
		t.Helper()
		if err := watch.Gate(who); err == nil != (want == "") || want != "" && carnet.CodeOf(err) != want {
			t.Fatalf("the gate says %v, want %q", err, want)
		}
	}
	w.enter(t, s, actor, people[0])
	gate("")
	w.enter(t, s, actor, people[1])
	gate(fraud.CodeStepUp)
	who.AuthTime = w.now()
	gate("")
	w.enter(t, s, actor, people[2]) // the first day of the nurse at the place: a point more, the same step
	gate("")
	w.enter(t, s, actor, people[3]) // twice the rate
	gate(fraud.CodeSecond)

	own, err := watch.Mine(ctx, w.nurse)
	must(t, err)
	want := []string{"session-rate 4/2 7 second", "new-place 3/3 4 step-up", "session-rate 2/2 3 step-up"}
	if got := codes(own); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if list, err := watch.Mine(ctx, w.doctor); err != nil || len(list) != 0 {
		t.Errorf("another professional sees %d findings, %v", len(list), err)
	}
	clerk := w.nurse
	clerk.Delegate = next(t, w)
	if _, err := watch.Mine(ctx, clerk); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a delegate sees them: %v", err)
	}

	// A second person of the place, not the first one, not somebody who types.
	if err := watch.Confirm(ctx, w.nurse, actor.Session); carnet.CodeOf(err) != fraud.CodeSelf {
		t.Errorf("the professional confirms alone: %v", err)
	}
	far := w.doctor
	far.Organisation = "990000099"
	if err := watch.Confirm(ctx, far, actor.Session); carnet.CodeOf(err) != fraud.CodePlace {
		t.Errorf("somebody of another place confirms: %v", err)
	}
	waiting, err := watch.Waiting(ctx, w.doctor)
	must(t, err)
	if len(waiting) != 1 || waiting[0].Session != actor.Session || waiting[0].Professional.FamilyName.Reveal() != "AUBÉPINE" || len(waiting[0].Findings) != 3 {
		t.Fatalf("waiting: %+v", waiting)
	}
	must(t, watch.Confirm(ctx, w.doctor, actor.Session))
	gate("")
	if list, err := watch.Waiting(ctx, w.doctor); err != nil || len(list) != 0 {
		t.Errorf("still waiting: %v, %v", list, err)
	}

	// A watch that is started again has not forgotten anything, nor found anything twice.
	lines := w.Count(t, "fraud_finding")
	again, _ := w.watched(t, e, &log)
	watch = again
	gate("")
	who.AuthTime = who.AuthTime.Add(-time.Minute)
	gate(fraud.CodeStepUp)
	who.AuthTime = w.now()
	if n := w.Count(t, "fraud_finding"); n != lines {
		t.Errorf("%d findings became %d", lines, n)
	}
	s = w.vaccinateOver(watch.Hear(w.Backend.Vaccinate))

	// Eight times the rate is beyond the last step: the session ends.
	for _, p := range people[4:8] {
		w.enter(t, s, actor, p)
	}
	gate(fraud.CodePause)
	staff := protect.Actor{ID: next(t, w), Role: protect.SecurityStaff, Organisation: "990000001", Session: next(t, w)}
	c, err := watch.Case(ctx, staff, actor.Session)
	must(t, err)
	if c.Score != 11 || len(c.Entries) != 8 || c.Professional.FamilyName.Reveal() != "AUBÉPINE" || c.Blocked || c.Place != centre {
		t.Errorf("the case: score %d, %d entries, blocked %v", c.Score, len(c.Entries), c.Blocked)
	}
	must(t, watch.Lift(ctx, staff, actor.Session, "appelé au centre, séance exceptionnelle"))
	gate("")
	if _, err := watch.Stop(ctx, staff, actor.Session, false, ""); carnet.CodeOf(err) != "input" && carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("a stop without words: %v", err)
	}
	_, err = watch.Stop(ctx, staff, actor.Session, false, "le professionnel ne reconnaît pas la session")
	must(t, err)
	gate(fraud.CodeStopped)
	if !slices.Equal(e.sessions, []carnet.ID{actor.Session}) {
		t.Errorf("ended: %v", e.sessions)
	}
	other := who
	other.Session = next(t, w)
	if err := watch.Gate(other); carnet.CodeOf(err) != fraud.CodeStopped {
		t.Errorf("another session of who was stopped goes on: %v", err)
	}
	if _, err := watch.Case(ctx, w.nurse, actor.Session); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a professional opens a case: %v", err)
	}
	if _, err := watch.Case(ctx, staff, other.Session); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("a session nothing was found about: %v", err)
	}
	if bytes.Contains(log.Bytes(), []byte("AUB")) {
		t.Error("a name is in the log")
	}
}

func testWatchReview(t *testing.T, w *world) {
	ctx := t.Context()
	watch, s := w.watched(t, &ended{}, &bytes.Buffer{})
	people := w.crowd(t, 2)
	actor := w.nurse
	actor.Session = next(t, w)
	for _, p := range people {
		w.enter(t, s, actor, p)
	}
	who := fraud.Who{Session: actor.Session, Professional: actor.ID, Place: centre.ID, AuthTime: w.now().Add(-time.Hour)}
	if carnet.CodeOf(watch.Gate(who)) != fraud.CodeStepUp {
		t.Fatal("nothing is asked")
	}
	staff := protect.Actor{ID: next(t, w), Role: protect.SecurityStaff}
	list, err := watch.List(ctx, staff, fraud.Query{})
	must(t, err)
	if len(list) != 1 || list[0].Verdict() != fraud.Open {
		t.Fatalf("%+v", list)
	}
	if err := watch.Review(ctx, staff, list[0].ID, "", "x"); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("no verdict: %v", err)
	}
	if err := watch.Review(ctx, w.nurse, list[0].ID, fraud.Genuine, "moi"); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a professional reviews: %v", err)
	}
	must(t, watch.Review(ctx, staff, list[0].ID, fraud.Doubt, "à rappeler"))
	if carnet.CodeOf(watch.Gate(who)) != fraud.CodeStepUp {
		t.Error("a doubt lets it go")
	}
	must(t, watch.Review(ctx, staff, list[0].ID, fraud.Genuine, "centre appelé"))
	must(t, watch.Gate(who))
	list, err = watch.List(ctx, staff, fraud.Query{Session: actor.Session})
	must(t, err)
	if len(list) != 1 || list[0].Verdict() != fraud.Genuine || len(list[0].Reviews) != 2 || list[0].Reviews[1].Reason.Reveal() != "centre appelé" || list[0].Reviews[1].By != staff.ID {
		t.Fatalf("%+v", list)
	}
	// What another program decided is known after a look.
	elsewhere, _ := w.watched(t, &ended{}, &bytes.Buffer{})
	must(t, elsewhere.Gate(who))
	_, err = watch.Stop(ctx, staff, actor.Session, true, "tous")
	must(t, err)
	must(t, elsewhere.Gate(who))
	must(t, elsewhere.Refresh(ctx))
	if carnet.CodeOf(elsewhere.Gate(who)) != fraud.CodeStopped {
		t.Error("a stop of another program is not heard of")
	}
}

func testWatchLots(t *testing.T, w *world) {
	watch, s := w.watched(t, &ended{}, &bytes.Buffer{})
	w.deliver(t, "FG4509", func(d *stock.Delivery) { d.Received = 4 })
	actor := w.nurse
	for i, p := range w.crowd(t, 6) {
		actor.Session = next(t, w)
		w.enter(t, s, actor, p)
		err := watch.Gate(fraud.Who{Session: actor.Session, Professional: actor.ID, Place: centre.ID})
		if (err != nil) != (i == 5) {
			t.Fatalf("dose %d of a lot of four: %v", i+1, err)
		}
	}
	list, err := watch.List(t.Context(), system, fraud.Query{})
	must(t, err)
	if got := codes(list); !slices.Equal(got, []string{"lot-overdrawn 150/150 5 step-up"}) {
		t.Errorf("%q", got)
	}
}

func testWatchRevoke(t *testing.T, w *world) {
	ctx := t.Context()
	watch, s := w.watched(t, &ended{}, &bytes.Buffer{})
	people := w.crowd(t, 2)
	actor := w.nurse
	actor.Session = next(t, w)
	w.enter(t, s, actor, w.fern)
	for _, p := range people {
		w.enter(t, s, actor, p)
	}
	gone := w.enter(t, s, actor, people[0])
	must(t, s.Cancel(ctx, w.nurse, vaccinate.Cancellation{Key: next(t, w), Person: people[0], Dose: gone.ID, Cause: vaccinate.Twice, Reason: "deux fois"}))
	c := w.certify(t, w.signer)
	w.attestation(t, c)
	w.european(t, c)
	staff := protect.Actor{ID: next(t, w), Role: protect.SecurityStaff}
	scope := fraud.Scope{Session: actor.Session}
	events := w.Count(t, "dose_event")

	plan, err := watch.Plan(ctx, staff, scope, c)
	must(t, err)
	if len(plan.Doses) != 3 || plan.People != 3 || plan.Certificates != 2 || plan.Gone != 1 || plan.Before != 0 || plan.Professional != w.nurse.ID {
		t.Fatalf("%+v", plan)
	}
	if w.Count(t, "dose_event") != events || w.followed(t, c) != 0 {
		t.Fatal("a plan changes something")
	}
	if _, err := watch.Plan(ctx, staff, fraud.Scope{}, c); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("no scope: %v", err)
	}
	if _, err := watch.Plan(ctx, w.nurse, scope, c); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a professional plans: %v", err)
	}
	if _, err := watch.Revoke(ctx, staff, scope, c, " "); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("no reason: %v", err)
	}
	_, err = watch.Revoke(ctx, staff, scope, c, "session usurpée, voir le signalement")
	must(t, err)
	if n := w.followed(t, c); n != 2 {
		t.Errorf("%d documents are revoked, of two", n)
	}
	self := protect.Actor{ID: w.fern, Role: protect.Insured}
	if _, err := c.Attestation(ctx, self, w.fern); carnet.CodeOf(err) != "certificate.no-dose" {
		t.Errorf("an attestation of a suspended dose: %v", err)
	}
	notices, err := w.people.Notices(ctx, self)
	must(t, err)
	if len(notices) != 1 || notices[0].Kind != "dose.suspended" {
		t.Errorf("told: %+v", notices)
	}
	again, err := watch.Revoke(ctx, staff, scope, c, "encore")
	must(t, err)
	if len(again.Doses) != 0 || again.Before != 3 {
		t.Errorf("again: %+v", again)
	}
	if n := w.Count(t, "dose_event"); n != events+3 {
		t.Errorf("%d events were added", n-events)
	}
	doses, err := s.History(ctx, w.nurse, w.fern)
	must(t, err)
	if len(doses) != 1 || !doses[0].Suspended {
		t.Errorf("%+v", doses)
	}
	// An account and a period say the same doses.
	account, err := watch.Plan(ctx, system, fraud.Scope{Professional: w.nurse.ID, From: w.now().Add(-time.Hour), To: w.now().Add(time.Hour)}, c)
	must(t, err)
	if account.Before != 3 || account.Gone != 1 {
		t.Errorf("%+v", account)
	}
	if _, err := watch.Plan(ctx, system, fraud.Scope{Professional: w.nurse.ID, From: w.now()}, c); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("nothing was entered since: %v", err)
	}
	n, err := watch.Release(ctx, staff, scope, "le professionnel a tout confirmé")
	must(t, err)
	if n != 3 {
		t.Errorf("%d doses are released", n)
	}
	w.followed(t, c)
	if doc := w.european(t, c); doc.ID == [32]byte{} {
		t.Error("no new certificate")
	}
	file, err := watch.List(ctx, system, fraud.Query{Session: actor.Session})
	must(t, err)
	if len(file) == 0 {
		t.Error("nothing was found")
	}
}
