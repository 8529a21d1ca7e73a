// Package latin answers quickly, for texts in Latin letters, what the tables of Unicode answer for
// all texts: whether a text is in form NFC, and whether it can be printed.
//
// The fields of a certificate are short and nearly always ASCII. They are looked at eight bytes at
// a time; only a text with characters from U+0300 goes through the tables. Below it no character
// changes in form NFC and none combines with another (Unicode Standard Annex 15, NFC_Quick_Check).
package latin

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// word is eight bytes of a text.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// IsASCII reports a text without any other character.
func IsASCII(s string) bool {
	for len(s) >= 8 {
		if word(s)&high != 0 {
			return false
		}
		if len(s) == 8 {
			return true
		}
		s = s[min(8, len(s)-8):] // the last words may overlap
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// marks is the first byte of U+0300 in UTF-8. Every byte of characters below is less.
const marks = 0xcc

// IsNFC reports a text in Unicode form NFC.
func IsNFC(s string) bool {
	if IsASCII(s) {
		return true
	}
	for i := range len(s) {
		if s[i] >= marks {
			return norm.NFC.IsNormalString(s)
		}
	}
	return true
}

// NFC brings a text to Unicode form NFC.
func NFC(s string) string {
	if IsNFC(s) {
		return s
	}
	return norm.NFC.String(s)
}

// IsPrintable reports a text without control characters and invalid UTF-8.
func IsPrintable(s string) bool {
	if len(s) < 8 {
		return printable(s)
	}
	for t := s; ; t = t[min(8, len(t)-8):] { // the last words may overlap
		w := word(t)
		del := w ^ 0x7f*ones
		// A byte is below a space, is 0x7f, or is not ASCII: then the high bit of one byte is set.
		if ((w-' '*ones)&^w|(del-ones)&^del|w)&high != 0 {
			return printable(s)
		}
		if len(t) == 8 {
			return true
		}
	}
}

func printable(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return false
		case c < utf8.RuneSelf:
		case c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0: // U+0080 to U+009F, the other control characters
			return false
		default:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}
