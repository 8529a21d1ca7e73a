package verifier

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"testing"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/certify/sheet"
	"carnet/internal/verify"
	"carnet/twoddoc"
	"carnet/twoddoc/bundle"
	"carnet/twoddoc/datamatrix"
)

// issuer signs attestations; its keys live as long as the test. FR90 is no test authority, so that a
// verdict can be fully valid.
type issuer struct {
	name    string
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	trust   *verify.Trust
	revoked *ecdsa.PrivateKey // signs the list of revoked certificates
}

func newIssuer(t testing.TB, name string, trust *verify.Trust) *issuer {
	t.Helper()
	i := &issuer{name: name, trust: trust}
	root := certificate(t, name, nil, nil)
	leaf := certificate(t, "CAI1", root.cert, root.key)
	for _, c := range []*x509.Certificate{root.cert, leaf.cert} {
		if err := i.trust.AddCertificate(c); err != nil {
			t.Fatal(err)
		}
	}
	i.key, i.cert = leaf.key, leaf.cert
	var err error
	if i.revoked, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return i
}

type pair struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certificate(t testing.TB, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, crl ...string) pair {
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
	return pair{key, c}
}

// bundled is an issuer that is known by a sealed bundle only. The bundle says that its certificate was
// revoked the day before, or that it is good.
func bundled(t testing.TB, name string, revoked bool) *issuer {
	t.Helper()
	i := &issuer{name: name, trust: &verify.Trust{}}
	root := certificate(t, name, nil, nil)
	leaf := certificate(t, "CAI1", root.cert, root.key, crlAddress)
	i.key, i.cert = leaf.key, leaf.cert
	now := time.Now().UTC().Truncate(time.Second)
	b := &bundle.Bundle{
		Gathered: now, Lifetime: 7 * 24 * time.Hour, List: bundle.List{Sequence: 23, Issued: now.AddDate(0, -1, 0), NextUpdate: now.AddDate(0, 6, 0)},
		Authorities:  []bundle.Authority{{ID: name, Operator: "Herbier", Status: "inaccord", Listed: true, Raw: root.cert.Raw}},
		Participants: []bundle.Participant{{ID: "CAI1", NotBefore: leaf.cert.NotBefore, NotAfter: leaf.cert.NotAfter, Raw: leaf.cert.Raw}},
		Lists:        []bundle.RevocationList{{URL: crlAddress, Number: big.NewInt(5), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 5)}},
	}
	if revoked {
		b.Lists[0].Revoked = []bundle.Revoked{{Serial: leaf.cert.SerialNumber, Since: now.AddDate(0, 0, -1)}}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := bundle.MarshalKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{public, file} {
		if _, err := i.trust.Add("bundle", data, verify.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

const crlAddress = "http://herbier.example/crl"

// attest signs an attestation of vaccination for an invented person.
func (i *issuer) attest(t testing.TB, family string) []byte {
	t.Helper()
	today := twoddoc.DayOf(time.Now())
	d, err := twoddoc.Vaccination{
		FamilyName: family, GivenNames: []string{"Aubépine"}, Birth: "12031958", Disease: "COVID-19", Agent: "J07BX03",
		Vaccine: "COMIRNATY PFIZER/BIONTECH", Manufacturer: "COMIRNATY PFIZER/BIONTECH", Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}.Prepare(twoddoc.Header{Authority: i.name, Certificate: "CAI1", Emitted: today, Signed: today, Country: "FR"})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := d.Sign(i.key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// forged is an attestation with one letter changed.
func (i *issuer) forged(t testing.TB) []byte {
	return bytes.Replace(i.attest(t, "Fougère"), []byte("FOUGERE"), []byte("FOUGEUR"), 1)
}

// picture draws the symbol of a payload on white paper, in the middle of a picture of a size.
func picture(t testing.TB, payload []byte, width, height, module int) *image.Gray {
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

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// page draws the whole attestation: a DataMatrix and a QR code with the same payload.
func page(t testing.TB, payload []byte) []byte {
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

// list revokes 2D-Doc documents.
func (i *issuer) list(t testing.TB, payloads ...[]byte) *verify.Revoked {
	t.Helper()
	d := revocation.Draft{Number: 7, IssuedAt: time.Now().Add(-time.Hour).Truncate(time.Second), NextUpdate: time.Now().Add(24 * time.Hour).Truncate(time.Second)}
	for _, p := range payloads {
		doc, err := twoddoc.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		d.Keys = append(d.Keys, revocation.TwoDDocKey(doc.ID()))
	}
	data, err := d.Sign(rand.Reader, i.revoked)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(i.revoked.Public())
	if err != nil {
		t.Fatal(err)
	}
	r := &verify.Revoked{}
	if err := r.AddKey(pemOf("PUBLIC KEY", der)); err != nil {
		t.Fatal(err)
	}
	if err := r.Add("list", data, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// rulesOf is the example set of package certlogic/rules.
func rulesOf(t testing.TB) *verify.Rules {
	t.Helper()
	r, _, err := verify.LoadRules([]string{"../../../certlogic/rules/testdata/example.json"}, "FR")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start builds the site over a checker.
func start(t testing.TB, checker verify.Checker, mode string, log io.Writer) (*site, http.Handler) {
	t.Helper()
	s, err := newSite(t.Context(), Deps{
		Load: func(context.Context) (verify.Checker, error) { return checker, nil },
		Mode: mode, Clock: time.Now, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.handler()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
