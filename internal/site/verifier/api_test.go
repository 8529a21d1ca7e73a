package verifier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
	"carnet/internal/verify/browser"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

// call sends a body to the interface for programs and checks the answer against the description.
func call(t *testing.T, h http.Handler, kind string, body []byte, headers map[string]string) (*httptest.ResponseRecorder, Answer) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, apiPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept-Language", "fr")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	var raw any
	if err := json.Unmarshal(w.Body.Bytes(), &raw); err != nil {
		t.Fatal(err)
	}
	described(t, w.Code, raw)
	return w, a
}

func TestAPI(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	withdrawn := i.Attest(t, "Tilleul")
	hcertText := golden(t)
	early := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC) // 6 days after the injection
	trust, _, err := verify.LoadTrust([]string{filepath.Join("..", "..", "..", "hcert", "testdata", "trust", "dsc.pem")}, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, h := start(t, verify.Checker{Trust: i.Trust, Revoked: i.List(t, withdrawn), Rules: rulesOf(t)}, Minimal, &log)
	var other bytes.Buffer
	s, _ := start(t, verify.Checker{Trust: trust, Rules: rulesOf(t)}, Minimal, &other)
	s.Clock = func() time.Time { return early }
	_, eu := s, s.handler()
	ended, standing := bundled(t, "FR91", true), bundled(t, "FR92", false)
	_, endedSite := start(t, verify.Checker{Trust: ended.Trust}, Minimal, &log)
	_, standingSite := start(t, verify.Checker{Trust: standing.Trust}, Minimal, &log)
	valid := i.Attest(t, "Fougère")
	for _, c := range []struct {
		name    string
		h       http.Handler
		kind    string
		body    []byte
		headers map[string]string
		status  int
		valid   []bool
		reasons []string
		problem string
	}{
		{name: "a text", kind: "text/plain; charset=utf-8", body: valid, status: 200, valid: []bool{true}},
		{name: "lines", kind: "text/plain", body: slices.Concat(valid, []byte("\nrien\n"), i.Forged(t)), status: 200, valid: []bool{true, false}, reasons: []string{"signature.invalid"}},
		{name: "a PDF, two codes", kind: "application/pdf", body: sitetest.Page(t, valid), status: 200, valid: []bool{true, true}},
		{name: "a picture", kind: "image/png", body: sitetest.PNG(t, sitetest.Picture(t, valid, 500, 500, 4)), status: 200, valid: []bool{true}},
		{name: "the bytes decide what it is", kind: "application/octet-stream", body: sitetest.PNG(t, sitetest.Picture(t, valid, 500, 500, 4)), status: 200, valid: []bool{true}},
		{name: "revoked", kind: "text/plain", body: withdrawn, status: 200, valid: []bool{false}, reasons: []string{"revoked"}},
		{name: "the certificate that signed is revoked", h: endedSite, kind: "text/plain", body: ended.Attest(t, "Fougère"), status: 200, valid: []bool{false}, reasons: []string{"certificate.revoked"}},
		{name: "the certificate that signed is not revoked", h: standingSite, kind: "text/plain", body: standing.Attest(t, "Fougère"), status: 200, valid: []bool{true}},
		{name: "an EU certificate against rules", h: eu, kind: "text/plain", body: []byte(hcertText), status: 200, valid: []bool{false}, reasons: []string{"rule.VR-FR-9002"}},
		{name: "nothing in it", kind: "text/plain", body: []byte("rien"), status: 422, problem: "scan.nothing"},
		{name: "empty", kind: "text/plain", status: 422, problem: "scan.empty"},
		{name: "neither", kind: "application/octet-stream", body: []byte{1, 2, 3}, status: 422, problem: "scan.kind"},
		{name: "a damaged picture", kind: "image/png", body: sitetest.PNG(t, sitetest.Picture(t, valid, 500, 500, 4))[:900], status: 422, problem: "scan.picture"},
		{name: "another type", kind: "application/json", body: []byte("{}"), status: 415, problem: "request.type"},
		{name: "no type", kind: "", body: valid, status: 415, problem: "request.type"},
		{name: "only HTML wanted", kind: "text/plain", body: valid, headers: map[string]string{"Accept": "text/html"}, status: 406, problem: "request.accept"},
		{name: "JSON among others", kind: "text/plain", body: valid, headers: map[string]string{"Accept": "text/html, application/json;q=0.9"}, status: 200, valid: []bool{true}},
		{name: "too large", kind: "application/pdf", body: make([]byte, MaxBody+1), status: 413, problem: "scan.size"},
		{name: "from the page of another site", kind: "text/plain", body: valid, headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403, problem: "request.forged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := h
			if c.h != nil {
				handler = c.h
			}
			w, a := call(t, handler, c.kind, c.body, c.headers)
			if w.Code != c.status || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Fatalf("status %d, %v: %.600s", w.Code, w.Header(), w.Body)
			}
			if c.problem != "" && (a.Problem == nil || a.Problem.Code != c.problem || !strings.HasSuffix(a.Problem.Words, ".")) {
				t.Errorf("problem %+v, want %s", a.Problem, c.problem)
			}
			var got []bool
			var reasons string
			for _, v := range a.Verdicts {
				got = append(got, v.Valid)
				reasons += strings.Join(v.Reasons, " ")
			}
			if !slices.Equal(got, c.valid) {
				t.Errorf("valid %v, want %v: %s", got, c.valid, w.Body)
			}
			for _, r := range c.reasons {
				if !strings.Contains(reasons, r) {
					t.Errorf("reasons %q, want %s", reasons, r)
				}
			}
		})
	}
	for _, secret := range []string{"FOUGERE", "TILLEUL", "1958", string(valid[30:60])} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, &log)
		}
	}
	t.Run("the answer says what is known of the signing certificate, and since when", func(t *testing.T) {
		_, a := call(t, endedSite, "text/plain", ended.Attest(t, "Fougère"), nil)
		c, f := a.Verdicts[0].Certificate, a.Trust.Bundles
		if c == nil || c.Status != "revoked" || c.Since == "" || c.Updated == "" || len(f) != 1 || f[0].Revoked != 1 || f[0].Oldest == nil || f[0].Gathered.IsZero() {
			t.Errorf("%+v %+v", c, f)
		}
	})
	t.Run("another address or method is answered in JSON too", func(t *testing.T) {
		for path, want := range map[string]int{apiPath: http.StatusMethodNotAllowed, "/api/v2/verify": http.StatusNotFound} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// golden gives an EU certificate, valid in spring 2026.
func golden(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "hcert", "testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name, Text string }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Name == "vaccination-es256" {
			return v.Text
		}
	}
	t.Fatal("no such vector")
	return ""
}

