package hcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/trust"
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

// verifyCase is a right certificate and what it takes to verify its signature alone.
type verifyCase struct {
	text      string
	trust     hcert.Trust
	at        time.Time
	key       *ecdsa.PublicKey
	digest    [32]byte
	signature []byte // ASN.1
}

func newVerifyCase(b *testing.B) *verifyCase {
	b.Helper()
	all := loadGolden(b)
	g := all[slices.IndexFunc(all, func(g golden) bool { return g.Name == "vaccination-es256" })]
	c := &verifyCase{text: g.Text, trust: loadTrust(b, g.Trust), at: g.At}
	r := hcert.Verify(c.text, c.trust, c.at, hcert.Tolerant)
	if !r.Valid() {
		b.Fatal(r.Codes())
	}
	c.key = r.Key.Public.(*ecdsa.PublicKey)
	c.digest = hcert.ToBeSigned(r.Certificate.Protected, r.Certificate.Claims)
	c.signature = hcert.AppendDER(nil, r.Certificate.Signature)
	return c
}

// BenchmarkVerify is a text to a verdict, against one ECDSA verification of a digest that is known.
func BenchmarkVerify(b *testing.B) {
	c := newVerifyCase(b)
	ratio(b, func() {
		if r := hcert.Verify(c.text, c.trust, c.at, hcert.Tolerant); !r.Valid() {
			b.Fatal(r.Codes())
		}
	}, func() {
		if !ecdsa.VerifyASN1(c.key, c.digest[:], c.signature) {
			b.Fatal("signature")
		}
	})
}

// noKeys trusts nothing, so that no signature is verified.
type noKeys struct{}

func (noKeys) Keys([]byte) []*hcert.Key { return nil }

// BenchmarkDecode is what BenchmarkVerify does besides the signature.
func BenchmarkDecode(b *testing.B) {
	c := newVerifyCase(b)
	b.ReportAllocs()
	for b.Loop() {
		if r := hcert.Verify(c.text, noKeys{}, c.at, hcert.Tolerant); r.Certificate == nil {
			b.Fatal(r.Codes())
		}
	}
}

// signedBytes has the length of what is signed of an order.
func signedBytes(b *testing.B, o hcert.Order, key *hcert.Key) []byte {
	b.Helper()
	d, err := o.Prepare(key)
	if err != nil {
		b.Fatal(err)
	}
	const around = 16 // array, context, heads and the empty external data
	c := d.Certificate()
	return make([]byte, around+len(c.Protected)+len(c.Claims))
}

// BenchmarkIssue is an order to a signed text, against one ECDSA signature with its SHA-256.
func BenchmarkIssue(b *testing.B) {
	s := newTestSigner(b)
	key, o := trust.FromCertificate(s.cert), vaccinationOrder()
	message := signedBytes(b, o, key)
	ratio(b, func() {
		d, err := o.Prepare(key)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Sign(s.key, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}, func() {
		digest := sha256.Sum256(message)
		if _, err := ecdsa.SignASN1(rand.Reader, s.key.(*ecdsa.PrivateKey), digest[:]); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkIssueReleased is the same with the verification that comes before release, against one
// ECDSA signature and one ECDSA verification.
func BenchmarkIssueReleased(b *testing.B) {
	s := newTestSigner(b)
	key, o := trust.FromCertificate(s.cert), vaccinationOrder()
	message := signedBytes(b, o, key)
	private := s.key.(*ecdsa.PrivateKey)
	ratio(b, func() {
		d, err := o.Prepare(key)
		if err != nil {
			b.Fatal(err)
		}
		signed, err := d.Sign(s.key, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := signed.Release(); err != nil {
			b.Fatal(err)
		}
	}, func() {
		digest := sha256.Sum256(message)
		signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
		if err != nil || !ecdsa.VerifyASN1(&private.PublicKey, digest[:], signature) {
			b.Fatal("signature")
		}
	})
}

// BenchmarkPrepare is an order to a draft.
func BenchmarkPrepare(b *testing.B) {
	key, o := trust.FromCertificate(newSigner(b, newEC(b, elliptic.P256()), "DSC").cert), vaccinationOrder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Prepare(key); err != nil {
			b.Fatal(err)
		}
	}
}
