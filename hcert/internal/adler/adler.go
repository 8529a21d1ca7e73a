// Package adler computes the checksum of zlib streams (RFC 1950, section 8.2) eight bytes at a time.
//
// For a certificate the one of the standard library, byte by byte, costs as much as base45 does.
package adler

import "encoding/binary"

const (
	modulo = 65521
	// run is how many bytes are summed before a remainder is taken. Sums stay far below 64 bits.
	run = 1 << 12

	lanes = 0x00ff00ff00ff00ff // every other byte
	// The highest lane of a product with one of these is the sum of four lanes: as they are, and the
	// first byte of eight eight times, the last one once.
	sum  = 0x0001000100010001
	even = 0x0008000600040002
	odd  = 0x0007000500030001
)

// Checksum gives the Adler-32 checksum of data.
func Checksum(data []byte) uint32 {
	a, b := uint64(1), uint64(0)
	for len(data) > 0 {
		part := data[:min(run, len(data))]
		data = data[len(part):]
		for ; len(part) >= 8; part = part[8:] {
			w := binary.LittleEndian.Uint64(part)
			e, o := w&lanes, w>>8&lanes
			b += 8*a + (e*even+o*odd)>>48
			a += (e + o) * sum >> 48
		}
		for _, c := range part {
			a += uint64(c)
			b += a
		}
		a, b = a%modulo, b%modulo
	}
	return uint32(b<<16 | a)
}
