// Package trust holds the public keys that verify health certificates, and reads them from the
// files in which authorities hand them out (Carnet specification dcc.md, sections 6.1 and 10.5).
//
// # Loading
//
// [Load] looks at the bytes of a file and reads any of:
//
//   - certificates in PEM (several in one file) or DER: what an issuer publishes by itself;
//   - the list of the EU gateway: JSON [{"kid", "country", "certificateType", "rawData"}]; entries
//     of type DSC are taken, others are not for verifying certificates;
//   - the Dutch list: JSON {"kid": [{"subjectPk", "keyUsage"}]}, public keys without certificate;
//   - a trust list document of the WHO network: a DID document whose verification methods carry
//     certificates (x5c). The key is taken from the first certificate; published JWK coordinates
//     are unreliable;
//   - JSON Web Keys, {"keys": [{"kid", "kty", ...}]}: of a key with a certificate (x5c), that of the
//     certificate;
//   - the answers of a verifier service, put together: certificates in base64, one a line. [Status] reads
//     the other answer of such a service, and [List.Only] applies it.
//
// An entry that cannot be used (a broken certificate, a kid that is not that of its certificate)
// is left out and reported; the others stand.
//
// # What a list proves
//
// Nothing here checks the signature on a list: whoever hands a file to Load vouches for it. A key on a list may
// sign; a key that is taken off may not any more: there is no other revocation of keys.
//
// # Storing
//
// A [Store] finds keys by their identifier, the first eight bytes of a hash. Two certificates may
// share one; the store gives both.
package trust

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"sync"

	"carnet/hcert"
)

// KIDLength is the length of a key identifier.
const KIDLength = 8

// Limits on what is loaded.
const (
	MaxFile     = 64 << 20 // bytes of one file
	MaxKeys     = 50_000   // in one file, and in a store
	maxPerKID   = 16       // each may cost a verification
	maxReported = 100      // entries left out that are reported one by one
)

// KID is the key identifier of a certificate.
func KID(der []byte) []byte {
	h := sha256.Sum256(der)
	return h[:KIDLength]
}

// Store finds keys by identifier. Its zero value is empty and ready. It is safe for concurrent
// use.
type Store struct {
	mu   sync.RWMutex
	keys map[[KIDLength]byte][]*hcert.Key
	n    int
}

// NewStore makes a store of keys, such as those of a [List].
func NewStore(keys ...*hcert.Key) (*Store, error) {
	s := &Store{}
	return s, s.Add(keys...)
}

var (
	errFull = fmt.Errorf("trust: more than %d keys", MaxKeys)
	errKID  = fmt.Errorf("trust: a key identifier is not %d bytes", KIDLength)
)

// Add puts keys into the store, all or, when it returns an error, none. A key that is there
// already is not added again.
func (s *Store) Add(keys ...*hcert.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n+len(keys) > MaxKeys {
		return errFull
	}
	added := map[[KIDLength]byte][]*hcert.Key{}
	n := 0
	for _, k := range keys {
		if k == nil || len(k.KID) != KIDLength {
			return errKID
		}
		kid := [KIDLength]byte(k.KID)
		there, ok := added[kid]
		if !ok {
			there = slices.Clone(s.keys[kid])
		}
		if slices.ContainsFunc(there, func(o *hcert.Key) bool { return same(k, o) }) {
			continue
		}
		if len(there) == maxPerKID {
			return fmt.Errorf("trust: more than %d keys with the identifier %x", maxPerKID, k.KID)
		}
		added[kid] = append(there, k)
		n++
	}
	if s.keys == nil {
		s.keys = map[[KIDLength]byte][]*hcert.Key{}
	}
	for kid, all := range added {
		s.keys[kid] = all
	}
	s.n += n
	return nil
}

// same reports that two entries with one identifier say the same.
func same(a, b *hcert.Key) bool {
	public, ok := a.Public.(interface {
		Equal(crypto.PublicKey) bool
	})
	return ok && public.Equal(b.Public) && a.Usage == b.Usage &&
		a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter)
}

// Keys gives the keys with an identifier. It implements [hcert.Trust]; the slice is not to be
// changed.
func (s *Store) Keys(kid []byte) []*hcert.Key {
	if len(kid) != KIDLength {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys[[KIDLength]byte(kid)]
}

// Len is the number of keys.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.n
}

// All gives every key, in the order of identifiers.
func (s *Store) All() []*hcert.Key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*hcert.Key, 0, s.n)
	for _, keys := range s.keys {
		all = append(all, keys...)
	}
	slices.SortStableFunc(all, func(a, b *hcert.Key) int { return bytes.Compare(a.KID, b.KID) })
	return all
}

// Object identifiers of extended key usage; the second form is that of early certificates.
var usages = []struct {
	oid   asn1.ObjectIdentifier
	usage hcert.Usage
}{
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 1}, hcert.SignsTests},
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 2}, hcert.SignsVaccinations},
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 3}, hcert.SignsRecoveries},
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 0, 1847, 2021, 1, 1}, hcert.SignsTests},
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 0, 1847, 2021, 1, 2}, hcert.SignsVaccinations},
	{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 0, 1847, 2021, 1, 3}, hcert.SignsRecoveries},
}

// FromCertificate makes a key of a document signing certificate.
func FromCertificate(cert *x509.Certificate) *hcert.Key {
	k := &hcert.Key{
		KID:       KID(cert.Raw),
		Public:    cert.PublicKey,
		NotBefore: cert.NotBefore,
		NotAfter:  cert.NotAfter,
		Subject:   cert.Subject.String(),
	}
	if len(cert.Subject.Country) > 0 {
		k.Country = cert.Subject.Country[0]
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		for _, u := range usages {
			if oid.Equal(u.oid) {
				k.Usage |= u.usage
			}
		}
	}
	return k
}
