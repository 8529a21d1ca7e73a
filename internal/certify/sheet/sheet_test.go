package sheet

import (
	"bytes"
	"crypto/sha512"
	"encoding/base32"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"pgregory.net/rapid"
	"rsc.io/qr/coding"

	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
)

var update = flag.Bool("update", false, "write the golden files again")

// payload looks like a signed attestation. The signature is not one, but as dense: this package
// draws what it is given.
func payload(l0, l1, vaccine string) []byte {
	text := "DC04XX000C1126B626B6L101FRL0" + l0 + "\x1dL1" + l1 + "\x1dL201011951L3COVID-19\x1dL4J07BX03\x1dL5" +
		vaccine + "\x1dL6" + vaccine + "\x1dL72L82L930042021LATE"
	sum := sha512.Sum512([]byte(text))
	return []byte(text + "\x1f" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

func attestation(family, given string, payload []byte) Attestation {
	escape := strings.NewReplacer("\x1d", "%1D", "\x1e", "%1E", "\x1f", "%1F", " ", "%20")
	return Attestation{
		FamilyName: family, GivenNames: given, BirthDate: "01/01/1951",
		Vaccine: "Comirnaty (Pfizer/BioNTech)", Rank: 2, Expected: 2, LastDate: "30/04/2021", Complete: true,
		Payload: payload, Link: "https://portefeuille.carnet.example/app/wallet2d#" + escape.Replace(string(payload)),
		Issuer: "Carnet, bac à sable", NoticeURL: "https://carnet.example/donnees-personnelles", Sandbox: true,
		IssuedAt: time.Date(2026, 6, 14, 8, 42, 0, 0, time.UTC), FileID: [16]byte{0x2D, 0xD0, 0xC0, 15: 1},
	}
}

func usual() Attestation {
	return attestation("Aubépine", "Fougère", payload("AUBEPINE", "FOUGERE", "COMIRNATY PFIZER/BIONTECH"))
}

// longest has names of 80 characters and more, and codes near the largest that there are.
func longest() Attestation {
	return attestation(
		"AUBÉPINE-TILLEUL DE LA FOUGÈRE DES BOIS SAINT-ÉGLANTIER ET DU GENÉVRIER-DU-NORD",
		"Églantine, Marguerite-Violette, Capucine, Anémone-des-Bois, Jacinthe, Clématite-Rose",
		payload("AUBEPINE-TILLEUL DE LA FOUGERE DES BOIS SAINT-EGLANTIER ET DU GENEVRIER-DU-NORD",
			"EGLANTINE/MARGUERITE-VIOLETTE/CAPUCINE/ANEMONE-DES-BOIS/JACINTHE/CLEMATITE-ROS", "COMIRNATY PFIZER/BIONTECH"))
}

// measles is the page of another disease; plain, that of a vaccine that no code can say.
func measles() Attestation {
	a := usual()
	a.Disease, a.Vaccine, a.Link = "rougeole, oreillons, rubéole / measles, mumps, rubella", "Priorix (GSK)", ""
	return a
}

func plain() Attestation {
	a := measles()
	a.Disease, a.Vaccine, a.Payload, a.Rank, a.Expected = "fièvre jaune / yellow fever", "Vaccin d'ailleurs", nil, 10, 10
	return a
}

func renderer(t testing.TB) *Renderer {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// render returns the file and its path.
func render(t testing.TB, r *Renderer, a Attestation) ([]byte, string) {
	t.Helper()
	b, err := r.Render(a)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "attestation.pdf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return b, path
}

// run calls a tool that the tests need; without it they fail. Some readers print warnings and
// report what they did not find by their exit code: the caller judges the output.
func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s is needed: %v", name, err)
	}
	return out
}

func TestGolden(t *testing.T) {
	r := renderer(t)
	for name, a := range map[string]Attestation{"usual": usual(), "longest": longest(), "measles": measles(), "plain": plain()} {
		t.Run(name, func(t *testing.T) {
			got, _ := render(t, r, a)
			if again, _ := render(t, renderer(t), a); !bytes.Equal(got, again) {
				t.Fatal("two renderers give different bytes")
			}
			path := filepath.Join("testdata", name+".pdf")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the file differs from %s; look at it, then run with -update", path)
			}
		})
	}
}

