package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
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
	client  *http.Client
	clock   carnet.Clock

	mu      sync.Mutex
	known   *metadata
	tried   time.Time
	lastErr error
}

// metadata is what we use of OpenID Connect Discovery 1.0, section 3.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	ResponseIss   bool     `json:"authorization_response_iss_parameter_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Algs          []string `json:"id_token_signing_alg_values_supported"`
	ACRs          []string `json:"acr_values_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`

	keys *keySet
}

// NewProvider checks a profile and reads its secret. A nil transport is the ordinary network.
func NewProvider(p Profile, clock carnet.Clock, transport http.RoundTripper) (*Provider, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	secret, err := p.secret()
	if err != nil {
		return nil, &carnet.Error{Op: "login.NewProvider", Kind: carnet.Invalid, Code: CodeProfile, Field: "secret_file", Err: err}
	}
	return &Provider{profile: p, secret: secret, client: newClient(p, transport), clock: clock}, nil
}

// Name is the name of the profile.
func (p *Provider) Name() string { return p.profile.Name }

// Check reads the metadata and says what it promises that differs from the profile. Only an
// error stops a login; differences are for the operator to read at the start.
func (p *Provider) Check(ctx context.Context) (differences []string, err error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	differ := func(format string, a ...any) { differences = append(differences, fmt.Sprintf(format, a...)) }
	if len(m.AuthMethods) > 0 && !slices.Contains(m.AuthMethods, p.profile.AuthMethod) {
		differ("token_endpoint_auth_methods_supported has no %s", p.profile.AuthMethod)
	}
	for _, alg := range p.profile.IDTokenAlgs {
		if len(m.Algs) > 0 && !slices.Contains(m.Algs, alg) {
			differ("id_token_signing_alg_values_supported has no %s", alg)
		}
	}
	for _, acr := range p.profile.ACRRequest {
		if !slices.Contains(m.ACRs, acr) {
			differ("acr_values_supported has no %s", acr)
		}
	}
	if p.profile.PKCE && !slices.Contains(m.Challenges, "S256") {
		differ("code_challenge_methods_supported has no S256")
	}
	if p.profile.RequireIss && !m.ResponseIss {
		differ("authorization_response_iss_parameter_supported is not true")
	}
	if m.EndSession == "" {
		differ("there is no end_session_endpoint: logout stays local")
	}
	return differences, nil
}

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
		return nil, fmt.Errorf("the discovery document is of another issuer, %q", m.Issuer)
	}
	for name, s := range map[string]string{
		"authorization_endpoint": m.Authorization, "token_endpoint": m.Token,
		"userinfo_endpoint": m.UserInfo, "jwks_uri": m.JWKS, "end_session_endpoint": m.EndSession,
	} {
		if s == "" && name == "end_session_endpoint" {
			continue
		}
		if u, err := url.Parse(s); err != nil || !secure(u) || u.Fragment != "" || !slices.Contains(p.profile.Hosts, u.Host) {
			return nil, fmt.Errorf("%s %q is not at a host of the provider", name, s)
		}
	}
	m.keys = &keySet{url: m.JWKS, client: p.client, clock: p.clock}
	for _, alg := range p.profile.IDTokenAlgs {
		m.keys.algs = append(m.keys.algs, jose.SignatureAlgorithm(alg))
	}
	return m, nil
}

func (p *Provider) oauth(m *metadata, redirectURI string) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if p.profile.AuthMethod == SecretBasic {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID:     p.profile.ClientID,
		ClientSecret: p.secret,
		Endpoint:     oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: style},
		RedirectURL:  redirectURI,
		Scopes:       p.profile.Scopes,
	}
}

// exchange trades a code for tokens. Nothing of what the provider sent is in the error but its
// status and its code.
func (p *Provider) exchange(ctx context.Context, m *metadata, redirectURI, code, verifier string) (*oauth2.Token, error) {
	const op = "exchange"
	var options []oauth2.AuthCodeOption
	if verifier != "" {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	token, err := p.oauth(m, redirectURI).Exchange(context.WithValue(ctx, oauth2.HTTPClient, p.client), code, options...)
	if err != nil {
		refused, ok := errors.AsType[*oauth2.RetrieveError](err)
		switch {
		case !ok:
			if _, ok := errors.AsType[*url.Error](err); !ok {
				err = errors.New("the token answer cannot be read") // its text may quote the body
			}
			return nil, refuse(op, carnet.Unavailable, CodeProviderDown, err)
		case refused.Response.StatusCode >= 500, refused.Response.StatusCode >= 300 && refused.Response.StatusCode < 400:
			return nil, refuse(op, carnet.Unavailable, CodeProviderDown, fmt.Errorf("token endpoint: status %d", refused.Response.StatusCode))
		default:
			return nil, refuse(op, carnet.Denied, CodeRefused, fmt.Errorf("token endpoint: status %d, %q", refused.Response.StatusCode, printable(refused.ErrorCode)))
		}
	}
	if token.Type() != "Bearer" {
		return nil, refuse(op, carnet.Denied, CodeToken, errors.New("the access token is not a bearer token"))
	}
	return token, nil
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
