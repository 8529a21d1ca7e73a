package pdf

import (
	"math"
	"strconv"
	"time"
	"unicode/utf16"
)

// appendInt writes a number. Small ones, which codes are made of, take a short way.
func appendInt(buf []byte, n int) []byte {
	switch {
	case n >= 0 && n < 10:
		return append(buf, byte('0'+n))
	case n >= 10 && n < 100:
		return append(buf, byte('0'+n/10), byte('0'+n%10))
	}
	return strconv.AppendInt(buf, int64(n), 10)
}

// appendReal writes a length with at most three decimals (a third of a micrometre).
func appendReal(buf []byte, v float64) []byte {
	n := int(math.Round(v * 1000))
	if n < 0 {
		buf, n = append(buf, '-'), -n
	}
	buf = appendInt(buf, n/1000)
	if n %= 1000; n != 0 {
		buf = append(buf, '.', byte('0'+n/100))
		if n %= 100; n != 0 {
			buf = append(buf, byte('0'+n/10))
			if n %= 10; n != 0 {
				buf = append(buf, byte('0'+n))
			}
		}
	}
	return buf
}

// appendStringByte writes one byte inside a literal string.
func appendStringByte(buf []byte, c byte) []byte {
	switch c {
	case '(', ')', '\\':
		return append(buf, '\\', c)
	case '\r': // a bare CR would be read as LF
		return append(buf, '\\', 'r')
	}
	return append(buf, c)
}

// appendBytes writes a literal string of bytes.
func appendBytes(buf []byte, s string) []byte {
	buf = append(buf, '(')
	for i := range len(s) {
		buf = appendStringByte(buf, s[i])
	}
	return append(buf, ')')
}

// appendText writes a text string: ASCII as it is, anything else as UTF-16 with a mark.
func appendText(buf []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] >= ' ' && s[i] < 0x7F
	}
	if ascii {
		return appendBytes(buf, s)
	}
	buf = append(buf, '(', 0xFE, 0xFF)
	for _, u := range utf16.Encode([]rune(s)) {
		buf = appendStringByte(buf, byte(u>>8))
		buf = appendStringByte(buf, byte(u))
	}
	return append(buf, ')')
}

// appendHex writes a hexadecimal string.
func appendHex(buf, data []byte) []byte {
	const digits = "0123456789ABCDEF"
	buf = append(buf, '<')
	for _, c := range data {
		buf = append(buf, digits[c>>4], digits[c&15])
	}
	return append(buf, '>')
}

// appendDate writes a date string in UTC, with the offset written out as strict readers want it.
// XMP writes the same instant by xmpDate.
func appendDate(buf []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(buf, "(D:20060102150405+00'00')")
}

const xmpDate = "2006-01-02T15:04:05Z"

// Rect is a rectangle: left, bottom, right, top.
type Rect struct{ X0, Y0, X1, Y1 float64 }

func (r Rect) append(buf []byte) []byte {
	buf = append(buf, '[')
	for i, v := range [4]float64{r.X0, r.Y0, r.X1, r.Y1} {
		if i > 0 {
			buf = append(buf, ' ')
		}
		buf = appendReal(buf, v)
	}
	return append(buf, ']')
}
