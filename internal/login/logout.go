package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"carnet/internal/carnet"
)

// endSession returns the address that ends the session at the provider (OpenID Connect
// RP-Initiated Logout 1.0), or ends it from here and returns none, as the profile says.
func (p *Provider) endSession(ctx context.Context, idToken carnet.Private, returnTo, state string) (string, error) {
	if p.profile.Logout == LogoutNone || idToken.IsZero() {
		return "", nil
	}
	m, err := p.metadata(ctx)
	if err != nil || m.EndSession == "" {
		return "", err
	}
	if p.profile.Logout == LogoutPost {
		form := url.Values{"id_token_hint": {idToken.Reveal()}, "client_id": {p.profile.ClientID}}
		if err := p.call(ctx, m, m.EndSession, form, nil); err != nil {
			return "", refusal("endSession", err)
		}
		return "", nil
	}
	return withQuery(m.EndSession, url.Values{"id_token_hint": {idToken.Reveal()}, "post_logout_redirect_uri": {returnTo}, "state": {state}}), nil
}

const (
	eventLogout = "http://schemas.openid.net/event/backchannel-logout"
	eventNotMe  = "urn:carnet:event:not-me"

	maxLogoutToken = 2 * time.Minute // age of a logout token
)

// Ended is what a logout token ends: every session of a subject, or the one that it names.
type Ended struct {
	Subject   carnet.Private // may be zero when SessionID is not empty
	SessionID string         // sid at the provider; empty: all of them
	Reported  bool           // the professional says "it was not me"
}

// LogoutToken verifies a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).
// Repeating one repeats what is already done, so that none is remembered.
func (p *Provider) LogoutToken(ctx context.Context, raw string) (Ended, error) {
	const op = "LogoutToken"
	m, err := p.metadata(ctx)
	if err != nil {
		return Ended{}, err
	}
	bad := func(cause error) (Ended, error) {
		if errors.Is(cause, errNoKeys) {
			return Ended{}, refuse(op, carnet.Unavailable, CodeProviderDown, cause)
		}
		return Ended{}, refuse(op, carnet.Denied, CodeToken, fmt.Errorf("logout token: %w", cause))
	}
	inner, err := p.unwrap(raw, len(p.enc) > 0)
	if err != nil {
		return bad(err)
	}
	t, c, err := p.verified(ctx, m, inner, true)
	if err != nil {
		return bad(err)
	}
	var more struct {
		ID     string                                `json:"jti"`
		Nonce  json.RawMessage                       `json:"nonce"`
		Events map[string]map[string]json.RawMessage `json:"events"`
	}
	if err := t.Claims(&more); err != nil {
		return bad(errors.New("the claims are not of the expected types"))
	}
	logout, isLogout := more.Events[eventLogout]
	_, notMe := more.Events[eventNotMe]
	switch {
	case !isLogout || logout == nil:
		err = errors.New("it has no logout event")
	case len(more.Nonce) > 0:
		err = errors.New("it has a nonce: it could be an ID token")
	case more.ID == "":
		err = errors.New("it has no jti")
	case c.Subject == "" && c.SessionID == "":
		err = errors.New("it names neither a subject nor a session")
	case len(c.Subject) > maxSubject || len(c.SessionID) > maxSubject:
		err = errors.New("its subject or its session is too long")
	case c.IssuedAt == nil || p.clock().Sub(seconds(*c.IssuedAt)) > maxLogoutToken+p.profile.ClockSkew:
		err = errors.New("it is too old, or tells not when it was issued")
	}
	if err != nil {
		return bad(err)
	}
	return Ended{Subject: carnet.Hide(c.Subject), SessionID: c.SessionID, Reported: notMe}, nil
}
