package hcert_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/icao"
	"carnet/hcert/trust"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

func orderOf(p hcert.Person) hcert.Order {
	return hcert.Order{Issuer: "FR", IssuedAt: issuedAt, Expires: expires, Person: p, Names: icao.France}
}

func vaccinationOrder() hcert.Order {
	o := orderOf(hcert.Person{Family: "FOUGÈRE", Given: "Capucine", Birth: "1985-05-12"})
	o.Vaccination = &dcc.Vaccination{
		Disease: "840539006", Vaccine: "1119349007", Product: "EU/1/20/1528", Holder: "ORG-100030215", Dose: 2, Doses: 2,
		Date: "2026-02-27", Country: "FR", Issuer: "Carnet, bac à sable", ID: uvci("FOUGERE00001"),
	}
	return o
}

func testOrder() hcert.Order {
	o := orderOf(hcert.Person{Family: "Aubépine", Given: "Églantine Iris", Birth: "1990-11"})
	o.Test = &dcc.Test{
		Disease: "840539006", Kind: "LP6464-4", Name: "RT-PCR", Sampled: "2026-03-01T08:15:00+01:00", Result: "260415000",
		Centre: "Laboratoire du Verger", Country: "FR", Issuer: "Carnet, bac à sable", ID: uvci("AUBEPINE0001"),
	}
	return o
}

func recoveryOrder() hcert.Order {
	o := orderOf(hcert.Person{Family: "Tilleul", Given: "Narcisse"})
	o.Recovery = &dcc.Recovery{
		Disease: "840539006", Positive: "2026-01-20", Country: "FR", Issuer: "Carnet, bac à sable",
		From: "2026-01-31", Until: "2026-07-19", ID: uvci("TILLEUL00001"),
	}
	return o
}

