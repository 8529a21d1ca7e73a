package login

import (
	"context"
	"crypto/sha256"
	"embed"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Migrations are the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Hash is the SHA-256 of a secret that only a browser has.
type Hash [sha256.Size]byte

func hashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// Attempt is the row of a login under way.
type Attempt struct {
	State     Hash
	Browser   Hash
	Site      string
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Row is a session as it is stored.
type Row struct {
	Token     Hash
	ID        carnet.ID
	Actor     carnet.ID
	Site      string
	Role      protect.Role
	Sealed    []byte
	CreatedAt time.Time
	LastSeen  time.Time
	ExpiresAt time.Time

	Browser  string    // family
	Origin   Hash      // keyed hash of the network that it was opened from
	SID      Hash      // keyed hash of issuer and sid at the provider; zero without
	Subject  Hash      // keyed hash of issuer and subject
	Delegate carnet.ID // who types, when it is not the actor
	Presence string    // how the actor answers for the delegate
}

// Store keeps logins under way and sessions. Every method refuses a decision that is not for
// protect.Login. Times are kept to the microsecond.
type Store interface {
	DoorStore

	// AddAttempt stores a login under way.
	AddAttempt(ctx context.Context, d protect.Decision, a Attempt) error
	// TakeAttempt removes the attempt with this state and this browser, and returns it, in one
	// statement: of two callers, one gets it. The other, or one whose browser differs, gets
	// carnet.NotFound, and in the latter case the attempt stays. It may be expired.
	TakeAttempt(ctx context.Context, d protect.Decision, state, browser Hash) (Attempt, error)

	// AddSession stores a new session.
	AddSession(ctx context.Context, d protect.Decision, s Row) error
	// SessionByToken returns a session, expired or not, or carnet.NotFound.
	SessionByToken(ctx context.Context, d protect.Decision, token Hash) (Row, error)
	// TouchSession notes when a session was last used. A session that is gone is no error.
	TouchSession(ctx context.Context, d protect.Decision, token Hash, at time.Time) error
	// EndSession removes a session. A session that is gone is no error.
	EndSession(ctx context.Context, d protect.Decision, token Hash) error
	// Sessions lists the sessions of an actor on every site, oldest first.
	Sessions(ctx context.Context, d protect.Decision, actor carnet.ID) ([]Row, error)
	// EndSessionOf removes one session of an actor, or carnet.NotFound when it is not theirs.
	EndSessionOf(ctx context.Context, d protect.Decision, actor, session carnet.ID) error
	// EndSessions removes every session of an actor and returns how many there were.
	EndSessions(ctx context.Context, d protect.Decision, actor carnet.ID) (int, error)

	// Purge removes the attempts and the sessions that have expired at that time.
	Purge(ctx context.Context, d protect.Decision, at time.Time) error
}
