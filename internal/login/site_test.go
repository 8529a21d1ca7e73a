package login_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

func TestAuthorizationRequest(t *testing.T) {
	tests := []struct {
		name    string
		profile func(*login.Profile)
		want    map[string]string // "" means absent, "*" means 43 characters of base64url
	}{
		{"with PKCE and prompt", func(p *login.Profile) { p.Prompt = "login" }, map[string]string{
			"response_type": "code", "client_id": "carnet", "scope": "openid", "acr_values": "eidas1", "prompt": "login",
			"redirect_uri": "http://localhost:8401/connexion/retour/evil", "state": "*", "nonce": "*", "code_challenge": "*", "code_challenge_method": "S256",
		}},
		{"without", func(p *login.Profile) { p.PKCE, p.ACRRequest, p.Scopes = false, nil, []string{"openid", "email"} }, map[string]string{
			"response_type": "code", "client_id": "carnet", "scope": "openid email", "redirect_uri": "http://localhost:8401/connexion/retour/evil", "state": "*", "nonce": "*",
		}},
	}
	// Through the claims parameter, and with what a provider wants beside.
	tests = append(tests, struct {
		name    string
		profile func(*login.Profile)
		want    map[string]string
	}{"levels and means by claims", func(p *login.Profile) {
		p.PKCE, p.ACRBy, p.AMRNeed, p.ExtraParams = false, login.ACRByClaims, []string{"mfa"}, map[string]string{"idp_hint": "x"}
	}, map[string]string{
		"response_type": "code", "client_id": "carnet", "scope": "openid", "redirect_uri": "http://localhost:8401/connexion/retour/evil", "state": "*", "nonce": "*",
		"idp_hint": "x", "claims": `{"id_token":{"acr":{"essential":true,"values":["eidas1"]},"amr":{"essential":true}}}`,
	}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.profile)
			seen := map[string]bool{}
			for range 3 {
				u, err := url.Parse(r.begin(t, browser{}, "/"))
				if err != nil {
					t.Fatal(err)
				}
				q := u.Query()
				for name, v := range q {
					switch want := tt.want[name]; {
					case len(v) != 1 || want == "":
						t.Errorf("parameter %s = %v", name, v)
					case want == "*":
						if b, err := base64.RawURLEncoding.DecodeString(v[0]); err != nil || len(b) != 32 || seen[v[0]] {
							t.Errorf("%s is not 256 fresh bits: %q", name, v[0])
						}
						seen[v[0]] = true
					case v[0] != want:
						t.Errorf("%s = %q, want %q", name, v[0], want)
					}
				}
				if len(q) != len(tt.want) {
					t.Errorf("%d parameters, want %d", len(q), len(tt.want))
				}
			}
		})
	}
}

