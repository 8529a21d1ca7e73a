package pdf

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"math"
)

const (
	maxForms = 12  // forms inside forms
	maxSaved = 512 // graphics states saved with q
	maxStack = 512 // operands of one operator
	maxPoint = 4 << 20
)

// state is the part of the graphics state that decides where and how dark something is painted.
type state struct {
	ctm                        matrix
	fill, stroke               float64
	fillSpace, strokeSpace     space
	fillPattern, strokePattern bool
	fillAlpha, strokeAlpha     float64
	width                      float64
	clip                       window
}

// painter runs content streams on a canvas.
type painter struct {
	ctx        context.Context
	f          *File
	c          *canvas
	s          state
	saved      []state
	path       [][]point
	start, now [2]float64 // in user space
	points     int
	clipNext   byte // 0, 'n' nonzero or 'e' even-odd: W and W* act at the next painting operator
	operations int
	pictures   map[*stream]picture
	stencils   map[*stream]bool
	forms      map[*stream][]byte // decoded content
}

// Paint draws page n, from 0, at a resolution in dots per inch: filled and stroked shapes and
// pictures, but no text. A page too large for the limits is drawn smaller. Whatever cannot be
// understood is left out.
func (f *File) Paint(ctx context.Context, n int, dpi float64) (*image.Gray, error) {
	if n < 0 || n >= len(f.pages) {
		return nil, fmt.Errorf("there is no page %d", n+1)
	}
	p := f.pages[n]
	w, h := p.box[2]-p.box[0], p.box[3]-p.box[1]
	scale := dpi / 72
	if area := w * h * scale * scale; area > float64(f.limits.Pixels) {
		scale *= math.Sqrt(float64(f.limits.Pixels) / area)
	}
	c := &canvas{w: max(1, int(math.Ceil(w*scale))), h: max(1, int(math.Ceil(h*scale)))}
	if c.w > 1<<16 || c.h > 1<<16 || c.w*c.h > f.limits.Pixels+c.w+c.h {
		return nil, fmt.Errorf("%w: the page is %.0f by %.0f points", ErrBudget, w, h)
	}
	c.pix = bytes.Repeat([]byte{255}, c.w*c.h)
	c.left = 64*c.w*c.h + 64<<20
	t := &painter{
		ctx: ctx, f: f, c: c, operations: f.limits.Operations,
		pictures: map[*stream]picture{}, stencils: map[*stream]bool{}, forms: map[*stream][]byte{},
		s: state{
			ctm:       matrix{scale, 0, 0, -scale, -p.box[0] * scale, p.box[3] * scale},
			fillSpace: space{n: 1}, strokeSpace: space{n: 1}, fillAlpha: 1, strokeAlpha: 1, width: 1,
			clip: window{0, 0, c.w, c.h},
		},
	}
	var content []byte
	for _, v := range f.list(p.dict, "Contents") {
		s, ok := v.(*stream)
		if !ok {
			continue
		}
		data, err := f.decode(s)
		if err != nil {
			return nil, err
		}
		content = append(append(content, data...), '\n')
	}
	if err := t.run(content, p.resources, 0); err != nil {
		return nil, err
	}
	return &image.Gray{Pix: c.pix, Stride: c.w, Rect: image.Rect(0, 0, c.w, c.h)}, nil
}

// run executes one content stream.
func (t *painter) run(content []byte, resources dict, depth int) error {
	base := len(t.saved)
	l := lexer{data: content}
	var stack []any
	for {
		v, err := l.next()
		if err == errEnd {
			break
		}
		if err != nil {
			stack = stack[:0]
			continue // the lexer has moved on
		}
		k, ok := v.(keyword)
		if !ok {
			if len(stack) < maxStack {
				stack = append(stack, v)
			}
			continue
		}
		if t.operations--; t.operations < 0 {
			return fmt.Errorf("%w: too many operators", ErrBudget)
		}
		if t.operations%256 == 0 && t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if k == "BI" {
			err = t.inline(&l, resources)
		} else {
			err = t.operator(string(k), stack, resources, depth, base)
		}
		if err != nil {
			return err
		}
		stack = stack[:0]
	}
	if len(t.saved) > base { // q without Q
		t.s = t.saved[base]
		t.saved = t.saved[:base]
	}
	t.path, t.points = nil, 0
	return nil
}

