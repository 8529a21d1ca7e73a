// Package revlist moves Carnet's signed list of revoked documents from who publishes it to who
// verifies offline: [Handler] serves it, [Fetch] gets it, [Keep] puts it into a file, [Read] opens
// that file.
//
// The signature and the number protect the list, not the way that it took: it may come over plain
// HTTP, from a mirror or on a stick. Three rules hold wherever a list enters:
//
//   - Nothing is kept that one of the verifier's keys did not sign.
//   - A newer list is never replaced by an older one: old lists are signed too, and whoever can serve
//     one could make a revocation undone.
//   - A file is replaced whole or not at all.
//
// Nobody can hold back new lists unseen: the list says when it was issued and when the next one is
// due ([revocation.List.Stale]), and a verifier shows that date.
//
// The format is that of package hcert/revocation (Carnet specification twoddoc.md, section 8). Not
// done: a lock between two programs that keep the same file at the same instant.
package revlist

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
)

// Codes of the errors of this package, each a *[carnet.Error].
const (
	CodeKey         = "list.key"         // no public key that signs lists
	CodeMissing     = "list.missing"     // there is no such file
	CodeUnreadable  = "list.unreadable"  // the file system refuses
	CodeUnverified  = "list.unverified"  // no list, damaged, or signed by nobody who is trusted
	CodeLarge       = "list.large"       // more than revocation.MaxList
	CodeOlder       = "list.older"       // older than the one that is held
	CodeTwin        = "list.twin"        // another list with the number of the one that is held
	CodeOccupied    = "list.occupied"    // something else is in the file where the list should go
	CodeURL         = "list.url"         // no http or https address
	CodeRedirect    = "list.redirect"    // sent on to another host, or from https to http
	CodeUnreachable = "list.unreachable" // nobody answers
	CodeStatus      = "list.status"      // the server answers something else
)

func fail(op string, kind carnet.Kind, code string, cause error) error {
	return carnet.E("revlist."+op, kind, code, cause)
}

// Held is a verified list with its bytes.
type Held struct {
	Bytes []byte
	List  *revocation.List
}

// ReadKeys reads the public keys of a PEM file. Certificates are no list keys: a key that
// certifies does not revoke.
func ReadKeys(text []byte) ([]*ecdsa.PublicKey, error) {
	var keys []*ecdsa.PublicKey
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "PUBLIC KEY" {
			continue
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fail("ReadKeys", carnet.Invalid, CodeKey, err)
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok {
			return nil, fail("ReadKeys", carnet.Invalid, CodeKey, fmt.Errorf("a %T", parsed))
		}
		if _, err := revocation.KeyID(key); err != nil {
			return nil, fail("ReadKeys", carnet.Invalid, CodeKey, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fail("ReadKeys", carnet.Invalid, CodeKey, errors.New("no PEM block PUBLIC KEY"))
	}
	return keys, nil
}

func verified(op string, data []byte, keys []*ecdsa.PublicKey) (Held, error) {
	l, err := revocation.Open(data, keys...)
	if err != nil {
		return Held{}, fail(op, carnet.Invalid, CodeUnverified, err)
	}
	return Held{data, l}, nil
}

// Read opens the list in a file.
func Read(path string, keys ...*ecdsa.PublicKey) (Held, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Held{}, fail("Read", carnet.NotFound, CodeMissing, nil)
	case err != nil:
		return Held{}, fail("Read", carnet.Unavailable, CodeUnreadable, err)
	}
	defer f.Close() // only read
	data, err := bounded("Read", f)
	if err != nil {
		return Held{}, err
	}
	return verified("Read", data, keys)
}

func bounded(op string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, revocation.MaxList+1))
	switch {
	case err != nil:
		return nil, fail(op, carnet.Unavailable, CodeUnreadable, err)
	case len(data) > revocation.MaxList:
		return nil, fail(op, carnet.Invalid, CodeLarge, fmt.Errorf("more than %d bytes", revocation.MaxList))
	}
	return data, nil
}

// Outcome is what became of a list that was offered.
type Outcome struct {
	Held
	Replaced bool             // false when it was held already
	Before   *revocation.List // what was held, nil without
}

// Keep puts a list into a file, unless the file holds a newer one, another one of the same number, or
// something that none of the keys signed.
func Keep(path string, data []byte, keys ...*ecdsa.PublicKey) (Outcome, error) {
	now, err := verified("Keep", data, keys)
	if err != nil {
		return Outcome{}, err
	}
	held, err := holding(path, keys)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Held: now, Before: held.List}
	switch {
	case bytes.Equal(held.Bytes, data):
		return out, nil
	case now.List.Supersedes(held.List):
	case now.List.Number() == held.List.Number():
		return Outcome{}, fail("Keep", carnet.Conflict, CodeTwin, fmt.Errorf("number %d", now.List.Number()))
	default:
		return Outcome{}, fail("Keep", carnet.Conflict, CodeOlder, fmt.Errorf("number %d, and number %d is held", now.List.Number(), held.List.Number()))
	}
	if err := Replace(path, data); err != nil {
		return Outcome{}, fail("Keep", carnet.Unavailable, CodeUnreadable, err)
	}
	out.Replaced = true
	return out, nil
}

// holding opens the list that a new one would replace; none is no error.
func holding(path string, keys []*ecdsa.PublicKey) (Held, error) {
	held, err := Read(path, keys...)
	switch carnet.KindOf(err) {
	case carnet.NotFound:
		return Held{}, nil
	case carnet.Invalid:
		return Held{}, fail("Keep", carnet.Conflict, CodeOccupied, err)
	}
	return held, err
}

// Replace writes a file that anybody may read, under another name first: a reader sees the old one or the
// new one, whole.
func Replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil { // a list is public
		return err
	}
	return os.Rename(f.Name(), path)
}
