package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"carnet/hcert"
)

// Format is a kind of file that Load reads.
type Format string

const (
	PEM     Format = "pem"
	DER     Format = "der"
	Gateway Format = "eu-gateway"
	Dutch   Format = "nl"
	WHO     Format = "who-did"
	JWKS    Format = "jwks"
	Service Format = "verifier-service"
)

// List is what a file holds.
type List struct {
	Format   Format
	Keys     []*hcert.Key
	LeftOut  int     // entries that are for another purpose, or unusable
	Problems []error // why unusable ones are, the first hundred
}

var (
	// ErrFormat reports a file that is none of the formats.
	ErrFormat = errors.New("neither certificates in PEM or DER nor a known trust list")
	// ErrNoKeys reports a file of a known format without a usable key.
	ErrNoKeys = errors.New("no usable key")
	// ErrTooLarge reports a file beyond MaxFile or MaxKeys.
	ErrTooLarge = errors.New("too large")
)

// Load reads the keys in a file. The name is for error messages only: the bytes tell the format.
// It returns an error when there is no usable key at all; the list then still tells the problems.
func Load(name string, data []byte) (List, error) {
	var l List
	err := l.load(data)
	if err == nil && len(l.Keys) == 0 {
		err = errors.Join(append([]error{ErrNoKeys}, l.Problems...)...)
	}
	if err != nil {
		return l, fmt.Errorf("trust: %s: %w", name, err)
	}
	return l, nil
}

func (l *List) load(data []byte) error {
	if len(data) > MaxFile {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return ErrFormat
	case text[0] == '[':
		return l.gateway(text)
	case text[0] == '{':
		var head struct {
			Methods json.RawMessage `json:"verificationMethod"`
			Keys    json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return jsonError(err)
		}
		if head.Methods != nil {
			return l.who(text)
		}
		if bytes.HasPrefix(bytes.TrimSpace(head.Keys), []byte("[")) {
			return l.jwks(text)
		}
		return l.dutch(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return l.pem(text)
	case data[0] == 0x30:
		l.Format = DER
		cert, err := x509.ParseCertificate(data)
		if err != nil {
			return err
		}
		l.add(FromCertificate(cert))
		return nil
	case bytes.HasPrefix(text, []byte("MI")): // base64 of a DER list of some length
		return l.service(text)
	}
	return ErrFormat
}

// jsonError keeps the position and drops the text, which may be anything.
func jsonError(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: JSON stops at byte %d", ErrFormat, e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: JSON of another shape at byte %d (%s)", ErrFormat, e.Offset, e.Field)
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// add takes a key, unless nothing can verify with it.
func (l *List) add(k *hcert.Key) {
	switch k.Public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey:
		l.Keys = append(l.Keys, k)
	default:
		l.problem(fmt.Errorf("key %x: %T signs no certificates", k.KID, k.Public))
	}
}

func (l *List) problem(err error) {
	l.LeftOut++
	if len(l.Problems) < maxReported {
		l.Problems = append(l.Problems, err)
	}
}

func (l *List) tooMany(n int) error {
	if n > MaxKeys {
		return fmt.Errorf("%w: %d entries", ErrTooLarge, n)
	}
	return nil
}

func (l *List) pem(text []byte) error {
	l.Format = PEM
	for n := 1; ; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if err := l.tooMany(n); err != nil {
			return err
		}
		if block.Type != "CERTIFICATE" {
			l.problem(fmt.Errorf("block %d is not a certificate", n))
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			l.problem(fmt.Errorf("block %d: %w", n, err))
			continue
		}
		l.add(FromCertificate(cert))
	}
}

