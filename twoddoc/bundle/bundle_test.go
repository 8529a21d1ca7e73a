package bundle_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/twoddoc"
	"carnet/twoddoc/bundle"
)

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func issue(t testing.TB, serial int64, cn string, from, to string, parent *x509.Certificate, by *ecdsa.PrivateKey, crl ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: cn}, NotBefore: date(from), NotAfter: date(to), CRLDistributionPoints: crl}
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}

const address = "http://herbier.example/crl"

// herbier is a bundle of two authorities of one name, two generations of one participant, and one list.
func herbier(t testing.TB) (*bundle.Bundle, []*x509.Certificate) {
	t.Helper()
	ca, caKey := issue(t, 1, "FR03", "2015-01-01", "2040-01-01", nil, nil)
	renewed, renewedKey := issue(t, 2, "FR03", "2020-01-01", "2040-01-01", nil, nil)
	old, _ := issue(t, 10, "AV01", "2018-01-01", "2022-01-01", ca, caKey, address)
	last, _ := issue(t, 11, "AV01", "2021-01-01", "2027-01-01", renewed, renewedKey, address)
	b := &bundle.Bundle{
		Gathered: date("2026-11-20"), Lifetime: 72 * time.Hour,
		List: bundle.List{Sequence: 23, Issued: date("2026-05-11"), NextUpdate: date("2027-05-11"), Digest: [32]byte{1}, Signer: [32]byte{2}},
		Authorities: []bundle.Authority{
			{ID: "FR03", Operator: "Herbier", Status: "inaccord", Listed: true, Raw: ca.Raw},
			{ID: "FR03", Operator: "Herbier", Status: "inaccord", Listed: true, Raw: renewed.Raw},
			{ID: "FR02", Operator: "Forêt", Status: "revoked", Listed: true, Raw: ca.Raw},
		},
		Lists: []bundle.RevocationList{
			{Authority: 0, URL: address, Number: big.NewInt(5), ThisUpdate: date("2026-11-19"), NextUpdate: date("2026-11-26"), Revoked: []bundle.Revoked{{big.NewInt(10), date("2020-06-01")}}},
			{Authority: 1, URL: address, Number: big.NewInt(0), ThisUpdate: date("2026-11-20"), Revoked: []bundle.Revoked{{big.NewInt(10), date("2020-06-01")}}},
		},
	}
	for i, c := range []*x509.Certificate{old, last} {
		b.Participants = append(b.Participants, bundle.Participant{Authority: i, ID: "AV01", NotBefore: c.NotBefore, NotAfter: c.NotAfter, Raw: c.Raw})
	}
	return b, []*x509.Certificate{old, last}
}

