package vaccinate

import (
	"slices"

	"carnet/internal/carnet"
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

// boostersRenumbered is the day from which a booster after a one-dose course is 2/1 and no longer
// 2/2 (implementing decision (EU) 2021/2301).
var boostersRenumbered = carnet.Date{Year: 2022, Month: 2, Day: 1}

// propose gives the rank of a dose of vaccine v on a day, after the doses that stand. Doses of
// another disease do not count; the order is that of the injections, not that of their entry.
func (c Catalogue) propose(history []carnet.Dose, v carnet.Vaccine, on carnet.Date) Proposal {
	var before, after []carnet.Dose
	for _, d := range history {
		if other, _ := c.Find(d.Vaccine); other.Disease != v.Disease {
			continue
		}
		if d.Date.After(on) {
			after = append(after, d)
		} else {
			before = append(before, d)
		}
	}
	slices.SortStableFunc(before, func(a, b carnet.Dose) int { return a.Date.Days() - b.Date.Days() })
	p := Proposal{Rank: len(before) + 1}
	course := v // the course is that of the first dose
	if len(before) > 0 {
		course, _ = c.Find(before[0].Vaccine)
	}
	switch {
	case p.Rank <= course.Primary:
		p.Expected = course.Primary
		p.Reason = "primary"
		if p.Rank == 1 {
			p.Reason = "first"
		}
	case course.Primary == 1 && !on.Before(boostersRenumbered):
		p.Expected, p.Reason = 1, "booster"
	default:
		p.Expected, p.Reason = p.Rank, "booster"
	}
	if len(before) > 0 {
		last := before[len(before)-1]
		name, _ := c.Find(last.Vaccine)
		days := on.Days() - last.Date.Days()
		switch {
		case days == 0:
			p.warn("same-day", map[string]any{"Vaccine": name.Name})
		case p.Rank <= course.Primary && days < course.Interval:
			p.warn("interval", map[string]any{"Days": days, "Least": course.Interval, "Vaccine": course.Name})
		}
		if last.Vaccine != v.Code && p.Rank <= course.Primary {
			p.warn("other-vaccine", map[string]any{"Vaccine": name.Name})
		}
		if p.Reason == "booster" {
			p.warn("complete", map[string]any{"Doses": len(before)})
		}
	}
	if len(after) > 0 {
		p.warn("later-dose", map[string]any{"Date": after[0].Date})
	}
	return p
}

func (p *Proposal) warn(code string, args map[string]any) {
	p.Warnings = append(p.Warnings, Warning{code, args})
}
