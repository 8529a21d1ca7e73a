package scan

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rsc.io/qr"
)

// document writes a small PDF of one A4 page: the content stream, and objects from number 10 on
// that the page knows as /X10, /X11…
func document(t testing.TB, content string, objects ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	offsets := map[int]int{}
	add := func(n int, body string) {
		offsets[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, body)
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	add(1, "<</Type/Catalog/Pages 2 0 R>>")
	add(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>")
	var x strings.Builder
	for i := range objects {
		fmt.Fprintf(&x, "/X%d %d 0 R", 10+i, 10+i)
	}
	add(3, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.28 841.89]/Contents 4 0 R/Resources<</XObject<<"+x.String()+">>>>>>")
	add(4, deflated("", content))
	for i, o := range objects {
		add(10+i, o)
	}
	size := 5
	if len(objects) > 0 {
		size = 10 + len(objects)
	}
	start := b.Len()
	b.WriteString("xref\n0 1\n0000000000 65535 f \n")
	for n := 1; n < 100; n++ {
		if at, ok := offsets[n]; ok {
			fmt.Fprintf(&b, "%d 1\n%010d 00000 n \n", n, at)
		}
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", size, start)
	return b.Bytes()
}

// deflated is a stream object with Flate.
func deflated(entries, data string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(data))
	w.Close()
	return fmt.Sprintf("<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream", entries, b.Len(), b.String())
}

func plain(entries string, data []byte) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", entries, len(data), data)
}

// rectangles draws a symbol in module coordinates: one rectangle for each run of a row.
func (m modules) rectangles() string {
	var b strings.Builder
	for y := range m.side {
		for x := 0; x < m.side; {
			n := 0
			for x+n < m.side && m.dark(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "%d %d %d 1 re\n", x, m.side-1-y, n)
			}
			x += n + 1
		}
	}
	return b.String()
}