// The rate is one for all callers and comes back with time.
func TestRate(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	s, _ := start(t, verify.Checker{Trust: i.Trust}, Minimal, &bytes.Buffer{})
	now := time.Now()
	s.Clock = func() time.Time { return now }
	h := s.handler()
	payload := i.Attest(t, "Fougère")
	for n := range Burst {
		if w, _ := call(t, h, "text/plain", payload, nil); w.Code != 200 {
			t.Fatalf("request %d: %d", n, w.Code)
		}
	}
	w, a := call(t, h, "text/plain", payload, nil)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || a.Problem.Code != "rate" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	now = now.Add(time.Second / Rate)
	if w, _ := call(t, h, "text/plain", payload, nil); w.Code != 200 {
		t.Errorf("a moment later: %d", w.Code)
	}
}

// described checks an answer against openapi.json: the status is listed, and every member is one
// of the schema and of its type.
func described(t *testing.T, status int, answer any) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	response := at(doc, "paths", apiPath, "post", "responses", fmt.Sprint(status))
	if response == nil {
		t.Fatalf("status %d is not described", status)
	}
	schema := at(resolve(doc, response), "content", "application/json", "schema")
	for _, fault := range faults(doc, resolve(doc, schema), answer, "$") {
		t.Errorf("status %d: %s", status, fault)
	}
}

