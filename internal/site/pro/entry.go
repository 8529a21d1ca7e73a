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
	"carnet/internal/vaccinate/catalogue"
	"carnet/internal/vaccinate/paper"
	"carnet/internal/vaccinate/run"
)

// The kinds of an entry: an injection given here, none given, a dose received elsewhere.
const (
	kindHere      = ""
	kindNone      = "none"
	kindElsewhere = "elsewhere"
)

// entry is what the form of an entry sends, as typed. The names of its inputs are those that the
// room gives to the fields of its problems.
type entry struct{ form url.Values }

// entryFields are the inputs that pages and drafts carry along; the dates come in three parts.
var (
	entryFields = []string{"kind", "not-given", "evidence", "vaccine", "product", "country", "lot", "half", "time", "place", "place-type", "site", "route",
		"rank", "expected", "rank-reason", "eligibility", "asked", "consent", "consent-name", "consent-relation", "contraindication", "note",
		"injector", "responsible", "late-reason", "form", "gtin", "run", "run-version", "reason", "version"}
	entryDates = []string{"date", "expiry"}
)

// readEntry keeps the inputs that are ours, without the spaces around what was typed.
func readEntry(form url.Values) entry {
	e := entry{url.Values{}}
	names := slices.Clone(entryFields)
	for _, date := range entryDates {
		names = append(names, date+"-day", date+"-month", date+"-year")
	}
	for _, name := range append(names, "shown", "live", "scan") {
		for _, v := range form[name] {
			if v = strings.TrimSpace(v); v != "" {
				e.form.Add(name, v)
			}
		}
	}
	return e
}

func (e entry) get(name string) string     { return e.form.Get(name) }
func (e entry) all(name string) []string   { return e.form[name] }
func (e entry) parts(name string) ui.Parts { return ui.ReadParts(e.form, name) }
func (e entry) set(name, value string)     { e.form.Set(name, value) }
func (e entry) id(name string) carnet.ID   { id, _ := carnet.ParseID(e.get(name)); return id }
func (e entry) date(name string) (d carnet.Date, err error) {
	if e.parts(name).ISO() == "" {
		return d, nil
	}
	return carnet.ParseDate(e.parts(name).ISO())
}

func (e entry) setDate(name string, d carnet.Date) {
	p := ui.Parts{}
	if !d.IsZero() {
		p = ui.PartsOf(d)
	}
	for _, h := range p.Hidden(name) {
		e.set(h.Name, h.Value)
	}
}

// hidden carries everything typed to the next page.
func (e entry) hidden() []ui.Hidden {
	var list []ui.Hidden
	for _, name := range entryFields {
		for _, v := range e.form[name] {
			list = append(list, ui.Hidden{Name: name, Value: v})
		}
	}
	for _, name := range entryDates {
		list = append(list, e.parts(name).Hidden(name)...)
	}
	return list
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
	run     *run.Run // the open run, when the entry is part of it
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
	if k.key, err = carnet.ParseID(r.PathValue("key")); err != nil || k.key.Version() != 7 {
		return k, false, carnet.E("pro.entry", carnet.NotFound, "entry.unknown", err)
	}
	if k.person, err = s.personOf(r, actor); carnet.CodeOf(err) == "person.no-link" && s.began(r, actor, k.key) {
		k.person, err = s.personOf(r, actor)
	}
	if err != nil {
		return k, false, err
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
		k.path = dosePath(k.old) + "/corrections/" + k.key.String()
	}
	if k.me, err = s.Vaccinate.Professional(r.Context(), actor); err != nil {
		return k, false, err
	}
	if k.correct {
		err = vaccinate.MayTouch(k.old, k.me, s.Vaccinate.Today())
	}
	return k, false, err
}

// began makes the link of an entry that was begun in another session and left as a draft: who began it
// met the person.
func (s *site) began(r *http.Request, actor protect.Actor, key carnet.ID) bool {
	person, err := carnet.ParseID(r.PathValue("person"))
	return err == nil && s.meetDraft(r, actor, person, key)
}

func (s *site) meetDraft(r *http.Request, actor protect.Actor, person, key carnet.ID) bool {
	if _, err := s.Runs.Draft(r.Context(), actor, person, key); err != nil {
		return false
	}
	return s.Vaccinate.Meet(r.Context(), actor, person, vaccinate.ByDraft) == nil
}

