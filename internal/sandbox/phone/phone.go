// Package phone is the telephone of a professional in the sandbox: an installable page that proves
// itself with a key of its device, and the requests to log in that it answers. It plays the part of
// the e-CPS application, and the provider of the sandbox asks it instead of a real one.
//
// # Requests
//
// [Service.Start] records a request and tells the phones of its person; [Service.Poll] and
// [Service.Collect] are what the client's polling reads. A request is pending until its phone
// approves, declines or reports it, until another one for the same person takes its place, until the
// client takes it back, or until its time is over. It is used once.
//
// A request that rings (Notify "normal" or "quiet") takes the place of the one before it: the phone
// shows one. A request that does not ring (Notify "none", which is how a client that has spent its
// budget calls) takes no one's place and nobody takes its: whoever floods a number with calls neither
// rings its phone nor ends the login of its owner, who types the number of the own computer to find
// the own request among them (the pull path).
//
// # Approval
//
// The professional types the number that the computer shows, never choosing or comparing, and the
// secret code. Both are checked with a signature of the device's key over request, client, number and
// time. One wrong number ends the request. Three wrong codes in a row lock the device, ten disable
// it; the account and the other devices stay as they are.
//
// # Devices
//
// A device is enrolled with a token that is good for 90 seconds and once, after a proof of identity;
// in the sandbox the proof is to choose somebody from a list. The server keeps the public key and a
// hash of the code: argon2id over an HMAC under a key that is not in the database. Where the device
// has an authenticator of its own (finger, face), a passkey of it can be added: then it unlocks each
// approval, besides key and code. Other devices of the person are told. A device is revoked from another one or from the list, and everything that it
// approved in the last four hours ends.
//
// # What the push service learns
//
// A push carries an opaque id and whether to be quiet, encrypted to the device (RFC 8291) and padded
// to one size; the device asks for the rest after it has proved itself. Nothing works less when no
// push ever arrives: the open page hears of a request by itself.
//
// Specification: identity sections 4.5, 6 (R1 to R5, R7, R9 to R12, R16 to R18) and 8.
package phone

import (
	"context"
	"crypto/ecdsa"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
)

// Path is where the page of the phone is, on the origin of its issuer.
const Path = "/wallet"

// Limits and delays. The numbers are those of the specification, section 6.
const (
	MinLife       = 30 * time.Second // of a request
	MaxLife       = 300 * time.Second
	DefaultLife   = 120 * time.Second
	Interval      = 5 * time.Second // between two polls of a client
	ReadingDelay  = 5 * time.Second // before an unusual request can be approved
	enrolmentLife = 90 * time.Second
	youngFor      = 24 * time.Hour // a device that was just enrolled is marked in the audit
	loginFor      = 4 * time.Hour  // a login that was approved can be reported, or ends with its device
	keptFor       = 90 * 24 * time.Hour
	clockSkew     = 2 * time.Minute // of the time that a device signs

	maxDevices = 10     // of a person
	maxWaiting = 2_000  // pending requests of a person
	maxPending = 20_000 // of everybody
)

// Person is somebody who can have a phone.
type Person struct {
	ID     string         // stable name, as the issuer knows it
	Name   carnet.Private // as the phone shows it
	Number carnet.Private // national identifier, 12 digits
	Story  func(lang string) string
}

// Ended is a login that must end at a client: it was reported, or its device was lost.
type Ended struct {
	Client, Person, SID string
	Reported            bool
	Request             string // SHA-256 of auth_req_id, base64url: what a client knows of a login that never opened
}

// Config says what the phones belong to.
type Config struct {
	Dir     string // the file of devices and requests is made here
	Origin  string // of the issuer, "http://localhost:8413"
	People  []Person
	Pepper  []byte            // 32 bytes, not kept with the file
	Vapid   *ecdsa.PrivateKey // P-256, signs pushes; see RFC 8292
	Contact string            // subject of the VAPID token, "mailto:…" or an https address
	// PushHosts are the push services that may be called: "fcm.googleapis.com", ".push.apple.com" for
	// all below it, or an origin with its scheme. DefaultPushHosts when nil. A device names its own
	// service, and must not send the server anywhere else.
	PushHosts []string
	Client    *http.Client // calls push services; a strict one when nil
	// End tells a client that a login ended. It is tried again until it succeeds or the login is
	// too old to matter.
	End   func(context.Context, Ended) error
	Clock carnet.Clock
	Rand  io.Reader
	Log   *slog.Logger
	HTTPS bool
}

