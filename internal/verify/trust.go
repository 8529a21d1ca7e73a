package verify

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"carnet/hcert"
	"carnet/hcert/trust"
	"carnet/twoddoc/bundle"
)

// Options say how trust material is read.
type Options struct {
	// Anchors are the SHA-256 of the certificates that may sign the French trust list of 2D-Doc; by
	// default the one that signs it from March 2024 to March 2027.
	Anchors [][sha256.Size]byte
}

// FrenchSeal is the SHA-256 of the certificate "ANTS CACHET 2DDOC" (specification twoddoc, section 5).
var FrenchSeal = [sha256.Size]byte{
	0xc2, 0x90, 0xcb, 0x9e, 0x0a, 0xc1, 0xbe, 0x84, 0xec, 0xc5, 0x14, 0xa2, 0xd6, 0x57, 0xa4, 0x93,
	0xe0, 0x5b, 0xff, 0x7a, 0x53, 0x72, 0xba, 0xb7, 0xdd, 0x12, 0xdc, 0xcc, 0x8c, 0xf6, 0xe0, 0x9d,
}

// Trust is the certificates that are believed. The zero value believes nothing and is ready. It is
// safe for concurrent use once loaded.
type Trust struct {
	authorities  map[string][]*x509.Certificate // of 2D-Doc, by identifier ("FR03")
	participants map[string][]*x509.Certificate // of 2D-Doc, by authority and own name ("FR03/AV01")
	scheme       *Scheme                        // the newest French list, nil without one
	signers      trust.Store                    // of HC1
	bundleKeys   []*ecdsa.PublicKey             // that may seal bundles of 2D-Doc certificates
	bundles      []sealed                       // the newest of each of these keys
}

// Scheme is what a verified French trust list of 2D-Doc says.
type Scheme struct {
	Sequence    int         `json:"sequence"`
	Issued      time.Time   `json:"issued"`
	NextUpdate  time.Time   `json:"nextUpdate"`
	Authorities []Authority `json:"authorities,omitempty"`
}

// Authority is one line of a Scheme.
type Authority struct {
	ID          string `json:"id"`
	Usable      bool   `json:"usable"`                // the list vouches for it
	Certificate []byte `json:"certificate,omitempty"` // DER
	parsed      *x509.Certificate
}

// ErrNoTrust reports material in which nothing can be used.
var ErrNoTrust = errors.New("no certificate and no trust list could be read")

// errKeyAlone reports a public key without a certificate: the list key of an instance lies beside
// its certificates, so in a folder it is passed over.
var errKeyAlone = errors.New("a public key and no certificate: it signs lists of revoked certificates")

// LoadTrust reads trust material: files and folders, a folder with what lies in it and in its
// folders. It reads certificates in PEM and DER, the lists of the EU gateway, the Netherlands and
// the WHO (package hcert/trust), the signed French list of 2D-Doc authorities (package twoddoc/tsl),
// and the bundles of 2D-Doc certificates and revocations (package twoddoc/bundle) with the public keys
// that seal them. The bytes tell which is which.
//
// A bundle is believed under a key that stands in another file (*.pem, [bundle.KeyType]), and
// under no key that signs anything else: not that of a list of revoked documents, nor that of a certificate.
//
// A file that cannot be used is a warning as long as something else can: the error is then nil. It
// wraps ErrNoTrust or the error of the file system that names the path.
func LoadTrust(paths []string, options Options) (*Trust, []error, error) {
	t := &Trust{}
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) }) // keys before what they sealed
	warnings, _, err := loadFiles(paths, func(path string, data []byte) ([]error, error) { return t.Add(path, data, options) })
	switch {
	case err != nil:
		return nil, warnings, err
	case t.empty():
		return nil, warnings, fmt.Errorf("%s: %w", strings.Join(paths, ", "), ErrNoTrust)
	}
	return t, warnings, nil
}

// empty reports that there is nothing to believe; a key alone seals nothing.
func (t *Trust) empty() bool {
	return len(t.authorities)+len(t.participants)+t.signers.Len()+len(t.bundles) == 0 && t.scheme == nil
}

