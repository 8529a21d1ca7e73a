// Package revocation tells whether a certificate has been revoked: by the batches, filters and
// lists of the EU and France, and by Carnet's own signed offline list (ehn-dcc-development,
// eu-digital-green-certificates/dgc-bloomfilter and dgca-revocation-distribution-service; Carnet
// specification dcc.md, section 6.5, and twoddoc.md, section 8).
//
// # Hashes
//
// A certificate is named by the first 16 bytes of a SHA-256 of its identifier ([UCI]), of country
// and identifier ([CountryUCI]), or of its signature ([Signature]: for ES256 of r only, since s can
// be changed by anyone). Texts count as signed: case and # matter. [Keys] gives all names of a
// certificate, with those of its identifier in canonical form, under which Carnet revokes too.
//
// # The EU
//
//	ParseBatchList, ParseBatch   what the gateway gives, once its CMS signature is verified
//	Register                     batches in memory, looked up by key identifier and hash
//	ParseSources, ParsePartitions, Mode.Place   where in a distribution a hash belongs
//	ReadArchive, ParseSlice      the filters: Bloom and HashList
//
// # France
//
// [FrenchList] is the list of the French app: SHA-256 of country and identifier in full.
//
// # Carnet's list
//
// A [Draft] holds what Carnet revoked, HC1 certificates and 2D-Doc documents; [Draft.Sign] makes
// bytes for a static file; [Open] verifies them; [List.Lookup] answers offline without allocating.
// The list says when it was issued and when the next one is due, and [List.Stale] is honest about
// it: a verifier shows that date beside its verdict.
//
// The bytes, all integers big-endian and unsigned:
//
//	8   "CARNETRL"
//	1   version of the format, 1
//	1   number of sections, 1 to 4, or 0 for an empty list
//	8   number of the list, one higher at each issue
//	8   issued at, seconds since 1970
//	8   next update, seconds since 1970
//	8   key identifier: first bytes of SHA-256 of the public key (SubjectPublicKeyInfo, DER)
//	    for each section, by ascending kind:
//	1   kind: 1 UCI, 2 COUNTRYCODEUCI, 3 SIGNATURE, 4 2D-Doc
//	1   size of an entry in bytes, 4 to 16, for 2D-Doc 4 to 32
//	4   number of entries, at least 1
//	    the entries of all sections: the first bytes of the hashes, strictly ascending in a section
//	64  ECDSA P-256 with SHA-256 over everything before, r and s of 32 bytes
//
// There is one way to write a list: any other order, size, duplicate or byte more is refused.
//
// # Nobody is refused by chance
//
// A filter or a shortened hash can hit a certificate that nobody revoked. So there are three answers:
// [NotListed], [ToCheck] for such a hit, and [Revoked] only when a full hash is on a list. ToCheck
// is for a person or for the exact list: [List.Confirm] settles it.
//
// # Personal data
//
// Hashes of identifiers do not tell who a person is, but they single out a certificate: [Key] and
// [Hash] print in full on purpose only through their methods, and errors of this package contain
// none.
//
// # Not done
//
// CMS signatures of gateway batches, and fetching. Two points have no published specification and
// were not checked against a live service: that the slices of a chunk come as a tar archive under
// gzip, and the version number 1 of the hash list.
package revocation

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"carnet/hcert"
	"carnet/hcert/dcc"
)

// Kind says what a hash was made of.
type Kind uint8

const (
	UCI        Kind = iota + 1 // the identifier, ci
	CountryUCI                 // the country, co, then the identifier
	Signature                  // the signature; of ES256 its first half
	TwoDDoc                    // a 2D-Doc: header and message; only in Carnet's own list
)

var kindNames = [...]string{UCI: "UCI", CountryUCI: "COUNTRYCODEUCI", Signature: "SIGNATURE", TwoDDoc: "2D-DOC"}

// String gives the name that batches use.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "?"
	}
	return kindNames[k]
}

