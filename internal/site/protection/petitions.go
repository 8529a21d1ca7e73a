package protection

import (
	"context"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// Petitions is what the site needs of the requests of rectification: package vaccinate's Service has
// it.
type Petitions interface {
	AllAsked(ctx context.Context, actor protect.Actor) ([]vaccinate.Petition, error)
	Answer(ctx context.Context, actor protect.Actor, person, id carnet.ID, state vaccinate.PetitionState, words string) error
}

const petitionsPath = "/agents/demandes"

type petitionsView struct {
	ui.Page
	List []petition
	None *ui.Empty
}

type petition struct {
	When, What, Words, Answer, Action string
	State                             ui.Tag
	Waits                             bool
	Field                             ui.Field
}

// petitions lists the requests of rectification of everybody, for who answers for the rights of
// people. They say what is wrong, and not who asks.
func (s *site) petitions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	return s.showPetitions(w, r, http.StatusOK, me, nil)
}

func (s *site) showPetitions(w http.ResponseWriter, r *http.Request, status int, me login.Session, faults error) error {
	list, err := s.Petitions.AllAsked(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v := petitionsView{Page: s.ui.Page(r, "petitions.title")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if r.URL.Query().Get("fait") == "1" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("petitions.done")}
	}
	if len(list) == 0 {
		v.None = &ui.Empty{Icon: "leaf", Title: v.T("petitions.none"), Words: v.T("petitions.none-words")}
	}
	kinds := map[vaccinate.PetitionState]string{vaccinate.Waiting: "info", vaccinate.Accepted: "success", vaccinate.Declined: "going"}
	for _, p := range list {
		var what []string
		for _, c := range p.What {
			what = append(what, v.T("petition.what."+string(c)))
		}
		one := petition{When: v.Instant(p.At), What: strings.Join(what, ", "), Words: p.Words.Reveal(), Answer: p.Answer.Reveal(), Waits: p.State == vaccinate.Waiting,
			Action: petitionsPath + "/" + p.Person.String() + "/" + p.ID.String(), State: ui.Tag{Kind: kinds[p.State], Words: v.T("petition.state." + string(p.State))}}
		one.Field = v.Area("answer", "petitions.answer", r.PostForm.Get("answer"))
		if p.ID.String() != r.PathValue("petition") { // what was typed, and what is wrong with it, is of one form
			one.Field.ID, one.Field.Value, one.Field.Error = "answer-"+p.ID.String(), "", ""
		}
		v.List = append(v.List, one)
	}
	s.ui.Render(w, r, status, "petitions", &v)
	return nil
}

// answer closes a request, when the professionals did not.
func (s *site) answer(w http.ResponseWriter, r *http.Request, me login.Session) error {
	person, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("protection.answer", carnet.NotFound, "petition.unknown", err)
	}
	id, err := carnet.ParseID(r.PathValue("petition"))
	if err != nil {
		return carnet.E("protection.answer", carnet.NotFound, "petition.unknown", err)
	}
	err = s.Petitions.Answer(r.Context(), me.Actor(), person, id, vaccinate.PetitionState(r.PostForm.Get("state")), r.PostForm.Get("answer"))
	if carnet.KindOf(err) == carnet.Invalid && err != nil {
		return s.showPetitions(w, r, http.StatusBadRequest, me, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, petitionsPath+"?fait=1", http.StatusSeeOther)
	return nil
}
