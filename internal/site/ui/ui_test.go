package ui_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
)

const page = `{{define "main"}}<div class="sheet"><h1>{{.Title}}</h1>
<form class="form" method="post" action="/form" novalidate>
{{template "field" .Line}}{{template "field" .Area}}{{template "field" .List}}{{template "field" .Radios}}{{template "field" .Box}}{{template "field" .Day}}
<button class="button">{{.T "send"}}</button></form>
{{template "table" .Table}}{{template "empty" .Empty}}<form method="post" action="/form">{{template "rows" .Rows}}</form>
<details><summary>{{.T "more"}}</summary><div><p>{{.N "doses" 2}}</p></div></details>
<p>{{template "tag" .Tag}}</p></div>{{end}}`

const words = `send = "Envoyer"
more = "En savoir plus : tout ; vraiment ? oui ! « ici » l'eau"
title = "Page d'essai"
[site]
name = "Essai"
tagline = "Un site d'essai"
[doses]
one = "{n} dose"
other = "{n} doses"
[q]
label = "Question"
hint = "Une aide"
[problem.test]
line = "Il manque {What}."
`

type view struct {
	ui.Page
	Line, Area, List, Radios, Box, Day ui.Field
	Table                              ui.Table
	Empty                              ui.Empty
	Rows                               ui.Rows
	Tag                                ui.Tag
}

// trial is a site with one page that shows every component.
func trial(t testing.TB, https bool) (http.Handler, *ui.Kit, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	tick := time.Date(2021, 6, 21, 9, 0, 0, 0, time.UTC)
	kit, err := ui.New(ui.Config{
		Site: "trial", HTTPS: https, Sandbox: true, FormAction: []string{"https://provider.example"},
		Files: fstest.MapFS{
			"templates/all.html": {Data: []byte(page)}, "text/fr.toml": {Data: []byte(words)},
			"text/en.toml":          {Data: []byte(strings.NewReplacer("Envoyer", "Send", "Page d'essai", "Trial page").Replace(words))},
			"templates/broken.html": {Data: []byte(`{{define "main"}}{{.Nothing}}{{end}}`)},
		},
		Clock: func() time.Time { tick = tick.Add(time.Millisecond); return tick },
		Rand:  bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4, 5}, 1000)), Log: slog.New(slog.NewJSONHandler(out, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, r *http.Request) {
		v := view{Page: kit.Page(r, "title")}
		if r.Method == http.MethodPost {
			var p carnet.Problems
			for _, f := range []string{"line", "area", "list", "radios", "box", "day"} {
				p.Add(f, "test.line", map[string]any{"What": f})
			}
			v.Fault(p)
		}
		options := []ui.Option{{Value: "a", Label: "A"}, {Value: "b", Label: "B", Hint: "La seconde"}}
		v.Banner = &ui.Banner{Kind: "success", Title: "Fait", Lines: []string{"Une ligne", "Deux lignes"}}
		v.Back = &ui.Link{Href: "/", Words: "Retour"}
		v.Line, v.Area = v.Input("line", "q", r.PostForm.Get("line")), v.Page.Area("area", "q", "")
		v.List, v.Radios = v.Select("list", "q", "b", options), v.Page.Radios("radios", "q", "", options)
		v.Box, v.Day = v.Check("box", "q", true), v.DayMonthYear("day", "q", ui.ReadParts(r.PostForm, "day"))
		v.Table = ui.Table{Caption: "Table", Head: []string{"Un", "Deux", "Trois"}, Rows: [][]ui.Cell{{{Words: "a"}, {Words: "voir", Href: "/", For: "la ligne a"}, {Tag: &ui.Tag{Kind: "success", Words: "oui"}}}}}
		v.Empty = ui.Empty{Icon: "leaf", Title: "Rien", Words: "Rien du tout"}
		v.Rows = v.Page.Rows(ui.Row{Label: "Nom", Value: "Valeur", Change: "line", Hint: "aide"}, ui.Row{Label: "Autre", Value: "12", Number: true, Tag: &ui.Tag{Kind: "going", Words: "en cours"}})
		v.Tag = ui.Tag{Kind: "info", Words: "info"}
		ui.SetSession(r, ui.Session{Name: "Camille Tilleul", Detail: "Acacias", Logout: "/out"})
		kit.Render(w, r, http.StatusOK, "all", &v)
	}
	mux.HandleFunc("GET /page/{id}", show)
	mux.HandleFunc("POST /form", show)
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, r *http.Request) {
		v := view{Page: kit.Page(r, "title")}
		kit.Render(w, r, http.StatusOK, "broken", &v)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("secret FOUGÈRE") })
	mux.HandleFunc("POST /expired", func(w http.ResponseWriter, r *http.Request) { kit.Expired(w, r, "/connexion") })
	mux.HandleFunc("GET /fail/{kind}", func(w http.ResponseWriter, r *http.Request) {
		kind := carnet.Kind(r.PathValue("kind")[0] - '0')
		kit.Fail(w, r, carnet.E("test", kind, "test.code", errors.New("cause")))
	})
	return kit.Handler(mux), kit, out
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryComponent(t *testing.T) {
	h, _, _ := trial(t, false)
	sitetest.Scenario{URL: "/page/1", ExpectedStatus: 200, ExpectedContent: []string{"Page d'essai", "Une aide", "2 doses", "Camille Tilleul", "Acacias"}}.Run(t, h)
	sitetest.Scenario{Method: http.MethodPost, URL: "/form", Form: url.Values{"line": {`"><script>`}, "day-day": {"7"}}, ExpectedStatus: 200,
		ExpectedContent: []string{"Il y a 6 réponses à corriger", "Il manque day.", `href="#radios"`, `value="7"`, "Erreur : Page d'essai"}}.Run(t, h)
}

