package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/verify"
	"carnet/twoddoc"
	"carnet/twoddoc/bundle"
	"carnet/twoddoc/store"
	"carnet/twoddoc/tsl/tsltest"
)

// herbier is a fictitious authority with what it publishes.
type herbier struct {
	operator *tsltest.Operator
	ca, cai1 *x509.Certificate
	caKey    *ecdsa.PrivateKey
	key      *ecdsa.PrivateKey // of CAI1
}

// newHerbier makes authority FR90, and its participant CAI1 with a revocation list at a server.
func newHerbier(server string) (*herbier, error) {
	h := &herbier{}
	var err error
	if h.operator, err = tsltest.New(rand.Reader); err != nil {
		return nil, err
	}
	issue := func(name string, serial int64, crl ...string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"CAISSE DES FOUGERES"}, CommonName: name},
			NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: crl,
		}
		parent, signer := h.ca, h.caKey
		if parent == nil {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage, parent, signer = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			return nil, nil, err
		}
		c, err = x509.ParseCertificate(der)
		return c, key, err
	}
	if h.ca, h.caKey, err = issue("FR90", 1); err != nil {
		return nil, err
	}
	h.cai1, h.key, err = issue("CAI1", 2, server+"/crl")
	return h, err
}

// list is the trust list.
func (h *herbier) list(server string) ([]byte, error) {
	now := time.Now()
	return h.operator.List(7, now.AddDate(0, -1, 0), now.AddDate(0, 6, 0), tsltest.Authority{ID: "FR90", Store: server + "/store", Status: tsltest.InAccord, Certificate: h.ca})
}

func (h *herbier) store() []byte {
	return []byte("Content-Type: application/pkix-cert\r\n\r\n" + string(h.cai1.Raw) + "\r\n--End\r\n")
}

func (h *herbier) crl(number int64, revoked ...*x509.Certificate) ([]byte, error) {
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().AddDate(0, 0, 7)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now().AddDate(0, 0, -1)})
	}
	return x509.CreateRevocationList(rand.Reader, l, h.ca, h.caKey)
}

// attest signs an attestation, dated a month ago.
func (h *herbier) attest() ([]byte, error) {
	signed := twoddoc.DayOf(time.Now().AddDate(0, -1, 0))
	d, err := twoddoc.Vaccination{
		FamilyName: "Fougère", GivenNames: []string{"Aubépine"}, Birth: "12031958", Disease: "COVID-19", Agent: "J07BX03",
		Vaccine: "COMIRNATY PFIZER/BIONTECH", Manufacturer: "COMIRNATY PFIZER/BIONTECH", Rank: 2, Expected: 2, LastDate: "20042021", Complete: true,
	}.Prepare(twoddoc.Header{Authority: "FR90", Certificate: "CAI1", Emitted: signed, Signed: signed, Country: "FR"})
	if err != nil {
		return nil, err
	}
	return d.Sign(h.key, rand.Reader)
}

