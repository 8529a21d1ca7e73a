package login

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/hours"
	"carnet/internal/login/limit"
	"carnet/internal/login/risk"
	"carnet/internal/protect"
)

// alert tells operators: in the history, and in the log without saying who. What was told of the
// same person within the last minutes is not told again.
func (s *Site) alert(tx Tx, r *http.Request, callID, person carnet.ID, reasons []string) error {
	told, err := tx.Events(History{Person: person, Kind: EventAlert, Since: s.now().Add(-risk.Window)})
	if err != nil {
		return err
	}
	var fresh []string
	for _, why := range reasons {
		if !slices.ContainsFunc(told, func(e Event) bool { return slices.Contains(e.Reasons, why) }) {
			fresh = append(fresh, why)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	e := s.event(r, callID, person, EventAlert)
	e.Reasons = fresh
	if s.config.Calls != nil {
		s.config.Calls.Log.WarnContext(r.Context(), "security: logins to look at", "request", callID, "reasons", fresh, "site", s.config.Name)
	}
	return tx.AddEvent(e)
}

// ReasonReported is the reason of an alert after "it is not me".
const ReasonReported = "reported"

// reported is what follows from "it is not me" (R11): the network is closed to the number for a
// day, no browser is known for it any more, the other requests for it end, the sessions that its owner
// has opened from there within the last minutes end, and operators are told. The number stays open everywhere else (R12).
func (s *Site) reported(tx Tx, r *http.Request, callID, person carnet.ID, from Hash) error {
	now := s.now()
	if err := tx.PutBlock(person, from, now.Add(BlockLifetime)); err != nil {
		return err
	}
	if err := tx.ForgetKnown(person); err != nil {
		return err
	}
	under, err := tx.Calls(person, now)
	if err != nil {
		return err
	}
	for _, u := range under {
		u.Ended = string(EventReported)
		if err := tx.PutCall(u); err != nil {
			return err
		}
		if err := tx.AddEvent(Event{Call: u.ID, Person: person, At: now, Kind: EventReported, Site: u.Site}); err != nil {
			return err
		}
	}
	if err := s.end(tx, callID, Ending{Person: person, Origin: from, Since: now.Add(-reportReach)}, ReasonReported); err != nil {
		return err
	}
	return s.alert(tx, r, callID, person, []string{ReasonReported})
}

// end ends sessions and says so in the history.
func (s *Site) end(tx Tx, callID carnet.ID, which Ending, why string) error {
	ended, err := tx.EndSessions(which)
	if err != nil {
		return err
	}
	for _, row := range ended {
		id := callID
		if id.IsZero() {
			id = row.ID
		}
		if err := tx.AddEvent(Event{Call: id, Person: row.Actor, At: s.now(), Kind: EventEnded, Site: row.Site, Origin: row.Origin,
			Browser: row.Browser, Session: row.ID, Delegate: row.Delegate, Reasons: []string{why}}); err != nil {
			return err
		}
	}
	return nil
}

// EndPath is where a provider tells that a session is over, from server to server. The site routes
// POST requests for it to BackChannel; cross-origin protection lets them pass, for they carry
// neither Origin nor Sec-Fetch-Site, and a signed token authenticates them.
func EndPath(provider string) string { return "/connexion/fin/" + provider }

// EndPath is the path that this site routes to BackChannel.
func (s *Site) EndPath() string { return EndPath(s.provider.Name()) }

// Reasons of sessions that open again or end.
const (
	ReasonRenewed  = "renewed"  // a fresh authentication in an open session
	ReasonProvider = "provider" // the provider ended it
	ReasonRevoked  = "revoked"  // the person or the delegate may not enter any more
	ReasonStaff    = "staff"    // staff ended it after an alert, or an operator by a command
)

// maxEndBody is how many bytes a logout request may have.
const maxEndBody = 16 << 10

// BackChannel ends the sessions that a logout token names (OpenID Connect Back-Channel Logout 1.0,
// section 2.5). With the event "it is not me" it does all that a report does (R11), from where each
// of these sessions was opened. It answers 400 to a token that does not hold.
func (s *Site) BackChannel(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	status, err := s.backChannel(w, r)
	if err == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request"}) // who went away needs no answer
}

func (s *Site) backChannel(w http.ResponseWriter, r *http.Request) (status int, err error) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, refuse("BackChannel", carnet.Invalid, CodeMethod, nil)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxEndBody)
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		return http.StatusBadRequest, refuse("BackChannel", carnet.Invalid, CodeToken, errors.New("no logout token"))
	}
	ended, err := s.pusher().LogoutToken(r.Context(), r.PostForm.Get("logout_token"))
	if carnet.KindOf(err) == carnet.Unavailable {
		return http.StatusServiceUnavailable, err
	}
	if err != nil {
		return http.StatusBadRequest, err
	}
	issuer := s.provider.profile.Issuer
	var which Ending
	switch {
	case ended.SessionID != "":
		which.SID = s.sidHash(issuer, ended.SessionID)
	case !ended.Subject.IsZero():
		which.Subject = s.subjectHash(issuer, ended.Subject.Reveal())
	default:
		return http.StatusBadRequest, refuse("BackChannel", carnet.Invalid, CodeToken, errors.New("it names no session"))
	}
	err = s.store.Door(r.Context(), s.decide(), func(tx Tx) error {
		// Its session may open a moment later, for an identity waits until somebody chooses a situation.
		if which.SID != (Hash{}) {
			if err := tx.PutBlock(endedAs(which.SID, ended.Reported), which.SID, s.now().Add(HoldLifetime)); err != nil {
				return err
			}
		}
		rows, err := tx.EndSessions(which)
		if err != nil {
			return err
		}
		for _, row := range rows {
			e := Event{Call: row.ID, Person: row.Actor, At: s.now(), Kind: EventEnded, Site: row.Site, Origin: row.Origin, Browser: row.Browser,
				Session: row.ID, Delegate: row.Delegate, Reasons: []string{ReasonProvider}}
			if ended.Reported {
				e.Reasons = []string{ReasonReported}
			}
			if err := tx.AddEvent(e); err != nil {
				return err
			}
			if !ended.Reported {
				continue
			}
			if err := s.reported(tx, r, row.ID, row.Actor, row.Origin); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	return http.StatusOK, nil
}

// endedAs names a login whose end came before its session.
func endedAs(sid Hash, reported bool) carnet.ID {
	if reported {
		return carnet.DerivedID(sid[16:])
	}
	return carnet.DerivedID(sid[:16])
}

// overtaken reports that the provider ended a login while its identity waited for a session. When it
// was reported, what follows from a report follows here, where the origin is known (R11).
func (s *Site) overtaken(tx Tx, r *http.Request, row Row) (bool, error) {
	if row.SID == (Hash{}) {
		return false, nil
	}
	reported, err := tx.Blocked(endedAs(row.SID, true), row.SID, s.now())
	if err != nil {
		return false, err
	}
	if reported {
		return true, s.reported(tx, r, row.ID, row.Actor, row.Origin)
	}
	return tx.Blocked(endedAs(row.SID, false), row.SID, s.now())
}

// pusher is the provider, or what a test puts in its place.
func (s *Site) pusher() Pusher {
	if s.config.Calls != nil {
		return s.config.Calls.Pusher
	}
	return s.provider
}

// EndDelegate ends the sessions in which a delegate types, and returns how many there were.
func (s *Site) EndDelegate(ctx context.Context, delegate carnet.ID) (int, error) {
	return s.endAll(ctx, delegate, Ending{Delegate: delegate}, ReasonRevoked)
}

// History lists what happened to the actor's own logins within 90 days, newest first (R20).
func (s *Site) History(ctx context.Context, actor protect.Actor) ([]Event, error) {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Security, Person: actor.ID})
	return s.events(ctx, d, History{Person: actor.ID, Since: s.now().Add(-HistoryLifetime)})
}

