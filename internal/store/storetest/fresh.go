package storetest

import (
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
)

func testFresh(t *testing.T, w *world) {
	ctx := t.Context()
	year := 365 * 24 * time.Hour
	stale := func() []people.Freshness {
		t.Helper()
		list, err := w.people.Stale(ctx, system, w.now().Add(-year))
		must(t, err)
		return list
	}
	t.Run("POL-24 each record holds when its source last confirmed it, and stale ones are listed", func(t *testing.T) {
		enrolled := w.now()
		if list := stale(); len(list) != 0 {
			t.Fatalf("on the first day: %+v", list)
		}
		w.later(year + time.Hour)
		other := w.crowd(t, 1)[0]
		list := stale()
		if len(list) != 1 || list[0].Person != w.fern || list[0].Source != "enrolment" || list[0].At.IsZero() || list[0].At.After(enrolled) {
			t.Fatalf("a year later: %+v", list)
		}
		// The person comes in by a provider that says the same: the record is fresh again.
		pivot := identity("FOUGÈRE", "", "1985-05-12", carnet.Female, number(t, "2850500999001"), "Camille", "Rose")
		_, _, err := w.people.Recognise(ctx, system, people.Login{Issuer: "https://i.invalid", Subject: carnet.Hide("s"), Pivot: pivot})
		must(t, err)
		if list := stale(); len(list) != 0 {
			t.Fatalf("after a login: %+v", list)
		}
		w.later(year)
		if list := stale(); len(list) != 2 || list[0].Person != other || list[1].Source != "login" {
			t.Fatalf("a year after that: %+v", list)
		}
	})
	if _, err := w.people.Stale(ctx, w.nurse, w.now()); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a professional lists them: %v", err)
	}
	if _, err := w.people.Stale(ctx, protect.Actor{ID: w.fern, Role: protect.Insured}, w.now()); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a person lists them: %v", err)
	}
}
