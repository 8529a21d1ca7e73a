package dcc

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/hcert/internal/latin"
	"carnet/hcert/internal/tree"
)

// Read makes a certificate of a decoded CBOR tree: map[any]any, []any, string, uint64, int64,
// float64, nil, and time.Time for a date under tag 0. Any other value is of the wrong type. It
// gives nil and one finding when the tree is not a map. The value sets are the built-in ones.
func Read(decoded any) (*Certificate, []Finding) {
	t := tree.Get()
	defer t.Release()
	return ReadTree(new(Space), t.FromAny(decoded, tree.Limits{Nesting: readNesting}), nil)
}

// readNesting is deeper than anything that is read.
const readNesting = 8

// Space has room for a certificate and one vaccination, which is all that nearly every one has.
type Space struct {
	certificate Certificate
	event       [1]Vaccination
}

// ReadTree is Read for package hcert, which has decoded the claims already, into a space and with
// the value sets of its caller.
func ReadTree(space *Space, v tree.Value, sets *ValueSets) (*Certificate, []Finding) {
	r := reader{rules: &latest, sets: sets}
	if v.Kind() != tree.Map {
		r.add(Schema, WrongType, "")
		return nil, r.findings
	}
	c, room := &space.certificate, space.event[:0]
	top := object{r: &r, v: v}
	c.Version = top.text("ver", required)
	if rules := rulesOf(c.Version); rules != nil {
		r.rules = rules
	} else if c.Version != "" && !isVersion(c.Version) {
		r.add(Schema, Pattern, "ver")
	}

	if nam, ok := top.object("nam"); ok {
		c.Name = r.name(&nam)
	}
	birth, isText := top.read("dob", required)
	if isText && !r.rules.birth(birth) {
		r.add(Schema, Pattern, "dob")
	}
	c.Birth = birth
	list := top.list("v")
	for i, e := 1, list.First(); e.Kind() != tree.Absent; i, e = i+1, list.Next(e) {
		if o, ok := r.event("v", i, e); ok {
			room = append(room, r.vaccination(&o))
			c.Vaccinations = room
		}
	}
	list = top.list("t")
	for i, e := 1, list.First(); e.Kind() != tree.Absent; i, e = i+1, list.Next(e) {
		if o, ok := r.event("t", i, e); ok {
			c.Tests = append(c.Tests, r.test(&o))
		}
	}
	list = top.list("r")
	for i, e := 1, list.First(); e.Kind() != tree.Absent; i, e = i+1, list.Next(e) {
		if o, ok := r.event("r", i, e); ok {
			c.Recoveries = append(c.Recoveries, r.recovery(&o))
		}
	}
	if c.Type() == "" {
		r.add(Groups, OneEvent, "")
	}
	return c, r.findings
}

// rules is what differs between schema versions.
type rules struct {
	length    int // of names, issuers, centres, identifiers
	testName  int // of nm; 0 for no limit
	maxDose   int // 0 for no limit
	birth     func(string) bool
	centre    bool // tc is required
	eitherFnt bool // gnt may stand for fnt
	several   bool // a group may have several events; Groups is a finding all the same
}

// The patterns of the schemas are written out: as regular expressions they would cost more than
// everything else that is read here.

// isVersion is ^\d+\.\d+\.\d+$.
func isVersion(s string) bool {
	major, rest, _ := strings.Cut(s, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	return isDigits(major) && isDigits(minor) && isDigits(patch)
}

// isCountry is ^[A-Z]{1,10}$.
func isCountry(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 10
}

// isMachine is ^[A-Z<]*$.
func isMachine(s string) bool {
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && s[i] != '<' {
			return false
		}
	}
	return true
}

// isDigits is ^\d+$.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isFullBirth is (19|20)\d{2}-\d{2}-\d{2}, anywhere in the text: the first versions forgot the anchors.
func isFullBirth(s string) bool {
	for i := 0; i+10 <= len(s); i++ {
		if isPartialBirth(s[i : i+10]) {
			return true
		}
	}
	return false
}

// isPartialBirth is ^(19|20)\d\d(-\d\d){0,2}$.
func isPartialBirth(s string) bool {
	if len(s) != 4 && len(s) != 7 && len(s) != 10 || s[:2] != "19" && s[:2] != "20" || !isDigits(s[2:4]) {
		return false
	}
	for s = s[4:]; s != ""; s = s[3:] {
		if s[0] != '-' || !isDigits(s[1:3]) {
			return false
		}
	}
	return true
}

