package twoddoc_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/datamatrix"

	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
	"carnet/twoddoc/tsl"
)

// table is what the harness prints. What is expected comes from the folder alone.
type table struct {
	mu   sync.Mutex
	rows []*row
}

type row struct {
	what              string
	expected, reached int
}

// count notes that something was tried n times and came out m times.
func (x *table) count(what string, n, m int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(x.rows, func(r *row) bool { return r.what == what })
	if i < 0 {
		i = len(x.rows)
		x.rows = append(x.rows, &row{what: what})
	}
	x.rows[i].expected += n
	x.rows[i].reached += m
}

// check notes one thing, and tells of it if it is wrong.
func (x *table) check(t *testing.T, what string, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		x.count(what, 1, 0)
		t.Errorf("%s: "+format, append([]any{what}, args...)...)
		return
	}
	x.count(what, 1, 1)
}

func (x *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-62s %9s %9s\n", "what", "expected", "reached")
	for _, r := range x.rows {
		fmt.Fprintf(&b, "%-62s %9d %9d\n", r.what, r.expected, r.reached)
	}
	return b.String()
}

// The rows, in the order of the table.
const (
	rowDecoded   = "payloads decoded"
	rowHeader    = "headers as expected"
	rowFields    = "fields and separators as expected"
	rowAgain     = "written again byte for byte, SHA-256 as expected"
	rowSignature = "signatures as expected"
	rowDates     = "signature date against certificate, as expected"
	rowEarly     = "signed before emission, as expected"
	rowRequire   = "requirements of the type, as expected"
	rowFlips     = "changed bits refused"
	rowSide      = "smallest C40 side as expected"
	rowDrawn     = "drawn, read by gozxing, the same bytes"
	rowLinks     = "links built and read"
	rowDmtx      = "symbol pictures read by dmtxread"
	rowZXing     = "symbol pictures read by gozxing (those without a note)"
	rowCodewords = "symbol pictures drawn again codeword for codeword"
	rowLists     = "trust lists: signature and sequence"
	rowChains    = "certificates issued by an authority of a list"
)

// TestConformance is the harness of a corpus: CARNET_CORPUS_TWODDOC, or the folder beside the repository. It
// asks for nothing but the shape of the folder, so that another one can take its place.
//
//	go test ./twoddoc -run Conformance -v
func TestConformance(t *testing.T) {
	dir := corpus(t)
	if dir == "" {
		return
	}
	x := &table{}
	for _, what := range []string{rowDecoded, rowHeader, rowFields, rowAgain, rowSignature, rowDates, rowEarly, rowRequire, rowFlips,
		rowSide, rowDrawn, rowLinks, rowDmtx, rowZXing, rowCodewords, rowLists, rowChains} {
		x.count(what, 0, 0)
	}
	t.Run("vectors", func(t *testing.T) {
		for _, v := range vectors(t, dir) {
			t.Run(v.ID, func(t *testing.T) {
				t.Parallel()
				x.vector(t, dir, v)
			})
		}
	})
	x.lists(t, dir)
	t.Log(x)
	for _, r := range x.rows {
		if r.reached != r.expected {
			t.Errorf("%s: %d of %d", r.what, r.reached, r.expected)
		}
	}
}

