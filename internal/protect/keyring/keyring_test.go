package keyring

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carnet/internal/carnet"
)

var (
	ash  = carnet.DerivedID(bytes.Repeat([]byte{1}, 16))
	fern = carnet.DerivedID(bytes.Repeat([]byte{2}, 16))
)

func open(t *testing.T, dir string) *Ring {
	t.Helper()
	r, err := Open(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFieldsAreBoundToPersonAndColumn(t *testing.T) {
	r := open(t, t.TempDir())
	k, _, err := r.NewKey(ash)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal("person.birth_name", []byte("FOUGÈRE"))
	if err != nil || bytes.Contains(sealed, []byte("FOUG")) {
		t.Fatalf("sealed %q, %v", sealed, err)
	}
	if clear, err := k.Open("person.birth_name", sealed); err != nil || string(clear) != "FOUGÈRE" {
		t.Fatalf("opened %q, %v", clear, err)
	}
	if _, err := k.Open("person.used_name", sealed); err == nil {
		t.Error("a cell opens in another column")
	}
	other, _, _ := r.NewKey(fern)
	if _, err := other.Open("person.birth_name", sealed); err == nil {
		t.Error("a cell opens for another person")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open("person.birth_name", bad); err == nil {
			t.Fatalf("byte %d altered and still opens", i)
		}
	}
	if s, err := k.Seal("person.used_name", nil); s != nil || err != nil {
		t.Errorf("an empty value gives %v, %v", s, err)
	}
}

func TestSecondStartFindsItsKeys(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	k, wrapped, _ := r.NewKey(ash)
	sealed, _ := k.Seal("c.c", []byte("x"))
	again := open(t, dir)
	if again.Lookup("nir", "1") != r.Lookup("nir", "1") {
		t.Error("the lookup key changed")
	}
	k2, err := again.Unwrap(ash, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if clear, err := k2.Open("c.c", sealed); err != nil || string(clear) != "x" {
		t.Fatalf("%q, %v", clear, err)
	}
	if _, err := again.Unwrap(fern, wrapped); err == nil {
		t.Error("a wrapped key opens for another person")
	}
	for _, name := range []string{kekFile, indexFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestLookup(t *testing.T) {
	r, other := open(t, t.TempDir()), open(t, t.TempDir())
	if r.Lookup("nir", "ab") == r.Lookup("ni", "rab") {
		t.Error("kind and value run into each other")
	}
	if r.Lookup("nir", "ab") == other.Lookup("nir", "ab") {
		t.Error("two instances share a lookup key")
	}
}

func TestDamagedKeyFiles(t *testing.T) {
	for name, text := range map[string]string{indexFile: "abcd", kekFile: "{}"} {
		dir := t.TempDir()
		open(t, dir)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, rand.Reader); err == nil || !strings.Contains(err.Error(), "keyring") {
			t.Errorf("%s damaged: %v", name, err)
		}
	}
}
