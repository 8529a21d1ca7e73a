package dcc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert/dcc"

	"pgregory.net/rapid"
)

func TestScheme(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := dcc.Scheme{
			Country: rapid.SampledFrom([]string{"FR", "DE", "LU"}).Draw(t, "country"),
			Issuer:  rapid.StringMatching(`[A-Z0-9]{0,8}`).Draw(t, "issuer"),
			Length:  rapid.SampledFrom([]int{0, 8, 12, 25}).Draw(t, "length"),
			Lower:   rapid.Bool().Draw(t, "lower"),
		}
		if s.Issuer != "" {
			s.Vaccine = rapid.StringMatching(`[A-Z0-9]{0,4}`).Draw(t, "vaccine")
		}
		id, err := s.New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		u := dcc.ParseUVCI(id)
		var want []string
		for _, p := range []string{s.Issuer, s.Vaccine} {
			if p != "" {
				want = append(want, p)
			}
		}
		opaque := u.Parts[len(u.Parts)-1]
		length := s.Length
		if length == 0 {
			length = 12
		}
		if u.Version != "01" || u.Country != s.Country || !slices.Equal(u.Parts[:len(u.Parts)-1], want) || len(opaque) != length ||
			dcc.CheckUVCI(id) != dcc.CheckRight || strings.HasPrefix(id, "urn:uvci:01:") != s.Lower || len(id) > 80 {
			t.Fatalf("%+v: %s", s, id)
		}
	})
	id, err := dcc.FrenchUVCI.New(bytes.NewReader(make([]byte, 64)))
	if err != nil || !strings.HasPrefix(id, "urn:uvci:01:FR:AAAAAAAAAAAA#") {
		t.Errorf("%s, %v", id, err)
	}
	// Bytes that would favour some characters are passed over.
	id, err = dcc.FrenchUVCI.New(bytes.NewReader(append(bytes.Repeat([]byte{252, 255}, 32), bytes.Repeat([]byte{35}, 64)...)))
	if err != nil || !strings.HasPrefix(id, "urn:uvci:01:FR:999999999999#") {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := dcc.FrenchUVCI.New(bytes.NewReader(nil)); err == nil || errors.Is(err, dcc.ErrScheme) {
		t.Errorf("without chance: %v", err)
	}
	for name, s := range map[string]dcc.Scheme{
		"no country": {}, "country": {Country: "FRA"}, "lower case": {Country: "fr"}, "issuer": {Country: "FR", Issuer: "A:B"},
		"vaccine alone": {Country: "FR", Vaccine: "X"}, "short": {Country: "FR", Length: 7}, "negative": {Country: "FR", Length: -1}, "long": {Country: "FR", Length: 65},
	} {
		if id, err := s.New(rand.Reader); !errors.Is(err, dcc.ErrScheme) {
			t.Errorf("%s: %s, %v", name, id, err)
		}
	}
}

