// Package keyring keeps the personal data of the store closed.
//
// Each person has a data key of their own; the store holds it wrapped by a key-encryption key that
// is not in the database. A field is sealed under the person's key and bound to the person and the
// column, so that two cells cannot be swapped. Destroying the wrapped key destroys every copy of
// the person's fields at once, backups included.
//
// People are found by keyed hash: whoever holds the database alone can neither read a number nor
// try numbers until one fits.
//
// Specification: privacy section 4 (keys, fields). Primitives are Tink's: AES-256-GCM keyset for
// the key-encryption key, XChaCha20-Poly1305 for fields, HMAC-SHA-256 for lookups.
package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"carnet/internal/carnet"
)

const (
	kekFile   = "kek.json"
	indexFile = "index.key"
	keySize   = 32
)

// Ring holds the key-encryption key and the lookup key.
type Ring struct {
	kek   tink.AEAD
	index []byte
	rand  io.Reader
}

// Open reads the keys of a directory, and makes them the first time. The directory is readable by
// its owner alone; it belongs apart from the database and out of its backups.
func Open(dir string, rand io.Reader) (*Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	kek, err := openKEK(filepath.Join(dir, kekFile))
	if err != nil {
		return nil, err
	}
	index, err := openIndex(filepath.Join(dir, indexFile), rand)
	if err != nil {
		return nil, err
	}
	return &Ring{kek, index, rand}, nil
}

func openKEK(path string) (tink.AEAD, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		if err != nil {
			return nil, fmt.Errorf("keyring: new key-encryption key: %w", err)
		}
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("keyring: write key-encryption key: %w", err)
		}
		if err := create(path, b.Bytes()); err != nil {
			return nil, err
		}
		return aead.New(handle)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("keyring: %s is not a keyset: %w", path, err)
	}
	return aead.New(handle)
}

func openIndex(path string, rand io.Reader) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keySize)
		if _, err := io.ReadFull(rand, key); err != nil {
			return nil, fmt.Errorf("keyring: new lookup key: %w", err)
		}
		return key, create(path, []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("keyring: %s does not hold %d bytes in hexadecimal", path, keySize)
	}
	return key, nil
}

// create writes a new secret file, and never over an old one.
func create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Lookup is the keyed hash by which something is found: HMAC-SHA-256 over the kind and the value,
// which the caller has normalised. The same value under two kinds gives two unrelated hashes.
func (r *Ring) Lookup(kind, value string) [32]byte {
	mac := hmac.New(sha256.New, r.index)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return [32]byte(mac.Sum(nil))
}

// NewKey makes the data key of a subject, open and wrapped.
func (r *Ring) NewKey(subject carnet.ID) (*Key, []byte, error) {
	clear := make([]byte, keySize)
	if _, err := io.ReadFull(r.rand, clear); err != nil {
		return nil, nil, fmt.Errorf("keyring: new data key: %w", err)
	}
	wrapped, err := r.kek.Encrypt(clear, subject[:])
	if err != nil {
		return nil, nil, fmt.Errorf("keyring: wrap: %w", err)
	}
	k, err := newKey(subject, clear)
	return k, wrapped, err
}

// Unwrap opens the data key of a subject.
func (r *Ring) Unwrap(subject carnet.ID, wrapped []byte) (*Key, error) {
	clear, err := r.kek.Decrypt(wrapped, subject[:])
	if err != nil {
		return nil, fmt.Errorf("keyring: the data key of %s does not open: %w", subject, err)
	}
	return newKey(subject, clear)
}

// Key seals and opens the fields of one subject.
type Key struct {
	subject carnet.ID
	aead    *aeadsubtle.XChaCha20Poly1305
}

func newKey(subject carnet.ID, clear []byte) (*Key, error) {
	a, err := aeadsubtle.NewXChaCha20Poly1305(clear)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return &Key{subject, a}, nil
}

// Seal closes the value of a column ("person.birth_name"). An empty value stays empty: that there
// is none is not a secret, and NULL keeps its meaning.
func (k *Key) Seal(column string, clear []byte) ([]byte, error) {
	if len(clear) == 0 {
		return nil, nil
	}
	return k.aead.Encrypt(clear, k.bind(column))
}

// Open gives the value back, or an error when the cell was altered or belongs elsewhere.
func (k *Key) Open(column string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	clear, err := k.aead.Decrypt(sealed, k.bind(column))
	if err != nil {
		return nil, fmt.Errorf("keyring: %s of %s does not open: altered, or moved from another row", column, k.subject)
	}
	return clear, nil
}

func (k *Key) bind(column string) []byte {
	return append(append(k.subject[:len(k.subject):len(k.subject)], '|'), column+"|1"...)
}
