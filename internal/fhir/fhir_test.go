package fhir

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples is the folder of HL7's own examples of R4 (npm package hl7.fhir.r4.examples), as
// scripts/test installs it.
func examples(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CARNET_FHIR_EXAMPLES")
	if dir == "" {
		t.Fatal("CARNET_FHIR_EXAMPLES is not set: run scripts/test, or install the npm package that it names")
	}
	return dir
}

// TestHL7Examples reads every example that HL7 publishes of the resources of this package, writes it
// again and finds the same.
func TestHL7Examples(t *testing.T) {
	least := map[string]int{"Immunization": 5, "Patient": 20, "Bundle": 10, "OperationOutcome": 5, "CapabilityStatement": 3}
	long := 0 // definitions of the whole standard in one bundle
	for name, n := range least {
		files, err := filepath.Glob(filepath.Join(examples(t), name+"-*.json"))
		if err != nil || len(files) < n {
			t.Errorf("%d examples of %s, %v", len(files), name, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > defaultBytes {
				long++
				continue
			}
			t.Run(filepath.Base(file), func(t *testing.T) { again(t, text) })
		}
	}
	if long > 12 {
		t.Errorf("%d examples are too long to be read", long)
	}
}

// some is an example of our own with what is seldom: extensions of primitive values, empty places of
// a list, numbers whose precision counts.
const some = `{"resourceType":"Immunization","id":"example","meta":{"versionId":"1","lastUpdated":"2026-11-22T09:00:00.123+01:00"},
"contained":[{"resourceType":"Practitioner","id":"p","active":true}],
"extension":[{"url":"https://carnet.example/x","valueCodeableConcept":{"coding":[{"code":"a"}]}},{"url":"https://carnet.example/y","_valueDate":{"extension":[{"url":"https://carnet.example/z","valueBoolean":false}]}}],
"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:7d1c0f1e-0000-7000-8000-000000000001"}],
"status":"completed","_status":{"id":"s"},"vaccineCode":{"coding":[{"system":"https://www.gs1.org/gtin","code":"03400930000001"}],"text":"vaccin < & >"},
"patient":{"reference":"Patient/1"},"occurrenceDateTime":"2026-11","primarySource":false,"doseQuantity":{"value":0.50,"unit":"mL"},
"performer":[{"actor":{"identifier":{"value":"x"}}}],"note":[{"text":"à revoir"}],
"education":[{"_documentType":{"extension":[{"url":"https://carnet.example/x","valueString":"y"}]}}],
"protocolApplied":[{"doseNumberPositiveInt":1,"seriesDosesString":"2"}]}`

const patient = `{"resourceType":"Patient","name":[{"family":"FOUGÈRE","given":["Camille",null,"Rose"],"_given":[null,{"id":"g"},null]}],"_birthDate":{"id":"b"},"multipleBirthInteger":-1}`

func TestOwnExamples(t *testing.T) {
	for name, text := range map[string]string{
		"immunization": some,
		"patient":      patient,
		"bundle":       `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + patient + `,"request":{"method":"POST","url":"Patient"}}],"signature":{"x":[1]}}`,
		"parameters":   `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":` + patient + `},{"name":"onlyCertainMatches","valueBoolean":true},{"name":"n","valueDecimal":1.10}]}`,
		"outcome":      `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","expression":["Patient.name"]}]}`,
		"capabilities": `{"resourceType":"CapabilityStatement","status":"active","date":"2026","kind":"instance","fhirVersion":"4.0.1","format":["json"],"contact":[{"name":"x"}]}`,
		"another":      `{"resourceType":"Location","name":"Centre"}`,
	} {
		t.Run(name, func(t *testing.T) { again(t, []byte(text)) })
	}
}

