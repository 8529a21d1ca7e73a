package seal_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/internal/certify/seal"
)

// issue makes a key and its certificate.
func issue(t testing.TB, curve elliptic.Curve, serial int64) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "Cachet d'essai"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// TestOpenSSL: another implementation verifies the signature, over these bytes and no others, and knows the attributes.
func TestOpenSSL(t *testing.T) {
	for _, serial := range []int64{1, 127, 128, 1 << 40} {
		key, cert := issue(t, elliptic.P256(), serial)
		_, above := issue(t, elliptic.P256(), 9)
		s, err := seal.New(key, cert, rand.Reader, above)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write := func(name string, b []byte) string {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		content := []byte("fougère\n")
		cms, err := s.Sign(sha256.Sum256(content))
		if err != nil {
			t.Fatal(err)
		}
		der := write("cms", cms)
		ca := write("ca", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		verify := func(file string) (string, error) {
			out, err := exec.Command("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", der, "-content", file, "-CAfile", ca, "-purpose", "any", "-out", os.DevNull).CombinedOutput()
			return string(out), err
		}
		if out, err := verify(write("content", content)); err != nil {
			t.Errorf("serial %d: %v\n%s", serial, err, out)
		}
		if out, err := verify(write("other", []byte("tilleul\n"))); err == nil {
			t.Errorf("other bytes are signed too: %s", out)
		}
		printed, err := exec.Command("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", der).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"pkcs7-signedData", "contentType", "messageDigest", "id-smime-aa-signingCertificateV2", "ecdsa-with-SHA256"} {
			if !strings.Contains(string(printed), want) {
				t.Errorf("openssl sees no %s", want)
			}
		}
		if strings.Contains(string(printed), "signingTime") {
			t.Error("there is a signingTime")
		}
	}
}

// stranger signs with another key than it shows.
type stranger struct {
	*ecdsa.PrivateKey
	err error
}

func (s stranger) Sign(r io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), r)
	if err != nil {
		return nil, err
	}
	return ecdsa.SignASN1(r, other, digest)
}

func TestKeysThatDoNotSeal(t *testing.T) {
	key, cert := issue(t, elliptic.P256(), 1)
	large, largeCert := issue(t, elliptic.P384(), 1)
	if _, err := seal.New(large, largeCert, rand.Reader); !errors.Is(err, seal.ErrKey) {
		t.Errorf("P-384: %v", err)
	}
	if _, err := seal.New(large, cert, rand.Reader); !errors.Is(err, seal.ErrKey) {
		t.Errorf("of another certificate: %v", err)
	}
	down := errors.New("down")
	for want, s := range map[error]stranger{seal.ErrKey: {key, nil}, down: {key, down}} {
		x, err := seal.New(s, cert, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := x.Sign([32]byte{}); !errors.Is(err, want) || b != nil {
			t.Errorf("got %v", err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key, cert := issue(b, elliptic.P256(), 1)
	s, err := seal.New(key, cert, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Sign([32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}
