package stock

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	// Works tells whether a professional exercises at a place, and whether as its head.
	Works(professional carnet.ID, place string) (works, head bool, err error)
	Place(id string) (carnet.Place, error) // carnet.NotFound, "place.unknown"

	Lots(place string) ([]Lot, error) // those of a place, with their recalls
	// LotByNumber finds the lot of a place by product and number; one without an id, with its recall
	// if there is one, when it was never delivered there.
	LotByNumber(place, vaccine string, number carnet.Lot) (Lot, error)
	// Recorded counts the doses of a lot that stand and were recorded at a place.
	Recorded(place, vaccine string, number carnet.Lot) (int, error)
	LotEvent(place string, key carnet.ID) (Event, error)    // the event of an idempotency key; carnet.NotFound
	LotEvents(place string, lot carnet.ID) ([]Event, error) // oldest first
	AppendLot(e Event) error                                // the event and the lot as it stands after it

	Recalls() ([]Recall, error) // those of all places first, then by date
	PutRecall(r Recall) error
	// Injected lists the doses of a lot that stand: those of a place, or of all places when it is empty.
	// It opens nobody's record: telling somebody leaves a line about them.
	Injected(vaccine string, number carnet.Lot, place string) ([]Injected, error)
	// Follows lists the rows of a recall: those of a place, or of all places when it is empty.
	Follows(recall carnet.ID, place string) ([]Follow, error)
	Followed(recall, person, dose carnet.ID) (bool, error)
	PutFollow(f Follow) error // in the place of the one of the same recall, person and dose
	Person(id carnet.ID) (carnet.Person, error)
	Tell(n carnet.Notice) error
}

// EventKind says what happened to a lot.
type EventKind string

// The events of a lot.
const (
	Delivered EventKind = "deliver"
	Changed   EventKind = "change"
)

// Event is one thing that happened to a lot.
type Event struct {
	ID    carnet.ID
	Kind  EventKind
	Key   carnet.ID // idempotency key
	Actor carnet.ID
	// Who typed for Actor, zero when Actor did.
	Delegate carnet.ID
	At       time.Time
	Lot      Lot // as it stands after the event
	Doses    int // delivered with it
}

// Injected is a dose of a lot.
type Injected struct {
	Person, Dose carnet.ID
	Date         carnet.Date
	Place        string
}

// at runs fn for somebody who exercises at a place.
func (s *Service) at(ctx context.Context, actor protect.Actor, place string, fn func(Tx) error) error {
	return s.store.Stock(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Stock}), func(tx Tx) error {
		if works, _, err := tx.Works(actor.ID, place); err != nil {
			return err
		} else if !works {
			return carnet.E("stock", carnet.Denied, "stock.place", nil)
		}
		return fn(tx)
	})
}
