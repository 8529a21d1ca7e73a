package carnet

import (
	"strings"
	"time"
)

// Vaccine is a product of the catalogue.
type Vaccine struct {
	Code     string // marketing authorisation of the Union, "EU/1/20/1528": the key, never the name
	Name     string // "Comirnaty"
	Holder   string // holder of the authorisation, as people know it: "Pfizer/BioNTech"
	HolderID string // "ORG-100030215"
	Disease  string // "COVID-19"
	ATC      string // "J07BX03"
	Label    string // what the 2D-Doc fields L5 and L6 say: "COMIRNATY PFIZER/BIONTECH"
	Primary  int    // doses of the primary course
	Interval int    // least number of days between two doses of the primary course
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

// Dose is one injection as it stands after every correction.
type Dose struct {
	ID         ID
	PersonID   ID
	Vaccine    string // Vaccine.Code
	Lot        Lot
	Date       Date
	Place      Place
	BodySite   BodySite
	Rank       int // rank of this dose
	Expected   int // doses of the course, as the rules stood on Date
	RankReason string
	Injector   ID // professional
	RecordedBy ID // professional
	RecordedAt time.Time
	Version    int  // 1, then one more for each correction
	Delegate   ID   // who typed it for RecordedBy; zero when RecordedBy did
	Contested  bool // RecordedBy says that this entry was not theirs
}

// Complete reports that the course is finished with this dose ("Terminé", against "En cours").
func (d Dose) Complete() bool { return d.Rank >= d.Expected }
