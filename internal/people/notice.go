package people

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// maxNotices bounds what Notices answers.
const maxNotices = 200

// Notices lists what the person who is logged in was told, newest first, at most 200. Any room tells
// them in its own transaction, by the Tell of the store.
func (s *Service) Notices(ctx context.Context, actor protect.Actor) ([]carnet.Notice, error) {
	var list []carnet.Notice
	err := s.store.Within(ctx, s.informed(actor), func(tx Tx) (err error) {
		list, err = tx.NoticesOf(actor.ID, maxNotices)
		return err
	})
	return list, err
}

// Seen notes that the person who is logged in has read what they were told until now.
func (s *Service) Seen(ctx context.Context, actor protect.Actor) error {
	return s.store.Within(ctx, s.informed(actor), func(tx Tx) error { return tx.SeeNotices(actor.ID, s.ids.Clock()) })
}

func (s *Service) informed(actor protect.Actor) protect.Decision {
	return s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Information, Person: actor.ID})
}
