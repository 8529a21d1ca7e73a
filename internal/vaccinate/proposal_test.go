package vaccinate

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
	"carnet/internal/vaccinate/catalogue"
)

const (
	comirnaty = "EU/1/20/1528"
	spikevax  = "EU/1/20/1507"
	jcovden   = "EU/1/20/1525"
)

func readCatalogue(t testing.TB) Catalogue {
	t.Helper()
	c, err := ReadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(t testing.TB, s string) carnet.Date {
	t.Helper()
	d, err := carnet.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPropose(t *testing.T) {
	c := readCatalogue(t)
	type past struct{ vaccine, date string }
	for name, v := range map[string]struct {
		history        []past
		vaccine, on    string
		rank, expected int
		reason         string
		warnings       string
	}{
		"first of two":                    {nil, comirnaty, "2026-11-21", 1, 2, "first", ""},
		"first of one":                    {nil, jcovden, "2026-11-21", 1, 1, "first", ""},
		"second":                          {[]past{{comirnaty, "2026-10-01"}}, comirnaty, "2026-11-21", 2, 2, "primary", ""},
		"second on the first day allowed": {[]past{{comirnaty, "2026-10-31"}}, comirnaty, "2026-11-21", 2, 2, "primary", ""},
		"second a day too early":          {[]past{{comirnaty, "2026-11-01"}}, comirnaty, "2026-11-21", 2, 2, "primary", "interval"},
		"second of another vaccine":       {[]past{{comirnaty, "2026-10-01"}}, spikevax, "2026-11-21", 2, 2, "primary", "other-vaccine"},
		"twice on a day":                  {[]past{{comirnaty, "2026-11-21"}}, comirnaty, "2026-11-21", 2, 2, "primary", "same-day"},
		"booster after two":               {[]past{{comirnaty, "2021-05-01"}, {comirnaty, "2021-06-01"}}, spikevax, "2026-11-21", 3, 3, "booster", "complete"},
		"booster after one, renumbered":   {[]past{{jcovden, "2021-06-01"}}, comirnaty, "2022-02-01", 2, 1, "booster", "complete"},
		"booster after one, a day before": {[]past{{jcovden, "2021-06-01"}}, comirnaty, "2022-01-31", 2, 2, "booster", ""},
		"second booster after one":        {[]past{{jcovden, "2021-06-01"}, {comirnaty, "2022-03-01"}}, comirnaty, "2022-09-01", 3, 1, "booster", "complete"},
		"an older dose entered late":      {[]past{{comirnaty, "2026-11-10"}}, comirnaty, "2026-10-01", 1, 2, "first", "later-dose"},
		"entry order does not matter":     {[]past{{comirnaty, "2026-06-01"}, {jcovden, "2021-06-01"}}, comirnaty, "2026-11-21", 3, 1, "booster", "complete"},
	} {
		t.Run(name, func(t *testing.T) {
			var history []carnet.Dose
			for _, p := range v.history {
				history = append(history, carnet.Dose{Vaccine: p.vaccine, Date: day(t, p.date)})
			}
			product, _ := c.Find(v.vaccine)
			got := propose(c, catalogue.Person{}, history, carnet.Dose{ID: lastID, Vaccine: v.vaccine, Date: day(t, v.on)}, product)
			var codes []string
			for _, w := range got.Warnings {
				codes = append(codes, w.Code)
			}
			if got.Rank != v.rank || got.Expected != v.expected || got.Reason != v.reason || strings.Join(codes, " ") != v.warnings {
				t.Errorf("got %d/%d %s %v", got.Rank, got.Expected, got.Reason, codes)
			}
		})
	}
}

// TestProposeDoesNotDependOnOrder: the rank follows the injections, however they were entered.
func TestProposeDoesNotDependOnOrder(t *testing.T) {
	c := readCatalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) carnet.Dose {
			return carnet.Dose{Vaccine: rapid.SampledFrom(c.Vaccines()).Draw(t, "vaccine").Code, Date: carnet.DateOfDays(rapid.IntRange(18600, 20700).Draw(t, "day"))}
		}), 0, 6).Draw(t, "history")
		seen := map[carnet.Date]bool{}
		for _, d := range history {
			if seen[d.Date] {
				t.Skip("two doses on a day have no order")
			}
			seen[d.Date] = true
		}
		v, on := rapid.SampledFrom(c.Vaccines()).Draw(t, "vaccine"), carnet.DateOfDays(rapid.IntRange(18600, 20800).Draw(t, "on"))
		d := carnet.Dose{ID: lastID, Vaccine: v.Code, Date: on}
		a := propose(c, catalogue.Person{}, history, d, v)
		shuffled := rapid.Permutation(history).Draw(t, "shuffled")
		b := propose(c, catalogue.Person{}, shuffled, d, v)
		if a.Rank != b.Rank || a.Expected != b.Expected || a.Reason != b.Reason || len(a.Warnings) != len(b.Warnings) {
			t.Fatalf("%+v against %+v", a, b)
		}
		if a.Rank < 1 || a.Rank > len(history)+1 || a.Expected < 1 {
			t.Fatalf("%+v", a)
		}
	})
}