// gateway reads the answer of /trustList of the EU gateway.
func (l *List) gateway(text []byte) error {
	l.Format = Gateway
	var entries []struct {
		KID     string `json:"kid"`
		Country string `json:"country"`
		Type    string `json:"certificateType"`
		Raw     string `json:"rawData"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return jsonError(err)
	}
	if err := l.tooMany(len(entries)); err != nil {
		return err
	}
	for i, e := range entries {
		if e.Type != "DSC" {
			l.LeftOut++
			continue
		}
		k, err := fromBase64(e.Raw, e.KID)
		if err != nil {
			l.problem(fmt.Errorf("entry %d: %w", i, err))
			continue
		}
		if e.Country != "" {
			k.Country = e.Country
		}
		l.add(k)
	}
	return nil
}

// who reads a DID document. Documents exist per usage, named at the end of the identifier; only
// those of signing certificates (DSC) are for verifying.
func (l *List) who(text []byte) error {
	l.Format = WHO
	var doc struct {
		ID      string            `json:"id"`
		Methods []json.RawMessage `json:"verificationMethod"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return jsonError(err)
	}
	if err := l.tooMany(len(doc.Methods)); err != nil {
		return err
	}
	switch usage := doc.ID[strings.LastIndex(doc.ID, ":")+1:]; usage {
	case "SCA", "DECA", "DESC", "TLS", "UP":
		return fmt.Errorf("%w: the document is of usage %s, not DSC", ErrNoKeys, usage)
	}
	for i, raw := range doc.Methods {
		if bytes.HasPrefix(raw, []byte(`"`)) {
			l.problem(fmt.Errorf("method %d is a reference to another document", i))
			continue
		}
		var m struct {
			ID  string `json:"id"`
			JWK struct {
				KID string   `json:"kid"`
				X5C []string `json:"x5c"`
			} `json:"publicKeyJwk"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			l.problem(fmt.Errorf("method %d: %w", i, jsonError(err)))
			continue
		}
		if len(m.JWK.X5C) == 0 {
			l.problem(fmt.Errorf("method %d: no certificate", i))
			continue
		}
		if m.JWK.KID == "" {
			_, m.JWK.KID, _ = strings.Cut(m.ID, "#")
		}
		k, err := fromBase64(m.JWK.X5C[0], m.JWK.KID)
		if err != nil {
			l.problem(fmt.Errorf("method %d: %w", i, err))
			continue
		}
		l.add(k)
	}
	return nil
}

// jwks reads a set of JSON Web Keys (RFC 7517). The key is that of the certificate when there is
// one; else it has no dates, and its kid is what the set says.
func (l *List) jwks(text []byte) error {
	l.Format = JWKS
	var set struct {
		Keys []struct {
			Type  string   `json:"kty"`
			Use   string   `json:"use"`
			Curve string   `json:"crv"`
			KID   string   `json:"kid"`
			X     string   `json:"x"`
			Y     string   `json:"y"`
			N     string   `json:"n"`
			E     string   `json:"e"`
			X5C   []string `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return jsonError(err)
	}
	if err := l.tooMany(len(set.Keys)); err != nil {
		return err
	}
	for i, j := range set.Keys {
		if j.Use != "" && j.Use != "sig" {
			l.LeftOut++
			continue
		}
		if len(j.X5C) > 0 {
			k, err := fromBase64(j.X5C[0], j.KID)
			if err != nil {
				l.problem(fmt.Errorf("key %d: %w", i, err))
				continue
			}
			l.add(k)
			continue
		}
		kid, err := decode64(j.KID)
		if err != nil || len(kid) != KIDLength {
			l.problem(fmt.Errorf("key %d: %w", i, errKID))
			continue
		}
		k := &hcert.Key{KID: kid}
		switch {
		case j.Type == "EC" && j.Curve == "P-256":
			k.Public, err = pointOf(j.X, j.Y)
		case j.Type == "RSA":
			k.Public, err = rsaOf(j.N, j.E)
		default:
			err = errors.New("not an RSA key nor one on P-256")
		}
		if err != nil {
			l.problem(fmt.Errorf("key %x: %w", kid, err))
			continue
		}
		l.add(k)
	}
	return nil
}

// pointOf makes a key of coordinates. Some lists have a zero byte in front, as ASN.1 does.
func pointOf(x, y string) (*ecdsa.PublicKey, error) {
	const size = 32
	point := make([]byte, 1, 1+2*size)
	point[0] = 4 // uncompressed
	for _, text := range []string{x, y} {
		b, err := decode64(text)
		if err != nil {
			return nil, err
		}
		if len(b) == size+1 && b[0] == 0 {
			b = b[1:]
		}
		if len(b) != size {
			return nil, errors.New("a coordinate is not 32 bytes")
		}
		point = append(point, b...)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func rsaOf(n, e string) (*rsa.PublicKey, error) {
	modulus, err := decode64(n)
	if err != nil {
		return nil, err
	}
	exponent, err := decode64(e)
	if err != nil {
		return nil, err
	}
	const longest = 1024 // bytes: a longer modulus only costs time
	k := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus)}
	for _, b := range exponent {
		k.E = k.E<<8 | int(b)
	}
	if len(modulus) == 0 || len(modulus) > longest || len(exponent) == 0 || len(exponent) > 4 || k.E < 3 || k.E > math.MaxInt32 || k.E%2 == 0 {
		return nil, errors.New("not an RSA key of a usual size")
	}
	return k, nil
}

// service reads answers of a verifier service: one certificate in base64 each, on lines.
func (l *List) service(text []byte) error {
	l.Format = Service
	n := 0
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if n++; n > MaxKeys {
			return l.tooMany(n)
		}
		k, err := fromBase64(string(line), "")
		if err != nil {
			l.problem(fmt.Errorf("line %d: %w", n, err))
			continue
		}
		l.add(k)
	}
	return nil
}

