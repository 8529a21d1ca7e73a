// Package odsql reads the query language of the Opendatasoft Explore API v2.1: the clauses where, select, group_by and
// order_by, as far as portal.md section 4.4 lists them. It is a recursive-descent parser: it knows where each error is,
// and its input, its depth and its lists are bounded before anything is built.
//
// Keywords and functions are case-insensitive, spaces are optional. Geographic predicates and functions are not read:
// they are an error, as an unknown function is. The package knows nothing of fields and their types: whoever evaluates
// a clause says which exist.
package odsql

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of a clause.
const (
	MaxLength = 8 << 10 // bytes
	maxDepth  = 50
	maxList   = 1000
)

// SyntaxError is a clause that is not of the language. Position counts characters from 0.
type SyntaxError struct {
	Clause     string // where, select …
	Text       string // of the clause
	Position   int    // -1 at its end
	Unexpected string // what is there
	Reason     string // or why it cannot be, when it is not only unexpected
}

func (e *SyntaxError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("ODSQL syntax exception: %s at position %d in %s.", e.Reason, max(e.Position, 0), e.Text)
	}
	if e.Position < 0 {
		return "ODSQL syntax exception: unexpected end of line"
	}
	return fmt.Sprintf("ODSQL syntax exception: unexpected %s at position %d in %s.", e.Unexpected, e.Position, e.Text)
}

// Expr is an expression or a condition.
type Expr interface{ expr() }

// Kinds of literals.
type Kind uint8

// The kinds.
const (
	Text Kind = iota
	Number
	Date // Text is as it was written: 2021, 2021/05/02, 2021-05-02, with a time or without
	Boolean
	Null
)

// Nodes of a clause. Position is that of their first character.
type (
	Literal struct {
		Kind     Kind
		Text     string
		Number   float64
		Integer  bool
		Bool     bool
		Position int
	}
	Field struct {
		Name     string
		Position int
	}
	// Call is a function or an aggregate, in lower case. Star is count(*), Distinct count(distinct f); Named are
	// arguments such as years=-1.
	Call struct {
		Name           string
		Args           []Expr
		Named          map[string]float64
		Star, Distinct bool
		Position       int
	}
	// Binary is one of + - * / = != > < >= <= like and or.
	Binary struct {
		Op          string
		Left, Right Expr
		Position    int
	}
	Not    struct{ Of Expr }
	IsNull struct {
		Field Field
		Not   bool
	}
	// In is a field in a list; Has a literal in a field.
	In struct {
		Field  Field
		Values []Literal
	}
	Has struct {
		Value Literal
		Field Field
	}
	// Between is a field in [low TO high], bounds excluded where they are open. A bound may be Null: none.
	Between struct {
		Field             Field
		Low, High         Literal
		OpenLow, OpenHigh bool
	}
	// Search is search, suggest or startswith, or exact for a text that stands alone; no field is all of them.
	Search struct {
		Mode   string
		Fields []Field
		Text   string
	}
)

func (Literal) expr() {}
func (Field) expr()   {}
func (Call) expr()    {}
func (Binary) expr()  {}
func (Not) expr()     {}
func (IsNull) expr()  {}
func (In) expr()      {}
func (Has) expr()     {}
func (Between) expr() {}
func (Search) expr()  {}

// Item is one of select: all fields, those that a pattern names or leaves out, or an expression.
type Item struct {
	Star             bool
	Include, Exclude string // pattern; a star at its end is any ending
	Expr             Expr
	Alias            string
	Text             string // as it was written, its name when it has no alias
}

// Group is one of group_by: an expression, or a field in ranges.
type Group struct {
	Expr  Expr
	Range *Range
	Alias string
	Text  string
}

// Range groups a field by steps of Step (a number, or a number of Unit for dates), or by bounds.
type Range struct {
	Field   Field
	Step    float64
	Unit    string // "", or ms s m h d w M q y
	Bounds  []Literal
	OpenLow bool // the first range has no lower bound
	OpenTop bool
}

// Order is one of order_by.
type Order struct {
	Expr Expr
	Desc bool
	Text string
}

// Aggregates are the functions of many rows.
var Aggregates = []string{"count", "sum", "avg", "min", "max", "median", "percentile"}