func at(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func resolve(doc map[string]any, v any) any {
	if ref, ok := at(v, "$ref").(string); ok {
		return resolve(doc, at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return v
}

// faults checks a value against the parts of JSON Schema that the description uses.
func faults(doc map[string]any, schema, value any, where string) (out []string) {
	bad := func(format string, args ...any) { out = append(out, where+": "+fmt.Sprintf(format, args...)) }
	schema = resolve(doc, schema)
	if schema == nil {
		bad("no schema")
		return out
	}
	kind := "null"
	switch v := value.(type) {
	case map[string]any:
		kind = "object"
		for _, name := range list(at(schema, "required")) {
			if _, ok := v[name]; !ok {
				bad("%s is required", name)
			}
		}
		for name, member := range v {
			if s := at(schema, "properties", name); s != nil {
				out = append(out, faults(doc, s, member, where+"."+name)...)
			} else if more := at(schema, "additionalProperties"); more == false {
				bad("%s is not described", name)
			} else if _, ok := more.(map[string]any); ok {
				out = append(out, faults(doc, more, member, where+"."+name)...)
			}
		}
	case []any:
		kind = "array"
		for i, member := range v {
			out = append(out, faults(doc, at(schema, "items"), member, fmt.Sprintf("%s[%d]", where, i))...)
		}
	case string:
		kind = "string"
		if enum := list(at(schema, "enum")); len(enum) > 0 && !slices.Contains(enum, v) {
			bad("%q is none of %v", v, enum)
		}
		layout := map[any]string{"date": time.DateOnly, "date-time": time.RFC3339}[at(schema, "format")]
		if _, err := time.Parse(layout, v); layout != "" && err != nil {
			bad("%q: %v", v, err)
		}
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		if v == float64(int64(v)) {
			kind = "integer"
		}
	}
	if want := at(schema, "type"); want != kind {
		bad("is %s, not %v", kind, want)
	}
	return out
}

func list(v any) []string {
	var out []string
	l, _ := v.([]any)
	for _, s := range l {
		text, _ := s.(string)
		out = append(out, text)
	}
	return out
}

// The description of a fault is found: the check above can fail.
func TestFaults(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	schema := at(doc, "components", "schemas", "Refusal")
	for text, want := range map[string]int{
		`{"problem":{"code":"a","words":"b"}}`:          0,
		`{"problem":{"code":"a"}}`:                      1,
		`{"problem":{"code":1,"words":"b"}}`:            1,
		`{"problem":{"code":"a","words":"b"},"more":1}`: 1,
		`[]`: 1,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if got := faults(doc, schema, v, "$"); len(got) != want {
			t.Errorf("%s: %v, want %d", text, got, want)
		}
	}
}

// form is what a browser without scripts sends.
func form(t *testing.T, file, text []byte) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("file", "")
	if err == nil {
		_, err = part.Write(file)
	}
	if err == nil {
		err = m.WriteField("text", string(text))
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), &b
}

func TestPages(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	checker := verify.Checker{Trust: i.Trust, Revoked: i.List(t), Rules: rulesOf(t)}
	valid := i.Attest(t, "Fougère")
	for _, s := range []sitetest.Scenario{
		{Name: "home says what it does, where, and what it trusts", URL: "/", ExpectedStatus: 200,
			ExpectedContent: []string{"Vérifier un certificat", "Sans JavaScript", "À quoi se fier", "1, sous l'autorité FR90", "pour FR", "liste du", `data-mode="minimal"`}},
		{Name: "the result has no address", URL: "/verification", ExpectedStatus: 303, ExpectedLocation: "/"},
		{Name: "what it trusts", URL: "/trust", ExpectedStatus: 200, ExpectedHeaders: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-cache"}},
		{Name: "the description", URL: "/api/v1/openapi.json", ExpectedStatus: 200, ExpectedHeaders: map[string]string{"Content-Type": "application/json"}},
		{Name: "what a phone needs to install it", URL: "/manifest.webmanifest", ExpectedStatus: 200, ExpectedContent: []string{`"display":"standalone"`, `"start_url":"/"`}},
		{Name: "the service worker", URL: "/sw.js", ExpectedStatus: 200, ExpectedContent: []string{"engine.", "const VERSION = ", `"/trust"`}, ExpectedHeaders: map[string]string{"Cache-Control": "no-cache"}},
		{Name: "not a form", Method: "POST", URL: "/verification", ExpectedStatus: 400},
		{Name: "elsewhere", URL: "/nowhere", ExpectedStatus: 404, ExpectedContent: []string{"Page introuvable"}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			_, h := start(t, checker, Minimal, &bytes.Buffer{})
			s.Run(t, h)
		})
	}
	for lang, want := range map[string]string{"fr": "Vérifier un certificat", "en": "Check a certificate"} {
		_, h := start(t, checker, Minimal, &bytes.Buffer{})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+lang, nil))
		if !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `href="/?lang=`) {
			t.Errorf("/%s: %s", lang, w.Body)
		}
		sitetest.CheckHTML(t, w.Body.String(), lang)
	}
	for _, c := range []struct {
		name, mode string
		file, text []byte
		status     int
		want, not  []string
	}{
		{"minimal mode shows no more than needed", Minimal, sitetest.Page(t, valid), nil, 200, []string{"FOUGERE", "12/03/1958", "VALIDE", "rendu par ce serveur"}, []string{"COMIRNATY", "COVID-19", "20/04/2021"}},
		{"control mode shows everything", Control, nil, valid, 200, []string{"FOUGERE", "COMIRNATY", "20/04/2021", "terminé"}, nil},
		{"a forged one says why", Minimal, nil, i.Forged(t), 200, []string{"NON VALIDE", "signature.invalid", "sans preuve"}, nil},
		{"nothing in it says what to do", Minimal, nil, []byte("rien"), 422, []string{"Aucun verdict", "Donnez une image plus nette"}, nil},
		{"nothing at all", Minimal, nil, nil, 422, []string{"Le fichier est vide"}, nil},
		{"markup in a code stays text", Control, nil, []byte("HC1:<script>alert(1)</script>"), 200, []string{"NON VALIDE"}, []string{"<script>alert"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			_, h := start(t, checker, c.mode, &log)
			kind, body := form(t, c.file, c.text)
			r := httptest.NewRequest(http.MethodPost, checkPath, body)
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := sitetest.Plain(w.Body.String())
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			for _, s := range c.want {
				if !strings.Contains(got, s) {
					t.Errorf("lacks %q:\n%s", s, got)
				}
			}
			for _, s := range c.not {
				if strings.Contains(w.Body.String(), s) {
					t.Errorf("holds %q", s)
				}
			}
			sitetest.CheckHTML(t, w.Body.String(), "fr")
			if strings.Contains(log.String(), "FOUGERE") {
				t.Errorf("the log holds a name: %s", &log)
			}
		})
	}
}

