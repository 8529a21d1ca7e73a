package dcc

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Scheme says how identifiers are made. The opaque part is drawn from A to Z and 0 to 9; at the
// usual twelve characters it holds 62 bits, so two million identifiers meet with a chance of one in
// two million. A store that keeps them unique is still the issuer's duty.
type Scheme struct {
	Country string // of the issuer, ISO 3166 alpha-2
	Issuer  string // optional parts before the opaque one, of A to Z and 0 to 9
	Vaccine string
	Length  int  // characters of the opaque part; 12 when not set
	Lower   bool // write the prefix as urn:uvci, as France does
}

// FrenchUVCI is the style of French production: urn:uvci:01:FR:T5DWTJYS4ZR8#4.
var FrenchUVCI = Scheme{Country: "FR", Lower: true}

// ErrScheme reports a scheme that cannot make identifiers: a part outside A to Z and 0 to 9, no
// country of two letters, fewer than eight opaque characters, or more than 80 in all.
var ErrScheme = errors.New("dcc: scheme of identifiers")

const (
	opaqueAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	opaqueDefault  = 12
	opaqueLeast    = 8
	maxUVCI        = 80
)

// New makes an identifier with its check character. rand must be a source for secrets, such as
// crypto/rand.Reader: who can guess an identifier can look up whether it was revoked.
func (s Scheme) New(rand io.Reader) (string, error) {
	length := s.Length
	if length == 0 {
		length = opaqueDefault
	}
	plain := func(part string) bool { return strings.Trim(part, opaqueAlphabet) == "" }
	if !isCountry(s.Country) || len(s.Country) != 2 || !plain(s.Issuer) || !plain(s.Vaccine) || s.Issuer == "" && s.Vaccine != "" || length < opaqueLeast {
		return "", ErrScheme
	}
	prefix := uvciPrefix + "01:" + s.Country + ":"
	for _, part := range []string{s.Issuer, s.Vaccine} {
		if part != "" {
			prefix += part + "/"
		}
	}
	if len(prefix)+length+2 > maxUVCI {
		return "", ErrScheme
	}
	id := make([]byte, 0, maxUVCI)
	id = append(id, prefix...)
	var buf [64]byte
	const fair = 256 / len(opaqueAlphabet) * len(opaqueAlphabet) // bytes from here on would favour some characters
	for len(id) < len(prefix)+length {
		if _, err := io.ReadFull(rand, buf[:]); err != nil {
			return "", fmt.Errorf("dcc: random bytes: %w", err)
		}
		for _, c := range buf {
			if int(c) < fair && len(id) < len(prefix)+length {
				id = append(id, opaqueAlphabet[int(c)%len(opaqueAlphabet)])
			}
		}
	}
	check, ok := CheckCharacter(string(id))
	if !ok {
		return "", ErrScheme
	}
	id = append(id, '#', byte(check))
	if s.Lower {
		copy(id, "urn:uvci:")
	}
	return string(id), nil
}
