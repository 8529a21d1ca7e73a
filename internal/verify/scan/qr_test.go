package scan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"

	"carnet/hcert/qr/grid"
)

// drawQR writes a text with gozxing, an independent writer.
func drawQR(t testing.TB, text string, version int, level decoder.ErrorCorrectionLevel, mask int) ([]bool, int) {
	t.Helper()
	hints := map[gozxing.EncodeHintType]any{gozxing.EncodeHintType_CHARACTER_SET: "ISO-8859-1", gozxing.EncodeHintType_QR_MASK_PATTERN: mask}
	if version > 0 {
		hints[gozxing.EncodeHintType_QR_VERSION] = version
	}
	code, err := encoder.Encoder_encode(text, level, hints)
	if err != nil {
		t.Fatal(err)
	}
	m := code.GetMatrix()
	dark := make([]bool, 0, m.GetWidth()*m.GetHeight())
	for y := range m.GetHeight() {
		for x := range m.GetWidth() {
			dark = append(dark, m.Get(x, y) == 1)
		}
	}
	return dark, m.GetWidth()
}

func TestReadQR(t *testing.T) {
	levels := []decoder.ErrorCorrectionLevel{decoder.ErrorCorrectionLevel_L, decoder.ErrorCorrectionLevel_M, decoder.ErrorCorrectionLevel_Q, decoder.ErrorCorrectionLevel_H}
	chance := rand.New(rand.NewPCG(1, 2))
	for version := 1; version <= 40; version++ {
		for l, level := range levels {
			text := []string{"FOUGERE", "0123456", "fougère"}[(version+l)%3]
			switch {
			case version == 1:
				text = "FOUG"
			case version > 6:
				text = fmt.Sprintf("%s %060d", text, version)
			}
			dark, side := drawQR(t, text, version, level, (version+l)%8)
			// A few wrong modules are repaired: one block repairs four codewords or more at level H.
			for range []int{0, 0, 1, 2}[l] {
				dark[chance.IntN(9*side)+side*(side-9)] = chance.IntN(2) == 0
			}
			got, err := readQR(dark, side)
			if want := latin1(text); err != nil || !bytes.Equal(got, want) {
				t.Errorf("version %d, level %v: %q, %v", version, level, got, err)
			}
		}
	}
	t.Run("every count of digits and letters", func(t *testing.T) {
		for n := 1; n < 12; n++ {
			for _, alphabet := range []string{"9876543210987", "A1$% *+-./:Z0"} {
				dark, side := drawQR(t, alphabet[:n], 0, levels[1], n%8)
				if got, err := readQR(dark, side); err != nil || string(got) != alphabet[:n] {
					t.Errorf("%q: %q, %v", alphabet[:n], got, err)
				}
			}
		}
	})
	t.Run("too much damage", func(t *testing.T) {
		dark, side := drawQR(t, "FOUGERE", 3, levels[0], 0)
		for i := range dark {
			if i/side > 8 && i%side > 8 {
				dark[i] = !dark[i]
			}
		}
		if got, err := readQR(dark, side); err == nil {
			t.Errorf("%q", got)
		}
	})
	t.Run("no symbol", func(t *testing.T) {
		for _, side := range []int{0, 17, 20, 22, 181} {
			if _, err := readQR(make([]bool, side*side), side); err == nil {
				t.Errorf("%d modules a side", side)
			}
		}
	})
}

func latin1(s string) []byte {
	var out []byte
	for _, r := range s {
		out = append(out, byte(r))
	}
	return out
}

// The rows and columns of alignment patterns, and what a symbol holds, are those that gozxing knows.
func TestQRTables(t *testing.T) {
	for version := 1; version <= 40; version++ {
		v, err := decoder.Version_GetVersionForNumber(version)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := grid.Alignment(version), v.GetAlignmentPatternCenters(); !slices.Equal(got, want) {
			t.Errorf("version %d: centres %v, want %v", version, got, want)
		}
		side := 17 + 4*version
		if got := len(qrCodewords(make([]bool, side*side), version, 0)); got != v.GetTotalCodewords() {
			t.Errorf("version %d: %d codewords, want %d", version, got, v.GetTotalCodewords())
		}
	}
}

func FuzzQR(f *testing.F) {
	f.Add([]byte{0x40, 0x11, 0x00}, byte(1), byte(7))
	f.Fuzz(func(t *testing.T, data []byte, version, level byte) {
		v := int(version)%40 + 1
		qrBytes(data, v)
		side := 17 + 4*v
		dark := make([]bool, side*side)
		for i := range dark {
			dark[i] = len(data) > 0 && data[i/8%len(data)]>>(i%8)&1 != 0
		}
		readQR(dark, side)
	})
}
