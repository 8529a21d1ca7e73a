package hcert_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/base45"
	"carnet/hcert/dcc"
	"carnet/hcert/trust"

	"pgregory.net/rapid"
)

// named gives a golden vector.
func named(tb testing.TB, name string) golden {
	tb.Helper()
	all := loadGolden(tb)
	i := slices.IndexFunc(all, func(g golden) bool { return g.Name == name })
	if i < 0 {
		tb.Fatalf("no vector %q", name)
	}
	return all[i]
}

func TestResult(t *testing.T) {
	g := named(t, "test-naat-ps256")
	r := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Strict)
	c := r.Certificate
	if !r.Valid() || r.Err() != nil || len(r.Codes()) != 0 || c == nil || r.Key == nil {
		t.Fatalf("%v", r)
	}
	if c.Algorithm != hcert.PS256 || c.Issuer != "FR" || !bytes.Equal(c.KID, r.Key.KID) || len(c.Signature) != 256 {
		t.Errorf("%v", c)
	}
	if !c.IssuedAt.Equal(issuedAt) || !c.Expires.Equal(expires) {
		t.Errorf("%v %v", c.IssuedAt, c.Expires)
	}
	if c.DCC.Type() != dcc.TestType || c.DCC.Tests[0].Centre != "Laboratoire du Verger" || c.DCC.Birth != "1990-11" {
		t.Error("another test")
	}
	if r.Key.Country != "FR" || !strings.Contains(r.Key.Subject, "DSC RSA") || !r.Key.NotAfter.Equal(certTo) {
		t.Errorf("key of %s %s", r.Key.Country, r.Key.Subject)
	}
}

// TestRefusedIsShown is the promise that a refused certificate is decoded as far as it goes.
func TestRefusedIsShown(t *testing.T) {
	for _, name := range []string{
		"kid-unknown", "kid-missing", "kid-7-bytes", "alg-eddsa", "crit-unknown", "signature-65-bytes", "m1", "m2", "m6", "m7", "m11",
		"usage-does-not-fit", "time-nan", "groups-two-events", "claim-label-float",
	} {
		g := named(t, name)
		r := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Tolerant)
		if r.Valid() || r.Err() == nil {
			t.Errorf("%s is accepted", name)
		}
		if r.Certificate == nil || r.Certificate.DCC == nil || r.Certificate.DCC.Name.FamilyStandard != "FOUGERE" {
			t.Errorf("%s is not shown", name)
		}
	}
	for _, name := range []string{"indefinite-map", "indefinite-text"} {
		g := named(t, name)
		if r := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Strict); r.Certificate == nil || r.Certificate.DCC == nil {
			t.Errorf("%s is not shown in the strict profile", name)
		}
	}
}

func TestNoTrust(t *testing.T) {
	g := named(t, "vaccination-es256")
	for _, keys := range []hcert.Trust{nil, &trust.Store{}} {
		r := hcert.Verify(g.Text, keys, g.At, hcert.Tolerant)
		if !slices.Equal(r.Codes(), []hcert.Code{hcert.KIDUnknown}) || r.Key != nil {
			t.Errorf("%v", r.Codes())
		}
	}
}

// keyList is a Trust that gives the same keys for every identifier.
type keyList []*hcert.Key

func (l keyList) Keys([]byte) []*hcert.Key { return l }

// TestSameKeyTwice prefers, of two certificates with the same key, the one that covers the content.
func TestSameKeyTwice(t *testing.T) {
	g := named(t, "vaccination-es256")
	key := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Tolerant).Key
	old, tests, unusable := *key, *key, *key
	old.NotAfter = g.At.Add(-time.Hour)
	tests.Usage = hcert.SignsTests
	unusable.Public = nil
	for _, c := range []struct {
		name string
		keys keyList
		want []hcert.Code
	}{
		{"the right one last", keyList{&unusable, &old, &tests, key}, []hcert.Code{}},
		{"the right one first", keyList{key, &old, &tests, &unusable}, []hcert.Code{}},
		{"none is right", keyList{&old, &tests}, []hcert.Code{hcert.CertExpired, hcert.CWTOutlives}},
		{"none can verify", keyList{&unusable}, []hcert.Code{hcert.COSEAlgorithm}},
	} {
		if r := hcert.Verify(g.Text, c.keys, g.At, hcert.Tolerant); !slices.Equal(r.Codes(), c.want) {
			t.Errorf("%s: %v", c.name, r.Codes())
		}
	}
}

func TestConcurrent(t *testing.T) {
	good, bad := named(t, "vaccination-es256"), named(t, "zip-bomb")
	keys := loadTrust(t, good.Trust)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if r := hcert.Verify(good.Text, keys, good.At, hcert.Strict); !r.Valid() {
					t.Errorf("%v", r.Codes())
				}
				if r := hcert.Verify(bad.Text, keys, bad.At, hcert.Strict); r.Valid() {
					t.Error("a bomb is accepted")
				}
			}
		})
	}
	wg.Wait()
}

