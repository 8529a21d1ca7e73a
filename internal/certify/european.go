package certify

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/icao"
	"carnet/hcert/revocation"
	"carnet/hcert/trust"
	"carnet/internal/carnet"
	"carnet/internal/certify/sheet"
	"carnet/internal/protect"
)

const (
	covid          = "covid-19"       // of the catalogue
	covidCode      = "840539006"      // of the value sets
	genericVaccine = "28531000087107" // allowed for every product; a type that says more is preferred

	// europeanDays is how long a certificate is good as a document; what it is worth is for rules to say.
	europeanDays = 365
	// renewDays before that a download is a new certificate (specification dcc, section 1.4).
	renewDays = 28
)

// EuropeanID is the identity under which the register knows a European certificate, from the identifier that
// a verifier shows: two spellings of one identifier are one.
func EuropeanID(identifier string) [32]byte { return sha256.Sum256([]byte(dcc.Canonical(identifier))) }

// European certifies the last dose against COVID-19 of a person for the whole Union, for the person (specification
// dcc). Without a dose it is carnet.NotFound, "certificate.no-dose"; without a key for it carnet.Unavailable,
// "certificate.no-european"; where the rules of the certificate have no place for what is known, such as a
// name that is not in Latin letters, carnet.Conflict, "certificate.not-european".
//
// It is signed once: the register keeps its identifier, its signature and the digest of what was signed,
// sealed for the person, and the next download is the same certificate, put together again from the
// record. It is another one, with another identifier, when the content has changed, when the one before
// was revoked, from 28 days before its end, and when the key has changed.
//
// The page has four panels to fold, with two codes: the certificate, and the link that fills a wallet.
func (s *Service) European(ctx context.Context, actor protect.Actor, person carnet.ID) (Document, error) {
	return s.certifyEuropean(ctx, actor, person, s.page.RenderEuropean)
}

// Card is European in the size of a bank card, for people without a telephone: the same certificate.
func (s *Service) Card(ctx context.Context, actor protect.Actor, person carnet.ID) (Document, error) {
	return s.certifyEuropean(ctx, actor, person, s.page.RenderCard)
}

func (s *Service) certifyEuropean(ctx context.Context, actor protect.Actor, person carnet.ID, render func(sheet.European) ([]byte, error)) (Document, error) {
	if s.signers.European == nil {
		return Document{}, carnet.E("certify", carnet.Unavailable, "certificate.no-european", nil)
	}
	for { // another request of the same person may be faster: its certificate is then theirs
		doc, other, err := s.european(ctx, actor, person, render)
		if err != nil || !other {
			return doc, err
		}
	}
}

func (s *Service) european(ctx context.Context, actor protect.Actor, person carnet.ID, render func(sheet.European) ([]byte, error)) (doc Document, other bool, err error) {
	var (
		situation Summary
		last      Dose
		old       Certificate // that stands, or zero
		draft     *hcert.Draft
		now       = s.ids.Clock()
		key       = trust.FromCertificate(s.signers.European.Certificate())
	)
	err = s.about(ctx, actor, person, func(tx Tx) (err error) {
		if situation, err = s.read(tx, person); err != nil {
			return err
		}
		old, err = standing(tx, person, key, now)
		return err
	})
	if err != nil {
		return Document{}, false, err
	}
	if len(situation.Doses) == 0 {
		return Document{}, false, carnet.E("certify", carnet.NotFound, "certificate.no-dose", nil)
	}
	line, ok := situation.of(covid)
	if !ok {
		return Document{}, false, carnet.E("certify", carnet.Conflict, "certificate.not-european", errors.New("no dose against COVID-19"))
	}
	last = line.Last()
	c := old
	same := false
	if !old.ID.IsZero() {
		// What cannot be written again is not what was written.
		draft, err = s.draftEuropean(key, situation.Identity, line, old.Receipt.Identifier, old.IssuedAt)
		same = err == nil && draft.Digest() == old.Receipt.Digest
	}
	if same {
		doc, err = release(draft, &replay{key.Public, old.Receipt.Signature}, s.ids.Rand)
	} else {
		doc, c, err = s.signEuropean(key, situation.Identity, line, now)
		c.Person, c.Dose, c.Basis = person, last.ID, line.facts()
	}
	if err != nil {
		return Document{}, false, err
	}
	doc.Link = s.edition.EuropeanLink + strings.NewReplacer("%", "%25", " ", "%20").Replace(string(doc.Payload))
	if doc.PDF, err = s.drawEuropean(doc, render); err != nil {
		return Document{}, false, err
	}
	// Handed out only once the register knows of it; it may have been revoked in between, or another one may be there.
	err = s.about(ctx, actor, person, func(tx Tx) error {
		there, err := standing(tx, person, key, s.ids.Clock()) // another's may be younger than this request
		if other = err == nil && there.Document != old.Document; err != nil || other {
			return err
		}
		if err := s.unchanged(tx, person, last.about(), line.facts()); err != nil || same {
			return err
		}
		return tx.PutCertificate(c)
	})
	return doc, other, err
}

