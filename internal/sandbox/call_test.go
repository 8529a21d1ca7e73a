package sandbox_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"carnet/internal/sandbox/phone/phonetest"
	"carnet/internal/site/sitetest"

	"github.com/chromedp/chromedp"
)

var shownNumber = regexp.MustCompile(`<p class="word num">(\d+)</p>`)

// TestPhoneOnTheIssuersPage: the code flow, with the number typed at the provider (R25).
func TestPhoneOnTheIssuersPage(t *testing.T) {
	w := start(t, t.TempDir())
	device := phonetest.Give(t, w.psc.URL, "ines.bruyere", rand.Reader)
	call := func(b *browser, number string) string {
		t.Helper()
		m := action.FindStringSubmatch(b.body)
		if m == nil {
			t.Fatalf("no form: %s", b.body)
		}
		b.do("POST", w.psc.URL+m[1], url.Values{"number": {number}, "action": {"phone"}})
		if n := shownNumber.FindStringSubmatch(b.body); n != nil {
			return n[1]
		}
		return ""
	}
	again := func(b *browser) *browser {
		b.t.Helper()
		m := regexp.MustCompile(`action="(/auth/realms/[^"]+)"`).FindStringSubmatch(b.body)
		if m == nil {
			b.t.Fatalf("no page to look at again: %s", b.body)
		}
		return b.get(w.psc.URL + m[1])
	}
	begin := func() *browser {
		return newBrowser(t).do("POST", w.pro.server.URL+"/connexion", url.Values{"retour": {"/moi"}})
	}
	t.Run("approved on the phone", func(t *testing.T) {
		b := begin()
		number := call(b, "99700000120")
		if len(number) != 2 || b.last.Header.Get("Refresh") != "2" {
			t.Fatalf("number %q, %v", number, b.last.Header)
		}
		if again(b); shownNumber.FindStringSubmatch(b.body)[1] != number {
			t.Error("the number changed")
		}
		if err := device.Approve(number); err != nil {
			t.Fatal(err)
		}
		again(b)
		if w.pro.err != nil || !strings.Contains(b.body, "bonjour") {
			t.Fatalf("%v: %s", w.pro.err, b.body)
		}
		if p, err := w.pro.identity.Claims.Professional(); err != nil || p.Number.Reveal() != "899700000120" || w.pro.identity.SID == "" {
			t.Errorf("%v, sid %q", err, w.pro.identity.SID)
		}
	})
	for name, c := range map[string]struct{ decision, typed, want string }{
		"declined on the phone":            {"decline", "", "refused on the telephone"},
		"reported on the phone":            {"report", "", "refused on the telephone"},
		"R3 the wrong number on the phone": {"approve", "100", "was not the right one"},
	} {
		t.Run(name, func(t *testing.T) {
			b := begin()
			call(b, "99700000120")
			list, err := device.Requests()
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if err := device.Show(list[0]); err != nil {
				t.Fatal(err)
			}
			_, _ = device.Decide(list[0], c.decision, c.typed, phonetest.Code)
			if again(b); !strings.Contains(sitetest.Plain(b.body), c.want) {
				t.Errorf("the page does not say %q", c.want)
			}
			sitetest.CheckHTML(t, b.body, "en")
		})
	}
	t.Run("R13 left on the computer: the phone clears", func(t *testing.T) {
		w.later.forward(10 * time.Minute)
		b := begin()
		call(b, "99700000120")
		m := regexp.MustCompile(`action="(/auth/realms/[^"]+)"`).FindStringSubmatch(b.body)
		b.do("POST", w.psc.URL+m[1], url.Values{"action": {"leave"}})
		if list, err := device.Requests(); err != nil || len(list) > 0 || !strings.Contains(b.body, `id="password"`) {
			t.Errorf("the phone shows %d: %v", len(list), err)
		}
	})
	t.Run("in another browser nothing is to be seen", func(t *testing.T) {
		b := begin()
		number := call(b, "99700000120")
		m := regexp.MustCompile(`action="(/auth/realms/[^"]+)"`).FindStringSubmatch(b.body)
		other := newBrowser(t).get(w.psc.URL + m[1])
		if other.last.StatusCode != http.StatusUnauthorized || strings.Contains(other.body, ">"+number+"<") {
			t.Errorf("status %d", other.last.StatusCode)
		}
		if err := device.Approve(number); err != nil {
			t.Fatal(err)
		}
		if other.get(w.psc.URL + m[1]); other.last.StatusCode != http.StatusUnauthorized {
			t.Errorf("R14 after the approval: %d", other.last.StatusCode)
		}
	})
	t.Run("R8 a number that nobody has is waited for", func(t *testing.T) {
		if number := call(begin(), "99700218896"); len(number) != 2 {
			t.Errorf("number %q", number)
		}
	})
	t.Run("not a number", func(t *testing.T) {
		b := begin()
		if call(b, "99700000121") != "" || !strings.Contains(b.body, "This is no e-CPS number") {
			t.Error("it is called")
		}
		sitetest.CheckHTML(t, b.body, "en")
	})
	t.Run("R6 R7 after five calls the phone no longer rings, and the login still succeeds", func(t *testing.T) {
		w.later.forward(20 * time.Minute)
		for range 5 {
			if number := call(begin(), "99700000120"); len(number) != 2 {
				t.Fatalf("number %q", number)
			}
		}
		b := begin()
		number := call(b, "99700000120")
		if len(number) != 6 || !strings.Contains(b.body, "will not ring") {
			t.Fatalf("number %q", number)
		}
		r, err := device.Find(number)
		if err != nil {
			t.Fatal(err)
		}
		if err := device.Show(r); err != nil {
			t.Fatal(err)
		}
		w.later.forward(5 * time.Second)
		if _, err := device.Decide(r, "approve", number, phonetest.Code); err != nil {
			t.Fatal(err)
		}
		if again(b); !strings.Contains(b.body, "bonjour") {
			t.Errorf("%v: %s", w.pro.err, b.body)
		}
	})
}

// TestPhonePagesOfTheIssuer looks at them.
func TestPhonePagesOfTheIssuer(t *testing.T) {
	w := start(t, t.TempDir())
	browser := sitetest.NewBrowser(t)
	connect := sitetest.Press("#connexion")
	for name, number := range map[string]string{"psc-call": "99700000120", "psc-call-wrong": "12"} {
		t.Run(name, func(t *testing.T) {
			browser.Check(t, "sandbox-"+name, sitetest.Look{URL: w.pro.server.URL + "/", Headers: map[string]string{"Accept-Language": "fr"},
				Do: []chromedp.Action[chromedp.Void]{connect, typed("#number", number), sitetest.Press(`button[value="phone"]`)}})
		})
	}
}
