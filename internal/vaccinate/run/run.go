// Package run keeps what outlives one page of data entry: runs (same vaccine, next person), drafts,
// and what a place said that an unknown box holds.
//
// # Runs
//
// A [Run] holds what does not change from one person to the next: product, lot, expiry, injector,
// responsible professional, place, kind of place, eligibility reason. Consent, contraindications,
// body site and note are asked of each person and have no field here, so they cannot be carried.
// Each one who types has at most one open run: starting another ends the first. The lot is locked:
// it changes by [Service.ChangeLot] alone, which counts a version, and a page that was shown before
// can tell that it is late. A run ends by itself after the last day of its lot.
//
// # Drafts
//
// A [Draft] is what was typed and not recorded yet, under the idempotency key of its entry. It is
// sealed under the key of the person whom it is about, survives a reload, a crash, a logout and a
// change of machine, and lapses after [DraftLife]; recording the entry deletes it. The professional
// sees every draft typed in their name, a delegate only their own.
//
// Specification: workflow sections 3 (screens 1 and 7), 4 and 5.
package run

import (
	"context"
	"embed"
	"time"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Migrations holds the tables of this package, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// DraftLife is how long a draft is kept after it was last saved.
const DraftLife = 48 * time.Hour

const (
	maxDraft  = 16 << 10 // bytes of a form
	maxDrafts = 50       // shown at once
)

// Why a run ended.
const (
	Finished = "finished" // by the one who types
	Replaced = "replaced" // another run was started
	Expired  = "expired"  // the last day of the lot has passed
	Recalled = "recalled" // the lot was recalled
)

// Run is the same vaccine for one person after another.
type Run struct {
	ID          carnet.ID
	Actor       carnet.ID // professional who answers
	Delegate    carnet.ID // who types; zero when Actor does
	Place       string
	PlaceType   carnet.PlaceType
	Vaccine     string
	Lot         carnet.Lot
	Expiry      carnet.Date // zero when not known
	Injector    carnet.ID
	Responsible carnet.ID
	Route       string
	Eligibility string
	StartedAt   time.Time
	EndedAt     time.Time // zero while it is open
	Ended       string    // why
	Version     int       // 1, then one more each time the lot changes
	Pace        Pace
}

// Pace is how far a run has come.
type Pace struct {
	Entries     int
	First, Last time.Time // zero without entries
}

// Mean is the time from one entry to the next, zero with fewer than two.
func (p Pace) Mean() time.Duration {
	if p.Entries < 2 {
		return 0
	}
	return p.Last.Sub(p.First) / time.Duration(p.Entries-1)
}

// Draft is what was typed and not recorded yet.
type Draft struct {
	Key      carnet.ID // idempotency key of the entry
	Person   carnet.ID
	Actor    carnet.ID
	Delegate carnet.ID
	Form     carnet.Private // the form, application/x-www-form-urlencoded
	SavedAt  time.Time
	Expires  time.Time
}

// Store is what this package needs of a store: fn runs in one transaction that begins with the
// decision in the journal.
type Store interface {
	Run(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// OpenRun is the open run of somebody who types, or carnet.NotFound.
	OpenRun(actor, delegate carnet.ID) (Run, error)
	PutRun(r Run) error // in the place of the one of the same id
	// PutEntry counts an entry, once; RemoveEntry takes it away again.
	PutEntry(run, key carnet.ID, at time.Time) error
	RemoveEntry(run, key carnet.ID) error
	// Draft finds a draft by its key, or carnet.NotFound.
	Draft(person, key carnet.ID) (Draft, error)
	Drafts(actor carnet.ID) ([]Draft, error) // newest first, at most 50, without their forms
	PutDraft(d Draft) error                  // in the place of the one of the same key
	RemoveDraft(person, key carnet.ID) error
	PurgeDrafts(at time.Time) error // whoever they are of
	// Pack is what a place said that a box holds, or carnet.NotFound.
	Pack(place string, g gs1.GTIN) (vaccine string, err error)
	PutPack(place string, g gs1.GTIN, vaccine string, actor carnet.ID, at time.Time) error
}

// Service keeps runs, drafts and boxes.
type Service struct {
	store Store
	guard *protect.Guard
	ids   carnet.IDs
}

// New returns the service over a store.
func New(store Store, guard *protect.Guard, ids carnet.IDs) *Service {
	return &Service{store, guard, ids}
}

// Start opens a run for the one who acts, at the place of their session; the run that was open
// ends. The product, the lot and the injector are needed; an expiry in the past is refused.
func (s *Service) Start(ctx context.Context, actor protect.Actor, r Run) (Run, error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return Run{}, err
	}
	now := s.ids.Clock()
	if err := check(r, carnet.DateOf(now)); err != nil {
		return Run{}, err
	}
	var err error
	if r.ID, err = s.ids.New(); err != nil {
		return Run{}, err
	}
	r.Actor, r.Delegate, r.Place = actor.ID, actor.Delegate, actor.Organisation
	r.StartedAt, r.EndedAt, r.Ended, r.Version, r.Pace = now, time.Time{}, "", 1, Pace{}
	err = s.within(ctx, actor, carnet.ID{}, func(tx Tx) error {
		if err := end(tx, actor, Replaced, now); err != nil {
			return err
		}
		return tx.PutRun(r)
	})
	return r, err
}

func check(r Run, today carnet.Date) error {
	var problems carnet.Problems
	if r.Vaccine == "" {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	if r.Lot.IsZero() {
		problems.Add("lot", "lot.missing", nil)
	}
	if !r.Expiry.IsZero() && r.Expiry.Before(today) {
		problems.Add("expiry", "run.expired", map[string]any{"Expiry": r.Expiry})
	}
	if r.Injector.IsZero() {
		problems.Add("injector", "dose.injector", nil)
	}
	return problems.Err()
}

// end closes the open run, if there is one.
func end(tx Tx, actor protect.Actor, why string, now time.Time) error {
	r, err := tx.OpenRun(actor.ID, actor.Delegate)
	if carnet.KindOf(err) == carnet.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	r.EndedAt, r.Ended = now, why
	return tx.PutRun(r)
}

// Current is the open run of the one who acts, or carnet.NotFound. A run whose lot has expired, or
// that belongs to another place than the session, is closed and not answered.
func (s *Service) Current(ctx context.Context, actor protect.Actor) (Run, error) {
	var r Run
	var none error
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) (err error) {
		r, err = tx.OpenRun(actor.ID, actor.Delegate)
		if carnet.KindOf(err) == carnet.NotFound {
			none = err // an answer like another
			return nil
		}
		if err != nil {
			return err
		}
		now := s.ids.Clock()
		why := ""
		switch {
		case !r.Expiry.IsZero() && r.Expiry.Before(carnet.DateOf(now)):
			why = Expired
		case r.Place != actor.Organisation:
			why = Replaced
		}
		if why == "" {
			return nil
		}
		r.EndedAt, r.Ended = now, why
		none = carnet.E("run.Current", carnet.NotFound, "run.none", nil)
		return tx.PutRun(r)
	})
	if err == nil {
		err = none
	}
	return r, err
}

