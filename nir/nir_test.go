package nir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"carnet/nir"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in, dept, commune string
		sex                     nir.Sex
		year, month             int
		provisional             bool
	}{
		{"woman", "284058832102532", "88", "321", nir.Female, 84, 5, false},
		{"spaces", " 2 84 05 88 321 025 32 ", "88", "321", nir.Female, 84, 5, false},
		{"printed spaces", "2\u00a084\u202f05\u200988\u00a0321\u00a0025\u00a032", "88", "321", nir.Female, 84, 5, false},
		{"Corse-du-Sud", "284052A32102552", "2A", "321", nir.Female, 84, 5, false},
		{"Haute-Corse", "284052B32102579", "2B", "321", nir.Female, 84, 5, false},
		{"lower case", "284052b32102579", "2B", "321", nir.Female, 84, 5, false},
		{"month 20", "284202B32102528", "2B", "321", nir.Female, 84, 0, false},
		{"month 99", "284992B32102531", "2B", "321", nir.Female, 84, 0, false},
		{"published test card, insured", "155067200010159", "72", "000", nir.Male, 55, 6, false},
		{"published test card, own", "168017218137243", "72", "181", nir.Male, 68, 1, false},
		{"abroad", "285059977704254", "99", "777", nir.Female, 85, 5, false},
		{"neighbour of it", "285059977704353", "99", "777", nir.Female, 85, 5, false},
		{"man abroad", "155089977700114", "99", "777", nir.Male, 55, 8, false},
		{"fictitious Corse-du-Sud", "185052A77704233", "2A", "777", nir.Male, 85, 5, false},
		{"fictitious Haute-Corse", "185052B77704260", "2B", "777", nir.Male, 85, 5, false},
		{"month 50", "199509977704241", "99", "777", nir.Male, 99, 0, false},
		{"month 20 abroad", "285209977704203", "99", "777", nir.Female, 85, 0, false},
		{"remainder 0 gives key 97", "185059977704997", "99", "777", nir.Male, 85, 5, false},
		{"key 01", "185059977704801", "99", "777", nir.Male, 85, 5, false},
		{"waiting number of a man", "785059977704295", "99", "777", nir.Unknown, 85, 5, true},
		{"waiting number of a woman", "885059977704245", "99", "777", nir.Unknown, 85, 5, true},
		{"right key, but not a NIR", "884058832102523", "88", "321", nir.Unknown, 84, 5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := nir.Parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if len(n.Reveal()) != nir.Length || n.IsZero() {
				t.Errorf("reveals %d characters", len(n.Reveal()))
			}
			if n.Department() != c.dept || n.Commune() != c.commune || n.Place() != c.dept+c.commune {
				t.Errorf("place %s %s %s", n.Department(), n.Commune(), n.Place())
			}
			if n.Sex() != c.sex || n.BirthYear2() != c.year || n.BirthMonth() != c.month || n.Provisional() != c.provisional {
				t.Errorf("%v %d %d provisional %v", n.Sex(), n.BirthYear2(), n.BirthMonth(), n.Provisional())
			}
			again, err := nir.Complete(n.Reveal()[:13])
			if err != nil || !again.Equal(n) {
				t.Errorf("Complete gives another number (%v)", err)
			}
		})
	}
}

func TestOverseas(t *testing.T) {
	n, err := nir.Complete("2850597177042")
	if err != nil {
		t.Fatal(err)
	}
	if n.Department() != "971" || n.Commune() != "77" || n.Place() != "97177" {
		t.Errorf("%s %s %s", n.Department(), n.Commune(), n.Place())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in, code string
		pos            int
	}{
		{"empty", "", nir.CodeLength, 0},
		{"spaces only", "    ", nir.CodeLength, 0},
		{"fourteen", "28505997770425", nir.CodeLength, 0},
		{"sixteen", "2850599777042540", nir.CodeLength, 0},
		{"without key", "2850599777042", nir.CodeLength, 0},
		{"endless", strings.Repeat("1", 1<<20), nir.CodeLength, 0},
		{"endless spaces", strings.Repeat(" ", 1<<20), nir.CodeLength, 0},
		{"wrong key", "285059977704255", nir.CodeKey, 14},
		{"key 00", "185059977704900", nir.CodeKey, 14},
		{"key 98", "285059977704298", nir.CodeKey, 14},
		{"key with a letter", "28505997770425A", nir.CodeCharacter, 15},
		{"department 2C", "284052C32102532", nir.CodeCharacter, 7},
		{"A elsewhere", "28405A232102532", nir.CodeCharacter, 6},
		{"A after 1", "284051A32102532", nir.CodeCharacter, 7},
		{"letter O for 0", "2O5059977704254", nir.CodeCharacter, 2},
		{"hyphen", "2-85059977704254", nir.CodeCharacter, 2},
		{"full-width digit", "２85059977704254", nir.CodeCharacter, 1},
		{"not UTF-8", "2\xff5059977704254", nir.CodeCharacter, 2},
		{"migrant", "585059977704254", nir.CodeSex, 1},
		{"sex 0", "085059977704254", nir.CodeSex, 1},
		{"sex 9", "985059977704254", nir.CodeSex, 1},
		{"month 00", "285009977704254", nir.CodeMonth, 4},
		{"month 13", "285139977704254", nir.CodeMonth, 4},
		{"month 19", "285199977704254", nir.CodeMonth, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := nir.Parse(c.in)
			e, ok := errors.AsType[*nir.Error](err)
			if !ok || e.Code != c.code || e.Pos != c.pos {
				t.Fatalf("got %v, want %s at %d", err, c.code, c.pos)
			}
			if !n.IsZero() || n.Reveal() != "" {
				t.Error("a refused number has a value")
			}
			if len(c.in) > 3 && strings.Contains(err.Error(), strings.TrimSpace(c.in)) && strings.TrimSpace(c.in) != "" {
				t.Error("the error repeats the number")
			}
		})
	}
}

