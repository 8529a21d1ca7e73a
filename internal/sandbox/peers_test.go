package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"carnet/internal/sandbox"

	"github.com/go-jose/go-jose/v4"
)

// peer is a run of npm openid-client against an issuer.
type peer struct {
	Discovery    string            `json:"discovery"`
	ClientID     string            `json:"client_id"`
	ClientSecret string            `json:"client_secret"`
	RedirectURI  string            `json:"redirect_uri"`
	SignedOut    string            `json:"signed_out,omitempty"`
	Scope        string            `json:"scope"`
	Auth         string            `json:"auth"`
	PKCE         bool              `json:"pkce"`
	Signed       bool              `json:"signed"`
	Revoke       bool              `json:"revoke"`
	Params       map[string]string `json:"params"`
	Key          *jose.JSONWebKey  `json:"key,omitempty"`  // tokens are encrypted to it
	Sign         *jose.JSONWebKey  `json:"sign,omitempty"` // the client authenticates with it
}

// outcome is what openid-client makes of a login.
type outcome struct {
	Claims         map[string]any `json:"claims"`
	Info           map[string]any `json:"info"`
	Expires        int            `json:"expires"`
	Refresh        bool           `json:"refresh"`
	ForeignState   string         `json:"foreignState"`
	ForeignSubject string         `json:"foreignSubject"`
	Revoked        string         `json:"revoked"`
	Replay         string         `json:"replay"`
	End            string         `json:"end"`
}

// run starts the client, lets a browser log in, and returns what became of it.
func (p peer) run(t *testing.T, in func(b *browser) *browser) (outcome, *browser) {
	t.Helper()
	if os.Getenv("CARNET_PEERS") == "" {
		t.Fatal("CARNET_PEERS is not set: scripts/test sets it")
	}
	config, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "../../e2e/peers/client.mjs", string(config))
	var said strings.Builder
	node.Stderr = &said
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	read := func(into any) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err == nil {
			err = json.Unmarshal([]byte(line), into)
		}
		if err != nil {
			_ = node.Wait()
			t.Fatalf("openid-client: %v\n%s", err, said.String())
		}
	}
	var first struct{ Go string }
	read(&first)
	back, err := url.Parse(p.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t).callback(back.Path)
	in(b.get(first.Go))
	if _, err := fmt.Fprintln(stdin, b.location()); err != nil {
		t.Fatal(err)
	}
	var out outcome
	read(&out)
	if err := node.Wait(); err != nil {
		t.Fatalf("openid-client: %v\n%s", err, said.String())
	}
	return out, b
}

