// Package certify makes attestations of vaccination: it prepares the message, lints it with the
// reader that the public uses, signs it, draws the page.
//
// Documents follow the disease ([Summary.Lines]). The 2D-Doc has fields for any disease and product, so
// every vaccine that its fields can say has an attestation with that code; the European certificate is
// for COVID-19 alone, and so is the code that fills its application; what no code can say is a page
// without one ([Plain]), under the operator's seal.
//
// Nothing is signed that was not read back first: the draft is signed with a throw-away key and
// must pass the strict reader, the rules of the wallets and the capacity of both codes; only then
// does the real key sign it, once, and both codes carry the same bytes. Documents are not stored:
// the register keeps the fingerprint, and the page is drawn again from the record on demand.
//
// The European certificate ([Service.European]) has a key of its own and is signed once: its identifier and its signature
// are kept, sealed for the person, and a download puts it together again.
//
// A document can be revoked ([Service.Revoke]) and is then on the signed list that verifiers hold
// offline ([Publisher]), under the names that verifiers of its kind look for; it is never issued again.
//
// Specification: 2D-Doc sections 1, 2.6, 3 and 7 of the project's notes on ANTS 3.3, dcc; the
// certificate is the person's own, an act of purpose "certification" with scope "self".
package certify

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/certify/pdf"
	"carnet/internal/certify/seal"
	"carnet/internal/certify/sheet"
	"carnet/internal/protect"
	"carnet/twoddoc"
)

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Store is what this room needs of a store. Within runs fn in one transaction that begins with the
// decision in the journal; a refusal is journalled and returned, and fn does not run.
type Store interface {
	Within(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction. Each read and write enters the journal by itself.
type Tx interface {
	Person(id carnet.ID) (carnet.Person, error)    // carnet.NotFound; the certificate's columns only
	Into(person carnet.ID) (carnet.ID, error)      // the record that this one is a part of now, itself when it stands alone
	Doses(person carnet.ID) ([]carnet.Dose, error) // that stand, oldest injection first
	PutCertificate(c Certificate) error            // the same document again changes nothing

	Certificates(person carnet.ID) ([]Certificate, error)                 // issued to a person, oldest first
	CertificatesOf(document [32]byte) ([]Certificate, error)              // several when two people share every word
	Revocations(person carnet.ID) ([]Revocation, error)                   // oldest first
	PutRevocation(r Revocation) error                                     // once for each document of a person
	Revoked(document [32]byte) (bool, error)                              // of anybody
	RevokedNames() ([]revocation.Key, error)                              // of everybody, in any order, duplicates included
	RevocationList() (number uint64, body []byte, err error)              // the newest; 0 when none was published
	PutRevocationList(number uint64, issued time.Time, body []byte) error // replaces it

	Notices(most int) ([]Notice, error)         // that this room has not settled, oldest first
	Pending(person carnet.ID) ([]Notice, error) // those about one person, oldest first
	Tell(n carnet.Notice) error                 // the person
	Settle(n Notice) error                      // takes a notice off that list
	Issuance() ([]Issued, error)                // oldest day first; PutCertificate counts
}

// Kind says what a document is.
type Kind string

// The kinds.
const (
	National Kind = "2d-doc" // the attestation
	European Kind = "hc1"    // the EU digital COVID certificate
	Plain    Kind = "page"   // an attestation without a code; nobody can verify it, so the register keeps nothing of it
)

// Certificate is what the register keeps of a document: that it was issued, never what it says.
type Certificate struct {
	ID       carnet.ID
	Person   carnet.ID
	Dose     carnet.ID // the last one, which the document is about
	Kind     Kind
	Document [32]byte // SHA-256 of header and message, the identity of a 2D-Doc; [EuropeanID] of an HC1
	// Authority and Key are the two ids under which a verifier finds the certificate of the signer: of an HC1 the
	// country, and the key identifier in hexadecimal.
	Authority, Key string
	IssuedAt       time.Time
	Names          []revocation.Key // under which it would be revoked
	Basis          []Fact           // what it states of the doses
	Receipt        Receipt          // of an HC1, for the person alone
}

// Receipt is what it takes to put an HC1 together again without signing twice. It is sealed in the store.
type Receipt struct {
	Identifier string
	Digest     [32]byte // of what was signed
	Signature  []byte
}

// String hides the identifier.
func (r Receipt) String() string { return "Receipt(█)" }

// GoString hides the identifier.
func (r Receipt) GoString() string { return r.String() }

// LogValue hides the identifier.
func (r Receipt) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Signer holds a key that certifies. It may be a file, a token or another process.
type Signer interface {
	crypto.Signer
	Certificate() *x509.Certificate
}

// Signers are the keys of an issuer, one for each use.
type Signers struct {
	National Signer // signs 2D-Doc; subject CN: certificate id; issuer CN: authority id
	European Signer // signs HC1: a document signing certificate for vaccinations, with its country; nil for none
	Seal     Signer // signs the files, in the name of the operator; nil for files that nobody signs
}

// All gives those that are there, with the name of the setting of each.
func (s Signers) All() iter.Seq2[string, Signer] {
	return func(yield func(string, Signer) bool) {
		if s.National != nil && !yield("signer", s.National) {
			return
		}
		if s.European != nil && !yield("european", s.European) {
			return
		}
		if s.Seal != nil {
			yield("seal", s.Seal)
		}
	}
}

// WalletPath is the path of the link to a European certificate, as twoddoc.WalletPath is that of a 2D-Doc.
const WalletPath = "/app/walletdcc#"

// Vaccines tells what a code of the catalogue stands for.
type Vaccines interface {
	Find(code string) (carnet.Vaccine, bool)
}

// Edition is what the operator puts on each document.
type Edition struct {
	Issuer string // who issues, as printed
	Link   string // prefix of the right-hand code, up to and with "#" or "?v="
	// EuropeanLink is the same for the European certificate.
	EuropeanLink string
	NoticeURL    string // where the person reads how the data is protected
	Sandbox      bool   // prints that it is a specimen
}

// Service is the room.
type Service struct {
	store    Store
	guard    *protect.Guard
	ids      carnet.IDs
	signers  Signers
	vaccines Vaccines
	edition  Edition
	page     *sheet.Renderer
	sealer   *seal.Sealer      // nil without a key
	throw    *ecdsa.PrivateKey // signs drafts that are linted, nothing else
}

// New returns the room over a store.
func New(store Store, guard *protect.Guard, ids carnet.IDs, signers Signers, vaccines Vaccines, e Edition) (*Service, error) {
	page, err := sheet.New()
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	throw, err := ecdsa.GenerateKey(elliptic.P256(), ids.Rand)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	s := &Service{store: store, guard: guard, ids: ids, signers: signers, vaccines: vaccines, edition: e, page: page, throw: throw}
	if signers.Seal != nil {
		if s.sealer, err = seal.New(signers.Seal, signers.Seal.Certificate(), ids.Rand); err != nil {
			return nil, fmt.Errorf("certify: %w", err)
		}
	}
	return s, nil
}

// seal is the signature of the operator on a file.
func (s *Service) seal() *pdf.Seal {
	if s.sealer == nil {
		return nil
	}
	return &pdf.Seal{Name: s.edition.Issuer, Reason: sealReason, Contents: sealContents, Sign: s.sealer.Sign}
}

const (
	sealReason   = "Délivré par l'opérateur / Issued by the operator"
	sealContents = "Cachet électronique de l'opérateur / Electronic seal of the operator"
)

// Summary is a person's situation, from the columns that a certificate may use.
type Summary struct {
	Identity carnet.Identity
	Doses    []Dose // oldest injection first
}

// Dose is a dose with its vaccine.
type Dose struct {
	carnet.Dose
	Product carnet.Vaccine
}

// Line is the doses against one disease, oldest first: what one attestation is about.
type Line struct {
	Disease string // code of the catalogue; empty for a product that it does not know
	Doses   []Dose
}

// Last is the dose that the line's documents are about.
func (l Line) Last() Dose { return l.Doses[len(l.Doses)-1] }

// Kinds are the formats that exist for the line, the first one of the attestation.
func (l Line) Kinds() []Kind {
	last := l.Last()
	kinds := []Kind{Plain}
	if last.Product.ATC != "" && last.Product.Label != "" && last.Rank <= 9 && last.Expected <= 9 {
		kinds[0] = National
	}
	if l.Disease == covid {
		if _, ok := (*dcc.ValueSets)(nil).Encoding(last.Product.Code); ok {
			kinds = append(kinds, European)
		}
	}
	return kinds
}

// Lines groups the doses by the first disease of each product; the line of the newest dose comes first.
func (s Summary) Lines() []Line {
	var lines []Line
	for _, d := range slices.Backward(s.Doses) {
		key := d.about()
		i := slices.IndexFunc(lines, func(l Line) bool { return l.Last().about() == key })
		if i < 0 {
			i, lines = len(lines), append(lines, Line{Disease: d.disease()})
		}
		lines[i].Doses = slices.Insert(lines[i].Doses, 0, d)
	}
	return lines
}

// line finds the one that holds a dose, the newest one for a zero id.
func (s Summary) line(dose carnet.ID) (Line, bool) {
	lines := s.Lines()
	i := slices.IndexFunc(lines, func(l Line) bool {
		return dose.IsZero() || slices.ContainsFunc(l.Doses, func(d Dose) bool { return d.ID == dose })
	})
	if i < 0 {
		return Line{}, false
	}
	return lines[i], true
}

// of finds the line of a disease.
func (s Summary) of(disease string) (Line, bool) {
	lines := s.Lines()
	i := slices.IndexFunc(lines, func(l Line) bool { return l.Disease == disease })
	if i < 0 {
		return Line{}, false
	}
	return lines[i], true
}

func (d Dose) disease() string {
	if len(d.Product.Diseases) == 0 {
		return ""
	}
	return d.Product.Diseases[0]
}

// about tells lines apart: by the disease, and each dose alone when nobody knows its disease.
func (d Dose) about() string { return cmp.Or(d.disease(), d.ID.String()) }

// country is where a dose was given.
func country(d carnet.Dose) string { return cmp.Or(d.Country, d.Place.Country) }

// Last is the newest dose, or false when none was recorded.
func (s Summary) Last() (Dose, bool) {
	if len(s.Doses) == 0 {
		return Dose{}, false
	}
	return s.Doses[len(s.Doses)-1], true
}

// Summary opens the situation of a person, for the person.
func (s *Service) Summary(ctx context.Context, actor protect.Actor, person carnet.ID) (Summary, error) {
	var out Summary
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		out, err = s.read(tx, person)
		return err
	})
	return out, err
}

