package sheet

import (
	"log/slog"
	"strconv"
	"strings"
	"time"

	"carnet/hcert/qr"
	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
)

// European is what the page of an EU certificate says. It is personal data in clear: printed or logged it hides itself.
type European struct {
	FamilyName, GivenNames string
	BirthDate              string // AAAA-MM-JJ, or as far as it is known

	// Codes of the certificate, and in words what they stand for.
	Disease, Vaccine, Product, Holder Term
	Dose, Doses                       int
	Date                              string // AAAA-MM-JJ
	Country                           string // where the dose was given, two letters
	Identifier                        string

	Text string // HC1:..., for the code to be checked
	Link string // the same as a link, for the code that fills a wallet

	Issuer    string // as in the certificate
	State     string // the country that issues, two letters
	NoticeURL string // ASCII
	Sandbox   bool
	IssuedAt  time.Time
	Expires   time.Time
	FileID    [16]byte
	Seal      *pdf.Seal
}

// Term is a code of the value sets and its words.
type Term struct{ Code, Words string }

// String hides the person.
func (e European) String() string { return "European(hidden)" }

// GoString hides the person.
func (e European) GoString() string { return e.String() }

// LogValue hides the person.
func (e European) LogValue() slog.Value { return slog.StringValue(e.String()) }

func (e *European) texts() []text {
	return []text{
		{"familyName", &e.FamilyName}, {"givenNames", &e.GivenNames}, {"birthDate", &e.BirthDate}, {"disease", &e.Disease.Words}, {"vaccine", &e.Vaccine.Words},
		{"product", &e.Product.Words}, {"holder", &e.Holder.Words}, {"date", &e.Date}, {"country", &e.Country}, {"identifier", &e.Identifier},
		{"issuer", &e.Issuer}, {"state", &e.State}, {"noticeURL", &e.NoticeURL},
	}
}

func (e *European) check() error {
	if e.BirthDate == "" {
		e.BirthDate = "–"
	}
	if e.GivenNames == "" {
		e.GivenNames = "–"
	}
	if err := checkTexts(e.texts()); err != nil {
		return err
	}
	switch {
	case e.Dose < 1 || e.Dose > 99 || e.Doses < 1 || e.Doses > 99:
		return invalid("sheet.rank", "dose", nil)
	case e.Text == "":
		return invalid("sheet.empty", "text", nil)
	case !graphic(e.Link) || e.Link == "":
		return invalid("sheet.link", "link", nil)
	case !graphic(e.NoticeURL):
		return invalid("sheet.link", "noticeURL", nil)
	}
	return nil
}

// Places on the page of four panels, in millimetres from the top left corner (specification twoddoc, 8.2).
const (
	foldX, foldY = 105.0, 148.5

	euLeft, euRight   = 11.0, 99.0   // text of the left panels
	euLabel, euValue  = 111.0, 158.0 // labels and values of the right panels
	euEnd             = 203.0
	euCodeX, euCodeY  = 151.5, 11.5
	euCodeSide        = 46.7
	euNames           = 75.0
	euAdvice          = 127.0
	euTitle           = 156.0
	euRows, euRowsEnd = 167.5, 290.0
	euBoxTop          = 237.0
	euLinkX, euLinkY  = 15.0, 240.0
	euLinkSide        = 43.0
)

const (
	euBlue                     = pdf.Color(0x1B3A78)
	euLabelSize, euEnglishSize = 8, 7.5
)

// RenderEuropean returns the page of four panels. Errors are those of [Renderer.Render].
func (r *Renderer) RenderEuropean(e European) ([]byte, error) {
	code, link, ed, err := r.european(&e, true)
	if err != nil {
		return nil, err
	}
	root := &pdf.Element{Type: "Document"}
	p := ed.pen(root)
	p.canvas.Insert(ed.front)
	for _, t := range ed.frontTags {
		root.Add(t)
	}
	if err := p.cover(&e); err != nil {
		return nil, err
	}
	if err := p.holder(&e, code); err != nil {
		return nil, err
	}
	if err := p.vaccination(&e); err != nil {
		return nil, err
	}
	p.canvas.Insert(ed.back)
	for _, t := range ed.backTags {
		root.Add(t)
	}
	if err := p.foot(&e, link); err != nil {
		return nil, err
	}
	return ed.write(&e, p, pageWidth, pageHeight)
}

