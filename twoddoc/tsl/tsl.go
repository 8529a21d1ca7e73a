// Package tsl reads the trust list of 2D-Doc: the signed XML file in which the scheme operator
// names the certification authorities (ETSI TS 102 231, TSL version identifier 5, type generic).
//
//	list, err := tsl.Parse(file, []tsl.Anchor{anchor})
//	for _, a := range list.Authorities {
//		if a.Usable() { ... }
//	}
//
// The signature is checked before anything is believed: one enveloped XML signature over the whole
// document, exclusive canonical XML, SHA-256, RSA with SHA-256, made by a certificate whose
// SHA-256 the caller pinned. The authorities are then read from the very bytes that were digested,
// so that a comment or a second tree cannot show one thing to the check and another to the
// reader.
//
// Parse has no clock and no memory. The caller MUST refuse a list whose Sequence is lower than the
// one it has, and SHOULD warn after NextUpdate and outside the validity of Signer. Expired
// authorities stay in the list as usable: the dates of their certificates count.
//
// The certificate stores that Authority.Store names, revocation lists, and a cache that remembers the
// sequence number are in package store.
//
// Not done: the XAdES properties beyond their digest, other signature algorithms.
package tsl

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// MaxSize bounds the file; the list of 2026 has 41 kB.
const MaxSize = 1 << 20

// Bounds of the tree: finding the namespace of an element looks at every attribute above it.
const (
	maxDepth      = 32
	maxAttributes = 32
)

var (
	// ErrFormat: not a trust list of this kind, or one that lacks something.
	ErrFormat = errors.New("malformed trust list")
	// ErrSignature: no signature, several, or one that does not verify.
	ErrSignature = errors.New("trust list signature is not valid")
	// ErrSigner: the certificate that signed is not pinned.
	ErrSigner = errors.New("trust list is signed by an unknown certificate")
)

// Anchor is the SHA-256 of the certificate, in DER, that may sign the list.
type Anchor [sha256.Size]byte

// List is a verified trust list.
type List struct {
	Sequence    int
	Issued      time.Time
	NextUpdate  time.Time
	Authorities []Authority // in the order of the list
	Signer      *x509.Certificate
}

// Authority is a certification authority of the list.
type Authority struct {
	ID          string // "FR03", the authority of a 2D-Doc header
	Operator    string
	Store       string // address where its certificates are published
	Certificate *x509.Certificate
	Status      string // last part of the status address
}

// Usable reports that the list vouches for the authority.
func (a Authority) Usable() bool { return a.Status == "inaccord" }

// Authority returns the usable authorities with the identifier: an authority that renewed its key
// has several.
func (l *List) Authority(id string) []Authority {
	var found []Authority
	for _, a := range l.Authorities {
		if a.ID == id && a.Usable() {
			found = append(found, a)
		}
	}
	return found
}

// Names of XML. The list declares its namespaces; prefixes mean nothing here.
const (
	nsTSL = "http://uri.etsi.org/02231/v2#"
	nsSig = "http://www.w3.org/2000/09/xmldsig#"

	algC14N      = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algRSA       = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algFilter2   = "http://www.w3.org/2002/06/xmldsig-filter2"
)

// Parse reads and verifies a list. The error wraps ErrFormat, ErrSignature or ErrSigner, or
// is that of r.
func Parse(r io.Reader, anchors []Anchor) (*List, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("tsl: %w", err)
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("tsl: %w: more than %d bytes", ErrFormat, MaxSize)
	}
	root, err := read(data)
	if err != nil {
		return nil, err
	}
	signed, signer, err := verify(root, anchors)
	if err != nil {
		return nil, err
	}
	if root, err = read(signed); err != nil {
		return nil, err
	}
	list, err := extract(root)
	if err != nil {
		return nil, err
	}
	list.Signer = signer
	return list, nil
}

