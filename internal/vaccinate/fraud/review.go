package fraud

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// ShownFor is how far back professionals see what was found about them.
const ShownFor = 90 * 24 * time.Hour

// Mine lists what was found in the actor's own sessions within 90 days, newest first. A delegate does
// not see it.
func (w *Watch) Mine(ctx context.Context, actor protect.Actor) ([]Finding, error) {
	if err := actor.May(protect.ActSettings); err != nil {
		return nil, err
	}
	return w.findings(ctx, actor, actor.ID, Query{Professional: actor.ID, Since: w.now().Add(-ShownFor)})
}

// List lists findings, newest first, for staff and operators.
func (w *Watch) List(ctx context.Context, actor protect.Actor, q Query) ([]Finding, error) {
	if err := staff(actor); err != nil {
		return nil, err
	}
	return w.findings(ctx, actor, carnet.ID{}, q)
}

func (w *Watch) findings(ctx context.Context, actor protect.Actor, person carnet.ID, q Query) (list []Finding, err error) {
	err = w.store.Fraud(ctx, w.decide(actor, person), func(tx Tx) (err error) {
		list, err = tx.Findings(q)
		return err
	})
	return list, err
}

// staff refuses whoever is neither security staff nor the operator's program.
func staff(actor protect.Actor) error {
	if actor.Role == protect.SecurityStaff || actor.Role == protect.System {
		return nil
	}
	return carnet.E("fraud", carnet.Denied, "access.denied", protect.ErrDenied)
}

// Case is everything about a session: what was found, what was answered, what was entered.
type Case struct {
	Session      carnet.ID
	Professional carnet.Professional
	Place        carnet.Place
	Findings     []Finding // newest first
	Answers      []Answer  // newest first
	Entries      []Entry   // oldest first
	Score        int       // of the findings that are not explained
	Blocked      bool      // the professional was stopped and staff did not let them go on
}

// Case opens a session that something was found about: carnet.NotFound for any other.
func (w *Watch) Case(ctx context.Context, actor protect.Actor, session carnet.ID) (Case, error) {
	c := Case{Session: session}
	if err := staff(actor); err != nil {
		return c, err
	}
	err := w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) (err error) {
		if c.Findings, err = tx.Findings(Query{Session: session}); err != nil {
			return err
		}
		if len(c.Findings) == 0 {
			return carnet.E("fraud.Case", carnet.NotFound, CodeUnknown, nil)
		}
		f := c.Findings[0]
		if c.Professional, err = tx.Professional(f.Professional); err != nil {
			return err
		}
		if c.Place, err = tx.Place(f.Place); err != nil {
			return err
		}
		// Of the professional: a stop of another session holds this one too.
		if c.Answers, err = tx.Answers(Query{Professional: f.Professional}); err != nil {
			return err
		}
		c.Entries, err = tx.Entered(Scope{Session: session})
		return err
	})
	if err != nil {
		return c, err
	}
	c.Score = score(c.Findings)
	for _, a := range slices.Backward(c.Answers) {
		switch a.Kind {
		case Stopped:
			c.Blocked = true
		case Lifted:
			c.Blocked = false
		}
	}
	c.Answers = slices.DeleteFunc(c.Answers, func(a Answer) bool { return a.Session != session && !a.Session.IsZero() })
	return c, nil
}

// score is the sum of the latest points of each signal that is not explained.
func score(newestFirst []Finding) int {
	points := map[Signal]int{}
	for _, f := range slices.Backward(newestFirst) {
		if points[f.Signal] = f.Points; f.Verdict() == Genuine {
			points[f.Signal] = 0
		}
	}
	sum := 0
	for _, n := range points {
		sum += n
	}
	return sum
}

// Review gives a verdict on a finding, with words. What is genuine counts no more; a later verdict
// replaces an earlier one, and all of them stay.
func (w *Watch) Review(ctx context.Context, actor protect.Actor, finding carnet.ID, v Verdict, reason string) error {
	if err := staff(actor); err != nil {
		return err
	}
	var problems carnet.Problems
	if !slices.Contains(Verdicts, v) {
		problems.Add("verdict", CodeVerdict, nil)
	}
	reason = words(&problems, reason)
	if err := problems.Err(); err != nil {
		return err
	}
	var f Finding
	err := w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) error {
		list, err := tx.Findings(Query{ID: finding})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return carnet.E("fraud.Review", carnet.NotFound, CodeUnknown, nil)
		}
		f = list[0]
		a := Answer{Kind: Reviewed, Finding: f.ID, Session: f.Session, Professional: f.Professional, Verdict: v, Reason: carnet.Hide(reason)}
		f.Reviews = append(f.Reviews, a)
		return w.put(tx, actor, a)
	})
	if err == nil && v == Genuine {
		w.mu.Lock()
		w.mute(f)
		w.mu.Unlock()
	}
	return err
}

// mute takes the points of a finding away, and the step that they had led to.
func (w *Watch) mute(f Finding) {
	w.engine.Mute(f)
	if h := w.held[f.Session]; h != nil {
		day := carnet.DateOf(w.now())
		h.step = w.policies.At(day).Step(w.engine.Score(f.Session, day))
	}
}

func words(problems *carnet.Problems, reason string) string {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		problems.Add("reason", CodeReason, nil)
	case utf8.RuneCountInString(reason) > maxReason || !utf8.ValidString(reason):
		problems.Add("reason", CodeLong, map[string]any{"Max": maxReason})
	}
	return reason
}

