package login

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/origin"
	"carnet/internal/protect"
)

// touchEvery is how often the last use of a session is written down: a page view is not a write.
// It shortens the idle limit by as much, never lengthens it.
const touchEvery = time.Minute

// Session is somebody who is logged in on a site.
type Session struct {
	ID           carnet.ID // names the session in lists and in the journal; it opens nothing
	Site         string
	Person       carnet.ID // the insured person, or the professional
	Role         protect.Role
	Organisation string // place chosen when the session opened, if any
	Name         carnet.Private
	Provider     string
	Issuer       string
	Subject      carnet.Private
	ACR          string
	AuthTime     time.Time
	CreatedAt    time.Time
	LastSeen     time.Time // to the minute
	ExpiresAt    time.Time // whatever happens
	Profession   string    // of the situation chosen when it opened (TRE_G15); empty for an insured person
	Browser      string    // family, "Firefox, Linux"
	Delegation   Delegation

	sid     string
	idToken carnet.Private
}

// Delegation says who types under the responsibility of the person of a session; zero when nobody
// does. Package delegation makes it, after the passkey of the delegate.
type Delegation struct {
	ID       carnet.ID
	Name     carnet.Private
	Presence Presence
}

// Presence is how a professional answers for a delegate when the session opens.
type Presence string

const (
	Present       Presence = "present"        // beside the delegate
	RemoteChecked Presence = "remote-checked" // elsewhere, and made sure that the request came from the delegate
)

// StepUp is how long an authentication is fresh enough to change settings, to declare delegates
// and to export (R22).
const StepUp = 5 * time.Minute

// Fresh reports that the person authenticated less than StepUp ago. A provider that does not say
// when gives no fresh session.
func (s Session) Fresh(now time.Time) bool {
	age := now.Sub(s.AuthTime)
	return !s.AuthTime.IsZero() && age > -maxSkew && age < StepUp
}

// Actor is the session in the words of the register of processing.
func (s Session) Actor() protect.Actor {
	return protect.Actor{ID: s.Person, Role: s.Role, Organisation: s.Organisation, Session: s.ID, Delegate: s.Delegation.ID}
}

// Scope is what the session may do about vaccinations, in the words of identity section 5.
func (s Session) Scope() string {
	if s.Role == protect.Professional && s.Delegation.ID.IsZero() {
		return "vaccination:draft vaccination:write vaccination:correct"
	}
	if s.Role == protect.Professional {
		return "vaccination:draft vaccination:write"
	}
	return ""
}

// Token is the session in the form of RFC 8693 section 4.1, for the audit: who answers (sub), who
// types (act), in which session. It has ids and no name, and opens nothing.
func (s Session) Token() string {
	type party struct {
		Subject  string   `json:"sub"`
		Presence Presence `json:"presence"` // how the one who answers makes sure of the one who types
	}
	token := struct {
		Subject  string `json:"sub"`
		Actor    *party `json:"act,omitempty"`
		Session  string `json:"sid"`
		AuthTime int64  `json:"auth_time,omitempty"`
		ACR      string `json:"acr"`
		Scope    string `json:"scope,omitempty"`
	}{Subject: s.Provider + ":" + s.Person.String(), Session: s.ID.String(), ACR: s.ACR, Scope: s.Scope()}
	if !s.AuthTime.IsZero() {
		token.AuthTime = s.AuthTime.Unix()
	}
	if !s.Delegation.ID.IsZero() {
		token.Actor = &party{"deleg:" + s.Delegation.ID.String(), s.Delegation.Presence}
	}
	b, err := json.Marshal(token)
	if err != nil {
		return "" // strings and numbers cannot fail
	}
	return string(b)
}

// Opening is what a site decided about an identity: who it is, here.
type Opening struct {
	Person       carnet.ID
	Name         carnet.Private // to greet by
	Organisation string
	Profession   string // of the situation that was chosen, if any
	Delegation   Delegation
	Role         protect.Role // default: the site's; else one of SiteConfig.Roles
	Identity     Identity     // of Finish, or of Held: then the hold is used up
}

// Summary is a session in the list that its owner sees.
type Summary struct {
	ID        carnet.ID
	Site      string
	CreatedAt time.Time
	LastSeen  time.Time
	ExpiresAt time.Time
	Browser   string    // family
	Delegate  carnet.ID // who types, when it is not the owner
	Presence  Presence
}

// sealedSession is the content of Row.Sealed.
type sealedSession struct {
	Name         string    `json:"name"`
	Organisation string    `json:"organisation,omitempty"`
	Provider     string    `json:"provider"`
	Issuer       string    `json:"issuer"`
	Subject      string    `json:"subject"`
	ACR          string    `json:"acr"`
	AuthTime     time.Time `json:"auth_time,omitzero"`
	IDToken      string    `json:"id_token"`
	Profession   string    `json:"profession,omitempty"`
	Delegate     string    `json:"delegate,omitempty"` // name
	SID          string    `json:"sid,omitempty"`
}

