package stock

import (
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

func TestState(t *testing.T) {
	day := func(s string) carnet.Date {
		d, err := carnet.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	there := carnet.DerivedID(make([]byte, 16))
	for name, c := range map[string]struct {
		lot  Lot
		on   string
		want State
	}{
		"on its last day":              {Lot{ID: there, Expiry: day("2026-11-30")}, "2026-11-30", Active},
		"a day later":                  {Lot{ID: there, Expiry: day("2026-11-30")}, "2026-12-01", Expired},
		"thawed, on its last day":      {Lot{ID: there, Expiry: day("2027-11-30"), UseBy: day("2026-12-15")}, "2026-12-15", Active},
		"thawed, a day later":          {Lot{ID: there, Expiry: day("2027-11-30"), UseBy: day("2026-12-15")}, "2026-12-16", Expired},
		"thawed, and the box sooner":   {Lot{ID: there, Expiry: day("2026-12-01"), UseBy: day("2026-12-15")}, "2026-12-02", Expired},
		"the day before it is used up": {Lot{ID: there, Expiry: day("2027-11-30"), Depleted: day("2026-12-15")}, "2026-12-14", Active},
		"from the day it is used up":   {Lot{ID: there, Expiry: day("2027-11-30"), Depleted: day("2026-12-15")}, "2026-12-15", Depleted},
		"used up and expired":          {Lot{ID: there, Expiry: day("2026-11-30"), Depleted: day("2026-11-15")}, "2026-12-15", Expired},
		"recalled and expired":         {Lot{ID: there, Expiry: day("2026-11-30"), Recall: &Recall{}}, "2026-12-15", Recalled},
		"recalled, and not ours":       {Lot{Recall: &Recall{}}, "2026-12-15", Recalled},
		"not ours":                     {Lot{}, "2026-12-15", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.lot.State(day(c.on)); got != c.want {
				t.Errorf("%s", got)
			}
		})
	}
	for name, c := range map[string]struct{ received, recorded, over int }{
		"nobody counted": {0, 12, 0}, "as many": {12, 12, 0}, "some left": {12, 3, 0}, "one too many": {12, 13, 1},
	} {
		if got := (Lot{Received: c.received, Recorded: c.recorded}).Over(); got != c.over {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestStateOverTime: a lot that is no longer active never becomes so again by itself.
func TestStateOverTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		date := func(name string) carnet.Date {
			if rapid.Bool().Draw(t, "no "+name) {
				return carnet.Date{}
			}
			return carnet.DateOfDays(rapid.IntRange(20700, 20800).Draw(t, name))
		}
		l := Lot{ID: carnet.DerivedID(make([]byte, 16)), Expiry: date("expiry"), UseBy: date("use-by"), Depleted: date("depleted")}
		ended := false
		for n := 20690; n < 20810; n++ {
			active := l.State(carnet.DateOfDays(n)) == Active
			if active && ended {
				t.Fatalf("%+v is active again on %s", l, carnet.DateOfDays(n))
			}
			ended = !active
		}
		if none := l.Ends().IsZero() && l.Depleted.IsZero(); ended == none {
			t.Fatalf("%+v: ended %v", l, ended)
		}
	})
}
