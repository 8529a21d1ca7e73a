package ropa

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRoundTrip: what keeps everything comes back with the same hash, signed or not; tables come back
// cell by cell (R03, R04).
func TestRoundTrip(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	for _, file := range []string{"testdata/clean.toml", "testdata/mission.toml", "../register.toml"} {
		r := read(t, file)
		signed, err := Sign(r, key)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		linked, err := r.JSONLD()
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{"JSON": plain, "JSON-LD": linked, "signed": signed} {
			got, err := ReadJSON(text)
			if err != nil || got.Hash() != r.Hash() || !cmp.Equal(got, r) {
				t.Errorf("%s: %s comes back otherwise: %v", file, name, err)
			}
			tampered := bytes.Replace(text, []byte(r.Processing[0].Title), []byte("Autre chose"), -1)
			if _, err := ReadJSON(tampered); !errors.Is(err, ErrHash) {
				t.Errorf("%s: %s tampered with: %v", file, name, err)
			}
		}
		if _, err := Open(signed, key.Public().(ed25519.PublicKey)); err != nil {
			t.Error(err)
		}
		if _, err := Open(signed, other.Public().(ed25519.PublicKey)); !errors.Is(err, ErrSignature) {
			t.Errorf("another key: %v", err)
		}
		if _, err := Open(plain, key.Public().(ed25519.PublicKey)); !errors.Is(err, ErrSignature) {
			t.Errorf("unsigned: %v", err)
		}
		for _, table := range []Table{r.Controller(), r.Processor(), r.CNIL()} {
			text, err := table.CSV()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ReadCSV(text); err != nil || !cmp.Equal(got, table) {
				t.Errorf("%s: a table comes back otherwise: %v", file, err)
			}
		}
	}
	formula := Table{{"=1+1", "'a", "-2", ""}}
	if text, err := formula.CSV(); err != nil || !strings.Contains(string(text), "'=1+1;''a;'-2;") {
		t.Errorf("formulas: %q, %v", text, err)
	} else if got, err := ReadCSV(text); err != nil || !cmp.Equal(got, formula) {
		t.Errorf("formulas come back as %v, %v", got, err)
	}
}

// TestTables holds the rows of one entry against art. 30.
func TestTables(t *testing.T) {
	r := read(t, "testdata/clean.toml")
	if got, want := r.Controller()[1], []string{"vaccination", "Suivi des vaccinations", "Fonds Aubépine\nMinistère Tilleul", "dpo@aubepine.example", "Suivre les vaccinations (art. 6-1-e, 9-2-h)", "assuré", "Injection\nNIR", "Agence Lierre", "", "Carnet : exact P10Y, act.recorded", "champs chiffrés"}; !slices.Equal(got, want) {
		t.Errorf("art. 30-1: %q", got)
	}
	if got, want := r.Processor()[1], []string{"Hébergeur Fougère", "Fonds Aubépine\nMinistère Tilleul", "dpo@aubepine.example", "Suivi des vaccinations", "Hébergement", "", "HDS", "C-1", "Réseau Lierre"}; !slices.Equal(got, want) {
		t.Errorf("art. 30-2: %q", got)
	}
	if got, want := r.CNIL()[1], []string{"vaccination", "Suivi des vaccinations", "Fonds Aubépine", "Ministère Tilleul", "dpo@aubepine.example", "Suivre les vaccinations", "", "assuré", "Injection\nNIR", "Injection (health)\nNIR (nir)", "", "Agence Lierre", "Hébergeur Fougère", "", "Carnet : exact P10Y, act.recorded", "champs chiffrés"}; !slices.Equal(got, want) {
		t.Errorf("CNIL: %q", got)
	}
	for _, table := range []Table{r.Controller(), r.Processor(), r.CNIL()} {
		for _, row := range table {
			if len(row) != len(table[0]) {
				t.Errorf("%d cells under a head of %d", len(row), len(table[0]))
			}
		}
	}
}

// TestTerms: the export in JSON-LD uses terms that the vocabulary has, those that the specification lists.
func TestTerms(t *testing.T) {
	known := strings.Fields("RecordsOfActivities Process hasPurpose hasLegalBasis hasPersonalData hasDataSubject hasDataController JointDataControllers hasDataProcessor hasRecipient DataProtectionOfficer StorageDuration hasStorageCondition hasNotice PrivacyNotice")
	gdpr := strings.Fields("A6-1-a A6-1-c A6-1-e A9-2-h A9-2-i HealthData")
	for _, file := range []string{"testdata/clean.toml", "testdata/mission.toml", "../register.toml"} {
		text, err := read(t, file).JSONLD()
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		delete(doc, "register")
		var walk func(v any)
		check := func(s string) {
			if term, ok := strings.CutPrefix(s, "dpv:"); ok && !slices.Contains(known, term) {
				t.Errorf("%s: dpv:%s is no known term", file, term)
			}
			if term, ok := strings.CutPrefix(s, "eu-gdpr:"); ok && !slices.Contains(gdpr, term) {
				t.Errorf("%s: eu-gdpr:%s is no known term", file, term)
			}
		}
		walk = func(v any) {
			switch v := v.(type) {
			case string:
				check(v)
			case []any:
				for _, x := range v {
					walk(x)
				}
			case map[string]any:
				for k, x := range v {
					check(k)
					walk(x)
				}
			}
		}
		walk(doc)
	}
}

func TestDiff(t *testing.T) {
	text, err := os.ReadFile("testdata/clean.toml")
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, "testdata/clean.toml")
	if d := r.Diff(r); len(d) > 0 {
		t.Errorf("a register differs from itself: %v", d)
	}
	next, err := Parse([]byte(strings.NewReplacer(`"P10Y"`, `"P20Y"`, `id = "agency"`, `id = "office"`, `recipient = "agency"`, `recipient = "office"`).Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range r.Diff(next) {
		got = append(got, c.How+" "+c.What+" "+c.ID)
		if c.Processing != "vaccination" || !slices.Equal(c.Subjects, []string{"assuré"}) || !slices.Equal(c.Notices, []string{"n1"}) {
			t.Errorf("%+v", c)
		}
	}
	if want := []string{"added recipient office", "added flow office/follow", "changed retention r1", "removed recipient agency", "removed flow agency/follow"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := (&Register{}).Diff(r); len(got) != 1 || got[0].How != "added" || got[0].What != "entry" {
		t.Errorf("a new entry: %v", got)
	}
	if got := r.Diff(&Register{}); len(got) != 1 || got[0].How != "removed" || !slices.Equal(got[0].Notices, []string{"n1"}) {
		t.Errorf("an entry that is gone: %v", got)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"format":"carnet-register/1","hash":"","register":{"version":"1"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := ReadJSON(text); err == nil {
			if again, err := r.JSON(); err != nil {
				t.Fatal(err)
			} else if _, err := ReadJSON(again); err != nil {
				t.Fatal(err)
			}
		}
	})
}
