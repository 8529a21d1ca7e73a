package sandbox_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone/phonetest"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func TestProfessionalLogsInByPhone(t *testing.T) {
	w := startProfessionals(t)
	p, ctx := w.provider(), t.Context()
	promises, err := p.Check(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range promises {
		if !x.OK {
			t.Errorf("the metadata promise %+v", x)
		}
	}
	device := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
	push := func(binding string, change func(*login.PushContext)) login.Pushed {
		t.Helper()
		c := login.PushContext{Service: "Vaccin Covid", Browser: "Firefox, Linux", Place: "Calvados (14)", Establishment: "Centre des Charmes",
			Digits: len(binding), Notify: login.NotifyNormal, At: w.later.now()}
		if change != nil {
			change(&c)
		}
		pushed, err := p.Push(ctx, login.PushRequest{Number: hide("99700000120"), Binding: binding, Context: c})
		if err != nil {
			t.Fatal(err)
		}
		w.wait()
		return pushed
	}
	t.Run("approved", func(t *testing.T) {
		pushed := push("42", nil)
		if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) != login.CodePending {
			t.Fatalf("before the approval: %v", err)
		}
		list, err := device.Requests()
		if err != nil || len(list) != 1 || list[0].Browser != "Firefox, Linux" || list[0].Place != "Calvados (14)" || list[0].Title != "Carnet, Vaccin Covid" || list[0].Establishment != "Centre des Charmes" {
			t.Fatalf("the phone shows %+v, %v", list, err)
		}
		if err := device.Approve("42"); err != nil {
			t.Fatal(err)
		}
		w.wait()
		id, err := p.Collect(ctx, pushed)
		if err != nil {
			t.Fatal(err)
		}
		pro, err := id.Claims.Professional()
		if err != nil || pro.Number.Reveal() != ines || id.AuthTime.IsZero() || id.SID == "" || id.ACR != "eidas1" {
			t.Errorf("identity: %v, sid %q", err, id.SID)
		}
		if _, err := p.Collect(ctx, pushed); err == nil {
			t.Error("R5 used twice")
		}
		t.Run("R11 reported afterwards: the session ends by a logout token", func(t *testing.T) {
			if _, err := device.Decide(list[0], "report", "", ""); err != nil {
				t.Fatal(err)
			}
			e := w.logout()
			if e.SessionID != id.SID || !e.Subject.Equal(id.Subject) || !e.Reported {
				t.Errorf("ended %q, reported %v", e.SessionID, e.Reported)
			}
		})
	})
	t.Run("R18 a lost phone ends what it opened", func(t *testing.T) {
		lost := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
		pushed := push("42", nil)
		if err := lost.Approve("42"); err != nil {
			t.Fatal(err)
		}
		id, err := p.Collect(ctx, pushed)
		if err != nil {
			t.Fatal(err)
		}
		if err := device.Revoke(lost.ID, phonetest.Code); err != nil {
			t.Fatal(err)
		}
		if e := w.logout(); e.SessionID != id.SID || e.Reported {
			t.Errorf("ended %q, reported %v", e.SessionID, e.Reported)
		}
	})
	for name, c := range map[string]struct {
		decision, number, want string
	}{
		"ECP-10 left on the phone":         {"decline", "", login.CodeDenied},
		"R11 reported on the phone":        {"report", "", login.CodeReported},
		"R3 the wrong number on the phone": {"approve", "24", login.CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			pushed := push("42", nil)
			list, err := device.Requests()
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if err := device.Show(list[0]); err != nil {
				t.Fatal(err)
			}
			_, _ = device.Decide(list[0], c.decision, c.number, phonetest.Code) // refused where the number is wrong
			if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	t.Run("R1 another request takes its place", func(t *testing.T) {
		old, now := push("42", nil), push("43", nil)
		if _, err := p.Collect(ctx, old); carnet.CodeOf(err) != login.CodeExpired {
			t.Errorf("the old one: %v", err)
		}
		if _, err := p.Collect(ctx, now); carnet.CodeOf(err) != login.CodePending {
			t.Errorf("the new one: %v", err)
		}
	})
	t.Run("R13 taken back by the site", func(t *testing.T) {
		pushed := push("42", nil)
		if err := p.CancelPush(ctx, pushed); err != nil {
			t.Fatal(err)
		}
		if list, err := device.Requests(); err != nil || len(list) > 0 {
			t.Errorf("the phone shows %d: %v", len(list), err)
		}
		if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) != login.CodeExpired {
			t.Errorf("%v", err)
		}
	})
	t.Run("R7 not notified: found by its number", func(t *testing.T) {
		pushed := push("654321", func(c *login.PushContext) { c.Notify = login.NotifyNone })
		push("111111", func(c *login.PushContext) { c.Notify = login.NotifyNone })
		r, err := device.Find("654321")
		if err != nil {
			t.Fatal(err)
		}
		if err := device.Show(r); err != nil {
			t.Fatal(err)
		}
		w.wait()
		if _, err := device.Decide(r, "approve", "654321", phonetest.Code); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Collect(ctx, pushed); err != nil {
			t.Error(err)
		}
	})
	t.Run("R5 after its time", func(t *testing.T) {
		pushed := push("42", nil)
		w.later.forward(3 * time.Minute)
		if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) != login.CodeExpired {
			t.Errorf("%v", err)
		}
	})
	t.Run("a restart loses neither phone nor request", func(t *testing.T) {
		pushed := push("42", nil)
		if err := w.sandbox.Close(); err != nil {
			t.Fatal(err)
		}
		w.open()
		if err := device.Approve("42"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Collect(ctx, pushed); err != nil {
			t.Error(err)
		}
	})
	t.Run("the log names nobody and holds no number", func(t *testing.T) {
		for _, secret := range []string{"ruy", "Inès", ines, "99700000120", "654321", "Calvados"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("it holds %q", secret)
			}
		}
	})
}

