package rules_test

import (
	"fmt"
	"os"
	"time"

	"carnet/certlogic/rules"
)

func Example() {
	document, err := os.ReadFile("testdata/example.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := rules.Parse(document)
	if err != nil {
		fmt.Println(err)
		return
	}
	sets := rules.ValueSets{}
	sets.Add("vaccines-covid-19-names", "EU/1/20/1528")

	// The first of two doses, five days ago.
	payload, err := rules.Payload([]byte(`{"ver": "1.3.0", "v": [{"mp": "EU/1/20/1528", "dn": 1, "sd": 2,
		"dt": "2026-03-27", "co": "FR", "ci": "URN:UVCI:01:FR:FOUGERE01#X"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	chosen := set.Select(rules.Query{Arrival: "FR", Issue: "FR", Type: rules.Vaccination, At: at})
	outcomes := chosen.Evaluate(payload, rules.External{Clock: at, ValueSets: sets})
	for _, o := range outcomes {
		if o.Answer != rules.Pass {
			fmt.Println(o.Code(), o.Answer, o.Rule.Describe("fr"))
		}
	}
	fmt.Println(rules.Verdict(outcomes), "by the rules of", set.Date.Format(time.DateOnly))
	// Output:
	// rule.VR-FR-9001 fail Le schéma est complet.
	// rule.VR-FR-9002 fail La dose n’est pas future et date de 14 jours ; sans délai après un rappel.
	// fail by the rules of 2026-11-02
}

// A rule that this engine cannot decide is open: a question for a person, never a pass.
func ExampleOutcome() {
	set, err := rules.Parse([]byte(`[{"Identifier": "VR-FR-9001", "Type": "Acceptance", "Country": "FR", "Version": "1.0.0",
		"SchemaVersion": "1.3.0", "Engine": "CERTLOGIC", "EngineVersion": "9.0.0", "CertificateType": "Vaccination",
		"Description": [{"lang": "en", "desc": "Written for an engine of later."}],
		"ValidFrom": "2026-01-01T00:00:00Z", "ValidTo": "2027-01-01T00:00:00Z",
		"AffectedFields": ["dn"], "Logic": {"===": [1, 1]}}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := rules.Payload([]byte(`{"ver": "1.3.0", "v": [{"dn": 2, "sd": 2}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	outcomes := set.Evaluate(payload, rules.External{Clock: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)})
	fmt.Println(outcomes[0].Answer, outcomes[0].Reason, outcomes[0].Rule.Describe("fr", "en"))
	fmt.Println(rules.Verdict(outcomes))
	// Output:
	// open engine-version Written for an engine of later.
	// open
}
