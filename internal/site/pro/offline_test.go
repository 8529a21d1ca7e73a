package pro

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"carnet/internal/carnet"
	"carnet/internal/site/sitetest"
)

// away is a service that can go away: it then breaks off every connection.
type away struct {
	h    http.Handler
	gone atomic.Bool
}

func (a *away) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.gone.Load() {
		panic(http.ErrAbortHandler)
	}
	a.h.ServeHTTP(w, r)
}

// dump is everything that the browser keeps for the site, as a text; the sealed parts as their bytes.
const dump = `(async () => {
	const db = await new Promise((done) => { const r = indexedDB.open("carnet-outbox", 1); r.onsuccess = () => done(r.result); });
	const all = (name) => new Promise((done) => { const r = db.transaction(name).objectStore(name).getAll(); r.onsuccess = () => done(r.result); });
	const bytes = (b) => String.fromCharCode(...new Uint8Array(b));
	const records = (await all("records")).map((r) => ({ ...r, sealed: bytes(r.sealed), iv: bytes(r.iv) }));
	const keys = (await all("keys")).map((k) => ({ owner: k.owner, extractable: k.key?.extractable }));
	db.close();
	return JSON.stringify({ records, keys, session: { ...sessionStorage }, local: { ...localStorage }, cached: (await Promise.all((await caches.keys()).map(async (n) => (await (await caches.open(n)).keys()).map((r) => new URL(r.url).pathname)))).flat() });
})()`

// TestOffline keeps a run going in a real browser while the service is away: entries are sealed on the
// device, survive a reload, are refused to somebody else, and are sent once.
func TestOffline(t *testing.T) {
	f := newFake(t)
	f.people[1].Identity.NIR = mustNIR(t, "1900199999001")
	f.day = carnet.DateOf(time.Now())
	openRun(f)
	f.run.Expiry = carnet.Date{}
	_, h := start(t, f, io.Discard)
	service := &away{h: h}
	server := httptest.NewUnstartedServer(service)
	server.Config.ErrorLog = nil
	server.Start()
	defer server.Close()
	const ready = `document.documentElement?.dataset.outbox`
	look := sitetest.Look{URL: server.URL + "/vacciner", Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	number := f.people[1].Identity.NIR.Reveal()
	sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
		v.Value(ready)
		v.Await(`navigator.serviceWorker.ready.then(() => "")`)
		v.Value(`navigator.serviceWorker.controller?.state`)

		service.gone.Store(true)
		v.Do(chromedp.Navigate(server.URL + "/vacciner"))
		v.Value(ready)
		v.Expect("/vacciner/hors-ligne", "QX12")
		v.Check(t, "pro-offline")
		k := &keyboard{v: v}
		k.focus(t, "nir")
		k.data(number[:13] + "00")
		v.Do(chromedp.KeyEvent(kb.Enter))
		v.Expect("/vacciner/hors-ligne", "Vérifiez le numéro")
		v.Await(`(async () => { const nir = document.querySelector("#nir"); nir.value = ""; nir.focus(); return ""; })()`)
		k.data(number)
		v.Do(sitetest.Tick("#asked"), sitetest.Tick("#site"), sitetest.Click("form[data-offline] button"))
		v.Value(`document.querySelector("[data-list] li")?.textContent`)
		v.Expect("/vacciner/hors-ligne", "Une saisie attend sur ce poste")
		v.Check(t, "pro-offline-waiting")

		v.Do(chromedp.Reload())
		v.Value(ready)
		v.Expect("/vacciner/hors-ligne", "Une saisie attend sur ce poste")
		kept := v.Await(dump)
		for _, clear := range []string{number, "QX12", "1507", "MYRTE", "left-arm", `"extractable":true`, "/personnes/"} {
			if strings.Contains(kept, clear) {
				t.Errorf("the device keeps %q in clear", clear)
			}
		}
		if !strings.Contains(kept, `"extractable":false`) || !strings.Contains(kept, "/vacciner/hors-ligne") {
			t.Errorf("the device keeps %.300s", kept)
		}

		// The service is back, with somebody else: nothing is opened nor sent.
		f.other = bouleau.ID
		service.gone.Store(false)
		v.Do(chromedp.Navigate(server.URL + "/vacciner"))
		v.Value(ready)
		v.Expect("/vacciner", "Des saisies d'une autre personne attendent aussi")
		if len(f.recorded) != 0 {
			t.Fatalf("sent in another session: %d", len(f.recorded))
		}

		// Back with who typed it: it is sent, once.
		f.other = carnet.ID{}
		v.Do(chromedp.Navigate(server.URL + "/vacciner"))
		v.Value(ready)
		v.Expect("/vacciner", "Une saisie gardée hors ligne est enregistrée")
		if len(f.recorded) != 1 || f.recorded[0].Person != newcomer.ID || f.recorded[0].Lot.Reveal() != "QX12" || f.recorded[0].Date != f.day || f.recorded[0].Time == "" {
			t.Fatalf("recorded %d: %+v", len(f.recorded), f.recorded)
		}
		if kept := v.Await(dump); strings.Contains(kept, `"kind":"entry"`) {
			t.Errorf("what was sent stays on the device: %.300s", kept)
		}

		// A form that was open when the service went away waits too, under its own key.
		v.Do(chromedp.Navigate(server.URL + entryA))
		v.Value(ready)
		v.Do(sitetest.Tick("#asked"), sitetest.Tick("#site"))
		service.gone.Store(true)
		v.Do(sitetest.Press("form.entry .actions button"))
		v.Value(ready)
		v.Expect("/vacciner/hors-ligne?gardee", "La saisie est gardée sur ce poste")
		service.gone.Store(false)
		v.Do(chromedp.Click(chromedp.CSS("[data-send]")))
		v.Value(`document.querySelector("[data-sent] p")?.textContent`)
		if len(f.recorded) != 2 || f.recorded[1].Key != id(101) || f.recorded[1].Person != fougere.ID {
			t.Fatalf("recorded %d: %+v", len(f.recorded), f.recorded)
		}

		// Logging out destroys the key.
		v.Do(chromedp.Navigate(server.URL + "/vacciner"))
		v.Value(ready)
		v.Await(`import("/hors-ligne/store.js").then((m) => m.forget("")).then(() => "")`)
		if kept := v.Await(dump); strings.Contains(kept, `"extractable"`) || strings.Contains(kept, `"kind"`) {
			t.Errorf("after leaving, the device keeps %.300s", kept)
		}
	})
}
