// Package vitale reads what the public zone of a French health-insurance card, the carte Vitale 2,
// says: who the insured person and their beneficiaries are, their registration numbers, and the card's own number.
//
// # Reading
//
// A [Provider] reads one card. [Direct] talks to the card itself, over anything that can send it a command:
//
//	data, err := vitale.Direct{Card: card, ATR: atr}.Read(ctx)
//
// where card is a [Transmitter]: a PC/SC reader, a remote one, the simulator of package specimen, or a
// [Replay] of a recorded trace. Package apilec maps what the reading library of the card's publisher gives, on
// workstations that have it.
//
// # What is known, and what is not
//
// [Data] has the four categories of the published privacy policy of card reading in a browser: identification and contact,
// beneficiaries, attachment, technical data of the card. The public zone does not give all of it. What the
// provider cannot know is nil and named in Data.Missing; an empty text is empty on the card. Nothing is guessed: a date
// whose century is absent has no year, and a number that stands beside a beneficiary is only called their own when
// the source says so. A birth date stays as the card has it: luni-solar dates are common and never repaired.
//
// # Errors
//
// An [*Error] names the cause with a stable [Code]: no reader, no card, a mute one, an older one (Vitale 1, whose
// layout is not public), someone else's card, one pulled out in the middle. Nothing of the card's content is in it. A
// reading is whole or it is an error.
//
// # What the card is trusted for
//
// Nothing. Its bytes are bounded (4 KiB a file, 32 persons, 128 characters a text, depth 3) and cleaned of control
// characters; signatures are not checked. Store what it says as claimed by the workstation.
//
// # Hiding
//
// [Data] and [Beneficiary] hide themselves from fmt and slog; encoding/json reveals them, as that is how
// a reading is handed on.
//
// # Traces
//
// [Recorder] writes the commands and answers of a reading with every value blanked, so that the holder of
// a card that is not read well can send what is needed to repair that. [Replay] plays it again.
//
// # Not done
//
// No secret code, no professional's card, no file outside the public zone. The order of the sequences, tags and
// lengths come from public sources (Carnet specification vitale.md, section 2); no real card has been read by
// this package yet.
package vitale

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Transmitter sends one command to a card and returns its answer: data, then the two bytes of
// the status word. An error that is, or wraps, an [*Error] says why the card cannot be reached; any other is tried again.
type Transmitter interface {
	Transmit(command []byte) (answer []byte, err error)
}

// Provider reads the card that is in a reader.
type Provider interface {
	Read(ctx context.Context) (Data, error)
}

// Limits of what is accepted from a card.
const (
	MaxFile    = 4096 // bytes of one file
	MaxPeople  = 32
	MaxText    = 128 // characters of one text
	maxDepth   = 3
	maxRetries = 4  // a command whose transport failed, for readers built into keyboards
	maxChain   = 16 // exchanges of one command
)

// Code is the stable name of a failure. Programs show a sentence by code.
type Code string

// Codes of an [Error].
const (
	NoService   Code = "NO_PCSC_SERVICE"     // the smart-card service of the machine does not run
	NoAccess    Code = "NO_PCSC_ACCESS"      // it runs and refuses this user, as over a remote desktop
	NoReader    Code = "NO_READER"           // no reader is plugged in
	NoCard      Code = "NO_CARD"             // no card in any reader
	CardMute    Code = "CARD_MUTE"           // the card does not answer: often upside down, or dirty
	CardBusy    Code = "CARD_BUSY"           // another program holds the card
	CardReset   Code = "CARD_RESET"          // another program reset the card: read again
	CardRemoved Code = "CARD_REMOVED"        // pulled out during the reading
	NotVitale   Code = "NOT_VITALE"          // another kind of card, the professional's own included
	Vitale1     Code = "VITALE1_UNSUPPORTED" // an older card, whose layout is not public
	Refused     Code = "NATURE_REFUSED"      // a specimen or test card in production, or a real one in a test
	BadData     Code = "BAD_CARD_DATA"       // the card answers what no card may contain
	ReadFailed  Code = "READ"                // anything else: the cause says what
)

// Error is a failed reading. It never holds what a card says.
type Error struct {
	Code Code
	Step string // which step of the reading: "people", "numbers"; or the part of a reader that failed
	SW   uint16 // status word of the card, when it answered with one
	Err  error  // cause, if any
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "vitale: %s", e.Code)
	if e.Step != "" {
		fmt.Fprintf(&b, " at %s", e.Step)
	}
	if e.SW != 0 {
		fmt.Fprintf(&b, ", status word %04X", e.SW)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the code of the first [*Error] of a chain, or [ReadFailed].
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ReadFailed
}

// Kind is what a card is.
type Kind string

const (
	KindNone         Kind = "none"
	KindVitale2      Kind = "vitale2"
	KindVitale1      Kind = "vitale1"
	KindProfessional Kind = "cps" // the card of a health professional: never read as a patient's
	KindOther        Kind = "other"
)

// Nature tells real cards from others. The public zone does not say it.
type Nature string

const (
	NatureReal     Nature = "real"
	NatureTest     Nature = "test"
	NatureDemo     Nature = "demo"
	NatureSpecimen Nature = "specimen" // the simulator of package specimen, known by its exact number
	NatureUnknown  Nature = "unknown"
)

