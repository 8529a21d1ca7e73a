package fraud

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Store is what this room needs of a store.
type Store interface {
	Fraud(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	// Acts lists what was entered since a time, oldest first, at most the number asked for, the latest ones.
	Acts(since time.Time, most int) ([]Act, error)
	// Certified lists the certificates that were issued since a time, oldest first.
	Certified(since time.Time) ([]Issue, error)
	// Facts tells what a session brings with it; today begins at a time.
	Facts(session, professional carnet.ID, place string, today time.Time) (Facts, error)
	// Stock tells how many doses of a lot a place received and recorded; known is false when the lot was
	// never delivered there.
	Stock(place, vaccine string, lot carnet.Lot) (received, recorded int, known bool, err error)

	PutFinding(f Finding) error
	Findings(q Query) ([]Finding, error) // newest first, with their reviews
	PutAnswer(a Answer) error
	Answers(q Query) ([]Answer, error) // newest first

	Professional(id carnet.ID) (carnet.Professional, error)
	Place(id string) (carnet.Place, error)

	// Entered lists the doses that were entered in a session, or in the name of a professional, within a
	// period and still stand or not, oldest first.
	Entered(s Scope) ([]Entry, error)
	Doses(person carnet.ID) ([]carnet.Dose, error)
	Append(e vaccinate.Event) error
	Tell(n carnet.Notice) error
}

// Query says which findings or answers are asked for; zero fields do not restrict.
type Query struct {
	ID           carnet.ID
	Session      carnet.ID
	Professional carnet.ID
	Since        time.Time
	Most         int // newest first; default and most 1000
}

// Issue is a certificate that was issued.
type Issue struct {
	Person carnet.ID
	At     time.Time
}

// Stable codes of the errors of this package.
const (
	CodeStepUp  = "fraud.step-up"         // authenticate again first
	CodeSecond  = "fraud.second"          // a second person has to confirm the session
	CodePause   = "fraud.pause"           // Args Until
	CodeStopped = "fraud.stopped"         // until staff have looked
	CodeUnknown = "fraud.unknown"         // no such finding, session or order
	CodeSelf    = "fraud.self"            // nobody confirms their own session
	CodePlace   = "fraud.place"           // of another place
	CodeReason  = "dose.reason-missing"   // no words
	CodeLong    = "dose.reason-long"      // Args Max
	CodeVerdict = "fraud.verdict-missing" // no verdict
)

// Sessions ends sessions; login.Operator does.
type Sessions interface {
	End(ctx context.Context, person, session carnet.ID) (int, error)
}

// Who is the session that wants to enter something.
type Who struct {
	Session      carnet.ID
	Professional carnet.ID
	Delegate     carnet.ID
	Place        string
	Opened       time.Time
	AuthTime     time.Time // of the last authentication, zero when it is not known
}

const (
	lookBack    = forgetAfter // what a watch that starts again reads
	maxReplay   = 500_000
	maxSeen     = 200_000
	seenFor     = 12 * time.Hour
	stockFor    = time.Minute
	maxStock    = 10_000
	refreshTime = 15 * time.Second
	maxReason   = 200 // characters
)

// Watch observes, finds and answers. It is safe for concurrent use.
type Watch struct {
	store    Store
	guard    *protect.Guard
	ids      carnet.IDs
	policies Policies
	sessions Sessions
	log      *slog.Logger

	mu      sync.Mutex
	engine  *Engine
	since   time.Time // when it began to see who reads what
	seen    map[pair]time.Time
	paged   map[carnet.ID]time.Time // sessions that go through pages, all of which were seen
	held    map[carnet.ID]*held     // sessions with findings
	blocked map[carnet.ID]time.Time // professionals who were stopped, until staff let them go on
	stocks  map[stockKey]*stocked
}

type pair struct{ session, person carnet.ID }

// held is a session with findings.
type held struct {
	professional carnet.ID
	place        string
	step         Step
	reached      map[Step]time.Time // when the score last rose to the step
	findings     []Finding
	confirmed    time.Time
	lifted       time.Time
}

type stockKey struct {
	place, vaccine string
	lot            [32]byte
}

type stocked struct {
	received, recorded int
	known              bool
	at                 time.Time
}

// NewWatch returns a watch that has seen nothing: Start reads what the store knows.
func NewWatch(store Store, guard *protect.Guard, ids carnet.IDs, p Policies, sessions Sessions, log *slog.Logger) (*Watch, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Watch{store: store, guard: guard, ids: ids, policies: p, sessions: sessions, log: log, engine: NewEngine(p), since: ids.Clock(),
		seen: map[pair]time.Time{}, paged: map[carnet.ID]time.Time{}, held: map[carnet.ID]*held{}, blocked: map[carnet.ID]time.Time{}, stocks: map[stockKey]*stocked{}}, nil
}

var program = protect.Actor{Role: protect.System}

func (w *Watch) decide(actor protect.Actor, person carnet.ID) protect.Decision {
	return w.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Fraud, Person: person})
}

