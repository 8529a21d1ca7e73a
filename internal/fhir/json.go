package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// parse reads one JSON value into maps, slices, strings, json.Number and bool. Names may not appear
// twice (FHIR R4 section 2.6.2: the order does not count, so neither may a later one win).
func parse(text []byte, l Limits) (any, error) {
	if l.Bytes == 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth == 0 {
		l.Depth = defaultDepth
	}
	if len(text) > l.Bytes {
		return nil, Faults{{"", CodeSize}}
	}
	if !utf8.Valid(text) {
		return nil, Faults{{"", CodeJSON}}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := value(d, l.Depth)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if f, ok := errors.AsType[Faults](err); ok {
		return nil, f
	}
	if err != nil {
		return nil, Faults{{"", CodeJSON}}
	}
	return tree, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, Faults{{"", CodeSize}}
	}
	if open == '[' {
		list := []any{}
		for d.More() {
			v, err := value(d, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	object := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := name.(string)
		if _, twice := object[key]; !ok || twice {
			return nil, errors.New("a name is written twice")
		}
		if object[key], err = value(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return object, err
}
