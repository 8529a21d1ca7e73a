package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Cache keeps answers in a folder, one file for each address. What is in it is public, and is verified
// again each time that it is used. A file is replaced whole or not at all: a reader, another process
// or a machine that stops never sees half of one.
type Cache struct{ dir string }

// OpenCache uses a folder, and makes it if it is not there.
func OpenCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: cache: %w", err)
	}
	return &Cache{dir}, nil
}

const cacheMagic = "2D-Doc store 1"

// maxCached bounds a file of the cache: the largest answer and its head.
const maxCached = maxAnswer + 8192

func (c *Cache) path(url string) string {
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:16])+".answer")
}

// get returns an answer and when it was fetched; the error wraps fs.ErrNotExist when there is none. A file
// that is not whole is an error too.
func (c *Cache) get(url string) ([]byte, time.Time, error) {
	f, err := os.Open(c.path(url))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("store: cache: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCached+1))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("store: cache: %w", err)
	}
	var lines [4]string
	for i := range lines {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, time.Time{}, errDamaged
		}
		lines[i], b = string(line), rest
	}
	at, err := time.Parse(time.RFC3339, lines[1])
	sum := sha256.Sum256(b)
	if err != nil || lines[0] != cacheMagic || lines[2] != url || lines[3] != hex.EncodeToString(sum[:]) {
		return nil, time.Time{}, errDamaged
	}
	return b, at, nil
}

var errDamaged = errors.New("store: cache: damaged file")

// missing reports that a get found nothing to use.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamaged) }

func (c *Cache) put(url string, answer []byte, at time.Time) (err error) {
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return fmt.Errorf("store: cache: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("store: cache: %w", err)
		}
	}()
	sum := sha256.Sum256(answer)
	_, err = fmt.Fprintf(f, "%s\n%s\n%s\n%x\n%s", cacheMagic, at.UTC().Format(time.RFC3339), url, sum, answer)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(url))
	}
	if err != nil {
		return err
	}
	d, err := os.Open(c.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
