package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-fonts/liberation/liberationsansbold"
	"github.com/go-fonts/liberation/liberationsansregular"
	"github.com/google/go-cmp/cmp"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files again")

func regular(t testing.TB) *Font {
	t.Helper()
	f, err := ParseFont(liberationsansregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func face(t testing.TB, s string) *Face {
	t.Helper()
	f, err := regular(t).Subset(Runes(s))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// square is a matrix written as lines of # and anything else.
type square []string

func (s square) Size() int          { return len(s) }
func (s square) Dark(x, y int) bool { return s[y][x] == '#' }

func TestParseFont(t *testing.T) {
	for name, ttf := range map[string][]byte{"LiberationSans": liberationsansregular.TTF, "LiberationSans-Bold": liberationsansbold.TTF} {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFont(ttf)
			if err != nil {
				t.Fatal(err)
			}
			if f.name != name || f.bold != strings.HasSuffix(name, "Bold") || f.unitsPerEm != 2048 {
				t.Errorf("name %q, bold %v, %d units per em", f.name, f.bold, f.unitsPerEm)
			}
			if !f.Has('é') || f.Has('中') {
				t.Error("wrong characters")
			}
		})
	}
}

func TestParseFontRefuses(t *testing.T) {
	ttf := liberationsansregular.TTF
	for name, data := range map[string][]byte{
		"nothing":     nil,
		"text":        []byte("This is not a font, however long it may be."),
		"directory":   ttf[:40],
		"cut":         ttf[:len(ttf)/2],
		"no tables":   {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"other magic": append([]byte("OTTO"), ttf[4:]...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseFont(data); !errors.Is(err, ErrFont) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// tablesOf reads back the font program of a face.
func tablesOf(t *testing.T, f *Face) map[string][]byte {
	t.Helper()
	tables, err := parseTables(f.program)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestSubset(t *testing.T) {
	f := face(t, "Éléonore \u00a0-\u2010")
	tables := tablesOf(t, f)
	n := int(be16(tables["maxp"], 4))
	if n != len(f.glyphs) || int(be16(tables["hhea"], 34)) != n || len(tables["hmtx"]) != 4*n || len(tables["loca"]) != 4*(n+1) {
		t.Fatalf("%d glyphs, tables of other lengths", n)
	}
	if n <= 1+len(f.runes) {
		t.Error("the accents of É and é are not in the subset")
	}
	if got := checksum(f.program); got != 0xB1B0AFBA {
		t.Errorf("checksum of the file %08X", got)
	}
	loca := func(i int) int { return int(binary.BigEndian.Uint32(tables["loca"][4*i:])) }
	for cid, g := range f.glyphs {
		if be16(tables["hmtx"], 4*cid) != f.font.advance[g] {
			t.Errorf("CID %d: advance", cid)
		}
		outline := tables["glyf"][loca(cid):loca(cid+1)]
		if len(outline) > 0 && !bytes.Equal(outline[:10], f.font.outline(g)[:10]) {
			t.Errorf("CID %d: contours and bounds differ", cid)
		}
	}
	// A composite must name components inside the subset.
	outline := tables["glyf"][loca(int(f.cid('é'))):]
	if int16(be16(outline, 0)) != -1 {
		t.Fatal("é is not a composite glyph in this font: the test needs another character")
	}
	if part := be16(outline, 12); int(part) >= n || f.glyphs[part] != f.font.cmap['e'] {
		t.Errorf("first component of é is CID %d", part)
	}
	if f.cid('-') == f.cid('\u2010') || f.cid(' ') == f.cid('\u00a0') {
		t.Error("characters that look the same must stay apart when copied")
	}
	if again := face(t, "Éléonore \u00a0-\u2010"); !bytes.Equal(again.program, f.program) || again.tag != f.tag || len(f.tag) != 6 {
		t.Error("not deterministic")
	}
}

func TestMissingCharacter(t *testing.T) {
	var missing *MissingError
	if _, err := regular(t).Subset([]rune{'中'}); !errors.As(err, &missing) || missing.Rune != '中' {
		t.Errorf("subset: %v", err)
	}
	f := face(t, "ab")
	if err := f.Check("abba"); err != nil {
		t.Error(err)
	}
	err := f.Check("abc")
	if !errors.As(err, &missing) || missing.Index != 2 || strings.Contains(err.Error(), "abc") {
		t.Errorf("check: %v", err)
	}
	base, err := NewBase(f)
	if err != nil {
		t.Fatal(err)
	}
	c, root := base.Canvas(), &Element{Type: "Document"}
	c.Begin(root.Add(&Element{Type: "P"}))
	c.Text(10, 10, f, 12, "abc")
	c.End()
	if _, err := base.Write(Document{Root: root, Canvas: c}); !errors.As(err, &missing) {
		t.Errorf("write: %v", err)
	}
}

func TestWidthAndKerning(t *testing.T) {
	f := face(t, "AVx")
	single := f.Width("A", 10) + f.Width("V", 10)
	if pair := f.Width("AV", 10); pair >= single {
		t.Errorf("AV is %v wide, A and V %v: no kerning", pair, single)
	}
	if f.Width("", 10) != 0 || f.Width("x", 20) != 2*f.Width("x", 10) {
		t.Error("width does not grow with size")
	}
	shown, err := f.appendShow(nil, "AVA")
	if err != nil || bytes.Count(shown, []byte(")")) != 3 {
		t.Errorf("%q, %v", shown, err)
	}
}

func TestSyntax(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{appendReal(nil, 0), "0"},
		{appendReal(nil, 12.5), "12.5"},
		{appendReal(nil, -0.25), "-0.25"},
		{appendReal(nil, 595.2755), "595.276"},
		{appendReal(nil, 1.0004), "1"},
		{appendReal(nil, 7.05), "7.05"},
		{appendInt(nil, 123456), "123456"},
		{appendInt(nil, -42), "-42"},
		{appendBytes(nil, "a(b)\\\r"), `(a\(b\)\\\r)`},
		{appendText(nil, "abc"), "(abc)"},
		{appendText(nil, "é)"), "(\xFE\xFF\x00\xE9\x00\\))"},
		{appendHex(nil, []byte{0, 0xAB}), "<00AB>"},
		{appendDate(nil, time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))), "(D:20260102020405+00'00')"},
		{appendScale(nil, -1.5), "-1.500000"},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestModulesCoverExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "side")
		dense := rapid.IntRange(0, 10).Draw(t, "density")
		bits := rapid.SliceOfN(rapid.IntRange(0, 9), n*n, n*n).Draw(t, "bits")
		m := make(square, n)
		for y := range m {
			for x := range n {
				m[y] += map[bool]string{true: "#", false: "."}[bits[y*n+x] < dense]
			}
		}
		c := &Canvas{}
		c.Modules(m, 0, 0, 100)
		covered := make([]int, n*n)
		for _, line := range strings.Split(string(c.buf), "\n") {
			v := strings.Fields(line)
			if len(v) != 5 || v[4] != "re" {
				continue
			}
			var r [4]int
			for i := range r {
				for _, d := range v[i] {
					r[i] = 10*r[i] + int(d-'0')
				}
			}
			for y := r[1]; y < r[1]+r[3]; y++ {
				for x := r[0]; x < r[0]+r[2]; x++ {
					covered[y*n+x]++
				}
			}
		}
		for i, times := range covered {
			if want := map[bool]int{true: 1, false: 0}[m.Dark(i%n, i/n)]; times != want {
				t.Fatalf("module %d,%d is covered %d times", i%n, i/n, times)
			}
		}
	})
}

func TestModulesRefuses(t *testing.T) {
	for _, n := range []int{0, maxModules + 1} {
		c := &Canvas{}
		c.Modules(make(square, n), 0, 0, 10)
		if c.err == nil {
			t.Errorf("side %d was drawn", n)
		}
	}
}

func TestMergingIsGreedy(t *testing.T) {
	c := &Canvas{}
	c.Modules(square{
		"##.#",
		"##.#",
		"####",
		"....",
	}, 0, 0, 4)
	want := "q 1.000000 0 0 -1.000000 0 4 cm\n0 0 2 3 re\n3 0 1 3 re\n2 2 1 1 re\nf Q\n"
	if diff := cmp.Diff(want, string(c.buf)); diff != "" {
		t.Error(diff)
	}
}

// sample draws a page with everything that the package can do.
func sample(t testing.TB) (*Base, Document) {
	t.Helper()
	const title = "Spécimen (essai)"
	f := face(t, title+"Bonjour English text, link")
	base, err := NewBase(f)
	if err != nil {
		t.Fatal(err)
	}
	top := &Element{Type: "Document"}
	c := base.Canvas()
	c.Artifact()
	c.Pen(0x1D6443, 1)
	c.RoundEnds()
	c.RoundRect(Rect{20, 20, 280, 180}, 6)
	c.Stroke()
	c.End()
	c.Begin(top.Add(&Element{Type: "H1"}))
	c.Text(40, 150, f, 18, title)
	c.End()
	fixed, err := base.Fix(c)
	if err != nil {
		t.Fatal(err)
	}
	root := &Element{Type: "Document"}
	for _, e := range top.Children() {
		root.Add(e)
	}
	c = base.Canvas()
	c.Insert(fixed)
	p := root.Add(&Element{Type: "P"})
	c.Begin(p)
	c.Color(0x16262B)
	c.Text(40, 120, f, 12, "Bonjour ")
	c.End()
	c.Begin(p.Add(&Element{Type: "Span", Lang: "en"}))
	c.Text(100, 120, f, 10, "English text")
	c.End()
	area := Rect{40, 60, 80, 100}
	link := root.Add(&Element{Type: "Link", Alt: "Lien", Link: &Link{Area: area, URI: "https://carnet.example/(x)", Contents: "Essai é"}})
	c.Begin(link.Add(&Element{Type: "Figure", Alt: "Un carré", BBox: area}))
	c.Modules(square{"#.#.", "##.#", "#..#", "####"}, 40, 60, 40)
	c.End()
	return base, Document{
		Title: title, Author: "Carnet <essai>", Lang: "fr-FR", ID: [16]byte{15: 7}, Root: root, Canvas: c,
		Created: time.Date(2026, 6, 14, 8, 42, 0, 0, time.UTC), Width: 300, Height: 200,
	}
}

func TestGolden(t *testing.T) {
	base, d := sample(t)
	got, err := base.Write(d)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "sample.pdf")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file differs from %s; look at it, then run with -update", path)
	}

	if out, err := exec.Command("qpdf", "--check", "--", path).CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationStrict
	if err := api.Validate(bytes.NewReader(got), conf); err != nil {
		t.Errorf("pdfcpu: %v", err)
	}
	out, err := exec.Command("pdfinfo", "-struct-text", path).CombinedOutput()
	if err != nil {
		t.Fatalf("pdfinfo: %v\n%s", err, out)
	}
	wantTree := `Document
  H1 (block)
    "Spécimen (essai)"
  P (block)
    "Bonjour "
    Span (inline)
      "English text"
  Link (inline)
    Figure:
       /Placement /Block
       /BBox [40 60 80 100]
      ""
    Object`
	if !strings.HasPrefix(string(out), wantTree) {
		t.Error(cmp.Diff(wantTree, string(out)))
	}
}

