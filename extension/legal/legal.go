// Package legal holds the texts that a user of the card reader can always read: conditions of use, privacy, legal notice, and
// the differences from the product that they follow. They are made from the data of whoever publishes the extension, so that no
// page names a body that it should not.
//
// A text is lines: "# " begins a heading, "- " an item, anything else a paragraph.
package legal

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"strings"
	texttemplate "text/template"
)

//go:embed text
var files embed.FS

// TermsVersion is that of the conditions in force: other conditions are shown and accepted again.
const TermsVersion = "1"

// Party is a body with an address.
type Party struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	Form      string `json:"form"` // legal form
	SIREN     string `json:"siren"`
	SIRET     string `json:"siret"`
	VAT       string `json:"vat"`
	Telephone string `json:"telephone"`
	Director  string `json:"director"`
}

// Operator is who publishes the extension, for whom, and where people turn to.
type Operator struct {
	Publisher Party  `json:"publisher"` // developer and publisher
	Behalf    Party  `json:"behalf"`    // the body for which it is offered, controller of the data
	Contract  string `json:"contract"`  // reference of the contract between them (GDPR, article 28)
	DPO       string `json:"dpo"`       // how to reach the data protection officer
	Policy    string `json:"policy"`    // https address of the general policy
	Report    string `json:"report"`    // https address of the form that opens a security event
	Sandbox   bool   `json:"sandbox"`   // a fictitious operator: never in a store
}

// Sandbox is the operator of an installation for trying.
func Sandbox() Operator {
	p := Party{Name: "Carnet, bac à sable", Address: "3 allée des Mousses, 99999 Sous-Bois", Form: "organisme fictif", SIREN: "000000000", SIRET: "00000000000000", VAT: "FR12000000000",
		Telephone: "+33 1 99 00 00 00", Director: "Aurélien Saule"}
	return Operator{Publisher: p, Behalf: p, Contract: "SANDBOX-1", DPO: "dpo@carnet.invalid", Policy: "https://carnet.invalid/protection", Report: "https://carnet.invalid/signaler", Sandbox: true}
}

// ReadOperator reads one from JSON of at most 64 KiB, and refuses one that is not complete.
func ReadOperator(text []byte) (Operator, error) {
	var o Operator
	if len(text) > 64<<10 {
		return o, errors.New("operator: too long")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return Operator{}, fmt.Errorf("operator: %w", err)
	}
	return o, o.Validate()
}

// Validate finds what is empty or cannot be true.
func (o Operator) Validate() error {
	var all []error
	for name, v := range map[string]string{"contract": o.Contract, "dpo": o.DPO, "policy": o.Policy, "report": o.Report} {
		if strings.TrimSpace(v) == "" {
			all = append(all, fmt.Errorf("operator: %s is empty", name))
		}
	}
	for name, v := range map[string]string{"policy": o.Policy, "report": o.Report} {
		if !strings.HasPrefix(v, "https://") {
			all = append(all, fmt.Errorf("operator: %s is no https address", name))
		}
	}
	for name, p := range map[string]Party{"publisher": o.Publisher, "behalf": o.Behalf} {
		if p.Name == "" || p.Address == "" || p.Form == "" || p.Telephone == "" || p.Director == "" {
			all = append(all, fmt.Errorf("operator: %s lacks a name, address, form, telephone or director", name))
		}
		if len(p.SIREN) != 9 || !luhn(p.SIREN) {
			all = append(all, fmt.Errorf("operator: %s: siren", name))
		}
		if len(p.SIRET) != 14 || !luhn(p.SIRET) || !strings.HasPrefix(p.SIRET, p.SIREN) {
			all = append(all, fmt.Errorf("operator: %s: siret", name))
		}
		if p.VAT != VAT(p.SIREN) {
			all = append(all, fmt.Errorf("operator: %s: vat", name))
		}
	}
	return errors.Join(all...)
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return false
		}
		n := int(c - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// VAT computes the French intra-community number of a SIREN.
func VAT(siren string) string {
	rest := 0
	for _, c := range siren {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("FR%02d%s", (12+3*rest)%97, siren)
}

// Pages are the texts, by name.
func Pages() []string { return []string{"terms", "privacy", "notice", "differences"} }

// Text gives a text in a language, fr or en.
func (o Operator) Text(page, lang string) (string, error) {
	t, err := texttemplate.ParseFS(files, "text/"+page+"."+lang+".txt")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		Operator
		Version string
	}{o, TermsVersion})
	return b.String(), err
}

// HTML gives a text as elements, without a page around them.
func (o Operator) HTML(page, lang string) (template.HTML, error) {
	text, err := o.Text(page, lang)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	list := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		item, isItem := strings.CutPrefix(line, "- ")
		if isItem != list {
			b.WriteString(map[bool]string{true: "<ul>\n", false: "</ul>\n"}[isItem])
			list = isItem
		}
		switch heading, isHeading := strings.CutPrefix(line, "# "); {
		case isHeading:
			b.WriteString("<h2>" + template.HTMLEscapeString(heading) + "</h2>\n")
		case isItem:
			b.WriteString("<li>" + linked(item) + "</li>\n")
		case line != "":
			b.WriteString("<p>" + linked(line) + "</p>\n")
		}
	}
	if list {
		b.WriteString("</ul>\n")
	}
	return template.HTML(b.String()), nil
}

// linked escapes a line and makes links of its https addresses.
func linked(line string) string {
	words := strings.Split(template.HTMLEscapeString(line), " ")
	for i, w := range words {
		if strings.HasPrefix(w, "https://") {
			address := strings.TrimRight(w, ".,;")
			words[i] = `<a href="` + address + `" rel="noreferrer">` + address + `</a>` + w[len(address):]
		}
	}
	return strings.Join(words, " ")
}
