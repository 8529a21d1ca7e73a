package dcc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Set is one of the value sets of the certificates, by the name that rules use.
type Set string

const (
	Disease     Set = "disease-agent-targeted"
	VaccineType Set = "sct-vaccines-covid-19"
	Product     Set = "vaccines-covid-19-names"
	Holder      Set = "vaccines-covid-19-auth-holders"
	TestKind    Set = "covid-19-lab-test-type"
	TestResult  Set = "covid-19-lab-result"
	Device      Set = "covid-19-lab-test-manufacturer-and-name" // not built in: load it
	Country     Set = "country-2-codes"
)

// encodingSet is the name under which the encoding instructions are published.
const encodingSet Set = "vaccines-covid-19-encoding-instructions"

var known = []Set{Disease, VaccineType, Product, Holder, TestKind, TestResult, Device, Country, encodingSet}

// Entry is one code of a value set.
type Entry struct {
	Code       string
	Name       string // what to show; the code itself for a country of the built-in table
	Deprecated bool   // read it, never write it
}

// Encoding ties what a vaccination says of its vaccine: for a product, its holder or maker, and
// the types of vaccine that may be stated.
type Encoding struct {
	Product string
	Holder  string
	Types   []string // not to be changed
}

// Allows reports that the holder and the type of vaccine are those of the product.
func (e Encoding) Allows(holder, vaccine string) bool {
	return e.Holder == holder && slices.Contains(e.Types, vaccine)
}

// ValueSets are tables of codes. The zero value, and nil, is the built-in version 2.12.0, without
// the list of rapid-test devices. [ValueSets.Load] adds what authorities publish later. Once
// loaded, ValueSets may be used by many goroutines.
//
// A set has one edition per date of publication. The newest counts, unless [ValueSets.On] goes
// back to a day. A code that an edition deprecates is there to be read, and not to be written.
type ValueSets struct {
	editions  map[Set][]edition
	encodings []encodingEdition
}

type edition struct {
	date    string // YYYY-MM-DD
	entries []Entry
}

type encodingEdition struct {
	date string
	rows []Encoding
}

// Limits on a published file.
const (
	MaxSetFile  = 8 << 20 // bytes
	MaxSetCodes = 50_000
	maxEditions = 1000
)

// ErrValueSet reports a file that is not a published value set that certificates use.
var ErrValueSet = errors.New("dcc: not a value set of certificates")

