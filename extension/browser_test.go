//go:build linux

package extension_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carnet/extension"
	"carnet/extension/legal"
	"carnet/internal/sandbox/pcsctest"
	"carnet/internal/workstation"
	"carnet/vitale/specimen"
)

// bench is a browser with the extension, the module, a card service and a site.
type bench struct {
	*driver
	kind      extension.Target
	home      string
	extension string
	sites     sites
	cards     *pcsctest.Daemon
}

func start(t testing.TB, kind extension.Target, idleMinutes float64) *bench {
	t.Helper()
	b := &bench{kind: kind, cards: pcsctest.Start(t), sites: serve(t)}
	home, err := os.MkdirTemp("", "home-") // Chromium's sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	b.home = home
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // a browser may still be writing
	b.extension = buildExtension(t, kind, []string{b.sites.allowed}, idleMinutes)
	installModule(t, home, b.sites.allowed)
	b.driver = newDriver(t)
	b.launch(t)
	return b
}

func (b *bench) profile() string { return filepath.Join(b.home, ".config", "chromium") }

func (b *bench) launch(t testing.TB) {
	t.Helper()
	a := args{"browser": string(b.kind), "home": b.home, "extension": b.extension}
	if b.kind == extension.Firefox {
		a["executable"] = "/usr/bin/firefox-esr"
	} else {
		a["executable"], a["profile"] = "/usr/bin/chromium", b.profile()
	}
	b.do(t, "start", a)
}

// accept fills the page of the first start, which opened by itself.
func (b *bench) accept(t testing.TB) {
	t.Helper()
	page := b.page(t, "find", args{"selector": "#q0-yes"})
	b.do(t, "run", args{"page": page, "js": `document.querySelectorAll("input[value=yes]").forEach((e) => e.click()), document.querySelector("#accept").click(), true`})
	b.do(t, "type", args{"page": page, "selector": "#author", "text": "Aurélien SAULE"})
	b.do(t, "click", args{"page": page, "selector": "button.main"})
	if !pcsctest.Eventually(5*time.Second, func() bool {
		return as[bool](t, b.do(t, "run", args{"page": page, "js": `document.querySelector("#done").textContent !== ""`}))
	}) {
		t.Fatal("the first start was not accepted")
	}
	b.do(t, "close", args{"page": page})
}

type result struct {
	OK   bool
	MS   float64
	Code string
	Card struct {
		Card          struct{ Type, Nature, Serial string }
		Beneficiaries []struct {
			Surname, GivenName, NIR string
			BirthRank               int
			Address                 []string
		}
		Attachment struct{ Scheme string }
	}
}

// click begins a reading by a real click; the function that it returns waits for its end.
func (b *bench) click(t testing.TB, page int) func() result {
	t.Helper()
	b.do(t, "click", args{"page": page, "selector": "#read"})
	wait := b.begin(t, "eval", args{"page": page, "js": "window.result"})
	return func() result {
		t.Helper()
		return as[result](t, wait())
	}
}

// pause lets a second pass: an origin may read once in each.
func pause() { time.Sleep(1050 * time.Millisecond) }

func (b *bench) insert(t testing.TB, fault specimen.Fault) (pull func()) {
	t.Helper()
	out := b.cards.Insert(t, 0, fault)
	time.Sleep(900 * time.Millisecond) // the service looks at its readers every 400 ms
	return func() {
		out()
		time.Sleep(900 * time.Millisecond)
	}
}

var browsers = []extension.Target{extension.Chrome, extension.Firefox}

// markers are texts that only the card knows.
var markers = []string{"FOUGÈRE", "NOÉ", "2850500999001", "2201100999007", "20150931", "ALLÉE DES MOUSSES", "80250000000099999942"}

func (b *bench) read(t testing.TB, page int) result {
	t.Helper()
	pause()
	return b.click(t, page)()
}

// expect reads and wants a code; "" is a whole reading.
func (b *bench) expect(t testing.TB, page int, code string) {
	t.Helper()
	if r := b.read(t, page); r.Code != code || r.OK != (code == "") || r.OK != (len(r.Card.Beneficiaries) > 0) {
		t.Errorf("%s: %q, %d people; want %q", b.kind, r.Code, len(r.Card.Beneficiaries), code)
	}
}

