package pro

import (
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

// entry is what the form of a dose sends, as typed. The names of its inputs are those that the
// room gives to the fields of its problems.
type entry struct {
	vaccine, lot, place, site, injector string
	date                                ui.Parts
	rank, expected, rankReason          string // typed to override the proposal
	shown                               string // the proposal that the check page showed, "2/2"
	reason, version                     string // of a correction
}

var entryFields = []string{"vaccine", "lot", "place", "site", "injector", "rank", "expected", "rank-reason", "reason", "version"}

func readEntry(form url.Values) entry {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	return entry{
		vaccine: get("vaccine"), lot: get("lot"), date: ui.ReadParts(form, "date"), place: get("place"), site: get("site"), injector: get("injector"),
		rank: get("rank"), expected: get("expected"), rankReason: get("rank-reason"), shown: get("shown"),
		reason: get("reason"), version: get("version"),
	}
}

func (e entry) hidden() []ui.Hidden {
	values := []string{e.vaccine, e.lot, e.place, e.site, e.injector, e.rank, e.expected, e.rankReason, e.reason, e.version}
	list := make([]ui.Hidden, len(entryFields))
	for i, name := range entryFields {
		list[i] = ui.Hidden{Name: name, Value: values[i]}
	}
	return append(list, e.date.Hidden("date")...)
}

// work is everything about the entry under way: whose, under which key, correcting what.
type work struct {
	actor   protect.Actor
	person  carnet.Person
	key     carnet.ID
	old     carnet.Dose // zero when the entry is not a correction
	path    string      // address of the form
	me      carnet.Professional
	correct bool
}

// newEntry makes the key of an entry and puts it in the address: from there on, going back and
// forth always speaks of the same entry.
func (s *site) newEntry(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	return s.withKey(w, r, personPath(who.ID)+"/saisies/")
}

func (s *site) newCorrection(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	_, d, err := s.doseOf(r, actor)
	if err != nil {
		return err
	}
	return s.withKey(w, r, dosePath(d)+"/corrections/")
}

func (s *site) withKey(w http.ResponseWriter, r *http.Request, prefix string) error {
	key, err := s.Vaccinate.NewKey()
	if err != nil {
		return err
	}
	http.Redirect(w, r, prefix+key.String(), http.StatusSeeOther)
	return nil
}

// workOf opens what the address names. When the entry was saved already it answers with the saved
// dose, and done is true.
func (s *site) workOf(w http.ResponseWriter, r *http.Request, actor protect.Actor) (k work, done bool, err error) {
	k.actor = actor
	k.correct = r.PathValue("dose") != ""
	if k.person, err = s.personOf(r, actor); err != nil {
		return k, false, err
	}
	if k.key, err = carnet.ParseID(r.PathValue("key")); err != nil || k.key.Version() != 7 {
		return k, false, carnet.E("pro.entry", carnet.NotFound, "entry.unknown", err)
	}
	saved, err := s.Vaccinate.Done(r.Context(), actor, k.person.ID, k.key)
	if err == nil {
		http.Redirect(w, r, dosePath(saved)+"?fait=deja", http.StatusSeeOther)
		return k, true, nil
	}
	if carnet.KindOf(err) != carnet.NotFound {
		return k, false, err
	}
	k.path = personPath(k.person.ID) + "/saisies/" + k.key.String()
	if k.correct {
		if _, k.old, err = s.doseOf(r, actor); err != nil {
			return k, false, err
		}
		if !mine(k.old, actor) {
			return k, false, carnet.E("pro.entry", carnet.Denied, "dose.not-yours", nil)
		}
		k.path = dosePath(k.old) + "/corrections/" + k.key.String()
	}
	if k.me, err = s.Vaccinate.Professional(r.Context(), actor); err != nil {
		return k, false, err
	}
	return k, false, nil
}

// first is the entry that the form shows before anything is typed.
func (k work) first(today carnet.Date) entry {
	if k.correct {
		d := k.old
		e := entry{
			vaccine: d.Vaccine, lot: d.Lot.Reveal(), date: ui.PartsOf(d.Date), place: d.Place.ID, site: string(d.BodySite), injector: d.Injector.String(),
			version: strconv.Itoa(d.Version),
		}
		if d.RankReason != "" {
			e.rank, e.expected, e.rankReason = strconv.Itoa(d.Rank), strconv.Itoa(d.Expected), d.RankReason
		}
		return e
	}
	e := entry{date: ui.PartsOf(today), place: k.actor.Organisation}
	if k.me.Vaccinator {
		e.injector = k.me.ID.String()
	}
	return e
}

type entryView struct {
	ui.Page
	Identity                           identity
	Action                             string
	Correct                            bool
	Vaccine, Lot, Date, Place          ui.Field
	Site, Injector                     ui.Field
	Rank, Expected, RankReason, Reason ui.Field
	Override                           bool   // the override is open
	Proposal                           string // the rank that the rules propose, when it is known
	Version                            []ui.Hidden
	OnePlace                           string
	Cancel                             string
}

func (s *site) entryPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	return s.showForm(w, r, http.StatusOK, k, k.first(s.Vaccinate.Today()), nil)
}

