package sqlite

import (
	"context"
	"encoding/json"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/bulk"
	"carnet/nir"
)

// Imports runs one access to many people. It is for protect.Import.
func (db *DB) Imports(ctx context.Context, d protect.Decision, fn func(bulk.Tx) error) error {
	return db.within(ctx, d, func(t *tx) error {
		t.together()
		return fn(bulkTx{t})
	})
}

// bulkTx gives the reads of one person the form that they have for many.
type bulkTx struct{ *tx }

// Find lists the people behind keyed hashes.
func (t bulkTx) Find(lookups [][32]byte) (map[[32]byte][]carnet.ID, error) {
	rows, err := t.readMany("person_alias", "", "lookup", each32(lookups), "lookup", "person_id")
	if err != nil {
		return nil, err
	}
	ids := make([]carnet.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.id("person_id")
	}
	into, err := t.into(ids)
	if err != nil {
		return nil, err
	}
	found := map[[32]byte][]carnet.ID{}
	for _, r := range rows {
		k, id := [32]byte(r.blob("lookup")), r.id("person_id")
		if whole, ok := into[id]; ok {
			id = whole
		}
		if !slices.Contains(found[k], id) {
			found[k] = append(found[k], id)
		}
	}
	return found, nil
}

// into says of which record some others are a part now; those that stand alone are not in it.
func (t bulkTx) into(ids []carnet.ID) (map[carnet.ID]carnet.ID, error) {
	whole := map[carnet.ID]carnet.ID{}
	ask := ids
	for range mostJoined {
		rows, err := t.readMany("person_pointer", "person_id", "person_id", each(ask), "person_id", "into_id")
		if err != nil || len(rows) == 0 {
			return whole, err
		}
		next := map[carnet.ID]carnet.ID{}
		for _, r := range rows {
			next[r.id("person_id")] = r.id("into_id")
		}
		ask = nil
		for _, id := range ids {
			at, ok := whole[id]
			if !ok {
				at = id
			}
			if to, ok := next[at]; ok {
				whole[id] = to
				ask = append(ask, to)
			}
		}
	}
	return nil, carnet.E("sqlite.into", carnet.Internal, "internal", nil)
}

// parts lists the records that are a part of some others, with the one that each is a part of.
func (t bulkTx) parts(list []carnet.ID) (map[carnet.ID]carnet.ID, error) {
	of := map[carnet.ID]carnet.ID{}
	ask := list
	for range mostJoined {
		rows, err := t.readMany("person_pointer", "person_id", "into_id", each(ask), "person_id", "into_id")
		if err != nil || len(rows) == 0 {
			return of, err
		}
		ask = nil
		for _, r := range rows {
			whole := r.id("into_id")
			if further, ok := of[whole]; ok {
				whole = further
			}
			of[r.id("person_id")] = whole
			ask = append(ask, r.id("person_id"))
		}
	}
	return nil, carnet.E("sqlite.parts", carnet.Internal, "internal", nil)
}

