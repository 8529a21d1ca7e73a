package twoddoc

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Definition is what the dictionary says of an identifier.
type Definition struct {
	ID      string
	Label   string // French, the field name of the specification
	English string
	Min     int
	Max     int    // in characters; 0 = unbounded
	Format  string // name of the format, or the class of characters; see identifiers.txt
	Values  []Value
	Closed  bool // no other value is allowed

	index int  // rank in the dictionary
	set   *set // characters allowed
	check func(string) bool
	other int // the maximum in another edition, or 0
	eori  bool
}

// Value is a coded value and its meaning.
type Value struct{ Code, Meaning string }

// Fixed reports that the field always has the same length and no separator.
func (d Definition) Fixed() bool { return d.Max > 0 && d.Min == d.Max }

// Meaning explains a coded value, or returns "".
func (d Definition) Meaning(code string) string {
	for _, v := range d.Values {
		if v.Code == code {
			return v.Meaning
		}
	}
	return ""
}

// full reports that a value of n characters needs no separator.
func (d Definition) full(n int) bool { return d.Fixed() || d.Max > 0 && n >= d.Max }

// Table says how much is known of the requirements of a type.
type Table uint8

const (
	Open    Table = iota // nothing: the fields of such a document are not checked against its type
	Partial              // what is required is known, more than what is listed may be allowed
	Full                 // what is not listed is forbidden
)

// Type is what the dictionary says of a document type.
type Type struct {
	Code    string
	Label   string // French, what the document is for
	Issuer  string // French, what its issuer calls it
	English string
	Dated   bool // the header has an emission date; else it has FFFF
	Table   Table

	all     idSet
	one     [][]idSet
	when    []condition
	allowed idSet
}

// condition requires identifiers when a field has one of some one-character values.
type condition struct {
	id     string
	values string
	all    idSet
}

// Lookup finds an identifier of perimeter 01.
func Lookup(id string) (Definition, bool) {
	if d := dictionary().find(id); d != nil {
		return *d, true
	}
	return Definition{}, false
}

// LookupType finds a document type of perimeter 01.
func LookupType(code string) (Type, bool) {
	if t := dictionary().findType(code); t != nil {
		return *t, true
	}
	return Type{}, false
}

//go:embed identifiers.txt
var identifierTable string

//go:embed types.txt
var typeTable string

// dictionary parses the two tables once, when they are first needed.
var dictionary = sync.OnceValue(func() *tables {
	t := &tables{}
	must(t.readIdentifiers(identifierTable))
	must(t.readTypes(typeTable))
	return t
})

// must is for the embedded tables, which a test reads: they are right or the program is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

type tables struct {
	byID  [ids]*Definition
	byRow []*Definition
	types [ids]*Type
}

// ids is how many texts of two digits and letters there are.
const ids = 36 * 36

// place counts them, and gives -1 for any other text.
func place(id string) int {
	if len(id) != 2 {
		return -1
	}
	a, b := base36(id[0]), base36(id[1])
	if a < 0 || b < 0 {
		return -1
	}
	return a*36 + b
}

func (t *tables) find(id string) *Definition {
	if n := place(id); n >= 0 {
		return t.byID[n]
	}
	return nil
}

func (t *tables) findType(code string) *Type {
	if n := place(code); n >= 0 {
		return t.types[n]
	}
	return nil
}

func base36(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return -1
}

// idSet is a set of identifiers, by rank in the dictionary.
type idSet [7]uint64

func (s *idSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *idSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s *idSet) join(o *idSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// missing returns the rank of the first member of s that is not in o, or -1.
func (s *idSet) missing(o *idSet) int {
	for i := range s {
		if d := s[i] &^ o[i]; d != 0 {
			n := i * 64
			for ; d&1 == 0; d >>= 1 {
				n++
			}
			return n
		}
	}
	return -1
}

// set is a set of ASCII characters.
type set [2]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) remove(c byte)   { s[c>>6] &^= 1 << (c & 63) }
func (s *set) has(c byte) bool { return c < 128 && s[c>>6]>>(c&63)&1 != 0 }

// outside is the place of the first character that is not in the set, or the length.
func (s *set) outside(text string) int {
	lo, hi := s[0], s[1]
	for i := 0; i < len(text); i++ {
		c := text[i]
		half := lo
		if c >= 64 {
			half = hi
		}
		if c >= 128 || half>>(c&63)&1 == 0 {
			return i
		}
	}
	return len(text)
}