// Load reads a value set in the form in which it is published: JSON with valueSetId, valueSetDate
// and valueSetValues. It adds an edition, or replaces that of the same date, and tells which set.
func (s *ValueSets) Load(data []byte) (Set, error) {
	if len(data) > MaxSetFile {
		return "", fmt.Errorf("%w: %d bytes", ErrValueSet, len(data))
	}
	var file struct {
		ID     Set                        `json:"valueSetId"`
		Date   string                     `json:"valueSetDate"`
		Values map[string]json.RawMessage `json:"valueSetValues"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return "", fmt.Errorf("%w: %w", ErrValueSet, err)
	}
	if !slices.Contains(known, file.ID) {
		return "", fmt.Errorf("%w: id %q", ErrValueSet, file.ID)
	}
	if _, err := time.Parse(time.DateOnly, file.Date); err != nil {
		return "", fmt.Errorf("%w: %s: date %q", ErrValueSet, file.ID, file.Date)
	}
	if n := len(file.Values); n == 0 || n > MaxSetCodes {
		return "", fmt.Errorf("%w: %s: %d codes", ErrValueSet, file.ID, n)
	}
	if file.ID == encodingSet {
		if err := s.loadEncodings(file.Date, file.Values); err != nil {
			return "", err
		}
		return file.ID, nil
	}
	e := edition{date: file.Date, entries: make([]Entry, 0, len(file.Values))}
	for _, code := range slices.Sorted(maps.Keys(file.Values)) {
		row := struct {
			Name   string `json:"display"`
			Active *bool  `json:"active"`
		}{}
		if err := json.Unmarshal(file.Values[code], &row); err != nil {
			return "", fmt.Errorf("%w: %s: code %q: %w", ErrValueSet, file.ID, code, err)
		}
		e.entries = append(e.entries, Entry{Code: code, Name: row.Name, Deprecated: row.Active != nil && !*row.Active})
	}
	if len(s.editions[file.ID]) >= maxEditions {
		return "", fmt.Errorf("%w: %s: more than %d editions", ErrValueSet, file.ID, maxEditions)
	}
	if s.editions == nil {
		s.editions = map[Set][]edition{}
	}
	s.editions[file.ID] = insert(s.editions[file.ID], e, func(e edition) string { return e.date })
	return file.ID, nil
}

// deprecatedMark is how the instructions mark the codes that are not to be written any more.
const deprecatedMark = " (deprecated)"

func (s *ValueSets) loadEncodings(date string, values map[string]json.RawMessage) error {
	e := encodingEdition{date: date}
	for name, raw := range values {
		var row struct {
			Product string   `json:"vaccine-code"`
			Holder  string   `json:"vaccine-manufacturer"`
			Types   []string `json:"sct-codes"`
		}
		if err := json.Unmarshal(raw, &row); err != nil {
			return fmt.Errorf("%w: %s: %q: %w", ErrValueSet, encodingSet, name, err)
		}
		if row.Product == "" || row.Holder == "" || len(row.Types) == 0 {
			return fmt.Errorf("%w: %s: %q is incomplete", ErrValueSet, encodingSet, name)
		}
		e.rows = append(e.rows, Encoding{strings.TrimSuffix(row.Product, deprecatedMark), row.Holder, row.Types})
	}
	slices.SortFunc(e.rows, func(a, b Encoding) int { return strings.Compare(a.Product, b.Product) })
	if len(s.encodings) >= maxEditions {
		return fmt.Errorf("%w: %s: more than %d editions", ErrValueSet, encodingSet, maxEditions)
	}
	s.encodings = insert(s.encodings, e, func(e encodingEdition) string { return e.date })
	return nil
}

// insert keeps editions in the order of their dates, one for each.
func insert[E any](all []E, e E, date func(E) string) []E {
	i, there := slices.BinarySearchFunc(all, date(e), func(o E, d string) int { return strings.Compare(date(o), d) })
	if there {
		all[i] = e
		return all
	}
	return slices.Insert(all, i, e)
}

// On gives the value sets as they were on a day: of each set that was loaded, the last edition
// published by then, or the first one when there was none yet.
func (s *ValueSets) On(day time.Time) *ValueSets {
	if s == nil {
		return nil
	}
	at := day.UTC().Format(time.DateOnly)
	then := &ValueSets{editions: make(map[Set][]edition, len(s.editions))}
	for set, all := range s.editions {
		then.editions[set] = until(all, at, func(e edition) string { return e.date })
	}
	then.encodings = until(s.encodings, at, func(e encodingEdition) string { return e.date })
	return then
}

func until[E any](all []E, day string, date func(E) string) []E {
	n := len(all)
	for n > 1 && date(all[n-1]) > day {
		n--
	}
	return all[:n:n]
}

// loaded gives the newest edition that was loaded.
func (s *ValueSets) loaded(set Set) (edition, bool) {
	if s == nil || len(s.editions[set]) == 0 {
		return edition{}, false
	}
	all := s.editions[set]
	return all[len(all)-1], true
}

// Has reports that a set is there: built in or loaded.
func (s *ValueSets) Has(set Set) bool {
	_, ok := s.loaded(set)
	return ok || published[set] != ""
}

// Date gives the date of publication of a set, YYYY-MM-DD, or "" when the set is not there.
func (s *ValueSets) Date(set Set) string {
	if e, ok := s.loaded(set); ok {
		return e.date
	}
	return published[set]
}

// Lookup finds a code.
func (s *ValueSets) Lookup(set Set, code string) (Entry, bool) {
	e := s.lookup(set, code)
	switch {
	case e == nil:
		return Entry{}, false
	case e == &country:
		return Entry{Code: code, Name: code}, true
	}
	return *e, true
}

// country stands for all that are built in.
var country Entry

// lookup gives the entry of a code, or nil.
func (s *ValueSets) lookup(set Set, code string) *Entry {
	if s != nil {
		if e, ok := s.loaded(set); ok {
			return find(e.entries, code)
		}
	}
	if set != Country {
		return builtIn(set).find(code)
	}
	if inCountries(code) {
		return &country
	}
	return nil
}

func find(t []Entry, code string) *Entry {
	low, high := 0, len(t)
	for low < high {
		switch mid := (low + high) / 2; {
		case t[mid].Code < code:
			low = mid + 1
		case t[mid].Code == code:
			return &t[mid]
		default:
			high = mid
		}
	}
	return nil
}

// Entries gives a set in the order of its codes, to offer it for choice.
func (s *ValueSets) Entries(set Set) []Entry {
	e, ok := s.loaded(set)
	switch {
	case ok:
		return slices.Clone(e.entries)
	case set != Country:
		return slices.Clone(builtIn(set).entries)
	}
	var all []Entry
	for code := range strings.FieldsSeq(countries) {
		all = append(all, Entry{Code: code, Name: code})
	}
	return all
}

// Encoding tells what may be stated with a product.
func (s *ValueSets) Encoding(product string) (Encoding, bool) {
	if s == nil || len(s.encodings) == 0 {
		return builtInEncoding(product)
	}
	rows := s.encodings[len(s.encodings)-1].rows
	i, ok := slices.BinarySearchFunc(rows, product, func(e Encoding, p string) int { return strings.Compare(e.Product, p) })
	if !ok {
		return Encoding{}, false
	}
	return rows[i], true
}

// Lookup finds a code in a built-in value set.
func Lookup(set Set, code string) (Entry, bool) { return (*ValueSets)(nil).Lookup(set, code) }

// Entries gives a built-in value set in the order of its codes.
func Entries(set Set) []Entry { return (*ValueSets)(nil).Entries(set) }
