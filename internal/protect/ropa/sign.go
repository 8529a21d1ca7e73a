package ropa

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// context begins what is signed: a signature for another use is none for this one.
const context = "carnet register of processing activities, version 1\n"

type signed struct {
	Format    string    `json:"format"`
	Hash      string    `json:"hash"`
	Register  *Register `json:"register"`
	Signature []byte    `json:"signature"`
}

// ErrSignature is wrapped when nobody trusted signed a register.
var ErrSignature = errors.New("no key that was given signed this register")

// Sign writes one version with its hash and an Ed25519 signature of its content. [ReadJSON] reads it
// too, without asking who signed.
func Sign(r *Register, key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("register: not an Ed25519 private key")
	}
	return json.MarshalIndent(signed{format, r.Hash(), r, ed25519.Sign(key, append([]byte(context), r.content()...))}, "", "  ")
}

// Open reads what [Sign] wrote and refuses it unless the hash is that of the content and the key signed it.
func Open(text []byte, key ed25519.PublicKey) (*Register, error) {
	r, err := ReadJSON(text)
	if err != nil {
		return nil, err
	}
	var s signed
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("register: %w: %w", ErrUnreadable, err)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(context), r.content()...), s.Signature) {
		return nil, fmt.Errorf("register: %w", ErrSignature)
	}
	return r, nil
}
