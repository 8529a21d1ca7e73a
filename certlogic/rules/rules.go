// Package rules applies the business rules of EU certificates: it selects those that hold for a
// country, a region, a type of certificate and an instant, and evaluates them with CertLogic
// (ehn-dcc-development/eu-dcc-business-rules; Carnet specification dcc.md, section 6.3).
//
// # Use
//
//	set, err := rules.Read(file)                     // dated data, checked once
//	sets, err := rules.ReadValueSets(other)          // code lists that rules refer to
//	chosen := set.Select(rules.Query{Arrival: "FR", Issue: "DE", Type: rules.Vaccination, At: at})
//	outcomes := chosen.Evaluate(payload, rules.External{Clock: at, ValueSets: sets})
//	verdict := rules.Verdict(outcomes)
//
// The payload is the content of a certificate as a JSON tree (see [Payload]). No clock is read: the
// instant is that of the query and of External.Clock.
//
// # Three answers
//
// [Pass] only when the expression gives true; [Fail] when it gives false. Everything else is
// [Open], a question for a person and never a pass: the evaluation erred, the result is no boolean,
// the rule needs a newer engine or another one, a newer schema than the certificate states, or its
// expression is not valid. [Outcome.Reason] tells which. An invalidation rule (IR) passes or fails
// like the others: it is written so that true means acceptable.
//
// # Data
//
// A rule set is a document: a JSON array of rules in the published form, one rule, or
//
//	{"date": "2026-11-02T00:00:00Z", "source": "...", "rules": [...]}
//
// Names of members are read in any case, as the gateway and the test data write them differently.
// Read refuses invalid UTF-8 and a member that stands twice; it refuses the whole document when a
// rule lacks what selection needs, has a wrong form, or when two rules share identifier and
// version: half a rule set is worse than none. An expression that does not parse is kept and stays
// open, since it may be of a future version; [Rule.Invalid] tells an editor of rules.
//
// # Selection
//
// Acceptance rules are those of the country of arrival, invalidation rules those of the country of
// issue. A rule holds when its certificate type is General or the one in question, and
// ValidFrom <= at <= ValidTo. A rule without region holds in the whole country, a rule with a
// region only there. Of several versions in force the highest is taken, number by number.
//
// # Not done
//
// Fetching rules and verifying their CMS signature; rules in other engines than CertLogic.
package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/certlogic"
)

// Limits of what is read.
const (
	MaxDocument = 8 << 20 // bytes of a rule set
	MaxRules    = 5000
)

// Kinds of rules.
const (
	Acceptance   = "Acceptance"
	Invalidation = "Invalidation"
)

// Types of certificates.
const (
	General     = "General"
	Vaccination = "Vaccination"
	Test        = "Test"
	Recovery    = "Recovery"
)

// Engine is the one that this package runs.
const Engine = "CERTLOGIC"

// Rule is one business rule.
type Rule struct {
	Identifier      string // "VR-FR-0002"; GR general, VR vaccination, TR test, RR recovery, IR invalidation
	Type            string // Acceptance or Invalidation
	Country         string // ISO 3166 alpha-2, or EU
	Region          string `json:",omitempty"` // "" for the whole country
	Version         string // "1.0.5"
	SchemaVersion   string // of the certificate, at least
	Engine          string
	EngineVersion   string // of the engine, at least
	CertificateType string
	Description     []Text
	ValidFrom       time.Time
	ValidTo         time.Time
	AffectedFields  []string        // "dt", "v.0.dn"
	Logic           json.RawMessage // as read

	expression *certlogic.Expression
	invalid    error
	version    version
	engine     version
	schema     version
}

// Text is a description in one language.
type Text struct {
	Lang string `json:"lang"` // "fr"
	Desc string `json:"desc"`
}

// Describe gives the description in the first language of the list that the rule has, else in
// English, else the first one, else "".
func (r *Rule) Describe(langs ...string) string {
	for _, l := range append(langs, "en") {
		for _, d := range r.Description {
			if strings.EqualFold(d.Lang, l) {
				return d.Desc
			}
		}
	}
	if len(r.Description) > 0 {
		return r.Description[0].Desc
	}
	return ""
}

// Invalid gives what is wrong with the expression, or nil.
func (r *Rule) Invalid() error { return r.invalid }

// InForce reports that the rule holds at an instant.
func (r *Rule) InForce(at time.Time) bool { return !at.Before(r.ValidFrom) && !at.After(r.ValidTo) }

var (
	identifierForm = regexp.MustCompile(`^(GR|VR|TR|RR|IR)-[A-Z]{2}-[0-9]{4}$`)
	countryForm    = regexp.MustCompile(`^[A-Z]{2}$`)
)

// prepare checks a rule and makes it ready.
func (r *Rule) prepare() error {
	r.Engine = strings.ToUpper(r.Engine)
	if r.Country == "" && len(r.Identifier) > 4 { // some gateways leave it to the identifier
		r.Country = r.Identifier[3:5]
	}
	switch {
	case !identifierForm.MatchString(r.Identifier):
		return fmt.Errorf("identifier %q", clip(r.Identifier))
	case !countryForm.MatchString(r.Country):
		return fmt.Errorf("country %q", clip(r.Country))
	case r.Type != Acceptance && r.Type != Invalidation:
		return fmt.Errorf("type %q", clip(r.Type))
	case (r.Type == Invalidation) != strings.HasPrefix(r.Identifier, "IR-"):
		return fmt.Errorf("type %s of %s", r.Type, r.Identifier)
	case !slices.Contains([]string{General, Vaccination, Test, Recovery}, r.CertificateType):
		return fmt.Errorf("certificate type %q", clip(r.CertificateType))
	case r.ValidFrom.IsZero() || r.ValidTo.IsZero() || r.ValidTo.Before(r.ValidFrom):
		return fmt.Errorf("validity from %s to %s", r.ValidFrom, r.ValidTo)
	case len(r.Logic) == 0:
		return fmt.Errorf("no logic")
	}
	for _, v := range []struct {
		name, text string
		to         *version
	}{{"version", r.Version, &r.version}, {"engine version", r.EngineVersion, &r.engine}, {"schema version", r.SchemaVersion, &r.schema}} {
		var ok bool
		if *v.to, ok = parseVersion(v.text); !ok {
			return fmt.Errorf("%s %q", v.name, clip(v.text))
		}
	}
	r.expression, r.invalid = certlogic.Parse(r.Logic)
	return nil
}

