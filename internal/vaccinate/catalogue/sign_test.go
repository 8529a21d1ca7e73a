package catalogue

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

func TestSignedPacks(t *testing.T) {
	seed := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	trusted := []crypto.PublicKey{seed.Public(), p256.Public()}
	pack := []byte(goodPack)
	folder := func(text, signature []byte) fstest.MapFS {
		return fstest.MapFS{"essai.toml": {Data: text}, "essai.toml.sig": {Data: signature}, "readme.txt": {Data: []byte("not a pack")}, "old.toml": {Mode: 0o755 | 1<<31}}
	}
	for name, key := range map[string]crypto.Signer{"Ed25519": seed, "P-256": p256} {
		t.Run(name, func(t *testing.T) {
			// The vector's box is that of Comirnaty: here it is another one.
			text := []byte(strings.Replace(goodPack, "3400930299715", "3400930000007", 1))
			signature, err := Sign(text, key, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Open(folder(text, signature), trusted)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Fingerprint(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, e := range c.Editions() {
				found = found || e.Name == "essai" && e.File == "essai.toml" && e.Signer == want
			}
			if !found {
				t.Errorf("editions %+v", c.Version())
			}
			for what, bad := range map[string]fstest.MapFS{
				"changed by a byte":        folder(append(text, ' '), signature),
				"no signature":             {"essai.toml": {Data: text}},
				"empty signature":          folder(text, nil),
				"another form":             folder(text, []byte(strings.Replace(string(signature), form, "carnet-catalogue-2", 1))),
				"not base64":               folder(text, []byte(strings.TrimSpace(string(signature))+"!")),
				"a word more":              folder(text, []byte(strings.TrimSpace(string(signature))+" more")),
				"a long signature":         folder(text, append(signature, make([]byte, maxSignature)...)),
				"signature of another one": folder(pack, signature),
			} {
				if _, err := Open(bad, trusted); !errors.Is(err, ErrUnsigned) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, err := Open(folder(text, signature), trusted[:0]); !errors.Is(err, ErrUnsigned) {
				t.Errorf("without a key: %v", err)
			}
		})
	}
	// What is signed begins with its use: a signature of the bare file is none.
	bare := ed25519.Sign(seed, pack)
	if _, err := Verify(pack, []byte(form+" 00 "+string(bare)), trusted); !errors.Is(err, ErrUnsigned) {
		t.Errorf("a signature of the bare file: %v", err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(pack, big, rand.Reader); err == nil {
		t.Error("an RSA key signed")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(pack, p384, rand.Reader); err == nil {
		t.Error("a P-384 key signed")
	}
	if _, err := Sign([]byte("name = 1"), seed, rand.Reader); err == nil {
		t.Error("a bad pack was signed")
	}
	if _, err := Open(folder(make([]byte, MaxPack+1), nil), trusted); err == nil {
		t.Error("a huge file was read")
	}
	// A signed pack whose box belongs to another product stops the start.
	signature, err := Sign(pack, seed, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder(pack, signature), trusted); err == nil || !strings.Contains(err.Error(), "another one too") {
		t.Errorf("a box of two vaccines: %v", err)
	}
}
