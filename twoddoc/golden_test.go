package twoddoc_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/twoddoc"
)

var update = flag.Bool("update", false, "sign the golden vectors again, with new keys that are thrown away")

// testKey signs the vectors while they are made; only its certificate is kept.
type testKey struct {
	name string // certificate id of the header
	priv *ecdsa.PrivateKey
}

var keyNames = map[string]elliptic.Curve{"CN01": elliptic.P256(), "CN02": elliptic.P384(), "CN03": elliptic.P521()}

const us = "\x1f"

// header is that of the vectors: version 04, type L1, of 29/04/2021.
func header(cert string) twoddoc.Header {
	d := twoddoc.DayOf(time.Date(2021, 4, 29, 12, 0, 0, 0, time.UTC))
	return twoddoc.Header{Version: 4, Authority: "FR00", Certificate: cert, Emitted: d, Signed: d, Type: "L1", Perimeter: "01", Country: "FR"}
}

// Fougère is fictitious, as all the people of these tests.
func fougere() twoddoc.Vaccination {
	return twoddoc.Vaccination{
		FamilyName: "Fougère", GivenNames: []string{"Aubépine", "Maëlle"}, Birth: "12031958",
		Disease: "COVID-19", Agent: "J07BX03", Vaccine: "Comirnaty Pfizer/BioNTech", Manufacturer: "Comirnaty Pfizer/BioNTech",
		Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}
}

const fougereFields = "L0FOUGERE\x1dL1AUBEPINE/MAELLE\x1dL212031958L3COVID-19\x1dL4J07BX03\x1d" +
	"L5COMIRNATY PFIZER/BIONTECH\x1dL6COMIRNATY PFIZER/BIONTECH\x1dL72L82L920042021LATE"

// issued goes the way of the library.
func issued(v twoddoc.Vaccination) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		d, err := v.Prepare(header(k.name))
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Sign(k.priv, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func generic(h twoddoc.Header, fields ...twoddoc.Field) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		h.Certificate = k.name
		d, err := twoddoc.Prepare(h, fields...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Sign(k.priv, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// rawSign is the signature by the text of the specification, apart from the library.
func rawSign(t *testing.T, k testKey, message string) []byte {
	var digest []byte
	switch k.priv.Curve {
	case elliptic.P256():
		s := sha256.Sum256([]byte(message))
		digest = s[:]
	case elliptic.P384():
		s := sha512.Sum384([]byte(message))
		digest = s[:]
	default:
		s := sha512.Sum512([]byte(message))
		digest = s[:]
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.priv, digest)
	if err != nil {
		t.Fatal(err)
	}
	half := (k.priv.Curve.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
}

func b32(b []byte) string { return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b) }

// message signs any message, conforming or not; head is the header without the certificate id,
// which stands at @@@@.
func message(m string) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		m := strings.Replace(m, "@@@@", k.name, 1)
		return []byte(m + us + b32(rawSign(t, k, m)))
	}
}

func version1(m string) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		m := strings.Replace(m, "@@@@", k.name, 1)
		return append([]byte(m), rawSign(t, k, m)...)
	}
}

// change alters what another function made.
func change(make func(*testing.T, testKey) []byte, f func([]byte) []byte) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte { return f(make(t, k)) }
}

const head04 = "DC04FR00@@@@1E6D1E6DL101FR"

var long = strings.Repeat("AUBEPINE TILLEUL ", 5) // 85 characters

// golden lists the vectors: how they are made, and what must be found in them. strict is the error
// of Parse, findings are the codes that ParseTolerant lists, verify is that of Verify; "" is none.
var golden = append(goldenText, goldenForms...)

type goldenVector struct {
	name     string
	key      string
	make     func(*testing.T, testKey) []byte
	strict   twoddoc.Code
	offset   int
	findings string
	verify   twoddoc.Code
	wallet   twoddoc.Code
	undated  bool // the signature has no date that can be read
	check    func(*testing.T, *twoddoc.Document)
}

