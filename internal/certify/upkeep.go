package certify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Notice is what the outbox tells: something happened to a dose of a person.
type Notice struct {
	ID, Person, Event carnet.ID
	Kind              string // "dose.correct", "dose.cancel"; others need nothing here
	At                time.Time
}

// Fact is a fingerprint of what documents state of one dose: product, day, country, rank, doses expected. A change of
// the lot or of the arm changes no document.
type Fact struct {
	Dose  carnet.ID
	Print [8]byte
}

func facts(all []carnet.Dose) []Fact {
	list := make([]Fact, len(all))
	for i, d := range all {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d|%d", d.Vaccine, d.Date, country(d), d.Rank, d.Expected))
		list[i].Dose = d.ID
		copy(list[i].Print[:], sum[:])
	}
	return list
}

// facts are those of every dose that a document of the line counts.
func (l Line) facts() []Fact {
	all := make([]carnet.Dose, len(l.Doses))
	for i, d := range l.Doses {
		all[i] = d.Dose
	}
	return facts(all)
}

// belied reports that a document states something that no longer stands.
func (c Certificate) belied(standing []Fact) bool {
	return slices.ContainsFunc(c.Basis, func(f Fact) bool { return !slices.Contains(standing, f) })
}

// batch is how many notices one call takes at once.
const batch = 100

// Follow revokes the documents that corrections and cancellations belie, and gives how many it revoked. Each notice is
// looked at in a transaction of its own, which marks it as done: what is stopped goes on where it was, and
// what is done twice is done once. It looks at what stands, and not at what the notice says. The person's next document is
// another one: its content is.
func (s *Service) Follow(ctx context.Context, actor protect.Actor) (revoked int, err error) {
	for {
		var due []Notice
		err := s.store.Within(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Upkeep}), func(tx Tx) (err error) {
			due, err = tx.Notices(batch)
			return err
		})
		if err != nil {
			return revoked, err
		}
		for _, n := range due {
			made, err := s.follow(ctx, actor, n)
			if err != nil {
				return revoked, err
			}
			revoked += made
		}
		if len(due) < batch {
			return revoked, nil
		}
	}
}

// FollowPerson does the same for one person, at once: who has just corrected an entry can hand out the
// right document without waiting for the next round.
func (s *Service) FollowPerson(ctx context.Context, actor protect.Actor, person carnet.ID) (revoked int, err error) {
	var due []Notice
	err = s.store.Within(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Upkeep, Person: person}), func(tx Tx) (err error) {
		due, err = tx.Pending(person)
		return err
	})
	for _, n := range due {
		made, err := s.follow(ctx, actor, n)
		if err != nil {
			return revoked, err
		}
		revoked += made
	}
	return revoked, err
}

// Belied lists the documents of a person that would no longer be right if these doses stood, and no
// others: what a correction would revoke.
func (s *Service) Belied(ctx context.Context, actor protect.Actor, person carnet.ID, standing []carnet.Dose) (list []Certificate, err error) {
	after := facts(countable(standing))
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Upkeep, Person: person})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		list = nil
		_, issued, err := outcome(tx, person)
		if err != nil {
			return err
		}
		for _, c := range issued {
			if !c.belied(after) {
				continue
			}
			if there, err := tx.Revoked(c.Document); err != nil {
				return err
			} else if !there {
				list = append(list, c)
			}
		}
		return nil
	})
	return list, err
}

