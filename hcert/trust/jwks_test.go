package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"carnet/hcert/trust"
)

func url64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func TestLoadJWKS(t *testing.T) {
	a, b := certificate(t, nil), certificate(t, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	point, err := a.PublicKey.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	x, y := point[1:33], point[33:]
	kid := url64(trust.KID(a.Raw))
	ec := func(kid, x, y string) object { return object{"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y} }
	exponent := big.NewInt(int64(key.E)).Bytes()
	l, err := trust.Load("jwks", toJSON(t, object{"keys": []object{
		ec(kid, url64(x), url64(y)),
		{"kty": "EC", "use": "sig", "kid": b64(trust.KID(b.Raw)), "x": "AAAA", "x5c": []string{b64(b.Raw)}},
		{"kty": "RSA", "kid": "AAECAwQFBgc", "n": url64(key.N.Bytes()), "e": url64(exponent)},
		ec("AAECAwQFBgg", url64(append([]byte{0}, x...)), b64(y)), // another alphabet, and a zero in front
		// Left out:
		{"kty": "EC", "use": "enc", "kid": kid},
		ec("11", url64(x), url64(y)),
		ec(kid, url64(y), url64(x)), // no point of the curve
		ec(kid, url64(x), ""),
		{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": url64(x)},
		{"kty": "RSA", "kid": kid, "n": url64(key.N.Bytes()), "e": "AA"},
		{"kty": "RSA", "kid": kid, "n": url64(make([]byte, 2000)), "e": url64(exponent)},
		{"kty": "EC", "kid": kid, "x5c": []string{b64(b.Raw)}},
	}}))
	if err != nil || l.Format != trust.JWKS || len(l.Keys) != 4 || l.LeftOut != 8 {
		t.Fatalf("%s, %d keys, %d left out, %v: %v", l.Format, len(l.Keys), l.LeftOut, err, l.Problems)
	}
	if !a.PublicKey.(*ecdsa.PublicKey).Equal(l.Keys[0].Public) || !b.PublicKey.(*ecdsa.PublicKey).Equal(l.Keys[1].Public) ||
		!key.PublicKey.Equal(l.Keys[2].Public) || !a.PublicKey.(*ecdsa.PublicKey).Equal(l.Keys[3].Public) {
		t.Error("another key")
	}
	if !l.Keys[0].NotAfter.IsZero() || l.Keys[1].NotAfter.IsZero() || !bytes.Equal(l.Keys[0].KID, trust.KID(a.Raw)) {
		t.Error("dates or kid")
	}
}

func TestVerifierService(t *testing.T) {
	a, b := certificate(t, nil), certificate(t, nil)
	l, err := trust.Load("certificates", []byte(b64(a.Raw)+"\n\n"+b64(b.Raw)+"\r\nMIIx\n"))
	if err != nil || l.Format != trust.Service || len(l.Keys) != 2 || l.LeftOut != 1 {
		t.Fatalf("%s, %d keys, %d left out, %v", l.Format, len(l.Keys), l.LeftOut, err)
	}
	kids, err := trust.Status(toJSON(t, []string{b64(trust.KID(b.Raw)), "AAECAwQFBgc="}))
	if err != nil || len(kids) != 2 {
		t.Fatal(err)
	}
	if n := l.Only(kids); n != 1 || len(l.Keys) != 1 || !bytes.Equal(l.Keys[0].KID, trust.KID(b.Raw)) || l.LeftOut != 2 {
		t.Errorf("%d left out, %d keys", n, len(l.Keys))
	}
	for name, data := range map[string]string{"nothing": "", "object": "{}", "numbers": "[1]", "short": `["AAAA"]`, "no base64": `["*"]`} {
		if kids, err := trust.Status([]byte(data)); err == nil || kids != nil {
			t.Errorf("%s: %v", name, kids)
		}
	}
	if _, err := trust.Status(make([]byte, trust.MaxFile+1)); !errors.Is(err, trust.ErrTooLarge) {
		t.Error(err)
	}
}

// TestCorpusJWKS reads the published set of keys.
func TestCorpusJWKS(t *testing.T) {
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	data, err := os.ReadFile(filepath.Join(root, "hcert-testdata", "jwks.json"))
	if err != nil {
		if set {
			t.Fatal(err)
		}
		t.Log("the published corpus is not beside this clone; TestLoadJWKS covers the same ground")
		return
	}
	l, err := trust.Load("jwks.json", data)
	t.Logf("%s: %d keys, %d left out: %v", l.Format, len(l.Keys), l.LeftOut, l.Problems)
	if err != nil || l.Format != trust.JWKS || len(l.Keys) == 0 {
		t.Error(err)
	}
}

func ExampleStatus() {
	kids, err := trust.Status([]byte(`["AAECAwQFBgc="]`))
	fmt.Println(len(kids), err)
	// Output: 1 <nil>
}
