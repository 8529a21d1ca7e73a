package pro

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
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
	NIR                          ui.Field
	Name, Given, Birth, Postcode ui.Field
	Results                      []result
	Count                        string
	Many                         bool
	None                         bool        // a search that found nobody
	New                          []ui.Hidden // what was typed and who was shown, for the page that opens a record; empty before a search by name
	NewPath                      string
	Card                         []ui.Hidden // words of the button of the card, by what may happen
}

// result is one person whom a search brought, masked, with what speaks for and against them.
type result struct {
	Href, Name, Birth, NIR string
	Tag                    ui.Tag
	Score                  string
	Why, Alerts            []string
}

// search is what the two forms of the page send; by says which.
type search struct {
	by, nir, name, given, postcode string
	birth                          ui.Parts
}

func readSearch(r *http.Request) search {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	return search{get("by"), get("nir"), get("name"), get("given"), get("postcode"), ui.ReadParts(r.PostForm, "birth")}
}

func (s *site) findPage(w http.ResponseWriter, r *http.Request, _ protect.Actor) error {
	v := s.findView(r, search{}, nil)
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

func (s *site) findView(r *http.Request, q search, err error) findView {
	v := findView{Page: s.ui.Page(r, "find.title"), NewPath: newcomerPath}
	if q.by == "" || q.by == "nir" {
		v.Focus = "nir"
	}
	v.Fault(err)
	v.NIR = v.Input("nir", "find.nir", q.nir)
	v.NIR.Class, v.NIR.Length = "w20 num", 40
	v.Name = v.Input("name", "find.name", q.name)
	v.Given = v.Input("given", "find.given", q.given)
	v.Birth = v.DayMonthYear("birth", "find.birth", q.birth)
	for _, code := range cardCodes {
		v.Card = append(v.Card, ui.Hidden{Name: strings.ToUpper(strings.ReplaceAll(code, "-", "_")), Value: v.T("card." + code)})
	}
	v.Postcode = v.Digits("postcode", "find.postcode", q.postcode, "w8")
	return v
}

// cardCodes are what can become of reading a card, as the extension names it, in small letters. What is not
// here has the words of "internal".
var cardCodes = []string{"internal", "reading", "choose", "no-reader", "no-card", "not-vitale", "vitale1-unsupported", "card-mute", "card-removed", "user-denied", "origin-not-allowed",
	"host-unavailable", "extension-unavailable", "not-logged-in", "terms-not-accepted", "nature-refused", "timeout", "no-number"}

func (s *site) find(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	q := readSearch(r)
	if q.by == "nir" {
		return s.findDirect(w, r, actor, q)
	}
	return s.findByTraits(w, r, actor, q)
}

// findDirect goes straight to the person: a number with a right key names one person only, and so
// does a code, but for a chance that is not one in a thousand million.
func (s *site) findDirect(w http.ResponseWriter, r *http.Request, actor protect.Actor, q search) error {
	found, err := s.lookFor(r, actor, q.nir)
	switch {
	case carnet.KindOf(err) == carnet.NotFound:
		return s.nobody(w, r, q)
	case len(found) == 1:
		http.Redirect(w, r, personPath(found[0].ID), http.StatusSeeOther)
		return nil
	}
	v := s.findView(r, q, err)
	if err != nil {
		if len(v.Faults) == 0 {
			return err
		}
		s.ui.Render(w, r, http.StatusBadRequest, "find", &v)
		return nil
	}
	v.show(found)
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

// lookFor finds who is behind what was typed in the one field of a search: a number, or the code that
// is printed for somebody without number.
func (s *site) lookFor(r *http.Request, actor protect.Actor, text string) ([]people.Found, error) {
	if !people.LooksLikeRecall(text) {
		number, err := parseNIR(text)
		if err != nil {
			return nil, err
		}
		one, err := s.People.ByNIR(r.Context(), actor, number)
		if err != nil {
			return nil, err
		}
		return []people.Found{one}, nil
	}
	code, err := people.ParseRecall(text)
	if err == nil {
		err = s.rationed(r, actor, "nir")
	}
	if err != nil {
		return nil, err
	}
	return s.People.ByRecall(r.Context(), actor, code)
}

// rationed takes one of the searches that can be tried one after another; nobody needs many of them.
func (s *site) rationed(r *http.Request, actor protect.Actor, field string) error {
	err := s.Login.Take(r.Context(), limit.SearchTraits, actor.ID.String())
	if carnet.CodeOf(err) != login.CodeLimit {
		return err
	}
	over, _ := errors.AsType[*carnet.Error](err)
	return &carnet.Error{Op: "pro.find", Kind: carnet.Invalid, Code: "person.search-limit", Field: field, Args: over.Args}
}

func (s *site) findByTraits(w http.ResponseWriter, r *http.Request, actor protect.Actor, q search) error {
	traits, err := parseTraits(q)
	var found []people.Found
	if err == nil {
		err = s.rationed(r, actor, "name")
	}
	if err == nil {
		found, err = s.People.ByTraits(r.Context(), actor, traits)
	}
	if err != nil {
		v := s.findView(r, q, err)
		if len(v.Faults) == 0 {
			return err
		}
		status := http.StatusBadRequest
		if carnet.CodeOf(err) == "person.search-limit" {
			status = http.StatusTooManyRequests
		}
		s.ui.Render(w, r, status, "find", &v)
		return nil
	}
	if len(found) == 0 {
		return s.nobody(w, r, q)
	}
	v := s.findView(r, q, nil)
	v.show(found)
	v.New = q.newcomer(found)
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

func (s *site) nobody(w http.ResponseWriter, r *http.Request, q search) error {
	v := s.findView(r, q, nil)
	v.None = true
	if q.by == "traits" || q.name != "" { // a card brought the traits along with a number that nobody has
		v.NIR.Value = ""
		v.New = q.newcomer(nil)
	}
	s.ui.Render(w, r, http.StatusOK, "find", &v)
	return nil
}

// newcomer carries a search to the page that opens a record: what was typed, and who was shown and
// judged to be others.
func (q search) newcomer(found []people.Found) []ui.Hidden {
	list := append(q.birth.Hidden("birth"), ui.Hidden{Name: "name", Value: q.name}, ui.Hidden{Name: "given", Value: q.given}, ui.Hidden{Name: "postcode", Value: q.postcode})
	for _, f := range found {
		list = append(list, ui.Hidden{Name: "seen", Value: f.ID.String()})
	}
	return list
}

// show shows as little as lets the professional choose: the rest is on the person's page.
func (v *findView) show(found []people.Found) {
	v.Count, v.Many = v.N("find.results", len(found)), len(found) == people.MostFound
	for _, f := range found {
		v.Results = append(v.Results, resultOf(v.Text, f))
	}
}

// likely is the score from which a result is shown as likely.
const likely = 75

func resultOf(t ui.Text, f people.Found) result {
	out := result{
		Href: personPath(f.ID), Name: masked(f.Identity.Name().Reveal()) + " " + masked(f.Identity.Given()), Birth: t.Birth(f.Identity.Birth),
		NIR: f.Identity.NIR.Masked(), Score: t.T("find.score", "score", f.Score),
	}
	switch {
	case f.Sure():
		out.Tag = ui.Tag{Kind: "success", Words: t.T("find.sure")}
	case f.Score >= likely:
		out.Tag = ui.Tag{Kind: "info", Words: t.T("find.likely")}
	default:
		out.Tag = ui.Tag{Kind: "warning", Words: t.T("find.possible")}
	}
	if out.NIR == "" {
		out.NIR = t.T("person.no-nir")
	}
	for _, r := range f.Why {
		out.Why = append(out.Why, t.T("find.why", "trait", t.T("find.trait."+string(r.Trait)), "how", t.T("find.how."+string(r.How)), "points", signed(r.Points)))
	}
	for _, a := range f.Alerts {
		out.Alerts = append(out.Alerts, t.T("find.alert."+string(a), "date", f.Died))
	}
	return out
}

// signed writes points with their sign.
func signed(n int) string {
	if n < 0 {
		return "−" + strings.TrimPrefix(strconv.Itoa(n), "-")
	}
	return "+" + strconv.Itoa(n)
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
	t := people.Traits{Name: carnet.Hide(q.name), Given: carnet.Hide(q.given), Postcode: q.postcode}
	if q.name == "" && q.given == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	t.Birth = parseBirth(&problems, q.birth)
	return t, problems.Err()
}

func parseBirth(problems *carnet.Problems, p ui.Parts) carnet.BirthDate {
	b, err := carnet.ParseBirthDate(p.ISO())
	switch {
	case p.ISO() == "":
		problems.Add("birth", "birth.missing", nil)
	case err != nil:
		problems.Add("birth", carnet.CodeOf(err), nil)
	}
	return b
}

// parseIDs reads the ids of a form, and leaves out what is none.
func parseIDs(list []string) []carnet.ID {
	var ids []carnet.ID
	for _, text := range list[:min(len(list), people.MostFound)] {
		if id, err := carnet.ParseID(text); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
