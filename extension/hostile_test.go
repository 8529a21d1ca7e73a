//go:build linux

package extension_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"carnet/extension"
	"carnet/vitale/specimen"
)

// TestHostile tries fifteen ways to get at the card that is in the reader, from pages, frames and programs that may not. None gets a
// byte of it. The professional has accepted the conditions and, for most of them, consented for the allowed site before.
func TestHostile(t *testing.T) {
	for _, kind := range browsers {
		t.Run(string(kind), func(t *testing.T) {
			b := start(t, kind, 15)
			b.insert(t, specimen.None)
			b.accept(t)
			t.Run("VIT-04 the channel is authenticated, bound to its origin and checked: fifteen attacks, and a tampered answer", func(t *testing.T) {
				b.attacks(t)
				page := b.page(t, "open", args{"url": b.sites.allowed})
				b.withHost(t, frame(`{"v":1,"host":"x","ok":true,"data":{"provider":"direct","surname":"FOUG"}}`), func() { b.expect(t, page, "BAD_ANSWER") })
			})
		})
	}
}

func (b *bench) attacks(t *testing.T) {
	// leaked looks at everything that a page saw.
	leaked := func(t *testing.T, what string) {
		t.Helper()
		for _, m := range markers {
			if strings.Contains(what, m) {
				t.Errorf("%s came out: %s", m, what)
			}
		}
	}
	try := func(t *testing.T, page int, js string) string {
		t.Helper()
		said := string(b.do(t, "eval", args{"page": page, "js": `(async () => { const r = await (async () => { ` + js + ` })().catch((e) => "threw " + (e.code ?? e)); await new Promise((d) => setTimeout(d, 250)); return JSON.stringify([r, window.seen ?? []]); })()`}))
		leaked(t, said)
		return said
	}
	want := func(t *testing.T, said string, any ...string) {
		t.Helper()
		for _, a := range any {
			if strings.Contains(said, a) {
				return
			}
		}
		t.Errorf("%s, want one of %v", said, any)
	}
	allowed := b.page(t, "open", args{"url": b.sites.allowed})
	t.Run("1 synthetic click: the page presses its own button", func(t *testing.T) {
		fresh := b.page(t, "open", args{"url": b.sites.allowed + "/?press"})
		said := as[string](t, b.do(t, "eval", args{"page": fresh, "js": `Promise.all(window.pressed).then(JSON.stringify)`}))
		leaked(t, said)
		want(t, said, "NO_USER_GESTURE")
		b.do(t, "close", args{"page": fresh})
	})
	t.Run("2 reading without the professional's consent", func(t *testing.T) {
		pause()
		wait := b.click(t, allowed)
		b.do(t, "consent", args{"answer": "close"})
		if r := wait(); r.Code != "USER_DENIED" || len(r.Card.Beneficiaries) > 0 {
			t.Error(r.Code)
		}
	})
	pause()
	wait := b.click(t, allowed)
	b.do(t, "consent", args{"answer": "yes"})
	if r := wait(); !r.OK {
		t.Fatal(r.Code)
	}
	b.do(t, "eval", args{"page": allowed, "js": "seen.length = 0"})

	t.Run("3 the same host on another port", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.otherPort})
		want(t, try(t, p, `return (await reading()).code`), "EXTENSION_UNAVAILABLE")
		want(t, try(t, p, `return vitale.connect()`), "EXTENSION_UNAVAILABLE")
		b.do(t, "close", args{"page": p})
	})
	t.Run("4 another name of the same machine, over http", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.otherName})
		want(t, try(t, p, `return (await reading()).code`), "EXTENSION_UNAVAILABLE")
		b.do(t, "close", args{"page": p})
	})
	t.Run("VIT-09 plain HTTP pages and old browsers are refused", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.otherName}) // http, and not the localhost of a development build
		want(t, try(t, p, `return vitale.connect()`), "EXTENSION_UNAVAILABLE")
		b.do(t, "close", args{"page": p})
		plain := store()
		plain.Origins = []string{"http://pro.example"}
		if _, err := extension.Files(b.kind, plain); err == nil {
			t.Error("a plain HTTP site is built in")
		}
		m := read(t, files(t, b.kind, store()))
		if b.kind == extension.Firefox && m.Firefox.Gecko.Minimum != extension.MinFirefox || b.kind == extension.Chrome && m.Minimum != extension.MinChrome {
			t.Errorf("any browser may install it: %+v", m)
		}
	})
	t.Run("5 the allowed site inside a frame of a hostile page", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.otherPort + "/?frame=" + b.sites.allowed})
		want(t, try(t, p, `for (const op of ["read", "status"]) frames[0].postMessage({carnet: "request", v: 1, id: op, op, purpose: "vaccination"}, "*"); await new Promise((d) => setTimeout(d, 600)); return seen.some((m) => m.includes('"ack"')) ? "answered" : "silence"`), "silence")
		b.do(t, "close", args{"page": p})
	})
	t.Run("6 a frame that speaks to the allowed page above it", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.allowed + "/?frame=" + b.sites.allowed})
		said := try(t, p, `frames[0].eval('parent.postMessage({carnet: "request", v: 1, id: "up", op: "read", purpose: "vaccination"}, "*")'); await new Promise((d) => setTimeout(d, 400)); return seen.some((m) => m.includes('"ack"')) ? "answered" : "silence"`)
		want(t, said, "silence")
		b.do(t, "close", args{"page": p})
	})
	t.Run("7 a message that claims an origin", func(t *testing.T) {
		p := b.page(t, "open", args{"url": b.sites.otherPort})
		want(t, try(t, p, `postMessage({carnet: "request", v: 1, id: "o", op: "read", purpose: "care", origin: "`+b.sites.allowed+`", sender: {url: "`+b.sites.allowed+`"}}, "*"); await new Promise((d) => setTimeout(d, 600)); return seen.some((m) => m.includes('"ack"')) ? "answered" : "silence"`), "silence")
		b.do(t, "close", args{"page": p})
	})
	t.Run("8 raw commands for the card", func(t *testing.T) {
		for _, op := range []string{"apdu", "exec", "transmit", "doctor", "__proto__"} {
			want(t, try(t, allowed, `return new Promise((done) => { const id = "raw" + Math.random(); addEventListener("message", (e) => e.data.id === id && e.data.carnet === "response" && done(e.data.error.code)); postMessage({carnet: "request", v: 1, id, op: "`+op+`", apdu: "00B0820000"}, location.origin); })`), "BAD_REQUEST")
		}
	})
	t.Run("9 identifiers that are none", func(t *testing.T) {
		want(t, try(t, allowed, `const before = seen.length; for (const id of [1, null, undefined, {}, [], "", "x".repeat(65), Symbol.iterator.description.repeat(20)]) postMessage({carnet: "request", v: 1, id, op: "read", purpose: "care"}, location.origin); await new Promise((d) => setTimeout(d, 500)); return seen.slice(before).some((m) => m.includes('"ack"')) ? "answered" : "silence"`), "silence")
	})
	t.Run("10 speaking to the extension past its content script", func(t *testing.T) {
		key, err := chromeKey()
		if err != nil {
			t.Fatal(err)
		}
		want(t, try(t, allowed, `const api = window.browser ?? window.chrome; if (!api?.runtime?.sendMessage) return "no runtime"; return await api.runtime.sendMessage("`+extension.ID(key)+`", {type: "carnet-request", op: "read", purpose: "care"})`), "no runtime", "threw")
	})
	base := as[string](t, b.do(t, "extensionBase", nil))
	t.Run("11 the consent window inside a hostile frame", func(t *testing.T) {
		said := try(t, allowed, `const f = document.createElement("iframe"); f.src = "`+base+`consent.html?x"; document.body.append(f); await new Promise((d) => setTimeout(d, 500)); try { return "read " + f.contentDocument?.documentElement.outerHTML } catch { return "closed to us" }`)
		if strings.Contains(said, "consent.js") {
			t.Error(said)
		}
	})
	t.Run("12 the extension's files, fetched", func(t *testing.T) {
		for _, f := range []string{"config.js", "consent.html", "manifest.json", "background.js"} {
			want(t, try(t, allowed, `return (await fetch("`+base+f+`")).status`), "threw")
		}
	})
	t.Run("13 a consent with a guessed token, and a background message from a page", func(t *testing.T) {
		want(t, try(t, allowed, `postMessage({type: "consent-answer", token: "1", ok: true}, location.origin); postMessage({type: "carnet-request", op: "read", purpose: "care"}, location.origin); await new Promise((d) => setTimeout(d, 400)); return "sent"`), "sent")
	})
	t.Run("14 a purpose that nobody consented to, and one that does not exist", func(t *testing.T) {
		want(t, try(t, allowed, `return (await reading("research")).code`), "PURPOSE_REFUSED")
		pause()
		b.do(t, "eval", args{"page": allowed, "js": `window.purpose = "care"`})
		wait := b.click(t, allowed)
		b.do(t, "consent", args{"answer": "no"})
		if r := wait(); r.Code != "USER_DENIED" || len(r.Card.Beneficiaries) > 0 {
			t.Error(r.Code)
		}
	})
	t.Run("VIT-20 a page of a site where no professional is logged in", func(t *testing.T) {
		pause()
		want(t, try(t, allowed, `document.cookie = "gone=1"; return "left"`), "left")
		b.do(t, "eval", args{"page": allowed, "js": `window.purpose = "care"`})
		if r := b.click(t, allowed)(); r.Code != "NOT_LOGGED_IN" || len(r.Card.Beneficiaries) > 0 {
			t.Error(r.Code)
		}
		want(t, try(t, allowed, `document.cookie = "gone=; max-age=0"; return "back"`), "back")
	})
	t.Run("15 a program that starts the module for another site", func(t *testing.T) {
		key, err := chromeKey()
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range []string{"https://evil.example", b.sites.otherPort, b.sites.allowed + ".evil.example", strings.ToUpper(b.sites.allowed)} {
			text, err := json.Marshal(map[string]any{"v": 1, "op": "read", "origin": origin, "purpose": "care"})
			if err != nil {
				t.Fatal(err)
			}
			c := exec.Command(b.home+"/.local/lib/carnet-vitale/carnet-vitale", "chrome-extension://"+extension.ID(key)+"/")
			c.Stdin = strings.NewReader(string(frame(string(text))))
			out, err := c.Output()
			leaked(t, string(out))
			if err != nil || !strings.Contains(string(out), `"ok":false`) {
				t.Errorf("%s: %q %v", origin, out, err)
			}
		}
		c := exec.Command(b.home+"/.local/lib/carnet-vitale/carnet-vitale", "chrome-extension://"+strings.Repeat("a", 32)+"/")
		c.Stdin = strings.NewReader(string(frame(`{"v":1,"op":"read","origin":"` + b.sites.allowed + `","purpose":"care"}`)))
		if out, err := c.Output(); err == nil || len(out) > 0 {
			t.Errorf("another extension: %q %v", out, err)
		}
	})
	time.Sleep(200 * time.Millisecond)
	leaked(t, string(b.do(t, "eval", args{"page": allowed, "js": "JSON.stringify(seen)"})))
}
