package verify

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"carnet/certlogic/rules"
	"carnet/hcert"
	"carnet/twoddoc/bundle"
)

// pack is a Checker as it travels to another device. Who sends it vouches for it: signatures of
// trust lists were verified before and are not in it, those of revocation lists and of bundles are
// verified again.
type pack struct {
	Made         time.Time  `json:"made"`
	Certificates [][]byte   `json:"certificates,omitempty"` // of 2D-Doc, DER
	Scheme       *Scheme    `json:"scheme,omitempty"`
	Keys         []packKey  `json:"keys,omitempty"` // of HC1
	Rules        *packRules `json:"rules,omitempty"`
	Revoked      []source   `json:"revoked,omitempty"`
	Bundles      []packed   `json:"bundles,omitempty"` // of 2D-Doc certificates
}

type packed struct {
	Key  []byte `json:"key"` // SubjectPublicKeyInfo of the key that sealed it
	File []byte `json:"file"`
}

type packKey struct {
	KID       []byte      `json:"kid"`
	Public    []byte      `json:"public"` // SubjectPublicKeyInfo
	NotBefore *time.Time  `json:"notBefore,omitempty"`
	NotAfter  *time.Time  `json:"notAfter,omitempty"`
	Usage     hcert.Usage `json:"usage,omitempty"`
	Country   string      `json:"country,omitempty"`
	Subject   string      `json:"subject,omitempty"`
}

type packRules struct {
	Country string          `json:"country"`
	Region  string          `json:"region,omitempty"`
	Date    *time.Time      `json:"date,omitempty"`
	Source  string          `json:"source,omitempty"`
	Rules   []*rules.Rule   `json:"rules"`
	Values  rules.ValueSets `json:"values,omitempty"`
}

// stamp is nil for the zero time, which JSON would write as a year 1.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func unstamp(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// Pack writes what the checker knows as one file (JSON), for a device that is to verify by itself.
// Made is when that was gathered. The same knowledge gives the same bytes.
func (k Checker) Pack(made time.Time) ([]byte, error) {
	p := pack{Made: made.UTC()}
	if t := k.Trust; t != nil {
		for _, of := range []map[string][]*x509.Certificate{t.authorities, t.participants} {
			for _, name := range slices.Sorted(maps.Keys(of)) {
				for _, c := range of[name] {
					p.Certificates = append(p.Certificates, c.Raw)
				}
			}
		}
		p.Scheme = t.scheme
		for _, b := range t.bundles {
			public, err := x509.MarshalPKIXPublicKey(b.key)
			if err != nil {
				return nil, fmt.Errorf("pack: %w", err)
			}
			p.Bundles = append(p.Bundles, packed{public, b.file})
		}
		for _, key := range t.signers.All() {
			public, err := x509.MarshalPKIXPublicKey(key.Public)
			if err != nil {
				continue // of a kind that verifies nothing
			}
			p.Keys = append(p.Keys, packKey{KID: key.KID, Public: public, NotBefore: stamp(key.NotBefore), NotAfter: stamp(key.NotAfter),
				Usage: key.Usage, Country: key.Country, Subject: key.Subject})
		}
	}
	if r := k.Rules; r != nil {
		p.Rules = &packRules{Country: r.Country, Region: r.Region, Date: stamp(r.set.Date), Source: r.set.Source, Rules: r.set.Rules, Values: r.values}
	}
	if k.Revoked != nil {
		p.Revoked = k.Revoked.sources
	}
	return json.Marshal(p)
}

