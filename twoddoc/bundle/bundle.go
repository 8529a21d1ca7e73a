// Package bundle is one file with all that a verifier of 2D-Doc needs and cannot ask for while it is
// offline: the authorities of the trust list, the certificates of the participants, what the revocation
// lists said, and when all that was gathered. An operator gathers (package store), seals with a key of
// its own, and publishes the file; a verifier pins the public key.
//
//	b, err := bundle.Open(file, key)
//	for _, s := range b.Stale(now) { warn(s) }
//	certs, err := b.Find(doc.Header)
//	for _, c := range certs {
//		if doc.Verify(c) == nil { status := b.Revoked(c); ... }
//	}
//
// # Format
//
// A file is DER, SEQUENCE { content SEQUENCE, signature OCTET STRING }. The signature is ECDSA on P-256
// with SHA-256, r and s of 32 bytes each, over [Context] and the content. [Open] accepts one coding of a
// content and no other: what it read is written again and compared.
//
// Who gathers needs a network and no key, who seals needs a key and no network: between the two the
// content travels by itself ([Bundle.Marshal], [Parse]). Nobody verifies with that.
//
// The public key travels as a PEM block of a type of its own, [KeyType], with a SubjectPublicKeyInfo in
// it. So a file says that its key seals bundles, and a key that signs anything else, as "PUBLIC KEY", is
// never taken for one, nor the other way round ([ParseKeys]).
//
// # Honesty
//
// The operator vouches for what it saw, no more. [Bundle.Stale] tells everything that has become older
// than its publisher promised; a verifier shows that beside the verdict. A certificate whose list could
// not be read is [Unknown], not good. Authorities that are in no trust list, such as the operator's own,
// are there with Listed false.
//
// It imports twoddoc and the standard library, without net/http, so that it is small in a browser.
package bundle

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"carnet/twoddoc"
)

// Context is what the signature covers before the content, so that it is of nothing else.
const Context = "2D-Doc bundle 1\n"

// KeyType is the type of the PEM block of a public key that seals bundles.
const KeyType = "2D-DOC BUNDLE KEY"

// Bounds of a file. A longer one is refused before it is read.
const (
	MaxSize         = 16 << 20
	maxAuthorities  = 256
	maxParticipants = 1 << 16
	maxLists        = 1 << 12
	maxText         = 2048
	version         = 1
)

var (
	// ErrFormat: not a bundle, or one that contradicts itself.
	ErrFormat = errors.New("malformed bundle")
	// ErrSignature: none of the keys signed it.
	ErrSignature = errors.New("bundle is signed by none of the keys")
	// ErrKey: not a public key that seals bundles.
	ErrKey = errors.New("not a public key of bundles (PEM, " + KeyType + ", P-256)")
	// ErrAuthority: no usable authority has the identifier.
	ErrAuthority = errors.New("authority is not in the bundle")
	// ErrCertificate: the authority has no participant of the name.
	ErrCertificate = errors.New("certificate is not in the bundle")
	// ErrDate: there are certificates of the name, and none was valid on the signature date.
	ErrDate = errors.New("no certificate of the name was valid on the signature date")
)

// Bundle is the content of a file. Times are of UTC, in whole seconds.
type Bundle struct {
	Gathered     time.Time
	Lifetime     time.Duration // for which the operator wants it to be used
	List         List
	Authorities  []Authority
	Participants []Participant
	Lists        []RevocationList
}

// List is the trust list that the authorities were read from. Its zero value is no list.
type List struct {
	Sequence   int
	Issued     time.Time
	NextUpdate time.Time
	Digest     [sha256.Size]byte // of the file
	Signer     [sha256.Size]byte // of the certificate that signed it
}

// Authority is a certification authority.
type Authority struct {
	ID       string // "FR03"
	Operator string
	Status   string // as the trust list has it; only "inaccord" is usable
	Listed   bool   // in the trust list; else the operator of the bundle added it
	Raw      []byte // certificate, DER
}

// Usable reports that codes under the authority may be believed.
func (a Authority) Usable() bool { return a.Status == "inaccord" }

