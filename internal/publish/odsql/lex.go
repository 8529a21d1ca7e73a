package odsql

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	end tokenKind = iota
	word
	quoted // a name in back-quotes
	text
	number
	symbol
)

type token struct {
	kind     tokenKind
	text     string
	number   float64
	at, stop int // characters
}

// is compares a word with a keyword.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// name says whether a token can be the name of a field.
func (t token) name() bool {
	return t.kind == quoted || t.kind == word && !slices.Contains(reserved, strings.ToLower(t.text))
}

type parser struct {
	clause string
	runes  []rune
	tokens []token
	i      int
}

func newParser(clause, input string) (*parser, error) {
	p := &parser{clause: clause}
	if len(input) > MaxLength {
		return nil, &SyntaxError{Clause: clause, Text: "a clause", Reason: "more than " + strconv.Itoa(MaxLength) + " bytes"}
	}
	if !utf8.ValidString(input) {
		return nil, &SyntaxError{Clause: clause, Text: "a clause", Reason: "bytes that are not UTF-8"}
	}
	p.runes = []rune(input)
	for i := 0; i < len(p.runes); {
		t, err := p.lex(i)
		if err != nil {
			return nil, err
		}
		if t.kind != end {
			p.tokens = append(p.tokens, t)
		}
		i = t.stop
	}
	return p, nil
}

// lex reads the token that begins at a character; white space is a token of kind end.
func (p *parser) lex(i int) (token, error) {
	r := p.runes[i]
	t := token{at: i, stop: i + 1}
	switch {
	case unicode.IsSpace(r):
		return t, nil
	case r == '\'' || r == '"':
		var b strings.Builder
		for j := i + 1; j < len(p.runes); j++ {
			switch c := p.runes[j]; {
			case c == '\\' && j+1 < len(p.runes):
				j++
				switch p.runes[j] {
				case 'n':
					b.WriteByte('\n')
				case 't':
					b.WriteByte('\t')
				default:
					b.WriteRune(p.runes[j])
				}
			case c == r:
				t.kind, t.text, t.stop = text, b.String(), j+1
				return t, nil
			default:
				b.WriteRune(c)
			}
		}
		return t, &SyntaxError{Clause: p.clause, Text: string(p.runes), Position: -1}
	case r == '`':
		for j := i + 1; j < len(p.runes); j++ {
			if p.runes[j] == '`' {
				t.kind, t.text, t.stop = quoted, string(p.runes[i+1:j]), j+1
				return t, nil
			}
		}
		return t, &SyntaxError{Clause: p.clause, Text: string(p.runes), Position: -1}
	case r >= '0' && r <= '9' || r == '.' && i+1 < len(p.runes) && p.runes[i+1] >= '0' && p.runes[i+1] <= '9':
		j := i
		for j < len(p.runes) && (p.runes[j] >= '0' && p.runes[j] <= '9' || p.runes[j] == '.' && !(j+1 < len(p.runes) && p.runes[j+1] == '.') ||
			(p.runes[j] == 'e' || p.runes[j] == 'E') && j+1 < len(p.runes) && (p.runes[j+1] >= '0' && p.runes[j+1] <= '9' || p.runes[j+1] == '-') || p.runes[j] == '-' && (p.runes[j-1] == 'e' || p.runes[j-1] == 'E')) {
			j++
		}
		v, err := strconv.ParseFloat(string(p.runes[i:j]), 64)
		t.kind, t.text, t.number, t.stop = number, string(p.runes[i:j]), v, j
		if err != nil || math.IsInf(v, 0) {
			return t, p.unexpected(t)
		}
		return t, nil
	case r == '_' || unicode.IsLetter(r):
		j := i
		for j < len(p.runes) && (p.runes[j] == '_' || unicode.IsLetter(p.runes[j]) || unicode.IsDigit(p.runes[j])) {
			j++
		}
		t.kind, t.text, t.stop = word, string(p.runes[i:j]), j
		return t, nil
	}
	t.kind, t.text = symbol, string(r)
	if i+1 < len(p.runes) {
		if two := string(p.runes[i : i+2]); slices.Contains([]string{"!=", ">=", "<=", ".."}, two) {
			t.text, t.stop = two, i+2
		}
	}
	if len(t.text) == 1 && !strings.Contains("+-*/=:><()[],", t.text) {
		return t, p.unexpected(t)
	}
	return t, nil
}

func (p *parser) peekAt(n int) token {
	if p.i+n < len(p.tokens) {
		return p.tokens[p.i+n]
	}
	return token{at: len(p.runes), stop: len(p.runes)}
}

func (p *parser) peek() token { return p.peekAt(0) }

func (p *parser) next() token {
	t := p.peek()
	if p.i < len(p.tokens) {
		p.i++
	}
	return t
}

func (p *parser) accept(s string) bool {
	if t := p.peek(); t.kind == symbol && t.text == s {
		p.i++
		return true
	}
	return false
}

func (p *parser) acceptWord(w string) bool {
	if p.peek().is(w) {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if !p.accept(s) {
		return p.unexpected(p.peek())
	}
	return nil
}

func (p *parser) end() error {
	if p.i < len(p.tokens) {
		return p.unexpected(p.peek())
	}
	return nil
}

func (p *parser) unexpected(t token) error {
	if t.kind == end {
		return &SyntaxError{Clause: p.clause, Text: string(p.runes), Position: -1}
	}
	return &SyntaxError{Clause: p.clause, Text: string(p.runes), Position: t.at, Unexpected: string(p.runes[t.at:t.stop])}
}

func (p *parser) reason(t token, why string) error {
	return &SyntaxError{Clause: p.clause, Text: string(p.runes), Position: t.at, Reason: why}
}

// here is where the next token begins, since the text from there to the last one that was read.
func (p *parser) here() int { return p.peek().at }

func (p *parser) since(start int) string {
	if p.i == 0 {
		return ""
	}
	return string(p.runes[start:max(start, p.tokens[p.i-1].stop)])
}
