package sheet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// person is who an attestation of a test is about.
type person struct{ family, given, l0, l1 string }

// signer signs payloads that look like those of package twoddoc.
func payloadOf(t testing.TB, key *ecdsa.PrivateKey, l0, l1, vaccine string) []byte {
	t.Helper()
	text := "DC04XX000C1126B626B6L10" + "1FR" + "L0" + l0 + "\x1dL1" + l1 + "\x1dL201011951L3COVID-19\x1dL4J07BX03\x1dL5" +
		vaccine + "\x1dL6" + vaccine + "\x1dL72L82L930042021LATE"
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return []byte(text + "\x1f" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sig))
}

func attestation(payload []byte, family, given string) Attestation {
	link := "https://portefeuille.carnet.example/app/wallet2d#" +
		strings.NewReplacer("\x1d", "%1D", "\x1e", "%1E", "\x1f", "%1F", " ", "%20").Replace(string(payload))
	return Attestation{
		FamilyName: family, GivenNames: given, BirthDate: "01/01/1951",
		Vaccine: "Comirnaty (Pfizer/BioNTech)", Rank: 2, Expected: 2, LastDate: "30/04/2021", Complete: true,
		Payload: payload, Link: link,
		Issuer: "Carnet, bac à sable", NoticeURL: "https://carnet.example/donnees-personnelles", Sandbox: true,
		IssuedAt: time.Date(2026, 6, 14, 8, 42, 0, 0, time.UTC), FileID: [16]byte{1, 2, 3},
	}
}

func TestExplore(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	long := strings.Repeat("DE LA FOUGERE-DES-BOIS ", 5)[:79]
	for _, p := range []struct{ l0, l1, v string }{
		{"IF", "LIN", "MODERNA"},
		{"AUBEPINE", "FOUGERE", "COMIRNATY PFIZER/BIONTECH"},
		{"AUBEPINE TILLEUL DE LA FOUGERE", "EGLANTINE/MARGUERITE/VIOLETTE", "COMIRNATY PFIZER/BIONTECH"},
		{long, "MARGUERITE", "COMIRNATY PFIZER/BIONTECH"},
		{long, long, "COMIRNATY PFIZER/BIONTECH"},
		{strings.Repeat("A ", 40)[:79], strings.Repeat("A/", 40)[:79], "COMIRNATY PFIZER/BIONTECH"},
		{strings.Repeat("A ", 40)[:79], strings.Repeat("A ", 40)[:79], strings.Repeat("A ", 40)[:29]},
	} {
		payload := payloadOf(t, key, p.l0, p.l1, p.v)
		a := attestation(payload, p.l0, p.l1)
		file, err := r.Render(a)
		if err != nil {
			t.Error(len(payload), err)
			continue
		}
		m, _ := encodeMatrix(payload)
		q, _ := r.qr.encode(a.Link)
		t.Log(len(payload), m.Side, q.Size())
		path := filepath.Join(dir, "a.pdf")
		os.WriteFile(path, file, 0o600)
		for _, dpi := range []int{100, 150, 200, 300} {
			page := filepath.Join(dir, "page")
			px := func(mm float64) string { return fmt.Sprint(int(mm / 25.4 * float64(dpi))) }
			run(t, "pdftoppm", "-gray", "-png", "-singlefile", "-r", fmt.Sprint(dpi), path, page)
			run(t, "pdftoppm", "-gray", "-png", "-singlefile", "-r", fmt.Sprint(dpi), "-x", px(left), "-y", px(boxTop), "-W", px(boxWidth), "-H", px(boxBottom-boxTop), path, page+"box")
			s := time.Now()
			d := run(t, "dmtxread", "-m", "4000", "-N", "1", page+".png")
			e := time.Since(s)
			z := run(t, "ZXingReader", "-format", "DataMatrix", "-bytes", page+"box.png")
			zq := run(t, "ZXingReader", "-format", "QRCode", "-bytes", page+".png")
			zb := bytes.TrimSuffix(run(t, "zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", page+".png"), []byte("\n"))
			t.Log(dpi, bytes.Equal(d, payload), bytes.Equal(z, payload), string(zq) == a.Link, string(zb) == a.Link, e)
		}
	}
}

func run(t testing.TB, name string, args ...string) []byte {
	cmd := exec.Command(name, args...)
	out, _ := cmd.Output()
	return out
}
func sample(t testing.TB) Attestation {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return attestation(payloadOf(t, key, "AUBEPINE", "FOUGERE", "COMIRNATY PFIZER/BIONTECH"), "Aubépine", "Fougère")
}
func BenchmarkRender(b *testing.B) {
	r, _ := New()
	a := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		r.Render(a)
	}
}
