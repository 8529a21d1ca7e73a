package verify

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/hcert/revocation"
	"carnet/twoddoc/bundle"
)

const crlAddress = "http://herbier.example/crl"

// later is some time after the certificates of the tests signed and were revoked.
var later = time.Date(2022, 2, 10, 12, 0, 0, 0, time.UTC)

// herbier is a bundle of one authority with its participants, gathered at an instant: one list of an hour
// before names those that are revoked, since a day of 2021.
func herbier(at time.Time, ca *issuer, participants, revoked []*issuer) *bundle.Bundle {
	b := &bundle.Bundle{
		Gathered: at, Lifetime: 7 * 24 * time.Hour,
		List:        bundle.List{Sequence: 23, Issued: at.AddDate(0, -1, 0), NextUpdate: at.AddDate(0, 6, 0)},
		Authorities: []bundle.Authority{{ID: ca.cert.Subject.CommonName, Operator: "Herbier", Status: "inaccord", Listed: true, Raw: ca.cert.Raw}},
		Lists:       []bundle.RevocationList{{URL: crlAddress, Number: big.NewInt(5), ThisUpdate: at.Add(-time.Hour), NextUpdate: at.AddDate(0, 0, 5)}},
	}
	for _, p := range participants {
		b.Participants = append(b.Participants, bundle.Participant{ID: p.cert.Subject.CommonName, NotBefore: p.cert.NotBefore, NotAfter: p.cert.NotAfter, Raw: p.cert.Raw})
	}
	for _, p := range revoked {
		b.Lists[0].Revoked = append(b.Lists[0].Revoked, bundle.Revoked{Serial: p.cert.SerialNumber, Since: time.Date(2021, 9, 1, 8, 0, 0, 0, time.UTC)})
	}
	return b
}

