package phone_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"carnet/internal/site/sitetest"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../../site/ui") }

func TestPagesAsHTML(t *testing.T) {
	w := start(t)
	w.give("rose.fougere")
	rose := url.Values{"person": {"rose.fougere"}}
	for _, s := range []sitetest.Scenario{
		{Name: "page", URL: "/wallet", ExpectedStatus: 200, ExpectedContent: []string{"Rose FOUGÈRE", "899700000120", "Donner un téléphone", "Téléphone perdu ?"}},
		{Name: "code", Method: http.MethodPost, URL: "/wallet/telephones", Form: rose, ExpectedStatus: 200, ExpectedContent: []string{"Pour Rose FOUGÈRE", "dans les 90 secondes", "<svg"}},
		{Name: "lost", Method: http.MethodPost, URL: "/wallet/perdu", Form: rose, ExpectedStatus: 200, ExpectedContent: []string{"Téléphone de test", "Révoquer ce téléphone"}},
		{Name: "revoked already", Method: http.MethodPost, URL: "/wallet/perdu/revoquer", Form: url.Values{"person": {"rose.fougere"}, "device": {"none"}}, ExpectedStatus: 200, ExpectedContent: []string{"Le téléphone est révoqué"}},
		{Name: "nobody", Method: http.MethodPost, URL: "/wallet/perdu", ExpectedStatus: 404, ExpectedContent: []string{"Personne de ce nom"}},
		{Name: "reloaded", URL: "/wallet/telephones", ExpectedStatus: 303, ExpectedLocation: "/wallet"},
		{Name: "cookies", URL: "/cookies", ExpectedStatus: 200, ExpectedContent: []string{"__Host-sandbox-phone"}},
		{Name: "no state is changed from another site", Method: http.MethodPost, URL: "/wallet/perdu/revoquer", Form: rose, Headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, ExpectedStatus: 403},
	} {
		t.Run(s.Name, func(t *testing.T) { s.Run(t, w.Handler()) })
	}
	t.Run("the policy allows the page's own scripts and nothing from elsewhere", func(t *testing.T) {
		resp, err := http.Get(w.server.URL + "/wallet")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		csp := resp.Header.Get("Content-Security-Policy")
		for _, part := range strings.Split(csp, "; ") {
			if strings.Contains(part, "unsafe") || strings.Contains(part, "*") || strings.Contains(part, "//") {
				t.Errorf("policy: %s", part)
			}
		}
		if !strings.Contains(csp, "script-src 'self'") || !strings.Contains(csp, "connect-src 'self'") {
			t.Errorf("policy: %s", csp)
		}
	})
	t.Run("the token is in no address that a server sees", func(t *testing.T) {
		resp, err := http.PostForm(w.server.URL+"/wallet/telephones", rose)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		token := regexp.MustCompile(`href="/wallet#([^"]+)"`).FindSubmatch(body)
		if token == nil || strings.Contains(resp.Request.URL.String(), string(token[1])) || strings.Contains(w.log.String(), string(token[1])) {
			t.Error("the token is in an address or in the log")
		}
	})
	t.Run("manifest", func(t *testing.T) {
		resp, err := http.Get(w.server.URL + "/wallet/manifest.webmanifest")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var m struct {
			Scope, Display string
			Start          string `json:"start_url"`
			Icons          []struct{ Src string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || m.Scope != "/wallet" || m.Start != "/wallet" || m.Display != "standalone" || len(m.Icons) != 4 {
			t.Errorf("%+v %v", m, err)
		}
		for _, i := range m.Icons {
			resp, err := http.Get(w.server.URL + i.Src)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/png" {
				t.Errorf("%s: %d", i.Src, resp.StatusCode)
			}
		}
	})
}

// TestInterface: what the script's calls refuse before they look at anything.
func TestInterface(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	do := func(method, name, body string, header ...string) (int, http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, w.server.URL+"/wallet/api/"+name, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	for _, name := range []string{"state", "history", "stream"} {
		if status, _ := do("GET", name, ""); status != 401 {
			t.Errorf("R16 %s without a proof: %d", name, status)
		}
	}
	for name, body := range map[string]string{
		"shown": `{"device":"` + p.ID + `","request":"x"}`, "find": `{"number":"42"}`, "decide": `{"device":"` + p.ID + `"}`,
		"revoke": `{"device":"` + p.ID + `"}`, "push": `{"device":"` + p.ID + `"}`, "noticed": `{"device":"` + p.ID + `","event":1}`,
	} {
		if status, _ := do("POST", name, body); status != 401 {
			t.Errorf("R16 %s without a proof: %d", name, status)
		}
		if status, _ := do("POST", name, body, "Cookie", "__Host-sandbox-phone=AAAA"); status != 401 {
			t.Errorf("R16 %s with a cookie that is none: %d", name, status)
		}
		if status, _ := do("POST", name, body, "Sec-Fetch-Site", "same-site"); status != 403 {
			t.Errorf("%s from another site: %d", name, status)
		}
		if status, _ := do("GET", name, ""); status != 404 {
			t.Errorf("%s with GET: %d", name, status)
		}
	}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
	}{
		"not JSON":           {"x", nil, 400},
		"a form":             {"a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 400},
		"two values":         {"{}{}", nil, 400},
		"an unknown field":   {`{"x":1}`, nil, 400},
		"far too long":       {`{"token":"` + strings.Repeat("x", 20<<10) + `"}`, nil, 400},
		"a token of nobody":  {`{"token":"x","name":"a","code":"1234","key":"AAAA","signature":"AAAA"}`, nil, 400},
		"nothing to be seen": {`{}`, nil, 400},
	} {
		if status, h := do("POST", "enrol", c.body, c.header...); status != c.status || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", name, status, h)
		}
	}
	t.Run("a challenge is good once", func(t *testing.T) {
		var c struct{ Challenge string }
		if err := p.Post("challenge", struct{}{}, &c); err != nil {
			t.Fatal(err)
		}
		proof := map[string]any{"challenge": c.Challenge, "proofs": []any{map[string]any{"device": p.ID, "signature": p.Sign("session", p.ID, c.Challenge)}}}
		if err := p.Post("session", proof, nil); err != nil {
			t.Fatal(err)
		}
		is(t, p.Post("session", proof, nil), "phone.session")
	})
	t.Run("a session ends after ten minutes", func(t *testing.T) {
		if err := p.Prove(); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(10 * 60e9)
		is(t, p.Get("state", nil), "phone.session")
	})
	t.Run("the device of somebody else proves nothing", func(t *testing.T) {
		other := w.give("noe.tilleul")
		var c struct{ Challenge string }
		if err := p.Post("challenge", struct{}{}, &c); err != nil {
			t.Fatal(err)
		}
		is(t, p.Post("session", map[string]any{"challenge": c.Challenge, "proofs": []any{map[string]any{"device": other.ID, "signature": p.Sign("session", other.ID, c.Challenge)}}}, nil), "phone.device")
	})
}

// TestStream: what changed is told at once, and says nothing of what it is.
func TestStream(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	lines, err := p.Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		for line := range lines {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				return data
			}
		}
		t.Fatal("the stream ended")
		return ""
	}
	w.ask(fougere, "42")
	if got := read(); got != `{"ring":"normal"}` {
		t.Error(got)
	}
	w.ask(tilleul, "42") // somebody else's
	w.ask(fougere, "123456", quiet)
	if got := read(); got != `{"ring":"quiet"}` {
		t.Error(got)
	}
	w.ask(fougere, "123456", pull)
	if got := read(); got != `{"ring":"none"}` {
		t.Error(got)
	}
}