func TestSecurityHeaders(t *testing.T) {
	h, _, _ := trial(t, false)
	w := get(h, "/page/1")
	for name, want := range map[string]string{
		"Content-Security-Policy":    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https://provider.example",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "same-origin",
		"Cache-Control":              "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Content-Language":           "fr",
		"Strict-Transport-Security":  "",
		"Set-Cookie":                 "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	h, _, _ = trial(t, true)
	if got := get(h, "/page/1").Header().Get("Strict-Transport-Security"); got == "" {
		t.Error("no HSTS on https")
	}
}

func TestLanguage(t *testing.T) {
	h, _, _ := trial(t, false)
	for _, c := range []struct{ name, cookie, accept, want string }{
		{"default", "", "", "fr"},
		{"English browser", "", "en-GB,en;q=0.9", "en"},
		{"a language we do not have", "", "de", "fr"},
		{"the choice wins", "fr", "en", "fr"},
		{"a cookie that was tampered with", "xx", "en", "en"},
		{"nonsense", "", ";;;;q=,", "fr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := []string{"Accept-Language", c.accept}
			if c.cookie != "" {
				header = append(header, "Cookie", "__Host-trial-lang="+c.cookie)
			}
			if got := get(h, "/page/1", header...).Header().Get("Content-Language"); got != c.want {
				t.Errorf("language %q, want %q", got, c.want)
			}
		})
	}
	w := get(h, "/page/1?lang=en")
	cookie := w.Header().Get("Set-Cookie")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/page/1" {
		t.Errorf("status %d, location %q", w.Code, w.Header().Get("Location"))
	}
	if cookie != "__Host-trial-lang=en; Path=/; Max-Age=15552000; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("cookie %q", cookie)
	}
	for _, target := range []string{"/page/1?lang=xx", "/page/1"} {
		if c := get(h, target).Header().Get("Set-Cookie"); c != "" {
			t.Errorf("%s sets %q", target, c)
		}
	}
	if l := get(h, "//evil.example/?lang=en").Header().Get("Location"); strings.HasPrefix(l, "//") {
		t.Errorf("leads to another site: %q", l)
	}
	// A form is not lost: it goes on in the new language.
	r := httptest.NewRequest(http.MethodPost, "/form?lang=en", strings.NewReader("line=typed"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Header().Get("Content-Language") != "en" || !strings.Contains(rec.Body.String(), `value="typed"`) || rec.Header().Get("Set-Cookie") == "" {
		t.Errorf("form in English: %d %v", rec.Code, rec.Header())
	}
}

func TestStatic(t *testing.T) {
	h, _, _ := trial(t, false)
	name := regexp.MustCompile(`/static/carnet\.[0-9a-f]{12}\.css`).FindString(get(h, "/page/1").Body.String())
	w := get(h, name, "Accept-Encoding", "gzip")
	if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Content-Type") != "text/css; charset=utf-8" || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if plain := get(h, name).Body.Bytes(); !bytes.Equal(plain, unpacked) {
		t.Error("packed and plain differ")
	}
	if w := get(h, "/static/carnet.css"); w.Code != 404 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("without its hash: %d %v", w.Code, w.Header())
	}
}

