package login

import (
	"net/url"
	"slices"
)

// Origins lists where the forms of a login may lead: the origins of the two addresses of the
// profile, and its other hosts over https. A content security policy names them, and it is
// needed before the provider has answered.
func (p Profile) Origins() []string {
	var list []string
	add := func(s string) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, s := range []string{p.Issuer, p.DiscoveryURL} {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			add(u.Scheme + "://" + u.Host)
		}
	}
	for _, h := range p.Hosts {
		if !slices.ContainsFunc(list, func(o string) bool { u, err := url.Parse(o); return err == nil && u.Host == h }) {
			add("https://" + h)
		}
	}
	return list
}
