package twoddoc

import (
	"log/slog"
	"strings"
	"time"
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
	b := h.Append(make([]byte, 0, 320))
	given := v.GivenNames
	cut := len(given) > 6
	if cut {
		given = given[:6]
	}
	var err *Error
	text := func(id, s string, least, most int, cut bool) {
		if err != nil {
			return
		}
		if len(s) < least {
			err = &Error{Code: IssueValue, Field: id, Offset: len(b)}
			return
		}
		f := Field{ID: id, Value: s, End: GS}
		if len(s) > most || cut {
			f.Value, f.End = s[:min(len(s), most)], RS
		}
		b = f.Append(b)
	}
	fixed := func(id, s string, ok bool, code Code) {
		if err == nil && !ok {
			err = &Error{Code: code, Field: id, Offset: len(b)}
		}
		b = Field{ID: id, Value: s}.Append(b)
	}
	const names, product = "./-", "0123456789./-"
	text("L0", fold(v.FamilyName, names), 1, 79, false)
	text("L1", joinNames(given), 1, 79, cut)
	fixed("L2", v.Birth, len(v.Birth) == 8 && only(v.Birth, isDigit), IssueValue)
	text("L3", fold(v.Disease, product), 1, 29, false)
	text("L4", fold(v.Agent, product), 5, 14, false)
	text("L5", fold(v.Vaccine, product), 5, 29, false)
	text("L6", fold(v.Manufacturer, product), 5, 29, false)
	fixed("L7", digit(v.Rank), v.Rank >= 1 && v.Rank <= 9, IssueRank)
	fixed("L8", digit(v.Expected), v.Expected >= 1 && v.Expected <= 9, IssueRank)
	_, notADate := time.Parse("02012006", v.LastDate)
	fixed("L9", v.LastDate, notADate == nil, IssueValue)
	state := "CO"
	if v.Complete {
		state = "TE"
	}
	fixed("LA", state, true, "")
	if err != nil {
		return nil, err
	}
	return newDraft(b, 11)
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
