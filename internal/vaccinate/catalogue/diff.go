package catalogue

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two editions of a pack.
type Change struct {
	What   string       `json:"what"` // "vaccine", "disease", or the kind of a rule
	ID     string       `json:"id"`   // code or id
	How    How          `json:"how"`
	Fields []Difference `json:"fields,omitempty"` // of what was changed
}

// Difference is a field that two editions write differently; empty is left open.
type Difference struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// How says how something differs.
type How string

// The ways.
const (
	Added   How = "added"
	Removed How = "removed"
	Changed How = "changed"
)

// Diff lists what a pack changes of an earlier one, in the order of kinds, then of ids.
func Diff(before, after *Pack) []Change {
	old, now := before.parts(), after.parts()
	var list []Change
	for id, part := range now {
		was, there := old[id]
		switch {
		case !there:
			list = append(list, Change{id.what, id.id, Added, nil})
		case !reflect.DeepEqual(was, part):
			list = append(list, Change{id.what, id.id, Changed, differences(was, part)})
		}
	}
	for id := range old {
		if _, there := now[id]; !there {
			list = append(list, Change{id.what, id.id, Removed, nil})
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.ID, b.ID)) })
	return list
}

type partID struct{ what, id string }

// parts are everything that a pack holds, by kind and id.
func (p *Pack) parts() map[partID]any {
	m := map[partID]any{}
	for _, d := range p.Diseases {
		m[partID{"disease", d.Code}] = d
	}
	for _, v := range p.Products {
		m[partID{"vaccine", v.Code}] = v
	}
	keep(m, "course", p.Courses, func(r CourseRule) string { return r.ID })
	keep(m, "interval", p.Intervals, func(r IntervalRule) string { return r.ID })
	keep(m, "booster", p.Boosters, func(r BoosterRule) string { return r.ID })
	keep(m, "number", p.Numbers, func(r NumberRule) string { return r.ID })
	keep(m, "age", p.Limits, func(r LimitRule) string { return r.ID })
	keep(m, "apart", p.Aparts, func(r ApartRule) string { return r.ID })
	keep(m, "infection", p.Infects, func(r InfectionRule) string { return r.ID })
	keep(m, "eligibility", p.Eligibles, func(r EligibilityRule) string { return r.ID })
	keep(m, "question", p.Questions, func(r QuestionRule) string { return r.ID })
	keep(m, "consent", p.Consents, func(r ConsentRule) string { return r.ID })
	keep(m, "body", p.Bodies, func(r BodyRule) string { return r.ID })
	return m
}

func keep[T any](m map[partID]any, what string, rows []T, id func(T) string) {
	for _, r := range rows {
		m[partID{what, id(r)}] = r
	}
}

// Field is one thing that a part of a pack says, as the pack writes it.
type Field struct{ Name, Value string }

// describe lists what a part says, in the order of its fields; what it leaves open is left out.
func describe(part reflect.Value) []Field {
	var list []Field
	for i := range part.NumField() {
		f := part.Type().Field(i)
		switch v := part.Field(i); {
		case !f.IsExported():
		case f.Anonymous:
			list = append(list, describe(v)...)
		case !v.IsZero():
			list = append(list, Field{strings.ToLower(f.Name), words(v)})
		}
	}
	return list
}

// words writes a value on one line.
func words(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		if v.Kind() == reflect.Struct && v.NumMethod() == 0 {
			var parts []string
			for _, f := range describe(v) {
				parts = append(parts, f.Value)
			}
			return strings.Join(parts, " ")
		}
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = words(v.Index(i))
	}
	return strings.Join(parts, ", ")
}

// differences are the fields in which two parts of one kind differ.
func differences(was, is any) []Difference {
	before, after := map[string]string{}, map[string]string{}
	var names []string
	for _, side := range []struct {
		part any
		into map[string]string
	}{{was, before}, {is, after}} {
		for _, f := range describe(reflect.ValueOf(side.part)) {
			side.into[f.Name] = f.Value
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	var list []Difference
	for _, name := range slices.Compact(names) {
		if before[name] != after[name] {
			list = append(list, Difference{name, before[name], after[name]})
		}
	}
	return list
}

// Part describes a rule by its id, with its kind and the pack that holds it.
func (c *Catalogue) Part(id string) (kind string, e Edition, list []Field, ok bool) {
	for _, e := range c.editions {
		for key, part := range e.parts() {
			if key.id == id && key.what != "vaccine" && key.what != "disease" {
				return key.what, e, describe(reflect.ValueOf(part)), true
			}
		}
	}
	return "", Edition{}, nil, false
}
