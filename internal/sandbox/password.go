package sandbox

// Password is what everyone in the sandbox types; the login pages show it too.
func (w World) Password() string { return w.password }
