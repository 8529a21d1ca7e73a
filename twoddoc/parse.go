package twoddoc

import "strings"

// Parse reads a payload and accepts nothing that the format or the dictionary forbids: the
// error is then the *Error that comes first in the payload. It does not check the signature:
// call [Document.Verify].
func Parse(payload []byte) (*Document, error) {
	d, err := parse(payload, true)
	if err != nil {
		return nil, err
	}
	e, a := first(d.Conforming), first(d.Authentic)
	if e == nil || a != nil && a.Offset < e.Offset {
		e = a
	}
	if e != nil {
		return nil, e
	}
	return d, nil
}

// ParseTolerant reads whatever can be read: what Parse refuses is listed in the document, and
// where editions of the dictionary disagree on a size the reading that makes sense is taken. It
// fails only on what is no 2D-Doc at all (SizeLong, SizeShort, HeaderMarker, HeaderVersion).
func ParseTolerant(payload []byte) (*Document, error) { return parse(payload, false) }

// first is the finding with the least offset.
func first(list []*Error) *Error {
	var first *Error
	for _, e := range list {
		if first == nil || e.Offset < first.Offset {
			first = e
		}
	}
	return first
}

func parse(payload []byte, strict bool) (*Document, error) {
	if len(payload) > MaxPayload {
		return nil, &Error{Code: SizeLong, Offset: MaxPayload}
	}
	text := string(payload)
	d := &Document{Switch: len(text)}
	switch {
	case len(text) >= 4 && text[:4] == "DC01":
		if err := d.readVersion1(text, strict); err != nil {
			return nil, err
		}
		return d, nil
	case len(text) >= 4 && text[:4] == "DC04":
		if at := findSwitch(text); at >= 0 {
			return d, d.readMixed(text, at, strict)
		}
	case len(text) > 0 && text[0] == binaryMarker:
		d.Form = Binary
		if err := d.readBinaryHeader(text); err != nil {
			return nil, err
		}
		d.readBlocks(text, binaryHeader)
		d.Switch = 0
		return d, nil
	case isPart(text):
		return nil, &Error{Code: MultiPart}
	}
	end, high := len(text), -1
	for i := range len(text) {
		if c := text[i]; c == us {
			end = i
			break
		} else if c >= 0x80 && high < 0 {
			high = i
		}
	}
	missing, at := SignatureMissing, len(text)
	if high >= 0 && strings.HasPrefix(text, "DC04") && !hasSignature(text[end:]) {
		// Blocks that are damaged: what looks like US stands in one.
		missing, at, end = SwitchMissing, high, len(text)
	}
	both := make([]byte, end, end+max(0, len(text)-end-1)*5/8) // what is signed, with room for the signature
	copy(both, text)
	d.signed = both[:end:end]
	if err := d.readMessage(text, end, strict); err != nil {
		return nil, err
	}
	if end == len(text) {
		d.Authentic = append(d.Authentic, &Error{Code: missing, Offset: at})
		return d, nil
	}
	d.readTail(both[end:], text, end+1, strict)
	return d, nil
}

// readMixed reads fields up to the switch and blocks after it. The caller knows that the chain of
// blocks is whole and holds a signature.
func (d *Document) readMixed(text string, at int, strict bool) error {
	d.Form = Mixed
	if err := d.readMessage(text, at, strict); err != nil {
		return err
	}
	d.readBlocks(text, at)
	if typ := dictionary().findType(d.Header.Type); typ != nil && typ.Table == Full && d.Header.Perimeter == "01" {
		for _, f := range d.Blocks {
			d.finding(FieldForbidden, f.name(), f.Offset)
		}
	}
	return nil
}

// hasSignature reports that a signature of text follows US.
func hasSignature(tail string) bool {
	if tail == "" {
		return false
	}
	tail, _, _ = strings.Cut(tail[1:], string(rune(GS)))
	sig, err := readSignature(nil, tail)
	return err == nil && isSignatureSize(len(sig))
}

