// Package gs1 reads the GS1 element strings of medicine packs: the GTIN, the lot, the expiry date
// and the serial number that the DataMatrix of a box carries.
//
//	packs, err := gs1.Parse("]d2010340099999997717261231"+"10AB123\x1d21S0001", 2026)
//
// It takes what scanners really send. A scanner that types like a keyboard may lose the separator
// of fields of variable length, write it in words, or type the keys of a US keyboard on a French
// one: [Parse] undoes all of that. A lost separator can leave several readings, which is why Parse
// returns a list; [Choose] keeps the one whose lot is known.
//
// Elements: 01 GTIN, 10 lot, 11 production, 17 expiry, 21 serial, 710 to 716 national number (711
// is the French CIP), and the other identifiers of the General Specifications whose length is
// known, which are kept as they are. Specification: GS1 General Specifications, sections 3.2, 3.4,
// 3.5, 5.4 (FNC1), 7.11 (character set 82) and 7.12 (century).
package gs1

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxScan is the longest scan that is read, in bytes. A GS1 DataMatrix holds far less.
const MaxScan = 512

// Pack is what the code of a box says.
type Pack struct {
	GTIN     GTIN      // zero when the code has none
	Lot      string    // up to 20 characters of set 82; empty when the code has none
	Expiry   time.Time // last day of use, midnight UTC; zero when the code has none
	Serial   string
	National string    // number of a national market, from 710 to 716
	Others   []Element // what else the code holds, in its order
}

// Element is one field of a code.
type Element struct{ AI, Value string }

// GTIN is a trade item number of 14 digits whose check digit holds.
type GTIN string

// ParseGTIN reads 8, 12, 13 or 14 digits; shorter ones are filled with zeros on the left.
func ParseGTIN(s string) (GTIN, error) {
	if n := len(s); n != 8 && n != 12 && n != 13 && n != 14 {
		return "", &Error{Code: CodeLength, AI: "01"}
	}
	s = strings.Repeat("0", 14-len(s)) + s
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", &Error{Code: CodeCharacter, AI: "01", Pos: i}
		}
	}
	if CheckDigit(s[:13]) != s[13] {
		return "", &Error{Code: CodeCheck, AI: "01", Pos: 13}
	}
	return GTIN(s), nil
}

// CIP13 is the French pharmacy code, when the GTIN is that of a French pack ("34009…").
func (g GTIN) CIP13() (string, bool) {
	cip, ok := strings.CutPrefix(string(g), "0")
	return cip, ok && strings.HasPrefix(cip, "34009")
}

// CheckDigit computes the last digit of a GTIN, or of another GS1 key, from the digits before it
// (General Specifications, section 7.9). What is not a digit counts as zero.
func CheckDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[i] - '0')
		if d < 0 || d > 9 {
			d = 0
		}
		if (len(digits)-i)%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// Codes of an Error.
const (
	CodeEmpty     = "gs1.empty"     // nothing was scanned
	CodeLong      = "gs1.too-long"  // more than MaxScan bytes
	CodeUnknown   = "gs1.unknown"   // what stands there is no identifier of an element
	CodeLength    = "gs1.length"    // the value is too short or too long
	CodeCharacter = "gs1.character" // a character that the value may not hold
	CodeCheck     = "gs1.check"     // the check digit does not hold
	CodeDate      = "gs1.date"      // no such day
	CodeTwice     = "gs1.twice"     // the element comes twice, with two values
)

// Error says what is wrong with a scan, and where. It quotes nothing of it.
type Error struct {
	Code string
	AI   string // identifier of the element, when it is known
	Pos  int    // byte of the cleaned scan, from 0
}

func (e *Error) Error() string {
	if e.AI == "" {
		return fmt.Sprintf("%s at %d", e.Code, e.Pos)
	}
	return fmt.Sprintf("%s in element %s at %d", e.Code, e.AI, e.Pos)
}

const separator = '\x1d' // GS: how FNC1 is sent

// Parse reads a scan. year is the current one: two digits of a year mean the one within 50 years.
//
// There is one reading, or several when the scanner lost the separators; then the one with the most
// elements comes first. The error is an *Error.
func Parse(scan string, year int) ([]Pack, error) {
	if len(scan) > MaxScan {
		return nil, &Error{Code: CodeLong, Pos: MaxScan}
	}
	s := clean(scan)
	if s == "" {
		return nil, &Error{Code: CodeEmpty}
	}
	p := parser{text: s, year: year, open: !strings.ContainsRune(s, separator)}
	p.read(0, nil)
	if len(p.found) == 0 {
		return nil, p.err
	}
	slices.SortStableFunc(p.found, func(a, b Pack) int { return b.size() - a.size() })
	return p.found, nil
}

// Choose returns the one reading whose lot is known to be of that GTIN, or the only reading.
func Choose(packs []Pack, known func(g GTIN, lot string) bool) (Pack, bool) {
	if len(packs) == 1 {
		return packs[0], true
	}
	var one Pack
	n := 0
	for _, p := range packs {
		if p.Lot != "" && known(p.GTIN, p.Lot) {
			one = p
			n++
		}
	}
	return one, n == 1
}

func (p Pack) size() int {
	n := len(p.Others)
	for _, there := range []bool{p.GTIN != "", p.Lot != "", !p.Expiry.IsZero(), p.Serial != "", p.National != ""} {
		if there {
			n++
		}
	}
	return n
}

// parser walks through a clean scan and keeps each way to the end.
type parser struct {
	text  string
	year  int
	open  bool // no separator: a field of variable length may end anywhere
	found []Pack
	steps int
	err   error // the one that got farthest
}

