package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/internal/carnet"
	"carnet/internal/verify/scan"
	"carnet/twoddoc"
)

func line(t testing.TB, trust *Trust, payload []byte, at time.Time) Verdict {
	t.Helper()
	v, ok := Checker{Trust: trust}.Line("-", payload, 1, at)
	if !ok {
		t.Fatalf("no verdict on %.40q", payload)
	}
	if v.Valid != (len(v.Reasons) == 0) || v.Reasons == nil || v.Content == nil {
		t.Errorf("inconsistent verdict: %v", v)
	}
	return v
}

func TestReasons(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	impostor := newIssuer(t, "FR90", nil)
	forged := newIssuer(t, "CAI1", impostor) // names FR90, which has not signed it
	pinned := newIssuer(t, "CAI2", impostor)
	test := newIssuer(t, "FR00", nil)
	tes1 := newIssuer(t, "CAR1", test)
	good := cai1.attest(t, "FR90", spot)
	changed := bytes.Replace(good, []byte("L72"), []byte("L71"), 1)

	fields := func(fields ...twoddoc.Field) []byte {
		// Not what the strict writer would write: header and fields of a good payload, put
		// together again with a signature over them.
		return cai1.resign(t, good, fields...)
	}
	for _, c := range []struct {
		name    string
		trust   *Trust
		payload []byte
		at      time.Time
		want    []string
		test    bool
	}{
		{"chained", trusting(t, fr90, cai1), good, spot, nil, false},
		{"pinned: nothing is known of the authority", trusting(t, cai1), good, spot, nil, false},
		{"nothing is trusted", &Trust{}, good, spot, []string{"key.unknown"}, false},
		{"another certificate of the same authority", trusting(t, fr90, pinned), good, spot, []string{"key.unknown"}, false},
		{"certificate of an impostor", trusting(t, fr90, forged), forged.attest(t, "FR90", spot), spot, []string{"certificate.untrusted"}, false},
		{"two certificates of one name, one of an impostor", trusting(t, fr90, forged, cai1), good, spot, nil, false},
		{"content changed", trusting(t, fr90, cai1), changed, spot, []string{"signature.invalid"}, false},
		{"signed with another key", trusting(t, fr90, cai1), forged.attest(t, "FR90", spot), spot, []string{"signature.invalid"}, false},
		{"signed before the certificate", trusting(t, fr90, cai1), cai1.attest(t, "FR90", from.AddDate(0, 0, -2)), spot, []string{"certificate.notyet"}, false},
		{"signed after the certificate", trusting(t, fr90, cai1), cai1.attest(t, "FR90", until.AddDate(0, 0, 2)), until.AddDate(1, 0, 0), []string{"certificate.expired"}, false},
		{"verified long after the certificate ended", trusting(t, fr90, cai1), good, until.AddDate(9, 0, 0), nil, false},
		{"dated tomorrow, which a clock may be wrong by", trusting(t, fr90, cai1), cai1.attest(t, "FR90", spot.AddDate(0, 0, 1)), spot, nil, false},
		{"dated in two days", trusting(t, fr90, cai1), cai1.attest(t, "FR90", spot.AddDate(0, 0, 2)), spot, []string{"date.future"}, false},
		{"undated", trusting(t, fr90, cai1), cai1.attest(t, "FR90", time.Time{}), spot, []string{"date.undated"}, false},
		{"test authority, trusted by name", trusting(t, test, tes1), tes1.attest(t, "FR00", spot), spot, nil, true},
		{"test authority alone does not trust its certificates", trusting(t, test), tes1.attest(t, "FR00", spot), spot, []string{"key.unknown"}, true},
		{"a field is missing", trusting(t, fr90, cai1), fields(twoddoc.Field{ID: "L0", Value: "FOUGERE"}), spot, []string{"2ddoc.field"}, false},
		{"a field stands twice", trusting(t, fr90, cai1), append2(cai1, t, good), spot, []string{"2ddoc.field"}, false},
		{"cut", trusting(t, fr90, cai1), good[:len(good)-7], spot, []string{"signature.length"}, false},
		{"no signature", trusting(t, fr90, cai1), good[:bytes.IndexByte(good, 0x1f)], spot, []string{"signature.missing"}, false},
		{"a header alone", trusting(t, fr90, cai1), []byte("DC04FR90"), spot, []string{"2ddoc.structure"}, false},
		{"unknown version", trusting(t, fr90, cai1), append([]byte("DC09"), good[4:]...), spot, []string{"2ddoc.structure"}, false},
		{"several reasons at once", trusting(t, fr90, forged), changed, spot, []string{"certificate.untrusted", "signature.invalid"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := line(t, c.trust, c.payload, c.at)
			if !slices.Equal(v.Reasons, c.want) {
				t.Errorf("reasons %v, want %v", v.Reasons, c.want)
			}
			if v.Test != c.test {
				t.Errorf("test document: %v", v.Test)
			}
		})
	}
}

