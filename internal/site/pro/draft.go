package pro

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"io"
	"net/url"

	"carnet/internal/carnet"
)

// drafts seals what was typed into the address of the page that shows it for checking. So that
// page is a plain GET: it can be reloaded, and going back to it after the confirmation meets the
// saved dose and not a browser's question about sending a form again. What is sealed opens only in
// this process, for the same professional and the same entry, and reads as noise anywhere else.
// AES-256-GCM, 96-bit random nonces, a key made at start and kept in memory.
type drafts struct {
	aead cipher.AEAD
	rand io.Reader
}

// draftLimit bounds a sealed draft; the longest form of ours is under 3 kB.
const draftLimit = 6 << 10

func newDrafts(rand io.Reader) (drafts, error) {
	var key [32]byte
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return drafts{}, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return drafts{}, err
	}
	aead, err := cipher.NewGCM(block)
	return drafts{aead, rand}, err
}

func (d drafts) seal(form url.Values, bound string) (string, error) {
	nonce := make([]byte, d.aead.NonceSize())
	if _, err := io.ReadFull(d.rand, nonce); err != nil {
		return "", carnet.E("pro.draft", carnet.Internal, "internal", err)
	}
	return base64.RawURLEncoding.EncodeToString(d.aead.Seal(nonce, nonce, []byte(form.Encode()), []byte(bound))), nil
}

func (d drafts) open(sealed, bound string) (url.Values, bool) {
	if len(sealed) > draftLimit {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(b) < d.aead.NonceSize() {
		return nil, false
	}
	n := d.aead.NonceSize()
	text, err := d.aead.Open(nil, b[:n], b[n:], []byte(bound))
	if err != nil {
		return nil, false
	}
	form, err := url.ParseQuery(string(text))
	return form, err == nil
}
