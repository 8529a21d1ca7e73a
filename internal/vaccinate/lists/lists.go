// Package lists makes the lists that a place works with: the session of today, and worklists of people
// to see again.
//
// A worklist is asked for, with a kind, a motive and a number of days; it is made once from what is
// recorded, kept until its last day and then deleted with all its lines (see [Service.Purge]). Only the
// professional who asked for it reads it, marks who was reached, exports it or deletes it sooner; a
// delegate does none of this. It holds people whom the professional injected or recorded, or people of
// the place of the session: nobody else's. It is there to inform people and to offer an appointment, and
// not to press them: a person who refused is on the list of those who were not vaccinated and on no other.
// Whoever died is on none. The journal has a line for each person each time that a list is made, opened
// or exported.
//
// The session of today and the report keep nothing: they are read from what is recorded. The report
// counts and names nobody.
//
// Specification: workflow section 9; deliberations of the CNIL of 7 July 2021 on lists of people who are
// not vaccinated (purpose, request of the doctor, deletion).
package lists

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/catalogue"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Kind says who is on a list.
type Kind string

// The kinds, in the order in which a form offers them.
const (
	Due        Kind = "due"         // the next dose can be given, and is not late yet
	Overdue    Kind = "overdue"     // the next dose is late
	NoSecond   Kind = "no-second"   // a course of several doses was begun and stands at the first
	NotGiven   Kind = "not-given"   // they came, and were not vaccinated since: refused, absent, unwell ...
	ToComplete Kind = "to-complete" // the entry lacks its lot, or is contested
)

// Kinds lists them.
var Kinds = []Kind{Due, Overdue, NoSecond, NotGiven, ToComplete}

// Motive is what a list is for. It stands on the list and in its export.
type Motive string

// The motives, in the order in which a form offers them.
const (
	Appointment Motive = "appointment" // offer an appointment
	Inform      Motive = "inform"      // tell them what is recommended
	Quality     Motive = "quality"     // complete the records
)

// Motives lists them.
var Motives = []Motive{Appointment, Inform, Quality}

// Bounds of a list.
const (
	MaxPeople = 500 // lines; those whose day is nearest stay
	MaxDays   = 90  // that a list is kept, and that a report covers
	window    = 2 * 365 * 24 * time.Hour
	maxRows   = 20_000 // entries of the place that are looked through, the newest
	maxLooked = 5000   // people whose whole record is looked at
	together  = 200    // of them in one transaction, so that entries do not wait for a list
	maxToday  = 1000
)

// Contact says whether somebody on a list was reached.
type Contact string

// The states of a line, in the order in which a form offers them.
const (
	ToContact   Contact = "to-contact"
	Reached     Contact = "reached"
	Unreachable Contact = "unreachable"
)

// Contacts lists them.
var Contacts = []Contact{ToContact, Reached, Unreachable}

// Request asks for a list, at the place of the session.
type Request struct {
	Key     carnet.ID // idempotency key, made before the form was shown
	Kind    Kind
	Disease string // of the catalogue; empty for every one
	Mine    bool   // only people whom the one who asks injected or recorded
	Motive  Motive
	Days    int // that it is kept: 1 to MaxDays
}

// List is a worklist.
type List struct {
	ID      carnet.ID
	Actor   carnet.ID
	Place   string
	Request Request
	Cut     bool // there was more than a list looks through or holds
	Made    time.Time
	Expires time.Time
	Lines   []Line // only from Make and Open
}

// Line is somebody on a list.
type Line struct {
	Person    carnet.ID
	Dose      carnet.ID   // the entry that it is about
	Why       string      // "due", "overdue", "no-second", "lot", "contested", or why none was given
	On        carnet.Date // best day of the next dose, or the day when it became late; zero without one
	Contact   Contact
	ChangedAt time.Time
}

// Entry is a line with what is shown of it.
type Entry struct {
	Line
	Who  carnet.Person
	Last carnet.Dose // the entry that it is about; zero when it no longer stands
}

