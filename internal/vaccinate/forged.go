package vaccinate

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Suspicion says that entries of one person were forged: a whole cycle at once. The first person
// says so (Suspect), another one confirms (Annul) or does not (Clear). What is annulled stays so,
// shown as annulled and counted apart from errors (workflow section 6: DGS-Urgent 2022-26).
type Suspicion struct {
	Key    carnet.ID // idempotency key
	Person carnet.ID
	Doses  []carnet.ID
	Reason string // in words
}

// maxForged is how many entries one suspicion names.
const maxForged = 20

// Suspect marks entries as forged, for somebody else to confirm. Who may correct an entry may; so
// may whoever exercises at its place. Nothing is taken away yet.
func (s *Service) Suspect(ctx context.Context, actor protect.Actor, f Suspicion) error {
	return s.settle(ctx, actor, f, Suspected, func(k *change, d carnet.Dose, me carnet.Professional) (Event, error) {
		if d.Suspected {
			return Event{}, carnet.E("vaccinate", carnet.Conflict, "dose.is-suspected", nil)
		}
		if MayTouch(d, me, carnet.DateOf(k.at)) != nil && !worksThere(d, me) {
			return Event{}, carnet.E("vaccinate", carnet.Denied, "dose.not-yours", nil)
		}
		d.Suspected = true
		return Event{Cause: Forged, Dose: d}, nil
	})
}

// Annul confirms: the entries are taken away for good, the documents that state them are revoked,
// the person is told. It takes another professional than the one who said so, and one of the two
// heads the place. There is no way back: a dose that was given all the same is recorded anew.
func (s *Service) Annul(ctx context.Context, actor protect.Actor, f Suspicion) error {
	return s.settle(ctx, actor, f, Annulled, func(k *change, d carnet.Dose, me carnet.Professional) (Event, error) {
		if err := k.second(d, me); err != nil {
			return Event{}, err
		}
		d.Version++
		d.Suspected, d.Contested = false, false
		return Event{Cause: Forged, Dose: d}, k.tell("dose.annulled", d, map[string]string{})
	})
}

// Clear does not confirm: the entries stand as before. Whoever could annul may, and so may the one
// who said so.
func (s *Service) Clear(ctx context.Context, actor protect.Actor, f Suspicion) error {
	return s.settle(ctx, actor, f, Cleared, func(k *change, d carnet.Dose, me carnet.Professional) (Event, error) {
		if !d.Suspected {
			return Event{}, carnet.E("vaccinate", carnet.Conflict, "dose.not-suspected", nil)
		}
		first, err := k.accuser(d)
		if err != nil {
			return Event{}, err
		}
		if first.ID != me.ID {
			if err := k.second(d, me); err != nil {
				return Event{}, err
			}
		}
		d.Suspected = false
		return Event{Dose: d}, nil
	})
}

// settle does one step of a suspicion for each of its entries.
func (s *Service) settle(ctx context.Context, actor protect.Actor, f Suspicion, kind EventKind, step func(*change, carnet.Dose, carnet.Professional) (Event, error)) error {
	if err := actor.May(protect.ActCancel); err != nil {
		return err
	}
	var problems carnet.Problems
	checkKey(&problems, f.Key)
	f.Reason = strings.TrimSpace(f.Reason)
	checkReason(&problems, "reason", f.Reason)
	doses := slices.Clone(f.Doses)
	slices.SortFunc(doses, func(a, b carnet.ID) int { return bytes.Compare(a[:], b[:]) })
	if doses = slices.Compact(doses); len(doses) == 0 || len(doses) > maxForged {
		problems.Add("doses", "dose.forged-which", nil)
	}
	if err := problems.Err(); err != nil {
		return err
	}
	return s.change(ctx, actor, f.Person, func(k *change) error {
		me, err := k.tx.Professional(actor.ID)
		if err != nil {
			return err
		}
		for _, id := range doses {
			key := derived(f.Key, id) // one key for each entry
			if done, err := k.done(key, kind); err != nil || done != nil {
				if err != nil {
					return err
				}
				continue
			}
			d, err := k.entry(id, 0)
			if err != nil {
				return err
			}
			e, err := step(k, d, me)
			if err != nil {
				return err
			}
			e.Kind, e.Key, e.Reason = kind, key, f.Reason
			if _, err := k.append(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// second refuses whoever may not confirm.
func (k *change) second(d carnet.Dose, me carnet.Professional) error {
	if !d.Suspected {
		return carnet.E("vaccinate", carnet.Conflict, "dose.not-suspected", nil)
	}
	first, err := k.accuser(d)
	if err != nil {
		return err
	}
	switch {
	case first.ID == me.ID:
		return carnet.E("vaccinate", carnet.Denied, "dose.second-person", nil)
	case HeadsEntry(d, me), HeadsEntry(d, first) && worksThere(d, me):
		return nil
	}
	return carnet.E("vaccinate", carnet.Denied, "dose.needs-head", nil)
}

// accuser is who said that an entry is forged.
func (k *change) accuser(d carnet.Dose) (carnet.Professional, error) {
	events, err := k.tx.Events(k.person.ID, d.ID)
	if err != nil {
		return carnet.Professional{}, err
	}
	for _, e := range slices.Backward(events) {
		if e.Kind == Suspected {
			return k.tx.Professional(e.Actor)
		}
	}
	return carnet.Professional{}, carnet.E("vaccinate", carnet.Conflict, "dose.not-suspected", nil)
}

func worksThere(d carnet.Dose, me carnet.Professional) bool {
	return slices.ContainsFunc(me.Places, func(p carnet.Place) bool { return p.ID == d.Place.ID || p.ID == d.RecordedIn })
}

// Suspects lists the entries of the places where the actor exercises that are said to be forged and
// wait for a second person.
func (s *Service) Suspects(ctx context.Context, actor protect.Actor) ([]carnet.Dose, error) {
	if err := actor.May(protect.ActCancel); err != nil {
		return nil, err
	}
	var list []carnet.Dose
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) error {
		me, err := tx.Professional(actor.ID)
		if err != nil {
			return err
		}
		seen := map[carnet.ID]bool{}
		for _, p := range me.Places {
			doses, err := tx.Suspects(p.ID)
			if err != nil {
				return err
			}
			for _, d := range doses {
				if !seen[d.ID] {
					seen[d.ID] = true
					list = append(list, d)
				}
			}
		}
		return nil
	})
	return list, err
}