func TestWriteIsConcurrent(t *testing.T) {
	base, d := sample(t)
	want, err := base.Write(d)
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan int)
	for range 8 {
		go func() {
			root := &Element{Type: "Document"}
			root.Add(d.Root.Children()[0])
			c := base.Canvas()
			p := root.Add(&Element{Type: "P"})
			c.Begin(p)
			c.Text(40, 120, base.faces[0], 12, strings.Repeat("Bonjour ", 300))
			c.End()
			b, err := base.Write(Document{Title: "t", Author: "a", Lang: "fr", Root: root, Canvas: c, Width: 9, Height: 9})
			if err != nil {
				t.Error(err)
			}
			out <- len(b)
		}()
	}
	first := <-out
	for range 7 {
		if n := <-out; n != first {
			t.Errorf("lengths %d and %d", first, n)
		}
	}
	if len(want) == 0 {
		t.Error("empty file")
	}
}

func TestWriteRefuses(t *testing.T) {
	base, _ := sample(t)
	other, _ := sample(t)
	for name, draw := range map[string]func() Document{
		"no canvas": func() Document { return Document{Root: &Element{Type: "Document"}} },
		"foreign canvas": func() Document {
			return Document{Root: &Element{Type: "Document"}, Canvas: other.Canvas()}
		},
		"no structure": func() Document { return Document{Canvas: base.Canvas()} },
		"open mark": func() Document {
			c, root := base.Canvas(), &Element{Type: "Document"}
			c.Begin(root)
			return Document{Root: root, Canvas: c}
		},
		"nested marks": func() Document {
			c, root := base.Canvas(), &Element{Type: "Document"}
			c.Begin(root)
			c.Artifact()
			c.End()
			return Document{Root: root, Canvas: c}
		},
		"end without mark": func() Document {
			c := base.Canvas()
			c.End()
			return Document{Root: &Element{Type: "Document"}, Canvas: c}
		},
		"element left out": func() Document {
			c := base.Canvas()
			c.Begin(&Element{Type: "P"})
			c.End()
			return Document{Root: &Element{Type: "Document"}, Canvas: c}
		},
		"element of another page": func() Document {
			c, root := base.Canvas(), &Element{Type: "Document"}
			for range 3 {
				c.Begin(root)
				c.End()
			}
			return Document{Root: root, Canvas: base.Canvas()}
		},
		"foreign face": func() Document {
			c, root := base.Canvas(), &Element{Type: "Document"}
			c.Begin(root)
			c.Text(0, 0, other.faces[0], 10, "B")
			c.End()
			return Document{Root: root, Canvas: c}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if b, err := base.Write(draw()); err == nil {
				t.Errorf("wrote %d bytes", len(b))
			}
		})
	}
	if _, err := base.Fix(base.Canvas()); err != nil {
		t.Error(err)
	}
	late := other.Canvas()
	late.Begin(&Element{Type: "P"})
	if _, err := other.Fix(late); err == nil {
		t.Error("an open canvas was fixed")
	}
}

