// Package sheet draws what people hold: the page of the attestation of vaccination, A4, French and English, the
// signed 2D-Doc code on the left and on the right the QR code that fills a wallet; and the EU certificate
// with its HC1 code, as a page of four panels to fold and as a card.
//
// It follows specification twoddoc, sections 6 to 8: places of the two codes, what may stand in
// clear (identity, last vaccine, rank, last date, state, and nothing else), level and quiet zone
// of the QR code, and a file that is PDF/A-2a and PDF/UA-1 (package pdf). The wording is our own
// and the page carries no mark of a State, a fund or an application.
//
// # Guarantees
//
// The bytes are a function of the [Attestation]: no clock, no chance. Every character is either
// printed or refused with an error; none becomes an empty box. Text never overlaps: long names
// wrap, then shrink, and what fits at no size is refused. Both codes lie in the lower half of
// the page, where wallets look first, and are drawn larger rather than with modules under
// 0.55 mm, which readers still resolve at 100 dpi.
//
// # What is not done
//
// Nothing is signed or verified here: payloads and links are drawn as they are given, and the seal of the file is the caller's.
package sheet

import (
	"log/slog"
	"time"

	"github.com/go-fonts/liberation/liberationsansbold"
	"github.com/go-fonts/liberation/liberationsansregular"

	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
)

// Attestation is what the page says. It is personal data in clear: printed or logged it hides itself.
type Attestation struct {
	FamilyName string // as civil status writes it; the caller has the right to reveal it
	GivenNames string
	BirthDate  string // JJ/MM/AAAA, not always a calendar date

	// Disease is what the vaccine is against, "rougeole, oreillons, rubéole / measles, mumps, rubella"; empty for COVID-19,
	// whose page has a title of its own and the code that fills an application.
	Disease  string
	Vaccine  string // of the last dose, "Comirnaty (Pfizer/BioNTech)"
	Rank     int    // of the last dose, 1 to 9; without a code up to 99, and 0 when no rule gives it one
	Expected int    // doses expected, 1 to 9; in the codes, not in clear
	LastDate string // JJ/MM/AAAA
	Complete bool

	Payload []byte // signed 2D-Doc payload, for the DataMatrix; of another disease empty when no code can say it
	Link    string // deep link with the same payload, escaped, for the QR code; COVID-19 only

	Issuer    string // operator's name, "Carnet, bac à sable"
	NoticeURL string // of the notice on personal data, ASCII
	Sandbox   bool   // prints that this is a specimen

	IssuedAt time.Time
	FileID   [16]byte
	Seal     *pdf.Seal // nil for a page that nobody signs
}

// String hides the person.
func (a Attestation) String() string { return "Attestation(hidden)" }

// GoString hides the person.
func (a Attestation) GoString() string { return a.String() }

// LogValue hides the person.
func (a Attestation) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Renderer draws attestations. It is made once and may be used by any number of goroutines.
type Renderer struct {
	regular, bold *pdf.Font
	usual         map[*form]*edition // of the attestation
	panels, card  *edition           // of the European certificate
	qr            *qrEncoder
}

// New parses the fonts (Liberation Sans, SIL Open Font License) and renders what every page has
// in common.
func New() (*Renderer, error) {
	regular, err := pdf.ParseFont(liberationsansregular.TTF)
	if err != nil {
		return nil, carnet.E("sheet.New", carnet.Internal, "sheet.font", err)
	}
	bold, err := pdf.ParseFont(liberationsansbold.TTF)
	if err != nil {
		return nil, carnet.E("sheet.New", carnet.Internal, "sheet.font", err)
	}
	r := &Renderer{regular: regular, bold: bold, usual: map[*form]*edition{}, qr: newQREncoder()}
	for _, words := range []*form{&covidForm, &otherForm, &plainForm} {
		if r.usual[words], err = newEdition(regular, bold, usualRunes(regular, bold), words); err != nil {
			return nil, carnet.E("sheet.New", carnet.Internal, "sheet.page", err)
		}
	}
	if r.panels, err = newPanels(regular, bold, usualRunes(regular, bold)); err != nil {
		return nil, carnet.E("sheet.New", carnet.Internal, "sheet.page", err)
	}
	if r.card, err = newCard(regular, bold, usualRunes(regular, bold)); err != nil {
		return nil, carnet.E("sheet.New", carnet.Internal, "sheet.page", err)
	}
	return r, nil
}

// Render returns the file. What cannot be printed is refused with kind Invalid and the field:
// "sheet.empty", "sheet.text" (control characters, or not UTF-8), "sheet.character" (a character
// that the font lacks), "sheet.long", "sheet.rank", "sheet.link", "sheet.code" (a code too large
// for the page).
func (r *Renderer) Render(a Attestation) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	e, err := r.edition(&a)
	if err != nil {
		return nil, err
	}
	var matrix, qr pdf.Matrix
	if len(a.Payload) > 0 {
		if matrix, err = encodeMatrix(a.Payload); err != nil {
			return nil, invalid("sheet.code", "payload", err)
		}
	}
	if a.Disease == "" {
		if qr, err = r.qr.encode(a.Link); err != nil {
			return nil, invalid("sheet.code", "link", err)
		}
	}
	return e.page(&a, matrix, qr)
}

// edition returns the fonts to set an attestation in: the usual ones, or, for names with rarer
// characters (Vietnamese, Greek, Cyrillic), ones that are cut for this document.
func (r *Renderer) edition(a *Attestation) (*edition, error) {
	rare, err := r.rare(a.texts())
	if err != nil {
		return nil, err
	}
	if len(rare) == 0 {
		return r.usual[a.form()], nil
	}
	e, err := newEdition(r.regular, r.bold, append(rare, usualRunes(r.regular, r.bold)...), a.form())
	if err != nil {
		return nil, carnet.E("sheet.Render", carnet.Internal, "sheet.page", err)
	}
	return e, nil
}

// rare lists the characters of texts that the usual fonts lack.
func (r *Renderer) rare(texts []text) (rare []rune, err error) {
	for _, t := range texts {
		if r.usual[&covidForm].bold.Check(*t.value) == nil { // both faces have the same characters
			continue
		}
		for i, c := range []rune(*t.value) {
			switch {
			case r.usual[&covidForm].bold.Check(string(c)) == nil:
			case r.regular.Has(c) && r.bold.Has(c) && leftToRight(c):
				rare = append(rare, c)
			default:
				return nil, invalid("sheet.character", t.field, &pdf.MissingError{Rune: c, Index: i})
			}
		}
	}
	return rare, nil
}

func invalid(code, field string, cause error) error {
	return &carnet.Error{Op: "sheet.Render", Kind: carnet.Invalid, Code: code, Field: field, Err: cause}
}
