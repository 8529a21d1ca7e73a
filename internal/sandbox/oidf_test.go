package sandbox_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// op is an issuer as the OpenID Foundation's conformance suite would meet it: the professionals'
// one by default, whose requests are open; the insured people's one where that reverses a rule.
type op struct {
	t *testing.T
	w *world
	b *browser
}

const verifier = "0123456789012345678901234567890123456789abc"

// challengeOf is the S256 challenge of a code verifier (RFC 7636, section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (o *op) query(changes ...string) url.Values {
	q := url.Values{
		"client_id": {"carnet-pro"}, "redirect_uri": {o.w.pro.RedirectURI()}, "response_type": {"code"}, "scope": {"openid scope_all"},
		"state": {"state-of-a-test"}, "nonce": {"nonce-of-a-test-and-more"}, "code_challenge_method": {"S256"}, "code_challenge": {challengeOf(verifier)},
	}
	for n := 0; n < len(changes); n += 2 {
		q.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			q.Del(changes[n])
		}
	}
	return q
}

// ask sends an authorization request to the professionals' issuer.
func (o *op) ask(changes ...string) *browser {
	o.t.Helper()
	o.b.callback(o.w.pro.CallbackPath())
	return o.b.get(o.endpoint("authorization_endpoint") + "?" + o.query(changes...).Encode())
}

// login asks, and types identifier and password.
func (o *op) login(changes ...string) url.Values {
	o.t.Helper()
	o.ask(changes...).submit(o.w.psc.URL, "aurelien.saule", pass, "login")
	return o.b.location().Query()
}

// fc sends an authorization request to the insured people's issuer.
func (o *op) fc(changes ...string) *browser {
	o.t.Helper()
	return o.w.visit(o.t, o.w.fc, "stranger", changes...).browser
}

func (o *op) metadata() map[string]any {
	o.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(newBrowser(o.t).get(o.w.sandbox.PSC.Profile().DiscoveryURL).body), &m); err != nil {
		o.t.Fatal(err)
	}
	return m
}

func (o *op) endpoint(name string) string {
	o.t.Helper()
	s, _ := o.metadata()[name].(string)
	if s == "" {
		o.t.Fatalf("no %s", name)
	}
	return s
}

func (o *op) secret() string {
	o.t.Helper()
	return strings.TrimSpace(readFile(o.t, filepath.Join(o.w.dir, "psc.carnet-pro.secret")))
}

// redeem trades a code.
func (o *op) redeem(code string) (int, map[string]any) {
	o.t.Helper()
	r, err := http.NewRequest("POST", o.endpoint("token_endpoint"), strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {o.w.pro.RedirectURI()}, "code_verifier": {verifier},
	}.Encode()))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("carnet-pro", o.secret())
	return o.send(r)
}

func (o *op) send(r *http.Request) (int, map[string]any) {
	o.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	var m map[string]any
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	_ = json.Unmarshal(b, &m) // the status tells when it is none
	return resp.StatusCode, m
}

// tokens logs in all the way.
func (o *op) tokens(changes ...string) map[string]any {
	o.t.Helper()
	status, m := o.redeem(o.login(changes...).Get("code"))
	if status != 200 {
		o.t.Fatalf("token endpoint: %d %v", status, m)
	}
	return m
}

func (o *op) claims(tokens map[string]any) map[string]any {
	o.t.Helper()
	s, _ := tokens["id_token"].(string)
	return part(o.t, s, 1)
}

