package pro

import (
	"context"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"carnet/internal/carnet"
	"carnet/internal/site/sitetest"
)

// keyboard counts the keys that are pressed on a page.
type keyboard struct {
	v     *sitetest.Visit
	count int
}

// press presses keys that count, one after the other; load waits for the page that the last one brings.
func (k *keyboard) press(keys ...string) {
	for _, key := range keys {
		k.count++
		k.v.Do(chromedp.KeyEvent(key))
	}
}

func (k *keyboard) load(key string) {
	k.count++
	k.v.Do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.KeyEvent(key))(ctx, t)
		return chromedp.Void{}, err
	})
}

// data types what the count leaves out: a number, a lot, a date.
func (k *keyboard) data(text string) { k.v.Do(chromedp.KeyEvent(text)) }

func (k *keyboard) focus(t *testing.T, want string) {
	t.Helper()
	if got := k.v.Value("document.activeElement.name || document.activeElement.tagName"); got != want {
		t.Errorf("the focus is on %q, want %q", got, want)
	}
}

// TestKeyboard records doses with the keyboard alone, and counts: the first dose of a run in at most 25
// keystrokes beyond the person's number, the lot and the date, the next person in at most 4 beyond the
// number (issue of the workspace; docs/benchmarks.md).
func TestKeyboard(t *testing.T) {
	f := newFake(t)
	f.people[1].Identity.NIR = mustNIR(t, "1900199999001")
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	look := sitetest.Look{URL: server.URL + "/vacciner", Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	sitetest.NewBrowser(t).Visit(t, look, func(v *sitetest.Visit) {
		k := &keyboard{v: v}
		k.focus(t, "nir")
		k.data(f.people[0].Identity.NIR.Reveal())
		k.load(kb.Enter)
		k.focus(t, "scan")
		k.press(kb.Tab, "C", kb.Tab)
		k.focus(t, "lot")
		k.data("QX12")
		k.press(kb.Tab)
		k.focus(t, "expiry-day")
		k.data("31")
		k.press(kb.Tab)
		k.data("12")
		k.press(kb.Tab)
		k.data("2021")
		k.press(kb.Tab, kb.Tab)
		k.focus(t, "asked")
		k.press(" ", "1")
		k.focus(t, "site")
		k.load(kb.Enter)
		v.Expect("/verification", "Vérifier avant d'enregistrer")
		k.load(kb.Enter)
		v.Expect("/confirmation", "C'est enregistré")
		k.load(kb.Enter)
		v.Expect("/vacciner", "Dans la série")
		t.Logf("first dose of a run, the run opened: %d keystrokes beyond number, lot and dates", k.count)
		if k.count > 25 {
			t.Errorf("first dose: %d keystrokes", k.count)
		}
		for i, person := range []carnet.Person{f.people[1], f.people[0]} {
			k.count = 0
			k.focus(t, "nir")
			k.data(person.Identity.NIR.Reveal())
			k.load(kb.Enter)
			k.focus(t, "asked")
			k.press(" ", "2")
			k.load(kb.Enter)
			v.Expect("/vacciner?", "C'est enregistré")
			t.Logf("next person: %d keystrokes beyond the number", k.count)
			if k.count > 4 {
				t.Errorf("next person: %d keystrokes", k.count)
			}
			if d := f.recorded[i+1]; d.Lot.Reveal() != "QX12" || d.BodySite != carnet.RightArm || d.Consent.By != carnet.BySelf || d.Run.IsZero() || d.Expiry.Year != 2021 {
				t.Errorf("recorded %+v", d)
			}
		}
		// Undo in place.
		k.count = 0
		v.Do(sitetest.Press("form[action='/vacciner/annulation'] button"))
		v.Expect("fait=annulation", "La saisie est annulée")
		if len(f.undone) != 1 {
			t.Errorf("undone: %v", f.undone)
		}
	})
	if len(f.recorded) != 3 {
		t.Errorf("recorded %d doses", len(f.recorded))
	}
}
