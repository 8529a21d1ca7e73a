package bulk

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/catalogue"
)

// Stable codes of a row that a human must look at.
const (
	CodeDiffers  = "person.differs" // the number is known, and its traits are others
	CodeNumber   = "person.number"  // the traits are known, under another number
	CodeMaybe    = "person.maybe"   // the traits are known; a number is known on one side only
	CodeSeveral  = "person.several" // without a number, several people fit
	CodeTwin     = "person.twin"    // without a number: name and birth date of somebody whose given names are others
	CodeNear     = "dose.near"      // near to a dose that is there, and not the same
	CodeChanged  = "dose.changed"   // changed there and here since it was imported
	CodeMoved    = "dose.moved"     // it was imported for somebody else
	CodeGone     = "dose.gone"      // of a row that is there: what it became was cancelled here, or dropped by a human
	CodeReviewed = "review.waits"   // it waits already
)

// nearDays is how far apart two entries of the same product and lot may be and still be taken for one.
const nearDays = 7

// planner decides about the rows of one call.
type planner struct {
	s     *Service
	job   Job
	trial *overlay

	directory map[carnet.ID]carnet.Professional // nil for one who is not in it
	asked     map[carnet.ID]bool
	places    map[string]carnet.Place
}

// overlay is what the rows before would have written, for a trial; and within a batch.
type overlay struct {
	found   map[[32]byte][]carnet.ID
	people  map[carnet.ID]carnet.Person
	doses   map[carnet.ID][]brief
	written map[Key]Entry
}

// brief is what a later row is compared with of a dose: a trial keeps millions of them.
type brief struct {
	id           carnet.ID
	vaccine, lot string
	day          int32
	notGiven     carnet.NotGiven
}

func newOverlay() *overlay {
	return &overlay{map[[32]byte][]carnet.ID{}, map[carnet.ID]carnet.Person{}, map[carnet.ID][]brief{}, map[Key]Entry{}}
}

func (b brief) dose() carnet.Dose {
	return carnet.Dose{ID: b.id, Vaccine: b.vaccine, Lot: carnet.Lot{Private: carnet.Hide(b.lot)}, Date: carnet.DateOfDays(int(b.day)), NotGiven: b.notGiven, Version: 1}
}

// candidate is a row on its way.
type candidate struct {
	*Row
	person      carnet.Person  // as it would be enrolled
	aliases     []people.Alias // by which it would be found
	key, digest Key
	injector    carnet.ID
	responsible carnet.ID
}

func (c *candidate) lookup(reason string) (list [][32]byte) {
	for _, a := range c.aliases {
		if a.Reason == reason {
			list = append(list, a.Lookup)
		}
	}
	return list
}

// known is what the store holds about the people of a batch, and what the batch has decided so far.
type known struct {
	found   map[[32]byte][]carnet.ID
	people  map[carnet.ID]carnet.Person
	doses   map[carnet.ID][]carnet.Dose
	written map[Key]Entry

	enrolled       []*candidate
	entries        []Key // of written, that this batch has changed
	changedEntries map[Key]bool
	events         []vaccinate.Event
	changed        []carnet.ID // people whose ranks are to be counted again
}

// batch decides about some rows, and writes what it decided.
func (p *planner) batch(tx Tx, actor protect.Actor, run carnet.ID, rows []Row) ([]Outcome, error) {
	candidates := make([]*candidate, len(rows))
	for i := range rows {
		candidates[i] = p.candidate(&rows[i])
	}
	if err := p.look(tx, candidates); err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if !c.refused("") {
			p.check(c)
		}
	}
	k, err := p.read(tx, candidates)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(rows))
	for i, c := range candidates {
		if outcomes[i], err = p.decide(k, c, actor, run); err != nil {
			return nil, err
		}
	}
	if err := p.rank(k, actor); err != nil {
		return nil, err
	}
	if p.job.Trial {
		p.remember(k)
		return outcomes, nil
	}
	return outcomes, k.write(tx)
}