var goldenText = []goldenVector{
	{name: "l1", key: "CN01", make: issued(fougere()), check: func(t *testing.T, d *twoddoc.Document) {
		if want := "DC04FR00CN011E6D1E6DL101FR" + fougereFields; string(d.Signed()) != want {
			t.Errorf("message %q, want %q", d.Signed(), want)
		}
	}},
	{name: "l1-p384", key: "CN02", make: issued(fougere()), check: signatureOf(96)},
	{name: "l1-p521", key: "CN03", make: issued(fougere()), check: signatureOf(132)},
	{name: "l1-truncated", key: "CN01", make: issued(func() twoddoc.Vaccination {
		v := fougere()
		v.FamilyName = long
		v.GivenNames = []string{long, "Tilleul"}
		v.Vaccine = "Vaccin de la forêt, édition longue, flacon"
		return v
	}()), check: func(t *testing.T, d *twoddoc.Document) {
		for id, n := range map[string]int{"L0": 79, "L1": 79, "L5": 29} {
			if f, _ := d.Field(id); len(f.Value) != n || !f.Truncated() {
				t.Errorf("%v, %d characters", f, len(f.Value))
			}
		}
	}},
	{name: "l1-seven-given-names", key: "CN01", make: issued(func() twoddoc.Vaccination {
		v := fougere()
		v.GivenNames = []string{"Aubépine", "Bruyère", "Cèdre", "Digitale", "Églantine", "Frêne", "Genêt"}
		return v
	}()), check: func(t *testing.T, d *twoddoc.Document) {
		if f, _ := d.Field("L1"); f.Value != "AUBEPINE/BRUYERE/CEDRE/DIGITALE/EGLANTINE/FRENE" || !f.Truncated() {
			t.Errorf("%q", f.Value)
		}
	}},
	{name: "l1-lunar-birth", key: "CN01", make: issued(func() twoddoc.Vaccination {
		v := fougere()
		v.Birth = "30501950"
		return v
	}()), check: value("L2", "30501950")},
	{name: "l1-birth-beyond-lunar", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "12031958", "30511950", 1)),
		strict: twoddoc.FieldFormat, offset: 56, findings: "field.format"},
	{name: "l1-left-padded-halves", key: "CN01", make: func(t *testing.T, k testKey) []byte {
		d, err := fougere().Prepare(header(k.name))
		if err != nil {
			t.Fatal(err)
		}
		for { // 1 signature in 65,536 begins both halves with a zero byte; either half is enough
			p, err := d.Sign(k.priv, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if doc, err := twoddoc.Parse(p); err != nil || doc.Signature[0] == 0 {
				return p
			}
		}
	}, check: func(t *testing.T, d *twoddoc.Document) {
		if d.Signature[0] != 0 {
			t.Error("the vector has no half to pad")
		}
	}},
	{name: "padding", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return append(p, '=') })},
	{name: "padding-too-long", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return append(p, "========="...) }),
		strict: twoddoc.SignatureBase32, offset: 265, verify: twoddoc.SignatureBase32},
	{name: "spare-bits", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte {
		p[len(p)-1]++ // the last character carries 2 bits and 3 spare ones
		return p
	}), strict: twoddoc.SignatureSpare, offset: 264, verify: twoddoc.SignatureSpare},
	{name: "bad-base32", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte {
		p[len(p)-3] = '1'
		return p
	}), strict: twoddoc.SignatureBase32, offset: 262, verify: twoddoc.SignatureBase32},
	{name: "missing-us", key: "CN01", make: func(_ *testing.T, k testKey) []byte {
		return []byte(strings.Replace(head04, "@@@@", k.name, 1) + fougereFields + strings.Repeat("Z", 103))
	}, strict: twoddoc.FieldUnknown, offset: 161, findings: "field.unknown", verify: twoddoc.SignatureMissing, wallet: twoddoc.WalletOrder},
	{name: "no-signature", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return p[:161] }),
		strict: twoddoc.SignatureMissing, offset: 161, verify: twoddoc.SignatureMissing, wallet: twoddoc.WalletOrder},
	{name: "empty-signature", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return p[:162] }),
		strict: twoddoc.SignatureMissing, offset: 162, verify: twoddoc.SignatureMissing, wallet: twoddoc.WalletSignature},
	{name: "signature-of-another-curve", key: "CN01", make: func(t *testing.T, k testKey) []byte {
		m := strings.Replace(head04, "@@@@", k.name, 1) + fougereFields
		return []byte(m + us + b32(make([]byte, 96)))
	}, verify: twoddoc.SignatureLength},
	{name: "signature-of-zeros", key: "CN01", make: func(t *testing.T, k testKey) []byte {
		m := strings.Replace(head04, "@@@@", k.name, 1) + fougereFields
		return []byte(m + us + b32(make([]byte, 64)))
	}, verify: twoddoc.SignatureInvalid},
	{name: "certificate-test", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte {
		return bytes.Replace(p, []byte("CN01"), []byte("TEST"), 1)
	}), strict: twoddoc.SignatureCertificate, offset: 8, verify: twoddoc.SignatureCertificate},
	{name: "full-then-gs", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L0FOUGERE", "L0"+long[:80], 1)),
		check: value("L0", long[:80])},
	{name: "full-without-separator", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L0FOUGERE\x1d", "L0"+long[:80], 1)),
		check: value("L0", long[:80]), wallet: twoddoc.WalletEnd},
	{name: "too-long", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L0FOUGERE\x1d", "L0"+long[:80]+"X\x1d", 1)),
		strict: twoddoc.FieldUnknown, offset: 108, findings: "field.unknown", wallet: twoddoc.WalletEnd},
	{name: "empty-name", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L0FOUGERE", "L0", 1)),
		check: value("L0", ""), wallet: twoddoc.WalletEmpty},
	{name: "agent-too-short", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "J07BX03", "J07B", 1)),
		strict: twoddoc.FieldShort, offset: 81, findings: "field.short"},
	{name: "separator-after-fixed", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L212031958", "L212031958\x1d", 1)),
		strict: twoddoc.FieldSeparator, offset: 64, findings: "field.separator", wallet: twoddoc.WalletOrder},
	{name: "truncated-fixed", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L212031958", "L2120319\x1e", 1)),
		strict: twoddoc.FieldTruncated, offset: 62, findings: "field.truncated field.short", wallet: twoddoc.WalletOrder},
	{name: "bad-character", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "FOUGERE", "FOUG3RE", 1)),
		strict: twoddoc.FieldCharacter, offset: 32, findings: "field.character", wallet: twoddoc.WalletEnd},
	{name: "unknown-state", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "LATE", "LAEC", 1)),
		strict: twoddoc.FieldVocabulary, offset: 159, findings: "field.vocabulary"},
	{name: "no-such-day", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "20042021", "31042021", 1)),
		strict: twoddoc.FieldFormat, offset: 149, findings: "field.format"},
	{name: "unknown-field", key: "CN01", make: message(head04 + fougereFields + "Z9ABC\x1d"),
		strict: twoddoc.FieldUnknown, offset: 161, findings: "field.unknown", wallet: twoddoc.WalletOrder,
		check: func(t *testing.T, d *twoddoc.Document) {
			if d.Rest != "Z9ABC\x1d" || len(d.Fields) != 11 {
				t.Errorf("rest %q, %d fields", d.Rest, len(d.Fields))
			}
		}},
	{name: "forbidden-field", key: "CN01", make: message(head04 + fougereFields + "090001"),
		strict: twoddoc.FieldForbidden, offset: 161, findings: "field.forbidden", wallet: twoddoc.WalletOrder},
	{name: "missing-field", key: "CN01", make: message(head04 + strings.Replace(fougereFields, "L82", "", 1)),
		strict: twoddoc.FieldMissing, offset: 158, findings: "field.missing", wallet: twoddoc.WalletOrder},
	{name: "field-twice", key: "CN01", make: message(head04 + fougereFields + "L82"),
		strict: twoddoc.FieldTwice, offset: 161, findings: "field.twice", wallet: twoddoc.WalletOrder},
	{name: "any-order", key: "CN01", make: message(head04 + "LATE" + strings.TrimSuffix(fougereFields, "LATE")), wallet: twoddoc.WalletOrder},
	{name: "annex", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return append(p, "\x1d01HERBIER\x1d09"+"0002"...) }),
		wallet: twoddoc.WalletSignature, check: func(t *testing.T, d *twoddoc.Document) {
			if len(d.Annex) != 2 || d.Annex[0].Value != "HERBIER" || d.Annex[1].Value != "0002" || len(d.Fields) != 11 {
				t.Errorf("annex %v, fields %v", d.Annex, d.Fields)
			}
			if d.Value("01") != "" {
				t.Error("an unsigned value is taken for a signed one")
			}
		}},
	{name: "annex-unknown-field", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return append(p, "\x1dZ9HERBIER"...) }),
		strict: twoddoc.FieldUnknown, offset: 266, findings: "field.unknown", wallet: twoddoc.WalletSignature,
		check: func(t *testing.T, d *twoddoc.Document) {
			if d.AnnexRest != "Z9HERBIER" || d.Rest != "" {
				t.Errorf("%q %q", d.AnnexRest, d.Rest)
			}
		}},
	{name: "annex-empty", key: "CN01", make: change(issued(fougere()), func(p []byte) []byte { return append(p, '\x1d') }),
		strict: twoddoc.AnnexEmpty, offset: 265, findings: "annex.empty", wallet: twoddoc.WalletSignature},
	{name: "version-01-of-04", key: "CN01", make: change(issued(fougere()), digitOfVersion('1')),
		strict: twoddoc.FieldForbidden, offset: 22, findings: "field.unknown field.forbidden", verify: twoddoc.SignatureInvalid, wallet: twoddoc.WalletHeader},
	{name: "version-02-of-04", key: "CN01", make: change(issued(fougere()), digitOfVersion('2')),
		strict: twoddoc.FieldForbidden, offset: 22, findings: "field.forbidden field.missing", verify: twoddoc.SignatureInvalid, wallet: twoddoc.WalletHeader},
	{name: "version-03-of-04", key: "CN01", make: change(issued(fougere()), digitOfVersion('3')),
		strict: twoddoc.FieldUnknown, offset: 24, findings: "field.unknown", verify: twoddoc.SignatureInvalid, wallet: twoddoc.WalletHeader},
	{name: "version-01", key: "CN01", make: version1("DC01FR00@@@@FFFF1E6D03" + rib), wallet: twoddoc.WalletHeader, check: signatureOf(64)},
	{name: "version-01-p384", key: "CN02", make: version1("DC01FR00@@@@FFFF1E6D03" + rib), wallet: twoddoc.WalletHeader, check: signatureOf(96)},
	{name: "version-01-p521", key: "CN03", make: version1("DC01FR00@@@@FFFF1E6D03" + rib), wallet: twoddoc.WalletHeader, check: signatureOf(132)},
	{name: "version-02", key: "CN01", make: generic(ribHeader(2), ribFields...), wallet: twoddoc.WalletHeader, check: value("30", "MME FOUGERE AUBEPINE")},
	{name: "version-03", key: "CN01", make: generic(ribHeader(3), ribFields...), wallet: twoddoc.WalletHeader, check: value("32", "HERBFR2A")},
	{name: "version-03-annex", key: "CN01", make: change(generic(ribHeader(3), ribFields...), func(p []byte) []byte { return append(p, "\x1d01X"...) }),
		strict: twoddoc.AnnexVersion, offset: -1, findings: "annex.version", wallet: twoddoc.WalletHeader},
	{name: "emission-date-not-allowed", key: "CN01", make: message("DC03FR00@@@@1E6D1E6D0301" + rib),
		strict: twoddoc.EmittedPresent, offset: 12, findings: "emitted.present", wallet: twoddoc.WalletHeader},
	{name: "emission-date-missing", key: "CN01", make: message("DC04FR00@@@@FFFF1E6DL101FR" + fougereFields),
		strict: twoddoc.EmittedMissing, offset: 12, findings: "emitted.missing"},
	{name: "header-of-any-kind", key: "CN01", make: message("DC04F100@@@@1e6d1E6Dl101fR" + fougereFields),
		strict: twoddoc.HeaderAuthority, offset: 4, findings: "header.authority header.emitted header.type header.country type.unknown", wallet: twoddoc.WalletHeader},
	{name: "unknown-type", key: "CN01", make: message("DC04FR00@@@@1E6D1E6DZZ01FR" + fougereFields),
		strict: twoddoc.TypeUnknown, offset: 20, findings: "type.unknown", wallet: twoddoc.WalletHeader},
	{name: "unknown-perimeter", key: "CN01", make: message("DC04FR00@@@@1E6D1E6DL102FR" + fougereFields),
		strict: twoddoc.TypeUnknown, offset: 20, findings: "type.unknown"},
	{name: "b2", key: "CN01", make: generic(b2Header(), b2Fields...), check: value("F4", "945006")},
	{name: "b2-with-complement", key: "CN01", make: generic(b2Header(), append([]twoddoc.Field{{ID: "09", Value: "0001"}}, b2Fields...)...),
		wallet: twoddoc.WalletOrder, check: value("09", "0001")},
	{name: "no-alternative", key: "CN01", make: message("DC04FR00@@@@1E6D1E6DA401FR72FOUGERE\x1d73AUBEPINE\x1d77FORET\x1d78750007C07DO7E07G07KABCDEFGHIJKLM7MDR TILLEUL\x1d"),
		strict: twoddoc.FieldAlternative, offset: -1, findings: "field.alternative", wallet: twoddoc.WalletHeader},
	{name: "condition", key: "CN01", make: message("DC04FR00@@@@1E6D1E6D1401FRA2HERBE\x1dAO000001APVELO\x1dAQ1\x1dASVERTE\x1dAT2AWALLEE DES BOIS\x1d" +
		"AY75000AZFORET\x1d60AUBEPINE\x1d62FOUGERE\x1d"),
		strict: twoddoc.FieldMissing, offset: -1, findings: "field.missing field.missing", wallet: twoddoc.WalletHeader},
	{name: "truncated-url", key: "CN01", make: message("DC04FR00@@@@1E6D1E6DB201FR0CNB2HI4B2\x1e" + b2),
		strict: twoddoc.FieldTruncated, offset: 36, findings: "field.truncated", wallet: twoddoc.WalletOrder},
	{name: "size-of-another-edition", key: "CN01", make: message("DC04FR00@@@@1E6D1E6D2901FR5PAUBEPINE MARIE TILLEUL\x1d61TILLEUL\x1d"),
		strict: twoddoc.FieldUnknown, offset: 48, findings: "field.size", wallet: twoddoc.WalletHeader, check: value("5P", "AUBEPINE MARIE TILLEUL")},
	{name: "fixed-size-of-another-edition", key: "CN01", make: message("DC04FR00@@@@1E6D1E6D1001FR5000000000000000563112202161TILLEUL\x1d62FOUGERE\x1d57010120205A1000,00\x1d"),
		strict: twoddoc.FieldForbidden, offset: 48, findings: "field.size", wallet: twoddoc.WalletHeader, check: value("56", "31122021")},
	{name: "eori-without-separator", key: "CN01", make: generic(twoddoc.Header{Authority: "FR00", Emitted: 7789, Signed: 7789, Type: "29", Country: "FR"},
		twoddoc.Field{ID: "DH", Value: "FR123456789012345"}, twoddoc.Field{ID: "61", Value: "TILLEUL"}), wallet: twoddoc.WalletHeader,
		check: value("DH", "FR123456789012345")},
	{name: "eori-read-without-separator", key: "CN01", make: message("DC04FR00@@@@1E6D1E6D2901FRDHFR12345678901234561TILLEUL"),
		wallet: twoddoc.WalletHeader, check: value("61", "TILLEUL")},
}

