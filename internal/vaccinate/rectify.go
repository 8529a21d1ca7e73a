package vaccinate

import (
	"context"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Petition is a request of an insured person to have an entry of their record corrected (GDPR art.
// 16). It reaches the professionals who entered the act and who answer for it, the head of the place,
// and the data protection officer, and the person follows it until it is answered. It changes
// nothing by itself: the correction is an act of the professional, with its own event.
type Petition struct {
	ID     carnet.ID // also the idempotency key of the form
	Person carnet.ID
	Dose   carnet.ID
	What   []Change // what is said to be wrong; ChangeOutcome also for what never happened
	Words  carnet.Private
	At     time.Time

	State    PetitionState
	Answer   carnet.Private // to the person, in words
	By       carnet.ID      // professional, or member of the staff
	Answered time.Time

	Petitioned Petitioned // whom it was sent to
}

// PetitionState is how far a petition has come.
type PetitionState string

// The states.
const (
	Waiting  PetitionState = "waiting"
	Accepted PetitionState = "accepted" // the entry was corrected
	Declined PetitionState = "declined" // it is right as it stands; the answer says why
)

// Petitioned is whom a petition is sent to; as a question, whose petitions are asked for: those that
// name one of the people or one of the places. The zero value asks for all.
type Petitioned struct {
	Recorder    carnet.ID
	Responsible carnet.ID
	Place       string // where the act was
	RecordedIn  string // where it was entered
}

// Bounds of a petition.
const (
	maxPetition  = 600 // characters of the words
	openAtOnce   = 10  // petitions of one person that wait
	answeredKept = 90 * 24 * time.Hour
)

// Ask sends a petition of the person who is logged in. The same ID again changes nothing.
func (s *Service) Ask(ctx context.Context, actor protect.Actor, p Petition) error {
	var problems carnet.Problems
	checkKey(&problems, p.ID)
	words := strings.TrimSpace(p.Words.Reveal())
	if words == "" {
		problems.Add("words", "petition.words-missing", nil)
	}
	checkText(&problems, "words", words, maxPetition)
	if len(p.What) == 0 || slices.ContainsFunc(p.What, func(c Change) bool { return !slices.Contains(Petitionable, c) }) {
		problems.Add("what", "petition.what-missing", nil)
	}
	if err := problems.Err(); err != nil {
		return err
	}
	return s.rectification(ctx, actor, actor.ID, func(tx Tx) error {
		if _, err := tx.Petition(actor.ID, p.ID); carnet.KindOf(err) != carnet.NotFound {
			return err
		}
		list, err := tx.PetitionsOf(actor.ID)
		if err != nil {
			return err
		}
		waiting := 0
		for _, other := range list {
			if other.State == Waiting {
				waiting++
			}
			if other.State == Waiting && other.Dose == p.Dose {
				return carnet.E("vaccinate.Ask", carnet.Conflict, "petition.waiting", nil)
			}
		}
		if waiting >= openAtOnce {
			return carnet.E("vaccinate.Ask", carnet.Conflict, "petition.many", nil)
		}
		doses, err := tx.Doses(actor.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(doses, func(d carnet.Dose) bool { return d.ID == p.Dose })
		if i < 0 {
			return carnet.E("vaccinate.Ask", carnet.NotFound, "dose.unknown", nil)
		}
		d := doses[i]
		p.Person, p.Words, p.At, p.State = actor.ID, carnet.Hide(words), s.ids.Clock(), Waiting
		p.Answer, p.By, p.Answered = carnet.Private{}, carnet.ID{}, time.Time{}
		p.Petitioned = Petitioned{d.RecordedBy, d.Responsible, d.Place.ID, d.RecordedIn}
		return tx.PutPetition(p)
	})
}

// Petitionable are the parts of an entry that a person can say to be wrong: those that they can see
// or know.
var Petitionable = []Change{ChangeDate, ChangeVaccine, ChangeLot, ChangePlace, ChangeRank, ChangeOutcome}

// Petitions lists those of the person who is logged in, newest first.
func (s *Service) Petitions(ctx context.Context, actor protect.Actor) (list []Petition, err error) {
	err = s.rectification(ctx, actor, actor.ID, func(tx Tx) (err error) {
		list, err = tx.PetitionsOf(actor.ID)
		return err
	})
	return list, err
}

// Asked lists the petitions that a professional has to answer, or those of the last ninety days that
// they or their places got: about what they entered or answer for, or about entries of the places
// that they head. Oldest first; those that wait come before the others.
func (s *Service) Asked(ctx context.Context, actor protect.Actor) ([]Petition, error) {
	if err := actor.May(protect.ActCorrect); err != nil {
		return nil, err
	}
	var list []Petition
	err := s.rectification(ctx, actor, carnet.ID{}, func(tx Tx) error {
		me, err := tx.Professional(actor.ID)
		if err != nil {
			return err
		}
		asked := []Petitioned{{Recorder: me.ID}, {Responsible: me.ID}}
		for _, place := range me.Heads {
			asked = append(asked, Petitioned{Place: place}, Petitioned{RecordedIn: place})
		}
		for _, q := range asked {
			some, err := tx.Petitions(q, s.ids.Clock().Add(-answeredKept))
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		return nil
	})
	slices.SortFunc(list, byAge)
	return slices.CompactFunc(list, func(a, b Petition) bool { return a.ID == b.ID }), err
}

// AllAsked lists the petitions of everybody, for who answers for the rights of people.
func (s *Service) AllAsked(ctx context.Context, actor protect.Actor) (list []Petition, err error) {
	err = s.rectification(ctx, actor, carnet.ID{}, func(tx Tx) (err error) {
		list, err = tx.Petitions(Petitioned{}, s.ids.Clock().Add(-answeredKept))
		return err
	})
	slices.SortFunc(list, byAge)
	return list, err
}

func byAge(a, b Petition) int {
	if (a.State == Waiting) != (b.State == Waiting) {
		return map[bool]int{true: -1, false: 1}[a.State == Waiting]
	}
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return slices.Compare(a.ID[:], b.ID[:])
}

// Answer closes a petition and tells the person. A professional answers those that they are asked;
// who answers for the rights of people answers any. One that is answered stays as it is:
// "petition.answered".
func (s *Service) Answer(ctx context.Context, actor protect.Actor, person, id carnet.ID, state PetitionState, words string) error {
	if err := actor.May(protect.ActCorrect); err != nil {
		return err
	}
	var problems carnet.Problems
	words = strings.TrimSpace(words)
	if state != Accepted && state != Declined {
		problems.Add("state", "petition.state", nil)
	}
	if state == Declined && words == "" {
		problems.Add("answer", "petition.answer-missing", nil)
	}
	checkText(&problems, "answer", words, maxPetition)
	if err := problems.Err(); err != nil {
		return err
	}
	return s.rectification(ctx, actor, person, func(tx Tx) error {
		p, err := tx.Petition(person, id)
		if err != nil {
			return err
		}
		if actor.Role == protect.Professional {
			me, err := tx.Professional(actor.ID)
			if err != nil {
				return err
			}
			to := p.Petitioned
			if to.Recorder != me.ID && to.Responsible != me.ID && !slices.Contains(me.Heads, to.Place) && !slices.Contains(me.Heads, to.RecordedIn) {
				return carnet.E("vaccinate.Answer", carnet.NotFound, "petition.unknown", nil)
			}
		}
		if p.State != Waiting {
			if p.State == state && p.Answer.Equal(carnet.Hide(words)) && p.By == actor.ID {
				return nil // sent again
			}
			return carnet.E("vaccinate.Answer", carnet.Conflict, "petition.answered", nil)
		}
		p.State, p.Answer, p.By, p.Answered = state, carnet.Hide(words), actor.ID, s.ids.Clock()
		if err := tx.PutPetition(p); err != nil {
			return err
		}
		return tx.Tell(carnet.Notice{PersonID: person, Kind: "petition." + string(state), Dose: p.Dose, Args: map[string]string{}, At: p.Answered})
	})
}

func (s *Service) rectification(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	return s.store.Within(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Rectification, Person: person}), fn)
}
