package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"carnet/gs1"
	"carnet/internal/carnet"
)

// MaxPack is the longest pack that is read, in bytes.
const MaxPack = 1 << 20

// Pack is one file of the catalogue: products, diseases and rules of a part of medicine.
type Pack struct {
	Name    string   // "covid-19": a newer pack of the same name takes its place
	Version Day      // day of the edition
	Title   string   // in French, for the operator
	Sources []string // where the facts come from

	Diseases  []Disease         `toml:"disease"`
	Products  []Product         `toml:"vaccine"`
	Courses   []CourseRule      `toml:"course"`
	Intervals []IntervalRule    `toml:"interval"`
	Boosters  []BoosterRule     `toml:"booster"`
	Numbers   []NumberRule      `toml:"number"`
	Limits    []LimitRule       `toml:"age"`
	Aparts    []ApartRule       `toml:"apart"`
	Infects   []InfectionRule   `toml:"infection"`
	Eligibles []EligibilityRule `toml:"eligibility"`
	Questions []QuestionRule    `toml:"question"`
	Consents  []ConsentRule     `toml:"consent"`
	Bodies    []BodyRule        `toml:"body"`
}

// Disease is what a vaccine protects against.
type Disease struct {
	Code        string // ours: "covid-19"
	French      string // "rougeole"
	English     string
	Certificate string // as certificates name it, field L3 of a 2D-Doc: "ROUGEOLE"
}

// Product is a vaccine as a pack writes it.
type Product struct {
	Code          string
	Also          []string // other codes of the product, deprecated ones: they are read, never written
	Name          string
	Holder        string
	HolderID      string `toml:"holder_id"`
	Diseases      []string
	ATC           string   // current
	OldATC        []string `toml:"old_atc"` // earlier ones, still met
	CertifiedATC  string   `toml:"certified_atc"`
	Label         string
	Certificate   string // as certificates name what it is against, when the first disease does not say it all
	NUVA          string `toml:"nuva"`
	Types         []string
	Routes        []string
	Vial          int
	Live          bool
	Foreign       bool
	From, Until   Day
	Presentations []PresentationRow `toml:"presentation"`
}

// PresentationRow is one presentation of a product.
type PresentationRow struct {
	Name string
	NUVA string `toml:"nuva"`
	CIP  []string
}

// Day is a date in a pack, zero when none is written.
type Day struct{ carnet.Date }

// UnmarshalTOML takes a local date of TOML: 2021-02-11.
func (d *Day) UnmarshalTOML(v any) error {
	t, ok := v.(time.Time)
	if !ok {
		return fmt.Errorf("%v is not a date", v)
	}
	d.Date = carnet.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
	return nil
}

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSpan(string(b))
	return err
}

// UnmarshalText reads ages.
func (a *Ages) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAges(string(b))
	return err
}

// Rule is what every rule has. Within a kind the first one that fits decides, in the order of the
// packs by name, then of the file.
type Rule struct {
	ID       string // "covid-19/booster-3-months"
	Source   string // where it is written
	From     Day    // valid from this day, zero for always
	Until    Day    // up to and with this day, zero for still
	Diseases []string
	Vaccines []string // codes; empty for every product
	Ages     Ages
	Sex      carnet.Sex
}

// on reports that the rule is valid on a day.
func (r *Rule) on(d carnet.Date) bool {
	return (r.From.IsZero() || !d.Before(r.From.Date)) && (r.Until.IsZero() || !d.After(r.Until.Date))
}

// of reports that the rule is of a disease and of a product.
func (r *Rule) of(disease string, vaccine string) bool {
	return (len(r.Diseases) == 0 || slices.Contains(r.Diseases, disease)) && (len(r.Vaccines) == 0 || slices.Contains(r.Vaccines, vaccine))
}

// about reports that the rule is of a vaccine, by any of its diseases.
func (r *Rule) about(v *carnet.Vaccine) bool {
	return (len(r.Diseases) == 0 || slices.ContainsFunc(v.Diseases, func(d string) bool { return slices.Contains(r.Diseases, d) })) &&
		(len(r.Vaccines) == 0 || slices.Contains(r.Vaccines, v.Code))
}

// CourseRule says of how many doses a course is. Vaccines are those of its first dose, Ages those at
// its first dose.
type CourseRule struct {
	Rule
	Doses      int
	Infected   bool // only after an infection before the first dose, that is proven
	Exchange   bool // the products of the disease may take each other's place
	SeasonFrom string
	season     [2]int // month and day at which doses are counted again
}

// IntervalRule says when the next dose of a primary course is due after the one before. Vaccines
// are those of the dose before, Ages those at the first dose.
type IntervalRule struct {
	Rule
	Dose        int // rank of the next dose; 0 for each
	Least, Best Span
	Most        Span // late after it; zero for never
}

