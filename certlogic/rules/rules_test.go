package rules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"carnet/certlogic/rules"
)

func example(t testing.TB) rules.Set {
	t.Helper()
	f, err := os.Open("testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set, err := rules.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestExampleSet runs the cases of the example rule set.
func TestExampleSet(t *testing.T) {
	set, sets := example(t), open(t, "testdata/valuesets.json")
	if !set.Date.Equal(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)) || set.Source == "" {
		t.Errorf("date %v, source %q", set.Date, set.Source)
	}
	var cases []struct {
		Name, Arrival, Issue, Region, Type string
		At                                 time.Time
		Payload                            json.RawMessage
		Answers                            map[string]rules.Answer
	}
	text, err := os.ReadFile("testdata/cases.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			payload, err := rules.Payload(c.Payload)
			if err != nil {
				t.Fatal(err)
			}
			chosen := set.Select(rules.Query{Arrival: c.Arrival, Issue: c.Issue, Region: c.Region, Type: c.Type, At: c.At})
			got := map[string]rules.Answer{}
			verdict := rules.Pass
			for _, o := range chosen.Evaluate(payload, rules.External{Clock: c.At, ValueSets: sets, Country: c.Arrival, Issuer: c.Issue}) {
				got[o.Rule.Identifier] = o.Answer
				if (o.Reason == "") == (o.Answer == rules.Open) {
					t.Errorf("%s: %s for %q", o.Code(), o.Answer, o.Reason)
				}
			}
			for _, a := range got {
				if a == rules.Fail || a == rules.Open && verdict == rules.Pass {
					verdict = a
				}
			}
			if !reflect.DeepEqual(got, c.Answers) {
				t.Errorf("%v, expected %v", got, c.Answers)
			}
			if v := rules.Verdict(chosen.Evaluate(payload, rules.External{Clock: c.At, ValueSets: sets})); v != verdict {
				t.Errorf("verdict %s, expected %s", v, verdict)
			}
		})
	}
}

// one builds a rule; change replaces a text of it.
func one(change ...string) string {
	return strings.NewReplacer(change...).Replace(`{"Identifier":"VR-FR-0001","Type":"Acceptance","Country":"FR","Version":"1.0.0","SchemaVersion":"1.0.0",
	"Engine":"CERTLOGIC","EngineVersion":"0.7.5","CertificateType":"Vaccination","Description":[{"lang":"en","desc":"x"}],
	"ValidFrom":"2026-01-01T00:00:00Z","ValidTo":"2027-01-01T00:00:00Z","AffectedFields":["v.0"],"Logic":true}`)
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		n    int // -1: refused
	}{
		"one rule":          {one(), 1},
		"array":             {"[" + one() + "]", 1},
		"byte order mark":   {"\ufeff" + one(), 1},
		"lower case":        {one(`"Identifier"`, `"identifier"`, `"ValidFrom"`, `"validFrom"`), 1},
		"two versions":      {"[" + one() + "," + one(`"1.0.0","Schema`, `"1.0.1","Schema`) + "]", 2},
		"two regions":       {"[" + one() + "," + one(`"Country"`, `"Region":"BZH","Country"`) + "]", 2},
		"empty array":       {"[]", 0},
		"empty document":    {`{"date":"2026-01-01T00:00:00Z","rules":[]}`, 0},
		"unknown operation": {one(`"Logic":true`, `"Logic":{"xor":[1,2]}`), 1},
		"other engine":      {one("CERTLOGIC", "CQL"), 1},
		"country left out":  {one(`"Country":"FR",`, ""), 1},
		"EU":                {one("VR-FR", "VR-EU", `"FR"`, `"EU"`), 1},

		"member twice":         {one(`"Country":"FR"`, `"Country":"FR","Country":"DE"`), -1},
		"member in two cases":  {one(`"Country":"FR"`, `"Country":"FR","country":"DE"`), -1},
		"invalid UTF-8":        {one(`"x"`, "\"\xff\""), -1},
		"twice":                {"[" + one() + "," + one() + "]", -1},
		"empty":                {"", -1},
		"null":                 {"null", -1},
		"null rule":            {"[null]", -1},
		"not JSON":             {"{", -1},
		"after":                {one() + "1", -1},
		"identifier":           {one("VR-FR-0001", "VR-FR-001"), -1},
		"identifier with line": {one("VR-FR-0001", `VR-FR-0001\n`), -1},
		"kind":                 {one("VR-FR-0001", "XR-FR-0001"), -1},
		"invalidation":         {one("VR-FR-0001", "IR-FR-0001"), -1},
		"acceptance":           {one("Acceptance", "Invalidation"), -1},
		"type":                 {one("Acceptance", "acceptance"), -1},
		"country":              {one(`"FR"`, `"fr"`), -1},
		"version":              {one(`"1.0.0","Schema`, `"1.0","Schema`), -1},
		"version sign":         {one(`"1.0.0","Schema`, `"1.0.-1","Schema`), -1},
		"engine version":       {one("0.7.5", ""), -1},
		"schema version":       {one(`"SchemaVersion":"1.0.0"`, `"SchemaVersion":"x.0.0"`), -1},
		"certificate type":     {one("Vaccination", "Vaccine"), -1},
		"dates turned":         {one("2027-01", "2025-01"), -1},
		"no date":              {one(`"ValidTo":"2027-01-01T00:00:00Z",`, ""), -1},
		"date without zone":    {one("2026-01-01T00:00:00Z", "2026-01-01"), -1},
		"no logic":             {one(`,"Logic":true`, ""), -1},
		"too large":            {`"` + strings.Repeat(" ", rules.MaxDocument) + `"`, -1},
		"too many":             {"[" + strings.Repeat("null,", rules.MaxRules) + "null]", -1},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := rules.Read(strings.NewReader(c.text))
			if (err != nil) != (c.n < 0) || err == nil && len(set.Rules) != c.n {
				t.Errorf("%d rules, %v", len(set.Rules), err)
			}
		})
	}
}

