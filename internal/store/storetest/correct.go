package storetest

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// gymnase is another place than the one where everybody of these tests exercises.
var gymnase = carnet.Place{ID: "990000029", Name: "Gymnase des Noisetiers", Commune: "Valombre", Country: "FR"}

func (w *world) record(t testing.TB, who protect.Actor, c vaccinate.Command) carnet.Dose {
	t.Helper()
	d, err := w.vaccinate.Record(t.Context(), who, c)
	must(t, err)
	return d
}

func (w *world) entries(t testing.TB, person carnet.ID) []carnet.Dose {
	t.Helper()
	list, err := w.vaccinate.History(t.Context(), w.nurse, person)
	must(t, err)
	return list
}

func key(t testing.TB, w *world) carnet.ID {
	t.Helper()
	id, err := w.vaccinate.NewKey()
	must(t, err)
	return id
}

// notices are the kinds of what a person was told, oldest first.
func (w *world) notices(t testing.TB, person carnet.ID) []string {
	t.Helper()
	list, err := w.people.Notices(t.Context(), protect.Actor{ID: person, Role: protect.Insured})
	must(t, err)
	var kinds []string
	for _, n := range slices.Backward(list) {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func (w *world) somebody(t testing.TB) carnet.ID {
	t.Helper()
	id, err := w.people.Enrol(t.Context(), system, identity("CHARME", "", "1990-02-03", carnet.Male, number(t, "1900200999004"), "Basile"))
	must(t, err)
	return id
}

// head makes a professional who heads the centre.
func (w *world) head(t testing.TB) protect.Actor {
	t.Helper()
	who := w.enrol(t, "99700000043", "ÉRABLE", true)
	must(t, w.vaccinate.AppointHead(t.Context(), system, centre.ID, who.ID, true))
	return who
}

// testEveryField : what a form says is what the record, and its event, give back.
func testEveryField(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	c.Expiry, c.Half, c.Time, c.PlaceType, c.Route = carnet.Date{Year: 2026, Month: 11, Day: 1}, true, "14:05", carnet.CareHome, "IM"
	c.Eligibility, c.Contraindications, c.Warnings, c.Note = "age-65", []string{"allergy"}, []string{"deceased"}, carnet.Hide("vue avec sa fille")
	c.Consent = carnet.Consent{By: carnet.ByGuardian, Name: carnet.Hide("Lou CHARME"), Relation: carnet.Hide("tutrice")}
	c.Responsible, c.LateReason, c.Run = w.doctor.ID, "panne", key(t, w)
	d := w.record(t, w.nurse, c)
	if d.Responsible != w.doctor.ID || d.RecordedIn != centre.ID || !slices.Equal(d.Warnings, []string{"deceased", "expired-lot"}) || d.Rules == "" {
		t.Errorf("recorded %+v", d)
	}
	got := w.entries(t, w.fern)[0]
	events, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, d.ID)
	must(t, err)
	for name, back := range map[string]carnet.Dose{"record": got, "event": events[0].Dose} {
		back.RecordedAt = d.RecordedAt // a store keeps microseconds
		if !reflect.DeepEqual(clear(back), clear(d)) {
			t.Errorf("%s: got\n%+v, want\n%+v", name, clear(back), clear(d))
		}
	}
	again, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	if err != nil || again.ID != d.ID {
		t.Errorf("sent again: %v", err)
	}
	for name, change := range map[string]func(*vaccinate.Command){
		"expiry": func(c *vaccinate.Command) { c.Expiry = carnet.Date{} }, "half": func(c *vaccinate.Command) { c.Half = false }, "time": func(c *vaccinate.Command) { c.Time = "" },
		"type": func(c *vaccinate.Command) { c.PlaceType = "" }, "route": func(c *vaccinate.Command) { c.Route = "SC" }, "note": func(c *vaccinate.Command) { c.Note = carnet.Private{} },
		"consent": func(c *vaccinate.Command) { c.Consent.By = carnet.BySelf }, "questions": func(c *vaccinate.Command) { c.Contraindications = nil },
		"responsible": func(c *vaccinate.Command) { c.Responsible = w.nurse.ID }, "late": func(c *vaccinate.Command) { c.LateReason = "oubli" }, "run": func(c *vaccinate.Command) { c.Run = carnet.ID{} },
	} {
		other := c
		if change(&other); vaccinateErr(w, t, other) != "dose.key-reused" {
			t.Errorf("the key with another %s is not refused", name)
		}
	}
}

func vaccinateErr(w *world, t testing.TB, c vaccinate.Command) string {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	if err == nil {
		return ""
	}
	return carnet.CodeOf(err)
}

// clear is what an entry says, without the pointers that hide it.
func clear(d carnet.Dose) map[string]any {
	return map[string]any{"dose": func(d carnet.Dose) carnet.Dose {
		d.Lot, d.Note, d.Consent = carnet.Lot{}, carnet.Private{}, carnet.Consent{By: d.Consent.By}
		return d
	}(d), "lot": d.Lot.Reveal(), "note": d.Note.Reveal(), "name": d.Consent.Name.Reveal(), "relation": d.Consent.Relation.Reveal()}
}

// testNotGiven : that none was given is a record too, and counts for nothing.
func testNotGiven(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	c.NotGiven = carnet.Refused
	d := w.record(t, w.nurse, c)
	if d.Given() || d.Rank != 0 || d.Complete() || !d.Lot.IsZero() || d.BodySite != "" || !d.Injector.IsZero() || d.Place != centre {
		t.Errorf("recorded %+v", d)
	}
	if d := w.record(t, w.nurse, w.command(t, "2026-11-21")); d.Rank != 1 {
		t.Errorf("the next dose is %d", d.Rank)
	}
	if list := w.entries(t, w.fern); len(list) != 2 {
		t.Errorf("history %+v", list)
	}
}

// testElsewhere : doses of another place, with a proof or without.
func testElsewhere(t *testing.T, w *world) {
	c := vaccinate.Command{Key: key(t, w), Person: w.fern, Evidence: carnet.Proven, Vaccine: "EU/1/20/1528", Product: "Comirnaty", Country: "PT", Date: carnet.Date{Year: 2026, Month: 9, Day: 1}}
	d := w.record(t, w.nurse, c)
	if d.Rank != 1 || d.Expected != 2 || d.Responsible != w.nurse.ID || d.RecordedIn != centre.ID || d.Place.ID != "" || d.Country != "PT" {
		t.Errorf("proven %+v", d)
	}
	c.Key, c.Evidence, c.Date = key(t, w), carnet.Stated, carnet.Date{Year: 2026, Month: 10, Day: 1}
	if d := w.record(t, w.nurse, c); d.Rank != 0 || d.Complete() {
		t.Errorf("stated %+v", d)
	}
	c.Key, c.Evidence, c.Vaccine, c.Product = key(t, w), carnet.Proven, "", "Vaccin du port"
	if d := w.record(t, w.nurse, c); d.Rank != 0 || d.Product != "Vaccin du port" {
		t.Errorf("unknown product %+v", d)
	}
	c.Key, c.Product = key(t, w), ""
	if _, err := w.vaccinate.Record(t.Context(), w.nurse, c); !hasCode(err, "dose.vaccine") {
		t.Errorf("no product at all: %v", err)
	}
	if d := w.record(t, w.nurse, w.command(t, "2026-11-20")); d.Rank != 2 {
		t.Errorf("the dose after the proven one is %d", d.Rank)
	}
}

// testRenumber : ranks follow the injections, by events that name their cause.
func testRenumber(t *testing.T, w *world) {
	var after []carnet.ID
	w.vaccinate.After(func(_ context.Context, person carnet.ID) { after = append(after, person) })
	second := w.record(t, w.nurse, w.command(t, "2026-11-20"))
	if second.Rank != 1 || len(after) != 0 {
		t.Fatalf("first entry: %d, %v", second.Rank, after)
	}
	late := w.command(t, "2026-10-01")
	late.LateReason = "carnet retrouvé"
	first := w.record(t, w.nurse, late)
	ranks := func() (list []int) {
		for _, d := range w.entries(t, w.fern) {
			list = append(list, d.Rank)
		}
		return list
	}
	if first.Rank != 1 || !slices.Equal(ranks(), []int{1, 2}) || !slices.Equal(after, []carnet.ID{w.fern}) {
		t.Fatalf("after the late entry: %d, %v, %v", first.Rank, ranks(), after)
	}
	events, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, second.ID)
	must(t, err)
	cause, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, first.ID)
	must(t, err)
	if e := events[len(events)-1]; e.Kind != vaccinate.Renumbered || e.Follows != cause[0].ID || e.Dose.Rank != 2 || e.Dose.Version != 1 || e.Actor != w.nurse.ID {
		t.Errorf("event %+v", e)
	}
	if _, err := w.vaccinate.Record(t.Context(), w.nurse, late); err != nil || w.Count(t, "dose_event") != 3 {
		t.Errorf("sent again: %v, %d events", err, w.Count(t, "dose_event"))
	}
	must(t, w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Key: key(t, w), Person: w.fern, Dose: first.ID, Cause: vaccinate.Twice}))
	if !slices.Equal(ranks(), []int{1}) {
		t.Errorf("after the cancellation: %v", ranks())
	}
	chosen := w.command(t, "2026-11-21")
	chosen.Rank, chosen.Expected, chosen.RankReason = 3, 3, "deux doses dites, sans preuve"
	w.record(t, w.nurse, chosen)
	third := w.command(t, "2026-10-02")
	third.LateReason = "carnet retrouvé"
	w.record(t, w.nurse, third)
	if !slices.Equal(ranks(), []int{1, 2, 3}) {
		t.Errorf("a rank that somebody chose stays: %v", ranks())
	}
}