func (p publisher) seal(t testing.TB, b *bundle.Bundle) []byte {
	t.Helper()
	file, err := b.Seal(p.key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (p publisher) bundleKey(t testing.TB) []byte {
	t.Helper()
	text, err := bundle.MarshalKey(&p.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func add(t testing.TB, trust *Trust, files ...[]byte) {
	t.Helper()
	for _, f := range files {
		if _, err := trust.Add("file", f, Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBundle(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	stranger := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90, crlAddress)
	renewed := newIssuer(t, "CAI1", fr90, crlAddress)
	mute := newIssuer(t, "CAI2", fr90, "http://herbier.example/other")
	plain := newIssuer(t, "CAI3", fr90)
	p := newPublisher(t)
	both := []*issuer{cai1, renewed, mute}
	good, ended := herbier(later, fr90, both, nil), herbier(later, fr90, both, []*issuer{cai1})
	dropped := herbier(later, fr90, []*issuer{mute}, []*issuer{cai1}) // stores drop what is revoked
	own := herbier(later, fr90, both, nil)
	own.List, own.Authorities[0].Listed = bundle.List{}, false
	listUpdated, gathered := "2022-02-10T11:00:00Z", "2022-02-10T12:00:00Z"
	for _, c := range []struct {
		name     string
		bundle   *bundle.Bundle
		files    [][]byte // beside it
		by       *issuer
		at       time.Time
		reasons  []string
		warnings []string
		standing *Standing
	}{
		{"on no list", good, nil, cai1, later, nil, nil, &Standing{"good", "", listUpdated, gathered}},
		{"revoked after it signed: it ends every code", ended, nil, cai1, later, []string{"certificate.revoked"}, nil, &Standing{"revoked", "2021-09-01T08:00:00Z", listUpdated, gathered}},
		{"revoked, asked as of before", ended, nil, cai1, spot, []string{"certificate.revoked"}, nil, &Standing{"revoked", "2021-09-01T08:00:00Z", listUpdated, gathered}},
		{"revoked, long ago", ended, nil, cai1, later.AddDate(1, 0, 0), []string{"certificate.revoked"}, []string{"trust.stale FR90"}, &Standing{"revoked", "2021-09-01T08:00:00Z", listUpdated, gathered}},
		{"the other certificate of the name is not revoked", ended, nil, renewed, later, nil, nil, &Standing{"good", "", listUpdated, gathered}},
		{"revoked, dropped from the store, given by itself", dropped, [][]byte{fr90.pem(), cai1.pem()}, cai1, later, []string{"certificate.revoked"}, nil, &Standing{"revoked", "2021-09-01T08:00:00Z", listUpdated, gathered}},
		{"revoked, dropped from the store", dropped, nil, cai1, later, []string{"key.unknown"}, nil, nil},
		{"a list that was not fetched", good, nil, mute, later, nil, []string{"certificate.unchecked 2022-02-10"}, &Standing{"unknown", "", "", gathered}},
		{"a certificate that no bundle knows", good, [][]byte{plain.pem()}, plain, later, nil, nil, nil},
		{"two days later", good, nil, cai1, later.AddDate(0, 0, 2), nil, []string{"certificate.stale 2022-02-10"}, &Standing{"good", "", listUpdated, gathered}},
		{"after its lifetime", good, nil, cai1, later.AddDate(0, 0, 8), nil, []string{"bundle.stale 2022-02-10"}, &Standing{"good", "", listUpdated, gathered}},
		{"before it was gathered", good, nil, cai1, spot, nil, []string{"bundle.early 2022-02-10"}, &Standing{"good", "", listUpdated, gathered}},
		{"an authority of the operator's own", own, nil, cai1, later, nil, nil, &Standing{"good", "", listUpdated, gathered}},
		{"forged and revoked: both are said", ended, nil, nil, later, []string{"certificate.revoked", "signature.invalid"}, nil, &Standing{"revoked", "2021-09-01T08:00:00Z", listUpdated, gathered}},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := &Trust{}
			add(t, trust, p.bundleKey(t), p.seal(t, c.bundle))
			add(t, trust, c.files...)
			payload := ""
			if c.by != nil {
				payload = string(c.by.attest(t, "FR90", spot))
			} else {
				only := herbier(later, fr90, []*issuer{cai1}, []*issuer{cai1})
				trust = &Trust{}
				add(t, trust, p.bundleKey(t), p.seal(t, only))
				payload = strings.Replace(string(cai1.attest(t, "FR90", spot)), "FOUGERE", "FOUGEUR", 1)
			}
			v := verdict(t, Checker{Trust: trust}, payload, c.at)
			if !slices.Equal(v.Reasons, append([]string{}, c.reasons...)) || v.Valid != (len(c.reasons) == 0) || !slices.Equal(v.Warnings, c.warnings) {
				t.Errorf("%v, warnings %v", v, v.Warnings)
			}
			if diff := cmp.Diff(c.standing, v.Certificate); diff != "" {
				t.Error(diff)
			}
			if len(c.reasons) == 0 && v.Issuer != "CAISSE DES FOUGERES" {
				t.Errorf("issuer %q", v.Issuer)
			}
		})
	}

	payload := string(cai1.attest(t, "FR90", spot))
	reasons := func(t *testing.T, trust *Trust, want ...string) {
		t.Helper()
		if v := verdict(t, Checker{Trust: trust}, payload, later); !slices.Equal(v.Reasons, append([]string{}, want...)) {
			t.Errorf("%v, want %v", v, want)
		}
	}
	t.Run("a newer trust list ends an authority of the bundle", func(t *testing.T) {
		for _, s := range []Scheme{
			{Sequence: 24, NextUpdate: later.AddDate(1, 0, 0), Authorities: []Authority{{ID: "FR90", Usable: false, Certificate: fr90.cert.Raw}}},
			{Sequence: 24, NextUpdate: later.AddDate(1, 0, 0)},
			{Sequence: 24, NextUpdate: later.AddDate(1, 0, 0), Authorities: []Authority{{ID: "FR90", Usable: true, Certificate: stranger.cert.Raw}}},
		} {
			trust := &Trust{}
			add(t, trust, p.bundleKey(t), p.seal(t, good))
			reasons(t, trust)
			if err := trust.AddScheme(s); err != nil {
				t.Fatal(err)
			}
			reasons(t, trust, "certificate.untrusted")
			// The bundle does not bring the older list back.
			add(t, trust, p.seal(t, herbier(later.AddDate(0, 0, 1), fr90, both, nil)))
			reasons(t, trust, "certificate.untrusted")
		}
	})
	t.Run("of two operators, one that knows better", func(t *testing.T) {
		other := newPublisher(t)
		trust := &Trust{}
		add(t, trust, p.bundleKey(t), other.bundleKey(t), p.seal(t, good), other.seal(t, ended))
		reasons(t, trust, "certificate.revoked")
	})
	t.Run("the newest of one operator counts", func(t *testing.T) {
		newer := p.seal(t, herbier(later.Add(time.Hour), fr90, both, []*issuer{cai1}))
		for _, files := range [][][]byte{{newer, p.seal(t, good)}, {p.seal(t, good), newer}} {
			trust := &Trust{}
			add(t, trust, p.bundleKey(t))
			add(t, trust, files...)
			reasons(t, trust, "certificate.revoked")
			if len(trust.bundles) != 1 {
				t.Errorf("%d bundles", len(trust.bundles))
			}
		}
	})
}

// TestBundleKeys: a key does one thing. That of the lists of revoked documents opens no bundle, that of
// the bundles no list, in whatever file it stands.
func TestBundleKeys(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1 := newIssuer(t, "CAI1", fr90, crlAddress)
	listKey, bundleKey := newPublisher(t), newPublisher(t)
	b := herbier(later, fr90, []*issuer{cai1}, nil)
	dir := t.TempDir()
	writeFile(t, bundleKey.seal(t, b), dir, "good", "2d-doc.bundle")
	writeFile(t, bundleKey.bundleKey(t), dir, "good", "trust-bundle.pem")
	writeFile(t, listKey.public(t), dir, "good", "revocation-list.pem")
	writeFile(t, listKey.seal(t, b), dir, "swapped", "2d-doc.bundle") // sealed with the key of the lists
	writeFile(t, bundleKey.bundleKey(t), dir, "swapped", "trust-bundle.pem")
	writeFile(t, listKey.public(t), dir, "swapped", "revocation-list.pem")
	writeFile(t, fr90.pem(), dir, "swapped", "FR90.pem")
	writeFile(t, bundleKey.bundleKey(t), dir, "alone", "trust-bundle.pem")
	writeFile(t, append(bundleKey.bundleKey(t), fr90.pem()...), dir, "together.pem")
	load := func(names ...string) (*Trust, []error, error) {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return LoadTrust(names, Options{})
	}

	trust, warnings, err := load("good")
	if err != nil || len(warnings) != 0 || len(trust.bundles) != 1 {
		t.Fatalf("%v %v", warnings, err)
	}
	if n, _ := trust.Size(); n != 1 {
		t.Errorf("%d certificates", n)
	}
	if _, _, err := load("good/2d-doc.bundle", "good/trust-bundle.pem"); err != nil {
		t.Errorf("the key is read first: %v", err)
	}
	if trust, _, err := load("together.pem"); err != nil || len(trust.bundleKeys) != 1 || len(trust.authorities) != 1 {
		t.Errorf("a key and a certificate in one file: %v", err)
	}
	if _, _, err := load("alone"); !errors.Is(err, ErrNoTrust) {
		t.Errorf("a key alone: %v", err)
	}
	if _, _, err := load("good/2d-doc.bundle"); !errors.Is(err, errNoBundleKey) {
		t.Errorf("no key: %v", err)
	}

	t.Run("the key of the lists opens no bundle", func(t *testing.T) {
		trust, warnings, err := load("swapped")
		if err != nil || len(warnings) != 1 || !errors.Is(warnings[0], errNoBundleKey) || len(trust.bundles) != 0 {
			t.Errorf("%v %v", warnings, err)
		}
		if _, _, err := load("swapped/2d-doc.bundle", "swapped/revocation-list.pem"); err == nil {
			t.Error("opened")
		}
	})
	t.Run("the key of the bundles opens no list", func(t *testing.T) {
		list := bundleKey.list(t, 1, later, 0, revocation.TwoDDocKey([32]byte{1})) // signed with the key of the bundles
		r := &Revoked{}
		if err := r.AddKey(bundleKey.bundleKey(t)); err == nil {
			t.Error("the key is taken for one of lists")
		}
		if err := r.AddKey(listKey.public(t)); err != nil {
			t.Fatal(err)
		}
		if err := r.Add("list", list, later); err == nil {
			t.Error("added")
		}
		writeFile(t, list, dir, "lists", "list")
		writeFile(t, bundleKey.bundleKey(t), dir, "lists", "trust-bundle.pem")
		if r, warnings, err := LoadRevoked([]string{filepath.Join(dir, "lists")}, later); !errors.Is(err, ErrNoList) {
			t.Errorf("%v %v %v", r, warnings, err)
		}
	})
	t.Run("a damaged bundle is left out, and said", func(t *testing.T) {
		data, err := os.ReadFile(filepath.Join(dir, "good", "2d-doc.bundle"))
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		for name, bad := range map[string][]byte{"changed": data, "cut": data[:len(data)-1], "key": pem.EncodeToMemory(&pem.Block{Type: bundle.KeyType, Bytes: []byte{1}})} {
			trust := &Trust{}
			add(t, trust, bundleKey.bundleKey(t))
			if _, err := trust.Add(name, bad, Options{}); err == nil {
				t.Errorf("%s: added", name)
			}
		}
	})
}

// What travels to another device knows as much there of revoked signing certificates.
func TestPackBundle(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1, cai2 := newIssuer(t, "CAI1", fr90, crlAddress), newIssuer(t, "CAI2", fr90, crlAddress)
	p := newPublisher(t)
	trust := &Trust{}
	add(t, trust, p.bundleKey(t), p.seal(t, herbier(later, fr90, []*issuer{cai1, cai2}, []*issuer{cai1})), cai2.pem())
	here := Checker{Trust: trust}
	data, err := here.Pack(later)
	if err != nil {
		t.Fatal(err)
	}
	there, made, err := Unpack(data, later)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{spot, later, later.AddDate(0, 0, 3), later.AddDate(1, 0, 0)} {
		for _, by := range []*issuer{cai1, cai2} {
			payload := string(by.attest(t, "FR90", spot))
			v := verdict(t, here, payload, at)
			if diff := cmp.Diff(v, verdict(t, there, payload, at)); diff != "" {
				t.Errorf("%s: %s", at, diff)
			}
			if v.Valid != (by == cai2) || v.Certificate == nil {
				t.Errorf("%v", v)
			}
		}
	}
	if again, err := here.Pack(later); err != nil || !bytes.Equal(again, data) {
		t.Error("packed again, it is different")
	}
	f := there.Facts(made)
	oldest := later.Add(-time.Hour)
	want := []BundleFacts{{Gathered: later, Until: later.AddDate(0, 0, 7), Authorities: []string{"FR90"}, Certificates: 2, Lists: 1, Revoked: 1, Oldest: &oldest}}
	if diff := cmp.Diff(want, f.Bundles); diff != "" || f.TwoDDoc != 2 || !slices.Equal(f.Authorities, []string{"FR90"}) || f.Scheme == nil || f.Scheme.Sequence != 23 {
		t.Errorf("%+v %s", f, diff)
	}
	for _, bad := range []string{`{"bundles":[{"key":"AAAA","file":"AAAA"}]}`, string(bytes.Replace(data, []byte(`"file":"MII`), []byte(`"file":"MIA`), 1))} {
		if _, _, err := Unpack([]byte(bad), later); err == nil {
			t.Error("what is damaged was unpacked")
		}
	}
}

// TestBundleWords: what people read has the dates, in both languages.
func TestBundleWords(t *testing.T) {
	fr90 := newIssuer(t, "FR90", nil)
	cai1, mute := newIssuer(t, "CAI1", fr90, crlAddress), newIssuer(t, "CAI2", fr90)
	p := newPublisher(t)
	trust := &Trust{}
	add(t, trust, p.bundleKey(t), p.seal(t, herbier(later, fr90, []*issuer{cai1, mute}, []*issuer{cai1})))
	fine := &Trust{}
	add(t, fine, p.bundleKey(t), p.seal(t, herbier(later, fr90, []*issuer{cai1}, nil)))
	revoked := verdict(t, Checker{Trust: trust}, string(cai1.attest(t, "FR90", spot)), later)
	undated := revoked
	undated.Certificate = &Standing{Status: "revoked", Updated: revoked.Certificate.Updated}
	unknown := verdict(t, Checker{Trust: trust}, string(mute.attest(t, "FR90", spot)), later)
	stale := verdict(t, Checker{Trust: fine, Revoked: revokedBy(t, p, later, p.list(t, 1, later, 0))}, string(cai1.attest(t, "FR90", spot)), later.AddDate(0, 0, 3))
	for lang, want := range map[string][]string{
		"fr": {
			"Révoqué le 01/09/2021, selon la liste de révocation du 10/02/2022.", "certificat de l’émetteur révoqué, liste du 10/02/2022",
			"La liste de révocation du 10/02/2022 ne dit pas depuis quand.",
			"Informations réunies le 10/02/2022.", "rien n’est su du certificat de l’émetteur, informations du 10/02/2022",
			"Dernière mise à jour\u00a0: 10/02/2022.", "n’est sur aucune liste de révocation, liste du 10/02/2022\u202f; certificat de l’émetteur non révoqué, liste du 10/02/2022",
		},
		"en": {
			"Revoked on 2021-09-01, says the revocation list of 2022-02-10.", "certificate of the issuer revoked, list of 2022-02-10",
			"The revocation list of 2022-02-10 does not say since when.",
			"Gathered on 2022-02-10.", "nothing is known of the certificate of the issuer, as of 2022-02-10",
			"Last updated: 2022-02-10.", "on no revocation list, list of 2022-02-10; certificate of the issuer not revoked, list of 2022-02-10",
		},
	} {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, v := range []Verdict{revoked, undated, unknown, stale} {
			view := w.View(v, true)
			for _, l := range slices.Concat(view.Reasons, view.Warnings) {
				all.WriteString(l.Words + "\n" + l.Detail + "\n")
			}
			all.WriteString(view.List + "\n")
			if err := w.Write(&all, v, false); err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range w.Facts(Checker{Trust: trust}.Facts(later)) {
			all.WriteString(row.Label + ": " + row.Value + "\n")
		}
		for _, row := range w.Facts(Facts{Bundles: []BundleFacts{{}}}) {
			all.WriteString(row.Label + ": " + row.Value + "\n")
		}
		if text := all.String(); strings.ContainsAny(text, "{}⟦") {
			t.Errorf("%s: %s", lang, text)
		}
		for _, s := range want {
			if !strings.Contains(all.String(), s) {
				t.Errorf("%s does not say %q:\n%s", lang, s, all.String())
			}
		}
	}
	if b, err := json.Marshal(revoked); err != nil || !strings.Contains(string(b), `"certificate":{"status":"revoked","since":"2021-09-01T08:00:00Z","updated":"2022-02-10T11:00:00Z","gathered":"2022-02-10T12:00:00Z"}`) {
		t.Errorf("%s %v", b, err)
	}
}
