package sqlite

import (
	"encoding/json"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
)

// Bounds of a notice: it carries codes and dates, nothing that anybody wrote.
const (
	maxArgs = 8
	maxArg  = 64 // bytes
)

// Tell leaves a notice for a person. A zero ID or At is filled in; a notice whose ID is there
// already changes nothing, so that a command that is done again tells once.
func (t *tx) Tell(n carnet.Notice) (err error) {
	if n.PersonID.IsZero() || n.Kind == "" || len(n.Args) > maxArgs {
		return carnet.E("sqlite.Tell", carnet.Internal, "internal", nil)
	}
	for k, v := range n.Args {
		if len(k) > maxArg || len(v) > maxArg {
			return carnet.E("sqlite.Tell", carnet.Internal, "internal", nil)
		}
	}
	if n.ID.IsZero() {
		if n.ID, err = t.db.ids.New(); err != nil {
			return err
		}
	}
	if n.At.IsZero() {
		n.At = t.db.ids.Clock()
	}
	args, err := json.Marshal(n.Args)
	if err != nil {
		return carnet.E("sqlite.Tell", carnet.Internal, "internal", err)
	}
	_, err = t.write(n.PersonID, keep, "notice", cell{"person_id", n.PersonID[:]}, cell{"notice_id", n.ID[:]}, cell{"kind", n.Kind},
		cell{"dose_id", some(n.Dose[:])}, cell{"args", string(args)}, cell{"at", n.At.UnixMicro()}, cell{"read_at", 0})
	return err
}

// NoticesOf lists what a person was told, newest first.
func (t *tx) NoticesOf(person carnet.ID, most int) ([]carnet.Notice, error) {
	rows, err := t.read(person, "notice", where("person_id", person[:]).by("at DESC, notice_id DESC").first(most),
		"notice_id", "kind", "dose_id", "args", "at", "read_at")
	var list []carnet.Notice
	for _, r := range rows {
		n := carnet.Notice{ID: r.id("notice_id"), PersonID: person, Kind: r.text("kind"), Dose: r.id("dose_id"), At: r.time("at"), ReadAt: r.moment("read_at")}
		if err := json.Unmarshal([]byte(r.text("args")), &n.Args); err != nil {
			return nil, carnet.E("sqlite.NoticesOf", carnet.Internal, "internal", err)
		}
		list = append(list, n)
	}
	return list, err
}

// SeeNotices marks as read what a person was told until a time.
func (t *tx) SeeNotices(person carnet.ID, at time.Time) error {
	if err := t.d.MayWrite("notice", "read_at"); err != nil {
		return err
	}
	if err := t.note(journal.Wrote, person, "notice"); err != nil {
		return err
	}
	_, err := t.sql.ExecContext(t.ctx, `UPDATE notice SET read_at=? WHERE person_id=? AND read_at=0 AND at<=?`, at.UnixMicro(), person[:], at.UnixMicro())
	if err != nil {
		return unavailable(err)
	}
	return nil
}
