package phone

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/carnet"

	"golang.org/x/crypto/argon2"
)

// States of a device.
const (
	deviceActive   = "active"
	deviceDisabled = "disabled" // ten wrong codes: it must be enrolled again
	deviceRevoked  = "revoked"
)

// Wrong codes of a device, in a row.
const (
	codesPerLock  = 3
	firstLock     = 15 * time.Minute // then doubling
	codesAtAll    = 10
	codeDigits    = 4
	maxDeviceName = 40
)

// Codes of what a phone is refused.
const (
	CodeDevice   = "phone.device"    // unknown, revoked or disabled device, or a signature that is not its own
	CodeToken    = "phone.token"     // the enrolment is over, or was used
	CodeMany     = "phone.many"      // the person has too many devices
	CodeForm     = "phone.form"      // something is missing or malformed
	CodeTime     = "phone.time"      // the signed time is not that of the server
	CodeGone     = "phone.gone"      // the request can no longer be answered
	CodeEarly    = "phone.early"     // it must be read first
	CodeNumber   = "phone.number"    // the wrong number: the request is over
	CodeNoMatch  = "phone.no-match"  // no request waits with this number
	CodeCode     = "phone.code"      // the wrong secret code
	CodeLocked   = "phone.locked"    // too many wrong codes: wait
	CodeDisabled = "phone.disabled"  // far too many
	CodeBusy     = "phone.busy"      // another answer of this device is being checked
	CodeSession  = "phone.session"   // the phone must prove itself again
	CodeNoDevice = "phone.no-device" // no such device of this person
	CodePasskey  = "phone.passkey"   // the device did not unlock its passkey for this
)

// device is a row.
type device struct {
	ID, Person, Name, State string
	key                     *ecdsa.PublicKey
	passkey                 *ecdsa.PublicKey // nil for none
	salt, code              []byte
	Enrolled, Used, Locked  time.Time
	Wrong                   int
	Noticed                 int64
	push                    string
}

const deviceColumns = `id, person, name, state, key, passkey, salt, code, enrolled, used, locked, wrong, noticed, push`

func scanDevice(row interface{ Scan(...any) error }) (device, error) {
	var d device
	var key, passkey []byte
	var enrolled, used, locked int64
	if err := row.Scan(&d.ID, &d.Person, &d.Name, &d.State, &key, &passkey, &d.salt, &d.code, &enrolled, &used, &locked, &d.Wrong, &d.Noticed, &d.push); err != nil {
		return device{}, err
	}
	d.Enrolled, d.Used, d.Locked = moment(enrolled), moment(used), moment(locked)
	var err error
	if d.key, err = parseKey(key); err == nil && len(passkey) > 0 {
		d.passkey, err = parseKey(passkey)
	}
	return d, err
}

