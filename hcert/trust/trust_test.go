package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/trust"
)

var (
	from = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
)

// certificate makes a self-signed certificate; key may be nil for a new P-256 one.
func certificate(t testing.TB, key any, usage ...asn1.ObjectIdentifier) *x509.Certificate {
	t.Helper()
	var public any
	switch k := key.(type) {
	case nil:
		ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, public = ec, ec.Public()
	case ed25519.PrivateKey:
		public = k.Public()
	case *ecdsa.PrivateKey:
		public = k.Public()
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, UnknownExtKeyUsage: usage,
		Subject: pkix.Name{Country: []string{"FR"}, CommonName: "Jardin des Plantes (essai)"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func armour(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

type object = map[string]any

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func spki(t testing.TB, c *x509.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(c.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b64(der)
}

func TestLoad(t *testing.T) {
	a, b := certificate(t, nil), certificate(t, nil)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := certificate(t, edwards)
	entry := func(c *x509.Certificate, kind, kid string) object {
		return object{"kid": kid, "country": "XX", "certificateType": kind, "rawData": b64(c.Raw)}
	}
	kid := func(c *x509.Certificate) string { return b64(trust.KID(c.Raw)) }
	method := func(c *x509.Certificate, fragment string, jwk object) object {
		jwk["x5c"] = []string{b64(c.Raw), b64(b.Raw)}
		return object{"id": "did:web:x:v2:trustlist:-:XXA:DSC" + fragment, "publicKeyJwk": jwk}
	}
	for _, c := range []struct {
		name    string
		data    []byte
		format  trust.Format
		keys    []*x509.Certificate
		leftOut int
		country string
	}{
		{"PEM", armour(a), trust.PEM, []*x509.Certificate{a}, 0, "FR"},
		{"PEM, two with text between", slices.Concat([]byte("first\n"), armour(a), []byte("second\n"), armour(b)), trust.PEM, []*x509.Certificate{a, b}, 0, "FR"},
		{"PEM with a broken one", slices.Concat(armour(a), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})), trust.PEM, []*x509.Certificate{a}, 1, "FR"},
		{"PEM with another block", slices.Concat(armour(a), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte{1}})), trust.PEM, []*x509.Certificate{a}, 1, "FR"},
		{"PEM with a key that signs no certificates", armour(ed, a), trust.PEM, []*x509.Certificate{a}, 1, "FR"},
		{"DER", a.Raw, trust.DER, []*x509.Certificate{a}, 0, "FR"},
		{"gateway", toJSON(t, []object{entry(a, "DSC", kid(a)), entry(b, "CSCA", kid(b))}), trust.Gateway, []*x509.Certificate{a}, 1, "XX"},
		{"gateway without kid", toJSON(t, []object{entry(a, "DSC", "")}), trust.Gateway, []*x509.Certificate{a}, 0, "XX"},
		{"gateway with a wrong kid", toJSON(t, []object{entry(a, "DSC", kid(b)), entry(b, "DSC", kid(b))}), trust.Gateway, []*x509.Certificate{b}, 1, "XX"},
		{"gateway with a BOM", append([]byte("\ufeff\n "), toJSON(t, []object{entry(a, "DSC", kid(a))})...), trust.Gateway, []*x509.Certificate{a}, 0, "XX"},
		{"NL", toJSON(t, object{kid(a): []object{{"subjectPk": spki(t, a), "keyUsage": []string{"v"}}}}), trust.Dutch, []*x509.Certificate{a}, 0, ""},
		{"NL with a short kid", toJSON(t, object{"AAAA": []object{{"subjectPk": spki(t, b)}}, kid(a): []object{{"subjectPk": spki(t, a)}}}), trust.Dutch, []*x509.Certificate{a}, 1, ""},
		{"NL with an unknown usage", toJSON(t, object{kid(b): []object{{"subjectPk": spki(t, b), "keyUsage": []string{"z"}}}, kid(a): []object{{"subjectPk": spki(t, a)}}}), trust.Dutch, []*x509.Certificate{a}, 1, ""},
		{"NL with a broken key", toJSON(t, object{kid(b): []object{{"subjectPk": "AAAA"}}, kid(a): []object{{"subjectPk": spki(t, a)}}}), trust.Dutch, []*x509.Certificate{a}, 1, ""},
		{"WHO", toJSON(t, object{"id": "did:web:x:v2:trustlist:-:XXA:DSC", "verificationMethod": []object{method(a, "#x", object{"kid": kid(a)})}}), trust.WHO, []*x509.Certificate{a}, 0, "FR"},
		{"WHO, kid in the fragment only", toJSON(t, object{"verificationMethod": []object{method(a, "#"+kid(a), object{})}}), trust.WHO, []*x509.Certificate{a}, 0, "FR"},
		{"WHO, base64 for URLs", []byte(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(string(toJSON(t, object{"verificationMethod": []object{method(a, "", object{"kid": kid(a)})}})))), trust.WHO, []*x509.Certificate{a}, 0, "FR"},
		{"WHO, one reference", toJSON(t, object{"verificationMethod": []any{"did:web:y", method(a, "", object{"kid": kid(a)})}}), trust.WHO, []*x509.Certificate{a}, 1, "FR"},
		{"WHO, one without certificate", toJSON(t, object{"verificationMethod": []any{object{"publicKeyJwk": object{"x": "AA"}}, method(a, "", object{})}}), trust.WHO, []*x509.Certificate{a}, 1, "FR"},
		{"WHO, wrong kid", toJSON(t, object{"verificationMethod": []any{method(b, "", object{"kid": kid(a)}), method(a, "", object{"kid": kid(a)})}}), trust.WHO, []*x509.Certificate{a}, 1, "FR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := trust.Load("list", c.data)
			if err != nil {
				t.Fatal(err)
			}
			if l.Format != c.format || len(l.Keys) != len(c.keys) || l.LeftOut != c.leftOut {
				t.Fatalf("%s, %d keys, %d left out: %v", l.Format, len(l.Keys), l.LeftOut, l.Problems)
			}
			for i, k := range l.Keys {
				if !bytes.Equal(k.KID, trust.KID(c.keys[i].Raw)) || !c.keys[i].PublicKey.(*ecdsa.PublicKey).Equal(k.Public) {
					t.Errorf("key %d is another one", i)
				}
				if k.Country != c.country {
					t.Errorf("country %q", k.Country)
				}
				if dated := !k.NotBefore.IsZero(); dated != (c.format != trust.Dutch) || dated && (!k.NotBefore.Equal(from) || !k.NotAfter.Equal(to)) {
					t.Errorf("valid %v to %v", k.NotBefore, k.NotAfter)
				}
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	a := certificate(t, nil)
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, trust.ErrFormat},
		{"white space", []byte(" \n\t"), trust.ErrFormat},
		{"text", []byte("Fougère"), trust.ErrFormat},
		{"JSON number", []byte("12"), trust.ErrFormat},
		{"JSON cut short", []byte(`[{"kid":`), trust.ErrFormat},
		{"JSON of another shape", []byte(`{"a": 1}`), trust.ErrFormat},
		{"JSON list of numbers", []byte(`[1, 2]`), trust.ErrFormat},
		{"no entries", []byte(`[]`), trust.ErrNoKeys},
		{"empty object", []byte(`{}`), trust.ErrNoKeys},
		{"only other purposes", toJSON(t, []object{{"certificateType": "CSCA", "rawData": b64(a.Raw)}}), trust.ErrNoKeys},
		{"WHO list of issuing certificates", toJSON(t, object{"id": "did:web:x:v2:trustlist:-:XXA:SCA", "verificationMethod": []object{{"publicKeyJwk": object{"x5c": []string{b64(a.Raw)}}}}}), trust.ErrNoKeys},
		{"only references", []byte(`{"verificationMethod": ["did:web:x"]}`), trust.ErrNoKeys},
		{"PEM of a private key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), trust.ErrNoKeys},
		{"too large", make([]byte, trust.MaxFile+1), trust.ErrTooLarge},
		{"too many", []byte("[" + strings.Repeat("{},", trust.MaxKeys) + "{}]"), trust.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := trust.Load("some-file", c.data)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "some-file") || len(l.Keys) != 0 {
				t.Errorf("%v, %d keys", err, len(l.Keys))
			}
		})
	}
	if _, err := trust.Load("der", []byte{0x30, 0x01, 0x00}); err == nil {
		t.Error("a broken certificate is loaded")
	}
}

func TestUsage(t *testing.T) {
	oid := func(parts ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1}, parts...)
	}
	for _, c := range []struct {
		name    string
		usage   []asn1.ObjectIdentifier
		t, v, r bool
	}{
		{"none", nil, true, true, true},
		{"another", []asn1.ObjectIdentifier{oid(1847, 2021, 2, 1)}, true, true, true},
		{"tests", []asn1.ObjectIdentifier{oid(1847, 2021, 1, 1)}, true, false, false},
		{"vaccinations", []asn1.ObjectIdentifier{oid(1847, 2021, 1, 2)}, false, true, false},
		{"recoveries, early", []asn1.ObjectIdentifier{oid(0, 1847, 2021, 1, 3)}, false, false, true},
		{"two", []asn1.ObjectIdentifier{oid(1847, 2021, 1, 1), oid(0, 1847, 2021, 1, 2)}, true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := trust.FromCertificate(certificate(t, nil, c.usage...)).Usage
			if u.Allows(dcc.TestType) != c.t || u.Allows(dcc.VaccinationType) != c.v || u.Allows(dcc.RecoveryType) != c.r {
				t.Errorf("usage %b", u)
			}
		})
	}
}

