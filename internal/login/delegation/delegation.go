// Package delegation keeps who may type under the responsibility of a professional, and makes sure
// that it is them.
//
// A professional declares the people who type for them, by name, with a fresh authentication (D1).
// Each of these has passkeys of their own: a name alone answers for nothing (D3). When a session
// opens, the professional authorises one of them by name, none by default (D2), and says how they
// answer for the delegate: beside them, or elsewhere after making sure that the request came from
// them; the latter only for somebody who was declared before and whom the request named on the
// phone before the secret code was typed. The passkey then opens the session, and the delegation
// ends with it (D5). What a delegate may do is protect.Actor.May (D4); what delegates entered and
// how it is contested is in the room vaccinate (D7).
//
// Rows stay after a revocation, for entries name them; revoking ends the delegate's sessions.
//
// Specification: identity section 5. Passkeys are Web Authentication Level 3, with user
// verification required, no attestation asked, and the host of the site as the relying party.
package delegation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/text/unicode/norm"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

// Stable codes of the errors of this package.
const (
	CodeUnknown   = "delegate.unknown"      // not one of the professional's delegates, or revoked
	CodeName      = "delegate.name-missing" // no name was given
	CodeLong      = "delegate.name-long"    // a name that is too long; Args: Max
	CodeTwice     = "delegate.twice"        // somebody of that name is declared already
	CodeMany      = "delegate.many"         // too many delegates or passkeys; Args: Max
	CodeNoPasskey = "delegate.no-passkey"   // declared, and nothing proves who it is yet
	CodePasskey   = "delegate.passkey"      // the answer of the passkey does not hold, or came too late
	CodeNotNamed  = "delegate.not-named"    // authorised from afar, and not named in the request
	CodePresence  = "delegate.presence"     // the professional did not say how they answer for the delegate
)

const (
	maxName        = 100 // characters
	maxDelegates   = 50  // standing, of one professional
	maxPasskeys    = 5   // of one delegate
	maxResponse    = 64 << 10
	challengeLife  = 5 * time.Minute
	challengeSize  = 32
	useRegister    = "register"
	useAuthorise   = "authorise"
	relyingParty   = "Carnet"
	timeoutPasskey = 2 * time.Minute
)

// Delegate is somebody who may type for a professional.
type Delegate struct {
	ID       carnet.ID
	Name     carnet.Private
	Since    time.Time
	Revoked  time.Time // zero while it stands
	Passkeys []Passkey
}

// Stands reports a delegate who is not revoked.
func (d Delegate) Stands() bool { return d.Revoked.IsZero() }

// Named reports that a name, as somebody types it, is that of the delegate.
func (d Delegate) Named(name carnet.Private) bool { return sameName(d.Name.Reveal(), name.Reveal()) }

// Passkey is a public key of a delegate.
type Passkey struct {
	ID         []byte
	Credential string // public key, counter and flags, as package webauthn keeps them: JSON
	CreatedAt  time.Time
	UsedAt     time.Time // zero until it was
}

// Challenge is a question to a passkey that was not answered yet.
type Challenge struct {
	Hash      [32]byte // SHA-256 of the challenge
	Delegate  carnet.ID
	Use       string
	Body      string // what the answer is checked against: JSON
	ExpiresAt time.Time
}

// Store keeps delegates. It refuses a decision that is not for protect.Delegation.
type Store interface {
	Delegation(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Delegates lists those of a professional, the revoked ones too, oldest first, with passkeys.
	Delegates(professional carnet.ID) ([]Delegate, error)
	// PutDelegate writes one, in the place of the one of the same id; passkeys are left alone.
	PutDelegate(professional carnet.ID, d Delegate) error
	PutPasskey(delegate carnet.ID, p Passkey) error // in the place of the one of the same id
	PutChallenge(c Challenge) error
	// TakeChallenge removes a challenge and returns it, or carnet.NotFound.
	TakeChallenge(hash [32]byte) (Challenge, error)
	PurgeChallenges(at time.Time) error
}

// Sessions is what this package needs of the logins: login.Site has it.
type Sessions interface {
	Settings(session login.Session, act protect.Act) error
	EndDelegate(ctx context.Context, delegate carnet.ID) (int, error)
}

// Service keeps the delegates of a site.
type Service struct {
	store    Store
	guard    login.Guard
	sessions Sessions
	ids      carnet.IDs
	keys     *webauthn.WebAuthn
}

// New returns the delegates of the site with that origin.
func New(store Store, guard login.Guard, sessions Sessions, ids carnet.IDs, origin string) (*Service, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("delegation: %q is not an origin: %w", origin, err)
	}
	timeout := webauthn.TimeoutConfig{Timeout: timeoutPasskey, TimeoutUVD: timeoutPasskey}
	keys, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: relyingParty, RPOrigins: []string{origin},
		AttestationPreference:  protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired, ResidentKey: protocol.ResidentKeyRequirementPreferred},
		Timeouts:               webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	if err != nil {
		return nil, fmt.Errorf("delegation: %w", err)
	}
	return &Service{store, guard, sessions, ids, keys}, nil
}

