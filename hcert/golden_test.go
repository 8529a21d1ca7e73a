package hcert_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/trust"
)

var update = flag.Bool("update", false, "sign the golden vectors of testdata again, with fresh keys")

// golden is one vector of testdata/vectors.json.
type golden struct {
	Name   string       `json:"name"`
	About  string       `json:"about,omitempty"`
	Text   string       `json:"text"`
	Trust  string       `json:"trust"` // file of testdata/trust
	At     time.Time    `json:"at"`
	Codes  []hcert.Code `json:"codes"`  // in the tolerant profile; empty for an accepted one
	Strict []hcert.Code `json:"strict"` // in the strict profile
}

func loadGolden(tb testing.TB) []golden {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// loadTrust reads a file of testdata/trust.
func loadTrust(tb testing.TB, name string) *trust.Store {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "trust", name))
	if err != nil {
		tb.Fatal(err)
	}
	l, err := trust.Load(name, data)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := trust.NewStore(l.Keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestGolden verifies the vectors of testdata in both profiles.
func TestGolden(t *testing.T) {
	specs := goldenSpecs()
	if *update {
		issueGolden(t, specs)
	}
	vectors := loadGolden(t)
	if len(vectors) != len(specs) {
		t.Errorf("testdata has %d vectors, the table %d: run go test -update", len(vectors), len(specs))
	}
	stores := map[string]*trust.Store{}
	for i, g := range vectors {
		if i < len(specs) && (specs[i].Name != g.Name || !slices.Equal(specs[i].Codes, g.Codes) || !slices.Equal(specs[i].Strict, g.Strict)) {
			t.Errorf("vector %d is %q, the table says %q: run go test -update", i, g.Name, specs[i].Name)
		}
		if stores[g.Trust] == nil {
			stores[g.Trust] = loadTrust(t, g.Trust)
		}
		t.Run(g.Name, func(t *testing.T) {
			for _, p := range []struct {
				name    string
				profile hcert.Profile
				want    []hcert.Code
			}{{"tolerant", hcert.Tolerant, g.Codes}, {"strict", hcert.Strict, g.Strict}} {
				r := hcert.Verify(g.Text, stores[g.Trust], g.At, p.profile)
				if got := r.Codes(); !slices.Equal(got, p.want) {
					t.Errorf("%s: %v, want %v (findings %v)", p.name, got, p.want, r.Findings)
				}
				if r.Valid() != (len(p.want) == 0) {
					t.Errorf("%s: valid %t", p.name, r.Valid())
				}
			}
		})
	}
}

// TestReadme: what testdata tells other implementations is what the tests check.
func TestReadme(t *testing.T) {
	const mark = "<!-- expectations -->\n"
	b, err := os.ReadFile(filepath.Join("testdata", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	head, table, ok := strings.Cut(string(b), mark)
	if !ok {
		t.Fatal("README.md has no mark")
	}
	var want strings.Builder
	want.WriteString("| vector | about | trust | tolerant | strict |\n|-|-|-|-|-|\n")
	for _, g := range loadGolden(t) {
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s |\n", g.Name, g.About, g.Trust, verdict(g.Codes), verdict(g.Strict))
	}
	if *update {
		writeFile(t, []byte(head+mark+want.String()), "README.md")
	} else if table != want.String() {
		t.Error("the table of README.md is not that of vectors.json: run with -update")
	}
}

// verdict is what the table of the vectors says of codes.
func verdict(codes []hcert.Code) string {
	if len(codes) == 0 {
		return "accepted"
	}
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = "`" + string(c) + "`"
	}
	return strings.Join(all, " ")
}

// TestGoldenMutants refuses the derived negatives of every accepted ES256 vector.
func TestGoldenMutants(t *testing.T) {
	n := 0
	for _, g := range loadGolden(t) {
		r := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Strict)
		if !r.Valid() || r.Certificate.Algorithm != hcert.ES256 || !bytes.HasPrefix(r.Certificate.Protected, []byte{0xa2, 0x01, 0x26}) {
			continue
		}
		n++
		for _, m := range mutants(t, g.Text, g.At) {
			if r := hcert.Verify(m.text, loadTrust(t, g.Trust), m.at, hcert.Tolerant); r.Valid() || !r.Has(m.code) {
				t.Errorf("%s, %s: %v, want %s", g.Name, m.name, r.Codes(), m.code)
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d vectors to change", n)
	}
}

func writeJSON(t *testing.T, v any, path ...string) {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	writeFile(t, out.Bytes(), path...)
}

func writeFile(t *testing.T, data []byte, path ...string) {
	t.Helper()
	name := filepath.Join(append([]string{"testdata"}, path...)...)
	if err := cmp.Or(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}
