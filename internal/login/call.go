package login

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/hours"
	"carnet/internal/login/limit"
	"carnet/internal/login/origin"
	"carnet/internal/login/risk"
	"carnet/internal/protect"
)

// Calls says how a site asks phones. Its zero values are the defaults that the comments give.
type Calls struct {
	Service      string                                // what the phone names: "Vaccin Covid"
	Professional func(number carnet.Private) carnet.ID // of a national identifier, whether anybody has it or not
	Pusher       Pusher                                // default: the provider of the site
	Digits       int                                   // to type from a browser that is known, when nothing is unusual: those of the profile
	CareDigits   int                                   // to type otherwise: 6
	MaxWait      time.Duration                         // life of a request: that of the profile; 30 s to 5 min
	Hours        hours.Week                            // vaccination sessions of a place that declares none: hours.Usual()
	PlaceHours   map[string]hours.Week                 // by establishment, as it is typed or chosen
	Places       origin.Places                         // where networks are; default: nowhere known
	Log          *slog.Logger                          // what an operator must see

	silent bool // the provider can be asked without ringing
}

// Lifetimes of what remembers.
const (
	KnownLifetime   = 90 * 24 * time.Hour // of a browser that somebody logged in from (R6)
	HistoryLifetime = 90 * 24 * time.Hour // of the history, with its places (R21)
	BlockLifetime   = 24 * time.Hour      // of a network after a report (R11)
	reportReach     = 15 * time.Minute    // sessions opened since then end with a report (R11)
	unknownPlace    = "lieu inconnu"
)

// The lanes of requests that ring: a later one takes the place of an earlier one of its lane or of
// a lower one, so that the phone shows one (R1). A stranger cannot push aside who calls from a
// browser of theirs: beside such a request a stranger's does not ring. Requests that do not ring
// are found on the phone by their number; they take no place and lose none.
const (
	laneSilent  = 0
	laneUnknown = 1
	laneKnown   = 2
)

const maxTyped = 100 // characters of a name that is typed

// check fills what is left out and finds what cannot be.
func (c Calls) check(p *Provider) (Calls, error) {
	if c.Pusher == nil {
		c.Pusher = p
	}
	profile := p.profile.CIBA
	c.silent = profile.Context
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Digits, profile.BindingDigits)
	def(&c.Digits, 2)
	def(&c.CareDigits, max(6, c.Digits))
	if c.MaxWait == 0 {
		c.MaxWait = cmp.Or(profile.MaxWait, 2*time.Minute)
	}
	if c.Hours.IsZero() {
		c.Hours = hours.Usual()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Professional == nil:
		return c, errors.New("a site that calls must know what a number is")
	case c.Digits < 2 || c.Digits > c.CareDigits || c.CareDigits > 8:
		return c, fmt.Errorf("%d digits, with care %d: at least 2, at most 8, and not fewer with care", c.Digits, c.CareDigits)
	case c.MaxWait < minCall || c.MaxWait > maxCall:
		return c, fmt.Errorf("a request of %s is not between %s and %s", c.MaxWait, minCall, maxCall)
	}
	return c, nil
}

// CallRequest is what somebody typed to log in with the phone.
type CallRequest struct {
	Number        string         // 11 digits of the RPPS, or 12
	Establishment string         // where one is; may be empty
	Delegate      carnet.Private // name of the one who types, when it is not the professional
	ReturnTo      string
}

// WaitState is how far a request is.
type WaitState string

const (
	WaitPending WaitState = "pending" // type the number on the phone
	WaitHeld    WaitState = "held"    // approved: the page of the opening is next
)

// Wait is what the waiting page shows.
type Wait struct {
	State    WaitState
	Number   string        // to type on the phone
	Pull     bool          // no notification was sent: the person opens the application
	Page     bool          // nor can it be found there: the person goes through the page of the provider (Begin)
	Since    time.Time     // of the request
	Until    time.Time     // when it ends
	Interval time.Duration // between two looks
	Asked    Asked
}

