package certify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"carnet/hcert"
	"carnet/hcert/trust"
	"carnet/internal/carnet"
)

// FileSigner is a key in a file, with its certificate.
type FileSigner struct {
	crypto.Signer
	cert *x509.Certificate
}

// Certificate is the certificate of the key.
func (s *FileSigner) Certificate() *x509.Certificate { return s.cert }

// OpenSigner reads a PKCS#8 key and a certificate, both PEM. They must belong together.
func OpenSigner(keyFile, certFile string) (*FileSigner, error) {
	der, err := readPEM(keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("certify: %s: %w", keyFile, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("certify: %s holds a %T; documents are signed with ECDSA", keyFile, parsed)
	}
	if der, err = readPEM(certFile, "CERTIFICATE"); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certify: %s: %w", certFile, err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("certify: %s is not the certificate of %s", certFile, keyFile)
	}
	return &FileSigner{key, cert}, nil
}

func readPEM(file, kind string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("certify: %s holds no PEM block %q", file, kind)
	}
	return block.Bytes, nil
}

// ids are the identifiers of a 2D-Doc authority and of a certificate under it (specification
// twoddoc, section 2.2): they are also the name of the published file.
var ids = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{2}_[A-Z0-9]{4}$`)

// PublishCertificate puts the certificate of a signer into the folder where verifiers of this
// instance look. It is an error when its names are not identifiers of 2D-Doc: no code signed
// with it could be verified.
func PublishCertificate(dir string, s Signer) error {
	c := s.Certificate()
	name := c.Issuer.CommonName + "_" + c.Subject.CommonName
	if !ids.MatchString(name) {
		return fmt.Errorf("certify: certificate %q of authority %q: a 2D-Doc needs 4 characters for each, such as AV01 of FR03", c.Subject.CommonName, c.Issuer.CommonName)
	}
	return publish(dir, name, c)
}

// PublishEuropean does the same for the document signing certificate of European certificates. It is an error when it
// is not for vaccinations, or names no country.
func PublishEuropean(dir string, s Signer) error {
	c := s.Certificate()
	key := trust.FromCertificate(c)
	if key.Usage != 0 && key.Usage&hcert.SignsVaccinations == 0 || key.Country == "" {
		return fmt.Errorf("certify: certificate %q is not for vaccinations, or names no country", c.Subject.CommonName)
	}
	return publish(dir, "DSC_"+kid(key), c)
}

func publish(dir, name string, c *x509.Certificate) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	if err := os.WriteFile(filepath.Join(dir, name+".pem"), text, 0o644); err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	return nil
}

// The sandbox's authority stands in the space that the format reserves for tests (XX00), and its
// certificate is none of the ids that the format keeps for itself (0000, 0001, TEST).
const (
	sandboxAuthority   = "FR00"
	sandboxCertificate = "CAR1"
	authorityYears     = 10
	certificateYears   = 3
)

// SandboxSigner opens the signing key of a sandbox, and makes it the first time: an authority, a
// certificate under it, private keys readable by their owner alone in dir/keys, public
// certificates in dir/trust, where `carnet verify` looks by default.
func SandboxSigner(dir string, clock carnet.Clock, rand io.Reader) (*FileSigner, error) {
	return sandboxPair{
		authority: "authority.key", authorityFile: filepath.Join("trust", sandboxAuthority+".pem"), authorityName: sandboxAuthority,
		key: "2d-doc.key", file: filepath.Join("trust", sandboxAuthority+"_"+sandboxCertificate+".pem"),
		leaf: x509.Certificate{Subject: pkix.Name{OrganizationalUnit: []string{"0002 000000000"}, CommonName: sandboxCertificate},
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment},
	}.open(dir, clock, rand)
}

// signsVaccinations is the extended key usage of a document signing certificate that is for vaccinations alone.
var signsVaccinations = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 2}

// SandboxEuropeanSigner does the same for the key that signs European certificates, with an authority of its own. Its
// certificates stay in dir/keys: [PublishEuropean] gives verifiers that of the signer, which is the one that they trust.
func SandboxEuropeanSigner(dir string, clock carnet.Clock, rand io.Reader) (*FileSigner, error) {
	return sandboxPair{
		authority: "csca.key", authorityFile: filepath.Join("keys", "csca.pem"), authorityName: "Carnet sandbox CSCA",
		key: "dsc.key", file: filepath.Join("keys", "dsc.pem"),
		leaf: x509.Certificate{Subject: pkix.Name{CommonName: "Carnet sandbox DSC 1"}, KeyUsage: x509.KeyUsageDigitalSignature,
			UnknownExtKeyUsage: []asn1.ObjectIdentifier{signsVaccinations}},
	}.open(dir, clock, rand)
}

// SandboxSealSigner does the same for the key that seals files. Nobody but the sandbox believes its authority.
func SandboxSealSigner(dir string, clock carnet.Clock, rand io.Reader) (*FileSigner, error) {
	return sandboxPair{
		authority: "seal-authority.key", authorityFile: filepath.Join("keys", "seal-authority.pem"), authorityName: "Carnet sandbox seals",
		key: "seal.key", file: filepath.Join("keys", "seal.pem"),
		leaf: x509.Certificate{Subject: pkix.Name{CommonName: "Carnet sandbox seal 1"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment},
	}.open(dir, clock, rand)
}

// sandboxPair is an authority and one certificate under it, and where their files go.
type sandboxPair struct {
	authority, authorityFile, authorityName string
	key, file                               string
	leaf                                    x509.Certificate
}

func (p sandboxPair) open(dir string, clock carnet.Clock, rand io.Reader) (*FileSigner, error) {
	key, cert := filepath.Join(dir, "keys", p.key), filepath.Join(dir, p.file)
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		return OpenSigner(key, cert)
	}
	now := clock().UTC().Truncate(time.Second)
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Country: []string{"FR"}, Organization: []string{"Carnet, bac à sable"}, CommonName: p.authorityName},
		NotBefore:             now.AddDate(0, 0, -1),
		NotAfter:              now.AddDate(authorityYears, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	rootDER, err := x509.CreateCertificate(rand, authority, authority, root.Public(), root)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	if authority, err = x509.ParseCertificate(rootDER); err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	p.leaf.SerialNumber, p.leaf.NotBefore, p.leaf.NotAfter = big.NewInt(2), now.AddDate(0, 0, -1), now.AddDate(certificateYears, 0, 0)
	p.leaf.Subject.Country, p.leaf.Subject.Organization = authority.Subject.Country, authority.Subject.Organization
	leafDER, err := x509.CreateCertificate(rand, &p.leaf, authority, leaf.Public(), root)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	rootKey, err := x509.MarshalPKCS8PrivateKey(root)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	leafKey, err := x509.MarshalPKCS8PrivateKey(leaf)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	// The signing key last: its presence says that all the others are there.
	for _, f := range []struct {
		path, kind string
		mode       fs.FileMode
		der        []byte
	}{
		{filepath.Join(dir, p.authorityFile), "CERTIFICATE", 0o644, rootDER},
		{cert, "CERTIFICATE", 0o644, leafDER},
		{filepath.Join(dir, "keys", p.authority), "PRIVATE KEY", 0o600, rootKey},
		{key, "PRIVATE KEY", 0o600, leafKey},
	} {
		folder := fs.FileMode(0o755)
		if filepath.Base(filepath.Dir(f.path)) == "keys" {
			folder, f.mode = 0o700, 0o600 // certificates too: a folder has one rule
		}
		if err := os.MkdirAll(filepath.Dir(f.path), folder); err != nil {
			return nil, fmt.Errorf("certify: %w", err)
		}
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return nil, fmt.Errorf("certify: %w", err)
		}
	}
	return OpenSigner(key, cert)
}
