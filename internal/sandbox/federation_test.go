package sandbox_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/login"
	"carnet/internal/sandbox"

	"github.com/go-jose/go-jose/v4"
)

// visitor is a browser with an authorization request of a client whose answers the test takes.
type visitor struct {
	*browser
	w      *world
	issuer *httptest.Server
	client string
}

// visit opens an authorization request at a federator. Changes are pairs: name, value; an empty value takes away.
func (w *world) visit(t *testing.T, at *httptest.Server, client string, changes ...string) *visitor {
	t.Helper()
	v := &visitor{newBrowser(t).callback("/retour"), w, at, client}
	return v.again(changes...)
}

// again opens one more request in the same browser.
func (v *visitor) again(changes ...string) *visitor {
	v.t.Helper()
	q := url.Values{
		"client_id": {v.client}, "redirect_uri": {v.w.attestation.server.URL + "/retour"}, "response_type": {"code"},
		"scope": {"openid identite_pivot email preferred_username"}, "state": {"s"}, "nonce": {"0123456789012345678901"}, "acr_values": {"eidas1"},
	}
	if v.issuer == v.w.fcPlus {
		q.Set("acr_values", "eidas2")
	}
	for n := 0; n < len(changes); n += 2 {
		q.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			q.Del(changes[n])
		}
	}
	v.get(v.issuer.URL + "/api/v2/authorize?" + q.Encode())
	return v
}

