// Package nir reads the French number of registration in the directory of natural persons: the
// NIR, thirteen characters and a key of two digits, that health insurance prints on its cards.
//
// # The number
//
//	2  85  05  99  777  042  54
//	│  │   │   │   │    │    └ key: 97 - (the thirteen characters mod 97), 01 to 97
//	│  │   │   │   │    └ order of registration in that place and month
//	│  │   │   │   └ commune, or country when the department is 99
//	│  │   │   └ department of birth: two digits, 2A or 2B; 97 and 98 take one digit more
//	│  │   └ month of birth; 20 to 99 when the civil record is incomplete
//	│  └ last two digits of the year of birth
//	└ 1 for a man, 2 for a woman; 3, 4, 7 and 8 begin provisional numbers
//
// For the key, 2A counts as 19 and 2B as 18. As 97 is prime, the key detects every change of one
// digit and every swap of two neighbours.
//
// # Reading
//
// [Parse] takes the fifteen characters with or without spaces, in any case, and checks structure
// and key. [Complete] takes the thirteen characters alone and adds the key. Both return an [*Error] that names
// the rule that was broken and the position, never the number.
//
// # Hiding
//
// A NIR is the strongest identifier that a French person has. A [Number] therefore hides itself:
// printed, logged or marshalled it shows a mask. [Number.Reveal] is the only way to the clear
// value; [Number.Masked] gives the little that a screen may show.
//
// # Not done
//
// The package knows no list of communes, and cannot tell whether a number was ever allotted. Parse refuses
// numbers of other shapes: those of migrants (first digit 5 or 6) and the provisional numbers
// of funds, which ended in 2022. [Classify] names them, for those who meet them on a card.
//
// Sources: the structure published by INSEE; the validation code of the Caisse nationale de
// l'assurance maladie (assurance-maladie-digital/nir-validation); for waiting numbers, the Carnet
// specification vitale.md, section 3.
package nir

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
)

// Length is the number of characters of a NIR with its key.
const Length = 15

const (
	body     = 13 // characters under the key
	maxInput = 64 // longer input is refused before it is looked at
	mask     = "█"
)

// Codes of an [Error]. They are stable: a program may show a message by code.
const (
	CodeLength    = "nir.length"    // not fifteen characters (thirteen for Complete), spaces apart
	CodeCharacter = "nir.character" // a character that cannot stand at that position
	CodeSex       = "nir.sex"       // first digit other than 1, 2, 3, 4, 7, 8
	CodeMonth     = "nir.month"     // month 00 or 13 to 19
	CodeKey       = "nir.key"       // the key does not fit the number
)

// Error says which rule a text breaks, and where. It never holds the text.
type Error struct {
	Code string // one of the codes of this package
	Pos  int    // position of the fault, 1 to 15, spaces not counted; 0 for the whole number
}

func (e *Error) Error() string {
	if e.Pos == 0 {
		return "nir: " + e.Code
	}
	return fmt.Sprintf("nir: %s at position %d", e.Code, e.Pos)
}

// Sex is what the first digit says.
type Sex uint8

const (
	Unknown Sex = iota // a provisional number, or no number
	Male
	Female
)

var sexNames = [...]string{"unknown", "male", "female"}

func (s Sex) String() string {
	if int(s) < len(sexNames) {
		return sexNames[s]
	}
	return sexNames[Unknown]
}

// Number is a NIR whose structure and key are right, or the zero value: no number.
// Compare numbers with Equal: == compares identities of the hidden value.
type Number struct {
	// A pointer, so that fmt shows nothing even inside the unexported field of another struct,
	// where it calls no method.
	clear *string
}

// Parse reads a number with its key. It accepts spaces anywhere (the no-break and thin ones of
// printed documents too) and lower-case letters. The error is an [*Error].
func Parse(s string) (Number, error) {
	t, err := compact(s, Length)
	if err != nil {
		return Number{}, err
	}
	if err := check(t); err != nil {
		return Number{}, err
	}
	if keyOf(t[:body]) != t[body:] {
		return Number{}, &Error{CodeKey, body + 1}
	}
	return Number{&t}, nil
}

// Complete reads the thirteen characters of a number and computes its key. Use it where the source
// has no key, such as a table; a number that a person typed must come with its key.
func Complete(s string) (Number, error) {
	t, err := compact(s, body)
	if err != nil {
		return Number{}, err
	}
	if err := check(t); err != nil {
		return Number{}, err
	}
	t += keyOf(t)
	return Number{&t}, nil
}

// Reveal gives the fifteen characters, without spaces, or "" for the zero value.
func (n Number) Reveal() string {
	if n.clear == nil {
		return ""
	}
	return *n.clear
}

