package twoddoc_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/twoddoc"
	"carnet/twoddoc/datamatrix"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFolding(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"Fougère", "FOUGERE"},
		{"Œillet-d'Inde", "OEILLET-D INDE"},
		{"Cæsalpinia", "CAESALPINIA"},
		{"d’Aubépine", "D AUBEPINE"},
		{"FOUGE\u0300RE", "FOUGERE"}, // decomposed
		{"Ñandubay", "NANDUBAY"},
		{"Łubin", "LUBIN"},
		{"Ørnebregne Straße", "ORNEBREGNE STRASSE"},
		{"Trần Thị Đào", "TRAN THI DAO"},
		{"Ｆｅｒｎ", "FERN"},
		{"Le Houx, dit Ilex", "LE HOUX DIT ILEX"},
		{"St. Herbier / Bois", "ST. HERBIER / BOIS"},
		{"  Tilleul\t\n", "TILLEUL"},
		{"Tilleul2", "TILLEUL"},
		{"L0\x1dX\x1f", "L X"},
		{"蕨 Fougère", "FOUGERE"},
		{"\xff\xfeFougère", "FOUGERE"},
	} {
		v := fougere()
		v.FamilyName = c.name
		d, err := v.Prepare(header("CN01"))
		if err != nil {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		if got := d.Document().Value("L0"); got != c.want {
			t.Errorf("%q is written %q, want %q", c.name, got, c.want)
		}
	}
	v := fougere()
	v.GivenNames = []string{"Marie/Aubépine", "", "!", "Jean-Tilleul"}
	v.Disease = "Covid-19"
	d, err := v.Prepare(header("CN01"))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Document().Value("L1"); got != "MARIE AUBEPINE/JEAN-TILLEUL" {
		t.Errorf("given names %q", got)
	}
	if got := d.Document().Value("L3"); got != "COVID-19" {
		t.Errorf("disease %q", got)
	}
}

func TestVaccinationRefused(t *testing.T) {
	type V = twoddoc.Vaccination
	for _, c := range []struct {
		name  string
		alter func(*V)
		want  twoddoc.Code
		field string
	}{
		{"tenth dose", func(v *V) { v.Rank = 10 }, twoddoc.IssueRank, "L7"},
		{"no dose", func(v *V) { v.Rank = 0 }, twoddoc.IssueRank, "L7"},
		{"negative", func(v *V) { v.Rank = -1 }, twoddoc.IssueRank, "L7"},
		{"ten doses expected", func(v *V) { v.Expected = 10 }, twoddoc.IssueRank, "L8"},
		{"no doses expected", func(v *V) { v.Expected = 0 }, twoddoc.IssueRank, "L8"},
		{"no family name", func(v *V) { v.FamilyName = "" }, twoddoc.IssueValue, "L0"},
		{"nothing left of the family name", func(v *V) { v.FamilyName = "蕨" }, twoddoc.IssueValue, "L0"},
		{"no given name", func(v *V) { v.GivenNames = nil }, twoddoc.IssueValue, "L1"},
		{"short birth date", func(v *V) { v.Birth = "1203195" }, twoddoc.IssueValue, "L2"},
		{"birth date with slashes", func(v *V) { v.Birth = "12/03/58" }, twoddoc.IssueValue, "L2"},
		{"birth month 51", func(v *V) { v.Birth = "12511958" }, twoddoc.FieldFormat, "L2"},
		{"no disease", func(v *V) { v.Disease = "" }, twoddoc.IssueValue, "L3"},
		{"short agent", func(v *V) { v.Agent = "J07B" }, twoddoc.IssueValue, "L4"},
		{"short vaccine", func(v *V) { v.Vaccine = "X" }, twoddoc.IssueValue, "L5"},
		{"short manufacturer", func(v *V) { v.Manufacturer = "" }, twoddoc.IssueValue, "L6"},
		{"no such day", func(v *V) { v.LastDate = "29022021" }, twoddoc.IssueValue, "L9"},
		{"not a date", func(v *V) { v.LastDate = "2021-2-1" }, twoddoc.IssueValue, "L9"},
	} {
		v := fougere()
		c.alter(&v)
		d, err := v.Prepare(header("CN01"))
		if !errors.Is(err, &twoddoc.Error{Code: c.want, Field: c.field}) || d != nil {
			t.Errorf("%s: %v, want %s of %s", c.name, err, c.want, c.field)
		}
	}
}

