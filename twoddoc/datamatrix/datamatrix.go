// Package datamatrix draws DataMatrix ECC 200 symbols (ISO/IEC 16022) as the 2D-Doc
// specification wants them: square, every character in the C40 encodation.
//
// [Encode] chooses the smallest side that holds the payload; a minimum side makes the codes of
// a series look alike. The result is a grid of modules; how it is put on paper is for the caller:
// modules of at least 0.4 mm, a quiet zone of at least one module (two are better), black on
// white, never scaled.
//
// C40 needs three values for two codewords; a capital, a digit or a space is one value, other
// characters of ASCII are two. The smallest symbol is not always reached: over the published
// 2D-Doc codes an optimal mix of encodations saves 1.8 % and a smaller symbol in 4 of 57.
//
// [EncodeSwitched] passes once from C40 to bytes, for the forms of 2D-Doc that hold bytes.
//
// Not done: rectangles, encodations other than C40 (but the ASCII end that C40 itself needs) and
// Base256, side 144, whose check codewords readers in the field order in two ways, and reading.
package datamatrix

import (
	"errors"
	"fmt"
	"sync"
)

// ErrTooLong is returned for a payload that side 132 does not hold.
var ErrTooLong = errors.New("datamatrix: payload does not fit the largest symbol, side 132")

// MaxPayload bounds the input: no side holds more characters.
const MaxPayload = 2335

// Symbol is a drawn code without its quiet zone. It is not changed once made, so several
// goroutines may read it.
type Symbol struct {
	Side int // modules

	modules   []bool
	codewords []byte
}

// Dark reports the colour of a module; x runs to the right and y downwards, both from 0.
// Outside the symbol everything is light.
func (s *Symbol) Dark(x, y int) bool {
	if uint(x) >= uint(s.Side) || uint(y) >= uint(s.Side) {
		return false
	}
	return s.modules[y*s.Side+x]
}

// Codewords returns a copy of the data codewords, padding included, before error correction.
func (s *Symbol) Codewords() []byte { return append([]byte(nil), s.codewords...) }

// Encode draws the payload in the smallest symbol of at least minSide modules; 0 leaves the
// choice to the payload.
func Encode(payload []byte, minSide int) (*Symbol, error) {
	return EncodeSwitched(payload, len(payload), minSide)
}

// EncodeSwitched draws payload[:at] in C40 and the rest, which is bytes, in Base256: a 2D-Doc in mixed
// form, in binary (at is 0) or of version 01. Readers give the two one after the other.
func EncodeSwitched(payload []byte, at, minSide int) (*Symbol, error) {
	if len(payload) > MaxPayload {
		return nil, ErrTooLong
	}
	if at < 0 || at > len(payload) {
		return nil, fmt.Errorf("datamatrix: switch at %d of %d bytes", at, len(payload))
	}
	if minSide > sizes[len(sizes)-1].side {
		return nil, fmt.Errorf("datamatrix: minimum side %d is above 132", minSide)
	}
	text, binary := payload[:at], payload[at:]
	head, tail := split(text)
	for i := range sizes {
		z := &sizes[i]
		if z.side < minSide || !fits(head, tail, len(binary), z.data) {
			continue
		}
		return z.draw(codewords(text, head, tail, binary, z.data)), nil
	}
	return nil, ErrTooLong
}

// size is one square symbol of the standard.
type size struct {
	side    int // modules
	regions int // along one side
	data    int // codewords
	check   int // codewords of error correction, of all blocks
	blocks  int

	once   sync.Once
	layout layout
	code   *code
}

// sizes lists the squares from the smallest; 144 is left out on purpose.
var sizes = []size{
	{side: 10, regions: 1, data: 3, check: 5, blocks: 1},
	{side: 12, regions: 1, data: 5, check: 7, blocks: 1},
	{side: 14, regions: 1, data: 8, check: 10, blocks: 1},
	{side: 16, regions: 1, data: 12, check: 12, blocks: 1},
	{side: 18, regions: 1, data: 18, check: 14, blocks: 1},
	{side: 20, regions: 1, data: 22, check: 18, blocks: 1},
	{side: 22, regions: 1, data: 30, check: 20, blocks: 1},
	{side: 24, regions: 1, data: 36, check: 24, blocks: 1},
	{side: 26, regions: 1, data: 44, check: 28, blocks: 1},
	{side: 32, regions: 2, data: 62, check: 36, blocks: 1},
	{side: 36, regions: 2, data: 86, check: 42, blocks: 1},
	{side: 40, regions: 2, data: 114, check: 48, blocks: 1},
	{side: 44, regions: 2, data: 144, check: 56, blocks: 1},
	{side: 48, regions: 2, data: 174, check: 68, blocks: 1},
	{side: 52, regions: 2, data: 204, check: 84, blocks: 2},
	{side: 64, regions: 4, data: 280, check: 112, blocks: 2},
	{side: 72, regions: 4, data: 368, check: 144, blocks: 4},
	{side: 80, regions: 4, data: 456, check: 192, blocks: 4},
	{side: 88, regions: 4, data: 576, check: 224, blocks: 4},
	{side: 96, regions: 4, data: 696, check: 272, blocks: 4},
	{side: 104, regions: 4, data: 816, check: 336, blocks: 6},
	{side: 120, regions: 6, data: 1050, check: 408, blocks: 6},
	{side: 132, regions: 6, data: 1304, check: 496, blocks: 8},
}

// draw adds the check codewords and sets the modules.
func (z *size) draw(data []byte) *Symbol {
	z.once.Do(func() {
		z.layout = newLayout(z.side, z.regions, z.data+z.check)
		z.code = newCode(z.check / z.blocks)
	})
	all := make([]byte, z.data+z.check)
	copy(all, data)
	z.code.append(all, z.data, z.blocks)
	s := &Symbol{Side: z.side, codewords: all[:z.data:z.data], modules: append([]bool(nil), z.layout.frame...)}
	bits := z.layout.bits
	for i, c := range all {
		at := (*[8]uint16)(bits[i*8:])
		for bit := range at {
			s.modules[at[bit]] = c>>(7-bit)&1 != 0
		}
	}
	return s
}
