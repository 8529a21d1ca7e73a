package carnet

import (
	"strings"
	"time"
)

// Vaccine is a product of the catalogue. A code that nobody could confirm is empty, never guessed.
type Vaccine struct {
	Code     string // marketing authorisation of the Union, "EU/1/20/1528", or another stable code: the key, never the name
	Name     string // "Comirnaty"
	Holder   string // holder of the authorisation, as people know it: "Pfizer/BioNTech"
	HolderID string // "ORG-100030215"
	Disease  string // the first of Diseases, as certificates name it: "COVID-19"
	ATC      string // "J07BX03", as the 2D-Doc certifies it
	Label    string // what the 2D-Doc fields L5 and L6 say: "COMIRNATY PFIZER/BIONTECH"
	Primary  int    // doses of the primary course
	Interval int    // least number of days between two doses of the primary course

	Diseases []string // codes of the catalogue; the first one counts the doses
	French   string   // what it is against, in words: "rougeole, oreillons, rubéole"
	English  string
	Packs    []string // CIP13 of the French packs; the GTIN is 0 + CIP13
	NUVA     string   // "VAC0035"; empty when each presentation has its own
	ATCs     []string // every ATC code of the product, the current one first
	Types    []string // vaccine or prophylaxis codes of the EU certificate ("vp"), the preferred one first
	Routes   []string // how it is given, the usual way first: "IM", "SC", "ID", "PO", "NAS"
	Vial     int      // doses in a vial; 0 when it depends on the presentation
	Live     bool     // live attenuated
	Foreign  bool     // not on the French market: read and recorded of a dose given elsewhere, never offered
	From     Date     // first day of use in France, zero when it does not matter
	Until    Date     // last day, zero while it is in use

	Presentations []Presentation
}

// Presentation is one form of a product: a strength, an adapted strain, a size for children.
type Presentation struct {
	Name  string   // "JN.1, 30 µg"; empty when there is one only
	NUVA  string   // "VAC1258"
	Packs []string // CIP13
}

// Lot is the batch number printed on the box. Together with a date and a place it points at a
// person, so it hides itself.
type Lot struct{ Private }

// ParseLot takes what the box says: 1 to 20 characters of the GS1 set for batch numbers
// (General Specifications, AI 10), letters in upper case.
func ParseLot(s string) (Lot, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" {
		return Lot{}, E("carnet.ParseLot", Invalid, "lot.missing", nil)
	}
	if len(s) > 20 {
		return Lot{}, E("carnet.ParseLot", Invalid, "lot.long", nil)
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_./+", c) >= 0) {
			return Lot{}, E("carnet.ParseLot", Invalid, "lot.character", nil)
		}
	}
	return Lot{Hide(s)}, nil
}

// BodySite is where on the body the dose was injected.
type BodySite string

const (
	LeftArm    BodySite = "left-arm"
	RightArm   BodySite = "right-arm"
	LeftThigh  BodySite = "left-thigh"
	RightThigh BodySite = "right-thigh"
)

// BodySites lists them in the order in which a form offers them.
var BodySites = []BodySite{LeftArm, RightArm, LeftThigh, RightThigh}

// NotGiven says why there was no injection. It is empty for a dose that was given.
type NotGiven string

// Why somebody who came was not vaccinated: a record too, so that nobody asks twice.
const (
	Refused         NotGiven = "refused"
	Absent          NotGiven = "absent"
	Unwell          NotGiven = "unwell"          // fever, an illness of the day: to be seen again
	Contraindicated NotGiven = "contraindicated" // for this vaccine, whatever the day
	Elsewhere       NotGiven = "elsewhere"       // had it somewhere else already
)

// NotGivens lists them in the order in which a form offers them.
var NotGivens = []NotGiven{Refused, Absent, Unwell, Contraindicated, Elsewhere}

// Evidence says how well a dose is known.
type Evidence string

