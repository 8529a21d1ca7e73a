package carnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/nir"
)

// TestPrivateHides feeds every way of printing with a marker.
func TestPrivateHides(t *testing.T) {
	const marker = "ZYGOPHYLLE"
	lot, err := ParseLot(marker)
	if err != nil {
		t.Fatal(err)
	}
	birth, err := NewBirthDate(1985, 5, 12)
	if err != nil {
		t.Fatal(err)
	}
	number, err := nir.Complete("2850500999001")
	if err != nil {
		t.Fatal(err)
	}
	p := Person{Identity: Identity{NIR: number, BirthName: Hide(marker), UsedName: Hide(marker), GivenNames: []Private{Hide(marker)}, Birth: birth}}
	inside := struct {
		hidden Private
		date   BirthDate
		lot    Lot
		person *Person
	}{Hide(marker), birth, lot, &p}
	pro := Professional{Number: Hide("899700000019"), FamilyName: Hide(marker), GivenName: Hide(marker)}
	for _, v := range []any{p, &p, inside, &inside, pro, Dose{Lot: lot}, Hide(marker), birth, lot, []any{p}, map[string]any{"x": Hide(marker)}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil && !strings.Contains(err.Error(), "unsupported") {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		for _, secret := range []string{marker, "12051985", "1985-05-12", "285050099900", "899700000019", fmt.Sprintf("%x", marker)} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%T shows %s:\n%s", v, secret, out.String())
			}
		}
	}
	if Hide(marker).Reveal() != marker || !Hide("").IsZero() || Hide("").String() != "" {
		t.Error("Reveal or the zero value is wrong")
	}
	if !Hide("a").Equal(Hide("a")) || Hide("a").Equal(Hide("b")) || Hide("a").Equal(Private{}) {
		t.Error("Equal is wrong")
	}
}

func TestIDs(t *testing.T) {
	at := time.UnixMilli(0x0123456789ab)
	ids := IDs{Clock: func() time.Time { return at }, Rand: bytes.NewReader(bytes.Repeat([]byte{0xff}, 10))}
	id, err := ids.New()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.String(), "01234567-89ab-7fff-bfff-ffffffffffff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := ids.New(); err == nil {
		t.Error("an id without chance")
	}
	if d := DerivedID(bytes.Repeat([]byte{0xff}, 32)); d.String() != "ffffffff-ffff-8fff-bfff-ffffffffffff" || d.Version() != 8 {
		t.Errorf("derived %s", d)
	}
	for _, bad := range []string{"", "01234567-89ab-7fff-bfff-fffffffffff", "01234567-89ab-4fff-bfff-ffffffffffff", "01234567-89ab-7fff-ffff-ffffffffffff", "0123456789ab-7fff-bfff-ffffffffffff-", "g1234567-89ab-7fff-bfff-ffffffffffff"} {
		if _, err := ParseID(bad); KindOf(err) != Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id := DerivedID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "mac"))
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%s: %v", id, err)
		}
	})
}

func TestDates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := DateOfDays(rapid.IntRange(-40000, 60000).Draw(t, "days"))
		back, err := ParseDate(d.String())
		if err != nil || back != d || DateOfDays(d.Days()) != d {
			t.Fatalf("%s: %v", d, err)
		}
		if n := rapid.IntRange(-1000, 1000).Draw(t, "n"); d.AddDays(n).AddDays(-n) != d || d.AddDays(n).Days() != d.Days()+n {
			t.Fatalf("%s and %d", d, n)
		}
	})
	d := Date{2026, 3, 2}
	if d.French() != "02/03/2026" || d.Compact() != "02032026" || !d.Before(Date{2026, 3, 3}) || !d.After(Date{2025, 12, 31}) {
		t.Error("forms or order")
	}
	for _, bad := range []string{"", "2026-02-29", "26-02-28", "2026/02/28", "28/02/2026"} {
		if _, err := ParseDate(bad); err == nil {
			t.Errorf("%q is a date", bad)
		}
	}
	// 23:30 UTC on 21 November is the 22nd in Paris.
	if got := DateOf(time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC)); got != (Date{2026, 11, 22}) {
		t.Errorf("in Paris: %s", got)
	}
}

