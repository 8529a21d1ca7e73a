package login

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionLifetime = time.Minute

// signingKey signs the assertions of private_key_jwt (RFC 7523).
type signingKey struct {
	signer jose.Signer
	public jose.JSONWebKey
}

func readSigningKey(path string) (*signingKey, error) {
	key, kid, err := readPrivateKey(path)
	if err != nil {
		return nil, err
	}
	alg := jose.RS256
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		switch k.Curve.Params().BitSize {
		case 256:
			alg = jose.ES256
		case 384:
			alg = jose.ES384
		default:
			alg = jose.ES512
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: crypto.Signer(key), KeyID: kid}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	return &signingKey{s, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig", Algorithm: string(alg)}}, nil
}

// assertion is a fresh proof that the client holds its key. Its audience is the issuer, so that it
// can be used nowhere else.
func (p *Provider) assertion() (string, error) {
	id, err := newSecret(p.random)
	if err != nil {
		return "", err
	}
	now := p.clock()
	return jwt.Signed(p.signer.signer).Claims(jwt.Claims{
		Issuer: p.profile.ClientID, Subject: p.profile.ClientID, Audience: jwt.Audience{p.profile.Issuer}, ID: id,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLifetime)),
	}).Serialize()
}

// fault is an answer of an endpoint that is an error of OAuth 2.0 (RFC 6749, section 5.2). Its
// text holds nothing of what the provider sent but the status and the code.
type fault struct {
	status            int
	code, description string
}

func (f *fault) Error() string { return fmt.Sprintf("status %d, %q", f.status, printable(f.code)) }

// call posts a form to an endpoint as our client, and reads a JSON answer into v, or none when v
// is nil. The error is a *fault when the provider refuses; any other means that it is down or
// does not answer as agreed.
func (p *Provider) call(ctx context.Context, m *metadata, endpoint string, form url.Values, v any) error {
	switch p.profile.AuthMethod {
	case SecretPost:
		form.Set("client_id", p.profile.ClientID)
		form.Set("client_secret", p.secret)
	case PrivateKeyJWT:
		assertion, err := p.assertion()
		if err != nil {
			return fmt.Errorf("client assertion: %w", err)
		}
		form.Set("client_id", p.profile.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case MutualTLS:
		form.Set("client_id", p.profile.ClientID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if p.profile.AuthMethod == SecretBasic { // form-encoded first (RFC 6749, section 2.3.1)
		r.SetBasicAuth(url.QueryEscape(p.profile.ClientID), url.QueryEscape(p.secret))
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		if v == nil {
			return nil
		}
		if err := json.Unmarshal(body, v); err != nil {
			return fmt.Errorf("%s: the answer cannot be read", r.URL.Path) // the cause may quote it
		}
		return nil
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		var said struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &said) // without a code the status alone speaks
		return &fault{resp.StatusCode, said.Code, said.Description}
	default:
		return fmt.Errorf("%s: status %d", r.URL.Path, resp.StatusCode)
	}
}

// refusal gives an error of call its place among ours.
func refusal(op string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return refuse(op, carnet.Denied, CodeRefused, f)
	}
	return refuse(op, carnet.Unavailable, CodeProviderDown, err)
}

// revoke gives an access token back that nothing needs any more (RFC 7009). It expires by itself
// soon after: a provider that does not answer keeps nobody out.
func (p *Provider) revoke(ctx context.Context, m *metadata, access string) {
	if m.Revocation == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	_ = p.call(ctx, m, m.Revocation, url.Values{"token": {access}, "token_type_hint": {"access_token"}}, nil)
}

const revokeTimeout = 2 * time.Second
