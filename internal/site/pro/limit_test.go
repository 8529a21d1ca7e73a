package pro

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"carnet/internal/login"
	"carnet/internal/login/limit"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"
)

// TestTooMany asks for pages until a limit is reached, with the meter and the history of a real login.
func TestTooMany(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret of a test"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := now
	clock := func() time.Time { return at }
	provider, err := login.NewProvider(login.Profile{Name: "psc", DiscoveryURL: "https://psc.example/d", Issuer: "https://psc.example", ClientID: "carnet", SecretFile: secret,
		AuthMethod: login.SecretBasic, Scopes: []string{"openid"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw}, clock, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, guard := logintest.NewMemory(), logintest.Guard(t, clock)
	real, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "https://pro.example", Role: protect.Professional, Absolute: time.Hour, Idle: time.Hour,
		Limits: limit.Config{limit.Requests: {Rate: limit.Rate{Count: 3, Period: 90 * time.Second}}}}, provider, store, guard, clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	f.spend = real.Spend
	_, h := start(t, f, &bytes.Buffer{})
	ask := func() *http.Response {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, findPath, nil))
		return w.Result()
	}
	t.Run("VIT-44 a professional who asks too often is refused with 429, and it is recorded", func(t *testing.T) {
		for i := range 3 {
			if got := ask(); got.StatusCode != http.StatusOK {
				t.Fatalf("request %d: %d", i+1, got.StatusCode)
			}
		}
		for range 2 {
			got := ask()
			if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); got.StatusCode != http.StatusTooManyRequests || err != nil || seconds != 30 {
				t.Fatalf("status %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
			}
		}
		var events []login.Event
		d := guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
		if err := store.Door(t.Context(), d, func(tx login.Tx) (err error) {
			events, err = tx.Events(login.History{Kind: login.EventLimited})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].Person != tilleul.ID || !slices.Equal(events[0].Reasons, []string{limit.Requests}) || !events[0].At.Equal(now) {
			t.Fatalf("%+v", events)
		}
		at = now.Add(30 * time.Second)
		if got := ask(); got.StatusCode != http.StatusOK {
			t.Fatalf("after the wait: %d", got.StatusCode)
		}
	})
}
