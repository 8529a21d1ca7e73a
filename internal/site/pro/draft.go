package pro

import (
	"net/http"
	"net/url"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// draftOf is the entry as it was left, or carnet.NotFound.
func (s *site) draftOf(r *http.Request, k work) (entry, error) {
	d, err := s.Runs.Draft(r.Context(), k.actor, k.person.ID, k.key)
	if err != nil {
		return entry{}, err
	}
	form, err := url.ParseQuery(d.Form.Reveal())
	if err != nil {
		return entry{}, carnet.E("pro.draft", carnet.NotFound, "entry.no-draft", nil) // written by another version of the program
	}
	return readEntry(form), nil
}

// keepDraft keeps what was typed. A draft too long to be kept is not: the form still holds it.
func (s *site) keepDraft(r *http.Request, k work, e entry) error {
	form := url.Values{}
	for _, h := range e.hidden() {
		form.Add(h.Name, h.Value)
	}
	return s.Runs.SaveDraft(r.Context(), k.actor, k.person.ID, k.key, carnet.Hide(form.Encode()))
}

// saveDraft is what the script of the form calls while one types, and what answers it: the hour at which
// the draft was kept.
func (s *site) saveDraft(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	if err := s.keepDraft(r, k, readEntry(r.PostForm)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// dropDraft gives an entry up.
func (s *site) dropDraft(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	person, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("pro.draft", carnet.NotFound, "person.unknown", err)
	}
	key, err := carnet.ParseID(r.PathValue("key"))
	if err != nil {
		return carnet.E("pro.draft", carnet.NotFound, "entry.unknown", err)
	}
	if err := s.Runs.DropDraft(r.Context(), actor, person, key); err != nil {
		return err
	}
	http.Redirect(w, r, vaccinatePath, http.StatusSeeOther)
	return nil
}
