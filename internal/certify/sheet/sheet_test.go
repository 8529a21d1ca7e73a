package sheet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"strings"
	"testing"
	"time"
)

func sample(family, given string) Attestation {
	sig := strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 4)[:103]
	payload := "DC04XX000C011E6D1E6DL101FRL0AUBEPINE\x1dL1FOUGERE\x1dL201011951L3COVID-19\x1dL4J07BX03\x1dL5COMIRNATY PFIZER/BIONTECH\x1dL6COMIRNATY PFIZER/BIONTECH\x1dL72L82L930042021LATE\x1f" + sig
	link := "https://portefeuille.carnet.example/app/wallet2d#" + strings.NewReplacer("\x1d", "%1D", "\x1f", "%1F", " ", "%20").Replace(payload)
	return Attestation{FamilyName: family, GivenNames: given, BirthDate: "01/01/1951", Vaccine: "Comirnaty (Pfizer/BioNTech)",
		Rank: 2, Expected: 2, LastDate: "30/04/2021", Complete: true, Payload: []byte(payload), Link: link,
		Issuer: "Carnet, bac à sable", NoticeURL: "http://localhost:8402/donnees-personnelles", Sandbox: true,
		IssuedAt: time.Date(2026, 6, 14, 8, 42, 0, 0, time.UTC), FileID: [16]byte{1, 2, 3}}
}

func TestDraft(t *testing.T) {
	s := time.Now()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(s))
	b, err := r.Render(sample("Aubépine", "Fougère, Tilleul"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/h3a.pdf", b, 0o600)
	b, err = r.Render(sample("AUBÉPINE-TILLEUL DE LA FOUGÈRE DES BOIS SAINT-ÉGLANTIER ET DU GENÉVRIER-DU-NORD", "Églantine, Marguerite-Violette, Capucine, Anémone-des-Bois, Jacinthe, Clématite-Rose"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/h3b.pdf", b, 0o600)
	t.Log(len(b))
}

func BenchmarkRender(b *testing.B) {
	r, _ := New()
	a := sample("Aubépine", "Fougère, Tilleul")
	b.ReportAllocs()
	for b.Loop() {
		r.Render(a)
	}
}
func BenchmarkSign(b *testing.B) {
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h := sha256.Sum256(nil)
	for b.Loop() {
		ecdsa.SignASN1(rand.Reader, k, h[:])
	}
}
