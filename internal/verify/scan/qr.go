package scan

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/makiuchi-d/gozxing/common/reedsolomon"

	"carnet/hcert/qr/grid"
)

// qrTemplates are the finder, timing and alignment patterns of the 40 versions of QR code
// (ISO/IEC 18004, 6.3).
func qrTemplates() []*template {
	var out []*template
	for v := 1; v <= 40; v++ {
		n := grid.Side(v)
		fixed := map[[2]int]bool{}
		square := func(cx, cy, radius int) {
			for y := -radius; y <= radius; y++ {
				for x := -radius; x <= radius; x++ {
					if i, j := cx+x, cy+y; i >= 0 && j >= 0 && i < n && j < n {
						d := max(x, -x, y, -y)
						// From the middle: a finder is dark, dark, light, dark, light; an
						// alignment pattern dark, light, dark.
						fixed[[2]int{i, j}] = d != radius/2 && (radius == 2 || d != 4)
					}
				}
			}
		}
		for i := 8; i < n-8; i++ {
			fixed[[2]int{i, 6}] = i%2 == 0
			fixed[[2]int{6, i}] = i%2 == 0
		}
		centres := grid.Alignment(v)
		for _, x := range centres {
			for _, y := range centres {
				if corner := x == 6 && (y == 6 || y == n-7) || x == n-7 && y == 6; !corner {
					square(x, y, 2)
				}
			}
		}
		square(3, 3, 4)
		square(n-4, 3, 4)
		square(3, n-4, 4)
		t := &template{n: n}
		for p, dark := range fixed {
			t.cells = append(t.cells, cell{p[0], p[1], dark})
		}
		slices.SortFunc(t.cells, func(a, b cell) int { return (a.y-b.y)*1000 + a.x - b.x })
		out = append(out, t)
	}
	return out
}

