package revocation

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
)

// Limits of the French list.
const (
	MaxFrenchFile  = 128 << 20 // bytes of one file, inflated
	MaxFrenchItems = 1 << 20   // of one file
)

// FrenchSum is the name of a certificate in the list of the French app: SHA-256 of the country in
// upper case and of the identifier as signed.
func FrenchSum(co, ci string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.ToUpper(co) + ci))
}

// FrenchList is the list of the French app. It is published as numbered files, each a change to the
// ones before: apply them in order until there is no next one. The zero value is empty. Lookups may
// run at the same time, Apply may not.
type FrenchList struct {
	sums  map[[sha256.Size]byte]struct{}
	files int
}

// Apply takes the next file: gzip around protobuf, repeated string items = 1, each the SHA-256 in
// hexadecimal, with a hyphen before those that leave the list. On an error nothing is changed.
func (l *FrenchList) Apply(file []byte) (added, removed int, err error) {
	source := bytes.NewReader(file) // one that is no io.ByteReader would be read ahead
	z, err := gzip.NewReader(source)
	if err != nil {
		return 0, 0, fail(BadArchive, "not gzip")
	}
	z.Multistream(false)
	data, err := io.ReadAll(io.LimitReader(z, MaxFrenchFile+1))
	switch {
	case len(data) > MaxFrenchFile:
		return 0, 0, fail(TooLarge, "more than %d bytes", MaxFrenchFile)
	case err != nil:
		return 0, 0, fail(BadArchive, "gzip damaged or cut short")
	case source.Len() > 0:
		return 0, 0, fail(Trailing, "%d bytes after the stream", source.Len())
	}
	var changes []change
	for len(data) > 0 {
		var item []byte
		var is bool
		if item, data, is, err = field(data); err != nil {
			return 0, 0, err
		}
		if !is {
			continue
		}
		var c change
		if item, c.removes = bytes.CutPrefix(item, []byte("-")); len(item) != hex.EncodedLen(len(c.sum)) {
			return 0, 0, fail(BadHash, "item %d", len(changes))
		}
		if _, err := hex.Decode(c.sum[:], item); err != nil {
			return 0, 0, fail(BadHash, "item %d", len(changes))
		}
		if len(changes) == MaxFrenchItems {
			return 0, 0, fail(TooLarge, "more than %d items", MaxFrenchItems)
		}
		changes = append(changes, c)
	}
	if l.sums == nil {
		l.sums = map[[sha256.Size]byte]struct{}{}
	}
	for _, c := range changes {
		_, there := l.sums[c.sum]
		switch {
		case c.removes && there:
			delete(l.sums, c.sum)
			removed++
		case !c.removes && !there:
			l.sums[c.sum] = struct{}{}
			added++
		}
	}
	l.files++
	return added, removed, nil
}

type change struct {
	sum     [sha256.Size]byte
	removes bool
}

// field reads one field of a protobuf message; is tells that it is an item. Other fields are passed
// over, as protobuf wants of readers.
func field(b []byte) (item, rest []byte, is bool, err error) {
	short := fail(BadArchive, "protobuf cut short")
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>32 != 0 {
		return nil, nil, false, short
	}
	b = b[n:]
	size := uint64(0)
	switch tag & 7 {
	case 0:
		if _, n = binary.Uvarint(b); n <= 0 {
			return nil, nil, false, short
		}
		size = uint64(n)
	case 1:
		size = 8
	case 2:
		if size, n = binary.Uvarint(b); n <= 0 {
			return nil, nil, false, short
		}
		b = b[n:]
	case 5:
		size = 4
	default:
		return nil, nil, false, fail(BadArchive, "protobuf wire type %d", tag&7)
	}
	if size > uint64(len(b)) {
		return nil, nil, false, short
	}
	return b[:size], b[size:], tag == 1<<3|2, nil
}

// Files gives the number of files applied; the next one has this number when the first has 0.
func (l *FrenchList) Files() int { return l.files }

// Len gives the number of revoked certificates.
func (l *FrenchList) Len() int { return len(l.sums) }

// Lookup reports whether a certificate is listed. Hashes are full: the answer is never [ToCheck].
func (l *FrenchList) Lookup(co, ci string) Status {
	if _, there := l.sums[FrenchSum(co, ci)]; there {
		return Revoked
	}
	return NotListed
}
