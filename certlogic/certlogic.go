// Package certlogic evaluates CertLogic 1.3.3, the small language in which the business rules of
// EU certificates are written (ehn-dcc-development/eu-dcc-business-rules; Carnet specification
// dcc.md, sections 6.3 and 13). It is a strict subset of JsonLogic: nothing is ever coerced.
//
// # Use
//
// [Parse] reads an expression from JSON, validates it once and gives an [Expression] that is
// immutable and safe for concurrent use. [Expression.Evaluate] runs it over data:
//
//	e, err := certlogic.Parse([]byte(`{">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}`))
//	...
//	result, err := e.Evaluate(data)
//
// Package carnet/certlogic/rules adds what surrounds an expression in practice: countries, dates,
// versions, value sets, and the three answers pass, fail and open.
//
// # The language
//
// A literal is a boolean, an integer, a text or an array, whose members are evaluated one by one.
// There is no literal null, object, fraction or date. Everything else is an operation, an object
// with one member:
//
//	var "a.b.0"            member of the data; "" is all of it; what is missing is null
//	if [c, a, b]           a when c is truthy, else b; the other one is not evaluated
//	and [a, b, ...]        the first falsy operand, or the last; the rest is not evaluated
//	! [a]                  true for falsy, false for truthy
//	=== [a, b]             the same null, boolean, integer or text
//	in [a, list]           whether a is a member of the list
//	+ [a, b]               sum of two integers
//	< > <= >= [a, b(, c)]  integers; three operands are a chain: a < b and b < c
//	after before not-after not-before [a, b(, c)]   the same for instants: > < <= >=
//	plusTime [text, n, "year" "month" "day" "hour"] an instant
//	dccDateOfBirth [text]  an instant: the last day that a partial date can mean
//	reduce [list, f, initial]   left fold; f sees {current, accumulator} and nothing else
//	extractFromUVCI [text, i]   fragment i of a certificate identifier, or null
//
// Falsy are false, null, "", 0, [] and {}. Truthy are true and every other text, integer, array and
// object. An instant and a fraction are neither: an error in and and !, no reason to take the first
// branch in if.
//
// # Dates
//
// plusTime reads YYYY and YYYY-MM (their last day), YYYY-MM-DD, and a date with Thh:mm:ss, any
// number of decimals of which three count, and Z, ±h, ±hh, ±hmm, ±hhmm, ±h:mm, ±hh:mm or nothing,
// which means Z. It adds as the setters setUTCFullYear, setUTCMonth, setUTCDate and setUTCHours of
// JavaScript do: one year after 29 February is 1 March, one month after 31 January is 2 or 3
// March. A day that does not exist (30 February), hour 24 and second 60 are errors.
// dccDateOfBirth reads the first three forms and nothing else.
//
// # Data
//
// Data is what a JSON decoder makes: nil, bool, string, []any, map[string]any and numbers (all
// integer types of Go, float64 and json.Number; a float without fraction is an integer). Integers
// beyond ±(2^53-1) are outside the language, in expressions, data and sums. [DecodeData] decodes
// with bounds and exact integers. The result is nil, bool, int64, string, time.Time, []any,
// map[string]any, or float64 for a fraction; arrays and objects that come from the data are given back as they stand there,
// not copied.
//
// # Limits
//
// An expression has at most [MaxSize] bytes and [MaxDepth] levels; duplicate members, invalid UTF-8
// and bytes after the expression are refused. An evaluation takes at most [MaxSteps] steps, a step
// being an operation, a member visited by in or reduce, or a value copied into an array, so that
// nested reductions end. Nothing panics, on any expression or data.
//
// # Errors
//
// Parse gives [Issues], each with the place of the expression as a JSON pointer (RFC 6901).
// Evaluate gives an [*Error] with a place and a stable [Code]. Neither ever holds a value of the
// data, which is about a person: errors may be logged.
//
// # Allocations
//
// Evaluating allocates for arrays that are not constant, for instants, for integers above 255 that
// are results, and once for each turn of reduce; the walk itself allocates nothing.
//
// # Not done
//
// The compact notation for people, and translation of operands between languages.
package certlogic

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Version is the version of CertLogic that this package evaluates.
const Version = "1.3.3"

