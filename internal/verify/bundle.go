package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"carnet/twoddoc/bundle"
)

// sealed is a bundle with the file that it came in and the key that sealed it, so that another device can
// open it too.
type sealed struct {
	*bundle.Bundle
	key  *ecdsa.PublicKey
	file []byte
}

// errNoBundleKey reports a bundle that nobody who is trusted sealed.
var errNoBundleKey = errors.New("no key that was given sealed this bundle: put the operator's public key (PEM, " + bundle.KeyType + ") beside it")

// addBundle opens a bundle with one of the keys. Of each key the bundle that was gathered last counts.
func (t *Trust) addBundle(data []byte) error {
	for _, key := range t.bundleKeys {
		b, err := bundle.Open(data, key)
		if errors.Is(err, bundle.ErrSignature) {
			continue
		}
		if err != nil {
			return err
		}
		i := slices.IndexFunc(t.bundles, func(s sealed) bool { return s.key.Equal(key) })
		switch s := (sealed{b, key, bytes.Clone(data)}); {
		case i < 0:
			t.bundles = append(t.bundles, s)
		case t.bundles[i].Gathered.Before(b.Gathered):
			t.bundles[i] = s
		default:
			return nil
		}
		return t.addBundleList(b)
	}
	return errNoBundleKey
}

// addBundleList takes what a bundle says of the trust list that it was gathered by, unless a list that is
// as new was read already: that one is whole.
func (t *Trust) addBundleList(b *bundle.Bundle) error {
	if b.List.Sequence == 0 || t.scheme != nil && t.scheme.Sequence >= b.List.Sequence {
		return nil
	}
	s := Scheme{Sequence: b.List.Sequence, Issued: b.List.Issued, NextUpdate: b.List.NextUpdate}
	for _, a := range b.Authorities {
		if a.Listed {
			s.Authorities = append(s.Authorities, Authority{ID: a.ID, Usable: a.Usable(), Certificate: a.Raw})
		}
	}
	return t.AddScheme(s)
}

// candidate is a certificate that may have signed a 2D-Doc.
type candidate struct {
	cert    *x509.Certificate
	chained bool           // an authority that is believed issued it
	bundle  *bundle.Bundle // that holds it, nil when it was given by itself
}

// candidates finds the certificates of a name: those that were given by themselves, then those of the
// bundles. What a bundle has from the trust list holds for as long as the newest trust list says so.
func (t *Trust) candidates(authority, name string) []candidate {
	var out []candidate
	for _, c := range t.participants[authority+"/"+name] {
		out = append(out, candidate{cert: c, chained: t.chained(authority, c)})
	}
	for _, b := range t.bundles {
		certs, err := b.Certificates(authority, name)
		if err != nil {
			continue // it has none of the name, or one that its authority did not issue
		}
		for _, c := range certs {
			chained := !b.Listed(authority) || t.listed(authority, c)
			i := slices.IndexFunc(out, func(o candidate) bool { return o.cert.Equal(c) })
			if i < 0 {
				out = append(out, candidate{cert: c, chained: chained, bundle: b.Bundle})
				continue
			}
			out[i].chained = out[i].chained || chained
			if out[i].bundle == nil {
				out[i].bundle = b.Bundle
			}
		}
	}
	return out
}

// listed reports that the trust list vouches for the authority that issued a certificate.
func (t *Trust) listed(authority string, c *x509.Certificate) bool {
	return t.scheme != nil && slices.ContainsFunc(t.scheme.Authorities, func(a Authority) bool {
		return a.ID == authority && a.Usable && a.parsed != nil && c.CheckSignatureFrom(a.parsed) == nil
	})
}

// Standing is what is known of the revocation of the certificate that signed a 2D-Doc, and since when.
type Standing struct {
	Status   string `json:"status"`            // "good", "revoked" or "unknown"
	Since    string `json:"since,omitempty"`   // of the revocation, RFC 3339; "" when the list does not say
	Updated  string `json:"updated,omitempty"` // when the revocation list that says so was issued, RFC 3339; "" without one
	Gathered string `json:"gathered"`          // when the bundle that holds the list was gathered, RFC 3339
}