// showForm shows the form with everything typed, and what is wrong with it.
func (s *site) showForm(w http.ResponseWriter, r *http.Request, status int, k work, e entry, faults error) error {
	title := "entry.title"
	if k.correct {
		title = "entry.correct-title"
	}
	v := entryView{Page: s.ui.Page(r, title), Action: k.path, Correct: k.correct, Cancel: personPath(k.person.ID)}
	if k.correct {
		v.Cancel = dosePath(k.old)
	}
	v.Back = &ui.Link{Href: v.Cancel, Words: v.T("entry.back")}
	if r.URL.Query().Get("saisie") == "perdue" {
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("entry.lost"), Lines: []string{v.T("entry.lost-words")}}
	}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Focus = r.PostForm.Get("edit")
	v.Identity = identityOf(v.Page, k.person.Identity)
	vaccines := []ui.Option{{Value: "", Label: v.T("entry.choose")}}
	for _, vac := range s.Vaccinate.Catalogue().Offered(s.Vaccinate.Today()) {
		vaccines = append(vaccines, ui.Option{Value: vac.Code, Label: vaccineWords(vac)})
	}
	v.Vaccine = v.Select("vaccine", "dose.vaccine", e.vaccine, vaccines)
	v.Lot = v.Input("lot", "dose.lot", e.lot)
	v.Lot.Class, v.Lot.Length = "w20", 30
	v.Date = v.DayMonthYear("date", "dose.date", e.date)
	places := []ui.Option{}
	for _, p := range k.me.Places {
		places = append(places, ui.Option{Value: p.ID, Label: placeWords(p)})
	}
	v.Place = v.Select("place", "dose.place", e.place, places)
	if len(places) == 1 && v.Place.Error == "" {
		v.OnePlace = places[0].Label
		v.Place.Value = places[0].Value
	}
	sites := []ui.Option{}
	for _, b := range carnet.BodySites {
		sites = append(sites, ui.Option{Value: string(b), Label: v.T("body." + string(b))})
	}
	v.Site = v.Radios("site", "dose.site", e.site, sites)
	v.Site.Inline = true
	injectors, err := s.injectorOptions(r, k, e, v.Page)
	if err != nil {
		return err
	}
	v.Injector = v.Select("injector", "dose.injector", e.injector, injectors)
	v.Rank = v.Digits("rank", "entry.rank", e.rank, "w2")
	v.Expected = v.Digits("expected", "entry.expected", e.expected, "w2")
	v.RankReason = v.Area("rank-reason", "entry.rank-reason", e.rankReason)
	v.Override = e.rank+e.expected+e.rankReason != "" || v.Rank.Error+v.RankReason.Error != "" || r.PostForm.Get("edit") == "rank"
	if k.correct {
		v.Reason = v.Area("reason", "entry.reason", e.reason)
		v.Version = []ui.Hidden{{Name: "version", Value: e.version}}
	}
	if on, err := carnet.ParseDate(e.date.ISO()); err == nil && e.vaccine != "" {
		p, err := s.Vaccinate.Propose(r.Context(), k.actor, k.person.ID, e.vaccine, on, k.old.ID)
		if err == nil {
			v.Proposal = proposalWords(v.Page, p, s.vaccineName(e.vaccine))
		} else if carnet.KindOf(err) != carnet.Invalid {
			return err
		}
	}
	s.ui.Render(w, r, status, "entry", &v)
	return nil
}

func (s *site) injectorOptions(r *http.Request, k work, e entry, p ui.Page) ([]ui.Option, error) {
	place := e.place
	if place == "" && len(k.me.Places) > 0 {
		place = k.me.Places[0].ID
	}
	list, err := s.Vaccinate.Vaccinators(r.Context(), k.actor, place)
	if err != nil {
		return nil, err
	}
	options := []ui.Option{{Value: "", Label: p.T("entry.choose")}}
	for _, pro := range list {
		label := fullName(pro)
		if pro.ID == k.actor.ID {
			label = p.T("entry.myself", "name", label)
		}
		options = append(options, ui.Option{Value: pro.ID.String(), Label: label})
	}
	return options, nil
}

func proposalWords(p ui.Page, q vaccinate.Proposal, vaccine string) string {
	return p.T("reason."+q.Reason, "rank", p.Ordinal(q.Rank), "of", rankWords(p, q.Rank, q.Expected), "vaccine", vaccine)
}

