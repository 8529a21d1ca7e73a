package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/stock"
)

// Stock is the store of the lots of each place.
func (db *DB) Stock() stock.Store { return stockStore{db} }

type stockStore struct{ db *DB }

func (s stockStore) Stock(ctx context.Context, d protect.Decision, fn func(stock.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error {
		if d.Purpose() == protect.Recall {
			t.together() // a lot leads to many people
		}
		return fn(t)
	})
}

// Works tells whether a professional exercises at a place, and whether as its head.
func (t *tx) Works(professional carnet.ID, place string) (works, head bool, err error) {
	rows, err := t.read(professional, "professional_place", where("professional_id", professional[:]).and("place_id", place), "place_id")
	if err != nil || len(rows) == 0 {
		return false, false, err
	}
	heads, err := t.read(professional, "place_head", where("professional_id", professional[:]).and("place_id", place).and("head", 1), "place_id")
	return true, len(heads) > 0, err
}

var lotColumns = []string{"place_id", "lot_id", "vaccine", "number", "gtin", "expires_on", "use_by", "received", "supplier", "depleted_on", "added_at", "version"}

// Lots lists those of a place, with their recalls.
func (t *tx) Lots(place string) ([]stock.Lot, error) {
	rows, err := t.read(nobody, "stock_lot", where("place_id", place), lotColumns...)
	if err != nil {
		return nil, err
	}
	recalls, err := t.Recalls()
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
	recalls, err := t.Recalls()
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

// Recalls lists every recall, those of all places first: they are few.
func (t *tx) Recalls() ([]stock.Recall, error) {
	rows, err := t.read(nobody, "lot_recall", condition{order: "place_id, at"}, "recall_id", "vaccine", "number", "place_id", "reason", "at", "actor_id")
	var list []stock.Recall
	for _, r := range rows {
		list = append(list, stock.Recall{ID: r.id("recall_id"), Vaccine: r.text("vaccine"), Number: carnet.Lot{Private: carnet.Hide(r.text("number"))},
			Place: r.text("place_id"), Reason: stock.Reason(r.text("reason")), At: r.time("at"), By: r.id("actor_id")})
	}
	return list, err
}

// PutRecall writes a recall.
func (t *tx) PutRecall(r stock.Recall) error {
	_, err := t.write(nobody, refuse, "lot_recall", cell{"recall_id", r.ID[:]}, cell{"vaccine", r.Vaccine}, cell{"number", r.Number.Reveal()}, cell{"place_id", r.Place},
		cell{"reason", string(r.Reason)}, cell{"at", r.At.UnixMicro()}, cell{"actor_id", some(r.By[:])})
	return err
}

// ofLot is the condition that finds the doses of a lot that stand.
func (t *tx) ofLot(vaccine string, number carnet.Lot) condition {
	lookup := t.lotLookup(vaccine, number)
	return where("lot_lookup", lookup[:]).and("standing", 1)
}

// lotLookup is the keyed hash by which the doses of a lot are found.
func (t *tx) lotLookup(vaccine string, number carnet.Lot) [32]byte {
	return t.db.ring.Lookup("lot", vaccine+"|"+number.Reveal())
}

// Recorded counts the doses of a lot that stand and were recorded at a place.
func (t *tx) Recorded(place, vaccine string, number carnet.Lot) (int, error) {
	return t.count("dose", t.ofLot(vaccine, number).and("place_id", place))
}

// Injected lists the doses of a lot that stand.
func (t *tx) Injected(vaccine string, number carnet.Lot, place string) ([]stock.Injected, error) {
	c := t.ofLot(vaccine, number)
	if place != "" {
		c = c.and("place_id", place)
	}
	rows, err := t.read(nobody, "dose", c.by("person_id, dose_id"), "person_id", "dose_id", "given_on", "place_id")
	var list []stock.Injected
	for _, r := range rows {
		list = append(list, stock.Injected{Person: r.id("person_id"), Dose: r.id("dose_id"), Date: carnet.DateOfDays(r.int("given_on")), Place: r.text("place_id")})
	}
	return list, err
}

// Follows lists the rows of a recall.
func (t *tx) Follows(recall carnet.ID, place string) ([]stock.Follow, error) {
	c := where("recall_id", recall[:])
	if place != "" {
		c = c.and("place_id", place)
	}
	rows, err := t.read(nobody, "recall_follow", c, "person_id", "dose_id", "place_id", "state", "told_at", "changed_at", "changed_by")
	var list []stock.Follow
	for _, r := range rows {
		list = append(list, stock.Follow{Recall: recall, Person: r.id("person_id"), Dose: r.id("dose_id"), Place: r.text("place_id"), Contact: stock.Contact(r.text("state")),
			ToldAt: r.time("told_at"), ChangedAt: r.time("changed_at"), ChangedBy: r.id("changed_by")})
	}
	return list, err
}

// Followed tells whether there is a row.
func (t *tx) Followed(recall, person, dose carnet.ID) (bool, error) {
	n, err := t.count("recall_follow", where("person_id", person[:]).and("recall_id", recall[:]).and("dose_id", dose[:]))
	return n > 0, err
}

// PutFollow writes a row, in the place of the one of the same recall, person and dose.
func (t *tx) PutFollow(f stock.Follow) error {
	_, err := t.write(f.Person, replace, "recall_follow", cell{"person_id", f.Person[:]}, cell{"recall_id", f.Recall[:]}, cell{"dose_id", f.Dose[:]}, cell{"place_id", f.Place},
		cell{"state", string(f.Contact)}, cell{"told_at", f.ToldAt.UnixMicro()}, cell{"changed_at", f.ChangedAt.UnixMicro()}, cell{"changed_by", some(f.ChangedBy[:])})
	return err
}

// Place opens a place.
func (t *tx) Place(id string) (carnet.Place, error) { return t.place(id) }

// lotBody is what an event of a lot says.
type lotBody struct {
	Vaccine  string `json:"vaccine"`
	GTIN     string `json:"gtin,omitempty"`
	Number   string `json:"number"`
	Expiry   int    `json:"expiry"` // days since 1970-01-01
	UseBy    int    `json:"use_by,omitempty"`
	Received int    `json:"received"`
	Supplier string `json:"supplier,omitempty"`
	Depleted int    `json:"depleted,omitempty"`
	AddedAt  int64  `json:"added_at"` // microseconds UTC
	Version  int    `json:"version"`
	Doses    int    `json:"doses,omitempty"`
}

var lotEventColumns = []string{"event_id", "lot_id", "kind", "idem", "actor_id", "delegate_id", "at", "body"}

// LotEvent finds the event of an idempotency key.
func (t *tx) LotEvent(place string, key carnet.ID) (stock.Event, error) {
	list, err := t.lotEvents(place, where("place_id", place).and("idem", key[:]))
	if err == nil && len(list) == 0 {
		err = carnet.E("sqlite", carnet.NotFound, "lot.no-event", nil)
	}
	if err != nil {
		return stock.Event{}, err
	}
	return list[0], nil
}

// LotEvents lists what happened to a lot, oldest first.
func (t *tx) LotEvents(place string, lot carnet.ID) ([]stock.Event, error) {
	return t.lotEvents(place, where("place_id", place).and("lot_id", lot[:]).by("event_id"))
}

func (t *tx) lotEvents(place string, c condition) ([]stock.Event, error) {
	rows, err := t.read(nobody, "stock_event", c, lotEventColumns...)
	var list []stock.Event
	for _, r := range rows {
		var b lotBody
		if err := json.Unmarshal([]byte(r.text("body")), &b); err != nil {
			return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		list = append(list, stock.Event{ID: r.id("event_id"), Kind: stock.EventKind(r.text("kind")), Key: r.id("idem"), Actor: r.id("actor_id"), Delegate: r.id("delegate_id"),
			At: r.time("at"), Doses: b.Doses, Lot: stock.Lot{ID: r.id("lot_id"), Place: place, Vaccine: b.Vaccine, GTIN: b.GTIN, Number: carnet.Lot{Private: carnet.Hide(b.Number)},
				Expiry: dayOf(b.Expiry), UseBy: dayOf(b.UseBy), Received: b.Received, Supplier: b.Supplier, Depleted: dayOf(b.Depleted),
				AddedAt: time.UnixMicro(b.AddedAt).UTC(), Version: b.Version}})
	}
	return list, err
}

// AppendLot writes an event and the lot as it stands after it.
func (t *tx) AppendLot(e stock.Event) error {
	l := e.Lot
	body, err := json.Marshal(lotBody{l.Vaccine, l.GTIN, l.Number.Reveal(), days(l.Expiry), days(l.UseBy), l.Received, l.Supplier, days(l.Depleted), l.AddedAt.UnixMicro(), l.Version, e.Doses})
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	if _, err := t.write(nobody, refuse, "stock_event", cell{"place_id", l.Place}, cell{"event_id", e.ID[:]}, cell{"lot_id", l.ID[:]}, cell{"kind", string(e.Kind)},
		cell{"idem", e.Key[:]}, cell{"actor_id", e.Actor[:]}, cell{"delegate_id", some(e.Delegate[:])}, cell{"at", e.At.UnixMicro()}, cell{"body", string(body)}); err != nil {
		return err
	}
	_, err = t.write(nobody, replace, "stock_lot", cell{"place_id", l.Place}, cell{"lot_id", l.ID[:]}, cell{"vaccine", l.Vaccine}, cell{"number", l.Number.Reveal()}, cell{"gtin", l.GTIN},
		cell{"expires_on", days(l.Expiry)}, cell{"use_by", days(l.UseBy)}, cell{"received", l.Received}, cell{"supplier", l.Supplier}, cell{"depleted_on", days(l.Depleted)},
		cell{"added_at", l.AddedAt.UnixMicro()}, cell{"version", l.Version})
	return err
}

// days is a day as it is stored.
func days(d carnet.Date) int {
	if d.IsZero() {
		return 0
	}
	return d.Days()
}

// dayOf is the inverse of days.
func dayOf(n int) carnet.Date {
	if n == 0 {
		return carnet.Date{}
	}
	return carnet.DateOfDays(n)
}

func (r row) day(c string) carnet.Date { return dayOf(r.int(c)) }
