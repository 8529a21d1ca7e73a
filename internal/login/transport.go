package login

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	maxBody        = 256 << 10 // bytes of any answer of a provider
	maxHeader      = 64 << 10
	maxCAFile      = 1 << 20
	requestTimeout = 10 * time.Second
)

// guarded is the only way out of this package: it calls listed hosts only, and stops reading a
// body that is too long instead of cutting it.
type guarded struct {
	next  http.RoundTripper
	hosts []string
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secure(r.URL) || !slices.Contains(g.hosts, r.URL.Host) {
		return nil, fmt.Errorf("host %q is not one of the provider's", r.URL.Host)
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, maxBody}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = errors.New("the answer is too long")

func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if n > b.left {
		return 0, errTooLong
	}
	b.left -= n
	return n, err
}

// newClient returns a client that follows no redirect: a provider that redirects a code or a
// token is refused. A nil transport is one of our own without cookies. When it fails it names the
// key of the profile that is at fault.
func newClient(p Profile, transport http.RoundTripper) (*http.Client, string, error) {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    requestTimeout,
			ResponseHeaderTimeout:  requestTimeout,
			MaxResponseHeaderBytes: maxHeader,
		}
	}
	if p.CertFile != "" || p.CAFile != "" {
		base, ok := transport.(*http.Transport)
		if !ok {
			return nil, "cert_file", errors.New("this transport cannot present a certificate")
		}
		base = base.Clone()
		if base.TLSClientConfig == nil {
			base.TLSClientConfig = &tls.Config{}
		}
		base.TLSClientConfig.MinVersion = tls.VersionTLS12
		if p.CertFile != "" {
			pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
			if err != nil {
				return nil, "cert_file", err
			}
			base.TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
		if p.CAFile != "" {
			text, err := readBounded(p.CAFile, maxCAFile)
			if err != nil {
				return nil, "ca_file", err
			}
			base.TLSClientConfig.RootCAs = x509.NewCertPool()
			if !base.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
				return nil, "ca_file", errors.New("no certificate in it")
			}
		}
		transport = base
	}
	return &http.Client{
		Transport:     guarded{transport, p.Hosts},
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, "", nil
}
