package people

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/nir"
)

// MostFound is how many people a search brings at most: who gets as many adds a trait.
const MostFound = 20

// Bounds of a search: what is opened to be compared leaves a line in the journal about each person.
const (
	mostOpened = 60
	leastScore = 50
	sureScore  = 95
)

// Found is a person that a search brought, why, and why it is perhaps somebody else.
type Found struct {
	ID       carnet.ID
	Identity carnet.Identity
	Why      []Reason // the traits that were compared, the weightiest first
	Score    int      // sum of their points, 0 to 100; 100 for a number
	Alerts   []Alert  // what to look at before choosing this person
	Died     carnet.Date
}

// Sure reports that the search says one person: every trait fits exactly and nothing speaks against it.
func (f Found) Sure() bool {
	if f.Score < sureScore || slices.Contains(f.Alerts, Twin) || slices.Contains(f.Alerts, Homonym) {
		return false
	}
	return !slices.ContainsFunc(f.Why, func(r Reason) bool { return r.How != Exact && r.How != Used })
}

// Reason is what one trait says for a person, or against them.
type Reason struct {
	Trait  Trait
	How    How
	Points int // below zero when it speaks against
}

// Trait is what was compared.
type Trait string

// The traits of a search.
const (
	ByNumber   Trait = "nir"
	ByRecall   Trait = "code"
	ByName     Trait = "name"
	ByGiven    Trait = "given"
	ByBirth    Trait = "birth"
	BySex      Trait = "sex"
	ByPlace    Trait = "birth-place"
	ByPostcode Trait = "postcode"
)

// How says in what manner a trait fits.
type How string

// The ways to fit, and not to.
const (
	Exact    How = "exact"
	Used     How = "used"     // it is the used name
	Former   How = "former"   // it is a name that the person had
	Inverted How = "inverted" // name and given name were typed one for the other
	Part     How = "part"     // one part of a name of several
	Order    How = "order"    // a given name, not the first
	Sounds   How = "sound"    // it sounds the same in French
	Slip     How = "slip"     // one letter differs, or two are swapped
	Presumed How = "presumed" // a day or month that civil status does not know
	Swapped  How = "swapped"  // day and month one for the other
	Near     How = "near"     // one part of the date differs
	Other    How = "other"    // another one
)

// Alert is something to look at before choosing a person.
type Alert string

// The alerts.
const (
	Deceased    Alert = "deceased"
	Twin        Alert = "twin"        // somebody else has this birth name and date, and other given names
	Homonym     Alert = "homonym"     // somebody else has this name, given name and date
	NoNumber    Alert = "no-number"   // a record that was opened without a number
	WaitingNIR  Alert = "waiting-nir" // the number is a waiting number: civil status is not proven yet
	OtherRecord Alert = "other-name"  // the name is not the one that was looked for
)

// points of each way to fit, by trait.
var points = map[Trait]map[How]int{
	ByName:     {Exact: 40, Used: 38, Former: 34, Inverted: 32, Part: 30, Sounds: 30, Slip: 30, Other: 0},
	ByGiven:    {Exact: 20, Order: 17, Inverted: 16, Part: 16, Sounds: 14, Slip: 14, Other: -20},
	ByBirth:    {Exact: 37, Presumed: 32, Swapped: 26, Near: 18},
	BySex:      {Exact: 1, Other: -15},
	ByPlace:    {Exact: 1, Other: -8},
	ByPostcode: {Exact: 1, Other: 0},
}

// Traits are what one knows of a person without a number: the birth date, with a name or a given
// name; the others help to choose.
type Traits struct {
	Name       carnet.Private // birth name or used name
	Given      carnet.Private
	Birth      carnet.BirthDate
	Sex        carnet.Sex
	BirthPlace string
	Postcode   string
}

// ByNIR finds the person of a number, for the purpose of vaccination.
// A number that nobody has is carnet.NotFound, code "person.unknown-nir".
func (s *Service) ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (Found, error) {
	const op = "people.ByNIR"
	if n.IsZero() {
		return Found{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: "nir.missing", Field: "nir"}
	}
	found, err := s.direct(ctx, actor, s.nirLookup(n), ByNumber)
	if err == nil && len(found) == 0 {
		err = carnet.E(op, carnet.NotFound, "person.unknown-nir", nil)
	}
	if err != nil {
		return Found{}, err
	}
	return found[0], nil
}

