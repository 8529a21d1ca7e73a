package catalogue

import (
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

func TestSpan(t *testing.T) {
	for text, v := range map[string]struct{ from, want, fr string }{
		"1m":     {"2026-01-31", "2026-03-01", "1\u00a0mois"},
		"6m":     {"2026-03-31", "2026-10-01", "6\u00a0mois"},
		"1y":     {"2024-02-29", "2025-03-01", "1\u00a0an"},
		"4w":     {"2026-01-31", "2026-02-28", "4\u00a0semaines"},
		"13m-4d": {"2025-01-05", "2026-02-01", "13\u00a0mois -4\u00a0jours"},
		"1y6m":   {"2024-08-31", "2026-03-01", "1\u00a0an 6\u00a0mois"},
		"21d":    {"2026-12-20", "2027-01-10", "21\u00a0jours"},
		"0d":     {"2026-12-20", "2026-12-20", "0\u00a0jours"},
		"1d":     {"2026-12-31", "2027-01-01", "1\u00a0jour"},
	} {
		t.Run(text, func(t *testing.T) {
			s, err := ParseSpan(text)
			if err != nil || s.String() != text {
				t.Fatalf("%v, %v", s, err)
			}
			if got := s.After(day(t, v.from)); got != day(t, v.want) {
				t.Errorf("%s after %s is %s", text, v.from, got)
			}
			if got := s.In("fr"); got != v.fr {
				t.Errorf("in French %q", got)
			}
		})
	}
	for _, bad := range []string{"", "m", "1", "1x", "1d1m", "1m1m", "-1m", "9999y", "1 m", "1m-", "0"} {
		if s, err := ParseSpan(bad); err == nil {
			t.Errorf("%q was read as %v", bad, s)
		}
	}
	if got := (Span{Weeks: 24}).In("en"); got != "24\u00a0weeks" {
		t.Errorf("in English %q", got)
	}
}

func TestSpanProperties(t *testing.T) {
	span := rapid.Custom(func(t *rapid.T) Span {
		return Span{rapid.IntRange(0, 120).Draw(t, "years"), rapid.IntRange(0, 30).Draw(t, "months"), rapid.IntRange(0, 60).Draw(t, "weeks"), rapid.IntRange(0, 400).Draw(t, "days")}
	})
	date := rapid.Custom(func(t *rapid.T) carnet.Date { return carnet.DateOfDays(rapid.IntRange(-20000, 30000).Draw(t, "day")) })
	rapid.Check(t, func(t *rapid.T) {
		s, d := span.Draw(t, "span"), date.Draw(t, "date")
		if back, err := ParseSpan(s.String()); err != nil || back != s {
			t.Fatalf("%v is read back as %v, %v", s, back, err)
		}
		if s.After(d).Before(d) {
			t.Fatalf("%s after %s is %s", s, d, s.After(d))
		}
		if !s.IsZero() && !s.After(d).After(d) {
			t.Fatalf("%s after %s is no later", s, d)
		}
		// Who is later stays later, whatever the calendar does with the ends of months.
		if e := d.AddDays(rapid.IntRange(0, 400).Draw(t, "later")); s.After(e).Before(s.After(d)) {
			t.Fatalf("%s after %s comes before %s after %s", s, e, s, d)
		}
	})
}

func TestAges(t *testing.T) {
	birth := func(s string) carnet.BirthDate {
		b, err := carnet.ParseBirthDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, v := range map[string]struct {
		ages, birth, on string
		fits            bool
	}{
		"the birthday":               {"12y..", "2010-03-01", "2022-03-01", true},
		"the day before":             {"12y..", "2010-03-01", "2022-02-28", false},
		"last day":                   {"..16y", "2010-03-01", "2026-02-28", true},
		"too old":                    {"..16y", "2010-03-01", "2026-03-01", false},
		"between":                    {"6w..24w", "2026-01-01", "2026-03-01", true},
		"unknown day, first counts":  {"12y..", "2010-03-00", "2022-03-01", true},
		"unknown month":              {"12y..", "2010-00-00", "2022-01-01", true},
		"lunar":                      {"12y..", "2010-31-01", "2022-01-01", true},
		"born on 29 February":        {"1y..", "2024-02-29", "2025-02-28", false},
		"born on 29 February, March": {"1y..", "2024-02-29", "2025-03-01", true},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAges(v.ages)
			if err != nil || a.String() != v.ages {
				t.Fatalf("%v, %v", a, err)
			}
			if got := a.fits(bornOn(birth(v.birth)), day(t, v.on)); got != v.fits {
				t.Errorf("fits %v", got)
			}
		})
	}
	if (Ages{Least: Span{Years: 1}}).fits(born{}, day(t, "2026-01-01")) {
		t.Error("an age fits nobody knows whom")
	}
	for _, bad := range []string{"", "..", "12y", "a..b", "12y..x"} {
		if a, err := ParseAges(bad); err == nil {
			t.Errorf("%q was read as %v", bad, a)
		}
	}
}