func readDevice(ctx context.Context, q queryer, id string) (device, error) {
	return scanDevice(q.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device WHERE id=?`, id))
}

// devices lists the devices of a person, revoked ones left out, the newest first.
func devices(ctx context.Context, q queryer, person string) ([]device, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+deviceColumns+` FROM device WHERE person=? AND state<>'revoked' ORDER BY enrolled DESC, id`, person)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []device
	for rows.Next() {
		d, err := scanDevice(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

func (d device) young(now time.Time) bool { return now.Sub(d.Enrolled) < youngFor }

// parseKey reads the public key of a device: P-256, SubjectPublicKeyInfo.
func parseKey(der []byte) (*ecdsa.PublicKey, error) {
	if len(der) > 200 {
		return nil, errors.New("key is too long")
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	if e, ok := k.(*ecdsa.PublicKey); ok && e.Curve == elliptic.P256() {
		return e, nil
	}
	return nil, errors.New("not a P-256 key")
}

// Offer makes a token that enrols one device of a person within 90 seconds. Whoever calls has seen a
// proof of identity. The token is shown once, and only its hash is kept.
func (s *Service) Offer(ctx context.Context, person string) (string, time.Time, error) {
	if _, ok := s.person(person); !ok {
		return "", time.Time{}, fail("Offer", carnet.NotFound, CodeForm, nil)
	}
	s.purge(ctx)
	b, err := s.token(24)
	if err != nil {
		return "", time.Time{}, broken("Offer", err)
	}
	token, until := base64.RawURLEncoding.EncodeToString(b), s.Clock().Add(enrolmentLife)
	if _, err := s.db.ExecContext(ctx, `INSERT INTO enrolment (token, person, expires) VALUES (?,?,?)`, hashRef(token), person, until.UnixMilli()); err != nil {
		return "", time.Time{}, broken("Offer", err)
	}
	return token, until, nil
}

// enrolment is what a new device sends. The signature is over its parts, with the new key.
type enrolment struct {
	Token     string `json:"token"`
	Name      string `json:"name"`
	Key       []byte `json:"key"` // SubjectPublicKeyInfo
	Code      string `json:"code"`
	Signature []byte `json:"signature"`

	Passkey   []byte     `json:"passkey,omitempty"`   // SubjectPublicKeyInfo; none by default
	Assertion *assertion `json:"assertion,omitempty"` // over the same statement, with the passkey
}

// enrol adds a device, uses the token, and tells the other devices of the person.
func (s *Service) enrol(ctx context.Context, e enrolment) (device, error) {
	const op = "enrol"
	name := strings.TrimSpace(e.Name)
	key, err := parseKey(e.Key)
	if err != nil || !isCode(e.Code) || name == "" || utf8.RuneCountInString(name) > maxDeviceName || !utf8.ValidString(name) {
		return device{}, fail(op, carnet.Invalid, CodeForm, err)
	}
	if !verify(key, statement(s.origin(), "enrol", e.Token, name), e.Signature) {
		return device{}, fail(op, carnet.Denied, CodeDevice, nil)
	}
	passkey := []byte{}
	if len(e.Passkey) > 0 {
		passkey = e.Passkey
		unlocks, err := parseKey(passkey)
		if err != nil {
			return device{}, fail(op, carnet.Invalid, CodeForm, err)
		}
		if err := s.unlocked(device{passkey: unlocks}, e.Assertion, "enrol", e.Token, name); err != nil {
			return device{}, err
		}
	}
	id, err := s.token(16)
	if err != nil {
		return device{}, broken(op, err)
	}
	salt, err := s.token(16)
	if err != nil {
		return device{}, broken(op, err)
	}
	d := device{ID: base64.RawURLEncoding.EncodeToString(id), Name: name, key: key, salt: salt, State: deviceActive, Enrolled: s.Clock()}
	// The token first: whoever has none makes nobody hash anything.
	if err := s.db.QueryRowContext(ctx, `SELECT person FROM enrolment WHERE token=? AND expires>?`, hashRef(e.Token), d.Enrolled.UnixMilli()).Scan(&d.Person); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = fail(op, carnet.Denied, CodeToken, nil)
		}
		return device{}, internal(op, err)
	}
	d.code = s.hash(d, e.Code)
	err = s.within(ctx, func(tx *sql.Tx) error {
		used, err := tx.ExecContext(ctx, `DELETE FROM enrolment WHERE token=?`, hashRef(e.Token))
		if err != nil {
			return err
		}
		if n, err := used.RowsAffected(); err != nil || n != 1 {
			return errors.Join(fail(op, carnet.Denied, CodeToken, nil), err)
		}
		list, err := devices(ctx, tx, d.Person)
		if err != nil {
			return err
		}
		if len(list) >= maxDevices {
			return fail(op, carnet.Conflict, CodeMany, nil)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO device (id, person, name, key, passkey, salt, code, enrolled, used) VALUES (?,?,?,?,?,?,?,?,?)`,
			d.ID, d.Person, d.Name, e.Key, passkey, d.salt, d.code, d.Enrolled.UnixMilli(), d.Enrolled.UnixMilli()); err != nil {
			return err
		}
		if err := s.note(ctx, tx, event{Person: d.Person, Device: d.ID, Kind: kindEnrolled, Young: true}, d.Enrolled); err != nil {
			return err
		}
		// What happened before it was there is not news to it.
		_, err = tx.ExecContext(ctx, `UPDATE device SET noticed=(SELECT max(id) FROM event) WHERE id=?`, d.ID)
		return err
	})
	if err != nil {
		return device{}, internal(op, err)
	}
	s.Log.InfoContext(ctx, "device enrolled", "device", d.ID)
	s.hub.wake(d.Person, NotifyNormal)
	s.push(d.Person, d.ID, message{ID: d.ID}, DefaultLife)
	return d, nil
}

func isCode(code string) bool {
	return len(code) == codeDigits && strings.Trim(code, "0123456789") == ""
}

// Costs of argon2id (specification, section 9).
const (
	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 1
	argonKey    = 32
)

// hash is the stored form of a code. Four digits fall to any guessing, so what is hashed is keyed
// with the pepper: the file alone gives nothing to guess against.
func (s *Service) hash(d device, code string) []byte {
	mac := hmac.New(sha256.New, s.Pepper)
	mac.Write([]byte("code\x00" + d.ID + "\x00" + code))
	s.hashing <- struct{}{}
	defer func() { <-s.hashing }()
	return argon2.IDKey(mac.Sum(nil), d.salt, argonTime, argonMemory, argonLanes, argonKey)
}

