package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/paper"
	"carnet/internal/vaccinate/stock"
)

const comirnaty = "EU/1/20/1528"

func lotOf(t testing.TB, number string) carnet.Lot {
	t.Helper()
	l, err := carnet.ParseLot(number)
	must(t, err)
	return l
}

func dayAt(t testing.TB, text string) carnet.Date {
	t.Helper()
	d, err := carnet.ParseDate(text)
	must(t, err)
	return d
}

// deliver adds a lot of 60 doses to the centre.
func (w *world) deliver(t testing.TB, number string, change ...func(*stock.Delivery)) stock.Lot {
	t.Helper()
	key, err := w.stock.NewKey()
	must(t, err)
	d := stock.Delivery{Key: key, Place: centre.ID, Vaccine: comirnaty, Number: lotOf(t, number), Expiry: dayAt(t, "2027-03-31"), Received: 60}
	for _, f := range change {
		f(&d)
	}
	l, err := w.stock.Deliver(t.Context(), w.nurse, d)
	must(t, err)
	return l
}

func testLots(t *testing.T, w *world) {
	ctx := t.Context()
	first := w.deliver(t, "FG4509")
	soon := w.deliver(t, "AB1", func(d *stock.Delivery) {
		d.Expiry, d.GTIN, d.Supplier = dayAt(t, "2026-12-31"), "03400999999977", " Dépôt  des Tilleuls "
	})
	w.deliver(t, "OLD9", func(d *stock.Delivery) { d.Expiry = dayAt(t, "2026-11-20") })
	thawed := w.deliver(t, "TH3", func(d *stock.Delivery) { d.UseBy = dayAt(t, "2026-11-25") })
	live := func() (numbers []string) {
		t.Helper()
		list, err := w.stock.Live(ctx, w.nurse, centre.ID)
		must(t, err)
		for _, l := range list {
			numbers = append(numbers, l.Number.Reveal())
		}
		return numbers
	}
	if got := live(); !slices.Equal(got, []string{"TH3", "AB1", "FG4509"}) {
		t.Errorf("live, the first to end first: %v", got)
	}
	if soon.Supplier != "Dépôt des Tilleuls" || soon.GTIN == "" || thawed.Ends() != dayAt(t, "2026-11-25") || first.Version != 1 {
		t.Errorf("%+v, %+v", soon, thawed)
	}
	past, err := w.stock.LiveOn(ctx, w.nurse, centre.ID, dayAt(t, "2026-11-20"))
	must(t, err)
	if len(past) != 4 {
		t.Errorf("%d lots were live the day before", len(past))
	}

	more := w.deliver(t, "FG4509", func(d *stock.Delivery) { d.Received = 30 })
	if more.ID != first.ID || more.Received != 90 || more.Version != 2 {
		t.Errorf("a second delivery: %+v", more)
	}
	key, err := w.stock.NewKey()
	must(t, err)
	change := stock.Change{Key: key, Place: centre.ID, Lot: first.ID, Version: 2, Received: 88, Depleted: dayAt(t, "2026-11-22")}
	for range 2 {
		l, err := w.stock.Change(ctx, w.nurse, change)
		must(t, err)
		if l.Received != 88 || l.Version != 3 || l.State(dayAt(t, "2026-11-21")) != stock.Active || l.State(dayAt(t, "2026-11-22")) != stock.Depleted {
			t.Errorf("changed: %+v", l)
		}
	}
	if got := live(); len(got) != 3 {
		t.Errorf("depleted tomorrow, live today: %v", got)
	}
	_, events, err := w.stock.Lot(ctx, w.nurse, centre.ID, first.ID)
	must(t, err)
	if len(events) != 3 || events[0].Kind != stock.Delivered || events[1].Doses != 30 || events[2].Kind != stock.Changed || events[2].Actor != w.nurse.ID {
		t.Errorf("events %+v", events)
	}
	w.later(24 * time.Hour)
	if got := live(); slices.Contains(got, "FG4509") {
		t.Errorf("depleted, and live: %v", got)
	}
	if back := w.deliver(t, "FG4509"); back.State(dayAt(t, "2026-11-22")) != stock.Active {
		t.Error("more was delivered, and it stays depleted")
	}

	unknown, err := w.stock.Status(ctx, w.nurse, centre.ID, comirnaty, lotOf(t, "ZZ1"))
	must(t, err)
	if unknown.State(dayAt(t, "2026-11-22")) != stock.Unknown {
		t.Errorf("%+v", unknown)
	}
	expired, err := w.stock.Status(ctx, w.nurse, centre.ID, comirnaty, lotOf(t, "OLD9"))
	must(t, err)
	if expired.State(dayAt(t, "2026-11-22")) != stock.Expired {
		t.Errorf("%+v", expired)
	}
}

