package certify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/twoddoc/bundle"
)

// Published is a signed list with what it says.
type Published struct {
	Bytes []byte
	List  *revocation.List
}

// Timing of the list that a site serves.
const (
	renewAfter = time.Hour   // a revocation is on the list that is served within this time
	lookAgain  = time.Minute // and a list that another process published is served within this one
)

// Publisher makes the list of the documents that this instance revoked. The register opens to it the
// fingerprints of these documents and nothing else. It is safe for concurrent use, and several
// processes on one store never give two lists the same number.
type Publisher struct {
	store Store
	guard *protect.Guard
	ids   carnet.IDs
	key   crypto.Signer
	valid time.Duration

	mu      sync.Mutex
	current Published
	looked  time.Time
}

// NewPublisher returns the publisher of a store. The key is the operator's list key (see [ListKey]);
// valid is how long after its issue the next list is promised.
func NewPublisher(store Store, guard *protect.Guard, ids carnet.IDs, key crypto.Signer, valid time.Duration) *Publisher {
	return &Publisher{store: store, guard: guard, ids: ids, key: key, valid: valid}
}

// Next publishes the next list, whether or not anything changed. Its number is above that of the
// last list of the store and above the number given, which is that of a list known from elsewhere:
// after a backup was restored the store may have forgotten some. A clock before the last list is
// carnet.Unavailable, "list.clock": verifiers would take the new list for one of the future.
func (p *Publisher) Next(ctx context.Context, above uint64) (Published, error) {
	return p.publish(ctx, func(Published) bool { return true }, above)
}

// Current is the list to serve: the last one, or the next one when the last is an hour old or when
// there is none. It looks into the store once a minute at most.
func (p *Publisher) Current(ctx context.Context) (Published, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.ids.Clock()
	if p.current.List != nil && now.Sub(p.looked) < lookAgain && !now.Before(p.looked) {
		return p.current, nil
	}
	c, err := p.publish(ctx, func(last Published) bool {
		return last.List == nil || last.List.Age(now) >= renewAfter
	}, 0)
	if err != nil {
		return Published{}, err
	}
	p.current, p.looked = c, now
	return c, nil
}

// publish reads the last list and replaces it when it is due, in one transaction.
func (p *Publisher) publish(ctx context.Context, due func(last Published) bool, above uint64) (Published, error) {
	const op = "certify.publish"
	public, ok := p.key.Public().(*ecdsa.PublicKey)
	if !ok {
		return Published{}, carnet.E(op, carnet.Internal, "list.key", fmt.Errorf("the list key is a %T", p.key.Public()))
	}
	var out Published
	d := p.guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Publication})
	err := p.store.Within(ctx, d, func(tx Tx) error {
		number, body, err := tx.RevocationList()
		if err != nil {
			return err
		}
		out = Published{}
		if number > 0 {
			// A list that the key of today did not sign counts by its number only.
			if l, err := revocation.Open(body, public); err == nil {
				out = Published{body, l}
			}
		}
		if !due(out) {
			return nil
		}
		now := p.ids.Clock().Truncate(time.Second)
		if out.List != nil && now.Before(out.List.IssuedAt()) {
			return carnet.E(op, carnet.Unavailable, "list.clock", fmt.Errorf("the clock says %s, list %d was issued at %s", now, number, out.List.IssuedAt()))
		}
		names, err := tx.RevokedNames()
		if err != nil {
			return err
		}
		draft := revocation.Draft{Number: max(number, above) + 1, IssuedAt: now, NextUpdate: now.Add(p.valid), Keys: names}
		if out.Bytes, err = draft.Sign(p.ids.Rand, p.key); err != nil {
			return carnet.E(op, carnet.Internal, "list.sign", err)
		}
		if out.List, err = revocation.Open(out.Bytes, public); err != nil {
			return carnet.E(op, carnet.Internal, "list.sign", err)
		}
		return tx.PutRevocationList(draft.Number, now, out.Bytes)
	})
	if err != nil {
		return Published{}, err
	}
	return out, nil
}

// ListKeyFile is the public part of the list key in the trust folder of an instance: what a verifier
// needs beside a list.
const ListKeyFile = "revocation-list.pem"

// ListKey opens the key that signs the lists of an instance, and makes it the first time: the
// private part readable by its owner alone in dir/keys, the public part in dir/trust. It signs
// nothing else: who holds it can revoke, and cannot certify.
func ListKey(dir string, rand io.Reader) (crypto.Signer, error) {
	return roleKey(dir, "revocation-list.key", ListKeyFile, rand, func(key *ecdsa.PublicKey) ([]byte, error) {
		spki, err := x509.MarshalPKIXPublicKey(key)
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), err
	})
}

// BundleKeyFile is the public part of the bundle key in the trust folder of an instance.
const BundleKeyFile = "trust-bundle.pem"

// BundleKey opens the key that seals the bundles of 2D-Doc certificates of an instance, and makes it the
// first time, as [ListKey] does. It seals bundles and nothing else, and its public part says so: who
// holds it decides whom verifiers believe, and can neither certify nor revoke a document.
func BundleKey(dir string, rand io.Reader) (crypto.Signer, error) {
	return roleKey(dir, "trust-bundle.key", BundleKeyFile, rand, bundle.MarshalKey)
}

// ReleaseKeyFile is the public part of the release key in the trust folder of an instance.
const ReleaseKeyFile = "releases.pem"

// ReleaseKey opens the key that signs the releases of an instance's portal, and makes it the first time, as [ListKey]
// does. It signs releases and nothing else.
func ReleaseKey(dir string, rand io.Reader) (crypto.Signer, error) {
	return roleKey(dir, "releases.key", ReleaseKeyFile, rand, func(key *ecdsa.PublicKey) ([]byte, error) {
		spki, err := x509.MarshalPKIXPublicKey(key)
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), err
	})
}

// roleKey opens a key that signs one kind of file, and makes it the first time; its public part, as
// publish writes it, goes to the trust folder.
func roleKey(dir, private, published string, rand io.Reader, publish func(*ecdsa.PublicKey) ([]byte, error)) (crypto.Signer, error) {
	file := filepath.Join(dir, "keys", private)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := makeRoleKey(file, rand); err != nil {
			return nil, fmt.Errorf("certify: %w", err)
		}
	}
	key, err := OpenRoleKey(file)
	if err != nil {
		return nil, err
	}
	text, err := publish(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	public := filepath.Join(dir, "trust", published)
	if there, err := os.ReadFile(public); err == nil && bytes.Equal(there, text) {
		return key, nil
	}
	if err := os.MkdirAll(filepath.Dir(public), 0o755); err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	if err := os.WriteFile(public, text, 0o644); err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	return key, nil
}

// OpenRoleKey reads a key of an operator that signs lists or bundles (PEM, PKCS#8, P-256).
func OpenRoleKey(file string) (*ecdsa.PrivateKey, error) {
	der, err := readPEM(file, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("certify: %s: %w", file, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("certify: %s holds a %T; lists and bundles are signed with a P-256 key", file, parsed)
	}
	return key, nil
}

// makeRoleKey writes the key under another name first: of two processes that start at once, one key
// remains.
func makeRoleKey(file string, rand io.Reader) (err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "role-*.new") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