// From the strongest to the weakest. Certificates are made of the first two only.
const (
	Administered Evidence = ""       // entered by those who gave it, or in their name
	Proven       Evidence = "proof"  // given elsewhere; the professional saw the proof
	Stated       Evidence = "stated" // said by the person, nothing seen
)

// Evidences lists them in the order in which a form offers them.
var Evidences = []Evidence{Administered, Proven, Stated}

// PlaceType says what kind of place an injection was given in.
type PlaceType string

// The types of places.
const (
	Centre   PlaceType = "site" // the place of the session
	CareHome PlaceType = "care-home"
	Home     PlaceType = "home" // at the person's
	Outreach PlaceType = "outreach"
)

// PlaceTypes lists them in the order in which a form offers them.
var PlaceTypes = []PlaceType{Centre, CareHome, Home, Outreach}

// Consent says who agreed to the injection.
type Consent struct {
	By       ConsentBy
	Name     Private // of the one who agreed, when it was not the person
	Relation Private // to the person, as they say it
}

// ConsentBy is the capacity in which somebody agrees.
type ConsentBy string

// Who may agree.
const (
	BySelf     ConsentBy = "self"
	ByParent   ConsentBy = "parent"
	ByGuardian ConsentBy = "guardian"
	ByAttorney ConsentBy = "attorney" // a power of attorney
	ByInterest ConsentBy = "interest" // nobody could be asked; in the person's best interest
)

// ConsentsBy lists them in the order in which a form offers them.
var ConsentsBy = []ConsentBy{BySelf, ByParent, ByGuardian, ByAttorney, ByInterest}

// Dose is one entry of a person's record as it stands after every correction: an injection, or that
// none was given. Injector, Responsible and RecordedBy are often three people at three desks.
type Dose struct {
	ID       ID
	PersonID ID
	NotGiven NotGiven // empty for an injection
	Evidence Evidence

	Vaccine   string // Vaccine.Code; empty for a foreign product that the catalogue does not know
	Product   string // as the proof writes it, for a dose given elsewhere
	Country   string // ISO 3166 alpha-2, of a dose given elsewhere; empty for France
	Lot       Lot    // zero when nobody knows it, which only a past dose may say
	Expiry    Date   // of the lot, zero when not known
	Half      bool   // half a dose was given
	Date      Date
	Time      string // "15:04" in Paris, empty when not known
	Place     Place  // zero for a dose given elsewhere
	PlaceType PlaceType
	BodySite  BodySite
	Route     string // of the catalogue: "IM", "SC", "ID", "PO", "NAS"

	Rank       int // rank of this dose
	Expected   int // doses of the course, as the rules stood on Date
	RankReason string
	Rules      string // version of the catalogue that proposed the rank

	Eligibility       string // code of the catalogue: why this person, this vaccine
	Consent           Consent
	Contraindications []string // codes of what was found, none when asked and nothing found
	Warnings          []string // codes of what was shown and not followed
	Note              Private

	Injector    ID // professional
	Responsible ID // professional who answers for the act
	RecordedBy  ID // professional
	Delegate    ID // who typed it for RecordedBy; zero when RecordedBy did
	RecordedAt  time.Time
	RecordedIn  string // Place.ID of the session in which it was entered; its head answers for it too
	LateReason  string // why it was entered on a later day than Date
	Form        string // serial number of the paper form that it was first written on
	Run         ID     // run that it belongs to; zero for an entry of its own
	Version     int    // 1, then one more for each correction
	Contested   bool   // RecordedBy says that this entry was not theirs
	Suspended   bool   // staff suspect a fraud: no certificate is made of it until they release it
	Suspected   bool   // somebody says that it is forged; a second person has not confirmed it yet
}

// Given reports an injection, against the record that none was given.
func (d Dose) Given() bool { return d.NotGiven == "" }

// Complete reports that the course is finished with this dose ("Terminé", against "En cours"). What
// does not count has no rank and completes nothing.
func (d Dose) Complete() bool { return d.Rank > 0 && d.Rank >= d.Expected }
