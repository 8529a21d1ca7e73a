package twoddoc

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
)

// Form is how a code is written.
type Form uint8

const (
	// Text is the C40 form of versions 01 to 04: header, message, US, signature in Base32 (version
	// 01: the bare signature).
	Text Form = iota
	// Mixed is a header and fields as in Text, then blocks as in Binary, the signature among them.
	Mixed
	// Binary is a header of 19 bytes, then blocks.
	Binary
)

func (f Form) String() string {
	switch f {
	case Text:
		return "text"
	case Mixed:
		return "mixed"
	case Binary:
		return "binary"
	}
	return fmt.Sprintf("form %d", uint8(f))
}

const (
	binaryMarker = 0xDC
	binaryHeader = 19     // bytes
	signatureID  = 0xFF   // of the block that holds the signature
	longLength   = 0xFF   // announces a length of two bytes
	maxBlock     = 0xFFFF // bytes of a value
	undatedBytes = 0xFFFFFF
	alone        = 0xFE // in C40: one more character, as ASCII plus one
)

// Block is one field of the binary form: one byte of identifier, a length, a value. What an identifier
// means and how its value is coded depends on the type, and no definition is public: text is C40
// ([Block.Text]), integers are unsigned ([Block.Uint]), dates are three bytes ([Block.Day]).
//
// The value may tell who a person is: printing a Block shows its size only.
type Block struct {
	ID     byte // FF is the signature, never a field
	Value  []byte
	Offset int // of the identifier, in bytes from the start of the payload

	long bool // its length is written on three bytes though one is enough
}

// Append writes the block exactly as it was read.
func (f Block) Append(b []byte) []byte {
	b = append(b, f.ID)
	if n := len(f.Value); n >= longLength || f.long {
		b = append(b, longLength, byte(n>>8), byte(n))
	} else {
		b = append(b, byte(n))
	}
	return append(b, f.Value...)
}

// Text is the value read as C40, or false when it is no such text.
func (f Block) Text() (string, bool) { return decodeC40(f.Value) }

// Uint is the value read as an unsigned integer, or false when it is empty or above 64 bits.
func (f Block) Uint() (uint64, bool) {
	if len(f.Value) == 0 || len(f.Value) > 8 {
		return 0, false
	}
	var b [8]byte
	copy(b[8-len(f.Value):], f.Value)
	return binary.BigEndian.Uint64(b[:]), true
}

// Day is the value read as a date, or false when it is none.
func (f Block) Day() (Day, bool) {
	if len(f.Value) != 3 {
		return Undated, false
	}
	return decodeDate(string(f.Value))
}

// String hides the value: "1F(6)".
func (f Block) String() string { return fmt.Sprintf("%02X(%d)", f.ID, len(f.Value)) }

// GoString hides the value.
func (f Block) GoString() string { return f.String() }

// LogValue hides the value.
func (f Block) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalText hides the value.
func (f Block) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// AppendText appends the C40 coding of a text for a block. It has no latch: three values make two
// bytes; two values left over are filled up with Shift 1; a character left over is written alone,
// behind FE. Characters above 7F have no coding and give FieldCharacter, with the offset in s.
func AppendText(b []byte, s string) ([]byte, error) {
	var v [4]byte
	total := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			return nil, &Error{Code: FieldCharacter, Offset: i}
		}
		total += c40Values(v[:], s[i])
	}
	tail := ""
	if total%3 == 1 { // one value is left: the last character, which has one or two, goes alone
		s, tail = s[:len(s)-1], s[len(s)-1:]
	}
	n := 0
	for i := range len(s) {
		if n += c40Values(v[n:], s[i]); n >= 3 {
			b = appendTriplet(b, v[0], v[1], v[2])
			v[0], n = v[3], n-3
		}
	}
	if n == 2 {
		b = appendTriplet(b, v[0], v[1], 0)
	}
	if tail != "" {
		b = append(b, alone, tail[0]+1)
	}
	return b, nil
}

// AppendUint appends the shortest unsigned coding of n for a block: one byte at least.
func AppendUint(b []byte, n uint64) []byte {
	started := false
	for shift := 56; shift >= 0; shift -= 8 {
		c := byte(n >> shift)
		if started = started || c != 0 || shift == 0; started {
			b = append(b, c)
		}
	}
	return b
}

