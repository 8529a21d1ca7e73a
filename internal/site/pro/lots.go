package pro

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/stock"
)

// Stock is what the site needs of the lots: package stock's Service has it.
type Stock interface {
	NewKey() (carnet.ID, error)
	List(ctx context.Context, actor protect.Actor, place string) ([]stock.Lot, error)
	Live(ctx context.Context, actor protect.Actor, place string) ([]stock.Lot, error)
	Status(ctx context.Context, actor protect.Actor, place, vaccine string, number carnet.Lot) (stock.Lot, error)
	Lot(ctx context.Context, actor protect.Actor, place string, id carnet.ID) (stock.Lot, []stock.Event, error)
	Deliver(ctx context.Context, actor protect.Actor, d stock.Delivery) (stock.Lot, error)
	Change(ctx context.Context, actor protect.Actor, c stock.Change) (stock.Lot, error)
	Recall(ctx context.Context, actor protect.Actor, o stock.Order, progress func(done, total int)) (stock.Report, error)
	Follow(ctx context.Context, actor protect.Actor, place string, lot carnet.ID) (stock.Lot, []stock.Concern, error)
	Mark(ctx context.Context, actor protect.Actor, place string, lot, dose carnet.ID, contact stock.Contact) error
}

const lotsPath = "/lots"

// lotRoutes are the pages of the lots of the place of the session.
func (s *site) lotRoutes(private func(string, func(http.ResponseWriter, *http.Request, protect.Actor) error)) {
	private("GET "+lotsPath, s.lots)
	private("POST "+lotsPath, s.deliver)
	private("POST "+lotsPath+"/boite", s.lotScan)
	private("GET "+lotsPath+"/{lot}", s.lot)
	private("POST "+lotsPath+"/{lot}", s.changeLot)
	private("GET "+lotsPath+"/{lot}/rappel", s.recallPage)
	private("POST "+lotsPath+"/{lot}/rappel", s.recall)
	private("GET "+lotsPath+"/{lot}/personnes", s.recallPeople)
	private("POST "+lotsPath+"/{lot}/personnes", s.markPerson)
}

// soon is how many days before its end a lot is pointed at.
const soon = 7

type lotsView struct {
	ui.Page
	Place                                       string
	Lots                                        ui.Table
	None                                        ui.Empty
	Scan                                        ui.Field
	Vaccine, Number, Expiry, UseBy, Doses, From ui.Field
	Hidden                                      []ui.Hidden
	Action, ScanAction                          string
}

// typedLot is what comes back to the form of a delivery.
type typedLot struct {
	scan, vaccine, number, gtin, received, supplier, key string
	expiry, useBy                                        ui.Parts
	focus                                                string
}

func readLot(form url.Values) typedLot {
	return typedLot{vaccine: form.Get("vaccine"), number: form.Get("lot"), gtin: form.Get("gtin"), received: strings.TrimSpace(form.Get("received")),
		supplier: form.Get("supplier"), key: form.Get("key"), expiry: ui.ReadParts(form, "expiry"), useBy: ui.ReadParts(form, "use-by")}
}

func (s *site) lots(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showLots(w, r, http.StatusOK, actor, typedLot{}, nil, nil)
}

