package logintest

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Browser walks through pages as a person without JavaScript does: it keeps cookies as browsers do
// on http://localhost (by host without port, secure ones too), follows redirects, and sends the
// forms that it finds.
type Browser struct {
	t    testing.TB
	jar  []*http.Cookie
	Page Page // where it is
	// Headers are sent with every request.
	Headers map[string]string

	last func() *Browser // sends the last form once more
}

// Page is what a browser shows.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
}

// NewBrowser returns a browser without cookies.
func NewBrowser(t testing.TB) *Browser { return &Browser{t: t} }

const maxPage = 1 << 20

// Get opens an address.
func (b *Browser) Get(address string) *Browser { b.t.Helper(); return b.do("GET", address, nil) }

// Post sends a form that is on no page.
func (b *Browser) Post(address string, form url.Values) *Browser {
	b.t.Helper()
	return b.do("POST", address, form)
}

func (b *Browser) do(method, address string, form url.Values) *Browser {
	b.t.Helper()
	for range 20 {
		r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			b.t.Fatal(err)
		}
		if method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for name, v := range b.Headers {
			r.Header.Set(name, v)
		}
		for _, c := range b.jar {
			if c.Domain == r.URL.Hostname() && strings.HasPrefix(r.URL.Path, c.Path) {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
		resp.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, c := range resp.Cookies() {
			b.keep(r.URL, c)
		}
		b.Page = Page{r.URL, resp.StatusCode, resp.Header, string(body)}
		if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound {
			return b
		}
		next, err := r.URL.Parse(resp.Header.Get("Location"))
		if err != nil {
			b.t.Fatal(err)
		}
		method, address, form = "GET", next.String(), nil
	}
	b.t.Fatal("redirected for ever")
	return nil
}

func (b *Browser) keep(at *url.URL, c *http.Cookie) {
	if c.Path == "" {
		c.Path = "/"
	}
	c.Domain = at.Hostname()
	b.jar = slices.DeleteFunc(b.jar, func(o *http.Cookie) bool { return o.Name == c.Name && o.Path == c.Path && o.Domain == c.Domain })
	if c.MaxAge >= 0 && c.Value != "" {
		b.jar = append(b.jar, c)
	}
}

// Cookie is the value of a cookie, or nothing.
func (b *Browser) Cookie(name string) string {
	for _, c := range b.jar {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// form is a form of a page.
type form struct {
	action  string
	post    bool
	fields  url.Values          // with the values that they have
	names   []string            // of the fields that a person sees
	buttons map[string][]string // name to values
	choices map[string][]string // of radio buttons, boxes and lists, name to values
}

var (
	formElement   = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	fieldElement  = regexp.MustCompile(`(?is)<(input|button|select|textarea)\b([^>]*)>`)
	optionElement = regexp.MustCompile(`(?is)<option\b([^>]*)>`)
	chosen        = regexp.MustCompile(`(?i)\s(selected|checked)\b`)
	attributeText = regexp.MustCompile(`(?is)([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
)

func attributes(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attributeText.FindAllStringSubmatch(s, -1) {
		out[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3] + m[4])
	}
	return out
}

func (p Page) forms() (list []form) {
	for _, m := range formElement.FindAllStringSubmatch(p.Body, -1) {
		a := attributes(m[1])
		f := form{action: a["action"], post: strings.EqualFold(a["method"], "post"), fields: url.Values{}, buttons: map[string][]string{}, choices: map[string][]string{}}
		for _, at := range fieldElement.FindAllStringSubmatchIndex(m[2], -1) {
			e := []string{"", m[2][at[2]:at[3]], m[2][at[4]:at[5]]}
			a := attributes(e[2])
			switch {
			case strings.EqualFold(e[1], "button") || a["type"] == "submit":
				f.buttons[a["name"]] = append(f.buttons[a["name"]], a["value"])
			case a["name"] == "":
			case a["type"] == "hidden":
				f.fields.Add(a["name"], a["value"])
			case a["type"] == "checkbox" || a["type"] == "radio":
				f.names = append(f.names, a["name"])
				f.choices[a["name"]] = append(f.choices[a["name"]], a["value"])
				if chosen.MatchString(e[2]) {
					f.fields.Add(a["name"], a["value"])
				}
			case strings.EqualFold(e[1], "select"):
				f.names = append(f.names, a["name"])
				list, _, _ := strings.Cut(m[2][at[1]:], "</select>")
				value, first := "", true
				for _, o := range optionElement.FindAllStringSubmatch(list, -1) {
					v := attributes(o[1])["value"]
					f.choices[a["name"]] = append(f.choices[a["name"]], v)
					if first || chosen.MatchString(o[1]) {
						value = v
					}
					first = false
				}
				f.fields.Add(a["name"], value)
			default:
				f.names = append(f.names, a["name"])
				f.fields.Add(a["name"], a["value"])
			}
		}
		list = append(list, f)
	}
	return list
}

// Has reports that the page has a form with a field or a button of that name.
func (p Page) Has(field string) bool {
	return slices.ContainsFunc(p.forms(), func(f form) bool { return slices.Contains(f.names, field) || f.buttons[field] != nil })
}

// Choices are the values that a field offers.
func (p Page) Choices(field string) []string {
	for _, f := range p.forms() {
		if values := f.choices[field]; values != nil {
			return values
		}
	}
	return nil
}

// Send fills the first form that has all these fields or buttons, and sends it.
func (b *Browser) Send(fields map[string]string) *Browser {
	b.t.Helper()
	for _, f := range b.Page.forms() {
		all := true
		for name, v := range fields {
			all = all && (slices.Contains(f.names, name) || slices.Contains(f.buttons[name], v))
		}
		if all {
			for name, v := range fields {
				f.fields.Set(name, v)
			}
			return b.send(f)
		}
	}
	b.t.Fatalf("no form with %v at %s:\n%s", fields, b.Page.URL, b.Page.short())
	return nil
}

// Fill sends the first form with a field of that name, which nobody sees, with a value: what a script
// of the page would put there.
func (b *Browser) Fill(name, value string) *Browser {
	b.t.Helper()
	for _, f := range b.Page.forms() {
		if _, there := f.fields[name]; there {
			f.fields.Set(name, value)
			return b.send(f)
		}
	}
	b.t.Fatalf("no form with %s at %s:\n%s", name, b.Page.URL, b.Page.short())
	return nil
}

// Offers reports that the page has a button of that value.
func (p Page) Offers(value string) bool {
	_, _, ok := p.button(value)
	return ok
}

func (p Page) button(value string) (f form, name string, ok bool) {
	for _, f := range p.forms() {
		for name, values := range f.buttons {
			if slices.Contains(values, value) {
				return f, name, true
			}
		}
	}
	return form{}, "", false
}

// Choose presses the first button of that value.
func (b *Browser) Choose(value string) *Browser {
	b.t.Helper()
	f, name, ok := b.Page.button(value)
	if !ok {
		b.t.Fatalf("no button %q at %s:\n%s", value, b.Page.URL, b.Page.short())
	}
	f.fields.Set(name, value)
	return b.send(f)
}

// Press sends the first form whose action ends so, as it is.
func (b *Browser) Press(action string) *Browser {
	b.t.Helper()
	for _, f := range b.Page.forms() {
		if strings.HasSuffix(f.action, action) {
			return b.send(f)
		}
	}
	b.t.Fatalf("no form to %s at %s:\n%s", action, b.Page.URL, b.Page.short())
	return nil
}

// Again sends the last form once more, as a nervous finger does.
func (b *Browser) Again() *Browser { b.t.Helper(); return b.last() }

func (b *Browser) send(f form) *Browser {
	b.t.Helper()
	u, err := b.Page.URL.Parse(f.action)
	if err != nil {
		b.t.Fatal(err)
	}
	if f.post {
		b.last = func() *Browser { return b.do("POST", u.String(), f.fields) }
		return b.last()
	}
	u.RawQuery = f.fields.Encode()
	return b.do("GET", u.String(), nil)
}

func (p Page) short() string {
	return fmt.Sprintf("status %d\n%s", p.Status, p.Body[:min(len(p.Body), 3000)])
}
