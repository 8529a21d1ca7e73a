package revocation_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/revocation"
)

func certificate(ci string) *hcert.Certificate {
	return &hcert.Certificate{
		Algorithm: hcert.ES256, KID: []byte("clef0001"), Signature: bytes.Repeat([]byte{7}, 64),
		DCC: &dcc.Certificate{Vaccinations: []dcc.Vaccination{{Country: "FR", ID: ci}}},
	}
}

func sum16(parts ...string) string {
	s := sha256.Sum256([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(s[:16])
}

func TestHashes(t *testing.T) {
	const ci = "urn:uvci:01:FR:FOUGERE00001#K"
	half, all := strings.Repeat("r", 32), strings.Repeat("r", 32)+strings.Repeat("s", 32)
	for name, c := range map[string]struct {
		got  revocation.Hash
		want string
	}{
		"identifier":         {revocation.HashUCI(ci), sum16(ci)},
		"country":            {revocation.HashCountryUCI("FR", ci), sum16("FR", ci)},
		"ES256: r":           {revocation.HashSignature(hcert.ES256, []byte(all)), sum16(half)},
		"ES256: s is free":   {revocation.HashSignature(hcert.ES256, []byte(half+half)), sum16(half)},
		"PS256: all":         {revocation.HashSignature(hcert.PS256, []byte(all)), sum16(all)},
		"empty signature":    {revocation.HashSignature(hcert.ES256, nil), sum16()},
		"hash in base64":     {must(revocation.ParseHash(revocation.HashUCI("x").Base64())), sum16("x")},
		"hash in hexdecimal": {must(revocation.ParseHash(sum16("x"))), sum16("x")},
	} {
		if c.got.Hex() != c.want {
			t.Errorf("%s: %s, expected %s", name, c.got.Hex(), c.want)
		}
	}
	for _, s := range []string{"", "xx", strings.Repeat("g", 32), strings.Repeat("A", 22), strings.Repeat("A", 24), "AAAAAAAAAAAAAAAAAAAAAB=="} {
		if h, err := revocation.ParseHash(s); err == nil {
			t.Errorf("%q: %s", s, h.Hex())
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		certificate *hcert.Certificate
		want        []string // kind and what was hashed
	}{
		"canonical": {certificate("URN:UVCI:01:FR:TILLEUL1"), []string{"UCI URN:UVCI:01:FR:TILLEUL1", "COUNTRYCODEUCI FRURN:UVCI:01:FR:TILLEUL1", "SIGNATURE " + strings.Repeat("\a", 32)}},
		"as signed and canonical": {certificate("01:fr:tilleul1#x"), []string{"UCI 01:fr:tilleul1#x", "COUNTRYCODEUCI FR01:fr:tilleul1#x",
			"UCI URN:UVCI:01:FR:TILLEUL1", "COUNTRYCODEUCI FRURN:UVCI:01:FR:TILLEUL1", "SIGNATURE " + strings.Repeat("\a", 32)}},
		"no identifier":       {certificate(""), []string{"SIGNATURE " + strings.Repeat("\a", 32)}},
		"no event":            {&hcert.Certificate{DCC: &dcc.Certificate{}, Signature: []byte("abcd")}, []string{"SIGNATURE abcd"}},
		"nothing":             {&hcert.Certificate{}, nil},
		"no certificate":      {nil, nil},
		"two events":          {&hcert.Certificate{DCC: &dcc.Certificate{Tests: make([]dcc.Test, 2)}}, nil},
		"signature all of it": {&hcert.Certificate{Algorithm: hcert.PS256, Signature: []byte("abcd")}, []string{"SIGNATURE abcd"}},
	} {
		var want []string
		for _, w := range c.want {
			kind, text, _ := strings.Cut(w, " ")
			want = append(want, kind+sum16(text))
		}
		var got []string
		for _, k := range revocation.Keys(c.certificate) {
			got = append(got, k.Kind.String()+k.Hash().Hex())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
}

// TestSilence: printed or logged, hashes and keys show nothing.
func TestSilence(t *testing.T) {
	h := revocation.HashUCI("x")
	k := revocation.UCI.Key(h)
	d := revocation.TwoDDocKey(sha256.Sum256([]byte("x")))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "h", h, "k", k)
	text := fmt.Sprintf("%v %s %+v %#v %v %#v %v %v", h, h, h, h, k, k, d, []revocation.Key{k, d}) + log.String()
	if strings.Contains(text, h.Hex()[:8]) || strings.Contains(text, h.Base64()[:8]) || strings.Contains(text, fmt.Sprint(h[0], " ", h[1])) || !strings.Contains(text, "█") {
		t.Error(text)
	}
}

func TestBatch(t *testing.T) {
	b := revocation.Batch{Country: "FR", Expires: next, KID: []byte("clef0001"), Kind: revocation.CountryUCI, Hashes: []revocation.Hash{revocation.HashUCI("a"), revocation.HashUCI("b")}}
	again, err := revocation.ParseBatch(must(json.Marshal(b)), issued)
	if err != nil || !reflect.DeepEqual(again, b) {
		t.Errorf("%v, %v", again, err)
	}
	b.KID = nil
	if text := must(json.Marshal(b)); !bytes.Contains(text, []byte(`"UNKNOWN_KID"`)) {
		t.Errorf("%s", text)
	}
	for name, bad := range map[string]revocation.Batch{
		"country": {Country: "fr", Expires: next, Kind: revocation.UCI, Hashes: b.Hashes},
		"kid":     {Country: "FR", Expires: next, Kind: revocation.UCI, KID: []byte("1"), Hashes: b.Hashes},
		"kind":    {Country: "FR", Expires: next, Kind: revocation.TwoDDoc, Hashes: b.Hashes},
		"empty":   {Country: "FR", Expires: next, Kind: revocation.UCI},
		"many":    {Country: "FR", Expires: next, Kind: revocation.UCI, Hashes: make([]revocation.Hash, revocation.MaxEntries+1)},
		"expiry":  {Country: "FR", Kind: revocation.UCI, Hashes: b.Hashes},
	} {
		if _, err := json.Marshal(bad); err == nil {
			t.Errorf("%s marshals", name)
		}
		if _, err := new(revocation.Register).Add("1", bad, issued); err == nil {
			t.Errorf("%s is added", name)
		}
	}
	if _, err := revocation.ParseBatch(append(must(json.Marshal(b)), bytes.Repeat([]byte(" "), revocation.MaxDocument)...), issued); codeOf(t, err) != revocation.TooLarge {
		t.Error(err)
	}
}

func TestRegister(t *testing.T) {
	revoked, other := certificate("URN:UVCI:01:FR:FOUGERE1#A"), certificate("URN:UVCI:01:FR:AUBEPINE1#B")
	other.Signature = bytes.Repeat([]byte{8}, 64)
	batch := func(kid string, kind revocation.Kind, hashes ...revocation.Hash) revocation.Batch {
		b := revocation.Batch{Country: "FR", Expires: next, Kind: kind, Hashes: hashes}
		if kid != "" {
			b.KID = []byte(kid)
		}
		return b
	}
	ci := revoked.DCC.ID()
	for name, c := range map[string]struct {
		batch revocation.Batch
		want  revocation.Status
		kind  revocation.Kind
	}{
		"identifier":           {batch("clef0001", revocation.UCI, revocation.HashUCI(ci)), revocation.Revoked, revocation.UCI},
		"canonical identifier": {batch("clef0001", revocation.UCI, revocation.HashUCI("URN:UVCI:01:FR:FOUGERE1")), revocation.Revoked, revocation.UCI},
		"country":              {batch("clef0001", revocation.CountryUCI, revocation.HashCountryUCI("FR", ci)), revocation.Revoked, revocation.CountryUCI},
		"signature":            {batch("clef0001", revocation.Signature, revocation.HashSignature(hcert.ES256, revoked.Signature)), revocation.Revoked, revocation.Signature},
		"unknown key":          {batch("", revocation.UCI, revocation.HashUCI(ci)), revocation.Revoked, revocation.UCI},
		"another key":          {batch("clef0002", revocation.UCI, revocation.HashUCI(ci)), revocation.NotListed, 0},
		"another kind":         {batch("clef0001", revocation.Signature, revocation.HashUCI(ci)), revocation.NotListed, 0},
		"another country":      {batch("clef0001", revocation.CountryUCI, revocation.HashCountryUCI("DE", ci)), revocation.NotListed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var r revocation.Register
			n, err := r.Add("1", c.batch, issued)
			if n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if got, kind := r.Lookup(revoked, issued); got != c.want || kind != c.kind {
				t.Errorf("%s by %s, expected %s by %s", got, kind, c.want, c.kind)
			}
			if got, _ := r.Lookup(other, issued); got != revocation.NotListed {
				t.Errorf("another one: %s", got)
			}
			if got, _ := r.Lookup(revoked, next); got != revocation.NotListed {
				t.Errorf("after the expiry of the batch: %s", got)
			}
			if got, _ := r.Lookup(nil, issued); got != revocation.NotListed {
				t.Error(got)
			}
		})
	}

	var r revocation.Register
	h := []revocation.Hash{revocation.HashUCI("a"), revocation.HashUCI("b"), revocation.HashUCI("a")}
	if n, err := r.Add("1", batch("clef0001", revocation.UCI, h...), issued); n != 2 || err != nil {
		t.Errorf("%d added, %v", n, err)
	}
	if n, err := r.Add("2", batch("clef0001", revocation.UCI, h[1], revocation.HashUCI("c")), issued); n != 2 || err != nil {
		t.Errorf("%d added, %v", n, err)
	}
	state := func(want string) {
		t.Helper()
		batches, hashes := r.Len()
		if got := fmt.Sprint(batches, hashes); got != want {
			t.Errorf("%s, expected %s", got, want)
		}
	}
	state("2 3")
	if !r.Remove("1") || r.Remove("1") {
		t.Error("removed twice, or not at all")
	}
	state("1 2")
	if n, err := r.Add("2", batch("", revocation.UCI, h[0]), issued); n != 1 || err != nil { // in place of the other one
		t.Error(n, err)
	}
	state("1 1")
	if r.Sweep(next.Add(-1)) != 0 || r.Sweep(next) != 1 {
		t.Error("swept at another instant")
	}
	state("0 0")
	if _, err := r.Add("3", batch("", revocation.UCI, h...), next); codeOf(t, err) != revocation.Expired {
		t.Error(err)
	}
}

func TestPlace(t *testing.T) {
	h := must(revocation.ParseHash("3f9c00000000000000000000000000aa"))
	for mode, want := range map[revocation.Mode]string{revocation.Point: "//3", revocation.Vector: "3//f", revocation.Coordinate: "3/f/9"} {
		x, y, chunk := mode.Place(h)
		if got := x + "/" + y + "/" + chunk; got != want {
			t.Errorf("%s: %s, expected %s", mode, got, want)
		}
	}
}

func TestPartition(t *testing.T) {
	const text = `{"kid":"q83vEjRWeJA=","id":"3","x":"3","y":null,"lastUpdated":"2026-05-01T00:00:00Z","expired":"2027-01-01T00:00:00Z","chunks":{"f":{
	"2026-12-01T00:00:00Z":{"type":"BLOOMFILTER","version":"1.0","hash":"aa"},"2026-07-01T00:00:00Z":{"type":"VARHASHLIST","version":"1.1","hash":"bb"}}}}`
	all, err := revocation.ParsePartitions([]byte(text))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	p, h := all[0], must(revocation.ParseHash("3f9c00000000000000000000000000aa"))
	for name, c := range map[string]struct {
		mode revocation.Mode
		hash revocation.Hash
		at   time.Time
		want string
	}{
		"both":              {revocation.Vector, h, issued, "bb aa "},
		"one expired":       {revocation.Vector, h, issued.AddDate(0, 1, 0), "aa "},
		"all expired":       {revocation.Vector, h, issued.AddDate(0, 6, 0), ""},
		"partition expired": {revocation.Vector, h, issued.AddDate(0, 7, 0), ""},
		"another mode":      {revocation.Coordinate, h, issued, ""},
		"another partition": {revocation.Vector, must(revocation.ParseHash("4f9c00000000000000000000000000aa")), issued, ""},
		"another chunk":     {revocation.Vector, must(revocation.ParseHash("3e9c00000000000000000000000000aa")), issued, ""},
	} {
		got := ""
		for _, s := range p.Slices(c.mode, c.hash, c.at) {
			got += s.Hash + " "
		}
		if got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
	s, err := revocation.ParseSources([]byte(`[{"kid":"++//++//++8=","mode":"POINT","hashTypes":["SIGNATURE"],"expires":"2027-01-01T00:00:00Z","lastUpdated":"2026-05-01T00:00:00Z"}]`))
	if err != nil || s[0].Path() != "--__--__--8" || s[0].Kinds[0] != revocation.Signature {
		t.Errorf("%v, %v", s, err)
	}
}

func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i+1 < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadArchive(t *testing.T) {
	good := archive(t, "kid/3/f/aa", "first", "../../bb", "second")
	files, err := revocation.ReadArchive(bytes.NewReader(good))
	if want := map[string][]byte{"aa": []byte("first"), "bb": []byte("second")}; err != nil || !reflect.DeepEqual(files, want) {
		t.Errorf("%v, %v", files, err)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	w := tar.NewWriter(z)
	_ = w.WriteHeader(&tar.Header{Name: "aa", Size: 1 << 40})
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	var many []string
	for i := range revocation.MaxSlices + 1 {
		many = append(many, fmt.Sprint(i), "")
	}
	for name, c := range map[string]struct {
		data []byte
		want revocation.Code
	}{
		"empty":      {nil, revocation.BadArchive},
		"not gzip":   {[]byte("not gzip at all"), revocation.BadArchive},
		"cut short":  {good[:len(good)/2], revocation.BadArchive},
		"name twice": {archive(t, "a/aa", "1", "b/aa", "2"), revocation.BadArchive},
		"bomb":       {bomb.Bytes(), revocation.TooLarge},
		"many files": {archive(t, many...), revocation.TooLarge},
	} {
		if files, err := revocation.ReadArchive(bytes.NewReader(c.data)); codeOf(t, err) != c.want {
			t.Errorf("%s: %d files, %v, expected %s", name, len(files), err, c.want)
		}
	}
}

// TestBloomSizes are the figures of the specification, and the limits.
func TestBloomSizes(t *testing.T) {
	b, err := revocation.NewBloom(10_000, 1e-5)
	if err != nil || b.Hashes() != 17 || b.Bits() != 239_680 {
		t.Errorf("%d hashes, %d bits, %v", b.Hashes(), b.Bits(), err)
	}
	if got := revocation.Index([]byte{0x0b}, 1, 100); got != 75 {
		t.Errorf("index %d, expected 75", got)
	}
	for _, c := range []struct {
		n int
		p float32
	}{{0, 0.1}, {-1, 0.1}, {1, 0}, {1, 1}, {1, -1}, {1, float32(math.NaN())}, {1, 1e-38}, {math.MaxInt32, 1e-9}} {
		if b, err := revocation.NewBloom(c.n, c.p); err == nil {
			t.Errorf("%d at %g: %d bits", c.n, c.p, b.Bits())
		}
	}
	var zero revocation.Bloom
	if zero.Contains([]byte("x")) || new(revocation.HashList).Contains([]byte("x")) {
		t.Error("the empty filter contains something")
	}
}

// TestIndexAsBigInteger compares with arbitrary precision.
func TestIndexAsBigInteger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "element")
		i := rapid.Byte().Draw(t, "i")
		modulus := rapid.Uint64Range(1, 1<<40).Draw(t, "modulus")
		sum := sha256.Sum256(append(bytes.Clone(element), i))
		n := new(big.Int).SetBytes(sum[:])
		if sum[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		if want := n.Mod(n, new(big.Int).SetUint64(modulus)).Uint64(); revocation.Index(element, i, modulus) != want {
			t.Fatalf("%d, expected %d", revocation.Index(element, i, modulus), want)
		}
	})
}

// TestFiltersForgetNothing: what was put in is found, before and after writing; what was not is hit about as often as wished.
func TestFiltersForgetNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		p := float32(rapid.Float64Range(1e-6, 0.2).Draw(t, "p"))
		salt := rapid.String().Draw(t, "salt")
		var hashes []revocation.Hash
		b, err := revocation.NewBloom(n, p)
		if err != nil {
			t.Skip("too many hashes for so few elements")
		}
		for i := range n {
			h := revocation.HashUCI(fmt.Sprint(salt, i))
			hashes = append(hashes, h)
			b.Add(h[:])
		}
		l, err := revocation.NewHashList(hashes, p)
		if err != nil {
			t.Fatal(err)
		}
		bloom, err1 := revocation.ParseBloom(must(b.MarshalBinary()))
		list, err2 := revocation.ParseHashList(must(l.MarshalBinary()))
		if err1 != nil || err2 != nil || !reflect.DeepEqual(bloom, b) || !reflect.DeepEqual(list, l) {
			t.Fatal("another filter after writing: ", err1, err2)
		}
		for _, h := range hashes {
			if !bloom.Contains(h[:]) || !list.Contains(h[:]) {
				t.Fatal("an element is lost")
			}
		}
		hits := 0
		for i := range 500 {
			h := revocation.HashUCI(fmt.Sprint(salt, "not", i))
			if bloom.Contains(h[:]) {
				hits++
			}
		}
		if limit := 500*float64(p)*2 + 25; float64(hits) > limit {
			t.Fatalf("%d false hits of 500, wished %g", hits, 500*p)
		}
	})
}

