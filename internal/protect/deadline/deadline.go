// Package deadline computes when something is due: an answer to a person, the end of a period of
// retention, the notice of a breach.
//
// Four computations, each by its own text, and none borrows the reliefs of another:
//
//   - [Answer]: GDPR art. 12-3. The day of receipt does not count; the answer is due on the same day
//     of the next month, or on its last day; a Saturday, a Sunday or a public holiday of the fund's
//     territory rolls on to the next working day (Regulation 1182/71 art. 3).
//   - [Period.After]: retention. Civil dates, clamped to the end of the month, no roll.
//   - [HealthAccess]: code de la santé publique L.1111-7. Not before 48 hours; 8 days, or 2 months
//     for data older than five years; no roll.
//   - [Breach]: GDPR art. 33-1. 72 elapsed hours on the UTC line.
//
// Specification: privacy section 2.3. The clock that pauses while an identity is reasonably doubted
// (GDPR art. 12-6) is the business of who keeps the request.
package deadline

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"carnet/internal/carnet"
)

// Territory is where a fund has its seat: the public holidays are those of that place.
type Territory string

// The territories with holidays of their own.
const (
	Metropole     Territory = "metropole"
	AlsaceMoselle Territory = "alsace-moselle" // Good Friday counts where a Protestant or mixed church stands
	LaReunion     Territory = "la-reunion"
	Martinique    Territory = "martinique"
	Guadeloupe    Territory = "guadeloupe"
	Guyane        Territory = "guyane"
	Mayotte       Territory = "mayotte"
)

// Territories lists them all.
var Territories = []Territory{Metropole, AlsaceMoselle, LaReunion, Martinique, Guadeloupe, Guyane, Mayotte}

// Easter is Easter Sunday of a year of the Gregorian calendar, by the method of Oudin.
func Easter(year int) carnet.Date {
	g, c := year%19, year/100
	h := (c - c/4 - (8*c+13)/25 + 19*g + 15) % 30
	i := h - h/28*(1-h/28*(29/(h+1))*((21-g)/11))
	l := i - (year+year/4+i+2-c+c/4)%7
	month := 3 + (l+40)/44
	return carnet.Date{Year: year, Month: time.Month(month), Day: l + 28 - 31*(month/4)}
}

// Holidays lists the public holidays of a year in a territory, in order of date.
func Holidays(year int, where Territory) []carnet.Date {
	fixed := [][2]int{{1, 1}, {5, 1}, {5, 8}, {7, 14}, {8, 15}, {11, 1}, {11, 11}, {12, 25}}
	moving := []int{1, 39, 50} // days after Easter Sunday
	switch where {
	case AlsaceMoselle:
		fixed, moving = append(fixed, [2]int{12, 26}), append(moving, -2)
	case LaReunion:
		fixed = append(fixed, [2]int{12, 20})
	case Martinique:
		fixed = append(fixed, [2]int{5, 22})
	case Guadeloupe:
		fixed = append(fixed, [2]int{5, 27})
	case Guyane:
		fixed = append(fixed, [2]int{6, 10})
	case Mayotte:
		fixed = append(fixed, [2]int{4, 27})
	}
	var all []carnet.Date
	for _, f := range fixed {
		all = append(all, carnet.Date{Year: year, Month: time.Month(f[0]), Day: f[1]})
	}
	for _, n := range moving {
		all = append(all, Easter(year).AddDays(n))
	}
	slices.SortFunc(all, func(a, b carnet.Date) int { return a.Days() - b.Days() })
	return all
}

// Holiday reports whether a day is a public holiday of a territory.
func Holiday(d carnet.Date, where Territory) bool { return slices.Contains(Holidays(d.Year, where), d) }

// Weekday is the day of the week of a date.
func Weekday(d carnet.Date) time.Weekday { return time.Weekday((d.Days()%7 + 11) % 7) }

// Working rolls a date on to the next day that is neither in a weekend nor a holiday.
func Working(d carnet.Date, where Territory) carnet.Date {
	for Weekday(d) == time.Saturday || Weekday(d) == time.Sunday || Holiday(d, where) {
		d = d.AddDays(1)
	}
	return d
}

// Period is a length of time in calendar units, as ISO 8601 writes it: P5Y, P18M, P90D, PT0S.
type Period struct{ Months, Days int }

var period = regexp.MustCompile(`^P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,5})D)?$`)

// ErrPeriod is wrapped when a period cannot be read.
var ErrPeriod = errors.New("not a period of years, months and days such as P10Y, P18M or P90D")

// ParsePeriod reads a period. PT0S, no time at all, is the only one without a unit of days or more.
func ParsePeriod(s string) (Period, error) {
	if s == "PT0S" {
		return Period{}, nil
	}
	m := period.FindStringSubmatch(s)
	if m == nil || s == "P" {
		return Period{}, fmt.Errorf("period %q: %w", s, ErrPeriod)
	}
	var n [3]int
	for i, digits := range m[1:] {
		n[i], _ = strconv.Atoi(digits) // an absent unit is zero
	}
	return Period{Months: 12*n[0] + n[1], Days: n[2]}, nil
}

// After is the last day that the period covers when it starts on a day: what is kept lapses on the
// day after.
func (p Period) After(d carnet.Date) carnet.Date {
	month := int(d.Month) - 1 + p.Months
	year, m := d.Year+month/12, time.Month(month%12+1)
	last := time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return carnet.Date{Year: year, Month: m, Day: min(d.Day, last)}.AddDays(p.Days)
}

// Longer compares two periods, a month being counted as 31 days at most and 28 at least: it reports
// true only when p is longer whatever the calendar.
func (p Period) Longer(q Period) bool {
	if p.Months >= q.Months {
		return (p.Months-q.Months)*28+p.Days > q.Days
	}
	return p.Days > (q.Months-p.Months)*31+q.Days
}

// Due is when a request of a person must be answered.
type Due struct {
	Nominal, Day                 carnet.Date // before and after the roll
	NominalExtended, DayExtended carnet.Date // when the answer is extended: three months in all
	Notice                       carnet.Date // by when the person must be told of an extension
}

// Answer computes when a request received on a day must be answered.
func Answer(received carnet.Date, where Territory) Due {
	d := Due{Nominal: Period{Months: 1}.After(received), NominalExtended: Period{Months: 3}.After(received)}
	d.Day, d.DayExtended = Working(d.Nominal, where), Working(d.NominalExtended, where)
	d.Notice = d.Day
	return d
}

// Access is when a request of access to health data may and must be answered.
type Access struct {
	NotBefore time.Time   // 48 hours of reflection
	Day       carnet.Date // L.1111-7
	Effective carnet.Date // the earlier of it and of the GDPR's month
}

// HealthAccess computes it from the instant of the request, in the civil time of the fund.
func HealthAccess(requested time.Time, older bool, where Territory) Access {
	day := carnet.DateOf(requested)
	a := Access{NotBefore: requested.Add(48 * time.Hour), Day: day.AddDays(8)}
	if older {
		a.Day = Period{Months: 2}.After(day)
	}
	a.Effective = a.Day
	if gdpr := Answer(day, where).Day; gdpr.Before(a.Effective) {
		a.Effective = gdpr
	}
	return a
}

// Breach is the last instant at which a breach is notified in time to the authority.
func Breach(aware time.Time) time.Time { return aware.UTC().Add(72 * time.Hour) }
