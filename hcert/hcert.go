// Package hcert verifies and issues electronic health certificates in the HC1 format: the text in the QR code
// of the EU Digital COVID Certificate and of its successors (ehn-dcc-development/eu-dcc-hcert-spec
// 1.0.8; RFC 9285, 1950, 8949, 9052, 8392; Carnet specification dcc.md, sections 1 and 2).
//
// # The format
//
//	"HC1:" + base45( zlib( COSE_Sign1( CWT claims { issuer, issued at, expires, payload } ) ) )
//
// # Verifying
//
// [Verify] is a pure function of four things: the text, the keys one trusts, the instant, and a
// [Profile]. It keeps no state, reads no clock, and panics on no input. Its [Result] holds what
// could be decoded, even when the certificate is refused, and one stable [Code] for each stage that
// failed:
//
//	prefix    the text does not begin with HC1:
//	base45    see package carnet/hcert/base45
//	zlib      header, checksum, bytes after the stream, more than 64 KB
//	cbor      malformed, bytes after the item, duplicate keys, too deep or too wide
//	cose      not a COSE_Sign1; algorithm; critical headers; detached payload
//	kid       no key identifier; not 8 bytes; no trusted key has it
//	sig       length; value
//	cert      the signing certificate at the instant, and the types of payload that it may sign
//	cwt       claims missing or of a wrong type; issued in the future; expired
//	hcert     no EU certificate among the claims
//	payload   schema, groups, value sets; see package carnet/hcert/dcc
//
// Keys come from anything that implements [Trust]; package carnet/hcert/trust reads certificates and
// the lists that authorities publish.
//
// # Profiles
//
// [Tolerant] is for certificates from anywhere: issuers differ, and the written rules say how far.
// [Strict] is for one's own output and for tests; it turns every finding about the payload into a
// refusal. What serves only to write one certificate in several ways or to hide bytes in it
// (base45 aliases, bytes after the compressed stream, duplicate keys) is refused in both.
//
// # What the instant decides
//
// A certificate is accepted when certificate.NotBefore <= issued at <= instant <= expires <=
// certificate.NotAfter, without allowance for wrong clocks. This is the technical validity. Whether
// a vaccination is recent enough is a question for rules, and not asked here.
//
// # Issuing
//
// An [Order] says whom and what to certify: a vaccination, a test or a recovery. It goes through
// three hands:
//
//	draft, err := order.Prepare(key)       // checked and written; every objection at once
//	signed, err := draft.Sign(signer, rand.Reader)
//	text, err := signed.Release()          // decoded and verified in the strict profile
//
// Prepare refuses what a good issuer does not write: codes that are deprecated or unknown, a holder
// or type of vaccine that is not that of the product, dose numbers outside the rules, dates in the
// future, identifiers without their check character. The transliterated names are derived (package
// carnet/hcert/icao), identifiers come from [dcc.Scheme], dose numbers from [dcc.History]. The bytes
// are read back by the strict verifier before they are signed, and the text once more before it is
// released. The key may be in another process or device: a [crypto.Signer] is all that is asked.
// Package carnet/hcert/qr draws the code.
//
// # Cost
//
// Decoding costs about a twentieth of the ECDSA verification; the benchmarks report the share in one
// run. A Result holds copies: one piece of bytes, one string, the content; three allocations, some
// 1.2 KB. A signed draft holds as many. Buffers in between are kept in pools and cleared.
//
// # Not done
//
// Business rules, other payloads than the EU certificate, and other algorithms than ES256 and PS256.
// Revocation lists are read by package carnet/hcert/revocation.
package hcert

import (
	"crypto"
	"fmt"
	"log/slog"
	"time"

	"carnet/hcert/dcc"
)

// Profile says how far the content may depart from the rules.
type Profile uint8

const (
	Tolerant Profile = iota // certificates of any issuer
	Strict                  // one's own certificates
)

// Code is the reason of a failed stage. Codes are stable.
type Code string

const (
	Prefix           Code = "prefix"
	Base45Character  Code = "base45.char"
	Base45Length     Code = "base45.length" // one character too many, or more than MaxText
	Base45Overflow   Code = "base45.overflow"
	ZlibHeader       Code = "zlib.header"   // not zlib, or with a preset dictionary
	ZlibChecksum     Code = "zlib.checksum" // damaged or cut short
	ZlibTrailing     Code = "zlib.trailing"
	ZlibTooLarge     Code = "zlib.toolarge"
	CBORMalformed    Code = "cbor.malformed" // also an indefinite length, in the strict profile
	CBORTrailing     Code = "cbor.trailing"
	CBORDuplicate    Code = "cbor.duplicate"
	CBORDepth        Code = "cbor.depth" // nested too deep, or too many members
	COSEStructure    Code = "cose.structure"
	COSEAlgorithm    Code = "cose.alg" // unknown, absent, or not that of the key
	COSECritical     Code = "cose.crit"
	COSEDetached     Code = "cose.detached"
	KIDMissing       Code = "kid.missing"
	KIDLength        Code = "kid.length"
	KIDUnknown       Code = "kid.unknown"
	SignatureLength  Code = "sig.length"
	SignatureInvalid Code = "sig.invalid"
	CertNotYet       Code = "cert.notyet"  // certificate not valid yet, or not when it signed
	CertExpired      Code = "cert.expired" // certificate not valid any more
	CertUsage        Code = "cert.usage"   // certificate may not sign this type of payload
	CWTClaims        Code = "cwt.claims"
	CWTFuture        Code = "cwt.future"
	CWTExpired       Code = "cwt.expired"
	CWTOutlives      Code = "cwt.outlives-cert"
	HCERTMissing     Code = "hcert.missing"
	PayloadSchema    Code = "payload.schema"
	PayloadGroups    Code = "payload.groups"
	PayloadValueSet  Code = "payload.valueset"
)