// Recorded is a row of the entries of a place: enough to choose by.
type Recorded struct {
	Person, Dose       carnet.ID
	Injector, Recorder carnet.ID
	At                 time.Time
	Vaccine            string
	NotGiven           carnet.NotGiven
	Rank, Expected     int
}

// Activity is one line of a report.
type Activity struct {
	Day      carnet.Date
	Vaccine  string
	NotGiven carnet.NotGiven // empty for injections
	N        int
}

// Rules is what this room needs of the catalogue.
type Rules interface {
	Find(code string) (carnet.Vaccine, bool)
	Disease(code string) (catalogue.Disease, bool)
	Assess(p catalogue.Person, history []carnet.Dose, v carnet.Vaccine, on carnet.Date) catalogue.Assessment
}

// Store is what this room needs of a store.
type Store interface {
	Lists(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	Works(professional carnet.ID, place string) (works, head bool, err error)
	Person(id carnet.ID) (carnet.Person, error)
	Died(id carnet.ID) (carnet.Date, error) // zero for somebody who is not known to be dead
	Doses(person carnet.ID) ([]carnet.Dose, error)
	// RecordedAt lists what was entered for a place since a time and stands, newest first; at most most
	// rows. It opens nobody's record: what is read of somebody after it leaves a line about them.
	RecordedAt(place string, since time.Time, most int) ([]Recorded, error)
	// Activity counts what stands at a place, by day of the act, vaccine and reason, in that order.
	Activity(place string, from, to carnet.Date) ([]Activity, error)

	PutList(l List) error // with its lines
	ListByKey(key carnet.ID) (List, error)
	List(id carnet.ID) (List, error)          // with its lines; carnet.NotFound, "list.unknown"
	ListsOf(actor carnet.ID) ([]List, error)  // newest first, without lines
	PutLine(list carnet.ID, line Line) error  // in the place of the one of the same person and dose
	RemoveList(id carnet.ID) error            // with its lines
	Lapsed(at time.Time) ([]carnet.ID, error) // lists whose time is over
}

// Service is the room.
type Service struct {
	store Store
	guard *protect.Guard
	ids   carnet.IDs
	rules Rules
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ids carnet.IDs, rules Rules) *Service {
	return &Service{store, guard, ids, rules}
}

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Today lists what was recorded today for the place of the session, newest first: by or for the one who
// acts when mine is set, else by everyone there. Cut says that there was more than a page holds.
// Delegates may.
func (s *Service) Today(ctx context.Context, actor protect.Actor, mine bool) (list []Entry, cut bool, err error) {
	if err := actor.May(protect.ActRead); err != nil {
		return nil, false, err
	}
	now := s.ids.Clock().In(carnet.Paris)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, carnet.Paris)
	err = s.at(ctx, actor, func(tx Tx) error {
		rows, err := tx.RecordedAt(actor.Organisation, midnight, maxToday)
		if err != nil {
			return err
		}
		cut = len(rows) == maxToday
		doses := map[carnet.ID][]carnet.Dose{}
		for _, r := range rows {
			if mine && r.Injector != actor.ID && r.Recorder != actor.ID {
				continue
			}
			e := Entry{Line: Line{Person: r.Person, Dose: r.Dose, ChangedAt: r.At}}
			if e.Who, err = tx.Person(r.Person); err != nil {
				return err
			}
			if _, read := doses[r.Person]; !read {
				if doses[r.Person], err = tx.Doses(r.Person); err != nil {
					return err
				}
			}
			e.Last = find(doses[r.Person], r.Dose)
			list = append(list, e)
		}
		return nil
	})
	return list, cut, err
}

func find(doses []carnet.Dose, id carnet.ID) carnet.Dose {
	if i := slices.IndexFunc(doses, func(d carnet.Dose) bool { return d.ID == id }); i >= 0 {
		return doses[i]
	}
	return carnet.Dose{}
}