func (s *site) showLots(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, typed typedLot, banner *ui.Banner, faults error) error {
	list, err := s.Stock.List(r.Context(), actor, actor.Organisation)
	if err != nil {
		return err
	}
	v := lotsView{Page: s.ui.Page(r, "lots.title"), Place: s.placeName(r.Context(), actor), Action: lotsPath, ScanAction: lotsPath + "/boite"}
	v.Banner = banner
	if r.URL.Query().Get("fait") == "recu" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("lots.delivered"), Lines: []string{v.T("lots.delivered-words")}}
	}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if v.Focus = typed.focus; v.Focus == "" {
		v.Focus = "scan"
	}
	v.None = ui.Empty{Icon: "dose", Title: v.T("lots.none"), Words: v.T("lots.none-words")}
	v.Lots = ui.Table{Caption: v.N("lots.count", len(list)), Head: []string{v.T("lot.number"), v.T("dose.vaccine.short"), v.T("lot.until"), v.T("lot.doses"), v.T("lot.state")}}
	for _, l := range list {
		tag := s.lotTag(v.Page, l)
		v.Lots.Rows = append(v.Lots.Rows, []ui.Cell{
			{Words: l.Number.Reveal(), Href: lotPath(l.ID), For: s.vaccineName(l.Vaccine)},
			{Words: s.vaccineName(l.Vaccine)},
			{Words: v.Date(l.Ends()), Number: true},
			{Words: lotDoses(v.Page, l), Number: true},
			{Tag: &tag},
		})
	}
	if typed.key == "" {
		key, err := s.Stock.NewKey()
		if err != nil {
			return err
		}
		typed.key = key.String()
	}
	v.Scan = v.Input("scan", "lots.scan", typed.scan)
	v.Scan.Length = gs1.MaxScan
	v.Vaccine = v.Select("vaccine", "dose.vaccine", typed.vaccine, s.vaccineOptions(v.Page))
	v.Number = v.Input("lot", "dose.lot", typed.number)
	v.Number.Class, v.Number.Length = "w10 num", 20
	v.Expiry = v.DayMonthYear("expiry", "lot.expiry", typed.expiry)
	v.UseBy = v.DayMonthYear("use-by", "lot.use-by", typed.useBy)
	v.Doses = v.Digits("received", "lot.received", typed.received, "w4")
	v.From = v.Input("supplier", "lot.supplier", typed.supplier)
	v.From.Length = 100
	v.Hidden = []ui.Hidden{{Name: "key", Value: typed.key}, {Name: "gtin", Value: typed.gtin}}
	s.ui.Render(w, r, status, "lots", &v)
	return nil
}

func lotPath(id carnet.ID) string { return lotsPath + "/" + id.String() }

// vaccineOptions lists the vaccines that are in use, after an empty line.
func (s *site) vaccineOptions(p ui.Page) []ui.Option {
	options := []ui.Option{{Label: p.T("lots.choose")}}
	for _, v := range s.Vaccinate.Catalogue().Offered(s.Vaccinate.Today()) {
		options = append(options, ui.Option{Value: v.Code, Label: vaccineWords(v)})
	}
	return options
}

// lotDoses writes the doses recorded, of those received when somebody counted.
func lotDoses(p ui.Page, l stock.Lot) string {
	if l.Received == 0 {
		return p.N("lot.recorded", l.Recorded)
	}
	return p.T("lot.recorded-of", "recorded", l.Recorded, "received", l.Received)
}

// lotTag says the state of a lot, or what deserves a look while it is active.
func (s *site) lotTag(p ui.Page, l stock.Lot) ui.Tag {
	today := s.Vaccinate.Today()
	switch state := l.State(today); {
	case state == stock.Recalled:
		return ui.Tag{Kind: "warning", Words: p.T("lot.is.recalled")}
	case l.Over() > 0:
		return ui.Tag{Kind: "warning", Words: p.N("lot.over", l.Over())}
	case state != stock.Active:
		return ui.Tag{Words: p.T("lot.is." + string(state))}
	case l.Ends().Days()-today.Days() <= soon:
		return ui.Tag{Kind: "going", Words: p.N("lot.soon", l.Ends().Days()-today.Days())}
	}
	return ui.Tag{Kind: "success", Words: p.T("lot.is.active")}
}

