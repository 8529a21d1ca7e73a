package pro

import (
	"net/http"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

type cancelView struct {
	doseView
	Why, Words ui.Field
	Action     string
	Effects    []string
}

func (s *site) newCancel(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	_, d, err := s.doseOf(r, actor)
	if err != nil {
		return err
	}
	return s.withKey(w, r, dosePath(d)+"/annulations/")
}

func (s *site) cancelPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showCancel(w, r, http.StatusOK, actor, "", "", nil)
}

// showCancel asks why, and says what follows before anything is done.
func (s *site) showCancel(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, why, words string, faults error) error {
	if _, err := carnet.ParseID(r.PathValue("key")); err != nil {
		return carnet.E("pro.cancel", carnet.NotFound, "entry.unknown", err)
	}
	dv, d, err := s.touchable(r, actor, "cancel.title")
	if err != nil {
		return err
	}
	v := cancelView{doseView: dv, Action: r.URL.Path}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("cancel.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	effect, err := s.Vaccinate.PreviewCancel(r.Context(), actor, d.PersonID, d.ID)
	if err != nil {
		return err
	}
	if v.Effects, err = s.effects(r, v.Page, effect); err != nil {
		return err
	}
	options := []ui.Option{}
	for _, c := range vaccinate.Causes {
		options = append(options, ui.Option{Value: string(c), Label: v.T("cause." + string(c))})
	}
	v.Why = v.Radios("reason", "cancel.why", why, options)
	v.Words = v.Area("words", "cancel.words", words)
	s.ui.Render(w, r, status, "cancel", &v)
	return nil
}

// cancel takes the dose away. Sent twice, the second time finds it gone and says the same.
func (s *site) cancel(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	why, words := r.PostForm.Get("reason"), strings.TrimSpace(r.PostForm.Get("words"))
	var problems carnet.Problems
	if !slices.Contains(vaccinate.Causes, vaccinate.Cause(why)) {
		problems.Add("reason", "cancel.reason-missing", nil)
	} else if vaccinate.Cause(why) == vaccinate.Other && words == "" {
		problems.Add("words", "cancel.words-missing", nil)
	}
	if err := problems.Err(); err != nil {
		return s.showCancel(w, r, http.StatusBadRequest, actor, why, words, err)
	}
	person, dose, key, err := doseKey(r)
	if err != nil {
		return err
	}
	c := vaccinate.Cancellation{Key: key, Person: person, Dose: dose, Cause: vaccinate.Cause(why), Reason: words}
	if err := s.Vaccinate.Cancel(r.Context(), actor, c); err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showCancel(w, r, http.StatusBadRequest, actor, why, words, err)
		}
		return err
	}
	s.forgetBack(w, key)
	http.Redirect(w, r, personPath(person)+"?fait=annulation", http.StatusSeeOther)
	return nil
}

// doseKey reads the three ids of an address.
func doseKey(r *http.Request) (person, dose, key carnet.ID, err error) {
	if person, err = carnet.ParseID(r.PathValue("person")); err != nil {
		return person, dose, key, carnet.E("pro", carnet.NotFound, "person.unknown", err)
	}
	if dose, err = carnet.ParseID(r.PathValue("dose")); err != nil {
		return person, dose, key, carnet.E("pro", carnet.NotFound, "dose.unknown", err)
	}
	if key, err = carnet.ParseID(r.PathValue("key")); err != nil {
		return person, dose, key, carnet.E("pro", carnet.NotFound, "entry.unknown", err)
	}
	return person, dose, key, nil
}

type moveView struct {
	doseView
	Action  string
	NIR     ui.Field
	Words   ui.Field
	To      *identity // found; nil while nobody was
	Hidden  []ui.Hidden
	Effects []string
}

func (s *site) newMove(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	_, d, err := s.doseOf(r, actor)
	if err != nil {
		return err
	}
	return s.withKey(w, r, dosePath(d)+"/deplacements/")
}

func (s *site) movePage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showMove(w, r, http.StatusOK, actor, carnet.Person{}, nil)
}

