package certlogic_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"carnet/certlogic"
)

// corpus gives a folder of the published corpus, and false when this clone has none beside it.
func corpus(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Logf("the published corpus is not beside this clone; the golden suite of testdata covers the same ground")
		return "", false
	}
	return dir, true
}

func read(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// comparable brings a result and an expectation to the same types: instants as JavaScript writes
// them, numbers as JSON has them.
func comparable(t *testing.T, v any) any {
	t.Helper()
	if at, ok := v.(time.Time); ok {
		return at.Format("2006-01-02T15:04:05.000Z")
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

// TestCorpusEvaluation runs the published evaluation suite.
func TestCorpusEvaluation(t *testing.T) {
	dir, ok := corpus(t, "certlogic", "testSuite")
	if !ok {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite in %s: %v", dir, err)
	}
	var passed, failed, left int
	for _, file := range files {
		var suite struct {
			Directive string
			Cases     []struct {
				Name, Directive     string
				CertLogicExpression json.RawMessage
				Assertions          []struct {
					Directive           string
					CertLogicExpression json.RawMessage
					Data                json.RawMessage
					Expected            any
				}
			}
		}
		read(t, file, &suite)
		for _, c := range suite.Cases {
			for i, a := range c.Assertions {
				if suite.Directive == "skip" || c.Directive == "skip" || a.Directive == "skip" {
					left++
					continue
				}
				source := c.CertLogicExpression
				if source == nil {
					source = a.CertLogicExpression
				}
				e, err := certlogic.Parse(source)
				if err != nil {
					t.Errorf("%s, %s, %d: %v", filepath.Base(file), c.Name, i, err)
					failed++
					continue
				}
				var data any
				if len(a.Data) > 0 {
					if data, err = certlogic.DecodeData(a.Data); err != nil {
						t.Fatal(err)
					}
				}
				got, err := e.Evaluate(data)
				if err != nil || !reflect.DeepEqual(comparable(t, got), a.Expected) {
					t.Errorf("%s, %s, %d: %v, %v; expected %v", filepath.Base(file), c.Name, i, got, err, a.Expected)
					failed++
					continue
				}
				passed++
			}
		}
	}
	t.Logf("CertLogic evaluation: %d of %d, %d left out by the suite", passed, passed+failed, left)
	if passed+failed == 0 {
		t.Error("no assertion was run")
	}
}

// TestCorpusValidation runs the published validation suite.
func TestCorpusValidation(t *testing.T) {
	dir, ok := corpus(t, "certlogic", "validation-testSuite")
	if !ok {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite in %s: %v", dir, err)
	}
	var passed, failed int
	for _, file := range files {
		var suite struct {
			Cases []struct {
				CertLogicExpression json.RawMessage
				Issues              []any
			}
		}
		read(t, file, &suite)
		for _, c := range suite.Cases {
			_, err := certlogic.Parse(c.CertLogicExpression)
			var issues certlogic.Issues
			errors.As(err, &issues)
			if len(issues) != len(c.Issues) {
				t.Errorf("%s, %s: %d issues, expected %d: %v", filepath.Base(file), c.CertLogicExpression, len(issues), len(c.Issues), err)
				failed++
				continue
			}
			passed++
		}
	}
	t.Logf("CertLogic validation: %d of %d", passed, passed+failed)
	if passed+failed == 0 {
		t.Error("no case was run")
	}
}
