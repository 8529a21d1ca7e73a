package store_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/twoddoc"
	"carnet/twoddoc/bundle"
	"carnet/twoddoc/store"
	"carnet/twoddoc/tsl"
	"carnet/twoddoc/tsl/tsltest"
)

// issuer is an authority, or a participant. All of them are fictitious.
type issuer struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var serial int64

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// issue makes a certificate; of a nil issuer, an authority that signs itself.
func issue(t testing.TB, by *issuer, cn, from, to string, crl ...string) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: date(from), NotAfter: date(to), CRLDistributionPoints: crl,
		Subject:  pkix.Name{Country: []string{"FR"}, Organization: []string{"HERBIER"}, OrganizationalUnit: []string{"0002 123456789"}, CommonName: cn},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
	}
	parent, signer := c, key
	if by == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	} else {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{key, cert}
}

func (i issuer) crl(t testing.TB, number int64, at time.Time, revoked ...*x509.Certificate) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.Add(7 * 24 * time.Hour)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at})
	}
	b, err := x509.CreateRevocationList(rand.Reader, l, i.cert, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parts writes the answer of a store as the published ones do.
func parts(header, eol, end string, certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		b.WriteString(header + ": application/pkix-cert" + eol + eol)
		b.Write(c.Raw)
		b.WriteString(eol + end + eol)
	}
	return b.Bytes()
}

// operator signs trust lists.
type operator struct{ *tsltest.Operator }

var newOperator = sync.OnceValue(func() operator {
	o, err := tsltest.New(rand.Reader)
	if err != nil {
		panic(err)
	}
	return operator{o}
})

type listed struct {
	id, store, status string
	cert              *x509.Certificate
}

func (o operator) list(t testing.TB, sequence int, issued string, authorities ...listed) []byte {
	t.Helper()
	var all []tsltest.Authority
	for _, a := range authorities {
		all = append(all, tsltest.Authority{ID: a.id, Store: a.store, Status: a.status, Certificate: a.cert})
	}
	b, err := o.List(sequence, date(issued).Add(8*time.Hour), date("2027-11-01"), all...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// site imitates the published servers: paths and what they answer.
type site struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]byte
	asked   map[string]int
}

