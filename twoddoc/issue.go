package twoddoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// Draft is a message that is ready to be signed: the strict reader has nothing to object to. The
// caller may look at it before it is signed, and should: a signature cannot be taken back.
type Draft struct {
	doc   Document  // without fields when the writer left nothing to find, see [Vaccination.Prepare]
	bytes [256]byte // of doc, for what is signed of an L1
}

// Prepare writes header and fields, in the order given. A zero Version means 04, a zero
// Perimeter 01. A field is ended as the format says: nothing after a fixed one or a full one,
// GS after the others, the last one included; a caller asks for RS, a value that was cut,
// with End, and may ask for the GS that is allowed after a full value.
//
// Whatever the strict reader would refuse is refused here with the reader's own error, and so
// is version 01, which may not be issued any more.
func Prepare(h Header, fields ...Field) (*Draft, error) {
	if h.Version == 0 {
		h.Version = 4
	}
	if h.Perimeter == "" {
		h.Perimeter = "01"
	}
	if h.Version == 1 {
		return nil, &Error{Code: IssueVersion, Offset: 2}
	}
	if err := h.wellFormed(); err != nil {
		return nil, err
	}
	d := &Draft{}
	b, values, err := writeFields(d.bytes[:0], h, fields)
	if err != nil {
		return nil, err
	}
	return d.readBack(b, values)
}

func writeFields(b []byte, h Header, fields []Field) ([]byte, []span, error) {
	n := headerLen[h.Version]
	for _, f := range fields {
		n += len(f.ID) + len(f.Value) + 1
	}
	if n > MaxPayload {
		return nil, nil, &Error{Code: SizeLong, Offset: MaxPayload}
	}
	b = h.Append(slices.Grow(b, n))
	values := make([]span, 0, len(fields))
	for _, f := range fields {
		def, ok := Lookup(f.ID)
		if !ok {
			return nil, nil, &Error{Code: FieldUnknown, Field: f.ID, Offset: len(b)}
		}
		if f.End == None && !def.full(len(f.Value)) {
			f.End = GS
		}
		values = append(values, span{len(b) + len(f.ID), len(b) + len(f.ID) + len(f.Value)})
		b = f.Append(b)
	}
	return b, values, nil
}

// PrepareMixed writes header and fields as [Prepare] does, then blocks. The signature will be a block
// too, so that there may be no block at all. The version is 04.
//
// A type with a [Full] table of requirements, such as L1, allows no block; nothing that the dictionary says
// of fields is known of blocks. Blocks in which a reader would see more fields are refused with
// [IssueSwitch].
func PrepareMixed(h Header, fields []Field, blocks ...Block) (*Draft, error) {
	h.Version = 4
	if h.Perimeter == "" {
		h.Perimeter = "01"
	}
	if err := h.wellFormed(); err != nil {
		return nil, err
	}
	d := &Draft{}
	b, values, err := writeFields(d.bytes[:0], h, fields)
	if err != nil {
		return nil, err
	}
	at := len(b)
	if b, err = writeBlocks(b, blocks); err != nil {
		return nil, err
	}
	if err := d.doc.readMixed(unsigned(b), at, true); err != nil {
		return nil, err
	}
	if err := d.check(b, values, blocks); err != nil {
		return nil, err
	}
	return d, d.sameSwitch([]byte(unsigned(b)))
}

// PrepareBinary writes a header of 19 bytes and blocks, in the order given. The header needs Authority,
// Certificate of five hexadecimal digits, Emitted, Signed, Type "07", Perimeter of four hexadecimal
// digits and Country of three letters; its version is 04.
func PrepareBinary(h Header, blocks ...Block) (*Draft, error) {
	h.Version, h.Binary = 4, true
	if err := h.wellFormedBinary(); err != nil {
		return nil, err
	}
	b, err := writeBlocks(h.appendBinary(nil), blocks)
	if err != nil {
		return nil, err
	}
	d := &Draft{doc: Document{Form: Binary}}
	text := unsigned(b)
	if err := d.doc.readBinaryHeader(text); err != nil {
		return nil, err
	}
	d.doc.readBlocks(text, binaryHeader)
	d.doc.Switch = 0
	return d, d.check(b, nil, blocks)
}

