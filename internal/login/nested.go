package login

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
)

const minRSA = 2048 // bits

// Algorithms of an encrypted token. RSA1_5 and RSA-OAEP with SHA-1 are not among them.
var (
	keyEncryption     = []jose.KeyAlgorithm{jose.ECDH_ES, jose.RSA_OAEP_256}
	contentEncryption = []jose.ContentEncryption{jose.A256GCM}
)

// unwrap returns the signed token inside one that was encrypted for us (RFC 7519, section 11.2),
// or the token as it is where none is due. It checks nothing of what is inside: signed does.
func (p *Provider) unwrap(raw string, nested bool) (string, error) {
	if !nested {
		return raw, nil
	}
	if len(raw) > maxTokenText {
		return "", errors.New("the encrypted token is too long")
	}
	jwe, err := jose.ParseEncryptedCompact(raw, keyEncryption, contentEncryption)
	if err != nil {
		return "", errors.New("not a token encrypted as agreed")
	}
	h := jwe.Header.ExtraHeaders
	if _, compressed := h["zip"]; compressed {
		return "", errors.New("the encrypted token is compressed")
	}
	// Claims repeated in the clear must say the same (RFC 7519, section 5.3); inside, they are checked.
	for name, want := range map[jose.HeaderKey]string{"iss": p.profile.Issuer, "aud": p.profile.ClientID} {
		if v, there := h[name]; there && v != want && !isOnly(v, want) {
			return "", fmt.Errorf("the header of the encrypted token has another %s", name)
		}
	}
	var key *jose.JSONWebKey
	for i := range p.enc {
		if p.enc[i].KeyID == jwe.Header.KeyID || jwe.Header.KeyID == "" && len(p.enc) == 1 {
			key = &p.enc[i]
		}
	}
	if key == nil {
		return "", errors.New("encrypted for a key that is not ours")
	}
	inner, err := jwe.Decrypt(key.Key)
	if err != nil {
		return "", errors.New("the token cannot be decrypted")
	}
	return string(inner), nil
}

// isOnly reports a list of this one text: aud may be one.
func isOnly(v any, want string) bool {
	list, ok := v.([]any)
	return ok && len(list) == 1 && list[0] == want
}

// KeysPath is where a site publishes the public keys of its provider's client: the provider
// encrypts for one of them and verifies assertions with another.
const KeysPath = "/connexion/cles.json"

// JWKS is our own key set as the provider reads it (RFC 7517): public keys only, possibly none.
func (p *Provider) JWKS() jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	if p.signer != nil {
		set.Keys = append(set.Keys, p.signer.public)
	}
	for _, k := range p.enc {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// Keys answers a GET of KeysPath. It writes nothing when it returns an error.
func (s *Site) Keys(w http.ResponseWriter, _ *http.Request) error {
	text, err := json.Marshal(s.provider.JWKS())
	if err != nil {
		return refuse("Keys", carnet.Internal, "internal", err)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(text) // who asked may be gone
	return nil
}

// readEncryptionKey reads a private key and fixes what it is for.
func readEncryptionKey(path string) (jose.JSONWebKey, error) {
	signer, kid, err := readPrivateKey(path)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	key := jose.JSONWebKey{Key: signer, KeyID: kid, Use: "enc"}
	switch signer.(type) {
	case *ecdsa.PrivateKey:
		key.Algorithm = string(jose.ECDH_ES)
	case *rsa.PrivateKey:
		key.Algorithm = string(jose.RSA_OAEP_256)
	}
	return key, nil
}

// readPrivateKey reads a PEM file with one EC or RSA key, and names the key by the thumbprint of
// its public part (RFC 7638).
func readPrivateKey(path string) (crypto.Signer, string, error) {
	text, err := readBounded(path, maxKeyFile)
	if err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, "", errors.New("no PEM block in the file")
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("a PEM block %q is not a private key without a pass phrase", block.Type)
	}
	if err != nil {
		return nil, "", err
	}
	var signer crypto.Signer
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize < 256 {
			return nil, "", errors.New("the curve is shorter than 256 bits")
		}
		signer = k
	case *rsa.PrivateKey:
		if k.N.BitLen() < minRSA {
			return nil, "", fmt.Errorf("the RSA key is shorter than %d bits", minRSA)
		}
		signer = k
	default:
		return nil, "", errors.New("neither an EC nor an RSA key")
	}
	sum, err := (&jose.JSONWebKey{Key: signer.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, "", err
	}
	return signer, base64.RawURLEncoding.EncodeToString(sum), nil
}
