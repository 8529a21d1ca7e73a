// Package latin answers quickly, for texts in Latin letters, what the tables of Unicode answer for
// all texts: whether a text is in form NFC, and whether it can be printed.
//
// The fields of a certificate are short and nearly always ASCII. They are looked at eight bytes at
// a time; only a text with characters from U+0300 goes through the tables. Below it no character
// changes in form NFC and none combines with another (Unicode Standard Annex 15, NFC_Quick_Check).
package latin

import (
	"strings"
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

// marks is the first byte of U+0300 in UTF-8. Every byte of characters below is less.
const marks = 0xcc

// IsNFC reports a text in Unicode form NFC.
func IsNFC(s string) bool { return belowMarks(s) || norm.NFC.IsNormalString(s) }

func belowMarks(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if s[i] >= marks {
				return false
			}
		}
		return true
	}
	for ; ; s = s[min(8, len(s)-8):] { // the last words may overlap
		// The sum has the high bit of a byte from 0x4c; with that of the byte itself: from marks.
		if w := word(s); (w&^high+(0x100-marks)*ones)&w&high != 0 {
			return false
		}
		if len(s) == 8 {
			return true
		}
	}
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
	var all uint64 // the high bit of a byte tells whether there is anything but ASCII
	if len(s) < 8 {
		for i := range len(s) {
			if s[i] < ' ' || s[i] == 0x7f {
				return false
			}
			all |= uint64(s[i])
		}
	} else {
		for t := s; ; t = t[min(8, len(t)-8):] { // the last words may overlap
			w := word(t)
			del := w ^ 0x7f*ones
			// A byte is below a space or is 0x7f: then the high bit of one byte is set.
			if ((w-' '*ones)&^w|(del-ones)&^del&^w)&high != 0 {
				return false
			}
			all |= w
			if len(t) == 8 {
				break
			}
		}
	}
	return all&high == 0 || utf8.ValidString(s) && !hasControl(s)
}

// hasControl finds U+0080 to U+009F, the control characters that are not ASCII.
func hasControl(s string) bool {
	for {
		i := strings.IndexByte(s, 0xc2)
		if i < 0 {
			return false
		}
		if s = s[i+1:]; s[0] < 0xa0 {
			return true
		}
	}
}