// revoked reports that a list names the certificate.
func (s *Standing) revoked() bool { return s != nil && s.Status == bundle.Ended.String() }

// standing asks every bundle: one list that names the certificate is enough, else the newest list that
// could have counts. The warnings are codes with a date: that nothing is known, or how old what is known
// is; who was revoked stays so, however old the list. There is no standing when no bundle knows anything
// of a certificate that was given by itself: nobody was asked.
func (t *Trust) standing(c candidate, at time.Time) (s *Standing, warnings [][2]string) {
	var best bundle.Standing
	by := c.bundle
	for _, b := range t.bundles {
		s := b.Revoked(c.cert)
		if s.Status > best.Status || s.Status == best.Status && s.Updated.After(best.Updated) {
			best, by = s, b.Bundle
		}
	}
	if by == nil {
		return nil, nil
	}
	s = &Standing{Status: best.Status.String(), Since: rfc3339(best.Since), Updated: rfc3339(best.Updated), Gathered: rfc3339(by.Gathered)}
	warn := func(code, date string) { warnings = append(warnings, [2]string{code, day(date)}) }
	expired := at.After(by.Gathered.Add(by.Lifetime))
	switch {
	case best.Status == bundle.Ended:
		return s, nil
	case best.Status == bundle.Unknown:
		warn("certificate.unchecked", s.Gathered)
	case at.After(best.Due) && !expired:
		warn("certificate.stale", s.Updated)
	}
	if expired {
		warn("bundle.stale", s.Gathered)
	}
	if by.Gathered.After(at.Add(bundle.UpdateWithin)) {
		warn("bundle.early", s.Gathered)
	}
	return s, warnings
}

// rfc3339 is empty for a time that is not known.
func rfc3339(t time.Time) string {
	if t.Year() <= 1 {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// day is the date of an instant in RFC 3339.
func day(s string) string { return s[:min(len(s), len(time.DateOnly))] }

// BundleFacts says what a bundle of 2D-Doc certificates holds, and how old it is.
type BundleFacts struct {
	Gathered     time.Time  `json:"gathered"`
	Until        time.Time  `json:"until"` // for how long its operator wants it to be used
	Authorities  []string   `json:"authorities"`
	Certificates int        `json:"certificates"`
	Lists        int        `json:"lists"`            // revocation lists of these certificates
	Revoked      int        `json:"revoked"`          // entries of these lists
	Oldest       *time.Time `json:"oldest,omitempty"` // when the oldest of these lists was issued
}

// NewBundleFacts tells about a bundle.
func NewBundleFacts(b *bundle.Bundle) BundleFacts {
	f := BundleFacts{Gathered: b.Gathered.UTC(), Until: b.Gathered.Add(b.Lifetime).UTC(), Authorities: []string{}, Lists: len(b.Lists)}
	for _, a := range b.Authorities {
		if a.Usable() && !slices.Contains(f.Authorities, a.ID) {
			f.Authorities = append(f.Authorities, a.ID)
		}
	}
	slices.Sort(f.Authorities)
	for _, p := range b.Participants {
		if b.Authorities[p.Authority].Usable() {
			f.Certificates++
		}
	}
	for _, l := range b.Lists {
		f.Revoked += len(l.Revoked)
		if f.Oldest == nil || l.ThisUpdate.Before(*f.Oldest) {
			f.Oldest = new(l.ThisUpdate.UTC())
		}
	}
	return f
}

// bundled lists the certificates of the bundles that were not given by themselves as well, by the names of
// authority and certificate.
func (t *Trust) bundled() map[string]int {
	seen, out := map[string]bool{}, map[string]int{}
	for _, list := range t.participants {
		for _, c := range list {
			seen[string(c.Raw)] = true
		}
	}
	for _, b := range t.bundles {
		for _, p := range b.Participants {
			a := b.Authorities[p.Authority]
			if raw := string(p.Raw); a.Usable() && !seen[raw] {
				seen[raw] = true
				out[a.ID+"/"+p.ID]++
			}
		}
	}
	return out
}
