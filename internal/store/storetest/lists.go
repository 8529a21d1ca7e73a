package storetest

import (
	"slices"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/lists"
)

// ask makes a list of the people of the centre, kept for 30 days.
func (w *world) ask(t testing.TB, actor protect.Actor, kind lists.Kind, change ...func(*lists.Request)) (lists.List, error) {
	t.Helper()
	key, err := w.lists.NewKey()
	must(t, err)
	q := lists.Request{Key: key, Kind: kind, Motive: lists.Appointment, Days: 30}
	for _, f := range change {
		f(&q)
	}
	return w.lists.Make(t.Context(), actor, q)
}

// give records a dose for somebody new and answers with them and with the dose.
func (w *world) give(t testing.TB, actor protect.Actor, n int, date string, change ...func(*vaccinate.Command)) (carnet.ID, carnet.Dose) {
	t.Helper()
	given := string(rune('A'+n)) + "lix"
	person, err := w.people.Enrol(t.Context(), system, identity("MYRTE", "", "1970-01-02", carnet.Male, number(t, "17001009990"+string(rune('0'+n/10))+string(rune('0'+n%10))), given))
	must(t, err)
	return person, w.another(t, actor, person, date, change...)
}

func (w *world) another(t testing.TB, actor protect.Actor, person carnet.ID, date string, change ...func(*vaccinate.Command)) carnet.Dose {
	t.Helper()
	c := w.command(t, date)
	c.Person, c.Injector = person, actor.ID
	for _, f := range change {
		f(&c)
	}
	d, err := w.vaccinate.Record(t.Context(), actor, c)
	must(t, err)
	return d
}

func testWorklists(t *testing.T, w *world) {
	ctx := t.Context()
	person, dose := w.give(t, w.nurse, 1, "2026-10-01")
	key, err := w.lists.NewKey()
	must(t, err)
	same := func(q *lists.Request) { q.Key = key }
	l, err := w.ask(t, w.nurse, lists.NoSecond, same)
	must(t, err)
	again, err := w.ask(t, w.nurse, lists.NoSecond, same)
	must(t, err)
	if len(l.Lines) != 1 || l.Lines[0].Person != person || l.Lines[0].Dose != dose.ID || again.ID != l.ID || w.Count(t, "worklist") != 1 {
		t.Fatalf("%+v, again %v", l, again.ID)
	}
	_, entries, err := w.lists.Open(ctx, w.nurse, l.ID)
	must(t, err)
	if len(entries) != 1 || entries[0].Who.Identity.Name().Reveal() != "MYRTE" || entries[0].Last.ID != dose.ID || entries[0].Contact != lists.ToContact {
		t.Fatalf("%+v", entries)
	}
	must(t, w.lists.Mark(ctx, w.nurse, l.ID, person, dose.ID, lists.Reached))
	if open, _, err := w.lists.Open(ctx, w.nurse, l.ID); err != nil || open.Lines[0].Contact != lists.Reached || open.Request.Days != 30 || open.Request.Kind != lists.NoSecond {
		t.Errorf("%+v, %v", open, err)
	}
	lines := w.Journal(t)
	if !slices.ContainsFunc(lines, func(x Line) bool { return x.Person == person && x.Purpose == "worklist" && x.Kind == "read" }) {
		t.Error("the journal does not say whose names a list showed")
	}

	// Its time is over: nobody opens it, and the program deletes it with its lines.
	_, err = w.ask(t, w.nurse, lists.NotGiven, func(q *lists.Request) { q.Days = 90 })
	must(t, err)
	w.later(31 * 24 * time.Hour)
	if _, _, err := w.lists.Open(ctx, w.nurse, l.ID); carnet.CodeOf(err) != "list.unknown" {
		t.Errorf("opened after its last day: %v", err)
	}
	if mine, err := w.lists.Lists(ctx, w.nurse); err != nil || len(mine) != 1 {
		t.Errorf("%d lists stand, %v", len(mine), err)
	}
	if n, err := w.lists.Purge(ctx, system); err != nil || n != 1 || w.Count(t, "worklist") != 1 || w.Count(t, "worklist_row") != 0 {
		t.Errorf("%d deleted, %v", n, err)
	}
	l, err = w.ask(t, w.nurse, lists.NoSecond)
	must(t, err)
	must(t, w.lists.Delete(ctx, w.nurse, l.ID))
	if w.Count(t, "worklist_row") != 0 {
		t.Error("lines of a deleted list are left")
	}
}

