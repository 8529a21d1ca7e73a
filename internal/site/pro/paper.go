package pro

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/paper"
	"carnet/twoddoc/datamatrix"
)

// Paper is what the site needs of the outage forms: package paper's Service has it.
type Paper interface {
	NewKey() (carnet.ID, error)
	Print(ctx context.Context, actor protect.Actor, key carnet.ID, place string, n int) ([]paper.Form, error)
	Printed(ctx context.Context, actor protect.Actor, key carnet.ID) ([]paper.Form, error)
	Check(ctx context.Context, actor protect.Actor, serial paper.Serial) (paper.Form, error)
	Open(ctx context.Context, actor protect.Actor, place string, since time.Time) (open, printed int, err error)
}

const paperPath = "/feuille-papier"

// paperRoutes are the pages of the forms for the day when nothing answers.
func (s *site) paperRoutes(private func(string, func(http.ResponseWriter, *http.Request, protect.Actor) error)) {
	private("GET "+paperPath, s.paperPage)
	private("POST "+paperPath, s.printForms)
	private("POST "+paperPath+"/verification", s.checkForm)
	private("GET "+paperPath+"/{key}", s.forms)
}

// stockOfForms is how long back the page counts the forms that were printed.
const stockOfForms = 365 * 24 * time.Hour

type paperView struct {
	ui.Page
	Count, Number             ui.Field
	Hidden                    []ui.Hidden
	Action, CheckAction, Open string
}

// typedPaper is what comes back to the page.
type typedPaper struct{ count, number, key string }

func (s *site) paperPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showPaper(w, r, http.StatusOK, actor, typedPaper{count: "10"}, nil, nil)
}

func (s *site) showPaper(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, typed typedPaper, banner *ui.Banner, faults error) error {
	open, printed, err := s.Paper.Open(r.Context(), actor, actor.Organisation, s.Clock().Add(-stockOfForms))
	if err != nil {
		return err
	}
	v := paperView{Page: s.ui.Page(r, "paper.title"), Action: paperPath, CheckAction: paperPath + "/verification"}
	v.Banner = banner
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if typed.key == "" {
		key, err := s.Paper.NewKey()
		if err != nil {
			return err
		}
		typed.key = key.String()
	}
	v.Back = &ui.Link{Href: listsPath, Words: v.T("lists.back")}
	v.Open = v.T("paper.open", "open", open, "printed", printed)
	v.Count = v.Digits("count", "paper.count", typed.count, "w2")
	v.Number = v.Input("form", "paper.number", typed.number)
	v.Number.Class, v.Number.Length = "w10 num", 20
	v.Hidden = []ui.Hidden{{Name: "key", Value: typed.key}}
	s.ui.Render(w, r, status, "paper", &v)
	return nil
}

func (s *site) printForms(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	typed := typedPaper{count: strings.TrimSpace(r.PostFormValue("count")), key: r.PostFormValue("key")}
	key, err := carnet.ParseID(typed.key)
	if err != nil {
		return carnet.E("pro.printForms", carnet.NotFound, "form.key-missing", err)
	}
	n, _ := strconv.Atoi(typed.count) // what is no number is no number of forms
	_, err = s.Paper.Print(r.Context(), actor, key, actor.Organisation, n)
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showPaper(w, r, http.StatusBadRequest, actor, typed, nil, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, paperPath+"/"+key.String(), http.StatusSeeOther)
	return nil
}

// checkForm says what is known of a number.
func (s *site) checkForm(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	typed := typedPaper{count: "10", number: r.PostFormValue("form")}
	serial, err := paper.ParseSerial(typed.number)
	var f paper.Form
	if err == nil {
		f, err = s.Paper.Check(r.Context(), actor, serial)
	}
	switch carnet.KindOf(err) {
	case carnet.Invalid, carnet.NotFound:
		if err != nil {
			fault := &carnet.Error{Op: "pro.checkForm", Kind: carnet.Invalid, Code: carnet.CodeOf(err), Field: "form"}
			return s.showPaper(w, r, http.StatusBadRequest, actor, typed, nil, fault)
		}
	}
	if err != nil {
		return err
	}
	p := s.ui.Page(r, "paper.title")
	banner := &ui.Banner{Kind: "info", Title: p.T("paper.blank", "number", f.Serial), Lines: []string{p.T("paper.printed-at", "place", f.Place.Name, "when", p.Instant(f.Printed))}}
	if !f.Dose.IsZero() {
		banner.Kind, banner.Title = "success", p.T("paper.taken", "number", f.Serial, "when", p.Instant(f.Taken))
	}
	return s.showPaper(w, r, http.StatusOK, actor, typed, banner, nil)
}

type formsView struct {
	ui.Page
	Forms          []formView
	Number         []bool // the places of a social security number: true after a group
	Before, During []formBoxes
}

// formView is one sheet.
type formView struct {
	Number, Place, Printed string
	Code                   template.HTML
}

// formBoxes is a line of boxes to tick.
type formBoxes struct {
	Name    string
	Options []string
}

func (s *site) forms(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	key, err := carnet.ParseID(r.PathValue("key"))
	if err != nil {
		return carnet.E("pro.forms", carnet.NotFound, "form.unknown", err)
	}
	list, err := s.Paper.Printed(r.Context(), actor, key)
	if err != nil {
		return err
	}
	v := formsView{Page: s.ui.Page(r, "paper.sheets")}
	v.Back = &ui.Link{Href: paperPath, Words: v.T("paper.title")}
	for _, f := range list {
		code, err := drawing(string(f.Serial))
		if err != nil {
			return carnet.E("pro.forms", carnet.Internal, "internal", err)
		}
		v.Forms = append(v.Forms, formView{Number: f.Serial.String(), Place: placeWords(f.Place), Printed: v.T("paper.printed-on", "date", carnet.DateOf(f.Printed)), Code: code})
	}
	v.Number = make([]bool, 15)
	for _, i := range []int{0, 2, 4, 6, 9, 12} {
		v.Number[i] = true
	}
	v.Before, v.During = formChoices(v.Page)
	s.ui.Render(w, r, http.StatusOK, "paper-sheets", &v)
	return nil
}

// formChoices are what can be ticked before the injection and about it, in the words of the entry form.
func formChoices(p ui.Page) (before, during []formBoxes) {
	outcomes := []string{p.T("paper.given")}
	for _, n := range carnet.NotGivens {
		outcomes = append(outcomes, p.T("lists.why."+string(n)))
	}
	consents := make([]string, len(carnet.ConsentsBy))
	for i, c := range carnet.ConsentsBy {
		consents[i] = p.T("paper.consent." + string(c))
	}
	places := make([]string, len(carnet.PlaceTypes))
	for i, t := range carnet.PlaceTypes {
		places[i] = p.T("paper.place." + string(t))
	}
	sites := make([]string, len(carnet.BodySites))
	for i, b := range carnet.BodySites {
		sites[i] = p.T("body." + string(b))
	}
	return []formBoxes{{p.T("paper.outcome"), outcomes}, {p.T("paper.consent-by"), consents}}, []formBoxes{{p.T("paper.place-type"), places}, {p.T("dose.site.short"), sites}}
}

// drawing is a DataMatrix as SVG, with its quiet zone: a scanner types the number of the form.
func drawing(text string) (template.HTML, error) {
	code, err := datamatrix.Encode([]byte(text), 0)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="-2 -2 %d %d" shape-rendering="crispEdges" aria-hidden="true" focusable="false"><path d="`, code.Side+4, code.Side+4)
	for y := range code.Side {
		for x := range code.Side {
			if code.Dark(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}
