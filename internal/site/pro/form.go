package pro

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/catalogue"
)

// entryView is the page of the form. What has a good default is folded away: the fold says what it
// holds, and is open when something in it is wrong or was changed.
type entryView struct {
	ui.Page
	Identity identity
	Action   string
	Kind     string
	Correct  bool
	Run      *runView
	History  []string
	Warnings *ui.Banner
	Proposal string // the rank that the rules propose, when it is known

	NotGiven, Evidence, Product, Country             ui.Field
	Scan, Live, Vaccine, Lot, Expiry                 ui.Field
	Eligibility, Asked                               ui.Field
	Consent, ConsentName, ConsentRelation            ui.Field
	Questions                                        []ui.Option
	Site, Route, Half                                ui.Field
	Day, Time, Place, PlaceType                      ui.Field
	Injector, Responsible, LateReason, Form          ui.Field
	Rank, Expected, RankReason, Note, Reason         ui.Field
	BoxFold, AnswersFold, MoreFold, WhereFold, Rank0 bool // open
	WhereWords                                       string
	Hidden                                           []ui.Hidden
	Photo                                            bool
	Cancel                                           string
	Outbox                                           *outboxView
}

// fold opens a part of the form when one of its fields has a fault or is the one to change.
func (v *entryView) fold(edit string, names ...string) bool {
	for _, f := range v.Faults {
		if slices.Contains(names, f.Field) {
			return true
		}
	}
	return slices.Contains(names, edit)
}

// showForm shows the form with everything typed, and what is wrong with it.
func (s *site) showForm(w http.ResponseWriter, r *http.Request, status int, k work, e entry, faults error) error {
	edit := r.PostForm.Get("edit")
	resend(r, e) // another language sends again what the form holds now, not the scan that filled it
	title := map[string]string{kindHere: "entry.title", kindNone: "entry.none-title", kindElsewhere: "entry.elsewhere-title"}[e.get("kind")]
	if k.correct {
		title = "entry.correct-title"
	}
	v := entryView{Page: s.ui.Page(r, title), Action: k.path, Kind: e.get("kind"), Correct: k.correct, Cancel: personPath(k.person.ID)}
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
	v.Focus = edit
	v.Identity = identityOf(v.Page, k.person.Identity)
	history, err := s.Vaccinate.History(r.Context(), k.actor, k.person.ID)
	if err != nil {
		return err
	}
	for _, d := range history {
		v.History = append(v.History, s.doseWords(v.Page, d))
	}
	on, _ := e.date("date")
	a, assessed := s.assess(k, history, e.get("vaccine"), on)
	if assessed {
		if err := s.propose(r, k, e, &v, on); err != nil {
			return err
		}
	}
	s.product(&v, e, on)
	s.answers(&v, k, e, a, assessed, edit)
	if err := s.where(r, &v, k, e, edit); err != nil {
		return err
	}
	switch v.Kind {
	case kindHere:
		if k.run != nil {
			strip, err := s.withInjector(r, k.actor, s.runView(v.Page, *k.run), *k.run)
			if err != nil {
				return err
			}
			v.Run = &strip
		} else if v.Live, err = s.liveField(r, v.Page, k, e); err != nil {
			return err
		}
		v.BoxFold = len(v.Live.Options) == 0 || e.get("vaccine")+e.get("lot")+e.get("gtin") != "" || v.fold(edit, "vaccine", "lot", "expiry", "scan")
	case kindNone:
		v.NotGiven = v.Radios("not-given", "entry.not-given", e.get("not-given"), options(v.Page, "not-given.", carnet.NotGivens))
	case kindElsewhere:
		v.Evidence = v.Radios("evidence", "entry.evidence", e.get("evidence"), options(v.Page, "evidence.", carnet.Evidences[1:]))
		v.Product = v.Input("product", "entry.product", e.get("product"))
		v.Country = v.Select("country", "entry.country", e.get("country"), countries(v.Page))
	}
	v.Rank = v.Digits("rank", "entry.rank", e.get("rank"), "w2")
	v.Expected = v.Digits("expected", "entry.expected", e.get("expected"), "w2")
	v.RankReason = v.Area("rank-reason", "entry.rank-reason", e.get("rank-reason"))
	v.Rank0 = e.get("rank")+e.get("expected")+e.get("rank-reason") != "" || v.fold(edit, "rank", "rank-reason")
	v.Note = v.Area("note", "entry.note", e.get("note"))
	v.Hidden = v.carried(e)
	if k.correct {
		v.Reason = v.Area("reason", "entry.reason", e.get("reason"))
	}
	v.Photo, v.Outbox = s.Picture != nil, s.outboxView(k.actor)
	if len(v.Faults) == 0 && v.Focus == "" {
		v.start()
	}
	s.ui.Render(w, r, status, "entry", &v)
	return nil
}