// testMayTouch : who corrects and cancels what, and until when.
func testMayTouch(t *testing.T, w *world) {
	head := w.head(t)
	other := w.enrol(t, "99700000051", "SORBIER", true)
	c := w.command(t, "2026-11-20")
	c.Injector, c.Responsible = w.nurse.ID, w.doctor.ID
	clerk := w.enrol(t, "99700000069", "ORME", false) // enters for the nurse who injected and the doctor who answers
	d := w.record(t, clerk, c)
	try := func(who protect.Actor) string {
		fix := vaccinate.Again(w.entries(t, w.fern)[0])
		fix.Key, fix.BodySite = key(t, w), map[carnet.BodySite]carnet.BodySite{carnet.LeftArm: carnet.RightArm, carnet.RightArm: carnet.LeftArm}[fix.BodySite]
		_, err := w.vaccinate.Correct(t.Context(), who, fix, vaccinate.Revision{Dose: d.ID, Reason: "bras relu"})
		if err == nil {
			return ""
		}
		return carnet.CodeOf(err)
	}
	for _, day := range []struct {
		name string
		want map[string]string
	}{
		{"the same day", map[string]string{"clerk": "", "nurse": "", "doctor": "", "head": "", "other": "dose.not-yours"}},
		{"a day later", map[string]string{"clerk": "dose.not-today", "nurse": "dose.not-today", "doctor": "", "head": "", "other": "dose.not-yours"}},
	} {
		for name, who := range map[string]protect.Actor{"clerk": clerk, "nurse": w.nurse, "doctor": w.doctor, "head": head, "other": other} {
			if got := try(who); got != day.want[name] {
				t.Errorf("%s, %s: %q", day.name, name, got)
			}
		}
		w.later(24 * time.Hour)
	}
	must(t, w.vaccinate.AppointHead(t.Context(), system, centre.ID, head.ID, false))
	if got := try(head); got != "dose.not-yours" {
		t.Errorf("who heads no longer: %q", got)
	}
	t.Run("a head is known before the first login", func(t *testing.T) {
		n, err := carnet.ParseRPPS(luhn("99700000077"))
		must(t, err)
		must(t, w.vaccinate.AppointHead(t.Context(), system, centre.ID, w.vaccinate.ProfessionalID(n), true))
		me, err := w.vaccinate.Professional(t.Context(), w.enrol(t, "99700000077", "FUSAIN", true))
		must(t, err)
		if !slices.Equal(me.Heads, []string{centre.ID}) {
			t.Errorf("heads %v", me.Heads)
		}
	})
}

