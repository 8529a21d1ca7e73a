// Package ropa holds the records of processing activities: what is processed, by whom, why, on which
// basis, for how long, who receives it and which notice tells so.
//
// A register is one TOML file (see the one of internal/protect). [Parse] reads it, [Register.Check]
// finds what is wrong with it, [Register.Diff] tells what a new version changes for whom, the exports
// write it as GDPR art. 30 asks and as others read it, [Sign] and [Open] seal one version.
//
// A version is known by its content: [Register.Hash] is the same however the file is laid out and
// through whichever export that keeps everything ([Register.JSON], [Register.JSONLD]) it went.
//
// Specification: GDPR art. 5, 13, 26, 28, 30; privacy section 3. What a register of an instance must
// also satisfy to decide accesses is checked by internal/protect.
package ropa

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxSize bounds the file of a register.
const MaxSize = 4 << 20

// Register is one version of the records.
type Register struct {
	Version string `toml:"version" json:"version"`
	// Printed says that the register writes down what published texts print, rather than what an
	// instance does: it has no columns, contracts nor notices with dates of entry into force.
	Printed    bool         `toml:"printed" json:"printed,omitempty"`
	Processing []Processing `toml:"processing" json:"processing"`
	Notices    []Notice     `toml:"notice" json:"notice,omitempty"`
	Cookies    []Cookie     `toml:"cookie" json:"cookie,omitempty"`
	CookieRule []CookieRule `toml:"cookie_rule" json:"cookie_rule,omitempty"`
	Rights     []Right      `toml:"right" json:"right,omitempty"`
	Legal      []Legal      `toml:"legal" json:"legal,omitempty"`
	Remarks    []Remark     `toml:"remark" json:"remark,omitempty"`
	Forms      []Form       `toml:"form" json:"form,omitempty"` // what the sites ask
	Technical  struct {
		Columns []string `toml:"columns" json:"columns,omitempty"`
	} `toml:"technical" json:"technical"`
}

// Processing is one entry of the register (GDPR art. 30-1, and 30-2 for its processors). Titles are in
// French; the English ones are for people who read the product in English.
type Processing struct {
	ID             string      `toml:"id" json:"id"`
	Title          string      `toml:"title" json:"title"`
	TitleEN        string      `toml:"title_en" json:"title_en,omitempty"`
	Untitled       bool        `toml:"untitled" json:"untitled,omitempty"` // the source prints no title
	Source         string      `toml:"source" json:"source,omitempty"`     // text and line that it was read in
	Controllers    []string    `toml:"controllers" json:"controllers,omitempty"`
	Joint          bool        `toml:"joint" json:"joint,omitempty"`
	Arrangement    string      `toml:"arrangement" json:"arrangement,omitempty"` // essence of the agreement of joint controllers, art. 26-2
	ArrangementEN  string      `toml:"arrangement_en" json:"arrangement_en,omitempty"`
	DPO            string      `toml:"dpo" json:"dpo,omitempty"` // to whom one turns
	Texts          []string    `toml:"texts" json:"texts,omitempty"`
	Security       []string    `toml:"security" json:"security,omitempty"`
	Transfers      []string    `toml:"transfers" json:"transfers,omitempty"`             // to third countries, with the safeguard; none when empty
	Notices        []string    `toml:"notices" json:"notices,omitempty"`                 // by which the people are told
	NoticeText     string      `toml:"notice_text" json:"notice_text,omitempty"`         // a printed text that is itself the notice
	NoticeReferred string      `toml:"notice_referred" json:"notice_referred,omitempty"` // a notice that the text sends to
	Purposes       []Purpose   `toml:"purpose" json:"purpose,omitempty"`
	Categories     []Category  `toml:"category" json:"category,omitempty"`
	Processors     []Processor `toml:"processor" json:"processor,omitempty"`
	Recipients     []Recipient `toml:"recipient" json:"recipient,omitempty"`
	Flows          []Flow      `toml:"flow" json:"flow,omitempty"`
	Retention      []Rule      `toml:"retention" json:"retention,omitempty"`
	Grants         []Grant     `toml:"grant" json:"grant,omitempty"`
}

// Purpose is one purpose of a processing.
type Purpose struct {
	ID        string `toml:"id" json:"id"`
	Title     string `toml:"title" json:"title"`
	TitleEN   string `toml:"title_en" json:"title_en,omitempty"`
	Source    string `toml:"source" json:"source,omitempty"`
	Basis     string `toml:"basis" json:"basis,omitempty"`           // GDPR art. 6, one
	Special   string `toml:"special" json:"special,omitempty"`       // GDPR art. 9-2, for health data
	Opposable bool   `toml:"opposable" json:"opposable,omitempty"`   // one may object, and a notice says so
	Consent   bool   `toml:"consent" json:"consent,omitempty"`       // asks for consent
	DataState string `toml:"data_state" json:"data_state,omitempty"` // pseudonymised
}

