package revocation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"io"
	"math/big"
	"slices"
	"time"
)

// Limits of Carnet's list.
const (
	MaxList = 64 << 20 // bytes
	minSize = 4        // bytes of an entry
)

const (
	magic         = "CARNETRL"
	listVersion   = 1
	listHead      = len(magic) + 1 + 1 + 8 + 8 + 8 + keyIDLength
	sectionHead   = 1 + 1 + 4
	keyIDLength   = 8
	signatureSize = 64
)

// maxSeconds is the last second of the year 9999.
var maxSeconds = uint64(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())

// List is a verified list. It is immutable and safe for concurrent use.
type List struct {
	number     uint64
	issuedAt   time.Time
	nextUpdate time.Time
	sections   []section
}

type section struct {
	kind    Kind
	size    int
	entries []byte
}

// KeyID names an operator's key in a list.
func KeyID(public *ecdsa.PublicKey) (id [8]byte, err error) {
	if public == nil || public.Curve != elliptic.P256() {
		return id, fail(UnknownKey, "not a P-256 key")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return id, fail(UnknownKey, "not a P-256 key")
	}
	sum := sha256.Sum256(der)
	copy(id[:], sum[:])
	return id, nil
}

// Open reads a list and verifies it with the operator's key that it names, one of those given. It
// keeps a copy of the data. Whether the list is recent is another question: [List.Stale].
func Open(data []byte, keys ...*ecdsa.PublicKey) (*List, error) {
	switch {
	case len(data) > MaxList:
		return nil, fail(TooLarge, "list of %d bytes", len(data))
	case len(data) < listHead+signatureSize:
		return nil, fail(Truncated, "list of %d bytes", len(data))
	case string(data[:len(magic)]) != magic:
		return nil, fail(BadHead, "not a list of Carnet")
	case data[len(magic)] != listVersion:
		return nil, fail(BadVersion, "list version %d", data[len(magic)])
	}
	if err := verify(data, keys); err != nil { // nothing more is read of bytes that nobody signed
		return nil, err
	}
	return read(bytes.Clone(data))
}

// verify checks the signature at the end of a list.
func verify(data []byte, keys []*ecdsa.PublicKey) error {
	named := data[listHead-keyIDLength : listHead]
	signed, signature := data[:len(data)-signatureSize], data[len(data)-signatureSize:]
	digest := sha256.Sum256(signed)
	code, why := UnknownKey, "signed by a key that is not trusted"
	for _, k := range keys {
		if id, err := KeyID(k); err != nil || !bytes.Equal(id[:], named) {
			continue
		}
		if ecdsa.Verify(k, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			return nil
		}
		code, why = BadSignature, "not the signature of these bytes"
	}
	return fail(code, "%s", why)
}

// read takes apart a list whose signature holds.
func read(data []byte) (*List, error) {
	b := data[len(magic)+1:]
	count := int(b[0])
	l := &List{number: binary.BigEndian.Uint64(b[1:])}
	issued, next := binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])
	if issued > maxSeconds || next > maxSeconds || next <= issued || count > int(TwoDDoc) {
		return nil, fail(BadHead, "%d sections, issued %d, next update %d", count, issued, next)
	}
	l.issuedAt, l.nextUpdate = time.Unix(int64(issued), 0).UTC(), time.Unix(int64(next), 0).UTC()
	heads := data[listHead:]
	entries := listHead + count*sectionHead
	if len(data) < entries+signatureSize {
		return nil, fail(Truncated, "%d bytes for %d sections", len(data), count)
	}
	total := uint64(entries + signatureSize)
	last := Kind(0)
	for range count {
		s := section{kind: Kind(heads[0]), size: int(heads[1])}
		n := binary.BigEndian.Uint32(heads[2:])
		heads = heads[sectionHead:]
		if s.kind <= last || s.kind > TwoDDoc || s.size < minSize || s.size > s.kind.full() || n == 0 {
			return nil, fail(BadHead, "section of kind %d, %d entries of %d bytes", s.kind, n, s.size)
		}
		last = s.kind
		length := uint64(n) * uint64(s.size)
		if total += length; total > uint64(len(data)) {
			return nil, fail(Truncated, "%d bytes, expected %d or more", len(data), total)
		}
		s.entries = data[entries : entries+int(length) : entries+int(length)]
		entries += int(length)
		for at := s.size; at < len(s.entries); at += s.size {
			if bytes.Compare(s.entries[at-s.size:at], s.entries[at:at+s.size]) >= 0 {
				return nil, fail(BadOrder, "section of kind %d, entry %d", s.kind, at/s.size)
			}
		}
		l.sections = append(l.sections, s)
	}
	if err := exactly(data, total); err != nil {
		return nil, err
	}
	return l, nil
}

// Number is one higher at each issue.
func (l *List) Number() uint64 { return l.number }

// IssuedAt is what a verifier shows as "last updated".
func (l *List) IssuedAt() time.Time { return l.issuedAt }

// NextUpdate is when the operator promises the next list.
func (l *List) NextUpdate() time.Time { return l.nextUpdate }

// Age is how long ago the list was issued; negative when the clock is before that.
func (l *List) Age(at time.Time) time.Duration { return at.Sub(l.issuedAt) }

// Stale reports that the next list is overdue, or that the clock is before the instant of issue, so
// that the list says nothing about it. A stale list still answers: what it revokes stays revoked,
// what it does not list may be revoked since.
func (l *List) Stale(at time.Time) bool { return at.After(l.nextUpdate) || at.Before(l.issuedAt) }

