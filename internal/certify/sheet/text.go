package sheet

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"carnet/internal/certify/pdf"
)

// maxText bounds a text before anything is measured, in bytes.
const maxText = 600

// text is a field that is printed.
type text struct {
	field string
	value *string
}

func (a *Attestation) texts() []text {
	list := []text{
		{"familyName", &a.FamilyName}, {"givenNames", &a.GivenNames}, {"birthDate", &a.BirthDate},
		{"vaccine", &a.Vaccine}, {"lastDate", &a.LastDate}, {"issuer", &a.Issuer}, {"noticeURL", &a.NoticeURL},
	}
	if a.Disease != "" {
		list = append(list, text{"disease", &a.Disease})
	}
	return list
}

// check refuses what cannot be printed and composes accents (NFC), as the font has them.
func (a *Attestation) check() error {
	if err := checkTexts(a.texts()); err != nil {
		return err
	}
	least, most := 1, 9 // a digit of the codes
	if a.Disease != "" && len(a.Payload) == 0 {
		least, most = 0, 99
	}
	switch {
	case a.Rank < least || a.Rank > most:
		return invalid("sheet.rank", "rank", nil)
	case a.Expected < least || a.Expected > most:
		return invalid("sheet.rank", "expected", nil)
	case a.Disease == "" && len(a.Payload) == 0:
		return invalid("sheet.empty", "payload", nil)
	case a.Disease == "" && a.Link == "":
		return invalid("sheet.empty", "link", nil)
	case !graphic(a.Link):
		return invalid("sheet.link", "link", nil)
	case !graphic(a.NoticeURL):
		return invalid("sheet.link", "noticeURL", nil)
	}
	return nil
}

func checkTexts(texts []text) error {
	for _, t := range texts {
		switch s := *t.value; {
		case len(s) > maxText:
			return invalid("sheet.long", t.field, nil)
		case strings.TrimSpace(s) == "":
			return invalid("sheet.empty", t.field, nil)
		case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
			return invalid("sheet.text", t.field, nil)
		default:
			*t.value = norm.NFC.String(strings.TrimSpace(s))
		}
	}
	return nil
}

// graphic reports visible ASCII only, as a URI is.
func graphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// usualRunes is what nearly every name and all our wording need: Latin-1, Latin Extended-A,
// Romanian letters and punctuation, as far as both fonts have them.
func usualRunes(regular, bold *pdf.Font) []rune {
	var runes []rune
	add := func(from, to rune) {
		for r := from; r <= to; r++ {
			if regular.Has(r) && bold.Has(r) {
				runes = append(runes, r)
			}
		}
	}
	add(0x20, 0x7E)
	add(0xA0, 0xAC)
	add(0xAE, 0x17F) // without the soft hyphen, which must not be seen
	add(0x218, 0x21B)
	for _, r := range "\u2010\u2011–—‘’“”•…‹›€™" {
		add(r, r)
	}
	return runes
}

// leftToRight reports scripts that can be set one glyph after the other from left to right. What
// needs shaping would be printed wrongly, which is worse than a refusal.
func leftToRight(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Common) && unicode.IsPrint(r)
}

// wrap cuts a text into lines no wider than width, in points: after a space, after a hyphen or
// slash before a letter, and inside a word only when the word alone is too wide. A line that was
// cut at a space keeps it at its end, so that words stay apart when the text is read out.
func wrap(face *pdf.Face, size, width float64, s string) []string {
	var lines []string
	for face.Width(strings.TrimRight(s, " "), size) > width {
		fit, cut := 0, 0 // bytes that fit; the last good place to cut at or before it
		for i, r := range s {
			end := i + utf8.RuneLen(r)
			if r != ' ' && face.Width(s[:end], size) > width {
				break
			}
			fit = end
			if next, _ := utf8.DecodeRuneInString(s[end:]); r == ' ' && next != ' ' || (r == '-' || r == '/') && unicode.IsLetter(next) {
				cut = end
			}
		}
		switch {
		case cut > 0:
		case fit > 0:
			cut = fit
		default: // narrower than one letter: never on our page, but do not loop
			_, cut = utf8.DecodeRuneInString(s)
		}
		if cut == len(s) {
			break
		}
		lines = append(lines, s[:cut])
		s = s[cut:]
	}
	return append(lines, s)
}
