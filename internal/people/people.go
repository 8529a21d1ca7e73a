// Package people says who a person is: it finds one by number or by traits, enrols one, and
// recognises the one person whom a login speaks of, or says why it does not.
//
// Nothing is compared in the clear in the database: a number, and a name as it is written or as it
// sounds with a birth date or year, are normalised and looked up by keyed hash; the fields of the few
// people found are then opened and compared here, trait by trait, and each says how it fits. A search
// that fits several people says so and never picks.
//
// Somebody without number gets a record all the same, and a code on paper that finds it again. Two
// records that are one person are joined by a pointer, not by moving anything, so that it can be
// undone: the doses of both are read together as long as the pointer stands.
//
// Specification: identity section 2.8, workflow sections 2, 3 and 7, store section 3. Not done: the
// call of the national service that qualifies an identity (INSi).
package people

import (
	"context"
	"embed"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Store is what this room needs of a store. Within runs fn in one transaction that begins with the
// decision in the journal; a refusal is journalled and returned, and fn does not run.
type Store interface {
	Within(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	Aliases(lookup [32]byte) ([]carnet.ID, error) // people behind a keyed hash, in id order
	// Candidates lists the people behind keyed hashes, those of most of them first.
	Candidates(lookups [][32]byte, most int) ([]carnet.ID, error)
	Person(id carnet.ID) (carnet.Person, error)       // carnet.NotFound; only the columns of the decision are filled
	PutPerson(p carnet.Person, aliases []Alias) error // once; who is there already stays as is
	// Confirmed notes that a source says of a person what is recorded; Stale lists, the oldest first,
	// those whom none has confirmed since a time.
	Confirmed(person carnet.ID) error
	Stale(before time.Time, most int) ([]Freshness, error)
	UpdatePerson(p carnet.Person, aliases []Alias) error // who is there; earlier ways to find them stay

	Into(id carnet.ID) (carnet.ID, error)    // the record that this one is a part of now, itself when it stands alone
	Pointer(id carnet.ID) (carnet.ID, error) // the record that it was joined to directly, zero when none
	PutPointer(from, into, change carnet.ID) error
	RemovePointer(from carnet.ID) error
	AddChange(c Change) error
	Changes(person carnet.ID) ([]Change, error)                         // newest first
	ChangeOf(person, key carnet.ID, kind ChangeKind) (Change, error)    // carnet.NotFound
	Announce(person, change carnet.ID, kind string, at time.Time) error // a row of the outbox
	PutDependant(parent, child, change carnet.ID) error                 // once
	Dependants(parent carnet.ID) ([]carnet.ID, error)                   // of every age

	Died(id carnet.ID) (carnet.Date, error) // zero for somebody who is not known to be dead
	PutDeath(id carnet.ID, on carnet.Date) error
	Account(account [32]byte) (Account, error) // carnet.NotFound
	PutAccount(account [32]byte, a Account) error
	Tell(n carnet.Notice) error                                    // any room may name it in its own Tx
	NoticesOf(person carnet.ID, most int) ([]carnet.Notice, error) // newest first
	SeeNotices(person carnet.ID, at time.Time) error               // marks as read what is not later
}

// Alias is a way to find a person.
type Alias struct {
	Lookup [32]byte
	Reason string // what the hash is of: "nir", "name-birth", "head-birth", "given-birth", "sound-year", "code"
}

// Account is what is remembered of an account at a login provider that let a person in.
type Account struct {
	Person carnet.ID
	Pivot  [32]byte // keyed hash of the identity that it brought
}

// Service is the room.
type Service struct {
	store Store
	guard *protect.Guard
	ring  *keyring.Ring
	ids   carnet.IDs
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ring *keyring.Ring, ids carnet.IDs) *Service {
	return &Service{store, guard, ring, ids}
}

// search opens the people behind a lookup and keeps those that fit.
func (s *Service) search(ctx context.Context, actor protect.Actor, why protect.Purpose, lookup [32]byte, fits func(carnet.Person) bool) ([]carnet.ID, error) {
	var found []carnet.ID
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: why})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		found = nil
		ids, err := tx.Aliases(lookup)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, err := tx.Person(id)
			if err != nil {
				return err
			}
			if fits(p) {
				found = append(found, p.ID)
			}
		}
		return nil
	})
	return found, err
}

// Person opens one person's identity, for the purpose of vaccination. A record that was joined to another
// gives that other one, under its own id.
func (s *Service) Person(ctx context.Context, actor protect.Actor, id carnet.ID) (carnet.Person, error) {
	var p carnet.Person
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: id})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		into, err := tx.Into(id)
		if err != nil {
			return err
		}
		if p, err = tx.Person(into); err != nil {
			return err
		}
		p.Died, err = tx.Died(into)
		return err
	})
	return p, err
}

// Enrol writes a person into the register and returns the id. The same number gives the same id
// and is written once: enrolling again changes nothing.
func (s *Service) Enrol(ctx context.Context, actor protect.Actor, i carnet.Identity) (carnet.ID, error) {
	p, aliases, err := s.Entry(i)
	if err != nil {
		return carnet.ID{}, err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: p.ID})
	err = s.store.Within(ctx, d, func(tx Tx) error { return tx.PutPerson(p, aliases) })
	return p.ID, err
}

// Entry checks an identity and gives what Enrol writes of it: the person, under the id that the
// number gives or a new one, and every way to find them. It writes nothing.
func (s *Service) Entry(i carnet.Identity) (carnet.Person, []Alias, error) {
	p := carnet.Person{Identity: i}
	var problems carnet.Problems
	if fold(i.BirthName.Reveal()) == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	if len(i.GivenNames) == 0 {
		problems.Add("given", "person.given-missing", nil)
	}
	if i.Birth.IsZero() {
		problems.Add("birth", "birth.missing", nil)
	}
	if err := problems.Err(); err != nil {
		return p, nil, err
	}
	aliases := s.keys(i)
	if i.NIR.IsZero() {
		id, err := s.ids.New()
		p.ID = id
		return p, aliases, err
	}
	lookup := s.nirLookup(i.NIR)
	p.ID = carnet.DerivedID(lookup[16:]) // the other half of the hash than the one an index shows first
	return p, aliases, nil
}

// RecordDeath notes that a person died. It is written once: a second date changes nothing.
func (s *Service) RecordDeath(ctx context.Context, actor protect.Actor, id carnet.ID, on carnet.Date) error {
	if on.IsZero() {
		return &carnet.Error{Op: "people.RecordDeath", Kind: carnet.Invalid, Code: "death.missing", Field: "died"}
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: id})
	return s.store.Within(ctx, d, func(tx Tx) error { return tx.PutDeath(id, on) })
}

// SameName reports that two spellings are of one name: capitals, marks, hyphens and spaces aside.
func SameName(a, b carnet.Private) bool { return fold(a.Reveal()) == fold(b.Reveal()) }

// fold brings a name to the form in which two spellings of it meet: capitals without marks, ligatures
// split, every hyphen, apostrophe and run of spaces one space.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(foldKeepingHyphens(s), "-", " ")), " ")
}

// foldKeepingHyphens does the same and keeps hyphens: civil status tells double names by them.
func foldKeepingHyphens(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToUpper(s)) {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent or a cedilla
		case r == 'Œ':
			b.WriteString("OE")
		case r == 'Æ':
			b.WriteString("AE")
		case unicode.Is(unicode.Pd, r):
			b.WriteByte('-')
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