func TestStore(t *testing.T) {
	a, b := trust.FromCertificate(certificate(t, nil)), trust.FromCertificate(certificate(t, nil))
	twin := *b
	twin.KID = a.KID
	var s trust.Store
	if s.Len() != 0 || len(s.Keys(a.KID)) != 0 || len(s.All()) != 0 {
		t.Error("the zero store holds something")
	}
	for range 2 { // the second time adds nothing
		if err := s.Add(a, b, &twin); err != nil {
			t.Fatal(err)
		}
	}
	if s.Len() != 3 || len(s.All()) != 3 {
		t.Errorf("%d keys, %d in all", s.Len(), len(s.All()))
	}
	if got := s.Keys(a.KID); len(got) != 2 || got[0] != a || got[1] != &twin {
		t.Errorf("%d keys under one identifier", len(got))
	}
	if len(s.Keys(b.KID)) != 1 || len(s.Keys(b.KID[:7])) != 0 || len(s.Keys(nil)) != 0 || len(s.Keys(make([]byte, 8))) != 0 {
		t.Error("keys under another identifier")
	}
	for name, bad := range map[string]*hcert.Key{"nil": nil, "short": {KID: []byte("1234567")}, "empty": {}} {
		c := trust.FromCertificate(certificate(t, nil))
		if err := s.Add(c, bad); err == nil || s.Len() != 3 || len(s.Keys(c.KID)) != 0 {
			t.Errorf("%s: %v, %d keys", name, err, s.Len())
		}
	}
	var many []*hcert.Key
	for range 17 {
		k := *trust.FromCertificate(certificate(t, nil))
		k.KID = a.KID
		many = append(many, &k)
	}
	if err := s.Add(many...); err == nil || s.Len() != 3 {
		t.Errorf("%v: seventeen keys under one identifier", err)
	}
	if _, err := trust.NewStore(make([]*hcert.Key, trust.MaxKeys+1)...); err == nil {
		t.Error("too many keys")
	}
}

