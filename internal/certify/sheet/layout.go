package sheet

import (
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
)

// Places on the page, in millimetres from the top left corner (specification twoddoc, 8.1).
const (
	pageWidth, pageHeight = 210, 297

	left, right = 20.7, 189.3 // text block
	second      = 108.5       // second column: text and box
	gutter      = 6.0         // between the columns, at least

	frameTop, frameBottom = 36.0, 267.0

	fieldsTop, fieldsBottom = 84.5, 142.0 // first and last baselines of the fields

	boxTop, boxBottom = 148.5, 204.0
	boxWidth          = 52.8
	codeCentre        = 172.3
	matrixSide        = 32.3
	qrSide            = 36.0
	minModule         = 0.55 // codes grow rather than go below
	maxCode           = 42.4 // 77 modules of 0.55, with a quiet zone of 4 in the box
	captionFirst      = 198.3
	captionSecond     = 201.6

	asideTop, asideLead, asideGap = 153.5, 3.3, 4.2

	legalTop  = 212.5
	legalLead = 3.5
	legalGap  = 2.4
	noticeGap = 2.2 // above the line of the notice, on top of legalGap
)

// Sizes of type, in points.
const (
	titleSize, subtitleSize = 20, 12.5
	labelSize, smallSize    = 8, 7.5
	legalSize               = 8
	smallestSize            = 5.5 // of an address
)

// pt converts millimetres to points, top a distance from the upper edge to a height.
func pt(mm float64) float64  { return mm * 72 / 25.4 }
func top(mm float64) float64 { return pt(pageHeight - mm) }
func mm(pt float64) float64  { return pt * 25.4 / 72 }

// edition is the page in one set of fonts: what never changes on it, rendered once.
type edition struct {
	base          *pdf.Base
	regular, bold *pdf.Face
	front, back   pdf.Fixed
	frontTags     []*pdf.Element
	backTags      []*pdf.Element
	noticeAt      float64 // baseline of the line below the legal text, mm

	matrixAside, qrAside [2][]string // French and English, in lines
	noCode               [2][]string
}

// Colours, those of the sites. Each is dark enough to stay readable when printed in grey.
const (
	ink   = pdf.Color(0x16262B)
	soft  = pdf.Color(0x4B595B)
	line  = pdf.Color(0xB4B8B2)
	leaf  = pdf.Color(0x1D6443)
	black = pdf.Color(0x000000)
	white = pdf.Color(0xFFFFFF)
)

// newFaces is an edition with nothing on the page yet.
func newFaces(regular, bold *pdf.Font, runes []rune) (*edition, error) {
	e := &edition{}
	var err error
	if e.regular, err = regular.Subset(runes); err != nil {
		return nil, err
	}
	if e.bold, err = bold.Subset(runes); err != nil {
		return nil, err
	}
	e.base, err = pdf.NewBase(e.regular, e.bold)
	return e, err
}

// newEdition is the page of the attestation.
func newEdition(regular, bold *pdf.Font, runes []rune, words *form) (*edition, error) {
	e, err := newFaces(regular, bold, runes)
	if err != nil {
		return nil, err
	}
	for _, a := range []struct {
		lines *[2][]string
		text  paragraph
	}{{&e.matrixAside, matrixAside()}, {&e.qrAside, qrAside()}} {
		width := pt(right - second - boxWidth - asideGap)
		a.lines[0] = wrap(e.regular, smallSize, width, a.text.fr)
		a.lines[1] = wrap(e.regular, smallSize, width, a.text.en)
	}
	whole := pt(right - left)
	e.noCode = [2][]string{wrap(e.regular, legalSize, whole, words.noCode.fr), wrap(e.regular, smallSize, whole, words.noCode.en)}
	root := &pdf.Element{Type: "Document"}
	front := e.pen(root)
	front.front(words)
	if e.front, err = e.base.Fix(front.canvas); err != nil {
		return nil, err
	}
	e.frontTags = root.Children()
	root = &pdf.Element{Type: "Document"}
	back := e.pen(root)
	e.noticeAt = back.back(words.legal)
	if e.back, err = e.base.Fix(back.canvas); err != nil {
		return nil, err
	}
	e.backTags = root.Children()
	return e, nil
}

