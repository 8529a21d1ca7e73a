// Package store fetches what vouches for 2D-Doc codes: the trust list, the certificate stores of its
// authorities (RFC 4387 over HTTP), and the revocation lists of their certificates. It keeps the answers
// in a folder, and makes the offline bundle of package bundle from them.
//
//	cache, err := store.OpenCache("/var/cache/carnet/twoddoc")
//	c := store.Client{HTTP: http.DefaultClient, Now: time.Now, Cache: cache, Anchors: anchors}
//	list, fresh, err := c.TrustList(ctx, store.PublishedList)
//	certs, fresh, err := c.Certificates(ctx, list, "FR03")
//	for _, cert := range doc.Header.Choose(certs) { ... doc.Verify(cert) ... c.Revocation(ctx, list, cert) }
//
// # What is believed
//
// Nothing because of where it came from: most stores speak plain HTTP. The trust list is signed by a
// pinned certificate, and a list whose sequence number is lower than the one in the cache is refused; of
// a store, what the key of the authority verifies is kept; a revocation list is signed by the authority
// too, and is never replaced by an older one.
//
// # What is bounded
//
// An answer has a maximum size and a time limit, whatever it says of itself. Redirects are
// refused: the addresses are published, and who moves a store publishes the new one. Only addresses of
// http and https are asked; they come from the signed list and from verified certificates. Where the
// network must not be reached from, that is for the Transport of the client.
//
// # When the network fails
//
// An answer in the cache is used, however old, and the age is reported ([Freshness]) with the reason why
// there is no newer one. What to do with old facts is for the caller.
package store

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"carnet/twoddoc/tsl"
)

// PublishedList is the address of the French trust list.
const PublishedList = "https://pub.ants.gouv.fr/2D-DOC/V1/PRD/01_TSL/tsl_signed.xml"

// Ages above which an answer in the cache is asked for again.
const (
	ListAge        = 24 * time.Hour // the scheme asks for three months; a day costs nothing
	StoreAge       = 24 * time.Hour
	RevocationAge  = 12 * time.Hour // lists are updated within 24 hours
	defaultTimeout = 30 * time.Second
	maxAnswer      = 16 << 20
)

var (
	// ErrAddress: not an address of http or https.
	ErrAddress = errors.New("address is not of http or https")
	// ErrRedirect: the server sends elsewhere.
	ErrRedirect = errors.New("redirect is refused")
	// ErrStatus: the server did not answer 200.
	ErrStatus = errors.New("unexpected status")
	// ErrSize: the answer is larger than allowed.
	ErrSize = errors.New("answer is too large")
	// ErrFormat: the answer is not what it should be.
	ErrFormat = errors.New("malformed answer")
	// ErrRollback: the answer is older than one that was seen.
	ErrRollback = errors.New("answer is older than the one before")
	// ErrIssuer: no usable authority issued it.
	ErrIssuer = errors.New("no usable authority issued it")
	// ErrAuthority: the trust list has no usable authority of the name.
	ErrAuthority = errors.New("authority is not in the trust list")
	// ErrNoList: the certificate names no revocation list that can be fetched.
	ErrNoList = errors.New("certificate names no revocation list")
)

// Client fetches. HTTP, Now and Cache are required. Several goroutines may use one.
type Client struct {
	HTTP    *http.Client // its Transport and Timeout are used; redirects are refused in any case
	Now     func() time.Time
	Cache   *Cache
	Anchors []tsl.Anchor  // signers of the trust list
	Timeout time.Duration // for one answer, body included; 0 is 30 s
	// Progress is called by Gather after each authority, if it is there.
	Progress func(Progress)
}

// Freshness tells how old an answer is.
type Freshness struct {
	Fetched time.Time
	Failed  error // why it is not newer, if it should be
}

// get asks for one answer.
func (c *Client) get(ctx context.Context, address string, limit int) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("store: %s: %w", address, err) }
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fail(ErrAddress)
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fail(err)
	}
	client := *c.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	res, err := client.Do(req)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fail(ErrRedirect)
	case res.StatusCode != http.StatusOK:
		return fail(fmt.Errorf("%w %d", ErrStatus, res.StatusCode))
	case res.ContentLength > int64(limit):
		return fail(fmt.Errorf("%w: %d bytes", ErrSize, res.ContentLength))
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return fail(err)
	}
	if len(b) > limit {
		return fail(fmt.Errorf("%w: more than %d bytes", ErrSize, limit))
	}
	return b, nil
}