func TestFaults(t *testing.T) {
	with := func(old, new string) string {
		if strings.Count(some, old) != 1 {
			t.Fatalf("%q is not there once", old)
		}
		return strings.Replace(some, old, new, 1)
	}
	for name, c := range map[string]struct{ text, fault string }{
		"no JSON":                         {`{`, "fhir: : fhir.json"},
		"two values":                      {`{} {}`, "fhir: : fhir.json"},
		"bytes that are no text":          {"{\"resourceType\":\"Immunization\",\"lotNumber\":\"\xff\"}", "fhir: : fhir.json"},
		"a name twice":                    {with(`"status":"completed"`, `"status":"completed","status":"not-done"`), "fhir: : fhir.json"},
		"too deep":                        {strings.Repeat("[", 40) + strings.Repeat("]", 40), "fhir: : fhir.size"},
		"too long":                        {`"` + strings.Repeat("x", 1<<20) + `"`, "fhir: : fhir.size"},
		"not an object":                   {`[]`, "fhir: Immunization: fhir.form"},
		"no type":                         {`{"status":"completed"}`, "fhir: Immunization: fhir.resource"},
		"another resource":                {patient, "fhir: Immunization: fhir.resource"},
		"an unknown element":              {with(`"primarySource":false`, `"primarySource":false,"vaccine":"x"`), "fhir: Immunization.vaccine: fhir.unknown"},
		"an unknown element inside":       {with(`{"actor":`, `{"person":"x","actor":`), "fhir: Immunization.performer[0].person: fhir.unknown"},
		"an extension of no primitive":    {with(`"_status":{"id":"s"}`, `"_patient":{"id":"s"}`), "fhir: Immunization._patient: fhir.unknown"},
		"a resource's type where none is": {with(`{"actor":`, `{"resourceType":"Practitioner","actor":`), "fhir: Immunization.performer[0].resourceType: fhir.unknown"},
		"a value of no type":              {with(`"valueCodeableConcept"`, `"valueThing"`), "fhir: Immunization.extension[0].valueThing: fhir.unknown"},
		"two values of an extension":      {with(`"valueCodeableConcept"`, `"valueString":"x","valueCodeableConcept"`), "fhir: Immunization.extension[0].valueString: fhir.choice"},
		"nothing required":                {with(`"patient":{"reference":"Patient/1"},`, ``), "fhir: Immunization.patient: fhir.required"},
		"no choice made":                  {with(`"occurrenceDateTime":"2026-11",`, ``), "fhir: Immunization.occurrence: fhir.required"},
		"two choices":                     {with(`"occurrenceDateTime":"2026-11"`, `"occurrenceDateTime":"2026-11","occurrenceString":"x"`), "fhir: Immunization.occurrence: fhir.choice"},
		"a text for an object":            {with(`"patient":{"reference":"Patient/1"}`, `"patient":"Patient/1"`), "fhir: Immunization.patient: fhir.form"},
		"an object for a list":            {with(`"note":[{"text":"à revoir"}]`, `"note":{"text":"x"}`), "fhir: Immunization.note: fhir.form"},
		"an empty list":                   {with(`"note":[{"text":"à revoir"}]`, `"note":[]`), "fhir: Immunization.note: fhir.value"},
		"an empty object":                 {with(`"note":[{"text":"à revoir"}]`, `"note":[{}]`), "fhir: Immunization.note[0]: fhir.value"},
		"an empty text":                   {with(`"text":"à revoir"`, `"text":""`), "fhir: Immunization.note[0].text: fhir.value; fhir: Immunization.note[0].text: fhir.required"},
		"null":                            {with(`"primarySource":false`, `"primarySource":null`), "fhir: Immunization.primarySource: fhir.form"},
		"a text for a boolean":            {with(`"primarySource":false`, `"primarySource":"false"`), "fhir: Immunization.primarySource: fhir.form"},
		"a day that does not exist":       {with(`"2026-11"`, `"2026-02-30"`), "fhir: Immunization.occurrenceDateTime: fhir.value"},
		"a time without zone":             {with(`"2026-11"`, `"2026-11-22T09:00:00"`), "fhir: Immunization.occurrenceDateTime: fhir.value"},
		"a code with two spaces":          {with(`"status":"completed"`, `"status":"a  b"`), "fhir: Immunization.status: fhir.value"},
		"an id with a space":              {with(`"id":"example"`, `"id":"a b"`), "fhir: Immunization.id: fhir.value"},
		"zero for a positive number":      {with(`"doseNumberPositiveInt":1`, `"doseNumberPositiveInt":0`), "fhir: Immunization.protocolApplied[0].doseNumberPositiveInt: fhir.value"},
		"a fraction for a number":         {with(`"doseNumberPositiveInt":1`, `"doseNumberPositiveInt":1.5`), "fhir: Immunization.protocolApplied[0].doseNumberPositiveInt: fhir.value"},
		"an immense number":               {with(`"doseNumberPositiveInt":1`, `"doseNumberPositiveInt":99999999999`), "fhir: Immunization.protocolApplied[0].doseNumberPositiveInt: fhir.value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode[Immunization]([]byte(c.text), Limits{})
			if _, ok := errors.AsType[Faults](err); !ok || !strings.HasPrefix(err.Error(), c.fault) {
				t.Errorf("%v, want %s", err, c.fault)
			}
		})
	}
}

// FuzzDecode: what is read is written and read again the same, and never more than the limits.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{some, patient, `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + patient + `}]}`, `{"resourceType":"Parameters","parameter":[{"name":"x","valueCode":"y"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := DecodeAny(text, Limits{})
		if err != nil {
			if faults, ok := errors.AsType[Faults](err); !ok || len(faults) == 0 || len(faults) > maxFaults {
				t.Fatalf("%v", err)
			}
			return
		}
		out, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		next, err := DecodeAny(out, Limits{Bytes: 8 << 20})
		if err != nil {
			t.Fatalf("%v of %s", err, out)
		}
		if twice, err := Encode(next); err != nil || string(out) != string(twice) {
			t.Fatalf("%s, then %s", out, twice)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(some)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Decode[Immunization](text, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func again(t *testing.T, text []byte) {
	t.Helper()
	limits := Limits{Bytes: 16 << 20, Depth: 64}
	r, err := DecodeAny(text, limits)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(out, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
