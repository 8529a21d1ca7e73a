package verifier

import (
	"context"
	"io"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
)

// TestLook looks at every state of the page in a real browser, with and without scripts.
func TestLook(t *testing.T) {
	i := sitetest.NewIssuer(t, "FR90", &verify.Trust{})
	sandbox := sitetest.NewIssuer(t, "FR00", i.Trust)
	checker := verify.Checker{Trust: i.Trust, Revoked: i.List(t), Rules: rulesOf(t)}
	ended := bundled(t, "FR91", true)
	bundles := verify.Checker{Trust: ended.Trust, Revoked: i.List(t), Rules: rulesOf(t)}
	dir := t.TempDir()
	browser := sitetest.NewBrowser(t)
	for _, page := range []struct {
		name string
		mode string
		data []byte
		js   bool
		know *verify.Checker // instead of the one of all
	}{
		{name: "home", mode: Minimal, js: true},
		{name: "home-without-scripts", mode: Minimal},
		{name: "valid-minimal", mode: Minimal, data: i.Attest(t, "Fougère"), js: true},
		{name: "valid-control", mode: Control, data: sitetest.Page(t, i.Attest(t, "Fougère")), js: true},
		{name: "forged", mode: Control, data: i.Forged(t), js: true},
		{name: "certificate-revoked", mode: Control, data: ended.Attest(t, "Fougère"), js: true, know: &bundles},
		{name: "test", mode: Minimal, data: sandbox.Attest(t, "Aubépine"), js: true},
		{name: "nothing", mode: Minimal, data: []byte("rien"), js: true},
		{name: "server-valid", mode: Minimal, data: i.Attest(t, "Fougère")},
	} {
		t.Run(page.name, func(t *testing.T) {
			know := checker
			if page.know != nil {
				know = *page.know
			}
			_, h := start(t, know, page.mode, io.Discard)
			server := httptest.NewServer(h)
			defer server.Close()
			look := sitetest.Look{URL: server.URL + "/", Headers: map[string]string{"Accept-Language": "fr"}, JS: page.js}
			if page.data != nil {
				give := chromedp.SetUploadFiles(chromedp.CSS(file), []string{write(t, filepath.Join(dir, page.name), page.data)})
				look.Do = []chromedp.Action[chromedp.Void]{give}
				if page.js {
					look.Do = append(look.Do, done)
				} else {
					look.Do = append(look.Do, sitetest.Press("#submit"))
				}
			}
			browser.Check(t, "verifier-"+page.name, look)
		})
	}
}

// done waits until the page shows an answer.
var done = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := chromedp.Poll[string](`document.getElementById("check").dataset.shown`, chromedp.WithPollingTimeout(time.Minute))(ctx, t)
	return err
})

// playing waits until the camera's picture is there.
var playing = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := chromedp.Poll[bool](`document.getElementById("video").videoWidth > 0`, chromedp.WithPollingTimeout(time.Minute))(ctx, t)
	return err
})