// Add reads the material of one file. Problems are entries of a list that are left out; the error
// says that the file holds nothing to use.
func (t *Trust) Add(name string, data []byte, options Options) (problems []error, err error) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("the file is empty")
	case bundle.Is(data):
		return nil, t.addBundle(data)
	case trimmed[0] == '<':
		return nil, t.addList(data, options)
	case trimmed[0] == '{' || trimmed[0] == '[':
		l, err := trust.Load(name, data)
		for _, p := range l.Problems {
			problems = append(problems, fmt.Errorf("%s: %w", name, p))
		}
		if err != nil {
			return problems, err
		}
		return problems, t.signers.Add(l.Keys...)
	}
	added := 0
	if bytes.Contains(data, []byte("-----BEGIN "+bundle.KeyType)) {
		keys, err := bundle.ParseKeys(data)
		if err != nil {
			return nil, err
		}
		t.bundleKeys = append(t.bundleKeys, keys...)
		added = len(keys)
	}
	certs, broken := certificates(data)
	for _, c := range certs {
		if err := t.AddCertificate(c); err != nil {
			broken = append(broken, err)
		} else {
			added++
		}
	}
	if added == 0 {
		return nil, errors.Join(broken...)
	}
	for _, err := range broken {
		if !errors.Is(err, errKeyAlone) {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return problems, nil
}

// certificates reads PEM, of which other blocks are left aside, or DER.
func certificates(data []byte) (certs []*x509.Certificate, broken []error) {
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		certs, err := x509.ParseCertificates(data)
		if err != nil {
			broken = append(broken, err)
		}
		return certs, broken
	}
	keys := 0
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type == "PUBLIC KEY" || block.Type == bundle.KeyType {
			keys++
		}
		if block.Type != "CERTIFICATE" {
			continue // a key beside its certificate
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		certs = append(certs, c)
	}
	switch {
	case len(certs)+len(broken) > 0:
	case keys > 0:
		broken = append(broken, errKeyAlone)
	default:
		broken = append(broken, errors.New("no certificate among the PEM blocks"))
	}
	return certs, broken
}

// AddScheme takes a trust list that was verified. A list older than the one it has is refused.
func (t *Trust) AddScheme(s Scheme) error {
	if t.scheme != nil && s.Sequence < t.scheme.Sequence {
		return fmt.Errorf("trust list %d is older than list %d, which was read already", s.Sequence, t.scheme.Sequence)
	}
	s.Authorities = slices.Clone(s.Authorities)
	for i := range s.Authorities {
		a := &s.Authorities[i]
		if len(a.Certificate) == 0 {
			continue
		}
		var err error
		if a.parsed, err = x509.ParseCertificate(a.Certificate); err != nil {
			return fmt.Errorf("trust list: authority %s: %w", a.ID, err)
		}
	}
	t.scheme = &s
	return nil
}

// AddKeys takes keys that sign HC1.
func (t *Trust) AddKeys(keys ...*hcert.Key) error { return t.signers.Add(keys...) }

var (
	authorityName   = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{2}$`)
	participantName = regexp.MustCompile(`^[A-Z0-9]{4}$`)
)

// AddCertificate sorts one certificate in. A certificate whose own name and whose issuer's name
// are those of 2D-Doc is for 2D-Doc and nothing else: a key that signs one kind of document does
// not vouch for the other. Every other certificate signs HC1.
func (t *Trust) AddCertificate(c *x509.Certificate) error {
	own, issuer := c.Subject.CommonName, c.Issuer.CommonName
	switch {
	case authorityName.MatchString(own) && (c.IsCA || own == issuer):
		t.addAuthority(own, c)
		return nil
	case participantName.MatchString(own) && authorityName.MatchString(issuer):
		if t.participants == nil {
			t.participants = map[string][]*x509.Certificate{}
		}
		key := issuer + "/" + own
		if !slices.ContainsFunc(t.participants[key], c.Equal) {
			t.participants[key] = append(t.participants[key], c)
		}
		return nil
	case c.IsCA && c.BasicConstraintsValid && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 && c.KeyUsage != 0:
		return fmt.Errorf("certificate %q signs certificates, not documents", own)
	}
	return t.signers.Add(trust.FromCertificate(c))
}

func (t *Trust) addAuthority(id string, c *x509.Certificate) {
	if t.authorities == nil {
		t.authorities = map[string][]*x509.Certificate{}
	}
	if !slices.ContainsFunc(t.authorities[id], c.Equal) {
		t.authorities[id] = append(t.authorities[id], c)
	}
}

// chained reports that one of the known certificates of the authority signed the participant's.
// An authority of which nothing is known leaves the participant's certificate standing for itself;
// one that the list no longer vouches for does not.
func (t *Trust) chained(authority string, c *x509.Certificate) bool {
	known := t.authorities[authority]
	listed := false
	if t.scheme != nil {
		for _, a := range t.scheme.Authorities {
			if a.ID != authority {
				continue
			}
			listed = true
			if a.Usable && a.parsed != nil {
				known = append(slices.Clip(known), a.parsed)
			}
		}
	}
	if len(known) == 0 {
		return !listed
	}
	return slices.ContainsFunc(known, func(a *x509.Certificate) bool { return c.CheckSignatureFrom(a) == nil })
}

// stale reports that the list which names the authority should have been renewed by now.
func (t *Trust) stale(authority string, at time.Time) bool {
	return t.scheme != nil && !t.scheme.NextUpdate.IsZero() && at.After(t.scheme.NextUpdate) &&
		slices.ContainsFunc(t.scheme.Authorities, func(a Authority) bool { return a.ID == authority && a.Usable })
}

// Size is how many keys may sign 2D-Doc and HC1.
func (t *Trust) Size() (twoDDoc, hCert int) {
	for _, p := range t.participants {
		twoDDoc += len(p)
	}
	for _, n := range t.bundled() {
		twoDDoc += n
	}
	return twoDDoc, t.signers.Len()
}
