package people

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Freshness says where the traits of a person come from, and when that source last said them (GDPR
// art. 5-1-d). Source is the purpose under which they were written or confirmed: "enrolment",
// "identification" of somebody with a document in hand, "import", "login" of the person. It is empty,
// and At zero, for what was recorded before this was kept.
type Freshness struct {
	Person carnet.ID
	Source string
	At     time.Time
}

// maxStale bounds what Stale answers.
const maxStale = 10_000

// Stale lists the people whose traits no source has confirmed since a time, the oldest first, at
// most 10,000: for the operator, who asks the source again.
func (s *Service) Stale(ctx context.Context, actor protect.Actor, before time.Time) ([]Freshness, error) {
	var list []Freshness
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment})
	err := s.store.Within(ctx, d, func(tx Tx) (err error) {
		list, err = tx.Stale(before, maxStale)
		return err
	})
	return list, err
}
