package hcert_test

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/base45"
	"carnet/hcert/dcc"
	"carnet/hcert/trust"

	"github.com/fxamacker/cbor/v2"
)

// The instants of the golden vectors.
var (
	certFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	issuedAt = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	verified = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	expires  = time.Date(2027, 3, 2, 9, 30, 0, 0, time.UTC)
	certTo   = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
)

type (
	object = map[string]any
	list   = []any
	labels = map[any]any
)

// signer is a document signer with keys that are thrown away.
type signer struct {
	key  crypto.Signer
	cert *x509.Certificate
	kid  []byte
}

// Object identifiers of key usage for tests, vaccinations and recoveries.
func usageOID(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, n}
}

func earlyUsageOID(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 0, 1847, 2021, 1, n}
}

func newSigner(t testing.TB, key crypto.Signer, name string, usage ...asn1.ObjectIdentifier) *signer {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:       serial,
		Subject:            pkix.Name{Country: []string{"FR"}, Organization: []string{"Jardin des Plantes (essai)"}, CommonName: name},
		NotBefore:          certFrom,
		NotAfter:           certTo,
		KeyUsage:           x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage: usage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key, cert, trust.KID(der)}
}

func newEC(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign gives a COSE signature of the kind that the key makes.
func (s *signer) sign(t testing.TB, protected, payload []byte) []byte {
	t.Helper()
	digest := hcert.ToBeSigned(protected, payload)
	switch k := s.key.(type) {
	case *ecdsa.PrivateKey:
		r, v, err := ecdsa.Sign(rand.Reader, k, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		n := (k.Curve.Params().BitSize + 7) / 8
		out := make([]byte, 2*n)
		r.FillBytes(out[:n])
		v.FillBytes(out[n:])
		return out
	case *rsa.PrivateKey:
		out, err := rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: sha256.Size})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Fatal("no such key")
	return nil
}

var canonical = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := canonical.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// draft is a certificate before it is signed; a vector changes what it is about.
type draft struct {
	t           testing.TB
	signer      *signer
	algorithm   any
	protected   labels // nil for alg and kid
	unprotected labels
	rawHeader   []byte // instead of protected
	claims      labels
	rawClaims   []byte // instead of claims
	signature   []byte // instead of a right one
	payload     any    // instead of the claims in a byte string
	tags        []uint64
	text        func(message []byte) string
}

func (d *draft) dcc() object     { return d.claims[-260].(labels)[1].(object) }
func (d *draft) event() object   { return d.group()[0].(object) }
func (d *draft) set(k, v any)    { d.claims[k] = v }
func (d *draft) name() object    { return d.dcc()["nam"].(object) }
func (d *draft) header() labels  { return labels{1: d.algorithm, 4: d.signer.kid} }
func (d *draft) group() (l list) { return d.dcc()[d.groupKey()].(list) }

func (d *draft) groupKey() string {
	for _, k := range []string{"v", "t", "r"} {
		if l, ok := d.dcc()[k].(list); ok && len(l) > 0 {
			return k
		}
	}
	return ""
}

// parts encodes header and claims.
func (d *draft) parts() (header, claims []byte) {
	header, claims = d.rawHeader, d.rawClaims
	if header == nil {
		if d.protected == nil {
			d.protected = d.header()
		}
		header = encode(d.t, d.protected)
	}
	if claims == nil {
		claims = encode(d.t, d.claims)
	}
	return header, claims
}

// message signs and encodes.
func (d *draft) message() []byte {
	header, claims := d.parts()
	signature := d.signature
	if signature == nil {
		signature = d.signer.sign(d.t, header, claims)
	}
	payload := d.payload
	if payload == nil {
		payload = claims
	}
	var m any = list{header, d.unprotected, payload, signature}
	for _, n := range d.tags {
		m = cbor.Tag{Number: n, Content: m}
	}
	return encode(d.t, m)
}

func (d *draft) String() string {
	if d.text != nil {
		return d.text(d.message())
	}
	return pack(d.message())
}

func uvci(opaque string) string {
	s := "URN:UVCI:01:FR:" + opaque
	c, ok := dcc.CheckCharacter(s)
	if !ok {
		panic(s)
	}
	return s + "#" + string(c)
}

func vaccination() object {
	return object{
		"ver": "1.3.0", "dob": "1985-05-12",
		"nam": object{"fn": "FOUGÈRE", "fnt": "FOUGERE", "gn": "Capucine", "gnt": "CAPUCINE"},
		"v": list{object{
			"tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2,
			"dt": "2026-02-27", "co": "FR", "is": "Carnet, bac à sable", "ci": uvci("FOUGERE00001"),
		}},
	}
}

func naat() object {
	return object{
		"ver": "1.3.0", "dob": "1990-11",
		"nam": object{"fn": "Aubépine", "fnt": "AUBEPINE", "gn": "Églantine Iris", "gnt": "EGLANTINE<IRIS"},
		"t": list{object{
			"tg": "840539006", "tt": "LP6464-4", "nm": "RT-PCR", "sc": "2026-03-01T08:15:00+01:00", "tr": "260415000",
			"tc": "Laboratoire du Verger", "co": "FR", "is": "Carnet, bac à sable", "ci": uvci("AUBEPINE0001"),
		}},
	}
}

func recovery() object {
	return object{
		"ver": "1.3.0", "dob": "",
		"nam": object{"fn": "Tilleul", "fnt": "TILLEUL", "gn": "Narcisse", "gnt": "NARCISSE"},
		"r": list{object{
			"tg": "840539006", "fr": "2026-01-20", "co": "FR", "is": "Carnet, bac à sable",
			"df": "2026-01-31", "du": "2026-07-19", "ci": uvci("TILLEUL00001"),
		}},
	}
}

// signers are the keys of the vectors and the trust files that tell of them.
type signers struct {
	any, tests, early, rsa, p384, weak, stranger *signer
	twinA, twinB                                 *signer // under one identifier
}

func newSigners(t *testing.T) *signers {
	s := &signers{
		any:      newSigner(t, newEC(t, elliptic.P256()), "DSC"),
		tests:    newSigner(t, newEC(t, elliptic.P256()), "DSC for tests", usageOID(1)),
		early:    newSigner(t, newEC(t, elliptic.P256()), "DSC for vaccinations and recoveries", earlyUsageOID(2), earlyUsageOID(3)),
		rsa:      newSigner(t, newRSA(t, 2048), "DSC RSA"),
		p384:     newSigner(t, newEC(t, elliptic.P384()), "DSC P-384"),
		weak:     newSigner(t, newRSA(t, 1024), "DSC RSA 1024"),
		stranger: newSigner(t, newEC(t, elliptic.P256()), "DSC of nobody"),
		twinA:    newSigner(t, newEC(t, elliptic.P256()), "DSC twin A"),
		twinB:    newSigner(t, newEC(t, elliptic.P256()), "DSC twin B"),
	}
	s.twinB.kid = s.twinA.kid

	var certs bytes.Buffer
	for _, x := range []*signer{s.any, s.tests, s.early, s.rsa, s.p384, s.weak} {
		if err := pem.Encode(&certs, &pem.Block{Type: "CERTIFICATE", Bytes: x.cert.Raw}); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, certs.Bytes(), "trust", "dsc.pem")

	public := func(x *signer) object {
		der, err := x509.MarshalPKIXPublicKey(x.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		return object{"subjectPk": base64.StdEncoding.EncodeToString(der), "keyUsage": list{"t", "v", "r"}}
	}
	kid := base64.StdEncoding.EncodeToString(s.twinA.kid)
	writeJSON(t, object{kid: list{public(s.twinA), public(s.twinB)}}, "trust", "twins-nl.json")

	var entries list
	for kind, x := range map[string]*signer{"DSC": s.any, "CSCA": s.stranger} {
		entries = append(entries, object{
			"kid": base64.StdEncoding.EncodeToString(x.kid), "timestamp": "2026-01-05T10:00:00+01:00", "country": "FR",
			"certificateType": kind, "rawData": base64.StdEncoding.EncodeToString(x.cert.Raw),
		})
	}
	writeJSON(t, entries, "trust", "gateway.json")

	const did = "did:web:trust.example:v2:trustlist:DCC:XXA:DSC"
	id := base64.StdEncoding.EncodeToString(s.any.kid)
	writeJSON(t, object{
		"id": did, "controller": did,
		"verificationMethod": list{object{"id": did + "#" + id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": object{
			"kty": "EC", "crv": "P-256", "kid": id, "x": "AAAA", "y": "AAAA",
			"x5c": list{base64.StdEncoding.EncodeToString(s.any.cert.Raw)},
		}}},
	}, "trust", "who-did.json")
	return s
}

// spec is a vector before it is signed.
type spec struct {
	golden
	by     func(s *signers) *signer // nil for the P-256 signer without usage
	dcc    func() object            // nil for a vaccination
	make   func(d *draft)           // nil for no change
	mutant int                      // from 1: a derived negative of the first vector, instead
}

func issueGolden(t *testing.T, specs []spec) {
	s := newSigners(t)
	var out []golden
	for _, x := range specs {
		d := &draft{t: t, signer: s.any, unprotected: labels{}, tags: []uint64{18}}
		if x.by != nil {
			d.signer = x.by(s)
		}
		d.algorithm = -7
		if _, isRSA := d.signer.key.(*rsa.PrivateKey); isRSA {
			d.algorithm = -37
		}
		payload := vaccination()
		if x.dcc != nil {
			payload = x.dcc()
		}
		d.claims = labels{1: "FR", 4: expires.Unix(), 6: issuedAt.Unix(), -260: labels{1: payload}}
		if x.make != nil {
			x.make(d)
		}
		g := x.golden
		if x.mutant > 0 {
			m := mutants(t, out[0].Text, out[0].At)[x.mutant-1]
			g.Text, g.At, g.About = m.text, m.at, strings.TrimPrefix(m.name, g.Name+" ")
		} else {
			g.Text = d.String()
		}
		if g.Trust == "" {
			g.Trust = "dsc.pem"
		}
		if g.At.IsZero() {
			g.At = verified
		}
		out = append(out, g)
	}
	writeJSON(t, out, "vectors.json")
}

// replaced changes the only occurrence of a sequence of bytes in the claims, before signing.
func (d *draft) replaced(old, new string) {
	_, claims := d.parts()
	if strings.Count(string(claims), old) != 1 {
		d.t.Fatalf("%x occurs %d times", old, strings.Count(string(claims), old))
	}
	d.rawClaims = []byte(strings.Replace(string(claims), old, new, 1))
}

func codes(c ...hcert.Code) []hcert.Code { return append([]hcert.Code{}, c...) }

// good is a vector that both profiles accept.
func good(name, about string) golden {
	return golden{Name: name, About: about, Codes: codes(), Strict: codes()}
}

// foreign is a vector that only the tolerant profile accepts.
func foreign(name, about string, strict ...hcert.Code) golden {
	return golden{Name: name, About: about, Codes: codes(), Strict: strict}
}

// bad is a vector that both profiles refuse with the same codes.
func bad(name, about string, c ...hcert.Code) golden {
	return golden{Name: name, About: about, Codes: c, Strict: c}
}

func (g golden) at(t time.Time) golden         { g.At = t; return g }
func (g golden) trusting(f string) golden      { g.Trust = f; return g }
func (g golden) strict(c ...hcert.Code) golden { g.Strict = c; return g }
func nested(n int) any {
	var v any = 0
	for range n {
		v = list{v}
	}
	return v
}

// deflateWith deflates with a preset dictionary.
func deflateWith(t testing.TB, dictionary string, message []byte) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevelDict(&out, zlib.BestCompression, []byte(dictionary))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// emptyDictionary declares in a zlib stream the preset dictionary without content, whose identifier
// is 1: a decoder that looks up no dictionary but computes the identifier of none reads the stream.
func emptyDictionary(packed []byte) []byte {
	return append([]byte{0x78, 0x20, 0, 0, 0, 1}, packed[2:]...)
}

func hc1(packed []byte) string { return "HC1:" + base45.Encode(packed) }

// newTestSigner is a P-256 signer for tests that sign while they run.
func newTestSigner(tb testing.TB) *signer {
	return newSigner(tb, newEC(tb, elliptic.P256()), "DSC")
}
