package twoddoc_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carnet/twoddoc"
)

// corpus is the folder of the public codes, or "" in a clone that does not have it: then the
// golden vectors of testdata cover the same ground.
func corpus(t *testing.T) string {
	t.Helper()
	dir, set := os.LookupEnv("CARNET_CORPUS_TWODDOC")
	if !set {
		dir = filepath.Join("..", "..", "shared", "corpus", "twoddoc")
	}
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_TWODDOC: %v", err)
		}
		t.Logf("no corpus at %s: only our own vectors are tested", dir)
		return ""
	}
	return dir
}

type vector struct {
	ID, Version, Type string
	Payload           []byte `json:"payload_b64"`
	Header            struct {
		CA, Certificate     string
		Emission, Signature *string
		Perimeter, Country  *string
	}
	Fields []struct{ ID, Value, End string }
	SHA    string `json:"signed_sha256"`
	Sig    string `json:"signature_hex"`
	Key    string
	URL    string
	Page   string
	Expect struct {
		Signature string
		InDates   bool   `json:"signature_date_in_certificate_validity"`
		Early     bool   `json:"signed_before_emission"`
		Require   string `json:"requirements"`
	}
}

func vectors(t *testing.T, dir string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) != 61 {
		t.Fatalf("%d vectors, want 61", len(f.Vectors))
	}
	return f.Vectors
}

