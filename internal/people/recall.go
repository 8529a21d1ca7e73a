package people

import (
	"context"
	"strings"
	"unicode"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// letters are those of a recall code: no I, O and Q, which are read as others. They are 23, a prime, so
// that the last letter detects every letter that was changed and every two that were swapped.
const letters = "ABCDEFGHJKLMNPRSTUVWXYZ"

const recallLength = 9

// recallCode makes the code of a record from 16 bytes that nobody can guess: eight letters, 36 bits,
// and one that checks them. It says nothing of the person.
func recallCode(mac [32]byte) carnet.Private {
	var b [recallLength]byte
	sum := 0
	for i := range recallLength - 1 {
		// 16 bits for each letter: no letter is likelier than another by more than one in 2,800.
		n := (int(mac[16+2*i])<<8 | int(mac[17+2*i])) % len(letters)
		b[i] = letters[n]
		sum += (i + 1) * n
	}
	// The weights 1 to 9 differ and are not 0 modulo 23: a change of one letter, or a swap of two, changes the sum.
	b[recallLength-1] = letters[check(sum)]
	return carnet.Hide(string(b[:]))
}

// check is the number c of the last letter with sum + 9c divisible by 23.
func check(sum int) int {
	for c := range len(letters) {
		if (sum+recallLength*c)%len(letters) == 0 {
			return c
		}
	}
	return 0 // never: 9 has an inverse modulo 23
}

// ParseRecall reads a code as people type it: letters in any case, with spaces or hyphens or without. A
// code that is none is carnet.Invalid, "person.recall", on the field "nir", where it is typed.
func ParseRecall(text string) (carnet.Private, error) {
	wrong := &carnet.Error{Op: "people.ParseRecall", Kind: carnet.Invalid, Code: "person.recall", Field: "nir"}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '-' || r == '.' || unicode.IsSpace(r):
		case b.Len() == recallLength:
			return carnet.Private{}, wrong
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	sum := 0
	s := b.String()
	for i := range len(s) {
		n := strings.IndexByte(letters, s[i])
		if n < 0 {
			return carnet.Private{}, wrong
		}
		sum += (i + 1) * n
	}
	if len(s) != recallLength || sum%len(letters) != 0 {
		return carnet.Private{}, wrong
	}
	return carnet.Hide(s), nil
}

// LooksLikeRecall reports that what was typed is meant as a code, right or wrong: letters, and no digit.
func LooksLikeRecall(text string) bool {
	return strings.IndexFunc(text, unicode.IsLetter) >= 0 && strings.IndexFunc(text, unicode.IsDigit) < 0
}

// PrintRecall writes a code for the eye: ABC-DEF-GHJ.
func PrintRecall(code carnet.Private) string {
	s := code.Reveal()
	if len(s) != recallLength {
		return s
	}
	return s[:3] + "-" + s[3:6] + "-" + s[6:]
}

// ByRecall finds who has a code: one person, or several in the rare case that chance gave it twice. A code
// that nobody has is carnet.NotFound, "person.unknown-recall".
func (s *Service) ByRecall(ctx context.Context, actor protect.Actor, code carnet.Private) ([]Found, error) {
	found, err := s.direct(ctx, actor, s.recallLookup(code), ByRecall)
	if err == nil && len(found) == 0 {
		err = carnet.E("people.ByRecall", carnet.NotFound, "person.unknown-recall", nil)
	}
	return found, err
}

func (s *Service) recallLookup(code carnet.Private) [32]byte {
	return s.ring.Lookup("recall", code.Reveal())
}
