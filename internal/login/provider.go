package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
)

const (
	metadataLifetime = time.Hour       // metadata is read again after that
	metadataPause    = 5 * time.Second // a provider that failed is left alone for that long
)

// Provider is an OpenID provider that sites send people to. Its metadata is read at the first
// login, not before: a provider that is down does not keep the sites from starting.
// It is safe for concurrent use.
type Provider struct {
	profile Profile
	secret  string
	signer  *signingKey       // of private_key_jwt
	enc     []jose.JSONWebKey // private keys that tokens are encrypted for
	client  *http.Client
	clock   carnet.Clock
	random  io.Reader

	mu      sync.Mutex
	known   *metadata
	tried   time.Time
	lastErr error
}

// metadata is what we use of OpenID Connect Discovery 1.0, section 3, of its extensions (CIBA,
// RFC 8705, RFC 9207), and of the private endpoint that takes a call back.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	ResponseIss   bool     `json:"authorization_response_iss_parameter_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Algs          []string `json:"id_token_signing_alg_values_supported"`
	EncAlgs       []string `json:"id_token_encryption_alg_values_supported"`
	InfoAlgs      []string `json:"userinfo_signing_alg_values_supported"`
	InfoEncAlgs   []string `json:"userinfo_encryption_alg_values_supported"`
	Scopes        []string `json:"scopes_supported"`
	ACRs          []string `json:"acr_values_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	ClaimsParam   bool     `json:"claims_parameter_supported"`
	Delivery      []string `json:"backchannel_token_delivery_modes_supported"`
	LogoutTokens  bool     `json:"backchannel_logout_supported"`
	Sandbox       bool     `json:"carnet_sandbox"` // our sandbox says that it is one
	Cancel        string   `json:"backchannel_authentication_cancel_endpoint"`
	endpoints
	Aliases endpoints `json:"mtls_endpoint_aliases"`

	keys *keySet
}

// endpoints are the addresses that a server calls; with mutual TLS they may be others.
type endpoints struct {
	Token      string `json:"token_endpoint"`
	UserInfo   string `json:"userinfo_endpoint"`
	Push       string `json:"backchannel_authentication_endpoint"`
	Revocation string `json:"revocation_endpoint"`
}

// ErrMismatch is in the chain of the error when the metadata are those of somebody else: of
// another issuer, of a sandbox that was not asked for, or with an address at a host that the
// profile does not list.
var ErrMismatch = errors.New("the metadata are not those of the profile")

// NewProvider checks a profile and reads its secret, keys and certificates. A nil transport is the
// ordinary network; random must be safe for concurrent use, as crypto/rand.Reader is.
func NewProvider(p Profile, clock carnet.Clock, random io.Reader, transport http.RoundTripper) (*Provider, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	out := &Provider{profile: p, clock: clock, random: random}
	fault := func(key string, err error) error {
		return &carnet.Error{Op: "login.NewProvider", Kind: carnet.Invalid, Code: CodeProfile, Field: key, Err: err}
	}
	var err error
	switch p.AuthMethod {
	case SecretPost, SecretBasic:
		if out.secret, err = p.secret(); err != nil {
			return nil, fault("secret_file", err)
		}
	case PrivateKeyJWT:
		if out.signer, err = readSigningKey(p.KeyFile); err != nil {
			return nil, fault("key_file", err)
		}
	}
	for _, file := range p.EncKeys {
		key, err := readEncryptionKey(file)
		if err != nil {
			return nil, fault("enc_keys", err)
		}
		out.enc = append(out.enc, key)
	}
	var key string
	if out.client, key, err = newClient(p, transport); err != nil {
		return nil, fault(key, err)
	}
	return out, nil
}

// Name is the name of the profile.
func (p *Provider) Name() string { return p.profile.Name }

// Profile is what the provider was made from, with every default filled in. It names the files of
// its secrets and holds none of them.
func (p *Provider) Profile() Profile { return p.profile }

// metadata reads the discovery document, or returns the one at hand.
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	age := now.Sub(p.tried)
	if p.lastErr != nil && age >= 0 && age < metadataPause {
		return nil, p.lastErr
	}
	if p.known != nil && age >= 0 && age < metadataLifetime {
		return p.known, nil
	}
	m, err := p.discover(ctx)
	if err != nil {
		if ctx.Err() == nil { // else it is the person who went away
			p.tried, p.lastErr, p.known = now, refuse("discover", carnet.Unavailable, CodeProviderDown, err), nil
		}
		return nil, refuse("discover", carnet.Unavailable, CodeProviderDown, err)
	}
	if p.known != nil && p.known.JWKS == m.JWKS {
		m.keys = p.known.keys
	}
	p.tried, p.lastErr, p.known = now, nil, m
	return m, nil
}

func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	body, _, err := get(ctx, p.client, p.profile.DiscoveryURL, "")
	if err != nil {
		return nil, err
	}
	m := &metadata{}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, errors.New("the discovery document is not what it should be")
	}
	if m.Issuer != p.profile.Issuer {
		return nil, fmt.Errorf("%w: the discovery document is of the issuer %q", ErrMismatch, m.Issuer)
	}
	if m.Sandbox && !p.profile.Sandbox {
		return nil, fmt.Errorf("%w: the provider is a sandbox, and the profile does not say so", ErrMismatch)
	}
	needed := []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"}
	all := map[string]*string{
		"authorization_endpoint": &m.Authorization, "token_endpoint": &m.Token, "userinfo_endpoint": &m.UserInfo, "jwks_uri": &m.JWKS,
		"end_session_endpoint": &m.EndSession, "revocation_endpoint": &m.Revocation,
	}
	if p.profile.LoginMode == ModeCIBA { // else an address that is never called has nothing to be held to
		needed = append(needed, "backchannel_authentication_endpoint")
		all["backchannel_authentication_endpoint"] = &m.Push
		all["backchannel_authentication_cancel_endpoint"] = &m.Cancel
	}
	if p.profile.AuthMethod == MutualTLS {
		m.endpoints = m.over(m.Aliases)
	}
	for name, s := range all {
		if *s == "" && !slices.Contains(needed, name) {
			continue
		}
		if u, err := url.Parse(*s); err != nil || !secure(u) || u.Fragment != "" || !slices.Contains(p.profile.Hosts, u.Host) {
			return nil, fmt.Errorf("%w: %s %q is not at a host of the profile", ErrMismatch, name, *s)
		}
	}
	m.keys = &keySet{url: m.JWKS, client: p.client, clock: p.clock}
	for _, alg := range p.profile.IDTokenAlgs {
		m.keys.algs = append(m.keys.algs, jose.SignatureAlgorithm(alg))
	}
	return m, nil
}

// over returns the endpoints of a, where it has them, over those of e (RFC 8705, section 5).
func (e endpoints) over(a endpoints) endpoints {
	return endpoints{cmp.Or(a.Token, e.Token), cmp.Or(a.UserInfo, e.UserInfo), cmp.Or(a.Push, e.Push), cmp.Or(a.Revocation, e.Revocation)}
}

// authorization is the address that begins a login by code: what differs between providers comes
// from the profile, and nothing is sent that the profile does not say, for there are providers
// that refuse what they do not know.
func (p *Provider) authorization(m *metadata, redirectURI, state, nonce, verifier string) (string, error) {
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.profile.ClientID}, "redirect_uri": {redirectURI},
		"scope": {strings.Join(p.profile.Scopes, " ")}, "state": {state}, "nonce": {nonce},
	}
	for name, v := range p.profile.ExtraParams {
		q.Set(name, v)
	}
	if verifier != "" {
		sum := sha256.Sum256([]byte(verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	if p.profile.Prompt != "" {
		q.Set("prompt", p.profile.Prompt)
	}
	byClaims := p.profile.ACRBy == ACRByClaims
	if len(p.profile.ACRRequest) > 0 && !byClaims {
		q.Set("acr_values", strings.Join(p.profile.ACRRequest, " "))
	}
	type essential struct {
		Essential bool     `json:"essential"`
		Values    []string `json:"values,omitempty"`
	}
	asked := map[string]essential{}
	if len(p.profile.ACRRequest) > 0 && byClaims {
		asked["acr"] = essential{true, p.profile.ACRRequest}
	}
	if len(p.profile.AMRNeed) > 0 {
		asked["amr"] = essential{Essential: true}
	}
	if len(asked) > 0 {
		text, err := json.Marshal(map[string]any{"id_token": asked})
		if err != nil {
			return "", err
		}
		q.Set("claims", string(text))
	}
	return withQuery(m.Authorization, q), nil
}

// withQuery adds parameters to an address that may have some.
func withQuery(address string, q url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + q.Encode()
	}
	return address + "?" + q.Encode()
}

// tokens is what we use of a token answer (RFC 6749, section 5.1).
type tokens struct {
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	ID     string `json:"id_token"`
}

// exchange trades a code for tokens.
func (p *Provider) exchange(ctx context.Context, m *metadata, redirectURI, code, verifier string) (tokens, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}
	if verifier != "" {
		form.Set("code_verifier", verifier)
	}
	var t tokens
	if err := p.call(ctx, m, m.Token, form, &t); err != nil {
		return tokens{}, refusal("exchange", err)
	}
	return t, t.check("exchange")
}

func (t tokens) check(op string) error {
	if t.Access == "" || !strings.EqualFold(t.Type, "bearer") {
		return refuse(op, carnet.Denied, CodeToken, errors.New("there is no bearer token"))
	}
	return nil
}

// get fetches a document with a bearer token, if any, and returns its media type.
func get(ctx context.Context, client *http.Client, address, bearer string) ([]byte, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Accept", "application/json, application/jwt")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s: status %d", r.URL.Path, resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	return body, media, nil
}

// printable keeps what an OAuth error code may be made of, and little of it.
func printable(s string) string {
	out := make([]byte, 0, 64)
	for i := 0; i < len(s) && len(out) < cap(out); i++ {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			out = append(out, c)
		}
	}
	return string(out)
}