func TestStylesheet(t *testing.T) {
	b, err := os.ReadFile("static/carnet.css")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) >= 25_000 {
		t.Errorf("%d bytes, the limit is 25 kB", len(b))
	}
	for _, want := range []string{"@layer reset, tokens, base", "prefers-color-scheme: dark", "prefers-contrast: more", "forced-colors: active", "@media print", "prefers-reduced-motion", ":focus-visible"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
	for _, forbidden := range []string{"@import", "url(", "http:", "https:"} {
		if bytes.Contains(b, []byte(forbidden)) {
			t.Errorf("holds %q: the stylesheet stands alone", forbidden)
		}
	}
}

func TestErrorPages(t *testing.T) {
	h, _, _ := trial(t, false)
	for kind, want := range map[carnet.Kind]int{carnet.Internal: 500, carnet.Invalid: 400, carnet.NotFound: 404, carnet.Conflict: 409, carnet.Denied: 403, carnet.Unavailable: 503} {
		for _, lang := range ui.Languages {
			w := get(h, "/fail/"+string(rune('0'+kind)), "Accept-Language", lang)
			if w.Code != want {
				t.Errorf("%s: status %d", kind, w.Code)
			}
			sitetest.CheckHTML(t, w.Body.String(), lang)
			if id := w.Header().Get("X-Request-Id"); len(id) != 8 || !strings.Contains(w.Body.String(), id) {
				t.Errorf("%s: the page does not show the request id %q", kind, id)
			}
			if strings.Contains(w.Body.String(), "cause") {
				t.Errorf("%s: the page shows the cause", kind)
			}
		}
	}
	for target, want := range map[string]int{"/panic": 500, "/broken": 500, "/nowhere": 404, "/form": 405} {
		w := get(h, target)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
		sitetest.CheckHTML(t, w.Body.String(), "fr")
	}
	if a := get(h, "/form").Header().Get("Allow"); a != "POST" {
		t.Errorf("Allow: %q", a)
	}
}

func TestForms(t *testing.T) {
	h, _, _ := trial(t, false)
	long := url.Values{"line": {strings.Repeat("x", 70_000)}}
	sitetest.Scenario{Method: http.MethodPost, URL: "/form", Form: long, ExpectedStatus: 400, ExpectedContent: []string{"trop long"}}.Run(t, h)
	sitetest.Scenario{Method: http.MethodPost, URL: "/form", Form: url.Values{"line": {"x"}}, Headers: map[string]string{"Sec-Fetch-Site": "same-site"},
		ExpectedStatus: 403, ExpectedContent: []string{"ne vient pas d'une page de ce site"}}.Run(t, h)
	sitetest.Scenario{Method: http.MethodPost, URL: "/expired", Form: url.Values{"line": {`a"b`}, "many": {"1", "2"}}, ExpectedStatus: 401,
		ExpectedContent: []string{`type="hidden" name="many" value="1"`, `type="hidden" name="many" value="2"`, `name="line" value="a"b"`, "Envoyer de nouveau"},
		ExpectedHeaders: map[string]string{"WWW-Authenticate": `Session realm="trial"`}}.Run(t, h)
}

