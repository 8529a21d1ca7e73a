package paper

import (
	"io"
	"strings"

	"carnet/internal/carnet"
)

// letters of a serial number: no I, L, O, U, 0 or 1, which hands confuse. Thirty of them, so that the
// check character is that of ISO/IEC 7064, hybrid system, MOD 31,30.
const letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

const serialLength = 10 // nine drawn, one that checks

// Serial is the number of a paper form, in capitals without a separator: "7KF2MX9QAB".
type Serial string

// ParseSerial reads a serial number as it is typed or scanned: in any case, with spaces or dashes.
// One that cannot be, because a character or the check does not hold, is "form.malformed".
func ParseSerial(text string) (Serial, error) {
	fault := &carnet.Error{Op: "paper.ParseSerial", Kind: carnet.Invalid, Code: "form.malformed", Field: "form"}
	if len(text) > 64 {
		return "", fault
	}
	s := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\u2011", "").Replace(strings.TrimSpace(text)))
	if len(s) != serialLength || check(s[:serialLength-1]) != s[serialLength-1] {
		return "", fault
	}
	return Serial(s), nil
}

// String is the number as it is printed: "7KF2M-X9QAB".
func (s Serial) String() string {
	if len(s) != serialLength {
		return string(s)
	}
	return string(s[:5]) + "-" + string(s[5:])
}

// draw makes a serial number out of chance, every one as likely.
func draw(rand io.Reader) (Serial, error) {
	var s [serialLength]byte
	var b [1]byte
	for i := 0; i < serialLength-1; {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return "", carnet.E("paper", carnet.Internal, "internal", err)
		}
		if int(b[0]) < 256-256%len(letters) {
			s[i] = letters[int(b[0])%len(letters)]
			i++
		}
	}
	s[serialLength-1] = check(string(s[:serialLength-1]))
	return Serial(s[:]), nil
}

// check computes the last character of a number from those before it; 0 when one of them is no letter
// of a number.
func check(s string) byte {
	const m = len(letters)
	p := m
	for i := range len(s) {
		v := strings.IndexByte(letters, s[i])
		if v < 0 {
			return 0
		}
		if p = (p + v) % m; p == 0 {
			p = m
		}
		p = p * 2 % (m + 1)
	}
	return letters[(m+1-p)%m]
}
