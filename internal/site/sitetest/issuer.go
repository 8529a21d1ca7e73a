package sitetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"image"
	"image/color"
	"image/png"
	"math/big"
	"testing"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/certify/sheet"
	"carnet/internal/verify"
	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
)

// Issuer signs attestations; its keys live as long as the test. FR90 is no test authority, so that a
// verdict can be fully valid.
type Issuer struct {
	Name    string
	Key     *ecdsa.PrivateKey
	Cert    *x509.Certificate
	Trust   *verify.Trust
	Revoked *ecdsa.PrivateKey // signs the list of revoked certificates
}

func NewIssuer(t testing.TB, name string, trust *verify.Trust) *Issuer {
	t.Helper()
	i := &Issuer{Name: name, Trust: trust}
	root := Certificate(t, name, nil, nil)
	leaf := Certificate(t, "CAI1", root.Cert, root.Key)
	for _, c := range []*x509.Certificate{root.Cert, leaf.Cert} {
		if err := i.Trust.AddCertificate(c); err != nil {
			t.Fatal(err)
		}
	}
	i.Key, i.Cert = leaf.Key, leaf.Cert
	var err error
	if i.Revoked, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return i
}

// Pair is a key and its certificate.
type Pair struct {
	Key  *ecdsa.PrivateKey
	Cert *x509.Certificate
}

func Certificate(t testing.TB, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, crl ...string) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"CAISSE DES FOUGERES"}, CommonName: name},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: crl,
	}
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, parent, signer = true, true, x509.KeyUsageCertSign, c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err == nil {
		c, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Pair{key, c}
}

// Attest signs an attestation of vaccination for an invented person.
func (i *Issuer) Attest(t testing.TB, family string) []byte {
	t.Helper()
	today := twoddoc.DayOf(time.Now())
	d, err := twoddoc.Vaccination{
		FamilyName: family, GivenNames: []string{"Aubépine"}, Birth: "12031958", Disease: "COVID-19", Agent: "J07BX03",
		Vaccine: "COMIRNATY PFIZER/BIONTECH", Manufacturer: "COMIRNATY PFIZER/BIONTECH", Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}.Prepare(twoddoc.Header{Authority: i.Name, Certificate: "CAI1", Emitted: today, Signed: today, Country: "FR"})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := d.Sign(i.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// Forged is an attestation with one letter changed.
func (i *Issuer) Forged(t testing.TB) []byte {
	return bytes.Replace(i.Attest(t, "Fougère"), []byte("FOUGERE"), []byte("FOUGEUR"), 1)
}

// Picture draws the symbol of a payload on white paper, in the middle of a picture of a size.
func Picture(t testing.TB, payload []byte, width, height, module int) *image.Gray {
	t.Helper()
	s, err := datamatrix.Encode(payload, 0)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, width, height))
	for k := range img.Pix {
		img.Pix[k] = 0xf4
	}
	left, top := (width-s.Side*module)/2, (height-s.Side*module)/2
	for y := range s.Side * module {
		for x := range s.Side * module {
			if s.Dark(x/module, y/module) {
				img.SetGray(left+x, top+y, color.Gray{Y: 0x18})
			}
		}
	}
	return img
}

func PNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Page draws the whole attestation: a DataMatrix and a QR code with the same payload.
func Page(t testing.TB, payload []byte) []byte {
	t.Helper()
	r, err := sheet.New()
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Render(sheet.Attestation{
		FamilyName: "Fougère", GivenNames: "Aubépine", BirthDate: "12/03/1958", Vaccine: "Comirnaty (Pfizer/BioNTech)", Rank: 2, Expected: 2,
		LastDate: "20/04/2021", Complete: true, Payload: payload, Link: twoddoc.Link("https://carnet.example"+twoddoc.WalletPath, payload),
		Issuer: "Carnet", NoticeURL: "https://carnet.example/notice", Sandbox: true, IssuedAt: time.Now(), FileID: [16]byte{1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// List revokes 2D-Doc documents.
func (i *Issuer) List(t testing.TB, payloads ...[]byte) *verify.Revoked {
	t.Helper()
	d := revocation.Draft{Number: 7, IssuedAt: time.Now().Add(-time.Hour).Truncate(time.Second), NextUpdate: time.Now().Add(24 * time.Hour).Truncate(time.Second)}
	for _, p := range payloads {
		doc, err := twoddoc.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		d.Keys = append(d.Keys, revocation.TwoDDocKey(doc.ID()))
	}
	data, err := d.Sign(rand.Reader, i.Revoked)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(i.Revoked.Public())
	if err != nil {
		t.Fatal(err)
	}
	r := &verify.Revoked{}
	if err := r.AddKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})); err != nil {
		t.Fatal(err)
	}
	if err := r.Add("list", data, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}
