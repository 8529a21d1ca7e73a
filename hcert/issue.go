package hcert

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carnet/hcert/base45"
	"carnet/hcert/dcc"
	"carnet/hcert/icao"
	"carnet/hcert/internal/adler"

	"github.com/klauspost/compress/flate"
)

// Person is whom a certificate is about, as the identity document says it.
type Person struct {
	Family string
	Given  string
	// The same names in Latin letters, from the document, when those above are in another script.
	LatinFamily string
	LatinGiven  string
	Birth       string // YYYY-MM-DD; YYYY-MM, YYYY or "" when no more is known
}

func (p Person) String() string       { return "█" }
func (p Person) GoString() string     { return "█" }
func (p Person) LogValue() slog.Value { return slog.StringValue("█") }

// Order is what to certify: one person and one event.
type Order struct {
	Issuer      string    // country that issues, ISO 3166 alpha-2
	IssuedAt    time.Time // fractions of seconds are cut off
	Expires     time.Time // of the certificate as a document; medical validity comes from rules
	Person      Person
	Vaccination *dcc.Vaccination // exactly one of the three
	Test        *dcc.Test
	Recovery    *dcc.Recovery
	Names       icao.Profile   // how the State transliterates
	Sets        *dcc.ValueSets // nil for those that are built in
}

func (o Order) String() string       { return fmt.Sprintf("hcert.Order(%s █)", o.Issuer) }
func (o Order) GoString() string     { return o.String() }
func (o Order) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Objection is one reason not to certify. Codes are stable.
type Objection struct {
	Code ObjectionCode
	Path string // "v[0].dn", the member alone for text.control, or a field of Order; never a value
}

// ObjectionCode says what is wrong with an order.
type ObjectionCode string

const (
	OneEvent        ObjectionCode = "event"          // not exactly one event
	NameMissing     ObjectionCode = "name.missing"   // neither family nor given name
	NameLetters     ObjectionCode = "name.letters"   // a digit, symbol or letter that is not Latin, and no Latin name
	TextControl     ObjectionCode = "text.control"   // a control character or invalid UTF-8
	IssuerCountry   ObjectionCode = "issuer"         // not a country
	TimeOrder       ObjectionCode = "time.order"     // expires before it is issued, or outside 1970 to 9999
	KeyUnfit        ObjectionCode = "key.unfit"      // no key identifier, or not P-256 nor RSA of 2048 bits
	KeyValidity     ObjectionCode = "key.validity"   // the signing certificate does not cover the times
	KeyUsage        ObjectionCode = "key.usage"      // the signing certificate is for other events
	CodeTriple      ObjectionCode = "vaccine.triple" // holder or type of vaccine are not those of the product
	CodeDeprecated  ObjectionCode = "code.deprecated"
	CodeUnknown     ObjectionCode = "code.unknown"
	DoseNumbers     ObjectionCode = "dose.numbers" // numbers that the rules of the day of issue do not have
	DateFuture      ObjectionCode = "date.future"
	DateOrder       ObjectionCode = "date.order"  // before birth, or the end before the beginning
	TestDevice      ObjectionCode = "test.device" // a rapid test without device, or a laboratory test with one
	IdentifierForm  ObjectionCode = "identifier"  // not URN:UVCI:01, country, opaque part, # and its check character
	SchemaViolation ObjectionCode = "schema"      // any other finding of the strict reader
)

func (o Objection) String() string { return strings.TrimSpace(string(o.Code) + " " + o.Path) }

// Objections is the error of Prepare: every reason at once.
type Objections []Objection

func (o Objections) Error() string {
	all := make([]string, len(o))
	for i, x := range o {
		all[i] = x.String()
	}
	return "hcert: order refused: " + strings.Join(all, ", ")
}

// Has reports that there is an objection with that code.
func (o Objections) Has(c ObjectionCode) bool {
	return slices.ContainsFunc(o, func(x Objection) bool { return x.Code == c })
}

