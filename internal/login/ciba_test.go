package login_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
)

// ciba turns a profile into one that reaches phones.
func ciba(p *login.Profile) {
	p.LoginMode = login.ModeCIBA
	p.CIBA = login.CIBA{Channel: "MOBILE", Context: true, Cancel: true}
}

// both applies two changes of a profile.
func both(a, b func(*login.Profile)) func(*login.Profile) {
	return func(p *login.Profile) {
		a(p)
		if b != nil {
			b(p)
		}
	}
}

func (r *rig) push(t *testing.T) (login.Pushed, error) {
	t.Helper()
	return r.provider.Push(t.Context(), login.PushRequest{Number: carnet.Hide("99700000112"), Binding: "42", Context: login.PushContext{Service: "Vaccin Covid", At: r.clock.now()}})
}

// call goes all the way: it pushes, waits and collects once.
func (r *rig) call(t *testing.T) (login.Identity, error) {
	t.Helper()
	c, err := r.push(t)
	if err != nil {
		return login.Identity{}, err
	}
	r.clock.forward(5 * time.Second)
	return r.provider.Collect(t.Context(), c)
}

// TestEvilProviderOfCalls gives a call every answer of the table but those that come through the
// browser, which a call does not have, nor a nonce.
func TestEvilProviderOfCalls(t *testing.T) {
	n := 0
	for _, tt := range evilAnswers(t) {
		if name := tt.name; strings.HasPrefix(name, "nonce ") || strings.HasPrefix(name, "response ") || strings.HasPrefix(name, "state ") || strings.HasPrefix(name, "code ") ||
			strings.HasPrefix(name, "the p") || strings.Contains(name, "another error") || strings.Contains(name, "of another provider") {
			continue
		}
		n++
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, both(ciba, tt.profile))
			if tt.evil != nil {
				tt.evil(r)
			}
			_, err := r.call(t)
			r.judge(t, tt.want, err)
		})
	}
	if n < 45 {
		t.Errorf("%d answers were given", n)
	}
}

