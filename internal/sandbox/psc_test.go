package sandbox_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/sandbox"
)

// professionals is the issuer of professionals alone, with two clients.
type professionals struct {
	t       testing.TB
	sandbox *sandbox.Sandbox
	server  *httptest.Server
	site    *httptest.Server // of the client: it takes logout tokens
	tokens  chan string
	later   *offset
	log     *strings.Builder
	config  sandbox.Config
	secrets map[string]string
}

const (
	first  = "carnet-pro"
	second = "another-site"
	ines   = "899700000120"
	nobody = "899700218896"
)

func startProfessionals(t testing.TB, change ...func(*sandbox.Config)) *professionals {
	t.Helper()
	w := &professionals{t: t, later: &offset{}, log: &strings.Builder{}, tokens: make(chan string, 100), secrets: map[string]string{}}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.sandbox.PSC.ServeHTTP(rw, r) }))
	w.server.URL = strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1)
	w.site = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == login.EndPath("psc") {
			w.tokens <- r.PostFormValue("logout_token")
		}
	}))
	w.config = sandbox.Config{
		Dir: t.TempDir(), Clock: w.later.now, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, nil)),
		PSC: sandbox.IssuerConfig{Origin: w.server.URL, Clients: []sandbox.Client{
			{Name: "Carnet, Vaccin Covid", RedirectURI: w.site.URL + login.CallbackPath("psc"), SignedOutURI: w.site.URL + "/", LogoutURI: w.site.URL + login.EndPath("psc")},
			{ID: second, Name: "Un autre site", RedirectURI: w.site.URL + "/autre", SignedOutURI: w.site.URL + "/"},
		}},
	}
	for _, f := range change {
		f(&w.config)
	}
	w.open()
	t.Cleanup(func() {
		if err := w.sandbox.Close(); err != nil {
			t.Error(err)
		}
		w.server.Close()
		w.site.Close()
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

func (w *professionals) open() {
	w.t.Helper()
	var err error
	if w.sandbox, err = sandbox.New(w.config); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range []string{first, second} {
		w.secrets[id] = strings.TrimSpace(readFile(w.t, w.config.Dir+"/psc."+id+".secret"))
	}
}

func (w *professionals) provider() *login.Provider {
	w.t.Helper()
	p, err := login.NewProvider(w.sandbox.PSC.PushProfile(), w.later.now, rand.Reader, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// reply is an answer to a program.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func (r reply) error() string   { s, _ := r.body["error"].(string); return s }
func (r reply) id() string      { s, _ := r.body["auth_req_id"].(string); return s }
func (r reply) access() string  { s, _ := r.body["access_token"].(string); return s }
func (r reply) idToken() string { s, _ := r.body["id_token"].(string); return s }

const realm = "/auth/realms/esante-wallet"

// post sends a form as a client; "" as nobody.
func (w *professionals) post(path, client, secret string, form url.Values) reply {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.server.URL+realm+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, header: resp.Header}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out.body); err != nil {
			w.t.Fatalf("%s: %d %s", path, resp.StatusCode, raw)
		}
	}
	if len(resp.Cookies()) > 0 {
		w.t.Errorf("%s sets a cookie", path)
	}
	return out
}

const pushAt = "/protocol/openid-connect/ext/ciba/auth"

// ask makes a request as the first client, with changes to the form.
func (w *professionals) ask(more ...string) reply {
	w.t.Helper()
	return w.post(pushAt, first, w.secrets[first], asked(more...))
}

// asked is the form of a request: pairs change it, a value "-" takes away.
func asked(more ...string) url.Values {
	q := url.Values{"scope": {"openid scope_all"}, "acr_values": {"eidas1"}, "login_hint": {ines}, "binding_message": {"42"}, "channel": {"MOBILE"}}
	for i := 0; i < len(more); i += 2 {
		if q.Set(more[i], more[i+1]); more[i+1] == "-" {
			q.Del(more[i])
		}
	}
	return q
}

// poll asks for the tokens as the first client.
func (w *professionals) poll(id string) reply {
	w.t.Helper()
	return w.pollAs(first, w.secrets[first], id)
}

func (w *professionals) pollAs(client, secret, id string) reply {
	w.t.Helper()
	return w.post("/protocol/openid-connect/token", client, secret, url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {id}})
}

func (w *professionals) wait() { w.later.forward(5 * time.Second) }

// logout takes the next logout token and lets our relying party verify it.
func (w *professionals) logout() login.Ended {
	w.t.Helper()
	select {
	case raw := <-w.tokens:
		e, err := w.provider().LogoutToken(w.t.Context(), raw)
		if err != nil {
			w.t.Fatal(err)
		}
		return e
	case <-time.After(10 * time.Second):
		w.t.Fatal("no logout token")
		return login.Ended{}
	}
}

func hide(s string) carnet.Private { return carnet.Hide(s) }