// sealedCall is the content of CallRow.Sealed.
type sealedCall struct {
	RequestID string        `json:"request_id"`      // at the provider
	Decoy     bool          `json:"decoy,omitempty"` // nothing was sent: the id is one that nobody gave
	Number    string        `json:"number"`
	SentAt    time.Time     `json:"sent_at"`
	Interval  time.Duration `json:"interval"`
	Binding   string        `json:"binding"`
	Pull      bool          `json:"pull,omitempty"`
	Page      bool          `json:"page,omitempty"`
	Asked     sealedAsked   `json:"asked"`
	Browser   string        `json:"browser"`
	Known     bool          `json:"known,omitempty"`
	Quiet     bool          `json:"quiet,omitempty"`
	Reasons   []string      `json:"reasons,omitempty"`
}

func (c CallRow) bound() []byte {
	return fmt.Appendf(nil, "%x|%q|%s|%s|%d|%d", c.Browser, c.Site, c.ID, c.Person, c.CreatedAt.UnixMicro(), c.ExpiresAt.UnixMicro())
}

// call is a request that this browser may finish.
type call struct {
	row     CallRow
	content sealedCall
	secret  string
}

func (c call) pushed() Pushed {
	return Pushed{RequestID: carnet.Hide(c.content.RequestID), Number: carnet.Hide(c.content.Number), At: c.content.SentAt,
		ExpiresAt: c.row.ExpiresAt, Interval: c.content.Interval}
}

func (c call) wait() Wait {
	a := c.content.Asked
	return Wait{State: WaitPending, Number: c.content.Binding, Pull: c.content.Pull, Page: c.content.Page, Since: c.row.CreatedAt, Until: c.row.ExpiresAt,
		Interval: c.content.Interval, Asked: Asked{a.Establishment, carnet.Hide(a.Delegate), a.ReturnTo, a.At}}
}

