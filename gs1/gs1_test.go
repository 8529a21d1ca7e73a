package gs1_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/gs1"
)

// gtin is well formed and stands on no pack: its CIP is 34009 9999997 7.
const gtin = "03400999999977"

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

var full = gs1.Pack{GTIN: gtin, Lot: "AB123", Expiry: day(2026, 12, 31), Serial: "S0001"}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		scan string
		want gs1.Pack
	}{
		"as a scanner sends it":       {"]d201" + gtin + "17261231" + "10AB123\x1d21S0001", full},
		"FNC1 sent first too":         {"\x1d01" + gtin + "17261231" + "10AB123\x1d21S0001", full},
		"other order":                 {"]d221S0001\x1d10AB123\x1d17261231" + "01" + gtin, full},
		"a separator after each":      {"01" + gtin + "\x1d17261231\x1d10AB123\x1d21S0001\x1d", full},
		"Enter at the end":            {"01" + gtin + "17261231" + "10AB123\x1d21S0001\r\n", full},
		"separator in words":          {"01" + gtin + "17261231" + "10AB123<GS>21S0001", full},
		"separator as a picture":      {"01" + gtin + "17261231" + "10AB123␝21S0001", full},
		"another sign for it":         {"01" + gtin + "17261231" + "10AB123|21S0001", full},
		"as printed":                  {"(01)" + gtin + "(17)261231(10)AB123(21)S0001", full},
		"French keys":                 {"à&à\"'ààçççççççèè&èé-&é\"&&àQB&é\"\x1dé&Sààà&", full},
		"French keys, a GS1 QR":       {"$A\"à&à\"'ààçççççççèè&èé-&é\"&&àQB&é\"\x1dé&Sààà&", full},
		"French keys, a DataBar":      {"$eàà&à\"'ààçççççççèè&èé-&é\"&&àQB&é\"\x1dé&Sààà&", full},
		"French keys with a prefix":   {"$déà&à\"'ààçççççççèè&èé-&é\"&&àQB&é\"\x1dé&Sààà&", full},
		"day 00":                      {"17240200", gs1.Pack{Expiry: day(2024, 2, 29)}},
		"a year of the last century":  {"17770131", gs1.Pack{Expiry: day(1977, 1, 31)}},
		"a year within 50":            {"17760131", gs1.Pack{Expiry: day(2076, 1, 31)}},
		"GTIN alone":                  {"01" + gtin, gs1.Pack{GTIN: gtin}},
		"national number":             {"01" + gtin + "7113400999999977", gs1.Pack{GTIN: gtin, National: "3400999999977"}},
		"quantity and production":     {"01" + gtin + "11260101" + "30100", gs1.Pack{GTIN: gtin, Others: []gs1.Element{{AI: "11", Value: "260101"}, {AI: "30", Value: "100"}}}},
		"parenthesis within a lot":    {"(01)" + gtin + "(10)A(B)1", gs1.Pack{GTIN: gtin, Lot: "A(B)1"}},
		"the same element twice":      {"01" + gtin + "01" + gtin + "10A", gs1.Pack{GTIN: gtin, Lot: "A"}},
		"weight, of a known length":   {"3103001234" + "10A", gs1.Pack{Lot: "A", Others: []gs1.Element{{AI: "3103", Value: "001234"}}}},
		"delivered to, logistic unit": {"00000000000000000000" + "4103400999999977", gs1.Pack{Others: []gs1.Element{{AI: "00", Value: "000000000000000000"}, {AI: "410", Value: "3400999999977"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gs1.Parse(c.scan, 2026)
			if err != nil || len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(c.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestLostSeparator(t *testing.T) {
	packs, err := gs1.Parse("01"+gtin+"17261231"+"10AB12321S0001", 2026)
	if err != nil || len(packs) != 2 || packs[0].Lot != "AB123" || packs[0].Serial != "S0001" || packs[1].Lot != "AB12321S0001" {
		t.Fatalf("%v, %v", packs, err)
	}
	known := func(lot string) func(gs1.GTIN, string) bool {
		return func(g gs1.GTIN, l string) bool { return g == gtin && l == lot }
	}
	if p, ok := gs1.Choose(packs, known("AB123")); !ok || p.Serial != "S0001" {
		t.Errorf("%v, %v", p, ok)
	}
	if p, ok := gs1.Choose(packs, known("AB12321S0001")); !ok || p.Serial != "" {
		t.Errorf("%v, %v", p, ok)
	}
	if _, ok := gs1.Choose(packs, known("other")); ok {
		t.Error("a lot that nobody knows decides")
	}
	if _, ok := gs1.Choose(packs, func(gs1.GTIN, string) bool { return true }); ok {
		t.Error("two lots that are known decide")
	}
	if p, ok := gs1.Choose(packs[:1], known("other")); !ok || p.Lot != "AB123" {
		t.Error("the only reading is not chosen")
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		scan, code, ai string
		pos            int
	}{
		"nothing":                     {" \r\n", gs1.CodeEmpty, "", 0},
		"too long":                    {strings.Repeat("1", gs1.MaxScan+1), gs1.CodeLong, "", gs1.MaxScan},
		"not GS1":                     {"https://carnet.invalid", gs1.CodeUnknown, "", 0},
		"an identifier nobody knows":  {"01" + gtin + "99A", gs1.CodeUnknown, "", 16},
		"a digit is wrong":            {"0103400999999978", gs1.CodeCheck, "01", 15},
		"GTIN too short":              {"010340099", gs1.CodeLength, "01", 9},
		"letters in a GTIN":           {"01034009X9999979", gs1.CodeCharacter, "01", 8},
		"month 13":                    {"17261331", gs1.CodeDate, "17", 2},
		"30 February":                 {"17260230", gs1.CodeDate, "17", 2},
		"a lot that is too long":      {"10" + strings.Repeat("A", 21), gs1.CodeLength, "10", 22},
		"a lot that is empty":         {"10\x1d21A", gs1.CodeLength, "10", 2},
		"two lots":                    {"10A\x1d10B", gs1.CodeTwice, "10", 6},
		"nothing after an identifier": {"01" + gtin + "10", gs1.CodeLength, "10", 18},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gs1.Parse(c.scan, 2026)
			e, ok := errors.AsType[*gs1.Error](err)
			if !ok || e.Code != c.code || e.AI != c.ai || e.Pos != c.pos {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestGTIN(t *testing.T) {
	for text, want := range map[string]string{"3400999999977": gtin, gtin: gtin, "96385074": "00000096385074", "036000291452": "00036000291452"} {
		if g, err := gs1.ParseGTIN(text); err != nil || string(g) != want {
			t.Errorf("%s: %s, %v", text, g, err)
		}
	}
	for text, code := range map[string]string{"": gs1.CodeLength, "34009999999": gs1.CodeLength, "3400999999978": gs1.CodeCheck, "340099999997X": gs1.CodeCharacter} {
		if _, err := gs1.ParseGTIN(text); err == nil || err.(*gs1.Error).Code != code {
			t.Errorf("%s: %v", text, err)
		}
	}
	if cip, ok := gs1.GTIN(gtin).CIP13(); !ok || cip != "3400999999977" {
		t.Error(cip, ok)
	}
	for _, g := range []gs1.GTIN{"13400999999974", "00000096385074", ""} {
		if cip, ok := g.CIP13(); ok {
			t.Error(cip)
		}
	}
}

const set82 = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`

// Whatever a pack holds is read back, also when it was typed with French keys; without separators
// the pack is one of the readings.
func TestRoundTrip(t *testing.T) {
	value := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-/.")), 1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{13}`).Draw(t, "gtin")
		want := gs1.Pack{GTIN: gs1.GTIN(digits + string(gs1.CheckDigit(digits))), Lot: value.Draw(t, "lot"), Serial: value.Draw(t, "serial"),
			Expiry: day(2026, 1, 1).AddDate(0, 0, rapid.IntRange(0, 9000).Draw(t, "day"))}
		elements := []string{"01" + string(want.GTIN), "17" + want.Expiry.Format("060102"), "10" + want.Lot + "\x1d", "21" + want.Serial + "\x1d"}
		scan := strings.Join(rapid.Permutation(elements).Draw(t, "order"), "")
		same := func(p gs1.Pack) bool { return fmt.Sprint(p) == fmt.Sprint(want) }
		if got, err := gs1.Parse(scan, 2026); err != nil || len(got) != 1 || !same(got[0]) {
			t.Fatalf("%q: %v, %v", scan, got, err)
		}
		if got, err := gs1.Parse(french(scan), 2026); err != nil || len(got) != 1 || !same(got[0]) {
			t.Fatalf("%q: %v, %v", french(scan), got, err)
		}
	})
	alnum := rapid.StringMatching(`[A-Z][A-Z0-9]{3,7}`)
	rapid.Check(t, func(t *rapid.T) {
		lot, serial := alnum.Draw(t, "lot"), alnum.Draw(t, "serial")
		packs, err := gs1.Parse("01"+gtin+"17261231"+"10"+lot+"21"+serial, 2026)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packs {
			if p.Lot == lot && p.Serial == serial {
				return
			}
		}
		t.Fatalf("lot %s, serial %s: %v", lot, serial, packs)
	})
}

// french types a text on a French keyboard with the keys of a US one.
func french(s string) string {
	us := `1234567890aqwzAQWZm,./M<>-]`
	fr := []rune(`&é"'(-è_çàqazwQAZW,;:!?./)$`)
	return strings.Map(func(r rune) rune {
		if i := strings.IndexRune(us, r); i >= 0 {
			return fr[i]
		}
		return r
	}, s)
}

func TestSet82(t *testing.T) {
	for c := range 256 {
		// A value made of digits around one character: the character belongs to it or ends it.
		packs, err := gs1.Parse("01"+gtin+"10A"+string(rune(c))+"B", 2026)
		want := c < 128 && strings.ContainsRune(set82, rune(c))
		got := err == nil && len(packs) == 1 && packs[0].Lot == "A"+string(rune(c))+"B"
		if got != want {
			t.Errorf("%q: %v, %v", rune(c), packs, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"]d201" + gtin + "17261231" + "10AB123\x1d21S0001", "(01)" + gtin + "(10)A", "à&à\"'", "10" + strings.Repeat("21", 200), "$dé"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		packs, err := gs1.Parse(s, 2026)
		if (err == nil) != (len(packs) > 0) {
			t.Fatalf("%v, %v", packs, err)
		}
		if _, ok := errors.AsType[*gs1.Error](err); err != nil && !ok {
			t.Fatalf("%T", err)
		}
		for _, p := range packs {
			if p.GTIN != "" {
				if _, err := gs1.ParseGTIN(string(p.GTIN)); err != nil {
					t.Fatal(err)
				}
			}
			if len(p.Lot) > 20 || len(p.Serial) > 20 {
				t.Fatal(p)
			}
		}
	})
}

func ExampleParse() {
	packs, err := gs1.Parse("]d20103400999999977172612311"+"0AB123\x1d21S0001", 2026)
	if err != nil {
		fmt.Println(err)
		return
	}
	p := packs[0]
	fmt.Println(p.GTIN, p.Lot, p.Expiry.Format(time.DateOnly), p.Serial)
	// Output: 03400999999977 AB123 2026-12-31 S0001
}

// A scanner that types like a keyboard lost the separator between lot and serial number.
func ExampleChoose() {
	packs, _ := gs1.Parse("010340099999997710AB12321S0001", 2026)
	p, ok := gs1.Choose(packs, func(g gs1.GTIN, lot string) bool { return lot == "AB123" })
	fmt.Println(len(packs), ok, p.Lot, p.Serial)
	// Output: 2 true AB123 S0001
}

func ExampleGTIN_CIP13() {
	g, _ := gs1.ParseGTIN("3400999999977")
	fmt.Println(g.CIP13())
	// Output: 3400999999977 true
}
