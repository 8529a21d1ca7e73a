package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
)

// tell leaves a notice as any room does, in a transaction of its own purpose.
func (w *world) tell(t *testing.T, purpose protect.Purpose, actor protect.Actor, n carnet.Notice) error {
	t.Helper()
	d := w.guard.Decide(protect.Request{Actor: actor, Purpose: purpose, Person: n.PersonID})
	return w.Backend.People.Within(t.Context(), d, func(tx people.Tx) error { return tx.Tell(n) })
}

func testNotices(t *testing.T, w *world) {
	me := protect.Actor{ID: w.fern, Role: protect.Insured}
	other, err := w.ids.New()
	must(t, err)
	dose, err := w.ids.New()
	must(t, err)
	first := carnet.Notice{ID: dose, PersonID: w.fern, Kind: "dose.corrected", Dose: dose, Args: map[string]string{"what": "lot", "date": "2026-11-20"}}
	must(t, w.tell(t, protect.Vaccination, w.nurse, first))
	must(t, w.tell(t, protect.Vaccination, w.nurse, first)) // done again: told once
	must(t, w.tell(t, protect.Upkeep, system, carnet.Notice{PersonID: w.fern, Kind: "certificate.replaced"}))
	must(t, w.tell(t, protect.Enrolment, system, carnet.Notice{PersonID: other, Kind: "person.merged"}))

	list, err := w.people.Notices(t.Context(), me)
	must(t, err)
	if len(list) != 2 || list[0].Kind != "certificate.replaced" || list[1].Kind != "dose.corrected" {
		t.Fatalf("told %v", list)
	}
	if n := list[1]; n.ID != first.ID || n.Dose != dose || n.Args["what"] != "lot" || n.Args["date"] != "2026-11-20" || n.At.IsZero() || !n.ReadAt.IsZero() {
		t.Errorf("told %+v", n)
	}
	must(t, w.people.Seen(t.Context(), me))
	w.later(time.Second)
	must(t, w.tell(t, protect.Revocation, system, carnet.Notice{PersonID: w.fern, Kind: "certificate.revoked"}))
	list, err = w.people.Notices(t.Context(), me)
	must(t, err)
	if len(list) != 3 || !list[0].ReadAt.IsZero() || list[1].ReadAt.IsZero() || list[2].ReadAt.IsZero() {
		t.Errorf("after reading: %v", list)
	}
	t.Run("a professional writes notices and reads none", func(t *testing.T) {
		if _, err := w.people.Notices(t.Context(), w.nurse); !errors.Is(err, protect.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a notice carries codes and dates, nothing long", func(t *testing.T) {
		for name, n := range map[string]carnet.Notice{
			"nobody":    {Kind: "dose.corrected"},
			"no kind":   {PersonID: w.fern},
			"long word": {PersonID: w.fern, Kind: "dose.corrected", Args: map[string]string{"what": strings.Repeat("x", 65)}},
		} {
			if err := w.tell(t, protect.Vaccination, w.nurse, n); err == nil {
				t.Errorf("%s: was told", name)
			}
		}
	})
}