// readVersion1 finds the raw signature that ends a payload of version 01. Nothing marks where it
// begins, and its length depends on the key; so the first of the three lengths that leaves a
// conforming message is taken, and 64 bytes when none does.
func (d *Document) readVersion1(text string, strict bool) error {
	for _, n := range [3]int{64, 96, 132} {
		if len(text) < headerLen[1]+n {
			break
		}
		try := &Document{signed: []byte(text[:len(text)-n]), Switch: len(text) - n}
		if err := try.readMessage(text, len(text)-n, strict); err != nil {
			return err
		}
		try.Signature = []byte(text[len(text)-n:])
		if n == 64 || len(try.Conforming) == 0 {
			*d = *try
		}
		if len(try.Conforming) == 0 {
			break
		}
	}
	if d.signed == nil { // no room for a signature
		d.signed = []byte(text)
		if err := d.readMessage(text, len(text), strict); err != nil {
			return err
		}
		d.Authentic = append(d.Authentic, &Error{Code: SignatureMissing, Offset: len(text)})
	}
	return nil
}

// readTail reads the signature, which ends with the text or at GS, into the room, and the annex.
func (d *Document) readTail(room []byte, text string, at int, strict bool) {
	end := len(text)
	for i := at; i < len(text); i++ {
		if text[i] == byte(GS) {
			end = i
			break
		}
	}
	sig, err := readSignature(room, text[at:end])
	switch {
	case err != nil:
		err.Offset += at
		d.Authentic = append(d.Authentic, err)
	case len(sig) == 0:
		d.Authentic = append(d.Authentic, &Error{Code: SignatureMissing, Offset: at})
	default:
		d.Signature = sig
	}
	if end == len(text) {
		return
	}
	if d.Header.Version != 4 {
		d.finding(AnnexVersion, "", end)
	} else if end+1 == len(text) {
		d.finding(AnnexEmpty, "", end)
	}
	r := reader{doc: d, dict: dictionary(), text: text, at: end + 1, end: len(text), strict: strict}
	d.Annex, d.AnnexRest = r.fields(nil)
}

func (d *Document) finding(code Code, field string, at int) {
	d.Conforming = append(d.Conforming, &Error{Code: code, Field: field, Offset: at})
}

// readMessage reads header and fields, text[:end], and checks them. The caller keeps text[:end]
// as what was signed.
func (d *Document) readMessage(text string, end int, strict bool) error {
	if err := d.readHeader(text[:end]); err != nil {
		return err
	}
	dict := dictionary()
	typ := dict.findType(d.Header.Type)
	if d.Header.Perimeter != "01" {
		typ = nil
	}
	r := reader{doc: d, dict: dict, typ: typ, text: text, at: headerLen[d.Header.Version], end: end, strict: strict}
	d.Fields, d.Rest = r.fields(d.Fields)
	if typ == nil {
		d.finding(TypeUnknown, "", 20)
		return nil
	}
	d.checkType(typ, dict, &r.seen, end)
	return nil
}