// resend makes the form that a page answers the one that it shows.
func resend(r *http.Request, e entry) {
	if r.Method != http.MethodPost {
		return
	}
	r.PostForm = url.Values{}
	for _, h := range e.hidden() {
		r.PostForm.Add(h.Name, h.Value)
	}
}

// start puts the cursor where typing begins.
func (v *entryView) start() {
	switch {
	case v.Run != nil:
		v.Asked.Focus = true
	case v.Kind == kindNone:
		v.NotGiven.Focus = true
	case v.Kind == kindElsewhere:
		v.Evidence.Focus = true
	case len(v.Live.Options) > 0:
		v.Live.Focus = true
	case !v.Correct:
		v.Scan.Focus = true
	}
}

// carried are the inputs that the page has no field for.
func (v *entryView) carried(e entry) []ui.Hidden {
	names := []string{"kind", "gtin"}
	if v.Run != nil {
		names = append(names, "run", "run-version", "vaccine", "lot", "expiry-day", "expiry-month", "expiry-year", "place", "place-type", "injector", "responsible",
			"eligibility", "route", "date-day", "date-month", "date-year")
	}
	if v.Correct {
		names = append(names, "version")
	}
	var list []ui.Hidden
	for _, name := range names {
		if e.get(name) != "" {
			list = append(list, ui.Hidden{Name: name, Value: e.get(name)})
		}
	}
	if v.Run != nil && v.Proposal != "" {
		list = append(list, ui.Hidden{Name: "shown", Value: e.get("shown")})
	}
	return list
}

// propose asks the room for the rank, and puts what deserves a second look on the page.
func (s *site) propose(r *http.Request, k work, e entry, v *entryView, on carnet.Date) error {
	if v.Kind == kindNone {
		return nil
	}
	p, err := s.Vaccinate.Propose(r.Context(), k.actor, k.person.ID, e.get("vaccine"), on, k.old.ID)
	if carnet.KindOf(err) == carnet.Invalid {
		return nil
	}
	if err != nil {
		return err
	}
	v.Proposal = proposalWords(v.Page, p, s.vaccineName(e.get("vaccine")))
	e.set("shown", strconv.Itoa(p.Rank)+"/"+strconv.Itoa(p.Expected))
	if k.run == nil {
		return nil // the check page warns
	}
	more, err := s.lotWarnings(r, v.Page, k, vaccinate.Command{Vaccine: k.run.Vaccine, Lot: k.run.Lot, Expiry: k.run.Expiry, Date: on})
	v.Warnings = warnings(v.Page, p.Warnings, more...)
	return err
}

// lotWarnings are the words about the lot.
func (s *site) lotWarnings(r *http.Request, p ui.Page, k work, c vaccinate.Command) ([]string, error) {
	codes, err := s.lotCodes(r, k, c)
	var lines []string
	for _, code := range codes {
		lines = append(lines, p.T("warning."+code))
	}
	return lines, err
}

