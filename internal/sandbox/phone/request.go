package phone

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"carnet/internal/carnet"
)

// Context is what a client says of a request, for the phone to show: the parameter request_context.
// A phone believes none of it beyond the registered name of the client.
type Context struct {
	Service       string    `json:"service"`
	Browser       string    `json:"browser"`       // family and system, "Firefox, Linux"
	Place         string    `json:"place"`         // department or country, from an offline table
	Establishment string    `json:"establishment"` // where the session is for
	Delegate      string    `json:"delegate"`      // who types, when it is not the professional
	FirstTime     bool      `json:"first_time"`    // nobody logged in from this browser with this number before
	Unusual       bool      `json:"unusual"`       // outside the declared sessions or the usual hours
	Digits        int       `json:"digits"`        // of the number to type
	Notify        string    `json:"notify"`        // NotifyNormal, NotifyQuiet or NotifyNone
	At            time.Time `json:"at,omitzero"`
}

// How a request reaches the phone.
const (
	NotifyNormal = "normal" // it rings
	NotifyQuiet  = "quiet"  // no sound, low urgency
	NotifyNone   = "none"   // it waits to be looked for
)

const (
	maxContext = 2 << 10 // bytes of request_context
	maxWords   = 120     // characters of one of its texts
)

// Codes of what Start refuses. The provider turns them into errors of the protocol.
const (
	CodeContext = "phone.context" // request_context is not what it should be
	CodeBinding = "phone.binding" // neither 2 to 8 digits, nor 6 where 6 are needed
	CodeFull    = "phone.full"    // too many requests wait
)

// ParseContext reads request_context. Empty means that the client says nothing.
func ParseContext(raw string) (Context, error) {
	c := Context{Notify: NotifyNormal}
	if raw == "" {
		return c, nil
	}
	if len(raw) > maxContext || !utf8.ValidString(raw) {
		return Context{}, fail("ParseContext", carnet.Invalid, CodeContext, errors.New("too long, or not text"))
	}
	if err := json.Unmarshal([]byte(raw), &c); err != nil || !strings.HasPrefix(strings.TrimSpace(raw), "{") {
		return Context{}, fail("ParseContext", carnet.Invalid, CodeContext, errors.New("not an object of the known fields"))
	}
	for _, words := range []string{c.Service, c.Browser, c.Place, c.Establishment, c.Delegate} {
		if utf8.RuneCountInString(words) > maxWords || strings.ContainsFunc(words, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' && r != '\u202f' }) {
			return Context{}, fail("ParseContext", carnet.Invalid, CodeContext, errors.New("a text is too long or cannot be shown"))
		}
	}
	switch c.Notify {
	case "":
		c.Notify = NotifyNormal
	case NotifyNormal, NotifyQuiet, NotifyNone:
	default:
		return Context{}, fail("ParseContext", carnet.Invalid, CodeContext, errors.New("unknown value of notify"))
	}
	return c, nil
}

// Careful reports that the phone must slow its reader down: six digits, time to read, the reason.
func (c Context) Careful() bool { return c.FirstTime || c.Unusual || c.Notify != NotifyNormal }

// checkBinding takes the number to type: 2 to 8 digits, at least 6 where care is needed.
func (c Context) checkBinding(number string) error {
	least := 2
	if c.Careful() {
		least = 6
	}
	if len(number) < least || len(number) > 8 || strings.Trim(number, "0123456789") != "" || c.Digits != 0 && c.Digits != len(number) {
		return fail("Start", carnet.Invalid, CodeBinding, nil)
	}
	return nil
}

// Ask is a request to log in, as the provider gives it.
type Ask struct {
	Ref     string // auth_req_id: only its hash is kept
	Client  string
	Title   string // registered name of the client
	Number  string // e-CPS number of whom to ask, 11 or 12 digits; one that nobody has is never answered
	Binding string // the number to type
	Life    time.Duration
	Context Context
	Session []byte // kept for the provider
}

// State of a request.
type State string

// States. Only a pending request changes, but for a login that is reported after its decision.
const (
	Pending    State = "pending"
	Approved   State = "approved"
	Declined   State = "declined"
	WrongTyped State = "wrong-number"
	Reported   State = "reported"
	Superseded State = "superseded" // another request took its place
	Cancelled  State = "cancelled"  // the client took it back, or the person reported another one
	Expired    State = "expired"    // never stored: a pending request whose time is over
)

// Login is a request as the provider sees it.
type Login struct {
	State   State
	Client  string
	Person  string
	SID     string    // of the login, when it is approved
	Decided time.Time // auth_time
	Session []byte
}

// Life clamps what a client asks for: 0 gives the default.
func Life(asked time.Duration) time.Duration {
	if asked == 0 {
		return DefaultLife
	}
	return min(max(asked, MinLife), MaxLife)
}

func hashRef(ref string) []byte {
	sum := sha256.Sum256([]byte(ref))
	return sum[:]
}

