//go:build linux

package extension_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/extension"
	"carnet/extension/legal"
	"carnet/internal/workstation"
	"carnet/vitale/specimen"
)

// idle is a short time without a reading, in minutes and as time.
const (
	idleMinutes = 0.1
	idle        = 6 * time.Second
)

// TestLock: consent ends when nothing is read for a while, when the browser is started again, and when the professional
// withdraws it; it outlives a background that the browser stopped.
func TestLock(t *testing.T) {
	b := start(t, extension.Chrome, idleMinutes)
	b.insert(t, specimen.None)
	b.accept(t)
	page := b.page(t, "open", args{"url": b.sites.allowed})
	consent := func(t *testing.T) {
		t.Helper()
		pause()
		wait := b.click(t, page)
		b.do(t, "consent", args{"answer": "yes"})
		if r := wait(); !r.OK {
			t.Fatal(r.Code)
		}
	}
	refuse := func(t *testing.T) {
		t.Helper()
		pause()
		wait := b.click(t, page)
		b.do(t, "consent", args{"answer": "no"})
		if r := wait(); r.Code != "USER_DENIED" {
			t.Errorf("consent was not asked for: %+v", r.Code)
		}
	}
	t.Run("VIT-26 question 4 is about the lock, and the extension's own session locks after the configured time", func(t *testing.T) {
		if !strings.Contains(workstation.Principles[3].Words[0], "verrouille") {
			t.Error(workstation.Principles[3].Words)
		}
		consent(t)
		if r := b.read(t, page); !r.OK {
			t.Error(r.Code)
		}
		time.Sleep(idle + 200*time.Millisecond)
		refuse(t)
	})
	t.Run("a stopped background loses no consent", func(t *testing.T) {
		consent(t)
		b.do(t, "stopWorker", nil)
		if r := b.read(t, page); !r.OK {
			t.Error(r.Code)
		}
	})
	t.Run("a background stopped while the professional thinks", func(t *testing.T) {
		time.Sleep(idle)
		wait := b.click(t, page)
		b.page(t, "find", args{"selector": "#yes:not(:disabled)"})
		b.do(t, "stopWorker", nil)
		if r := wait(); r.OK || r.Code != "EXTENSION_GONE" {
			t.Error(r.Code)
		}
	})
	t.Run("a restarted browser asks again, and still knows the accepted conditions", func(t *testing.T) {
		b.do(t, "quit", nil)
		b.launch(t)
		page = b.page(t, "open", args{"url": b.sites.allowed})
		refuse(t)
		consent(t)
	})
	t.Run("the professional withdraws consent, and finds the sites", func(t *testing.T) {
		own := b.page(t, "open", args{"url": "extension:options.html"})
		time.Sleep(500 * time.Millisecond)
		shown := as[string](t, b.do(t, "run", args{"page": own, "js": `document.querySelector("main").innerText`}))
		if !strings.Contains(shown, b.sites.allowed) || !strings.Contains(shown, "Aurélien SAULE") || !strings.Contains(shown, "1.0.0") {
			t.Error(shown)
		}
		b.do(t, "click", args{"page": own, "selector": "#forget"})
		time.Sleep(200 * time.Millisecond)
		b.do(t, "close", args{"page": own})
		refuse(t)
	})
}

// TestPages looks at the extension's own pages: their texts, accessibility, and pictures when CARNET_LOOK names a folder.
func TestPages(t *testing.T) {
	b := start(t, extension.Chrome, 15)
	axe := os.Getenv("CARNET_AXE")
	if axe == "" {
		t.Fatal("CARNET_AXE is the path of axe-core: scripts/test sets it")
	}
	look := os.Getenv("CARNET_LOOK")
	text := map[string]string{}
	b.accept(t)
	for _, name := range []string{"start.html", "options.html", "report.html", "terms.fr.html", "terms.en.html", "privacy.fr.html", "privacy.en.html", "notice.fr.html", "differences.fr.html"} {
		page := b.page(t, "open", args{"url": "extension:" + name})
		time.Sleep(300 * time.Millisecond)
		text[name] = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(as[string](t, b.do(t, "run", args{"page": page, "js": `document.body.innerText + [...document.links].map((a) => " " + a.href).join("")`})))
		b.examine(t, page, name, axe, look)
		b.do(t, "close", args{"page": page})
	}
	t.Run("VIT-01 the privacy page links the general policy", func(t *testing.T) {
		for _, page := range []string{"privacy.fr.html", "privacy.en.html"} {
			if !strings.Contains(text[page], " "+legal.Sandbox().Policy) {
				t.Errorf("%s: %s", page, text[page])
			}
		}
	})
	t.Run("VIT-15 the privacy page shows the name and the postal address of the CNIL", func(t *testing.T) {
		for _, page := range []string{"privacy.fr.html", "privacy.en.html"} {
			for _, want := range []string{"Commission nationale de l’informatique et des libertés (CNIL)", "3 place de Fontenoy", "TSA 80715", "75334 Paris Cedex 07"} {
				if !strings.Contains(text[page], want) {
					t.Errorf("%s lacks %s", page, want)
				}
			}
		}
	})
	t.Run("VIT-17 the conditions are linked from the extension and come from the package, without a network", func(t *testing.T) {
		for _, page := range []string{"start.html", "options.html"} {
			if !strings.Contains(text[page], "/terms.") {
				t.Errorf("%s does not link them", page)
			}
		}
		if !strings.Contains(text["terms.fr.html"], "réservée aux professionnels de santé") {
			t.Error(text["terms.fr.html"])
		}
	})
	page := b.page(t, "open", args{"url": b.sites.allowed})
	b.do(t, "click", args{"page": page, "selector": "#read"})
	b.examine(t, b.page(t, "find", args{"selector": "#yes:not(:disabled)"}), "consent.html", axe, look)
}

// examine checks a page by axe's rules, and draws it.
func (b *bench) examine(t *testing.T, page int, name, axe, look string) {
	t.Helper()
	for _, size := range []int{320, 1280} {
		for _, dark := range []bool{false, true} {
			b.do(t, "size", args{"page": page, "width": size, "height": 800, "dark": dark})
			for _, v := range as[[]string](t, b.do(t, "axe", args{"page": page, "file": axe})) {
				t.Errorf("%s at %d, dark %v: %s", name, size, dark, v)
			}
			if wide := as[int](t, b.do(t, "run", args{"page": page, "js": `document.documentElement.scrollWidth`})); wide > size {
				t.Errorf("%s is %d wide at %d", name, wide, size)
			}
			if look != "" {
				mode := "light"
				if dark {
					mode = "dark"
				}
				b.do(t, "screenshot", args{"page": page, "file": filepath.Join(look, strings.TrimSuffix(name, ".html")+"-"+mode+"-"+map[int]string{320: "320", 1280: "1280"}[size]+".png")})
			}
		}
	}
}
