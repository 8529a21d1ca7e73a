// Package people says who a person is: it finds one by number or by traits, enrols one, and
// recognises the one person whom a login speaks of, or says why it does not.
//
// Nothing is compared in the clear in the database: a number, and a name with a birth date, are
// normalised and looked up by keyed hash; the fields of the few people found are then opened and
// compared here. A search that fits several people says so and never picks.
//
// Specification: identity section 2.8, workflow sections 3 and 7, store section 3.
package people

import (
	"context"
	"embed"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/nir"
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
	Person(id carnet.ID) (carnet.Person, error)   // carnet.NotFound; only the columns of the decision are filled
	PutPerson(p carnet.Person, aliases []Alias) error
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
	Reason string // "nir" or "name-birth"
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

// Found is a person that a search brought, with the traits that matched:
// "nir", "birth-name", "used-name", "birth-date", "given-name".
type Found struct {
	ID       carnet.ID
	Identity carnet.Identity
	Why      []string
}

// Traits are what one knows of a person without a number. Given may be empty.
type Traits struct {
	Name  carnet.Private // birth name or used name
	Given carnet.Private
	Birth carnet.BirthDate
}

// ByNIR finds the person of a number, for the purpose of vaccination.
// A number that nobody has is carnet.NotFound, code "person.unknown-nir".
func (s *Service) ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (Found, error) {
	const op = "people.ByNIR"
	if n.IsZero() {
		return Found{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: "nir.missing", Field: "nir"}
	}
	found, err := s.search(ctx, actor, protect.Vaccination, s.nirLookup(n), func(p carnet.Person) []string {
		return []string{"nir"}
	})
	if err != nil {
		return Found{}, err
	}
	if len(found) == 0 {
		return Found{}, carnet.E(op, carnet.NotFound, "person.unknown-nir", nil)
	}
	return found[0], nil
}

// ByTraits finds people by name and birth date, the given name when there is one. The list is empty
// when nobody fits; the most complete match comes first.
func (s *Service) ByTraits(ctx context.Context, actor protect.Actor, t Traits) ([]Found, error) {
	var problems carnet.Problems
	if fold(t.Name.Reveal()) == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	if t.Birth.IsZero() {
		problems.Add("birth", "birth.missing", nil)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return s.search(ctx, actor, protect.Vaccination, s.nameLookup(t.Name, t.Birth), func(p carnet.Person) []string {
		return match(p.Identity, t)
	})
}

// search opens the people behind a lookup and keeps those that fit still says something about.
func (s *Service) search(ctx context.Context, actor protect.Actor, why protect.Purpose, lookup [32]byte, fits func(carnet.Person) []string) ([]Found, error) {
	var found []Found
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
			if reasons := fits(p); reasons != nil {
				found = append(found, Found{p.ID, p.Identity, reasons})
			}
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b Found) int { return len(b.Why) - len(a.Why) })
	return found, err
}

// match says which traits fit, or nil when the person is not the one that was described.
func match(i carnet.Identity, t Traits) []string {
	var why []string
	name := fold(t.Name.Reveal())
	switch name {
	case fold(i.BirthName.Reveal()):
		why = append(why, "birth-name")
	case fold(i.UsedName.Reveal()):
		why = append(why, "used-name")
	default:
		return nil // a collision of hashes, or a name that has changed since
	}
	if !i.Birth.Equal(t.Birth) {
		return nil
	}
	why = append(why, "birth-date")
	if given := fold(t.Given.Reveal()); given != "" {
		if !slices.ContainsFunc(i.GivenNames, func(g carnet.Private) bool { return fold(g.Reveal()) == given }) {
			return nil
		}
		why = append(why, "given-name")
	}
	return why
}

// Person opens one person's identity, for the purpose of vaccination.
func (s *Service) Person(ctx context.Context, actor protect.Actor, id carnet.ID) (carnet.Person, error) {
	var p carnet.Person
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: id})
	err := s.store.Within(ctx, d, func(tx Tx) (err error) {
		p, err = tx.Person(id)
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
	aliases := []Alias{{s.nameLookup(i.BirthName, i.Birth), "name-birth"}}
	if !i.UsedName.IsZero() && fold(i.UsedName.Reveal()) != fold(i.BirthName.Reveal()) {
		aliases = append(aliases, Alias{s.nameLookup(i.UsedName, i.Birth), "name-birth"})
	}
	if i.NIR.IsZero() {
		id, err := s.ids.New()
		p.ID = id
		return p, aliases, err
	}
	lookup := s.nirLookup(i.NIR)
	p.ID = carnet.DerivedID(lookup[16:]) // the other half of the hash than the one an index shows first
	return p, append(aliases, Alias{lookup, "nir"}), nil
}

// RecordDeath notes that a person died. It is written once: a second date changes nothing.
func (s *Service) RecordDeath(ctx context.Context, actor protect.Actor, id carnet.ID, on carnet.Date) error {
	if on.IsZero() {
		return &carnet.Error{Op: "people.RecordDeath", Kind: carnet.Invalid, Code: "death.missing", Field: "died"}
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Enrolment, Person: id})
	return s.store.Within(ctx, d, func(tx Tx) error { return tx.PutDeath(id, on) })
}

func (s *Service) nirLookup(n nir.Number) [32]byte { return s.ring.Lookup("nir", n.Reveal()) }

func (s *Service) nameLookup(name carnet.Private, birth carnet.BirthDate) [32]byte {
	return s.ring.Lookup("name-birth", fold(name.Reveal())+"|"+birth.Compact())
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