// AppendDay appends the coding of a date: the decimal number MMJJAAAA on three bytes, FFFFFF for
// Undated. Years before 0 and after 9999 have none.
func AppendDay(b []byte, d Day) []byte {
	n := uint32(undatedBytes)
	if d != Undated {
		t := d.Time()
		n = uint32(int(t.Month())*1000000 + t.Day()*10000 + t.Year())
	}
	return append(b, byte(n>>16), byte(n>>8), byte(n))
}

func decodeDate(s string) (Day, bool) {
	n := int(s[0])<<16 | int(s[1])<<8 | int(s[2])
	if n == undatedBytes {
		return Undated, true
	}
	month, day, year := n/1000000, n/10000%100, n%10000
	if month < 1 || month > 12 || day < 1 || year < 1 || day > daysIn(month, year) {
		return Undated, false
	}
	d := dayOf(year, month, day)
	return d, d < Undated
}

// c40Values writes the one or two values of a character of ASCII.
func c40Values(v []byte, c byte) int {
	switch {
	case c == ' ':
		v[0] = 3
	case isDigit(c):
		v[0] = c - '0' + 4
	case isLetter(c):
		v[0] = c - 'A' + 14
	default:
		switch {
		case c < 0x20:
			v[0], v[1] = 0, c
		case c <= '/':
			v[0], v[1] = 1, c-'!'
		case c <= '@':
			v[0], v[1] = 1, c-':'+15
		case c <= '_':
			v[0], v[1] = 1, c-'['+22
		default:
			v[0], v[1] = 2, c-0x60
		}
		return 2
	}
	return 1
}

func appendTriplet(b []byte, x, y, z byte) []byte {
	n := 1600*int(x) + 40*int(y) + int(z) + 1
	return append(b, byte(n>>8), byte(n))
}

// decodeC40 reads what AppendText writes, and nothing else: two codings must not stand for one text.
func decodeC40(value []byte) (string, bool) {
	out := make([]byte, 0, len(value)/2*3)
	shift := -1
	for b := value; len(b) > 0; {
		if len(b) < 2 {
			return "", false
		}
		if b[0] == alone {
			if len(b) != 2 || b[1] == 0 || b[1] > 0x80 {
				return "", false
			}
			out = append(out, b[1]-1)
			break
		}
		n := int(b[0])<<8 | int(b[1]) - 1
		b = b[2:]
		if n < 0 || n >= 40*40*40 {
			return "", false
		}
		for _, v := range [3]int{n / 1600, n / 40 % 40, n % 40} {
			if shift < 0 && v < 3 {
				shift = v
				continue
			}
			c := c40Character(shift, v)
			if c < 0 {
				return "", false
			}
			out, shift = append(out, byte(c)), -1
		}
	}
	if again, err := AppendText(nil, string(out)); err != nil || string(again) != string(value) {
		return "", false
	}
	return string(out), true
}

// c40Character is the character of a value after a shift (below 0: none), or below 0.
func c40Character(shift, v int) int {
	switch {
	case shift < 0 && v == 3:
		return ' '
	case shift < 0 && v < 14:
		return v - 4 + '0'
	case shift < 0:
		return v - 14 + 'A'
	case shift == 0 && v < 32:
		return v
	case shift == 1 && v < 15:
		return v + '!'
	case shift == 1 && v < 22:
		return v - 15 + ':'
	case shift == 1 && v < 27:
		return v - 22 + '['
	case shift == 2 && v < 32:
		return v + 0x60
	}
	return -1
}