// BoosterRule says who needs a dose after the primary course, and when. Vaccines are those that may
// be used; After, those of the first dose.
type BoosterRule struct {
	Rule
	After       []string
	Least, Best Span // since the last dose
	Most        Span
	Infection   bool   // counted from an infection after the last dose
	At          []Span // birthdays at which one is due
	Every       Span   // after the last of At, or always
}

// NumberRule says how a booster is counted after a course of some number of doses: against that
// course ("2/1"), instead of against its own rank ("2/2").
type NumberRule struct {
	Rule
	Course int // doses of the course
}

// LimitRule says at which ages a vaccine is given; a vaccine without such a rule is for every age.
type LimitRule struct{ Rule }

// ApartRule says how far apart live vaccines are given unless they are given on one day.
type ApartRule struct {
	Rule
	Least  Span
	Except []string // routes that it is not about
}

// InfectionRule says how long after an infection a dose is given.
type InfectionRule struct {
	Rule
	Least Span
}

// EligibilityRule is a reason to have a vaccine, for the form.
type EligibilityRule struct {
	Rule
	Code            string
	French, English string
	choice          Choice
}

// QuestionRule is something to ask before the injection.
type QuestionRule struct {
	Rule
	Code            string
	Kind            QuestionKind
	Live            bool // of live vaccines only
	Route           string
	French, English string
	question        Question
}

// ConsentRule says who may agree. Without Diseases it is the law for all of them.
type ConsentRule struct {
	Rule
	By      []carnet.ConsentBy
	Parents int
}

// BodyRule says where on the body.
type BodyRule struct {
	Rule
	Sites  []carnet.BodySite
	Routes []string
}

// ParsePack reads a pack and checks it alone. The error lists every fault.
func ParsePack(text []byte) (*Pack, error) {
	if len(text) > MaxPack {
		return nil, fmt.Errorf("catalogue: a pack of %d bytes, at most %d", len(text), MaxPack)
	}
	p := new(Pack)
	meta, err := toml.Decode(string(text), p)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	var faults faults
	for _, key := range meta.Undecoded() {
		faults.add("unknown key %s", key)
	}
	p.check(&faults)
	for i := range p.Eligibles {
		r := &p.Eligibles[i]
		r.choice = Choice{r.Code, r.ID, r.French, map[string]string{"en": r.English}}
	}
	for i := range p.Questions {
		r := &p.Questions[i]
		r.question = Question{r.Code, r.ID, r.French, map[string]string{"en": r.English}, r.Kind}
	}
	return p, faults.err(p.Name)
}

// faults is everything that is wrong with a pack.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f faults) err(name string) error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("catalogue: pack %q: %w", name, errors.Join(f...))
}

// routes are how a vaccine is given: into a muscle, under the skin, into the skin, by mouth, into the nose.
var routes = []string{"IM", "SC", "ID", "PO", "NAS"}

func (p *Pack) check(f *faults) {
	if !plain(p.Name) || p.Version.IsZero() || p.Title == "" || len(p.Sources) == 0 {
		f.add("name, version, title and sources are needed")
	}
	for i := range p.Diseases {
		if d := &p.Diseases[i]; !plain(d.Code) || d.French == "" || d.English == "" || d.Certificate == "" || len(d.Certificate) > 29 {
			f.add("disease %d (%s): code, french, english and certificate (at most 29 characters) are needed", i+1, d.Code)
		}
	}
	for i := range p.Products {
		p.Products[i].check(f)
	}
	for _, r := range p.rules() {
		switch kind := r.kind; {
		case r.ID == "" || r.Source == "":
			f.add("%s %q: id and source are needed", kind, r.ID)
		case !r.From.IsZero() && !r.Until.IsZero() && r.Until.Before(r.From.Date):
			f.add("%s %s: ends before it begins", kind, r.ID)
		case r.Sex != "" && r.Sex != carnet.Female && r.Sex != carnet.Male:
			f.add("%s %s: sex %q", kind, r.ID, r.Sex)
		}
	}
	for i := range p.Courses {
		c := &p.Courses[i]
		if c.Doses < 1 || c.Doses > 9 {
			f.add("course %s: %d doses", c.ID, c.Doses)
		}
		if c.SeasonFrom != "" {
			t, err := time.Parse("01-02", c.SeasonFrom)
			if err != nil {
				f.add("course %s: season %q", c.ID, c.SeasonFrom)
			}
			c.season = [2]int{int(t.Month()), t.Day()}
		}
	}
	for _, r := range p.Intervals {
		if r.Least.IsZero() || r.Least.negative() || r.Best.negative() || r.Most.negative() || r.Dose < 0 || r.Dose == 1 || r.Dose > 9 {
			f.add("interval %s: least is needed, and a dose from 2 to 9", r.ID)
		}
	}
	for _, r := range p.Boosters {
		ages := slices.Clone(r.At)
		ages = append(ages, r.Least, r.Best, r.Most, r.Every)
		if r.Least.IsZero() || slices.ContainsFunc(ages, Span.negative) {
			f.add("booster %s: least is needed, and no span goes back", r.ID)
		}
	}
	for _, r := range p.Numbers {
		if r.Course < 1 || r.Course > 9 {
			f.add("number %s: course %d", r.ID, r.Course)
		}
	}
	for _, r := range p.Eligibles {
		if !plain(r.Code) || r.French == "" || r.English == "" {
			f.add("eligibility %s: code, french and english are needed", r.ID)
		}
	}
	for _, r := range p.Questions {
		if !plain(r.Code) || r.French == "" || r.English == "" || !slices.Contains([]QuestionKind{Contraindication, Postpone, Precaution}, r.Kind) {
			f.add("question %s: code, kind, french and english are needed", r.ID)
		}
	}
	for _, r := range p.Consents {
		if len(r.By) == 0 || slices.ContainsFunc(r.By, func(by carnet.ConsentBy) bool { return !slices.Contains(carnet.ConsentsBy, by) }) {
			f.add("consent %s: by %v", r.ID, r.By)
		}
	}
	for _, r := range p.Bodies {
		if len(r.Sites) == 0 || slices.ContainsFunc(r.Sites, func(s carnet.BodySite) bool { return !slices.Contains(carnet.BodySites, s) }) {
			f.add("body %s: sites %v", r.ID, r.Sites)
		}
	}
}

