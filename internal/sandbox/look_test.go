package sandbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"carnet/internal/site/sitetest"

	"github.com/chromedp/chromedp"
)

func typed(sel, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(sel), text)
}

// TestPagesInABrowser looks at every page of the issuers, and logs in and out with scripts off: that
// also proves that a browser keeps our cookies on http://localhost and lets the form of one origin
// end at another.
func TestPagesInABrowser(t *testing.T) {
	w := start(t, t.TempDir())
	browser := sitetest.NewBrowser(t)
	type steps = []chromedp.Action[chromedp.Void]
	attestation, pro := w.attestation.server.URL+"/", w.pro.server.URL+"/"
	connect, ameli := sitetest.Press("#connexion"), sitetest.Press(`button[value="ameli"]`)
	citizen := func(name string) steps {
		return steps{ameli, typed("#identifier", name), typed("#password", pass), sitetest.Press(`button[value="login"]`)}
	}
	for _, page := range []struct {
		name string
		url  string
		do   steps
	}{
		{"fc-home", w.fc.URL + "/", nil},
		{"fc-choose", attestation, steps{connect}},
		{"fc-choose-suspicious", attestation, steps{connect, sitetest.Press(`button[value="suspicious"]`)}},
		{"fc-confirm", attestation, append(steps{connect}, citizen("marguerite.aubepine")...)},
		{"fc-code", attestation, append(steps{connect}, citizen("remi.roseau")...)},
		{"fc-people", w.fc.URL + "/personnes", nil},
		{"fc-codes", w.fc.URL + "/codes", nil},
		{"fc-plus-choose", w.plus.server.URL + "/", steps{connect}},
		{"ameli-login", attestation, steps{connect, ameli}},
		{"ameli-login-chosen", attestation, steps{connect, ameli, sitetest.Press(`a[href$="camille.fougere"]`)}},
		{"ameli-login-wrong", attestation, steps{connect, ameli, typed("#identifier", "camille.fougere"), typed("#password", "nope"), sitetest.Press(`button[value="login"]`)}},
		{"fc-fault", w.fc.URL + "/api/v2/authorize?client_id=carnet-attestation", nil},
		{"fc-signed-out", w.fc.URL + "/api/v2/session/end?id_token_hint=" + url.QueryEscape(w.hint(t)), nil},
		{"fc-cookies", w.fc.URL + "/cookies", nil},
		{"proconnect-login", w.protection.server.URL + "/", steps{connect}},
		{"proconnect-people", w.pc.URL + "/personnes", nil},
		{"psc-home", w.psc.URL + "/", nil},
		{"psc-login", pro, steps{connect}},
		{"psc-cookies", w.psc.URL + "/cookies", nil},
	} {
		t.Run(page.name, func(t *testing.T) {
			browser.Check(t, "sandbox-"+page.name, sitetest.Look{URL: page.url, Do: page.do, Headers: map[string]string{"Accept-Language": "fr"}})
		})
	}
	in := steps{typed("#password", pass), sitetest.Press(`button[value="login"]`)}
	for _, who := range []struct {
		name string
		at   *site
		do   steps
	}{
		{"camille.fougere", w.attestation, append(citizen("camille.fougere"), sitetest.Press(`button[value="continue"]`))},
		{"lucie.chataignier", w.plus, append(append(steps{sitetest.Press(`button[value="laposte"]`), typed("#identifier", "lucie.chataignier")}, in...), sitetest.Press(`button[value="continue"]`))},
		{"ines.bruyere", w.pro, append(steps{typed("#identifier", "ines.bruyere")}, in...)},
		{"dpo@caisse-des-bois.invalid", w.protection, append(steps{typed("#identifier", "dpo@caisse-des-bois.invalid")}, in...)},
	} {
		t.Run("login and logout of "+who.name, func(t *testing.T) {
			var in, out bool
			do := append(append(steps{connect}, who.do...),
				sitetest.Then(func() { in = who.at.inside() }), sitetest.Press("#deconnexion"), sitetest.Then(func() { out = !who.at.inside() }))
			r := browser.Look(t, sitetest.Look{URL: who.at.server.URL + "/", Width: 1280, Scheme: sitetest.Light, Do: do})
			if !in || !out {
				t.Errorf("logged in: %v, logged out: %v: %v", in, out, who.at.err)
			}
			for _, line := range r.Console {
				t.Errorf("console: %s", line)
			}
		})
	}
}

// hint logs in and returns the ID token.
func (w *world) hint(t *testing.T) string {
	t.Helper()
	newBrowser(t).do(http.MethodPost, w.attestation.server.URL+"/connexion", nil).enter("camille.fougere")
	if w.attestation.err != nil {
		t.Fatal(w.attestation.err)
	}
	return w.attestation.identity.IDToken.Reveal()
}

func TestPagesAsHTML(t *testing.T) {
	w := start(t, t.TempDir())
	for name, b := range map[string]*browser{
		"home":  newBrowser(t).get(w.fc.URL + "/"),
		"login": newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil),
		"wrong": newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).press("idp", "ameli").submit(w.idps["ameli"].URL, "noe.tilleul", "x", "login"),
		"fault": newBrowser(t).get(w.fc.URL + "/api/v2/authorize"),
		"psc":   newBrowser(t).do("POST", w.pro.server.URL+"/connexion", nil),
	} {
		t.Run(name, func(t *testing.T) { sitetest.CheckHTML(t, b.body, "en") })
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if got := b.last.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if cache := b.last.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
			t.Errorf("%s: Cache-Control is %q", name, cache)
		}
		if csp := b.last.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %s", name, csp)
		}
	}
}
