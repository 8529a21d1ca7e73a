package verify

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/hcert"
	"carnet/hcert/revocation"
	"carnet/twoddoc"
)

// spring is when the vaccination of goldenHCert, of 27 February, is recent enough.
var spring = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// goldenHCert gives a valid certificate of vaccination and the trust that goes with it.
func goldenHCert(t testing.TB) (string, *Trust) {
	t.Helper()
	dir := filepath.Join("..", "..", "hcert", "testdata")
	data, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name, Text string }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	trust, _, err := LoadTrust([]string{filepath.Join(dir, "trust", "dsc.pem")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Name == "vaccination-es256" {
			return v.Text, trust
		}
	}
	t.Fatal("no such vector")
	return "", nil
}

var rulesFile = filepath.Join("..", "..", "certlogic", "rules", "testdata", "example.json")

func rulesFor(t testing.TB, country string) *Rules {
	t.Helper()
	r, _, err := LoadRules([]string{rulesFile}, country)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func verdict(t testing.TB, k Checker, text string, at time.Time) Verdict {
	t.Helper()
	v, ok := k.Line("-", []byte(text), 1, at)
	if !ok {
		t.Fatal("no verdict")
	}
	return v
}

func TestRules(t *testing.T) {
	text, trust := goldenHCert(t)
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	for _, c := range []struct {
		name, country string
		text          string
		trust         *Trust
		at            time.Time
		reasons       []string
		warnings      []string
	}{
		{"all pass", "FR", text, trust, spring, nil, nil},
		{"too soon after the injection", "FR", text, trust, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC), []string{"rule.VR-FR-9002"}, nil},
		{"a country without rules says so", "DE", text, trust, spring, nil, []string{"rule.none DE"}},
		{"rules are asked of a certificate that is not believed, too", "FR", text, &Trust{}, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC), []string{"kid.unknown", "rule.VR-FR-9002"}, nil},
		{"a 2D-Doc knows no rules", "FR", string(cai1.attest(t, "FR90", spot)), trusting(t, fr90, cai1), spot, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := verdict(t, Checker{Trust: c.trust, Rules: rulesFor(t, c.country)}, c.text, c.at)
			if !slices.Equal(v.Reasons, c.reasons) {
				t.Errorf("reasons %v, want %v", v.Reasons, c.reasons)
			}
			for _, w := range c.warnings {
				if !slices.Contains(v.Warnings, w) {
					t.Errorf("warnings %v, want %s", v.Warnings, w)
				}
			}
			if v.Valid != (len(c.reasons) == 0) {
				t.Errorf("valid %t", v.Valid)
			}
		})
	}
	t.Run("an open rule is a warning and no refusal", func(t *testing.T) {
		r := &Rules{Country: "FR"}
		open := `[{"Identifier":"GR-FR-0001","Type":"Acceptance","Country":"FR","Version":"1.0.0","SchemaVersion":"1.0.0","Engine":"CERTLOGIC","EngineVersion":"99.0.0","CertificateType":"General",` +
			`"Description":[{"lang":"en","desc":"Of the future."}],"ValidFrom":"2026-01-01T00:00:00Z","ValidTo":"2030-01-01T00:00:00Z","AffectedFields":["v"],"Logic":{"var":"payload.v"}}]`
		if err := r.Add([]byte(open)); err != nil {
			t.Fatal(err)
		}
		v := verdict(t, Checker{Trust: trust, Rules: r}, text, spring)
		if !v.Valid || !slices.Contains(v.Warnings, "rule.open GR-FR-0001") || len(v.Rules) != 1 || v.Rules[0].Answer != "open" || v.Rules[0].Reason != "engine-version" {
			t.Errorf("%v %v %+v", v, v.Warnings, v.Rules)
		}
	})
	t.Run("the rule's own words are said, in the language or in English", func(t *testing.T) {
		v := verdict(t, Checker{Trust: trust, Rules: rulesFor(t, "FR")}, text, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
		for _, lang := range []string{"fr", "en"} {
			w, err := ReadWords(lang)
			if err != nil {
				t.Fatal(err)
			}
			view := w.View(v, true)
			if len(view.Reasons) != 1 || view.Reasons[0].Detail == "" || view.Reasons[0].Detail != v.Rules[0].Words[lang] || !strings.HasSuffix(view.Reasons[0].Words, ".") {
				t.Errorf("%s: %+v", lang, view.Reasons)
			}
		}
		w := Words{lang: "fr"}
		if got := w.Rule(RuleAnswer{Words: map[string]string{"de": "Regel", "en": "Rule"}}); got != "Rule" {
			t.Error(got)
		}
		if got := w.Rule(RuleAnswer{Words: map[string]string{"es": "Regla", "de": "Regel"}}); got != "Regel" {
			t.Error(got)
		}
	})
	t.Run("loading", func(t *testing.T) {
		dir := t.TempDir()
		data, err := os.ReadFile(rulesFile)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, data, dir, "rules.json")
		writeFile(t, []byte("words"), dir, "README")
		writeFile(t, []byte(`{"vaccines-covid-19-names": ["EU/1/20/1528"]}`), dir, "values.json")
		r, warnings, err := LoadRules([]string{dir}, "")
		if err != nil || r.Country != "FR" || len(warnings) != 1 || !slices.Equal(r.Countries(), []string{"FR"}) {
			t.Errorf("%+v %v %v", r, warnings, err)
		}
		if v := verdict(t, Checker{Trust: trust, Rules: r}, text, spring); !v.Valid {
			t.Errorf("%v", v)
		}
		writeFile(t, bytes.ReplaceAll(data, []byte("FR"), []byte("ES")), dir, "spain.json")
		if _, _, err := LoadRules([]string{dir}, ""); !errors.Is(err, ErrNoCountry) {
			t.Errorf("%v", err)
		}
		if r, _, err := LoadRules([]string{dir}, "es"); err != nil || r.Country != "ES" {
			t.Errorf("%v", err)
		}
		if _, _, err := LoadRules([]string{filepath.Join(dir, "values.json")}, "FR"); !errors.Is(err, ErrNoRules) {
			t.Errorf("%v", err)
		}
		if _, _, err := LoadRules([]string{filepath.Join(dir, "README")}, "FR"); err == nil {
			t.Error("a file that is no rules")
		}
		if _, _, err := LoadRules([]string{filepath.Join(dir, "absent")}, "FR"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the same rule twice in two files is refused", func(t *testing.T) {
		r := rulesFor(t, "FR")
		data, err := os.ReadFile(rulesFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(data); err == nil {
			t.Error("added twice")
		}
	})
}

// publisher signs lists of revoked certificates.
type publisher struct{ key *ecdsa.PrivateKey }

func newPublisher(t testing.TB) publisher {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return publisher{key}
}

func (p publisher) public(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func (p publisher) list(t testing.TB, number uint64, at time.Time, rate float64, keys ...revocation.Key) []byte {
	t.Helper()
	data, err := revocation.Draft{Number: number, IssuedAt: at.Add(-time.Hour), NextUpdate: at.Add(24 * time.Hour), FalseHits: rate, Keys: keys}.Sign(rand.Reader, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func revokedBy(t testing.TB, p publisher, at time.Time, lists ...[]byte) *Revoked {
	t.Helper()
	r := &Revoked{}
	if err := r.AddKey(p.public(t)); err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		if err := r.Add("list", l, at); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestRevoked(t *testing.T) {
	text, trust := goldenHCert(t)
	cert := hcert.Verify(text, nil, spring, hcert.Tolerant).Certificate
	keys := revocation.Keys(cert)
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	payload := cai1.attest(t, "FR90", spot)
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	p, other := newPublisher(t), newPublisher(t)
	strangers := make([]revocation.Key, 0, 3)
	for i := range 3 {
		strangers = append(strangers, revocation.UCI.Key(revocation.HashUCI(strings.Repeat("x", i+1))))
	}
	eu := Checker{Trust: trust}
	french := func(lines ...string) []byte {
		var b, z bytes.Buffer
		for _, l := range lines {
			b.Write([]byte{0x0a, byte(len(l))})
			b.WriteString(l)
		}
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return z.Bytes()
	}
	sum := revocation.FrenchSum(cert.DCC.Country(), cert.DCC.ID())
	hash := revocation.HashUCI(cert.DCC.ID())
	bloom, err := revocation.NewBloom(100, 1e-6)
	if err != nil {
		t.Fatal(err)
	}
	bloom.Add(hash[:])
	filter, err := bloom.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	batch, err := json.Marshal(revocation.Batch{Country: "FR", Expires: spring.AddDate(1, 0, 0), Kind: revocation.UCI, Hashes: []revocation.Hash{hash}})
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, data []byte) *Revoked {
		r := &Revoked{}
		if err := r.Add(name, data, spring); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		name    string
		revoked *Revoked
		answer  string
		reason  bool
		warning string
		dated   bool
	}{
		{name: "on no list", revoked: revokedBy(t, p, spring, p.list(t, 1, spring, 0, strangers...)), answer: NotListed, dated: true},
		{name: "on the list", revoked: revokedBy(t, p, spring, p.list(t, 1, spring, 0, keys...)), answer: IsRevoked, reason: true, dated: true},
		{name: "on the shortened list", revoked: revokedBy(t, p, spring, p.list(t, 1, spring, 0.001, keys...)), answer: ToCheck, warning: "revoked.check", dated: true},
		{name: "on the shortened list, cleared by the exact one", revoked: revokedBy(t, p, spring, p.list(t, 1, spring, 0.001, keys...), p.list(t, 2, spring, 0, strangers...)), answer: NotListed, dated: true},
		{name: "on the shortened list, confirmed by the exact one", revoked: revokedBy(t, p, spring, p.list(t, 1, spring, 0.001, keys...), p.list(t, 2, spring, 0, keys...)), answer: IsRevoked, reason: true, dated: true},
		{name: "a newer list counts", revoked: revokedBy(t, p, spring, p.list(t, 2, spring, 0, keys...), p.list(t, 1, spring, 0, strangers...)), answer: IsRevoked, reason: true, dated: true},
		{name: "an old list says that it is old", revoked: revokedBy(t, p, spring, p.list(t, 1, spring.AddDate(0, 0, -9), 0, strangers...)), answer: NotListed, warning: "revoked.stale 2026-06-06", dated: true},
		{name: "a batch of the EU", revoked: with("batch.json", batch), answer: IsRevoked, reason: true},
		{name: "the French list", revoked: with("1.gz", french(hex.EncodeToString(sum[:]))), answer: IsRevoked, reason: true},
		{name: "a filter never refuses", revoked: with("a.bloomfilter", filter), answer: ToCheck, warning: "revoked.check"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := eu
			k.Revoked = c.revoked
			v := verdict(t, k, text, spring)
			if v.Revocation != c.answer || slices.Contains(v.Reasons, "revoked") != c.reason || v.Valid == c.reason || (v.ListDate != "") != c.dated {
				t.Errorf("%v: %q of %q", v, v.Revocation, v.ListDate)
			}
			if c.warning != "" && !slices.Contains(v.Warnings, c.warning) {
				t.Errorf("warnings %v, want %s", v.Warnings, c.warning)
			}
			for _, w := range v.Warnings {
				if strings.HasPrefix(w, "revoked.") && w != c.warning {
					t.Errorf("warning %s", w)
				}
			}
		})
	}
	t.Run("a 2D-Doc", func(t *testing.T) {
		k := Checker{Trust: trusting(t, fr90, cai1), Revoked: revokedBy(t, p, spot, p.list(t, 1, spot, 0, revocation.TwoDDocKey(doc.ID())))}
		if v := verdict(t, k, string(payload), spot); v.Valid || !slices.Equal(v.Reasons, []string{"revoked"}) {
			t.Errorf("%v", v)
		}
		// Another signature of the same words is the same document.
		if v := verdict(t, k, string(cai1.attest(t, "FR90", spot)), spot); !slices.Contains(v.Reasons, "revoked") {
			t.Errorf("%v", v)
		}
		k.Revoked = with("batch.json", batch)
		if v := verdict(t, k, string(payload), spot); !v.Valid || v.Revocation != "" {
			t.Errorf("asked a list that has no 2D-Doc: %v %s", v, v.Revocation)
		}
	})
	t.Run("what is not believed", func(t *testing.T) {
		r := &Revoked{}
		if err := r.AddKey(p.public(t)); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{
			"of another key": other.list(t, 1, spring, 0, keys...), "changed": append(p.list(t, 1, spring, 0, keys...), 1), "words": []byte("words"), "nothing": nil,
		} {
			if err := r.Add("list", data, spring); err == nil {
				t.Errorf("%s: added", name)
			}
		}
		for name, data := range map[string][]byte{"no PEM": []byte("x"), "a private key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), "broken": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}})} {
			if err := r.AddKey(data); err == nil {
				t.Errorf("%s: added", name)
			}
		}
	})
	t.Run("loading", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, p.list(t, 1, spring, 0, keys...), dir, "a-list")
		writeFile(t, p.public(t), dir, "z.pem")
		writeFile(t, french(hex.EncodeToString(sum[:])), dir, "french", "2.gz")
		writeFile(t, french("-"+hex.EncodeToString(sum[:])), dir, "french", "10.gz")
		writeFile(t, []byte("words"), dir, "README")
		r, warnings, err := LoadRevoked([]string{dir}, spring)
		if err != nil || len(warnings) != 1 || len(r.Facts()) != 2 {
			t.Fatalf("%v %v", warnings, err)
		}
		f := r.Facts()
		if f[0].Kind != "carnet" || f[0].Number != 1 || f[0].Entries != len(keys) || f[0].Issued == nil || f[1].Kind != "french" || f[1].Entries != 0 {
			t.Errorf("%+v", f)
		}
		if _, _, err := LoadRevoked([]string{filepath.Join(dir, "a-list"), filepath.Join(dir, "z.pem")}, spring); err != nil {
			t.Errorf("the key is read first: %v", err)
		}
		if _, _, err := LoadRevoked([]string{filepath.Join(dir, "z.pem")}, spring); !errors.Is(err, ErrNoList) {
			t.Errorf("%v", err)
		}
		if _, _, err := LoadRevoked([]string{filepath.Join(dir, "a-list")}, spring); err == nil {
			t.Error("a list without its key")
		}
	})
}

// What travels to another device gives the same verdicts there.
func TestPack(t *testing.T) {
	text, trust := goldenHCert(t)
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	for _, c := range []*issuer{fr90, cai1} {
		if err := trust.AddCertificate(c.cert); err != nil {
			t.Fatal(err)
		}
	}
	if err := trust.AddScheme(Scheme{Sequence: 3, Issued: spot, NextUpdate: spot.AddDate(0, 1, 0), Authorities: []Authority{{ID: "FR90", Usable: true, Certificate: fr90.cert.Raw}}}); err != nil {
		t.Fatal(err)
	}
	payload := cai1.attest(t, "FR90", spot)
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	p := newPublisher(t)
	expired, err := json.Marshal(revocation.Batch{Country: "FR", Expires: spot.AddDate(1, 0, 0), Kind: revocation.UCI, Hashes: []revocation.Hash{{1}}})
	if err != nil {
		t.Fatal(err)
	}
	revoked := revokedBy(t, p, spot, p.list(t, 1, spot, 0, revocation.TwoDDocKey(doc.ID())))
	if err := revoked.Add("batch.json", expired, spot); err != nil {
		t.Fatal(err)
	}
	here := Checker{Trust: trust, Rules: rulesFor(t, "FR"), Revoked: revoked}
	data, err := here.Pack(spot)
	if err != nil {
		t.Fatal(err)
	}
	there, made, err := Unpack(data, spring)
	if err != nil || !made.Equal(spot) {
		t.Fatal(made, err)
	}
	for _, at := range []time.Time{spring, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC), spot} {
		for _, s := range []string{text, string(payload), "HC1:X"} {
			if diff := cmp.Diff(verdict(t, here, s, at), verdict(t, there, s, at)); diff != "" {
				t.Errorf("%s: %s", at, diff)
			}
		}
	}
	if again, err := here.Pack(spot); err != nil || !bytes.Equal(again, data) {
		t.Error("packed again, it is different")
	}
	f := there.Facts(made)
	if f.TwoDDoc != 1 || !slices.Equal(f.Authorities, []string{"FR90"}) || f.HCert == 0 || f.Scheme.Sequence != 3 || f.Rules.Country != "FR" || len(f.Lists) != 1 {
		t.Errorf("%+v", f)
	}
	for _, lang := range []string{"fr", "en"} {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, facts := range []Facts{f, {}, Checker{Revoked: &Revoked{}}.Facts(spot), here.Facts(spot)} {
			for _, row := range w.Facts(facts) {
				if strings.Contains(row.Label+row.Value, "⟦") || strings.ContainsAny(row.Value, "{}") || row.Value == "" {
					t.Errorf("%s: %+v", lang, row)
				}
			}
		}
	}
	t.Run("what is damaged is refused", func(t *testing.T) {
		for _, bad := range []string{"", "[]", `{"certificates":["AAAA"]}`, `{"keys":[{"public":"AAAA"}]}`, `{"rules":{"rules":[{}]}}`, `{"revoked":[{"name":"list","data":"AAAA"}]}`, `{"scheme":{"authorities":[{"id":"FR90","certificate":"AAAA"}]}}`} {
			if _, _, err := Unpack([]byte(bad), spot); err == nil {
				t.Errorf("%s: unpacked", bad)
			}
		}
	})
}