const (
	rib = "30MME FOUGERE AUBEPINE\x1d31FR7600000000000000000000000\x1d32HERBFR2A\x1d"
	b2  = "F0AUBEPINE\x1dF1FOUGERE\x1dF200031958F3FF4945006\x1dF5NF6200420210930"
)

var ribFields = []twoddoc.Field{
	{ID: "30", Value: "MME FOUGERE AUBEPINE"}, {ID: "31", Value: "FR7600000000000000000000000"}, {ID: "32", Value: "HERBFR2A"},
}

var b2Fields = []twoddoc.Field{
	{ID: "F0", Value: "AUBEPINE/MAELLE"}, {ID: "F1", Value: "FOUGERE"}, {ID: "F2", Value: "00031958"}, {ID: "F3", Value: "F"},
	{ID: "F4", Value: "945006"}, {ID: "F5", Value: "N"}, {ID: "F6", Value: "200420210930"},
}

func ribHeader(version int) twoddoc.Header {
	return twoddoc.Header{Version: version, Authority: "FR00", Emitted: twoddoc.Undated, Signed: 7789, Type: "03"}
}

func b2Header() twoddoc.Header {
	return twoddoc.Header{Authority: "FR00", Emitted: 7789, Signed: 7789, Type: "B2", Country: "FR"}
}