// product is what was injected.
func (s *site) product(v *entryView, e entry, on carnet.Date) {
	list := s.Vaccinate.Catalogue().Offered(on)
	first := v.T("entry.choose")
	if v.Kind == kindElsewhere {
		list, first = s.Vaccinate.Catalogue().Vaccines(), v.T("entry.not-in-catalogue")
	}
	vaccines := []ui.Option{{Value: "", Label: first}}
	for _, vac := range list {
		vaccines = append(vaccines, ui.Option{Value: vac.Code, Label: vaccineWords(vac)})
	}
	key := "dose.vaccine"
	if v.Kind == kindElsewhere {
		key = "entry.mapped"
	}
	v.Vaccine = v.Select("vaccine", key, e.get("vaccine"), vaccines)
	v.Scan = v.Input("scan", "entry.scan", "")
	v.Scan.Length = 512
	v.Lot = v.Input("lot", "dose.lot", e.get("lot"))
	v.Lot.Class, v.Lot.Length = "w20", 30
	v.Expiry = v.DayMonthYear("expiry", "entry.expiry", e.parts("expiry"))
}

// liveField offers the lots of the place; none when it keeps no stock.
func (s *site) liveField(r *http.Request, p ui.Page, k work, e entry) (ui.Field, error) {
	lots, err := s.liveLots(r, k.actor)
	if err != nil || len(lots) == 0 || k.correct {
		return ui.Field{}, err
	}
	list := []ui.Option{{Value: "", Label: p.T("entry.other-box")}}
	chosen := ""
	for _, l := range lots {
		if l.Vaccine == e.get("vaccine") && l.Number.Reveal() == e.get("lot") {
			chosen = l.ID.String()
		}
		list = append(list, ui.Option{Value: l.ID.String(), Label: p.T("entry.box", "vaccine", s.vaccineName(l.Vaccine), "lot", l.Number.Reveal(), "expiry", dateOrNone(p, l.Ends()))})
	}
	return p.Select("live", "entry.live", chosen, list), nil
}

func dateOrNone(p ui.Page, d carnet.Date) string {
	if d.IsZero() {
		return p.T("entry.no-expiry")
	}
	return p.Date(d)
}

// answers is what the person was asked, and where the injection goes.
func (s *site) answers(v *entryView, k work, e entry, a catalogue.Assessment, assessed bool, edit string) {
	eligible := []ui.Option{{Value: "", Label: v.T("entry.no-reason")}}
	for _, c := range a.Eligible {
		eligible = append(eligible, ui.Option{Value: c.Code, Label: inLanguage(v.Page, c.French, c.In)})
	}
	if code := e.get("eligibility"); code != "" && !slices.ContainsFunc(eligible, func(o ui.Option) bool { return o.Value == code }) {
		eligible = append(eligible, ui.Option{Value: code, Label: code})
	}
	v.Eligibility = v.Select("eligibility", "entry.eligibility", e.get("eligibility"), eligible)
	usual := carnet.BySelf
	if assessed && len(a.Consent.By) > 0 {
		usual = a.Consent.By[0]
	}
	key := "entry.asked"
	if usual != carnet.BySelf {
		key = "entry.asked-minor"
	}
	v.Asked = v.Check("asked", key, e.get("asked") != "")
	for _, q := range a.Questions {
		v.Questions = append(v.Questions, ui.Option{Value: q.Code, Label: inLanguage(v.Page, q.French, q.In), ID: "contraindication-" + q.Code,
			Chosen: slices.Contains(e.all("contraindication"), q.Code), Hint: v.T("question." + string(q.Kind))})
	}
	by := carnet.ConsentsBy
	if usual != carnet.BySelf && assessed {
		by = a.Consent.By
	}
	v.Consent = v.Radios("consent", "entry.consent", e.get("consent"), options(v.Page, "consent.", by))
	v.ConsentName = v.Input("consent-name", "entry.consent-name", e.get("consent-name"))
	v.ConsentRelation = v.Input("consent-relation", "entry.consent-relation", e.get("consent-relation"))
	v.AnswersFold = usual != carnet.BySelf || e.get("consent") != "" || len(e.all("contraindication")) > 0 ||
		v.fold(edit, "consent", "consent-name", "consent-relation", "contraindication")
	bodies := carnet.BodySites
	if len(a.Sites) > 0 {
		bodies = slices.Clone(a.Sites)
		for _, b := range carnet.BodySites {
			if !slices.Contains(bodies, b) {
				bodies = append(bodies, b)
			}
		}
	}
	v.Site = v.Radios("site", "dose.site", e.get("site"), options(v.Page, "body.", bodies))
	v.Site.Inline = true
	route := e.get("route")
	if route == "" && len(a.Routes) > 0 {
		route = a.Routes[0]
	}
	v.Route = v.Select("route", "entry.route", route, append([]ui.Option{{Label: v.T("entry.no-reason")}}, options(v.Page, "route.", []string{"IM", "SC", "ID", "PO", "NAS"})...))
	v.Half = v.Check("half", "entry.half", e.get("half") != "")
	v.MoreFold = e.get("half")+e.get("note") != "" || v.fold(edit, "half", "note", "route")
}

