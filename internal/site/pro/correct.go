package pro

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// Documents counts the documents of a person that would be revoked if these doses stood, and no
// others. Package certify has it.
type Documents func(ctx context.Context, person carnet.ID, standing []carnet.Dose) (int, error)

// corrections are the typed corrections of an entry, in the order of the page that offers them.
func corrections(d carnet.Dose) []vaccinate.Change {
	switch {
	case d.Evidence != carnet.Administered:
		return []vaccinate.Change{vaccinate.ChangeVaccine, vaccinate.ChangeDate, vaccinate.ChangeLot, vaccinate.ChangeEvidence, vaccinate.ChangeRank, vaccinate.ChangeNote}
	case !d.Given():
		return []vaccinate.Change{vaccinate.ChangeDate, vaccinate.ChangePlace, vaccinate.ChangeNote}
	}
	return []vaccinate.Change{vaccinate.ChangeLot, vaccinate.ChangeDate, vaccinate.ChangeVaccine, vaccinate.ChangePlace, vaccinate.ChangeSite,
		vaccinate.ChangePeople, vaccinate.ChangeRank, vaccinate.ChangeConsent, vaccinate.ChangeNote}
}

type choiceView struct {
	doseView
	Choices []ui.Link
	All     string // the whole form
}

// chooseCorrection asks what is wrong: each answer leads to a form of its own, with nothing else on it.
func (s *site) chooseCorrection(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	dv, d, err := s.touchable(r, actor, "correct.title")
	if err != nil {
		return err
	}
	v := choiceView{doseView: dv}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("cancel.back")}
	for _, c := range corrections(d) {
		v.Choices = append(v.Choices, ui.Link{Href: v.Path + "/corriger/" + string(c), Words: v.T("correct.what." + string(c))})
	}
	if d.Given() && d.Evidence == carnet.Administered {
		v.All = v.Path + "/corriger/tout"
	}
	s.ui.Render(w, r, http.StatusOK, "choice", &v)
	return nil
}

// touchable opens an entry that the actor may correct.
func (s *site) touchable(r *http.Request, actor protect.Actor, title string) (doseView, carnet.Dose, error) {
	v, d, err := s.doseView(r, actor, title)
	if err != nil {
		return v, d, err
	}
	me, err := s.Vaccinate.Professional(r.Context(), actor)
	if err == nil {
		err = vaccinate.MayTouch(d, me, s.Vaccinate.Today())
	}
	if err == nil {
		err = actor.May(protect.ActCorrect)
	}
	return v, d, err
}

// newCorrection makes the key of a correction and puts it in the address.
func (s *site) newCorrection(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	_, d, err := s.doseOf(r, actor)
	if err != nil {
		return err
	}
	what := r.PathValue("what")
	if what == "tout" {
		return s.withKey(w, r, dosePath(d)+"/corrections/")
	}
	if !slices.Contains(corrections(d), vaccinate.Change(what)) {
		return carnet.E("pro.correct", carnet.NotFound, "entry.unknown", nil)
	}
	return s.withKey(w, r, dosePath(d)+"/rectifications/"+what+"/")
}

type correctView struct {
	doseView
	Action  string
	Fields  []ui.Field
	Reason  ui.Field
	Hidden  []ui.Hidden
	Changes []string // what would change, in words
	Effects []string // what would follow
}

// correctPage is the form of one typed correction.
func (s *site) correctPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	v, d, what, err := s.correcting(w, r, actor)
	if err != nil || v == nil {
		return err
	}
	return s.showCorrect(w, r, http.StatusOK, actor, v, d, what, correctForm(d), nil)
}

// correcting opens what the address of a typed correction names. Without a view the answer was given:
// the correction is done already.
func (s *site) correcting(w http.ResponseWriter, r *http.Request, actor protect.Actor) (*correctView, carnet.Dose, vaccinate.Change, error) {
	what := vaccinate.Change(r.PathValue("what"))
	dv, d, err := s.touchable(r, actor, "correct.title")
	if err != nil {
		return nil, d, what, err
	}
	key, err := carnet.ParseID(r.PathValue("key"))
	if err != nil || !slices.Contains(corrections(d), what) {
		return nil, d, what, carnet.E("pro.correct", carnet.NotFound, "entry.unknown", err)
	}
	if done, err := s.Vaccinate.Done(r.Context(), actor, d.PersonID, key); err == nil {
		http.Redirect(w, r, dosePath(done)+"?fait=deja", http.StatusSeeOther)
		return nil, d, what, nil
	} else if carnet.KindOf(err) != carnet.NotFound {
		return nil, d, what, err
	}
	v := &correctView{doseView: dv, Action: r.URL.Path}
	v.Back = &ui.Link{Href: v.Path + "/corriger", Words: v.T("correct.other")}
	return v, d, what, nil
}

