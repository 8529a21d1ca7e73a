package sheet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"log/slog"
	"math"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"

	"carnet/hcert/base45"
	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
	"carnet/internal/certify/seal"
)

// hc1 looks like a certificate: as long, and as dense.
func hc1(n int) string {
	noise := make([]byte, n)
	for i := range noise {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		noise[i] = sum[0]
	}
	return string(base45.AppendText([]byte("HC1:"), noise))
}

func european(family, given, text string) European {
	return European{
		FamilyName: family, GivenNames: given, BirthDate: "1951-01-01",
		Disease: Term{"840539006", "COVID-19"}, Vaccine: Term{"1119349007", "SARS-CoV-2 mRNA vaccine"},
		Product: Term{"EU/1/20/1528", "Comirnaty"}, Holder: Term{"ORG-100030215", "BioNTech"}, Dose: 3, Doses: 3, Date: "2026-06-01", Country: "FR",
		Identifier: "urn:uvci:01:FR:T5DWTJYS4ZR8#4", Text: text,
		Link:   "https://portefeuille.carnet.example/app/walletdcc#" + strings.NewReplacer("%", "%25", " ", "%20").Replace(text),
		Issuer: "Carnet, bac à sable", State: "FR", NoticeURL: "https://carnet.example/donnees-personnelles", Sandbox: true,
		IssuedAt: time.Date(2026, 6, 14, 8, 42, 0, 0, time.UTC), Expires: time.Date(2027, 6, 14, 8, 42, 0, 0, time.UTC), FileID: [16]byte{0x1C, 15: 2},
	}
}

func usualEuropean() European { return european("AUBÉPINE", "Fougère Rose", hc1(354)) }

func longestEuropean() European {
	e := european(longest().FamilyName, longest().GivenNames, hc1(600))
	e.Vaccine.Words, e.Product.Words, e.Holder.Words = "SARS-CoV-2 recombinant spike protein vaccine", "Inactivated SARS-CoV-2 (Vero Cell)", "Gulf Pharmaceutical Industries"
	e.Issuer = "Caisse régionale de prévention et de vaccination des Hautes-Fougères, bac à sable"
	return e
}

// sealed gives a page the seal of a key that was made for this test.
func sealed(t testing.TB, name string) *pdf.Seal {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(200), Subject: pkix.Name{CommonName: "Carnet, cachet d'essai", Country: []string{"FR"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.New(key, cert, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &pdf.Seal{Name: name, Reason: "Essai", Contents: "Cachet électronique", Sign: s.Sign}
}

// pages are the three documents, by name.
func pages(t testing.TB, seal bool) map[string]string {
	t.Helper()
	r := renderer(t)
	out := map[string]string{}
	keep := func(name string, b []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = filepath.Join(t.TempDir(), "page.pdf")
		if err := os.WriteFile(out[name], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, e := range map[string]European{"usual": usualEuropean(), "longest": longestEuropean()} {
		a := map[string]Attestation{"usual": usual(), "longest": longest()}[name]
		if seal {
			e.Seal, a.Seal = sealed(t, e.Issuer), sealed(t, a.Issuer)
		}
		b, err := r.RenderEuropean(e)
		keep("panels, "+name, b, err)
		b, err = r.RenderCard(e)
		keep("card, "+name, b, err)
		b, err = r.Render(a)
		keep("attestation, "+name, b, err)
	}
	return out
}

func TestEuropeanGolden(t *testing.T) {
	for name, render := range map[string]func(*Renderer, European) ([]byte, error){"panels": (*Renderer).RenderEuropean, "card": (*Renderer).RenderCard} {
		got, err := render(renderer(t), usualEuropean())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".pdf")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the file differs from %s (%v); look at it, then run with -update", path, err)
		}
	}
}

// TestSeals: foreign readers take the signature of every document, over the whole of it, and refuse it once a byte has changed.
func TestSeals(t *testing.T) {
	for name, path := range pages(t, true) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out := string(run(t, "pdfsig", path))
			for _, want := range []string{"Signature is Valid.", "Total document signed", "ETSI.CAdES.detached", "SHA-256", "Signer Certificate Common Name: Carnet, cachet d'essai"} {
				if !strings.Contains(out, want) {
					t.Errorf("pdfsig lacks %q in\n%s", want, out)
				}
			}
			if out, err := exec.Command("qpdf", "--check", "--", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
				t.Errorf("qpdf: %v\n%s", err, out)
			}
			conf := model.NewDefaultConfiguration()
			conf.ValidationMode = model.ValidationStrict
			if err := api.Validate(bytes.NewReader(file), conf); err != nil {
				t.Errorf("pdfcpu: %v", err)
			}
			i := bytes.Index(file, []byte("/Author("))
			file[i+8] ^= 1
			forged := path + ".forged.pdf"
			if err := os.WriteFile(forged, file, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := string(run(t, "pdfsig", forged)); strings.Contains(out, "Signature is Valid.") || !strings.Contains(out, "Digest Mismatch") {
				t.Errorf("a changed file: %s", out)
			}
		})
	}
}

// TestTagged looks for what PDF/UA-1 and PDF/A-2 ask for and can be asked of a tool that is here; no validator of either is.
func TestTagged(t *testing.T) {
	for name, path := range pages(t, true) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := string(run(t, "pdfinfo", path))
			for _, want := range []string{"Tagged:          yes", "Pages:           1", "PDF version:     1.7"} {
				if !strings.Contains(info, want) {
					t.Errorf("pdfinfo lacks %q in\n%s", want, info)
				}
			}
			if strings.Contains(info, "AUBÉPINE") || strings.Contains(info, "Aubépine") {
				t.Error("the metadata names the person")
			}
			tree := string(run(t, "pdfinfo", "-struct", path))
			figures := strings.Count(tree, "Figure:")
			if figures == 0 || !strings.Contains(tree, "H1") || !strings.Contains(tree, "Form") {
				t.Errorf("the tree is\n%s", tree)
			}
			text, err := exec.Command("qpdf", "--qdf", "--object-streams=disable", path, "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			if alts := bytes.Count(text, []byte("/Alt ")); alts <= figures { // each figure, and the field of the seal
				t.Errorf("%d alternate texts for %d figures", alts, figures)
			}
			for _, want := range []string{"/DisplayDocTitle true", "/Marked true", "/Tabs /S", "/GTS_PDFA1", "/SigFlags 3", "/Lang (fr-FR)", "pdfuaid:part>1<", "pdfaid:part>2<", "pdfaid:conformance>A<"} {
				if !bytes.Contains(text, []byte(want)) {
					t.Errorf("the file lacks %s", want)
				}
			}
			for _, never := range []string{"/JavaScript", "/Encrypt", "/Launch", "/EmbeddedFile", "/SMask"} {
				if bytes.Contains(text, []byte(never)) {
					t.Errorf("the file has %s", never)
				}
			}
		})
	}
}

