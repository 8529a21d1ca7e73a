package fhir

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
)

// Encode writes a resource, its elements in the order of the specification.
func Encode(r Resource) ([]byte, error) {
	e := encoder{}
	e.resource(r)
	return e.Bytes(), e.err
}

type encoder struct {
	bytes.Buffer
	err error
}

// plain writes a value of encoding/json, without escaping what HTML would need.
func (e *encoder) plain(v any) {
	j := json.NewEncoder(&e.Buffer)
	j.SetEscapeHTML(false)
	if err := j.Encode(v); err != nil && e.err == nil {
		e.err = err
	}
	if n := e.Len(); n > 0 && e.Bytes()[n-1] == '\n' {
		e.Truncate(n - 1)
	}
}

func (e *encoder) resource(r Resource) {
	if o, ok := r.(*Other); ok {
		e.plain(o.tree)
		return
	}
	e.WriteString(`{"resourceType":`)
	e.plain(r.Type())
	e.fields(reflect.ValueOf(r).Elem(), true)
	e.WriteByte('}')
}

// fields writes the elements of a struct; more says that something stands before them.
func (e *encoder) fields(v reflect.Value, more bool) {
	s := schemaOf(v.Type())
	var beside Beside
	if s.beside != nil {
		beside = v.FieldByIndex(s.beside).Interface().(Beside)
	}
	name := func(n string) {
		if more {
			e.WriteByte(',')
		}
		more = true
		e.plain(n)
		e.WriteByte(':')
	}
	for i := range s.fields {
		f := &s.fields[i]
		value := v.FieldByIndex(f.index)
		key := f.name
		if f.kind == isValue {
			val := value.Interface().(Value)
			if key = "value" + val.Type; val.Type == "" {
				// an extension may stand alone where a primitive value would be
				for k, ext := range beside {
					if s.byName[k] == nil {
						name("_" + k)
						e.beside(ext)
					}
				}
				continue
			}
			name(key)
			e.plain(val.tree)
		} else if !value.IsZero() {
			name(key)
			e.element(f, value, beside[key])
		}
		if ext, ok := beside[key]; ok {
			name("_" + key)
			e.beside(ext)
		}
	}
}

func (e *encoder) element(f *field, v reflect.Value, ext Primitive) {
	if !f.list {
		e.item(f, v)
		return
	}
	e.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			e.WriteByte(',')
		}
		if f.primitive() && v.Index(i).IsZero() && i < len(ext.Items) && ext.Items[i] != nil {
			e.WriteString("null")
			continue
		}
		e.item(f, v.Index(i))
	}
	e.WriteByte(']')
}

func (e *encoder) item(f *field, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch f.kind {
	case isObject:
		e.WriteByte('{')
		e.fields(v, false)
		e.WriteByte('}')
	case isResource:
		e.resource(v.Interface().(Resource))
	case isRaw:
		e.plain(v.Interface().(Raw).tree)
	case isDecimal:
		e.WriteString(v.String())
	case isInteger:
		e.WriteString(strconv.FormatInt(v.Int(), 10))
	case isBoolean:
		e.WriteString(strconv.FormatBool(v.Bool()))
	case isText:
		e.plain(v.String())
	}
}

func (e *encoder) beside(ext Primitive) {
	if ext.List {
		e.WriteByte('[')
	}
	for i, one := range ext.Items {
		if i > 0 {
			e.WriteByte(',')
		}
		if one == nil {
			e.WriteString("null")
			continue
		}
		e.WriteByte('{')
		e.fields(reflect.ValueOf(one).Elem(), false)
		e.WriteByte('}')
	}
	if ext.List {
		e.WriteByte(']')
	}
}
