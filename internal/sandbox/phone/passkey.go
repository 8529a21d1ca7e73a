package phone

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"

	"carnet/internal/carnet"
)

// assertion is what an authenticator signs (Web Authentication Level 3, section 7.2): that its owner
// was there and unlocked it, for this origin and this statement. A device that has a passkey gives
// one with each approval, besides the signature of its own key and the secret code.
type assertion struct {
	Data      []byte `json:"data"`   // authenticatorData
	Client    []byte `json:"client"` // clientDataJSON
	Signature []byte `json:"signature"`
}

// Flags of authenticatorData: the person was present, and was verified by the device.
const (
	flagPresent  = 1 << 0
	flagVerified = 1 << 2
)

// asserted checks an assertion over a statement.
func (s *Service) asserted(key *ecdsa.PublicKey, text string, a assertion) bool {
	var client struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
	}
	if text == "" || len(a.Client) > 2<<10 || len(a.Data) < 37 || len(a.Data) > 2<<10 || json.Unmarshal(a.Client, &client) != nil {
		return false
	}
	u, err := url.Parse(s.origin())
	if err != nil {
		return false
	}
	party, challenge := sha256.Sum256([]byte(u.Hostname())), sha256.Sum256([]byte(text))
	const both = flagPresent | flagVerified
	if client.Type != "webauthn.get" || client.CrossOrigin || client.Origin != s.origin() || a.Data[32]&both != both ||
		subtle.ConstantTimeCompare([]byte(client.Challenge), []byte(base64.RawURLEncoding.EncodeToString(challenge[:]))) != 1 ||
		subtle.ConstantTimeCompare(a.Data[:32], party[:]) != 1 {
		return false
	}
	hash := sha256.Sum256(a.Client)
	signed := sha256.Sum256(append(append([]byte(nil), a.Data...), hash[:]...))
	return ecdsa.VerifyASN1(key, signed[:], a.Signature)
}

// unlocked checks the assertion of a device that has a passkey; one that has none needs none.
func (s *Service) unlocked(d device, a *assertion, purpose string, parts ...string) error {
	if d.passkey == nil {
		return nil
	}
	if a == nil || !s.asserted(d.passkey, statement(s.origin(), purpose, parts...), *a) {
		return fail("unlocked", carnet.Denied, CodePasskey, nil)
	}
	return nil
}
