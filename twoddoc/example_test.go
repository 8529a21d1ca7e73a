package twoddoc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
)

// A result of a test, as a reader of DataMatrix gives it.
const resultB2 = "DC04FR00CN011E6D1E6DB201FRF0AUBEPINE\x1dF1FOUGERE\x1dF212031958F3FF4945006\x1dF5NF6200420210930" +
	"\x1fAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func ExampleParse() {
	doc, err := twoddoc.Parse([]byte(resultB2))
	if err != nil {
		fmt.Println(err)
		return
	}
	typ, _ := twoddoc.LookupType(doc.Header.Type)
	fmt.Println(typ.English, "signed on", doc.Header.Signed)
	for _, f := range doc.Fields {
		def, _ := twoddoc.Lookup(f.ID)
		fmt.Printf("%s: %s", def.English, f.Value)
		if m := def.Meaning(f.Value); m != "" {
			fmt.Printf(" (%s)", m)
		}
		fmt.Println()
	}
	fmt.Println("logs show only", doc, doc.Fields[0])
	// Output:
	// COVID test signed on 2021-04-29
	// List of given names: AUBEPINE
	// Family name: FOUGERE
	// Date of birth: 12031958
	// Sex: F (female)
	// Analysis code: 945006 (PCR)
	// Result of the analysis: N (negative)
	// Date and time of sampling: 200420210930
	// logs show only 2D-Doc 04 B2 FR00/CN01 F0(8)
}

func ExampleParseTolerant() {
	doc, err := twoddoc.ParseTolerant([]byte("DC04FR00CN011E6D1E6DB201FRF1FOUGERE\x1dF212311958F3F"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range doc.Conforming {
		fmt.Println(f)
	}
	for _, f := range doc.Authentic {
		fmt.Println(f)
	}
	// Output:
	// twoddoc: field.format at byte 38 (field F2)
	// twoddoc: field.missing at byte 49 (field F0)
	// twoddoc: field.missing at byte 49 (field F4)
	// twoddoc: field.missing at byte 49 (field F5)
	// twoddoc: field.missing at byte 49 (field F6)
	// twoddoc: signature.missing at byte 49
}

func ExampleDocument_Verify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // in real life: of the certificate that the header names
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := twoddoc.Parse([]byte(resultB2))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Verify(&key.PublicKey))
	fmt.Println("test document:", doc.Header.Test())
	// Output:
	// twoddoc: signature.invalid at byte 87
	// test document: true
}

