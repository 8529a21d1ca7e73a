package phone

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"carnet/internal/carnet"
)

// Decisions of a phone.
const (
	decideApprove = "approve"
	decideDecline = "decline"
	decideReport  = "report" // "Ce n'est pas moi"
)

// decision is what a phone answers. The signature is over origin, device, request, client, decision,
// number and time.
type decision struct {
	Device    string `json:"device"`
	Request   string `json:"request"`
	Decision  string `json:"decision"`
	Number    string `json:"number"`
	Code      string `json:"code"`
	At        int64  `json:"at"` // ms
	Signature []byte `json:"signature"`

	Assertion *assertion `json:"assertion,omitempty"` // over the same, where the device has a passkey
}

// signed reads the device of an answer and checks that it signed it, just now.
func (s *Service) signed(ctx context.Context, id, purpose string, at int64, signature []byte, parts ...string) (device, error) {
	const op = "signed"
	d, err := readDevice(ctx, s.db, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && d.State == deviceRevoked {
		return device{}, fail(op, carnet.Denied, CodeDevice, nil)
	}
	if err != nil {
		return device{}, broken(op, err)
	}
	if !verify(d.key, statement(s.origin(), purpose, append([]string{id, strconv.FormatInt(at, 10)}, parts...)...), signature) {
		return device{}, fail(op, carnet.Denied, CodeDevice, nil)
	}
	if off := s.Clock().Sub(time.UnixMilli(at)); off.Abs() > clockSkew {
		return device{}, fail(op, carnet.Invalid, CodeTime, nil)
	}
	return d, nil
}

// decide takes the answer of a phone and returns the state of the request after it.
func (s *Service) decide(ctx context.Context, a decision) (State, error) {
	const op = "decide"
	r, err := readRequest(ctx, s.db, `id=?`, a.Request)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", broken(op, err)
	}
	// Of a request that is not there the client is empty, and the signature of nobody fits.
	d, err := s.signed(ctx, a.Device, "decide", a.At, a.Signature, a.Request, r.Client, a.Decision, a.Number)
	if err != nil {
		return "", err
	}
	if r.Person != d.Person {
		return "", fail(op, carnet.NotFound, CodeGone, nil)
	}
	var state State
	switch a.Decision {
	case decideApprove:
		state, err = s.approve(ctx, d, r, a)
	case decideDecline:
		state, err = s.refuse(ctx, d, r)
	case decideReport:
		state, err = s.report(ctx, d, r)
	default:
		return "", fail(op, carnet.Invalid, CodeForm, nil)
	}
	s.hub.wake(d.Person, NotifyNone)
	return state, internal(op, err)
}

// approve checks the number, then the code, then lets the request pass if it is still there.
func (s *Service) approve(ctx context.Context, d device, r request, a decision) (State, error) {
	const op = "approve"
	if a.Number == "" || !isCode(a.Code) {
		return "", fail(op, carnet.Invalid, CodeForm, nil)
	}
	if err := d.usable(s.Clock()); err != nil {
		return "", err
	}
	// Declining and reporting need no passkey: they must stay easy.
	if err := s.unlocked(d, a.Assertion, "decide", d.ID, strconv.FormatInt(a.At, 10), a.Request, r.Client, a.Decision, a.Number); err != nil {
		return "", err
	}
	wrong := false
	err := s.within(ctx, func(tx *sql.Tx) error {
		now := s.Clock()
		r, err := readRequest(ctx, tx, `id=?`, r.ID)
		if err != nil {
			return err
		}
		if !r.live(now) {
			return fail(op, carnet.Conflict, CodeGone, nil)
		}
		if left := r.unread(now); left > 0 {
			e := carnet.E("phone."+op, carnet.Conflict, CodeEarly, nil)
			e.Args = map[string]any{"wait": left.Milliseconds()}
			return e
		}
		if wrong = !same(a.Number, r.binding); !wrong {
			return nil
		}
		return s.close(ctx, tx, d, r, WrongTyped, now)
	})
	if err != nil {
		return "", err
	}
	if wrong {
		s.Log.WarnContext(ctx, "wrong number", "request", r.ID, "device", d.ID)
		return "", fail(op, carnet.Denied, CodeNumber, nil)
	}
	if err := s.check(ctx, d.ID, a.Code); err != nil {
		return "", err
	}
	now := s.Clock()
	err = s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `id=?`, r.ID)
		if err != nil {
			return err
		}
		device, err := readDevice(ctx, tx, d.ID)
		if err != nil {
			return err
		}
		if !r.live(now) || device.State != deviceActive { // it took a moment to check the code
			return fail(op, carnet.Conflict, CodeGone, nil)
		}
		return s.close(ctx, tx, d, r, Approved, now)
	})
	if err != nil {
		return "", err
	}
	s.Log.InfoContext(ctx, "login approved", "request", r.ID, "device", d.ID, "young", d.young(now))
	return Approved, nil
}

// unread is how long a request must still be read before it can be approved. One that was never
// shown cannot be.
func (r request) unread(now time.Time) time.Duration {
	delay := time.Duration(0)
	if r.Context.Careful() {
		delay = ReadingDelay
	}
	if r.shown.IsZero() {
		return max(delay, time.Second)
	}
	return r.shown.Add(delay).Sub(now)
}

