package revocation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"carnet/hcert/revocation"
)

var update = flag.Bool("update", false, "write the vectors of testdata again, with fresh keys")

var (
	issued = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	next   = issued.Add(7 * 24 * time.Hour)
)

// codeOf gives the code of an error, "" for none.
func codeOf(t testing.TB, err error) revocation.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*revocation.Error](err)
	if !ok {
		t.Fatalf("an error of another type: %v", err)
	}
	return e.Code
}

func load(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func store(t testing.TB, name string, v any) {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "\t")
	if err == nil {
		err = os.WriteFile("testdata/"+name, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type document struct {
	Kind, Name, Text string
	Code             revocation.Code
}

func parseDocument(kind string, text []byte) error {
	var err error
	switch kind {
	case "batch":
		_, err = revocation.ParseBatch(text, issued)
	case "batch-list":
		_, err = revocation.ParseBatchList(text)
	case "sources":
		_, err = revocation.ParseSources(text)
	case "partitions":
		_, err = revocation.ParsePartitions(text)
	default:
		err = fmt.Errorf("no kind %q", kind)
	}
	return err
}

func TestGoldenDocuments(t *testing.T) {
	var all []document
	load(t, "documents.json", &all)
	for _, d := range all {
		if err := parseDocument(d.Kind, []byte(d.Text)); codeOf(t, err) != d.Code {
			t.Errorf("%s, %s: %v, expected %q", d.Kind, d.Name, err, d.Code)
		}
	}
	t.Logf("%d documents", len(all))
}

// key is the n-th key of a kind in the vectors.
func key(kind revocation.Kind, n int) revocation.Key {
	sum := sha256.Sum256(fmt.Appendf(nil, "vector %d", n))
	if kind == revocation.TwoDDoc {
		return revocation.TwoDDocKey(sum)
	}
	return kind.Key(revocation.Hash(sum[:revocation.HashSize]))
}

func keys(kind revocation.Kind, from, to int) (list []revocation.Key) {
	for i := from; i < to; i++ {
		list = append(list, key(kind, i))
	}
	return list
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign replaces the signature of a list, and its key identifier.
func sign(t testing.TB, list []byte, k *ecdsa.PrivateKey) []byte {
	t.Helper()
	id, err := revocation.KeyID(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	list = append([]byte(nil), list...)
	copy(list[34:42], id[:])
	digest := sha256.Sum256(list[:len(list)-64])
	r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	r.FillBytes(list[len(list)-64 : len(list)-32])
	s.FillBytes(list[len(list)-32:])
	return list
}

// body builds a list without any check: head, sections as kind, size, count, then entries; unsigned.
func body(issued, next uint64, sections [][3]uint32, entries ...byte) []byte {
	b := append([]byte("CARNETRL\x01"), byte(len(sections)))
	b = binary.BigEndian.AppendUint64(b, 7)
	b = binary.BigEndian.AppendUint64(b, issued)
	b = binary.BigEndian.AppendUint64(b, next)
	b = append(b, make([]byte, 8)...)
	for _, s := range sections {
		b = append(b, byte(s[0]), byte(s[1]))
		b = binary.BigEndian.AppendUint32(b, s[2])
	}
	return append(append(b, entries...), make([]byte, 64)...)
}

type goldenList struct {
	Name  string          `json:"name"`
	About string          `json:"about"`
	List  []byte          `json:"list"`
	Key   []byte          `json:"key"`
	Code  revocation.Code `json:"code"`
}

func makeLists(t *testing.T) (all []goldenList) {
	k := newKey(t)
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, about string, code revocation.Code, list []byte) {
		all = append(all, goldenList{name, about, list, der, code})
	}
	draft := func(falseHits float64, keys ...revocation.Key) []byte {
		list, err := revocation.Draft{Number: 7, IssuedAt: issued, NextUpdate: next, FalseHits: falseHits, Keys: keys}.Sign(rand.Reader, k)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	var mixed []revocation.Key
	for kind := revocation.UCI; kind <= revocation.TwoDDoc; kind++ {
		mixed = append(mixed, keys(kind, 0, 5)...)
	}
	good := draft(0, mixed...)
	add("empty", "nothing is revoked", "", draft(0))
	add("exact", "five certificates of each kind, full hashes", "", good)
	add("short", "the same, at one false hit in a million", "", draft(1e-6, mixed...))
	add("twice", "a draft with duplicates gives the same entries", "", draft(0, append(mixed, mixed...)...))
	add("one-2ddoc", "a single 2D-Doc", "", draft(0, key(revocation.TwoDDoc, 0)))

	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	add("no-bytes", "nothing at all", revocation.Truncated, []byte{})
	add("head-only", "cut after the head", revocation.Truncated, good[:42])
	add("magic", "another first letter", revocation.BadHead, change(0, 'c'))
	add("version-2", "version 2 of the format", revocation.BadVersion, change(8, 2))
	add("other-key", "signed by a key that is not the one given", revocation.UnknownKey, sign(t, good, newKey(t)))
	add("changed-number", "a bit of the number changed after signing", revocation.BadSignature, change(17, 8))
	add("changed-entry", "a bit of an entry changed after signing", revocation.BadSignature, change(len(good)-65, good[len(good)-65]^1))
	add("changed-signature", "the last bit of the signature changed", revocation.BadSignature, change(len(good)-1, good[len(good)-1]^1))
	zero := append([]byte(nil), good...)
	clear(zero[len(zero)-64:])
	add("zero-signature", "r and s are zero", revocation.BadSignature, zero)
	add("cut-short", "the last byte is missing", revocation.BadSignature, good[:len(good)-1])
	add("byte-after", "one byte after the signature", revocation.BadSignature, append(append([]byte(nil), good...), 0))

	from, to := uint64(issued.Unix()), uint64(next.Unix())
	signed := func(name, about string, code revocation.Code, b []byte) { add(name, about, code, sign(t, b, k)) }
	ascending := []byte{0, 0, 0, 1, 0, 0, 0, 2}
	signed("four-bytes", "entries of four bytes, the least", "", body(from, to, [][3]uint32{{1, 4, 2}}, ascending...))
	signed("dates-turned", "next update before the issue", revocation.BadHead, body(to, from, nil))
	signed("dates-equal", "next update at the issue", revocation.BadHead, body(from, from, nil))
	signed("date-huge", "next update after the year 9999", revocation.BadHead, body(from, 253402300800, nil))
	signed("date-negative", "issued at 2^64-1", revocation.BadHead, body(1<<64-1, 0, nil))
	signed("five-sections", "more sections than kinds", revocation.BadHead, body(from, to, [][3]uint32{{1, 4, 2}, {2, 4, 2}, {3, 4, 2}, {4, 4, 2}, {5, 4, 2}}, ascending...))
	signed("sections-missing", "four sections announced, none there", revocation.Truncated, func() []byte { b := body(from, to, nil); b[9] = 4; return b }())
	signed("kind-0", "a section of kind 0", revocation.BadHead, body(from, to, [][3]uint32{{0, 4, 2}}, ascending...))
	signed("kind-5", "a section of kind 5", revocation.BadHead, body(from, to, [][3]uint32{{5, 4, 2}}, ascending...))
	signed("kinds-turned", "sections out of order", revocation.BadHead, body(from, to, [][3]uint32{{2, 4, 1}, {1, 4, 1}}, ascending...))
	signed("kind-twice", "two sections of a kind", revocation.BadHead, body(from, to, [][3]uint32{{1, 4, 1}, {1, 4, 1}}, ascending...))
	signed("entry-of-3", "entries of three bytes", revocation.BadHead, body(from, to, [][3]uint32{{1, 3, 2}}, 0, 0, 1, 0, 0, 2))
	signed("entry-of-17", "entries longer than the hash", revocation.BadHead, body(from, to, [][3]uint32{{1, 17, 1}}, make([]byte, 17)...))
	signed("entry-of-33", "entries of a 2D-Doc longer than the hash", revocation.BadHead, body(from, to, [][3]uint32{{4, 33, 1}}, make([]byte, 33)...))
	signed("section-empty", "a section without entry", revocation.BadHead, body(from, to, [][3]uint32{{1, 4, 0}}))
	signed("count-huge", "2^32-1 entries announced", revocation.Truncated, body(from, to, [][3]uint32{{4, 32, 1<<32 - 1}}, ascending...))
	signed("count-short", "fewer entries than announced", revocation.Truncated, body(from, to, [][3]uint32{{1, 4, 3}}, ascending...))
	signed("count-long", "more entries than announced", revocation.Trailing, body(from, to, [][3]uint32{{1, 4, 1}}, ascending...))
	signed("unsorted", "entries descend", revocation.BadOrder, body(from, to, [][3]uint32{{1, 4, 2}}, 0, 0, 0, 2, 0, 0, 0, 1))
	signed("entry-twice", "an entry twice", revocation.BadOrder, body(from, to, [][3]uint32{{1, 4, 2}}, 0, 0, 0, 1, 0, 0, 0, 1))
	return all
}

func TestGoldenLists(t *testing.T) {
	if *update {
		store(t, "lists.json", makeLists(t))
	}
	var all []goldenList
	load(t, "lists.json", &all)
	if n := len(makeLists(t)); n != len(all) {
		t.Errorf("testdata has %d lists, the table %d: run go test -update", len(all), n)
	}
	for _, g := range all {
		t.Run(g.Name, func(t *testing.T) {
			public, err := x509.ParsePKIXPublicKey(g.Key)
			if err != nil {
				t.Fatal(err)
			}
			l, err := revocation.Open(g.List, newKey(t).Public().(*ecdsa.PublicKey), nil, public.(*ecdsa.PublicKey))
			if codeOf(t, err) != g.Code || (l == nil) != (err != nil) {
				t.Fatalf("%v, expected %q", err, g.Code)
			}
			if _, err := revocation.Open(g.List); err == nil {
				t.Error("opens without key")
			}
			if l == nil {
				return
			}
			if l.Number() != 7 || !l.IssuedAt().Equal(issued) || !l.NextUpdate().Equal(next) {
				t.Errorf("%d, %s, %s", l.Number(), l.IssuedAt(), l.NextUpdate())
			}
			want := map[string]map[revocation.Kind]revocation.Status{
				"empty": {}, "four-bytes": {}, "one-2ddoc": {revocation.TwoDDoc: revocation.Revoked},
				"exact": {1: revocation.Revoked, 2: revocation.Revoked, 3: revocation.Revoked, 4: revocation.Revoked},
				"twice": {1: revocation.Revoked, 2: revocation.Revoked, 3: revocation.Revoked, 4: revocation.Revoked},
				"short": {1: revocation.ToCheck, 2: revocation.ToCheck, 3: revocation.ToCheck, 4: revocation.ToCheck},
			}[g.Name]
			for kind := revocation.UCI; kind <= revocation.TwoDDoc; kind++ {
				if got := l.Lookup(key(kind, 0)); got != want[kind] {
					t.Errorf("%s: %s, expected %s", kind, got, want[kind])
				}
				if got := l.Lookup(key(kind, 99)); got != revocation.NotListed {
					t.Errorf("%s of nobody: %s", kind, got)
				}
			}
		})
	}
	t.Logf("%d lists", len(all))
}

type goldenFilter struct {
	Type  revocation.SliceType `json:"type"`
	Name  string               `json:"name"`
	Data  string               `json:"data"`
	Code  revocation.Code      `json:"code"`
	Holds []string             `json:"holds,omitempty"`
	Lacks []string             `json:"lacks,omitempty"`
}

func makeFilters(t *testing.T) (all []goldenFilter) {
	var hashes []revocation.Hash
	var holds, lacks []string
	for i := range 20 {
		h := key(revocation.UCI, i).Hash()
		if i < 10 {
			hashes, holds = append(hashes, h), append(holds, h.Hex())
		} else {
			lacks = append(lacks, h.Hex())
		}
	}
	b, err := revocation.NewBloom(len(hashes), 1e-5)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hashes {
		b.Add(h[:])
	}
	bloom, err := b.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	l, err := revocation.NewHashList(hashes, 1e-5)
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	add := func(kind revocation.SliceType, name string, code revocation.Code, data []byte) {
		g := goldenFilter{Type: kind, Name: name, Data: hex.EncodeToString(data), Code: code}
		if code == "" && len(data) > 20 {
			g.Holds, g.Lacks = holds, lacks
		}
		all = append(all, g)
	}
	with := func(data []byte, at int, to ...byte) []byte {
		data = append([]byte(nil), data...)
		copy(data[at:], to)
		return data
	}
	const B, V = revocation.BloomFilter, revocation.VarHashList
	add(B, "ten elements", "", bloom)
	add(B, "version 2", revocation.BadVersion, with(bloom, 0, 0, 2))
	add(B, "no hashes", revocation.BadHead, with(bloom, 2, 0))
	add(B, "negative hashes", revocation.BadHead, with(bloom, 2, 0xff))
	add(B, "another hash function", revocation.BadKind, with(bloom, 3, 1))
	add(B, "rate of zero", revocation.BadHead, with(bloom, 4, 0, 0, 0, 0))
	add(B, "rate that is no number", revocation.BadHead, with(bloom, 4, 0x7f, 0xc0, 0, 0))
	add(B, "negative elements", revocation.BadHead, with(bloom, 8, 0xff))
	add(B, "negative current", revocation.BadHead, with(bloom, 12, 0xff))
	add(B, "no words", revocation.BadHead, with(bloom[:20], 16, 0, 0, 0, 0))
	add(B, "huge words", revocation.Truncated, with(bloom, 16, 0xff, 0xff, 0xff, 0xff))
	add(B, "cut short", revocation.Truncated, bloom[:len(bloom)-1])
	add(B, "head cut short", revocation.Truncated, bloom[:19])
	add(B, "byte after", revocation.Trailing, append(append([]byte(nil), bloom...), 0))
	add(V, "ten prefixes", "", list)
	add(V, "unsorted", "", append(append(append([]byte(nil), list[:11]...), list[11+3*5:]...), list[11:11+3*5]...))
	add(V, "empty", "", with(list[:11], 6, 0, 0, 0, 0))
	add(V, "version 0", revocation.BadVersion, with(list, 0, 0, 0))
	add(V, "rate above one", revocation.BadHead, with(list, 2, 0x40))
	add(V, "negative count", revocation.BadHead, with(list, 6, 0x80))
	add(V, "huge count", revocation.Truncated, with(list, 6, 0x7f, 0xff, 0xff, 0xff))
	add(V, "size 0", revocation.BadHead, with(list, 10, 0))
	add(V, "size 33", revocation.BadHead, with(list, 10, 33))
	add(V, "negative size", revocation.BadHead, with(list, 10, 0xff))
	add(V, "cut short", revocation.Truncated, list[:len(list)-1])
	add(V, "byte after", revocation.Trailing, append(append([]byte(nil), list...), 0))
	add("CUCKOO", "unknown filter", revocation.BadKind, list)
	return all
}

func TestGoldenFilters(t *testing.T) {
	made := makeFilters(t)
	if *update {
		store(t, "filters.json", made)
	}
	var all []goldenFilter
	load(t, "filters.json", &all)
	if a, b := fmt.Sprint(made), fmt.Sprint(all); a != b {
		t.Error("filters are written in another way than in testdata: run go test -update if that is meant")
	}
	for _, g := range all {
		data, err := hex.DecodeString(g.Data)
		if err != nil {
			t.Fatal(err)
		}
		f, err := revocation.ParseSlice(g.Type, data)
		if codeOf(t, err) != g.Code {
			t.Errorf("%s, %s: %v, expected %q", g.Type, g.Name, err, g.Code)
			continue
		}
		for _, set := range []struct {
			elements []string
			want     bool
		}{{g.Holds, true}, {g.Lacks, false}} {
			for _, e := range set.elements {
				element, err := hex.DecodeString(e)
				if err != nil {
					t.Fatal(err)
				}
				if f.Contains(element) != set.want {
					t.Errorf("%s, %s: %s, expected %v", g.Type, g.Name, base64.StdEncoding.EncodeToString(element), set.want)
				}
			}
		}
	}
	t.Logf("%d filters", len(all))
}
