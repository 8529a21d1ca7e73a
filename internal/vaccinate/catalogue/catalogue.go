// Package catalogue knows the vaccines and the rules: dated, signed packs of data, and what they say
// of one dose.
//
// A pack is a TOML file of products, diseases and rules. The program carries packs; newer ones are
// loaded from a folder when their signature holds. Rules are data: each has an id, a source and the
// days between which it is valid, and an answer says which ones decided and of which version.
//
//	a := c.Assess(catalogue.Person{Birth: birth, Sex: sex}, history, vaccine, day)
//
// Assess is pure. It warns and never blocks. The rank comes from the whole history, in the order of
// the injections and not of their entry, so the same doses give the same ranks however they were
// typed; [Catalogue.Number] gives the rank of each dose of a history. The rules that count are those
// valid on the day of the dose, so a rule that changes tomorrow changes no dose of yesterday.
//
// Specification: workflow sections 3, 15 and 16.
package catalogue

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

//go:embed packs/*.toml
var embedded embed.FS

// Catalogue is packs put together. It is never changed: share it freely.
type Catalogue struct {
	editions []Edition
	older    []Edition
	version  string
	diseases map[string]Disease
	vaccines []carnet.Vaccine
	byCode   map[string]int // aliases included
	byPack   map[string]boxed
	rules    map[string]kindRule // by id

	// By disease, in the order in which they are tried.
	courses   map[string][]*CourseRule
	intervals map[string][]*IntervalRule
	boosters  map[string][]*BoosterRule
	numbers   map[string][]*NumberRule
	infects   map[string][]*InfectionRule
	limits    map[string][]*LimitRule // by vaccine
	aparts    []*ApartRule
	eligibles []*EligibilityRule
	questions []*QuestionRule
	consents  []*ConsentRule
	bodies    []*BodyRule
}

// boxed is what a pack holds: places in vaccines and in their presentations.
type boxed struct{ vaccine, presentation int }

// Edition is a pack that counts, and where it comes from.
type Edition struct {
	*Pack
	File   string // name in its folder; empty for one that the program carries
	Signer string // fingerprint of the key that signed the file
}

// Embedded reads the packs that the program carries.
func Embedded() (*Catalogue, error) {
	list, err := carried()
	if err != nil {
		return nil, err
	}
	return Join(list)
}

