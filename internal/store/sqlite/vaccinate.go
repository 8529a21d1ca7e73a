package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// Vaccinate is the store of the room vaccinate.
func (db *DB) Vaccinate() vaccinate.Store { return vaccinateStore{db} }

type vaccinateStore struct{ db *DB }

func (s vaccinateStore) Within(ctx context.Context, d protect.Decision, fn func(vaccinate.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(t) })
}

var doseColumns = []string{"dose_id", "vaccine", "lot", "given_on", "place_id", "body_site", "rank", "expected", "rank_reason",
	"injector_id", "recorder_id", "recorded_at", "version", "standing", "delegate_id", "contested",
	"not_given", "evidence", "country", "rules", "run_id", "detail", "suspended", "responsible_id", "recorded_in", "suspected"}

// What an entry is: its column standing.
const (
	cancelled = iota
	stands
	annulled
)

// Doses lists the entries of a person that stand, oldest injection first: those of their record and of
// every record that was joined to it, each with the PersonID that it was entered under. A record that
// was joined to another has none of its own. What the decision does not show of an entry is empty.
func (t *tx) Doses(person carnet.ID) ([]carnet.Dose, error) { return t.doses(person, stands) }

// Annulled lists the forged entries of a person that were taken away.
func (t *tx) Annulled(person carnet.ID) ([]carnet.Dose, error) { return t.doses(person, annulled) }

func (t *tx) doses(person carnet.ID, standing int) ([]carnet.Dose, error) {
	records, err := t.whole(person)
	if err != nil {
		return nil, err
	}
	var list []carnet.Dose
	for _, record := range records {
		rows, err := t.read(record, "dose", where("person_id", record[:]).by("given_on, recorded_at, dose_id"), doseColumns...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.int("standing") != standing {
				continue
			}
			d, err := t.dose(record, r)
			if err != nil {
				return nil, err
			}
			list = append(list, d)
		}
	}
	if len(records) > 1 {
		slices.SortStableFunc(list, func(a, b carnet.Dose) int {
			return cmp.Or(a.Date.Days()-b.Date.Days(), a.RecordedAt.Compare(b.RecordedAt), byPerson(a.ID, b.ID))
		})
	}
	return list, nil
}

// Suspects lists the entries of a place, or made in it, that are said to be forged.
func (t *tx) Suspects(place string) ([]carnet.Dose, error) {
	var list []carnet.Dose
	for _, column := range []string{"place_id", "recorded_in"} {
		rows, err := t.read(nobody, "dose", where(column, place).and("suspected", 1).and("standing", stands).by("person_id, given_on").first(maxDelegated), append([]string{"person_id"}, doseColumns...)...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			d, err := t.dose(r.id("person_id"), r)
			if err != nil {
				return nil, err
			}
			if column == "place_id" || d.Place.ID != place { // each once
				list = append(list, d)
			}
		}
	}
	return list, nil
}

// dose reads an entry from its projection.
func (t *tx) dose(person carnet.ID, r row) (d carnet.Dose, err error) {
	d = carnet.Dose{
		ID: r.id("dose_id"), PersonID: person, Vaccine: r.text("vaccine"), Date: carnet.DateOfDays(r.int("given_on")),
		BodySite: carnet.BodySite(r.text("body_site")), Rank: r.int("rank"), Expected: r.int("expected"),
		RankReason: r.text("rank_reason"), Injector: r.id("injector_id"), RecordedBy: r.id("recorder_id"),
		RecordedAt: r.time("recorded_at"), Version: r.int("version"), Delegate: r.id("delegate_id"), Contested: r.int("contested") == 1,
		NotGiven: carnet.NotGiven(r.text("not_given")), Evidence: carnet.Evidence(r.text("evidence")), Country: r.text("country"),
		Rules: r.text("rules"), Run: r.id("run_id"), Suspended: r.int("suspended") == 1, Responsible: r.id("responsible_id"),
		RecordedIn: r.text("recorded_in"), Suspected: r.int("suspected") == 1,
	}
	if err := t.openDose(&d, r.blob("lot"), r.blob("detail")); err != nil {
		return d, err
	}
	d.Place, err = t.place(r.text("place_id"))
	return d, err
}

