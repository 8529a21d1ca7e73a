package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/nir"
)

// People is the store of the room people.
func (db *DB) People() people.Store { return peopleStore{db} }

type peopleStore struct{ db *DB }

func (s peopleStore) Within(ctx context.Context, d protect.Decision, fn func(people.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(t) })
}

// Aliases lists the people behind a keyed hash; a record that was joined to another gives that one.
func (t *tx) Aliases(lookup [32]byte) ([]carnet.ID, error) {
	rows, err := t.read(carnet.ID{}, "person_alias", where("lookup", lookup[:]).by("person_id"), "person_id")
	if err != nil {
		return nil, err
	}
	var ids []carnet.ID
	for _, r := range rows {
		id, err := t.Into(r.id("person_id"))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Candidates lists the people behind any of some keyed hashes, those whom most of them lead to first.
func (t *tx) Candidates(lookups [][32]byte, most int) ([]carnet.ID, error) {
	values := make([][]byte, len(lookups))
	for i := range lookups {
		values[i] = lookups[i][:]
	}
	rows, err := t.readMany("person_alias", "", "lookup", values, "person_id")
	if err != nil {
		return nil, err
	}
	hits := map[carnet.ID]int{}
	for _, r := range rows {
		hits[r.id("person_id")]++
	}
	ids := slices.SortedFunc(maps.Keys(hits), func(a, b carnet.ID) int { return cmp.Or(hits[b]-hits[a], byPerson(a, b)) })
	var out []carnet.ID
	for _, id := range ids {
		if len(out) == most {
			break
		}
		into, err := t.Into(id)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, into) {
			out = append(out, into)
		}
	}
	return out, nil
}

// Person opens the fields of a person that the decision shows.
func (t *tx) Person(id carnet.ID) (carnet.Person, error) {
	rows, err := t.read(id, "person", where("person_id", id[:]), personColumns...)
	if err != nil {
		return carnet.Person{}, err
	}
	if len(rows) == 0 {
		return carnet.Person{}, carnet.E("sqlite", carnet.NotFound, "person.unknown", nil)
	}
	return t.person(id, rows[0])
}

var personColumns = []string{"nir", "birth_name", "used_name", "given_names", "birth_date", "sex", "birth_place", "postcode", "former", "recall"}

// person opens a row of people.
func (t *tx) person(id carnet.ID, r row) (carnet.Person, error) {
	key, err := t.key("person", id)
	if err != nil {
		return carnet.Person{}, err
	}
	clear := map[string]string{}
	for column := range r {
		if len(r.blob(column)) == 0 {
			continue
		}
		b, err := key.Open("person."+column, r.blob(column))
		if err != nil {
			return carnet.Person{}, err
		}
		clear[column] = string(b)
	}
	p := carnet.Person{ID: id, Identity: carnet.Identity{
		BirthName: carnet.Hide(clear["birth_name"]), UsedName: carnet.Hide(clear["used_name"]),
		Sex: carnet.Sex(clear["sex"]), BirthPlace: clear["birth_place"], Postcode: clear["postcode"],
	}, Recall: carnet.Hide(clear["recall"])}
	if p.Former, err = parseIdentities(clear["former"]); err != nil {
		return carnet.Person{}, err
	}
	for _, g := range strings.FieldsFunc(clear["given_names"], func(r rune) bool { return r == '\n' }) {
		p.Identity.GivenNames = append(p.Identity.GivenNames, carnet.Hide(g))
	}
	if clear["birth_date"] != "" {
		if p.Identity.Birth, err = carnet.ParseBirthDate(clear["birth_date"]); err != nil {
			return carnet.Person{}, err
		}
	}
	if clear["nir"] != "" {
		if p.Identity.NIR, err = nir.Parse(clear["nir"]); err != nil {
			return carnet.Person{}, err
		}
	}
	return p, nil
}

// PutPerson writes a person once: one who is there already stays as is.
func (t *tx) PutPerson(p carnet.Person, aliases []people.Alias) error {
	key, err := t.newKey("person", p.ID)
	if err != nil || key == nil {
		return err
	}
	cells, err := sealedPerson(key, p)
	if err != nil {
		return err
	}
	// Who enrols may not write what only a record without number has, nor needs to.
	cells = slices.DeleteFunc(cells, func(c cell) bool {
		sealed, _ := c.value.([]byte)
		return sealed == nil && slices.Contains([]string{"postcode", "former", "recall"}, c.column)
	})
	cells = append([]cell{{"person_id", p.ID[:]}, {"recorded_at", t.db.ids.Clock().UnixMicro()}}, append(cells, t.confirmed()...)...)
	if _, err := t.write(p.ID, refuse, "person", cells...); err != nil {
		return err
	}
	return t.putAliases(p.ID, aliases)
}

func (t *tx) putAliases(id carnet.ID, aliases []people.Alias) error {
	for _, a := range aliases {
		if _, err := t.write(id, keep, "person_alias", cell{"lookup", a.Lookup[:]}, cell{"person_id", id[:]}, cell{"reason", a.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// UpdatePerson writes what a person's row holds again, and more ways to find them.
func (t *tx) UpdatePerson(p carnet.Person, aliases []people.Alias) error {
	key, err := t.key("person", p.ID)
	if err != nil {
		return err
	}
	cells, err := sealedPerson(key, p)
	if err != nil {
		return err
	}
	if _, err := t.update(p.ID, "person", where("person_id", p.ID[:]), append(cells, t.confirmed()...)...); err != nil {
		return err
	}
	return t.putAliases(p.ID, aliases)
}

// sealedPerson closes the fields of a person.
func sealedPerson(key *keyring.Key, p carnet.Person) ([]cell, error) {
	i := p.Identity
	given := make([]string, len(i.GivenNames))
	for n, g := range i.GivenNames {
		given[n] = g.Reveal()
	}
	former, err := formatIdentities(p.Former)
	if err != nil {
		return nil, err
	}
	var cells []cell
	for _, c := range []struct{ column, clear string }{
		{"nir", i.NIR.Reveal()}, {"birth_name", i.BirthName.Reveal()}, {"used_name", i.UsedName.Reveal()}, {"given_names", strings.Join(given, "\n")},
		{"birth_date", i.Birth.ISO()}, {"sex", string(i.Sex)}, {"birth_place", i.BirthPlace}, {"postcode", i.Postcode}, {"former", former},
		{"recall", p.Recall.Reveal()},
	} {
		sealed, err := key.Seal("person."+c.column, []byte(c.clear))
		if err != nil {
			return nil, err
		}
		if sealed == nil && slices.Contains(personColumns[:7], c.column) {
			sealed = []byte{} // what is not known is empty
		}
		cells = append(cells, cell{c.column, sealed})
	}
	return cells, nil
}

// Died opens the date of a person's death; it is zero for somebody who is not known to be dead.
func (t *tx) Died(id carnet.ID) (carnet.Date, error) {
	rows, err := t.read(id, "person_death", where("person_id", id[:]), "died_on")
	if err != nil || len(rows) == 0 {
		return carnet.Date{}, err
	}
	key, err := t.key("person", id)
	if err != nil {
		return carnet.Date{}, err
	}
	clear, err := key.Open("person_death.died_on", rows[0].blob("died_on"))
	if err != nil {
		return carnet.Date{}, err
	}
	return carnet.ParseDate(string(clear))
}

// PutDeath writes the date of a death once.
func (t *tx) PutDeath(id carnet.ID, on carnet.Date) error {
	key, err := t.key("person", id)
	if err != nil {
		return err
	}
	sealed, err := key.Seal("person_death.died_on", []byte(on.String()))
	if err != nil {
		return err
	}
	_, err = t.write(id, keep, "person_death", cell{"person_id", id[:]}, cell{"died_on", sealed}, cell{"recorded_at", t.db.ids.Clock().UnixMicro()})
	return err
}

// Account reads what is remembered of an account at a login provider.
func (t *tx) Account(account [32]byte) (people.Account, error) {
	rows, err := t.read(carnet.ID{}, "person_login", where("account", account[:]), "person_id", "pivot")
	if err != nil {
		return people.Account{}, err
	}
	if len(rows) == 0 {
		return people.Account{}, carnet.E("sqlite", carnet.NotFound, "person.account-unknown", nil)
	}
	a := people.Account{Person: rows[0].id("person_id")}
	copy(a.Pivot[:], rows[0].blob("pivot"))
	return a, nil
}

// PutAccount remembers an account at a login provider.
func (t *tx) PutAccount(account [32]byte, a people.Account) error {
	_, err := t.write(a.Person, replace, "person_login", cell{"account", account[:]}, cell{"person_id", a.Person[:]},
		cell{"pivot", a.Pivot[:]}, cell{"seen_at", t.db.ids.Clock().UnixMicro()})
	return err
}