// clip keeps an error short.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}

// version is three numbers.
type version [3]int

func parseVersion(s string) (v version, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return v, false
		}
		v[i] = int(n)
	}
	return v, true
}

func (v version) compare(w version) int { return slices.Compare(v[:], w[:]) }

// engineVersion is what this evaluator understands.
var engineVersion, _ = parseVersion(certlogic.Version)

// Set is a rule set. It is immutable and safe for concurrent use.
type Set struct {
	Date   time.Time // of the document, zero when it has none
	Source string    // where it comes from, for people to read
	Rules  []*Rule   // sorted by identifier, then by version
}

// Read reads a rule set.
func Read(r io.Reader) (Set, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return Set{}, fmt.Errorf("rules: %w", err)
	}
	if len(data) > MaxDocument {
		return Set{}, fmt.Errorf("rules: document larger than %d bytes", MaxDocument)
	}
	return Parse(data)
}

// Parse is [Read] of bytes.
func Parse(data []byte) (Set, error) {
	var document struct {
		Date   *time.Time
		Source string
		Rules  []*Rule
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // published files have byte order marks
	if len(data) > MaxDocument {
		return Set{}, fmt.Errorf("rules: document larger than %d bytes", MaxDocument)
	}
	err := strict(data)
	if err != nil {
		return Set{}, err
	}
	if len(data) > 0 && data[0] == '[' {
		err = json.Unmarshal(data, &document.Rules)
	} else {
		err = json.Unmarshal(data, &document)
		if err == nil && document.Rules == nil && document.Date == nil {
			document.Rules = []*Rule{{}}
			err = json.Unmarshal(data, document.Rules[0])
		}
	}
	if err != nil {
		return Set{}, fmt.Errorf("rules: %w", err)
	}
	set := Set{Source: document.Source, Rules: document.Rules}
	if document.Date != nil {
		set.Date = document.Date.UTC()
	}
	if len(set.Rules) > MaxRules {
		return Set{}, fmt.Errorf("rules: %d rules", len(set.Rules))
	}
	for i, r := range set.Rules {
		if r == nil {
			return Set{}, fmt.Errorf("rules: rule %d: null", i)
		}
		if err := r.prepare(); err != nil {
			return Set{}, fmt.Errorf("rules: rule %d: %w", i, err)
		}
	}
	slices.SortStableFunc(set.Rules, byIdentifier)
	for i := range set.Rules[min(1, len(set.Rules)):] {
		if a, b := set.Rules[i], set.Rules[i+1]; byIdentifier(a, b) == 0 {
			return Set{}, fmt.Errorf("rules: %s version %s twice", b.Identifier, b.Version)
		}
	}
	return set, nil
}

// strict refuses what encoding/json lets pass and readers understand differently: invalid UTF-8, and
// a member that stands twice, in whatever case.
func strict(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("rules: invalid UTF-8")
	}
	if !json.Valid(data) {
		return fmt.Errorf("rules: not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var open []map[string]bool // the objects and arrays (nil) around
	name := false              // a name of a member is due
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("rules: %w", err)
		}
		text, isText := t.(string)
		switch {
		case t == json.Delim('{'):
			open = append(open, map[string]bool{})
		case t == json.Delim('['):
			open = append(open, nil)
		case t == json.Delim('}') || t == json.Delim(']'):
			open = open[:len(open)-1]
		case name && isText:
			key := strings.ToLower(text)
			if open[len(open)-1][key] {
				return fmt.Errorf("rules: member %q stands twice, byte %d", clip(text), d.InputOffset())
			}
			open[len(open)-1][key] = true
			name = false
			continue
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}

func byIdentifier(a, b *Rule) int {
	return cmp.Or(cmp.Compare(a.Identifier, b.Identifier), cmp.Compare(a.Region, b.Region), a.version.compare(b.version))
}

// Query says which rules are asked for.
type Query struct {
	Arrival string // country whose acceptance rules hold; "" for none
	Issue   string // country whose invalidation rules hold; "" for none
	Region  string // region of the country of arrival; "" for rules of whole countries only
	Type    string // Vaccination, Test, Recovery; "" for General rules only
	At      time.Time
}

// Select gives the rules that hold. The result shares them with the set.
func (s Set) Select(q Query) Set {
	chosen := Set{Date: s.Date, Source: s.Source}
	for _, r := range s.Rules {
		country := q.Arrival
		if r.Type == Invalidation {
			country = q.Issue
		}
		if r.Country != country || r.Region != "" && !strings.EqualFold(r.Region, q.Region) ||
			r.CertificateType != General && r.CertificateType != q.Type || !r.InForce(q.At) {
			continue
		}
		// The set is sorted: a higher version comes right after a lower one.
		if n := len(chosen.Rules); n > 0 && chosen.Rules[n-1].Identifier == r.Identifier && chosen.Rules[n-1].Region == r.Region {
			chosen.Rules[n-1] = r
			continue
		}
		chosen.Rules = append(chosen.Rules, r)
	}
	return chosen
}
