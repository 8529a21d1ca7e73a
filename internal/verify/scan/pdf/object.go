package pdf

import (
	"bytes"
	"errors"
	"strconv"
)

// The objects of a PDF (ISO 32000-1, 7.3). null is nil, numbers are int or float64, booleans bool.
type (
	name    string
	text    []byte // a string, decrypted
	array   []any
	dict    map[name]any
	ref     struct{ num, gen int }
	keyword string // an operator of a content stream, or a word of the file structure
	stream  struct {
		dict dict
		raw  []byte // as stored
		id   ref    // for decryption
		open bool   // not encrypted: it came out of an object stream or the filter says so
	}
)

const maxNesting = 60

var (
	errEnd    = errors.New("the data ends inside an object")
	errNested = errors.New("objects are nested too deeply")
	errSyntax = errors.New("this is no PDF object")
)

// lexer reads objects one after the other.
type lexer struct {
	data []byte
	pos  int
	refs bool // "1 0 R" is a reference: in files, not in content streams
}

func isSpace(c byte) bool { return c == 0 || c == 9 || c == 10 || c == 12 || c == 13 || c == 32 }

func isDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func (l *lexer) space() {
	for l.pos < len(l.data) {
		c := l.data[l.pos]
		switch {
		case isSpace(c):
			l.pos++
		case c == '%':
			for l.pos < len(l.data) && l.data[l.pos] != '\n' && l.data[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// next reads one object or keyword.
func (l *lexer) next() (any, error) { return l.object(0) }

func (l *lexer) object(depth int) (any, error) {
	if depth > maxNesting {
		return nil, errNested
	}
	l.space()
	if l.pos >= len(l.data) {
		return nil, errEnd
	}
	c := l.data[l.pos]
	switch {
	case c == '/':
		l.pos++
		return l.name(), nil
	case c == '(':
		return l.literal()
	case c == '<' && l.pos+1 < len(l.data) && l.data[l.pos+1] == '<':
		l.pos += 2
		return l.dict(depth)
	case c == '<':
		return l.hex()
	case c == '[':
		l.pos++
		a := array{}
		for {
			l.space()
			if l.pos >= len(l.data) {
				return nil, errEnd
			}
			if l.data[l.pos] == ']' {
				l.pos++
				return a, nil
			}
			v, err := l.object(depth + 1)
			if err != nil {
				return nil, err
			}
			if k, ok := v.(keyword); ok && k != "" {
				return nil, errSyntax
			}
			a = append(a, v)
		}
	case c == '{' || c == '}' || c == ')' || c == '>' || c == ']':
		l.pos++
		return keyword(c), nil
	}
	start := l.pos
	for l.pos < len(l.data) && !isSpace(l.data[l.pos]) && !isDelimiter(l.data[l.pos]) {
		l.pos++
	}
	word := string(l.data[start:l.pos])
	switch word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if v, ok := number(word); ok {
		if n, ok := v.(int); ok && l.refs && n >= 0 {
			if r, ok := l.reference(n); ok {
				return r, nil
			}
		}
		return v, nil
	}
	return keyword(word), nil
}

// reference looks ahead for the rest of "12 0 R".
func (l *lexer) reference(num int) (ref, bool) {
	save := l.pos
	p := lexer{data: l.data, pos: l.pos}
	p.space()
	start := p.pos
	for p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '9' && p.pos-start < 6 {
		p.pos++
	}
	gen, err := strconv.Atoi(string(p.data[start:p.pos]))
	if err != nil {
		return ref{}, false
	}
	p.space()
	if p.pos < len(p.data) && p.data[p.pos] == 'R' && (p.pos+1 == len(p.data) || isSpace(p.data[p.pos+1]) || isDelimiter(p.data[p.pos+1])) {
		l.pos = p.pos + 1
		return ref{num, gen}, true
	}
	l.pos = save
	return ref{}, false
}

// number is lenient about what writers get wrong: "--5", "1.2.3" and "5-" occur.
func number(s string) (any, bool) {
	if s == "" || s[0] != '+' && s[0] != '-' && s[0] != '.' && (s[0] < '0' || s[0] > '9') {
		return nil, false
	}
	if n, err := strconv.Atoi(s); err == nil {
		if n > 1<<40 || n < -(1<<40) {
			return 0.0, true
		}
		return n, true
	}
	for i := range len(s) {
		if c := s[i]; c != '+' && c != '-' && c != '.' && (c < '0' || c > '9') {
			return nil, false
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f < 1e12 && f > -1e12 {
		return f, true
	}
	return 0.0, true
}

func (l *lexer) name() name {
	var out []byte
	for l.pos < len(l.data) && !isSpace(l.data[l.pos]) && !isDelimiter(l.data[l.pos]) {
		c := l.data[l.pos]
		l.pos++
		if c == '#' && l.pos+1 < len(l.data) {
			if v, err := strconv.ParseUint(string(l.data[l.pos:l.pos+2]), 16, 8); err == nil {
				c = byte(v)
				l.pos += 2
			}
		}
		out = append(out, c)
	}
	return name(out)
}

func (l *lexer) literal() (any, error) {
	l.pos++
	var out text
	depth := 1
	for l.pos < len(l.data) {
		c := l.data[l.pos]
		l.pos++
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return out, nil
			}
		case '\\':
			if l.pos >= len(l.data) {
				return nil, errEnd
			}
			c = l.data[l.pos]
			l.pos++
			switch c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case '\r':
				if l.pos < len(l.data) && l.data[l.pos] == '\n' {
					l.pos++
				}
				continue
			case '\n':
				continue
			case '0', '1', '2', '3', '4', '5', '6', '7':
				v := int(c - '0')
				for k := 0; k < 2 && l.pos < len(l.data) && l.data[l.pos] >= '0' && l.data[l.pos] <= '7'; k++ {
					v = v*8 + int(l.data[l.pos]-'0')
					l.pos++
				}
				c = byte(v)
			}
		}
		out = append(out, c)
	}
	return nil, errEnd
}

func (l *lexer) hex() (any, error) {
	l.pos++
	end := bytes.IndexByte(l.data[l.pos:], '>')
	if end < 0 {
		return nil, errEnd
	}
	out := text(hexBytes(l.data[l.pos : l.pos+end]))
	l.pos += end + 1
	return out, nil
}

func hexBytes(s []byte) []byte {
	var out []byte
	half := -1
	for _, c := range s {
		v := 0
		switch {
		case c >= '0' && c <= '9':
			v = int(c - '0')
		case c >= 'a' && c <= 'f':
			v = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			v = int(c-'A') + 10
		default:
			continue
		}
		if half < 0 {
			half = v
		} else {
			out = append(out, byte(half<<4|v))
			half = -1
		}
	}
	if half >= 0 {
		out = append(out, byte(half<<4))
	}
	return out
}

// dict reads up to the closing >>, or up to ID in an inline image.
func (l *lexer) dict(depth int) (any, error) {
	d := dict{}
	for {
		l.space()
		if l.pos >= len(l.data) {
			return nil, errEnd
		}
		if l.data[l.pos] == '>' {
			l.pos++
			if l.pos < len(l.data) && l.data[l.pos] == '>' {
				l.pos++
			}
			return d, nil
		}
		k, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(name)
		if !ok {
			return nil, errSyntax
		}
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if w, ok := v.(keyword); ok {
			if w == ">" { // a key without value at the end
				if l.pos < len(l.data) && l.data[l.pos] == '>' {
					l.pos++
				}
				return d, nil
			}
			return nil, errSyntax
		}
		d[key] = v
	}
}

// asInt and asFloat read a number of either kind.
func asInt(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case float64:
		return int(n), true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