func newSite(t testing.TB) *site {
	s := &site{answers: map[string][]byte{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		b, ok := s.answers[r.URL.Path]
		s.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) set(path string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == nil {
		delete(s.answers, path)
	} else {
		s.answers[path] = b
	}
}

func (s *site) times(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClient(t testing.TB, c *clock) *store.Client { return clientIn(t, t.TempDir(), c) }

func clientIn(t testing.TB, dir string, c *clock) *store.Client {
	cache, err := store.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &store.Client{HTTP: http.DefaultClient, Now: c.now, Cache: cache, Anchors: []tsl.Anchor{newOperator().Anchor()}}
}

func TestParseCertificates(t *testing.T) {
	ca := issue(t, nil, "FR00", "2020-01-01", "2040-01-01")
	a, b, c := issue(t, &ca, "CN01", "2021-01-01", "2024-01-01").cert, issue(t, &ca, "CN02", "2021-01-01", "2024-01-01").cert, issue(t, &ca, "CN03", "2021-01-01", "2024-01-01").cert
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	for _, x := range []struct {
		name   string
		answer []byte
		want   int
	}{
		{"Content-Type", parts("Content-Type", "\r\n", "--End", a, b, c), 3},
		{"Content-type", parts("Content-type", "\r\n", "--End", a, b, c), 3},
		{"line feeds", parts("Content-Type", "\n", "--End", a, b, c), 3},
		{"boundary with more", parts("CONTENT-TYPE", "\r\n", "--EndOfCertificate--", a, b, c), 3},
		{"boundary first", join([]byte("--End\r\n"), parts("Content-Type", "\r\n", "--End", a, b)), 2},
		{"more header lines", bytes.ReplaceAll(parts("Content-Type", "\r\n", "--End", a, b), []byte("pkix-cert\r\n"), []byte("pkix-cert; x=y\r\nContent-Length: 1\r\n")), 2},
		{"no line before the boundary", bytes.ReplaceAll(parts("Content-Type", "\r\n", "--End", a, b), []byte("\r\n--End"), []byte("--End")), 2},
		{"last boundary missing", bytes.TrimSuffix(parts("Content-Type", "\r\n", "--End", a, b), []byte("\r\n--End\r\n")), 2},
		{"one certificate alone", a.Raw, 1},
		{"certificates one after the other", join(a.Raw, b.Raw, c.Raw), 3},
		{"other type", bytes.ReplaceAll(parts("Content-Type", "\r\n", "--End", a, b), []byte("pkix-cert"), []byte("octet-stream")), 2},
		{"in something else", join([]byte("<html>0\x82"), a.Raw, []byte("\x30\x82\xff\xff"), b.Raw, []byte("</html>")), 2},
		{"one of them damaged", bytes.Replace(parts("Content-Type", "\r\n", "--End", a, b, c), b.RawTBSCertificate[8:20], make([]byte, 12), 1), 2},
		{"cut", parts("Content-Type", "\r\n", "--End", a, b)[:len(a.Raw)+200], 1},
		{"empty", nil, 0},
		{"no certificate", []byte("<html>The store has moved</html>"), 0},
		{"header alone", []byte("Content-Type: application/pkix-cert\r\n\r\n"), 0},
		{"looks like many", bytes.Repeat([]byte{0x30, 0x82, 0x01, 0x01, 0x30, 0x82, 0x01, 0x00}, 60_000), 0},
		{"long line", bytes.Repeat([]byte("A"), 1<<16), 0},
	} {
		got, err := store.ParseCertificates(x.answer)
		if len(got) != x.want || (err == nil) != (x.want > 0) || err != nil && !errors.Is(err, store.ErrFormat) {
			t.Errorf("%s: %d certificates, %v, want %d", x.name, len(got), err, x.want)
		}
	}
	other := issue(t, nil, "FR00", "2020-01-01", "2040-01-01")
	mine := tsl.Authority{ID: "FR00", Certificate: ca.cert, Status: "inaccord"}
	certs := []*x509.Certificate{a, a, ca.cert, issue(t, &other, "CN01", "2021-01-01", "2024-01-01").cert, b}
	if got := store.Issued(certs, mine); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("%d certificates are kept, want 2", len(got))
	}
	mine.Status = "revoked"
	if got := store.Issued(certs, mine); len(got) != 0 {
		t.Errorf("a revoked authority vouches for %d", len(got))
	}
}

func FuzzParseCertificates(f *testing.F) {
	ca := issue(f, nil, "FR00", "2020-01-01", "2040-01-01")
	a := issue(f, &ca, "CN01", "2021-01-01", "2024-01-01").cert
	f.Add(parts("Content-Type", "\r\n", "--End", a, a))
	f.Add(parts("Content-type", "\n", "--End", a))
	f.Add(a.Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		certs, err := store.ParseCertificates(b)
		if (err == nil) != (len(certs) > 0) {
			t.Fatal(err)
		}
		for _, c := range certs {
			if !bytes.Contains(b, c.Raw) {
				t.Fatal("a certificate that is not in the answer")
			}
		}
	})
}

// TestGenerations: one name, several certificates; each code finds its own.
func TestGenerations(t *testing.T) {
	ctx := context.Background()
	s, k := newSite(t), &clock{date("2026-11-20")}
	c := newClient(t, k)
	ca := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	old, middle, last := issue(t, &ca, "AV01", "2018-04-22", "2021-04-21"), issue(t, &ca, "AV01", "2021-04-01", "2024-04-01"), issue(t, &ca, "AV01", "2024-03-01", "2027-03-01")
	s.set("/list", newOperator().list(t, 7, "2026-11-01", listed{"FR03", s.URL + "/store", "inaccord", ca.cert}))
	s.set("/store", parts("Content-type", "\r\n", "--End", old.cert, last.cert, middle.cert, issue(t, &ca, "AV02", "2018-01-01", "2030-01-01").cert))
	l, _, err := c.TrustList(ctx, s.URL+"/list")
	if err != nil {
		t.Fatal(err)
	}
	certs, _, err := c.Certificates(ctx, l, "FR03")
	if err != nil || len(certs) != 4 {
		t.Fatalf("%d certificates, %v", len(certs), err)
	}
	for _, x := range []struct {
		day  string
		want []*x509.Certificate
	}{
		{"2018-04-21", nil}, {"2018-04-22", []*x509.Certificate{old.cert}}, {"2021-04-10", []*x509.Certificate{middle.cert, old.cert}},
		{"2023-01-01", []*x509.Certificate{middle.cert}}, {"2024-03-15", []*x509.Certificate{last.cert, middle.cert}}, {"2027-03-01", []*x509.Certificate{last.cert}},
		{"2027-03-02", nil},
	} {
		h := twoddoc.Header{Authority: "FR03", Certificate: "AV01", Signed: twoddoc.DayOf(date(x.day))}
		got := h.Choose(certs)
		if len(got) != len(x.want) {
			t.Errorf("%s: %d certificates, want %d", x.day, len(got), len(x.want))
			continue
		}
		for i := range got {
			if !got[i].Equal(x.want[i]) {
				t.Errorf("%s: #%d is of %v", x.day, i, got[i].NotBefore)
			}
		}
	}
	if got := (twoddoc.Header{Certificate: "AV01", Signed: twoddoc.Undated}).Choose(certs); len(got) != 0 {
		t.Error("an undated signature chooses a certificate")
	}
	if _, _, err := c.Certificates(ctx, l, "FR09"); !errors.Is(err, store.ErrAuthority) {
		t.Errorf("unknown authority: %v", err)
	}
}

func TestTrustListRollback(t *testing.T) {
	ctx := context.Background()
	s, k, o := newSite(t), &clock{date("2026-11-20")}, newOperator()
	c := newClient(t, k)
	ca := listed{"FR03", s.URL + "/store", "inaccord", issue(t, nil, "FR03", "2015-01-01", "2040-01-01").cert}
	get := func(want int, failed error) {
		t.Helper()
		l, fresh, err := c.TrustList(ctx, s.URL+"/list")
		if err != nil || l.Sequence != want || !errors.Is(fresh.Failed, failed) {
			t.Errorf("%v %v %v, want sequence %d and %v", l, fresh, err, want, failed)
		}
	}
	s.set("/list", o.list(t, 7, "2026-11-01", ca))
	get(7, nil)
	s.set("/list", o.list(t, 8, "2026-11-21", ca))
	get(7, nil) // young enough
	if n := s.times("/list"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	k.t = k.t.Add(25 * time.Hour)
	get(8, nil)
	k.t = k.t.Add(25 * time.Hour)
	s.set("/list", o.list(t, 7, "2026-11-01", ca))
	get(8, store.ErrRollback)
	s.set("/list", o.list(t, 8, "2026-11-20", ca))
	get(8, store.ErrRollback)
	s.set("/list", []byte("<html/>"))
	get(8, tsl.ErrFormat)
	s.set("/list", nil)
	get(8, store.ErrStatus)
	s.set("/list", o.list(t, 9, "2026-11-23", ca))
	get(9, nil)
	k.t = k.t.Add(-72 * time.Hour) // a clock that went back: the cache is of the future
	s.set("/list", o.list(t, 10, "2026-11-24", ca))
	get(10, nil)

	other := *c
	other.Anchors = []tsl.Anchor{{1}}
	if _, _, err := other.TrustList(ctx, s.URL+"/list"); !errors.Is(err, tsl.ErrSigner) {
		t.Errorf("other anchors: %v", err)
	}
}

func TestBadServers(t *testing.T) {
	ca := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	good := parts("Content-Type", "\r\n", "--End", issue(t, &ca, "AV01", "2021-01-01", "2024-01-01").cert)
	other := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	foreign := parts("Content-Type", "\r\n", "--End", issue(t, &other, "AV01", "2021-01-01", "2024-01-01").cert)
	target := newSite(t)
	target.set("/store", good)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL+"/store", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/announced", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "999999999999")
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for range 64 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/trickle", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "broken", http.StatusBadGateway) })
	mux.HandleFunc("/html", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>moved</html>") })
	mux.HandleFunc("/foreign", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(foreign) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	for _, x := range []struct {
		address string
		want    error
	}{
		{server.URL + "/redirect", store.ErrRedirect}, {server.URL + "/loop", store.ErrRedirect}, {server.URL + "/announced", store.ErrSize},
		{server.URL + "/endless", store.ErrSize}, {server.URL + "/slow", context.DeadlineExceeded}, {server.URL + "/trickle", context.DeadlineExceeded},
		{server.URL + "/error", store.ErrStatus}, {server.URL + "/html", store.ErrFormat}, {server.URL + "/foreign", store.ErrIssuer},
		{"ldap://herbier.example/o=x", store.ErrAddress}, {"file:///etc/passwd", store.ErrAddress}, {"https://a:b@herbier.example/", store.ErrAddress}, {"::", store.ErrAddress}, {"", store.ErrAddress},
	} {
		t.Run(strings.TrimPrefix(x.address, server.URL), func(t *testing.T) {
			t.Parallel()
			c := newClient(t, &clock{date("2026-11-20")})
			c.Timeout = 5 * time.Second
			if x.want == context.DeadlineExceeded {
				c.Timeout = 50 * time.Millisecond
			}
			l := &tsl.List{Authorities: []tsl.Authority{{ID: "FR03", Store: x.address, Certificate: ca.cert, Status: "inaccord"}}}
			certs, fresh, err := c.Certificates(context.Background(), l, "FR03")
			if !errors.Is(err, x.want) || certs != nil || !fresh.Fetched.IsZero() {
				t.Errorf("%v, want %v", err, x.want)
			}
		})
	}
	if n := target.times("/store"); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestCache(t *testing.T) {
	ctx := context.Background()
	s, k, dir := newSite(t), &clock{date("2026-11-20")}, filepath.Join(t.TempDir(), "deep", "cache")
	c := clientIn(t, dir, k)
	ca := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	first, second := issue(t, &ca, "AV01", "2021-01-01", "2024-01-01").cert, issue(t, &ca, "AV02", "2021-01-01", "2024-01-01").cert
	l := &tsl.List{Authorities: []tsl.Authority{{ID: "FR03", Store: s.URL + "/store", Certificate: ca.cert, Status: "inaccord"}}}
	get := func(want int, at time.Time, failed bool) {
		t.Helper()
		certs, fresh, err := c.Certificates(ctx, l, "FR03")
		if err != nil || len(certs) != want || !fresh.Fetched.Equal(at) || (fresh.Failed != nil) != failed {
			t.Errorf("%d certificates, %v, %v, want %d of %v", len(certs), fresh, err, want, at)
		}
	}
	day1 := k.t
	s.set("/store", parts("Content-Type", "\r\n", "--End", first))
	get(1, day1, false)
	s.set("/store", parts("Content-Type", "\r\n", "--End", first, second))
	get(1, day1, false)
	k.t = k.t.Add(25 * time.Hour)
	get(2, k.t, false)
	day2 := k.t
	k.t = k.t.Add(1000 * time.Hour)
	s.set("/store", []byte("gone"))
	get(2, day2, true) // old facts, and why

	folder, err := filepath.Glob(filepath.Join(dir, "*")) // the answer, and no temporary file
	if err != nil || len(folder) != 1 {
		t.Fatalf("%v: %v", folder, err)
	}
	file := folder[0]
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string][]byte{"cut": b[:len(b)-9], "changed": append(bytes.Clone(b[:len(b)-1]), 'X'), "empty": {}, "other": []byte("2D-Doc store 2\nx\ny\nz\n")} {
		if err := os.WriteFile(file, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Certificates(ctx, l, "FR03"); !errors.Is(err, store.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.set("/store", parts("Content-Type", "\r\n", "--End", first))
	get(1, k.t, false)

	if _, err := store.OpenCache(filepath.Join(file, "x")); err == nil {
		t.Error("a cache inside a file")
	}
}

func TestRevocation(t *testing.T) {
	ctx := context.Background()
	s, k := newSite(t), &clock{date("2026-11-20").Add(10 * time.Hour)}
	c := newClient(t, k)
	ca := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	other := issue(t, nil, "FR03", "2015-01-01", "2040-01-01")
	good, bad := issue(t, &ca, "AV01", "2021-01-01", "2030-01-01", "ldap://x", s.URL+"/crl"), issue(t, &ca, "AV02", "2021-01-01", "2030-01-01", s.URL+"/none", s.URL+"/crl")
	l := &tsl.List{Authorities: []tsl.Authority{{ID: "FR03", Certificate: ca.cert, Status: "inaccord"}}}
	at := k.t.Add(-2 * time.Hour)
	s.set("/crl", ca.crl(t, 5, at, bad.cert))
	r, err := c.Revocation(ctx, l, good.cert)
	if err != nil || r.Revoked || r.Stale(k.t) || r.URL != s.URL+"/crl" || !r.List.ThisUpdate.Equal(at) {
		t.Errorf("%+v %v", r, err)
	}
	if !r.Stale(at.Add(25*time.Hour)) || r.Stale(at.Add(24*time.Hour)) {
		t.Error("a list of yesterday is not stale, or one of today is")
	}
	if r, err = c.Revocation(ctx, l, bad.cert); err != nil || !r.Revoked || !r.Since.Equal(at) {
		t.Errorf("%+v %v", r, err)
	}
	if n := s.times("/crl"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	k.t = k.t.Add(13 * time.Hour)
	s.set("/crl", ca.crl(t, 4, k.t)) // the revocation would be forgotten
	if r, err = c.Revocation(ctx, l, bad.cert); err != nil || !r.Revoked || !errors.Is(r.Fresh.Failed, store.ErrRollback) {
		t.Errorf("lower number: %+v %v", r, err)
	}
	s.set("/crl", ca.crl(t, 6, at.Add(-time.Hour)))
	if r, err = c.Revocation(ctx, l, bad.cert); err != nil || !r.Revoked || !errors.Is(r.Fresh.Failed, store.ErrRollback) {
		t.Errorf("earlier list: %+v %v", r, err)
	}
	s.set("/crl", ca.crl(t, 6, k.t))
	if r, err = c.Revocation(ctx, l, bad.cert); err != nil || r.Revoked || r.Fresh.Failed != nil {
		t.Errorf("newer list: %+v %v", r, err)
	}

	for _, x := range []struct {
		name   string
		cert   *x509.Certificate
		answer []byte
		want   error
	}{
		{"no list named", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01").cert, nil, store.ErrNoList},
		{"only LDAP", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", "ldap://x").cert, nil, store.ErrNoList},
		{"nothing there", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", s.URL+"/a").cert, nil, store.ErrStatus},
		{"not a list", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", s.URL+"/b").cert, []byte("<html/>"), store.ErrFormat},
		{"list of another key", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", s.URL+"/c").cert, other.crl(t, 9, k.t), store.ErrIssuer},
		{"list of the future", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", s.URL+"/d").cert, ca.crl(t, 9, k.t.Add(25*time.Hour)), store.ErrFormat},
		{"partial list", issue(t, &ca, "AV03", "2021-01-01", "2030-01-01", s.URL+"/e").cert, partial(t, ca, k.t), store.ErrFormat},
		{"certificate of another", issue(t, &other, "AV03", "2021-01-01", "2030-01-01", s.URL+"/crl").cert, nil, store.ErrIssuer},
	} {
		if p := x.cert.CRLDistributionPoints; x.answer != nil {
			s.set(strings.TrimPrefix(p[0], s.URL), x.answer)
		}
		if _, err := c.Revocation(ctx, l, x.cert); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
}

// partial is a list with the critical extension of lists that are not whole.
func partial(t *testing.T, ca issuer, at time.Time) []byte {
	t.Helper()
	b, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(9), ThisUpdate: at, NextUpdate: at.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}},
	}, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGather goes all the way: servers, bundle, file, a code that is verified offline.
func TestGather(t *testing.T) {
	ctx := context.Background()
	s, k := newSite(t), &clock{date("2026-11-20").Add(10 * time.Hour)}
	c := newClient(t, k)
	ca, gone, mute, carnet := issue(t, nil, "FR03", "2015-01-01", "2040-01-01"), issue(t, nil, "FR02", "2015-01-01", "2040-01-01"),
		issue(t, nil, "FR09", "2015-01-01", "2040-01-01"), issue(t, nil, "FR00", "2015-01-01", "2040-01-01")
	av01, av02 := issue(t, &ca, "AV01", "2021-01-01", "2030-01-01", s.URL+"/crl"), issue(t, &ca, "AV02", "2021-01-01", "2030-01-01", s.URL+"/crl", s.URL+"/second")
	own := issue(t, &carnet, "CN01", "2026-01-01", "2030-01-01")
	s.set("/list", newOperator().list(t, 7, "2026-11-01", listed{"FR03", s.URL + "/store", "inaccord", ca.cert},
		listed{"FR02", s.URL + "/gone", "revoked", gone.cert}, listed{"FR09", s.URL + "/mute", "inaccord", mute.cert}))
	s.set("/store", parts("Content-type", "\r\n", "--End", av01.cert, av02.cert))
	s.set("/crl", ca.crl(t, 5, k.t.Add(-time.Hour), av02.cert))
	b, problems, err := c.Gather(ctx, s.URL+"/list", 72*time.Hour,
		store.Own{Authority: tsl.Authority{ID: "FR00", Operator: "Carnet", Certificate: carnet.cert}, Participants: []*x509.Certificate{own.cert, av01.cert}},
		store.Own{Authority: tsl.Authority{ID: "FR03", Operator: "Carnet", Certificate: carnet.cert}})
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, p := range problems {
		subjects = append(subjects, strings.TrimPrefix(p.Subject, s.URL))
	}
	if got := strings.Join(subjects, " "); got != "/second FR09 FR00 FR03" {
		t.Errorf("problems %v", problems)
	}
	operatorKey := issue(t, nil, "KEY1", "2020-01-01", "2030-01-01").key
	file, err := b.Seal(operatorKey, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = bundle.Open(file, &operatorKey.PublicKey); err != nil {
		t.Fatal(err)
	}
	if len(b.Authorities) != 3 || len(b.Participants) != 3 || len(b.Lists) != 1 || b.List.Sequence != 7 || !b.Gathered.Equal(k.t) {
		t.Errorf("%d authorities, %d participants, %d lists", len(b.Authorities), len(b.Participants), len(b.Lists))
	}
	for _, x := range []struct {
		authority string
		by        issuer
		listed    bool
		want      bundle.Status
	}{{"FR03", av01, true, bundle.Good}, {"FR03", av02, true, bundle.Ended}, {"FR00", own, false, bundle.Unknown}} {
		h := twoddoc.Header{Authority: x.authority, Certificate: x.by.cert.Subject.CommonName, Emitted: twoddoc.DayOf(k.t), Signed: twoddoc.DayOf(k.t), Type: "29", Country: "FR"}
		d, err := twoddoc.Prepare(h, twoddoc.Field{ID: "61", Value: "TILLEUL"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Sign(x.by.key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := twoddoc.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		certs, err := b.Find(doc.Header)
		if err != nil || len(certs) != 1 || doc.Verify(certs[0]) != nil || b.Listed(x.authority) != x.listed {
			t.Errorf("%s: %v", x.authority, err)
			continue
		}
		if got := b.Revoked(certs[0]); got.Status != x.want {
			t.Errorf("%s: %v, want %v", h.Certificate, got, x.want)
		}
	}
	if _, _, err := c.Gather(ctx, s.URL+"/nothing", time.Hour); !errors.Is(err, store.ErrStatus) {
		t.Errorf("no list: %v", err)
	}
	// The same with the list as a file, and what is heard meanwhile.
	var heard []string
	c.Progress = func(p store.Progress) {
		heard = append(heard, fmt.Sprintf("%d/%d %s %d %d", p.Done, p.Total, p.Authority, p.Certificates, p.Lists))
	}
	again, _, err := c.GatherFile(ctx, s.answers["/list"], 72*time.Hour)
	if err != nil || len(again.Participants) != 2 || again.List != b.List {
		t.Errorf("%v: %+v", err, again)
	}
	if got := strings.Join(heard, ", "); got != "1/2 FR03 2 1, 2/2 FR09 0 0" {
		t.Errorf("progress %s", got)
	}
	if _, _, err := c.GatherFile(ctx, []byte("<html/>"), time.Hour); !errors.Is(err, tsl.ErrFormat) {
		t.Errorf("not a list: %v", err)
	}
}

func Example() {
	// A store that answers as the published ones do, with nothing in it.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "--End\r\n") }))
	defer server.Close()
	dir, err := os.MkdirTemp("", "cache")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cache, err := store.OpenCache(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := store.Client{HTTP: http.DefaultClient, Now: time.Now, Cache: cache}
	list := &tsl.List{Authorities: []tsl.Authority{{ID: "FR03", Store: server.URL, Status: "inaccord"}}} // in real life: c.TrustList
	certs, fresh, err := c.Certificates(context.Background(), list, "FR03")
	fmt.Println(len(certs), fresh.Fetched.IsZero(), errors.Is(err, store.ErrFormat))
	// Output: 0 true true
}