func (t *painter) operator(op string, stack []any, resources dict, depth, base int) error {
	var n [6]float64
	count := 0
	for _, v := range stack {
		if x, ok := asFloat(v); ok && count < len(n) {
			n[count] = x
			count++
		}
	}
	lastName := func() name {
		if len(stack) == 0 {
			return ""
		}
		k, _ := stack[len(stack)-1].(name)
		return k
	}
	switch op {
	case "q":
		if len(t.saved) < maxSaved {
			t.saved = append(t.saved, t.s)
		}
	case "Q":
		if len(t.saved) > base {
			t.s = t.saved[len(t.saved)-1]
			t.saved = t.saved[:len(t.saved)-1]
		}
	case "cm":
		if count == 6 {
			t.s.ctm = matrix(n).then(t.s.ctm)
		}
	case "w":
		t.s.width = math.Abs(n[0])
	case "gs":
		d := t.f.dict(t.f.dict(resources["ExtGState"])[lastName()])
		if a, ok := asFloat(t.f.resolve(d["ca"])); ok {
			t.s.fillAlpha = max(0, min(1, a))
		}
		if a, ok := asFloat(t.f.resolve(d["CA"])); ok {
			t.s.strokeAlpha = max(0, min(1, a))
		}
		if w, ok := asFloat(t.f.resolve(d["LW"])); ok {
			t.s.width = math.Abs(w)
		}

	case "m":
		t.move(n[0], n[1])
	case "l":
		t.line(n[0], n[1])
	case "c":
		t.curve(n[0], n[1], n[2], n[3], n[4], n[5])
	case "v":
		t.curve(t.now[0], t.now[1], n[0], n[1], n[2], n[3])
	case "y":
		t.curve(n[0], n[1], n[2], n[3], n[2], n[3])
	case "h":
		t.shut()
	case "re":
		x, y, w, h := n[0], n[1], n[2], n[3]
		t.move(x, y)
		t.line(x+w, y)
		t.line(x+w, y+h)
		t.line(x, y+h)
		t.shut()
	case "W":
		t.clipNext = 'n'
	case "W*":
		t.clipNext = 'e'
	case "n":
		return t.paint(false, false, false)
	case "f", "F":
		return t.paint(true, false, false)
	case "f*":
		return t.paint(true, true, false)
	case "S":
		return t.paint(false, false, true)
	case "s":
		t.shut()
		return t.paint(false, false, true)
	case "B":
		return t.paint(true, false, true)
	case "B*":
		return t.paint(true, true, true)
	case "b":
		t.shut()
		return t.paint(true, false, true)
	case "b*":
		t.shut()
		return t.paint(true, true, true)

	case "g":
		t.fillColour(space{n: 1}, n[:1])
	case "rg":
		t.fillColour(space{n: 3, kind: rgbSpace}, n[:3])
	case "k":
		t.fillColour(space{n: 4, kind: cmykSpace}, n[:4])
	case "G":
		t.strokeColour(space{n: 1}, n[:1])
	case "RG":
		t.strokeColour(space{n: 3, kind: rgbSpace}, n[:3])
	case "K":
		t.strokeColour(space{n: 4, kind: cmykSpace}, n[:4])
	case "cs":
		sp := t.f.space(lastName(), resources, 0)
		t.s.fillSpace, t.s.fill, t.s.fillPattern = sp, sp.initial(), sp.pattern
	case "CS":
		sp := t.f.space(lastName(), resources, 0)
		t.s.strokeSpace, t.s.stroke, t.s.strokePattern = sp, sp.initial(), sp.pattern
	case "sc", "scn":
		if lastName() != "" {
			t.s.fillPattern = true
		} else {
			t.fillColour(t.s.fillSpace, n[:count])
		}
	case "SC", "SCN":
		if lastName() != "" {
			t.s.strokePattern = true
		} else {
			t.strokeColour(t.s.strokeSpace, n[:count])
		}

	case "Do":
		return t.external(lastName(), resources, depth)
	}
	return nil
}

