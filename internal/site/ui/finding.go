package ui

// Finding says in words what package fraud found: a signal, its value and its limit.
func (t Text) Finding(signal string, value, limit int) string {
	return t.T("signal."+signal, "value", value, "limit", limit)
}

// Step names a step of the answer to findings.
func (t Text) Step(step string) string { return t.T("step." + step) }
