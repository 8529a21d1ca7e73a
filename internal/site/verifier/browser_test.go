package verifier

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
)

// asked counts what a server is asked for.
type asked struct {
	http.Handler
	mu   sync.Mutex
	list []string
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.list = append(a.list, r.Method+" "+r.URL.Path)
	a.mu.Unlock()
	a.Handler.ServeHTTP(w, r)
}

func (a *asked) since(n int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list[n:]
}

func (a *asked) count() int { return len(a.since(0)) }

// ready waits until the page says that it can verify, and until the service worker has everything.
func ready(v *sitetest.Visit) {
	v.Value(`document.getElementById("check").dataset.state`)
	v.Value(`document.getElementById("check").dataset.offline`)
}

const (
	file = `#file`
	text = `#text`
)

func shown(v *sitetest.Visit) string {
	v.Value(`document.getElementById("check").dataset.shown`)
	return v.Value(`document.getElementById("result").innerText`)
}

func paste(s string) chromedp.Action[chromedp.Void] {
	return chromedp.SetJavascriptAttribute(chromedp.CSS(text), "value", s)
}

func says(t *testing.T, got string, want ...string) {
	t.Helper()
	got = sitetest.Plain(got)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("the page does not say %q:\n%s", w, got)
		}
	}
}

// TestDevice verifies on the device: a text, a picture, a PDF, forged and revoked ones; nothing is
// sent meanwhile, and at last the server is gone.
func TestDevice(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	withdrawn := i.Attest(t, "Tilleul")
	_, h := start(t, verify.Checker{Trust: i.Trust, Revoked: i.List(t, withdrawn), Rules: rulesOf(t)}, Control, io.Discard)
	a := &asked{Handler: h}
	server := httptest.NewServer(a)
	defer server.Close()
	dir := t.TempDir()
	payload := i.Attest(t, "Fougère")
	browser := sitetest.NewBrowser(t)
	look := sitetest.Look{URL: server.URL + "/", Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	browser.Visit(t, look, func(v *sitetest.Visit) {
		ready(v)
		installable, err := v.Installable()
		if err != nil || len(installable) > 0 {
			t.Errorf("cannot be installed: %v %v", installable, err)
		}
		before := a.count()
		v.Do(paste(string(payload)), sitetest.Click("#submit"))
		says(t, shown(v), "Valide", "FOUGERE", "12/03/1958", "2 sur 2", "N'est sur aucune liste de révocation")
		for _, step := range []struct {
			name string
			data []byte
			want []string
		}{
			{"picture.png", sitetest.PNG(t, sitetest.Picture(t, payload, 800, 600, 5)), []string{"Valide", "FOUGERE", "DataMatrix."}},
			{"attestation.pdf", sitetest.Page(t, payload), []string{"Valide", "FOUGERE", "page 1, DataMatrix et page 1, code QR"}},
			{"forged.txt", i.Forged(t), []string{"Non valide", "signature.invalid", "la signature ne correspond pas", "sans preuve"}},
			{"revoked.txt", withdrawn, []string{"Non valide", "revoked", "Figure sur une liste de révocation"}},
			{"other.txt", []byte("rien"), []string{"Aucun verdict", "Aucun code 2D-Doc ni HC1 n'a été trouvé"}},
		} {
			v.Do(sitetest.Click("#again"), chromedp.SetUploadFiles(chromedp.CSS(file), []string{write(t, filepath.Join(dir, step.name), step.data)}))
			got := shown(v)
			for k := range step.want {
				if !strings.Contains(strings.ToLower(sitetest.Plain(got)), strings.ToLower(step.want[k])) {
					t.Errorf("%s: the page does not say %q:\n%s", step.name, step.want[k], got)
				}
			}
		}
		if sent := a.since(before); len(sent) > 0 {
			t.Errorf("asked for while verifying: %v", sent)
		}

		server.Close() // no network from here on
		v.Do(chromedp.Navigate(look.URL))
		ready(v)
		v.Do(paste(string(payload)), sitetest.Click("#submit"))
		says(t, shown(v), "Valide", "FOUGERE")
		v.Do(chromedp.Navigate(look.URL + "?lang=en"))
		ready(v)
		v.Do(paste(string(payload)), sitetest.Click("#submit"))
		says(t, shown(v), "Valid", "1958-03-12")
	})
}

// TestDeviceRevokedCertificate: a device without a network knows that a signing certificate was revoked, by
// the bundle that it has, and says since when; and on what day it learned that another one was not.
func TestDeviceRevokedCertificate(t *testing.T) {
	today := time.Now().UTC().Format("02/01/2006")
	for _, c := range []struct {
		name    string
		revoked bool
		want    []string
	}{
		{"revoked", true, []string{"Non valide", "certificate.revoked", "même daté d'avant", "Révoqué le " + time.Now().UTC().AddDate(0, 0, -1).Format("02/01/2006") + ", selon la liste de révocation du " + today}},
		{"good", false, []string{"Valide", "FOUGERE", "Certificat de l'émetteur non révoqué, liste du " + today}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := bundled(t, "FR91", c.revoked)
			_, h := start(t, verify.Checker{Trust: i.Trust}, Control, io.Discard)
			server := httptest.NewServer(h)
			defer server.Close()
			look := sitetest.Look{URL: server.URL + "/", Width: 360, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
			sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
				ready(v)
				says(t, v.Value(`document.querySelector("main").innerText`), "Certificats et révocations 2D-Doc", "réunis le "+today)
				server.Close() // no network from here on
				v.Do(chromedp.Navigate(look.URL))
				ready(v)
				v.Do(paste(string(i.Attest(t, "Fougère"))), sitetest.Click("#submit"))
				says(t, shown(v), c.want...)
			})
		})
	}
}

