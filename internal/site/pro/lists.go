package pro

import (
	"cmp"
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/lists"
)

// Lists is what the site needs of the lists: package lists' Service has it.
type Lists interface {
	NewKey() (carnet.ID, error)
	Today(ctx context.Context, actor protect.Actor, mine bool) (list []lists.Entry, cut bool, err error)
	Make(ctx context.Context, actor protect.Actor, q lists.Request) (lists.List, error)
	Lists(ctx context.Context, actor protect.Actor) ([]lists.List, error)
	Open(ctx context.Context, actor protect.Actor, id carnet.ID) (lists.List, []lists.Entry, error)
	Mark(ctx context.Context, actor protect.Actor, list, person, dose carnet.ID, contact lists.Contact) error
	Delete(ctx context.Context, actor protect.Actor, id carnet.ID) error
	Report(ctx context.Context, actor protect.Actor, from, to carnet.Date) ([]lists.Activity, error)
}

const listsPath = "/listes"

// listRoutes are the pages of today's session and of the lists of people to see again.
func (s *site) listRoutes(private func(string, func(http.ResponseWriter, *http.Request, protect.Actor) error)) {
	private("GET "+listsPath, s.today)
	private("GET "+listsPath+"/travail", s.worklists)
	private("POST "+listsPath+"/travail", s.makeList)
	private("GET "+listsPath+"/travail/{list}", s.worklist)
	private("POST "+listsPath+"/travail/{list}", s.markLine)
	private("POST "+listsPath+"/travail/{list}/export", s.exportList)
	private("POST "+listsPath+"/travail/{list}/suppression", s.deleteList)
	private("POST "+listsPath+"/rapport", s.report)
}

type todayView struct {
	ui.Page
	Place     string
	All, Mine string // the other choice: a path, or empty when it is the one shown
	Entries   ui.Table
	None      ui.Empty
	Cut       bool
	Own       bool // not a delegate: the worklists are there too
	Work      string
}

// today is the session of the day.
func (s *site) today(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	mine := r.URL.Query().Get("qui") != "tous"
	list, cut, err := s.Lists.Today(r.Context(), actor, mine)
	if err != nil {
		return err
	}
	v := todayView{Page: s.ui.Page(r, "lists.today", "date", s.Vaccinate.Today()), Place: s.placeName(r.Context(), actor), Cut: cut, Own: actor.Delegate.IsZero(), Work: listsPath + "/travail"}
	if mine {
		v.All = listsPath + "?qui=tous"
	} else {
		v.Mine = listsPath
		v.Carry = url.Values{"qui": {"tous"}}
	}
	names, err := s.injectors(r.Context(), actor, []carnet.Dose{{Place: carnet.Place{ID: actor.Organisation}}})
	if err != nil {
		return err
	}
	v.None = ui.Empty{Icon: "leaf", Title: v.T("lists.nobody"), Words: v.T("lists.nobody-words")}
	v.Entries = ui.Table{Caption: v.N("lists.entries", len(list)), Head: []string{v.T("lists.person"), v.T("lists.time"), v.T("dose.vaccine.short"), v.T("dose.rank.short"), v.T("dose.injector.short")}}
	for _, e := range list {
		name := e.Who.Identity.Name().Reveal() + " " + e.Who.Identity.Given()
		row := []ui.Cell{{Words: name, Href: personPath(e.Person)}, {Words: e.ChangedAt.In(carnet.Paris).Format("15:04"), Number: true}, {Words: cmp.Or(s.vaccineName(e.Last.Vaccine), "–")}}
		switch {
		case e.Last.ID.IsZero():
			row = append(row, ui.Cell{Tag: &ui.Tag{Words: v.T("lists.cancelled")}}, ui.Cell{Words: "–"})
		case !e.Last.Given():
			row = append(row, ui.Cell{Tag: &ui.Tag{Kind: "warning", Words: v.T("lists.why." + string(e.Last.NotGiven))}}, ui.Cell{Words: "–"})
		default:
			row = append(row, ui.Cell{Words: rankWords(v.Page, e.Last.Rank, e.Last.Expected), Href: dosePath(e.Last), For: name}, ui.Cell{Words: injectorName(v.Page, names, e.Last.Injector)})
		}
		v.Entries.Rows = append(v.Entries.Rows, row)
	}
	s.ui.Render(w, r, http.StatusOK, "today", &v)
	return nil
}

