package twoddoc_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"carnet/twoddoc"
)

// The forms of version 04 that hold bytes. No public code has them: these vectors are all there is.

// type29 has no table of requirements, so that it takes any field and any block.
const head29 = "DC04FR00@@@@1E6D1E6D2901FR"

const fields29 = "61TILLEUL\x1d62FOUGERE\x1d"

// herbierBlocks are text, number, date, and bytes that look like separators and signatures.
var herbierBlocks = []twoddoc.Block{
	{ID: 0x01, Value: c40("AUBEPINE")}, {ID: 0x02, Value: twoddoc.AppendUint(nil, 70_000)},
	{ID: 0x1F, Value: []byte{0x5F, 0xB3, 0xE1}}, {ID: 0xFE, Value: []byte("\x1d\x1e\x1f\xff\x40\xff\x00")},
}

// binaryHead is of FRA, FR00 12345, emitted and signed on 29/04/2021, type 07, perimeter 0001.
const binaryHead = "\xdc\x04\x7b\xa7\x7b\x9d\x19\xcf\x2d\x0a\x41\x7d\xb5\x41\x7d\xb5\x07\x00\x01"

func c40(s string) []byte {
	b, err := twoddoc.AppendText(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}

func blockBytes(list []twoddoc.Block) string {
	var b []byte
	for _, f := range list {
		b = f.Append(b)
	}
	return string(b)
}

func header29() twoddoc.Header {
	return twoddoc.Header{Authority: "FR00", Emitted: 7789, Signed: 7789, Type: "29", Country: "FR"}
}

func binaryHeader() twoddoc.Header {
	return twoddoc.Header{Authority: "FR00", Certificate: "12345", Emitted: 7789, Signed: 7789, Type: "07", Perimeter: "0001", Country: "FRA"}
}

// mixed goes the way of the library.
func mixed(h twoddoc.Header, fields []twoddoc.Field, blocks ...twoddoc.Block) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		h.Certificate = k.name
		d, err := twoddoc.PrepareMixed(h, fields, blocks...)
		return signDraft(t, k, d, err)
	}
}

func binary(h twoddoc.Header, blocks ...twoddoc.Block) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		d, err := twoddoc.PrepareBinary(h, blocks...)
		return signDraft(t, k, d, err)
	}
}

