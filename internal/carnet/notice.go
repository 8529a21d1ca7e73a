package carnet

import "time"

// Notice is something that a person is told in their own space: a dose was corrected, a lot is
// recalled, a certificate no longer counts. Args are values for the words (codes, dates, ids),
// never identity.
type Notice struct {
	ID       ID
	PersonID ID
	Kind     string // "dose.corrected", "dose.cancelled", "certificate.revoked", "lot.recalled", "person.merged" ...
	Dose     ID     // the dose it is about; zero when there is none
	Args     map[string]string
	At       time.Time
	ReadAt   time.Time // zero while it was not seen
}