// Limits.
const (
	MaxSize  = 64 << 10 // bytes of an expression
	MaxData  = 1 << 20  // bytes of data, in DecodeData
	MaxDepth = 64       // levels of arrays and objects, of an expression and in DecodeData
	MaxSteps = 1 << 20  // of one evaluation
)

// maxInteger is the largest integer that is exact in every implementation of the language.
const maxInteger = 1<<53 - 1

// Code is the reason why an evaluation failed. Codes are stable.
type Code string

const (
	WrongType Code = "type"     // an operand of a type that the operation does not take
	NotTruth  Code = "truth"    // a value that is neither truthy nor falsy
	BadDate   Code = "date"     // a text that is no date or instant, or a date that does not exist
	Overflow  Code = "overflow" // an integer beyond ±(2^53-1), an instant beyond those of JavaScript
	Exhausted Code = "steps"    // more than MaxSteps
	BadData   Code = "data"     // data of a Go type that no JSON decoder makes
)

// Error says where and why an evaluation failed.
type Error struct {
	Code      Code
	Operation string // "plusTime"
	Pointer   string // place in the expression, JSON pointer
}

func (e *Error) Error() string {
	return fmt.Sprintf("certlogic: %s at %q: %s", e.Operation, e.Pointer, explanation[e.Code])
}

var explanation = map[Code]string{
	WrongType: "operand of a wrong type",
	NotTruth:  "operand neither truthy nor falsy",
	BadDate:   "operand is not a date",
	Overflow:  "result out of range",
	Exhausted: "too many steps",
	BadData:   "data of an unknown type",
}

// Expression is a valid expression. The zero value evaluates to an error.
type Expression struct {
	root *node
	json json.RawMessage
}

// String gives the expression in JSON as it was read.
func (e *Expression) String() string { return string(e.json) }

// MarshalJSON gives the expression as it was read, in the compact form of encoding/json.
func (e *Expression) MarshalJSON() ([]byte, error) {
	if e.root == nil {
		return nil, fmt.Errorf("certlogic: empty expression")
	}
	return e.json, nil
}

// UnmarshalJSON parses.
func (e *Expression) UnmarshalJSON(data []byte) error {
	p, err := Parse(data)
	if err != nil {
		return err
	}
	*e = *p
	return nil
}

// Evaluate runs the expression over data. See the package comment for the types of both.
func (e *Expression) Evaluate(data any) (any, error) {
	if e == nil || e.root == nil {
		return nil, &Error{Code: WrongType, Operation: "expression"}
	}
	r := run{steps: MaxSteps}
	return r.eval(e.root, data)
}

// operation is the kind of a node.
type operation uint8

const (
	opLiteral operation = iota
	opArray
	opVar
	opIf
	opAnd
	opNot
	opEqual
	opIn
	opPlus
	opLess
	opGreater
	opLessOrEqual
	opGreaterOrEqual
	opAfter
	opBefore
	opNotAfter
	opNotBefore
	opPlusTime
	opBirth
	opReduce
	opExtract
)

// node is an expression made ready.
type node struct {
	op       operation
	constant bool    // opArray of literals: value holds it
	value    any     // opLiteral, constant opArray
	path     []step  // opVar
	args     []*node // operands that are expressions
	n        int64   // opPlusTime: amount; opExtract: index
	unit     unit    // opPlusTime
	pointer  string
}

// step is one fragment of the path of a var.
type step struct {
	key   string
	index int // -1 when the fragment is no index of an array
}

type run struct{ steps int }

func (r *run) spend(n *node, steps int) error {
	if r.steps -= steps; r.steps < 0 {
		return n.fail(Exhausted)
	}
	return nil
}

func (n *node) fail(c Code) error {
	return &Error{Code: c, Operation: names[n.op], Pointer: n.pointer}
}