// Masked gives what may stand on a screen beside a name: first digit and year of birth,
// "2 85 ●● ●● ●●● ●●● ●●". It is "" for the zero value.
func (n Number) Masked() string {
	if n.clear == nil {
		return ""
	}
	s := *n.clear
	return s[:1] + " " + s[1:3] + " ●● ●● ●●● ●●● ●●"
}

// IsZero reports that there is no number.
func (n Number) IsZero() bool { return n.clear == nil }

// Equal compares two numbers, in time independent of where they differ.
func (n Number) Equal(m Number) bool {
	return subtle.ConstantTimeCompare([]byte(n.Reveal()), []byte(m.Reveal())) == 1
}

// Provisional reports a number that waits for proof of civil status: first digit 3, 4, 7 or 8.
// It is not a NIR yet, and tells no sex.
func (n Number) Provisional() bool { return n.clear != nil && (*n.clear)[0] > '2' }

// Sex tells what the first digit says. Only 1 and 2 say something: the digits of provisional
// numbers are a custom, not a rule.
func (n Number) Sex() Sex {
	switch {
	case n.clear == nil:
		return Unknown
	case (*n.clear)[0] == '1':
		return Male
	case (*n.clear)[0] == '2':
		return Female
	}
	return Unknown
}

// BirthYear2 gives the last two digits of the year of birth, 0 to 99. The century is not in the number.
func (n Number) BirthYear2() int { return n.two(1) }

// BirthMonth gives the month of birth, 1 to 12, or 0 when the civil record has none
// (20 to 99 in the number).
func (n Number) BirthMonth() int {
	if m := n.two(3); m <= 12 {
		return m
	}
	return 0
}

// Department gives the department of birth: "01" to "96", "2A", "2B", "971" to "989" overseas,
// "99" for a birth abroad. People born in Corsica before 1976 have "20"; 91 to 96 also stand for
// Algeria, Morocco and Tunisia before their independence, so no country may be derived from them.
func (n Number) Department() string {
	s := n.Place()
	if strings.HasPrefix(s, "97") || strings.HasPrefix(s, "98") {
		return s[:3]
	}
	if s != "" {
		return s[:2]
	}
	return ""
}

// Commune gives the digits that follow the department: commune, or country after "99".
func (n Number) Commune() string { return strings.TrimPrefix(n.Place(), n.Department()) }

// Place gives the five characters of the place of birth, in the form of the official geographic
// code (COG): department and commune, or 99 and country.
func (n Number) Place() string {
	if n.clear == nil {
		return ""
	}
	return (*n.clear)[5:10]
}

func (n Number) String() string               { return n.hide() }
func (n Number) GoString() string             { return n.hide() }
func (n Number) LogValue() slog.Value         { return slog.StringValue(n.hide()) }
func (n Number) MarshalText() ([]byte, error) { return []byte(n.hide()), nil }

func (n Number) hide() string {
	if n.clear == nil {
		return ""
	}
	return mask
}

func (n Number) two(at int) int {
	if n.clear == nil {
		return 0
	}
	return int((*n.clear)[at]-'0')*10 + int((*n.clear)[at+1]-'0')
}

// compact drops spaces, raises letters and requires a number of characters.
func compact(s string, want int) (string, error) {
	if len(s) > maxInput {
		return "", &Error{CodeLength, 0}
	}
	b := make([]byte, 0, Length)
	for _, r := range s {
		switch {
		case r == ' ' || r == '\u00a0' || r == '\u2009' || r == '\u202f':
			continue
		case len(b) == want:
			return "", &Error{CodeLength, 0}
		case r >= 'a' && r <= 'z':
			b = append(b, byte(r-'a'+'A'))
		case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z':
			b = append(b, byte(r))
		default:
			return "", &Error{CodeCharacter, len(b) + 1}
		}
	}
	if len(b) != want {
		return "", &Error{CodeLength, 0}
	}
	return string(b), nil
}

// check looks at each part, from left to right. It gets 13 or 15 characters 0-9 A-Z.
func check(s string) error {
	for i := range len(s) {
		corsica := i == 6 && s[5] == '2' && (s[i] == 'A' || s[i] == 'B')
		if s[i] > '9' && !corsica {
			return &Error{CodeCharacter, i + 1}
		}
	}
	switch s[0] {
	case '1', '2', '3', '4', '7', '8':
	default:
		return &Error{CodeSex, 1}
	}
	if m := s[3:5]; m == "00" || m > "12" && m < "20" {
		return &Error{CodeMonth, 4}
	}
	return nil
}

// keyOf computes the key of 13 checked characters.
func keyOf(s string) string {
	var n uint64
	for i := range body {
		d := uint64(s[i] - '0')
		switch s[i] {
		case 'A': // 2A counts as 19
			n, d = n-1, 9
		case 'B': // 2B counts as 18
			n, d = n-1, 8
		}
		n = n*10 + d
	}
	k := 97 - n%97
	return string([]byte{'0' + byte(k/10), '0' + byte(k%10)})
}
