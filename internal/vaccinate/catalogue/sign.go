package catalogue

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A signature of a pack is a file beside it, named after it with .sig: one line of three words, the
// form, the fingerprint of the key and the signature in base64. What is signed begins with a line of
// its own, so that the key's signature under anything else is none under a pack.
const (
	SignatureSuffix = ".sig"
	form            = "carnet-catalogue-1"
	signedFirst     = "carnet catalogue pack, version 1\n"
	maxSignature    = 1024 // bytes of the file
)

// ErrUnsigned reports a pack that no trusted key has signed.
var ErrUnsigned = errors.New("no trusted key has signed the pack")

// Fingerprint names a public key: the first 16 hexadecimal digits of the SHA-256 of its PKIX form.
func Fingerprint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:8]), nil
}

// usable reports an Ed25519 or a P-256 key.
func usable(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return true
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256()
	}
	return false
}

// Sign makes the content of the signature file of a pack. The pack must be one that ParsePack takes;
// the key is Ed25519 or P-256.
func Sign(pack []byte, key crypto.Signer, rand io.Reader) ([]byte, error) {
	if _, err := ParsePack(pack); err != nil {
		return nil, err
	}
	if !usable(key.Public()) {
		return nil, fmt.Errorf("catalogue: a key of type %T signs no pack: Ed25519 or P-256", key.Public())
	}
	name, err := Fingerprint(key.Public())
	if err != nil {
		return nil, err
	}
	message, hash := signedBytes(pack, key.Public())
	signature, err := key.Sign(rand, message, hash)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return fmt.Appendf(nil, "%s %s %s\n", form, name, base64.StdEncoding.EncodeToString(signature)), nil
}

// signedBytes is what a key signs: the message itself for Ed25519, its digest for P-256.
func signedBytes(pack []byte, key crypto.PublicKey) ([]byte, crypto.Hash) {
	message := append([]byte(signedFirst), pack...)
	if _, ok := key.(ed25519.PublicKey); ok {
		return message, crypto.Hash(0)
	}
	sum := sha256.Sum256(message)
	return sum[:], crypto.SHA256
}

// Verify returns the fingerprint of the one of the keys that signed a pack; ErrUnsigned when none of
// them did.
func Verify(pack, signature []byte, keys []crypto.PublicKey) (string, error) {
	words := strings.Fields(string(signature[:min(len(signature), maxSignature)]))
	if len(signature) > maxSignature || len(words) != 3 || words[0] != form {
		return "", fmt.Errorf("catalogue: the signature is not of the form %s: %w", form, ErrUnsigned)
	}
	raw, err := base64.StdEncoding.DecodeString(words[2])
	if err != nil {
		return "", fmt.Errorf("catalogue: the signature is not base64: %w", ErrUnsigned)
	}
	for _, key := range keys {
		name, err := Fingerprint(key)
		if err != nil || !usable(key) || name != words[1] {
			continue
		}
		message, _ := signedBytes(pack, key)
		switch k := key.(type) {
		case ed25519.PublicKey:
			if ed25519.Verify(k, message, raw) {
				return name, nil
			}
		case *ecdsa.PublicKey:
			if ecdsa.VerifyASN1(k, message, raw) {
				return name, nil
			}
		}
		return "", fmt.Errorf("catalogue: the pack or its signature by %s was changed: %w", name, ErrUnsigned)
	}
	return "", fmt.Errorf("catalogue: the signature is that of a key that is not trusted here: %w", ErrUnsigned)
}