// TestLog: the route and never the address, the id that the page shows, nothing that was sent.
func TestLog(t *testing.T) {
	h, _, out := trial(t, false)
	w := get(h, "/page/FOUGERE?nir=262059999900120")
	var line struct {
		Msg, Request, Method, Pattern, Site string
		Status                              int
		Duration                            int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Pattern != "/page/{id}" || line.Method != "GET" || line.Status != 200 || line.Site != "trial" || line.Duration <= 0 || line.Request != w.Header().Get("X-Request-Id") {
		t.Errorf("log line %+v", line)
	}
	get(h, "/panic")
	r := httptest.NewRequest("FOUGERE", "/page/FOUGERE", nil)
	h.ServeHTTP(httptest.NewRecorder(), r)
	for _, secret := range []string{"FOUGERE", "FOUGÈRE", "26205"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, out)
		}
	}
}

func TestWords(t *testing.T) {
	_, kit, _ := trial(t, false)
	fr, en := kit.In("fr"), kit.In("en")
	d := carnet.Date{Year: 2021, Month: 3, Day: 2}
	for _, c := range []struct{ got, want string }{
		{fr.T("more"), "En savoir plus\u00a0: tout\u202f; vraiment\u202f? oui\u202f! «\u00a0ici\u00a0» l’eau"},
		{fr.N("doses", 0), "0 dose"}, {fr.N("doses", 1), "1 dose"}, {fr.N("doses", 2), "2 doses"},
		{en.N("doses", 0), "0 doses"}, {en.N("doses", 1), "1 dose"},
		{fr.Ordinal(1), "1re"}, {fr.Ordinal(2), "2e"}, {en.Ordinal(1), "1st"}, {en.Ordinal(2), "2nd"}, {en.Ordinal(3), "3rd"}, {en.Ordinal(11), "11th"},
		{fr.Date(d), "02/03/2021"}, {en.Date(d), "2\u00a0March\u00a02021"}, {fr.Date(carnet.Date{}), ""},
		{fr.Instant(time.Date(2021, 3, 2, 13, 5, 0, 0, time.UTC)), "02/03/2021\u00a0à\u00a014:05"},
		{fr.T("nothing"), "⟦nothing⟧"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestParts(t *testing.T) {
	for _, c := range []struct {
		in   ui.Parts
		want string
	}{
		{ui.Parts{}, ""}, {ui.Parts{Day: "7", Month: "5", Year: "1962"}, "1962-05-07"}, {ui.Parts{Day: "00", Month: "00", Year: "1962"}, "1962-00-00"}, {ui.Parts{Day: "x"}, "--0x"},
	} {
		if got := c.in.ISO(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestBadSites(t *testing.T) {
	good := fstest.MapFS{"templates/a.html": {Data: []byte(`{{define "main"}}{{end}}`)}, "text/fr.toml": {Data: []byte(words)}, "text/en.toml": {Data: []byte(words)}}
	for name, change := range map[string]fstest.MapFS{
		"no English":       {"text/en.toml": nil},
		"toml":             {"text/fr.toml": {Data: []byte("a = ")}},
		"a number":         {"text/fr.toml": {Data: []byte("a = 1")}},
		"template":         {"templates/a.html": {Data: []byte("{{define")}},
		"unknown function": {"templates/a.html": {Data: []byte("{{define \"main\"}}{{shout}}{{end}}")}},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for f, c := range good {
				files[f] = c
			}
			for f, c := range change {
				if c == nil {
					delete(files, f)
				} else {
					files[f] = c
				}
			}
			if _, err := ui.New(ui.Config{Files: files}); err == nil {
				t.Error("no error")
			}
		})
	}
}