// Participant is a certificate that an authority issued to a publisher of documents.
type Participant struct {
	Authority int    // index
	ID        string // common name, the certificate of a header
	NotBefore time.Time
	NotAfter  time.Time
	Raw       []byte // DER
}

// RevocationList is what one list said when it was fetched.
type RevocationList struct {
	Authority  int    // index of the issuer
	URL        string // distribution point
	Number     *big.Int
	ThisUpdate time.Time
	NextUpdate time.Time // zero when the list has none
	Revoked    []Revoked
}

// Revoked is one entry of a list.
type Revoked struct {
	Serial *big.Int
	Since  time.Time
}

// The file, in DER.
type (
	fileDER struct {
		Content   asn1.RawValue
		Signature []byte
	}
	contentDER struct {
		Version      int
		Gathered     time.Time `asn1:"generalized"`
		Lifetime     int64     // seconds
		List         listDER
		Authorities  []authorityDER
		Participants []participantDER
		Lists        []revocationDER
	}
	listDER struct {
		Sequence   int
		Issued     time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized"`
		Digest     []byte
		Signer     []byte
	}
	authorityDER struct {
		ID       string `asn1:"utf8"`
		Operator string `asn1:"utf8"`
		Status   string `asn1:"utf8"`
		Listed   bool
		Raw      []byte
	}
	participantDER struct {
		Authority int
		ID        string    `asn1:"utf8"`
		NotBefore time.Time `asn1:"generalized"`
		NotAfter  time.Time `asn1:"generalized"`
		Raw       []byte
	}
	revocationDER struct {
		Authority  int
		URL        string `asn1:"utf8"`
		Number     *big.Int
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized"` // year 1 when the list has none
		Revoked    []revokedDER
	}
	revokedDER struct {
		Serial *big.Int
		Since  time.Time `asn1:"generalized"`
	}
)

// Seal signs the bundle: the file. The signer has a key on P-256 and answers ASN.1, as every
// [crypto.Signer] does. What Open would refuse is refused.
func (b *Bundle) Seal(signer crypto.Signer, rand io.Reader) ([]byte, error) {
	key, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("bundle: the key of the signer is not ECDSA on P-256")
	}
	content, err := b.Marshal()
	if err != nil {
		return nil, err
	}
	digest := digestOf(content)
	der, err := signer.Sign(rand, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &rs)
	if err != nil || len(rest) != 0 || rs.R.Sign() <= 0 || rs.S.Sign() <= 0 || rs.R.BitLen() > 256 || rs.S.BitLen() > 256 {
		return nil, errors.New("bundle: the signer did not answer a signature of P-256")
	}
	sig := make([]byte, 64)
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	file, err := asn1.Marshal(fileDER{asn1.RawValue{FullBytes: content}, sig})
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if len(file) > MaxSize {
		return nil, fmt.Errorf("bundle: %w: %d bytes, at most %d", ErrFormat, len(file), MaxSize)
	}
	return file, nil
}

// Marshal writes the content alone, which nobody has sealed yet. What Open would refuse is refused.
func (b *Bundle) Marshal() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	content, err := asn1.Marshal(b.toDER())
	if err != nil {
		return nil, malformed("%w", err)
	}
	return content, nil
}

// Is reports that data has the form of a sealed bundle, so that a file can be told from a certificate.
// Whether anybody signed it is another question.
func Is(data []byte) bool {
	var f fileDER
	rest, err := asn1.Unmarshal(data, &f)
	return err == nil && len(rest) == 0 && len(f.Signature) == 64 && f.Content.Class == asn1.ClassUniversal && f.Content.Tag == asn1.TagSequence
}

// MarshalKey writes a public key for those who verify.
func MarshalKey(public *ecdsa.PublicKey) ([]byte, error) {
	if public == nil || public.Curve != elliptic.P256() {
		return nil, fmt.Errorf("bundle: %w", ErrKey)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w: %w", ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: KeyType, Bytes: der}), nil
}

// ParseKeys reads the public keys of a PEM text, of which blocks of other types are left aside. The error
// wraps ErrKey: a block that is damaged or of another curve, or none.
func ParseKeys(text []byte) ([]*ecdsa.PublicKey, error) {
	var keys []*ecdsa.PublicKey
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != KeyType {
			continue
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("bundle: %w: %w", ErrKey, err)
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok || key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("bundle: %w", ErrKey)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("bundle: %w", ErrKey)
	}
	return keys, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("bundle: %w: %w", ErrFormat, fmt.Errorf(format, args...))
}

func digestOf(content []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(Context))
	h.Write(content)
	return [sha256.Size]byte(h.Sum(nil))
}