func TestResultHides(t *testing.T) {
	g := named(t, "groups-two-events")
	r := hcert.Verify(g.Text, loadTrust(t, g.Trust), g.At, hcert.Strict)
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, f, r)
		fmt.Fprintf(&out, f, &r)
		fmt.Fprintf(&out, f, r.Certificate)
		fmt.Fprintf(&out, f, *r.Certificate)
		fmt.Fprintf(&out, f, r.Failures)
		fmt.Fprintf(&out, f, r.Err())
		fmt.Fprintf(&out, f, r.Findings)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "r", r, "c", r.Certificate, "f", r.Failures)
	for _, secret := range []string{"FOUG", "Capucine", "CAPUCINE", "1985", "2026-02-27", fmt.Sprintf("%x", "FOUGERE"), fmt.Sprint([]byte("FOUGERE"))} {
		if strings.Contains(out.String(), strings.Trim(secret, "[]")) {
			t.Errorf("%s leaks: %s", secret, out.String())
		}
	}
	if b, err := json.Marshal(r.Certificate.DCC); err != nil || !bytes.Contains(b, []byte("FOUGERE")) {
		t.Errorf("JSON for the holder's eyes: %s, %v", b, err)
	}
}

func TestInflate(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    []byte
		bytes int
		code  hcert.Code
	}{
		{"empty", nil, -1, hcert.ZlibHeader},
		{"nothing inside", deflate(nil), 0, ""},
		{"at the limit", deflate(make([]byte, hcert.MaxInflated)), hcert.MaxInflated, ""},
		{"above the limit", deflate(make([]byte, hcert.MaxInflated+1)), -1, hcert.ZlibTooLarge},
		{"bytes after it", append(deflate([]byte("x")), 0), 1, hcert.ZlibTrailing},
		{"gzip", []byte{0x1f, 0x8b, 8, 0}, -1, hcert.ZlibHeader},
		{"bad block", []byte{0x78, 0x9c, 0xff}, -1, hcert.ZlibChecksum},
		{"header only", []byte{0x78, 0x9c}, -1, hcert.ZlibChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, code := hcert.Inflate(c.in)
			if code != c.code || c.bytes < 0 && b != nil || c.bytes >= 0 && len(b) != c.bytes {
				t.Errorf("%d bytes, %q", len(b), code)
			}
		})
	}
}

// TestChangedText changes one character of an accepted text. What is accepted all the same (a bit
// that pads the compressed stream) must be the same certificate.
func TestChangedText(t *testing.T) {
	g := named(t, "vaccination-es256")
	keys := loadTrust(t, g.Trust)
	right := hcert.Verify(g.Text, keys, g.At, hcert.Tolerant).Certificate
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(g.Text)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] = alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "to")]
		r := hcert.Verify(string(b), keys, g.At, hcert.Tolerant)
		if r.Valid() && !bytes.Equal(r.Certificate.Claims, right.Claims) {
			t.Fatalf("a change at %d is accepted", at)
		}
	})
}

// check holds what is true of every result.
func check(t *testing.T, r hcert.Result) {
	t.Helper()
	if r.Valid() && (r.Key == nil || r.Certificate.DCC.Type() == "") {
		t.Fatal("accepted without key or event")
	}
	if !r.Valid() && len(r.Failures) == 0 {
		t.Fatal("refused without a reason")
	}
	for i, f := range r.Failures {
		if f.Code == "" || slices.ContainsFunc(r.Failures[:i], func(o hcert.Failure) bool { return o.Code == f.Code }) {
			t.Fatalf("codes %v", r.Codes())
		}
	}
	_ = r.String()
}

func FuzzVerify(f *testing.F) {
	for _, g := range loadGolden(f) {
		f.Add(g.Text)
	}
	keys, at := loadTrust(f, "dsc.pem"), verified
	f.Fuzz(func(t *testing.T, text string) {
		check(t, hcert.Verify(text, keys, at, hcert.Tolerant))
		check(t, hcert.Verify(text, keys, at, hcert.Strict))
	})
}

// FuzzMessage goes past base45 and zlib.
func FuzzMessage(f *testing.F) {
	for _, g := range loadGolden(f) {
		if packed, err := base45.Decode(strings.TrimPrefix(g.Text, "HC1:")); err == nil {
			if message, code := hcert.Inflate(packed); code == "" {
				f.Add(message)
			}
		}
	}
	keys, at := loadTrust(f, "dsc.pem"), verified
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > 2000 {
			return
		}
		text := pack(message)
		check(t, hcert.Verify(text, keys, at, hcert.Tolerant))
		check(t, hcert.Verify(text, keys, at, hcert.Strict))
	})
}

// FuzzClaims goes past the signature: every input is signed.
func FuzzClaims(f *testing.F) {
	for _, g := range loadGolden(f) {
		if r := hcert.Verify(g.Text, nil, g.At, hcert.Tolerant); r.Certificate != nil {
			f.Add(r.Certificate.Claims)
		}
	}
	s := newTestSigner(f)
	keys, err := trust.NewStore(trust.FromCertificate(s.cert))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, claims []byte) {
		if len(claims) > 1500 {
			return
		}
		d := &draft{t: t, signer: s, algorithm: -7, unprotected: labels{}, tags: []uint64{18}, rawClaims: claims}
		for _, p := range []hcert.Profile{hcert.Tolerant, hcert.Strict} {
			r := hcert.Verify(d.String(), keys, verified, p)
			check(t, r)
			if claims != nil && r.Key == nil {
				t.Fatalf("not signed: %v", r.Codes())
			}
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(deflate([]byte("Fougère")))
	f.Add([]byte{0x78, 0x9c})
	f.Fuzz(func(t *testing.T, packed []byte) {
		b, code := hcert.Inflate(packed)
		if len(b) > hcert.MaxInflated || code == "" && b == nil {
			t.Fatalf("%d bytes, %q", len(b), code)
		}
	})
}