// afterWrong is the state of a device after one more wrong code (R4).
func (d device) afterWrong(now time.Time) device {
	d.Wrong++
	switch {
	case d.Wrong >= codesAtAll:
		d.State = deviceDisabled
	case d.Wrong%codesPerLock == 0:
		d.Locked = now.Add(firstLock << (d.Wrong/codesPerLock - 1))
	}
	return d
}

// usable says why a device may not try a code now.
func (d device) usable(now time.Time) error {
	switch {
	case d.State == deviceDisabled:
		return fail("code", carnet.Denied, CodeDisabled, nil)
	case d.State != deviceActive:
		return fail("code", carnet.Denied, CodeDevice, nil)
	case now.Before(d.Locked):
		e := carnet.E("phone.code", carnet.Denied, CodeLocked, nil)
		e.Args = map[string]any{"until": d.Locked.UnixMilli()}
		return e
	}
	return nil
}

// check compares a code with that of a device, and counts. Two answers of one device are not checked
// at once, or the count could be outrun.
func (s *Service) check(ctx context.Context, id, code string) error {
	const op = "code"
	s.mu.Lock()
	busy := s.checking[id]
	s.checking[id] = true
	s.mu.Unlock()
	if busy {
		return fail(op, carnet.Conflict, CodeBusy, nil)
	}
	defer func() {
		s.mu.Lock()
		delete(s.checking, id)
		s.mu.Unlock()
	}()
	d, err := readDevice(ctx, s.db, id)
	if err != nil {
		return internal(op, err)
	}
	if err := d.usable(s.Clock()); err != nil {
		return err
	}
	right := subtle.ConstantTimeCompare(s.hash(d, code), d.code) == 1
	now, before := s.Clock(), d.Locked
	if right {
		d.Wrong = 0
	} else {
		d = d.afterWrong(now)
	}
	err = s.within(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE device SET wrong=?, locked=?, state=CASE state WHEN 'revoked' THEN state ELSE ? END WHERE id=?`,
			d.Wrong, milli(d.Locked), d.State, d.ID); err != nil || right {
			return err
		}
		kind := kindWrongCode
		if d.State == deviceDisabled {
			kind = kindDisabled
		} else if d.Locked != before {
			kind = kindLocked
		}
		return s.note(ctx, tx, event{Person: d.Person, Device: d.ID, Kind: kind, Young: d.young(now)}, now)
	})
	switch {
	case err != nil:
		return internal(op, err)
	case right:
		return nil
	}
	s.Log.WarnContext(ctx, "wrong secret code", "device", d.ID, "in a row", d.Wrong)
	if err := d.usable(now); err != nil {
		return err
	}
	e := carnet.E("phone.code", carnet.Denied, CodeCode, nil)
	e.Args = map[string]any{"left": codesPerLock - d.Wrong%codesPerLock}
	return e
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Revoke takes a device out of use for good: it proves nothing any more, and every login that it
// approved in the last four hours ends. Whoever calls has seen a proof of identity, or the code of
// another device of the person. CodeNoDevice when the person has no such device.
func (s *Service) Revoke(ctx context.Context, person, id string) error {
	const op = "Revoke"
	now := s.Clock()
	err := s.within(ctx, func(tx *sql.Tx) error {
		d, err := readDevice(ctx, tx, id)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (d.Person != person || d.State == deviceRevoked) {
			return fail(op, carnet.NotFound, CodeNoDevice, nil)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device SET state='revoked', push='' WHERE id=?`, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO logout (sid, client, person, reported, ref, approved)
			SELECT sid, client, person, 0, ref, decided FROM request WHERE device=? AND state='approved' AND decided>?`, id, now.Add(-loginFor).UnixMilli()); err != nil {
			return err
		}
		// Approved and not yet collected: it opens nothing.
		if _, err := tx.ExecContext(ctx, `UPDATE request SET state='cancelled' WHERE device=? AND state='approved' AND used=0`, id); err != nil {
			return err
		}
		return s.note(ctx, tx, event{Person: person, Device: id, Kind: kindRevoked}, now)
	})
	if err != nil {
		return internal(op, err)
	}
	s.Log.WarnContext(ctx, "device revoked", "device", id)
	s.proof.forget(id)
	s.hub.wake(person, NotifyNormal)
	s.later(s.deliver)
	return nil
}
