package revlist

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var issued = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// list signs a list that revokes one document for each number up to its own.
func list(t *testing.T, key *ecdsa.PrivateKey, number uint64) []byte {
	t.Helper()
	d := revocation.Draft{Number: number, IssuedAt: issued.Add(time.Duration(number) * time.Hour), NextUpdate: issued.AddDate(0, 0, 7)}
	for i := range number {
		d.Keys = append(d.Keys, revocation.TwoDDocKey([32]byte{byte(i + 1)}))
	}
	data, err := d.Sign(rand.Reader, key)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return data
}

func TestKeep(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	second, damaged := list(t, key, 2), list(t, key, 4)
	damaged[len(damaged)-70] ^= 1
	for name, c := range map[string]struct {
		held, offered []byte
		code          string // of the error
		replaced      bool
	}{
		"the first":                  {nil, second, "", true},
		"a newer one":                {second, list(t, key, 3), "", true},
		"much newer":                 {second, list(t, key, 9), "", true},
		"the same":                   {second, second, "", false},
		"an older one":               {second, list(t, key, 1), CodeOlder, false},
		"another of the same number": {second, list(t, key, 2), CodeTwin, false},
		"tampered":                   {second, damaged, CodeUnverified, false},
		"cut short":                  {second, list(t, key, 3)[:90], CodeUnverified, false},
		"a byte more":                {second, append(list(t, key, 3), 0), CodeUnverified, false},
		"of a stranger":              {second, list(t, stranger, 3), CodeUnverified, false},
		"over a stranger's":          {list(t, stranger, 1), second, CodeOccupied, false},
		"over something else":        {[]byte("a shopping list"), second, CodeOccupied, false},
		"nothing":                    {second, nil, CodeUnverified, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list")
			if c.held != nil {
				if err := os.WriteFile(path, c.held, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := Keep(path, c.offered, &key.PublicKey)
			want := c.held
			if c.replaced {
				want = c.offered
			}
			switch {
			case c.code == "" && err != nil || c.code != "" && carnet.CodeOf(err) != c.code:
				t.Errorf("got %v, want %q", err, c.code)
			case !bytes.Equal(content(t, path), want):
				t.Error("the file holds something else")
			case err == nil && (out.Replaced != c.replaced || (out.Before != nil) != (c.held != nil) || !bytes.Equal(out.Bytes, c.offered)):
				t.Errorf("outcome %+v", out)
			}
			if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
				t.Errorf("%d files are left", len(files))
			}
		})
	}
}

func TestKeepInNoFolder(t *testing.T) {
	key := newKey(t)
	if _, err := Keep(filepath.Join(t.TempDir(), "none", "list"), list(t, key, 1), &key.PublicKey); carnet.CodeOf(err) != CodeUnreadable {
		t.Errorf("got %v", err)
	}
}

func TestRead(t *testing.T) {
	key := newKey(t)
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "none"), &key.PublicKey); carnet.CodeOf(err) != CodeMissing {
		t.Errorf("missing: %v", err)
	}
	if _, err := Read(dir, &key.PublicKey); carnet.CodeOf(err) != CodeUnreadable {
		t.Errorf("a folder: %v", err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, revocation.MaxList+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(large, &key.PublicKey); carnet.CodeOf(err) != CodeLarge {
		t.Errorf("too large: %v", err)
	}
}

func TestReadKeys(t *testing.T) {
	block := func(kind string, public any) []byte {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := block("PUBLIC KEY", newKey(t).Public())
	if keys, err := ReadKeys(append(bytes.Clone(good), good...)); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "a certificate": block("CERTIFICATE", newKey(t).Public()), "another curve": block("PUBLIC KEY", p384.Public()),
		"damaged": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}),
	} {
		if _, err := ReadKeys(text); carnet.CodeOf(err) != CodeKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// publisher serves what it holds, and counts the bodies that it sent.
type publisher struct {
	held   Held
	err    error
	bodies int
}

func (p *publisher) serve(t *testing.T) *httptest.Server {
	h := Handler(func(context.Context) (Held, error) { return p.held, p.err }, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Body.Len() > 0 && rec.Code == http.StatusOK {
			p.bodies++
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = rec.Body.WriteTo(w)
	}))
	t.Cleanup(s.Close)
	return s
}

func (p *publisher) put(t *testing.T, key *ecdsa.PrivateKey, number uint64) {
	t.Helper()
	var err error
	if p.held, err = verified("test", list(t, key, number), []*ecdsa.PublicKey{&key.PublicKey}); err != nil {
		t.Fatal(err)
	}
}

func TestFetch(t *testing.T) {
	key := newKey(t)
	p := &publisher{}
	p.put(t, key, 2)
	s := p.serve(t)
	path := filepath.Join(t.TempDir(), "list")
	fetch := func() (Outcome, error) { return Fetch(t.Context(), nil, s.URL+Path, path, &key.PublicKey) }

	out, err := fetch()
	if err != nil || !out.Replaced || out.Before != nil || out.List.Number() != 2 || out.List.Len(revocation.TwoDDoc) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	out, err = fetch()
	if err != nil || out.Replaced || out.List.Number() != 2 || p.bodies != 1 {
		t.Errorf("again: %+v, %v, sent %d times", out, err, p.bodies)
	}
	p.put(t, key, 3)
	if out, err = fetch(); err != nil || !out.Replaced || out.Before.Number() != 2 || out.List.Number() != 3 {
		t.Errorf("the next: %+v, %v", out, err)
	}
	kept := content(t, path)
	p.put(t, key, 1)
	if _, err = fetch(); carnet.CodeOf(err) != CodeOlder || carnet.KindOf(err) != carnet.Conflict {
		t.Errorf("rolled back: %v", err)
	}
	p.put(t, newKey(t), 9)
	if _, err = fetch(); carnet.CodeOf(err) != CodeUnverified {
		t.Errorf("a stranger's: %v", err)
	}
	p.err = errors.New("away")
	if _, err = fetch(); carnet.CodeOf(err) != CodeStatus || carnet.KindOf(err) != carnet.Unavailable {
		t.Errorf("away: %v", err)
	}
	s.Close()
	if _, err = fetch(); carnet.CodeOf(err) != CodeUnreachable {
		t.Errorf("gone: %v", err)
	}
	if !bytes.Equal(content(t, path), kept) {
		t.Error("a failure changed the file")
	}
}