// readBinaryHeader reads the header of the binary form. What is not readable stays empty.
func (d *Document) readBinaryHeader(s string) error {
	if len(s) < 2 {
		return &Error{Code: SizeShort, Offset: len(s)}
	}
	if s[1] != 4 {
		return &Error{Code: HeaderVersion, Offset: 1}
	}
	if len(s) < binaryHeader {
		return &Error{Code: SizeShort, Offset: len(s)}
	}
	const hex = "0123456789ABCDEF"
	h := &d.Header
	h.Version, h.Binary = 4, true
	country, ok := decodeC40([]byte(s[2:4]))
	if !ok || len(country) != 3 || !only(country, isLetter) {
		d.finding(HeaderCountry, "", 2)
	} else {
		h.Country = country
	}
	name, ok := decodeC40([]byte(s[4:10]))
	switch {
	case !ok || len(name) != 9 || !isLetter(name[0]) || !isLetter(name[1]) || !isID(name[2:4]):
		d.finding(HeaderAuthority, "", 4)
	case !only(name[4:], isHex):
		d.finding(HeaderCertificate, "", 6) // the two share the bytes 6 and 7
	default:
		h.Authority, h.Certificate = name[:4], name[4:]
	}
	if h.Emitted, ok = decodeDate(s[10:13]); !ok {
		d.finding(HeaderEmitted, "", 10)
	}
	if h.Signed, ok = decodeDate(s[13:16]); !ok {
		d.finding(HeaderSigned, "", 13)
	}
	h.Type = string([]byte{hex[s[16]>>4], hex[s[16]&15]})
	h.Perimeter = string([]byte{hex[s[17]>>4], hex[s[17]&15], hex[s[18]>>4], hex[s[18]&15]})
	if h.Type != binaryIdentity {
		d.finding(TypeUnknown, "", 16)
	}
	return nil
}

// binaryIdentity, identity document, is the only type of the binary form; its fields are not public.
const binaryIdentity = "07"

func isHex(c byte) bool { return isDigit(c) || c >= 'A' && c <= 'F' }

// appendBinary writes a header that is wellFormed.
func (h Header) appendBinary(b []byte) []byte {
	b = append(b, binaryMarker, 4)
	for _, s := range [2]string{h.Country, h.Authority + h.Certificate} {
		var v [4]byte
		for len(s) >= 3 {
			for i := range 3 {
				c40Values(v[i:], s[i])
			}
			b, s = appendTriplet(b, v[0], v[1], v[2]), s[3:]
		}
	}
	b = AppendDay(AppendDay(b, h.Emitted), h.Signed)
	for _, s := range [2]string{h.Type, h.Perimeter} {
		for ; len(s) >= 2; s = s[2:] {
			b = append(b, nibble(s[0])<<4|nibble(s[1]))
		}
	}
	return b
}

// wellFormedBinary checks what appendBinary takes for granted.
func (h Header) wellFormedBinary() *Error {
	for _, c := range []struct {
		ok   bool
		code Code
		at   int
	}{
		{h.Version == 4, HeaderVersion, 1},
		{len(h.Country) == 3 && only(h.Country, isLetter), HeaderCountry, 2},
		{len(h.Authority) == 4 && isLetter(h.Authority[0]) && isLetter(h.Authority[1]) && isID(h.Authority[2:]), HeaderAuthority, 4},
		{len(h.Certificate) == 5 && only(h.Certificate, isHex), HeaderCertificate, 6},
		{h.Emitted.decimal(), HeaderEmitted, 10},
		{h.Signed.decimal(), HeaderSigned, 13},
		{len(h.Type) == 2 && only(h.Type, isHex), HeaderType, 16},
		{len(h.Perimeter) == 4 && only(h.Perimeter, isHex), HeaderPerimeter, 17},
	} {
		if !c.ok {
			return &Error{Code: c.code, Offset: c.at}
		}
	}
	return nil
}

// decimal reports that the binary form can write the day.
func (d Day) decimal() bool {
	y := d.Time().Year()
	return d == Undated || d < Undated && y >= 1 && y <= 9999
}

// readBlocks reads what follows the switch: message, signature, annex. What is signed ends where the
// signature block begins.
func (d *Document) readBlocks(text string, at int) {
	d.Switch = at
	var seen [4]uint64
	d.Blocks, at = d.blocks(text, at, &seen)
	d.signed = []byte(text[:at])
	if at == len(text) || text[at] != signatureID {
		d.Rest = text[at:]
		d.signed = []byte(text)
		d.Authentic = append(d.Authentic, &Error{Code: SignatureMissing, Offset: len(text)})
		return
	}
	end := at + 2
	if end <= len(text) {
		end += int(text[at+1])
	}
	switch {
	case end > len(text):
		d.Authentic = append(d.Authentic, &Error{Code: BlockCut, Offset: at})
		return
	case end == at+2:
		d.Authentic = append(d.Authentic, &Error{Code: SignatureMissing, Offset: end})
	default:
		d.Signature = []byte(text[at+2 : end])
	}
	seen = [4]uint64{}
	d.AnnexBlocks, at = d.blocks(text, end, &seen)
	if at < len(text) {
		if text[at] == signatureID {
			d.finding(BlockID, "FF", at)
		}
		d.AnnexRest = text[at:]
	}
}

