package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/run"
)

// Run is the store of runs and drafts.
func (db *DB) Run() run.Store { return runStore{db} }

type runStore struct{ db *DB }

func (s runStore) Run(ctx context.Context, d protect.Decision, fn func(run.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(runTx{t}) })
}

type runTx struct{ *tx }

// runBody is what a run keeps, sealed in its row.
type runBody struct {
	PlaceType   carnet.PlaceType `json:"place_type,omitempty"`
	Vaccine     string           `json:"vaccine"`
	Lot         string           `json:"lot"`
	Expiry      int              `json:"expiry,omitempty"` // days since 1970-01-01
	Injector    carnet.ID        `json:"injector"`
	Responsible carnet.ID        `json:"responsible,omitzero"`
	Route       string           `json:"route,omitempty"`
	Eligibility string           `json:"eligibility,omitempty"`
}

func (t runTx) OpenRun(actor, delegate carnet.ID) (run.Run, error) {
	c := where("actor_id", actor[:]).and("delegate_id", some(delegate[:])).and("ended_at", 0)
	rows, err := t.read(actor, "run", c.by("started_at DESC").first(1), "run_id", "place_id", "body", "started_at", "version")
	if err != nil {
		return run.Run{}, err
	}
	if len(rows) == 0 {
		return run.Run{}, carnet.E("sqlite", carnet.NotFound, "run.none", nil)
	}
	key, err := t.key("professional", actor)
	if err != nil {
		return run.Run{}, err
	}
	r := rows[0]
	text, err := key.Open("run.body", r.blob("body"))
	if err != nil {
		return run.Run{}, err
	}
	var b runBody
	if err := json.Unmarshal(text, &b); err != nil {
		return run.Run{}, carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	out := run.Run{ID: r.id("run_id"), Actor: actor, Delegate: delegate, Place: r.text("place_id"), PlaceType: b.PlaceType, Vaccine: b.Vaccine,
		Lot: carnet.Lot{Private: carnet.Hide(b.Lot)}, Injector: b.Injector, Responsible: b.Responsible, Route: b.Route, Eligibility: b.Eligibility,
		StartedAt: r.time("started_at"), Version: r.int("version")}
	if b.Expiry != 0 {
		out.Expiry = carnet.DateOfDays(b.Expiry)
	}
	entries, err := t.read(actor, "run_entry", where("run_id", out.ID[:]).by("at"), "at")
	if err != nil {
		return out, err
	}
	if out.Pace.Entries = len(entries); len(entries) > 0 {
		out.Pace.First, out.Pace.Last = entries[0].time("at"), entries[len(entries)-1].time("at")
	}
	return out, nil
}

func (t runTx) PutRun(r run.Run) error {
	key, err := t.key("professional", r.Actor)
	if err != nil {
		return err
	}
	b := runBody{PlaceType: r.PlaceType, Vaccine: r.Vaccine, Lot: r.Lot.Reveal(), Injector: r.Injector, Responsible: r.Responsible, Route: r.Route, Eligibility: r.Eligibility}
	if !r.Expiry.IsZero() {
		b.Expiry = r.Expiry.Days()
	}
	text, err := json.Marshal(b)
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	body, err := key.Seal("run.body", text)
	if err != nil {
		return err
	}
	_, err = t.write(r.Actor, replace, "run", cell{"actor_id", r.Actor[:]}, cell{"run_id", r.ID[:]}, cell{"delegate_id", some(r.Delegate[:])},
		cell{"place_id", r.Place}, cell{"body", body}, cell{"started_at", r.StartedAt.UnixMicro()}, cell{"ended_at", micros(r.EndedAt)},
		cell{"ended", r.Ended}, cell{"version", r.Version})
	return err
}

func (t runTx) PutEntry(run, idem carnet.ID, at time.Time) error {
	_, err := t.write(t.d.Actor().ID, keep, "run_entry", cell{"run_id", run[:]}, cell{"idem", idem[:]}, cell{"at", at.UnixMicro()})
	return err
}

func (t runTx) RemoveEntry(run, idem carnet.ID) error {
	_, err := t.remove("run_entry", where("run_id", run[:]).and("idem", idem[:]))
	return err
}

func (t runTx) Draft(person, idem carnet.ID) (run.Draft, error) {
	rows, err := t.read(person, "entry_draft", where("person_id", person[:]).and("idem", idem[:]), "actor_id", "delegate_id", "body", "saved_at", "expires_at")
	if err != nil {
		return run.Draft{}, err
	}
	if len(rows) == 0 {
		return run.Draft{}, carnet.E("sqlite", carnet.NotFound, "entry.no-draft", nil)
	}
	key, err := t.key("person", person)
	if err != nil {
		return run.Draft{}, err
	}
	r := rows[0]
	form, err := key.Open("entry_draft.body", r.blob("body"))
	return run.Draft{Key: idem, Person: person, Actor: r.id("actor_id"), Delegate: r.id("delegate_id"), Form: carnet.Hide(string(form)),
		SavedAt: r.time("saved_at"), Expires: r.time("expires_at")}, err
}

func (t runTx) Drafts(actor carnet.ID) ([]run.Draft, error) {
	rows, err := t.read(actor, "entry_draft", where("actor_id", actor[:]).by("saved_at DESC").first(maxDelegated), "person_id", "idem", "delegate_id", "saved_at", "expires_at")
	var list []run.Draft
	for _, r := range rows {
		list = append(list, run.Draft{Key: r.id("idem"), Person: r.id("person_id"), Actor: actor, Delegate: r.id("delegate_id"),
			SavedAt: r.time("saved_at"), Expires: r.time("expires_at")})
	}
	return list, err
}

func (t runTx) PutDraft(d run.Draft) error {
	key, err := t.key("person", d.Person)
	if err != nil {
		return err
	}
	body, err := key.Seal("entry_draft.body", []byte(d.Form.Reveal()))
	if err != nil {
		return err
	}
	_, err = t.write(d.Person, replace, "entry_draft", cell{"person_id", d.Person[:]}, cell{"idem", d.Key[:]}, cell{"actor_id", d.Actor[:]},
		cell{"delegate_id", some(d.Delegate[:])}, cell{"body", some(body)}, cell{"saved_at", d.SavedAt.UnixMicro()}, cell{"expires_at", d.Expires.UnixMicro()})
	return err
}

func (t runTx) RemoveDraft(person, idem carnet.ID) error {
	_, err := t.remove("entry_draft", where("person_id", person[:]).and("idem", idem[:]))
	return err
}

func (t runTx) PurgeDrafts(at time.Time) error { return t.purge("entry_draft", "expires_at", at) }

func (t runTx) Pack(place string, g gs1.GTIN) (string, error) {
	rows, err := t.read(nobody, "known_pack", where("place_id", place).and("gtin", string(g)), "vaccine")
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", carnet.E("sqlite", carnet.NotFound, "scan.unknown-pack", nil)
	}
	return rows[0].text("vaccine"), nil
}

func (t runTx) PutPack(place string, g gs1.GTIN, vaccine string, actor carnet.ID, at time.Time) error {
	_, err := t.write(nobody, replace, "known_pack", cell{"place_id", place}, cell{"gtin", string(g)}, cell{"vaccine", vaccine}, cell{"actor_id", actor[:]}, cell{"at", at.UnixMicro()})
	return err
}