// Make makes a list, or answers with the one that the same key has made.
func (s *Service) Make(ctx context.Context, actor protect.Actor, q Request) (List, error) {
	if err := actor.May(protect.ActExport); err != nil {
		return List{}, err
	}
	var problems carnet.Problems
	if q.Key.IsZero() {
		problems.Add("key", "list.key-missing", nil)
	}
	if !slices.Contains(Kinds, q.Kind) {
		problems.Add("kind", "list.kind", nil)
	}
	if _, known := s.rules.Disease(q.Disease); q.Disease != "" && !known {
		problems.Add("disease", "list.disease", nil)
	}
	if !slices.Contains(Motives, q.Motive) {
		problems.Add("motive", "list.motive", nil)
	}
	if q.Days < 1 || q.Days > MaxDays {
		problems.Add("days", "list.days", map[string]any{"Max": MaxDays})
	}
	if err := problems.Err(); err != nil {
		return List{}, err
	}
	now := s.ids.Clock()
	out := List{Actor: actor.ID, Place: actor.Organisation, Request: q, Made: now, Expires: now.AddDate(0, 0, q.Days)}
	var people []carnet.ID
	err := s.at(ctx, actor, func(tx Tx) error {
		if there, err := s.made(tx, q.Key, actor, &out); there || err != nil {
			return err
		}
		rows, err := tx.RecordedAt(actor.Organisation, now.Add(-window), maxRows)
		if err != nil {
			return err
		}
		people = s.candidates(rows, actor, q)
		out.Cut = len(rows) == maxRows || len(people) > maxLooked
		people = people[:min(len(people), maxLooked)]
		return nil
	})
	if err != nil || !out.ID.IsZero() {
		return out, err
	}
	seen := map[carnet.ID]bool{}
	for part := range slices.Chunk(people, together) {
		err := s.at(ctx, actor, func(tx Tx) error {
			for _, person := range part {
				lines, err := s.lines(tx, person, actor, q, carnet.DateOf(now))
				if err != nil {
					return err
				}
				for _, line := range lines {
					if !seen[line.Dose] { // records that were joined give each other's entries
						seen[line.Dose] = true
						line.Contact, line.ChangedAt = ToContact, now
						out.Lines = append(out.Lines, line)
					}
				}
			}
			return nil
		})
		if err != nil {
			return List{}, err
		}
	}
	slices.SortFunc(out.Lines, func(a, b Line) int {
		return cmp.Or(days(a.On)-days(b.On), bytes.Compare(a.Person[:], b.Person[:]), bytes.Compare(a.Dose[:], b.Dose[:]))
	})
	if len(out.Lines) > MaxPeople {
		out.Cut, out.Lines = true, out.Lines[:MaxPeople]
	}
	err = s.at(ctx, actor, func(tx Tx) error {
		if there, err := s.made(tx, q.Key, actor, &out); there || err != nil {
			return err // by the same form, sent twice
		}
		var err error
		if out.ID, err = s.ids.New(); err != nil {
			return err
		}
		return tx.PutList(out)
	})
	return out, err
}

// made finds the list that a key has made.
func (s *Service) made(tx Tx, key carnet.ID, actor protect.Actor, out *List) (bool, error) {
	done, err := tx.ListByKey(key)
	switch {
	case carnet.KindOf(err) == carnet.NotFound && err != nil:
		return false, nil
	case err != nil:
		return false, err
	case done.Actor != actor.ID:
		return false, unknown()
	}
	*out = done
	return true, nil
}

// candidates are the people of a place whose entries there may put them on a list, those seen last first.
func (s *Service) candidates(rows []Recorded, actor protect.Actor, q Request) []carnet.ID {
	var people []carnet.ID
	seen := map[carnet.ID]bool{}
	for _, r := range rows {
		v, _ := s.rules.Find(r.Vaccine)
		switch {
		case seen[r.Person], q.Mine && r.Injector != actor.ID && r.Recorder != actor.ID, q.Disease != "" && !slices.Contains(v.Diseases, q.Disease):
			continue
		case q.Kind == NotGiven && r.NotGiven == "", q.Kind != NotGiven && r.NotGiven != "", q.Kind == NoSecond && (r.Rank != 1 || r.Expected < 2):
			continue
		}
		seen[r.Person] = true
		people = append(people, r.Person)
	}
	return people
}