// ParseKind reads the name that batches use, one of the three EU kinds.
func ParseKind(s string) (Kind, error) {
	for k := UCI; k <= Signature; k++ {
		if kindNames[k] == s {
			return k, nil
		}
	}
	return 0, fail(BadKind, "not one of the three kinds")
}

// full is how many bytes of a SHA-256 name a certificate.
func (k Kind) full() int {
	if k == TwoDDoc {
		return sha256.Size
	}
	return HashSize
}

// HashSize is how many bytes of SHA-256 the EU keeps.
const HashSize = 16

// Hash is the name of an HC1 certificate in the EU formats.
type Hash [HashSize]byte

func short(text []byte) (h Hash) {
	sum := sha256.Sum256(text)
	copy(h[:], sum[:])
	return h
}

// HashUCI is the hash of an identifier as signed.
func HashUCI(ci string) Hash { return short([]byte(ci)) }

// HashCountryUCI is the hash of a country and an identifier as signed.
func HashCountryUCI(co, ci string) Hash { return short([]byte(co + ci)) }

// HashSignature is the hash of a COSE signature: r for ES256, everything for other algorithms.
func HashSignature(a hcert.Algorithm, signature []byte) Hash {
	if a == hcert.ES256 {
		signature = signature[:len(signature)/2]
	}
	return short(signature)
}

// Hex gives the hash as lookups write it.
func (h Hash) Hex() string { return hex.EncodeToString(h[:]) }

// Base64 gives the hash as batches write it.
func (h Hash) Base64() string { return base64.StdEncoding.EncodeToString(h[:]) }

// ParseHash reads both forms.
func ParseHash(s string) (h Hash, err error) {
	var b []byte
	if len(s) == 2*HashSize {
		b, err = hex.DecodeString(s)
	} else {
		b, err = base64.StdEncoding.Strict().DecodeString(s)
	}
	if err != nil || len(b) != HashSize {
		return h, fail(BadHash, "not 16 bytes in base64 or hexadecimal")
	}
	copy(h[:], b)
	return h, nil
}

func (h Hash) String() string       { return "█" }
func (h Hash) GoString() string     { return "█" }
func (h Hash) LogValue() slog.Value { return slog.StringValue("█") }

// Key is a name under which a certificate may be on Carnet's list.
type Key struct {
	Kind Kind
	sum  [sha256.Size]byte // the first Kind.full() bytes count
}

// Key makes a key of a hash of one of the three EU kinds.
func (k Kind) Key(h Hash) Key {
	key := Key{Kind: k}
	copy(key.sum[:], h[:])
	return key
}

// TwoDDocKey makes a key of a 2D-Doc, from the SHA-256 of its header and message (twoddoc's
// Document.ID).
func TwoDDocKey(id [sha256.Size]byte) Key { return Key{Kind: TwoDDoc, sum: id} }

// Hash gives the first 16 bytes.
func (k Key) Hash() (h Hash) {
	copy(h[:], k.sum[:])
	return h
}

// AppendKeys writes keys for a store: for each a byte for the kind and the bytes of the hash.
func AppendKeys(dst []byte, keys ...Key) []byte {
	for _, k := range keys {
		dst = append(append(dst, byte(k.Kind)), k.sum[:k.Kind.full()]...)
	}
	return dst
}

// ParseKeys reads what AppendKeys wrote.
func ParseKeys(b []byte) ([]Key, error) {
	var keys []Key
	for len(b) > 0 {
		k := Key{Kind: Kind(b[0])}
		if k.Kind < UCI || k.Kind > TwoDDoc || len(b) <= k.Kind.full() {
			return nil, fail(BadKind, "stored key of kind %d, %d bytes left", b[0], len(b))
		}
		b = b[1+copy(k.sum[:], b[1:1+k.Kind.full()]):]
		keys = append(keys, k)
	}
	return keys, nil
}

