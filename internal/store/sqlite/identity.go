package sqlite

import (
	"encoding/json"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/people"
	"carnet/nir"
)

// identity is the form of an identity under a seal.
type identity struct {
	NIR        string   `json:"nir,omitempty"`
	BirthName  string   `json:"birth_name"`
	UsedName   string   `json:"used_name,omitempty"`
	GivenNames []string `json:"given_names"`
	Birth      string   `json:"birth"`
	Sex        string   `json:"sex,omitempty"`
	BirthPlace string   `json:"birth_place,omitempty"`
	Postcode   string   `json:"postcode,omitempty"`
}

func formatIdentity(i carnet.Identity) identity {
	out := identity{NIR: i.NIR.Reveal(), BirthName: i.BirthName.Reveal(), UsedName: i.UsedName.Reveal(), Birth: i.Birth.ISO(), Sex: string(i.Sex),
		BirthPlace: i.BirthPlace, Postcode: i.Postcode}
	for _, g := range i.GivenNames {
		out.GivenNames = append(out.GivenNames, g.Reveal())
	}
	return out
}

func (i identity) parse() (carnet.Identity, error) {
	out := carnet.Identity{BirthName: carnet.Hide(i.BirthName), UsedName: carnet.Hide(i.UsedName), Sex: carnet.Sex(i.Sex), BirthPlace: i.BirthPlace, Postcode: i.Postcode}
	for _, g := range i.GivenNames {
		out.GivenNames = append(out.GivenNames, carnet.Hide(g))
	}
	var err error
	if i.Birth != "" {
		if out.Birth, err = carnet.ParseBirthDate(i.Birth); err != nil {
			return out, err
		}
	}
	if i.NIR != "" {
		out.NIR, err = nir.Parse(i.NIR)
	}
	return out, err
}

// formatIdentities writes a list of identities; none is the empty text.
func formatIdentities(list []carnet.Identity) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	out := make([]identity, len(list))
	for n, i := range list {
		out[n] = formatIdentity(i)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	return string(text), nil
}