func (r *run) eval(n *node, data any) (any, error) {
	if err := r.spend(n, 1); err != nil {
		return nil, err
	}
	switch n.op {
	case opLiteral:
		return n.value, nil
	case opArray:
		return r.array(n, data)
	case opVar:
		return n.access(data)
	case opIf:
		guard, err := r.eval(n.args[0], data)
		if err != nil {
			return nil, err
		}
		if truth(guard) == truthy {
			return r.eval(n.args[1], data)
		}
		return r.eval(n.args[2], data)
	case opAnd:
		return r.and(n, data)
	case opNot:
		v, err := r.eval(n.args[0], data)
		if err != nil {
			return nil, err
		}
		t := truth(v)
		if t == neither {
			return nil, n.fail(NotTruth)
		}
		return t == falsy, nil
	case opReduce:
		return r.reduce(n, data)
	case opPlusTime, opBirth, opExtract:
		v, err := r.eval(n.args[0], data)
		if err != nil {
			return nil, err
		}
		return n.text(v)
	}
	var v [3]any
	for i, a := range n.args {
		var err error
		if v[i], err = r.eval(a, data); err != nil {
			return nil, err
		}
	}
	switch n.op {
	case opEqual:
		if !scalar(v[0]) || !scalar(v[1]) {
			return nil, n.fail(WrongType)
		}
		return v[0] == v[1], nil
	case opIn:
		return r.member(n, v[0], v[1])
	case opPlus:
		a, ok1 := v[0].(int64)
		b, ok2 := v[1].(int64)
		if !ok1 || !ok2 {
			return nil, n.fail(WrongType)
		}
		if sum := a + b; sum >= -maxInteger && sum <= maxInteger { // both are within: no wrap
			return sum, nil
		}
		return nil, n.fail(Overflow)
	}
	return n.compare(v[:len(n.args)])
}

