package people

import "strings"

// sound brings a name to what a French ear keeps of it, so that "Foujère" and "Fougère", "Obépine" and
// "Aubépine", "Boulo" and "Bouleau" meet. It is a key for finding, never a proof: what it brings
// together is then compared letter by letter. Vowels a, e, i, o, u; nasal vowels 1 (an), 2 (in),
// 3 (on); S and Z are one, and so are the ways to write K.
func sound(name string) string {
	s := fold(name)
	for _, particle := range particles {
		s = strings.TrimPrefix(s, particle)
	}
	s = strings.ReplaceAll(s, " ", "")
	if len(s) > maxName { // a key needs no more; what is compared is the whole name
		s = s[:maxName]
	}
	var b []byte
	for i := 0; i < len(s); {
		out, n := phoneme(s, i)
		for _, c := range []byte(out) {
			if len(b) == 0 || b[len(b)-1] != c { // doubled letters are one
				b = append(b, c)
			}
		}
		i += n
	}
	for len(b) > 2 && strings.IndexByte("TDSPEX", b[len(b)-1]) >= 0 { // what ends a word is silent
		b = b[:len(b)-1]
	}
	return string(b)
}

// maxName bounds what is compared of a name, in bytes of its folded form.
const maxName = 80

// particles do not count at the beginning: people leave them out.
var particles = []string{"DE LA ", "DE L ", "DES ", "DU ", "DE ", "D ", "LE ", "LA ", "L "}

// phonemes are the groups of letters that are heard as one, longest first.
var phonemes = []struct{ letters, heard string }{
	{"EAUX", "o"}, {"OEU", "e"}, {"EAU", "o"}, {"AUX", "o"}, {"SCH", "C"}, {"ILL", "i"},
	{"AU", "o"}, {"OU", "u"}, {"OI", "ua"}, {"OY", "ua"}, {"OE", "e"}, {"EU", "e"}, {"AI", "e"}, {"AY", "e"}, {"EI", "e"}, {"EY", "e"},
	{"PH", "F"}, {"CH", "C"}, {"SH", "C"}, {"TH", "T"}, {"RH", "R"}, {"GH", "G"}, {"KH", "K"}, {"GN", "N"}, {"QU", "K"}, {"CK", "K"}, {"SC", "S"},
}

// nasals are vowels before N or M that no vowel follows.
var nasals = []struct{ letters, heard string }{
	{"AIN", "2"}, {"EIN", "2"}, {"AIM", "2"}, {"IEN", "i2"},
	{"AN", "1"}, {"AM", "1"}, {"EN", "1"}, {"EM", "1"}, {"IN", "2"}, {"IM", "2"}, {"YN", "2"}, {"YM", "2"}, {"UN", "2"}, {"UM", "2"}, {"ON", "3"}, {"OM", "3"},
}

// phoneme gives what is heard at a place, and how many letters it takes.
func phoneme(s string, i int) (string, int) {
	rest := s[i:]
	for _, p := range nasals {
		if strings.HasPrefix(rest, p.letters) && !(len(rest) > len(p.letters) && strings.IndexByte("AEIOUYNMH", rest[len(p.letters)]) >= 0) {
			return p.heard, len(p.letters)
		}
	}
	soft := func(n int) bool { return len(rest) > n && strings.IndexByte("EIY", rest[n]) >= 0 }
	for _, p := range phonemes {
		if !strings.HasPrefix(rest, p.letters) || p.letters == "SC" && !soft(2) {
			continue
		}
		return p.heard, len(p.letters)
	}
	switch c := rest[0]; c {
	case 'H':
		return "", 1
	case 'C':
		if soft(1) {
			return "S", 1
		}
		return "K", 1
	case 'G':
		switch {
		case strings.HasPrefix(rest, "GU") && soft(2):
			return "G", 2
		case strings.HasPrefix(rest, "GE") && len(rest) > 2 && strings.IndexByte("AOU", rest[2]) >= 0:
			return "J", 2
		case soft(1):
			return "J", 1
		}
		return "G", 1
	case 'Q':
		return "K", 1
	case 'W':
		return "V", 1
	case 'Z':
		return "S", 1
	case 'Y', 'I':
		return "i", 1
	case 'E':
		if rest == "E" || rest == "ES" || rest == "ENT" {
			return "", len(rest)
		}
		if rest == "ER" || rest == "EZ" || rest == "ET" {
			return "e", len(rest)
		}
		return "e", 1
	case 'A', 'O', 'U':
		return strings.ToLower(rest[:1]), 1
	case 'X':
		if len(rest) == 1 {
			return "", 1
		}
		return "KS", 1
	default:
		return rest[:1], 1
	}
}

// oneSlip reports that two folded names differ by one letter typed, left out or changed, or by two
// neighbours swapped. Names of three letters and less have no slip: too many would meet.
func oneSlip(a, b string) bool {
	if len(a) > maxName || len(b) > maxName || a == b {
		return false
	}
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) < 4 || len(y)-len(x) > 1 {
		return false
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	j := 0
	for j < len(x)-i && x[len(x)-1-j] == y[len(y)-1-j] {
		j++
	}
	switch left := len(x) - i - j; {
	case len(x) < len(y):
		return left == 0
	case left == 1:
		return true
	case left == 2:
		return x[i] == y[i+1] && x[i+1] == y[i]
	}
	return false
}
