package pro

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
)

const (
	vaccinatePath = "/vacciner"
	runPath       = "/vacciner/serie"
	runLotPath    = "/vacciner/lot"
	endPath       = "/vacciner/fin"
	undoPath      = "/vacciner/annulation"
)

// runView is the strip of the open run: what is locked, how many, how fast.
type runView struct {
	Vaccine, Lot, Expiry, Injector string
	Count, Mean                    string
	Eligibility                    string
}

func (s *site) runView(p ui.Page, r run.Run) runView {
	v := runView{Vaccine: s.vaccineName(r.Vaccine), Lot: r.Lot.Reveal(), Expiry: dateOrNone(p, r.Expiry), Count: p.N("run.count", r.Pace.Entries)}
	if mean := r.Pace.Mean(); mean > 0 {
		v.Mean = p.T("run.mean", "minutes", int(mean/time.Minute), "seconds", int(mean%time.Minute/time.Second))
	}
	return v
}

// withInjector names the one who injects, where the page knows.
func (s *site) withInjector(r *http.Request, actor protect.Actor, v runView, open run.Run) (runView, error) {
	list, err := s.Vaccinate.Vaccinators(r.Context(), actor, open.Place)
	for _, p := range list {
		if p.ID == open.Injector {
			v.Injector = fullName(p)
		}
	}
	return v, err
}

// last names the entry that was just recorded: ids only.
type last struct{ person, dose, key carnet.ID }

func lastQuery(d carnet.Dose, key carnet.ID) url.Values {
	return url.Values{"personne": {d.PersonID.String()}, "dose": {d.ID.String()}, "saisie": {key.String()}}
}

func readLast(q url.Values) (l last, ok bool) {
	var errs [3]error
	l.person, errs[0] = carnet.ParseID(q.Get("personne"))
	l.dose, errs[1] = carnet.ParseID(q.Get("dose"))
	l.key, errs[2] = carnet.ParseID(q.Get("saisie"))
	return l, errs == [3]error{}
}

// draftLine is a draft of the one who acts.
type draftLine struct {
	Name, Saved, Open, Drop string
}

type stationView struct {
	ui.Page
	Place   string
	NIR     ui.Field
	None    bool
	Run     *runView
	Last    *lastView
	Drafts  []draftLine
	Scan    ui.Field
	Live    ui.Field
	Lot     ui.Field
	Expiry  ui.Field
	LotOpen bool
	Photo   bool
	Outbox  *outboxView
}

// lastView is the entry that was just recorded, with the way to undo it.
type lastView struct {
	Words  string
	Open   string // the dose
	Person string
	Hidden []ui.Hidden
}

// station is where the work begins and where each entry of a run comes back to: the place, the open run,
// the next person, the drafts.
func (s *site) station(w http.ResponseWriter, r *http.Request, me login.Session) error {
	return s.showStation(w, r, http.StatusOK, me.Actor(), entry{url.Values{"until": {strconv.FormatInt(millis(me), 10)}}}, false, nil)
}

func (s *site) showStation(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, e entry, none bool, faults error) error {
	if r.Method == http.MethodPost {
		r.PostForm.Del("scan") // it may hold characters that a page cannot
	}
	v := stationView{Page: s.ui.Page(r, "station.title"), None: none, Place: s.placeName(r.Context(), actor), Photo: s.Picture != nil}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Outbox = s.outboxView(actor)
	v.Outbox.Station = true
	v.Outbox.Until, _ = strconv.ParseInt(e.get("until"), 10, 64) // only the page that opens a session's work says it
	if err := s.stationRun(r, actor, e, &v); err != nil {
		return err
	}
	if l, ok := readLast(r.URL.Query()); ok && r.Method == http.MethodGet {
		if err := s.lastEntry(r, actor, l, &v); err != nil {
			return err
		}
	}
	switch r.URL.Query().Get("fait") {
	case "annulation":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("run.undone"), Lines: []string{v.T("run.undone-words")}}
	case "fin":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("run.ended"), Lines: []string{v.T("run.ended-words")}}
	case "lot":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("run.lot-changed"), Lines: []string{v.T("run.lot-changed-words")}}
	}
	v.Focus = "nir"
	v.NIR = v.Digits("nir", "find.nir", e.get("nir"), "w20")
	drafts, err := s.Runs.Drafts(r.Context(), actor)
	if err != nil {
		return err
	}
	for i, d := range drafts {
		if i == maxDraftLines {
			break
		}
		who, err := s.People.Person(r.Context(), actor, d.Person)
		if err != nil {
			continue // merged or gone meanwhile: nothing to take up again
		}
		path := personPath(d.Person) + "/saisies/" + d.Key.String()
		v.Drafts = append(v.Drafts, draftLine{Name: who.Identity.Given() + " " + who.Identity.Name().Reveal(), Saved: v.Instant(d.SavedAt), Open: path, Drop: path + "/abandon"})
	}
	s.ui.Render(w, r, status, "station", &v)
	return nil
}

