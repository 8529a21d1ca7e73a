package twoddoc

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"
)

// MaxPayload bounds what is read: 16 symbols of 144 modules, the largest multi-code, hold
// [MaxSymbol] characters each. A longer input is refused before anything else is done.
const MaxPayload = maxSymbols * MaxSymbol

// MaxSymbol is what one symbol holds at most: 2,335 characters, or fewer bytes.
const MaxSymbol = 2335

// Separator is the control character that ends a field. The zero value is no separator.
type Separator byte

const (
	None Separator = 0    // the field ended by its size, or with the message
	GS   Separator = 0x1D // the value is whole
	RS   Separator = 0x1E // the value was cut
	us             = 0x1F // between message and signature
)

// Day is a date of the header and of fields in format "days": days since 2000-01-01. The binary form
// also writes days before that, which are negative.
type Day int32

// Undated is the emission date of a document that has none.
const Undated Day = 0xFFFF

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// DayOf is the day of t as the calendar of t's own location shows it. Days before 2000-01-01
// and after 2179-06-04 have no coding and give Undated.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	if y < 2000 || y > 2179 {
		return Undated
	}
	return min(dayOf(y, int(m), d), Undated)
}

func dayOf(year, month, day int) Day {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return Day((t.Unix() - epoch.Unix()) / (24 * 3600)) // both are midnight: the quotient is exact
}

// hexadecimal reports that the C40 form can write the day.
func (d Day) hexadecimal() bool { return d >= 0 && d <= Undated }

// Time is midnight UTC of the day; the zero time for Undated.
func (d Day) Time() time.Time {
	if d == Undated {
		return time.Time{}
	}
	return epoch.AddDate(0, 0, int(d))
}

// String is AAAA-MM-JJ, or "undated".
func (d Day) String() string {
	if d == Undated {
		return "undated"
	}
	return d.Time().Format(time.DateOnly)
}

// Header is the first zone of a code (specification, header of the C40 form).
type Header struct {
	Version     int    // 1 to 4
	Authority   string // certification authority, "FR03"
	Certificate string // certificate of the participant, "AV01"; in binary five hexadecimal digits
	Emitted     Day    // of the document; Undated where the type has none
	Signed      Day    // may precede Emitted: never a reason to reject
	Type        string // document type, "L1"; in binary the byte in hexadecimal, "07"
	Perimeter   string // "01"; versions 01 and 02 do not write it and imply it; in binary two bytes, "0001"
	Country     string // issuing country, version 04, two letters; in binary three, "FRA"
	Binary      bool   // written on 19 bytes; else on 22, 24 or 26 characters
}

// Test reports a test authority, XX00 of any country. What it signs is a test document, never
// an authentic one: the secret key of FR00/0001 is printed in the official text.
func (h Header) Test() bool { return len(h.Authority) == 4 && h.Authority[2:] == "00" }

// Within reports that the signature date lies inside the validity of the certificate, by whole
// days. An undated signature does not.
func (h Header) Within(cert *x509.Certificate) bool {
	if h.Signed == Undated {
		return false
	}
	from, to := h.Signed.Time(), h.Signed.Time().AddDate(0, 0, 1)
	return to.After(cert.NotBefore) && !from.After(cert.NotAfter)
}

// Append writes the header as a code carries it: 22, 24 or 26 characters by version, or 19 bytes.
func (h Header) Append(b []byte) []byte {
	if h.Binary {
		return h.appendBinary(b)
	}
	b = append(b, 'D', 'C', '0', '0'+byte(h.Version))
	b = append(b, h.Authority...)
	b = append(b, h.Certificate...)
	b = appendHex(b, h.Emitted)
	b = appendHex(b, h.Signed)
	b = append(b, h.Type...)
	if h.Version >= 3 {
		b = append(b, h.Perimeter...)
	}
	if h.Version >= 4 {
		b = append(b, h.Country...)
	}
	return b
}

func appendHex(b []byte, d Day) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, digits[d>>12], digits[d>>8&15], digits[d>>4&15], digits[d&15])
}

