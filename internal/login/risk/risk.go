// Package risk looks at what happened before a login request and says whether the request is to be
// quiet and slow, and whether an operator must hear of it. It never refuses: a professional who is
// wrongly suspected types four digits more (identity section 6, R9 and R19).
package risk

import (
	"slices"
	"time"
)

// Kind is how an earlier request ended, as far as it matters here.
type Kind string

const (
	Approved Kind = "approved"
	Refused  Kind = "refused" // declined on the phone, or reported
	Expired  Kind = "expired" // nobody answered
)

// Event is the end of an earlier request.
type Event struct {
	At      time.Time
	Kind    Kind
	Number  [16]byte // whose, as the caller names people
	Country string   // ISO 3166 alpha-2; empty when it is not known
	Took    time.Duration
}

// The thresholds of R19.
const (
	Window     = 10 * time.Minute // of refusals and of sprays
	Refusals   = 2                // refused or unanswered requests of one number within Window
	Spray      = 5                // numbers of one network without an approval within Window
	Travel     = time.Hour        // between approvals from two countries
	TooFast    = 2 * time.Second  // from the request to the approval: nobody reads and types so fast
	LookBack   = 24 * time.Hour   // how far back events of the number are looked at
	fastMemory = LookBack         // an approval too fast is remembered for that long
)

// The reasons of a judgement, in the order in which they are listed.
const (
	Repeated   = "repeated"   // several refused or unanswered requests
	Travelling = "travelling" // another country less than an hour after an approval
	Spraying   = "spraying"   // many numbers from one network
	Hasty      = "hasty"      // an approval faster than anybody reads
)

// Request is the request that is about to be made.
type Request struct {
	At      time.Time
	Number  [16]byte
	Country string
}

// Assess returns the reasons to be careful, none when there is nothing. number is what happened to
// the number within LookBack, network what happened from the network of the request within Window,
// whatever the number.
func Assess(r Request, number, network []Event) []string {
	var why []string
	within := func(e Event, d time.Duration) bool { age := r.At.Sub(e.At); return age >= 0 && age < d }
	refused := 0
	for _, e := range number {
		if e.Kind != Approved && within(e, Window) {
			refused++
		}
	}
	if refused >= Refusals {
		why = append(why, Repeated)
	}
	if slices.ContainsFunc(number, func(e Event) bool {
		return e.Kind == Approved && within(e, Travel) && e.Country != "" && r.Country != "" && e.Country != r.Country
	}) {
		why = append(why, Travelling)
	}
	others, fine := map[[16]byte]bool{}, map[[16]byte]bool{}
	for _, e := range network {
		if !within(e, Window) {
			continue
		}
		if e.Kind == Approved {
			fine[e.Number] = true
		} else if e.Number != r.Number {
			others[e.Number] = true
		}
	}
	for n := range fine {
		delete(others, n) // somebody who erred first, at a place where many log in
	}
	if len(others) >= Spray-1 { // with this one
		why = append(why, Spraying)
	}
	if slices.ContainsFunc(number, func(e Event) bool {
		return e.Kind == Approved && within(e, fastMemory) && e.Took > 0 && e.Took < TooFast
	}) {
		why = append(why, Hasty)
	}
	return why
}
