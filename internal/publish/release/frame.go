package release

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Type is what a field holds.
type Type string

// Types of fields, as the Explore API names them.
const (
	Text   Type = "text"
	Int    Type = "int"
	Double Type = "double"
	Date   Type = "date"
)

// Field describes a column of a dataset.
type Field struct {
	Name        string `json:"name"`  // in the API and in Parquet
	Label       string `json:"label"` // of a column that people read; French
	Type        Type   `json:"type"`
	Description string `json:"description,omitempty"`
	Facet       bool   `json:"facet,omitempty"`
	// Hidden fields are in Parquet and can be asked for by name; they are in no list of fields, export or record.
	Hidden bool `json:"hidden,omitempty"`
}

// Nulls of the columns.
const (
	NullCode = math.MaxUint32
	NullInt  = math.MinInt32
)

// Column is the values of a field. Text and dates (2021-04-25) are codes into a sorted dictionary, so that codes
// compare as values do; only the slice of the field's type is there.
type Column struct {
	Field
	Dict   []string
	Codes  []uint32
	Ints   []int32
	Floats []float64 // NaN is null
}

// Null says whether a value is missing: hidden, zero or unknown, nobody can tell which.
func (c *Column) Null(row int) bool {
	switch c.Type {
	case Int:
		return c.Ints[row] == NullInt
	case Double:
		return math.IsNaN(c.Floats[row])
	}
	return c.Codes[row] == NullCode
}

// Text is a text or a date, "" for null.
func (c *Column) Text(row int) string {
	if code := c.Codes[row]; code != NullCode {
		return c.Dict[code]
	}
	return ""
}

// AppendText appends the value to b as CSV and the exports write it; null appends nothing.
func (c *Column) AppendText(b []byte, row int) []byte {
	if c.Null(row) {
		return b
	}
	switch c.Type {
	case Int:
		return strconv.AppendInt(b, int64(c.Ints[row]), 10)
	case Double:
		return AppendDouble(b, c.Floats[row])
	}
	return append(b, c.Dict[c.Codes[row]]...)
}

// AppendDouble writes a number with at least one decimal, as the real files do: 0.0, 0.05.
func AppendDouble(b []byte, v float64) []byte {
	n := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, 64)
	if !slices.Contains(b[n:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

// Frame is a dataset in memory, by columns. It is never changed once it was made.
type Frame struct {
	Rows    int
	Columns []*Column
}

// Column finds a column by its name, or nil.
func (f *Frame) Column(name string) *Column {
	for _, c := range f.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Visible lists the columns that are shown when nobody names one.
func (f *Frame) Visible() []*Column {
	out := make([]*Column, 0, len(f.Columns))
	for _, c := range f.Columns {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}

// Builder makes a frame row by row.
type Builder struct {
	columns []*Column
	known   []map[string]uint32
	rows    int
	next    int
}

// NewBuilder starts a frame of these fields.
func NewBuilder(fields []Field) *Builder {
	b := &Builder{known: make([]map[string]uint32, len(fields))}
	for i, f := range fields {
		b.columns = append(b.columns, &Column{Field: f})
		b.known[i] = map[string]uint32{}
	}
	return b
}

// column is the next one of the row. Values are added in the order of the fields.
func (b *Builder) column(types ...Type) (*Column, int) {
	i := b.next
	if b.next++; b.next == len(b.columns) {
		b.next, b.rows = 0, b.rows+1
	}
	if c := b.columns[i]; slices.Contains(types, c.Type) {
		return c, i
	}
	panic(fmt.Sprintf("release: field %s is of type %s, not %v", b.columns[i].Name, b.columns[i].Type, types)) // a mistake in the caller's source
}

// Text adds a text or a date; "" is null.
func (b *Builder) Text(v string) *Builder {
	c, i := b.column(Text, Date)
	code, ok := b.known[i][v]
	switch {
	case v == "":
		code = NullCode
	case !ok:
		code = uint32(len(c.Dict))
		c.Dict = append(c.Dict, v)
		b.known[i][v] = code
	}
	c.Codes = append(c.Codes, code)
	return b
}

// Int adds a count; NullInt is null.
func (b *Builder) Int(v int32) *Builder {
	c, _ := b.column(Int)
	c.Ints = append(c.Ints, v)
	return b
}

// Double adds a number; NaN is null.
func (b *Builder) Double(v float64) *Builder {
	c, _ := b.column(Double)
	c.Floats = append(c.Floats, v)
	return b
}

// Frame ends the frame: dictionaries are sorted.
func (b *Builder) Frame() *Frame {
	for _, c := range b.columns {
		sortDictionary(c)
	}
	return &Frame{Rows: b.rows, Columns: b.columns}
}

func sortDictionary(c *Column) {
	if slices.IsSorted(c.Dict) {
		return
	}
	order := make([]int, len(c.Dict))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.Dict[a], c.Dict[b]) })
	to, dict := make([]uint32, len(order)), make([]string, len(order))
	for i, o := range order {
		to[o], dict[i] = uint32(i), c.Dict[o]
	}
	for i, code := range c.Codes {
		if code != NullCode {
			c.Codes[i] = to[code]
		}
	}
	c.Dict = dict
}
