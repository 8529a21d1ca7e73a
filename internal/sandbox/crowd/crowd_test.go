package crowd

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/nir"
)

func TestCrowd(t *testing.T) {
	o := Order{People: 2000, Doses: 3, Seed: 7, Vaccinators: []Vaccinator{{"899700000015", "990000011"}}}
	var first, again, other bytes.Buffer
	for out, seed := range map[*bytes.Buffer]uint64{&first: 7, &again: 7, &other: 8} {
		o.Seed = seed
		if err := Write(out, o); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) || bytes.Equal(first.Bytes(), other.Bytes()) {
		t.Error("a seed does not give one file")
	}
	rows, err := csv.NewReader(&first).ReadAll()
	if err != nil || len(rows) != 6001 || strings.Join(rows[0], ",") != strings.Join(Header, ",") {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	people, keys := map[string]int{}, map[string]bool{}
	for i, r := range rows[1:] {
		n, err := nir.Parse(r[1])
		if err != nil || n.Department() != "00" {
			t.Fatalf("row %d: the number has department %s, %v", i, n.Department(), err)
		}
		people[r[1]]++
		keys[r[0]] = true
		birth, err := carnet.ParseBirthDate(r[4])
		on, dated := carnet.ParseDate(r[7])
		if _, lot := carnet.ParseLot(r[9]); err != nil || dated != nil || lot != nil || birth.After(on) || on.Year < 2021 || on.Year > 2022 {
			t.Fatalf("row %d: %v %v %v", i, err, dated, lot)
		}
		if i%3 > 0 && rows[i][7] >= r[7] {
			t.Errorf("row %d is before the one of the same person", i)
		}
	}
	if len(people) != 2000 || len(keys) != 6000 {
		t.Errorf("%d people, %d keys", len(people), len(keys))
	}
	for _, bad := range []Order{{}, {People: 1, Doses: 4, Vaccinators: o.Vaccinators}, {People: 1, Doses: 1}, {People: MaxPeople + 1, Doses: 1, Vaccinators: o.Vaccinators}} {
		if Write(&first, bad) == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
