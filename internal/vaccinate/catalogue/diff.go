package catalogue

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two editions of a pack.
type Change struct {
	What   string   // "vaccine", "disease", or the kind of a rule
	ID     string   // code or id
	How    How      // added, removed or changed
	Fields []string // that differ, of what was changed
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
			list = append(list, Change{id.what, id.id, Changed, fields(reflect.ValueOf(was), reflect.ValueOf(part))})
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

// fields names the fields of two structs of one type that differ, those of the rule in it included.
func fields(a, b reflect.Value) []string {
	var list []string
	for i := range a.NumField() {
		f := a.Type().Field(i)
		switch {
		case !f.IsExported():
		case f.Anonymous:
			list = append(list, fields(a.Field(i), b.Field(i))...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			list = append(list, strings.ToLower(f.Name))
		}
	}
	return list
}