func TestNumberHides(t *testing.T) {
	n, err := nir.Parse("285059977704254")
	if err != nil {
		t.Fatal(err)
	}
	type record struct {
		Number nir.Number
		hidden nir.Number
	}
	r := record{n, n}
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, f+"\n", n)
		fmt.Fprintf(&out, f+"\n", &n)
		fmt.Fprintf(&out, f+"\n", r)
		fmt.Fprintf(&out, f+"\n", []nir.Number{n})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "n", n, "r", r)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "n", n, "r", r)
	if err := json.NewEncoder(&out).Encode(map[string]any{"n": n, "r": r}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, secret := range []string{"285059977704254", "2850599", "777042", fmt.Sprintf("%x", "2850599")} {
		if strings.Contains(text, secret) {
			t.Errorf("%q leaks:\n%s", secret, text)
		}
	}
	if n.Masked() != "2 85 ●● ●● ●●● ●●● ●●" {
		t.Errorf("masked %q", n.Masked())
	}
}

func TestZero(t *testing.T) {
	var n nir.Number
	if !n.IsZero() || n.Reveal()+n.Masked()+n.String()+n.Place()+n.Department()+n.Commune() != "" {
		t.Error("the zero number shows something")
	}
	if n.Sex() != nir.Unknown || n.BirthYear2() != 0 || n.BirthMonth() != 0 || n.Provisional() || !n.Equal(nir.Number{}) {
		t.Error("the zero number says something")
	}
}

// bodies draws the thirteen characters of a number.
func bodies() *rapid.Generator[string] {
	return rapid.StringMatching(`[123478][0-9]{2}(0[1-9]|1[0-2]|[2-9][0-9])([0-9]{2}|2A|2B)[0-9]{6}`)
}

func TestEveryBodyHasOneKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bodies().Draw(t, "body")
		n, err := nir.Complete(b)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 100 {
			_, err := nir.Parse(fmt.Sprintf("%s%02d", b, k))
			if (err == nil) != (fmt.Sprintf("%s%02d", b, k) == n.Reveal()) {
				t.Fatalf("key %02d: %v", k, err)
			}
		}
	})
}

func TestKeyDetectsOneChangedDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, err := nir.Complete(bodies().Draw(t, "body"))
		if err != nil {
			t.Fatal(err)
		}
		b := []byte(n.Reveal())
		at := rapid.IntRange(0, nir.Length-1).Draw(t, "at")
		to := "0123456789AB"[rapid.IntRange(0, 11).Draw(t, "to")]
		if b[at] == to {
			return
		}
		b[at] = to
		if _, err := nir.Parse(string(b)); err == nil {
			t.Fatalf("a change at %d passes", at+1)
		}
	})
}

func TestKeyDetectsSwappedNeighbours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, err := nir.Complete(bodies().Draw(t, "body"))
		if err != nil {
			t.Fatal(err)
		}
		b := []byte(n.Reveal())
		at := rapid.IntRange(0, 11).Draw(t, "at")
		if b[at] == b[at+1] {
			return
		}
		b[at], b[at+1] = b[at+1], b[at]
		if _, err := nir.Parse(string(b)); err == nil {
			t.Fatalf("a swap at %d passes", at+1)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"285059977704254", "284052A32102552", "2 84 05 2B 321 025 79", "785059977704295", "", "2C", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := nir.Parse(s)
		if err != nil {
			if _, ok := errors.AsType[*nir.Error](err); !ok || !n.IsZero() {
				t.Fatalf("untyped error or a value: %v", err)
			}
			return
		}
		again, err := nir.Parse(n.Reveal())
		if err != nil || !again.Equal(n) {
			t.Fatalf("does not read itself: %v", err)
		}
		_ = n.Masked() + n.Place() + n.Department() + n.Commune() + n.Sex().String()
	})
}