// Start records a request and tells the phones of its person. Errors: CodeBinding, CodeFull.
// A number that nobody has costs the same work and gets the same answer.
func (s *Service) Start(ctx context.Context, a Ask) error {
	if err := a.Context.checkBinding(a.Binding); err != nil {
		return err
	}
	s.purge(ctx)
	id, err := s.token(16)
	if err != nil {
		return broken("Start", err)
	}
	sid, err := s.token(16)
	if err != nil {
		return broken("Start", err)
	}
	about, err := json.Marshal(a.Context)
	if err != nil {
		return broken("Start", err)
	}
	name, now, person := base64.RawURLEncoding.EncodeToString(id), s.Clock(), s.owner(a.Number)
	rings := a.Context.Notify != NotifyNone
	err = s.within(ctx, func(tx *sql.Tx) error {
		var all, own int
		if err := tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE person=?) FROM request WHERE expires>? AND state='pending'`,
			person, now.UnixMilli()).Scan(&all, &own); err != nil {
			return err
		}
		if all >= maxPending || own >= maxWaiting {
			return fail("Start", carnet.Unavailable, CodeFull, nil)
		}
		if rings {
			if err := s.end(ctx, tx, Superseded, now, `pull=0 AND person=?`, person); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO request (id, ref, client, title, person, binding, context, session, pull, created, expires, sid, interval)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, name, hashRef(a.Ref), a.Client, a.Title, person, a.Binding, string(about), a.Session, !rings,
			now.UnixMilli(), now.Add(Life(a.Life)).UnixMilli(), base64.RawURLEncoding.EncodeToString(sid), Interval.Milliseconds()); err != nil {
			return err
		}
		return s.note(ctx, tx, event{Person: person, Request: name, Kind: kindAsked}, now)
	})
	if err != nil {
		return internal("Start", err)
	}
	s.Log.InfoContext(ctx, "login asked", "request", name, "notify", a.Context.Notify)
	s.hub.wake(person, a.Context.Notify)
	if rings {
		s.push(person, "", message{ID: name, Quiet: a.Context.Notify == NotifyQuiet}, Life(a.Life))
	}
	return nil
}

// owner is the person of a number, or a name of its own for a number that nobody has: requests for
// it take one another's place like those of a person, so that nothing tells them apart.
func (s *Service) owner(number string) string {
	if n, err := carnet.ParseRPPS(number); err == nil {
		number = n.Reveal()
	}
	mac := hmac.New(sha256.New, s.Pepper)
	mac.Write([]byte("number\x00" + number))
	nobody := "?" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	if p := s.ByNumber(number); p != "" {
		return p
	}
	return nobody
}

// end closes the pending requests that a condition names, each with its event.
func (s *Service) end(ctx context.Context, tx *sql.Tx, state State, now time.Time, where string, args ...any) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, person FROM request WHERE state='pending' AND expires>? AND `+where, append([]any{now.UnixMilli()}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []event
	for rows.Next() {
		e := event{Kind: string(state)}
		if err := rows.Scan(&e.Request, &e.Person); err != nil {
			return err
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, e := range list {
		if _, err := tx.ExecContext(ctx, `UPDATE request SET state=?, decided=?, binding='' WHERE id=?`, state, now.UnixMilli(), e.Request); err != nil {
			return err
		}
		if err := s.note(ctx, tx, e, now); err != nil {
			return err
		}
	}
	return nil
}

// Codes of Poll.
const (
	CodeUnknown  = "phone.unknown"   // no such request of this client, or it was used
	CodeSlowDown = "phone.slow-down" // asked again too soon: from now on the interval is 5 s longer
)

// tolerance is how much sooner than the interval a client may come back: clocks and networks waver.
const tolerance = 500 * time.Millisecond

// Poll is what a client learns of its request. A request that is pending and asked for too often
// answers CodeSlowDown.
func (s *Service) Poll(ctx context.Context, ref, client string) (Login, error) {
	var l Login
	err := s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `ref=?`, hashRef(ref))
		if errors.Is(err, sql.ErrNoRows) || err == nil && (r.Client != client || r.used) {
			return fail("Poll", carnet.NotFound, CodeUnknown, nil)
		}
		if err != nil {
			return err
		}
		now := s.Clock()
		if l = r.login(now); l.State != Pending {
			_, err := tx.ExecContext(ctx, `UPDATE request SET told=1 WHERE id=? AND state<>'approved'`, r.ID)
			return err
		}
		soon := !r.polled.IsZero() && now.Sub(r.polled) < r.interval-tolerance
		if soon {
			r.interval += Interval
		}
		if _, err := tx.ExecContext(ctx, `UPDATE request SET polled=?, interval=? WHERE id=?`, now.UnixMilli(), r.interval.Milliseconds(), r.ID); err != nil {
			return err
		}
		if soon {
			l.State = "" // kept, and told below: an error would undo it
		}
		return nil
	})
	if err == nil && l.State == "" {
		err = fail("Poll", carnet.Invalid, CodeSlowDown, nil)
	}
	return l, internal("Poll", err)
}

// Peek is Poll for the provider's own page, which knows the request by its ref and counts nothing.
func (s *Service) Peek(ctx context.Context, ref string) (Login, error) {
	r, err := readRequest(ctx, s.db, `ref=?`, hashRef(ref))
	if errors.Is(err, sql.ErrNoRows) {
		return Login{}, fail("Peek", carnet.NotFound, CodeUnknown, nil)
	}
	if err != nil {
		return Login{}, broken("Peek", err)
	}
	return r.login(s.Clock()), nil
}

// Collect uses an approved request: of two calls one gets it. CodeUnknown otherwise.
func (s *Service) Collect(ctx context.Context, ref, client string) (Login, error) {
	var l Login
	err := s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `ref=?`, hashRef(ref))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if l = r.login(s.Clock()); err != nil || r.Client != client || r.used || l.State != Approved {
			return fail("Collect", carnet.NotFound, CodeUnknown, nil)
		}
		_, err = tx.ExecContext(ctx, `UPDATE request SET used=1 WHERE id=?`, r.ID)
		return err
	})
	return l, internal("Collect", err)
}