func read(data []byte) (*etree.Element, error) {
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{ValidateInput: true, MaxDepth: maxDepth}
	if err := doc.ReadFromBytes(data); err != nil {
		return nil, fmt.Errorf("tsl: %w: %w", ErrFormat, err)
	}
	for _, t := range doc.Child {
		if _, ok := t.(*etree.Directive); ok { // a document type may define entities
			return nil, fmt.Errorf("tsl: %w: it has a document type declaration", ErrFormat)
		}
	}
	root := doc.Root()
	wide := false
	if root != nil {
		descend(root, func(e *etree.Element) { wide = wide || len(e.Attr) > maxAttributes })
	}
	if wide {
		return nil, fmt.Errorf("tsl: %w: an element has more than %d attributes", ErrFormat, maxAttributes)
	}
	if !is(root, nsTSL, "TrustServiceStatusList") {
		return nil, fmt.Errorf("tsl: %w: the root is not TrustServiceStatusList", ErrFormat)
	}
	return root, nil
}

// verify checks the one signature and returns the bytes that it covers.
func verify(root *etree.Element, anchors []Anchor) ([]byte, *x509.Certificate, error) {
	bad := func(format string, args ...any) ([]byte, *x509.Certificate, error) {
		return nil, nil, fmt.Errorf("tsl: %w: %w", ErrSignature, fmt.Errorf(format, args...))
	}
	var all []*etree.Element
	descend(root, func(e *etree.Element) {
		if is(e, nsSig, "Signature") {
			all = append(all, e)
		}
	})
	if len(all) != 1 {
		return bad("%d signatures, want one", len(all))
	}
	sig := all[0]
	if sig.Parent() != root {
		return bad("it is not a child of the root")
	}
	info, err := only(sig, nsSig, "SignedInfo")
	if err != nil {
		return bad("%w", err)
	}
	if a := algorithm(info, "CanonicalizationMethod"); a != algC14N {
		return bad("canonicalization %q", a)
	}
	if a := algorithm(info, "SignatureMethod"); a != algRSA {
		return bad("algorithm %q", a)
	}

	signer, err := signerOf(sig, anchors)
	if err != nil {
		return nil, nil, err
	}
	key, ok := signer.PublicKey.(*rsa.PublicKey)
	if !ok {
		return bad("the key of the signer is not RSA")
	}
	value, err := decode(sig, "SignatureValue")
	if err != nil {
		return bad("%w", err)
	}
	canonical, err := canonicalize(info)
	if err != nil {
		return bad("%w", err)
	}
	sum := sha256.Sum256(canonical)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], value); err != nil {
		return bad("%w", err)
	}

	var covered []byte
	for i, ref := range children(info, nsSig, "Reference") {
		uri := ref.SelectAttrValue("URI", "?")
		if (uri == "") != (i == 0) {
			return bad("reference #%d is to %q", i, uri)
		}
		var target *etree.Element
		if i == 0 {
			target = root.Copy()
			for _, s := range children(target, nsSig, "Signature") {
				target.RemoveChild(s)
			}
		} else if target, err = byID(sig, uri); err != nil {
			return bad("reference #%d: %w", i, err)
		}
		if err := checkTransforms(ref, i == 0); err != nil {
			return bad("reference #%d: %w", i, err)
		}
		octets, err := canonicalize(target)
		if err != nil {
			return bad("reference #%d: %w", i, err)
		}
		if a := algorithm(ref, "DigestMethod"); a != algSHA256 {
			return bad("reference #%d: digest %q", i, a)
		}
		want, err := decode(ref, "DigestValue")
		if err != nil {
			return bad("reference #%d: %w", i, err)
		}
		if sum := sha256.Sum256(octets); string(sum[:]) != string(want) {
			return bad("reference #%d: the digest differs", i)
		}
		if i == 0 {
			covered = octets
		}
	}
	if covered == nil {
		return bad("it covers nothing")
	}
	return covered, signer, nil
}

// signerOf returns the certificate of KeyInfo if it is pinned.
func signerOf(sig *etree.Element, anchors []Anchor) (*x509.Certificate, error) {
	info, err := only(sig, nsSig, "KeyInfo")
	if err != nil {
		return nil, fmt.Errorf("tsl: %w: %w", ErrSignature, err)
	}
	var found *x509.Certificate
	descend(info, func(e *etree.Element) {
		if found != nil || !is(e, nsSig, "X509Certificate") {
			return
		}
		der, err := base64Text(text(e))
		if err != nil || !slices.Contains(anchors, Anchor(sha256.Sum256(der))) {
			return
		}
		found, _ = x509.ParseCertificate(der)
	})
	if found == nil {
		return nil, fmt.Errorf("tsl: %w", ErrSigner)
	}
	return found, nil
}

