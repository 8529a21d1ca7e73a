package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone/phonetest"
	"carnet/internal/site/sitetest"
)

type step = chromedp.Action[chromedp.Void]

func fill(sel, value string) step { return chromedp.SetValue(chromedp.CSS(sel), value) }

// in logs in at a provider of the sandbox.
func in(origin, identifier, password string) []step {
	return []step{
		chromedp.Navigate(origin),
		sitetest.Press(`form[action="/connexion"] button`),
		fill("#identifier", identifier), fill("#password", password),
		sitetest.Press(`button[value="login"]`),
	}
}

// called logs a professional in by telephone, without a script in the browser: the number, the wait,
// the telephone, the opening at a first place.
func called(t *testing.T, c *carnet, p sandbox.Practitioner) []step {
	telephone := phonetest.Give(t, c.psc, p.Identifier, rand.Reader)
	var digits string
	return []step{
		chromedp.Navigate(c.pro),
		fill("#number", p.Professional.Number.Reveal()), sitetest.Press(`form[action="/connexion/appel"] button`),
		func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			words, err := chromedp.Text(chromedp.CSS("p.code"))(ctx, t)
			digits = strings.Join(strings.Fields(words), "")
			return chromedp.Void{}, err
		},
		chromedp.Func(func(context.Context, *chromedp.Target) error { return approve(telephone, digits) }),
		again(c.pro + "/connexion/attente"),
		sitetest.Tick("#situation"), sitetest.Press(`form[action="/connexion/ouverture"] button`),
	}
}

// approve types the number and the code. A request that is unusual must be read for some seconds first.
func approve(p *phonetest.Phone, number string) error {
	err := p.Approve(number)
	if early, ok := errors.AsType[*phonetest.Fault](err); ok && early.Code == "phone.early" {
		time.Sleep(time.Duration(early.Wait)*time.Millisecond + 100*time.Millisecond)
		err = p.Approve(number)
	}
	return err
}

// again looks at a waiting page until it leads on. The site asks the provider at most every few seconds.
func again(address string) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for {
			if _, err := chromedp.Navigate(address)(ctx, t); err != nil {
				return chromedp.Void{}, err
			}
			at, err := chromedp.Location()(ctx, t)
			if err != nil || at != address {
				return chromedp.Void{}, err
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return chromedp.Void{}, ctx.Err()
			}
		}
	}
}

// citizen logs in at an identity provider behind the platform for insured people.
func citizen(origin, identifier, password string) []step {
	steps := in(origin, identifier, password)
	return slices.Concat(steps[:2], []step{sitetest.Press(`button[value="ameli"]`)}, steps[2:], []step{sitetest.Press(`button[value="continue"]`)})
}

var out = sitetest.Press(`form[action="/deconnexion"] button`)

// read keeps the words of a page.
func read(into *string) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		s, err := chromedp.Text(chromedp.CSS("body"))(ctx, t)
		*into = s
		return chromedp.Void{}, err
	}
}

// address keeps the address of a page.
func address(into *string) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		s, err := chromedp.Location()(ctx, t)
		*into = s
		return chromedp.Void{}, err
	}
}

// cookies keeps the cookies of the browser for an address.
func cookies(origin string, into *[]*network.Cookie) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		r, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{origin}})
		if err == nil {
			*into = r.Cookies
		}
		return chromedp.Void{}, err
	}
}

func contains(t *testing.T, where, text string, words ...string) {
	t.Helper()
	plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'").Replace(text)
	for _, w := range words {
		if !strings.Contains(plain, w) {
			t.Errorf("%s does not say %q:\n%s", where, w, plain)
		}
	}
}

const lot = "ZQXJ4711"

