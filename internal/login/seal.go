package login

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// secretSize is the number of bytes of states, nonces, verifiers and cookies: 256 bits.
const secretSize = 32

// newSecret returns 43 characters of base64url.
func newSecret(random io.Reader) (string, error) {
	var b [secretSize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

func isSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == secretSize
}

// seal hides v with a key that only the secret gives. bound is what must not change around it;
// use names the kind of thing that is sealed, so that one cannot pass for another.
func seal(random io.Reader, secret, use string, bound []byte, v any) ([]byte, error) {
	box, err := sealer(secret, use)
	if err != nil {
		return nil, err
	}
	clear, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", use, err)
	}
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(clear)+box.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return box.Seal(nonce, nonce, clear, bound), nil
}

// unseal is the inverse of seal.
func unseal(secret, use string, bound, sealed []byte, v any) error {
	box, err := sealer(secret, use)
	if err != nil {
		return err
	}
	if len(sealed) < box.NonceSize() {
		return errors.New("unseal " + use + ": too short")
	}
	clear, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], bound)
	if err != nil {
		return fmt.Errorf("unseal %s: %w", use, err)
	}
	if err := json.Unmarshal(clear, v); err != nil {
		return fmt.Errorf("unseal %s: the content is not ours", use)
	}
	return nil
}

func sealer(secret, use string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "carnet login "+use+" v1", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of a %s: %w", use, err)
	}
	return chacha20poly1305.NewX(key)
}
