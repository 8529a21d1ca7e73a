package apilec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/vitale"
	"carnet/vitale/apilec"
)

var update = flag.Bool("update", false, "write the golden files")

// TestDocuments maps documents of our own, written with the published element names, fictitious people and, in
// test-card.xml, the two published numbers of the publisher's test card.
func TestDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			utf, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data, err := apilec.Parse(latin(utf))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(data, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			out := strings.TrimSuffix(path, ".xml") + ".json"
			if *update {
				if err := os.WriteFile(out, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
				t.Error(d)
			}
		})
	}
}

// latin makes ISO-8859-1 of a file that is kept in UTF-8, so that it can be read and compared.
func latin(utf []byte) []byte {
	var b []byte
	for _, r := range string(utf) {
		b = append(b, byte(r))
	}
	return b
}

const head = `<?xml version="1.0" encoding="ISO-8859-1"?><t_AsnDonneesVitale><listeBenef>`

func one(ident, amo string) []byte {
	return []byte(head + `<T_AsnBeneficiaire><ident>` + ident + `</ident><amo>` + amo + `</amo></T_AsnBeneficiaire></listeBenef></t_AsnDonneesVitale>`)
}

func TestRefused(t *testing.T) {
	good := `<nomUsuel>FOUG</nomUsuel><naissance><dateEnCarte>19850512</dateEnCarte></naissance>`
	if _, err := apilec.Parse(one(good, "")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"empty":             nil,
		"too long":          bytes.Repeat([]byte(" "), apilec.MaxDocument+1),
		"other root":        []byte(`<x/>`),
		"nobody":            []byte(head + `</listeBenef></t_AsnDonneesVitale>`),
		"cut":               []byte(head),
		"UTF-16":            []byte(strings.Replace(head, "ISO-8859-1", "UTF-16", 1) + `</listeBenef></t_AsnDonneesVitale>`),
		"deep":              []byte(strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20)),
		"no date":           one(`<nomUsuel>A</nomUsuel>`, ""),
		"long name":         one(good+`<prenomUsuel>`+strings.Repeat("A", 129)+`</prenomUsuel>`, ""),
		"rank":              one(good+`<rangDeNaissance>x</rangDeNaissance>`, ""),
		"number":            one(good+`<nir>285059977</nir>`, ""),
		"certified number":  one(good+`<nirCertifie>28505997770425X</nirCertifie>`, ""),
		"period":            one(good, `<listePeriodesDroits><T_AsnPeriodeDroits><debut>1</debut></T_AsnPeriodeDroits></listePeriodesDroits>`),
		"four periods":      one(good, `<listePeriodesDroits>`+strings.Repeat(`<T_AsnPeriodeDroits/>`, 4)+`</listePeriodesDroits>`),
		"entity":            []byte(`<!DOCTYPE x [<!ENTITY a "b">]><t_AsnDonneesVitale>&a;</t_AsnDonneesVitale>`),
		"too many people":   []byte(head + strings.Repeat(`<T_AsnBeneficiaire><ident>`+good+`</ident></T_AsnBeneficiaire>`, 33) + `</listeBenef></t_AsnDonneesVitale>`),
		"number of letters": one(good, `<nir>ABCDEFGHIJKLM</nir>`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apilec.Parse(text)
			if vitale.CodeOf(err) != vitale.BadData || err == nil || strings.Contains(err.Error(), "FOUG") {
				t.Error(err)
			}
		})
	}
}

// double stands for the publisher's library.
type double struct {
	text     []byte
	state    apilec.CardState
	fail     string
	finished int
	config   string
	waited   time.Duration
}

func (d *double) Init(config string) error {
	d.config = config
	return d.refuse("init")
}

func (d *double) Identification(wait time.Duration, out []byte) (int, apilec.CardState, error) {
	d.waited = wait
	return copy(out, d.text), d.state, d.refuse("read")
}

func (d *double) Finish() error {
	d.finished++
	return d.refuse("finish")
}

func (d *double) refuse(call string) error {
	if d.fail == call {
		return &apilec.LibraryError{Call: call, Number: 7}
	}
	return nil
}

func TestProvider(t *testing.T) {
	good := one(`<nomUsuel>FOUG</nomUsuel><naissance><dateEnCarte>19850512</dateEnCarte></naissance>`, "")
	for _, c := range []struct {
		name     string
		library  double
		code     vitale.Code
		finished int
	}{
		{"read", double{text: good}, "", 1},
		{"no card", double{state: apilec.Absent}, vitale.NoCard, 1},
		{"not configured", double{fail: "init"}, vitale.NoService, 0},
		{"refused", double{fail: "read"}, vitale.ReadFailed, 1},
		{"does not end", double{text: good, fail: "finish"}, vitale.ReadFailed, 1},
		{"nonsense", double{text: []byte("<")}, vitale.BadData, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := apilec.Provider{Library: &c.library, Config: "/etc/x"}.Read(t.Context())
			if c.code == "" && (err != nil || len(data.Beneficiaries) != 1 || c.library.config != "/etc/x" || c.library.waited != apilec.DefaultWait) {
				t.Error(data, err)
			}
			if c.code != "" && (err == nil || vitale.CodeOf(err) != c.code || len(data.Beneficiaries) != 0) {
				t.Error(err)
			}
			if c.library.finished != c.finished {
				t.Errorf("finished %d times", c.library.finished)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (apilec.Provider{Library: &double{}}).Read(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	mac := fstest.MapFS{"Library/Application Support/santesocial/apilec/api_lec.ini": {}}
	if config, ok := apilec.Find(mac, "darwin"); !ok || config != "/Library/Application Support/santesocial/apilec" {
		t.Error(config, ok)
	}
	if _, ok := apilec.Find(fstest.MapFS{}, "darwin"); ok {
		t.Error("found where nothing is")
	}
	if _, ok := apilec.Find(mac, "linux"); ok {
		t.Error("found on a system whose place is not public")
	}
}

// TestLoaderBuilds compiles the loader for the three systems; it is behind a build tag.
func TestLoaderBuilds(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		c := exec.Command("go", "vet", "-tags", "apilec", ".")
		c.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", goos, err, out)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(one(`<nomUsuel>FOUG</nomUsuel><naissance><dateEnCarte>850512</dateEnCarte></naissance>`, `<codeRegime>01</codeRegime>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := apilec.Parse(text)
		if err == nil && (len(data.Beneficiaries) == 0 || len(data.Beneficiaries) > vitale.MaxPeople) {
			t.Errorf("%d people", len(data.Beneficiaries))
		}
	})
}