func (s *Service) follow(ctx context.Context, actor protect.Actor, n Notice) (made int, err error) {
	reason := WrongContent
	switch n.Kind {
	case "dose.cancel", "dose.annul", "dose.suspend":
		reason = NotGiven
	case "dose.correct", "dose.renumber", "person.join", "person.separate", "person.release", "person.rename":
	default: // a new dose belies nothing
		reason = ""
	}
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Upkeep, Person: n.Person})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		made = 0
		if reason == "" {
			return tx.Settle(n)
		}
		doses, issued, err := outcome(tx, n.Person)
		if err != nil {
			return err
		}
		standing := facts(doses)
		for _, c := range issued {
			// Another name belies every document that bears the old one; a record that is now a part of another states nothing by itself.
			if !c.belied(standing) && n.Kind != "person.rename" && !(n.Kind == "person.join" && c.Person == n.Person) {
				continue
			}
			there, err := tx.Revoked(c.Document)
			if err != nil || there {
				if err != nil {
					return err
				}
				continue
			}
			r := Revocation{Person: c.Person, Certificate: c.ID, Dose: c.Dose, Document: c.Document, Names: c.Names, Key: n.ID, Scope: OneDocument,
				Reason: reason, At: s.ids.Clock()}
			if r.ID, err = s.ids.New(); err != nil {
				return err
			}
			if err := tx.PutRevocation(r); err != nil {
				return err
			}
			made++
		}
		if made > 0 && (n.Kind == "dose.correct" || n.Kind == "dose.cancel" || n.Kind == "dose.annul" || n.Kind == "dose.renumber") { // the others tell by themselves
			told := carnet.Notice{PersonID: n.Person, Kind: "certificate.revoked", At: s.ids.Clock()}
			if len(doses) > 0 {
				told.Kind = "certificate.replaced" // the next one can be had
			}
			if err := tx.Tell(told); err != nil {
				return err
			}
		}
		return tx.Settle(n)
	})
	return made, err
}

// outcome gives what stands of somebody and what was issued on it: to the record, and to the one that it is a
// part of now.
func outcome(tx Tx, person carnet.ID) ([]carnet.Dose, []Certificate, error) {
	into, err := tx.Into(person)
	if err != nil {
		return nil, nil, err
	}
	doses, err := certifiable(tx, into)
	if err != nil {
		return nil, nil, err
	}
	issued, err := tx.Certificates(person)
	if err != nil || into == person {
		return doses, issued, err
	}
	more, err := tx.Certificates(into)
	return doses, append(issued, more...), err
}

// Replace revokes every document of the person who asks, because its code is out: the next ones are others. The European
// certificate can be had at once; the attestation, which its content and day make, from the next day on. The key is made
// before it is asked; the same one again changes nothing. It gives how many documents it revoked.
func (s *Service) Replace(ctx context.Context, actor protect.Actor, person, key carnet.ID) (int, error) {
	made, _, err := s.Revoke(ctx, actor, Withdrawal{Key: key, Person: person, Scope: OnePerson, Reason: Asked})
	return len(made), err
}

// NewKey makes an idempotency key, for a form to carry.
func (s *Service) NewKey() (carnet.ID, error) { return s.ids.New() }

// Issued is a line of the public log of issuance.
type Issued struct {
	Day  carnet.Date
	Kind Kind
	N    int // documents, each counted once however often it was downloaded
}

// Issuance is the public log, oldest day first. It tells how many, and nothing of anybody.
func (s *Service) Issuance(ctx context.Context) (list []Issued, err error) {
	d := s.guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Publication})
	err = s.store.Within(ctx, d, func(tx Tx) (err error) {
		list, err = tx.Issuance()
		return err
	})
	return list, err
}

// unchanged refuses to hand out what was prepared from doses that have changed since: the notice of the change may have been
// looked at before the document was noted.
func (s *Service) unchanged(tx Tx, person carnet.ID, about string, before []Fact) error {
	doses, err := s.doses(tx, person)
	if err != nil {
		return err
	}
	line := Line{Doses: slices.DeleteFunc(doses, func(d Dose) bool { return d.about() != about })}
	if !slices.Equal(line.facts(), before) {
		return carnet.E("certify", carnet.Unavailable, "certificate.changed", nil)
	}
	return nil
}

// AppendFacts writes facts for a store: 16 bytes of the dose, 8 of the fingerprint.
func AppendFacts(dst []byte, list []Fact) []byte {
	for _, f := range list {
		dst = append(append(dst, f.Dose[:]...), f.Print[:]...)
	}
	return dst
}

// ParseFacts reads what AppendFacts wrote.
func ParseFacts(b []byte) []Fact {
	var list []Fact
	for chunk := range slices.Chunk(bytes.Clone(b), 24) {
		var f Fact
		copy(f.Print[:], chunk[copy(f.Dose[:], chunk):])
		list = append(list, f)
	}
	return list
}