func TestEuropeanText(t *testing.T) {
	spaces := regexp.MustCompile(`[\s\x{A0}]+`)
	path := pages(t, false)["panels, usual"]
	order := []string{
		"EU DIGITAL COVID CERTIFICATE", "CERTIFICAT COVID NUMÉRIQUE UE", "FR", "Carnet, bac à sable", "Délivré le 14/06/2026", "until 14/06/2027", sandboxFR,
		"Nom(s) de famille et prénom(s) / Surname(s) and forename(s):", "AUBÉPINE Fougère Rose", "Date of birth:", "1951-01-01", "urn:uvci:01:FR:T5DWTJYS4ZR8#4",
		"CERTIFICAT DE VACCINATION", "Maladie ou agent ciblé / Disease or agent targeted:", "COVID-19 840539006", "SARS-CoV-2 mRNA vaccine", "1119349007", "Comirnaty EU/1/20/1528",
		"BioNTech ORG-100030215", "3/3", "2026-06-01", "Member State of vaccination:", "FR", "Certificate issuer:", "Carnet, bac à sable",
		"n’est pas un document de voyage", "not a travel document", "règlement (UE) 2021/953", "article 441-1", "https://carnet.example/donnees-personnelles", "Flashez pour ajouter",
	}
	if missing := said(spaces.ReplaceAllString(string(run(t, "pdftotext", "-raw", "-enc", "UTF-8", path, "-")), " "), order...); missing != nil {
		t.Errorf("not said in this order: %q", missing)
	}
	card := spaces.ReplaceAllString(string(run(t, "pdftotext", "-raw", "-enc", "UTF-8", pages(t, false)["card, usual"], "-")), " ")
	if missing := said(card, "Certificat COVID numérique UE", "AUBÉPINE", "Fougère Rose", "1951-01-01", "3/3 – 2026-06-01", "Comirnaty", "FR", "SPÉCIMEN"); missing != nil {
		t.Errorf("the card does not say %q: %s", missing, card)
	}
}

// TestEuropeanStaysInPanels: no word crosses a fold, leaves the page, or lies on another one.
func TestEuropeanStaysInPanels(t *testing.T) {
	r := renderer(t)
	names := map[string][2]string{
		"usual": {"AUBÉPINE", "Fougère Rose"}, "80 characters": {longest().FamilyName, longest().GivenNames[:80]},
		"80 wide letters": {strings.Repeat("W", 80), strings.Repeat("M", 80)}, "given only": {"IF", ""},
	}
	for name, n := range names {
		e := longestEuropean()
		e.FamilyName, e.GivenNames = n[0], n[1]
		for kind, render := range map[string]func(European) ([]byte, error){"panels": r.RenderEuropean, "card": r.RenderCard} {
			t.Run(kind+", "+name, func(t *testing.T) {
				b, err := render(e)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "page.pdf")
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				page := allWords(t, path)
				for i, v := range page {
					if kind == "panels" && (v.x0 < pt(foldX)-0.1) != (v.x1 < pt(foldX)) || kind == "panels" && (v.y0 < pt(foldY)) != (v.y1 < pt(foldY)) {
						t.Errorf("%q lies on a fold", v.text)
					}
					if kind == "card" && (v.x1 > pt(cardWidth-1) || v.y1 > pt(cardHeight-0.5) || v.x0 < pt(51)) {
						t.Errorf("%q leaves the card: %.1f to %.1f mm, down to %.1f", v.text, mm(v.x0), mm(v.x1), mm(v.y1))
					}
					if kind == "panels" && (v.x1 > pt(pageWidth-5) || v.y1 > pt(pageHeight-3)) {
						t.Errorf("%q leaves the page", v.text)
					}
					for _, w := range page[:i] {
						dx, dy := min(v.x1, w.x1)-max(v.x0, w.x0), min(v.y1, w.y1)-max(v.y0, w.y0)
						if dx > 0.3 && dy > 1.2 {
							t.Errorf("%q and %q overlap by %.1f x %.1f points", v.text, w.text, dx, dy)
						}
					}
				}
			})
		}
	}
}

