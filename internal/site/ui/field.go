package ui

import "strconv"

// Hidden is a value that a form carries along.
type Hidden struct{ Name, Value string }

// Field is one question of a form. Its words come from the catalogue: key.label, and key.hint when
// there is one. Its error comes from the page's faults.
type Field struct {
	Kind     string // text, date, select, radios, check, birth
	Name, ID string
	Label    string
	Hint     string
	Error    string
	Value    string
	Class    string // width and figures: w4, w10, num
	Mode     string // inputmode
	Complete string // autocomplete
	Max      string // last day of a date
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

// Day is a calendar day, AAAA-MM-JJ, not after max when max is given.
func (p *Page) Day(name, key, value, max string) Field {
	f := p.field("date", name, key, value)
	f.Max, f.Class = max, "w10"
	return f
}

// Area is a longer text.
func (p *Page) Area(name, key, value string) Field {
	f := p.field("area", name, key, value)
	f.Length = 500
	return f
}

// Birth asks a date of birth in three parts, named name-day, name-month, name-year: a calendar is
// of no help sixty years back, and a part can be unknown.
func (p *Page) Birth(name, key, day, month, year string) Field {
	f := p.field("birth", name, key, "")
	for i, part := range []struct{ name, value, width string }{{"day", day, "w2"}, {"month", month, "w2"}, {"year", year, "w4"}} {
		f.Parts = append(f.Parts, Field{
			Name: name + "-" + part.name, ID: name + "-" + part.name, Label: p.T("birth." + part.name), Value: part.value,
			Class: part.width + " num", Mode: "numeric", Complete: "off", Length: []int{2, 2, 4}[i],
		})
	}
	f.Parts[0].ID = name // the error summary leads here
	return f
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
