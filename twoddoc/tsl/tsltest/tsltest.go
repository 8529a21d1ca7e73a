// Package tsltest signs trust lists of 2D-Doc for tests, in the form of the published one, with a key that
// nobody has to trust: its certificate is the anchor to give to package tsl.
//
//	o, err := tsltest.New(rand.Reader)
//	file, err := o.List(7, issued, next, tsltest.Authority{ID: "FR90", Store: server.URL, Status: tsltest.InAccord, Certificate: ca})
//	list, err := tsl.Parse(bytes.NewReader(file), []tsl.Anchor{o.Anchor()})
package tsltest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"carnet/twoddoc/tsl"
)

// Statuses of an authority.
const (
	InAccord = "inaccord"
	Revoked  = "revoked"
)

// Operator signs trust lists.
type Operator struct {
	key  *rsa.PrivateKey
	cert []byte
}

// New makes an operator with a key of its own.
func New(random io.Reader) (*Operator, error) {
	key, err := rsa.GenerateKey(random, 2048)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "HERBIER"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(random, c, c, key.Public(), key)
	return &Operator{key, der}, err
}

// Anchor is what believes the lists of this operator.
func (o *Operator) Anchor() tsl.Anchor { return sha256.Sum256(o.cert) }

// Authority is one provider of a list.
type Authority struct {
	ID, Store, Status string
	Certificate       *x509.Certificate
}

// List writes a list in canonical form and signs it. Identifiers and addresses have nothing in them that
// XML would escape.
func (o *Operator) List(sequence int, issued, next time.Time, authorities ...Authority) ([]byte, error) {
	b64 := base64.StdEncoding.EncodeToString
	var body strings.Builder
	fmt.Fprintf(&body, `<tsl:SchemeInformation><tsl:TSLVersionIdentifier>5</tsl:TSLVersionIdentifier><tsl:TSLSequenceNumber>%d</tsl:TSLSequenceNumber>`+
		`<tsl:ListIssueDateTime>%s</tsl:ListIssueDateTime><tsl:NextUpdate><tsl:dateTime>%s</tsl:dateTime></tsl:NextUpdate></tsl:SchemeInformation>`+
		`<tsl:TrustServiceProviderList>`, sequence, issued.UTC().Format(time.RFC3339), next.UTC().Format(time.RFC3339))
	for _, a := range authorities {
		fmt.Fprintf(&body, `<tsl:TrustServiceProvider><tsl:TSPInformation><tsl:TSPName><tsl:Name xml:lang="fr">Herbier</tsl:Name></tsl:TSPName>`+
			`<tsl:TSPTradeName><tsl:Name xml:lang="fr">%s</tsl:Name></tsl:TSPTradeName><tsl:TSPInformationURI><tsl:URI xml:lang="fr">%s</tsl:URI></tsl:TSPInformationURI>`+
			`</tsl:TSPInformation><tsl:TSPServices><tsl:TSPService><tsl:ServiceInformation><tsl:ServiceDigitalIdentity><tsl:DigitalId><tsl:X509Certificate>%s`+
			`</tsl:X509Certificate></tsl:DigitalId></tsl:ServiceDigitalIdentity><tsl:ServiceStatus>http://herbier.example/%s</tsl:ServiceStatus>`+
			`</tsl:ServiceInformation></tsl:TSPService></tsl:TSPServices></tsl:TrustServiceProvider>`, a.ID, a.Store, b64(a.Certificate.Raw), a.Status)
	}
	body.WriteString(`</tsl:TrustServiceProviderList>`)
	const head, foot = `<tsl:TrustServiceStatusList xmlns:tsl="http://uri.etsi.org/02231/v2#">`, `</tsl:TrustServiceStatusList>`
	sum := sha256.Sum256([]byte(head + body.String() + foot))
	info := `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI=""><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>` +
		`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>` + b64(sum[:]) + `</ds:DigestValue></ds:Reference>`
	const ns = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	sum = sha256.Sum256([]byte(`<ds:SignedInfo` + ns + `>` + info + `</ds:SignedInfo>`))
	value, err := rsa.SignPKCS1v15(nil, o.key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	return []byte(head + body.String() + `<ds:Signature` + ns + `><ds:SignedInfo>` + info + `</ds:SignedInfo><ds:SignatureValue>` + b64(value) +
		`</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + b64(o.cert) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>` + foot), nil
}