// TestOpen: whatever cannot be decided is open, with its reason.
func TestOpen(t *testing.T) {
	payload := map[string]any{"ver": "1.3.0"}
	for name, c := range map[string]struct {
		text   string
		answer rules.Answer
		reason rules.Reason
	}{
		"true":                  {one(), rules.Pass, ""},
		"false":                 {one(`"Logic":true`, `"Logic":false`), rules.Fail, ""},
		"truthy":                {one(`"Logic":true`, `"Logic":1`), rules.Open, rules.NoBoolean},
		"text":                  {one(`"Logic":true`, `"Logic":"true"`), rules.Open, rules.NoBoolean},
		"null":                  {one(`"Logic":true`, `"Logic":{"var":"x"}`), rules.Open, rules.NoBoolean},
		"error":                 {one(`"Logic":true`, `"Logic":{"+":["x",1]}`), rules.Open, rules.EvaluationErr},
		"invalid":               {one(`"Logic":true`, `"Logic":{"xor":[]}`), rules.Open, rules.InvalidLogic},
		"engine":                {one("CERTLOGIC", "CQL"), rules.Open, rules.OtherEngine},
		"engine in lower case":  {one("CERTLOGIC", "CertLogic"), rules.Pass, ""},
		"engine as new as ours": {one("0.7.5", "1.3.3"), rules.Pass, ""},
		"newer engine":          {one("0.7.5", "1.3.4"), rules.Open, rules.NewerEngine},
		"newer engine, 10 > 9":  {one("0.7.5", "1.10.0"), rules.Open, rules.NewerEngine},
		"newer and invalid":     {one("0.7.5", "2.0.0", `"Logic":true`, `"Logic":{"xor":[]}`), rules.Open, rules.NewerEngine},
		"schema of the payload": {one(`"SchemaVersion":"1.0.0"`, `"SchemaVersion":"1.3.0"`), rules.Pass, ""},
		"newer schema":          {one(`"SchemaVersion":"1.0.0"`, `"SchemaVersion":"1.3.1"`), rules.Open, rules.NewerSchema},
		"older major schema":    {one(`"SchemaVersion":"1.0.0"`, `"SchemaVersion":"0.9.0"`), rules.Open, rules.NewerSchema},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := rules.Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			o := set.Evaluate(payload, rules.External{})[0]
			if o.Answer != c.answer || o.Reason != c.reason || (o.Reason == rules.InvalidLogic) != (o.Err != nil && o.Rule.Invalid() != nil) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestExternal: every member has the name and the form that rules expect.
func TestExternal(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	e := rules.External{Clock: at, ValueSets: rules.ValueSets{}, Country: "FR", Issuer: "DE", Region: "BZH", Issued: at, Expires: at, KID: "q83vEjRWeJA="}
	e.ValueSets.Add("list", "a", "b")
	for path, want := range map[string]string{
		"external.validationClock": "2026-03-01T11:00:00.005Z", "external.iat": "2026-03-01T11:00:00.005Z", "external.exp": "2026-03-01T11:00:00.005Z",
		"external.countryCode": "FR", "external.issuerCountryCode": "DE", "external.region": "BZH", "external.kid": "q83vEjRWeJA=",
		"external.valueSets.list.1": "b", "payload.x": "y",
	} {
		set, err := rules.Parse([]byte(one(`"Logic":true`, fmt.Sprintf(`"Logic":{"===":[{"var":%q},%q]}`, path, want))))
		if err != nil {
			t.Fatal(err)
		}
		if o := set.Evaluate(map[string]any{"x": "y"}, e)[0]; o.Answer != rules.Pass {
			t.Errorf("%s: %+v", path, o)
		}
	}
}

func TestDescribe(t *testing.T) {
	r := rules.Rule{Description: []rules.Text{{"de", "eins"}, {"EN", "one"}, {"fr", "un"}}}
	for want, langs := range map[string][]string{"un": {"fr"}, "eins": {"br", "de"}, "one": {"br"}} {
		if got := r.Describe(langs...); got != want {
			t.Errorf("%v: %q", langs, got)
		}
	}
	if got := (&rules.Rule{Description: []rules.Text{{"de", "eins"}}}).Describe("fr"); got != "eins" {
		t.Error(got)
	}
	if got := new(rules.Rule).Describe("fr"); got != "" {
		t.Error(got)
	}
}

func TestReadValueSets(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want rules.ValueSets
	}{
		"plain":     {`{"a":["1","2"],"b":[]}`, rules.ValueSets{"a": []any{"1", "2"}, "b": []any{}}},
		"empty":     {`{}`, rules.ValueSets{}},
		"published": {`{"valueSetId":"a","valueSetDate":"2026-01-01","valueSetValues":{"1":{"active":false}}}`, rules.ValueSets{"a": []any{"1"}}},
		"several":   {`[{"valueSetId":"a","valueSetValues":{"1":{}}},{"valueSetId":"b","valueSetValues":{"2":{}}}]`, rules.ValueSets{"a": []any{"1"}, "b": []any{"2"}}},
		"no name":   {`[{"valueSetValues":{"1":{}}}]`, nil},
		"no values": {`[{"valueSetId":"a"}]`, nil},
		"numbers":   {`{"a":[1]}`, nil},
		"not JSON":  {`{`, nil},
	} {
		got, err := rules.ReadValueSets(strings.NewReader(c.text))
		if (err != nil) != (c.want == nil) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestPayload(t *testing.T) {
	type dose struct {
		DN int `json:"dn"`
	}
	got, err := rules.Payload(map[string]any{"v": []dose{{2}}})
	if want := map[string]any{"v": []any{map[string]any{"dn": int64(2)}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []any{[]byte(`{"a":1,"a":2}`), json.RawMessage(`{`), func() {}, make(chan int)} {
		if got, err := rules.Payload(bad); err == nil {
			t.Errorf("%T: %v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/example.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(one()))
	f.Add([]byte("[" + one() + "," + one("0001", "0002") + "]"))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := rules.Parse(text)
		if err != nil {
			return
		}
		for _, r := range set.Rules {
			chosen := set.Select(rules.Query{Arrival: r.Country, Issue: r.Country, Region: r.Region, Type: r.CertificateType, At: at})
			for _, o := range chosen.Evaluate(map[string]any{}, rules.External{Clock: at}) {
				if (o.Reason == "") == (o.Answer == rules.Open) || !o.Rule.InForce(at) {
					t.Fatalf("%+v", o)
				}
			}
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	set, sets := example(b), open(b, "testdata/valuesets.json")
	at := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	payload, err := rules.Payload([]byte(`{"ver":"1.3.0","v":[{"mp":"EU/1/20/1528","dn":2,"sd":2,"dt":"2026-03-01","co":"FR","ci":"URN:UVCI:01:FR:FOUGERE01#X"}]}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		chosen := set.Select(rules.Query{Arrival: "FR", Issue: "FR", Type: rules.Vaccination, At: at})
		if rules.Verdict(chosen.Evaluate(payload, rules.External{Clock: at, ValueSets: sets})) != rules.Pass {
			b.Fatal("refused")
		}
	}
}