// drawEuropean renders what the certificate says, and nothing else: the page is a function of what was signed.
func (s *Service) drawEuropean(doc Document, render func(sheet.European) ([]byte, error)) ([]byte, error) {
	const op = "certify.European"
	file, err := s.ids.New()
	if err != nil {
		return nil, err
	}
	c := doc.Certificate
	v := c.DCC.Vaccinations[0]
	term := func(set dcc.Set, code string) sheet.Term {
		entry, _ := dcc.Lookup(set, code) // there: it passed the lint
		return sheet.Term{Code: code, Words: entry.Name}
	}
	pdf, err := render(sheet.European{
		FamilyName: c.DCC.Name.Family, GivenNames: c.DCC.Name.Given, BirthDate: c.DCC.Birth,
		Disease: term(dcc.Disease, v.Disease), Vaccine: term(dcc.VaccineType, v.Vaccine), Product: term(dcc.Product, v.Product), Holder: term(dcc.Holder, v.Holder),
		Dose: v.Dose, Doses: v.Doses, Date: v.Date, Country: v.Country, Identifier: v.ID, Text: string(doc.Payload), Link: doc.Link,
		Issuer: v.Issuer, State: c.Issuer, NoticeURL: s.edition.NoticeURL, Sandbox: s.edition.Sandbox, IssuedAt: c.IssuedAt, Expires: c.Expires, FileID: file, Seal: s.seal(),
	})
	if err != nil {
		return nil, carnet.E(op, carnet.Internal, "certificate.not-drawable", err)
	}
	return pdf, nil
}

// standing is the newest European certificate of a person that this key signed, that was not revoked and that has
// time left; zero without one.
func standing(tx Tx, person carnet.ID, key *hcert.Key, now time.Time) (Certificate, error) {
	all, err := tx.Certificates(person)
	if err != nil {
		return Certificate{}, err
	}
	for _, c := range slices.Backward(all) {
		if c.Kind != European || c.Key != kid(key) || now.Before(c.IssuedAt) || !now.AddDate(0, 0, renewDays).Before(ends(key, c.IssuedAt)) {
			continue
		}
		if revoked, err := tx.Revoked(c.Document); err != nil || !revoked {
			return c, err
		}
	}
	return Certificate{}, nil
}

// kid is how certificates are found by their key, in the hexadecimal digits of its identifier.
func kid(key *hcert.Key) string { return hex.EncodeToString(key.KID) }

// ends is when a certificate ends that is issued now: no later than that of its signer.
func ends(key *hcert.Key, issued time.Time) time.Time {
	if end := issued.AddDate(0, 0, europeanDays); end.Before(key.NotAfter) {
		return end
	}
	return key.NotAfter
}

// signEuropean makes a new certificate.
func (s *Service) signEuropean(key *hcert.Key, i carnet.Identity, line Line, now time.Time) (Document, Certificate, error) {
	const op = "certify.European"
	if now.After(key.NotAfter) {
		return Document{}, Certificate{}, carnet.E(op, carnet.Unavailable, "signer.expired", fmt.Errorf("the certificate %s ended on %s", kid(key), key.NotAfter))
	}
	scheme := dcc.FrenchUVCI
	scheme.Country = key.Country
	identifier, err := scheme.New(s.ids.Rand)
	if err != nil {
		return Document{}, Certificate{}, carnet.E(op, carnet.Internal, "internal", err)
	}
	draft, err := s.draftEuropean(key, i, line, identifier, now)
	if err != nil {
		return Document{}, Certificate{}, err
	}
	doc, err := release(draft, s.signers.European, s.ids.Rand)
	if err != nil {
		return Document{}, Certificate{}, err
	}
	c := Certificate{Kind: European, Document: doc.ID, Authority: key.Country, Key: kid(key), IssuedAt: now, Names: revocation.Keys(doc.Certificate),
		Receipt: Receipt{Identifier: identifier, Digest: draft.Digest(), Signature: doc.Certificate.Signature}}
	c.ID, err = s.ids.New()
	return doc, c, err
}