func TestAttempt(t *testing.T) {
	t.Run("a stolen callback address opens nothing and spoils nothing", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		callback := r.authorize(t, r.begin(t, b, "/"))
		if _, err := r.finish(browser{}, callback); carnet.CodeOf(err) != login.CodeState {
			t.Errorf("without a cookie: %v", err)
		}
		thief := browser{}
		r.begin(t, thief, "/")
		if _, err := r.finish(thief, callback); carnet.CodeOf(err) != login.CodeState {
			t.Errorf("with another cookie: %v", err)
		}
		if _, err := r.finish(b, callback); err != nil {
			t.Errorf("its owner: %v", err)
		}
	})
	t.Run("once", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		callback := r.authorize(t, r.begin(t, b, "/"))
		if _, err := r.finish(b, callback); err != nil {
			t.Fatal(err)
		}
		if _, err := r.finish(b, callback); carnet.CodeOf(err) != login.CodeState {
			t.Errorf("twice: %v", err)
		}
	})
	t.Run("once, also when many come at the same time", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		callback := r.authorize(t, r.begin(t, b, "/"))
		var wg sync.WaitGroup
		var in atomic.Int32
		for range 12 {
			wg.Go(func() {
				if _, err := r.site.Finish(httptest.NewRecorder(), b.request("GET", callback, nil)); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d came in", in.Load())
		}
	})
	t.Run("a code taken from another login is refused by its nonce", func(t *testing.T) {
		r := newRig(t, func(p *login.Profile) { p.PKCE = false })
		victim, thief := browser{}, browser{}
		stolen, err := url.Parse(r.authorize(t, r.begin(t, victim, "/")))
		if err != nil {
			t.Fatal(err)
		}
		r.answer = func(q url.Values) { q.Set("code", stolen.Query().Get("code")) }
		if _, err := r.finish(thief, r.authorize(t, r.begin(t, thief, "/"))); carnet.CodeOf(err) != login.CodeToken {
			t.Errorf("code injection: %v", err)
		}
	})
	t.Run("ten minutes", func(t *testing.T) {
		r := newRig(t, nil)
		for d, want := range map[time.Duration]string{login.AttemptLifetime - time.Second: "", login.AttemptLifetime: login.CodeExpired} {
			b := browser{}
			location := r.begin(t, b, "/")
			r.clock.forward(d)
			_, err := r.finish(b, r.authorize(t, location))
			if want == "" && err != nil || want != "" && carnet.CodeOf(err) != want {
				t.Errorf("after %s: %v", d, err)
			}
		}
	})
	t.Run("two tabs of one browser", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		first, second := r.begin(t, b, "/un"), r.begin(t, b, "/deux")
		for location, want := range map[string]string{first: "/un", second: "/deux"} {
			id, err := r.finish(b, r.authorize(t, location))
			if err != nil || id.ReturnTo != want {
				t.Errorf("%v, back to %q", err, id.ReturnTo)
			}
		}
	})
	t.Run("not on another site", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		callback := r.authorize(t, r.begin(t, b, "/"))
		other := r.newSite(t, "attestation", r.profile(t))
		b["__Host-attestation-login"] = b["__Host-pro-login"]
		if _, err := other.Finish(httptest.NewRecorder(), b.request("GET", callback, nil)); carnet.CodeOf(err) != login.CodeState {
			t.Errorf("%v", err)
		}
	})
	t.Run("by form only", func(t *testing.T) {
		r := newRig(t, nil)
		if err := r.site.Begin(httptest.NewRecorder(), browser{}.request("GET", "/connexion", nil)); carnet.CodeOf(err) != login.CodeMethod {
			t.Error(err)
		}
		if err := r.site.Logout(httptest.NewRecorder(), browser{}.request("GET", "/deconnexion", nil)); carnet.CodeOf(err) != login.CodeMethod {
			t.Error(err)
		}
		if _, err := r.site.Finish(httptest.NewRecorder(), browser{}.request("POST", r.site.CallbackPath(), nil)); carnet.CodeOf(err) != login.CodeMethod {
			t.Error(err)
		}
		huge := url.Values{login.FieldReturn: {strings.Repeat("a", 1<<20)}}
		if err := r.site.Begin(httptest.NewRecorder(), browser{}.request("POST", "/connexion", huge)); carnet.CodeOf(err) != login.CodeMethod {
			t.Error(err)
		}
	})
	t.Run("an answer that is too long", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		callback := r.authorize(t, r.begin(t, b, "/")) + "&x=" + strings.Repeat("a", 10_000)
		if _, err := r.finish(b, callback); carnet.CodeOf(err) != login.CodeState {
			t.Error(err)
		}
	})
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/personne/1?x=2#y": "/personne/1?x=2#y", "": "/", "personne": "/", "//other.example": "/", "/\\other.example": "/",
		"https://other.example/": "/", "/a b": "/", "/a\nb": "/", "/%2F/other.example": "/", "/%2Fother.example": "/",
		"/a\x7f": "/", "javascript:alert(1)": "/", "/%zz": "/", "/é": "/", "/%5C%5Cother.example": "/", "/" + strings.Repeat("a", 600): "/",
	} {
		if got := login.LocalPath(in); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a?b#c", "/%2F%2Fx", "https://x", "/\t/x"} {
		f.Add(s)
	}
	base, err := url.Parse("https://pro.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := base.Parse(login.LocalPath(s))
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Fatalf("LocalPath(%q) leads to %v, %v", s, u, err)
		}
	})
}

