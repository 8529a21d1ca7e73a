package people

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/nir"
)

// Change is one thing that happened to the identity of a record. Changes are only ever added; two
// records that are joined each have one.
type Change struct {
	ID       carnet.ID
	Person   carnet.ID // the record
	Kind     ChangeKind
	Key      carnet.ID // idempotency key
	Other    carnet.ID // the other record: of a join, of a separation; the parent of a dependant
	Actor    carnet.ID
	Delegate carnet.ID // who typed for Actor
	Session  carnet.ID
	At       time.Time
	Before   carnet.Identity // zero where the identity did not change
	After    carnet.Identity
	Proof    Proof
	Reason   string
}

// ChangeKind says what happened; "person." and the kind is what the outbox tells.
type ChangeKind string

// The changes.
const (
	Opened    ChangeKind = "open"      // a record without number
	JoinedTo  ChangeKind = "join"      // this record is now a part of another
	Received  ChangeKind = "receive"   // another record is now a part of this one
	Separated ChangeKind = "separate"  // this record stands alone again
	Released  ChangeKind = "release"   // another record is no longer a part of this one
	Renamed   ChangeKind = "rename"    // names, date, sex or place of birth were corrected
	Attached  ChangeKind = "dependant" // a child of the parent Other
)

// Proof is the document on which a professional established an identity.
type Proof string

// The documents.
const (
	IDCard      Proof = "id-card"
	Passport    Proof = "passport"
	Residence   Proof = "residence" // a residence permit
	CivilStatus Proof = "civil"     // a civil status record, a family record book
	CardRead    Proof = "vitale"    // read from the carte Vitale
	OtherProof  Proof = "other"
	NoProof     Proof = "none" // said by the person, nothing seen
)

// Proofs lists them in the order in which a form offers them.
var Proofs = []Proof{IDCard, Passport, Residence, CivilStatus, CardRead, OtherProof, NoProof}

const maxReason = 200 // characters

// likeness is the score from which a new record is likely to be somebody who is there already.
const likeness = 60

// Newcomer is somebody without number whom a professional enters, after a search found nobody.
type Newcomer struct {
	Key      carnet.ID // idempotency key, made before the form was shown: the same key is the same person
	Identity carnet.Identity
	Proof    Proof
	Parent   carnet.ID   // whose child it is, zero for none; refused from sixteen on
	Seen     []carnet.ID // people who look like the newcomer and were judged to be others
}

// Open writes a record without number and gives the person with the code that finds them again. When
// people of the register look like the newcomer and are not in Seen, nothing is written: they are
// given with carnet.Conflict, code "person.exists". Nobody is refused for lack of a number.
func (s *Service) Open(ctx context.Context, actor protect.Actor, n Newcomer) (carnet.Person, []Found, error) {
	const op = "people.Open"
	p := carnet.Person{Identity: n.Identity}
	p.Identity.NIR = nir.Number{}
	if err := actor.May(protect.ActEnter); err != nil {
		return p, nil, err
	}
	var problems carnet.Problems
	checkIdentity(&problems, n.Identity, s.today())
	checkProof(&problems, n.Proof)
	if n.Key.IsZero() {
		problems.Add("key", "person.key-missing", nil)
	}
	if !n.Parent.IsZero() && !n.Identity.Birth.IsZero() && !under(n.Identity.Birth, ownRecord, s.today()) {
		problems.Add("parent", "person.parent-age", map[string]any{"Age": ownRecord})
	}
	if err := problems.Err(); err != nil {
		return p, nil, err
	}
	mac := s.ring.Lookup("newcomer", n.Key.String())
	p.ID = carnet.DerivedID(mac[:])
	p.Recall = recallCode(mac)
	aliases := append(s.keys(p.Identity), Alias{s.recallLookup(p.Recall), "code"})
	var like []Found
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: p.ID})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		like = nil
		if _, err := tx.ChangeOf(p.ID, n.Key, Opened); carnet.KindOf(err) != carnet.NotFound {
			return err // done before, or not to be known
		}
		found, err := s.likely(tx, Traits{Name: n.Identity.BirthName, Given: carnet.Hide(first(n.Identity)), Birth: n.Identity.Birth, Sex: n.Identity.Sex,
			BirthPlace: n.Identity.BirthPlace, Postcode: n.Identity.Postcode})
		if err != nil {
			return err
		}
		like = slices.DeleteFunc(found, func(f Found) bool { return f.Score < likeness || slices.Contains(n.Seen, f.ID) })
		if len(like) > 0 {
			return carnet.E(op, carnet.Conflict, "person.exists", nil)
		}
		if err := tx.PutPerson(p, aliases); err != nil {
			return err
		}
		c, err := s.change(actor, p.ID, Opened, n.Key)
		if err != nil {
			return err
		}
		c.After, c.Proof, c.Other = p.Identity, n.Proof, n.Parent
		if !n.Parent.IsZero() {
			if _, err := tx.Person(n.Parent); err != nil {
				return err
			}
			if err := tx.PutDependant(n.Parent, p.ID, c.ID); err != nil {
				return err
			}
		}
		return tx.AddChange(c)
	})
	return p, like, err
}