const maxDraftLines = 10

// stationRun fills the strip and the way to change the lot.
func (s *site) stationRun(r *http.Request, actor protect.Actor, e entry, v *stationView) error {
	open, err := s.Runs.Current(r.Context(), actor)
	if carnet.KindOf(err) == carnet.NotFound {
		if open.Ended == run.Expired {
			v.Banner = &ui.Banner{Kind: "warning", Title: v.T("run.expired"), Lines: []string{v.T("run.expired-words")}}
		}
		return nil
	}
	if err != nil {
		return err
	}
	state, err := s.lotState(r, actor, open.Vaccine, open.Lot)
	if err != nil {
		return err
	}
	if state == stock.Recalled {
		v.Banner = &ui.Banner{Kind: "error", Title: v.T("run.recalled"), Lines: []string{v.T("run.recalled-words")}}
		return s.Runs.End(r.Context(), actor, run.Recalled)
	}
	strip, err := s.withInjector(r, actor, s.runView(v.Page, open), open)
	if err != nil {
		return err
	}
	v.Run = &strip
	v.Outbox.Run = runForm(actor, work{actor: actor, run: &open})
	v.Scan = v.Input("scan", "entry.scan", "")
	v.Scan.Length = 512
	v.Lot = v.Input("lot", "dose.lot", e.get("lot"))
	v.Lot.Class, v.Lot.Length = "w20", 30
	v.Expiry = v.DayMonthYear("expiry", "entry.expiry", e.parts("expiry"))
	for _, f := range v.Faults {
		v.LotOpen = v.LotOpen || f.Field != "nir"
	}
	return nil
}

// lastEntry shows the entry that was just recorded. One that is gone, or was never there, is not shown.
func (s *site) lastEntry(r *http.Request, actor protect.Actor, l last, v *stationView) error {
	who, err := s.People.Person(r.Context(), actor, l.person)
	if carnet.KindOf(err) == carnet.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	doses, err := s.Vaccinate.History(r.Context(), actor, l.person)
	for _, d := range doses {
		if d.ID == l.dose {
			v.Last = &lastView{
				Words: v.T("run.last", "name", who.Identity.Given()+" "+who.Identity.Name().Reveal(), "dose", s.doseWords(v.Page, d)),
				Open:  dosePath(d), Person: personPath(l.person), Hidden: []ui.Hidden{{Name: "personne", Value: l.person.String()}, {Name: "dose", Value: l.dose.String()}, {Name: "saisie", Value: l.key.String()}},
			}
		}
	}
	return err
}

// next finds the person by number, or by the code printed for who has none, and opens a new entry: the history and the warnings are on its page.
func (s *site) next(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	e := entry{url.Values{"nir": {strings.TrimSpace(r.PostForm.Get("nir"))}}}
	found, err := s.lookFor(r, actor, e.get("nir"))
	switch {
	case carnet.KindOf(err) == carnet.NotFound || err == nil && len(found) == 0:
		return s.showStation(w, r, http.StatusOK, actor, e, true, nil)
	case carnet.KindOf(err) == carnet.Invalid:
		return s.showStation(w, r, http.StatusBadRequest, actor, e, false, err)
	case err != nil:
		return err
	case len(found) > 1:
		return s.findDirect(w, r, actor, search{by: "nir", nir: e.get("nir")})
	}
	return s.withKey(w, r, personPath(found[0].ID)+"/saisies/")
}