// answer gives what parse makes of the answer in the cache while it is young, else of a new one, which
// it keeps; else of the old one. newer compares a new answer with the one before.
func answer[T any](ctx context.Context, c *Client, address string, age time.Duration, limit int,
	parse func([]byte) (T, error), newer func(old, new T) error) (T, Freshness, error) {
	var old, none T
	now := c.Now()
	cached, at, err := c.Cache.get(address)
	known := err == nil
	if err != nil && !missing(err) {
		return none, Freshness{}, err
	}
	if known {
		old, err = parse(cached)
		known = err == nil // or the trust changed since
	}
	if known && now.Sub(at) < age && !at.After(now) {
		return old, Freshness{Fetched: at}, nil
	}
	failed := func(err error) (T, Freshness, error) {
		if known {
			return old, Freshness{at, err}, nil
		}
		return none, Freshness{Failed: err}, err
	}
	b, err := c.get(ctx, address, limit)
	if err != nil {
		return failed(err)
	}
	fresh, err := parse(b)
	if err != nil {
		return failed(fmt.Errorf("store: %s: %w", address, err))
	}
	if known {
		if err := newer(old, fresh); err != nil {
			return failed(fmt.Errorf("store: %s: %w", address, err))
		}
	}
	if err := c.Cache.put(address, b, now); err != nil {
		return none, Freshness{}, err
	}
	return fresh, Freshness{Fetched: now}, nil
}

// TrustList fetches and verifies the trust list. A list with a lower sequence number than the cached
// one, or with the same one and an earlier date, is refused with ErrRollback: the cached one is
// returned, and ErrRollback is in Freshness.
func (c *Client) TrustList(ctx context.Context, address string) (*tsl.List, Freshness, error) {
	return answer(ctx, c, address, ListAge, tsl.MaxSize, func(b []byte) (*tsl.List, error) {
		return tsl.Parse(strings.NewReader(string(b)), c.Anchors)
	}, func(old, fresh *tsl.List) error {
		if fresh.Sequence < old.Sequence || fresh.Sequence == old.Sequence && fresh.Issued.Before(old.Issued) {
			return fmt.Errorf("%w: sequence %d of %s after %d of %s", ErrRollback, fresh.Sequence,
				fresh.Issued.Format(time.DateOnly), old.Sequence, old.Issued.Format(time.DateOnly))
		}
		return nil
	})
}

// Certificates fetches the certificates that the authority issued, from the store that the list names.
// An answer without any does not replace one that has some.
func (c *Client) Certificates(ctx context.Context, l *tsl.List, authority string) ([]*x509.Certificate, Freshness, error) {
	authorities := l.Authority(authority)
	if len(authorities) == 0 {
		return nil, Freshness{}, fmt.Errorf("store: %s: %w", authority, ErrAuthority)
	}
	var all []*x509.Certificate
	var fresh Freshness
	var asked []string
	for i, a := range authorities { // an authority that renewed its key may have one store or two
		if slices.Contains(asked, a.Store) {
			continue
		}
		asked = append(asked, a.Store)
		certs, f, err := answer(ctx, c, a.Store, StoreAge, maxAnswer, func(b []byte) ([]*x509.Certificate, error) {
			certs, err := ParseCertificates(b)
			if err != nil {
				return nil, err
			}
			if certs = Issued(certs, authorities...); len(certs) == 0 {
				return nil, ErrIssuer
			}
			return certs, nil
		}, func(_, _ []*x509.Certificate) error { return nil })
		if err != nil {
			return nil, f, err
		}
		if i == 0 || f.Fetched.Before(fresh.Fetched) {
			fresh.Fetched = f.Fetched
		}
		fresh.Failed = errors.Join(fresh.Failed, f.Failed)
		all = append(all, certs...)
	}
	return Issued(all, authorities...), fresh, nil
}

// Revocation is what a revocation list says of a certificate.
type Revocation struct {
	Revoked bool
	Since   time.Time
	List    *x509.RevocationList
	URL     string
	Fresh   Freshness
}

