package certlogic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is the reason why a part of an expression is not valid. Problems are stable.
type Problem string

const (
	NotJSON         Problem = "json"      // no JSON, more than one value, or invalid UTF-8
	TooLarge        Problem = "size"      // more than MaxSize bytes
	TooDeep         Problem = "depth"     // more than MaxDepth levels
	DuplicateMember Problem = "duplicate" // two members of one name
	NoLiteral       Problem = "literal"   // null
	NoInteger       Problem = "integer"   // a fraction, or beyond ±(2^53-1)
	OneMember       Problem = "members"   // an object without exactly one member
	NoOperands      Problem = "operands"  // operands that are not an array
	UnknownOperator Problem = "operator"  // an operator that the language does not have
	WrongCount      Problem = "count"     // too few or too many operands
	BadPath         Problem = "path"      // var without a text, or with an empty step
	BadAmount       Problem = "amount"    // plusTime or extractFromUVCI without a literal integer
	BadUnit         Problem = "unit"      // plusTime without one of the four units
)

// Issue is one part of an expression that is not valid.
type Issue struct {
	Problem Problem
	Pointer string // JSON pointer
	Detail  string // for the author of the rule, in English
}

func (i Issue) String() string {
	s := fmt.Sprintf("%s at %q", i.Problem, i.Pointer)
	if i.Detail != "" {
		s += ": " + i.Detail
	}
	return s
}

// Issues is everything that is wrong with an expression, in the order of the text.
type Issues []Issue

func (l Issues) Error() string {
	switch len(l) {
	case 0:
		return "certlogic: no issue"
	case 1:
		return "certlogic: invalid expression: " + l[0].String()
	}
	return fmt.Sprintf("certlogic: invalid expression: %s, and %d more", l[0], len(l)-1)
}

var operators = map[string]operation{
	"var": opVar, "if": opIf, "and": opAnd, "!": opNot, "===": opEqual, "in": opIn, "+": opPlus,
	"<": opLess, ">": opGreater, "<=": opLessOrEqual, ">=": opGreaterOrEqual,
	"after": opAfter, "before": opBefore, "not-after": opNotAfter, "not-before": opNotBefore,
	"plusTime": opPlusTime, "dccDateOfBirth": opBirth, "reduce": opReduce, "extractFromUVCI": opExtract,
}

var names = func() map[operation]string {
	m := map[operation]string{opLiteral: "literal", opArray: "array"}
	for name, op := range operators {
		m[op] = name
	}
	return m
}()

// operands is how many an operation takes; 0 is any number.
var operands = map[operation][2]int{
	opIf: {3, 3}, opAnd: {2, 0}, opNot: {1, 1}, opEqual: {2, 2}, opIn: {2, 2}, opPlus: {2, 2},
	opLess: {2, 3}, opGreater: {2, 3}, opLessOrEqual: {2, 3}, opGreaterOrEqual: {2, 3},
	opAfter: {2, 3}, opBefore: {2, 3}, opNotAfter: {2, 3}, opNotBefore: {2, 3},
	opPlusTime: {3, 3}, opBirth: {1, 1}, opReduce: {3, 3}, opExtract: {2, 2},
}

// Parse reads an expression and validates it. The error is [Issues] and lists everything.
func Parse(data []byte) (*Expression, error) {
	if len(data) > MaxSize {
		return nil, Issues{{Problem: TooLarge, Detail: strconv.Itoa(len(data)) + " bytes"}}
	}
	tree, err := decode(data)
	if err != nil {
		var issue *treeError
		if errors.As(err, &issue) {
			return nil, Issues{{Problem: issue.problem, Pointer: issue.pointer}}
		}
		return nil, Issues{{Problem: NotJSON, Detail: err.Error()}}
	}
	c := compiler{}
	root := c.compile(tree, "")
	if len(c.issues) > 0 {
		return nil, c.issues
	}
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil {
		return nil, Issues{{Problem: NotJSON, Detail: err.Error()}}
	}
	return &Expression{root: root, json: text.Bytes()}, nil
}

// DecodeData decodes JSON for [Expression.Evaluate]: integers as int64, other numbers as float64.
// It refuses more than [MaxData] bytes and [MaxDepth] levels, duplicate members, invalid UTF-8,
// bytes after the value and integers beyond ±(2^53-1).
func DecodeData(data []byte) (any, error) {
	if len(data) > MaxData {
		return nil, fmt.Errorf("certlogic: data of %d bytes", len(data))
	}
	tree, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("certlogic: data: %w", err)
	}
	tree, code := plain(tree)
	if code != fine {
		return nil, fmt.Errorf("certlogic: data: %s", explanation[code])
	}
	return tree, nil
}

// plain replaces the numbers of a decoded tree.
func plain(v any) (any, Code) {
	switch v := v.(type) {
	case json.Number:
		return integer(v)
	case []any:
		for i := range v {
			m, code := plain(v[i])
			if code != fine {
				return nil, code
			}
			v[i] = m
		}
	case map[string]any:
		for k := range v {
			m, code := plain(v[k])
			if code != fine {
				return nil, code
			}
			v[k] = m
		}
	}
	return v, fine
}

