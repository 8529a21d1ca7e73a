package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carnet/internal/carnet"
)

// Begun is one login under way by the authorization code flow. Whoever keeps it binds it to the
// browser, uses it once and forgets it after AttemptLifetime: a Site does, in its store.
type Begun struct {
	State, Nonce, Verifier string
	At                     time.Time
}

// Begin says where to send the browser for a login that is to come back to redirectURI, for a
// relying party that keeps its logins itself, as a federator does.
func (p *Provider) Begin(ctx context.Context, redirectURI string) (location string, b Begun, err error) {
	const op = "Begin"
	m, err := p.metadata(ctx)
	if err != nil {
		return "", b, err
	}
	for _, secret := range []*string{&b.State, &b.Nonce, &b.Verifier} {
		if *secret, err = newSecret(p.random); err != nil {
			return "", b, refuse(op, carnet.Internal, "internal", err)
		}
	}
	if !p.profile.PKCE {
		b.Verifier = ""
	}
	b.At = p.clock().UTC()
	if location, err = p.authorization(m, redirectURI, b.State, b.Nonce, b.Verifier); err != nil {
		return "", b, refuse(op, carnet.Internal, "internal", err)
	}
	return location, b, nil
}

// Finish takes the answer to a login that Begin began, on a GET of redirectURI, and says who came
// back. The caller made sure that it is the same browser.
func (p *Provider) Finish(r *http.Request, redirectURI string, b Begun) (Identity, error) {
	const op = "Finish"
	answer, err := answerOf(r)
	if err != nil {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, err)
	}
	if b.State == "" || subtle.ConstantTimeCompare([]byte(answer.state), []byte(b.State)) != 1 {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, errors.New("no such login under way"))
	}
	if now := p.clock(); now.Sub(b.At) >= AttemptLifetime || now.Before(b.At.Add(-maxSkew)) {
		return Identity{}, refuse(op, carnet.Invalid, CodeExpired, nil)
	}
	return p.finish(r.Context(), redirectURI, answer, b)
}

// finish checks the answer of the provider, trades its code, and checks what comes of it.
func (p *Provider) finish(ctx context.Context, redirectURI string, answer answer, b Begun) (Identity, error) {
	const op = "Finish"
	m, err := p.metadata(ctx)
	if err != nil {
		return Identity{}, err
	}
	if answer.iss != m.Issuer && (answer.iss != "" || p.profile.RequireIss || m.ResponseIss) {
		return Identity{}, refuse(op, carnet.Denied, CodeIssuer, errors.New("iss is missing or another's"))
	}
	switch answer.failure {
	case "":
	case "access_denied":
		return Identity{}, refuse(op, carnet.Denied, CodeDenied, nil)
	case "server_error", "temporarily_unavailable":
		return Identity{}, refuse(op, carnet.Unavailable, CodeProviderDown, errors.New(answer.failure))
	default:
		return Identity{}, refuse(op, carnet.Denied, CodeRefused, fmt.Errorf("the provider answers %q", printable(answer.failure)))
	}
	if answer.code == "" {
		return Identity{}, refuse(op, carnet.Denied, CodeRefused, errors.New("no code"))
	}
	tokens, err := p.exchange(ctx, m, redirectURI, answer.code, b.Verifier)
	if err != nil {
		return Identity{}, err
	}
	return p.identify(ctx, m, tokens, due{nonce: b.Nonce, begun: b.At})
}
