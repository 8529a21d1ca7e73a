package dcc

import "strings"

// UVCI is a certificate identifier taken apart: URN:UVCI:01:FR:T5DWTJYS4ZR8#4 and its many real
// relatives (lower-case prefix, no prefix, version V1, URN:UCI).
type UVCI struct {
	Version string   // "01"; "V1" occurs
	Country string   // "FR"
	Parts   []string // issuer, vaccine and opaque string, as far as they are there; the opaque one is last
	Check   string   // what stands after #, "" without
}

// ParseUVCI takes an identifier apart. It is lenient, as issuers were: a missing part is "".
func ParseUVCI(s string) UVCI {
	s, check, _ := strings.Cut(upper(s), "#")
	for _, prefix := range [...]string{"URN:UVCI:", "URN:UCI:", "DGCI:"} {
		s = strings.TrimPrefix(s, prefix)
	}
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '/' })
	u := UVCI{Check: check}
	if len(fields) > 0 {
		u.Version, fields = fields[0], fields[1:]
	}
	if len(fields) > 0 {
		u.Country, fields = fields[0], fields[1:]
	}
	u.Parts = fields
	return u
}

// Canonical gives the form under which two spellings of one identifier are equal: upper case, with
// the prefix URN:UVCI:, without check character.
func Canonical(s string) string {
	s, _, _ = strings.Cut(upper(s), "#")
	if !strings.HasPrefix(s, uvciPrefix) {
		s = uvciPrefix + s
	}
	return s
}

// Check is the state of the check character of an identifier.
type Check uint8

const (
	CheckAbsent  Check = iota // no #
	CheckRight                // right for the text as it stands, or once its prefix is restored
	CheckWrong                // another character, or more than one
	CheckIllegal              // the text holds characters that the computation does not know
)

// CheckUVCI verifies the character after #. A third of real ones are wrong: report it, refuse
// nothing.
func CheckUVCI(s string) Check {
	body, check, found := strings.Cut(s, "#")
	if !found {
		return CheckAbsent
	}
	c, ok := CheckCharacter(body)
	if !ok { // lower case is as good
		body = upper(body)
		c, ok = CheckCharacter(body)
	}
	check = upper(check)
	switch {
	case !ok:
		return CheckIllegal
	case len(check) == 1 && rune(check[0]) == c:
		return CheckRight
	case strings.HasPrefix(body, uvciPrefix):
		return CheckWrong
	}
	if c, ok = CheckCharacter(uvciPrefix + body); ok && len(check) == 1 && rune(check[0]) == c {
		return CheckRight
	}
	return CheckWrong
}

// CheckCharacter computes the check character of an identifier that has none yet: Luhn modulo 38
// over A-Z, 0-9, / and :, letters in upper case, the prefix URN:UVCI: included.
func CheckCharacter(s string) (c rune, ok bool) {
	const base = len(uvciAlphabet)
	sum := 0
	for i := range len(s) {
		a := uvciValues[(len(s)-i)&1][s[i]] // the last character counts twice
		if a == uvciNone {
			return 0, false
		}
		sum += int(a)
	}
	return rune(uvciAlphabet[(base-sum%base)%base]), true
}

const (
	uvciPrefix   = "URN:UVCI:"
	uvciAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:"
	uvciNone     = 0xff
)

// uvciValues gives what a character adds to the sum: its place in the alphabet, or, in the second
// table, the digits of its double in base 38.
var uvciValues = func() (t [2][256]byte) {
	const base = len(uvciAlphabet)
	for c := range 256 {
		t[0][c], t[1][c] = uvciNone, uvciNone
	}
	for v := range base {
		c := uvciAlphabet[v]
		t[0][c], t[1][c] = byte(v), byte(2*v/base+2*v%base)
	}
	return t
}()

// upper raises ASCII letters only: an identifier has no others, and folding must not change length.
func upper(s string) string {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if b[i] >= 'a' && b[i] <= 'z' {
				b[i] -= 'a' - 'A'
			}
		}
		return string(b)
	}
	return s
}
