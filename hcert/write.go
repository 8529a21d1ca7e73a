package hcert

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"carnet/hcert/dcc"
	"carnet/hcert/icao"

	"golang.org/x/text/unicode/norm"
)

// writer checks one order and writes it as CBOR.
type writer struct {
	order      *Order
	key        *Key
	algorithm  Algorithm
	objections Objections
	name       dcc.Name
}

func (w *writer) object(c ObjectionCode, path string) {
	w.objections = append(w.objections, Objection{c, path})
}

// check looks for what the strict reader cannot see: it knows neither the key, nor how fields hang
// together.
func (w *writer) check() {
	o := w.order
	events := 0
	var kind dcc.Type
	if o.Vaccination != nil {
		events, kind = events+1, dcc.VaccinationType
	}
	if o.Test != nil {
		events, kind = events+1, dcc.TestType
	}
	if o.Recovery != nil {
		events, kind = events+1, dcc.RecoveryType
	}
	if events != 1 {
		w.object(OneEvent, "")
		return
	}
	if _, ok := o.Sets.Lookup(dcc.Country, o.Issuer); !ok {
		w.object(IssuerCountry, "Issuer")
	}
	if from, to := o.IssuedAt.Unix(), o.Expires.Unix(); from < 0 || to <= from || to > maxInstant {
		w.object(TimeOrder, "Expires")
	}
	w.checkKey(kind)
	w.names()
	switch kind {
	case dcc.VaccinationType:
		w.checkVaccination(o.Vaccination)
	case dcc.TestType:
		w.checkTest(o.Test)
	case dcc.RecoveryType:
		w.checkRecovery(o.Recovery)
	}
}

func (w *writer) checkKey(kind dcc.Type) {
	k := w.key
	switch {
	case k != nil && fits(ES256, k.Public):
		w.algorithm = ES256
	case k != nil && fits(PS256, k.Public):
		w.algorithm = PS256
	}
	if w.algorithm == 0 || len(k.KID) != kidLength {
		w.object(KeyUnfit, "")
		return
	}
	from, to := w.order.IssuedAt.Truncate(time.Second), w.order.Expires
	if !k.NotBefore.IsZero() && from.Before(k.NotBefore) || !k.NotAfter.IsZero() && to.After(k.NotAfter) {
		w.object(KeyValidity, "")
	}
	if !k.Usage.Allows(kind) {
		w.object(KeyUsage, "")
	}
}

// names derives the transliterated names.
func (w *writer) names() {
	p := &w.order.Person
	w.name = dcc.Name{
		Family: clean(p.Family), FamilyStandard: w.standard(p.Family, p.LatinFamily, "nam.fnt"),
		Given: clean(p.Given), GivenStandard: w.standard(p.Given, p.LatinGiven, "nam.gnt"),
	}
	if w.name.FamilyStandard == "" && w.name.GivenStandard == "" && len(w.objections) == 0 {
		w.object(NameMissing, "nam")
	}
}

func (w *writer) standard(name, latin, path string) string {
	if latin != "" {
		name = latin
	}
	s, err := w.order.Names.Transliterate(name)
	if _, ok := errors.AsType[*icao.Error](err); ok {
		w.object(NameLetters, path)
	}
	return s
}

// clean trims a text and brings it to form NFC.
func clean(s string) string {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return norm.NFC.String(s)
		}
	}
	return s
}

// boosterNumbers is the day from which a dose after a one-dose course has a number above its series.
const boosterNumbers = "2022-02-01"

func (w *writer) checkVaccination(v *dcc.Vaccination) {
	if e, ok := w.order.Sets.Encoding(v.Product); !ok || !e.Allows(v.Holder, v.Vaccine) {
		w.object(CodeTriple, "v[0].mp")
	}
	if v.Dose > v.Doses && (v.Doses > 1 || w.order.IssuedAt.UTC().Format(time.DateOnly) < boosterNumbers) {
		w.object(DoseNumbers, "v[0].dn")
	}
	w.past(v.Date, "v[0].dt")
	w.identifier(v.ID, v.Country, "v[0].ci")
}

