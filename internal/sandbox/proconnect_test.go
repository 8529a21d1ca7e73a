package sandbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
)

// TestStaffLogIn checks what the relying party makes of each member of staff.
func TestStaffLogIn(t *testing.T) {
	w := start(t, t.TempDir())
	for _, p := range w.sandbox.World.Staff {
		t.Run(p.Identifier, func(t *testing.T) {
			b := newBrowser(t).do("POST", w.protection.server.URL+"/connexion", url.Values{login.FieldReturn: {"/moi"}})
			b.submit(w.pc.URL, p.Identifier, pass, "login")
			switch p.Identifier {
			case "prive@entreprise-des-pins.invalid":
				if b.last.StatusCode != 403 || !strings.Contains(b.body, "Y500015") {
					t.Errorf("%d", b.last.StatusCode)
				}
				return
			case "motdepasse@caisse-des-bois.invalid":
				if carnet.CodeOf(w.protection.err) != login.CodeLevel {
					t.Errorf("a password alone: %v", w.protection.err)
				}
				return
			}
			if w.protection.err != nil {
				t.Fatal(w.protection.err)
			}
			var c struct {
				SIRET, Email, UID string
				Given             string `json:"given_name"`
				Usual             string `json:"usual_name"`
			}
			if err := w.protection.identity.Claims.Decode(&c); err != nil {
				t.Fatal(err)
			}
			if c.SIRET != p.SIRET || c.Email != p.Identifier || c.UID != p.UID || c.Given != p.GivenName.Reveal() || c.Usual != p.FamilyName.Reveal() {
				t.Errorf("claims are not those of the persona")
			}
			if w.protection.identity.ACR != p.ACR {
				t.Errorf("acr %s", w.protection.identity.ACR)
			}
			b.do("POST", w.protection.server.URL+"/deconnexion", nil)
			if p.Identifier == "parti@caisse-des-bois.invalid" {
				if b.last.StatusCode != 400 || !strings.Contains(b.body, "Y020019") {
					t.Errorf("log-out without identity provider: %d", b.last.StatusCode)
				}
			} else if b.last.StatusCode != 200 || !strings.Contains(b.body, "personne") {
				t.Errorf("log-out: %d", b.last.StatusCode)
			}
		})
	}
}

// staffQuery is a request that the proconnect issuer accepts.
func (w *world) staffQuery() url.Values {
	long := strings.Repeat("0123456789", 4)
	return url.Values{
		"client_id": {"carnet-protection"}, "redirect_uri": {w.protection.RedirectURI()}, "response_type": {"code"},
		"scope": {"openid email siret"}, "state": {long}, "nonce": {long},
		"claims": {`{"id_token":{"acr":{"essential":true,"values":["eidas1-mfa"]},"amr":{"essential":true}}}`},
	}
}

// TestStaffGuard checks the requests that ProConnect refuses and how (specification, section 3).
func TestStaffGuard(t *testing.T) {
	w := start(t, t.TempDir())
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		status int
		code   string
		error  string
	}{
		{"accepted", func(url.Values) {}, 200, "", ""},
		{"PKCE", func(q url.Values) {
			q.Set("code_challenge", strings.Repeat("x", 43))
			q.Set("code_challenge_method", "S256")
		}, 400, "Y000400", ""},
		{"max_age", func(q url.Values) { q.Set("max_age", "0") }, 400, "Y000400", ""},
		{"acr_values", func(q url.Values) { q.Set("acr_values", "eidas1") }, 400, "Y000400", ""},
		{"ui_locales", func(q url.Values) { q.Set("ui_locales", "fr") }, 400, "Y000400", ""},
		{"state of 31", func(q url.Values) { q.Set("state", strings.Repeat("x", 31)) }, 400, "Y000400", ""},
		{"nonce of 31", func(q url.Values) { q.Set("nonce", strings.Repeat("x", 31)) }, 400, "Y000400", ""},
		{"no nonce", func(q url.Values) { q.Del("nonce") }, 400, "Y000400", ""},
		{"unknown client", func(q url.Values) { q.Set("client_id", "x") }, 400, "Y04A586", ""},
		{"address with a slash more", func(q url.Values) { q.Set("redirect_uri", q.Get("redirect_uri")+"/") }, 400, "Y030031", ""},
		{"login_hint", func(q url.Values) { q.Set("login_hint", "dpo@caisse-des-bois.invalid") }, 200, "", ""},
		{"prompt none, nobody there", func(q url.Values) { q.Set("prompt", "none") }, 303, "", "login_required"},
		{"prompt select_account", func(q url.Values) { q.Set("prompt", "select_account") }, 400, "Y000400", ""},
		{"scope without openid", func(q url.Values) { q.Set("scope", "email") }, 303, "", "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := w.staffQuery()
			tt.change(q)
			b := newBrowser(t).callback(w.protection.CallbackPath())
			b.get(w.pc.URL + "/api/v2/authorize?" + q.Encode())
			if b.last.StatusCode != tt.status || tt.code != "" && !strings.Contains(b.body, tt.code) {
				t.Fatalf("status %d, want %d with %q", b.last.StatusCode, tt.status, tt.code)
			}
			if tt.error != "" && (b.location().Query().Get("error") != tt.error || b.location().Query().Get("iss") != w.sandbox.ProConnect.Issuer()) {
				t.Errorf("sent to %s", b.location())
			}
			if tt.name == "login_hint" && !strings.Contains(b.body, `value="dpo@caisse-des-bois.invalid"`) {
				t.Error("the hint is not filled in")
			}
		})
	}
	t.Run("an address that is nowhere", func(t *testing.T) {
		if b := newBrowser(t).get(w.pc.URL + "/nulle-part"); b.last.StatusCode != 404 || !strings.Contains(b.body, "Y000404") {
			t.Errorf("%d", b.last.StatusCode)
		}
	})
	t.Run("a page without the cookie of its request", func(t *testing.T) {
		b := newBrowser(t).get(w.pc.URL + "/api/v2/authorize?" + w.staffQuery().Encode())
		if other := newBrowser(t).get(b.last.Request.URL.String()); other.last.StatusCode != 401 || !strings.Contains(other.body, "Y030110") {
			t.Errorf("%d", other.last.StatusCode)
		}
	})
}

