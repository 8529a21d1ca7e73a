package software

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/carnet"
)

// Algorithms are the signatures that are believed, of assertions and of proofs. SMART asks servers
// for ES384 and RS384.
var Algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.EdDSA, jose.PS256, jose.PS384, jose.RS384}

// algorithmsOf says what a key may sign with: a curve has one algorithm.
func algorithmsOf(k jose.JSONWebKey) []jose.SignatureAlgorithm {
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return []jose.SignatureAlgorithm{jose.PS256, jose.PS384, jose.RS384}
		}
	}
	return nil
}

const maxJWS = 8 << 10 // bytes of an assertion or of a proof

// parse reads the outside of a signed token, without believing it. It allows no header that this
// package does not know the meaning of.
func parse(token string) (jws *jose.JSONWebSignature, header jose.Header, err error) {
	if len(token) > maxJWS || strings.Count(token, ".") != 2 {
		return nil, header, errors.New("not a signed token in its compact form, or one that is too long")
	}
	if jws, err = jose.ParseSignedCompact(token, Algorithms); err != nil {
		return nil, header, errors.New("not a token that is signed by one of the algorithms that are believed")
	}
	return jws, jws.Signatures[0].Protected, nil
}

// open verifies a token with a key and reads its claims.
func open(jws *jose.JSONWebSignature, key jose.JSONWebKey, claims any) error {
	if alg := jose.SignatureAlgorithm(jws.Signatures[0].Protected.Algorithm); !slices.Contains(algorithmsOf(key), alg) || key.Algorithm != "" && key.Algorithm != string(alg) {
		return errors.New("the key does not sign with that algorithm")
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return errors.New("the signature does not hold")
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return errors.New("the claims are not of the expected types")
	}
	return nil
}

const (
	refetch  = 30 * time.Second // least time between two fetches of one address
	keep     = 5 * time.Minute  // how long fetched keys are believed: a key that was taken away ends by then
	maxBody  = 256 << 10
	fetching = 5 * time.Second
)

// remote holds the keys of clients that are registered by address. It is safe for concurrent use,
// and a client whose address is slow makes nobody else wait.
type remote struct {
	client *http.Client
	clock  carnet.Clock
	mu     sync.Mutex
	held   map[string]*fetched
}

type fetched struct {
	mu   sync.Mutex
	set  jose.JSONWebKeySet
	at   time.Time // of the last attempt
	good time.Time // of the last that succeeded
}

// find returns the key of an id at an address: of what is held, or after a new fetch when it is not
// there and the last fetch is not too near.
func (r *remote) find(ctx context.Context, address, kid string) (jose.JSONWebKey, error) {
	r.mu.Lock()
	if r.held == nil {
		r.held = map[string]*fetched{}
	}
	h := r.held[address]
	if h == nil {
		h = &fetched{}
		r.held[address] = h
	}
	r.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	now := r.clock()
	near := func(t time.Time, d time.Duration) bool { return now.Sub(t) < d && !now.Before(t) }
	if list := h.set.Key(kid); near(h.good, keep) && len(list) == 1 {
		return list[0], nil
	}
	if near(h.at, refetch) {
		return jose.JSONWebKey{}, errors.New("no such key at the address of the client; it was asked a moment ago")
	}
	h.at = now
	set, err := r.fetch(ctx, address)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	h.set, h.good = set, now
	if list := set.Key(kid); len(list) == 1 {
		return list[0], nil
	}
	return jose.JSONWebKey{}, errors.New("no such key at the address of the client")
}

func (r *remote) fetch(ctx context.Context, address string) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	ctx, cancel := context.WithTimeout(ctx, fetching)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return set, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return set, errors.New("the keys of the client cannot be fetched")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil || resp.StatusCode != http.StatusOK || len(body) > maxBody {
		return set, fmt.Errorf("the keys of the client cannot be fetched: status %d, %d bytes", resp.StatusCode, len(body))
	}
	return ParseKeys(body)
}

// ParseKeys reads a set of public keys (RFC 7517), and refuses one that cannot be believed.
func ParseKeys(text []byte) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if len(text) > maxBody {
		return set, errors.New("the keys are too long")
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return set, errors.New("the keys are not a JSON Web Key Set")
	}
	return set, believable(set)
}
