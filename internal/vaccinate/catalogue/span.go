package catalogue

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Span is a time between two days, as recommendations write it: "2m", "1y6m", "28d", "13m-4d".
type Span struct{ Years, Months, Weeks, Days int }

// maxSpan bounds each part: nobody is asked to come back in a thousand years.
const maxSpan = 1200

// ParseSpan reads numbers with the units y, m, w and d, each at most once, in that order; a part
// after a minus sign is taken away.
func ParseSpan(s string) (Span, error) {
	var out Span
	order, rest := "ymwd", s
	for rest != "" {
		sign := 1
		if rest[0] == '-' && rest != s {
			sign, rest = -1, rest[1:]
		}
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		value, err := strconv.Atoi(rest[:n])
		if err != nil || n == len(rest) || value > maxSpan {
			return Span{}, fmt.Errorf("span %q", s)
		}
		unit := strings.IndexByte(order, rest[n])
		if unit < 0 {
			return Span{}, fmt.Errorf("span %q", s)
		}
		switch value *= sign; order[unit] {
		case 'y':
			out.Years = value
		case 'm':
			out.Months = value
		case 'w':
			out.Weeks = value
		case 'd':
			out.Days = value
		}
		order, rest = order[unit+1:], rest[n+1:]
	}
	if out == (Span{}) && s != "0d" {
		return Span{}, fmt.Errorf("span %q", s)
	}
	return out, nil
}

// IsZero reports no time at all.
func (s Span) IsZero() bool { return s == Span{} }

// String is what ParseSpan reads.
func (s Span) String() string {
	var b strings.Builder
	for _, p := range []struct {
		n    int
		unit byte
	}{{s.Years, 'y'}, {s.Months, 'm'}, {s.Weeks, 'w'}, {s.Days, 'd'}} {
		if p.n != 0 {
			b.WriteString(strconv.Itoa(p.n))
			b.WriteByte(p.unit)
		}
	}
	if b.Len() == 0 {
		return "0d"
	}
	return b.String()
}

// spanWords are the units by language, one and several.
var spanWords = map[string][4][2]string{
	"fr": {{"an", "ans"}, {"mois", "mois"}, {"semaine", "semaines"}, {"jour", "jours"}},
	"en": {{"year", "years"}, {"month", "months"}, {"week", "weeks"}, {"day", "days"}},
}

// In writes the span in a language, French for one that it does not know.
func (s Span) In(lang string) string {
	words, ok := spanWords[lang]
	if !ok {
		words = spanWords["fr"]
	}
	var parts []string
	for i, n := range []int{s.Years, s.Months, s.Weeks, s.Days} {
		if n == 0 {
			continue
		}
		form := 1
		if n == 1 || n == -1 {
			form = 0
		}
		parts = append(parts, strconv.Itoa(n)+"\u00a0"+words[i][form])
	}
	if len(parts) == 0 {
		return "0\u00a0" + words[3][1]
	}
	return strings.Join(parts, " ")
}

// After adds the span to a day: years, then months, then weeks and days. A day that does not exist
// is the first of the next month: one month after 31 January is 1 March (workflow section 16).
func (s Span) After(d carnet.Date) carnet.Date {
	month := int(d.Month) - 1 + s.Months
	year := d.Year + s.Years + floor(month, 12)
	month -= floor(month, 12) * 12
	first := carnet.Date{Year: year, Month: time.Month(month + 1), Day: 1}
	day := d.Day
	if last := time.Date(year, time.Month(month+2), 0, 0, 0, 0, 0, time.UTC).Day(); day > last {
		day = last + 1
	}
	return first.AddDays(day - 1 + 7*s.Weeks + s.Days)
}

func floor(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// negative reports a span that leads into the past, from some day.
func (s Span) negative() bool {
	return !s.IsZero() && s.days(carnet.Date{Year: 2021, Month: 2, Day: 1}) <= 0
}

// days is how long the span is from a day.
func (s Span) days(from carnet.Date) int { return s.After(from).Days() - from.Days() }

// Ages is a part of life: from Least on, before Most. A zero end is open.
type Ages struct{ Least, Most Span }

// ParseAges reads "12y..", "..16y", "2m..2y".
func ParseAges(s string) (Ages, error) {
	var a Ages
	least, most, ok := strings.Cut(s, "..")
	if !ok || least == "" && most == "" {
		return a, fmt.Errorf("ages %q", s)
	}
	for _, end := range []struct {
		text string
		into *Span
	}{{least, &a.Least}, {most, &a.Most}} {
		if end.text == "" {
			continue
		}
		span, err := ParseSpan(end.text)
		if err != nil {
			return Ages{}, fmt.Errorf("ages %q", s)
		}
		*end.into = span
	}
	return a, nil
}

// String is what ParseAges reads.
func (a Ages) String() string {
	var least, most string
	if !a.Least.IsZero() {
		least = a.Least.String()
	}
	if !a.Most.IsZero() {
		most = a.Most.String()
	}
	return least + ".." + most
}

// open reports that every age fits.
func (a Ages) open() bool { return a == Ages{} }

// born is what is known of a birth date: a first and a last day that it may be. An unknown day or
// month, or a lunar one, leaves a month or a year open; zero is not known at all.
type born struct{ first, last carnet.Date }

func bornOn(b carnet.BirthDate) born {
	iso := b.ISO()
	if iso == "" {
		return born{}
	}
	year, month, day := number(iso[:4]), number(iso[5:7]), number(iso[8:])
	switch {
	case month < 1 || month > 12:
		return born{carnet.Date{Year: year, Month: 1, Day: 1}, carnet.Date{Year: year, Month: 12, Day: 31}}
	case day == 0:
		first := carnet.Date{Year: year, Month: time.Month(month), Day: 1}
		return born{first, Span{Months: 1, Days: -1}.After(first)}
	}
	d := carnet.Date{Year: year, Month: time.Month(month), Day: day}
	return born{d, d}
}

// number reads digits that carnet.BirthDate has checked.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (b born) known() bool { return !b.first.IsZero() }

// fits reports that somebody born then has one of these ages on a day. Of a birth date that is
// partly known the first possible day decides; of one that is not known, nothing fits but every age.
func (a Ages) fits(b born, on carnet.Date) bool {
	if a.open() {
		return true
	}
	return b.known() && !a.younger(b.first, on) && !a.older(b.first, on)
}

func (a Ages) younger(birth, on carnet.Date) bool {
	return !a.Least.IsZero() && on.Before(a.Least.After(birth))
}

func (a Ages) older(birth, on carnet.Date) bool {
	return !a.Most.IsZero() && !on.Before(a.Most.After(birth))
}