// Sides of a card, ISO/IEC 7810 ID-1, in millimetres.
const cardWidth, cardHeight = 85.6, 54.0

// RenderCard returns the card, for people without a telephone: the code to be checked, name, date of birth, doses and
// date of the last one, in the size of a bank card.
func (r *Renderer) RenderCard(e European) ([]byte, error) {
	code, _, ed, err := r.european(&e, false)
	if err != nil {
		return nil, err
	}
	root := &pdf.Element{Type: "Document"}
	p := ed.pen(root)
	if err := p.card(&e, code); err != nil {
		return nil, err
	}
	return ed.write(&e, p, cardWidth, cardHeight)
}

// european checks, draws the codes and finds the fonts.
func (r *Renderer) european(e *European, panels bool) (code, link pdf.Matrix, ed *edition, err error) {
	if err := e.check(); err != nil {
		return nil, nil, nil, err
	}
	drawn, err := qr.Encode(e.Text)
	if err != nil {
		return nil, nil, nil, invalid("sheet.code", "text", err)
	}
	l, err := r.qr.upTo(maxLink, e.Link)
	if err != nil {
		return nil, nil, nil, invalid("sheet.code", "link", err)
	}
	rare, err := r.rare(e.texts())
	if err != nil {
		return nil, nil, nil, err
	}
	usual, cut := r.card, newCard
	if panels {
		usual, cut = r.panels, newPanels
	}
	if len(rare) == 0 {
		return drawn, l, usual, nil
	}
	if ed, err = cut(r.regular, r.bold, append(rare, usualRunes(r.regular, r.bold)...)); err != nil {
		return nil, nil, nil, carnet.E("sheet.Render", carnet.Internal, "sheet.page", err)
	}
	return drawn, l, ed, nil
}

func (e *edition) write(a *European, p pen, width, height float64) ([]byte, error) {
	out, err := e.base.Write(pdf.Document{
		Title: euDocTitle, Author: a.Issuer, Lang: "fr-FR", ID: a.FileID, Created: a.IssuedAt,
		Width: pt(width), Height: pt(height), Root: p.root, Canvas: p.canvas, Seal: a.Seal,
	})
	if err != nil {
		return nil, carnet.E("sheet.Render", carnet.Internal, "sheet.page", err)
	}
	return out, nil
}

// newCard is the edition of the card: nothing on it is fixed.
func newCard(regular, bold *pdf.Font, runes []rune) (*edition, error) {
	return newFaces(regular, bold, runes)
}

// newPanels is the edition of the page of four panels.
func newPanels(regular, bold *pdf.Font, runes []rune) (*edition, error) {
	e, err := newFaces(regular, bold, runes)
	if err != nil {
		return nil, err
	}
	root := &pdf.Element{Type: "Document"}
	front := e.pen(root)
	front.coverFixed()
	if e.front, err = e.base.Fix(front.canvas); err != nil {
		return nil, err
	}
	e.frontTags = root.Children()
	root = &pdf.Element{Type: "Document"}
	back := e.pen(root)
	e.noticeAt = back.euLegal()
	if e.back, err = e.base.Fix(back.canvas); err != nil {
		return nil, err
	}
	e.backTags = root.Children()
	return e, nil
}

