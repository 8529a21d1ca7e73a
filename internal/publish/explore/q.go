package explore

import (
	"strconv"
	"strings"
	"unicode"

	"carnet/internal/publish/odsql"
)

// parseQ reads the query language of the first version of the API: words, "exact words", AND OR NOT, parentheses,
// field:value (also = and ==), field > value, field:[a TO b], #now() #null(f) #exact(f,"x") #search(f,"x")
// #startswith(f,"x"). It gives the same conditions as ODSQL; words side by side are all wanted. A field whose name is
// followed by a comparison also takes the forms of ODSQL that people write in q: date>=2021-04-01.
func parseQ(text string) (odsql.Expr, error) {
	if len(text) > odsql.MaxLength {
		return nil, badParameter("Invalid value for q API parameter: it has more than %d bytes.", odsql.MaxLength)
	}
	p := &qParser{runes: []rune(text)}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.runes) {
		return nil, p.unexpected()
	}
	return e, nil
}

type qParser struct {
	runes []rune
	i     int
}

func (p *qParser) unexpected() error {
	if p.i >= len(p.runes) {
		return badParameter("Invalid value for q API parameter: unexpected end of line.")
	}
	return badParameter("Invalid value for q API parameter: unexpected %c at position %d in %s.", p.runes[p.i], p.i, clip(string(p.runes)))
}

func (p *qParser) space() {
	for p.i < len(p.runes) && unicode.IsSpace(p.runes[p.i]) {
		p.i++
	}
}

func (p *qParser) accept(s string) bool {
	p.space()
	if strings.HasPrefix(string(p.runes[p.i:min(len(p.runes), p.i+len(s))]), s) {
		p.i += len([]rune(s))
		return true
	}
	return false
}

