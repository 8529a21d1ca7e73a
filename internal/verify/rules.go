package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"carnet/certlogic/rules"
	"carnet/hcert"
	"carnet/hcert/dcc"
)

// Rules are the business rules that a certificate is held against: acceptance rules of one country,
// invalidation rules of the country that issued. The zero value has none.
type Rules struct {
	Country string // of arrival, ISO 3166 alpha-2
	Region  string

	set    rules.Set
	values rules.ValueSets // that were loaded, over the built-in ones
}

// RuleAnswer is the answer of one rule that did not pass.
type RuleAnswer struct {
	ID      string            `json:"id"`
	Version string            `json:"version"`
	Answer  string            `json:"answer"`           // "fail" or "open"
	Reason  string            `json:"reason,omitempty"` // why it is open, a code of package certlogic/rules
	Words   map[string]string `json:"words,omitempty"`  // what the rule says of itself, by language
}

// builtIn are the value sets that rules may refer to without a file.
var builtIn = [...]dcc.Set{dcc.Disease, dcc.VaccineType, dcc.Product, dcc.Holder, dcc.TestKind, dcc.TestResult, dcc.Country}

// Add reads one file: a rule set, or value sets that rules refer to.
func (r *Rules) Add(data []byte) error {
	set, err := rules.Parse(data)
	if err != nil {
		values, other := rules.ReadValueSets(bytes.NewReader(data))
		if other != nil {
			return fmt.Errorf("neither rules nor value sets: %w", errors.Join(err, other))
		}
		if r.values == nil {
			r.values = rules.ValueSets{}
		}
		maps.Copy(r.values, values)
		return nil
	}
	// Written and read again as one document, the whole is checked and sorted as each part was.
	all, err := json.Marshal(slices.Concat(r.set.Rules, set.Rules))
	if err != nil {
		return err
	}
	joined, err := rules.Parse(all)
	if err != nil {
		return err
	}
	joined.Date, joined.Source = r.set.Date, r.set.Source
	if set.Date.After(joined.Date) {
		joined.Date, joined.Source = set.Date, set.Source
	}
	r.set = joined
	return nil
}

// Countries lists the countries that have acceptance rules.
func (r *Rules) Countries() []string {
	seen := map[string]bool{}
	for _, rule := range r.set.Rules {
		if rule.Type == rules.Acceptance {
			seen[rule.Country] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

var ruleTypes = map[dcc.Type]string{dcc.VaccinationType: rules.Vaccination, dcc.TestType: rules.Test, dcc.RecoveryType: rules.Recovery}

// apply holds a certificate against the rules: what fails is a reason, what no rule decides is a
// warning, and a country without rules is one too.
func (r *Rules) apply(v *Verdict, c *hcert.Certificate, at time.Time) {
	q := rules.Query{Arrival: r.Country, Issue: c.Issuer, Region: r.Region, Type: ruleTypes[c.DCC.Type()], At: at}
	chosen := r.set.Select(q)
	if !slices.ContainsFunc(chosen.Rules, func(rule *rules.Rule) bool { return rule.Type == rules.Acceptance }) {
		v.warn("rule.none", r.Country)
	}
	values := rules.ValueSets{}
	for _, set := range builtIn {
		var codes []string
		for _, e := range dcc.Entries(set) {
			codes = append(codes, e.Code)
		}
		values.Add(string(set), codes...)
	}
	maps.Copy(values, r.values)
	payload, err := rules.Payload(c.DCC)
	if err != nil {
		v.warn("rule.open", "")
		return
	}
	for _, o := range chosen.Evaluate(payload, rules.External{
		Clock: at, ValueSets: values, Country: r.Country, Region: r.Region, Issuer: c.Issuer,
		Issued: c.IssuedAt, Expires: c.Expires, KID: base64.StdEncoding.EncodeToString(c.KID),
	}) {
		switch o.Answer {
		case rules.Pass:
			continue
		case rules.Fail:
			v.refuse(o.Code())
		default:
			v.warn("rule.open", o.Rule.Identifier)
		}
		words := map[string]string{}
		for _, d := range o.Rule.Description {
			words[d.Lang] = d.Desc
		}
		v.Rules = append(v.Rules, RuleAnswer{ID: o.Rule.Identifier, Version: o.Rule.Version, Answer: string(o.Answer), Reason: string(o.Reason), Words: words})
	}
}
