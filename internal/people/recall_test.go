package people

import (
	"crypto/sha256"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

// TestRecall: every code is read back however it is typed, and no slip of a letter or of two makes
// another one.
func TestRecall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := recallCode(sha256.Sum256([]byte(rapid.String().Draw(t, "seed"))))
		s := code.Reveal()
		if got, err := ParseRecall(" " + strings.ToLower(PrintRecall(code)) + " "); err != nil || !got.Equal(code) {
			t.Fatalf("%s: %v", s, err)
		}
		i := rapid.IntRange(0, len(s)-1).Draw(t, "place")
		other := rapid.SampledFrom([]byte(letters)).Draw(t, "letter")
		if slip := s[:i] + string(other) + s[i+1:]; slip != s {
			if _, err := ParseRecall(slip); err == nil {
				t.Fatalf("%s and %s are both right", s, slip)
			}
		}
		j := rapid.IntRange(0, len(s)-1).Draw(t, "other place")
		b := []byte(s)
		b[i], b[j] = b[j], b[i]
		if swapped := string(b); swapped != s {
			if _, err := ParseRecall(swapped); err == nil {
				t.Fatalf("%s and %s are both right", s, swapped)
			}
		}
	})
}

func TestParseRecall(t *testing.T) {
	for _, text := range []string{"", "ABC", "ABC-DEF-GHIJ", "ABC-DEF-GH1", "IOQ-IOQ-IOQ", "ABCDEFGHJK", strings.Repeat("A", 1000), "ÀBC-DEF-GHJ"} {
		if _, err := ParseRecall(text); carnet.CodeOf(err) != "person.recall" {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for text, want := range map[string]bool{"ABC-DEF": true, "abc": true, "2 85 05 2A 999 001": false, "285": false, "": false, "--": false} {
		if LooksLikeRecall(text) != want {
			t.Errorf("%q looks like a code: %v", text, !want)
		}
	}
}

func FuzzParseRecall(f *testing.F) {
	f.Add("ABC-DEF-GHN")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseRecall(text)
		if err != nil {
			return
		}
		again, err := ParseRecall(PrintRecall(code))
		if err != nil || !again.Equal(code) || len(code.Reveal()) != recallLength {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestUnder(t *testing.T) {
	today := carnet.Date{Year: 2026, Month: 11, Day: 22}
	for birth, want := range map[string]bool{"2010-11-22": false, "2010-11-23": true, "2010-11-21": false, "2011-00-00": true, "2010-00-00": false, "2026-01-01": true, "1950-00-00": false} {
		b, err := carnet.ParseBirthDate(birth)
		if err != nil {
			t.Fatal(err)
		}
		if under(b, ownRecord, today) != want {
			t.Errorf("%s is under %d: %v", birth, ownRecord, !want)
		}
	}
	if under(carnet.BirthDate{}, ownRecord, today) {
		t.Error("nobody knows the age")
	}
}
