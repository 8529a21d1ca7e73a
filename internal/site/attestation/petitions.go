package attestation

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// Petitions takes the person's requests of rectification: package vaccinate's Service has it.
type Petitions interface {
	Ask(ctx context.Context, actor protect.Actor, p vaccinate.Petition) error
	Petitions(ctx context.Context, actor protect.Actor) ([]vaccinate.Petition, error)
}

const petitionsPath = "/mes-demandes"

type petitionsView struct {
	ui.Page
	Form  string
	Key   string
	Dose  ui.Field
	What  []ui.Field
	Words ui.Field
	Can   bool // there is a dose to speak of
	List  []petition
}

type petition struct {
	When, About, What, Words, Answer string
	State                            ui.Tag
}

// petitions shows the form of a request of rectification, and what became of those before.
func (s *site) petitions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	key, err := s.Certify.NewKey()
	if err != nil {
		return err
	}
	return s.showPetitions(w, r, http.StatusOK, me, key, nil)
}

func (s *site) showPetitions(w http.ResponseWriter, r *http.Request, status int, me login.Session, key carnet.ID, faults error) error {
	v := petitionsView{Page: s.ui.Page(r, "petitions.title"), Form: petitionsPath, Key: key.String()}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Back = &ui.Link{Href: situationPath, Words: v.T("situation.title")}
	if r.URL.Query().Get("fait") == "1" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("petitions.sent"), Lines: []string{v.T("petitions.sent-words")}}
	}
	situation, err := s.Certify.Summary(r.Context(), me.Actor(), me.Person)
	if err != nil && carnet.CodeOf(err) != "certificate.no-dose" {
		return err
	}
	about := map[carnet.ID]string{}
	var options []ui.Option
	for _, d := range situation.Doses {
		words := petitionDose(v.Text, d)
		about[d.ID] = words
		options = append(options, ui.Option{Value: d.ID.String(), Label: words})
	}
	v.Can = len(options) > 0
	v.Dose = v.Radios("dose", "petitions.dose", r.PostForm.Get("dose"), options)
	for _, c := range vaccinate.Petitionable {
		f := v.Check("what-"+string(c), "petitions.what", r.PostForm.Has("what-"+string(c)))
		f.Options[0].Label = v.T("petition.what." + string(c))
		v.What = append(v.What, f)
	}
	v.Words = v.Area("words", "petitions.words", r.PostForm.Get("words"))
	list, err := s.Petitions.Petitions(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	kinds := map[vaccinate.PetitionState]string{vaccinate.Waiting: "info", vaccinate.Accepted: "success", vaccinate.Declined: "going"}
	for _, p := range list {
		var what []string
		for _, c := range p.What {
			what = append(what, v.T("petition.what."+string(c)))
		}
		v.List = append(v.List, petition{When: v.Instant(p.At), About: about[p.Dose], What: strings.Join(what, ", "), Words: p.Words.Reveal(), Answer: p.Answer.Reveal(),
			State: ui.Tag{Kind: kinds[p.State], Words: v.T("petition.state." + string(p.State))}})
	}
	s.ui.Render(w, r, status, "petitions", &v)
	return nil
}

// petitionDose names a dose for the person: the product and the day.
func petitionDose(t ui.Text, d certify.Dose) string { return d.Product.Name + ", " + t.Date(d.Date) }

// ask sends a request. What is wrong with it comes back with everything typed.
func (s *site) ask(w http.ResponseWriter, r *http.Request, me login.Session) error {
	key, err := carnet.ParseID(r.PostFormValue(fieldKey))
	if err != nil {
		return carnet.E("attestation.ask", carnet.NotFound, "page.unknown", nil)
	}
	p := vaccinate.Petition{ID: key, Words: carnet.Hide(r.PostForm.Get("words"))}
	var problems carnet.Problems
	if p.Dose, err = carnet.ParseID(r.PostForm.Get("dose")); err != nil {
		problems.Add("dose", "petition.dose-missing", nil)
	}
	for _, c := range vaccinate.Petitionable {
		if r.PostForm.Has("what-" + string(c)) {
			p.What = append(p.What, c)
		}
	}
	if err = problems.Err(); err == nil {
		err = s.Petitions.Ask(r.Context(), me.Actor(), p)
	}
	switch code := carnet.CodeOf(err); {
	case err == nil:
		http.Redirect(w, r, petitionsPath+"?fait=1", http.StatusSeeOther)
		return nil
	case slices.Contains([]string{"petition.waiting", "petition.many"}, code):
		problems.Add("dose", code, nil)
		return s.showPetitions(w, r, http.StatusConflict, me, key, problems)
	case carnet.KindOf(err) != carnet.Invalid:
		return err
	}
	if list, ok := err.(carnet.Problems); ok { // the boxes are several fields: the first one says it
		for _, e := range list {
			if e.Field == "what" {
				e.Field = "what-" + string(vaccinate.Petitionable[0])
			}
		}
	}
	return s.showPetitions(w, r, http.StatusBadRequest, me, key, err)
}
