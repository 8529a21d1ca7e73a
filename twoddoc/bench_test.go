package twoddoc_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"carnet/twoddoc"
)

// ratio runs an operation and the bare cryptography in it in turn, in many short rounds, and reports the
// speed of the whole as a share of the bare operation: 1 would be a format that costs nothing. It is the
// median of the rounds' own shares, for what else the machine does slows both sides of a round down. The
// share of the best times is what the machine does when it is left alone.
func ratio(b *testing.B, whole, bare func()) {
	const slice = 10
	measure := func(f func()) float64 {
		start := time.Now()
		for range slice {
			f()
		}
		return float64(time.Since(start)) / slice
	}
	var wholes, bares, shares []float64
	for b.Loop() {
		w, r := measure(whole), measure(bare)
		wholes, bares, shares = append(wholes, w), append(bares, r), append(shares, r/w)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(wholes), "ns/whole")
	b.ReportMetric(median(bares), "ns/bare")
	b.ReportMetric(median(shares), "of-raw")
	b.ReportMetric(slices.Min(bares)/slices.Min(wholes), "of-raw-best")
	b.ReportMetric(testing.AllocsPerRun(100, whole), "allocs/whole")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
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
