package storetest

import (
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// testInfection: a proven infection before the first dose shortens the course, whenever it is entered, and the
// documents follow; withdrawn, everything is as before.
func testInfection(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	first := w.record(t, w.nurse, w.command(t, "2026-10-20"))
	if first.Rank != 1 || first.Expected != 2 {
		t.Fatalf("first dose %d/%d", first.Rank, first.Expected)
	}
	w.attestation(t, c)
	day := func(s string) carnet.Date {
		d, err := carnet.ParseDate(s)
		must(t, err)
		return d
	}
	had := func(date string, evidence carnet.Evidence) carnet.Infection {
		return carnet.Infection{PersonID: w.fern, Disease: "covid-19", Date: day(date), Evidence: evidence}
	}
	// Said and not seen: it is remembered and shortens nothing.
	_, err := w.vaccinate.RecordInfection(t.Context(), w.nurse, w.id(t), had("2026-01-05", carnet.Stated))
	must(t, err)
	if d := w.entries(t, w.fern)[0]; d.Expected != 2 {
		t.Errorf("a stated infection shortened the course to %d", d.Expected)
	}
	key := w.id(t)
	proven, err := w.vaccinate.RecordInfection(t.Context(), w.nurse, key, had("2026-02-05", carnet.Proven))
	must(t, err)
	if d := w.entries(t, w.fern)[0]; d.Rank != 1 || d.Expected != 1 || d.Version != 2 && d.Version != 1 {
		t.Errorf("after a proven infection %d/%d", d.Rank, d.Expected)
	}
	if n := w.followed(t, c); n != 1 {
		t.Errorf("%d documents were revoked", n)
	}
	again, err := w.vaccinate.RecordInfection(t.Context(), w.nurse, key, had("2026-02-05", carnet.Proven))
	must(t, err)
	if again.ID != proven.ID || w.Count(t, "infection") != 2 {
		t.Errorf("sent twice: %d rows", w.Count(t, "infection"))
	}
	if _, err := w.vaccinate.RecordInfection(t.Context(), w.nurse, key, had("2026-02-06", carnet.Proven)); carnet.CodeOf(err) != "dose.key-reused" {
		t.Errorf("the same key with another date: %v", err)
	}
	list, err := w.vaccinate.Infections(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(list) != 2 || list[0].Evidence != carnet.Stated || list[1].ID != proven.ID || list[1].RecordedBy != w.nurse.ID {
		t.Errorf("infections %+v", list)
	}
	for i := range 2 { // again, it changes nothing
		must(t, w.vaccinate.WithdrawInfection(t.Context(), w.nurse, w.fern, proven.ID))
		if d := w.entries(t, w.fern)[0]; d.Expected != 2 {
			t.Errorf("withdrawn %d times: %d/%d", i+1, d.Rank, d.Expected)
		}
	}
	if list, err = w.vaccinate.Infections(t.Context(), w.nurse, w.fern); err != nil || len(list) != 1 {
		t.Errorf("after the withdrawal %+v, %v", list, err)
	}
	for code, bad := range map[string]carnet.Infection{
		"infection.disease":  {PersonID: w.fern, Disease: "gloubi", Date: day("2026-02-05"), Evidence: carnet.Proven},
		"infection.evidence": {PersonID: w.fern, Disease: "covid-19", Date: day("2026-02-05")},
		"dose.date-missing":  {PersonID: w.fern, Disease: "covid-19", Evidence: carnet.Proven},
		"dose.date-future":   {PersonID: w.fern, Disease: "covid-19", Date: day("2036-02-05"), Evidence: carnet.Proven},
		"dose.before-birth":  {PersonID: w.fern, Disease: "covid-19", Date: day("1936-02-05"), Evidence: carnet.Proven},
	} {
		if _, err := w.vaccinate.RecordInfection(t.Context(), w.nurse, w.id(t), bad); carnet.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := w.vaccinate.Infections(t.Context(), protect.Actor{ID: w.fern, Role: protect.System}, w.fern); err == nil {
		t.Error("a role without the purpose read them")
	}
}
