package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"carnet/internal/carnet"
)

// A payload of type L1 about a person named after a plant, and a certificate text. Neither is
// signed: nothing here looks at signatures.
var (
	fougere = "DC04XX00TST127B327B3L101FRL0FOUGERE\x1dL1ALIX\x1dL201011980L3COVID-19\x1dL4J07BX03\x1dL5COMIRNATY PFIZER/BIONTECH\x1d" +
		"L6COMIRNATY PFIZER/BIONTECH\x1dL72L82L905032021LATE\x1f" + strings.Repeat("7ZV4QK", 17) + "A"
	tilleul = "HC1:" + strings.Repeat("6BFOXN%TSMAHN-HJTK6.Q837FEMYV6WI47X5+T9 YJ1OGI$+QWMI-RIZ5", 9)
)

func scan(t testing.TB, data []byte) []Code {
	t.Helper()
	codes, err := Scan(t.Context(), data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// expect compares what was found with symbology and payload pairs, in any order.
func expect(t testing.TB, codes []Code, want ...string) {
	t.Helper()
	found := map[string]int{}
	for _, c := range codes {
		found[c.Symbology+" "+string(c.Payload)]++
	}
	for i := 0; i < len(want); i += 2 {
		k := want[i] + " " + want[i+1]
		if found[k] == 0 {
			t.Errorf("not found: %.60q", k)
		}
		found[k]--
	}
	if len(codes) != len(want)/2 {
		t.Errorf("%d codes found, want %d", len(codes), len(want)/2)
		for _, c := range codes {
			t.Logf("%s at %v: %.40q", c.Symbology, c.Box, c.Payload)
		}
	}
}

// page draws both codes of an attestation among words and frames at a resolution.
func page(t testing.TB, dpi float64, degrees float64) *image.Gray {
	t.Helper()
	mm := dpi / 25.4
	img := canvas(int(210*mm), int(297*mm))
	scribble(img, 1)
	matrixOf(t, fougere, 0).draw(img, 46.5*mm, 170*mm, 32.3/52*mm, degrees)
	m := qrOf(t, tilleul, qr.Q)
	m.draw(img, 134.5*mm, 170*mm, 46/float64(m.side)*mm, degrees)
	return img
}

func TestPages(t *testing.T) {
	for _, c := range []struct {
		name string
		data func(t *testing.T) []byte
	}{
		{"100 dpi", func(t *testing.T) []byte { return asPNG(t, page(t, 100, 0)) }},
		{"150 dpi", func(t *testing.T) []byte { return asPNG(t, page(t, 150, 0)) }},
		{"200 dpi", func(t *testing.T) []byte { return asPNG(t, page(t, 200, 0)) }},
		{"300 dpi", func(t *testing.T) []byte { return asPNG(t, page(t, 300, 0)) }},
		{"JPEG quality 60", func(t *testing.T) []byte { return asJPEG(t, page(t, 150, 0), 60) }},
		{"JPEG quality 30", func(t *testing.T) []byte { return asJPEG(t, page(t, 150, 0), 30) }},
		{"turned by 3 degrees", func(t *testing.T) []byte { return asPNG(t, page(t, 150, 3)) }},
		{"turned by -8 degrees, JPEG", func(t *testing.T) []byte { return asJPEG(t, page(t, 150, -8), 60) }},
		{"turned by 45 degrees", func(t *testing.T) []byte { return asPNG(t, page(t, 150, 45)) }},
		{"turned by 90 degrees", func(t *testing.T) []byte { return asPNG(t, page(t, 150, 90)) }},
		{"upside down", func(t *testing.T) []byte { return asPNG(t, page(t, 150, 180)) }},
		{"light on dark", func(t *testing.T) []byte { return asPNG(t, inverted(page(t, 150, 0))) }},
		{"in a shadow", func(t *testing.T) []byte { return asPNG(t, dim(page(t, 150, 2))) }},
		{"noisy", func(t *testing.T) []byte { return asPNG(t, noisy(page(t, 150, 0), 40)) }},
		{"seen from a side", func(t *testing.T) []byte { return asJPEG(t, slanted(page(t, 200, 0)), 80) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, scan(t, c.data(t)), "datamatrix", fougere, "qr", tilleul)
		})
	}
}

// Every side of DataMatrix that our encoder draws, and many versions of QR code.
func TestEverySize(t *testing.T) {
	for n := 1; n <= 1200; n += 1 + n/9 {
		text := ("DC04" + strings.Repeat("A1 /B-2.\x1dC", n/10+1))[:max(n, 4)]
		t.Run(fmt.Sprint("datamatrix ", n), func(t *testing.T) {
			m := matrixOf(t, text, 0)
			img := canvas(m.side*3+30, m.side*3+30)
			m.draw(img, float64(img.Rect.Dx())/2, float64(img.Rect.Dy())/2, 3, 0)
			expect(t, scan(t, asPNG(t, img)), "datamatrix", text)
		})
	}
	for n := 5; n <= 2200; n += 1 + n/6 {
		text := ("HC1:" + strings.Repeat("A1 $%*+-./:", n/11+1))[:n]
		t.Run(fmt.Sprint("qr ", n), func(t *testing.T) {
			m := qrOf(t, text, qr.M)
			img := canvas(m.side*3+40, m.side*3+40)
			m.draw(img, float64(img.Rect.Dx())/2, float64(img.Rect.Dy())/2, 3, 0)
			expect(t, scan(t, asPNG(t, img)), "qr", text)
		})
	}
}

func TestNothingThere(t *testing.T) {
	blank := canvas(300, 400)
	words := canvas(900, 1200)
	scribble(words, 3)
	for name, img := range map[string]image.Image{"blank": blank, "words": words, "one pixel": canvas(1, 1), "noise": noisy(canvas(200, 200), 200)} {
		t.Run(name, func(t *testing.T) {
			if codes := scan(t, asPNG(t, img)); len(codes) != 0 {
				t.Errorf("found %d codes, the first says %.40q", len(codes), codes[0].Payload)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	good := asPNG(t, page(t, 72, 0))
	for _, c := range []struct {
		name   string
		data   []byte
		limits Limits
		code   string
	}{
		{"empty", nil, Limits{}, "scan.empty"},
		{"too large", make([]byte, 11), Limits{File: 10}, "scan.size"},
		{"binary", []byte("\x00\x01\x02\x03"), Limits{}, "scan.kind"},
		{"cut picture", good[:len(good)/2], Limits{}, "scan.picture"},
		{"too many pixels", good, Limits{Pixels: 1000}, "scan.pixels"},
		{"PDF in name only", []byte("%PDF-1.7\nnothing else"), Limits{}, "scan.pdf"},
		{"too many lines", []byte("a\nb\nc"), Limits{Lines: 2}, "scan.size"},
		{"no time", good, Limits{Time: time.Nanosecond}, "scan.time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Scan(t.Context(), c.data, c.limits)
			if got := carnet.CodeOf(err); err == nil || got != c.code {
				t.Errorf("%q (%v), want %q", got, err, c.code)
			}
			if carnet.KindOf(err) != carnet.Invalid {
				t.Errorf("kind %v", carnet.KindOf(err))
			}
		})
	}
}

func TestText(t *testing.T) {
	escaped := strings.NewReplacer("\x1d", "%1D", "\x1f", "%1F", " ", "%20").Replace(fougere)
	dcc := strings.NewReplacer("%", "%25", " ", "%20").Replace(tilleul)
	for _, c := range []struct {
		name, text, format, payload string
	}{
		{"raw 2D-Doc", fougere, TwoDDoc, fougere},
		{"raw 2D-Doc, end of line of Windows", fougere + "\r", TwoDDoc, fougere},
		{"link, query", "https://carnet.example/app/wallet?v=" + escaped, TwoDDoc, fougere},
		{"link, fragment", "https://carnet.example/app/wallet#" + escaped, TwoDDoc, fougere},
		{"link, wallet2d", "https://carnet.example/app/wallet2d#" + escaped, TwoDDoc, fougere},
		{"link, wallet2d query", "https://carnet.example/app/wallet2d?v=" + escaped, TwoDDoc, fougere},
		{"DCC", tilleul, HCert, tilleul},
		{"DCC that ends in a space", "HC1:ABC ", HCert, "HC1:ABC "},
		{"DCC link", "https://carnet.example/app/walletdcc#" + dcc, HCert, tilleul},
		{"DCC link, query", "https://carnet.example/app/walletdcc?v=" + dcc, HCert, tilleul},
		{"DCC link with a test code", "https://carnet.example/app/walletdcc#" + dcc + "%1EABC123", HCert, tilleul},
		{"wrong case", "hc1:ABC", HCert, "hc1:ABC"},
		{"exemption", "EX1:ABC", HCert, "EX1:ABC"},
		{"unknown version", "DC99FR00", TwoDDoc, "DC99FR00"},
		{"other text", "https://carnet.example/", "", "https://carnet.example/"},
		{"a link to something else", "https://carnet.example/app/wallet#nothing", "", "https://carnet.example/app/wallet#nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			codes := scan(t, []byte("\xef\xbb\xbf\n"+c.text+"\n\n"))
			if len(codes) != 1 {
				t.Fatalf("%d codes", len(codes))
			}
			got := codes[0]
			if got.Format != c.format || string(got.Payload) != c.payload || got.Symbology != "text" || got.Line != 2 {
				t.Errorf("got %q %q %q line %d", got.Format, got.Payload, got.Symbology, got.Line)
			}
		})
	}
	t.Run("version 01 holds any byte", func(t *testing.T) {
		payload := "DC01FR0000011E6D1E6D0000SOMETHING\n\x00\xff\x0a\x80"
		expect(t, scan(t, []byte(payload)), "text", payload)
	})
}

type vector struct {
	ID      string
	Image   string
	Payload []byte `json:"payload_b64"`
}

// The published symbols: all 46 are read, where other readers stop at 45.
func TestCorpusSymbols(t *testing.T) {
	dir := corpus(t, "CARNET_CORPUS_TWODDOC", "twoddoc")
	if dir == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []vector }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	read := 0
	byID := map[string]string{}
	for _, v := range all.Vectors {
		byID[v.ID] = string(v.Payload)
		if v.Image == "" {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, v.Image))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, scan(t, data), "datamatrix", string(v.Payload))
			if !t.Failed() {
				read++
			}
		})
	}
	t.Logf("%d symbols read", read)
	if read != 46 {
		t.Errorf("%d symbols read, want 46", read)
	}
	for _, c := range []struct {
		file string
		want []string // symbology and beginning of what is carried
	}{
		{"am-2021-05.png", []string{"datamatrix DC04FR0000011E6D", "qr https://bonjour.tousanticovid.gouv.fr/app/wallet?v=DC04"}},
		{"am-2021-06.png", []string{"datamatrix DC04FR0000011E8D"}},
		{"eu-2021-06.png", []string{"qr HC1:6BF", "qr https://bonjour.tousanticovid.gouv.fr/app/walletdcc#HC1:6BF"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "pages", c.file))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			codes := scan(t, data)
			t.Logf("%d codes in %v", len(codes), time.Since(start))
			if len(codes) != len(c.want) {
				t.Errorf("%d codes, want %d", len(codes), len(c.want))
			}
			for _, w := range c.want {
				ok := false
				for _, k := range codes {
					ok = ok || strings.HasPrefix(k.Symbology+" "+string(k.Carried), w)
				}
				if !ok {
					t.Errorf("not found: %s", w)
				}
			}
		})
	}
}