// maxSteps bounds the search in a scan without separators; a scan that is a pack's takes far fewer.
const maxSteps = 4096

func (p *parser) fail(code, ai string, pos int) {
	if e, ok := p.err.(*Error); !ok || pos > e.Pos {
		p.err = &Error{code, ai, pos}
	}
}

func (p *parser) read(pos int, list []Element) {
	if p.steps++; p.steps > maxSteps {
		return
	}
	for pos < len(p.text) && p.text[pos] == separator {
		pos++
	}
	if pos == len(p.text) {
		if pack, ok := p.pack(list); ok {
			p.found = append(p.found, pack)
		}
		return
	}
	f, ok := identify(p.text[pos:])
	if !ok {
		p.fail(CodeUnknown, "", pos)
		return
	}
	start := pos + len(f.ai)
	rest := p.text[start:]
	end := strings.IndexByte(rest, separator)
	if end < 0 {
		end = len(rest)
	}
	if f.least == f.most { // of a known length: no separator is needed
		if end < f.most {
			p.fail(CodeLength, f.ai, start+end)
			return
		}
		p.take(f, start, f.most, list)
		return
	}
	if end <= f.most {
		p.take(f, start, end, list)
	} else {
		p.fail(CodeLength, f.ai, start+f.most)
	}
	if p.open {
		for n := 1; n < min(end, f.most+1); n++ {
			// What follows must begin with an identifier, or the cut is no cut.
			if next, ok := identify(rest[n:]); ok && next.common {
				p.take(f, start, n, list)
			}
		}
	}
}

func (p *parser) take(f field, start, n int, list []Element) {
	if n < f.least {
		p.fail(CodeLength, f.ai, start+n)
		return
	}
	value := p.text[start : start+n]
	for i := range n {
		if c := value[i]; f.digits && (c < '0' || c > '9') || !f.digits && !inSet82(c) {
			p.fail(CodeCharacter, f.ai, start+i)
			return
		}
	}
	switch f.ai {
	case "01":
		if _, err := ParseGTIN(value); err != nil {
			p.fail(CodeCheck, f.ai, start+13)
			return
		}
	case "11", "17":
		if _, ok := p.date(value); !ok {
			p.fail(CodeDate, f.ai, start)
			return
		}
	}
	for _, e := range list {
		if e.AI == f.ai && e.Value != value {
			p.fail(CodeTwice, f.ai, start)
			return
		}
	}
	p.read(start+n, append(slices.Clip(list), Element{f.ai, value}))
}

func (p *parser) pack(list []Element) (Pack, bool) {
	var out Pack
	for _, e := range list {
		switch e.AI {
		case "01":
			out.GTIN = GTIN(e.Value)
		case "10":
			out.Lot = e.Value
		case "17":
			out.Expiry, _ = p.date(e.Value)
		case "21":
			out.Serial = e.Value
		case "710", "711", "712", "713", "714", "715", "716":
			out.National = e.Value
		default:
			out.Others = append(out.Others, e)
		}
	}
	return out, true
}

// date reads YYMMDD; day 00 is the last one of the month.
func (p *parser) date(s string) (time.Time, bool) {
	number := func(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
	y, m, d := number(s), number(s[2:]), number(s[4:])
	full := p.year - p.year%100 + y
	switch ahead := y - p.year%100; {
	case ahead >= 51:
		full -= 100
	case ahead <= -50:
		full += 100
	}
	if m < 1 || m > 12 {
		return time.Time{}, false
	}
	last := time.Date(full, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC)
	if d == 0 {
		return last, true
	}
	if d > last.Day() {
		return time.Time{}, false
	}
	return time.Date(full, time.Month(m), d, 0, 0, 0, 0, time.UTC), true
}

// field is an element by its identifier.
type field struct {
	ai          string
	least, most int
	digits      bool
	common      bool // stands on packs of medicines, so a cut before it is likely
}

// identify reads the identifier at the beginning of a text.
func identify(s string) (field, bool) {
	if len(s) < 2 {
		return field{}, false
	}
	digits := 0
	for digits < min(len(s), 4) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits < 2 {
		return field{}, false
	}
	fixed := func(ai string, n int) (field, bool) { return field{ai, n, n, true, false}, true }
	two := s[:2]
	switch two {
	case "01":
		return field{two, 14, 14, true, true}, true
	case "11", "17":
		return field{two, 6, 6, true, true}, true
	case "10", "21":
		return field{two, 1, 20, false, true}, true
	case "00":
		return fixed(two, 18)
	case "02", "03":
		return fixed(two, 14)
	case "12", "13", "15", "16":
		return fixed(two, 6)
	case "20":
		return fixed(two, 2)
	case "22":
		return field{two, 1, 20, false, false}, true
	case "30", "37":
		return field{two, 1, 8, true, false}, true
	}
	if digits < 3 {
		return field{}, false
	}
	switch three := s[:3]; {
	case three >= "710" && three <= "716":
		return field{three, 1, 20, false, true}, true
	case three == "240" || three == "241" || three == "250" || three == "251":
		return field{three, 1, 30, false, false}, true
	case three >= "410" && three <= "417":
		return fixed(three, 13)
	case digits == 4 && three >= "310" && three <= "369":
		return fixed(s[:4], 6)
	}
	return field{}, false
}

// inSet82 reports that a character may stand in a value (General Specifications, section 7.11).
func inSet82(c byte) bool {
	switch {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '%' && c <= '?', c == '!', c == '"', c == '_':
		return true
	}
	return false
}