func TestForeignValidators(t *testing.T) {
	r := renderer(t)
	rare := usual()
	rare.FamilyName = "Nguyễn Ỷ"
	for name, a := range map[string]Attestation{"usual": usual(), "longest": longest(), "rare characters": rare, "measles": measles(), "plain": plain()} {
		t.Run(name, func(t *testing.T) {
			file, path := render(t, r, a)
			if out, err := exec.Command("qpdf", "--check", "--", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
				t.Errorf("qpdf: %v\n%s", err, out)
			}
			conf := model.NewDefaultConfiguration()
			conf.ValidationMode = model.ValidationStrict
			if err := api.Validate(bytes.NewReader(file), conf); err != nil {
				t.Errorf("pdfcpu: %v", err)
			}
			fonts := strings.Split(strings.TrimSpace(string(run(t, "pdffonts", path))), "\n")
			if len(fonts) != 4 {
				t.Fatalf("pdffonts: %q", fonts)
			}
			for _, f := range fonts[2:] {
				if !regexp.MustCompile(`^[A-Z]{6}\+LiberationSans(-Bold)? +CID TrueType +Identity-H +yes yes yes `).MatchString(f) {
					t.Errorf("font: %s", f)
				}
			}
			info := string(run(t, "pdfinfo", path))
			for _, want := range []string{
				"Title:           " + a.form().docTitle, "Tagged:          yes", "Pages:           1", "PDF version:     1.7",
				"Page size:       595.276 x 841.89 pts (A4)",
			} {
				if !strings.Contains(info, want) {
					t.Errorf("pdfinfo lacks %q in\n%s", want, info)
				}
			}
			if strings.Contains(info, a.FamilyName) || strings.Contains(info, a.GivenNames) {
				t.Error("the metadata names the person")
			}
		})
	}
}

// said returns the strings of want that do not follow each other in text.
func said(text string, want ...string) (missing []string) {
	for _, w := range want {
		i := strings.Index(text, w)
		if i < 0 {
			missing = append(missing, w)
			continue
		}
		text = text[i+len(w):]
	}
	return missing
}

func TestText(t *testing.T) {
	r := renderer(t)
	_, path := render(t, r, usual())
	spaces := regexp.MustCompile(`[\s\x{A0}]+`) // pdftotext prints some no-break spaces as plain ones
	order := []string{
		covidForm.title.fr, covidForm.title.en, covidForm.notice.fr, covidForm.notice.en, "Carnet, bac à sable", "Délivrée le 14/06/2026 à 10:42 (heure de Paris)",
		"Issued on 14/06/2026 at 10:42 (Paris time)", sandboxFR, sandboxEN,
		"Nom / Surname", "Aubépine", "Prénom(s) / Forename(s)", "Fougère", "Date de naissance / Date of birth", "01/01/1951",
		"Vaccin / Vaccine", "Comirnaty (Pfizer/BioNTech)", "Rang de la dernière injection effectuée / Dose number", "2",
		"Date de dernière injection effectuée / Date of last dose", "30/04/2021",
		"État de vaccination / Vaccination status", "Terminé / Completed",
		"2D-DOC", "contenu certifié / certified content", qrFR, qrEN,
		"délivrée en application du décret n° 2020-1690 du 25 décembre 2020", "not transferable",
		"droits d’accès, de rectification, de limitation et d’opposition", "(DPO)",
		"article 441-1 du Code pénal", "L. 162-1-14 du Code de la sécurité sociale",
		"Notice d’information / Information notice: https://carnet.example/donnees-personnelles",
	}
	// In the order of the content, and in that of the structure tree.
	tree := string(run(t, "pdfinfo", "-struct-text", path))
	var strs []string
	for _, m := range regexp.MustCompile(`(?m)^ *"(.*)"$`).FindAllStringSubmatch(tree, -1) {
		strs = append(strs, m[1])
	}
	for name, text := range map[string]string{
		"content":   string(run(t, "pdftotext", "-raw", "-enc", "UTF-8", path, "-")),
		"structure": strings.Join(strs, " "),
	} {
		if missing := said(spaces.ReplaceAllString(text, " "), order...); missing != nil {
			t.Errorf("%s: not said in this order: %q\n%s", name, missing, text)
		}
	}
	laid := spaces.ReplaceAllString(string(run(t, "pdftotext", "-layout", "-enc", "UTF-8", path, "-")), " ")
	for _, w := range []string{"Aubépine", "Fougère", "Délivrée", "À conserver", "SPÉCIMEN"} {
		if !strings.Contains(laid, w) {
			t.Errorf("pdftotext -layout lost %q", w)
		}
	}
	if links := regexp.MustCompile(`(?m)^  +Link \(inline\)\n( +Figure:\n.*\n.*\n)? +Object \d`).FindAllString(string(run(t, "pdfinfo", "-struct", path)), -1); len(links) != 2 {
		t.Errorf("links in the tree: %q", links)
	}
}