// ChangeLot gives the open run another box: product, lot and expiry.
func (s *Service) ChangeLot(ctx context.Context, actor protect.Actor, vaccine string, lot carnet.Lot, expiry carnet.Date) (Run, error) {
	var r Run
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) (err error) {
		if r, err = tx.OpenRun(actor.ID, actor.Delegate); err != nil {
			return err
		}
		r.Vaccine, r.Lot, r.Expiry = vaccine, lot, expiry
		if err := check(r, carnet.DateOf(s.ids.Clock())); err != nil {
			return err
		}
		r.Version++
		return tx.PutRun(r)
	})
	return r, err
}

// End closes the open run; there may be none.
func (s *Service) End(ctx context.Context, actor protect.Actor, why string) error {
	return s.within(ctx, actor, carnet.ID{}, func(tx Tx) error { return end(tx, actor, why, s.ids.Clock()) })
}

// Count notes that an entry belongs to a run. The same key counts once.
func (s *Service) Count(ctx context.Context, actor protect.Actor, run, key carnet.ID) error {
	return s.within(ctx, actor, carnet.ID{}, func(tx Tx) error { return tx.PutEntry(run, key, s.ids.Clock()) })
}

// Uncount takes an entry away that was undone.
func (s *Service) Uncount(ctx context.Context, actor protect.Actor, run, key carnet.ID) error {
	return s.within(ctx, actor, carnet.ID{}, func(tx Tx) error { return tx.RemoveEntry(run, key) })
}

