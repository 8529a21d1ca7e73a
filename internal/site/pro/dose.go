package pro

import (
	"context"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

type doseView struct {
	ui.Page
	Identity identity
	Rows     ui.Rows
	May      bool   // correct and cancel
	Why      string // not, in words
	Report   bool   // may say that it is forged
	Path     string
	Person   string
	Warnings *ui.Banner
	Start    []ui.Hidden // what opens a run with this dose; empty when none can be
	Events   *ui.Table   // what happened to the entry
}

// doseView shows an entry as it stands.
func (s *site) doseView(r *http.Request, actor protect.Actor, title string) (doseView, carnet.Dose, error) {
	who, d, err := s.doseOf(r, actor)
	if err != nil {
		return doseView{}, d, err
	}
	me, err := s.Vaccinate.Professional(r.Context(), actor)
	if err != nil {
		return doseView{}, d, err
	}
	names, err := s.names(r.Context(), actor, []carnet.Dose{d})
	if err != nil {
		return doseView{}, d, err
	}
	names[me.ID] = fullName(me)
	v := doseView{Page: s.ui.Page(r, title, "rank", doseWords(s.ui.Text(r), d)), Path: dosePath(d), Person: personPath(who.ID)}
	v.Identity = identityOf(v.Page, who.Identity)
	err = vaccinate.MayTouch(d, me, s.Vaccinate.Today())
	v.May = err == nil && !d.Suspected && actor.May(protect.ActCorrect) == nil
	v.Report = actor.May(protect.ActCancel) == nil && !d.Suspected
	switch {
	case actor.May(protect.ActCorrect) != nil:
		v.Why = v.T("dose.delegate")
	case err != nil:
		v.Why = v.T("problem." + carnet.CodeOf(err))
	}
	own := d.RecordedBy == actor.ID || d.Injector == actor.ID
	if d.Given() && d.Evidence == carnet.Administered && own {
		v.Start = []ui.Hidden{{Name: "personne", Value: who.ID.String()}, {Name: "dose", Value: d.ID.String()}, {Name: "saisie", Value: d.ID.String()}}
	}
	var lines []string
	if d.Contested {
		lines = append(lines, v.T("dose.contested"))
	}
	if d.Suspected {
		lines = append(lines, v.T("dose.suspected"))
	}
	if d.Suspended {
		lines = append(lines, v.T("dose.suspended"))
	}
	if len(lines) > 0 {
		v.Warnings = &ui.Banner{Kind: "warning", Title: v.N("warning.title", len(lines)), Lines: lines}
	}
	v.Rows = v.Page.Rows(s.doseRows(v.Page, d, names)...)
	return v, d, nil
}

// doseWords names an entry: its rank, or what it is when it has none.
func doseWords(t ui.Text, d carnet.Dose) string {
	switch {
	case !d.Given():
		return t.T("dose.none")
	case d.Rank == 0:
		return t.T("dose.unranked")
	}
	return t.T("dose.nth", "rank", t.Ordinal(d.Rank))
}

// doseRows is everything that an entry says; what is empty is left out.
func (s *site) doseRows(p ui.Page, d carnet.Dose, names map[carnet.ID]string) []ui.Row {
	var rows []ui.Row
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, ui.Row{Label: p.T(key), Value: value})
		}
	}
	if !d.Given() {
		add("dose.outcome.short", p.T("not-given."+string(d.NotGiven)))
	}
	add("dose.vaccine.short", s.productName(d))
	add("dose.lot.short", d.Lot.Reveal())
	if !d.Expiry.IsZero() {
		add("dose.expiry.short", p.Date(d.Expiry))
	}
	add("dose.date.short", strings.TrimSpace(p.Date(d.Date)+" "+d.Time))
	if d.Rank > 0 {
		tag, why := stateTag(p, d), ""
		if d.RankReason != "" {
			why = p.T("dose.rank.overridden", "reason", d.RankReason)
		}
		rows = append(rows, ui.Row{Label: p.T("dose.rank.short"), Value: rankWords(p, d.Rank, d.Expected), Hint: why, Tag: &tag})
	}
	if d.Evidence != carnet.Administered {
		add("dose.evidence.short", p.T("evidence."+string(d.Evidence)))
		add("dose.country.short", d.Country)
	}
	if d.BodySite != "" {
		add("dose.site.short", p.T("body."+string(d.BodySite)))
	}
	if d.Half {
		add("dose.half.short", p.T("dose.half.yes"))
	}
	add("dose.place.short", placeWords(d.Place))
	if !d.Injector.IsZero() {
		add("dose.injector.short", injectorName(p, names, d.Injector))
	}
	if !d.Responsible.IsZero() && d.Responsible != d.Injector {
		add("dose.responsible.short", injectorName(p, names, d.Responsible))
	}
	if d.Consent.By != "" {
		words := p.T("consent." + string(d.Consent.By))
		if n := d.Consent.Name.Reveal(); n != "" {
			words += ", " + n
		}
		add("dose.consent.short", words)
	}
	add("dose.late.short", d.LateReason)
	add("dose.form.short", d.Form)
	add("dose.note.short", d.Note.Reveal())
	entered := p.Instant(d.RecordedAt)
	if d.Version > 1 {
		entered = p.N("dose.corrected", d.Version-1, "when", entered)
	}
	add("dose.entered.short", entered)
	add("dose.recorder.short", injectorName(p, names, d.RecordedBy))
	return rows
}

