package datamatrix

// Codewords with a meaning of their own.
const (
	latchC40 = 230
	unlatch  = 254 // from C40 back to ASCII
	pad      = 129
	upperASC = 235 // next ASCII character plus 128
	base256  = 231 // bytes from here
)

// values appends the C40 values of a character, one to four.
func values(v []byte, c byte) []byte {
	switch {
	case c == ' ':
		return append(v, 3)
	case c >= '0' && c <= '9':
		return append(v, c-'0'+4)
	case c >= 'A' && c <= 'Z':
		return append(v, c-'A'+14)
	case c < 0x20:
		return append(v, 0, c)
	case c <= '/':
		return append(v, 1, c-'!')
	case c <= '@':
		return append(v, 1, c-':'+15)
	case c <= '_':
		return append(v, 1, c-'['+22)
	case c < 0x80:
		return append(v, 2, c-0x60)
	}
	return values(append(v, 1, 30), c-0x80)
}

// split decides how many characters stay in C40. Three values make a triplet; two left over are
// filled up with Shift 1; one left over cannot be, so the last characters are written in ASCII,
// as few as needed.
func split(payload []byte) (triplets int, tail []byte) {
	var buf [4]byte
	total := 0
	for _, c := range payload {
		total += len(values(buf[:0], c))
	}
	n := len(payload)
	for total%3 == 1 {
		n--
		total -= len(values(buf[:0], payload[n]))
	}
	return (total + 2) / 3, payload[n:]
}

func asciiLen(tail []byte) int {
	n := len(tail)
	for _, c := range tail {
		if c >= 0x80 {
			n++
		}
	}
	return n
}

// fits reports that the codewords fit. A single ASCII codeword that is the last one of the
// symbol needs no unlatch before it.
func fits(triplets int, tail []byte, binary, data int) bool {
	n := 1 + 2*triplets
	if triplets == 0 {
		n = 0
	}
	if t := asciiLen(tail); t > 0 {
		if !(t == 1 && n+1 == data) && n > 0 {
			n++
		}
		n += t
	} else if n > 0 && binary > 0 {
		n++
	}
	if binary > 0 {
		n += 2 + binary // one length codeword, 0, tells that the bytes fill the symbol
		if binary >= 250 && n != data {
			n++
		}
	}
	return n <= data
}

// codewords writes the data codewords: C40, the ASCII end, the bytes, the padding.
func codewords(text []byte, triplets int, tail, binary []byte, data int) []byte {
	out := make([]byte, 0, data)
	inC40 := triplets > 0
	if inC40 {
		out = append(out, latchC40)
		var buf [16]byte
		v := buf[:0]
		for _, c := range text[:len(text)-len(tail)] {
			v = values(v, c)
			for len(v) >= 3 {
				out = triplet(out, v)
				v = append(buf[:0], v[3:]...)
			}
		}
		if len(v) == 2 {
			out = triplet(out, append(v, 0))
		}
	}
	if len(tail) > 0 {
		if inC40 && !(asciiLen(tail) == 1 && len(out)+1 == data) {
			out = append(out, unlatch)
		}
		inC40 = false
		for _, c := range tail {
			if c >= 0x80 {
				out = append(out, upperASC)
				c -= 0x80
			}
			out = append(out, c+1)
		}
	}
	if inC40 && len(out) < data {
		out = append(out, unlatch)
	}
	if len(binary) > 0 {
		out = appendBytes(out, binary, data)
	}
	if len(out) < data {
		out = append(out, pad)
	}
	for p := len(out) + 1; p <= data; p++ { // p counts from 1
		n := pad + 149*p%253 + 1
		if n > 254 {
			n -= 254
		}
		out = append(out, byte(n))
	}
	return out
}

// appendBytes writes Base256: length and bytes, each made random by its place.
func appendBytes(out, binary []byte, data int) []byte {
	out = append(out, base256)
	from := len(out)
	switch n := len(binary); {
	case from+1+n == data:
		out = append(out, 0)
	case n < 250:
		out = append(out, byte(n))
	default:
		out = append(out, byte(n/250+249), byte(n%250))
	}
	out = append(out, binary...)
	for i := from; i < len(out); i++ {
		out[i] += byte(149*(i+1)%255 + 1)
	}
	return out
}

func triplet(out, v []byte) []byte {
	n := 1600*int(v[0]) + 40*int(v[1]) + int(v[2]) + 1
	return append(out, byte(n>>8), byte(n))
}