// startRun opens a run with what a recorded dose says: same vaccine, next person.
func (s *site) startRun(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	l, _ := readLast(r.PostForm)
	doses, err := s.Vaccinate.History(r.Context(), actor, l.person)
	if err != nil {
		return err
	}
	for _, d := range doses {
		if d.ID != l.dose || !d.Given() || d.Evidence != carnet.Administered || d.RecordedBy != actor.ID {
			continue
		}
		opened, err := s.Runs.Start(r.Context(), actor, run.Run{PlaceType: d.PlaceType, Vaccine: d.Vaccine, Lot: d.Lot, Expiry: d.Expiry,
			Injector: d.Injector, Responsible: d.Responsible, Route: d.Route, Eligibility: d.Eligibility})
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showStation(w, r, http.StatusBadRequest, actor, entry{url.Values{}}, false, err)
		}
		if err == nil {
			err = s.Runs.Count(r.Context(), actor, opened.ID, d.ID) // the first of the run
		}
		if err != nil {
			return err
		}
		http.Redirect(w, r, vaccinatePath, http.StatusSeeOther)
		return nil
	}
	return carnet.E("pro.run", carnet.NotFound, "dose.unknown", nil)
}

// changeRunLot takes another box: scanned, or typed in full.
func (s *site) changeRunLot(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	e := readEntry(r.PostForm)
	open, err := s.Runs.Current(r.Context(), actor)
	if carnet.KindOf(err) == carnet.NotFound {
		http.Redirect(w, r, vaccinatePath, http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	again := func(err error) error {
		if carnet.KindOf(err) != carnet.Invalid {
			return err
		}
		return s.showStation(w, r, http.StatusBadRequest, actor, e, false, err)
	}
	k := work{actor: actor}
	e.set("vaccine", open.Vaccine)
	if err := s.settle(r, k, e); err != nil {
		return again(err)
	}
	var problems carnet.Problems
	if e.get("vaccine") == "" {
		problems.Add("scan", "scan.unknown-in-run", nil)
	}
	lot, err := carnet.ParseLot(e.get("lot"))
	if err != nil {
		problems.Add("lot", carnet.CodeOf(err), nil)
	}
	expiry, err := e.date("expiry")
	if err != nil {
		problems.Add("expiry", carnet.CodeOf(err), nil)
	}
	if err := problems.Err(); err != nil {
		return again(err)
	}
	if state, err := s.lotState(r, actor, e.get("vaccine"), lot); err != nil {
		return err
	} else if state == stock.Recalled {
		problems.Add("lot", "run.lot-recalled", nil)
		return again(problems)
	}
	if _, err := s.Runs.ChangeLot(r.Context(), actor, e.get("vaccine"), lot, expiry); err != nil {
		return again(err)
	}
	http.Redirect(w, r, vaccinatePath+"?fait=lot", http.StatusSeeOther)
	return nil
}

func (s *site) endRun(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	if err := s.Runs.End(r.Context(), actor, run.Finished); err != nil {
		return err
	}
	http.Redirect(w, r, vaccinatePath+"?fait=fin", http.StatusSeeOther)
	return nil
}

// undo takes back the entry that was just recorded. A second click finds it gone, and says the same.
func (s *site) undo(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	l, ok := readLast(r.PostForm)
	if !ok {
		return carnet.E("pro.undo", carnet.NotFound, "entry.unknown", nil)
	}
	key, err := s.Vaccinate.NewKey()
	if err != nil {
		return err
	}
	err = s.Vaccinate.Undo(r.Context(), actor, l.person, l.dose, key)
	if err != nil && carnet.CodeOf(err) != "dose.unknown" { // undone already
		return err
	}
	if open, err := s.Runs.Current(r.Context(), actor); err == nil {
		if err := s.Runs.Uncount(r.Context(), actor, open.ID, l.key); err != nil {
			s.Log.WarnContext(r.Context(), "counter of a run", "err", err)
		}
	}
	http.Redirect(w, r, vaccinatePath+"?fait=annulation", http.StatusSeeOther)
	return nil
}