func issue(t testing.TB, o hcert.Order, s *signer) string {
	t.Helper()
	d, err := o.Prepare(trust.FromCertificate(s.cert))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := d.Sign(s.key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.Release()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestIssue issues the three kinds with both algorithms. The claims are those that a general
// encoder writes in deterministic order of the same content.
func TestIssue(t *testing.T) {
	ec, rsaKey := newTestSigner(t), newSigner(t, newRSA(t, 2048), "DSC RSA")
	for _, c := range []struct {
		name  string
		order hcert.Order
		want  object
	}{
		{"vaccination", vaccinationOrder(), vaccination()},
		{"test", testOrder(), naat()},
		{"recovery", recoveryOrder(), recovery()},
	} {
		for _, s := range []*signer{ec, rsaKey} {
			t.Run(c.name, func(t *testing.T) {
				text := issue(t, c.order, s)
				keys, err := trust.NewStore(trust.FromCertificate(s.cert))
				if err != nil {
					t.Fatal(err)
				}
				r := hcert.Verify(text, keys, verified, hcert.Strict)
				if !r.Valid() || len(r.Findings) > 0 {
					t.Fatalf("%v, %v", r.Codes(), r.Findings)
				}
				want := encode(t, labels{1: "FR", 4: expires.Unix(), 6: issuedAt.Unix(), -260: labels{1: c.want}})
				if !bytes.Equal(r.Certificate.Claims, want) {
					t.Errorf("claims\n%x, want\n%x", r.Certificate.Claims, want)
				}
				alg := -7
				if s == rsaKey {
					alg = -37
				}
				if want := encode(t, labels{1: alg, 4: s.kid}); !bytes.Equal(r.Certificate.Protected, want) {
					t.Errorf("header %x, want %x", r.Certificate.Protected, want)
				}
			})
		}
	}
}

func TestIssueDetails(t *testing.T) {
	s := newTestSigner(t)
	keys, err := trust.NewStore(trust.FromCertificate(s.cert))
	if err != nil {
		t.Fatal(err)
	}
	read := func(o hcert.Order) *dcc.Certificate {
		t.Helper()
		r := hcert.Verify(issue(t, o, s), keys, verified, hcert.Strict)
		if !r.Valid() {
			t.Fatal(r.Codes())
		}
		return r.Certificate.DCC
	}

	o := vaccinationOrder()
	o.Person = hcert.Person{Given: " Mae\u0308l ", Birth: "2001"}
	o.IssuedAt = o.IssuedAt.Add(900 * time.Millisecond)
	c := read(o)
	if c.Version != "1.3.2" || c.Name != (dcc.Name{Given: "Maël", GivenStandard: "MAEL"}) {
		t.Errorf("%s %+v", c.Version, struct{ dcc.Name }{c.Name}.GivenStandard)
	}
	o.Names = icao.International
	o.Person.Given = "Ürsule"
	if c := read(o); c.Name.GivenStandard != "UERSULE" {
		t.Error(c.Name.GivenStandard)
	}
	o.Person = hcert.Person{Family: "Φτέρη", LatinFamily: "Fougère", Given: "Tülle", LatinGiven: "Tulle"}
	if c := read(o); c.Name != (dcc.Name{Family: "Φτέρη", FamilyStandard: "FOUGERE", Given: "Tülle", GivenStandard: "TULLE"}) {
		t.Error("names in another script")
	}
	o = testOrder()
	o.Test.Name, o.Test.Centre, o.Test.Kind, o.Test.Device = "", " ", "LP217198-3", "1232"
	if c := read(o); c.Tests[0].Centre != "" || c.Tests[0].Device != "1232" {
		t.Error("rapid test")
	}
	o = vaccinationOrder() // short claims: the length in one byte
	o.Person, o.Vaccination.Issuer = hcert.Person{Family: "Lis"}, "X"
	if c := read(o); c.Name.FamilyStandard != "LIS" {
		t.Error("short claims")
	}
}

func TestPrepareRefuses(t *testing.T) {
	key := trust.FromCertificate(newTestSigner(t).cert)
	type edit = func(o *hcert.Order)
	for _, c := range []struct {
		name string
		make func() hcert.Order
		edit edit
		want string
	}{
		{"no event", vaccinationOrder, func(o *hcert.Order) { o.Vaccination = nil }, "event"},
		{"two events", vaccinationOrder, func(o *hcert.Order) { o.Recovery = recoveryOrder().Recovery }, "event"},
		{"no name", vaccinationOrder, func(o *hcert.Order) { o.Person.Family, o.Person.Given = " ", "" }, "name.missing nam"},
		{"digit in a name", vaccinationOrder, func(o *hcert.Order) { o.Person.Given = "Pin 2" }, "name.letters nam.gnt"},
		{"Greek name alone", vaccinationOrder, func(o *hcert.Order) { o.Person.Family = "Φτέρη" }, "name.letters nam.fnt"},
		{"name too long", vaccinationOrder, func(o *hcert.Order) { o.Person.Given = strings.Repeat("Lis ", 21) }, "schema nam.gn"},
		{"line feed", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Issuer = "a\nb" }, "text.control is"},
		{"broken UTF-8", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Issuer = "a\xff" }, "text.control is"},
		{"issuer", vaccinationOrder, func(o *hcert.Order) { o.Issuer = "FRANCE" }, "issuer Issuer"},
		{"expires before issue", vaccinationOrder, func(o *hcert.Order) { o.Expires = o.IssuedAt }, "time.order Expires"},
		{"before 1970", vaccinationOrder, func(o *hcert.Order) { o.IssuedAt = time.Time{} }, "time.order Expires"},
		{"after the key", vaccinationOrder, func(o *hcert.Order) { o.Expires = certTo.Add(time.Second) }, "key.validity"},
		{"before the key", vaccinationOrder, func(o *hcert.Order) { o.IssuedAt = certFrom.Add(-time.Second) }, "key.validity"},
		{"birth", vaccinationOrder, func(o *hcert.Order) { o.Person.Birth = "12/05/1985" }, "schema dob"},
		{"holder of another product", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Holder = "ORG-100031184" }, "vaccine.triple v[0].mp"},
		{"type of another product", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Vaccine = "29061000087103" }, "vaccine.triple v[0].mp"},
		{"deprecated type", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Vaccine = "J07BX03" }, "vaccine.triple v[0].mp"},
		{"deprecated product", vaccinationOrder, func(o *hcert.Order) {
			o.Vaccination.Product, o.Vaccination.Holder, o.Vaccination.Vaccine = "NVX-CoV2373", "ORG-100032020", "1162643001"
		}, "code.deprecated v[0].mp"},
		{"unknown product", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Product = "Camomille" }, "vaccine.triple v[0].mp"},
		{"unknown disease", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Disease = "1" }, "code.unknown v[0].tg"},
		{"dose 0", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Dose = 0 }, "schema v[0].dn"},
		{"dose -1", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Dose = -1 }, "schema v[0].dn"},
		{"dose 3 of 2", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Dose = 3 }, "dose.numbers v[0].dn"},
		{"tomorrow", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Date = "2026-03-04" }, "date.future v[0].dt"},
		{"before birth", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Date = "1985-05-11" }, "date.order v[0].dt"},
		{"no date", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Date = "27/02/2026" }, "schema v[0].dt"},
		{"identifier without check", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.ID = "URN:UVCI:01:FR:FOUGERE00001" }, "identifier v[0].ci"},
		{"identifier with a wrong check", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.ID = "URN:UVCI:01:FR:FOUGERE00001#?" }, "identifier v[0].ci"},
		{"identifier of another country", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.Country = "DE" }, "identifier v[0].ci"},
		{"identifier without prefix", vaccinationOrder, func(o *hcert.Order) { o.Vaccination.ID = o.Vaccination.ID[9:] }, "identifier v[0].ci"},
		{"rapid test without device", testOrder, func(o *hcert.Order) { o.Test.Kind = "LP217198-3" }, "test.device t[0].ma"},
		{"laboratory test with device", testOrder, func(o *hcert.Order) { o.Test.Device = "1232" }, "test.device t[0].ma"},
		{"sample in the future", testOrder, func(o *hcert.Order) { o.Test.Sampled = "2026-03-02T09:30:01Z" }, "date.future t[0].sc"},
		{"sample without zone", testOrder, func(o *hcert.Order) { o.Test.Sampled = "2026-03-01T08:15:00" }, "schema t[0].sc"},
		{"no result", testOrder, func(o *hcert.Order) { o.Test.Result = "" }, "code.unknown t[0].tr"},
		{"recovery that ends first", recoveryOrder, func(o *hcert.Order) { o.Recovery.Until = "2026-01-30" }, "date.order r[0].df"},
		{"recovery before the test", recoveryOrder, func(o *hcert.Order) { o.Recovery.From = "2026-01-19" }, "date.order r[0].df"},
		{"recovery in the future", recoveryOrder, func(o *hcert.Order) {
			o.Recovery.Positive, o.Recovery.From = "2026-04-01", "2026-04-12"
		}, "date.future r[0].fr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.make()
			c.edit(&o)
			d, err := o.Prepare(key)
			all, ok := errors.AsType[hcert.Objections](err)
			if !ok || d != nil || !slices.ContainsFunc(all, func(x hcert.Objection) bool { return x.String() == c.want }) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}

	// Before February 2022 no number was above its series.
	o := vaccinationOrder()
	o.Vaccination = &dcc.Vaccination{
		Disease: "840539006", Vaccine: "29061000087103", Product: "EU/1/20/1525", Holder: "ORG-100001417", Dose: 2, Doses: 1,
		Date: "2021-12-01", Country: "FR", Issuer: "Carnet", ID: uvci("FOUGERE00001"),
	}
	k := *key
	k.NotBefore = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	for at, ok := range map[string]bool{"2022-01-31": false, "2022-02-01": true} {
		o.IssuedAt, _ = time.Parse(time.DateOnly, at)
		if _, err := o.Prepare(&k); (err == nil) != ok {
			t.Errorf("2 of 1 issued on %s: %v", at, err)
		}
	}
}