func (s *Service) read(tx Tx, person carnet.ID) (Summary, error) {
	p, err := tx.Person(person)
	if err != nil {
		return Summary{}, err
	}
	out := Summary{Identity: p.Identity}
	out.Doses, err = s.doses(tx, person)
	return out, err
}

// unknownProduct is what a page says of a product that the catalogue does not know: its name as the proof writes
// it is none of the columns that a certificate may open.
const unknownProduct = "reçu ailleurs / given elsewhere"

// doses gives what documents may state, with the vaccines. A product that the catalogue does not know
// has no disease.
func (s *Service) doses(tx Tx, person carnet.ID) ([]Dose, error) {
	doses, err := certifiable(tx, person)
	var list []Dose
	for _, d := range doses {
		v, ok := s.vaccines.Find(d.Vaccine)
		if !ok {
			v = carnet.Vaccine{Name: unknownProduct}
		}
		list = append(list, Dose{d, v})
	}
	return list, err
}

// certifiable lists the doses of a person that documents may state.
func certifiable(tx Tx, person carnet.ID) ([]carnet.Dose, error) {
	doses, err := tx.Doses(person)
	return countable(doses), err
}

// countable keeps the doses that were given and that nobody suspects, of which more is known than that
// the person says so. The country of a dose of elsewhere is that of
// its place.
func countable(doses []carnet.Dose) []carnet.Dose {
	kept := slices.DeleteFunc(slices.Clone(doses), func(d carnet.Dose) bool {
		return !d.Given() || d.Evidence == carnet.Stated || d.Suspended
	})
	for i, d := range kept {
		kept[i].Place.Country = cmp.Or(d.Place.Country, d.Country)
	}
	return kept
}

