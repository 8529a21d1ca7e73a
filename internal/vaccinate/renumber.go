package vaccinate

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Renumber gives the doses of a person the ranks that the rules give to the whole history, by events
// that name what they follow: records were joined or parted, or a birth date was corrected. A rank that
// somebody chose stays. Done again it changes nothing. Documents that the change belies are looked
// at before it answers.
func (s *Service) Renumber(ctx context.Context, actor protect.Actor, person, follows carnet.ID) error {
	err := s.about(ctx, actor, person, func(tx Tx) error {
		k, err := s.open(tx, actor, person)
		if err != nil {
			return err
		}
		numbers := k.numbers()
		for _, d := range k.standing {
			is := numbers[d.ID]
			if is.Rank == 0 || d.RankReason != "" || d.Rank == is.Rank && d.Expected == is.Expected {
				continue
			}
			d.Rank, d.Expected, d.Rules = is.Rank, is.Expected, is.Version
			e := Event{Kind: Renumbered, Key: derived(follows, d.ID), Actor: actor.ID, At: k.at, Delegate: actor.Delegate, Session: actor.Session, Dose: d, Follows: follows}
			if e.ID, err = s.ids.New(); err != nil {
				return err
			}
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && s.after != nil {
		s.after(ctx, person)
	}
	return err
}
