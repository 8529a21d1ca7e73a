package revocation_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/revocation"
)

// An operator revokes a certificate and a 2D-Doc; a verifier finds both offline.
func Example() {
	operator, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate := &hcert.Certificate{DCC: &dcc.Certificate{Vaccinations: []dcc.Vaccination{{Country: "FR", ID: "URN:UVCI:01:FR:FOUGERE1#K"}}}}
	document := revocation.TwoDDocKey(sha256.Sum256([]byte("header and message of a 2D-Doc")))

	issued := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	draft := revocation.Draft{Number: 1, IssuedAt: issued, NextUpdate: issued.AddDate(0, 0, 7), Keys: append(revocation.Keys(certificate), document)}
	file, err := draft.Sign(rand.Reader, operator)
	if err != nil {
		fmt.Println(err)
		return
	}

	list, err := revocation.Open(file, &operator.PublicKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(list.Lookup(revocation.Keys(certificate)...))
	fmt.Println(list.Lookup(document))
	now := issued.AddDate(0, 0, 9)
	fmt.Println("last updated", list.IssuedAt().Format(time.DateOnly), "stale:", list.Stale(now))
	// Output:
	// revoked
	// revoked
	// last updated 2026-06-01 stale: true
}

// A compact list answers "to be checked"; the exact list, fetched only then, settles it.
func ExampleList_Confirm() {
	operator, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	revoked := revocation.UCI.Key(revocation.HashUCI("URN:UVCI:01:FR:FOUGERE1#K"))
	issued := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	open := func(falseHits float64) *revocation.List {
		draft := revocation.Draft{Number: 1, IssuedAt: issued, NextUpdate: issued.AddDate(0, 0, 7), FalseHits: falseHits, Keys: []revocation.Key{revoked}}
		file, err := draft.Sign(rand.Reader, operator)
		if err != nil {
			return nil
		}
		list, err := revocation.Open(file, &operator.PublicKey)
		if err != nil {
			return nil
		}
		return list
	}
	compact, exact := open(1e-6), open(0)
	fmt.Println(compact.Lookup(revoked))
	fmt.Println(compact.Confirm(exact, revoked))
	// Output:
	// to be checked
	// revoked
}

// A batch of the gateway, once its CMS signature is verified.
func ExampleRegister() {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	batch, err := revocation.ParseBatch([]byte(`{"country": "FR", "expires": "2027-01-01T00:00:00Z", "kid": "UNKNOWN_KID",
		"hashType": "UCI", "entries": [{"hash": "`+revocation.HashUCI("URN:UVCI:01:FR:FOUGERE1#K").Base64()+`"}]}`), at)
	if err != nil {
		fmt.Println(err)
		return
	}
	var register revocation.Register
	added, err := register.Add("0b1f6a1c-6c1e-4a56-9c1f-0c7a3e2b5d10", batch, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("acknowledged:", added)
	certificate := &hcert.Certificate{DCC: &dcc.Certificate{Vaccinations: []dcc.Vaccination{{Country: "FR", ID: "URN:UVCI:01:FR:FOUGERE1#K"}}}}
	fmt.Println(register.Lookup(certificate, at))
	// Output:
	// acknowledged: 1
	// revoked UCI
}

// The filters of the distribution service. A hit is a question, a miss is an answer.
func ExampleParseSlice() {
	filter, err := revocation.NewBloom(1000, 1e-6)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := revocation.HashUCI("URN:UVCI:01:FR:FOUGERE1#K")
	filter.Add(h[:])
	file, err := filter.MarshalBinary()
	if err != nil {
		fmt.Println(err)
		return
	}
	slice, err := revocation.ParseSlice(revocation.BloomFilter, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	other := revocation.HashUCI("URN:UVCI:01:FR:TILLEUL1#K")
	fmt.Println(slice.Contains(h[:]), slice.Contains(other[:]))
	// Output: true false
}

func ExampleMode_Place() {
	h, err := revocation.ParseHash("3f9c5be20e3c4f0d8c6b1b6f0e0d7a11")
	if err != nil {
		fmt.Println(err)
		return
	}
	x, y, chunk := revocation.Coordinate.Place(h)
	fmt.Println(x, y, chunk)
	// Output: 3 f 9
}

// The files of the French list, in order: the second takes back what the first revoked.
func ExampleFrenchList() {
	sum := fmt.Sprintf("%x", revocation.FrenchSum("FR", "urn:uvci:01:FR:FOUGERE1#K"))
	var list revocation.FrenchList
	for _, item := range []string{sum, "-" + sum} {
		var file bytes.Buffer // in real life: as it was fetched
		z := gzip.NewWriter(&file)
		fmt.Fprintf(z, "\x0a%c%s", len(item), item)
		if err := z.Close(); err != nil {
			fmt.Println(err)
			return
		}
		added, removed, err := list.Apply(file.Bytes())
		fmt.Println(added, removed, err, list.Lookup("FR", "urn:uvci:01:FR:FOUGERE1#K"))
	}
	fmt.Println("next file:", list.Files())
	// Output:
	// 1 0 <nil> revoked
	// 0 1 <nil> not listed
	// next file: 2
}
