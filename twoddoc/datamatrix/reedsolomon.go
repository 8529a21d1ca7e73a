package datamatrix

import (
	"crypto/subtle"
	"sync"
)

// field is GF(256) with the polynomial of the standard, x^8 + x^5 + x^3 + x^2 + 1.
type field struct {
	exp [510]byte
	log [256]int
}

var galois = sync.OnceValue(func() *field {
	f := new(field)
	x := 1
	for i := range 255 {
		f.exp[i], f.exp[i+255] = byte(x), byte(x)
		f.log[x] = i
		if x <<= 1; x > 255 {
			x ^= 0x12D
		}
	}
	return f
})

func (f *field) mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[f.log[a]+f.log[b]]
}

// code is the Reed-Solomon code with k check codewords, roots alpha^1 to alpha^k. Row b of times is
// the generator polynomial, without its leading 1, times b: a step of the division is then one
// exclusive or of two slices.
type code struct {
	k     int
	times [256][]byte
}

func newCode(k int) *code {
	f := galois()
	gen := make([]byte, 1, k+1) // highest power first
	gen[0] = 1
	for i := 1; i <= k; i++ {
		root := f.exp[i]
		gen = append(gen, 0)
		for j := len(gen) - 1; j > 0; j-- {
			gen[j] ^= f.mul(gen[j-1], root)
		}
	}
	c := &code{k: k}
	all := make([]byte, 256*k)
	for b := range c.times {
		row := all[b*k : (b+1)*k]
		for j := range row {
			row[j] = f.mul(gen[j+1], byte(b))
		}
		c.times[b] = row
	}
	return c
}

// append fills all[data:] with the check codewords. Codeword i, of data and of check, belongs to
// block i mod blocks.
func (c *code) append(all []byte, data, blocks int) {
	// The register slides along a buffer, so that a shift is a step of one byte.
	buf := make([]byte, (data+blocks-1)/blocks+c.k)
	for b := range blocks {
		clear(buf)
		n := 0
		for i := b; i < data; i += blocks {
			reg := buf[n+1 : n+1+c.k]
			subtle.XORBytes(reg, reg, c.times[buf[n]^all[i]])
			n++
		}
		for j, v := range buf[n : n+c.k] {
			all[data+b+j*blocks] = v
		}
	}
}
