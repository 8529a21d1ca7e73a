package phone_test

import (
	"testing"

	"carnet/internal/sandbox/phone"
	"carnet/internal/site/sitetest"

	"github.com/chromedp/chromedp"
)

// page is a phone in a real browser.
type page struct {
	*sitetest.Visit
	w *world
}

// visit opens the page of the phone with scripts, in French.
func (w *world) visit(t testing.TB, b *sitetest.Browser, walk func(*page)) {
	t.Helper()
	b.Visit(t, sitetest.Look{URL: w.server.URL + "/wallet", Width: 390, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}},
		func(v *sitetest.Visit) {
			p := &page{v, w}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the page shows %s", p.Value(`document.getElementById("phone")?.dataset.shown + ": " + document.body.innerText`))
				}
			})
			walk(p)
		})
}

// shows waits for a screen.
func (p *page) shows(screen string) {
	p.Value(`document.getElementById("phone").dataset.shown === "` + screen + `" ? "yes" : ""`)
}

func typed(sel, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(sel), text)
}

// enrol makes the browser the phone of the first person of the list: two clicks and a code.
func (p *page) enrol() {
	p.Do(sitetest.Press(`#people form[action="/wallet/telephones"] button`), sitetest.Press(`a[href^="/wallet#"]`))
	p.shows("enrol")
	p.Do(typed("#code", "4711"), typed("#code-again", "4711"), sitetest.Click(`#enrol button`))
	p.shows("home")
}

func TestLook(t *testing.T) {
	w := start(t)
	b := sitetest.NewBrowser(t)
	w.visit(t, b, func(p *page) {
		p.shows("none")
		p.Check(t, "phone-none")
		p.Do(sitetest.Press(`#people form[action="/wallet/telephones"] button`))
		p.Check(t, "phone-give")
		p.Do(sitetest.Press(`a[href^="/wallet#"]`))
		p.shows("enrol")
		p.Check(t, "phone-enrol")
		p.Do(typed("#code", "4711"), typed("#code-again", "4711"), sitetest.Click(`#enrol button`))
		p.shows("home")
		p.Value(`document.querySelector(".e-card b")?.textContent`)
		p.Check(t, "phone-home")
		w.ask(fougere, "42")
		p.shows("request")
		p.Check(t, "phone-request")
		p.Do(sitetest.Click("#go-on"))
		p.shows("type")
		p.Check(t, "phone-type")
		p.Do(typed("#number", "42"), typed("#secret", "0000"), sitetest.Click("#approve .button:not(.second)"))
		p.Value(`document.getElementById("secret-error").textContent.trim()`)
		p.Report(320, sitetest.Light) // the console names the status of the answer: that is as it should be
		p.Check(t, "phone-wrong-code")
		p.Do(typed("#secret", "4711"), sitetest.Click("#approve .button:not(.second)"))
		p.shows("result")
		p.Check(t, "phone-approved")
		w.give("rose.fougere")
		w.ask(fougere, "123456", func(a *phone.Ask) {
			a.Context = about(phone.NotifyQuiet)
			a.Context.FirstTime, a.Context.Unusual, a.Context.Delegate = true, true, "Églantine MOUSSE"
		})
		p.shows("request")
		p.Check(t, "phone-careful")
		p.Do(sitetest.Click(`[data-screen="request"] [data-decide="decline"]`))
		p.shows("result")
		p.Check(t, "phone-declined")
		p.Do(sitetest.Click(`[data-screen="result"] [data-go="home"]`))
		p.shows("home")
		p.Value(`document.querySelector("#news .banner")?.textContent`)
		p.Check(t, "phone-news")
		p.Do(sitetest.Click(`[data-screen="home"] [data-go="history"]`))
		p.shows("history")
		p.Check(t, "phone-history")
		p.Do(sitetest.Click(`[data-screen="history"] [data-go="home"]`), sitetest.Click(`[data-screen="home"] [data-go="phones"]`))
		p.shows("phones")
		p.Do(sitetest.Click(`#others button`))
		p.Check(t, "phone-phones")
	})
}
