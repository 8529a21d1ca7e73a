package logintest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

// Lookup makes the hashes of a test: not keyed, and the same in every run.
func (*Memory) Lookup(kind, value string) [32]byte {
	return sha256.Sum256([]byte(kind + "\x00" + value))
}

// ProfessionalID is the id that tests give to a number.
func ProfessionalID(number carnet.Private) carnet.ID {
	h := (*Memory)(nil).Lookup("professional", number.Reveal())
	return carnet.DerivedID(h[:])
}

type browserSite struct {
	browser login.Hash
	site    string
}

type hashPerson struct {
	hash   login.Hash
	person carnet.ID
}

type nameKey struct {
	name string
	key  login.Hash
}

// door is what Memory keeps of logins before and around a session.
type door struct {
	calls    map[browserSite]login.CallRow
	holds    map[browserSite]login.HoldRow
	limits   map[nameKey]time.Time
	known    map[hashPerson]time.Time
	blocks   map[hashPerson]time.Time
	hours    map[carnet.ID]string
	events   []login.Event
	sessions map[login.Hash]login.Row
}

func (d door) clone() door {
	return door{maps.Clone(d.calls), maps.Clone(d.holds), maps.Clone(d.limits), maps.Clone(d.known), maps.Clone(d.blocks), maps.Clone(d.hours),
		slices.Clip(d.events), maps.Clone(d.sessions)}
}

func newDoor() door {
	return door{map[browserSite]login.CallRow{}, map[browserSite]login.HoldRow{}, map[nameKey]time.Time{}, map[hashPerson]time.Time{},
		map[hashPerson]time.Time{}, map[carnet.ID]string{}, nil, map[login.Hash]login.Row{}}
}

// Door is login.DoorStore's: a transaction that fails leaves nothing.
func (m *Memory) Door(_ context.Context, d protect.Decision, fn func(login.Tx) error) error {
	if err := d.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &memoryTx{d, m.door.clone()}
	if err := fn(t); err != nil {
		return err
	}
	m.door = t.door
	return nil
}

type memoryTx struct {
	d protect.Decision
	door
}

func missing() error { return carnet.E("logintest", carnet.NotFound, "login.unknown", nil) }

func (t *memoryTx) Limit(name string, key login.Hash, next func(time.Time) time.Time) error {
	if err := t.d.MayWrite("login_limit", "tat"); err != nil {
		return err
	}
	k := nameKey{name, key}
	t.limits[k] = next(t.limits[k])
	return nil
}

func (t *memoryTx) PutCall(c login.CallRow) error {
	t.calls[browserSite{c.Browser, c.Site}] = c
	return t.d.MayWrite("login_call", "sealed")
}

func (t *memoryTx) Call(browser login.Hash, site string) (login.CallRow, error) {
	if err := t.d.MayRead("login_call", "sealed"); err != nil {
		return login.CallRow{}, err
	}
	c, ok := t.calls[browserSite{browser, site}]
	if !ok {
		return c, missing()
	}
	return c, nil
}

func (t *memoryTx) RemoveCall(browser login.Hash, site string) error {
	delete(t.calls, browserSite{browser, site})
	return t.d.MayWrite("login_call", "browser", "site")
}

func (t *memoryTx) Calls(person carnet.ID, at time.Time) ([]login.CallRow, error) {
	var list []login.CallRow
	for _, c := range t.calls {
		if c.Person == person && c.Ended == "" && at.Before(c.ExpiresAt) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b login.CallRow) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, t.d.MayRead("login_call", "actor_id")
}

func (t *memoryTx) PutHold(h login.HoldRow) error {
	t.holds[browserSite{h.Browser, h.Site}] = h
	return t.d.MayWrite("login_hold", "sealed")
}

func (t *memoryTx) Hold(browser login.Hash, site string) (login.HoldRow, error) {
	if err := t.d.MayRead("login_hold", "sealed"); err != nil {
		return login.HoldRow{}, err
	}
	h, ok := t.holds[browserSite{browser, site}]
	if !ok {
		return h, missing()
	}
	return h, nil
}

func (t *memoryTx) RemoveHold(browser login.Hash, site string) (bool, error) {
	k := browserSite{browser, site}
	_, ok := t.holds[k]
	delete(t.holds, k)
	return ok, t.d.MayWrite("login_hold", "browser", "site")
}