func TestHeaderRefused(t *testing.T) {
	type H = twoddoc.Header
	for _, c := range []struct {
		name  string
		alter func(*H)
		want  twoddoc.Code
	}{
		{"version 01", func(h *H) { h.Version = 1 }, twoddoc.IssueVersion},
		{"version 05", func(h *H) { h.Version = 5 }, twoddoc.HeaderVersion},
		{"version -1", func(h *H) { h.Version = -1 }, twoddoc.HeaderVersion},
		{"no authority", func(h *H) { h.Authority = "" }, twoddoc.HeaderAuthority},
		{"authority in lower case", func(h *H) { h.Authority = "fr00" }, twoddoc.HeaderAuthority},
		{"long certificate", func(h *H) { h.Certificate = "CN001" }, twoddoc.HeaderCertificate},
		{"certificate with a separator", func(h *H) { h.Certificate = "CN\x1d1" }, twoddoc.HeaderCertificate},
		{"certificate TEST", func(h *H) { h.Certificate = "TEST" }, twoddoc.SignatureCertificate},
		{"no type", func(h *H) { h.Type = "" }, twoddoc.HeaderType},
		{"unknown type", func(h *H) { h.Type = "ZZ" }, twoddoc.TypeUnknown},
		{"long perimeter", func(h *H) { h.Perimeter = "001" }, twoddoc.HeaderPerimeter},
		{"other perimeter", func(h *H) { h.Perimeter = "02" }, twoddoc.TypeUnknown},
		{"no country", func(h *H) { h.Country = "" }, twoddoc.HeaderCountry},
		{"country in digits", func(h *H) { h.Country = "F1" }, twoddoc.HeaderCountry},
		{"undated", func(h *H) { h.Emitted = twoddoc.Undated }, twoddoc.EmittedMissing},
	} {
		h := b2Header()
		h.Certificate = "CN01"
		c.alter(&h)
		if _, err := twoddoc.Prepare(h, b2Fields...); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestInjection: no value can write a field or a signature of its own.
func TestInjection(t *testing.T) {
	h := b2Header()
	h.Certificate = "CN01"
	for _, c := range []struct{ id, value string }{
		{"F0", "AUBEPINE\x1dF1TILLEUL"}, {"F0", "AUBEPINE\x1f"}, {"F0", "AUBEPINE\x1e"}, {"F2", "0003195"}, {"F2", "000319581"},
		{"F3", "FF4"}, {"F3", ""}, {"F4", "94500612345"}, {"F0", strings.Repeat("A", 61)}, {"F1", "TILLEUL É"}, {"01", "X"},
		{"Z9", "X"}, {"F", "X"}, {"", ""},
	} {
		fields := append([]twoddoc.Field(nil), b2Fields...)
		replaced := false
		for i := range fields {
			if fields[i].ID == c.id {
				fields[i].Value, replaced = c.value, true
			}
		}
		if !replaced {
			fields = append(fields, twoddoc.Field{ID: c.id, Value: c.value})
		}
		d, err := twoddoc.Prepare(h, fields...)
		if c.id == "01" {
			if err != nil {
				t.Errorf("optional field: %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s=%q is written: %v", c.id, c.value, d.Document().Fields)
		}
	}
	if _, err := twoddoc.Prepare(h, twoddoc.Field{ID: "01", Value: strings.Repeat("A", twoddoc.MaxPayload)}); code(err) != twoddoc.SizeLong {
		t.Errorf("a huge value: %v", err)
	}
}

// fakeSigner answers what it is told to.
type fakeSigner struct {
	pub crypto.PublicKey
	der []byte
	err error
}

func (f fakeSigner) Public() crypto.PublicKey { return f.pub }
func (f fakeSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return f.der, f.err
}

func TestSigners(t *testing.T) {
	d, err := fougere().Prepare(header("CN01"))
	if err != nil {
		t.Fatal(err)
	}
	pub := newKey(t).Public()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(r, s int64) []byte {
		b, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(r), big.NewInt(s)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	broken := errors.New("token removed")
	for _, c := range []struct {
		name string
		fakeSigner
		want twoddoc.Code
	}{
		{"token removed", fakeSigner{pub: pub, err: broken}, twoddoc.IssueSigner},
		{"not ECDSA", fakeSigner{pub: ed}, twoddoc.SignatureKey},
		{"empty", fakeSigner{pub: pub}, twoddoc.IssueSigner},
		{"raw and not ASN.1", fakeSigner{pub: pub, der: make([]byte, 64)}, twoddoc.IssueSigner},
		{"r is zero", fakeSigner{pub: pub, der: der(0, 1)}, twoddoc.IssueSigner},
		{"s is negative", fakeSigner{pub: pub, der: der(1, -1)}, twoddoc.IssueSigner},
		{"something behind", fakeSigner{pub: pub, der: append(der(1, 1), 0)}, twoddoc.IssueSigner},
		{"cut", fakeSigner{pub: pub, der: der(1, 1)[:7]}, twoddoc.IssueSigner},
		{"too large for the curve", fakeSigner{pub: pub, der: append([]byte{0x30, 38, 2, 33, 1}, append(make([]byte, 32), 2, 1, 1)...)}, twoddoc.IssueSigner},
	} {
		p, err := d.Sign(c.fakeSigner, nil)
		if code(err) != c.want || p != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: the cause is lost in %v", c.name, err)
		}
	}
	p, err := d.Sign(fakeSigner{pub: pub, der: der(1, 0x80)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := twoddoc.Parse(p)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 64)
	want[31], want[63] = 1, 0x80
	if !bytes.Equal(doc.Signature, want) {
		t.Errorf("halves are not padded on the left: %x", doc.Signature)
	}
}

// TestAnyVaccination: whatever is issued is read back by the strict reader, verifies, is read by
// the wallets, and its link gives the same bytes.
func TestAnyVaccination(t *testing.T) {
	key := newKey(t)
	name := rapid.StringMatching(`[A-Za-zÀ-ÿŒœ' ./-]{0,120}`)
	product := rapid.StringMatching(`[A-Za-z0-9É/ .-]{0,50}`)
	rapid.Check(t, func(t *rapid.T) {
		v := twoddoc.Vaccination{
			FamilyName: "F" + name.Draw(t, "family"), GivenNames: append(rapid.SliceOfN(name, 0, 9).Draw(t, "given"), "Tilleul"),
			Birth:   fmt.Sprintf("%02d%02d%04d", rapid.IntRange(0, 31).Draw(t, "day"), rapid.IntRange(0, 50).Draw(t, "month"), rapid.IntRange(1900, 2026).Draw(t, "year")),
			Disease: "C" + product.Draw(t, "disease"), Agent: "J07BX" + product.Draw(t, "agent"),
			Vaccine: "VACCIN" + product.Draw(t, "vaccine"), Manufacturer: "MAISON" + product.Draw(t, "maker"),
			Rank: rapid.IntRange(1, 9).Draw(t, "rank"), Expected: rapid.IntRange(1, 9).Draw(t, "expected"),
			LastDate: time.Unix(rapid.Int64Range(0, 2e9).Draw(t, "last"), 0).UTC().Format("02012006"), Complete: rapid.Bool().Draw(t, "complete"),
		}
		d, err := v.Prepare(header("CN01"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Sign(key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := twoddoc.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Verify(key.Public()); err != nil {
			t.Fatal(err)
		}
		if len(doc.Conforming) != 0 || len(doc.Authentic) != 0 || len(doc.Fields) != 11 || len(d.Document().Fields) != 11 {
			t.Fatalf("the reader finds %v %v", doc.Conforming, doc.Authentic)
		}
		if doc.Header != d.Document().Header || doc.ID() != d.ID() || !bytes.Equal(doc.Signed(), d.Signed()) {
			t.Fatal("the identity changed")
		}
		if err := twoddoc.WalletReads(p); err != nil {
			t.Fatal(err)
		}
		back, err := twoddoc.FromLink(twoddoc.Link("https://carnet.example"+twoddoc.WalletPath, p))
		if err != nil || !bytes.Equal(back, p) {
			t.Fatalf("link: %v", err)
		}
	})
}

// TestAnyFields: the writer of any type and the strict reader agree on every identifier. Type 29
// has no table, so that it takes them all.
func TestAnyFields(t *testing.T) {
	var defs []twoddoc.Definition
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, a := range digits {
		for _, b := range digits {
			if d, ok := twoddoc.Lookup(string(a) + string(b)); ok {
				defs = append(defs, d)
			}
		}
	}
	if len(defs) != 412 {
		t.Fatalf("%d identifiers, want 412", len(defs))
	}
	h := twoddoc.Header{Authority: "FR00", Certificate: "CN01", Emitted: 7789, Signed: 7789, Type: "29", Country: "FR"}
	rapid.Check(t, func(t *rapid.T) {
		var fields []twoddoc.Field
		for _, d := range rapid.SliceOfNDistinct(rapid.SampledFrom(defs), 0, 30, func(d twoddoc.Definition) string { return d.ID }).Draw(t, "definitions") {
			fields = append(fields, twoddoc.Field{ID: d.ID, Value: anyValue(t, d)})
		}
		draft, err := twoddoc.Prepare(h, fields...)
		if err != nil {
			t.Fatal(err)
		}
		doc := draft.Document()
		again := doc.Header.Append(nil)
		for i, f := range doc.Fields {
			if f.ID != fields[i].ID || f.Value != fields[i].Value {
				t.Fatalf("field %d is %s %q, want %s %q", i, f.ID, f.Value, fields[i].ID, fields[i].Value)
			}
			again = f.Append(again)
		}
		if !bytes.Equal(again, draft.Signed()) {
			t.Fatal("what is written again differs")
		}
	})
}

// anyValue draws a value that the definition allows.
func anyValue(t *rapid.T, d twoddoc.Definition) string {
	if d.Closed {
		return rapid.SampledFrom(d.Values).Draw(t, d.ID).Code
	}
	fixed := map[string]string{
		"date": "29022024", "date0": "00001958", "birth": "30501950", "minute": "290220242359", "second": "29022024235959",
		"hhmm": "2359", "hhmmss": "235959", "amount": "-1,5", "integer": "-12", "decimal": "1,5", "base32": "NB2HI4B2",
		"eori": "FR123456789012345",
	}
	most := d.Max
	if most == 0 {
		most = 60
	}
	if s, ok := fixed[d.Format]; ok && len(s) <= most {
		return s + strings.Repeat("0", max(0, d.Min-len(s)))
	}
	n := rapid.IntRange(d.Min, most).Draw(t, "length")
	if d.Format == "bool" {
		return strings.Repeat("1", n)
	}
	if strings.Contains(d.Format, "A-Z") || d.Format == "country" || d.Format == "?" {
		return rapid.StringOfN(rapid.RuneFrom([]rune("ABCDEFGHIJKLMNOPQRSTUVWXYZ")), n, n, -1).Draw(t, d.ID)
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), n, n, -1).Draw(t, d.ID)
}

// TestNothingShows: printing, logging and encoding tell nothing of a person.
func TestNothingShows(t *testing.T) {
	v := fougere()
	draft, err := v.Prepare(header("CN01"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := draft.Sign(newKey(t), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	bad := v
	bad.Rank = 12
	_, refused := bad.Prepare(header("CN01"))
	_, unread := twoddoc.Parse(bytes.Replace(payload, []byte("FOUGERE"), []byte("FOUG3RE"), 1))
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	jlog := slog.New(slog.NewJSONHandler(&b, nil))
	for _, x := range []any{v, &v, draft, *draft, doc, *doc, doc.Fields, doc.Fields[0], refused, unread, doc.Header} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q\n", x, x, x, x, x)
		log.Info("a document", "x", x)
		jlog.Info("a document", "x", x)
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			t.Error(err)
		}
	}
	for _, secret := range []string{"FOUG", "Foug", "AUBEP", "Aub", "MAEL", "Ma\u00eb", "12031958", "J07BX03", "20042021"} {
		if i := bytes.Index(b.Bytes(), []byte(secret)); i >= 0 {
			t.Errorf("%q shows: %.80q", secret, b.Bytes()[max(0, i-30):])
		}
	}
}

func TestDays(t *testing.T) {
	paris := time.FixedZone("Paris", 2*3600)
	for _, c := range []struct {
		t    time.Time
		want twoddoc.Day
		text string
	}{
		{time.Date(2011, 12, 31, 0, 0, 0, 0, time.UTC), 0x111E, "2011-12-31"},
		{time.Date(2021, 4, 29, 0, 30, 0, 0, paris), 0x1E6D, "2021-04-29"}, // still the 28th in UTC
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), 0, "2000-01-01"},
		{time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC), twoddoc.Undated, "undated"},
		{time.Date(2179, 6, 5, 0, 0, 0, 0, time.UTC), 0xFFFE, "2179-06-05"},
		{time.Date(2179, 6, 6, 0, 0, 0, 0, time.UTC), twoddoc.Undated, "undated"},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), twoddoc.Undated, "undated"},
		{time.Time{}, twoddoc.Undated, "undated"},
	} {
		d := twoddoc.DayOf(c.t)
		if d != c.want || d.String() != c.text {
			t.Errorf("%v is %d %s, want %d %s", c.t, d, d, c.want, c.text)
		}
	}
	for text, h := range map[string]twoddoc.Header{
		"DC02FR0AXT4A0E840E8A01":     {Version: 2, Authority: "FR0A", Certificate: "XT4A", Emitted: 0xE84, Signed: 0xE8A, Type: "01"},
		"DC03FR0AXT4A0E840E8A0101":   {Version: 3, Authority: "FR0A", Certificate: "XT4A", Emitted: 0xE84, Signed: 0xE8A, Type: "01", Perimeter: "01"},
		"DC04FR0AXT4A0E840E8A0101FR": {Version: 4, Authority: "FR0A", Certificate: "XT4A", Emitted: 0xE84, Signed: 0xE8A, Type: "01", Perimeter: "01", Country: "FR"},
	} {
		if got := string(h.Append(nil)); got != text {
			t.Errorf("header %s, want %s", got, text)
		}
		if h.Emitted.String() != "2010-03-05" || h.Signed.String() != "2010-03-11" || h.Test() {
			t.Errorf("%v", h)
		}
	}
}

// TestLongestVaccination: whatever the names, an issued L1 fits the 72 modules that the page keeps for it.
func TestLongestVaccination(t *testing.T) {
	v := fougere()
	names := strings.Repeat("TILLEUL-", 9) + "AUBEPINE" // 80 characters, 9 hyphens
	v.FamilyName, v.GivenNames = names, []string{names}
	v.Disease, v.Agent = strings.Repeat("A", 40), strings.Repeat("B", 40)
	v.Vaccine, v.Manufacturer = strings.Repeat("C/", 20), strings.Repeat("D/", 20)
	d, err := v.Prepare(header("CN01"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Sign(newKey(t), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := datamatrix.Encode(p, 44)
	if err != nil || s.Side != 72 {
		t.Errorf("side %v %v, want 72", s, err)
	}
	if err := twoddoc.WalletReads(p); err != nil {
		t.Error(err)
	}
}
