package software

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// nonceEvery is how long a nonce is the newest; it is believed for as long again.
const nonceEvery = 5 * time.Minute

// slack is how far the clock of a client may be from ours. A proof is bound in time by the nonce.
const slack = 10 * time.Minute

// Nonce is the one that a proof of this moment must have (RFC 9449 section 8). It is made from the
// time by the keyed hash of the store: it needs no row, and every process makes the same.
func (s *Service) Nonce() string { return s.nonceOf(s.window()) }

func (s *Service) window() int64 { return s.ids.Clock().Unix() / int64(nonceEvery/time.Second) }

func (s *Service) nonceOf(window int64) string {
	mac := s.store.Lookup("dpop-nonce", strconv.FormatInt(window, 10))
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(window)), mac[:16]...))
}

// proof is a DPoP proof that holds.
type proof struct {
	key [32]byte // thumbprint of the key (RFC 7638, SHA-256)
	once
}

// proven checks the DPoP proof of a request (RFC 9449 section 4.3); token is the access token that
// it comes with, empty at the token endpoint. Without a proof it returns none and no error.
func (s *Service) proven(r *http.Request, token string) (*proof, error) {
	bad := func(words string) (*proof, error) {
		return nil, &Failure{Name: invalidProof, Code: CodeProof, Status: http.StatusBadRequest, Words: words, Proof: true}
	}
	headers := r.Header.Values("DPoP")
	if len(headers) == 0 {
		return nil, nil
	}
	if len(headers) > 1 {
		return bad("more than one proof")
	}
	jws, header, err := parse(headers[0])
	if err != nil {
		return bad(err.Error())
	}
	key := header.JSONWebKey
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" {
		return bad("typ is not dpop+jwt")
	}
	if key == nil || !key.IsPublic() || !key.Valid() || len(algorithmsOf(*key)) == 0 {
		return bad("jwk is not a public key of a kind that is believed")
	}
	var c struct {
		JTI      string  `json:"jti"`
		Method   string  `json:"htm"`
		Address  string  `json:"htu"`
		IssuedAt float64 `json:"iat"`
		Token    string  `json:"ath"`
		Nonce    string  `json:"nonce"`
	}
	if err := open(jws, *key, &c); err != nil {
		return bad(err.Error())
	}
	switch at, now := time.Unix(int64(c.IssuedAt), 0), s.now(); {
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return bad("jti is missing or too long")
	case c.Method != r.Method:
		return bad("htm is not the method of the request")
	case !sameAddress(c.Address, s.Issuer+r.URL.EscapedPath()):
		return bad("htu is not the address of the request")
	case c.IssuedAt == 0 || at.Before(now.Add(-slack)) || at.After(now.Add(slack)):
		return bad("iat is too far from the time of the server")
	}
	if token != "" {
		hash := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare([]byte(c.Token), []byte(base64.RawURLEncoding.EncodeToString(hash[:]))) != 1 {
			return bad("ath is not the hash of the token")
		}
	}
	window := s.window()
	switch c.Nonce {
	case s.nonceOf(window):
	case s.nonceOf(window - 1):
		window--
	default:
		return nil, &Failure{Name: useNonce, Code: CodeNonce, Status: http.StatusBadRequest, Words: "the proof needs the nonce of the header DPoP-Nonce", Proof: true}
	}
	out := proof{once: once{until: time.Unix((window+2)*int64(nonceEvery/time.Second), 0)}}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return bad("jwk has no thumbprint")
	}
	copy(out.key[:], thumbprint)
	out.hash = used("proof", string(thumbprint), c.JTI)
	return &out, nil
}

// used is the hash under which something that may be used once is noted.
func used(kind, owner, jti string) [32]byte {
	return sha256.Sum256([]byte(kind + "\x00" + owner + "\x00" + jti))
}

// certificate is the SHA-256 of the client certificate of the connection, or zero without.
func certificate(r *http.Request) (hash [32]byte) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		hash = sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	}
	return hash
}

// sameAddress compares two addresses without query and fragment, as RFC 3986 section 6.2.2 and
// 6.2.3 ask.
func sameAddress(a, b string) bool {
	normal := func(s string) (string, bool) {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.User != nil {
			return "", false
		}
		scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		return scheme + "://" + host + path, true
	}
	x, okA := normal(a)
	y, okB := normal(b)
	return okA && okB && x == y
}