func (t *memoryTx) AddEvent(e login.Event) error {
	e.ID[0], e.ID[6], e.ID[8] = 1, 0x70, 0x80
	binary.BigEndian.PutUint32(e.ID[12:], uint32(len(t.events)+1))
	t.events = append(t.events, e)
	return t.d.MayWrite("login_event", "kind")
}

func (t *memoryTx) Events(h login.History) ([]login.Event, error) {
	if err := t.d.MayRead("login_event", "kind"); err != nil {
		return nil, err
	}
	if h.Limit <= 0 || h.Limit > 1000 {
		h.Limit = 1000
	}
	var list []login.Event
	for _, e := range slices.Backward(t.events) {
		if (h.Person.IsZero() || e.Person == h.Person) && (h.Origin == login.Hash{} || e.Origin == h.Origin) && (h.Kind == "" || e.Kind == h.Kind) &&
			!e.At.Before(h.Since) {
			e.Token = ""
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b login.Event) int { return b.At.Compare(a.At) })
	return list[:min(len(list), h.Limit)], nil
}

func (t *memoryTx) PutKnown(browser login.Hash, person carnet.ID, until time.Time) error {
	t.known[hashPerson{browser, person}] = until
	return t.d.MayWrite("login_browser", "browser")
}

func (t *memoryTx) Known(browser login.Hash, person carnet.ID, at time.Time) (bool, error) {
	return at.Before(t.known[hashPerson{browser, person}]), t.d.MayRead("login_browser", "browser")
}

func (t *memoryTx) ForgetKnown(person carnet.ID) error {
	maps.DeleteFunc(t.known, func(k hashPerson, _ time.Time) bool { return k.person == person })
	return t.d.MayWrite("login_browser", "browser")
}

func (t *memoryTx) PutBlock(person carnet.ID, from login.Hash, until time.Time) error {
	t.blocks[hashPerson{from, person}] = until
	return t.d.MayWrite("login_block", "origin")
}

func (t *memoryTx) Blocked(person carnet.ID, from login.Hash, at time.Time) (bool, error) {
	return at.Before(t.blocks[hashPerson{from, person}]), t.d.MayRead("login_block", "origin")
}

func (t *memoryTx) PutHours(person carnet.ID, text string) error {
	t.hours[person] = text
	return t.d.MayWrite("login_hours", "hours")
}

func (t *memoryTx) Hours(person carnet.ID) (string, error) {
	return t.hours[person], t.d.MayRead("login_hours", "hours")
}

func (t *memoryTx) AddSession(r login.Row) error {
	t.sessions[r.Token] = r
	return t.d.MayWrite("session", "token")
}

func (t *memoryTx) EndSession(token login.Hash) error {
	delete(t.sessions, token)
	return t.d.MayWrite("session", "token")
}

func (t *memoryTx) EndSessions(e login.Ending) ([]login.Row, error) {
	if err := t.d.MayWrite("session", "token"); err != nil || e == (login.Ending{Since: e.Since}) {
		return nil, err
	}
	var list []login.Row
	for token, s := range t.sessions {
		if (e.Person.IsZero() || s.Actor == e.Person) && (e.Session.IsZero() || s.ID == e.Session) && (e.Origin == login.Hash{} || s.Origin == e.Origin) && (e.Delegate.IsZero() || s.Delegate == e.Delegate) &&
			(e.SID == login.Hash{} || s.SID == e.SID) && (e.Subject == login.Hash{} || s.Subject == e.Subject) && !s.CreatedAt.Before(e.Since) {
			list = append(list, s)
			delete(t.sessions, token)
		}
	}
	slices.SortFunc(list, func(a, b login.Row) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return list, nil
}

func (t *memoryTx) PurgeDoor(at, before time.Time) error {
	maps.DeleteFunc(t.calls, func(_ browserSite, c login.CallRow) bool { return !at.Before(c.ExpiresAt) })
	maps.DeleteFunc(t.holds, func(_ browserSite, h login.HoldRow) bool { return !at.Before(h.ExpiresAt) })
	maps.DeleteFunc(t.limits, func(_ nameKey, tat time.Time) bool { return !at.Before(tat) })
	maps.DeleteFunc(t.known, func(_ hashPerson, until time.Time) bool { return !at.Before(until) })
	maps.DeleteFunc(t.blocks, func(_ hashPerson, until time.Time) bool { return !at.Before(until) })
	t.events = slices.DeleteFunc(slices.Clone(t.events), func(e login.Event) bool { return !e.At.After(before) })
	return t.d.MayWrite("login_event", "at")
}