// pen draws in millimetres and hangs what it writes under one element.
type pen struct {
	*edition
	canvas *pdf.Canvas
	root   *pdf.Element
}

func (e *edition) pen(root *pdf.Element) pen { return pen{e, e.base.Canvas(), root} }

const (
	french  = "" // the language of the document
	english = "en"
)

// say sets lines of one paragraph, the first baseline at y, and returns the baseline after the last.
func (p pen) say(kind, lang string, x, y, lead float64, face *pdf.Face, size float64, color pdf.Color, lines ...string) float64 {
	p.canvas.Begin(p.root.Add(&pdf.Element{Type: kind, Lang: lang}))
	p.canvas.Color(color)
	for _, l := range lines {
		p.canvas.Text(pt(x), top(y), face, size, l)
		y += lead
	}
	p.canvas.End()
	return y
}

// front draws the frame, the mark and the title.
func (p pen) front(words *form) {
	c := p.canvas
	c.Artifact()
	c.Pen(line, 0.6)
	c.RoundRect(box(9, frameTop, 192, frameBottom-frameTop), pt(2))
	c.Stroke()
	c.Color(leaf)
	c.Rect(box(left, frameTop-0.55, 36, 1.1))
	c.Fill()
	c.Pen(line, 0.5)
	c.MoveTo(pt(left), top(76.5))
	c.LineTo(pt(right), top(76.5))
	c.Stroke()
	c.Pen(soft, 0.8)
	for _, x := range words.boxes {
		p.corners(box(x, boxTop, boxWidth, boxBottom-boxTop), pt(1.5), pt(5))
	}
	c.Stroke()
	p.mark(left, 15, 13)
	c.Color(ink)
	c.Text(pt(left+16.5), top(24.4), p.bold, 23, "Carnet")
	c.End()
	p.say("H1", french, left, 52.5, 0, p.bold, titleSize, ink, words.title.fr)
	p.say("P", english, left, 59.3, 0, p.regular, subtitleSize, soft, words.title.en)
	p.say("P", french, left, 67.6, 0, p.regular, 8.5, ink, words.notice.fr)
	p.say("P", english, left, 71.6, 0, p.regular, smallSize, soft, words.notice.en)
}

// corners marks out a box by its corners alone: readers of DataMatrix codes take a closed frame for
// the border of a symbol and lose seconds on it (measured with dmtxread: 3.8 s instead of 0.6 at 300 dpi).
func (p pen) corners(r pdf.Rect, radius, arm float64) {
	const k = 1 - pdf.Round
	for _, q := range [4][4]float64{{r.X0, r.Y0, 1, 1}, {r.X1, r.Y0, -1, 1}, {r.X1, r.Y1, -1, -1}, {r.X0, r.Y1, 1, -1}} {
		x, y, dx, dy := q[0], q[1], q[2], q[3]
		p.canvas.MoveTo(x+dx*arm, y)
		p.canvas.LineTo(x+dx*radius, y)
		p.canvas.CurveTo(x+dx*radius*k, y, x, y+dy*radius*k, x, y+dy*radius)
		p.canvas.LineTo(x, y+dy*arm)
	}
}

// back draws the legal text, French on the left and English on the right, and returns the next baseline.
func (p pen) back(legal []paragraph) float64 {
	y := legalTop
	for _, l := range legal {
		fr := wrap(p.regular, legalSize, pt(second-gutter-left), l.fr)
		en := wrap(p.regular, smallSize, pt(right-second), l.en)
		p.say("P", french, left, y, legalLead, p.regular, legalSize, ink, fr...)
		p.say("P", english, second, y, legalLead, p.regular, smallSize, soft, en...)
		y += legalLead*float64(max(len(fr), len(en))) + legalGap
	}
	return y + noticeGap
}