// TestLoop goes through the whole loop in a browser without JavaScript, with the program as it is
// built: a professional records, the insured person downloads, anyone verifies. Then it stops the
// program, starts it again, and looks for what must not be on the disk.
func TestLoop(t *testing.T) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	person, professional := world.People[0], world.Professionals[0]
	dir := t.TempDir()
	browser := sitetest.NewBrowser(t)
	c := serve(t, dir)
	french := map[string]string{"Accept-Language": "fr"}

	// Nothing recorded yet: the page says so and what to do.
	var empty string
	browser.Look(t, sitetest.Look{URL: c.attest, Width: 320, Scheme: sitetest.Light, Headers: french,
		Do: append(citizen(c.attest, person.Identifier, world.Password()), read(&empty), out)})
	contains(t, "the page without a dose", empty, "Aucune dose n'est enregistrée à votre nom", "Vous avez pourtant été vacciné", "demandez à la personne")

	var checked, saved, back, file, form string
	record := append(called(t, c, professional),
		fill("#nir", person.Identity.NIR.Reveal()), sitetest.Press(`form[action="/vacciner"] button`), address(&form),
		fill("#vaccine", "EU/1/20/1528"), fill("#lot", lot), sitetest.Tick("#asked"), sitetest.Tick("#site"), sitetest.Press("form.form .actions button"),
		read(&checked),
		sitetest.Press(`form[action$="/enregistrer"] .actions button`),
		read(&saved),
		// Back to the form that was sent: it leads to the dose that is there.
		func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			return chromedp.Navigate(form)(ctx, t)
		},
		read(&back),
		sitetest.Press(`a[href^="/personnes/"]:not([href*="doses"])`), read(&file),
		out,
	)
	browser.Look(t, sitetest.Look{URL: c.pro, Width: 1280, Scheme: sitetest.Light, Headers: french, Do: record})
	contains(t, "the page that asks to check", checked, "Comirnaty", lot, "1 sur 2", "En cours")
	contains(t, "the page after saving", saved, "enregistrée")
	contains(t, "the form, met again", back, "déjà", "Comirnaty")
	contains(t, "the file", file, "Une dose", "1 sur 2", "Comirnaty", professional.Professional.FamilyName.Reveal())
	if strings.Count(file, "1 sur 2") != 2 || strings.Contains(file, "2 sur 2") { // where the person stands, and the one dose
		t.Errorf("sent twice, the dose is there twice:\n%s", file)
	}

	var situation string
	var jar []*network.Cookie
	browser.Look(t, sitetest.Look{URL: c.attest, Width: 320, Scheme: sitetest.Dark, Headers: french,
		Do: append(citizen(c.attest, person.Identifier, world.Password()), read(&situation), cookies(c.attest, &jar))})
	contains(t, "the person's page", situation, "En cours", "Comirnaty", "dose 1 sur 2", "Télécharger l'attestation")
	if strings.Contains(situation, lot) {
		t.Error("the person's page shows the lot, which its purpose does not open")
	}

	pdf := download(t, c.attest+"/ma-vaccination/attestation", jar)
	path := filepath.Join(dir, "attestation.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("ATT-12 the PDF opens for the session of the person and for nothing else", func(t *testing.T) {
		for name, with := range map[string][]*network.Cookie{"no session": nil, "a forged one": {{Name: jar[0].Name, Value: strings.Repeat("A", len(jar[0].Value))}}} {
			if r := get(t, c.attest+"/ma-vaccination/attestation", with); r.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: status %d", name, r.StatusCode)
			}
		}
	})

	t.Run("anyone verifies", func(t *testing.T) {
		verdicts := verify(t, 0, "--trust", filepath.Join(dir, "data", "trust"), path)
		if len(verdicts) != 2 {
			t.Fatalf("%d codes", len(verdicts))
		}
		for _, v := range verdicts {
			if !v.Valid || len(v.Reasons) != 0 || v.Format != "2d-doc" || v.Key != "FR00/CAR1" || v.Content["familyName"] != "FOUGERE" || v.Content["rank"] != float64(1) {
				t.Errorf("verdict %+v", v)
			}
		}
		other := t.TempDir() // the certificates of another instance
		if out, err := exec.Command(program(t), "demo", "--out", other).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, v := range verify(t, 1, "--trust", filepath.Join(other, "trust"), path) {
			if v.Valid {
				t.Error("another instance's certificates make it valid")
			}
		}
	})

	t.Run("the wallet takes the PDF, and the server does not see it", func(t *testing.T) {
		look := sitetest.Look{URL: c.wallet, Width: 320, Scheme: sitetest.Light, JS: true, Headers: french}
		browser.Visit(t, look, func(v *sitetest.Visit) {
			const data = `document.getElementById("wallet").dataset`
			v.Value(data + ".state")
			v.Do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
			if n := v.Value(data + ".found"); n != "1" {
				t.Errorf("%s documents in the PDF", n)
			}
			v.Expect("/", "FOUGERE")
			v.Do(sitetest.Click("#found .actions button"))
			v.Value(data + `.cards === "1" ? "yes" : ""`)
			v.Do(sitetest.Click("#people .pass > button"))
			v.Value(data + ".showing")
		})
	})

	c.stop(t)
	again := serve(t, dir)
	t.Run("a second start finds its data", func(t *testing.T) {
		var words string
		browser.Look(t, sitetest.Look{URL: again.attest, Width: 320, Scheme: sitetest.Light, Headers: french,
			Do: []step{read(&words), out}}) // the session outlives the program too
		contains(t, "the person's page", words, "Comirnaty", "dose 1 sur 2")
	})
	again.stop(t)

	t.Run("what was typed is nowhere on the disk in clear", func(t *testing.T) {
		nir := person.Identity.NIR.Reveal()
		markers := []string{lot, nir, nir[:13], spaced(nir), "12051985", "1985-05-12", "12/05/1985", professional.Professional.Number.Reveal()[1:],
			person.Identity.BirthName.Reveal(), "FOUGERE", "fougere", "Fougère", professional.Professional.FamilyName.Reveal(),
			person.Email.Reveal(), person.Identity.GivenNames[0].Reveal()}
		if err := os.Remove(path); err != nil { // the person's own copy
			t.Fatal(err)
		}
		files := scan(t, dir, markers)
		if files < 8 {
			t.Errorf("only %d files were looked at", files)
		}
		for _, m := range markers {
			if m != "" && (strings.Contains(again.logged(t), m) || strings.Contains(c.logged(t), m)) {
				t.Errorf("the log holds %q", m)
			}
		}
		if !strings.Contains(c.logged(t), "msg=request") {
			t.Error("the log is empty: nothing was checked")
		}
	})
	t.Run("the scan finds what is there", func(t *testing.T) {
		probe := t.TempDir()
		if err := os.WriteFile(filepath.Join(probe, "x"), []byte("…"+lot+"…"), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := find(t, probe, []string{lot}); len(found) != 1 {
			t.Errorf("found %v", found)
		}
	})
}