// checkIdentity names every fault of an identity that a professional types.
func checkIdentity(problems *carnet.Problems, i carnet.Identity, today carnet.Date) {
	if fold(i.BirthName.Reveal()) == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	if len(i.GivenNames) == 0 {
		problems.Add("given", "person.given-missing", nil)
	}
	for _, n := range append([]carnet.Private{i.BirthName, i.UsedName}, i.GivenNames...) {
		if utf8.RuneCountInString(n.Reveal()) > maxName {
			problems.Add("name", "person.name-long", map[string]any{"Max": maxName})
			break
		}
	}
	switch {
	case i.Birth.IsZero():
		problems.Add("birth", "birth.missing", nil)
	case i.Birth.After(today):
		problems.Add("birth", "birth.future", nil)
	}
	if i.Sex != carnet.Female && i.Sex != carnet.Male {
		problems.Add("sex", "person.sex", nil)
	}
	if p := i.Postcode; p != "" && p != carnet.NoFixedAddress && !(len(p) == 5 && digits(p)) {
		problems.Add("postcode", "person.postcode", nil)
	}
}

func digits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func checkProof(problems *carnet.Problems, p Proof) {
	if !slices.Contains(Proofs, p) {
		problems.Add("proof", "person.proof", nil)
	}
}

func checkReason(problems *carnet.Problems, reason string) {
	switch {
	case strings.TrimSpace(reason) == "":
		problems.Add("reason", "person.reason", nil)
	case utf8.RuneCountInString(reason) > maxReason:
		problems.Add("reason", "person.reason-long", map[string]any{"Max": maxReason})
	}
}

// change begins a change of a record.
func (s *Service) change(actor protect.Actor, person carnet.ID, kind ChangeKind, key carnet.ID) (Change, error) {
	id, err := s.ids.New()
	return Change{ID: id, Person: person, Kind: kind, Key: key, Actor: actor.ID, Delegate: actor.Delegate, Session: actor.Session, At: s.ids.Clock()}, err
}

func (s *Service) today() carnet.Date { return carnet.DateOf(s.ids.Clock()) }

// NewKey makes an idempotency key, for a form that is about to be shown.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Joining says that two records are one person.
type Joining struct {
	Key    carnet.ID
	From   carnet.ID // becomes a part of Into
	Into   carnet.ID
	Proof  Proof
	Reason string
}