// command reads an entry. What cannot even be read is listed; whether the rest is possible is
// for the room to say, save what the page can tell without asking.
func (s *site) command(k work, e entry) (vaccinate.Command, error) {
	c := vaccinate.Command{
		Key: k.key, Person: k.person.ID, Vaccine: e.vaccine, Place: e.place, BodySite: carnet.BodySite(e.site), RankReason: e.rankReason,
	}
	var problems carnet.Problems
	var err error
	if _, ok := s.Vaccinate.Catalogue().Find(e.vaccine); !ok {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	if c.Lot, err = carnet.ParseLot(e.lot); err != nil {
		problems.Add("lot", carnet.CodeOf(err), nil)
	}
	if e.date.ISO() == "" {
		problems.Add("date", "dose.date-missing", nil)
	} else if c.Date, err = carnet.ParseDate(e.date.ISO()); err != nil {
		problems.Add("date", carnet.CodeOf(err), nil)
	} else if today := s.Vaccinate.Today(); c.Date.After(today) {
		problems.Add("date", "dose.date-future", map[string]any{"Today": today})
	} else if k.person.Identity.Birth.After(c.Date) {
		problems.Add("date", "dose.before-birth", nil)
	}
	if !slices.ContainsFunc(k.me.Places, func(p carnet.Place) bool { return p.ID == c.Place }) {
		problems.Add("place", "dose.place", nil)
	}
	if !slices.Contains(carnet.BodySites, c.BodySite) {
		problems.Add("site", "dose.site", nil)
	}
	if c.Injector, err = carnet.ParseID(e.injector); err != nil {
		problems.Add("injector", "dose.injector", nil)
	}
	if e.rank+e.expected != "" {
		c.Rank, c.Expected = digit(e.rank), digit(e.expected)
		if c.Rank == 0 || c.Expected == 0 {
			problems.Add("rank", "dose.rank", nil)
		}
		if e.rankReason == "" {
			problems.Add("rank-reason", "dose.reason-missing", nil)
		}
	}
	if k.correct && e.reason == "" {
		problems.Add("reason", "dose.reason-missing", nil)
	}
	return c, problems.Err()
}

// digit reads one figure from 1 to 9, else 0.
func digit(s string) int {
	if len(s) != 1 || s[0] < '1' || s[0] > '9' {
		return 0
	}
	return int(s[0] - '0')
}

type checkView struct {
	ui.Page
	Identity identity
	Action   string // saves
	Form     string // shows the form again
	Rows     ui.Rows
	Warnings *ui.Banner
	Hidden   []ui.Hidden
	Correct  bool
}

// entryCheck takes the form: back to it when something is wrong or is to be changed, else on to
// the page that shows every answer.
func (s *site) entryCheck(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e := readEntry(r.PostForm)
	if r.PostForm.Get("edit") != "" {
		return s.showForm(w, r, http.StatusOK, k, e, nil)
	}
	c, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	if faults := s.mayInject(r, k, c); faults != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, faults)
	}
	form := url.Values{}
	for _, h := range e.hidden() {
		form.Set(h.Name, h.Value)
	}
	sealed, err := s.drafts.seal(form, k.bound())
	if err != nil {
		return err
	}
	if len(sealed) > draftLimit { // too long for an address: the page answers the form itself
		return s.showCheck(w, r, http.StatusOK, k, e, c, false)
	}
	http.Redirect(w, r, k.path+"/verification?"+url.Values{"saisie": {sealed}}.Encode(), http.StatusSeeOther)
	return nil
}

// bound ties a draft to who types it, for whom, under which key.
func (k work) bound() string { return k.actor.ID.String() + " " + k.path }

// checkPage shows every answer before it is saved. A draft that does not open, because the service
// was restarted or the address was cut, leads back to the form.
func (s *site) checkPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	form, ok := s.drafts.open(r.URL.Query().Get("saisie"), k.bound())
	if !ok {
		http.Redirect(w, r, k.path+"?saisie=perdue", http.StatusSeeOther)
		return nil
	}
	e := readEntry(form)
	c, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	return s.showCheck(w, r, http.StatusOK, k, e, c, false)
}

// mayInject checks the one answer that the page before the room can tell to be wrong only by asking.
func (s *site) mayInject(r *http.Request, k work, c vaccinate.Command) error {
	list, err := s.Vaccinate.Vaccinators(r.Context(), k.actor, c.Place)
	if err != nil {
		return err
	}
	var problems carnet.Problems
	if !slices.ContainsFunc(list, func(p carnet.Professional) bool { return p.ID == c.Injector }) {
		problems.Add("injector", "dose.injector", nil)
	}
	return problems.Err()
}

