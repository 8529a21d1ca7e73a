// Package grid is where things stand in a QR code (ISO/IEC 18004, model 2), for who draws symbols and for
// who reads them. Versions are 1 to 40, masks 0 to 7, x and y count modules from the upper left.
package grid

import "iter"

// Side is the number of modules along a side.
func Side(version int) int { return 17 + 4*version }

// Alignment gives the centres of the alignment patterns along a side (annex E); none stand where a
// finder is.
func Alignment(version int) []int {
	if version == 1 {
		return nil
	}
	n := version/7 + 2
	last := 4*version + 10
	step := (version*8 + n*3 + 5) / (n*4 - 4) * 2 // even distances, the first one takes what is over
	at := make([]int, n)
	at[0] = 6
	for i := n - 1; i > 0; i-- {
		at[i] = last
		last -= step
	}
	return at
}

// Masked reports that a mask turns the module over (section 7.8.2).
func Masked(mask, x, y int) bool {
	switch mask {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (x/3+y/2)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}

// Path goes through the modules of a symbol in the order of its data: columns of two from the right, up and
// down by turns, past the timing column (section 7.7.3). It passes over modules that are fixed, too.
func Path(side int) iter.Seq2[int, int] {
	return func(yield func(x, y int) bool) {
		up := true
		for right := side - 1; right > 0; right -= 2 {
			if right == 6 {
				right--
			}
			for i := range side {
				y := i
				if up {
					y = side - 1 - i
				}
				if !yield(right, y) || !yield(right-1, y) {
					return
				}
			}
			up = !up
		}
	}
}

// Format gives where the fifteen bits of the format stand, lowest first, in both copies (section 7.9.1).
func Format(side int) (copies [2][15][2]int) {
	first, second := &copies[0], &copies[1]
	for i := range 15 {
		switch {
		case i < 6:
			first[i] = [2]int{8, i}
		case i < 8:
			first[i] = [2]int{8, i + 1}
		case i == 8:
			first[i] = [2]int{7, 8}
		default:
			first[i] = [2]int{14 - i, 8}
		}
		if i < 8 {
			second[i] = [2]int{side - 1 - i, 8}
		} else {
			second[i] = [2]int{8, side - 15 + i}
		}
	}
	return copies
}

// FormatCode is a format (level and mask, five bits) with its check bits, masked (annex C).
func FormatCode(format int) int {
	r := format
	for range 10 {
		r = r<<1 ^ (r>>9)*0x537
	}
	return (format<<10 | r) ^ 0x5412
}