func (x *table) vector(t *testing.T, dir string, v vector) {
	d, err := twoddoc.ParseTolerant(v.Payload)
	x.check(t, rowDecoded, err == nil, "%v", err)
	if err != nil {
		return
	}
	h := d.Header
	got := []string{fmt.Sprintf("%02d", h.Version), h.Authority, h.Certificate, h.Emitted.String(), h.Signed.String(), h.Type, h.Perimeter, h.Country}
	want := []string{v.Version, v.Header.CA, v.Header.Certificate, day(v.Header.Emission), day(v.Header.Signature), v.Type, "01", ""}
	if v.Header.Perimeter != nil {
		want[6] = *v.Header.Perimeter
	}
	if v.Header.Country != nil {
		want[7] = *v.Header.Country
	}
	x.check(t, rowHeader, slices.Equal(got, want), "%v, want %v", got, want)
	if v.Fields != nil {
		same := len(d.Fields) == len(v.Fields)
		for i := 0; same && i < len(v.Fields); i++ {
			f, g := v.Fields[i], d.Fields[i]
			same = g.ID == f.ID && g.Value == f.Value && g.End == separator(f.End)
		}
		x.check(t, rowFields, same, "%v, want %v", d.Fields, len(v.Fields))
	}
	again, placed := h.Append(nil), true
	for _, f := range d.Fields {
		placed = placed && f.Offset == len(again)
		again = f.Append(again)
	}
	again = append(again, d.Rest...)
	id := d.ID()
	x.check(t, rowAgain, placed && bytes.Equal(again, d.Signed()) && bytes.HasPrefix(v.Payload, again) && sha256.Sum256(again) == id &&
		hex.EncodeToString(id[:]) == v.SHA, "%x", id)

	cert := corpusCertificate(t, dir, v.Key)
	verified := d.Verify(cert)
	x.check(t, rowSignature, (verified == nil) == (v.Expect.Signature == "valid") && hex.EncodeToString(d.Signature) == v.Sig, "%v", verified)
	x.check(t, rowDates, h.Within(cert) == v.Expect.InDates, "within: %v", h.Within(cert))
	early := h.Emitted != twoddoc.Undated && h.Signed < h.Emitted
	x.check(t, rowEarly, early == v.Expect.Early, "early: %v", early)
	typ, _ := twoddoc.LookupType(v.Type)
	_, strict := twoddoc.Parse(v.Payload)
	met := strict == nil && len(d.Conforming) == 0 && typ.Table != twoddoc.Open
	x.check(t, rowRequire, met == strings.HasPrefix(v.Expect.Require, "met"), "%v, table %v, want %q", strict, typ.Table, v.Expect.Require)
	if verified == nil {
		changed, refused := flips(t, v.ID, v.Payload, len(v.Payload), cert)
		x.count(rowFlips, changed, refused)
	}

	if v.Symbol.Smallest > 0 {
		s, err := datamatrix.Encode(v.Payload, 0)
		x.check(t, rowSide, err == nil && s.Side == v.Symbol.Smallest, "%v", err)
	}
	s, err := datamatrix.EncodeSwitched(v.Payload, d.Switch, 0)
	if err != nil {
		t.Fatal(err)
	}
	x.check(t, rowDrawn, bytes.Equal(readSymbol(t, s), v.Payload), "it reads otherwise")
	if v.URL != "" {
		prefix, _, _ := strings.Cut(v.URL, "v=")
		back, err := twoddoc.FromLink(v.URL)
		x.check(t, rowLinks, twoddoc.Link(prefix+"v=", v.Payload) == v.URL && bytes.Equal(back, v.Payload), "%v", err)
	}
	if v.Image != "" {
		x.picture(t, filepath.Join(dir, v.Image), v)
	}
}

// picture reads a symbol as the README of the corpus says: grey, enlarged without smoothing, with a white
// border, at one scale after the other; dmtxread gets little time at each, then more.
func (x *table) picture(t *testing.T, name string, v vector) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	dmtx, gozx := false, v.Note != ""
	file := filepath.Join(t.TempDir(), "code.png")
	for i, scale := range []int{3, 4, 2, 6, 1, 3, 4, 2, 6, 1} {
		if dmtx && gozx || i == 5 && dmtx {
			break
		}
		patience := "200"
		if i >= 5 {
			patience = "2000"
		}
		img := enlarge(src, scale)
		if !gozx && i < 5 {
			gozx = bytes.Equal(readPicture(img), v.Payload)
		}
		if !dmtx {
			var b bytes.Buffer
			if err := png.Encode(&b, img); err != nil {
				t.Fatal(err)
			}
			write(t, file, b.Bytes())
			if dmtx = bytes.Equal(dmtxread(t, "-m", patience, "-N", "1", file), v.Payload); dmtx {
				// It was read just now: on a busy machine the second time only takes longer.
				x.codewords(t, v, dmtxread(t, "-c", "-m", "20000", "-N", "1", file))
			}
		}
	}
	x.check(t, rowDmtx, dmtx, "no scale gives the payload")
	if v.Note == "" {
		x.check(t, rowZXing, gozx, "no scale gives the payload")
	}
}

func dmtxread(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("dmtxread", args...).Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("dmtxread is needed (Debian package dmtx-utils): %v", err)
	}
	return out
}

// codewords compares those that we draw with those of the picture, listed by dmtxread, wherever its encoder
// followed the rule of the specification; in version 01, wherever it began with C40.
func (x *table) codewords(t *testing.T, v vector, listed []byte) {
	if !v.Symbol.Identical && !(v.Version == "01" && v.Symbol.First == 230) {
		return
	}
	var want []byte
	for line := range strings.Lines(string(listed)) {
		// d: data, p: padding, c: check codewords.
		if kind, n, _ := strings.Cut(strings.TrimSpace(line), ":"); kind == "d" || kind == "p" {
			c, err := strconv.ParseUint(strings.TrimSpace(n), 10, 8)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, byte(c))
		}
	}
	d, err := twoddoc.ParseTolerant(v.Payload)
	if err != nil {
		t.Fatal(err)
	}
	s, err := datamatrix.EncodeSwitched(v.Payload, d.Switch, v.Symbol.Side)
	x.check(t, rowCodewords, err == nil && s.Side == v.Symbol.Side && bytes.Equal(s.Codewords(), want), "%v", err)
}