// Category is one category of data about one kind of people.
type Category struct {
	ID          string   `toml:"id" json:"id"`
	Subject     string   `toml:"subject" json:"subject,omitempty"`
	Title       string   `toml:"title" json:"title"`
	TitleEN     string   `toml:"title_en" json:"title_en,omitempty"`
	Source      string   `toml:"source" json:"source,omitempty"`
	Sensitivity string   `toml:"sensitivity" json:"sensitivity,omitempty"` // health, nir, offences; empty for ordinary data
	OnlyIf      string   `toml:"only_if" json:"only_if,omitempty"`
	Terms       []string `toml:"terms" json:"terms,omitempty"` // of the Data Privacy Vocabulary
	Columns     []string `toml:"columns" json:"columns,omitempty"`
}

// Form is the questions that a site asks whose answers go into one category (GDPR art. 5-1-c): a question
// is named by its key in the site's catalogue. What is asked and is not here is asked for no purpose.
type Form struct {
	Site     string `toml:"site" json:"site"`
	Category string `toml:"category" json:"category,omitempty"` // empty: the answer is about nobody, or is not kept
	// Required questions must be answered; conditional ones too in a case that they name; optional ones
	// say so to the reader.
	Required    []string `toml:"required" json:"required,omitempty"`
	Conditional []string `toml:"conditional" json:"conditional,omitempty"`
	Optional    []string `toml:"optional" json:"optional,omitempty"`
}

// Processor is who processes for the controller (GDPR art. 28 and 30-2).
type Processor struct {
	Name          string   `toml:"name" json:"name"`
	Source        string   `toml:"source" json:"source,omitempty"`
	Contract      string   `toml:"contract" json:"contract,omitempty"`
	Work          string   `toml:"work" json:"work,omitempty"` // categories of processing carried out
	Measures      []string `toml:"measures" json:"measures,omitempty"`
	Subprocessors []string `toml:"subprocessors" json:"subprocessors,omitempty"`
}

// Recipient is who may be given data.
type Recipient struct {
	ID            string `toml:"id" json:"id"`
	Name          string `toml:"name" json:"name"`
	NameEN        string `toml:"name_en" json:"name_en,omitempty"`
	Source        string `toml:"source" json:"source,omitempty"`
	Kind          string `toml:"kind" json:"kind"` // internal, external
	NIRAuthorised bool   `toml:"nir_authorised" json:"nir_authorised,omitempty"`
}

// Flow gives some categories to a recipient, under an agreement.
type Flow struct {
	Recipient  string   `toml:"recipient" json:"recipient"`
	Agreement  string   `toml:"agreement" json:"agreement,omitempty"`
	Text       string   `toml:"text" json:"text,omitempty"`
	Purpose    string   `toml:"purpose" json:"purpose"`
	Categories []string `toml:"categories" json:"categories,omitempty"`
	Until      string   `toml:"until" json:"until,omitempty"` // last day of the agreement
}

// Rule is a rule of retention. Without categories it holds for all those that no other rule names.
type Rule struct {
	ID            string   `toml:"id" json:"id"`
	Title         string   `toml:"title" json:"title"`
	TitleEN       string   `toml:"title_en" json:"title_en,omitempty"`
	Categories    []string `toml:"categories" json:"categories,omitempty"`
	Bound         string   `toml:"bound" json:"bound"`                             // max, range, exact, lifetime, per_regulation, none
	Duration      string   `toml:"duration" json:"duration,omitempty"`             // ISO 8601
	Minimum       string   `toml:"minimum" json:"minimum,omitempty"`               // ISO 8601
	MinimumUntil  string   `toml:"minimum_until" json:"minimum_until,omitempty"`   // kept at least until this event
	Start         string   `toml:"start" json:"start,omitempty"`                   // event, one of Events
	StartInferred bool     `toml:"start_inferred" json:"start_inferred,omitempty"` // the text prints no start: a reading
	Phase         string   `toml:"phase" json:"phase"`                             // active, intermediate_archive
	Then          string   `toml:"then" json:"then"`                               // archive, propose_elimination, anonymise, transfer, delete
	PublicArchive bool     `toml:"public_archive" json:"public_archive,omitempty"` // nothing is deleted without the archivist's visa
	Text          string   `toml:"text" json:"text,omitempty"`                     // that sets the period
}

// Grant opens categories to a role for a purpose.
type Grant struct {
	Role      string   `toml:"role" json:"role"`
	Purpose   string   `toml:"purpose" json:"purpose"`
	Scope     string   `toml:"scope" json:"scope"`                   // "any", or "self": only the data of the actor
	Delegates bool     `toml:"delegates" json:"delegates,omitempty"` // also when somebody types for the actor
	Read      []string `toml:"read" json:"read,omitempty"`
	Write     []string `toml:"write" json:"write,omitempty"`
}

