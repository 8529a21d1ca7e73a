// Package scan finds the codes of a file: PDF pages, pictures (PNG, JPEG, GIF, BMP, WebP, TIFF) and text.
//
// It reads the DataMatrix symbols of 2D-Doc (ISO/IEC 16022, ECC 200, square), QR codes (ISO/IEC
// 18004) and Aztec codes anywhere on a page, turned, small, blurred by JPEG or light on dark, and
// gives the exact bytes that each carries. What the bytes say and whether they are signed is for
// package verify.
//
// # How a picture is read
//
// The locator (locate.go) looks at the picture at several sizes for dark, textured, square
// patches. Each patch is compared with the fixed modules of every size of symbol: finder, timing
// and alignment patterns (grid.go). The best are moved until they fit closely, so the grid is
// known to a fraction of a pixel, and the modules are read; the check codewords of the symbol say
// whether the reading is right. Official pictures with 1.5 pixels a module are read that way.
// Where no patch stands apart, gozxing searches the whole picture; in a browser (GOOS=wasip1) it
// does not, and Aztec codes are not read.
//
// # How a PDF is read
//
// Package pdf paints what the page shows, without text, and the result is read as a picture. A
// link or an attachment is never taken for a code: it may say something else than the page.
//
// # Bounds
//
// Sizes are bounded before anything is decoded, work is bounded by operations and by time, and
// whatever the file holds, the answer is codes or an error, never a panic. Multi-code 2D-Doc
// documents (several symbols for one document) are not joined.
package scan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"slices"
	"sync"
	"time"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"carnet/internal/carnet"
	"carnet/internal/verify/scan/pdf"
)

// Formats of a code.
const (
	TwoDDoc = "2d-doc"
	HCert   = "hcert"
)

// Code is one payload found in a file.
type Code struct {
	Format    string          // TwoDDoc, HCert, or "" for anything else
	Symbology string          // "datamatrix", "qr", "aztec" or "text"
	Carried   []byte          // what the symbol or the line holds, which may be a link
	Payload   []byte          // the 2D-Doc or HC1 payload, byte for byte; Carried when there is none
	Page      int             // from 1 in a PDF, 0 elsewhere
	Line      int             // from 1 in a text, 0 elsewhere
	Box       image.Rectangle // where on the picture, in pixels, or on the painted page
}

// MaxFile is how many bytes of a file are read by default.
const MaxFile = 32 << 20

// Limits bound what a file may cost. The zero value of each takes the default.
type Limits struct {
	File   int           // bytes; MaxFile
	Pixels int           // pixels of a picture; 64 M
	Pages  int           // pages of a PDF that are looked at; 20
	Lines  int           // lines of a text; 10,000
	Time   time.Duration // 60 s
}

func (l Limits) filled() Limits {
	for _, f := range []struct {
		p *int
		v int
	}{{&l.File, MaxFile}, {&l.Pixels, 64 << 20}, {&l.Pages, 20}, {&l.Lines, 10_000}} {
		if *f.p <= 0 {
			*f.p = f.v
		}
	}
	if l.Time <= 0 {
		l.Time = time.Minute
	}
	return l
}

// Scan finds the codes of a file, page by page and in the order in which people read. A file
// that can be read but holds no code gives none and no error. The errors are *carnet.Error of kind
// Invalid with the codes scan.empty, scan.size, scan.kind (neither PDF nor picture nor text),
// scan.picture (damaged), scan.pixels, scan.pdf, scan.password, scan.effort and scan.time. Codes
// found before an error are returned with it.
func Scan(ctx context.Context, data []byte, limits Limits) (codes []Code, err error) {
	limits = limits.filled()
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	defer func() {
		// The picture and PDF decoders are other people's or deal with other people's bytes. A
		// fault in one must cost this file only.
		if p := recover(); p != nil {
			err = refuse("scan.kind", fmt.Errorf("a decoder failed: %v", p))
		}
	}()
	switch {
	case len(data) == 0:
		return nil, refuse("scan.empty", nil)
	case len(data) > limits.File:
		return nil, refuse("scan.size", fmt.Errorf("%d bytes, at most %d", len(data), limits.File))
	}
	if bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
		codes, err = scanPDF(ctx, data, limits)
	} else if config, kind, e := image.DecodeConfig(bytes.NewReader(data)); e == nil {
		codes, err = scanPicture(ctx, data, config, kind, limits)
	} else if !errors.Is(e, image.ErrFormat) {
		return nil, refuse("scan.picture", e)
	} else {
		codes, err = scanText(data, limits)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = refuse("scan.time", err)
	}
	return join(codes), err
}

