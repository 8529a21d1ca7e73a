// Package apilec reads a carte Vitale through the reading library of the card's publisher (GIE SESAM-Vitale), on
// workstations where a site has installed it. It knows more than the public zone: birth rank, address, certified number,
// attachment and rights.
//
// Nothing of that library is shipped, and its licence is between the site and its publisher. This package has three parts:
//
//   - [Library], the seam: three calls, as public programs make them. [Open], with the build tag apilec, loads one
//     from an absolute path that the site configured.
//   - [Find], which tells whether a workstation has its configuration.
//   - [Parse], the mapping of the XML document that the library gives onto [vitale.Data].
//
// Source of the calls and of the element names: public programs that use the library, collected in the Carnet
// specification vitale.md, section 2.7. Two spellings of the birth date and of the number are met, and both are read. No
// real library has been called by this package: its tests use a double.
package apilec

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"carnet/nir"
	"carnet/vitale"
)

// MaxDocument is the size of the buffer that the library fills.
const MaxDocument = 64 << 10

// DefaultWait is how long the library waits for a card.
const DefaultWait = 30 * time.Second

// Library is the publisher's library. Calls come in the order of the methods, on one goroutine.
type Library interface {
	// Init reads the library's configuration folder.
	Init(config string) error
	// Identification waits for a card and writes the document into out.
	Identification(wait time.Duration, out []byte) (n int, state CardState, err error)
	// Finish frees what Init took; it is always called.
	Finish() error
}

// CardState is what the library says of the card.
type CardState int16

const (
	Present   CardState = 0
	Same      CardState = 1 // as at the last call
	Different CardState = 2
	Absent    CardState = 3
)

// LibraryError is a refusal of the library, with its own number.
type LibraryError struct {
	Call   string
	Number uint16
}

func (e *LibraryError) Error() string {
	return fmt.Sprintf("apilec: %s failed with %d", e.Call, e.Number)
}

// Provider reads by the library. It implements [vitale.Provider].
type Provider struct {
	Library Library
	Config  string        // absolute path of the library's configuration folder
	Wait    time.Duration // DefaultWait when zero
}

// Read waits for a card and reads it. The library cannot be interrupted: the context is looked at before it is called.
func (p Provider) Read(ctx context.Context) (data vitale.Data, err error) {
	if err := ctx.Err(); err != nil {
		return vitale.Data{}, err
	}
	if err := p.Library.Init(p.Config); err != nil {
		return vitale.Data{}, &vitale.Error{Code: vitale.NoService, Step: "library", Err: err}
	}
	defer func() {
		if end := p.Library.Finish(); end != nil && err == nil {
			data, err = vitale.Data{}, &vitale.Error{Code: vitale.ReadFailed, Step: "library", Err: end}
		}
	}()
	wait := p.Wait
	if wait == 0 {
		wait = DefaultWait
	}
	out := make([]byte, MaxDocument)
	defer clear(out)
	n, state, err := p.Library.Identification(wait, out)
	switch {
	case err == nil && state == Absent:
		return vitale.Data{}, &vitale.Error{Code: vitale.NoCard, Step: "library"}
	case err != nil:
		return vitale.Data{}, &vitale.Error{Code: vitale.ReadFailed, Step: "library", Err: err}
	case n < 0 || n > len(out):
		return vitale.Data{}, &vitale.Error{Code: vitale.BadData, Step: "library", Err: fmt.Errorf("a document of %d bytes", n)}
	}
	return Parse(out[:n])
}

// Find looks for the library's configuration on a workstation. root is its file system. Only macOS has a
// place that is public; elsewhere the site configures it.
func Find(root fs.FS, goos string) (config string, ok bool) {
	const folder = "Library/Application Support/santesocial/apilec"
	if goos != "darwin" {
		return "", false
	}
	if _, err := fs.Stat(root, folder+"/api_lec.ini"); err != nil {
		return "", false
	}
	return "/" + folder, true
}

// document is the XML that the library gives.
type document struct {
	XMLName xml.Name
	People  []person `xml:"listeBenef>T_AsnBeneficiaire"`
}