// TestBrowsers goes the whole way in both browsers: page, extension, module, pcscd, virtual reader, specimen card.
func TestBrowsers(t *testing.T) {
	for _, kind := range browsers {
		t.Run(string(kind), func(t *testing.T) {
			b := start(t, kind, 15)
			page := b.page(t, "open", args{"url": b.sites.allowed + "/?atload"})
			pull := b.insert(t, specimen.None)
			b.firstStart(t, page)
			b.reading(t, page)
			b.refusals(t, page)
			b.hosts(t, page)
			pull()
			b.faults(t, page)
			b.nothingKept(t, page)
		})
	}
}

func (b *bench) firstStart(t *testing.T, page int) {
	t.Run("VIT-22 page, extension and module find each other", func(t *testing.T) {
		s := as[struct {
			Extension, Module string
			Service           bool
			Readers           []struct{ Card string }
		}](t, b.do(t, "eval", args{"page": page, "js": "vitale.status()"}))
		if s.Extension != "1.0.0" || s.Module == "" || !s.Service || len(s.Readers) != 2 || s.Readers[0].Card != "vitale2" {
			t.Errorf("%+v", s)
		}
		manifest := filepath.Join(b.profile(), "NativeMessagingHosts", "fr.carnet.vitale.json")
		if b.kind == extension.Firefox {
			manifest = filepath.Join(b.home, ".mozilla/native-messaging-hosts/fr.carnet.vitale.json")
		}
		if err := os.Rename(manifest, manifest+".away"); err != nil {
			t.Fatal(err)
		}
		code := as[string](t, b.do(t, "eval", args{"page": page, "js": `vitale.status().then(() => "", (e) => e.code)`}))
		if err := os.Rename(manifest+".away", manifest); err != nil {
			t.Fatal(err)
		}
		if code != "HOST_UNAVAILABLE" {
			t.Errorf("without the module: %s", code)
		}
	})
	form := b.page(t, "find", args{"selector": "#q0-yes"})
	save := func() string {
		b.do(t, "click", args{"page": form, "selector": "button.main"})
		time.Sleep(300 * time.Millisecond)
		return as[string](t, b.do(t, "run", args{"page": form, "js": `document.querySelector("#fault").textContent`}))
	}
	all := func(i int) { // answers every question but one
		b.do(t, "run", args{"page": form, "js": fmt.Sprintf(`document.querySelectorAll("input[value=yes]").forEach((e, i) => { e.checked = i !== %d; }), true`, i)})
	}
	t.Run("VIT-10 the checklist is shown, and read back only when it is acknowledged", func(t *testing.T) {
		n := as[int](t, b.do(t, "run", args{"page": form, "js": `document.querySelectorAll("fieldset").length`}))
		if n != len(workstation.Principles)+1 {
			t.Errorf("%d questions", n)
		}
		b.expect(t, page, "TERMS_NOT_ACCEPTED")
		all(-1)
		if save() == "" {
			t.Error("it is saved without a name")
		}
		b.expect(t, page, "TERMS_NOT_ACCEPTED")
	})
	t.Run("VIT-11 an unanswered item on virus-free, working equipment blocks the first reading", func(t *testing.T) {
		words := as[string](t, b.do(t, "run", args{"page": form, "js": `[...document.querySelectorAll("legend")].at(-1).textContent`}))
		if !strings.Contains(words, "virus") {
			t.Errorf("the last question is %s", words)
		}
		b.do(t, "type", args{"page": form, "selector": "#author", "text": "Aurélien SAULE"})
		b.do(t, "run", args{"page": form, "js": `document.querySelector("#accept").checked = true`})
		all(10)
		if save() == "" {
			t.Error("it is saved without that answer")
		}
		b.expect(t, page, "TERMS_NOT_ACCEPTED")
	})
	t.Run("VIT-16 the first start shows the conditions and records their acceptance", func(t *testing.T) {
		all(-1)
		b.do(t, "run", args{"page": form, "js": `document.querySelector("#accept").checked = false, document.querySelector("#q1-no").checked = true`})
		if save() == "" {
			t.Error("it is saved without acceptance")
		}
		b.expect(t, page, "TERMS_NOT_ACCEPTED")
		b.do(t, "run", args{"page": form, "js": `document.querySelector("#accept").checked = true`})
		if fault := save(); fault != "" {
			t.Fatal(fault)
		}
		stored := b.stored(t, form)
		if stored.Terms.Version != legal.TermsVersion || !recent(stored.Terms.Date) {
			t.Errorf("%+v", stored.Terms)
		}
	})
	stored := b.stored(t, form)
	t.Run("VIT-39 the accepted text states the permitted use, and its version is recorded", func(t *testing.T) {
		text, err := legal.Sandbox().Text("terms", "fr")
		if err != nil || !strings.Contains(text, "pour un acte de soin ou une vaccination, à l’exclusion de tout autre usage") || !strings.Contains(text, "N’installer l’extension que pour l’usage décrit ici") || !strings.Contains(text, "version "+legal.TermsVersion) || stored.Terms.Version != legal.TermsVersion {
			t.Error(err, stored.Terms)
		}
	})
	for i, word := range []string{"système d’exploitation", "effacées de façon sûre", "administrateur", "verrouille", "pare-feu", "antivirus", "mises à jour de sécurité", "sauvegardé", "supports amovibles", "exécution automatique"} {
		if i == 3 {
			continue // its other half, the session's lock, is in TestLock
		}
		t.Run(fmt.Sprintf("VIT-%d question %d is asked; answer, author and date are stored", 23+i, i+1), func(t *testing.T) {
			// Locales differ between browsers: the words are those of the configuration, shown in the page's language.
			if p := workstation.Principles[i].Words; !strings.Contains(p[0], word) {
				t.Errorf("%s is not about %s", p[0], word)
			} else if shown := as[string](t, b.do(t, "run", args{"page": form, "js": fmt.Sprintf(`document.querySelectorAll("legend")[%d].textContent`, i)})); shown != p[0] && shown != p[1] {
				t.Errorf("the question is %s", shown)
			}
			want := "yes"
			if i == 1 {
				want = "no"
			}
			if c := stored.Checklist; len(c.Answers) != 11 || c.Answers[i] != want || c.Author != "Aurélien SAULE" || !recent(c.Date) {
				t.Errorf("%+v", c)
			}
		})
	}
	b.do(t, "close", args{"page": form})
}