// TestInClear counts what the page says about the person: nothing but what is allowed.
func TestInClear(t *testing.T) {
	a := usual()
	a.Expected = 7
	_, path := render(t, renderer(t), a)
	text := string(run(t, "pdftotext", "-enc", "UTF-8", path, "-"))
	for _, hidden := range []string{"7", "J07", "FOUGERE", string(a.Payload[len(a.Payload)-20:])} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is printed in clear", hidden)
		}
	}
	a.Complete, a.Sandbox = false, false
	_, path = render(t, renderer(t), a)
	text = string(run(t, "pdftotext", "-enc", "UTF-8", path, "-"))
	if !strings.Contains(text, "En cours / On-going") || strings.Contains(text, "Terminé") || strings.Contains(text, "SPÉCIMEN") {
		t.Errorf("state or specimen line is wrong in\n%s", text)
	}
}

// figures returns the places of the two codes that the structure tree tells, in millimetres from
// the top left corner: left, top, right, bottom.
func figures(t *testing.T, path string) [][4]float64 {
	t.Helper()
	var out [][4]float64
	for _, m := range regexp.MustCompile(`/BBox \[([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)\]`).FindAllStringSubmatch(string(run(t, "pdfinfo", "-struct", path)), -1) {
		var v [4]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
		out = append(out, [4]float64{mm(v[0]), pageHeight - mm(v[3]), mm(v[2]), pageHeight - mm(v[1])})
	}
	if len(out) != 2 {
		t.Fatalf("%d figures", len(out))
	}
	return out
}

// widest holds the payload with the largest codes that the format allows: every variable field
// at the length that is written, and as many characters as possible that need an escape.
func widest() Attestation {
	spaced := func(n int) string { return strings.Repeat("A ", n)[:n] }
	return attestation("Aubépine", "Fougère", payload(spaced(79), spaced(79), spaced(29)))
}

func TestPlaceOfCodes(t *testing.T) {
	r := renderer(t)
	for name, a := range map[string]Attestation{"usual": usual(), "longest": longest(), "widest": widest()} {
		t.Run(name, func(t *testing.T) {
			matrix, err := encodeMatrix(a.Payload)
			if err != nil {
				t.Fatal(err)
			}
			qr, err := r.qr.encode(a.Link)
			if err != nil {
				t.Fatal(err)
			}
			_, path := render(t, r, a)
			for i, c := range []struct {
				modules int
				quiet   float64
				boxLeft float64
			}{{matrix.Size(), 2, left}, {qr.Size(), 4, second}} {
				f := figures(t, path)[i]
				side := f[2] - f[0]
				module := side / float64(c.modules)
				quiet := c.quiet * module
				if module < 0.47 || side > maxCode+0.01 || side < 32.2 {
					t.Errorf("code %d: %d modules of %.3f mm, side %.2f", i, c.modules, module, side)
				}
				if f[0]-quiet < c.boxLeft || f[2]+quiet > c.boxLeft+boxWidth || f[1]-quiet < boxTop || f[3]+quiet > captionFirst-2.3 {
					t.Errorf("code %d at %.1f does not fit in its box with a quiet zone of %.1f mm", i, f, quiet)
				}
				if f[1] < pageHeight/2 {
					t.Errorf("code %d begins in the upper half of the page", i)
				}
			}
		})
	}
}

// word is a word on the page with its box, in points from the top left corner.
type word struct {
	text           string
	x0, y0, x1, y1 float64
}

func words(t *testing.T, path string) []word {
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
	if len(out) < 150 {
		t.Fatalf("only %d words", len(out))
	}
	return out
}