// tokens redeems the code that the browser brings back.
func (v *visitor) tokens() (fields map[string]string, idToken, userInfo string) {
	v.t.Helper()
	q := v.location().Query()
	if q.Get("code") == "" {
		v.t.Fatalf("no code: %v", q)
	}
	secret, err := os.ReadFile(v.w.dir + "/" + v.w.nameOf(v.issuer) + "." + v.client + ".secret")
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := http.PostForm(v.issuer.URL+"/api/v2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {v.w.attestation.server.URL + "/retour"},
		"client_id": {v.client}, "client_secret": {strings.TrimSpace(string(secret))},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	var raw map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil || resp.StatusCode != 200 {
		v.t.Fatalf("token endpoint: %d %v %v", resp.StatusCode, raw, err)
	}
	fields = map[string]string{}
	for name, value := range raw {
		b, _ := json.Marshal(value)
		fields[name] = strings.Trim(string(b), `"`)
	}
	r, _ := http.NewRequest("GET", v.issuer.URL+"/api/v2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+fields["access_token"])
	info, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer info.Body.Close()
	body, err := io.ReadAll(info.Body)
	if err != nil || info.StatusCode != 200 || !strings.HasPrefix(info.Header.Get("Content-Type"), "application/jwt") {
		v.t.Fatalf("user information: %d %s %v", info.StatusCode, info.Header.Get("Content-Type"), err)
	}
	return fields, fields["id_token"], string(body)
}

func (w *world) nameOf(s *httptest.Server) string {
	return map[*httptest.Server]string{w.fc: "fc", w.fcPlus: "fc-plus", w.pc: "proconnect"}[s]
}

// part decodes a part of a compact token without checking it.
func part(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[n])
	var out map[string]any
	if err != nil || json.Unmarshal(b, &out) != nil {
		t.Fatalf("part %d of %d: %v", n, len(parts), err)
	}
	return out
}

func names(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }

// TestCodes gives each code of a federator its cause, its status, and the error that the way back
// carries (specification, section 2.4).
func TestCodes(t *testing.T) {
	w := start(t, t.TempDir())
	back := func(v *visitor, query string) { v.get(w.fc.URL + login.CallbackPath("ameli") + query) }
	through := func(name string) func(*visitor) { return func(v *visitor) { v.through("ameli", name) } }
	redirected := regexp.MustCompile(`<a class="button" href="([^"]+)"`)
	for _, tt := range []struct {
		code   string
		client string
		params []string
		do     func(*visitor)
		status int
		error  string
	}{
		{"Y030030", "stranger", nil, func(v *visitor) { v.press("quit", "") }, 303, "access_denied"},
		{"Y030032", "stranger", []string{"idp_hint", "nobody"}, nil, 303, "invalid_idp_hint"},
		{"Y030032", "choosy", []string{"idp_hint", "ameli"}, nil, 303, "invalid_idp_hint"},
		{"Y020021", "stranger", nil, func(v *visitor) { v.press("idp", "ameli"); back(v, "?code=x") }, 400, "invalid_request"},
		{"Y020022", "stranger", nil, func(v *visitor) { v.press("idp", "ameli"); back(v, "?code=x&state=other") }, 403, "invalid_request"},
		{"Y020023", "choosy", nil, func(v *visitor) { v.press("idp", "ameli") }, 403, "access_denied"},
		{"Y020026", "stranger", nil, func(v *visitor) {
			v.stop = func(u *url.URL) bool { return u.Path == login.CallbackPath("ameli") }
			v.press("idp", "ameli").submit(v.origin(), "camille.fougere", pass, "login")
			q := v.location().Query()
			q.Set("code", "stolen")
			back(v, "?"+q.Encode())
		}, 502, "server_error"},
		{"Y020027", "stranger", nil, func(v *visitor) {
			w.broken.Store(true)
			defer w.broken.Store(false)
			v.through("ameli", "camille.fougere")
		}, 502, "server_error"},
		{"Y100001", "stranger", nil, through("alban.houx"), 500, ""},
		{"Y100018", "stranger", nil, through("berthe.if"), 400, ""},
		{"Y600006", "stranger", nil, through("nestor.lupin"), 400, "server_error"},
		{"Y600006", "stranger", nil, through("blanche.lilas"), 400, "server_error"},
		{"Y010004", "stranger", nil, through("odette.pervenche"), 403, "access_denied"},
		{"Y010006", "stranger", nil, through("paul.pissenlit"), 403, "access_denied"},
		{"Y010007", "stranger", nil, through("violette.renoncule"), 403, "access_denied"},
		{"Y010008", "stranger", nil, through("remi.roseau"), 403, "access_denied"},
		{"Y010015", "stranger", nil, through("simone.sureau"), 403, "access_denied"},
		{"Y010009", "stranger", nil, through("yann.troene"), 403, "access_denied"},
		{"Y010013", "stranger", nil, through("zelie.viorne"), 400, "server_error"},
		{"Y010011", "stranger", nil, through("theo.tremble"), 504, "temporarily_unavailable"},
		{"Y010012", "stranger", nil, through("ulysse.verveine"), 504, "temporarily_unavailable"},
		{"Y600020", "stranger", nil, through("aida.armoise"), 400, "access_denied"},
		{"Y420001", "stranger", nil, func(v *visitor) { v.press("continue", "") }, 400, "access_denied"},
		{"Y420001", "stranger", nil, func(v *visitor) { v.through("ameli", "camille.fougere"); back(v, "?state=x&code=y") }, 400, "access_denied"},
		{"Y470001", "stranger", nil, func(v *visitor) {
			v.body = hidden.ReplaceAllString(v.body, `name="csrf" value="forged"`)
			v.press("quit", "")
		}, 401, "server_error"},
	} {
		t.Run(tt.code+" "+tt.client, func(t *testing.T) {
			v := w.visit(t, w.fc, tt.client, tt.params...)
			if tt.do != nil {
				tt.do(v)
			}
			if v.last.StatusCode != tt.status {
				t.Fatalf("status %d, want %d\n%s", v.last.StatusCode, tt.status, v.body)
			}
			to := v.last.Header.Get("Location")
			if tt.status != 303 {
				if v.code() != tt.code {
					t.Fatalf("code %q", v.code())
				}
				to = ""
				if m := redirected.FindStringSubmatch(v.body); m != nil {
					to = html.UnescapeString(m[1])
				}
			}
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if q.Get("error") != tt.error {
				t.Fatalf("back with %q, want %q: %s", q.Get("error"), tt.error, to)
			}
			if tt.error != "" && (q.Get("state") != "s" || q.Get("iss") != w.sandbox.FC.Issuer() || q.Get("error_description") == "" || !strings.HasPrefix(to, w.attestation.server.URL+"/retour?")) {
				t.Errorf("way back %s", to)
			}
			if strings.Contains(v.body, "décédé") || strings.Contains(strings.ToLower(v.body), "deceased") {
				t.Error("the page says of what the person died, or that they did")
			}
		})
	}
	t.Run("Y190001: nobody began here", func(t *testing.T) {
		b := newBrowser(t).get(w.fc.URL + login.CallbackPath("ameli") + "?state=x&code=y")
		if b.last.StatusCode != 401 || !strings.Contains(b.body, "Y190001") {
			t.Errorf("%d", b.last.StatusCode)
		}
	})
	t.Run("Y190001: the page in another browser", func(t *testing.T) {
		v := w.visit(t, w.fc, "stranger")
		b := newBrowser(t).get(v.last.Request.URL.String())
		if b.last.StatusCode != 401 || !strings.Contains(b.body, "Y190001") {
			t.Errorf("%d", b.last.StatusCode)
		}
	})
	t.Run("Y190001: a page that was left for too long", func(t *testing.T) {
		for at, limit := range map[*httptest.Server]time.Duration{w.fc: 30 * time.Minute, w.fcPlus: 10 * time.Minute} {
			for _, after := range []time.Duration{limit - time.Second, limit} {
				v := w.visit(t, at, "stranger")
				page := v.last.Request.URL.String()
				w.later.forward(after)
				if v.get(page); (v.last.StatusCode == 401) != (after == limit) {
					t.Errorf("%s, after %s: %d", w.nameOf(at), after, v.last.StatusCode)
				}
				w.later.forward(-after)
			}
		}
	})
	t.Run("a request that was refused opens no second time", func(t *testing.T) {
		v := w.visit(t, w.fc, "stranger")
		at := v.last.Request.URL.String()
		v.through("ameli", "remi.roseau")
		if v.get(at); v.last.StatusCode != 401 {
			t.Errorf("%d", v.last.StatusCode)
		}
	})
	t.Run("every code has its words on the page of codes", func(t *testing.T) {
		b := newBrowser(t).get(w.fc.URL + "/codes")
		for _, code := range sandbox.Codes() {
			if !strings.Contains(b.body, `id="`+code+`"`) {
				t.Errorf("%s is not listed", code)
			}
		}
		if strings.Contains(b.body, ">code.") {
			t.Error("a code has no words")
		}
	})
	t.Run("a mandate that covers the service lets in", func(t *testing.T) {
		if v := w.visit(t, w.fc, "helping").through("ameli", "aida.armoise"); v.code() != "" {
			t.Errorf("code %s", v.code())
		}
	})
	t.Run("pages of codes hold no name", func(t *testing.T) {
		if v := w.visit(t, w.fc, "stranger").through("ameli", "simone.sureau"); strings.Contains(v.body, "SUREAU") || strings.Contains(w.log.String(), "SUREAU") {
			t.Error("the page or the log names the person")
		}
	})
}

// TestIdentityProviderDown checks that a person is told, and can go back to the site.
func TestIdentityProviderDown(t *testing.T) {
	w := start(t, t.TempDir())
	w.idps["ameli"].Close()
	v := w.visit(t, w.fc, "stranger")
	if v.press("idp", "ameli"); v.last.StatusCode != 502 || v.code() != "Y020026" || !strings.Contains(v.body, "error=server_error") {
		t.Errorf("%d %s", v.last.StatusCode, v.code())
	}
	if v.again().through("laposte", "camille.fougere"); v.code() != "" {
		t.Errorf("another one does not help: %s", v.code())
	}
}

// TestGuardOfClients checks what depends on how a client is registered.
func TestGuardOfClients(t *testing.T) {
	w := start(t, t.TempDir())
	for _, tt := range []struct {
		name, client, code string
		params             []string
	}{
		{"disabled client", "closed", "Y04EA6EF", nil},
		{"sector identifier out of reach", "sectorless", "Y04A8220", nil},
		{"sector identifier", "sectored", "", nil},
		{"several faults at once", "stranger", "Y040001", []string{"response_type", "token", "scope", "email"}},
		{"three faults at once", "stranger", "Y040001", []string{"response_type", "token", "scope", "email", "acr_values", "eidas2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := w.visit(t, w.fc, tt.client, tt.params...)
			switch {
			case tt.code == "" && v.last.StatusCode != 200:
				t.Errorf("status %d", v.last.StatusCode)
			case tt.code != "" && (v.last.StatusCode != 400 || !strings.Contains(v.body, tt.code)):
				t.Errorf("status %d, no %s", v.last.StatusCode, tt.code)
			}
		})
	}
	t.Run("levels of the platform +", func(t *testing.T) {
		for asked, want := range map[string]string{"eidas1 eidas2 eidas3": "invalid_acr", "eidas2 eidas3": "eidas2", "eidas3": "eidas3", "gold": "eidas3"} {
			v := w.visit(t, w.fcPlus, "stranger", "acr_values", asked)
			if want == "invalid_acr" {
				if got := v.location().Query().Get("error"); got != want {
					t.Errorf("%s: %s", asked, got)
				}
				continue
			}
			v.through("msa", "camille.fougere").press("continue", "")
			_, id, _ := v.tokens()
			if got := part(t, id, 1)["acr"]; got != want {
				t.Errorf("%s: acr %v, want %s", asked, got, want)
			}
		}
	})
}

// TestTokenShapes checks what the tokens hold and what they do not (specification, section 2.6).
func TestTokenShapes(t *testing.T) {
	w := start(t, t.TempDir())
	login := func(t *testing.T, changes ...string) *visitor {
		v := w.visit(t, w.fc, "stranger", changes...)
		v.through("ameli", "marguerite.aubepine").press("continue", "")
		return v
	}
	t.Run("token answer, ID token, user information", func(t *testing.T) {
		fields, id, info := login(t).tokens()
		if got := strings.Join(slices.Sorted(maps.Keys(fields)), " "); got != "access_token expires_in id_token scope token_type" || fields["expires_in"] != "60" || fields["token_type"] != "Bearer" {
			t.Errorf("answer: %s", got)
		}
		for name, token := range map[string]string{"ID token": id, "user information": info} {
			if got := names(part(t, token, 0)); got != "alg kid" {
				t.Errorf("header of the %s: %s", name, got)
			}
		}
		c := part(t, id, 1)
		if got := names(c); got != "acr aud auth_time exp iat iss nonce sub" {
			t.Errorf("ID token: %s", got)
		}
		if c["exp"].(float64)-c["iat"].(float64) != 60 || c["acr"] != "eidas1" || c["aud"] != "stranger" {
			t.Errorf("ID token: %v", c)
		}
		if got := names(part(t, info, 1)); got != "aud birthcountry birthdate birthplace email exp family_name gender given_name given_name_array iat iss preferred_username sub" {
			t.Errorf("user information: %s", got)
		}
	})
	t.Run("amr only when it is asked", func(t *testing.T) {
		_, id, _ := login(t, "claims", `{"id_token":{"amr":{"essential":true}}}`).tokens()
		if got, _ := json.Marshal(part(t, id, 1)["amr"]); string(got) != `["fc","pwd"]` {
			t.Errorf("amr %s", got)
		}
	})
	t.Run("amr of a higher level", func(t *testing.T) {
		v := w.visit(t, w.fcPlus, "stranger", "claims", `{"id_token":{"amr":{"essential":true}}}`)
		v.through("laposte", "camille.fougere").press("continue", "")
		_, id, _ := v.tokens()
		if got, _ := json.Marshal(part(t, id, 1)["amr"]); string(got) != `["fc","pop","mfa","pin"]` {
			t.Errorf("amr %s", got)
		}
	})
	t.Run("a claim asked by its name", func(t *testing.T) {
		_, _, info := login(t, "scope", "openid", "claims", `{"userinfo":{"gender":null,"nir":null}}`).tokens()
		if got := names(part(t, info, 1)); got != "aud exp gender iat iss sub" {
			t.Errorf("user information: %s", got)
		}
	})
	t.Run("nested in the platform +", func(t *testing.T) {
		for alg, key := range map[jose.KeyAlgorithm]crypto.Signer{jose.ECDH_ES: ecKey(t), jose.RSA_OAEP_256: rsaKey(t), jose.RSA_OAEP: rsaKey(t)} {
			server := httptest.NewServer(keysOf(t, alg, key))
			defer server.Close()
			w := startWith(t, t.TempDir(), sandbox.Client{ID: "sealed", Name: "Scellé", KeysURI: server.URL})
			v := w.visit(t, w.fcPlus, "sealed")
			v.through("laposte", "marguerite.aubepine").press("continue", "")
			_, id, info := v.tokens()
			for name, token := range map[string]string{"ID token": id, "user information": info} {
				h := part(t, token, 0)
				want := "alg aud cty enc epk iss kid"
				if alg != jose.ECDH_ES {
					want = "alg aud cty enc iss kid"
				}
				if names(h) != want || h["alg"] != string(alg) || h["enc"] != "A256GCM" || h["cty"] != "JWT" || h["kid"] != "sealing" || h["aud"] != "sealed" || h["iss"] != w.sandbox.FCPlus.Issuer() {
					t.Errorf("%s: header of the %s: %v", alg, name, h)
				}
				outer, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{alg}, []jose.ContentEncryption{jose.A256GCM})
				if err != nil {
					t.Fatal(err)
				}
				inner, err := outer.Decrypt(key)
				if err != nil {
					t.Fatal(err)
				}
				if got := names(part(t, string(inner), 0)); got != "alg kid" {
					t.Errorf("inner header of the %s: %s", name, got)
				}
			}
		}
	})
	t.Run("no key to encrypt to: no answer in clear", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		defer server.Close()
		w := startWith(t, t.TempDir(), sandbox.Client{ID: "sealed", Name: "Scellé", KeysURI: server.URL})
		v := w.visit(t, w.fcPlus, "sealed")
		v.through("laposte", "marguerite.aubepine").press("continue", "")
		secret, err := os.ReadFile(w.dir + "/fc-plus.sealed.secret")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.PostForm(w.fcPlus.URL+"/api/v2/token", url.Values{"grant_type": {"authorization_code"}, "code": {v.location().Query().Get("code")},
			"redirect_uri": {w.attestation.server.URL + "/retour"}, "client_id": {"sealed"}, "client_secret": {strings.TrimSpace(string(secret))}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 502 || strings.Contains(string(body), "token") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

// TestScopes checks which claims each scope opens (specification, section 2.7).
func TestScopes(t *testing.T) {
	w := start(t, t.TempDir())
	const always = "aud exp iat iss sub"
	for _, tt := range []struct {
		at    *httptest.Server
		scope string
		want  string
	}{
		{w.fc, "openid", ""},
		{w.fc, "openid given_name", "given_name given_name_array"},
		{w.fc, "openid family_name", "family_name"},
		{w.fc, "openid birthdate", "birthdate"},
		{w.fc, "openid gender", "gender"},
		{w.fc, "openid birthplace", "birthplace"},
		{w.fc, "openid birthcountry", "birthcountry"},
		{w.fc, "openid preferred_username", "preferred_username"},
		{w.fc, "openid email", "email"},
		{w.fc, "openid profile", "birthdate family_name gender given_name given_name_array preferred_username"},
		{w.fc, "openid birth", "birthcountry birthplace"},
		{w.fc, "openid identite_pivot", "birthcountry birthdate birthplace family_name gender given_name given_name_array"},
		{w.fc, "openid idp_birthdate idp_id", "idp_birthdate idp_id"},
		{w.fcPlus, "openid identite_pivot", "birthcountry birthdate birthplace family_name gender given_name"},
		{w.fcPlus, "openid rnipp_family_name", "family_name rnipp_family_name"},
		{w.fcPlus, "openid rnipp_given_name", "given_name rnipp_given_name rnipp_given_name_array"},
		{w.fcPlus, "openid rnipp_birth", "birthcountry birthplace rnipp_birthcountry rnipp_birthplace"},
	} {
		t.Run(w.nameOf(tt.at)+" "+tt.scope, func(t *testing.T) {
			v := w.visit(t, tt.at, "stranger", "scope", tt.scope)
			v.through("msa", "marguerite.aubepine").press("continue", "")
			_, _, info := v.tokens()
			want := strings.Fields(always + " " + tt.want)
			slices.Sort(want)
			if got := names(part(t, info, 1)); got != strings.Join(want, " ") {
				t.Errorf("%s", got)
			}
		})
	}
	for _, refused := range []struct {
		at    *httptest.Server
		scope string
	}{{w.fc, "openid address"}, {w.fc, "openid phone"}, {w.fc, "openid offline_access"}, {w.fc, "openid rnipp_birth"}, {w.fcPlus, "openid idp_id"}} {
		if got := w.visit(t, refused.at, "stranger", "scope", refused.scope).location().Query().Get("error"); got != "invalid_scope" {
			t.Errorf("%s at %s: %s", refused.scope, w.nameOf(refused.at), got)
		}
	}
	t.Run("civil status corrects, or stands beside", func(t *testing.T) {
		v := w.visit(t, w.fc, "stranger")
		v.through("ameli", "fougere.corrige").press("continue", "")
		_, _, info := v.tokens()
		if got := part(t, info, 1)["given_name"]; got != "Élise Aimée" {
			t.Errorf("fc gives %v", got)
		}
		v = w.visit(t, w.fcPlus, "stranger", "scope", "openid rnipp_identite_pivot")
		v.through("laposte", "fougere.corrige").press("continue", "")
		_, _, info = v.tokens()
		if c := part(t, info, 1); c["given_name"] != "Elise" || c["rnipp_given_name"] != "Élise Aimée" {
			t.Errorf("fc-plus gives %v and %v", c["given_name"], c["rnipp_given_name"])
		}
	})
}

// TestSubject checks that a person is one at a client whatever the identity provider, the same for
// clients of one entity, and another for the others.
func TestSubject(t *testing.T) {
	w := start(t, t.TempDir())
	subject := func(client, idp, person string) string {
		v := w.visit(t, w.fc, client)
		v.through(idp, person).press("continue", "")
		_, id, info := v.tokens()
		sub, _ := part(t, id, 1)["sub"].(string)
		if part(t, info, 1)["sub"] != sub {
			t.Error("user information speaks of another subject")
		}
		return sub
	}
	first := subject("sister", "ameli", "camille.fougere")
	if !regexp.MustCompile(`^[0-9a-f]{64}v1$`).MatchString(first) {
		t.Errorf("subject %s", first)
	}
	if got := subject("sister", "laposte", "camille.fougere"); got != first {
		t.Error("another identity provider, another subject")
	}
	if got := subject("stranger", "ameli", "camille.fougere"); got == first {
		t.Error("two entities share a subject")
	}
	if got := subject("sister", "ameli", "jean.hetre"); got == first {
		t.Error("two people share a subject")
	}
	newBrowser(t).do("POST", w.attestation.server.URL+"/connexion", nil).enter("camille.fougere")
	if w.attestation.err != nil || w.attestation.identity.Subject.Reveal() != first {
		t.Errorf("a client of the same entity has another subject: %v", w.attestation.err)
	}
}

// TestSessionOfAFederator checks when a login stands in for the next one (specification, section 2.2).
func TestSessionOfAFederator(t *testing.T) {
	w := start(t, t.TempDir())
	asked := func(v *visitor) bool { return strings.Contains(v.body, `name="idp"`) }
	inside := func(t *testing.T, at *httptest.Server, level string) *visitor {
		v := w.visit(t, at, "stranger", "acr_values", level)
		v.through("msa", "camille.fougere").press("continue", "")
		return v
	}
	for _, tt := range []struct {
		name   string
		at     *httptest.Server
		first  string
		second []string
		after  time.Duration
		asks   bool
	}{
		{"the next site asks no password", w.fc, "eidas1", nil, time.Minute, false},
		{"prompt=login asks", w.fc, "eidas1", []string{"prompt", "login"}, time.Minute, true},
		{"prompt=consent does not", w.fc, "eidas1", []string{"prompt", "consent"}, time.Minute, false},
		{"after half an hour it asks", w.fc, "eidas1", nil, 30 * time.Minute, true},
		{"+: substantial stands in", w.fcPlus, "eidas2", nil, 9 * time.Minute, false},
		{"+: for ten minutes", w.fcPlus, "eidas2", nil, 10 * time.Minute, true},
		{"+: high always asks", w.fcPlus, "eidas3", []string{"acr_values", "eidas3"}, time.Minute, true},
		{"+: high stands in for substantial", w.fcPlus, "eidas3", []string{"acr_values", "eidas2"}, time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := inside(t, tt.at, tt.first)
			_, before, _ := v.tokens()
			w.later.forward(tt.after)
			defer w.later.forward(-tt.after)
			v.again(tt.second...)
			if asked(v) != tt.asks {
				t.Fatalf("asked: %v", !tt.asks)
			}
			if tt.asks {
				return
			}
			v.press("continue", "")
			_, now, _ := v.tokens()
			if part(t, now, 1)["auth_time"] != part(t, before, 1)["auth_time"] {
				t.Error("auth_time is not that of the login")
			}
			if acr := part(t, now, 1)["acr"]; tt.at == w.fcPlus && acr != "eidas2" {
				t.Errorf("after a session the level is %v", acr)
			}
		})
	}
	t.Run("log-out ends it", func(t *testing.T) {
		v := inside(t, w.fc, "eidas1")
		_, id, _ := v.tokens()
		v.callback("/sorti").get(w.fc.URL + "/api/v2/session/end?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {w.attestation.server.URL + "/sorti"}, "state": {"z"}}.Encode())
		if got := v.last.Header.Get("Location"); got != w.attestation.server.URL+"/sorti?state=z" {
			t.Fatalf("sent to %s", got)
		}
		v.callback("/retour")
		if v.again(); !asked(v) {
			t.Error("the session outlives the log-out")
		}
	})
	t.Run("another account can be taken instead", func(t *testing.T) {
		v := inside(t, w.fc, "eidas1")
		if v.again(); asked(v) {
			t.Fatal("no session")
		}
		if v.press("change", ""); !asked(v) {
			t.Fatal("no chooser")
		}
		v.through("ameli", "jean.hetre").press("continue", "")
		if _, _, info := v.tokens(); part(t, info, 1)["family_name"] != "HÊTRE" {
			t.Error("the site learns of the first person")
		}
	})
	t.Run("a browser of another person has none", func(t *testing.T) {
		inside(t, w.fc, "eidas1")
		if v := w.visit(t, w.fc, "stranger"); !asked(v) {
			t.Error("another browser is let in")
		}
	})
}

// TestHint checks that idp_hint leads straight to the identity provider.
func TestHint(t *testing.T) {
	w := start(t, t.TempDir())
	v := w.visit(t, w.fc, "stranger", "idp_hint", "laposte")
	if v.origin() != w.idps["laposte"].URL {
		t.Fatalf("at %s", v.origin())
	}
	v.submit(v.origin(), "camille.fougere", pass, "login").press("continue", "")
	v.tokens()
}

// TestSuspiciousContext checks that a password alone does not do there, and that the person is told.
func TestSuspiciousContext(t *testing.T) {
	w := start(t, t.TempDir())
	v := w.visit(t, w.fc, "stranger")
	v.press("suspicious", "")
	if n := strings.Count(v.body, " disabled "); n != 2 {
		t.Errorf("%d accounts are closed", n)
	}
	v.through("laposte", "camille.fougere")
	if !strings.Contains(v.body, "unusual context") || !strings.Contains(v.body, "camille.fougere@exemple.invalid") {
		t.Error("nobody is told")
	}
	v.press("continue", "")
	v.tokens()
	if v.again("prompt", "login").press("suspicious", "").press("idp", "ameli"); v.code() != "Y020023" {
		t.Errorf("a password alone is let in: %q", v.code())
	}
	if v.again("prompt", "login").through("ameli", "camille.fougere"); strings.Contains(v.body, "First login from this browser") {
		t.Error("a browser that was used before gives notice")
	}
	if v = w.visit(t, w.fc, "stranger"); !strings.Contains(v.through("ameli", "camille.fougere").body, "First login from this browser") {
		t.Error("a new browser gives no notice")
	}
}

// TestRevocation checks that an access token that is given back opens nothing.
func TestRevocation(t *testing.T) {
	w := start(t, t.TempDir())
	secret := w.secret(t)
	_, body := w.redeem(t, w.code(t), secret)
	access := regexp.MustCompile(`"access_token":"([^"]+)"`).FindStringSubmatch(body)[1]
	revoke := func(secret, token string) int {
		resp, err := http.PostForm(w.fc.URL+"/api/v2/token/revocation", url.Values{"token": {token}, "client_id": {"carnet-attestation"}, "client_secret": {secret}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := revoke("wrong", access); got != 401 || w.userInfo(t, access) != 200 {
		t.Errorf("with a wrong secret: %d", got)
	}
	if got := revoke(secret, access); got != 200 || w.userInfo(t, access) != 401 {
		t.Errorf("revoked: %d, user information %d", got, w.userInfo(t, access))
	}
	if got := revoke(secret, "nothing"); got != 200 {
		t.Errorf("a token that is unknown: %d", got)
	}
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keysOf publishes the public part of a key for encryption.
func keysOf(t *testing.T, alg jose.KeyAlgorithm, key crypto.Signer) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "sealing", Use: "enc", Algorithm: string(alg)}}}
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	})
}

// TestDiscovery checks what the platforms announce (specification, section 2.2), and that what is for
// programs carries no cookie and no permission for scripts of other sites.
func TestDiscovery(t *testing.T) {
	w := start(t, t.TempDir())
	list := func(m map[string]any, name string) string {
		var out []string
		values, _ := m[name].([]any)
		for _, v := range values {
			s, _ := v.(string)
			out = append(out, s)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		issuer *sandbox.Issuer
		want   map[string]string
	}{
		{w.sandbox.FC, map[string]string{
			"acr_values_supported": "eidas1", "response_types_supported": "code", "grant_types_supported": "authorization_code", "subject_types_supported": "pairwise",
			"token_endpoint_auth_methods_supported": "client_secret_post private_key_jwt", "code_challenge_methods_supported": "S256",
			"id_token_signing_alg_values_supported": "ES256", "userinfo_signing_alg_values_supported": "ES256", "id_token_encryption_alg_values_supported": "",
		}},
		{w.sandbox.FCPlus, map[string]string{
			"acr_values_supported": "eidas2 eidas3", "response_types_supported": "code", "token_endpoint_auth_methods_supported": "client_secret_post private_key_jwt",
			"id_token_encryption_alg_values_supported": "ECDH-ES RSA-OAEP RSA-OAEP-256", "id_token_encryption_enc_values_supported": "A256GCM",
			"userinfo_encryption_alg_values_supported": "ECDH-ES RSA-OAEP RSA-OAEP-256", "userinfo_encryption_enc_values_supported": "A256GCM",
		}},
		{w.sandbox.ProConnect, map[string]string{
			"acr_values_supported": "eidas0 eidas0-mfa eidas1 eidas1-mfa eidas2 eidas3", "token_endpoint_auth_methods_supported": "client_secret_post", "code_challenge_methods_supported": "",
		}},
	} {
		t.Run(tt.issuer.Profile().Name, func(t *testing.T) {
			resp, err := http.Get(tt.issuer.Profile().DiscoveryURL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var m map[string]any
			if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got := list(m, name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
			base := tt.issuer.Issuer()
			for name, path := range map[string]string{"authorization_endpoint": "/authorize", "token_endpoint": "/token", "userinfo_endpoint": "/userinfo",
				"jwks_uri": "/jwks", "end_session_endpoint": "/session/end", "revocation_endpoint": "/token/revocation"} {
				if m[name] != base+path {
					t.Errorf("%s is %v", name, m[name])
				}
			}
			for name, want := range map[string]bool{"authorization_response_iss_parameter_supported": true, "claims_parameter_supported": true, "carnet_sandbox": true} {
				if m[name] != want {
					t.Errorf("%s is %v", name, m[name])
				}
			}
			for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/userinfo", "/authorize"} {
				r, _ := http.NewRequest("GET", base+path, nil)
				r.Header.Set("Origin", "https://exemple.invalid")
				got, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				got.Body.Close()
				if got.Header.Get("Access-Control-Allow-Origin") != "" || len(got.Cookies()) > 0 {
					t.Errorf("%s: %v", path, got.Header)
				}
			}
		})
	}
}

// TestErrorBodies checks that a program learns where the codes are explained.
func TestErrorBodies(t *testing.T) {
	w := start(t, t.TempDir())
	_, body := w.redeem(t, "x", w.secret(t))
	var m map[string]string
	if err := json.Unmarshal([]byte(body), &m); err != nil || m["error"] != "invalid_grant" || m["error_description"] == "" || m["error_uri"] != w.fc.URL+"/codes" {
		t.Errorf("%s %v", body, err)
	}
}
