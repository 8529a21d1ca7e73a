// Package passkeytest is an authenticator in software: it makes and uses one passkey, as a browser
// would answer. It is imported by tests only.
package passkeytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/url"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Key is a passkey. Its answers can be made wrong by changing its fields.
type Key struct {
	Private *ecdsa.PrivateKey
	ID      []byte
	Counter uint32
	Origin  string // of the page
	Party   string // the relying party, host of the origin at first
	Flags   byte   // of the answers: the person is present and verified at first

	random io.Reader
}

// New makes a key for the pages of an origin.
func New(t testing.TB, origin string, random io.Reader) *Key {
	t.Helper()
	p, err := ecdsa.GenerateKey(elliptic.P256(), random)
	must(t, err)
	id := make([]byte, 16)
	_, err = io.ReadFull(random, id)
	must(t, err)
	u, err := url.Parse(origin)
	must(t, err)
	return &Key{Private: p, ID: id, Origin: origin, Party: u.Hostname(), Flags: 0x05, random: random}
}

// answer is the client data and the authenticator data of an answer to options.
func (k *Key) answer(t testing.TB, kind string, options json.RawMessage, attested []byte) (client, auth []byte) {
	t.Helper()
	var o struct {
		Challenge string `json:"challenge"`
	}
	must(t, json.Unmarshal(options, &o))
	flags := k.Flags
	if attested != nil {
		flags |= 0x40
	}
	client, err := json.Marshal(map[string]any{"type": kind, "challenge": o.Challenge, "origin": k.Origin, "crossOrigin": false})
	must(t, err)
	k.Counter++
	party := sha256.Sum256([]byte(k.Party))
	auth = append(party[:], flags)
	auth = binary.BigEndian.AppendUint32(auth, k.Counter)
	return client, append(auth, attested...)
}

// Make answers navigator.credentials.create.
func (k *Key) Make(t testing.TB, options json.RawMessage) []byte {
	t.Helper()
	public, err := k.Private.PublicKey.Bytes()
	must(t, err)
	mode, err := cbor.CTAP2EncOptions().EncMode()
	must(t, err)
	cose, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
	must(t, err)
	attested := binary.BigEndian.AppendUint16(make([]byte, 16), uint16(len(k.ID)))
	client, auth := k.answer(t, "webauthn.create", options, append(append(attested, k.ID...), cose...))
	object, err := mode.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	must(t, err)
	return k.credential(t, map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(object), "transports": []string{"internal"}})
}

// Use answers navigator.credentials.get.
func (k *Key) Use(t testing.TB, options json.RawMessage) []byte {
	t.Helper()
	client, auth := k.answer(t, "webauthn.get", options, nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(auth), hash[:]...))
	signature, err := ecdsa.SignASN1(k.random, k.Private, digest[:])
	must(t, err)
	return k.credential(t, map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature)})
}

func (k *Key) credential(t testing.TB, response map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"id": b64(k.ID), "rawId": b64(k.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	must(t, err)
	return text
}

var b64 = base64.RawURLEncoding.EncodeToString

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
