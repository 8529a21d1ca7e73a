package vaccinate

import (
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

// propose is what the catalogue says of a dose of vaccine v on a day, after the doses that stand.
func propose(c Catalogue, history []carnet.Dose, v carnet.Vaccine, on carnet.Date) Proposal {
	a := c.Assess(catalogue.Person{}, history, v, on)
	p := Proposal{Rank: a.Rank, Expected: a.Expected, Reason: string(a.Reason)}
	for _, w := range a.Warnings {
		p.Warnings = append(p.Warnings, Warning{string(w.Code), w.Args})
	}
	return p
}