// direct opens the people of a key that is theirs alone, or nearly.
func (s *Service) direct(ctx context.Context, actor protect.Actor, key [32]byte, by Trait) (found []Found, err error) {
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination})
	err = s.store.Within(ctx, d, func(tx Tx) error {
		found = nil
		ids, err := tx.Aliases(key)
		if err != nil {
			return err
		}
		for _, id := range ids[:min(len(ids), MostFound)] {
			p, err := tx.Person(id)
			if err != nil {
				return err
			}
			found = append(found, Found{ID: id, Identity: p.Identity, Why: []Reason{{by, Exact, 100}}, Score: 100})
		}
		return alert(tx, found)
	})
	return found, err
}

// ByTraits finds people by what one knows of them, the likeliest first, at most [MostFound]. The list
// is empty when nobody fits. Slips of one letter, names that sound the same, names and given names
// one for the other, other given names of the list, former names, a day and a month one for the
// other and dates that civil status does not know are met, and each result says which of them it is.
func (s *Service) ByTraits(ctx context.Context, actor protect.Actor, t Traits) ([]Found, error) {
	var problems carnet.Problems
	if fold(t.Name.Reveal()) == "" && fold(t.Given.Reveal()) == "" {
		problems.Add("name", "person.name-missing", nil)
	}
	if t.Birth.IsZero() {
		problems.Add("birth", "birth.missing", nil)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	var found []Found
	d := s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Vaccination})
	err := s.store.Within(ctx, d, func(tx Tx) (err error) {
		found, err = s.likely(tx, t)
		if err != nil {
			return err
		}
		return alert(tx, found)
	})
	return found, err
}