// List is the delegates of the one who acts, the revoked ones too, oldest first. A delegate does
// not see it.
func (s *Service) List(ctx context.Context, actor protect.Actor) ([]Delegate, error) {
	var list []Delegate
	err := s.store.Delegation(ctx, s.own(actor), func(tx Tx) (err error) {
		list, err = tx.Delegates(actor.ID)
		return err
	})
	return list, err
}

// Declare adds somebody, by name. It needs a fresh authentication (D1): login.CodeStepUp.
func (s *Service) Declare(ctx context.Context, session login.Session, name string) (Delegate, error) {
	const op = "delegation.Declare"
	if err := s.sessions.Settings(session, protect.ActDeclare); err != nil {
		return Delegate{}, err
	}
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "":
		return Delegate{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeName, Field: "name"}
	case utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		return Delegate{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeLong, Field: "name", Args: map[string]any{"Max": maxName}}
	}
	id, err := s.ids.New()
	if err != nil {
		return Delegate{}, err
	}
	d := Delegate{ID: id, Name: carnet.Hide(name), Since: s.now()}
	err = s.store.Delegation(ctx, s.own(session.Actor()), func(tx Tx) error {
		list, err := tx.Delegates(session.Person)
		if err != nil {
			return err
		}
		standing := 0
		for _, other := range list {
			if !other.Stands() {
				continue
			}
			if standing++; sameName(other.Name.Reveal(), name) {
				return &carnet.Error{Op: op, Kind: carnet.Conflict, Code: CodeTwice, Field: "name"}
			}
		}
		if standing >= maxDelegates {
			return &carnet.Error{Op: op, Kind: carnet.Conflict, Code: CodeMany, Args: map[string]any{"Max": maxDelegates}}
		}
		return tx.PutDelegate(session.Person, d)
	})
	return d, err
}

// Revoke takes the authorisation of somebody away, and ends the sessions in which they type. It
// needs a fresh authentication (D1). Revoking again changes nothing.
func (s *Service) Revoke(ctx context.Context, session login.Session, delegate carnet.ID) error {
	if err := s.sessions.Settings(session, protect.ActDeclare); err != nil {
		return err
	}
	err := s.store.Delegation(ctx, s.own(session.Actor()), func(tx Tx) error {
		d, err := find(tx, session.Person, delegate)
		if err != nil || !d.Stands() {
			return err
		}
		d.Revoked = s.now()
		return tx.PutDelegate(session.Person, d)
	})
	if err != nil {
		return err
	}
	_, err = s.sessions.EndDelegate(ctx, delegate)
	return err
}

// BeginPasskey returns what navigator.credentials.create is given, in the form of
// PublicKeyCredential.parseCreationOptionsFromJSON. It needs a fresh authentication.
func (s *Service) BeginPasskey(ctx context.Context, session login.Session, delegate carnet.ID) (json.RawMessage, error) {
	const op = "delegation.BeginPasskey"
	if err := s.sessions.Settings(session, protect.ActDeclare); err != nil {
		return nil, err
	}
	challenge, err := s.challenge()
	if err != nil {
		return nil, carnet.E(op, carnet.Internal, "internal", err)
	}
	var options json.RawMessage
	err = s.store.Delegation(ctx, s.own(session.Actor()), func(tx Tx) error {
		d, err := findStanding(tx, session.Person, delegate)
		if err != nil {
			return err
		}
		if len(d.Passkeys) >= maxPasskeys {
			return &carnet.Error{Op: op, Kind: carnet.Conflict, Code: CodeMany, Args: map[string]any{"Max": maxPasskeys}}
		}
		u, err := userOf(d)
		if err != nil {
			return err
		}
		creation, data, err := s.keys.BeginRegistration(u, webauthn.WithExclusions(u.credentials.CredentialDescriptors()),
			func(o *protocol.PublicKeyCredentialCreationOptions) error { o.Challenge = challenge; return nil })
		if err != nil {
			return carnet.E(op, carnet.Internal, "internal", err)
		}
		options, err = s.ask(tx, op, d.ID, useRegister, challenge, data, creation.Response)
		return err
	})
	return options, err
}

