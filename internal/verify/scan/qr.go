package scan

import (
	"slices"

	"github.com/makiuchi-d/gozxing"
	qrdecoder "github.com/makiuchi-d/gozxing/qrcode/decoder"
)

// qrTemplates are the finder, timing and alignment patterns of the 40 versions of QR code
// (ISO/IEC 18004, 6.3).
func qrTemplates() ([]*template, error) {
	var out []*template
	for v := 1; v <= 40; v++ {
		version, err := qrdecoder.Version_GetVersionForNumber(v)
		if err != nil {
			return nil, err
		}
		n := 17 + 4*v
		fixed := map[[2]int]bool{}
		square := func(cx, cy, radius int) {
			for y := -radius; y <= radius; y++ {
				for x := -radius; x <= radius; x++ {
					if i, j := cx+x, cy+y; i >= 0 && j >= 0 && i < n && j < n {
						d := max(x, -x, y, -y)
						// From the middle: a finder is dark, dark, light, dark, light; an
						// alignment pattern dark, light, dark.
						fixed[[2]int{i, j}] = d != radius/2 && (radius == 2 || d != 4)
					}
				}
			}
		}
		for i := 8; i < n-8; i++ {
			fixed[[2]int{i, 6}] = i%2 == 0
			fixed[[2]int{6, i}] = i%2 == 0
		}
		centres := version.GetAlignmentPatternCenters()
		for _, x := range centres {
			for _, y := range centres {
				if corner := x == 6 && (y == 6 || y == n-7) || x == n-7 && y == 6; !corner {
					square(x, y, 2)
				}
			}
		}
		square(3, 3, 4)
		square(n-4, 3, 4)
		square(3, n-4, 4)
		t := &template{n: n}
		for p, dark := range fixed {
			t.cells = append(t.cells, cell{p[0], p[1], dark})
		}
		slices.SortFunc(t.cells, func(a, b cell) int { return (a.y-b.y)*1000 + a.x - b.x })
		out = append(out, t)
	}
	return out, nil
}

// byteHints make gozxing give one rune for each byte of a byte segment.
func byteHints() map[gozxing.DecodeHintType]any {
	return map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_CHARACTER_SET: "ISO-8859-1",
		gozxing.DecodeHintType_TRY_HARDER:    true,
	}
}

// textBytes turns the text of gozxing back into the bytes of the symbol. Only a symbol that names
// its character set itself can hold other runes; it is given in UTF-8.
func textBytes(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return []byte(s)
		}
		out = append(out, byte(r))
	}
	return out
}

// readQR turns the modules of a QR code into the bytes that it carries.
func readQR(dark []bool, side int) ([]byte, error) {
	bits, err := gozxing.NewSquareBitMatrix(side)
	if err != nil {
		return nil, err
	}
	for i, d := range dark {
		if d {
			bits.Set(i%side, i/side)
		}
	}
	result, err := qrdecoder.NewDecoder().Decode(bits, byteHints())
	if err != nil {
		return nil, err
	}
	return textBytes(result.GetText()), nil
}