// scheme writes what an authority publishes to a folder that $SERVER serves: the trust list (tsl.xml), the
// store of certificates (store), a revocation list that names nobody (crl), the next one, which
// names CAI1 (crl-next), the authority (FR90.pem), a private key to
// seal with (key.pem), and a document that CAI1 signed (document.txt). It sets $ANCHOR.
func scheme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: scheme FOLDER")
	}
	h, err := newHerbier(ts.Getenv("SERVER"))
	ts.Check(err)
	put := func(name string, data []byte, err error) {
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), data, 0o600))
	}
	list, err := h.list(ts.Getenv("SERVER"))
	put("tsl.xml", list, err)
	put("store", h.store(), nil)
	first, err := h.crl(1)
	put("crl", first, err)
	next, err := h.crl(2, h.cai1)
	put("crl-next", next, err)
	put("FR90.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.ca.Raw}), nil)
	document, err := h.attest()
	put("document.txt", document, err)
	private, err := x509.MarshalPKCS8PrivateKey(h.caKey)
	put("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), err)
	anchor := h.operator.Anchor()
	ts.Setenv("ANCHOR", hex.EncodeToString(anchor[:]))
}

// TestKeepTrust: an instance that is told to gathers, seals, and believes what it sealed; what fails later
// leaves what it has.
func TestKeepTrust(t *testing.T) {
	answers := http.NewServeMux()
	server := httptest.NewServer(answers)
	defer server.Close()
	h, err := newHerbier(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.list(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := h.crl(1, h.cai1)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{"/tsl.xml": list, "/store": h.store(), "/crl": crl} {
		answers.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	}
	anchor := h.operator.Anchor()
	s := &Settings{Data: t.TempDir(), TrustList: server.URL + "/tsl.xml", TrustAnchor: hex.EncodeToString(anchor[:]), TrustDays: 7}
	p, err := opened(t, s, &configFile{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if err := refreshTrust(t.Context(), s, logger); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"authority=FR90 certificates=1 lists=1", "renewed"} {
		if !strings.Contains(log.String(), words) {
			t.Errorf("the log does not say %q: %s", words, &log)
		}
	}
	document, err := h.attest()
	if err != nil {
		t.Fatal(err)
	}
	believed := func() verify.Verdict {
		t.Helper()
		k, err := p.checker(t.Context(), s, logger)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := k.Line("-", document, 1, time.Now())
		if !ok {
			t.Fatal("no verdict")
		}
		return v
	}
	if v := believed(); len(v.Reasons) != 1 || v.Reasons[0] != "certificate.revoked" || v.Certificate.Since == "" {
		t.Errorf("%v", v)
	}
	private, err := os.Stat(filepath.Join(keyFolder(s.Data), "trust-bundle.key"))
	if err != nil || private.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", private, err)
	}
	for _, c := range examineTrust(s, time.Now()) {
		if !c.OK || !strings.Contains(c.Words, "FR90") {
			t.Errorf("%+v", c)
		}
	}
	if c := examineTrust(s, time.Now().AddDate(0, 0, 8)); len(c) != 1 || c[0].OK {
		t.Errorf("overdue, and the doctor is content: %+v", c)
	}

	server.Close()
	if err := refreshTrust(t.Context(), s, logger); err != nil {
		t.Errorf("what was fetched before is used: %v", err)
	}
	if err := os.RemoveAll(cacheFolder(s.Data)); err != nil {
		t.Fatal(err)
	}
	if err := refreshTrust(t.Context(), s, logger); err == nil {
		t.Error("gathered out of nothing")
	}
	if v := believed(); len(v.Reasons) != 1 {
		t.Errorf("%v", v)
	}

	// The loop ends with its context.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	keepTrust(ctx, s, logger)
}

// TestBundleKey: made once, private, another one than that of the lists, and its public part says what it
// is for.
func TestBundleKey(t *testing.T) {
	data := t.TempDir()
	key, err := certify.BundleKey(data, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := certify.BundleKey(data, strings.NewReader(""))
	if err != nil || keyName(key.Public()) != keyName(again.Public()) {
		t.Errorf("another key: %v", err)
	}
	lists, err := certify.ListKey(data, rand.Reader)
	if err != nil || keyName(lists.Public()) == keyName(key.Public()) {
		t.Errorf("one key for two uses: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(trustFolder(data), certify.BundleKeyFile))
	if err != nil || !strings.HasPrefix(string(text), "-----BEGIN 2D-DOC BUNDLE KEY-----") {
		t.Errorf("%s %v", text, err)
	}
}

// TestKeepBundle: an older bundle never takes the place of a newer one, and nobody's key takes that of
// another.
func TestKeepBundle(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "2d-doc.bundle")
	now := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		name string
		at   time.Time
		key  *ecdsa.PrivateKey
		code string
		held time.Time // afterwards
	}{
		{"the first", now, key, "", now},
		{"an older one", now.Add(-time.Second), key, codeBundleOlder, now},
		{"the same again", now, key, "", now},
		{"a newer one", now.Add(time.Hour), key, "", now.Add(time.Hour)},
		{"of another key", now.Add(2 * time.Hour), other, codeBundleOccupied, now.Add(time.Hour)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := keepBundle(file, &bundle.Bundle{Gathered: c.at}, c.key); c.code == "" && err != nil || c.code != "" && carnet.CodeOf(err) != c.code {
				t.Errorf("%v, want %q", err, c.code)
			}
			if b, err := readBundle(file, &key.PublicKey); err != nil || !b.Gathered.Equal(c.held) {
				t.Errorf("%v, %v", b, err)
			}
		})
	}
	if err := keepBundle(filepath.Join(filepath.Dir(file), "second"), &bundle.Bundle{Gathered: now}, other); carnet.CodeOf(err) != codeBundleKey {
		t.Errorf("beside the key of another: %v", err)
	}
	if err := keepBundle(filepath.Join(filepath.Dir(file), "none", "file"), &bundle.Bundle{Gathered: now}, other); carnet.CodeOf(err) != codeBundleUnreadable {
		t.Errorf("no such folder: %v", err)
	}
	if err := keepBundle(file, &bundle.Bundle{}, key); err == nil {
		t.Error("sealed what was never gathered")
	}
}

// TestBar: a bar that is drawn over itself on a terminal, lines in a log.
func TestBar(t *testing.T) {
	a, err := newAnswerer(&Settings{Lang: "fr"}, terminal{out: io.Discard, err: io.Discard}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		b := &bar{a: a, out: &out, terminal: terminal}
		b.step(store.Progress{Authority: "FR03", Done: 1, Total: 2, Certificates: 40, Lists: 1})
		b.step(store.Progress{Authority: "FR05", Done: 2, Total: 2})
		b.end()
		want := "1/2 FR03, certificats\u00a0: 40, listes de révocation\u00a0: 1\n2/2 FR05, certificats\u00a0: 0, listes de révocation\u00a0: 0\n"
		if terminal {
			want = "\r\x1b[K[" + strings.Repeat("█", 15) + strings.Repeat("·", 15) + "] 1/2 FR03, certificats\u00a0: 40, listes de révocation\u00a0: 1" +
				"\r\x1b[K[" + strings.Repeat("█", 30) + "] 2/2 FR05, certificats\u00a0: 0, listes de révocation\u00a0: 0\r\x1b[K"
		}
		if out.String() != want {
			t.Errorf("terminal %t: %q", terminal, out.String())
		}
	}
}
