package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"
)

// BenchmarkAttestation goes from the stored dose to the bytes of the PDF: decision, reading, lint,
// signature, both codes, page, note of the issue. It reports the time as a ratio to two raw
// ECDSA P-256 signatures that were made between the same iterations.
func BenchmarkAttestation(b *testing.B, open Open) {
	w := newWorld(b, open)
	_, err := w.vaccinate.Record(b.Context(), w.nurse, w.command(b, "2026-11-20"))
	must(b, err)
	c := w.certify(b, w.signer)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	digest := sha256.Sum256([]byte("message"))
	var whole, raw time.Duration
	b.ReportAllocs()
	for b.Loop() {
		t0 := time.Now()
		doc, err := c.Attestation(b.Context(), w.self(), w.fern)
		whole += time.Since(t0)
		if err != nil || len(doc.PDF) == 0 {
			b.Fatal(err)
		}
		t0 = time.Now()
		for range 2 {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
		raw += time.Since(t0)
	}
	b.ReportMetric(float64(whole)/float64(raw), "x-two-signatures")
	b.ReportMetric(float64(raw.Microseconds())/float64(b.N), "µs/two-signatures")
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "µs/certificate")
}