func (d *Document) readHeader(s string) error {
	if len(s) < 4 {
		return &Error{Code: SizeShort, Offset: len(s)}
	}
	if s[:2] != "DC" {
		return &Error{Code: HeaderMarker}
	}
	if s[2] != '0' || s[3] < '1' || s[3] > '4' {
		return &Error{Code: HeaderVersion, Offset: 2}
	}
	h := &d.Header
	h.Version = int(s[3] - '0')
	if len(s) < headerLen[h.Version] {
		return &Error{Code: SizeShort, Offset: len(s)}
	}
	h.Authority, h.Certificate, h.Type, h.Perimeter = s[4:8], s[8:12], s[20:22], "01"
	if !isLetter(s[4]) || !isLetter(s[5]) || base36(s[6]) < 0 || base36(s[7]) < 0 {
		d.finding(HeaderAuthority, "", 4)
	}
	if !isID(h.Certificate) {
		d.finding(HeaderCertificate, "", 8)
	}
	if h.Certificate == "TEST" {
		d.Authentic = append(d.Authentic, &Error{Code: SignatureCertificate, Offset: 8})
	}
	var ok bool
	if h.Emitted, ok = readDay(s[12:16]); !ok {
		d.finding(HeaderEmitted, "", 12)
	}
	if h.Signed, ok = readDay(s[16:20]); !ok {
		d.finding(HeaderSigned, "", 16)
	}
	if !isID(h.Type) {
		d.finding(HeaderType, "", 20)
	}
	if h.Version >= 3 {
		h.Perimeter = s[22:24]
		if !isID(h.Perimeter) {
			d.finding(HeaderPerimeter, "", 22)
		}
	}
	if h.Version >= 4 {
		h.Country = s[24:26]
		if !isLetter(s[24]) || !isLetter(s[25]) {
			d.finding(HeaderCountry, "", 24)
		}
	}
	return nil
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' }

func isID(s string) bool {
	for i := range len(s) {
		if base36(s[i]) < 0 {
			return false
		}
	}
	return true
}

// readDay reads four upper-case hexadecimal digits; what is none of that reads as Undated.
func readDay(s string) (Day, bool) {
	var d Day
	for i := range len(s) {
		n := nibble(s[i])
		if n > 15 || s[i] >= 'a' {
			return Undated, false
		}
		d = d<<4 | Day(n)
	}
	return d, true
}

// reader walks over the fields of the message or of the annex.
type reader struct {
	doc     *Document
	dict    *tables
	typ     *Type // nil when unknown, and in the annex
	text    string
	at, end int
	strict  bool
	seen    idSet
}

// fields reads up to the end, or up to the first identifier that it does not know: that one
// hides its length, so the rest is returned raw.
func (r *reader) fields(list []Field) ([]Field, string) {
	if list == nil {
		list = make([]Field, 0, min(12, (r.end-r.at)/2)) // most have the eleven of an L1 or less
	}
	for r.at < r.end {
		def := r.identifier(r.at)
		if def == nil {
			r.doc.finding(FieldUnknown, "", r.at)
			return list, r.text[r.at:r.end]
		}
		list = append(list, Field{})
		f := &list[len(list)-1] // filled in where it lies
		r.field(def, f)
		if r.seen.has(def.index) {
			r.doc.finding(FieldTwice, f.ID, f.Offset)
		}
		r.seen.add(def.index)
		r.check(def, f)
	}
	return list, ""
}

func (r *reader) identifier(at int) *Definition {
	if at+2 > r.end {
		return nil
	}
	return r.dict.find(r.text[at : at+2])
}

// begins reports that a field of the document's type can begin here.
func (r *reader) begins(at int) bool {
	def := r.identifier(at)
	return def != nil && (r.typ == nil || r.typ.Table == Open || r.typ.allowed.has(def.index))
}

func (r *reader) field(def *Definition, f *Field) {
	f.ID, f.Offset = def.ID, r.at
	v := r.at + 2
	limit := r.end
	if def.Max > 0 {
		limit = min(limit, v+def.Max)
	}
	end := r.control(v, limit)
	full := def.Max > 0 && end == v+def.Max
	if def.eori && end-v >= 17 && isEORI(r.text[v:v+17]) {
		end = v + 17
	} else if full && def.other > 0 && !r.strict {
		end = r.otherEdition(def, v, end)
	}
	f.Value = r.text[v:end]
	r.at = end
	if end < r.end {
		if s := Separator(r.text[end]); s == GS || s == RS {
			f.End = s
			r.at++
		}
	}
}

// control is the place of the first GS or RS of text[from:to], or to.
func (r *reader) control(from, to int) int {
	if from >= to {
		return from
	}
	for i, c := range []byte(r.text[from:to]) { // not a copy
		if c == byte(GS) || c == byte(RS) {
			return from + i
		}
	}
	return to
}

// otherEdition decides whether a full value goes on up to the larger size of another edition:
// only when no field begins where this edition ends the value, and the other edition makes sense.
func (r *reader) otherEdition(def *Definition, v, end int) int {
	if end == r.end || r.text[end] == byte(GS) || r.text[end] == byte(RS) || r.begins(end) {
		return end
	}
	limit := min(r.end, v+def.other)
	longer := r.control(v, limit)
	if longer == v+def.other && longer < r.end && r.control(longer, longer+1) != longer && !r.begins(longer) {
		return end
	}
	if def.Fixed() && longer != v+def.other {
		return end
	}
	r.doc.finding(FieldSize, def.ID, v-2)
	return longer
}

// isEORI recognises the identifiers that reference codes write without separator: two letters
// and fifteen digits.
func isEORI(s string) bool {
	return isLetter(s[0]) && isLetter(s[1]) && only(s[2:], isDigit)
}

// check judges one value.
func (r *reader) check(def *Definition, f *Field) {
	d, n := r.doc, len(f.Value)
	switch {
	case f.End != None && def.Fixed():
		code := FieldSeparator
		if f.End == RS {
			code = FieldTruncated
		}
		d.finding(code, f.ID, f.Offset+2+n)
	case f.End == RS && def.ID == "0C": // a cut URL leads nowhere
		d.finding(FieldTruncated, f.ID, f.Offset+2+n)
	}
	if n < def.Min && f.End != RS || def.Fixed() && n < def.Min {
		d.finding(FieldShort, f.ID, f.Offset+2+n)
		return
	}
	if i := def.set.outside(f.Value); i < n {
		d.finding(FieldCharacter, f.ID, f.Offset+2+i)
		return
	}
	if f.End == RS || def.Fixed() && n != def.Max {
		return
	}
	if def.check != nil && !def.check(f.Value) {
		d.finding(FieldFormat, f.ID, f.Offset+2)
	}
	if def.Closed && def.Meaning(f.Value) == "" {
		d.finding(FieldVocabulary, f.ID, f.Offset+2)
	}
}

// checkType applies the requirements of the document type.
func (d *Document) checkType(typ *Type, dict *tables, seen *idSet, end int) {
	switch {
	case typ.Dated && d.Header.Emitted == Undated:
		d.finding(EmittedMissing, "", 12)
	case !typ.Dated && d.Header.Emitted != Undated:
		d.finding(EmittedPresent, "", 12)
	}
	if typ.Table == Full && seen.missing(&typ.allowed) >= 0 {
		for _, f := range d.Fields {
			if !typ.allowed.has(dict.find(f.ID).index) {
				d.finding(FieldForbidden, f.ID, f.Offset)
			}
		}
	}
	if typ.Table == Open || d.Rest != "" { // what is missing may be in the rest
		return
	}
	d.require(&typ.all, dict, seen, end)
	for _, c := range typ.when {
		if v := d.Value(c.id); len(v) == 1 && containsByte(c.values, v[0]) {
			d.require(&c.all, dict, seen, end)
		}
	}
	for _, choices := range typ.one {
		met := false
		for i := range choices {
			met = met || choices[i].missing(seen) < 0
		}
		if !met {
			first := choices[0].missing(seen)
			d.finding(FieldAlternative, dict.byRow[first].ID, end)
		}
	}
}

func containsByte(s string, c byte) bool {
	for i := range len(s) {
		if s[i] == c {
			return true
		}
	}
	return false
}

// require lists every identifier of want that was not seen.
func (d *Document) require(want *idSet, dict *tables, seen *idSet, end int) {
	left := *want
	for {
		i := left.missing(seen)
		if i < 0 {
			return
		}
		d.finding(FieldMissing, dict.byRow[i].ID, end)
		left[i/64] &^= 1 << (i % 64)
	}
}
