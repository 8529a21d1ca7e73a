package sheet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math"
	"testing"
	"time"
)

// rawSign measures one ECDSA P-256 signature, the unit of specification twoddoc, section 10: the
// best of some rounds, so that it is not flattered by a busy machine.
func rawSign(b *testing.B) time.Duration {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256([]byte("raw"))
	best := time.Duration(math.MaxInt64)
	const rounds, each = 10, 500
	for range rounds {
		start := time.Now()
		for range each {
			if _, err := ecdsa.SignASN1(rand.Reader, key, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
		best = min(best, time.Since(start)/each)
	}
	return best
}

func perSign(b *testing.B, sign time.Duration) {
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(sign), "signs/op")
}

// BenchmarkRender reports the page alone, the codes alone, and both, as ratios to one raw
// signature of the same run. Run it with GOMAXPROCS=1. Target of the specification: at most 10.5
// for the PDF alone.
func BenchmarkRender(b *testing.B) {
	r, a := renderer(b), usual()
	sign := rawSign(b)
	matrix, err := encodeMatrix(a.Payload)
	if err != nil {
		b.Fatal(err)
	}
	qr, err := r.qr.encode(a.Link)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.usual.page(&a, matrix, qr); err != nil {
				b.Fatal(err)
			}
		}
		perSign(b, sign)
	})
	b.Run("matrix", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encodeMatrix(a.Payload); err != nil {
				b.Fatal(err)
			}
		}
		perSign(b, sign)
	})
	b.Run("qr", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.qr.encode(a.Link); err != nil {
				b.Fatal(err)
			}
		}
		perSign(b, sign)
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Render(a); err != nil {
				b.Fatal(err)
			}
		}
		perSign(b, sign)
	})
}

// BenchmarkNew is the cost at start.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
