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
