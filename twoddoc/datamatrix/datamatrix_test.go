package datamatrix_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/datamatrix"
	"pgregory.net/rapid"

	"carnet/twoddoc/datamatrix"
)

// capacity is the number of data codewords by side (ISO/IEC 16022, table 7).
var capacity = []struct{ side, data int }{
	{10, 3}, {12, 5}, {14, 8}, {16, 12}, {18, 18}, {20, 22}, {22, 30}, {24, 36}, {26, 44},
	{32, 62}, {36, 86}, {40, 114}, {44, 144}, {48, 174}, {52, 204}, {64, 280}, {72, 368}, {80, 456},
	{88, 576}, {96, 696}, {104, 816}, {120, 1050}, {132, 1304},
}

// picture draws a symbol with px pixels for a module and a quiet zone of two modules.
func picture(s *datamatrix.Symbol, px int) *image.Gray {
	side := (s.Side + 4) * px
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			if !s.Dark(x/px-2, y/px-2) || x < 2*px || y < 2*px {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	return img
}

func save(t *testing.T, img image.Image) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "code.png")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return name
}

// dmtxread is the first foreign reader; it is required (Debian package dmtx-utils).
func dmtxread(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("dmtxread", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		if exit := new(exec.ExitError); !errors.As(err, &exit) {
			t.Fatalf("dmtxread: %v", err)
		}
	}
	return out
}

// readZXing is the second foreign reader.
func readZXing(img image.Image) ([]byte, error) {
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return nil, err
	}
	res, err := zxing.NewDataMatrixReader().Decode(bmp, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, r := range res.GetText() { // one rune for a byte
		b = append(b, byte(r))
	}
	return b, nil
}

// payload makes n C40 values of the characters that codes are made of.
func payload(values int) []byte {
	const letters = "DC04FR00CN01 ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b []byte
	for n := 0; n < values; n++ {
		if n%11 == 7 && n+1 < values {
			b = append(b, "\x1d\x1e\x1f/.-"[n%6])
			n++
			continue
		}
		b = append(b, letters[n*7%len(letters)])
	}
	return b
}

func TestEverySideIsReadByTwoForeignReaders(t *testing.T) {
	for _, c := range capacity {
		t.Run(strconv.Itoa(c.side), func(t *testing.T) {
			t.Parallel()
			want := payload(3*((c.data-1)/2) + (1 - c.data&1)) // full to the last codeword
			s, err := datamatrix.Encode(want, 0)
			if err != nil {
				t.Fatal(err)
			}
			if s.Side != c.side || len(s.Codewords()) != c.data {
				t.Fatalf("side %d, %d codewords", s.Side, len(s.Codewords()))
			}
			if _, err := datamatrix.Encode(append(bytes.Clone(want), 'A'), 0); c.side == 132 && !errors.Is(err, datamatrix.ErrTooLong) {
				t.Errorf("one more character: %v", err)
			}
			img := picture(s, 5)
			if got := dmtxread(t, "-m", "4000", "-N", "1", save(t, img)); !bytes.Equal(got, want) {
				t.Errorf("dmtxread: %q\nwant %q", got, want)
			}
			got, err := readZXing(img)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("gozxing: %q %v\nwant %q", got, err, want)
			}
		})
	}
}

func TestMinimumSide(t *testing.T) {
	for _, c := range []struct{ least, want int }{{0, 10}, {-5, 10}, {10, 10}, {11, 12}, {27, 32}, {44, 44}, {45, 48}, {132, 132}} {
		s, err := datamatrix.Encode([]byte("A"), c.least)
		if err != nil || s.Side != c.want {
			t.Errorf("minimum %d: %v %v, want %d", c.least, s, err, c.want)
		}
	}
	for _, least := range []int{133, 144, 1 << 30} {
		if _, err := datamatrix.Encode([]byte("A"), least); err == nil {
			t.Errorf("minimum %d is accepted", least)
		}
	}
	if _, err := datamatrix.Encode(make([]byte, 1<<20), 0); !errors.Is(err, datamatrix.ErrTooLong) {
		t.Errorf("a megabyte: %v", err)
	}
}

