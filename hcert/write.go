package hcert

import (
	"strings"
	"time"

	"carnet/hcert/dcc"
	"carnet/hcert/internal/latin"
)

// writer checks one order and writes it as CBOR.
type writer struct {
	order      *Order
	key        *Key
	algorithm  Algorithm
	issuer     string // of a vaccination, as it is written
	objections *Objections
}

// names are the names as they are written: cleaned, and transliterated.
type names struct {
	family, given                 string
	familyStandard, givenStandard []byte
}

func (w *writer) object(c ObjectionCode, path string) {
	*w.objections = append(*w.objections, Objection{c, path})
}

// check looks for what the strict reader cannot see: it knows neither the key, nor how fields hang
// together. The names come back, transliterated in the space.
func (w *writer) check(space []byte) (n names) {
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
		return n
	}
	if _, ok := o.Sets.Lookup(dcc.Country, o.Issuer); !ok {
		w.object(IssuerCountry, "Issuer")
	}
	if from, to := o.IssuedAt.Unix(), o.Expires.Unix(); from < 0 || to <= from || to > maxInstant {
		w.object(TimeOrder, "Expires")
	}
	w.checkKey(kind)
	n = w.names(space)
	switch kind {
	case dcc.VaccinationType:
		w.checkVaccination(o.Vaccination)
	case dcc.TestType:
		w.checkTest(o.Test)
	case dcc.RecoveryType:
		w.checkRecovery(o.Recovery)
	}
	return n
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
	from, to := time.Unix(w.order.IssuedAt.Unix(), 0), w.order.Expires
	if !k.NotBefore.IsZero() && from.Before(k.NotBefore) || !k.NotAfter.IsZero() && to.After(k.NotAfter) {
		w.object(KeyValidity, "")
	}
	if !k.Usage.Allows(kind) {
		w.object(KeyUsage, "")
	}
}

// names derives the transliterated names, in the space as far as it goes.
func (w *writer) names(space []byte) names {
	p, half := &w.order.Person, len(space)/2
	n := names{
		family: clean(p.Family), familyStandard: w.standard(space[:0:half], p.Family, p.LatinFamily, "nam.fnt"),
		given: clean(p.Given), givenStandard: w.standard(space[half:half], p.Given, p.LatinGiven, "nam.gnt"),
	}
	if len(n.familyStandard) == 0 && len(n.givenStandard) == 0 && len(*w.objections) == 0 {
		w.object(NameMissing, "nam")
	}
	return n
}

func (w *writer) standard(space []byte, name, latin, path string) []byte {
	if latin != "" {
		name = latin
	}
	s, err := w.order.Names.Append(space, name)
	if err != nil {
		w.object(NameLetters, path)
	}
	return s
}

// clean trims a text and brings it to form NFC.
func clean(s string) string { return latin.NFC(strings.TrimSpace(s)) }

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
	if len(id) <= n || id[:len(prefix)] != prefix && !strings.EqualFold(id[:len(prefix)], prefix) || id[len(prefix):n-1] != country || id[n-1] != ':' ||
		strings.IndexByte(id[n:], '#') < 1 {
		w.object(IdentifierForm, path)
	}
}

// Versions of the schema: before 1.3.2 the family name is required.
const (
	version       = "1.3.0"
	versionNoName = "1.3.2"
)

// structure is the Sig_structure (RFC 9052, section 4.4) and where its parts are.
type structure struct {
	bytes          []byte
	header, claims int // where they begin
	headerEnd      int
}

// write writes the structure to be signed. Keys are in the order of their encoding (RFC 8949,
// section 4.2) and stand here with their heads.
func (w *writer) write(b []byte, names *names) structure {
	b = append(b, "\x84\x6aSignature1"...)
	header := len(b) + 1
	switch w.algorithm {
	case ES256:
		b = append(b, 0x4d, 0xa2, 0x01, 0x26)
	default:
		b = append(b, 0x4e, 0xa2, 0x01, 0x38, 0x24)
	}
	b = append(append(b, 0x04, 0x40|kidLength), w.key.KID...)
	headerEnd := len(b)
	b = append(b, 0x40, 0x59, 0, 0) // no external data; the length of the claims comes later
	claims := len(b)
	o := w.order
	b = appendText(append(b, 0xa4, claimIssuer), o.Issuer)
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
	b = w.member(b, "\x63dob", strings.TrimSpace(o.Person.Birth))
	b = append(b, "\x63nam"...)
	b = append(b, 0xa0|count(len(names.family), len(names.familyStandard), len(names.given), len(names.givenStandard)))
	b = w.optional(b, "\x62fn", names.family)
	b = w.optional(b, "\x62gn", names.given)
	b = appendName(b, "\x63fnt", names.familyStandard)
	b = appendName(b, "\x63gnt", names.givenStandard)
	ver := version
	if len(names.familyStandard) == 0 {
		ver = versionNoName
	}
	b = w.member(b, "\x63ver", ver)

	n := len(b) - claims
	if n < 1<<8 { // the length in its shortest form
		copy(b[claims-1:], b[claims:])
		claims--
		b = b[:claims+n]
		b[claims-2], b[claims-1] = 0x58, byte(n)
	} else {
		b[claims-2], b[claims-1] = byte(n>>8), byte(n)
	}
	return structure{b, header, claims, headerEnd}
}