// coverFixed draws the folds, the band of the cover and the titles.
func (p pen) coverFixed() {
	c := p.canvas
	c.Artifact()
	c.Pen(line, 0.5)
	for x := 4.0; x < pageWidth-4; x += 4 { // dashes
		c.MoveTo(pt(x), top(foldY))
		c.LineTo(pt(x+2), top(foldY))
	}
	for y := 4.0; y < pageHeight-4; y += 4 {
		c.MoveTo(pt(foldX), top(y))
		c.LineTo(pt(foldX), top(y+2))
	}
	c.Stroke()
	c.Color(euBlue)
	c.Rect(box(euLeft, 12, euRight-euLeft, 3))
	c.Fill()
	p.mark(euLeft, 112, 13)
	c.Color(ink)
	c.Text(pt(euLeft+16.5), top(121.4), p.bold, 23, "Carnet")
	c.End()
	p.say("H1", english, euLeft, 58, 8.6, p.bold, 21, euBlue, "EU DIGITAL", "COVID CERTIFICATE")
	p.say("P", french, euLeft, 76, 6.4, p.regular, 15, ink, "CERTIFICAT COVID", "NUMÉRIQUE UE")
}

// cover says who issued the certificate.
func (p pen) cover(e *European) error {
	c := p.canvas
	c.Artifact() // the box of the country
	c.Pen(euBlue, 1)
	c.RoundRect(box(euLeft, 22, 22, 16), pt(1.5))
	c.Stroke()
	c.End()
	p.say("P", french, euLeft+11-mm(p.bold.Width(e.State, 24))/2, 33, 0, p.bold, 24, euBlue, e.State)
	name := wrap(p.bold, 9.5, pt(euRight-euLeft), e.Issuer)
	if len(name) > 3 {
		return invalid("sheet.long", "issuer", nil)
	}
	y := p.say("P", french, euLeft, 94, lead(9.5), p.bold, 9.5, ink, name...)
	t := e.IssuedAt.In(carnet.Paris)
	day := t.Format("02/01/2006")
	until := e.Expires.In(carnet.Paris).Format("02/01/2006")
	y = p.say("P", french, euLeft, y+0.6, 0, p.regular, labelSize, ink, "Délivré le "+day+", lisible comme document jusqu’au "+until) + 3.7
	p.say("P", english, euLeft, y+0.6, 0, p.regular, smallSize, soft, "Issued on "+day+", readable as a document until "+until)
	if e.Sandbox {
		p.say("P", french, euLeft, 136, 0, p.bold, 9.5, soft, sandboxFR)
		p.say("P", english, euLeft, 140, 0, p.regular, smallSize, soft, sandboxEN)
	}
	return nil
}

// euRow is a fact of the certificate with its label.
type euRow struct {
	name, fr, en string
	values       []string // one paragraph each; the last may be a code
	code         bool     // the last is
}

// rows prints facts below each other, in the largest type with which they end above a height.
func (p pen) rows(y, end float64, rows []euRow) error {
	for _, size := range []float64{9.5, 9, 8.5, 8, 7.5, 7, 6.5, 6} {
		for _, gap := range []float64{6, 5, 4, 3, 2.2} {
			if at := p.setRows(y, size, gap, rows, false); at-gap <= end {
				p.setRows(y, size, gap, rows, true)
				return nil
			}
		}
	}
	longest, most := "", 0
	for _, r := range rows {
		for _, v := range r.values {
			if len(v) > most {
				longest, most = r.name, len(v)
			}
		}
	}
	return invalid("sheet.long", longest, nil)
}

