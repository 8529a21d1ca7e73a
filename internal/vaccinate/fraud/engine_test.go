package fraud

import (
	"testing"
	"time"

	"carnet/internal/carnet"
)

// week is open from eight to eight.
type week struct{}

func (week) Open(at time.Time) bool {
	h := at.In(carnet.Paris).Hour()
	return h >= 8 && h < 20
}

func id(n int) carnet.ID {
	return carnet.DerivedID([]byte{byte(n >> 16), byte(n >> 8), byte(n), 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9})
}

var morning = time.Date(2026, 11, 23, 9, 0, 0, 0, carnet.Paris)

func TestDefaultIsValid(t *testing.T) {
	if err := (Policies{Default(week{})}).Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestSessionRate(t *testing.T) {
	e := NewEngine(Policies{Default(week{})})
	var found []Finding
	for i := range 125 {
		found = append(found, e.Observe(Act{Session: id(1), Professional: id(2), Person: id(1000 + i), Dose: id(5000 + i),
			At: morning.Add(time.Duration(i) * 20 * time.Second), On: carnet.DateOf(morning), Place: "750000001"})...)
	}
	if len(found) != 2 || found[0].Signal != SessionRate || found[0].Value != 60 || found[0].Step != Note || found[1].Value != 120 || found[1].Step != StepUp || found[1].Score != 4 {
		t.Fatalf("%+v", found)
	}
}