func (s *site) showCheck(w http.ResponseWriter, r *http.Request, status int, k work, e entry, c vaccinate.Command, moved bool) error {
	p, err := s.Vaccinate.Propose(r.Context(), k.actor, k.person.ID, c.Vaccine, c.Date, k.old.ID)
	if err != nil {
		return err
	}
	inject, err := s.Vaccinate.Vaccinators(r.Context(), k.actor, c.Place)
	if err != nil {
		return err
	}
	names := map[carnet.ID]string{}
	for _, p := range inject {
		names[p.ID] = fullName(p)
	}
	title := "check.title"
	if k.correct {
		title = "check.correct-title"
	}
	v := checkView{Page: s.ui.Page(r, title), Action: k.path + "/enregistrer", Form: k.path, Correct: k.correct}
	v.Carry = url.Values{"saisie": {r.URL.Query().Get("saisie")}}
	v.Identity = identityOf(v.Page, k.person.Identity)
	v.Warnings = warnings(v.Page, p.Warnings)
	if moved {
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("check.moved"), Lines: []string{v.T("check.moved-words")}}
	}
	place := ""
	for _, at := range k.me.Places {
		if at.ID == c.Place {
			place = placeWords(at)
		}
	}
	rank, expected := p.Rank, p.Expected
	why := proposalWords(v.Page, p, s.vaccineName(c.Vaccine))
	if c.Rank != 0 {
		rank, expected = c.Rank, c.Expected
		why = v.T("dose.rank.overridden", "reason", c.RankReason)
	}
	tag := stateTag(v.Page, carnet.Dose{Rank: rank, Expected: expected})
	rows := []ui.Row{
		{Label: v.T("dose.vaccine.short"), Value: s.vaccineName(c.Vaccine), Change: "vaccine"},
		{Label: v.T("dose.lot.short"), Value: c.Lot.Reveal(), Number: true, Change: "lot"},
		{Label: v.T("dose.date.short"), Value: v.Date(c.Date), Number: true, Change: "date"},
		{Label: v.T("dose.site.short"), Value: v.T("body." + string(c.BodySite)), Change: "site"},
		{Label: v.T("dose.rank.short"), Value: rankWords(v.Page, rank, expected), Hint: why, Tag: &tag, Change: "rank"},
		{Label: v.T("dose.place.short"), Value: place, Change: "place"},
		{Label: v.T("dose.injector.short"), Value: injectorName(v.Page, names, c.Injector), Change: "injector"},
	}
	if k.correct {
		rows = append(rows, ui.Row{Label: v.T("entry.reason.label"), Value: e.reason, Change: "reason"})
	}
	v.Rows = v.Page.Rows(rows...)
	v.Hidden = append(e.hidden(), ui.Hidden{Name: "shown", Value: strconv.Itoa(rank) + "/" + strconv.Itoa(expected)})
	s.ui.Render(w, r, status, "check", &v)
	return nil
}

// entrySave records or corrects. The rank is the one that the check page showed: when the history
// has changed meanwhile, the professional is shown the new one instead of being surprised by it.
func (s *site) entrySave(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e := readEntry(r.PostForm)
	if r.PostForm.Get("edit") != "" {
		return s.showForm(w, r, http.StatusOK, k, e, nil)
	}
	typed, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	c := typed
	if rank, expected, ok := strings.Cut(e.shown, "/"); ok && c.Rank == 0 {
		c.Rank, c.Expected = digit(rank), digit(expected)
	}
	var d carnet.Dose
	if k.correct {
		d, err = s.Vaccinate.Correct(r.Context(), actor, c, vaccinate.Revision{Dose: k.old.ID, Version: atoi(e.version), Reason: e.reason})
	} else {
		d, err = s.Vaccinate.Record(r.Context(), actor, c)
	}
	if problems, ok := errors.AsType[carnet.Problems](err); ok {
		if typed.Rank == 0 && len(problems) == 1 && problems[0].Field == "rank-reason" {
			return s.showCheck(w, r, http.StatusConflict, k, e, typed, true)
		}
		return s.showForm(w, r, http.StatusBadRequest, k, e, problems)
	}
	if err != nil {
		return err
	}
	next := "/confirmation"
	if k.correct {
		next = "?fait=correction"
	}
	s.forgetBack(w, k.key)
	http.Redirect(w, r, dosePath(d)+next, http.StatusSeeOther)
	return nil
}

// forgetBack makes the browser ask again for the pages of an entry that is saved. Chromium keeps even
// pages that must not be stored, to show them when one goes back, until a cookie that scripts cannot
// read changes: so one does. Its value is the key of the entry, which names nobody.
func (s *site) forgetBack(w http.ResponseWriter, key carnet.ID) {
	http.SetCookie(w, &http.Cookie{
		Name: savedCookie, Value: key.String(), Path: "/", MaxAge: 600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
