// Package dcc is the content of an EU Digital COVID Certificate: one vaccination, one test or one
// recovery of one person (schemas 1.0.0 to 1.3.3 of ehn-dcc-development/eu-dcc-schema, value sets
// 2.12.0 of eu-dcc-valuesets; Carnet specification dcc.md, sections 3 to 5).
//
// # Reading
//
// [Read] takes the tree that a CBOR decoder made of the signed claims and gives a [Certificate]
// with a list of [Finding]: everything that departs from the schema of the stated version, from
// the value sets or from the rules of good form. It reads as much as it can: texts are trimmed and
// brought to NFC, null members count as absent, a dose of 2.0 is a dose of 2. Whether a finding
// refuses the certificate is the caller's decision; package hcert has two profiles for it.
//
// # What a finding means
//
// [Schema] and [Groups] come from the schemas, checked by hand: no schema library runs here.
// [ValueSet] is a code that the value sets do not have, or that they deprecate. [Form] is content
// that the schemas let pass but that a good issuer does not write. [Identifier] speaks of the
// certificate identifier (UVCI); many real ones are malformed, so it never refuses.
//
// # Issuing
//
// [Scheme] makes identifiers, [History] the numbers of a dose, and [ValueSets.Encoding] says which
// holder and types go with a product. Package hcert uses them to issue.
//
// # Personal data
//
// A Certificate tells who a person is and what was done to them. Printed or logged it shows a
// mask. Its fields and its JSON form are clear: marshal it only for the person's own eyes or for
// whoever they showed the code to. Findings name fields and rules, never values.
//
// # Not done
//
// The list of rapid-test devices (field ma of a test) grows and is not embedded: a caller loads it
// into [ValueSets]; without it only the form is checked. Business rules ("complete", "recent enough") belong to rule engines; see [Vaccination.Complete]
// for the one fact that the numbers themselves state.
package dcc

import (
	"fmt"
	"log/slog"
)

// Type says what a certificate attests.
type Type string

const (
	VaccinationType Type = "v"
	TestType        Type = "t"
	RecoveryType    Type = "r"
)

// Certificate is the payload. A right one has exactly one event in the three groups; a refused one
// may have more, or none.
type Certificate struct {
	Version      string        `json:"ver"`
	Name         Name          `json:"nam"`
	Birth        string        `json:"dob"` // "", YYYY, YYYY-MM or YYYY-MM-DD
	Vaccinations []Vaccination `json:"v,omitempty"`
	Tests        []Test        `json:"t,omitempty"`
	Recoveries   []Recovery    `json:"r,omitempty"`
}

// Name is a person's name as on the identity document, and transliterated for machines.
type Name struct {
	Family         string `json:"fn,omitempty"`
	FamilyStandard string `json:"fnt,omitempty"` // ICAO 9303-3: A-Z and <
	Given          string `json:"gn,omitempty"`
	GivenStandard  string `json:"gnt,omitempty"`
}

// Vaccination is one dose.
type Vaccination struct {
	Disease string `json:"tg"`
	Vaccine string `json:"vp"` // type of vaccine
	Product string `json:"mp"`
	Holder  string `json:"ma"` // marketing authorisation holder or maker
	Dose    int    `json:"dn"` // rank of this dose
	Doses   int    `json:"sd"` // doses of the series
	Date    string `json:"dt"` // YYYY-MM-DD
	Country string `json:"co"`
	Issuer  string `json:"is"`
	ID      string `json:"ci"` // UVCI, as signed
}

// Complete reports that the series is finished with this dose. Boosters count: 3 of 3, 2 of 1.
func (v Vaccination) Complete() bool { return v.Doses > 0 && v.Dose >= v.Doses }

// Booster reports a dose after the series, as far as the numbers tell: rank above the series, or
// 3 of 3 and beyond. The booster after a one-dose vaccine was once written 2 of 2; nothing tells
// it from a second dose.
func (v Vaccination) Booster() bool { return v.Dose > v.Doses || v.Dose == v.Doses && v.Dose >= 3 }

// Test is one test and its result.
type Test struct {
	Disease string `json:"tg"`
	Kind    string `json:"tt"`
	Name    string `json:"nm,omitempty"` // of a NAAT
	Device  string `json:"ma,omitempty"` // of a rapid test, number of the JRC list
	Sampled string `json:"sc"`           // date and time with zone
	Result  string `json:"tr"`
	Centre  string `json:"tc,omitempty"`
	Country string `json:"co"`
	Issuer  string `json:"is"`
	ID      string `json:"ci"`
}