// put writes an answer of the actor.
func (w *Watch) put(tx Tx, actor protect.Actor, a Answer) (err error) {
	if a.ID, err = w.ids.New(); err != nil {
		return err
	}
	a.By, a.Role, a.At = actor.ID, string(actor.Role), w.now()
	return tx.PutAnswer(a)
}

// act writes an answer about a professional's session and takes it into account at once.
func (w *Watch) act(ctx context.Context, actor protect.Actor, a Answer) error {
	err := w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) error { return w.put(tx, actor, a) })
	if err == nil {
		a.At = w.now()
		w.mu.Lock()
		w.answered(a)
		w.mu.Unlock()
	}
	return err
}

// Lift lets a session go on, and its professional too if they were stopped. A later finding counts
// again.
func (w *Watch) Lift(ctx context.Context, actor protect.Actor, session carnet.ID, reason string) error {
	return w.staffAct(ctx, actor, Lifted, session, reason)
}

// Stop ends a session at once and lets its professional enter nothing until staff lift it; with all, it
// ends every session that they have. It gives how many sessions ended.
func (w *Watch) Stop(ctx context.Context, actor protect.Actor, session carnet.ID, all bool, reason string) (int, error) {
	f, err := w.one(ctx, actor, session)
	if err != nil {
		return 0, err
	}
	if err := w.staffAct(ctx, actor, Stopped, session, reason); err != nil {
		return 0, err
	}
	which := session
	if all {
		which = carnet.ID{}
	}
	return w.sessions.End(ctx, f.Professional, which)
}

func (w *Watch) staffAct(ctx context.Context, actor protect.Actor, kind AnswerKind, session carnet.ID, reason string) error {
	var problems carnet.Problems
	reason = words(&problems, reason)
	if err := problems.Err(); err != nil {
		return err
	}
	f, err := w.one(ctx, actor, session)
	if err != nil {
		return err
	}
	return w.act(ctx, actor, Answer{Kind: kind, Session: session, Professional: f.Professional, Reason: carnet.Hide(reason)})
}

// one is the newest finding of a session.
func (w *Watch) one(ctx context.Context, actor protect.Actor, session carnet.ID) (Finding, error) {
	list, err := w.List(ctx, actor, Query{Session: session, Most: 1})
	if err == nil && (len(list) == 0 || session.IsZero()) {
		err = carnet.E("fraud", carnet.NotFound, CodeUnknown, nil)
	}
	if err != nil {
		return Finding{}, err
	}
	return list[0], nil
}

// Waiting is a session that a second person has to confirm.
type Waiting struct {
	Session      carnet.ID
	Professional carnet.Professional
	Since        time.Time
	Findings     []Finding // newest first
}

// Waits counts the sessions that Waiting lists, without a look into the store.
func (w *Watch) Waits(actor protect.Actor) (n int) {
	if !actor.Delegate.IsZero() || actor.Role != protect.Professional {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, h := range w.held {
		if h.place == actor.Organisation && h.professional != actor.ID && w.waits(id, h) {
			n++
		}
	}
	return n
}

// Waiting lists the sessions of the actor's place that wait for a second person, the actor's own
// left out. A delegate sees none.
func (w *Watch) Waiting(ctx context.Context, actor protect.Actor) ([]Waiting, error) {
	if !actor.Delegate.IsZero() || actor.Role != protect.Professional {
		return nil, nil
	}
	var list []Waiting
	w.mu.Lock()
	for id, h := range w.held {
		if w.waits(id, h) && h.place == actor.Organisation && h.professional != actor.ID {
			one := Waiting{Session: id, Professional: carnet.Professional{ID: h.professional}, Since: h.reached[Second], Findings: slices.Clone(h.findings)}
			slices.Reverse(one.Findings)
			list = append(list, one)
		}
	}
	w.mu.Unlock()
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortFunc(list, func(a, b Waiting) int { return a.Since.Compare(b.Since) })
	return list, w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) (err error) {
		for i := range list {
			if list[i].Professional, err = tx.Professional(list[i].Professional.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// waits reports that a session needs a second person.
func (w *Watch) waits(id carnet.ID, h *held) bool {
	day := carnet.DateOf(w.now())
	step := w.policies.At(day).Step(w.engine.Score(id, day))
	at := h.reached[Second]
	return rank(step) >= rank(Second) && !h.confirmed.After(at) && !h.lifted.After(at)
}

// Confirm answers for the session of a colleague of the same place: another professional, in a
// session of their own, freshly authenticated, which the site makes sure of.
func (w *Watch) Confirm(ctx context.Context, actor protect.Actor, session carnet.ID) error {
	const op = "fraud.Confirm"
	if err := actor.May(protect.ActSettings); err != nil {
		return err
	}
	w.mu.Lock()
	h := w.held[session]
	ok := h != nil && w.waits(session, h)
	var professional carnet.ID
	place := ""
	if ok {
		professional, place = h.professional, h.place
	}
	w.mu.Unlock()
	switch {
	case !ok:
		return carnet.E(op, carnet.NotFound, CodeUnknown, nil)
	case professional == actor.ID:
		return carnet.E(op, carnet.Denied, CodeSelf, nil)
	case place != actor.Organisation:
		return carnet.E(op, carnet.Denied, CodePlace, nil)
	}
	return w.act(ctx, actor, Answer{Kind: Confirmed, Session: session, Professional: professional})
}
