package pro

import (
	"net/http"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/catalogue"
)

type personView struct {
	ui.Page
	Identity identity
	Alerts   *ui.Banner
	Courses  []course
	Doses    ui.Table
	None     ui.Empty
	NotGiven []string
	Annulled []string
	Children []result
	Path     string
}

// course is where the person stands against one disease, before anything is typed.
type course struct {
	Disease string
	Tag     ui.Tag
	Last    string
	Next    string
	Due     *ui.Tag
	Look    []string // what deserves a second look if a dose was given today, and why
}

// person shows the record before anything is typed: who it is, where they stand, what deserves a second
// look, what was done. The cursor is on the button of the next act.
func (s *site) person(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	if r.PathValue("person") != who.ID.String() { // the record was joined to another one
		http.Redirect(w, r, personPath(who.ID), http.StatusSeeOther)
		return nil
	}
	doses, err := s.Vaccinate.History(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	annulled, err := s.Vaccinate.Annulled(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	infections, err := s.Vaccinate.Infections(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	names, err := s.injectors(r.Context(), actor, doses)
	if err != nil {
		return err
	}
	children, err := s.People.Dependants(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	v := personView{Page: s.ui.Page(r, "person.title"), Path: personPath(who.ID)}
	v.Back = &ui.Link{Href: findPath, Words: v.T("person.back")}
	v.Identity = identityOf(v.Page, who.Identity)
	v.None = ui.Empty{Icon: "leaf", Title: v.T("person.none"), Words: v.T("person.none-words")}
	if r.URL.Query().Get("fait") == "annulation" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("person.cancelled"), Lines: []string{v.T("person.cancelled-words")}}
	}
	v.Alerts = alerts(v.Page, who)
	v.Courses = s.courses(v.Page, who, infections, doses)
	for _, c := range children {
		v.Children = append(v.Children, resultOf(v.Text, c))
	}
	v.Doses.Head = []string{v.T("dose.rank.short"), v.T("dose.vaccine.short"), v.T("dose.date.short"), v.T("dose.place.short"), v.T("dose.injector.short"), v.T("person.level"), v.T("person.open")}
	for _, d := range doses {
		if !d.Given() {
			v.NotGiven = append(v.NotGiven, v.T("person.not-given-line", "date", d.Date, "vaccine", s.vaccineName(d.Vaccine), "why", v.T("not-given."+string(d.NotGiven))))
			continue
		}
		v.Doses.Rows = append(v.Doses.Rows, []ui.Cell{
			{Words: rankOf(v.Page, d)},
			{Words: s.productName(d)},
			{Words: v.Date(d.Date), Number: true},
			{Words: whereOf(v.Page, d)},
			{Words: injectorOf(v.Page, names, d)},
			level(v.Page, d),
			{Words: v.T("person.see"), Href: personPath(who.ID) + "/doses/" + d.ID.String(), For: v.T("person.see-for", "rank", v.Ordinal(max(d.Rank, 1)), "date", d.Date)},
		})
	}
	v.Doses.Caption = v.N("person.doses", len(v.Doses.Rows))
	for _, d := range annulled {
		v.Annulled = append(v.Annulled, v.T("person.annulled-line", "date", d.Date, "vaccine", s.productName(d)))
	}
	s.ui.Render(w, r, http.StatusOK, "person", &v)
	return nil
}

// alerts is what to know of a person before anything else.
func alerts(p ui.Page, who carnet.Person) *ui.Banner {
	var lines []string
	if !who.Died.IsZero() {
		lines = append(lines, p.T("find.alert.deceased", "date", who.Died))
	}
	switch status(who) {
	case "none":
		lines = append(lines, p.T("person.without-number"))
	case "waiting":
		lines = append(lines, p.T("find.alert.waiting-nir"))
	}
	if len(lines) == 0 {
		return nil
	}
	return &ui.Banner{Kind: "warning", Title: p.T("person.alerts"), Lines: lines}
}

// courses says, for each disease that the person has doses against, where they stand and what comes
// next, by the rules of the catalogue. What it warns of is what giving the last product again today
// would meet: another product is looked at on the page of the entry.
func (s *site) courses(p ui.Page, who carnet.Person, infections []carnet.Infection, doses []carnet.Dose) []course {
	rules, today := s.Vaccinate.Catalogue(), s.Vaccinate.Today()
	facts := catalogue.Person{Birth: who.Identity.Birth, Sex: who.Identity.Sex, Infections: infections}
	last := map[string]carnet.Dose{}
	for _, d := range doses { // oldest first
		if v, ok := rules.Find(d.Vaccine); ok && d.Given() && len(v.Diseases) > 0 {
			last[v.Diseases[0]] = d
		}
	}
	var list []course
	for _, disease := range rules.Diseases() {
		d, ok := last[disease.Code]
		if !ok {
			continue
		}
		product, _ := rules.Find(d.Vaccine)
		c := course{Disease: disease.In(p.Lang), Tag: stateTag(p, d), Last: p.T("person.last", "rank", d.Rank, "expected", d.Expected, "vaccine", s.productName(d), "date", d.Date)}
		next := rules.Assess(facts, without(doses, d.ID), product, d.Date).Next
		switch {
		case next.Earliest.IsZero() && next.Recommended.IsZero():
			c.Next = p.T("person.next-none")
		case next.Recommended.IsZero() || next.Recommended == next.Earliest:
			c.Next = p.T("person.next", "earliest", next.Earliest)
		default:
			c.Next = p.T("person.next-best", "earliest", next.Earliest, "recommended", next.Recommended)
		}
		switch {
		case !next.Overdue.IsZero() && !today.Before(next.Overdue):
			c.Due = &ui.Tag{Kind: "warning", Words: p.T("person.overdue")}
		case !next.Recommended.IsZero() && !today.Before(next.Recommended):
			c.Due = &ui.Tag{Kind: "info", Words: p.T("person.due")}
		case !next.Earliest.IsZero() && today.Before(next.Earliest):
			c.Due = &ui.Tag{Kind: "", Words: p.T("person.early")}
		}
		for _, w := range rules.Assess(facts, doses, product, today).Warnings {
			args := make([]any, 0, 2*len(w.Args))
			for name, value := range w.Args {
				args = append(args, name, value)
			}
			c.Look = append(c.Look, p.T("warning."+string(w.Code), args...))
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b course) int { return strings.Compare(a.Disease, b.Disease) })
	return list
}

// level says how well a dose is known.
func level(p ui.Page, d carnet.Dose) ui.Cell {
	switch {
	case d.Suspended:
		return ui.Cell{Tag: &ui.Tag{Kind: "warning", Words: p.T("level.suspended")}}
	case d.Contested:
		return ui.Cell{Tag: &ui.Tag{Kind: "warning", Words: p.T("level.contested")}}
	case d.Evidence == carnet.Proven:
		return ui.Cell{Tag: &ui.Tag{Kind: "info", Words: p.T("level.proof")}}
	case d.Evidence == carnet.Stated:
		return ui.Cell{Tag: &ui.Tag{Kind: "", Words: p.T("level.stated")}}
	}
	return ui.Cell{Tag: &ui.Tag{Kind: "success", Words: p.T("level.administered")}}
}

func rankOf(p ui.Page, d carnet.Dose) string {
	if d.Rank == 0 {
		return "–"
	}
	return rankWords(p, d.Rank, d.Expected)
}

func whereOf(p ui.Page, d carnet.Dose) string {
	switch {
	case d.Place.Name != "":
		return d.Place.Name
	case d.Country != "" && d.Country != "FR":
		return p.T("person.abroad", "country", d.Country)
	}
	return p.T("person.elsewhere")
}

func injectorOf(p ui.Page, names map[carnet.ID]string, d carnet.Dose) string {
	if d.Injector.IsZero() {
		return "–"
	}
	return injectorName(p, names, d.Injector)
}
