// Package vaccinate is the write side: it records a dose, corrects it, cancels it.
//
// Nothing is overwritten. Each command appends an event, renews the projection of the dose and
// leaves a row in the outbox, in the one transaction that begins with the decision in the journal.
// A command carries an idempotency key that was made when its form was shown: sent twice, it is
// done once, and the second time answers with what the first one did.
//
// Specification: workflow sections 3, 6 and 15; store section 3.
package vaccinate

import (
	"context"
	"embed"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Store is what this room needs of a store. Within runs fn in one transaction that begins with the
// decision in the journal; a refusal is journalled and returned, and fn does not run.
type Store interface {
	Within(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	Person(id carnet.ID) (carnet.Person, error)    // carnet.NotFound
	Doses(person carnet.ID) ([]carnet.Dose, error) // that stand, oldest injection first
	Event(person, key carnet.ID) (Event, error)    // the event of an idempotency key; carnet.NotFound
	Append(e Event) error                          // event, projection and outbox row
	// Delegated lists what delegates have entered for a professional since a time, newest first, at
	// most 500.
	Delegated(professional carnet.ID, since time.Time) ([]Event, error)
	Professional(id carnet.ID) (carnet.Professional, error)
	Vaccinators(place string) ([]carnet.Professional, error)
	PutProfessional(p carnet.Professional) error // places included; writing again changes nothing
}

// Service is the room.
type Service struct {
	store     Store
	guard     *protect.Guard
	ring      *keyring.Ring
	ids       carnet.IDs
	catalogue Catalogue
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ring *keyring.Ring, ids carnet.IDs, c Catalogue) *Service {
	return &Service{store, guard, ring, ids, c}
}

// Catalogue lists the vaccines that can be recorded.
func (s *Service) Catalogue() Catalogue { return s.catalogue }

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Today is the civil date, by the injected clock.
func (s *Service) Today() carnet.Date { return carnet.DateOf(s.ids.Clock()) }

// History lists the doses that stand, oldest injection first.
func (s *Service) History(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error) {
	var doses []carnet.Dose
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		doses, err = tx.Doses(person)
		return err
	})
	return doses, err
}

// Propose gives the rank of a dose that is about to be recorded. Correcting is the dose that the
// new one replaces, zero when there is none.
func (s *Service) Propose(ctx context.Context, actor protect.Actor, person carnet.ID, vaccine string, on carnet.Date, correcting carnet.ID) (Proposal, error) {
	v, ok := s.catalogue.Find(vaccine)
	if !ok {
		return Proposal{}, &carnet.Error{Op: "vaccinate.Propose", Kind: carnet.Invalid, Code: "dose.vaccine", Field: "vaccine"}
	}
	var p Proposal
	err := s.about(ctx, actor, person, func(tx Tx) error {
		history, err := tx.Doses(person)
		p = propose(s.catalogue, without(history, correcting), v, on)
		return err
	})
	return p, err
}

// Record writes a dose. What cannot be is refused with carnet.Problems that name each field; what
// is only unusual is recorded. The same key with the same content answers with the dose already
// recorded; with other content it is carnet.Conflict, "dose.key-reused".
func (s *Service) Record(ctx context.Context, actor protect.Actor, c Command) (carnet.Dose, error) {
	return s.write(ctx, actor, c, nil)
}

// Correct replaces what is recorded of a dose. Only who recorded or injected it may, and a reason
// is needed. What another correction has changed meanwhile is carnet.Conflict,
// "dose.changed-meanwhile".
func (s *Service) Correct(ctx context.Context, actor protect.Actor, c Command, r Revision) (carnet.Dose, error) {
	return s.write(ctx, actor, c, &r)
}