// french makes a file of the French list by hand.
func french(t testing.TB, fields ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, f := range fields {
		if _, err := io.WriteString(z, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func item(text string) string { return "\x0a" + string(rune(len(text))) + text }

func TestFrenchList(t *testing.T) {
	name := func(co, ci string) string {
		sum := sha256.Sum256([]byte(co + ci))
		return hex.EncodeToString(sum[:])
	}
	a, b := name("FR", "urn:uvci:01:FR:FOUGERE1#a"), name("FR", "B")
	var l revocation.FrenchList
	steps := []struct {
		file           []byte
		added, removed int
		code           revocation.Code
		len            int
	}{
		{file: french(t, item(a), item(b), item(b)), added: 2, len: 2},
		{file: french(t), len: 2},
		{file: french(t, item("-"+b), item("-"+b), item("-"+name("FR", "C"))), removed: 1, len: 1},
		{file: french(t, item(strings.ToUpper(b))), added: 1, len: 2},
		{file: french(t, "\x10\x96\x01", "\x19........", "\x25....", "\x12\x01x", item("-"+b)), removed: 1, len: 1}, // other fields
		{file: french(t, item("-"+a), item("x")), code: revocation.BadHash, len: 1},
		{file: french(t, item(strings.Repeat("x", 64))), code: revocation.BadHash, len: 1},
		{file: french(t, item(a)[:40]), code: revocation.BadArchive, len: 1},
		{file: french(t, "\x0b"), code: revocation.BadArchive, len: 1},
		{file: french(t, "\x00\x00"), code: revocation.BadArchive, len: 1},
		{file: french(t, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), code: revocation.BadArchive, len: 1},
		{file: append(french(t, item(b)), 0), code: revocation.Trailing, len: 1},
		{file: french(t, item(b))[:30], code: revocation.BadArchive, len: 1},
		{file: nil, code: revocation.BadArchive, len: 1},
		{file: french(t, strings.Repeat("\x0a\x00", 1)), code: revocation.BadHash, len: 1},
	}
	for i, s := range steps {
		added, removed, err := l.Apply(s.file)
		if added != s.added || removed != s.removed || codeOf(t, err) != s.code || l.Len() != s.len {
			t.Errorf("step %d: %d added, %d removed, %v, %d", i, added, removed, err, l.Len())
		}
	}
	if l.Files() != 5 {
		t.Errorf("%d files", l.Files())
	}
	if got := l.Lookup("fr", "urn:uvci:01:FR:FOUGERE1#a"); got != revocation.Revoked {
		t.Errorf("the country counts in upper case: %s", got)
	}
	if got := l.Lookup("FR", "URN:UVCI:01:FR:FOUGERE1#a"); got != revocation.NotListed {
		t.Errorf("the identifier counts as signed: %s", got)
	}
	if got := new(revocation.FrenchList).Lookup("FR", "x"); got != revocation.NotListed {
		t.Error(got)
	}
}

func TestListDates(t *testing.T) {
	k := newKey(t)
	open := func(d revocation.Draft) *revocation.List {
		t.Helper()
		l, err := revocation.Open(must(d.Sign(rand.Reader, k)), &k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open(revocation.Draft{Number: 2, IssuedAt: issued.Add(300 * time.Millisecond), NextUpdate: next})
	for at, want := range map[time.Time]bool{issued.Add(-1): true, issued: false, next: false, next.Add(1): true} {
		if l.Stale(at) != want {
			t.Errorf("stale at %s: %v", at, !want)
		}
	}
	if l.Age(next) != 7*24*time.Hour || l.Age(issued.Add(-time.Hour)) != -time.Hour {
		t.Error(l.Age(next))
	}
	older := open(revocation.Draft{Number: 1, IssuedAt: issued, NextUpdate: next})
	if !l.Supersedes(nil) || !l.Supersedes(older) || older.Supersedes(l) || l.Supersedes(l) {
		t.Error("the order of lists")
	}
}

// TestConfirm: a hit by chance is settled by an exact list that is recent enough, and by nothing else.
func TestConfirm(t *testing.T) {
	k := newKey(t)
	open := func(number uint64, falseHits float64, keys ...revocation.Key) *revocation.List {
		t.Helper()
		l, err := revocation.Open(must(revocation.Draft{Number: number, IssuedAt: issued, NextUpdate: next, FalseHits: falseHits, Keys: keys}.Sign(rand.Reader, k)), &k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	revoked := key(revocation.UCI, 0)
	h := revoked.Hash()
	h[15] ^= 1 // nobody revoked this one, and it begins alike
	unlucky := revocation.UCI.Key(h)
	compact, exact, old, empty := open(5, 1e-6, revoked), open(5, 0, revoked), open(4, 0, revoked), open(4, 0)
	if !exact.Exact() || compact.Exact() || compact.Len(revocation.UCI) != 1 || compact.Len(revocation.TwoDDoc) != 0 {
		t.Error("exactness or length")
	}
	for name, c := range map[string]struct {
		key   revocation.Key
		exact *revocation.List
		want  revocation.Status
	}{
		"revoked":                      {revoked, exact, revocation.Revoked},
		"revoked, old list":            {revoked, old, revocation.Revoked},
		"revoked since the old list":   {revoked, empty, revocation.ToCheck},
		"revoked, no exact list":       {revoked, nil, revocation.ToCheck},
		"revoked, no exact one either": {revoked, compact, revocation.ToCheck},
		"unlucky":                      {unlucky, exact, revocation.NotListed},
		"unlucky, old list":            {unlucky, old, revocation.ToCheck},
		"unlucky, no exact list":       {unlucky, nil, revocation.ToCheck},
		"nobody":                       {key(revocation.UCI, 1), exact, revocation.NotListed},
		"another kind":                 {revocation.Signature.Key(revoked.Hash()), exact, revocation.NotListed},
	} {
		if got := compact.Confirm(c.exact, c.key); got != c.want {
			t.Errorf("%s: %s, expected %s", name, got, c.want)
		}
	}
	if got := exact.Lookup(key(revocation.UCI, 5), key(revocation.TwoDDoc, 0), revoked); got != revocation.Revoked {
		t.Errorf("the gravest answer counts: %s", got)
	}
}

type brokenSigner struct {
	public crypto.PublicKey
	answer []byte
	err    error
}

func (s brokenSigner) Public() crypto.PublicKey { return s.public }
func (s brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.answer, s.err
}

func TestSignRefuses(t *testing.T) {
	k := newKey(t)
	good := revocation.Draft{IssuedAt: issued, NextUpdate: next}
	if _, err := good.Sign(rand.Reader, k); err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := must(newKey(t).Sign(rand.Reader, make([]byte, 32), crypto.SHA256))
	for name, c := range map[string]struct {
		draft  revocation.Draft
		signer crypto.Signer
		want   revocation.Code
	}{
		"no dates":        {revocation.Draft{}, k, revocation.BadHead},
		"dates turned":    {revocation.Draft{IssuedAt: next, NextUpdate: issued}, k, revocation.BadHead},
		"year 10000":      {revocation.Draft{IssuedAt: issued, NextUpdate: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, k, revocation.BadHead},
		"rate":            {revocation.Draft{IssuedAt: issued, NextUpdate: next, FalseHits: 1}, k, revocation.BadHead},
		"rate no number":  {revocation.Draft{IssuedAt: issued, NextUpdate: next, FalseHits: math.NaN()}, k, revocation.BadHead},
		"kind":            {revocation.Draft{IssuedAt: issued, NextUpdate: next, Keys: []revocation.Key{{}}}, k, revocation.BadKind},
		"P-384":           {good, p384, revocation.UnknownKey},
		"Ed25519":         {good, edwards, revocation.UnknownKey},
		"signer fails":    {good, brokenSigner{&k.PublicKey, nil, errors.New("no token")}, revocation.BadSignature},
		"signer babbles":  {good, brokenSigner{&k.PublicKey, []byte("abc"), nil}, revocation.BadSignature},
		"another's value": {good, brokenSigner{&k.PublicKey, foreign, nil}, revocation.BadSignature},
	} {
		if list, err := c.draft.Sign(rand.Reader, c.signer); codeOf(t, err) != c.want || list != nil {
			t.Errorf("%s: %v, expected %s", name, err, c.want)
		}
	}
}

// TestListRoundTrip: every key of a draft is found, nothing else is called revoked.
func TestListRoundTrip(t *testing.T) {
	k := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		d := revocation.Draft{Number: rapid.Uint64().Draw(t, "number"), IssuedAt: issued, NextUpdate: next}
		d.FalseHits = rapid.SampledFrom([]float64{0, 1e-9, 1e-6, 0.5}).Draw(t, "rate")
		put := map[revocation.Key]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			kind := revocation.Kind(rapid.IntRange(1, 4).Draw(t, "kind"))
			one := key(kind, rapid.IntRange(0, 99).Draw(t, "key"))
			d.Keys = append(d.Keys, one)
			put[one] = true
		}
		data, err := d.Sign(rand.Reader, k)
		if err != nil {
			t.Fatal(err)
		}
		l, err := revocation.Open(data, &k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for kind := revocation.UCI; kind <= revocation.TwoDDoc; kind++ {
			total += l.Len(kind)
			for i := range 120 {
				one := key(kind, i)
				want := revocation.NotListed
				if put[one] && l.Exact() {
					want = revocation.Revoked
				} else if put[one] {
					want = revocation.ToCheck
				}
				if got := l.Lookup(one); got != want {
					t.Fatalf("%s %d: %s, expected %s", kind, i, got, want)
				}
			}
		}
		if l.Number() != d.Number || total != len(put) || l.Exact() != (d.FalseHits == 0 || len(put) == 0) {
			t.Fatalf("number %d, %d entries of %d, exact %v", l.Number(), total, len(put), l.Exact())
		}
	})
}

func TestNoAllocations(t *testing.T) {
	k := newKey(t)
	l, err := revocation.Open(must(revocation.Draft{IssuedAt: issued, NextUpdate: next, FalseHits: 1e-6, Keys: keys(revocation.UCI, 0, 1000)}.Sign(rand.Reader, k)), &k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	some := keys(revocation.UCI, 5000, 5005)
	b := must(revocation.NewBloom(100, 1e-5))
	h := some[0].Hash()
	if n := testing.AllocsPerRun(100, func() { l.Lookup(some...); b.Contains(h[:]) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzDocuments(f *testing.F) {
	var all []document
	load(f, "documents.json", &all)
	for _, d := range all {
		f.Add([]byte(d.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, kind := range []string{"batch", "batch-list", "sources", "partitions"} {
			codeOf(t, parseDocument(kind, text))
		}
		if b, err := revocation.ParseBatch(text, issued); err == nil {
			again, err := revocation.ParseBatch(must(json.Marshal(b)), issued)
			if err != nil || len(again.Hashes) != len(b.Hashes) || again.Kind != b.Kind || !bytes.Equal(again.KID, b.KID) {
				t.Fatalf("%v, %v", again, err)
			}
		}
	})
}

func FuzzFilters(f *testing.F) {
	var all []goldenFilter
	load(f, "filters.json", &all)
	for _, g := range all {
		f.Add(must(hex.DecodeString(g.Data)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		element := make([]byte, 16)
		if b, err := revocation.ParseBloom(data); codeOf(t, err) == "" {
			b.Contains(element)
			if !bytes.Equal(must(b.MarshalBinary()), data) {
				t.Fatal("another filter when written")
			}
		}
		if l, err := revocation.ParseHashList(data); codeOf(t, err) == "" {
			l.Contains(element)
			if again, err := revocation.ParseHashList(must(l.MarshalBinary())); err != nil || !reflect.DeepEqual(again, l) {
				t.Fatal("another list when written: ", err)
			}
		}
	})
}

func FuzzList(f *testing.F) {
	var all []goldenList
	load(f, "lists.json", &all)
	for _, g := range all {
		f.Add(g.List)
	}
	k := newKey(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := revocation.Open(data, &k.PublicKey); err == nil {
			t.Fatal("opens, signed by nobody")
		}
		if len(data) < 42+64 {
			return // Open refuses before it reads
		}
		l, err := revocation.ReadUnverified(data)
		if codeOf(t, err) == "" {
			l.Lookup(key(revocation.UCI, 0), key(revocation.TwoDDoc, 0))
			// A list that can be read can be signed and opened, and is what it was.
			again, err := revocation.Open(sign(t, withMagic(data), k), &k.PublicKey)
			if err != nil || again.Number() != l.Number() || again.Len(revocation.UCI) != l.Len(revocation.UCI) {
				t.Fatal(err)
			}
		}
	})
}

func withMagic(data []byte) []byte { return append([]byte("CARNETRL\x01"), data[9:]...) }

func FuzzFrenchList(f *testing.F) {
	f.Add([]byte(item(strings.Repeat("a", 64))))
	f.Add([]byte(item("-"+strings.Repeat("0", 64)) + "\x10\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		var l revocation.FrenchList
		added, _, err := l.Apply(french(t, string(message)))
		if codeOf(t, err) != "" && l.Len() != 0 || l.Len() > added {
			t.Fatalf("%d after %d, %v", l.Len(), added, err)
		}
		_, _, err = l.Apply(message)
		codeOf(t, err)
		_, err = revocation.ReadArchive(bytes.NewReader(message))
		codeOf(t, err)
		_, err = revocation.ReadArchive(bytes.NewReader(french(t, string(message))))
		codeOf(t, err)
	})
}

func BenchmarkOpen(b *testing.B) {
	k := newKey(b)
	for _, n := range []int{100, 100_000} {
		data, err := revocation.Draft{IssuedAt: issued, NextUpdate: next, FalseHits: 1e-6, Keys: keys(revocation.UCI, 0, n)}.Sign(rand.Reader, k)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(data)), "list-bytes")
			for b.Loop() {
				if _, err := revocation.Open(data, &k.PublicKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	k := newKey(b)
	data, err := revocation.Draft{IssuedAt: issued, NextUpdate: next, FalseHits: 1e-6, Keys: keys(revocation.UCI, 0, 100_000)}.Sign(rand.Reader, k)
	if err != nil {
		b.Fatal(err)
	}
	l, err := revocation.Open(data, &k.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	some := keys(revocation.UCI, 200_000, 200_005) // as many as a certificate has
	b.ReportAllocs()
	for b.Loop() {
		l.Lookup(some...)
	}
}

func BenchmarkBloomContains(b *testing.B) {
	f := must(revocation.NewBloom(10_000, 1e-5))
	h := revocation.HashUCI("x")
	f.Add(h[:])
	b.ReportAllocs()
	for b.Loop() {
		if !f.Contains(h[:]) {
			b.Fatal("lost")
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	c := certificate("urn:uvci:01:FR:FOUGERE00001#K")
	b.ReportAllocs()
	for b.Loop() {
		revocation.Keys(c)
	}
}

// FuzzKeys: what is stored of keys reads back as it was, and nothing else reads.
func FuzzKeys(f *testing.F) {
	f.Add(storedKeys("urn:uvci:01:FR:T5DWTJYS4ZR8#4"))
	f.Add([]byte{4, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := revocation.ParseKeys(b)
		if err == nil && !bytes.Equal(revocation.AppendKeys(nil, keys...), b) {
			t.Error("the keys read as others")
		}
	})
}

// storedKeys is a row of the store.
func storedKeys(ci string) []byte {
	return revocation.AppendKeys(nil, revocation.UCI.Key(revocation.HashUCI(ci)), revocation.CountryUCI.Key(revocation.HashCountryUCI("FR", ci)), revocation.TwoDDocKey([32]byte{7}))
}
