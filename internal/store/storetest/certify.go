package storetest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/protect"
	"carnet/twoddoc"
)

func (w *world) self() protect.Actor { return protect.Actor{ID: w.fern, Role: protect.Insured} }

func testAttestation(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-10-20"))
	must(t, err)
	_, err = w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	summary, err := c.Summary(t.Context(), w.self(), w.fern)
	must(t, err)
	last, ok := summary.Last()
	if !ok || last.Rank != 2 || !last.Complete() || last.Product.Name != "Comirnaty" || last.Place.Commune != centre.Commune || !last.Lot.IsZero() {
		t.Errorf("last dose %+v", last)
	}
	doc, err := c.Attestation(t.Context(), w.self(), w.fern)
	must(t, err)
	parsed, err := twoddoc.Parse(doc.Payload)
	must(t, err)
	must(t, parsed.Verify(w.signer.Certificate()))
	for id, want := range map[string]string{"L0": "FOUGERE", "L1": "CAMILLE/ROSE", "L2": "12051985", "L3": "COVID-19", "L4": "J07BX03",
		"L5": "COMIRNATY PFIZER/BIONTECH", "L6": "COMIRNATY PFIZER/BIONTECH", "L7": "2", "L8": "2", "L9": "20112026", "LA": "TE"} {
		if got := parsed.Value(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	if h := parsed.Header; h.Authority != "FR00" || h.Certificate != "CAR1" || h.Country != "FR" || !h.Within(w.signer.Certificate()) {
		t.Errorf("header %+v", h)
	}
	linked, err := twoddoc.FromLink(doc.Link)
	must(t, err)
	if !bytes.Equal(linked, doc.Payload) {
		t.Error("the two codes differ")
	}
	if !bytes.HasPrefix(doc.PDF, []byte("%PDF-1.7")) || parsed.ID() != doc.ID {
		t.Error("no page, or another document")
	}
	again, err := c.Attestation(t.Context(), w.self(), w.fern)
	must(t, err)
	if again.ID != doc.ID || w.Count(t, "certificate") != 1 {
		t.Errorf("downloaded twice: %d rows", w.Count(t, "certificate"))
	}
}

func testAttestationOfAnother(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	other, err := w.people.Enrol(t.Context(), system, identity("TILLEUL", "", "2001-11-03", carnet.Male, number(t, "1011100998014"), "Noé"))
	must(t, err)
	command := w.command(t, "2026-11-20")
	command.Person = other
	_, err = w.vaccinate.Record(t.Context(), w.nurse, command)
	must(t, err)
	if _, err := c.Attestation(t.Context(), w.self(), other); !errors.Is(err, protect.ErrDenied) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := c.Summary(t.Context(), w.nurse, other); !errors.Is(err, protect.ErrDenied) {
		t.Errorf("by a professional: %v", err)
	}
	lines := w.Journal(t)
	if l := lines[len(lines)-2]; l.Outcome != "not-self" || l.Person != other || l.Actor != w.fern {
		t.Errorf("the journal tells %+v", l)
	}
	if w.Count(t, "certificate") != 0 {
		t.Error("a certificate was noted")
	}
}

func testNoDose(t *testing.T, w *world) {
	if _, err := w.certify(t, w.signer).Attestation(t.Context(), w.self(), w.fern); carnet.KindOf(err) != carnet.NotFound || carnet.CodeOf(err) != "certificate.no-dose" {
		t.Errorf("got %v", err)
	}
}

// badSigner signs with a key, and shows a certificate.
type badSigner struct {
	crypto.Signer
	cert *x509.Certificate
}

func (s badSigner) Certificate() *x509.Certificate { return s.cert }

func testBadSigner(t *testing.T, w *world) {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	good := w.signer.Certificate()
	ended := *good
	ended.NotAfter = w.now().Add(-48 * time.Hour)
	ended.NotBefore = ended.NotAfter.Add(-time.Hour)
	for name, c := range map[string]struct {
		signer certify.Signer
		code   string
	}{
		"a key that is not the certificate's": {badSigner{stranger, good}, "signer.key"},
		"a certificate that has ended":        {badSigner{w.signer, &ended}, "signer.expired"},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := w.certify(t, c.signer).Attestation(t.Context(), w.self(), w.fern)
			if carnet.CodeOf(err) != c.code || doc.PDF != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	if w.Count(t, "certificate") != 0 {
		t.Error("a certificate was noted")
	}
}
