// Package icao writes a Latin name in the letters A to Z and the filler <, as the machine-readable
// zone of a passport has it (ICAO Doc 9303, part 3, section 6; Carnet specification dcc.md, section
// 4.3). Health certificates carry this form in the fields fnt and gnt; it is derived, never typed,
// so that two certificates of one person agree.
//
//	icao.France.Transliterate("Élise d'Œillet-Mâche")  ELISE<DOEILLET<MACHE
//
// # Rules
//
// The name is trimmed, brought to Unicode form NFC and raised to upper case. Letters of the table
// become their two letters (Ä AE, Œ OE, ß SS, Þ TH, Å AA) or their base (Đ D, Ł L); other letters
// lose their marks. Apostrophes and full stops go away; hyphens, spaces, commas and slashes become
// one filler, with none at the ends. The result ends at 80 characters.
//
// # What has no rule
//
// Digits, symbols and letters of other scripts are left out, and the error tells the first one. A
// name in Greek or Cyrillic is not transliterated here: the Latin name stands in the identity
// document, and only that one is right.
//
// # Profiles
//
// States differ on the diaeresis. [International] writes MAEEL for Maël as the table says;
// [France] strips it: MAEL.
package icao

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"carnet/hcert/internal/latin"

	"golang.org/x/text/unicode/norm"
)

// MaxLength is where a name is cut.
const MaxLength = 80

// Profile is what a State does with the diaeresis.
type Profile uint8

const (
	International Profile = iota // Ä AE, Ö OE, Ü UE
	France                       // Ä A, Ö O, Ü U
)

// Fault is why a character has no place in a name.
type Fault string

const (
	Digit  Fault = "digit"
	Script Fault = "script" // a letter that is not Latin
	Symbol Fault = "symbol"
)

// Error tells the first character that was left out. It does not quote the name.
type Error struct {
	Fault Fault
	Pos   int // in characters, from 0, of the trimmed name in form NFC
}

func (e *Error) Error() string { return fmt.Sprintf("icao: %s at character %d", e.Fault, e.Pos) }

// Transliterate gives the name in A to Z and <. When characters have no rule they are left out and
// the error is an [*Error] for the first of them; an issuer refuses such a name, a reader may use
// what is left.
func (p Profile) Transliterate(name string) (string, error) {
	var space [2 * MaxLength]byte
	out, err := p.Append(space[:0], name)
	return string(out), err
}

// Append is [Profile.Transliterate] into a slice of the caller's, which it extends.
func (p Profile) Append(dst []byte, name string) ([]byte, error) {
	name = strings.TrimSpace(latin.NFC(name))
	out := dst
	var err error
	pos := 0
	for _, r := range name {
		c := byte(none)
		if r < utf8.RuneSelf {
			c = ascii[r]
		}
		switch {
		case c == none:
			out, err = p.add(out, len(dst), r, pos, err)
		case c != '<':
			out = append(out, c)
		case len(out) > len(dst) && out[len(out)-1] != '<':
			out = append(out, c)
		}
		pos++
	}
	if len(out) > len(dst)+MaxLength {
		out = out[:len(dst)+MaxLength]
	}
	for len(out) > len(dst) && out[len(out)-1] == '<' {
		out = out[:len(out)-1]
	}
	return out, err
}

const none = 0

// ascii gives what stands for the letters of ASCII and for what separates words.
var ascii = func() (t [utf8.RuneSelf]byte) {
	for c := byte('A'); c <= 'Z'; c++ {
		t[c], t[c-'A'+'a'] = c, c
	}
	for _, c := range "\t\n\v\f\r -,/" {
		t[c] = '<'
	}
	return t
}()

// add appends what stands for any other character. The name begins in out at start.
func (p Profile) add(out []byte, start int, r rune, pos int, err error) ([]byte, error) {
	switch {
	case r == '\'' || r == '’' || r == '`' || r == '´' || r == '.':
		return out, err
	case unicode.IsSpace(r) || r == '‐' || r == '‑':
		if len(out) > start && out[len(out)-1] != '<' {
			out = append(out, '<')
		}
		return out, err
	}
	if s := p.letter(upper(r)); s != "" {
		return append(out, s...), err
	}
	if err == nil && !unicode.Is(unicode.Mn, r) { // a mark that stands on no letter says nothing
		err = &Error{faultOf(r), pos}
	}
	return out, err
}

// upper asks the tables of Unicode only for what is not in Latin-1.
func upper(r rune) rune {
	if 'à' <= r && r <= 'þ' && r != '÷' {
		return r - 'à' + 'À'
	}
	return unicode.ToUpper(r)
}

// letter gives what stands for a letter in upper case, or "" when there is no rule.
func (p Profile) letter(r rune) string {
	switch r {
	case 'Ä':
		return p.umlaut("AE")
	case 'Ö':
		return p.umlaut("OE")
	case 'Ü':
		return p.umlaut("UE")
	case 'Æ':
		return "AE"
	case 'Ø', 'Œ':
		return "OE"
	case 'Å':
		return "AA"
	case 'ß', 'ẞ':
		return "SS"
	case 'Þ':
		return "TH"
	case 'Ð', 'Đ':
		return "D"
	case 'Ł':
		return "L"
	case 'Ħ':
		return "H"
	case 'Ŧ':
		return "T"
	case 'Ŋ':
		return "N"
	case 'Ĳ':
		return "IJ"
	case 'ĸ': // it has no upper case
		return "Q"
	case 'ı', 'İ':
		return "I"
	// The accents that are common in French, without a look into the tables of Unicode.
	case 'À', 'Â':
		return "A"
	case 'Ç':
		return "C"
	case 'È', 'É', 'Ê', 'Ë':
		return "E"
	case 'Î', 'Ï':
		return "I"
	case 'Ô':
		return "O"
	case 'Ù', 'Û':
		return "U"
	}
	if base := []rune(norm.NFD.String(string(r)))[0]; 'A' <= base && base <= 'Z' {
		return string(base)
	}
	return ""
}

// umlaut keeps the first letter where the profile strips the diaeresis.
func (p Profile) umlaut(two string) string {
	if p == France {
		return two[:1]
	}
	return two
}

func faultOf(r rune) Fault {
	switch {
	case unicode.IsDigit(r):
		return Digit
	case unicode.IsLetter(r):
		return Script
	}
	return Symbol
}
