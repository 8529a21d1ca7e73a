package pdf

import (
	"errors"
	"fmt"
	"slices"
)

// Color is a colour of sRGB, 0xRRGGBB.
type Color int

// Canvas is the content of a page, or of a part of it, in the order in which it is read. It
// belongs to one goroutine. The first mistake (a missing character, marks that do not match) is
// kept and returned by [Base.Write] or [Base.Fix]; what is drawn after it does not matter.
type Canvas struct {
	base  *Base
	buf   []byte
	parts []part // what came before buf
	first int    // marks of the base when the canvas was made
	marks int    // number of the next piece of marked content
	open  bool   // inside a mark or an artifact
	err   error

	face   *Face // the graphics state that the canvas has set so far
	size   float64
	fill   Color // unset at the start, whatever surrounds the canvas
	stroke Color
	width  float64
}

const unset = -1

// part is a content stream: drawn for this file, or fixed in the base.
type part struct {
	drawn []byte
	fixed ref
}

// Fixed is a part of the page that is the same in every file. See [Base.Fix].
type Fixed struct {
	stream ref
	base   *Base
}

func (c *Canvas) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Begin opens a piece of content of a structure element: what is drawn until End belongs to it.
func (c *Canvas) Begin(e *Element) {
	c.openMark()
	c.str("/")
	c.str(e.Type)
	c.str("<</MCID ")
	c.buf = appendInt(c.buf, c.marks)
	c.str(">>BDC\n")
	e.kids = append(e.kids, kid{mark: c.marks})
	c.marks++
}

// Artifact opens content that is decoration: assistive technology skips what is drawn until End.
func (c *Canvas) Artifact() {
	c.openMark()
	c.str("/Artifact BMC\n")
}

func (c *Canvas) openMark() {
	if c.open {
		c.fail(errors.New("pdf: content marks are nested"))
	}
	c.open = true
}

// End closes what Begin or Artifact opened.
func (c *Canvas) End() {
	if !c.open {
		c.fail(errors.New("pdf: end of a content mark that is not open"))
	}
	c.open = false
	c.str("EMC\n")
}

// Insert paints a fixed part at this place of the reading order. It leaves the state of the
// canvas as it was.
func (c *Canvas) Insert(f Fixed) {
	if c.open || f.base != c.base || slices.ContainsFunc(c.parts, func(p part) bool { return p.fixed == f.stream }) {
		c.fail(errors.New("pdf: fixed part inside a mark, or of another base, or twice"))
		return
	}
	if len(c.buf) > 0 {
		c.parts = append(c.parts, part{drawn: c.buf})
		c.buf = nil
	}
	c.parts = append(c.parts, part{fixed: f.stream})
}

func (c *Canvas) str(s string) { c.buf = append(c.buf, s...) }

// numbers writes operands and their operator.
func (c *Canvas) numbers(operator string, v ...float64) {
	for _, n := range v {
		c.buf = append(appendReal(c.buf, n), ' ')
	}
	c.buf = append(append(c.buf, operator...), '\n')
}

// Color sets the colour of text and of filled areas.
func (c *Canvas) Color(color Color) {
	if c.fill != color {
		c.fill = color
		c.color(color, "g", "rg")
	}
}

func (c *Canvas) color(v Color, gray, rgb string) {
	r, g, b := float64(v>>16&255)/255, float64(v>>8&255)/255, float64(v&255)/255
	if r == g && g == b {
		c.numbers(gray, r)
		return
	}
	c.numbers(rgb, r, g, b)
}

// Pen sets the colour and width of lines.
func (c *Canvas) Pen(color Color, width float64) {
	if c.stroke != color {
		c.stroke = color
		c.color(color, "G", "RG")
	}
	if c.width != width {
		c.width = width
		c.numbers("w", width)
	}
}

// Text sets a line of text with its baseline starting at a point.
func (c *Canvas) Text(x, y float64, face *Face, size float64, s string) {
	if s == "" {
		return
	}
	c.str("BT\n")
	if c.face != face || c.size != size {
		i := c.base.index(face)
		if i < 0 {
			c.fail(errors.New("pdf: text in a face that the base does not hold"))
			return
		}
		c.str("/F")
		c.buf = appendInt(c.buf, i+1)
		c.str(" ")
		c.numbers("Tf", size)
		c.face, c.size = face, size
	}
	c.numbers("Td", x, y)
	buf, err := face.appendShow(c.buf, s)
	if err != nil {
		c.fail(fmt.Errorf("pdf: %w", err))
	}
	c.buf = buf
	c.str("ET\n")
}

// MoveTo starts a path.
func (c *Canvas) MoveTo(x, y float64) { c.numbers("m", x, y) }

// LineTo adds a straight line to the path.
func (c *Canvas) LineTo(x, y float64) { c.numbers("l", x, y) }

// CurveTo adds a Bézier curve to the path: two control points and the end.
func (c *Canvas) CurveTo(x1, y1, x2, y2, x, y float64) { c.numbers("c", x1, y1, x2, y2, x, y) }

// Rect adds a rectangle to the path.
func (c *Canvas) Rect(r Rect) { c.numbers("re", r.X0, r.Y0, r.X1-r.X0, r.Y1-r.Y0) }

// Round is the distance of the control points of a quarter of a circle from its ends, in radii.
const Round = 0.5523

// RoundRect adds a rectangle with round corners to the path.
func (c *Canvas) RoundRect(r Rect, radius float64) {
	k := radius * (1 - Round)
	c.MoveTo(r.X0+radius, r.Y0)
	c.LineTo(r.X1-radius, r.Y0)
	c.CurveTo(r.X1-k, r.Y0, r.X1, r.Y0+k, r.X1, r.Y0+radius)
	c.LineTo(r.X1, r.Y1-radius)
	c.CurveTo(r.X1, r.Y1-k, r.X1-k, r.Y1, r.X1-radius, r.Y1)
	c.LineTo(r.X0+radius, r.Y1)
	c.CurveTo(r.X0+k, r.Y1, r.X0, r.Y1-k, r.X0, r.Y1-radius)
	c.LineTo(r.X0, r.Y0+radius)
	c.CurveTo(r.X0, r.Y0+k, r.X0+k, r.Y0, r.X0+radius, r.Y0)
	c.str("h\n")
}

// RoundEnds makes lines end and join in half circles, for all that follows.
func (c *Canvas) RoundEnds() { c.str("1 J 1 j\n") }

// Fill fills the path.
func (c *Canvas) Fill() { c.str("f\n") }

// Stroke draws the path as a line.
func (c *Canvas) Stroke() { c.str("S\n") }
