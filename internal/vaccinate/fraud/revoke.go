package fraud

import (
	"context"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// Scope says which entries an order is about: those of a session, or those in the name of a
// professional, within a period when one is given.
type Scope struct {
	Session      carnet.ID
	Professional carnet.ID
	From, To     time.Time // entered at From or later, before To; zero does not restrict
}

// Entry is a dose that was entered.
type Entry struct {
	Person, Dose carnet.ID
	Session      carnet.ID
	Professional carnet.ID
	At           time.Time
	Stands       bool // not cancelled since
	Suspended    bool
}

// Order is what a revocation does, or would do.
type Order struct {
	Scope        Scope
	Professional carnet.ID // whose entries they are
	Doses        []Entry   // that are suspended by it
	Before       int       // doses that were suspended before
	Gone         int       // doses that were cancelled since
	People       int
	Certificates int // documents that state these doses and are still good
}

// Certificates counts the documents of a person that state doses and are not revoked;
// certify.Service has it.
type Certificates interface {
	Stating(ctx context.Context, actor protect.Actor, person carnet.ID, doses []carnet.ID) (int, error)
}

// Plan says what an order would do, and does nothing.
func (w *Watch) Plan(ctx context.Context, actor protect.Actor, s Scope, c Certificates) (Order, error) {
	o := Order{Scope: s}
	if err := staff(actor); err != nil {
		return o, err
	}
	if s.Session.IsZero() == s.Professional.IsZero() || !s.To.IsZero() && !s.To.After(s.From) {
		return o, carnet.E("fraud.Plan", carnet.Invalid, "fraud.scope", nil)
	}
	var entries []Entry
	err := w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) (err error) {
		entries, err = tx.Entered(s)
		return err
	})
	if err != nil {
		return o, err
	}
	if len(entries) == 0 {
		return o, carnet.E("fraud.Plan", carnet.NotFound, CodeUnknown, nil)
	}
	o.Professional = entries[0].Professional
	for _, e := range entries {
		switch {
		case !e.Stands:
			o.Gone++
		case e.Suspended:
			o.Before++
		default:
			o.Doses = append(o.Doses, e)
		}
	}
	for _, person := range o.people() {
		n, err := c.Stating(ctx, actor, person, o.of(person))
		if err != nil {
			return o, err
		}
		o.People++
		o.Certificates += n
	}
	return o, nil
}

// people lists whose doses an order is about, in their order.
func (o Order) people() (list []carnet.ID) {
	seen := map[carnet.ID]bool{}
	for _, e := range o.Doses {
		if !seen[e.Person] {
			seen[e.Person] = true
			list = append(list, e.Person)
		}
	}
	return list
}

func (o Order) of(person carnet.ID) (doses []carnet.ID) {
	for _, e := range o.Doses {
		if e.Person == person {
			doses = append(doses, e.Dose)
		}
	}
	return doses
}

// Revoke carries an order out: it suspends every dose of it by an event and tells each person. What
// states these doses is revoked by certify.Follow, which the caller runs next. Each person is a
// transaction of its own, and a dose that is suspended is left as it is: an order that was stopped half
// way is given again and goes on where it was.
func (w *Watch) Revoke(ctx context.Context, actor protect.Actor, s Scope, c Certificates, reason string) (Order, error) {
	var problems carnet.Problems
	reason = words(&problems, reason)
	if err := problems.Err(); err != nil {
		return Order{Scope: s}, err
	}
	o, err := w.Plan(ctx, actor, s, c)
	if err != nil || len(o.Doses) == 0 {
		return o, err
	}
	for _, person := range o.people() {
		if err := w.mark(ctx, actor, vaccinate.Suspended, person, o.of(person), reason); err != nil {
			return o, err
		}
	}
	return o, w.act(ctx, actor, Answer{Kind: Revoked, Session: s.Session, Professional: o.Professional, Reason: carnet.Hide(reason), N: len(o.Doses)})
}

// Release lets certificates be made again of doses that an order had suspended: all of the scope. The
// documents that were revoked stay so; the next ones are others.
func (w *Watch) Release(ctx context.Context, actor protect.Actor, s Scope, reason string) (int, error) {
	if err := staff(actor); err != nil {
		return 0, err
	}
	var problems carnet.Problems
	reason = words(&problems, reason)
	if err := problems.Err(); err != nil {
		return 0, err
	}
	var o Order
	err := w.store.Fraud(ctx, w.decide(actor, carnet.ID{}), func(tx Tx) error {
		entries, err := tx.Entered(s)
		o.Doses = slices.DeleteFunc(entries, func(e Entry) bool { return !e.Stands || !e.Suspended })
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(o.Doses) == 0 {
		return 0, carnet.E("fraud.Release", carnet.NotFound, CodeUnknown, nil)
	}
	for _, person := range o.people() {
		if err := w.mark(ctx, actor, vaccinate.Released, person, o.of(person), reason); err != nil {
			return 0, err
		}
	}
	return len(o.Doses), w.act(ctx, actor, Answer{Kind: Released, Session: s.Session, Professional: o.Doses[0].Professional, Reason: carnet.Hide(reason), N: len(o.Doses)})
}

// mark appends an event to each of a person's doses and tells the person.
func (w *Watch) mark(ctx context.Context, actor protect.Actor, kind vaccinate.EventKind, person carnet.ID, doses []carnet.ID, reason string) error {
	return w.store.Fraud(ctx, w.decide(actor, person), func(tx Tx) error {
		all, err := tx.Doses(person)
		if err != nil {
			return err
		}
		for _, d := range all {
			if !slices.Contains(doses, d.ID) || d.Suspended == (kind == vaccinate.Suspended) {
				continue
			}
			e := vaccinate.Event{Kind: kind, Actor: actor.ID, At: w.now(), Session: actor.Session, Dose: d, Reason: reason}
			if e.ID, err = w.ids.New(); err != nil {
				return err
			}
			e.Key = e.ID
			e.Dose.Suspended, e.Dose.Version = kind == vaccinate.Suspended, d.Version+1
			if err := tx.Append(e); err != nil {
				return err
			}
			if err := tx.Tell(carnet.Notice{PersonID: person, Kind: told[kind], Dose: d.ID, At: e.At, Args: map[string]string{"date": d.Date.String(), "vaccine": d.Vaccine}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// told is the kind of notice of each event.
var told = map[vaccinate.EventKind]string{vaccinate.Suspended: "dose.suspended", vaccinate.Released: "dose.released"}
