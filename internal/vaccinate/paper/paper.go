// Package paper numbers the forms that a place prints for the day when nothing answers, and makes sure
// that what was written on one is entered once.
//
// A number is nine characters drawn at random and one that checks them (see [ParseSerial]); it is kept
// when the form is printed, says which place printed it, and tells nothing about anybody. The dose that
// is entered from the form takes the number, in the transaction that records it ([Tx.TakeForm]): a
// second dose with the same number is carnet.Conflict, "form.taken"; a number that nobody printed is
// carnet.Invalid, "form.unknown". A cancelled dose gives its number back, for the paper is still right
// when the entry was not.
//
// Specification: workflow section 8.
package paper

import (
	"context"
	"embed"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Migrations holds the table of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// MaxForms is the most that are printed at once.
const MaxForms = 50

// Form is one that was printed.
type Form struct {
	Serial  Serial
	Place   carnet.Place // that printed it
	Printed time.Time
	By      carnet.ID // professional
	Taken   time.Time // when a dose took it; zero while none did
	Dose    carnet.ID // that took it; zero while none did
}

// Store is what this room needs of a store.
type Store interface {
	Paper(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
//
// TakeForm and FreeForm are also part of the transaction of the room vaccinate, which calls them when a
// dose is recorded from paper, and cancelled.
type Tx interface {
	Works(professional carnet.ID, place string) (works, head bool, err error)
	Place(id string) (carnet.Place, error)
	// PutForms keeps new numbers under the key of what asked for them.
	PutForms(key carnet.ID, list []Form) error
	// FormsOf lists the forms of a key, in the order in which they were drawn.
	FormsOf(key carnet.ID) ([]Form, error)
	Form(s Serial) (Form, error) // carnet.NotFound, "form.unknown"
	// CountForms counts those that a place printed since a time, and those of them that no dose took.
	CountForms(place string, since time.Time) (open, printed int, err error)
	// TakeForm marks a number as that of a dose; again for the same dose, it changes nothing.
	TakeForm(s Serial, dose carnet.ID, at time.Time) error
	// FreeForm gives a number back that a dose had taken; any other is left alone.
	FreeForm(s Serial, dose carnet.ID) error
}

// Service is the room.
type Service struct {
	store Store
	guard *protect.Guard
	ids   carnet.IDs
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ids carnet.IDs) *Service {
	return &Service{store, guard, ids}
}

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Print draws the numbers of new forms for a place where the one who acts exercises: carnet.Denied,
// "paper.place". The same key answers with the forms that it printed, so that a page that is loaded
// again prints the same ones. Delegates may.
func (s *Service) Print(ctx context.Context, actor protect.Actor, key carnet.ID, place string, n int) ([]Form, error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return nil, err
	}
	if key.IsZero() {
		return nil, &carnet.Error{Op: "paper.Print", Kind: carnet.Invalid, Code: "form.key-missing", Field: "key"}
	}
	if n < 1 || n > MaxForms {
		return nil, &carnet.Error{Op: "paper.Print", Kind: carnet.Invalid, Code: "form.count", Field: "count", Args: map[string]any{"Max": MaxForms}}
	}
	var list []Form
	err := s.within(ctx, actor, func(tx Tx) (err error) {
		if works, _, err := tx.Works(actor.ID, place); err != nil {
			return err
		} else if !works {
			return carnet.E("paper.Print", carnet.Denied, "paper.place", nil)
		}
		if list, err = tx.FormsOf(key); err != nil || len(list) > 0 {
			return err
		}
		at, err := tx.Place(place)
		if err != nil {
			return err
		}
		now := s.ids.Clock()
		for range n {
			serial, err := draw(s.ids.Rand)
			if err != nil {
				return err
			}
			list = append(list, Form{Serial: serial, Place: at, Printed: now, By: actor.ID})
		}
		return tx.PutForms(key, list)
	})
	return list, err
}

// Printed lists the forms of a key that the one who acts printed, for the page that shows them.
func (s *Service) Printed(ctx context.Context, actor protect.Actor, key carnet.ID) ([]Form, error) {
	var list []Form
	err := s.within(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.FormsOf(key)
		return err
	})
	if err == nil && (len(list) == 0 || list[0].By != actor.ID) {
		return nil, carnet.E("paper.Printed", carnet.NotFound, "form.unknown", nil)
	}
	return list, err
}

// Check says what is known of a number: which place printed it and whether a dose took it. One that
// nobody printed is carnet.NotFound, "form.unknown".
func (s *Service) Check(ctx context.Context, actor protect.Actor, serial Serial) (Form, error) {
	var f Form
	err := s.within(ctx, actor, func(tx Tx) (err error) {
		f, err = tx.Form(serial)
		return err
	})
	return f, err
}

// Open counts the forms that a place printed since a time and that were not entered yet, and all that
// it printed: after an outage, nothing is left when they are as many as the blank ones in the drawer.
func (s *Service) Open(ctx context.Context, actor protect.Actor, place string, since time.Time) (open, printed int, err error) {
	err = s.within(ctx, actor, func(tx Tx) (err error) {
		if works, _, err := tx.Works(actor.ID, place); err != nil {
			return err
		} else if !works {
			return carnet.E("paper.Open", carnet.Denied, "paper.place", nil)
		}
		open, printed, err = tx.CountForms(place, since)
		return err
	})
	return open, printed, err
}

func (s *Service) within(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	return s.store.Paper(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Paper}), fn)
}