type person struct {
	Ident struct {
		BirthName string `xml:"nomPatronymique"`
		Surname   string `xml:"nomUsuel"`
		GivenName string `xml:"prenomUsuel"`
		Date      string `xml:"naissance>date"`        // JJMMAAAA
		OnCard    string `xml:"naissance>dateEnCarte"` // AAMMJJ or AAAAMMJJ
		OtherDate string `xml:"dateNaissance"`         // JJMMAAAA
		NIR       string `xml:"nir"`
		Certified string `xml:"nirCertifie"`
		On        string `xml:"dateCertification"`
		Rank      string `xml:"rangDeNaissance"`
		Address   struct {
			Line1 string `xml:"ligne1"`
			Line2 string `xml:"ligne2"`
			Line3 string `xml:"ligne3"`
			Line4 string `xml:"ligne4"`
			Line5 string `xml:"ligne5"`
		} `xml:"adresse"`
	} `xml:"ident"`
	Attachment struct {
		Quality        string   `xml:"qualBenef"`
		NIR            string   `xml:"nir"`
		Scheme         string   `xml:"codeRegime"`
		Fund           string   `xml:"caisse"`
		CardCentre     string   `xml:"centreCarte"`
		Centre         string   `xml:"centreGestion"`
		ManagementCode string   `xml:"codeGestion"`
		Rights         []period `xml:"listePeriodesDroits>T_AsnPeriodeDroits"`
	} `xml:"amo"`
}

type period struct {
	From string `xml:"debut"`
	To   string `xml:"fin"`
}

const (
	maxDepth  = 12
	maxRights = 3
)

// Parse maps the library's document: XML in ISO-8859-1, at most [MaxDocument] bytes. The error is a [*vitale.Error] with
// code BAD_CARD_DATA.
func Parse(text []byte) (vitale.Data, error) {
	bad := func(err error) (vitale.Data, error) {
		return vitale.Data{}, &vitale.Error{Code: vitale.BadData, Step: "document", Err: err}
	}
	if len(text) > MaxDocument {
		return bad(fmt.Errorf("%d bytes", len(text)))
	}
	if err := shallow(text); err != nil {
		return bad(err)
	}
	var d document
	if err := decoder(text).Decode(&d); err != nil {
		return bad(errXML) // the parser's words may hold a piece of the document
	}
	if d.XMLName.Local != "t_AsnDonneesVitale" || len(d.People) == 0 || len(d.People) > vitale.MaxPeople {
		return bad(fmt.Errorf("%d people", len(d.People)))
	}
	data := vitale.Data{Provider: "apilec", Card: vitale.Card{Type: vitale.KindVitale2, Nature: vitale.NatureUnknown}}
	for i, p := range d.People {
		b, err := p.beneficiary(i == 0)
		if err != nil {
			return bad(fmt.Errorf("person %d: %w", i+1, err))
		}
		data.Beneficiaries = append(data.Beneficiaries, b)
	}
	a, err := d.People[0].attachment()
	if err != nil {
		return bad(err)
	}
	data.Attachment = a
	data.Complete()
	return data, nil
}

var errXML = errors.New("not the library's XML")

// decoder reads ISO-8859-1: each byte is the character of its number.
func decoder(text []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		if !strings.EqualFold(name, "ISO-8859-1") {
			return nil, errXML
		}
		raw, err := io.ReadAll(io.LimitReader(in, MaxDocument))
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for _, c := range raw {
			b.WriteRune(rune(c))
		}
		return strings.NewReader(b.String()), nil
	}
	return d
}

// shallow refuses a document that is nested deeper than any the library gives.
func shallow(text []byte) error {
	d := decoder(text)
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errXML
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errXML
			}
		case xml.EndElement:
			depth--
		}
	}
}

var (
	errText   = errors.New("a text is too long")
	errNumber = errors.New("a number that is no number")
	errDate   = errors.New("a date that is no date")
)

// clean drops control characters and the spaces around a text.
func clean(s string) (string, error) {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r < 0xA0 {
			return -1
		}
		return r
	}, s))
	if len([]rune(s)) > vitale.MaxText {
		return "", errText
	}
	return s, nil
}

