package storetest

import (
	"strings"
	"testing"
	"time"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/run"
)

func (w *world) runs() *run.Service { return run.New(w.Backend.Run, w.guard, w.ids) }

func (w *world) someRun(t testing.TB) run.Run {
	t.Helper()
	lot, err := carnet.ParseLot("QX12")
	must(t, err)
	return run.Run{Vaccine: "EU/1/20/1528", Lot: lot, Expiry: carnet.Date{Year: 2026, Month: 11, Day: 22}, Injector: w.nurse.ID, PlaceType: carnet.Centre, Eligibility: "age"}
}

// testRuns: one open run for each one who types, a lot that is locked, an end.
func testRuns(t *testing.T, w *world) {
	s, ctx := w.runs(), t.Context()
	if _, err := s.Current(ctx, w.nurse); carnet.KindOf(err) != carnet.NotFound {
		t.Fatalf("a run before any: %v", err)
	}
	first, err := s.Start(ctx, w.nurse, w.someRun(t))
	must(t, err)
	second, err := s.Start(ctx, w.nurse, w.someRun(t))
	must(t, err)
	typist := w.nurse
	typist.Delegate, err = w.ids.New()
	must(t, err)
	if _, err := s.Current(ctx, typist); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("a delegate is in the professional's run: %v", err)
	}
	_, err = s.Start(ctx, typist, w.someRun(t))
	must(t, err)
	got, err := s.Current(ctx, w.nurse)
	must(t, err)
	if got.ID != second.ID || got.ID == first.ID || got.Lot.Reveal() != "QX12" || got.Expiry != second.Expiry || got.Injector != w.nurse.ID ||
		got.Eligibility != "age" || got.PlaceType != carnet.Centre || got.Place != centre.ID || got.Version != 1 {
		t.Errorf("the run is %+v", got)
	}
	key, other := w.id(t), w.id(t)
	for range 2 { // the same entry counts once
		must(t, s.Count(ctx, w.nurse, got.ID, key))
	}
	w.later(10 * time.Second)
	must(t, s.Count(ctx, w.nurse, got.ID, other))
	if got, err = s.Current(ctx, w.nurse); err != nil || got.Pace.Entries != 2 || got.Pace.Mean() < 10*time.Second || got.Pace.Mean() > 11*time.Second {
		t.Errorf("pace %+v, %v", got.Pace, err)
	}
	must(t, s.Uncount(ctx, w.nurse, got.ID, other))
	lot, err := carnet.ParseLot("QX13")
	must(t, err)
	if _, err := s.ChangeLot(ctx, w.nurse, got.Vaccine, lot, carnet.Date{Year: 2026, Month: 11, Day: 1}); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("an expired lot: %v", err)
	}
	changed, err := s.ChangeLot(ctx, w.nurse, got.Vaccine, lot, carnet.Date{})
	must(t, err)
	if changed.Version != 2 || changed.Lot.Reveal() != "QX13" || changed.ID != got.ID || changed.Pace.Entries != 1 {
		t.Errorf("after the change: %+v", changed)
	}
	must(t, s.End(ctx, w.nurse, run.Finished))
	must(t, s.End(ctx, w.nurse, run.Finished))
	if _, err := s.Current(ctx, w.nurse); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("after its end: %v", err)
	}
	_, err = s.Start(ctx, w.nurse, w.someRun(t))
	must(t, err)
	w.later(48 * time.Hour)
	if ended, err := s.Current(ctx, w.nurse); carnet.KindOf(err) != carnet.NotFound || ended.Ended != run.Expired {
		t.Errorf("after the last day of the lot: %q, %v", ended.Ended, err)
	}
	if _, err := s.Start(ctx, w.nurse, run.Run{}); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("a run of nothing: %v", err)
	}
	fresh := w.someRun(t)
	fresh.Expiry = carnet.Date{}
	if _, err := s.Start(ctx, protect.Actor{ID: w.fern, Role: protect.Insured}, fresh); carnet.KindOf(err) != carnet.Denied {
		t.Errorf("a run of an insured person: %v", err)
	}
}