// functions are those of one row, with the least and the greatest number of their arguments.
var functions = map[string][2]int{
	"length": {1, 1}, "lower": {1, 1}, "upper": {1, 1}, "now": {0, 0}, "year": {1, 1}, "month": {1, 1}, "day": {1, 1}, "dayofweek": {1, 1},
	"hour": {1, 1}, "minute": {1, 1}, "second": {1, 1}, "date_format": {2, 2}, "ifnull": {2, 2}, "random": {1, 1},
}

var aggregateArgs = map[string][2]int{"count": {1, 1}, "sum": {1, 1}, "avg": {1, 1}, "min": {1, 1}, "max": {1, 1}, "median": {1, 1}, "percentile": {2, 2}}

// reserved words need back-quotes to be names.
var reserved = []string{"and", "as", "asc", "avg", "by", "count", "date_format", "day", "dayofweek", "desc", "distinct", "equi", "false", "group", "hour", "ifnull", "or", "limit", "lower", "max",
	"millisecond", "min", "minute", "month", "not", "null", "quarter", "range", "search", "second", "select", "sum", "top", "true", "upper", "where", "year"}

// ParseWhere reads a condition.
func ParseWhere(text string) (Expr, error) {
	p, err := newParser("where", text)
	if err != nil {
		return nil, err
	}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	return e, p.end()
}

// ParseSelect reads what to answer.
func ParseSelect(text string) (out []Item, err error) {
	p, err := newParser("select", text)
	if err != nil {
		return nil, err
	}
	for {
		start := p.here()
		var item Item
		switch t := p.peek(); {
		case t.kind == symbol && t.text == "*":
			p.next()
			item.Star = true
		case t.kind == word && (t.is("include") || t.is("exclude")) && p.peekAt(1).text == "(":
			p.next()
			p.next()
			pattern := p.next()
			if pattern.kind != word && pattern.kind != quoted {
				return nil, p.unexpected(pattern)
			}
			name := pattern.text
			if p.accept("*") {
				name += "*"
			}
			if err := p.expect(")"); err != nil {
				return nil, err
			}
			if t.is("include") {
				item.Include = name
			} else {
				item.Exclude = name
			}
		default:
			if item.Expr, err = p.sum(0, true); err != nil {
				return nil, err
			}
		}
		item.Text = p.since(start)
		if item.Alias, err = p.alias(); err != nil {
			return nil, err
		}
		out = append(out, item)
		if len(out) > maxList {
			return nil, p.reason(p.peek(), "too long a list")
		}
		if !p.accept(",") {
			return out, p.end()
		}
	}
}

// ParseGroup reads what to group by.
func ParseGroup(text string) (out []Group, err error) {
	p, err := newParser("group_by", text)
	if err != nil {
		return nil, err
	}
	for {
		start := p.here()
		var g Group
		if t := p.peek(); t.is("range") && p.peekAt(1).text == "(" {
			g.Range, err = p.ranges()
		} else {
			g.Expr, err = p.sum(0, false)
		}
		if err != nil {
			return nil, err
		}
		g.Text = p.since(start)
		if g.Alias, err = p.alias(); err != nil {
			return nil, err
		}
		out = append(out, g)
		if len(out) > 20 {
			return nil, p.reason(p.peek(), "too long a list")
		}
		if !p.accept(",") {
			return out, p.end()
		}
	}
}

// ParseOrder reads in which order to answer. A minus before a name is desc.
func ParseOrder(text string) (out []Order, err error) {
	p, err := newParser("order_by", text)
	if err != nil {
		return nil, err
	}
	for {
		o := Order{Desc: p.accept("-")}
		start := p.here()
		if o.Expr, err = p.sum(0, true); err != nil {
			return nil, err
		}
		o.Text = p.since(start)
		if p.acceptWord("desc") {
			o.Desc = true
		} else {
			p.acceptWord("asc")
		}
		out = append(out, o)
		if len(out) > 50 {
			return nil, p.reason(p.peek(), "too long a list")
		}
		if !p.accept(",") {
			return out, p.end()
		}
	}
}

func (p *parser) or(depth int) (Expr, error) { return p.chain(depth, "or", p.and) }

func (p *parser) and(depth int) (Expr, error) { return p.chain(depth, "and", p.not) }