func testLotCount(t *testing.T, w *world) {
	w.deliver(t, "FG4509", func(d *stock.Delivery) { d.Received = 1 })
	for _, date := range []string{"2026-10-01", "2026-11-21"} {
		_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, date))
		must(t, err)
	}
	list, err := w.stock.List(t.Context(), w.nurse, centre.ID)
	must(t, err)
	if len(list) != 1 || list[0].Recorded != 2 || list[0].Over() != 1 {
		t.Errorf("%+v", list)
	}
}

func testLotFaults(t *testing.T, w *world) {
	lot := w.deliver(t, "FG4509")
	key, err := w.stock.NewKey()
	must(t, err)
	ok := stock.Delivery{Key: key, Place: centre.ID, Vaccine: comirnaty, Number: lotOf(t, "FG4509"), Expiry: dayAt(t, "2027-03-31")}
	for name, c := range map[string]struct {
		change func(*stock.Delivery)
		code   string
	}{
		"no such vaccine":           {func(d *stock.Delivery) { d.Vaccine = "none" }, "lot.vaccine"},
		"no number":                 {func(d *stock.Delivery) { d.Number = carnet.Lot{} }, "lot.missing"},
		"no expiry":                 {func(d *stock.Delivery) { d.Expiry = carnet.Date{} }, "lot.expiry-missing"},
		"another expiry":            {func(d *stock.Delivery) { d.Expiry = dayAt(t, "2027-04-30") }, "lot.expiry-differs"},
		"an expiry that cannot be":  {func(d *stock.Delivery) { d.Expiry, d.Number = dayAt(t, "2072-04-30"), lotOf(t, "X") }, "lot.expiry-far"},
		"used after its expiry":     {func(d *stock.Delivery) { d.UseBy = dayAt(t, "2027-04-01") }, "lot.use-by-late"},
		"less than nothing":         {func(d *stock.Delivery) { d.Received = -1 }, "lot.received"},
		"no key":                    {func(d *stock.Delivery) { d.Key = carnet.ID{} }, "lot.key-missing"},
		"a place of somebody else":  {func(d *stock.Delivery) { d.Place = "990000099" }, "stock.place"},
		"a supplier without an end": {func(d *stock.Delivery) { d.Supplier = string(make([]rune, 101)) }, "lot.supplier-long"},
	} {
		t.Run(name, func(t *testing.T) {
			d := ok
			c.change(&d)
			if _, err := w.stock.Deliver(t.Context(), w.nurse, d); carnet.CodeOf(err) != c.code {
				t.Errorf("%v, not %s", err, c.code)
			}
		})
	}
	changed := stock.Change{Key: key, Place: centre.ID, Lot: lot.ID, Version: 1, Received: 60}
	for name, c := range map[string]struct {
		change func(*stock.Change)
		code   string
	}{
		"depleted today":  {func(d *stock.Change) { d.Depleted = dayAt(t, "2026-11-21") }, "lot.depleted-early"},
		"changed already": {func(d *stock.Change) { d.Version = 9 }, "lot.changed-meanwhile"},
		"no such lot":     {func(d *stock.Change) { d.Lot = key }, "lot.unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			d := changed
			c.change(&d)
			if _, err := w.stock.Change(t.Context(), w.nurse, d); carnet.CodeOf(err) != c.code {
				t.Errorf("%v, not %s", err, c.code)
			}
		})
	}
	t.Run("the same key does one thing", func(t *testing.T) {
		d := ok
		d.Received = 7
		for range 2 {
			l, err := w.stock.Deliver(t.Context(), w.nurse, d)
			must(t, err)
			if l.Received != 67 {
				t.Errorf("received %d", l.Received)
			}
		}
		d.Received = 8
		if _, err := w.stock.Deliver(t.Context(), w.nurse, d); carnet.CodeOf(err) != "lot.key-reused" {
			t.Error(err)
		}
		if _, err := w.stock.Change(t.Context(), w.nurse, changed); carnet.CodeOf(err) != "lot.key-reused" {
			t.Error(err)
		}
	})
	t.Run("a delegate delivers, and recalls nothing", func(t *testing.T) {
		clerk := w.nurse
		clerk.Delegate = key
		d := ok
		d.Key, err = w.stock.NewKey()
		must(t, err)
		_, err = w.stock.Deliver(t.Context(), clerk, d)
		must(t, err)
		_, err = w.stock.Recall(t.Context(), clerk, stock.Order{Vaccine: comirnaty, Number: d.Number, Place: centre.ID, Reason: stock.Quality}, nil)
		if !errors.Is(err, protect.ErrDenied) {
			t.Error(err)
		}
	})
}

