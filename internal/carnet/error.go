package carnet

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of failure an error is. The edge (a site, a command) maps each kind once:
// to a status, an exit code and a sentence in the person's language.
type Kind uint8

const (
	Internal    Kind = iota // ours: the log has the chain, the person sees only "internal"
	Invalid                 // what was given cannot be accepted; Code and Field say why and where
	NotFound                // it does not exist, or the caller may not know that it does
	Conflict                // it contradicts what is already recorded
	Denied                  // the register of processing does not allow it
	Unavailable             // a part we depend on does not answer; trying again is right
	TooMany                 // asked more often than one may; Args "Seconds" says how long to wait
)

var kindNames = [...]string{"internal", "invalid", "not-found", "conflict", "denied", "unavailable", "too-many"}

func (k Kind) String() string { return kindNames[k] }

// Error is a failure with a kind and a stable code. Code is the key of the message in the
// catalogues ("dose.date.future"); Field is the name of the input it speaks of, if any.
// Nothing in it may tell who the person is.
type Error struct {
	Op    string
	Kind  Kind
	Code  string
	Field string
	Args  map[string]any // values for the message: dates, limits; never personal data
	Err   error
}

// E builds an Error.
func E(op string, kind Kind, code string, cause error) *Error {
	return &Error{Op: op, Kind: kind, Code: code, Err: cause}
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(e.Code)
	if e.Field != "" {
		fmt.Fprintf(&b, " (field %s)", e.Field)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Problems is every fault of one input, so that a form can show them all at once.
type Problems []*Error

func (p Problems) Error() string {
	s := make([]string, len(p))
	for i, e := range p {
		s[i] = e.Error()
	}
	return strings.Join(s, "; ")
}

// Unwrap lets errors.As and errors.Is see each fault.
func (p Problems) Unwrap() []error {
	s := make([]error, len(p))
	for i, e := range p {
		s[i] = e
	}
	return s
}

// Add notes one fault of an input field.
func (p *Problems) Add(field, code string, args map[string]any) {
	*p = append(*p, &Error{Op: "input", Kind: Invalid, Code: code, Field: field, Args: args})
}

// Err returns the problems as an error, or nil when there is none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// KindOf returns the kind of the first Error in the chain; anything else is Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf returns the stable code of the first Error in the chain, or "internal".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return "internal"
}
