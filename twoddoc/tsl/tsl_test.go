package tsl_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/twoddoc/tsl"
)

func anchor(t testing.TB, s string) tsl.Anchor {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("anchor %q", s)
	}
	return tsl.Anchor(b)
}

// The signer of the published lists until March 2027.
const published = "c290cb9e0ac1be84ecc514a2d657a493e05bff7a5372bab7dd12dccc8cf6e09d"

func TestCorpus(t *testing.T) {
	dir, set := os.LookupEnv("CARNET_CORPUS_TWODDOC")
	if !set {
		dir = filepath.Join("..", "..", "..", "shared", "corpus", "twoddoc")
	}
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatal(err)
		}
		t.Logf("no corpus at %s: only our own list is tested", dir)
		return
	}
	for _, c := range []struct {
		sequence     int
		issued, next string
		authorities  string
	}{
		{22, "2025-08-25", "2026-02-25", "FR01 FR03 FR04 FR05 FR06 FR07"},
		{23, "2026-05-11", "2027-05-11", "FR01 FR03 FR04 FR05 FR06 FR07 FR09"},
	} {
		t.Run(fmt.Sprint(c.sequence), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "tsl", fmt.Sprintf("tsl-%d.xml", c.sequence)))
			if set && errors.Is(err, os.ErrNotExist) {
				t.Logf("no list %d in this corpus: the harness of twoddoc verifies those that it has", c.sequence)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l, err := tsl.Parse(bytes.NewReader(data), []tsl.Anchor{{}, anchor(t, published)})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, a := range l.Authorities {
				ids = append(ids, a.ID)
				if !a.Usable() || a.Operator == "" || !strings.HasPrefix(a.Store, "http") || !a.Certificate.IsCA {
					t.Errorf("%s: %q %q %q", a.ID, a.Status, a.Operator, a.Store)
				}
			}
			if l.Sequence != c.sequence || l.Issued.Format(time.DateOnly) != c.issued ||
				l.NextUpdate.Format(time.DateOnly) != c.next || strings.Join(ids, " ") != c.authorities {
				t.Errorf("%d %v %v %v", l.Sequence, l.Issued, l.NextUpdate, ids)
			}
			if cn := l.Signer.Subject.CommonName; cn != "ANTS CACHET 2DDOC" {
				t.Errorf("signer %q", cn)
			}
			checkChains(t, dir, l)

			// Nothing of the list can be changed: not the last digit of a date, not a status.
			for _, change := range [][2]string{
				{"<tsl:TSLSequenceNumber>2", "<tsl:TSLSequenceNumber>9"},
				{"/inaccord", "/revoked"},
				{"FR03<", "FR02<"},
				{"<ds:DigestValue>", "<ds:DigestValue>A"},
				{"<xades:SigningTime>2", "<xades:SigningTime>3"},
				{"\n\t<tsl:SchemeInformation>", "\n\t <tsl:SchemeInformation>"},
			} {
				bad := bytes.Replace(data, []byte(change[0]), []byte(change[1]), 1)
				if bytes.Equal(bad, data) {
					t.Errorf("%q is not in the list", change[0])
				}
				if _, err := tsl.Parse(bytes.NewReader(bad), []tsl.Anchor{anchor(t, published)}); !errors.Is(err, tsl.ErrSignature) {
					t.Errorf("%q: %v", change[1], err)
				}
			}
			if _, err := tsl.Parse(bytes.NewReader(data), []tsl.Anchor{{1}}); !errors.Is(err, tsl.ErrSigner) {
				t.Errorf("unknown signer: %v", err)
			}
			if _, err := tsl.Parse(bytes.NewReader(data), nil); !errors.Is(err, tsl.ErrSigner) {
				t.Errorf("no anchor: %v", err)
			}
		})
	}
}

// checkChains: every certificate of the corpus but FR00_0001 and the authority itself is issued by
// an authority of the list.
func checkChains(t *testing.T, dir string, l *tsl.List) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "certs", "FR*_*.der"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d certificates, %v", len(names), err)
	}
	for _, name := range names {
		der, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		issued := false
		for _, a := range l.Authority(filepath.Base(name)[:4]) {
			issued = issued || cert.CheckSignatureFrom(a.Certificate) == nil
		}
		if !issued {
			t.Errorf("%s: no authority of the list issued it", filepath.Base(name))
		}
	}
}

// signer makes our own small lists. Its key lives as long as the test.
type signer struct {
	key  *rsa.PrivateKey
	cert []byte
}

func newSigner(t *testing.T, cn string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, der}
}