// Call asks the phone of a number. It answers a POST whose form the site has read, and sets the
// cookie without which nobody can finish. A number that nobody has is answered as any other, and
// so is one that its owner closed to this network. Too many requests are CodeLimit; that
// says nothing about the number. When it returns an error it has written nothing.
func (s *Site) Call(w http.ResponseWriter, r *http.Request, q CallRequest) (Wait, error) {
	const op = "Call"
	if s.config.Calls == nil || r.Method != http.MethodPost {
		return Wait{}, refuse(op, carnet.Invalid, CodeMethod, nil)
	}
	number, err := carnet.ParseRPPS(q.Number)
	if err != nil {
		return Wait{}, &carnet.Error{Op: "login." + op, Kind: carnet.Invalid, Code: CodeNumber, Field: "number"}
	}
	for field, text := range map[string]string{"establishment": q.Establishment, "delegate": q.Delegate.Reveal()} {
		if !isText(text) {
			return Wait{}, &carnet.Error{Op: "login." + op, Kind: carnet.Invalid, Code: CodeLong, Field: field, Args: map[string]any{"Max": maxTyped}}
		}
	}
	id, err := s.ids().New()
	if err != nil {
		return Wait{}, err
	}
	ctx, d := r.Context(), s.decideFor(id)
	if err := s.purge(ctx, s.decide()); err != nil {
		return Wait{}, err
	}
	calls := s.config.Calls
	c := call{content: sealedCall{Number: number.Reveal(), Interval: defaultInterval, Browser: family(r),
		Asked: sealedAsked{strings.TrimSpace(q.Establishment), strings.TrimSpace(q.Delegate.Reveal()), LocalPath(q.ReturnTo), s.now()}}}
	c.row = CallRow{Site: s.config.Name, ID: id, Person: calls.Professional(number), CreatedAt: s.now()}
	c.row.ExpiresAt = c.row.CreatedAt.Add(calls.MaxWait)
	var verdict verdict
	if err := s.store.Door(ctx, d, func(tx Tx) (err error) {
		verdict, err = s.judge(tx, r, &c)
		return err
	}); err != nil {
		return Wait{}, err
	}
	if verdict.refused > 0 {
		return Wait{}, overLimit(op, verdict.refused)
	}
	digits := calls.CareDigits
	if c.content.Known && !c.content.Quiet {
		digits = calls.Digits
	}
	if c.content.Binding, err = newDigits(s.random, digits); err != nil {
		return Wait{}, refuse(op, carnet.Internal, "internal", err)
	}
	// Where nothing is sent, the page must ask as often as where something was: it asks for an answer
	// to a request that does not exist.
	c.content.Decoy, c.content.SentAt = true, c.row.CreatedAt
	if c.content.RequestID, err = newSecret(s.random); err != nil {
		return Wait{}, refuse(op, carnet.Internal, "internal", err)
	}
	if verdict.send {
		if err := s.push(ctx, r, &c, digits, verdict.notify); err != nil {
			return Wait{}, err
		}
	}
	var ok bool
	if c.secret, ok = s.cookie(r, s.loginCookie); !ok {
		if c.secret, err = newSecret(s.random); err != nil {
			return Wait{}, refuse(op, carnet.Internal, "internal", err)
		}
	}
	c.row.Browser = hashOf(c.secret)
	if c.row.Sealed, err = seal(s.random, c.secret, "call", c.row.bound(), c.content); err != nil {
		return Wait{}, refuse(op, carnet.Internal, "internal", err)
	}
	var before *call // of this browser, for a number that may be another
	if err := s.store.Door(ctx, d, func(tx Tx) (err error) {
		if before, err = s.openCall(tx, c.secret); carnet.CodeOf(err) == CodeState {
			before, err = nil, nil // a row that does not open goes
		}
		if err == nil && before != nil && before.row.Ended == "" {
			err = tx.AddEvent(s.callEvent(r, *before, EventQuit))
		}
		if err == nil {
			err = tx.RemoveCall(c.row.Browser, c.row.Site)
		}
		if err == nil {
			err = s.place(tx, r, c, verdict)
		}
		return err
	}); err != nil {
		return Wait{}, err
	}
	if before != nil && before.row.Person != c.row.Person {
		s.cancel(ctx, *before)
	}
	s.setCookie(w, s.loginCookie, c.secret, AttemptLifetime)
	return c.wait(), nil
}

// verdict is what the limits and the history say about a request.
type verdict struct {
	refused time.Duration // too many: wait that long
	blocked bool          // the network is closed to the number
	send    bool          // the provider is asked at all
	notify  Notify
}