// TestWithoutScripts: nothing on the page promises what it cannot do then.
func TestWithoutScripts(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	_, h := start(t, verify.Checker{Trust: i.Trust}, Minimal, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	look := sitetest.Look{URL: server.URL + "/", Width: 360, Scheme: sitetest.Light, Headers: map[string]string{"Accept-Language": "fr"}}
	sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
		v.Expect("/", "Envoyer et vérifier")
		seen := sitetest.Plain(v.Value(`document.body.innerText`))
		for _, promise := range []string{"Prêt", "Scanner", "rien n'est envoyé"} {
			if strings.Contains(seen, promise) {
				t.Errorf("the page says %q", promise)
			}
		}
		v.Do(chromedp.SendKeys(chromedp.CSS(text), "rien"), sitetest.Press("#submit"))
		v.Expect("/verification", "Aucun verdict")
	})
}

// film writes a picture as a film of a few frames, as Chromium's fake camera plays it over and over.
func film(t *testing.T, img *image.Gray) string {
	t.Helper()
	b := img.Bounds()
	var out bytes.Buffer
	fmt.Fprintf(&out, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", b.Dx(), b.Dy())
	grey := bytes.Repeat([]byte{128}, b.Dx()*b.Dy()/2)
	for range 5 {
		out.WriteString("FRAME\n")
		out.Write(img.Pix)
		out.Write(grey)
	}
	return write(t, filepath.Join(t.TempDir(), "camera.y4m"), out.Bytes())
}

// TestCamera shows an attestation to the camera, without the mouse.
func TestCamera(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	_, h := start(t, verify.Checker{Trust: i.Trust}, Minimal, io.Discard)
	a := &asked{Handler: h}
	server := httptest.NewServer(a)
	defer server.Close()
	browser := sitetest.NewBrowser(t, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film(t, sitetest.Picture(t, i.Attest(t, "Fougère"), 1280, 720, 5))))
	look := sitetest.Look{URL: server.URL + "/", Width: 360, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	browser.Visit(t, look, func(v *sitetest.Visit) {
		ready(v)
		before := a.count()
		v.Do(chromedp.Focus(chromedp.CSS("#scan")), chromedp.KeyEvent("\r"))
		got := shown(v)
		says(t, got, "Valide", "FOUGERE", "12/03/1958")
		if strings.Contains(got, "COMIRNATY") {
			t.Error("minimal mode shows the vaccine")
		}
		if at := v.Value(`document.activeElement.className`); at != "word" {
			t.Errorf("the focus is on %q, not on the verdict", at)
		}
		if live := v.Value(`String(document.getElementById("video").srcObject)`); live != "null" {
			t.Error("the camera is still on")
		}
		t.Logf("from the button to the verdict: %s ms", v.Value(`document.getElementById("check").dataset.took`))
		if sent := a.since(before); len(sent) > 0 {
			t.Errorf("asked for while scanning: %v", sent)
		}
	})
}

// TestCameraLook looks at the page while the camera finds nothing.
func TestCameraLook(t *testing.T) {
	_, h := start(t, verify.Checker{}, Minimal, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	blank := image.NewGray(image.Rect(0, 0, 640, 480))
	for k := range blank.Pix {
		blank.Pix[k] = 0xb0
	}
	browser := sitetest.NewBrowser(t, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film(t, blank)))
	browser.Check(t, "verifier-camera", sitetest.Look{URL: server.URL + "/", JS: true, Headers: map[string]string{"Accept-Language": "fr"},
		Do: []chromedp.Action[chromedp.Void]{sitetest.Click("#scan"), playing}})
}
