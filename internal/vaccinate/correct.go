package vaccinate

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/paper"
)

// Revision says which entry a correction replaces and why. What it touches is read from the
// difference between the entry and the command: see Event.Changes.
type Revision struct {
	Dose    carnet.ID
	Version int // of the entry that the professional saw; another one is carnet.Conflict
	Reason  string
}

// Cancellation takes an entry away.
type Cancellation struct {
	Key     carnet.ID // idempotency key
	Person  carnet.ID
	Dose    carnet.ID
	Version int // of the entry that was seen; 0 for whatever stands
	Cause   Cause
	Reason  string // in words; needed when Cause is Other
}

// Effect is what a correction or a cancellation would do.
type Effect struct {
	Before, After carnet.Dose   // After is zero when the entry would be taken away
	Changes       []Change      // of the entry
	Renumbered    []carnet.Dose // the other doses whose rank would follow, as they would stand
	Standing      []carnet.Dose // all of them
}

// Correct replaces what is recorded of an entry, and a reason is needed. Who may is the matter of
// MayTouch. What another correction has changed meanwhile is carnet.Conflict, "dose.changed-meanwhile";
// a correction that changes nothing is "dose.no-change".
func (s *Service) Correct(ctx context.Context, actor protect.Actor, c Command, r Revision) (out carnet.Dose, err error) {
	if err := actor.May(protect.ActCorrect); err != nil {
		return out, err
	}
	r.Reason = strings.TrimSpace(r.Reason)
	err = s.change(ctx, actor, c.Person, func(k *change) error {
		if done, err := k.done(c.Key, Corrected); err != nil || done != nil {
			if err == nil && (done.Dose.ID != r.Dose || !says(done.Dose, c, actor)) {
				err = reused()
			}
			if err == nil {
				out = done.Dose
			}
			return err
		}
		e, err := k.correction(c, r)
		if err != nil {
			return err
		}
		var problems carnet.Problems
		if checkReason(&problems, "reason", r.Reason); len(problems) > 0 {
			return problems
		}
		if out, err = k.append(e); err != nil {
			return err
		}
		return k.tell("dose.corrected", out, map[string]string{"changes": joined(e.Changes)})
	})
	return out, err
}

// correction is the event of a correction, before it is written.
func (k *change) correction(c Command, r Revision) (Event, error) {
	old, err := k.touched(r.Dose, r.Version)
	if err != nil {
		return Event{}, err
	}
	d, err := k.check(old.ID, c, &old)
	if err != nil {
		return Event{}, err
	}
	// Who entered it and when are those of the first entry; a correction answers what was contested.
	d.PersonID = old.PersonID // of a record that was joined to the person's
	d.RecordedBy, d.RecordedAt, d.RecordedIn, d.Delegate, d.Version = old.RecordedBy, old.RecordedAt, old.RecordedIn, old.Delegate, old.Version+1
	changes := Difference(old, d)
	if len(changes) == 0 && !old.Contested {
		return Event{}, carnet.E("vaccinate", carnet.Invalid, "dose.no-change", nil)
	}
	return Event{Kind: Corrected, Key: c.Key, Dose: d, Reason: r.Reason, Changes: changes}, nil
}

// Preview tells what a correction would do, and does nothing.
func (s *Service) Preview(ctx context.Context, actor protect.Actor, c Command, r Revision) (Effect, error) {
	if err := actor.May(protect.ActCorrect); err != nil {
		return Effect{}, err
	}
	return s.preview(ctx, actor, c.Person, func(k *change) (Event, error) { return k.correction(c, r) })
}

// PreviewCancel tells what it would do to take an entry away, and does nothing.
func (s *Service) PreviewCancel(ctx context.Context, actor protect.Actor, person, dose carnet.ID) (Effect, error) {
	if err := actor.May(protect.ActCancel); err != nil {
		return Effect{}, err
	}
	return s.preview(ctx, actor, person, func(k *change) (Event, error) {
		d, err := k.touched(dose, 0)
		return Event{Kind: Cancelled, Dose: d}, err
	})
}

func (s *Service) preview(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(*change) (Event, error)) (out Effect, err error) {
	err = s.about(ctx, actor, person, func(tx Tx) error {
		k, err := s.open(tx, actor, person)
		if err != nil {
			return err
		}
		before := k.standing
		e, err := fn(k)
		if err != nil {
			return err
		}
		k.tx = dry{tx}
		d, err := k.append(e)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(before, func(b carnet.Dose) bool { return b.ID == d.ID })
		out = Effect{Before: before[i], Changes: e.Changes, Standing: k.standing}
		for _, now := range k.standing {
			if now.ID == d.ID {
				out.After = now
				continue
			}
			was := before[slices.IndexFunc(before, func(b carnet.Dose) bool { return b.ID == now.ID })]
			if was.Rank != now.Rank || was.Expected != now.Expected {
				out.Renumbered = append(out.Renumbered, now)
			}
		}
		return nil
	})
	return out, err
}