// Join makes one record a part of another. Nothing is moved: the doses of the one are read with those
// of the other, under the identity of the other, until [Service.Separate]. Certificates that the first one
// had no longer count, and the person is told. Two numbers of registration that differ are never
// one person: carnet.Conflict, "person.two-numbers". A delegate may not.
func (s *Service) Join(ctx context.Context, actor protect.Actor, j Joining) error {
	if err := actor.May(protect.ActCorrect); err != nil {
		return err
	}
	var problems carnet.Problems
	checkProof(&problems, j.Proof)
	checkReason(&problems, j.Reason)
	if err := problems.Err(); err != nil {
		return err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: j.From})
	return s.store.Within(ctx, d, func(tx Tx) error { return s.join(tx, actor, j, "person.merged") })
}

func (s *Service) join(tx Tx, actor protect.Actor, j Joining, told string) error {
	const op = "people.Join"
	switch done, err := tx.ChangeOf(j.From, j.Key, JoinedTo); {
	case err == nil && done.Other != j.Into:
		return carnet.E(op, carnet.Conflict, "person.key-reused", nil)
	case err == nil:
		return nil
	case carnet.KindOf(err) != carnet.NotFound:
		return err
	}
	for _, id := range []carnet.ID{j.From, j.Into} {
		switch into, err := tx.Into(id); {
		case err != nil:
			return err
		case into != id:
			return carnet.E(op, carnet.Conflict, "person.joined-already", nil)
		}
	}
	if j.From == j.Into {
		return carnet.E(op, carnet.Conflict, "person.itself", nil)
	}
	from, err := tx.Person(j.From)
	if err != nil {
		return err
	}
	into, err := tx.Person(j.Into)
	if err != nil {
		return err
	}
	if a, b := from.Identity.NIR, into.Identity.NIR; !a.IsZero() && !b.IsZero() && !a.Provisional() && !b.Provisional() {
		return carnet.E(op, carnet.Conflict, "person.two-numbers", nil)
	}
	c, err := s.change(actor, j.From, JoinedTo, j.Key)
	if err != nil {
		return err
	}
	c.Other, c.Before, c.After, c.Proof, c.Reason = j.Into, from.Identity, into.Identity, j.Proof, strings.TrimSpace(j.Reason)
	if err := tx.PutPointer(j.From, j.Into, c.ID); err != nil {
		return err
	}
	into.Former = append(append(into.Former, from.Former...), from.Identity)
	if err := tx.UpdatePerson(into, nil); err != nil {
		return err
	}
	return s.both(tx, c, Received, told)
}

// both adds a change to the record and its mirror to the other, tells the certificates of both and the
// person.
func (s *Service) both(tx Tx, c Change, mirror ChangeKind, told string) error {
	other := c
	other.Person, other.Other, other.Kind = c.Other, c.Person, mirror
	for _, c := range []Change{c, other} {
		if err := tx.AddChange(c); err != nil {
			return err
		}
		if err := tx.Announce(c.Person, c.ID, "person."+string(c.Kind), c.At); err != nil {
			return err
		}
	}
	return tx.Tell(carnet.Notice{ID: c.ID, PersonID: other.Person, Kind: told, At: c.At})
}

// Separation undoes a join.
type Separation struct {
	Key    carnet.ID
	Person carnet.ID // the record that was joined to another
	Reason string
}

