package login

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/origin"
	"carnet/internal/protect"
)

// CallRow is a request to a phone, as it is stored: one for each browser and site.
type CallRow struct {
	Browser   Hash
	Site      string
	ID        carnet.ID // names the request in the history and in the journal
	Person    carnet.ID // whose number was typed, whether anybody has it or not
	Lane      int       // 0: does not ring; 1: from a browser that is not known; 2: from one that is
	Ended     string    // empty while it is under way; else how it ended, as an EventKind
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	NextPoll  time.Time // zero until the number was shown
}

// HoldRow is an identity that a provider vouched for and that no session has yet: one for each
// browser and site.
type HoldRow struct {
	Browser   Hash
	Site      string
	ID        carnet.ID // of the request that it comes from, or its own
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

// EventKind is what happened to a request (R20). What the phone showed and what was typed there is
// in the history of the phone; EventShown is the number on the computer.
type EventKind string

// The events of a request to a phone, and what follows from it.
const (
	EventStart    EventKind = "start"
	EventPushed   EventKind = "pushed" // the provider was asked to notify the phone
	EventPull     EventKind = "pull"   // it was asked not to: the person opens the application and types the number
	EventShown    EventKind = "shown"
	EventApproved EventKind = "approved"
	EventRefused  EventKind = "refused"
	EventReported EventKind = "reported" // "it is not me"
	EventExpired  EventKind = "expired"
	EventQuit     EventKind = "quit"
	EventReplaced EventKind = "replaced" // by a later request for the same number
	EventFailed   EventKind = "failed"   // what the provider answered does not hold
	EventBlocked  EventKind = "blocked"  // after a report: nothing was sent
	EventOpened   EventKind = "opened"   // a session
	EventEnded    EventKind = "ended"    // a session, by a report or by the provider
	EventAlert    EventKind = "alert"    // an operator must look; Reasons says why
	EventLimited  EventKind = "limited"  // requests of a session were refused: too many; Reasons names the limit
)

// Event is one line of the history of requests. Number and network are keyed hashes; place and
// browser are coarse. It lives 90 days (R21).
type Event struct {
	ID            carnet.ID
	Call          carnet.ID // the request; for EventOpened of a login without phone, the login
	Person        carnet.ID
	At            time.Time
	Kind          EventKind
	Site          string
	Origin        Hash // of the network
	Place         origin.Place
	Browser       string // family
	Establishment string // as it was typed or chosen: a name of a place, no person
	Known         bool   // the browser had logged this number in before
	Quiet         bool
	Digits        int
	Took          time.Duration // from the request to the approval
	Reasons       []string
	Session       carnet.ID // EventOpened and EventEnded
	Delegate      carnet.ID // EventOpened
	Token         string    // EventOpened: Session.Token, for the journal alone
}

// History is which events are asked for; zero fields do not restrict.
type History struct {
	Person carnet.ID
	Origin Hash
	Kind   EventKind
	Since  time.Time
	Limit  int // newest first; default and most 1000
}

// Ending says which sessions end; zero fields do not restrict, and all zero ends none.
type Ending struct {
	Person   carnet.ID
	Session  carnet.ID
	Origin   Hash
	Since    time.Time // opened at that time or later
	Delegate carnet.ID
	SID      Hash // keyed hash of issuer and sid at the provider
	Subject  Hash // keyed hash of issuer and subject
}

// Pusher is what a site needs of a provider that reaches phones; Provider has it.
type Pusher interface {
	Push(ctx context.Context, q PushRequest) (Pushed, error)
	Collect(ctx context.Context, p Pushed) (Identity, error)
	CancelPush(ctx context.Context, p Pushed) error
	LogoutToken(ctx context.Context, raw string) (Ended, error)
}

// DoorStore keeps what goes on before a session, and around it.
type DoorStore interface {
	// Door runs fn in one transaction. It refuses a decision that is not for protect.Login, or,
	// for Tx.Events alone, protect.Security.
	Door(ctx context.Context, d protect.Decision, fn func(Tx) error) error
	// Lookup is the keyed hash under which something is stored that must not be stored itself.
	Lookup(kind, value string) [32]byte
}

// Tx is one transaction.
type Tx interface {
	// Limit renews the theoretical arrival time of a key of a limit; next is given the zero time
	// for a key that has none.
	Limit(name string, key Hash, next func(tat time.Time) time.Time) error

	PutCall(c CallRow) error // new, or in the place of the one of this browser and site
	Call(browser Hash, site string) (CallRow, error)
	RemoveCall(browser Hash, site string) error
	// Calls lists the requests for a person that are under way at a time, on every site.
	Calls(person carnet.ID, at time.Time) ([]CallRow, error)

	PutHold(h HoldRow) error
	Hold(browser Hash, site string) (HoldRow, error)
	RemoveHold(browser Hash, site string) (bool, error)

	AddEvent(e Event) error // in the history, and in the journal; it gets an id
	Events(h History) ([]Event, error)

	PutKnown(browser Hash, person carnet.ID, until time.Time) error
	Known(browser Hash, person carnet.ID, at time.Time) (bool, error)
	ForgetKnown(person carnet.ID) error // every browser

	PutBlock(person carnet.ID, origin Hash, until time.Time) error
	Blocked(person carnet.ID, origin Hash, at time.Time) (bool, error)

	PutHours(person carnet.ID, hours string) error // empty removes them
	Hours(person carnet.ID) (string, error)        // empty when there are none

	AddSession(r Row) error
	EndSession(token Hash) error // one that is gone is no error
	// EndSessions ends sessions and returns them.
	EndSessions(e Ending) ([]Row, error)

	// PurgeDoor removes what has expired at a time, and events older than the other one.
	PurgeDoor(at, eventsBefore time.Time) error
}