// Document is an attestation or a European certificate, ready to be handed to the person.
type Document struct {
	PDF     []byte
	Payload []byte // of the 2D-Doc, or the text of the HC1; health data in clear
	Link    string // of the right-hand code, with the same payload
	ID      [32]byte

	Certificate *hcert.Certificate // of an HC1, what its payload says
}

// String hides the person.
func (d Document) String() string { return "Document(█)" }

// GoString hides the person.
func (d Document) GoString() string { return d.String() }

// LogValue hides the person.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Attestation certifies the newest dose of a person, for the person. Without a dose it is
// carnet.NotFound, "certificate.no-dose".
func (s *Service) Attestation(ctx context.Context, actor protect.Actor, person carnet.ID) (Document, error) {
	return s.AttestationOf(ctx, actor, person, carnet.ID{})
}

// AttestationOf certifies the last dose of the line that holds a dose, for the person. A vaccine that no
// code can say has a page without one.
//
// A revoked document is not issued again: as long as the same day and the same content would give
// the document that was revoked, the answer is carnet.Conflict, "certificate.revoked-today". The next
// day, or once the dose was corrected, it is another document.
func (s *Service) AttestationOf(ctx context.Context, actor protect.Actor, person, dose carnet.ID) (Document, error) {
	var (
		situation Summary
		line      Line
		last      Dose
		ok        bool
		coded     bool
		ready     linted
		now       = s.ids.Clock()
	)
	err := s.about(ctx, actor, person, func(tx Tx) (err error) {
		if situation, err = s.read(tx, person); err != nil {
			return err
		}
		if line, ok = situation.line(dose); !ok {
			return nil
		}
		last = line.Last()
		if coded = line.Kinds()[0] == National; !coded {
			return nil
		}
		if ready, err = s.prepare(situation.Identity, last, now); err != nil {
			return err
		}
		return refuseRevoked(tx, ready.draft.ID())
	})
	if err != nil {
		return Document{}, err
	}
	if !ok {
		return Document{}, carnet.E("certify", carnet.NotFound, "certificate.no-dose", nil)
	}
	var doc Document
	if coded {
		if doc, err = s.issue(ready); err != nil {
			return Document{}, err
		}
	}
	if line.Disease != covid {
		doc.Link = "" // the application that it fills is for COVID-19
	}
	if doc.PDF, err = s.draw(situation.Identity, last, doc, now); err != nil || !coded {
		return doc, err
	}
	cert := s.signers.National.Certificate()
	c := Certificate{Person: person, Dose: last.ID, Kind: National, Document: doc.ID, Authority: cert.Issuer.CommonName, Key: cert.Subject.CommonName,
		IssuedAt: now, Names: []revocation.Key{revocation.TwoDDocKey(doc.ID)}, Basis: line.facts()}
	if c.ID, err = s.ids.New(); err != nil {
		return Document{}, err
	}
	// Handed out only once the register knows of it; it may have been revoked in between.
	if err := s.about(ctx, actor, person, func(tx Tx) error {
		if err := refuseRevoked(tx, doc.ID); err != nil {
			return err
		}
		if err := s.unchanged(tx, person, last.about(), c.Basis); err != nil {
			return err
		}
		return tx.PutCertificate(c)
	}); err != nil {
		return Document{}, err
	}
	return doc, nil
}