// Open reads a file that one of the keys, on P-256, signed. Nothing of the content is looked at before
// its signature is checked. The error wraps ErrFormat or ErrSignature.
func Open(file []byte, keys ...*ecdsa.PublicKey) (*Bundle, error) {
	if len(file) > MaxSize {
		return nil, malformed("%d bytes, at most %d", len(file), MaxSize)
	}
	var f fileDER
	rest, err := asn1.Unmarshal(file, &f)
	if err != nil {
		return nil, malformed("%w", err)
	}
	if len(rest) != 0 || len(f.Signature) != 64 {
		return nil, malformed("something behind the content, or a signature of %d bytes", len(f.Signature))
	}
	if again, err := asn1.Marshal(f); err != nil || !bytes.Equal(again, file) {
		return nil, malformed("it is coded in two ways")
	}
	if !signedBy(f, keys) {
		return nil, fmt.Errorf("bundle: %w", ErrSignature)
	}
	return Parse(f.Content.FullBytes)
}

// Parse reads what Marshal wrote. Nobody vouches for it. The error wraps ErrFormat.
func Parse(content []byte) (*Bundle, error) {
	if len(content) > MaxSize {
		return nil, malformed("%d bytes, at most %d", len(content), MaxSize)
	}
	var c contentDER
	if rest, err := asn1.Unmarshal(content, &c); err != nil || len(rest) != 0 {
		return nil, malformed("content: %w", errors.Join(err, fmt.Errorf("%d bytes behind it", len(rest))))
	}
	if again, err := asn1.Marshal(c); err != nil || !bytes.Equal(again, content) {
		return nil, malformed("content: it is coded in two ways")
	}
	if c.Version != version {
		return nil, malformed("version %d", c.Version)
	}
	if len(c.List.Digest) != sha256.Size || len(c.List.Signer) != sha256.Size {
		return nil, malformed("digests of the trust list")
	}
	if c.Lifetime < 0 || c.Lifetime > int64(10*365*24*time.Hour/time.Second) {
		return nil, malformed("lifetime of %d s", c.Lifetime)
	}
	b := c.bundle()
	if err := b.check(); err != nil {
		return nil, err
	}
	return b, nil
}

func signedBy(f fileDER, keys []*ecdsa.PublicKey) bool {
	digest := digestOf(f.Content.FullBytes)
	r, s := new(big.Int).SetBytes(f.Signature[:32]), new(big.Int).SetBytes(f.Signature[32:])
	for _, k := range keys {
		if k != nil && k.Curve == elliptic.P256() && ecdsa.Verify(k, digest[:], r, s) {
			return true
		}
	}
	return false
}

// check holds what is true of every bundle.
func (b *Bundle) check() error {
	if b.Lifetime < 0 || b.Gathered.IsZero() {
		return malformed("it was not gathered, or lives for %v", b.Lifetime)
	}
	if len(b.Authorities) > maxAuthorities || len(b.Participants) > maxParticipants || len(b.Lists) > maxLists {
		return malformed("%d authorities, %d participants, %d revocation lists", len(b.Authorities), len(b.Participants), len(b.Lists))
	}
	for i, a := range b.Authorities {
		if len(a.ID) != 4 || len(a.Operator) > maxText || len(a.Status) > maxText || len(a.Raw) == 0 {
			return malformed("authority #%d", i)
		}
	}
	for i, p := range b.Participants {
		if p.Authority < 0 || p.Authority >= len(b.Authorities) || len(p.ID) < 4 || len(p.ID) > 5 || len(p.Raw) == 0 || p.NotAfter.Before(p.NotBefore) {
			return malformed("participant #%d", i)
		}
	}
	for i, l := range b.Lists {
		if l.Authority < 0 || l.Authority >= len(b.Authorities) || len(l.URL) > maxText || l.Number == nil || l.Number.Sign() < 0 || l.ThisUpdate.IsZero() {
			return malformed("revocation list #%d", i)
		}
		for _, r := range l.Revoked {
			if r.Serial == nil || r.Serial.BitLen() > 160 {
				return malformed("revocation list #%d: serial number", i)
			}
		}
	}
	return nil
}

