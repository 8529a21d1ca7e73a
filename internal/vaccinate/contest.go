package vaccinate

import (
	"context"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Contest says that what a delegate entered in one's name was not theirs to enter, or is wrong: an
// event, and a mark that the entry shows until it is corrected or cancelled. Only who answers for
// the entry may, in a session of their own (identity section 5, D7).
func (s *Service) Contest(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID, reason string) error {
	if err := actor.May(protect.ActContest); err != nil {
		return err
	}
	var problems carnet.Problems
	checkKey(&problems, key)
	reason = strings.TrimSpace(reason)
	if checkReason(&problems, "reason", reason); len(problems) > 0 {
		return problems
	}
	return s.change(ctx, actor, person, func(k *change) error {
		if done, err := k.done(key, Contested); err != nil || done != nil {
			if err == nil && done.Dose.ID != dose {
				err = reused()
			}
			return err
		}
		d, err := k.entry(dose, 0)
		if err != nil {
			return err
		}
		if d.RecordedBy != actor.ID {
			return carnet.E("vaccinate", carnet.Denied, "dose.not-yours", nil)
		}
		if d.Delegate.IsZero() {
			return carnet.E("vaccinate", carnet.Denied, "dose.not-delegated", nil)
		}
		d.Version++
		d.Contested = true
		_, err = k.append(Event{Kind: Contested, Key: key, Dose: d, Reason: reason})
		return err
	})
}

// Entry is what a delegate entered, and what has become of it.
type Entry struct {
	Event
	Stands bool        // the dose still stands
	Now    carnet.Dose // as it stands; zero when it does not
}

// DelegatedEntries lists what delegates have entered in the actor's name since a time, newest
// first (D7). It is refused to a delegate.
func (s *Service) DelegatedEntries(ctx context.Context, actor protect.Actor, since time.Time) ([]Entry, error) {
	if err := actor.May(protect.ActContest); err != nil {
		return nil, err
	}
	var list []Entry
	err := s.within(ctx, actor, carnet.ID{}, func(tx Tx) error {
		events, err := tx.Delegated(actor.ID, since)
		if err != nil {
			return err
		}
		for _, e := range events {
			record, err := tx.Into(e.Dose.PersonID)
			if err != nil {
				return err
			}
			doses, err := tx.Doses(record)
			if err != nil {
				return err
			}
			entry := Entry{Event: e}
			if i := slices.IndexFunc(doses, func(d carnet.Dose) bool { return d.ID == e.Dose.ID }); i >= 0 {
				entry.Stands, entry.Now = true, doses[i]
			}
			list = append(list, entry)
		}
		return nil
	})
	return list, err
}
