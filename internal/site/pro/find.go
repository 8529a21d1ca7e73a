package pro

import (
	"errors"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/limit"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/nir"
)

type findView struct {
	ui.Page
	NIR                ui.Field
	Name, Given, Birth ui.Field
	Results            *ui.Table
	None               bool // a search that found nobody
}

// search is what the two forms of the page send; by says which.
type search struct {
	by, nir, name, given string
	birth                ui.Parts
}

func (s *site) findPage(w http.ResponseWriter, r *http.Request, _ protect.Actor) error {
	v := s.findView(r, search{}, nil)
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

func (s *site) findView(r *http.Request, q search, err error) findView {
	v := findView{Page: s.ui.Page(r, "find.title")}
	v.Fault(err)
	v.NIR = v.Digits("nir", "find.nir", q.nir, "w20")
	v.Name = v.Input("name", "find.name", q.name)
	v.Given = v.Input("given", "find.given", q.given)
	v.Birth = v.DayMonthYear("birth", "find.birth", q.birth)
	return v
}

func (s *site) find(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	q := search{get("by"), get("nir"), get("name"), get("given"), ui.ReadParts(r.PostForm, "birth")}
	if q.by == "nir" {
		return s.findByNIR(w, r, actor, q)
	}
	return s.findByTraits(w, r, actor, q)
}

// findByNIR goes straight to the person: a number with a right key names one person only.
func (s *site) findByNIR(w http.ResponseWriter, r *http.Request, actor protect.Actor, q search) error {
	number, err := parseNIR(q.nir)
	if err != nil {
		v := s.findView(r, q, err)
		s.ui.Render(w, r, http.StatusBadRequest, "find", &v)
		return nil
	}
	found, err := s.People.ByNIR(r.Context(), actor, number)
	if carnet.KindOf(err) == carnet.NotFound {
		return s.nobody(w, r, q)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/personnes/"+found.ID.String(), http.StatusSeeOther)
	return nil
}

func (s *site) findByTraits(w http.ResponseWriter, r *http.Request, actor protect.Actor, q search) error {
	traits, err := parseTraits(q)
	var found []people.Found
	status := http.StatusBadRequest
	if err == nil {
		// A name and a date can be tried one after another; nobody needs many of them.
		if err = s.Login.Take(r.Context(), limit.SearchTraits, actor.ID.String()); carnet.CodeOf(err) == login.CodeLimit {
			over, _ := errors.AsType[*carnet.Error](err)
			status, err = http.StatusTooManyRequests, &carnet.Error{Op: "pro.find", Kind: carnet.Invalid, Code: "person.search-limit", Field: "name", Args: over.Args}
		}
	}
	if err == nil {
		found, err = s.People.ByTraits(r.Context(), actor, traits)
	}
	if err != nil {
		v := s.findView(r, q, err)
		if len(v.Faults) == 0 {
			return err
		}
		s.ui.Render(w, r, status, "find", &v)
		return nil
	}
	if len(found) == 0 {
		return s.nobody(w, r, q)
	}
	v := s.findView(r, q, nil)
	v.Results = results(v.Page, found)
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

func (s *site) nobody(w http.ResponseWriter, r *http.Request, q search) error {
	v := s.findView(r, q, nil)
	v.None = true
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

// results shows as little as lets the professional choose: the rest is on the person's page.
func results(p ui.Page, found []people.Found) *ui.Table {
	t := &ui.Table{
		Caption: p.N("find.results", len(found)),
		Head:    []string{p.T("find.head.person"), p.T("find.head.birth"), p.T("find.head.nir"), p.T("find.head.why")},
	}
	for _, f := range found {
		why := make([]string, 0, len(f.Why))
		for _, r := range f.Why {
			why = append(why, p.T("find.why."+string(r.Trait)))
		}
		number := f.Identity.NIR.Masked()
		if number == "" {
			number = p.T("person.no-nir")
		}
		t.Rows = append(t.Rows, []ui.Cell{
			{Words: masked(f.Identity.Name().Reveal()) + " " + masked(f.Identity.Given()), Href: "/personnes/" + f.ID.String(), For: p.T("find.open")},
			{Words: p.Text.Birth(f.Identity.Birth), Number: true},
			{Words: number, Number: true},
			{Words: strings.Join(why, ", ")},
		})
	}
	return t
}

// masked keeps the first two letters of a name.
func masked(s string) string {
	r := []rune(s)
	if len(r) > 2 {
		r = r[:2]
	}
	return string(r) + "●●●"
}

func parseNIR(text string) (nir.Number, error) {
	var problems carnet.Problems
	if text == "" {
		problems.Add("nir", "nir.missing", nil)
		return nir.Number{}, problems.Err()
	}
	number, err := nir.Parse(text)
	if e, ok := errors.AsType[*nir.Error](err); ok {
		problems.Add("nir", e.Code, map[string]any{"Position": e.Pos})
	} else if err != nil {
		return nir.Number{}, err
	}
	return number, problems.Err()
}

func parseTraits(q search) (people.Traits, error) {
	var problems carnet.Problems
	t := people.Traits{Name: carnet.Hide(q.name), Given: carnet.Hide(q.given)}
	if q.name == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	if q.birth.ISO() == "" {
		problems.Add("birth", "birth.missing", nil)
	} else if b, err := carnet.ParseBirthDate(q.birth.ISO()); err != nil {
		problems.Add("birth", carnet.CodeOf(err), nil)
	} else {
		t.Birth = b
	}
	return t, problems.Err()
}