// resign replaces the message of a payload and signs it.
func (i *issuer) resign(t testing.TB, payload []byte, fields ...twoddoc.Field) []byte {
	t.Helper()
	b := slices.Clone(payload[:26])
	for _, f := range fields {
		b = append(append(append(b, f.ID...), f.Value...), 0x1d)
	}
	return signRaw(t, i, b)
}

// append2 says the surname a second time.
func append2(i *issuer, t testing.TB, payload []byte) []byte {
	t.Helper()
	b := slices.Clone(payload[:bytes.IndexByte(payload, 0x1f)])
	return signRaw(t, i, append(b, "L0TILLEUL\x1d"...))
}

func TestVerdict(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	trust := trusting(t, fr90, cai1)
	payload := cai1.attest(t, "FR90", spot)
	v := line(t, trust, payload, spot)
	v.ID = ""
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"input":"-","format":"2d-doc","valid":true,"reasons":[],"issuer":"CAISSE DES FOUGERES","key":"FR90/CAI1",` +
		`"content":{"agent":"J07BX03","birthDate":"1958-03-12","country":"FR","disease":"COVID-19","emitted":"2021-06-15","expected":2,` +
		`"familyName":"FOUGERE","givenNames":["AUBEPINE","MAELLE"],"lastDate":"2021-04-20","manufacturer":"COMIRNATY PFIZER/BIONTECH",` +
		`"rank":2,"state":"complete","vaccine":"COMIRNATY PFIZER/BIONTECH"},"type":"L1","signed":"2021-06-15","symbology":"text","line":1}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	t.Run("a link gives the same document", func(t *testing.T) {
		link := line(t, trust, []byte(twoddoc.Link("https://carnet.example"+twoddoc.WalletPath, payload)), spot)
		if !link.Valid || link.ID != line(t, trust, payload, spot).ID {
			t.Errorf("%v", link)
		}
	})
	t.Run("nothing of it shows in print", func(t *testing.T) {
		for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), v.LogValue().String()} {
			if strings.Contains(s, "FOUGERE") || strings.Contains(s, "1958") {
				t.Errorf("shows the person: %s", s)
			}
		}
	})
	t.Run("an annex is shown apart", func(t *testing.T) {
		v := line(t, trust, append(slices.Clone(payload), "\x1d01TILLEUL"...), spot)
		if !v.Valid || !slices.Contains(v.Warnings, "2ddoc.annex") || v.Content["unsignedAnnex"] == nil || v.Content["familyName"] != "FOUGERE" {
			t.Errorf("%v %v", v, v.Warnings)
		}
	})
	t.Run("every changed byte is refused", func(t *testing.T) {
		for i := range payload {
			b := slices.Clone(payload)
			b[i] ^= 1
			if v, ok := (Checker{Trust: trust}).Line("-", b, 1, spot); ok && v.Valid {
				t.Errorf("byte %d changed, and the verdict is valid", i)
			}
		}
	})
	t.Run("other text", func(t *testing.T) {
		if _, ok := (Checker{Trust: trust}).Line("-", []byte("https://carnet.example/"), 1, spot); ok {
			t.Error("a verdict on something else")
		}
	})
}