// lotScan reads the code of a box and brings the form back, filled.
func (s *site) lotScan(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	text := r.PostFormValue("scan")
	typed := typedLot{scan: shown(text)}
	r.PostForm.Set("scan", typed.scan) // the page carries it for the change of language
	packs, err := gs1.Parse(text, s.Vaccinate.Today().Year)
	if err != nil {
		fault := &carnet.Error{Op: "pro.lotScan", Kind: carnet.Invalid, Code: "scan.unread", Field: "scan"}
		return s.showLots(w, r, http.StatusBadRequest, actor, typed, nil, fault)
	}
	live, err := s.Stock.Live(r.Context(), actor, actor.Organisation)
	if err != nil {
		return err
	}
	pack, sure := gs1.Choose(packs, func(g gs1.GTIN, lot string) bool {
		for _, l := range live {
			if l.GTIN == string(g) && strings.EqualFold(l.Number.Reveal(), lot) {
				return true
			}
		}
		return false
	})
	if !sure {
		pack = packs[0]
	}
	p := s.ui.Page(r, "lots.title")
	banner := &ui.Banner{Kind: "info", Title: p.T("lots.scanned"), Lines: []string{p.T("lots.scanned-words")}}
	vaccine := ""
	if pack.GTIN != "" {
		if vaccine, err = s.boxHolds(r, actor, pack.GTIN); err != nil {
			return err
		}
	}
	typed = typedLot{vaccine: vaccine, number: pack.Lot, gtin: string(pack.GTIN), focus: "received"}
	if !pack.Expiry.IsZero() {
		typed.expiry = ui.PartsOf(carnet.Date{Year: pack.Expiry.Year(), Month: pack.Expiry.Month(), Day: pack.Expiry.Day()})
	}
	switch {
	case vaccine == "":
		banner.Kind, typed.focus = "warning", "vaccine"
		banner.Lines = []string{p.T("lots.unknown-box")}
	case !sure:
		banner.Kind, typed.focus = "warning", "lot"
		banner.Lines = []string{p.T("lots.doubtful")}
	case pack.Lot == "" || pack.Expiry.IsZero():
		typed.focus = "lot"
		banner.Lines = []string{p.T("lots.partial")}
	}
	return s.showLots(w, r, http.StatusOK, actor, typed, banner, nil)
}

// shown is a scan as a page can hold it: the separator as its picture, which is read again.
func shown(scan string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\x1d':
			return '␝'
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, scan)
}

// deliver adds a lot.
func (s *site) deliver(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	typed := readLot(r.PostForm)
	d := stock.Delivery{Place: actor.Organisation, Vaccine: typed.vaccine, Supplier: typed.supplier}
	var problems carnet.Problems
	var err error
	if d.Key, err = carnet.ParseID(typed.key); err != nil {
		return carnet.E("pro.deliver", carnet.NotFound, "lot.key-missing", err)
	}
	if typed.gtin != "" {
		if g, err := gs1.ParseGTIN(typed.gtin); err == nil {
			d.GTIN = string(g)
		}
	}
	if typed.number != "" {
		d.Number, err = carnet.ParseLot(typed.number)
		addFault(&problems, "lot", err)
	}
	d.Expiry = readDay(&problems, "expiry", typed.expiry)
	d.UseBy = readDay(&problems, "use-by", typed.useBy)
	d.Received = readCount(&problems, "received", typed.received)
	if len(problems) == 0 {
		if _, err = s.Stock.Deliver(r.Context(), actor, d); err == nil {
			if _, known := s.Vaccinate.Catalogue().FindPack(d.GTIN); d.GTIN != "" && !known {
				if err := s.Runs.RememberPack(r.Context(), actor, gtin(d.GTIN), d.Vaccine); err != nil {
					s.Log.WarnContext(r.Context(), "box of a place", "err", err) // the lot is in the stock all the same
				}
			}
			http.Redirect(w, r, lotsPath+"?fait=recu", http.StatusSeeOther)
			return nil
		}
	} else {
		err = problems
	}
	return s.showLots(w, r, http.StatusBadRequest, actor, typed, nil, err)
}

// addFault notes an error of a field.
func addFault(problems *carnet.Problems, field string, err error) {
	if err != nil {
		problems.Add(field, carnet.CodeOf(err), nil)
	}
}

// readDay reads a day that may be left out.
func readDay(problems *carnet.Problems, field string, p ui.Parts) carnet.Date {
	if p == (ui.Parts{}) {
		return carnet.Date{}
	}
	d, err := carnet.ParseDate(p.ISO())
	if err != nil {
		problems.Add(field, "lot.date", nil)
	}
	return d
}