// Supersedes reports that the list is newer than another one, or that there is no other. A
// verifier keeps the one that it has unless the new one supersedes it: old lists are signed too.
func (l *List) Supersedes(other *List) bool { return other == nil || l.number > other.number }

// Len gives the number of entries of a kind.
func (l *List) Len(k Kind) int {
	for _, s := range l.sections {
		if s.kind == k {
			return len(s.entries) / s.size
		}
	}
	return 0
}

// Exact reports that all hashes are full: the list never answers [ToCheck].
func (l *List) Exact() bool {
	return !slices.ContainsFunc(l.sections, func(s section) bool { return s.size < s.kind.full() })
}

// Lookup looks for the keys of one certificate and gives the gravest answer. It allocates nothing.
func (l *List) Lookup(keys ...Key) Status {
	worst := NotListed
	for i := range keys {
		k := &keys[i]
		for j := range l.sections {
			s := &l.sections[j]
			if s.kind != k.Kind || !search(s.entries, s.size, k.sum[:]) {
				continue
			}
			if s.size == s.kind.full() {
				return Revoked
			}
			worst = ToCheck
		}
	}
	return worst
}

// Confirm is Lookup, with an answer [ToCheck] settled by the exact list. An exact list that is
// older than this one cannot clear anybody: the answer stays, unless it is already Revoked there. A
// nil list settles nothing.
func (l *List) Confirm(exact *List, keys ...Key) Status {
	first := l.Lookup(keys...)
	if first != ToCheck || exact == nil {
		return first
	}
	second := exact.Lookup(keys...)
	if second == NotListed && (exact.number < l.number || !exact.Exact()) {
		return ToCheck
	}
	return second
}

// Draft is a list before it is signed.
type Draft struct {
	Number     uint64
	IssuedAt   time.Time // to the second
	NextUpdate time.Time // after IssuedAt
	// FalseHits is the rate at which certificates that nobody revoked may answer ToCheck, in each
	// kind: hashes are cut to as few bytes as it allows. 0 keeps hashes full, for the exact list.
	FalseHits float64
	Keys      []Key // in any order; duplicates count once
}

// Sign writes and signs the list, and opens it again with the key before it gives it away. The
// signer is a P-256 key, or stands for one elsewhere.
func (d Draft) Sign(random io.Reader, signer crypto.Signer) ([]byte, error) {
	public, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fail(UnknownKey, "not a P-256 key")
	}
	id, err := KeyID(public)
	if err != nil {
		return nil, err
	}
	issued, next := d.IssuedAt.Unix(), d.NextUpdate.Unix()
	if issued < 0 || next <= issued || uint64(next) > maxSeconds || !(d.FalseHits >= 0 && d.FalseHits < 1) {
		return nil, fail(BadHead, "issued %d, next update %d, false hits %g", issued, next, d.FalseHits)
	}
	var sections []section
	for kind := UCI; kind <= TwoDDoc; kind++ {
		if s, any := d.section(kind); any {
			sections = append(sections, s)
		}
	}
	for _, k := range d.Keys {
		if k.Kind < UCI || k.Kind > TwoDDoc {
			return nil, fail(BadKind, "key of kind %d", k.Kind)
		}
	}
	data := append([]byte(magic), listVersion, byte(len(sections)))
	data = binary.BigEndian.AppendUint64(data, d.Number)
	data = binary.BigEndian.AppendUint64(data, uint64(issued))
	data = binary.BigEndian.AppendUint64(data, uint64(next))
	data = append(data, id[:]...)
	for _, s := range sections {
		data = append(data, byte(s.kind), byte(s.size))
		data = binary.BigEndian.AppendUint32(data, uint32(len(s.entries)/s.size))
	}
	for _, s := range sections {
		data = append(data, s.entries...)
	}
	if len(data)+signatureSize > MaxList {
		return nil, fail(TooLarge, "list of %d bytes", len(data)+signatureSize)
	}
	digest := sha256.Sum256(data)
	der, err := signer.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fail(BadSignature, "the signer failed: %v", err)
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 || sig.R.Sign() < 1 || sig.S.Sign() < 1 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return nil, fail(BadSignature, "the signer gave something else")
	}
	data = append(data, make([]byte, signatureSize)...)
	sig.R.FillBytes(data[len(data)-64 : len(data)-32])
	sig.S.FillBytes(data[len(data)-32:])
	if _, err := Open(data, public); err != nil {
		return nil, err
	}
	return data, nil
}

// section sorts the keys of a kind and cuts them.
func (d Draft) section(kind Kind) (section, bool) {
	var sums [][]byte
	for i := range d.Keys {
		if d.Keys[i].Kind == kind {
			sums = append(sums, d.Keys[i].sum[:kind.full()])
		}
	}
	if len(sums) == 0 {
		return section{}, false
	}
	s := section{kind: kind, size: kind.full()}
	if d.FalseHits > 0 {
		s.size = prefixSize(len(sums), d.FalseHits, minSize, kind.full())
	}
	slices.SortFunc(sums, bytes.Compare)
	for i, sum := range sums {
		if i == 0 || !bytes.Equal(sum[:s.size], sums[i-1][:s.size]) {
			s.entries = append(s.entries, sum[:s.size]...)
		}
	}
	return s, true
}