// judge applies the limits, looks whether the network is closed to the number, and decides how
// loud the request is.
func (s *Site) judge(tx Tx, r *http.Request, c *call) (verdict, error) {
	calls, now, person := s.config.Calls, c.row.CreatedAt, c.row.Person
	network := origin.Network(s.address(r))
	number := c.content.Number
	var known bool
	var err error
	if token, ok := s.cookie(r, s.knownCookie); ok {
		if known, err = tx.Known(hashOf(token), person, now); err != nil {
			return verdict{}, err
		}
	}
	// Whoever comes from a browser of theirs cannot be shut out by strangers of the same network.
	take := []struct{ name, key string }{{limit.NumberOrigin, number + "|" + network}, {limit.Origin, network}, {limit.Client, s.config.Name}, {limit.Global, ""}}
	if known {
		c.content.Known = true
		take = take[:1]
		take[0].key = number + "|known"
	}
	for _, l := range take {
		a, err := s.take(tx, l.name, l.key, now)
		if err != nil || !a.Allowed {
			return verdict{refused: a.Retry}, err
		}
	}
	var v verdict
	if v.blocked, err = tx.Blocked(person, s.originOf(r), now); err != nil {
		return v, err
	}
	if c.content.Reasons, err = s.reasons(tx, r, c, v); err != nil {
		return v, err
	}
	c.content.Quiet = len(c.content.Reasons) > 0
	push := []string{limit.PushUnknown, limit.PushUnknownDay}
	c.row.Lane = laneUnknown
	if known {
		push, c.row.Lane = []string{limit.PushKnown}, laneKnown
	}
	for _, name := range push {
		a, err := s.take(tx, name, number, now)
		if err != nil {
			return v, err
		}
		if c.content.Pull = c.content.Pull || !a.Allowed; !a.Allowed {
			break
		}
	}
	under, err := tx.Calls(person, now)
	if err != nil {
		return v, err
	}
	v.notify = NotifyNormal
	switch {
	case c.content.Pull, slices.ContainsFunc(under, func(u CallRow) bool { return u.Lane > c.row.Lane }):
		// The page of the latter says nothing of it: only a number that somebody has can have such
		// a request.
		v.notify, c.row.Lane = NotifyNone, laneSilent
	case c.content.Quiet || !known:
		v.notify = NotifyQuiet // makes no noise (R9)
	}
	// A provider that is not told how to notify would ring.
	v.send = !v.blocked && (v.notify != NotifyNone || calls.silent)
	c.content.Page = c.content.Pull && !calls.silent
	if !v.send {
		c.row.Lane = laneSilent
	}
	return v, nil
}

// ReasonHours is a reason to be quiet: no vaccination session is declared at that time. The others
// are those of package risk.
const ReasonHours = "hours"

// reasons lists why a request is to be quiet and slow.
func (s *Site) reasons(tx Tx, r *http.Request, c *call, v verdict) ([]string, error) {
	calls, now := s.config.Calls, c.row.CreatedAt
	week := calls.Hours
	if w, ok := calls.PlaceHours[c.content.Asked.Establishment]; ok {
		week = w
	}
	own, err := tx.Hours(c.row.Person)
	if err != nil {
		return nil, err
	}
	if own != "" {
		if week, err = hours.Parse(own); err != nil {
			return nil, refuse("Call", carnet.Internal, "internal", err)
		}
	}
	var why []string
	if !week.Open(now) {
		why = append(why, ReasonHours)
	}
	mine, err := tx.Events(History{Person: c.row.Person, Since: now.Add(-risk.LookBack)})
	if err != nil {
		return nil, err
	}
	here, err := tx.Events(History{Origin: s.originOf(r), Since: now.Add(-risk.Window)})
	if err != nil {
		return nil, err
	}
	found := risk.Assess(risk.Request{At: now, Number: c.row.Person, Country: calls.Places.Find(s.address(r)).Country}, traces(mine), traces(here))
	if len(found) > 0 && !v.blocked {
		if err := s.alert(tx, r, c.row.ID, c.row.Person, found); err != nil {
			return nil, err
		}
	}
	if why = append(why, found...); len(why) > 0 {
		calls.Log.InfoContext(r.Context(), "security: a login to be careful with", "request", c.row.ID, "reasons", why, "site", s.config.Name)
	}
	return why, nil
}

// traces is a history in the words of package risk.
func traces(list []Event) []risk.Event {
	var out []risk.Event
	for _, e := range list {
		kind := map[EventKind]risk.Kind{EventApproved: risk.Approved, EventRefused: risk.Refused, EventReported: risk.Refused,
			EventExpired: risk.Expired, EventFailed: risk.Refused}[e.Kind]
		if kind != "" {
			out = append(out, risk.Event{At: e.At, Kind: kind, Number: e.Person, Country: e.Place.Country, Took: e.Took})
		}
	}
	return out
}

// take asks for one more of a limit.
func (s *Site) take(tx Tx, name, key string, now time.Time) (limit.Answer, error) {
	rate, ok := s.config.Limits.For(name, key)
	if !ok {
		return limit.Answer{}, carnet.E("login.limit", carnet.Internal, "internal", fmt.Errorf("no limit %s", name))
	}
	var a limit.Answer
	err := tx.Limit(name, s.store.Lookup("login-limit", name+"|"+key), func(tat time.Time) (next time.Time) {
		a, next = rate.Next(tat, now)
		return next
	})
	return a, err
}

