package twoddoc

import "fmt"

// Error is one thing that is wrong with a code. It never holds a value of the code.
type Error struct {
	Code   Code
	Field  string // identifier that it speaks of, if any
	Offset int    // in bytes from the start of what was read
	Err    error  // cause, if any
}

func (e *Error) Error() string {
	s := fmt.Sprintf("twoddoc: %s at byte %d", e.Code, e.Offset)
	if e.Field != "" {
		s += " (field " + e.Field + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports that target is an Error with the same code (and the same field, if it names one),
// so that errors.Is(err, &Error{Code: FieldUnknown}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Field == "" || t.Field == e.Field)
}

// Code is the stable name of a kind of error: a key for messages and tests.
type Code string

// Reading: size and header. An input with one of the first four is not a 2D-Doc at all, in
// tolerant mode too.
const (
	SizeLong          Code = "size.long"
	SizeShort         Code = "size.short"
	HeaderMarker      Code = "header.marker"
	HeaderVersion     Code = "header.version"
	HeaderAuthority   Code = "header.authority"
	HeaderCertificate Code = "header.certificate"
	HeaderEmitted     Code = "header.emitted"
	HeaderSigned      Code = "header.signed"
	HeaderType        Code = "header.type"
	HeaderPerimeter   Code = "header.perimeter"
	HeaderCountry     Code = "header.country"
	TypeUnknown       Code = "type.unknown"    // well formed, not in the dictionary
	EmittedMissing    Code = "emitted.missing" // the type requires an emission date
	EmittedPresent    Code = "emitted.present" // the type requires FFFF
)

// Reading: fields.
const (
	FieldUnknown     Code = "field.unknown"     // identifier not in the dictionary
	FieldShort       Code = "field.short"       // shorter than the minimum
	FieldSize        Code = "field.size"        // the size of another edition (tolerant mode)
	FieldSeparator   Code = "field.separator"   // separator after a field of fixed size
	FieldTruncated   Code = "field.truncated"   // cut though the field may not be
	FieldCharacter   Code = "field.character"   // character outside the set of the field
	FieldFormat      Code = "field.format"      // such as a thirteenth month
	FieldVocabulary  Code = "field.vocabulary"  // not in the closed list of values
	FieldTwice       Code = "field.twice"       // identifier present already
	FieldForbidden   Code = "field.forbidden"   // not listed for the type
	FieldMissing     Code = "field.missing"     // the type requires it
	FieldAlternative Code = "field.alternative" // none of the choices is complete; Field is the first
	AnnexVersion     Code = "annex.version"     // only version 04 has an annex
	AnnexEmpty       Code = "annex.empty"
)

// Reading: blocks, in binary and mixed form. Field is the identifier in hexadecimal.
const (
	BlockCut    Code = "block.cut"    // longer than what is left
	BlockLength Code = "block.length" // its length is written on more bytes than it needs
	BlockID     Code = "block.id"     // FF is the signature, and there is one

	// SwitchMissing: there are bytes in a code of version 04, but at the end of no field begins a chain
	// of blocks with a signature of 64, 96 or 132 bytes that ends with the payload.
	SwitchMissing Code = "switch.missing"
)

// Several symbols. The errors of [Join] have the number of the symbol, from 0, in Field.
const (
	MultiPart    Code = "multi.part"    // one symbol of several: Join them first
	MultiPrefix  Code = "multi.prefix"  // no symbol of several
	MultiGroup   Code = "multi.group"   // of another document: other identifier, or other count
	MultiTwice   Code = "multi.twice"   // two different symbols for one position
	MultiMissing Code = "multi.missing" // Field is the position that is not there, from 0
	MultiCount   Code = "multi.count"   // 2 to 16
)

// Signature.
const (
	SignatureMissing     Code = "signature.missing"
	SignatureBase32      Code = "signature.base32" // character or length that Base32 does not have
	SignatureSpare       Code = "signature.spare"  // the bits that carry nothing are not zero
	SignatureLength      Code = "signature.length" // not the length of the curve
	SignatureKey         Code = "signature.key"    // neither P-256 nor P-384 nor P-521
	SignatureInvalid     Code = "signature.invalid"
	SignatureCertificate Code = "signature.certificate" // certificate TEST never signs
)

// Issuing.
const (
	IssueVersion Code = "issue.version" // version 01 may not be issued
	IssueSigner  Code = "issue.signer"  // the signer failed or answered nonsense
	IssueRank    Code = "issue.rank"    // L7 and L8 are one digit, 1 to 9
	IssueValue   Code = "issue.value"   // empty, too short, or not a date
	IssueSwitch  Code = "issue.switch"  // a reader would find the binary part elsewhere
)

// Links and wallets.
const (
	LinkLong        Code = "link.long"
	LinkForm        Code = "link.form" // neither a known link nor a raw payload
	LinkEscape      Code = "link.escape"
	WalletHeader    Code = "wallet.header" // version 04, type L1 or B2
	WalletOrder     Code = "wallet.order"  // the identifiers, in order, and nothing else
	WalletEnd       Code = "wallet.end"    // a variable field must end with GS or RS
	WalletEmpty     Code = "wallet.empty"
	WalletSignature Code = "wallet.signature" // the tail is not a signature alone
)
