package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
)

// refetch is the least time between two fetches of the keys of a provider, so that tokens with
// invented key ids cannot make us hammer it.
const refetch = 30 * time.Second

// keySet holds the public keys of a provider and fetches them when a token names an unknown one
// (OpenID Connect Core 1.0, section 10.1.1). It is safe for concurrent use.
type keySet struct {
	url     string
	client  *http.Client
	clock   carnet.Clock
	algs    []jose.SignatureAlgorithm
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time
	lastErr error
}

var (
	errUnknownKey = errors.New("no key of the provider verifies the signature")
	errNoKeys     = errors.New("the keys of the provider cannot be fetched")
)

// fetchFailure is the key of a context under which VerifySignature leaves the reason why it has no
// keys: the library that calls it keeps only its text.
type fetchFailure struct{}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, k.algs)
	if err != nil {
		return nil, err
	}
	kid := jws.Signatures[0].Header.KeyID
	keys, err := k.find(ctx, kid)
	if err != nil {
		if to, ok := ctx.Value(fetchFailure{}).(*error); ok {
			*to = err
		}
		return nil, err
	}
	// Without a key id only a provider with a single key is clear about what it signed with.
	if len(keys) != 1 {
		return nil, errUnknownKey
	}
	payload, err := jws.Verify(&keys[0])
	if err != nil {
		return nil, errUnknownKey
	}
	return payload, nil
}

// find returns the keys with an id, or all when the id is empty.
func (k *keySet) find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if found := k.matching(kid); len(found) > 0 {
		return found, nil
	}
	if now := k.clock(); k.fetched.IsZero() || now.Sub(k.fetched) >= refetch || now.Before(k.fetched) {
		k.fetched = now
		var keys []jose.JSONWebKey
		if keys, k.lastErr = k.fetch(ctx); k.lastErr == nil {
			k.keys = keys
		} else if ctx.Err() != nil {
			k.fetched = time.Time{} // the person went away; that says nothing about the provider
		}
	}
	if found := k.matching(kid); len(found) > 0 || k.lastErr == nil {
		return found, nil
	}
	return nil, k.lastErr
}

func (k *keySet) matching(kid string) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, key := range k.keys {
		if kid == "" || key.KeyID == kid {
			found = append(found, key)
		}
	}
	return found
}

// fetch reads the key set. Keys of an unknown kind, of other uses, or that are not public are
// left out.
func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	body, _, err := get(ctx, k.client, k.url, "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, fmt.Errorf("%w: not a key set", errNoKeys)
	}
	var keys []jose.JSONWebKey
	for _, r := range raw.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(r, &key) != nil || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		keys = append(keys, key)
	}
	return keys, nil
}