// push asks the provider. That nobody has the number is no error: nothing was sent, and the page
// waits as if something had been.
func (s *Site) push(ctx context.Context, r *http.Request, c *call, digits int, notify Notify) error {
	calls := s.config.Calls
	q := PushRequest{Number: carnet.Hide(c.content.Number), Binding: c.content.Binding, Lifetime: calls.MaxWait, Context: PushContext{
		Service: calls.Service, Browser: c.content.Browser, Place: calls.Places.Find(s.address(r)).Label, Establishment: c.content.Asked.Establishment,
		Delegate: c.content.Asked.Delegate, FirstTime: !c.content.Known, Unusual: c.content.Quiet, Digits: digits, Notify: notify, At: c.row.CreatedAt,
	}}
	if q.Context.Place == "" {
		q.Context.Place = unknownPlace
	}
	p, err := calls.Pusher.Push(ctx, q)
	if carnet.CodeOf(err) == CodeUnknownUser {
		return nil
	}
	if err != nil {
		return err
	}
	c.content.RequestID, c.content.SentAt, c.content.Decoy = p.RequestID.Reveal(), p.At, false
	c.content.Interval = cmp.Or(p.Interval, c.content.Interval)
	if p.ExpiresAt.After(c.row.CreatedAt) && p.ExpiresAt.Before(c.row.ExpiresAt) {
		c.row.ExpiresAt = p.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	return nil
}

// place stores a request; when it rings, those that ring in its lane or in a lower one for the same
// number end (R1).
func (s *Site) place(tx Tx, r *http.Request, c call, v verdict) error {
	kinds := []EventKind{EventStart}
	if c.row.Lane != laneSilent {
		under, err := tx.Calls(c.row.Person, c.row.CreatedAt)
		if err != nil {
			return err
		}
		for _, u := range under {
			if u.Lane == laneSilent || u.Lane > c.row.Lane {
				continue
			}
			u.Ended = string(EventReplaced)
			if err := tx.PutCall(u); err != nil {
				return err
			}
			if err := tx.AddEvent(Event{Call: u.ID, Person: u.Person, At: s.now(), Kind: EventReplaced, Site: u.Site}); err != nil {
				return err
			}
		}
	}
	if v.send {
		kinds = append(kinds, map[bool]EventKind{false: EventPushed, true: EventPull}[v.notify == NotifyNone])
	}
	if v.blocked {
		kinds = append(kinds, EventBlocked)
	}
	for _, kind := range kinds {
		if err := tx.AddEvent(s.callEvent(r, c, kind)); err != nil {
			return err
		}
	}
	if _, err := tx.RemoveHold(c.row.Browser, c.row.Site); err != nil {
		return err
	}
	return tx.PutCall(c.row)
}

// Waiting looks how far the request of this browser is, and asks the provider when it is time. It
// answers a GET: it moves on nothing but the login of this very browser. Errors that end the
// request are CodeDenied, CodeReported, CodeExpired, CodeReplaced, or a code of what the provider
// answered; CodeState says that there is none; CodeProviderDown leaves it under way.
func (s *Site) Waiting(_ http.ResponseWriter, r *http.Request) (Wait, error) {
	const op = "Waiting"
	secret, ok := s.cookie(r, s.loginCookie)
	if !ok || s.config.Calls == nil {
		return Wait{}, refuse(op, carnet.Invalid, CodeState, errors.New("no cookie"))
	}
	ctx, browser, now := r.Context(), hashOf(secret), s.now()
	var c *call
	var held, due, lapsed bool
	err := s.store.Door(ctx, s.decide(), func(tx Tx) (err error) {
		if c, err = s.openCall(tx, secret); err != nil {
			return err
		}
		if c == nil {
			_, err := tx.Hold(browser, s.config.Name)
			held = err == nil
			return absent(err)
		}
		if c.row.Ended != "" {
			return nil
		}
		if c.content.Browser != family(r) {
			return s.finishCall(tx, r, c, EventFailed)
		}
		if lapsed = !now.Before(c.row.ExpiresAt); lapsed {
			return s.finishCall(tx, r, c, EventExpired)
		}
		if c.row.NextPoll.IsZero() {
			if err := tx.AddEvent(s.callEvent(r, *c, EventShown)); err != nil {
				return err
			}
		}
		if due = !now.Before(c.row.NextPoll); due {
			c.row.NextPoll = now.Add(c.content.Interval)
			return tx.PutCall(c.row)
		}
		return nil
	})
	switch {
	case err != nil:
		return Wait{}, err
	case held:
		return Wait{State: WaitHeld}, nil
	case c == nil:
		return Wait{}, refuse(op, carnet.Invalid, CodeState, errors.New("no request under way"))
	case c.row.Ended != "":
		if lapsed {
			s.cancel(ctx, *c)
		}
		return Wait{}, endedBy(EventKind(c.row.Ended))
	case !due:
		return c.wait(), nil
	}
	identity, err := s.config.Calls.Pusher.Collect(ctx, c.pushed())
	switch {
	case c.content.Decoy && carnet.CodeOf(err) == CodeProviderDown:
		return c.wait(), err
	case c.content.Decoy:
		return c.wait(), nil
	case err == nil:
		return s.approved(r, *c, identity)
	default:
		return s.unapproved(r, *c, err)
	}
}

// openCall reads the request of a browser, or nil when there is none that it can open.
func (s *Site) openCall(tx Tx, secret string) (*call, error) {
	row, err := tx.Call(hashOf(secret), s.config.Name)
	if carnet.KindOf(err) == carnet.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &call{row: row, secret: secret}
	if err := unseal(secret, "call", row.bound(), row.Sealed, &c.content); err != nil {
		return nil, refuse("Waiting", carnet.Invalid, CodeState, err)
	}
	return c, nil
}

// endedBy is the error of a request that is over.
func endedBy(kind EventKind) error {
	switch kind {
	case EventRefused:
		return refuse("Waiting", carnet.Denied, CodeDenied, nil)
	case EventReported:
		return refuse("Waiting", carnet.Denied, CodeReported, nil)
	case EventReplaced:
		return refuse("Waiting", carnet.Invalid, CodeReplaced, nil)
	case EventExpired:
		return refuse("Waiting", carnet.Invalid, CodeExpired, nil)
	default:
		return refuse("Waiting", carnet.Invalid, CodeState, errors.New("the request is over"))
	}
}

// finishCall marks a request as over, and says why in the history.
func (s *Site) finishCall(tx Tx, r *http.Request, c *call, kind EventKind) error {
	c.row.Ended = string(kind)
	if err := tx.AddEvent(s.callEvent(r, *c, kind)); err != nil {
		return err
	}
	return tx.PutCall(c.row)
}

// still reads the request again: while the provider was asked, its owner may have left it, or a
// later request may have taken its place (R13).
func (s *Site) still(tx Tx, c call) error {
	now, err := tx.Call(c.row.Browser, c.row.Site)
	if carnet.KindOf(err) == carnet.NotFound || err == nil && now.ID != c.row.ID {
		return refuse("Waiting", carnet.Invalid, CodeState, errors.New("left meanwhile"))
	}
	if err == nil && now.Ended != "" {
		return endedBy(EventKind(now.Ended))
	}
	return err
}

// approved holds the identity for the opening of the session.
func (s *Site) approved(r *http.Request, c call, identity Identity) (Wait, error) {
	const op = "Waiting"
	hold, err := s.holdRow(c.secret, c.row.ID, c.content.Browser, identity, c.content.Asked)
	if err != nil {
		return Wait{}, refuse(op, carnet.Internal, "internal", err)
	}
	e := s.callEvent(r, c, EventApproved)
	e.Took = max(e.At.Sub(c.row.CreatedAt), time.Microsecond)
	// Looks are seconds apart: the provider knows better, to the second that it cuts off.
	if by := identity.AuthTime.Add(time.Second).Sub(c.row.CreatedAt); !identity.AuthTime.IsZero() && by < e.Took {
		e.Took = max(by, time.Microsecond)
	}
	err = s.store.Door(r.Context(), s.decideFor(c.row.ID), func(tx Tx) error {
		if err := s.still(tx, c); err != nil {
			return err
		}
		if err := tx.RemoveCall(c.row.Browser, c.row.Site); err != nil {
			return err
		}
		if err := tx.AddEvent(e); err != nil {
			return err
		}
		if e.Took < risk.TooFast {
			if err := s.alert(tx, r, c.row.ID, c.row.Person, []string{risk.Hasty}); err != nil {
				return err
			}
		}
		return tx.PutHold(hold)
	})
	if err != nil {
		return Wait{}, err
	}
	w := c.wait()
	w.State = WaitHeld
	return w, nil
}

// unapproved acts on the answer of a provider that is not an identity.
func (s *Site) unapproved(r *http.Request, c call, answer error) (Wait, error) {
	var kind EventKind
	switch carnet.CodeOf(answer) {
	case CodePending:
		return c.wait(), nil
	case CodeSlowDown:
		err := s.store.Door(r.Context(), s.decideFor(c.row.ID), func(tx Tx) error {
			if err := s.still(tx, c); err != nil {
				return err
			}
			var err error
			c.content.Interval = min(c.content.Interval+slowDown, maxInterval)
			c.row.NextPoll = c.row.NextPoll.Add(slowDown)
			if c.row.Sealed, err = seal(s.random, c.secret, "call", c.row.bound(), c.content); err != nil {
				return refuse("Waiting", carnet.Internal, "internal", err)
			}
			return tx.PutCall(c.row)
		})
		return c.wait(), err
	case CodeProviderDown:
		return c.wait(), answer
	case CodeDenied:
		kind = EventRefused
	case CodeReported:
		kind = EventReported
	case CodeExpired:
		kind = EventExpired
	default:
		if r.Context().Err() != nil {
			return Wait{}, answer // the browser went away: nothing was answered
		}
		kind = EventFailed
	}
	err := s.store.Door(r.Context(), s.decideFor(c.row.ID), func(tx Tx) error {
		if err := s.still(tx, c); err != nil {
			return err
		}
		if err := s.finishCall(tx, r, &c, kind); err != nil {
			return err
		}
		if kind != EventReported {
			return nil
		}
		return s.reported(tx, r, c.row.ID, c.row.Person, s.originOf(r))
	})
	if err != nil {
		return Wait{}, err
	}
	if kind == EventFailed {
		return Wait{}, answer
	}
	return Wait{}, endedBy(kind)
}

// Quit leaves the login of this browser, request or identity (R13): nothing can finish it any more,
// here or on the phone. It answers a POST, and leaving what was not begun is no error.
func (s *Site) Quit(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return refuse("Quit", carnet.Invalid, CodeMethod, nil)
	}
	secret, ok := s.cookie(r, s.loginCookie)
	if !ok {
		return nil
	}
	var c *call
	err := s.store.Door(r.Context(), s.decide(), func(tx Tx) (err error) {
		if c, err = s.openCall(tx, secret); carnet.CodeOf(err) == CodeState {
			c, err = nil, nil // a row that does not open goes with the cookie
		}
		if err != nil {
			return err
		}
		if c != nil && c.row.Ended == "" {
			if err := tx.AddEvent(s.callEvent(r, *c, EventQuit)); err != nil {
				return err
			}
		}
		if _, err := tx.RemoveHold(hashOf(secret), s.config.Name); err != nil {
			return err
		}
		return tx.RemoveCall(hashOf(secret), s.config.Name)
	})
	if err != nil {
		return err
	}
	s.setCookie(w, s.loginCookie, "", -1)
	if c != nil {
		s.cancel(r.Context(), *c)
	}
	return nil
}

