package vaccinate

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/vaccinate/catalogue"
	"carnet/internal/vaccinate/paper"
)

// Command says what is to be recorded: an injection, that none was given, or a dose of elsewhere.
// The fields are those of carnet.Dose, where they are explained. Rank and Expected at zero mean "as
// the rules propose"; Responsible at zero means who records.
//
// What a record of its kind does not hold is left out: a dose of elsewhere (Evidence) has neither
// Place nor Injector; a record that none was given has neither lot, body site, injector nor rank.
type Command struct {
	Key      carnet.ID // idempotency key, made before the form was shown
	Person   carnet.ID
	NotGiven carnet.NotGiven
	Evidence carnet.Evidence

	Vaccine   string
	Product   string
	Country   string
	Lot       carnet.Lot // may be unknown for a past dose that says why it is entered late
	Expiry    carnet.Date
	Half      bool
	Date      carnet.Date
	Time      string // "15:04"
	Place     string // Place.ID; empty for a dose given elsewhere
	PlaceType carnet.PlaceType
	BodySite  carnet.BodySite
	Route     string

	Rank       int
	Expected   int
	RankReason string // why the rank is not the one proposed

	Eligibility       string
	Consent           carnet.Consent
	Contraindications []string
	Warnings          []string // codes that the page showed; those of the rules are added by the room
	Note              carnet.Private

	Injector    carnet.ID
	Responsible carnet.ID
	LateReason  string
	Form        string
	Run         carnet.ID
}

// Again is the command that would record an entry as it stands: what a correction begins with. Its
// rank is left to the rules unless somebody had chosen it, and what was unusual is looked at anew.
func Again(d carnet.Dose) Command {
	c := Command{
		Person: d.PersonID, NotGiven: d.NotGiven, Evidence: d.Evidence,
		Vaccine: d.Vaccine, Product: d.Product, Country: d.Country, Lot: d.Lot, Expiry: d.Expiry, Half: d.Half,
		Date: d.Date, Time: d.Time, Place: d.Place.ID, PlaceType: d.PlaceType, BodySite: d.BodySite, Route: d.Route,
		Eligibility: d.Eligibility, Consent: d.Consent, Contraindications: d.Contraindications, Note: d.Note,
		Injector: d.Injector, Responsible: d.Responsible, LateReason: d.LateReason, Form: d.Form, Run: d.Run,
	}
	if d.RankReason != "" {
		c.Rank, c.Expected, c.RankReason = d.Rank, d.Expected, d.RankReason
	}
	return c
}

// dose is what the command says, before ranks and who recorded it. Of the place only the id is
// known.
func (c Command) dose(actor protect.Actor) carnet.Dose {
	d := carnet.Dose{
		PersonID: c.Person, NotGiven: c.NotGiven, Evidence: c.Evidence,
		Vaccine: c.Vaccine, Product: strings.TrimSpace(c.Product), Country: c.Country, Lot: c.Lot, Expiry: c.Expiry, Half: c.Half,
		Date: c.Date, Time: c.Time, Place: carnet.Place{ID: c.Place}, PlaceType: c.PlaceType, BodySite: c.BodySite, Route: c.Route,
		Rank: c.Rank, Expected: c.Expected, RankReason: strings.TrimSpace(c.RankReason),
		Eligibility: c.Eligibility, Consent: c.Consent, Contraindications: c.Contraindications, Warnings: c.Warnings, Note: c.Note,
		Injector: c.Injector, Responsible: cmp.Or(c.Responsible, actor.ID), LateReason: strings.TrimSpace(c.LateReason), Form: c.Form, Run: c.Run,
	}
	if serial, err := paper.ParseSerial(c.Form); err == nil {
		d.Form = string(serial) // however it was typed
	}
	if d.Evidence != carnet.Administered {
		d.Place, d.PlaceType, d.Injector = carnet.Place{}, "", carnet.ID{}
	} else {
		d.Product, d.Country = "", ""
	}
	if !d.Given() {
		d.Lot, d.Expiry, d.Half, d.BodySite, d.Route, d.Injector = carnet.Lot{}, carnet.Date{}, false, "", "", carnet.ID{}
		d.Rank, d.Expected, d.RankReason = 0, 0, ""
	}
	return d
}

