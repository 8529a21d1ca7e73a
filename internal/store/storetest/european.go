package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/revocation"
	"carnet/hcert/trust"
	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/protect"
)

func (w *world) european(t *testing.T, c *certify.Service) certify.Document {
	t.Helper()
	doc, err := c.European(t.Context(), w.self(), w.fern)
	must(t, err)
	return doc
}

// reads verifies a text as anyone would, and gives its vaccination.
func (w *world) reads(t *testing.T, text []byte) (*hcert.Certificate, dcc.Vaccination) {
	t.Helper()
	store, err := trust.NewStore(trust.FromCertificate(w.dsc.Certificate()))
	must(t, err)
	r := hcert.Verify(string(text), store, w.now(), hcert.Strict)
	must(t, r.Err())
	return r.Certificate, r.Certificate.DCC.Vaccinations[0]
}

func testEuropean(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	if _, err := c.European(t.Context(), w.self(), w.fern); carnet.CodeOf(err) != "certificate.no-dose" {
		t.Errorf("without a dose: %v", err)
	}
	for _, day := range []string{"2026-10-20", "2026-11-20"} {
		_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, day))
		must(t, err)
	}
	doc := w.european(t, c)
	read, v := w.reads(t, doc.Payload)
	if v.Disease != "840539006" || v.Vaccine != "1119349007" || v.Product != "EU/1/20/1528" || v.Holder != "ORG-100030215" || v.Dose != 2 || v.Doses != 2 ||
		v.Date != "2026-11-20" || v.Country != "FR" || v.Issuer != "Carnet" || dcc.CheckUVCI(v.ID) != dcc.CheckRight || certify.EuropeanID(v.ID) != doc.ID {
		t.Errorf("the certificate says otherwise")
	}
	if n := read.DCC.Name; n.Family != "FOUGÈRE" || n.FamilyStandard != "FOUGERE" || n.Given != "Camille Rose" || n.GivenStandard != "CAMILLE<ROSE" || read.DCC.Birth != "1985-05-12" {
		t.Error("it is somebody else's")
	}
	if read.Issuer != "FR" || read.Expires.Sub(read.IssuedAt) != 365*24*time.Hour || !strings.HasPrefix(doc.Link, "https://carnet.example/app/walletdcc#HC1:") {
		t.Errorf("issuer %s, %s to %s", read.Issuer, read.IssuedAt, read.Expires)
	}
	w.later(24 * time.Hour)
	if again := w.european(t, c); string(again.Payload) != string(doc.Payload) || w.Count(t, "certificate") != 1 {
		t.Errorf("downloaded twice: another certificate, %d rows", w.Count(t, "certificate"))
	}
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-21"))
	must(t, err)
	if next := w.european(t, c); next.ID == doc.ID || w.Count(t, "certificate") != 2 {
		t.Error("another content, the same certificate")
	} else if _, v := w.reads(t, next.Payload); v.Dose != 3 || v.Doses != 3 {
		t.Errorf("dose %d of %d", v.Dose, v.Doses)
	}
	w.later((365 - 27) * 24 * time.Hour)
	last := w.european(t, c)
	if renewed, _ := w.reads(t, last.Payload); renewed.Expires.Sub(w.now()) < 364*24*time.Hour {
		t.Errorf("four weeks before its end, it ends on %s", renewed.Expires)
	}
	if _, err := c.European(t.Context(), w.nurse, w.fern); !errors.Is(err, protect.ErrDenied) {
		t.Errorf("by a professional: %v", err)
	}
}

func testEuropeanNumbers(t *testing.T, w *world) {
	const janssen, comirnaty = "EU/1/20/1525", "EU/1/20/1528"
	type dose struct {
		vaccine, day   string
		rank, expected int // as stated; zero for what is proposed
	}
	n := 1 // of the people
	for name, c := range map[string]struct {
		doses     []dose
		dose, all int
	}{
		"first of two":           {[]dose{{comirnaty, "2026-10-01", 0, 0}}, 1, 2},
		"first booster":          {[]dose{{comirnaty, "2026-08-01", 0, 0}, {comirnaty, "2026-09-01", 0, 0}, {comirnaty, "2026-11-01", 0, 0}}, 3, 3},
		"one of one":             {[]dose{{janssen, "2026-10-01", 0, 0}}, 1, 1},
		"booster after one":      {[]dose{{janssen, "2026-08-01", 0, 0}, {comirnaty, "2026-11-01", 0, 0}}, 2, 1},
		"one after an infection": {[]dose{{comirnaty, "2026-10-01", 1, 1}}, 1, 1},
		"booster after that":     {[]dose{{comirnaty, "2026-08-01", 1, 1}, {comirnaty, "2026-11-01", 2, 1}}, 2, 1},
		"stated, but not so":     {[]dose{{comirnaty, "2026-10-01", 0, 0}, {comirnaty, "2026-11-01", 3, 3}}, 2, 2},
	} {
		n++
		t.Run(name, func(t *testing.T) {
			person, err := w.people.Enrol(t.Context(), system, identity(strings.Map(letters, name), "", "1985-05-12", carnet.Female, number(t, fmt.Sprintf("28505009990%02d", n)), "Lou"))
			must(t, err)
			for _, d := range c.doses {
				command := w.command(t, d.day)
				command.Person, command.Vaccine, command.Rank, command.Expected = person, d.vaccine, d.rank, d.expected
				if d.rank > 0 {
					command.RankReason = "carnet de santé"
				}
				_, err := w.vaccinate.Record(t.Context(), w.nurse, command)
				must(t, err)
			}
			doc, err := w.certify(t, w.signer).European(t.Context(), protect.Actor{ID: person, Role: protect.Insured}, person)
			must(t, err)
			if _, v := w.reads(t, doc.Payload); v.Dose != c.dose || v.Doses != c.all {
				t.Errorf("%d/%d, want %d/%d", v.Dose, v.Doses, c.dose, c.all)
			}
		})
	}
}