// open logs in and opens a session for a person.
func (r *rig) open(t *testing.T, b browser, person carnet.ID) login.Session {
	t.Helper()
	id, err := r.finish(b, r.authorize(t, r.begin(t, b, "/")))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s, err := r.site.Open(w, b.request("GET", "/", nil), login.Opening{Person: person, Name: carnet.Hide("Camille FOUGÈRE"), Organisation: "009900010", Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	return s
}

func (r *rig) current(b browser) (login.Session, error) {
	return r.site.Current(b.request("GET", "/", nil))
}

func (r *rig) person(t *testing.T) carnet.ID {
	t.Helper()
	id, err := carnet.IDs{Clock: r.clock.now, Rand: bytes.NewReader(bytes.Repeat([]byte{7}, 64))}.New()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSession(t *testing.T) {
	t.Run("opens and reads back", func(t *testing.T) {
		r := newRig(t, nil)
		b, person := browser{}, r.person(t)
		opened := r.open(t, b, person)
		got, err := r.current(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != opened.ID || got.Person != person || got.Name.Reveal() != "Camille FOUGÈRE" || got.Subject.Reveal() != "subject-1" || got.Role != protect.Professional ||
			!got.ExpiresAt.Equal(opened.CreatedAt.Add(4*time.Hour)) || got.ACR != "eidas1" || got.AuthTime.IsZero() {
			t.Errorf("session %+v", got)
		}
		if a := got.Actor(); a != (protect.Actor{ID: person, Role: protect.Professional, Organisation: "009900010", Session: got.ID}) {
			t.Errorf("actor %+v", a)
		}
		if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, "FOUGÈRE") || strings.Contains(s, "subject-1") || strings.Contains(s, "eyJ") {
			t.Errorf("a session shows itself: %s", s)
		}
		if _, ok := b["__Host-pro-login"]; ok {
			t.Error("the cookie of the login is still there")
		}
	})
	t.Run("cookies", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		w := httptest.NewRecorder()
		if err := r.site.Begin(w, b.request("POST", "/", nil)); err != nil {
			t.Fatal(err)
		}
		b.keep(w)
		id, err := r.finish(b, r.authorize(t, w.Header().Get("Location")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.site.Open(w, b.request("GET", "/", nil), login.Opening{Person: r.person(t), Identity: id}); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Result().Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-pro-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("cookie %v", c)
			}
		}
	})
	t.Run("nobody", func(t *testing.T) {
		r := newRig(t, nil)
		for name, b := range map[string]browser{
			"no cookie":      {},
			"short cookie":   {"__Host-pro-session": "x"},
			"unknown cookie": {"__Host-pro-session": strings.Repeat("A", 43)},
		} {
			if _, err := r.current(b); carnet.CodeOf(err) != login.CodeNoSession || carnet.KindOf(err) != carnet.Denied {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("a new login gives a new token and ends the old session", func(t *testing.T) {
		r := newRig(t, nil)
		b, person := browser{}, r.person(t)
		first := r.open(t, b, person)
		old := browser{"__Host-pro-session": b["__Host-pro-session"]}
		second := r.open(t, b, person)
		if first.ID == second.ID || old["__Host-pro-session"] == b["__Host-pro-session"] {
			t.Error("the session or its token is the same")
		}
		if _, err := r.current(old); carnet.CodeOf(err) != login.CodeNoSession {
			t.Errorf("the old one: %v", err)
		}
	})
	t.Run("absolute end", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		for range 24 {
			r.clock.forward(10*time.Minute - time.Second)
			if _, err := r.current(b); err != nil {
				t.Fatal(err)
			}
		}
		r.clock.forward(time.Minute)
		if _, err := r.current(b); carnet.CodeOf(err) != login.CodeSessionEnded {
			t.Errorf("after 4 h: %v", err)
		}
		if _, err := r.current(b); carnet.CodeOf(err) != login.CodeNoSession {
			t.Errorf("its row is still there: %v", err)
		}
	})
	t.Run("idle end", func(t *testing.T) {
		for idle, want := range map[time.Duration]string{14*time.Minute + 59*time.Second: "", 15 * time.Minute: login.CodeSessionEnded} {
			r := newRig(t, nil)
			b := browser{}
			r.open(t, b, r.person(t))
			r.clock.forward(idle)
			_, err := r.current(b)
			if want == "" && err != nil || want != "" && carnet.CodeOf(err) != want {
				t.Errorf("idle for %s: %v", idle, err)
			}
		}
	})
	t.Run("the clock goes back", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		r.clock.forward(-time.Hour)
		if _, err := r.current(b); carnet.CodeOf(err) != login.CodeSessionEnded {
			t.Errorf("%v", err)
		}
	})
	t.Run("not on another site", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		other := r.newSite(t, "attestation", r.profile(t))
		b["__Host-attestation-session"] = b["__Host-pro-session"]
		if _, err := other.Current(b.request("GET", "/", nil)); carnet.CodeOf(err) != login.CodeNoSession {
			t.Errorf("%v", err)
		}
	})
	t.Run("listed and ended by their owner", func(t *testing.T) {
		r := newRig(t, nil)
		desk, phone, person := browser{}, browser{}, r.person(t)
		first, second := r.open(t, desk, person), r.open(t, phone, person)
		list, err := r.site.Sessions(t.Context(), person)
		if err != nil || len(list) != 2 || list[0].Site != "pro" {
			t.Fatalf("%v %+v", err, list)
		}
		if err := r.site.EndSession(t.Context(), carnet.ID{1}, first.ID); carnet.KindOf(err) != carnet.NotFound {
			t.Errorf("somebody else's: %v", err)
		}
		if err := r.site.EndSession(t.Context(), person, first.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.current(desk); carnet.CodeOf(err) != login.CodeNoSession {
			t.Errorf("ended: %v", err)
		}
		if s, err := r.current(phone); err != nil || s.ID != second.ID {
			t.Errorf("the other: %v", err)
		}
		if n, err := r.site.EndSessions(t.Context(), person); err != nil || n != 1 {
			t.Errorf("%d %v", n, err)
		}
	})
	t.Run("a row that was altered opens nothing", func(t *testing.T) {
		for name, alter := range map[string]func(*login.Row){
			"person":  func(s *login.Row) { s.Actor = carnet.ID{9} },
			"role":    func(s *login.Row) { s.Role = protect.Insured },
			"end":     func(s *login.Row) { s.ExpiresAt = s.ExpiresAt.Add(time.Hour) },
			"content": func(s *login.Row) { s.Sealed[30] ^= 1 },
			"short":   func(s *login.Row) { s.Sealed = s.Sealed[:10] },
		} {
			r := newRig(t, nil)
			b := browser{}
			r.open(t, b, r.person(t))
			d := r.decision(t)
			row := r.row(t, b)
			alter(&row)
			if err := r.store.AddSession(t.Context(), d, row); err != nil {
				t.Fatal(err)
			}
			if _, err := r.current(b); carnet.CodeOf(err) != login.CodeNoSession {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("the rows alone tell nothing", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		row := r.row(t, b)
		dump := fmt.Sprintf("%+v %s", row, row.Sealed)
		for _, secret := range []string{"FOUG", "subject-1", "009900010", b["__Host-pro-session"], "eyJ"} {
			if strings.Contains(dump, secret) {
				t.Errorf("the row holds %q", secret)
			}
		}
	})
}

func (r *rig) decision(t *testing.T) protect.Decision {
	t.Helper()
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	return protect.NewGuard(register, carnet.IDs{Clock: r.clock.now, Rand: bytes.NewReader(bytes.Repeat([]byte{3}, 64))}).
		Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
}

func (r *rig) row(t *testing.T, b browser) login.Row {
	t.Helper()
	s, err := r.current(b)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.store.Sessions(t.Context(), r.decision(t), s.Person)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[0]
}

func TestLogout(t *testing.T) {
	out := func(t *testing.T, r *rig, b browser) *url.URL {
		t.Helper()
		w := httptest.NewRecorder()
		if err := r.site.Logout(w, b.request("POST", "/deconnexion", nil)); err != nil {
			t.Fatal(err)
		}
		b.keep(w)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther {
			t.Fatalf("status %d, %v", w.Code, err)
		}
		if _, ok := b["__Host-pro-session"]; ok {
			t.Error("the cookie is still there")
		}
		return u
	}
	t.Run("here, then at the provider", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		kept := browser{"__Host-pro-session": b["__Host-pro-session"]}
		u := out(t, r, b)
		q := u.Query()
		if u.Path != "/end" || q.Get("x") != "1" || q.Get("post_logout_redirect_uri") != "http://localhost:8401/fin" || q.Get("state") == "" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
			t.Errorf("sent to %s", u)
		}
		if _, err := r.current(kept); carnet.CodeOf(err) != login.CodeNoSession {
			t.Errorf("the session outlives the logout: %v", err)
		}
	})
	t.Run("the provider is down", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		r.clock.forward(2 * time.Hour)
		r.server.Close()
		b2 := browser{"__Host-pro-session": b["__Host-pro-session"]}
		if u := out(t, r, b2); u.String() != "/fin" {
			t.Errorf("sent to %s", u)
		}
	})
	t.Run("nobody was logged in", func(t *testing.T) {
		if u := out(t, newRig(t, nil), browser{}); u.String() != "/fin" {
			t.Errorf("sent to %s", u)
		}
	})
	t.Run("the session was over", func(t *testing.T) {
		r := newRig(t, nil)
		b := browser{}
		r.open(t, b, r.person(t))
		r.clock.forward(time.Hour)
		if u := out(t, r, b); u.String() != "/fin" {
			t.Errorf("sent to %s", u)
		}
	})
}

// failing is a store that is away.
type failing struct{ login.Store }

var errAway = carnet.E("test", carnet.Unavailable, "store.unavailable", nil)

func (failing) AddAttempt(context.Context, protect.Decision, login.Attempt) error  { return errAway }
func (failing) Purge(context.Context, protect.Decision, time.Time) error           { return nil }
func (failing) Door(context.Context, protect.Decision, func(login.Tx) error) error { return nil }
func (failing) TakeAttempt(context.Context, protect.Decision, login.Hash, login.Hash) (login.Attempt, error) {
	return login.Attempt{}, errAway
}
func (failing) SessionByToken(context.Context, protect.Decision, login.Hash) (login.Row, error) {
	return login.Row{}, errAway
}

func TestStoreAway(t *testing.T) {
	r := newRig(t, nil)
	b := browser{}
	callback := r.authorize(t, r.begin(t, b, "/"))
	b["__Host-pro-session"] = strings.Repeat("A", 43)
	p, err := login.NewProvider(r.profile(t), r.clock.now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	random := bytes.NewReader(bytes.Repeat([]byte{5}, 4096))
	s, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "http://localhost:8401", Role: protect.Professional, Absolute: time.Hour, Idle: time.Hour},
		p, failing{}, protect.NewGuard(register, carnet.IDs{Clock: r.clock.now, Rand: random}), r.clock.now, random)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	_, finish := s.Finish(w, b.request("GET", callback, nil))
	_, current := s.Current(b.request("GET", "/", nil))
	for name, err := range map[string]error{
		"begin": s.Begin(w, b.request("POST", "/", nil)), "finish": finish, "current": current, "logout": s.Logout(w, b.request("POST", "/", nil)),
	} {
		if !errors.Is(err, errAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.Body.Len() > 0 || w.Header().Get("Location") != "" || len(w.Result().Cookies()) > 0 {
		t.Error("something was answered")
	}
}

func TestProfileValidate(t *testing.T) {
	good := login.Profile{
		Name: "evil", DiscoveryURL: "https://op.example/.well-known/openid-configuration", Issuer: "https://op.example", ClientID: "c", SecretFile: "f",
		AuthMethod: login.SecretPost, Scopes: []string{"openid"}, ACRMin: "eidas2", UserInfo: login.UserInfoJWT,
	}
	tests := []struct {
		field  string
		change func(*login.Profile)
	}{
		{"", func(*login.Profile) {}},
		{"", func(p *login.Profile) { p.Issuer, p.DiscoveryURL = "http://localhost:8411", "http://127.0.0.1:8411/x" }},
		{"", func(p *login.Profile) { p.ACROrder, p.ACRMin = []string{"mfa"}, "mfa" }},
		{"name", func(p *login.Profile) { p.Name = "FC+" }},
		{"issuer", func(p *login.Profile) { p.Issuer = "http://op.example" }},
		{"issuer", func(p *login.Profile) { p.Issuer = "" }},
		{"discovery_url", func(p *login.Profile) { p.DiscoveryURL = "op.example" }},
		{"client_id", func(p *login.Profile) { p.ClientID = "" }},
		{"secret_file", func(p *login.Profile) { p.SecretFile = "" }},
		{"auth_method", func(p *login.Profile) { p.AuthMethod = "none" }},
		{"scopes", func(p *login.Profile) { p.Scopes = []string{"email"} }},
		{"prompt", func(p *login.Profile) { p.Prompt = "none" }},
		{"id_token_algs", func(p *login.Profile) { p.IDTokenAlgs = []string{"ES256", "HS256"} }},
		{"id_token_algs", func(p *login.Profile) { p.IDTokenAlgs = []string{"none"} }},
		{"acr_min", func(p *login.Profile) { p.ACRMin = "" }},
		{"acr_min", func(p *login.Profile) { p.ACRMin = "gold" }},
		{"userinfo", func(p *login.Profile) { p.UserInfo = "" }},
		{"clock_skew", func(p *login.Profile) { p.ClockSkew = time.Hour }},
		{"", func(p *login.Profile) { p.AuthMethod, p.SecretFile, p.KeyFile = login.PrivateKeyJWT, "", "k" }},
		{"", func(p *login.Profile) {
			p.AuthMethod, p.SecretFile, p.KeyFile, p.CertFile = login.MutualTLS, "", "k", "c"
		}},
		{"", func(p *login.Profile) { p.ACRMin, p.ACRAccept = "", []string{"eidas1-mfa"} }},
		{"", func(p *login.Profile) { p.UserInfo, p.EncKeys = login.UserInfoNested, []string{"k"} }},
		{"", func(p *login.Profile) { p.ExtraParams = map[string]string{"kc_idp_hint": "x", "max_age": "0"} }},
		{"key_file", func(p *login.Profile) { p.AuthMethod, p.SecretFile = login.PrivateKeyJWT, "" }},
		{"secret_file", func(p *login.Profile) { p.AuthMethod, p.KeyFile = login.PrivateKeyJWT, "k" }},
		{"key_file", func(p *login.Profile) { p.KeyFile = "k" }},
		{"cert_file", func(p *login.Profile) { p.AuthMethod, p.SecretFile, p.KeyFile = login.MutualTLS, "", "k" }},
		{"acr_accept", func(p *login.Profile) { p.ACRAccept = []string{"eidas1-mfa"} }},
		{"acr_by", func(p *login.Profile) { p.ACRBy = "header" }},
		{"enc_keys", func(p *login.Profile) { p.UserInfo = login.UserInfoNested }},
		{"extra_params", func(p *login.Profile) { p.ExtraParams = map[string]string{"nonce": "x"} }},
		{"extra_params", func(p *login.Profile) { p.ExtraParams = map[string]string{"request": "x"} }},
		{"siret", func(p *login.Profile) { p.SIRET = []string{"123"} }},
		{"login_mode", func(p *login.Profile) { p.LoginMode = "push" }},
		{"logout", func(p *login.Profile) { p.Logout = "put" }},
		{"ciba.channel", func(p *login.Profile) { p.CIBA.Channel = "PIGEON" }},
		{"ciba.binding_digits", func(p *login.Profile) { p.CIBA.BindingDigits = 1 }},
		{"ciba.max_wait", func(p *login.Profile) { p.CIBA.MaxWait = time.Hour }},
	}
	for _, tt := range tests {
		p := good
		tt.change(&p)
		err := p.Validate()
		if tt.field == "" {
			if err != nil {
				t.Errorf("refused: %v", err)
			}
			continue
		}
		problems, ok := errors.AsType[carnet.Problems](err)
		if !ok || len(problems) != 1 || problems[0].Field != tt.field || problems[0].Code != login.CodeProfile {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
	if problems, ok := errors.AsType[carnet.Problems](login.Profile{}.Validate()); !ok || len(problems) < 8 {
		t.Errorf("not every fault is told: %v", problems)
	}
}

func TestSecretFile(t *testing.T) {
	r := newRig(t, nil)
	for name, content := range map[string]string{"empty": "", "blank": " \n", "too long": strings.Repeat("a", 5000)} {
		file := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		p := r.profile(t)
		p.SecretFile = file
		if _, err := login.NewProvider(p, r.clock.now, rand.Reader, nil); carnet.CodeOf(err) != login.CodeProfile {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := r.profile(t)
	p.SecretFile = filepath.Join(t.TempDir(), "missing")
	if _, err := login.NewProvider(p, r.clock.now, rand.Reader, nil); carnet.CodeOf(err) != login.CodeProfile {
		t.Errorf("missing: %v", err)
	}
}

func TestCheckTellsDifferences(t *testing.T) {
	r := newRig(t, nil)
	p, err := login.NewProvider(r.profile(t), r.clock.now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.discovery = func(d map[string]any) {
		delete(d, "end_session_endpoint")
		d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
		d["id_token_signing_alg_values_supported"] = []string{"RS256"}
	}
	findings, err := p.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var differ []string
	for _, f := range findings {
		if !f.OK {
			differ = append(differ, f.Key)
		}
	}
	want := []string{"token_endpoint_auth_methods_supported", "id_token_signing_alg_values_supported", "acr_values_supported",
		"code_challenge_methods_supported", "authorization_response_iss_parameter_supported", "end_session_endpoint"}
	if !slices.Equal(differ, want) {
		t.Errorf("differences %v, want %v", differ, want)
	}
}

func TestSiteConfig(t *testing.T) {
	r := newRig(t, nil)
	p, err := login.NewProvider(r.profile(t), r.clock.now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := login.SiteConfig{Name: "pro", Origin: "https://pro.example", Absolute: time.Hour, Idle: time.Hour}
	for name, change := range map[string]func(*login.SiteConfig){
		"name":       func(c *login.SiteConfig) { c.Name = "Pro;" },
		"http":       func(c *login.SiteConfig) { c.Origin = "http://pro.example" },
		"path":       func(c *login.SiteConfig) { c.Origin = "https://pro.example/" },
		"idle":       func(c *login.SiteConfig) { c.Idle = 0 },
		"order":      func(c *login.SiteConfig) { c.Idle = 2 * time.Hour },
		"signed out": func(c *login.SiteConfig) { c.SignedOut = "//other.example" },
	} {
		c := good
		change(&c)
		if _, err := login.NewSite(c, p, r.store, nil, r.clock.now, nil); carnet.CodeOf(err) != login.CodeProfile {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := login.NewSite(good, p, r.store, nil, r.clock.now, nil)
	if err != nil || s.RedirectURI() != "https://pro.example/connexion/retour/evil" || s.SignedOutURI() != "https://pro.example/" {
		t.Errorf("%v", err)
	}
}
