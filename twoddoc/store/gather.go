package store

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"carnet/twoddoc/bundle"
	"carnet/twoddoc/tsl"
)

// Own is an authority of the operator, which is in no trust list.
type Own struct {
	Authority    tsl.Authority // ID, Operator, Certificate; Store may be empty
	Participants []*x509.Certificate
}

// Problem is one thing that could not be gathered: the bundle is made without it.
type Problem struct {
	Subject string // authority, or address
	Err     error
}

// Progress is how far a gathering is, after one more authority.
type Progress struct {
	Authority    string
	Done, Total  int // authorities
	Certificates int // that signed or may sign, of this one
	Lists        int // revocation lists, of this one
}

// Gather makes a bundle of everything that the trust list leads to, and of what the operator adds. It
// fails only without a trust list; what else is missing is told. lifetime is how long the bundle is good.
// The caller looks at the problems, then seals.
func (c *Client) Gather(ctx context.Context, address string, lifetime time.Duration, own ...Own) (*bundle.Bundle, []Problem, error) {
	list, fresh, err := c.TrustList(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	file, _, err := c.Cache.get(address)
	if err != nil {
		return nil, nil, err
	}
	return c.gather(ctx, list, file, fresh.Failed, lifetime, own)
}

// GatherFile is Gather with a trust list that the caller has as a file. The anchors must have signed it;
// whether it is the newest is for the caller to know.
func (c *Client) GatherFile(ctx context.Context, file []byte, lifetime time.Duration, own ...Own) (*bundle.Bundle, []Problem, error) {
	list, err := tsl.Parse(bytes.NewReader(file), c.Anchors)
	if err != nil {
		return nil, nil, err
	}
	return c.gather(ctx, list, file, nil, lifetime, own)
}

func (c *Client) gather(ctx context.Context, list *tsl.List, file []byte, failed error, lifetime time.Duration, own []Own) (*bundle.Bundle, []Problem, error) {
	g := gathering{c: c, list: list, b: &bundle.Bundle{
		Gathered: c.Now().UTC().Truncate(time.Second), Lifetime: lifetime,
		List: bundle.List{
			Sequence: list.Sequence, Issued: list.Issued.UTC(), NextUpdate: list.NextUpdate.UTC(),
			Digest: sha256.Sum256(file), Signer: sha256.Sum256(list.Signer.Raw),
		},
	}}
	g.problem("trust list", failed)
	g.total = len(own)
	for _, a := range list.Authorities {
		if a.Usable() {
			g.total++
		}
	}
	stores := map[string][]*x509.Certificate{}
	for _, a := range list.Authorities {
		if !a.Usable() {
			continue
		}
		certs, known := stores[a.ID]
		if !known {
			var fresh Freshness
			var err error
			certs, fresh, err = c.Certificates(ctx, list, a.ID)
			if err == nil {
				err = fresh.Failed
			}
			g.problem(a.ID, err)
			stores[a.ID] = certs
		}
		g.authority(ctx, a, true, Issued(certs, a))
	}
	for _, o := range own {
		a := o.Authority
		a.Status = "inaccord"
		if len(list.Authority(a.ID)) > 0 {
			g.problem(a.ID, fmt.Errorf("store: an own authority has the name of one of the trust list"))
			g.total--
			continue
		}
		issued := Issued(o.Participants, a)
		if n := len(o.Participants) - len(issued); n > 0 {
			g.problem(a.ID, fmt.Errorf("store: %d certificates: %w", n, ErrIssuer))
		}
		g.authority(ctx, a, false, issued)
	}
	return g.b, g.problems, ctx.Err()
}

type gathering struct {
	c        *Client
	list     *tsl.List
	b        *bundle.Bundle
	problems []Problem
	done     int // authorities
	total    int
}

func (g *gathering) problem(subject string, err error) {
	if err != nil {
		g.problems = append(g.problems, Problem{subject, err})
	}
}

// authority adds an authority, its participants, and the revocation lists that they name.
func (g *gathering) authority(ctx context.Context, a tsl.Authority, listed bool, certs []*x509.Certificate) {
	index := len(g.b.Authorities)
	g.b.Authorities = append(g.b.Authorities, bundle.Authority{ID: a.ID, Operator: a.Operator, Status: a.Status, Listed: listed, Raw: a.Certificate.Raw})
	participants, lists := len(g.b.Participants), len(g.b.Lists)
	var asked []string
	for _, cert := range certs {
		if _, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || len(cert.Subject.CommonName) < 4 || len(cert.Subject.CommonName) > 5 {
			continue // it signs no 2D-Doc
		}
		g.b.Participants = append(g.b.Participants, bundle.Participant{
			Authority: index, ID: cert.Subject.CommonName, NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), Raw: cert.Raw,
		})
		for _, address := range points(cert) {
			if slices.Contains(asked, address) {
				continue
			}
			asked = append(asked, address)
			l, fresh, err := g.c.revocationList(ctx, address, a.Certificate)
			if err != nil {
				g.problem(address, err)
				continue
			}
			g.problem(address, fresh.Failed)
			g.b.Lists = append(g.b.Lists, revocationFacts(index, address, l))
		}
	}
	g.done++
	if g.c.Progress != nil {
		g.c.Progress(Progress{a.ID, g.done, g.total, len(g.b.Participants) - participants, len(g.b.Lists) - lists})
	}
}

func revocationFacts(authority int, address string, l *x509.RevocationList) bundle.RevocationList {
	r := bundle.RevocationList{Authority: authority, URL: address, Number: number(l), ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC()}
	for _, e := range l.RevokedCertificateEntries {
		r.Revoked = append(r.Revoked, bundle.Revoked{Serial: e.SerialNumber, Since: e.RevocationTime.UTC()})
	}
	return r
}
