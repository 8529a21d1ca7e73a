package gs1

import (
	"strings"
	"unicode"
)

// prefixes are the symbology identifiers of ISO/IEC 15424 that may come first: GS1 DataMatrix,
// GS1-128, GS1 DataBar, GS1 QR.
var prefixes = []string{"]d2", "]C1", "]e0", "]Q3"}

// words are how software writes the separator for people to read.
var words = strings.NewReplacer("<GS>", "\x1d", "{GS}", "\x1d", "[GS]", "\x1d", "^]", "\x1d", `\x1d`, "\x1d", `\x1D`, "\x1d", "␝", "\x1d")

// clean undoes what lies between a code and what a scanner typed. What is left has one separator
// for each FNC1, no parentheses, no prefix.
func clean(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0xFEFF })
	if french(s) {
		s = undo(s)
	}
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			s = rest
			break
		}
	}
	s = words.Replace(s)
	if strings.HasPrefix(s, "(") {
		s = spoken(s)
	}
	// Whatever no value may hold has taken the place of a separator.
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && inSet82(byte(r)) {
			b.WriteRune(r)
		} else {
			b.WriteByte(separator)
		}
	}
	return strings.Trim(b.String(), string(separator))
}

// spoken turns "(01)…(10)…", as printed under a code, into separators.
func spoken(s string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexByte(s, ')')
		if s[0] != '(' || end < 3 || end > 5 || strings.Trim(s[1:end], "0123456789") != "" {
			b.WriteString(s) // a parenthesis of a value
			break
		}
		b.WriteString(s[1:end])
		s = s[end+1:]
		next := len(s)
		for i := range len(s) {
			if end := strings.IndexByte(s[i:], ')'); s[i] == '(' && end >= 3 && end <= 5 && strings.Trim(s[i+1:i+end], "0123456789") == "" {
				next = i
				break
			}
		}
		b.WriteString(s[:next])
		b.WriteByte(separator)
		s = s[next:]
	}
	return b.String()
}

// azerty is what a French keyboard shows for the keys that type these characters on a US one.
var azerty = map[rune]rune{
	'&': '1', 'é': '2', '"': '3', '\'': '4', '(': '5', '-': '6', 'è': '7', '_': '8', 'ç': '9', 'à': '0',
	'q': 'a', 'a': 'q', 'z': 'w', 'w': 'z', 'Q': 'A', 'A': 'Q', 'Z': 'W', 'W': 'Z',
	',': 'm', '?': 'M', ';': ',', '.': '<', ':': '.', '/': '>', '!': '/', '§': '?', 'm': ';', 'M': ':',
	')': '-', '°': '_', 'ù': '\'', '%': '"', '$': ']',
	'1': '!', '5': '%', '7': '&', '9': '(', '0': ')', '8': '*',
}

// french reports that a scan was typed with the keys of another keyboard: it begins with an
// identifier, or with a prefix, in the characters that stand where the digits should be.
func french(s string) bool {
	for _, prefix := range []string{"$dé", "$C&", "$eà", "$A\""} { // those of prefixes, on the other keyboard
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			s = rest
			break
		}
	}
	n := 0
	for _, r := range s {
		if !strings.ContainsRune(`&é"'(-è_çà`, r) {
			break
		}
		if n++; n == 2 {
			return true
		}
	}
	return false
}

func undo(s string) string {
	return strings.Map(func(r rune) rune {
		if intended, ok := azerty[r]; ok {
			return intended
		}
		return r
	}, s)
}