// first is the entry that the form shows before anything is typed.
func (k work) first(today carnet.Date) entry {
	e := entry{url.Values{}}
	if k.correct {
		d := k.old
		for name, v := range map[string]string{
			"vaccine": d.Vaccine, "lot": d.Lot.Reveal(), "place": d.Place.ID, "site": string(d.BodySite), "injector": d.Injector.String(), "route": d.Route,
			"version": strconv.Itoa(d.Version), "place-type": string(d.PlaceType), "eligibility": d.Eligibility, "time": d.Time, "note": d.Note.Reveal(),
			"consent": string(d.Consent.By), "consent-name": d.Consent.Name.Reveal(), "consent-relation": d.Consent.Relation.Reveal(), "asked": "1",
			"late-reason": d.LateReason, "form": d.Form,
		} {
			if v != "" {
				e.set(name, v)
			}
		}
		e.setDate("date", d.Date)
		e.setDate("expiry", d.Expiry)
		if !d.Responsible.IsZero() {
			e.set("responsible", d.Responsible.String())
		}
		for _, c := range d.Contraindications {
			e.form.Add("contraindication", c)
		}
		if d.Half {
			e.set("half", "1")
		}
		if d.RankReason != "" {
			e.set("rank", strconv.Itoa(d.Rank))
			e.set("expected", strconv.Itoa(d.Expected))
			e.set("rank-reason", d.RankReason)
		}
		return e
	}
	e.setDate("date", today)
	e.set("place", k.actor.Organisation)
	if k.me.Vaccinator {
		e.set("injector", k.me.ID.String())
	}
	return e
}

// join makes the entry part of the open run: what the run keeps is not asked again.
func (k *work) join(e entry, r run.Run) {
	k.run = &r
	e.set("run", r.ID.String())
	e.set("run-version", strconv.Itoa(r.Version))
	e.set("vaccine", r.Vaccine)
	e.set("lot", r.Lot.Reveal())
	e.setDate("expiry", r.Expiry)
	e.set("place", r.Place)
	e.set("place-type", string(r.PlaceType))
	e.set("injector", r.Injector.String())
	e.set("eligibility", r.Eligibility)
	e.set("route", r.Route)
	if !r.Responsible.IsZero() {
		e.set("responsible", r.Responsible.String())
	}
}

// rejoin takes up the run that a form names. A run that ended or has another lot meanwhile is told:
// the form was shown with another box in mind.
func (s *site) rejoin(r *http.Request, k *work, e entry) error {
	if e.get("run") == "" {
		return nil
	}
	now, err := s.Runs.Current(r.Context(), k.actor)
	if err != nil && carnet.KindOf(err) != carnet.NotFound {
		return err
	}
	if err == nil && now.ID == e.id("run") && strconv.Itoa(now.Version) == e.get("run-version") {
		k.join(e, now)
		return nil
	}
	var problems carnet.Problems
	problems.Add("", "run.changed", nil)
	if err != nil {
		e.form.Del("run")
		e.form.Del("run-version")
		return problems
	}
	k.join(e, now)
	return problems
}

// entryPage shows the form: as it was left when there is a draft, with what the run keeps when one is
// open, else with today, here and by me.
func (s *site) entryPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e := k.first(s.Vaccinate.Today())
	if k.correct {
		return s.showForm(w, r, http.StatusOK, k, e, nil)
	}
	draft, err := s.draftOf(r, k)
	if err == nil {
		faults := s.rejoin(r, &k, draft)
		if faults != nil && carnet.KindOf(faults) != carnet.Invalid {
			return faults
		}
		return s.showForm(w, r, http.StatusOK, k, draft, faults)
	}
	if carnet.KindOf(err) != carnet.NotFound {
		return err
	}
	if r.URL.Query().Get("serie") != "non" {
		current, err := s.Runs.Current(r.Context(), actor)
		if err == nil {
			k.join(e, current)
		} else if carnet.KindOf(err) != carnet.NotFound {
			return err
		}
	}
	return s.showForm(w, r, http.StatusOK, k, e, nil)
}

// settle turns the box that was picked or scanned into product, lot and expiry.
func (s *site) settle(r *http.Request, k work, e entry) error {
	if e.get("live") != "" {
		lots, err := s.liveLots(r, k.actor)
		if err != nil {
			return err
		}
		for _, l := range lots {
			if l.ID.String() == e.get("live") {
				e.set("vaccine", l.Vaccine)
				e.set("lot", l.Number.Reveal())
				e.setDate("expiry", l.Expiry)
			}
		}
		e.form.Del("live")
	}
	if e.get("scan") == "" {
		return nil
	}
	box, err := s.box(r, k.actor, e.get("scan"))
	e.form.Del("scan")
	if err != nil {
		return err
	}
	if box.Vaccine != "" {
		e.set("vaccine", box.Vaccine)
	} else {
		e.form.Del("vaccine")
		e.set("gtin", string(box.GTIN))
	}
	if box.Lot != "" {
		e.set("lot", box.Lot)
	}
	if !box.Expiry.IsZero() {
		e.setDate("expiry", box.Expiry)
	}
	return nil
}