// Unpack reads what Pack wrote, and when it was gathered. The instant decides which batches of
// revoked certificates have expired: those are left out.
func Unpack(data []byte, at time.Time) (Checker, time.Time, error) {
	var p pack
	if err := json.Unmarshal(data, &p); err != nil {
		return Checker{}, time.Time{}, fmt.Errorf("pack: %w", err)
	}
	k := Checker{Trust: &Trust{}}
	for i, der := range p.Certificates {
		c, err := x509.ParseCertificate(der)
		if err == nil {
			err = k.Trust.AddCertificate(c)
		}
		if err != nil {
			return Checker{}, time.Time{}, fmt.Errorf("pack: certificate %d: %w", i, err)
		}
	}
	if p.Scheme != nil {
		if err := k.Trust.AddScheme(*p.Scheme); err != nil {
			return Checker{}, time.Time{}, fmt.Errorf("pack: %w", err)
		}
	}
	for i, b := range p.Bundles {
		public, err := x509.ParsePKIXPublicKey(b.Key)
		key, ok := public.(*ecdsa.PublicKey)
		if err == nil && !ok {
			err = bundle.ErrKey
		}
		if err == nil {
			k.Trust.bundleKeys = append(k.Trust.bundleKeys, key)
			err = k.Trust.addBundle(b.File)
		}
		if err != nil {
			return Checker{}, time.Time{}, fmt.Errorf("pack: bundle %d: %w", i, err)
		}
	}
	for i, key := range p.Keys {
		public, err := x509.ParsePKIXPublicKey(key.Public)
		if err == nil {
			err = k.Trust.AddKeys(&hcert.Key{KID: key.KID, Public: public, NotBefore: unstamp(key.NotBefore), NotAfter: unstamp(key.NotAfter),
				Usage: key.Usage, Country: key.Country, Subject: key.Subject})
		}
		if err != nil {
			return Checker{}, time.Time{}, fmt.Errorf("pack: key %d: %w", i, err)
		}
	}
	if r := p.Rules; r != nil {
		k.Rules = &Rules{Country: r.Country, Region: r.Region, values: r.Values}
		set, err := json.Marshal(r.Rules)
		if err == nil {
			err = k.Rules.Add(set)
		}
		if err != nil {
			return Checker{}, time.Time{}, fmt.Errorf("pack: %w", err)
		}
		k.Rules.set.Date, k.Rules.set.Source = unstamp(r.Date), r.Source
	}
	if len(p.Revoked) > 0 {
		k.Revoked = &Revoked{}
		for _, s := range p.Revoked {
			if err := k.Revoked.Add(s.Name, s.Data, at); err != nil && !expired(err) {
				return Checker{}, time.Time{}, fmt.Errorf("pack: %s: %w", s.Name, err)
			}
		}
	}
	return k, p.Made, nil
}

// Facts is what a checker trusts and of when that is, for people to judge by.
type Facts struct {
	Made        time.Time     `json:"made"`        // when it was gathered
	TwoDDoc     int           `json:"twoDDoc"`     // certificates that may sign 2D-Doc
	Authorities []string      `json:"authorities"` // of 2D-Doc, that they belong to
	HCert       int           `json:"hcert"`       // keys that may sign HC1
	Countries   []string      `json:"countries"`   // of these keys, as far as known
	Scheme      *Scheme       `json:"scheme,omitempty"`
	Bundles     []BundleFacts `json:"bundles,omitempty"`
	Rules       *RuleFacts    `json:"rules,omitempty"`
	Lists       []ListFacts   `json:"lists,omitempty"`
}

// RuleFacts says what rules there are.
type RuleFacts struct {
	Country string     `json:"country"`
	Rules   int        `json:"rules"`
	Date    *time.Time `json:"date,omitempty"`
	Source  string     `json:"source,omitempty"`
}

// Facts tells what the checker trusts. Made is when that was gathered.
func (k Checker) Facts(made time.Time) Facts {
	f := Facts{Made: made.UTC(), Authorities: []string{}, Countries: []string{}}
	if t := k.Trust; t != nil {
		f.TwoDDoc, f.HCert = t.Size()
		for name, list := range t.participants {
			if authority := name[:4]; len(list) > 0 && !slices.Contains(f.Authorities, authority) {
				f.Authorities = append(f.Authorities, authority)
			}
		}
		for name := range t.bundled() {
			if authority := name[:4]; !slices.Contains(f.Authorities, authority) {
				f.Authorities = append(f.Authorities, authority)
			}
		}
		for _, b := range t.bundles {
			f.Bundles = append(f.Bundles, NewBundleFacts(b.Bundle))
		}
		for _, key := range t.signers.All() {
			if key.Country != "" && !slices.Contains(f.Countries, key.Country) {
				f.Countries = append(f.Countries, key.Country)
			}
		}
		slices.Sort(f.Authorities)
		slices.Sort(f.Countries)
		if t.scheme != nil {
			f.Scheme = &Scheme{Sequence: t.scheme.Sequence, Issued: t.scheme.Issued, NextUpdate: t.scheme.NextUpdate}
		}
	}
	if r := k.Rules; r != nil {
		f.Rules = &RuleFacts{Country: r.Country, Rules: len(r.set.Rules), Date: stamp(r.set.Date), Source: r.set.Source}
	}
	if k.Revoked != nil {
		f.Lists = k.Revoked.Facts()
	}
	return f
}
