package geography_test

import (
	"fmt"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/publish/geography"
)

func TestLoad(t *testing.T) {
	g, err := geography.Load(geography.Latest)
	if err != nil {
		t.Fatal(err)
	}
	kinds, population := map[string]int{}, 0
	for _, c := range g.Communes {
		kinds[c.Kind]++
		if c.Kind == geography.Current {
			population += c.Population
		}
		if _, ok := g.Department(c.Department); !ok {
			t.Errorf("commune %s is in no department", c.Code)
		}
	}
	got := fmt.Sprint(kinds[geography.Current], kinds[geography.Borough], kinds[geography.Merged], len(g.EPCI), len(g.Departments), len(g.Regions), population)
	if want := "34969 45 2576 1255 109 26 68952941"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	all := 0
	for _, d := range g.Departments {
		if r, ok := g.Region(d.Region); !ok || r.Name == "" {
			t.Errorf("department %s is in no region", d.Code)
		}
		all += d.Population
	}
	if all != population {
		t.Errorf("departments have %d people, communes %d", all, population)
	}
	if c, ok := g.Commune("01015"); !ok || c.Kind != geography.Current {
		t.Errorf("a merged commune is %v, %v", c, ok)
	}
	if c, ok := g.Commune("69381"); !ok || c.Kind != geography.Borough || c.Parent != "69123" {
		t.Errorf("a borough is %v, %v", c, ok)
	}
	if _, ok := g.Commune("99001"); ok {
		t.Error("a commune that does not exist is found")
	}
	if list := g.ByPostalCode("01400"); len(list) == 0 {
		t.Error("no commune has the postal code 01400")
	}
	for _, year := range []string{"1999", "../x", ""} {
		if _, err := geography.Load(year); err == nil {
			t.Errorf("year %q", year)
		}
	}
}

func TestFunds(t *testing.T) {
	f, err := geography.ReadFunds(strings.NewReader(geography.Sample))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("DVC-05 every fund in the directory has a DPO contact; a missing one fails", func(t *testing.T) {
		for _, fund := range f.All() {
			if !strings.Contains(fund.DPO, "@") {
				t.Errorf("%s has no DPO", fund.Code)
			}
		}
		_, err := geography.ReadFunds(strings.NewReader("caisse;nom;dpo;insee;from;to\n990;Caisse;;99001;2020-01-01;\n"))
		if carnet.CodeOf(err) != "funds.dpo" {
			t.Errorf("a fund without a DPO: %v", err)
		}
	})
	day := func(s string) carnet.Date {
		d, err := carnet.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct{ commune, day, want string }{
		{"99002", "2024-12-31", "990"}, {"99002", "2025-01-01", "991"}, {"99001", "2019-12-31", ""}, {"99009", "2025-01-01", ""},
	} {
		if got, _ := f.Of(c.commune, day(c.day)); got.Code != c.want {
			t.Errorf("%s on %s: %s", c.commune, c.day, got.Code)
		}
	}
	for text, code := range map[string]string{
		"x;y": "funds.header",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;99001;2020-13-01;":                              "funds.date",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;99001;2020-01-02;2020-01-01":                    "funds.date",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;99001;2020-01-01;\n991;B;d@x;99001;2021-01-01;": "funds.overlap",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;99001;2020-01-01;\n990;B;d@x;99002;2021-01-01;": "funds.twice",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;9900;2020-01-01;":                               "funds.missing",
		"caisse;nom;dpo;insee;from;to\n990;A;d@x;99001;2020-01-01":                               "funds.csv",
	} {
		if _, err := geography.ReadFunds(strings.NewReader(text)); carnet.CodeOf(err) != code {
			t.Errorf("%q: %v, want %s", text, err, code)
		}
	}
}

func FuzzReadFunds(f *testing.F) {
	f.Add(geography.Sample)
	f.Fuzz(func(t *testing.T, text string) { _, _ = geography.ReadFunds(strings.NewReader(text)) })
}