func (b *Bundle) toDER() contentDER {
	c := contentDER{
		Version: version, Gathered: second(b.Gathered), Lifetime: int64(b.Lifetime / time.Second),
		List: listDER{b.List.Sequence, second(b.List.Issued), second(b.List.NextUpdate), b.List.Digest[:], b.List.Signer[:]},
	}
	for _, a := range b.Authorities {
		c.Authorities = append(c.Authorities, authorityDER(a))
	}
	for _, p := range b.Participants {
		p.NotBefore, p.NotAfter = second(p.NotBefore), second(p.NotAfter)
		c.Participants = append(c.Participants, participantDER(p))
	}
	for _, l := range b.Lists {
		d := revocationDER{Authority: l.Authority, URL: l.URL, Number: l.Number, ThisUpdate: second(l.ThisUpdate), NextUpdate: second(l.NextUpdate)}
		for _, r := range l.Revoked {
			d.Revoked = append(d.Revoked, revokedDER{r.Serial, second(r.Since)})
		}
		c.Lists = append(c.Lists, d)
	}
	return c
}

func (c *contentDER) bundle() *Bundle {
	b := &Bundle{
		Gathered: c.Gathered, Lifetime: time.Duration(c.Lifetime) * time.Second,
		List: List{c.List.Sequence, c.List.Issued, c.List.NextUpdate, [32]byte(c.List.Digest), [32]byte(c.List.Signer)},
	}
	for _, a := range c.Authorities {
		b.Authorities = append(b.Authorities, Authority(a))
	}
	for _, p := range c.Participants {
		b.Participants = append(b.Participants, Participant(p))
	}
	for _, d := range c.Lists {
		l := RevocationList{Authority: d.Authority, URL: d.URL, Number: d.Number, ThisUpdate: d.ThisUpdate, NextUpdate: d.NextUpdate}
		for _, r := range d.Revoked {
			l.Revoked = append(l.Revoked, Revoked(r))
		}
		b.Lists = append(b.Lists, l)
	}
	return b
}

// second drops what the file has no room for.
func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// Find returns the certificates that may have signed a code with the header, newest first: those of
// [Bundle.Certificates] that were valid on the signature date. The error is ErrAuthority, ErrCertificate or
// ErrDate, or tells what is wrong with a certificate.
func (b *Bundle) Find(h twoddoc.Header) ([]*x509.Certificate, error) {
	certs, err := b.Certificates(h.Authority, h.Certificate)
	if err != nil {
		return nil, err
	}
	if certs = h.Choose(certs); len(certs) == 0 {
		return nil, fmt.Errorf("bundle: %w", ErrDate)
	}
	return certs, nil
}

// Certificates returns the certificates of a name, of an authority that is usable, which is checked to have
// issued them. The error is ErrAuthority or ErrCertificate, or tells what is wrong with a certificate.
func (b *Bundle) Certificates(authority, name string) ([]*x509.Certificate, error) {
	known := false
	var certs []*x509.Certificate
	for i, a := range b.Authorities {
		if a.ID != authority || !a.Usable() {
			continue
		}
		known = true
		var issuer *x509.Certificate
		for j, p := range b.Participants {
			if p.Authority != i || p.ID != name {
				continue
			}
			c, err := x509.ParseCertificate(p.Raw)
			if err == nil && issuer == nil {
				issuer, err = x509.ParseCertificate(a.Raw)
			}
			if err == nil {
				err = c.CheckSignatureFrom(issuer)
			}
			if err != nil {
				return nil, fmt.Errorf("bundle: participant #%d: %w", j, err)
			}
			certs = append(certs, c)
		}
	}
	switch {
	case !known:
		return nil, fmt.Errorf("bundle: %w", ErrAuthority)
	case len(certs) == 0:
		return nil, fmt.Errorf("bundle: %w", ErrCertificate)
	}
	return certs, nil
}