// assess is what the rules say of a vaccine for the person on a day, for the words and the choices of
// the form; rank and warnings that are recorded come from the room.
func (s *site) assess(k work, history []carnet.Dose, vaccine string, on carnet.Date) (catalogue.Assessment, bool) {
	v, ok := s.Vaccinate.Catalogue().Find(vaccine)
	if !ok || on.IsZero() {
		return catalogue.Assessment{}, false
	}
	who := catalogue.Person{Birth: k.person.Identity.Birth, Sex: k.person.Identity.Sex}
	return s.Vaccinate.Catalogue().Assess(who, without(history, k.old.ID), v, on), true
}

func without(history []carnet.Dose, id carnet.ID) []carnet.Dose {
	return slices.DeleteFunc(slices.Clone(history), func(d carnet.Dose) bool { return d.ID == id })
}

// command reads an entry. What cannot even be read is listed; whether the rest is possible is
// for the room to say, save what the page can tell without asking.
func (s *site) command(k work, e entry) (vaccinate.Command, error) {
	c := vaccinate.Command{
		Key: k.key, Person: k.person.ID, Vaccine: e.get("vaccine"), Time: e.get("time"), Note: carnet.Hide(e.get("note")),
		LateReason: e.get("late-reason"), RankReason: e.get("rank-reason"),
	}
	var problems carnet.Problems
	var err error
	today := s.Vaccinate.Today()
	if c.Date, err = e.date("date"); err != nil {
		problems.Add("date", carnet.CodeOf(err), nil)
	} else if c.Date.IsZero() {
		problems.Add("date", "dose.date-missing", nil)
	} else if c.Date.After(today) {
		problems.Add("date", "dose.date-future", map[string]any{"Today": today})
	} else if k.person.Identity.Birth.After(c.Date) {
		problems.Add("date", "dose.before-birth", nil)
	}
	if c.Expiry, err = e.date("expiry"); err != nil {
		problems.Add("expiry", carnet.CodeOf(err), nil)
	}
	if len(c.Note.Reveal()) > 4*maxNote {
		problems.Add("note", "entry.note-long", map[string]any{"Max": maxNote})
	}
	if text := e.get("form"); text != "" {
		serial, err := paper.ParseSerial(text)
		if err != nil {
			problems.Add("form", carnet.CodeOf(err), nil)
		}
		c.Form = string(serial)
	}
	switch e.get("kind") {
	case kindNone:
		s.none(&problems, k, e, &c)
	case kindElsewhere:
		s.elsewhere(&problems, e, &c)
	default:
		s.here(&problems, k, e, &c, today)
	}
	if e.get("rank")+e.get("expected") != "" {
		c.Rank, c.Expected = digit(e.get("rank")), digit(e.get("expected"))
		if c.Rank == 0 || c.Expected == 0 {
			problems.Add("rank", "dose.rank", nil)
		}
		if c.RankReason == "" {
			problems.Add("rank-reason", "dose.reason-missing", nil)
		}
	}
	if k.correct && e.get("reason") == "" {
		problems.Add("reason", "dose.reason-missing", nil)
	}
	return c, problems.Err()
}

const maxNote = 500 // characters