func readCount(problems *carnet.Problems, field, text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		problems.Add(field, "lot.count", nil)
	}
	return n
}

type lotView struct {
	ui.Page
	Rows                      ui.Rows
	UseBy, Doses, From, Ended ui.Field
	Hidden                    []ui.Hidden
	Tomorrow                  string
	Events                    ui.Table
	Path                      string
	Recalled, Head            bool
}

func (s *site) lot(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showLot(w, r, http.StatusOK, actor, nil, nil)
}

// typedChange is what comes back to the form of a change.
type typedChange struct {
	received, supplier, key, version string
	useBy, depleted                  ui.Parts
}

func (s *site) showLot(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, typed *typedChange, faults error) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	l, events, err := s.Stock.Lot(r.Context(), actor, actor.Organisation, id)
	if err != nil {
		return err
	}
	me, err := s.Vaccinate.Professional(r.Context(), actor)
	if err != nil {
		return err
	}
	v := lotView{Page: s.ui.Page(r, "lot.title", "lot", l.Number.Reveal()), Path: lotPath(l.ID), Recalled: l.Recall != nil, Head: heads(me, actor)}
	v.Back = &ui.Link{Href: lotsPath, Words: v.T("lot.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if r.URL.Query().Get("fait") == "modifie" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("lot.changed")}
	}
	if l.Recall != nil {
		v.Banner = &ui.Banner{Kind: "warning", Title: v.T("lot.recalled-on", "when", v.Instant(l.Recall.At)), Lines: []string{v.T("recall.why." + string(l.Recall.Reason)), v.T("lot.recalled-words")}}
	}
	tag := s.lotTag(v.Page, l)
	v.Rows = v.Page.Rows(
		ui.Row{Label: v.T("dose.vaccine.short"), Value: s.vaccineName(l.Vaccine)},
		ui.Row{Label: v.T("lot.number"), Value: l.Number.Reveal(), Number: true},
		ui.Row{Label: v.T("lot.expires"), Value: v.Date(l.Expiry), Number: true},
		ui.Row{Label: v.T("lot.doses"), Value: lotDoses(v.Page, l), Number: true, Tag: &tag},
	)
	if typed == nil {
		key, err := s.Stock.NewKey()
		if err != nil {
			return err
		}
		typed = &typedChange{supplier: l.Supplier, key: key.String(), version: strconv.Itoa(l.Version)}
		if l.Received > 0 {
			typed.received = strconv.Itoa(l.Received)
		}
		if !l.UseBy.IsZero() {
			typed.useBy = ui.PartsOf(l.UseBy)
		}
		if !l.Depleted.IsZero() {
			typed.depleted = ui.PartsOf(l.Depleted)
		}
	}
	v.Doses = v.Digits("received", "lot.received-all", typed.received, "w4")
	v.UseBy = v.DayMonthYear("use-by", "lot.use-by", typed.useBy)
	v.From = v.Input("supplier", "lot.supplier", typed.supplier)
	v.From.Length = 100
	v.Ended = v.DayMonthYear("depleted", "lot.depleted", typed.depleted)
	v.Hidden = []ui.Hidden{{Name: "key", Value: typed.key}, {Name: "version", Value: typed.version}}
	if l.Depleted.IsZero() && l.Recall == nil {
		v.Tomorrow = v.T("lot.deplete", "date", s.Vaccinate.Today().AddDays(1))
	}
	names, err := s.injectors(r.Context(), actor, []carnet.Dose{{Place: carnet.Place{ID: l.Place}}})
	if err != nil {
		return err
	}
	v.Events = ui.Table{Caption: v.T("lot.history"), Head: []string{v.T("lot.when"), v.T("lot.what"), v.T("lot.who")}}
	for _, e := range events {
		what := v.T("lot.event.change")
		if e.Kind == stock.Delivered {
			what = v.T("lot.event.deliver")
			if e.Doses > 0 {
				what = v.N("lot.event.delivered", e.Doses)
			}
		}
		v.Events.Rows = append(v.Events.Rows, []ui.Cell{{Words: v.Instant(e.At), Number: true}, {Words: what}, {Words: injectorName(v.Page, names, e.Actor)}})
	}
	s.ui.Render(w, r, status, "lot", &v)
	return nil
}

