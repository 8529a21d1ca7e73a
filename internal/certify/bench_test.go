package certify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"carnet/internal/carnet"
)

// BenchmarkWhole makes an attestation without the store: payload, lint, signature, read-back, both codes, page, seal. It reports
// the time in raw ECDSA P-256 signatures made between the same iterations.
func BenchmarkWhole(b *testing.B) {
	dir := b.TempDir()
	ids := carnet.IDs{Clock: time.Now, Rand: rand.Reader}
	var keys Signers
	var err error
	if keys.National, err = SandboxSigner(dir, ids.Clock, ids.Rand); err != nil {
		b.Fatal(err)
	}
	if keys.Seal, err = SandboxSealSigner(dir, ids.Clock, ids.Rand); err != nil {
		b.Fatal(err)
	}
	s, err := New(nil, nil, ids, keys, nil, Edition{Issuer: "Carnet", Link: "https://carnet.example/app/wallet2d#", NoticeURL: "https://carnet.example/notice", Sandbox: true})
	if err != nil {
		b.Fatal(err)
	}
	birth, err := carnet.ParseBirthDate("1985-05-12")
	if err != nil {
		b.Fatal(err)
	}
	who := carnet.Identity{BirthName: carnet.Hide("FOUGÈRE"), GivenNames: []carnet.Private{carnet.Hide("Camille")}, Birth: birth}
	dose := Dose{carnet.Dose{Date: carnet.Date{Year: 2026, Month: 11, Day: 20}, Place: carnet.Place{Country: "FR"}, Rank: 2, Expected: 2},
		carnet.Vaccine{Name: "Comirnaty", Holder: "Pfizer/BioNTech", Disease: "COVID-19", Diseases: []string{covid}, ATC: "J07BX03", Label: "COMIRNATY PFIZER/BIONTECH"}}
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("raw"))
	var whole, one time.Duration
	for b.Loop() {
		start := time.Now()
		now := ids.Clock()
		ready, err := s.prepare(who, dose, now)
		if err != nil {
			b.Fatal(err)
		}
		doc, err := s.issue(ready)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.draw(who, dose, doc, now); err != nil {
			b.Fatal(err)
		}
		whole += time.Since(start)
		start = time.Now()
		for range 4 {
			if _, err := ecdsa.SignASN1(rand.Reader, raw, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
		one += time.Since(start) / 4
	}
	b.ReportMetric(float64(whole)/float64(one), "signatures")
	b.ReportMetric(float64(b.N)/whole.Seconds(), "attestations/s")
}