func TestProfile(t *testing.T) {
	p := srgbProfile()
	if int(binary.BigEndian.Uint32(p)) != len(p) || string(p[36:40]) != "acsp" || string(p[12:20]) != "mntrRGB " {
		t.Fatal("header")
	}
	seen := ""
	for i := range int(binary.BigEndian.Uint32(p[128:])) {
		entry := p[132+12*i:]
		at, size := binary.BigEndian.Uint32(entry[4:]), binary.BigEndian.Uint32(entry[8:])
		if at%4 != 0 || int(at+size) > len(p) {
			t.Errorf("tag %s at %d, %d bytes", entry[:4], at, size)
		}
		seen += string(entry[:4]) + " "
	}
	if want := "desc cprt wtpt rXYZ gXYZ bXYZ rTRC gTRC bTRC "; seen != want {
		t.Errorf("tags %s", seen)
	}
}

// TestFileSyntax checks the syntax that readers tolerate but conformance does not.
func TestFileSyntax(t *testing.T) {
	base, d := sample(t)
	file, err := base.Write(d)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(file, []byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")) || !bytes.HasSuffix(file, []byte("\n%%EOF\n")) {
		t.Error("header or end")
	}
	if n, m := bytes.Count(file, []byte("endstream")), bytes.Count(file, []byte("\nendstream\nendobj\n")); n != m {
		t.Errorf("%d ends of streams, %d of them well placed", n, m)
	}
	for _, part := range []string{
		"/MarkInfo<</Marked true>>", "/ViewerPreferences<</DisplayDocTitle true>>", "/S/GTS_PDFA1", "/Tabs/S",
		"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>", "<pdfuaid:part>1</pdfuaid:part>",
		"<xmp:CreateDate>2026-06-14T08:42:00Z</xmp:CreateDate>", "/CreationDate(D:20260614084200+00'00')",
		"Carnet &lt;essai&gt;", "/ID[<00000000000000000000000000000007><00000000000000000000000000000007>]",
	} {
		if !bytes.Contains(file, []byte(part)) {
			t.Errorf("%s is missing", part)
		}
	}
	at := bytes.Index(file, []byte("/Filter/FlateDecode"))
	from := at + bytes.Index(file[at:], []byte("stream\n")) + len("stream\n")
	zr, err := zlib.NewReader(bytes.NewReader(file[from:]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(zr); err != nil {
		t.Error(err)
	}
}

func FuzzParseFont(f *testing.F) {
	small := face(f, "Aé").program // a subset is a small font; it has no name and no cmap
	tables, err := parseTables(liberationsansregular.TTF)
	if err != nil {
		f.Fatal(err)
	}
	own, err := parseTables(small)
	if err != nil {
		f.Fatal(err)
	}
	seed := assemble([]table{
		{"OS/2", tables["OS/2"]},
		{"cmap", []byte("\x00\x00\x00\x01\x00\x03\x00\x01\x00\x00\x00\x0C" +
			"\x00\x04\x00\x20\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x41\xFF\xFF\x00\x00\x00\x41\xFF\xFF\xFF\xC0\x00\x01\x00\x00\x00\x00")},
		{"glyf", own["glyf"]}, {"head", own["head"]}, {"hhea", own["hhea"]}, {"hmtx", own["hmtx"]},
		{"kern", []byte("\x00\x00\x00\x01\x00\x00\x00\x14\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\xFF\x00")},
		{"loca", own["loca"]}, {"maxp", own["maxp"]},
		{"name", []byte("\x00\x00\x00\x01\x00\x12\x00\x01\x00\x00\x00\x00\x00\x06\x00\x01\x00\x00A")},
	})
	if _, err := ParseFont(seed); err != nil {
		f.Fatalf("the seed must be a font: %v", err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		font, err := ParseFont(data)
		if err != nil {
			return
		}
		var runes []rune
		for r := range font.cmap {
			runes = append(runes, r)
		}
		if f, err := font.Subset(runes); err == nil {
			f.Width("A", 10)
		}
	})
}
