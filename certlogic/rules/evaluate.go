package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"carnet/certlogic"
)

// Answer is the answer of one rule, or of all.
type Answer string

const (
	Pass Answer = "pass"
	Fail Answer = "fail"
	Open Answer = "open" // not decided; never to be taken for a pass
)

// Reason says why an answer is open. Reasons are stable.
type Reason string

const (
	OtherEngine   Reason = "engine"         // not CERTLOGIC
	NewerEngine   Reason = "engine-version" // above certlogic.Version
	NewerSchema   Reason = "schema-version" // above that of the certificate, or of another major number
	InvalidLogic  Reason = "logic"          // the expression does not parse
	EvaluationErr Reason = "evaluation"     // the evaluation failed
	NoBoolean     Reason = "result"         // neither true nor false
)

// Outcome is the answer of one rule.
type Outcome struct {
	Rule   *Rule
	Answer Answer
	Reason Reason // "" unless open
	Err    error  // of the evaluation or of parsing; holds nothing about the person
}

// Code is a stable code for logs and verdicts: "rule.VR-FR-0002".
func (o Outcome) Code() string { return "rule." + o.Rule.Identifier }

// Verdict joins outcomes: one fail fails; else one open leaves open; else pass. No rule at all is a
// pass: whoever selects must know whether a country has rules.
func Verdict(outcomes []Outcome) Answer {
	verdict := Pass
	for _, o := range outcomes {
		switch o.Answer {
		case Fail:
			return Fail
		case Open:
			verdict = Open
		}
	}
	return verdict
}

// External is what a rule may know besides the payload.
type External struct {
	Clock     time.Time // validation clock
	ValueSets ValueSets
	Country   string // of arrival
	Issuer    string // country of issue
	Region    string
	Issued    time.Time // of the signed message; zero when not stated
	Expires   time.Time
	KID       string // key identifier, base64
}

// clock is how instants stand in the data.
const clock = "2006-01-02T15:04:05.000Z"

func (e External) tree() map[string]any {
	sets := map[string]any(e.ValueSets)
	if sets == nil {
		sets = map[string]any{}
	}
	tree := map[string]any{"validationClock": e.Clock.UTC().Format(clock), "valueSets": sets}
	for name, text := range map[string]string{"countryCode": e.Country, "issuerCountryCode": e.Issuer, "region": e.Region, "kid": e.KID} {
		if text != "" {
			tree[name] = text
		}
	}
	for name, at := range map[string]time.Time{"iat": e.Issued, "exp": e.Expires} {
		if !at.IsZero() {
			tree[name] = at.UTC().Format(clock)
		}
	}
	return tree
}

// Evaluate applies every rule of the set, in the order of identifiers. The payload is a JSON tree,
// see [Payload].
func (s Set) Evaluate(payload any, external External) []Outcome {
	data := map[string]any{"payload": payload, "external": external.tree()}
	outcomes := make([]Outcome, len(s.Rules))
	for i, r := range s.Rules {
		outcomes[i] = r.evaluate(data, schemaOf(payload))
	}
	return outcomes
}

// schemaOf gives the version of the schema that a payload states, or nil.
func schemaOf(payload any) *version {
	members, _ := payload.(map[string]any)
	text, _ := members["ver"].(string)
	if v, ok := parseVersion(text); ok {
		return &v
	}
	return nil
}

func (r *Rule) evaluate(data map[string]any, schema *version) Outcome {
	open := func(why Reason, err error) Outcome { return Outcome{Rule: r, Answer: Open, Reason: why, Err: err} }
	switch {
	case r.Engine != Engine:
		return open(OtherEngine, nil)
	case r.engine.compare(engineVersion) > 0:
		return open(NewerEngine, nil)
	case schema != nil && (schema[0] != r.schema[0] || r.schema.compare(*schema) > 0):
		return open(NewerSchema, nil)
	case r.invalid != nil:
		return open(InvalidLogic, r.invalid)
	}
	result, err := r.expression.Evaluate(data)
	if err != nil {
		return open(EvaluationErr, err)
	}
	yes, ok := result.(bool)
	switch {
	case !ok:
		return open(NoBoolean, nil)
	case yes:
		return Outcome{Rule: r, Answer: Pass}
	}
	return Outcome{Rule: r, Answer: Fail}
}

// Payload makes the tree of a certificate from anything that encoding/json writes as a certificate,
// such as *dcc.Certificate of carnet/hcert/dcc, or from its JSON as []byte or json.RawMessage.
func Payload(certificate any) (any, error) {
	var text []byte
	switch c := certificate.(type) {
	case []byte:
		text = c
	case json.RawMessage:
		text = c
	default:
		var err error
		if text, err = json.Marshal(certificate); err != nil {
			return nil, fmt.Errorf("rules: payload of type %T is not JSON", certificate)
		}
	}
	return certlogic.DecodeData(text)
}

// ValueSets is the code lists that rules refer to, as a tree: identifier to []any of codes.
type ValueSets map[string]any

// ReadValueSets reads {"identifier": ["code", ...], ...}, or one or an array of the published sets
// {"valueSetId": ..., "valueSetValues": {code: ...}}. Of those it takes every code, active or not,
// as rules must judge certificates of all years.
func ReadValueSets(r io.Reader) (ValueSets, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("rules: value sets: %w", err)
	}
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("rules: value sets larger than %d bytes", MaxDocument)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	type published struct {
		ID     string                     `json:"valueSetId"`
		Values map[string]json.RawMessage `json:"valueSetValues"`
	}
	var list []published
	if json.Unmarshal(data, &list) != nil {
		var one published
		if json.Unmarshal(data, &one) == nil && one.Values != nil {
			list = []published{one}
		}
	}
	sets := ValueSets{}
	for i, p := range list {
		if p.ID == "" || p.Values == nil {
			return nil, fmt.Errorf("rules: value set %d has no identifier or no values", i)
		}
		codes := make([]string, 0, len(p.Values))
		for code := range p.Values {
			codes = append(codes, code)
		}
		sets.Add(p.ID, codes...)
	}
	if list != nil {
		return sets, nil
	}
	var plain map[string][]string
	if err := json.Unmarshal(data, &plain); err != nil {
		return nil, fmt.Errorf("rules: value sets: %w", err)
	}
	for id, codes := range plain {
		sets.Add(id, codes...)
	}
	return sets, nil
}

// Add puts a code list in place of the one of the same identifier.
func (v ValueSets) Add(id string, codes ...string) {
	list := make([]any, len(codes))
	for i, c := range codes {
		list[i] = c
	}
	v[id] = list
}
