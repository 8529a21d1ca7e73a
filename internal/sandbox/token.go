package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
)

// dress gives the answers of the token and of the user information endpoints the form that the
// imitated provider gives them, which the engine cannot: an ID token without at_hash whose header
// holds nothing but alg and kid, and, for a client that asked for it, that token inside an encrypted
// one (specification, section 2.6).
func (i *Issuer) dress(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := &answer{header: http.Header{}, status: http.StatusOK}
		next(a, r)
		if a.status == http.StatusOK {
			body, err := i.dressed(r.Context(), a)
			if err != nil {
				i.log.ErrorContext(r.Context(), "the answer cannot be made", "err", err)
				protocolFault(w, http.StatusBadGateway, "server_error", "the answer cannot be made")
				return
			}
			a.body.Reset()
			a.body.Write(body)
			a.header.Del("Content-Length")
		}
		a.send(w)
	}
}

func (i *Issuer) dressed(ctx context.Context, a *answer) ([]byte, error) {
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	switch media {
	case "application/jwt": // user information
		token, err := i.wrap(ctx, a.body.String())
		return []byte(token), err
	case "application/json":
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(a.body.Bytes(), &fields); err != nil {
			return nil, errors.New("the engine answers no JSON object")
		}
		var raw string
		if json.Unmarshal(fields["id_token"], &raw) != nil || raw == "" {
			return a.body.Bytes(), nil
		}
		token, err := i.wrap(ctx, raw)
		if err != nil {
			return nil, err
		}
		if fields["id_token"], err = json.Marshal(token); err != nil {
			return nil, err
		}
		return json.Marshal(fields)
	}
	return a.body.Bytes(), nil
}

// wrap signs a token of the engine again, and encrypts it for its audience when it asked for it.
func (i *Issuer) wrap(ctx context.Context, engines string) (string, error) {
	parsed, err := jose.ParseSignedCompact(engines, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", err
	}
	payload, err := parsed.Verify(i.key.Public().Key)
	if err != nil {
		return "", err
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", err
	}
	delete(claims, "at_hash")
	if payload, err = json.Marshal(claims); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return "", err
	}
	var audience string
	if err := json.Unmarshal(claims["aud"], &audience); err != nil {
		return "", err
	}
	c, ok := i.client(audience)
	if !ok {
		return "", errors.New("a token for a client that is not known")
	}
	if c.KeysURI == "" || !i.shape.seals {
		return token, nil
	}
	return i.encrypt(ctx, c, token)
}

// encrypt puts a signed token into an encrypted one for a client.
func (i *Issuer) encrypt(ctx context.Context, c client, token string) (string, error) {
	key, err := c.keys.forEncryption(ctx, c.KeysURI, i.clock)
	if err != nil {
		return "", err
	}
	options := (&jose.EncrypterOptions{}).WithContentType("JWT").WithHeader("iss", i.Issuer()).WithHeader("aud", c.ID)
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(key.Algorithm), Key: key.Key, KeyID: key.KeyID}, options)
	if err != nil {
		return "", err
	}
	sealed, err := encrypter.Encrypt([]byte(token))
	if err != nil {
		return "", err
	}
	return sealed.CompactSerialize()
}

const (
	keysLifetime = time.Minute // a client that rotates its keys waits no longer
	maxKeys      = 32 << 10    // bytes of a client's key set
)

// encryptions lists the ways to a client's key, best first.
var encryptions = []string{string(jose.ECDH_ES), string(jose.RSA_OAEP_256), string(jose.RSA_OAEP)}

// keyRing holds the public keys of a client.
type keyRing struct {
	http *http.Client

	mu   sync.Mutex
	at   time.Time
	keys jose.JSONWebKeySet
}

func newKeyRing() *keyRing {
	return &keyRing{http: &http.Client{Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// forEncryption is the key to which tokens for the client are encrypted.
func (k *keyRing) forEncryption(ctx context.Context, address string, clock carnet.Clock) (jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := clock(); k.at.IsZero() || now.Sub(k.at) >= keysLifetime || now.Before(k.at) {
		keys, err := k.fetch(ctx, address)
		if err != nil {
			return jose.JSONWebKey{}, fmt.Errorf("keys of the client: %w", err)
		}
		k.keys, k.at = keys, now
	}
	for _, alg := range encryptions {
		n := slices.IndexFunc(k.keys.Keys, func(x jose.JSONWebKey) bool {
			return x.Use == "enc" && x.Algorithm == alg && x.Valid() && x.IsPublic()
		})
		if n >= 0 {
			return k.keys.Keys[n], nil
		}
	}
	return jose.JSONWebKey{}, errors.New("the client publishes no key to encrypt to")
}

func (k *keyRing) fetch(ctx context.Context, address string) (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	body, err := fetch(ctx, k.http, address, maxKeys)
	if err != nil {
		return keys, err
	}
	if err := json.Unmarshal(body, &keys); err != nil {
		return keys, errors.New("not a key set")
	}
	return keys, nil
}

// fetch reads a document of bounded length.
func fetch(ctx context.Context, client *http.Client, address string, most int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("longer than %d bytes", most)
	}
	return body, nil
}
