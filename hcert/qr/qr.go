// Package qr draws the QR code of a health certificate (ISO/IEC 18004, model 2; Carnet
// specification dcc.md, section 7): text of the alphanumeric alphabet in one segment, error
// correction level Q, and M when Q would need more than version 25.
//
//	code, err := qr.Encode("HC1:6BF...")
//	png.Encode(w, code.Image(4))
//
// The mask is the one of eight with the lowest penalty of section 7.8.3 of the standard, counted
// inside the symbol; symbols with finder-like or even areas read badly. A caller that draws by
// itself keeps four light modules around the symbol.
//
// # Not done
//
// Other modes than alphanumeric, several segments, structured append, Kanji, Micro QR, reading.
package qr

import (
	"errors"
	"image"
	"image/color"
	"strings"
)

// Level is how much of the symbol may be damaged.
type Level uint8

const (
	M Level = iota // 15 %
	Q              // 25 %
)

func (l Level) String() string {
	if l == Q {
		return "Q"
	}
	return "M"
}

// QuietZone is how many light modules stand around a symbol.
const QuietZone = 4

// lastQ is the version up to which level Q is kept: larger symbols have smaller modules on paper.
const lastQ = 25

// MaxText is how many characters the largest symbol holds at level M.
const MaxText = 3391

var (
	// ErrCharacter reports a text with a character outside 0-9, A-Z, space and $%*+-./:
	ErrCharacter = errors.New("qr: a character is not in the alphanumeric alphabet")
	// ErrTooLong reports a text that fits no symbol.
	ErrTooLong = errors.New("qr: the text is too long")
)

// Code is a symbol.
type Code struct {
	Version int // 1 to 40
	Level   Level
	Mask    int // 0 to 7
	size    int
	rows    []line
}

// Size is the number of modules along a side, without the quiet zone: 17 + 4 times the version.
func (c *Code) Size() int { return c.size }

// Dark reports a dark module; outside the symbol all are light.
func (c *Code) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.size && y < c.size && c.rows[y].get(x)
}

// Image draws the symbol with its quiet zone, scale pixels per module.
func (c *Code) Image(scale int) *image.Paletted {
	scale = max(scale, 1)
	side := (c.size + 2*QuietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range c.size {
		first := img.Pix[(y+QuietZone)*scale*img.Stride:][:img.Stride]
		for x := range c.size {
			if c.rows[y].get(x) {
				for i := range scale {
					first[(x+QuietZone)*scale+i] = 1
				}
			}
		}
		for i := 1; i < scale; i++ {
			copy(img.Pix[((y+QuietZone)*scale+i)*img.Stride:][:img.Stride], first)
		}
	}
	return img
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// values gives the value of each character, or 255.
var values = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// Encode draws a text.
func Encode(text string) (*Code, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r > 127 || values[r] == 255 }) {
		return nil, ErrCharacter
	}
	version, level := choose(len(text))
	if version == 0 {
		return nil, ErrTooLong
	}
	b := blocks[level][version]
	return draw(version, level, interleave(data(text, version, b), b)), nil
}

// choose gives the smallest version, at level Q as far as it goes.
func choose(n int) (int, Level) {
	for v := 1; v <= lastQ; v++ {
		if n <= capacity(v, Q) {
			return v, Q
		}
	}
	for v := 1; v <= 40; v++ {
		if n <= capacity(v, M) {
			return v, M
		}
	}
	return 0, M
}

// capacity is how many alphanumeric characters a symbol holds.
func capacity(version int, l Level) int {
	bits := 8*blocks[l][version].data() - 4 - countBits(version)
	n := bits / 11 * 2
	if bits%11 >= 6 {
		n++
	}
	return n
}

func countBits(version int) int {
	switch {
	case version <= 9:
		return 9
	case version <= 26:
		return 11
	}
	return 13
}

// data packs the text: mode, count, characters in pairs, terminator, padding.
func data(text string, version int, b block) []byte {
	out := make([]byte, 0, b.data())
	var bits uint64
	n := uint(0)
	put := func(v, width int) {
		bits = bits<<width | uint64(v)
		for n += uint(width); n >= 8; n -= 8 {
			out = append(out, byte(bits>>(n-8)))
		}
	}
	put(2, 4)
	put(len(text), countBits(version))
	for ; len(text) >= 2; text = text[2:] {
		put(45*int(values[text[0]])+int(values[text[1]]), 11)
	}
	if text != "" {
		put(int(values[text[0]]), 6)
	}
	if room := 8*(b.data()-len(out)) - int(n); room > 0 {
		put(0, min(4, room))
	}
	if n > 0 {
		put(0, 8-int(n))
	}
	for pad := byte(0xec); len(out) < b.data(); pad ^= 0xec ^ 0x11 {
		out = append(out, pad)
	}
	return out
}