// where is the place, the time and the people, folded behind one line.
func (s *site) where(r *http.Request, v *entryView, k work, e entry, edit string) error {
	v.Day = v.DayMonthYear("date", "dose.date", e.parts("date"))
	v.Time = v.Digits("time", "entry.time", e.get("time"), "w4")
	places, here := []ui.Option{}, ""
	for _, p := range k.me.Places {
		places = append(places, ui.Option{Value: p.ID, Label: placeWords(p)})
		if p.ID == e.get("place") {
			here = p.Name
		}
	}
	v.Place = v.Select("place", "dose.place", e.get("place"), places)
	kind := e.get("place-type")
	if kind == "" {
		kind = string(carnet.Centre)
	}
	v.PlaceType = v.Select("place-type", "entry.place-type", kind, options(v.Page, "place-type.", carnet.PlaceTypes))
	list, err := s.Vaccinate.Vaccinators(r.Context(), k.actor, e.get("place"))
	if err != nil {
		return err
	}
	injectors, who := []ui.Option{{Value: "", Label: v.T("entry.choose")}}, v.T("entry.nobody")
	responsible := []ui.Option{}
	for _, pro := range list {
		label := fullName(pro)
		if pro.ID == k.actor.ID {
			label = v.T("entry.myself", "name", label)
		}
		if pro.ID.String() == e.get("injector") {
			who = label
		}
		injectors = append(injectors, ui.Option{Value: pro.ID.String(), Label: label})
		responsible = append(responsible, ui.Option{Value: pro.ID.String(), Label: label})
	}
	if !slices.ContainsFunc(responsible, func(o ui.Option) bool { return o.Value == k.actor.ID.String() }) {
		responsible = append(responsible, ui.Option{Value: k.actor.ID.String(), Label: v.T("entry.myself", "name", fullName(k.me))})
	}
	v.Injector = v.Select("injector", "dose.injector", e.get("injector"), injectors)
	answers := e.get("responsible")
	if answers == "" {
		answers = k.actor.ID.String()
	}
	v.Responsible = v.Select("responsible", "entry.responsible", answers, responsible)
	v.LateReason = v.Input("late-reason", "entry.late-reason", e.get("late-reason"))
	v.Form = v.Input("form", "entry.form", e.get("form"))
	v.Form.Class = "w20"
	day := v.T("entry.today")
	today := s.Vaccinate.Today()
	if d, err := e.date("date"); err != nil || d != today {
		day = v.T("entry.another-day")
		if err == nil && !d.IsZero() {
			day = v.Date(d)
		}
	}
	v.WhereWords = v.T("entry.where", "day", day, "place", here, "injector", who)
	v.WhereFold = v.Kind == kindHere && e.get("injector") == "" || k.correct || e.get("late-reason")+e.get("form") != "" ||
		v.fold(edit, "date", "time", "place", "place-type", "injector", "responsible", "late-reason", "form")
	return nil
}

// options are the choices of a list of codes, with their words under a key.
func options[C ~string](p ui.Page, key string, codes []C) []ui.Option {
	list := make([]ui.Option, 0, len(codes))
	for _, c := range codes {
		list = append(list, ui.Option{Value: string(c), Label: p.T(key + string(c))})
	}
	return list
}

