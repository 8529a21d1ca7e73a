package pro

import (
	"context"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// Records is what the site needs of the room vaccinate to show what became of entries, and to put
// them right.
type Records interface {
	Annulled(ctx context.Context, actor protect.Actor, person carnet.ID) ([]carnet.Dose, error)
	Events(ctx context.Context, actor protect.Actor, person, dose carnet.ID) ([]vaccinate.Event, error)
	Preview(ctx context.Context, actor protect.Actor, c vaccinate.Command, r vaccinate.Revision) (vaccinate.Effect, error)
	PreviewCancel(ctx context.Context, actor protect.Actor, person, dose carnet.ID) (vaccinate.Effect, error)
	Undo(ctx context.Context, actor protect.Actor, person, dose, key carnet.ID) error
	Move(ctx context.Context, actor protect.Actor, m vaccinate.Move) (carnet.Dose, error)
	Suspect(ctx context.Context, actor protect.Actor, f vaccinate.Suspicion) error
	Annul(ctx context.Context, actor protect.Actor, f vaccinate.Suspicion) error
	Clear(ctx context.Context, actor protect.Actor, f vaccinate.Suspicion) error
	Suspects(ctx context.Context, actor protect.Actor) ([]carnet.Dose, error)

	Renumber(ctx context.Context, actor protect.Actor, person, follows carnet.ID) error

	Meet(ctx context.Context, actor protect.Actor, person carnet.ID, how vaccinate.Link) error
	LinkOf(ctx context.Context, actor protect.Actor, person carnet.ID) (vaccinate.Link, error)
	BreakGlass(ctx context.Context, actor protect.Actor, person carnet.ID, motive string) error

	Asked(ctx context.Context, actor protect.Actor) ([]vaccinate.Petition, error)
	Answer(ctx context.Context, actor protect.Actor, person, id carnet.ID, state vaccinate.PetitionState, words string) error
}
