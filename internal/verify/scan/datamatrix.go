package scan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/makiuchi-d/gozxing/common/reedsolomon"
)

// matrixSize is a square symbol of DataMatrix ECC 200 (ISO/IEC 16022, table 7): modules a side,
// regions a side, data codewords, check codewords, interleaved blocks.
type matrixSize struct{ side, regions, data, check, blocks int }

var matrixSizes = [...]matrixSize{
	{10, 1, 3, 5, 1}, {12, 1, 5, 7, 1}, {14, 1, 8, 10, 1}, {16, 1, 12, 12, 1}, {18, 1, 18, 14, 1},
	{20, 1, 22, 18, 1}, {22, 1, 30, 20, 1}, {24, 1, 36, 24, 1}, {26, 1, 44, 28, 1},
	{32, 2, 62, 36, 1}, {36, 2, 86, 42, 1}, {40, 2, 114, 48, 1}, {44, 2, 144, 56, 1},
	{48, 2, 174, 68, 1}, {52, 2, 204, 84, 2},
	{64, 4, 280, 112, 2}, {72, 4, 368, 144, 4}, {80, 4, 456, 192, 4}, {88, 4, 576, 224, 4},
	{96, 4, 696, 272, 4}, {104, 4, 816, 336, 6},
	{120, 6, 1050, 408, 6}, {132, 6, 1304, 496, 8}, {144, 6, 1558, 620, 10},
}

// matrixTemplates are the borders of the regions: solid left and bottom, dashed top and right.
// A region has an even side, so the dashes follow the parity of the whole symbol.
func matrixTemplates() []*template {
	var out []*template
	for _, s := range matrixSizes {
		t := &template{n: s.side}
		fixed := map[cell]bool{}
		region := s.side / s.regions
		for k := range s.regions {
			first, last := k*region, (k+1)*region-1
			for i := range s.side {
				fixed[cell{first, i, true}] = true
				fixed[cell{i, last, true}] = true
				fixed[cell{i, first, i%2 == 0}] = true
				fixed[cell{last, i, i%2 == 1}] = true
			}
		}
		for c := range fixed {
			// A line of one region runs on through the dashes of its neighbour.
			if !c.dark && fixed[cell{c.x, c.y, true}] {
				continue
			}
			t.cells = append(t.cells, c)
		}
		slices.SortFunc(t.cells, func(a, b cell) int { return (a.y-b.y)*1000 + a.x - b.x })
		out = append(out, t)
	}
	return out
}

// readMatrix turns the modules of a DataMatrix, border included, into the bytes that it carries.
func readMatrix(dark []bool, side int) ([]byte, error) {
	i := slices.IndexFunc(matrixSizes[:], func(s matrixSize) bool { return s.side == side })
	if i < 0 {
		return nil, fmt.Errorf("no DataMatrix has %d modules a side", side)
	}
	size := matrixSizes[i]
	raw := matrixCodewords(dark, size)
	data, err := correctMatrix(raw, size, 0)
	if err != nil && side == 144 {
		// Two readings of the standard are in use for where the check codewords of the ten blocks
		// begin; both are in print.
		data, err = correctMatrix(raw, size, 2)
	}
	if err != nil {
		return nil, err
	}
	return matrixBytes(data)
}

