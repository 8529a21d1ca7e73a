package phone

import (
	"context"
	"database/sql"
	"time"
)

// Kinds of events besides the states of a request.
const (
	kindAsked     = "asked"
	kindShown     = "shown"
	kindWrongCode = "wrong-code"
	kindLocked    = "locked"
	kindDisabled  = "disabled"
	kindEnrolled  = "enrolled"
	kindRevoked   = "revoked"
)

// event is something that happened to a person's phones or requests.
type event struct {
	ID                            int64
	Person, Device, Request, Kind string
	At                            time.Time
	Young                         bool
}

// note appends an event; those of a number that nobody has are kept too.
func (s *Service) note(ctx context.Context, tx *sql.Tx, e event, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO event (person, device, request, kind, at, young) VALUES (?,?,?,?,?,?)`,
		e.Person, e.Device, e.Request, e.Kind, now.UnixMilli(), e.Young)
	return err
}

// events lists what happened to a person since a time, the newest first.
func events(ctx context.Context, q queryer, person string, since time.Time, most int) ([]event, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, person, device, request, kind, at, young FROM event WHERE person=? AND at>=? ORDER BY id DESC LIMIT ?`,
		person, since.UnixMilli(), most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []event
	for rows.Next() {
		var e event
		var at int64
		if err := rows.Scan(&e.ID, &e.Person, &e.Device, &e.Request, &e.Kind, &at, &e.Young); err != nil {
			return nil, err
		}
		e.At = moment(at)
		list = append(list, e)
	}
	return list, rows.Err()
}
