package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/argon2"
)

// vault is the folder of the sandbox: whatever it is asked for is made at the first start and
// read at the next ones. Files are for their owner alone.
type vault struct {
	dir    string
	random io.Reader
}

const maxVaultFile = 16 << 10

// file returns the content of a file, and makes it with the given function when it is missing.
func (v vault) file(name string, fresh func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(v.dir, name)
	b, err := readPrivate(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = fresh(); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return nil, err
	}
	// Whole or not at all: a start that is cut short leaves no half key behind.
	part, err := os.CreateTemp(v.dir, "."+name+"-*") // 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(part.Name())
	_, err = part.Write(b)
	if err == nil {
		err = part.Sync()
	}
	if err := errors.Join(err, part.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return nil, err
	}
	return b, nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (%s): make it 0600", path, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxVaultFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxVaultFile {
		return nil, fmt.Errorf("%s is too long", path)
	}
	return b, nil
}

// signingKey returns the ES256 key of an issuer, named by its thumbprint (RFC 7638).
func (v vault) signingKey(issuer string) (jose.JSONWebKey, error) {
	name := issuer + ".key.pem"
	b, err := v.file(name, v.freshKey)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return jose.JSONWebKey{}, fmt.Errorf("%s is not a PEM file", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("%s: %w", name, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return jose.JSONWebKey{}, fmt.Errorf("%s is not a P-256 key", name)
	}
	jwk := jose.JSONWebKey{Key: key, Algorithm: string(jose.ES256), Use: "sig"}
	print, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return jwk, nil
}

// encryptionKey returns the file of the key to which the tokens of a client are encrypted.
func (v vault) encryptionKey(client string) (path string, err error) {
	name := client + ".enc.pem"
	_, err = v.file(name, v.freshKey)
	return filepath.Join(v.dir, name), err
}

// freshKey makes a P-256 key in PEM (PKCS#8).
func (v vault) freshKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), v.random)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// bytes returns 32 random bytes, kept in hexadecimal.
func (v vault) bytes(name string) ([]byte, error) {
	b, err := v.file(name, func() ([]byte, error) {
		var b [32]byte
		if _, err := io.ReadFull(v.random, b[:]); err != nil {
			return nil, err
		}
		return []byte(hex.EncodeToString(b[:]) + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(secret) != 32 {
		return nil, fmt.Errorf("%s does not hold 32 bytes in hexadecimal", name)
	}
	return secret, nil
}

// clientSecret returns the secret of a client and the file that holds it. It is made of letters
// and digits: the engine does not decode what a client must percent-encode.
func (v vault) clientSecret(client string) (secret, path string, err error) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	name := client + ".secret"
	b, err := v.file(name, func() ([]byte, error) {
		out := make([]byte, 0, 65)
		for one := make([]byte, 1); len(out) < 64; {
			if _, err := io.ReadFull(v.random, one); err != nil {
				return nil, err
			}
			if n := int(one[0] & 63); n < len(letters) {
				out = append(out, letters[n])
			}
		}
		return append(out, '\n'), nil
	})
	if err != nil {
		return "", "", err
	}
	secret = strings.TrimSpace(string(b))
	if secret == "" {
		return "", "", fmt.Errorf("%s is empty", name)
	}
	return secret, filepath.Join(v.dir, name), nil
}

// Costs of argon2id (specification, section 9).
const (
	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
)

// password is the stored form of a password.
type password struct{ salt, key []byte }

// password returns the stored form of the one password of the sandbox. It is hashed when the
// first login asks for it, and kept.
func (v vault) password(clear string) (password, error) {
	const name = "password.argon2id"
	b, err := v.file(name, func() ([]byte, error) {
		p := password{salt: make([]byte, argonSalt)}
		if _, err := io.ReadFull(v.random, p.salt); err != nil {
			return nil, err
		}
		p.key = p.hash(clear)
		return []byte(p.String() + "\n"), nil
	})
	if err != nil {
		return password{}, err
	}
	p, err := parsePassword(strings.TrimSpace(string(b)))
	if err != nil {
		return password{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p password) hash(clear string) []byte {
	return argon2.IDKey([]byte(clear), p.salt, argonTime, argonMemory, argonLanes, argonKey)
}

func (p password) matches(clear string) bool {
	return subtle.ConstantTimeCompare(p.hash(clear), p.key) == 1
}

// String is the usual text form of an argon2id hash.
func (p password) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b.EncodeToString(p.salt), b.EncodeToString(p.key))
}

func parsePassword(s string) (password, error) {
	head := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonLanes)
	rest, ok := strings.CutPrefix(s, head)
	salt, key, cut := strings.Cut(rest, "$")
	if !ok || !cut {
		return password{}, errors.New("not a hash of ours")
	}
	var p password
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(salt); err != nil || len(p.salt) != argonSalt {
		return password{}, errors.New("bad salt")
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(key); err != nil || len(p.key) != argonKey {
		return password{}, errors.New("bad key")
	}
	return p, nil
}