// cancel clears the phone, when the provider can. The login is over here, whatever it answers.
func (s *Site) cancel(ctx context.Context, c call) {
	if c.content.Decoy || c.row.Ended != "" && c.row.Ended != string(EventExpired) {
		return
	}
	if err := s.config.Calls.Pusher.CancelPush(ctx, c.pushed()); err != nil {
		s.config.Calls.Log.InfoContext(ctx, "the phone could not be told that a login was left", "request", c.row.ID, "code", carnet.CodeOf(err))
	}
}

// know makes the browser one that the person is known from, and returns its cookie.
func (s *Site) know(tx Tx, r *http.Request, person carnet.ID, now time.Time) (string, error) {
	token, ok := s.cookie(r, s.knownCookie)
	if !ok {
		var err error
		if token, err = newSecret(s.random); err != nil {
			return "", refuse("Open", carnet.Internal, "internal", err)
		}
	}
	return token, tx.PutKnown(hashOf(token), person, now.Add(KnownLifetime))
}

// event is an event of now, with what the request tells.
func (s *Site) event(r *http.Request, callID, person carnet.ID, kind EventKind) Event {
	e := Event{Call: callID, Person: person, At: s.now(), Kind: kind, Site: s.config.Name, Origin: s.originOf(r), Browser: family(r)}
	if s.config.Calls != nil {
		e.Place = s.config.Calls.Places.Find(s.address(r))
	}
	return e
}

