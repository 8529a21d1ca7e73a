package sandbox

import (
	"crypto/rand"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// guarded returns one issuer of each kind. Nothing listens at their addresses.
func guarded(t testing.TB) []*Issuer {
	t.Helper()
	at := func(origin string) IssuerConfig {
		return IssuerConfig{Origin: origin, Clients: []Client{
			{Name: "Carnet", RedirectURI: "http://localhost:1/retour", SignedOutURI: "http://localhost:1/"},
			{ID: "disabled", RedirectURI: "http://localhost:1/retour", SignedOutURI: "http://localhost:1/", Disabled: true},
		}}
	}
	s, err := New(Config{
		Dir: t.TempDir(), Clock: time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
		FC: at("http://localhost:2"), FCPlus: at("http://localhost:3"), PSC: at("http://localhost:4"), ProConnect: at("http://localhost:5"),
		IdentityProviders: map[string]string{"ameli": "http://localhost:6", "laposte": "http://localhost:7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return []*Issuer{s.FC, s.FCPlus, s.PSC, s.ProConnect, s.IdentityProviders["ameli"]}
}

// FuzzCheck sends any query to the guard of each issuer: it never fails, never sends the browser to
// an address that no client registered, and lets nothing through that the list of the issuer lacks.
func FuzzCheck(f *testing.F) {
	issuers := guarded(f)
	for _, q := range []string{
		"", "client_id=%zz", "client_id=carnet-attestation&redirect_uri=http://localhost:1/retour&response_type=code&scope=openid&state=s&nonce=0123456789012345678901&acr_values=eidas1",
		"client_id=carnet-attestation&redirect_uri=http://localhost:1/retour&response_type=id_token token&scope=email&state=s&nonce=0123456789012345678901&acr_values=eidas3&prompt=none",
		"client_id=carnet-pro&redirect_uri=http://localhost:1/retour&response_type=code&scope=openid&request=x&display=page",
		"client_id=carnet-protection&redirect_uri=http://evil.invalid/&response_type=code&scope=openid&state=x&nonce=x",
		"redirect_uri=//evil.invalid", "client_id=disabled&state=\x00", "acr_values=eidas2+eidas1&acr_values=eidas1",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		for _, i := range issuers {
			v := i.check(t.Context(), q)
			switch {
			case v.fault != "":
				if v.error != "" || v.params != nil {
					t.Errorf("a page and something else: %+v", v)
				}
			case v.error != "":
				to, err := url.Parse(i.answer(v, q.Get("state")))
				if err != nil || !strings.HasPrefix(to.String(), "http://localhost:1/retour") || v.params != nil {
					t.Errorf("sent to %v", to)
				}
			default:
				if q.Get("redirect_uri") != "http://localhost:1/retour" || q.Get("client_id") == "disabled" || !slices.Contains(i.shape.levels, v.params.Get("acr_values")) {
					t.Errorf("let through: %v", v.params)
				}
				for name := range v.params {
					if i.shape.allow != nil && !slices.Contains(i.shape.allow, name) && name != "acr_values" {
						t.Errorf("%s is let through", name)
					}
				}
			}
		}
	})
}

// FuzzHinted gives anything as a hint to the log-out: only a token that the issuer signed is one.
func FuzzHinted(f *testing.F) {
	i := guarded(f)[0]
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJhdWQiOiJjYXJuZXQtYXR0ZXN0YXRpb24ifQ.")
	f.Fuzz(func(t *testing.T, hint string) {
		if _, ok := i.hinted(hint); ok {
			t.Errorf("%q is taken for a token of ours", hint)
		}
	})
}

// TestFederatorNeedsIdentityProviders checks that a sandbox that lets nobody in does not start.
func TestFederatorNeedsIdentityProviders(t *testing.T) {
	_, err := New(Config{Dir: t.TempDir(), Clock: time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
		FC: IssuerConfig{Origin: "http://localhost:2", Clients: []Client{{RedirectURI: "http://localhost:1/retour", SignedOutURI: "http://localhost:1/"}}}})
	if err == nil {
		t.Error("a federator without identity providers starts")
	}
}

// TestMemoryIsBounded checks that sessions do not grow without end.
func TestMemoryIsBounded(t *testing.T) {
	s := newSessions(time.Now)
	for n := range maxKept + 10 {
		s.put(strings.Repeat("x", n%7)+string(rune('a'+n%26))+time.Duration(n).String(), who{}, time.Hour)
	}
	if len(s.rows) > maxKept {
		t.Errorf("%d sessions", len(s.rows))
	}
}