func (v *Product) check(f *faults) {
	switch {
	case v.Code == "" || v.Name == "" || v.Holder == "" || len(v.Diseases) == 0:
		f.add("vaccine %q: code, name, holder and diseases are needed", v.Code)
	case v.Vial < 0 || v.Vial > 50:
		f.add("vaccine %s: %d doses in a vial", v.Code, v.Vial)
	case v.Label != "" && (len(v.Label) < 5 || len(v.Label) > 29):
		f.add("vaccine %s: label of %d characters, 5 to 29 fit a certificate", v.Code, len(v.Label))
	case len(v.Certificate) > 29:
		f.add("vaccine %s: certificate of %d characters, at most 29", v.Code, len(v.Certificate))
	case !v.Foreign && len(v.Routes) == 0:
		f.add("vaccine %s: no route", v.Code)
	}
	for _, r := range v.Routes {
		if !slices.Contains(routes, r) {
			f.add("vaccine %s: route %q", v.Code, r)
		}
	}
	for _, p := range v.Presentations {
		for _, cip := range p.CIP {
			if g, err := gs1.ParseGTIN(cip); err != nil || len(cip) != 13 {
				f.add("vaccine %s: CIP %q", v.Code, cip)
			} else if _, french := g.CIP13(); !french {
				f.add("vaccine %s: CIP %q is not French", v.Code, cip)
			}
		}
	}
}

// kindRule is a rule with the name of its kind.
type kindRule struct {
	kind string
	*Rule
}

// rules lists the rules of every kind, in the order of the file.
func (p *Pack) rules() []kindRule {
	var list []kindRule
	list = each(list, "course", p.Courses, func(r *CourseRule) *Rule { return &r.Rule })
	list = each(list, "interval", p.Intervals, func(r *IntervalRule) *Rule { return &r.Rule })
	list = each(list, "booster", p.Boosters, func(r *BoosterRule) *Rule { return &r.Rule })
	list = each(list, "number", p.Numbers, func(r *NumberRule) *Rule { return &r.Rule })
	list = each(list, "age", p.Limits, func(r *LimitRule) *Rule { return &r.Rule })
	list = each(list, "apart", p.Aparts, func(r *ApartRule) *Rule { return &r.Rule })
	list = each(list, "infection", p.Infects, func(r *InfectionRule) *Rule { return &r.Rule })
	list = each(list, "eligibility", p.Eligibles, func(r *EligibilityRule) *Rule { return &r.Rule })
	list = each(list, "question", p.Questions, func(r *QuestionRule) *Rule { return &r.Rule })
	list = each(list, "consent", p.Consents, func(r *ConsentRule) *Rule { return &r.Rule })
	return each(list, "body", p.Bodies, func(r *BodyRule) *Rule { return &r.Rule })
}

func each[T any](list []kindRule, kind string, rows []T, rule func(*T) *Rule) []kindRule {
	for i := range rows {
		list = append(list, kindRule{kind, rule(&rows[i])})
	}
	return list
}

// plain reports a code of small letters, digits and dashes.
func plain(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