// page draws one attestation. The order of drawing is the order of reading.
func (e *edition) page(a *Attestation, matrix, qr pdf.Matrix) ([]byte, error) {
	root := &pdf.Element{Type: "Document"}
	p := e.pen(root)
	p.canvas.Insert(e.front)
	for _, t := range e.frontTags {
		root.Add(t)
	}
	if err := p.issuer(a); err != nil {
		return nil, err
	}
	if err := p.fields(a); err != nil {
		return nil, err
	}
	switch {
	case a.Disease == "":
		p.codes(a, matrix, qr)
	case len(a.Payload) > 0:
		p.certified(matrix)
	default:
		y := p.say("P", french, left, asideTop, legalLead, p.regular, legalSize, ink, p.noCode[0]...)
		p.say("P", english, left, y+asideGap/2, asideLead, p.regular, smallSize, soft, p.noCode[1]...)
	}
	p.canvas.Insert(e.back)
	for _, t := range e.backTags {
		root.Add(t)
	}
	if err := p.notice(a); err != nil {
		return nil, err
	}
	out, err := e.base.Write(pdf.Document{
		Title: a.form().docTitle, Author: a.Issuer, Lang: "fr-FR", ID: a.FileID, Created: a.IssuedAt,
		Width: pt(pageWidth), Height: pt(pageHeight), Root: root, Canvas: p.canvas, Seal: a.Seal,
	})
	if err != nil {
		return nil, carnet.E("sheet.Render", carnet.Internal, "sheet.page", err)
	}
	return out, nil
}

func box(x, y, w, h float64) pdf.Rect {
	return pdf.Rect{X0: pt(x), Y0: top(y + h), X1: pt(x + w), Y1: top(y)}
}

// flush sets a line that ends at the right edge.
func (p pen) flush(lang string, y float64, face *pdf.Face, size float64, color pdf.Color, s string) {
	p.say("P", lang, right-mm(face.Width(s, size)), y, 0, face, size, color, s)
}

// issuer says who issued the page, when, and whether it is a specimen.
func (p pen) issuer(a *Attestation) error {
	const size, width, lines = 9.5, 100, 2
	name := wrap(p.bold, size, pt(width), a.Issuer)
	if len(name) > lines {
		return invalid("sheet.long", "issuer", nil)
	}
	t := a.IssuedAt.In(carnet.Paris)
	day, hour := t.Format("02/01/2006"), t.Format("15:04")
	y := 19.1
	for _, l := range name {
		p.flush(french, y, p.bold, size, ink, strings.TrimRight(l, " "))
		y += lead(size)
	}
	p.flush(french, y, p.regular, labelSize, ink, "Délivrée le "+day+" à "+hour+" (heure de Paris)")
	p.flush(english, y+3.7, p.regular, smallSize, soft, "Issued on "+day+" at "+hour+" (Paris time)")
	if a.Sandbox {
		p.flush(french, 43.5, p.bold, smallSize, soft, sandboxFR)
		p.flush(english, 46.9, p.regular, smallSize, soft, sandboxEN)
	}
	return nil
}

// field is one fact in clear: its member in Attestation, its label, its value.
type field struct{ name, fr, en, value, translation string }

// column is the fields of one column, cut into lines.
type column struct {
	x, width float64
	fields   []field
	lines    [][]string
}

// height is the distance from the first label to the last baseline.
func (c *column) height(size, gap float64) float64 {
	h := -gap
	for _, l := range c.lines {
		h += gap + valueDrop + float64(len(l)-1)*lead(size)
	}
	return h
}

const valueDrop = 5.1 // from the baseline of a label to that of its value

func lead(size float64) float64 { return mm(size * 1.22) }

