package login

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"carnet/internal/carnet"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	maxSubject   = 255 // OpenID Connect Core 1.0, section 2
	maxTokenText = 64 << 10
)

// tokenClaims is what we check of an ID token or of signed user information. Pointers tell a
// claim that is missing from one that is zero.
type tokenClaims struct {
	Subject   string   `json:"sub"`
	Expiry    *float64 `json:"exp"`
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
	AuthTime  *float64 `json:"auth_time"`
	Nonce     string   `json:"nonce"`
	ACR       string   `json:"acr"`
	Party     string   `json:"azp"`
}

func seconds(f float64) time.Time { return time.Unix(int64(f), 0) }

func (p *Provider) verifier(m *metadata, skipExpiry bool) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(p.profile.Issuer, m.keys, &oidc.Config{
		ClientID:             p.profile.ClientID,
		SupportedSigningAlgs: p.profile.IDTokenAlgs,
		SkipExpiryCheck:      skipExpiry,
		Now:                  func() time.Time { return p.clock().Add(-p.profile.ClockSkew) },
	})
}

// signed verifies signature, issuer, audience and times of a token of the provider, and reads
// its claims.
func (p *Provider) signed(ctx context.Context, m *metadata, raw string, skipExpiry bool) (*oidc.IDToken, tokenClaims, error) {
	var c tokenClaims
	if len(raw) > maxTokenText || strings.Count(raw, ".") != 2 {
		return nil, c, errors.New("not a signed token in its compact form, or one that is too long")
	}
	var noKeys error
	t, err := p.verifier(m, skipExpiry).Verify(context.WithValue(ctx, fetchFailure{}, &noKeys), raw)
	if err != nil {
		return nil, c, cmp.Or(noKeys, err)
	}
	if err := t.Claims(&c); err != nil {
		return nil, c, errors.New("the claims are not of the expected types")
	}
	for _, aud := range t.Audience {
		if aud != p.profile.ClientID {
			return nil, c, errors.New("the token is also for somebody we do not know")
		}
	}
	if c.Party != "" && c.Party != p.profile.ClientID {
		return nil, c, errors.New("the token was made for another party")
	}
	if c.Subject == "" || len(c.Subject) > maxSubject {
		return nil, c, errors.New("no subject, or one that is too long")
	}
	latest := p.clock().Add(p.profile.ClockSkew)
	for name, at := range map[string]*float64{"iat": c.IssuedAt, "nbf": c.NotBefore, "auth_time": c.AuthTime} {
		if at != nil && seconds(*at).After(latest) {
			return nil, c, fmt.Errorf("%s is in the future", name)
		}
	}
	if c.Expiry != nil && seconds(*c.Expiry).Before(p.clock().Add(-p.profile.ClockSkew)) {
		return nil, c, errors.New("the token has expired")
	}
	return t, c, nil
}

// identify checks the tokens of one login and reads the user information. begun is when the
// login began.
func (p *Provider) identify(ctx context.Context, m *metadata, accessToken, idToken, nonce string, begun time.Time) (Identity, error) {
	const op = "identify"
	bad := func(cause error) (Identity, error) {
		if errors.Is(cause, errNoKeys) {
			return Identity{}, refuse(op, carnet.Unavailable, CodeProviderDown, cause)
		}
		return Identity{}, refuse(op, carnet.Denied, CodeToken, cause)
	}
	t, c, err := p.signed(ctx, m, idToken, false)
	if err != nil {
		return bad(fmt.Errorf("ID token: %w", err))
	}
	earliest := begun.Add(-p.profile.ClockSkew)
	switch {
	case c.Nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1:
		return bad(errors.New("ID token: the nonce is not that of this login"))
	case c.IssuedAt == nil:
		return bad(errors.New("ID token: no iat"))
	case seconds(*c.IssuedAt).Before(earliest.Truncate(time.Second)):
		return bad(errors.New("ID token: issued before this login"))
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(accessToken); err != nil {
			return bad(fmt.Errorf("ID token: %w", err))
		}
	}
	if !p.profile.enough(c.ACR) {
		return Identity{}, refuse(op, carnet.Denied, CodeLevel, fmt.Errorf("level %q, at least %q is needed", printable(c.ACR), p.profile.ACRMin))
	}
	id := Identity{
		Provider: p.profile.Name,
		Issuer:   p.profile.Issuer,
		Subject:  carnet.Hide(c.Subject),
		ACR:      c.ACR,
		IDToken:  carnet.Hide(idToken),
	}
	if c.AuthTime != nil {
		id.AuthTime = seconds(*c.AuthTime).UTC()
	}
	if p.profile.AuthTime && (c.AuthTime == nil || id.AuthTime.Before(earliest.Truncate(time.Second))) {
		return Identity{}, refuse(op, carnet.Denied, CodeStale, errors.New("auth_time is missing or earlier than this login"))
	}
	if id.Claims, err = p.userInfo(ctx, m, accessToken, c.Subject); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// userInfo fetches the claims about the person (OpenID Connect Core 1.0, section 5.3).
func (p *Provider) userInfo(ctx context.Context, m *metadata, accessToken, subject string) (Claims, error) {
	const op = "userInfo"
	body, media, err := get(ctx, p.client, m.UserInfo, accessToken)
	if err != nil {
		return Claims{}, refuse(op, carnet.Unavailable, CodeProviderDown, err)
	}
	bad := func(cause error) (Claims, error) {
		if errors.Is(cause, errNoKeys) {
			return Claims{}, refuse(op, carnet.Unavailable, CodeProviderDown, cause)
		}
		return Claims{}, refuse(op, carnet.Denied, CodeToken, fmt.Errorf("user information: %w", cause))
	}
	var raw json.RawMessage
	var about string
	switch {
	case p.profile.UserInfo == UserInfoJWT && media == "application/jwt":
		t, c, err := p.signed(ctx, m, string(body), true)
		if err != nil {
			return bad(err)
		}
		if err := t.Claims(&raw); err != nil {
			return bad(errors.New("no claims"))
		}
		about = c.Subject
	case p.profile.UserInfo == UserInfoRaw && media == "application/json":
		var c struct {
			Subject string `json:"sub"`
		}
		if err := json.Unmarshal(body, &c); err != nil {
			return bad(errors.New("not a JSON object"))
		}
		raw, about = body, c.Subject
	default:
		return bad(fmt.Errorf("media type %q where %s was agreed", printable(media), p.profile.UserInfo))
	}
	if about == "" || subtle.ConstantTimeCompare([]byte(about), []byte(subject)) != 1 {
		return bad(errors.New("it speaks of another subject than the ID token"))
	}
	return Claims{&raw}, nil
}
