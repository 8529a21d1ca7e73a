package sandbox

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVault(t *testing.T) {
	t.Run("makes once, reads afterwards", func(t *testing.T) {
		v := vault{filepath.Join(t.TempDir(), "a", "b"), rand.Reader}
		first, err := v.bytes("x")
		if err != nil {
			t.Fatal(err)
		}
		second, err := vault{v.dir, nil}.bytes("x")
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v", err)
		}
	})
	t.Run("refuses what others can read", func(t *testing.T) {
		v := vault{t.TempDir(), rand.Reader}
		if _, err := v.signingKey("x"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(v.dir, "x.key.pem"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := v.signingKey("x"); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("%v", err)
		}
	})
	t.Run("says what is wrong with a file", func(t *testing.T) {
		dir := t.TempDir()
		v := vault{dir, rand.Reader}
		for name, content := range map[string]string{
			"pem.key.pem": "x", "der.key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
			"hex": "zz", "empty.secret": "\n", "password.argon2id": "$argon2id$v=19$m=1,t=1,p=1$AA$AA", "long": strings.Repeat("a", maxVaultFile+1),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, e1 := v.signingKey("pem")
		_, e2 := v.signingKey("der")
		_, e3 := v.bytes("hex")
		_, _, e4 := v.clientSecret("empty")
		_, e5 := v.password("x")
		_, e6 := v.bytes("long")
		for i, err := range []error{e1, e2, e3, e4, e5, e6} {
			if err == nil {
				t.Errorf("case %d is accepted", i+1)
			}
		}
	})
	t.Run("leaves nothing behind when it cannot write or has no chance", func(t *testing.T) {
		dir := t.TempDir()
		v := vault{dir, bytes.NewReader(nil)}
		if _, err := v.bytes("x"); err == nil {
			t.Error("made without random bytes")
		}
		if _, _, err := v.clientSecret("x"); err == nil {
			t.Error("made without random bytes")
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("%v %v", list, err)
		}
	})
}

func TestPassword(t *testing.T) {
	v := vault{t.TempDir(), rand.Reader}
	p, err := v.password("bac-a-sable")
	if err != nil {
		t.Fatal(err)
	}
	again, err := vault{v.dir, nil}.password("ignored once it is kept")
	if err != nil || again.String() != p.String() {
		t.Errorf("%v", err)
	}
	if !again.matches("bac-a-sable") || again.matches("bac-a-sable ") || again.matches("") {
		t.Error("it matches something else, or not itself")
	}
	b, err := os.ReadFile(filepath.Join(v.dir, "password.argon2id"))
	if err != nil || !strings.HasPrefix(string(b), "$argon2id$v=19$m=65536,t=3,p=1$") || strings.Contains(string(b), "sable") {
		t.Errorf("%v", err)
	}
}

func TestLimiter(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	l := newLimiter(func() time.Time { return at })
	for n := range triesAtOnce {
		if w := l.wait("a"); w != 0 {
			t.Fatalf("try %d waits %s", n+1, w)
		}
		l.wrong("a")
	}
	if w := l.wait("a"); w != tryEvery {
		t.Errorf("the next waits %s", w)
	}
	if w := l.wait("b"); w != 0 {
		t.Errorf("somebody else waits %s", w)
	}
	at = at.Add(tryEvery)
	if w := l.wait("a"); w != 0 {
		t.Errorf("after a minute: %s", w)
	}
	l.wrong("a")
	if w := l.wait("a"); w != tryEvery {
		t.Errorf("and one more: %s", w)
	}
	l.right("a")
	if w := l.wait("a"); w != 0 {
		t.Errorf("after the right one: %s", w)
	}
	at = at.Add(time.Hour)
	l.wrong("a")
	if w := l.wait("a"); w != 0 {
		t.Errorf("an old count is kept: %s", w)
	}
}
