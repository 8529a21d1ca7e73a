package api

import (
	"io"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"carnet/internal/site/sitetest"
)

// TestLook looks at the page for developers, its code folded and unfolded.
func TestLook(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	server := httptest.NewServer(start(t, newFake(t), io.Discard))
	defer server.Close()
	unfold := []chromedp.Action[chromedp.Void]{chromedp.Click(chromedp.CSS("details:nth-of-type(1) > summary")), chromedp.Click(chromedp.CSS("details:nth-of-type(2) > summary"))}
	for name, do := range map[string][]chromedp.Action[chromedp.Void]{"home": nil, "unfolded": unfold} {
		t.Run(name, func(t *testing.T) {
			browser.Check(t, "api-"+name, sitetest.Look{URL: server.URL + "/", Headers: map[string]string{"Accept-Language": "fr"}, Do: do})
		})
	}
}