// testDrafts: what was typed is found again by those who typed it, until it lapses.
func testDrafts(t *testing.T, w *world) {
	s, ctx := w.runs(), t.Context()
	key := w.id(t)
	form := carnet.Hide("lot=QX12&note=rien")
	must(t, s.SaveDraft(ctx, w.nurse, w.fern, key, carnet.Hide("lot=QX")))
	must(t, s.SaveDraft(ctx, w.nurse, w.fern, key, form))
	if n := w.Count(t, "entry_draft"); n != 1 {
		t.Errorf("%d drafts", n)
	}
	other := w.nurse // another session, on another machine
	other.Session = w.id(t)
	d, err := s.Draft(ctx, other, w.fern, key)
	must(t, err)
	if d.Form.Reveal() != form.Reveal() || d.Person != w.fern || d.Key != key {
		t.Errorf("the draft is %+v", d)
	}
	typist := w.nurse
	typist.Delegate = w.id(t)
	for name, who := range map[string]protect.Actor{"another professional": w.doctor, "a delegate who did not type it": typist} {
		if _, err := s.Draft(ctx, who, w.fern, key); carnet.KindOf(err) != carnet.NotFound {
			t.Errorf("%s opens the draft: %v", name, err)
		}
		if list, err := s.Drafts(ctx, who); err != nil || len(list) != 0 {
			t.Errorf("%s lists %d drafts, %v", name, len(list), err)
		}
		if err := s.SaveDraft(ctx, who, w.fern, key, form); carnet.KindOf(err) != carnet.Denied {
			t.Errorf("%s writes over the draft: %v", name, err)
		}
		must(t, s.DropDraft(ctx, who, w.fern, key))
	}
	theirs := w.id(t)
	must(t, s.SaveDraft(ctx, typist, w.fern, theirs, form))
	if list, err := s.Drafts(ctx, w.nurse); err != nil || len(list) != 2 || list[0].Key != theirs || !list[1].Form.IsZero() {
		t.Errorf("the professional lists %+v, %v", list, err)
	}
	must(t, s.DropDraft(ctx, typist, w.fern, theirs))
	must(t, s.DropDraft(ctx, typist, w.fern, theirs))
	if err := s.SaveDraft(ctx, w.nurse, w.fern, key, carnet.Hide(strings.Repeat("a", 17<<10))); carnet.KindOf(err) != carnet.Invalid {
		t.Errorf("a long draft: %v", err)
	}
	w.later(run.DraftLife)
	if _, err := s.Draft(ctx, w.nurse, w.fern, key); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("a draft that lapsed: %v", err)
	}
	if list, err := s.Drafts(ctx, w.doctor); err != nil || len(list) != 0 || w.Count(t, "entry_draft") != 0 {
		t.Errorf("lapsed drafts stay: %v, %v", list, err)
	}
}

// testPacks: an unknown box is asked about once for each place.
func testPacks(t *testing.T, w *world) {
	s, ctx := w.runs(), t.Context()
	const box = gs1.GTIN("03400999999977")
	if _, err := s.Pack(ctx, w.nurse, box); carnet.KindOf(err) != carnet.NotFound {
		t.Fatal(err)
	}
	must(t, s.RememberPack(ctx, w.nurse, box, "EU/1/20/1507"))
	must(t, s.RememberPack(ctx, w.doctor, box, "EU/1/20/1528"))
	if got, err := s.Pack(ctx, w.nurse, box); err != nil || got != "EU/1/20/1528" {
		t.Errorf("%q, %v", got, err)
	}
	elsewhere := w.nurse
	elsewhere.Organisation = "990000099"
	if _, err := s.Pack(ctx, elsewhere, box); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("another place knows the box: %v", err)
	}
	if err := s.RememberPack(ctx, w.nurse, "12", "EU/1/20/1507"); carnet.KindOf(err) != carnet.Invalid {
		t.Error(err)
	}
}

func (w *world) id(t testing.TB) carnet.ID {
	t.Helper()
	id, err := w.ids.New()
	must(t, err)
	return id
}