// keyword accepts a word in any case that is not the beginning of a longer one.
func (p *qParser) keyword(s string) bool {
	p.space()
	end := p.i + len(s)
	if end <= len(p.runes) && strings.EqualFold(string(p.runes[p.i:end]), s) && (end == len(p.runes) || !isWord(p.runes[end])) {
		p.i = end
		return true
	}
	return false
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

func (p *qParser) or(depth int) (odsql.Expr, error) {
	left, err := p.and(depth)
	for err == nil && p.keyword("or") {
		var right odsql.Expr
		if right, err = p.and(depth); err == nil {
			left = join("or", left, right)
		}
	}
	return left, err
}

func (p *qParser) and(depth int) (odsql.Expr, error) {
	left, err := p.not(depth)
	for err == nil {
		if !p.keyword("and") {
			mark := p.i
			if p.space(); p.i == len(p.runes) || p.runes[p.i] == ')' || p.keyword("or") {
				p.i = mark
				return left, nil
			}
		}
		var right odsql.Expr
		if right, err = p.not(depth); err == nil {
			left = join("and", left, right)
		}
	}
	return left, err
}

func join(op string, left, right odsql.Expr) odsql.Expr {
	if left == nil {
		return right
	}
	if right == nil {
		return left
	}
	return odsql.Binary{Op: op, Left: left, Right: right}
}

const maxDepthQ = 50

func (p *qParser) not(depth int) (odsql.Expr, error) {
	if depth > maxDepthQ {
		return nil, badParameter("Invalid value for q API parameter: too deep a query.")
	}
	if p.keyword("not") || p.accept("-") {
		e, err := p.not(depth + 1)
		return odsql.Not{Of: e}, err
	}
	if p.accept("(") {
		e, err := p.or(depth + 1)
		if err == nil && !p.accept(")") {
			err = p.unexpected()
		}
		return e, err
	}
	return p.term()
}

// value is a text in quotes, or what stands until a space or a sign.
func (p *qParser) value() (string, bool, error) {
	p.space()
	if p.i < len(p.runes) && (p.runes[p.i] == '"' || p.runes[p.i] == '\'') {
		quote := p.runes[p.i]
		for j := p.i + 1; j < len(p.runes); j++ {
			if p.runes[j] == quote {
				s := string(p.runes[p.i+1 : j])
				p.i = j + 1
				return s, true, nil
			}
		}
		p.i = len(p.runes)
		return "", false, p.unexpected()
	}
	start := p.i
	for p.i < len(p.runes) && !unicode.IsSpace(p.runes[p.i]) && !strings.ContainsRune(`()[]:=<>,"'`, p.runes[p.i]) {
		p.i++
	}
	if p.i == start {
		return "", false, p.unexpected()
	}
	return string(p.runes[start:p.i]), false, nil
}

func (p *qParser) term() (odsql.Expr, error) {
	if p.accept("#") {
		return p.function()
	}
	word, quoted, err := p.value()
	if err != nil {
		return nil, err
	}
	if quoted {
		return odsql.Search{Mode: "exact", Text: word}, nil
	}
	field := odsql.Field{Name: word}
	for _, op := range []string{">=", "<=", "==", "!=", ":", "=", ">", "<"} {
		if !p.accept(op) {
			continue
		}
		if (op == ":" || op == "=" || op == "==") && (p.accept("[") || p.accept("]")) {
			open := p.runes[p.i-1] == ']'
			low, _, err := p.value()
			if err != nil {
				return nil, err
			}
			if !p.keyword("to") {
				return nil, p.unexpected()
			}
			high, _, err := p.value()
			if err != nil {
				return nil, err
			}
			e := odsql.Between{Field: field, Low: literalQ(low), High: literalQ(high), OpenLow: open}
			if p.accept("[") {
				e.OpenHigh = true
			} else if !p.accept("]") {
				return nil, p.unexpected()
			}
			return e, nil
		}
		var right odsql.Expr
		if p.accept("#") {
			if !p.keyword("now") {
				return nil, p.unexpected()
			}
			if right, err = p.now(); err != nil {
				return nil, err
			}
		} else {
			v, _, err := p.value()
			if err != nil {
				return nil, err
			}
			right = literalQ(v)
		}
		switch op {
		case ":", "==":
			op = "="
		}
		return odsql.Binary{Op: op, Left: field, Right: right}, nil
	}
	return odsql.Search{Mode: "search", Text: word}, nil
}

// literalQ is a value without quotes: a number when it is one, so that numbers compare; texts read it as it was written.
func literalQ(s string) odsql.Literal {
	if s == "*" {
		return odsql.Literal{Kind: odsql.Null}
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return odsql.Literal{Kind: odsql.Number, Number: n, Text: s}
	}
	return odsql.Literal{Kind: odsql.Text, Text: s}
}

// now reads the arguments of #now(years=-1).
func (p *qParser) now() (odsql.Expr, error) {
	c := odsql.Call{Name: "now", Named: map[string]float64{}}
	if !p.accept("(") {
		return nil, p.unexpected()
	}
	for !p.accept(")") {
		if len(c.Named) > 0 && !p.accept(",") || len(c.Named) > 20 {
			return nil, p.unexpected()
		}
		name, _, err := p.value()
		if err != nil {
			return nil, err
		}
		if !p.accept("=") {
			return nil, p.unexpected()
		}
		v, _, err := p.value()
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, badParameter("Invalid value for q API parameter: %s is no number.", clip(v))
		}
		c.Named[strings.ToLower(name)] = float64(n)
	}
	return c, nil
}

func (p *qParser) function() (odsql.Expr, error) {
	name, _, err := p.value()
	if err != nil {
		return nil, err
	}
	if !p.accept("(") {
		return nil, p.unexpected()
	}
	var args []string
	for !p.accept(")") {
		if len(args) > 0 && !p.accept(",") || len(args) > 20 {
			return nil, p.unexpected()
		}
		v, _, err := p.value()
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	fields := func(names []string) (out []odsql.Field) {
		for _, n := range names {
			if n != "*" {
				out = append(out, odsql.Field{Name: n})
			}
		}
		return out
	}
	switch strings.ToLower(name) {
	case "null":
		if len(args) == 1 {
			return odsql.IsNull{Field: odsql.Field{Name: args[0]}}, nil
		}
	case "exact":
		if len(args) == 2 {
			return odsql.Binary{Op: "=", Left: odsql.Field{Name: args[0]}, Right: literalQ(args[1])}, nil
		}
	case "search", "startswith":
		if len(args) >= 2 {
			return odsql.Search{Mode: strings.ToLower(name), Fields: fields(args[:len(args)-1]), Text: args[len(args)-1]}, nil
		}
	}
	return nil, badParameter("Invalid value for q API parameter: #%s with %d arguments is not known.", clip(name), len(args))
}