// dry is a transaction that writes nothing of a change.
type dry struct{ Tx }

func (dry) Append(Event) error                                { return nil }
func (dry) TakeForm(paper.Serial, carnet.ID, time.Time) error { return nil }
func (dry) FreeForm(paper.Serial, carnet.ID) error            { return nil }

// Cancel takes an entry away: it was never given, or not to this person. The event stays. Who knows
// whose it is calls Move; what was forged goes through Suspect.
func (s *Service) Cancel(ctx context.Context, actor protect.Actor, c Cancellation) error {
	if err := actor.May(protect.ActCancel); err != nil {
		return err
	}
	var problems carnet.Problems
	checkKey(&problems, c.Key)
	if !slices.Contains(Causes, c.Cause) {
		problems.Add("cause", "dose.cause", nil)
	}
	c.Reason = strings.TrimSpace(c.Reason)
	if c.Cause == Other || c.Reason != "" { // the others speak for themselves
		checkReason(&problems, "reason", c.Reason)
	}
	if err := problems.Err(); err != nil {
		return err
	}
	return s.change(ctx, actor, c.Person, func(k *change) error {
		return k.takeAway(Event{Kind: Cancelled, Key: c.Key, Cause: c.Cause, Reason: c.Reason}, c.Dose, c.Version, k.touched)
	})
}

// takeAway cancels or annuls an entry and tells the person. Find gives the entry to those who may.
func (k *change) takeAway(e Event, dose carnet.ID, version int, find func(carnet.ID, int) (carnet.Dose, error)) error {
	done, err := k.done(e.Key, e.Kind)
	if err != nil {
		return err
	}
	if done != nil {
		if done.Dose.ID != dose || done.Cause != e.Cause {
			return reused()
		}
		return nil
	}
	if e.Dose, err = find(dose, version); err != nil {
		return err
	}
	e.Dose.Version++
	e.Dose.Contested, e.Dose.Suspected = false, false
	if _, err := k.append(e); err != nil {
		return err
	}
	return k.tell("dose.cancelled", e.Dose, map[string]string{"cause": string(e.Cause)})
}

// tell says to the person what has become of an entry: which product, which day, and no more.
func (k *change) tell(kind string, d carnet.Dose, args map[string]string) error {
	args["vaccine"], args["date"] = d.Vaccine, d.Date.String()
	return k.tx.Tell(carnet.Notice{PersonID: k.person.ID, Kind: kind, Dose: d.ID, Args: args, At: k.at})
}

// joined lists changes in one text, which a notice bounds.
func joined(list []Change) string {
	text := ""
	for _, c := range list {
		if next := strings.TrimPrefix(text+" "+string(c), " "); len(next) <= 64 {
			text = next
		}
	}
	return text
}

// touched finds an entry that the actor may correct or take away.
func (k *change) touched(id carnet.ID, version int) (carnet.Dose, error) {
	d, err := k.entry(id, version)
	if err != nil {
		return d, err
	}
	if d.Suspected {
		return d, carnet.E("vaccinate", carnet.Conflict, "dose.is-suspected", nil)
	}
	me, err := k.tx.Professional(k.actor.ID)
	if err != nil {
		return d, err
	}
	return d, MayTouch(d, me, carnet.DateOf(k.at))
}

// MayTouch says whether a professional may correct an entry or take it away. On the day of the entry
// those who entered it or injected may, alone. From the next day on it is for the professional who
// answers for the act. The head of the place where it was given or entered always may: nobody
// loses the right to correct because the injector left. Else it is carnet.Denied: "dose.not-today"
// for those who could have on the day, "dose.not-yours" for the others (workflow section 6).
func MayTouch(d carnet.Dose, me carnet.Professional, today carnet.Date) error {
	own := d.RecordedBy == me.ID || d.Injector == me.ID
	switch {
	case d.Responsible == me.ID, own && carnet.DateOf(d.RecordedAt) == today, HeadsEntry(d, me):
		return nil
	case own:
		return carnet.E("vaccinate", carnet.Denied, "dose.not-today", nil)
	}
	return carnet.E("vaccinate", carnet.Denied, "dose.not-yours", nil)
}

// HeadsEntry reports that a professional heads the place where an entry was given or entered.
func HeadsEntry(d carnet.Dose, me carnet.Professional) bool {
	return slices.ContainsFunc(me.Heads, func(place string) bool { return place == d.Place.ID || place == d.RecordedIn })
}

// undoFor is how long an entry can be undone.
const undoFor = 12 * time.Hour

