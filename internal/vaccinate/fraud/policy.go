package fraud

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"carnet/internal/carnet"
)

// Rule is when a signal counts, and how much.
type Rule struct {
	// Limit is the value at which it counts: a number, or percent for LotOverdrawn.
	Limit int `toml:"limit" json:"limit"`
	// Share is the least part of the session's acts that must show it, in percent; 0: any.
	Share int `toml:"share" json:"share"`
	// Points are added at the limit, and again at twice, four and eight times the limit.
	// 0 turns the signal off.
	Points int `toml:"points" json:"points"`
	// Times bounds how often they are added: 1 to 4; 0 is 4.
	Times int `toml:"times" json:"times"`
}

// Scores are the scores from which the steps apply.
type Scores struct {
	StepUp int `toml:"step-up" json:"step-up"`
	Second int `toml:"second" json:"second"`
	Pause  int `toml:"pause" json:"pause"`
	Stop   int `toml:"stop" json:"stop"`
}

// Week tells when a place is at work; package login/hours has it.
type Week interface{ Open(at time.Time) bool }

// Policy is the thresholds from one day on.
type Policy struct {
	From    carnet.Date
	Rules   map[Signal]Rule
	Scores  Scores
	Rates   map[string]int  // PlaceRate of single places, by FINESS, instead of the rule's limit
	Hours   Week            // of places that declare none
	Places  map[string]Week // hours of single places, by FINESS
	Look    time.Duration   // least time between seeing a record and entering into it
	Rush    time.Duration   // a certificate had sooner than this after the entry was rushed
	Pausing time.Duration   // how long a pause lasts when nobody lifts it
}

// Default is the policy of an instance whose configuration says nothing. The limits come from days
// of a centre of 600 people, none of which they stop, and from the attacks that were seen in 2021
// (docs/fraud.md has the figures and the command that makes them).
func Default(usual Week) Policy {
	return Policy{
		From: carnet.Date{Year: 2026, Month: 11, Day: 22},
		Rules: map[Signal]Rule{
			SessionRate:      {Limit: 60, Points: 2},
			ProfessionalRate: {Limit: 150, Points: 2},
			PlaceRate:        {Limit: 300, Points: 1},
			OddHours:         {Limit: 5, Points: 1, Times: 3},
			UnknownDevice:    {Limit: 1, Points: 1},
			NewPlace:         {Limit: 5, Points: 1, Times: 1},
			LotOverdrawn:     {Limit: 125, Points: 3},
			NoStock:          {Limit: 5, Share: 50, Points: 2},
			CertificateRush:  {Limit: 10, Share: 60, Points: 3},
			NoReading:        {Limit: 5, Share: 30, Points: 3},
			Cycles:           {Limit: 4, Points: 4},
			Elsewhere:        {Limit: 20, Share: 60, Points: 1},
			Backdated:        {Limit: 10, Share: 40, Points: 1},
			Parallel:         {Limit: 3, Points: 4},
			Delegates:        {Limit: 16, Points: 1},
			Excess:           {Limit: 1, Points: 2},
		},
		Scores:  Scores{StepUp: 4, Second: 7, Pause: 10, Stop: 13},
		Hours:   usual,
		Look:    2 * time.Second,
		Rush:    10 * time.Minute,
		Pausing: 30 * time.Minute,
	}
}

// With returns the policy with the rules, scores and times of another one in the place of its own;
// what the other leaves at zero stays.
func (p Policy) With(own Policy) Policy {
	out := p
	out.Rules = maps.Clone(p.Rules)
	maps.Copy(out.Rules, own.Rules)
	if !own.From.IsZero() {
		out.From = own.From
	}
	out.Scores = Scores{cmp.Or(own.Scores.StepUp, p.Scores.StepUp), cmp.Or(own.Scores.Second, p.Scores.Second),
		cmp.Or(own.Scores.Pause, p.Scores.Pause), cmp.Or(own.Scores.Stop, p.Scores.Stop)}
	if own.Rates != nil {
		out.Rates = own.Rates
	}
	if own.Hours != nil {
		out.Hours = own.Hours
	}
	if own.Places != nil {
		out.Places = own.Places
	}
	out.Look, out.Rush, out.Pausing = cmp.Or(own.Look, p.Look), cmp.Or(own.Rush, p.Rush), cmp.Or(own.Pausing, p.Pausing)
	return out
}

const (
	maxLimit  = 100_000
	maxPoints = 20
)

// Validate lists every fault of a policy.
func (p Policy) Validate() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf("fraud: "+format, a...)) }
	for _, s := range slices.Sorted(maps.Keys(p.Rules)) {
		r := p.Rules[s]
		if !slices.Contains(Signals, s) {
			fault("no such signal %q; there are %v", s, Signals)
		}
		if r.Points < 0 || r.Points > maxPoints || r.Times < 0 || r.Times > tiers || r.Share < 0 || r.Share > 100 || r.Points > 0 && (r.Limit < 1 || r.Limit > maxLimit) {
			fault("%s: limit %d, share %d, points %d, times %d: not 1 to %d, 0 to 100, 0 to %d, 0 to %d", s, r.Limit, r.Share, r.Points, r.Times, maxLimit, maxPoints, tiers)
		}
	}
	if s := p.Scores; s.StepUp < 1 || s.Second < s.StepUp || s.Pause < s.Second || s.Stop < s.Pause {
		fault("the scores of the steps do not rise: %+v", s)
	}
	for _, place := range slices.Sorted(maps.Keys(p.Rates)) {
		if n := p.Rates[place]; n < 1 || n > maxLimit {
			fault("rate of %s: %d is not between 1 and %d", place, n, maxLimit)
		}
	}
	if p.Hours == nil {
		fault("no hours")
	}
	if p.Look < 0 || p.Look > time.Hour || p.Rush < time.Minute || p.Rush > 24*time.Hour || p.Pausing < time.Minute || p.Pausing > 24*time.Hour {
		fault("times %s, %s, %s: out of range", p.Look, p.Rush, p.Pausing)
	}
	return errors.Join(faults...)
}

// Step is the step of a score.
func (p Policy) Step(score int) Step {
	switch {
	case score >= p.Scores.Stop:
		return Stop
	case score >= p.Scores.Pause:
		return Pause
	case score >= p.Scores.Second:
		return Second
	case score >= p.Scores.StepUp:
		return StepUp
	case score > 0:
		return Note
	}
	return None
}

// open tells whether a place is at work.
func (p Policy) open(place string, at time.Time) bool {
	if w, ok := p.Places[place]; ok {
		return w.Open(at)
	}
	return p.Hours.Open(at)
}

// Policies are policies by the day from which they hold, oldest first.
type Policies []Policy

// At is the policy of a day: the last one that has begun, the first one before any has.
func (p Policies) At(day carnet.Date) Policy {
	for i := len(p) - 1; i > 0; i-- {
		if !day.Before(p[i].From) {
			return p[i]
		}
	}
	return p[0]
}

// Validate checks each policy, and that they are in order.
func (p Policies) Validate() error {
	if len(p) == 0 {
		return errors.New("fraud: no policy")
	}
	var faults []error
	for i, one := range p {
		if err := one.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("policy from %s: %w", one.From, err))
		}
		if i > 0 && !p[i-1].From.Before(one.From) {
			faults = append(faults, fmt.Errorf("fraud: the policies from %s and %s are not in order", p[i-1].From, one.From))
		}
	}
	return errors.Join(faults...)
}
