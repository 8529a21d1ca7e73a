package hcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"

	"carnet/hcert/internal/tree"
)

// COSE tags, header labels (RFC 9052, RFC 8392).
const (
	tagSign1 = 18
	tagCWT   = 61

	labelAlgorithm = 1
	labelCritical  = 2
	labelKID       = 4
)

const (
	kidLength = 8
	minRSA    = 2048 // bits

	ecdsaLength = 64 // of r and s, of P-256
)

// message takes the signed message, a COSE_Sign1, apart into c and checks its headers. It gives the
// claims once more, as a text.
func (v *verifier) message(raw string, c *Certificate) (claims string, ok bool) {
	body, ok := stripTags(raw)
	if !ok {
		v.fail(COSEStructure, "tag")
		return "", false
	}
	t := tree.Get()
	defer t.Release()
	item, ok := v.item(t, body, "message")
	if !ok {
		return "", false
	}
	if item.Kind() != tree.Array || item.Len() != 4 {
		v.fail(COSEStructure, "not a list of four")
		return "", false
	}
	var list [4]tree.Value
	for i, e := range item.All {
		list[i] = e
	}
	if list[0].Kind() != tree.Bytes || list[1].Kind() != tree.Map || list[3].Kind() != tree.Bytes {
		v.fail(COSEStructure, "member of a wrong type")
		return "", false
	}
	switch list[2].Kind() {
	case tree.Bytes:
	case tree.Nothing:
		v.fail(COSEDetached, "")
		return "", false
	default:
		v.fail(COSEStructure, "payload is not a byte string")
		return "", false
	}
	var protected tree.Value
	if header := list[0].Text(); header != "" { // the empty string is how an empty map is written
		h := tree.Get()
		defer h.Release()
		if protected, ok = v.item(h, header, "protected header"); !ok {
			return "", false
		}
		if protected.Kind() != tree.Map {
			v.fail(COSEStructure, "protected header is not a map")
			return "", false
		}
	}
	claims = list[2].Text()
	c.keep(list[0].Text(), claims, list[3].Text(), v.headers(c, protected, list[1]))
	return claims, true
}

// keep copies the parts that the caller gets, in one piece. The protected header is what was
// received: the signature is over these bytes.
func (c *Certificate) keep(protected, claims, signature, kid string) {
	all := make([]byte, 0, len(protected)+len(claims)+len(signature)+len(kid))
	part := func(s string) []byte {
		all = append(all, s...)
		return all[len(all)-len(s) : len(all) : len(all)]
	}
	c.Protected, c.Claims, c.Signature = part(protected), part(claims), part(signature)
	if kid != "" {
		c.KID = part(kid)
	}
}

// headers reads the algorithm, and gives the key identifier; what stands in the protected header wins.
func (v *verifier) headers(c *Certificate, protected, unprotected tree.Value) (identifier string) {
	if !understood(protected) || !understood(unprotected) {
		v.fail(COSECritical, "")
	}
	alg := protected.Label(labelAlgorithm)
	if alg.Kind() == tree.Absent {
		alg = unprotected.Label(labelAlgorithm)
	}
	n, _ := alg.Int()
	c.Algorithm = Algorithm(n)
	if c.Algorithm != ES256 && c.Algorithm != PS256 {
		v.fail(COSEAlgorithm, c.Algorithm.String())
	}
	kid := protected.Label(labelKID)
	if kid.Kind() == tree.Absent {
		kid = unprotected.Label(labelKID)
	}
	if kid.Kind() == tree.Bytes {
		identifier = kid.Text()
	}
	switch {
	case kid.Kind() == tree.Absent:
		v.fail(KIDMissing, "")
	case len(identifier) != kidLength:
		v.fail(KIDLength, "")
	}
	return identifier
}

// understood reports that a header makes nothing critical but what every message has.
func understood(header tree.Value) bool {
	crit := header.Label(labelCritical)
	if crit.Kind() == tree.Absent {
		return true
	}
	for _, l := range crit.All {
		if n, ok := l.Int(); !ok || n != labelAlgorithm && n != labelKID {
			return false
		}
	}
	return crit.Kind() == tree.Array && crit.Len() > 0
}

// stripTags removes the tags that a message may wear: none, 18, or 61 around 18.
func stripTags(raw string) (string, bool) {
	first, rest, tagged := tag(raw)
	if !tagged {
		return raw, true
	}
	if first == tagCWT {
		first, rest, tagged = tag(rest)
	}
	if !tagged || first != tagSign1 {
		return "", false
	}
	_, _, more := tag(rest)
	return rest, !more
}

// tag reads the head of a CBOR tag.
func tag(b string) (number uint64, rest string, ok bool) {
	if len(b) == 0 || b[0]>>5 != 6 {
		return 0, "", false
	}
	info, b := b[0]&31, b[1:]
	if info < 24 {
		return uint64(info), b, true
	}
	size := 1 << (info - 24)
	if info > 27 || len(b) < size {
		return 0, "", true // a tag without number: no message of ours
	}
	var n [8]byte
	copy(n[8-size:], b[:size])
	return binary.BigEndian.Uint64(n[:]), b[size:], true
}

// toBeSigned builds the Sig_structure of RFC 9052, section 4.4, and hashes it.
func toBeSigned(protected, payload []byte) [sha256.Size]byte {
	var space [512]byte // of most messages
	b := append(space[:0], "\x84\x6aSignature1"...)
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
	return ecdsaLength
}

// signedBy verifies a signature of the right length by a key that fits.
func signedBy(public crypto.PublicKey, digest, signature []byte) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		var der [maxDER]byte
		return ecdsa.VerifyASN1(k, digest, appendDER(der[:0], signature))
	case *rsa.PublicKey:
		return rsa.VerifyPSS(k, crypto.SHA256, digest, signature, &rsa.PSSOptions{SaltLength: sha256.Size}) == nil
	}
	return false
}

// maxDER is the size of the ASN.1 of a signature: two integers of 33 bytes and their heads.
const maxDER = 2 + 2*(2+33)

// appendDER writes r and s, 32 bytes each, in the form that crypto/ecdsa reads, into an empty slice.
func appendDER(b, rs []byte) []byte {
	b = appendInteger(append(b, 0x30, 0), rs[:32])
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
