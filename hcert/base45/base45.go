// Package base45 writes and reads base45 (RFC 9285), the text form of bytes in QR codes: forty-five
// characters that the alphanumeric mode packs into five and a half bits each.
//
// Two bytes a, b become three characters: 256 a + b = c + 45 d + 2025 e, c first. A last single
// byte becomes two. [Decode] refuses whatever [Encode] cannot have written, so that a sequence of
// bytes has one text only: a triplet above 65535 and a pair above 255, which many decoders let
// pass, are errors. The space is a character of the alphabet: text must not be trimmed.
package base45

import (
	"fmt"
	"slices"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// digits gives the value of each character, or none.
var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = none
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

const none = 0xff

// Fault is the rule that a text breaks.
type Fault string

const (
	Character Fault = "char"     // not one of the forty-five characters
	Length    Fault = "length"   // one character too many or too few
	Overflow  Fault = "overflow" // a group that stands for more than its bytes can hold
)

// Error says where a text is not base45.
type Error struct {
	Fault Fault
	Pos   int // offset in bytes of the character, or of the group
}

func (e *Error) Error() string { return fmt.Sprintf("base45: %s at offset %d", e.Fault, e.Pos) }

// EncodedLen is the length of the text for n bytes.
func EncodedLen(n int) int { return n/2*3 + n%2*2 }

// pairs gives the two characters of each number below 2025, the low one first.
var pairs = func() (t [45 * 45][2]byte) {
	for i := range t {
		t[i] = [2]byte{alphabet[i%45], alphabet[i/45]}
	}
	return t
}()

// Encode gives the text for bytes.
func Encode(src []byte) string {
	return string(AppendText(make([]byte, 0, EncodedLen(len(src))), src))
}

// AppendText is [Encode] into a slice of the caller's, which it extends.
func AppendText(dst, src []byte) []byte {
	at, n := len(dst), EncodedLen(len(src))
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	for ; len(src) >= 2 && len(out) >= 3; src, out = src[2:], out[3:] {
		n := uint(src[0])<<8 | uint(src[1])
		high := n / 2025
		low := &pairs[n-2025*high]
		out[0], out[1], out[2] = low[0], low[1], alphabet[high]
	}
	if len(src) == 1 {
		copy(out, pairs[src[0]][:])
	}
	return dst
}

// Decode gives the bytes of a text; it allocates two thirds of the text's length, so the caller
// bounds the text. The error is an [*Error].
func Decode(s string) ([]byte, error) {
	dst, err := Append(make([]byte, 0, len(s)/3*2+1), s)
	if err != nil {
		return nil, err
	}
	return dst, nil
}

// Append is [Decode] into a slice of the caller's, which it extends. With an error it gives the
// slice as it was.
func Append(dst []byte, s string) ([]byte, error) {
	before := dst
	if len(s)%3 == 1 {
		return before, &Error{Length, len(s) - 1}
	}
	dst = slices.Grow(dst, len(s)/3*2+1)
	i := 0
	for ; i+3 <= len(s); i += 3 {
		c, d, e := digits[s[i]], digits[s[i+1]], digits[s[i+2]]
		if c == none || d == none || e == none {
			return before, badCharacter(s, i)
		}
		n := uint(c) + 45*uint(d) + 2025*uint(e)
		if n > 0xffff {
			return before, &Error{Overflow, i}
		}
		dst = append(dst, byte(n>>8), byte(n))
	}
	if i < len(s) {
		c, d := digits[s[i]], digits[s[i+1]]
		if c == none || d == none {
			return before, badCharacter(s, i)
		}
		n := uint(c) + 45*uint(d)
		if n > 0xff {
			return before, &Error{Overflow, i}
		}
		dst = append(dst, byte(n))
	}
	return dst, nil
}

// badCharacter finds the first wrong character of a group.
func badCharacter(s string, i int) error {
	for digits[s[i]] != none {
		i++
	}
	return &Error{Character, i}
}
