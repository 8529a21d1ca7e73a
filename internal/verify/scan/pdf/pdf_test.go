package pdf

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/ascii85"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"
)

// sheet writes a PDF of one page of 100 by 100 points. Objects begin at number 5.
func sheet(resources, content string, objects ...string) []byte {
	var b bytes.Buffer
	var offsets []int
	add := func(n int, body string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, body)
	}
	b.WriteString("%PDF-1.7\n")
	add(1, "<</Type/Catalog/Pages 2 0 R>>")
	add(2, "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 100 100]>>")
	add(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<"+resources+">>>>")
	add(4, stored("", content))
	for i, o := range objects {
		add(5+i, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n1 %d\n", len(offsets))
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
}

func stored(entries, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", entries, len(data), data)
}

func deflate(data string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(data))
	w.Close()
	return b.String()
}

func paint(t testing.TB, data []byte, limits Limits) (*image.Gray, error) {
	t.Helper()
	f, err := Open(data, limits)
	if err != nil {
		return nil, err
	}
	return f.Paint(t.Context(), 0, 72)
}

// TestPaint looks at the lightness of the pixel at (50, 50), in the middle, and at (5, 5) from the
// top left, outside of what is drawn.
func TestPaint(t *testing.T) {
	square := "20 20 60 60 re f"
	var a85 bytes.Buffer
	w := ascii85.NewEncoder(&a85)
	w.Write([]byte{0x40})
	w.Close()
	image1 := func(entries, data string) string {
		return stored("/Subtype/Image/Width 1/Height 1/BitsPerComponent 8"+entries, data)
	}
	draw := "q 60 0 0 60 20 20 cm /X Do Q"
	for _, c := range []struct {
		name, resources, content string
		objects                  []string
		want                     byte
	}{
		{"black by default", "", square, nil, 0},
		{"grey", "", "0.5 g " + square, nil, 128},
		{"RGB", "", "1 0 0 rg " + square, nil, 76},
		{"CMYK", "", "0 0 0 0.75 k " + square, nil, 64},
		{"colour space and components", "", "/DeviceRGB cs 0 1 0 sc " + square, nil, 150},
		{"separation", "/ColorSpace<</S[/Separation/Black/DeviceGray<<>>]>>", "/S cs 1 scn " + square, nil, 0},
		{"separation, no ink", "/ColorSpace<</S[/Separation/Black/DeviceGray<<>>]>>", "/S cs 0 scn " + square, nil, 255},
		{"DeviceN", "/ColorSpace<</S[/DeviceN[/A/B]/DeviceGray<<>>]>>", "/S cs 0.5 0.5 scn " + square, nil, 64},
		{"Lab", "/ColorSpace<</S[/Lab<<>>]>>", "/S cs 40 0 0 scn " + square, nil, 102},
		{"ICC of three components", "/ColorSpace<</S[/ICCBased 5 0 R]>>", "/S cs 1 1 1 scn " + square, []string{stored("/N 3", "")}, 255},
		{"indexed", "/ColorSpace<</S[/Indexed/DeviceGray 1<00ff>]>>", "/S cs 1 sc " + square, nil, 255},
		{"pattern is not painted", "", "/Pattern cs /P scn " + square, nil, 255},
		{"half transparent", "/ExtGState<</G<</ca 0.5>>>>", "/G gs " + square, nil, 128},
		{"white over black", "", square + " 1 g " + square, nil, 255},
		{"saved and restored", "", "q 1 g Q " + square, nil, 0},
		{"Q without q", "", "Q Q " + square, nil, 0},
		{"turned", "", "1 0 0 1 50 50 cm 0.7 0.7 -0.7 0.7 0 0 cm -10 -10 20 20 re f", nil, 0},
		{"circle", "", "80 50 m 80 90 20 90 20 50 c 20 10 80 10 80 50 c f", nil, 0},
		{"v and y curves", "", "20 20 m 20 80 80 80 v 80 20 20 20 y h f", nil, 0},
		{"hole, nonzero", "", "20 20 60 60 re 30 30 m 30 70 l 70 70 l 70 30 l h f", nil, 255},
		{"hole, even-odd", "", "20 20 60 60 re 30 30 40 40 re f*", nil, 255},
		{"no hole, nonzero", "", "20 20 60 60 re 30 30 40 40 re f", nil, 0},
		{"stroke", "", "10 w 20 50 m 80 50 l S", nil, 0},
		{"stroke and close", "", "10 w 20 20 m 50 50 l 80 20 l s", nil, 0},
		{"outside of the clip", "", "0 0 30 30 re W n " + square, nil, 255},
		{"inside of the clip", "", "40 40 30 30 re W n " + square, nil, 0},
		{"text is not painted", "", "BT /F 80 Tf 20 20 Td (X) Tj ET", nil, 255},
		{"image", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray", "\x40")}, 64},
		{"image in 4 bits", "/XObject<</X 5 0 R>>", draw, []string{stored("/Subtype/Image/Width 1/Height 1/BitsPerComponent 4/ColorSpace/DeviceGray", "\x30")}, 51},
		{"image in 16 bits", "/XObject<</X 5 0 R>>", draw, []string{stored("/Subtype/Image/Width 1/Height 1/BitsPerComponent 16/ColorSpace/DeviceGray", "\x80\x00")}, 128},
		{"Flate", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Filter/FlateDecode", deflate("\x40"))}, 64},
		{"ASCII 85", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Filter/ASCII85Decode", a85.String()+"~>")}, 64},
		{"hexadecimal, then run length", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Filter[/ASCIIHexDecode/RunLengthDecode]", "00 40 80>")}, 64},
		{"run length, repeated", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Filter/RunLengthDecode", "\xff\x40\x80")}, 64},
		{"LZW", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Filter/LZWDecode", "\x80\x10\x60\x20")}, 65},
		{"stencil", "/XObject<</X 5 0 R>>", "0.5 g " + draw, []string{stored("/Subtype/Image/Width 1/Height 1/ImageMask true", "\x00")}, 128},
		{"stencil that lets nothing through", "/XObject<</X 5 0 R>>", draw, []string{stored("/Subtype/Image/Width 1/Height 1/ImageMask true", "\x80")}, 255},
		{"mask", "/XObject<</X 5 0 R>>", draw, []string{image1("/ColorSpace/DeviceGray/Mask 6 0 R", "\x00"), stored("/Subtype/Image/Width 1/Height 1/ImageMask true", "\x80")}, 255},
		{"form", "/XObject<</X 5 0 R>>", "/X Do", []string{stored("/Subtype/Form/BBox[0 0 100 100]", square)}, 0},
		{"form that draws itself", "/XObject<</X 5 0 R>>", "/X Do", []string{stored("/Subtype/Form/BBox[0 0 100 100]/Resources<</XObject<</X 5 0 R>>>>", "/X Do "+square)}, 0},
		{"nonsense between operators", "", "] >> foo 1 2 3 bar ) " + square, nil, 0},
		{"an operand too many", "", "1 2 3 4 5 6 7 8 9 q 0 g " + square, nil, 0},
		{"content cut short", "", square + " (unfinished", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := paint(t, sheet(c.resources, c.content, c.objects...), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := int(img.GrayAt(50, 50).Y); got < int(c.want)-1 || got > int(c.want)+1 {
				t.Errorf("the middle is %d, want %d", got, c.want)
			}
			if got := img.GrayAt(5, 5).Y; got != 255 {
				t.Errorf("the margin is %d", got)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	bomb := deflate(strings.Repeat("0 0 1 1 re f\n", 400_000))
	for _, c := range []struct {
		name   string
		data   []byte
		limits Limits
		want   error
	}{
		{"no PDF", []byte("hello"), Limits{}, ErrNotPDF},
		{"a header alone", []byte("%PDF-1.7"), Limits{}, ErrNotPDF},
		{"too many operators", sheet("", strings.Repeat("q Q ", 600)), Limits{Operations: 1000}, ErrBudget},
		{"too much content", sheet("", "", ""), Limits{}, nil},
		{"a stream that grows", bytes.Replace(sheet("", bomb), []byte("4 0 obj\n<<"), []byte("4 0 obj\n<</Filter/FlateDecode"), 1), Limits{Stream: 1 << 20}, ErrBudget},
		{"many large pictures", sheet("/XObject<</X 5 0 R>>", strings.Repeat("q 100 0 0 100 0 0 cm /X Do Q\n", 60_000), stored("/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", "\x40")), Limits{}, ErrBudget},
		{"a picture of 4 billion pixels is left out", sheet("/XObject<</X 5 0 R>>", "/X Do", stored("/Subtype/Image/Width 65535/Height 65535/BitsPerComponent 8/ColorSpace/DeviceGray", "\x40")), Limits{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := paint(t, c.data, c.limits)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
	t.Run("a page larger than the limit is drawn smaller", func(t *testing.T) {
		data := bytes.Replace(sheet("", "0 0 50000 50000 re f"), []byte("[0 0 100 100]"), []byte("[0 0 50000 50000]"), 1)
		img, err := paint(t, data, Limits{Pixels: 10_000})
		if err != nil || img.Rect.Dx()*img.Rect.Dy() > 10_500 || img.GrayAt(50, 50).Y != 0 {
			t.Errorf("%v, %v", img.Rect, err)
		}
	})
	t.Run("an ended context", func(t *testing.T) {
		f, err := Open(sheet("", strings.Repeat("q Q ", 1000)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Paint(ctx, 0, 72); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("pages in a circle", func(t *testing.T) {
		data := bytes.Replace(sheet("", ""), []byte("Kids[3 0 R]"), []byte("Kids[2 0 R 3 0 R 2 0 R]"), 1)
		f, err := Open(data, Limits{})
		if err != nil || f.Pages() != 1 {
			t.Errorf("%v", err)
		}
	})
	t.Run("page numbers", func(t *testing.T) {
		f, err := Open(sheet("", ""), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Paint(t.Context(), 1, 72); err == nil {
			t.Error("painted a page that is not there")
		}
	})
}

func FuzzPaint(f *testing.F) {
	f.Add(sheet("", "0.5 g 20 20 60 60 re f* q 1 0 0 1 3 3 cm 0 0 m 9 9 l 5 w S Q"))
	f.Add(sheet("/XObject<</X 5 0 R>>", "q 60 0 0 60 20 20 cm /X Do Q", stored("/Subtype/Image/Width 2/Height 2/BitsPerComponent 1/ImageMask true/Filter/ASCIIHexDecode", "80 40>")))
	f.Add(sheet("/XObject<</X 5 0 R>>", "/X Do", stored("/Subtype/Form/BBox[0 0 100 100]/Matrix[1 0 0 1 5 5]", "BI /W 2 /H 2 /BPC 1 /CS /G ID \x80\x40 EI")))
	f.Add([]byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Kids[3 0 R]>>endobj 3 0 obj<</Contents 4 0 R>>endobj 4 0 obj<</Length 9 0 R>>stream\n1 1 9 9 re f\nendstream endobj"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(data, Limits{Pages: 2, Stream: 1 << 20, Total: 4 << 20, Pixels: 1 << 16, Operations: 5000})
		if err != nil {
			return
		}
		for n := range file.Pages() {
			file.Paint(t.Context(), n, 50)
		}
	})
}

// FuzzContent goes straight to the interpreter.
func FuzzContent(f *testing.F) {
	f.Add("0 g 20 20 60 60 re f 10 w 20 50 m 80 50 l S")
	f.Add("/Pattern cs /P scn 1 2 3 4 5 6 c y v h B* [1 2] 0 d (x) Tj <</A 1>> gs")
	f.Add("BI /W 9 /H 9 /F [/A85 /Fl] ID x EI")
	f.Fuzz(func(t *testing.T, content string) {
		file, err := Open(sheet("/ExtGState<</G<</ca 0.5>>>>", content), Limits{Pixels: 1 << 14, Operations: 5000, Stream: 1 << 20})
		if err == nil {
			file.Paint(t.Context(), 0, 72)
		}
	})
}
