package catalogue

import "carnet/internal/carnet"

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
	Args map[string]any // days (int), days of the calendar (carnet.Date), names of vaccines (string), ages (Span) and diseases (Disease), which say themselves In a language
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
	TooYoung     WarningCode = "too-young"     // Age, Vaccine
	TooOld       WarningCode = "too-old"       // Age, Vaccine
	WrongSex     WarningCode = "sex"           // the rule is for the other sex: Vaccine
	LiveInterval WarningCode = "live-interval" // two live vaccines neither on one day nor far enough apart: Days, Least, Vaccine
	Infected     WarningCode = "infection"     // too soon after an infection: Days, Least, Disease
	NotBooster   WarningCode = "not-booster"   // the product is not for boosters on that day: Vaccine
	NotUsed      WarningCode = "not-used"      // not in use that day: Vaccine, Date (since or until)
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