func testListKinds(t *testing.T, w *world) {
	ctx := t.Context()
	_, begun := w.give(t, w.nurse, 1, "2026-11-20")                                                                      // too soon for a second
	_, late := w.give(t, w.nurse, 2, "2021-07-01", func(c *vaccinate.Command) { c.LateReason = "retrouvée sur papier" }) // long ago
	complete, _ := w.give(t, w.nurse, 3, "2026-09-01")                                                                   // two doses
	w.another(t, w.doctor, complete, "2026-10-01")                                                                       //
	_, others := w.give(t, w.doctor, 4, "2026-02-01")                                                                    // by the doctor alone
	dead, _ := w.give(t, w.nurse, 5, "2026-02-01")                                                                       // died since
	must(t, w.people.RecordDeath(ctx, system, dead, dayAt(t, "2026-05-01")))
	_, refused := w.give(t, w.nurse, 6, "2026-11-21", func(c *vaccinate.Command) {
		c.NotGiven, c.Lot, c.BodySite, c.Injector = carnet.Refused, carnet.Lot{}, "", carnet.ID{}
	})
	_, noLot := w.give(t, w.nurse, 7, "2026-11-10", func(c *vaccinate.Command) { c.Lot, c.LateReason = carnet.Lot{}, "retrouvé sur papier" })
	w.give(t, w.nurse, 8, "2026-02-01", func(c *vaccinate.Command) { c.Vaccine = "EU/1/20/1525" })

	on := func(l lists.List, err error) (doses []carnet.ID) {
		t.Helper()
		must(t, err)
		for _, x := range l.Lines {
			doses = append(doses, x.Dose)
		}
		return doses
	}
	is := func(what string, got []carnet.ID, want ...carnet.Dose) {
		t.Helper()
		missing := len(got) != len(want)
		for _, d := range want {
			missing = missing || !slices.Contains(got, d.ID)
		}
		if missing {
			t.Errorf("%s: %d lines, not %d", what, len(got), len(want))
		}
	}
	covid := func(q *lists.Request) { q.Disease = "covid-19" }
	is("without second dose", on(w.ask(t, w.nurse, lists.NoSecond, covid)), begun, late, others, noLot)
	is("without second dose, mine", on(w.ask(t, w.nurse, lists.NoSecond, covid, func(q *lists.Request) { q.Mine = true })), begun, late, noLot)
	is("not vaccinated", on(w.ask(t, w.nurse, lists.NotGiven)), refused)
	is("to complete", on(w.ask(t, w.nurse, lists.ToComplete)), noLot)
	is("to complete, the doctor's", on(w.ask(t, w.doctor, lists.ToComplete, func(q *lists.Request) { q.Mine = true })))
	overdue := on(w.ask(t, w.nurse, lists.Overdue, covid))
	if !slices.Contains(overdue, late.ID) || slices.Contains(overdue, begun.ID) {
		t.Errorf("overdue: %d lines", len(overdue))
	}
	due := on(w.ask(t, w.nurse, lists.Due, covid))
	if slices.Contains(due, begun.ID) || slices.ContainsFunc(due, func(id carnet.ID) bool { return slices.Contains(overdue, id) }) {
		t.Errorf("due: %v, overdue: %v", due, overdue)
	}
	// A dose that somebody had elsewhere, or here since, takes them off the next list.
	w.another(t, w.doctor, late.PersonID, "2026-11-21")
	is("after the second dose", on(w.ask(t, w.nurse, lists.NoSecond, covid)), begun, others, noLot)
	w.another(t, w.doctor, refused.PersonID, "2026-11-21")
	is("vaccinated after all", on(w.ask(t, w.nurse, lists.NotGiven)))
}

