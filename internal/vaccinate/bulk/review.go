package bulk

import (
	"context"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// Choice is what a human decides about a row that waits.
type Choice string

// The choices. Which of them a question has is in Question.Choices.
const (
	KeepOld    Choice = "old"   // what is there says it better: the row is that dose
	TakeNew    Choice = "new"   // the row says it better: the dose that is there is corrected, or moved to whom the row names
	Both       Choice = "both"  // both took place
	SamePerson Choice = "same"  // the one who is there: what the row says is theirs
	Another    Choice = "other" // somebody else, who is enrolled
	Drop       Choice = "drop"  // the row is nothing
)

// choices lists them by the code of the question. A number that is known cannot be another's.
var choices = map[string][]Choice{
	CodeNear:    {KeepOld, TakeNew, Both},
	CodeChanged: {KeepOld, TakeNew},
	CodeMoved:   {KeepOld, TakeNew},
	CodeDiffers: {SamePerson, Drop},
	CodeNumber:  {SamePerson, Another, Drop},
	CodeMaybe:   {SamePerson, Another, Drop},
	CodeSeveral: {SamePerson, Drop},
	CodeTwin:    {SamePerson, Another, Drop},
}

// Question is a row that waits, with what it is near to: the old side and the new side.
type Question struct {
	Entry
	Old     carnet.Person // who is there
	Stands  carnet.Dose   // what is there; zero when the question is who the person is, or when it was cancelled meanwhile
	Choices []Choice
}

// maxQuestions is how many are shown at once.
const maxQuestions = 100

// Reviews lists what waits at the places that an actor answers for, oldest first, at most 100. The operator, whose role is
// the program's, sees every place.
func (s *Service) Reviews(ctx context.Context, actor protect.Actor) (list []Question, err error) {
	err = s.within(ctx, actor, func(tx Tx) error {
		places, err := s.places(tx, actor)
		if err != nil {
			return err
		}
		waiting, err := tx.Reviews(places, maxQuestions)
		if err != nil {
			return err
		}
		list, err = questions(tx, waiting)
		return err
	})
	return list, err
}

// Question opens one row that waits. One of a place that the actor does not answer for is carnet.NotFound.
func (s *Service) Question(ctx context.Context, actor protect.Actor, person carnet.ID, key Key) (q Question, err error) {
	err = s.within(ctx, actor, func(tx Tx) error {
		e, err := s.review(tx, actor, person, key)
		if err != nil {
			return err
		}
		list, err := questions(tx, []Entry{e})
		if err == nil {
			q = list[0]
		}
		return err
	})
	return q, err
}

func (s *Service) within(ctx context.Context, actor protect.Actor, fn func(Tx) error) error {
	if err := actor.May(protect.ActImport); err != nil {
		return err
	}
	return s.store.Imports(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Import}), fn)
}

func questions(tx Tx, waiting []Entry) ([]Question, error) {
	var ids []carnet.ID
	for _, e := range waiting {
		ids = append(ids, e.Person)
	}
	ids = sorted(ids)
	people, err := tx.People(ids)
	if err != nil {
		return nil, err
	}
	histories, err := tx.Histories(ids)
	if err != nil {
		return nil, err
	}
	list := make([]Question, len(waiting))
	for i, e := range waiting {
		list[i] = Question{Entry: e, Old: people[e.Person], Choices: choices[e.Reason]}
		for _, d := range histories[e.Person] {
			if d.ID == e.Other {
				list[i].Stands = d
			}
		}
	}
	return list, nil
}

// review opens an entry of a place that the actor answers for.
func (s *Service) review(tx Tx, actor protect.Actor, person carnet.ID, key Key) (Entry, error) {
	places, err := s.places(tx, actor)
	if err != nil {
		return Entry{}, err
	}
	e, err := tx.Review(person, key)
	if err == nil && places != nil && !slices.Contains(places, e.Place) {
		return Entry{}, carnet.E("bulk.Question", carnet.NotFound, CodeUnknownReview, nil)
	}
	return e, err
}

