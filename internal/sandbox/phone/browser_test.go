package phone_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"carnet/internal/sandbox/phone"
	"carnet/internal/site/sitetest"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const (
	approve = "#approve .button:not(.second)"
	decline = `[data-screen="request"] [data-decide="decline"]`
	report  = `[data-screen="request"] [data-decide="report"]`
	home    = `[data-screen="result"] [data-go="home"]`
)

// text is what is to be read on the page.
func (p *page) text() string {
	return sitetest.Plain(p.Value(`document.getElementById("main").innerText`))
}

// verdict waits for a result and returns which.
func (p *page) verdict() string {
	p.shows("result")
	return p.Value(`document.getElementById("phone").dataset.verdict`)
}

// tree reads the accessibility tree in order: role and name of each node that is not ignored.
func (p *page) tree() []string {
	var list []string
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		full, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		for _, n := range full.Nodes {
			if n.Ignored || n.Role == nil || n.Name == nil {
				continue
			}
			line := strings.Trim(string(n.Role.Value), `"`) + " "
			var name string
			if json.Unmarshal([]byte(n.Name.Value), &name) == nil {
				line += sitetest.Plain(name)
			}
			for _, x := range n.Properties {
				if x.Name == "focused" && x.Value != nil && string(x.Value.Value) == "true" {
					line += " (focus)"
				}
			}
			list = append(list, line)
		}
		return err
	}))
	return list
}