// TestUnknownNumber: whoever asks for a number that nobody has learns nothing (R8).
func TestUnknownNumber(t *testing.T) {
	w := startProfessionals(t)
	shape := func(r reply) string {
		var names []string
		for name, v := range r.body {
			s, ok := v.(string)
			if name == "auth_req_id" && ok {
				v = len(s)
			}
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name+"="+string(b))
		}
		slices.Sort(names)
		for _, h := range []string{"Content-Type", "Cache-Control", "Content-Length"} {
			names = append(names, h+": "+r.header.Get(h))
		}
		return http.StatusText(r.status) + " " + strings.Join(names, " ")
	}
	walk := func(number string) []string {
		var seen []string
		one := w.ask("login_hint", number)
		seen = append(seen, shape(one), shape(w.poll(one.id())), shape(w.poll(one.id())))
		two := w.ask("login_hint", number, "binding_message", "43")
		seen = append(seen, shape(w.poll(one.id())), shape(w.poll(two.id())))
		c := w.post(pushAt+"/cancel", first, w.secrets[first], url.Values{"auth_req_id": {two.id()}})
		return append(seen, shape(c), shape(w.poll(two.id())))
	}
	phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
	known, unknown := walk(ines), walk(nobody)
	for i := range known {
		if known[i] != unknown[i] {
			t.Errorf("R8 step %d: known %s\nunknown %s", i, known[i], unknown[i])
		}
	}
	t.Run("told at once where a conformance suite wants it", func(t *testing.T) {
		w := startProfessionals(t, func(c *sandbox.Config) { c.Told = true })
		if r := w.ask("login_hint", nobody); r.error() != "unknown_user_id" || r.status != 400 {
			t.Errorf("%d %v", r.status, r.body)
		}
		if r := w.ask(); r.status != 200 {
			t.Errorf("%d %v", r.status, r.body)
		}
	})
}

