package stock

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

const (
	maxDoses    = 100_000 // of one delivery
	maxSupplier = 100     // characters
	maxYears    = 10      // from today to the expiry of a box
)

// Delivery is a lot that reaches a place.
type Delivery struct {
	Key      carnet.ID // idempotency key, made before the form was shown
	Place    string
	Vaccine  string // code of the catalogue
	GTIN     string // of the box, when it was scanned
	Number   carnet.Lot
	Expiry   carnet.Date
	UseBy    carnet.Date // zero when it is kept as delivered
	Received int         // doses; 0 when nobody counts
	Supplier string
}

// Change says what is new of a lot. Its product, number and expiry are those of the box and do not
// change: a lot that was entered wrongly is marked as depleted and the right one delivered.
type Change struct {
	Key      carnet.ID
	Place    string
	Lot      carnet.ID
	Version  int // of the lot that the professional saw
	UseBy    carnet.Date
	Received int // doses of every delivery
	Supplier string
	Depleted carnet.Date // tomorrow at the earliest; zero while there is some left
}

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// List lists every lot of a place with the doses that were recorded of it, those that are active first,
// each group by the end of use.
func (s *Service) List(ctx context.Context, actor protect.Actor, place string) ([]Lot, error) {
	var list []Lot
	err := s.at(ctx, actor, place, func(tx Tx) (err error) {
		if list, err = tx.Lots(place); err != nil {
			return err
		}
		for i := range list {
			if list[i].Recorded, err = tx.Recorded(place, list[i].Vaccine, list[i].Number); err != nil {
				return err
			}
		}
		return nil
	})
	byEnd(list)
	today := s.today()
	order := map[State]int{Active: 0, Recalled: 1, Expired: 2, Depleted: 3}
	slices.SortStableFunc(list, func(a, b Lot) int { return order[a.State(today)] - order[b.State(today)] })
	return list, err
}

// Lot opens a lot of a place, with what happened to it, oldest first.
func (s *Service) Lot(ctx context.Context, actor protect.Actor, place string, id carnet.ID) (Lot, []Event, error) {
	var out Lot
	var events []Event
	err := s.at(ctx, actor, place, func(tx Tx) (err error) {
		if out, err = find(tx, place, id); err != nil {
			return err
		}
		if out.Recorded, err = tx.Recorded(place, out.Vaccine, out.Number); err != nil {
			return err
		}
		events, err = tx.LotEvents(place, id)
		return err
	})
	return out, events, err
}

func find(tx Tx, place string, id carnet.ID) (Lot, error) {
	list, err := tx.Lots(place)
	if err != nil {
		return Lot{}, err
	}
	i := slices.IndexFunc(list, func(l Lot) bool { return l.ID == id })
	if i < 0 {
		return Lot{}, carnet.E("stock", carnet.NotFound, "lot.unknown", nil)
	}
	return list[i], nil
}

// Deliver adds a lot to a place, or more of a lot that it has: the doses add up, a new last day of use
// replaces the earlier one, and it is no longer depleted. What cannot be is refused with carnet.Problems
// that name each field. The same key answers with what it did; with other content it is
// carnet.Conflict, "lot.key-reused".
func (s *Service) Deliver(ctx context.Context, actor protect.Actor, d Delivery) (Lot, error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return Lot{}, err
	}
	d.Supplier = strings.Join(strings.Fields(d.Supplier), " ")
	var out Lot
	err := s.at(ctx, actor, d.Place, func(tx Tx) error {
		if done, err := tx.LotEvent(d.Place, d.Key); err == nil {
			l := done.Lot
			if done.Kind != Delivered || l.Vaccine != d.Vaccine || !l.Number.Equal(d.Number.Private) || done.Doses != d.Received {
				return reused()
			}
			out = l
			return nil
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		stands, err := tx.LotByNumber(d.Place, d.Vaccine, d.Number)
		if err != nil {
			return err
		}
		var problems carnet.Problems
		checkKey(&problems, d.Key)
		if _, known := s.products.Find(d.Vaccine); !known {
			problems.Add("vaccine", "lot.vaccine", nil)
		}
		if d.Number.IsZero() {
			problems.Add("lot", "lot.missing", nil)
		}
		switch {
		case d.Expiry.IsZero():
			problems.Add("expiry", "lot.expiry-missing", nil)
		case !stands.ID.IsZero() && stands.Expiry != d.Expiry:
			problems.Add("expiry", "lot.expiry-differs", map[string]any{"Expiry": stands.Expiry})
		case d.Expiry.Year > s.today().Year+maxYears || d.Expiry.Year < s.today().Year-maxYears:
			problems.Add("expiry", "lot.expiry-far", nil)
		}
		s.check(&problems, d.Expiry, d.UseBy, d.Received, d.Supplier)
		if err := problems.Err(); err != nil {
			return err
		}
		e := Event{Kind: Delivered, Key: d.Key, Doses: d.Received, Lot: stands}
		l := &e.Lot
		if l.ID.IsZero() {
			if l.ID, err = s.ids.New(); err != nil {
				return err
			}
			l.Expiry, l.AddedAt = d.Expiry, s.ids.Clock()
		}
		l.Received += d.Received
		l.Depleted = carnet.Date{}
		if !d.UseBy.IsZero() {
			l.UseBy = d.UseBy
		}
		if d.GTIN != "" {
			l.GTIN = d.GTIN
		}
		if d.Supplier != "" {
			l.Supplier = d.Supplier
		}
		out, err = s.append(tx, actor, e)
		return err
	})
	return out, err
}