// release signs a draft and reads the text as the public will.
func release(draft *hcert.Draft, signer crypto.Signer, rand io.Reader) (Document, error) {
	const op = "certify.European"
	signed, err := draft.Sign(signer, rand)
	if err != nil {
		return Document{}, carnet.E(op, carnet.Unavailable, "signer.unavailable", err)
	}
	text, err := signed.Release()
	if err != nil {
		return Document{}, carnet.E(op, carnet.Internal, "signer.key", err)
	}
	c := draft.Certificate()
	c.Signature = signed.Signature()
	return Document{Payload: []byte(text), ID: EuropeanID(c.DCC.ID()), Certificate: c}, nil
}

// draftEuropean writes the certificate of the last dose; it is read back by the strict reader before anything is signed.
func (s *Service) draftEuropean(key *hcert.Key, i carnet.Identity, line Line, identifier string, issued time.Time) (*hcert.Draft, error) {
	const op = "certify.European"
	refuse := func(err error) error { return carnet.E(op, carnet.Conflict, "certificate.not-european", err) }
	last := line.Last()
	dose, doses, err := number(line.Doses, issued)
	if err != nil {
		return nil, refuse(err)
	}
	encoding, ok := (*dcc.ValueSets)(nil).Encoding(last.Product.Code)
	if !ok {
		return nil, refuse(errors.New("the value sets lack the product"))
	}
	kind := genericVaccine
	if i := slices.IndexFunc(encoding.Types, func(t string) bool { return t != genericVaccine }); i >= 0 {
		kind = encoding.Types[i]
	}
	draft, err := hcert.Order{
		Issuer: key.Country, IssuedAt: issued, Expires: ends(key, issued), Names: icao.France,
		Person: hcert.Person{Family: i.BirthName.Reveal(), Given: i.Given(), Birth: strings.TrimSuffix(strings.TrimSuffix(i.Birth.ISO(), "-00"), "-00")},
		Vaccination: &dcc.Vaccination{Disease: covidCode, Vaccine: kind, Product: encoding.Product, Holder: encoding.Holder, Dose: dose, Doses: doses,
			Date: last.Date.String(), Country: country(last.Dose), Issuer: s.edition.Issuer, ID: identifier},
	}.Prepare(key)
	if o, ok := errors.AsType[hcert.Objections](err); ok && o.Has(hcert.KeyValidity) {
		return nil, carnet.E(op, carnet.Unavailable, "signer.expired", err)
	} else if ok && (o.Has(hcert.KeyUnfit) || o.Has(hcert.KeyUsage)) {
		return nil, carnet.E(op, carnet.Internal, "signer.key", err)
	}
	if err != nil {
		return nil, refuse(err)
	}
	return draft, nil
}

// number gives dn and sd of the last dose, from all doses of the line by the rules of the certificate
// ([dcc.History]): what a form stated does not count, or two certificates of one person would
// disagree. One thing only comes from it: a first dose that was recorded as a whole course of one, of a product that has
// more, was given after an infection.
func number(all []Dose, issued time.Time) (dose, doses int, err error) {
	var h dcc.History
	for _, d := range all {
		if len(h.Doses) == 0 && d.Rank == 1 && d.Expected == 1 && d.Product.Primary > 1 {
			h.Infection = d.Date.AddDays(-1).String() // the day does not matter, and is not printed
		}
		h.Doses = append(h.Doses, dcc.Dose{Product: d.Product.Code, Date: d.Date.String()})
	}
	return h.Number(issued)
}

// replay gives a signature that was made before, in the form of a signer.
type replay struct {
	public    crypto.PublicKey
	signature []byte
}

// Public is the key of the signature.
func (r *replay) Public() crypto.PublicKey { return r.public }

// Sign gives the signature, whatever the digest: reading it back tells whether it is the right one.
func (r *replay) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	if _, ok := r.public.(*ecdsa.PublicKey); !ok {
		return r.signature, nil
	}
	half := len(r.signature) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r.signature[:half]), new(big.Int).SetBytes(r.signature[half:])})
}