// The pictures of the European test data: every one that is a picture is read, Aztec included.
func TestCorpusCertificates(t *testing.T) {
	dir := corpus(t, "CARNET_CORPUS_DCC", "dcc")
	if dir == "" {
		return
	}
	files, read, french, compared := 0, 0, 0, 0
	err := filepath.WalkDir(filepath.Join(dir, "dgc-testdata"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(path), ".png") {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		codes, err := Scan(t.Context(), data, Limits{})
		if err != nil || len(codes) != 1 || codes[0].Format != HCert && !strings.Contains(path, "common") {
			t.Logf("not read: %s (%d codes, %v)", path, len(codes), err)
			return nil
		}
		read++
		if strings.Contains(path, string(filepath.Separator)+"FR"+string(filepath.Separator)) {
			french++
		}
		var raw []byte
		err = fs.ErrNotExist
		text := strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
		for _, folder := range []string{"/raw/", "/2DCode/raw/", "/2DCode/Raw/"} {
			if err != nil {
				raw, err = os.ReadFile(strings.Replace(text, "/png/", folder, 1))
			}
		}
		if err != nil {
			return nil
		}
		var v struct{ PREFIX string }
		if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), &v); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if v.PREFIX == string(codes[0].Carried) {
			compared++
		} else {
			t.Logf("the picture says something else than the text beside it: %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("dgc-testdata: %d of %d files read, %d of them French, %d equal to the text beside", read, files, french, compared)
	if read < 370 || french < 26 {
		t.Errorf("read %d pictures, %d French", read, french)
	}

	table, err := os.ReadFile(filepath.Join(dir, "dcc-qa", "qa-hc1.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	good, total := 0, 0
	for line := range strings.Lines(string(table)) {
		file, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if file == "file" {
			continue
		}
		total++
		data, err := os.ReadFile(filepath.Join(dir, "dcc-qa", file))
		if err != nil {
			t.Fatal(err)
		}
		if codes, err := Scan(t.Context(), data, Limits{}); err == nil && len(codes) == 1 && string(codes[0].Carried) == text {
			good++
		} else {
			t.Logf("not read: %s (%d codes, %v)", file, len(codes), err)
		}
	}
	t.Logf("dcc-qa: %d of %d", good, total)
	if good < 305 {
		t.Errorf("read %d of %d", good, total)
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte(fougere + "\n" + tilleul))
	f.Add([]byte("https://carnet.example/app/walletdcc?v=HC1:%1E%"))
	f.Add([]byte("DC01\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		codes, _ := scanText(data, Limits{}.filled())
		for _, c := range codes {
			if c.Format == "" && !bytes.Equal(c.Carried, c.Payload) || len(c.Payload) > len(c.Carried) {
				t.Errorf("payload %q of %q", c.Payload, c.Carried)
			}
		}
	})
}

// FuzzPicture reads raw pixels as a picture: nothing may panic or hang.
func FuzzPicture(f *testing.F) {
	m := matrixOf(f, "DC04", 0)
	img := canvas(40, 40)
	m.draw(img, 20, 20, 2.4, 0)
	f.Add(40, img.Pix)
	f.Add(3, []byte{1, 2, 3, 4, 5, 6})
	rd := newReader()
	f.Fuzz(func(t *testing.T, width int, pix []byte) {
		if width < 1 || width > 200 || len(pix) < width || len(pix) > 6_400 {
			t.Skip()
		}
		h := len(pix) / width
		if _, err := rd.read(context.Background(), raster{width, h, pix[:width*h]}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSymbol(f *testing.F) {
	f.Add([]byte{230, 40, 42, 77}, byte(3))
	f.Add([]byte{231, 44, 108, 59, 226, 126, 1, 104}, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, size byte) {
		matrixBytes(data)
		s := matrixSizes[int(size)%len(matrixSizes)]
		dark := make([]bool, s.side*s.side)
		for i := range dark {
			dark[i] = len(data) > 0 && data[i/8%len(data)]>>(i%8)&1 != 0
		}
		readMatrix(dark, s.side)
	})
}

func BenchmarkPage(b *testing.B) {
	r := toRaster(page(b, 200, 0))
	rd := newReader()
	for b.Loop() {
		if codes, err := rd.read(context.Background(), r); err != nil || len(codes) != 2 {
			b.Fatal(len(codes), err)
		}
	}
}
