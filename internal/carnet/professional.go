package carnet

import "strings"

// Profession codes of the national directory of professionals (NOS table TRE_G15).
const (
	Physician  = "10"
	Pharmacist = "21"
	Midwife    = "50"
	Nurse      = "60"
)

// Professional is someone who records or injects. ID is derived from the national number by keyed
// hash: the number itself never leaves the directory.
type Professional struct {
	ID         ID
	Number     Private // national identifier: "8" and the 11 digits of the RPPS
	FamilyName Private
	GivenName  Private
	Profession string
	Vaccinator bool // may be named as the one who injects
	Places     []Place
	Heads      []string // ids of the places that they head: they answer for what was entered there
}

// Place is where an act happens: an establishment with its FINESS number, or a practice.
type Place struct {
	ID      string // FINESS of the site
	Name    string
	Commune string
	Country string // ISO 3166 alpha-2
}

// ParseRPPS accepts the 11 digits of an RPPS, or 12 with the leading 8 of the national identifier,
// checks the Luhn key of the 11, and returns the 12-digit national identifier.
func ParseRPPS(s string) (Private, error) {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) == 12 && s[0] == '8' {
		s = s[1:]
	}
	if len(s) != 11 || !digits(s) {
		return Private{}, E("carnet.ParseRPPS", Invalid, "rpps.malformed", nil)
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	if sum%10 != 0 {
		return Private{}, E("carnet.ParseRPPS", Invalid, "rpps.key", nil)
	}
	return Hide("8" + s), nil
}
