package sqlite

import (
	"context"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/protect"
)

// Login is the store of the room login.
func (db *DB) Login() login.Store { return loginStore{db} }

type loginStore struct{ db *DB }

func (s loginStore) AddAttempt(ctx context.Context, d protect.Decision, a login.Attempt) error {
	return s.db.within(ctx, d, func(t *tx) error {
		_, err := t.write(carnet.ID{}, refuse, "login_attempt", cell{"attempt", a.State[:]}, cell{"browser", a.Browser[:]},
			cell{"site", a.Site}, cell{"sealed", a.Sealed}, cell{"created_at", a.CreatedAt.UnixMicro()}, cell{"expires_at", a.ExpiresAt.UnixMicro()})
		return err
	})
}

func (s loginStore) TakeAttempt(ctx context.Context, d protect.Decision, state, browser login.Hash) (login.Attempt, error) {
	var rows []row
	err := s.db.within(ctx, d, func(t *tx) (err error) {
		here := where("attempt", state[:]).and("browser", browser[:])
		if rows, err = t.read(carnet.ID{}, "login_attempt", here, "site", "sealed", "created_at", "expires_at"); err != nil || len(rows) == 0 {
			return err
		}
		_, err = t.remove("login_attempt", here)
		return err
	})
	if err != nil {
		return login.Attempt{}, err
	}
	if len(rows) == 0 {
		return login.Attempt{}, carnet.E("sqlite", carnet.NotFound, "login.unknown", nil)
	}
	r := rows[0]
	return login.Attempt{State: state, Browser: browser, Site: r.text("site"), Sealed: r.blob("sealed"),
		CreatedAt: r.time("created_at"), ExpiresAt: r.time("expires_at")}, nil
}

func (s loginStore) AddSession(ctx context.Context, d protect.Decision, n login.Row) error {
	return s.db.within(ctx, d, func(t *tx) error { return t.addSession(n) })
}

func (t *tx) addSession(n login.Row) error {
	_, err := t.write(n.Actor, refuse, "session", cell{"token", n.Token[:]}, cell{"session_id", n.ID[:]}, cell{"actor_id", n.Actor[:]},
		cell{"site", n.Site}, cell{"role", string(n.Role)}, cell{"sealed", n.Sealed}, cell{"created_at", n.CreatedAt.UnixMicro()},
		cell{"last_seen", n.LastSeen.UnixMicro()}, cell{"expires_at", n.ExpiresAt.UnixMicro()}, cell{"browser", n.Browser},
		cell{"origin", some(n.Origin[:])}, cell{"sid", some(n.SID[:])}, cell{"subject", some(n.Subject[:])},
		cell{"delegate_id", some(n.Delegate[:])}, cell{"presence", n.Presence})
	return err
}

// some is a value of bytes, empty when all of them are zero: an index of what is set leaves it out.
func some(b []byte) []byte {
	for _, x := range b {
		if x != 0 {
			return b
		}
	}
	return []byte{}
}

var sessionColumns = []string{"token", "session_id", "actor_id", "site", "role", "sealed", "created_at", "last_seen", "expires_at",
	"browser", "origin", "sid", "subject", "delegate_id", "presence"}

func sessionOf(r row) login.Row {
	n := login.Row{ID: r.id("session_id"), Actor: r.id("actor_id"), Site: r.text("site"), Role: protect.Role(r.text("role")), Sealed: r.blob("sealed"),
		CreatedAt: r.time("created_at"), LastSeen: r.time("last_seen"), ExpiresAt: r.time("expires_at"),
		Browser: r.text("browser"), Delegate: r.id("delegate_id"), Presence: r.text("presence")}
	copy(n.Token[:], r.blob("token"))
	copy(n.Origin[:], r.blob("origin"))
	copy(n.SID[:], r.blob("sid"))
	copy(n.Subject[:], r.blob("subject"))
	return n
}

func (s loginStore) SessionByToken(ctx context.Context, d protect.Decision, token login.Hash) (login.Row, error) {
	var rows []row
	err := s.db.within(ctx, d, func(t *tx) (err error) {
		rows, err = t.read(carnet.ID{}, "session", where("token", token[:]), sessionColumns...)
		return err
	})
	if err != nil {
		return login.Row{}, err
	}
	if len(rows) == 0 {
		return login.Row{}, carnet.E("sqlite", carnet.NotFound, "session.unknown", nil)
	}
	return sessionOf(rows[0]), nil
}