// SaveDraft keeps what was typed, in the place of what was kept under the same key. A form that is
// too long to be one of ours is refused.
func (s *Service) SaveDraft(ctx context.Context, actor protect.Actor, person, key carnet.ID, form carnet.Private) error {
	if err := actor.May(protect.ActEnter); err != nil {
		return err
	}
	if key.Version() != 7 {
		return carnet.E("run.SaveDraft", carnet.NotFound, "entry.unknown", nil)
	}
	if len(form.Reveal()) > maxDraft {
		return carnet.E("run.SaveDraft", carnet.Invalid, "request.large", nil)
	}
	now := s.ids.Clock()
	d := Draft{Key: key, Person: person, Actor: actor.ID, Delegate: actor.Delegate, Form: form, SavedAt: now, Expires: now.Add(DraftLife)}
	return s.within(ctx, actor, person, func(tx Tx) error {
		old, err := tx.Draft(person, key)
		if err == nil && !mine(old, actor) {
			return carnet.E("run.SaveDraft", carnet.Denied, "entry.draft-of-another", nil)
		}
		if err != nil && carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		if err := tx.PurgeDrafts(now); err != nil {
			return err
		}
		return tx.PutDraft(d)
	})
}

// Draft opens a draft of the one who acts. One that lapsed, or of somebody else, is
// carnet.NotFound: that it exists is not told.
func (s *Service) Draft(ctx context.Context, actor protect.Actor, person, key carnet.ID) (Draft, error) {
	var d Draft
	var none error
	err := s.within(ctx, actor, person, func(tx Tx) (err error) {
		d, err = tx.Draft(person, key)
		if err == nil && (!mine(d, actor) || !s.ids.Clock().Before(d.Expires)) {
			d, err = Draft{}, carnet.E("run.Draft", carnet.NotFound, "entry.no-draft", nil)
		}
		if carnet.KindOf(err) == carnet.NotFound {
			none, err = err, nil
		}
		return err
	})
	if err == nil {
		err = none
	}
	return d, err
}

// Drafts lists the drafts of the one who acts, newest first, without what was typed.
func (s *Service) Drafts(ctx context.Context, actor protect.Actor) ([]Draft, error) {
	var list []Draft
	now := s.ids.Clock()
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) error {
		if err := tx.PurgeDrafts(now); err != nil {
			return err
		}
		all, err := tx.Drafts(actor.ID)
		for _, d := range all {
			if mine(d, actor) && len(list) < maxDrafts {
				list = append(list, d)
			}
		}
		return err
	})
	return list, err
}

// DropDraft deletes a draft: its entry was recorded, or given up. There may be none.
func (s *Service) DropDraft(ctx context.Context, actor protect.Actor, person, key carnet.ID) error {
	return s.within(ctx, actor, person, func(tx Tx) error {
		d, err := tx.Draft(person, key)
		if carnet.KindOf(err) == carnet.NotFound || err == nil && !mine(d, actor) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.RemoveDraft(person, key)
	})
}

// mine: a professional sees what is typed in their name, a delegate what they typed.
func mine(d Draft, actor protect.Actor) bool {
	return d.Actor == actor.ID && (actor.Delegate.IsZero() || d.Delegate == actor.Delegate)
}

// Pack is the vaccine that the place of the session says a box holds, or carnet.NotFound.
func (s *Service) Pack(ctx context.Context, actor protect.Actor, g gs1.GTIN) (string, error) {
	var vaccine string
	var none error
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) (err error) {
		vaccine, err = tx.Pack(actor.Organisation, g)
		if carnet.KindOf(err) == carnet.NotFound {
			none, err = err, nil
		}
		return err
	})
	if err == nil {
		err = none
	}
	return vaccine, err
}

// RememberPack keeps what a box holds for the place of the session, in the place of what was said
// before.
func (s *Service) RememberPack(ctx context.Context, actor protect.Actor, g gs1.GTIN, vaccine string) error {
	if _, err := gs1.ParseGTIN(string(g)); err != nil {
		return carnet.E("run.RememberPack", carnet.Invalid, "scan.gtin", err)
	}
	return s.within(ctx, actor, carnet.ID{}, func(tx Tx) error {
		return tx.PutPack(actor.Organisation, g, vaccine, actor.ID, s.ids.Clock())
	})
}

func (s *Service) within(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: person})
	return s.store.Run(ctx, d, fn)
}
