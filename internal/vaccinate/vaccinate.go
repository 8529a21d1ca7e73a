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

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/vaccinate/paper"
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
	Into(person carnet.ID) (carnet.ID, error)      // the record that this one is a part of now, itself when it stands alone
	Doses(person carnet.ID) ([]carnet.Dose, error) // entries that stand, oldest injection first
	Annulled(person carnet.ID) ([]carnet.Dose, error)
	Event(person, key carnet.ID) (Event, error)     // the event of an idempotency key; carnet.NotFound
	Events(person, dose carnet.ID) ([]Event, error) // of an entry, oldest first
	Append(e Event) error                           // event, projection and outbox row
	TakeForm(s paper.Serial, dose carnet.ID, at time.Time) error
	FreeForm(s paper.Serial, dose carnet.ID) error
	Tell(n carnet.Notice) error // the person

	Infections(person carnet.ID) ([]carnet.Infection, error)     // that stand, oldest first
	InfectionOf(person, key carnet.ID) (carnet.Infection, error) // of an idempotency key; carnet.NotFound
	PutInfection(key carnet.ID, i carnet.Infection) error        // a new one
	WithdrawInfection(person, infection, by carnet.ID, at time.Time) error

	// Delegated lists what delegates have entered for a professional since a time, newest first, at
	// most 500.
	Delegated(professional carnet.ID, since time.Time) ([]Event, error)
	// Suspects lists the entries of a place, or made in it, that are said to be forged, at most 500.
	Suspects(place string) ([]carnet.Dose, error)

	Link(person, professional, session carnet.ID) (Link, error) // NoLink without
	PutLink(person, professional, session carnet.ID, how Link, motive carnet.Private) error

	Petition(person, id carnet.ID) (Petition, error)  // carnet.NotFound
	PutPetition(p Petition) error                     // a new one, or its next state
	PetitionsOf(person carnet.ID) ([]Petition, error) // newest first, at most 500
	// Petitions lists those that wait for an answer, and those that got one since a time, oldest
	// first, at most 500.
	Petitions(of Petitioned, since time.Time) ([]Petition, error)

	Professional(id carnet.ID) (carnet.Professional, error)
	Vaccinators(place string) ([]carnet.Professional, error)
	PutProfessional(p carnet.Professional) error // places included; writing again changes nothing
	PutHead(place string, professional carnet.ID, head bool) error
}

// Service is the room.
type Service struct {
	store     Store
	guard     *protect.Guard
	ring      *keyring.Ring
	ids       carnet.IDs
	catalogue Catalogue
	after     func(ctx context.Context, person carnet.ID)
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ring *keyring.Ring, ids carnet.IDs, c Catalogue) *Service {
	return &Service{store: store, guard: guard, ring: ring, ids: ids, catalogue: c}
}

// After sets what is called once a command has changed or taken away what a person's documents may
// state: package certify's Follow, so that a person can have the right document at once. It is
// called before the command answers, and its own errors are its own: what it misses, the upkeep of
// each minute does. It is set before the room is used.
func (s *Service) After(fn func(ctx context.Context, person carnet.ID)) { s.after = fn }

// Catalogue lists the vaccines that can be recorded.
func (s *Service) Catalogue() Catalogue { return s.catalogue }

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Today is the civil date, by the injected clock.
func (s *Service) Today() carnet.Date { return carnet.DateOf(s.ids.Clock()) }

// History lists the entries that stand, oldest injection first: injections, doses of elsewhere, and
// records that none was given.
func (s *Service) History(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error) {
	var doses []carnet.Dose
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		doses, err = tx.Doses(person)
		return err
	})
	return doses, err
}

// Annulled lists the forged entries that were taken away. They say nothing of the person's doses: a
// record shows them as annulled, and counts them apart.
func (s *Service) Annulled(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error) {
	var doses []carnet.Dose
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		doses, err = tx.Annulled(person)
		return err
	})
	return doses, err
}

// Events lists what happened to an entry, oldest first. Each event holds the entry as it left it:
// what changed is the difference with the one before.
func (s *Service) Events(ctx context.Context, actor protect.Actor, person, dose carnet.ID) ([]Event, error) {
	var list []Event
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		list, err = tx.Events(person, dose)
		if err == nil && len(list) == 0 {
			err = carnet.E("vaccinate", carnet.NotFound, "dose.unknown", nil)
		}
		return err
	})
	return list, err
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
		k, err := s.open(tx, actor, person)
		if err == nil {
			p = k.propose(carnet.Dose{ID: correcting, Vaccine: vaccine, Date: on}, v)
		}
		return err
	})
	return p, err
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

// AppointHead says that a professional heads a place, or no longer does. It may come before their
// first login.
func (s *Service) AppointHead(ctx context.Context, actor protect.Actor, place string, professional carnet.ID, head bool) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: professional})
	return s.store.Within(ctx, d, func(tx Tx) error { return tx.PutHead(place, professional, head) })
}

// Enrol writes a professional and the places into the directory; again, it changes nothing.
func (s *Service) Enrol(ctx context.Context, actor protect.Actor, p carnet.Professional) (carnet.ID, error) {
	p.ID = s.ProfessionalID(p.Number)
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: p.ID})
	return p.ID, s.store.Within(ctx, d, func(tx Tx) error { return tx.PutProfessional(p) })
}

// about runs fn about one person. A professional who is logged in sees their own patients only: see
// Link.
func (s *Service) about(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	return s.within(ctx, actor, person, func(tx Tx) error {
		if err := linked(tx, actor, person); err != nil {
			return err
		}
		return fn(tx)
	})
}

func (s *Service) within(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	return s.store.Within(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: person}), fn)
}

func (s *Service) directory(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Directory})
	return s.store.Within(ctx, d, fn)
}
