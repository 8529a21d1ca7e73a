package fhir

import (
	"encoding/json"
	"strconv"
)

// Primitive types. A text is never empty: the zero value is an absent element. Numbers and booleans
// are pointers for the same reason.
type (
	String      string
	Code        string
	URI         string // uri, url, canonical and oid
	ID          string
	Markdown    string
	Base64      string
	XHTML       string
	Date        string // "2021", "2021-05" or "2021-05-12"
	DateTime    string // a Date, or an instant with its zone
	Instant     string
	Time        string
	Decimal     string // as it was written: its precision counts
	Integer     int
	UnsignedInt int
	PositiveInt int
	Boolean     bool
)

// Beside is what stands beside the primitive values of an object, by their name: "_birthDate". A
// value may be absent and have only this.
type Beside map[string]Primitive

// Primitive is the id and the extensions of one primitive value, or of each of a list; nil for
// those that have none.
type Primitive struct {
	List  bool
	Items []*Element
}

// Element is what every data type begins with.
type Element struct {
	ID        String      `fhir:"id"`
	Extension []Extension `fhir:"extension"`

	Beside Beside
}

// Backbone is what the elements of a resource begin with.
type Backbone struct {
	Element
	ModifierExtension []Extension `fhir:"modifierExtension"`
}

// Extension is additional information; Value is one of the data types, as it was read.
type Extension struct {
	Element
	URL   URI   `fhir:"url!"`
	Value Value `fhir:"value[x]"`
}

// Value is a value of a choice of all types: Type is the ending of its name, "CodeableConcept".
type Value struct {
	Type string
	tree any
}

// Text builds a value of a type that is written as a text: Text("Code", "certain").
func Text(kind, text string) Value { return Value{kind, text} }

// String is the value when it is written as a text.
func (v Value) String() string {
	s, _ := v.tree.(string)
	return s
}

// Common is what every resource begins with.
type Common struct {
	ID            ID    `fhir:"id"`
	Meta          *Meta `fhir:"meta"`
	ImplicitRules URI   `fhir:"implicitRules"`
	Language      Code  `fhir:"language"`

	Beside Beside
}

// Domain is what most resources begin with.
type Domain struct {
	Common
	Text              *Narrative  `fhir:"text"`
	Contained         []Resource  `fhir:"contained"`
	Extension         []Extension `fhir:"extension"`
	ModifierExtension []Extension `fhir:"modifierExtension"`
}

// Meta is about the resource itself.
type Meta struct {
	Element
	VersionID   ID       `fhir:"versionId"`
	LastUpdated Instant  `fhir:"lastUpdated"`
	Source      URI      `fhir:"source"`
	Profile     []URI    `fhir:"profile"`
	Security    []Coding `fhir:"security"`
	Tag         []Coding `fhir:"tag"`
}

// Narrative is text for people.
type Narrative struct {
	Element
	Status Code  `fhir:"status!"`
	Div    XHTML `fhir:"div!"`
}

// Coding is a code of a system.
type Coding struct {
	Element
	System       URI      `fhir:"system"`
	Version      String   `fhir:"version"`
	Code         Code     `fhir:"code"`
	Display      String   `fhir:"display"`
	UserSelected *Boolean `fhir:"userSelected"`
}

// CodeableConcept is a concept by codes and words.
type CodeableConcept struct {
	Element
	Coding []Coding `fhir:"coding"`
	Text   String   `fhir:"text"`
}

// Find returns the code of a system, empty without.
func (c CodeableConcept) Find(system URI) Code {
	for _, one := range c.Coding {
		if one.System == system {
			return one.Code
		}
	}
	return ""
}

// Identifier is a number of a system.
type Identifier struct {
	Element
	Use      Code             `fhir:"use"`
	Type     *CodeableConcept `fhir:"type"`
	System   URI              `fhir:"system"`
	Value    String           `fhir:"value"`
	Period   *Period          `fhir:"period"`
	Assigner *Reference       `fhir:"assigner"`
}

// Reference names another resource.
type Reference struct {
	Element
	Reference  String      `fhir:"reference"`
	Type       URI         `fhir:"type"`
	Identifier *Identifier `fhir:"identifier"`
	Display    String      `fhir:"display"`
}

// Period is a time with two ends.
type Period struct {
	Element
	Start DateTime `fhir:"start"`
	End   DateTime `fhir:"end"`
}

// Quantity is an amount.
type Quantity struct {
	Element
	Value      Decimal `fhir:"value"`
	Comparator Code    `fhir:"comparator"`
	Unit       String  `fhir:"unit"`
	System     URI     `fhir:"system"`
	Code       Code    `fhir:"code"`
}

// Annotation is a note.
type Annotation struct {
	Element
	AuthorReference *Reference `fhir:"authorReference" choice:"author"`
	AuthorString    String     `fhir:"authorString" choice:"author"`
	Time            DateTime   `fhir:"time"`
	Text            Markdown   `fhir:"text!"`
}

// HumanName is a name of a person.
type HumanName struct {
	Element
	Use    Code     `fhir:"use"`
	Text   String   `fhir:"text"`
	Family String   `fhir:"family"`
	Given  []String `fhir:"given"`
	Prefix []String `fhir:"prefix"`
	Suffix []String `fhir:"suffix"`
	Period *Period  `fhir:"period"`
}

// ContactPoint is a telephone number or an address on a network.
type ContactPoint struct {
	Element
	System Code         `fhir:"system"`
	Value  String       `fhir:"value"`
	Use    Code         `fhir:"use"`
	Rank   *PositiveInt `fhir:"rank"`
	Period *Period      `fhir:"period"`
}

// Address is a postal address.
type Address struct {
	Element
	Use        Code     `fhir:"use"`
	Type       Code     `fhir:"type"`
	Text       String   `fhir:"text"`
	Line       []String `fhir:"line"`
	City       String   `fhir:"city"`
	District   String   `fhir:"district"`
	State      String   `fhir:"state"`
	PostalCode String   `fhir:"postalCode"`
	Country    String   `fhir:"country"`
	Period     *Period  `fhir:"period"`
}

// Attachment is a file.
type Attachment struct {
	Element
	ContentType Code         `fhir:"contentType"`
	Language    Code         `fhir:"language"`
	Data        Base64       `fhir:"data"`
	URL         URI          `fhir:"url"`
	Size        *UnsignedInt `fhir:"size"`
	Hash        Base64       `fhir:"hash"`
	Title       String       `fhir:"title"`
	Creation    DateTime     `fhir:"creation"`
}

// Bool is the value when it is true.
func (v Value) Bool() bool {
	b, _ := v.tree.(bool)
	return b
}

// Int is the value when it is a whole number, else 0.
func (v Value) Int() int {
	n, _ := v.tree.(json.Number)
	i, _ := strconv.Atoi(n.String())
	return i
}