// setRows gives the height after the last row, and draws when it is told to.
func (p pen) setRows(y, size, gap float64, rows []euRow, draw bool) float64 {
	const labels, space = euValue - euLabel - 2.5, 3.3
	width := euEnd - euValue
	for _, r := range rows {
		fr := wrap(p.regular, euLabelSize, pt(labels), r.fr)
		en := wrap(p.regular, euEnglishSize, pt(labels), r.en)
		left := float64(len(fr)+len(en)) * space
		right := 0.0
		var lines [][]string
		for i, v := range r.values {
			face, s := p.bold, size
			if r.code && i == len(r.values)-1 {
				face, s = p.regular, min(size, euEnglishSize)
			}
			l := wrap(face, s, pt(width), v)
			lines = append(lines, l)
			right += float64(len(l)) * lead(s)
		}
		if draw {
			c, e := p.canvas, p.root.Add(&pdf.Element{Type: "P"})
			at := y
			c.Begin(e)
			c.Color(soft)
			for i, l := range fr {
				if i == len(fr)-1 {
					l += " / "
				}
				c.Text(pt(euLabel), top(at), p.regular, euLabelSize, l)
				at += space
			}
			c.End()
			c.Begin(e.Add(&pdf.Element{Type: "Span", Lang: english}))
			for i, l := range en {
				if i == len(en)-1 {
					l += ": "
				}
				c.Text(pt(euLabel), top(at), p.regular, euEnglishSize, l)
				at += space
			}
			c.End()
			c.Begin(e)
			at = y
			for i, ls := range lines {
				face, s := p.bold, size
				c.Color(ink)
				if r.code && i == len(lines)-1 {
					face, s = p.regular, min(size, euEnglishSize)
					c.Color(soft)
				}
				for j, l := range ls {
					if j == len(ls)-1 && i < len(lines)-1 {
						l += " " // apart when it is read aloud
					}
					c.Text(pt(euValue), top(at), face, s, l)
					at += lead(s)
				}
			}
			c.End()
		}
		y += max(left, right) + gap
	}
	return y
}

// holder draws the panel that is shown: the code, name and date of birth.
func (p pen) holder(e *European, code pdf.Matrix) error {
	area := box(euCodeX, euCodeY, euCodeSide, euCodeSide)
	p.canvas.Begin(p.root.Add(&pdf.Element{Type: "Figure", Alt: euCodeAlt, BBox: area}))
	p.canvas.Color(black)
	p.canvas.Modules(code, area.X0, area.Y0, area.X1-area.X0)
	p.canvas.End()
	p.say("P", french, euLabel, 18, 3.7, p.bold, 8.5, ink, "Certificat COVID", "numérique UE")
	p.say("P", english, euLabel, 26.5, 3.3, p.regular, smallSize, soft, "EU Digital", "COVID Certificate")
	p.say("P", french, euLabel, 36, 3.3, p.regular, smallSize, ink, wrap(p.regular, smallSize, pt(euCodeX-euLabel-5), "À faire lire par qui contrôle le certificat.")...)
	p.say("P", english, euLabel, 49, 3.3, p.regular, smallSize, soft, wrap(p.regular, smallSize, pt(euCodeX-euLabel-5), "To be read by whoever checks the certificate.")...)
	if err := p.rows(euNames, euAdvice-5, []euRow{
		{"familyName", "Nom(s) de famille et prénom(s)", "Surname(s) and forename(s)", []string{e.FamilyName, e.GivenNames}, false},
		{"birthDate", "Date de naissance", "Date of birth", []string{e.BirthDate}, false},
		{"identifier", "Identifiant unique du certificat", "Unique certificate identifier", []string{e.Identifier}, true},
	}); err != nil {
		return err
	}
	w := pt(euEnd - euLabel)
	y := p.say("P", french, euLabel, euAdvice+4, 3.5, p.regular, labelSize, ink, wrap(p.regular, labelSize, w, "Pliez la feuille en quatre et ne montrez que cette page : elle suffit au contrôle.")...)
	p.say("P", english, euLabel, y+0.8, 3.3, p.regular, smallSize, soft, wrap(p.regular, smallSize, w, "Fold the sheet in four and show this page only: it is enough for a check.")...)
	return nil
}

// vaccination draws the panel of the facts.
func (p pen) vaccination(e *European) error {
	p.say("H2", french, euLabel, euTitle, 0, p.bold, 10.5, euBlue, "CERTIFICAT DE VACCINATION")
	p.say("P", english, euLabel, euTitle+4.4, 0, p.regular, labelSize, soft, "VACCINATION CERTIFICATE")
	return p.rows(euRows+3, euRowsEnd, []euRow{
		{"disease", "Maladie ou agent ciblé", "Disease or agent targeted", []string{e.Disease.Words, e.Disease.Code}, true},
		{"vaccine", "Vaccin/prophylaxie", "Vaccine/prophylaxis", []string{e.Vaccine.Words, e.Vaccine.Code}, true},
		{"product", "Médicament vaccinal", "Vaccine medicinal product", []string{e.Product.Words, e.Product.Code}, true},
		{"holder", "Fabricant ou titulaire de l’autorisation de mise sur le marché du vaccin", "Vaccine marketing authorisation holder or manufacturer", []string{e.Holder.Words, e.Holder.Code}, true},
		{"dose", "Nombre dans une série de vaccins/doses", "Number in a series of vaccinations/doses and the overall number of doses in the series", []string{strconv.Itoa(e.Dose) + "/" + strconv.Itoa(e.Doses)}, false},
		{"date", "Date de la vaccination", "Date of vaccination", []string{e.Date}, false},
		{"country", "État membre de vaccination", "Member State of vaccination", []string{e.Country}, false},
		{"issuer", "Émetteur du certificat", "Certificate issuer", []string{e.Issuer}, false},
	})
}