func (t *painter) fillColour(sp space, c []float64) {
	t.s.fillSpace, t.s.fill, t.s.fillPattern = sp, sp.grey(c), false
}

func (t *painter) strokeColour(sp space, c []float64) {
	t.s.strokeSpace, t.s.stroke, t.s.strokePattern = sp, sp.grey(c), false
}

func (t *painter) add(x, y float64) {
	if t.points++; t.points > maxPoint {
		return
	}
	last := len(t.path) - 1
	t.path[last] = append(t.path[last], t.s.ctm.apply(x, y))
}

func (t *painter) move(x, y float64) {
	t.path = append(t.path, nil)
	t.start, t.now = [2]float64{x, y}, [2]float64{x, y}
	t.add(x, y)
}

func (t *painter) line(x, y float64) {
	if len(t.path) == 0 {
		t.move(x, y)
		return
	}
	t.now = [2]float64{x, y}
	t.add(x, y)
}

func (t *painter) curve(x1, y1, x2, y2, x3, y3 float64) {
	if len(t.path) == 0 {
		t.move(x1, y1)
	}
	const steps = 12
	x0, y0 := t.now[0], t.now[1]
	for i := 1; i <= steps; i++ {
		u := float64(i) / steps
		v := 1 - u
		a, b, c, d := v*v*v, 3*v*v*u, 3*v*u*u, u*u*u
		t.add(a*x0+b*x1+c*x2+d*x3, a*y0+b*y1+c*y2+d*y3)
	}
	t.now = [2]float64{x3, y3}
}

func (t *painter) shut() {
	if len(t.path) > 0 && t.now != t.start {
		t.line(t.start[0], t.start[1])
	}
}

// paint ends the path: fills it, strokes it, and lets W act.
func (t *painter) paint(fill, evenOdd, stroke bool) error {
	path := t.path
	t.path, t.points = nil, 0
	clip := t.clipNext
	t.clipNext = 0
	if fill && !t.s.fillPattern {
		if err := t.c.fill(path, evenOdd, t.s.clip, t.s.fill, t.s.fillAlpha); err != nil {
			return err
		}
	}
	if stroke && !t.s.strokePattern {
		if err := t.stroke(path); err != nil {
			return err
		}
	}
	if clip != 0 {
		// The clip is kept as the box of its path: right for the rectangles that writers use
		// around pictures, and never less than what a reader shows.
		box := window{math.MaxInt32, math.MaxInt32, math.MinInt32, math.MinInt32}
		for _, p := range path {
			for _, q := range p {
				if q.finite() {
					box = window{min(box.x0, pixel(q.x)), min(box.y0, pixel(q.y)), max(box.x1, pixel(q.x)), max(box.y1, pixel(q.y))}
				}
			}
		}
		t.s.clip = t.s.clip.cut(box)
	}
	return nil
}

// stroke paints each straight piece as a bar with flat ends: how some writers draw the rows of a
// code.
func (t *painter) stroke(path [][]point) error {
	half := max(t.s.width*t.s.ctm.scale(), 1) / 2
	for _, p := range path {
		for i := 1; i < len(p); i++ {
			a, b := p[i-1], p[i]
			length := math.Hypot(b.x-a.x, b.y-a.y)
			if length == 0 || !a.finite() || !b.finite() {
				continue
			}
			nx, ny := -(b.y-a.y)/length*half, (b.x-a.x)/length*half
			bar := [][]point{{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}}}
			if err := t.c.fill(bar, false, t.s.clip, t.s.stroke, t.s.strokeAlpha); err != nil {
				return err
			}
		}
	}
	return nil
}