func spaced(nir string) string {
	return nir[:1] + " " + nir[1:3] + " " + nir[3:5] + " " + nir[5:7] + " " + nir[7:10] + " " + nir[10:13] + " " + nir[13:]
}

func scan(t *testing.T, dir string, markers []string) int {
	t.Helper()
	for _, f := range find(t, dir, markers) {
		t.Error(f)
	}
	n := 0
	walk(t, dir, func(string, []byte) { n++ })
	return n
}

func find(t *testing.T, dir string, markers []string) (found []string) {
	t.Helper()
	walk(t, dir, func(path string, text []byte) {
		for _, m := range markers {
			if m != "" && bytes.Contains(text, []byte(m)) {
				found = append(found, fmt.Sprintf("%s holds %q", path, m))
			}
		}
	})
	return found
}

func walk(t *testing.T, dir string, fn func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fn(path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string, jar []*network.Cookie) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range jar {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}

func download(t *testing.T, url string, jar []*network.Cookie) []byte {
	t.Helper()
	r := get(t, url, jar)
	pdf, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/pdf" || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, %v, %v", r.StatusCode, r.Header, err)
	}
	if d := r.Header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="attestation-[a-z0-9-]+\.pdf"$`).MatchString(d) {
		t.Errorf("Content-Disposition %q", d)
	}
	return pdf
}

type verdict struct {
	Input, Format string
	Valid         bool
	Reasons       []string
	Issuer, Key   string
	Content       map[string]any
}

// verify runs carnet verify --json and expects an exit code.
func verify(t *testing.T, code int, args ...string) (list []verdict) {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"verify", "--json"}, args...)...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	text, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit %d, want %d: %v %s %s", got, code, err, text, errOut.String())
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var v verdict
		if err := d.Decode(&v); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		list = append(list, v)
	}
}
