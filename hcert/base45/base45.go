// Package base45 writes and reads base45 (RFC 9285), the text form of bytes in QR codes: forty-five
// characters that the alphanumeric mode packs into five and a half bits each.
//
// Two bytes a, b become three characters: 256 a + b = c + 45 d + 2025 e, c first. A last single
// byte becomes two. [Decode] refuses whatever [Encode] cannot have written, so that a sequence of
// bytes has one text only: a triplet above 65535 and a pair above 255, which many decoders let
// pass, are errors. The space is a character of the alphabet: text must not be trimmed.
package base45

import (
	"encoding/binary"
	"fmt"
	"slices"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// digits gives the value of each character, or none.
var digits = func() (t [256]uint32) {
	for i := range t {
		t[i] = none
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = uint32(i)
	}
	return t
}()

// none makes the number of its group greater than what the bytes of any group hold.
const none = 1 << 16

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

// pairs gives the two characters of each number below 2025, the first one lowest.
var pairs = func() (t [45 * 45]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i%45]) | uint16(alphabet[i/45])<<8
	}
	return t
}()

// group gives the three characters of a number of two bytes, the first one lowest.
func group(n uint32) uint32 {
	high := n / 2025
	return uint32(pairs[n-2025*high]) | uint32(alphabet[high])<<16
}

// Encode gives the text for bytes.
func Encode(src []byte) string {
	return string(AppendText(make([]byte, 0, EncodedLen(len(src))), src))
}

// AppendText is [Encode] into a slice of the caller's, which it extends.
func AppendText(dst, src []byte) []byte {
	at, n := len(dst), EncodedLen(len(src))
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	for ; len(src) >= 4 && len(out) >= 8; src, out = src[4:], out[6:] {
		n := binary.BigEndian.Uint32(src)
		// Two groups at a time. What is beyond their six characters is written again.
		binary.LittleEndian.PutUint64(out, uint64(group(n>>16))|uint64(group(n&0xffff))<<24)
	}
	for ; len(src) >= 2 && len(out) >= 3; src, out = src[2:], out[3:] {
		g := group(uint32(binary.BigEndian.Uint16(src)))
		out[0], out[1], out[2] = byte(g), byte(g>>8), byte(g>>16)
	}
	if len(src) == 1 {
		binary.LittleEndian.PutUint16(out, pairs[src[0]])
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
	if len(s)%3 == 1 {
		return dst, &Error{Length, len(s) - 1}
	}
	before, at, n := dst, len(dst), len(s)/3*2+len(s)%3/2
	dst = slices.Grow(dst, n)[:at+n]
	rest, out := s, dst[at:]
	for ; len(rest) >= 3 && len(out) >= 2; rest, out = rest[3:], out[2:] {
		n := digits[rest[0]] + 45*digits[rest[1]] + 2025*digits[rest[2]]
		if n > 0xffff {
			clear(dst[at:])
			return before, wrongGroup(s, len(s)-len(rest), 3)
		}
		out[0], out[1] = byte(n>>8), byte(n)
	}
	if len(rest) == 2 {
		n := digits[rest[0]] + 45*digits[rest[1]]
		if n > 0xff {
			clear(dst[at:])
			return before, wrongGroup(s, len(s)-2, 2)
		}
		out[0] = byte(n)
	}
	return dst, nil
}

// wrongGroup tells what is wrong with the group of characters at a place.
func wrongGroup(s string, at, size int) error {
	for i := range size {
		if digits[s[at+i]] == none {
			return &Error{Character, at + i}
		}
	}
	return &Error{Overflow, at}
}