// TestEvilCall is about what only a call has.
func TestEvilCall(t *testing.T) {
	answer := func(name string, v any) func(*rig) {
		return func(r *rig) {
			r.pushed = func(m map[string]any) {
				if m[name] = v; v == nil {
					delete(m, name)
				}
			}
		}
	}
	phone := func(code, description string) func(*rig) {
		return func(r *rig) { r.phone = func() (string, string) { return code, description } }
	}
	info := func(name string, v any) func(*rig) {
		return func(r *rig) { r.userInfo = func(c map[string]any) { c[name] = v } }
	}
	path := func(p string, h http.HandlerFunc) func(*rig) { return func(r *rig) { r.serve[p] = h } }
	tests := []struct {
		name string
		evil func(*rig)
		want string
	}{
		{"as agreed (ok)", nil, ""},
		{"auth_req_id missing", answer("auth_req_id", nil), login.CodeProviderDown},
		{"auth_req_id empty", answer("auth_req_id", ""), login.CodeProviderDown},
		{"auth_req_id with other characters", answer("auth_req_id", "a b\n"), login.CodeProviderDown},
		{"auth_req_id too long", answer("auth_req_id", strings.Repeat("a", 1025)), login.CodeProviderDown},
		{"auth_req_id a number", answer("auth_req_id", 7), login.CodeProviderDown},
		{"expires_in missing", answer("expires_in", nil), login.CodeProviderDown},
		{"expires_in zero", answer("expires_in", 0), login.CodeProviderDown},
		{"expires_in negative", answer("expires_in", -5), login.CodeProviderDown},
		{"expires_in a text", answer("expires_in", "120"), login.CodeProviderDown},
		{"expires_in without measure (ok, bounded)", answer("expires_in", 1e300), ""},
		{"expires_in shorter than the interval", answer("expires_in", 2), login.CodeExpired},
		{"interval negative", answer("interval", -1), login.CodeProviderDown},
		{"interval without measure", answer("interval", 1e9), login.CodeProviderDown},
		{"interval missing (ok, five seconds)", answer("interval", nil), ""},
		{"number unknown", answer("error", "unknown_user_id"), login.CodeUnknownUser},
		{"call refused", answer("error", "access_denied"), login.CodeDenied},
		{"binding number refused", answer("error", "invalid_binding_message"), login.CodeRefused},
		{"client unknown", answer("error", "invalid_client"), login.CodeRefused},
		{"calls not allowed", answer("error", "unauthorized_client"), login.CodeRefused},
		{"push endpoint fails", path("/push", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }), login.CodeProviderDown},
		{"push endpoint too busy", path("/push", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }), login.CodeProviderDown},
		{"push endpoint redirects", path("/push", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}), login.CodeProviderDown},
		{"push answer not JSON", path("/push", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }), login.CodeProviderDown},
		{"push answer oversized", path("/push", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"auth_req_id":"a","expires_in":60,"pad":"%s"}`, strings.Repeat("a", 2<<20))
		}), login.CodeProviderDown},
		{"nobody has answered", phone("authorization_pending", ""), login.CodePending},
		{"asked too often", phone("slow_down", ""), login.CodeSlowDown},
		{"the professional refuses", phone("access_denied", ""), login.CodeDenied},
		{"the professional refuses, with words", phone("access_denied", "the end-user refused"), login.CodeDenied},
		{"it was not me", phone("access_denied", "reported"), login.CodeReported},
		{"expired", phone("expired_token", ""), login.CodeExpired},
		{"answered already", phone("invalid_grant", ""), login.CodeRefused},
		{"invalid request", phone("invalid_request", ""), login.CodeRefused},
		{"SubjectNameID differs", info("SubjectNameID", "899700218896"), login.CodeToken},
		{"SubjectNameID missing", info("SubjectNameID", nil), login.CodeToken},
		{"SubjectNameID no RPPS", info("SubjectNameID", "30B0168811/CPET00001"), login.CodeToken},
		{"SubjectNameID of eleven digits (ok)", info("SubjectNameID", number[1:]), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, ciba)
			if tt.evil != nil {
				tt.evil(r)
			}
			_, err := r.call(t)
			r.judge(t, tt.want, err)
		})
	}
	t.Run("interval ignored: of a provider that has none, a second is kept", func(t *testing.T) {
		r := newRig(t, ciba)
		answer("interval", 0)(r)
		if c, err := r.push(t); err != nil || c.Interval != time.Second {
			t.Errorf("%s %v", c.Interval, err)
		}
		answer("interval", nil)(r)
		if c, err := r.push(t); err != nil || c.Interval != 5*time.Second {
			t.Errorf("%s %v", c.Interval, err)
		}
	})
	t.Run("another host than the profile's", func(t *testing.T) {
		r := newRig(t, ciba)
		r.discovery = func(d map[string]any) { d["backchannel_authentication_endpoint"] = "https://test.example/ciba" }
		if _, err := r.push(t); carnet.CodeOf(err) != login.CodeProviderDown {
			t.Errorf("%v", err)
		}
		// Where calls are not used the address is not held against the provider.
		r = newRig(t, nil)
		r.discovery = func(d map[string]any) { d["backchannel_authentication_endpoint"] = "https://test.example/ciba" }
		if _, err := r.login(t); err != nil {
			t.Errorf("by code: %v", err)
		}
	})
	t.Run("no endpoint for calls", func(t *testing.T) {
		r := newRig(t, ciba)
		r.discovery = func(d map[string]any) { delete(d, "backchannel_authentication_endpoint") }
		if _, err := r.push(t); carnet.CodeOf(err) != login.CodeProviderDown {
			t.Errorf("%v", err)
		}
	})
	t.Run("a number that is none, a profile without calls, a binding that is none", func(t *testing.T) {
		r := newRig(t, ciba)
		for want, q := range map[string]login.PushRequest{
			login.CodeNumber:  {Number: carnet.Hide("99700000113"), Binding: "42"},
			login.CodeRefused: {Number: carnet.Hide("99700000112"), Binding: "4"},
		} {
			if _, err := r.provider.Push(t.Context(), q); carnet.CodeOf(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		if len(r.forms["/push"]) > 0 {
			t.Error("the provider was asked")
		}
		if _, err := newRig(t, nil).push(t); carnet.CodeOf(err) != login.CodeProfile {
			t.Errorf("%v", err)
		}
	})
}

func TestCallRequest(t *testing.T) {
	r := newRig(t, ciba)
	at := time.Date(2026, 11, 21, 22, 15, 0, 0, time.UTC)
	context := login.PushContext{Service: "Vaccin Covid", Browser: "Firefox, Linux", Place: "Calvados", Establishment: "Centre du Tilleul", Delegate: "Camille Aubépine",
		FirstTime: true, Unusual: true, Digits: 6, Notify: login.NotifyQuiet, At: at}
	c, err := r.provider.Push(t.Context(), login.PushRequest{Number: carnet.Hide("8 99700000112"), Binding: "042137", Lifetime: time.Hour, Context: context})
	if err != nil {
		t.Fatal(err)
	}
	form := r.forms["/push"][0]
	var sent map[string]any
	if err := json.Unmarshal([]byte(form.Get("request_context")), &sent); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"service": "Vaccin Covid", "browser": "Firefox, Linux", "place": "Calvados", "establishment": "Centre du Tilleul", "delegate": "Camille Aubépine",
		"first_time": true, "unusual": true, "digits": 6.0, "notify": "quiet", "at": "2026-11-21T22:15:00Z"}
	if !reflect.DeepEqual(sent, want) {
		t.Errorf("context %v", sent)
	}
	form.Del("request_context")
	if want := (url.Values{"scope": {"openid"}, "acr_values": {"eidas1"}, "login_hint": {number}, "binding_message": {"042137"}, "requested_expiry": {"120"}, "channel": {"MOBILE"}}); !reflect.DeepEqual(form, want) {
		t.Errorf("request %v", form)
	}
	if !c.ExpiresAt.Equal(c.At.Add(2*time.Minute)) || c.Interval != 5*time.Second || c.Number.Reveal() != number || c.RequestID.Reveal() != requestID {
		t.Errorf("call %+v", c)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, requestID) || strings.Contains(s, number) {
		t.Errorf("a call shows itself: %s", s)
	}
	t.Run("without channel and context", func(t *testing.T) {
		r := newRig(t, func(p *login.Profile) { p.LoginMode = login.ModeCIBA })
		if _, err := r.push(t); err != nil {
			t.Fatal(err)
		}
		if f := r.forms["/push"][0]; f.Has("channel") || f.Has("request_context") {
			t.Errorf("request %v", f)
		}
	})
	t.Run("life", func(t *testing.T) {
		for asked, want := range map[time.Duration]string{0: "120", time.Second: "30", 90 * time.Second: "90", time.Hour: "120"} {
			r := newRig(t, ciba)
			if _, err := r.provider.Push(t.Context(), login.PushRequest{Number: carnet.Hide(number), Binding: "42", Lifetime: asked}); err != nil {
				t.Fatal(err)
			}
			if got := r.forms["/push"][0].Get("requested_expiry"); got != want {
				t.Errorf("%s asked: %s s sent, want %s", asked, got, want)
			}
		}
	})
}

func TestCallIsOverAtItsEnd(t *testing.T) {
	r := newRig(t, ciba)
	c, err := r.push(t)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.forward(2 * time.Minute)
	if _, err := r.provider.Collect(t.Context(), c); carnet.CodeOf(err) != login.CodeExpired || len(r.forms["/token"]) > 0 {
		t.Errorf("after its end: %v", err)
	}
	r.clock.forward(-time.Hour)
	if _, err := r.provider.Collect(t.Context(), c); carnet.CodeOf(err) != login.CodeExpired {
		t.Errorf("before it was asked: %v", err)
	}
	if _, err := r.provider.Collect(t.Context(), login.Pushed{At: r.clock.now(), ExpiresAt: r.clock.now().Add(time.Minute)}); carnet.KindOf(err) != carnet.Internal {
		t.Errorf("a call that was never asked: %v", err)
	}
}

func TestCancelPush(t *testing.T) {
	r := newRig(t, ciba)
	c, err := r.push(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.provider.CancelPush(t.Context(), c); err != nil || len(r.forms["/cancel"]) != 1 || r.forms["/cancel"][0].Get("auth_req_id") != requestID {
		t.Errorf("%v %v", err, r.forms["/cancel"])
	}
	r.serve["/cancel"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	if err := r.provider.CancelPush(t.Context(), c); carnet.CodeOf(err) != login.CodeProviderDown {
		t.Error(err)
	}
	t.Run("where there is nothing to take it back with", func(t *testing.T) {
		r := newRig(t, both(ciba, func(p *login.Profile) { p.CIBA.Cancel = false }))
		if err := r.provider.CancelPush(t.Context(), c); err != nil || r.requests["/cancel"] > 0 {
			t.Error(err)
		}
		r = newRig(t, ciba)
		r.discovery = func(d map[string]any) { delete(d, "backchannel_authentication_cancel_endpoint") }
		if err := r.provider.CancelPush(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
}

func TestProviderOfCallsAway(t *testing.T) {
	r := newRig(t, ciba)
	c, err := r.push(t)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.forward(5 * time.Second)
	r.server.Close()
	if _, err := r.provider.Collect(t.Context(), c); carnet.CodeOf(err) != login.CodeProviderDown || carnet.KindOf(err) != carnet.Unavailable {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.provider.Collect(gone, c); carnet.CodeOf(err) != login.CodeProviderDown {
		t.Error(err)
	}
}