func (k Key) String() string       { return k.Kind.String() + ":█" }
func (k Key) GoString() string     { return k.String() }
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Keys gives every name of a decoded certificate: identifier, country and identifier, both as
// signed and in canonical form where that differs, and the signature. Who revokes publishes all,
// who verifies looks for all. A certificate without single event has only the last one.
func Keys(c *hcert.Certificate) []Key {
	if c == nil {
		return nil
	}
	var keys []Key
	if co, ci := c.DCC.Country(), c.DCC.ID(); ci != "" {
		keys = append(keys, UCI.Key(HashUCI(ci)), CountryUCI.Key(HashCountryUCI(co, ci)))
		if canonical := dcc.Canonical(ci); canonical != ci {
			keys = append(keys, UCI.Key(HashUCI(canonical)), CountryUCI.Key(HashCountryUCI(co, canonical)))
		}
	}
	if len(c.Signature) > 0 {
		keys = append(keys, Signature.Key(HashSignature(c.Algorithm, c.Signature)))
	}
	return keys
}

// Status is the answer to the question whether a certificate is revoked.
type Status uint8

const (
	NotListed Status = iota
	ToCheck          // hit by a shortened hash or a filter: no reason to refuse, to be confirmed
	Revoked          // its full hash is listed
)

func (s Status) String() string {
	switch s {
	case NotListed:
		return "not listed"
	case ToCheck:
		return "to be checked"
	case Revoked:
		return "revoked"
	}
	return "?"
}

// Code is the reason why something could not be read. Codes are stable.
type Code string

const (
	BadJSON      Code = "json"      // not JSON, a member twice, bytes after it
	TooLarge     Code = "size"      // beyond a limit of this package
	BadKind      Code = "kind"      // unknown kind of hash, mode or filter
	BadHash      Code = "hash"      // not a hash
	BadMember    Code = "member"    // a member missing or of a wrong form
	Expired      Code = "expired"   // a batch whose expiry is past
	Truncated    Code = "truncated" // bytes missing, or not the length that the head states
	Trailing     Code = "trailing"  // bytes after the end
	BadVersion   Code = "version"
	BadHead      Code = "head"    // impossible numbers in a head
	BadOrder     Code = "order"   // entries not strictly ascending
	BadArchive   Code = "archive" // not gzip, not tar, not protobuf
	UnknownKey   Code = "key"     // signed by none of the keys
	BadSignature Code = "signature"
)

// Error is why something could not be read. It never holds a hash.
type Error struct {
	Code   Code
	Detail string // in English, for a log
}

func (e *Error) Error() string { return "revocation: " + string(e.Code) + ": " + e.Detail }

func fail(c Code, format string, args ...any) error {
	return &Error{Code: c, Detail: fmt.Sprintf(format, args...)}
}

// decodeJSON reads one JSON value into v. A member that stands twice, in whatever case, is refused.
func decodeJSON(data []byte, limit int, v any) error {
	if len(data) > limit {
		return fail(TooLarge, "%d bytes", len(data))
	}
	if !utf8.Valid(data) {
		return fail(BadJSON, "invalid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := once(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fail(BadJSON, "bytes after the value")
	}
	if err := json.Unmarshal(data, v); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fail(BadMember, "member %s of a wrong type", t.Field)
		}
		return fail(BadMember, "member of a wrong form")
	}
	return nil
}

const maxJSONDepth = 8

func once(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fail(BadJSON, "syntax, byte %d", d.InputOffset())
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxJSONDepth {
		return fail(BadJSON, "too deep")
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			t, err := d.Token()
			if err != nil {
				return fail(BadJSON, "syntax, byte %d", d.InputOffset())
			}
			name, _ := t.(string)
			if name = strings.ToLower(name); seen[name] {
				return fail(BadJSON, "a member stands twice, byte %d", d.InputOffset())
			}
			seen[name] = true
		}
		if err := once(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(BadJSON, "syntax, byte %d", d.InputOffset())
	}
	return nil
}