// euLegal draws the legal text and the frame of the link, and gives the next baseline.
func (p pen) euLegal() float64 {
	c := p.canvas
	c.Artifact()
	c.Pen(soft, 0.8)
	p.corners(box(euLeft, euBoxTop, euRight-euLeft, 49), pt(1.5), pt(5))
	c.Stroke()
	c.End()
	const fr, en = 7.0, 6.6
	y := 154.0
	w := pt(euRight - euLeft)
	for _, t := range euLegalText() {
		y = p.say("P", french, euLeft, y, 2.85, p.regular, fr, ink, wrap(p.regular, fr, w, t.fr)...) + 0.1
		y = p.say("P", english, euLeft, y, 2.7, p.regular, en, soft, wrap(p.regular, en, w, t.en)...) + 0.9
	}
	return y + 0.4
}

// foot prints the address of the notice and the code that fills a wallet.
func (p pen) foot(e *European, m pdf.Matrix) error {
	c := p.canvas
	el := p.root.Add(&pdf.Element{Type: "P"})
	p.label(el, pt(euLeft), p.noticeAt, noticeLabelFR, noticeLabelEN, ": ")
	y, size := p.noticeAt+3.3, 7.5
	if w := p.regular.Width(e.NoticeURL, size); w > pt(euRight-euLeft) {
		size *= pt(euRight-euLeft) / w
	}
	if size < smallestSize {
		return invalid("sheet.long", "noticeURL", nil)
	}
	notice := &pdf.Link{URI: e.NoticeURL, Contents: noticeURLContents}
	notice.Area = pdf.Rect{X0: pt(euLeft), Y0: top(y + 1), X1: pt(euLeft) + p.regular.Width(e.NoticeURL, size), Y1: top(y - 3)}
	c.Begin(el.Add(&pdf.Element{Type: "Link", Link: notice}))
	c.Color(leaf)
	c.Text(pt(euLeft), top(y), p.regular, size, e.NoticeURL)
	c.End()
	link := &pdf.Link{URI: e.Link, Contents: euLinkContents, Area: box(euLinkX, euLinkY, euLinkSide, euLinkSide)}
	a := p.root.Add(&pdf.Element{Type: "Link", Link: link, Alt: euLinkAlt})
	c.Begin(a.Add(&pdf.Element{Type: "Figure", Alt: euLinkAlt, BBox: link.Area}))
	c.Color(black)
	c.Modules(m, link.Area.X0, link.Area.Y0, link.Area.X1-link.Area.X0)
	c.End()
	const x, width = 65.0, 31.0
	y = p.say("P", french, x, 252, 4.1, p.bold, 9, ink, wrap(p.bold, 9, pt(width), "Flashez pour ajouter dans TousAntiCovid (TAC)")...)
	p.say("P", english, x, y+1, 3.4, p.regular, smallSize, soft, wrap(p.regular, smallSize, pt(width), "Scan to add to TousAntiCovid (TAC)")...)
	return nil
}