// matrixCodewords walks the mapping matrix (ISO/IEC 16022, annex F).
func matrixCodewords(dark []bool, size matrixSize) []byte {
	region := size.side / size.regions
	n := size.side - 2*size.regions
	module := func(row, col int) (i int) {
		if row < 0 {
			row += n
			col += 4 - (n+4)%8
		}
		if col < 0 {
			col += n
			row += 4 - (n+4)%8
		}
		return row*n + col
	}
	at := func(i int) bool {
		row, col := i/n, i%n
		row += 2*(row/(region-2)) + 1
		col += 2*(col/(region-2)) + 1
		return dark[row*size.side+col]
	}
	done := make([]bool, n*n)
	var out []byte
	read := func(shape [8][2]int) {
		var b byte
		for _, s := range shape {
			i := module(s[0], s[1])
			done[i] = true
			b <<= 1
			if at(i) {
				b |= 1
			}
		}
		out = append(out, b)
	}
	utah := func(r, c int) {
		read([8][2]int{{r - 2, c - 2}, {r - 2, c - 1}, {r - 1, c - 2}, {r - 1, c - 1}, {r - 1, c}, {r, c - 2}, {r, c - 1}, {r, c}})
	}
	total := size.data + size.check
	row, col := 4, 0
	for (row < n || col < n) && len(out) < total {
		switch {
		case row == n && col == 0:
			read([8][2]int{{n - 1, 0}, {n - 1, 1}, {n - 1, 2}, {0, n - 2}, {0, n - 1}, {1, n - 1}, {2, n - 1}, {3, n - 1}})
		case row == n-2 && col == 0 && n%4 != 0:
			read([8][2]int{{n - 3, 0}, {n - 2, 0}, {n - 1, 0}, {0, n - 4}, {0, n - 3}, {0, n - 2}, {0, n - 1}, {1, n - 1}})
		}
		if row == n-2 && col == 0 && n%8 == 4 {
			read([8][2]int{{n - 3, 0}, {n - 2, 0}, {n - 1, 0}, {0, n - 2}, {0, n - 1}, {1, n - 1}, {2, n - 1}, {3, n - 1}})
		}
		if row == n+4 && col == 2 && n%8 == 0 {
			read([8][2]int{{n - 1, 0}, {n - 1, n - 1}, {0, n - 3}, {0, n - 2}, {0, n - 1}, {1, n - 3}, {1, n - 2}, {1, n - 1}})
		}
		for up := true; up; up = row >= 0 && col < n {
			if row < n && col >= 0 && row >= 0 && col < n && !done[row*n+col] {
				utah(row, col)
			}
			row, col = row-2, col+2
		}
		row, col = row+1, col+3
		for down := true; down; down = row < n && col >= 0 {
			if row >= 0 && col < n && row < n && col >= 0 && !done[row*n+col] {
				utah(row, col)
			}
			row, col = row+2, col-2
		}
		row, col = row+3, col+1
	}
	return out
}

var errUncorrectable = errors.New("more modules are wrong than the symbol can correct")

// correctMatrix repairs every block and puts the data codewords back in order.
func correctMatrix(raw []byte, size matrixSize, shift int) ([]byte, error) {
	if len(raw) < size.data+size.check {
		return nil, errUncorrectable
	}
	rs := reedsolomon.NewReedSolomonDecoder(reedsolomon.GenericGF_DATA_MATRIX_FIELD_256)
	data := make([]byte, size.data)
	check := size.check / size.blocks
	for b := range size.blocks {
		var block []int
		for i := b; i < size.data; i += size.blocks {
			block = append(block, int(raw[i]))
		}
		n := len(block)
		for i := range check {
			block = append(block, int(raw[size.data+i*size.blocks+(b+shift)%size.blocks]))
		}
		if err := rs.Decode(block, check); err != nil {
			return nil, errUncorrectable
		}
		for i := range n {
			data[b+i*size.blocks] = byte(block[i])
		}
	}
	return data, nil
}

const (
	matrixC40      = 230
	matrixBase256  = 231
	matrixFNC1     = 232
	matrixShift    = 235
	matrixMacro05  = 236
	matrixMacro06  = 237
	matrixX12      = 238
	matrixText     = 239
	matrixEDIFACT  = 240
	matrixECI      = 241
	matrixUnlatch  = 254
	matrixPad      = 129
	groupSeparator = 0x1d
)

var errEncodation = errors.New("the codewords follow no encodation of DataMatrix")

// matrixBytes decodes the data codewords to the exact bytes (ISO/IEC 16022, 5.2). FNC1 is given as
// GS, as the standard says for a reader that sends no symbology identifier.
func matrixBytes(d []byte) ([]byte, error) {
	var out []byte
	var trailer []byte
	upper := byte(0)
	put := func(c byte) {
		out = append(out, c+upper)
		upper = 0
	}
	for i := 0; i < len(d); {
		c := d[i]
		i++
		switch {
		case c == 0:
			return nil, errEncodation
		case c <= 128:
			put(c - 1)
		case c == matrixPad:
			return append(out, trailer...), nil
		case c <= 229:
			out = append(out, '0'+(c-130)/10, '0'+(c-130)%10)
		case c == matrixC40, c == matrixText, c == matrixX12:
			n, err := matrixTriplets(d[i:], c, &out)
			if err != nil {
				return nil, err
			}
			i += n
		case c == matrixBase256:
			n, err := matrixBytesSegment(d, i, &out)
			if err != nil {
				return nil, err
			}
			i = n
		case c == matrixFNC1:
			out = append(out, groupSeparator)
		case c == 233: // structured append: position and file, three codewords
			i = min(i+3, len(d))
		case c == 234: // reader programming: nothing to read
		case c == matrixShift:
			upper = 128
		case c == matrixMacro05, c == matrixMacro06:
			out = append(out, "[)>\x1e0"...)
			out = append(out, '5'+c-matrixMacro05, groupSeparator)
			trailer = []byte("\x1e\x04")
		case c == matrixEDIFACT:
			i += matrixEdifact(d[i:], &out)
		case c == matrixECI: // a character set, in one to three codewords: bytes stay bytes
			if i < len(d) {
				switch e := d[i]; {
				case e <= 127:
					i++
				case e <= 191:
					i += 2
				default:
					i += 3
				}
			}
		case c == matrixUnlatch && i == len(d): // some writers close with it
		default:
			return nil, errEncodation
		}
	}
	return append(out, trailer...), nil
}