func refuse(code string, cause error) error {
	return carnet.E("scan.Scan", carnet.Invalid, code, cause)
}

// theReader is built at its first use: the templates of 64 symbols, which never change.
var theReader = sync.OnceValue(newReader)

func scanPicture(ctx context.Context, data []byte, config image.Config, kind string, limits Limits) ([]Code, error) {
	if config.Width < 1 || config.Height < 1 || config.Width > limits.Pixels/config.Height {
		return nil, refuse("scan.pixels", fmt.Errorf("%s of %d by %d pixels, at most %d", kind, config.Width, config.Height, limits.Pixels))
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, refuse("scan.picture", err)
	}
	rd := theReader()
	r := toRaster(img)
	codes, err := rd.read(ctx, r)
	return named(codes, 0, r.h), err
}

// Frame finds the codes of one frame of a camera, 4 bytes a pixel (red, green, blue, and one that
// does not count), row by row. It takes one look: the next frame comes at once. The errors are
// scan.picture when the bytes are not those of the size, scan.pixels and scan.time.
func Frame(ctx context.Context, pixels []byte, width, height int, limits Limits) (codes []Code, err error) {
	limits = limits.filled()
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	switch {
	case width < 1 || height < 1 || width > limits.Pixels/height:
		return nil, refuse("scan.pixels", fmt.Errorf("%d by %d pixels", width, height))
	case len(pixels) != 4*width*height:
		return nil, refuse("scan.picture", fmt.Errorf("%d bytes for %d by %d pixels", len(pixels), width, height))
	}
	rd := theReader()
	r := newRaster(width, height)
	for i := range r.pix {
		p := pixels[4*i : 4*i+3]
		r.pix[i] = byte((299*int(p[0]) + 587*int(p[1]) + 114*int(p[2]) + 500) / 1000)
	}
	codes, err = rd.glance(ctx, r)
	if errors.Is(err, context.DeadlineExceeded) {
		err = refuse("scan.time", err)
	}
	return named(codes, 0, height), err
}

// Resolutions of a painted page. Modules are printed at 0.3 mm or more: 2.4 pixels at 200 dpi. The
// second is for what the first does not show.
const (
	usualDPI = 200
	fineDPI  = 400
)

func scanPDF(ctx context.Context, data []byte, limits Limits) ([]Code, error) {
	f, err := pdf.Open(data, pdf.Limits{Pages: limits.Pages, Pixels: limits.Pixels})
	switch {
	case errors.Is(err, pdf.ErrPassword):
		return nil, refuse("scan.password", err)
	case errors.Is(err, pdf.ErrBudget):
		return nil, refuse("scan.effort", err)
	case err != nil:
		return nil, refuse("scan.pdf", err)
	}
	rd := theReader()
	var all []Code
	for n := range f.Pages() {
		for _, dpi := range [...]float64{usualDPI, fineDPI} {
			page, err := f.Paint(ctx, n, dpi)
			switch {
			case errors.Is(err, pdf.ErrBudget):
				return all, refuse("scan.effort", err)
			case ctx.Err() != nil:
				return all, ctx.Err()
			case err != nil:
				return all, refuse("scan.pdf", err)
			}
			r := toRaster(page)
			if blank(r) {
				break
			}
			codes, err := rd.read(ctx, r)
			all = append(all, named(codes, n+1, r.h)...)
			if err != nil {
				return all, err
			}
			if len(codes) > 0 {
				break
			}
		}
	}
	return all, nil
}

func blank(r raster) bool {
	for _, v := range r.pix {
		if v != 255 {
			return false
		}
	}
	return true
}

// named completes what a symbol reader found and puts it in the order in which people read: by
// bands of a sixth of the page, from left to right in each.
func named(codes []Code, page, height int) []Code {
	band := func(c Code) int { return (c.Box.Min.Y + c.Box.Max.Y) * 3 / max(height, 1) }
	slices.SortStableFunc(codes, func(a, b Code) int {
		return cmp.Or(cmp.Compare(band(a), band(b)), cmp.Compare(a.Box.Min.X, b.Box.Min.X))
	})
	for i := range codes {
		c := &codes[i]
		c.Page = page
		c.Carried = c.Payload
		c.Format, c.Payload = classify(c.Carried)
	}
	return codes
}