// userInfo asks for user information in one of three ways.
func (o *op) userInfo(method, how, access string) (int, map[string]any) {
	o.t.Helper()
	body, headers := "", map[string]string{}
	if how == "body" {
		body, headers["Content-Type"] = url.Values{"access_token": {access}}.Encode(), "application/x-www-form-urlencoded"
	} else {
		headers["Authorization"] = "Bearer " + access
	}
	r, err := http.NewRequest(method, o.endpoint("userinfo_endpoint"), strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return o.send(r)
}

// page checks that the login page is there.
func (o *op) page(b *browser) {
	o.t.Helper()
	if b.last.StatusCode != 200 || action.FindString(b.body) == "" && !strings.Contains(b.body, `name="idp"`) {
		o.t.Errorf("no page to log in on: %d %s", b.last.StatusCode, b.last.Header.Get("Location"))
	}
}

// refused checks that a request ends on a page with a code, and goes nowhere.
func (o *op) refused(b *browser, code string) {
	o.t.Helper()
	if b.last.StatusCode != 400 || b.last.Header.Get("Location") != "" || !strings.Contains(b.body, code) {
		o.t.Errorf("not refused with %s: %d %s", code, b.last.StatusCode, b.last.Header.Get("Location"))
	}
}

// error checks that the browser goes back with an error.
func (o *op) error(b *browser, code ...string) {
	o.t.Helper()
	if b.last.StatusCode != 303 || !slices.Contains(code, b.location().Query().Get("error")) {
		o.t.Errorf("not sent back with %v: %d %s", code, b.last.StatusCode, b.last.Header.Get("Location"))
	}
}

// end sends a request to the logout endpoint of the professionals' issuer.
func (o *op) end(params url.Values) *browser {
	o.t.Helper()
	b := newBrowser(o.t)
	b.stop = func(*url.URL) bool { return true }
	return b.get(o.endpoint("end_session_endpoint") + "?" + params.Encode())
}

// modules are the tests of the OpenID Foundation's suite for providers, code flow, by name. Where
// the provider that is imitated does the contrary, the test says so and checks the contrary.
var modules = map[string]func(o *op){
	"OIDCCServerTest": func(o *op) {
		c := o.claims(o.tokens())
		for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nonce", "acr", "auth_time"} {
			if c[name] == nil {
				o.t.Errorf("no %s", name)
			}
		}
		if c["nonce"] != "nonce-of-a-test-and-more" || c["iss"] != o.w.sandbox.PSC.Issuer() || c["aud"] != "carnet-pro" {
			o.t.Errorf("claims %v", c)
		}
	},
	"OIDCCServerTestClientSecretPost": func(o *op) { o.w.visitTokens(o.t) }, // fc takes the secret in the body
	"OIDCCDiscoveryEndpointVerification": func(o *op) {
		m := o.metadata()
		for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
			"scopes_supported", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported", "claims_supported"} {
			if m[name] == nil && name != "claims_supported" {
				o.t.Errorf("no %s", name)
			}
		}
		if m["issuer"] != o.w.sandbox.PSC.Issuer() {
			o.t.Errorf("issuer %v", m["issuer"])
		}
	},
	"OIDCCResponseTypeMissing": func(o *op) {
		o.refused(o.ask("response_type", ""), "invalid_request")
		o.refused(o.fc("response_type", ""), "Y030007")
	},
	"OIDCCIdTokenSignature": func(o *op) {
		token, _ := o.tokens()["id_token"].(string)
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			o.t.Fatal(err)
		}
		var keys jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(newBrowser(o.t).get(o.endpoint("jwks_uri")).body), &keys); err != nil {
			o.t.Fatal(err)
		}
		if _, err := signed.Verify(keys); err != nil || len(keys.Key(signed.Signatures[0].Header.KeyID)) != 1 {
			o.t.Errorf("the published key does not verify it: %v", err)
		}
	},
	"OIDCCIdTokenUnsigned": func(o *op) { // no client may register it: the metadata does not offer it
		if algs, _ := o.metadata()["id_token_signing_alg_values_supported"].([]any); slices.Contains(algs, any("none")) || !slices.Contains(algs, any("ES256")) {
			o.t.Errorf("algorithms %v", algs)
		}
	},
	"OIDCCIdTokenHint": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		o.page(o.ask("id_token_hint", hint))
		o.refused(o.fc("id_token_hint", hint), "Y030007") // reversed: not on the list
	},
	"OIDCCUserInfoGet":        func(o *op) { o.readsUserInfo("GET", "header") },
	"OIDCCUserInfoPostHeader": func(o *op) { o.readsUserInfo("POST", "header") },
	"OIDCCUserInfoPostBody": func(o *op) { // not offered, as RFC 9700 section 4.3.2 advises: refused, and nothing leaks
		access, _ := o.tokens()["access_token"].(string)
		if status, m := o.userInfo("POST", "body", access); status == 200 && m["sub"] == nil || status != 200 && status != 401 {
			o.t.Errorf("%d %v", status, m)
		}
	},
	"OIDCCUserInfoRS256": func(o *op) { // these issuers sign with ES256 only; fc signs user information
		_, _, info := o.w.visitTokens(o.t)
		if got := part(o.t, info, 0)["alg"]; got != "ES256" {
			o.t.Errorf("signed with %v", got)
		}
	},
	"OIDCCScopeProfile": func(o *op) { o.opens("openid profile", "given_name family_name birthdate gender") },
	"OIDCCScopeEmail":   func(o *op) { o.opens("openid email", "email") },
	"OIDCCScopeAddress": func(o *op) { o.error(o.fc("scope", "openid address"), "invalid_scope") }, // there is none
	"OIDCCScopePhone":   func(o *op) { o.error(o.fc("scope", "openid phone"), "invalid_scope") },
	"OIDCCScopeAll": func(o *op) {
		o.opens("openid profile birth email identite_pivot preferred_username idp_id idp_birthdate", "given_name family_name birthdate gender birthplace birthcountry email idp_id idp_birthdate")
	},
	"OIDCCAlternateHappyFlow": func(o *op) { // a second login in the same browser
		first, second := o.claims(o.tokens()), o.claims(o.tokens("nonce", "another-nonce-of-this-test"))
		if first["sub"] != second["sub"] || second["nonce"] != "another-nonce-of-this-test" {
			o.t.Errorf("%v then %v", first, second)
		}
	},
	"OIDCCDisplayPage": func(o *op) {
		o.page(o.ask("display", "page"))
		o.refused(o.fc("display", "page"), "Y030007")
	},
	"OIDCCDisplayPopup": func(o *op) {
		o.page(o.ask("display", "popup"))
		o.refused(o.fc("display", "popup"), "Y030007")
	},
	"OIDCCPromptLogin": func(o *op) {
		first := o.claims(o.tokens())
		o.w.later.forward(2 * time.Second)
		defer o.w.later.forward(-2 * time.Second)
		o.page(o.ask("prompt", "login"))
		second := o.claims(o.tokens("prompt", "login"))
		if second["auth_time"].(float64) <= first["auth_time"].(float64) {
			o.t.Error("auth_time is not that of the second login")
		}
	},
	"OIDCCPromptNoneLoggedIn": func(o *op) { // here nobody stays logged in; proconnect has a session, and fc refuses the value
		o.tokens()
		o.error(o.ask("prompt", "none"), "login_required")
		b := newBrowser(o.t).callback(o.w.protection.CallbackPath())
		b.get(o.w.pc.URL+"/api/v2/authorize?"+o.w.staffQuery().Encode()).submit(o.w.pc.URL, "dpo@caisse-des-bois.invalid", pass, "login")
		q := o.w.staffQuery()
		q.Set("prompt", "none")
		if b.get(o.w.pc.URL + "/api/v2/authorize?" + q.Encode()); b.location().Query().Get("code") == "" {
			o.t.Errorf("somebody who is logged in gets %s", b.location())
		}
	},
	"OIDCCPromptNoneNotLoggedIn": func(o *op) {
		o.error(o.ask("prompt", "none"), "login_required")
		o.refused(o.fc("prompt", "none"), "Y030007")
	},
	"OIDCCMaxAge1": func(o *op) {
		first := o.claims(o.tokens())
		o.w.later.forward(2 * time.Second)
		defer o.w.later.forward(-2 * time.Second)
		second := o.claims(o.tokens("max_age", "1"))
		if second["auth_time"].(float64) <= first["auth_time"].(float64) {
			o.t.Error("an old login was used")
		}
		o.refused(o.fc("max_age", "1"), "Y030007")
	},
	"OIDCCMaxAge10000": func(o *op) { // it may ask again, and here it does: there is no session
		if c := o.claims(o.tokens("max_age", "10000")); c["auth_time"] == nil {
			o.t.Error("no auth_time")
		}
	},
	"OIDCCLoginHint": func(o *op) {
		b := o.ask("login_hint", "aurelien.saule")
		if o.page(b); !strings.Contains(b.body, `value="aurelien.saule"`) {
			o.t.Error("the hint is not filled in")
		}
		o.refused(o.fc("login_hint", "camille.fougere"), "Y030007")
	},
	"OIDCCUiLocales": func(o *op) {
		o.page(o.ask("ui_locales", "se"))
		o.page(o.fc("ui_locales", "se"))
	},
	"OIDCCClaimsLocales": func(o *op) {
		o.page(o.ask("claims_locales", "se"))
		o.refused(o.fc("claims_locales", "se"), "Y030007")
	},
	"OIDCCClaimsEssential": func(o *op) {
		v := o.w.visit(o.t, o.w.fc, "stranger", "scope", "openid", "claims", `{"userinfo":{"family_name":{"essential":true}}}`)
		v.through("ameli", "camille.fougere").press("continue", "")
		if _, _, info := v.tokens(); part(o.t, info, 1)["family_name"] != "FOUGÈRE" {
			o.t.Error("the claim is not there")
		}
	},
	"OIDCCAuthCodeReuse": func(o *op) {
		code := o.login().Get("code")
		status, m := o.redeem(code)
		if status != 200 {
			o.t.Fatalf("%d %v", status, m)
		}
		if status, again := o.redeem(code); status != 400 || again["error"] != "invalid_grant" {
			o.t.Errorf("%d %v", status, again)
		}
	},
	"OIDCCAuthCodeReuseAfter30Seconds": func(o *op) {
		code := o.login().Get("code")
		_, m := o.redeem(code)
		access, _ := m["access_token"].(string)
		o.w.later.forward(30 * time.Second)
		defer o.w.later.forward(-30 * time.Second)
		if status, again := o.redeem(code); status != 400 || again["error"] != "invalid_grant" {
			o.t.Errorf("%d %v", status, again)
		}
		if status, _ := o.userInfo("GET", "header", access); status != 401 {
			o.t.Errorf("the first token still opens: %d", status)
		}
	},
	"OIDCCServerRotateKeys": func(o *op) { // a new folder has new keys: tokens of the old ones do not verify
		other := start(o.t, filepath.Join(o.t.TempDir(), "sandbox"))
		kid := regexp.MustCompile(`"kid":"([^"]+)"`)
		first := kid.FindStringSubmatch(newBrowser(o.t).get(o.endpoint("jwks_uri")).body)
		second := kid.FindStringSubmatch(newBrowser(o.t).get((&op{t: o.t, w: other}).endpoint("jwks_uri")).body)
		if first == nil || second == nil || first[1] == second[1] {
			o.t.Errorf("keys %v and %v", first, second)
		}
	},
	"OIDCCRefreshToken": func(o *op) { // none is given, and none is taken
		if o.tokens()["refresh_token"] != nil {
			o.t.Error("there is a refresh token")
		}
		r, _ := http.NewRequest("POST", o.endpoint("token_endpoint"), strings.NewReader(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("carnet-pro", o.secret())
		if status, m := o.send(r); status != 400 || m["error"] != "unsupported_grant_type" {
			o.t.Errorf("%d %v", status, m)
		}
	},
	"OIDCCEnsureRequestWithoutNonceSucceedsForCodeFlow": func(o *op) {
		if c := o.claims(o.tokens("nonce", "")); c["nonce"] != nil {
			o.t.Error("a nonce from nowhere")
		}
		o.refused(o.fc("nonce", ""), "Y030007") // reversed
	},
	"OIDCCEnsureRequestWithUnknownParameterSucceeds": func(o *op) {
		o.tokens("unknown_parameter", "x")
		o.refused(o.fc("unknown_parameter", "x"), "Y030007") // reversed
	},
	"OIDCCEnsureRequestWithAcrValuesSucceeds": func(o *op) {
		if c := o.claims(o.tokens("acr_values", "eidas1 other")); c["acr"] != "eidas1" {
			o.t.Errorf("acr %v", c["acr"])
		}
	},
	"OIDCCEnsureRequestWithValidPkceSucceeds": func(o *op) {
		o.tokens()
		o.error(o.ask("code_challenge", "", "code_challenge_method", ""), "invalid_request")                 // it is mandatory
		o.refused(o.fc("code_challenge", challengeOf(verifier), "code_challenge_method", "S256"), "Y030007") // reversed
	},
	"OIDCCEnsureRegisteredRedirectUri": func(o *op) {
		o.refused(o.ask("redirect_uri", "http://localhost/ailleurs"), "invalid_redirect_uri")
		o.refused(o.fc("redirect_uri", "http://localhost/ailleurs"), "Y04C013C")
	},
	"OIDCCEnsurePostRequestSucceeds": func(o *op) {
		o.b.callback(o.w.pro.CallbackPath())
		o.page(o.b.do("POST", o.endpoint("authorization_endpoint"), o.query()))
		o.b.submit(o.w.psc.URL, "aurelien.saule", pass, "login")
		if status, m := o.redeem(o.b.location().Query().Get("code")); status != 200 {
			o.t.Errorf("%d %v", status, m)
		}
	},
	"OIDCCEnsureRequestObjectWithRedirectUri": func(o *op) { o.requestObject("request", "e30.e30.") },
	"OIDCCRequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported": func(o *op) {
		o.requestObject("request_uri", "https://exemple.invalid/request.jwt")
	},
	"OIDCCUnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported": func(o *op) {
		o.requestObject("request", "eyJhbGciOiJub25lIn0.e30.")
	},
	"OIDCCRedirectUriQueryAdded": func(o *op) {
		o.refused(o.ask("redirect_uri", o.w.pro.RedirectURI()+"?foo=bar"), "invalid_redirect_uri")
		o.refused(o.fc("redirect_uri", o.w.attestation.server.URL+"/retour?foo=bar"), "Y04C013C")
	},
	"OIDCCRedirectUriQueryMismatch": func(o *op) {
		o.refused(o.w.visit(o.t, o.w.fc, "queried", "redirect_uri", o.w.attestation.server.URL+"/retour?foo=baz").browser, "Y04C013C")
	},
	"OIDCCRedirectUriQueryOK": func(o *op) {
		v := o.w.visit(o.t, o.w.fc, "queried", "redirect_uri", o.w.attestation.server.URL+"/retour?foo=bar")
		v.through("ameli", "camille.fougere").press("continue", "")
		if q := v.location().Query(); q.Get("foo") != "bar" || q.Get("code") == "" || q.Get("state") != "s" {
			o.t.Errorf("sent to %s", v.location())
		}
	},
	"OIDCCRpInitiatedLogout": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		b := o.end(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {o.w.pro.SignedOutURI()}, "state": {"z"}})
		if got := b.last.Header.Get("Location"); got != o.w.pro.SignedOutURI()+"?state=z" {
			o.t.Errorf("%d to %q", b.last.StatusCode, got)
		}
	},
	"OIDCCRpInitiatedLogoutDiscoveryEndpointVerification": func(o *op) { o.endpoint("end_session_endpoint") },
	"OIDCCRpInitiatedLogoutBadIdTokenHint": func(o *op) {
		o.refused(o.end(url.Values{"id_token_hint": {"x"}, "post_logout_redirect_uri": {o.w.pro.SignedOutURI()}}), "invalid_token")
	},
	"OIDCCRpInitiatedLogoutModifiedIdTokenHint": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		parts := strings.Split(hint, ".")
		parts[1] = strings.TrimRight(parts[1][:len(parts[1])-4], "A") + "AAAA"
		o.refused(o.end(url.Values{"id_token_hint": {strings.Join(parts, ".")}, "post_logout_redirect_uri": {o.w.pro.SignedOutURI()}}), "invalid_token")
	},
	"OIDCCRpInitiatedLogoutNoIdTokenHint": func(o *op) { // it is mandatory at the providers that are imitated
		o.refused(o.end(url.Values{"post_logout_redirect_uri": {o.w.pro.SignedOutURI()}, "state": {"z"}}), "invalid_token")
	},
	"OIDCCRpInitiatedLogoutBadLogoutRedirectUri": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		o.refused(o.end(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"http://localhost/ailleurs"}}), "invalid_redirect_uri")
	},
	"OIDCCRpInitiatedLogoutQueryAddedToLogoutRedirectUri": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		o.refused(o.end(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {o.w.pro.SignedOutURI() + "?foo=bar"}}), "invalid_redirect_uri")
	},
	"OIDCCRpInitiatedLogoutNoPostLogoutRedirectUri": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		if b := o.end(url.Values{"id_token_hint": {hint}}); b.last.StatusCode != 200 || !strings.Contains(b.body, "logged out") {
			o.t.Errorf("%d", b.last.StatusCode)
		}
	},
	"OIDCCRpInitiatedLogoutNoParams": func(o *op) { o.refused(o.end(url.Values{}), "invalid_token") },
	"OIDCCRpInitiatedLogoutNoState": func(o *op) {
		hint, _ := o.tokens()["id_token"].(string)
		if b := o.end(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {o.w.pro.SignedOutURI()}}); b.last.Header.Get("Location") != o.w.pro.SignedOutURI() {
			o.t.Errorf("%d to %q", b.last.StatusCode, b.last.Header.Get("Location"))
		}
	},
	"OIDCCRpInitiatedLogoutOnlyState": func(o *op) { o.refused(o.end(url.Values{"state": {"z"}}), "invalid_token") },
}