func lotID(r *http.Request) (carnet.ID, error) {
	id, err := carnet.ParseID(r.PathValue("lot"))
	if err != nil {
		return id, carnet.E("pro.lot", carnet.NotFound, "lot.unknown", err)
	}
	return id, nil
}

// heads reports that a professional is the head of the place of the session, acting themselves.
func heads(p carnet.Professional, actor protect.Actor) bool {
	return actor.Delegate.IsZero() && slices.Contains(p.Heads, actor.Organisation)
}

func (s *site) changeLot(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	f := r.PostForm
	typed := typedChange{received: strings.TrimSpace(f.Get("received")), supplier: f.Get("supplier"), key: f.Get("key"), version: f.Get("version"),
		useBy: ui.ReadParts(f, "use-by"), depleted: ui.ReadParts(f, "depleted")}
	if f.Get("end") != "" {
		typed.depleted = ui.PartsOf(s.Vaccinate.Today().AddDays(1))
	}
	c := stock.Change{Place: actor.Organisation, Lot: id, Supplier: typed.supplier}
	var problems carnet.Problems
	if c.Key, err = carnet.ParseID(typed.key); err != nil {
		return carnet.E("pro.changeLot", carnet.NotFound, "lot.key-missing", err)
	}
	c.Version, _ = strconv.Atoi(typed.version) // one that is no number is no version that stands
	c.Received = readCount(&problems, "received", typed.received)
	c.UseBy = readDay(&problems, "use-by", typed.useBy)
	c.Depleted = readDay(&problems, "depleted", typed.depleted)
	if err = problems.Err(); err == nil {
		if _, err = s.Stock.Change(r.Context(), actor, c); err == nil {
			http.Redirect(w, r, lotPath(id)+"?fait=modifie", http.StatusSeeOther)
			return nil
		}
	}
	return s.showLot(w, r, http.StatusBadRequest, actor, &typed, err)
}

type recallView struct {
	ui.Page
	Rows   ui.Rows
	Reason ui.Field
	Action string
	Submit string
	Path   string
}

// recallPage says what a recall would do, before it is done.
func (s *site) recallPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showRecall(w, r, http.StatusOK, actor, nil)
}