// TestPushGuard: what the engine would let pass.
func TestPushGuard(t *testing.T) {
	w := startProfessionals(t)
	for _, c := range []struct {
		name string
		more []string
		want string // error; "" for accepted
	}{
		{"as it should be", nil, ""},
		{"11 digits", []string{"login_hint", "99700000120"}, ""},
		{"a parameter that is not known", []string{"x", "y"}, "invalid_request"},
		{"request_context", []string{"request_context", `{"service":"a","notify":"quiet"}`, "binding_message", "123456"}, ""},
		{"request_context with words of tomorrow", []string{"request_context", `{"colour":"green"}`}, ""},
		{"request_context that is a list", []string{"request_context", `[]`}, "invalid_request"},
		{"request_context that is not JSON", []string{"request_context", `x`}, "invalid_request"},
		{"request_context far too long", []string{"request_context", `{"service":"` + strings.Repeat("a", 3000) + `"}`}, "invalid_request"},
		{"a text that breaks the page", []string{"request_context", `{"service":"a\u0000b"}`}, "invalid_request"},
		{"a text that runs backwards", []string{"request_context", `{"service":"a\u202eb"}`}, "invalid_request"},
		{"notify of another kind", []string{"request_context", `{"notify":"loud"}`}, "invalid_request"},
		{"R9 two digits where six are needed", []string{"request_context", `{"first_time":true}`}, "invalid_binding_message"},
		{"no binding message", []string{"binding_message", "-"}, "invalid_binding_message"},
		{"a binding message of words", []string{"binding_message", "validez vite"}, "invalid_binding_message"},
		{"no hint", []string{"login_hint", "-"}, "invalid_request"},
		{"id_token_hint", []string{"login_hint", "-", "id_token_hint", "x"}, "invalid_request"},
		{"a card reader", []string{"channel", "CARD"}, "invalid_request"},
		{"no channel", []string{"channel", "-"}, ""},
		{"scope without openid", []string{"scope", "scope_all"}, "invalid_request"},
		{"a scope that is not there", []string{"scope", "openid address"}, "invalid_scope"},
		{"requested_expiry of words", []string{"requested_expiry", "soon"}, "invalid_request"},
		{"user_code", []string{"user_code", "1234"}, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.ask(c.more...)
			if r.error() != c.want || c.want == "" && (r.status != 200 || r.id() == "") || c.want != "" && r.status != 400 {
				t.Errorf("%d %v, want %q", r.status, r.body, c.want)
			}
			if r.header.Get("Cache-Control") == "" || strings.Contains(r.header.Get("Access-Control-Allow-Origin"), "*") {
				t.Errorf("headers %v", r.header)
			}
		})
	}
	t.Run("a parameter twice", func(t *testing.T) {
		q := asked()
		q.Add("login_hint", nobody)
		if r := w.post(pushAt, first, w.secrets[first], q); r.error() != "invalid_request" {
			t.Errorf("%v", r.body)
		}
	})
	t.Run("R5 requested_expiry is held within 30 and 300 s", func(t *testing.T) {
		for asked, want := range map[string]float64{"2": 30, "-5": 30, "99999999": 300, "1e9": 300, "90": 90, "-": 120} {
			r := w.ask("requested_expiry", asked)
			if got, _ := r.body["expires_in"].(float64); got < want-1 || got > want || r.body["interval"] != 5.0 {
				t.Errorf("%s gives %v", asked, r.body)
			}
		}
	})
	t.Run("R5 slow_down, and five seconds more", func(t *testing.T) {
		id := w.ask("requested_expiry", "300").id()
		for _, step := range []struct {
			after time.Duration
			want  string
		}{
			{0, "authorization_pending"}, {5 * time.Second, "authorization_pending"}, {time.Second, "slow_down"}, {6 * time.Second, "slow_down"}, {16 * time.Second, "authorization_pending"},
		} {
			w.later.forward(step.after)
			if r := w.poll(id); r.error() != step.want || r.status != 400 {
				t.Errorf("after %s: %d %v, want %s", step.after, r.status, r.body, step.want)
			}
		}
	})
	t.Run("the private cancel needs the client", func(t *testing.T) {
		id := w.ask().id()
		for _, c := range [][2]string{{"", ""}, {first, "wrong"}, {"nobody", w.secrets[first]}} {
			if r := w.post(pushAt+"/cancel", c[0], c[1], url.Values{"auth_req_id": {id}}); r.status != 401 || r.error() != "invalid_client" {
				t.Errorf("%v: %d %v", c, r.status, r.body)
			}
		}
		if r := w.post(pushAt+"/cancel", second, w.secrets[second], url.Values{"auth_req_id": {id}}); r.status != 204 {
			t.Errorf("%d", r.status)
		}
		if r := w.poll(id); r.error() != "authorization_pending" {
			t.Errorf("another client took it back: %v", r.body)
		}
		if r := w.post(pushAt+"/cancel", first, w.secrets[first], url.Values{}); r.status != 400 {
			t.Errorf("%d", r.status)
		}
	})
	t.Run("introspection and revocation of an access token", func(t *testing.T) {
		device := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
		id := w.ask().id()
		if err := device.Approve("42"); err != nil {
			t.Fatal(err)
		}
		access := w.poll(id).access()
		const look, revoke = "/protocol/openid-connect/token/introspect", "/protocol/openid-connect/revoke"
		token := url.Values{"token": {access}}
		if r := w.post(look, first, w.secrets[first], token); r.status != 200 || r.body["active"] != true || r.body["SubjectNameID"] != ines || r.body["client_id"] != first {
			t.Errorf("%d %v", r.status, r.body)
		}
		if r := w.post(look, first, w.secrets[first], url.Values{"token": {"x"}}); r.status != 200 || r.body["active"] != false || len(r.body) != 1 {
			t.Errorf("an unknown token: %d %v", r.status, r.body)
		}
		if r := w.post(look, second, w.secrets[second], token); r.body["active"] == true || r.body["SubjectNameID"] != nil {
			t.Errorf("another client: %d %v", r.status, r.body)
		}
		if r := w.post(look, "", "", token); r.status != 401 {
			t.Errorf("nobody: %d %v", r.status, r.body)
		}
		if r := w.post(revoke, first, w.secrets[first], token); r.status != 200 {
			t.Errorf("revocation: %d %v", r.status, r.body)
		}
		if r := w.post(look, first, w.secrets[first], token); r.body["active"] != false {
			t.Errorf("after the revocation: %v", r.body)
		}
	})
	t.Run("logout by the server of the client", func(t *testing.T) {
		device := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
		id := w.ask().id()
		if err := device.Approve("42"); err != nil {
			t.Fatal(err)
		}
		const logout = "/protocol/openid-connect/logout"
		hint := w.poll(id).idToken()
		if r := w.post(logout, "", "", url.Values{"id_token_hint": {hint}, "client_id": {first}}); r.status != 204 {
			t.Errorf("%d %v", r.status, r.body)
		}
		for _, q := range []url.Values{{}, {"id_token_hint": {hint + "x"}}, {"id_token_hint": {hint}, "client_id": {second}}} {
			if r := w.post(logout, "", "", q); r.status != 400 {
				t.Errorf("%v: %d", q, r.status)
			}
		}
	})
}