// treeError is what encoding/json lets pass.
type treeError struct {
	problem Problem
	pointer string
}

// Error leaves the place out: names of members of data may tell about a person.
func (e *treeError) Error() string { return string(e.problem) }

// decode reads exactly one JSON value; numbers stay json.Number.
func decode(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, &treeError{problem: NotJSON}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := value(d, "", 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &treeError{problem: NotJSON}
	}
	return v, nil
}

func value(d *json.Decoder, pointer string, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, withoutContent(err)
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= MaxDepth {
		return nil, &treeError{problem: TooDeep, pointer: pointer}
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := value(d, pointer+"/"+strconv.Itoa(len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, withoutContent(err)
	}
	members := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, withoutContent(err)
		}
		key, ok := t.(string)
		if !ok {
			return nil, &treeError{problem: NotJSON, pointer: pointer}
		}
		at := pointer + "/" + escape(key)
		if _, there := members[key]; there {
			return nil, &treeError{problem: DuplicateMember, pointer: at}
		}
		if members[key], err = value(d, at, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return members, withoutContent(err)
}

// withoutContent keeps the place of a syntax error and drops what stood there.
func withoutContent(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON, byte %d", s.Offset)
	}
	return errors.New("not JSON, cut short")
}

// escape writes a step of a JSON pointer (RFC 6901, section 3).
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

type compiler struct{ issues Issues }

// issue records what is wrong; the node that stands for it is never run.
func (c *compiler) issue(p Problem, pointer, detail string) *node {
	c.issues = append(c.issues, Issue{Problem: p, Pointer: pointer, Detail: detail})
	return &node{}
}

func (c *compiler) compile(v any, pointer string) *node {
	switch v := v.(type) {
	case bool, string:
		return &node{op: opLiteral, value: v, pointer: pointer}
	case json.Number:
		n, code := integer(v)
		if _, ok := n.(int64); !ok || code != fine {
			return c.issue(NoInteger, pointer, "")
		}
		return &node{op: opLiteral, value: n, pointer: pointer}
	case []any:
		n := &node{op: opArray, args: c.all(v, pointer), constant: true, pointer: pointer}
		for _, a := range n.args {
			n.constant = n.constant && (a.op == opLiteral || a.constant)
		}
		if n.constant {
			list := make([]any, len(n.args))
			for i, a := range n.args {
				list[i] = a.value
			}
			n.value = list
		}
		return n
	case map[string]any:
		if len(v) != 1 {
			return c.issue(OneMember, pointer, fmt.Sprintf("%d members", len(v)))
		}
		for name, values := range v {
			return c.operation(name, values, pointer)
		}
	}
	return c.issue(NoLiteral, pointer, "null is no expression")
}

func (c *compiler) all(list []any, pointer string) []*node {
	nodes := make([]*node, len(list))
	for i, v := range list {
		nodes[i] = c.compile(v, pointer+"/"+strconv.Itoa(i))
	}
	return nodes
}

func (c *compiler) operation(name string, values any, pointer string) *node {
	if name == "var" {
		return c.access(values, pointer)
	}
	list, ok := values.([]any)
	if !ok {
		return c.issue(NoOperands, pointer, "the operands are not an array")
	}
	op, ok := operators[name]
	if !ok {
		return c.issue(UnknownOperator, pointer, "")
	}
	if limits := operands[op]; len(list) < limits[0] || limits[1] > 0 && len(list) > limits[1] {
		return c.issue(WrongCount, pointer, fmt.Sprintf("%s with %d operands", name, len(list)))
	}
	n := &node{op: op, pointer: pointer}
	at := pointer + "/" + escape(name)
	switch op {
	case opPlusTime:
		n.args = c.all(list[:1], at)
		n.n = c.amount(list[1], at+"/1")
		text, _ := list[2].(string)
		if n.unit, ok = units[text]; !ok {
			c.issue(BadUnit, at+"/2", "")
		}
	case opExtract:
		n.args = c.all(list[:1], at)
		n.n = c.amount(list[1], at+"/1")
	default:
		n.args = c.all(list, at)
	}
	return n
}

func (c *compiler) amount(v any, pointer string) int64 {
	if number, ok := v.(json.Number); ok {
		n, _ := integer(number)
		if i, ok := n.(int64); ok {
			return i
		}
	}
	c.issue(BadAmount, pointer, "")
	return 0
}

func (c *compiler) access(v any, pointer string) *node {
	path, ok := v.(string)
	if !ok {
		return c.issue(BadPath, pointer, "var without a text")
	}
	n := &node{op: opVar, pointer: pointer}
	if path == "" {
		return n
	}
	for key := range strings.SplitSeq(path, ".") {
		if key == "" {
			return c.issue(BadPath, pointer, "empty step")
		}
		s := step{key: key, index: -1}
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && strconv.Itoa(i) == key {
			s.index = i
		}
		n.path = append(n.path, s)
	}
	return n
}
