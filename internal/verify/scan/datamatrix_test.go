package scan

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"carnet/twoddoc/datamatrix"
)

// Codewords worked out by hand from the tables of ISO/IEC 16022.
func TestMatrixBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want string
		ok   bool
	}{
		{"the mark of the specification, C40", []byte{230, 0x28, 0x2A, 0x4D, 0xC5, 254, 0x44}, "2D-DOC", true},
		{"digits in pairs, then padding", []byte{142, 164, 186, 129, 33}, "123456", true},
		{"ASCII with upper shift", []byte{66, 235, 106, 66}, "A\xe9A", true},
		{"FNC1 is GS", []byte{232, 66, 232, 67}, "\x1dA\x1dB", true},
		{"macro 05", []byte{236, 66}, "[)>\x1e05\x1dA\x1e\x04", true},
		{"C40, control characters", triplet(230, 0, 29, 0, 30, 0, 31), "\x1d\x1e\x1f", true},
		{"C40, upper shift", triplet(230, 1, 30, 14, 15, 16, 17), "\xc1BCD", true},
		{"C40, FNC1", triplet(230, 14, 1, 27, 15, 16, 17), "A\x1dBCD", true},
		{"C40, lower case through shift 3", triplet(230, 2, 1, 2, 26, 14, 3), "azA ", true},
		{"Text", triplet(239, 14, 15, 2, 1, 4, 13), "abA09", true},
		{"X12", triplet(238, 0, 1, 2, 3, 4, 14), "\r*> 0A", true},
		{"Base 256 to the end", base256(0, 0x00, 0xff, 0x1d, 0x80), "\x00\xff\x1d\x80", true},
		{"Base 256 of two bytes, then ASCII", append(base256(2, 0xe9, 0x0a), 66), "\xe9\x0aA", true},
		{"EDIFACT", []byte{240, 0x04, 0x20, 0xC4, 0x7C, 70, 129}, "ABCDE", true},
		{"ECI, then ASCII", []byte{241, 27, 66}, "A", true},
		{"zero is no codeword", []byte{66, 0}, "", false},
		{"Base 256 longer than the symbol", base256(9, 1, 2), "", false},
		{"C40 value that is none", []byte{230, 0xff, 0xff}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := matrixBytes(c.in)
			if c.ok != (err == nil) || string(got) != c.want {
				t.Errorf("%q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// triplet packs values in threes behind a latch.
func triplet(latch byte, values ...int) []byte {
	out := []byte{latch}
	for i := 0; i+2 < len(values); i += 3 {
		v := 1600*values[i] + 40*values[i+1] + values[i+2] + 1
		out = append(out, byte(v>>8), byte(v))
	}
	return append(out, 254)
}

// base256 writes a segment at the start of a symbol.
func base256(length byte, data ...byte) []byte {
	out := []byte{231}
	for _, b := range append([]byte{length}, data...) {
		out = append(out, byte((int(b)+149*(len(out)+1)%255+1)%256))
	}
	return out
}

// Whatever our encoder draws is read back from the modules, also with as many wrong modules as the
// symbol can correct.
func TestMatrixRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.ByteRange(0, 127), 1, 1000).Draw(t, "payload")
		s, err := datamatrix.Encode(payload, 0)
		if err != nil {
			t.Skip()
		}
		dark := make([]bool, s.Side*s.Side)
		for i := range dark {
			dark[i] = s.Dark(i%s.Side, i/s.Side)
		}
		for range rapid.IntRange(0, 2).Draw(t, "wrong") {
			i := rapid.IntRange(0, len(dark)-1).Draw(t, "module")
			dark[i] = !dark[i]
		}
		got, err := readMatrix(dark, s.Side)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("%q (%v), want %q", got, err, payload)
		}
	})
}
