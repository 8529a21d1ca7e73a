package certify

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPublishCertificate(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }
	signer, err := SandboxSigner(t.TempDir(), clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "trust")
	if err := PublishCertificate(dir, signer); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "FR00_CAR1.pem")); err != nil || !strings.Contains(string(text), "BEGIN CERTIFICATE") {
		t.Errorf("%v: %s", err, text)
	}
	for _, name := range []string{"", "../x", "CAR", "CAR12", "car1", "CA/1"} {
		other := &FileSigner{signer, &x509.Certificate{Issuer: pkix.Name{CommonName: "FR00"}, Subject: pkix.Name{CommonName: name}}}
		if err := PublishCertificate(dir, other); err == nil {
			t.Errorf("%q is published", name)
		}
	}
}