func (p person) beneficiary(insured bool) (b vitale.Beneficiary, err error) {
	i := p.Ident
	text := func(in string) string {
		out, problem := clean(in)
		if err == nil {
			err = problem
		}
		return out
	}
	b = vitale.Beneficiary{Insured: insured, Surname: text(i.Surname), BirthName: new(text(i.BirthName)), GivenName: text(i.GivenName),
		NIROf: vitale.OwnerInsured, Quality: new(text(p.Attachment.Quality))}
	if insured {
		b.NIROf = vitale.OwnerSelf
	}
	if b.Surname == "" {
		b.Surname = *b.BirthName
	}
	b.Address = []string{text(i.Address.Line1), text(i.Address.Line2), text(i.Address.Line3), text(i.Address.Line4), text(i.Address.Line5)}
	if strings.Join(b.Address, "") == "" {
		b.Address = []string{}
	}
	if err != nil {
		return b, err
	}
	if b.Birth, err = birth(i.OnCard, i.Date, i.OtherDate); err != nil {
		return b, err
	}
	if rank := strings.TrimSpace(i.Rank); rank != "" {
		n, err := strconv.Atoi(rank)
		if err != nil || n < 1 || n > 9 {
			return b, errNumber
		}
		b.BirthRank = &n
	}
	number, key, ok, err := registration(i.NIR, p.Attachment.NIR)
	if err != nil {
		return b, err
	}
	if number != "" {
		b.NIR, b.NIRKeyOK = new(number), ok
		if key != "" {
			b.NIRKey = new(key)
		}
	}
	if number, key, _, err = registration(i.Certified); err != nil {
		return b, err
	}
	if number != "" {
		if key == "" {
			if key, err = nir.Key(number); err != nil {
				return b, errNumber
			}
		}
		b.CertifiedNIR, b.CertifiedOn = new(number+key), new(digits(i.On))
	}
	return b, nil
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s[:min(len(s), 20)])
}

// birth prefers the date that has a century, and the card's own where both have one: that is the one that counts
// towards health insurance.
func birth(onCard string, dates ...string) (vitale.Birth, error) {
	if b, err := vitale.ParseBirth(onCard); err == nil && b.Year != nil {
		return b, nil
	}
	for _, d := range dates {
		if d = strings.TrimSpace(d); len(d) == 8 { // JJMMAAAA
			return vitale.ParseBirth(d[4:] + d[2:4] + d[:2])
		}
	}
	b, err := vitale.ParseBirth(onCard)
	if err != nil {
		return b, errDate
	}
	return b, nil
}

// registration splits the first number that is there: thirteen characters, or fifteen with the key.
func registration(candidates ...string) (number, key string, ok bool, err error) {
	for _, c := range candidates {
		c = strings.ToUpper(strings.Join(strings.Fields(c), ""))
		if c == "" {
			continue
		}
		if len(c) != 13 && len(c) != nir.Length {
			return "", "", false, errNumber
		}
		want, err := nir.Key(c[:13])
		if err != nil || strings.Trim(c[13:], "0123456789") != "" {
			return "", "", false, errNumber
		}
		return c[:13], c[13:], c[13:] == want, nil
	}
	return "", "", false, nil
}

func (p person) attachment() (*vitale.Attachment, error) {
	a := p.Attachment
	out := vitale.Attachment{Rights: []vitale.Period{}}
	centre := a.CardCentre // the one that billing uses
	if centre == "" {
		centre = a.Centre
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&out.Scheme, a.Scheme}, {&out.Fund, a.Fund}, {&out.Centre, centre}, {&out.ManagementCode, a.ManagementCode}} {
		var err error
		if *f.to, err = clean(f.from); err != nil {
			return nil, err
		}
	}
	if len(a.Rights) > maxRights {
		return nil, fmt.Errorf("%d periods of rights", len(a.Rights))
	}
	for _, r := range a.Rights {
		from, err1 := turned(r.From)
		to, err2 := turned(r.To)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		out.Rights = append(out.Rights, vitale.Period{From: from, To: to})
	}
	return &out, nil
}

// turned makes AAAAMMJJ of JJMMAAAA.
func turned(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	if len(s) != 8 || strings.Trim(s, "0123456789") != "" {
		return "", errDate
	}
	return s[4:] + s[2:4] + s[:2], nil
}