func testNotEuropean(t *testing.T, w *world) {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	good := w.dsc
	ended, tests := *good.Certificate(), *good.Certificate()
	ended.NotAfter = w.now().Add(-time.Hour)
	tests.UnknownExtKeyUsage = append(tests.UnknownExtKeyUsage[:0:0], tests.UnknownExtKeyUsage...)
	tests.UnknownExtKeyUsage[0] = append(tests.UnknownExtKeyUsage[0][:9:9], 1)
	for name, c := range map[string]struct {
		signer certify.Signer
		code   string
	}{
		"a key that is not the certificate's": {badSigner{stranger, good.Certificate()}, "signer.key"},
		"a certificate that has ended":        {badSigner{good, &ended}, "signer.expired"},
		"a certificate for tests":             {badSigner{good, &tests}, "signer.key"},
		"no key at all":                       {nil, "certificate.no-european"},
	} {
		t.Run(name, func(t *testing.T) {
			w.dsc = c.signer
			doc, err := w.certify(t, w.signer).European(t.Context(), w.self(), w.fern)
			if carnet.CodeOf(err) != c.code || doc.PDF != nil || doc.Payload != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	w.dsc = good
	t.Run("two doses on one day", func(t *testing.T) {
		_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
		must(t, err)
		if _, err := w.certify(t, w.signer).European(t.Context(), w.self(), w.fern); carnet.CodeOf(err) != "certificate.not-european" || carnet.KindOf(err) != carnet.Conflict {
			t.Errorf("got %v", err)
		}
	})
	if w.Count(t, "certificate") != 0 {
		t.Error("a certificate was noted")
	}
	dir := t.TempDir()
	if err := certify.PublishEuropean(dir, badSigner{good, &tests}); err == nil {
		t.Error("a certificate for tests is published")
	}
	if err := certify.PublishEuropean(dir, badSigner{good, &x509.Certificate{}}); err == nil {
		t.Error("a certificate of no country is published")
	}
}

func testConcurrentEuropean(t *testing.T, w *world) {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	c := w.certify(t, w.signer)
	var mu sync.Mutex
	texts := map[string]bool{}
	parallel(t, 8, func(int) error {
		doc, err := c.European(t.Context(), w.self(), w.fern)
		mu.Lock()
		defer mu.Unlock()
		texts[string(doc.Payload)] = true
		return err
	})
	if len(texts) != 1 || w.Count(t, "certificate") != 1 {
		t.Errorf("%d certificates, %d rows", len(texts), w.Count(t, "certificate"))
	}
}

func testEuropeanRevoked(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	paper := w.issued(t, c)
	doc := w.european(t, c)
	certificate, v := w.reads(t, doc.Payload)
	if found, err := c.Find(t.Context(), system, certify.EuropeanID(strings.ToUpper(v.ID))); err != nil || len(found) != 1 || found[0].Kind != certify.European || found[0].Receipt.Identifier != "" {
		t.Errorf("found %v, %v", found, err)
	}
	_, _, err := c.Revoke(t.Context(), system, w.withdrawal(t, doc))
	must(t, err)
	fresh := w.european(t, c) // at once: its identifier is another one
	if fresh.ID == doc.ID {
		t.Fatal("a revoked certificate was handed out")
	}
	p, key := w.publisher(t)
	published, err := p.Next(t.Context(), 0)
	must(t, err)
	list, err := revocation.Open(published.Bytes, key)
	must(t, err)
	for kind, names := range map[revocation.Kind]revocation.Key{
		revocation.UCI:        revocation.UCI.Key(revocation.HashUCI(v.ID)),
		revocation.CountryUCI: revocation.CountryUCI.Key(revocation.HashCountryUCI(v.Country, v.ID)),
		revocation.Signature:  revocation.Signature.Key(revocation.HashSignature(certificate.Algorithm, certificate.Signature)),
	} {
		if list.Lookup(names) != revocation.Revoked {
			t.Errorf("%s is not on the list", kind)
		}
	}
	if list.Len(revocation.TwoDDoc) != 0 || list.Lookup(revocation.TwoDDocKey(paper.ID)) != revocation.NotListed {
		t.Error("the attestation is revoked with it")
	}
	if other, _ := w.reads(t, fresh.Payload); list.Lookup(revocation.Keys(other)...) != revocation.NotListed {
		t.Error("the new one is revoked")
	}
}

// letters keeps what may stand in a name.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 'a' + 'A'
	}
	return '-'
}
