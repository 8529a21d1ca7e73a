package dcc_test

import (
	"fmt"

	"carnet/hcert/dcc"
)

func ExampleRead() {
	// What a CBOR decoder makes of claim -260, label 1.
	tree := map[any]any{
		"ver": "1.3.0", "dob": "1985-05-12",
		"nam": map[any]any{"fn": "Fougère", "fnt": "FOUGERE"},
		"v": []any{map[any]any{
			"tg": "840539006", "vp": "J07BX03", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": uint64(2), "sd": uint64(2),
			"dt": "2026-02-27", "co": "FR", "is": "Carnet", "ci": "URN:UVCI:01:FR:FOUGERE00001",
		}},
	}
	c, findings := dcc.Read(tree)
	fmt.Println(c) // hidden
	v := c.Vaccinations[0]
	product, _ := dcc.Lookup(dcc.Product, v.Product)
	fmt.Println(c.Name.FamilyStandard, product.Name, v.Dose, "of", v.Doses, "complete", v.Complete())
	fmt.Println(findings)
	// Output:
	// dcc(v █)
	// FOUGERE Comirnaty 2 of 2 complete true
	// [valueset.deprecated v[0].vp]
}

func ExampleCheckUVCI() {
	fmt.Println(dcc.CheckUVCI("URN:UVCI:01:SE:EHM/V12907267LAJW#E") == dcc.CheckRight)
	fmt.Println(dcc.CheckUVCI("URN:UVCI:01:SE:EHM/V12907267LAJW#F") == dcc.CheckRight)
	// Output:
	// true
	// false
}

func ExampleParseUVCI() {
	u := dcc.ParseUVCI("urn:uvci:01:fr:T5DWTJYS4ZR8#4")
	fmt.Println(u.Version, u.Country, u.Parts, u.Check)
	// Output: 01 FR [T5DWTJYS4ZR8] 4
}

func ExampleCheckCharacter() {
	c, ok := dcc.CheckCharacter("URN:UVCI:01:NL:187/37512422923")
	fmt.Println(string(c), ok)
	// Output: Z true
}