func (s loginStore) TouchSession(ctx context.Context, d protect.Decision, token login.Hash, at time.Time) error {
	return s.db.within(ctx, d, func(t *tx) error {
		if err := t.d.MayWrite("session", "token", "last_seen"); err != nil {
			return err
		}
		owners, err := t.owners("UPDATE session SET last_seen = ? WHERE token = ? RETURNING actor_id", at.UnixMicro(), token[:])
		if err != nil {
			return err
		}
		return t.noteEach(owners, "session")
	})
}

func (s loginStore) EndSession(ctx context.Context, d protect.Decision, token login.Hash) error {
	return s.db.within(ctx, d, func(t *tx) error {
		_, err := t.removeSessions(where("token", token[:]))
		return err
	})
}

func (s loginStore) Sessions(ctx context.Context, d protect.Decision, actor carnet.ID) ([]login.Row, error) {
	var list []login.Row
	err := s.db.within(ctx, d, func(t *tx) error {
		rows, err := t.read(actor, "session", where("actor_id", actor[:]).by("session_id"), sessionColumns...)
		for _, r := range rows {
			list = append(list, sessionOf(r))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (s loginStore) EndSessionOf(ctx context.Context, d protect.Decision, actor, session carnet.ID) error {
	ended := 0
	err := s.db.within(ctx, d, func(t *tx) (err error) {
		ended, err = t.removeSessions(where("actor_id", actor[:]).and("session_id", session[:]))
		return err
	})
	if err == nil && ended == 0 {
		return carnet.E("sqlite", carnet.NotFound, "session.unknown", nil)
	}
	return err
}

func (s loginStore) EndSessions(ctx context.Context, d protect.Decision, actor carnet.ID) (int, error) {
	ended := 0
	err := s.db.within(ctx, d, func(t *tx) (err error) {
		ended, err = t.removeSessions(where("actor_id", actor[:]))
		return err
	})
	return ended, err
}

func (s loginStore) Purge(ctx context.Context, d protect.Decision, at time.Time) error {
	return s.db.within(ctx, d, func(t *tx) error {
		for _, table := range []string{"login_attempt", "session"} {
			if err := t.d.MayWrite(table, "expires_at"); err != nil {
				return err
			}
		}
		res, err := t.sql.ExecContext(t.ctx, "DELETE FROM login_attempt WHERE expires_at <= ?", at.UnixMicro())
		if err != nil {
			return unavailable(err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return unavailable(err)
		} else if n > 0 {
			if err := t.note(journal.Wrote, carnet.ID{}, "login_attempt"); err != nil {
				return err
			}
		}
		owners, err := t.owners("DELETE FROM session WHERE expires_at <= ? RETURNING actor_id", at.UnixMicro())
		if err != nil {
			return err
		}
		return t.noteEach(owners, "session")
	})
}

// remove deletes rows, if the decision opens the columns that it finds them by. The deletion
// enters the journal as one about nobody known.
func (t *tx) remove(table string, c condition) (int, error) {
	if err := t.d.MayWrite(table, c.columns...); err != nil {
		return 0, err
	}
	if err := t.note(journal.Wrote, carnet.ID{}, table); err != nil {
		return 0, err
	}
	if t.many != nil {
		if err := t.flush(); err != nil {
			return 0, err
		}
	}
	res, err := t.sql.ExecContext(t.ctx, "DELETE FROM "+table+c.sql(), c.values...)
	if err != nil {
		return 0, unavailable(err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// removeSessions deletes sessions; the journal says whose they were.
func (t *tx) removeSessions(c condition) (int, error) {
	if err := t.d.MayWrite("session", c.columns...); err != nil {
		return 0, err
	}
	owners, err := t.owners("DELETE FROM session"+c.sql()+" RETURNING actor_id", c.values...)
	if err != nil {
		return 0, err
	}
	return len(owners), t.noteEach(owners, "session")
}

// owners runs a statement that returns the actor of each row that it changed.
func (t *tx) owners(statement string, values ...any) ([]carnet.ID, error) {
	rows, err := t.sql.QueryContext(t.ctx, statement, values...)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	var list []carnet.ID
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, unavailable(err)
		}
		var id carnet.ID
		copy(id[:], b)
		list = append(list, id)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// noteEach notes one write for each person.
func (t *tx) noteEach(people []carnet.ID, table string) error {
	slices.SortFunc(people, func(a, b carnet.ID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(people) {
		if err := t.note(journal.Wrote, id, table); err != nil {
			return err
		}
	}
	return nil
}
