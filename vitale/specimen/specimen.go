// Package specimen is a carte Vitale 2 that belongs to nobody, as a program: it answers commands as the public zone of
// a card does, with a fictitious family of three. It lets everyone try a whole installation without a card.
//
//	card := specimen.New(specimen.Vitale2)
//	data, err := vitale.Direct{Card: card, ATR: card.ATR()}.Read(ctx)
//
// The family is that of Camille FOUGÈRE, whom Carnet's sandbox knows too; NOÉ was born on a 31 September, so that a date
// that no calendar has is always met. The numbers have an impossible place of birth. The card's number is
// [vitale.SpecimenSerial], by which a reading is marked as that of a specimen.
//
// A file of its own, vitale.SpecimenFile, gives rank, address and attachment. Its layout is not that of real cards, which is
// not public: it exists so that pages can be shown complete.
//
// # Faults
//
// A [Fault] makes the card misbehave: mute, pulled out in the middle of a reading, with the answer to reset of another
// kind of card, slow as a real one, an older card, a professional's, one with nineteen beneficiaries, or one full of nonsense.
//
// What the answers look like (status words, 61xx and 6Cxx of the protocol T=0, files and tags) comes from public sources
// and is not copied from a card: Carnet specification vitale.md, sections 2 and 9.
package specimen

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"carnet/nir"
	"carnet/vitale"
)

// Fault is how a card misbehaves.
type Fault string

const (
	None     Fault = "none"
	Mute     Fault = "mute"      // it is there and answers nothing
	Removed  Fault = "removed"   // it is pulled out in the middle of the first reading
	WrongATR Fault = "wrong-atr" // the card answers as a Vitale 2 and its answer to reset is that of no known card
	Foreign  Fault = "foreign"   // another smart card
	Slow     Fault = "slow"      // 30 ms for each command, as over a real contact
	Vitale1  Fault = "vitale1"   // an older card
	CPS      Fault = "cps"       // a professional's card
	Crowd    Fault = "crowd"     // nineteen beneficiaries: files of several blocks
	Garbage  Fault = "garbage"   // files that are no TLV
	Plain    Fault = "plain"     // without the simulator's own number and file: what a real card gives
)

// Faults lists them all, None first.
func Faults() []Fault {
	return []Fault{None, Mute, Removed, WrongATR, Foreign, Slow, Vitale1, CPS, Crowd, Garbage, Plain}
}

// SlowDelay is the time of one command with [Slow].
const SlowDelay = 30 * time.Millisecond

// removeAfter is the command at which [Removed] pulls the card: the second one that reads.
const removeAfter = 5

// Person is a member of the family.
type Person struct {
	Surname, GivenName string
	Birth              string // AAAAMMJJ
	NIR                string // thirteen characters
	Rank               int
}

// Family is who is on the card; the first is the insured person. Noé has her number, as children have; Lise has one of
// her own.
func Family() []Person {
	return []Person{
		{"FOUGÈRE", "CAMILLE", "19850512", "2850500999001", 1},
		{"FOUGÈRE", "NOÉ", "20150931", "2850500999001", 1},
		{"FOUGÈRE", "LISE", "20201114", "2201100999007", 1},
	}
}

// Address and attachment of the family, in the simulator's own file.
var (
	address    = []string{"", "", "3 ALLÉE DES MOUSSES", "", "99999 SOUS-BOIS"}
	attachment = [...]string{"01", "999", "0000", "10", "2026010120261231"}
)

// Card is a simulated card. It implements [vitale.Transmitter] and may be used by one goroutine at a time.
type Card struct {
	fault Fault
	wait  func(time.Duration)

	mu       sync.Mutex
	root     folder
	vitale   folder
	here     *folder
	file     []byte // selected, nil for none
	pending  []byte // for GET RESPONSE
	commands int
	gone     bool
}

type folder struct {
	name    string
	files   map[uint16][]byte
	sfi     map[byte]uint16
	refused map[uint16]bool // files that need more rights
}

const (
	mfName     = "\xD2\x50\x00\x00\x02MF_VITALE"
	vitaleName = "\xD2\x50\x00\x00\x02VITALE"
)