// openDose opens what is sealed of an entry: nothing when the decision does not show it, or when
// there is nothing.
func (t *tx) openDose(d *carnet.Dose, lot, detail []byte) error {
	if len(lot)+len(detail) == 0 {
		return nil
	}
	key, err := t.key("person", d.PersonID)
	if err != nil {
		return err
	}
	if len(lot) > 0 {
		clear, err := key.Open("dose.lot", lot)
		if err != nil {
			return err
		}
		d.Lot = carnet.Lot{Private: carnet.Hide(string(clear))}
	}
	if len(detail) == 0 {
		return nil
	}
	clear, err := key.Open("dose.detail", detail)
	if err != nil {
		return err
	}
	var rest detailBody
	if err := json.Unmarshal(clear, &rest); err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	rest.fill(d)
	return nil
}

// detailBody is what no column of its own holds of an entry. It is sealed, in the projection as in the event.
type detailBody struct {
	Product           string           `json:"product,omitempty"`
	Expiry            int              `json:"expiry,omitempty"` // days since 1970-01-01
	Half              bool             `json:"half,omitempty"`
	Time              string           `json:"time,omitempty"`
	PlaceType         carnet.PlaceType `json:"place_type,omitempty"`
	Route             string           `json:"route,omitempty"`
	Eligibility       string           `json:"eligibility,omitempty"`
	ConsentBy         carnet.ConsentBy `json:"consent_by,omitempty"`
	ConsentName       string           `json:"consent_name,omitempty"`
	ConsentRelation   string           `json:"consent_relation,omitempty"`
	Contraindications []string         `json:"contraindications,omitempty"`
	Warnings          []string         `json:"warnings,omitempty"`
	Note              string           `json:"note,omitempty"`
	LateReason        string           `json:"late_reason,omitempty"`
	Form              string           `json:"form,omitempty"`
}

func detailOf(d carnet.Dose) detailBody {
	b := detailBody{d.Product, 0, d.Half, d.Time, d.PlaceType, d.Route, d.Eligibility, d.Consent.By, d.Consent.Name.Reveal(), d.Consent.Relation.Reveal(),
		d.Contraindications, d.Warnings, d.Note.Reveal(), d.LateReason, d.Form}
	if !d.Expiry.IsZero() {
		b.Expiry = d.Expiry.Days()
	}
	return b
}

func (b detailBody) fill(d *carnet.Dose) {
	d.Product, d.Half, d.Time, d.PlaceType, d.Route, d.Eligibility = b.Product, b.Half, b.Time, b.PlaceType, b.Route, b.Eligibility
	d.Consent = carnet.Consent{By: b.ConsentBy, Name: carnet.Hide(b.ConsentName), Relation: carnet.Hide(b.ConsentRelation)}
	d.Contraindications, d.Warnings, d.Note = b.Contraindications, b.Warnings, carnet.Hide(b.Note)
	d.LateReason, d.Form = b.LateReason, b.Form
	if b.Expiry != 0 {
		d.Expiry = carnet.DateOfDays(b.Expiry)
	}
}

// eventBody is what an event says, sealed in its row.
type eventBody struct {
	Vaccine    string             `json:"vaccine"`
	Lot        string             `json:"lot"`
	Date       int                `json:"date"` // days since 1970-01-01
	Place      string             `json:"place"`
	BodySite   carnet.BodySite    `json:"body_site"`
	Rank       int                `json:"rank"`
	Expected   int                `json:"expected"`
	RankReason string             `json:"rank_reason,omitempty"`
	Injector   carnet.ID          `json:"injector,omitzero"`
	Recorder   carnet.ID          `json:"recorder"`
	RecordedAt int64              `json:"recorded_at"` // microseconds UTC
	Version    int                `json:"version"`
	Reason     string             `json:"reason,omitempty"`
	Delegate   carnet.ID          `json:"delegate,omitzero"` // who typed the dose first
	Contested  bool               `json:"contested,omitempty"`
	NotGiven   carnet.NotGiven    `json:"not_given,omitempty"`
	Evidence   carnet.Evidence    `json:"evidence,omitempty"`
	Country    string             `json:"country,omitempty"`
	Rules      string             `json:"rules,omitempty"`
	Run        carnet.ID          `json:"run,omitzero"`
	Detail     detailBody         `json:"detail,omitzero"`
	Changes    []vaccinate.Change `json:"changes,omitempty"`
	Cause      vaccinate.Cause    `json:"cause,omitempty"`
	Follows    carnet.ID          `json:"follows,omitzero"`
	Moved      carnet.ID          `json:"moved,omitzero"`
	Suspended  bool               `json:"suspended,omitempty"`

	Responsible carnet.ID `json:"responsible,omitzero"` // zero in old events: who recorded
	RecordedIn  string    `json:"recorded_in,omitempty"`
	Suspected   bool      `json:"suspected,omitempty"`
}