// correctForm is what is recorded, in the words of the fields.
func correctForm(d carnet.Dose) url.Values {
	f := url.Values{
		"lot": {d.Lot.Reveal()}, "vaccine": {d.Vaccine}, "product": {d.Product}, "country": {d.Country}, "time": {d.Time}, "late-reason": {d.LateReason},
		"place": {d.Place.ID}, "place-type": {string(d.PlaceType)}, "site": {string(d.BodySite)}, "route": {d.Route}, "injector": {d.Injector.String()},
		"responsible": {d.Responsible.String()}, "rank-reason": {d.RankReason}, "consent": {string(d.Consent.By)}, "consent-name": {d.Consent.Name.Reveal()},
		"consent-relation": {d.Consent.Relation.Reveal()}, "note": {d.Note.Reveal()}, "form": {d.Form}, "evidence": {string(d.Evidence)}, "version": {strconv.Itoa(d.Version)},
	}
	if d.RankReason != "" {
		f.Set("rank", strconv.Itoa(d.Rank))
		f.Set("expected", strconv.Itoa(d.Expected))
	}
	if d.Half {
		f.Set("half", "1")
	}
	for name, date := range map[string]carnet.Date{"date": d.Date, "expiry": d.Expiry} {
		if !date.IsZero() {
			for _, h := range ui.PartsOf(date).Hidden(name) {
				f.Set(h.Name, h.Value)
			}
		}
	}
	return f
}

// correctFields are the names of the inputs of each typed correction; dates have three parts.
var correctFields = map[vaccinate.Change][]string{
	vaccinate.ChangeLot: {"lot", "expiry", "half"}, vaccinate.ChangeDate: {"date", "time", "late-reason"}, vaccinate.ChangeVaccine: {"vaccine", "product", "country", "lot"},
	vaccinate.ChangePlace: {"place", "place-type"}, vaccinate.ChangeSite: {"site", "route"}, vaccinate.ChangePeople: {"injector", "responsible"},
	vaccinate.ChangeRank: {"rank", "expected", "rank-reason"}, vaccinate.ChangeConsent: {"consent", "consent-name", "consent-relation"},
	vaccinate.ChangeNote: {"note", "form"}, vaccinate.ChangeEvidence: {"evidence"},
}

// field makes one input of a typed correction.
func (s *site) field(r *http.Request, actor protect.Actor, p *ui.Page, d carnet.Dose, name string, f url.Values) (field ui.Field, err error) {
	value := f.Get(name)
	options := func(empty bool, list ...ui.Option) []ui.Option {
		if empty {
			return append([]ui.Option{{Label: p.T("entry.choose")}}, list...)
		}
		return list
	}
	key := "entry." + name
	switch name {
	case "date":
		return p.DayMonthYear(name, "dose.date", ui.ReadParts(f, name)), nil
	case "expiry":
		return p.DayMonthYear(name, key, ui.ReadParts(f, name)), nil
	case "half":
		return p.Check(name, key, value != ""), nil
	case "rank", "expected":
		return p.Digits(name, key, value, "w2"), nil
	case "rank-reason", "note", "late-reason":
		return p.Area(name, key, value), nil
	case "lot":
		field = p.Input(name, "dose.lot", value)
		field.Class, field.Length = "w20", 30
		return field, nil
	case "vaccine":
		var list []ui.Option
		for _, v := range s.Vaccinate.Catalogue().Vaccines() {
			if !v.Foreign || d.Evidence != carnet.Administered {
				list = append(list, ui.Option{Value: v.Code, Label: vaccineWords(v)})
			}
		}
		return p.Select(name, "dose.vaccine", value, options(true, list...)), nil
	case "site":
		var list []ui.Option
		for _, b := range carnet.BodySites {
			list = append(list, ui.Option{Value: string(b), Label: p.T("body." + string(b))})
		}
		field = p.Radios(name, "dose.site", value, list)
		field.Inline = true
		return field, nil
	case "route":
		var list []ui.Option
		for _, b := range []string{"IM", "SC", "ID", "PO", "NAS"} {
			list = append(list, ui.Option{Value: b, Label: p.T("route." + b)})
		}
		return p.Select(name, key, value, options(true, list...)), nil
	case "place-type":
		var list []ui.Option
		for _, b := range carnet.PlaceTypes {
			list = append(list, ui.Option{Value: string(b), Label: p.T("place-type." + string(b))})
		}
		return p.Select(name, key, value, options(true, list...)), nil
	case "consent":
		var list []ui.Option
		for _, b := range carnet.ConsentsBy {
			list = append(list, ui.Option{Value: string(b), Label: p.T("consent." + string(b))})
		}
		return p.Select(name, key, value, options(true, list...)), nil
	case "evidence":
		var list []ui.Option
		for _, b := range []carnet.Evidence{carnet.Proven, carnet.Stated} {
			list = append(list, ui.Option{Value: string(b), Label: p.T("evidence." + string(b))})
		}
		return p.Radios(name, "correct.evidence", value, list), nil
	case "place":
		me, err := s.Vaccinate.Professional(r.Context(), actor)
		if err != nil {
			return field, err
		}
		list := []ui.Option{{Value: d.Place.ID, Label: placeWords(d.Place)}}
		for _, at := range me.Places {
			if at.ID != d.Place.ID {
				list = append(list, ui.Option{Value: at.ID, Label: placeWords(at)})
			}
		}
		return p.Select(name, "dose.place", value, list), nil
	case "injector", "responsible":
		team, err := s.Vaccinate.Vaccinators(r.Context(), actor, d.Place.ID)
		if err != nil {
			return field, err
		}
		var list []ui.Option
		known := false
		for _, pro := range team {
			list = append(list, ui.Option{Value: pro.ID.String(), Label: fullName(pro)})
			known = known || pro.ID.String() == value
		}
		if !known { // whoever left stays named until somebody says otherwise
			list = append(list, ui.Option{Value: value, Label: p.T("dose.injector.gone")})
		}
		if name == "injector" {
			key = "dose.injector"
		}
		return p.Select(name, key, value, list), nil
	}
	return p.Input(name, key, value), nil
}