// readsUserInfo checks user information in one of the ways that are offered.
func (o *op) readsUserInfo(method, how string) {
	o.t.Helper()
	tokens := o.tokens()
	access, _ := tokens["access_token"].(string)
	status, m := o.userInfo(method, how, access)
	if status != 200 || m["sub"] == nil || m["sub"] != o.claims(tokens)["sub"] {
		o.t.Errorf("%d %v", status, m)
	}
}

// opens checks that scopes of the insured people's issuer open claims.
func (o *op) opens(scope, claims string) {
	o.t.Helper()
	v := o.w.visit(o.t, o.w.fc, "stranger", "scope", scope)
	v.through("ameli", "camille.fougere").press("continue", "")
	_, _, info := v.tokens()
	got := part(o.t, info, 1)
	for name := range strings.FieldsSeq(claims) {
		if got[name] == nil {
			o.t.Errorf("%s does not open %s", scope, name)
		}
	}
}

// requestObject checks that request objects are rejected as what they are: not supported.
func (o *op) requestObject(name, value string) {
	o.t.Helper()
	o.refused(o.fc(name, value), "Y030007")
	b := o.ask(name, value)
	if b.last.StatusCode == 200 {
		o.t.Errorf("%s is ignored", name)
		return
	}
	o.error(b, name+"_not_supported")
}

// visitTokens logs in at the insured people's issuer and returns the tokens.
func (w *world) visitTokens(t *testing.T) (map[string]string, string, string) {
	t.Helper()
	v := w.visit(t, w.fc, "stranger")
	v.through("ameli", "camille.fougere").press("continue", "")
	return v.tokens()
}

// TestOIDF has one subtest for each module of the OpenID Foundation's conformance suite that the
// specification names for a provider with the code flow (section 10.5).
func TestOIDF(t *testing.T) {
	w := start(t, t.TempDir())
	names := slices.Sorted(maps.Keys(modules))
	for _, name := range names {
		t.Run(name, func(t *testing.T) { modules[name](&op{t: t, w: w, b: newBrowser(t)}) })
	}
	t.Run("the documentation has each of them", func(t *testing.T) {
		text, err := os.ReadFile("../../docs/conformance-sandbox.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.Contains(string(text), "| `"+name+"` |") {
				t.Errorf("%s is not in the table", name)
			}
		}
		if n := strings.Count(string(text), "\n| `OIDCC"); n != len(names) {
			t.Errorf("%d rows, %d tests", n, len(names))
		}
	})
}