func (w *Watch) now() time.Time { return w.ids.Clock().UTC().Truncate(time.Microsecond) }

// Start reads the last day and what was found and answered, so that a program that was started again
// goes on where it was. What was entered and not judged before it ended is judged now.
func (w *Watch) Start(ctx context.Context) error {
	since := w.now().Add(-lookBack)
	var acts []Act
	var issued []Issue
	var found []Finding
	err := w.store.Fraud(ctx, w.decide(program, carnet.ID{}), func(tx Tx) (err error) {
		if acts, err = tx.Acts(since, maxReplay); err != nil {
			return err
		}
		if issued, err = tx.Certified(since); err != nil {
			return err
		}
		found, err = tx.Findings(Query{Since: since})
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	for _, f := range slices.Backward(found) {
		w.engine.Restore(f)
	}
	var late []Finding
	for _, a := range acts {
		for len(issued) > 0 && issued[0].At.Before(a.At) {
			late = append(late, w.engine.Certified(issued[0].Person, issued[0].At)...)
			issued = issued[1:]
		}
		late = append(late, w.engine.Observe(a)...)
	}
	for _, i := range issued {
		late = append(late, w.engine.Certified(i.Person, i.At)...)
	}
	w.mu.Unlock()
	if err := w.keep(ctx, late); err != nil {
		return err
	}
	return w.Refresh(ctx)
}

// Run reads again, every few seconds, what other programs of the operator have written, until the end.
func (w *Watch) Run(ctx context.Context) {
	t := time.NewTicker(refreshTime)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := w.Refresh(ctx); err != nil && ctx.Err() == nil {
			w.log.ErrorContext(ctx, "what staff answered to findings is not read; the next seconds try again", "err", err)
		}
	}
}

// Refresh reads findings and answers.
func (w *Watch) Refresh(ctx context.Context) error {
	var found []Finding
	var answers []Answer
	err := w.store.Fraud(ctx, w.decide(program, carnet.ID{}), func(tx Tx) (err error) {
		if found, err = tx.Findings(Query{Since: w.now().Add(-lookBack)}); err != nil {
			return err
		}
		answers, err = tx.Answers(Query{Since: w.now().Add(-keepAnswers)})
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Reverse(found)
	slices.Reverse(answers)
	// What a request wrote since the transaction is kept: it is newer than what was read.
	for _, f := range found {
		h := w.held[f.Session]
		if h == nil || !slices.ContainsFunc(h.findings, func(o Finding) bool { return o.ID == f.ID }) {
			w.engine.Restore(f)
			w.hold(f)
		} else if f.Verdict() == Genuine {
			w.mute(f)
		}
	}
	for _, a := range answers {
		w.answered(a)
	}
	maps.DeleteFunc(w.held, func(_ carnet.ID, h *held) bool { return w.now().Sub(h.findings[len(h.findings)-1].At) > lookBack })
	return nil
}

// keepAnswers is how far back answers are read: a stop holds until staff let the professional go on.
const keepAnswers = 90 * 24 * time.Hour

// answered applies an answer, in the order in which they were given.
func (w *Watch) answered(a Answer) {
	h := w.held[a.Session]
	switch a.Kind {
	case Confirmed:
		if h != nil {
			h.confirmed = later(h.confirmed, a.At)
		}
	case Lifted:
		delete(w.blocked, a.Professional)
		if h != nil {
			h.lifted = later(h.lifted, a.At)
		}
	case Stopped:
		w.blocked[a.Professional] = a.At
	}
}

// hold keeps a finding of a session; the caller has told the engine.
func (w *Watch) hold(f Finding) {
	h := w.held[f.Session]
	if h == nil {
		h = &held{reached: map[Step]time.Time{}}
		w.held[f.Session] = h
	}
	h.professional, h.place = f.Professional, f.Place
	h.findings = append(h.findings, f)
	for _, s := range Steps {
		if rank(s) <= rank(f.Step) && rank(s) > rank(h.step) {
			h.reached[s] = f.At
		}
	}
	h.step = f.Step
}

func rank(s Step) int { return slices.Index(Steps, s) }

// Saw notes that the record of a person was shown in a session.
func (w *Watch) Saw(session, person carnet.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if len(w.seen) >= maxSeen {
		maps.DeleteFunc(w.seen, func(_ pair, at time.Time) bool { return now.Sub(at) > seenFor })
		trim(w.seen, maxSeen, func(at time.Time) time.Time { return at })
	}
	if _, ok := w.seen[pair{session, person}]; !ok {
		w.seen[pair{session, person}] = now
	}
}

// Waited notes that an entry about a person waited on the device of the session: no record could be
// shown when it was made, and none is missed.
func (w *Watch) Waited(session, person carnet.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[pair{session, person}] = time.Time{}
}

// Gate says whether a session may enter something now: nil, or an error whose code says what has to
// happen first. It looks in memory alone.
func (w *Watch) Gate(who Who) error {
	const op = "fraud.Gate"
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if !who.Opened.Before(w.since) {
		if len(w.paged) >= maxSessions {
			maps.DeleteFunc(w.paged, func(_ carnet.ID, at time.Time) bool { return now.Sub(at) > seenFor })
		}
		w.paged[who.Session] = now
	}
	if _, stopped := w.blocked[who.Professional]; stopped {
		return carnet.E(op, carnet.Denied, CodeStopped, nil)
	}
	h := w.held[who.Session]
	if h == nil {
		return nil
	}
	p := w.policies.At(carnet.DateOf(now))
	step := p.Step(w.engine.Score(who.Session, carnet.DateOf(now)))
	after := func(at time.Time, s Step) bool { return !at.IsZero() && at.After(h.reached[s]) }
	if after(h.lifted, step) {
		return nil
	}
	if step == Stop { // the program stops on the way up only: what staff left standing needs the rest
		step = Pause
	}
	if until := h.reached[Pause].Add(p.Pausing); step == Pause && now.Before(until) {
		return &carnet.Error{Op: op, Kind: carnet.Denied, Code: CodePause, Args: map[string]any{"Until": until}}
	}
	if rank(step) >= rank(StepUp) && !after(who.AuthTime, StepUp) {
		return carnet.E(op, carnet.Denied, CodeStepUp, nil)
	}
	if rank(step) >= rank(Second) && !after(h.confirmed, Second) {
		return carnet.E(op, carnet.Denied, CodeSecond, nil)
	}
	return nil
}

// Hear returns a store that tells the watch of every entry that was committed through it.
func (w *Watch) Hear(s vaccinate.Store) vaccinate.Store { return heard{s, w} }

type heard struct {
	vaccinate.Store
	watch *Watch
}

type heardTx struct {
	vaccinate.Tx
	events *[]vaccinate.Event
}

func (t heardTx) Append(e vaccinate.Event) error {
	err := t.Tx.Append(e)
	if err == nil && e.Kind == vaccinate.Recorded {
		*t.events = append(*t.events, e)
	}
	return err
}

func (s heard) Within(ctx context.Context, d protect.Decision, fn func(vaccinate.Tx) error) error {
	var events []vaccinate.Event
	err := s.Store.Within(ctx, d, func(tx vaccinate.Tx) error {
		events = events[:0]
		return fn(heardTx{tx, &events})
	})
	if err != nil {
		return err
	}
	for _, e := range events {
		s.watch.Observe(ctx, e)
	}
	return nil
}

// ActOf is what the watch sees of an event; false for one that no certificate can be made of, or
// that nobody answers for.
func ActOf(e vaccinate.Event) (Act, bool) {
	d := e.Dose
	a := Act{Event: e.ID, Session: e.Session, Professional: e.Actor, Delegate: e.Delegate, Person: d.PersonID, Dose: d.ID, At: e.At, On: d.Date,
		Place: d.Place.ID, Form: d.Form != "", Elsewhere: d.Evidence == carnet.Proven}
	if a.Session.IsZero() {
		a.Session = e.Actor
	}
	return a, e.Kind == vaccinate.Recorded && d.Given() && d.Evidence != carnet.Stated && !e.Actor.IsZero()
}

// Observe judges an entry that was committed. What fails here is logged and does not undo the entry:
// the watch finds it again when it is started again.
func (w *Watch) Observe(ctx context.Context, e vaccinate.Event) {
	a, ok := ActOf(e)
	if !ok {
		return
	}
	ctx = context.WithoutCancel(ctx) // the reader may be gone, the entry is there
	w.mu.Lock()
	wanted := w.engine.Fresh(a.Session)
	key := stockKey{a.Place, e.Dose.Vaccine, hashOf(e.Dose.Lot)}
	known := w.stocks[key]
	w.mu.Unlock()
	if wanted || !a.Elsewhere && (known == nil || a.At.Sub(known.at) > stockFor) {
		facts, now, err := w.ask(ctx, a, e.Dose, wanted)
		if err != nil {
			w.log.ErrorContext(ctx, "an entry is judged without what is known of its session and lot", "event", a.Event, "err", err)
		}
		w.mu.Lock()
		if wanted {
			w.engine.Learn(a.Session, a.At, facts)
		}
		if err == nil && now != nil {
			if len(w.stocks) >= maxStock {
				clear(w.stocks)
			}
			w.stocks[key], known = now, nil // the dose is counted already
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	if s := w.stocks[key]; s != nil && !a.Elsewhere {
		if s == known {
			s.recorded++
		}
		a.Stocked = answer(s.known)
		if s.known && s.received > 0 {
			a.Drawn = s.recorded * 100 / s.received
		}
	}
	if _, paged := w.paged[a.Session]; paged {
		at, shown := w.seen[pair{a.Session, a.Person}]
		a.Seen = answer(shown && a.At.Sub(at) >= w.policies.At(carnet.DateOf(a.At)).Look)
	}
	found := w.engine.Observe(a)
	w.mu.Unlock()
	if err := w.keep(ctx, found); err != nil {
		w.log.ErrorContext(ctx, "a finding is not written down", "event", a.Event, "err", err)
	}
}

// ask reads what is known of a session and of a lot.
func (w *Watch) ask(ctx context.Context, a Act, d carnet.Dose, wanted bool) (facts Facts, s *stocked, err error) {
	err = w.store.Fraud(ctx, w.decide(program, a.Person), func(tx Tx) (err error) {
		if wanted {
			if facts, err = tx.Facts(a.Session, a.Professional, a.Place, midnight(a.At)); err != nil {
				return err
			}
		}
		if a.Elsewhere {
			return nil
		}
		s = &stocked{at: a.At}
		s.received, s.recorded, s.known, err = tx.Stock(a.Place, d.Vaccine, d.Lot)
		return err
	})
	return facts, s, err
}

func midnight(at time.Time) time.Time {
	l := at.In(carnet.Paris)
	return time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, carnet.Paris)
}

// Certified tells that a person was handed a certificate.
func (w *Watch) Certified(ctx context.Context, person carnet.ID) {
	w.mu.Lock()
	found := w.engine.Certified(person, w.now())
	w.mu.Unlock()
	w.write(ctx, found)
}

// Refused tells that a request of a session was refused because there were too many.
func (w *Watch) Refused(ctx context.Context, who Who) {
	w.mu.Lock()
	found := w.engine.Refused(who.Session, who.Professional, who.Delegate, who.Place, w.now())
	w.mu.Unlock()
	w.write(ctx, found)
}

func (w *Watch) write(ctx context.Context, found []Finding) {
	if err := w.keep(context.WithoutCancel(ctx), found); err != nil {
		w.log.ErrorContext(ctx, "a finding is not written down", "err", err)
	}
}

// keep writes findings down, holds their sessions, and stops those that are beyond the last step.
func (w *Watch) keep(ctx context.Context, found []Finding) error {
	if len(found) == 0 {
		return nil
	}
	var stops []Answer
	for i := range found {
		f := &found[i]
		var err error
		if f.ID, err = w.ids.New(); err != nil {
			return err
		}
		f.At = f.At.UTC().Truncate(time.Microsecond)
		if f.Step == Stop && !slices.ContainsFunc(stops, func(a Answer) bool { return a.Session == f.Session }) {
			a := Answer{Kind: Stopped, Session: f.Session, Professional: f.Professional, Role: string(protect.System), At: w.now()}
			if a.ID, err = w.ids.New(); err != nil {
				return err
			}
			stops = append(stops, a)
		}
	}
	// In memory first: the next entry waits for nothing.
	w.mu.Lock()
	for _, f := range found {
		w.hold(f)
	}
	for _, a := range stops {
		w.answered(a)
	}
	w.mu.Unlock()
	err := w.store.Fraud(ctx, w.decide(program, carnet.ID{}), func(tx Tx) error {
		for _, f := range found {
			if err := tx.PutFinding(f); err != nil {
				return err
			}
		}
		for _, a := range stops {
			if err := tx.PutAnswer(a); err != nil {
				return err
			}
		}
		return nil
	})
	for _, f := range found {
		w.log.WarnContext(ctx, "security: an entry out of the ordinary", "finding", f.ID, "session", f.Session, "signal", f.Signal, "value", f.Value, "limit", f.Limit,
			"score", f.Score, "step", f.Step)
	}
	for _, a := range stops {
		_, end := w.sessions.End(ctx, a.Professional, a.Session)
		err = errors.Join(err, end)
	}
	return err
}

// hashOf names a lot in memory without holding its number.
func hashOf(l carnet.Lot) [32]byte { return sha256.Sum256([]byte(l.Reveal())) }