// Status reads the other answer of a verifier service: a JSON list of the key identifiers that are
// valid now, in base64.
func Status(data []byte) ([][]byte, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("trust: status: %w: %d bytes", ErrTooLarge, len(data))
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("trust: status: %w", jsonError(err))
	}
	if len(texts) > MaxKeys {
		return nil, fmt.Errorf("trust: status: %w: %d entries", ErrTooLarge, len(texts))
	}
	kids := make([][]byte, len(texts))
	for i, s := range texts {
		kid, err := decode64(s)
		if err != nil || len(kid) != KIDLength {
			return nil, fmt.Errorf("trust: status: entry %d: %w", i, errKID)
		}
		kids[i] = kid
	}
	return kids, nil
}

// Only keeps the keys that a status names and leaves out the others. It tells how many it left out.
func (l *List) Only(kids [][]byte) int {
	valid := make(map[string]bool, len(kids))
	for _, kid := range kids {
		valid[string(kid)] = true
	}
	before := len(l.Keys)
	l.Keys = slices.DeleteFunc(l.Keys, func(k *hcert.Key) bool { return !valid[string(k.KID)] })
	l.LeftOut += before - len(l.Keys)
	return before - len(l.Keys)
}

// dutch reads the list of public keys by identifier. It has neither certificates nor dates.
func (l *List) dutch(text []byte) error {
	l.Format = Dutch
	var entries map[string][]struct {
		Public string   `json:"subjectPk"`
		Usage  []string `json:"keyUsage"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return jsonError(err)
	}
	n := 0
	for _, text := range slices.Sorted(maps.Keys(entries)) {
		for _, e := range entries[text] {
			n++
			if err := l.tooMany(n); err != nil {
				return err
			}
			kid, err := decode64(text)
			if err != nil || len(kid) != KIDLength {
				l.problem(fmt.Errorf("entry %d: %w", n, errKID))
				continue
			}
			public, err := parsePublic(e.Public)
			if err != nil {
				l.problem(fmt.Errorf("key %x: %w", kid, err))
				continue
			}
			usage, err := usageOf(e.Usage)
			if err != nil {
				l.problem(fmt.Errorf("key %x: %w", kid, err))
				continue
			}
			l.add(&hcert.Key{KID: kid, Public: public, Usage: usage})
		}
	}
	return nil
}

func parsePublic(text string) (crypto.PublicKey, error) {
	der, err := decode64(text)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKIXPublicKey(der)
}

// usageOf reads the letters of the Dutch list. A letter that is not known must not widen the use
// to everything, as no letter at all does.
func usageOf(letters []string) (hcert.Usage, error) {
	var u hcert.Usage
	for _, s := range letters {
		switch s {
		case "t":
			u |= hcert.SignsTests
		case "v":
			u |= hcert.SignsVaccinations
		case "r":
			u |= hcert.SignsRecoveries
		default:
			return 0, errors.New("unknown key usage")
		}
	}
	return u, nil
}

// fromBase64 reads a certificate and compares the identifier that the list states for it.
func fromBase64(text, kid string) (*hcert.Key, error) {
	der, err := decode64(text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	k := FromCertificate(cert)
	if kid != "" {
		stated, err := decode64(kid)
		if err != nil {
			return nil, fmt.Errorf("kid: %w", err)
		}
		if !bytes.Equal(stated, k.KID) {
			return nil, fmt.Errorf("kid %x is not that of its certificate, %x", stated, k.KID)
		}
	}
	return k, nil
}

// decode64 reads base64 in either alphabet, with or without padding and white space: published
// lists mix them.
func decode64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '-':
			return '+'
		case '_':
			return '/'
		case ' ', '\t', '\r', '\n', '=':
			return -1
		}
		return r
	}, s)
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return b, nil
}