func (s *Service) about(ctx context.Context, actor protect.Actor, person carnet.ID, fn func(Tx) error) error {
	return s.store.Within(ctx, s.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Certification, Person: person}), fn)
}

// linted is a draft that passed the lint. Only prepare makes one.
type linted struct{ draft *twoddoc.Draft }

// prepare writes the message and lints it.
func (s *Service) prepare(i carnet.Identity, last Dose, now time.Time) (linted, error) {
	const op = "certify.prepare"
	given := make([]string, len(i.GivenNames))
	for n, g := range i.GivenNames {
		given[n] = g.Reveal()
	}
	cert, today := s.signers.National.Certificate(), twoddoc.DayOf(now.In(carnet.Paris))
	draft, err := twoddoc.Vaccination{
		FamilyName: i.BirthName.Reveal(), GivenNames: given, Birth: i.Birth.Compact(), Disease: last.Product.Disease,
		Agent: last.Product.ATC, Vaccine: last.Product.Label, Manufacturer: last.Product.Label, Rank: last.Rank,
		Expected: last.Expected, LastDate: last.Date.Compact(), Complete: last.Complete(),
	}.Prepare(twoddoc.Header{Authority: cert.Issuer.CommonName, Certificate: cert.Subject.CommonName,
		Emitted: today, Signed: today, Country: country(last.Dose)})
	if err != nil {
		return linted{}, carnet.E(op, carnet.Internal, "certificate.not-writable", err)
	}
	if !draft.Document().Header.Within(cert) {
		return linted{}, carnet.E(op, carnet.Unavailable, "signer.expired", fmt.Errorf("certificate %s ended on %s", cert.Subject.CommonName, cert.NotAfter))
	}
	sample, err := draft.Sign(s.throw, s.ids.Rand)
	if err != nil {
		return linted{}, carnet.E(op, carnet.Internal, "internal", err)
	}
	if err := lint(sample, &s.throw.PublicKey); err != nil {
		return linted{}, carnet.E(op, carnet.Internal, "certificate.lint", err)
	}
	return linted{draft}, nil
}