// TestFAPICIBAID1 has one test for each module of the OpenID Foundation's suite for CIBA providers
// with poll delivery that can be asked of this one; docs/conformance-ciba.md is the table.
func TestFAPICIBAID1(t *testing.T) {
	w := startProfessionals(t)
	device := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
	accepted := func(t *testing.T, r reply) string {
		t.Helper()
		if r.status != 200 || len(r.id()) < 22 || !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(r.id()) || r.body["expires_in"].(float64) <= 0 {
			t.Fatalf("%d %v", r.status, r.body)
		}
		return r.id()
	}
	refused := func(t *testing.T, r reply, status int, codes ...string) {
		t.Helper()
		if r.status != status || !slices.Contains(codes, r.error()) || r.body["error_description"] == "" {
			t.Errorf("%d %v, want %d %v", r.status, r.body, status, codes)
		}
	}
	tokens := func(t *testing.T, id string) reply {
		t.Helper()
		if err := device.Approve("42"); err != nil {
			t.Fatal(err)
		}
		r := w.poll(id)
		if r.status != 200 || r.access() == "" || r.body["token_type"] != "Bearer" || r.idToken() == "" {
			t.Fatalf("%d %v", r.status, r.body)
		}
		return r
	}
	tests := map[string]func(*testing.T){
		"FAPICIBAID1": func(t *testing.T) {
			id := accepted(t, w.ask())
			refused(t, w.poll(id), 400, "authorization_pending")
			r := tokens(t, id)
			signed, err := jwt.ParseSigned(r.idToken(), []jose.SignatureAlgorithm{jose.ES256})
			if err != nil {
				t.Fatal(err)
			}
			var c struct {
				Iss      string `json:"iss"`
				Aud      string `json:"aud"`
				Sub      string `json:"sub"`
				Acr      string `json:"acr"`
				Sid      string `json:"sid"`
				Iat      int64  `json:"iat"`
				Exp      int64  `json:"exp"`
				AuthTime int64  `json:"auth_time"`
			}
			if err := signed.UnsafeClaimsWithoutVerification(&c); err != nil {
				t.Fatal(err)
			}
			now := w.later.now().Unix()
			if c.Iss != w.server.URL+realm || c.Aud != first || c.Sub == "" || c.Acr != "eidas1" || c.Sid == "" || c.Iat > now+1 || c.Exp <= now || c.AuthTime < now-5 {
				t.Errorf("%+v", c)
			}
			q, err := http.NewRequest("GET", w.server.URL+realm+"/protocol/openid-connect/userinfo", nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Authorization", "Bearer "+r.access())
			resp, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var info struct{ Sub, SubjectNameID string }
			if err := json.NewDecoder(resp.Body).Decode(&info); err != nil || info.Sub != c.Sub || info.SubjectNameID != ines {
				t.Errorf("%v %+v", err, info)
			}
		},
		"FAPICIBAID1DiscoveryEndpointVerification": func(t *testing.T) {
			resp, err := http.Get(w.server.URL + realm + "/.well-known/wallet-openid-configuration")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var m struct {
				Issuer   string
				Push     string   `json:"backchannel_authentication_endpoint"`
				Cancel   string   `json:"backchannel_authentication_cancel_endpoint"`
				Modes    []string `json:"backchannel_token_delivery_modes_supported"`
				Grants   []string `json:"grant_types_supported"`
				Algs     []string `json:"id_token_signing_alg_values_supported"`
				Logout   bool     `json:"backchannel_logout_supported"`
				Sessions bool     `json:"backchannel_logout_session_supported"`
				UserCode bool     `json:"backchannel_user_code_parameter_supported"`
			}
			if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
				t.Fatal(err)
			}
			if m.Issuer != w.server.URL+realm || m.Push != m.Issuer+pushAt || m.Cancel != m.Push+"/cancel" || !slices.Equal(m.Modes, []string{"poll"}) ||
				!slices.Contains(m.Grants, "urn:openid:params:grant-type:ciba") || !slices.Equal(m.Algs, []string{"ES256"}) || !m.Logout || !m.Sessions || m.UserCode {
				t.Errorf("%+v", m)
			}
		},
		"FAPICIBAID1AuthReqIdExpired": func(t *testing.T) {
			id := accepted(t, w.ask("requested_expiry", "30"))
			w.later.forward(31 * time.Second)
			refused(t, w.poll(id), 400, "expired_token")
		},
		"FAPICIBAID1MultipleCallToTokenEndpoint": func(t *testing.T) {
			id := accepted(t, w.ask())
			tokens(t, id)
			for range 3 {
				refused(t, w.poll(id), 400, "invalid_grant")
			}
		},
		"FAPICIBAID1UserRejectsAuthentication": func(t *testing.T) {
			id := accepted(t, w.ask())
			list, err := device.Requests()
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if _, err := device.Decide(list[0], "decline", "", ""); err != nil {
				t.Fatal(err)
			}
			refused(t, w.poll(id), 400, "access_denied")
		},
		"FAPICIBAID1EnsureAuthorizationRequestWithBindingMessageSucceeds": func(t *testing.T) {
			accepted(t, w.ask("binding_message", "1234"))
		},
		"FAPICIBAID1EnsureAuthorizationRequestWithPotentiallyBadBindingMessage": func(t *testing.T) {
			refused(t, w.ask("binding_message", "1234 👍🏿 品川 1234"), 400, "invalid_binding_message")
		},
		"FAPICIBAID1EnsureAuthorizationRequestWithMultipleHintsFails": func(t *testing.T) {
			refused(t, w.ask("id_token_hint", "x"), 400, "invalid_request")
		},
		"FAPICIBAID1EnsureRequestedExpiryAsStringSucceeds": func(t *testing.T) { // a form knows no other kind
			accepted(t, w.ask("requested_expiry", "30"))
		},
		"FAPICIBAID1EnsureOtherScopeOrderSucceeds": func(t *testing.T) {
			tokens(t, accepted(t, w.ask("scope", "scope_all openid")))
		},
		"FAPICIBAID1EnsureWrongAuthenticationRequestIdInTokenEndpointRequest": func(t *testing.T) {
			refused(t, w.poll(accepted(t, w.ask())+"x"), 400, "invalid_grant")
		},
		"FAPICIBAID1EnsureWrongClientIdInBackchannelAuthorizationRequest": func(t *testing.T) {
			refused(t, w.post(pushAt, second, w.secrets[first], asked()), 401, "invalid_client")
		},
		"FAPICIBAID1EnsureWrongClientIdInTokenEndpointRequest": func(t *testing.T) {
			id := accepted(t, w.ask())
			if err := device.Approve("42"); err != nil {
				t.Fatal(err)
			}
			refused(t, w.pollAs(second, w.secrets[second], id), 400, "invalid_grant")
			if r := w.poll(id); r.status != 200 { // the engine would have spoilt it
				t.Errorf("its own client afterwards: %d %v", r.status, r.body)
			}
		},
		"FAPICIBAID1EnsureDifferentClientIdAndIssuerInBackchannelAuthorizationRequest": func(t *testing.T) {
			refused(t, w.ask("client_id", second), 401, "invalid_client")
		},
		"FAPICIBAID1EnsureWithoutClientAssertionInBackchannelAuthorizationRequestFails": func(t *testing.T) {
			refused(t, w.post(pushAt, "", "", asked("client_id", first)), 401, "invalid_client")
		},
		"FAPICIBAID1EnsureWithoutClientAssertionInTokenEndpointFails": func(t *testing.T) {
			r := w.post("/protocol/openid-connect/token", "", "", url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {w.ask().id()}, "client_id": {first}})
			refused(t, r, 401, "invalid_client")
		},
		"FAPICIBAID1RefreshToken": func(t *testing.T) { // none is given: each session asks the phone again
			r := tokens(t, accepted(t, w.ask()))
			if r.body["refresh_token"] != nil {
				t.Error("there is one")
			}
			got := w.post("/protocol/openid-connect/token", first, w.secrets[first], url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
			refused(t, got, 400, "unsupported_grant_type", "unauthorized_client", "invalid_request")
		},
	}
	for name, test := range tests {
		t.Run(name, test)
	}
	table := readFile(t, "../../docs/conformance-ciba.md")
	for name := range tests {
		if !strings.Contains(table, "| `"+name+"` | yes |") {
			t.Errorf("docs/conformance-ciba.md does not have %s", name)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(FAPICIBAID1[A-Za-z0-9]*)` \\| yes \\|").FindAllStringSubmatch(table, -1) {
		if tests[m[1]] == nil {
			t.Errorf("docs/conformance-ciba.md says that %s is tested", m[1])
		}
	}
}

// TestRunB lets npm openid-client, a relying party that others wrote, log in by phone.
func TestRunB(t *testing.T) {
	if os.Getenv("CARNET_PEERS") == "" {
		t.Fatal("CARNET_PEERS is not set: scripts/test installs the packages and sets it")
	}
	w := startProfessionals(t, func(c *sandbox.Config) { c.Told = true })
	device := phonetest.Give(t, w.server.URL, "ines.bruyere", rand.Reader)
	in, err := json.Marshal(map[string]string{
		"discovery": w.server.URL + realm + "/.well-known/wallet-openid-configuration", "issuer": w.server.URL + realm,
		"client_id": first, "client_secret": w.secrets[first], "number": ines, "nobody": nobody,
	})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "../../e2e/peers/phone.mjs", string(in))
	node.Stderr = os.Stderr
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	// The script asks for what happens beside it: the phone's answers, and time passing.
	said := newLines(func(line string) {
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "approve":
			err = device.Approve("42")
		case "decline":
			var list []phonetest.Request
			if list, err = device.Requests(); err == nil && len(list) == 1 {
				_, err = device.Decide(list[0], "decline", "", "")
			}
		case "wait":
			w.wait()
		case "expire":
			w.later.forward(31 * time.Second)
		default:
			return
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if _, err := stdin.Write([]byte("done\n")); err != nil {
			t.Error(err)
		}
	})
	node.Stdout = said
	if err := node.Run(); err != nil {
		t.Fatalf("phone.mjs: %v", err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(said.last), &got); err != nil {
		t.Fatalf("%v: %s", err, said.last)
	}
	for name, want := range map[string]string{
		"early": "authorization_pending", "nominal": "eidas1", "subject": ines, "replay": "invalid_grant", "denial": "access_denied",
		"expiry": "expired_token", "binding": "invalid_binding_message", "unknown": "unknown_user_id", "quick": "slow_down", "alg": "ES256",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// lines hands over each line that is written to it.
type lines struct {
	each func(string)
	part bytes.Buffer
	last string
}

func newLines(each func(string)) *lines { return &lines{each: each} }

func (l *lines) Write(b []byte) (int, error) {
	l.part.Write(b)
	for {
		line, err := l.part.ReadString('\n')
		if err != nil {
			l.part.WriteString(line)
			return len(b), nil
		}
		l.last = strings.TrimSpace(line)
		l.each(l.last)
	}
}