// newSet reads a class such as "A-Z0-9_/-": _ is the space, a hyphen stands last.
func newSet(class string) *set {
	s := new(set)
	for i := 0; i < len(class); i++ {
		lo := class[i]
		hi := lo
		if i+2 < len(class) && class[i+1] == '-' {
			hi = class[i+2]
			i += 2
		}
		if lo == '_' {
			lo, hi = ' ', ' '
		}
		for c := lo; c <= hi; c++ {
			s.add(c)
		}
	}
	return s
}

// format is a named format: its characters, and what a value must be beyond them.
type format struct {
	class string
	check func(string) bool
}

func formatOf(name string) (format, bool) {
	switch name {
	case "digits", "phone", "year":
		return format{class: "0-9"}, true
	case "date":
		return format{"0-9", isDate}, true
	case "date0":
		return format{"0-9", isPartialDate}, true
	case "birth":
		return format{"0-9", isBirthText}, true
	case "minute":
		return format{"0-9", func(s string) bool { return isDate(s[:8]) && isTime(s[8:]) }}, true
	case "second":
		return format{"0-9", func(s string) bool { return isDate(s[:8]) && isTime(s[8:]) }}, true
	case "hhmm", "hhmmss":
		return format{"0-9", isTime}, true
	case "days", "hex":
		return format{class: "0-9A-F"}, true
	case "bool":
		return format{class: "01"}, true
	case "base36", "eori":
		return format{class: "0-9A-Z"}, true
	case "integer":
		return format{"0-9-", isAmount}, true
	case "amount":
		return format{"0-9,-", isAmount}, true
	case "decimal":
		return format{"0-9,", isAmount}, true
	case "country":
		return format{class: "A-Z"}, true
	case "base32":
		return format{"A-Z2-7", func(s string) bool { _, err := signatureText.DecodeString(s); return err == nil }}, true
	case "?":
		return format{class: "_!\"#$%&'()*+,./0-9:;<=>?@A-Z[\\]^-"}, true
	}
	letters := newSet("A-Z0-9/.,'@-")
	letters.add('_')
	return format{class: name}, only(name, letters.has)
}

func (t *tables) readIdentifiers(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		d, err := readDefinition(line)
		if err != nil {
			return fmt.Errorf("identifiers.txt line %d: %w", n, err)
		}
		if t.find(d.ID) != nil {
			return fmt.Errorf("identifiers.txt line %d: %s twice", n, d.ID)
		}
		t.byID[place(d.ID)] = d
	}
	// Ranks follow the order of the identifiers, so that "A0-A7" in types.txt is a range.
	for _, d := range t.byID {
		if d != nil {
			d.index = len(t.byRow)
			t.byRow = append(t.byRow, d)
		}
	}
	if len(t.byRow) > len(idSet{})*64 {
		return fmt.Errorf("identifiers.txt: %d identifiers do not fit a set", len(t.byRow))
	}
	return nil
}

func readDefinition(line string) (*Definition, error) {
	cols := strings.Split(line, " | ")
	head := strings.Fields(cols[0])
	if len(cols) < 2 || len(head) < 4 || place(head[0]) < 0 {
		return nil, fmt.Errorf("malformed")
	}
	d := &Definition{ID: head[0], Label: strings.Join(head[3:], " "), English: cols[1], Format: head[2]}
	if err := d.readSize(head[1]); err != nil {
		return nil, err
	}
	f, ok := formatOf(d.Format)
	if !ok {
		return nil, fmt.Errorf("format %q", d.Format)
	}
	d.set, d.check, d.eori = newSet(f.class), f.check, d.Format == "eori"
	if len(cols) > 2 {
		list, open := strings.CutPrefix(cols[2], "~ ")
		d.Closed = !open
		for item := range strings.SplitSeq(list, "; ") {
			code, meaning, _ := strings.Cut(item, "=")
			d.Values = append(d.Values, Value{strings.ReplaceAll(code, "_", " "), meaning})
		}
	}
	return d, nil
}

// readSize reads "8", "0-38", "0-" or "0-20/38".
func (d *Definition) readSize(s string) error {
	s, other, hasOther := strings.Cut(s, "/")
	least, most, isRange := strings.Cut(s, "-")
	var err error
	number := func(s string) int {
		n, e := strconv.Atoi(s)
		if e != nil {
			err = e
		}
		return n
	}
	d.Min = number(least)
	switch {
	case !isRange:
		d.Max = d.Min
	case most != "":
		d.Max = number(most)
	}
	if hasOther {
		d.other = number(other)
	}
	return err
}

