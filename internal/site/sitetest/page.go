package sitetest

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Scenario is one request to a site and what the answer must and must not hold.
type Scenario struct {
	Name    string
	Method  string // GET when empty
	URL     string
	Form    url.Values
	Headers map[string]string
	Session bool // false sends the header that the fake logins of the tests read as "nobody"

	ExpectedStatus     int
	ExpectedLocation   string
	ExpectedHeaders    map[string]string
	ExpectedContent    []string // words as read: entities, non-breaking spaces and apostrophes made plain
	NotExpectedContent []string // personal data above all
}

// Anonymous is the header by which a scenario without session says so to the fakes of a test.
const Anonymous = "X-Test-Session"

// Run sends the request, in French and, for a page, once more in English, and checks the answers.
// Every page is also read as HTML (see Faults), whatever the scenario says.
func (s Scenario) Run(t *testing.T, h http.Handler) {
	t.Helper()
	w := s.send(h, "fr")
	if w.Code != s.ExpectedStatus {
		t.Errorf("status %d, want %d; body:\n%.2000s", w.Code, s.ExpectedStatus, w.Body)
	}
	if got := w.Header().Get("Location"); got != s.ExpectedLocation {
		t.Errorf("location %q, want %q", got, s.ExpectedLocation)
	}
	for name, want := range s.ExpectedHeaders {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	body := Plain(w.Body.String())
	for _, want := range s.ExpectedContent {
		if !strings.Contains(body, want) {
			t.Errorf("the answer does not say %q; body:\n%s", want, body[max(0, strings.Index(body, "<main")):])
		}
	}
	for _, secret := range s.NotExpectedContent {
		if strings.Contains(body, secret) {
			t.Errorf("the answer holds %q", secret)
		}
	}
	if w.Code/100 == 3 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		return
	}
	CheckHTML(t, w.Body.String(), "fr")
	if (s.Method == "" || s.Method == http.MethodGet) && w.Code < 300 {
		w := s.send(h, "en")
		CheckHTML(t, w.Body.String(), "en")
	}
}

func (s Scenario) send(h http.Handler, lang string) *httptest.ResponseRecorder {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, s.URL, strings.NewReader(s.Form.Encode()))
	r.Header.Set("Accept-Language", lang)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if !s.Session {
		r.Header.Set(Anonymous, "none")
	}
	for k, v := range s.Headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var plain = strings.NewReplacer("<wbr>", "", "\u00a0", " ", "\u202f", " ", "’", "'")

// Plain makes a page as readable as its catalogue: no entities, no special spaces or apostrophes.
func Plain(body string) string { return plain.Replace(html.UnescapeString(body)) }

// CheckHTML fails on every fault of a page.
func CheckHTML(t testing.TB, body, lang string) {
	t.Helper()
	for _, f := range Faults(body, lang) {
		t.Error(f)
	}
}

type element struct {
	name    string
	attr    map[string]string
	text    string // of it and everything in it
	inLabel bool
}

// Faults reads a page and says what is wrong with it: title, language, headings, labels, ids,
// references, style and script outside their files, other hosts, words that no catalogue has.
// It covers what RGAA 4.1 asks under 5.6, 8.3, 8.5, 8.9, 9.1, 11.1 and 11.10, statically.
func Faults(body, lang string) []string {
	var faults []string
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	list, err := elements(body)
	if err != nil {
		bad("page cannot be read: %v", err)
	}
	if i := strings.Index(body, "⟦"); i >= 0 {
		bad("missing words: %.60s", body[i:])
	}
	ids, labelled := map[string]*element{}, map[string]bool{}
	count := map[string]int{}
	for i := range list {
		e := &list[i]
		count[e.name]++
		if id := e.attr["id"]; id != "" {
			if ids[id] != nil {
				bad("two elements with the id %q", id)
			}
			ids[id] = e
		}
		if e.name == "label" && strings.TrimSpace(e.text) != "" {
			labelled[e.attr["for"]] = true
		}
	}
	for _, name := range []string{"html", "title", "h1", "main", "header", "footer"} {
		if count[name] != 1 {
			bad("%d elements %s", count[name], name)
		}
	}
	for _, e := range list {
		at := fmt.Sprintf("%s %v", e.name, e.attr)
		switch e.name {
		case "html":
			if e.attr["lang"] != lang {
				bad("language %q, want %q", e.attr["lang"], lang)
			}
		case "title", "h1", "h2", "h3", "legend", "caption", "a", "button", "th", "summary":
			if strings.TrimSpace(e.text) == "" {
				bad("no words: %s", at)
			}
		case "input", "select", "textarea":
			if e.attr["type"] == "hidden" {
				break
			}
			if !labelled[e.attr["id"]] && !e.inLabel && e.attr["aria-label"] == "" {
				bad("no label: %s", at)
			}
			if e.attr["name"] == "" {
				bad("no name: %s", at)
			}
		case "script":
			if e.attr["src"] == "" || strings.TrimSpace(e.text) != "" {
				bad("script outside its file: %s", at)
			}
		case "style", "iframe", "object":
			bad("not allowed in a page: %s", at)
		case "table":
			if count["caption"] == 0 {
				bad("table without caption")
			}
		}
		for name, value := range e.attr {
			switch {
			case name == "style" || strings.HasPrefix(name, "on"):
				bad("inline %s: %s", name, at)
			case name == "aria-describedby" || name == "aria-labelledby" || name == "for":
				for _, id := range strings.Fields(value) {
					if ids[id] == nil {
						bad("%s points nowhere: %s", name, at)
					}
				}
			case name == "href" && e.name == "a" && (strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://localhost:")) && slices.Contains(strings.Fields(e.attr["rel"]), "noreferrer"):
				// A link that somebody follows or not, and that says nothing of where they come from.
			case (name == "href" || name == "src" || name == "action") && (strings.Contains(value, "://") || strings.HasPrefix(value, "//")):
				bad("another host: %s", at)
			case name == "href" && strings.HasPrefix(value, "#"):
				target := ids[value[1:]]
				if target == nil {
					bad("link points nowhere: %s", at)
				} else if !slices.Contains([]string{"input", "select", "textarea", "main"}, target.name) {
					bad("link to something that cannot have the focus: %s", at)
				}
			}
		}
	}
	return faults
}

// elements lists the elements of a page in order. The pages are written so that a lenient XML
// reader understands them.
func elements(body string) ([]element, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var list []element
	var open []int
	for {
		token, err := d.Token()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			for _, i := range open {
				e.inLabel = e.inLabel || list[i].name == "label"
			}
			list = append(list, e)
			open = append(open, len(list)-1)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				list[i].text += string(token)
			}
		}
	}
}
