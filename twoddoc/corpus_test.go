package twoddoc_test

import (
	"bytes"
	"crypto/x509"
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
	Image  string
	Note   string `json:"image_note"`
	Symbol struct {
		Side      int
		First     int  `json:"first_codeword"`
		Identical bool `json:"c40_codewords_identical"`
		Smallest  int  `json:"smallest_c40_side"`
	}
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
	var f struct {
		Count   int
		Vectors []vector
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 || len(f.Vectors) != f.Count {
		t.Fatalf("%d vectors, and a count of %d", len(f.Vectors), f.Count)
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

func has(list []*twoddoc.Error, code twoddoc.Code) bool {
	return slices.ContainsFunc(list, func(e *twoddoc.Error) bool { return e.Code == code })
}

// flips changes each bit of payload[:end] in turn. Every changed code is read by both readers, which must
// see one document, and none may be what was signed: another message or another signature. The signature is
// then checked for every bit of it, and for one bit of each byte of the message: the others differ in
// nothing but the digest. It returns how many changes there were and how many were refused.
func flips(t *testing.T, name string, payload []byte, end int, cert *x509.Certificate) (changed, refused int) {
	t.Helper()
	original, err := twoddoc.ParseTolerant(payload)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(payload)
	every := len(original.Signed())
	if len(original.Signature) != 64 {
		every = end
	}
	for i := range end {
		for bit := range 8 {
			b[i] ^= 1 << bit
			changed++
			d, err := twoddoc.ParseTolerant(b)
			s, strict := twoddoc.Parse(b)
			switch {
			case strict == nil && (err != nil || s.ID() != d.ID()):
				t.Errorf("%s: bit %d of byte %d: strict and tolerant readers see two documents", name, bit, i)
			case err == nil && bytes.Equal(d.Signed(), original.Signed()) && bytes.Equal(d.Signature, original.Signature):
				t.Errorf("%s: bit %d of byte %d changes nothing", name, bit, i)
			case err == nil && (i >= every || bit == i%8) && d.Verify(cert) == nil:
				t.Errorf("%s: bit %d of byte %d: the signature holds", name, bit, i)
			default:
				refused++
			}
			b[i] ^= 1 << bit
		}
	}
	return changed, refused
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
