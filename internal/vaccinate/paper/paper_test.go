package paper

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

func TestParseSerial(t *testing.T) {
	s, err := draw(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(s), s.String(), strings.ToLower(s.String()), " " + string(s[:3]) + " " + string(s[3:]) + "\t"} {
		if got, err := ParseSerial(text); err != nil || got != s {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7KF2M", string(s) + "2", "0" + string(s[1:]), strings.Repeat("2", 1000), "é" + string(s[2:])} {
		if got, err := ParseSerial(text); carnet.CodeOf(err) != "form.malformed" || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestCheckHolds checks numbers by the definition of ISO/IEC 7064, hybrid system, and not as they are made.
func TestCheckHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune(letters)), serialLength-1, serialLength-1, -1).Draw(t, "text")
		whole := text + string(check(text))
		// The definition: with P(1)=M, S(j) = P(j) mod (M+1) + a(j), P(j+1) = (S(j) mod M, or M) · 2,
		// the number holds when S(n) mod M is 1.
		p, last := len(letters), 0
		for _, c := range whole {
			last = p%(len(letters)+1) + strings.IndexRune(letters, c)
			if p = last % len(letters); p == 0 {
				p = len(letters)
			}
			p *= 2
		}
		if last%len(letters) != 1 {
			t.Fatalf("%s does not hold", whole)
		}
		// No wrong letter passes, and no two neighbours that changed places but those that are alike.
		i := rapid.IntRange(0, serialLength-1).Draw(t, "i")
		for _, c := range letters {
			wrong := whole[:i] + string(c) + whole[i+1:]
			if _, err := ParseSerial(wrong); (err == nil) != (wrong == whole) {
				t.Fatalf("%s for %s: %v", wrong, whole, err)
			}
		}
	})
}

// TestSwappedNeighbours counts how many swaps of two neighbours go unseen: a handful in a hundred thousand.
func TestSwappedNeighbours(t *testing.T) {
	seen, missed := 0, 0
	for range 2000 {
		s, err := draw(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(s) - 1 {
			b := []byte(s)
			if b[i], b[i+1] = b[i+1], b[i]; string(b) == string(s) {
				continue
			}
			seen++
			if _, err := ParseSerial(string(b)); err == nil {
				missed++
			}
		}
	}
	if seen < 10000 || missed*200 > seen {
		t.Errorf("%d of %d swaps pass", missed, seen)
	}
}

func TestDrawNeedsChance(t *testing.T) {
	if _, err := draw(bytes.NewReader([]byte{1, 2})); carnet.KindOf(err) != carnet.Internal {
		t.Error(err)
	}
	if s, err := draw(bytes.NewReader(bytes.Repeat([]byte{255, 3}, 9))); err != nil || s[:9] != "555555555" { // 255 is above the last multiple of 30
		t.Error(s, err)
	}
}

func FuzzParseSerial(f *testing.F) {
	for _, s := range []string{"", "7KF2M-X9QAB", "\u00a0", "2222222222"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSerial(text)
		if err != nil {
			return
		}
		if again, err := ParseSerial(s.String()); err != nil || again != s {
			t.Fatal(text, s, again, err)
		}
	})
}
