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
