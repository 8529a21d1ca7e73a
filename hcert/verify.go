package hcert

import (
	"slices"
	"strings"
	"time"

	"carnet/hcert/dcc"
	"carnet/hcert/internal/tree"
)

// Claims of a CWT (RFC 8392) and of the format.
const (
	claimIssuer   = 1
	claimExpires  = 4
	claimIssuedAt = 6
	claimHCERT    = -260
	hcertDCC      = 1 // the EU certificate among the payloads of claim -260
)

// Verify decodes a text and checks it against the trusted keys at an instant. A nil Trust trusts
// no key. The text is what a QR reader gives, untouched: a space belongs to it.
func Verify(text string, trust Trust, at time.Time, profile Profile) Result {
	return Verifier{Trust: trust, Profile: profile}.Verify(text, at)
}

// Verifier is Verify with value sets of one's own choice, such as a newer edition or the list of
// rapid-test devices. It may be used by many goroutines when its Trust may.
type Verifier struct {
	Trust   Trust          // nil trusts no key
	Profile Profile        // Tolerant when not set
	Sets    *dcc.ValueSets // nil for those that are built in
}

// Verify decodes a text and checks it at an instant.
func (c Verifier) Verify(text string, at time.Time) Result {
	v := verifier{trust: c.Trust, at: at, profile: c.Profile, sets: c.Sets}
	v.run(text)
	if len(v.Failures) < 2 {
		return v.Result
	}
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
	sets    *dcc.ValueSets
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
	c := new(read)
	claims, ok := v.message(raw, &c.Certificate)
	if !ok {
		return
	}
	v.Certificate = &c.Certificate
	// The content is read first: what a refused certificate says is shown too, and among several
	// keys with one identifier the content tells which one may have signed it.
	v.content(claims, &c.dcc)
	v.signature()
	v.times()
}

// read is a certificate in one piece of memory with its payload.
type read struct {
	Certificate
	dcc dcc.Space
}

// content reads the claims, and the payload into the space.
func (v *verifier) content(claims string, space *dcc.Space) {
	t := tree.Get()
	defer t.Release()
	m, ok := v.item(t, claims, "claims")
	if !ok {
		return
	}
	if m.Kind() != tree.Map {
		v.fail(CWTClaims, "not a map")
		return
	}
	v.claims(m)

	container := m.Label(claimHCERT)
	payload := container.Label(hcertDCC)
	if k := payload.Kind(); k == tree.Absent || k == tree.Nothing {
		v.fail(HCERTMissing, "")
		return
	}
	if v.profile == Strict && container.Len() > 1 {
		v.fail(CWTClaims, "unknown payload")
	}
	v.payload(payload, space)
}

// claims reads issuer and times.
func (v *verifier) claims(m tree.Value) {
	issuer, expires, issuedAt := m.Label(claimIssuer), m.Label(claimExpires), m.Label(claimIssuedAt)
	known := 0
	for _, claim := range [...]tree.Value{issuer, expires, issuedAt, m.Label(claimHCERT)} {
		if claim.Kind() != tree.Absent {
			known++
		}
	}
	if known < m.Len() {
		v.otherClaims(m)
	}
	switch issuer.Kind() {
	case tree.Text:
		v.Certificate.Issuer = issuer.Text()
	case tree.Absent:
	default:
		v.fail(CWTClaims, "issuer is not a text")
	}
	v.Certificate.IssuedAt = v.time(issuedAt, "issued at")
	v.Certificate.Expires = v.time(expires, "expires")
}

// otherClaims looks for claims that may not be there.
func (v *verifier) otherClaims(m tree.Value) {
	for key := range m.Pairs {
		switch n, ok := key.Int(); {
		case !ok:
			v.fail(CWTClaims, "a label is not an integer")
		case n != claimIssuer && n != claimExpires && n != claimIssuedAt && n != claimHCERT && v.profile == Strict:
			v.fail(CWTClaims, "unknown claim")
		}
	}
}

func (v *verifier) time(claim tree.Value, name string) time.Time {
	t, integer, ok := instant(claim)
	if !ok || v.profile == Strict && !integer {
		v.fail(CWTClaims, name)
	}
	return t
}

// payload reads the EU certificate and turns its findings into refusals, as far as the profile says.
func (v *verifier) payload(item tree.Value, space *dcc.Space) {
	v.Certificate.DCC, v.Findings = dcc.ReadTree(space, item, v.sets)
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
func (v *verifier) signature() {
	if v.Has(KIDMissing) || v.Has(KIDLength) {
		return
	}
	c := v.Certificate
	var keys []*Key
	if v.trust != nil {
		keys = v.trust.Keys(c.KID)
	}
	if len(keys) == 0 {
		v.fail(KIDUnknown, "")
		return
	}
	if v.Has(COSEAlgorithm) {
		return
	}
	signers := make([]*Key, 0, 4) // not on the heap; nearly always one
	code := COSEAlgorithm         // why the key that came closest did not sign this
	digest := toBeSigned(c.Protected, c.Claims)
	for _, k := range keys {
		switch {
		case !fits(c.Algorithm, k.Public):
		case len(c.Signature) != signatureLength(k.Public):
			if code == COSEAlgorithm {
				code = SignatureLength
			}
		case !signedBy(k.Public, digest[:], c.Signature):
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