// close writes a decision with its event, and forgets the number.
func (s *Service) close(ctx context.Context, tx *sql.Tx, d device, r request, state State, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE request SET state=?, decided=?, device=?, binding='' WHERE id=?`, state, now.UnixMilli(), d.ID, r.ID); err != nil {
		return err
	}
	return s.note(ctx, tx, event{Person: d.Person, Device: d.ID, Request: r.ID, Kind: string(state), Young: d.young(now)}, now)
}

// refuse is "Quitter l'authentification".
func (s *Service) refuse(ctx context.Context, d device, r request) (State, error) {
	err := s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `id=?`, r.ID)
		if err != nil {
			return err
		}
		now := s.Clock()
		if !r.live(now) {
			return fail("refuse", carnet.Conflict, CodeGone, nil)
		}
		return s.close(ctx, tx, d, r, Declined, now)
	})
	if err != nil {
		return "", err
	}
	s.Log.WarnContext(ctx, "login declined", "request", r.ID, "device", d.ID)
	return Declined, nil
}

// report is "Ce n'est pas moi": the request is refused with that word, the other requests of the
// person are taken back, and a login that was approved or refused before is told to the client.
func (s *Service) report(ctx context.Context, d device, r request) (State, error) {
	const op = "report"
	err := s.within(ctx, func(tx *sql.Tx) error {
		now := s.Clock()
		r, err := readRequest(ctx, tx, `id=?`, r.ID)
		if err != nil {
			return err
		}
		if now.Sub(r.created) > loginFor || r.State == Reported {
			return fail(op, carnet.Conflict, CodeGone, nil)
		}
		if r.State == Approved && r.used || r.told || !now.Before(r.expires) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO logout (sid, client, person, reported, ref, approved) VALUES (?,?,?,1,?,?)
				ON CONFLICT (sid) DO UPDATE SET reported=1`, r.sid, r.Client, r.Person, r.ref, now.UnixMilli()); err != nil {
				return err
			}
		}
		if err := s.close(ctx, tx, d, r, Reported, now); err != nil {
			return err
		}
		return s.end(ctx, tx, Cancelled, now, `person=?`, d.Person)
	})
	if err != nil {
		return "", err
	}
	s.Log.WarnContext(ctx, "login reported", "request", r.ID, "device", d.ID)
	s.later(s.deliver)
	return Reported, nil
}

// shown notes that a phone shows a request: its reading time begins.
func (s *Service) shown(ctx context.Context, d device, id string) error {
	return internal("shown", s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `id=? AND person=?`, id, d.Person)
		now := s.Clock()
		if errors.Is(err, sql.ErrNoRows) || err == nil && !r.live(now) {
			return fail("shown", carnet.Conflict, CodeGone, nil)
		}
		if err != nil || !r.shown.IsZero() {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE request SET shown=? WHERE id=?`, now.UnixMilli(), id); err != nil {
			return err
		}
		return s.note(ctx, tx, event{Person: d.Person, Device: d.ID, Request: id, Kind: kindShown, Young: d.young(now)}, now)
	}))
}

// Searches with a number that no request has, for each device.
const (
	findsAtOnce = 10
	findsFor    = 5 * time.Minute
)

// finds counts searches.
type finds struct {
	since time.Time
	n     int
}

// find looks for the request that waits with a number, among those that do not ring: for one that
// rings the number is no help to find it, but what it is asked for.
func (s *Service) find(ctx context.Context, list []device, number string) (request, device, error) {
	const op = "find"
	now := s.Clock()
	for _, d := range list {
		if !s.mayFind(d.ID, now) {
			return request{}, device{}, fail(op, carnet.Denied, CodeBusy, nil)
		}
	}
	var found []request
	var by device
	for _, d := range list {
		all, err := waiting(ctx, s.db, d.Person, now)
		if err != nil {
			return request{}, device{}, broken(op, err)
		}
		for _, r := range all {
			if same(number, r.binding) && r.pull {
				found, by = append(found, r), d
			}
		}
	}
	if len(found) != 1 { // two with one number: nobody can tell which is the own one
		return request{}, device{}, fail(op, carnet.NotFound, CodeNoMatch, nil)
	}
	s.mu.Lock()
	for _, d := range list {
		delete(s.finds, d.ID)
	}
	s.mu.Unlock()
	return found[0], by, nil
}

func (s *Service) mayFind(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.finds[id]
	if now.Sub(f.since) >= findsFor || now.Before(f.since) {
		f = finds{since: now}
	}
	f.n++
	if len(s.finds) < maxKeptProofs || s.finds[id] != (finds{}) {
		s.finds[id] = f
	}
	return f.n <= findsAtOnce
}

// deliver tells the clients of logins that ended, and tries again what fails.
func (s *Service) deliver(ctx context.Context) {
	for _, pause := range []time.Duration{0, time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute} {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if left := s.tell(ctx); left == 0 {
			return
		}
	}
}

const tellWithin = 5 * time.Second

// tell tries each client once and returns how many notices are left.
func (s *Service) tell(ctx context.Context) int {
	s.telling.Lock()
	defer s.telling.Unlock()
	list, err := s.untold(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "logouts cannot be read", "err", err)
		return 0
	}
	left := 0
	for _, e := range list {
		c, cancel := context.WithTimeout(ctx, tellWithin)
		err := s.End(c, e)
		cancel()
		if err == nil {
			_, err = s.db.ExecContext(ctx, `DELETE FROM logout WHERE sid=? AND reported=?`, e.SID, e.Reported)
		}
		if err != nil {
			s.Log.WarnContext(ctx, "the client was not told that a login ended", "client", e.Client, "err", err)
			left++
		}
	}
	return left
}

func (s *Service) untold(ctx context.Context) ([]Ended, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT sid, client, person, reported, ref FROM logout WHERE approved>?`, s.Clock().Add(-loginFor).UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Ended
	for rows.Next() {
		var e Ended
		var ref []byte
		if err := rows.Scan(&e.SID, &e.Client, &e.Person, &e.Reported, &ref); err != nil {
			return nil, err
		}
		e.Request = base64.RawURLEncoding.EncodeToString(ref)
		list = append(list, e)
	}
	return list, rows.Err()
}