func TestViews(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90)
	k := Checker{Trust: trusting(t, fr90, cai1)}
	payload := cai1.attest(t, "FR90", spot)
	w, err := ReadWords("fr")
	if err != nil {
		t.Fatal(err)
	}
	first, second := verdict(t, k, string(payload), spot), verdict(t, k, string(payload), spot)
	first.Page, first.Symbology, second.Page, second.Symbology = 1, "datamatrix", 1, "qr"
	forged := verdict(t, k, strings.Replace(string(payload), "FOUGERE", "FOUGEUR", 1), spot)
	all := w.Views([]Verdict{first, second, forged}, false)
	if len(all) != 2 || all[0].Where != "page 1, DataMatrix et page 1, code QR" || !all[0].Valid || all[1].Valid {
		t.Errorf("%+v", all)
	}
	if all[0].Name != "AUBEPINE MAELLE FOUGERE" || all[0].Birth != "12/03/1958" || len(all[0].Rows) < 8 {
		t.Errorf("%+v", all[0])
	}
	for _, v := range w.Views([]Verdict{first, forged}, true) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "COMIRNATY") || strings.Contains(string(b), "2021") || !strings.Contains(string(b), "1958") {
			t.Errorf("minimal: %s", b)
		}
	}
	t.Run("warnings about form are not for a door", func(t *testing.T) {
		v := first
		v.Warnings = []string{"2ddoc.annex", "revoked.stale 2021-06-01", "rule.none FR", "payload.form nam.fn"}
		if got := w.View(v, true).Warnings; len(got) != 2 || got[0].Code != "revoked.stale" || got[1].Code != "rule.none" {
			t.Errorf("%+v", got)
		}
		if got := w.View(v, false).Warnings; len(got) != 4 {
			t.Errorf("%+v", got)
		}
	})
}