func TestNothingOverlaps(t *testing.T) {
	r := renderer(t)
	names := map[string][2]string{
		"usual":           {"Aubépine", "Fougère"},
		"one letter":      {"Y", "O"},
		"80 characters":   {longest().FamilyName + "E", longest().GivenNames},
		"80 wide letters": {strings.Repeat("W", 80), strings.Repeat("M", 80)},
		"80 without cut":  {strings.Repeat("É", 80), "Jacinthe"},
		"hyphens":         {strings.Repeat("Houx-", 15) + "Houx", strings.Repeat("Lis-", 19) + "Lis"},
		"slashes":         {"Tilleul", strings.Repeat("MARGUERITE/", 7) + "ROSE"},
		"six given names": {"de la Fougère", "Églantine, Marguerite, Violette, Capucine, Anémone, Clématite"},
		"120 characters":  {strings.Repeat("Aubépine des Bois ", 7)[:124], "Lin"},
		"spaces":          {"  Aubépine   Tilleul  ", "Fougère"},
	}
	for name, n := range names {
		t.Run(name, func(t *testing.T) {
			a := longest()
			a.FamilyName, a.GivenNames = n[0], n[1]
			a.Vaccine = "COVID-19 Vaccine Janssen (Janssen-Cilag International, Johnson & Johnson)"
			a.Issuer = "Caisse régionale de prévention et de vaccination des Hautes-Fougères, bac à sable de Carnet"
			a.NoticeURL = "https://portail.carnet.example/informations-legales/protection-des-donnees/vaccination-covid-19/notice?version=3"
			_, path := render(t, r, a)
			page := words(t, path)
			for _, f := range figures(t, path) {
				page = append(page, word{"[code]", pt(f[0]), pt(f[1]), pt(f[2]), pt(f[3])})
			}
			for i, v := range page {
				if v.x0 < pt(left)-0.1 || v.x1 > pt(right)+0.1 {
					t.Errorf("%q is outside the text block: %.1f to %.1f mm", v.text, mm(v.x0), mm(v.x1))
				}
				for _, w := range page[:i] {
					// Boxes of words go from ascender to descender, and lines may touch.
					dx, dy := min(v.x1, w.x1)-max(v.x0, w.x0), min(v.y1, w.y1)-max(v.y0, w.y0)
					if dx > 0.3 && dy > 0.6 {
						t.Errorf("%q and %q overlap by %.1f x %.1f points", v.text, w.text, dx, dy)
					}
				}
			}
			if text := strings.Join(strings.Fields(string(run(t, "pdftotext", "-raw", "-enc", "UTF-8", path, "-"))), ""); !strings.Contains(text, strings.Join(strings.Fields(n[0]), "")) {
				t.Error("the family name is not complete")
			}
		})
	}
}

func TestReadersReadBothCodes(t *testing.T) {
	r := renderer(t)
	for _, c := range []struct {
		name string
		a    Attestation
	}{
		{"short names", attestation("If", "Lin", payload("IF", "LIN", "MODERNA"))},
		{"usual names", usual()},
		{"two names each", attestation("Aubépine Tilleul", "Églantine, Violette", payload("AUBEPINE TILLEUL DE LA FOUGERE", "EGLANTINE/VIOLETTE", "PFIZER/BIONTECH - COMIRNATY"))},
		{"names at the limits", longest()},
		{"widest codes", widest()},
	} {
		for _, dpi := range []int{100, 150, 200, 300} {
			t.Run(fmt.Sprintf("ATT-14 both codes are read back by independent readers, %s, %d dpi", c.name, dpi), func(t *testing.T) {
				t.Parallel()
				_, path := render(t, r, c.a)
				page := filepath.Join(t.TempDir(), "page")
				crop := page + "-box"
				raster := func(out string, more ...string) {
					args := append([]string{"-gray", "-png", "-singlefile", "-r", strconv.Itoa(dpi)}, more...)
					run(t, "pdftoppm", append(args, path, out)...)
				}
				px := func(mm float64) string { return strconv.Itoa(int(mm / 25.4 * float64(dpi))) }
				raster(page)
				raster(crop, "-x", px(left), "-y", px(boxTop), "-W", px(boxWidth), "-H", px(boxBottom-boxTop))

				for reader, got := range map[string][]byte{
					"dmtxread, page":   run(t, "dmtxread", "-m", "30000", "-N", "1", page+".png"),
					"ZXingReader, box": run(t, "ZXingReader", "-format", "DataMatrix", "-bytes", crop+".png"),
				} {
					if !bytes.Equal(got, c.a.Payload) {
						t.Errorf("DataMatrix, %s: %q", reader, got)
					}
				}
				for reader, got := range map[string][]byte{
					"ZXingReader, page": run(t, "ZXingReader", "-format", "QRCode", "-bytes", page+".png"),
					"zbarimg, page":     bytes.TrimSuffix(run(t, "zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", page+".png"), []byte("\n")),
				} {
					if string(got) != c.a.Link {
						t.Errorf("QR code, %s: %q", reader, got)
					}
				}
				if text := string(run(t, "pdftotext", "-raw", path, "-")); !strings.Contains(text, qrFR+"\n"+qrEN) {
					t.Error("the right code is not labelled")
				}
			})
		}
	}
}

