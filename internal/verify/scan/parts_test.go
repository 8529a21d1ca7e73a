package scan

import (
	"slices"
	"strings"
	"testing"

	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
)

func TestSeveralSymbols(t *testing.T) {
	parts, err := twoddoc.Split([]byte(fougere), "A7K", 3)
	if err != nil {
		t.Fatal(err)
	}
	var symbols []string
	for _, p := range parts {
		s, _ := p.Draw()
		symbols = append(symbols, string(s))
	}
	t.Run("in lines, whatever their order, one twice", func(t *testing.T) {
		lines := []string{symbols[2], symbols[0], symbols[1], symbols[0]}
		codes := scan(t, []byte(strings.Join(lines, "\n")+"\n"+tilleul+"\n"))
		if len(codes) != 2 || codes[0].Format != TwoDDoc || string(codes[0].Payload) != fougere || codes[0].Line != 1 || codes[1].Format != HCert {
			t.Fatalf("%+v", codes)
		}
	})
	t.Run("one is missing: nothing is made up", func(t *testing.T) {
		codes := scan(t, []byte(symbols[0]+"\n"+symbols[2]+"\n"))
		if len(codes) != 2 || codes[0].Format != "" || codes[1].Format != "" {
			t.Fatalf("%+v", codes)
		}
	})
	t.Run("on a page", func(t *testing.T) {
		img := canvas(1200, 500)
		for i, p := range slices.Backward(parts) {
			s, at := p.Draw()
			m, err := datamatrix.EncodeSwitched(s, at, 0)
			if err != nil {
				t.Fatal(err)
			}
			modules{m.Side, m.Dark}.draw(img, float64(200+i*400), 250, 5, 0)
		}
		codes := scan(t, asPNG(t, img))
		if len(codes) != 1 || codes[0].Format != TwoDDoc || string(codes[0].Payload) != fougere || codes[0].Symbology != "datamatrix" {
			t.Fatalf("%d codes: %+v", len(codes), codes)
		}
	})
}
