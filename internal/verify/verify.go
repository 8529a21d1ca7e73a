// Package verify says whether a certificate is to be believed: one verdict for 2D-Doc and for HC1
// codes, whatever file they come in.
//
//	trust, warnings, err := verify.LoadTrust([]string{"trust"}, verify.Options{})
//	checker := verify.Checker{Trust: trust}
//	verdicts, err := checker.File(ctx, "attestation.pdf", data, time.Now(), scan.Limits{})
//
// Package scan finds the codes of a file, packages twoddoc and hcert decode them, a Trust holds
// the certificates that the caller believes, Rules what a country asks of a certificate, Revoked the
// certificates that were withdrawn. The verdict is a pure function of the code, of these three and
// of an instant: it reads no clock, no network and no file. The same code answers on the command
// line, over HTTP and in the browser.
//
// # 2D-Doc
//
// The order is that of specification twoddoc, section 2.6: header, definition, structure,
// certificate, date, signature; every step that can be taken is taken, and every reason is given.
//
//	2ddoc.structure          no 2D-Doc, or a header that follows no version
//	2ddoc.field              an attestation of vaccination that lacks a field, or a field that stands twice
//	key.unknown              no trusted certificate has the name that the header gives
//	certificate.revoked      the certificate that signed was revoked, see below
//	certificate.untrusted    the authority is known and has not signed that certificate
//	certificate.notyet       signed before the certificate was valid
//	certificate.expired      signed after the certificate was valid
//	date.undated             no date of signature
//	date.future              signed after the instant (one day is allowed for)
//	signature.…              the code of package twoddoc: invalid, missing, length, base32, spare, key, certificate
//
// What breaks the rules of the dictionary but not the signature is a warning: such codes are in
// official use. A document of a test authority (FR00, XX00 of any country) is believed only when
// its certificate is among the trusted ones, and the verdict then says Test.
//
// # Revoked signing certificates
//
// A bundle (package twoddoc/bundle) in the trust material says which signing certificates the revocation
// lists of their authorities name. A certificate that is named ends every code, signed before or after, as
// specification twoddoc says in section 2.6 and as the scheme is run: the date of signature is
// written by the very key that is no longer to be trusted, no third party stamps it, so whoever has the
// key can sign for yesterday. The instant of the check does not matter for the same reason, and because
// what is known now is known. The date of the revocation is given ([Standing].Since), for people to
// judge a paper by other means.
//
//	certificate.unchecked    warning: no list in the bundle speaks of the certificate; the bundle is of this date
//	certificate.stale        warning: the list should have been renewed; it is of this date
//	bundle.stale             warning: the bundle is older than its operator wants it to be used; it is of this date
//	bundle.early             warning: the bundle was gathered after the instant of the check
//
// A certificate that was given by itself, and of which no bundle knows anything, is believed until it is
// taken away again.
//
// # HC1
//
// The reasons are the stage codes of package hcert, with its tolerant profile; what departs from
// schema and value sets is a warning.
//
// # Rules and revocation
//
//	rule.VR-FR-0002    a business rule failed; Verdict.Rules has the rule's own words
//	revoked            the full hash of the certificate is on a list
//
// What nobody can decide here is a warning and never a refusal: rule.open for a rule that gives no
// answer, rule.none for a country without rules, revoked.check for a hit of a filter or of a
// shortened hash, which may be chance, revoked.stale for a list that should have been renewed.
//
// # Not done
//
// The comparison with what is printed beside the code; fetching.
package verify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/verify/scan"
)