// blocks reads up to the end, to the signature, or to a block that is cut.
func (d *Document) blocks(text string, at int, seen *[4]uint64) ([]Block, int) {
	var list []Block
	for at < len(text) && text[at] != signatureID {
		from, end, ok := blockValue(text, at)
		f := Block{ID: text[at], Offset: at}
		if !ok {
			d.finding(BlockCut, f.name(), at)
			break
		}
		f.Value = []byte(text[from:end])
		if f.long = from == at+4 && len(f.Value) < longLength; f.long {
			d.finding(BlockLength, f.name(), at+1)
		}
		if seen[f.ID>>6]>>(f.ID&63)&1 != 0 {
			d.finding(FieldTwice, f.name(), at)
		}
		seen[f.ID>>6] |= 1 << (f.ID & 63)
		list, at = append(list, f), end
	}
	return list, at
}

// name is the identifier as findings have it.
func (f Block) name() string { return fmt.Sprintf("%02X", f.ID) }

// blockValue is where the value of the block at text[at] stands; false when it does not fit.
func blockValue(text string, at int) (from, end int, ok bool) {
	if at+2 > len(text) {
		return 0, 0, false
	}
	from, end = at+2, int(text[at+1])
	if end == longLength {
		if at+4 > len(text) {
			return 0, 0, false
		}
		from, end = at+4, int(text[at+2])<<8|int(text[at+3])
	}
	end += from
	return from, end, end <= len(text)
}

// findSwitch is where the binary part of a payload in mixed form begins, or -1 when the payload is
// in text form.
//
// Readers of DataMatrix give the characters and the bytes one after the other, without the codeword
// that switches. The switch is after a complete field; what follows it is a chain of blocks that holds
// one signature, of the length of a curve, and ends with the payload. Where more than one place is
// like that, the last one is taken: blocks may look like fields by chance only where an issuer of
// blocks did not look, and ours does.
func findSwitch(text string) int {
	chain := chains(text)
	if chain == nil {
		return -1
	}
	scratch := &Document{}
	r := reader{doc: scratch, dict: dictionary(), text: text, at: headerLen[4], end: len(text), strict: true}
	found := -1
	for {
		if chain[r.at] == withSignature {
			found = r.at
		}
		def := r.identifier(r.at)
		if def == nil {
			return found
		}
		f := Field{}
		r.field(def, &f)
		if !only(f.Value, isText) || f.End == None && !def.full(len(f.Value)) && !def.eori || r.at >= r.end {
			return found
		}
	}
}

func isText(c byte) bool { return c < 0x80 && c != us }

// What a chain of blocks that ends with the payload holds.
const (
	noChain = iota
	withoutSignature
	withSignature
)

// chains tells for every place what chain of blocks begins there; nil when no place of the message
// can begin one with a signature.
func chains(text string) []byte {
	if strings.IndexByte(text, signatureID) < 0 || len(text) < headerLen[4] {
		return nil
	}
	chain := make([]byte, len(text)+1)
	chain[len(text)] = withoutSignature
	any := false
	for at := len(text) - 1; at >= headerLen[4]; at-- {
		if text[at] == signatureID {
			if at+2 <= len(text) && isSignatureSize(int(text[at+1])) && at+2+int(text[at+1]) <= len(text) &&
				chain[at+2+int(text[at+1])] == withoutSignature {
				chain[at], any = withSignature, true
			}
		} else if _, end, ok := blockValue(text, at); ok {
			chain[at] = chain[end]
		}
	}
	if !any {
		return nil
	}
	return chain
}

func isSignatureSize(n int) bool { return n == 64 || n == 96 || n == 132 }