// Stale reports that the list was not updated within 24 hours, or that its own next update has passed:
// what it does not say may be wrong.
func (r Revocation) Stale(at time.Time) bool {
	return at.Sub(r.List.ThisUpdate) > 24*time.Hour || !r.List.NextUpdate.IsZero() && at.After(r.List.NextUpdate)
}

// Revocation asks the distribution points that the certificate names, until one answers with a list of
// the authority that issued it. An error means that nothing is known, not that all is well.
func (c *Client) Revocation(ctx context.Context, l *tsl.List, cert *x509.Certificate) (Revocation, error) {
	issuer := issuerOf(l.Authorities, cert)
	if issuer == nil {
		return Revocation{}, fmt.Errorf("store: certificate %s: %w", cert.Subject.CommonName, ErrIssuer)
	}
	err := fmt.Errorf("store: certificate %s: %w", cert.Subject.CommonName, ErrNoList)
	for i, address := range points(cert) {
		list, fresh, failed := c.revocationList(ctx, address, issuer)
		if failed != nil {
			if i == 0 {
				err = failed
			} else {
				err = errors.Join(err, failed)
			}
			continue
		}
		r := Revocation{List: list, URL: address, Fresh: fresh}
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				r.Revoked, r.Since = true, e.RevocationTime
			}
		}
		return r, nil
	}
	return Revocation{}, err
}

func issuerOf(authorities []tsl.Authority, cert *x509.Certificate) *x509.Certificate {
	for _, a := range authorities {
		if a.Usable() && cert.CheckSignatureFrom(a.Certificate) == nil {
			return a.Certificate
		}
	}
	return nil
}

// points are the addresses that can be asked; four at most.
func points(cert *x509.Certificate) []string {
	var list []string
	for _, p := range cert.CRLDistributionPoints {
		if (strings.HasPrefix(p, "http://") || strings.HasPrefix(p, "https://")) && len(list) < 4 {
			list = append(list, p)
		}
	}
	return list
}

func (c *Client) revocationList(ctx context.Context, address string, issuer *x509.Certificate) (*x509.RevocationList, Freshness, error) {
	return answer(ctx, c, address, RevocationAge, maxAnswer, func(b []byte) (*x509.RevocationList, error) {
		return parseRevocationList(b, issuer, c.Now())
	}, func(old, fresh *x509.RevocationList) error {
		if fresh.ThisUpdate.Before(old.ThisUpdate) || number(fresh).Cmp(number(old)) < 0 {
			return fmt.Errorf("%w: number %v of %s after %v of %s", ErrRollback, fresh.Number, fresh.ThisUpdate.Format(time.RFC3339),
				old.Number, old.ThisUpdate.Format(time.RFC3339))
		}
		return nil
	})
}

func number(l *x509.RevocationList) *big.Int {
	if l.Number == nil {
		return new(big.Int)
	}
	return l.Number
}

var extensionNumber = asn1.ObjectIdentifier{2, 5, 29, 20}

// parseRevocationList accepts a whole list of the issuer: no critical extension, such as those of partial
// and indirect lists, whose meaning is not known here.
func parseRevocationList(b []byte, issuer *x509.Certificate, now time.Time) (*x509.RevocationList, error) {
	l, err := x509.ParseRevocationList(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := l.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIssuer, err)
	}
	if string(l.RawIssuer) != string(issuer.RawSubject) {
		return nil, fmt.Errorf("%w: the names differ", ErrIssuer)
	}
	for _, e := range l.Extensions {
		if e.Critical && !e.Id.Equal(extensionNumber) {
			return nil, fmt.Errorf("%w: critical extension %v", ErrFormat, e.Id)
		}
	}
	for _, r := range l.RevokedCertificateEntries {
		for _, e := range r.Extensions {
			if e.Critical {
				return nil, fmt.Errorf("%w: critical extension %v of an entry", ErrFormat, e.Id)
			}
		}
	}
	if l.ThisUpdate.After(now.Add(24 * time.Hour)) {
		return nil, fmt.Errorf("%w: it is of the future, %s", ErrFormat, l.ThisUpdate.Format(time.RFC3339))
	}
	return l, nil
}
