package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"carnet/twoddoc"
)

// issuer is a key with its certificate, made for a test.
type issuer struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var (
	from  = time.Date(2021, 4, 1, 0, 0, 0, 0, time.UTC)
	until = time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC)
	spot  = time.Date(2021, 6, 15, 12, 0, 0, 0, time.UTC) // when the tests verify
)

// newIssuer makes an authority (parent nil) or a participant's certificate signed by parent, which names
// revocation lists.
func newIssuer(t testing.TB, name string, parent *issuer, crl ...string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{Country: []string{"FR"}, Organization: []string{"CAISSE DES FOUGERES"}, CommonName: name},
		NotBefore:    from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: crl,
	}
	signer := &issuer{key, c}
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer.cert, key.Public(), signer.key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &issuer{key, c}
}

func (i *issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func trusting(t testing.TB, certs ...*issuer) *Trust {
	t.Helper()
	out := &Trust{}
	for _, c := range certs {
		if err := out.AddCertificate(c.cert); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// attest signs an attestation of vaccination.
func (i *issuer) attest(t testing.TB, authority string, signed time.Time) []byte {
	t.Helper()
	d, err := twoddoc.Vaccination{
		FamilyName: "Fougère", GivenNames: []string{"Aubépine", "Maëlle"}, Birth: "12031958", Disease: "COVID-19",
		Agent: "J07BX03", Vaccine: "COMIRNATY PFIZER/BIONTECH", Manufacturer: "COMIRNATY PFIZER/BIONTECH",
		Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}.Prepare(i.header(authority, signed))
	if err != nil {
		t.Fatal(err)
	}
	return i.sign(t, d)
}

func (i *issuer) header(authority string, signed time.Time) twoddoc.Header {
	day := twoddoc.Undated
	if !signed.IsZero() {
		day = twoddoc.DayOf(signed)
	}
	return twoddoc.Header{Authority: authority, Certificate: i.cert.Subject.CommonName, Emitted: twoddoc.DayOf(spot), Signed: day, Country: "FR"}
}

func (i *issuer) sign(t testing.TB, d *twoddoc.Draft) []byte {
	t.Helper()
	payload, err := d.Sign(i.key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func writeFile(t testing.TB, data []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// signRaw signs header and message as they stand, which the strict writer would not.
func signRaw(t testing.TB, i *issuer, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	out := append(message, 0x1f)
	return base32.StdEncoding.WithPadding(base32.NoPadding).AppendEncode(out, raw)
}
