package dcc

import "math"

// SoundLength is a number of bytes under which no text is too long in any version that is written.
const SoundLength = 80

// Sound reports that whoever reads these members in version 1.3 finds nothing to say of them, the
// issuer's name left aside: each is a plain text as the schema and the value sets want it. It is a quick
// look for those who write certificates; of what it does not vouch for, only the reader knows whether
// it is right.
func (v *Vaccination) Sound(sets *ValueSets) bool {
	return isPlain(v.ID) && CheckUVCI(v.ID) == CheckRight && min(v.Dose, v.Doses) > 0 && max(v.Dose, v.Doses) <= math.MaxInt32 && isDate(v.Date) && isCountry(v.Country) &&
		sets.stands(Country, v.Country) && sets.stands(Holder, v.Holder) && sets.stands(Product, v.Product) &&
		sets.stands(Disease, v.Disease) && sets.stands(VaccineType, v.Vaccine)
}

// SoundBirth says the same of a date of birth.
func SoundBirth(s string) bool { return isAnyBirth(s) }

// stands reports a code that may be written today.
func (s *ValueSets) stands(set Set, code string) bool {
	if !isPlain(code) {
		return false
	}
	e := s.lookup(set, code)
	return e != nil && !e.Deprecated
}

// isPlain reports a text of limited length that nobody trims or composes: printable ASCII, with no space around it.
func isPlain(s string) bool {
	if s == "" || len(s) > SoundLength || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
