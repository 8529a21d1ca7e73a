package hcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/icao"
	"carnet/hcert/qr"
	"carnet/hcert/trust"
)

// exampleText and exampleTrust stand for a scanned code and a file of certificates.
func exampleText(name string) string {
	data, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		return err.Error()
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		return err.Error()
	}
	for _, g := range all {
		if g.Name == name {
			return g.Text
		}
	}
	return ""
}

func exampleTrust() *trust.Store {
	var store trust.Store
	data, err := os.ReadFile(filepath.Join("testdata", "trust", "dsc.pem"))
	if err != nil {
		return &store
	}
	list, err := trust.Load("dsc.pem", data)
	if err != nil {
		return &store
	}
	_ = store.Add(list.Keys...)
	return &store
}

func ExampleVerify() {
	text, keys := exampleText("vaccination-es256"), exampleTrust()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

	r := hcert.Verify(text, keys, at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Certificate.Issuer, r.Certificate.DCC.Type())
	v := r.Certificate.DCC.Vaccinations[0]
	product, _ := dcc.Lookup(dcc.Product, v.Product)
	fmt.Println(product.Name, v.Dose, "of", v.Doses, "on", v.Date)
	// Output:
	// true FR v
	// Comirnaty 2 of 2 on 2026-02-27
}

// A refused certificate says why, and what it claims is there all the same.
func ExampleVerify_refused() {
	at := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	r := hcert.Verify(exampleText("vaccination-es256"), exampleTrust(), at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Codes())
	fmt.Println(r.Certificate.Expires.Format(time.DateOnly))
	// Output:
	// false [cert.expired cwt.expired]
	// 2027-03-02
}

// Findings about the payload are reported in both profiles; only the strict one refuses for them.
func ExampleVerify_findings() {
	text, keys := exampleText("code-deprecated"), exampleTrust()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

	r := hcert.Verify(text, keys, at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Findings)
	r = hcert.Verify(text, keys, at, hcert.Strict)
	fmt.Println(r.Valid(), r.Codes())
	// Output:
	// true [valueset.deprecated v[0].vp]
	// false [payload.valueset]
}

// Results may be logged: they say nothing about the person.
func ExampleResult_String() {
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	r := hcert.Verify(exampleText("m1"), exampleTrust(), at, hcert.Tolerant)
	fmt.Println(r)
	fmt.Println(r.Err())
	fmt.Println(r.Certificate.DCC)
	// Output:
	// hcert.Result(valid false, [sig.invalid])
	// hcert: sig.invalid
	// dcc(v █)
}

// exampleSigner stands for a document signing certificate and its key, which may as well be in
// another process: crypto.Signer is all that is asked of it.
func exampleSigner() (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{"FR"}, CommonName: "Verger, essai"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return key, cert, err
}

// A vaccination, from the order to the QR code. The dose numbers come from the history, the
// identifier from chance, the transliterated names from the names.
func ExampleOrder_Prepare() {
	key, cert, err := exampleSigner()
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	id, err := dcc.FrenchUVCI.New(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	history := dcc.History{Doses: []dcc.Dose{{Product: "EU/1/20/1528", Date: "2026-01-30"}, {Product: "EU/1/20/1528", Date: "2026-02-27"}}}
	dose, doses, err := history.Number(now)
	if err != nil {
		fmt.Println(err)
		return
	}
	order := hcert.Order{
		Issuer: "FR", IssuedAt: now, Expires: now.AddDate(1, 0, 0), Names: icao.France,
		Person: hcert.Person{Family: "d'Aubépine", Given: "Maël Églantin", Birth: "1985-05-12"},
		Vaccination: &dcc.Vaccination{
			Disease: "840539006", Vaccine: "1119349007", Product: "EU/1/20/1528", Holder: "ORG-100030215",
			Dose: dose, Doses: doses, Date: "2026-02-27", Country: "FR", Issuer: "Verger, essai", ID: id,
		},
	}
	draft, err := order.Prepare(trust.FromCertificate(cert)) // checked; nothing is signed yet
	if err != nil {
		fmt.Println(err)
		return
	}
	name := draft.Certificate().DCC.Name
	fmt.Println(name.FamilyStandard, name.GivenStandard)
	signed, err := draft.Sign(key, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := signed.Release() // decoded and verified
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := qr.Encode(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text[:4], code.Level, hcert.Verify(text, nil, now, hcert.Strict).Certificate.DCC.Vaccinations[0].Dose)
	// Output:
	// DAUBEPINE MAEL<EGLANTIN
	// HC1: Q 2
}

// A test: a laboratory test has a name and no device, a rapid test has a device.
func ExampleOrder_Prepare_test() {
	key, cert, err := exampleSigner()
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	draft, err := hcert.Order{
		Issuer: "FR", IssuedAt: now, Expires: now.AddDate(0, 0, 3), Names: icao.France,
		Person: hcert.Person{Family: "Tilleul", Given: "Narcisse", Birth: "1990"},
		Test: &dcc.Test{
			Disease: "840539006", Kind: "LP6464-4", Name: "RT-PCR", Sampled: "2026-03-01T08:15:00+01:00", Result: "260415000",
			Centre: "Laboratoire du Verger", Country: "FR", Issuer: "Verger, essai", ID: "URN:UVCI:01:FR:TILLEUL00001#J",
		},
	}.Prepare(trust.FromCertificate(cert))
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := draft.Sign(key, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := signed.Release()
	fmt.Println(text[:4], draft.Certificate().DCC.Type(), err)
	// Output: HC1: t <nil>
}

// A recovery that cannot be issued: every reason at once, none with a value.
func ExampleOrder_Prepare_refused() {
	_, cert, err := exampleSigner()
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	_, err = hcert.Order{
		Issuer: "FR", IssuedAt: now, Expires: now.AddDate(0, 6, 0),
		Person: hcert.Person{Family: "Fougère 2", Birth: "1985-05-12"},
		Recovery: &dcc.Recovery{
			Disease: "840539006", Positive: "2026-01-20", From: "2026-01-31", Until: "2026-01-30",
			Country: "FR", Issuer: "Verger, essai", ID: "URN:UVCI:01:FR:FOUGERE00001",
		},
	}.Prepare(trust.FromCertificate(cert))
	fmt.Println(err)
	// Output:
	// hcert: order refused: name.letters nam.fnt, date.order r[0].df, identifier r[0].ci
}

// The list of rapid-test devices is data of the caller.
func ExampleVerifier() {
	var sets dcc.ValueSets
	if _, err := sets.Load([]byte(`{"valueSetId": "covid-19-lab-test-manufacturer-and-name", "valueSetDate": "2026-01-01",
		"valueSetValues": {"1": {"display": "Muguet", "active": true}}}`)); err != nil {
		fmt.Println(err)
		return
	}
	v := hcert.Verifier{Trust: exampleTrust(), Sets: &sets}
	r := v.Verify(exampleText("test-rapid-es256"), time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC))
	fmt.Println(r.Valid(), r.Findings)
	// Output:
	// true [valueset.unknown t[0].ma]
}