func (p *parser) chain(depth int, op string, next func(int) (Expr, error)) (Expr, error) {
	left, err := next(depth)
	for n := 0; err == nil && p.peek().is(op); n++ {
		at := p.next()
		if n > maxList {
			return nil, p.reason(at, "too long a list")
		}
		var right Expr
		if right, err = next(depth); err == nil {
			left = Binary{Op: op, Left: left, Right: right, Position: at.at}
		}
	}
	return left, err
}

func (p *parser) not(depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, p.reason(p.peek(), "too deep a condition")
	}
	if p.acceptWord("not") {
		of, err := p.not(depth + 1)
		return Not{of}, err
	}
	if p.peek().text == "(" && p.peek().kind == symbol {
		// A parenthesis is a condition, or the beginning of an expression: (a + b) > 2.
		mark := p.i
		p.next()
		inner, err := p.or(depth + 1)
		if err == nil && p.accept(")") && !p.continues() {
			return inner, nil
		}
		after := p.i
		p.i = mark
		e, again := p.predicate(depth)
		if again == nil {
			return e, nil
		}
		if p.i < after && err != nil {
			return nil, err // the error that is further
		}
		return nil, again
	}
	return p.predicate(depth)
}

// continues says that what stands before is an expression that goes on.
func (p *parser) continues() bool {
	t := p.peek()
	return t.kind == symbol && slices.Contains([]string{"+", "-", "*", "/", "=", "==", ":", "!=", ">", "<", ">=", "<="}, t.text) || t.is("like") || t.is("in") || t.is("is")
}

func (p *parser) predicate(depth int) (Expr, error) {
	t := p.peek()
	if t.kind == word && (t.is("search") || t.is("suggest") || t.is("startswith")) && p.peekAt(1).text == "(" {
		return p.search()
	}
	left, err := p.sum(depth, false)
	if err != nil {
		return nil, err
	}
	field, isField := left.(Field)
	literal, isLiteral := left.(Literal)
	switch t = p.peek(); {
	case t.kind == symbol && slices.Contains([]string{"=", ":", "!=", ">", "<", ">=", "<="}, t.text):
		p.next()
		right, err := p.sum(depth, false)
		op := t.text
		if op == ":" {
			op = "="
		}
		return Binary{Op: op, Left: left, Right: right, Position: t.at}, err
	case t.is("like"):
		p.next()
		s := p.next()
		if s.kind != text {
			return nil, p.unexpected(s)
		}
		return Binary{Op: "like", Left: left, Right: Literal{Kind: Text, Text: s.text, Position: s.at}, Position: t.at}, nil
	case t.is("is") && isField:
		p.next()
		not := p.acceptWord("not")
		switch v := p.next(); {
		case v.is("null"):
			return IsNull{field, not}, nil
		case v.is("true") || v.is("false"):
			var e Expr = Binary{Op: "=", Left: field, Right: Literal{Kind: Boolean, Bool: v.is("true"), Position: v.at}, Position: v.at}
			if not {
				e = Not{e}
			}
			return e, nil
		default:
			return nil, p.unexpected(v)
		}
	case (t.is("in") || t.is("not") && p.peekAt(1).is("in")) && isField:
		not := p.acceptWord("not")
		p.next()
		e, err := p.in(field)
		if err == nil && not {
			e = Not{e}
		}
		return e, err
	case t.is("in") && isLiteral:
		p.next()
		f := p.next()
		if !f.name() {
			return nil, p.unexpected(f)
		}
		return Has{Value: literal, Field: Field{f.text, f.at}}, nil
	case isLiteral && literal.Kind == Text:
		return Search{Mode: "exact", Text: literal.Text}, nil
	case isField:
		return Binary{Op: "=", Left: field, Right: Literal{Kind: Boolean, Bool: true, Position: field.Position}, Position: field.Position}, nil
	}
	return nil, p.unexpected(t)
}