// testChanges : a correction says what it touched, and the person is told.
func testChanges(t *testing.T, w *world) {
	d := w.record(t, w.nurse, w.command(t, "2026-11-20"))
	for name, c := range map[string]struct {
		change func(*vaccinate.Command)
		want   []vaccinate.Change
	}{
		"lot":    {func(c *vaccinate.Command) { c.Lot, _ = carnet.ParseLot("ZZ9") }, []vaccinate.Change{vaccinate.ChangeLot}},
		"date":   {func(c *vaccinate.Command) { c.Date = c.Date.AddDays(-1) }, []vaccinate.Change{vaccinate.ChangeDate}},
		"people": {func(c *vaccinate.Command) { c.Injector = w.doctor.ID }, []vaccinate.Change{vaccinate.ChangePeople}},
		"two":    {func(c *vaccinate.Command) { c.Vaccine, c.BodySite = "EU/1/20/1507", carnet.RightArm }, []vaccinate.Change{vaccinate.ChangeVaccine, vaccinate.ChangeSite}},
		"rank": {func(c *vaccinate.Command) { c.Rank, c.Expected, c.RankReason = 2, 2, "une dose dite" },
			[]vaccinate.Change{vaccinate.ChangeRank}},
		"outcome": {func(c *vaccinate.Command) { c.NotGiven = carnet.Unwell },
			[]vaccinate.Change{vaccinate.ChangeLot, vaccinate.ChangeSite, vaccinate.ChangePeople, vaccinate.ChangeOutcome}},
	} {
		t.Run(name, func(t *testing.T) {
			now := w.entries(t, w.fern)[0]
			c2 := vaccinate.Again(now)
			c2.Key = key(t, w)
			c.change(&c2)
			r := vaccinate.Revision{Dose: d.ID, Version: now.Version, Reason: "relu"}
			effect, err := w.vaccinate.Preview(t.Context(), w.nurse, c2, r)
			must(t, err)
			if !slices.Equal(effect.Changes, c.want) || effect.Before.Version != now.Version || len(effect.Standing) != 1 || w.entries(t, w.fern)[0].Version != now.Version {
				t.Errorf("preview %v", effect.Changes)
			}
			_, err = w.vaccinate.Correct(t.Context(), w.nurse, c2, r)
			must(t, err)
			events, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, d.ID)
			must(t, err)
			if e := events[len(events)-1]; e.Kind != vaccinate.Corrected || !slices.Equal(e.Changes, c.want) || e.Reason != "relu" {
				t.Errorf("event %+v", e)
			}
			back := vaccinate.Again(d) // for the next case
			back.Key = key(t, w)
			_, err = w.vaccinate.Correct(t.Context(), w.nurse, back, vaccinate.Revision{Dose: d.ID, Reason: "comme avant"})
			must(t, err)
		})
	}
	same := vaccinate.Again(w.entries(t, w.fern)[0])
	same.Key = key(t, w)
	if _, err := w.vaccinate.Correct(t.Context(), w.nurse, same, vaccinate.Revision{Dose: d.ID, Reason: "rien"}); carnet.CodeOf(err) != "dose.no-change" {
		t.Errorf("nothing changed: %v", err)
	}
	if told := w.notices(t, w.fern); len(told) != 12 || told[0] != "dose.corrected" {
		t.Errorf("told %v", told)
	}
}

