package scan

import (
	"image"
	"image/color"
	"math"
)

// raster is a grey picture, 0 black and 255 white.
type raster struct {
	w, h int
	pix  []byte
}

func newRaster(w, h int) raster { return raster{w, h, make([]byte, w*h)} }

// at clamps to the border, so that a sample just outside a tight crop still has a value.
func (r raster) at(x, y int) float64 {
	return float64(r.pix[min(max(y, 0), r.h-1)*r.w+min(max(x, 0), r.w-1)])
}

// sample interpolates between the centres of the four pixels around a point. Pixel (x, y) covers
// the square from (x, y) to (x+1, y+1).
func (r raster) sample(p point) float64 {
	x, y := p.x-0.5, p.y-0.5
	fx, fy := math.Floor(x), math.Floor(y)
	dx, dy := x-fx, y-fy
	ix, iy := int(fx), int(fy)
	if ix >= 0 && iy >= 0 && ix+1 < r.w && iy+1 < r.h {
		o := iy*r.w + ix
		a, b := float64(r.pix[o]), float64(r.pix[o+1])
		c, d := float64(r.pix[o+r.w]), float64(r.pix[o+r.w+1])
		top, bottom := a+(b-a)*dx, c+(d-c)*dx
		return top + (bottom-top)*dy
	}
	top := r.at(ix, iy)*(1-dx) + r.at(ix+1, iy)*dx
	bottom := r.at(ix, iy+1)*(1-dx) + r.at(ix+1, iy+1)*dx
	return top*(1-dy) + bottom*dy
}

// half averages squares of four pixels.
func (r raster) half() raster {
	out := newRaster(r.w/2, r.h/2)
	for y := range out.h {
		a := r.pix[2*y*r.w:]
		b := r.pix[(2*y+1)*r.w:]
		row := out.pix[y*out.w : (y+1)*out.w]
		for x := range row {
			row[x] = byte((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) / 4)
		}
	}
	return out
}

// invert turns light on dark into dark on light.
func (r raster) invert() raster {
	out := newRaster(r.w, r.h)
	for i, v := range r.pix {
		out.pix[i] = 255 - v
	}
	return out
}

// crop cuts a rectangle out and puts it on a white ground that is margin pixels wider on each side.
func (r raster) crop(x0, y0, x1, y1, margin int) raster {
	x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, r.w), min(y1, r.h)
	if x1 <= x0 || y1 <= y0 {
		return raster{}
	}
	out := newRaster(x1-x0+2*margin, y1-y0+2*margin)
	for i := range out.pix {
		out.pix[i] = 255
	}
	for y := y0; y < y1; y++ {
		copy(out.pix[(y-y0+margin)*out.w+margin:], r.pix[y*r.w+x0:y*r.w+x1])
	}
	return out
}

// enlarge magnifies with bilinear interpolation.
func (r raster) enlarge(factor int) raster {
	out := newRaster(r.w*factor, r.h*factor)
	for y := range out.h {
		for x := range out.w {
			p := point{(float64(x) + 0.5) / float64(factor), (float64(y) + 0.5) / float64(factor)}
			out.pix[y*out.w+x] = byte(r.sample(p) + 0.5)
		}
	}
	return out
}

// toRaster flattens a picture on white paper.
func toRaster(img image.Image) raster {
	b := img.Bounds()
	out := newRaster(b.Dx(), b.Dy())
	switch m := img.(type) {
	case *image.Gray:
		for y := range out.h {
			copy(out.pix[y*out.w:(y+1)*out.w], m.Pix[y*m.Stride:])
		}
	case *image.YCbCr:
		for y := range out.h {
			copy(out.pix[y*out.w:(y+1)*out.w], m.Y[y*m.YStride:])
		}
	case *image.Paletted:
		var table [256]byte
		for i, c := range m.Palette {
			table[i] = luma(c)
		}
		for y := range out.h {
			row := m.Pix[y*m.Stride:]
			for x := range out.w {
				out.pix[y*out.w+x] = table[row[x]]
			}
		}
	default:
		for y := range out.h {
			for x := range out.w {
				out.pix[y*out.w+x] = luma(img.At(b.Min.X+x, b.Min.Y+y))
			}
		}
	}
	return out
}

// luma is the ITU-R BT.601 weight of a colour laid over white.
func luma(c color.Color) byte {
	r, g, b, a := c.RGBA() // premultiplied
	y := (19595*r + 38470*g + 7471*b + 1<<15) >> 16
	return byte((y + 0xffff - a) >> 8)
}

// point is a place in a picture, in pixels from the top left corner.
type point struct{ x, y float64 }

func (p point) add(q point) point        { return point{p.x + q.x, p.y + q.y} }
func (p point) sub(q point) point        { return point{p.x - q.x, p.y - q.y} }
func (p point) scale(f float64) point    { return point{p.x * f, p.y * f} }
func (p point) distance(q point) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }
func cross(o, a, b point) float64        { return (a.x-o.x)*(b.y-o.y) - (a.y-o.y)*(b.x-o.x) }

// quad is four corners in turn: top left, top right, bottom right, bottom left of a code as it
// was drawn, wherever they have ended up in the picture.
type quad [4]point

// turn names the corners from the next one on: the code turned by a quarter.
func (q quad) turn(n int) quad {
	var out quad
	for i := range q {
		out[i] = q[(i+n)%4]
	}
	return out
}

// side is the mean length of the four edges.
func (q quad) side() float64 {
	return (q[0].distance(q[1]) + q[1].distance(q[2]) + q[2].distance(q[3]) + q[3].distance(q[0])) / 4
}

func (q quad) centre() point {
	return q[0].add(q[1]).add(q[2]).add(q[3]).scale(0.25)
}

func (q quad) bounds() image.Rectangle {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range q {
		x0, y0, x1, y1 = min(x0, p.x), min(y0, p.y), max(x1, p.x), max(y1, p.y)
	}
	return image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1)), int(math.Ceil(y1)))
}

// mapping takes the unit square to a quad (Heckbert, "Fundamentals of texture mapping", 1989).
type mapping struct{ a, b, c, d, e, f, g, h float64 }

func (q quad) mapping() mapping {
	s := point{q[0].x - q[1].x + q[2].x - q[3].x, q[0].y - q[1].y + q[2].y - q[3].y}
	d1, d2 := q[1].sub(q[2]), q[3].sub(q[2])
	det := d1.x*d2.y - d2.x*d1.y
	if det == 0 {
		det = 1e-9
	}
	g := (s.x*d2.y - d2.x*s.y) / det
	h := (d1.x*s.y - s.x*d1.y) / det
	return mapping{
		q[1].x - q[0].x + g*q[1].x, q[3].x - q[0].x + h*q[3].x, q[0].x,
		q[1].y - q[0].y + g*q[1].y, q[3].y - q[0].y + h*q[3].y, q[0].y,
		g, h,
	}
}

func (m mapping) at(u, v float64) point {
	w := 1 / (m.g*u + m.h*v + 1)
	return point{(m.a*u + m.b*v + m.c) * w, (m.d*u + m.e*v + m.f) * w}
}
