package sqlite

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/paper"
)

// Paper is the store of the outage forms.
func (db *DB) Paper() paper.Store { return paperStore{db} }

type paperStore struct{ db *DB }

func (s paperStore) Paper(ctx context.Context, d protect.Decision, fn func(paper.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(t) })
}

var formColumns = []string{"serial", "place_id", "printed_at", "actor_id", "taken_at", "dose_id"}

// PutForms keeps new numbers under the key of what asked for them.
func (t *tx) PutForms(key carnet.ID, list []paper.Form) error {
	for i, f := range list {
		if _, err := t.write(nobody, refuse, "paper_form", cell{"serial", string(f.Serial)}, cell{"place_id", f.Place.ID}, cell{"idem", key[:]}, cell{"line", i},
			cell{"printed_at", f.Printed.UnixMicro()}, cell{"actor_id", f.By[:]}, cell{"taken_at", 0}, cell{"dose_id", []byte{}}); err != nil {
			return err
		}
	}
	return nil
}

// FormsOf lists the forms of a key, in the order in which they were drawn.
func (t *tx) FormsOf(key carnet.ID) ([]paper.Form, error) {
	rows, err := t.read(nobody, "paper_form", where("idem", key[:]).by("line"), formColumns...)
	var list []paper.Form
	for _, r := range rows {
		f, err := t.form(r)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, err
}

// Form finds a number.
func (t *tx) Form(s paper.Serial) (paper.Form, error) {
	rows, err := t.read(nobody, "paper_form", where("serial", string(s)), formColumns...)
	if err != nil {
		return paper.Form{}, err
	}
	if len(rows) == 0 {
		return paper.Form{}, &carnet.Error{Op: "sqlite", Kind: carnet.NotFound, Code: "form.unknown", Field: "form"}
	}
	return t.form(rows[0])
}

// CountForms counts those that a place printed since a time, and those of them that no dose took.
func (t *tx) CountForms(place string, since time.Time) (open, printed int, err error) {
	c := where("place_id", place).since("printed_at", since.UnixMicro())
	if printed, err = t.count("paper_form", c); err != nil {
		return 0, 0, err
	}
	open, err = t.count("paper_form", c.and("taken_at", 0))
	return open, printed, err
}

func (t *tx) form(r row) (paper.Form, error) {
	f := paper.Form{Serial: paper.Serial(r.text("serial")), Printed: r.time("printed_at"), By: r.id("actor_id"), Taken: r.moment("taken_at"), Dose: r.id("dose_id")}
	var err error
	f.Place, err = t.place(r.text("place_id"))
	return f, err
}

// TakeForm marks a number as that of a dose.
func (t *tx) TakeForm(s paper.Serial, dose carnet.ID, at time.Time) error {
	f, err := t.Form(s)
	switch {
	case carnet.KindOf(err) == carnet.NotFound:
		return &carnet.Error{Op: "sqlite", Kind: carnet.Invalid, Code: "form.unknown", Field: "form"}
	case err != nil:
		return err
	case f.Dose == dose:
		return nil
	case !f.Dose.IsZero():
		return &carnet.Error{Op: "sqlite", Kind: carnet.Conflict, Code: "form.taken", Field: "form"}
	}
	_, err = t.update(nobody, "paper_form", where("serial", string(s)), cell{"taken_at", at.UnixMicro()}, cell{"dose_id", dose[:]})
	return err
}

// FreeForm gives a number back that a dose had taken.
func (t *tx) FreeForm(s paper.Serial, dose carnet.ID) error {
	_, err := t.update(nobody, "paper_form", where("serial", string(s)).and("dose_id", dose[:]), cell{"taken_at", 0}, cell{"dose_id", []byte{}})
	return err
}
