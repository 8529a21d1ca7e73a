package portefeuille

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
	"carnet/internal/verify/browser"
	"carnet/twoddoc"
)

// world is the site over an issuer; what is revoked can change.
type world struct {
	*sitetest.Issuer
	server  *httptest.Server
	log     strings.Builder
	revoked atomic.Pointer[verify.Revoked]
	now     atomic.Int64 // seconds that the server's clock is ahead

	mu    sync.Mutex
	asked []string // method and whole address
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Issuer: sitetest.NewIssuer(t, "FR90", &verify.Trust{})}
	w.revoked.Store(w.List(t))
	clock := func() time.Time { return time.Now().Add(time.Duration(w.now.Load()) * time.Second) }
	log := slog.New(slog.NewJSONHandler(&w.log, nil))
	h, err := New(t.Context(), Deps{Clock: clock, Rand: rand.Reader, Log: log, Pack: &browser.Pack{Clock: clock, Log: log,
		Source: func(context.Context) (verify.Checker, error) {
			return verify.Checker{Trust: w.Trust, Revoked: w.revoked.Load()}, nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.RequestURI+" "+r.Referer()+string(body))
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// requests is everything that the server was sent.
func (w *world) requests() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.asked, "\n")
}

func (w *world) look(path string) sitetest.Look {
	return sitetest.Look{URL: w.server.URL + path, Width: 360, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
}

func (w *world) link(form string, payload []byte) string {
	return twoddoc.Link(form, payload)
}

const data = `document.getElementById("wallet").dataset`

func ready(v *sitetest.Visit) { v.Value(data + ".state"); v.Value(data + ".offline") }

func give(t *testing.T, name string, b []byte) chromedp.Action[chromedp.Void] {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file})
}

func says(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(sitetest.Plain(got), w) {
			t.Errorf("the page does not say %q:\n%s", w, got)
		}
	}
}

const (
	keep   = `#found .actions button`
	text   = `document.querySelector("main").innerText`
	tagged = `[...document.querySelectorAll("#people .tag")].map((e) => e.innerText).join(" ")`
)

func cards(n string) string { return data + ".cards === '" + n + "' ? 'yes' : ''" }

