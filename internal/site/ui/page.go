package ui

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
)

// Page is what the layout needs to know. Every view embeds it.
type Page struct {
	Text
	Title     string
	Back      *Link      // the link above the page
	Banner    *Banner    // above the page, below the error summary
	Session   *Session   // who is logged in, for the header; SetSession says it
	Faults    []Fault    // error summary
	Focus     string     // name of the field where the cursor starts, when nothing is wrong
	Carry     url.Values // what the language switch keeps of the address
	Sandbox   bool
	RequestID string
	self      string
	post      []Hidden
	posted    bool
}

// View is a struct that embeds Page.
type View interface{ base() *Page }

func (p *Page) base() *Page { return p }

// Link is a link with its words.
type Link struct{ Href, Words string }

// Session is what the header shows about the one who is logged in.
type Session struct {
	Name   string // clear: the person reads their own name
	Detail string // the place, for a professional
	Logout string // path that ends the session by POST
	Notice string // on every page of the session, in a strip of its own: who types for whom
	Tabs   []Link // parts of the site; the one that the page belongs to is marked
}

// Current reports that a tab leads to the part of the site that a page belongs to: of the tabs whose
// address begins the page's, the longest.
func (p Page) Current(tab Link) bool {
	longest := ""
	for _, t := range p.Session.Tabs {
		if (p.self == t.Href || strings.HasPrefix(p.self, t.Href+"/")) && len(t.Href) > len(longest) {
			longest = t.Href
		}
	}
	return tab.Href == longest
}

// Banner tells what just happened or what to mind. Kind: success, info, warning, error.
type Banner struct {
	Kind, Title string
	Lines       []string
}

// Icon is the drawing that goes with the kind.
func (b Banner) Icon() string { return iconOf(b.Kind) }

func iconOf(kind string) string {
	switch kind {
	case "success":
		return "check"
	case "going":
		return "progress"
	}
	return kind
}

// Tag is a short state. Kind: success, going, info, warning or none.
type Tag struct{ Kind, Words string }

// Icon is the drawing that goes with the kind, or none.
func (t Tag) Icon() string { return iconOf(t.Kind) }

// Row is one line of a summary list. Change, when given, is the value of a submit button named
// "edit" of the form around the list; Words completes its label for those who do not see the line.
type Row struct {
	Label, Value, Hint string
	Number             bool
	Change             string
	Tag                *Tag
}

// Rows is a summary list.
type Rows struct {
	Text
	List []Row
}

// Editable reports that a line can be changed.
func (r Rows) Editable() bool {
	return slices.ContainsFunc(r.List, func(r Row) bool { return r.Change != "" })
}

// Cell is one cell of a table.
type Cell struct {
	Words  string
	Href   string
	Number bool
	Tag    *Tag
	For    string // said after the words of a link, for those who do not see the row
}

// Table becomes a pile of cards where the screen is narrow. The first cell of a row is its header.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]Cell
}

// Empty says that there is nothing, and why.
type Empty struct{ Icon, Title, Words string }

// Page starts a view: language, session, sandbox strip. Title is a catalogue key; args as for T.
func (k *Kit) Page(r *http.Request, title string, args ...any) Page {
	st := stateOf(r)
	t := k.texts.in(st.lang)
	p := Page{
		Text: t, Title: t.T(title, args...), Sandbox: k.cfg.Sandbox,
		RequestID: st.id, self: r.URL.Path,
	}
	if r.Method == http.MethodPost {
		p.posted, p.post = true, hidden(r.PostForm)
	}
	return p
}

// hidden keeps the values of a form, in a stable order.
func hidden(v url.Values) []Hidden {
	var list []Hidden
	for name, values := range v {
		for _, s := range values {
			list = append(list, Hidden{name, s})
		}
	}
	slices.SortStableFunc(list, func(a, b Hidden) int {
		if a.Name < b.Name {
			return -1
		}
		if a.Name > b.Name {
			return 1
		}
		return 0
	})
	return list
}

// Lang is one entry of the language switch.
type Lang struct {
	Code, Name string
	Current    bool
}

// Langs lists the languages for the switch.
func (p Page) Langs() []Lang {
	names := map[string]string{"fr": "Français", "en": "English"}
	list := make([]Lang, 0, len(Languages))
	for _, l := range Languages {
		list = append(list, Lang{l, names[l], l == p.Lang})
	}
	return list
}

// Self is the address of the page; links to the same page lead there.
func (p Page) Self() string {
	if len(p.Carry) == 0 {
		return p.self
	}
	return p.self + "?" + p.Carry.Encode()
}

// In is the address of the page in another language.
func (p Page) In(lang string) string {
	q := url.Values{"lang": {lang}}
	for name, values := range p.Carry {
		q[name] = values
	}
	return p.self + "?" + q.Encode()
}

// Posted reports that the page answers a form. The language switch then sends the form again, so
// that a change of language loses nothing typed.
func (p Page) Posted() bool { return p.posted }

// Post is the form that the page answers.
func (p Page) Post() []Hidden { return p.post }

// Head is the title of the window: it begins with the bad news when there is any.
func (p Page) Head() string {
	s := p.Title + " – " + p.T("site.name")
	if len(p.Faults) > 0 {
		return p.T("faults.prefix") + s
	}
	return s
}

// Rows builds a summary list in the language of the page.
func (p Page) Rows(list ...Row) Rows { return Rows{p.Text, list} }

// Fault is one line of the error summary; Field is the id of the input that it leads to.
type Fault struct{ Field, Words string }

// Fault puts the faults of a form into the page and reports true; any other error is not its
// business and reports false. Codes without a field stay in the summary without a link.
func (p *Page) Fault(err error) bool {
	if err == nil {
		return false
	}
	var list carnet.Problems
	if ps, ok := errors.AsType[carnet.Problems](err); ok {
		list = ps
	} else if e, ok := errors.AsType[*carnet.Error](err); ok && e.Kind == carnet.Invalid {
		list = carnet.Problems{e}
	} else {
		return false
	}
	for _, e := range list {
		p.Faults = append(p.Faults, Fault{e.Field, p.Message(e)})
	}
	return true
}

// faultOf returns the words beside a field.
func (p *Page) faultOf(field string) string {
	for _, f := range p.Faults {
		if f.Field == field {
			return f.Words
		}
	}
	return ""
}

// Render writes a page. It is built whole before the first byte leaves, so a fault in a template
// is an error page and not half a page.
func (k *Kit) Render(w http.ResponseWriter, r *http.Request, status int, name string, v View) {
	var b bytes.Buffer
	v.base().Session = stateOf(r).session
	t, ok := k.pages[name]
	if !ok {
		k.Fail(w, r, carnet.E("ui.Render", carnet.Internal, "internal", errors.New("no page named "+strconv.Quote(name))))
		return
	}
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
		k.broken(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.base().Lang)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader is gone: nobody left to tell
}

// broken answers when a template fails; it draws the error page, and if even that fails, plain text.
func (k *Kit) broken(w http.ResponseWriter, r *http.Request, err error) {
	k.cfg.Log.ErrorContext(r.Context(), "template", "request", stateOf(r).id, "err", err)
	var b bytes.Buffer
	v := k.errorView(r, carnet.Internal, nil)
	if err := k.pages["error"].ExecuteTemplate(&b, "layout", &v); err != nil {
		http.Error(w, "500", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(b.Bytes())
}
