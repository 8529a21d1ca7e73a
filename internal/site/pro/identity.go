package pro

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"carnet/extension/api"
	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

// newcomerPath opens a record for somebody without number. It is reached from a search only: what was
// typed there comes along.
const newcomerPath = "/personnes/nouvelle"

func (s *site) identityRoutes(private func(string, func(http.ResponseWriter, *http.Request, protect.Actor) error)) {
	private("GET "+vitalePath, s.vitale)
	private("GET "+newcomerPath, s.findPage)
	private("POST "+newcomerPath, s.newcomer)
	private("GET /personnes/{person}/fiche", s.slip)
	private("GET /personnes/{person}/identite", s.identity)
	private("GET /personnes/{person}/identite/numero", s.numberPage)
	private("POST /personnes/{person}/identite/numero", s.number)
	private("GET /personnes/{person}/identite/corriger", s.renamePage)
	private("POST /personnes/{person}/identite/corriger", s.rename)
	private("GET /personnes/{person}/identite/reunir", s.joinPage)
	private("POST /personnes/{person}/identite/reunir", s.join)
	private("GET /personnes/{person}/identite/separer/{part}", s.separatePage)
	private("POST /personnes/{person}/identite/separer/{part}", s.separate)
}

// vitalePath is where this site serves what asks the browser extension for a card.
const vitalePath = "/carnet-vitale.js"

