package carnet

import "time"

// Infection is a disease that a person had, as far as it changes which doses they need.
type Infection struct {
	ID         ID
	PersonID   ID
	Disease    string   // code of the catalogue: "covid-19"
	Date       Date     // of the test or of the first signs
	Evidence   Evidence // Proven when a result was seen, Stated when it was not; only a proof changes a rank
	RecordedBy ID       // professional
	RecordedAt time.Time
}
