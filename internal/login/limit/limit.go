// Package limit bounds how often something is asked: named limits, each a number of times per
// period, counted per key in the store by the generic cell rate algorithm (GCRA, ITU-T I.371).
//
// One row per key holds one time, the theoretical arrival time (TAT) of the next request: there is
// nothing to reset and no window at whose edge twice as much passes. A key is stored as a keyed
// hash, and a row whose time has passed says nothing any more and is purged.
//
// The defaults are those of [Defaults]; the configuration replaces them by name, and single keys
// by override:
//
//	[limits.push-unknown]
//	count = 3
//	period = "15m"
//
//	[limits.origin.keys."192.0.2.0/24"]
//	count = 600
//	period = "15m"
//
// Specification: identity section 6, R6 and R8, and section 9 "Limits".
package limit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Rate is how often something may happen: Count times at once, then evenly, Count times per Period.
type Rate struct {
	Count  int           `toml:"count"`
	Period time.Duration `toml:"period"`
}

// Named is a limit of the configuration.
type Named struct {
	Rate
	Keys map[string]Rate `toml:"keys"` // overrides; the key in clear, as the caller gives it
}

// Config is the limits by name.
type Config map[string]Named

// The limits that the logins ask for.
const (
	PushUnknown     = "push-unknown"     // notifications of a number from unknown browsers, short term (R6)
	PushUnknownDay  = "push-unknown-day" // the same, per day
	PushKnown       = "push-known"       // notifications of a number from a browser that it knows (R6)
	NumberOrigin    = "number-origin"    // requests for one number from one network
	Origin          = "origin"           // requests from one network, IPv4 /24 or IPv6 /48 (R8)
	Client          = "client"           // requests of one site (R8)
	Global          = "global"           // requests of the instance (R8)
	SearchTraits    = "search-traits"    // searches of a person by name and date of birth, per session's owner
	Requests        = "requests"         // pages and answers to one professional, in all sessions and programs together
	SoftwareToken   = "software-token"   // tokens of one software for one professional
	SoftwareRequest = "software-request" // requests of one software for one professional
)

// Defaults are the limits of an instance whose configuration says nothing.
func Defaults() Config {
	every := func(n int, d time.Duration) Named { return Named{Rate: Rate{n, d}} }
	return Config{
		PushUnknown:     every(3, 15*time.Minute),
		PushUnknownDay:  every(10, 24*time.Hour),
		PushKnown:       every(10, 15*time.Minute),
		NumberOrigin:    every(10, 15*time.Minute),
		Origin:          every(120, 15*time.Minute),
		Client:          every(3000, 15*time.Minute),
		Global:          every(6000, 15*time.Minute),
		SearchTraits:    every(60, 15*time.Minute),
		Requests:        every(6000, 15*time.Minute),
		SoftwareToken:   every(30, 15*time.Minute),
		SoftwareRequest: every(900, 15*time.Minute),
	}
}

const (
	maxCount  = 1_000_000
	maxPeriod = 31 * 24 * time.Hour
)

// With returns the defaults with what a configuration replaces, or every fault of it.
func (c Config) With(own Config) (Config, error) {
	out := maps.Clone(c)
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(own)) {
		n := own[name]
		was, ok := c[name]
		if !ok {
			faults = append(faults, fmt.Errorf("limits.%s: no such limit; there are %v", name, slices.Sorted(maps.Keys(c))))
			continue
		}
		if n.Rate == (Rate{}) {
			n.Rate = was.Rate // overrides only
		}
		if err := n.Rate.check(); err != nil {
			faults = append(faults, fmt.Errorf("limits.%s: %w", name, err))
		}
		for _, key := range slices.Sorted(maps.Keys(n.Keys)) {
			if err := n.Keys[key].check(); err != nil {
				faults = append(faults, fmt.Errorf("limits.%s.keys.%q: %w", name, key, err))
			}
		}
		out[name] = n
	}
	return out, errors.Join(faults...)
}

func (r Rate) check() error {
	if r.Count < 1 || r.Count > maxCount || r.Period < time.Second || r.Period > maxPeriod {
		return fmt.Errorf("%d per %s is not between 1 and %d per 1s to %s", r.Count, r.Period, maxCount, maxPeriod)
	}
	return nil
}

// For is the rate of a key under a name; false when the configuration has no such limit.
func (c Config) For(name, key string) (Rate, bool) {
	n, ok := c[name]
	if own, over := n.Keys[key]; over {
		return own, ok
	}
	return n.Rate, ok
}

// Answer says whether a request passes, and if not, when one would.
type Answer struct {
	Allowed bool
	Retry   time.Duration // zero when allowed
	Left    int           // further requests that would pass now
}

// Next gives the answer at a time and the theoretical arrival time to keep. tat is what was kept,
// zero for a key never seen. A request that does not pass costs nothing: whoever insists is not
// shut out for longer.
func (r Rate) Next(tat, now time.Time) (Answer, time.Time) {
	step := r.Period / time.Duration(r.Count)
	if tat.Before(now) {
		tat = now
	}
	next := tat.Add(step)
	// As many steps as the count fit between now and the new time.
	if wait := next.Sub(now) - step*time.Duration(r.Count); wait > 0 {
		return Answer{Retry: wait}, tat
	}
	return Answer{Allowed: true, Left: int((step*time.Duration(r.Count) - next.Sub(now)) / step)}, next
}