func (w *writer) checkTest(t *dcc.Test) {
	const rapid = "LP217198-3"
	if (t.Device == "") == (t.Kind == rapid) {
		w.object(TestDevice, "t[0].ma")
	}
	if at, err := time.Parse(time.RFC3339, t.Sampled); err == nil && at.After(w.order.IssuedAt) {
		w.object(DateFuture, "t[0].sc")
	}
	w.born(t.Sampled, "t[0].sc")
	w.identifier(t.ID, t.Country, "t[0].ci")
}

func (w *writer) checkRecovery(r *dcc.Recovery) {
	w.past(r.Positive, "r[0].fr")
	if r.From < r.Positive || r.Until < r.From {
		w.object(DateOrder, "r[0].df")
	}
	w.identifier(r.ID, r.Country, "r[0].ci")
}

// past checks that a day has begun somewhere in the world, and that the person was born.
func (w *writer) past(day, path string) {
	const furthestEast = 14 * time.Hour
	year, month, last := w.order.IssuedAt.Add(furthestEast).UTC().Date()
	today := [10]byte{byte('0' + year/1000%10), byte('0' + year/100%10), byte('0' + year/10%10), byte('0' + year%10), '-',
		byte('0' + month/10), byte('0' + month%10), '-', byte('0' + last/10), byte('0' + last%10)}
	if day > string(today[:]) { // dates compare as texts
		if _, err := time.Parse(time.DateOnly, day); err == nil {
			w.object(DateFuture, path)
		}
	}
	w.born(day, path)
}

// born compares as much of the dates as is known.
func (w *writer) born(day, path string) {
	if b := strings.TrimSpace(w.order.Person.Birth); len(day) >= len(b) && day[:len(b)] < b {
		w.object(DateOrder, path)
	}
}

// identifier checks the form; the strict reader checks the check character, when there is one.
func (w *writer) identifier(id, country, path string) {
	const prefix = "URN:UVCI:01:"
	n := len(prefix) + len(country) + 1
	if len(id) <= n || !strings.EqualFold(id[:len(prefix)], prefix) || id[len(prefix):n-1] != country || id[n-1] != ':' ||
		strings.IndexByte(id[n:], '#') < 1 {
		w.object(IdentifierForm, path)
	}
}

// Versions of the schema: before 1.3.2 the family name is required.
const (
	version       = "1.3.0"
	versionNoName = "1.3.2"
)

// write writes header, claims and the structure to be signed, in one piece: the parts of the draft
// lie in it. Keys are in the order of their encoding (RFC 8949, section 4.2).
func (w *writer) write(d *Draft) {
	b := make([]byte, 0, 512)
	b = append(append(b, 0x84, 0x6a), "Signature1"...)
	switch d.algorithm {
	case ES256:
		b = append(b, 0x4d, 0xa2, 0x01, 0x26)
	default:
		b = append(b, 0x4e, 0xa2, 0x01, 0x38, 0x24)
	}
	b = append(append(b, 0x04, 0x40|kidLength), w.key.KID...)
	protected := len(b)
	b = append(b, 0x40, 0x59, 0, 0) // no external data; the length of the claims comes later
	claims := len(b)
	o := w.order
	b = append(b, 0xa4, claimIssuer)
	b = appendText(b, o.Issuer)
	b = appendUint(append(b, claimExpires), uint64(o.Expires.Unix()))
	b = appendUint(append(b, claimIssuedAt), uint64(o.IssuedAt.Unix()))
	b = append(b, 0x39, 0x01, 0x03, 0xa1, hcertDCC, 0xa4) // -260: {1: map of four}
	switch {
	case o.Vaccination != nil:
		b = w.vaccination(b, o.Vaccination)
	case o.Test != nil:
		b = w.test(b, o.Test)
	default:
		b = w.recovery(b, o.Recovery)
	}
	b = w.member(b, "dob", strings.TrimSpace(o.Person.Birth))
	b = appendText(b, "nam")
	b = append(b, 0xa0|count(w.name.Family, w.name.FamilyStandard, w.name.Given, w.name.GivenStandard))
	b = w.optional(b, "fn", w.name.Family)
	b = w.optional(b, "gn", w.name.Given)
	b = w.optional(b, "fnt", w.name.FamilyStandard)
	b = w.optional(b, "gnt", w.name.GivenStandard)
	ver := version
	if w.name.FamilyStandard == "" {
		ver = versionNoName
	}
	b = w.member(b, "ver", ver)

	n := len(b) - claims
	if n < 1<<8 { // the length in its shortest form
		copy(b[claims-1:], b[claims:])
		claims--
		b = b[:claims+n]
		b[claims-2], b[claims-1] = 0x58, byte(n)
	} else {
		b[claims-2], b[claims-1] = byte(n>>8), byte(n)
	}
	d.toBe = b
	from := len("\x84\x6aSignature1") + 1
	d.content = Certificate{
		Algorithm: d.algorithm, KID: w.key.KID,
		Protected: b[from:protected:protected], Claims: b[claims:len(b):len(b)],
	}
}

