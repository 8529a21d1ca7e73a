// Package inflate takes one small zlib stream (RFC 1950, 1951) from memory to memory.
//
// A certificate is some 350 bytes. The reader of the standard library keeps a window, goes byte by
// byte and builds large tables; for so small a stream this costs more than all other decoding
// together. This one has the whole input and the whole output at hand. It accepts and refuses what
// the standard library does but for preset dictionaries, which it always refuses, tells how much of the input the stream took, and stops at a limit.
package inflate

import (
	"encoding/binary"
	"math/bits"

	"carnet/hcert/internal/adler"
)

// Fault is why a stream is refused. The empty fault is none.
type Fault string

const (
	Header   Fault = "header"   // not zlib, or with a preset dictionary
	Damaged  Fault = "damaged"  // not deflate, cut short, or with another checksum
	TooLarge Fault = "toolarge" // more than the limit
)

// Decoder holds the tables of a stream. The zero value is ready; it may be used again.
type Decoder struct {
	src   []byte
	pos   int
	bits  uint64 // read and not used yet, the next one lowest
	n     uint   // how many of them
	out   []byte
	start int // where the content begins in out
	limit int

	literals, distances table
	lengths             [maxLiterals + maxDistances]byte
}

const (
	maxLiterals  = 286
	maxDistances = 30
)

// Append decodes the stream at the beginning of src and appends its content, at most limit bytes,
// to dst. It tells how many bytes of src the stream has. After a fault it gives dst as it was.
func (d *Decoder) Append(dst, src []byte, limit int) (out []byte, used int, fault Fault) {
	if len(src) < 2 || src[0]&15 != 8 || src[0]>>4 > 7 || binary.BigEndian.Uint16(src)%31 != 0 || src[1]&0x20 != 0 {
		return dst, 0, Header
	}
	d.src, d.pos, d.bits, d.n = src, 2, 0, 0
	d.out, d.start, d.limit = dst, len(dst), limit
	fault = d.blocks()
	out = d.out
	d.src, d.out = nil, nil
	if fault != "" {
		clear(out[len(dst):])
		return dst, 0, fault
	}
	end := d.pos - int(d.n/8) // whole bytes that were read ahead
	if len(src)-end < 4 || binary.BigEndian.Uint32(src[end:]) != adler.Checksum(out[len(dst):]) {
		clear(out[len(dst):])
		return dst, 0, Damaged
	}
	return out, end + 4, ""
}

