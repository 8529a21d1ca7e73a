package hcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
)

// COSE tags, header labels (RFC 9052, RFC 8392).
const (
	tagSign1 = 18
	tagCWT   = 61

	labelAlgorithm = uint64(1)
	labelCritical  = uint64(2)
	labelKID       = uint64(4)
)

const (
	kidLength = 8
	minRSA    = 2048 // bits
)

// sign1 is a COSE_Sign1 message taken apart.
type sign1 struct {
	protected []byte // as received: the signature is over these bytes
	payload   []byte
	signature []byte
	algorithm Algorithm
	kid       []byte
}

// message takes the signed message apart and checks its headers.
func (v *verifier) message(raw []byte) (*sign1, bool) {
	body, ok := stripTags(raw)
	if !ok {
		v.fail(COSEStructure, "tag")
		return nil, false
	}
	tree, ok := v.item(body, "message")
	if !ok {
		return nil, false
	}
	list, _ := tree.([]any)
	if len(list) != 4 {
		v.fail(COSEStructure, "not a list of four")
		return nil, false
	}
	m := &sign1{}
	var okProtected, okUnprotected, okSignature bool
	m.protected, okProtected = list[0].([]byte)
	unprotected, okUnprotected := list[1].(map[any]any)
	m.signature, okSignature = list[3].([]byte)
	if !okProtected || !okUnprotected || !okSignature {
		v.fail(COSEStructure, "member of a wrong type")
		return nil, false
	}
	if list[2] == nil {
		v.fail(COSEDetached, "")
		return nil, false
	}
	if m.payload, ok = list[2].([]byte); !ok {
		v.fail(COSEStructure, "payload is not a byte string")
		return nil, false
	}
	protected := map[any]any{}
	if len(m.protected) > 0 { // the empty string is how an empty map is written
		tree, ok := v.item(m.protected, "protected header")
		if !ok {
			return nil, false
		}
		if protected, ok = tree.(map[any]any); !ok {
			v.fail(COSEStructure, "protected header is not a map")
			return nil, false
		}
	}
	v.headers(m, protected, unprotected)
	return m, true
}

// headers reads algorithm and key identifier; what stands in the protected header wins.
func (v *verifier) headers(m *sign1, protected, unprotected map[any]any) {
	if !understood(protected) || !understood(unprotected) {
		v.fail(COSECritical, "")
	}
	alg, there := protected[labelAlgorithm]
	if !there {
		alg = unprotected[labelAlgorithm]
	}
	n, _ := number(alg)
	m.algorithm = Algorithm(n)
	if m.algorithm != ES256 && m.algorithm != PS256 {
		v.fail(COSEAlgorithm, m.algorithm.String())
	}
	kid, there := protected[labelKID]
	if !there {
		kid, there = unprotected[labelKID]
	}
	m.kid, _ = kid.([]byte)
	switch {
	case !there:
		v.fail(KIDMissing, "")
	case len(m.kid) != kidLength:
		v.fail(KIDLength, "")
	}
}

// understood reports that a header makes nothing critical but what every message has.
func understood(header map[any]any) bool {
	crit, there := header[labelCritical]
	if !there {
		return true
	}
	labels, ok := crit.([]any)
	if !ok || len(labels) == 0 {
		return false
	}
	for _, l := range labels {
		if l != any(labelAlgorithm) && l != any(labelKID) {
			return false
		}
	}
	return true
}

// stripTags removes the tags that a message may wear: none, 18, or 61 around 18.
func stripTags(raw []byte) ([]byte, bool) {
	first, rest, tagged := tag(raw)
	if !tagged {
		return raw, true
	}
	if first == tagCWT {
		first, rest, tagged = tag(rest)
	}
	if !tagged || first != tagSign1 {
		return nil, false
	}
	_, _, more := tag(rest)
	return rest, !more
}

// tag reads the head of a CBOR tag.
func tag(b []byte) (number uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0]>>5 != 6 {
		return 0, nil, false
	}
	info, b := b[0]&31, b[1:]
	if info < 24 {
		return uint64(info), b, true
	}
	size := 1 << (info - 24)
	if info > 27 || len(b) < size {
		return 0, nil, true // a tag without number: no message of ours
	}
	var n [8]byte
	copy(n[8-size:], b[:size])
	return binary.BigEndian.Uint64(n[:]), b[size:], true
}

// toBeSigned builds the Sig_structure of RFC 9052, section 4.4, and hashes it.
func toBeSigned(protected, payload []byte) [sha256.Size]byte {
	b := make([]byte, 0, 32+len(protected)+len(payload))
	b = append(b, 0x84, 0x6a)
	b = append(b, "Signature1"...)
	b = append(byteStringHead(b, len(protected)), protected...)
	b = append(b, 0x40) // no external data
	b = append(byteStringHead(b, len(payload)), payload...)
	return sha256.Sum256(b)
}

func byteStringHead(b []byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, 0x40|byte(n))
	case n < 1<<8:
		return append(b, 0x58, byte(n))
	case n < 1<<16:
		return append(b, 0x59, byte(n>>8), byte(n))
	}
	return append(b, 0x5a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// fits reports that a key is of the kind and strength that an algorithm needs.
func fits(a Algorithm, public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return a == ES256 && k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return a == PS256 && k.N != nil && k.N.BitLen() >= minRSA
	}
	return false
}

// signatureLength is the only length that a signature by the key can have. The key fits.
func signatureLength(public crypto.PublicKey) int {
	if k, ok := public.(*rsa.PublicKey); ok {
		return k.Size()
	}
	return 64
}

// signedBy verifies a signature of the right length by a key that fits.
func signedBy(public crypto.PublicKey, digest, signature []byte) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, derSignature(signature))
	case *rsa.PublicKey:
		return rsa.VerifyPSS(k, crypto.SHA256, digest, signature, &rsa.PSSOptions{SaltLength: sha256.Size}) == nil
	}
	return false
}

// derSignature writes r and s, 32 bytes each, in the form that crypto/ecdsa reads.
func derSignature(rs []byte) []byte {
	b := make([]byte, 2, 72)
	b[0] = 0x30
	b = appendInteger(b, rs[:32])
	b = appendInteger(b, rs[32:])
	b[1] = byte(len(b) - 2)
	return b
}

func appendInteger(b, n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	if n[0] < 0x80 {
		return append(append(b, 2, byte(len(n))), n...)
	}
	return append(append(b, 2, byte(len(n)+1), 0), n...)
}