// The vectors of package twoddoc: what verifies there is valid here, and the other way round.
func TestGoldenTwoDDoc(t *testing.T) {
	dir := filepath.Join("..", "..", "twoddoc", "testdata")
	// These certificates are signed by themselves, not by FR00: they are pinned.
	trust := &Trust{participants: map[string][]*x509.Certificate{}}
	for _, name := range []string{"CN01", "CN02", "CN03"} {
		data, err := os.ReadFile(filepath.Join(dir, name+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		certs, broken := certificates(data)
		if len(broken) > 0 {
			t.Fatal(broken)
		}
		trust.participants["FR00/"+name] = certs
	}
	data, err := os.ReadFile(filepath.Join(dir, "vectors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"l1": "", "l1-p384": "", "l1-p521": "", "l1-truncated": "", "l1-seven-given-names": "", "l1-lunar-birth": "",
		"l1-left-padded-halves": "", "padding": "", "full-then-gs": "", "full-without-separator": "",
		"spare-bits": "signature.spare", "bad-base32": "signature.base32", "no-signature": "signature.missing",
		"signature-of-zeros": "signature.invalid",
	}
	seen := 0
	for text := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		_, escaped, _ := strings.Cut(rest, " ")
		payload, err := url.PathUnescape(escaped)
		if name == "#" || err != nil {
			continue
		}
		v, ok := Checker{Trust: trust}.Line(name, []byte(payload), 1, spot)
		if !ok {
			continue // no 2D-Doc at all
		}
		if v.Valid && !v.Test {
			t.Errorf("%s: valid, and not marked as a test document", name)
		}
		reason, ok := want[name]
		if !ok {
			continue
		}
		seen++
		if got := strings.Join(v.Reasons, " "); got != reason {
			t.Errorf("%s: reasons %q, want %q", name, got, reason)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d vectors seen", seen, len(want))
	}
}

// The vectors of package hcert, each with its trust material and instant.
func TestGoldenHCert(t *testing.T) {
	dir := filepath.Join("..", "..", "hcert", "testdata")
	data, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name, Text, Trust string
		At                time.Time
		Codes             []string
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	valid := 0
	for _, g := range all {
		t.Run(g.Name, func(t *testing.T) {
			trust, _, err := LoadTrust([]string{filepath.Join(dir, "trust", g.Trust)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			v, ok := Checker{Trust: trust}.Line(g.Name, []byte(g.Text), 1, g.At)
			if !ok {
				if !slices.Equal(g.Codes, []string{"prefix"}) {
					t.Fatalf("no verdict on %.30q, want %v", g.Text, g.Codes)
				}
				return
			}
			if !slices.Equal(v.Reasons, g.Codes) && len(v.Reasons)+len(g.Codes) > 0 {
				t.Errorf("reasons %v, want %v", v.Reasons, g.Codes)
			}
			if v.Valid {
				valid++
				if v.Content["nam"] == nil || v.Type == "" || v.Key == "" {
					t.Errorf("no content: %v", v)
				}
			}
		})
	}
	if valid == 0 {
		t.Error("no valid vector")
	}
}

func TestFile(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	trust := trusting(t, fr90, cai1)
	payload := cai1.attest(t, "FR90", spot)
	text := slices.Concat(payload, []byte("\nsomething else\n"), cai1.attest(t, "FR90", spot), []byte("\n"))
	v, err := Checker{Trust: trust}.File(t.Context(), "codes.txt", text, spot, scan.Limits{})
	if err != nil || len(v) != 2 || v[0].Line != 1 || v[1].Line != 3 || v[1].Input != "codes.txt" {
		t.Errorf("%v %v", v, err)
	}
	if _, err := (Checker{Trust: trust}).File(t.Context(), "empty.txt", []byte("nothing here"), spot, scan.Limits{}); carnet.CodeOf(err) != "scan.nothing" {
		t.Errorf("%v", err)
	}
	if _, err := (Checker{Trust: trust}).File(t.Context(), "empty.txt", nil, spot, scan.Limits{}); carnet.CodeOf(err) != "scan.empty" {
		t.Errorf("%v", err)
	}
}

func TestLoadTrust(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	cai2 := newIssuer(t, "CAI2", fr90)
	dsc := newIssuer(t, "Aubepine DSC 1", newIssuer(t, "Aubepine CSCA", nil))
	dir := t.TempDir()
	writeFile(t, fr90.pem(), dir, "FR90.pem")
	writeFile(t, cai1.cert.Raw, dir, "participants", "CAI1.der")
	writeFile(t, cai2.cert.Raw, dir, "participants", "deeper", "CAI2.der")
	writeFile(t, dsc.pem(), dir, "dsc.pem")
	writeFile(t, cai2.pem(), dir, ".hidden.pem")
	gateway, err := os.ReadFile(filepath.Join("..", "..", "hcert", "testdata", "trust", "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, gateway, dir, "gateway.json")

	trust, warnings, err := LoadTrust([]string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	twoDDoc, hCert := trust.Size()
	if twoDDoc != 1 || hCert != 2 {
		t.Errorf("%d keys for 2D-Doc and %d for HC1, want 1 (one folder deep) and 2", twoDDoc, hCert)
	}
	for _, w := range warnings {
		if !strings.Contains(w.Error(), "gateway.json") {
			t.Errorf("warning %v", w)
		}
	}
	if v := line(t, trust, cai1.attest(t, "FR90", spot), spot); !v.Valid {
		t.Errorf("%v", v)
	}

	t.Run("the key of a list is passed over in a folder, and named otherwise", func(t *testing.T) {
		spki, err := x509.MarshalPKIXPublicKey(dsc.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		keys := t.TempDir()
		writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), keys, "revocation-list.pem")
		writeFile(t, fr90.pem(), keys, "FR90.pem")
		if _, warnings, err := LoadTrust([]string{keys}, Options{}); err != nil || len(warnings) > 0 {
			t.Errorf("%v, %v", warnings, err)
		}
		if _, _, err := LoadTrust([]string{filepath.Join(keys, "revocation-list.pem")}, Options{}); !errors.Is(err, errKeyAlone) {
			t.Errorf("named: %v", err)
		}
	})

	t.Run("what cannot be read is a warning", func(t *testing.T) {
		writeFile(t, []byte("not a certificate"), dir, "README.txt")
		writeFile(t, []byte("<html/>"), dir, "page.xml")
		writeFile(t, nil, dir, "empty.pem")
		_, warnings, err := LoadTrust([]string{dir}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"README.txt", "page.xml", "empty.pem"} {
			if !slices.ContainsFunc(warnings, func(w error) bool { return strings.Contains(w.Error(), name) }) {
				t.Errorf("no warning about %s", name)
			}
		}
	})
	t.Run("nothing that can be used", func(t *testing.T) {
		empty := t.TempDir()
		writeFile(t, []byte("words"), empty, "README")
		if _, warnings, err := LoadTrust([]string{empty}, Options{}); !errors.Is(err, ErrNoTrust) || len(warnings) != 1 {
			t.Errorf("%v %v", err, warnings)
		}
	})
	t.Run("a file that is named must be usable", func(t *testing.T) {
		if _, _, err := LoadTrust([]string{filepath.Join(dir, "FR90.pem"), filepath.Join(dir, "README.txt")}, Options{}); err == nil || !strings.Contains(err.Error(), "README.txt") {
			t.Errorf("%v", err)
		}
		if _, _, err := LoadTrust([]string{filepath.Join(dir, "absent")}, Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("several paths", func(t *testing.T) {
		trust, _, err := LoadTrust([]string{filepath.Join(dir, "FR90.pem"), filepath.Join(dir, "participants", "deeper")}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if v := line(t, trust, cai2.attest(t, "FR90", spot), spot); !v.Valid {
			t.Errorf("%v", v)
		}
	})
	t.Run("a key of 2D-Doc signs no HC1", func(t *testing.T) {
		if _, hCert := trusting(t, fr90, cai1, cai2).Size(); hCert != 0 {
			t.Errorf("%d keys for HC1", hCert)
		}
	})
}

func TestWrite(t *testing.T) {
	fr90 := newIssuer(t, "FR00", nil)
	cai1 := newIssuer(t, "CAR1", fr90)
	trust := trusting(t, fr90, cai1)
	valid := line(t, trust, cai1.attest(t, "FR00", spot), spot)
	valid.Input, valid.Page, valid.Line, valid.Symbology = "attestation.pdf", 1, 0, "datamatrix"
	invalid := line(t, &Trust{}, cai1.attest(t, "FR00", spot), spot)
	nasty := line(t, trust, cai1.resign(t, cai1.attest(t, "FR00", spot), twoddoc.Field{ID: "L0", Value: "\x1b[2JVALIDE"}), spot)
	for _, c := range []struct {
		name, lang string
		v          Verdict
		want       []string
		not        []string
	}{
		{"French", "fr", valid, []string{"attestation.pdf, page 1", "VALIDE", "DOCUMENT DE TEST", "FOUGERE", "12/03/1958", "2 sur 2", "terminé", "CAISSE DES FOUGERES"}, []string{"NON VALIDE", "⟦"}},
		{"English", "en", valid, []string{"VALID", "TEST DOCUMENT", "1958-03-12", "2 of 2", "completed"}, []string{"NOT VALID", "⟦"}},
		{"refused", "fr", invalid, []string{"NON VALIDE", "[key.unknown]", "sans preuve", "FOUGERE"}, []string{"⟦"}},
		{"control characters stay out", "fr", nasty, []string{"NON VALIDE", "\ufffd[2JVALIDE"}, []string{"\x1b", "⟦"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := ReadWords(c.lang)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := w.Write(&b, c.v, false); err != nil {
				t.Fatal(err)
			}
			for _, s := range c.want {
				if !strings.Contains(b.String(), s) {
					t.Errorf("lacks %q:\n%s", s, b.String())
				}
			}
			for _, s := range c.not {
				if strings.Contains(b.String(), s) {
					t.Errorf("holds %q:\n%s", s, b.String())
				}
			}
		})
	}
	t.Run("colour changes nothing else", func(t *testing.T) {
		w, err := ReadWords("fr")
		if err != nil {
			t.Fatal(err)
		}
		var with, without strings.Builder
		if err := errors.Join(w.Write(&with, valid, true), w.Write(&without, valid, false)); err != nil {
			t.Fatal(err)
		}
		bare := strings.NewReplacer(bold, "", green, "", red, "", amber, "", reset, "").Replace(with.String())
		if diff := cmp.Diff(without.String(), bare); diff != "" || with.String() == bare {
			t.Error(diff)
		}
	})
}