func (t *tables) readTypes(text string) error {
	var cur *Type
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		var err error
		if line[0] == ' ' {
			err = t.readRule(cur, strings.TrimSpace(line))
		} else {
			if cur, err = readType(line); err == nil {
				t.types[place(cur.Code)] = cur
			}
		}
		if err != nil {
			return fmt.Errorf("types.txt line %d: %w", n, err)
		}
	}
	return nil
}

func readType(line string) (*Type, error) {
	cols := strings.Split(line, " | ")
	head := strings.Fields(cols[0])
	typ := &Type{}
	if len(cols) != 3 || len(head) < 4 || place(head[0]) < 0 {
		return nil, fmt.Errorf("malformed")
	}
	typ.Code, typ.Label = head[0], strings.Join(head[3:], " ")
	typ.Issuer, typ.English = cols[1], cols[2]
	typ.Dated = head[1] == "dated"
	i := slices.Index([]string{"open", "partial", "full"}, head[2])
	if i < 0 {
		return nil, fmt.Errorf("table %q", head[2])
	}
	typ.Table = Table(i)
	return typ, nil
}

func (t *tables) readRule(typ *Type, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	if typ == nil {
		return fmt.Errorf("rule before the first type")
	}
	switch word {
	case "all", "may":
		s, err := t.ids(rest)
		if err != nil {
			return err
		}
		if word == "all" {
			typ.all.join(&s)
		}
		typ.allowed.join(&s)
	case "one":
		var choices []idSet
		for c := range strings.SplitSeq(rest, "|") {
			s, err := t.ids(c)
			if err != nil {
				return err
			}
			choices = append(choices, s)
			typ.allowed.join(&s)
		}
		typ.one = append(typ.one, choices)
	case "if":
		cond, ids, _ := strings.Cut(rest, " ")
		id, values, _ := strings.Cut(cond, "=")
		s, err := t.ids(ids)
		if err != nil {
			return err
		}
		typ.when = append(typ.when, condition{id, values, s})
		typ.allowed.join(&s)
	default:
		return fmt.Errorf("rule %q", word)
	}
	return nil
}

// ids reads "30-32 39": a range holds the known identifiers between its ends.
func (t *tables) ids(text string) (idSet, error) {
	var s idSet
	for item := range strings.FieldsSeq(text) {
		lo, hi, isRange := strings.Cut(item, "-")
		if !isRange {
			hi = lo
		}
		a, b := t.find(lo), t.find(hi)
		if a == nil || b == nil || a.index > b.index {
			return s, fmt.Errorf("identifiers %q", item)
		}
		for i := a.index; i <= b.index; i++ {
			s.add(i)
		}
	}
	return s, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func only(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// two reads two digits; anything else is above every limit.
func two(s string) int {
	if !isDigit(s[0]) || !isDigit(s[1]) {
		return 1000
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

// isDate checks JJMMAAAA: the day exists in that month of that year.
func isDate(s string) bool {
	day, month := two(s), two(s[2:])
	return day >= 1 && month >= 1 && month <= 12 && day <= daysIn(month, two(s[4:])*100+two(s[6:]))
}

// isPartialDate allows 00 for a day, or for day and month, or for the month alone.
func isPartialDate(s string) bool {
	day, month := two(s), two(s[2:])
	switch {
	case month > 12:
		return false
	case month == 0:
		return day <= 31
	}
	return day <= daysIn(month, two(s[4:])*100+two(s[6:]))
}

// isBirthText checks L2, a text and not a date: lunar dates have months up to 50.
func isBirthText(s string) bool { return two(s) <= 31 && two(s[2:]) <= 50 }

func daysIn(month, year int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// isTime checks HHMM or HHMMSS.
func isTime(s string) bool {
	return two(s) <= 23 && two(s[2:]) <= 59 && (len(s) < 6 || two(s[4:]) <= 59)
}

// isAmount checks digits with one minus before them and one decimal comma among them, at most.
func isAmount(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, cents, comma := strings.Cut(s, ",")
	return only(whole, isDigit) && only(cents, isDigit) && (s == "" || whole != "" || comma && cents != "")
}