type stored struct {
	Terms     struct{ Version, Date string }
	Checklist struct {
		Answers      []string
		Author, Date string
	}
}

func (b *bench) stored(t *testing.T, page int) stored {
	t.Helper()
	return as[stored](t, b.do(t, "run", args{"page": page, "js": `(globalThis.browser ?? chrome).storage.local.get(null)`}))
}

func recent(date string) bool {
	at, err := time.Parse(time.RFC3339, date)
	return err == nil && time.Since(at) < 5*time.Minute && time.Since(at) > -time.Minute
}

func (b *bench) reading(t *testing.T, page int) {
	t.Run("no gesture at load", func(t *testing.T) {
		if r := as[result](t, b.do(t, "eval", args{"page": page, "js": "window.atLoad"})); r.Code != "NO_USER_GESTURE" {
			t.Error(r.Code)
		}
	})
	t.Run("refused, closed", func(t *testing.T) {
		for _, answer := range []string{"no", "close"} {
			pause()
			wait := b.click(t, page)
			b.do(t, "consent", args{"answer": answer})
			if r := wait(); r.Code != "USER_DENIED" {
				t.Errorf("%s: %q", answer, r.Code)
			}
		}
	})
	t.Run("VIT-21 a card gives the four categories", func(t *testing.T) {
		pause()
		wait := b.click(t, page)
		seen := as[string](t, b.do(t, "consent", args{"answer": "yes"}))
		if !strings.Contains(seen, b.sites.allowed) || !strings.Contains(seen, "vaccination") {
			t.Errorf("the consent shows %s", seen)
		}
		r := wait()
		c := r.Card
		if !r.OK || len(c.Beneficiaries) != 3 || c.Beneficiaries[0].Surname != "FOUGÈRE" || c.Beneficiaries[0].NIR != "2850500999001" || c.Beneficiaries[0].BirthRank != 1 || len(c.Beneficiaries[0].Address) != 5 ||
			c.Attachment.Scheme != "01" || c.Card.Type != "vitale2" || c.Card.Serial != "80250000000099999942" || c.Card.Nature != "specimen" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("twenty in a row, without asking again", func(t *testing.T) {
		var ms []float64
		for range 20 {
			r := b.read(t, page)
			if !r.OK {
				t.Fatal(r.Code)
			}
			ms = append(ms, r.MS)
		}
		slices.Sort(ms)
		t.Logf("round trip: %.0f to %.0f ms, median %.0f", ms[0], ms[19], (ms[9]+ms[10])/2)
	})
	t.Run("another purpose is asked for", func(t *testing.T) {
		pause()
		b.do(t, "eval", args{"page": page, "js": `window.purpose = "care"`})
		wait := b.click(t, page)
		b.do(t, "consent", args{"answer": "no"})
		if r := wait(); r.Code != "USER_DENIED" {
			t.Error(r.Code)
		}
		b.do(t, "eval", args{"page": page, "js": `window.purpose = "vaccination"`})
	})
	if b.kind == extension.Firefox {
		t.Run("a consent that takes longer than the browser keeps a background", func(t *testing.T) {
			pause()
			b.do(t, "eval", args{"page": page, "js": `window.purpose = "care"`})
			wait := b.click(t, page)
			b.do(t, "consent", args{"answer": "yes", "delay": 35000})
			if r := wait(); !r.OK {
				t.Error(r.Code)
			}
			b.do(t, "eval", args{"page": page, "js": `window.purpose = "vaccination"`})
		})
	}
}

// refusals are requests that are not what they should be.
func (b *bench) refusals(t *testing.T, page int) {
	t.Run("requests that are refused", func(t *testing.T) {
		ask := func(message string) string {
			return as[string](t, b.do(t, "eval", args{"page": page, "js": `new Promise((done) => {
				const message = ` + message + `;
				const end = setTimeout(() => done("no answer"), 1200);
				addEventListener("message", function on(e) {
					if (e.data.carnet !== "response" || e.data.id !== message.id) return;
					removeEventListener("message", on);
					clearTimeout(end);
					done(e.data.ok ? "ok" : e.data.error.code);
				});
				postMessage(message, location.origin);
			})`}))
		}
		for message, want := range map[string]string{
			`{carnet: "request", v: 1, id: "a1", op: "exec"}`:                         "BAD_REQUEST",
			`{carnet: "request", v: 1, id: "a2", op: "apdu", apdu: "00A40000023F00"}`: "BAD_REQUEST",
			`{carnet: "request", v: 2, id: "a3", op: "status"}`:                       "VERSION_MISMATCH",
			`{carnet: "request", id: "a4", op: "status"}`:                             "VERSION_MISMATCH",
			`{carnet: "request", v: 1, id: "a5", op: "read"}`:                         "PURPOSE_REFUSED",
			`{carnet: "request", v: 1, id: "a6", op: "read", purpose: "marketing"}`:   "PURPOSE_REFUSED",
			`{carnet: "request", v: 1, id: 7, op: "status"}`:                          "no answer",
			`{carnet: "request", v: 1, id: "", op: "status"}`:                         "no answer",
			`{carnet: "request", v: 1, id: "x".repeat(65), op: "status"}`:             "no answer",
			`{carnet: "request", v: 1, id: ["a7"], op: "status"}`:                     "no answer",
			`{carnet: "other", v: 1, id: "a8", op: "status"}`:                         "no answer",
		} {
			if got := ask(message); got != want {
				t.Errorf("%s: %s, want %s", message, got, want)
			}
		}
	})
	t.Run("two at once, and too soon", func(t *testing.T) {
		for _, c := range []struct{ how, js, want string }{
			{"two at once", `() => Promise.all([reading(), reading()])`, "BUSY"},
			{"too soon", `async () => [await reading(), await reading()]`, "RATE_LIMITED"},
		} {
			pause()
			b.do(t, "eval", args{"page": page, "js": "window.act = " + c.js + "; true"})
			b.do(t, "click", args{"page": page, "selector": "#read"})
			r := as[[]result](t, b.do(t, "eval", args{"page": page, "js": "window.result"}))
			if !r[0].OK || r[1].Code != c.want || len(r[1].Card.Beneficiaries) > 0 {
				t.Errorf("%s: %q %q", c.how, r[0].Code, r[1].Code)
			}
		}
		b.do(t, "eval", args{"page": page, "js": "delete window.act"})
	})
}

// withHost puts a program in the module's place that says one thing.
func (b *bench) withHost(t *testing.T, says []byte, f func()) {
	t.Helper()
	program := filepath.Join(b.home, ".local/lib/carnet-vitale/carnet-vitale")
	away := program + ".away"
	if err := os.Rename(program, away); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Rename(away, program); err != nil {
			t.Fatal(err)
		}
	}()
	if err := os.WriteFile(program+".says", says, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat '"+program+".says'\ncat >/dev/null\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f()
}

// hosts are modules that misbehave.
func (b *bench) hosts(t *testing.T, page int) {
	for name, c := range map[string]struct {
		says []byte
		want string
	}{
		"prints words":     {[]byte("hello, this is no frame\n"), "HOST_UNAVAILABLE"},
		"says nothing":     {nil, "HOST_UNAVAILABLE"},
		"two megabytes":    {frame(`"` + strings.Repeat("x", 2<<20) + `"`), "HOST_UNAVAILABLE"},
		"no JSON":          {frame("{"), "HOST_UNAVAILABLE"},
		"a list":           {frame("[1]"), "BAD_ANSWER"},
		"another version":  {frame(`{"v":2,"host":"x","ok":true}`), "VERSION_MISMATCH"},
		"an unknown code":  {frame(`{"v":1,"host":"x","ok":false,"code":"<b>"}`), "BAD_ANSWER"},
		"no data":          {frame(`{"v":1,"host":"x","ok":true}`), "BAD_ANSWER"},
		"an extra field":   {frame(`{"v":1,"host":"x","ok":true,"data":{"provider":"direct","missing":[],"card":{"type":"vitale2","nature":"unknown","serial":null,"atr":null,"validFrom":null},"beneficiaries":[],"attachment":null,"photo":""}}`), "BAD_ANSWER"},
		"status for data":  {frame(`{"v":1,"host":"x","ok":true,"status":{"service":true,"readers":[]}}`), "BAD_ANSWER"},
		"an old extension": {frame(`{"v":1,"host":"x","ok":false,"code":"VERSION_MISMATCH"}`), "VERSION_MISMATCH"},
	} {
		t.Run("a module that "+name, func(t *testing.T) {
			b.withHost(t, c.says, func() { b.expect(t, page, c.want) })
		})
	}
}

// frame is a message as a browser and a module exchange it.
func frame(text string) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// killModule ends the running module, found by its path.
func (b *bench) killModule(t *testing.T) {
	t.Helper()
	program := filepath.Join(b.home, ".local/lib/carnet-vitale/carnet-vitale")
	if !pcsctest.Eventually(5*time.Second, func() bool {
		all, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			t.Fatal(err)
		}
		for _, exe := range all {
			if path, err := os.Readlink(exe); err == nil && path == program {
				pid, err := strconv.Atoi(strings.Split(exe, "/")[2])
				if err != nil {
					t.Fatal(err)
				}
				return syscall.Kill(pid, syscall.SIGKILL) == nil
			}
		}
		return false
	}) {
		t.Fatal("the module does not run")
	}
}

// faults are those of cards, readers and the service.
func (b *bench) faults(t *testing.T, page int) {
	t.Run("no card", func(t *testing.T) { b.expect(t, page, "NO_CARD") })
	for _, c := range []struct {
		fault specimen.Fault
		code  string
	}{
		{specimen.Mute, "CARD_MUTE"}, {specimen.Removed, "CARD_REMOVED"}, {specimen.Vitale1, "VITALE1_UNSUPPORTED"}, {specimen.CPS, "NOT_VITALE"}, {specimen.Foreign, "NOT_VITALE"},
		{specimen.Garbage, "BAD_CARD_DATA"}, {specimen.Plain, "NATURE_REFUSED"}, {specimen.WrongATR, ""}, {specimen.Crowd, ""},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			pull := b.insert(t, c.fault)
			b.expect(t, page, c.code)
			pull()
		})
	}
	t.Run("slow, and the module killed in the middle", func(t *testing.T) {
		pull := b.insert(t, specimen.Slow)
		b.expect(t, page, "")
		pause()
		wait := b.click(t, page)
		b.killModule(t)
		if r := wait(); r.Code != "HOST_UNAVAILABLE" || len(r.Card.Beneficiaries) > 0 {
			t.Errorf("%q", r.Code)
		}
		pull()
	})
	t.Run("the card service stopped", func(t *testing.T) {
		b.cards.Stop(t)
		b.expect(t, page, "NO_PCSC_SERVICE")
	})
}