// Undo takes back an entry that its author has just made: whoever typed it, a delegate too, within
// the session of the entry or, for a professional, in a later session of theirs, and at most twelve
// hours after it. What was corrected meanwhile is not undone: "dose.undo-late". It is a logged
// cancellation like another, with a cause of its own. A delegate may neither correct nor cancel
// what was entered (identity section 5, D4); to take back one's own slip before anybody relied on
// it is neither.
func (s *Service) Undo(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID) error {
	if err := actor.May(protect.ActUndo); err != nil {
		return err
	}
	var problems carnet.Problems
	if checkKey(&problems, key); len(problems) > 0 {
		return problems
	}
	return s.change(ctx, actor, person, func(k *change) error {
		return k.takeAway(Event{Kind: Cancelled, Key: key, Cause: Undone}, dose, 0, k.undoable)
	})
}

func (k *change) undoable(id carnet.ID, version int) (carnet.Dose, error) {
	d, err := k.entry(id, version)
	if err != nil {
		return d, err
	}
	events, err := k.tx.Events(k.person.ID, id)
	if err != nil {
		return d, err
	}
	e := events[0]
	own := e.Actor == k.actor.ID && e.Delegate == k.actor.Delegate && (e.Delegate.IsZero() || e.Session == k.actor.Session)
	switch {
	case e.Kind != Recorded || !own:
		return d, carnet.E("vaccinate", carnet.Denied, "dose.undo-not-yours", nil)
	case d.Version != 1 || d.Suspected || d.Contested || k.at.Sub(e.At) > undoFor:
		return d, carnet.E("vaccinate", carnet.Conflict, "dose.undo-late", nil)
	}
	return d, nil
}

// Move puts an entry where it belongs: it is taken away from one person and recorded for another, in
// one command. What is recorded there keeps who entered it, who injected and when; the two events
// name each other's entry, and both people are told. The ranks of both follow.
type Move struct {
	Key     carnet.ID // idempotency key, of both events
	From    carnet.ID
	Dose    carnet.ID
	Version int
	To      carnet.ID
	Reason  string // in words; may be empty
}

// Move moves an entry and gives it back as it stands for the right person.
func (s *Service) Move(ctx context.Context, actor protect.Actor, m Move) (out carnet.Dose, err error) {
	if err := actor.May(protect.ActCancel); err != nil {
		return out, err
	}
	var problems carnet.Problems
	checkKey(&problems, m.Key)
	if m.Reason = strings.TrimSpace(m.Reason); m.Reason != "" {
		checkReason(&problems, "reason", m.Reason)
	}
	if m.To.IsZero() || m.To == m.From {
		problems.Add("to", "dose.move-same", nil)
	}
	if err := problems.Err(); err != nil {
		return out, err
	}
	moved := false
	err = s.change(ctx, actor, m.From, func(k *change) error {
		if err := linked(k.tx, actor, m.To); err != nil {
			return err
		}
		to, err := s.open(k.tx, actor, m.To)
		if err != nil {
			return err
		}
		to.at = k.at
		if done, err := k.done(m.Key, Cancelled); err != nil || done != nil {
			if err == nil && (done.Dose.ID != m.Dose || done.Moved.IsZero()) {
				err = reused()
			}
			if err != nil {
				return err
			}
			there, err := k.tx.Event(m.To, m.Key)
			if err != nil || there.Dose.ID != done.Moved {
				return reused()
			}
			out = there.Dose
			return nil
		}
		d, err := k.touched(m.Dose, m.Version)
		if err != nil {
			return err
		}
		if to.person.Identity.Birth.After(d.Date) {
			problems.Add("to", "dose.before-birth", nil)
			return problems
		}
		there := d
		if there.ID, err = s.ids.New(); err != nil {
			return err
		}
		there.PersonID, there.Version, there.Contested, there.RankReason = m.To, 1, false, ""
		if err := k.takeAway(Event{Kind: Cancelled, Key: m.Key, Cause: WrongPerson, Reason: m.Reason, Moved: there.ID}, d.ID, 0, k.entry); err != nil {
			return err
		}
		to.standing, err = k.tx.Doses(m.To)
		if err != nil {
			return err
		}
		if out, err = to.append(Event{Kind: Recorded, Key: m.Key, Dose: there, Reason: m.Reason, Moved: d.ID}); err != nil {
			return err
		}
		moved = to.belies
		return to.tell("dose.added", out, map[string]string{})
	})
	if err == nil && moved && s.after != nil {
		s.after(ctx, m.To)
	}
	return out, err
}

// derived is the key of what follows from something else: the same again is the same key.
func derived(cause, of carnet.ID) carnet.ID {
	sum := sha256.Sum256(append(cause[:], of[:]...))
	return carnet.DerivedID(sum[:])
}