// Listed reports that an authority with the identifier is in the trust list, and usable.
func (b *Bundle) Listed(authority string) bool {
	for _, a := range b.Authorities {
		if a.ID == authority && a.Listed && a.Usable() {
			return true
		}
	}
	return false
}

// Status of a certificate.
type Status uint8

const (
	// Unknown: the certificate names a revocation list that is not in the bundle, or none.
	Unknown Status = iota
	// Good: every list in the bundle that the certificate names leaves it out.
	Good
	// Ended: revoked. A revoked certificate ends every code, signed before or after.
	Ended
)

func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Ended:
		return "revoked"
	}
	return "unknown"
}

// Standing is what is known of the revocation of a certificate.
type Standing struct {
	Status  Status
	Since   time.Time // of the revocation
	Updated time.Time // the list is of this time
	Due     time.Time // from when the list is older than it should be, see [Bundle.Stale]
}

// Revoked tells what the lists said of a certificate, be it a participant of the bundle or one that the
// caller has from elsewhere: stores drop certificates that were revoked, their lists keep naming them.
func (b *Bundle) Revoked(c *x509.Certificate) Standing {
	s := Standing{}
	for _, l := range b.Lists {
		if !slices.Contains(c.CRLDistributionPoints, l.URL) || !b.issued(l.Authority, c) {
			continue
		}
		if s.Status == Unknown || l.ThisUpdate.After(s.Updated) {
			s = Standing{Status: Good, Updated: l.ThisUpdate, Due: l.due()}
		}
		for _, r := range l.Revoked {
			if r.Serial.Cmp(c.SerialNumber) == 0 {
				return Standing{Ended, r.Since, l.ThisUpdate, l.due()}
			}
		}
	}
	return s
}

// issued reports that the authority of the bundle is the one that issued a certificate: two authorities may
// have one name, and serial numbers of their own.
func (b *Bundle) issued(authority int, c *x509.Certificate) bool {
	for _, p := range b.Participants {
		if p.Authority == authority && bytes.Equal(p.Raw, c.Raw) {
			return true
		}
	}
	issuer, err := x509.ParseCertificate(b.Authorities[authority].Raw)
	return err == nil && c.CheckSignatureFrom(issuer) == nil
}

// due is from when a list is older than it should be.
func (l RevocationList) due() time.Time {
	t := l.ThisUpdate.Add(UpdateWithin)
	if !l.NextUpdate.IsZero() && l.NextUpdate.Before(t) {
		t = l.NextUpdate
	}
	return t
}

// What has become stale.
type What string

const (
	WholeBundle    What = "bundle" // older than its lifetime
	TrustList      What = "list"   // after its next update
	RevocationFact What = "crl"    // not updated within 24 hours, or after its next update
	Clock          What = "clock"  // the bundle is of the future: the clock of the verifier is wrong
)

// Stale is one thing that is older than it should be.
type Stale struct {
	What    What
	Subject string    // authority and address of a revocation list
	Since   time.Time // from when
}

func (s Stale) String() string {
	what := string(s.What)
	if s.Subject != "" {
		what += " " + s.Subject
	}
	return what + " stale since " + s.Since.Format(time.RFC3339)
}

// UpdateWithin is how often the scheme wants revocation lists to be updated.
const UpdateWithin = 24 * time.Hour

// Stale lists what is out of date at a time. An empty list means that all is as fresh as its publishers
// promised.
func (b *Bundle) Stale(at time.Time) []Stale {
	var list []Stale
	since := func(what What, subject string, t time.Time) {
		if at.After(t) {
			list = append(list, Stale{what, subject, t})
		}
	}
	if b.Gathered.After(at.Add(UpdateWithin)) {
		list = append(list, Stale{Clock, "", b.Gathered})
	}
	since(WholeBundle, "", b.Gathered.Add(b.Lifetime))
	if b.List.Sequence > 0 {
		since(TrustList, "", b.List.NextUpdate)
	}
	for _, l := range b.Lists {
		since(RevocationFact, b.Authorities[l.Authority].ID+" "+l.URL, l.due())
	}
	return list
}