// FinishPasskey keeps the passkey that the browser made: response is the JSON of the credential.
func (s *Service) FinishPasskey(ctx context.Context, session login.Session, delegate carnet.ID, response []byte) error {
	const op = "delegation.FinishPasskey"
	if err := s.sessions.Settings(session, protect.ActDeclare); err != nil {
		return err
	}
	if len(response) > maxResponse {
		return refuse(op, errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return refuse(op, errors.New("the answer cannot be read"))
	}
	return s.store.Delegation(ctx, s.own(session.Actor()), func(tx Tx) error {
		d, err := findStanding(tx, session.Person, delegate)
		if err != nil {
			return err
		}
		u, err := userOf(d)
		if err != nil {
			return err
		}
		data, err := s.answered(tx, op, d.ID, useRegister, parsed.Response.CollectedClientData.Challenge)
		if err != nil {
			return err
		}
		made, err := s.keys.CreateCredential(u, data, parsed)
		if err != nil {
			return refuse(op, errors.New("the new passkey does not hold"))
		}
		return s.keep(tx, op, d.ID, made, Passkey{ID: made.ID, CreatedAt: s.now()})
	})
}

// Ready lists the delegates whom a professional may authorise: standing, with a passkey. It is for
// the page that opens a session, where the professional has authenticated and has no session yet.
func (s *Service) Ready(ctx context.Context, professional carnet.ID) ([]Delegate, error) {
	var list []Delegate
	err := s.store.Delegation(ctx, s.program(professional), func(tx Tx) (err error) {
		list, err = tx.Delegates(professional)
		return err
	})
	return slices.DeleteFunc(list, func(d Delegate) bool { return !d.Stands() || len(d.Passkeys) == 0 }), err
}

// BeginAuthorise returns what navigator.credentials.get is given, in the form of
// PublicKeyCredential.parseRequestOptionsFromJSON.
func (s *Service) BeginAuthorise(ctx context.Context, professional, delegate carnet.ID) (json.RawMessage, error) {
	const op = "delegation.BeginAuthorise"
	challenge, err := s.challenge()
	if err != nil {
		return nil, carnet.E(op, carnet.Internal, "internal", err)
	}
	var options json.RawMessage
	err = s.store.Delegation(ctx, s.program(professional), func(tx Tx) error {
		d, err := findStanding(tx, professional, delegate)
		if err != nil {
			return err
		}
		if len(d.Passkeys) == 0 {
			return carnet.E(op, carnet.Denied, CodeNoPasskey, nil)
		}
		u, err := userOf(d)
		if err != nil {
			return err
		}
		assertion, data, err := s.keys.BeginLogin(u, webauthn.WithChallenge(challenge))
		if err != nil {
			return carnet.E(op, carnet.Internal, "internal", err)
		}
		options, err = s.ask(tx, op, d.ID, useAuthorise, challenge, data, assertion.Response)
		return err
	})
	return options, err
}

// Authorise checks the passkey of a delegate and returns what login.Opening takes. held is the
// identity of the professional that waits for its session; response is the JSON of the credential.
func (s *Service) Authorise(ctx context.Context, held login.Held, professional, delegate carnet.ID, presence login.Presence, response []byte) (login.Delegation, error) {
	const op = "delegation.Authorise"
	if presence != login.Present && presence != login.RemoteChecked {
		return login.Delegation{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodePresence, Field: "presence"}
	}
	if len(response) > maxResponse {
		return login.Delegation{}, refuse(op, errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return login.Delegation{}, refuse(op, errors.New("the answer cannot be read"))
	}
	var out login.Delegation
	err = s.store.Delegation(ctx, s.program(professional), func(tx Tx) error {
		d, err := findStanding(tx, professional, delegate)
		if err != nil {
			return err
		}
		// From afar, the phone must have named this very person before the code was typed.
		if presence == login.RemoteChecked && (!d.Since.Before(held.Asked.At) || !sameName(held.Asked.Delegate.Reveal(), d.Name.Reveal())) {
			return carnet.E(op, carnet.Denied, CodeNotNamed, nil)
		}
		u, err := userOf(d)
		if err != nil {
			return err
		}
		data, err := s.answered(tx, op, d.ID, useAuthorise, parsed.Response.CollectedClientData.Challenge)
		if err != nil {
			return err
		}
		used, err := s.keys.ValidateLogin(u, data, parsed)
		if err != nil || used.Authenticator.CloneWarning {
			return refuse(op, errors.New("the passkey does not hold, or was copied"))
		}
		i := slices.IndexFunc(d.Passkeys, func(p Passkey) bool { return string(p.ID) == string(used.ID) })
		p := d.Passkeys[i]
		p.UsedAt = s.now()
		out = login.Delegation{ID: d.ID, Name: d.Name, Presence: presence}
		return s.keep(tx, op, d.ID, used, p)
	})
	if err != nil {
		return login.Delegation{}, err
	}
	return out, nil
}

// ask stores a challenge and returns the options of the browser.
func (s *Service) ask(tx Tx, op string, delegate carnet.ID, use string, challenge []byte, data *webauthn.SessionData, options any) (json.RawMessage, error) {
	if err := tx.PurgeChallenges(s.now()); err != nil {
		return nil, err
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, carnet.E(op, carnet.Internal, "internal", err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, carnet.E(op, carnet.Internal, "internal", err)
	}
	return text, tx.PutChallenge(Challenge{Hash: sha256.Sum256(challenge), Delegate: delegate, Use: use, Body: string(body), ExpiresAt: s.now().Add(challengeLife)})
}

// answered takes the challenge that an answer speaks of: once, in time, for that delegate and use.
func (s *Service) answered(tx Tx, op string, delegate carnet.ID, use, challenge string) (webauthn.SessionData, error) {
	var data webauthn.SessionData
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(challenge, "="))
	if err != nil {
		return data, refuse(op, errors.New("the challenge cannot be read"))
	}
	c, err := tx.TakeChallenge(sha256.Sum256(raw))
	if carnet.KindOf(err) == carnet.NotFound || err == nil && (c.Delegate != delegate || c.Use != use || !s.now().Before(c.ExpiresAt)) {
		return data, refuse(op, errors.New("no such challenge, or too late"))
	}
	if err != nil {
		return data, err
	}
	if err := json.Unmarshal([]byte(c.Body), &data); err != nil {
		return data, carnet.E(op, carnet.Internal, "internal", err)
	}
	return data, nil
}

// keep writes what of a credential is needed to check it again, and nothing of the device.
func (s *Service) keep(tx Tx, op string, delegate carnet.ID, c *webauthn.Credential, p Passkey) error {
	text, err := json.Marshal(webauthn.Credential{ID: c.ID, PublicKey: c.PublicKey, AttestationType: string("none"), Transport: c.Transport, Flags: c.Flags,
		Authenticator: webauthn.Authenticator{SignCount: c.Authenticator.SignCount}})
	if err != nil {
		return carnet.E(op, carnet.Internal, "internal", err)
	}
	p.Credential = string(text)
	return tx.PutPasskey(delegate, p)
}

// user is a delegate in the words of package webauthn.
type user struct {
	Delegate
	credentials webauthn.Credentials
}

func userOf(d Delegate) (user, error) {
	u := user{Delegate: d}
	for _, p := range d.Passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(p.Credential), &c); err != nil {
			return u, carnet.E("delegation", carnet.Internal, "internal", err)
		}
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

func (u user) WebAuthnID() []byte                         { return u.ID[:] }
func (u user) WebAuthnName() string                       { return u.Name.Reveal() }
func (u user) WebAuthnDisplayName() string                { return u.Name.Reveal() }
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func find(tx Tx, professional, delegate carnet.ID) (Delegate, error) {
	list, err := tx.Delegates(professional)
	if err != nil {
		return Delegate{}, err
	}
	i := slices.IndexFunc(list, func(d Delegate) bool { return d.ID == delegate })
	if i < 0 {
		return Delegate{}, carnet.E("delegation", carnet.NotFound, CodeUnknown, nil)
	}
	return list[i], nil
}

func findStanding(tx Tx, professional, delegate carnet.ID) (Delegate, error) {
	d, err := find(tx, professional, delegate)
	if err == nil && !d.Stands() {
		return Delegate{}, carnet.E("delegation", carnet.NotFound, CodeUnknown, nil)
	}
	return d, err
}

// sameName compares names as people type them: case, accents, hyphens and spaces do not count.
func sameName(a, b string) bool {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToUpper(r)
			}
			return -1
		}, norm.NFD.String(s))
	}
	return fold(a) != "" && fold(a) == fold(b)
}

func (s *Service) challenge() (protocol.URLEncodedBase64, error) {
	b := make([]byte, challengeSize)
	if _, err := io.ReadFull(s.ids.Rand, b); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return b, nil
}

func (s *Service) now() time.Time { return s.ids.Clock().UTC().Truncate(time.Microsecond) }

func (s *Service) own(actor protect.Actor) protect.Decision {
	return s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Delegation, Person: actor.ID})
}

func (s *Service) program(professional carnet.ID) protect.Decision {
	return s.guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Delegation, Person: professional})
}

func refuse(op string, cause error) error { return carnet.E(op, carnet.Denied, CodePasskey, cause) }