func enlarge(src image.Image, scale int) *image.Gray {
	const border = 60
	r := src.Bounds()
	img := image.NewGray(image.Rect(0, 0, r.Dx()*scale+2*border, r.Dy()*scale+2*border))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for y := range r.Dy() {
		for x := range r.Dx() {
			g := color.GrayModel.Convert(src.At(r.Min.X+x, r.Min.Y+y)).(color.Gray).Y
			for dy := range scale {
				at := img.PixOffset(x*scale+border, y*scale+dy+border)
				for dx := range scale {
					img.Pix[at+dx] = g
				}
			}
		}
	}
	return img
}

func readPicture(img image.Image) []byte {
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return nil
	}
	for _, hints := range []map[gozxing.DecodeHintType]any{nil, {gozxing.DecodeHintType_PURE_BARCODE: true}} {
		if res, err := zxing.NewDataMatrixReader().Decode(bmp, hints); err == nil {
			var b []byte
			for _, r := range res.GetText() { // one rune for a byte
				b = append(b, byte(r))
			}
			return b
		}
	}
	return nil
}

// lists verifies every trust list of the folder, whose names end in the sequence number, and looks for the
// issuer of every certificate whose authority is in one of them.
func (x *table) lists(t *testing.T, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "tsl", "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var authorities []tsl.Authority
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tsl.Parse(f, anchors(t))
		f.Close()
		if err == nil {
			authorities = append(authorities, l.Authorities...)
			base := strings.TrimSuffix(filepath.Base(name), ".xml")
			if n, e := strconv.Atoi(base[strings.LastIndexByte(base, '-')+1:]); e == nil && n != l.Sequence {
				err = fmt.Errorf("sequence %d", l.Sequence)
			}
		}
		x.check(t, rowLists, err == nil, "%s: %v", filepath.Base(name), err)
	}
	names, err = filepath.Glob(filepath.Join(dir, "certs", "*_*.der"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		id, _, _ := strings.Cut(filepath.Base(name), "_")
		known, issued := false, false
		cert := corpusCertificate(t, dir, strings.Replace(strings.TrimSuffix(filepath.Base(name), ".der"), "_", "/", 1))
		for _, a := range authorities {
			if a.ID == id {
				known = true
				issued = issued || cert.CheckSignatureFrom(a.Certificate) == nil
			}
		}
		if known && !cert.IsCA {
			x.check(t, rowChains, issued, "%s", filepath.Base(name))
		}
	}
}

// anchors is the signer of the published lists until March 2027, and those of CARNET_TSL_ANCHORS: SHA-256 in
// hexadecimal, separated by commas.
func anchors(t *testing.T) []tsl.Anchor {
	t.Helper()
	list := "c290cb9e0ac1be84ecc514a2d657a493e05bff7a5372bab7dd12dccc8cf6e09d"
	if more := os.Getenv("CARNET_TSL_ANCHORS"); more != "" {
		list += "," + more
	}
	var found []tsl.Anchor
	for s := range strings.SplitSeq(list, ",") {
		b, err := hex.DecodeString(strings.TrimSpace(s))
		if err != nil || len(b) != sha256.Size {
			t.Fatalf("anchor %q", s)
		}
		found = append(found, tsl.Anchor(b))
	}
	return found
}

// TestConformanceShape runs the harness's reader on a folder of our own, so that it does not only fit
// the one that it was written for.
func TestConformanceShape(t *testing.T) {
	dir := t.TempDir()
	p := goldenPayloads(t)["b2"]
	d, err := twoddoc.Parse(p)
	if err != nil {
		t.Fatal(err)
	}
	id := d.ID()
	var fields []map[string]string
	for _, f := range d.Fields {
		fields = append(fields, map[string]string{"id": f.ID, "value": f.Value, "end": map[twoddoc.Separator]string{twoddoc.GS: "GS"}[f.End]})
	}
	b, err := json.Marshal(map[string]any{"count": 1, "vectors": []any{map[string]any{
		"id": "own", "version": "04", "type": "B2", "payload_b64": p, "fields": fields, "signed_sha256": hex.EncodeToString(id[:]),
		"header":        map[string]any{"ca": "FR00", "certificate": "CN01", "emission": "2021-04-29", "signature": "2021-04-29", "perimeter": "01", "country": "FR"},
		"signature_hex": hex.EncodeToString(d.Signature), "key": "FR00/CN01",
		"expect": map[string]any{"signature": "valid", "signature_date_in_certificate_validity": true, "signed_before_emission": false, "requirements": "met"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "vectors.json"), b)
	write(t, filepath.Join(dir, "certs", "FR00_CN01.der"), goldenCertificate(t, "CN01").Raw)
	t.Setenv("CARNET_CORPUS_TWODDOC", dir)
	x := &table{}
	for _, v := range vectors(t, corpus(t)) {
		x.vector(t, dir, v)
	}
	x.lists(t, dir)
	if len(x.rows) != 10 {
		t.Errorf("%d rows: %v", len(x.rows), x)
	}
	for _, r := range x.rows {
		if r.reached != r.expected || r.expected == 0 {
			t.Errorf("%s: %d of %d", r.what, r.reached, r.expected)
		}
	}
}