// nothingKept looks for what the card said, in the extension's storage and on the disk.
func (b *bench) nothingKept(t *testing.T, page int) {
	t.Run("VIT-08 nothing of the card is kept", func(t *testing.T) {
		if b.kind == extension.Chrome {
			own := b.page(t, "open", args{"url": "extension:options.html"})
			text := string(b.do(t, "run", args{"page": own, "js": `(async () => JSON.stringify([await chrome.storage.local.get(null), await chrome.storage.session.get(null), await indexedDB.databases(), await caches.keys(), {...localStorage}, {...sessionStorage}, document.cookie]))()`}))
			for _, m := range markers {
				if strings.Contains(text, m) {
					t.Errorf("storage holds %s", m)
				}
			}
		}
		b.do(t, "close", args{"page": page})
		b.do(t, "quit", nil)
		files := 0
		err := filepath.WalkDir(b.home, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || strings.HasPrefix(filepath.Base(name), "carnet-vitale") {
				return nil // gone meanwhile; or the module itself
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return nil
			}
			files++
			for _, m := range markers {
				for _, form := range forms(m) {
					if bytes.Contains(text, form) {
						t.Errorf("%s holds %s", name, m)
					}
				}
			}
			return nil
		})
		if err != nil || files < 5 {
			t.Errorf("%d files, %v", files, err)
		}
	})
}