// card draws everything that a card says.
func (p pen) card(e *European, code pdf.Matrix) error {
	const side, x, width = 45.6, 53.6, 29.5
	y := func(v float64) float64 { return pt(cardHeight - v) }
	c := p.canvas
	c.Artifact()
	c.Pen(line, 0.5)
	c.RoundRect(pdf.Rect{X0: pt(0.4), Y0: pt(0.4), X1: pt(cardWidth - 0.4), Y1: pt(cardHeight - 0.4)}, pt(3))
	c.Stroke()
	c.End()
	area := pdf.Rect{X0: pt(4.2), Y0: y(4.2 + side), X1: pt(4.2 + side), Y1: y(4.2)}
	c.Begin(p.root.Add(&pdf.Element{Type: "Figure", Alt: euCodeAlt, BBox: area}))
	c.Color(black)
	c.Modules(code, area.X0, area.Y0, area.X1-area.X0)
	c.End()
	type item struct {
		kind, lang, words string
		bold              bool
		color             pdf.Color
		less, after       float64
		field             string
	}
	items := []item{
		{"H1", french, "Certificat COVID numérique UE", true, euBlue, 0, 0, ""},
		{"P", english, "EU Digital COVID Certificate", false, soft, 1, 1.6, ""},
		{"P", french, e.FamilyName, true, ink, 0, 0, "familyName"},
		{"P", french, e.GivenNames, true, ink, 0, 0.8, "givenNames"},
		{"P", french, e.BirthDate, false, ink, 0.5, 1.6, "birthDate"},
		{"P", french, "Dose et date / Dose and date", false, soft, 1, 0, ""},
		{"P", french, strconv.Itoa(e.Dose) + "/" + strconv.Itoa(e.Doses) + " – " + e.Date, true, ink, 0, 0.8, ""},
		{"P", french, e.Product.Words, false, ink, 0.5, 1.6, "product"},
		{"P", french, e.Issuer + ", " + e.State, false, soft, 1, 0, "issuer"},
	}
	if e.Sandbox {
		items = append(items, item{"P", french, sandboxFR, true, soft, 1.2, 0, ""})
	}
	for _, size := range []float64{7.5, 7, 6.5, 6, 5.5, 5} {
		at := 7.0
		var all [][]string
		for _, i := range items {
			l := wrap(p.face(i.bold), size-i.less, pt(width), i.words)
			all = append(all, l)
			at += float64(len(l))*lead(size-i.less) + i.after
		}
		if at > cardHeight-1 {
			continue
		}
		at = 7
		for n, i := range items {
			c.Begin(p.root.Add(&pdf.Element{Type: i.kind, Lang: i.lang}))
			c.Color(i.color)
			for _, l := range all[n] {
				c.Text(pt(x), y(at), p.face(i.bold), size-i.less, l)
				at += lead(size - i.less)
			}
			c.End()
			at += i.after
		}
		return nil
	}
	return invalid("sheet.long", "familyName", nil)
}

func (p pen) face(bold bool) *pdf.Face {
	if bold {
		return p.bold
	}
	return p.regular
}

// The words of the European certificate that are longer than a line.
const (
	euDocTitle     = "Certificat COVID numérique UE / EU Digital COVID Certificate"
	euCodeAlt      = "Code QR du certificat européen (HC1) : les informations de ce document, signées. Un vérificateur le lit et en contrôle la signature."
	euLinkAlt      = "Code QR : lien qui ajoute ce certificat à l’application TousAntiCovid (TAC)."
	euLinkContents = "Ajouter le certificat dans TAC / Add the certificate to TAC"
)

func euLegalText() []paragraph {
	return []paragraph{{
		"Ce certificat n’est pas un document de voyage. Ce que l’on sait de la Covid-19 et de ses vaccins change : avant de partir, " +
			"lisez les règles de votre destination sur https://reopen.europa.eu.",
		"This certificate is not a travel document. What is known of Covid-19 and of its vaccines changes: before you leave, read the rules of your destination at https://reopen.europa.eu.",
	}, {
		strings.TrimSuffix(covidForm.legal[0].fr, ".") + " et du règlement (UE) 2021/953.",
		strings.TrimSuffix(covidForm.legal[0].en, ".") + " and Regulation (EU) 2021/953.",
	}, covidForm.legal[1], covidForm.legal[2]}
}