func (s *site) showRecall(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	l, _, err := s.Stock.Lot(r.Context(), actor, actor.Organisation, id)
	if err != nil {
		return err
	}
	report, err := s.Stock.Recall(r.Context(), actor, stock.Order{Vaccine: l.Vaccine, Number: l.Number, Place: l.Place, Reason: stock.Quality, DryRun: true}, nil)
	if err != nil {
		return err
	}
	v := recallView{Page: s.ui.Page(r, "recall.title", "lot", l.Number.Reveal()), Action: lotPath(id) + "/rappel", Path: lotPath(id)}
	v.Back = &ui.Link{Href: v.Path, Words: v.T("recall.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Rows = v.Page.Rows(
		ui.Row{Label: v.T("dose.vaccine.short"), Value: s.vaccineName(l.Vaccine)},
		ui.Row{Label: v.T("lot.number"), Value: l.Number.Reveal(), Number: true},
		ui.Row{Label: v.T("dose.place.short"), Value: s.placeName(r.Context(), actor)},
		ui.Row{Label: v.T("recall.doses"), Value: strconv.Itoa(len(report.Doses)), Number: true},
		ui.Row{Label: v.T("recall.people"), Value: strconv.Itoa(report.People()), Number: true, Hint: v.N("recall.told", len(report.Doses)-report.Told)},
	)
	options := make([]ui.Option, len(stock.Reasons))
	for i, reason := range stock.Reasons {
		options[i] = ui.Option{Value: string(reason), Label: v.T("recall.why." + string(reason))}
	}
	v.Reason = v.Radios("reason", "recall.reason", r.PostFormValue("reason"), options)
	v.Submit = v.N("recall.submit", report.Told)
	s.ui.Render(w, r, status, "recall", &v)
	return nil
}

func (s *site) recall(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	l, _, err := s.Stock.Lot(r.Context(), actor, actor.Organisation, id)
	if err != nil {
		return err
	}
	_, err = s.Stock.Recall(r.Context(), actor, stock.Order{Vaccine: l.Vaccine, Number: l.Number, Place: l.Place, Reason: stock.Reason(r.PostFormValue("reason"))}, nil)
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showRecall(w, r, http.StatusBadRequest, actor, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, lotPath(id)+"/personnes?fait=rappel", http.StatusSeeOther)
	return nil
}

type recallPeopleView struct {
	ui.Page
	Lead          string
	People        []concernView
	None          ui.Empty
	Reached, Of   int
	Action        string
	ProgressWords string
}

type concernView struct {
	Dose, Name, Birth, Given, Since, Person string
	Tag                                     ui.Tag
	Buttons                                 []ui.Option
}

// recallPeople lists whom the recall of a lot concerns at the place, and who was reached.
func (s *site) recallPeople(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	l, list, err := s.Stock.Follow(r.Context(), actor, actor.Organisation, id)
	if err != nil {
		return err
	}
	v := recallPeopleView{Page: s.ui.Page(r, "recall.list", "lot", l.Number.Reveal()), Action: lotPath(id) + "/personnes", Of: len(list)}
	v.Back = &ui.Link{Href: lotPath(id), Words: v.T("recall.back")}
	v.Lead = v.T("recall.list-lead", "vaccine", s.vaccineName(l.Vaccine), "place", s.placeName(r.Context(), actor))
	v.None = ui.Empty{Icon: "check", Title: v.T("recall.nobody"), Words: v.T("recall.nobody-words")}
	if r.URL.Query().Get("fait") == "rappel" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("recall.done"), Lines: []string{v.T("recall.done-words")}}
	}
	kinds := map[stock.Contact]string{stock.ToContact: "going", stock.Reached: "success", stock.Unreachable: "warning"}
	for _, c := range list {
		if c.Contact == stock.Reached {
			v.Reached++
		}
		line := concernView{Dose: c.Dose.String(), Person: personPath(c.Person.ID), Name: c.Person.Identity.Name().Reveal() + " " + c.Person.Identity.Given(),
			Birth: v.T("recall.born", "birth", v.Birth(c.Person.Identity.Birth)), Given: v.T("recall.given", "date", c.Date),
			Tag: ui.Tag{Kind: kinds[c.Contact], Words: v.T("recall.contact." + string(c.Contact))}}
		if c.Contact != stock.ToContact {
			line.Since = v.Instant(c.ChangedAt)
		}
		for _, state := range stock.Contacts {
			if state != c.Contact {
				line.Buttons = append(line.Buttons, ui.Option{Value: string(state), Label: v.T("recall.mark." + string(state))})
			}
		}
		v.People = append(v.People, line)
	}
	v.ProgressWords = v.T("recall.progress", "reached", v.Reached, "of", v.Of)
	s.ui.Render(w, r, http.StatusOK, "recall-people", &v)
	return nil
}

func (s *site) markPerson(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := lotID(r)
	if err != nil {
		return err
	}
	dose, err := carnet.ParseID(r.PostFormValue("dose"))
	if err != nil {
		return carnet.E("pro.markPerson", carnet.NotFound, "recall.unknown", err)
	}
	if err := s.Stock.Mark(r.Context(), actor, actor.Organisation, id, dose, stock.Contact(r.PostFormValue("contact"))); err != nil {
		return err
	}
	http.Redirect(w, r, lotPath(id)+"/personnes#d"+dose.String(), http.StatusSeeOther)
	return nil
}