// New makes a card. With [Slow] it waits by time.Sleep.
func New(fault Fault) *Card { return NewWaiting(fault, time.Sleep) }

// NewWaiting makes a card that waits by a function of the caller's.
func NewWaiting(fault Fault, wait func(time.Duration)) *Card {
	people := Family()
	if fault == Crowd {
		for i := len(people); i < 19; i++ {
			people = append(people, Person{"FOUGÈRE", fmt.Sprintf("RAMEAU-%c", 'A'+i), fmt.Sprintf("2018%02d01", i%12+1), "2850500999001", 1})
		}
	}
	var names, numbers, own []byte
	for _, p := range people {
		names = append(names, tlv(0x65, tlv(0x80, latin(p.Surname)), tlv(0x81, latin(p.GivenName)), tlv(0x82, []byte(p.Birth)))...)
		key, err := nir.Key(p.NIR)
		if err != nil {
			panic(err) // the table above is wrong
		}
		numbers = append(numbers, tlv(0x65, tlv(0x90, []byte("FR")), tlv(0x93, []byte(p.NIR+key)))...)
		parts := [][]byte{tlv(0x80, []byte{'0' + byte(p.Rank)})}
		for _, line := range address {
			parts = append(parts, tlv(0x81, latin(line)))
		}
		own = append(own, tlv(0x65, parts...)...)
	}
	rights := [][]byte{tlv(0x80, []byte("NOT THE REAL LAYOUT"))}
	for i, v := range attachment {
		rights = append(rights, tlv(0x81+byte(i), []byte(v)))
	}
	own = append(own, tlv(0x66, rights...)...)
	if fault == Garbage {
		names, numbers = []byte("\x65\x82\xFF\xFF\x80\x7Fnonsense"), []byte{0x65, 0x10, 0x93}
	}
	number := []byte{0x80, 0x25, 0, 0, 0, 0, 0x99, 0x99, 0x99, 0x42}
	if fault == Plain {
		number[9] = 0x43
	}
	c := &Card{fault: fault, wait: wait,
		root: folder{name: mfName, files: map[uint16][]byte{
			0x2F00: tlv(0x61, tlv(0x4F, []byte(vitaleName))),
			0x2F02: tlv(0x5A, number),
			0xD001: pad(names, 124),
		}, sfi: map[byte]uint16{2: 0xD001, 0x1E: 0x2F00}},
		vitale: folder{name: vitaleName, files: map[uint16][]byte{
			0x2001: tlv(0xE0, tlv(0xA0, tlv(0x82, append([]byte{0xD0, 0x00, 0, 0}, vitaleName...))), tlv(0x80, []byte("ASSURE  \xD0\x01\xD0\x01"))),
			0xD001: pad(numbers, 96),
			0xD002: tlv(0x66, tlv(0x80, []byte("20240115"))),
			0xD003: nil,
		}, sfi: map[byte]uint16{1: 0x2001, 2: 0xD001, 3: 0xD002, 4: 0xD003}, refused: map[uint16]bool{0xD003: true}}}
	if fault != Plain {
		c.root.files[vitale.SpecimenFile] = own
	}
	c.here = &c.root
	return c
}

// ATR is the answer to reset.
func (c *Card) ATR() []byte {
	switch c.fault {
	case WrongATR, Foreign:
		return []byte{0x3B, 0x65, 0x00, 0x00, 0x20, 0x63, 0xCB, 0x6A, 0x00}
	case Vitale1:
		return []byte{0x3F, 0x65, 0x25, 0x00, 0x22, 0x09, 0x69, 0x90, 0x00}
	case CPS:
		return []byte{0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80, 0x00, 0x03, 0x10, 0x00, 0x90, 0x00}
	}
	return []byte{0x3B, 0x75, 0x13, 0x00, 0x00, 0x44, 0x09, 0xEA, 0x90, 0x00}
}

// Fault tells how this card misbehaves.
func (c *Card) Fault() Fault { return c.fault }

// Reset is what a reader does before a new conversation.
func (c *Card) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here, c.file, c.pending = &c.root, nil, nil
}

// Gone reports that the card has pulled itself out, with [Removed].
func (c *Card) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

var errNoAnswer = errors.New("the card does not answer")