func TestFetchRefusesBeforeItAsks(t *testing.T) {
	key := newKey(t)
	path := filepath.Join(t.TempDir(), "list")
	for _, from := range []string{"", "list", "file:///etc/passwd", "ftp://a.example/list", "http://", "https://me:secret@a.example/list", "http://%"} {
		if _, err := Fetch(t.Context(), nil, from, path, &key.PublicKey); carnet.CodeOf(err) != CodeURL {
			t.Errorf("%q: %v", from, err)
		}
	}
}

// hosts answers for several hosts without a network.
type hosts map[string]http.HandlerFunc

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, ok := h[r.URL.Scheme+"://"+r.URL.Host+r.URL.Path]
	if !ok {
		return nil, errors.New("no such host or page: " + r.URL.String())
	}
	rec := httptest.NewRecorder()
	answer(rec, r)
	res := rec.Result()
	res.Request = r
	return res, nil
}

func to(where string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, where, http.StatusFound) }
}

func TestFetchRedirects(t *testing.T) {
	key := newKey(t)
	body := list(t, key, 1)
	give := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	world := hosts{
		"https://a.example/list":  give,
		"https://b.example/list":  give,
		"http://a.example/list":   give,
		"https://a.example/moved": to("/list"),
		"http://a.example/safer":  to("https://a.example/list"),
		"https://a.example/away":  to("https://b.example/list"),
		"https://a.example/below": to("http://a.example/list"),
		"https://a.example/round": to("/round"),
	}
	for from, code := range map[string]string{
		"https://a.example/list": "", "https://a.example/moved": "", "http://a.example/safer": "",
		"https://a.example/away": CodeRedirect, "https://a.example/below": CodeRedirect, "https://a.example/round": CodeRedirect,
		"https://c.example/list": CodeUnreachable,
	} {
		path := filepath.Join(t.TempDir(), "list")
		_, err := Fetch(t.Context(), world, from, path, &key.PublicKey)
		if code == "" && err != nil || code != "" && carnet.CodeOf(err) != code {
			t.Errorf("%s: %v, want %q", from, err, code)
		}
		if code != "" && content(t, path) != nil {
			t.Errorf("%s: a file was written", from)
		}
	}
}

// endless is a body without end that counts what was read of it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) { e.read += int64(len(b)); return len(b), nil }
func (e *endless) Close() error               { return nil }

type bodied struct {
	body   io.ReadCloser
	length int64
}

func (b bodied) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: b.body, ContentLength: b.length, Request: r}, nil
}

func TestFetchIsBounded(t *testing.T) {
	key := newKey(t)
	path := filepath.Join(t.TempDir(), "list")
	for _, length := range []int64{-1, revocation.MaxList + 1} {
		body := &endless{}
		if _, err := Fetch(t.Context(), bodied{body, length}, "https://a.example/list", path, &key.PublicKey); carnet.CodeOf(err) != CodeLarge {
			t.Errorf("length %d: %v", length, err)
		}
		if body.read > 2*revocation.MaxList || length > 0 && body.read > 0 {
			t.Errorf("length %d: %d bytes were read", length, body.read)
		}
	}
}

func TestHandler(t *testing.T) {
	key := newKey(t)
	p := &publisher{}
	p.put(t, key, 2)
	h := Handler(func(context.Context) (Held, error) { return p.held, p.err }, slog.New(slog.DiscardHandler))
	ask := func(method string, headers ...string) *http.Response {
		r := httptest.NewRequest(method, Path, nil)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	full := ask("GET")
	body, err := io.ReadAll(full.Body)
	if err != nil || full.StatusCode != 200 || !bytes.Equal(body, p.held.Bytes) {
		t.Errorf("%d, %d bytes, %v", full.StatusCode, len(body), err)
	}
	for name, want := range map[string]string{"Cache-Control": "public, max-age=300", "Last-Modified": "Sat, 21 Nov 2026 11:30:00 GMT",
		"Content-Type": "application/octet-stream", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"} {
		if got := full.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	etag := full.Header.Get("ETag")
	if a := ask("GET", "If-None-Match", etag); a.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", a.StatusCode)
	}
	if a := ask("GET", "If-Modified-Since", full.Header.Get("Last-Modified")); a.StatusCode != http.StatusNotModified {
		t.Errorf("If-Modified-Since: %d", a.StatusCode)
	}
	if a := ask("HEAD"); a.StatusCode != 200 || a.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	p.put(t, key, 3)
	if a := ask("GET", "If-None-Match", etag); a.StatusCode != 200 || a.Header.Get("ETag") == etag || len(etag) != 34 {
		t.Errorf("the next list: %d, %s", a.StatusCode, etag)
	}
	p.err = errors.New("the store is away")
	a := ask("GET")
	text, _ := io.ReadAll(a.Body)
	if a.StatusCode != 503 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Retry-After") == "" || strings.Contains(string(text), "store") {
		t.Errorf("without a list: %d %s", a.StatusCode, text)
	}
}