// fields prints identity on the left and vaccination on the right.
func (p pen) fields(a *Attestation) error {
	state, stateEN := "En cours", "On-going"
	if a.Complete {
		state, stateEN = "Terminé", "Completed"
	}
	columns := [2]column{{
		x: left, width: pt(second - gutter - left),
		fields: []field{
			{"familyName", "Nom", "Surname", a.FamilyName, ""},
			{"givenNames", "Prénom(s)", "Forename(s)", a.GivenNames, ""},
			{"birthDate", "Date de naissance", "Date of birth", a.BirthDate, ""},
		},
	}, {
		x: second, width: pt(right - second),
		fields: []field{
			{"vaccine", "Vaccin", "Vaccine", a.Vaccine, ""},
			{"disease", "Maladie", "Disease", a.Disease, ""},
			{"rank", "Rang de la dernière injection effectuée", "Dose number", strconv.Itoa(a.Rank), ""},
			{"lastDate", "Date de dernière injection effectuée", "Date of last dose", a.LastDate, ""},
			{"complete", "État de vaccination", "Vaccination status", state, stateEN},
		},
	}}
	if a.Disease == "" { // the title names it
		columns[1].fields = slices.Delete(columns[1].fields, 1, 2)
	}
	if a.Rank == 0 { // of a product that nobody knows
		columns[1].fields = slices.DeleteFunc(columns[1].fields, func(f field) bool { return f.name == "rank" || f.name == "complete" })
	}
	size, gap, ok := p.fit(&columns)
	if !ok {
		return invalid("sheet.long", longestField(&columns), nil)
	}
	for i := range columns {
		col := &columns[i]
		y := fieldsTop
		for j, f := range col.fields {
			y = p.field(col.x, y, size, f, col.lines[j]) + gap
		}
	}
	return nil
}

// fit finds the largest type, then the widest gaps, with which both columns end above the codes.
func (p pen) fit(columns *[2]column) (size, gap float64, ok bool) {
	for _, size := range []float64{11.5, 10.5, 9.5, 8.5, 7.5} {
		for i := range columns {
			c := &columns[i]
			c.lines = c.lines[:0]
			for _, f := range c.fields {
				c.lines = append(c.lines, wrap(p.bold, size, c.width, f.value))
			}
		}
		for _, gap := range []float64{10.2, 9.2, 8.2, 7.2, 6.2, 5.2} {
			if max(columns[0].height(size, gap), columns[1].height(size, gap)) <= fieldsBottom-fieldsTop {
				return size, gap, true
			}
		}
	}
	return 0, 0, false
}

// longestField names the field with the most lines.
func longestField(columns *[2]column) string {
	name, most := "", 0
	for _, c := range columns {
		for i, l := range c.lines {
			if len(l) > most {
				name, most = c.fields[i].name, len(l)
			}
		}
	}
	return name
}

// label prints words in French and, smaller, in English; separator is what follows the English.
// It returns where the line ends, in points.
func (p pen) label(e *pdf.Element, x, y float64, fr, en, separator string) float64 {
	c := p.canvas
	fr += " / "
	c.Begin(e)
	c.Color(soft)
	c.Text(x, top(y), p.regular, labelSize, fr)
	c.End()
	x += p.regular.Width(fr, labelSize)
	en += separator
	c.Begin(e.Add(&pdf.Element{Type: "Span", Lang: english}))
	c.Text(x, top(y), p.regular, smallSize, en)
	c.End()
	return x + p.regular.Width(en, smallSize)
}

// field prints a label with its first baseline at y, its value below, and returns the last baseline.
func (p pen) field(x, y, size float64, f field, lines []string) float64 {
	c := p.canvas
	e := p.root.Add(&pdf.Element{Type: "P"})
	p.label(e, pt(x), y, f.fr, f.en, " ")
	y += valueDrop - lead(size)
	c.Begin(e)
	c.Color(ink)
	for _, l := range lines {
		y += lead(size)
		c.Text(pt(x), top(y), p.bold, size, l)
	}
	c.End()
	if f.translation != "" {
		at := pt(x) + p.bold.Width(f.value, size)
		c.Begin(e.Add(&pdf.Element{Type: "Span", Lang: english}))
		c.Color(soft)
		c.Text(at, top(y), p.regular, size, " / "+f.translation)
		c.End()
	}
	return y
}