// vitale serves the module of the extension's makers to the page of the search, which works without it.
func (s *site) vitale(w http.ResponseWriter, r *http.Request, _ protect.Actor) error {
	text, err := api.Files.ReadFile("carnet-vitale.js")
	if err != nil {
		return carnet.E("pro.vitale", carnet.Internal, "internal", err)
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	_, _ = w.Write(text) // the reader is gone: nobody left to tell
	return nil
}

// traitsForm is what a form asks of an identity.
type traitsForm struct {
	Name, Used, Given, Birth, Sex, Postcode, NoAddress ui.Field
}

// typed is an identity as a form sends it.
type typed struct {
	name, used, given, sex, postcode string
	birth                            ui.Parts
	noAddress                        bool
}

func readTyped(r *http.Request) typed {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	t := typed{get("name"), get("used"), get("given"), get("sex"), get("postcode"), ui.ReadParts(r.PostForm, "birth"), get("no-address") != ""}
	if t.postcode == carnet.NoFixedAddress {
		t.postcode, t.noAddress = "", true
	}
	return t
}

// identity is what was typed as an identity; what cannot be read is left out, and named in problems.
func (t typed) identity(problems *carnet.Problems) carnet.Identity {
	i := carnet.Identity{BirthName: carnet.Hide(strings.ToUpper(t.name)), UsedName: carnet.Hide(strings.ToUpper(t.used)), Sex: carnet.Sex(t.sex), Postcode: t.postcode}
	for _, g := range strings.FieldsFunc(t.given, func(r rune) bool { return r == ' ' || r == ',' }) {
		i.GivenNames = append(i.GivenNames, carnet.Hide(g))
	}
	if t.noAddress {
		i.Postcode = carnet.NoFixedAddress
	}
	if t.birth.ISO() != "" {
		i.Birth = parseBirth(problems, t.birth)
	}
	return i
}

func (t typed) form(p *ui.Page) traitsForm {
	return traitsForm{
		Name: p.Input("name", "newcomer.name", t.name), Used: p.Input("used", "newcomer.used", t.used), Given: p.Input("given", "newcomer.given", t.given),
		Birth:    p.DayMonthYear("birth", "newcomer.birth", t.birth),
		Sex:      p.Radios("sex", "newcomer.sex", t.sex, []ui.Option{{Value: string(carnet.Female), Label: p.T("person.sex.F")}, {Value: string(carnet.Male), Label: p.T("person.sex.M")}}),
		Postcode: p.Digits("postcode", "newcomer.postcode", t.postcode, "w8"), NoAddress: p.Check("no-address", "newcomer.no-address", t.noAddress),
	}
}

func proofField(p *ui.Page, value string) ui.Field {
	options := []ui.Option{{}}
	for _, proof := range people.Proofs {
		options = append(options, ui.Option{Value: string(proof), Label: p.T("proof." + string(proof))})
	}
	return p.Select("proof", "newcomer.proof", value, options)
}

type newcomerView struct {
	ui.Page
	traitsForm
	Proof, Parent ui.Field
	Carried       []ui.Hidden
	Like          []result
	Others        ui.Field
	Action        string
}

// newcomer shows the form of a record without number, or opens the record. Who looks like the newcomer is
// shown first; the professional says that it is none of them, and is never refused.
func (s *site) newcomer(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	t := readTyped(r)
	seen := parseIDs(r.PostForm["seen"])
	key, err := carnet.ParseID(r.PostForm.Get("key"))
	if err != nil {
		if key, err = s.Vaccinate.NewKey(); err != nil {
			return err
		}
	}
	if r.PostForm.Get("do") == "" {
		return s.showNewcomer(w, r, http.StatusOK, t, key, seen, nil, nil)
	}
	if r.PostForm.Get("others") != "" {
		seen = append(seen, parseIDs(r.PostForm["like"])...)
	}
	var problems carnet.Problems
	n := people.Newcomer{Key: key, Identity: t.identity(&problems), Proof: people.Proof(r.PostForm.Get("proof")), Seen: seen}
	if text := strings.TrimSpace(r.PostForm.Get("parent")); text != "" && len(problems) == 0 {
		parent, err := s.lookFor(r, actor, text)
		if err != nil || len(parent) != 1 {
			if err != nil && carnet.KindOf(err) != carnet.Invalid && carnet.KindOf(err) != carnet.NotFound {
				return err
			}
			problems.Add("parent", "person.parent", nil)
		} else {
			n.Parent = parent[0].ID
		}
	}
	if err := problems.Err(); err != nil {
		return s.showNewcomer(w, r, http.StatusBadRequest, t, key, seen, nil, err)
	}
	p, like, err := s.People.Open(r.Context(), actor, n)
	if err != nil {
		if carnet.CodeOf(err) == "person.exists" {
			return s.showNewcomer(w, r, http.StatusConflict, t, key, seen, like, nil)
		}
		return s.showNewcomer(w, r, http.StatusBadRequest, t, key, seen, nil, err)
	}
	http.Redirect(w, r, personPath(p.ID)+"/fiche?fait=ouverture", http.StatusSeeOther)
	return nil
}

func (s *site) showNewcomer(w http.ResponseWriter, r *http.Request, status int, t typed, key carnet.ID, seen []carnet.ID, like []people.Found, faults error) error {
	v := newcomerView{Page: s.ui.Page(r, "newcomer.title"), Action: newcomerPath}
	v.Back = &ui.Link{Href: findPath, Words: v.T("person.back")}
	if v.Focus = "used"; t.sex == "" && faults == nil {
		v.Focus = "sex"
	}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.traitsForm = t.form(&v.Page)
	v.Proof = proofField(&v.Page, r.PostForm.Get("proof"))
	v.Parent = v.Input("parent", "newcomer.parent", strings.TrimSpace(r.PostForm.Get("parent")))
	v.Parent.Class = "w20 num"
	v.Carried = []ui.Hidden{{Name: "key", Value: key.String()}}
	for _, id := range seen {
		v.Carried = append(v.Carried, ui.Hidden{Name: "seen", Value: id.String()})
	}
	for _, f := range like {
		v.Like = append(v.Like, resultOf(v.Text, f))
		v.Carried = append(v.Carried, ui.Hidden{Name: "like", Value: f.ID.String()})
	}
	v.Others = v.Check("others", "newcomer.others", false)
	if len(like) > 0 {
		v.Banner = &ui.Banner{Kind: "warning", Title: v.T("newcomer.like"), Lines: []string{v.T("newcomer.like-words")}}
	}
	s.ui.Render(w, r, status, "newcomer", &v)
	return nil
}

type slipView struct {
	ui.Page
	Code, Date, Place, Person string
}

// slip is the paper that somebody without number takes along: a code, and nothing that says whose it is.
func (s *site) slip(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	if p.Recall.IsZero() {
		return carnet.E("pro.slip", carnet.NotFound, "person.unknown-recall", nil)
	}
	v := slipView{Page: s.ui.Page(r, "slip.title"), Code: people.PrintRecall(p.Recall), Place: s.placeName(r.Context(), actor), Person: personPath(p.ID)}
	v.Date = v.Page.Date(s.Vaccinate.Today())
	v.Back = &ui.Link{Href: v.Person, Words: v.T("dose.back")}
	if r.URL.Query().Get("fait") == "ouverture" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("slip.opened"), Lines: []string{v.T("slip.opened-words")}}
	}
	s.ui.Render(w, r, http.StatusOK, "slip", &v)
	return nil
}

type identityView struct {
	ui.Page
	Identity                   identity
	Rows                       ui.Rows
	Changes                    []changeLine
	Slip, Number, Join, Rename string
	May                        bool // a delegate changes no identity
}