type worklistsView struct {
	ui.Page
	Mine                             ui.Table
	Kind, Disease, Who, Motive, Days ui.Field
	Hidden                           []ui.Hidden
	Action                           string
	From, To                         ui.Field
	ReportAction                     string
}

// typedList is what comes back to the form of a list, or of the report.
type typedList struct {
	kind, disease, who, motive, days, key string
	from, to                              ui.Parts
}

func (s *site) worklists(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showLists(w, r, http.StatusOK, actor, typedList{}, nil)
}

func (s *site) showLists(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, typed typedList, faults error) error {
	mine, err := s.Lists.Lists(r.Context(), actor)
	if err != nil {
		return err
	}
	v := worklistsView{Page: s.ui.Page(r, "lists.title"), Action: listsPath + "/travail", ReportAction: listsPath + "/rapport"}
	v.Back = &ui.Link{Href: listsPath, Words: v.T("lists.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if r.URL.Query().Get("fait") == "suppression" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("lists.deleted")}
	}
	v.Mine = ui.Table{Caption: v.N("lists.mine", len(mine)), Head: []string{v.T("lists.list"), v.T("lists.disease-short"), v.T("lists.made"), v.T("lists.until")}}
	for _, l := range mine {
		v.Mine.Rows = append(v.Mine.Rows, []ui.Cell{{Words: v.T("lists.kind-of." + string(l.Request.Kind)), Href: listPath(l.ID), For: v.Date(carnet.DateOf(l.Made))},
			{Words: s.diseaseName(v.Page, l.Request.Disease)}, {Words: v.Date(carnet.DateOf(l.Made)), Number: true}, {Words: v.Date(carnet.DateOf(l.Expires)), Number: true}})
	}
	if typed.key == "" {
		key, err := s.Lists.NewKey()
		if err != nil {
			return err
		}
		typed.key, typed.days, typed.who = key.String(), "30", "mine"
		typed.from, typed.to = ui.PartsOf(s.Vaccinate.Today().AddDays(-29)), ui.PartsOf(s.Vaccinate.Today())
	}
	kinds := make([]ui.Option, len(lists.Kinds))
	for i, k := range lists.Kinds {
		kinds[i] = ui.Option{Value: string(k), Label: v.T("lists.kind-of." + string(k)), Hint: v.T("lists.kind-hint." + string(k))}
	}
	v.Kind = v.Radios("kind", "lists.kind", typed.kind, kinds)
	diseases := []ui.Option{{Label: v.T("lists.every-disease")}}
	for _, d := range s.Vaccinate.Catalogue().Diseases() {
		diseases = append(diseases, ui.Option{Value: d.Code, Label: s.diseaseName(v.Page, d.Code)})
	}
	v.Disease = v.Select("disease", "lists.disease", typed.disease, diseases)
	v.Who = v.Radios("who", "lists.who", typed.who, []ui.Option{{Value: "mine", Label: v.T("lists.who-mine")}, {Value: "place", Label: v.T("lists.who-place")}})
	motives := make([]ui.Option, len(lists.Motives))
	for i, m := range lists.Motives {
		motives[i] = ui.Option{Value: string(m), Label: v.T("lists.motive-of." + string(m))}
	}
	v.Motive = v.Radios("motive", "lists.motive", typed.motive, motives)
	v.Days = v.Digits("days", "lists.days", typed.days, "w2")
	v.Hidden = []ui.Hidden{{Name: "key", Value: typed.key}}
	v.From, v.To = v.DayMonthYear("from", "report.from", typed.from), v.DayMonthYear("to", "report.to", typed.to)
	s.ui.Render(w, r, status, "worklists", &v)
	return nil
}

func listPath(id carnet.ID) string { return listsPath + "/travail/" + id.String() }

// diseaseName is what people call a disease of the catalogue.
func (s *site) diseaseName(p ui.Page, code string) string {
	if code == "" {
		return p.T("lists.every-disease")
	}
	d, known := s.Vaccinate.Catalogue().Disease(code)
	switch {
	case !known:
		return code
	case p.Lang == "fr":
		return d.French
	}
	return d.English
}

func (s *site) makeList(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	f := r.PostForm
	typed := typedList{kind: f.Get("kind"), disease: f.Get("disease"), who: f.Get("who"), motive: f.Get("motive"), days: strings.TrimSpace(f.Get("days")), key: f.Get("key"),
		from: ui.PartsOf(s.Vaccinate.Today().AddDays(-29)), to: ui.PartsOf(s.Vaccinate.Today())}
	key, err := carnet.ParseID(typed.key)
	if err != nil {
		return carnet.E("pro.makeList", carnet.NotFound, "list.key-missing", err)
	}
	days, _ := strconv.Atoi(typed.days) // what is no number is no number of days that a list can be kept
	l, err := s.Lists.Make(r.Context(), actor, lists.Request{Key: key, Kind: lists.Kind(typed.kind), Disease: typed.disease, Mine: typed.who != "place", Motive: lists.Motive(typed.motive), Days: days})
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showLists(w, r, http.StatusBadRequest, actor, typed, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, listPath(l.ID), http.StatusSeeOther)
	return nil
}

type worklistView struct {
	ui.Page
	Rows   ui.Rows
	Lines  []lineView
	None   ui.Empty
	Path   string
	Cut    bool
	Notice string
}

type lineView struct {
	ID, Person, Dose, Name, Path, Birth, About string
	Tag                                        ui.Tag
	Buttons                                    []ui.Option
}

func listID(r *http.Request) (carnet.ID, error) {
	id, err := carnet.ParseID(r.PathValue("list"))
	if err != nil {
		return id, carnet.E("pro.list", carnet.NotFound, "list.unknown", err)
	}
	return id, nil
}

// worklist shows a list of the one who asked for it.
func (s *site) worklist(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := listID(r)
	if err != nil {
		return err
	}
	l, entries, err := s.Lists.Open(r.Context(), actor, id)
	if err != nil {
		return err
	}
	v := worklistView{Page: s.ui.Page(r, "lists.kind-of."+string(l.Request.Kind)), Path: listPath(id), Cut: l.Cut}
	v.Back = &ui.Link{Href: listsPath + "/travail", Words: v.T("lists.all")}
	who := "lists.who-place"
	if l.Request.Mine {
		who = "lists.who-mine"
	}
	reached := 0
	for _, e := range entries {
		if e.Contact == lists.Reached {
			reached++
		}
		v.Lines = append(v.Lines, s.line(v.Page, e))
	}
	v.Rows = v.Page.Rows(
		ui.Row{Label: v.T("lists.who-short"), Value: v.T(who)},
		ui.Row{Label: v.T("lists.disease-short"), Value: s.diseaseName(v.Page, l.Request.Disease)},
		ui.Row{Label: v.T("lists.motive-short"), Value: v.T("lists.motive-of." + string(l.Request.Motive))},
		ui.Row{Label: v.T("lists.made"), Value: v.Instant(l.Made), Number: true},
		ui.Row{Label: v.T("lists.until"), Value: v.Date(carnet.DateOf(l.Expires)), Number: true, Hint: v.T("lists.until-words")},
		ui.Row{Label: v.T("lists.reached"), Value: v.T("lists.reached-of", "reached", reached, "of", len(entries)), Number: true},
	)
	v.None = ui.Empty{Icon: "check", Title: v.T("lists.empty"), Words: v.T("lists.empty-words")}
	v.Notice = v.T("lists.notice")
	s.ui.Render(w, r, http.StatusOK, "worklist", &v)
	return nil
}

var contactKinds = map[lists.Contact]string{lists.ToContact: "going", lists.Reached: "success", lists.Unreachable: "warning"}

func (s *site) line(p ui.Page, e lists.Entry) lineView {
	x := lineView{ID: e.Dose.String(), Person: e.Person.String(), Dose: e.Dose.String(), Name: e.Who.Identity.Name().Reveal() + " " + e.Who.Identity.Given(), Path: personPath(e.Person),
		Birth: p.T("recall.born", "birth", p.Birth(e.Who.Identity.Birth)), About: s.about(p, e),
		Tag: ui.Tag{Kind: contactKinds[e.Contact], Words: p.T("recall.contact." + string(e.Contact))}}
	for _, state := range lists.Contacts {
		if state != e.Contact {
			x.Buttons = append(x.Buttons, ui.Option{Value: string(state), Label: p.T("recall.mark." + string(state))})
		}
	}
	return x
}

// about says in a sentence why somebody is on a list.
func (s *site) about(p ui.Page, e lists.Entry) string {
	if e.Last.ID.IsZero() {
		return p.T("lists.gone")
	}
	return p.T("lists.about."+e.Why, "vaccine", s.vaccineName(e.Last.Vaccine), "on", e.Last.Date, "date", e.On, "rank", p.Ordinal(e.Last.Rank))
}

func (s *site) markLine(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := listID(r)
	if err != nil {
		return err
	}
	var ids [2]carnet.ID
	for i, field := range []string{"person", "dose"} {
		if ids[i], err = carnet.ParseID(r.PostFormValue(field)); err != nil {
			return carnet.E("pro.markLine", carnet.NotFound, "list.unknown", err)
		}
	}
	if err := s.Lists.Mark(r.Context(), actor, id, ids[0], ids[1], lists.Contact(r.PostFormValue("contact"))); err != nil {
		return err
	}
	http.Redirect(w, r, listPath(id)+"#d"+ids[1].String(), http.StatusSeeOther)
	return nil
}

func (s *site) deleteList(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := listID(r)
	if err != nil {
		return err
	}
	if err := s.Lists.Delete(r.Context(), actor, id); err != nil {
		return err
	}
	http.Redirect(w, r, listsPath+"/travail?fait=suppression", http.StatusSeeOther)
	return nil
}

// exportList writes a list as a file of the one who asked for it. It has neither number nor contact.
func (s *site) exportList(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := listID(r)
	if err != nil {
		return err
	}
	l, entries, err := s.Lists.Open(r.Context(), actor, id)
	if err != nil {
		return err
	}
	p := s.ui.Page(r, "lists.kind-of."+string(l.Request.Kind))
	rows := [][]string{
		{p.T("lists.file-notice", "until", carnet.DateOf(l.Expires))},
		{p.T("lists.file-motive", "motive", p.T("lists.motive-of."+string(l.Request.Motive)), "made", p.Instant(l.Made))},
		{p.T("person.name"), p.T("person.given"), p.T("person.birth"), p.T("lists.why-short"), p.T("dose.vaccine.short"), p.T("dose.date.short"), p.T("lists.date"), p.T("lists.reached")},
	}
	for _, e := range entries {
		on := ""
		if !e.Last.Date.IsZero() {
			on = e.Last.Date.String()
		}
		rows = append(rows, []string{e.Who.Identity.Name().Reveal(), e.Who.Identity.Given(), e.Who.Identity.Birth.ISO(), s.about(p, e), s.vaccineName(e.Last.Vaccine), on, e.On.String(),
			p.T("recall.contact." + string(e.Contact))})
	}
	return writeFile(w, "liste-"+l.Made.In(carnet.Paris).Format("2006-01-02")+".csv", rows)
}

// report writes what a place did, counted by day and vaccine: nobody is in it.
func (s *site) report(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	typed := typedList{key: r.PostFormValue("key"), days: "30", who: "mine", from: ui.ReadParts(r.PostForm, "from"), to: ui.ReadParts(r.PostForm, "to")}
	var problems carnet.Problems
	from, to := readDay(&problems, "from", typed.from), readDay(&problems, "to", typed.to)
	err := problems.Err()
	var list []lists.Activity
	if err == nil {
		list, err = s.Lists.Report(r.Context(), actor, from, to)
	}
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showLists(w, r, http.StatusBadRequest, actor, typed, err)
	}
	if err != nil {
		return err
	}
	p := s.ui.Page(r, "lists.title")
	rows := [][]string{{p.T("report.notice")}, {p.T("dose.date.short"), p.T("dose.place.short"), p.T("report.place-name"), p.T("report.code"), p.T("dose.vaccine.short"), p.T("report.outcome"), p.T("report.count")}}
	place := s.placeName(r.Context(), actor)
	for _, a := range list {
		outcome := p.T("report.given")
		if a.NotGiven != "" {
			outcome = p.T("lists.why." + string(a.NotGiven))
		}
		rows = append(rows, []string{a.Day.String(), actor.Organisation, place, a.Vaccine, s.vaccineName(a.Vaccine), outcome, strconv.Itoa(a.N)})
	}
	return writeFile(w, "rapport-"+from.String()+"-"+to.String()+".csv", rows)
}

// writeFile answers with a file that a spreadsheet opens as it is: UTF-8 with its mark, semicolons, and
// no cell that would be read as a formula.
func writeFile(w http.ResponseWriter, name string, rows [][]string) error {
	var b strings.Builder
	b.WriteString("\ufeff")
	out := csv.NewWriter(&b)
	out.Comma, out.UseCRLF = ';', true
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				cell = "'" + cell
			}
			safe[i] = cell
		}
		if err := out.Write(safe); err != nil {
			return carnet.E("pro.writeFile", carnet.Internal, "internal", err)
		}
	}
	out.Flush()
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(b.String())) // the reader may be gone
	return nil
}
