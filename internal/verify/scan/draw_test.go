package scan

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"rsc.io/qr"

	"carnet/twoddoc/datamatrix"
)

// What the tests draw. The pictures are made here, so that a clone without the shared corpus
// covers the same ground.

// modules is a symbol as a grid.
type modules struct {
	side int
	dark func(x, y int) bool
}

func matrixOf(t testing.TB, payload string, least int) modules {
	t.Helper()
	s, err := datamatrix.Encode([]byte(payload), least)
	if err != nil {
		t.Fatal(err)
	}
	return modules{s.Side, s.Dark}
}

func qrOf(t testing.TB, text string, level qr.Level) modules {
	t.Helper()
	c, err := qr.Encode(text, level)
	if err != nil {
		t.Fatal(err)
	}
	return modules{c.Size, c.Black}
}

// canvas is a page to draw on.
func canvas(w, h int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	return img
}

// draw puts a symbol on the page, module pixels wide, turned by degrees around its middle.
func (m modules) draw(img *image.Gray, cx, cy, module, degrees float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	half := float64(m.side) * module / 2
	reach := int(half*1.5) + 2
	const fine = 4 // samples a side of a pixel
	for y := int(cy) - reach; y <= int(cy)+reach; y++ {
		for x := int(cx) - reach; x <= int(cx)+reach; x++ {
			if !image.Pt(x, y).In(img.Rect) {
				continue
			}
			n := 0
			for k := range fine * fine {
				px := float64(x) + (float64(k%fine)+0.5)/fine - cx
				py := float64(y) + (float64(k/fine)+0.5)/fine - cy
				u, v := (px*cos+py*sin+half)/module, (-px*sin+py*cos+half)/module
				if u >= 0 && v >= 0 && u < float64(m.side) && v < float64(m.side) && m.dark(int(u), int(v)) {
					n++
				}
			}
			if n > 0 {
				i := img.PixOffset(x, y)
				img.Pix[i] = byte(int(img.Pix[i]) * (fine*fine - n) / (fine * fine))
			}
		}
	}
}

// scribble draws what surrounds a code on a page: words, frames, a dark logo.
func scribble(img *image.Gray, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	fill := func(x0, y0, x1, y1 int, v byte) {
		for y := max(y0, 0); y < min(y1, img.Rect.Max.Y); y++ {
			for x := max(x0, 0); x < min(x1, img.Rect.Max.X); x++ {
				img.Pix[y*img.Stride+x] = v
			}
		}
	}
	w, h := img.Rect.Max.X, img.Rect.Max.Y
	fill(w/20, h/30, w/8, h/15, 0)
	for line := range 10 {
		y := h/10 + line*h/60
		for x := w / 12; x < w*11/12; {
			n := 3 + rng.IntN(8)
			for i := range n {
				s := max(1, h/300)
				fill(x+i*3*s, y-rng.IntN(4)*s, x+i*3*s+s, y+3*s, 40)
				fill(x+i*3*s, y, x+i*3*s+2*s, y+s, 40)
			}
			x += n*3*max(1, h/300) + w/60
		}
	}
	for i := range 2 {
		x0, x1, y0, y1 := w/20+i, w*19/20-i, h*2/5+i, h*19/20-i
		fill(x0, y0, x1, y0+1, 200)
		fill(x0, y1, x1, y1+1, 200)
		fill(x0, y0, x0+1, y1, 200)
		fill(x1, y0, x1+1, y1, 200)
	}
}

func inverted(img *image.Gray) *image.Gray {
	out := image.NewGray(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = 255 - v
	}
	return out
}

// dim lowers contrast unevenly, as a shadow over a sheet does.
func dim(img *image.Gray) *image.Gray {
	out := image.NewGray(img.Rect)
	for y := range img.Rect.Max.Y {
		for x := range img.Rect.Max.X {
			light := 90 + 120*float64(x)/float64(img.Rect.Max.X)
			out.SetGray(x, y, color.Gray{Y: byte(light * (0.35 + 0.65*float64(img.GrayAt(x, y).Y)/255))})
		}
	}
	return out
}

func noisy(img *image.Gray, amount float64) *image.Gray {
	rng := rand.New(rand.NewPCG(7, 7))
	out := image.NewGray(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = byte(max(0, min(255, float64(v)+rng.NormFloat64()*amount)))
	}
	return out
}

// slanted is the page seen from a side, as a telephone held badly sees it.
func slanted(img *image.Gray) *image.Gray {
	w, h := float64(img.Rect.Max.X), float64(img.Rect.Max.Y)
	out := canvas(img.Rect.Max.X, img.Rect.Max.Y)
	r := raster{img.Rect.Max.X, img.Rect.Max.Y, img.Pix}
	// The quad that the output square shows, a little outside of the page.
	q := quad{{-0.04 * w, -0.03 * h}, {1.01 * w, -0.01 * h}, {1.04 * w, 1.02 * h}, {-0.01 * w, 1.03 * h}}
	m := q.mapping()
	for y := range out.Rect.Max.Y {
		for x := range out.Rect.Max.X {
			p := m.at((float64(x)+0.5)/w, (float64(y)+0.5)/h)
			if p.x > 0 && p.y > 0 && p.x < w && p.y < h {
				out.Pix[y*out.Stride+x] = byte(r.sample(p) + 0.5)
			}
		}
	}
	return out
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// corpus gives the folder of a shared corpus, or "" on a clone that has none.
func corpus(t *testing.T, variable, name string) string {
	t.Helper()
	dir, set := os.LookupEnv(variable)
	if !set {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus", name)
	}
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("%s: %v", variable, err)
		}
		t.Logf("no corpus at %s: the project's own vectors cover the same ground", dir)
		return ""
	}
	return dir
}