var eventColumns = []string{"person_id", "event_id", "dose_id", "kind", "idem", "actor_id", "at", "body", "delegate_id", "session_id"}

// Event finds the event of an idempotency key, in the record of a person and in those that were joined
// to it.
func (t *tx) Event(person, idem carnet.ID) (vaccinate.Event, error) {
	records, err := t.whole(person)
	if err != nil {
		return vaccinate.Event{}, err
	}
	for _, record := range records {
		rows, err := t.read(record, "dose_event", where("person_id", record[:]).and("idem", idem[:]), eventColumns...)
		if err != nil {
			return vaccinate.Event{}, err
		}
		if len(rows) > 0 {
			return t.event(rows[0])
		}
	}
	return vaccinate.Event{}, carnet.E("sqlite", carnet.NotFound, "dose.no-event", nil)
}

// Events lists what happened to an entry, oldest first.
func (t *tx) Events(person, dose carnet.ID) ([]vaccinate.Event, error) {
	records, err := t.whole(person)
	if err != nil {
		return nil, err
	}
	var list []vaccinate.Event
	for _, record := range records {
		rows, err := t.read(record, "dose_event", where("person_id", record[:]).and("dose_id", dose[:]).by("event_id"), eventColumns...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			e, err := t.event(r)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
	}
	return list, nil
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

const maxDelegated = 500

// Delegated lists what delegates have entered for a professional since a time, newest first.
func (t *tx) Delegated(professional carnet.ID, since time.Time) ([]vaccinate.Event, error) {
	// An id that is set comes after any single byte of zero; one that is not set is empty.
	c := where("actor_id", professional[:]).and("kind", string(vaccinate.Recorded)).since("at", since.UnixMicro()).since("delegate_id", []byte{0})
	rows, err := t.read(professional, "dose_event", c.by("at DESC, event_id DESC").first(maxDelegated), eventColumns...)
	if err != nil {
		return nil, err
	}
	var list []vaccinate.Event
	for _, r := range rows {
		e, err := t.event(r)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// event opens a row of events.
func (t *tx) event(r row) (vaccinate.Event, error) {
	person := r.id("person_id")
	key, err := t.key("person", person)
	if err != nil {
		return vaccinate.Event{}, err
	}
	text, err := key.Open("dose_event.body", r.blob("body"))
	if err != nil {
		return vaccinate.Event{}, err
	}
	var b eventBody
	if err := json.Unmarshal(text, &b); err != nil {
		return vaccinate.Event{}, carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	e := vaccinate.Event{ID: r.id("event_id"), Kind: vaccinate.EventKind(r.text("kind")), Key: r.id("idem"), Actor: r.id("actor_id"),
		At: r.time("at"), Delegate: r.id("delegate_id"), Session: r.id("session_id"), Reason: b.Reason,
		Changes: b.Changes, Cause: b.Cause, Follows: b.Follows, Moved: b.Moved, Dose: carnet.Dose{
			ID: r.id("dose_id"), PersonID: person, Vaccine: b.Vaccine, Lot: carnet.Lot{Private: carnet.Hide(b.Lot)},
			Date: carnet.DateOfDays(b.Date), BodySite: b.BodySite, Rank: b.Rank, Expected: b.Expected, RankReason: b.RankReason,
			Injector: b.Injector, RecordedBy: b.Recorder, RecordedAt: time.UnixMicro(b.RecordedAt).UTC(), Version: b.Version,
			Delegate: b.Delegate, Contested: b.Contested, NotGiven: b.NotGiven, Evidence: b.Evidence, Country: b.Country, Rules: b.Rules, Run: b.Run, Suspended: b.Suspended,
			Responsible: b.Responsible, RecordedIn: b.RecordedIn, Suspected: b.Suspected,
		}}
	b.Detail.fill(&e.Dose)
	e.Dose.Place, err = t.place(b.Place)
	return e, err
}

// Append writes an event, renews the projection of its dose and leaves a row in the outbox.
func (t *tx) Append(e vaccinate.Event) error {
	d := e.Dose
	key, err := t.key("person", d.PersonID)
	if err != nil {
		return err
	}
	rest := detailOf(d)
	text, err := json.Marshal(eventBody{d.Vaccine, d.Lot.Reveal(), d.Date.Days(), d.Place.ID, d.BodySite, d.Rank, d.Expected,
		d.RankReason, d.Injector, d.RecordedBy, d.RecordedAt.UnixMicro(), d.Version, e.Reason, d.Delegate, d.Contested,
		d.NotGiven, d.Evidence, d.Country, d.Rules, d.Run, rest, e.Changes, e.Cause, e.Follows, e.Moved, d.Suspended,
		d.Responsible, d.RecordedIn, d.Suspected})
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	detail, err := json.Marshal(rest)
	if err != nil {
		return carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	if detail, err = key.Seal("dose.detail", detail); err != nil {
		return err
	}
	body, err := key.Seal("dose_event.body", text)
	if err != nil {
		return err
	}
	lot, err := t.seal(d.PersonID, "dose.lot", d.Lot.Private)
	if err != nil {
		return err
	}
	lookup := []byte{}
	if !d.Lot.IsZero() {
		h := t.lotLookup(d.Vaccine, d.Lot)
		lookup = h[:]
	}
	person := cell{"person_id", d.PersonID[:]}
	if _, err := t.write(d.PersonID, refuse, "dose_event", person, cell{"event_id", e.ID[:]}, cell{"dose_id", d.ID[:]},
		cell{"kind", string(e.Kind)}, cell{"idem", e.Key[:]}, cell{"actor_id", e.Actor[:]}, cell{"at", e.At.UnixMicro()},
		cell{"body", body}, cell{"delegate_id", some(e.Delegate[:])}, cell{"session_id", some(e.Session[:])}); err != nil {
		return err
	}
	standing := stands
	switch e.Kind {
	case vaccinate.Cancelled:
		standing = cancelled
	case vaccinate.Annulled:
		standing = annulled
	}
	if _, err := t.write(d.PersonID, replace, "dose", person, cell{"dose_id", d.ID[:]}, cell{"vaccine", d.Vaccine}, cell{"lot", lot},
		cell{"lot_lookup", lookup}, cell{"given_on", d.Date.Days()}, cell{"place_id", d.Place.ID},
		cell{"body_site", string(d.BodySite)}, cell{"rank", d.Rank}, cell{"expected", d.Expected},
		cell{"rank_reason", d.RankReason}, cell{"injector_id", d.Injector[:]}, cell{"recorder_id", d.RecordedBy[:]},
		cell{"recorded_at", d.RecordedAt.UnixMicro()}, cell{"version", d.Version}, cell{"standing", standing},
		cell{"delegate_id", some(d.Delegate[:])}, cell{"contested", truth(d.Contested)}, cell{"not_given", string(d.NotGiven)},
		cell{"evidence", string(d.Evidence)}, cell{"country", d.Country}, cell{"rules", d.Rules}, cell{"run_id", some(d.Run[:])},
		cell{"detail", detail}, cell{"suspended", truth(d.Suspended)},
		cell{"responsible_id", some(d.Responsible[:])}, cell{"recorded_in", d.RecordedIn}, cell{"suspected", truth(d.Suspected)}); err != nil {
		return err
	}
	id, err := t.db.ids.New()
	if err != nil {
		return err
	}
	_, err = t.write(d.PersonID, refuse, "outbox", person, cell{"outbox_id", id[:]}, cell{"kind", "dose." + string(e.Kind)},
		cell{"event_id", e.ID[:]}, cell{"at", e.At.UnixMicro()})
	return err
}

// Professional opens an entry of the directory, with the places.
func (t *tx) Professional(id carnet.ID) (carnet.Professional, error) {
	rows, err := t.read(id, "professional", where("professional_id", id[:]), "number", "family_name", "given_name", "profession", "vaccinator")
	if err != nil {
		return carnet.Professional{}, err
	}
	if len(rows) == 0 {
		return carnet.Professional{}, carnet.E("sqlite", carnet.NotFound, "professional.unknown", nil)
	}
	key, err := t.key("professional", id)
	if err != nil {
		return carnet.Professional{}, err
	}
	clear := map[string]carnet.Private{}
	for _, column := range []string{"number", "family_name", "given_name"} {
		b, err := key.Open("professional."+column, rows[0].blob(column))
		if err != nil {
			return carnet.Professional{}, err
		}
		clear[column] = carnet.Hide(string(b))
	}
	p := carnet.Professional{ID: id, Number: clear["number"], FamilyName: clear["family_name"], GivenName: clear["given_name"],
		Profession: rows[0].text("profession"), Vaccinator: rows[0].int("vaccinator") == 1}
	places, err := t.read(id, "professional_place", where("professional_id", id[:]).by("place_id"), "place_id")
	if err != nil {
		return carnet.Professional{}, err
	}
	for _, r := range places {
		place, err := t.place(r.text("place_id"))
		if err != nil {
			return carnet.Professional{}, err
		}
		p.Places = append(p.Places, place)
	}
	heads, err := t.read(id, "place_head", where("professional_id", id[:]).and("head", 1).by("place_id"), "place_id")
	for _, r := range heads {
		p.Heads = append(p.Heads, r.text("place_id"))
	}
	return p, err
}

// Vaccinators lists who may inject at a place.
func (t *tx) Vaccinators(place string) ([]carnet.Professional, error) {
	rows, err := t.read(carnet.ID{}, "professional_place", where("place_id", place), "professional_id")
	if err != nil {
		return nil, err
	}
	var list []carnet.Professional
	for _, r := range rows {
		p, err := t.Professional(r.id("professional_id"))
		if err != nil {
			return nil, err
		}
		if p.Vaccinator {
			list = append(list, p)
		}
	}
	return list, nil
}

// PutProfessional writes a professional and the places once.
func (t *tx) PutProfessional(p carnet.Professional) error {
	key, err := t.newKey("professional", p.ID)
	if err != nil || key == nil {
		return err
	}
	vaccinator := 0
	if p.Vaccinator {
		vaccinator = 1
	}
	id := cell{"professional_id", p.ID[:]}
	cells := []cell{id, {"profession", p.Profession}, {"vaccinator", vaccinator}}
	for column, clear := range map[string]carnet.Private{"number": p.Number, "family_name": p.FamilyName, "given_name": p.GivenName} {
		sealed, err := key.Seal("professional."+column, []byte(clear.Reveal()))
		if err != nil {
			return err
		}
		cells = append(cells, cell{column, sealed})
	}
	if _, err := t.write(p.ID, refuse, "professional", cells...); err != nil {
		return err
	}
	for _, place := range p.Places {
		if _, err := t.write(p.ID, keep, "place", cell{"place_id", place.ID}, cell{"name", place.Name},
			cell{"commune", place.Commune}, cell{"country", place.Country}); err != nil {
			return err
		}
		if _, err := t.write(p.ID, keep, "professional_place", id, cell{"place_id", place.ID}); err != nil {
			return err
		}
	}
	return nil
}

// PutHead says that a professional heads a place, or no longer does.
func (t *tx) PutHead(place string, professional carnet.ID, head bool) error {
	_, err := t.write(professional, replace, "place_head", cell{"professional_id", professional[:]}, cell{"place_id", place}, cell{"head", truth(head)})
	return err
}

// Link reads by what a professional met a person in a session.
func (t *tx) Link(person, professional, session carnet.ID) (vaccinate.Link, error) {
	rows, err := t.read(person, "care_link", where("person_id", person[:]).and("professional_id", professional[:]).and("session_id", session[:]), "how")
	if err != nil || len(rows) == 0 {
		return vaccinate.NoLink, err
	}
	return vaccinate.Link(rows[0].text("how")), nil
}

// PutLink notes by what a professional met a person.
func (t *tx) PutLink(person, professional, session carnet.ID, how vaccinate.Link, motive carnet.Private) error {
	sealed, err := t.seal(person, "care_link.motive", motive)
	if err != nil {
		return err
	}
	_, err = t.write(person, replace, "care_link", cell{"person_id", person[:]}, cell{"professional_id", professional[:]}, cell{"session_id", session[:]},
		cell{"how", string(how)}, cell{"motive", sealed}, cell{"at", t.db.ids.Clock().UnixMicro()})
	return err
}

// seal seals a text for a person; what is empty stays empty.
func (t *tx) seal(person carnet.ID, column string, text carnet.Private) ([]byte, error) {
	if text.IsZero() {
		return []byte{}, nil
	}
	key, err := t.key("person", person)
	if err != nil {
		return nil, err
	}
	return key.Seal(column, []byte(text.Reveal()))
}

// unseal opens what seal has made.
func (t *tx) unseal(person carnet.ID, column string, sealed []byte) (carnet.Private, error) {
	if len(sealed) == 0 {
		return carnet.Private{}, nil
	}
	key, err := t.key("person", person)
	if err != nil {
		return carnet.Private{}, err
	}
	clear, err := key.Open(column, sealed)
	return carnet.Hide(string(clear)), err
}

var petitionColumns = []string{"person_id", "petition_id", "dose_id", "what", "words", "at", "state", "answer", "answered_by", "answered_at",
	"recorder_id", "responsible_id", "place_id", "recorded_in"}

// Petition opens one request of rectification.
func (t *tx) Petition(person, id carnet.ID) (vaccinate.Petition, error) {
	list, err := t.petitions(person, where("person_id", person[:]).and("petition_id", id[:]))
	if err == nil && len(list) == 0 {
		err = carnet.E("sqlite", carnet.NotFound, "petition.unknown", nil)
	}
	if err != nil {
		return vaccinate.Petition{}, err
	}
	return list[0], nil
}

// PetitionsOf lists those of a person, newest first.
func (t *tx) PetitionsOf(person carnet.ID) ([]vaccinate.Petition, error) {
	return t.petitions(person, where("person_id", person[:]).by("at DESC, petition_id DESC").first(maxDelegated))
}

// Petitions lists those that wait, and those that were answered since a time.
func (t *tx) Petitions(of vaccinate.Petitioned, since time.Time) ([]vaccinate.Petition, error) {
	var base condition
	switch {
	case !of.Recorder.IsZero():
		base = where("recorder_id", of.Recorder[:])
	case !of.Responsible.IsZero():
		base = where("responsible_id", of.Responsible[:])
	case of.Place != "":
		base = where("place_id", of.Place)
	case of.RecordedIn != "":
		base = where("recorded_in", of.RecordedIn)
	}
	waiting, err := t.petitions(nobody, base.and("state", string(vaccinate.Waiting)).by("at, petition_id").first(maxDelegated))
	if err != nil {
		return nil, err
	}
	answered, err := t.petitions(nobody, base.since("answered_at", since.UnixMicro()).by("at, petition_id").first(maxDelegated))
	return append(waiting, answered...), err
}

func (t *tx) petitions(person carnet.ID, which condition) ([]vaccinate.Petition, error) {
	rows, err := t.read(person, "petition", which, petitionColumns...)
	if err != nil {
		return nil, err
	}
	var list []vaccinate.Petition
	for _, r := range rows {
		p := vaccinate.Petition{ID: r.id("petition_id"), Person: r.id("person_id"), Dose: r.id("dose_id"), At: r.time("at"),
			State: vaccinate.PetitionState(r.text("state")), By: r.id("answered_by"), Answered: r.moment("answered_at"),
			Petitioned: vaccinate.Petitioned{Recorder: r.id("recorder_id"), Responsible: r.id("responsible_id"), Place: r.text("place_id"), RecordedIn: r.text("recorded_in")}}
		for _, c := range strings.Fields(r.text("what")) {
			p.What = append(p.What, vaccinate.Change(c))
		}
		if p.Words, err = t.unseal(p.Person, "petition.words", r.blob("words")); err != nil {
			return nil, err
		}
		if p.Answer, err = t.unseal(p.Person, "petition.answer", r.blob("answer")); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// PutPetition writes a petition, or its next state.
func (t *tx) PutPetition(p vaccinate.Petition) error {
	words, err := t.seal(p.Person, "petition.words", p.Words)
	if err != nil {
		return err
	}
	answer, err := t.seal(p.Person, "petition.answer", p.Answer)
	if err != nil {
		return err
	}
	what := make([]string, len(p.What))
	for i, c := range p.What {
		what[i] = string(c)
	}
	to := p.Petitioned
	_, err = t.write(p.Person, replace, "petition", cell{"person_id", p.Person[:]}, cell{"petition_id", p.ID[:]}, cell{"dose_id", p.Dose[:]},
		cell{"what", strings.Join(what, " ")}, cell{"words", words}, cell{"at", p.At.UnixMicro()}, cell{"state", string(p.State)}, cell{"answer", answer},
		cell{"answered_by", some(p.By[:])}, cell{"answered_at", micros(p.Answered)}, cell{"recorder_id", some(to.Recorder[:])},
		cell{"responsible_id", some(to.Responsible[:])}, cell{"place_id", to.Place}, cell{"recorded_in", to.RecordedIn})
	return err
}

var infectionColumns = []string{"infection_id", "disease", "had_on", "evidence", "recorder_id", "recorded_at", "withdrawn_at"}

// Infections lists the infections of a person that stand, oldest first, those of joined records included.
func (t *tx) Infections(person carnet.ID) ([]carnet.Infection, error) {
	records, err := t.whole(person)
	if err != nil {
		return nil, err
	}
	var list []carnet.Infection
	for _, record := range records {
		rows, err := t.read(record, "infection", where("person_id", record[:]).and("withdrawn_at", 0).by("had_on, infection_id"), infectionColumns...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			list = append(list, infection(record, r))
		}
	}
	slices.SortStableFunc(list, func(a, b carnet.Infection) int { return a.Date.Days() - b.Date.Days() })
	return list, nil
}

// InfectionOf finds the infection of an idempotency key.
func (t *tx) InfectionOf(person, key carnet.ID) (carnet.Infection, error) {
	rows, err := t.read(person, "infection", where("person_id", person[:]).and("idem", key[:]), infectionColumns...)
	if err == nil && len(rows) == 0 {
		err = carnet.E("sqlite", carnet.NotFound, "infection.unknown", nil)
	}
	if err != nil {
		return carnet.Infection{}, err
	}
	return infection(person, rows[0]), nil
}

func infection(person carnet.ID, r row) carnet.Infection {
	return carnet.Infection{ID: r.id("infection_id"), PersonID: person, Disease: r.text("disease"), Date: carnet.DateOfDays(r.int("had_on")),
		Evidence: carnet.Evidence(r.text("evidence")), RecordedBy: r.id("recorder_id"), RecordedAt: r.time("recorded_at")}
}

// PutInfection writes a new one.
func (t *tx) PutInfection(key carnet.ID, i carnet.Infection) error {
	return t.putInfection(key, i, carnet.ID{}, time.Time{})
}

// WithdrawInfection says that one was entered by mistake, by whom and when.
func (t *tx) WithdrawInfection(person, id, by carnet.ID, at time.Time) error {
	rows, err := t.read(person, "infection", where("person_id", person[:]).and("infection_id", id[:]), append([]string{"idem"}, infectionColumns...)...)
	if err != nil || len(rows) == 0 {
		return err
	}
	return t.putInfection(rows[0].id("idem"), infection(person, rows[0]), by, at)
}

func (t *tx) putInfection(key carnet.ID, i carnet.Infection, by carnet.ID, at time.Time) error {
	_, err := t.write(i.PersonID, replace, "infection", cell{"person_id", i.PersonID[:]}, cell{"infection_id", i.ID[:]}, cell{"disease", i.Disease},
		cell{"had_on", i.Date.Days()}, cell{"evidence", string(i.Evidence)}, cell{"idem", key[:]}, cell{"recorder_id", i.RecordedBy[:]},
		cell{"recorded_at", i.RecordedAt.UnixMicro()}, cell{"withdrawn_at", micros(at)}, cell{"withdrawn_by", some(by[:])})
	return err
}

// place opens a place; it is public information.
func (t *tx) place(id string) (carnet.Place, error) {
	if p, ok := t.places[id]; ok || id == "" {
		return p, nil
	}
	rows, err := t.read(carnet.ID{}, "place", where("place_id", id), "name", "commune", "country")
	if err != nil {
		return carnet.Place{}, err
	}
	if len(rows) == 0 {
		return carnet.Place{}, carnet.E("sqlite", carnet.NotFound, "place.unknown", nil)
	}
	if t.places == nil {
		t.places = map[string]carnet.Place{}
	}
	t.places[id] = carnet.Place{ID: id, Name: rows[0].text("name"), Commune: rows[0].text("commune"), Country: rows[0].text("country")}
	return t.places[id], nil
}
