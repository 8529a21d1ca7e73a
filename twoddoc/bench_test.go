package twoddoc_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"carnet/twoddoc"
)

// ratio runs an operation and the bare cryptography in it in turn and reports the quotient of their
// times. Both are the best of many short slices: what else runs on the machine makes slices slower,
// never faster.
func ratio(b *testing.B, whole, bare func()) {
	const slice = 10
	best := func(least time.Duration, f func()) time.Duration {
		start := time.Now()
		for range slice {
			f()
		}
		return min(least, time.Since(start))
	}
	tw, tb := time.Hour, time.Hour
	for b.Loop() {
		tw = best(tw, whole)
		tb = best(tb, bare)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(tw)/slice, "ns/whole")
	b.ReportMetric(float64(tb)/slice, "ns/bare")
	b.ReportMetric(float64(tw)/float64(tb), "ratio")
}

// BenchmarkIssue is a vaccination to a signed payload, against one ECDSA signature.
func BenchmarkIssue(b *testing.B) {
	key := newKey(b)
	v, h := fougere(), header("CN01")
	digest := sha256.Sum256([]byte("x"))
	ratio(b, func() {
		d, err := v.Prepare(h)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Sign(key, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkVerify is a payload to a verified document, against one ECDSA verification in its fastest form.
func BenchmarkVerify(b *testing.B) {
	p := goldenPayloads(b)["l1"]
	key := goldenCertificate(b, "CN01").PublicKey.(*ecdsa.PublicKey)
	doc, err := twoddoc.Parse(p)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(doc.Signed())
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(doc.Signature[:32]), new(big.Int).SetBytes(doc.Signature[32:])})
	if err != nil {
		b.Fatal(err)
	}
	ratio(b, func() {
		d, err := twoddoc.Parse(p)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Verify(key); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if !ecdsa.VerifyASN1(key, digest[:], der) {
			b.Fatal("invalid")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := goldenPayloads(b)["l1"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := twoddoc.Parse(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrepare(b *testing.B) {
	v, h := fougere(), header("CN01")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Prepare(h); err != nil {
			b.Fatal(err)
		}
	}
}