func TestRareCharacters(t *testing.T) {
	r := renderer(t)
	for _, name := range []string{"Nguyễn Thị Hoa", "Παπαδοπούλου", "Шиповник", "Ṣọlá", "E\u0301glantine", "Ştefănescu", "O’Brien–Ægir", "ẞen"} {
		t.Run(name, func(t *testing.T) {
			a := usual()
			a.GivenNames = name
			_, path := render(t, r, a)
			text := string(run(t, "pdftotext", "-enc", "UTF-8", path, "-"))
			if want := strings.ReplaceAll(name, "E\u0301", "É"); !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	r := renderer(t)
	for name, c := range map[string]struct {
		change      func(*Attestation)
		code, field string
	}{
		"no name":           {func(a *Attestation) { a.FamilyName = " " }, "sheet.empty", "familyName"},
		"no payload":        {func(a *Attestation) { a.Payload = nil }, "sheet.empty", "payload"},
		"no link":           {func(a *Attestation) { a.Link = "" }, "sheet.empty", "link"},
		"not UTF-8":         {func(a *Attestation) { a.GivenNames = "Foug\xe8re" }, "sheet.text", "givenNames"},
		"line end":          {func(a *Attestation) { a.GivenNames = "Fougère\nTilleul" }, "sheet.text", "givenNames"},
		"no glyph":          {func(a *Attestation) { a.FamilyName = "蕨" }, "sheet.character", "familyName"},
		"needs shaping":     {func(a *Attestation) { a.FamilyName = "سرخس" }, "sheet.character", "familyName"},
		"right to left":     {func(a *Attestation) { a.FamilyName = "שרך" }, "sheet.character", "familyName"},
		"invisible":         {func(a *Attestation) { a.FamilyName = "Aubé\u200bpine" }, "sheet.character", "familyName"},
		"direction":         {func(a *Attestation) { a.FamilyName = "\u202eAubépine" }, "sheet.character", "familyName"},
		"rank 0":            {func(a *Attestation) { a.Rank = 0 }, "sheet.rank", "rank"},
		"tenth dose":        {func(a *Attestation) { a.Rank = 10 }, "sheet.rank", "rank"},
		"expected 10":       {func(a *Attestation) { a.Expected = 10 }, "sheet.rank", "expected"},
		"space in link":     {func(a *Attestation) { a.Link += " A" }, "sheet.link", "link"},
		"accent in address": {func(a *Attestation) { a.NoticeURL += "é" }, "sheet.link", "noticeURL"},
		"long text":         {func(a *Attestation) { a.FamilyName = strings.Repeat("A", maxText+1) }, "sheet.long", "familyName"},
		"long name":         {func(a *Attestation) { a.GivenNames = strings.Repeat("W", 500) }, "sheet.long", "givenNames"},
		"long issuer":       {func(a *Attestation) { a.Issuer = strings.Repeat("Fougère ", 40) }, "sheet.long", "issuer"},
		"long address":      {func(a *Attestation) { a.NoticeURL += strings.Repeat("a", 200) }, "sheet.long", "noticeURL"},
		"large payload":     {func(a *Attestation) { a.Payload = bytes.Repeat([]byte("A"), 600) }, "sheet.code", "payload"},
		"huge payload":      {func(a *Attestation) { a.Payload = bytes.Repeat([]byte("A"), 1<<20) }, "sheet.code", "payload"},
		"large link":        {func(a *Attestation) { a.Link += strings.Repeat("A", 1<<20) }, "sheet.code", "link"},
	} {
		t.Run(name, func(t *testing.T) {
			a := usual()
			c.change(&a)
			b, err := r.Render(a)
			var e *carnet.Error
			if !errors.As(err, &e) {
				t.Fatalf("%d bytes, error %v", len(b), err)
			}
			if e.Kind != carnet.Invalid || e.Code != c.code || e.Field != c.field {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "ub") || strings.Contains(err.Error(), "蕨") {
				t.Errorf("the error tells who it is: %v", err)
			}
		})
	}
}

func TestAttestationHidesItself(t *testing.T) {
	a := usual()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", a)
	for _, s := range []string{fmt.Sprint(a), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a), log.String()} {
		if strings.Contains(s, "pine") || strings.Contains(s, "DC04") {
			t.Errorf("%q", s)
		}
	}
}

func TestWrap(t *testing.T) {
	f := renderer(t).usual[&covidForm].bold
	for _, c := range []struct {
		text  string
		width float64
		want  []string
	}{
		{"Aubépine", 100, []string{"Aubépine"}},
		{"Aubépine des Bois", 60, []string{"Aubépine ", "des Bois"}},
		{"Marguerite-Violette", 70, []string{"Marguerite-", "Violette"}},
		{"ROSE/LIN/HOUX", 62, []string{"ROSE/LIN/", "HOUX"}},
		{"n° 2020-1690 2", 62, []string{"n° ", "2020-1690 ", "2"}},
		{"WWWWWWWW", 30, []string{"WW", "WW", "WW", "WW"}},
		{"WW", 1, []string{"W", "W"}},
		{"", 10, []string{""}},
	} {
		if diff := cmp.Diff(c.want, wrap(f, 12, c.width, c.text)); diff != "" {
			t.Errorf("%q in %v: %s", c.text, c.width, diff)
		}
	}
}

func TestWrapLosesNothing(t *testing.T) {
	f := renderer(t).usual[&covidForm].bold
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("AWiÉ-/' ")), 0, 200, -1).Draw(t, "text")
		width := rapid.Float64Range(15, 300).Draw(t, "width")
		lines := wrap(f, 10, width, s)
		if got := strings.Join(lines, ""); got != s {
			t.Fatalf("%q became %q", s, got)
		}
		for _, l := range lines {
			if w := f.Width(strings.TrimRight(l, " "), 10); w > width {
				t.Fatalf("line %q is %v wide, limit %v", l, w, width)
			}
		}
	})
}