var (
	// ErrUsed reports a draft that was signed before: two certificates would share an identifier.
	ErrUsed = errors.New("hcert: the draft was signed already")
	// ErrSignature reports a signer whose answer is not a signature of its kind.
	ErrSignature = errors.New("hcert: the signer gave no signature of its kind")
)

// Draft is a certificate that is right in every respect and not signed yet. The caller may look at
// it before it is signed, and should: a signature cannot be taken back.
type Draft struct {
	key       *Key
	sets      *dcc.ValueSets
	algorithm Algorithm
	issuedAt  time.Time
	protected string // the bytes
	claims    string
	digest    [sha256.Size]byte
	used      atomic.Bool
	signed    Signed // once it is
	signature [ecdsaLength]byte
}

func (d *Draft) String() string       { return fmt.Sprintf("hcert.Draft(kid %x, █)", d.key.KID) }
func (d *Draft) GoString() string     { return d.String() }
func (d *Draft) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Certificate is the draft as a reader sees it, without signature.
func (d *Draft) Certificate() *Certificate {
	c := new(read)
	readBack(c, d.claims, d.sets)
	c.Algorithm, c.KID = d.algorithm, d.key.KID
	c.Protected, c.Claims = []byte(d.protected), []byte(d.claims)
	return &c.Certificate
}

// Digest is the SHA-256 that will be signed, for an audit log to be written first.
func (d *Draft) Digest() [sha256.Size]byte { return d.digest }

// Prepare checks an order and writes it down. The key is that of the document signing certificate
// (package carnet/hcert/trust makes it from one); its type decides the algorithm. The error is
// [Objections].
//
// The schema, the value sets and the rules of form are those of [Verify]: what is written is read
// back by the strict reader that verifies certificates, unless each member shows that this reader
// has nothing to say of it ([dcc.Vaccination.Sound]). [Signed.Release] reads everything back.
func (o Order) Prepare(key *Key) (*Draft, error) {
	var found Objections
	var spaceOfNames [2 * icao.MaxLength]byte
	w := writer{order: &o, key: key, objections: &found}
	names := w.check(spaceOfNames[:])
	if len(found) > 0 {
		return nil, found
	}
	var space [512]byte // of most certificates
	s := w.write(space[:0], &names)
	kept := string(s.bytes[s.header:])
	d := &Draft{
		key: key, sets: o.Sets, algorithm: w.algorithm, issuedAt: time.Unix(o.IssuedAt.Unix(), 0),
		protected: kept[:s.headerEnd-s.header], claims: kept[s.claims-s.header:],
	}
	if len(found) > 0 || !w.sound(&names) {
		if w.lint(d.claims); len(found) > 0 {
			return nil, found
		}
	}
	d.digest = sha256.Sum256(s.bytes)
	return d, nil
}

// Sign signs the draft, once. The signer answers as every [crypto.Signer] does, in ASN.1 for
// ECDSA; it may stand for a key in another process or device. rand goes to the signer. That the
// signer has the key of the draft shows when the certificate is verified for release.
func (d *Draft) Sign(signer crypto.Signer, rand io.Reader) (*Signed, error) {
	if d.used.Swap(true) {
		return nil, ErrUsed
	}
	s := &d.signed
	s.draft = d
	var err error
	if d.algorithm == PS256 {
		s.signature, err = signer.Sign(rand, d.digest[:], &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256})
	} else {
		s.signature, err = signer.Sign(rand, d.digest[:], crypto.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("hcert: sign: %w", err)
	}
	if d.algorithm == ES256 {
		if err = rawSignature(&d.signature, s.signature); err != nil {
			return nil, err
		}
		s.signature = d.signature[:]
	}
	if len(s.signature) != signatureLength(d.key.Public) {
		return nil, ErrSignature
	}
	s.text, err = pack(d.protected, d.claims, s.signature)
	return s, err
}

// Signed is a certificate that nobody has verified yet.
type Signed struct {
	draft     *Draft
	signature []byte
	text      []byte
}

func (s *Signed) String() string       { return s.draft.String() }
func (s *Signed) GoString() string     { return s.draft.String() }
func (s *Signed) LogValue() slog.Value { return s.draft.LogValue() }