// Recovery is a recovery from an infection.
type Recovery struct {
	Disease  string `json:"tg"`
	Positive string `json:"fr"` // date of the first positive test
	Country  string `json:"co"`
	Issuer   string `json:"is"`
	From     string `json:"df"`
	Until    string `json:"du"`
	ID       string `json:"ci"`
}

// Type gives the type of the single event, or "" when there is none or more than one.
func (c *Certificate) Type() Type {
	if c == nil || len(c.Vaccinations)+len(c.Tests)+len(c.Recoveries) != 1 {
		return ""
	}
	switch {
	case len(c.Vaccinations) == 1:
		return VaccinationType
	case len(c.Tests) == 1:
		return TestType
	}
	return RecoveryType
}

// ID gives the identifier of the single event, as signed, or "".
func (c *Certificate) ID() string {
	switch c.Type() {
	case VaccinationType:
		return c.Vaccinations[0].ID
	case TestType:
		return c.Tests[0].ID
	case RecoveryType:
		return c.Recoveries[0].ID
	}
	return ""
}

// Country gives the country of the single event, or "".
func (c *Certificate) Country() string {
	switch c.Type() {
	case VaccinationType:
		return c.Vaccinations[0].Country
	case TestType:
		return c.Tests[0].Country
	case RecoveryType:
		return c.Recoveries[0].Country
	}
	return ""
}

func (c Certificate) String() string       { return fmt.Sprintf("dcc(%s █)", c.Type()) }
func (c Certificate) GoString() string     { return c.String() }
func (c Certificate) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (n Name) String() string       { return "█" }
func (n Name) GoString() string     { return "█" }
func (n Name) LogValue() slog.Value { return slog.StringValue("█") }

func (v Vaccination) String() string       { return "dcc.Vaccination(█)" }
func (v Vaccination) GoString() string     { return v.String() }
func (v Vaccination) LogValue() slog.Value { return slog.StringValue(v.String()) }

func (t Test) String() string       { return "dcc.Test(█)" }
func (t Test) GoString() string     { return t.String() }
func (t Test) LogValue() slog.Value { return slog.StringValue(t.String()) }

func (r Recovery) String() string       { return "dcc.Recovery(█)" }
func (r Recovery) GoString() string     { return r.String() }
func (r Recovery) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Kind sorts findings by where the rule comes from.
type Kind string

const (
	Schema     Kind = "schema"     // the schema of the stated version
	Groups     Kind = "groups"     // not exactly one event
	ValueSet   Kind = "valueset"   // a code that the value sets do not know, or deprecate
	Form       Kind = "form"       // encoding and spelling that a good issuer avoids
	Identifier Kind = "identifier" // the UVCI; reported, never a reason to refuse
)

// Rule says what was broken. Rules are stable.
type Rule string

const (
	Missing    Rule = "missing"    // a required member is absent
	WrongType  Rule = "type"       // a member is not a text, an integer, a list or a map
	Pattern    Rule = "pattern"    // a text does not have the form of its field
	TooLong    Rule = "length"     // a text is longer than the schema allows
	OutOfRange Rule = "range"      // a dose number below 1, or above 9 before version 1.3.0
	OneEvent   Rule = "one-event"  // not exactly one event
	Unknown    Rule = "unknown"    // a code outside its value set
	Deprecated Rule = "deprecated" // a code to read and no longer to write
	Null       Rule = "null"       // a null or undefined member, or an empty group
	NotInteger Rule = "float"      // a whole number written as a float
	Tagged     Rule = "tagged"     // a date under CBOR tag 0
	Untrimmed  Rule = "untrimmed"  // white space around a text
	NotNFC     Rule = "nfc"        // a text that is not in Unicode form NFC
	NoDate     Rule = "date"       // not a date, or not a date and time with zone
	CheckDigit Rule = "check"      // the check character of the UVCI is wrong
)

// Finding is one departure. It names the member and the rule, never the value.
type Finding struct {
	Kind Kind   `json:"kind"`
	Rule Rule   `json:"rule"`
	Path string `json:"path"` // "v[0].dn"; "" for the certificate itself
}

func (f Finding) String() string { return string(f.Kind) + "." + string(f.Rule) + " " + f.Path }
