package vaccinate

import (
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/vaccinate/catalogue"
)

// Proposal is the rank that the rules give to a dose, why, and what deserves a second look.
type Proposal struct {
	Rank     int
	Expected int
	Reason   string // "first", "primary", "booster": why this rank
	Warnings []Warning
}

// Warning is something unusual. It never stops the professional: only impossible data is refused.
type Warning struct {
	Code string         // "interval", "same-day", "other-vaccine", "complete", "later-dose"
	Args map[string]any // days, dates, names of vaccines
}

// propose is what the catalogue says of a dose among the others that stand. The warnings are those
// of giving it after the others; its rank is its place among all, as they are numbered.
func propose(c Catalogue, person catalogue.Person, others []carnet.Dose, d carnet.Dose, v carnet.Vaccine) Proposal {
	a := c.Assess(person, others, v, d.Date)
	var p Proposal
	for _, w := range a.Warnings {
		p.Warnings = append(p.Warnings, Warning{string(w.Code), w.Args})
	}
	if numbers := c.Number(person, append(slices.Clone(others), d)); numbers[len(others)].Rank > 0 {
		a = numbers[len(others)]
	}
	p.Rank, p.Expected, p.Reason = a.Rank, a.Expected, string(a.Reason)
	return p
}