func (r *run) array(n *node, data any) (any, error) {
	if n.constant {
		return n.value, nil
	}
	list := make([]any, len(n.args))
	for i, a := range n.args {
		v, err := r.eval(a, data)
		if err != nil {
			return nil, err
		}
		// A member counts for all that hangs on it: else a reduction could double a value at
		// each turn, into one that nobody can print.
		if err := r.spendValue(n, v); err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

// spendValue counts a value and what it contains.
func (r *run) spendValue(n *node, v any) error {
	switch v := v.(type) {
	case []any:
		for _, m := range v {
			if err := r.spendValue(n, m); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, m := range v {
			if err := r.spendValue(n, m); err != nil {
				return err
			}
		}
	}
	return r.spend(n, 1)
}

func (r *run) and(n *node, data any) (any, error) {
	var last any
	for _, a := range n.args {
		v, err := r.eval(a, data)
		if err != nil {
			return nil, err
		}
		switch truth(v) {
		case falsy:
			return v, nil
		case neither:
			return nil, n.fail(NotTruth)
		}
		last = v
	}
	return last, nil
}

func (r *run) reduce(n *node, data any) (any, error) {
	operand, err := r.eval(n.args[0], data)
	if err != nil {
		return nil, err
	}
	accumulator, err := r.eval(n.args[2], data)
	if err != nil {
		return nil, err
	}
	if operand == nil {
		return accumulator, nil
	}
	list, ok := operand.([]any)
	if !ok {
		return nil, n.fail(WrongType)
	}
	for _, current := range list {
		if accumulator, err = r.eval(n.args[1], map[string]any{"current": current, "accumulator": accumulator}); err != nil {
			return nil, err
		}
	}
	return accumulator, nil
}

func (r *run) member(n *node, v, in any) (any, error) {
	list, ok := in.([]any)
	if !ok || !scalar(v) {
		return nil, n.fail(WrongType)
	}
	if err := r.spend(n, len(list)); err != nil {
		return nil, err
	}
	if text, ok := v.(string); ok { // value sets: the usual case, and the long lists
		for _, m := range list {
			if s, ok := m.(string); ok && s == text {
				return true, nil
			}
		}
		return false, nil
	}
	for _, m := range list {
		m, err := normal(m)
		if err != fine {
			return nil, n.fail(err)
		}
		if scalar(m) && m == v {
			return true, nil
		}
	}
	return false, nil
}

func (n *node) compare(v []any) (any, error) {
	result := true
	for i := range len(v) - 1 {
		var c int
		if n.op >= opAfter {
			a, ok1 := v[i].(time.Time)
			b, ok2 := v[i+1].(time.Time)
			if !ok1 || !ok2 {
				return nil, n.fail(WrongType)
			}
			c = a.Compare(b)
		} else {
			a, ok1 := v[i].(int64)
			b, ok2 := v[i+1].(int64)
			if !ok1 || !ok2 {
				return nil, n.fail(WrongType)
			}
			switch {
			case a < b:
				c = -1
			case a > b:
				c = 1
			}
		}
		switch n.op {
		case opLess, opBefore:
			result = result && c < 0
		case opGreater, opAfter:
			result = result && c > 0
		case opLessOrEqual, opNotAfter:
			result = result && c <= 0
		case opGreaterOrEqual, opNotBefore:
			result = result && c >= 0
		}
	}
	return result, nil
}

// text runs the operations whose first operand is a text.
func (n *node) text(v any) (any, error) {
	if v == nil && n.op == opExtract {
		return nil, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, n.fail(WrongType)
	}
	switch n.op {
	case opExtract:
		return fragment(s, n.n), nil
	case opBirth:
		t, _, ok := date(s)
		if !ok {
			return nil, n.fail(BadDate)
		}
		return t, nil
	}
	t, ok := instant(s)
	if !ok {
		return nil, n.fail(BadDate)
	}
	if t, ok = add(t, n.n, n.unit); !ok {
		return nil, n.fail(Overflow)
	}
	return t, nil
}

// access walks the path of a var.
func (n *node) access(data any) (any, error) {
	v := data
	for _, s := range n.path {
		switch c := v.(type) {
		case map[string]any:
			v = c[s.key]
		case []any:
			if s.index < 0 || s.index >= len(c) {
				return nil, nil
			}
			v = c[s.index]
		default:
			return nil, nil
		}
	}
	v, code := normal(v)
	if code != fine {
		return nil, n.fail(code)
	}
	return v, nil
}

// fine is no failure.
const fine Code = ""

// normal brings a scalar of the data to the types of the language. A number that is no integer
// stays a float64, which no operation takes.
func normal(v any) (any, Code) {
	switch n := v.(type) {
	case nil, bool, string, []any, map[string]any, time.Time:
		return v, fine
	case int64:
		if n < -maxInteger || n > maxInteger {
			return nil, Overflow
		}
		return v, fine // as it is boxed: no allocation
	case float64:
		return whole(n)
	case json.Number:
		return integer(n)
	case int:
		return within(int64(n))
	case int32:
		return within(int64(n))
	case int16:
		return within(int64(n))
	case int8:
		return within(int64(n))
	case uint64:
		if n > maxInteger {
			return nil, Overflow
		}
		return int64(n), fine
	case uint:
		return normal(uint64(n))
	case uint32:
		return int64(n), fine
	case uint16:
		return int64(n), fine
	case uint8:
		return int64(n), fine
	case float32:
		return whole(float64(n))
	}
	return nil, BadData
}

func within(n int64) (any, Code) {
	if n < -maxInteger || n > maxInteger {
		return nil, Overflow
	}
	return n, fine
}

func whole(f float64) (any, Code) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, BadData
	case f != math.Trunc(f):
		return f, fine
	case f < -maxInteger || f > maxInteger:
		return nil, Overflow
	}
	return int64(f), fine
}

// integer reads a number of JSON: an int64, or a float64 with a fraction.
func integer(n json.Number) (any, Code) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return within(i)
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return nil, Overflow
	}
	return whole(f)
}

// scalar reports what === and in compare.
func scalar(v any) bool {
	switch v.(type) {
	case nil, bool, int64, string:
		return true
	}
	return false
}

type truthValue uint8

const (
	neither truthValue = iota
	falsy
	truthy
)

func truth(v any) truthValue {
	var yes bool
	switch v := v.(type) {
	case nil:
	case bool:
		yes = v
	case string:
		yes = v != ""
	case int64:
		yes = v != 0
	case []any:
		yes = len(v) > 0
	case map[string]any:
		yes = len(v) > 0
	default:
		return neither
	}
	if yes {
		return truthy
	}
	return falsy
}

// fragment gives part i of a certificate identifier, or nil.
func fragment(s string, i int64) any {
	s = strings.TrimPrefix(s, "URN:UVCI:")
	for i >= 0 {
		end := strings.IndexAny(s, "/#:")
		if i == 0 {
			if end >= 0 {
				s = s[:end]
			}
			return s
		}
		if end < 0 {
			break
		}
		s, i = s[end+1:], i-1
	}
	return nil
}
