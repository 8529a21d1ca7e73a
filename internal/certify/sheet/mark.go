package sheet

import "carnet/internal/certify/pdf"

// mark draws the mark of Carnet, a booklet with a leaf on a plain tile, with its top left corner
// at a point and the given side, in millimetres. It is the drawing of the sites (viewBox 32).
func (p pen) mark(x, y, side float64) {
	unit := side / 32
	c := p.canvas
	at := func(u, v float64) (float64, float64) { return pt(x + u*unit), top(y + v*unit) }
	move := func(u, v float64) { c.MoveTo(at(u, v)) }
	line := func(u, v float64) { c.LineTo(at(u, v)) }
	curve := func(u1, v1, u2, v2, u, v float64) {
		a, b := at(u1, v1)
		d, e := at(u2, v2)
		f, g := at(u, v)
		c.CurveTo(a, b, d, e, f, g)
	}
	const r, k = 2.5, 2.5 * (1 - pdf.Round)

	c.Color(leaf)
	c.RoundRect(pdf.Rect{X0: pt(x), Y0: top(y + side), X1: pt(x + side), Y1: top(y)}, pt(8*unit))
	c.Fill()
	c.Pen(white, pt(1.8*unit))
	c.RoundEnds()

	move(8, 6) // cover, with its spine on the left
	line(24-r, 6)
	curve(24-k, 6, 24, 6+k, 24, 6+r)
	line(24, 26)
	line(8+r, 26)
	curve(8+k, 26, 8, 26-k, 8, 26-r)
	line(8, 6)
	line(8, 12)
	move(8, 26-r) // pages
	curve(8, 21+k, 8+k, 21, 8+r, 21)
	line(24, 21)
	move(16, 18) // leaf
	curve(12.6, 15.8, 12.6, 12, 16, 9.4)
	curve(19.4, 12, 19.4, 15.8, 16, 18)
	line(16, 13.5)
	c.Stroke()
}