// allWords are the words of a page, however few.
func allWords(t *testing.T, path string) []word {
	t.Helper()
	var out []word
	for _, m := range regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*)</word>`).
		FindAllStringSubmatch(string(run(t, "pdftotext", "-bbox", path, "-")), -1) {
		var v [4]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
		out = append(out, word{m[5], v[0], v[1], v[2], v[3]})
	}
	if len(out) < 10 {
		t.Fatalf("only %d words", len(out))
	}
	return out
}

// worn is a page as it comes out of a poor scanner: turned by 3 degrees, then JPEG at quality 60.
func worn(t *testing.T, from string) string {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	b := in.Bounds()
	out := image.NewGray(image.Rect(0, 0, b.Dx()*11/10, b.Dy()*11/10))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	sin, cos := math.Sincos(3 * math.Pi / 180)
	draw.BiLinear.Transform(out, f64.Aff3{cos, -sin, float64(b.Dy()) * 0.07, sin, cos, 4}, in, b, draw.Src, nil)
	var j bytes.Buffer
	if err := jpeg.Encode(&j, out, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	to := from + ".jpg"
	if err := os.WriteFile(to, j.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestReadersReadTheEuropeanCodes(t *testing.T) {
	all := pages(t, true)
	for name, e := range map[string]European{"usual": usualEuropean(), "longest": longestEuropean()} {
		for _, kind := range []string{"panels", "card"} {
			for _, dpi := range []int{100, 150, 200} {
				if dpi == 100 && name == "longest" {
					continue // modules of 0.4 mm: 1.6 dots
				}
				t.Run(fmt.Sprintf("%s, %s, %d dpi", kind, name, dpi), func(t *testing.T) {
					t.Parallel()
					out := filepath.Join(t.TempDir(), "page")
					run(t, "pdftoppm", "-gray", "-png", "-singlefile", "-r", strconv.Itoa(dpi), all[kind+", "+name], out)
					pictures := []string{out + ".png"}
					if dpi == 200 && name == "usual" {
						pictures = append(pictures, worn(t, out+".png"))
					}
					for _, picture := range pictures {
						got := string(run(t, "zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", picture))
						lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
						want := []string{e.Text}
						if kind == "panels" {
							want = append(want, e.Link)
						}
						for _, w := range want {
							if !strings.Contains(got, w) {
								t.Errorf("zbarimg does not read all codes of %s: %d codes", filepath.Base(picture), len(lines))
							}
						}
					}
				})
			}
		}
	}
}

func TestEuropeanRefusals(t *testing.T) {
	r := renderer(t)
	for name, c := range map[string]struct {
		change      func(*European)
		code, field string
	}{
		"no name":    {func(e *European) { e.FamilyName = "" }, "sheet.empty", "familyName"},
		"no text":    {func(e *European) { e.Text = "" }, "sheet.empty", "text"},
		"other text": {func(e *European) { e.Text = "hc1:é" }, "sheet.code", "text"},
		"huge text":  {func(e *European) { e.Text = strings.Repeat("A", 1<<16) }, "sheet.code", "text"},
		"no link":    {func(e *European) { e.Link = "" }, "sheet.link", "link"},
		"huge link":  {func(e *European) { e.Link += strings.Repeat("A", 1<<16) }, "sheet.code", "link"},
		"dose 0":     {func(e *European) { e.Dose = 0 }, "sheet.rank", "dose"},
		"no glyph":   {func(e *European) { e.GivenNames = "蕨" }, "sheet.character", "givenNames"},
		"notice":     {func(e *European) { e.NoticeURL += " " + "é" }, "sheet.link", "noticeURL"},
		"long name":  {func(e *European) { e.FamilyName = strings.Repeat("W", 600) }, "sheet.long", "familyName"},
	} {
		t.Run(name, func(t *testing.T) {
			e := usualEuropean()
			c.change(&e)
			_, err := r.RenderEuropean(e)
			got, ok := errors.AsType[*carnet.Error](err)
			if !ok || got.Kind != carnet.Invalid || got.Code != c.code || got.Field != c.field {
				t.Errorf("got %v", err)
			}
		})
	}
	e := usualEuropean()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "e", e)
	for _, s := range []string{fmt.Sprint(e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), log.String()} {
		if strings.Contains(s, "AUB") || strings.Contains(s, "HC1") {
			t.Errorf("%q", s)
		}
	}
}