// bound is what a sealed session is tied to: a row whose actor, role or end was altered does
// not open. LastSeen moves, so it is not part of it.
func (r Row) bound() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%x|%s|%s|%q|%q|%d|%d|%q|%s|%q", r.Token, r.ID, r.Actor, r.Site, r.Role, r.CreatedAt.UnixMicro(), r.ExpiresAt.UnixMicro(),
		r.Browser, r.Delegate, r.Presence)
	return b.Bytes()
}

// Open begins a session for somebody whom Finish or Held let in, and sets its cookie. A session
// that the browser still had on this site ends: the token is always a new one. An identity that was
// held is used up, whatever comes of it: the second of two answers to one form is CodeState.
func (s *Site) Open(w http.ResponseWriter, r *http.Request, o Opening) (Session, error) {
	const op = "Open"
	if o.Person.IsZero() || o.Identity.Subject.IsZero() {
		return Session{}, refuse(op, carnet.Internal, "internal", errors.New("a session needs a person and an identity"))
	}
	if o.Role == "" {
		o.Role = s.config.Role
	}
	if !s.mayHave(o.Role) {
		return Session{}, refuse(op, carnet.Denied, CodeRole, errors.New("no role of this site"))
	}
	if d := o.Delegation; !d.ID.IsZero() && (o.Role != protect.Professional || d.Name.IsZero() || d.Presence != Present && d.Presence != RemoteChecked) {
		return Session{}, refuse(op, carnet.Denied, CodeDelegate, errors.New("a delegate needs a professional, a name and a presence"))
	}
	id, err := s.ids().New()
	if err != nil {
		return Session{}, err
	}
	now := s.now()
	return s.begin(w, r, op, o.Identity, Row{ID: id, Actor: o.Person, Role: o.Role, CreatedAt: now, ExpiresAt: now.Add(s.config.Absolute),
		Delegate: o.Delegation.ID, Presence: string(o.Delegation.Presence)}, sealedSession{
		Name: o.Name.Reveal(), Organisation: o.Organisation, Profession: o.Profession, Delegate: o.Delegation.Name.Reveal(),
	})
}

// begin stores a session under a new token, in the place of the one that the browser had.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, op string, identity Identity, row Row, content sealedSession) (Session, error) {
	token, err := newSecret(s.random)
	if err != nil {
		return Session{}, refuse(op, carnet.Internal, "internal", err)
	}
	now := s.now()
	row.Token, row.Site, row.LastSeen = hashOf(token), s.config.Name, now
	row.Browser, row.Origin = origin.Browser(r.UserAgent()), s.originOf(r)
	row.Subject = s.subjectHash(identity.Issuer, identity.Subject.Reveal())
	if identity.SID != "" {
		row.SID = s.sidHash(identity.Issuer, identity.SID)
	}
	content.Provider, content.Issuer, content.Subject = identity.Provider, identity.Issuer, identity.Subject.Reveal()
	content.ACR, content.AuthTime, content.IDToken, content.SID = identity.ACR, identity.AuthTime, identity.IDToken.Reveal(), identity.SID
	if row.Sealed, err = seal(s.random, token, "session", row.bound(), content); err != nil {
		return Session{}, refuse(op, carnet.Internal, "internal", err)
	}
	session := sessionOf(row, content)
	call := identity.held.id
	if call.IsZero() {
		call = row.ID
	}
	opened := s.event(r, call, row.Actor, EventOpened)
	opened.Session, opened.Delegate, opened.Establishment = row.ID, row.Delegate, content.Organisation
	opened.Token = session.Token()
	if row.Presence != "" {
		opened.Reasons = append(opened.Reasons, row.Presence)
	}
	if op == opRenew {
		opened.Reasons = append(opened.Reasons, ReasonRenewed)
	}
	known, over := "", false
	err = s.store.Door(r.Context(), s.decideFor(row.ID), func(tx Tx) error {
		if !identity.held.id.IsZero() {
			if done, err := tx.RemoveHold(identity.held.browser, s.config.Name); err != nil || !done {
				return cmp.Or(err, refuse(op, carnet.Invalid, CodeState, errors.New("the identity is used up")))
			}
		}
		var err error
		if over, err = s.overtaken(tx, r, row); err != nil || over {
			return err
		}
		if old, ok := s.cookie(r, s.sessionCookie); ok {
			if err := tx.EndSession(hashOf(old)); err != nil {
				return err
			}
		}
		if s.config.Calls != nil {
			if token, ok := s.cookie(r, s.knownCookie); ok {
				if opened.Known, err = tx.Known(hashOf(token), row.Actor, now); err != nil {
					return err
				}
			}
			if known, err = s.know(tx, r, row.Actor, now); err != nil {
				return err
			}
		}
		// The history is of those whose number others may type.
		if row.Role != protect.Insured {
			if err := tx.AddEvent(opened); err != nil {
				return err
			}
		}
		return tx.AddSession(row)
	})
	if err == nil && over {
		err = refuse(op, carnet.Denied, CodeReported, errors.New("the provider ended the login before its session opened"))
	}
	if err != nil {
		return Session{}, err
	}
	if known != "" {
		s.setCookie(w, s.knownCookie, known, KnownLifetime)
	}
	s.setCookie(w, s.sessionCookie, token, 0)
	s.setCookie(w, s.loginCookie, "", -1)
	return session, nil
}