// People opens those who exist.
func (t bulkTx) People(list []carnet.ID) (map[carnet.ID]carnet.Person, error) {
	if err := t.prefetch(list); err != nil {
		return nil, err
	}
	rows, err := t.readMany("person", "person_id", "person_id", each(list), append([]string{"person_id"}, personColumns...)...)
	if err != nil {
		return nil, err
	}
	people := make(map[carnet.ID]carnet.Person, len(rows))
	for _, r := range rows {
		id := r.id("person_id")
		delete(r, "person_id")
		if people[id], err = t.person(id, r); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// Histories lists the entries of people that stand, oldest injection first, those of the records that are a part of them too.
func (t bulkTx) Histories(list []carnet.ID) (map[carnet.ID][]carnet.Dose, error) {
	of, err := t.parts(list)
	if err != nil {
		return nil, err
	}
	for part := range of {
		list = append(list[:len(list):len(list)], part)
	}
	if err := t.prefetch(list); err != nil {
		return nil, err
	}
	rows, err := t.readMany("dose", "person_id", "person_id", each(list), append([]string{"person_id"}, doseColumns...)...)
	if err != nil {
		return nil, err
	}
	histories := map[carnet.ID][]carnet.Dose{}
	for _, r := range rows {
		if r.int("standing") != stands {
			continue
		}
		d, err := t.dose(r.id("person_id"), r)
		if err != nil {
			return nil, err
		}
		person := d.PersonID
		if whole, ok := of[person]; ok {
			person = whole
		}
		histories[person] = append(histories[person], d)
	}
	for _, h := range histories {
		slices.SortStableFunc(h, func(a, b carnet.Dose) int { return a.Date.Days() - b.Date.Days() })
	}
	return histories, nil
}

var entryColumns = []string{"row_key", "person_id", "dose_id", "state", "digest", "print", "run_id", "place_id", "reason", "other_id", "at"}

// Written gives what came of rows before. What waits is not opened.
func (t bulkTx) Written(keys []bulk.Key) (map[bulk.Key]bulk.Entry, error) {
	rows, err := t.readMany("import_entry", "person_id", "row_key", each(keys), entryColumns...)
	entries := make(map[bulk.Key]bulk.Entry, len(rows))
	for _, r := range rows {
		e := entryOf(r)
		entries[e.Key] = e
	}
	return entries, err
}

func entryOf(r row) bulk.Entry {
	e := bulk.Entry{Person: r.id("person_id"), Dose: r.id("dose_id"), State: bulk.State(r.text("state")), Run: r.id("run_id"), Place: r.text("place_id"),
		Reason: r.text("reason"), Other: r.id("other_id"), At: r.time("at")}
	copy(e.Key[:], r.blob("row_key"))
	copy(e.Digest[:], r.blob("digest"))
	copy(e.Print[:], r.blob("print"))
	return e
}

// waitingBody is a row that waits for a human.
type waitingBody struct {
	NIR        string    `json:"nir,omitempty"`
	BirthName  string    `json:"birth_name"`
	UsedName   string    `json:"used_name,omitempty"`
	GivenNames []string  `json:"given_names"`
	Birth      string    `json:"birth"`
	Sex        string    `json:"sex,omitempty"`
	BirthPlace string    `json:"birth_place,omitempty"`
	Dose       eventBody `json:"dose"`
}

// PutEntry writes what came of a row, in the place of what came of it before.
func (t bulkTx) PutEntry(e bulk.Entry) error {
	var waiting []byte
	if e.State == bulk.Waits {
		key, err := t.key("person", e.Person)
		if err != nil {
			return err
		}
		i, d := e.Waiting.Identity, e.Waiting.Dose
		b := waitingBody{NIR: i.NIR.Reveal(), BirthName: i.BirthName.Reveal(), UsedName: i.UsedName.Reveal(), Birth: i.Birth.ISO(), Sex: string(i.Sex), BirthPlace: i.BirthPlace,
			Dose: eventBody{Recorder: e.Waiting.Recorder, Vaccine: d.Vaccine, Lot: d.Lot.Reveal(), Date: d.Date.Days(), Place: d.Place.ID, BodySite: d.BodySite,
				Injector: d.Injector, NotGiven: d.NotGiven, Evidence: d.Evidence, Country: d.Country, Detail: detailOf(d)}}
		for _, g := range i.GivenNames {
			b.GivenNames = append(b.GivenNames, g.Reveal())
		}
		text, err := json.Marshal(b)
		if err != nil {
			return carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		if waiting, err = key.Seal("import_entry.waiting", text); err != nil {
			return err
		}
	}
	_, err := t.write(e.Person, replace, "import_entry", cell{"row_key", e.Key[:]}, cell{"person_id", e.Person[:]}, cell{"dose_id", some(e.Dose[:])},
		cell{"state", string(e.State)}, cell{"digest", e.Digest[:]}, cell{"print", e.Print[:]}, cell{"run_id", e.Run[:]}, cell{"place_id", e.Place},
		cell{"reason", e.Reason}, cell{"other_id", some(e.Other[:])}, cell{"at", e.At.UnixMicro()}, cell{"waiting", some(waiting)})
	return err
}

// Reviews lists what waits at some places, oldest first; everywhere when places is nil.
func (t bulkTx) Reviews(places []string, n int) ([]bulk.Entry, error) {
	var list []bulk.Entry
	c := where("state", string(bulk.Waits)).by("at, row_key").first(n)
	conditions := []condition{c}
	if places != nil {
		conditions = nil
		for _, place := range places {
			conditions = append(conditions, c.and("place_id", place))
		}
	}
	for _, c := range conditions {
		rows, err := t.read(carnet.ID{}, "import_entry", c, append(entryColumns, "waiting")...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			e, err := t.waiting(r)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b bulk.Entry) int { return a.At.Compare(b.At) })
	return list[:min(n, len(list))], nil
}

// Review opens what waits for a human.
func (t bulkTx) Review(person carnet.ID, key bulk.Key) (bulk.Entry, error) {
	rows, err := t.read(person, "import_entry", where("row_key", key[:]).and("person_id", person[:]), append(entryColumns, "waiting")...)
	if err != nil {
		return bulk.Entry{}, err
	}
	if len(rows) == 0 {
		return bulk.Entry{}, carnet.E("sqlite", carnet.NotFound, bulk.CodeUnknownReview, nil)
	}
	return t.waiting(rows[0])
}

// waiting opens the row of an entry, when it waits.
func (t bulkTx) waiting(r row) (bulk.Entry, error) {
	e := entryOf(r)
	if e.State != bulk.Waits {
		return e, nil
	}
	if err := t.note(journal.Read, e.Person, "import_entry"); err != nil {
		return e, err
	}
	key, err := t.key("person", e.Person)
	if err != nil {
		return e, err
	}
	text, err := key.Open("import_entry.waiting", r.blob("waiting"))
	if err != nil {
		return e, err
	}
	var b waitingBody
	if err := json.Unmarshal(text, &b); err != nil {
		return e, carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	i := carnet.Identity{BirthName: carnet.Hide(b.BirthName), UsedName: carnet.Hide(b.UsedName), Sex: carnet.Sex(b.Sex), BirthPlace: b.BirthPlace}
	for _, g := range b.GivenNames {
		i.GivenNames = append(i.GivenNames, carnet.Hide(g))
	}
	if i.Birth, err = carnet.ParseBirthDate(b.Birth); err != nil {
		return e, err
	}
	if b.NIR != "" {
		if i.NIR, err = nir.Parse(b.NIR); err != nil {
			return e, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
	}
	d := carnet.Dose{PersonID: e.Person, Vaccine: b.Dose.Vaccine, Lot: carnet.Lot{Private: carnet.Hide(b.Dose.Lot)}, Date: carnet.DateOfDays(b.Dose.Date),
		BodySite: b.Dose.BodySite, Injector: b.Dose.Injector, NotGiven: b.Dose.NotGiven, Evidence: b.Dose.Evidence, Country: b.Dose.Country}
	b.Dose.Detail.fill(&d)
	if d.Place, err = t.place(b.Dose.Place); err != nil {
		return e, err
	}
	e.Waiting = bulk.Waiting{Identity: i, Dose: d, Recorder: b.Dose.Recorder}
	return e, nil
}

// Directory opens those of some professionals who are in the directory.
func (t bulkTx) Directory(list []carnet.ID) (map[carnet.ID]carnet.Professional, error) {
	there := map[carnet.ID]carnet.Professional{}
	for _, id := range list {
		p, err := t.Professional(id)
		if carnet.KindOf(err) == carnet.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		there[id] = p
	}
	return there, nil
}

// Places opens those of some places that exist.
func (t bulkTx) Places(list []string) (map[string]carnet.Place, error) {
	there := map[string]carnet.Place{}
	for _, id := range list {
		p, err := t.place(id)
		if carnet.KindOf(err) == carnet.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		there[id] = p
	}
	return there, nil
}

var runColumns = []string{"run_id", "actor_id", "place_id", "source", "digest", "trial", "begun_at", "changed_at", "ended_at", "rows", "counts"}

// PutRun writes where an import stands.
func (t bulkTx) PutRun(r bulk.Run) error {
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	ended, trial := int64(0), 0
	if !r.Ended.IsZero() {
		ended = r.Ended.UnixMicro()
	}
	if r.Trial {
		trial = 1
	}
	_, err = t.write(carnet.ID{}, replace, "import_run", cell{"run_id", r.ID[:]}, cell{"actor_id", r.Actor[:]}, cell{"place_id", r.Place}, cell{"source", r.Source},
		cell{"digest", r.Digest[:]}, cell{"trial", trial}, cell{"begun_at", r.Begun.UnixMicro()}, cell{"changed_at", r.Changed.UnixMicro()}, cell{"ended_at", ended},
		cell{"rows", r.Rows}, cell{"counts", string(counts)})
	return err
}

// Run opens an import.
func (t bulkTx) Run(id carnet.ID) (bulk.Run, error) {
	list, err := t.runs(where("run_id", id[:]))
	if err == nil && len(list) == 0 {
		err = carnet.E("sqlite", carnet.NotFound, bulk.CodeUnknownRun, nil)
	}
	if err != nil {
		return bulk.Run{}, err
	}
	return list[0], nil
}

// Runs lists the imports of a professional, newest first.
func (t bulkTx) Runs(actor carnet.ID, n int) ([]bulk.Run, error) {
	return t.runs(where("actor_id", actor[:]).by("run_id DESC").first(n))
}

func (t bulkTx) runs(c condition) ([]bulk.Run, error) {
	rows, err := t.read(carnet.ID{}, "import_run", c, runColumns...)
	if err != nil {
		return nil, err
	}
	var list []bulk.Run
	for _, r := range rows {
		run := bulk.Run{ID: r.id("run_id"), Actor: r.id("actor_id"), Place: r.text("place_id"), Source: r.text("source"), Trial: r.int("trial") == 1,
			Begun: r.time("begun_at"), Changed: r.time("changed_at"), Rows: r.int("rows")}
		copy(run.Digest[:], r.blob("digest"))
		if r.int("ended_at") != 0 {
			run.Ended = r.time("ended_at")
		}
		if err := json.Unmarshal([]byte(r.text("counts")), &run.Counts); err != nil {
			return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		list = append(list, run)
	}
	return list, nil
}

// PutPart keeps a piece of a file, sealed under the professional's key.
func (t bulkTx) PutPart(professional, run carnet.ID, p bulk.Part) error {
	key, err := t.key("professional", professional)
	if err != nil {
		return err
	}
	body, err := key.Seal("import_part.body", p.Text)
	if err != nil {
		return err
	}
	_, err = t.write(carnet.ID{}, replace, "import_part", cell{"actor_id", professional[:]}, cell{"run_id", run[:]}, cell{"kind", string(p.Kind)}, cell{"n", p.N},
		cell{"body", body}, cell{"at", t.db.ids.Clock().UnixMicro()})
	return err
}

// Part opens a piece of a file.
func (t bulkTx) Part(professional, run carnet.ID, kind bulk.PartKind, n int) (bulk.Part, error) {
	rows, err := t.read(carnet.ID{}, "import_part", where("actor_id", professional[:]).and("run_id", run[:]).and("kind", string(kind)).and("n", n), "body")
	if err != nil {
		return bulk.Part{}, err
	}
	if len(rows) == 0 {
		return bulk.Part{}, carnet.E("sqlite", carnet.NotFound, bulk.CodeUnknownRun, nil)
	}
	key, err := t.key("professional", professional)
	if err != nil {
		return bulk.Part{}, err
	}
	text, err := key.Open("import_part.body", rows[0].blob("body"))
	return bulk.Part{Kind: kind, N: n, Text: text}, err
}

// DropParts deletes parts of a file: those of a kind, or all.
func (t bulkTx) DropParts(professional, run carnet.ID, kind bulk.PartKind) error {
	c := where("actor_id", professional[:]).and("run_id", run[:])
	if kind != "" {
		c = c.and("kind", string(kind))
	}
	_, err := t.remove("import_part", c)
	return err
}

func each32(list [][32]byte) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i][:]
	}
	return out
}

func each[T ~[16]byte](list []T) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		b := [16]byte(list[i])
		out[i] = b[:]
	}
	return out
}
