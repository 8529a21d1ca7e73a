package twoddoc

import (
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Vaccination is what an attestation of vaccination (type L1) says. Names are given as civil
// status writes them, accents included; they are folded to the characters of the format and
// cut, with the mark of a cut, at 79 characters.
type Vaccination struct {
	FamilyName   string   // L0
	GivenNames   []string // L1; the first six
	Birth        string   // L2, JJMMAAAA; not always a calendar date (lunar months up to 50, 00 for unknown)
	Disease      string   // L3, "COVID-19"
	Agent        string   // L4, ATC code, "J07BX03"
	Vaccine      string   // L5, "COMIRNATY PFIZER/BIONTECH"
	Manufacturer string   // L6; the historic issuer wrote L5 again
	Rank         int      // L7, 1 to 9
	Expected     int      // L8, 1 to 9
	LastDate     string   // L9, JJMMAAAA
	Complete     bool     // LA: TE, else CO
}

// String hides the person.
func (v Vaccination) String() string { return "Vaccination(hidden)" }

// GoString hides the person.
func (v Vaccination) GoString() string { return v.String() }

// LogValue hides the person.
func (v Vaccination) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText hides the person.
func (v Vaccination) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Prepare writes the message of type L1, in the one order that the wallets read and with no
// variable field at its maximum, where the format would have no separator and the wallets
// demand one. The header needs Authority, Certificate, Emitted, Signed and Country; Version is
// 04 and Type L1 whatever it says.
//
// A rank or a number of doses above 9 has no coding and is refused with [IssueRank]: a tenth
// dose cannot be certified by this type.
func (v Vaccination) Prepare(h Header) (*Draft, error) {
	h.Version, h.Type, h.Perimeter = 4, "L1", "01"
	if err := h.wellFormed(); err != nil {
		return nil, err
	}
	given := v.GivenNames
	cut := len(given) > 6
	if cut {
		given = given[:6]
	}
	w := l1Writer{b: h.Append(make([]byte, 0, 320))}
	const names, product = "./-", "0123456789./-"
	w.text("L0", fold(v.FamilyName, names), 1, 79, false)
	w.text("L1", joinNames(given), 1, 79, cut)
	w.fixed("L2", v.Birth, len(v.Birth) == 8 && only(v.Birth, isDigit), IssueValue)
	w.text("L3", fold(v.Disease, product), 1, 29, false)
	w.text("L4", fold(v.Agent, product), 5, 14, false)
	w.text("L5", fold(v.Vaccine, product), 5, 29, false)
	w.text("L6", fold(v.Manufacturer, product), 5, 29, false)
	w.fixed("L7", digit(v.Rank), v.Rank >= 1 && v.Rank <= 9, IssueRank)
	w.fixed("L8", digit(v.Expected), v.Expected >= 1 && v.Expected <= 9, IssueRank)
	w.fixed("L9", v.LastDate, len(v.LastDate) == 8 && only(v.LastDate, isDigit) && isDate(v.LastDate), IssueValue)
	state := "CO"
	if v.Complete {
		state = "TE"
	}
	w.fixed("LA", state, true, "")
	if w.err != nil {
		return nil, w.err
	}
	return newDraft(w.b, w.fields[:])
}

// l1Writer writes the eleven fields and keeps the first error.
type l1Writer struct {
	b      []byte
	fields [11]Field
	n      int
	err    *Error
}

func (w *l1Writer) put(f Field) {
	w.b = f.Append(w.b)
	w.fields[w.n] = f
	w.n++
}

func (w *l1Writer) fail(code Code, id string) {
	if w.err == nil {
		w.err = &Error{Code: code, Field: id, Offset: len(w.b)}
	}
}

// text cuts a value that is too long, or says that it was cut before.
func (w *l1Writer) text(id, s string, least, most int, cut bool) {
	f := Field{ID: id, Value: s, End: GS}
	if len(s) < least {
		w.fail(IssueValue, id)
	}
	if len(s) > most {
		f.Value, cut = s[:most], true
	}
	if cut {
		f.End = RS
	}
	w.put(f)
}

func (w *l1Writer) fixed(id, s string, ok bool, code Code) {
	if !ok {
		w.fail(code, id)
	}
	w.put(Field{ID: id, Value: s})
}

// joinNames separates given names by a slash, which therefore cannot stand inside one.
func joinNames(given []string) string {
	var b strings.Builder
	for _, g := range given {
		g = fold(g, ".-")
		if g == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(g)
	}
	return b.String()
}

func digit(n int) string {
	if n < 0 || n > 9 {
		return ""
	}
	return string(rune('0' + n))
}

// fold writes s with A-Z, the space and the characters of more: upper case, marks dropped (NFKD),
// oe and ae split, every other character a space. Spaces are not doubled, and none is left
// at either end.
func fold(s, more string) string {
	b := make([]byte, 0, len(s)+4)
	space := false
	put := func(c byte) {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if !(c >= 'A' && c <= 'Z') && strings.IndexByte(more, c) < 0 {
			space = true
			return
		}
		if space && len(b) > 0 {
			b = append(b, ' ')
		}
		space = false
		b = append(b, c)
	}
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			put(byte(r))
		case r >= 0x300 && r <= 0x36F: // combining marks
		default:
			plain, ok := folds()[r]
			if !ok {
				plain = " "
			}
			for i := range len(plain) {
				put(plain[i])
			}
		}
	}
	return string(b)
}