// Verdict is the answer about one code. Its content is personal data in clear, for whoever was
// shown the code; printed or logged it hides itself, its JSON form does not.
type Verdict struct {
	Input  string `json:"input"`  // name of the file, "-" for a line of the standard input
	Format string `json:"format"` // scan.TwoDDoc or scan.HCert
	Valid  bool   `json:"valid"`
	// Reasons are stable codes, none when valid.
	Reasons []string `json:"reasons"`
	// Issuer is the organisation in the certificate of a 2D-Doc, the country that an HC1 states.
	Issuer string `json:"issuer"`
	// Key names the key: "FR03/AV01", or the key identifier of an HC1 in base64.
	Key string `json:"key"`
	// Content is what the code says. When the verdict is not valid nothing of it is proven.
	Content map[string]any `json:"content"`

	Type     string   `json:"type,omitempty"`     // document type of a 2D-Doc, "vaccination", "test" or "recovery" of an HC1
	Test     bool     `json:"test,omitempty"`     // a test authority signed: never a real document
	Signed   string   `json:"signed,omitempty"`   // date of signature, AAAA-MM-JJ
	Ends     string   `json:"ends,omitempty"`     // last day on which an HC1 may be shown as a document, AAAA-MM-JJ
	ID       string   `json:"id,omitempty"`       // SHA-256 of what a 2D-Doc signs, or the identifier of an HC1
	Warnings []string `json:"warnings,omitempty"` // stable code, then the field if there is one
	// Certificate is what is known of the revocation of the certificate that signed a 2D-Doc; nil when no
	// bundle was asked.
	Certificate *Standing `json:"certificate,omitempty"`
	Symbology   string    `json:"symbology,omitempty"` // "datamatrix", "qr", "aztec" or "text"
	Page        int       `json:"page,omitempty"`      // from 1, in a PDF
	Line        int       `json:"line,omitempty"`      // from 1, in a text

	Rules      []RuleAnswer `json:"rules,omitempty"`      // those that did not pass
	Revocation string       `json:"revocation,omitempty"` // NotListed, ToCheck or IsRevoked; "" when no list was asked
	ListDate   string       `json:"listDate,omitempty"`   // when the oldest of these lists was issued, RFC 3339; "" when none says
}

// String says what the verdict is, and nothing that the code says.
func (v Verdict) String() string {
	return fmt.Sprintf("verdict(%s %s valid=%t reasons=%v)", v.Format, v.Key, v.Valid, v.Reasons)
}

// GoString hides the content.
func (v Verdict) GoString() string { return v.String() }

// LogValue hides the content.
func (v Verdict) LogValue() slog.Value { return slog.StringValue(v.String()) }

func (v *Verdict) refuse(code string) {
	if !slices.Contains(v.Reasons, code) {
		v.Reasons = append(v.Reasons, code)
	}
}

func (v *Verdict) warn(code, field string) {
	if field != "" {
		code += " " + field
	}
	if !slices.Contains(v.Warnings, code) {
		v.Warnings = append(v.Warnings, code)
	}
}

// Checker is everything that a verdict depends on, besides the code and the instant. What is nil is
// left out: without Trust nothing is believed, without Rules and Revoked nothing is asked of them. It
// is safe for concurrent use once what it holds is loaded.
type Checker struct {
	Trust   *Trust
	Rules   *Rules
	Revoked *Revoked
}

// File reads every code of a file and gives a verdict on each that is a 2D-Doc or an HC1. Its
// errors are those of package scan, and scan.nothing when the file has no such code; verdicts that
// were reached before an error are returned with it.
func (k Checker) File(ctx context.Context, name string, data []byte, at time.Time, limits scan.Limits) ([]Verdict, error) {
	codes, err := scan.Scan(ctx, data, limits)
	out := k.Codes(name, codes, at)
	if err == nil && len(out) == 0 {
		err = carnet.E("verify.File", carnet.Invalid, "scan.nothing", nil)
	}
	return out, err
}

// Codes gives the verdict on each code that is a 2D-Doc or an HC1.
func (k Checker) Codes(name string, codes []scan.Code, at time.Time) []Verdict {
	var out []Verdict
	for _, c := range codes {
		if v, ok := k.Code(name, c, at); ok {
			out = append(out, v)
		}
	}
	return out
}

// Line gives the verdict on one payload or link, as a line of text holds it. It reports false when
// the line is neither a 2D-Doc nor an HC1.
func (k Checker) Line(name string, line []byte, number int, at time.Time) (Verdict, bool) {
	c, ok := scan.Line(line, number)
	if !ok {
		return Verdict{}, false
	}
	return k.Code(name, c, at)
}

// Code gives the verdict on a code that was read. It reports false when the code is of another
// kind.
func (k Checker) Code(name string, c scan.Code, at time.Time) (Verdict, bool) {
	v := Verdict{
		Input: name, Format: c.Format, Symbology: c.Symbology, Page: c.Page, Line: c.Line,
		Reasons: []string{}, Content: map[string]any{},
	}
	switch c.Format {
	case scan.TwoDDoc:
		k.twoDDoc(&v, c.Payload, at)
	case scan.HCert:
		k.hCert(&v, c.Payload, at)
	default:
		return Verdict{}, false
	}
	v.Valid = len(v.Reasons) == 0
	return v, true
}
