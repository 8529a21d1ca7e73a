package pro

import (
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// Paths of what waits for the professional.
const (
	queuePath  = "/demandes"
	answerPath = "/demandes/{person}/{petition}"
	annulPath  = "/demandes/{person}/faux/{dose}/{key}"
)

type queueView struct {
	ui.Page
	Waiting  []petitionView
	Answered []petitionView
	Suspects []suspectView
	None     *ui.Empty
}

type petitionView struct {
	When, What, Words string
	Dose              string // address
	Action            string
	State             ui.Tag
	Answer            string
	Field             ui.Field
}

type suspectView struct {
	What, Dose, Action string
	Words              ui.Field
}

// queue shows what waits for the professional: requests of rectification about what they entered or
// answer for, or about the places that they head; and entries that are said to be forged.
func (s *site) queue(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showQueue(w, r, http.StatusOK, actor, nil)
}

func (s *site) showQueue(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	v := queueView{Page: s.ui.Page(r, "queue.title")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Back = &ui.Link{Href: vaccinatePath, Words: v.T("queue.back")}
	if r.URL.Query().Get("fait") == "1" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("queue.done")}
	}
	petitions, err := s.Vaccinate.Asked(r.Context(), actor)
	if err != nil {
		return err
	}
	for _, p := range petitions {
		one := petitionView{When: v.Instant(p.At), Words: p.Words.Reveal(), Dose: personPath(p.Person) + "/doses/" + p.Dose.String(),
			Action: queuePath + "/" + p.Person.String() + "/" + p.ID.String(), Answer: p.Answer.Reveal()}
		var what []string
		for _, c := range p.What {
			what = append(what, v.T("petition.what."+string(c)))
		}
		one.What = strings.Join(what, ", ")
		if p.State == vaccinate.Waiting {
			one.Field = v.Area("answer", "petition.answer", r.PostForm.Get("answer"))
			if p.ID.String() != r.PathValue("petition") { // what was typed, and what is wrong with it, is of one form
				one.Field.ID, one.Field.Value, one.Field.Error = "answer-"+p.ID.String(), "", ""
			}
			v.Waiting = append(v.Waiting, one)
			continue
		}
		one.State = ui.Tag{Kind: map[vaccinate.PetitionState]string{vaccinate.Accepted: "success", vaccinate.Declined: "going"}[p.State], Words: v.T("petition.state." + string(p.State))}
		v.Answered = append(v.Answered, one)
	}
	suspects, err := s.Vaccinate.Suspects(r.Context(), actor)
	if err != nil {
		return err
	}
	for _, d := range suspects {
		key, err := s.Vaccinate.NewKey()
		if err != nil {
			return err
		}
		one := suspectView{What: s.productName(d) + ", " + v.Date(d.Date) + ", " + placeWords(d.Place), Dose: dosePath(d),
			Action: queuePath + "/" + d.PersonID.String() + "/faux/" + d.ID.String() + "/" + key.String(), Words: v.Area("words", "forged.words", r.PostForm.Get("words"))}
		if d.ID.String() != r.PathValue("dose") {
			one.Words.ID, one.Words.Value, one.Words.Error = "words-"+d.ID.String(), "", ""
		}
		v.Suspects = append(v.Suspects, one)
	}
	if len(v.Waiting)+len(v.Suspects)+len(v.Answered) == 0 {
		v.None = &ui.Empty{Icon: "leaf", Title: v.T("queue.none"), Words: v.T("queue.none-words")}
	}
	s.ui.Render(w, r, status, "queue", &v)
	return nil
}

// answer closes a request of rectification.
func (s *site) answer(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	person, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("pro.queue", carnet.NotFound, "petition.unknown", err)
	}
	id, err := carnet.ParseID(r.PathValue("petition"))
	if err != nil {
		return carnet.E("pro.queue", carnet.NotFound, "petition.unknown", err)
	}
	if err := s.Vaccinate.Answer(r.Context(), actor, person, id, vaccinate.PetitionState(r.PostForm.Get("state")), r.PostForm.Get("answer")); err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showQueue(w, r, http.StatusBadRequest, actor, err)
		}
		return err
	}
	http.Redirect(w, r, queuePath+"?fait=1", http.StatusSeeOther)
	return nil
}

// annul confirms that an entry is forged, or lifts the report.
func (s *site) annul(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	person, dose, key, err := doseKey(r)
	if err != nil {
		return err
	}
	f := vaccinate.Suspicion{Key: key, Person: person, Doses: []carnet.ID{dose}, Reason: r.PostForm.Get("words")}
	if r.PostForm.Get("do") == "annul" {
		err = s.Vaccinate.Annul(r.Context(), actor, f)
	} else {
		err = s.Vaccinate.Clear(r.Context(), actor, f)
	}
	if err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showQueue(w, r, http.StatusBadRequest, actor, renamed(err, "reason", "words"))
		}
		return err
	}
	http.Redirect(w, r, queuePath+"?fait=1", http.StatusSeeOther)
	return nil
}