type changeLine struct {
	When, Words, Proof, Reason string
	Separate                   string // address of the page that parts the record again
}

// identity shows who the person is, how that is known, and what happened to it.
func (s *site) identity(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	list, err := s.People.Changes(r.Context(), actor, p.ID)
	if err != nil {
		return err
	}
	path := personPath(p.ID)
	v := identityView{Page: s.ui.Page(r, "identity.title"), May: actor.Delegate.IsZero()}
	v.Back = &ui.Link{Href: path, Words: v.T("dose.back")}
	if done := r.URL.Query().Get("fait"); slices.Contains([]string{"numero", "reunion", "separation", "correction"}, done) {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("identity.done." + done), Lines: []string{v.T("identity.told")}}
	}
	v.Identity = identityOf(v.Page, p.Identity)
	v.Join, v.Rename = path+"/identite/reunir", path+"/identite/corriger"
	rows := []ui.Row{{Label: v.T("identity.status"), Value: v.T("identity." + status(p))}}
	if !p.Recall.IsZero() {
		v.Slip = path + "/fiche"
		rows = append(rows, ui.Row{Label: v.T("identity.code"), Value: people.PrintRecall(p.Recall), Number: true})
	}
	if p.Identity.NIR.IsZero() {
		v.Number = path + "/identite/numero"
	}
	switch p.Identity.Postcode {
	case "":
	case carnet.NoFixedAddress:
		rows = append(rows, ui.Row{Label: v.T("newcomer.postcode.label"), Value: v.T("newcomer.no-address.label")})
	default:
		rows = append(rows, ui.Row{Label: v.T("newcomer.postcode.label"), Value: p.Identity.Postcode, Number: true})
	}
	for _, f := range p.Former {
		rows = append(rows, ui.Row{Label: v.T("identity.former"), Value: f.Name().Reveal() + " " + f.Given(), Hint: v.Text.Birth(f.Birth)})
	}
	v.Rows = v.Page.Rows(rows...)
	parted := map[carnet.ID]bool{} // newest first: what was parted since needs no button
	for _, c := range list {
		line := changeLine{When: v.Instant(c.At), Words: v.T("change." + string(c.Kind)), Reason: c.Reason}
		if c.Proof != "" {
			line.Proof = v.T("proof." + string(c.Proof))
		}
		switch {
		case c.Kind == people.Released:
			parted[c.Other] = true
		case c.Kind == people.Received && !parted[c.Other]:
			line.Separate, parted[c.Other] = path+"/identite/separer/"+c.Other.String(), true
		}
		v.Changes = append(v.Changes, line)
	}
	s.ui.Render(w, r, http.StatusOK, "identity", &v)
	return nil
}

// status says how well an identity is known.
func status(p carnet.Person) string {
	switch {
	case p.Identity.NIR.IsZero():
		return "none"
	case p.Identity.NIR.Provisional():
		return "waiting"
	}
	return "number"
}

// decisionView is a page on which a professional decides something about an identity.
type decisionView struct {
	ui.Page
	Identity      identity
	NIR           ui.Field
	Proof, Reason ui.Field
	Traits        *traitsForm
	Sides         []side // two records next to each other
	Differ        []string
	Carried       []ui.Hidden
	Action, Lead  string
	Submit        string
}

// side is one of two records that are compared.
type side struct {
	Title    string
	Identity identity
	Doses    []string
}

// decision begins such a page; words is where its words are. The idempotency key is made here, or was when the form was first shown.
func (s *site) decision(r *http.Request, actor protect.Actor, words string, faults error) (decisionView, carnet.Person, error) {
	p, err := s.personOf(r, actor)
	if err != nil {
		return decisionView{}, p, err
	}
	if err := actor.May(protect.ActCorrect); err != nil {
		return decisionView{}, p, err
	}
	v := decisionView{Page: s.ui.Page(r, words+"title"), Action: r.URL.Path}
	v.Lead, v.Submit = v.T(words+"lead"), v.T(words+"submit")
	v.Back = &ui.Link{Href: personPath(p.ID) + "/identite", Words: v.T("identity.title")}
	v.Identity = identityOf(v.Page, p.Identity)
	key, err := carnet.ParseID(r.PostForm.Get("key"))
	if err != nil {
		if key, err = s.Vaccinate.NewKey(); err != nil {
			return v, p, err
		}
	}
	v.Carried = []ui.Hidden{{Name: "key", Value: key.String()}}
	if faults != nil && !v.Fault(faults) {
		return v, p, faults
	}
	v.Proof = proofField(&v.Page, r.PostForm.Get("proof"))
	v.Reason = v.Area("reason", "identity.reason", strings.TrimSpace(r.PostForm.Get("reason")))
	return v, p, nil
}