// TestStaffSession checks the session of twelve hours, and the log-out that needs all of its three
// parameters.
func TestStaffSession(t *testing.T) {
	w := start(t, t.TempDir())
	b := newBrowser(t).callback(w.protection.CallbackPath())
	ask := func(prompt string) *browser {
		q := w.staffQuery()
		if prompt != "" {
			q.Set("prompt", prompt)
		}
		return b.get(w.pc.URL + "/api/v2/authorize?" + q.Encode())
	}
	ask("").submit(w.pc.URL, "dpo@caisse-des-bois.invalid", pass, "login")
	first := b.location().Query().Get("code")
	if first == "" {
		t.Fatal("no code")
	}
	for _, tt := range []struct {
		name   string
		prompt string
		after  time.Duration
		code   bool
	}{
		{"nobody is asked again", "", time.Hour, true},
		{"nor with prompt=none", "none", time.Hour, true},
		{"prompt=login asks", "login", time.Hour, false},
		{"for less than twelve hours", "", 12*time.Hour - time.Minute, true},
		{"and no more", "", 12 * time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.later.forward(tt.after)
			defer w.later.forward(-tt.after)
			ask(tt.prompt)
			if got := b.last.StatusCode == http.StatusSeeOther; got != tt.code {
				t.Errorf("a code: %v", got)
			}
		})
	}
	newBrowser(t).do("POST", w.protection.server.URL+"/connexion", nil).submit(w.pc.URL, "dpo@caisse-des-bois.invalid", pass, "login")
	hint := w.protection.identity.IDToken.Reveal()
	end := func(q url.Values) *browser {
		b.stop = func(u *url.URL) bool { return u.Path == "/" }
		return b.get(w.pc.URL + "/api/v2/session/end?" + q.Encode())
	}
	for _, tt := range []struct {
		name, hint, back, state, code string
	}{
		{"no hint", "", w.protection.SignedOutURI(), "z", "Y000400"},
		{"no state", hint, w.protection.SignedOutURI(), "", "Y000400"},
		{"another address", hint, "http://localhost/x", "z", "Y030111"},
		{"all three", hint, w.protection.SignedOutURI(), "z", ""},
	} {
		t.Run("log-out: "+tt.name, func(t *testing.T) {
			end(url.Values{"id_token_hint": {tt.hint}, "post_logout_redirect_uri": {tt.back}, "state": {tt.state}})
			if tt.code != "" {
				if b.last.StatusCode != 400 || !strings.Contains(b.body, tt.code) {
					t.Errorf("%d, no %s", b.last.StatusCode, tt.code)
				}
				return
			}
			if got := b.last.Header.Get("Location"); got != w.protection.SignedOutURI()+"?state=z" {
				t.Errorf("sent to %s", got)
			}
			b.callback(w.protection.CallbackPath())
			if ask("none"); b.location().Query().Get("error") != "login_required" {
				t.Error("the session outlives the log-out")
			}
		})
	}
}