// productName is the vaccine of the catalogue, or the product as the proof writes it.
func (s *site) productName(d carnet.Dose) string {
	if d.Vaccine == "" {
		return d.Product
	}
	return s.vaccineName(d.Vaccine)
}

// names are those of the people whom entries name, as far as the directory of their places says.
func (s *site) names(ctx context.Context, actor protect.Actor, doses []carnet.Dose) (map[carnet.ID]string, error) {
	var here []carnet.Dose
	for _, d := range doses {
		if d.Place.ID != "" {
			here = append(here, d)
		}
		if d.RecordedIn != "" && d.RecordedIn != d.Place.ID {
			here = append(here, carnet.Dose{Place: carnet.Place{ID: d.RecordedIn}})
		}
	}
	return s.injectors(ctx, actor, here)
}

func (s *site) dose(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	v, d, err := s.doseView(r, actor, "dose.title")
	if err != nil {
		return err
	}
	v.Back = &ui.Link{Href: v.Person, Words: v.T("dose.back")}
	switch r.URL.Query().Get("fait") {
	case "deja":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("dose.already"), Lines: []string{v.T("dose.already-words")}}
	case "correction":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("dose.was-corrected"), Lines: []string{v.T("dose.was-corrected-words")}}
	case "deplacement":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("dose.was-moved"), Lines: []string{v.T("dose.was-moved-words")}}
	case "signalement":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("dose.was-reported"), Lines: []string{v.T("dose.was-reported-words")}}
	}
	if err := s.events(r, actor, &v, d); err != nil {
		return err
	}
	s.ui.Render(w, r, http.StatusOK, "dose", &v)
	return nil
}

// events adds the history of an entry: when, who, what, from what to what, why.
func (s *site) events(r *http.Request, actor protect.Actor, v *doseView, d carnet.Dose) error {
	list, err := s.Vaccinate.Events(r.Context(), actor, d.PersonID, d.ID)
	if err != nil {
		return err
	}
	all := []carnet.Dose{d}
	for _, e := range list {
		all = append(all, e.Dose)
	}
	names, err := s.names(r.Context(), actor, all)
	if err != nil {
		return err
	}
	v.Events = &ui.Table{Caption: v.T("act.caption"), Head: []string{v.T("act.when"), v.T("act.who"), v.T("act.what"), v.T("act.why")}}
	for i, e := range list {
		who := injectorName(v.Page, names, e.Actor)
		if e.Actor == actor.ID {
			who = v.T("act.me")
		}
		if !e.Delegate.IsZero() {
			who = v.T("act.delegate", "name", who)
		}
		what := v.T("act." + string(e.Kind))
		if i > 0 {
			if lines := s.changed(v.Page, list[i-1].Dose, e.Dose, names); len(lines) > 0 {
				what += v.T("act.list", "list", strings.Join(lines, " ; "))
			}
		}
		why := e.Reason
		if e.Cause != "" {
			why = strings.TrimSuffix(v.T("cause."+string(e.Cause))+" : "+e.Reason, " : ")
		}
		v.Events.Rows = append(v.Events.Rows, []ui.Cell{{Words: v.Instant(e.At), Number: true}, {Words: who}, {Words: what}, {Words: why}})
	}
	return nil
}

// changed lists in words what differs between two states of an entry: "Lot : A1 → A2".
func (s *site) changed(p ui.Page, a, b carnet.Dose, names map[carnet.ID]string) []string {
	before, after := map[string]string{}, map[string]string{}
	rows := s.doseRows(p, a, names)
	for _, row := range rows {
		before[row.Label] = row.Value
	}
	var order []string
	for _, row := range append(s.doseRows(p, b, names), rows...) {
		if _, seen := after[row.Label]; !seen {
			order = append(order, row.Label)
			after[row.Label] = ""
		}
	}
	for _, row := range s.doseRows(p, b, names) {
		after[row.Label] = row.Value
	}
	var list []string
	for _, label := range order {
		if label == p.T("dose.entered.short") || before[label] == after[label] {
			continue
		}
		none := p.T("act.none")
		or := func(s string) string {
			if s == "" {
				return none
			}
			return s
		}
		list = append(list, p.T("act.change", "label", label, "before", or(before[label]), "after", or(after[label])))
	}
	return list
}

// saved is the page after a record: what is recorded, and what one does next.
func (s *site) saved(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	v, _, err := s.doseView(r, actor, "saved.title")
	if err != nil {
		return err
	}
	v.Banner = &ui.Banner{Kind: "success", Title: v.T("saved.done"), Lines: []string{v.T("saved.done-words")}}
	s.ui.Render(w, r, http.StatusOK, "saved", &v)
	return nil
}