// TestWallet walks from a PDF to the verdict without a network: keep, come back, show, be told of a
// revocation, take a copy to another place, remove everything. The server never sees a certificate.
func TestWallet(t *testing.T) {
	w := newWorld(t)
	first, second := w.Attest(t, "Fougère"), w.Attest(t, "Tilleul")
	sitetest.NewBrowser(t).Visit(t, w.look("/"), func(v *sitetest.Visit) {
		ready(v)
		if installable, err := v.Installable(); err != nil || len(installable) > 0 {
			t.Errorf("cannot be installed: %v %v", installable, err)
		}
		v.Do(give(t, "attestation.pdf", sitetest.Page(t, first)))
		if n := v.Value(data + ".found"); n != "1" {
			t.Fatalf("%s documents in a PDF with two codes of one", n)
		}
		says(t, v.Value(text), "Voici ce qui a été lu", "FOUGERE", "12/03/1958", "Valide")
		v.Do(sitetest.Click(keep))
		v.Value(cards("1"))
		v.Do(give(t, "photo.png", sitetest.PNG(t, sitetest.Picture(t, second, 800, 600, 5))))
		v.Value(data + ".found")
		v.Do(sitetest.Click(keep))
		v.Value(cards("2"))

		t.Run("the same document is kept once", func(t *testing.T) {
			v.Do(give(t, "again.txt", first))
			v.Value(data + ".found")
			v.Do(sitetest.Click(keep))
			v.Value(`document.getElementById("told").innerText.includes("déjà") ? "yes" : ""`)
			if n := v.Value(data + ".cards"); n != "2" {
				t.Errorf("%s cards", n)
			}
		})
		t.Run("nothing of it lies in the clear in the browser's database", func(t *testing.T) {
			all := v.Await(`new Promise((resolve) => { const open = indexedDB.open("portefeuille"); open.onsuccess = () => {
				const all = open.result.transaction("documents").objectStore("documents").getAll();
				all.onsuccess = () => { const text = all.result.map((d) => d.id + new TextDecoder("latin1").decode(d.sealed)).join(" "); open.result.close(); resolve(text); } } })`)
			if len(all) < 400 || strings.Contains(all, "FOUGERE") || strings.Contains(all, "DC04") || strings.Contains(all, "payload") {
				t.Errorf("%d characters:\n%q", len(all), all)
			}
			key := v.Await(`new Promise((resolve) => { const open = indexedDB.open("portefeuille"); open.onsuccess = () => {
				const get = open.result.transaction("keys").objectStore("keys").get("main");
				get.onsuccess = () => { open.result.close(); crypto.subtle.exportKey("raw", get.result.key).then(() => resolve("exported"), (e) => resolve(e.name)); } } })`)
			if key != "InvalidAccessError" {
				t.Errorf("the key: %s", key)
			}
		})
		t.Run("it is shown large, without a network, and reads as what was kept", func(t *testing.T) {
			w.server.CloseClientConnections()
			v.Do(chromedp.Navigate(w.server.URL + "/"))
			ready(v)
			v.Value(cards("2"))
			v.Do(sitetest.Click("#people .pass > button"))
			if name := v.Value(data + ".showing"); !strings.Contains(name, "FOUGERE") {
				t.Errorf("shows %q", name)
			}
			if at := v.Value(`document.activeElement.id`); at == "" {
				t.Error("the focus is nowhere")
			}
			first := v.Value(`document.querySelector("#symbol path").getAttribute("d")`)
			v.Do(chromedp.KeyEvent(kb.ArrowRight))
			v.Value(data + `.showing.includes("TILLEUL") ? "yes" : ""`)
			if first == v.Value(`document.querySelector("#symbol path").getAttribute("d")`) {
				t.Error("the next certificate has the same code")
			}
			v.Do(chromedp.KeyEvent(kb.Escape))
			v.Value(`document.getElementById("shown").open ? "" : "closed"`)
		})
		t.Run("a revocation is told once the public list says it", func(t *testing.T) {
			w.revoked.Store(w.List(t, second))
			w.now.Add(int64((browser.Fresh + time.Minute).Seconds()))
			v.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("more").open = true; undefined`), sitetest.Click("#refresh"))
			v.Value(`document.querySelector("#alerts .banner") ? "yes" : ""`)
			says(t, v.Value(text), "TILLEUL", "a été révoqué", "Révoqué")
			if tags := v.Value(tagged); !strings.Contains(tags, "Valide") || !strings.Contains(tags, "Révoqué") {
				t.Errorf("tags %s", tags)
			}
		})
		var copied string
		t.Run("a copy opens with its passphrase and with nothing else", func(t *testing.T) {
			v.Do(chromedp.Evaluate[chromedp.Void](`window.copies = []; const real = URL.createObjectURL; URL.createObjectURL = (b) => { b.text().then((t) => window.copies.push(t)); return real(b); }; undefined`),
				chromedp.SetJavascriptAttribute(chromedp.CSS("#secret"), "value", "court"), sitetest.Click("#export button"))
			v.Value(`document.getElementById("told").innerText.includes("12 caractères") ? "yes" : ""`)
			v.Do(chromedp.SetJavascriptAttribute(chromedp.CSS("#secret"), "value", "une fougère sous un tilleul"), sitetest.Click("#export button"))
			copied = v.Value(`window.copies[0]`)
			if strings.Contains(copied, "FOUGERE") || !strings.Contains(copied, `"rounds":600000`) {
				t.Errorf("the copy: %s", copied)
			}
		})
		t.Run("removing everything leaves nothing that opens", func(t *testing.T) {
			v.Do(sitetest.Click("#forget"), sitetest.Click("#erase button"))
			v.Value(cards("0"))
			left := v.Await(`new Promise((resolve) => { const open = indexedDB.open("portefeuille"); open.onsuccess = () => {
				const count = open.result.transaction("documents").objectStore("documents").count(); count.onsuccess = () => { open.result.close(); resolve(String(count.result)); } } })`)
			if left != "0" {
				t.Errorf("%s documents are left", left)
			}
		})
		t.Run("the copy brings everything back", func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "copy.json")
			if err := os.WriteFile(file, []byte(copied), 0o600); err != nil {
				t.Fatal(err)
			}
			restore := func(secret string) {
				v.Do(chromedp.SetUploadFiles(chromedp.CSS("#copy"), []string{file}), chromedp.SetJavascriptAttribute(chromedp.CSS("#opens"), "value", secret), sitetest.Click("#restore button"))
			}
			restore("une autre phrase")
			v.Value(`document.getElementById("told").innerText.includes("ne s’ouvre pas") ? "yes" : ""`)
			restore("une fougère sous un tilleul")
			v.Value(cards("2"))
		})
		t.Run("one certificate is removed after a question", func(t *testing.T) {
			v.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#people details").open = true; undefined`), sitetest.Click("#people details .actions button"), sitetest.Click("#people details .actions button"))
			v.Value(cards("1"))
		})
	})
	for _, secret := range []string{"DC04", "FOUGERE", "Foug", "TILLEUL", "12031958"} {
		if strings.Contains(w.requests(), secret) || strings.Contains(w.log.String(), secret) {
			t.Errorf("the server saw %s", secret)
		}
	}
}

