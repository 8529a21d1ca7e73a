package phone

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// DefaultPushHosts are the push services of the usual browsers.
var DefaultPushHosts = []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"}

const (
	pushSize    = 3000 // bytes of every message, so that its length tells nothing
	pushRecord  = 4096
	pushWithin  = 10 * time.Second
	pushesAtAll = 8 // under way at once; more are dropped, the page hears of the request anyway
	vapidLife   = 12 * time.Hour
)

// subscription is where a browser wants its pushes (Push API, PushSubscription.toJSON).
type subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// message is all that a push carries: nothing in it says who, what or which number.
type message struct {
	ID    string `json:"id"`
	Quiet bool   `json:"quiet,omitempty"`
}

func pushClient() *http.Client {
	return &http.Client{
		Timeout:       pushWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// parse checks a subscription: a push service that may be called, a key, a secret.
func (s *Service) parse(raw string) (subscription, *ecdh.PublicKey, []byte, error) {
	bad := func(err error) (subscription, *ecdh.PublicKey, []byte, error) {
		return subscription{}, nil, nil, fail("push", carnet.Invalid, CodeForm, err)
	}
	var sub subscription
	if err := json.Unmarshal([]byte(raw), &sub); err != nil || len(raw) > 4096 {
		return bad(errors.New("not a subscription"))
	}
	u, err := url.Parse(sub.Endpoint)
	if err != nil || u.User != nil || !slices.ContainsFunc(s.PushHosts, func(h string) bool {
		switch {
		case strings.Contains(h, "://"):
			return u.Scheme+"://"+u.Host == h
		case strings.HasPrefix(h, "."):
			return u.Scheme == "https" && strings.HasSuffix(u.Host, h)
		}
		return u.Scheme == "https" && u.Host == h
	}) {
		return bad(errors.New("not a known push service"))
	}
	point, err := decode64(sub.Keys.P256dh)
	if err != nil {
		return bad(err)
	}
	key, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return bad(err)
	}
	secret, err := decode64(sub.Keys.Auth)
	if err != nil || len(secret) != 16 {
		return bad(errors.New("bad secret"))
	}
	return sub, key, secret, nil
}

func decode64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// push sends a message to the devices of a person, all but one, after the request at hand.
func (s *Service) push(person, but string, m message, life time.Duration) {
	s.later(func(ctx context.Context) {
		list, err := devices(ctx, s.db, person)
		if err != nil {
			s.Log.ErrorContext(ctx, "devices cannot be read", "err", err)
			return
		}
		for _, d := range list {
			if d.ID == but || d.push == "" || d.State != deviceActive {
				continue
			}
			select {
			case s.pushing <- struct{}{}:
			default:
				s.Log.WarnContext(ctx, "too many pushes at once: one is dropped", "device", d.ID)
				continue
			}
			err := s.send(ctx, d.push, m, life)
			<-s.pushing
			if errors.Is(err, errGone) {
				if _, err := s.db.ExecContext(ctx, `UPDATE device SET push='' WHERE id=? AND push=?`, d.ID, d.push); err != nil {
					s.Log.ErrorContext(ctx, "a subscription that ended stays", "err", err)
				}
			}
			if err != nil {
				s.Log.InfoContext(ctx, "push not delivered", "device", d.ID, "err", err)
			}
		}
	})
}

var errGone = errors.New("the subscription ended")

// send posts one message to a push service (RFC 8030), encrypted for the browser alone.
func (s *Service) send(ctx context.Context, raw string, m message, life time.Duration) error {
	sub, key, secret, err := s.parse(raw)
	if err != nil {
		return err
	}
	clear, err := json.Marshal(m)
	if err != nil {
		return err
	}
	own, err := ecdh.P256().GenerateKey(s.Rand)
	if err != nil {
		return err
	}
	salt, err := s.token(16)
	if err != nil {
		return err
	}
	body, err := seal(clear, pushSize, key, secret, own, salt)
	if err != nil {
		return err
	}
	u, err := url.Parse(sub.Endpoint)
	if err != nil {
		return err
	}
	pass, err := vapid(s.Vapid, u.Scheme+"://"+u.Host, s.Contact, s.Clock().Add(vapidLife))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pushWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	urgency := "high"
	if m.Quiet {
		urgency = "low"
	}
	h := r.Header
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Encoding", "aes128gcm")
	h.Set("TTL", strconv.Itoa(int(life/time.Second)))
	h.Set("Urgency", urgency)
	h.Set("Topic", "request") // a newer one takes the place of one that was not delivered
	h.Set("Authorization", pass)
	resp, err := s.Client.Do(r)
	if err != nil {
		return errors.New("the push service does not answer") // the address of a device stays out of the log
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096) // so that the connection can be used again
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return errGone
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("the push service answers %d", resp.StatusCode)
	}
	return nil
}

// seal encrypts a message for a browser: aes128gcm (RFC 8188) with the key of RFC 8291, one record
// padded to a size.
func seal(clear []byte, size int, key *ecdh.PublicKey, secret []byte, own *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(clear)+1 > size || size+16 > pushRecord {
		return nil, errors.New("message is too long")
	}
	shared, err := own.ECDH(key)
	if err != nil {
		return nil, err
	}
	mine := own.PublicKey().Bytes()
	material, err := hkdf.Key(sha256.New, shared, secret, "WebPush: info\x00"+string(key.Bytes())+string(mine), 32)
	if err != nil {
		return nil, err
	}
	content, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, size)
	plain[copy(plain, clear)] = 2 // the last record, then zeros
	out := append(slices.Clone(salt), binary.BigEndian.AppendUint32(nil, pushRecord)...)
	out = append(append(out, byte(len(mine))), mine...)
	return gcm.Seal(out, nonce, plain, nil), nil
}

// vapid says who sends: a token for one push service (RFC 8292).
func vapid(key *ecdsa.PrivateKey, audience, contact string, until time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Audience: jwt.Audience{audience}, Subject: contact, Expiry: jwt.NewNumericDate(until)}).Serialize()
	if err != nil {
		return "", err
	}
	public, err := vapidPublic(key)
	if err != nil {
		return "", err
	}
	return "vapid t=" + token + ", k=" + public, nil
}

// vapidPublic is the public key as a browser wants it: an uncompressed point, base64url.
func vapidPublic(key *ecdsa.PrivateKey) (string, error) {
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(public.Bytes()), nil
}