// TestCodewords holds the ends of C40 as the specification states them.
func TestCodewords(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		min           int
		want          string
	}{
		{"two triplets, room left", "2D-DOC", 14, "e6282a4dc5fe44" + "81"}, // 7 values: the last in ASCII
		{"empty", "", 10, "8124be"[:2] + padding(2, 3)},
		{"one triplet fills", "AIM", 10, "e65bb4"[:2] + triple(14, 22, 26)},
		{"one triplet, one codeword left: unlatch", "AIMAIM", 12, "e6" + triple(14, 22, 26) + triple(14, 22, 26)},
		{"one triplet, room: unlatch and padding", "AIM", 14, "e6" + triple(14, 22, 26) + "fe" + "81" + padding(6, 8)},
		{"two values left: Shift 1", "AIMAI", 12, "e6" + triple(14, 22, 26) + triple(14, 22, 0)},
		{"one value left, last codeword: no unlatch", "AIMAIMAIMA", 14, "e6" + triple(14, 22, 26) + triple(14, 22, 26) + triple(14, 22, 26) + "42"},
		{"one value left, room: unlatch", "AIMA", 14, "e6" + triple(14, 22, 26) + "fe42" + "81" + padding(7, 8)},
		{"shifted character last, one value over", "AI.", 14, "e6" + triple(14, 22, 0) + "fe2f" + "81" + padding(7, 8)},
		{"upper half", "AI\xe9M", 14, "e6" + triple(14, 22, 1) + triple(30, 2, 9) + "fe4e" + "81"},
		{"one character: ASCII only", "A", 10, "42" + "81" + padding(3, 3)},
		{"control characters", "\x1d\x1e", 12, "e6" + triple(0, 0x1d, 0) + "fe1f"},
	} {
		s, err := datamatrix.Encode([]byte(c.payload), c.min)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(s.Codewords()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func triple(a, b, c int) string { return fmt.Sprintf("%04x", 1600*a+40*b+c+1) }

// padding is the padding of codewords from to to, counted from 1, after the first pad.
func padding(from, to int) string {
	var b strings.Builder
	for p := from; p <= to; p++ {
		n := 129 + (149*p)%253 + 1
		if n > 254 {
			n -= 254
		}
		fmt.Fprintf(&b, "%02x", n)
	}
	return b.String()
}

// TestAnyText: whatever ASCII comes in, a foreign reader gives it back.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.ByteMax(127), 1, 120).Draw(t, "payload")
		s, err := datamatrix.Encode(want, rapid.IntRange(0, 60).Draw(t, "side"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readZXing(picture(s, 3))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, %v, want %x", got, err, want)
		}
	})
}

// TestUpperHalf: bytes above 127 too; gozxing takes them for text, dmtxread does not.
func TestUpperHalf(t *testing.T) {
	want := make([]byte, 128)
	for i := range want {
		want[i] = byte(255 - i)
	}
	for n := 128; n > 120; n-- { // every way to end
		s, err := datamatrix.Encode(want[:n], 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := dmtxread(t, "-m", "4000", "-N", "1", save(t, picture(s, 5))); !bytes.Equal(got, want[:n]) {
			t.Errorf("%x, want %x", got, want[:n])
		}
	}
}

func TestOutsideIsLight(t *testing.T) {
	s, err := datamatrix.Encode([]byte("A"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][2]int{{-1, 0}, {0, -1}, {10, 0}, {0, 10}, {1 << 40, 1}} {
		if s.Dark(p[0], p[1]) {
			t.Errorf("%v is dark", p)
		}
	}
}

func TestConcurrentFirstUse(t *testing.T) {
	var wg sync.WaitGroup
	var symbols [8]*datamatrix.Symbol
	for i := range symbols {
		wg.Go(func() { symbols[i], _ = datamatrix.Encode(payload(900), 0) })
	}
	wg.Wait()
	for _, s := range symbols[1:] {
		for i := range s.Side * s.Side {
			if s.Dark(i%s.Side, i/s.Side) != symbols[0].Dark(i%s.Side, i/s.Side) {
				t.Fatal("two symbols of one payload differ")
			}
		}
	}
}

func BenchmarkEncode267(b *testing.B) {
	p := payload(303)[:267]
	if _, err := datamatrix.Encode(p, 52); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := datamatrix.Encode(p, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	s, err := datamatrix.Encode([]byte("2D-DOC"), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for y := range s.Side {
		for x := range s.Side {
			if s.Dark(x, y) {
				fmt.Print("#")
			} else {
				fmt.Print(".")
			}
		}
		fmt.Println()
	}
	// Output:
	// #.#.#.#.#.#.#.
	// #...#...#....#
	// ##.####.##....
	// #......#.#.#.#
	// #.###.#...###.
	// #.#####.....##
	// ####.##.#..#..
	// #..#...#.#####
	// #..##.######..
	// #.###..#######
	// #..####.#.#...
	// #.#..##...#..#
	// ##...###.#.##.
	// ##############
}

// TestBytes: what passes from C40 to bytes is given back in one piece by both foreign readers, for every
// way to end the C40 part and every way to write a length.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ text, binary int }{
		{0, 1}, {0, 64}, {0, 84}, {1, 64}, {2, 64}, {3, 64}, {4, 64}, {26, 249}, {27, 250}, {28, 251}, {29, 600}, {60, 82},
		{0, 248}, {0, 276}, {0, 277}, {0, 278}, {0, 1301}, {0, 1302}, {99, 499}, {100, 500},
	} {
		t.Run(fmt.Sprintf("%d and %d", c.text, c.binary), func(t *testing.T) {
			t.Parallel()
			want := payload(c.text)
			at := len(want)
			for i := range c.binary {
				want = append(want, byte(255-i*7))
			}
			s, err := datamatrix.EncodeSwitched(want, at, 0)
			if err != nil {
				t.Fatal(err)
			}
			img := picture(s, 5)
			if got := dmtxread(t, "-m", "4000", "-N", "1", save(t, img)); !bytes.Equal(got, want) {
				t.Errorf("dmtxread: %x\nwant %x", got, want)
			}
			got, err := readZXing(img)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("gozxing: %x %v\nwant %x", got, err, want)
			}
		})
	}
	for _, at := range []int{-1, 2} {
		if _, err := datamatrix.EncodeSwitched([]byte("A"), at, 0); err == nil {
			t.Errorf("a switch at %d of one byte is accepted", at)
		}
	}
	if _, err := datamatrix.EncodeSwitched(make([]byte, 1303), 0, 0); !errors.Is(err, datamatrix.ErrTooLong) {
		t.Errorf("1303 bytes: %v", err)
	}
}
