package phone

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// TestAssertion: what an authenticator signs is for this place, this statement, and an unlocked device.
func TestAssertion(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Config: Config{Origin: "http://localhost:8413"}}
	text := statement(s.origin(), "decide", "a", "b")
	type change struct {
		party, kind, origin, text string
		flags                     byte
		cross                     bool
	}
	good := change{"localhost", "webauthn.get", "http://localhost:8413", text, flagPresent | flagVerified, false}
	make := func(c change) assertion {
		challenge, party := sha256.Sum256([]byte(c.text)), sha256.Sum256([]byte(c.party))
		client, err := json.Marshal(map[string]any{"type": c.kind, "challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "origin": c.origin, "crossOrigin": c.cross})
		if err != nil {
			t.Fatal(err)
		}
		data := append(party[:], c.flags, 0, 0, 0, 1)
		hash := sha256.Sum256(client)
		sum := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return assertion{data, client, signature}
	}
	if !s.asserted(&key.PublicKey, text, make(good)) {
		t.Fatal("a good one is refused")
	}
	for name, alter := range map[string]func(*change){
		"of another party":        func(c *change) { c.party = "evil.example" },
		"of another origin":       func(c *change) { c.origin = "http://localhost:8412" },
		"of a frame":              func(c *change) { c.cross = true },
		"of a creation":           func(c *change) { c.kind = "webauthn.create" },
		"over another statement":  func(c *change) { c.text = statement(s.origin(), "decide", "a", "c") },
		"of a locked device":      func(c *change) { c.flags = flagPresent },
		"without anybody present": func(c *change) { c.flags = flagVerified },
	} {
		c := good
		alter(&c)
		if s.asserted(&key.PublicKey, text, make(c)) {
			t.Errorf("accepted: %s", name)
		}
	}
	for name, alter := range map[string]func(*assertion){
		"another signature":  func(a *assertion) { a.Signature[len(a.Signature)-1] ^= 1 },
		"no signature":       func(a *assertion) { a.Signature = nil },
		"short data":         func(a *assertion) { a.Data = a.Data[:36] },
		"client not JSON":    func(a *assertion) { a.Client = []byte("x") },
		"data after signing": func(a *assertion) { a.Data = append(a.Data, 0) },
		"far too long":       func(a *assertion) { a.Client = append(a.Client, bytes.Repeat([]byte(" "), 3000)...) },
	} {
		a := make(good)
		alter(&a)
		if s.asserted(&key.PublicKey, text, a) {
			t.Errorf("accepted: %s", name)
		}
	}
	if s.unlocked(device{}, nil, "decide") != nil || s.unlocked(device{passkey: &key.PublicKey}, nil, "decide") == nil {
		t.Error("a passkey is needed by those who have one, and by them alone")
	}
}
