package icao_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carnet/hcert/icao"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestTransliterate(t *testing.T) {
	for _, c := range []struct {
		name, in, international, france string
		fault                           icao.Fault
		pos                             int
	}{
		{"nothing", "", "", "", "", 0},
		{"plain", "Fougère", "FOUGERE", "FOUGERE", "", 0},
		{"two words", "Rose Trémière", "ROSE<TREMIERE", "ROSE<TREMIERE", "", 0},
		{"hyphen", "Fleur-de-Lys", "FLEUR<DE<LYS", "FLEUR<DE<LYS", "", 0},
		{"hyphen that does not break", "Fleur\u2011Lys", "FLEUR<LYS", "FLEUR<LYS", "", 0},
		{"apostrophes", "d'Épine l’Aubépine o`x´y", "DEPINE<LAUBEPINE<OXY", "DEPINE<LAUBEPINE<OXY", "", 0},
		{"full stop", "St. Tilleul", "ST<TILLEUL", "ST<TILLEUL", "", 0},
		{"comma and slash", "Pin, Sapin/Cèdre", "PIN<SAPIN<CEDRE", "PIN<SAPIN<CEDRE", "", 0},
		{"fillers collapse", " Pin  -  Noir ", "PIN<NOIR", "PIN<NOIR", "", 0},
		{"hyphens at the ends", "-Pin-", "PIN", "PIN", "", 0},
		{"diaeresis", "Maël Noël Ürün Köln Aÿ", "MAEL<NOEL<UERUEN<KOELN<AY", "MAEL<NOEL<URUN<KOLN<AY", "", 0},
		{"diaeresis on a", "mäel", "MAEEL", "MAEL", "", 0},
		{"letters apart from their marks", "Noe\u0308l Ma\u0308el", "NOEL<MAEEL", "NOEL<MAEL", "", 0},
		{"table", "ÆØŒÅßẞÞÐĐŁĦŦŊĲĸıİ", "AEOEOEAASSSSTHDDLHTNIJQII", "AEOEOEAASSSSTHDDLHTNIJQII", "", 0},
		{"table, lower case", "æøœåþðđłħŧŋĳ", "AEOEOEAATHDDLHTNIJ", "AEOEOEAATHDDLHTNIJ", "", 0},
		{"Czech", "d'Červenková Panklová", "DCERVENKOVA<PANKLOVA", "DCERVENKOVA<PANKLOVA", "", 0},
		{"Vietnamese", "Nguyễn", "NGUYEN", "NGUYEN", "", 0},
		{"cut at 80", strings.Repeat("Lis ", 30), strings.TrimSuffix(strings.Repeat("LIS<", 20), "<"), strings.TrimSuffix(strings.Repeat("LIS<", 20), "<"), "", 0},
		{"digit", "Pin2", "PIN", "PIN", icao.Digit, 3},
		{"Greek", "Σίτος", "", "", icao.Script, 0},
		{"one Cyrillic letter among Latin ones", "Pinе", "PIN", "PIN", icao.Script, 3},
		{"filler", "PIN<NOIR", "PINNOIR", "PINNOIR", icao.Symbol, 3},
		{"broken UTF-8", "Pin\xff", "PIN", "PIN", icao.Symbol, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for p, want := range map[icao.Profile]string{icao.International: c.international, icao.France: c.france} {
				got, err := p.Transliterate(c.in)
				e, _ := errors.AsType[*icao.Error](err)
				if got != want || (err != nil) != (c.fault != "") || e != nil && (e.Fault != c.fault || e.Pos != c.pos) {
					t.Errorf("profile %d: %q, %v; want %q", p, got, err, want)
				}
				if err != nil && strings.Contains(err.Error(), "Pin") {
					t.Errorf("the error quotes the name: %v", err)
				}
			}
		})
	}
}

// TestForm holds of any text: the result is in the alphabet, without fillers that say nothing, and
// transliterating it without fillers changes nothing.
func TestForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]icao.Profile{icao.International, icao.France}).Draw(t, "profile")
		name := rapid.String().Draw(t, "name")
		got, _ := p.Transliterate(name)
		if strings.Trim(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZ<") != "" || strings.Contains(got, "<<") || strings.Trim(got, "<") != got || len(got) > icao.MaxLength {
			t.Fatalf("%q", got)
		}
		if again, err := p.Transliterate(strings.ReplaceAll(got, "<", " ")); again != got || err != nil {
			t.Fatalf("%q, then %q, %v", got, again, err)
		}
		if apart, _ := p.Transliterate(norm.NFD.String(name)); apart != got {
			t.Fatalf("%q, and from letters apart %q", got, apart)
		}
	})
}

// TestCorpus goes through the published pairs. Rows that the table marks as following the rules
// must match; the published value is compared without fillers at its ends, for one of them has one.
func TestCorpus(t *testing.T) {
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	data, err := os.ReadFile(filepath.Join(root, "derived", "icao9303-name-pairs.tsv"))
	if err != nil {
		if set {
			t.Fatal(err)
		}
		t.Log("the published corpus is not beside this clone; the table above covers the same ground")
		return
	}
	right, french, of := 0, 0, 0
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) < 3 {
			t.Fatalf("line %q", line)
		}
		got, _ := icao.International.Transliterate(f[0])
		if fr, _ := icao.France.Transliterate(f[0]); fr == f[1] && f[2] == "differs" {
			french++
		}
		if f[2] != "match" {
			continue
		}
		of++
		if got != strings.Trim(f[1], "<") {
			t.Errorf("%q: %q, published %q", f[0], got, f[1])
			continue
		}
		right++
	}
	t.Logf("%d of %d pairs; %d more with the French profile", right, of, french)
}

func FuzzTransliterate(f *testing.F) {
	for _, s := range []string{"Fougère", "d'Épine", "ÆØŒ", "Σίτος", "\xff", "e\u0308"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, _ := icao.France.Transliterate(s); strings.Trim(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZ<") != "" {
			t.Fatalf("%q", got)
		}
	})
}

func ExampleProfile_Transliterate() {
	for _, p := range []icao.Profile{icao.International, icao.France} {
		s, err := p.Transliterate("Maïté d'Aubépine-Tülle")
		fmt.Println(s, err)
	}
	s, err := icao.France.Transliterate("Fougère 2")
	fmt.Println(s, err)
	// Output:
	// MAITE<DAUBEPINE<TUELLE <nil>
	// MAITE<DAUBEPINE<TULLE <nil>
	// FOUGERE icao: digit at character 8
}
