package pro

import (
	"net/http"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

func infectionsPath(person carnet.ID) string { return personPath(person) + "/infections" }

type infectionsView struct {
	ui.Page
	Identity identity
	List     []infectionLine
	Action   string
	Key      string
	Disease  ui.Field
	Date     ui.Field
	Evidence ui.Field
	May      bool // take one away
}

type infectionLine struct{ Words, Withdraw string }

// infections lists the diseases that a person had, as far as they change which doses are needed.
func (s *site) infections(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showInfections(w, r, http.StatusOK, actor, nil)
}

func (s *site) showInfections(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	list, err := s.Vaccinate.Infections(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	key := r.PostForm.Get("key")
	if key == "" {
		made, err := s.Vaccinate.NewKey()
		if err != nil {
			return err
		}
		key = made.String()
	}
	v := infectionsView{Page: s.ui.Page(r, "infection.title"), Action: infectionsPath(who.ID), Key: key, May: actor.May(protect.ActCorrect) == nil}
	v.Back = &ui.Link{Href: personPath(who.ID), Words: v.T("infection.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Identity = identityOf(v.Page, who.Identity)
	rules := s.Vaccinate.Catalogue()
	for _, i := range list {
		disease, _ := rules.Disease(i.Disease)
		v.List = append(v.List, infectionLine{v.T("infection.line", "disease", disease, "date", i.Date, "proof", v.T("infection.proof."+string(i.Evidence))),
			infectionsPath(who.ID) + "/" + i.ID.String() + "/retrait"})
	}
	var diseases []ui.Option
	for _, d := range rules.Diseases() {
		diseases = append(diseases, ui.Option{Value: d.Code, Label: d.In(v.Lang)})
	}
	chosen := r.PostForm.Get("disease")
	if chosen == "" {
		chosen = "covid-19"
	}
	v.Disease = v.Select("disease", "infection.disease", chosen, diseases)
	v.Date = v.DayMonthYear("date", "infection.date", ui.ReadParts(r.PostForm, "date"))
	v.Evidence = v.Radios("evidence", "infection.evidence", r.PostForm.Get("evidence"), []ui.Option{
		{Value: string(carnet.Proven), Label: v.T("infection.proof.proof")}, {Value: string(carnet.Stated), Label: v.T("infection.proof.stated")}})
	s.ui.Render(w, r, status, "infections", &v)
	return nil
}

// addInfection records one; the ranks of the doses follow.
func (s *site) addInfection(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	i := carnet.Infection{PersonID: who.ID, Disease: r.PostForm.Get("disease"), Evidence: carnet.Evidence(r.PostForm.Get("evidence"))}
	key, err := carnet.ParseID(r.PostForm.Get("key"))
	if err != nil {
		return carnet.E("pro.infection", carnet.Invalid, "dose.key-missing", err)
	}
	if typed := ui.ReadParts(r.PostForm, "date").ISO(); typed != "" {
		if i.Date, err = carnet.ParseDate(typed); err != nil {
			var problems carnet.Problems
			problems.Add("date", carnet.CodeOf(err), nil)
			return s.showInfections(w, r, http.StatusBadRequest, actor, problems)
		}
	}
	_, err = s.Vaccinate.RecordInfection(r.Context(), actor, key, i)
	if carnet.KindOf(err) == carnet.Invalid && err != nil {
		return s.showInfections(w, r, http.StatusBadRequest, actor, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, infectionsPath(who.ID), http.StatusSeeOther)
	return nil
}

// withdrawInfection takes one away that was entered by mistake.
func (s *site) withdrawInfection(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(r.PathValue("infection"))
	if err != nil {
		return carnet.E("pro.infection", carnet.NotFound, "person.unknown", err)
	}
	if err := s.Vaccinate.WithdrawInfection(r.Context(), actor, who.ID, id); err != nil {
		return err
	}
	http.Redirect(w, r, infectionsPath(who.ID), http.StatusSeeOther)
	return nil
}