// isDate reports a day that exists, as YYYY-MM-DD.
func isDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' || !isDigits(s[:4]) || !isDigits(s[5:7]) || !isDigits(s[8:]) {
		return false
	}
	month, day := s[5:7], s[8:]
	switch {
	case month < "01" || month > "12" || day < "01" || day > "31":
		return false
	case day <= "28":
		return true
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// isAnyBirth is isPartialBirth or nothing.
func isAnyBirth(s string) bool { return s == "" || isPartialBirth(s) }

// Rules of the versions that exist. A version that does not is read by the latest ones.
var (
	first  = rules{length: 50, maxDose: 9, birth: isFullBirth, centre: true, several: true}
	second = rules{length: 50, maxDose: 9, birth: isPartialBirth, centre: true, several: true}
	latest = rules{length: 80, testName: 80, birth: isAnyBirth}
	either = rules{length: 80, testName: 80, birth: isAnyBirth, eitherFnt: true}
)

// rulesOf gives the rules of a version, or nil when there is no such version.
func rulesOf(version string) *rules {
	switch version {
	case "1.0.0", "1.0.1":
		return &first
	case "1.1.0", "1.2.0", "1.2.1":
		return &second
	case "1.3.0", "1.3.1":
		return &latest
	case "1.3.2", "1.3.3":
		return &either
	}
	return nil
}

type reader struct {
	rules    *rules
	sets     *ValueSets
	findings []Finding
}

func (r *reader) add(k Kind, rule Rule, path string) {
	r.findings = append(r.findings, Finding{k, rule, path})
}

func (r *reader) name(o *object) Name {
	n := Name{
		Family:         o.short("fn", optional, r.rules.length),
		Given:          o.short("gn", optional, r.rules.length),
		FamilyStandard: o.short("fnt", optional, r.rules.length),
		GivenStandard:  o.short("gnt", optional, r.rules.length),
	}
	if n.FamilyStandard == "" && !o.has("fnt") && !(r.rules.eitherFnt && o.has("gnt")) {
		r.add(Schema, Missing, o.at("fnt"))
	}
	if !isMachine(n.FamilyStandard) {
		r.add(Schema, Pattern, o.at("fnt"))
	}
	if !isMachine(n.GivenStandard) {
		r.add(Schema, Pattern, o.at("gnt"))
	}
	return n
}

// Members are read in the order in which they are written.

func (r *reader) vaccination(o *object) Vaccination {
	return Vaccination{
		ID:      o.identifier(),
		Country: o.country(),
		Dose:    o.dose("dn"),
		Date:    o.date("dt"),
		Issuer:  o.short("is", required, r.rules.length),
		Holder:  o.code("ma", required, Holder),
		Product: o.code("mp", required, Product),
		Doses:   o.dose("sd"),
		Disease: o.code("tg", required, Disease),
		Vaccine: o.code("vp", required, VaccineType),
	}
}

func (r *reader) test(o *object) Test {
	t := Test{
		Disease: o.code("tg", required, Disease),
		Kind:    o.code("tt", required, TestKind),
		Name:    o.short("nm", optional, r.rules.testName),
		Device:  o.device(),
		Sampled: o.text("sc", required),
		Result:  o.code("tr", required, TestResult),
		Centre:  o.short("tc", need(r.rules.centre), r.rules.length),
		Country: o.country(),
		Issuer:  o.short("is", required, r.rules.length),
		ID:      o.identifier(),
	}
	if _, err := time.Parse(time.RFC3339, t.Sampled); err != nil && t.Sampled != "" {
		r.add(Form, NoDate, o.at("sc"))
	}
	return t
}

func (r *reader) recovery(o *object) Recovery {
	return Recovery{
		Disease:  o.code("tg", required, Disease),
		Positive: o.date("fr"),
		Country:  o.country(),
		Issuer:   o.short("is", required, r.rules.length),
		From:     o.date("df"),
		Until:    o.date("du"),
		ID:       o.identifier(),
	}
}

type need bool

const (
	required need = true
	optional need = false
)

// object is a map of the tree with the place where it stands: a member of the certificate, or an
// event of a group. The path is only put together for a finding.
type object struct {
	r      *reader
	v      tree.Value
	last   int32  // place of the member that was found last: it is quickest to ask in the order of the map
	member string // "nam", "v"; "" for the certificate itself
	event  int    // from 1; 0 when it is no event
}

func (o *object) at(key string) string {
	switch {
	case o.member == "":
		return key
	case o.event == 0:
		return o.member + "." + key
	}
	return eventPath(o.member, o.event) + "." + key
}

func eventPath(group string, event int) string {
	return group + "[" + strconv.Itoa(event-1) + "]"
}

func (o *object) has(key string) bool {
	k := o.v.Get(key).Kind()
	return k != tree.Absent && k != tree.Nothing
}

// get gives a member; absent, null and undefined are the same to the reader.
func (o *object) get(key string, n need) tree.Value {
	v := o.v.GetAfter(o.last, key)
	switch v.Kind() {
	default:
		o.last = v.Place()
		return v
	case tree.Nothing:
		o.r.add(Form, Null, o.at(key))
	case tree.Absent:
	}
	if n == required {
		o.r.add(Schema, Missing, o.at(key))
	}
	return tree.Value{}
}

// plain gives a text as it was signed, and whether it was a plain one.
func (o *object) plain(v tree.Value, key string) (s string, isText bool) {
	switch v.Kind() {
	case tree.Absent:
	case tree.Text:
		return v.Text(), true
	case tree.Time:
		o.r.add(Form, Tagged, o.at(key))
		return v.Text(), false
	default:
		o.r.add(Schema, WrongType, o.at(key))
	}
	return "", false
}

// text gives a text trimmed and in NFC.
func (o *object) text(key string, n need) string {
	s, _ := o.read(key, n)
	return s
}

// read is text, and whether it was a plain one.
func (o *object) read(key string, n need) (s string, isText bool) {
	if v := o.v.GetAfter(o.last, key); v.Kind() == tree.Text { // as nearly always
		o.last = v.Place()
		s, isText = v.Text(), true
		if v.ASCII() && (s == "" || s[0] > ' ' && s[len(s)-1] > ' ') {
			return s, true
		}
	} else {
		s, isText = o.plain(o.get(key, n), key)
	}
	if t := strings.TrimSpace(s); t != s {
		o.r.add(Form, Untrimmed, o.at(key))
		s = t
	}
	if !latin.IsNFC(s) {
		o.r.add(Form, NotNFC, o.at(key))
		s = latin.NFC(s)
	}
	return s, isText
}

// short gives a text of limited length, in characters.
func (o *object) short(key string, n need, limit int) string {
	s := o.text(key, n)
	o.limit(key, s, limit)
	return s
}

func (o *object) limit(key, s string, limit int) {
	if limit > 0 && len(s) > limit && utf8.RuneCountInString(s) > limit {
		o.r.add(Schema, TooLong, o.at(key))
	}
}

// code gives a text of a value set.
func (o *object) code(key string, n need, set Set) string {
	s, isText := o.read(key, n)
	if isText {
		o.check(key, s, set)
	}
	return s
}

func (o *object) check(key, code string, set Set) {
	switch e := o.r.sets.lookup(set, code); {
	case e == nil:
		o.r.add(ValueSet, Unknown, o.at(key))
	case e.Deprecated:
		o.r.add(ValueSet, Deprecated, o.at(key))
	}
}

// device gives the number of a rapid test. Without the list of devices only its form is known.
func (o *object) device() string {
	s := o.text("ma", optional)
	switch {
	case s == "":
	case o.r.sets.Has(Device):
		o.check("ma", s, Device)
	case !isDigits(s):
		o.r.add(ValueSet, Unknown, o.at("ma"))
	}
	return s
}

func (o *object) country() string {
	s, isText := o.read("co", required)
	if isText {
		o.check("co", s, Country)
	}
	if isText && !isCountry(s) {
		o.r.add(Schema, Pattern, o.at("co"))
	}
	return s
}

// identifier gives the UVCI untouched: revocation hashes are over the text as signed.
func (o *object) identifier() string {
	s, _ := o.plain(o.get("ci", required), "ci")
	if s == "" {
		return s
	}
	o.limit("ci", s, o.r.rules.length)
	switch CheckUVCI(s) {
	case CheckWrong:
		o.r.add(Identifier, CheckDigit, o.at("ci"))
	case CheckIllegal:
		o.r.add(Identifier, Pattern, o.at("ci"))
	}
	return s
}

// date gives a civil date. The schemas state the form as an annotation only.
func (o *object) date(key string) string {
	s := o.text(key, required)
	if !isDate(s) && o.has(key) {
		o.r.add(Form, NoDate, o.at(key))
	}
	return s
}

// dose gives a dose number, or 0 when there is none that an int can hold.
func (o *object) dose(key string) int {
	v := o.get(key, required)
	n := v.Uint()
	switch v.Kind() {
	case tree.Absent:
		return 0
	case tree.Uint:
	case tree.Negative:
		o.r.add(Schema, OutOfRange, o.at(key))
		return 0
	case tree.Float:
		f := v.Float()
		if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
			o.r.add(Schema, WrongType, o.at(key))
			return 0
		}
		o.r.add(Form, NotInteger, o.at(key))
		n = uint64(f)
	default:
		o.r.add(Schema, WrongType, o.at(key))
		return 0
	}
	if n > math.MaxInt32 {
		o.r.add(Schema, OutOfRange, o.at(key))
		return 0
	}
	if n < 1 || o.r.rules.maxDose > 0 && n > uint64(o.r.rules.maxDose) {
		o.r.add(Schema, OutOfRange, o.at(key))
	}
	return int(n)
}

// object gives a required map.
func (o *object) object(key string) (object, bool) {
	v := o.get(key, required)
	ok := v.Kind() == tree.Map
	if !ok && v.Kind() != tree.Absent {
		o.r.add(Schema, WrongType, o.at(key))
	}
	return object{r: o.r, v: v, member: key}, ok
}

// list gives the array of the events of a group. A null or empty group counts as absent.
func (o *object) list(key string) tree.Value {
	v := o.get(key, optional)
	switch v.Kind() {
	case tree.Absent:
		return tree.Value{}
	case tree.Array:
	default:
		o.r.add(Schema, WrongType, o.at(key))
		return tree.Value{}
	}
	if v.Len() == 0 || v.Len() > 1 && !o.r.rules.several {
		o.r.add(Schema, OneEvent, o.at(key))
	}
	return v
}

// event gives the i-th event of a group, from 1.
func (r *reader) event(group string, i int, v tree.Value) (object, bool) {
	if v.Kind() != tree.Map {
		r.add(Schema, WrongType, eventPath(group, i))
		return object{}, false
	}
	return object{r: r, v: v, member: group, event: i}, true
}
