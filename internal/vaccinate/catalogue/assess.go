package catalogue

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

// Person is what the rules need to know of somebody.
type Person struct {
	Birth      carnet.BirthDate // partial dates are first-class: an unknown day makes no warning
	Sex        carnet.Sex
	Infections []carnet.Infection // of any disease, in any order
}

// Assessment is what the rules valid on a day say of giving a product to a person.
type Assessment struct {
	Rank     int    // of this dose in the person's doses against the product's first disease
	Expected int    // doses of the course; the course is finished when Rank >= Expected
	Reason   Reason // why this rank
	Courses  []Course

	Rules   []string // ids of the rules that decided, each once, in order
	Version string   // of the catalogue

	Warnings  []Warning
	Eligible  []Choice          // reasons why this person may have this vaccine, likeliest first
	Questions []Question        // to ask before the injection
	Consent   Consent           // who may agree at this age
	Sites     []carnet.BodySite // where at this age, the usual place first
	Routes    []string          // the usual way first
	Next      Next              // of the dose after this one
}

// Reason says why a dose has its rank; it is also a key of the sites' words ("reason.first").
type Reason string

// The reasons of a rank.
const (
	First     Reason = "first"     // of a course of several, or the only one
	Primary   Reason = "primary"   // within the primary course
	Recovered Reason = "recovered" // the course is shorter after an infection
	Booster   Reason = "booster"
	Seasonal  Reason = "seasonal" // each season begins again at 1
)

// Course is the rank of the dose against one of the diseases of the product.
type Course struct {
	Disease        string // code
	Rank, Expected int
	Reason         Reason
}

// Warning is something unusual. It never stops the professional: only impossible data is refused.
type Warning struct {
	Code WarningCode
	Rule string         // id of the rule, empty when no rule of the packs is needed to see it
	Args map[string]any // days (int), dates (carnet.Date), names of vaccines and diseases (string)
}

// WarningCode is stable; it is also a key of the sites' words ("warning.interval").
type WarningCode string

// What deserves a second look.
const (
	Interval     WarningCode = "interval"      // sooner than the least interval: Days, Least, Vaccine
	Late         WarningCode = "late"          // a course is resumed later than recommended, never started again: Days, Most
	SameDay      WarningCode = "same-day"      // the same antigen twice on a day: Vaccine
	OtherVaccine WarningCode = "other-vaccine" // another product within the primary course: Vaccine
	Complete     WarningCode = "complete"      // the course is complete already: Doses
	LaterDose    WarningCode = "later-dose"    // a dose of a later day is recorded, its rank changes: Date
	TooYoung     WarningCode = "too-young"     // Age (words of the rule: "12y"), Vaccine
	TooOld       WarningCode = "too-old"       // Age, Vaccine
	WrongSex     WarningCode = "sex"           // the rule is for the other sex: Vaccine
	LiveInterval WarningCode = "live-interval" // two live vaccines neither on one day nor far enough apart: Days, Least, Vaccine
	Infected     WarningCode = "infection"     // too soon after an infection: Days, Least, Disease
	NotBooster   WarningCode = "not-booster"   // the product is not for boosters on that day: Vaccine
	NotUsed      WarningCode = "not-used"      // not on the market that day: Vaccine, From or Until (carnet.Date)
	StatedDose   WarningCode = "stated-dose"   // a dose without proof is not counted: Doses
	BeforeBirth  WarningCode = "before-birth"  // a recorded dose is older than the person: Doses; not counted
	Unknown      WarningCode = "unknown-dose"  // a dose of a product that the catalogue does not know is not counted: Doses
)

// Choice is a code with its words, for a form.
type Choice struct {
	Code   string // "age-65", "pregnancy"
	Rule   string // id
	French string
	In     map[string]string // words in other languages: "en"
}

// Question is something to ask before the injection. A yes never blocks: it is recorded.
type Question struct {
	Code   string // "allergy-component"
	Rule   string
	French string
	In     map[string]string
	Kind   QuestionKind
}

// QuestionKind says what a yes means.
type QuestionKind string

// The kinds of questions.
const (
	Contraindication QuestionKind = "contraindication" // not this vaccine
	Postpone         QuestionKind = "postpone"         // another day
	Precaution       QuestionKind = "precaution"       // ask, watch, choose
)

// Consent says who may agree, by the rule valid on the day.
type Consent struct {
	By      []carnet.ConsentBy // acceptable, the usual one first
	Parents int                // how many holders of parental authority must agree, 0 when none
	Rule    string
}