func parseIdentities(text string) ([]carnet.Identity, error) {
	if text == "" {
		return nil, nil
	}
	var in []identity
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	list := make([]carnet.Identity, len(in))
	for n, i := range in {
		var err error
		if list[n], err = i.parse(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mostJoined bounds a chain of records that were joined one to the other; the room makes no circle.
const mostJoined = 16

// Into follows the pointers of a record that was joined to another.
func (t *tx) Into(id carnet.ID) (carnet.ID, error) {
	for range mostJoined {
		next, err := t.Pointer(id)
		if err != nil || next.IsZero() {
			return id, err
		}
		id = next
	}
	return id, carnet.E("sqlite.Into", carnet.Internal, "internal", nil)
}

// Pointer is the record that one was joined to, zero when it stands alone.
func (t *tx) Pointer(id carnet.ID) (carnet.ID, error) {
	rows, err := t.read(id, "person_pointer", where("person_id", id[:]), "into_id")
	if err != nil || len(rows) == 0 {
		return carnet.ID{}, err
	}
	return rows[0].id("into_id"), nil
}

// whole lists a record that stands alone and every record that is a part of it now. A record that is
// a part of another one is nothing by itself: the list is empty.
func (t *tx) whole(person carnet.ID) ([]carnet.ID, error) {
	if err := t.d.MayRead("person_pointer", "person_id", "into_id"); err != nil {
		return nil, err
	}
	if err := t.note(journal.Read, person, "person_pointer"); err != nil {
		return nil, err
	}
	list := []carnet.ID{person}
	for n := 0; n < len(list) && n < mostJoined; n++ {
		id := list[n][:]
		rows, err := t.query("SELECT person_id, into_id FROM person_pointer WHERE into_id = ? OR person_id = ? ORDER BY person_id", []any{id, id}, []string{"person_id", "into_id"})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			switch part := r.id("person_id"); {
			case part == person:
				return nil, nil
			case part != list[n]:
				list = append(list, part)
			}
		}
	}
	return list, nil
}

// PutPointer makes a record a part of another.
func (t *tx) PutPointer(from, into, change carnet.ID) error {
	_, err := t.write(from, refuse, "person_pointer", cell{"person_id", from[:]}, cell{"into_id", into[:]}, cell{"change_id", change[:]})
	return err
}

// RemovePointer makes a record stand alone again. That it was a part of another one stays in its changes.
func (t *tx) RemovePointer(from carnet.ID) error {
	_, err := t.remove("person_pointer", where("person_id", from[:]))
	return err
}

// changeBody is what a change says, sealed in its row.
type changeBody struct {
	Before identity     `json:"before,omitzero"`
	After  identity     `json:"after,omitzero"`
	Proof  people.Proof `json:"proof,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// AddChange writes what happened to an identity.
func (t *tx) AddChange(c people.Change) error {
	key, err := t.key("person", c.Person)
	if err != nil {
		return err
	}
	text, err := json.Marshal(changeBody{formatIdentity(c.Before), formatIdentity(c.After), c.Proof, c.Reason})
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	body, err := key.Seal("person_change.body", text)
	if err != nil {
		return err
	}
	_, err = t.write(c.Person, refuse, "person_change", cell{"person_id", c.Person[:]}, cell{"change_id", c.ID[:]}, cell{"kind", string(c.Kind)},
		cell{"idem", c.Key[:]}, cell{"other_id", some(c.Other[:])}, cell{"actor_id", c.Actor[:]}, cell{"delegate_id", some(c.Delegate[:])},
		cell{"session_id", some(c.Session[:])}, cell{"at", c.At.UnixMicro()}, cell{"body", body})
	return err
}

// Changes lists what happened to an identity, newest first.
func (t *tx) Changes(person carnet.ID) ([]people.Change, error) {
	return t.changes(person, where("person_id", person[:]))
}

// ChangeOf finds the change of an idempotency key.
func (t *tx) ChangeOf(person, key carnet.ID, kind people.ChangeKind) (people.Change, error) {
	list, err := t.changes(person, where("person_id", person[:]).and("idem", key[:]).and("kind", string(kind)))
	if err != nil {
		return people.Change{}, err
	}
	if len(list) == 0 {
		return people.Change{}, carnet.E("sqlite", carnet.NotFound, "person.no-change", nil)
	}
	return list[0], nil
}

func (t *tx) changes(person carnet.ID, which condition) ([]people.Change, error) {
	rows, err := t.read(person, "person_change", which.by("at DESC, change_id DESC"),
		"change_id", "kind", "idem", "other_id", "actor_id", "delegate_id", "session_id", "at", "body")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	key, err := t.key("person", person)
	if err != nil {
		return nil, err
	}
	var list []people.Change
	for _, r := range rows {
		text, err := key.Open("person_change.body", r.blob("body"))
		if err != nil {
			return nil, err
		}
		var b changeBody
		if err := json.Unmarshal(text, &b); err != nil {
			return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		c := people.Change{ID: r.id("change_id"), Person: person, Kind: people.ChangeKind(r.text("kind")), Key: r.id("idem"), Other: r.id("other_id"),
			Actor: r.id("actor_id"), Delegate: r.id("delegate_id"), Session: r.id("session_id"), At: r.time("at"), Proof: b.Proof, Reason: b.Reason}
		if c.Before, err = b.Before.parse(); err != nil {
			return nil, err
		}
		if c.After, err = b.After.parse(); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// Announce leaves a row in the outbox: something happened to a record.
func (t *tx) Announce(person, change carnet.ID, kind string, at time.Time) error {
	id, err := t.db.ids.New()
	if err != nil {
		return err
	}
	_, err = t.write(person, refuse, "outbox", cell{"person_id", person[:]}, cell{"outbox_id", id[:]}, cell{"kind", kind},
		cell{"event_id", change[:]}, cell{"at", at.UnixMicro()})
	return err
}

// PutDependant notes whose child somebody is.
func (t *tx) PutDependant(parent, child, change carnet.ID) error {
	_, err := t.write(parent, keep, "person_dependant", cell{"person_id", parent[:]}, cell{"child_id", child[:]}, cell{"change_id", change[:]})
	return err
}

// Dependants lists the children of a parent, whatever their age, under the records that stand now.
func (t *tx) Dependants(parent carnet.ID) ([]carnet.ID, error) {
	all, err := t.whole(parent)
	if err != nil {
		return nil, err
	}
	var list []carnet.ID
	for _, id := range all {
		rows, err := t.read(parent, "person_dependant", where("person_id", id[:]).by("child_id"), "child_id")
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			child, err := t.Into(r.id("child_id"))
			if err != nil {
				return nil, err
			}
			list = append(list, child)
		}
	}
	return list, nil
}