// headerLen is the length of the header by version.
var headerLen = [5]int{1: 22, 2: 22, 3: 24, 4: 26}

// Field is an identifier and its value. The value is in clear and may tell who a person is:
// printing a Field shows its size only.
type Field struct {
	ID     string
	Value  string
	End    Separator // what followed the value
	Offset int       // of the identifier, in bytes from the start of the payload
}

// Truncated reports that the issuer cut the value.
func (f Field) Truncated() bool { return f.End == RS }

// Append writes the field exactly as it is: identifier, value and separator.
func (f Field) Append(b []byte) []byte {
	b = append(b, f.ID...)
	b = append(b, f.Value...)
	if f.End != None {
		b = append(b, byte(f.End))
	}
	return b
}

// String hides the value: "L0(6)".
func (f Field) String() string { return f.ID + "(" + strconv.Itoa(len(f.Value)) + ")" }

// GoString hides the value.
func (f Field) GoString() string { return f.String() }

// LogValue hides the value.
func (f Field) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalText hides the value, so that no encoder writes it by accident.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Document is one decoded code.
//
// It keeps two questions apart. Authentic lists what is wrong with the signature as far as it
// shows without a key ([Document.Verify] answers the rest); Conforming lists where header,
// structure and values break the rules of the format and of the dictionary. Official codes
// exist that are authentic and not conforming.
//
// Printing a Document shows no value of it.
type Document struct {
	Header    Header
	Form      Form
	Fields    []Field // of the signed message, in order; none in binary
	Blocks    []Block // of the signed message, after the fields; none in text
	Rest      string  // what follows the first unknown identifier or cut block: its length is unknown
	Annex     []Field // not signed: show it apart, never use it
	AnnexRest string  // like Rest, in the annex
	Signature []byte  // r and s, each of half the length; nil when it cannot be read

	AnnexBlocks []Block // the annex after blocks: not signed either
	// Switch is where a symbol passes from C40 to bytes: 0 in binary, behind the fields in mixed form,
	// at the signature of version 01; the length of the payload where all is C40.
	Switch int

	Authentic  []*Error
	Conforming []*Error

	signed []byte // header and message
}

// Signed returns the bytes that the signature covers: header and message as they were written.
// The caller must not change them.
func (d *Document) Signed() []byte { return d.signed }

// ID is the identity of the document, SHA-256 of header and message. It is the key for
// revocation and for finding duplicates.
func (d *Document) ID() [sha256.Size]byte { return sha256.Sum256(d.signed) }

// Field returns the first field of the signed message with the identifier.
func (d *Document) Field(id string) (Field, bool) {
	for _, f := range d.Fields {
		if f.ID == id {
			return f, true
		}
	}
	return Field{}, false
}

// Value is the value of the field, or "" when it is not there.
func (d *Document) Value(id string) string {
	f, _ := d.Field(id)
	return f.Value
}

// String names the document without telling what it says.
//
// It and the methods below take a value, so that a Document that is not behind a pointer hides too.
func (d Document) String() string {
	h := d.Header
	return fmt.Sprintf("2D-Doc %02d %s %s/%s", h.Version, h.Type, h.Authority, h.Certificate)
}

// GoString hides the values.
func (d Document) GoString() string { return d.String() }

// LogValue hides the values.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText hides the values.
func (d Document) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Choose returns the certificates that may have signed a code with this header: the common name is the
// one that the header names, the key is on a curve of the format, and the validity covers the
// signature date. A participant renews its certificate under the same name, so that there may be several
// at a date: newest first, and the signature tells which. That an authority of the trust list issued
// them is for the caller to know.
func (h Header) Choose(certs []*x509.Certificate) []*x509.Certificate {
	var found []*x509.Certificate
	for _, c := range certs {
		key, ok := c.PublicKey.(*ecdsa.PublicKey)
		if !ok || c.Subject.CommonName != h.Certificate || !h.Within(c) {
			continue
		}
		if _, err := curveOf(key); err == nil {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	return found
}
