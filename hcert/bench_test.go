package hcert_test

import (
	"crypto/ecdsa"
	"slices"
	"testing"
	"time"

	"carnet/hcert"
)

// benchCase is a right certificate and what it takes to verify its signature alone.
type benchCase struct {
	text      string
	trust     hcert.Trust
	at        time.Time
	key       *ecdsa.PublicKey
	digest    [32]byte
	signature []byte // ASN.1
}

func newBenchCase(b *testing.B) *benchCase {
	b.Helper()
	all := loadGolden(b)
	g := all[slices.IndexFunc(all, func(g golden) bool { return g.Name == "vaccination-es256" })]
	c := &benchCase{text: g.Text, trust: loadTrust(b, g.Trust), at: g.At}
	r := hcert.Verify(c.text, c.trust, c.at, hcert.Tolerant)
	if !r.Valid() {
		b.Fatal(r.Codes())
	}
	c.key = r.Key.Public.(*ecdsa.PublicKey)
	c.digest = hcert.ToBeSigned(r.Certificate.Protected, r.Certificate.Claims)
	c.signature = hcert.DERSignature(r.Certificate.Signature)
	return c
}

func (c *benchCase) raw(b *testing.B) {
	if !ecdsa.VerifyASN1(c.key, c.digest[:], c.signature) {
		b.Fatal("signature")
	}
}

func (c *benchCase) whole(b *testing.B) {
	if r := hcert.Verify(c.text, c.trust, c.at, hcert.Tolerant); !r.Valid() {
		b.Fatal(r.Codes())
	}
}

// BenchmarkVerify measures decoding and verifying against the bare ECDSA verification, in one run:
// blocks of both alternate, and the metric is the speed as a share of the bare operation
// (1 would be a decoder that costs nothing).
func BenchmarkVerify(b *testing.B) {
	c := newBenchCase(b)
	const block = 20
	var raw, whole time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		for range block {
			c.raw(b)
		}
		middle := time.Now()
		for range block {
			c.whole(b)
		}
		whole += time.Since(middle)
		raw += middle.Sub(start)
	}
	b.ReportMetric(raw.Seconds()/whole.Seconds(), "of-raw")
	b.ReportMetric(float64(whole.Nanoseconds())/float64(b.N*block), "ns/certificate")
}
