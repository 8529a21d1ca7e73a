package revocation

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math"
	"math/bits"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// Limits of filters.
const (
	MaxSlice   = 32 << 20 // bytes of one filter
	MaxArchive = 64 << 20 // bytes of an archive, inflated
	MaxSlices  = 1000     // files of an archive
)

// Mode is how a distribution divides its hashes.
type Mode string

const (
	Point      Mode = "POINT"      // no partition, 16 chunks
	Vector     Mode = "VECTOR"     // 16 partitions by the first digit
	Coordinate Mode = "COORDINATE" // 256 partitions by the first two digits
)

// Place gives where a hash belongs: the partition x, y ("" when the mode has no such axis) and the
// chunk, each a lower-case hexadecimal digit of the hash.
func (m Mode) Place(h Hash) (x, y, chunk string) {
	text := h.Hex()
	switch m {
	case Vector:
		return text[:1], "", text[1:2]
	case Coordinate:
		return text[:1], text[1:2], text[2:3]
	}
	return "", "", text[:1]
}

// Source is one key of a distribution, from GET /lists.
type Source struct {
	KID         []byte
	Mode        Mode
	Kinds       []Kind // which hashes to look for
	Expires     time.Time
	LastUpdated time.Time
}

// Path gives the key identifier as it stands in paths: /lists/{path}/partitions.
func (s Source) Path() string { return base64.RawURLEncoding.EncodeToString(s.KID) }

