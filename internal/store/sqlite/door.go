package sqlite

import (
	"context"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/login/origin"
	"carnet/internal/protect"
)

// Door runs one transaction on what goes on before a session, and around it.
func (s loginStore) Door(ctx context.Context, d protect.Decision, fn func(login.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(doorTx{t}) })
}

// Lookup is the keyed hash of the keyring.
func (s loginStore) Lookup(kind, value string) [32]byte { return s.db.ring.Lookup(kind, value) }

type doorTx struct{ *tx }

var nobody carnet.ID

func (t doorTx) Limit(name string, key login.Hash, next func(time.Time) time.Time) error {
	rows, err := t.read(nobody, "login_limit", where("name", name).and("key", key[:]), "tat")
	if err != nil {
		return err
	}
	var tat time.Time
	if len(rows) > 0 {
		tat = rows[0].time("tat")
	}
	_, err = t.write(nobody, replace, "login_limit", cell{"name", name}, cell{"key", key[:]}, cell{"tat", next(tat).UnixMicro()})
	return err
}

func (t doorTx) PutCall(c login.CallRow) error {
	_, err := t.write(c.Person, replace, "login_call", cell{"browser", c.Browser[:]}, cell{"site", c.Site}, cell{"call_id", c.ID[:]},
		cell{"actor_id", c.Person[:]}, cell{"lane", c.Lane}, cell{"ended", c.Ended}, cell{"sealed", c.Sealed},
		cell{"created_at", c.CreatedAt.UnixMicro()}, cell{"expires_at", c.ExpiresAt.UnixMicro()}, cell{"next_poll", micros(c.NextPoll)})
	return err
}

var callColumns = []string{"browser", "site", "call_id", "actor_id", "lane", "ended", "sealed", "created_at", "expires_at", "next_poll"}

func callOf(r row) login.CallRow {
	c := login.CallRow{Site: r.text("site"), ID: r.id("call_id"), Person: r.id("actor_id"), Lane: r.int("lane"), Ended: r.text("ended"),
		Sealed: r.blob("sealed"), CreatedAt: r.time("created_at"), ExpiresAt: r.time("expires_at"), NextPoll: r.moment("next_poll")}
	copy(c.Browser[:], r.blob("browser"))
	return c
}

func (t doorTx) Call(browser login.Hash, site string) (login.CallRow, error) {
	rows, err := t.read(nobody, "login_call", where("browser", browser[:]).and("site", site), callColumns...)
	if err != nil {
		return login.CallRow{}, err
	}
	if len(rows) == 0 {
		return login.CallRow{}, carnet.E("sqlite", carnet.NotFound, "call.unknown", nil)
	}
	return callOf(rows[0]), nil
}

func (t doorTx) RemoveCall(browser login.Hash, site string) error {
	_, err := t.remove("login_call", where("browser", browser[:]).and("site", site))
	return err
}

func (t doorTx) Calls(person carnet.ID, at time.Time) ([]login.CallRow, error) {
	rows, err := t.read(person, "login_call", where("actor_id", person[:]).and("ended", "").by("created_at"), callColumns...)
	var list []login.CallRow
	for _, r := range rows {
		if c := callOf(r); at.Before(c.ExpiresAt) {
			list = append(list, c)
		}
	}
	return list, err
}

func (t doorTx) PutHold(h login.HoldRow) error {
	_, err := t.write(nobody, replace, "login_hold", cell{"browser", h.Browser[:]}, cell{"site", h.Site}, cell{"hold_id", h.ID[:]},
		cell{"sealed", h.Sealed}, cell{"created_at", h.CreatedAt.UnixMicro()}, cell{"expires_at", h.ExpiresAt.UnixMicro()})
	return err
}

func (t doorTx) Hold(browser login.Hash, site string) (login.HoldRow, error) {
	rows, err := t.read(nobody, "login_hold", where("browser", browser[:]).and("site", site), "hold_id", "sealed", "created_at", "expires_at")
	if err != nil {
		return login.HoldRow{}, err
	}
	if len(rows) == 0 {
		return login.HoldRow{}, carnet.E("sqlite", carnet.NotFound, "hold.unknown", nil)
	}
	r := rows[0]
	return login.HoldRow{Browser: browser, Site: site, ID: r.id("hold_id"), Sealed: r.blob("sealed"),
		CreatedAt: r.time("created_at"), ExpiresAt: r.time("expires_at")}, nil
}

func (t doorTx) RemoveHold(browser login.Hash, site string) (bool, error) {
	n, err := t.remove("login_hold", where("browser", browser[:]).and("site", site))
	return n > 0, err
}

// AddEvent writes an event into the history and into the journal. The journal keeps it when the
// history has forgotten it; of an opening it keeps the token, which names ids only.
func (t doorTx) AddEvent(e login.Event) error {
	id, err := t.db.ids.New()
	if err != nil {
		return err
	}
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	if _, err := t.write(e.Person, refuse, "login_event", cell{"actor_id", e.Person[:]}, cell{"event_id", id[:]}, cell{"call_id", e.Call[:]},
		cell{"at", e.At.UnixMicro()}, cell{"kind", string(e.Kind)}, cell{"site", e.Site}, cell{"origin", e.Origin[:]}, cell{"place", e.Place.Label},
		cell{"country", e.Place.Country}, cell{"browser", e.Browser}, cell{"establishment", e.Establishment}, cell{"known", flag(e.Known)},
		cell{"quiet", flag(e.Quiet)}, cell{"digits", e.Digits}, cell{"took", e.Took.Microseconds()}, cell{"reasons", strings.Join(e.Reasons, " ")},
		cell{"session_id", e.Session[:]}, cell{"delegate_id", e.Delegate[:]}); err != nil {
		return err
	}
	outcome := journal.Done
	if e.Token != "" {
		outcome = e.Token
	}
	return t.append(journal.Entry{Person: e.Person, Kind: journal.Event, Object: string(e.Kind) + " " + e.Call.String(), Outcome: outcome})
}