func testListRights(t *testing.T, w *world) {
	ctx := t.Context()
	person, dose := w.give(t, w.nurse, 1, "2026-10-01")
	l, err := w.ask(t, w.nurse, lists.NoSecond)
	must(t, err)
	clerk := w.nurse
	clerk.Delegate = l.ID
	elsewhere := w.nurse
	elsewhere.Organisation = "990000099"
	for name, c := range map[string]struct {
		err  func() error
		code string
	}{
		"another opens it":    {func() error { _, _, err := w.lists.Open(ctx, w.doctor, l.ID); return err }, "list.unknown"},
		"another deletes it":  {func() error { return w.lists.Delete(ctx, w.doctor, l.ID) }, "list.unknown"},
		"another marks it":    {func() error { return w.lists.Mark(ctx, w.doctor, l.ID, person, dose.ID, lists.Reached) }, "list.unknown"},
		"a delegate opens it": {func() error { _, _, err := w.lists.Open(ctx, clerk, l.ID); return err }, "delegate.refused"},
		"a delegate asks":     {func() error { _, err := w.ask(t, clerk, lists.Due); return err }, "delegate.refused"},
		"another place":       {func() error { _, err := w.ask(t, elsewhere, lists.Due); return err }, "list.place"},
		"an insured person": {func() error {
			_, err := w.ask(t, protect.Actor{ID: w.fern, Role: protect.Insured}, lists.Due)
			return err
		}, "access.denied"},
		"nobody of that list": {func() error { return w.lists.Mark(ctx, w.nurse, l.ID, w.fern, dose.ID, lists.Reached) }, "list.unknown"},
		"no such state":       {func() error { return w.lists.Mark(ctx, w.nurse, l.ID, person, dose.ID, "called") }, "list.contact"},
		"no kind":             {func() error { _, err := w.ask(t, w.nurse, "all"); return err }, "list.kind"},
		"no motive": {func() error {
			_, err := w.ask(t, w.nurse, lists.Due, func(q *lists.Request) { q.Motive = "" })
			return err
		}, "list.motive"},
		"no such disease": {func() error {
			_, err := w.ask(t, w.nurse, lists.Due, func(q *lists.Request) { q.Disease = "x" })
			return err
		}, "list.disease"},
		"kept for a year": {func() error {
			_, err := w.ask(t, w.nurse, lists.Due, func(q *lists.Request) { q.Days = 365 })
			return err
		}, "list.days"},
		"no key": {func() error {
			_, err := w.ask(t, w.nurse, lists.Due, func(q *lists.Request) { q.Key = carnet.ID{} })
			return err
		}, "list.key-missing"},
		"the key of another": {func() error {
			_, err := w.ask(t, w.doctor, lists.Due, func(q *lists.Request) { q.Key = l.Request.Key })
			return err
		}, "list.unknown"},
		"a report of a year": {func() error {
			_, err := w.lists.Report(ctx, w.nurse, dayAt(t, "2026-01-01"), dayAt(t, "2026-11-21"))
			return err
		}, "report.long"},
		"a report that begins": {func() error {
			_, err := w.lists.Report(ctx, w.nurse, dayAt(t, "2026-11-21"), dayAt(t, "2026-11-20"))
			return err
		}, "report.to"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.err(); carnet.CodeOf(err) != c.code {
				t.Errorf("%v, not %s", err, c.code)
			}
		})
	}
}

func testToday(t *testing.T, w *world) {
	ctx := t.Context()
	w.give(t, w.nurse, 1, "2026-11-20")
	w.later(24 * time.Hour)
	person, second := w.give(t, w.doctor, 2, "2026-11-22")
	w.give(t, w.nurse, 3, "2026-11-22", func(c *vaccinate.Command) {
		c.NotGiven, c.Lot, c.BodySite, c.Injector = carnet.Absent, carnet.Lot{}, "", carnet.ID{}
	})
	all, cut, err := w.lists.Today(ctx, w.nurse, false)
	must(t, err)
	if len(all) != 2 || cut || all[1].Who.ID != person || all[1].Last.ID != second.ID || all[0].Last.NotGiven != carnet.Absent {
		t.Errorf("today: %+v", all)
	}
	if mine, _, err := w.lists.Today(ctx, w.nurse, true); err != nil || len(mine) != 1 {
		t.Errorf("mine: %d, %v", len(mine), err)
	}
	clerk := w.nurse
	clerk.Delegate = person
	if seen, _, err := w.lists.Today(ctx, clerk, true); err != nil || len(seen) != 1 {
		t.Errorf("a delegate sees %d, %v", len(seen), err)
	}
	report, err := w.lists.Report(ctx, w.nurse, dayAt(t, "2026-11-20"), dayAt(t, "2026-11-22"))
	must(t, err)
	if len(report) != 3 || report[0] != (lists.Activity{Day: dayAt(t, "2026-11-20"), Vaccine: comirnaty, N: 1}) || report[2].NotGiven != carnet.Absent {
		t.Errorf("report: %+v", report)
	}
}