// Record writes an entry. What cannot be is refused with carnet.Problems that name each field; what
// is only unusual is recorded. The same key with the same content answers with the entry already
// recorded; with other content it is carnet.Conflict, "dose.key-reused". The ranks of the other
// doses follow, as events of their own.
func (s *Service) Record(ctx context.Context, actor protect.Actor, c Command) (out carnet.Dose, err error) {
	if err := actor.May(protect.ActEnter); err != nil {
		return out, err
	}
	err = s.change(ctx, actor, c.Person, func(k *change) error {
		if done, err := k.done(c.Key, Recorded); err != nil || done != nil {
			if err == nil && !says(done.Dose, c, actor) {
				err = reused()
			}
			if err == nil {
				out = done.Dose
			}
			return err
		}
		id, err := s.ids.New()
		if err != nil {
			return err
		}
		d, err := k.check(id, c, nil)
		if err != nil {
			return err
		}
		d.RecordedBy, d.RecordedAt, d.RecordedIn, d.Delegate, d.Version = actor.ID, k.at, cmp.Or(actor.Organisation, d.Place.ID), actor.Delegate, 1
		out, err = k.append(Event{Kind: Recorded, Key: c.Key, Dose: d})
		return err
	})
	return out, err
}

// says reports that a command says what an entry says.
func says(d carnet.Dose, c Command, actor protect.Actor) bool {
	told := c.dose(actor)
	if told.Rank == 0 && told.Expected == 0 {
		told.Rank, told.Expected, told.RankReason = d.Rank, d.Expected, d.RankReason
	}
	if c.Responsible.IsZero() {
		told.Responsible = d.Responsible
	}
	if d.Rank == told.Rank && d.Expected == told.Expected {
		told.RankReason = d.RankReason // the rules may have made it needless
	}
	return len(Difference(d, told)) == 0
}

// change is one command under way, in one transaction: who acts, on whom, and what stands.
type change struct {
	s        *Service
	tx       Tx
	actor    protect.Actor
	at       time.Time
	person   carnet.Person
	facts    catalogue.Person
	standing []carnet.Dose
	belies   bool // what documents may state was changed
}

// open reads what a change needs to know.
func (s *Service) open(tx Tx, actor protect.Actor, person carnet.ID) (*change, error) {
	k := &change{s: s, tx: tx, actor: actor, at: s.ids.Clock()}
	var err error
	if k.person, err = tx.Person(person); err != nil {
		return nil, err
	}
	k.facts = catalogue.Person{Birth: k.person.Identity.Birth, Sex: k.person.Identity.Sex}
	if k.facts.Infections, err = tx.Infections(person); err != nil {
		return nil, err
	}
	k.standing, err = tx.Doses(person)
	return k, err
}

// change runs fn in one transaction about one person, then lets follow what depends on it.
func (s *Service) change(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(*change) error) error {
	belies := false
	err := s.about(ctx, actor, person, func(tx Tx) error {
		k, err := s.open(tx, actor, person)
		if err == nil {
			err = fn(k)
			belies = k.belies
		}
		return err
	})
	if err == nil && belies && s.after != nil {
		s.after(ctx, person)
	}
	return err
}

// done finds what a key has done; nil when it did nothing yet. Another kind of event is a conflict.
func (k *change) done(key carnet.ID, kind EventKind) (*Event, error) {
	e, err := k.tx.Event(k.person.ID, key)
	if carnet.KindOf(err) == carnet.NotFound {
		return nil, nil
	}
	if err == nil && e.Kind != kind {
		err = reused()
	}
	return &e, err
}

func reused() error { return carnet.E("vaccinate", carnet.Conflict, "dose.key-reused", nil) }

// entry finds an entry that stands.
func (k *change) entry(id carnet.ID, version int) (carnet.Dose, error) {
	i := slices.IndexFunc(k.standing, func(d carnet.Dose) bool { return d.ID == id })
	if i < 0 {
		return carnet.Dose{}, carnet.E("vaccinate", carnet.NotFound, "dose.unknown", nil)
	}
	if version != 0 && version != k.standing[i].Version {
		return carnet.Dose{}, carnet.E("vaccinate", carnet.Conflict, "dose.changed-meanwhile", nil)
	}
	return k.standing[i], nil
}

