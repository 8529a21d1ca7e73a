package twoddoc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/datamatrix"
	"pgregory.net/rapid"

	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
)

// TestBlockValues holds the codings that the specification prints, with its errata corrected.
func TestBlockValues(t *testing.T) {
	for text, want := range map[string]string{
		"FRA": "7ba7", "FR0112345": "7b9d200f2d0a", "FR0AABC12": "7b9d59c064cf", "FR0AACB12": "7b9d59c15e8f", "AFNOR1": "5a94b3de",
		"": "", "A": "fe42", "AB": triple(14, 15, 0), "ABCD": triple(14, 15, 16) + "fe45", "A.": triple(14, 1, 13),
		"AB.": triple(14, 15, 0) + "fe2f", "\x00": triple(0, 0, 0), "\x00\x00": triple(0, 0, 0) + "fe01", "a_\x1d`": triple(2, 1, 1) + triple(26, 0, 29) + triple(2, 0, 0),
	} {
		b, err := twoddoc.AppendText(nil, text)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%q: %x %v, want %s", text, b, err, want)
		}
		if back, ok := (twoddoc.Block{Value: b}).Text(); !ok || back != text {
			t.Errorf("%q reads back %q %v", text, back, ok)
		}
	}
	if _, err := twoddoc.AppendText(nil, "ABCé"); !errors.Is(err, &twoddoc.Error{Code: twoddoc.FieldCharacter}) || err.(*twoddoc.Error).Offset != 3 {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"5a", "fe", "fe00", "fe82", "fe42fe42", "0000", "ffff", "fa01", "fe425a94", triple(0, 39, 4), triple(1, 30, 4), triple(2, 32, 4), "5a94fe"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := (twoddoc.Block{Value: b}).Text(); ok {
			t.Errorf("%s reads %q", bad, s)
		}
	}
	for n, want := range map[uint64]string{0: "00", 255: "ff", 256: "0100", 70_000: "011170", 1<<64 - 1: "ffffffffffffffff"} {
		b := twoddoc.AppendUint(nil, n)
		if got, ok := (twoddoc.Block{Value: b}).Uint(); hex.EncodeToString(b) != want || !ok || got != n {
			t.Errorf("%d: %x, %d", n, b, got)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 9)} {
		if n, ok := (twoddoc.Block{Value: bad}).Uint(); ok {
			t.Errorf("%x reads %d", bad, n)
		}
	}
	for _, c := range []struct{ hex, day string }{
		{"5fb3e1", "1969-06-27"}, {"417db5", "2021-04-29"}, {"ffffff", "undated"}, {"0f6951", "0001-01-01"},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := twoddoc.Block{Value: b}.Day()
		if !ok || d.String() != c.day || !bytes.Equal(twoddoc.AppendDay(nil, d), b) {
			t.Errorf("%s: %v %v, written %x", c.hex, d, ok, twoddoc.AppendDay(nil, d))
		}
	}
	for _, n := range []int{0, 1, 13012021, 12002021, 12322021, 2302021, 2292021, 1010000, 16777214, 12312200} {
		b := []byte{byte(n >> 16), byte(n >> 8), byte(n)}
		if d, ok := (twoddoc.Block{Value: b}).Day(); ok {
			t.Errorf("%d reads %v", n, d)
		}
	}
	if _, ok := (twoddoc.Block{Value: []byte{1, 2}}).Day(); ok {
		t.Error("two bytes are a date")
	}
}

func triple(a, b, c int) string { return fmt.Sprintf("%04x", 1600*a+40*b+c+1) }

func TestAnyBlockText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.ByteMax(127), 0, 40).Draw(t, "text"))
		b, err := twoddoc.AppendText(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := (twoddoc.Block{Value: b}).Text(); !ok || back != text {
			t.Fatalf("%q reads back %q %v from %x", text, back, ok, b)
		}
		raw := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes")
		if s, ok := (twoddoc.Block{Value: raw}).Text(); ok {
			if again, err := twoddoc.AppendText(nil, s); err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("%x and %x read %q", raw, again, s)
			}
		}
	})
}

