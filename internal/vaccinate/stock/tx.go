package stock

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	// Works tells whether a professional exercises at a place, and whether as its head.
	Works(professional carnet.ID, place string) (works, head bool, err error)
	// Lots lists those of a place, with their recalls, the first to end first.
	Lots(place string) ([]Lot, error)
	// LotByNumber finds the lot of a place by product and number; one without an id, with its recall
	// if there is one, when it was never delivered there.
	LotByNumber(place, vaccine string, number carnet.Lot) (Lot, error)
}

// at runs fn for somebody who exercises at a place.
func (s *Service) at(ctx context.Context, actor protect.Actor, place string, fn func(Tx) error) error {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Stock})
	return s.store.Stock(ctx, d, func(tx Tx) error {
		if works, _, err := tx.Works(actor.ID, place); err != nil {
			return err
		} else if !works {
			return carnet.E("stock", carnet.Denied, "stock.place", nil)
		}
		return fn(tx)
	})
}