// external draws an image or runs a form.
func (t *painter) external(k name, resources dict, depth int) error {
	s, ok := t.f.resolve(t.f.dict(resources["XObject"])[k]).(*stream)
	if !ok {
		return nil
	}
	switch t.f.resolve(s.dict["Subtype"]) {
	case name("Image"):
		return t.image(s, resources)
	case name("Form"):
		if depth >= maxForms {
			return nil
		}
		data, ok := t.forms[s]
		if !ok {
			var err error
			if data, err = t.f.decode(s); err != nil {
				return err
			}
			t.forms[s] = data
		}
		own := t.f.dict(s.dict["Resources"])
		if own == nil {
			own = resources
		}
		before := t.s
		if m, ok := t.f.numbers(s.dict["Matrix"]); ok && len(m) == 6 {
			t.s.ctm = matrix(m).then(t.s.ctm)
		}
		path := t.path
		if b, ok := t.f.rectangle(s.dict["BBox"]); ok {
			t.path = nil
			t.move(b[0], b[1])
			t.line(b[2], b[1])
			t.line(b[2], b[3])
			t.line(b[0], b[3])
			t.clipNext = 'n'
			if err := t.paint(false, false, false); err != nil {
				return err
			}
		}
		err := t.run(data, own, depth+1)
		t.s, t.path = before, path
		return err
	}
	return nil
}

// image draws a picture; one that cannot be decoded is left out.
func (t *painter) image(s *stream, resources dict) error {
	p, ok := t.pictures[s]
	if !ok {
		var err error
		var stencil bool
		p, stencil, err = t.f.picture(s, resources, 0)
		if err != nil {
			p = picture{}
		}
		t.pictures[s], t.stencils[s] = p, stencil
	}
	if p.w == 0 {
		return nil
	}
	if t.stencils[s] {
		if t.s.fillPattern {
			return nil
		}
		v := clampByte(255 * t.s.fill)
		if p.pix[0] != v {
			p.pix = bytes.Repeat([]byte{v}, len(p.pix))
			t.pictures[s] = p
		}
	}
	return t.c.draw(p, t.s.ctm, t.s.clip, t.s.fillAlpha)
}

// inline draws the image between BI and EI.
func (t *painter) inline(l *lexer, resources dict) error {
	d := dict{}
	for {
		k, err := l.next()
		if err != nil {
			return nil
		}
		if k == keyword("ID") {
			break
		}
		key, ok := k.(name)
		if !ok {
			return nil
		}
		if d[key], err = l.next(); err != nil {
			return nil
		}
	}
	l.pos++ // one white-space character after ID
	if l.pos > len(l.data) {
		return nil
	}
	// EI stands between white space. Packed samples may hold the same bytes, so the search starts
	// behind as many as an unfiltered picture has.
	from := l.pos
	s := &stream{dict: d, open: true}
	if _, filtered := d["Filter"]; !filtered && d["F"] == nil {
		w, _ := asInt(first(d["Width"], d["W"]))
		h, _ := asInt(first(d["Height"], d["H"]))
		bits, ok := asInt(first(d["BitsPerComponent"], d["BPC"]))
		if !ok {
			bits = 1
		}
		components := t.f.space(first(d["ColorSpace"], d["CS"]), resources, 0).n
		if w > 0 && h > 0 && w < 1<<16 && h < 1<<16 && bits > 0 && bits <= 16 {
			from = min(len(l.data), from+h*((w*bits*components+7)/8))
		}
	}
	for i := from; ; i++ {
		k := bytes.Index(l.data[min(i, len(l.data)):], []byte("EI"))
		if k < 0 {
			l.pos = len(l.data)
			return nil
		}
		i += k
		before := i == 0 || isSpace(l.data[i-1]) || i == from
		after := i+2 >= len(l.data) || isSpace(l.data[i+2])
		if before && after {
			s.raw = l.data[l.pos:i]
			l.pos = i + 2
			break
		}
	}
	return t.image(s, resources)
}

func first(a, b any) any {
	if a != nil {
		return a
	}
	return b
}