// TestNumber has the cases of the published booster encodings and of the French rules.
func TestNumber(t *testing.T) {
	const comirnaty, jcovden, before, after = "EU/1/20/1528", "EU/1/20/1525", "2022-01-31", "2022-02-01"
	for _, c := range []struct {
		name      string
		products  string // one letter a dose: m for a two-dose product, j for Jcovden
		infection string
		issued    string
		dn, sd    int
	}{
		{"first of two", "m", "", after, 1, 2},
		{"second of two", "mm", "", after, 2, 2},
		{"booster", "mmm", "", after, 3, 3},
		{"booster, old rules", "mmm", "", before, 3, 3},
		{"second booster", "mmmm", "", after, 4, 4},
		{"one-dose product", "j", "", after, 1, 1},
		{"booster after one dose", "jm", "", after, 2, 1},
		{"booster after one dose, old rules", "jm", "", before, 2, 2},
		{"second booster after one dose", "jmm", "", after, 3, 1},
		{"second booster after one dose, old rules", "jmm", "", before, 3, 3},
		{"one dose after infection", "m", "2020-12-31", after, 1, 1},
		{"booster after infection and one dose", "mm", "2020-12-31", after, 2, 1},
		{"booster after infection and one dose, old rules", "mm", "2020-12-31", before, 2, 2},
		{"infection between doses", "mm", "2021-01-15", after, 2, 2},
		{"infection on the day of the dose", "m", "2021-01-01", after, 1, 2},
		{"two-dose product, then the one-dose one", "mj", "", after, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := dcc.History{Infection: c.infection}
			for i, p := range c.products {
				product := comirnaty
				if p == 'j' {
					product = jcovden
				}
				h.Doses = slices.Insert(h.Doses, 0, dcc.Dose{Product: product, Date: fmt.Sprintf("2021-%02d-01", i+1)}) // in any order
			}
			issued, err := time.Parse(time.DateOnly, c.issued)
			if err != nil {
				t.Fatal(err)
			}
			dn, sd, err := h.Number(issued)
			if err != nil || dn != c.dn || sd != c.sd {
				t.Errorf("%d/%d, %v, want %d/%d", dn, sd, err, c.dn, c.sd)
			}
		})
	}
	for name, h := range map[string]dcc.History{
		"no dose": {}, "no date": {Doses: []dcc.Dose{{}}}, "two on a day": {Doses: []dcc.Dose{{Date: "2021-01-01"}, {Date: "2021-01-01"}}},
		"infection": {Doses: []dcc.Dose{{Date: "2021-01-01"}}, Infection: "January"},
	} {
		if _, _, err := h.Number(time.Unix(0, 0)); !errors.Is(err, dcc.ErrHistory) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func setFile(id, date string, values map[string]any) []byte {
	b, err := json.Marshal(map[string]any{"valueSetId": id, "valueSetDate": date, "valueSetValues": values})
	if err != nil {
		panic(err)
	}
	return b
}

type row = map[string]any

func TestLoadValueSets(t *testing.T) {
	var s dcc.ValueSets
	if s.Has(dcc.Device) || !s.Has(dcc.Product) || s.Date(dcc.Product) != "2022-11-30" || s.Date(dcc.Device) != "" {
		t.Error("the zero value is not the built-in table")
	}
	load := func(b []byte) {
		t.Helper()
		if _, err := s.Load(b); err != nil {
			t.Fatal(err)
		}
	}
	// The later edition first: editions are kept by date, not by the order of loading.
	load(setFile("covid-19-lab-test-manufacturer-and-name", "2022-03-01", row{
		"1": row{"display": "Pervenche", "active": false}, "2": row{"display": "Primevère", "active": true}}))
	load(setFile("covid-19-lab-test-manufacturer-and-name", "2021-07-01", row{"1": row{"display": "Pervenche", "active": true}}))
	if !s.Has(dcc.Device) || s.Date(dcc.Device) != "2022-03-01" || len(s.Entries(dcc.Device)) != 2 {
		t.Error("the newest edition does not count")
	}
	if e, ok := s.Lookup(dcc.Device, "1"); !ok || !e.Deprecated || e.Name != "Pervenche" {
		t.Errorf("%+v", e)
	}
	for day, want := range map[string]struct {
		date       string
		deprecated bool
	}{"2021-01-01": {"2021-07-01", false}, "2021-07-01": {"2021-07-01", false}, "2022-02-28": {"2021-07-01", false}, "2022-03-01": {"2022-03-01", true}} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		then := s.On(at)
		if e, ok := then.Lookup(dcc.Device, "1"); !ok || e.Deprecated != want.deprecated || then.Date(dcc.Device) != want.date {
			t.Errorf("on %s: %+v of %s", day, e, then.Date(dcc.Device))
		}
	}
	if s.Date(dcc.Device) != "2022-03-01" {
		t.Error("going back to a day changed the sets")
	}
	load(setFile("covid-19-lab-test-manufacturer-and-name", "2022-03-01", row{"3": row{"display": "Muguet"}}))
	if e, ok := s.Lookup(dcc.Device, "3"); !ok || e.Deprecated || len(s.Entries(dcc.Device)) != 1 {
		t.Error("an edition of the same date does not replace the other")
	}
	load(setFile("country-2-codes", "2030-01-01", row{"QQ": row{"display": "Quercus"}}))
	if _, ok := s.Lookup(dcc.Country, "FR"); ok {
		t.Error("the built-in table is still there")
	}
	load(setFile("vaccines-covid-19-encoding-instructions", "2030-01-01", row{
		"Mauve": row{"vaccine-code": "MAUVE (deprecated)", "vaccine-manufacturer": "ORG-1", "sct-codes": []string{"1"}}}))
	if e, ok := s.Encoding("MAUVE"); !ok || !e.Allows("ORG-1", "1") || e.Allows("ORG-1", "2") || e.Allows("ORG-2", "1") {
		t.Errorf("%+v", e)
	}
	if _, ok := s.Encoding("EU/1/20/1528"); ok {
		t.Error("the built-in instructions are still there")
	}
	if then := s.On(time.Unix(0, 0)); then == nil || (*dcc.ValueSets)(nil).On(time.Unix(0, 0)) != nil {
		t.Error("sets of a day")
	}

	for name, b := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("{"), "list": []byte("[]"), "unknown set": setFile("flowers", "2021-01-01", row{"1": row{}}),
		"no date": setFile("country-2-codes", "", row{"1": row{}}), "no codes": setFile("country-2-codes", "2021-01-01", nil),
		"row of another shape":   setFile("country-2-codes", "2021-01-01", row{"1": "x"}),
		"incomplete instruction": setFile("vaccines-covid-19-encoding-instructions", "2021-01-01", row{"x": row{"vaccine-code": "x"}}),
		"too large":              make([]byte, dcc.MaxSetFile+1),
	} {
		if _, err := s.Load(b); !errors.Is(err, dcc.ErrValueSet) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLoadValueSets(f *testing.F) {
	f.Add(setFile("country-2-codes", "2021-01-01", row{"FR": row{"display": "France", "active": true}}))
	f.Add(setFile("vaccines-covid-19-encoding-instructions", "2021-01-01", row{"x": row{"vaccine-code": "x", "vaccine-manufacturer": "y", "sct-codes": []string{"1"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s dcc.ValueSets
		set, err := s.Load(b)
		if (err == nil) != (set != "") {
			t.Fatalf("%q, %v", set, err)
		}
		for _, e := range s.Entries(set) {
			if got, ok := s.Lookup(set, e.Code); !ok || got != e {
				t.Fatalf("%q is lost", e.Code)
			}
		}
	})
}

func ExampleScheme_New() {
	id, err := dcc.FrenchUVCI.New(rand.Reader)
	fmt.Println(len(id), id[:15], dcc.CheckUVCI(id) == dcc.CheckRight, err)
	id, err = dcc.Scheme{Country: "LU", Issuer: "VERGER"}.New(rand.Reader)
	fmt.Println(len(id), id[:22], dcc.CheckUVCI(id) == dcc.CheckRight, err)
	// Output:
	// 29 urn:uvci:01:FR: true <nil>
	// 36 URN:UVCI:01:LU:VERGER/ true <nil>
}

func ExampleHistory_Number() {
	h := dcc.History{Doses: []dcc.Dose{{Product: "EU/1/20/1525", Date: "2021-06-01"}, {Product: "EU/1/20/1528", Date: "2021-12-15"}}}
	for _, issued := range []string{"2022-01-15", "2022-02-15"} {
		at, _ := time.Parse(time.DateOnly, issued)
		dn, sd, err := h.Number(at)
		fmt.Printf("issued %s: %d/%d %v\n", issued, dn, sd, err)
	}
	// Output:
	// issued 2022-01-15: 2/2 <nil>
	// issued 2022-02-15: 2/1 <nil>
}

// The list of rapid-test devices grows; it is loaded, not built in.
func ExampleValueSets_Load() {
	file := []byte(`{"valueSetId": "covid-19-lab-test-manufacturer-and-name", "valueSetDate": "2022-05-01",
		"valueSetValues": {"1232": {"display": "Panbio", "lang": "en", "active": true, "version": "1"}}}`)
	var sets dcc.ValueSets
	set, err := sets.Load(file)
	fmt.Println(set, err)
	e, ok := sets.Lookup(dcc.Device, "1232")
	fmt.Println(e.Name, ok, sets.Date(dcc.Device))
	// Output:
	// covid-19-lab-test-manufacturer-and-name <nil>
	// Panbio true 2022-05-01
}