// write puts into the store what was decided.
func (k *known) write(tx Tx) error {
	for _, c := range k.enrolled {
		if err := tx.PutPerson(c.person, c.aliases); err != nil {
			return err
		}
	}
	for _, e := range k.events {
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	for _, key := range k.entries {
		if err := tx.PutEntry(k.written[key]); err != nil {
			return err
		}
	}
	return nil
}

// candidate takes from a row what it is known by.
func (p *planner) candidate(r *Row) *candidate {
	c := &candidate{Row: r}
	if r.refused("") { // it could not be taken apart: there is nothing to check
		return c
	}
	if r.Dose.Place.ID == "" && r.Dose.Country == "" && r.Dose.Evidence == carnet.Administered {
		r.Dose.Place.ID = p.job.Place
	}
	var err error
	if c.person, c.aliases, err = p.s.people.Entry(r.Identity); err != nil {
		problems, _ := errors.AsType[carnet.Problems](err)
		for _, e := range problems {
			column := map[string]string{"name": "birth_name", "given": "given_names", "birth": "birth_date"}[e.Field]
			if !r.refused(column) {
				r.fault(column, e.Code)
			}
		}
	}
	if !r.Injector.IsZero() {
		c.injector = p.s.professional(r.Injector)
	}
	if !r.Responsible.IsZero() {
		c.responsible = p.s.professional(r.Responsible)
	}
	c.digest = p.s.hash("import-content", r.content())
	known := "key|" + r.Key
	if r.Key == "" {
		known = "row|" + r.Identity.NIR.Reveal()
		if r.Identity.NIR.IsZero() {
			known += "|" + plain(r.Identity.BirthName.Reveal()) + "|" + plain(r.Identity.Given()) + "|" + r.Identity.Birth.ISO()
		}
		known += "|" + r.Dose.Vaccine + "|" + plain(r.Dose.Product) + "|" + r.Dose.Date.String() + "|" + r.Dose.Lot.Reveal() + "|" + string(r.Dose.NotGiven)
	}
	c.key = p.s.hash("import-row", p.job.Source+"|"+known)
	return c
}

// professional is the id of a national number: the one of the directory.
func (s *Service) professional(number carnet.Private) carnet.ID {
	lookup := s.ring.Lookup("professional", number.Reveal())
	return carnet.DerivedID(lookup[:])
}

// look asks the directory for whom the rows name, each once in a call.
func (p *planner) look(tx Tx, list []*candidate) error {
	if p.asked == nil {
		p.directory, p.asked, p.places = map[carnet.ID]carnet.Professional{}, map[carnet.ID]bool{}, map[string]carnet.Place{}
	}
	var ids []carnet.ID
	var places []string
	for _, c := range list {
		for _, id := range []carnet.ID{c.injector, c.responsible} {
			if !id.IsZero() && !p.asked[id] {
				p.asked[id] = true
				ids = append(ids, id)
			}
		}
		if place := c.Dose.Place.ID; place != "" {
			if _, ok := p.places[place]; !ok {
				p.places[place] = carnet.Place{}
				places = append(places, place)
			}
		}
	}
	if len(ids) > 0 {
		there, err := tx.Directory(ids)
		if err != nil {
			return err
		}
		for id, who := range there {
			p.directory[id] = who
		}
	}
	if len(places) > 0 {
		there, err := tx.Places(places)
		if err != nil {
			return err
		}
		for id, place := range there {
			p.places[id] = place
		}
	}
	return nil
}

// check lists what cannot be, beside what could not be read.
func (p *planner) check(c *candidate) {
	d, today := &c.Dose, carnet.DateOf(p.s.ids.Clock())
	own := d.Evidence == carnet.Administered && d.Given()
	v, ok := p.s.rules.Find(d.Vaccine)
	if !ok {
		v, ok = p.s.rules.FindPack(d.Vaccine)
	}
	switch {
	case ok:
		d.Vaccine = v.Code
	case d.Vaccine == "" && !own && (d.Product != "" || !d.Given()): // a product of elsewhere, as the proof says it
	default:
		c.fault("vaccine", CodeVaccine)
	}
	switch {
	case c.refused("date"):
	case d.Date.IsZero():
		c.fault("date", CodeDateMissing)
	case d.Date.After(today):
		c.fault("date", CodeFuture)
	case c.Identity.Birth.After(d.Date):
		c.fault("date", CodeBeforeBirth)
	}
	if own && !c.refused("injector") {
		who, there := p.directory[c.injector]
		switch {
		case c.injector.IsZero():
			c.fault("injector", CodeInjectorNo)
		case !there || !who.Vaccinator:
			c.fault("injector", CodeInjector)
		}
	}
	if _, there := p.directory[c.responsible]; !c.responsible.IsZero() && !there {
		c.fault("responsible", CodeInjector)
	}
	switch place := p.places[d.Place.ID]; {
	case d.Place.ID == "" && !own:
	case place.ID == "" || p.job.Places != nil && !slices.Contains(p.job.Places, d.Place.ID):
		c.fault("place", CodePlace)
	default:
		d.Place = place
	}
}

// read asks the store for all that the rows may concern.
func (p *planner) read(tx Tx, list []*candidate) (*known, error) {
	k := &known{}
	var lookups [][32]byte
	var keys []Key
	for _, c := range list {
		if len(c.Faults) > 0 {
			continue
		}
		lookups = append(append(lookups, c.lookup("nir")...), c.lookup("name-birth")...)
		keys = append(keys, c.key)
	}
	var err error
	if k.written, err = tx.Written(keys); err != nil {
		return nil, err
	}
	if k.found, err = tx.Find(lookups); err != nil {
		return nil, err
	}
	var ids []carnet.ID
	for _, list := range k.found {
		ids = append(ids, list...)
	}
	for _, e := range k.written {
		ids = append(ids, e.Person)
	}
	ids = sorted(ids)
	if k.people, err = tx.People(ids); err != nil {
		return nil, err
	}
	if k.doses, err = tx.Histories(ids); err != nil {
		return nil, err
	}
	for _, l := range lookups {
		for _, id := range p.trial.found[l] {
			k.found[l] = append(k.found[l], id)
			k.people[id] = p.trial.people[id]
		}
	}
	for _, key := range keys {
		if e, ok := p.trial.written[key]; ok {
			k.written[key] = e
		}
	}
	for id := range k.people {
		for _, b := range p.trial.doses[id] {
			k.doses[id] = append(k.doses[id], b.dose())
		}
	}
	return k, nil
}

// remember keeps what a trial would have written.
func (p *planner) remember(k *known) {
	for _, c := range k.enrolled {
		p.trial.people[c.person.ID] = c.person
		for _, l := range slices.Concat(c.lookup("nir"), c.lookup("name-birth")) {
			p.trial.found[l] = append(p.trial.found[l], c.person.ID)
		}
	}
	for _, e := range k.events {
		d := e.Dose
		if e.Kind == vaccinate.Recorded {
			p.trial.doses[d.PersonID] = append(p.trial.doses[d.PersonID], brief{d.ID, d.Vaccine, d.Lot.Reveal(), int32(d.Date.Days()), d.NotGiven})
		}
	}
	for _, key := range k.entries {
		e := k.written[key]
		e.Waiting = Waiting{}
		p.trial.written[key] = e
	}
}

// decide answers one row.
func (p *planner) decide(k *known, c *candidate, actor protect.Actor, run carnet.ID) (Outcome, error) {
	out := Outcome{Line: c.Line, Status: Refused, Faults: c.Faults}
	if len(c.Faults) > 0 {
		return out, nil
	}
	before, came := k.written[c.key]
	if came && before.Digest == c.digest {
		return again(k, before, out), nil
	}
	entry := Entry{Key: c.key, Digest: c.digest, Run: run, Place: cmp.Or(c.Dose.Place.ID, p.job.Place), At: p.s.ids.Clock(), State: Settled}
	review := func(person, other carnet.ID, reason string) (Outcome, error) {
		dose := c.Dose
		dose.PersonID, dose.Injector, dose.Responsible = person, c.injector, c.responsible
		entry.Person, entry.Dose, entry.State, entry.Reason, entry.Other = person, carnet.ID{}, Waits, reason, other
		entry.Waiting = Waiting{c.Identity, dose, p.job.Responsible}
		k.put(entry)
		out.Status, out.Person, out.Dose, out.Faults = Review, person, other, append(out.Faults, Fault{Code: reason})
		return out, nil
	}
	person, fresh, reason := k.identify(c)
	if reason != "" {
		return review(person, carnet.ID{}, reason)
	}
	if came && before.State == Settled {
		if before.Person != person {
			return review(before.Person, before.Dose, CodeMoved)
		}
		i := slices.IndexFunc(k.doses[person], func(d carnet.Dose) bool { return d.ID == before.Dose })
		switch {
		case i < 0:
			return again(k, before, out), nil
		case p.print(k.doses[person][i]) != before.Print:
			return review(person, before.Dose, CodeChanged)
		}
		dose, err := p.correct(k, c, k.doses[person][i], actor)
		entry.Person, entry.Dose, entry.Print = person, dose.ID, p.print(dose)
		k.put(entry)
		out.Status, out.Person, out.Dose = Updated, person, dose.ID
		return out, err
	}
	exact, near := p.compare(k.doses[person], c.Dose)
	switch {
	case !exact.ID.IsZero():
		entry.Person, entry.Dose, entry.Print = person, exact.ID, p.print(exact)
		k.put(entry)
		out.Status, out.Person, out.Dose = Same, person, exact.ID
		return out, nil
	case !near.ID.IsZero():
		return review(person, near.ID, CodeNear)
	}
	if fresh {
		k.enrol(c)
	}
	dose, err := p.record(k, c, person, actor)
	entry.Person, entry.Dose, entry.Print = person, dose.ID, p.print(dose)
	k.put(entry)
	out.Status, out.Person, out.Dose, out.Faults = Created, person, dose.ID, warnings(c.Dose)
	return out, err
}

// warnings are what is unusual and recorded all the same.
func warnings(d carnet.Dose) (list []Fault) {
	if d.Given() && d.Evidence == carnet.Administered && d.Lot.IsZero() {
		list = append(list, Fault{"lot", CodeLotMissing})
	}
	if !d.Expiry.IsZero() && d.Date.After(d.Expiry) {
		list = append(list, Fault{"expiry", CodeExpired})
	}
	return list
}

// again answers a row that came before.
func again(k *known, before Entry, out Outcome) Outcome {
	out.Status, out.Person, out.Dose = Same, before.Person, before.Dose
	switch {
	case before.State == Waits:
		out.Status, out.Dose, out.Faults = Review, before.Other, []Fault{{Code: CodeReviewed}}
	case before.State == Dropped, !slices.ContainsFunc(k.doses[before.Person], func(d carnet.Dose) bool { return d.ID == before.Dose }):
		out.Faults = []Fault{{Code: CodeGone}}
	}
	return out
}

func (k *known) put(e Entry) {
	k.written[e.Key] = e
	if k.changedEntries == nil {
		k.changedEntries = map[Key]bool{}
	}
	if !k.changedEntries[e.Key] {
		k.changedEntries[e.Key] = true
		k.entries = append(k.entries, e.Key)
	}
}

// enrol makes the person of a row one whom the next rows find.
func (k *known) enrol(c *candidate) {
	k.enrolled = append(k.enrolled, c)
	k.people[c.person.ID] = c.person
	for _, l := range slices.Concat(c.lookup("nir"), c.lookup("name-birth")) {
		k.found[l] = append(k.found[l], c.person.ID)
	}
}

// identify says who the person of a row is: somebody, or somebody new, or the code of why a human must say so, with the one
// who is there.
func (k *known) identify(c *candidate) (who carnet.ID, fresh bool, reason string) {
	if numbers := c.lookup("nir"); len(numbers) > 0 && len(k.found[numbers[0]]) > 0 {
		id := k.found[numbers[0]][0]
		if !alike(k.people[id].Identity, c.Identity) {
			return id, false, CodeDiffers
		}
		return id, false, ""
	}
	var same, twins []carnet.ID
	seen := map[carnet.ID]bool{}
	for _, l := range c.lookup("name-birth") {
		for _, id := range k.found[l] {
			if seen[id] {
				continue
			}
			seen[id] = true
			other := k.people[id].Identity
			switch {
			case !other.Birth.Equal(c.Identity.Birth):
			case sameGiven(other, c.Identity) && (other.Sex == "" || c.Identity.Sex == "" || other.Sex == c.Identity.Sex):
				same = append(same, id)
			default:
				twins = append(twins, id)
			}
		}
	}
	number := !c.Identity.NIR.IsZero()
	switch {
	case len(same) == 1 && !number:
		return same[0], false, ""
	case len(same) > 1 && !number:
		return same[0], false, CodeSeveral
	case len(same) > 0 && k.people[same[0]].Identity.NIR.IsZero():
		return same[0], false, CodeMaybe
	case len(same) > 0:
		return same[0], false, CodeNumber
	case len(twins) > 0 && !number:
		return twins[0], false, CodeTwin
	}
	return c.person.ID, true, ""
}

// alike reports that the traits of a row may be those of the person who has the number: the birth date, and a name.
func alike(there, row carnet.Identity) bool {
	if !slices.ContainsFunc(row.Birth.Presumed(), there.Birth.Equal) && !slices.ContainsFunc(there.Birth.Presumed(), row.Birth.Equal) {
		return false
	}
	for _, a := range []carnet.Private{there.BirthName, there.UsedName} {
		for _, b := range []carnet.Private{row.BirthName, row.UsedName} {
			if !a.IsZero() && people.SameName(a, b) {
				return sameGiven(there, row)
			}
		}
	}
	return false
}

// sameGiven reports that the first given names are one name.
func sameGiven(a, b carnet.Identity) bool {
	return len(a.GivenNames) > 0 && len(b.GivenNames) > 0 && people.SameName(a.GivenNames[0], b.GivenNames[0])
}

// compare looks for the same dose among those of a person, and for one that is near.
func (p *planner) compare(history []carnet.Dose, d carnet.Dose) (exact, near carnet.Dose) {
	v, _ := p.s.rules.Find(d.Vaccine)
	for _, o := range history {
		product := o.Vaccine == d.Vaccine && (d.Vaccine != "" || people.SameName(carnet.Hide(o.Product), carnet.Hide(d.Product)))
		days := max(o.Date.Days()-d.Date.Days(), d.Date.Days()-o.Date.Days())
		other, _ := p.s.rules.Find(o.Vaccine)
		disease := product || slices.ContainsFunc(v.Diseases, func(s string) bool { return slices.Contains(other.Diseases, s) })
		switch {
		case product && days == 0 && o.NotGiven == d.NotGiven && (d.Lot.IsZero() || o.Lot.Equal(d.Lot.Private)):
			return o, carnet.Dose{}
		case !disease || !o.Given() && !d.Given():
		case days == 0,
			product && !d.Lot.IsZero() && o.Lot.Equal(d.Lot.Private) && days <= nearDays,
			product && o.Date == swapped(d.Date):
			near = o
		}
	}
	return exact, near
}

// swapped is the date with day and month in each other's place, zero when there is none.
func swapped(d carnet.Date) carnet.Date {
	if d.Day > 12 || d.Day == int(d.Month) {
		return carnet.Date{}
	}
	return carnet.Date{Year: d.Year, Month: time.Month(d.Day), Day: int(d.Month)}
}

// record adds a dose to what the batch writes. Its rank is counted at the end.
func (p *planner) record(k *known, c *candidate, person carnet.ID, actor protect.Actor) (carnet.Dose, error) {
	id, err := p.s.ids.New()
	if err != nil {
		return carnet.Dose{}, err
	}
	dose := c.Dose
	dose.ID, dose.PersonID, dose.Injector, dose.RecordedBy, dose.RecordedAt, dose.Version = id, person, c.injector, p.job.Responsible, p.s.ids.Clock(), 1
	dose.Responsible = c.responsible
	for _, w := range warnings(dose) {
		dose.Warnings = append(dose.Warnings, w.Code)
	}
	return dose, p.append(k, vaccinate.Recorded, dose, actor)
}

// correct replaces what an import said before by what it says now.
func (p *planner) correct(k *known, c *candidate, there carnet.Dose, actor protect.Actor) (carnet.Dose, error) {
	dose := c.Dose
	dose.ID, dose.PersonID, dose.RecordedBy, dose.RecordedAt, dose.Version = there.ID, there.PersonID, there.RecordedBy, there.RecordedAt, there.Version+1
	dose.Injector, dose.Responsible, dose.Delegate, dose.Run = c.injector, c.responsible, there.Delegate, there.Run
	return dose, p.append(k, vaccinate.Corrected, dose, actor)
}

// print is a keyed hash of what is said of a dose, its rank aside: the same as long as nobody has changed it.
func (p *planner) print(d carnet.Dose) Key {
	r := Row{Dose: d}
	return p.s.hash("import-dose", r.content()+d.Injector.String()+d.Responsible.String())
}

func (p *planner) append(k *known, kind vaccinate.EventKind, dose carnet.Dose, actor protect.Actor) error {
	id, err := p.s.ids.New()
	if err != nil {
		return err
	}
	key, err := p.s.ids.New()
	if err != nil {
		return err
	}
	e := vaccinate.Event{ID: id, Kind: kind, Key: key, Actor: p.job.Responsible, At: p.s.ids.Clock(), Session: actor.Session, Dose: dose}
	if kind == vaccinate.Corrected {
		e.Reason = p.job.Source
	}
	k.events = append(k.events, e)
	k.changed = append(k.changed, dose.PersonID)
	history := slices.DeleteFunc(k.doses[dose.PersonID], func(d carnet.Dose) bool { return d.ID == dose.ID })
	k.doses[dose.PersonID] = append(history, dose)
	return nil
}

// rank counts the ranks of the people whose doses have changed: those of the new doses are set, those of others that move are
// events of their own.
func (p *planner) rank(k *known, actor protect.Actor) error {
	events := make(map[carnet.ID]int, len(k.events)) // the last one of each dose
	for i, e := range k.events {
		events[e.Dose.ID] = i
	}
	for _, id := range sorted(k.changed) {
		history := slices.Clone(k.doses[id])
		for i, a := range p.s.rules.Number(catalogue.Person{Birth: k.people[id].Identity.Birth, Sex: k.people[id].Identity.Sex}, history) {
			d := history[i]
			if a.Rank == 0 || d.Rank == a.Rank && d.Expected == a.Expected || d.RankReason != "" {
				continue
			}
			d.Rank, d.Expected, d.Rules = a.Rank, a.Expected, a.Version
			if j, ok := events[d.ID]; ok {
				k.events[j].Dose = d
				continue
			}
			d.Version++
			if err := p.append(k, vaccinate.Renumbered, d, actor); err != nil {
				return err
			}
		}
	}
	return nil
}
