package sqlite

import (
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/people"
)

// confirmed is the source of what an access writes of a person: its purpose, now.
func (t *tx) confirmed() []cell {
	return []cell{{"source", t.d.Purpose().String()}, {"refreshed_at", t.db.ids.Clock().UnixMicro()}}
}

// Confirmed notes that the source of the access says of a person what is recorded.
func (t *tx) Confirmed(person carnet.ID) error {
	if err := t.d.MayRead("person", "person_id"); err != nil { // found by it, not written
		return err
	}
	if err := t.d.MayWrite("person", "source", "refreshed_at"); err != nil {
		return err
	}
	if err := t.note(journal.Wrote, person, "person"); err != nil {
		return err
	}
	cells := t.confirmed()
	if _, err := t.sql.ExecContext(t.ctx, "UPDATE person SET source = ?, refreshed_at = ? WHERE person_id = ?", cells[0].value, cells[1].value, person[:]); err != nil {
		return unavailable(err)
	}
	return nil
}

// Stale lists the people whose traits no source has confirmed since a time, the oldest first.
func (t *tx) Stale(before time.Time, most int) ([]people.Freshness, error) {
	rows, err := t.read(nobody, "person", condition{}.by("refreshed_at, person_id").first(most), "person_id", "source", "refreshed_at")
	if err != nil {
		return nil, err
	}
	var list []people.Freshness
	for _, r := range rows {
		f := people.Freshness{Person: r.id("person_id"), Source: r.text("source"), At: r.moment("refreshed_at")}
		if !f.At.Before(before) {
			break
		}
		list = append(list, f)
	}
	return list, nil
}
