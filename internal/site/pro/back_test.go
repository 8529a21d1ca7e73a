package pro

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"carnet/internal/site/sitetest"
)

// TestBack records a dose in a real browser, then goes back: the browser meets the saved dose,
// without asking whether to send a form again, and nothing is recorded twice.
func TestBack(t *testing.T) {
	f := newFake(t)
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	sitetest.NewBrowser(t).Visit(t, sitetest.Look{URL: server.URL + person, Width: 1280, Scheme: sitetest.Light, Headers: map[string]string{"Accept-Language": "fr"}},
		func(v *sitetest.Visit) {
			v.Do(sitetest.Press(".sheet .actions a.button"))
			v.Do(chromedp.SetValue(chromedp.CSS("#vaccine"), "EU/1/20/1528"), chromedp.SetValue(chromedp.CSS("#lot"), "QX12"), sitetest.Tick("#site"), sitetest.Tick("#asked"))
			v.Do(sitetest.Press("form.form .actions button"))
			v.Expect("/verification", "Vérifier avant d'enregistrer")
			v.Do(chromedp.Reload())
			v.Expect("/verification", "Vérifier avant d'enregistrer")
			v.Do(sitetest.Press(".sheet .actions button"))
			v.Expect("/confirmation", "C'est enregistré")
			for _, where := range []string{"check page", "form"} {
				v.Do(chromedp.NavigateBack())
				if at := v.Expect("/doses/"+id(60).String()+"?fait=deja", "Rien n'a été saisi deux fois"); strings.Contains(at, "verification") {
					t.Errorf("going back to the %s leads to %s", where, at)
				}
			}
		})
	if len(f.recorded) != 1 {
		t.Errorf("recorded %d times", len(f.recorded))
	}
}