func sessionOf(row Row, c sealedSession) Session {
	return Session{
		ID: row.ID, Site: row.Site, Person: row.Actor, Role: row.Role, Organisation: c.Organisation,
		Name: carnet.Hide(c.Name), Provider: c.Provider, Issuer: c.Issuer, Subject: carnet.Hide(c.Subject),
		ACR: c.ACR, AuthTime: c.AuthTime, CreatedAt: row.CreatedAt, LastSeen: row.LastSeen, ExpiresAt: row.ExpiresAt,
		Profession: c.Profession, Browser: row.Browser,
		Delegation: Delegation{ID: row.Delegate, Name: carnet.Hide(c.Delegate), Presence: Presence(row.Presence)},
		sid:        c.SID, idToken: carnet.Hide(c.IDToken),
	}
}

// Current returns the session of a request. The error is CodeNoSession when nobody is logged in
// and CodeSessionEnded when the session is over; both have the kind carnet.Denied.
func (s *Site) Current(r *http.Request) (Session, error) {
	const op = "Current"
	token, ok := s.cookie(r, s.sessionCookie)
	if !ok {
		return Session{}, refuse(op, carnet.Denied, CodeNoSession, nil)
	}
	ctx, d := r.Context(), s.decide()
	row, err := s.store.SessionByToken(ctx, d, hashOf(token))
	if carnet.KindOf(err) == carnet.NotFound {
		return Session{}, refuse(op, carnet.Denied, CodeNoSession, nil)
	}
	if err != nil {
		return Session{}, err
	}
	var content sealedSession
	if row.Site != s.config.Name || !s.mayHave(row.Role) {
		err = errors.New("the session is of another site")
	} else {
		err = unseal(token, "session", row.bound(), row.Sealed, &content)
	}
	if err != nil {
		return Session{}, refuse(op, carnet.Denied, CodeNoSession, err)
	}
	now := s.now()
	// A clock that went back before the session began is a reason to ask again, not to go on.
	if !now.Before(row.ExpiresAt) || now.Sub(row.LastSeen) >= s.config.Idle || now.Before(row.CreatedAt.Add(-maxSkew)) {
		if err := s.store.EndSession(ctx, d, row.Token); err != nil {
			return Session{}, err
		}
		return Session{}, refuse(op, carnet.Denied, CodeSessionEnded, nil)
	}
	if now.Sub(row.LastSeen) >= touchEvery {
		if err := s.store.TouchSession(ctx, d, row.Token, now); err != nil {
			return Session{}, err
		}
		row.LastSeen = now
	}
	return sessionOf(row, content), nil
}

// Sessions lists the sessions that somebody has, on every site, oldest first.
func (s *Site) Sessions(ctx context.Context, person carnet.ID) ([]Summary, error) {
	return summaries(ctx, s.store, s.decide(), person, s.now())
}

func summaries(ctx context.Context, st Store, d protect.Decision, person carnet.ID, now time.Time) ([]Summary, error) {
	rows, err := st.Sessions(ctx, d, person)
	if err != nil {
		return nil, err
	}
	var list []Summary
	for _, r := range rows {
		if now.Before(r.ExpiresAt) {
			list = append(list, Summary{r.ID, r.Site, r.CreatedAt, r.LastSeen, r.ExpiresAt, r.Browser, r.Delegate, Presence(r.Presence)})
		}
	}
	return list, nil
}

// EndSession ends one session of somebody, on any site.
func (s *Site) EndSession(ctx context.Context, person, session carnet.ID) error {
	return s.store.EndSessionOf(ctx, s.decide(), person, session)
}

// EndSessions ends all of them and returns how many there were.
func (s *Site) EndSessions(ctx context.Context, person carnet.ID) (int, error) {
	return s.store.EndSessions(ctx, s.decide(), person)
}