// checkTransforms allows exactly what the scheme uses: for the document, take the signature out
// (two spellings) and canonicalize; for a part of the signature, canonicalize.
func checkTransforms(ref *etree.Element, document bool) error {
	list, err := only(ref, nsSig, "Transforms")
	if err != nil {
		return err
	}
	all := children(list, nsSig, "Transform")
	want := 1
	if document {
		want = 2
	}
	if len(all) != want || len(list.ChildElements()) != want {
		return fmt.Errorf("%d transforms, want %d", len(all), want)
	}
	last := all[want-1]
	if last.SelectAttrValue("Algorithm", "") != algC14N || len(last.ChildElements()) != 0 {
		return errors.New("it is not canonicalized by exclusive canonical XML")
	}
	if !document {
		return nil
	}
	switch a := all[0].SelectAttrValue("Algorithm", ""); a {
	case algEnveloped:
		return nil
	case algFilter2:
		x, err := only(all[0], algFilter2, "XPath")
		if err != nil {
			return err
		}
		path := strings.TrimSpace(text(x))
		prefix, ok := strings.CutPrefix(path, "/descendant::")
		prefix, tag, _ := strings.Cut(prefix, ":")
		if !ok || tag != "Signature" || x.SelectAttrValue("Filter", "") != "subtract" || namespaceOf(x, prefix) != nsSig {
			return fmt.Errorf("filter %q", path)
		}
		return nil
	default:
		return fmt.Errorf("transform %q", a)
	}
}

// canonicalize writes an element alone: the namespaces of its ancestors come along, and the
// exclusive form drops those that it does not use.
func canonicalize(e *etree.Element) ([]byte, error) {
	ctx, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	alone, err := etreeutils.NSDetatch(ctx, e)
	if err != nil {
		return nil, err
	}
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
}

// extract reads the list from verified XML.
func extract(root *etree.Element) (*List, error) {
	l := &List{}
	scheme, err := only(root, nsTSL, "SchemeInformation")
	if err != nil {
		return nil, malformed(err)
	}
	if v, err := content(scheme, "TSLVersionIdentifier"); err != nil || v != "5" {
		return nil, malformed(fmt.Errorf("version identifier %q", v))
	}
	seq, err := content(scheme, "TSLSequenceNumber")
	if err != nil {
		return nil, malformed(err)
	}
	if l.Sequence, err = strconv.Atoi(seq); err != nil || l.Sequence < 1 {
		return nil, malformed(fmt.Errorf("sequence number %q", seq))
	}
	if l.Issued, err = instant(scheme, "ListIssueDateTime"); err != nil {
		return nil, malformed(err)
	}
	if l.NextUpdate, err = instant(scheme, "NextUpdate", "dateTime"); err != nil {
		return nil, malformed(err)
	}
	providers, err := only(root, nsTSL, "TrustServiceProviderList")
	if err != nil {
		return nil, malformed(err)
	}
	for i, p := range children(providers, nsTSL, "TrustServiceProvider") {
		found, err := provider(p)
		if err != nil {
			return nil, malformed(fmt.Errorf("provider #%d: %w", i, err))
		}
		l.Authorities = append(l.Authorities, found...)
	}
	return l, nil
}

func malformed(err error) error { return fmt.Errorf("tsl: %w: %w", ErrFormat, err) }