// write is a record when r is nil, else a correction.
func (s *Service) write(ctx context.Context, actor protect.Actor, c Command, r *Revision) (carnet.Dose, error) {
	var out carnet.Dose
	act := protect.ActEnter
	if r != nil {
		act = protect.ActCorrect
	}
	if err := actor.May(act); err != nil {
		return out, err
	}
	err := s.about(ctx, actor, c.Person, func(tx Tx) error {
		person, err := tx.Person(c.Person)
		if err != nil {
			return err
		}
		history, err := tx.Doses(c.Person)
		if err != nil {
			return err
		}
		event := Event{Kind: Recorded, Key: c.Key, Actor: actor.ID, At: s.ids.Clock(), Delegate: actor.Delegate, Session: actor.Session}
		if r != nil {
			event.Kind, event.Reason = Corrected, strings.TrimSpace(r.Reason)
		}
		if done, err := tx.Event(c.Person, c.Key); err == nil {
			if done.Kind != event.Kind || !sameContent(done.Dose, c) {
				return carnet.E("vaccinate", carnet.Conflict, "dose.key-reused", nil)
			}
			out = done.Dose
			return nil
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		stands := carnet.Dose{PersonID: c.Person, RecordedBy: actor.ID, RecordedAt: event.At, Delegate: actor.Delegate} // who and when are those of the first entry
		if r == nil {
			stands.ID, err = s.ids.New()
		} else if stands, err = own(history, r.Dose, actor); err == nil && stands.Version != r.Version {
			err = carnet.E("vaccinate.Correct", carnet.Conflict, "dose.changed-meanwhile", nil)
		}
		if err != nil {
			return err
		}
		dose, err := s.check(tx, person, without(history, stands.ID), c, event, actor)
		if err != nil {
			return err
		}
		dose.PersonID, dose.ID, dose.RecordedBy, dose.RecordedAt, dose.Version = stands.PersonID, stands.ID, stands.RecordedBy, stands.RecordedAt, stands.Version+1
		dose.Delegate = stands.Delegate // and a correction answers what was contested
		if event.ID, err = s.ids.New(); err != nil {
			return err
		}
		event.Dose, out = dose, dose
		return tx.Append(event)
	})
	return out, err
}

// Cancel takes an entry away: it was never given, or not to this person. The event stays. Who moves
// it to the right person calls Move; what was forged goes through Suspect.
func (s *Service) Cancel(ctx context.Context, actor protect.Actor, c Cancellation) error {
	return s.mark(ctx, actor, protect.ActCancel, Event{Kind: Cancelled, Key: c.Key, Reason: c.Reason, Cause: c.Cause}, c.Person, c.Dose)
}

// Contest says that what a delegate entered in one's name was not theirs to enter, or is wrong: an
// event, and a mark that the dose shows until it is corrected or cancelled. Only who answers for
// the entry may, in a session of their own (identity section 5, D7).
func (s *Service) Contest(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID, reason string) error {
	return s.mark(ctx, actor, protect.ActContest, Event{Kind: Contested, Key: key, Reason: reason}, person, dose)
}

// mark appends an event that leaves what is recorded of a dose as it is.
func (s *Service) mark(ctx context.Context, actor protect.Actor, act protect.Act, e Event, person, dose carnet.ID) error {
	if err := actor.May(act); err != nil {
		return err
	}
	e.Reason = strings.TrimSpace(e.Reason)
	return s.about(ctx, actor, person, func(tx Tx) error {
		history, err := tx.Doses(person)
		if err != nil {
			return err
		}
		if done, err := tx.Event(person, e.Key); err == nil {
			if done.Kind != e.Kind || done.Cause != e.Cause || done.Dose.ID != dose {
				return carnet.E("vaccinate", carnet.Conflict, "dose.key-reused", nil)
			}
			return nil
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		if e.Dose, err = own(history, dose, actor); err != nil {
			return err
		}
		if e.Kind == Contested && (e.Dose.RecordedBy != actor.ID || e.Dose.Delegate.IsZero()) {
			return carnet.E("vaccinate", carnet.Denied, "dose.not-delegated", nil)
		}
		var problems carnet.Problems
		checkKey(&problems, e.Key)
		if e.Kind == Cancelled && !slices.Contains(Causes, e.Cause) {
			problems.Add("cause", "dose.cause", nil)
		}
		if e.Kind != Cancelled || e.Cause == Other || e.Reason != "" { // a cause speaks for itself
			checkReason(&problems, "reason", e.Reason)
		}
		if err := problems.Err(); err != nil {
			return err
		}
		if e.ID, err = s.ids.New(); err != nil {
			return err
		}
		e.Actor, e.At, e.Delegate, e.Session = actor.ID, s.ids.Clock(), actor.Delegate, actor.Session
		e.Dose.Version++
		e.Dose.Contested = e.Kind == Contested
		return tx.Append(e)
	})
}

// Entry is what a delegate entered, and what has become of it.
type Entry struct {
	Event
	Stands bool        // the dose still stands
	Now    carnet.Dose // as it stands; zero when it does not
}

// DelegatedEntries lists what delegates have entered in the actor's name since a time, newest
// first (D7). It is refused to a delegate.
func (s *Service) DelegatedEntries(ctx context.Context, actor protect.Actor, since time.Time) ([]Entry, error) {
	if err := actor.May(protect.ActContest); err != nil {
		return nil, err
	}
	var list []Entry
	err := s.about(ctx, actor, carnet.ID{}, func(tx Tx) error {
		events, err := tx.Delegated(actor.ID, since)
		if err != nil {
			return err
		}
		for _, e := range events {
			doses, err := tx.Doses(e.Dose.PersonID)
			if err != nil {
				return err
			}
			entry := Entry{Event: e}
			if i := slices.IndexFunc(doses, func(d carnet.Dose) bool { return d.ID == e.Dose.ID }); i >= 0 {
				entry.Stands, entry.Now = true, doses[i]
			}
			list = append(list, entry)
		}
		return nil
	})
	return list, err
}

// own finds a dose that stands and that the actor recorded or injected.
func own(history []carnet.Dose, id carnet.ID, actor protect.Actor) (carnet.Dose, error) {
	i := slices.IndexFunc(history, func(d carnet.Dose) bool { return d.ID == id })
	if i < 0 {
		return carnet.Dose{}, carnet.E("vaccinate", carnet.NotFound, "dose.unknown", nil)
	}
	if d := history[i]; d.RecordedBy == actor.ID || d.Injector == actor.ID {
		return d, nil
	}
	return carnet.Dose{}, carnet.E("vaccinate", carnet.Denied, "dose.not-yours", nil)
}

func without(history []carnet.Dose, id carnet.ID) []carnet.Dose {
	return slices.DeleteFunc(slices.Clone(history), func(d carnet.Dose) bool { return d.ID == id })
}

// check turns a command into a dose, or lists everything that is wrong with it.
func (s *Service) check(tx Tx, person carnet.Person, history []carnet.Dose, c Command, e Event, actor protect.Actor) (carnet.Dose, error) {
	var problems carnet.Problems
	checkKey(&problems, c.Key)
	if e.Kind == Corrected {
		checkReason(&problems, "reason", e.Reason)
	}
	v, known := s.catalogue.Find(c.Vaccine)
	if !known {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	if c.Lot.IsZero() {
		problems.Add("lot", "lot.missing", nil)
	}
	switch today := carnet.DateOf(e.At); {
	case c.Date.IsZero():
		problems.Add("date", "dose.date-missing", nil)
	case c.Date.After(today):
		problems.Add("date", "dose.date-future", map[string]any{"Today": today})
	case person.Identity.Birth.After(c.Date):
		problems.Add("date", "dose.before-birth", nil)
	}
	if !slices.Contains(carnet.BodySites, c.BodySite) {
		problems.Add("site", "dose.site", nil)
	}
	place, err := s.checkPeople(tx, &problems, c, actor)
	if err != nil {
		return carnet.Dose{}, err
	}
	d := c.dose(place)
	d.Rank, d.Expected, d.RankReason = c.Rank, c.Expected, strings.TrimSpace(c.RankReason)
	if known && !c.Date.IsZero() {
		p := propose(s.catalogue, history, v, c.Date)
		if d.Rank == 0 && d.Expected == 0 {
			d.Rank, d.Expected = p.Rank, p.Expected
		}
		switch {
		case d.Rank < 1 || d.Rank > 9 || d.Expected < 1 || d.Expected > 9:
			problems.Add("rank", "dose.rank", nil)
		case d.Rank != p.Rank || d.Expected != p.Expected:
			checkReason(&problems, "rank-reason", d.RankReason)
		default:
			d.RankReason = "" // the proposal needs none
		}
	}
	return d, problems.Err()
}

// checkPeople makes sure that the one who records exercises at the place, and that the one who is
// said to have injected may and does so there.
func (s *Service) checkPeople(tx Tx, problems *carnet.Problems, c Command, actor protect.Actor) (carnet.Place, error) {
	me, err := tx.Professional(actor.ID)
	if err != nil {
		return carnet.Place{}, err
	}
	i := slices.IndexFunc(me.Places, func(p carnet.Place) bool { return p.ID == c.Place })
	if i < 0 {
		problems.Add("place", "dose.place", nil)
	}
	injector := me
	if c.Injector != me.ID && !c.Injector.IsZero() {
		injector, err = tx.Professional(c.Injector)
		if carnet.KindOf(err) == carnet.NotFound {
			injector, err = carnet.Professional{}, nil
		}
		if err != nil {
			return carnet.Place{}, err
		}
	}
	works := slices.ContainsFunc(injector.Places, func(p carnet.Place) bool { return p.ID == c.Place })
	if c.Injector.IsZero() || !injector.Vaccinator || !works {
		problems.Add("injector", "dose.injector", nil)
	}
	if i < 0 {
		return carnet.Place{}, nil
	}
	return me.Places[i], nil
}

func checkKey(problems *carnet.Problems, key carnet.ID) {
	if key.IsZero() {
		problems.Add("key", "dose.key-missing", nil)
	}
}

const maxReason = 200 // characters

func checkReason(problems *carnet.Problems, field, reason string) {
	switch {
	case reason == "":
		problems.Add(field, "dose.reason-missing", nil)
	case utf8.RuneCountInString(reason) > maxReason:
		problems.Add(field, "dose.reason-long", map[string]any{"Max": maxReason})
	}
}

// sameContent reports that a command says what an event has already done.
func sameContent(d carnet.Dose, c Command) bool {
	rank := c.Rank == 0 && c.Expected == 0 || c.Rank == d.Rank && c.Expected == d.Expected
	return rank && d.Vaccine == c.Vaccine && d.Lot.Equal(c.Lot.Private) && d.Date == c.Date && d.Place.ID == c.Place &&
		d.BodySite == c.BodySite && d.Injector == c.Injector
}

// Done returns the dose that an idempotency key has written, as that event left it: a form that is
// met again after it was sent leads there. A key that did nothing yet is carnet.NotFound.
func (s *Service) Done(ctx context.Context, actor protect.Actor, person, key carnet.ID) (carnet.Dose, error) {
	var d carnet.Dose
	var none error
	err := s.about(ctx, actor, person, func(tx Tx) error {
		e, err := tx.Event(person, key)
		if carnet.KindOf(err) == carnet.NotFound {
			none = err // an answer like another, not a failure of the access
			return nil
		}
		d = e.Dose
		return err
	})
	return d, errors.Join(err, none)
}

// Professional opens the directory's entry of the one who acts.
func (s *Service) Professional(ctx context.Context, actor protect.Actor) (carnet.Professional, error) {
	var p carnet.Professional
	err := s.directory(ctx, actor, func(tx Tx) (err error) {
		p, err = tx.Professional(actor.ID)
		return err
	})
	return p, err
}

// Vaccinators lists who may be named as the injector at a place, by name.
func (s *Service) Vaccinators(ctx context.Context, actor protect.Actor, place string) ([]carnet.Professional, error) {
	var list []carnet.Professional
	err := s.directory(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.Vaccinators(place)
		return err
	})
	slices.SortFunc(list, func(a, b carnet.Professional) int {
		return strings.Compare(a.FamilyName.Reveal()+" "+a.GivenName.Reveal(), b.FamilyName.Reveal()+" "+b.GivenName.Reveal())
	})
	return list, err
}

// ProfessionalID is the id of a national number (12 digits, see carnet.ParseRPPS).
func (s *Service) ProfessionalID(number carnet.Private) carnet.ID {
	lookup := s.ring.Lookup("professional", number.Reveal())
	return carnet.DerivedID(lookup[:])
}

// Enrol writes a professional and the places into the directory; again, it changes nothing.
func (s *Service) Enrol(ctx context.Context, actor protect.Actor, p carnet.Professional) (carnet.ID, error) {
	p.ID = s.ProfessionalID(p.Number)
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: p.ID})
	return p.ID, s.store.Within(ctx, d, func(tx Tx) error { return tx.PutProfessional(p) })
}

func (s *Service) about(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: person})
	return s.store.Within(ctx, d, fn)
}

func (s *Service) directory(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Directory})
	return s.store.Within(ctx, d, fn)
}
