//go:build !wasip1

package scan

import (
	"fmt"
	"image"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/aztec"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// foreign asks gozxing, whose detectors look for QR finder patterns and Aztec bull's-eyes in the
// whole of a small picture.
func foreign(r raster, box image.Rectangle) (Code, bool) {
	if r.w < 16 || r.h < 16 {
		return Code{}, false
	}
	source := &luminance{gozxing.LuminanceSourceBase{Width: r.w, Height: r.h}, r}
	for _, b := range [...]gozxing.Binarizer{gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source)} {
		bitmap, err := gozxing.NewBinaryBitmap(b)
		if err != nil {
			continue
		}
		if text, err := guarded(qrcode.NewQRCodeReader(), bitmap); err == nil && text != "" {
			return Code{Symbology: "qr", Payload: textBytes(text), Box: box}, true
		}
		if text, err := guarded(aztec.NewAztecReader(), bitmap); err == nil && text != "" {
			return Code{Symbology: "aztec", Payload: textBytes(text), Box: box}, true
		}
	}
	return Code{}, false
}

// guarded keeps a fault of the other library from ending the program.
func guarded(rd gozxing.Reader, bitmap *gozxing.BinaryBitmap) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading a symbol: %v", p)
		}
	}()
	result, err := rd.Decode(bitmap, byteHints())
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// luminance shows a raster to gozxing.
type luminance struct {
	gozxing.LuminanceSourceBase
	r raster
}

func (l *luminance) GetRow(y int, row []byte) ([]byte, error) {
	if y < 0 || y >= l.r.h {
		return nil, fmt.Errorf("row %d is outside the picture", y)
	}
	return append(row[:0], l.r.pix[y*l.r.w:(y+1)*l.r.w]...), nil
}

func (l *luminance) GetMatrix() []byte               { return l.r.pix }
func (l *luminance) Invert() gozxing.LuminanceSource { return gozxing.LuminanceSourceInvert(l) }
func (l *luminance) String() string                  { return gozxing.LuminanceSourceString(l) }

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