func count(texts ...string) byte {
	n := byte(0)
	for _, s := range texts {
		if s != "" {
			n++
		}
	}
	return n
}

func (w *writer) vaccination(b []byte, v *dcc.Vaccination) []byte {
	b = append(b, 0x61, 'v', 0x81, 0xaa)
	b = w.member(b, "ci", v.ID)
	b = w.member(b, "co", v.Country)
	b = appendUint(appendText(b, "dn"), uint64(max(v.Dose, 0)))
	b = w.member(b, "dt", v.Date)
	b = w.member(b, "is", clean(v.Issuer))
	b = w.member(b, "ma", v.Holder)
	b = w.member(b, "mp", v.Product)
	b = appendUint(appendText(b, "sd"), uint64(max(v.Doses, 0)))
	b = w.member(b, "tg", v.Disease)
	return w.member(b, "vp", v.Vaccine)
}

func (w *writer) test(b []byte, t *dcc.Test) []byte {
	name, centre := clean(t.Name), clean(t.Centre)
	b = append(b, 0x61, 't', 0x81, 0xa7+count(t.Device, name, centre))
	b = w.member(b, "ci", t.ID)
	b = w.member(b, "co", t.Country)
	b = w.member(b, "is", clean(t.Issuer))
	b = w.optional(b, "ma", t.Device)
	b = w.optional(b, "nm", name)
	b = w.member(b, "sc", t.Sampled)
	b = w.optional(b, "tc", centre)
	b = w.member(b, "tg", t.Disease)
	b = w.member(b, "tr", t.Result)
	return w.member(b, "tt", t.Kind)
}

func (w *writer) recovery(b []byte, r *dcc.Recovery) []byte {
	b = append(b, 0x61, 'r', 0x81, 0xa7)
	b = w.member(b, "ci", r.ID)
	b = w.member(b, "co", r.Country)
	b = w.member(b, "df", r.From)
	b = w.member(b, "du", r.Until)
	b = w.member(b, "fr", r.Positive)
	b = w.member(b, "is", clean(r.Issuer))
	return w.member(b, "tg", r.Disease)
}

func (w *writer) member(b []byte, key, value string) []byte {
	if !printable(value) {
		w.object(TextControl, key)
	}
	return appendText(appendText(b, key), value)
}

func (w *writer) optional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return w.member(b, key, value)
}

// printable reports a text without control characters and invalid UTF-8.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
		}
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// lint reads the claims as a verifier does.
func (w *writer) lint(d *Draft) {
	v := verifier{profile: Strict, sets: w.order.Sets}
	v.Certificate = &d.content
	v.content(string(d.content.Claims))
	for _, f := range v.Findings {
		code := SchemaViolation
		switch {
		case f.Rule == dcc.Deprecated:
			code = CodeDeprecated
		case f.Kind == dcc.ValueSet:
			code = CodeUnknown
		case f.Kind == dcc.Identifier:
			code = IdentifierForm
		}
		w.object(code, f.Path)
	}
	if len(v.Failures) > 0 && len(w.objections) == 0 {
		w.object(SchemaViolation, string(v.Failures[0].Code))
	}
}

func appendText(b []byte, s string) []byte { return append(appendHead(b, 0x60, uint64(len(s))), s...) }

func appendUint(b []byte, n uint64) []byte { return appendHead(b, 0, n) }

// appendHead writes the head of a CBOR item in its shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return append(b, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