func days(d carnet.Date) int {
	if d.IsZero() {
		return 0
	}
	return d.Days()
}

// lines says whether and why somebody is on a list.
func (s *Service) lines(tx Tx, person carnet.ID, actor protect.Actor, q Request, today carnet.Date) ([]Line, error) {
	doses, err := tx.Doses(person)
	if err != nil {
		return nil, err
	}
	doses = slices.DeleteFunc(doses, func(d carnet.Dose) bool {
		v, known := s.rules.Find(d.Vaccine)
		return q.Disease != "" && (!known || !slices.Contains(v.Diseases, q.Disease))
	})
	var lines []Line
	if q.Kind == ToComplete {
		for _, d := range doses {
			here := d.Place.ID == actor.Organisation && (!q.Mine || d.Injector == actor.ID || d.RecordedBy == actor.ID)
			switch {
			case !here || !d.Given() || d.Evidence != carnet.Administered:
			case d.Contested:
				lines = append(lines, Line{Person: person, Dose: d.ID, Why: "contested", On: d.Date})
			case d.Lot.IsZero():
				lines = append(lines, Line{Person: person, Dose: d.ID, Why: "lot", On: d.Date})
			}
		}
	} else if lines, err = s.courses(tx, person, doses, q.Kind, today); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, nil
	}
	died, err := tx.Died(person)
	if err != nil || !died.IsZero() {
		return nil, err
	}
	return lines, nil
}