// doses records n doses of the lot FG4509, each of somebody else.
func (w *world) doses(t testing.TB, n int) []carnet.ID {
	t.Helper()
	var people []carnet.ID
	for i := range n {
		p, err := w.people.Enrol(t.Context(), system, identity("MYRTE", "", "1970-01-02", carnet.Male, number(t, fmt.Sprintf("17001009%05d", i+1)), fmt.Sprintf("Basile%d", i)))
		must(t, err)
		c := w.command(t, "2026-11-20")
		c.Person = p
		_, err = w.vaccinate.Record(t.Context(), w.nurse, c)
		must(t, err)
		people = append(people, p)
	}
	return people
}

func testRecall(t *testing.T, w *world) {
	ctx := t.Context()
	lot := w.deliver(t, "FG4509")
	crowd := w.doses(t, 3)
	order := stock.Order{Vaccine: comirnaty, Number: lotOf(t, "FG4509"), Reason: stock.ColdChain, DryRun: true}
	told := func(person carnet.ID) (n int) {
		t.Helper()
		list, err := w.people.Notices(ctx, protect.Actor{ID: person, Role: protect.Insured})
		must(t, err)
		for _, x := range list {
			if x.Kind == "lot.recalled" && x.Args["vaccine"] == comirnaty && x.Args["date"] == "2026-11-20" && x.Args["reason"] == "cold-chain" && !x.Dose.IsZero() {
				n++
			}
		}
		return n
	}

	r, err := w.stock.Recall(ctx, system, order, nil)
	must(t, err)
	if len(r.Doses) != 3 || r.People() != 3 || r.Told != 3 || !r.Recall.ID.IsZero() || told(crowd[0]) != 0 || w.Count(t, "lot_recall") != 0 {
		t.Errorf("dry run: %+v", r)
	}
	order.DryRun = false
	var steps []int
	r, err = w.stock.Recall(ctx, system, order, func(done, total int) { steps = append(steps, done, total) })
	must(t, err)
	if r.Told != 3 || r.Recall.ID.IsZero() || !slices.Equal(steps, []int{3, 3}) {
		t.Errorf("%+v, steps %v", r, steps)
	}
	for _, p := range crowd {
		if told(p) != 1 {
			t.Errorf("told %d times", told(p))
		}
	}
	if live, err := w.stock.Live(ctx, w.nurse, centre.ID); err != nil || len(live) != 0 {
		t.Errorf("a recalled lot is live: %v, %v", live, err)
	}
	if s, err := w.stock.Status(ctx, w.nurse, centre.ID, comirnaty, lotOf(t, "FG4509")); err != nil || s.State(dayAt(t, "2026-11-21")) != stock.Recalled || s.Recall.Reason != stock.ColdChain {
		t.Errorf("%+v, %v", s, err)
	}

	// Again: only who came since, and the first reason stands.
	late := w.command(t, "2026-11-20")
	dose, err := w.vaccinate.Record(ctx, w.nurse, late)
	must(t, err)
	order.Reason = stock.Quality
	again, err := w.stock.Recall(ctx, system, order, nil)
	must(t, err)
	if again.Recall.ID != r.Recall.ID || again.Recall.Reason != stock.ColdChain || again.Told != 1 || told(w.fern) != 1 || told(crowd[0]) != 1 {
		t.Errorf("again: %+v", again)
	}

	// The place follows.
	_, list, err := w.stock.Follow(ctx, w.nurse, centre.ID, lot.ID)
	must(t, err)
	if len(list) != 4 || list[3].Person.Identity.Name().Reveal() != "TILLEUL" || list[0].Contact != stock.ToContact || list[0].Date != dayAt(t, "2026-11-20") {
		t.Fatalf("%d to follow: %+v", len(list), list)
	}
	for range 2 {
		must(t, w.stock.Mark(ctx, w.nurse, centre.ID, lot.ID, dose.ID, stock.Reached))
	}
	_, list, err = w.stock.Follow(ctx, w.nurse, centre.ID, lot.ID)
	must(t, err)
	if f := list[3].Follow; f.Contact != stock.Reached || f.ChangedBy != w.nurse.ID {
		t.Errorf("%+v", f)
	}
	if err := w.stock.Mark(ctx, w.nurse, centre.ID, lot.ID, lot.ID, stock.Reached); carnet.CodeOf(err) != "recall.unknown" {
		t.Error(err)
	}
	if err := w.stock.Mark(ctx, w.nurse, centre.ID, lot.ID, dose.ID, "called"); carnet.CodeOf(err) != "recall.contact" {
		t.Error(err)
	}
	progress, err := w.stock.Recalls(ctx, system)
	must(t, err)
	if len(progress) != 1 || progress[0].Contacts[stock.ToContact] != 3 || progress[0].Contacts[stock.Reached] != 1 {
		t.Errorf("%+v", progress)
	}

	// A dose that no longer stands leaves the list; the row stays.
	key, err := w.vaccinate.NewKey()
	must(t, err)
	must(t, w.vaccinate.Cancel(ctx, w.nurse, vaccinate.Cancellation{Key: key, Person: w.fern, Dose: dose.ID, Cause: vaccinate.NeverGiven, Reason: "jamais faite"}))
	if _, list, err = w.stock.Follow(ctx, w.nurse, centre.ID, lot.ID); err != nil || len(list) != 3 {
		t.Errorf("%d to follow, %v", len(list), err)
	}
	for _, l := range w.Journal(t) {
		if l.Purpose == "recall" && l.Kind == "write" && l.Person == crowd[0] {
			return
		}
	}
	t.Error("the journal does not say that the person was told")
}