// Alerts lists what operators must look at, newest first: for staff whose role is protect.SecurityStaff.
func (s *Site) Alerts(ctx context.Context, actor protect.Actor) ([]Event, error) {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Security})
	return s.events(ctx, d, History{Kind: EventAlert, Since: s.now().Add(-HistoryLifetime)})
}

// EndAlerted ends every session, on every site, of somebody whom an alert is about, and returns how
// many there were; its owner reads in the history that staff did. It is for the role that sees the
// alerts, and for nobody whom no alert names: carnet.NotFound.
func (s *Site) EndAlerted(ctx context.Context, actor protect.Actor, person carnet.ID) (int, error) {
	alerts, err := s.Alerts(ctx, actor)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(alerts, func(e Event) bool { return e.Person == person }) {
		return 0, carnet.E("login.EndAlerted", carnet.NotFound, "alert.unknown", nil)
	}
	return s.endAll(ctx, actor.Session, Ending{Person: person}, ReasonStaff)
}

// endAll ends sessions and says why in the history of each. by names the session or the delegate on
// whose account they end.
func (s *Site) endAll(ctx context.Context, by carnet.ID, which Ending, why string) (int, error) {
	return endSessions(ctx, s.store, s.decideFor(by), which, why, s.now())
}

func endSessions(ctx context.Context, st Store, d protect.Decision, which Ending, why string, at time.Time) (int, error) {
	n := 0
	err := st.Door(ctx, d, func(tx Tx) error {
		rows, err := tx.EndSessions(which)
		n = len(rows)
		for _, row := range rows {
			if err := tx.AddEvent(Event{Call: row.ID, Person: row.Actor, At: at, Kind: EventEnded, Site: row.Site, Origin: row.Origin,
				Browser: row.Browser, Session: row.ID, Delegate: row.Delegate, Reasons: []string{why}}); err != nil {
				return err
			}
		}
		return err
	})
	return n, err
}