func TestBirthDates(t *testing.T) {
	for _, c := range []struct {
		text, compact string
		code          string
	}{
		{"1985-05-12", "12051985", ""},
		{"12/05/1985", "12051985", ""},
		{"1940-00-00", "00001940", ""}, // unknown day and month
		{"1940-06-00", "00061940", ""},
		{"1941-42-30", "30421941", ""}, // lunar
		{"2024-02-29", "29022024", ""},
		{"2023-02-29", "", "birth.day"},
		{"1985-04-31", "", "birth.day"},
		{"1941-42-31", "", "birth.day"},
		{"1941-51-01", "", "birth.month"},
		{"1849-01-01", "", "birth.year"},
		{"2200-01-01", "", "birth.year"},
		{"1985-5-12", "", "birth.malformed"},
		{"1985-05-1x", "", "birth.malformed"},
		{"", "", "birth.malformed"},
	} {
		b, err := ParseBirthDate(c.text)
		if c.code == "" && (err != nil || b.Compact() != c.compact) || c.code != "" && CodeOf(err) != c.code {
			t.Errorf("%q: %s, %v", c.text, b.Compact(), err)
		}
		if err == nil {
			if again, err := ParseBirthDate(b.ISO()); err != nil || !again.Equal(b) {
				t.Errorf("%q: ISO form: %v", c.text, err)
			}
		}
	}
	after := func(s string, d Date) bool {
		b, err := ParseBirthDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return b.After(d)
	}
	if !after("2026-11-22", Date{2026, 11, 21}) || after("2026-11-21", Date{2026, 11, 21}) || after("2026-00-00", Date{2026, 1, 1}) || !after("2027-00-00", Date{2026, 12, 31}) {
		t.Error("After")
	}
	presumed := func(s string) string {
		b, _ := ParseBirthDate(s)
		var all []string
		for _, p := range b.Presumed() {
			all = append(all, p.Compact())
		}
		return strings.Join(all, " ")
	}
	if got := presumed("1940-01-01"); got != "01011940 00011940 00001940" {
		t.Errorf("presumed %s", got)
	}
	if got := presumed("1940-06-01"); got != "01061940 00061940" {
		t.Errorf("presumed %s", got)
	}
	if got := presumed("1940-06-02"); got != "02061940" {
		t.Errorf("presumed %s", got)
	}
}

func TestRPPS(t *testing.T) {
	for text, want := range map[string]string{"99700218896": "899700218896", "8 99700366240": "899700366240", "99700427869": "899700427869"} {
		if n, err := ParseRPPS(text); err != nil || n.Reveal() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, code := range map[string]string{"99700218897": "rpps.key", "9970021889": "rpps.malformed", "799700218896": "rpps.malformed", "9970021889x": "rpps.malformed", "": "rpps.malformed"} {
		if _, err := ParseRPPS(text); CodeOf(err) != code {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLots(t *testing.T) {
	for text, want := range map[string]string{" fg4509 ": "FG4509", "A-1_2.3/4+5": "A-1_2.3/4+5", strings.Repeat("9", 20): strings.Repeat("9", 20)} {
		if l, err := ParseLot(text); err != nil || l.Reveal() != want {
			t.Errorf("%q: %q, %v", text, l.Reveal(), err)
		}
	}
	for text, code := range map[string]string{"": "lot.missing", "  ": "lot.missing", strings.Repeat("9", 21): "lot.long", "FG 4509": "lot.character", "ÉT1": "lot.character", "a\x1db": "lot.character"} {
		if _, err := ParseLot(text); CodeOf(err) != code {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("outer: %w", E("op", Conflict, "a.b", cause))
	if KindOf(err) != Conflict || CodeOf(err) != "a.b" || !errors.Is(err, cause) {
		t.Errorf("chain %v", err)
	}
	if KindOf(cause) != Internal || CodeOf(cause) != "internal" {
		t.Error("an unknown error is internal")
	}
	var p Problems
	if p.Err() != nil {
		t.Error("no problem is no error")
	}
	p.Add("lot", "lot.missing", nil)
	p.Add("date", "dose.date-future", map[string]any{"Today": Date{2026, 11, 21}})
	if got := p.Err(); KindOf(got) != Invalid || !strings.Contains(got.Error(), "lot.missing (field lot)") || !strings.Contains(got.Error(), "dose.date-future") {
		t.Errorf("problems %v", got)
	}
	if Unavailable.String() != "unavailable" {
		t.Error("names of kinds")
	}
}

func TestIdentity(t *testing.T) {
	i := Identity{BirthName: Hide("FOUGÈRE"), GivenNames: []Private{Hide("Camille"), Hide("Rose")}}
	if i.Name().Reveal() != "FOUGÈRE" || i.Given() != "Camille Rose" {
		t.Error("birth name and given names")
	}
	i.UsedName = Hide("TILLEUL")
	if i.Name().Reveal() != "TILLEUL" {
		t.Error("used name")
	}
}