// Resolve carries out what somebody decided about a row that waits. A row that is decided already stays as it is, and its answer is
// given again.
func (s *Service) Resolve(ctx context.Context, actor protect.Actor, person carnet.ID, key Key, choice Choice) (out Outcome, err error) {
	err = s.within(ctx, actor, func(tx Tx) error {
		e, err := s.review(tx, actor, person, key)
		if err != nil {
			return err
		}
		if e.State != Waits {
			out = Outcome{Status: Same, Person: e.Person, Dose: e.Dose}
			return nil
		}
		if !slices.Contains(choices[e.Reason], choice) {
			return &carnet.Error{Op: "bulk.Resolve", Kind: carnet.Invalid, Code: CodeChoice, Field: "choice"}
		}
		w := e.Waiting
		p := &planner{s: s, job: Job{Responsible: w.Recorder, Place: e.Place}, trial: newOverlay()}
		if actor.Role == protect.Professional {
			p.job.Responsible = actor.ID
		}
		row := Row{Identity: w.Identity, Dose: w.Dose}
		c := &candidate{Row: &row, injector: w.Dose.Injector, responsible: w.Dose.Responsible, key: e.Key, digest: e.Digest}
		if c.person, c.aliases, err = s.people.Entry(w.Identity); err != nil {
			return err
		}
		k, err := p.read(tx, []*candidate{c})
		if err != nil {
			return err
		}
		if out, err = p.resolve(k, c, e, choice, actor); err != nil {
			return err
		}
		if err := p.rank(k, actor); err != nil {
			return err
		}
		return k.write(tx)
	})
	return out, err
}

// resolve does what was chosen.
func (p *planner) resolve(k *known, c *candidate, e Entry, choice Choice, actor protect.Actor) (Outcome, error) {
	settle := func(status Status, d carnet.Dose) (Outcome, error) {
		e.Person, e.Dose, e.State, e.Print, e.Waiting, e.Reason, e.Other = d.PersonID, d.ID, Settled, p.print(d), Waiting{}, "", carnet.ID{}
		k.put(e)
		return Outcome{Status: status, Person: d.PersonID, Dose: d.ID}, nil
	}
	var there carnet.Dose
	for _, d := range k.doses[e.Person] {
		if d.ID == e.Other {
			there = d
		}
	}
	record := func(person carnet.ID) (Outcome, error) {
		exact, near := p.compare(k.doses[person], c.Dose)
		switch {
		case !exact.ID.IsZero():
			return settle(Same, exact)
		case !near.ID.IsZero() && choice != Both:
			e.Person, e.Reason, e.Other = person, CodeNear, near.ID
			k.put(e)
			return Outcome{Status: Review, Person: person, Dose: near.ID, Faults: []Fault{{Code: CodeNear}}}, nil
		}
		d, err := p.record(k, c, person, actor)
		if err != nil {
			return Outcome{}, err
		}
		return settle(Created, d)
	}
	switch {
	case choice == Drop, choice == KeepOld && there.ID.IsZero():
		e.State, e.Waiting = Dropped, Waiting{}
		k.put(e)
		return Outcome{Status: Same, Person: e.Person}, nil
	case choice == KeepOld:
		return settle(Same, there)
	case choice == Both, choice == SamePerson:
		return record(e.Person)
	case choice == TakeNew && e.Reason != CodeMoved && !there.ID.IsZero():
		d, err := p.correct(k, c, there, actor)
		if err != nil {
			return Outcome{}, err
		}
		return settle(Updated, d)
	case choice == TakeNew && e.Reason == CodeMoved && !there.ID.IsZero():
		there.Version++
		if err := p.append(k, vaccinate.Cancelled, there, actor); err != nil {
			return Outcome{}, err
		}
		k.events[len(k.events)-1].Cause = vaccinate.WrongPerson
		k.doses[e.Person] = slices.DeleteFunc(k.doses[e.Person], func(d carnet.Dose) bool { return d.ID == there.ID })
		who, fresh, reason := k.identify(c)
		if reason != "" { // who it is, is the next question
			e.Person, e.Reason, e.Other = who, reason, carnet.ID{}
			k.put(e)
			return Outcome{Status: Review, Person: who, Faults: []Fault{{Code: reason}}}, nil
		}
		if fresh {
			k.enrol(c)
		}
		return record(who)
	}
	if choice == Another {
		k.enrol(c)
		return record(c.person.ID)
	}
	return record(e.Person) // what it would have corrected was cancelled meanwhile
}

// places are those where an actor decides about imports; nil is everywhere.
func (s *Service) places(tx Tx, actor protect.Actor) ([]string, error) {
	if actor.Role == protect.System {
		return nil, nil
	}
	there, err := tx.Directory([]carnet.ID{actor.ID})
	if err != nil {
		return nil, err
	}
	places := []string{}
	for _, p := range there[actor.ID].Places {
		places = append(places, p.ID)
	}
	return places, nil
}