// SpecimenSerial is the card number of the simulator, and of no real card.
const SpecimenSerial = "80250000000099999942"

// Data is one reading. Its JSON form is the message of Carnet's web extension: field names are stable.
type Data struct {
	Provider      string        `json:"provider"` // direct or apilec
	Missing       []string      `json:"missing"`  // names of what this provider could not know
	Card          Card          `json:"card"`
	Beneficiaries []Beneficiary `json:"beneficiaries"` // in the order of the card; the first is the insured person
	Attachment    *Attachment   `json:"attachment"`    // of the insured person
}

// Card is the technical data.
type Card struct {
	Type      Kind    `json:"type"`
	Nature    Nature  `json:"nature"`
	Serial    *string `json:"serial"`    // decimal digits
	ATR       *string `json:"atr"`       // hexadecimal
	ValidFrom *string `json:"validFrom"` // AAAAMMJJ
}

// Beneficiary is one person of the card.
type Beneficiary struct {
	Insured      bool     `json:"insured"`
	Surname      string   `json:"surname"`
	BirthName    *string  `json:"birthName"` // where the source tells it from the used name
	GivenName    string   `json:"givenName"`
	Birth        Birth    `json:"birth"`
	BirthRank    *int     `json:"birthRank"` // order among twins
	Quality      *string  `json:"quality"`   // code of the relation to the insured person, as the source has it
	Address      []string `json:"address"`
	NIR          *string  `json:"nir"` // thirteen characters
	NIRKey       *string  `json:"nirKey"`
	NIRKeyOK     bool     `json:"nirKeyOk"`
	NIROf        Owner    `json:"nirOf"`
	CertifiedNIR *string  `json:"certifiedNir"` // own number with its key, certified on CertifiedOn
	CertifiedOn  *string  `json:"certifiedOn"`  // JJMMAAAA
}

// Owner says whose number stands beside a person.
type Owner string

const (
	OwnerSelf    Owner = "self"
	OwnerInsured Owner = "insured" // the same number as the insured person's
	OwnerUnknown Owner = "unknown"
)

// Birth is a date of birth as the card has it.
type Birth struct {
	Raw       string `json:"raw"`       // AAAAMMJJ, or AAMMJJ on some older cards
	Year      *int   `json:"year"`      // absent when the century is
	Lunisolar bool   `json:"lunisolar"` // no day of our calendar; show 01/01 of the year and transmit Raw
}

// Attachment says on whom the insured person depends.
type Attachment struct {
	Scheme         string   `json:"scheme"`
	Fund           string   `json:"fund"`
	Centre         string   `json:"centre"`
	ManagementCode string   `json:"managementCode"`
	Rights         []Period `json:"rights"` // at most three
}

// Period is a period of rights; To may be empty. Dates are AAAAMMJJ.
type Period struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// String tells how many people there are, and nothing of them.
func (d Data) String() string { return fmt.Sprintf("vitale.Data(%d people)", len(d.Beneficiaries)) }

// Format hides the content from every verb.
func (d Data) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, d.String()) }

// LogValue hides the content from slog.
func (d Data) LogValue() slog.Value { return slog.StringValue(d.String()) }

func (b Beneficiary) String() string { return "█" }

// Format hides the content from every verb.
func (b Beneficiary) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, b.String()) }

// LogValue hides the content from slog.
func (b Beneficiary) LogValue() slog.Value { return slog.StringValue(b.String()) }

// atrs are the answers to reset of the cards that are known, from the public list of pcsc-tools
// (June 2026). A dot stands for any digit. An answer to reset is a hint: what the card does decides.
var atrs = []struct {
	kind    Kind
	pattern string
}{
	{KindVitale2, "3B75130000..09EA9000"},
	{KindVitale2, "3B75130000..09FA9000"},
	{KindVitale1, "3F6525002[2C]09[F6]99000"},
	{KindVitale1, "3F65250052096A9000"},
	{KindVitale1, "3F652500A[34]096A9000"},
	{KindProfessional, "3BAC00402A001225006480000310009000"},
	{KindProfessional, "3BAC00402A001225006480820212009000"},
	{KindProfessional, "3BDC18FF00001225006480000401009000"},
	{KindProfessional, "3B8F80010031B86404B0ECC1739401808290000E"},
}

// Recognise tells what the answer to reset suggests.
func Recognise(atr []byte) Kind {
	if len(atr) == 0 {
		return KindNone
	}
	text := strings.ToUpper(hex.EncodeToString(atr))
	for _, a := range atrs {
		if fits(text, a.pattern) {
			return a.kind
		}
	}
	return KindOther
}

// fits compares with a pattern of digits, dots and [sets].
func fits(text, pattern string) bool {
	for text != "" && pattern != "" {
		if set, rest, ok := strings.Cut(pattern, "]"); ok && pattern[0] == '[' {
			if !strings.Contains(set[1:], text[:1]) {
				return false
			}
			text, pattern = text[1:], rest
			continue
		}
		if pattern[0] != '.' && pattern[0] != text[0] {
			return false
		}
		text, pattern = text[1:], pattern[1:]
	}
	return text == "" && pattern == ""
}