// Release gives the text for the QR code, once the text was decoded and verified in the strict
// profile at the instant of issue. An error is a fault of the signer or of this library: the text
// must not be handed out.
func (s *Signed) Release() (string, error) {
	text := string(s.text)
	r := Verifier{Trust: only{s.draft.key}, Profile: Strict, Sets: s.draft.sets}.Verify(text, s.draft.issuedAt)
	if err := r.Err(); err != nil {
		return "", fmt.Errorf("hcert: own certificate refused: %w", err)
	}
	if string(r.Certificate.Claims) != s.draft.claims || !bytes.Equal(r.Certificate.Signature, s.signature) {
		return "", errors.New("hcert: own certificate reads as another one")
	}
	return text, nil
}

// Signature is r and s, or the signature of RSA: revocation lists name certificates by it.
func (s *Signed) Signature() []byte { return bytes.Clone(s.signature) }

// only trusts one key.
type only struct{ key *Key }

func (o only) Keys(kid []byte) []*Key {
	if !bytes.Equal(kid, o.key.KID) {
		return nil
	}
	return []*Key{o.key}
}

// rawSignature takes r and s, of P-256, out of ASN.1.
func rawSignature(out *[ecdsaLength]byte, der []byte) error {
	if len(der) < 8 || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return ErrSignature
	}
	rest := der[2:]
	for i := range 2 {
		if len(rest) < 3 || rest[0] != 2 || len(rest)-2 < int(rest[1]) || rest[1] == 0 {
			return ErrSignature
		}
		n := rest[2 : 2+int(rest[1])]
		rest = rest[2+len(n):]
		if n[0] >= 0x80 {
			return ErrSignature
		}
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		if len(n) > 32 {
			return ErrSignature
		}
		copy(out[32*(i+1)-len(n):], n)
	}
	if len(rest) > 0 {
		return ErrSignature
	}
	return nil
}

// packer is the space in which a text is put together. It is used again.
type packer struct {
	stored []byte // a zlib stream with the message as it is
	packed bytes.Buffer
}

var packers = sync.Pool{New: func() any { return new(packer) }}

// compressible is from where deflating gains anything. A signature is noise and the claims are short:
// of the 161 published messages below this size none gets smaller by more than the stored block
// costs.
const compressible = 360

// storedHead is the head of a zlib stream that stores: two bytes of zlib, and of the only block its
// kind, its length and the complement of that.
const storedHead = 7

// pack makes the text: COSE_Sign1, zlib, base45, prefix. The compressor keeps no state: making one
// anew, or clearing one, costs as much as a signature.
func pack(protected, claims string, signature []byte) ([]byte, error) {
	p := packers.Get().(*packer)
	defer func() {
		clear(p.stored)
		clear(p.packed.Bytes())
		packers.Put(p)
	}()
	b := append(p.stored[:0], 0x78, 0x9c, 1, 0, 0, 0, 0)
	b = append(b, 0xd2, 0x84) // tag 18, list of four
	b = append(byteStringHead(b, len(protected)), protected...)
	b = append(b, 0xa0) // nothing in the unprotected header
	b = append(byteStringHead(b, len(claims)), claims...)
	b = append(byteStringHead(b, len(signature)), signature...)
	message := b[storedHead:]
	n, sum := len(message), adler.Checksum(message)
	b = binary.BigEndian.AppendUint32(b, sum)
	p.stored = b
	packed := b
	if n < compressible {
		binary.LittleEndian.PutUint16(b[3:], uint16(n))
		binary.LittleEndian.PutUint16(b[5:], ^uint16(n))
	} else {
		p.packed.Reset()
		p.packed.Write(b[:2])
		if err := flate.StatelessDeflate(&p.packed, message[:n], true, nil); err != nil {
			return nil, fmt.Errorf("hcert: deflate: %w", err)
		}
		p.packed.Write(b[storedHead+n:])
		packed = p.packed.Bytes()
	}
	text := make([]byte, 0, len(contextIdentifier)+base45.EncodedLen(len(packed)))
	return base45.AppendText(append(text, contextIdentifier...), packed), nil
}
