package store

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"carnet/twoddoc/tsl"
)

// Bounds of an answer of a certificate store.
const (
	maxCertificate = 16 << 10
	maxAttempts    = 1 << 14 // of the scan: places that look like a certificate and are none
)

// ParseCertificates reads the answer of a certificate store (RFC 4387): parts that are a header with
// the type application/pkix-cert, a blank line, a certificate in DER, and a line that begins with
// --End. The published stores spell the header in two ways and end lines in two ways. An answer that is
// not like that, such as one certificate alone, is scanned for certificates.
//
// It is for the caller to keep what an authority issued: [Issued].
func ParseCertificates(answer []byte) ([]*x509.Certificate, error) {
	certs := byBoundary(answer)
	if certs == nil {
		certs = scan(answer)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("store: %w: %d bytes without a certificate", ErrFormat, len(answer))
	}
	return certs, nil
}

var (
	contentType = []byte("content-type:")
	pkixCert    = []byte("application/pkix-cert")
	boundary    = []byte("--end")
)

// byBoundary reads parts, and gives up with nil at the first that is not like the others.
func byBoundary(b []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for {
		var line []byte
		for { // boundaries, and blank lines around them
			if len(b) == 0 {
				return certs
			}
			var rest []byte
			if line, rest = cutLine(b); len(line) > 0 && !bytes.HasPrefix(line, boundary) {
				break
			}
			b = rest
		}
		typed := false
		for line, b = cutLine(b); len(line) > 0; line, b = cutLine(b) {
			if value, ok := bytes.CutPrefix(line, contentType); ok {
				kind, _, _ := bytes.Cut(value, []byte(";"))
				typed = bytes.Equal(bytes.TrimSpace(kind), pkixCert)
			}
		}
		n := derLength(b)
		if !typed || n < 0 {
			return nil
		}
		if c, err := x509.ParseCertificate(b[:n]); err == nil { // one bad certificate does not spoil the others
			certs = append(certs, c)
		}
		b = bytes.TrimLeft(b[n:], "\r\n")
		if line, _ := cutLine(b); len(b) > 0 && !bytes.HasPrefix(line, boundary) {
			return nil
		}
	}
}

// cutLine splits off a line, without its end and in small letters; a line of more than 256 bytes is none
// of a header, and shown as one character.
func cutLine(b []byte) (line, rest []byte) {
	end := len(b)
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		end, rest = i, b[i+1:]
	}
	if end > 256 {
		return []byte("?"), rest
	}
	return bytes.ToLower(bytes.TrimSpace(b[:end])), rest
}

// scan takes every certificate that stands anywhere.
func scan(b []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for attempts := 0; len(b) > 0 && attempts < maxAttempts; {
		i := bytes.IndexByte(b, 0x30)
		if i < 0 {
			break
		}
		b = b[i:]
		n := derLength(b)
		if n < 0 {
			b = b[1:]
			continue
		}
		attempts++
		if c, err := x509.ParseCertificate(b[:n]); err == nil {
			certs, b = append(certs, c), b[n:]
		} else {
			b = b[1:]
		}
	}
	return certs
}

// derLength is the length of the certificate that begins b, as its two outer headers tell, or -1.
func derLength(b []byte) int {
	n, ok := sequence(b)
	if !ok || n > maxCertificate || n > len(b) {
		return -1
	}
	if inner, ok := sequence(b[4:]); !ok || 4+inner > n {
		return -1
	}
	return n
}

// sequence reads the header of a sequence of 256 to 65,535 bytes: no certificate is smaller.
func sequence(b []byte) (int, bool) {
	if len(b) < 4 || b[0] != 0x30 || b[1] != 0x82 {
		return 0, false
	}
	n := int(b[2])<<8 | int(b[3])
	return 4 + n, n >= 256
}

// Issued keeps the certificates that one of the authorities issued, each once. What an authority says of
// itself is left out.
func Issued(certs []*x509.Certificate, authorities ...tsl.Authority) []*x509.Certificate {
	var kept []*x509.Certificate
	seen := make(map[string]bool, len(certs))
	for _, c := range certs {
		if c.IsCA || seen[string(c.Raw)] {
			continue
		}
		seen[string(c.Raw)] = true
		if slices.ContainsFunc(authorities, func(a tsl.Authority) bool { return a.Usable() && c.CheckSignatureFrom(a.Certificate) == nil }) {
			kept = append(kept, c)
		}
	}
	return kept
}