// Operator is what the commands of an operator do about sessions, without a site.
type Operator struct {
	Store Store
	Guard Guard
	Clock carnet.Clock
}

// Sessions lists the sessions that somebody has, on every site, oldest first.
func (o Operator) Sessions(ctx context.Context, person carnet.ID) ([]Summary, error) {
	return summaries(ctx, o.Store, o.decide(), person, o.Clock())
}

// End ends one session of somebody, or all of them when session is zero, and returns how many
// there were. Their owner reads in the history that an operator did.
func (o Operator) End(ctx context.Context, person, session carnet.ID) (int, error) {
	return endSessions(ctx, o.Store, o.decide(), Ending{Person: person, Session: session}, ReasonStaff, o.Clock().UTC().Truncate(time.Microsecond))
}

func (o Operator) decide() protect.Decision {
	return o.Guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
}

func (s *Site) events(ctx context.Context, d protect.Decision, h History) (list []Event, err error) {
	err = s.store.Door(ctx, d, func(tx Tx) error {
		list, err = tx.Events(h)
		return err
	})
	return list, err
}

// Hours are the vaccination sessions that somebody declares; the zero Week when there are none.
func (s *Site) Hours(ctx context.Context, actor protect.Actor) (week hours.Week, err error) {
	err = s.store.Door(ctx, s.decideFor(actor.Session), func(tx Tx) error {
		text, err := tx.Hours(actor.ID)
		if err == nil && text != "" {
			week, err = hours.Parse(text)
		}
		return err
	})
	return week, err
}

// SetHours declares them; the zero Week removes them. It needs a fresh authentication (R22), and
// is refused to a delegate (D4).
func (s *Site) SetHours(ctx context.Context, session Session, week hours.Week) error {
	if err := s.Settings(session, protect.ActSettings); err != nil {
		return err
	}
	return s.store.Door(ctx, s.decideFor(session.ID), func(tx Tx) error { return tx.PutHours(session.Person, week.String()) })
}

// Settings refuses an act to a delegate, and to somebody who authenticated too long ago: CodeStepUp
// asks to authenticate again (Call or Begin, then Renew).
func (s *Site) Settings(session Session, act protect.Act) error {
	if err := session.Actor().May(act); err != nil {
		return err
	}
	if !s.Fresh(session) {
		return refuse("Settings", carnet.Denied, CodeStepUp, nil)
	}
	return nil
}

// Take asks for one more of a limit of the configuration, by its name; key says whose, in clear, and
// is stored as a keyed hash. Too many is CodeLimit, with Args Minutes.
func (s *Site) Take(ctx context.Context, name, key string) error {
	var a limit.Answer
	err := s.store.Door(ctx, s.decide(), func(tx Tx) (err error) {
		a, err = s.take(tx, name, key, s.now())
		return err
	})
	if err != nil || a.Allowed {
		return err
	}
	return overLimit("Take", a.Retry)
}

// Spend asks for one more of a limit that is counted in memory, for the one who acts: it costs nothing
// while it passes. What does not pass is CodeLimit, of the kind carnet.TooMany, and is written into
// the history of the professional and into the journal, once for each minute of it (VIT-44).
func (s *Site) Spend(ctx context.Context, actor protect.Actor, name string) error {
	a := s.meter.Take(name, actor.ID.String())
	if a.Allowed {
		return nil
	}
	if a.Note {
		err := s.store.Door(ctx, s.decideFor(actor.Session), func(tx Tx) error {
			return tx.AddEvent(Event{Call: actor.Session, Person: actor.ID, At: s.now(), Kind: EventLimited, Site: s.config.Name,
				Session: actor.Session, Delegate: actor.Delegate, Reasons: []string{name}})
		})
		if err != nil {
			return err
		}
	}
	return overLimit("Spend", a.Retry)
}

func overLimit(op string, retry time.Duration) error {
	return &carnet.Error{Op: "login." + op, Kind: carnet.TooMany, Code: CodeLimit,
		Args: map[string]any{"Minutes": int(math.Ceil(retry.Minutes())), "Seconds": int(math.Ceil(retry.Seconds()))}}
}

// Fresh reports that the person of a session authenticated less than StepUp ago.
func (s *Site) Fresh(session Session) bool { return session.Fresh(s.now()) }
