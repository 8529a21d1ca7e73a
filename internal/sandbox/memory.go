package sandbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"carnet/internal/carnet"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

const (
	maxKept         = 10_000           // requests, grants or tokens of one issuer; the oldest go first
	requestLifetime = 30 * time.Minute // how long a login page stays good, where the issuer does not say less
)

// memory keeps the requests under way, the grants and the access tokens of an issuer. None lives
// longer than half an hour, and a restart only means to begin the login again, so they are not
// stored. Times are those of the injected clock; the engine's own, the machine's, come on top.
//
// It hands out copies: the engine changes what it is given.
type memory struct {
	clock         carnet.Clock
	codeLifetime  time.Duration
	tokenLifetime time.Duration
	patience      time.Duration // how long a request under way stays good

	mu       sync.Mutex
	requests map[string]*kept[goidc.AuthnSession]
	grants   map[string]*kept[goidc.Grant]
	codes    map[string]string // code to grant id
	tokens   map[string]*kept[goidc.Token]
	used     map[string]*kept[struct{}] // JWTs by which clients authenticated
}

type kept[T any] struct {
	value    T
	until    time.Time
	redeemed bool // a grant whose code was handed out once
}

var (
	_ goidc.GrantManager       = (*memory)(nil)
	_ goidc.AuthManager        = (*memory)(nil)
	_ goidc.OpaqueTokenManager = (*memory)(nil)
)

func newMemory(clock carnet.Clock, code, token, patience time.Duration) *memory {
	return &memory{
		clock: clock, codeLifetime: code, tokenLifetime: token, patience: patience,
		requests: map[string]*kept[goidc.AuthnSession]{}, grants: map[string]*kept[goidc.Grant]{},
		codes: map[string]string{}, tokens: map[string]*kept[goidc.Token]{},
		used: map[string]*kept[struct{}]{},
	}
}

// put keeps a value and makes room for it: first what is over, then what ends soonest.
func put[T any](m map[string]*kept[T], id string, k *kept[T], now time.Time) {
	if _, there := m[id]; !there && len(m) >= maxKept {
		maps.DeleteFunc(m, func(_ string, k *kept[T]) bool { return !now.Before(k.until) })
		for len(m) >= maxKept {
			delete(m, slices.MinFunc(slices.Collect(maps.Keys(m)), func(a, b string) int { return m[a].until.Compare(m[b].until) }))
		}
	}
	m[id] = k
}

// SaveSession keeps a request under way. One that came to its end is forgotten: its page opens
// no second time.
func (m *memory) SaveSession(_ context.Context, s *goidc.AuthnSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Status == goidc.StatusSuccess || s.Status == goidc.StatusFailure {
		delete(m.requests, s.ID)
		return nil
	}
	now := m.clock()
	k := &kept[goidc.AuthnSession]{value: *s, until: now.Add(m.patience)}
	if old := m.requests[s.ID]; old != nil {
		k.until = old.until
	}
	k.value.Store = maps.Clone(s.Store)
	put(m.requests, s.ID, k, now)
	return nil
}

// Session returns a request under way.
func (m *memory) Session(_ context.Context, id string) (*goidc.AuthnSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.requests[id]
	if k == nil || !m.clock().Before(k.until) {
		return nil, goidc.ErrNotFound
	}
	s := k.value
	s.Store = maps.Clone(s.Store)
	return &s, nil
}

// SaveGrant keeps a grant. A grant that was revoked stays so, whoever saves it last.
func (m *memory) SaveGrant(_ context.Context, g *goidc.Grant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	k := &kept[goidc.Grant]{value: *g, until: now.Add(m.codeLifetime + m.tokenLifetime)}
	k.value.Store = maps.Clone(g.Store)
	if old := m.grants[g.ID]; old != nil {
		k.until, k.redeemed = old.until, old.redeemed
		k.value.RevokedAt = max(k.value.RevokedAt, old.value.RevokedAt)
	}
	put(m.grants, g.ID, k, now)
	if g.AuthCode != "" {
		m.codes[g.AuthCode] = g.ID
	}
	if len(m.codes) > 2*maxKept {
		maps.DeleteFunc(m.codes, func(_, id string) bool { return m.grants[id] == nil })
	}
	return nil
}

// Grant returns a grant.
func (m *memory) Grant(_ context.Context, id string) (*goidc.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grant(id)
}

func (m *memory) grant(id string) (*goidc.Grant, error) {
	k := m.grants[id]
	if k == nil || !m.clock().Before(k.until) {
		return nil, goidc.ErrNotFound
	}
	g := k.value
	g.Store = maps.Clone(g.Store)
	return &g, nil
}

// GrantByAuthCode returns the grant of a code. Of two requests that bring the same code at the
// same time, one sees it unused; the other sees a replay, at which the engine revokes the grant.
func (m *memory) GrantByAuthCode(_ context.Context, code string) (*goidc.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.codes[code]
	if !ok {
		return nil, goidc.ErrNotFound
	}
	g, err := m.grant(id)
	if err != nil {
		return nil, err
	}
	k := m.grants[id]
	if k.redeemed && g.AuthCodeConsumedAt == 0 {
		g.AuthCodeConsumedAt = int(m.clock().Unix())
	}
	if !k.redeemed && !m.clock().Before(k.until.Add(-m.tokenLifetime)) {
		return nil, goidc.ErrNotFound // older than a code may be
	}
	k.redeemed = true
	return g, nil
}

// SaveToken keeps an access token.
func (m *memory) SaveToken(_ context.Context, t *goidc.Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	put(m.tokens, t.ID, &kept[goidc.Token]{value: *t, until: now.Add(m.tokenLifetime)}, now)
	return nil
}

// Token returns an access token.
func (m *memory) Token(_ context.Context, id string) (*goidc.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.tokens[id]
	if k == nil || !m.clock().Before(k.until) {
		return nil, goidc.ErrNotFound
	}
	t := k.value
	return &t, nil
}

// assertionLifetime is longer than the engine lets a JWT of a client live.
const assertionLifetime = 30 * time.Minute

// consume takes the name of a JWT of a client, once.
func (m *memory) consume(_ context.Context, jti string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	if k := m.used[jti]; k != nil && now.Before(k.until) {
		return errors.New("the JWT was used")
	}
	put(m.used, jti, &kept[struct{}]{until: now.Add(assertionLifetime)}, now)
	return nil
}