func (s signer) anchor() []tsl.Anchor { return []tsl.Anchor{sha256.Sum256(s.cert)} }

// The list is written in canonical form by hand, so that the test signs what it means and not
// what a library makes of it.
const listHead = `<tsl:TrustServiceStatusList xmlns:tsl="http://uri.etsi.org/02231/v2#">`

func body(authority []byte, id, status string) string {
	return `<tsl:SchemeInformation><tsl:TSLVersionIdentifier>5</tsl:TSLVersionIdentifier>` +
		`<tsl:TSLSequenceNumber>7</tsl:TSLSequenceNumber>` +
		`<tsl:ListIssueDateTime>2026-11-01T08:00:00Z</tsl:ListIssueDateTime>` +
		`<tsl:NextUpdate><tsl:dateTime>2027-11-01T08:00:00Z</tsl:dateTime></tsl:NextUpdate></tsl:SchemeInformation>` +
		`<tsl:TrustServiceProviderList><tsl:TrustServiceProvider><tsl:TSPInformation>` +
		`<tsl:TSPName><tsl:Name xml:lang="fr">Herbier</tsl:Name></tsl:TSPName>` +
		`<tsl:TSPTradeName><tsl:Name xml:lang="fr">` + id + `</tsl:Name></tsl:TSPTradeName>` +
		`<tsl:TSPInformationURI><tsl:URI xml:lang="fr">https://herbier.example/store</tsl:URI></tsl:TSPInformationURI>` +
		`</tsl:TSPInformation><tsl:TSPServices><tsl:TSPService><tsl:ServiceInformation>` +
		`<tsl:ServiceDigitalIdentity><tsl:DigitalId><tsl:X509Certificate>` + base64.StdEncoding.EncodeToString(authority) +
		`</tsl:X509Certificate></tsl:DigitalId></tsl:ServiceDigitalIdentity>` +
		`<tsl:ServiceStatus>http://herbier.example/status/` + status + `</tsl:ServiceStatus>` +
		`</tsl:ServiceInformation></tsl:TSPService></tsl:TSPServices></tsl:TrustServiceProvider></tsl:TrustServiceProviderList>`
}