func TestSealAndOpen(t *testing.T) {
	b, _ := herbier(t)
	key, other := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Open(file, &other.PublicKey, nil, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", b) {
		t.Errorf("read\n%+v\nwrote\n%+v", got, b)
	}
	again, err := got.Seal(key, rand.Reader)
	if err != nil || len(again) != len(file) || !bytes.Equal(again[:len(again)-64], file[:len(file)-64]) {
		t.Errorf("written again: %d and %d bytes, %v", len(again), len(file), err)
	}
	for name, keys := range map[string][]*ecdsa.PublicKey{"no key": nil, "another key": {&other.PublicKey}, "nil": {nil}, "another curve": {&newKey(t, elliptic.P384()).PublicKey}} {
		if _, err := bundle.Open(file, keys...); !errors.Is(err, bundle.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Not a bit of the file can be changed. Its end is the signature.
	for i := range file {
		for bit := range 8 {
			if i%7 != 0 && i > 64 && i < len(file)-80 && bit != i%8 {
				continue // one bit of each byte in the middle, every bit of some and of both ends
			}
			file[i] ^= 1 << bit
			if _, err := bundle.Open(file, &key.PublicKey); !errors.Is(err, bundle.ErrSignature) && !errors.Is(err, bundle.ErrFormat) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
			file[i] ^= 1 << bit
		}
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": file[:len(file)-1], "more": append(bytes.Clone(file), 0), "huge": make([]byte, bundle.MaxSize+1), "text": []byte("2D-Doc bundle 1\n"),
	} {
		if _, err := bundle.Open(bad, &key.PublicKey); !errors.Is(err, bundle.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// resign signs any content as the operator would.
func resign(t testing.TB, key *ecdsa.PrivateKey, context string, content []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(append([]byte(context), content...))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	b, err := asn1.Marshal(struct {
		Content   asn1.RawValue
		Signature []byte
	}{asn1.RawValue{FullBytes: content}, sig})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func content(t testing.TB, file []byte) []byte {
	t.Helper()
	var f struct {
		Content   asn1.RawValue
		Signature []byte
	}
	if _, err := asn1.Unmarshal(file, &f); err != nil {
		t.Fatal(err)
	}
	return f.Content.FullBytes
}

// TestOddContents: what the operator's key signed and is no bundle is refused all the same.
func TestOddContents(t *testing.T) {
	b, _ := herbier(t)
	key := newKey(t, elliptic.P256())
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := content(t, file)
	replace := func(old, by string) []byte {
		if !bytes.Contains(c, []byte(old)) {
			t.Fatalf("%q is not there", old)
		}
		return bytes.Replace(c, []byte(old), []byte(by), 1)
	}
	if _, err := bundle.Open(resign(t, key, bundle.Context, c), &key.PublicKey); err != nil {
		t.Errorf("the same content: %v", err)
	}
	if _, err := bundle.Open(resign(t, key, "another context\n", c), &key.PublicKey); !errors.Is(err, bundle.ErrSignature) {
		t.Errorf("signed for something else: %v", err)
	}
	for name, bad := range map[string][]byte{
		"other version":       replace("\x02\x01\x01\x18\x0f2026", "\x02\x01\x02\x18\x0f2026"),
		"time with a zone":    replace("20261120000000Z", "202611200000+00"),
		"thirteenth month":    replace("20261120000000Z", "20261320000000Z"),
		"no such authority":   replace("\x02\x01\x01\x0c\x04AV01", "\x02\x01\x09\x0c\x04AV01"),
		"negative authority":  replace("\x02\x01\x01\x0c\x04AV01", "\x02\x01\xff\x0c\x04AV01"),
		"not UTF-8":           replace("Herbier", "Herbi\xff\xff"),
		"long authority":      replace("\x0c\x04FR03\x0c\x07Herbier", "\x0c\x05FR03X\x0c\x06erbier"),
		"boolean that is odd": replace("\x01\x01\xff", "\x01\x01\x01"),
		"negative number":     replace("\x02\x01\x05\x18", "\x02\x01\xfb\x18"),
		"not a sequence":      {2, 1, 1},
		"empty":               {0x30, 0},
	} {
		if _, err := bundle.Open(resign(t, key, bundle.Context, bad), &key.PublicKey); !errors.Is(err, bundle.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, alter := range map[string]func(*bundle.Bundle){
		"not gathered":       func(b *bundle.Bundle) { b.Gathered = time.Time{} },
		"negative lifetime":  func(b *bundle.Bundle) { b.Lifetime = -1 },
		"no such authority":  func(b *bundle.Bundle) { b.Lists[0].Authority = 3 },
		"no name":            func(b *bundle.Bundle) { b.Participants[0].ID = "" },
		"validity backwards": func(b *bundle.Bundle) { b.Participants[0].NotAfter = date("2000-01-01") },
		"no number":          func(b *bundle.Bundle) { b.Lists[0].Number = nil },
		"no serial":          func(b *bundle.Bundle) { b.Lists[0].Revoked[0].Serial = nil },
		"long address":       func(b *bundle.Bundle) { b.Lists[0].URL = strings.Repeat("x", 3000) },
		"many authorities":   func(b *bundle.Bundle) { b.Authorities = make([]bundle.Authority, 300) },
	} {
		b, _ := herbier(t)
		alter(b)
		if _, err := b.Seal(key, rand.Reader); !errors.Is(err, bundle.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type fakeSigner struct {
	crypto.PublicKey
	der []byte
}

func (f fakeSigner) Public() crypto.PublicKey                                  { return f.PublicKey }
func (f fakeSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return f.der, nil }

func TestSigners(t *testing.T) {
	b, _ := herbier(t)
	if _, err := b.Seal(newKey(t, elliptic.P384()), rand.Reader); err == nil {
		t.Error("a key on P-384 seals")
	}
	for _, der := range [][]byte{nil, make([]byte, 64), {0x30, 6, 2, 1, 0, 2, 1, 1}, {0x30, 6, 2, 1, 1, 2, 1, 0xFF}} {
		if _, err := b.Seal(fakeSigner{newKey(t, elliptic.P256()).Public(), der}, nil); err == nil {
			t.Errorf("a signer that answers %x seals", der)
		}
	}
}

func TestFind(t *testing.T) {
	b, certs := herbier(t)
	find := func(authority, cert, day string) ([]*x509.Certificate, error) {
		return b.Find(twoddoc.Header{Authority: authority, Certificate: cert, Signed: twoddoc.DayOf(date(day))})
	}
	for _, c := range []struct {
		authority, cert, day string
		want                 int
		err                  error
	}{
		{"FR03", "AV01", "2019-01-01", 1, nil}, {"FR03", "AV01", "2021-06-01", 2, nil}, {"FR03", "AV01", "2026-01-01", 1, nil},
		{"FR03", "AV01", "2017-12-31", 0, bundle.ErrDate}, {"FR03", "AV02", "2021-06-01", 0, bundle.ErrCertificate},
		{"FR02", "AV01", "2021-06-01", 0, bundle.ErrAuthority}, {"FR01", "AV01", "2021-06-01", 0, bundle.ErrAuthority},
	} {
		got, err := find(c.authority, c.cert, c.day)
		if len(got) != c.want || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s %s %s: %d, %v", c.authority, c.cert, c.day, len(got), err)
		}
	}
	if got, _ := find("FR03", "AV01", "2021-06-01"); len(got) == 2 && (!got[0].Equal(certs[1]) || !got[1].Equal(certs[0])) {
		t.Error("not the newest first")
	}
	if !b.Listed("FR03") || b.Listed("FR02") || b.Listed("FR01") {
		t.Error("listed")
	}
	// An operator who mixes up what it gathers does not make a certificate that nobody issued.
	b.Participants[0].Authority = 1
	if _, err := find("FR03", "AV01", "2019-01-01"); err == nil {
		t.Error("a certificate that the authority did not issue is found")
	}
	b.Participants[0] = bundle.Participant{Authority: 0, ID: "AV01", Raw: []byte("x")}
	if _, err := find("FR03", "AV01", "2019-01-01"); err == nil {
		t.Error("a certificate that is none is found")
	}
}

func TestRevoked(t *testing.T) {
	b, certs := herbier(t)
	if s := b.Revoked(certs[0]); s.Status != bundle.Ended || !s.Since.Equal(date("2020-06-01")) || !s.Updated.Equal(date("2026-11-19")) {
		t.Errorf("%+v", s)
	}
	if s := b.Revoked(certs[1]); s.Status != bundle.Good || !s.Updated.Equal(date("2026-11-20")) { // serial 10 of the other authority
		t.Errorf("%+v", s)
	}
	other, _ := issue(t, 10, "AV01", "2018-01-01", "2022-01-01", nil, nil, address)
	if s := b.Revoked(other); s.Status != bundle.Unknown {
		t.Errorf("a certificate of nobody: %+v", s)
	}
	b.Lists = nil
	if s := b.Revoked(certs[0]); s.Status != bundle.Unknown || s.Status.String() != "unknown" {
		t.Errorf("without lists: %+v", s)
	}
}

// TestRevokedFromElsewhere: a store drops a certificate that was revoked; its list keeps naming it.
func TestRevokedFromElsewhere(t *testing.T) {
	b, certs := herbier(t)
	b.Participants = b.Participants[1:]
	if s := b.Revoked(certs[0]); s.Status != bundle.Ended || !s.Due.Equal(date("2026-11-20")) {
		t.Errorf("%+v", s)
	}
	// Of two lists that could name a certificate the newer tells how old the knowledge is.
	b.Lists[0].Revoked = nil
	again := b.Lists[0]
	again.ThisUpdate, again.NextUpdate = date("2026-11-21"), time.Time{}
	b.Lists = append(b.Lists, again)
	if s := b.Revoked(certs[0]); s.Status != bundle.Good || !s.Updated.Equal(date("2026-11-21")) || !s.Due.Equal(date("2026-11-22")) {
		t.Errorf("%+v", s)
	}
}

// TestUnsealed: between who gathers and who seals the content travels by itself.
func TestUnsealed(t *testing.T) {
	b, _ := herbier(t)
	key := newKey(t, elliptic.P256())
	raw, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Parse(raw)
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", b) {
		t.Errorf("%v\n%+v", err, got)
	}
	file, err := got.Seal(key, rand.Reader)
	if err != nil || !bundle.Is(file) || !bytes.Equal(content(t, file), raw) {
		t.Errorf("%v", err)
	}
	ca, _ := issue(t, 1, "FR03", "2015-01-01", "2040-01-01", nil, nil)
	for name, bad := range map[string][]byte{"sealed": file, "empty": nil, "cut": raw[:len(raw)-1], "more": append(bytes.Clone(raw), 0), "certificate": ca.Raw, "huge": make([]byte, bundle.MaxSize+1)} {
		if _, err := bundle.Parse(bad); !errors.Is(err, bundle.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, other := range map[string][]byte{"unsealed": raw, "certificate": ca.Raw, "empty": nil, "text": []byte("-----BEGIN"), "more": append(bytes.Clone(file), 0)} {
		if bundle.Is(other) {
			t.Errorf("%s is taken for a bundle", name)
		}
	}
	if _, err := (&bundle.Bundle{}).Marshal(); !errors.Is(err, bundle.ErrFormat) {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeys(t *testing.T) {
	first, second, p384 := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P384())
	block := func(kind string, key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	good, err := bundle.MarshalKey(&first.PublicKey)
	if err != nil || !bytes.Equal(good, block(bundle.KeyType, &first.PublicKey)) {
		t.Fatalf("%s %v", good, err)
	}
	keys, err := bundle.ParseKeys(slices.Concat(block("PUBLIC KEY", &second.PublicKey), good, good))
	if err != nil || len(keys) != 2 || !keys[0].Equal(&first.PublicKey) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "a key of another use": block("PUBLIC KEY", &first.PublicKey), "another curve": block(bundle.KeyType, &p384.PublicKey),
		"damaged": pem.EncodeToMemory(&pem.Block{Type: bundle.KeyType, Bytes: []byte{1}}),
	} {
		if _, err := bundle.ParseKeys(text); !errors.Is(err, bundle.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []*ecdsa.PublicKey{nil, &p384.PublicKey} {
		if _, err := bundle.MarshalKey(key); !errors.Is(err, bundle.ErrKey) {
			t.Errorf("%v", err)
		}
	}
}

func TestStale(t *testing.T) {
	b, _ := herbier(t)
	for _, c := range []struct{ at, want string }{
		{"2026-11-18", "clock "}, {"2026-11-19", ""}, {"2026-11-20", ""}, {"2026-11-21", "crl FR03 " + address},
		{"2026-11-22", "crl FR03 " + address + ", crl FR03 " + address}, {"2026-11-24", "bundle , crl FR03 " + address + ", crl FR03 " + address},
		{"2027-06-01", "bundle , list , crl FR03 " + address + ", crl FR03 " + address},
	} {
		var got []string
		for _, s := range b.Stale(date(c.at)) {
			got = append(got, string(s.What)+" "+s.Subject)
			if s.What != bundle.Clock && s.Since.After(date(c.at)) {
				t.Errorf("%s: %v", c.at, s)
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", c.at, s, c.want)
		}
	}
	b.Lists[0].NextUpdate = date("2026-11-19").Add(time.Hour)
	if len(b.Stale(date("2026-11-19").Add(2*time.Hour))) != 1 {
		t.Error("a list after its next update is fresh")
	}
}

// FuzzOpen signs whatever comes, so that the reader of the content is what is tried.
func FuzzOpen(f *testing.F) {
	b, _ := herbier(f)
	key := newKey(f, elliptic.P256())
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content(f, file))
	empty, err := (&bundle.Bundle{Gathered: date("2026-11-20")}).Seal(key, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content(f, empty))
	f.Fuzz(func(t *testing.T, c []byte) {
		_, _ = bundle.Open(c, &key.PublicKey)
		var raw asn1.RawValue
		if rest, err := asn1.Unmarshal(c, &raw); err != nil || len(rest) != 0 {
			return
		}
		b, err := bundle.Open(resign(t, key, bundle.Context, c), &key.PublicKey)
		if err != nil {
			return
		}
		again, err := b.Seal(key, rand.Reader)
		if err != nil || !bytes.Equal(content(t, again), c) {
			t.Fatalf("read and not written again: %v", err)
		}
		_ = b.Stale(date("2030-01-01"))
		for _, p := range b.Participants {
			_, _ = b.Find(twoddoc.Header{Authority: b.Authorities[p.Authority].ID, Certificate: p.ID, Signed: 9000})
		}
	})
}

func Example() {
	operator, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // in real life: kept by the operator
	if err != nil {
		fmt.Println(err)
		return
	}
	gathered := &bundle.Bundle{Gathered: date("2026-11-20"), Lifetime: 72 * time.Hour} // in real life: store.Client.Gather
	file, err := gathered.Seal(operator, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := bundle.Open(file, &operator.PublicKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = b.Find(twoddoc.Header{Authority: "FR03", Certificate: "AV01"})
	fmt.Println(err)
	for _, s := range b.Stale(date("2026-12-01")) {
		fmt.Println(s)
	}
	// Output:
	// bundle: authority is not in the bundle
	// bundle stale since 2026-11-23T00:00:00Z
}
