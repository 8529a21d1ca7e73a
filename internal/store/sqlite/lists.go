package sqlite

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/lists"
)

// Lists is the store of the lists that places work with.
func (db *DB) Lists() lists.Store { return listStore{db} }

type listStore struct{ db *DB }

func (s listStore) Lists(ctx context.Context, d protect.Decision, fn func(lists.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error {
		t.together() // a list is of many people
		return fn(t)
	})
}

// RecordedAt lists what was entered for a place and stands, newest first.
func (t *tx) RecordedAt(place string, since time.Time, most int) ([]lists.Recorded, error) {
	c := where("place_id", place).since("recorded_at", since.UnixMicro()).and("standing", 1)
	rows, err := t.read(nobody, "dose", c.by("recorded_at DESC, dose_id DESC").first(most), "person_id", "dose_id", "injector_id", "recorder_id", "recorded_at", "vaccine", "not_given", "rank", "expected")
	var list []lists.Recorded
	for _, r := range rows {
		x := lists.Recorded{Person: r.id("person_id"), Dose: r.id("dose_id"), Injector: r.id("injector_id"), Recorder: r.id("recorder_id"), At: r.time("recorded_at"),
			Vaccine: r.text("vaccine"), NotGiven: carnet.NotGiven(r.text("not_given")), Rank: r.int("rank"), Expected: r.int("expected")}
		list = append(list, x)
	}
	return list, err
}

// Activity counts what stands at a place.
func (t *tx) Activity(place string, from, to carnet.Date) ([]lists.Activity, error) {
	if err := t.d.MayRead("dose", "place_id", "given_on", "vaccine", "not_given", "standing"); err != nil {
		return nil, err
	}
	if err := t.note(journal.Read, nobody, "dose"); err != nil {
		return nil, err
	}
	rows, err := t.query(`SELECT given_on, vaccine, not_given, count(*) FROM dose WHERE place_id = ? AND given_on BETWEEN ? AND ? AND standing = 1
		GROUP BY given_on, vaccine, not_given ORDER BY given_on, vaccine, not_given`, []any{place, from.Days(), to.Days()}, []string{"given_on", "vaccine", "not_given", "n"})
	var list []lists.Activity
	for _, r := range rows {
		list = append(list, lists.Activity{Day: carnet.DateOfDays(r.int("given_on")), Vaccine: r.text("vaccine"), NotGiven: carnet.NotGiven(r.text("not_given")), N: r.int("n")})
	}
	return list, err
}

// PutList writes a list with its lines.
func (t *tx) PutList(l lists.List) error {
	q := l.Request
	if _, err := t.write(nobody, refuse, "worklist", cell{"list_id", l.ID[:]}, cell{"place_id", l.Place}, cell{"actor_id", l.Actor[:]}, cell{"idem", q.Key[:]},
		cell{"kind", string(q.Kind)}, cell{"disease", q.Disease}, cell{"mine", truth(q.Mine)}, cell{"motive", string(q.Motive)}, cell{"cut", truth(l.Cut)},
		cell{"created_at", l.Made.UnixMicro()}, cell{"expires_at", l.Expires.UnixMicro()}); err != nil {
		return err
	}
	for _, line := range l.Lines {
		if err := t.PutLine(l.ID, line); err != nil {
			return err
		}
	}
	return nil
}

// PutLine writes a line of a list, in the place of the one of the same person and entry.
func (t *tx) PutLine(list carnet.ID, x lists.Line) error {
	_, err := t.write(x.Person, replace, "worklist_row", cell{"person_id", x.Person[:]}, cell{"list_id", list[:]}, cell{"dose_id", x.Dose[:]}, cell{"why", x.Why},
		cell{"due_on", days(x.On)}, cell{"state", string(x.Contact)}, cell{"changed_at", x.ChangedAt.UnixMicro()})
	return err
}

var listColumns = []string{"list_id", "place_id", "actor_id", "idem", "kind", "disease", "mine", "motive", "cut", "created_at", "expires_at"}

// ListByKey finds the list that a key has made, with its lines.
func (t *tx) ListByKey(key carnet.ID) (lists.List, error) { return t.oneList(where("idem", key[:])) }

// List opens a list with its lines.
func (t *tx) List(id carnet.ID) (lists.List, error) { return t.oneList(where("list_id", id[:])) }

func (t *tx) oneList(c condition) (lists.List, error) {
	rows, err := t.read(nobody, "worklist", c, listColumns...)
	if err != nil {
		return lists.List{}, err
	}
	if len(rows) == 0 {
		return lists.List{}, carnet.E("sqlite", carnet.NotFound, "list.unknown", nil)
	}
	l := listOf(rows[0])
	if rows, err = t.read(nobody, "worklist_row", where("list_id", l.ID[:]).by("due_on, person_id, dose_id"), "person_id", "dose_id", "why", "due_on", "state", "changed_at"); err != nil {
		return l, err
	}
	for _, r := range rows {
		l.Lines = append(l.Lines, lists.Line{Person: r.id("person_id"), Dose: r.id("dose_id"), Why: r.text("why"), On: r.day("due_on"), Contact: lists.Contact(r.text("state")), ChangedAt: r.time("changed_at")})
	}
	return l, nil
}

func listOf(r row) lists.List {
	return lists.List{ID: r.id("list_id"), Actor: r.id("actor_id"), Place: r.text("place_id"), Cut: r.int("cut") == 1, Made: r.time("created_at"), Expires: r.time("expires_at"),
		Request: lists.Request{Key: r.id("idem"), Kind: lists.Kind(r.text("kind")), Disease: r.text("disease"), Mine: r.int("mine") == 1, Motive: lists.Motive(r.text("motive")),
			Days: int(r.time("expires_at").Sub(r.time("created_at")).Round(24*time.Hour).Hours() / 24)}}
}

// ListsOf lists those of a professional, newest first, without their lines.
func (t *tx) ListsOf(actor carnet.ID) ([]lists.List, error) {
	rows, err := t.read(actor, "worklist", where("actor_id", actor[:]).by("created_at DESC, list_id DESC"), listColumns...)
	var list []lists.List
	for _, r := range rows {
		list = append(list, listOf(r))
	}
	return list, err
}

// RemoveList deletes a list with its lines.
func (t *tx) RemoveList(id carnet.ID) error {
	if _, err := t.remove("worklist_row", where("list_id", id[:])); err != nil {
		return err
	}
	_, err := t.remove("worklist", where("list_id", id[:]))
	return err
}

// Lapsed lists the lists whose time is over.
func (t *tx) Lapsed(at time.Time) ([]carnet.ID, error) {
	rows, err := t.read(nobody, "worklist", condition{order: "expires_at"}, "list_id", "expires_at")
	var list []carnet.ID
	for _, r := range rows {
		if !r.time("expires_at").After(at) {
			list = append(list, r.id("list_id"))
		}
	}
	return list, err
}