// here reads an injection given at one of the professional's places.
func (s *site) here(problems *carnet.Problems, k work, e entry, c *vaccinate.Command, today carnet.Date) {
	if _, ok := s.Vaccinate.Catalogue().Find(c.Vaccine); !ok {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	late := !c.Date.IsZero() && c.Date.Before(today)
	var err error
	if c.Lot, err = carnet.ParseLot(e.get("lot")); err != nil && (e.get("lot") != "" || !late || c.LateReason == "") {
		problems.Add("lot", carnet.CodeOf(err), nil) // only a past dose, entered late for a reason, may have a lot that nobody knows
	}
	c.Place, c.PlaceType, c.BodySite, c.Route = e.get("place"), carnet.PlaceType(e.get("place-type")), carnet.BodySite(e.get("site")), e.get("route")
	if c.PlaceType == "" {
		c.PlaceType = carnet.Centre
	}
	c.Half = e.get("half") != ""
	if !slices.ContainsFunc(k.me.Places, func(p carnet.Place) bool { return p.ID == c.Place }) {
		problems.Add("place", "dose.place", nil)
	}
	if !slices.Contains(carnet.BodySites, c.BodySite) {
		problems.Add("site", "dose.site", nil)
	}
	if c.Injector, err = carnet.ParseID(e.get("injector")); err != nil {
		problems.Add("injector", "dose.injector", nil)
	}
	if c.Responsible = e.id("responsible"); c.Responsible.IsZero() {
		c.Responsible = k.actor.ID
	}
	c.Eligibility, c.Contraindications = e.get("eligibility"), e.all("contraindication")
	c.Consent = carnet.Consent{By: carnet.ConsentBy(e.get("consent")), Name: carnet.Hide(e.get("consent-name")), Relation: carnet.Hide(e.get("consent-relation"))}
	if e.get("asked") == "" {
		problems.Add("asked", "entry.asked", nil)
	}
	if c.Consent.By == "" && s.agrees(k, e, c.Date) {
		c.Consent.By = carnet.BySelf
	}
	switch {
	case c.Consent.By == "":
		problems.Add("consent", "entry.consent", nil)
	case c.Consent.By != carnet.BySelf && c.Consent.By != carnet.ByInterest && c.Consent.Name.IsZero():
		problems.Add("consent-name", "entry.consent-name", nil)
	}
	if late && c.LateReason == "" && !k.correct {
		problems.Add("late-reason", "entry.late-reason", nil)
	}
	if e.get("run") != "" {
		c.Run = e.id("run")
	}
}

// agrees reports that the person is the one who usually agrees, by the rule of the day.
func (s *site) agrees(k work, e entry, on carnet.Date) bool {
	a, ok := s.assess(k, nil, e.get("vaccine"), on)
	return !ok || len(a.Consent.By) == 0 || a.Consent.By[0] == carnet.BySelf
}

// none reads the record that nobody was injected.
func (s *site) none(problems *carnet.Problems, k work, e entry, c *vaccinate.Command) {
	c.NotGiven = carnet.NotGiven(e.get("not-given"))
	if !slices.Contains(carnet.NotGivens, c.NotGiven) {
		problems.Add("not-given", "entry.not-given", nil)
	}
	if _, ok := s.Vaccinate.Catalogue().Find(c.Vaccine); !ok {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	c.Place, c.Responsible = e.get("place"), k.actor.ID
	c.Contraindications = e.all("contraindication")
	if !slices.ContainsFunc(k.me.Places, func(p carnet.Place) bool { return p.ID == c.Place }) {
		problems.Add("place", "dose.place", nil)
	}
}

// elsewhere reads a dose that somebody else gave: no prescriber, no lot, no injector is needed.
func (s *site) elsewhere(problems *carnet.Problems, e entry, c *vaccinate.Command) {
	c.Evidence = carnet.Evidence(e.get("evidence"))
	if c.Evidence != carnet.Proven && c.Evidence != carnet.Stated {
		problems.Add("evidence", "entry.evidence", nil)
	}
	c.Product = e.get("product")
	if c.Vaccine == "" && c.Product == "" {
		problems.Add("product", "entry.product", nil)
	}
	if c.Country = strings.ToUpper(e.get("country")); c.Country == "FR" {
		c.Country = ""
	} else if c.Country != "" && !isCountry(c.Country) {
		problems.Add("country", "entry.country", nil)
	}
	if text := e.get("lot"); text != "" {
		var err error
		if c.Lot, err = carnet.ParseLot(text); err != nil {
			problems.Add("lot", carnet.CodeOf(err), nil)
		}
	}
}

// digit reads one figure from 1 to 9, else 0.
func digit(s string) int {
	if len(s) != 1 || s[0] < '1' || s[0] > '9' {
		return 0
	}
	return int(s[0] - '0')
}

// entryCheck takes the form: back to it when something is wrong or is to be changed, else on to
// the page that shows every answer. What was typed is kept as a draft, so that page is a plain GET: it
// can be reloaded, and going back to it after the confirmation meets the saved dose and not a
// browser's question about sending a form again.
func (s *site) entryCheck(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e := readEntry(r.PostForm)
	faults := s.rejoin(r, &k, e)
	if faults != nil && carnet.KindOf(faults) != carnet.Invalid {
		return faults
	}
	if faults != nil {
		return s.showForm(w, r, http.StatusConflict, k, e, faults)
	}
	edit := r.PostForm.Get("edit")
	if e.get("scan") != "" {
		edit = "eligibility" // the scanner sent the form: it comes back with what the box says, the cursor behind
	}
	if kind, ok := strings.CutPrefix(edit, "kind-"); ok {
		e.set("kind", map[string]string{"none": kindNone, "elsewhere": kindElsewhere}[kind])
	}
	if err := s.settle(r, k, e); err != nil {
		if carnet.KindOf(err) != carnet.Invalid {
			return err
		}
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	if edit != "" {
		r.PostForm.Set("edit", edit)
		return s.showForm(w, r, http.StatusOK, k, e, nil)
	}
	if !k.correct {
		if err := s.keepDraft(r, k, e); err != nil {
			return err
		}
	}
	c, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	if faults := s.mayInject(r, k, c); faults != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, faults)
	}
	if k.correct { // a correction has no draft: the page answers the form itself
		return s.showCheck(w, r, http.StatusOK, k, e, c, false)
	}
	http.Redirect(w, r, k.path+"/verification", http.StatusSeeOther)
	return nil
}

// checkPage shows every answer before it is saved. Without a draft, because it lapsed or was given up,
// it leads back to the form.
func (s *site) checkPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e, err := s.draftOf(r, k)
	if carnet.KindOf(err) == carnet.NotFound {
		http.Redirect(w, r, k.path+"?saisie=perdue", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	if faults := s.rejoin(r, &k, e); faults != nil {
		return s.showForm(w, r, http.StatusConflict, k, e, faults)
	}
	c, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	return s.showCheck(w, r, http.StatusOK, k, e, c, false)
}

// mayInject checks the one answer that the page before the room can tell to be wrong only by asking.
func (s *site) mayInject(r *http.Request, k work, c vaccinate.Command) error {
	if c.NotGiven != "" || c.Evidence != carnet.Administered {
		return nil
	}
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

// entrySave records or corrects. The rank is the one that the page before showed: when the history
// has changed meanwhile, the professional is shown the new one instead of being surprised by it.
func (s *site) entrySave(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	k, done, err := s.workOf(w, r, actor)
	if err != nil || done {
		return err
	}
	e := readEntry(r.PostForm)
	if faults := s.rejoin(r, &k, e); faults != nil {
		if carnet.KindOf(faults) != carnet.Invalid {
			return faults
		}
		return s.showForm(w, r, http.StatusConflict, k, e, faults)
	}
	if r.PostForm.Get("edit") != "" {
		return s.showForm(w, r, http.StatusOK, k, e, nil)
	}
	typed, err := s.command(k, e)
	if err != nil {
		return s.showForm(w, r, http.StatusBadRequest, k, e, err)
	}
	c := typed
	if rank, expected, ok := strings.Cut(e.get("shown"), "/"); ok && c.Rank == 0 {
		c.Rank, c.Expected = digit(rank), digit(expected)
	}
	if c.Warnings, err = s.lotCodes(r, k, c); err != nil {
		return err
	}
	var d carnet.Dose
	if k.correct {
		d, err = s.Vaccinate.Correct(r.Context(), actor, c, vaccinate.Revision{Dose: k.old.ID, Version: atoi(e.get("version")), Reason: e.get("reason")})
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
	s.saveDone(r, k, e, d)
	s.forgetBack(w, k.key)
	switch {
	case k.correct:
		http.Redirect(w, r, dosePath(d)+"?fait=correction", http.StatusSeeOther)
	case k.run != nil:
		http.Redirect(w, r, vaccinatePath+"?"+lastQuery(d, k.key).Encode(), http.StatusSeeOther)
	default:
		http.Redirect(w, r, dosePath(d)+"/confirmation", http.StatusSeeOther)
	}
	return nil
}

// saveDone tidies up after a dose is recorded. Nothing of it can undo the record: what fails here is
// told to the operator and mends itself, for the draft lapses and the counter is a help.
func (s *site) saveDone(r *http.Request, k work, e entry, d carnet.Dose) {
	ctx := r.Context()
	warn := func(what string, err error) {
		if err != nil {
			s.Log.WarnContext(ctx, what, "err", err)
		}
	}
	if k.correct {
		return
	}
	warn("draft of a recorded entry", s.Runs.DropDraft(ctx, k.actor, k.person.ID, k.key))
	if k.run != nil {
		warn("counter of a run", s.Runs.Count(ctx, k.actor, k.run.ID, k.key))
	}
	if g := e.get("gtin"); g != "" && d.Vaccine != "" {
		warn("box of a place", s.Runs.RememberPack(ctx, k.actor, gtin(g), d.Vaccine))
	}
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
