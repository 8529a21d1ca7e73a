package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// pivot lists the six traits by which an identity provider and the civil registry speak of a person.
var pivot = []string{"given_name", "family_name", "birthdate", "gender", "birthplace", "birthcountry"}

// registry is the national directory of people (RNIPP) that a federator asks.
type registry map[string]entry

// entry is what the registry answers to an identity.
type entry struct {
	code   string         // public code of a refusal; empty when it knows exactly one person
	claims map[string]any // the identity as civil status has it
}

// digest names an identity by its pivot. Parts are prefixed with their lengths, so that no two
// identities run into one another.
func digest(claims map[string]any) string {
	h := sha256.New()
	for _, name := range pivot {
		v, _ := claims[name].(string)
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(v))))
		h.Write([]byte(v))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ask looks an identity up. Somebody whom nobody knows has no echo.
func (r registry) ask(claims map[string]any) entry {
	if e, ok := r[digest(claims)]; ok {
		return e
	}
	return entry{code: "Y010008"}
}

// outcomes are the answers that a persona can have, by their name in people.toml.
var outcomes = map[string]string{
	"":             "",
	"near":         "Y010004",
	"several":      "Y010006",
	"married-name": "Y010007",
	"none":         "Y010008",
	"rejected":     "Y010009",
	"timeout":      "Y010011",
	"unreachable":  "Y010012",
	"bad-status":   "Y010013",
	"deceased":     "Y010015",
}

var (
	givenForm   = regexp.MustCompile(`^[A-Za-zÀ-ÖØ-öø-ÿ' -]+$`)
	familyForm  = regexp.MustCompile(`^[A-Za-zÀ-ÖØ-öø-ÿ' -]+$`)
	placeForm   = regexp.MustCompile(`^(([0-8][0-9AB])|(9[0-8AB]))[0-9]{3}$`)
	countryForm = regexp.MustCompile(`^99[0-9]{3}$`)
)

// sound reports that an identity of an identity provider can be used: all six traits in their form,
// a place of birth for who was born in France, and an address (specification, section 2.4, Y600006).
func sound(claims map[string]any) bool {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	if !givenForm.MatchString(text("given_name")) || !familyForm.MatchString(text("family_name")) {
		return false
	}
	if g := text("gender"); g != "male" && g != "female" {
		return false
	}
	if _, err := time.Parse(time.DateOnly, text("birthdate")); err != nil {
		return false
	}
	if email := text("email"); !strings.Contains(email, "@") {
		return false
	}
	// Born in France means born somewhere; born abroad, the place is empty or free text.
	if text("birthcountry") == france {
		return placeForm.MatchString(text("birthplace"))
	}
	return countryForm.MatchString(text("birthcountry"))
}
