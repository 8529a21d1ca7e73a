package login_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"

	"github.com/go-jose/go-jose/v4"
)

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	notMeEvent  = "urn:carnet:event:not-me"
)

// logoutToken is what a provider posts when a session ends there.
func (r *rig) logoutToken(change func(map[string]any)) string {
	now := r.clock.now()
	claims := map[string]any{"iss": r.server.URL, "aud": "carnet", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "j1", "sub": "subject-1", "sid": "s1",
		"events": map[string]any{logoutEvent: map[string]any{}}}
	if change != nil {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return r.sign(payload, evilKid)
}

func TestLogoutToken(t *testing.T) {
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	drop := func(names ...string) func(map[string]any) {
		return func(c map[string]any) {
			for _, n := range names {
				delete(c, n)
			}
		}
	}
	tests := []struct {
		name   string
		change func(map[string]any)
		rig    func(*rig)
		want   string
	}{
		{"as agreed (ok)", nil, nil, ""},
		{"subject only (ok)", drop("sid"), nil, ""},
		{"session only (ok)", drop("sub"), nil, ""},
		{"no exp (ok, iat bounds it)", drop("exp"), nil, ""},
		{"neither subject nor session", drop("sub", "sid"), nil, login.CodeToken},
		{"issuer of another", set("iss", "https://other.example"), nil, login.CodeToken},
		{"for somebody else", set("aud", "somebody"), nil, login.CodeToken},
		{"also for somebody else", set("aud", []string{"carnet", "somebody"}), nil, login.CodeToken},
		{"no events", drop("events"), nil, login.CodeToken},
		{"another event", set("events", map[string]any{"urn:other": map[string]any{}}), nil, login.CodeToken},
		{"event not an object", set("events", map[string]any{logoutEvent: "x"}), nil, login.CodeToken},
		{"event null", set("events", map[string]any{logoutEvent: nil}), nil, login.CodeToken},
		{"not me, without the logout event", set("events", map[string]any{notMeEvent: map[string]any{}}), nil, login.CodeToken},
		{"with a nonce", set("nonce", "x"), nil, login.CodeToken},
		{"with an empty nonce", set("nonce", ""), nil, login.CodeToken},
		{"no jti", drop("jti"), nil, login.CodeToken},
		{"no iat", drop("iat"), nil, login.CodeToken},
		{"expired", func(c map[string]any) { c["exp"] = 1 }, nil, login.CodeToken},
		{"issued long ago, without exp", func(c map[string]any) { delete(c, "exp"); c["iat"] = c["iat"].(int64) - 200 }, nil, login.CodeToken},
		{"issued in the future", func(c map[string]any) { c["iat"] = c["iat"].(int64) + 60 }, nil, login.CodeToken},
		{"alg none", nil, func(r *rig) {
			r.sign = func(p []byte, _ string) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + base64.RawURLEncoding.EncodeToString(p) + "."
			}
		}, login.CodeToken},
		{"HS256 with the public key", nil, func(r *rig) {
			r.sign = func(p []byte, kid string) string { return r.jws(jose.HS256, r.publicPEM(), kid, p) }
		}, login.CodeToken},
		{"signed by another", nil, func(r *rig) {
			other := ecKey(t)
			r.sign = func(p []byte, kid string) string { return r.jws(jose.ES256, other, kid, p) }
		}, login.CodeToken},
		{"keys away", nil, func(r *rig) { r.serve["/jwks"] = http.NotFound }, login.CodeProviderDown},
		{"provider away", nil, func(r *rig) { r.server.Close() }, login.CodeProviderDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			if tt.rig != nil {
				tt.rig(r)
			}
			ended, err := r.provider.LogoutToken(t.Context(), r.logoutToken(tt.change))
			r.judge(t, tt.want, err)
			if err == nil && (ended.Reported || ended.Subject.Reveal() == "" && ended.SessionID == "") {
				t.Errorf("%+v", ended)
			}
		})
	}
	t.Run("it was not me", func(t *testing.T) {
		r := newRig(t, nil)
		ended, err := r.provider.LogoutToken(t.Context(), r.logoutToken(set("events", map[string]any{logoutEvent: map[string]any{}, notMeEvent: map[string]any{}})))
		if err != nil || !ended.Reported || ended.Subject.Reveal() != "subject-1" || ended.SessionID != "s1" {
			t.Errorf("%+v %v", ended, err)
		}
	})
	t.Run("an ID token is none", func(t *testing.T) {
		r := newRig(t, nil)
		id, err := r.login(t)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.provider.LogoutToken(t.Context(), id.IDToken.Reveal()); carnet.CodeOf(err) != login.CodeToken {
			t.Error(err)
		}
	})
	t.Run("encrypted where tokens are", func(t *testing.T) {
		ec := ecKey(t)
		r := newRig(t, func(p *login.Profile) { p.UserInfo, p.EncKeys = login.UserInfoNested, []string{keyFile(t, ec)} })
		token := r.logoutToken(nil)
		if _, err := r.provider.LogoutToken(t.Context(), token); carnet.CodeOf(err) != login.CodeToken {
			t.Errorf("in clear: %v", err)
		}
		if _, err := r.provider.LogoutToken(t.Context(), jwe(t, jose.ECDH_ES, jose.A256GCM, &ec.PublicKey, "", token, nil, false)); err != nil {
			t.Error(err)
		}
	})
	t.Run("the session at the provider is in the identity", func(t *testing.T) {
		r := newRig(t, nil)
		r.idToken = set("sid", "s1")
		if id, err := r.login(t); err != nil || id.SID != "s1" {
			t.Errorf("%+v %v", id, err)
		}
	})
}

func FuzzLogoutToken(f *testing.F) {
	c := newClock()
	f.Add("a.b.c")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"events":{}}`)) + ".AAAA")
	provider, err := login.NewProvider(newEvil(f, c).profile(f), c.now, rand.Reader, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := provider.LogoutToken(t.Context(), raw); err == nil {
			t.Error("accepted")
		}
	})
}

func TestLogoutMethods(t *testing.T) {
	out := func(r *rig) string {
		b := browser{}
		r.open(t, b, r.person(t))
		w := httptest.NewRecorder()
		if err := r.site.Logout(w, b.request("POST", "/deconnexion", nil)); err != nil {
			t.Fatal(err)
		}
		return w.Header().Get("Location")
	}
	t.Run("none", func(t *testing.T) {
		r := newRig(t, func(p *login.Profile) { p.Logout = login.LogoutNone })
		if at := out(r); at != "/fin" || r.requests["/end"] > 0 {
			t.Errorf("sent to %s", at)
		}
	})
	t.Run("from here", func(t *testing.T) {
		r := newRig(t, func(p *login.Profile) { p.Logout = login.LogoutPost })
		if at := out(r); at != "/fin" || len(r.forms["/end"]) != 1 || r.forms["/end"][0].Get("id_token_hint") == "" {
			t.Errorf("sent to %s, posted %d", at, len(r.forms["/end"]))
		}
		r.serve["/end"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
		if at := out(r); at != "/fin" {
			t.Errorf("sent to %s", at)
		}
	})
	t.Run("a provider without logout", func(t *testing.T) {
		r := newRig(t, nil)
		r.discovery = func(d map[string]any) { delete(d, "end_session_endpoint") }
		if at := out(r); at != "/fin" {
			t.Errorf("sent to %s", at)
		}
	})
}