func TestLoginOnThePage(t *testing.T) {
	w := start(t)
	b := sitetest.NewBrowser(t)
	w.visit(t, b, func(p *page) {
		p.shows("none")
		p.enrol()
		t.Run("the key cannot be taken out of the browser", func(t *testing.T) {
			got := p.Await(`(async () => {
				const base = await new Promise((ok) => { const q = indexedDB.open("carnet-phone"); q.onsuccess = () => ok(q.result); });
				const [card] = await new Promise((ok) => { const q = base.transaction("cards").objectStore("cards").getAll(); q.onsuccess = () => ok(q.result); });
				base.close();
				try { await crypto.subtle.exportKey("pkcs8", card.key); return "exported"; } catch (e) { return card.key.extractable + " " + e.name; }
			})()`)
			if got != "false InvalidAccessError" {
				t.Error(got)
			}
		})
		ref := w.ask(fougere, "836251", func(a *phone.Ask) { a.Context.FirstTime = true })
		p.shows("request")
		t.Run("R10 ECP-04 the screen says who asks, from where, when and for which place; leaving comes first", func(t *testing.T) {
			text := p.text()
			for _, want := range []string{"Carnet, Vaccin Covid", "Firefox, Linux", "Calvados (14)", "21 juin 2021", "Centre de vaccination des Charmes", "Première fois depuis ce navigateur", "Vous n'avez rien demandé ? Quittez"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
			var buttons []string
			for _, n := range p.tree() {
				if strings.HasPrefix(n, "button ") {
					buttons = append(buttons, strings.TrimPrefix(n, "button "))
				}
			}
			want := []string{"Quitter l'authentification (focus)", "C'est moi, continuer", "Ce n'est pas moi : signaler cette demande"}
			if strings.Join(buttons, "|") != strings.Join(want, "|") {
				t.Errorf("buttons %q, want %q", buttons, want)
			}
			if got := p.Value(`[...document.querySelectorAll('[data-screen="request"] .decide .button')].map((b) => { const r = b.getBoundingClientRect(); return Math.round(r.width) + "x" + Math.round(r.height); }).join(" ")`); got == "" || strings.Fields(got)[0] != strings.Fields(got)[1] {
				t.Errorf("sizes %s", got)
			}
		})
		t.Run("R9 there is time to read before one can go on", func(t *testing.T) {
			if p.Value(`String(document.getElementById("go-on").disabled)`) != "true" {
				t.Error("one can go on at once")
			}
			p.Value(`document.getElementById("go-on").disabled ? "" : "yes"`)
			w.clock.forward(5 * time.Second)
		})
		p.Do(sitetest.Click("#go-on"))
		p.shows("type")
		t.Run("R2 the number is typed: neither shown nor filled in nor offered", func(t *testing.T) {
			if got := p.Value(`document.documentElement.outerHTML.includes("836251") + " " + document.getElementById("number").value + " " + document.getElementById("number").type + " " + document.querySelectorAll('[data-screen="type"] select, [data-screen="type"] [type=radio], datalist').length`); got != "false  text 0" {
				t.Error(got)
			}
		})
		t.Run("ECP-02 the page says never to tell the code", func(t *testing.T) {
			if text := p.text(); !strings.Contains(text, "Ne le communiquez jamais : aucun service et aucun assistant ne vous le demandera") {
				t.Error(text)
			}
		})
		t.Run("ECP-10 the exit is on this screen too", func(t *testing.T) {
			if got := p.Value(`document.querySelector('[data-screen="type"] button').textContent`); sitetest.Plain(got) != "Quitter l'authentification" {
				t.Error(got)
			}
		})
		p.Do(typed("#number", "836 251"), typed("#secret", "4711"), sitetest.Click(approve))
		if got := p.verdict(); got != "approved" || w.state(ref) != phone.Approved {
			t.Errorf("%s, %s", got, w.state(ref))
		}
		t.Run("R11 a login that was approved is reported with one click", func(t *testing.T) {
			if _, err := w.Collect(t.Context(), ref, clientID); err != nil {
				t.Fatal(err)
			}
			p.Do(sitetest.Click("#report-after"))
			p.Value(`document.getElementById("phone").dataset.verdict === "reported" ? "yes" : ""`)
			if got := w.told(1)[0]; !got.Reported {
				t.Errorf("%+v", got)
			}
		})
		p.Do(sitetest.Click(home))
		p.shows("home")
		t.Run("R3 a wrong number", func(t *testing.T) {
			ref := w.ask(fougere, "42")
			p.shows("request")
			p.Do(sitetest.Click("#go-on"))
			p.shows("type")
			p.Do(typed("#number", "24"), typed("#secret", "4711"), sitetest.Click(approve))
			if got := p.verdict(); got != "wrong-number" || w.state(ref) != phone.WrongTyped {
				t.Errorf("%s, %s", got, w.state(ref))
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("ECP-10 leaving refuses, is recorded, and offers to report", func(t *testing.T) {
			ref := w.ask(fougere, "42")
			p.shows("request")
			p.Do(chromedp.KeyEvent("\r")) // it has the focus
			if got := p.verdict(); got != "declined" || w.state(ref) != phone.Declined {
				t.Errorf("%s, %s", got, w.state(ref))
			}
			if !strings.Contains(w.log.String(), "login declined") {
				t.Error("the log does not say it")
			}
			if got := p.Value(`document.getElementById("report-after").hidden ? "hidden" : document.getElementById("report-after").textContent`); sitetest.Plain(got) != "Ce n'est pas moi" {
				t.Error(got)
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("R13 taken back by the computer: the phone clears", func(t *testing.T) {
			ref := w.ask(fougere, "42")
			p.shows("request")
			if err := w.Cancel(t.Context(), ref, clientID); err != nil {
				t.Fatal(err)
			}
			if got := p.verdict(); got != "over" {
				t.Error(got)
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("R1 the phone shows the newest", func(t *testing.T) {
			w.ask(fougere, "42")
			p.shows("request")
			now := w.ask(fougere, "43", func(a *phone.Ask) { a.Context.Place = "Manche (50)" })
			p.Value(`document.getElementById("facts").textContent.includes("Manche (50)") ? "yes" : ""`)
			p.Do(sitetest.Click(report))
			if got := p.verdict(); got != "reported" || w.state(now) != phone.Reported {
				t.Errorf("%s, %s", got, w.state(now))
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("R7 a request that did not ring is found by its number", func(t *testing.T) {
			w.ask(fougere, "100001", pull)
			ref := w.ask(fougere, "271828", pull)
			p.Value(`document.getElementById("find-more").textContent.includes("2") ? "yes" : ""`)
			p.Do(typed("#find-number", "271828"), sitetest.Click("#find button"))
			p.shows("request")
			p.Value(`document.getElementById("go-on").disabled ? "" : "yes"`)
			w.clock.forward(5 * time.Second)
			p.Do(sitetest.Click("#go-on"))
			p.shows("type")
			p.Do(typed("#secret", "4711"), sitetest.Click(approve))
			if got := p.verdict(); got != "approved" || w.state(ref) != phone.Approved {
				t.Errorf("%s, %s", got, w.state(ref))
			}
			w.clock.forward(5 * time.Minute)
			p.Do(sitetest.Click(home))
			p.shows("home")
		})
		t.Run("a server that starts again is proved to again", func(t *testing.T) {
			w.server.CloseClientConnections()
			w.restart()
			ref := w.ask(fougere, "42")
			p.shows("request")
			p.Do(sitetest.Click("#go-on"))
			p.shows("type")
			p.Do(typed("#number", "42"), typed("#secret", "4711"), sitetest.Click(approve))
			if got := p.verdict(); got != "approved" || w.state(ref) != phone.Approved {
				t.Errorf("%s, %s", got, w.state(ref))
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("the page can be installed", func(t *testing.T) {
			p.Value(`document.getElementById("phone").dataset.installed`)
			if faults, err := p.Installable(); err != nil || len(faults) > 0 {
				t.Error(faults, err)
			}
		})
		t.Run("R18 revoked elsewhere, the page forgets its key and says so", func(t *testing.T) {
			other := w.give("rose.fougere")
			var state struct {
				Cards []struct {
					Others []struct{ Device, Name string }
				}
			}
			if err := other.Get("state", &state); err != nil {
				t.Fatal(err)
			}
			for _, o := range state.Cards[0].Others {
				if o.Name == "Ce navigateur" {
					if err := other.Revoke(o.Device, "4711"); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.shows("gone")
			if got := p.Await(`(async () => {
				const base = await new Promise((ok) => { const q = indexedDB.open("carnet-phone"); q.onsuccess = () => ok(q.result); });
				return String((await new Promise((ok) => { const q = base.transaction("cards").objectStore("cards").getAll(); q.onsuccess = () => ok(q.result); })).length);
			})()`); got != "0" {
				t.Errorf("%s keys are left", got)
			}
		})
	})
}

// TestNotification delivers pushes as a push service would, to a browser without a network.
func TestNotification(t *testing.T) {
	w := start(t)
	b := sitetest.NewBrowser(t)
	w.visit(t, b, func(p *page) {
		var registration serviceworker.RegistrationID
		found := make(chan serviceworker.RegistrationID, 10)
		p.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			if _, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{Origin: w.server.URL,
				Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: "granted"}); err != nil {
				return err
			}
			if err := chromedp.Listen(ctx, func(ev any) {
				if e, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
					for _, r := range e.Registrations {
						if strings.HasSuffix(r.ScopeURL, "/wallet") && !r.IsDeleted {
							select {
							case found <- r.RegistrationID:
							default:
							}
						}
					}
				}
			}); err != nil {
				return err
			}
			_, err := cdp.Call(ctx, tab, serviceworker.Enable, cdp.Empty{})
			return err
		}))
		p.Value(`document.getElementById("phone").dataset.installed`)
		select {
		case registration = <-found:
		case <-time.After(20 * time.Second):
			t.Fatal("no service worker")
		}
		for _, c := range []struct{ name, data, silent string }{
			{"R16 a request", `{"id":"abc"}`, "false"},
			{"R9 R16 a quiet request", `{"id":"abc","quiet":true}`, "true"},
			{"a push that nobody can read", `?`, "false"},
		} {
			t.Run(c.name, func(t *testing.T) {
				// Somewhere else in the browser: the page is not looked at.
				p.Do(chromedp.Navigate(w.server.URL + "/cookies"))
				got := "none"
				for n := 0; n < 3 && got == "none"; n++ { // a busy browser loses one
					p.Do(sitetest.Call(serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: w.server.URL, RegistrationID: registration, Data: c.data}))
					got = p.Await(`(async () => {
					for (let n = 0; n < 400; n++) {
						const list = await (await navigator.serviceWorker.getRegistration("/wallet")).getNotifications();
						if (list.length) { const [x] = list; x.close(); return [x.title, x.body, x.silent, x.tag, list.length].join("|"); }
						await new Promise((ok) => setTimeout(ok, 25));
					}
					return "none";
				})()`)
				}
				want := "Ma e-CPS|Une demande vous attend. Ouvrez l'application pour la lire.|" + c.silent + "|request|1"
				if sitetest.Plain(got) != want {
					t.Errorf("%q, want %q", got, want)
				}
			})
		}
	})
}

// TestWithoutScripts: the page says what it lacks, and gives a code to scan all the same.
func TestWithoutScripts(t *testing.T) {
	w := start(t)
	look := sitetest.Look{URL: w.server.URL + "/wallet", Width: 360, Scheme: sitetest.Light, Headers: map[string]string{"Accept-Language": "fr"}}
	sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
		v.Expect("/wallet", "Un téléphone a besoin de JavaScript")
		v.Do(sitetest.Press(`#people form[action="/wallet/telephones"] button`))
		v.Expect("/wallet/telephones", "Photographiez ce code")
	})
}

// TestPasskey adds the authenticator of a device, a virtual one, to its approvals.
func TestPasskey(t *testing.T) {
	w := start(t)
	w.visit(t, sitetest.NewBrowser(t), func(p *page) {
		var id webauthn.AuthenticatorID
		p.Do(sitetest.Call(webauthn.Enable, webauthn.EnableParams{}), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			out, err := cdp.Call(ctx, tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true,
				HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
			id = out.AuthenticatorID
			return err
		}))
		p.Do(sitetest.Press(`#people form[action="/wallet/telephones"] button`), sitetest.Press(`a[href^="/wallet#"]`))
		p.shows("enrol")
		p.Value(`document.getElementById("passkey-choice").hidden ? "" : "yes"`)
		p.Check(t, "phone-enrol-passkey")
		p.Do(typed("#code", "4711"), typed("#code-again", "4711"), sitetest.Tick("#passkey"), sitetest.Click(`#enrol button`))
		p.shows("home")
		attempt := func() string {
			ref := w.ask(fougere, "42")
			p.shows("request")
			p.Do(sitetest.Click("#go-on"))
			p.shows("type")
			p.Do(typed("#number", "42"), typed("#secret", "4711"), sitetest.Click(approve))
			return ref
		}
		t.Run("approved with key, passkey and code", func(t *testing.T) {
			ref := attempt()
			if got := p.verdict(); got != "approved" || w.state(ref) != phone.Approved {
				t.Errorf("%s, %s", got, w.state(ref))
			}
			p.Do(sitetest.Click(home))
		})
		t.Run("who does not unlock the device approves nothing, and can still leave", func(t *testing.T) {
			p.Do(sitetest.Call(webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: id, IsUserVerified: false}))
			ref := attempt()
			if got := sitetest.Plain(p.Value(`document.getElementById("secret-error").textContent.trim()`)); !strings.Contains(got, "n'a pas été déverrouillé") || w.state(ref) != phone.Pending {
				t.Errorf("%q, %s", got, w.state(ref))
			}
			p.Do(sitetest.Click(`[data-screen="type"] [data-decide="decline"]`))
			if got := p.verdict(); got != "declined" || w.state(ref) != phone.Declined {
				t.Errorf("%s, %s", got, w.state(ref))
			}
		})
	})
}

// TestWithoutStream: where a proxy cuts the stream, the page asks now and then.
func TestWithoutStream(t *testing.T) {
	w := start(t)
	w.visit(t, sitetest.NewBrowser(t), func(p *page) {
		p.Do(sitetest.Call(network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/wallet/api/stream", Block: true}}}))
		p.enrol()
		ref := w.ask(fougere, "42")
		p.shows("request")
		p.Do(sitetest.Click(decline))
		if got := p.verdict(); got != "declined" || w.state(ref) != phone.Declined {
			t.Errorf("%s, %s", got, w.state(ref))
		}
		t.Run("and says so where the server is away, and finds it again", func(t *testing.T) {
			p.Do(sitetest.Click(home), sitetest.Call(network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/wallet/api/*", Block: true}}}))
			p.Value(`document.getElementById("away").hidden ? "" : "yes"`)
			p.Do(sitetest.Call(network.SetBlockedURLs, network.SetBlockedURLsParams{}))
			w.ask(fougere, "43")
			p.shows("request")
			p.Value(`document.getElementById("away").hidden ? "yes" : ""`)
		})
	})
}

// TestTwoPeople: one browser is the phone of two people, and each request names its person.
func TestTwoPeople(t *testing.T) {
	w := start(t)
	w.visit(t, sitetest.NewBrowser(t), func(p *page) {
		p.enrol()
		p.Value(`document.querySelector(".e-card b")?.textContent`)
		p.Do(sitetest.Click("#people summary"), sitetest.Press(`#people li:nth-child(2) form[action="/wallet/telephones"] button`), sitetest.Press(`a[href^="/wallet#"]`))
		p.shows("enrol")
		p.Do(typed("#code", "1234"), typed("#code-again", "1234"), sitetest.Click(`#enrol button`))
		p.shows("home")
		p.Value(`document.querySelectorAll(".e-card").length === 2 ? "yes" : ""`)
		ref := w.ask(tilleul, "42")
		p.shows("request")
		if text := p.text(); !strings.Contains(text, "Noé TILLEUL") || strings.Contains(text, "FOUGÈRE") {
			t.Error(text)
		}
		p.Do(sitetest.Click("#go-on"))
		p.shows("type")
		p.Do(typed("#number", "42"), typed("#secret", "4711"), sitetest.Click(approve)) // the other one's code
		p.Value(`document.getElementById("secret-error").textContent.trim()`)
		p.Do(typed("#secret", "1234"), sitetest.Click(approve))
		if got := p.verdict(); got != "approved" || w.state(ref) != phone.Approved {
			t.Errorf("%s, %s", got, w.state(ref))
		}
	})
}
