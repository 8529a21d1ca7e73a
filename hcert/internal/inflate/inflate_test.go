package inflate_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"carnet/hcert/internal/inflate"

	"pgregory.net/rapid"
)

const limit = 1 << 16

func deflate(level int, b []byte) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		panic(err)
	}
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// oracle is the reader of the standard library.
func oracle(src []byte) (content []byte, used int, fault inflate.Fault) {
	r := bytes.NewReader(src)
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, 0, inflate.Header
	}
	b, err := io.ReadAll(io.LimitReader(z, limit+1))
	switch {
	case len(b) > limit:
		return nil, 0, inflate.TooLarge
	case err != nil:
		return nil, 0, inflate.Damaged
	}
	return b, len(src) - r.Len(), ""
}

// same compares both on one input.
func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, d *inflate.Decoder, src []byte) {
	t.Helper()
	prefix := []byte("before")
	got, used, fault := d.Append(prefix, src, limit)
	want, wantUsed, wantFault := oracle(src)
	if fault != "" {
		want = nil
	}
	if fault == inflate.Header && len(src) > 1 && src[1]&0x20 != 0 {
		return // the other takes a preset dictionary that is empty
	}
	// Both stop at the limit, and tell differently of what is also damaged near it.
	if fault != wantFault && (fault == "" || wantFault == "" || fault == inflate.Header || wantFault == inflate.Header) || used != wantUsed {
		t.Fatalf("%x: %d bytes, %q; the other %d, %q", src, used, fault, wantUsed, wantFault)
	}
	if !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Fatalf("%x: another content", src)
	}
}

func samples() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	skewed := make([]byte, 4000)
	for i := range skewed { // codes of more than nine bits
		skewed[i] = byte(r.ExpFloat64() * 12)
	}
	return [][]byte{
		nil, []byte("x"), []byte("Fougère, Aubépine, Tilleul, Fougère"), noise, skewed, bytes.Repeat([]byte{0}, limit), bytes.Repeat([]byte{0}, limit+1),
		[]byte(strings.Repeat("Capucine ", 900)), append(bytes.Repeat([]byte("ab"), 20000), noise...),
	}
}

func TestAppend(t *testing.T) {
	var d inflate.Decoder
	for _, b := range samples() {
		for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
			packed := deflate(level, b)
			same(t, &d, packed)
			same(t, &d, append(bytes.Clone(packed), "after"...))
			for _, n := range []int{0, 1, 2, 3, len(packed) / 2, len(packed) - 5, len(packed) - 4, len(packed) - 1} {
				same(t, &d, packed[:max(n, 0)])
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	var d inflate.Decoder
	good := deflate(6, []byte("Fougère"))
	changed := func(at int, to byte) []byte { b := bytes.Clone(good); b[at] = to; return b }
	for _, c := range []struct {
		name  string
		in    []byte
		fault inflate.Fault
	}{
		{"nothing", nil, inflate.Header},
		{"one byte", []byte{0x78}, inflate.Header},
		{"gzip", []byte{0x1f, 0x8b, 8, 0}, inflate.Header},
		{"window of 64 KB", []byte{0x88, 0x1c, 3, 0, 0, 0, 0, 1}, inflate.Header},
		{"check of the header", changed(1, 0x9d), inflate.Header},
		{"preset dictionary that is empty", []byte{0x78, 0x20, 0, 0, 0, 1, 3, 0, 0, 0, 0, 1}, inflate.Header},
		{"preset dictionary", []byte{0x78, 0xbb, 0, 0, 0, 1}, inflate.Header},
		{"header only", []byte{0x78, 0x9c}, inflate.Damaged},
		{"reserved block", []byte{0x78, 0x9c, 0x07, 0, 0, 0, 0, 1}, inflate.Damaged},
		{"stored, lengths that disagree", []byte{0x78, 0x9c, 0x01, 1, 0, 0, 0, 0}, inflate.Damaged},
		{"checksum", changed(len(good)-1, 0), inflate.Damaged},
		{"distance before the beginning", []byte{0x78, 0x9c, 0x03, 0x02, 0, 0, 0, 1}, inflate.Damaged},
		{"bomb", deflate(9, make([]byte, 10<<20)), inflate.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, used, fault := d.Append(nil, c.in, limit)
			if fault != c.fault || len(out) != 0 || used != 0 {
				t.Errorf("%d bytes, %q", len(out), fault)
			}
		})
	}
}

// TestChanged damages streams; the standard library says what is right.
func TestChanged(t *testing.T) {
	all := samples()
	var d inflate.Decoder
	rapid.Check(t, func(t *rapid.T) {
		b := deflate(rapid.IntRange(zlib.HuffmanOnly, 9).Draw(t, "level"), rapid.SampledFrom(all).Draw(t, "content"))
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			b[rapid.IntRange(0, min(len(b)-1, 200)).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		same(t, &d, b)
	})
}

func FuzzAppend(f *testing.F) {
	for level := zlib.HuffmanOnly; level <= 9; level++ {
		for _, b := range samples()[:5] {
			f.Add(deflate(level, b))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var d inflate.Decoder
		same(t, &d, src)
	})
}