// showCorrect shows the form of a typed correction, with what was typed and what is wrong with it.
func (s *site) showCorrect(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, v *correctView, d carnet.Dose, what vaccinate.Change, f url.Values, faults error) error {
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	for _, name := range correctFields[what] {
		if d.Evidence == carnet.Administered && (name == "product" || name == "country") {
			continue
		}
		field, err := s.field(r, actor, &v.Page, d, name, f)
		if err != nil {
			return err
		}
		v.Fields = append(v.Fields, field)
	}
	v.Reason = v.Area("reason", "entry.reason", f.Get("reason"))
	v.Hidden = []ui.Hidden{{Name: "version", Value: f.Get("version")}}
	s.ui.Render(w, r, status, "correct", v)
	return nil
}

// correct takes the form: first it shows what would change and what follows, then it does it.
func (s *site) correct(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	v, d, what, err := s.correcting(w, r, actor)
	if err != nil || v == nil {
		return err
	}
	f := r.PostForm
	c, rev, err := readCorrection(d, what, f, r.PathValue("key"))
	if err != nil {
		return s.showCorrect(w, r, http.StatusBadRequest, actor, v, d, what, f, err)
	}
	if f.Get("edit") != "" {
		return s.showCorrect(w, r, http.StatusOK, actor, v, d, what, f, nil)
	}
	if f.Get("confirm") == "" {
		effect, err := s.Vaccinate.Preview(r.Context(), actor, c, rev)
		if err != nil {
			return s.refuseCorrect(w, r, actor, v, d, what, f, err)
		}
		names, err := s.names(r.Context(), actor, []carnet.Dose{effect.Before, effect.After})
		if err != nil {
			return err
		}
		v.Changes = s.changed(v.Page, effect.Before, effect.After, names)
		if v.Effects, err = s.effects(r, v.Page, effect); err != nil {
			return err
		}
		for _, name := range correctFields[what] {
			for _, part := range []string{name, name + "-day", name + "-month", name + "-year"} {
				if f.Has(part) {
					v.Hidden = append(v.Hidden, ui.Hidden{Name: part, Value: f.Get(part)})
				}
			}
		}
		v.Hidden = append(v.Hidden, ui.Hidden{Name: "reason", Value: f.Get("reason")}, ui.Hidden{Name: "version", Value: f.Get("version")})
		v.Rows = v.Page.Rows(ui.Row{Label: v.T("entry.reason.label"), Value: rev.Reason})
		s.ui.Render(w, r, http.StatusOK, "confirm", v)
		return nil
	}
	done, err := s.Vaccinate.Correct(r.Context(), actor, c, rev)
	if err != nil {
		return s.refuseCorrect(w, r, actor, v, d, what, f, err)
	}
	s.forgetBack(w, c.Key)
	http.Redirect(w, r, dosePath(done)+"?fait=correction", http.StatusSeeOther)
	return nil
}