// TestOpenIDClient logs in at each issuer with a certified relying party that no one here wrote
// (specification, section 10.3, run B).
func TestOpenIDClient(t *testing.T) {
	key := jose.JSONWebKey{Key: ecKey(t), KeyID: "sealing", Use: "enc", Algorithm: string(jose.ECDH_ES)}
	sign := jose.JSONWebKey{Key: ecKey(t), KeyID: "signing", Use: "sig", Algorithm: string(jose.ES256)}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public(), sign.Public()}}); err != nil {
			t.Error(err)
		}
	}))
	defer keys.Close()
	w := startWith(t, t.TempDir(), sandbox.Client{ID: "sealed", Name: "Scellé", KeysURI: keys.URL}, sandbox.Client{ID: "signed", Name: "Signé", KeysURI: keys.URL, Asserts: true})
	citizen := func(idp string) func(b *browser) *browser {
		return func(b *browser) *browser { return b.through(idp, "marguerite.aubepine").press("continue", "") }
	}
	direct := func(name string) func(b *browser) *browser {
		return func(b *browser) *browser { return b.submit(b.origin(), name, pass, "login") }
	}
	secret := func(name string) string {
		return strings.TrimSpace(readFile(t, filepath.Join(w.dir, name+".secret")))
	}
	retour, sorti := w.attestation.server.URL+"/retour", w.attestation.server.URL+"/sorti"
	for _, tt := range []struct {
		name    string
		peer    peer
		in      func(b *browser) *browser
		acr     string
		subject string
		info    map[string]string
		expires int
	}{
		{"fc", peer{
			Discovery: w.sandbox.FC.Profile().DiscoveryURL, ClientID: "stranger", ClientSecret: secret("fc.stranger"), RedirectURI: retour, SignedOut: sorti,
			Scope: "openid identite_pivot preferred_username", Auth: "client_secret_post", Signed: true, Revoke: true, Params: map[string]string{"acr_values": "eidas1"},
		}, citizen("ameli"), "eidas1", "v1", map[string]string{"family_name": "AUBÉPINE", "birthdate": "1948-02-29", "preferred_username": "LAURIER"}, 60},
		{"fc-plus, nested", peer{
			Discovery: w.sandbox.FCPlus.Profile().DiscoveryURL, ClientID: "sealed", ClientSecret: secret("fc-plus.sealed"), RedirectURI: retour, SignedOut: sorti,
			Scope: "openid rnipp_identite_pivot", Auth: "client_secret_post", Signed: true, Revoke: true, Key: &key, Params: map[string]string{"acr_values": "eidas2"},
		}, citizen("laposte"), "eidas2", "v1", map[string]string{"family_name": "AUBÉPINE", "rnipp_family_name": "AUBÉPINE", "birthplace": "00997"}, 60},
		{"fc-plus, nested, private_key_jwt", peer{
			Discovery: w.sandbox.FCPlus.Profile().DiscoveryURL, ClientID: "signed", RedirectURI: retour, SignedOut: sorti, Sign: &sign,
			Scope: "openid identite_pivot", Auth: "private_key_jwt", Signed: true, Revoke: true, Key: &key, Params: map[string]string{"acr_values": "eidas3"},
		}, citizen("msa"), "eidas3", "v1", map[string]string{"family_name": "AUBÉPINE"}, 60},
		{"psc, code flow with PKCE", peer{
			Discovery: w.sandbox.PSC.Profile().DiscoveryURL, ClientID: "carnet-pro", ClientSecret: secret("psc.carnet-pro"), RedirectURI: w.pro.RedirectURI(), SignedOut: w.pro.SignedOutURI(),
			Scope: "openid scope_all", Auth: "client_secret_basic", PKCE: true, Params: map[string]string{"acr_values": "eidas1", "prompt": "login"},
		}, direct("aurelien.saule"), "eidas1", "899700000112", map[string]string{"SubjectNameID": "899700000112", "family_name": "SAULE"}, 120},
		{"proconnect", peer{
			Discovery: w.sandbox.ProConnect.Profile().DiscoveryURL, ClientID: "carnet-protection", ClientSecret: secret("proconnect.carnet-protection"),
			RedirectURI: w.protection.RedirectURI(), SignedOut: w.protection.SignedOutURI(), Scope: "openid email siret usual_name", Auth: "client_secret_post", Signed: true, Revoke: true,
			Params: map[string]string{"claims": `{"id_token":{"acr":{"essential":true,"values":["eidas1-mfa"]},"amr":{"essential":true}}}`},
		}, direct("dpo@caisse-des-bois.invalid"), "eidas1-mfa", "v1", map[string]string{"siret": "99900000300015", "usual_name": "NOISETIER"}, 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, b := tt.peer.run(t, tt.in)
			if got.Claims["acr"] != tt.acr || !strings.HasSuffix(fmt.Sprint(got.Claims["sub"]), tt.subject) {
				t.Errorf("claims: %v", got.Claims)
			}
			for name, want := range tt.info {
				if got.Info[name] != want {
					t.Errorf("%s is %v", name, got.Info[name])
				}
			}
			if got.Expires != tt.expires || got.Refresh {
				t.Errorf("expires_in %d, refresh token: %v", got.Expires, got.Refresh)
			}
			if got.ForeignState == "accepted" || got.ForeignSubject == "accepted" || got.Replay != "invalid_grant" {
				t.Errorf("foreign state: %s, foreign subject: %s, replay: %s", got.ForeignState, got.ForeignSubject, got.Replay)
			}
			if tt.peer.Revoke && (got.Revoked == "accepted" || got.Revoked == "") {
				t.Errorf("a token that was given back: %q", got.Revoked)
			}
			end, err := url.Parse(got.End)
			if err != nil {
				t.Fatal(err)
			}
			b.callback("/sorti")
			if tt.peer.SignedOut != sorti {
				b.callback("/")
			}
			if b.get(got.End); b.last.Header.Get("Location") != tt.peer.SignedOut+"?state="+end.Query().Get("state") {
				t.Errorf("log-out: %d to %s", b.last.StatusCode, b.last.Header.Get("Location"))
			}
		})
	}
	t.Run("fc refuses the PKCE that it advertises to others", func(t *testing.T) {
		q := w.authorizeQuery()
		maps.Copy(q, url.Values{"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}})
		if b := newBrowser(t).get(w.fc.URL + "/api/v2/authorize?" + q.Encode()); b.last.StatusCode != 400 || !strings.Contains(b.body, "Y030007") {
			t.Errorf("%d", b.last.StatusCode)
		}
	})
}

// apache runs Apache with mod_auth_openidc for one site that shows what the module learnt.
func apache(t *testing.T, port int, directives string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "carnet-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := exec.LookPath("apache2")
	if err != nil {
		program = "/usr/sbin/apache2" // not on everybody's path
	}
	modules := "/usr/lib/apache2/modules"
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_openidc.so")); err != nil {
		t.Fatal("mod_auth_openidc is missing: scripts/test installs it")
	}
	conf := fmt.Sprintf(`ServerRoot %[1]q
PidFile %[1]s/pid
ErrorLog %[1]s/errors
DefaultRuntimeDir %[1]s
Mutex file:%[1]s
Listen 127.0.0.1:%[2]d
ServerName localhost
LoadModule mpm_event_module %[3]s/mod_mpm_event.so
LoadModule authn_core_module %[3]s/mod_authn_core.so
LoadModule authz_core_module %[3]s/mod_authz_core.so
LoadModule authz_user_module %[3]s/mod_authz_user.so
LoadModule headers_module %[3]s/mod_headers.so
LoadModule dir_module %[3]s/mod_dir.so
LoadModule auth_openidc_module %[3]s/mod_auth_openidc.so
DocumentRoot %[1]s/www
DirectoryIndex index.html
OIDCCryptoPassphrase of-a-test-and-nothing-else
OIDCRedirectURI http://localhost:%[2]d/retour
OIDCCookiePath /
OIDCCookieHTTPOnly On
OIDCSessionType client-cookie
OIDCRemoteUserClaim sub
OIDCIDTokenSignedResponseAlg ES256
%[4]s
<Location />
AuthType openid-connect
Require valid-user
Header always set X-Subject "expr=%%{env:OIDC_CLAIM_sub}"
Header always set X-Family "expr=%%{env:OIDC_CLAIM_family_name}"
Header always set X-Acr "expr=%%{env:OIDC_CLAIM_acr}"
</Location>
`, dir, port, modules, directives)
	if err := os.MkdirAll(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"httpd.conf": conf, "www/index.html": "<p>dedans</p>"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "-X", "-f", filepath.Join(dir, "httpd.conf"))
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if os.Getuid() == 0 { // it refuses to serve as root, and has no need to
		const nobody = 65534
		server.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(dir, "errors"))
			t.Logf("%s%s", said.String(), b)
		}
	})
	for range 100 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("apache does not listen")
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestModAuthOpenIDC logs in with the certified C relying party of Debian (specification, section
// 10.3, run C).
func TestModAuthOpenIDC(t *testing.T) {
	for _, tt := range []struct {
		name       string
		issuer     func(*world) *sandbox.Issuer
		in         func(b *browser) *browser
		directives string
		want       map[string]string // headers
	}{
		{"fc", func(w *world) *sandbox.Issuer { return w.sandbox.FC },
			func(b *browser) *browser {
				return b.through("ameli", "marguerite.aubepine").press("continue", "")
			}, `OIDCScope "openid identite_pivot preferred_username"
OIDCProviderTokenEndpointAuth client_secret_post
OIDCUserInfoSignedResponseAlg ES256
OIDCAuthRequestParams acr_values=eidas1`, map[string]string{"X-Family": "AUBÉPINE", "X-Acr": "eidas1"}},
		{"psc", func(w *world) *sandbox.Issuer { return w.sandbox.PSC },
			func(b *browser) *browser { return b.submit(b.origin(), "aurelien.saule", pass, "login") }, `OIDCScope "openid scope_all"
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCPKCEMethod S256
OIDCAuthRequestParams acr_values=eidas1&prompt=login`, map[string]string{"X-Family": "SAULE", "X-Acr": "eidas1"}},
		// Its state has 27 characters: ProConnect asks for 32.
		{"proconnect", func(w *world) *sandbox.Issuer { return w.sandbox.ProConnect }, nil, `OIDCScope "openid email siret"
OIDCProviderTokenEndpointAuth client_secret_post
OIDCUserInfoSignedResponseAlg ES256`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port := freePort(t)
			w := startPeer(t, t.TempDir(), sandbox.Client{ID: "apache", Name: "Apache",
				RedirectURI: fmt.Sprintf("http://localhost:%d/retour", port), SignedOutURI: fmt.Sprintf("http://localhost:%d/", port)})
			p := tt.issuer(w).Profile()
			apache(t, port, fmt.Sprintf("OIDCProviderMetadataURL %s\nOIDCClientID apache\nOIDCClientSecret %s\n%s",
				p.DiscoveryURL, strings.TrimSpace(readFile(t, filepath.Join(w.dir, p.Name+".apache.secret"))), tt.directives))
			b := newBrowser(t)
			b.foreign = true
			site := fmt.Sprintf("http://localhost:%d/", port)
			b.get(site)
			if tt.in == nil {
				if b.last.StatusCode != 400 || !strings.Contains(b.body, "Y000400") {
					t.Errorf("a state that is too short: %d", b.last.StatusCode)
				}
				return
			}
			tt.in(b)
			if b.last.StatusCode != 200 || b.body != "<p>dedans</p>" {
				t.Fatalf("%d at %s\n%s", b.last.StatusCode, b.last.Request.URL, b.body)
			}
			for name, want := range tt.want {
				if got := b.last.Header.Get(name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
			if b.last.Header.Get("X-Subject") == "" {
				t.Error("no subject")
			}
		})
	}
}
