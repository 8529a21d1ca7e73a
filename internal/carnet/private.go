package carnet

import (
	"crypto/subtle"
	"log/slog"
)

// Mask is what a private value shows when it is printed.
const Mask = "█"

// Private is text that tells something about a person: a name, a number, a contact, a lot.
// It hides itself from fmt, slog and every text or JSON encoder. The pointer keeps it hidden even
// inside another struct's unexported field, where fmt calls no method.
type Private struct{ clear *string }

// Hide wraps a clear value. The empty string gives the zero Private.
func Hide(s string) Private {
	if s == "" {
		return Private{}
	}
	return Private{&s}
}

// Reveal gives the clear value back. Each call is a place where a reviewer looks.
func (p Private) Reveal() string {
	if p.clear == nil {
		return ""
	}
	return *p.clear
}

// IsZero reports that there is no value.
func (p Private) IsZero() bool { return p.clear == nil }

// Equal compares two values in time independent of where they differ.
func (p Private) Equal(q Private) bool {
	return subtle.ConstantTimeCompare([]byte(p.Reveal()), []byte(q.Reveal())) == 1
}

func (p Private) String() string               { return p.mask() }
func (p Private) GoString() string             { return p.mask() }
func (p Private) LogValue() slog.Value         { return slog.StringValue(p.mask()) }
func (p Private) MarshalText() ([]byte, error) { return []byte(p.mask()), nil }

func (p Private) mask() string {
	if p.clear == nil {
		return ""
	}
	return Mask
}