// decided is what every decision sends.
func decided(r *http.Request) (key carnet.ID, proof people.Proof, reason string) {
	key, _ = carnet.ParseID(r.PostForm.Get("key")) // a zero key is refused by the room
	return key, people.Proof(r.PostForm.Get("proof")), strings.TrimSpace(r.PostForm.Get("reason"))
}

// done leads to the identity page of a record, once its doses have their ranks and what documents
// state was looked at; records are those that the change touched.
func (s *site) done(w http.ResponseWriter, r *http.Request, actor protect.Actor, what string, person carnet.ID, records ...carnet.ID) error {
	key, _, _ := decided(r)
	for _, id := range append(records, person) {
		if err := s.Vaccinate.Renumber(r.Context(), actor, id, key); err != nil {
			return err
		}
	}
	http.Redirect(w, r, personPath(person)+"/identite?fait="+what, http.StatusSeeOther)
	return nil
}

func (s *site) numberPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showNumber(w, r, http.StatusOK, actor, nil)
}

func (s *site) showNumber(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	v, _, err := s.decision(r, actor, "number.", faults)
	if err != nil {
		return err
	}
	v.NIR = v.Digits("nir", "number.nir", strings.TrimSpace(r.PostForm.Get("nir")), "w20")
	s.ui.Render(w, r, status, "decision", &v)
	return nil
}

func (s *site) number(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	key, proof, reason := decided(r)
	number, err := parseNIR(strings.TrimSpace(r.PostForm.Get("nir")))
	if err != nil {
		return s.showNumber(w, r, http.StatusBadRequest, actor, err)
	}
	into, err := s.People.Number(r.Context(), actor, people.Numbering{Key: key, Person: p.ID, NIR: number, Proof: proof, Reason: reason})
	if carnet.CodeOf(err) == "person.number-other" {
		found, err := s.People.ByNIR(r.Context(), actor, number)
		if err != nil {
			return err
		}
		return s.showJoin(w, r, http.StatusConflict, actor, found.ID, true, nil)
	}
	if err != nil {
		return s.showNumber(w, r, http.StatusBadRequest, actor, err)
	}
	return s.done(w, r, actor, "numero", into, p.ID)
}

func (s *site) renamePage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	i := p.Identity
	iso := i.Birth.ISO()
	t := typed{name: i.BirthName.Reveal(), used: i.UsedName.Reveal(), given: i.Given(), sex: string(i.Sex), postcode: i.Postcode, birth: ui.Parts{Day: iso[8:], Month: iso[5:7], Year: iso[:4]}}
	if t.noAddress = t.postcode == carnet.NoFixedAddress; t.noAddress {
		t.postcode = ""
	}
	return s.showRename(w, r, http.StatusOK, actor, t, nil)
}

func (s *site) showRename(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, t typed, faults error) error {
	v, _, err := s.decision(r, actor, "rename.", faults)
	if err != nil {
		return err
	}
	form := t.form(&v.Page)
	v.Traits = &form
	s.ui.Render(w, r, status, "decision", &v)
	return nil
}

func (s *site) rename(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	t := readTyped(r)
	var problems carnet.Problems
	key, proof, reason := decided(r)
	i := t.identity(&problems)
	i.BirthPlace = p.Identity.BirthPlace
	if err = problems.Err(); err == nil {
		err = s.People.Rename(r.Context(), actor, people.Renaming{Key: key, Person: p.ID, Identity: i, Proof: proof, Reason: reason})
	}
	if err != nil {
		return s.showRename(w, r, http.StatusBadRequest, actor, t, err)
	}
	return s.done(w, r, actor, "correction", p.ID)
}

func (s *site) joinPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showJoin(w, r, http.StatusOK, actor, carnet.ID{}, false, nil)
}