func (s *site) showMove(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, to carnet.Person, faults error) error {
	dv, d, err := s.touchable(r, actor, "move.title")
	if err != nil {
		return err
	}
	v := moveView{doseView: dv, Action: r.URL.Path}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("cancel.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.NIR = v.Digits("nir", "move.nir", r.PostForm.Get("nir"), "w20")
	v.Words = v.Area("words", "cancel.words", r.PostForm.Get("words"))
	if !to.ID.IsZero() {
		id := identityOf(v.Page, to.Identity)
		v.To = &id
		v.Hidden = []ui.Hidden{{Name: "to", Value: to.ID.String()}, {Name: "words", Value: r.PostForm.Get("words")}}
		effect, err := s.Vaccinate.PreviewCancel(r.Context(), actor, d.PersonID, d.ID)
		if err != nil {
			return err
		}
		if v.Effects, err = s.effects(r, v.Page, effect); err != nil {
			return err
		}
	}
	s.ui.Render(w, r, status, "move", &v)
	return nil
}

// move finds the right person by their number, shows who it is, then moves the entry there.
func (s *site) move(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	person, dose, key, err := doseKey(r)
	if err != nil {
		return err
	}
	if text := r.PostForm.Get("to"); text != "" {
		to, err := carnet.ParseID(text)
		if err != nil {
			return carnet.E("pro.move", carnet.NotFound, "person.unknown", err)
		}
		d, err := s.Vaccinate.Move(r.Context(), actor, vaccinate.Move{Key: key, From: person, Dose: dose, To: to, Reason: r.PostForm.Get("words")})
		if carnet.KindOf(err) == carnet.Invalid {
			var problems carnet.Problems
			problems.Add("nir", carnet.CodeOf(err), nil)
			return s.showMove(w, r, http.StatusBadRequest, actor, carnet.Person{}, problems)
		}
		if err != nil {
			return err
		}
		s.forgetBack(w, key)
		http.Redirect(w, r, dosePath(d)+"?fait=deplacement", http.StatusSeeOther)
		return nil
	}
	number, err := parseNIR(strings.TrimSpace(r.PostForm.Get("nir")))
	if err != nil {
		return s.showMove(w, r, http.StatusBadRequest, actor, carnet.Person{}, err)
	}
	found, err := s.People.ByNIR(r.Context(), actor, number)
	code := ""
	switch {
	case carnet.KindOf(err) == carnet.NotFound:
		code = "person.unknown-nir"
	case err != nil:
		return err
	case found.ID == person:
		code = "dose.move-same"
	}
	if code != "" {
		var problems carnet.Problems
		problems.Add("nir", code, nil)
		return s.showMove(w, r, http.StatusBadRequest, actor, carnet.Person{}, problems)
	}
	return s.showMove(w, r, http.StatusOK, actor, carnet.Person{ID: found.ID, Identity: found.Identity}, nil)
}

type forgedView struct {
	doseView
	Action string
	Doses  []ui.Field
	Words  ui.Field
}

func (s *site) newForged(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	_, d, err := s.doseOf(r, actor)
	if err != nil {
		return err
	}
	return s.withKey(w, r, dosePath(d)+"/signalements/")
}

func (s *site) forgedPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showForged(w, r, http.StatusOK, actor, nil)
}

// showForged lists the entries of the person, for the forged ones to be ticked.
func (s *site) showForged(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	if err := actor.May(protect.ActCancel); err != nil {
		return err
	}
	dv, d, err := s.doseView(r, actor, "forged.title")
	if err != nil {
		return err
	}
	v := forgedView{doseView: dv, Action: r.URL.Path}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("cancel.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	doses, err := s.Vaccinate.History(r.Context(), actor, d.PersonID)
	if err != nil {
		return err
	}
	for _, other := range doses {
		if !other.Given() || other.Suspected {
			continue
		}
		f := v.Check("dose-"+other.ID.String(), "forged.dose", r.PostForm.Has("dose-"+other.ID.String()) || !v.Posted() && other.ID == d.ID)
		f.Options[0].Label = s.productName(other) + ", " + v.Date(other.Date) + ", " + placeWords(other.Place)
		v.Doses = append(v.Doses, f)
	}
	v.Words = v.Area("words", "forged.words", r.PostForm.Get("words"))
	s.ui.Render(w, r, status, "forged", &v)
	return nil
}

// forged reports entries as forged. Nothing is taken away until somebody else confirms.
func (s *site) forged(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	person, dose, key, err := doseKey(r)
	if err != nil {
		return err
	}
	f := vaccinate.Suspicion{Key: key, Person: person, Reason: r.PostForm.Get("words")}
	for name := range r.PostForm {
		if text, ok := strings.CutPrefix(name, "dose-"); ok {
			if id, err := carnet.ParseID(text); err == nil {
				f.Doses = append(f.Doses, id)
			}
		}
	}
	if err := s.Vaccinate.Suspect(r.Context(), actor, f); err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showForged(w, r, http.StatusBadRequest, actor, renamed(err, "reason", "words"))
		}
		return err
	}
	http.Redirect(w, r, personPath(person)+"/doses/"+dose.String()+"?fait=signalement", http.StatusSeeOther)
	return nil
}

// renamed gives the faults of a field the name that the page has for it.
func renamed(err error, from, to string) error {
	problems, ok := err.(carnet.Problems)
	if !ok {
		return err
	}
	for _, e := range problems {
		if e.Field == from {
			e.Field = to
		}
	}
	return problems
}
