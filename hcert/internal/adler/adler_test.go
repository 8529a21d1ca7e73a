package adler_test

import (
	"bytes"
	"hash/adler32"
	"testing"

	"carnet/hcert/internal/adler"

	"pgregory.net/rapid"
)

// TestLengths goes over the ends of groups and of runs, with the greatest bytes, which give the
// greatest sums.
func TestLengths(t *testing.T) {
	for _, c := range []byte{0, 1, 0xff} {
		all := bytes.Repeat([]byte{c}, 70_000)
		for n := range 64 {
			for _, n := range []int{n, 4096 - 32 + n, 8192 - 32 + n, 65536 - 32 + n} {
				if got, want := adler.Checksum(all[:n]), adler32.Checksum(all[:n]); got != want {
					t.Fatalf("%d bytes %#x: %08x, want %08x", n, c, got, want)
				}
			}
		}
	}
}

func TestChecksum(t *testing.T) {
	if got := adler.Checksum([]byte("Wikipedia")); got != 0x11e60398 {
		t.Errorf("%08x", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "data")
		if got, want := adler.Checksum(b), adler32.Checksum(b); got != want {
			t.Fatalf("%08x, want %08x", got, want)
		}
	})
}
