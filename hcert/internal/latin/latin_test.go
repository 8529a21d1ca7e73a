package latin_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"carnet/hcert/internal/latin"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// check holds the answers against the tables.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, s string) {
	t.Helper()
	if got := latin.IsNFC(s); got != norm.NFC.IsNormalString(s) {
		t.Fatalf("%q: NFC %t", s, got)
	}
	if got := latin.NFC(s); got != norm.NFC.String(s) {
		t.Fatalf("%q: in NFC %q", s, got)
	}
	if got := latin.IsPrintable(s); got != (utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)) {
		t.Fatalf("%q: printable %t", s, got)
	}
}

// TestPairs goes through every pair of characters below U+0310, which is a little beyond where the
// tables are asked.
func TestPairs(t *testing.T) {
	for a := range rune(0x310) {
		for b := range rune(0x310) {
			s := string([]rune{a, b})
			if latin.IsNFC(s) != norm.NFC.IsNormalString(s) || latin.NFC(s) != norm.NFC.String(s) {
				t.Fatalf("%U %U: NFC %t", a, b, latin.IsNFC(s))
			}
		}
	}
}

// TestBytes puts every byte at every place of texts of several lengths.
func TestBytes(t *testing.T) {
	for n := 1; n <= 25; n++ {
		for at := range n {
			for b := range 256 {
				s := []byte("Laboratoire du Verger, Pin")[:n]
				s[at] = byte(b)
				check(t, string(s))
			}
		}
	}
}

func TestText(t *testing.T) {
	check(t, "")
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.String().Draw(t, "text"))
		check(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")))
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"Fougère", "Fouge\u0300re", "\u0344", "a\x7f", "Φτέρη", "\xff", "a\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { check(t, s) })
}
