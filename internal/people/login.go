package people

import (
	"context"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Codes of Recognise. Each has a page and a way out.
const (
	CodeUnresolved  = "person.unresolved"   // NotFound: nobody has this identity
	CodeNear        = "person.near"         // NotFound: somebody has it but for one trait, which Field names
	CodeMarriedName = "person.married-name" // NotFound: the register knows the name as a used name only, or the other way round
	CodeAmbiguous   = "person.ambiguous"    // Conflict: several people have it
	CodeDeceased    = "person.deceased"     // Denied: the person died
	CodeOther       = "person.account"      // Conflict: the account used to speak of another person
)

// Login is what a login provider says of somebody who comes in.
type Login struct {
	Issuer  string
	Subject carnet.Private
	Pivot   carnet.Identity
}

// Recognise finds the one person whom a login speaks of. It compares birth name (hyphens included),
// every given name, birth date, sex and birth place; a trait that the login does not bring is not
// compared, but name, given names and birth date must be there. Accents, capitals and kinds of
// hyphen, apostrophe and space do not count. A login has no way to say that a day or a month is
// unknown and says 01: both readings are tried.
//
// Exactly one person comes of it, or an error with one of the codes above: nobody ever picks
// themselves from a list. The account, which is issuer and subject, is remembered with a keyed hash
// of what it said: changed tells that the identity is another one than last time, after a marriage
// or a correction, and still leads to the same person. When it leads to somebody else the door
// stays shut (identity specification, section 2.8).
func (s *Service) Recognise(ctx context.Context, actor protect.Actor, l Login) (id carnet.ID, changed bool, err error) {
	const op = "people.Recognise"
	if l.Issuer == "" || l.Subject.IsZero() {
		return id, false, carnet.E(op, carnet.Internal, "internal", nil)
	}
	if id, err = s.resolve(ctx, actor, l.Pivot); err != nil {
		return carnet.ID{}, false, err
	}
	account := s.ring.Lookup("login", l.Issuer+"\n"+l.Subject.Reveal())
	now := Account{id, s.pivotLookup(l.Pivot)}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Login, Person: id})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		switch died, err := tx.Died(id); {
		case err != nil:
			return err
		case !died.IsZero():
			return carnet.E(op, carnet.Denied, CodeDeceased, nil)
		}
		if err := tx.Confirmed(id); err != nil {
			return err
		}
		known, err := tx.Account(account)
		switch {
		case carnet.KindOf(err) == carnet.NotFound:
			return tx.PutAccount(account, now)
		case err != nil:
			return err
		case known.Person != id:
			return carnet.E(op, carnet.Conflict, CodeOther, nil)
		case known.Pivot != now.Pivot:
			changed = true
			return tx.PutAccount(account, now)
		}
		return nil
	})
	if err != nil {
		return carnet.ID{}, false, err
	}
	return id, changed, nil
}

// resolve finds the one person of a pivot identity.
func (s *Service) resolve(ctx context.Context, actor protect.Actor, pivot carnet.Identity) (carnet.ID, error) {
	const op = "people.Recognise"
	if pivot.BirthName.IsZero() || len(pivot.GivenNames) == 0 || pivot.Birth.IsZero() {
		return carnet.ID{}, carnet.E(op, carnet.NotFound, CodeUnresolved, nil)
	}
	var same []carnet.ID
	near := map[carnet.ID]string{} // the trait that keeps somebody from being the one
	married := false
	fits := func(p carnet.Person) bool {
		switch differ := differences(p.Identity, pivot); {
		case len(differ) == 0:
			return true
		case len(differ) == 1 && differ[0] == traitName:
			married = true
		case len(differ) == 1 && (differ[0] != traitGiven || alike(p.Identity, pivot)):
			near[p.ID] = differ[0]
		}
		return false
	}
	for _, birth := range pivot.Birth.Presumed() {
		pivot.Birth = birth
		names := []carnet.Private{pivot.BirthName}
		if used := pivot.UsedName; !used.IsZero() && fold(used.Reveal()) != fold(pivot.BirthName.Reveal()) {
			names = append(names, used) // only for the reason: a used name never lets anybody in
		}
		for _, name := range names {
			more, err := s.search(ctx, actor, protect.Login, s.nameLookup(name, birth), fits)
			if err != nil {
				return carnet.ID{}, err
			}
			for _, m := range more {
				if !slices.Contains(same, m) {
					same = append(same, m)
				}
			}
		}
	}
	switch {
	case len(same) == 1:
		return same[0], nil
	case len(same) > 1:
		return carnet.ID{}, carnet.E(op, carnet.Conflict, CodeAmbiguous, nil)
	case married:
		return carnet.ID{}, carnet.E(op, carnet.NotFound, CodeMarriedName, nil)
	case len(near) == 1: // several near ones say nothing that helps
		for _, trait := range near {
			return carnet.ID{}, &carnet.Error{Op: op, Kind: carnet.NotFound, Code: CodeNear, Field: trait}
		}
	}
	return carnet.ID{}, carnet.E(op, carnet.NotFound, CodeUnresolved, nil)
}

// Traits by which an identity can differ from that of a person, in Field of CodeNear.
const (
	traitName   = "name"        // another birth name, met through a used name
	traitHyphen = "hyphen"      // the same birth name but for its hyphens
	traitGiven  = "given-names" // other given names
	traitSex    = "sex"
	traitPlace  = "birth-place"
	traitBirth  = "birth-date"
)

// differences lists the traits in which a person is not who the login says.
func differences(p, pivot carnet.Identity) []string {
	var differ []string
	switch name, theirs := pivot.BirthName.Reveal(), p.BirthName.Reveal(); {
	case fold(name) != fold(theirs):
		differ = append(differ, traitName)
	case foldKeepingHyphens(name) != foldKeepingHyphens(theirs):
		differ = append(differ, traitHyphen)
	}
	if fold(p.Given()) != fold(pivot.Given()) {
		differ = append(differ, traitGiven)
	}
	if pivot.Sex != "" && p.Sex != pivot.Sex {
		differ = append(differ, traitSex)
	}
	if pivot.BirthPlace != "" && p.BirthPlace != pivot.BirthPlace {
		differ = append(differ, traitPlace)
	}
	if !p.Birth.Equal(pivot.Birth) {
		differ = append(differ, traitBirth)
	}
	return differ
}

// alike reports that one list of given names begins the other, or is the other in another order. A
// twin is not alike: nothing must tell that there is one.
func alike(a, b carnet.Identity) bool {
	x, y := strings.Fields(fold(a.Given())), strings.Fields(fold(b.Given()))
	if len(x) > len(y) {
		x, y = y, x
	}
	if slices.Equal(x, y[:len(x)]) {
		return true
	}
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// pivotLookup is what is kept of a pivot identity to know it again.
func (s *Service) pivotLookup(i carnet.Identity) [32]byte {
	return s.ring.Lookup("pivot", strings.Join([]string{foldKeepingHyphens(i.BirthName.Reveal()), fold(i.UsedName.Reveal()), fold(i.Given()),
		i.Birth.Compact(), string(i.Sex), i.BirthPlace}, "|"))
}
