package ui

import (
	"net/url"
	"strconv"
	"strings"

	"carnet/internal/carnet"
)

// Hidden is a value that a form carries along.
type Hidden struct{ Name, Value string }

// Field is one question of a form. Its words come from the catalogue: key.label, and key.hint when
// there is one. Its error comes from the page's faults.
type Field struct {
	Kind     string // text, area, select, radios, check, parts
	Name, ID string
	Label    string
	Hint     string
	Error    string
	Value    string
	Class    string // width and figures: w4, w10, num
	Mode     string // inputmode
	Complete string // autocomplete
	Length   int    // most characters
	Options  []Option
	Parts    []Field
	Inline   bool
	Focus    bool // the cursor starts here
}

// Option is one choice of a select, of radios or a single box to tick.
type Option struct {
	Value, Label, Hint string
	Chosen             bool
	ID                 string
}

// Described lists the ids of what describes the field, for aria-describedby.
func (f Field) Described() string {
	s := ""
	if f.Hint != "" {
		s = f.ID + "-hint"
	}
	if f.Error != "" {
		if s != "" {
			s += " "
		}
		s += f.ID + "-error"
	}
	return s
}

func (p *Page) field(kind, name, key, value string) Field {
	f := Field{Kind: kind, Focus: p.Focus == name && len(p.Faults) == 0, Name: name, ID: name, Label: p.T(key + ".label"), Value: value, Error: p.faultOf(name), Complete: "off"}
	if p.Has(key + ".hint") {
		f.Hint = p.T(key + ".hint")
	}
	return f
}

// Input is a line of text.
func (p *Page) Input(name, key, value string) Field {
	f := p.field("text", name, key, value)
	f.Length = 200
	return f
}

// Digits is a line of text made of figures; width is its class.
func (p *Page) Digits(name, key, value, width string) Field {
	f := p.Input(name, key, value)
	f.Class, f.Mode = width+" num", "numeric"
	return f
}

// Area is a longer text.
func (p *Page) Area(name, key, value string) Field {
	f := p.field("area", name, key, value)
	f.Length = 500
	return f
}

// DayMonthYear asks a date in three parts, named name-day, name-month and name-year: it reads the
// same in every browser, is typed without a mouse, and a part of a date of birth can be unknown.
func (p *Page) DayMonthYear(name, key string, d Parts) Field {
	f := p.field("parts", name, key, "")
	for _, part := range []struct {
		name, value, width string
		length             int
	}{{"day", d.Day, "w2", 2}, {"month", d.Month, "w2", 2}, {"year", d.Year, "w4", 4}} {
		f.Parts = append(f.Parts, Field{
			Name: name + "-" + part.name, ID: name + "-" + part.name, Label: p.T("parts." + part.name), Value: part.value,
			Class: part.width + " num", Mode: "numeric", Complete: "off", Length: part.length,
		})
	}
	f.Parts[0].ID, f.Parts[0].Focus = name, f.Focus // the error summary leads here
	return f
}

// Parts is a date as typed.
type Parts struct{ Day, Month, Year string }

// ReadParts takes the three parts of a date out of a form.
func ReadParts(form url.Values, name string) Parts {
	get := func(part string) string { return strings.TrimSpace(form.Get(name + "-" + part)) }
	return Parts{get("day"), get("month"), get("year")}
}

// PartsOf takes a date apart.
func PartsOf(d carnet.Date) Parts {
	s := d.String()
	return Parts{s[8:], s[5:7], s[:4]}
}

// ISO is AAAA-MM-JJ, or "" when nothing was typed. It checks nothing.
func (p Parts) ISO() string {
	if p == (Parts{}) {
		return ""
	}
	pad := func(s string) string {
		if len(s) == 1 {
			return "0" + s
		}
		return s
	}
	return p.Year + "-" + pad(p.Month) + "-" + pad(p.Day)
}

// Hidden carries the parts along.
func (p Parts) Hidden(name string) []Hidden {
	return []Hidden{{name + "-day", p.Day}, {name + "-month", p.Month}, {name + "-year", p.Year}}
}

// Select is a list to choose one from; the first line is empty when nothing is chosen yet.
func (p *Page) Select(name, key, value string, options []Option) Field {
	f := p.field("select", name, key, value)
	f.Options = options
	for i := range f.Options {
		f.Options[i].Chosen = f.Options[i].Value == value
	}
	return f
}

// Radios shows every choice.
func (p *Page) Radios(name, key, value string, options []Option) Field {
	f := p.Select(name, key, value, options)
	f.Kind = "radios"
	for i := range f.Options {
		f.Options[i].ID = name
		if i > 0 {
			f.Options[i].ID += "-" + strconv.Itoa(i+1)
		}
	}
	return f
}

// Check is one box to tick.
func (p *Page) Check(name, key string, ticked bool) Field {
	f := p.field("check", name, key, "1")
	f.Options = []Option{{Value: "1", Label: f.Label, Hint: f.Hint, Chosen: ticked, ID: name}}
	return f
}
