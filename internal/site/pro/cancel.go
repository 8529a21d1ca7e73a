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

// reasons for which a dose is cancelled; the last one asks for words.
var reasons = []string{"wrong-person", "not-given", "twice", "other"}

type cancelView struct {
	doseView
	Why, Words ui.Field
	Action     string
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

func (s *site) showCancel(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, why, words string, faults error) error {
	if _, err := carnet.ParseID(r.PathValue("key")); err != nil {
		return carnet.E("pro.cancel", carnet.NotFound, "entry.unknown", err)
	}
	d, err := s.doseView(r, actor, "cancel.title")
	if err != nil {
		return err
	}
	if !d.Mine {
		return carnet.E("pro.cancel", carnet.Denied, "dose.not-yours", nil)
	}
	v := cancelView{doseView: d, Action: r.URL.Path}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("cancel.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	options := []ui.Option{}
	for _, code := range reasons {
		options = append(options, ui.Option{Value: code, Label: v.T("cancel.reason." + code)})
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
	if !slices.Contains(reasons, why) {
		problems.Add("reason", "cancel.reason-missing", nil)
	} else if vaccinate.Cause(why) == vaccinate.Other && words == "" {
		problems.Add("words", "cancel.words-missing", nil)
	}
	if err := problems.Err(); err != nil {
		return s.showCancel(w, r, http.StatusBadRequest, actor, why, words, err)
	}
	person, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("pro.cancel", carnet.NotFound, "person.unknown", err)
	}
	dose, err := carnet.ParseID(r.PathValue("dose"))
	if err != nil {
		return carnet.E("pro.cancel", carnet.NotFound, "dose.unknown", err)
	}
	key, err := carnet.ParseID(r.PathValue("key"))
	if err != nil {
		return carnet.E("pro.cancel", carnet.NotFound, "entry.unknown", err)
	}
	if err := s.Vaccinate.Cancel(r.Context(), actor, vaccinate.Cancellation{Key: key, Person: person, Dose: dose, Cause: vaccinate.Cause(why), Reason: words}); err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showCancel(w, r, http.StatusBadRequest, actor, why, words, err)
		}
		return err
	}
	s.forgetBack(w, key)
	http.Redirect(w, r, personPath(person)+"?fait=annulation", http.StatusSeeOther)
	return nil
}