func (s *Site) callEvent(r *http.Request, c call, kind EventKind) Event {
	e := s.event(r, c.row.ID, c.row.Person, kind)
	e.Establishment, e.Known, e.Quiet, e.Digits = c.content.Asked.Establishment, c.content.Known, c.content.Quiet, len(c.content.Binding)
	e.Reasons = c.content.Reasons
	return e
}

// address is where a request comes from.
func (s *Site) address(r *http.Request) netip.Addr { return origin.Address(r, s.config.Proxies) }

// originOf is the keyed hash of the network of a request.
func (s *Site) originOf(r *http.Request) Hash {
	return s.store.Lookup("login-origin", origin.Network(s.address(r)))
}

func (s *Site) subjectHash(issuer, subject string) Hash {
	return s.store.Lookup("login-subject", issuer+"\x00"+subject)
}

func (s *Site) sidHash(issuer, sid string) Hash {
	return s.store.Lookup("login-sid", issuer+"\x00"+sid)
}

// SameDevice reports a browser of a phone: no request to a phone for it, but the flow that leads
// through the provider's page (R25; RFC 10027).
func (s *Site) SameDevice(r *http.Request) bool { return origin.Mobile(r.UserAgent()) }

func family(r *http.Request) string { return origin.Browser(r.UserAgent()) }

// newDigits returns n decimal digits, each as likely as another.
func newDigits(random io.Reader, n int) (string, error) {
	bound := uint64(math.Pow10(n))
	for {
		var b [8]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("random source: %w", err)
		}
		if v := binary.BigEndian.Uint64(b[:]); v < math.MaxUint64-math.MaxUint64%bound {
			return fmt.Sprintf("%0*d", n, v%bound), nil
		}
	}
}

// absent makes a row that is not there no error.
func absent(err error) error {
	if carnet.KindOf(err) == carnet.NotFound {
		return nil
	}
	return err
}

// decideFor is decide for an access on behalf of one request or session, which the journal names.
func (s *Site) decideFor(id carnet.ID) protect.Decision {
	return s.guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System, Session: id}, Purpose: protect.Login})
}
