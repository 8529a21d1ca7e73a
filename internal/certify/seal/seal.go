// Package seal signs the digest of a file the way PAdES does at level B-B (ETSI EN 319 142-1 on EN 319 122-1; specification
// twoddoc, section 8.3): a CMS SignedData (RFC 5652) without content, one signer, with the certificate of the key and those
// above it, and the signed attributes contentType, messageDigest and signingCertificateV2 (RFC 5035). There is no
// signingTime: the file says when it was signed.
//
// The key is ECDSA on P-256, the digest SHA-256. Everything but the digest and the signature is written once.
//
// What is not done: time stamps (level B-T), revocation data inside (B-LT), other keys, verifying seals of others.
package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// Sealer signs. It is made once and may be used by any number of goroutines, as far as its key may.
type Sealer struct {
	key    crypto.Signer
	public *ecdsa.PublicKey
	rand   io.Reader

	attributes []byte // a SET, in DER order, with a hole for the digest
	hole       int
	before     []byte // of SignedData, up to the signer
	signer     []byte // of SignerInfo, up to the attributes
}

// ErrKey reports a key that is not P-256, or not that of the certificate.
var ErrKey = errors.New("seal: not the P-256 key of the certificate")

// DER tags.
const (
	sequence    = 0x30
	set         = 0x31
	octets      = 0x04
	tag0        = 0xa0 // constructed, context 0
	hashLength  = sha256.Size
	maxSizeHead = 4
)

// Object identifiers and algorithms in DER.
var (
	oidData       = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}
	oidSignedData = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2}
	oidType       = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3}
	oidDigest     = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4}
	oidSigning    = []byte{6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 47}
	algSHA256     = []byte{sequence, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}
	algECDSA      = []byte{sequence, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}
	version1      = []byte{2, 1, 1}
)

// tlv writes one value in DER.
func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := append(make([]byte, 0, n+1+maxSizeHead), tag)
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// New returns the sealer of a key with its certificate; above are certificates of the authorities, which the seal carries
// too.
func New(key crypto.Signer, cert *x509.Certificate, rand io.Reader, above ...*x509.Certificate) (*Sealer, error) {
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() || !public.Equal(cert.PublicKey) {
		return nil, ErrKey
	}
	hash := sha256.Sum256(cert.Raw)
	blank := make([]byte, hashLength)
	contentType := tlv(sequence, oidType, tlv(set, oidData))
	digest := tlv(sequence, oidDigest, tlv(set, tlv(octets, blank)))
	signing := tlv(sequence, oidSigning, tlv(set, tlv(sequence, tlv(sequence, tlv(sequence, tlv(octets, hash[:]))))))
	s := &Sealer{key: key, public: public, rand: rand}
	// DER orders a set by its bytes; the lengths of the three are fixed, 24, 47 and 62 bytes, and decide.
	s.attributes = tlv(set, contentType, digest, signing)
	s.hole = len(s.attributes) - len(signing) - hashLength
	certificates := [][]byte{cert.Raw}
	for _, a := range above {
		certificates = append(certificates, a.Raw)
	}
	s.before = bytes.Join([][]byte{version1, tlv(set, algSHA256), tlv(sequence, oidData), tlv(tag0, certificates...)}, nil)
	s.signer = bytes.Join([][]byte{version1, tlv(sequence, cert.RawIssuer, integer(cert.SerialNumber.Bytes())), algSHA256}, nil)
	return s, nil
}

// integer writes a positive number.
func integer(magnitude []byte) []byte {
	if len(magnitude) == 0 || magnitude[0] >= 0x80 {
		magnitude = append([]byte{0}, magnitude...)
	}
	return tlv(2, magnitude)
}

// Sign returns the ContentInfo for the SHA-256 of a file. The signature is verified with the certificate before it is given.
func (s *Sealer) Sign(digest [sha256.Size]byte) ([]byte, error) {
	attributes := bytes.Clone(s.attributes)
	copy(attributes[s.hole:], digest[:])
	sum := sha256.Sum256(attributes)
	signature, err := s.key.Sign(s.rand, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if !ecdsa.VerifyASN1(s.public, sum[:], signature) {
		return nil, ErrKey
	}
	attributes[0] = tag0 // in its place it is [0] IMPLICIT; what is signed is the SET
	info := tlv(sequence, s.signer, attributes, algECDSA, tlv(octets, signature))
	return tlv(sequence, oidSignedData, tlv(tag0, tlv(sequence, s.before, tlv(set, info)))), nil
}