func TestPrepareKey(t *testing.T) {
	for name, c := range map[string]struct {
		key  *hcert.Key
		want hcert.ObjectionCode
	}{
		"none":     {nil, hcert.KeyUnfit},
		"P-384":    {trust.FromCertificate(newSigner(t, newEC(t, elliptic.P384()), "x").cert), hcert.KeyUnfit},
		"RSA 1024": {trust.FromCertificate(newSigner(t, newRSA(t, 1024), "x").cert), hcert.KeyUnfit},
		"no kid":   {&hcert.Key{Public: newEC(t, elliptic.P256()).Public()}, hcert.KeyUnfit},
		"tests":    {trust.FromCertificate(newSigner(t, newEC(t, elliptic.P256()), "x", usageOID(1)).cert), hcert.KeyUsage},
	} {
		_, err := vaccinationOrder().Prepare(c.key)
		if all, ok := errors.AsType[hcert.Objections](err); !ok || !all.Has(c.want) || len(all) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// oddSigner gives a signature of its own.
type oddSigner struct {
	crypto.Signer
	answer func(digest []byte) ([]byte, error)
}

func (s oddSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.answer(digest)
}

func TestSignRefuses(t *testing.T) {
	s := newTestSigner(t)
	key := trust.FromCertificate(s.cert)
	prepare := func() *hcert.Draft {
		d, err := vaccinationOrder().Prepare(key)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := prepare()
	if _, err := d.Sign(s.key, rand.Reader); err != nil {
		t.Error(err)
	}
	if _, err := d.Sign(s.key, rand.Reader); !errors.Is(err, hcert.ErrUsed) {
		t.Errorf("twice: %v", err)
	}
	broken := errors.New("device")
	for name, answer := range map[string][]byte{
		"nothing": {}, "no list": make([]byte, 70), "cut": {0x30, 6, 2, 1, 1, 2, 4, 1}, "negative": {0x30, 6, 2, 1, 0x81, 2, 1, 1},
		"too long": append([]byte{0x30, 38, 2, 33, 1}, make([]byte, 35)...), "three numbers": {0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1}, "empty number": {0x30, 6, 2, 0, 2, 2, 1, 1},
	} {
		_, err := prepare().Sign(oddSigner{s.key, func([]byte) ([]byte, error) { return answer, nil }}, nil)
		if !errors.Is(err, hcert.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := prepare().Sign(oddSigner{s.key, func([]byte) ([]byte, error) { return nil, broken }}, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	stranger, err := prepare().Sign(newEC(t, elliptic.P256()), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := stranger.Release(); text != "" || err == nil {
		t.Errorf("another key: %q, %v", text, err)
	}
	// A signature of the right form over something else is found before release.
	signed, err := prepare().Sign(oddSigner{s.key, func([]byte) ([]byte, error) {
		other := sha256.Sum256([]byte("other"))
		return ecdsa.SignASN1(rand.Reader, s.key.(*ecdsa.PrivateKey), other[:])
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := signed.Release(); text != "" || err == nil || !strings.Contains(err.Error(), "sig.invalid") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestDraft(t *testing.T) {
	s := newTestSigner(t)
	o := vaccinationOrder()
	d, err := o.Prepare(trust.FromCertificate(s.cert))
	if err != nil {
		t.Fatal(err)
	}
	c := d.Certificate()
	if c.DCC.Name.FamilyStandard != "FOUGERE" || !c.IssuedAt.Equal(issuedAt) || !c.Expires.Equal(expires) || c.Issuer != "FR" {
		t.Error("the draft shows another certificate")
	}
	if d.Digest() != hcert.ToBeSigned(c.Protected, c.Claims) {
		t.Error("another digest")
	}
	signed, err := d.Sign(s.key, rand.Reader)
	if err != nil || len(signed.Signature()) != 64 {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, f+f+f+f+f, o, o.Person, d, signed, &o)
	}
	o.Person.Birth = "x"
	_, err = o.Prepare(trust.FromCertificate(s.cert))
	fmt.Fprint(&out, err)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "o", o, "p", o.Person, "d", d, "s", signed)
	for _, secret := range []string{"FOUG", "Capucine", "1985", "2026-02-27", fmt.Sprintf("%x", "FOUG")} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s leaks: %s", secret, out.String())
		}
	}
}

// TestIssueAny: whatever an order holds, it is refused, or its certificate is accepted by the
// strict reader, is in deterministic order, and says what was ordered.
func TestIssueAny(t *testing.T) {
	s := newTestSigner(t)
	key := trust.FromCertificate(s.cert)
	issued := 0
	rapid.Check(t, func(t *rapid.T) {
		o := vaccinationOrder()
		name := rapid.OneOf(rapid.StringMatching(`[A-ZÀ-ÖØ-Þa-zà-öø-ÿ' -]{0,90}`), rapid.String())
		o.Person.Family, o.Person.Given = name.Draw(t, "family"), name.Draw(t, "given")
		o.Vaccination.Issuer = rapid.OneOf(rapid.StringMatching(`[A-Za-zé ]{1,90}`), rapid.String()).Draw(t, "issuer")
		o.Vaccination.Dose, o.Vaccination.Doses = rapid.IntRange(-1, 300).Draw(t, "dn"), rapid.IntRange(0, 300).Draw(t, "sd")
		d, err := o.Prepare(key)
		if err != nil {
			return
		}
		signed, err := d.Sign(s.key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.Release()
		if err != nil {
			t.Fatal(err)
		}
		issued++
		keys, _ := trust.NewStore(key)
		r := hcert.Verify(text, keys, verified, hcert.Strict)
		if !r.Valid() || r.Certificate.DCC.Vaccinations[0].Dose != o.Vaccination.Dose {
			t.Fatal(r.Codes())
		}
		var tree any
		if err := cbor.Unmarshal(r.Certificate.Claims, &tree); err != nil {
			t.Fatal(err)
		}
		if again, err := canonical.Marshal(tree); err != nil || !bytes.Equal(again, r.Certificate.Claims) {
			t.Fatalf("not in deterministic order: %v", err)
		}
	})
	if issued == 0 {
		t.Error("nothing was issued")
	}
}

// TestSets issues and verifies with value sets of the caller's own.
func TestSets(t *testing.T) {
	s := newTestSigner(t)
	keys, err := trust.NewStore(trust.FromCertificate(s.cert))
	if err != nil {
		t.Fatal(err)
	}
	var sets dcc.ValueSets
	if _, err := sets.Load([]byte(`{"valueSetId": "covid-19-lab-test-manufacturer-and-name", "valueSetDate": "2026-01-01",
		"valueSetValues": {"1232": {"display": "Pervenche", "active": true}, "1": {"display": "Muguet", "active": false}}}`)); err != nil {
		t.Fatal(err)
	}
	o := testOrder()
	o.Sets = &sets
	o.Test.Kind, o.Test.Name, o.Test.Device = "LP217198-3", "", "1232"
	text := issue(t, o, s)
	if r := (hcert.Verifier{Trust: keys, Profile: hcert.Strict, Sets: &sets}).Verify(text, verified); !r.Valid() {
		t.Error(r.Codes())
	}
	for device, want := range map[string]hcert.ObjectionCode{"1": hcert.CodeDeprecated, "2": hcert.CodeUnknown} {
		o.Test.Device = device
		if _, err := o.Prepare(trust.FromCertificate(s.cert)); err == nil || !err.(hcert.Objections).Has(want) {
			t.Errorf("device %s: %v", device, err)
		}
		o.Sets = nil
		text := issue(t, o, s)
		o.Sets = &sets
		r := hcert.Verifier{Trust: keys, Sets: &sets}.Verify(text, verified)
		if !r.Valid() || len(r.Findings) != 1 || r.Findings[0].Path != "t[0].ma" {
			t.Errorf("device %s: %v %v", device, r.Codes(), r.Findings)
		}
	}
}