// Check codewords of a block and number of blocks, for the levels L, M, Q, H and the versions 1 to
// 40 (ISO/IEC 18004, table 9).
var (
	qrCheck = [4][40]int{
		{7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
		{10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28},
		{13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
		{17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
	}
	qrBlocks = [4][40]int{
		{1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25},
		{1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49},
		{1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68},
		{1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81},
	}
)

// qrLevels turns the two bits of the format into a row of the tables.
var qrLevels = [4]int{1, 0, 3, 2}

// readQR turns the modules of a QR code into the bytes that it carries. Kanji segments are refused:
// no certificate has one.
func readQR(dark []bool, side int) ([]byte, error) {
	version := (side - 17) / 4
	if version < 1 || version > 40 || grid.Side(version) != side || len(dark) != side*side {
		return nil, fmt.Errorf("no QR code has %d modules a side", side)
	}
	level, mask, ok := qrFormat(dark, side)
	if !ok {
		return nil, errUncorrectable
	}
	data, err := correctQR(qrCodewords(dark, version, mask), qrCheck[level][version-1], qrBlocks[level][version-1])
	if err != nil {
		return nil, err
	}
	return qrBytes(data, version)
}

// qrFormat reads level and mask from the better of the two copies (ISO/IEC 18004, 7.9).
func qrFormat(dark []bool, side int) (level, mask int, ok bool) {
	var read [2]int
	for c, places := range grid.Format(side) {
		for i, p := range places {
			if dark[p[1]*side+p[0]] {
				read[c] |= 1 << i
			}
		}
	}
	best := 4 // the code tells apart what differs in up to three bits
	for f := range 32 {
		word := grid.FormatCode(f)
		if d := min(bits.OnesCount(uint(word^read[0])), bits.OnesCount(uint(word^read[1]))); d < best {
			best, level, mask, ok = d, qrLevels[f>>3], f&7, true
		}
	}
	return level, mask, ok
}

// qrCodewords reads the modules in the order of the data and takes the mask off.
func qrCodewords(dark []bool, version, mask int) []byte {
	side := grid.Side(version)
	centres := grid.Alignment(version)
	near := func(v int) bool {
		return slices.ContainsFunc(centres, func(c int) bool { return v >= c-2 && v <= c+2 })
	}
	centre := func(v int) int {
		return centres[slices.IndexFunc(centres, func(c int) bool { return v >= c-2 && v <= c+2 })]
	}
	fixed := func(x, y int) bool {
		switch {
		case x < 9 && y < 9, x < 9 && y >= side-8, x >= side-8 && y < 9, x == 6, y == 6:
			return true
		case version >= 7 && (x >= side-11 && y < 6 || y >= side-11 && x < 6):
			return true
		case near(x) && near(y):
			cx, cy := centre(x), centre(y)
			return !(cx == 6 && (cy == 6 || cy == side-7) || cx == side-7 && cy == 6)
		}
		return false
	}
	var out []byte
	var b byte
	n := 0
	for x, y := range grid.Path(side) {
		if fixed(x, y) {
			continue
		}
		b <<= 1
		if dark[y*side+x] != grid.Masked(mask, x, y) {
			b |= 1
		}
		if n++; n == 8 {
			out = append(out, b)
			b, n = 0, 0
		}
	}
	return out
}

// correctQR takes the interleaved blocks apart, repairs each, and joins their data.
func correctQR(raw []byte, check, blocks int) ([]byte, error) {
	short := len(raw)/blocks - check // data codewords of the first blocks; the last ones have one more
	long := len(raw) % blocks
	if short < 1 {
		return nil, errUncorrectable
	}
	rs := reedsolomon.NewReedSolomonDecoder(reedsolomon.GenericGF_QR_CODE_FIELD_256)
	total := len(raw) - check*blocks
	var out []byte
	for b := range blocks {
		var block []int
		for i := range short {
			block = append(block, int(raw[i*blocks+b]))
		}
		if extra := b - (blocks - long); extra >= 0 {
			block = append(block, int(raw[short*blocks+extra]))
		}
		n := len(block)
		for i := range check {
			block = append(block, int(raw[total+i*blocks+b]))
		}
		if err := rs.Decode(block, check); err != nil {
			return nil, errUncorrectable
		}
		for _, v := range block[:n] {
			out = append(out, byte(v))
		}
	}
	return out, nil
}

var errSegments = errors.New("the codewords follow no mode of QR codes")

const qrAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// qrBytes decodes the segments to the exact bytes (ISO/IEC 18004, 7.4). A designator of character
// sets changes nothing: the bytes are given as they stand.
func qrBytes(data []byte, version int) ([]byte, error) {
	at, size := 0, 8*len(data)
	take := func(n int) (v int, ok bool) {
		if at+n > size {
			return 0, false
		}
		for range n {
			v = v<<1 | int(data[at/8]>>(7-at%8))&1
			at++
		}
		return v, true
	}
	class := 0
	if version >= 27 {
		class = 2
	} else if version >= 10 {
		class = 1
	}
	var out []byte
	for size-at >= 4 {
		mode, _ := take(4)
		var width [3]int
		switch mode {
		case 0:
			return out, nil
		case 1:
			width = [3]int{10, 12, 14}
		case 2:
			width = [3]int{9, 11, 13}
		case 4:
			width = [3]int{8, 16, 16}
		case 3: // part of several symbols: number and parity
			if _, ok := take(16); !ok {
				return nil, errSegments
			}
			continue
		case 5: // FNC1 in first position
			continue
		case 7:
			v, ok := take(8)
			switch {
			case v&0x80 == 0:
			case v&0xc0 == 0x80:
				_, ok = take(8)
			case v&0xe0 == 0xc0:
				_, ok = take(16)
			default:
				ok = false
			}
			if !ok {
				return nil, errSegments
			}
			continue
		default:
			return nil, errSegments
		}
		count, ok := take(width[class])
		for ok && count > 0 {
			var v int
			switch mode {
			case 1:
				n := min(count, 3)
				if v, ok = take(3*n + 1); ok && v < [...]int{1, 10, 100, 1000}[n] {
					out = fmt.Appendf(out, "%0*d", n, v)
				} else {
					ok = false
				}
				count -= n
			case 2:
				if count == 1 {
					v, ok = take(6)
					ok = ok && v < 45
				} else {
					v, ok = take(11)
					ok = ok && v < 45*45
				}
				if ok && count > 1 {
					out = append(out, qrAlphabet[v/45])
				}
				if ok {
					out = append(out, qrAlphabet[v%45])
				}
				count -= 2
			default:
				if v, ok = take(8); ok {
					out = append(out, byte(v))
				}
				count--
			}
		}
		if !ok {
			return nil, errSegments
		}
	}
	return out, nil
}