func carried() ([]Edition, error) {
	files, err := embedded.ReadDir("packs")
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	var list []Edition
	for _, f := range files {
		text, err := embedded.ReadFile("packs/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		p, err := ParsePack(text)
		if err != nil {
			return nil, err
		}
		list = append(list, Edition{Pack: p})
	}
	return list, nil
}

// Join puts packs together. Of packs of one name the newest counts. The error lists every fault: a
// code or an id that two packs have, a disease or a vaccine of a rule that nobody describes.
func Join(list []Edition) (*Catalogue, error) {
	c := &Catalogue{diseases: map[string]Disease{}, byCode: map[string]int{}, byPack: map[string]boxed{}, rules: map[string]kindRule{},
		courses: map[string][]*CourseRule{}, intervals: map[string][]*IntervalRule{}, boosters: map[string][]*BoosterRule{},
		numbers: map[string][]*NumberRule{}, infects: map[string][]*InfectionRule{}, limits: map[string][]*LimitRule{}}
	newest := map[string]Edition{}
	for _, e := range list {
		old, there := newest[e.Name]
		switch {
		case !there:
			newest[e.Name] = e
		case old.Version.Before(e.Version.Date):
			newest[e.Name] = e
			c.older = append(c.older, old)
		default:
			c.older = append(c.older, e)
		}
	}
	c.editions = slices.SortedFunc(maps.Values(newest), func(a, b Edition) int { return cmp.Compare(a.Name, b.Name) })
	var f faults
	var names []string
	for _, e := range c.editions {
		names = append(names, e.Name+" "+e.Version.String())
		for _, d := range e.Diseases {
			if _, twice := c.diseases[d.Code]; twice {
				f.add("disease %s is described twice", d.Code)
			}
			c.diseases[d.Code] = d
		}
	}
	c.version = strings.Join(names, ", ")
	for _, e := range c.editions {
		for i := range e.Products {
			c.addProduct(&e.Products[i], &f)
		}
	}
	for _, e := range c.editions {
		c.addRules(e.Pack, &f)
	}
	if err := f.err(c.version); err != nil {
		return nil, err
	}
	for i := range c.vaccines {
		c.usual(&c.vaccines[i])
	}
	return c, nil
}

func (c *Catalogue) addProduct(p *Product, f *faults) {
	v := carnet.Vaccine{Code: p.Code, Name: p.Name, Holder: p.Holder, HolderID: p.HolderID, ATC: cmp.Or(p.CertifiedATC, p.ATC), Label: p.Label,
		Diseases: p.Diseases, NUVA: p.NUVA, Types: p.Types, Routes: p.Routes, Vial: p.Vial, Live: p.Live, Foreign: p.Foreign, From: p.From.Date, Until: p.Until.Date}
	if p.ATC != "" {
		v.ATCs = append([]string{p.ATC}, p.OldATC...)
	}
	at := len(c.vaccines)
	for i, row := range p.Presentations {
		v.Presentations = append(v.Presentations, carnet.Presentation{Name: row.Name, NUVA: row.NUVA, Packs: row.CIP})
		v.Packs = append(v.Packs, row.CIP...)
		for _, cip := range row.CIP {
			if _, twice := c.byPack[cip]; twice {
				f.add("vaccine %s: the pack %s is that of another one too", p.Code, cip)
			}
			c.byPack[cip] = boxed{at, i}
		}
	}
	for _, d := range p.Diseases {
		if _, known := c.diseases[d]; !known {
			f.add("vaccine %s: disease %q is not described", p.Code, d)
		}
	}
	var french, english []string
	for _, d := range p.Diseases {
		french = append(french, c.diseases[d].French)
		english = append(english, c.diseases[d].English)
	}
	v.French, v.English = strings.Join(french, ", "), strings.Join(english, ", ")
	v.Disease = cmp.Or(p.Certificate, c.diseases[p.Diseases[0]].Certificate)
	for _, code := range append([]string{p.Code}, p.Also...) {
		if _, twice := c.byCode[code]; twice {
			f.add("vaccine %s: the code %s is written twice", p.Code, code)
		}
		c.byCode[code] = at
	}
	c.vaccines = append(c.vaccines, v)
}

func (c *Catalogue) addRules(p *Pack, f *faults) {
	for _, r := range p.rules() {
		if _, twice := c.rules[r.ID]; twice {
			f.add("%s %s: the id is written twice", r.kind, r.ID)
		}
		c.rules[r.ID] = r
		for _, d := range r.Diseases {
			if _, known := c.diseases[d]; !known {
				f.add("%s %s: disease %q is not described", r.kind, r.ID, d)
			}
		}
		for _, v := range r.Vaccines {
			if i, known := c.byCode[v]; !known || c.vaccines[i].Code != v {
				f.add("%s %s: vaccine %q is not described", r.kind, r.ID, v)
			}
		}
		if len(r.Diseases) == 0 && slices.Contains([]string{"course", "interval", "booster", "number", "infection"}, r.kind) {
			f.add("%s %s: diseases are needed", r.kind, r.ID)
		}
		if len(r.Vaccines) == 0 && r.kind == "age" {
			f.add("%s %s: vaccines are needed", r.kind, r.ID)
		}
	}
	index(c.courses, p.Courses, func(r *CourseRule) []string { return r.Diseases })
	index(c.intervals, p.Intervals, func(r *IntervalRule) []string { return r.Diseases })
	index(c.boosters, p.Boosters, func(r *BoosterRule) []string { return r.Diseases })
	index(c.numbers, p.Numbers, func(r *NumberRule) []string { return r.Diseases })
	index(c.infects, p.Infects, func(r *InfectionRule) []string { return r.Diseases })
	index(c.limits, p.Limits, func(r *LimitRule) []string { return r.Vaccines })
	c.aparts = pointers(c.aparts, p.Aparts)
	c.eligibles = pointers(c.eligibles, p.Eligibles)
	c.questions = pointers(c.questions, p.Questions)
	c.consents = pointers(c.consents, p.Consents)
	c.bodies = pointers(c.bodies, p.Bodies)
}

func index[T any](by map[string][]*T, rows []T, keys func(*T) []string) {
	for i := range rows {
		for _, key := range keys(&rows[i]) {
			by[key] = append(by[key], &rows[i])
		}
	}
}

func pointers[T any](list []*T, rows []T) []*T {
	for i := range rows {
		list = append(list, &rows[i])
	}
	return list
}

// usual fills what a product's course is for somebody of whom nothing is known, by the rules that
// have no end.
func (c *Catalogue) usual(v *carnet.Vaccine) {
	v.Primary = 1
	for _, r := range c.courses[v.Diseases[0]] {
		if r.Until.IsZero() && !r.Infected && r.Ages.open() && r.of(v.Diseases[0], v.Code) {
			v.Primary = r.Doses
			break
		}
	}
	for _, r := range c.intervals[v.Diseases[0]] {
		if r.Ages.open() && r.Dose <= 2 && r.of(v.Diseases[0], v.Code) {
			v.Interval = r.Least.days(carnet.Date{Year: 2021, Month: 1, Day: 1})
			break
		}
	}
}

// Version names the packs and their dates: "calendrier 2026-11-22, covid-19 2026-11-22".
func (c *Catalogue) Version() string { return c.version }

// Editions lists the packs that count, by name.
func (c *Catalogue) Editions() []Edition { return slices.Clone(c.editions) }

// Older lists the packs that do not count because another of their name is as new.
func (c *Catalogue) Older() []Edition { return slices.Clone(c.older) }

// Vaccines lists every product, those of other markets included.
func (c *Catalogue) Vaccines() []carnet.Vaccine { return slices.Clone(c.vaccines) }

// Diseases lists the diseases by code.
func (c *Catalogue) Diseases() []Disease {
	return slices.SortedFunc(maps.Values(c.diseases), func(a, b Disease) int { return cmp.Compare(a.Code, b.Code) })
}

// Disease describes a disease by its code.
func (c *Catalogue) Disease(code string) (Disease, bool) {
	d, ok := c.diseases[code]
	return d, ok
}

// In is the name of the disease in a language.
func (d Disease) In(lang string) string {
	if lang == "en" {
		return d.English
	}
	return d.French
}

// Offered lists the products in use in France on a day, in the order in which a form offers them.
func (c *Catalogue) Offered(on carnet.Date) []carnet.Vaccine {
	return slices.DeleteFunc(c.Vaccines(), func(v carnet.Vaccine) bool { return v.Foreign || !inUse(&v, on) })
}

func inUse(v *carnet.Vaccine, on carnet.Date) bool {
	return (v.From.IsZero() || !on.Before(v.From)) && (v.Until.IsZero() || !on.After(v.Until))
}

// Find returns the vaccine of a code. A deprecated code finds its product: write the Code of the
// answer, never the one that was read.
func (c *Catalogue) Find(code string) (carnet.Vaccine, bool) {
	if v := c.find(code); v != nil {
		return *v, true
	}
	return carnet.Vaccine{}, false
}

func (c *Catalogue) find(code string) *carnet.Vaccine {
	if i, ok := c.byCode[code]; ok {
		return &c.vaccines[i]
	}
	return nil
}

// FindPack returns the vaccine of a pack: a CIP13, or a GTIN of 14 digits (never a name).
func (c *Catalogue) FindPack(number string) (carnet.Vaccine, bool) {
	v, _, ok := c.Presentation(number)
	return v, ok
}

// Presentation is FindPack with the presentation that the pack holds.
func (c *Catalogue) Presentation(number string) (carnet.Vaccine, carnet.Presentation, bool) {
	if len(number) == 14 && number[0] == '0' {
		number = number[1:]
	}
	b, ok := c.byPack[number]
	if !ok {
		return carnet.Vaccine{}, carnet.Presentation{}, false
	}
	v := c.vaccines[b.vaccine]
	return v, v.Presentations[b.presentation], true
}

// System names a list of codes that others write.
type System string

// The lists.
const (
	EU   System = "eu"   // marketing authorisation or value-set code of the EU certificate, deprecated ones included
	CIP  System = "cip"  // CIP13
	GTIN System = "gtin" // 14 digits
	ATC  System = "atc"
	NUVA System = "nuva"
)

// FindCode returns the vaccines of a code of some list: several when the list is coarser than
// products (ATC), none when nobody knows it.
func (c *Catalogue) FindCode(s System, code string) []carnet.Vaccine {
	var list []carnet.Vaccine
	switch s {
	case EU:
		if v, ok := c.Find(code); ok {
			list = append(list, v)
		}
	case CIP, GTIN:
		if v, ok := c.FindPack(code); ok {
			list = append(list, v)
		}
	case ATC:
		for _, v := range c.vaccines {
			if slices.Contains(v.ATCs, code) {
				list = append(list, v)
			}
		}
	case NUVA:
		for _, v := range c.vaccines {
			if code != "" && (v.NUVA == code || slices.ContainsFunc(v.Presentations, func(p carnet.Presentation) bool { return p.NUVA == code })) {
				list = append(list, v)
			}
		}
	}
	return list
}
