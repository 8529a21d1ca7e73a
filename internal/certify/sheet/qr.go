package sheet

import (
	"errors"
	"sync"

	"rsc.io/qr/coding"
)

// maxVersion is the largest QR code of the page: every link to an attestation that 2D-Doc can hold
// fits in it, with 80 characters before the payload. Up to version 15 modules are 0.55 mm.
const maxVersion = 18

// maxLink is the same for the link to a European certificate, whose code is drawn in 43 mm.
const maxLink = 27

// qrMask is fixed: a signed payload has no patterns for a mask to break up.
const qrMask = 4

// qrEncoder makes QR codes of level M in the smallest version that fits. The plan of a version
// (which module holds which bit) is made when it is first needed.
type qrEncoder struct {
	plans [maxLink + 1]func() (*coding.Plan, error)
}

func newQREncoder() *qrEncoder {
	e := &qrEncoder{}
	for v := coding.Version(coding.MinVersion); v <= maxLink; v++ {
		e.plans[v] = sync.OnceValues(func() (*coding.Plan, error) { return coding.NewPlan(v, coding.M, qrMask) })
	}
	return e
}

var errTooLong = errors.New("too long for a QR code on this page")

// encode writes the text in two segments: bytes up to the last character that is not in the
// alphanumeric set of QR codes, which takes 5.5 bits a character instead of 8, and the rest in it.
func (e *qrEncoder) encode(text string) (qrCode, error) { return e.upTo(maxVersion, text) }

// upTo is encode with another largest version.
func (e *qrEncoder) upTo(most coding.Version, text string) (qrCode, error) {
	cut := len(text)
	for cut > 0 && alphanumeric(text[cut-1]) >= 0 {
		cut--
	}
	segments := make([]coding.Encoding, 0, 2)
	if cut > 0 {
		segments = append(segments, coding.String(text[:cut]))
	}
	if cut < len(text) {
		segments = append(segments, alpha(text[cut:]))
	}
	for v := coding.Version(coding.MinVersion); v <= most; v++ {
		bits := 0
		for _, s := range segments {
			bits += s.Bits(v)
		}
		if bits > 8*v.DataBytes(coding.M) {
			continue
		}
		plan, err := e.plans[v]()
		if err != nil {
			return qrCode{}, err
		}
		code, err := plan.Encode(segments...)
		if err != nil {
			return qrCode{}, err
		}
		return qrCode{code}, nil
	}
	return qrCode{}, errTooLong
}

// qrCode is a code as the page draws it.
type qrCode struct{ *coding.Code }

// Size is the side in modules.
func (q qrCode) Size() int { return q.Code.Size }

// Dark reports the module in column x and row y.
func (q qrCode) Dark(x, y int) bool { return q.Black(x, y) }

// alphanumeric is the value of a character in the alphanumeric set of ISO/IEC 18004, or -1.
func alphanumeric(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	switch c {
	case ' ':
		return 36
	case '$':
		return 37
	case '%':
		return 38
	case '*':
		return 39
	case '+':
		return 40
	case '-':
		return 41
	case '.':
		return 42
	case '/':
		return 43
	case ':':
		return 44
	}
	return -1
}

// alpha is an alphanumeric segment. It does what coding.Alpha does without searching the alphabet
// for every character.
type alpha string

// Check has nothing to say: encode only takes characters of the set.
func (s alpha) Check() error { return nil }

// Bits is the length of the segment in a version.
func (s alpha) Bits(v coding.Version) int { return coding.Alpha(s).Bits(v) }

// Encode appends the segment: mode 2, count, two characters in 11 bits.
func (s alpha) Encode(b *coding.Bits, v coding.Version) {
	const mode, modeBits, single, pair = 2, 4, 6, 11
	b.Write(mode, modeBits)
	b.Write(uint(len(s)), s.Bits(v)-modeBits-(pair*len(s)+1)/2)
	for ; len(s) >= 2; s = s[2:] {
		b.Write(uint(45*alphanumeric(s[0])+alphanumeric(s[1])), pair)
	}
	if len(s) == 1 {
		b.Write(uint(alphanumeric(s[0])), single)
	}
}
