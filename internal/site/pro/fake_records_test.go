package pro

import (
	"context"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// records is the part of the fake that puts entries right.
type records struct {
	link      vaccinate.Link
	met       map[carnet.ID]vaccinate.Link
	motives   []string
	annulled  []carnet.Dose
	events    []vaccinate.Event
	effect    vaccinate.Effect
	undone    []carnet.ID
	moved     []vaccinate.Move
	suspected []vaccinate.Suspicion
	confirmed []vaccinate.Suspicion
	cleared   []vaccinate.Suspicion
	suspects  []carnet.Dose
	petitions []vaccinate.Petition
	answered  []vaccinate.Petition
	refused   error
}

func (f *records) Annulled(context.Context, protect.Actor, carnet.ID) ([]carnet.Dose, error) {
	return f.annulled, nil
}

func (f *records) Events(_ context.Context, _ protect.Actor, _, dose carnet.ID) ([]vaccinate.Event, error) {
	return slices.DeleteFunc(slices.Clone(f.events), func(e vaccinate.Event) bool { return e.Dose.ID != dose }), nil
}

func (f *records) Preview(context.Context, protect.Actor, vaccinate.Command, vaccinate.Revision) (vaccinate.Effect, error) {
	return f.effect, f.refused
}

func (f *records) PreviewCancel(context.Context, protect.Actor, carnet.ID, carnet.ID) (vaccinate.Effect, error) {
	return f.effect, f.refused
}

func (f *records) Undo(_ context.Context, _ protect.Actor, _, dose, _ carnet.ID) error {
	f.undone = append(f.undone, dose)
	return f.refused
}

func (f *records) Move(_ context.Context, _ protect.Actor, m vaccinate.Move) (carnet.Dose, error) {
	f.moved = append(f.moved, m)
	return carnet.Dose{ID: id(70), PersonID: m.To}, f.refused
}

func (f *records) Suspect(_ context.Context, _ protect.Actor, s vaccinate.Suspicion) error {
	f.suspected = append(f.suspected, s)
	return f.refused
}

func (f *records) Annul(_ context.Context, _ protect.Actor, s vaccinate.Suspicion) error {
	f.confirmed = append(f.confirmed, s)
	return f.refused
}

func (f *records) Clear(_ context.Context, _ protect.Actor, s vaccinate.Suspicion) error {
	f.cleared = append(f.cleared, s)
	return f.refused
}

func (f *records) Suspects(context.Context, protect.Actor) ([]carnet.Dose, error) {
	return f.suspects, nil
}

func (f *records) Meet(_ context.Context, _ protect.Actor, person carnet.ID, how vaccinate.Link) error {
	if f.met == nil {
		f.met = map[carnet.ID]vaccinate.Link{}
	}
	f.met[person] = how
	return nil
}

// LinkOf is a record unless a test says otherwise: most of them look at somebody who is known.
func (f *records) LinkOf(context.Context, protect.Actor, carnet.ID) (vaccinate.Link, error) {
	return f.link, nil
}

func (f *records) BreakGlass(_ context.Context, _ protect.Actor, _ carnet.ID, motive string) error {
	f.motives = append(f.motives, motive)
	if motive == "" {
		var problems carnet.Problems
		problems.Add("motive", "dose.reason-missing", nil)
		return problems
	}
	f.link = vaccinate.ByGlass
	return nil
}

func (f *records) Asked(context.Context, protect.Actor) ([]vaccinate.Petition, error) {
	return f.petitions, nil
}

func (f *records) Answer(_ context.Context, _ protect.Actor, person, id carnet.ID, state vaccinate.PetitionState, words string) error {
	if f.refused == nil {
		f.answered = append(f.answered, vaccinate.Petition{ID: id, Person: person, State: state, Answer: carnet.Hide(words)})
	}
	return f.refused
}

func (f *fake) Renumber(_ context.Context, _ protect.Actor, person, _ carnet.ID) error {
	f.renumbered = append(f.renumbered, person)
	return f.down
}
