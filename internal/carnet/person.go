package carnet

import "carnet/nir"

// Sex as civil status records it.
type Sex string

const (
	Female Sex = "F"
	Male   Sex = "M"
)

// Identity is the set of traits that says who an insured person is (the "traits d'identité").
type Identity struct {
	NIR        nir.Number // zero for a person without number
	BirthName  Private    // nom de naissance, as civil status writes it
	UsedName   Private    // nom d'usage, when there is one
	GivenNames []Private  // in order
	Birth      BirthDate
	Sex        Sex
	BirthPlace string // INSEE code of the commune or country (COG), 5 characters
	Postcode   string // where the person lives, [NoFixedAddress], or empty when nobody asked; only for a record without number
}

// NoFixedAddress is the postcode of somebody who has no fixed address.
const NoFixedAddress = "SDF"

// Name is the name to call the person by: the used name, else the birth name.
func (i Identity) Name() Private {
	if !i.UsedName.IsZero() {
		return i.UsedName
	}
	return i.BirthName
}

// Given reveals the given names, separated by spaces, as a certificate prints them.
func (i Identity) Given() string {
	s := ""
	for n, g := range i.GivenNames {
		if n > 0 {
			s += " "
		}
		s += g.Reveal()
	}
	return s
}

// Person is an insured person of the register.
type Person struct {
	ID       ID
	Identity Identity
	Former   []Identity // what the register knew the person by before, oldest first: changed names, records that were joined
	Recall   Private    // code printed for somebody without number, nine letters
	Died     Date       // zero for somebody who is not known to be dead; only a professional is told
}