// bits packs the modules for a 1-bit image, 1 = dark when dark is 1.
func (m modules) bits(dark byte) []byte {
	row := (m.side + 7) / 8
	out := make([]byte, row*m.side)
	for y := range m.side {
		for x := range m.side {
			if m.dark(x, y) == (dark == 1) {
				out[y*row+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return out
}

// picture draws the symbol with a white margin.
func (m modules) picture(module float64) *image.Gray {
	side := int(float64(m.side+4)*module + 0.5)
	img := canvas(side, side)
	m.draw(img, float64(side)/2, float64(side)/2, module, 0)
	return img
}

func TestPDF(t *testing.T) {
	m := matrixOf(t, fougere, 0)
	q := qrOf(t, tilleul, qr.M)
	n := m.side
	rect := m.rectangles()
	at := func(mm float64, body string) string { // a square in the lower half of the page
		return fmt.Sprintf("q %.4f 0 0 %.4f 60 300 cm\n%s\nQ\n", mm*72/25.4, mm*72/25.4, body)
	}
	inModules := func(body string) string {
		return at(32.3, fmt.Sprintf("%.8f 0 0 %.8f 0 0 cm\n%s", 1/float64(n), 1/float64(n), body))
	}
	gray := m.picture(6)
	var rgb bytes.Buffer
	for _, v := range gray.Pix {
		rgb.Write([]byte{v, v, v})
	}
	var cmyk bytes.Buffer
	for _, v := range gray.Pix {
		cmyk.Write([]byte{0, 0, 0, 255 - v})
	}
	size := fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d", gray.Rect.Dx(), gray.Rect.Dy())
	bitSize := fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 1", n, n)
	background := "0.9 g 50 290 120 120 re f 0 g\n"

	for _, c := range []struct {
		name string
		pdf  []byte
	}{
		{"rectangles under one cm", document(t, inModules("0 g\n"+rect+"f"))},
		{"even-odd", document(t, inModules(rect+"f*"))},
		{"one path each", document(t, inModules(strings.ReplaceAll(rect, "re\n", "re f\n")))},
		{"lines", document(t, inModules(strings.NewReplacer(" re\n", " re h f\n").Replace(rect)))},
		{"drawn with m l h", document(t, inModules(polygons(m)+"f"))},
		{"stroked rows", document(t, inModules("1 w 0 G\n"+strokes(m)))},
		{"dark blue ink", document(t, inModules("0.1 0.1 0.4 rg\n"+rect+"f"))},
		{"CMYK black", document(t, inModules("0 0 0 1 k\n"+rect+"f"))},
		{"light on dark", document(t, "0 g 40 280 140 140 re f\n"+inModules("1 g\n"+rect+"f"))},
		{"light holes in a dark square", document(t, inModules("0 g -2 -2 "+fmt.Sprint(n+4, n+4)+" re f 1 g -1 -1 "+fmt.Sprint(n+2, n+2)+" re f 0 g "+rect+"f"))},
		{"on a grey ground", document(t, background+inModules("0 g\n"+rect+"f"))},
		{"inside a clip", document(t, "q 55 295 200 200 re W n\n"+inModules(rect+"f")+"Q")},
		{"in a form in a form", document(t, "/X10 Do",
			plain("/Type/XObject/Subtype/Form/BBox[0 0 600 850]/Resources<</XObject<</Y 11 0 R>>>>", []byte("q /Y Do Q")),
			plain("/Type/XObject/Subtype/Form/BBox[0 0 600 850]/Matrix[1 0 0 1 20 20]", []byte(inModules(rect+"f"))))},
		{"1-bit image", document(t, at(32.3, "/X10 Do"), deflated(bitSize+"/ColorSpace/DeviceGray", string(m.bits(0))))},
		{"1-bit image, decoded the other way", document(t, at(32.3, "/X10 Do"), deflated(bitSize+"/ColorSpace/DeviceGray/Decode[1 0]", string(m.bits(1))))},
		{"stencil", document(t, at(32.3, "0 g /X10 Do"), deflated(bitSize+"/ImageMask true", string(m.bits(0))))},
		{"indexed", document(t, at(32.3, "/X10 Do"), deflated(bitSize+"/ColorSpace[/Indexed/DeviceRGB 1<ffffff000000>]", string(m.bits(1))))},
		{"8-bit grey", document(t, at(34, "/X10 Do"), deflated(size+"/BitsPerComponent 8/ColorSpace/DeviceGray", string(gray.Pix)))},
		{"8-bit RGB", document(t, at(34, "/X10 Do"), deflated(size+"/BitsPerComponent 8/ColorSpace/DeviceRGB", rgb.String()))},
		{"8-bit CMYK", document(t, at(34, "/X10 Do"), deflated(size+"/BitsPerComponent 8/ColorSpace/DeviceCMYK", cmyk.String()))},
		{"PNG predictor", document(t, at(34, "/X10 Do"), deflated(size+fmt.Sprintf("/BitsPerComponent 8/ColorSpace/DeviceGray/DecodeParms<</Predictor 15/Columns %d>>", gray.Rect.Dx()), predicted(gray)))},
		{"JPEG", document(t, at(34, "/X10 Do"), plain(size+"/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode", asJPEG(t, gray, 60)))},
		{"soft mask", document(t, at(34, "/X10 Do"),
			deflated(size+"/BitsPerComponent 8/ColorSpace/DeviceGray/SMask 11 0 R", strings.Repeat("\x00", len(gray.Pix))),
			deflated(size+"/BitsPerComponent 8/ColorSpace/DeviceGray/Decode[1 0]", string(gray.Pix)))},
		{"inline image", document(t, at(32.3, fmt.Sprintf("BI /W %d /H %d /BPC 1 /CS /G ID %s EI", n, n, m.bits(0))))},
		{"inline image, hexadecimal", document(t, at(32.3, fmt.Sprintf("BI /W %d /H %d /BPC 1 /CS /G /F /AHx ID %x> EI", n, n, m.bits(0))))},
		{"turned page", document(t, "0.97 0.2 -0.2 0.97 100 0 cm\n"+inModules(rect+"f"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			codes := scan(t, c.pdf)
			expect(t, codes, "datamatrix", fougere)
			if len(codes) == 1 && codes[0].Page != 1 {
				t.Errorf("page %d", codes[0].Page)
			}
		})
	}
	t.Run("two codes and words", func(t *testing.T) {
		second := fmt.Sprintf("q %.6f 0 0 %.6f 320 300 cm\n%sf\nQ\n", 130/float64(q.side), 130/float64(q.side), q.rectangles())
		expect(t, scan(t, document(t, inModules(rect+"f")+second+"BT /F1 12 Tf 60 700 Td (words) Tj ET")), "datamatrix", fougere, "qr", tilleul)
	})
	t.Run("a hidden code is not seen", func(t *testing.T) {
		expect(t, scan(t, document(t, inModules(rect+"f")+"1 g 50 290 120 120 re f")))
	})
	t.Run("a broken table is rebuilt", func(t *testing.T) {
		data := document(t, inModules(rect+"f"))
		i := bytes.LastIndex(data, []byte("startxref"))
		expect(t, scan(t, append(data[:i:i], "startxref\n7\n%%EOF\n"...)), "datamatrix", fougere)
	})
	t.Run("bytes before the header", func(t *testing.T) {
		expect(t, scan(t, append([]byte("junk\n"), document(t, inModules(rect+"f"))...)), "datamatrix", fougere)
	})
}

func polygons(m modules) string {
	var b strings.Builder
	for line := range strings.Lines(m.rectangles()) {
		var x, y, w int
		fmt.Sscanf(line, "%d %d %d", &x, &y, &w)
		fmt.Fprintf(&b, "%d %d m %d %d l %d %d l %d %d l h\n", x, y, x+w, y, x+w, y+1, x, y+1)
	}
	return b.String()
}

func strokes(m modules) string {
	var b strings.Builder
	for line := range strings.Lines(m.rectangles()) {
		var x, y, w int
		fmt.Sscanf(line, "%d %d %d", &x, &y, &w)
		fmt.Fprintf(&b, "%d %.1f m %d %.1f l S\n", x, float64(y)+0.5, x+w, float64(y)+0.5)
	}
	return b.String()
}

// predicted writes rows with the five PNG filters in turn.
func predicted(img *image.Gray) string {
	var b strings.Builder
	w := img.Rect.Dx()
	for y := range img.Rect.Dy() {
		kind := y % 3
		b.WriteByte(byte(kind))
		for x := range w {
			v := img.Pix[y*w+x]
			switch {
			case kind == 1 && x > 0:
				v -= img.Pix[y*w+x-1]
			case kind == 2 && y > 0:
				v -= img.Pix[(y-1)*w+x]
			}
			b.WriteByte(v)
		}
	}
	return b.String()
}

// What other programs write: object streams, cross-reference streams and encryption, by qpdf.
func TestForeignPDF(t *testing.T) {
	m := matrixOf(t, fougere, 0)
	side := 92.0
	source := document(t, fmt.Sprintf("q %.6f 0 0 %.6f 60 300 cm\n%sf\nQ", side/float64(m.side), side/float64(m.side), m.rectangles()))
	dir := t.TempDir()
	in := filepath.Join(dir, "in.pdf")
	if err := os.WriteFile(in, source, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"object streams", []string{"--object-streams=generate"}},
		{"linearized", []string{"--linearize"}},
		{"RC4, 40 bits", []string{"--allow-weak-crypto", "--encrypt", "", "owner", "40", "--"}},
		{"RC4, 128 bits", []string{"--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=n", "--"}},
		{"AES, 128 bits", []string{"--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=y", "--"}},
		{"AES, 256 bits", []string{"--encrypt", "", "owner", "256", "--"}},
		{"AES, 256 bits, object streams", []string{"--object-streams=generate", "--encrypt", "", "owner", "256", "--"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.pdf")
			if b, err := exec.Command("qpdf", append(c.args, in, out)...).CombinedOutput(); err != nil {
				t.Fatalf("qpdf: %v: %s", err, b)
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, scan(t, data), "datamatrix", fougere)
		})
	}
	t.Run("a password", func(t *testing.T) {
		out := filepath.Join(dir, "locked.pdf")
		if b, err := exec.Command("qpdf", "--encrypt", "user", "owner", "256", "--", in, out).CombinedOutput(); err != nil {
			t.Fatalf("qpdf: %v: %s", err, b)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(t.Context(), data, Limits{}); err == nil || !strings.Contains(err.Error(), "scan.password") {
			t.Errorf("error %v", err)
		}
	})
}