const dsNS = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`

// sign signs the digest of covered; shown is what the list then shows.
func (s signer) sign(t *testing.T, covered, shown string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(listHead + covered + `</tsl:TrustServiceStatusList>`))
	return s.signInfo(t, shown, reference("", `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>`, sum[:]))
}

func reference(uri, extra string, sum []byte) string {
	return `<ds:Reference URI="` + uri + `"><ds:Transforms>` + extra +
		`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>` +
		`<ds:DigestValue>` + base64.StdEncoding.EncodeToString(sum) + `</ds:DigestValue></ds:Reference>`
}

func (s signer) signInfo(t *testing.T, shown, references string) string {
	t.Helper()
	info := `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>` + references
	sum := sha256.Sum256([]byte(`<ds:SignedInfo` + dsNS + `>` + info + `</ds:SignedInfo>`))
	value, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return listHead + shown + `<ds:Signature` + dsNS + `><ds:SignedInfo>` + info + `</ds:SignedInfo>` +
		`<ds:SignatureValue>` + b64(value) + `</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + b64(s.cert) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature></tsl:TrustServiceStatusList>`
}

func TestOwnList(t *testing.T) {
	s, ca := newSigner(t, "Herbier"), newSigner(t, "FR00")
	good := body(ca.cert, "FR00", "inaccord")
	xml := s.sign(t, good, good)
	l, err := tsl.Parse(strings.NewReader(xml), s.anchor())
	if err != nil {
		t.Fatal(err)
	}
	if l.Sequence != 7 || len(l.Authority("FR00")) != 1 || len(l.Authority("FR01")) != 0 || l.Authorities[0].Store != "https://herbier.example/store" {
		t.Errorf("%+v", l)
	}

	t.Run("a comment does not cut an identifier", func(t *testing.T) {
		l, err := tsl.Parse(strings.NewReader(s.sign(t, good, strings.Replace(good, "FR00<", "FR<!-- -->00<", 1))), s.anchor())
		if err != nil || l.Authorities[0].ID != "FR00" {
			t.Errorf("%v", err)
		}
	})
	revoked := body(ca.cert, "FR00", "revoked")
	t.Run("revoked", func(t *testing.T) {
		l, err := tsl.Parse(strings.NewReader(s.sign(t, revoked, revoked)), s.anchor())
		if err != nil || len(l.Authorities) != 1 || len(l.Authority("FR00")) != 0 {
			t.Errorf("%v", err)
		}
	})

	alter := func(change func(string) string) string { return change(xml) }
	replace := func(old, by string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("%q is not in the list", old)
			}
			return strings.Replace(s, old, by, 1)
		}
	}
	signature := xml[strings.Index(xml, "<ds:Signature "):strings.Index(xml, "</tsl:TrustServiceStatusList>")]
	other := newSigner(t, "Herbier")
	for _, c := range []struct {
		name string
		xml  string
		want error
	}{
		{"other digest", s.sign(t, good, revoked), tsl.ErrSignature},
		{"two signatures", alter(replace("<tsl:SchemeInformation>", signature+"<tsl:SchemeInformation>")), tsl.ErrSignature},
		{"no signature", alter(replace(signature, "")), tsl.ErrSignature},
		{"signature deeper in the list", alter(func(x string) string {
			return replace("<tsl:SchemeInformation>", "<tsl:SchemeInformation>"+signature)(replace(signature, "")(x))
		}), tsl.ErrSignature},
		{"other signer with the same name", other.sign(t, good, good), tsl.ErrSigner},
		{"certificate of the signer, key of another", signer{other.key, s.cert}.sign(t, good, good), tsl.ErrSignature},
		{"no reference", s.signInfo(t, good, ""), tsl.ErrSignature},
		{"reference elsewhere", s.signInfo(t, good, reference("#x", "", make([]byte, 32))), tsl.ErrSignature},
		{"no enveloped transform", s.signInfo(t, good, reference("", "", make([]byte, 32))), tsl.ErrSignature},
		{"any transform", s.signInfo(t, good, reference("", `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>`, make([]byte, 32))), tsl.ErrSignature},
		{"weak algorithm", alter(replace("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha1")), tsl.ErrSignature},
		{"document type", "<!DOCTYPE x [<!ENTITY a \"b\">]>" + xml, tsl.ErrFormat},
		{"not XML", "2D-Doc", tsl.ErrFormat},
		{"empty", "", tsl.ErrFormat},
		{"other root", `<a/>`, tsl.ErrFormat},
		{"deep", strings.Repeat("<a>", 5000), tsl.ErrFormat},
		{"wide", "<a" + strings.Repeat(" x:a='b'", 40) + "/>", tsl.ErrFormat},
		{"huge", strings.Repeat(" ", tsl.MaxSize+1), tsl.ErrFormat},
		{"authority with the certificate of another", s.sign(t, body(ca.cert, "FR01", "inaccord"), body(ca.cert, "FR01", "inaccord")), tsl.ErrFormat},
		{"malformed authority", s.sign(t, body(ca.cert, "fr00", "inaccord"), body(ca.cert, "fr00", "inaccord")), tsl.ErrFormat},
		{"certificate that is none", s.sign(t, body([]byte("x"), "FR00", "inaccord"), body([]byte("x"), "FR00", "inaccord")), tsl.ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := tsl.Parse(strings.NewReader(c.xml), s.anchor())
			if !errors.Is(err, c.want) || l != nil {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	t.Run("a reader that fails", func(t *testing.T) {
		broken := errors.New("broken")
		if _, err := tsl.Parse(failing{broken}, s.anchor()); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzParse plays someone who has the certificate of the signer, which is public, and not its key:
// nothing may pass, or take long. testdata/signer.pem was made once and its key thrown away.
func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/signer.pem")
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode(b)
	info := `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` + reference("", "", make([]byte, 32)) + `</ds:SignedInfo>`
	f.Add(listHead + body(nil, "FR00", "inaccord") + `<ds:Signature` + dsNS + `>` + info + `<ds:SignatureValue>AAAA</ds:SignatureValue>` +
		`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(block.Bytes) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature></tsl:TrustServiceStatusList>`)
	f.Add(`<tsl:TrustServiceStatusList xmlns:tsl="http://uri.etsi.org/02231/v2#"/>`)
	anchors := []tsl.Anchor{sha256.Sum256(block.Bytes)}
	f.Fuzz(func(t *testing.T, xml string) {
		if l, err := tsl.Parse(strings.NewReader(xml), anchors); err == nil {
			t.Errorf("a list that nobody signed: %d", l.Sequence)
		}
	})
}

func Example() {
	var pinned tsl.Anchor // SHA-256 of the operator's certificate, from the configuration
	file := strings.NewReader("<html>The list has moved</html>")
	list, err := tsl.Parse(file, []tsl.Anchor{pinned})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range list.Authority("FR03") {
		fmt.Println(a.Operator, a.Store)
	}
	// Output: tsl: malformed trust list: the root is not TrustServiceStatusList
}
