// Package journal is the trail of who decided, read and wrote what, about whom, why and when.
//
// A store appends an [Entry] in the transaction of the access itself: if the entry cannot be
// appended, the access does not happen; if the access fails, the entry says so. Entries are only
// ever added. They carry ids and codes, never a name, a number or a contact.
//
// Specification: privacy section 8, R58 and R59. Inclusion proofs, witnesses and the person's own
// view of the journal are not done here yet.
package journal

import (
	"embed"
	"time"

	"carnet/internal/carnet"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Kind is what happened.
type Kind string

const (
	Decided Kind = "decide" // the register was asked
	Read    Kind = "read"   // data about the person was read
	Wrote   Kind = "write"  // data about the person was written
	Event   Kind = "event"  // something happened to a login of the person; Object says what
)

// Entry is one line of the journal.
type Entry struct {
	ID      carnet.ID
	Person  carnet.ID // zero when the access is not about one known person
	At      time.Time
	Line    int // 0 for the decision, then one more for each entry of its access
	Kind    Kind
	Object  string // table that was read or written; empty for a decision
	Outcome string // "allowed" or "done", the code of a refusal, or "failed"

	Decision     carnet.ID
	Register     string // SHA-256 of the register that decided
	Purpose      string
	Actor        carnet.ID
	Role         string
	Organisation string
	Session      carnet.ID
	Delegate     carnet.ID // who typed for the actor; zero when the actor did
}

// Failed is the outcome of an access that was allowed and then did not come to its end.
const Failed = "failed"

// Done is the outcome of a read or a write that happened.
const Done = "done"