// Next is when the dose after this one is due; all zero when the course is complete and no booster
// is recommended.
type Next struct {
	Earliest    carnet.Date // not sooner
	Recommended carnet.Date // best day
	Overdue     carnet.Date // late from this day; zero when it is never late
	Rule        string
	Booster     bool
}

// Assess says what the rules valid on a day say of giving a vaccine to a person, after the doses
// that are recorded. The history may be in any order and hold doses of other diseases and records
// that none was given; a dose that is being corrected is left out by the caller. Doses that are
// only stated, and those of products that the catalogue does not know, are not counted.
func (c *Catalogue) Assess(p Person, history []carnet.Dose, v carnet.Vaccine, on carnet.Date) Assessment {
	before, after := c.split(history, v, on)
	a := Assessment{Rank: len(before) + 1, Version: c.version}
	course := v // the course is that of the first dose
	if len(before) > 0 {
		course, _ = c.Find(before[0].Vaccine)
	}
	switch {
	case a.Rank <= course.Primary:
		a.Expected, a.Reason = course.Primary, Primary
		if a.Rank == 1 {
			a.Reason = First
		}
	case course.Primary == 1 && !on.Before(carnet.Date{Year: 2022, Month: 2, Day: 1}):
		a.Expected, a.Reason = 1, Booster
	default:
		a.Expected, a.Reason = a.Rank, Booster
	}
	if len(before) > 0 {
		last := before[len(before)-1]
		name, _ := c.Find(last.Vaccine)
		days := on.Days() - last.Date.Days()
		switch {
		case days == 0:
			a.warn(SameDay, "", map[string]any{"Vaccine": name.Name})
		case a.Rank <= course.Primary && days < course.Interval:
			a.warn(Interval, "", map[string]any{"Days": days, "Least": course.Interval, "Vaccine": course.Name})
		}
		if last.Vaccine != v.Code && a.Rank <= course.Primary {
			a.warn(OtherVaccine, "", map[string]any{"Vaccine": name.Name})
		}
		if a.Reason == Booster {
			a.warn(Complete, "", map[string]any{"Doses": len(before)})
		}
	}
	if len(after) > 0 {
		a.warn(LaterDose, "", map[string]any{"Date": after[0].Date})
	}
	a.Courses = []Course{{v.Diseases[0], a.Rank, a.Expected, a.Reason}}
	return a
}

func (a *Assessment) warn(code WarningCode, rule string, args map[string]any) {
	a.Warnings = append(a.Warnings, Warning{code, rule, args})
}

// split gives the doses that count against the first disease of a vaccine, up to a day and after it.
func (c *Catalogue) split(history []carnet.Dose, v carnet.Vaccine, on carnet.Date) (before, after []carnet.Dose) {
	for _, d := range history {
		other, known := c.Find(d.Vaccine)
		if !known || !d.Given() || d.Evidence == carnet.Stated || !slices.Contains(other.Diseases, v.Diseases[0]) {
			continue
		}
		if d.Date.After(on) {
			after = append(after, d)
		} else {
			before = append(before, d)
		}
	}
	slices.SortFunc(before, order)
	slices.SortFunc(after, order)
	return before, after
}

// order is that of the injections. What was given on one day without a time is in the order of the codes of the
// vaccines, then of the ids, so that the order of entry decides nothing that a person could see.
func order(a, b carnet.Dose) int {
	return cmp.Or(cmp.Compare(a.Date.Days(), b.Date.Days()), strings.Compare(a.Time, b.Time), strings.Compare(a.Vaccine, b.Vaccine), bytes.Compare(a.ID[:], b.ID[:]))
}

// Number assesses each dose of a history that counts, as if it were given after those before it:
// the ranks that a record should have. The result is in the order of the history given; a dose that
// does not count has Rank 0.
func (c *Catalogue) Number(p Person, history []carnet.Dose) []Assessment {
	list := make([]Assessment, len(history))
	for i, d := range history {
		v, known := c.Find(d.Vaccine)
		if !known || !d.Given() || d.Evidence == carnet.Stated {
			continue
		}
		var earlier []carnet.Dose
		for k, e := range history {
			if k != i && order(e, d) < 0 {
				earlier = append(earlier, e)
			}
		}
		list[i] = c.Assess(p, earlier, v, d.Date)
	}
	return list
}