// append writes an event and what follows from it: doses whose rank depends on the one that was
// touched get theirs by events that name this one. It gives the entry back as it stands after all.
func (k *change) append(e Event) (carnet.Dose, error) {
	var err error
	if e.ID, err = k.s.ids.New(); err != nil {
		return e.Dose, err
	}
	e.Actor, e.At, e.Delegate, e.Session = k.actor.ID, k.at, k.actor.Delegate, k.actor.Session
	before := k.numbers()
	was, stood := carnet.Dose{}, false
	if was, err = k.entry(e.Dose.ID, 0); err == nil {
		stood = true
	}
	k.standing = without(k.standing, e.Dose.ID)
	if e.Kind != Cancelled && e.Kind != Annulled {
		k.standing = append(k.standing, e.Dose)
	}
	after := k.numbers()
	if n := after[e.Dose.ID]; (e.Kind == Recorded || e.Kind == Corrected) && e.Dose.RankReason == "" {
		e.Dose.Rank, e.Dose.Expected = n.Rank, n.Expected // on one day, the order of the rules is not that of the entries
		k.standing[len(k.standing)-1] = e.Dose
	}
	if err := k.takeForm(was, e); err != nil {
		return e.Dose, err
	}
	if err := k.tx.Append(e); err != nil {
		return e.Dose, err
	}
	k.belies = k.belies || stood && e.Kind != Contested && e.Kind != Suspected && e.Kind != Cleared
	return e.Dose, k.renumber(before, after, e)
}

// renumber writes the events of the doses whose rank another event has moved, but for that event's own.
func (k *change) renumber(before, after map[carnet.ID]catalogue.Assessment, cause Event) error {
	for i, d := range k.standing {
		then, is := before[d.ID], after[d.ID]
		if d.ID == cause.Dose.ID || d.RankReason != "" || then.Rank == is.Rank && then.Expected == is.Expected || d.Rank == is.Rank && d.Expected == is.Expected {
			continue
		}
		d.Rank, d.Expected, d.Rules = is.Rank, is.Expected, is.Version
		f := Event{Kind: Renumbered, Key: derived(cause.ID, d.ID), Actor: cause.Actor, At: cause.At, Delegate: cause.Delegate, Session: cause.Session, Dose: d, Follows: cause.ID}
		var err error
		if f.ID, err = k.s.ids.New(); err != nil {
			return err
		}
		if err := k.tx.Append(f); err != nil {
			return err
		}
		k.standing[i], k.belies = d, true
	}
	return nil
}

// takeForm gives the number of a paper form to the entry that was written on it, and back when the
// entry is taken away or names another one.
func (k *change) takeForm(was carnet.Dose, e Event) error {
	form := e.Dose.Form
	if e.Kind == Cancelled || e.Kind == Annulled {
		form = ""
	}
	if was.Form == form {
		return nil
	}
	if was.Form != "" {
		if err := k.tx.FreeForm(paper.Serial(was.Form), e.Dose.ID); err != nil {
			return err
		}
	}
	if form == "" {
		return nil
	}
	return k.tx.TakeForm(paper.Serial(form), e.Dose.ID, k.at)
}

// numbers are the ranks that the rules give to what stands. Only what a change moves is renumbered:
// a newer catalogue alone moves no rank, which is the matter of a command of its own.
func (k *change) numbers() map[carnet.ID]catalogue.Assessment {
	list := map[carnet.ID]catalogue.Assessment{}
	for i, a := range k.s.catalogue.Number(k.facts, k.standing) {
		list[k.standing[i].ID] = a
	}
	return list
}

// propose is what the rules say of a dose, among the others that stand.
func (k *change) propose(d carnet.Dose, v carnet.Vaccine) Proposal {
	others := without(k.standing, d.ID)
	if d.ID.IsZero() {
		d.ID = lastID
	}
	return propose(k.s.catalogue, k.facts, others, d, v)
}