func digitOfVersion(c byte) func([]byte) []byte {
	return func(p []byte) []byte {
		p[3] = c
		return p
	}
}

func signatureOf(n int) func(*testing.T, *twoddoc.Document) {
	return func(t *testing.T, d *twoddoc.Document) {
		if len(d.Signature) != n {
			t.Errorf("signature of %d bytes, want %d", len(d.Signature), n)
		}
	}
}

func value(id, want string) func(*testing.T, *twoddoc.Document) {
	return func(t *testing.T, d *twoddoc.Document) {
		if f, ok := d.Field(id); !ok || f.Value != want {
			t.Errorf("field %s is %q, want %q", id, f.Value, want)
		}
	}
}

const goldenFile = "testdata/vectors.txt"

// signGolden writes testdata again. The private keys die with the process.
func signGolden(t *testing.T) {
	keys := make(map[string]testKey)
	for name, curve := range keyNames {
		priv, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = testKey{name, priv}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(1),
			Subject:      pkix.Name{Country: []string{"FR"}, Organization: []string{"HERBIER"}, CommonName: name},
			NotBefore:    time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC),
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, priv.Public(), priv)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join("testdata", name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	var b bytes.Buffer
	b.WriteString("# Payloads of golden_test.go, one per line: name, certificate, payload escaped as in a link.\n" +
		"# Fictitious people; the private keys were thrown away. Written by go test -run TestGolden -update.\n")
	for _, g := range golden {
		fmt.Fprintf(&b, "%s %s %s\n", g.name, g.key, twoddoc.Link("", g.make(t, keys[g.key])))
	}
	write(t, goldenFile, b.Bytes())
}

