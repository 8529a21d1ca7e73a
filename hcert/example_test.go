package hcert_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/trust"
)

// exampleText and exampleTrust stand for a scanned code and a file of certificates.
func exampleText(name string) string {
	data, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		return err.Error()
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		return err.Error()
	}
	for _, g := range all {
		if g.Name == name {
			return g.Text
		}
	}
	return ""
}

func exampleTrust() *trust.Store {
	var store trust.Store
	data, err := os.ReadFile(filepath.Join("testdata", "trust", "dsc.pem"))
	if err != nil {
		return &store
	}
	list, err := trust.Load("dsc.pem", data)
	if err != nil {
		return &store
	}
	_ = store.Add(list.Keys...)
	return &store
}

func ExampleVerify() {
	text, keys := exampleText("vaccination-es256"), exampleTrust()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

	r := hcert.Verify(text, keys, at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Certificate.Issuer, r.Certificate.DCC.Type())
	v := r.Certificate.DCC.Vaccinations[0]
	product, _ := dcc.Lookup(dcc.Product, v.Product)
	fmt.Println(product.Name, v.Dose, "of", v.Doses, "on", v.Date)
	// Output:
	// true FR v
	// Comirnaty 2 of 2 on 2026-02-27
}

// A refused certificate says why, and what it claims is there all the same.
func ExampleVerify_refused() {
	at := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	r := hcert.Verify(exampleText("vaccination-es256"), exampleTrust(), at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Codes())
	fmt.Println(r.Certificate.Expires.Format(time.DateOnly))
	// Output:
	// false [cert.expired cwt.expired]
	// 2027-03-02
}

// Findings about the payload are reported in both profiles; only the strict one refuses for them.
func ExampleVerify_findings() {
	text, keys := exampleText("code-deprecated"), exampleTrust()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

	r := hcert.Verify(text, keys, at, hcert.Tolerant)
	fmt.Println(r.Valid(), r.Findings)
	r = hcert.Verify(text, keys, at, hcert.Strict)
	fmt.Println(r.Valid(), r.Codes())
	// Output:
	// true [valueset.deprecated v[0].vp]
	// false [payload.valueset]
}

// Results may be logged: they say nothing about the person.
func ExampleResult_String() {
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	r := hcert.Verify(exampleText("m1"), exampleTrust(), at, hcert.Tolerant)
	fmt.Println(r)
	fmt.Println(r.Err())
	fmt.Println(r.Certificate.DCC)
	// Output:
	// hcert.Result(valid false, [sig.invalid])
	// hcert: sig.invalid
	// dcc(v █)
}