// Limits on what is read.
const (
	MaxText     = 4300     // characters; a QR code holds 4296
	MaxInflated = 64 << 10 // bytes
	MaxNesting  = 16
	MaxMembers  = 1000 // of one map or array
)

// Failure is one failed stage.
type Failure struct {
	Code   Code
	Detail string // for a log, in English; never what the certificate says about a person
}

func (f Failure) Error() string {
	if f.Detail == "" {
		return "hcert: " + string(f.Code)
	}
	return "hcert: " + string(f.Code) + ": " + f.Detail
}

// Result is the verdict.
type Result struct {
	Certificate *Certificate  // what could be decoded, also of a refused text; nil when nothing could
	Key         *Key          // the key that verifies the signature; nil when none does
	Failures    []Failure     // in the order of the stages; none means accepted
	Findings    []dcc.Finding // about the payload, in both profiles
}

// Valid reports that every stage passed.
func (r Result) Valid() bool { return r.Certificate != nil && len(r.Failures) == 0 }

// Has reports that a stage failed with that code.
func (r Result) Has(c Code) bool {
	for _, f := range r.Failures {
		if f.Code == c {
			return true
		}
	}
	return false
}

// Codes gives the codes of the failures, in the order of the stages.
func (r Result) Codes() []Code {
	codes := make([]Code, len(r.Failures))
	for i, f := range r.Failures {
		codes[i] = f.Code
	}
	return codes
}

// Err gives the first failure, or nil.
func (r Result) Err() error {
	if len(r.Failures) == 0 {
		return nil
	}
	return r.Failures[0]
}

func (r Result) String() string {
	return fmt.Sprintf("hcert.Result(valid %t, %v)", r.Valid(), r.Codes())
}
func (r Result) GoString() string     { return r.String() }
func (r Result) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Certificate is a decoded text. Nothing in it is proven unless the Result is valid.
// Printed or logged it shows no personal data.
type Certificate struct {
	Algorithm Algorithm
	KID       []byte           // key identifier, from the protected header if it is there
	Issuer    string           // country of the issuer; "" when not stated
	IssuedAt  time.Time        // zero when not stated
	Expires   time.Time        // zero when not stated
	DCC       *dcc.Certificate // nil when the claims hold none
	Protected []byte           // protected header as signed
	Claims    []byte           // claims as signed, CBOR
	Signature []byte
}

func (c Certificate) String() string {
	return fmt.Sprintf("hcert.Certificate(%s, kid %x, issuer %q, █)", c.Algorithm, c.KID, c.Issuer)
}
func (c Certificate) GoString() string     { return c.String() }
func (c Certificate) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Algorithm is a COSE algorithm identifier.
type Algorithm int64

const (
	ES256 Algorithm = -7  // ECDSA, P-256, SHA-256
	PS256 Algorithm = -37 // RSASSA-PSS, SHA-256, salt of 32 bytes
)

func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case PS256:
		return "PS256"
	case 0:
		return "none"
	}
	return fmt.Sprintf("algorithm %d", int64(a))
}

// Key is a public key that one trusts to sign certificates.
type Key struct {
	KID       []byte           // first 8 bytes of SHA-256 of the certificate in DER
	Public    crypto.PublicKey // *ecdsa.PublicKey on P-256 or *rsa.PublicKey; others verify nothing
	NotBefore time.Time        // zero when the source has no dates
	NotAfter  time.Time
	Usage     Usage  // what it may sign; 0 for anything
	Country   string // ISO 3166 alpha-2; "" when the source does not say
	Subject   string // name in the certificate, for people to read; "" without certificate
}

// Usage is a set of types of payload.
type Usage uint8

const (
	SignsTests Usage = 1 << iota
	SignsVaccinations
	SignsRecoveries
)

// Allows reports that a key with this usage may sign the type. The empty usage allows all.
func (u Usage) Allows(t dcc.Type) bool {
	switch {
	case u == 0:
		return true
	case t == dcc.TestType:
		return u&SignsTests != 0
	case t == dcc.VaccinationType:
		return u&SignsVaccinations != 0
	case t == dcc.RecoveryType:
		return u&SignsRecoveries != 0
	}
	return false
}

// Trust gives the keys for a key identifier: none, one, or several, for the identifier is a hint
// and two certificates may share it. Implementations must be safe for concurrent use.
type Trust interface {
	Keys(kid []byte) []*Key
}