const maxEvents = 1000

func (t doorTx) Events(h login.History) ([]login.Event, error) {
	c := condition{}
	if !h.Person.IsZero() {
		c = c.and("actor_id", h.Person[:])
	}
	if h.Origin != (login.Hash{}) {
		c = c.and("origin", h.Origin[:])
	}
	if h.Kind != "" {
		c = c.and("kind", string(h.Kind))
	}
	if !h.Since.IsZero() {
		c = c.since("at", h.Since.UnixMicro())
	}
	if h.Limit <= 0 || h.Limit > maxEvents {
		h.Limit = maxEvents
	}
	rows, err := t.read(h.Person, "login_event", c.by("at DESC, event_id DESC").first(h.Limit), "actor_id", "event_id", "call_id", "at", "kind", "site", "origin",
		"place", "country", "browser", "establishment", "known", "quiet", "digits", "took", "reasons", "session_id", "delegate_id")
	var list []login.Event
	for _, r := range rows {
		e := login.Event{ID: r.id("event_id"), Call: r.id("call_id"), Person: r.id("actor_id"), At: r.time("at"), Kind: login.EventKind(r.text("kind")),
			Site: r.text("site"), Place: origin.Place{Label: r.text("place"), Country: r.text("country")}, Browser: r.text("browser"),
			Establishment: r.text("establishment"), Known: r.int("known") == 1, Quiet: r.int("quiet") == 1, Digits: r.int("digits"),
			Took: time.Duration(r.int("took")) * time.Microsecond, Session: r.id("session_id"), Delegate: r.id("delegate_id")}
		copy(e.Origin[:], r.blob("origin"))
		if why := r.text("reasons"); why != "" {
			e.Reasons = strings.Fields(why)
		}
		list = append(list, e)
	}
	return list, err
}

func (t doorTx) PutKnown(browser login.Hash, person carnet.ID, until time.Time) error {
	_, err := t.write(person, replace, "login_browser", cell{"browser", browser[:]}, cell{"actor_id", person[:]}, cell{"expires_at", until.UnixMicro()})
	return err
}

func (t doorTx) Known(browser login.Hash, person carnet.ID, at time.Time) (bool, error) {
	rows, err := t.read(person, "login_browser", where("browser", browser[:]).and("actor_id", person[:]), "expires_at")
	return len(rows) > 0 && at.Before(rows[0].time("expires_at")), err
}

func (t doorTx) ForgetKnown(person carnet.ID) error {
	_, err := t.remove("login_browser", where("actor_id", person[:]))
	return err
}

func (t doorTx) PutBlock(person carnet.ID, from login.Hash, until time.Time) error {
	_, err := t.write(person, replace, "login_block", cell{"actor_id", person[:]}, cell{"origin", from[:]}, cell{"expires_at", until.UnixMicro()})
	return err
}

func (t doorTx) Blocked(person carnet.ID, from login.Hash, at time.Time) (bool, error) {
	rows, err := t.read(person, "login_block", where("actor_id", person[:]).and("origin", from[:]), "expires_at")
	return len(rows) > 0 && at.Before(rows[0].time("expires_at")), err
}

func (t doorTx) PutHours(person carnet.ID, text string) error {
	if text == "" {
		_, err := t.remove("login_hours", where("actor_id", person[:]))
		return err
	}
	_, err := t.write(person, replace, "login_hours", cell{"actor_id", person[:]}, cell{"hours", text})
	return err
}

func (t doorTx) Hours(person carnet.ID) (string, error) {
	rows, err := t.read(person, "login_hours", where("actor_id", person[:]), "hours")
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].text("hours"), nil
}

func (t doorTx) AddSession(n login.Row) error { return t.addSession(n) }

func (t doorTx) EndSession(token login.Hash) error {
	_, err := t.removeSessions(where("token", token[:]))
	return err
}

func (t doorTx) EndSessions(e login.Ending) ([]login.Row, error) {
	c := condition{}
	if !e.Person.IsZero() {
		c = c.and("actor_id", e.Person[:])
	}
	if !e.Session.IsZero() {
		c = c.and("session_id", e.Session[:])
	}
	if e.Origin != (login.Hash{}) {
		c = c.and("origin", e.Origin[:])
	}
	if !e.Delegate.IsZero() {
		c = c.and("delegate_id", e.Delegate[:])
	}
	if e.SID != (login.Hash{}) {
		c = c.and("sid", e.SID[:])
	}
	if e.Subject != (login.Hash{}) {
		c = c.and("subject", e.Subject[:])
	}
	if len(c.columns) == 0 {
		return nil, nil
	}
	if !e.Since.IsZero() {
		c = c.since("created_at", e.Since.UnixMicro())
	}
	rows, err := t.read(e.Person, "session", c.by("session_id"), sessionColumns...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var list []login.Row
	for _, r := range rows {
		list = append(list, sessionOf(r))
	}
	c.order = ""
	_, err = t.removeSessions(c)
	return list, err
}

func (t doorTx) PurgeDoor(at, before time.Time) error {
	for _, p := range []struct {
		table, column string
		before        time.Time
	}{{"login_call", "expires_at", at}, {"login_hold", "expires_at", at}, {"login_browser", "expires_at", at}, {"login_block", "expires_at", at},
		{"login_limit", "tat", at}, {"login_event", "at", before}} {
		if err := t.purge(p.table, p.column, p.before); err != nil {
			return err
		}
	}
	return nil
}