// matrixTriplets decodes C40, Text and X12, three values in two codewords, and returns how many
// codewords it took.
func matrixTriplets(d []byte, mode byte, out *[]byte) (int, error) {
	const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_"
	shift, upper := 0, byte(0)
	put := func(c byte) {
		*out = append(*out, c+upper)
		shift, upper = 0, 0
	}
	i := 0
	for i < len(d) {
		if d[i] == matrixUnlatch {
			return i + 1, nil
		}
		if i == len(d)-1 { // one codeword left: ASCII
			return i, nil
		}
		v := int(d[i])<<8 + int(d[i+1]) - 1
		if v < 0 {
			return 0, errEncodation
		}
		i += 2
		for _, c := range [3]int{v / 1600, v / 40 % 40, v % 40} {
			if c > 39 {
				return 0, errEncodation
			}
			switch {
			case mode == matrixX12:
				switch {
				case c < 4:
					*out = append(*out, "\r*> "[c])
				case c < 14:
					*out = append(*out, byte('0'+c-4))
				default:
					*out = append(*out, byte('A'+c-14))
				}
			case shift == 0 && c < 3:
				shift = c + 1
			case shift == 0 && c == 3:
				put(' ')
			case shift == 0 && c < 14:
				put(byte('0' + c - 4))
			case shift == 0 && mode == matrixC40:
				put(byte('A' + c - 14))
			case shift == 0:
				put(byte('a' + c - 14))
			case shift == 1 && c < 32:
				put(byte(c))
			case shift == 2 && c < len(punctuation):
				put(punctuation[c])
			case shift == 2 && c == 27:
				put(groupSeparator)
			case shift == 2 && c == 30:
				shift, upper = 0, 128
			case shift == 3 && mode == matrixC40 && c < 32:
				put(byte('`' + c))
			case shift == 3 && c == 0:
				put('`')
			case shift == 3 && c <= 26:
				put(byte('A' + c - 1))
			case shift == 3 && c < 32:
				put(byte('{' + c - 27))
			default:
				return 0, errEncodation
			}
		}
	}
	return i, nil
}

// matrixBytesSegment decodes a Base 256 segment that begins at index i and returns where it ends.
func matrixBytesSegment(d []byte, i int, out *[]byte) (int, error) {
	next := func() (int, bool) {
		if i >= len(d) {
			return 0, false
		}
		v := int(d[i]) - (149*(i+1)%255 + 1)
		i++
		return (v + 256) % 256, true
	}
	n, ok := next()
	if !ok {
		return 0, errEncodation
	}
	switch {
	case n == 0:
		n = len(d) - i
	case n >= 250:
		m, ok := next()
		if !ok {
			return 0, errEncodation
		}
		n = 250*(n-249) + m
	}
	if n > len(d)-i {
		return 0, errEncodation
	}
	for range n {
		v, _ := next()
		*out = append(*out, byte(v))
	}
	return i, nil
}

// matrixEdifact decodes four values in three codewords and returns how many codewords it took.
func matrixEdifact(d []byte, out *[]byte) int {
	for i := 0; i < len(d); i += 3 {
		if len(d)-i <= 2 { // the rest is ASCII
			return i
		}
		v := int(d[i])<<16 | int(d[i+1])<<8 | int(d[i+2])
		for k := range 4 {
			c := v >> (18 - 6*k) & 0x3f
			if c == 0x1f { // back to ASCII at the next whole codeword
				return min(i+(6*k+13)/8, len(d))
			}
			if c&0x20 == 0 {
				c |= 0x40
			}
			*out = append(*out, byte(c))
		}
	}
	return len(d)
}
