package rules_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/certlogic"
	"carnet/certlogic/rules"
)

// corpus gives a folder of the published corpus, and false when this clone has none beside it.
func corpus(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Logf("the published corpus is not beside this clone; TestExampleSet covers the same ground")
		return "", false
	}
	return dir, true
}

// TestCorpusRules runs the published rules: each expression alone over the data of its test, then
// the rule through Read, Select and Evaluate.
func TestCorpusRules(t *testing.T) {
	dir, ok := corpus(t, "rules-testdata")
	if !ok {
		return
	}
	valueSets := open(t, filepath.Join(dir, "valuesets", "valueSets.json"))
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "rule.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule in %s: %v", dir, err)
	}
	type count struct{ rules, tests, logic, set int }
	counts := map[string]*count{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := rules.Parse(text)
		if err != nil || len(set.Rules) != 1 || set.Rules[0].Invalid() != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		rule := set.Rules[0]
		country := filepath.Base(filepath.Dir(filepath.Dir(file)))
		if counts[country] == nil {
			counts[country] = &count{}
		}
		c := counts[country]
		c.rules++
		expression, err := certlogic.Parse(rule.Logic)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		tests, err := filepath.Glob(filepath.Join(filepath.Dir(file), "tests", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tests {
			c.tests++
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := certlogic.DecodeData([]byte(strings.TrimPrefix(string(text), "\ufeff")))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			test := tree.(map[string]any)
			external, _ := test["external"].(map[string]any)
			if external == nil {
				external = map[string]any{}
			}
			if _, own := external["valueSets"]; !own {
				external["valueSets"] = map[string]any(valueSets)
			}
			got, err := expression.Evaluate(map[string]any{"payload": test["payload"], "external": external})
			if err != nil || got != test["expected"] {
				t.Errorf("%s: %v, %v; expected %v", name, got, err, test["expected"])
				continue
			}
			c.logic++

			at := rule.ValidFrom
			if text, ok := external["validationClock"].(string); ok {
				if at, err = time.Parse(time.RFC3339, text); err != nil {
					t.Fatal(err)
				}
			}
			own, _ := external["valueSets"].(map[string]any)
			outcomes := set.Evaluate(test["payload"], rules.External{Clock: at, ValueSets: own})
			want := rules.Fail
			if test["expected"] == true {
				want = rules.Pass
			}
			if len(outcomes) != 1 || outcomes[0].Answer != want {
				t.Errorf("%s: %+v; expected %s", name, outcomes, want)
				continue
			}
			c.set++
		}
		q := rules.Query{Arrival: rule.Country, Region: rule.Region, Type: rule.CertificateType, At: rule.ValidTo}
		if n := len(set.Select(q).Rules); n != 1 {
			t.Errorf("%s is not selected by its own country, type and date", rule.Identifier)
		}
	}
	total := count{}
	for _, country := range slices.Sorted(maps.Keys(counts)) {
		c := counts[country]
		t.Logf("%s: %d rules, %d tests, %d by expression, %d by set", country, c.rules, c.tests, c.logic, c.set)
		total.rules, total.tests, total.logic, total.set = total.rules+c.rules, total.tests+c.tests, total.logic+c.logic, total.set+c.set
	}
	t.Logf("business rules: %d of %d tests of %d rules", total.set, total.tests, total.rules)
	if total.tests == 0 {
		t.Error("no test was run")
	}
}

func open(t testing.TB, path string) rules.ValueSets {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sets, err := rules.ReadValueSets(f)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

// TestCorpusValueSets reads the published value sets.
func TestCorpusValueSets(t *testing.T) {
	dir, ok := corpus(t, "valuesets")
	if !ok {
		return
	}
	for file, id := range map[string]string{
		"country-2-codes.json": "country-2-codes", "vaccine-medicinal-product.json": "vaccines-covid-19-names",
		"vaccine-mah-manf.json": "vaccines-covid-19-auth-holders", "disease-agent-targeted.json": "disease-agent-targeted",
	} {
		var p struct{ ValueSetValues map[string]any }
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		list, _ := open(t, filepath.Join(dir, file))[id].([]any)
		if len(list) == 0 || len(list) != len(p.ValueSetValues) {
			t.Errorf("%s: %d codes, expected %d", file, len(list), len(p.ValueSetValues))
		}
	}
}