func (p *parser) in(field Field) (Expr, error) {
	t := p.next()
	switch {
	case t.kind == symbol && t.text == "(":
		e := In{Field: field}
		for {
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			e.Values = append(e.Values, v)
			if len(e.Values) > maxList {
				return nil, p.reason(p.peek(), "too long a list")
			}
			if !p.accept(",") {
				return e, p.expect(")")
			}
		}
	case t.kind == symbol && (t.text == "[" || t.text == "]"):
		e := Between{Field: field, OpenLow: t.text == "]"}
		var err error
		if e.Low, err = p.bound(); err != nil {
			return nil, err
		}
		if !p.acceptWord("to") && !p.accept("..") {
			return nil, p.unexpected(p.peek())
		}
		if e.High, err = p.bound(); err != nil {
			return nil, err
		}
		switch end := p.next(); {
		case end.kind == symbol && end.text == "]":
		case end.kind == symbol && end.text == "[":
			e.OpenHigh = true
		default:
			return nil, p.unexpected(end)
		}
		return e, nil
	}
	return nil, p.unexpected(t)
}

// bound is an end of an interval; a star is none.
func (p *parser) bound() (Literal, error) {
	if t := p.peek(); p.accept("*") {
		return Literal{Kind: Null, Position: t.at}, nil
	}
	return p.literal()
}