// ParseSources reads the answer of GET /lists.
func ParseSources(data []byte) ([]Source, error) {
	var list []struct {
		KID, Mode, Expires, LastUpdated string
		HashTypes                       []string
	}
	if err := decodeJSON(data, MaxDocument, &list); err != nil {
		return nil, err
	}
	sources := make([]Source, 0, len(list))
	for _, j := range list {
		s := Source{Mode: Mode(j.Mode)}
		if s.Mode != Point && s.Mode != Vector && s.Mode != Coordinate {
			return nil, fail(BadKind, "mode")
		}
		var err error
		if s.KID, err = parseKID(j.KID); err != nil {
			return nil, err
		}
		if s.Expires, err = instant("expires", j.Expires); err != nil {
			return nil, err
		}
		if s.LastUpdated, err = instant("lastUpdated", j.LastUpdated); err != nil {
			return nil, err
		}
		for _, name := range j.HashTypes {
			k, err := ParseKind(name)
			if err != nil {
				return nil, err
			}
			s.Kinds = append(s.Kinds, k)
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// Partition is a part of a distribution, from GET /lists/{kid}/partitions.
type Partition struct {
	KID         []byte
	ID          string
	X, Y        string // "" when the mode has no such axis
	LastUpdated time.Time
	Expires     time.Time
	Chunks      map[string][]SliceRef // by chunk, sorted by expiry
}

// SliceRef names a filter of a chunk.
type SliceRef struct {
	Expires time.Time
	Type    SliceType
	Version string
	Hash    string // name of the file in the archive
}

// SliceType is the value of the header X-SLICE-FILTER-TYPE.
type SliceType string

const (
	BloomFilter SliceType = "BLOOMFILTER"
	VarHashList SliceType = "VARHASHLIST"
)

type partitionJSON struct {
	KID, LastUpdated, Expired string
	ID, X, Y                  *string
	Chunks                    map[string]map[string]struct{ Type, Version, Hash string }
}

// ParsePartitions reads one partition or an array of them.
func ParsePartitions(data []byte) ([]Partition, error) {
	var list []partitionJSON
	var target any = &list
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		list = make([]partitionJSON, 1)
		target = &list[0]
	}
	if err := decodeJSON(data, MaxDocument, target); err != nil {
		return nil, err
	}
	partitions := make([]Partition, 0, len(list))
	for _, j := range list {
		p, err := j.partition()
		if err != nil {
			return nil, err
		}
		partitions = append(partitions, p)
	}
	return partitions, nil
}

func (j partitionJSON) partition() (p Partition, err error) {
	if p.KID, err = parseKID(j.KID); err != nil {
		return p, err
	}
	if p.LastUpdated, err = instant("lastUpdated", j.LastUpdated); err != nil {
		return p, err
	}
	if p.Expires, err = instant("expired", j.Expired); err != nil {
		return p, err
	}
	if j.ID != nil {
		p.ID = *j.ID
	}
	for _, axis := range []struct {
		from *string
		to   *string
	}{{j.X, &p.X}, {j.Y, &p.Y}} {
		if axis.from == nil || *axis.from == "null" || *axis.from == "" {
			continue
		}
		if *axis.to = strings.ToLower(*axis.from); !digit(*axis.to) {
			return p, fail(BadMember, "x or y is no hexadecimal digit")
		}
	}
	p.Chunks = map[string][]SliceRef{}
	for id, slicesOf := range j.Chunks {
		if id = strings.ToLower(id); !digit(id) || p.Chunks[id] != nil {
			return p, fail(BadMember, "chunk is no hexadecimal digit, or stands twice")
		}
		refs := []SliceRef{}
		for expiry, s := range slicesOf {
			ref := SliceRef{Type: SliceType(s.Type), Version: s.Version, Hash: s.Hash}
			if ref.Type != BloomFilter && ref.Type != VarHashList {
				return p, fail(BadKind, "filter of a slice")
			}
			if ref.Expires, err = instant("expiry of a slice", expiry); err != nil {
				return p, err
			}
			refs = append(refs, ref)
		}
		slices.SortFunc(refs, func(a, b SliceRef) int { return a.Expires.Compare(b.Expires) })
		p.Chunks[id] = refs
	}
	return p, nil
}

func digit(s string) bool { return len(s) == 1 && strings.Contains("0123456789abcdef", s) }

// Slices gives the filters in which a hash must be looked for at an instant; none when the hash
// belongs to another partition.
func (p Partition) Slices(m Mode, h Hash, at time.Time) []SliceRef {
	x, y, chunk := m.Place(h)
	if p.X != x || p.Y != y || !at.Before(p.Expires) {
		return nil
	}
	var refs []SliceRef
	for _, s := range p.Chunks[chunk] {
		if at.Before(s.Expires) {
			refs = append(refs, s)
		}
	}
	return refs
}

// ReadArchive reads the slices of a chunk, a tar archive under gzip: the last part of each name to
// its bytes.
func ReadArchive(r io.Reader) (map[string][]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fail(BadArchive, "not gzip")
	}
	limited := &io.LimitedReader{R: z, N: MaxArchive + 1}
	archive := tar.NewReader(limited)
	files := map[string][]byte{}
	for {
		head, err := archive.Next()
		switch {
		case limited.N <= 0:
			return nil, fail(TooLarge, "archive of more than %d bytes", MaxArchive)
		case err == io.EOF:
			return files, nil
		case err != nil:
			return nil, fail(BadArchive, "not tar")
		case head.Typeflag != tar.TypeReg:
			continue
		case head.Size > MaxSlice || len(files) == MaxSlices:
			return nil, fail(TooLarge, "file of %d bytes after %d files", head.Size, len(files))
		}
		data, err := io.ReadAll(archive)
		if limited.N <= 0 {
			return nil, fail(TooLarge, "archive of more than %d bytes", MaxArchive)
		}
		if err != nil {
			return nil, fail(BadArchive, "cut short")
		}
		name := path.Base(head.Name)
		if _, twice := files[name]; twice {
			return nil, fail(BadArchive, "a name stands twice")
		}
		files[name] = data
	}
}

// Filter is a set that may hold more than was put in: what it contains is [ToCheck], what it does
// not contain is [NotListed].
type Filter interface {
	Contains(element []byte) bool // of a distribution: the 16 bytes of the hash
}

// ParseSlice reads a filter.
func ParseSlice(t SliceType, data []byte) (Filter, error) {
	switch t {
	case BloomFilter:
		return ParseBloom(data)
	case VarHashList:
		return ParseHashList(data)
	}
	return nil, fail(BadKind, "filter of a slice")
}

// Bloom is a Bloom filter, bit for bit that of dgc-bloomfilter.
type Bloom struct {
	k       uint8   // hashes per element
	p       float32 // wished rate of false hits
	n       int32   // elements that it is made for
	current int32   // elements added
	words   []uint32
}

const (
	filterVersion = 1
	bloomHead     = 2 + 1 + 1 + 4 + 4 + 4 + 4
	hashListHead  = 2 + 4 + 4 + 1
)

// NewBloom makes an empty filter for n elements and a rate p of false hits.
func NewBloom(n int, p float32) (*Bloom, error) {
	if n < 1 || n > math.MaxInt32 || !(p > 0 && p < 1) {
		return nil, fail(BadHead, "filter for %d elements at %g", n, p)
	}
	// As upstream, in the same order of operations: the last bit decides about a word.
	size := math.Ceil(float64(n) * math.Log(float64(p)) / math.Log(1/math.Pow(2, math.Ln2)))
	if size/8 > MaxSlice {
		return nil, fail(TooLarge, "filter of %g bits", size)
	}
	octets := int(size)/8 + 1
	words := octets/4 + octets%4
	k := math.Max(1, math.Floor(float64(32*words)/float64(n)*math.Ln2+0.5))
	if k > math.MaxInt8 {
		return nil, fail(BadHead, "filter with %g hashes per element", k)
	}
	return &Bloom{k: uint8(k), p: p, n: int32(n), words: make([]uint32, words)}, nil
}

// ParseBloom reads a filter.
func ParseBloom(data []byte) (*Bloom, error) {
	if len(data) > MaxSlice {
		return nil, fail(TooLarge, "filter of %d bytes", len(data))
	}
	if len(data) < bloomHead {
		return nil, fail(Truncated, "filter of %d bytes", len(data))
	}
	if v := binary.BigEndian.Uint16(data); v != filterVersion {
		return nil, fail(BadVersion, "filter version %d", v)
	}
	b := &Bloom{
		k:       data[2],
		p:       math.Float32frombits(binary.BigEndian.Uint32(data[4:])),
		n:       int32(binary.BigEndian.Uint32(data[8:])),
		current: int32(binary.BigEndian.Uint32(data[12:])),
	}
	words := binary.BigEndian.Uint32(data[16:])
	switch {
	case data[3] != 0: // 0 is SHA-256, and there is no other
		return nil, fail(BadKind, "hash function %d", data[3])
	case b.k < 1 || b.k > math.MaxInt8 || !(b.p > 0 && b.p <= 1) || b.n < 1 || b.current < 0 || words < 1:
		return nil, fail(BadHead, "filter with %d hashes, rate %g, %d of %d elements, %d words", b.k, b.p, b.current, b.n, words)
	}
	if err := exactly(data, bloomHead+4*uint64(words)); err != nil {
		return nil, err
	}
	b.words = make([]uint32, words)
	for i := range b.words {
		b.words[i] = binary.BigEndian.Uint32(data[bloomHead+4*i:])
	}
	return b, nil
}

func exactly(data []byte, want uint64) error {
	switch have := uint64(len(data)); {
	case have < want:
		return fail(Truncated, "%d bytes, expected %d", have, want)
	case have > want:
		return fail(Trailing, "%d bytes, expected %d", have, want)
	}
	return nil
}

// MarshalBinary writes the filter as [ParseBloom] reads it.
func (b *Bloom) MarshalBinary() ([]byte, error) {
	data := make([]byte, 0, bloomHead+4*len(b.words))
	data = binary.BigEndian.AppendUint16(data, filterVersion)
	data = append(data, b.k, 0)
	data = binary.BigEndian.AppendUint32(data, math.Float32bits(b.p))
	data = binary.BigEndian.AppendUint32(data, uint32(b.n))
	data = binary.BigEndian.AppendUint32(data, uint32(b.current))
	data = binary.BigEndian.AppendUint32(data, uint32(len(b.words)))
	for _, w := range b.words {
		data = binary.BigEndian.AppendUint32(data, w)
	}
	return data, nil
}

// Bits gives the number of bits, Hashes the number of them that an element sets.
func (b *Bloom) Bits() int   { return 32 * len(b.words) }
func (b *Bloom) Hashes() int { return int(b.k) }

// Words gives a copy of the bits; the first bit is the highest of the first word.
func (b *Bloom) Words() []uint32 { return slices.Clone(b.words) }

// Add puts an element in.
func (b *Bloom) Add(element []byte) {
	for i := range b.k {
		n := index(element, i, uint64(b.Bits()))
		b.words[n/32] |= 0x80000000 >> (n % 32)
	}
	if b.current < math.MaxInt32 {
		b.current++
	}
}

// Contains reports that an element may have been put in. It allocates nothing for elements of up
// to 63 bytes.
func (b *Bloom) Contains(element []byte) bool {
	if len(b.words) == 0 {
		return false
	}
	for i := range b.k {
		n := index(element, i, uint64(b.Bits()))
		if b.words[n/32]&(0x80000000>>(n%32)) == 0 {
			return false
		}
	}
	return true
}

// index gives bit i of an element: SHA-256(element ‖ i) as a signed big-endian integer, modulo the
// number of bits, never negative.
func index(element []byte, i uint8, modulus uint64) uint64 {
	var buffer [64]byte
	sum := sha256.Sum256(append(append(buffer[:0], element...), i))
	var rest uint64
	for at := 0; at < len(sum); at += 8 {
		_, rest = bits.Div64(rest, binary.BigEndian.Uint64(sum[at:]), modulus)
	}
	if sum[0] < 0x80 {
		return rest
	}
	// The integer is negative: 2^256 less.
	power := 1 % modulus
	for range 4 {
		_, power = bits.Div64(power, 0, modulus)
	}
	if rest >= power {
		return rest - power
	}
	return rest + modulus - power
}

// HashList is a list of hashes cut to their first bytes.
type HashList struct {
	size     int
	p        float32
	prefixes []byte // sorted
}

// NewHashList makes a list with the shortest prefixes, of 2 bytes or more, that give at most the
// rate p of false hits.
func NewHashList(hashes []Hash, p float32) (*HashList, error) {
	if len(hashes) == 0 || len(hashes) > MaxSlice/HashSize || !(p > 0 && p < 1) {
		return nil, fail(BadHead, "list of %d hashes at %g", len(hashes), p)
	}
	l := &HashList{size: prefixSize(len(hashes), float64(p), 2, HashSize), p: p}
	for _, h := range hashes {
		l.prefixes = append(l.prefixes, h[:l.size]...)
	}
	sort.Sort(byBytes{l})
	return l, nil
}

// prefixSize gives the least size at which n random prefixes are hit by chance at the rate p or less.
func prefixSize(n int, p float64, least, most int) int {
	size := least
	for size < most && float64(n)*math.Exp2(-8*float64(size)) > p {
		size++
	}
	return size
}

// ParseHashList reads a list. Its order does not matter: upstream sorts prefixes as signed
// integers, here they are sorted by bytes.
func ParseHashList(data []byte) (*HashList, error) {
	if len(data) > MaxSlice {
		return nil, fail(TooLarge, "list of %d bytes", len(data))
	}
	if len(data) < hashListHead {
		return nil, fail(Truncated, "list of %d bytes", len(data))
	}
	if v := binary.BigEndian.Uint16(data); v != filterVersion {
		return nil, fail(BadVersion, "list version %d", v)
	}
	l := &HashList{p: math.Float32frombits(binary.BigEndian.Uint32(data[2:])), size: int(data[10])}
	n := int32(binary.BigEndian.Uint32(data[6:]))
	if l.size < 1 || l.size > sha256.Size || n < 0 || !(l.p > 0 && l.p <= 1) {
		return nil, fail(BadHead, "list of %d prefixes of %d bytes at %g", n, l.size, l.p)
	}
	if err := exactly(data, hashListHead+uint64(n)*uint64(l.size)); err != nil {
		return nil, err
	}
	l.prefixes = bytes.Clone(data[hashListHead:])
	if !sort.IsSorted(byBytes{l}) {
		sort.Sort(byBytes{l})
	}
	return l, nil
}

// MarshalBinary writes the list as [ParseHashList] reads it, in the order of signed integers, which
// readers upstream rely on.
func (l *HashList) MarshalBinary() ([]byte, error) {
	data := binary.BigEndian.AppendUint16(make([]byte, 0, hashListHead+len(l.prefixes)), filterVersion)
	data = binary.BigEndian.AppendUint32(data, math.Float32bits(l.p))
	data = binary.BigEndian.AppendUint32(data, uint32(l.Len()))
	data = append(data, byte(l.size))
	negative := l.size * sort.Search(l.Len(), func(i int) bool { return l.prefixes[i*l.size] >= 0x80 })
	return append(append(data, l.prefixes[negative:]...), l.prefixes[:negative]...), nil
}

// Contains reports that the first bytes of an element are on the list.
func (l *HashList) Contains(element []byte) bool {
	return len(element) >= l.size && l.size > 0 && search(l.prefixes, l.size, element)
}

// Len gives the number of prefixes.
func (l *HashList) Len() int {
	if l.size == 0 {
		return 0
	}
	return len(l.prefixes) / l.size
}

func (l *HashList) at(i int) []byte { return l.prefixes[i*l.size : (i+1)*l.size] }

// byBytes sorts the prefixes of a list.
type byBytes struct{ *HashList }

func (l byBytes) Less(i, j int) bool { return bytes.Compare(l.at(i), l.at(j)) < 0 }

func (l byBytes) Swap(i, j int) {
	var b [sha256.Size]byte
	copy(b[:], l.at(i))
	copy(l.at(i), l.at(j))
	copy(l.at(j), b[:l.size])
}

// search looks for the first bytes of an element among sorted entries of a size.
func search(entries []byte, size int, element []byte) bool {
	low, high := 0, len(entries)/size
	for low < high {
		middle := (low + high) / 2
		switch c := bytes.Compare(entries[middle*size:(middle+1)*size], element[:size]); {
		case c == 0:
			return true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}