// Change writes what is new of a lot. What another change has altered meanwhile is carnet.Conflict,
// "lot.changed-meanwhile".
func (s *Service) Change(ctx context.Context, actor protect.Actor, c Change) (Lot, error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return Lot{}, err
	}
	c.Supplier = strings.Join(strings.Fields(c.Supplier), " ")
	var out Lot
	err := s.at(ctx, actor, c.Place, func(tx Tx) error {
		stands, err := find(tx, c.Place, c.Lot)
		if err != nil {
			return err
		}
		if done, err := tx.LotEvent(c.Place, c.Key); err == nil {
			l := done.Lot
			if done.Kind != Changed || l.ID != c.Lot || l.UseBy != c.UseBy || l.Received != c.Received || l.Supplier != c.Supplier || l.Depleted != c.Depleted {
				return reused()
			}
			out = l
			return nil
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		if stands.Version != c.Version {
			return carnet.E("stock.Change", carnet.Conflict, "lot.changed-meanwhile", nil)
		}
		var problems carnet.Problems
		checkKey(&problems, c.Key)
		s.check(&problems, stands.Expiry, c.UseBy, c.Received, c.Supplier)
		if !c.Depleted.IsZero() && c.Depleted != stands.Depleted && !c.Depleted.After(s.today()) {
			problems.Add("depleted", "lot.depleted-early", map[string]any{"Date": s.today().AddDays(1)})
		}
		if err := problems.Err(); err != nil {
			return err
		}
		e := Event{Kind: Changed, Key: c.Key, Lot: stands}
		e.Lot.UseBy, e.Lot.Received, e.Lot.Supplier, e.Lot.Depleted = c.UseBy, c.Received, c.Supplier, c.Depleted
		out, err = s.append(tx, actor, e)
		return err
	})
	return out, err
}

func (s *Service) append(tx Tx, actor protect.Actor, e Event) (Lot, error) {
	var err error
	if e.ID, err = s.ids.New(); err != nil {
		return Lot{}, err
	}
	e.Actor, e.Delegate, e.At = actor.ID, actor.Delegate, s.ids.Clock()
	e.Lot.Version++
	return e.Lot, tx.AppendLot(e)
}

// check looks at what a delivery and a change have in common.
func (s *Service) check(problems *carnet.Problems, expiry, useBy carnet.Date, received int, supplier string) {
	if !useBy.IsZero() && !expiry.IsZero() && useBy.After(expiry) {
		problems.Add("use-by", "lot.use-by-late", map[string]any{"Expiry": expiry})
	}
	if received < 0 || received > maxDoses {
		problems.Add("received", "lot.received", map[string]any{"Max": maxDoses})
	}
	if utf8.RuneCountInString(supplier) > maxSupplier {
		problems.Add("supplier", "lot.supplier-long", map[string]any{"Max": maxSupplier})
	}
}

func checkKey(problems *carnet.Problems, key carnet.ID) {
	if key.IsZero() {
		problems.Add("key", "lot.key-missing", nil)
	}
}

func reused() error { return carnet.E("stock", carnet.Conflict, "lot.key-reused", nil) }
