package vaccinate

import "carnet/internal/carnet"

// Revision says which entry a correction replaces and why. What it touches is read from the
// difference between the entry and the command: see Event.Changes.
type Revision struct {
	Dose    carnet.ID
	Version int // of the entry that the professional saw; another one is carnet.Conflict
	Reason  string
}

// Cancellation takes an entry away.
type Cancellation struct {
	Key     carnet.ID // idempotency key
	Person  carnet.ID
	Dose    carnet.ID
	Version int // of the entry that was seen; 0 for whatever stands
	Cause   Cause
	Reason  string // in words
}
