package twoddoc

import (
	"log/slog"
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
	d := &Draft{}
	w := l1Writer{b: h.Append(d.bytes[:0]), dict: dictionary()}
	w.text("L0", 1, 79, v.FamilyName)
	w.text("L1", 1, 79, v.GivenNames...)
	w.fixed("L2", v.Birth, len(v.Birth) == 8 && only(v.Birth, isDigit), IssueValue)
	if w.err == nil && !isBirthText(v.Birth) {
		w.fail(FieldFormat, "L2", len(w.b)-len(v.Birth))
	}
	w.text("L3", 1, 29, v.Disease)
	w.text("L4", 5, 14, v.Agent)
	w.text("L5", 5, 29, v.Vaccine)
	w.text("L6", 5, 29, v.Manufacturer)
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
	if w.cut || h.Certificate == "TEST" {
		return d.readBack(w.b, w.at[:w.n])
	}
	// Each value consists of the characters of its field, in the length that it may have, and ends where
	// it is said to end: the strict reader would find nothing, and is not asked.
	d.doc.Header, d.doc.signed, d.doc.Switch = h, w.b, len(w.b)
	return d, nil
}

// l1Writer writes the eleven fields and keeps the first error.
type l1Writer struct {
	b    []byte
	dict *tables
	at   [11]span
	n    int
	cut  bool // a value was shortened
	err  *Error
}

// value notes that b[from:] is the value of the field that was begun two characters before.
func (w *l1Writer) value(from int) {
	w.at[w.n] = span{from, len(w.b)}
	w.n++
}

func (w *l1Writer) fail(code Code, id string, from int) {
	if w.err == nil {
		w.err = &Error{Code: code, Field: id, Offset: from}
	}
}

// text folds a value to the characters of its field. Several values, the given names, are separated
// by a slash, which therefore cannot stand inside one; six of them at most. What is too long is cut
// and marked.
func (w *l1Writer) text(id string, least, most int, values ...string) {
	w.b = append(w.b, id...)
	from := len(w.b)
	allowed := *w.dict.find(id).set
	if id == "L1" {
		allowed.remove('/')
	}
	names, end := 0, GS
	for _, s := range values {
		start := len(w.b)
		if names > 0 {
			w.b = append(w.b, '/')
		}
		first := len(w.b)
		if w.b = fold(w.b, s, &allowed); len(w.b) == first {
			w.b = w.b[:start]
			continue
		}
		if names++; names > 6 {
			w.b, end, w.cut = w.b[:start], RS, true
			break
		}
	}
	if len(w.b)-from < least {
		w.fail(IssueValue, id, from)
	}
	if len(w.b)-from > most {
		w.b, end, w.cut = w.b[:from+most], RS, true
	}
	w.value(from)
	w.b = append(w.b, byte(end))
}

func (w *l1Writer) fixed(id, s string, ok bool, code Code) {
	w.b = append(w.b, id...)
	from := len(w.b)
	if !ok {
		w.fail(code, id, from)
	}
	w.b = append(w.b, s...)
	w.value(from)
}

func digit(n int) string {
	const digits = "0123456789"
	if n < 0 || n > 9 {
		return ""
	}
	return digits[n : n+1]
}

// fold appends s with the characters allowed: upper case, marks dropped (NFKD), oe and ae split, every
// other character a space. Spaces are not doubled, and none is left at either end.
func fold(b []byte, s string, allowed *set) []byte {
	start, space := len(b), false
	for i := 0; i < len(s); {
		c, plain := s[i], ""
		if c < utf8.RuneSelf {
			i++
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			if c == ' ' || !allowed.has(c) {
				space = true
				continue
			}
			if !space {
				b = append(b, c)
				continue
			}
		} else {
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n
			if r >= 0x300 && r <= 0x36F { // combining marks
				continue
			}
			if plain = folds()[r]; plain == "" || !allowed.has(plain[0]) {
				space = true
				continue
			}
			c, plain = plain[0], plain[1:]
		}
		if space && len(b) > start {
			b = append(b, ' ')
		}
		space = false
		b = append(b, c)
		b = append(b, plain...)
	}
	return b
}