// inLanguage is a text of the catalogue in the language of the page, else in French.
func inLanguage(p ui.Page, french string, in map[string]string) string {
	if words, ok := in[p.Lang]; ok {
		return words
	}
	return french
}

func proposalWords(p ui.Page, q vaccinate.Proposal, vaccine string) string {
	return p.T("reason."+q.Reason, "rank", p.Ordinal(q.Rank), "of", rankWords(p, q.Rank, q.Expected), "vaccine", vaccine)
}

// doseWords is one line about a dose: what deserves to be seen before anything is typed.
func (s *site) doseWords(p ui.Page, d carnet.Dose) string {
	name := s.vaccineName(d.Vaccine)
	if d.Vaccine == "" {
		name = d.Product
	}
	if !d.Given() {
		return p.T("entry.line-none", "date", d.Date, "vaccine", name, "why", p.T("not-given."+string(d.NotGiven)))
	}
	line := p.T("entry.line", "date", d.Date, "vaccine", name, "rank", rankWords(p, d.Rank, d.Expected))
	if d.Evidence != carnet.Administered {
		line += " · " + p.T("evidence."+string(d.Evidence))
	}
	return line
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
	Kind     string
}

func (s *site) showCheck(w http.ResponseWriter, r *http.Request, status int, k work, e entry, c vaccinate.Command, moved bool) error {
	title := "check.title"
	if k.correct {
		title = "check.correct-title"
	}
	v := checkView{Page: s.ui.Page(r, title), Action: k.path + "/enregistrer", Form: k.path, Correct: k.correct, Kind: e.get("kind")}
	v.Identity = identityOf(v.Page, k.person.Identity)
	if moved {
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("check.moved"), Lines: []string{v.T("check.moved-words")}}
	}
	rows, shown, err := s.checkRows(r, &v, k, e, c)
	if err != nil {
		return err
	}
	if k.correct {
		rows = append(rows, ui.Row{Label: v.T("entry.reason.label"), Value: e.get("reason"), Change: "reason"})
	}
	v.Rows = v.Page.Rows(rows...)
	v.Hidden = append(e.hidden(), ui.Hidden{Name: "shown", Value: shown})
	s.ui.Render(w, r, status, "check", &v)
	return nil
}

