package sandbox

// CodeOf is the code with which a federator refuses a persona, or "".
func CodeOf(p Insured) string { return p.code }

// CivilName is the birth name that civil status gives.
func CivilName(p Insured) string {
	civil := p.traits()
	override(civil, p.civil)
	name, _ := civil["family_name"].(string)
	return name
}

// Codes lists the codes of a federator.
func Codes() []string {
	codes := []string{"Y030007", "Y04EA6EF", "Y04C013C", "Y04A8220", "Y040001"}
	for _, c := range federationFaults {
		codes = append(codes, c.code)
	}
	return codes
}
