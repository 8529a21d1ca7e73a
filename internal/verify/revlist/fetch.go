package revlist

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
)

const (
	maxRedirects = 3
	patience     = 2 * time.Minute // for the whole list, 64 MB at most
)

// Fetch gets the list at an address and keeps it in a file, as [Keep] does. A server that knows the
// list that is held need not send it again. Redirects are followed on the same host only, and never
// from https to http. The transport is that of the client; nil stands for the default one.
func Fetch(ctx context.Context, transport http.RoundTripper, from, path string, keys ...*ecdsa.PublicKey) (Outcome, error) {
	const op = "Fetch"
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return Outcome{}, fail(op, carnet.Invalid, CodeURL, err)
	}
	held, err := holding(path, keys)
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return Outcome{}, fail(op, carnet.Invalid, CodeURL, err)
	}
	if held.List != nil {
		req.Header.Set("If-None-Match", tag(held.Bytes))
	}
	client := &http.Client{Transport: transport, CheckRedirect: sameHost}
	answer, err := client.Do(req)
	switch {
	case errors.Is(err, errElsewhere):
		return Outcome{}, fail(op, carnet.Invalid, CodeRedirect, err)
	case err != nil:
		return Outcome{}, fail(op, carnet.Unavailable, CodeUnreachable, err)
	}
	defer answer.Body.Close() // only read
	switch {
	case answer.StatusCode == http.StatusNotModified && held.List != nil:
		return Outcome{Held: held, Before: held.List}, nil
	case answer.StatusCode != http.StatusOK:
		return Outcome{}, fail(op, carnet.Unavailable, CodeStatus, errors.New(answer.Status))
	case answer.ContentLength > revocation.MaxList:
		return Outcome{}, fail(op, carnet.Invalid, CodeLarge, fmt.Errorf("%d bytes", answer.ContentLength))
	}
	data, err := bounded(op, answer.Body)
	if err != nil {
		return Outcome{}, err
	}
	return Keep(path, data, keys...)
}

var errElsewhere = errors.New("redirected")

func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w more than %d times", errElsewhere, maxRedirects)
	case req.URL.Hostname() != first.Hostname():
		return fmt.Errorf("%w from %s to %s", errElsewhere, first.Hostname(), req.URL.Hostname())
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("%w from https to %s", errElsewhere, req.URL.Scheme)
	}
	return nil
}