func signDraft(t *testing.T, k testKey, d *twoddoc.Draft, err error) []byte {
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Sign(k.priv, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bytesSigned signs any message by the text of the specification, with the signature as a block.
func bytesSigned(m string) func(*testing.T, testKey) []byte {
	return func(t *testing.T, k testKey) []byte {
		m := strings.Replace(m, "@@@@", k.name, 1)
		sig := rawSign(t, k, m)
		return append([]byte(m+"\xff"+string([]byte{byte(len(sig))})), sig...)
	}
}

func add(tail string) func([]byte) []byte {
	return func(p []byte) []byte { return append(p, tail...) }
}

func cut(n int) func([]byte) []byte { return func(p []byte) []byte { return p[:len(p)-n] } }

func fields2() []twoddoc.Field {
	return []twoddoc.Field{{ID: "61", Value: "TILLEUL"}, {ID: "62", Value: "FOUGERE"}}
}

func shape(form twoddoc.Form, at, fields, blocks int) func(*testing.T, *twoddoc.Document) {
	return func(t *testing.T, d *twoddoc.Document) {
		if d.Form != form || d.Switch != at || len(d.Fields) != fields || len(d.Blocks) != blocks {
			t.Errorf("%v, switch at %d, %d fields, %d blocks; want %v, %d, %d, %d", d.Form, d.Switch, len(d.Fields), len(d.Blocks), form, at, fields, blocks)
		}
	}
}

const (
	notDC04 = twoddoc.WalletHeader
	order   = twoddoc.WalletOrder
)

var goldenForms = []goldenVector{
	{name: "mixed", key: "CN01", make: mixed(header29(), fields2(), herbierBlocks...), wallet: notDC04, check: func(t *testing.T, d *twoddoc.Document) {
		shape(twoddoc.Mixed, 46, 2, 4)(t, d)
		for i, f := range d.Blocks {
			if f.ID != herbierBlocks[i].ID || !bytes.Equal(f.Value, herbierBlocks[i].Value) {
				t.Errorf("block %d is %v", i, f)
			}
		}
		if want := strings.Replace(head29, "@@@@", "CN01", 1) + fields29 + blockBytes(herbierBlocks); string(d.Signed()) != want {
			t.Errorf("signed %q, want %q", d.Signed(), want)
		}
	}},
	{name: "mixed-p384", key: "CN02", make: mixed(header29(), fields2(), herbierBlocks...), wallet: notDC04, check: signatureOf(96)},
	{name: "mixed-p521", key: "CN03", make: mixed(header29(), fields2(), herbierBlocks...), wallet: notDC04, check: signatureOf(132)},
	{name: "mixed-no-field", key: "CN01", make: mixed(header29(), nil, herbierBlocks...), wallet: notDC04, check: shape(twoddoc.Mixed, 26, 0, 4)},
	{name: "mixed-signature-only", key: "CN01", make: bytesSigned(head04 + fougereFields), wallet: order, check: shape(twoddoc.Mixed, 161, 11, 0)},
	{name: "mixed-long-block", key: "CN01", make: mixed(header29(), fields2(), twoddoc.Block{ID: 3, Value: bytes.Repeat([]byte{0xFF, 0x40}, 150)}),
		wallet: notDC04, check: shape(twoddoc.Mixed, 46, 2, 1)},
	{name: "mixed-in-a-full-type", key: "CN01", make: bytesSigned(head04 + fougereFields + "\x01\x01A"),
		strict: twoddoc.FieldForbidden, offset: 161, findings: "field.forbidden", wallet: order},
	{name: "mixed-missing-field", key: "CN01", make: bytesSigned(head04 + strings.Replace(fougereFields, "L82", "", 1)),
		strict: twoddoc.FieldMissing, offset: 158, findings: "field.missing", wallet: order},
	{name: "mixed-annex", key: "CN01", make: change(mixed(header29(), fields2(), herbierBlocks...), add("\x05\x02XY")), wallet: notDC04,
		check: func(t *testing.T, d *twoddoc.Document) {
			if len(d.AnnexBlocks) != 1 || string(d.AnnexBlocks[0].Value) != "XY" || len(d.Blocks) != 4 {
				t.Errorf("%v %v", d.Blocks, d.AnnexBlocks)
			}
		}},
	{name: "mixed-twice", key: "CN01", make: bytesSigned(head29 + fields29 + "\x01\x01A\x01\x01B"),
		strict: twoddoc.FieldTwice, offset: 49, findings: "field.twice", wallet: notDC04},
	{name: "mixed-last-place", key: "CN01", make: bytesSigned(head29 + "61TILLEUL\x1d" + "01" + strings.Repeat("A", 48) + "\x1d\x01\x01B"),
		wallet: notDC04, check: shape(twoddoc.Mixed, 87, 2, 1)}, // a block 30 of 49 bytes reads as field 01
	{name: "mixed-no-end-of-field", key: "CN01", make: bytesSigned(head29 + "61TILLEUL" + "\x01\x01A"),
		strict: twoddoc.FieldCharacter, offset: 35, findings: "field.character field.unknown", verify: twoddoc.SwitchMissing, wallet: notDC04},
	{name: "mixed-cut", key: "CN01", make: change(mixed(header29(), fields2(), herbierBlocks...), cut(1)),
		strict: twoddoc.FieldUnknown, offset: 46, findings: "field.unknown", verify: twoddoc.SwitchMissing, wallet: notDC04},
	{name: "mixed-other-length", key: "CN01", make: change(bytesSigned(head29+fields29), cut(64)), // FF, 64, nothing
		strict: twoddoc.FieldUnknown, offset: 46, findings: "field.unknown", verify: twoddoc.SwitchMissing, wallet: notDC04},
	{name: "mixed-of-version-03", key: "CN01", make: bytesSigned("DC03FR00@@@@FFFF1E6D0301" + rib),
		strict: twoddoc.FieldUnknown, offset: -1, findings: "field.unknown", verify: twoddoc.SignatureMissing, wallet: notDC04},

	{name: "binary", key: "CN01", make: binary(binaryHeader(), herbierBlocks...), wallet: notDC04, check: func(t *testing.T, d *twoddoc.Document) {
		shape(twoddoc.Binary, 0, 0, 4)(t, d)
		if want := binaryHead + blockBytes(herbierBlocks); string(d.Signed()) != want {
			t.Errorf("signed %x, want %x", d.Signed(), want)
		}
		h := binaryHeader()
		h.Version, h.Binary = 4, true
		if d.Header != h {
			t.Errorf("header %+v", d.Header)
		}
	}},
	{name: "binary-p384", key: "CN02", make: binary(binaryHeader(), herbierBlocks...), wallet: notDC04, check: signatureOf(96)},
	{name: "binary-p521", key: "CN03", make: binary(binaryHeader(), herbierBlocks...), wallet: notDC04, check: signatureOf(132)},
	{name: "binary-no-block", key: "CN01", make: bytesSigned(binaryHead), wallet: notDC04, check: shape(twoddoc.Binary, 0, 0, 0)},
	{name: "binary-undated", key: "CN01", make: bytesSigned(at(binaryHead, 10, "\xff\xff\xff")), wallet: notDC04, check: emitted("undated")},
	{name: "binary-emitted-1969", key: "CN01", make: bytesSigned(at(binaryHead, 10, "\x5f\xb3\xe1")), wallet: notDC04, check: emitted("1969-06-27")},
	{name: "binary-long-block", key: "CN01", make: binary(binaryHeader(), twoddoc.Block{ID: 0, Value: bytes.Repeat([]byte("HERBE"), 51)}),
		wallet: notDC04, check: shape(twoddoc.Binary, 0, 0, 1)},
	{name: "binary-annex", key: "CN01", make: change(bytesSigned(binaryHead+"\x01\x01A"), add("\x01\x01Z")), wallet: notDC04,
		check: func(t *testing.T, d *twoddoc.Document) {
			if len(d.AnnexBlocks) != 1 || len(d.Blocks) != 1 || string(d.Blocks[0].Value) != "A" {
				t.Errorf("%v %v", d.Blocks, d.AnnexBlocks)
			}
		}},
	{name: "binary-second-signature", key: "CN01", make: change(bytesSigned(binaryHead), add("\xff\x01Z")),
		strict: twoddoc.BlockID, offset: 85, findings: "block.id", wallet: notDC04},
	{name: "binary-annex-cut", key: "CN01", make: change(bytesSigned(binaryHead), add("\x01\x05Z")),
		strict: twoddoc.BlockCut, offset: 85, findings: "block.cut", wallet: notDC04},
	{name: "binary-thirteenth-month", key: "CN01", make: bytesSigned(at(binaryHead, 13, "\xca\xd1\xf5")),
		strict: twoddoc.HeaderSigned, offset: 13, findings: "header.signed", wallet: notDC04, undated: true},
	{name: "binary-other-type", key: "CN01", make: bytesSigned(at(binaryHead, 16, "\x08")),
		strict: twoddoc.TypeUnknown, offset: 16, findings: "type.unknown", wallet: notDC04},
	{name: "binary-country", key: "CN01", make: bytesSigned(at(binaryHead, 2, string(c40("F1A")))),
		strict: twoddoc.HeaderCountry, offset: 2, findings: "header.country", wallet: notDC04},
	{name: "binary-country-not-c40", key: "CN01", make: bytesSigned(at(binaryHead, 2, "\xfe\x41")),
		strict: twoddoc.HeaderCountry, offset: 2, findings: "header.country", wallet: notDC04},
	{name: "binary-authority", key: "CN01", make: bytesSigned(at(binaryHead, 4, string(c40("9R0012345")))),
		strict: twoddoc.HeaderAuthority, offset: 4, findings: "header.authority", wallet: notDC04},
	{name: "binary-certificate", key: "CN01", make: bytesSigned(at(binaryHead, 4, string(c40("FR00G2345")))),
		strict: twoddoc.HeaderCertificate, offset: 6, findings: "header.certificate", wallet: notDC04},
	{name: "binary-length-too-wide", key: "CN01", make: bytesSigned(binaryHead + "\x01\xff\x00\x01A"),
		strict: twoddoc.BlockLength, offset: 20, findings: "block.length", wallet: notDC04},
	{name: "binary-twice", key: "CN01", make: bytesSigned(binaryHead + "\x01\x01A\xc1\x00\x01\x01B"),
		strict: twoddoc.FieldTwice, offset: 24, findings: "field.twice", wallet: notDC04},
	{name: "binary-block-cut", key: "CN01", make: bytesSigned(binaryHead + "\x01\xff\xff\xffA"),
		strict: twoddoc.BlockCut, offset: 19, findings: "block.cut", verify: twoddoc.SignatureMissing, wallet: notDC04},
	{name: "binary-no-signature", key: "CN01", make: change(bytesSigned(binaryHead+"\x01\x01A"), cut(66)),
		strict: twoddoc.SignatureMissing, offset: 22, verify: twoddoc.SignatureMissing, wallet: notDC04},
	{name: "binary-empty-signature", key: "CN01", make: change(bytesSigned(binaryHead), func(p []byte) []byte { return append(p[:20], 0) }),
		strict: twoddoc.SignatureMissing, offset: 21, verify: twoddoc.SignatureMissing, wallet: notDC04},
	{name: "binary-signature-cut", key: "CN01", make: change(bytesSigned(binaryHead), cut(1)),
		strict: twoddoc.BlockCut, offset: 19, verify: twoddoc.BlockCut, wallet: notDC04},
	{name: "binary-signature-of-another-curve", key: "CN02", make: func(t *testing.T, _ testKey) []byte {
		return append([]byte(binaryHead+"\xff\x40"), make([]byte, 64)...)
	}, verify: twoddoc.SignatureLength, wallet: notDC04},
}

func at(s string, i int, by string) string { return s[:i] + by + s[i+len(by):] }

func emitted(want string) func(*testing.T, *twoddoc.Document) {
	return func(t *testing.T, d *twoddoc.Document) {
		if got := d.Header.Emitted.String(); got != want {
			t.Errorf("emitted %s, want %s", got, want)
		}
	}
}