// Separate makes a record stand alone again, as it was before it was joined, and gives the record that
// it was a part of. A record that is joined to none is carnet.Conflict, "person.not-joined".
func (s *Service) Separate(ctx context.Context, actor protect.Actor, p Separation) (carnet.ID, error) {
	const op = "people.Separate"
	var from carnet.ID
	if err := actor.May(protect.ActCorrect); err != nil {
		return from, err
	}
	var problems carnet.Problems
	checkReason(&problems, p.Reason)
	if err := problems.Err(); err != nil {
		return from, err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: p.Person})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		switch done, err := tx.ChangeOf(p.Person, p.Key, Separated); {
		case err == nil:
			from = done.Other
			return nil
		case carnet.KindOf(err) != carnet.NotFound:
			return err
		}
		direct, err := tx.Pointer(p.Person)
		if err != nil {
			return err
		}
		if direct.IsZero() {
			return carnet.E(op, carnet.Conflict, "person.not-joined", nil)
		}
		from = direct
		me, err := tx.Person(p.Person)
		if err != nil {
			return err
		}
		other, err := tx.Person(direct)
		if err != nil {
			return err
		}
		c, err := s.change(actor, p.Person, Separated, p.Key)
		if err != nil {
			return err
		}
		c.Other, c.Before, c.After, c.Reason = direct, other.Identity, me.Identity, strings.TrimSpace(p.Reason)
		if err := tx.RemovePointer(p.Person); err != nil {
			return err
		}
		gone := append(slices.Clone(me.Former), me.Identity)
		other.Former = slices.DeleteFunc(other.Former, func(i carnet.Identity) bool {
			return slices.ContainsFunc(gone, func(g carnet.Identity) bool { return sameIdentity(g, i) })
		})
		if err := tx.UpdatePerson(other, nil); err != nil {
			return err
		}
		if err := tx.Tell(carnet.Notice{PersonID: p.Person, Kind: "person.unmerged", At: c.At}); err != nil {
			return err
		}
		return s.both(tx, c, Released, "person.unmerged")
	})
	return from, err
}

// sameIdentity compares what a former identity keeps.
func sameIdentity(a, b carnet.Identity) bool {
	return a.BirthName.Equal(b.BirthName) && a.UsedName.Equal(b.UsedName) && a.Given() == b.Given() && a.Birth.Equal(b.Birth)
}

// Numbering gives a record without number its number.
type Numbering struct {
	Key    carnet.ID
	Person carnet.ID
	NIR    nir.Number
	Proof  Proof
	Reason string
}

// Number finds or opens the record of a number, under the identity of the record that had none, and
// joins that one to it. So a number has one record, whoever enters it first, and a number that was
// given by mistake is taken back by [Service.Separate]. It gives the record of the number. When that
// record says another name or birth date, nothing is joined: carnet.Conflict, "person.number-other",
// and the professional compares both and joins them knowingly.
func (s *Service) Number(ctx context.Context, actor protect.Actor, n Numbering) (carnet.ID, error) {
	const op = "people.Number"
	var into carnet.ID
	if err := actor.May(protect.ActCorrect); err != nil {
		return into, err
	}
	var problems carnet.Problems
	if n.NIR.IsZero() {
		problems.Add("nir", "nir.missing", nil)
	}
	checkProof(&problems, n.Proof)
	checkReason(&problems, n.Reason)
	if err := problems.Err(); err != nil {
		return into, err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: n.Person})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		me, err := tx.Person(n.Person)
		if err != nil {
			return err
		}
		i := me.Identity
		i.NIR, i.Postcode = n.NIR, ""
		p, aliases, err := s.Entry(i)
		if err != nil {
			return err
		}
		there, err := tx.Aliases(s.nirLookup(n.NIR))
		if err != nil {
			return err
		}
		into = p.ID
		if len(there) > 0 {
			into = there[0]
			who, err := tx.Person(into)
			if err != nil {
				return err
			}
			if why := compare(who, Traits{Name: i.BirthName, Given: carnet.Hide(first(i)), Birth: i.Birth}); !who.Identity.Birth.Equal(i.Birth) || len(why) < 3 || why[0].Points < points[ByName][Former] || why[2].Points < points[ByGiven][Order] {
				return carnet.E(op, carnet.Conflict, "person.number-other", nil)
			}
		} else if err := tx.PutPerson(p, aliases); err != nil {
			return err
		}
		return s.join(tx, actor, Joining{n.Key, n.Person, into, n.Proof, n.Reason}, "person.number")
	})
	return into, err
}

// Renaming corrects the names, the date, the sex or the place of birth of a record.
type Renaming struct {
	Key      carnet.ID
	Person   carnet.ID
	Identity carnet.Identity // the number is not looked at: it stays
	Proof    Proof
	Reason   string
}

