package qr_test

import (
	"errors"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/hcert/qr"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"pgregory.net/rapid"
	"rsc.io/qr/coding"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

func text(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := []byte("HC1:")
	for len(b) < n {
		b = append(b, alphabet[r.IntN(45)])
	}
	return string(b[:n])
}

func encode(t testing.TB, s string) *qr.Code {
	t.Helper()
	c, err := qr.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read decodes the modules with a reader written by others.
func read(t testing.TB, c *qr.Code) string {
	t.Helper()
	bits, err := gozxing.NewBitMatrix(c.Size(), c.Size())
	if err != nil {
		t.Fatal(err)
	}
	for y := range c.Size() {
		for x := range c.Size() {
			if c.Dark(x, y) {
				bits.Set(x, y)
			}
		}
	}
	r, err := decoder.NewDecoder().Decode(bits, nil)
	if err != nil {
		t.Fatalf("version %d-%s, mask %d: %v", c.Version, c.Level, c.Mask, err)
	}
	if level := r.GetECLevel(); level != c.Level.String() {
		t.Errorf("level %s, want %s", level, c.Level)
	}
	return r.GetText()
}

// oracleCapacity is how many characters another implementation fits into a symbol.
func oracleCapacity(version int, l coding.Level) int {

	bits := 8 * coding.Version(version).DataBytes(l)
	n := 0
	for coding.Alpha(strings.Repeat("A", n+1)).Bits(coding.Version(version)) <= bits {
		n++
	}
	return n
}

// TestVersions fills every version and goes one character beyond.
func TestVersions(t *testing.T) {
	for v := 1; v <= 40; v++ {
		level, l := qr.Q, coding.Q
		if v > 25 {
			level, l = qr.M, coding.M
		}
		n := oracleCapacity(v, l)
		if v > 25 && n <= oracleCapacity(25, coding.Q) {
			continue // never the smallest
		}
		s := text(n)
		c := encode(t, s)
		if c.Version != v || c.Level != level || c.Size() != 17+4*v {
			t.Errorf("%d characters: version %d-%s, want %d-%s", n, c.Version, c.Level, v, level)
		}
		if got := read(t, c); got != s {
			t.Errorf("version %d reads as another text", v)
		}
		if v < 40 {
			if c := encode(t, s+"A"); c.Version == v {
				t.Errorf("version %d holds more than it can", v)
			}
		}
	}
}

func TestLevelFalls(t *testing.T) {
	n := oracleCapacity(25, coding.Q)
	if c := encode(t, text(n)); c.Version != 25 || c.Level != qr.Q {
		t.Errorf("version %d-%s", c.Version, c.Level)
	}
	if c := encode(t, text(n+1)); c.Level != qr.M || c.Version >= 25 {
		t.Errorf("version %d-%s", c.Version, c.Level)
	}
}

func TestRefuses(t *testing.T) {
	for s, want := range map[string]error{
		"hc1": qr.ErrCharacter, "HC1é": qr.ErrCharacter, "HC1\n": qr.ErrCharacter, "HC1_": qr.ErrCharacter, "\xff": qr.ErrCharacter,
		strings.Repeat("A", qr.MaxText+1): qr.ErrTooLong,
	} {
		if _, err := qr.Encode(s); !errors.Is(err, want) {
			t.Errorf("%.10q: %v", s, err)
		}
	}
	if c := encode(t, strings.Repeat("A", qr.MaxText)); c.Version != 40 {
		t.Errorf("the longest text is of version %d", c.Version)
	}
	if c := encode(t, ""); c.Version != 1 || read(t, c) != "" {
		t.Error("no text")
	}
	c := encode(t, "A")
	for _, p := range [][2]int{{-1, 0}, {0, -1}, {21, 0}, {0, 21}} {
		if c.Dark(p[0], p[1]) {
			t.Errorf("dark outside at %v", p)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	masks := map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9A-Z $%*+./:-]{1,700}`).Draw(t, "text")
		c, err := qr.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		masks[c.Mask]++
	})
	for n := 1; n < 900; n += 37 {
		if s := text(n); read(t, encode(t, s)) != s {
			t.Errorf("%d characters", n)
		}
	}
	if len(masks) < 4 {
		t.Errorf("masks %v: the penalty chooses nothing", masks)
	}
}

// TestMask counts the penalty module by module, by the words of the standard, for every mask: the
// chosen one has the least.
func TestMask(t *testing.T) {
	for _, n := range []int{10, 100, 535} {
		c := encode(t, text(n))
		chosen := slowPenalty(c.Size(), c.Dark)
		format, isData := formatModules(c.Size()), dataModules(c)
		for m := range 8 {
			other := func(x, y int) bool {
				d := c.Dark(x, y)
				if isData(x, y) && turns(m, x, y) != turns(c.Mask, x, y) {
					d = !d
				}
				if bit, ok := format[[2]int{x, y}]; ok {
					d = formatBits(c.Level, m)>>bit&1 != 0
				}
				return d
			}
			if p := slowPenalty(c.Size(), other); p < chosen {
				t.Errorf("%d characters: mask %d has %d, the chosen %d has %d", n, m, p, c.Mask, chosen)
			}
		}
	}
}

// TestReaders prints symbols as the page does and reads them with the programs that people use.
func TestReaders(t *testing.T) {
	for _, n := range []int{60, 535, 1040, 1500} {
		s := text(n)
		file := filepath.Join(t.TempDir(), "code.png")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, encode(t, s).Image(4)), f.Close()); err != nil {
			t.Fatal(err)
		}
		for _, c := range [][]string{{"zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file}, {"ZXingReader", "-1", "-format", "QRCode", "-bytes", file}} {
			out, err := exec.Command(c[0], c[1:]...).Output()
			if err != nil {
				t.Errorf("%s, %d characters: %v", c[0], n, err)
				continue
			}
			if got := strings.TrimSuffix(string(out), "\n"); !strings.Contains(got, s) {
				t.Errorf("%s, %d characters: %q", c[0], n, got)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s := text(535) // a French vaccination: version 18 at level Q
	least := time.Hour
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		if c, err := qr.Encode(s); err != nil || c.Version != 18 {
			b.Fatal(err)
		}
		least = min(least, time.Since(start))
	}
	b.ReportMetric(float64(least.Nanoseconds()), "ns/best")
}

func FuzzEncode(f *testing.F) {
	f.Add("HC1:ABC")
	f.Add("é")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := qr.Encode(s)
		if err != nil {
			return
		}
		if got := read(t, c); got != s {
			t.Fatalf("%q reads as %q", s, got)
		}
	})
}

func ExampleEncode() {
	c, err := qr.Encode("HC1:6BF%RN%TSMAHN-H")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Version, c.Level, c.Size(), c.Image(4).Bounds().Dx())
	// Output: 2 Q 25 132
}