// lint reads a payload as the public will.
func lint(payload []byte, key *ecdsa.PublicKey) error {
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		return err
	}
	return errors.Join(doc.Verify(key), twoddoc.WalletReads(payload))
}

// issue signs, once, and reads the result under the certificate that verifiers will use.
func (s *Service) issue(l linted) (Document, error) {
	const op = "certify.issue"
	payload, err := l.draft.Sign(s.signers.National, s.ids.Rand)
	if err != nil {
		return Document{}, carnet.E(op, carnet.Unavailable, "signer.unavailable", err)
	}
	cert := s.signers.National.Certificate()
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return Document{}, carnet.E(op, carnet.Internal, "signer.key", fmt.Errorf("certificate %s holds a %T", cert.Subject.CommonName, cert.PublicKey))
	}
	if err := lint(payload, key); err != nil {
		return Document{}, carnet.E(op, carnet.Internal, "signer.key", err)
	}
	return Document{Payload: payload, Link: twoddoc.Link(s.edition.Link, payload), ID: l.draft.ID()}, nil
}

// draw renders the page.
func (s *Service) draw(i carnet.Identity, last Dose, doc Document, now time.Time) ([]byte, error) {
	var id carnet.ID
	if _, err := io.ReadFull(s.ids.Rand, id[:]); err != nil {
		return nil, carnet.E("certify.draw", carnet.Internal, "internal", err)
	}
	vaccine, disease := last.Product.Name, ""
	if last.Product.Holder != "" {
		vaccine += " (" + last.Product.Holder + ")"
	}
	if last.disease() != covid {
		disease = "non précisée / not stated"
		if last.Product.French != "" {
			disease = last.Product.French + " / " + last.Product.English
		}
	}
	file, err := s.page.Render(sheet.Attestation{
		FamilyName: i.BirthName.Reveal(), GivenNames: i.Given(), BirthDate: i.Birth.French(),
		Disease: disease, Vaccine: vaccine, Rank: last.Rank, Expected: last.Expected,
		LastDate: last.Date.French(), Complete: last.Complete(), Payload: doc.Payload, Link: doc.Link,
		Issuer: s.edition.Issuer, NoticeURL: s.edition.NoticeURL, Sandbox: s.edition.Sandbox, IssuedAt: now.In(carnet.Paris), FileID: id, Seal: s.seal(),
	})
	if err != nil {
		return nil, carnet.E("certify.draw", carnet.Internal, "certificate.not-drawable", err)
	}
	return file, nil
}