func writeBlocks(b []byte, blocks []Block) ([]byte, error) {
	for _, f := range blocks {
		switch {
		case f.ID == signatureID:
			return nil, &Error{Code: BlockID, Field: f.name(), Offset: len(b)}
		case len(f.Value) > maxBlock:
			return nil, &Error{Code: BlockLength, Field: f.name(), Offset: len(b) + 1}
		case len(b)+4+len(f.Value) > MaxPayload:
			return nil, &Error{Code: SizeLong, Offset: MaxPayload}
		}
		f.long = false
		b = f.Append(b)
	}
	return b, nil
}

// unsigned is the payload with a signature of zeros, for the reader of drafts.
func unsigned(signed []byte) string {
	return string(signed) + "\xff\x40" + string(make([]byte, 64))
}

// sameSwitch checks that a reader of the payload finds the binary part where it was written.
func (d *Draft) sameSwitch(payload []byte) error {
	if at := findSwitch(string(payload)); at != d.doc.Switch {
		return &Error{Code: IssueSwitch, Offset: d.doc.Switch}
	}
	return nil
}

// span is where a value was written.
type span struct{ from, to int }

// readBack reads the message with the strict reader. A value that holds a separator, or is
// longer or shorter than its field, reads as other fields than those that were written: their
// places are compared, so that this shows even where the result happens to conform.
func (d *Draft) readBack(signed []byte, values []span) (*Draft, error) {
	if err := d.doc.readSigned(signed); err != nil {
		return nil, err
	}
	if err := d.check(signed, values, nil); err != nil {
		return nil, err
	}
	return d, nil
}

// readSigned reads what is signed of a document that has no signature yet.
func (d *Document) readSigned(signed []byte) error {
	d.signed, d.Switch = signed, len(signed)
	return d.readMessage(string(signed), len(signed), true)
}

// check compares what the strict reader read with what was written.
func (d *Draft) check(signed []byte, values []span, blocks []Block) error {
	if e := first(d.doc.Conforming); e != nil {
		return e
	}
	if e := first(d.doc.Authentic); e != nil {
		return e
	}
	if len(d.doc.Fields) != len(values) || len(d.doc.Blocks) != len(blocks) || len(d.doc.signed) != len(signed) {
		return &Error{Code: FieldSeparator, Offset: headerLen[d.doc.Header.Version]}
	}
	for i, v := range values {
		if f := &d.doc.Fields[i]; f.Offset+2 != v.from || v.from+len(f.Value) != v.to {
			return &Error{Code: FieldSeparator, Field: f.ID, Offset: f.Offset}
		}
	}
	d.doc.Signature = nil // that of zeros, in blocks
	return nil
}

// Document is the draft as a reader sees it, without signature. The caller must not change it.
func (d *Draft) Document() *Document {
	if d.doc.Fields != nil || d.doc.Form != Text {
		return &d.doc
	}
	var read Document
	// A message that the writer vouches for has no error (TestAnyVaccination); one without fields was read already.
	if err := read.readSigned(d.doc.signed); err != nil {
		return &d.doc
	}
	return &read
}

// Signed returns the bytes that will be signed. The caller must not change them.
func (d *Draft) Signed() []byte { return d.doc.signed }

// ID is the identity that the document will have.
func (d *Draft) ID() [sha256.Size]byte { return d.doc.ID() }

// String hides the values.
func (d Draft) String() string { return "draft of " + d.doc.String() }

// GoString hides the values.
func (d Draft) GoString() string { return d.String() }

