package scan

import (
	"context"
	"image"
	"slices"
)

// reader holds the templates of all symbols.
type reader struct{ matrix, qr []*template }

func newReader() *reader { return &reader{matrix: matrixTemplates(), qr: qrTemplates()} }

// crowded is how many patches a picture may have for the slow second reader to look at each.
const crowded = 24

// read finds every code of a picture. The box of each is in pixels of the picture.
func (rd *reader) read(ctx context.Context, r raster) ([]Code, error) {
	whole := image.Rect(0, 0, r.w, r.h)
	scale := 1
	for r.w*r.h > 20<<20 { // finer than any print of a code
		r = r.half()
		scale *= 2
	}
	codes, err := rd.search(ctx, r)
	for i := range codes {
		b := &codes[i].Box
		*b = image.Rectangle{b.Min.Mul(scale), b.Max.Mul(scale)}.Intersect(whole)
	}
	return codes, err
}

func (rd *reader) search(ctx context.Context, r raster) ([]Code, error) {
	codes, err := rd.pass(ctx, r)
	if err != nil || len(codes) > 0 {
		return codes, err
	}
	if codes, err = rd.pass(ctx, r.invert()); err != nil || len(codes) > 0 {
		return codes, err
	}
	// Nothing stands apart: a code that touches its surroundings, or a very small picture.
	whole := image.Rect(0, 0, r.w, r.h)
	for r.w*r.h > 6<<20 {
		r = r.half()
	}
	for _, factor := range [...]int{1, 2, 3} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if factor > 1 && r.w*r.h*factor*factor > 4<<20 {
			break
		}
		big := r
		if factor > 1 {
			big = r.enlarge(factor)
		}
		if c, ok := foreign(big.crop(0, 0, big.w, big.h, 8), whole); ok {
			return []Code{c}, nil
		}
	}
	return nil, nil
}

// glance reads what stands apart, without the searches that take long and without what gozxing
// would read.
func (rd *reader) glance(ctx context.Context, r raster) ([]Code, error) {
	var codes []Code
	for _, q := range locate(pyramid(r)) {
		if err := ctx.Err(); err != nil {
			return codes, err
		}
		if inside(q, codes) {
			continue
		}
		if c, ok := rd.fitted(r, q); ok {
			codes = append(codes, c)
		}
	}
	return codes, nil
}

// pass reads each patch of the picture.
func (rd *reader) pass(ctx context.Context, r raster) ([]Code, error) {
	var codes []Code
	var unread []quad
	for _, q := range locate(pyramid(r)) {
		if err := ctx.Err(); err != nil {
			return codes, err
		}
		if inside(q, codes) {
			continue
		}
		if c, ok := rd.fitted(r, q); ok {
			codes = append(codes, c)
		} else if q.side() >= 24 {
			unread = append(unread, q)
		}
	}
	if len(unread) > crowded {
		return codes, nil
	}
	for _, q := range unread {
		if err := ctx.Err(); err != nil {
			return codes, err
		}
		b := q.bounds()
		if q.side() > 1500 || slices.ContainsFunc(codes, func(k Code) bool { return k.Box.Overlaps(b) }) {
			continue
		}
		cut := r.crop(b.Min.X-2, b.Min.Y-2, b.Max.X+2, b.Max.Y+2, max(8, b.Dx()/16))
		if c, ok := foreign(cut, b); ok {
			codes = append(codes, c)
		}
	}
	return codes, nil
}

// inside reports that a patch lies in a code that was read already.
func inside(q quad, codes []Code) bool {
	c := q.centre()
	return slices.ContainsFunc(codes, func(k Code) bool {
		return image.Pt(int(c.x), int(c.y)).In(k.Box)
	})
}

// fitted reads the symbol whose outline is roughly the quad: the templates that fit best are
// moved until they fit closely, and then the modules are read with more and more sharpening. A
// wrong grid or a wrong threshold cannot slip through: the check codewords refuse it.
func (rd *reader) fitted(r raster, q quad) (Code, bool) {
	fits := append(survey(r, q, rd.matrix, 6), survey(r, q, rd.qr, 6)...)
	for i, f := range fits {
		fits[i] = f.template.refine(r, f.quad, []float64{1, 0.5, 0.25})
	}
	sortFits(fits)
	if i := slices.IndexFunc(fits, func(f fit) bool { return f.template.n%2 == 1 }); i >= 0 && fits[i].score > 0.4 {
		fits = append(fits, rd.versions(r, fits[i])...)
		sortFits(fits)
	}
	for _, f := range fits[:min(4, len(fits))] {
		if f.score < 0.45 {
			break
		}
		f = f.template.refine(r, f.quad, []float64{0.25, 0.12, 0.06})
		decode, symbology := readMatrix, "datamatrix"
		if f.template.n%2 == 1 { // a QR code has an odd side, a DataMatrix an even one
			decode, symbology = readQR, "qr"
		}
		values := f.modules(r)
		for _, amount := range [...]float64{0, 0.5, 1} {
			v := sharpen(values, f.template.n, amount)
			for _, radius := range [...]int{0, 4} {
				payload, err := decode(binary(v, f.template.n, radius), f.template.n)
				if err == nil && len(payload) > 0 {
					return Code{Symbology: symbology, Payload: payload, Box: f.quad.bounds()}, true
				}
			}
		}
	}
	return Code{}, false
}

// versions tries the versions near to the one that fitted best: the three finders alone fit
// several almost equally well, and only the timing patterns tell which it is.
func (rd *reader) versions(r raster, f fit) []fit {
	var fits []fit
	for _, t := range rd.qr {
		if d := t.n - f.template.n; d == 0 || d < -24 || d > 24 {
			continue
		}
		q := f.resized(t)
		fits = append(fits, fit{t, q, t.correlate(r, q)})
	}
	sortFits(fits)
	fits = fits[:min(3, len(fits))]
	for i, g := range fits {
		fits[i] = g.template.refine(r, g.quad, []float64{0.5, 0.25})
	}
	return fits
}
