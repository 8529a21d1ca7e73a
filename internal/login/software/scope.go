package software

import (
	"errors"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

// Scopes are what a client may do: "system/Immunization.cruds", in the form of SMART App Launch
// 2.2.0 section 3.0.2. The letters of a scope are create, read, update, delete and search, in that
// order, each at most once.
type Scopes []string

// AllScopes are those that a client can be registered for.
var AllScopes = Scopes{"system/Immunization.cruds", "system/Patient.rs"}

const maxScope = 500 // bytes of a list

// ParseScopes reads a list that is separated by spaces. A scope that there is not is
// carnet.Invalid, CodeScope; an empty list too.
func ParseScopes(text string) (Scopes, error) {
	bad := func(why string) (Scopes, error) {
		return nil, &carnet.Error{Op: "software.ParseScopes", Kind: carnet.Invalid, Code: CodeScope, Field: "scope", Err: errors.New(why)}
	}
	if len(text) > maxScope {
		return bad("too long")
	}
	var list Scopes
	for _, scope := range strings.Fields(text) {
		_, letters, ok := split(scope)
		if !ok || letters == "" || !AllScopes.covers(scope) {
			return bad("no such scope")
		}
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	if len(list) == 0 {
		return bad("none")
	}
	return list, nil
}

func (s Scopes) String() string { return strings.Join(s, " ") }

// May reports that a letter of a type is granted: May("Immunization", 'c').
func (s Scopes) May(resource string, act byte) bool {
	return slices.ContainsFunc(s, func(scope string) bool {
		r, letters, ok := split(scope)
		return ok && r == resource && strings.IndexByte(letters, act) >= 0
	})
}

// covers reports that every letter of a scope is granted.
func (s Scopes) covers(scope string) bool {
	resource, letters, ok := split(scope)
	for i := range len(letters) {
		ok = ok && s.May(resource, letters[i])
	}
	return ok
}

// split takes a scope apart; the letters are in their order.
func split(scope string) (resource, letters string, ok bool) {
	rest, ok := strings.CutPrefix(scope, "system/")
	if !ok {
		return "", "", false
	}
	resource, letters, ok = strings.Cut(rest, ".")
	at := -1
	for i := range len(letters) {
		n := strings.IndexByte("cruds", letters[i])
		if n <= at {
			return "", "", false
		}
		at = n
	}
	return resource, letters, ok && letters != ""
}
