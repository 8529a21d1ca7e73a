package certlogic

import (
	"strings"
	"time"
)

type unit uint8

const (
	year unit = iota
	month
	day
	hour
)

var units = map[string]unit{"year": year, "month": month, "day": day, "hour": hour}

// maxMilliseconds is how far from 1970 an instant of JavaScript can be.
const maxMilliseconds = 8_640_000_000_000_000

// maxAmount is, for each unit, more than lies between any two instants: a larger amount always
// leaves the range, and a smaller one wraps nowhere below.
var maxAmount = [...]int64{
	year:  600_000,
	month: 12 * 600_000,
	day:   366 * 600_000,
	hour:  24 * 366 * 600_000,
}

// add moves an instant as the setters of JavaScript's Date do in UTC. time.Date normalizes days and
// months that overflow exactly as they do.
func add(t time.Time, n int64, u unit) (time.Time, bool) {
	if n < -maxAmount[u] || n > maxAmount[u] {
		return time.Time{}, false
	}
	y, m, d := t.Date()
	h := int64(t.Hour())
	switch u {
	case year:
		y += int(n)
	case month:
		m += time.Month(n)
	case day:
		d += int(n)
	case hour:
		h += n
		d += int(h / 24)
		h %= 24
	}
	t = time.Date(y, m, d, int(h), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	ms := t.UnixMilli()
	return t, ms >= -maxMilliseconds && ms <= maxMilliseconds
}

// date reads YYYY, YYYY-MM and YYYY-MM-DD; a partial date is its last day. full tells the third.
func date(s string) (t time.Time, full, ok bool) {
	y, ok := digits(s, 0, 4)
	if !ok {
		return time.Time{}, false, false
	}
	if len(s) == 4 {
		return time.Date(y, 12, 31, 0, 0, 0, 0, time.UTC), false, true
	}
	m, ok := digits(s, 5, 2)
	if !ok || s[4] != '-' || m < 1 || m > 12 {
		return time.Time{}, false, false
	}
	last := time.Date(y, time.Month(m+1), 0, 0, 0, 0, 0, time.UTC)
	if len(s) == 7 {
		return last, false, true
	}
	d, ok := digits(s, 8, 2)
	if !ok || len(s) != 10 || s[7] != '-' || d < 1 || d > last.Day() {
		return time.Time{}, false, false
	}
	return last.AddDate(0, 0, d-last.Day()), true, true
}

// instant reads what plusTime reads.
func instant(s string) (time.Time, bool) {
	if len(s) <= 10 {
		t, _, ok := date(s)
		return t, ok
	}
	t, full, ok := date(s[:10])
	if !ok || !full || len(s) < 19 || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	h, ok1 := digits(s, 11, 2)
	m, ok2 := digits(s, 14, 2)
	sec, ok3 := digits(s, 17, 2)
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 59 {
		return time.Time{}, false
	}
	rest := s[19:]
	ms := 0
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			if n < 3 {
				ms = 10*ms + int(rest[n]-'0')
			}
			n++
		}
		if n == 0 {
			return time.Time{}, false
		}
		for i := n; i < 3; i++ {
			ms *= 10
		}
		rest = rest[n:]
	}
	offset, ok := zone(rest)
	if !ok {
		return time.Time{}, false
	}
	ms += 1000 * (sec + 60*(m-offset+60*h))
	return t.Add(time.Duration(ms) * time.Millisecond), true
}

// zone reads Z, ±h, ±hh, ±hmm, ±hhmm, ±h:mm, ±hh:mm or nothing, in minutes.
func zone(s string) (int, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	sign := 1
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	hours, minutes, colon := strings.Cut(s[1:], ":")
	if !colon && len(hours) > 2 {
		hours, minutes = hours[:len(hours)-2], hours[len(hours)-2:]
		colon = true
	}
	h, ok := digits(hours, 0, len(hours))
	if !ok || len(hours) == 0 || len(hours) > 2 || h > 23 {
		return 0, false
	}
	m := 0
	if colon {
		if m, ok = digits(minutes, 0, 2); !ok || len(minutes) != 2 || m > 59 {
			return 0, false
		}
	}
	return sign * (60*h + m), true
}

// digits reads n decimal digits at a place of a text.
func digits(s string, at, n int) (int, bool) {
	if len(s) < at+n {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[at : at+n]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int(c-'0')
	}
	return v, true
}
