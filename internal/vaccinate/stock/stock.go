// Package stock keeps the lots of each place: what was delivered, until when it may be used, how many
// doses of it were recorded, and whether it is recalled.
//
// A lot is a product with the number on its box, at one place. Its state is worked out for a day:
//
//   - recalled, here or everywhere, whatever the rest says;
//   - unknown, when nobody delivered it here;
//   - expired, after its expiry, or after the last day of use once thawed;
//   - depleted, from a day on: tomorrow at the earliest, so that the day's doses can still be entered;
//   - active otherwise: [Service.Live] lists these, for a form or a run to offer.
//
// A state never stops a record: the entry form warns, and who goes on is recorded with the warning.
// Nothing is overwritten: each delivery and each change is an event with an idempotency key, and the
// lot is their projection. The number stands in clear, for it is printed on every box that leaves the
// factory; the lot of a dose, which points at a person, is sealed with the dose. The two meet through
// the keyed hash of the dose only.
//
// A recall is made by the operator for every place, or by the head of a place for that one. It tells
// each person whose dose it concerns, once, and leaves the place a list to follow; made again, it tells
// those who came since. See [Service.Recall].
//
// Specification: workflow sections 3 (screen 7), 4, 5 and 9; RAVS for the states.
package stock

import (
	"cmp"
	"context"
	"embed"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// State is what may be done with a lot on a day.
type State string

// The states, in the order in which they win.
const (
	Recalled State = "recalled"
	Unknown  State = "unknown" // of no delivery here
	Expired  State = "expired"
	Depleted State = "depleted"
	Active   State = "active"
)

// Lot is a lot at a place.
type Lot struct {
	ID       carnet.ID // zero when it was never delivered here
	Place    string
	Vaccine  string // code of the catalogue
	GTIN     string // of the box, when it was scanned
	Number   carnet.Lot
	Expiry   carnet.Date // last day of use that the box prints
	UseBy    carnet.Date // last day of use once thawed, zero when it is kept as delivered
	Received int         // doses, of every delivery; 0 when nobody counted
	Supplier string
	Depleted carnet.Date // from this day there is none left; zero while there is
	AddedAt  time.Time
	Version  int     // 1, then one more for each delivery or change
	Recall   *Recall // when it is recalled, here or everywhere
	Recorded int     // doses of it that stand, recorded here; only from List and Lot
}

// Ends is the last day on which the lot may be used: the earlier of its two dates.
func (l Lot) Ends() carnet.Date {
	if !l.UseBy.IsZero() && (l.Expiry.IsZero() || l.UseBy.Before(l.Expiry)) {
		return l.UseBy
	}
	return l.Expiry
}

// State is the state of the lot on a day.
func (l Lot) State(on carnet.Date) State {
	switch ends := l.Ends(); {
	case l.Recall != nil:
		return Recalled
	case l.ID.IsZero():
		return Unknown
	case !ends.IsZero() && on.After(ends):
		return Expired
	case !l.Depleted.IsZero() && !on.Before(l.Depleted):
		return Depleted
	}
	return Active
}

// Over is how many doses were recorded beyond those received; 0 when nobody counted what came.
func (l Lot) Over() int {
	if l.Received == 0 {
		return 0
	}
	return max(0, l.Recorded-l.Received)
}

// Reason says why a lot is recalled.
type Reason string

// The reasons, in the order in which a form offers them.
const (
	Quality   Reason = "quality"    // a defect of the product
	Effects   Reason = "effects"    // unexpected effects are being looked into
	ColdChain Reason = "cold-chain" // it was kept too warm or too cold
	Labelling Reason = "labelling"  // the box says something wrong
)

// Reasons lists them.
var Reasons = []Reason{Quality, Effects, ColdChain, Labelling}

// Recall takes a lot out of use, at one place or everywhere.
type Recall struct {
	ID      carnet.ID
	Vaccine string
	Number  carnet.Lot
	Place   string // empty for every place
	Reason  Reason
	At      time.Time
	By      carnet.ID // professional; zero for the operator
}

// Products is what this room needs of the catalogue.
type Products interface {
	Find(code string) (carnet.Vaccine, bool)
}

// Store is what this room needs of a store.
type Store interface {
	Stock(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Service is the room.
type Service struct {
	store    Store
	guard    *protect.Guard
	ids      carnet.IDs
	products Products
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ids carnet.IDs, products Products) *Service {
	return &Service{store, guard, ids, products}
}

// Live lists the lots of a place that are active today, the first to end first. The one who acts must
// exercise at the place: carnet.Denied, "stock.place". Delegates may.
func (s *Service) Live(ctx context.Context, actor protect.Actor, place string) ([]Lot, error) {
	return s.LiveOn(ctx, actor, place, s.today())
}

// LiveOn lists those that were active on a day, for a dose that is entered late.
func (s *Service) LiveOn(ctx context.Context, actor protect.Actor, place string, on carnet.Date) ([]Lot, error) {
	var live []Lot
	err := s.at(ctx, actor, place, func(tx Tx) error {
		all, err := tx.Lots(place)
		for _, l := range all {
			if l.State(on) == Active {
				live = append(live, l)
			}
		}
		return err
	})
	byEnd(live)
	return live, err
}

// byEnd puts the first to end first; lots that end together stand by number.
func byEnd(list []Lot) {
	slices.SortFunc(list, func(a, b Lot) int {
		return cmp.Or(a.Ends().Days()-b.Ends().Days(), strings.Compare(a.Number.Reveal(), b.Number.Reveal()))
	})
}

// Status is a lot as a place knows it, by its product and number: one that was never delivered there
// has no id, and tells all the same whether it is recalled. Recorded is not counted.
func (s *Service) Status(ctx context.Context, actor protect.Actor, place, vaccine string, number carnet.Lot) (Lot, error) {
	var out Lot
	err := s.at(ctx, actor, place, func(tx Tx) (err error) {
		out, err = tx.LotByNumber(place, vaccine, number)
		return err
	})
	return out, err
}

func (s *Service) today() carnet.Date { return carnet.DateOf(s.ids.Clock()) }