// Transmit answers one command.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands++
	switch c.fault {
	case Mute:
		return nil, &vitale.Error{Code: vitale.CardMute, Step: "specimen", Err: errNoAnswer}
	case Removed:
		if c.commands >= removeAfter {
			c.gone = true
			return nil, &vitale.Error{Code: vitale.CardRemoved, Step: "specimen"}
		}
	case Slow:
		c.wait(SlowDelay)
	}
	if len(command) < 4 {
		return status(0x6700), nil
	}
	switch {
	case c.fault == Vitale1 && command[0] == 0xBC:
		return status(0x6D00), nil
	case c.fault == Vitale1 || command[0] != 0:
		return status(0x6E00), nil
	case c.fault == CPS || c.fault == Foreign:
		return status(0x6A82), nil
	}
	pending := c.pending
	c.pending = nil
	switch command[1] {
	case 0xA4:
		return c.choose(command), nil
	case 0xB0:
		return c.read(command), nil
	case 0xC0:
		if pending == nil {
			return status(0x6985), nil
		}
		return give(pending, le(command, 4)), nil
	}
	return status(0x6D00), nil
}

func status(sw uint16) []byte { return []byte{byte(sw >> 8), byte(sw)} }

// le is the length that a command expects, 256 when it says none.
func le(command []byte, at int) int {
	if len(command) <= at || command[at] == 0 {
		return 256
	}
	return int(command[at])
}

// give answers with data, or says how much there is when too much was asked for.
func give(data []byte, want int) []byte {
	if want > len(data) && len(data) < 256 {
		return status(0x6C00 | uint16(len(data)))
	}
	return append(slices.Clone(data[:min(want, len(data))]), 0x90, 0x00)
}

func (c *Card) choose(command []byte) []byte {
	if len(command) < 5 || len(command) < 5+int(command[4]) {
		return status(0x6700)
	}
	id := command[5 : 5+int(command[4])]
	var info []byte
	switch p1 := command[2]; {
	case p1 == 4 && string(id) == mfName, p1 == 0 && string(id) == "\x3F\x00":
		c.here, c.file = &c.root, nil
		info = tlv(0x6F, tlv(0x84, []byte(mfName)))
	case p1 == 4 && string(id) == vitaleName:
		c.here, c.file = &c.vitale, nil
		info = tlv(0x6F, tlv(0x84, []byte(vitaleName)))
	case (p1 == 2 || p1 == 0) && len(id) == 2:
		ef := uint16(id[0])<<8 | uint16(id[1])
		file, ok := c.here.files[ef]
		if !ok {
			return status(0x6A82)
		}
		if c.here.refused[ef] {
			return status(0x6982)
		}
		c.file = file
		info = tlv(0x6F, tlv(0x80, []byte{byte(len(file) >> 8), byte(len(file))}), tlv(0x83, id), tlv(0x82, []byte{0x01}), tlv(0x8A, []byte{0x05}), tlv(0x86, make([]byte, 12)))
	default:
		return status(0x6A82)
	}
	if command[3] == 0x0C {
		return status(0x9000)
	}
	c.pending = info
	return status(0x6100 | uint16(len(info)))
}

func (c *Card) read(command []byte) []byte {
	file, at := c.file, int(command[2])<<8|int(command[3])
	if command[2]&0x80 != 0 {
		ef, ok := c.here.sfi[command[2]&0x1F]
		if !ok {
			return status(0x6A82)
		}
		if c.here.refused[ef] {
			return status(0x6982)
		}
		file, at = c.here.files[ef], int(command[3])
		c.file = file
	}
	if file == nil {
		return status(0x6986)
	}
	if at >= len(file) {
		return status(0x6B00)
	}
	return give(file[at:], le(command, 4))
}

func tlv(tag byte, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	switch n := len(value); {
	case n > 0xFF:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, value...)
	case n > 0x7F:
		return append([]byte{tag, 0x81, byte(n)}, value...)
	default:
		return append([]byte{tag, byte(n)}, value...)
	}
}

func latin(s string) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

func pad(file []byte, size int) []byte {
	return append(file, make([]byte, max(0, size-len(file)))...)
}