// count tells how many lengths are not zero.
func count(lengths ...int) byte {
	n := byte(0)
	for _, l := range lengths {
		if l > 0 {
			n++
		}
	}
	return n
}

func (w *writer) vaccination(b []byte, v *dcc.Vaccination) []byte {
	b = append(b, 0x61, 'v', 0x81, 0xaa)
	b = w.member(b, "\x62ci", v.ID)
	b = w.member(b, "\x62co", v.Country)
	b = appendUint(append(b, "\x62dn"...), uint64(max(v.Dose, 0)))
	b = w.member(b, "\x62dt", v.Date)
	w.issuer = clean(v.Issuer)
	b = w.member(b, "\x62is", w.issuer)
	b = w.member(b, "\x62ma", v.Holder)
	b = w.member(b, "\x62mp", v.Product)
	b = appendUint(append(b, "\x62sd"...), uint64(max(v.Doses, 0)))
	b = w.member(b, "\x62tg", v.Disease)
	return w.member(b, "\x62vp", v.Vaccine)
}

func (w *writer) test(b []byte, t *dcc.Test) []byte {
	name, centre := clean(t.Name), clean(t.Centre)
	b = append(b, 0x61, 't', 0x81, 0xa7+count(len(t.Device), len(name), len(centre)))
	b = w.member(b, "\x62ci", t.ID)
	b = w.member(b, "\x62co", t.Country)
	b = w.member(b, "\x62is", clean(t.Issuer))
	b = w.optional(b, "\x62ma", t.Device)
	b = w.optional(b, "\x62nm", name)
	b = w.member(b, "\x62sc", t.Sampled)
	b = w.optional(b, "\x62tc", centre)
	b = w.member(b, "\x62tg", t.Disease)
	b = w.member(b, "\x62tr", t.Result)
	return w.member(b, "\x62tt", t.Kind)
}

func (w *writer) recovery(b []byte, r *dcc.Recovery) []byte {
	b = append(b, 0x61, 'r', 0x81, 0xa7)
	b = w.member(b, "\x62ci", r.ID)
	b = w.member(b, "\x62co", r.Country)
	b = w.member(b, "\x62df", r.From)
	b = w.member(b, "\x62du", r.Until)
	b = w.member(b, "\x62fr", r.Positive)
	b = w.member(b, "\x62is", clean(r.Issuer))
	return w.member(b, "\x62tg", r.Disease)
}

// member writes a key, which has its head, and its text.
func (w *writer) member(b []byte, key, value string) []byte {
	if !latin.IsPrintable(value) {
		w.object(TextControl, key[1:])
	}
	return appendText(append(b, key...), value)
}

func (w *writer) optional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return w.member(b, key, value)
}

// appendName writes a transliterated name, which has no letters but A to Z.
func appendName(b []byte, key string, name []byte) []byte {
	if len(name) == 0 {
		return b
	}
	return append(appendHead(append(b, key...), 0x60, uint64(len(name))), name...)
}

// sound reports that the strict reader has nothing to say of what was written: names and the issuer's
// name are clean by now.
func (w *writer) sound(n *names) bool {
	const limit = dcc.SoundLength
	v := w.order.Vaccination
	return v != nil && len(n.familyStandard) > 0 && len(n.familyStandard) <= limit && len(n.givenStandard) <= limit && len(n.family) <= limit &&
		len(n.given) <= limit && len(w.issuer) <= limit && w.issuer != "" && dcc.SoundBirth(w.order.Person.Birth) && v.Sound(w.order.Sets)
}

// lint reads the claims back and objects to what a verifier finds.
func (w *writer) lint(claims string) {
	var c read
	v := readBack(&c, claims, w.order.Sets)
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
	if len(v.Failures) > 0 && len(*w.objections) == 0 {
		w.object(SchemaViolation, string(v.Failures[0].Code))
	}
}

// readBack reads claims as a strict verifier does, into c.
func readBack(c *read, claims string, sets *dcc.ValueSets) *verifier {
	v := &verifier{profile: Strict, sets: sets}
	v.Certificate = &c.Certificate
	v.content(claims, &c.dcc)
	return v
}

func appendText(b []byte, s string) []byte {
	if len(s) < 24 { // as most texts are
		return append(append(b, 0x60|byte(len(s))), s...)
	}
	return append(appendHead(b, 0x60, uint64(len(s))), s...)
}

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
