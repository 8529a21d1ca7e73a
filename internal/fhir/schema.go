package fhir

import (
	"encoding/base64"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"
)

// field is one element of a type.
type field struct {
	name     string
	index    []int
	required bool
	choice   string // group of a choice
	must     bool   // one of the group must be there
	list     bool
	of       reflect.Type // of one item
	kind     kind
}

type kind uint8

const (
	isObject   kind = iota
	isText          // a primitive that is written as a text
	isDecimal       // a number, kept as it was written
	isInteger       // a number
	isBoolean       // true or false
	isResource      // a resource of any type
	isValue         // a choice of all types
	isRaw           // kept as it is
)

// schema is the elements of a struct, in the order in which they are written.
type schema struct {
	fields []field
	byName map[string]*field
	value  *field // the choice of all types, nil without
	beside []int  // index of what stands beside primitive values
}

// schemas remembers what schemaOf has computed: it depends on types alone.
var schemas sync.Map // reflect.Type -> *schema

func schemaOf(t reflect.Type) *schema {
	if s, ok := schemas.Load(t); ok {
		return s.(*schema)
	}
	s := &schema{byName: map[string]*field{}}
	s.add(t, nil)
	for i := range s.fields {
		f := &s.fields[i]
		if f.kind == isValue {
			s.value = f
		} else {
			s.byName[f.name] = f
		}
	}
	schemas.Store(t, s)
	return s
}

func (s *schema) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		path := append(append([]int{}, at...), i)
		if f.Anonymous {
			s.add(f.Type, path)
			continue
		}
		if f.Type == reflect.TypeFor[Beside]() {
			s.beside = path
			continue
		}
		name, required := strings.CutSuffix(f.Tag.Get("fhir"), "!")
		if name == "" {
			continue
		}
		e := field{name: name, index: path, required: required, of: f.Type}
		e.choice, e.must = strings.CutSuffix(f.Tag.Get("choice"), "!")
		if e.of.Kind() == reflect.Slice {
			e.list, e.of = true, e.of.Elem()
		}
		if e.of.Kind() == reflect.Pointer {
			e.of = e.of.Elem()
		}
		switch {
		case e.of == reflect.TypeFor[Value]():
			e.kind = isValue
		case e.of == reflect.TypeFor[Raw]():
			e.kind = isRaw
		case e.of.Kind() == reflect.Interface:
			e.kind = isResource
		case e.of == reflect.TypeFor[Decimal]():
			e.kind = isDecimal
		case e.of.Kind() == reflect.String:
			e.kind = isText
		case e.of.Kind() == reflect.Int:
			e.kind = isInteger
		case e.of.Kind() == reflect.Bool:
			e.kind = isBoolean
		}
		s.fields = append(s.fields, e)
	}
}

func (f *field) primitive() bool {
	return f.kind == isText || f.kind == isDecimal || f.kind == isInteger || f.kind == isBoolean
}

// kinds are the types that a choice of all types has (FHIR R4 section 2.24.0.2).
var kinds = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer Markdown Oid PositiveInt String Time UnsignedInt Uri Url Uuid
		Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count Distance Duration HumanName Identifier Money Period Quantity Range Ratio Reference SampledData Signature
		Timing ContactDetail Contributor DataRequirement Expression ParameterDefinition RelatedArtifact TriggerDefinition UsageContext Dosage Meta`) {
		m[name] = true
	}
	return m
}()

const maxText = 1 << 20 // characters of a string (section 2.24.0.1)

var (
	codeForm    = regexp.MustCompile(`^[^\s]+( [^\s]+)*$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	uriForm     = regexp.MustCompile(`^\S+$`)
	dateForm    = regexp.MustCompile(`^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`)
	momentForm  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`)
	timeForm    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?$`)
	decimalForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)
)

// valid reports that a text is one of its primitive type.
func valid(t reflect.Type, s string) bool {
	if strings.TrimSpace(s) == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) {
		return false
	}
	switch t {
	case reflect.TypeFor[Code]():
		return codeForm.MatchString(s)
	case reflect.TypeFor[ID]():
		return idForm.MatchString(s)
	case reflect.TypeFor[URI]():
		return uriForm.MatchString(s)
	case reflect.TypeFor[Base64]():
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		return err == nil
	case reflect.TypeFor[Date]():
		return isDate(s)
	case reflect.TypeFor[DateTime]():
		return isDate(s) || isMoment(s)
	case reflect.TypeFor[Instant]():
		return isMoment(s)
	case reflect.TypeFor[Time]():
		return timeForm.MatchString(s)
	case reflect.TypeFor[Decimal]():
		return decimalForm.MatchString(s)
	}
	return true
}

// isDate reports a date that exists, of a year, a month or a day.
func isDate(s string) bool {
	if !dateForm.MatchString(s) {
		return false
	}
	_, err := time.Parse("2006-01-02"[:len(s)], s)
	return err == nil && s[:4] != "0000"
}

func isMoment(s string) bool {
	if !momentForm.MatchString(s) {
		return false
	}
	s = strings.Replace(s, ":60", ":59", 1) // a leap second
	at, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && at.Year() > 0
}