// refuseCorrect shows the form again with what the room refuses of it.
func (s *site) refuseCorrect(w http.ResponseWriter, r *http.Request, actor protect.Actor, v *correctView, d carnet.Dose, what vaccinate.Change, f url.Values, err error) error {
	if carnet.KindOf(err) != carnet.Invalid {
		return err
	}
	problems, ok := errors.AsType[carnet.Problems](err)
	if !ok {
		problems.Add("reason", carnet.CodeOf(err), nil)
	}
	for _, e := range problems { // a fault of a field that this form does not show is told beside the reason
		if !slices.Contains(correctFields[what], e.Field) {
			e.Field = "reason"
		}
	}
	return s.showCorrect(w, r, http.StatusBadRequest, actor, v, d, what, f, problems)
}

// effects says in words what a correction or a cancellation would bring along.
func (s *site) effects(r *http.Request, p ui.Page, e vaccinate.Effect) ([]string, error) {
	var list []string
	for _, d := range e.Renumbered {
		list = append(list, p.T("effect.renumbered", "date", d.Date, "of", rankWords(p, d.Rank, d.Expected)))
	}
	if s.Documents != nil {
		n, err := s.Documents(r.Context(), e.Before.PersonID, e.Standing)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			list = append(list, p.N("effect.documents", n))
		} else {
			list = append(list, p.T("effect.no-document"))
		}
	}
	return append(list, p.T("effect.told")), nil
}

// readCorrection is the command of a typed correction: the entry as it stands, but for the fields of
// the form.
func readCorrection(d carnet.Dose, what vaccinate.Change, f url.Values, key string) (vaccinate.Command, vaccinate.Revision, error) {
	c := vaccinate.Again(d)
	rev := vaccinate.Revision{Dose: d.ID, Version: atoi(f.Get("version")), Reason: strings.TrimSpace(f.Get("reason"))}
	var problems carnet.Problems
	var err error
	if c.Key, err = carnet.ParseID(key); err != nil {
		return c, rev, carnet.E("pro.correct", carnet.NotFound, "entry.unknown", err)
	}
	get := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	date := func(name string) (on carnet.Date) {
		if text := ui.ReadParts(f, name).ISO(); text != "" {
			if on, err = carnet.ParseDate(text); err != nil {
				problems.Add(name, carnet.CodeOf(err), nil)
			}
		}
		return on
	}
	lot := func() {
		c.Lot = carnet.Lot{}
		if get("lot") != "" {
			if c.Lot, err = carnet.ParseLot(get("lot")); err != nil {
				problems.Add("lot", carnet.CodeOf(err), nil)
			}
		}
	}
	switch what {
	case vaccinate.ChangeLot:
		lot()
		c.Expiry, c.Half = date("expiry"), get("half") != ""
	case vaccinate.ChangeDate:
		c.Date, c.Time, c.LateReason = date("date"), get("time"), get("late-reason")
	case vaccinate.ChangeVaccine:
		lot()
		c.Vaccine, c.Product, c.Country = get("vaccine"), get("product"), strings.ToUpper(get("country"))
		if c.Vaccine != d.Vaccine {
			c.Rank, c.Expected, c.RankReason = 0, 0, ""
		}
	case vaccinate.ChangePlace:
		c.Place, c.PlaceType = get("place"), carnet.PlaceType(get("place-type"))
	case vaccinate.ChangeSite:
		c.BodySite, c.Route = carnet.BodySite(get("site")), get("route")
	case vaccinate.ChangePeople:
		c.Injector, _ = carnet.ParseID(get("injector"))
		c.Responsible, _ = carnet.ParseID(get("responsible"))
	case vaccinate.ChangeRank:
		c.Rank, c.Expected, c.RankReason = 0, 0, get("rank-reason")
		if get("rank")+get("expected") != "" {
			if c.Rank, c.Expected = digit(get("rank")), digit(get("expected")); c.Rank == 0 || c.Expected == 0 {
				problems.Add("rank", "dose.rank", nil)
			}
		}
	case vaccinate.ChangeConsent:
		c.Consent = carnet.Consent{By: carnet.ConsentBy(get("consent")), Name: carnet.Hide(get("consent-name")), Relation: carnet.Hide(get("consent-relation"))}
	case vaccinate.ChangeNote:
		c.Note, c.Form = carnet.Hide(get("note")), get("form")
	case vaccinate.ChangeEvidence:
		c.Evidence = carnet.Evidence(get("evidence"))
	}
	if rev.Reason == "" {
		problems.Add("reason", "dose.reason-missing", nil)
	}
	return c, rev, problems.Err()
}