// showJoin asks for the other record, then shows both next to each other before anything is done.
func (s *site) showJoin(w http.ResponseWriter, r *http.Request, code int, actor protect.Actor, other carnet.ID, fromNumber bool, faults error) error {
	v, p, err := s.decision(r, actor, "join.", faults)
	if err != nil {
		return err
	}
	v.Action = personPath(p.ID) + "/identite/reunir"
	if fromNumber {
		v.Banner = &ui.Banner{Kind: "warning", Title: v.T("join.number-other"), Lines: []string{v.T("problem.person.number-other")}}
	}
	if other.IsZero() {
		v.NIR = v.Input("nir", "join.nir", strings.TrimSpace(r.PostForm.Get("nir")))
		v.NIR.Class = "w20 num"
		v.Proof, v.Reason = ui.Field{}, ui.Field{}
		v.Submit = v.T("join.compare")
		s.ui.Render(w, r, code, "decision", &v)
		return nil
	}
	q, err := s.People.Person(r.Context(), actor, other)
	if err != nil {
		return err
	}
	for _, x := range []carnet.Person{p, q} {
		doses, err := s.Vaccinate.History(r.Context(), actor, x.ID)
		if err != nil {
			return err
		}
		one := side{Title: v.T("join.goes"), Identity: identityOf(v.Page, x.Identity)}
		if kept, _ := keeps(p, q); kept == x.ID {
			one.Title = v.T("join.stays")
		}
		for _, d := range doses {
			one.Doses = append(one.Doses, v.Date(d.Date)+", "+s.vaccineName(d.Vaccine))
		}
		v.Sides = append(v.Sides, one)
	}
	a, b := v.Sides[0].Identity, v.Sides[1].Identity
	for key, pair := range map[string][2]string{"person.name": {a.Name, b.Name}, "person.birth-name": {a.BirthName, b.BirthName}, "person.given": {a.Given, b.Given},
		"person.birth": {a.Birth, b.Birth}, "person.sex-label": {a.Sex, b.Sex}} {
		if pair[0] != pair[1] {
			v.Differ = append(v.Differ, v.T(key))
		}
	}
	slices.Sort(v.Differ)
	v.Carried = append(v.Carried, ui.Hidden{Name: "other", Value: q.ID.String()})
	s.ui.Render(w, r, code, "decision", &v)
	return nil
}

// keeps says which of two records stays and which becomes a part of it: the one with a proven number
// stays, else the one with a number, else the first.
func keeps(a, b carnet.Person) (stays, goes carnet.ID) {
	rank := map[string]int{"none": 0, "waiting": 1, "number": 2}
	if rank[status(b)] > rank[status(a)] {
		return b.ID, a.ID
	}
	return a.ID, b.ID
}

func (s *site) join(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	p, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	other, err := carnet.ParseID(r.PostForm.Get("other"))
	if err != nil { // the first step: who is it?
		found, err := s.lookFor(r, actor, strings.TrimSpace(r.PostForm.Get("nir")))
		if carnet.KindOf(err) == carnet.NotFound {
			e, _ := errors.AsType[*carnet.Error](err)
			err = &carnet.Error{Op: "pro.join", Kind: carnet.Invalid, Code: e.Code, Field: "nir"}
		}
		if err == nil && found[0].ID == p.ID {
			err = &carnet.Error{Op: "pro.join", Kind: carnet.Invalid, Code: "person.itself", Field: "nir"}
		}
		if err != nil {
			return s.showJoin(w, r, http.StatusBadRequest, actor, carnet.ID{}, false, err)
		}
		return s.showJoin(w, r, http.StatusOK, actor, found[0].ID, false, nil)
	}
	q, err := s.People.Person(r.Context(), actor, other)
	if err != nil {
		return err
	}
	key, proof, reason := decided(r)
	stays, goes := keeps(p, q)
	if p.ID == q.ID { // done already
		return s.done(w, r, actor, "reunion", p.ID)
	}
	if err := s.People.Join(r.Context(), actor, people.Joining{Key: key, From: goes, Into: stays, Proof: proof, Reason: reason}); err != nil {
		return s.showJoin(w, r, http.StatusBadRequest, actor, other, false, err)
	}
	return s.done(w, r, actor, "reunion", stays, goes)
}

func (s *site) separatePage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showSeparate(w, r, http.StatusOK, actor, nil)
}

func (s *site) showSeparate(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	v, _, err := s.decision(r, actor, "separate.", faults)
	if err != nil {
		return err
	}
	v.Proof = ui.Field{}
	s.ui.Render(w, r, status, "decision", &v)
	return nil
}

func (s *site) separate(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	part, err := carnet.ParseID(r.PathValue("part"))
	if err != nil {
		return carnet.E("pro.separate", carnet.NotFound, "person.unknown", err)
	}
	key, _, reason := decided(r)
	from, err := s.People.Separate(r.Context(), actor, people.Separation{Key: key, Person: part, Reason: reason})
	if err != nil {
		return s.showSeparate(w, r, http.StatusBadRequest, actor, err)
	}
	return s.done(w, r, actor, "separation", from, part)
}
