package pdf

import (
	"math"
	"slices"
)

// matrix is a transformation [a b c d e f] of PDF: x' = ax + cy + e, y' = bx + dy + f.
type matrix [6]float64

// then applies n after m.
func (m matrix) then(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func (m matrix) apply(x, y float64) point {
	return point{m[0]*x + m[2]*y + m[4], m[1]*x + m[3]*y + m[5]}
}

// inverse reports false for a matrix that flattens everything.
func (m matrix) inverse() (matrix, bool) {
	det := m[0]*m[3] - m[1]*m[2]
	if math.Abs(det) < 1e-12 || math.IsNaN(det) || math.IsInf(det, 0) {
		return matrix{}, false
	}
	return matrix{
		m[3] / det, -m[1] / det, -m[2] / det, m[0] / det,
		(m[2]*m[5] - m[3]*m[4]) / det, (m[1]*m[4] - m[0]*m[5]) / det,
	}, true
}

// scale is the mean enlargement.
func (m matrix) scale() float64 { return math.Sqrt(math.Abs(m[0]*m[3] - m[1]*m[2])) }

type point struct{ x, y float64 }

func (p point) finite() bool {
	return math.Abs(p.x) < 1e7 && math.Abs(p.y) < 1e7 // false for NaN too
}

// window is a rectangle of pixels, x1 and y1 excluded.
type window struct{ x0, y0, x1, y1 int }

func (w window) cut(v window) window {
	return window{max(w.x0, v.x0), max(w.y0, v.y0), min(w.x1, v.x1), min(w.y1, v.y1)}
}

func (w window) empty() bool { return w.x0 >= w.x1 || w.y0 >= w.y1 }

// canvas is the page being painted, white at first. A pixel belongs to a shape when its centre
// does: modules drawn as neighbours meet without seam and without overlap.
type canvas struct {
	w, h int
	pix  []byte
	left int // pixels that may still be painted
}

func (c *canvas) blend(i int, grey, alpha float64) {
	c.pix[i] = byte(float64(c.pix[i])*(1-alpha) + 255*grey*alpha + 0.5)
}

// edge is a side of a polygon that crosses pixel centres, from row y0 to row y1, excluded.
type edge struct {
	y0, y1 int
	x, dx  float64 // crossing at the centre of row y0, and per row
	up     int
}

// fill paints a path by the nonzero winding rule or, when evenOdd, by the other one.
func (c *canvas) fill(path [][]point, evenOdd bool, clip window, grey, alpha float64) error {
	clip = clip.cut(window{0, 0, c.w, c.h})
	if clip.empty() || alpha <= 0 {
		return nil
	}
	var edges []edge
	for _, p := range path {
		for i := range p {
			a, b := p[i], p[(i+1)%len(p)]
			if !a.finite() || !b.finite() {
				continue
			}
			up := 1
			if a.y > b.y {
				a, b, up = b, a, -1
			}
			// Rows whose centre y+0.5 lies in [a.y, b.y).
			y0, y1 := int(math.Ceil(a.y-0.5)), int(math.Ceil(b.y-0.5))
			y0, y1 = max(y0, clip.y0), min(y1, clip.y1)
			if y0 >= y1 {
				continue
			}
			dx := (b.x - a.x) / (b.y - a.y)
			edges = append(edges, edge{y0, y1, a.x + (float64(y0)+0.5-a.y)*dx, dx, up})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.y0 - b.y0 })
	var active []edge
	next := 0
	for y := clip.y0; y < clip.y1 && (next < len(edges) || len(active) > 0); y++ {
		if len(active) == 0 && edges[next].y0 > y {
			y = edges[next].y0
		}
		active = slices.DeleteFunc(active, func(e edge) bool { return e.y1 <= y })
		for ; next < len(edges) && edges[next].y0 <= y; next++ {
			active = append(active, edges[next])
		}
		slices.SortFunc(active, func(a, b edge) int {
			switch {
			case a.x < b.x:
				return -1
			case a.x > b.x:
				return 1
			}
			return 0
		})
		if c.left -= len(active); c.left < 0 {
			return ErrBudget
		}
		winding := 0
		for i, e := range active {
			inside := winding != 0
			if evenOdd {
				inside = winding&1 != 0
			}
			if inside {
				x0 := max(clip.x0, pixel(active[i-1].x))
				x1 := min(clip.x1, pixel(e.x))
				if x0 < x1 {
					if c.left -= x1 - x0; c.left < 0 {
						return ErrBudget
					}
					c.span(y, x0, x1, grey, alpha)
				}
			}
			if evenOdd {
				winding++
			} else {
				winding += e.up
			}
		}
		for i := range active {
			active[i].x += active[i].dx
		}
	}
	return nil
}

// pixel is the first pixel whose centre is at x or to the right of it.
func pixel(x float64) int { return int(math.Ceil(max(min(x, 1e7), -1e7) - 0.5)) }

func (c *canvas) span(y, x0, x1 int, grey, alpha float64) {
	row := c.pix[y*c.w+x0 : y*c.w+x1]
	if alpha >= 1 {
		v := byte(255*grey + 0.5)
		for i := range row {
			row[i] = v
		}
		return
	}
	for i := range row {
		c.blend(y*c.w+x0+i, grey, alpha)
	}
}

// picture is a decoded image: grey 0 to 255, and how much of it covers the page.
type picture struct {
	w, h  int
	pix   []byte
	alpha []byte // nil when it covers everything
}

// half averages squares of four pixels; an odd last row or column is kept by repeating it.
func (p picture) half() picture {
	q := picture{w: (p.w + 1) / 2, h: (p.h + 1) / 2}
	shrink := func(src []byte) []byte {
		out := make([]byte, q.w*q.h)
		for y := range q.h {
			y0, y1 := 2*y, min(2*y+1, p.h-1)
			for x := range q.w {
				x0, x1 := 2*x, min(2*x+1, p.w-1)
				out[y*q.w+x] = byte((int(src[y0*p.w+x0]) + int(src[y0*p.w+x1]) + int(src[y1*p.w+x0]) + int(src[y1*p.w+x1]) + 2) / 4)
			}
		}
		return out
	}
	q.pix = shrink(p.pix)
	if p.alpha != nil {
		q.alpha = shrink(p.alpha)
	}
	return q
}

// draw paints a picture on the unit square of m.
func (c *canvas) draw(p picture, m matrix, clip window, alpha float64) error {
	inv, ok := m.inverse()
	if !ok || p.w < 1 || p.h < 1 {
		return nil
	}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, k := range [4][2]float64{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		q := m.apply(k[0], k[1])
		if !q.finite() {
			return nil
		}
		x0, y0, x1, y1 = min(x0, q.x), min(y0, q.y), max(x1, q.x), max(y1, q.y)
	}
	clip = clip.cut(window{int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1)) + 1, int(math.Ceil(y1)) + 1}).cut(window{0, 0, c.w, c.h})
	if clip.empty() {
		return nil
	}
	if c.left -= (clip.x1 - clip.x0) * (clip.y1 - clip.y0); c.left < 0 {
		return ErrBudget
	}
	// Pixels of the picture for one of the page, along the two axes of the picture.
	ratio := func(p picture) float64 {
		return min(float64(p.w)/math.Hypot(m[0], m[1]), float64(p.h)/math.Hypot(m[2], m[3]))
	}
	for ratio(p) >= 2 && p.w > 1 && p.h > 1 {
		if c.left -= p.w * p.h; c.left < 0 {
			return ErrBudget
		}
		p = p.half()
	}
	smooth := ratio(p) > 0.6
	for y := clip.y0; y < clip.y1; y++ {
		for x := clip.x0; x < clip.x1; x++ {
			q := inv.apply(float64(x)+0.5, float64(y)+0.5)
			if q.x < 0 || q.x >= 1 || q.y < 0 || q.y >= 1 {
				continue
			}
			u, v := q.x*float64(p.w), (1-q.y)*float64(p.h) // the first row is at the top
			a := alpha
			var g float64
			if smooth {
				g = bilinear(p.pix, p.w, p.h, u, v)
				if p.alpha != nil {
					a *= bilinear(p.alpha, p.w, p.h, u, v) / 255
				}
			} else {
				i := min(int(v), p.h-1)*p.w + min(int(u), p.w-1)
				g = float64(p.pix[i])
				if p.alpha != nil {
					a *= float64(p.alpha[i]) / 255
				}
			}
			c.blend(y*c.w+x, g/255, a)
		}
	}
	return nil
}

func bilinear(pix []byte, w, h int, u, v float64) float64 {
	u, v = u-0.5, v-0.5
	fu, fv := math.Floor(u), math.Floor(v)
	at := func(x, y int) float64 { return float64(pix[min(max(y, 0), h-1)*w+min(max(x, 0), w-1)]) }
	x, y, du, dv := int(fu), int(fv), u-fu, v-fv
	return (at(x, y)*(1-du)+at(x+1, y)*du)*(1-dv) + (at(x, y+1)*(1-du)+at(x+1, y+1)*du)*dv
}
