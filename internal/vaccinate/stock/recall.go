package stock

import (
	"context"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Order asks for a recall.
type Order struct {
	Vaccine string
	Number  carnet.Lot
	Place   string // empty for every place, which only the operator may ask
	Reason  Reason
	DryRun  bool // counts, and does nothing
}

// Contact says whether somebody whom a recall concerns was reached.
type Contact string

// The states of a follow-up, in the order in which a form offers them.
const (
	ToContact   Contact = "to-contact"
	Reached     Contact = "reached"
	Unreachable Contact = "unreachable"
)

// Contacts lists them.
var Contacts = []Contact{ToContact, Reached, Unreachable}

// Follow is a dose that a recall concerns. That it exists means that the person was told.
type Follow struct {
	Recall, Person, Dose carnet.ID
	Place                string // where the dose was given
	Contact              Contact
	ToldAt, ChangedAt    time.Time
	ChangedBy            carnet.ID // professional; zero while nobody changed it
}

// Report says what a recall found and did.
type Report struct {
	Recall Recall // without an id after a dry run of a new one
	Doses  []Concerned
	Told   int // notices that this run left; those that it would leave, after a dry run
}

// Concerned is a dose of a recalled lot.
type Concerned struct {
	Injected
	Told bool // the person had been told before
}

// People counts the people whom a recall concerns.
func (r Report) People() int {
	seen := map[carnet.ID]bool{}
	for _, d := range r.Doses {
		seen[d.Person] = true
	}
	return len(seen)
}

// batch is how many doses are told of in one transaction.
const batch = 200

// Recall takes a lot out of use and tells each person whose dose it concerns, once for each dose, by a
// notice of the kind "lot.recalled" with the arguments vaccine, date and reason. The operator recalls
// for every place, or for one; the head of a place for that one: "stock.head". A delegate does not.
//
// It is safe to run again, and so to resume: the recall of a lot is made once, its first reason stands,
// and only people who were not told are. Told in batches: progress, unless it is nil, hears after each.
func (s *Service) Recall(ctx context.Context, actor protect.Actor, o Order, progress func(done, total int)) (Report, error) {
	if err := actor.May(protect.ActRecall); err != nil {
		return Report{}, err
	}
	var problems carnet.Problems
	if _, known := s.products.Find(o.Vaccine); !known {
		problems.Add("vaccine", "lot.vaccine", nil)
	}
	if o.Number.IsZero() {
		problems.Add("lot", "lot.missing", nil)
	}
	if !slices.Contains(Reasons, o.Reason) {
		problems.Add("reason", "recall.reason", nil)
	}
	if err := problems.Err(); err != nil {
		return Report{}, err
	}
	var report Report
	err := s.recalling(ctx, actor, o.Place, func(tx Tx) (err error) {
		report, err = s.open(tx, actor, o)
		return err
	})
	if err != nil || o.DryRun {
		return report, err
	}
	var waiting []Injected
	for _, d := range report.Doses {
		if !d.Told {
			waiting = append(waiting, d.Injected)
		}
	}
	report.Told = 0
	for part := range slices.Chunk(waiting, batch) {
		err := s.recalling(ctx, actor, o.Place, func(tx Tx) error { return s.tell(tx, report.Recall, part) })
		if err != nil {
			return report, err
		}
		if report.Told += len(part); progress != nil {
			progress(report.Told, len(waiting))
		}
	}
	return report, nil
}

// recalling runs fn for the operator, or for the head of a place.
func (s *Service) recalling(ctx context.Context, actor protect.Actor, place string, fn func(Tx) error) error {
	return s.store.Stock(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Recall}), func(tx Tx) error {
		if actor.Role != protect.System {
			if _, head, err := tx.Works(actor.ID, place); err != nil {
				return err
			} else if !head {
				return carnet.E("stock.Recall", carnet.Denied, "stock.head", nil)
			}
		} else if place != "" {
			if _, err := tx.Place(place); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

// open finds or makes the recall, and whom it concerns. A dose that another recall of the same lot
// follows counts as told.
func (s *Service) open(tx Tx, actor protect.Actor, o Order) (Report, error) {
	recalls, err := tx.Recalls()
	if err != nil {
		return Report{}, err
	}
	told := map[carnet.ID]bool{}
	report := Report{Recall: Recall{Vaccine: o.Vaccine, Number: o.Number, Place: o.Place, Reason: o.Reason, At: s.ids.Clock(), By: actor.ID}}
	for _, r := range recalls {
		if r.Vaccine != o.Vaccine || !r.Number.Equal(o.Number.Private) {
			continue
		}
		if r.Place == o.Place {
			report.Recall = r
		}
		follows, err := tx.Follows(r.ID, o.Place)
		if err != nil {
			return Report{}, err
		}
		for _, f := range follows {
			told[f.Dose] = true
		}
	}
	if report.Recall.ID.IsZero() && !o.DryRun {
		if report.Recall.ID, err = s.ids.New(); err != nil {
			return Report{}, err
		}
		if err := tx.PutRecall(report.Recall); err != nil {
			return Report{}, err
		}
	}
	doses, err := tx.Injected(o.Vaccine, o.Number, o.Place)
	for _, d := range doses {
		report.Doses = append(report.Doses, Concerned{d, told[d.Dose]})
		if !told[d.Dose] {
			report.Told++
		}
	}
	return report, err
}

// tell leaves a notice for each dose that has none yet.
func (s *Service) tell(tx Tx, r Recall, part []Injected) error {
	now := s.ids.Clock()
	var fresh []Injected
	for _, d := range part {
		told, err := tx.Followed(r.ID, d.Person, d.Dose) // by a run beside this one
		if err != nil {
			return err
		}
		if !told {
			fresh = append(fresh, d)
		}
	}
	for _, d := range fresh {
		if err := tx.PutFollow(Follow{Recall: r.ID, Person: d.Person, Dose: d.Dose, Place: d.Place, Contact: ToContact, ToldAt: now, ChangedAt: now}); err != nil {
			return err
		}
		if err := tx.Tell(carnet.Notice{PersonID: d.Person, Kind: "lot.recalled", Dose: d.Dose, At: now,
			Args: map[string]string{"vaccine": r.Vaccine, "date": d.Date.String(), "reason": string(r.Reason)}}); err != nil {
			return err
		}
	}
	return nil
}

// Concern is a line of the list of a place: somebody to reach.
type Concern struct {
	Follow
	Person carnet.Person
	Date   carnet.Date // of the injection
}

// Follow opens the follow-up of the recalls of a lot at a place, by name: who was injected there, and who was reached.
// For those who exercise at the place; a delegate does not see it.
func (s *Service) Follow(ctx context.Context, actor protect.Actor, place string, lot carnet.ID) (Lot, []Concern, error) {
	var l Lot
	var list []Concern
	err := s.following(ctx, actor, place, func(tx Tx) (err error) {
		if l, err = find(tx, place, lot); err != nil || l.Recall == nil {
			return err
		}
		doses, err := tx.Injected(l.Vaccine, l.Number, place)
		if err != nil {
			return err
		}
		on := map[carnet.ID]carnet.Date{}
		for _, d := range doses {
			on[d.Dose] = d.Date
		}
		follows, err := followsOf(tx, l)
		if err != nil {
			return err
		}
		for _, f := range follows {
			if on[f.Dose].IsZero() {
				continue // it no longer stands
			}
			p, err := tx.Person(f.Person)
			if err != nil {
				return err
			}
			list = append(list, Concern{f, p, on[f.Dose]})
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b Concern) int {
		return strings.Compare(a.Person.Identity.Name().Reveal()+" "+a.Person.Identity.Given(), b.Person.Identity.Name().Reveal()+" "+b.Person.Identity.Given())
	})
	return l, list, err
}

// followsOf lists the rows of every recall of a lot, at its place.
func followsOf(tx Tx, l Lot) ([]Follow, error) {
	recalls, err := tx.Recalls()
	if err != nil {
		return nil, err
	}
	var list []Follow
	for _, r := range recalls {
		if r.Vaccine != l.Vaccine || !r.Number.Equal(l.Number.Private) || r.Place != "" && r.Place != l.Place {
			continue
		}
		follows, err := tx.Follows(r.ID, l.Place)
		if err != nil {
			return nil, err
		}
		list = append(list, follows...)
	}
	return list, nil
}

// Mark notes whether somebody was reached. Marked again alike, nothing changes.
func (s *Service) Mark(ctx context.Context, actor protect.Actor, place string, lot, dose carnet.ID, contact Contact) error {
	if !slices.Contains(Contacts, contact) {
		return &carnet.Error{Op: "stock.Mark", Kind: carnet.Invalid, Code: "recall.contact", Field: "contact"}
	}
	return s.following(ctx, actor, place, func(tx Tx) error {
		l, err := find(tx, place, lot)
		if err != nil {
			return err
		}
		follows, err := followsOf(tx, l)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(follows, func(f Follow) bool { return f.Dose == dose })
		if i < 0 {
			return carnet.E("stock.Mark", carnet.NotFound, "recall.unknown", nil)
		}
		f := follows[i]
		if f.Contact == contact {
			return nil
		}
		f.Contact, f.ChangedAt, f.ChangedBy = contact, s.ids.Clock(), actor.ID
		return tx.PutFollow(f)
	})
}

// following runs fn for somebody who exercises at a place, themselves.
func (s *Service) following(ctx context.Context, actor protect.Actor, place string, fn func(Tx) error) error {
	if err := actor.May(protect.ActRecall); err != nil {
		return err
	}
	return s.store.Stock(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Recall}), func(tx Tx) error {
		if works, _, err := tx.Works(actor.ID, place); err != nil {
			return err
		} else if !works {
			return carnet.E("stock", carnet.Denied, "stock.place", nil)
		}
		return fn(tx)
	})
}

// Progress is how far the follow-up of a recall is, over every place that it reaches.
type Progress struct {
	Recall   Recall
	Contacts map[Contact]int
}

// Recalls lists the recalls with the progress of their follow-up, for the operator.
func (s *Service) Recalls(ctx context.Context, actor protect.Actor) ([]Progress, error) {
	var list []Progress
	err := s.store.Stock(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Recall}), func(tx Tx) error {
		if actor.Role != protect.System {
			return carnet.E("stock.Recalls", carnet.Denied, "stock.head", nil)
		}
		recalls, err := tx.Recalls()
		if err != nil {
			return err
		}
		for _, r := range recalls {
			follows, err := tx.Follows(r.ID, r.Place)
			if err != nil {
				return err
			}
			p := Progress{r, map[Contact]int{}}
			for _, f := range follows {
				p.Contacts[f.Contact]++
			}
			list = append(list, p)
		}
		return nil
	})
	return list, err
}