func TestQRCode(t *testing.T) {
	e := newQREncoder()
	link := usual().Link
	code, err := e.encode(link)
	if err != nil {
		t.Fatal(err)
	}
	// One byte segment would need a larger version.
	bytesOnly := coding.Version(1)
	for coding.String(link).Bits(bytesOnly) > 8*bytesOnly.DataBytes(coding.M) {
		bytesOnly++
	}
	if code.Size() >= 17+4*int(bytesOnly) {
		t.Errorf("%d modules, one byte segment takes %d", code.Size(), 17+4*int(bytesOnly))
	}
	for _, s := range []string{"", "a", "A", "abc#", "https://carnet.example/#A"} {
		if _, err := e.encode(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := e.encode(strings.Repeat("A", 3000)); err == nil {
		t.Error("a text that is too long was encoded")
	}
}

func TestAlphanumericSegment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")), 0, 300, -1).Draw(t, "text")
		v := coding.Version(rapid.IntRange(1, 40).Draw(t, "version"))
		var got, want coding.Bits
		alpha(s).Encode(&got, v)
		coding.Alpha(s).Encode(&want, v)
		got.Write(0, -got.Bits()&7)
		want.Write(0, -want.Bits()&7)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatal("the bits differ from those of rsc.io/qr")
		}
	})
}

func TestMatrixSides(t *testing.T) {
	var m pdf.Matrix
	m, err := encodeMatrix(usual().Payload)
	if err != nil || m.Size() != 52 {
		t.Errorf("usual payload: %v", err)
	}
	if !m.Dark(0, 0) || m.Dark(1, 0) || !m.Dark(0, m.Size()-1) {
		t.Error("the symbol is not turned as drawn")
	}
	if m, err = encodeMatrix(longest().Payload); err != nil || m.Size() > maxSide {
		t.Errorf("longest payload: %v", err)
	}
}
