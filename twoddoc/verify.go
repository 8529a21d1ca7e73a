package twoddoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base32"
	"fmt"
	"slices"
)

// Verify checks the signature under the key, an *ecdsa.PublicKey or an *x509.Certificate. The
// hash follows the curve of the key: P-256 SHA-256, P-384 SHA-384, P-521 SHA-512.
//
// It answers for the signature alone: that the certificate is the one that the header names,
// that an authority of the trust list issued it, that it is not revoked, that
// [Header.Within] its validity and that the authority is no [Header.Test] one is for the caller to
// decide. The error is always an *Error with one of the Signature codes.
func (d *Document) Verify(key crypto.PublicKey) error {
	if len(d.Authentic) > 0 {
		return d.Authentic[0]
	}
	if d.Signature == nil {
		return d.signatureError(SignatureMissing, nil)
	}
	pub, ok := key.(*ecdsa.PublicKey)
	if cert, isCert := key.(*x509.Certificate); isCert && cert != nil {
		pub, ok = cert.PublicKey.(*ecdsa.PublicKey)
	}
	if !ok || pub == nil {
		return d.signatureError(SignatureKey, nil)
	}
	c, err := curveOf(pub)
	if err != nil {
		return d.signatureError(SignatureKey, err)
	}
	if len(d.Signature) != 2*c.half {
		return d.signatureError(SignatureLength, fmt.Errorf("%d bytes, want %d", len(d.Signature), 2*c.half))
	}
	var digest [sha512.Size]byte
	var der [maxDER]byte
	if !ecdsa.VerifyASN1(pub, c.appendDigest(digest[:0], d.signed), appendDER(der[:0], d.Signature)) {
		return d.signatureError(SignatureInvalid, nil)
	}
	return nil
}

// maxDER is the size of the ASN.1 of a P-521 signature: two integers of 66 bytes and their headers.
const maxDER = 3 + 2*(2+66)

// appendDER turns r || s into the ASN.1 that crypto/ecdsa reads without a detour over big integers.
func appendDER(b, raw []byte) []byte {
	r, s := minimal(raw[:len(raw)/2]), minimal(raw[len(raw)/2:])
	n := 4 + len(r) + len(s)
	if r[0]&0x80 != 0 {
		n++
	}
	if s[0]&0x80 != 0 {
		n++
	}
	b = append(b, 0x30)
	if n >= 0x80 {
		b = append(b, 0x81)
	}
	b = append(b, byte(n))
	for _, v := range [2][]byte{r, s} {
		if v[0]&0x80 != 0 {
			b = append(b, 0x02, byte(len(v)+1), 0)
		} else {
			b = append(b, 0x02, byte(len(v)))
		}
		b = append(b, v...)
	}
	return b
}

// minimal drops the leading zeros of an integer, but for the last digit of zero.
func minimal(v []byte) []byte {
	for len(v) > 1 && v[0] == 0 {
		v = v[1:]
	}
	return v
}

// signatureError is about the signature: its offset is where it begins.
func (d *Document) signatureError(code Code, cause error) *Error {
	at := len(d.signed)
	switch {
	case d.Form != Text:
		at += 2 // FF and length
	case d.Header.Version > 1:
		at++ // US
	}
	return &Error{Code: code, Offset: at, Err: cause}
}

// curve is what the three curves of the format imply.
type curve struct {
	half int // bytes of r and of s
	hash crypto.Hash
}

func curveOf(pub *ecdsa.PublicKey) (curve, error) {
	switch pub.Curve {
	case elliptic.P256():
		return curve{32, crypto.SHA256}, nil
	case elliptic.P384():
		return curve{48, crypto.SHA384}, nil
	case elliptic.P521():
		return curve{66, crypto.SHA512}, nil
	}
	return curve{}, fmt.Errorf("curve is not P-256, P-384 or P-521")
}

// appendDigest appends the hash of a message.
func (c curve) appendDigest(b, message []byte) []byte {
	switch c.hash {
	case crypto.SHA256:
		d := sha256.Sum256(message)
		return append(b, d[:]...)
	case crypto.SHA384:
		d := sha512.Sum384(message)
		return append(b, d[:]...)
	}
	d := sha512.Sum512(message)
	return append(b, d[:]...)
}

// signatureText is the Base32 coding of signatures: RFC 4648, upper case, without padding.
var signatureText = base32.StdEncoding.WithPadding(base32.NoPadding)

// readSignature decodes Base32, with the padding of RFC 4648 or without, and refuses spare bits
// that are not zero: two texts must not stand for one signature. The offset of an error counts
// from the start of s. The signature is appended to dst, which is empty.
func readSignature(dst []byte, s string) ([]byte, *Error) {
	n := len(s)
	for n > 0 && s[n-1] == '=' {
		n--
	}
	if pad := len(s) - n; pad > 0 && (len(s)%8 != 0 || pad > 6) {
		return nil, &Error{Code: SignatureBase32, Offset: n}
	}
	switch n % 8 {
	case 1, 3, 6: // no number of bytes gives these lengths
		return nil, &Error{Code: SignatureBase32, Offset: n}
	}
	out := slices.Grow(dst, n*5/8)
	at := 0
	for ; at+8 <= n; at += 8 { // 8 characters are 5 bytes
		var acc uint64
		var bad byte
		for _, c := range []byte(s[at : at+8]) { // not a copy
			v := base32Values[c]
			acc, bad = acc<<5|uint64(v), bad|v
		}
		if bad >= 32 {
			break // the loop below says where
		}
		out = append(out, byte(acc>>32), byte(acc>>24), byte(acc>>16), byte(acc>>8), byte(acc))
	}
	var acc, bits uint
	for ; at < n; at++ {
		v := base32Values[s[at]]
		if v >= 32 {
			return nil, &Error{Code: SignatureBase32, Offset: at}
		}
		acc, bits = acc<<5|uint(v), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	if acc != 0 {
		return nil, &Error{Code: SignatureSpare, Offset: n - 1}
	}
	return out, nil
}

// base32Values has the value of each character of RFC 4648, section 6, and 0xFF for the others.
var base32Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") {
		t[c] = byte(i)
	}
	return t
}()