func ExampleVaccination_Prepare() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // in real life: a signer of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2021, 4, 29, 10, 0, 0, 0, time.UTC)
	draft, err := twoddoc.Vaccination{
		FamilyName: "Fougère", GivenNames: []string{"Aubépine"}, Birth: "12031958",
		Disease: "COVID-19", Agent: "J07BX03", Vaccine: "COMIRNATY PFIZER/BIONTECH", Manufacturer: "COMIRNATY PFIZER/BIONTECH",
		Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}.Prepare(twoddoc.Header{
		Authority: "FR00", Certificate: "CN01", Emitted: twoddoc.DayOf(now), Signed: twoddoc.DayOf(now), Country: "FR",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", draft.Signed())
	payload, err := draft.Sign(key, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Verify(&key.PublicKey), twoddoc.WalletReads(payload), len(payload))
	// Output:
	// "DC04FR00CN011E6D1E6DL101FRL0FOUGERE\x1dL1AUBEPINE\x1dL212031958L3COVID-19\x1dL4J07BX03\x1dL5COMIRNATY PFIZER/BIONTECH\x1dL6COMIRNATY PFIZER/BIONTECH\x1dL72L82L920042021LATE"
	// <nil> <nil> 258
}

func ExampleLink() {
	payload := []byte("DC04FR00CN011E6D1E6DL101FRL0DU BOIS\x1d")
	link := twoddoc.Link("https://carnet.example"+twoddoc.WalletPath, payload)
	fmt.Println(link)
	back, err := twoddoc.FromLink(link)
	fmt.Printf("%q %v\n", back, err)
	// Output:
	// https://carnet.example/app/wallet2d#DC04FR00CN011E6D1E6DL101FRL0DU%20BOIS%1D
	// "DC04FR00CN011E6D1E6DL101FRL0DU BOIS\x1d" <nil>
}

// The symbol of a payload, on the side that the page reserves for it.
func Example_draw() {
	symbol, err := datamatrix.Encode([]byte(resultB2), 52)
	if err != nil {
		fmt.Println(err)
		return
	}
	dark := 0
	for y := range symbol.Side {
		for x := range symbol.Side {
			if symbol.Dark(x, y) {
				dark++
			}
		}
	}
	fmt.Println(symbol.Side, "modules a side,", dark, "of them dark")
	// Output: 52 modules a side, 1538 of them dark
}

// A document with bytes in it, in two symbols of one size.
func ExamplePrepareMixed() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // in real life: a signer of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	day := twoddoc.DayOf(time.Date(2021, 4, 29, 10, 0, 0, 0, time.UTC))
	draft, err := twoddoc.PrepareMixed(
		twoddoc.Header{Authority: "FR00", Certificate: "CN01", Emitted: day, Signed: day, Type: "29", Country: "FR"},
		[]twoddoc.Field{{ID: "61", Value: "TILLEUL"}},
		twoddoc.Block{ID: 1, Value: []byte{0xCA, 0xFE}}, twoddoc.Block{ID: 2, Value: twoddoc.AppendDay(nil, day)})
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := draft.Sign(key, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	parts, err := twoddoc.Split(payload, "K7Q", 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	var read [][]byte
	for _, p := range parts {
		symbol, at := p.Draw()
		if _, err := datamatrix.EncodeSwitched(symbol, at, 32); err != nil { // 32: both get this side
			fmt.Println(err)
			return
		}
		read = append(read, symbol)
	}
	joined, err := twoddoc.Join(read[1], read[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := twoddoc.Parse(joined)
	if err != nil {
		fmt.Println(err)
		return
	}
	when, _ := doc.Blocks[1].Day()
	fmt.Println(doc.Form, doc.Switch, doc.Value("61"), doc.Blocks, when, doc.Verify(&key.PublicKey))
	// Output: mixed 36 TILLEUL [01(2) 02(3)] 2021-04-29 <nil>
}

// Any type of document is written by its fields. What the type requires is in the dictionary.
func ExamplePrepare() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // in real life: a signer of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	day := twoddoc.DayOf(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))
	h := twoddoc.Header{Authority: "FR00", Certificate: "CN01", Emitted: day, Signed: day, Type: "00", Country: "FR"}
	fields := []twoddoc.Field{
		{ID: "10", Value: "MME/AUBEPINE/FOUGERE"}, {ID: "20"}, {ID: "21"}, {ID: "22", Value: "7 CHEMIN DU VERGER"}, {ID: "23"},
		{ID: "24", Value: "00000"}, {ID: "25", Value: "PRAIRIE"},
	}
	_, err = twoddoc.Prepare(h, fields...)
	fmt.Println(err)
	draft, err := twoddoc.Prepare(h, append(fields, twoddoc.Field{ID: "26", Value: "FR"})...)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := draft.Sign(key, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Value("22"), doc.Verify(&key.PublicKey))
	// Output:
	// twoddoc: field.missing at byte 96 (field 26)
	// 7 CHEMIN DU VERGER <nil>
}

// A code of bytes. No definition of its fields is public: whoever issues knows what they are.
func ExamplePrepareBinary() {
	day := twoddoc.DayOf(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))
	name, err := twoddoc.AppendText(nil, "TILLEUL")
	if err != nil {
		fmt.Println(err)
		return
	}
	draft, err := twoddoc.PrepareBinary(
		twoddoc.Header{Authority: "FR00", Certificate: "12345", Emitted: day, Signed: day, Type: "07", Perimeter: "0001", Country: "FRA"},
		twoddoc.Block{ID: 1, Value: name}, twoddoc.Block{ID: 2, Value: twoddoc.AppendUint(nil, 300)})
	if err != nil {
		fmt.Println(err)
		return
	}
	blocks := draft.Document().Blocks
	text, _ := blocks[0].Text()
	number, _ := blocks[1].Uint()
	fmt.Println(text, number)
	// Output: TILLEUL 300
}

// A camera sees the symbols of one document in any order, and one after the other.
func ExampleJoin() {
	parts, err := twoddoc.Split([]byte(resultB2), "K7Q", 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	var seen [][]byte
	for _, i := range []int{2, 0, 0, 1} {
		seen = append(seen, parts[i].Append(nil))
		payload, err := twoddoc.Join(seen...)
		if errors.Is(err, &twoddoc.Error{Code: twoddoc.MultiMissing}) {
			fmt.Println(err)
			continue
		}
		fmt.Println(string(payload) == resultB2, err)
	}
	// Output:
	// twoddoc: multi.missing at byte 0 (field 0)
	// twoddoc: multi.missing at byte 0 (field 1)
	// twoddoc: multi.missing at byte 0 (field 1)
	// true <nil>
}

// A valid code that the published wallets do not import.
func ExampleWalletReads() {
	fmt.Println(twoddoc.WalletReads([]byte(resultB2)))
	fmt.Println(twoddoc.WalletReads([]byte("DC03" + resultB2[4:])))
	// Output:
	// <nil>
	// twoddoc: wallet.header at byte 0
}