// TestCorpusWHO loads the documents of the WHO network as published.
func TestCorpusWHO(t *testing.T) {
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(root, "who-gdhcn")
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Log("the published corpus is not beside this clone; TestLoad covers the same ground")
		return
	}
	for file, want := range map[string]int{
		"trustlist-sample/v2_trustlist_-_XCL_DSC_did.json":       2,
		"trustlist-sample/v2_trustlist-ref_DCC_XCL_DSC_did.json": 0,
		"DVC-XCL-DSC.pem": 1,
	} {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		l, err := trust.Load(file, data)
		if len(l.Keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d keys, %v", file, len(l.Keys), err)
		}
	}
	issuers, err := filepath.Glob(filepath.Join(root, "hcert-testdata", "*.pem"))
	if err != nil || len(issuers) != 4 {
		t.Fatalf("%d certificates, %v", len(issuers), err)
	}
	for _, file := range issuers {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := trust.Load(filepath.Base(file), data); err != nil || len(l.Keys) != 1 {
			t.Errorf("%v", err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"dsc.pem", "gateway.json", "twins-nl.json", "who-did.json"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "trust", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := trust.Load("fuzz", data)
		if (err == nil) != (len(l.Keys) > 0) {
			t.Fatalf("%d keys, %v", len(l.Keys), err)
		}
		s, err := trust.NewStore(l.Keys...)
		for _, k := range l.Keys {
			if err == nil && len(s.Keys(k.KID)) == 0 {
				t.Fatal("a key that was loaded is not found")
			}
		}
	})
}

func ExampleLoad() {
	data, err := os.ReadFile(filepath.Join("..", "testdata", "trust", "twins-nl.json"))
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := trust.Load("twins-nl.json", data)
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := trust.NewStore(list.Keys...)
	fmt.Println(list.Format, len(list.Keys), store.Len(), err)
	// Output: nl 2 2 <nil>
}

func ExampleLoad_error() {
	_, err := trust.Load("notes.txt", []byte("Fougère"))
	fmt.Println(err)
	// Output: trust: notes.txt: neither certificates in PEM or DER nor a known trust list
}

func ExampleStore() {
	data, err := os.ReadFile(filepath.Join("..", "testdata", "trust", "dsc.pem"))
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := trust.Load("dsc.pem", data)
	if err != nil {
		fmt.Println(err)
		return
	}
	var store trust.Store
	if err := store.Add(list.Keys...); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Len(), len(store.Keys(list.Keys[0].KID)), store.All()[0].Country)
	// Output: 6 1 FR
}