// lastID comes after every other one.
var lastID = carnet.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func without(history []carnet.Dose, id carnet.ID) []carnet.Dose {
	return slices.DeleteFunc(slices.Clone(history), func(d carnet.Dose) bool { return d.ID == id })
}

// Bounds of what is written in words, in characters, and of lists.
const (
	maxReason  = 200
	maxNote    = 500
	maxProduct = 80
	maxName    = 80
	maxCode    = 40
	maxCodes   = 20
)

var (
	country = regexp.MustCompile(`^[A-Z]{2}$`)
	hour    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	routes  = []string{"", "IM", "SC", "ID", "PO", "NAS"}
)

// check turns a command into an entry, or lists everything that is wrong with it. Old is the entry
// that it corrects, nil when it is a new one; its own place and people stay allowed, whoever left.
func (k *change) check(id carnet.ID, c Command, old *carnet.Dose) (carnet.Dose, error) {
	var problems carnet.Problems
	checkKey(&problems, c.Key)
	d := c.dose(k.actor)
	d.ID = id
	v, known := k.s.catalogue.Find(d.Vaccine)
	given, here := d.Given(), d.Evidence == carnet.Administered
	today := carnet.DateOf(k.at)
	if d.NotGiven != "" && !slices.Contains(carnet.NotGivens, d.NotGiven) {
		problems.Add("not-given", "dose.not-given", nil)
	}
	if !slices.Contains(carnet.Evidences, d.Evidence) || !here && !given {
		problems.Add("evidence", "dose.evidence", nil)
	}
	if !known && (here || d.Vaccine != "" || d.Product == "") {
		problems.Add("vaccine", "dose.vaccine", nil)
	}
	if d.Country != "" && !country.MatchString(d.Country) {
		problems.Add("country", "dose.country", nil)
	}
	if given && here && d.Lot.IsZero() && (d.LateReason == "" || d.Date == today) {
		problems.Add("lot", "lot.missing", nil)
	}
	switch {
	case d.Date.IsZero():
		problems.Add("date", "dose.date-missing", nil)
	case d.Date.After(today):
		problems.Add("date", "dose.date-future", map[string]any{"Today": today})
	case k.person.Identity.Birth.After(d.Date):
		problems.Add("date", "dose.before-birth", nil)
	}
	if d.Time != "" && !hour.MatchString(d.Time) {
		problems.Add("time", "dose.time", nil)
	}
	if d.PlaceType != "" && !slices.Contains(carnet.PlaceTypes, d.PlaceType) {
		problems.Add("place-type", "dose.place-type", nil)
	}
	if !slices.Contains(routes, d.Route) {
		problems.Add("route", "dose.route", nil)
	}
	needsSite := given && here && d.Route != "PO" && d.Route != "NAS"
	if (d.BodySite != "" || needsSite) && !slices.Contains(carnet.BodySites, d.BodySite) {
		problems.Add("site", "dose.site", nil)
	}
	if d.Consent.By != "" && !slices.Contains(carnet.ConsentsBy, d.Consent.By) {
		problems.Add("consent", "dose.consent", nil)
	}
	for _, t := range []struct {
		field, text string
		most        int
	}{
		{"product", d.Product, maxProduct}, {"note", d.Note.Reveal(), maxNote}, {"late-reason", d.LateReason, maxReason}, {"form", d.Form, maxCode},
		{"consent-name", d.Consent.Name.Reveal(), maxName}, {"consent-relation", d.Consent.Relation.Reveal(), maxCode}, {"eligibility", d.Eligibility, maxCode},
	} {
		checkText(&problems, t.field, t.text, t.most)
	}
	if d.Form != "" {
		if _, err := paper.ParseSerial(d.Form); err != nil {
			problems.Add("form", carnet.CodeOf(err), nil)
		}
	}
	checkCodes(&problems, "contraindications", d.Contraindications)
	checkCodes(&problems, "warnings", d.Warnings)
	if err := k.checkPeople(&problems, &d, old); err != nil {
		return d, err
	}
	if given {
		k.checkRank(&problems, &d, v, known)
	}
	if !d.Expiry.IsZero() && d.Expiry.Before(d.Date) {
		d.Warnings = with(d.Warnings, "expired-lot")
	}
	return d, problems.Err()
}