// Rename corrects an identity. What it was stays in the history, and finds the person as long as the
// record is kept; certificates with the old identity no longer count.
func (s *Service) Rename(ctx context.Context, actor protect.Actor, r Renaming) error {
	const op = "people.Rename"
	if err := actor.May(protect.ActCorrect); err != nil {
		return err
	}
	var problems carnet.Problems
	checkIdentity(&problems, r.Identity, s.today())
	checkProof(&problems, r.Proof)
	checkReason(&problems, r.Reason)
	if err := problems.Err(); err != nil {
		return err
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: r.Person})
	return s.store.Within(ctx, d, func(tx Tx) error {
		switch _, err := tx.ChangeOf(r.Person, r.Key, Renamed); {
		case err == nil:
			return nil
		case carnet.KindOf(err) != carnet.NotFound:
			return err
		}
		if into, err := tx.Into(r.Person); err != nil || into != r.Person {
			if err == nil {
				err = carnet.E(op, carnet.Conflict, "person.joined-already", nil)
			}
			return err
		}
		p, err := tx.Person(r.Person)
		if err != nil {
			return err
		}
		c, err := s.change(actor, r.Person, Renamed, r.Key)
		if err != nil {
			return err
		}
		c.Before, c.Proof, c.Reason = p.Identity, r.Proof, strings.TrimSpace(r.Reason)
		p.Former = append(p.Former, p.Identity)
		r.Identity.NIR = p.Identity.NIR
		p.Identity, c.After = r.Identity, r.Identity
		if err := tx.UpdatePerson(p, s.keys(p.Identity)); err != nil {
			return err
		}
		if err := tx.AddChange(c); err != nil {
			return err
		}
		if err := tx.Announce(p.ID, c.ID, "person."+string(Renamed), c.At); err != nil {
			return err
		}
		return tx.Tell(carnet.Notice{ID: c.ID, PersonID: p.ID, Kind: "person.renamed", At: c.At})
	})
}

// Changes lists what happened to the identity of a record, newest first.
func (s *Service) Changes(ctx context.Context, actor protect.Actor, person carnet.ID) ([]Change, error) {
	var list []Change
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Identification, Person: person})
	err := s.store.Within(ctx, d, func(tx Tx) (err error) {
		list, err = tx.Changes(person)
		return err
	})
	return list, err
}

// ownRecord is the age from which a record is no longer shown with a parent's: from sixteen on a
// person may be vaccinated against the will of the parents, and without their knowing (law of 5
// August 2021, article 1; DGS-Urgent 2021-95).
const ownRecord = 16

// Dependants lists the children of a parent who are under sixteen. Each is a person of their own.
func (s *Service) Dependants(ctx context.Context, actor protect.Actor, parent carnet.ID) ([]Found, error) {
	var found []Found
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination, Person: parent})
	err := s.store.Within(ctx, d, func(tx Tx) error {
		found = nil
		ids, err := tx.Dependants(parent)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, err := tx.Person(id)
			if err != nil {
				return err
			}
			if under(p.Identity.Birth, ownRecord, s.today()) {
				found = append(found, Found{ID: id, Identity: p.Identity, Score: 100})
			}
		}
		return alert(tx, found)
	})
	return found, err
}

// under reports that somebody is certainly younger than an age on a day. Of a date that is not known to
// the day, the year alone is looked at, and the doubt is for the older age.
func under(b carnet.BirthDate, age int, on carnet.Date) bool {
	earliest := carnet.Date{Year: on.Year - age, Month: on.Month, Day: on.Day}
	iso := b.ISO()
	if iso == "" {
		return false
	}
	if d, err := carnet.ParseDate(iso); err == nil {
		return d.After(earliest)
	}
	return b.After(carnet.Date{Year: earliest.Year, Month: 12, Day: 31})
}