func write(t *testing.T, name string, data []byte) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// vectorsOf reads the golden payloads by name.
func goldenPayloads(t testing.TB) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string][]byte)
	for line := range strings.Lines(string(b)) {
		if line[0] == '#' {
			continue
		}
		cols := strings.Fields(line)
		p, err := url.PathUnescape(cols[2])
		if err != nil {
			t.Fatalf("%s: %v", cols[0], err)
		}
		m[cols[0]] = []byte(p)
	}
	return m
}

func goldenCertificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func code(err error) twoddoc.Code {
	var e *twoddoc.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestGolden(t *testing.T) {
	if *update {
		signGolden(t)
	}
	payloads := goldenPayloads(t)
	if len(payloads) != len(golden) {
		t.Errorf("%d payloads for %d vectors: run with -update", len(payloads), len(golden))
	}
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			p := payloads[g.name]
			cert := goldenCertificate(t, g.key)
			_, strict := twoddoc.Parse(p)
			if code(strict) != g.strict {
				t.Errorf("strict: %v, want %s", strict, g.strict)
			}
			var e *twoddoc.Error
			if errors.As(strict, &e) && g.offset >= 0 && e.Offset != g.offset {
				t.Errorf("strict: %v, want offset %d", strict, g.offset)
			}
			d, err := twoddoc.ParseTolerant(p)
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, f := range d.Conforming {
				found = append(found, string(f.Code))
			}
			if got := strings.Join(found, " "); got != g.findings {
				t.Errorf("findings %q, want %q", got, g.findings)
			}
			if err := d.Verify(cert); code(err) != g.verify {
				t.Errorf("verify: %v, want %s", err, g.verify)
			}
			if d.Header.Within(cert) == g.undated {
				t.Error("signature date outside the certificate")
			}
			if err := twoddoc.WalletReads(p); code(err) != g.wallet {
				t.Errorf("wallet: %v, want %s", err, g.wallet)
			}
			if g.check != nil {
				g.check(t, d)
			}
		})
	}
}

