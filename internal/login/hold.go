package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carnet/internal/carnet"
)

// HoldLifetime is how long an identity waits for its session: the time to choose a situation and
// to have the delegate's passkey.
const HoldLifetime = 5 * time.Minute

// Asked is what was typed when a login began. Nobody had authenticated then: it is shown, compared,
// and never believed.
type Asked struct {
	Establishment string
	Delegate      carnet.Private // name of the one who types, when it is not the professional
	ReturnTo      string
	At            time.Time
}

// Held is an identity that a provider vouched for, in wait of its session.
type Held struct {
	ID       carnet.ID // of the request, in the history
	Identity Identity  // for Opening.Identity
	Asked    Asked
	Until    time.Time
}

// holdOf ties an identity to the row that must be used up with it.
type holdOf struct {
	id      carnet.ID
	browser Hash
}

// sealedHold is the content of HoldRow.Sealed.
type sealedHold struct {
	Provider string          `json:"provider"`
	Issuer   string          `json:"issuer"`
	Subject  string          `json:"subject"`
	ACR      string          `json:"acr"`
	AuthTime time.Time       `json:"auth_time,omitzero"`
	Claims   json.RawMessage `json:"claims"`
	IDToken  string          `json:"id_token"`
	SID      string          `json:"sid,omitempty"`
	Asked    sealedAsked     `json:"asked"`
	Browser  string          `json:"browser"` // family
}

type sealedAsked struct {
	Establishment string    `json:"establishment,omitempty"`
	Delegate      string    `json:"delegate,omitempty"`
	ReturnTo      string    `json:"return_to"`
	At            time.Time `json:"at"`
}

func (h HoldRow) bound() []byte {
	return fmt.Appendf(nil, "%x|%q|%s|%d|%d", h.Browser, h.Site, h.ID, h.CreatedAt.UnixMicro(), h.ExpiresAt.UnixMicro())
}

// holdRow seals an identity for the browser of a login.
func (s *Site) holdRow(browser string, id carnet.ID, family string, identity Identity, asked sealedAsked) (HoldRow, error) {
	now := s.now()
	row := HoldRow{Browser: hashOf(browser), Site: s.config.Name, ID: id, CreatedAt: now, ExpiresAt: now.Add(HoldLifetime)}
	content := sealedHold{Provider: identity.Provider, Issuer: identity.Issuer, Subject: identity.Subject.Reveal(), ACR: identity.ACR,
		AuthTime: identity.AuthTime, Claims: json.RawMessage("null"), IDToken: identity.IDToken.Reveal(), SID: identity.SID, Asked: asked, Browser: family}
	if identity.Claims.clear != nil {
		content.Claims = *identity.Claims.clear
	}
	var err error
	row.Sealed, err = seal(s.random, browser, "hold", row.bound(), content)
	return row, err
}

// Hold keeps an identity that Finish returned until the session opens. The browser gets a new
// cookie: what it held before is gone.
func (s *Site) Hold(w http.ResponseWriter, r *http.Request, identity Identity) (Held, error) {
	const op = "Hold"
	browser, err := newSecret(s.random)
	if err != nil {
		return Held{}, refuse(op, carnet.Internal, "internal", err)
	}
	id, err := s.ids().New()
	if err != nil {
		return Held{}, err
	}
	asked := sealedAsked{ReturnTo: LocalPath(identity.ReturnTo), At: s.now()}
	row, err := s.holdRow(browser, id, family(r), identity, asked)
	if err != nil {
		return Held{}, refuse(op, carnet.Internal, "internal", err)
	}
	if err := s.store.Door(r.Context(), s.decideFor(id), func(tx Tx) error { return tx.PutHold(row) }); err != nil {
		return Held{}, err
	}
	s.setCookie(w, s.loginCookie, browser, HoldLifetime)
	return s.unhold(browser, row, r)
}

// Held is the identity that waits in this browser, or CodeState when none does.
func (s *Site) Held(r *http.Request) (Held, error) {
	const op = "Held"
	browser, ok := s.cookie(r, s.loginCookie)
	if !ok {
		return Held{}, refuse(op, carnet.Invalid, CodeState, errors.New("no cookie"))
	}
	var row HoldRow
	err := s.store.Door(r.Context(), s.decide(), func(tx Tx) (err error) {
		row, err = tx.Hold(hashOf(browser), s.config.Name)
		return absent(err)
	})
	if err != nil {
		return Held{}, err
	}
	if row.ID.IsZero() {
		return Held{}, refuse(op, carnet.Invalid, CodeState, errors.New("no identity waits"))
	}
	return s.unhold(browser, row, r)
}

func (s *Site) unhold(browser string, row HoldRow, r *http.Request) (Held, error) {
	const op = "Held"
	var c sealedHold
	if err := unseal(browser, "hold", row.bound(), row.Sealed, &c); err != nil {
		return Held{}, refuse(op, carnet.Invalid, CodeState, err)
	}
	if !s.now().Before(row.ExpiresAt) {
		return Held{}, refuse(op, carnet.Invalid, CodeExpired, nil)
	}
	if c.Browser != family(r) {
		return Held{}, refuse(op, carnet.Invalid, CodeState, errors.New("another browser"))
	}
	return Held{
		ID: row.ID, Until: row.ExpiresAt,
		Asked: Asked{Establishment: c.Asked.Establishment, Delegate: carnet.Hide(c.Asked.Delegate), ReturnTo: c.Asked.ReturnTo, At: c.Asked.At},
		Identity: Identity{Provider: c.Provider, Issuer: c.Issuer, Subject: carnet.Hide(c.Subject), ACR: c.ACR, AuthTime: c.AuthTime,
			Claims: Claims{&c.Claims}, IDToken: carnet.Hide(c.IDToken), SID: c.SID, ReturnTo: c.Asked.ReturnTo,
			held: holdOf{row.ID, row.Browser}},
	}, nil
}

const opRenew = "Renew"

// Renew gives the session of the browser the authentication that waits in it: same person, same
// situation, same end, a new token (R22). Who authenticated must be who is logged in; anybody else
// is CodeOther, and the identity is used up.
func (s *Site) Renew(w http.ResponseWriter, r *http.Request) (Session, string, error) {
	const op = opRenew
	if r.Method != http.MethodPost {
		return Session{}, "", refuse(op, carnet.Invalid, CodeMethod, nil)
	}
	held, err := s.Held(r)
	if err != nil {
		return Session{}, "", err
	}
	old, err := s.Current(r)
	if err != nil {
		return Session{}, "", err
	}
	if old.Issuer != held.Identity.Issuer || !old.Subject.Equal(held.Identity.Subject) {
		if err := s.drop(r, held.Identity.held); err != nil {
			return Session{}, "", err
		}
		return Session{}, "", refuse(op, carnet.Denied, CodeOther, nil)
	}
	session, err := s.begin(w, r, op, held.Identity, Row{ID: old.ID, Actor: old.Person, Role: old.Role, CreatedAt: old.CreatedAt, ExpiresAt: old.ExpiresAt,
		Delegate: old.Delegation.ID, Presence: string(old.Delegation.Presence)}, sealedSession{Name: old.Name.Reveal(), Organisation: old.Organisation,
		Profession: old.Profession, Delegate: old.Delegation.Name.Reveal()})
	return session, held.Asked.ReturnTo, err
}

func (s *Site) drop(r *http.Request, h holdOf) error {
	return s.store.Door(r.Context(), s.decideFor(h.id), func(tx Tx) error {
		_, err := tx.RemoveHold(h.browser, s.config.Name)
		return err
	})
}
