// Package fhir reads and writes the resources of HL7 FHIR R4 (4.0.1) that Carnet exchanges with the
// software of establishments: Immunization, Patient, Bundle, Parameters, OperationOutcome and
// CapabilityStatement, with the data types that they are made of. It knows nothing of Carnet.
//
//	im, err := fhir.Decode[fhir.Immunization](text, fhir.Limits{})
//	text, err := fhir.Encode(im)
//
// Reading is strict: a name that the type does not have, a name written twice, a value of another
// form than its type says, an empty value, a missing element are faults, each with its path
// ("Immunization.performer[0].actor"), all of them at once (Faults). Size and depth are bounded
// before anything is built. What is read and written again is the same, extensions of primitive
// values ("_birthDate") included.
//
// The structs are the schema: a field's tag is the name of the element, "!" after it says that it
// must be there, and a second tag groups the types of a choice ("occurrence[x]").
//
// What is not checked: terminology, invariants, profiles, references, and the content of narratives.
//
// Specification: hl7.org/fhir/R4, sections 2.6 (JSON), 2.24 (data types) and the resources' pages.
package fhir

import (
	"fmt"
	"strings"
)

// Version is that of the specification.
const Version = "4.0.1"

// MediaType is that of a resource.
const MediaType = "application/fhir+json"

// Resource is one of the resources of this package, or Other.
type Resource interface{ Type() string }

// Fault is something wrong in what was read. It never repeats a value.
type Fault struct {
	Path string // FHIRPath of the element: "Patient.name[0].given[1]"; empty for the text as a whole
	Code string
}

// The codes of faults.
const (
	CodeJSON     = "fhir.json"     // not one JSON value in UTF-8, or a name is written twice
	CodeSize     = "fhir.size"     // longer or deeper than what is read
	CodeResource = "fhir.resource" // not the resource that is expected here
	CodeUnknown  = "fhir.unknown"  // the type has no such element
	CodeRequired = "fhir.required" // it must be there
	CodeForm     = "fhir.form"     // an object, a list, a number or a text where another is expected
	CodeValue    = "fhir.value"    // a value that is not of its type, or an empty one
	CodeChoice   = "fhir.choice"   // more than one type of a choice
)

func (f Fault) Error() string { return "fhir: " + f.Path + ": " + f.Code }

// Faults is everything that is wrong in what was read, at most maxFaults.
type Faults []Fault

func (f Faults) Error() string {
	s := make([]string, len(f))
	for i, one := range f {
		s[i] = one.Error()
	}
	return strings.Join(s, "; ")
}

// Limits bounds what is read; zero fields are the defaults.
type Limits struct {
	Bytes int // 1 MiB
	Depth int // 32
}

const (
	defaultBytes = 1 << 20
	defaultDepth = 32
	maxFaults    = 50
)

// Decode reads a resource of one type.
func Decode[T any, P interface {
	*T
	Resource
}](text []byte, l Limits) (T, error) {
	var out T
	tree, err := parse(text, l)
	if err != nil {
		return out, err
	}
	r, err := decodeResource(tree, P(&out).Type(), P(&out).Type())
	if err != nil {
		return out, err
	}
	return *r.(P), nil
}

// DecodeAny reads a resource of any type of this package; another type is Other.
func DecodeAny(text []byte, l Limits) (Resource, error) {
	tree, err := parse(text, l)
	if err != nil {
		return nil, err
	}
	return decodeResource(tree, "", "")
}

// Other is a resource that this package knows nothing about but its type, as it was read.
type Other struct {
	Name string
	tree map[string]any
}

// Type is the name of the resource.
func (o *Other) Type() string { return o.Name }

// made makes an empty resource of a type, nil when this package has none.
func made(name string) Resource {
	switch name {
	case "Immunization":
		return &Immunization{}
	case "Patient":
		return &Patient{}
	case "Bundle":
		return &Bundle{}
	case "Parameters":
		return &Parameters{}
	case "OperationOutcome":
		return &OperationOutcome{}
	case "CapabilityStatement":
		return &CapabilityStatement{}
	}
	return nil
}

// decodeResource reads a resource from its tree; want is the type that it must be, empty for any.
func decodeResource(tree any, want, path string) (Resource, error) {
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, Faults{{path, CodeForm}}
	}
	name, ok := object["resourceType"].(string)
	if !ok || want != "" && name != want || name == "" || len(name) > 64 || strings.Trim(name, letters) != "" {
		return nil, Faults{{path, CodeResource}}
	}
	if path == "" {
		path = name
	}
	r := made(name)
	if r == nil {
		return &Other{name, object}, nil
	}
	d := decoder{}
	d.object(object, r, path)
	if len(d.faults) > 0 {
		return nil, d.faults
	}
	return r, nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