// TestLinks opens the links that codes carry. The certificate goes out of the address at once, and to
// no server, whatever the form once the page was visited.
func TestLinks(t *testing.T) {
	w := newWorld(t)
	payload := w.Attest(t, "Fougère")
	sitetest.NewBrowser(t).Visit(t, w.look("/"), func(v *sitetest.Visit) {
		ready(v)
		for _, form := range []string{"/app/wallet2d#", "/app/wallet?v=", "/app/wallet#"} {
			t.Run(form, func(t *testing.T) {
				v.Do(chromedp.Navigate(w.server.URL+"/?lang=fr"), chromedp.Navigate(w.link(w.server.URL+form, payload)))
				v.Value(data + ".found")
				says(t, v.Value(text), "FOUGERE", "Valide")
				if at := v.Value(`location.href`); at != w.server.URL+"/" {
					t.Errorf("the address is %s", at)
				}
				v.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("#found .actions button")[1].click()`))
				v.Value(`document.getElementById("found").hidden ? "yes" : ""`)
			})
		}
	})
	if strings.Contains(w.requests(), "DC04") {
		t.Error("the server saw a certificate")
	}
	t.Run("before any visit, a link with a question mark is answered and not logged", func(t *testing.T) {
		sitetest.NewBrowser(t).Visit(t, w.look(w.link("/app/wallet?v=", payload)), func(v *sitetest.Visit) {
			v.Value(data + ".found")
			says(t, v.Value(text), "FOUGERE")
		})
		if strings.Contains(w.log.String(), "DC04") {
			t.Error("the log holds a certificate")
		}
	})
}

// TestTroubles: what cannot be read is said, and nothing is kept.
func TestTroubles(t *testing.T) {
	w := newWorld(t)
	sitetest.NewBrowser(t).Visit(t, w.look("/"), func(v *sitetest.Visit) {
		ready(v)
		v.Do(give(t, "other.txt", []byte("rien")))
		v.Value(data + ".found")
		says(t, v.Value(text), "Rien à ajouter", "ucun code 2D-Doc")
		v.Do(give(t, "forged.txt", w.Forged(t)))
		v.Value(`document.querySelector("#found .pass.bad") ? "yes" : ""`)
		says(t, v.Value(text), "Non valide", "La signature ne correspond pas")
		if n := v.Value(data + ".cards"); n != "0" {
			t.Errorf("%s cards", n)
		}
	})
}

// TestLook looks at the states of the page.
func TestLook(t *testing.T) {
	w := newWorld(t)
	first, second, third := w.Attest(t, "Fougère"), w.Attest(t, "Tilleul"), w.Attest(t, "Aubépine")
	browser := sitetest.NewBrowser(t)
	without := w.look("/")
	without.JS = false
	browser.Check(t, "portefeuille-without-scripts", without)
	browser.Visit(t, w.look("/"), func(v *sitetest.Visit) {
		ready(v)
		v.Check(t, "portefeuille-empty")
		v.Do(give(t, "a.txt", first))
		v.Value(data + ".found")
		v.Check(t, "portefeuille-found")
		v.Do(sitetest.Click(keep))
		v.Value(cards("1"))
		for i, p := range [][]byte{second, third} {
			v.Do(give(t, "b.txt", p))
			v.Value(data + ".found")
			v.Do(sitetest.Click(keep))
			v.Value(cards(string(rune('2' + i))))
		}
		w.revoked.Store(w.List(t, second))
		w.now.Add(int64((6 * time.Minute).Seconds()))
		v.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("more").open = true; document.querySelector("#people details").open = true; undefined`), sitetest.Click("#refresh"))
		v.Value(`document.querySelector("#alerts .banner") ? "yes" : ""`)
		v.Check(t, "portefeuille-cards")
		v.Do(sitetest.Click("#people .pass > button"))
		v.Value(data + ".showing")
		v.Check(t, "portefeuille-shown")
	})
}

func TestWords(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

// TestPages: the page and its parts, in both languages; every page under 60 kB, compressed.
func TestPages(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"/": "Mon portefeuille", "/fr": "Mon portefeuille", "/en": "My wallet", "/app/wallet2d": "Mon portefeuille", "/app/wallet?v=DC04": "Mon portefeuille", "/app/walletdcc": "Mon portefeuille"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", "fr")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) || len(body) > 60_000 {
			t.Errorf("%s: %d, %d bytes, %v", path, resp.StatusCode, len(body), err)
		}
		if cookies := resp.Cookies(); len(cookies) > 0 {
			t.Errorf("%s sets %v", path, cookies)
		}
		lang := "fr"
		if path == "/en" {
			lang = "en"
		}
		sitetest.CheckHTML(t, string(body), lang)
	}
}