// The policy of this site lets the engine run, and nothing else that the other sites forbid.
func TestPolicy(t *testing.T) {
	_, h := start(t, verify.Checker{}, Minimal, &bytes.Buffer{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self'", "media-src blob:", "worker-src 'self'", "form-action 'self'"} {
		if !slices.Contains(strings.Split(policy, "; "), want) {
			t.Errorf("%s is not in %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "'unsafe-eval'") || strings.Contains(policy, "http") {
		t.Error(policy)
	}
	if got := w.Header().Get("Permissions-Policy"); got != "camera=(self), geolocation=(), microphone=()" {
		t.Error(got)
	}
}

// What is trusted is loaded again when it is old, and kept when that fails.
func TestLoadAgain(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	s, h := start(t, verify.Checker{}, Minimal, &bytes.Buffer{})
	now := time.Now()
	s.pack.Clock = func() time.Time { return now }
	tag := func() string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, trustPath, nil))
		return w.Header().Get("ETag")
	}
	before := tag()
	s.pack.Source = func(ctx context.Context) (verify.Checker, error) { return verify.Checker{Trust: i.Trust}, nil }
	if tag() != before {
		t.Error("loaded again at once")
	}
	now = now.Add(browser.Fresh + time.Second)
	after := tag()
	if after == before {
		t.Error("not loaded again")
	}
	s.pack.Source = func(ctx context.Context) (verify.Checker, error) { return verify.Checker{}, errors.New("gone") }
	now = now.Add(browser.Fresh + time.Second)
	if tag() != after {
		t.Error("what was there is gone")
	}
	r := httptest.NewRequest(http.MethodGet, trustPath, nil)
	r.Header.Set("If-None-Match", after)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusNotModified {
		t.Errorf("status %d", w.Code)
	}
}
