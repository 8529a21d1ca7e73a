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
	if !norm.NFC.IsNormalString(name) {
		name = norm.NFC.String(name)
	}
	name = strings.TrimSpace(name)
	var space [2 * MaxLength]byte
	out := space[:0]
	var err error
	pos := 0
	for _, r := range name {
		out, err = p.add(out, r, pos, err)
		pos++
	}
	if len(out) > MaxLength {
		out = out[:MaxLength]
	}
	for len(out) > 0 && out[len(out)-1] == '<' {
		out = out[:len(out)-1]
	}
	return string(out), err
}

// add appends what stands for a character.
func (p Profile) add(out []byte, r rune, pos int, err error) ([]byte, error) {
	switch {
	case 'A' <= r && r <= 'Z':
		return append(out, byte(r)), err
	case 'a' <= r && r <= 'z':
		return append(out, byte(r-'a'+'A')), err
	case r == '\'' || r == '’' || r == '`' || r == '´' || r == '.':
		return out, err
	case unicode.IsSpace(r) || r == '-' || r == '‐' || r == '‑' || r == ',' || r == '/':
		if len(out) > 0 && out[len(out)-1] != '<' {
			out = append(out, '<')
		}
		return out, err
	}
	if s := p.letter(unicode.ToUpper(r)); s != "" {
		return append(out, s...), err
	}
	if err == nil && !unicode.Is(unicode.Mn, r) { // a mark that stands on no letter says nothing
		err = &Error{faultOf(r), pos}
	}
	return out, err
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