// provider reads one provider: an authority for each of its services.
func provider(p *etree.Element) ([]Authority, error) {
	about, err := only(p, nsTSL, "TSPInformation")
	if err != nil {
		return nil, err
	}
	id, err := first(about, "TSPTradeName", "Name")
	if err != nil {
		return nil, err
	}
	if len(id) != 4 || strings.Trim(id[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" ||
		strings.Trim(id[2:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return nil, fmt.Errorf("authority %q", id)
	}
	operator, err := first(about, "TSPName", "Name")
	if err != nil {
		return nil, err
	}
	store, err := first(about, "TSPInformationURI", "URI")
	if err != nil {
		return nil, err
	}
	services, err := only(p, nsTSL, "TSPServices")
	if err != nil {
		return nil, err
	}
	var list []Authority
	for i, s := range children(services, nsTSL, "TSPService") {
		a := Authority{ID: id, Operator: operator, Store: store}
		if err := a.service(s); err != nil {
			return nil, fmt.Errorf("service #%d: %w", i, err)
		}
		list = append(list, a)
	}
	return list, nil
}

func (a *Authority) service(s *etree.Element) error {
	info, err := only(s, nsTSL, "ServiceInformation")
	if err != nil {
		return err
	}
	status, err := content(info, "ServiceStatus")
	if err != nil {
		return err
	}
	a.Status = status[strings.LastIndexByte(status, '/')+1:]
	identity, err := only(info, nsTSL, "ServiceDigitalIdentity")
	if err != nil {
		return err
	}
	digital, err := only(identity, nsTSL, "DigitalId")
	if err != nil {
		return err
	}
	b64, err := content(digital, "X509Certificate")
	if err != nil {
		return err
	}
	der, err := base64Text(b64)
	if err != nil {
		return err
	}
	if a.Certificate, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	if cn := a.Certificate.Subject.CommonName; cn != a.ID {
		return fmt.Errorf("certificate is of %q, authority is %q", cn, a.ID)
	}
	return nil
}

func is(e *etree.Element, ns, tag string) bool {
	return e != nil && e.Tag == tag && e.NamespaceURI() == ns
}

func descend(e *etree.Element, visit func(*etree.Element)) {
	visit(e)
	for _, c := range e.ChildElements() {
		descend(c, visit)
	}
}

func children(e *etree.Element, ns, tag string) []*etree.Element {
	var list []*etree.Element
	for _, c := range e.ChildElements() {
		if is(c, ns, tag) {
			list = append(list, c)
		}
	}
	return list
}

// only returns the child that must be there once.
func only(e *etree.Element, ns, tag string) (*etree.Element, error) {
	list := children(e, ns, tag)
	if len(list) != 1 {
		return nil, fmt.Errorf("%d elements %s in %s, want one", len(list), tag, e.Tag)
	}
	return list[0], nil
}

// text is all the character data of an element; comments do not cut it.
func text(e *etree.Element) string {
	var b strings.Builder
	for _, t := range e.Child {
		if c, ok := t.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// content is the text of the one element at a path of the list's own namespace.
func content(e *etree.Element, path ...string) (string, error) {
	for _, tag := range path {
		var err error
		if e, err = only(e, nsTSL, tag); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(text(e)), nil
}

// first is the text of the first of several elements, one for each language.
func first(e *etree.Element, list, tag string) (string, error) {
	e, err := only(e, nsTSL, list)
	if err != nil {
		return "", err
	}
	all := children(e, nsTSL, tag)
	if len(all) == 0 {
		return "", fmt.Errorf("no %s in %s", tag, list)
	}
	return strings.TrimSpace(text(all[0])), nil
}

func instant(e *etree.Element, path ...string) (time.Time, error) {
	s, err := content(e, path...)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, s)
}

func algorithm(e *etree.Element, tag string) string {
	m, err := only(e, nsSig, tag)
	if err != nil || len(m.ChildElements()) != 0 { // parameters would change what it means
		return ""
	}
	return m.SelectAttrValue("Algorithm", "")
}

func decode(e *etree.Element, tag string) ([]byte, error) {
	v, err := only(e, nsSig, tag)
	if err != nil {
		return nil, err
	}
	return base64Text(text(v))
}

func base64Text(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
}

// byID finds the one element of the signature with the identifier.
func byID(sig *etree.Element, uri string) (*etree.Element, error) {
	id, ok := strings.CutPrefix(uri, "#")
	var found []*etree.Element
	descend(sig, func(e *etree.Element) {
		if e.SelectAttrValue("Id", "") == id {
			found = append(found, e)
		}
	})
	if !ok || id == "" || len(found) != 1 {
		return nil, fmt.Errorf("%d elements for %q, want one", len(found), uri)
	}
	return found[0], nil
}

// namespaceOf resolves a prefix where e stands.
func namespaceOf(e *etree.Element, prefix string) string {
	for ; e != nil; e = e.Parent() {
		if a := e.SelectAttr("xmlns:" + prefix); a != nil {
			return a.Value
		}
	}
	return ""
}
