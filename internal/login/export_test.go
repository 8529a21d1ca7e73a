package login

// Unwrap opens an encrypted token; its tests are outside the package.
func Unwrap(p *Provider, raw string) (string, error) { return p.unwrap(raw, true) }
