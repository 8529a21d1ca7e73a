package fhir

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills structs from trees and gathers what is wrong.
type decoder struct{ faults Faults }

func (d *decoder) fault(path, code string) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, Fault{path, code})
	}
}

// object fills a struct: into is a pointer to it.
func (d *decoder) object(tree map[string]any, into any, path string) {
	v := reflect.ValueOf(into).Elem()
	s := schemaOf(v.Type())
	if len(tree) == 0 {
		d.fault(path, CodeValue)
		return
	}
	beside := Beside{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at, value := path+"."+name, tree[name]
		if _, resource := into.(Resource); resource && name == "resourceType" {
			continue
		}
		if f := s.byName[name]; f != nil {
			d.element(f, value, tree["_"+name], v.FieldByIndex(f.index), at)
			continue
		}
		if kind, ok := strings.CutPrefix(name, "value"); ok && s.value != nil && kinds[kind] {
			if to := v.FieldByIndex(s.value.index); to.Interface().(Value).Type != "" {
				d.fault(at, CodeChoice)
			} else if value == nil || value == "" {
				d.fault(at, CodeValue)
			} else {
				to.Set(reflect.ValueOf(Value{kind, value}))
			}
			continue
		}
		if plain, ok := strings.CutPrefix(name, "_"); ok {
			if f := s.byName[plain]; f != nil && f.primitive() {
				if e, ok := d.beside(f, value, path+"."+plain); ok {
					beside[plain] = e
				}
				continue
			}
			if kind, ok := strings.CutPrefix(plain, "value"); ok && s.value != nil && kinds[kind] {
				if e, ok := d.beside(&field{}, value, path+"."+plain); ok {
					beside[plain] = e
				}
				continue
			}
		}
		d.fault(at, CodeUnknown)
	}
	if len(beside) > 0 && s.beside != nil {
		v.FieldByIndex(s.beside).Set(reflect.ValueOf(beside))
	}
	d.present(s, v, beside, path)
}

// present checks what must be there, and choices.
func (d *decoder) present(s *schema, v reflect.Value, beside Beside, path string) {
	found, must := map[string]int{}, map[string]bool{}
	for i := range s.fields {
		f := &s.fields[i]
		_, alone := beside[f.name]
		there := alone || !v.FieldByIndex(f.index).IsZero()
		if f.required && !there {
			d.fault(path+"."+f.name, CodeRequired)
		}
		if f.choice != "" {
			must[f.choice] = f.must
			if there {
				found[f.choice]++
			}
		}
	}
	for _, group := range slices.Sorted(maps.Keys(must)) {
		if found[group] > 1 {
			d.fault(path+"."+group, CodeChoice)
		}
		if must[group] && found[group] == 0 {
			d.fault(path+"."+group, CodeRequired)
		}
	}
}

// element fills one field. ext is what stands beside it, for a list with empty places.
func (d *decoder) element(f *field, tree, ext any, into reflect.Value, path string) {
	if !f.list {
		d.item(f, tree, into, path)
		return
	}
	list, ok := tree.([]any)
	if !ok {
		d.fault(path, CodeForm)
		return
	}
	if len(list) == 0 {
		d.fault(path, CodeValue)
		return
	}
	others, _ := ext.([]any)
	out := reflect.MakeSlice(into.Type(), len(list), len(list))
	for i, one := range list {
		if one == nil && f.primitive() && i < len(others) && others[i] != nil {
			continue // only an extension stands there
		}
		d.item(f, one, out.Index(i), index(path, i))
	}
	into.Set(out)
}

// item fills one value.
func (d *decoder) item(f *field, tree any, into reflect.Value, path string) {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	switch f.kind {
	case isObject:
		object, ok := tree.(map[string]any)
		if !ok {
			d.fault(path, CodeForm)
			return
		}
		d.object(object, into.Addr().Interface(), path)
	case isResource:
		r, err := decodeResource(tree, "", path)
		if err != nil {
			for _, one := range err.(Faults) {
				d.fault(one.Path, one.Code)
			}
			return
		}
		into.Set(reflect.ValueOf(r))
	case isRaw:
		if tree == nil {
			d.fault(path, CodeValue)
			return
		}
		into.Set(reflect.ValueOf(Raw{tree}))
	case isText:
		text, ok := tree.(string)
		if !ok {
			d.fault(path, CodeForm)
		} else if !valid(f.of, text) {
			d.fault(path, CodeValue)
		}
		into.SetString(text)
	case isDecimal:
		n, ok := tree.(json.Number)
		if !ok {
			d.fault(path, CodeForm)
		} else if !valid(f.of, n.String()) {
			d.fault(path, CodeValue)
		}
		into.SetString(n.String())
	case isInteger:
		n, ok := tree.(json.Number)
		if !ok {
			d.fault(path, CodeForm)
			return
		}
		i, err := strconv.ParseInt(n.String(), 10, 32)
		least := map[reflect.Type]int64{reflect.TypeFor[UnsignedInt](): 0, reflect.TypeFor[PositiveInt](): 1}
		if low, bounded := least[f.of]; err != nil || bounded && i < low || n.String()[0] == '-' && i == 0 {
			d.fault(path, CodeValue)
			return
		}
		into.SetInt(i)
	case isBoolean:
		b, ok := tree.(bool)
		if !ok {
			d.fault(path, CodeForm)
			return
		}
		into.SetBool(b)
	}
}

// beside reads what stands beside a primitive value: ids and extensions.
func (d *decoder) beside(f *field, tree any, path string) (Primitive, bool) {
	out := Primitive{List: f.list}
	list := []any{tree}
	if f.list {
		var ok bool
		if list, ok = tree.([]any); !ok || len(list) == 0 {
			d.fault(path, CodeForm)
			return out, false
		}
	}
	for i, one := range list {
		if one == nil && f.list {
			out.Items = append(out.Items, nil)
			continue
		}
		object, ok := one.(map[string]any)
		if !ok {
			d.fault(path, CodeForm)
			return out, false
		}
		e := new(Element)
		at := path
		if f.list {
			at = index(path, i)
		}
		d.object(object, e, at)
		out.Items = append(out.Items, e)
	}
	return out, true
}
