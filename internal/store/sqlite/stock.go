package sqlite

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/stock"
)

// Stock is the store of the lots of each place.
func (db *DB) Stock() stock.Store { return stockStore{db} }

type stockStore struct{ db *DB }

func (s stockStore) Stock(ctx context.Context, d protect.Decision, fn func(stock.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(t) })
}

// Works tells whether a professional exercises at a place, and whether as its head.
func (t *tx) Works(professional carnet.ID, place string) (works, head bool, err error) {
	rows, err := t.read(professional, "professional_place", where("professional_id", professional[:]).and("place_id", place), "place_id")
	return len(rows) > 0, false, err
}

var lotColumns = []string{"place_id", "lot_id", "vaccine", "number", "gtin", "expires_on", "use_by", "received", "supplier", "depleted_on", "added_at", "version"}

// Lots lists those of a place, the first to expire first, with their recalls.
func (t *tx) Lots(place string) ([]stock.Lot, error) {
	rows, err := t.read(nobody, "stock_lot", where("place_id", place).by("expires_on, number"), lotColumns...)
	if err != nil {
		return nil, err
	}
	recalls, err := t.recalls()
	if err != nil {
		return nil, err
	}
	var list []stock.Lot
	for _, r := range rows {
		list = append(list, lotOf(r, recalls))
	}
	return list, nil
}

// LotByNumber finds a lot of a place; one that was never delivered there has no id.
func (t *tx) LotByNumber(place, vaccine string, number carnet.Lot) (stock.Lot, error) {
	rows, err := t.read(nobody, "stock_lot", where("place_id", place).and("vaccine", vaccine).and("number", number.Reveal()), lotColumns...)
	if err != nil {
		return stock.Lot{}, err
	}
	recalls, err := t.recalls()
	if err != nil {
		return stock.Lot{}, err
	}
	if len(rows) == 0 {
		l := stock.Lot{Place: place, Vaccine: vaccine, Number: number}
		l.Recall = recallOf(l, recalls)
		return l, nil
	}
	return lotOf(rows[0], recalls), nil
}

func lotOf(r row, recalls []stock.Recall) stock.Lot {
	l := stock.Lot{ID: r.id("lot_id"), Place: r.text("place_id"), Vaccine: r.text("vaccine"), GTIN: r.text("gtin"), Number: carnet.Lot{Private: carnet.Hide(r.text("number"))},
		Expiry: r.day("expires_on"), UseBy: r.day("use_by"), Received: r.int("received"), Supplier: r.text("supplier"), Depleted: r.day("depleted_on"),
		AddedAt: r.time("added_at"), Version: r.int("version")}
	l.Recall = recallOf(l, recalls)
	return l
}

// recallOf finds the recall of a lot: everywhere before here.
func recallOf(l stock.Lot, recalls []stock.Recall) *stock.Recall {
	for i, c := range recalls {
		if c.Vaccine == l.Vaccine && c.Number.Equal(l.Number.Private) && (c.Place == "" || c.Place == l.Place) {
			return &recalls[i]
		}
	}
	return nil
}

// recalls lists every recall, those of all places first: they are few.
func (t *tx) recalls() ([]stock.Recall, error) {
	rows, err := t.read(nobody, "lot_recall", condition{order: "place_id, at"}, "recall_id", "vaccine", "number", "place_id", "reason", "at", "actor_id")
	var list []stock.Recall
	for _, r := range rows {
		list = append(list, stock.Recall{ID: r.id("recall_id"), Vaccine: r.text("vaccine"), Number: carnet.Lot{Private: carnet.Hide(r.text("number"))},
			Place: r.text("place_id"), Reason: stock.Reason(r.text("reason")), At: r.time("at"), By: r.id("actor_id")})
	}
	return list, err
}

// day is a day as it is stored; 0 is none.
func (r row) day(c string) carnet.Date {
	if r.int(c) == 0 {
		return carnet.Date{}
	}
	return carnet.DateOfDays(r.int(c))
}