// LogValue hides the values.
func (d Draft) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText hides the values.
func (d Draft) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Sign signs the draft and returns the payload. The signer's public key is ECDSA on P-256,
// P-384 or P-521; the signer answers ASN.1, as every [crypto.Signer] does, and r and s are
// written each padded on the left to the size of the field. rand goes to the signer.
//
// Two calls give two payloads of the same document. A page that shows the code twice MUST
// carry the same payload twice: wallets would count two documents.
func (d *Draft) Sign(signer crypto.Signer, rand io.Reader) ([]byte, error) {
	pub, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, d.doc.signatureError(SignatureKey, nil)
	}
	c, err := curveOf(pub)
	if err != nil {
		return nil, d.doc.signatureError(SignatureKey, err)
	}
	payload := make([]byte, 0, len(d.doc.signed)+2+signatureText.EncodedLen(2*c.half))
	payload = append(payload, d.doc.signed...)
	// The digest lies where the signature comes.
	der, err := signer.Sign(rand, c.appendDigest(payload, d.doc.signed)[len(payload):], c.hash)
	if err != nil {
		return nil, d.doc.signatureError(IssueSigner, err)
	}
	var raw [132]byte
	if err := rawSignature(raw[:2*c.half], der); err != nil {
		return nil, d.doc.signatureError(IssueSigner, err)
	}
	if d.doc.Form != Text {
		payload = append(payload, signatureID, byte(2*c.half))
		payload = append(payload, raw[:2*c.half]...)
		if len(payload) > MaxPayload {
			return nil, &Error{Code: SizeLong, Offset: MaxPayload}
		}
		if d.doc.Form == Mixed {
			if err := d.sameSwitch(payload); err != nil {
				return nil, err
			}
		}
		return payload, nil
	}
	payload = append(payload, us)
	return signatureText.AppendEncode(payload, raw[:2*c.half]), nil
}

var errDER = errors.New("signature is not a sequence of two positive integers of the size of the curve")

// rawSignature turns the ASN.1 signature of ECDSA, SEQUENCE { INTEGER r, INTEGER s }, into
// r || s, each half padded on the left.
func rawSignature(raw, der []byte) error {
	body, rest, ok := derElement(der, 0x30)
	if !ok || len(rest) != 0 {
		return errDER
	}
	half := len(raw) / 2
	for _, dst := range [2][]byte{raw[:half], raw[half:]} {
		var n []byte
		if n, body, ok = derElement(body, 0x02); !ok || len(n) == 0 || n[0]&0x80 != 0 {
			return errDER
		}
		for len(n) > 0 && n[0] == 0 {
			n = n[1:]
		}
		if len(n) == 0 || len(n) > half {
			return errDER
		}
		copy(dst[half-len(n):], n)
	}
	if len(body) != 0 {
		return errDER
	}
	return nil
}

// derElement splits off one element of at most 255 bytes: a P-521 signature has at most 139.
func derElement(b []byte, tag byte) (body, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	switch {
	case n == 0x81 && len(b) > 0:
		n, b = int(b[0]), b[1:]
	case n >= 0x80:
		return nil, nil, false
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// wellFormed checks what Append takes for granted.
func (h Header) wellFormed() *Error {
	switch {
	case h.Version < 1 || h.Version > 4:
		return &Error{Code: HeaderVersion, Offset: 2, Err: fmt.Errorf("version %d", h.Version)}
	case len(h.Authority) != 4:
		return &Error{Code: HeaderAuthority, Offset: 4}
	case len(h.Certificate) != 4:
		return &Error{Code: HeaderCertificate, Offset: 8}
	case len(h.Type) != 2:
		return &Error{Code: HeaderType, Offset: 20}
	case h.Binary:
		return &Error{Code: HeaderMarker}
	case !h.Emitted.hexadecimal():
		return &Error{Code: HeaderEmitted, Offset: 12}
	case !h.Signed.hexadecimal():
		return &Error{Code: HeaderSigned, Offset: 16}
	case h.Version >= 3 && len(h.Perimeter) != 2:
		return &Error{Code: HeaderPerimeter, Offset: 22}
	case h.Version == 4 && len(h.Country) != 2:
		return &Error{Code: HeaderCountry, Offset: 24}
	}
	return nil
}