func testRecallRights(t *testing.T, w *world) {
	ctx := t.Context()
	w.deliver(t, "FG4509")
	order := stock.Order{Vaccine: comirnaty, Number: lotOf(t, "FG4509"), Place: centre.ID, Reason: stock.Quality}
	if _, err := w.stock.Recall(ctx, w.nurse, order, nil); carnet.CodeOf(err) != "stock.head" {
		t.Errorf("not the head: %v", err)
	}
	order.Place = ""
	if _, err := w.stock.Recall(ctx, w.doctor, order, nil); carnet.CodeOf(err) != "stock.head" {
		t.Errorf("every place: %v", err)
	}
	order.Place = "990000099"
	if _, err := w.stock.Recall(ctx, system, order, nil); carnet.CodeOf(err) != "place.unknown" {
		t.Errorf("no such place: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*stock.Order)
		code   string
	}{
		"no lot":     {func(o *stock.Order) { o.Number = carnet.Lot{} }, "lot.missing"},
		"no vaccine": {func(o *stock.Order) { o.Vaccine = "" }, "lot.vaccine"},
		"no reason":  {func(o *stock.Order) { o.Reason = "why" }, "recall.reason"},
	} {
		t.Run(name, func(t *testing.T) {
			o := order
			c.change(&o)
			if _, err := w.stock.Recall(ctx, system, o, nil); carnet.CodeOf(err) != c.code {
				t.Error(err)
			}
		})
	}
	must(t, w.vaccinate.AppointHead(ctx, system, centre.ID, w.nurse.ID, true))
	order.Place = centre.ID
	if r, err := w.stock.Recall(ctx, w.nurse, order, nil); err != nil || r.Recall.By != w.nurse.ID || r.Recall.Place != centre.ID {
		t.Errorf("the head of the place: %+v, %v", r, err)
	}
	order.Place = ""
	if _, err := w.stock.Recall(ctx, w.nurse, order, nil); carnet.CodeOf(err) != "stock.head" {
		t.Errorf("the head of one place, for every place: %v", err)
	}
	if _, err := w.stock.Recalls(ctx, w.nurse); carnet.CodeOf(err) != "stock.head" {
		t.Error(err)
	}
	if _, _, err := w.stock.Follow(ctx, w.nurse, "990000099", carnet.ID{}); carnet.CodeOf(err) != "stock.place" {
		t.Error(err)
	}
}

// testPaperEntry enters forms: each once, and again only when its entry was taken away.
func testPaperEntry(t *testing.T, w *world) {
	ctx := t.Context()
	key, err := w.paper.NewKey()
	must(t, err)
	forms, err := w.paper.Print(ctx, w.nurse, key, centre.ID, 2)
	must(t, err)
	late := func(date string, form string) vaccinate.Command {
		c := w.command(t, date)
		c.LateReason, c.Form = "panne", form
		return c
	}
	first := late("2026-11-19", " "+strings.ToLower(forms[0].Serial.String()))
	d, err := w.vaccinate.Record(ctx, w.nurse, first)
	must(t, err)
	if d.Form != string(forms[0].Serial) {
		t.Errorf("the entry has the number %q", d.Form)
	}
	if again, err := w.vaccinate.Record(ctx, w.nurse, first); err != nil || again.ID != d.ID {
		t.Errorf("the same form, sent twice: %v, %v", again.ID, err)
	}
	before := w.Count(t, "dose")
	if _, err := w.vaccinate.Record(ctx, w.doctor, late("2026-10-01", forms[0].Serial.String())); carnet.CodeOf(err) != "form.taken" {
		t.Errorf("the number of another entry: %v", err)
	}
	for name, number := range map[string]string{"form.unknown": "222222222J", "form.malformed": "2222222222"} {
		if _, err := w.vaccinate.Record(ctx, w.doctor, late("2026-10-01", number)); carnet.CodeOf(err) != name {
			t.Errorf("%s: %v", number, err)
		}
	}
	if w.Count(t, "dose") != before {
		t.Error("a refused number left an entry")
	}
	if f, err := w.paper.Check(ctx, w.nurse, forms[0].Serial); err != nil || f.Dose != d.ID {
		t.Errorf("%+v, %v", f, err)
	}
	cancel, err := w.vaccinate.NewKey()
	must(t, err)
	must(t, w.vaccinate.Cancel(ctx, w.nurse, vaccinate.Cancellation{Key: cancel, Person: w.fern, Dose: d.ID, Cause: vaccinate.NeverGiven, Reason: "autre personne"}))
	if _, err := w.vaccinate.Record(ctx, w.nurse, late("2026-10-01", forms[0].Serial.String())); err != nil {
		t.Errorf("after the first entry was taken away: %v", err)
	}
}

func testPaper(t *testing.T, w *world) {
	ctx := t.Context()
	key, err := w.paper.NewKey()
	must(t, err)
	list, err := w.paper.Print(ctx, w.nurse, key, centre.ID, 3)
	must(t, err)
	again, err := w.paper.Print(ctx, w.nurse, key, centre.ID, 3)
	must(t, err)
	if len(list) != 3 || list[0].Serial == list[1].Serial || len(again) != 3 || again[0].Serial != list[0].Serial || again[2].Serial != list[2].Serial || again[0].Place.Name != centre.Name {
		t.Errorf("%v, then %v", list, again)
	}
	if _, err := w.paper.Printed(ctx, w.doctor, key); carnet.CodeOf(err) != "form.unknown" {
		t.Errorf("printed by another: %v", err)
	}
	for name, c := range map[string]struct {
		key   carnet.ID
		place string
		n     int
		code  string
	}{
		"no key":         {carnet.ID{}, centre.ID, 1, "form.key-missing"},
		"none":           {key, centre.ID, 0, "form.count"},
		"too many":       {key, centre.ID, paper.MaxForms + 1, "form.count"},
		"another's desk": {key, "990000099", 1, "paper.place"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.paper.Print(ctx, w.nurse, c.key, c.place, c.n); carnet.CodeOf(err) != c.code {
				t.Error(err)
			}
		})
	}
	open := func() (int, int) {
		t.Helper()
		open, printed, err := w.paper.Open(ctx, w.nurse, centre.ID, w.now().Add(-time.Hour))
		must(t, err)
		return open, printed
	}
	if a, b := open(); a != 3 || b != 3 {
		t.Errorf("%d of %d open", a, b)
	}
	d := w.guard.Decide(protect.Request{Actor: w.nurse, Purpose: protect.Paper})
	take := func(s paper.Serial, dose carnet.ID) error {
		return w.Backend.Paper.Paper(ctx, d, func(tx paper.Tx) error { return tx.TakeForm(s, dose, w.now()) })
	}
	one, err := w.ids.New()
	must(t, err)
	two, err := w.ids.New()
	must(t, err)
	must(t, take(list[0].Serial, one))
	must(t, take(list[0].Serial, one))
	if err := take(list[0].Serial, two); carnet.CodeOf(err) != "form.taken" || carnet.KindOf(err) != carnet.Conflict {
		t.Errorf("taken twice: %v", err)
	}
	if err := take("2222222222", two); carnet.CodeOf(err) != "form.unknown" {
		t.Errorf("nobody printed it: %v", err)
	}
	if a, b := open(); a != 2 || b != 3 {
		t.Errorf("%d of %d open", a, b)
	}
	if f, err := w.paper.Check(ctx, w.doctor, list[0].Serial); err != nil || f.Dose != one || f.Taken.IsZero() || f.Place.ID != centre.ID {
		t.Errorf("%+v, %v", f, err)
	}
	free := func(dose carnet.ID) {
		must(t, w.Backend.Paper.Paper(ctx, d, func(tx paper.Tx) error { return tx.FreeForm(list[0].Serial, dose) }))
	}
	free(two) // has not got it
	if err := take(list[0].Serial, two); carnet.CodeOf(err) != "form.taken" {
		t.Error(err)
	}
	free(one)
	must(t, take(list[0].Serial, two))
}
