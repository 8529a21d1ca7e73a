package hcert

import (
	"slices"
	"strings"
	"time"

	"carnet/hcert/dcc"
)

// Claims of a CWT (RFC 8392) and of the format.
const (
	claimIssuer   = uint64(1)
	claimExpires  = uint64(4)
	claimIssuedAt = uint64(6)
	claimHCERT    = int64(-260)
	hcertDCC      = uint64(1) // the EU certificate among the payloads of claim -260
)

// Verify decodes a text and checks it against the trusted keys at an instant. A nil Trust trusts
// no key. The text is what a QR reader gives, untouched: a space belongs to it.
func Verify(text string, trust Trust, at time.Time, profile Profile) Result {
	v := verifier{trust: trust, at: at, profile: profile}
	v.run(text)
	slices.SortStableFunc(v.Failures, func(a, b Failure) int { return a.Code.stage() - b.Code.stage() })
	return v.Result
}

var stages = []string{"prefix", "base45", "zlib", "cbor", "cose", "kid", "sig", "cert", "cwt", "hcert", "payload"}

// stage is the place of a code in the order in which a certificate is checked.
func (c Code) stage() int {
	name, _, _ := strings.Cut(string(c), ".")
	return slices.Index(stages, name)
}

// verifier collects the failures of one run.
type verifier struct {
	Result
	trust   Trust
	at      time.Time
	profile Profile
}

// fail notes a failure; a second one with the same code adds nothing.
func (v *verifier) fail(c Code, detail string) {
	if !v.Has(c) {
		v.Failures = append(v.Failures, Failure{c, detail})
	}
}

func (v *verifier) run(text string) {
	raw, ok := v.unpack(text)
	if !ok {
		return
	}
	m, ok := v.message(raw)
	if !ok {
		return
	}
	v.Certificate = &Certificate{
		Algorithm: m.algorithm,
		KID:       m.kid,
		Protected: m.protected,
		Claims:    m.payload,
		Signature: m.signature,
	}
	// The content is read first: what a refused certificate says is shown too, and among several
	// keys with one identifier the content tells which one may have signed it.
	v.content(m.payload)
	v.signature(m)
	v.times()
}

// content reads the claims and the payload.
func (v *verifier) content(claims []byte) {
	tree, ok := v.item(claims, "claims")
	if !ok {
		return
	}
	m, ok := tree.(map[any]any)
	if !ok {
		v.fail(CWTClaims, "not a map")
		return
	}
	v.claims(m)

	container, _ := m[claimHCERT].(map[any]any)
	payload := container[hcertDCC]
	if payload == nil {
		v.fail(HCERTMissing, "")
		return
	}
	if v.profile == Strict && len(container) > 1 {
		v.fail(CWTClaims, "unknown payload")
	}
	v.payload(payload)
}

// claims reads issuer and times.
func (v *verifier) claims(m map[any]any) {
	for key := range m {
		n, ok := number(key)
		switch {
		case !ok:
			v.fail(CWTClaims, "a label is not an integer")
		case v.profile == Tolerant || n == claimHCERT:
		case uint64(n) != claimIssuer && uint64(n) != claimExpires && uint64(n) != claimIssuedAt:
			v.fail(CWTClaims, "unknown claim")
		}
	}
	issuer, there := m[claimIssuer]
	text, ok := issuer.(string)
	if there && !ok {
		v.fail(CWTClaims, "issuer is not a text")
	}
	v.Certificate.Issuer = text
	v.Certificate.IssuedAt = v.time(m[claimIssuedAt], "issued at")
	v.Certificate.Expires = v.time(m[claimExpires], "expires")
}

func (v *verifier) time(claim any, name string) time.Time {
	t, integer, ok := instant(claim)
	if !ok || v.profile == Strict && !integer {
		v.fail(CWTClaims, name)
	}
	return t
}

// payload reads the EU certificate and turns its findings into refusals, as far as the profile says.
func (v *verifier) payload(tree any) {
	v.Certificate.DCC, v.Findings = dcc.Read(tree)
	if v.Certificate.DCC == nil {
		v.fail(PayloadSchema, "not a map")
		return
	}
	for _, f := range v.Findings {
		switch {
		case f.Kind == dcc.Groups:
			v.fail(PayloadGroups, "")
		case v.profile == Tolerant || f.Kind == dcc.Identifier:
		case f.Kind == dcc.ValueSet:
			v.fail(PayloadValueSet, f.String())
		default:
			v.fail(PayloadSchema, f.String())
		}
	}
}

// signature finds the key that verifies the message and checks what it may sign.
func (v *verifier) signature(m *sign1) {
	if v.Has(KIDMissing) || v.Has(KIDLength) {
		return
	}
	var keys []*Key
	if v.trust != nil {
		keys = v.trust.Keys(m.kid)
	}
	if len(keys) == 0 {
		v.fail(KIDUnknown, "")
		return
	}
	if v.Has(COSEAlgorithm) {
		return
	}
	var signers []*Key
	code := COSEAlgorithm // why the key that came closest did not sign this
	digest := toBeSigned(m.protected, m.payload)
	for _, k := range keys {
		switch {
		case !fits(m.algorithm, k.Public):
		case len(m.signature) != signatureLength(k.Public):
			if code == COSEAlgorithm {
				code = SignatureLength
			}
		case !signedBy(k.Public, digest[:], m.signature):
			code = SignatureInvalid
		default:
			signers = append(signers, k)
		}
	}
	if len(signers) == 0 {
		v.fail(code, "")
		return
	}
	v.Key = signers[0]
	for _, k := range signers { // one key may stand in two certificates
		if len(v.misuse(k)) == 0 {
			v.Key = k
			break
		}
	}
	for _, c := range v.misuse(v.Key) {
		v.fail(c, "")
	}
}

// misuse says why a certificate, though its key signed, does not cover this content now.
func (v *verifier) misuse(k *Key) []Code {
	var codes []Code
	c := v.Certificate
	switch {
	case !k.NotBefore.IsZero() && (v.at.Before(k.NotBefore) || !c.IssuedAt.IsZero() && c.IssuedAt.Before(k.NotBefore)):
		codes = append(codes, CertNotYet)
	case !k.NotAfter.IsZero() && v.at.After(k.NotAfter):
		codes = append(codes, CertExpired)
	}
	if t := c.DCC.Type(); t != "" && !k.Usage.Allows(t) {
		codes = append(codes, CertUsage)
	}
	if !k.NotAfter.IsZero() && c.Expires.After(k.NotAfter) {
		codes = append(codes, CWTOutlives)
	}
	return codes
}

// times checks the claims against the instant.
func (v *verifier) times() {
	c := v.Certificate
	switch {
	case v.at.Before(c.IssuedAt):
		v.fail(CWTFuture, "")
	case !c.Expires.IsZero() && v.at.After(c.Expires):
		v.fail(CWTExpired, "")
	}
}