// TestAnyBlocks: whatever blocks are issued, they are read back, by a reader that does not know where
// the switch is.
func TestAnyBlocks(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.ByteMax(254), 0, 12, func(b byte) byte { return b }).Draw(t, "ids")
		var blocks []twoddoc.Block
		for _, id := range ids {
			blocks = append(blocks, twoddoc.Block{ID: id, Value: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")})
		}
		var d *twoddoc.Draft
		var err error
		form := twoddoc.Binary
		if rapid.Bool().Draw(t, "mixed") {
			form = twoddoc.Mixed
			h := header29()
			h.Certificate = "CN01"
			d, err = twoddoc.PrepareMixed(h, fields2()[:rapid.IntRange(0, 2).Draw(t, "fields")], blocks...)
		} else {
			d, err = twoddoc.PrepareBinary(binaryHeader(), blocks...)
		}
		if errors.Is(err, &twoddoc.Error{Code: twoddoc.IssueSwitch}) {
			t.Skip("looks like fields")
		}
		if err != nil {
			t.Fatal(err)
		}
		if d.Document().Signature != nil {
			t.Fatal("a draft with a signature")
		}
		p, err := d.Sign(key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := twoddoc.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Verify(key.Public()); err != nil || doc.Form != form || doc.ID() != d.ID() || len(doc.Blocks) != len(blocks) {
			t.Fatalf("%v, %v, %d blocks", err, doc.Form, len(doc.Blocks))
		}
		for i, f := range doc.Blocks {
			if f.ID != blocks[i].ID || !bytes.Equal(f.Value, blocks[i].Value) {
				t.Fatalf("block %d is %v, want %v", i, f, blocks[i])
			}
		}
	})
}

func TestBlocksRefused(t *testing.T) {
	type B = twoddoc.Block
	h := header29()
	h.Certificate = "CN01"
	for _, c := range []struct {
		name   string
		blocks []B
		want   twoddoc.Code
		offset int
	}{
		{"signature", []B{{ID: 1}, {ID: 0xFF, Value: make([]byte, 64)}}, twoddoc.BlockID, 2},
		{"twice", []B{{ID: 1}, {ID: 1}}, twoddoc.FieldTwice, 2},
		{"too long for a length", []B{{ID: 1, Value: make([]byte, 1<<16)}}, twoddoc.BlockLength, 1},
		{"too long", []B{{ID: 1, Value: make([]byte, twoddoc.MaxPayload)}}, twoddoc.SizeLong, -1},
	} {
		if _, err := twoddoc.PrepareBinary(binaryHeader(), c.blocks...); code(err) != c.want || c.offset >= 0 && err.(*twoddoc.Error).Offset != 19+c.offset {
			t.Errorf("%s, binary: %v, want %s", c.name, err, c.want)
		}
		if _, err := twoddoc.PrepareMixed(h, fields2(), c.blocks...); code(err) != c.want || c.offset >= 0 && err.(*twoddoc.Error).Offset != 46+c.offset {
			t.Errorf("%s, mixed: %v, want %s", c.name, err, c.want)
		}
	}
	// A block 30 of 49 bytes reads as field 01 to whoever does not know where the blocks begin.
	if _, err := twoddoc.PrepareMixed(h, fields2(), B{ID: '0', Value: []byte(strings.Repeat("A", 48) + "\x1d")}); code(err) != twoddoc.IssueSwitch {
		t.Errorf("a block like a field: %v", err)
	}
	l1 := header("CN01")
	if _, err := twoddoc.PrepareMixed(l1, nil, B{ID: 1}); code(err) != twoddoc.FieldMissing && code(err) != twoddoc.FieldForbidden {
		t.Errorf("a block in L1: %v", err)
	}
	bad := binaryHeader()
	for name, alter := range map[string]func(*twoddoc.Header){
		"country": func(h *twoddoc.Header) { h.Country = "FR" }, "authority": func(h *twoddoc.Header) { h.Authority = "FR\x1d0" },
		"certificate": func(h *twoddoc.Header) { h.Certificate = "CN01" }, "type": func(h *twoddoc.Header) { h.Type = "L1" },
		"unknown type": func(h *twoddoc.Header) { h.Type = "08" }, "perimeter": func(h *twoddoc.Header) { h.Perimeter = "01" },
		"emission": func(h *twoddoc.Header) { h.Emitted = twoddoc.Undated + 1 }, "signature": func(h *twoddoc.Header) { h.Signed = -800_000 },
	} {
		h := bad
		alter(&h)
		if _, err := twoddoc.PrepareBinary(h); err == nil {
			t.Errorf("%s: %+v is written", name, h)
		}
	}
	text := header("CN01")
	text.Binary = true
	if _, err := twoddoc.Prepare(text); code(err) != twoddoc.HeaderMarker {
		t.Errorf("a binary header of text: %v", err)
	}
	for _, day := range []twoddoc.Day{-1, twoddoc.Undated + 1} {
		h := header("CN01")
		h.Emitted = day
		if _, err := twoddoc.Prepare(h); code(err) != twoddoc.HeaderEmitted {
			t.Errorf("day %d: %v", day, err)
		}
		h = header("CN01")
		h.Signed = day
		if _, err := fougere().Prepare(h); code(err) != twoddoc.HeaderSigned {
			t.Errorf("day %d: %v", day, err)
		}
	}
}