// Notice is what people are told. One of an instance has an address and dates; one of a printed
// register has documents, with dates as printed.
type Notice struct {
	ID        string     `toml:"id" json:"id"`
	Title     string     `toml:"title" json:"title"`
	TitleEN   string     `toml:"title_en" json:"title_en,omitempty"`
	Kind      string     `toml:"kind" json:"kind,omitempty"`
	Path      string     `toml:"path" json:"path,omitempty"`           // page of the product
	From      string     `toml:"from" json:"from,omitempty"`           // first day in force
	Until     string     `toml:"until" json:"until,omitempty"`         // last day in force; none when empty
	Objection bool       `toml:"objection" json:"objection,omitempty"` // tells how to object
	Documents []Document `toml:"documents" json:"documents,omitempty"`
	Bare      bool       `toml:"bare" json:"bare,omitempty"`             // date printed without parentheses
	AfterMark bool       `toml:"after_mark" json:"after_mark,omitempty"` // date printed after the mark of its format
	Lines     []int      `toml:"lines" json:"lines,omitempty"`
}

// Document is one document of a printed notice.
type Document struct {
	Kind   string `toml:"kind" json:"kind,omitempty"` // when it is not that of its notice
	Number string `toml:"number" json:"number,omitempty"`
	Date   string `toml:"date" json:"date,omitempty"` // as printed
	PDF    bool   `toml:"pdf" json:"pdf,omitempty"`
}

// Cookie is one cookie, or a family of them that the text does not name.
type Cookie struct {
	ID         string `toml:"id" json:"id"`
	Name       string `toml:"name" json:"name"`
	Unnamed    bool   `toml:"unnamed" json:"unnamed,omitempty"`
	Category   string `toml:"category" json:"category"` // necessary, audience, campaign, interactivity
	Title      string `toml:"title" json:"title"`
	Use        string `toml:"use" json:"use"` // two cookies of one use are one too many
	Lifetime   string `toml:"lifetime" json:"lifetime,omitempty"`
	Consent    string `toml:"consent" json:"consent"` // none, opposable, required
	ThirdParty string `toml:"third_party" json:"third_party,omitempty"`
	Anonymous  bool   `toml:"anonymous" json:"anonymous,omitempty"` // the text claims that it says nothing about anybody
	Targeted   bool   `toml:"targeted" json:"targeted,omitempty"`   // its section announces targeted content
	Source     string `toml:"source" json:"source,omitempty"`
}

// CookieRule says when a choice about cookies is asked again: "never" or after a period.
type CookieRule struct {
	ID         string `toml:"id" json:"id"`
	AskedAgain string `toml:"asked_again" json:"asked_again"`
	Source     string `toml:"source" json:"source,omitempty"`
}

// Right is a right of the people, as each place of the texts grants it.
type Right struct {
	ID      string    `toml:"id" json:"id"`
	Granted []Granted `toml:"granted" json:"granted"`
}

// Granted is what one place says: always, sometimes, unsaid.
type Granted struct {
	When   string `toml:"when" json:"when"`
	Source string `toml:"source" json:"source"`
}

// Legal holds the numbers of a legal notice, as printed.
type Legal struct {
	ID     string `toml:"id" json:"id"`
	SIREN  string `toml:"siren" json:"siren,omitempty"`
	SIRET  string `toml:"siret" json:"siret,omitempty"`
	VAT    string `toml:"vat" json:"vat,omitempty"`
	RCS    string `toml:"rcs" json:"rcs,omitempty"`
	Source string `toml:"source" json:"source,omitempty"`
}

// Remark is what a person found in the texts and no rule can compute.
type Remark struct {
	Kind   string `toml:"kind" json:"kind"`
	Source string `toml:"source" json:"source"`
	Words  string `toml:"words" json:"words"`
}

// ErrUnreadable is wrapped when a file is no register at all.
var ErrUnreadable = errors.New("not a register of processing activities")

// Parse reads a register. Keys that the format does not know are refused: a misspelt word would be
// a rule that nobody applies.
func Parse(text []byte) (*Register, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("register: more than %d bytes: %w", MaxSize, ErrUnreadable)
	}
	var r Register
	meta, err := toml.Decode(string(text), &r)
	if err != nil {
		return nil, fmt.Errorf("register: %w: %w", ErrUnreadable, err)
	}
	var unknown []string
	for _, k := range meta.Undecoded() {
		unknown = append(unknown, k.String())
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("register: unknown key %s: %w", strings.Join(unknown, ", "), ErrUnreadable)
	}
	return &r, nil
}

// Hash is the SHA-256 of the content, in hexadecimal.
func (r *Register) Hash() string {
	sum := sha256.Sum256(r.content())
	return hex.EncodeToString(sum[:])
}

// content writes the register in the one form that is hashed and signed: JSON in the order of the
// fields, without spaces.
func (r *Register) content() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		return nil // strings, numbers and lists of them always have a form
	}
	return text
}