// forms are a text in the encodings of files.
func forms(s string) [][]byte {
	var latin, wide []byte
	for _, r := range s {
		latin = append(latin, byte(r))
		wide = append(wide, byte(r), byte(r>>8))
	}
	return [][]byte{[]byte(s), latin, wide}
}

// BenchmarkRoundTrip goes from the click to the data in the page, consent given: page, extension, a new process of the
// module, pcscd, card and back. One reading a second is allowed, which is not counted; the median of twenty is reported.
func BenchmarkRoundTrip(b *testing.B) {
	for _, kind := range browsers {
		b.Run(string(kind), func(b *testing.B) {
			w := start(b, kind, 15)
			w.insert(b, specimen.None)
			w.accept(b)
			page := w.page(b, "open", args{"url": w.sites.allowed})
			wait := w.click(b, page)
			w.do(b, "consent", args{"answer": "yes"})
			if r := wait(); !r.OK {
				b.Fatal(r.Code)
			}
			var ms []float64
			for b.Loop() {
				for range 20 {
					r := w.read(b, page)
					if !r.OK {
						b.Fatal(r.Code)
					}
					ms = append(ms, r.MS)
				}
			}
			slices.Sort(ms)
			b.ReportMetric(ms[0], "ms/best")
			b.ReportMetric((ms[len(ms)/2-1]+ms[len(ms)/2])/2, "ms/median")
			b.ReportMetric(ms[len(ms)-1], "ms/worst")
			b.ReportMetric(0, "ns/op")
		})
	}
}