// courses looks at the last entry against each disease: the first one of its product counts the doses.
func (s *Service) courses(tx Tx, person carnet.ID, doses []carnet.Dose, kind Kind, today carnet.Date) ([]Line, error) {
	last := map[string]carnet.Dose{}
	var order []string
	for _, d := range doses { // oldest first
		v, known := s.rules.Find(d.Vaccine)
		if !known || len(v.Diseases) == 0 || d.Evidence == carnet.Stated {
			continue
		}
		if _, there := last[v.Diseases[0]]; !there {
			order = append(order, v.Diseases[0])
		}
		last[v.Diseases[0]] = d
	}
	var who carnet.Person
	var lines []Line
	for _, disease := range order {
		d := last[disease]
		line := Line{Person: person, Dose: d.ID, Why: string(kind), On: d.Date}
		switch {
		case kind == NotGiven:
			if line.Why = string(d.NotGiven); !d.Given() && d.NotGiven != carnet.Elsewhere {
				lines = append(lines, line)
			}
			continue
		case !d.Given():
			continue // they said no, or could not: that list is another
		case kind == NoSecond:
			if d.Rank == 1 && d.Expected > 1 {
				lines = append(lines, line)
			}
			continue
		}
		if who.ID.IsZero() {
			var err error
			if who, err = tx.Person(person); err != nil {
				return nil, err
			}
		}
		v, _ := s.rules.Find(d.Vaccine)
		before := slices.DeleteFunc(slices.Clone(doses), func(x carnet.Dose) bool { return x.ID == d.ID })
		next := s.rules.Assess(catalogue.Person{Birth: who.Identity.Birth, Sex: who.Identity.Sex}, before, v, d.Date).Next
		late := !next.Overdue.IsZero() && !today.Before(next.Overdue)
		switch {
		case next.Recommended.IsZero() || today.Before(next.Earliest):
		case kind == Overdue && late:
			line.On = next.Overdue
			lines = append(lines, line)
		case kind == Due && !late && !today.Before(next.Recommended):
			line.On = next.Recommended
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Lists of the one who acts, newest first, those that stand.
func (s *Service) Lists(ctx context.Context, actor protect.Actor) ([]List, error) {
	if err := actor.May(protect.ActExport); err != nil {
		return nil, err
	}
	var list []List
	err := s.at(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.ListsOf(actor.ID)
		return err
	})
	now := s.ids.Clock()
	return slices.DeleteFunc(list, func(l List) bool { return !l.Expires.After(now) }), err
}

// Open shows a list by name, the nearest day first. It is the one who asked for it who may, until its
// last day: for anybody else, and after, it is carnet.NotFound, "list.unknown".
func (s *Service) Open(ctx context.Context, actor protect.Actor, id carnet.ID) (List, []Entry, error) {
	var l List
	var entries []Entry
	err := s.own(ctx, actor, id, func(tx Tx, own List) error {
		l = own
		for _, line := range l.Lines {
			e := Entry{Line: line}
			var err error
			if e.Who, err = tx.Person(line.Person); err != nil {
				return err
			}
			doses, err := tx.Doses(line.Person)
			if err != nil {
				return err
			}
			e.Last = find(doses, line.Dose)
			entries = append(entries, e)
		}
		return nil
	})
	return l, entries, err
}

// Mark notes whether somebody on a list was reached.
func (s *Service) Mark(ctx context.Context, actor protect.Actor, list, person, dose carnet.ID, contact Contact) error {
	if !slices.Contains(Contacts, contact) {
		return &carnet.Error{Op: "lists.Mark", Kind: carnet.Invalid, Code: "list.contact", Field: "contact"}
	}
	return s.own(ctx, actor, list, func(tx Tx, l List) error {
		i := slices.IndexFunc(l.Lines, func(x Line) bool { return x.Person == person && x.Dose == dose })
		if i < 0 {
			return unknown()
		}
		line := l.Lines[i]
		if line.Contact == contact {
			return nil
		}
		line.Contact, line.ChangedAt = contact, s.ids.Clock()
		return tx.PutLine(list, line)
	})
}

// Delete takes a list away before its last day.
func (s *Service) Delete(ctx context.Context, actor protect.Actor, id carnet.ID) error {
	return s.own(ctx, actor, id, func(tx Tx, l List) error { return tx.RemoveList(id) })
}

// Report counts what stands at the place of the session, by day, vaccine and reason. It names nobody.
func (s *Service) Report(ctx context.Context, actor protect.Actor, from, to carnet.Date) ([]Activity, error) {
	if err := actor.May(protect.ActExport); err != nil {
		return nil, err
	}
	var problems carnet.Problems
	switch {
	case from.IsZero():
		problems.Add("from", "report.from", nil)
	case to.IsZero() || to.Before(from):
		problems.Add("to", "report.to", nil)
	case to.Days()-from.Days() >= MaxDays:
		problems.Add("to", "report.long", map[string]any{"Max": MaxDays})
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	var list []Activity
	err := s.at(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.Activity(actor.Organisation, from, to)
		return err
	})
	return list, err
}

// Purge deletes every list whose time is over, with its lines, and says how many there were. It is the
// program's own: run it at least each hour.
func (s *Service) Purge(ctx context.Context, actor protect.Actor) (int, error) {
	n := 0
	err := s.store.Lists(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Worklist}), func(tx Tx) error {
		lapsed, err := tx.Lapsed(s.ids.Clock())
		if err != nil {
			return err
		}
		for _, id := range lapsed {
			if err := tx.RemoveList(id); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// own runs fn on a list of the one who acts.
func (s *Service) own(ctx context.Context, actor protect.Actor, id carnet.ID, fn func(Tx, List) error) error {
	if err := actor.May(protect.ActExport); err != nil {
		return err
	}
	return s.at(ctx, actor, func(tx Tx) error {
		l, err := tx.List(id)
		if err != nil {
			return err
		}
		if l.Actor != actor.ID || !l.Expires.After(s.ids.Clock()) {
			return unknown()
		}
		return fn(tx, l)
	})
}

// at runs fn for somebody who exercises at the place of their session.
func (s *Service) at(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	return s.store.Lists(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Worklist}), func(tx Tx) error {
		if works, _, err := tx.Works(actor.ID, actor.Organisation); err != nil {
			return err
		} else if !works {
			return carnet.E("lists", carnet.Denied, "list.place", nil)
		}
		return fn(tx)
	})
}

func unknown() error { return carnet.E("lists", carnet.NotFound, "list.unknown", nil) }