func corpusCertificate(t *testing.T, dir, key string) *x509.Certificate {
	t.Helper()
	name := filepath.Join(dir, "certs", strings.ReplaceAll(key, "/", "_"))
	b, err := os.ReadFile(name + ".der")
	if err != nil {
		if b, err = os.ReadFile(name + "_cert.pem"); err != nil {
			t.Fatal(err)
		}
		p, _ := pem.Decode(b)
		b = p.Bytes
	}
	c, err := x509.ParseCertificate(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(s *string) string {
	if s == nil {
		return "undated"
	}
	return *s
}

func separator(s string) twoddoc.Separator {
	return map[string]twoddoc.Separator{"": twoddoc.None, "GS": twoddoc.GS, "RS": twoddoc.RS}[s]
}

// TestCorpus is the harness of the corpus: all its codes decode to what is expected, are written
// again byte for byte, and verify; L1 and B2 among them get the verdict that is expected.
func TestCorpus(t *testing.T) {
	dir := corpus(t)
	if dir == "" {
		return
	}
	met, inDates, early := 0, 0, 0
	for _, v := range vectors(t, dir) {
		t.Run(v.ID, func(t *testing.T) {
			d, err := twoddoc.ParseTolerant(v.Payload)
			if err != nil {
				t.Fatal(err)
			}
			h := d.Header
			got := []string{h.Authority, h.Certificate, h.Emitted.String(), h.Signed.String(), h.Type}
			want := []string{v.Header.CA, v.Header.Certificate, day(v.Header.Emission), day(v.Header.Signature), v.Type}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("header %v, want %v", got, want)
			}
			if v.Header.Perimeter != nil && h.Perimeter != *v.Header.Perimeter || h.Perimeter != "01" {
				t.Errorf("perimeter %q", h.Perimeter)
			}
			if v.Header.Country != nil && h.Country != *v.Header.Country || v.Header.Country == nil && h.Country != "" {
				t.Errorf("country %q", h.Country)
			}
			if v.Fields != nil {
				if len(d.Fields) != len(v.Fields) {
					t.Fatalf("%d fields, want %d", len(d.Fields), len(v.Fields))
				}
				for i, f := range v.Fields {
					g := d.Fields[i]
					if g.ID != f.ID || g.Value != f.Value || g.End != separator(f.End) {
						t.Errorf("field %d is %s %q %v, want %v", i, g.ID, g.Value, g.End, f)
					}
				}
			}
			again := h.Append(nil)
			for _, f := range d.Fields {
				if f.Offset != len(again) {
					t.Errorf("field %s at %d, want %d", f.ID, f.Offset, len(again))
				}
				again = f.Append(again)
			}
			again = append(again, d.Rest...)
			if !bytes.Equal(again, d.Signed()) || !bytes.HasPrefix(v.Payload, again) {
				t.Error("what is written again differs")
			}
			if id := d.ID(); hex.EncodeToString(id[:]) != v.SHA || sha256.Sum256(again) != id {
				t.Errorf("id %x", id)
			}
			if hex.EncodeToString(d.Signature) != v.Sig {
				t.Errorf("signature %x", d.Signature)
			}
			cert := corpusCertificate(t, dir, v.Key)
			if err := d.Verify(cert); err != nil {
				t.Error(err)
			}
			if h.Within(cert) != v.Expect.InDates {
				t.Errorf("signature date within validity: %v", h.Within(cert))
			}
			if v.Expect.InDates {
				inDates++
			}
			if before := h.Emitted != twoddoc.Undated && h.Signed < h.Emitted; before != v.Expect.Early {
				t.Errorf("signed before emission: %v", before)
			} else if before {
				early++
			}
			if h.Test() != (v.Header.CA == "FR00") {
				t.Error("test authority")
			}
			checkRequirements(t, v, d)
			if v.Expect.Require == "met" {
				met++
			}
		})
	}
	if met != 56 || inDates != 34 || early != 11 {
		t.Errorf("requirements met %d, in dates %d, signed early %d", met, inDates, early)
	}
}

func checkRequirements(t *testing.T, v vector, d *twoddoc.Document) {
	t.Helper()
	typ, _ := twoddoc.LookupType(v.Type)
	_, strict := twoddoc.Parse(v.Payload)
	switch want := v.Expect.Require; {
	case want == "met", strings.HasPrefix(want, "met;"):
		if strict != nil || len(d.Conforming) != 0 || typ.Table == twoddoc.Open {
			t.Errorf("strict: %v; %v", strict, d.Conforming)
		}
	case strings.HasPrefix(want, "field set of type 04"):
		if strict == nil || !has(d.Conforming, twoddoc.FieldMissing) {
			t.Errorf("strict: %v; %v", strict, d.Conforming)
		}
	case strings.Contains(want, "no table"):
		if strict != nil || typ.Table != twoddoc.Open {
			t.Errorf("strict: %v, table %v", strict, typ.Table)
		}
	case strings.Contains(want, "identifiers J0"):
		if !errors.Is(strict, &twoddoc.Error{Code: twoddoc.FieldUnknown, Field: ""}) || d.Rest == "" {
			t.Errorf("strict: %v", strict)
		}
	default:
		t.Errorf("expectation %q", want)
	}
}

func has(list []*twoddoc.Error, code twoddoc.Code) bool {
	return slices.ContainsFunc(list, func(e *twoddoc.Error) bool { return e.Code == code })
}

// TestCorpusFlips changes each bit of each code in turn: nothing may verify or panic.
func TestCorpusFlips(t *testing.T) {
	dir := corpus(t)
	if dir == "" {
		return
	}
	for _, v := range vectors(t, dir) {
		flipEveryBit(t, v.ID, v.Payload, len(v.Payload), corpusCertificate(t, dir, v.Key))
	}
}

// flipEveryBit changes each bit of payload[:end].
func flipEveryBit(t *testing.T, name string, payload []byte, end int, cert *x509.Certificate) {
	t.Helper()
	b := bytes.Clone(payload)
	for i := range end {
		for bit := range 8 {
			b[i] ^= 1 << bit
			d, err := twoddoc.ParseTolerant(b)
			if err == nil && d.Verify(cert) == nil {
				t.Errorf("%s: bit %d of byte %d changes nothing", name, bit, i)
			}
			if s, strict := twoddoc.Parse(b); strict == nil && (err != nil || s.ID() != d.ID()) {
				t.Errorf("%s: bit %d of byte %d: strict and tolerant readers see two documents", name, bit, i)
			}
			b[i] ^= 1 << bit
		}
	}
}

// TestCorpusLinks checks that links are built as they were printed, and read back.
func TestCorpusLinks(t *testing.T) {
	dir := corpus(t)
	if dir == "" {
		return
	}
	n := 0
	for _, v := range vectors(t, dir) {
		if v.URL == "" {
			continue
		}
		n++
		prefix, _, _ := strings.Cut(v.URL, "v=")
		if got := twoddoc.Link(prefix+"v=", v.Payload); got != v.URL {
			t.Errorf("%s: link\n%s\nwant\n%s", v.ID, got, v.URL)
		}
		if got, err := twoddoc.FromLink(v.URL); err != nil || !bytes.Equal(got, v.Payload) {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
	if n == 0 {
		t.Error("no link in the corpus")
	}
}

// TestCorpusWallet: the specimens that TousAntiCovid published are read by its rules, and the
// kit with an empty F0 is not.
func TestCorpusWallet(t *testing.T) {
	dir := corpus(t)
	if dir == "" {
		return
	}
	for _, v := range vectors(t, dir) {
		err := twoddoc.WalletReads(v.Payload)
		switch {
		case v.ID == "b2-kit":
			if !errors.Is(err, &twoddoc.Error{Code: twoddoc.WalletEmpty, Field: "F0"}) {
				t.Errorf("%s: %v", v.ID, err)
			}
		case v.Type == "L1" || v.Type == "B2":
			if err != nil {
				t.Errorf("%s: %v", v.ID, err)
			}
		default:
			if !errors.Is(err, &twoddoc.Error{Code: twoddoc.WalletHeader}) {
				t.Errorf("%s: %v", v.ID, err)
			}
		}
	}
}
