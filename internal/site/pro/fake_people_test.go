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

// doubtful are results that nothing makes sure.
func doubtful() []people.Found {
	twin := fougere.Identity
	twin.GivenNames = []carnet.Private{carnet.Hide("Capucine")}
	return []people.Found{
		{ID: fougere.ID, Identity: fougere.Identity, Score: 97, Alerts: []people.Alert{people.Twin}, Why: []people.Reason{{Trait: people.ByName, How: people.Exact, Points: 40}, {Trait: people.ByBirth, How: people.Exact, Points: 37}, {Trait: people.ByGiven, How: people.Exact, Points: 20}}},
		{ID: id(14), Identity: twin, Score: 57, Alerts: []people.Alert{people.Twin, people.NoNumber, people.Deceased}, Died: today,
			Why: []people.Reason{{Trait: people.ByName, How: people.Slip, Points: 30}, {Trait: people.ByBirth, How: people.Swapped, Points: 26}, {Trait: people.ByGiven, How: people.Other, Points: -20}}},
	}
}

// happened is the history of an identity.
func happened() []people.Change {
	return []people.Change{
		{Kind: people.Renamed, At: now, Proof: people.CivilStatus, Reason: "Nom de naissance mal lu sur le passeport"},
		{Kind: people.Received, Other: id(13), At: now, Proof: people.IDCard, Reason: "Même personne, deux dossiers"},
		{Kind: people.Opened, At: now, Proof: people.Passport},
	}
}

// elsewhere are doses of somebody who had them abroad, on proof and not.
func elsewhere() []carnet.Dose {
	return []carnet.Dose{
		{ID: id(51), PersonID: recalled.ID, Vaccine: "EU/1/20/1528", Date: carnet.Date{Year: 2021, Month: 1, Day: 12}, Country: "BE", Evidence: carnet.Proven, Rank: 1, Expected: 2, Version: 1, RecordedAt: now},
		{ID: id(52), PersonID: recalled.ID, Product: "Vaxin 19", Date: carnet.Date{Year: 2021, Month: 3, Day: 2}, Country: "MA", Evidence: carnet.Stated, Version: 1, RecordedAt: now},
		{ID: id(53), PersonID: recalled.ID, Vaccine: "EU/1/20/1528", Date: carnet.Date{Year: 2021, Month: 6, Day: 1}, Place: acacias, NotGiven: carnet.Unwell, Version: 1, RecordedAt: now},
	}
}
