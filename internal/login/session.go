package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carnet/internal/carnet"
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

	idToken carnet.Private
}

// Actor is the session in the words of the register of processing.
func (s Session) Actor() protect.Actor {
	return protect.Actor{ID: s.Person, Role: s.Role, Organisation: s.Organisation, Session: s.ID}
}

// Opening is what a site decided about an identity: who it is, here.
type Opening struct {
	Person       carnet.ID
	Name         carnet.Private // to greet by
	Organisation string
	Identity     Identity
}

// Summary is a session in the list that its owner sees.
type Summary struct {
	ID        carnet.ID
	Site      string
	CreatedAt time.Time
	LastSeen  time.Time
	ExpiresAt time.Time
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
}

// bound is what a sealed session is tied to: a row whose actor, role or end was altered does
// not open. LastSeen moves, so it is not part of it.
func (r Row) bound() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%x|%s|%s|%q|%q|%d|%d", r.Token, r.ID, r.Actor, r.Site, r.Role, r.CreatedAt.UnixMicro(), r.ExpiresAt.UnixMicro())
	return b.Bytes()
}

// Open begins a session for somebody whom Finish let in, and sets its cookie. A session that the
// browser still had on this site ends: the token is always a new one.
func (s *Site) Open(w http.ResponseWriter, r *http.Request, o Opening) (Session, error) {
	const op = "Open"
	if o.Person.IsZero() || o.Identity.Subject.IsZero() {
		return Session{}, refuse(op, carnet.Internal, "internal", errors.New("a session needs a person and an identity"))
	}
	ctx, d := r.Context(), s.decide()
	if old, ok := s.cookie(r, s.sessionCookie); ok {
		if err := s.store.EndSession(ctx, d, hashOf(old)); err != nil {
			return Session{}, err
		}
	}
	token, err := newSecret(s.random)
	if err != nil {
		return Session{}, refuse(op, carnet.Internal, "internal", err)
	}
	id, err := carnet.IDs{Clock: s.clock, Rand: s.random}.New()
	if err != nil {
		return Session{}, err
	}
	now := s.now()
	row := Row{
		Token: hashOf(token), ID: id, Actor: o.Person, Site: s.config.Name, Role: s.config.Role,
		CreatedAt: now, LastSeen: now, ExpiresAt: now.Add(s.config.Absolute),
	}
	content := sealedSession{
		Name: o.Name.Reveal(), Organisation: o.Organisation,
		Provider: o.Identity.Provider, Issuer: o.Identity.Issuer, Subject: o.Identity.Subject.Reveal(),
		ACR: o.Identity.ACR, AuthTime: o.Identity.AuthTime, IDToken: o.Identity.IDToken.Reveal(),
	}
	if row.Sealed, err = seal(s.random, token, "session", row.bound(), content); err != nil {
		return Session{}, refuse(op, carnet.Internal, "internal", err)
	}
	if err := s.store.AddSession(ctx, d, row); err != nil {
		return Session{}, err
	}
	s.setCookie(w, s.sessionCookie, token, 0)
	s.setCookie(w, s.loginCookie, "", -1)
	return sessionOf(row, content), nil
}

func sessionOf(row Row, c sealedSession) Session {
	return Session{
		ID: row.ID, Site: row.Site, Person: row.Actor, Role: row.Role, Organisation: c.Organisation,
		Name: carnet.Hide(c.Name), Provider: c.Provider, Issuer: c.Issuer, Subject: carnet.Hide(c.Subject),
		ACR: c.ACR, AuthTime: c.AuthTime, CreatedAt: row.CreatedAt, LastSeen: row.LastSeen, ExpiresAt: row.ExpiresAt,
		idToken: carnet.Hide(c.IDToken),
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
	if row.Site != s.config.Name || row.Role != s.config.Role {
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
	rows, err := s.store.Sessions(ctx, s.decide(), person)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var list []Summary
	for _, r := range rows {
		if now.Before(r.ExpiresAt) {
			list = append(list, Summary{r.ID, r.Site, r.CreatedAt, r.LastSeen, r.ExpiresAt})
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