// checkRank gives the entry its rank, and notes what was unusual about it.
func (k *change) checkRank(problems *carnet.Problems, d *carnet.Dose, v carnet.Vaccine, known bool) {
	var p Proposal
	if known && !d.Date.IsZero() {
		p = k.propose(*d, v)
		d.Rules = k.s.catalogue.Version()
		for _, w := range p.Warnings {
			d.Warnings = with(d.Warnings, w.Code)
		}
	}
	switch chosen := d.Rank != 0 || d.Expected != 0; {
	case !chosen || d.Rank == p.Rank && d.Expected == p.Expected:
		d.Rank, d.Expected, d.RankReason = p.Rank, p.Expected, "" // the proposal needs no reason
	case d.Rank < 1 || d.Rank > 9 || d.Expected < 1 || d.Expected > 9:
		problems.Add("rank", "dose.rank", nil)
	default:
		checkReason(problems, "rank-reason", d.RankReason)
	}
}

// with adds a code to a list that does not hold it. The list of the caller stays as it is.
func with(list []string, code string) []string {
	if slices.Contains(list, code) {
		return list
	}
	return append(slices.Clone(list), code)
}

// checkPeople makes sure that the act is one of the place where the one who records exercises, that
// the one who is said to have injected may and does so there, and that somebody answers for it.
func (k *change) checkPeople(problems *carnet.Problems, d, old *carnet.Dose) error {
	me, err := k.tx.Professional(k.actor.ID)
	if err != nil {
		return err
	}
	if d.Evidence == carnet.Administered {
		i := slices.IndexFunc(me.Places, func(p carnet.Place) bool { return p.ID == d.Place.ID })
		switch {
		case old != nil && old.Place.ID == d.Place.ID:
			d.Place = old.Place
		case i >= 0:
			d.Place = me.Places[i]
		default:
			problems.Add("place", "dose.place", nil)
		}
		if d.Given() && (old == nil || d.Injector != old.Injector || d.Place.ID != old.Place.ID) {
			if err := k.checkPerson(problems, me, d.Injector, d.Place.ID, "injector", "dose.injector", true); err != nil {
				return err
			}
		}
		if old == nil && d.Responsible != me.ID || old != nil && d.Responsible != old.Responsible {
			return k.checkPerson(problems, me, d.Responsible, d.Place.ID, "responsible", "dose.responsible", false)
		}
		return nil
	}
	if old != nil {
		d.Responsible = old.Responsible
	} else {
		d.Responsible = me.ID // who saw the proof
	}
	return nil
}

func (k *change) checkPerson(problems *carnet.Problems, me carnet.Professional, id carnet.ID, place, field, code string, injects bool) error {
	p := me
	if id != me.ID {
		var err error
		if p, err = k.tx.Professional(id); carnet.KindOf(err) == carnet.NotFound {
			p = carnet.Professional{}
		} else if err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(p.Places, func(at carnet.Place) bool { return at.ID == place }) || injects && !p.Vaccinator {
		problems.Add(field, code, nil)
	}
	return nil
}

func checkKey(problems *carnet.Problems, key carnet.ID) {
	if key.IsZero() {
		problems.Add("key", "dose.key-missing", nil)
	}
}

func checkReason(problems *carnet.Problems, field, reason string) {
	switch {
	case reason == "":
		problems.Add(field, "dose.reason-missing", nil)
	case utf8.RuneCountInString(reason) > maxReason:
		problems.Add(field, "dose.reason-long", map[string]any{"Max": maxReason})
	}
}

func checkText(problems *carnet.Problems, field, text string, most int) {
	if utf8.RuneCountInString(text) > most || !utf8.ValidString(text) {
		problems.Add(field, "dose.text-long", map[string]any{"Max": most})
	}
}

func checkCodes(problems *carnet.Problems, field string, list []string) {
	if len(list) > maxCodes || slices.ContainsFunc(list, func(c string) bool { return c == "" || len(c) > maxCode }) {
		problems.Add(field, "dose.codes", nil)
	}
}