// checkRows are the answers, one line each, and the rank that the page shows, "2/2".
func (s *site) checkRows(r *http.Request, v *checkView, k work, e entry, c vaccinate.Command) (rows []ui.Row, shown string, err error) {
	names := map[carnet.ID]string{k.me.ID: fullName(k.me)}
	if c.Place != "" {
		list, err := s.Vaccinate.Vaccinators(r.Context(), k.actor, c.Place)
		if err != nil {
			return nil, "", err
		}
		for _, p := range list {
			names[p.ID] = fullName(p)
		}
	}
	place := ""
	for _, at := range k.me.Places {
		if at.ID == c.Place {
			place = placeWords(at)
		}
	}
	add := func(label, value, change string, number bool) {
		if value != "" {
			rows = append(rows, ui.Row{Label: v.T(label), Value: value, Change: change, Number: number})
		}
	}
	vaccine := s.vaccineName(c.Vaccine)
	when := v.Date(c.Date)
	if c.Time != "" {
		when = v.T("entry.at", "date", c.Date, "time", c.Time)
	}
	switch e.get("kind") {
	case kindNone:
		add("entry.not-given.label", v.T("not-given."+string(c.NotGiven)), "not-given", false)
		add("dose.vaccine.short", vaccine, "vaccine", false)
		add("check.day", when, "date", true)
		add("dose.place.short", place, "place", false)
		add("entry.note.label", c.Note.Reveal(), "note", false)
		return rows, "", nil
	case kindElsewhere:
		add("entry.evidence.label", v.T("evidence."+string(c.Evidence)), "evidence", false)
		add("entry.product.label", c.Product, "product", false)
		add("entry.mapped.label", vaccine, "vaccine", false)
		add("entry.country.label", countryName(v.Page, c.Country), "country", false)
		add("dose.lot.short", c.Lot.Reveal(), "lot", true)
		add("dose.date.short", when, "date", true)
	default:
		add("dose.vaccine.short", vaccine, "vaccine", false)
		add("dose.lot.short", c.Lot.Reveal(), "lot", true)
		if c.Lot.IsZero() {
			add("dose.lot.short", v.T("entry.lot-unknown"), "lot", false)
		}
		if !c.Expiry.IsZero() {
			add("entry.expiry.label", v.Date(c.Expiry), "expiry", true)
		}
		add("entry.eligibility.label", s.eligibleWords(v.Page, k, c), "eligibility", false)
		add("entry.consent.label", v.T("consent."+string(c.Consent.By)), "consent", false)
		add("entry.consent-name.label", c.Consent.Name.Reveal(), "consent-name", false)
		add("check.questions", s.questionWords(v.Page, k, c), "contraindication", false)
		add("dose.site.short", v.T("body."+string(c.BodySite)), "site", false)
		if c.Half {
			add("entry.half.label", v.T("check.yes"), "half", false)
		}
		add("dose.date.short", when, "date", true)
		add("entry.late-reason.label", c.LateReason, "late-reason", false)
		add("entry.form.label", c.Form, "form", true)
		add("dose.place.short", place, "place", false)
		add("dose.injector.short", injectorName(v.Page, names, c.Injector), "injector", false)
		if c.Responsible != c.Injector {
			add("entry.responsible.label", injectorName(v.Page, names, c.Responsible), "responsible", false)
		}
	}
	if c.Vaccine != "" {
		row, proposed, err := s.rankRow(r, v, k, c)
		if err != nil {
			return nil, "", err
		}
		shown, rows = proposed, append(rows, row)
	}
	add("entry.note.label", c.Note.Reveal(), "note", false)
	return rows, shown, nil
}

// rankRow is the rank that is about to be recorded and why; what deserves a second look goes above.
func (s *site) rankRow(r *http.Request, v *checkView, k work, c vaccinate.Command) (ui.Row, string, error) {
	p, err := s.Vaccinate.Propose(r.Context(), k.actor, k.person.ID, c.Vaccine, c.Date, k.old.ID)
	if err != nil {
		return ui.Row{}, "", err
	}
	more, err := s.lotWarnings(r, v.Page, k, c)
	if err != nil {
		return ui.Row{}, "", err
	}
	v.Warnings = warnings(v.Page, p.Warnings, more...)
	rank, expected, why := p.Rank, p.Expected, proposalWords(v.Page, p, s.vaccineName(c.Vaccine))
	if c.Rank != 0 {
		rank, expected = c.Rank, c.Expected
		why = v.T("dose.rank.overridden", "reason", c.RankReason)
	}
	tag := stateTag(v.Page, carnet.Dose{Rank: rank, Expected: expected})
	return ui.Row{Label: v.T("dose.rank.short"), Value: rankWords(v.Page, rank, expected), Hint: why, Tag: &tag, Change: "rank"},
		strconv.Itoa(rank) + "/" + strconv.Itoa(expected), nil
}

func (s *site) eligibleWords(p ui.Page, k work, c vaccinate.Command) string {
	a, _ := s.assess(k, nil, c.Vaccine, c.Date)
	for _, choice := range a.Eligible {
		if choice.Code == c.Eligibility {
			return inLanguage(p, choice.French, choice.In)
		}
	}
	return c.Eligibility
}

func (s *site) questionWords(p ui.Page, k work, c vaccinate.Command) string {
	if len(c.Contraindications) == 0 {
		return p.T("check.nothing")
	}
	a, _ := s.assess(k, nil, c.Vaccine, c.Date)
	words := ""
	for _, code := range c.Contraindications {
		line := code
		for _, q := range a.Questions {
			if q.Code == code {
				line = inLanguage(p, q.French, q.In)
			}
		}
		if words != "" {
			words += " · "
		}
		words += line
	}
	return words
}