// symbols draws the parts of a payload in symbols of one size and reads them with gozxing.
func symbols(t *testing.T, parts []twoddoc.Part) [][]byte {
	t.Helper()
	side := 0
	for _, p := range parts {
		b, at := p.Draw()
		s, err := datamatrix.EncodeSwitched(b, at, side)
		if err != nil {
			t.Fatal(err)
		}
		side = s.Side
	}
	var read [][]byte
	for _, p := range parts {
		b, at := p.Draw()
		s, err := datamatrix.EncodeSwitched(b, at, side)
		if err != nil || s.Side != side {
			t.Fatalf("side %v %v, want %d", s, err, side)
		}
		read = append(read, readSymbol(t, s))
	}
	return read
}

func readSymbol(t *testing.T, s *datamatrix.Symbol) []byte {
	t.Helper()
	const px, quiet = 4, 2
	img := image.NewGray(image.Rect(0, 0, (s.Side+2*quiet)*px, (s.Side+2*quiet)*px))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if x < quiet*px || y < quiet*px || !s.Dark(x/px-quiet, y/px-quiet) {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	res, err := zxing.NewDataMatrixReader().Decode(bmp, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, r := range res.GetText() { // one rune for a byte
		b = append(b, byte(r))
	}
	return b
}

// TestSymbols: every golden code is drawn, read by a foreign reader and gives the same bytes, in one
// symbol and in several, in whatever order they come.
func TestSymbols(t *testing.T) {
	payloads := goldenPayloads(t)
	for _, name := range []string{"l1", "l1-p521", "version-01", "version-01-p521", "annex", "mixed", "mixed-p521", "mixed-no-field", "mixed-signature-only",
		"mixed-long-block", "binary", "binary-p384", "binary-no-block", "binary-annex", "binary-long-block"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := payloads[name]
			d, err := twoddoc.Parse(p)
			if err != nil {
				t.Fatal(err)
			}
			s, err := datamatrix.EncodeSwitched(p, d.Switch, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := readSymbol(t, s); !bytes.Equal(got, p) {
				t.Errorf("one symbol: %x\nwant %x", got, p)
			}
			for _, count := range []int{2, 3, 16} {
				parts, err := twoddoc.Split(p, "K7Q", count)
				if d.Header.Version != 4 {
					if code(err) != twoddoc.IssueVersion {
						t.Errorf("version %d: %v", d.Header.Version, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				read := symbols(t, parts)
				read = append(read[1:], read[0], read[1]) // any order, one of them twice
				got, err := twoddoc.Join(read...)
				if err != nil || !bytes.Equal(got, p) {
					t.Errorf("%d symbols: %v", count, err)
				}
			}
		})
	}
}

func TestSeveralSymbols(t *testing.T) {
	p := goldenPayloads(t)["mixed"]
	parts, err := twoddoc.Split(p, "K7Q", 4)
	if err != nil {
		t.Fatal(err)
	}
	var s [4][]byte
	for i, part := range parts {
		s[i] = part.Append(nil)
		want := "EK7Q" + strconv.Itoa(i) + "3"
		if part.Binary {
			want = "\xee" + string(c40("K7Q")) + string([]byte{byte(i<<4 | 13)})
		}
		if !strings.HasPrefix(string(s[i]), want) {
			t.Errorf("symbol %d begins %q, want %q", i, s[i][:6], want)
		}
		back, err := twoddoc.ReadPart(s[i])
		if err != nil || back.Index != i || back.Count != 4 || back.Group != part.Group || back.Binary != part.Binary || !bytes.Equal(back.Data, part.Data) {
			t.Errorf("symbol %d: %v %v", i, back, err)
		}
		if _, err := twoddoc.Parse(s[i]); code(err) != twoddoc.MultiPart {
			t.Errorf("symbol %d alone: %v", i, err)
		}
	}
	if parts[0].Binary || !parts[3].Binary {
		t.Errorf("%v", parts)
	}
	other, err := twoddoc.Split(p, "K7R", 4)
	if err != nil {
		t.Fatal(err)
	}
	fewer, err := twoddoc.Split(p, "K7Q", 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		symbols [][]byte
		want    twoddoc.Code
		field   string
	}{
		{"none", nil, twoddoc.MultiMissing, "0"},
		{"one is missing", [][]byte{s[3], s[0], s[1]}, twoddoc.MultiMissing, "2"},
		{"one is there twice, one missing", [][]byte{s[0], s[0], s[1], s[2]}, twoddoc.MultiMissing, "3"},
		{"two for one position", [][]byte{s[0], append(bytes.Clone(s[0]), 'X')}, twoddoc.MultiTwice, "1"},
		{"other group", [][]byte{s[0], s[1], other[2].Append(nil)}, twoddoc.MultiGroup, "2"},
		{"other count", [][]byte{s[0], fewer[1].Append(nil)}, twoddoc.MultiGroup, "1"},
		{"a whole document", [][]byte{s[0], p}, twoddoc.MultiPrefix, "1"},
		{"empty", [][]byte{{}}, twoddoc.MultiPrefix, "0"},
		{"prefix of bytes and nothing", [][]byte{{0xEE, 1, 2, 0x0F}}, twoddoc.MultiMissing, "1"},
		{"one symbol alone", [][]byte{[]byte("EK7Q00DC04")}, twoddoc.MultiPrefix, "0"},
		{"position behind the last", [][]byte{[]byte("EK7Q21DC04")}, twoddoc.MultiPrefix, "0"},
		{"small letters", [][]byte{[]byte("Ek7q01DC04")}, twoddoc.MultiPrefix, "0"},
		{"position of no hexadecimal digit", [][]byte{[]byte("EK7QG1DC04")}, twoddoc.MultiPrefix, "0"},
		{"seventeen symbols of bytes", [][]byte{{0xEE, 1, 2, 0x00, 0xDC}}, twoddoc.MultiPrefix, "0"},
		{"position behind the last, bytes", [][]byte{{0xEE, 1, 2, 0x2F, 0xDC}}, twoddoc.MultiPrefix, "0"},
		{"larger than a symbol", [][]byte{append([]byte("EK7Q01"), make([]byte, twoddoc.MaxSymbol)...)}, twoddoc.SizeLong, "0"},
	} {
		if got, err := twoddoc.Join(c.symbols...); !errors.Is(err, &twoddoc.Error{Code: c.want, Field: c.field}) || got != nil {
			t.Errorf("%s: %v, want %s of %s", c.name, err, c.want, c.field)
		}
	}
	for _, c := range []struct {
		name, group string
		payload     []byte
		count       int
		want        twoddoc.Code
	}{
		{"one symbol", "K7Q", p, 1, twoddoc.MultiCount},
		{"seventeen", "K7Q", p, 17, twoddoc.MultiCount},
		{"small letters", "k7q", p, 2, twoddoc.MultiGroup},
		{"short group", "K7", p, 2, twoddoc.MultiGroup},
		{"no document", "K7Q", []byte("HC1:"), 2, twoddoc.HeaderMarker},
		{"too much for two", "K7Q", append(bytes.Clone(p), make([]byte, 5000)...), 2, twoddoc.SizeLong},
	} {
		if got, err := twoddoc.Split(c.payload, c.group, c.count); code(err) != c.want || got != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for _, x := range []any{parts[0], parts, goldenForms[0].name} {
		if s := fmt.Sprintf("%v %+v %#v", x, x, x); strings.Contains(s, "TILLEUL") {
			t.Errorf("%s shows", s)
		}
	}
}

func FuzzJoin(f *testing.F) {
	for _, name := range []string{"l1", "mixed", "binary"} {
		parts, err := twoddoc.Split(goldenPayloads(f)[name], "K7Q", 2)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(parts[0].Append(nil), parts[1].Append(nil))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p, err := twoddoc.Join(a, b)
		if err != nil {
			return
		}
		x, err := twoddoc.ReadPart(a)
		if err != nil || !bytes.Equal(x.Append(nil), a) {
			t.Fatalf("%v %v", x, err)
		}
		if swapped, err := twoddoc.Join(b, a); err != nil || !bytes.Equal(swapped, p) {
			t.Fatalf("order matters: %v", err)
		}
	})
}
