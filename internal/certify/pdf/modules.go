package pdf

import (
	"errors"
	"math/bits"
)

// Matrix is a square of dark and light modules, such as a DataMatrix or QR code, without its
// quiet zone. Dark takes column and row, counted from 0 at the top left.
type Matrix interface {
	Size() int
	Dark(x, y int) bool
}

// maxModules bounds the side of a Matrix: the largest QR code has 177 modules.
const maxModules = 192

type moduleRow [maxModules / 64]uint64

// Modules fills the dark modules of a matrix in a square with its lower left corner at a point.
//
// They are drawn as rectangles in module coordinates under one transformation, as one path: no
// hairline can appear between neighbours, and nothing is scaled by a reader as a picture would be.
// Dark areas are merged greedily, to the right and then down, so that there are few rectangles.
func (c *Canvas) Modules(m Matrix, x, y, side float64) {
	n := m.Size()
	if n <= 0 || n > maxModules {
		c.fail(errors.New("pdf: matrix has no modules or too many"))
		return
	}
	var rows [maxModules]moduleRow
	for j := range n {
		for from := 0; from < n; from += 64 {
			word := uint64(0)
			for i := from; i < min(from+64, n); i++ {
				if m.Dark(i, j) {
					word |= 1 << (i - from)
				}
			}
			rows[j][from/64] = word
		}
	}
	module := side / float64(n)
	c.str("q ")
	c.buf = appendScale(c.buf, module)
	c.str(" 0 0 ")
	c.buf = appendScale(c.buf, -module)
	c.str(" ")
	c.numbers("cm", x, y+side)
	buf := c.buf
	for j := range n {
		for i := rows[j].next(0, true); i < n; i = rows[j].next(i, true) {
			w := min(rows[j].next(i, false), n) - i
			h := 0
			if word := i / 64; word == (i+w-1)/64 { // nearly always: the run lies in one word
				mask := span(i, w)[word]
				for ; j+h < n && rows[j+h][word]&mask == mask; h++ {
					rows[j+h][word] &^= mask
				}
			} else {
				for mask := span(i, w); j+h < n && rows[j+h].take(mask); h++ {
				}
			}
			buf = appendModules(buf, i, j, w, h)
		}
	}
	c.buf = buf
	c.str("f Q\n")
}

// appendModules writes one rectangle. There are more than a thousand on a page.
func appendModules(buf []byte, v ...int) []byte {
	for _, n := range v {
		switch {
		case n < 10:
			buf = append(buf, byte('0'+n), ' ')
		case n < 100:
			buf = append(buf, byte('0'+n/10), byte('0'+n%10), ' ')
		default:
			buf = append(buf, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10), ' ')
		}
	}
	return append(buf, 'r', 'e', '\n')
}

// appendScale writes a factor with six decimals: it is multiplied by up to 192 modules.
func appendScale(buf []byte, v float64) []byte {
	if v < 0 {
		buf, v = append(buf, '-'), -v
	}
	n := int(v*1e6 + 0.5)
	buf = append(appendInt(buf, n/1e6), '.')
	for n, div := n%1e6, 100000; div > 0; div /= 10 {
		buf = append(buf, byte('0'+n/div%10))
	}
	return buf
}

// next returns the first column from i on that is dark, or light; maxModules if there is none.
func (r *moduleRow) next(i int, dark bool) int {
	for word := i / 64; word < len(r); word++ {
		v := r[word]
		if !dark {
			v = ^v
		}
		if word == i/64 {
			v &= ^uint64(0) << (i % 64)
		}
		if v != 0 {
			return 64*word + bits.TrailingZeros64(v)
		}
	}
	return maxModules
}

// span is a row with w dark modules from column i on.
func span(i, w int) moduleRow {
	var r moduleRow
	for word := range r {
		from, to := max(i-64*word, 0), min(i+w-64*word, 64)
		if from < to {
			r[word] = ^uint64(0) >> (64 - (to - from)) << from
		}
	}
	return r
}

// take clears the modules of mask if all of them are dark, and reports whether they were.
func (r *moduleRow) take(mask moduleRow) bool {
	for word, v := range mask {
		if r[word]&v != v {
			return false
		}
	}
	for word, v := range mask {
		r[word] &^= v
	}
	return true
}