// likely opens the people whom a key of the traits leads to, those of most keys first, and keeps who
// fits.
func (s *Service) likely(tx Tx, t Traits) ([]Found, error) {
	ids, err := tx.Candidates(s.keysOf(t), mostOpened)
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, id := range ids {
		p, err := tx.Person(id)
		if err != nil {
			return nil, err
		}
		why := compare(p, t)
		score := 0
		for _, r := range why {
			score += r.Points
		}
		if score >= leastScore {
			found = append(found, Found{ID: id, Identity: p.Identity, Why: why, Score: min(score, 100)})
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int {
		return cmp.Or(b.Score-a.Score, strings.Compare(fold(a.Identity.Given()), fold(b.Identity.Given())))
	})
	related(found)
	return found[:min(len(found), MostFound)], nil
}

// related marks twins and homonyms among those who were found.
func related(found []Found) {
	for i := range found {
		for j := range found {
			a, b := found[i].Identity, found[j].Identity
			if i == j || fold(a.BirthName.Reveal()) != fold(b.BirthName.Reveal()) || !a.Birth.Equal(b.Birth) {
				continue
			}
			which := Twin
			if fold(first(a)) == fold(first(b)) {
				which = Homonym
			}
			if !slices.Contains(found[i].Alerts, which) {
				found[i].Alerts = append(found[i].Alerts, which)
			}
		}
	}
}

// alert says what else to look at.
func alert(tx Tx, found []Found) (err error) {
	for i := range found {
		f := &found[i]
		switch n := f.Identity.NIR; {
		case n.IsZero():
			f.Alerts = append(f.Alerts, NoNumber)
		case n.Provisional():
			f.Alerts = append(f.Alerts, WaitingNIR)
		}
		if slices.ContainsFunc(f.Why, func(r Reason) bool { return r.Trait == ByName && r.How == Other }) {
			f.Alerts = append(f.Alerts, OtherRecord)
		}
		if f.Died, err = tx.Died(f.ID); err != nil {
			return err
		}
		if !f.Died.IsZero() {
			f.Alerts = append(f.Alerts, Deceased)
		}
	}
	return nil
}

// compare says what each trait says of a person.
func compare(p carnet.Person, t Traits) []Reason {
	var why []Reason
	add := func(trait Trait, how How) {
		if how != "" {
			why = append(why, Reason{trait, how, points[trait][how]})
		}
	}
	name, given := likeName(p, t.Name), likeGiven(p.Identity, t.Given)
	// Typed one for the other?
	if name == Other && given == Other && fold(t.Given.Reveal()) != "" && fold(t.Name.Reveal()) != "" {
		if n, g := likeName(p, t.Given), likeGiven(p.Identity, t.Name); n != Other && g != Other {
			name, given = Inverted, Inverted
		}
	}
	add(ByName, name)
	birth := likeBirth(p.Identity.Birth, t.Birth)
	if birth == "" {
		return nil // another date speaks for nobody
	}
	add(ByBirth, birth)
	add(ByGiven, given)
	if t.Sex != "" && p.Identity.Sex != "" {
		add(BySex, equal(t.Sex == p.Identity.Sex))
	}
	if t.BirthPlace != "" && p.Identity.BirthPlace != "" {
		add(ByPlace, equal(t.BirthPlace == p.Identity.BirthPlace))
	}
	if t.Postcode != "" && p.Identity.Postcode != "" {
		add(ByPostcode, equal(t.Postcode == p.Identity.Postcode))
	}
	if (name == Other || name == "") && given != Exact && given != Order {
		return nil // a given name that is only near does not make a person without the name
	}
	return why
}

func equal(same bool) How {
	if same {
		return Exact
	}
	return Other
}

// likeName compares a name with those of a person; empty when there is none to compare.
func likeName(p carnet.Person, name carnet.Private) How {
	n := fold(name.Reveal())
	if n == "" {
		return ""
	}
	best := Other
	try := func(theirs carnet.Private, exact How) {
		if how := likeWord(fold(theirs.Reveal()), n, exact); points[ByName][how] > points[ByName][best] {
			best = how
		}
	}
	try(p.Identity.BirthName, Exact)
	try(p.Identity.UsedName, Used)
	for _, f := range p.Former {
		try(f.BirthName, Former)
		try(f.UsedName, Former)
	}
	return best
}

// likeGiven compares a given name, or several, with those of a person.
func likeGiven(i carnet.Identity, given carnet.Private) How {
	g := fold(given.Reveal())
	if g == "" {
		return ""
	}
	if g == fold(i.Given()) {
		return Exact
	}
	best := Other
	for n, theirs := range i.GivenNames {
		exact := Exact
		if n > 0 {
			exact = Order
		}
		if how := likeWord(fold(theirs.Reveal()), g, exact); points[ByGiven][how] > points[ByGiven][best] {
			best = how
		}
	}
	return best
}

// likeWord compares two folded names.
func likeWord(theirs, ours string, exact How) How {
	switch {
	case theirs == "":
		return Other
	case theirs == ours:
		return exact
	case strings.ReplaceAll(theirs, " ", "") == strings.ReplaceAll(ours, " ", ""):
		return exact // only where words are cut
	case partOf(theirs, ours) || partOf(ours, theirs):
		return Part
	case sound(theirs) == sound(ours):
		return Sounds
	case oneSlip(theirs, ours):
		return Slip
	}
	return Other
}

// partOf reports that a name is one of the words of a name of several.
func partOf(whole, part string) bool {
	words := strings.Fields(whole)
	return len(words) > 1 && len(part) > 2 && slices.Contains(words, part)
}

// likeBirth compares two dates; empty when they have nothing to do with each other.
func likeBirth(theirs, ours carnet.BirthDate) How {
	if theirs.Equal(ours) {
		return Exact
	}
	a, b := theirs.Compact(), ours.Compact() // JJMMAAAA
	if len(a) != 8 || len(b) != 8 {
		return ""
	}
	if a[4:] == b[4:] && presumed(a[:2], b[:2]) && presumed(a[2:4], b[2:4]) {
		return Presumed
	}
	if a[4:] == b[4:] && a[:2] == b[2:4] && a[2:4] == b[:2] {
		return Swapped
	}
	same := 0
	for _, part := range [][2]int{{0, 2}, {2, 4}, {4, 8}} {
		if a[part[0]:part[1]] == b[part[0]:part[1]] {
			same++
		}
	}
	if same == 2 {
		return Near
	}
	return ""
}

// presumed reports that two days or months are one, or one of them is not known.
func presumed(a, b string) bool {
	return a == b || a == "00" || b == "00" || a == "01" && b == "00"
}

// keysOf lists the keys under which the people of some traits may be.
func (s *Service) keysOf(t Traits) [][32]byte {
	var keys [][32]byte
	add := func(k [32]byte) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	name, given := t.Name.Reveal(), t.Given.Reveal()
	firstGiven, _, _ := strings.Cut(strings.TrimSpace(given), " ")
	for _, date := range readings(t.Birth) {
		if fold(name) != "" {
			add(s.nameLookup(t.Name, date))
			add(s.headLookup(name, date))
			add(s.givenLookup(name, date)) // typed one for the other
		}
		if fold(given) != "" {
			add(s.givenLookup(given, date))
			add(s.givenLookup(firstGiven, date))
			add(s.headLookup(given, date))
		}
	}
	if fold(name) != "" && fold(given) != "" {
		add(s.yearLookup(name, firstGiven, t.Birth))
		add(s.yearLookup(given, name, t.Birth))
	}
	return keys
}

// readings lists the dates that somebody may mean: the one that they say, day and month one for the
// other, and a day or month that is not known, written 00 or 01.
func readings(b carnet.BirthDate) []carnet.BirthDate {
	list := b.Presumed()
	iso := b.ISO()
	year, month, day := iso[:4], iso[5:7], iso[8:]
	for _, other := range []string{year + "-" + day + "-" + month, year + "-" + month + "-00", year + "-00-00",
		year + "-" + strings.Replace(month, "00", "01", 1) + "-" + strings.Replace(day, "00", "01", 1)} {
		if d, err := carnet.ParseBirthDate(other); err == nil && !slices.ContainsFunc(list, d.Equal) {
			list = append(list, d)
		}
	}
	return list
}

// keys lists every way to find an identity, each once.
func (s *Service) keys(i carnet.Identity) []Alias {
	var list []Alias
	add := func(lookup [32]byte, reason string) {
		if !slices.ContainsFunc(list, func(a Alias) bool { return a.Lookup == lookup }) {
			list = append(list, Alias{lookup, reason})
		}
	}
	for _, name := range []carnet.Private{i.BirthName, i.UsedName} {
		if fold(name.Reveal()) == "" {
			continue
		}
		add(s.nameLookup(name, i.Birth), "name-birth")
		add(s.headLookup(name.Reveal(), i.Birth), "head-birth")
		add(s.yearLookup(name.Reveal(), first(i), i.Birth), "sound-year")
	}
	for _, g := range i.GivenNames[:min(len(i.GivenNames), 2)] {
		add(s.givenLookup(g.Reveal(), i.Birth), "given-birth")
	}
	if !i.NIR.IsZero() {
		add(s.nirLookup(i.NIR), "nir")
	}
	return list
}

func first(i carnet.Identity) string {
	if len(i.GivenNames) == 0 {
		return ""
	}
	return i.GivenNames[0].Reveal()
}

func (s *Service) nirLookup(n nir.Number) [32]byte { return s.ring.Lookup("nir", n.Reveal()) }

// nameLookup is the key of a name, letter by letter, with a birth date.
func (s *Service) nameLookup(name carnet.Private, birth carnet.BirthDate) [32]byte {
	return s.ring.Lookup("name-birth", fold(name.Reveal())+"|"+birth.Compact())
}

// headLookup is the key of the first two consonants of a name as they sound, with a birth date: a slip in
// the vowels or further on leads there too. A slip in these consonants is met through the given name.
func (s *Service) headLookup(name string, birth carnet.BirthDate) [32]byte {
	head := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1 // vowels
	}, sound(name))
	return s.ring.Lookup("head-birth", head[:min(len(head), 2)]+"|"+birth.Compact())
}

// givenLookup is the key of a given name as it sounds, with a birth date: the name may be another.
func (s *Service) givenLookup(given string, birth carnet.BirthDate) [32]byte {
	return s.ring.Lookup("given-birth", sound(given)+"|"+birth.Compact())
}

// yearLookup is the key of a name and a given name as they sound, with the year of birth: day and
// month may be wrong.
func (s *Service) yearLookup(name, given string, birth carnet.BirthDate) [32]byte {
	return s.ring.Lookup("sound-year", sound(name)+"|"+sound(given)+"|"+birth.Compact()[4:])
}
