// Package hours knows when a place is at work: the opening hours of a week, by the clock of Paris.
//
// The vaccination sessions that a place or a professional declares are such hours; a login outside
// of them is made quiet and slower, never impossible (identity section 6, R9).
package hours

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Week is the opening hours of a week. The zero Week is never open.
type Week struct{ spans []span }

// span is part of one day, in minutes after midnight; to may be 24*60.
type span struct {
	day      time.Weekday
	from, to int
}

const (
	dayMinutes = 24 * 60
	maxText    = 400 // bytes
	maxSpans   = 70
)

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Usual is what counts when nothing is declared: Monday to Saturday, seven to nine in the evening.
func Usual() Week {
	w, err := Parse("mon-sat 07:00-21:00")
	if err != nil {
		return Week{} // never open: quiet, not wrong
	}
	return w
}

// Parse reads hours as the settings write them: "mon-fri 08:30-12:30 13:30-19:00; sat 09:00-12:00".
// A span that ends at or before its beginning goes past midnight: "fri 20:00-02:00".
func Parse(text string) (Week, error) {
	var w Week
	if len(text) > maxText {
		return w, fmt.Errorf("hours: longer than %d bytes", maxText)
	}
	for _, part := range strings.Split(text, ";") {
		fields := strings.Fields(part)
		if len(fields) == 0 {
			continue
		}
		on, err := parseDays(fields[0])
		if err != nil {
			return Week{}, err
		}
		if len(fields) == 1 {
			return Week{}, fmt.Errorf("hours: %q has no hours", fields[0])
		}
		for _, f := range fields[1:] {
			from, to, err := parseSpan(f)
			if err != nil {
				return Week{}, err
			}
			for _, d := range on {
				if to > from {
					w.spans = append(w.spans, span{d, from, to})
					continue
				}
				w.spans = append(w.spans, span{d, from, dayMinutes})
				if to > 0 {
					w.spans = append(w.spans, span{(d + 1) % 7, 0, to})
				}
			}
		}
		if len(w.spans) > maxSpans {
			return Week{}, fmt.Errorf("hours: more than %d spans", maxSpans)
		}
	}
	if len(w.spans) == 0 {
		return Week{}, fmt.Errorf("hours: none is given")
	}
	return w, nil
}

func parseDays(s string) ([]time.Weekday, error) {
	first, last, many := strings.Cut(strings.ToLower(s), "-")
	if !many {
		last = first
	}
	a, b := slices.Index(days, first), slices.Index(days, last)
	if a < 0 || b < 0 {
		return nil, fmt.Errorf("hours: %q is not a day of %v, nor two with a hyphen", s, days)
	}
	var out []time.Weekday
	for d := a; ; d = (d + 1) % 7 {
		if out = append(out, time.Weekday(d)); d == b {
			return out, nil
		}
	}
}

func parseSpan(s string) (from, to int, err error) {
	a, b, ok := strings.Cut(s, "-")
	if ok {
		from, ok = parseTime(a)
	}
	if ok {
		to, ok = parseTime(b)
	}
	if !ok || from == dayMinutes {
		return 0, 0, fmt.Errorf("hours: %q is not of the form 08:30-12:30", s)
	}
	return from, to, nil
}

func parseTime(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	n := [4]int{}
	for i, at := range []int{0, 1, 3, 4} {
		if s[at] < '0' || s[at] > '9' {
			return 0, false
		}
		n[i] = int(s[at] - '0')
	}
	m := (n[0]*10+n[1])*60 + n[2]*10 + n[3]
	return m, n[2] < 6 && m <= dayMinutes
}

// Open tells whether the place is at work at an instant, by the clock that hangs on its wall. In
// the night when clocks go back, the hour that comes twice is open twice.
func (w Week) Open(at time.Time) bool {
	local := at.In(carnet.Paris)
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(w.spans, func(s span) bool { return s.day == local.Weekday() && s.from <= minute && minute < s.to })
}

// IsZero reports that nothing was declared.
func (w Week) IsZero() bool { return len(w.spans) == 0 }

// MarshalText writes one part for each run of days that have the same hours, in the order of the week
// from Monday.
func (w Week) MarshalText() ([]byte, error) {
	var parts []string
	from, last := 0, ""
	for i := range 8 {
		today := ""
		if i < 7 {
			today = w.on(time.Weekday((i + 1) % 7))
		}
		if i > 0 && today == last {
			continue
		}
		if last != "" {
			run := days[(from+1)%7]
			if i-from > 1 {
				run += "-" + days[i%7]
			}
			parts = append(parts, run+" "+last)
		}
		from, last = i, today
	}
	return []byte(strings.Join(parts, "; ")), nil
}

// on is the hours of one day.
func (w Week) on(d time.Weekday) string {
	var spans []string
	for _, s := range w.spans {
		if s.day == d {
			spans = append(spans, fmt.Sprintf("%02d:%02d-%02d:%02d", s.from/60, s.from%60, s.to/60, s.to%60))
		}
	}
	return strings.Join(spans, " ")
}

func (w Week) String() string {
	b, err := w.MarshalText()
	if err != nil {
		return ""
	}
	return string(b)
}

// UnmarshalText is Parse.
func (w *Week) UnmarshalText(b []byte) (err error) {
	*w, err = Parse(string(b))
	return err
}
