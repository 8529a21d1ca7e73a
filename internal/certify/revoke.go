package certify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Reason says why a document is revoked. None says anything about the conduct of anybody.
type Reason string

// The reasons, a closed list.
const (
	WrongContent Reason = "content" // what it states is wrong: vaccine, date, rank, identity
	WrongPerson  Reason = "person"  // it was issued to somebody else
	NotGiven     Reason = "undue"   // the injection that it states did not take place
	Asked        Reason = "asked"   // the person asks for it, for example because it was lost or made public
	WeakKey      Reason = "key"     // the key that signed it is no longer to be trusted
	Fraud        Reason = "fraud"   // it was had by fraud
)

// Reasons lists them in the order in which an operator reads them.
var Reasons = []Reason{WrongContent, WrongPerson, NotGiven, Asked, WeakKey, Fraud}

// Scope says which documents a [Withdrawal] is about.
type Scope string

// The scopes.
const (
	OneDocument Scope = "document"
	OneDose     Scope = "dose"   // every document about the dose
	OnePerson   Scope = "person" // every document of the person
)

// Withdrawal is the command to revoke documents that were issued to a person.
type Withdrawal struct {
	Key      carnet.ID // idempotency: made by the caller before it asks
	Person   carnet.ID
	Scope    Scope
	Document [32]byte  // of OneDocument
	Dose     carnet.ID // of OneDose
	Reason   Reason
}

// Revocation is the event. A document is revoked once and for ever.
type Revocation struct {
	ID, Person, Certificate, Dose carnet.ID
	Document                      [32]byte
	Names                         []revocation.Key // what the list of revoked documents will say
	Key                           carnet.ID
	Scope                         Scope
	Reason                        Reason
	Actor                         carnet.ID // zero for the operator's command; the journal has the role
	At                            time.Time
}

// Find tells which certificate a document is, for whoever wants to revoke it. Of two people to whom
// the same words apply, the documents are the same: all are given, oldest first. None is
// carnet.NotFound, "certificate.unknown".
func (s *Service) Find(ctx context.Context, actor protect.Actor, document [32]byte) ([]Certificate, error) {
	var found []Certificate
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Revocation})
	err := s.store.Within(ctx, d, func(tx Tx) (err error) {
		found, err = tx.CertificatesOf(document)
		return err
	})
	if err == nil && len(found) == 0 {
		err = carnet.E("certify.Find", carnet.NotFound, "certificate.unknown", nil)
	}
	return found, err
}

// Revoke revokes what the command asks for, and gives the events: those that it made and those that
// were there before, which stay as they are. The same key again answers what it answered the first
// time; with another content it is carnet.Conflict. Where nothing was issued it is carnet.NotFound.
//
// It is about documents, not about doses: what the register says of a dose is corrected or cancelled
// in package vaccinate, and the next attestation follows it. On the same day an attestation with the
// same content would be the revoked document again; see [Service.Attestation].
func (s *Service) Revoke(ctx context.Context, actor protect.Actor, w Withdrawal) (made, before []Revocation, err error) {
	const op = "certify.Revoke"
	if err := w.check(); err != nil {
		return nil, nil, err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Revocation, Person: w.Person})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		made, before = nil, nil
		known, err := tx.Revocations(w.Person)
		if err != nil {
			return err
		}
		for _, r := range known {
			if r.Key != w.Key {
				continue
			}
			if !w.asked(r) {
				return carnet.E(op, carnet.Conflict, "revocation.key-reused", nil)
			}
			made = append(made, r)
		}
		if len(made) > 0 {
			return nil
		}
		issued, err := tx.Certificates(w.Person)
		if err != nil {
			return err
		}
		for _, c := range issued {
			if !w.covers(c) {
				continue
			}
			if i := slices.IndexFunc(known, func(r Revocation) bool { return r.Document == c.Document }); i >= 0 {
				before = append(before, known[i])
				continue
			}
			r := Revocation{Person: c.Person, Certificate: c.ID, Dose: c.Dose, Document: c.Document, Names: c.Names, Key: w.Key, Scope: w.Scope,
				Reason: w.Reason, Actor: actor.ID, At: s.ids.Clock()}
			if r.ID, err = s.ids.New(); err != nil {
				return err
			}
			if err := tx.PutRevocation(r); err != nil {
				return err
			}
			made = append(made, r)
		}
		if len(made)+len(before) == 0 {
			return carnet.E(op, carnet.NotFound, "certificate.unknown", nil)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return made, before, nil
}

// Stating counts the documents of a person that state one of the doses and are not revoked.
func (s *Service) Stating(ctx context.Context, actor protect.Actor, person carnet.ID, doses []carnet.ID) (n int, err error) {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Revocation, Person: person})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		issued, err := tx.Certificates(person)
		if err != nil {
			return err
		}
		for _, c := range issued {
			if !slices.Contains(doses, c.Dose) && !slices.ContainsFunc(c.Basis, func(f Fact) bool { return slices.Contains(doses, f.Dose) }) {
				continue
			}
			revoked, err := tx.Revoked(c.Document)
			if err != nil {
				return err
			}
			if !revoked {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (w Withdrawal) check() error {
	var p carnet.Problems
	if w.Key.IsZero() {
		p.Add("key", "revocation.key-missing", nil)
	}
	if w.Person.IsZero() {
		p.Add("person", "revocation.person-missing", nil)
	}
	if !slices.Contains(Reasons, w.Reason) {
		p.Add("reason", "revocation.reason", nil)
	}
	switch {
	case w.Scope == OneDocument && w.Document != [32]byte{}:
	case w.Scope == OneDose && !w.Dose.IsZero():
	case w.Scope == OnePerson:
	default:
		p.Add("scope", "revocation.scope", nil)
	}
	return p.Err()
}

func (w Withdrawal) covers(c Certificate) bool {
	switch w.Scope {
	case OneDocument:
		return c.Document == w.Document
	case OneDose:
		return c.Dose == w.Dose
	default:
		return true
	}
}

// asked reports that an event may come from this very command.
func (w Withdrawal) asked(r Revocation) bool {
	return w.Scope == r.Scope && w.Reason == r.Reason && w.covers(Certificate{Document: r.Document, Dose: r.Dose})
}

// refuseRevoked keeps a revoked document from being issued again. The identity of a 2D-Doc is its
// header and message, so on the same day the same content is the same document, and verifiers would
// refuse it rightly. Nothing is varied to make it look like another one: the content or the day must
// change.
func refuseRevoked(tx Tx, document [32]byte) error {
	revoked, err := tx.Revoked(document)
	if err == nil && revoked {
		err = carnet.E("certify", carnet.Conflict, "certificate.revoked-today", fmt.Errorf("a document with this identity was revoked"))
	}
	return err
}
