package vaccinate

import (
	"context"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// maxInfections is how many infections a person may have on record.
const maxInfections = 50

// Infections lists the infections of a person that stand, oldest first.
func (s *Service) Infections(ctx context.Context, actor protect.Actor, person carnet.ID) (list []carnet.Infection, err error) {
	err = s.about(ctx, actor, person, func(tx Tx) (err error) {
		list, err = tx.Infections(person)
		return err
	})
	return list, err
}

// RecordInfection writes that a person had a disease. A proven one may shorten a course: the doses
// whose rank it changes get theirs by events that name it, and certificates follow. The key was made
// before the form was shown; the same again changes nothing.
func (s *Service) RecordInfection(ctx context.Context, actor protect.Actor, key carnet.ID, i carnet.Infection) (carnet.Infection, error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return carnet.Infection{}, err
	}
	err := s.change(ctx, actor, i.PersonID, func(k *change) error {
		if done, err := k.tx.InfectionOf(i.PersonID, key); err == nil {
			if done.Disease != i.Disease || done.Date != i.Date || done.Evidence != i.Evidence {
				return reused()
			}
			i = done
			return nil
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		if err := k.checkInfection(key, i); err != nil {
			return err
		}
		var err error
		if i.ID, err = s.ids.New(); err != nil {
			return err
		}
		i.RecordedBy, i.RecordedAt = actor.ID, k.at
		if err := k.tx.PutInfection(key, i); err != nil {
			return err
		}
		before := k.numbers()
		k.facts.Infections = append(k.facts.Infections, i)
		return k.renumber(before, k.numbers(), Event{ID: i.ID, Actor: actor.ID, At: k.at, Delegate: actor.Delegate, Session: actor.Session})
	})
	return i, err
}

func (k *change) checkInfection(key carnet.ID, i carnet.Infection) error {
	var problems carnet.Problems
	checkKey(&problems, key)
	if _, known := k.s.catalogue.Disease(i.Disease); !known {
		problems.Add("disease", "infection.disease", nil)
	}
	if i.Evidence != carnet.Proven && i.Evidence != carnet.Stated {
		problems.Add("evidence", "infection.evidence", nil)
	}
	switch today := carnet.DateOf(k.at); {
	case i.Date.IsZero():
		problems.Add("date", "dose.date-missing", nil)
	case i.Date.After(today):
		problems.Add("date", "dose.date-future", map[string]any{"Today": today})
	case k.person.Identity.Birth.After(i.Date):
		problems.Add("date", "dose.before-birth", nil)
	}
	if len(k.facts.Infections) >= maxInfections {
		problems.Add("disease", "infection.many", nil)
	}
	return problems.Err()
}

// WithdrawInfection takes an infection away that was entered by mistake; again, it changes nothing.
// Ranks follow as when it was recorded.
func (s *Service) WithdrawInfection(ctx context.Context, actor protect.Actor, person, infection carnet.ID) error {
	if err := actor.May(protect.ActCorrect); err != nil {
		return err
	}
	return s.change(ctx, actor, person, func(k *change) error {
		i := slices.IndexFunc(k.facts.Infections, func(i carnet.Infection) bool { return i.ID == infection })
		if i < 0 {
			return nil
		}
		was := k.facts.Infections[i]
		if err := k.tx.WithdrawInfection(was.PersonID, infection, actor.ID, k.at); err != nil {
			return err
		}
		before := k.numbers()
		k.facts.Infections = slices.Delete(slices.Clone(k.facts.Infections), i, i+1)
		cause := derived(infection, person) // the withdrawal, told apart from the entry
		return k.renumber(before, k.numbers(), Event{ID: cause, Actor: actor.ID, At: k.at, Delegate: actor.Delegate, Session: actor.Session})
	})
}