// refill reads ahead: at least 56 bits, or all there are.
func (d *Decoder) refill() {
	if d.pos+8 <= len(d.src) {
		d.bits |= binary.LittleEndian.Uint64(d.src[d.pos:]) << d.n
		d.pos += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n < 56 && d.pos < len(d.src) {
		d.bits |= uint64(d.src[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
}

// take gives the next bits, at most 16.
func (d *Decoder) take(n uint) (uint, bool) {
	if d.n < n {
		d.refill()
		if d.n < n {
			return 0, false
		}
	}
	v := uint(d.bits) & (1<<n - 1)
	d.bits >>= n
	d.n -= n
	return v, true
}

func (d *Decoder) blocks() Fault {
	for {
		head, ok := d.take(3)
		if !ok {
			return Damaged
		}
		var fault Fault
		switch head >> 1 {
		case 0:
			fault = d.stored()
		case 1:
			fault = d.compressed(&fixedLiterals, &fixedDistances)
		case 2:
			if !d.tables() {
				return Damaged
			}
			fault = d.compressed(&d.literals, &d.distances)
		default:
			fault = Damaged
		}
		if fault != "" || head&1 != 0 {
			return fault
		}
	}
}

func (d *Decoder) stored() Fault {
	at := d.pos - int(d.n/8)
	d.bits, d.n = 0, 0
	if len(d.src)-at < 4 {
		return Damaged
	}
	n := binary.LittleEndian.Uint16(d.src[at:])
	if n != ^binary.LittleEndian.Uint16(d.src[at+2:]) {
		return Damaged
	}
	at += 4
	d.pos = at
	if room := d.limit - (len(d.out) - d.start); int(n) > room {
		if len(d.src)-at <= room {
			return Damaged // cut before the limit
		}
		return TooLarge
	}
	if len(d.src)-at < int(n) {
		return Damaged
	}
	d.out = append(d.out, d.src[at:at+int(n)]...)
	d.pos = at + int(n)
	return ""
}

// order is how the lengths of the code for lengths are sent.
var order = [19]byte{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// tables reads the codes of a block.
func (d *Decoder) tables() bool {
	counts, ok := d.take(14)
	if !ok {
		return false
	}
	literals, distances, lengths := 257+counts&31, 1+counts>>5&31, 4+counts>>10
	if literals > maxLiterals || distances > maxDistances {
		return false
	}
	all := d.lengths[:literals+distances]
	clear(all)
	var meta [19]byte
	for _, i := range order[:lengths] {
		n, ok := d.take(3)
		if !ok {
			return false
		}
		meta[i] = byte(n)
	}
	// The table of distances is free until its own code is known.
	if !d.distances.build(meta[:]) {
		return false
	}
	for i := 0; i < len(all); {
		s, ok := d.symbol(&d.distances)
		if !ok {
			return false
		}
		if s < 16 {
			all[i] = byte(s)
			i++
			continue
		}
		var extra, least uint
		var value byte
		switch s {
		case 16:
			if i == 0 {
				return false
			}
			extra, least, value = 2, 3, all[i-1]
		case 17:
			extra, least = 3, 3
		default:
			extra, least = 7, 11
		}
		n, ok := d.take(extra)
		if n += least; !ok || i+int(n) > len(all) {
			return false
		}
		if value != 0 {
			for k := range n {
				all[i+int(k)] = value
			}
		}
		i += int(n)
	}
	return d.literals.build(all[:literals]) && d.distances.build(all[literals:])
}

// Lengths and distances: base and extra bits of each symbol.
var (
	lengthBase   = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra  = [29]byte{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
)

// run reads bytes with short codes while they follow one another. It keeps what it needs at hand and
// leaves what is rare, and the end, to the caller.
func (d *Decoder) run(t *table) {
	const several = 56 / shortBits // codes that one reading has
	pos, acc, n, out := d.pos, d.bits, d.n, d.out
reading:
	for pos+8 <= len(d.src) && d.limit-(len(out)-d.start) >= several {
		acc |= binary.LittleEndian.Uint64(d.src[pos:]) << n
		pos += int(63-n) >> 3
		n |= 56
		for range several {
			e := t.short[acc&(1<<shortBits-1)]
			if e == 0 || e >= 256<<4 {
				break reading
			}
			acc >>= e & 15
			n -= uint(e & 15)
			out = append(out, byte(e>>4))
		}
	}
	d.pos, d.bits, d.n, d.out = pos, acc, n, out
}

func (d *Decoder) compressed(literals, distances *table) Fault {
	for {
		d.run(literals)
		s, ok := d.symbol(literals)
		switch {
		case !ok:
			return Damaged
		case s == 256:
			return ""
		case s < 256:
			if len(d.out)-d.start == d.limit {
				return TooLarge
			}
			d.out = append(d.out, byte(s))
			continue
		case s > 285:
			return Damaged
		}
		extra, ok := d.take(uint(lengthExtra[s-257]))
		if !ok {
			return Damaged
		}
		length := int(lengthBase[s-257]) + int(extra)
		s, ok = d.symbol(distances)
		if !ok || s >= maxDistances {
			return Damaged
		}
		extra, ok = d.take(uint(max(s, 2)/2 - 1))
		if !ok {
			return Damaged
		}
		distance := int(distanceBase[s]) + int(extra)
		if distance > len(d.out)-d.start {
			return Damaged
		}
		if length > d.limit-(len(d.out)-d.start) {
			return TooLarge
		}
		for from := len(d.out) - distance; length > 0; {
			n := min(length, len(d.out)-from)
			d.out = append(d.out, d.out[from:from+n]...)
			length -= n
		}
	}
}

// symbol reads one symbol of a code.
func (d *Decoder) symbol(t *table) (uint, bool) {
	if d.n < maxCode {
		d.refill()
	}
	if e := t.short[d.bits&(1<<shortBits-1)]; e != 0 {
		n := uint(e & 15)
		d.bits >>= n
		if d.n < n {
			return 0, false
		}
		d.n -= n
		return uint(e >> 4), true
	}
	// A longer code, one bit at a time: among the codes of each length, those that are taken come
	// first, in order.
	code, first, index := 0, 0, 0
	for n := uint(1); n <= maxCode && n <= d.n; n++ {
		code |= int(d.bits>>(n-1)) & 1
		count := int(t.count[n])
		if code-first < count {
			d.bits >>= n
			d.n -= n
			return uint(t.symbols[index+code-first]), true
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, false
}

const (
	maxCode   = 15
	shortBits = 9
)

// table is a Huffman code.
type table struct {
	short   [1 << shortBits]uint16 // symbol<<4 | length for codes of up to nine bits, else 0
	count   [maxCode + 1]uint16    // codes of each length
	symbols [288]uint16            // in the order of their codes
}

// build makes the code of the lengths. It refuses lengths that leave codes over or need more than
// there are, except none at all, and a single code of one bit.
func (t *table) build(lengths []byte) bool {
	clear(t.short[:])
	clear(t.count[:])
	for _, n := range lengths {
		t.count[n]++
	}
	t.count[0] = 0
	var next, place [maxCode + 2]uint16
	code, longest, sum := 0, 0, uint16(0)
	for n := 1; n <= maxCode; n++ {
		code <<= 1
		next[n], place[n] = uint16(code), sum
		code += int(t.count[n])
		if code > 1<<n {
			return false
		}
		sum += t.count[n]
		if t.count[n] > 0 {
			longest = n
		}
	}
	if longest > 0 && code != 1<<maxCode && (longest != 1 || t.count[1] != 1) {
		return false
	}
	for s, n := range lengths {
		if n == 0 {
			continue
		}
		t.symbols[place[n]] = uint16(s)
		place[n]++
		c := next[n]
		next[n]++
		if n > shortBits {
			continue
		}
		e := uint16(s)<<4 | uint16(n)
		for i := int(bits.Reverse16(c) >> (16 - n)); i < len(t.short); i += 1 << n {
			t.short[i] = e
		}
	}
	return true
}

// The code of blocks that bring none.
var fixedLiterals, fixedDistances = fixed()

func fixed() (literals, distances table) {
	var n [288]byte
	for i := range n {
		switch {
		case i < 144:
			n[i] = 8
		case i < 256:
			n[i] = 9
		case i < 280:
			n[i] = 7
		default:
			n[i] = 8
		}
	}
	literals.build(n[:])
	for i := range 32 {
		n[i] = 5
	}
	distances.build(n[:32])
	return literals, distances
}
