package pro

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
)

// The rest of the room people, in memory.

func (f *fake) ByRecall(_ context.Context, _ protect.Actor, code carnet.Private) ([]people.Found, error) {
	for _, p := range f.people {
		if !code.IsZero() && p.Recall.Equal(code) {
			return []people.Found{{ID: p.ID, Identity: p.Identity, Why: []people.Reason{{Trait: people.ByRecall, How: people.Exact, Points: 100}}, Score: 100}}, f.down
		}
	}
	return nil, carnet.E("people", carnet.NotFound, "person.unknown-recall", nil)
}

func (f *fake) Dependants(_ context.Context, _ protect.Actor, parent carnet.ID) ([]people.Found, error) {
	return f.children[parent], f.down
}

func (f *fake) Changes(_ context.Context, _ protect.Actor, person carnet.ID) ([]people.Change, error) {
	return f.changes, f.down
}

func (f *fake) Open(_ context.Context, _ protect.Actor, n people.Newcomer) (carnet.Person, []people.Found, error) {
	f.newcomers = append(f.newcomers, n)
	if len(f.like) > 0 && len(n.Seen) == 0 {
		return carnet.Person{}, f.like, carnet.E("people", carnet.Conflict, "person.exists", nil)
	}
	return newcomer, nil, f.identity
}

func (f *fake) Number(_ context.Context, _ protect.Actor, n people.Numbering) (carnet.ID, error) {
	f.numbered = append(f.numbered, n)
	return fougere.ID, f.identity
}

func (f *fake) Join(_ context.Context, _ protect.Actor, j people.Joining) error {
	f.joined = append(f.joined, j)
	return f.identity
}

func (f *fake) Separate(_ context.Context, _ protect.Actor, p people.Separation) (carnet.ID, error) {
	f.separated = append(f.separated, p)
	return fougere.ID, f.identity
}

func (f *fake) Rename(_ context.Context, _ protect.Actor, r people.Renaming) error {
	f.renamed = append(f.renamed, r)
	return f.identity
}
