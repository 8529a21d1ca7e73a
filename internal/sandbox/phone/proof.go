package phone

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"
)

// statement is what a device signs: a version, the origin and the purpose, so that a signature is
// good in one place for one thing, then the parts, each on a line of its own. A part that holds the
// end of a line makes a statement that nobody signs.
func statement(origin, purpose string, parts ...string) string {
	lines := append([]string{"carnet-phone/1", origin, purpose}, parts...)
	for _, l := range lines {
		if strings.ContainsAny(l, "\r\n") {
			return ""
		}
	}
	return strings.Join(lines, "\n")
}

// verify checks a signature as WebCrypto makes it: ECDSA over SHA-256, r and s of 32 bytes each.
func verify(key *ecdsa.PublicKey, text string, signature []byte) bool {
	if len(signature) != 64 || text == "" {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

const (
	challengeLife = time.Minute
	sessionLife   = 10 * time.Minute
	maxKeptProofs = 10_000
	maxCards      = 8 // devices that one page proves at once: several people's phones in one browser
)

// proofs keeps the challenges that were given out and the pages that answered one. A restart forgets
// both, and the pages prove themselves again.
type proofs struct {
	clock  carnet.Clock
	random io.Reader

	mu         sync.Mutex
	challenges map[string]time.Time // until
	sessions   map[[32]byte]session // by the hash of the cookie
}

// session is a page that proved itself, with the devices that it proved.
type session struct {
	devices []string
	until   time.Time
}

func newProofs(clock carnet.Clock, random io.Reader) *proofs {
	return &proofs{clock: clock, random: random, challenges: map[string]time.Time{}, sessions: map[[32]byte]session{}}
}

// challenge gives out 256 bits to sign, good for a minute and once.
func (p *proofs) challenge() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(p.random, b); err != nil {
		return "", broken("challenge", err)
	}
	c := base64.RawURLEncoding.EncodeToString(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	room(p.challenges, now, func(t time.Time) time.Time { return t })
	p.challenges[c] = now.Add(challengeLife)
	return c, nil
}

// use reports that a challenge was given out and not used, and uses it.
func (p *proofs) use(c string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.challenges[c]
	delete(p.challenges, c)
	return ok && p.clock().Before(until)
}

// open begins a session and returns its cookie.
func (p *proofs) open(devices []string) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(p.random, b); err != nil {
		return "", broken("session", err)
	}
	cookie := base64.RawURLEncoding.EncodeToString(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	room(p.sessions, now, func(s session) time.Time { return s.until })
	p.sessions[sha256.Sum256([]byte(cookie))] = session{devices, now.Add(sessionLife)}
	return cookie, nil
}

// of lists the devices that a cookie proves.
func (p *proofs) of(cookie string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.sessions[sha256.Sum256([]byte(cookie))]
	if !ok || !p.clock().Before(s.until) {
		return nil
	}
	return s.devices
}

// forget ends every session of a device.
func (p *proofs) forget(device string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.sessions, func(_ [32]byte, s session) bool { return slices.Contains(s.devices, device) })
}

// room makes room for one more: first what is over, then what ends soonest.
func room[K comparable, V any](m map[K]V, now time.Time, until func(V) time.Time) {
	if len(m) < maxKeptProofs {
		return
	}
	maps.DeleteFunc(m, func(_ K, v V) bool { return !now.Before(until(v)) })
	for len(m) >= maxKeptProofs {
		delete(m, slices.MinFunc(slices.Collect(maps.Keys(m)), func(a, b K) int { return until(m[a]).Compare(until(m[b])) }))
	}
}
