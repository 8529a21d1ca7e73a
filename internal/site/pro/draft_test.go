package pro

import (
	"crypto/rand"
	"net/url"
	"testing"
)

// FuzzDraft: whatever stands in the address opens only when it was sealed here, for the same entry.
func FuzzDraft(f *testing.F) {
	d, err := newDrafts(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := d.seal(url.Values{"lot": {"EX4821"}}, "a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "a")
	f.Add(sealed, "b")
	f.Add("", "")
	f.Add("AAAA", "a")
	f.Fuzz(func(t *testing.T, text, bound string) {
		form, ok := d.open(text, bound)
		if text == sealed && bound == "a" && !ok {
			t.Error("what was sealed does not open")
		}
		if ok && (bound != "a" || form.Get("lot") != "EX4821") {
			t.Errorf("open(%q, %q) = %v", text, bound, form)
		}
	})
}
