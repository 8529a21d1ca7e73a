package login

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	SessionID string   `json:"sid"`

	AMR json.RawMessage `json:"amr"`
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

// signed verifies signature, issuer, audience and times of a token of the provider that has a
// subject, and reads its claims.
func (p *Provider) signed(ctx context.Context, m *metadata, raw string, skipExpiry bool) (*oidc.IDToken, tokenClaims, error) {
	t, c, err := p.verified(ctx, m, raw, skipExpiry)
	if err == nil && (c.Subject == "" || len(c.Subject) > maxSubject) {
		err = errors.New("no subject, or one that is too long")
	}
	return t, c, err
}

// verified is signed for tokens that need not have a subject.
func (p *Provider) verified(ctx context.Context, m *metadata, raw string, skipExpiry bool) (*oidc.IDToken, tokenClaims, error) {
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

// due is what the tokens of one login must agree with.
type due struct {
	nonce  string         // of a login by code
	begun  time.Time      // when the login began
	number carnet.Private // national identifier that was typed: of a call, which has no nonce
}

// identify checks the tokens of one login and reads the user information.
func (p *Provider) identify(ctx context.Context, m *metadata, t tokens, d due) (Identity, error) {
	const op = "identify"
	bad := func(cause error) (Identity, error) {
		if errors.Is(cause, errNoKeys) {
			return Identity{}, refuse(op, carnet.Unavailable, CodeProviderDown, cause)
		}
		return Identity{}, refuse(op, carnet.Denied, CodeToken, fmt.Errorf("ID token: %w", cause))
	}
	inner, err := p.unwrap(t.ID, len(p.enc) > 0)
	if err != nil {
		return bad(err)
	}
	token, c, err := p.signed(ctx, m, inner, false)
	if err != nil {
		return bad(err)
	}
	earliest := d.begun.Add(-p.profile.ClockSkew).Truncate(time.Second)
	switch {
	case d.number.IsZero() && (d.nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(d.nonce)) != 1):
		return bad(errors.New("the nonce is not that of this login"))
	case c.IssuedAt == nil:
		return bad(errors.New("no iat"))
	case seconds(*c.IssuedAt).Before(earliest):
		return bad(errors.New("issued before this login"))
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(t.Access); err != nil {
			return bad(err)
		}
	}
	if !p.profile.enough(c.ACR) {
		return Identity{}, refuse(op, carnet.Denied, CodeLevel, fmt.Errorf("level %q, at least %q of %v is needed", printable(c.ACR), p.profile.ACRMin, p.profile.ACRAccept))
	}
	id := Identity{
		Provider: p.profile.Name,
		Issuer:   p.profile.Issuer,
		Subject:  carnet.Hide(c.Subject),
		ACR:      c.ACR,
		SID:      c.SessionID,
		IDToken:  carnet.Hide(inner),
	}
	_ = json.Unmarshal(c.AMR, &id.AMR) // of another type it is as good as none
	for _, means := range p.profile.AMRNeed {
		if !slices.Contains(id.AMR, means) {
			return Identity{}, refuse(op, carnet.Denied, CodeLevel, fmt.Errorf("the means %q was not used", means))
		}
	}
	if c.AuthTime != nil {
		id.AuthTime = seconds(*c.AuthTime).UTC()
	}
	if p.profile.AuthTime && (c.AuthTime == nil || id.AuthTime.Before(earliest)) {
		return Identity{}, refuse(op, carnet.Denied, CodeStale, errors.New("auth_time is missing or earlier than this login"))
	}
	if id.Claims, err = p.userInfo(ctx, m, t.Access, c.Subject); err != nil {
		return Identity{}, err
	}
	if p.profile.Revoke {
		p.revoke(ctx, m, t.Access)
	}
	if !d.number.IsZero() && !id.Claims.isNumber(d.number) {
		return Identity{}, refuse(op, carnet.Denied, CodeToken, errors.New("SubjectNameID is not the number that was typed"))
	}
	if len(p.profile.SIRET) > 0 && !slices.Contains(p.profile.SIRET, id.Claims.siret()) {
		return Identity{}, refuse(op, carnet.Denied, CodeOrganisation, errors.New("the organisation is not on the list of the profile"))
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
	case p.profile.UserInfo != UserInfoRaw && media == "application/jwt":
		inner, err := p.unwrap(string(body), p.profile.UserInfo == UserInfoNested)
		if err != nil {
			return bad(err)
		}
		t, c, err := p.signed(ctx, m, inner, true)
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
