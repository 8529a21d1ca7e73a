package qr

import "sync"

// block says how the codewords of a symbol are split: n1 blocks of d1 data codewords, then n2 of
// one more, each with check codewords behind (ISO/IEC 18004, table 9).
type block struct{ check, n1, d1, n2 int }

func (b block) data() int { return b.n1*b.d1 + b.n2*(b.d1+1) }

// blocks are by level and version.
var blocks = [2][41]block{
	M: {
		1: {10, 1, 16, 0}, {16, 1, 28, 0}, {26, 1, 44, 0}, {18, 2, 32, 0}, {24, 2, 43, 0}, {16, 4, 27, 0}, {18, 4, 31, 0}, {22, 2, 38, 2},
		{22, 3, 36, 2}, {26, 4, 43, 1}, {30, 1, 50, 4}, {22, 6, 36, 2}, {22, 8, 37, 1}, {24, 4, 40, 5}, {24, 5, 41, 5}, {28, 7, 45, 3},
		{28, 10, 46, 1}, {26, 9, 43, 4}, {26, 3, 44, 11}, {26, 3, 41, 13}, {26, 17, 42, 0}, {28, 17, 46, 0}, {28, 4, 47, 14}, {28, 6, 45, 14},
		{28, 8, 47, 13}, {28, 19, 46, 4}, {28, 22, 45, 3}, {28, 3, 45, 23}, {28, 21, 45, 7}, {28, 19, 47, 10}, {28, 2, 46, 29}, {28, 10, 46, 23},
		{28, 14, 46, 21}, {28, 14, 46, 23}, {28, 12, 47, 26}, {28, 6, 47, 34}, {28, 29, 46, 14}, {28, 13, 46, 32}, {28, 40, 47, 7}, {28, 18, 47, 31},
	},
	Q: {
		1: {13, 1, 13, 0}, {22, 1, 22, 0}, {18, 2, 17, 0}, {26, 2, 24, 0}, {18, 2, 15, 2}, {24, 4, 19, 0}, {18, 2, 14, 4}, {22, 4, 18, 2},
		{20, 4, 16, 4}, {24, 6, 19, 2}, {28, 4, 22, 4}, {26, 4, 20, 6}, {24, 8, 20, 4}, {20, 11, 16, 5}, {30, 5, 24, 7}, {24, 15, 19, 2},
		{28, 1, 22, 15}, {28, 17, 22, 1}, {26, 17, 21, 4}, {30, 15, 24, 5}, {28, 17, 22, 6}, {30, 7, 24, 16}, {30, 11, 24, 14}, {30, 11, 24, 16},
		{30, 7, 24, 22},
	},
}

// power and log are of the field of 256 elements with x^8+x^4+x^3+x^2+1.
var power, log = func() (p [510]byte, l [256]byte) {
	x := 1
	for i := range 255 {
		p[i], p[i+255] = byte(x), byte(x)
		l[x] = byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return p, l
}()

func times(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return power[int(log[a])+int(log[b])]
}

const maxCheck = 30

// rest gives, for each value of a leading codeword, what it adds to the check codewords: one row
// of the division by the generator, padded to whole words.
type rest [256][maxCheck + 2]byte

// rests are made once for each number of check codewords that is used.
var rests [maxCheck + 1]struct {
	once  sync.Once
	table *rest
}

func restOf(check int) *rest {
	r := &rests[check]
	r.once.Do(func() {
		generator := make([]byte, check) // without its leading one, highest power first
		generator[check-1] = 1
		for i := range check {
			root := power[i]
			for j := range check {
				generator[j] = times(generator[j], root)
				if j+1 < check {
					generator[j] ^= generator[j+1]
				}
			}
		}
		t := new(rest)
		for v := range t {
			for j, g := range generator {
				t[v][j] = times(byte(v), g)
			}
		}
		r.table = t
	})
	return r.table
}

// interleave computes the check codewords of each block and puts all in the order of the symbol:
// the first codeword of each block, the second, and so on; then the check codewords likewise.
func interleave(data []byte, b block) []byte {
	n := b.n1 + b.n2
	out := make([]byte, len(data)+n*b.check)
	t := restOf(b.check)
	from := 0
	for i := range n {
		size := b.d1
		if i >= b.n1 {
			size++
		}
		part := data[from : from+size]
		from += size
		var check [maxCheck + 3]byte
		for j, d := range part {
			row := &t[d^check[0]]
			for k := range maxCheck + 2 {
				check[k] = check[k+1] ^ row[k]
			}
			if j < b.d1 {
				out[j*n+i] = d
			} else {
				out[b.d1*n+i-b.n1] = d
			}
		}
		for k := range b.check {
			out[len(data)+k*n+i] = check[k]
		}
	}
	return out
}