// Cancel takes a request back: the phone forgets it, and an approval opens nothing any more. It says
// nothing of what there was to take back.
func (s *Service) Cancel(ctx context.Context, ref, client string) error {
	now, person := s.Clock(), ""
	err := s.within(ctx, func(tx *sql.Tx) error {
		r, err := readRequest(ctx, tx, `ref=? AND client=?`, hashRef(ref), client)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		person = r.Person
		if r.State == Approved && !r.used { // approved at the same moment: it must open nothing
			if _, err := tx.ExecContext(ctx, `UPDATE request SET state=? WHERE id=?`, Cancelled, r.ID); err != nil {
				return err
			}
			return s.note(ctx, tx, event{Person: r.Person, Request: r.ID, Kind: string(Cancelled)}, now)
		}
		return s.end(ctx, tx, Cancelled, now, `id=?`, r.ID)
	})
	if err == nil {
		s.hub.wake(person, NotifyNone)
	}
	return internal("Cancel", err)
}

// internal marks an error that is not of the package as one that is ours.
func internal(op string, err error) error {
	if _, ours := errors.AsType[*carnet.Error](err); err == nil || ours {
		return err
	}
	return broken(op, err)
}

// request is a row.
type request struct {
	ID, Client, Title, Person string
	binding, device, sid      string
	Context                   Context
	State                     State
	session                   []byte
	ref                       []byte
	pull, told, used          bool
	created, expires          time.Time
	shown, decided, polled    time.Time
	interval                  time.Duration
}

type queryer interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

const requestColumns = `id, client, title, person, binding, device, sid, context, state, session, ref, pull, told, used, created, expires, shown, decided, polled, interval`

func readRequest(ctx context.Context, q queryer, where string, args ...any) (request, error) {
	return scanRequest(q.QueryRowContext(ctx, `SELECT `+requestColumns+` FROM request WHERE `+where, args...))
}

func scanRequest(row interface{ Scan(...any) error }) (request, error) {
	var r request
	var about string
	var created, expires, shown, decided, polled, interval int64
	if err := row.Scan(&r.ID, &r.Client, &r.Title, &r.Person, &r.binding, &r.device, &r.sid, &about, &r.State, &r.session, &r.ref, &r.pull, &r.told, &r.used,
		&created, &expires, &shown, &decided, &polled, &interval); err != nil {
		return request{}, err
	}
	if err := json.Unmarshal([]byte(about), &r.Context); err != nil {
		return request{}, err
	}
	r.created, r.expires, r.shown, r.decided, r.polled = moment(created), moment(expires), moment(shown), moment(decided), moment(polled)
	r.interval = time.Duration(interval) * time.Millisecond
	return r, nil
}

// moment reads a time of the file; 0 is none.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// login is what the provider may see at a time.
func (r request) login(now time.Time) Login {
	l := Login{State: r.State, Client: r.Client, Person: r.Person, SID: r.sid, Decided: r.decided, Session: r.session}
	// A login that was approved and not collected in time gives nothing either.
	if !now.Before(r.expires) && (r.State == Pending || r.State == Approved) {
		l.State = Expired
	}
	return l
}

// live reports that a request can still be answered.
func (r request) live(now time.Time) bool { return r.State == Pending && now.Before(r.expires) }

// waiting lists the live requests of a person, the newest first.
func waiting(ctx context.Context, q queryer, person string, now time.Time) ([]request, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+requestColumns+` FROM request WHERE person=? AND state='pending' AND expires>? ORDER BY created DESC, id`, person, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []request
	for rows.Next() {
		r, err := scanRequest(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// same compares what was typed with what should be, in time independent of where they differ.
func same(typed, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(typed), []byte(want)) == 1
}