// certified draws the 2D-Doc in its box.
func (p pen) certified(matrix pdf.Matrix) {
	p.code(p.root, matrix, left, matrixSide, matrixAlt)
	p.caption(french, left, captionFirst, p.bold, 8.5, ink, matrixName)
	width := p.regular.Width(matrixFR+" / ", labelSize) + p.regular.Width(matrixEN, smallSize)
	p.label(p.root.Add(&pdf.Element{Type: "P"}), pt(left+boxWidth/2)-width/2, captionSecond, matrixFR, matrixEN, "")
	p.aside(left, p.matrixAside)
}

// codes draws the 2D-Doc and the QR code in their boxes.
func (p pen) codes(a *Attestation, matrix, qr pdf.Matrix) {
	p.certified(matrix)
	link := &pdf.Link{URI: a.Link, Contents: qrContents}
	e := p.root.Add(&pdf.Element{Type: "Link", Link: link, Alt: qrAlt})
	link.Area = p.code(e, qr, second, qrSide, qrAlt)
	p.caption(french, second, captionFirst, p.bold, 8.5, ink, qrFR)
	p.caption(english, second, captionSecond, p.regular, smallSize, soft, qrEN)
	p.aside(second, p.qrAside)
}

// aside says what a code is for, on the right of its box.
func (p pen) aside(boxLeft float64, a [2][]string) {
	x := boxLeft + boxWidth + asideGap
	y := p.say("P", french, x, asideTop, asideLead, p.regular, smallSize, ink, a[0]...)
	p.say("P", english, x, y+asideGap/2, asideLead, p.regular, smallSize, soft, a[1]...)
}

// code draws a code in the middle of its box and returns where.
func (p pen) code(parent *pdf.Element, m pdf.Matrix, boxLeft, side float64, alt string) pdf.Rect {
	side = max(side, min(minModule*float64(m.Size()), maxCode))
	area := box(boxLeft+(boxWidth-side)/2, codeCentre-side/2, side, side)
	p.canvas.Begin(parent.Add(&pdf.Element{Type: "Figure", Alt: alt, BBox: area}))
	p.canvas.Color(black)
	p.canvas.Modules(m, area.X0, area.Y0, area.X1-area.X0)
	p.canvas.End()
	return area
}

// caption sets a line in the middle of a box.
func (p pen) caption(lang string, boxLeft, y float64, face *pdf.Face, size float64, color pdf.Color, s string) {
	p.say("P", lang, boxLeft+(boxWidth-mm(face.Width(s, size)))/2, y, 0, face, size, color, s)
}

// notice prints the address of the notice on personal data, as a link.
func (p pen) notice(a *Attestation) error {
	c := p.canvas
	e := p.root.Add(&pdf.Element{Type: "P"})
	x, y := p.label(e, pt(left), p.noticeAt, noticeLabelFR, noticeLabelEN, ": "), p.noticeAt
	size := float64(labelSize)
	if w := p.regular.Width(a.NoticeURL, size); w > pt(right)-x {
		size *= (pt(right) - x) / w
	}
	if size < smallestSize {
		return invalid("sheet.long", "noticeURL", nil)
	}
	link := &pdf.Link{URI: a.NoticeURL, Contents: noticeURLContents}
	link.Area = pdf.Rect{X0: x, Y0: top(y + 1), X1: x + p.regular.Width(a.NoticeURL, size), Y1: top(y - 3)}
	c.Begin(e.Add(&pdf.Element{Type: "Link", Link: link}))
	c.Color(leaf)
	c.Text(x, top(y), p.regular, size, a.NoticeURL)
	c.End()
	return nil
}