// testUndo : who has just entered something takes it back, a delegate too.
func testUndo(t *testing.T, w *world) {
	session, other := key(t, w), key(t, w)
	rose := carnet.DerivedID([]byte("0123456789abcdef"))
	typed := w.nurse
	typed.Session, typed.Delegate = session, rose
	must(t, w.vaccinate.Meet(t.Context(), typed, w.fern, vaccinate.ByNumber))
	d := w.record(t, typed, w.command(t, "2026-11-21"))
	elsewhere := typed
	elsewhere.Session = other
	for name, who := range map[string]protect.Actor{"another session": elsewhere, "the professional": w.nurse, "another": w.doctor} {
		if err := w.vaccinate.Undo(t.Context(), who, w.fern, d.ID, key(t, w)); carnet.CodeOf(err) != "dose.undo-not-yours" {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := key(t, w)
	must(t, w.vaccinate.Undo(t.Context(), typed, w.fern, d.ID, k))
	must(t, w.vaccinate.Undo(t.Context(), typed, w.fern, d.ID, k))
	if len(w.entries(t, w.fern)) != 0 || w.Count(t, "dose_event") != 2 {
		t.Error("it was not undone once")
	}
	d = w.record(t, w.nurse, w.command(t, "2026-11-21"))
	w.later(12*time.Hour + time.Minute)
	if err := w.vaccinate.Undo(t.Context(), w.nurse, w.fern, d.ID, key(t, w)); carnet.CodeOf(err) != "dose.undo-late" {
		t.Errorf("too late: %v", err)
	}
	d = w.record(t, w.nurse, w.command(t, "2026-11-21"))
	fix := vaccinate.Again(d)
	fix.Key, fix.BodySite = key(t, w), carnet.RightThigh
	_, err := w.vaccinate.Correct(t.Context(), w.nurse, fix, vaccinate.Revision{Dose: d.ID, Version: 1, Reason: "cuisse"})
	must(t, err)
	if err := w.vaccinate.Undo(t.Context(), w.nurse, w.fern, d.ID, key(t, w)); carnet.CodeOf(err) != "dose.undo-late" {
		t.Errorf("corrected meanwhile: %v", err)
	}
}

// testMove : an entry goes to the right person, once, and says where it came from.
func testMove(t *testing.T, w *world) {
	right := w.somebody(t)
	d := w.record(t, w.nurse, w.command(t, "2026-11-20"))
	w.record(t, w.nurse, w.command(t, "2026-11-21"))
	m := vaccinate.Move{Key: key(t, w), From: w.fern, Dose: d.ID, Version: 1, To: right}
	if _, err := w.vaccinate.Move(t.Context(), w.nurse, vaccinate.Move{Key: m.Key, From: w.fern, Dose: d.ID, To: w.fern}); !hasCode(err, "dose.move-same") {
		t.Errorf("to the same: %v", err)
	}
	w.later(24 * time.Hour)
	got, err := w.vaccinate.Move(t.Context(), w.nurse, m)
	must(t, err)
	if got.PersonID != right || got.ID == d.ID || got.RecordedBy != d.RecordedBy || !got.RecordedAt.Equal(d.RecordedAt) || got.Lot.Reveal() != "FG4509" || got.Rank != 1 || got.Version != 1 {
		t.Errorf("moved %+v", got)
	}
	again, err := w.vaccinate.Move(t.Context(), w.nurse, m)
	if err != nil || again.ID != got.ID || w.Count(t, "dose_event") != 5 {
		t.Errorf("sent again: %v, %d events", err, w.Count(t, "dose_event"))
	}
	if left := w.entries(t, w.fern); len(left) != 1 || left[0].Rank != 1 {
		t.Errorf("left %+v", left)
	}
	here, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, d.ID)
	must(t, err)
	there, err := w.vaccinate.Events(t.Context(), w.nurse, right, got.ID)
	must(t, err)
	if e := here[len(here)-1]; e.Kind != vaccinate.Cancelled || e.Cause != vaccinate.WrongPerson || e.Moved != got.ID {
		t.Errorf("here %+v", e)
	}
	if e := there[0]; e.Kind != vaccinate.Recorded || e.Moved != d.ID || e.Actor != w.nurse.ID {
		t.Errorf("there %+v", e)
	}
	if a, b := w.notices(t, w.fern), w.notices(t, right); !slices.Equal(a, []string{"dose.cancelled"}) || !slices.Equal(b, []string{"dose.added"}) {
		t.Errorf("told %v and %v", a, b)
	}
	old := w.command(t, "1988-03-01")
	old.LateReason = "carnet retrouvé"
	before := w.record(t, w.nurse, old)
	if _, err := w.vaccinate.Move(t.Context(), w.nurse, vaccinate.Move{Key: key(t, w), From: w.fern, Dose: before.ID, To: right}); !hasCode(err, "dose.before-birth") {
		t.Errorf("to somebody who was not born: %v", err)
	}
}

// testForged : two people, one of them the head, and no way back.
func testForged(t *testing.T, w *world) {
	head := w.head(t)
	a := w.record(t, w.nurse, w.command(t, "2026-10-20"))
	b := w.record(t, w.nurse, w.command(t, "2026-11-20"))
	f := vaccinate.Suspicion{Key: key(t, w), Person: w.fern, Doses: []carnet.ID{a.ID, b.ID}, Reason: "aucun passage au centre"}
	must(t, w.vaccinate.Suspect(t.Context(), w.doctor, f))
	must(t, w.vaccinate.Suspect(t.Context(), w.doctor, f))
	if list := w.entries(t, w.fern); len(list) != 2 || !list[0].Suspected || !list[1].Suspected || w.Count(t, "dose_event") != 4 {
		t.Fatalf("suspected %+v", list)
	}
	list, err := w.vaccinate.Suspects(t.Context(), head)
	must(t, err)
	if len(list) != 2 || list[0].PersonID != w.fern {
		t.Errorf("the queue %+v", list)
	}
	fix := vaccinate.Again(b)
	fix.Key, fix.BodySite = key(t, w), carnet.RightArm
	if _, err := w.vaccinate.Correct(t.Context(), w.nurse, fix, vaccinate.Revision{Dose: b.ID, Reason: "bras"}); carnet.CodeOf(err) != "dose.is-suspected" {
		t.Errorf("corrected meanwhile: %v", err)
	}
	second := f
	second.Key = key(t, w)
	for who, code := range map[protect.Actor]string{w.doctor: "dose.second-person", w.nurse: "dose.needs-head"} {
		if err := w.vaccinate.Annul(t.Context(), who, second); carnet.CodeOf(err) != code {
			t.Errorf("confirmed: %v, want %s", err, code)
		}
	}
	only := second
	only.Doses = []carnet.ID{b.ID}
	must(t, w.vaccinate.Clear(t.Context(), head, only))
	only.Key, only.Doses = key(t, w), []carnet.ID{a.ID}
	must(t, w.vaccinate.Annul(t.Context(), head, only))
	must(t, w.vaccinate.Annul(t.Context(), head, only))
	left := w.entries(t, w.fern)
	gone, err := w.vaccinate.Annulled(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(left) != 1 || left[0].ID != b.ID || left[0].Rank != 1 || left[0].Suspected || len(gone) != 1 || gone[0].ID != a.ID {
		t.Errorf("left %+v, annulled %+v", left, gone)
	}
	if told := w.notices(t, w.fern); !slices.Equal(told, []string{"dose.annulled"}) {
		t.Errorf("told %v", told)
	}
	// When the head says it, anybody else of the place confirms.
	f.Key, f.Doses = key(t, w), []carnet.ID{b.ID}
	must(t, w.vaccinate.Suspect(t.Context(), head, f))
	f.Key = key(t, w)
	must(t, w.vaccinate.Annul(t.Context(), w.nurse, f))
	if len(w.entries(t, w.fern)) != 0 {
		t.Error("the second one stands")
	}
}

// testLink : a professional who is logged in sees their own patients.
func testLink(t *testing.T, w *world) {
	in := func(who protect.Actor) protect.Actor {
		who.Session = key(t, w)
		return who
	}
	other := in(w.enrol(t, "99700000051", "SORBIER", true))
	other.Organisation = gymnase.ID
	t.Run("POL-49 the view is restricted to one’s own patients", func(t *testing.T) {
		right := w.somebody(t)
		me := in(w.nurse)
		for name, try := range map[string]func() error{
			"history": func() error { _, err := w.vaccinate.History(t.Context(), me, w.fern); return err },
			"record":  func() error { _, err := w.vaccinate.Record(t.Context(), me, w.command(t, "2026-11-20")); return err },
			"propose": func() error {
				_, err := w.vaccinate.Propose(t.Context(), me, w.fern, "EU/1/20/1528", carnet.Date{Year: 2026, Month: 11, Day: 20}, carnet.ID{})
				return err
			},
			"annulled": func() error { _, err := w.vaccinate.Annulled(t.Context(), me, w.fern); return err },
		} {
			if err := try(); carnet.CodeOf(err) != "person.no-link" || carnet.KindOf(err) != carnet.Denied {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, w.vaccinate.Meet(t.Context(), me, w.fern, vaccinate.ByNumber))
		w.record(t, me, w.command(t, "2026-11-20"))
		if _, err := w.vaccinate.History(t.Context(), me, right); carnet.CodeOf(err) != "person.no-link" {
			t.Errorf("another person: %v", err)
		}
		later := in(w.nurse)
		if how, err := w.vaccinate.LinkOf(t.Context(), later, w.fern); err != nil || how != vaccinate.ByRecord {
			t.Errorf("in a later session: %q, %v", how, err)
		}
		team := in(w.doctor)
		if how, err := w.vaccinate.LinkOf(t.Context(), team, w.fern); err != nil || how != vaccinate.ByRecord {
			t.Errorf("a colleague of the place: %q, %v", how, err)
		}
		if how, err := w.vaccinate.LinkOf(t.Context(), other, w.fern); err != nil || how != vaccinate.NoLink {
			t.Errorf("somebody of another place: %q, %v", how, err)
		}
		d := w.entries(t, w.fern)[0]
		if _, err := w.vaccinate.Move(t.Context(), me, vaccinate.Move{Key: key(t, w), From: w.fern, Dose: d.ID, To: right}); carnet.CodeOf(err) != "person.no-link" {
			t.Errorf("moved to somebody unseen: %v", err)
		}
	})
	t.Run("POL-49 who opens a record without a link says why, and the person is told", func(t *testing.T) {
		if err := w.vaccinate.BreakGlass(t.Context(), other, w.fern, " "); !hasCode(err, "dose.reason-missing") {
			t.Errorf("without a motive: %v", err)
		}
		delegate := other
		delegate.Delegate = carnet.DerivedID([]byte("0123456789abcdef"))
		if err := w.vaccinate.BreakGlass(t.Context(), delegate, w.fern, "urgence"); carnet.CodeOf(err) != "delegate.refused" {
			t.Errorf("a delegate: %v", err)
		}
		must(t, w.vaccinate.BreakGlass(t.Context(), other, w.fern, "urgence, la personne est inconsciente"))
		must(t, w.vaccinate.BreakGlass(t.Context(), other, w.fern, "urgence, la personne est inconsciente"))
		if _, err := w.vaccinate.History(t.Context(), other, w.fern); err != nil {
			t.Error(err)
		}
		if told := w.notices(t, w.fern); !slices.Equal(told, []string{"record.opened"}) {
			t.Errorf("told %v", told)
		}
		if err := w.vaccinate.Meet(t.Context(), other, w.fern, vaccinate.ByGlass); carnet.CodeOf(err) != "link.unknown" {
			t.Errorf("a search that breaks the glass: %v", err)
		}
	})
}

// testPetition : a request of rectification reaches those who answer for the entry.
func testPetition(t *testing.T, w *world) {
	head := w.head(t)
	stranger := w.enrol(t, "99700000051", "SORBIER", true)
	c := w.command(t, "2026-11-20")
	c.Responsible = w.doctor.ID
	d := w.record(t, w.nurse, c)
	me := protect.Actor{ID: w.fern, Role: protect.Insured}
	dpo := protect.Actor{ID: carnet.DerivedID([]byte("fedcba9876543210")), Role: protect.Protection}
	p := vaccinate.Petition{ID: key(t, w), Dose: d.ID, What: []vaccinate.Change{vaccinate.ChangeDate}, Words: carnet.Hide("C’était le 19, pas le 20.")}
	if err := w.vaccinate.Ask(t.Context(), me, vaccinate.Petition{ID: p.ID, Dose: d.ID}); !hasCode(err, "petition.words-missing") || !hasCode(err, "petition.what-missing") {
		t.Errorf("empty: %v", err)
	}
	must(t, w.vaccinate.Ask(t.Context(), me, p))
	must(t, w.vaccinate.Ask(t.Context(), me, p))
	again := p
	again.ID = key(t, w)
	if err := w.vaccinate.Ask(t.Context(), me, again); carnet.CodeOf(err) != "petition.waiting" {
		t.Errorf("a second one on the same entry: %v", err)
	}
	if err := w.vaccinate.Ask(t.Context(), protect.Actor{ID: w.somebody(t), Role: protect.Insured}, again); carnet.CodeOf(err) != "dose.unknown" {
		t.Errorf("on somebody else’s entry: %v", err)
	}
	t.Run("ATT-41 a request of rectification reaches who entered the act, who answers for it, and the DPO", func(t *testing.T) {
		for name, asked := range map[string]func() ([]vaccinate.Petition, error){
			"recorder":    func() ([]vaccinate.Petition, error) { return w.vaccinate.Asked(t.Context(), w.nurse) },
			"responsible": func() ([]vaccinate.Petition, error) { return w.vaccinate.Asked(t.Context(), w.doctor) },
			"head":        func() ([]vaccinate.Petition, error) { return w.vaccinate.Asked(t.Context(), head) },
			"dpo":         func() ([]vaccinate.Petition, error) { return w.vaccinate.AllAsked(t.Context(), dpo) },
			"person":      func() ([]vaccinate.Petition, error) { return w.vaccinate.Petitions(t.Context(), me) },
		} {
			list, err := asked()
			if err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].Words.Reveal() != "C’était le 19, pas le 20." || list[0].State != vaccinate.Waiting || list[0].Dose != d.ID {
				t.Errorf("%s: %+v, %v", name, list, err)
			}
		}
		if list, err := w.vaccinate.Asked(t.Context(), stranger); err != nil || len(list) != 0 {
			t.Errorf("a stranger: %v, %v", list, err)
		}
		if _, err := w.vaccinate.AllAsked(t.Context(), protect.Actor{ID: dpo.ID, Role: protect.Support}); carnet.KindOf(err) != carnet.Denied {
			t.Errorf("another member of the staff: %v", err)
		}
	})
	if err := w.vaccinate.Answer(t.Context(), stranger, w.fern, p.ID, vaccinate.Accepted, ""); carnet.CodeOf(err) != "petition.unknown" {
		t.Errorf("answered by a stranger: %v", err)
	}
	if err := w.vaccinate.Answer(t.Context(), w.doctor, w.fern, p.ID, vaccinate.Declined, " "); !hasCode(err, "petition.answer-missing") {
		t.Errorf("declined without words: %v", err)
	}
	must(t, w.vaccinate.Answer(t.Context(), w.doctor, w.fern, p.ID, vaccinate.Accepted, "Date corrigée."))
	must(t, w.vaccinate.Answer(t.Context(), w.doctor, w.fern, p.ID, vaccinate.Accepted, "Date corrigée."))
	if err := w.vaccinate.Answer(t.Context(), dpo, w.fern, p.ID, vaccinate.Declined, "non"); carnet.CodeOf(err) != "petition.answered" {
		t.Errorf("answered twice: %v", err)
	}
	list, err := w.vaccinate.Petitions(t.Context(), me)
	must(t, err)
	if a := list[0]; a.State != vaccinate.Accepted || a.Answer.Reveal() != "Date corrigée." || a.By != w.doctor.ID || a.Answered.IsZero() {
		t.Errorf("answered %+v", a)
	}
	if told := w.notices(t, w.fern); !slices.Equal(told, []string{"petition.accepted"}) {
		t.Errorf("told %v", told)
	}
	w.later(91 * 24 * time.Hour)
	if list, err := w.vaccinate.Asked(t.Context(), w.doctor); err != nil || len(list) != 0 {
		t.Errorf("three months later: %v, %v", list, err)
	}
}