func (p *parser) search() (Expr, error) {
	mode := p.next()
	p.next()
	e := Search{Mode: strings.ToLower(mode.text)}
	for {
		t := p.next()
		switch {
		case t.kind == symbol && t.text == "*" && len(e.Fields) == 0:
		case t.name():
			e.Fields = append(e.Fields, Field{t.text, t.at})
		case t.kind == text:
			e.Text = t.text
			return e, p.expect(")")
		default:
			return nil, p.unexpected(t)
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) sum(depth int, aggregates bool) (Expr, error) {
	return p.operators(depth, []string{"+", "-"}, func(d int) (Expr, error) {
		return p.operators(d, []string{"*", "/"}, func(d int) (Expr, error) { return p.term(d, aggregates) })
	})
}

func (p *parser) operators(depth int, ops []string, next func(int) (Expr, error)) (Expr, error) {
	left, err := next(depth)
	for n := 0; err == nil && p.peek().kind == symbol && slices.Contains(ops, p.peek().text); n++ {
		op := p.next()
		if n > maxList {
			return nil, p.reason(op, "too long a list")
		}
		var right Expr
		if right, err = next(depth); err == nil {
			left = Binary{Op: op.text, Left: left, Right: right, Position: op.at}
		}
	}
	return left, err
}

func (p *parser) term(depth int, aggregates bool) (Expr, error) {
	if depth > maxDepth {
		return nil, p.reason(p.peek(), "too deep an expression")
	}
	t := p.peek()
	switch {
	case t.kind == symbol && t.text == "(":
		p.next()
		e, err := p.sum(depth+1, aggregates)
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case t.kind == word && p.peekAt(1).kind == symbol && p.peekAt(1).text == "(":
		return p.call(depth, aggregates)
	case t.kind == text || t.kind == number || t.kind == symbol && t.text == "-" || t.is("true") || t.is("false") || t.is("null") || t.is("date") && p.peekAt(1).kind == text:
		l, err := p.literal()
		return l, err
	case t.name():
		p.next()
		return Field{t.text, t.at}, nil
	}
	return nil, p.unexpected(t)
}

func (p *parser) call(depth int, aggregates bool) (Expr, error) {
	t := p.next()
	p.next()
	c := Call{Name: strings.ToLower(t.text), Position: t.at}
	arity, ok := functions[c.Name]
	if aggregate := slices.Contains(Aggregates, c.Name); aggregate && aggregates {
		arity, ok = aggregateArgs[c.Name], true
	} else if aggregate {
		return nil, p.reason(t, "aggregate "+c.Name+" cannot be used here:")
	}
	if !ok {
		return nil, p.reason(t, "unknown function "+t.text)
	}
	if c.Name == "count" && p.accept("*") {
		c.Star = true
		return c, p.expect(")")
	}
	if c.Name == "count" && p.acceptWord("distinct") {
		c.Distinct = true
	}
	for !p.accept(")") {
		if len(c.Args)+len(c.Named) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		if c.Name == "now" {
			name := p.next()
			if name.kind != word {
				return nil, p.unexpected(name)
			}
			if err := p.expect("="); err != nil {
				return nil, err
			}
			sign := 1.0
			if p.accept("-") {
				sign = -1
			} else {
				p.accept("+")
			}
			n := p.next()
			if n.kind != number {
				return nil, p.unexpected(n)
			}
			if c.Named == nil {
				c.Named = map[string]float64{}
			}
			c.Named[strings.ToLower(name.text)] = sign * n.number
			if len(c.Named) > 20 {
				return nil, p.reason(n, "too long a list")
			}
			continue
		}
		arg, err := p.sum(depth+1, false)
		if err != nil {
			return nil, err
		}
		if c.Args = append(c.Args, arg); len(c.Args) > arity[1] {
			return nil, p.reason(t, "too many arguments of "+c.Name)
		}
	}
	if len(c.Args) < arity[0] {
		return nil, p.reason(t, "too few arguments of "+c.Name)
	}
	return c, nil
}

func (p *parser) ranges() (*Range, error) {
	p.next()
	p.next()
	f := p.next()
	if !f.name() {
		return nil, p.unexpected(f)
	}
	r := &Range{Field: Field{f.text, f.at}}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	for {
		switch t := p.peek(); {
		case t.kind == symbol && t.text == "*":
			p.next()
			if len(r.Bounds) == 0 {
				r.OpenLow = true
			} else {
				r.OpenTop = true
			}
		default:
			l, err := p.literal()
			if err != nil {
				return nil, err
			}
			r.Bounds = append(r.Bounds, l)
		}
		if len(r.Bounds) > maxList {
			return nil, p.reason(p.peek(), "too long a list")
		}
		if p.accept(",") {
			continue
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		break
	}
	if len(r.Bounds) != 1 || r.OpenLow || r.OpenTop {
		if len(r.Bounds) == 0 {
			return nil, p.reason(f, "a range without bounds")
		}
		return r, nil
	}
	switch step := r.Bounds[0]; {
	case step.Kind == Number && step.Number > 0:
		r.Step = step.Number
	case step.Kind == Text:
		n, unit, ok := parseStep(step.Text)
		if !ok {
			return nil, p.reason(token{at: step.Position}, "this is no step of a range")
		}
		r.Step, r.Unit = n, unit
	default:
		return nil, p.reason(token{at: step.Position}, "this is no step of a range")
	}
	r.Bounds = nil
	return r, nil
}

var units = map[string]string{"ms": "ms", "s": "s", "m": "m", "h": "h", "d": "d", "w": "w", "M": "M", "q": "q", "y": "y"}

// parseStep reads "1 day", "2w": the short units are case-sensitive.
func parseStep(s string) (n float64, unit string, ok bool) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' && i < 6 {
		n = 10*n + float64(s[i]-'0')
		i++
	}
	if i == 0 {
		n = 1
	}
	name := strings.TrimSpace(s[i:])
	unit, ok = units[name]
	if !ok {
		for long, short := range map[string]string{"millisecond": "ms", "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "M", "quarter": "q", "year": "y"} {
			if low := strings.ToLower(name); low == long || low == long+"s" {
				unit, ok = short, true
			}
		}
	}
	return n, unit, ok && n > 0 && (n == 1 || !strings.Contains("wMqy", unit))
}

func (p *parser) literal() (Literal, error) {
	t := p.next()
	switch {
	case t.kind == text:
		return Literal{Kind: Text, Text: t.text, Position: t.at}, nil
	case t.kind == number:
		return Literal{Kind: Number, Number: t.number, Integer: !strings.ContainsAny(t.text, ".eE"), Text: t.text, Position: t.at}, nil
	case t.kind == symbol && t.text == "-" && p.peek().kind == number:
		n := p.next()
		return Literal{Kind: Number, Number: -n.number, Integer: !strings.ContainsAny(n.text, ".eE"), Text: "-" + n.text, Position: t.at}, nil
	case t.is("true") || t.is("false"):
		return Literal{Kind: Boolean, Bool: t.is("true"), Position: t.at}, nil
	case t.is("null"):
		return Literal{Kind: Null, Position: t.at}, nil
	case t.is("date") && p.peek().kind == text:
		return Literal{Kind: Date, Text: p.next().text, Position: t.at}, nil
	}
	return Literal{}, p.unexpected(t)
}

func (p *parser) alias() (string, error) {
	if !p.acceptWord("as") {
		return "", nil
	}
	t := p.next()
	if !t.name() {
		return "", p.unexpected(t)
	}
	return t.text, nil
}
