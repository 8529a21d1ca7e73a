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
	// PutForms keeps new numbers under the key of what asked for them.
	PutForms(key carnet.ID, list []Form) error
	// FormsOf lists the forms of a key, in the order in which they were drawn.
	FormsOf(key carnet.ID) ([]Form, error)
	Form(s Serial) (Form, error) // carnet.NotFound, "form.unknown"
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