// expectations writes the table of testdata/README.md, for other implementations.
func expectations(t *testing.T) string {
	t.Helper()
	payloads := goldenPayloads(t)
	var b strings.Builder
	b.WriteString("| vector | certificate | strict reader | findings of the tolerant reader | signature | wallets |\n|-|-|-|-|-|-|\n")
	or := func(s, none string) string {
		if s == "" {
			return none
		}
		return s
	}
	for _, g := range golden {
		strict := "accepts"
		var e *twoddoc.Error
		if _, err := twoddoc.Parse(payloads[g.name]); errors.As(err, &e) {
			strict = fmt.Sprintf("`%s` at %d", e.Code, e.Offset)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", g.name, g.key, strict, or(g.findings, "-"), or(string(g.verify), "valid"), or(string(g.wallet), "read"))
	}
	return b.String()
}

// TestReadme: what testdata tells other implementations is what the tests check.
func TestReadme(t *testing.T) {
	const name, mark = "testdata/README.md", "<!-- expectations -->\n"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, table, ok := strings.Cut(string(b), mark)
	if !ok {
		t.Fatalf("%s has no mark", name)
	}
	want := expectations(t)
	if *update {
		write(t, name, []byte(head+mark+want))
	} else if table != want {
		t.Errorf("the table of %s is not that of the tests: run with -update", name)
	}
}

// TestGoldenFlips: no bit of header, message and signature can be changed, whatever the version
// and the curve. What follows is not signed and is left out: the padding of Base32 (one bit away
// from the GS that opens an annex) and the annex.
func TestGoldenFlips(t *testing.T) {
	payloads := goldenPayloads(t)
	for _, v := range []struct{ name, key string }{
		{"l1", "CN01"}, {"l1-p384", "CN02"}, {"l1-p521", "CN03"}, {"padding", "CN01"}, {"annex", "CN01"},
		{"version-01", "CN01"}, {"version-02", "CN01"}, {"version-03", "CN01"},
		{"mixed", "CN01"}, {"mixed-signature-only", "CN01"}, {"binary", "CN01"}, {"binary-p384", "CN02"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			p := payloads[v.name]
			end := len(p)
			switch v.name {
			case "annex":
				end = bytes.Index(p, []byte("\x1d01HERBIER"))
			case "padding":
				end--
			}
			flips(t, v.name, p, end, goldenCertificate(t, v.key))
		})
	}
}

// TestOtherKey: a code verifies under its own key alone.
func TestOtherKey(t *testing.T) {
	d, err := twoddoc.Parse(goldenPayloads(t)["l1"])
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		want twoddoc.Code
	}{
		{"its own certificate", goldenCertificate(t, "CN01"), ""},
		{"its own key", goldenCertificate(t, "CN01").PublicKey, ""},
		{"another key", other.Public(), twoddoc.SignatureInvalid},
		{"another curve", goldenCertificate(t, "CN02"), twoddoc.SignatureLength},
		{"a curve that is not of the format", small.Public(), twoddoc.SignatureKey},
		{"no key", nil, twoddoc.SignatureKey},
		{"no certificate", (*x509.Certificate)(nil), twoddoc.SignatureKey},
		{"nil key", (*ecdsa.PublicKey)(nil), twoddoc.SignatureKey},
	} {
		if err := d.Verify(c.key); code(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
