package hours

import (
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
)

func TestOpen(t *testing.T) {
	centre, err := Parse("mon-fri 08:30-12:30 13:30-19:00; sat 09:00-12:00; fri 20:00-02:00")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"2026-11-23 08:29": false, "2026-11-23 08:30": true, "2026-11-23 12:29": true, "2026-11-23 12:30": false, "2026-11-23 13:30": true,
		"2026-11-21 10:00": true, "2026-11-22 10:00": false, // Saturday, Sunday
		"2026-11-27 23:59": true, "2026-11-28 01:59": true, "2026-11-28 02:00": false, // Friday night
		"2026-11-28 20:30": false,
	} {
		when, err := time.ParseInLocation("2006-01-02 15:04", at, carnet.Paris)
		if err != nil {
			t.Fatal(err)
		}
		if got := centre.Open(when); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
}

// TestClock: eight in Paris is six or seven in UTC, and the hour that comes twice is open twice.
func TestClock(t *testing.T) {
	w, err := Parse("mon-sun 08:00-20:00; sun 02:00-03:00")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"2026-07-01T06:00:00Z": true, "2026-07-01T05:59:00Z": false,
		"2026-12-01T06:59:00Z": false, "2026-12-01T07:00:00Z": true,
		"2026-10-25T00:30:00Z": true, "2026-10-25T01:30:00Z": true, "2026-10-25T02:30:00Z": false, // 02:30 twice, then 03:30
		"2026-03-29T00:59:00Z": false, "2026-03-29T01:00:00Z": false, // from 01:59 to 03:00
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Open(when); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "mon", "mon 8:00-9:00", "mon 08:00", "lundi 08:00-09:00", "mon 24:00-01:00", "mon 08:60-09:00", "mon-xyz 08:00-09:00",
		"mon 25:00-26:00", strings.Repeat("mon 08:00-09:00;", 30), strings.Repeat("mon-sun 08:00-09:00;", 12)} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for in, want := range map[string]string{
		"mon-sat 07:00-21:00": "mon-sat 07:00-21:00",
		"mon-sun 00:00-24:00": "mon-sun 00:00-24:00",
		"mon-tue 08:00-09:00; thu 08:00-09:00; wed 08:00-10:00": "mon-tue 08:00-09:00; wed 08:00-10:00; thu 08:00-09:00",
		"sat-mon 08:00-09:00": "mon 08:00-09:00; sat-sun 08:00-09:00",
		"sun 22:00-06:00":     "mon 00:00-06:00; sun 22:00-24:00",
		"MON 00:00-24:00":     "mon 00:00-24:00",
		"mon 20:00-00:00":     "mon 20:00-24:00",
	} {
		w, err := Parse(in)
		if err != nil || w.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, w, err, want)
		}
		if again, err := Parse(w.String()); err != nil || again.String() != w.String() {
			t.Errorf("%q reads back as %q, %v", w, again, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mon-fri 08:30-12:30 13:30-19:00; sat 09:00-12:00")
	f.Add("sun 22:00-06:00")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(w.String())
		if len(w.String()) > maxText {
			return // what was written shorter
		}
		if err != nil || again.String() != w.String() {
			t.Fatalf("%q reads back as %q, %v", w, again, err)
		}
	})
}
