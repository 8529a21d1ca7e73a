package deadline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

func day(t testing.TB, s string) carnet.Date {
	t.Helper()
	d, err := carnet.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOwn holds for the vectors of this package; TestVectors passes those of the mission.
func TestOwn(t *testing.T) {
	for _, c := range []struct {
		received      string
		where         Territory
		due, extended string
	}{
		{"2026-06-14", Metropole, "2026-07-15", "2026-09-14"},  // a national holiday, then a working day
		{"2026-10-25", Metropole, "2026-11-25", "2027-01-25"},  // both are working days
		{"2025-11-20", LaReunion, "2025-12-22", "2026-02-20"},  // a holiday of the island, on a Saturday
		{"2026-04-27", Guadeloupe, "2026-05-28", "2026-07-27"}, // a holiday of the island alone
		{"2026-05-10", Guyane, "2026-06-11", "2026-08-10"},
		{"2026-03-27", Mayotte, "2026-04-28", "2026-06-29"},
		{"2027-12-31", Metropole, "2028-01-31", "2028-03-31"},
		{"2027-11-30", Metropole, "2027-12-30", "2028-02-29"},
	} {
		d := Answer(day(t, c.received), c.where)
		if d.Day.String() != c.due || d.DayExtended.String() != c.extended || d.Notice != d.Day {
			t.Errorf("%s %s: %s, extended %s", c.received, c.where, d.Day, d.DayExtended)
		}
	}
	for _, c := range [][3]string{{"2024-02-29", "P1Y", "2025-02-28"}, {"2026-11-30", "P3M", "2027-02-28"}, {"2026-12-31", "P90D", "2027-03-31"}, {"2026-01-31", "P1M1D", "2026-03-01"}, {"2026-01-31", "PT0S", "2026-01-31"}} {
		p, err := ParsePeriod(c[1])
		if err != nil || p.After(day(t, c[0])).String() != c[2] {
			t.Errorf("%v: %v, %v", c, p.After(day(t, c[0])), err)
		}
	}
	for _, bad := range []string{"", "P", "5Y", "P5", "P-1Y", "PT1H", "P1W", "P1Y ", "P99999Y"} {
		if p, err := ParsePeriod(bad); err == nil {
			t.Errorf("%q is read as %v", bad, p)
		}
	}
	if !(Period{Months: 60}).Longer(Period{Months: 36}) || (Period{Months: 1}).Longer(Period{Days: 30}) || (Period{Days: 30}).Longer(Period{Months: 1}) || !(Period{Days: 32}).Longer(Period{Months: 1}) {
		t.Error("periods are compared wrongly")
	}
}

// TestEaster compares with the method of Meeus, another sequence of divisions.
func TestEaster(t *testing.T) {
	for y := 1900; y <= 2099; y++ {
		a, b, c := y%19, y/100, y%100
		d, e := b/4, b%4
		f := (b + 8) / 25
		g := (b - f + 1) / 3
		h := (19*a + b - d - g + 15) % 30
		i, k := c/4, c%4
		l := (32 + 2*e + 2*i - h - k) % 7
		m := (a + 11*h + 22*l) / 451
		month, n := (h+l-7*m+114)/31, (h+l-7*m+114)%31+1
		if got := Easter(y); int(got.Month) != month || got.Day != n || Weekday(got) != time.Sunday {
			t.Errorf("%d: %s, %s", y, got, Weekday(got))
		}
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := carnet.DateOfDays(rapid.IntRange(-20000, 60000).Draw(t, "day"))
		where := rapid.SampledFrom(Territories).Draw(t, "where")
		if w := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday(); Weekday(d) != w {
			t.Fatalf("%s: %s, not %s", d, Weekday(d), w)
		}
		due := Answer(d, where)
		if due.Day.Before(due.Nominal) || due.Nominal.Days()-d.Days() < 28 || due.Day.Days()-due.Nominal.Days() > 5 || !due.DayExtended.After(due.Day) {
			t.Fatalf("%s: %+v", d, due)
		}
		if w := Weekday(due.Day); w == time.Saturday || w == time.Sunday || Holiday(due.Day, where) {
			t.Fatalf("%s is due on %s", d, due.Day)
		}
		a := Period{rapid.IntRange(0, 400).Draw(t, "months"), rapid.IntRange(0, 40).Draw(t, "days")}
		b := Period{rapid.IntRange(0, 400).Draw(t, "months"), rapid.IntRange(0, 40).Draw(t, "days")}
		if a.Longer(b) && !a.After(d).After(b.After(d)) {
			t.Fatalf("%v is not longer than %v from %s", a, b, d)
		}
	})
}

// TestVectors passes the vectors of the mission.
func TestVectors(t *testing.T) {
	folder := os.Getenv("CARNET_PRIVACY")
	if folder == "" {
		folder = "../../../../shared/data/privacy"
		if _, err := os.Stat(folder); err != nil {
			t.Log("the data of the mission are not here; the vectors of this package cover the same ground")
			return
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "deadlines.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []map[string]any
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for i, v := range file.Vectors {
		s := func(key string) string { x, _ := v[key].(string); return x }
		same := func(key string, got any) {
			if g := got.(interface{ String() string }).String(); g != s(key) {
				t.Errorf("vector %d: %s is %s, not %s", i, key, g, s(key))
			}
		}
		count[s("kind")]++
		switch s("kind") {
		case "gdpr_12_3":
			d := Answer(day(t, s("received")), Territory(s("zone")))
			same("nominal", d.Nominal)
			same("due", d.Day)
			same("nominal_if_extended", d.NominalExtended)
			same("due_if_extended", d.DayExtended)
			same("notice_of_extension_due", d.Notice)
		case "retention":
			p, err := ParsePeriod(s("period"))
			if err != nil {
				t.Fatal(err)
			}
			last := p.After(day(t, s("event")))
			same("last_day_kept", last)
			same("lapsed_from", last.AddDays(1))
		case "csp_l1111_7":
			at, err := time.ParseInLocation("2006-01-02T15:04", s("requested"), paris)
			if err != nil {
				t.Fatal(err)
			}
			a := HealthAccess(at, s("data") == "older_than_5_years", Metropole)
			if got := a.NotBefore.Format("2006-01-02T15:04:05"); got != s("not_before") {
				t.Errorf("vector %d: not before %s", i, got)
			}
			same("due", a.Day)
			same("effective_due", a.Effective)
			same("gdpr_due_metropole", Answer(carnet.DateOf(at), Metropole).Day)
		case "breach_72h":
			at, err := time.Parse("2006-01-02T15:04Z07:00", s("aware"))
			if err != nil {
				t.Fatal(err)
			}
			if got := Breach(at).Format("2006-01-02T15:04Z"); got != s("due_utc") {
				t.Errorf("vector %d: %s", i, got)
			}
		}
	}
	if count["gdpr_12_3"] != 16 || count["retention"] != 12 || count["csp_l1111_7"] != 3 || count["breach_72h"] != 4 {
		t.Errorf("vectors: %v", count)
	}
}