// Service is the server side of all the phones.
type Service struct {
	Config
	db    *sql.DB
	kit   *ui.Kit
	pages http.Handler
	hub   *hub
	proof *proofs

	hashing  chan struct{} // how many codes are hashed at once: each takes 64 MiB
	mu       sync.Mutex
	checking map[string]bool // devices whose code is being checked
	finds    map[string]finds
	purged   time.Time
	telling  sync.Mutex
	pushing  chan struct{}

	ctx  context.Context // of what goes on after its request was answered
	stop context.CancelFunc
	work sync.WaitGroup
}

// New opens the file of devices and requests, and makes it when it is missing.
func New(c Config) (*Service, error) {
	if c.Dir == "" || c.Clock == nil || c.Rand == nil || c.Log == nil || len(c.Pepper) != 32 || c.Vapid == nil || c.End == nil {
		return nil, errors.New("phone: folder, clock, random source, log, keys and an end are needed")
	}
	if c.PushHosts == nil {
		c.PushHosts = DefaultPushHosts
	}
	if c.Client == nil {
		c.Client = pushClient()
	}
	s := &Service{
		Config: c, hashing: make(chan struct{}, 2), checking: map[string]bool{}, finds: map[string]finds{}, pushing: make(chan struct{}, pushesAtAll),
		hub: newHub(), proof: newProofs(c.Clock, c.Rand),
	}
	var err error
	if s.db, err = openStore(filepath.Join(c.Dir, "phone.sqlite")); err != nil {
		return nil, err
	}
	if err := s.site(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.purge(s.ctx)
	s.later(s.deliver) // what an earlier run could not tell
	return s, nil
}

// Close waits for pushes and notices under way, gives up those that wait, and closes the file.
func (s *Service) Close() error {
	s.stop()
	s.work.Wait()
	return s.db.Close()
}

// later runs something after the request that asked for it was answered.
func (s *Service) later(f func(context.Context)) {
	s.work.Go(func() { f(s.ctx) })
}

// person finds somebody by stable name.
func (s *Service) person(id string) (Person, bool) {
	i := slices.IndexFunc(s.People, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, false
	}
	return s.People[i], true
}

// ByNumber finds the person of an e-CPS number: 11 digits, or 12 with the leading 8. The name is
// empty when nobody has it, or when it is no number.
func (s *Service) ByNumber(number string) string {
	n, err := carnet.ParseRPPS(number)
	if err != nil {
		return ""
	}
	found := ""
	for _, p := range s.People { // all of them, whoever it is
		if p.Number.Equal(n) {
			found = p.ID
		}
	}
	return found
}

// purge forgets what is too old, once an hour.
func (s *Service) purge(ctx context.Context) {
	now := s.Clock()
	s.mu.Lock()
	due := now.Sub(s.purged) >= time.Hour || now.Before(s.purged)
	if due {
		s.purged = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	for _, q := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM event WHERE at < ?`, now.Add(-keptFor)},
		{`DELETE FROM request WHERE expires < ?`, now.Add(-24 * time.Hour)},
		{`DELETE FROM enrolment WHERE expires < ?`, now},
		{`DELETE FROM logout WHERE approved < ?`, now.Add(-loginFor)},
	} {
		if _, err := s.db.ExecContext(ctx, q.query, q.before.UnixMilli()); err != nil {
			s.Log.ErrorContext(ctx, "old rows stay", "err", err)
		}
	}
}

// fail makes an error of the package. Codes are what programs read; see [Service.Handler].
func fail(op string, kind carnet.Kind, code string, cause error) error {
	return carnet.E("phone."+op, kind, code, cause)
}

// broken is a fault that is ours.
func broken(op string, err error) error {
	return fail(op, carnet.Internal, "internal", err)
}

func (s *Service) origin() string { return strings.TrimRight(s.Origin, "/") }

// token gives random bytes.
func (s *Service) token(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.Rand, b); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return b, nil
}
