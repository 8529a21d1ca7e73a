package vitale

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"carnet/nir"
)

// Direct reads the public zone of a Vitale 2 card, with the commands that public programs use. It
// selects everything anew at each reading, so it may share the card with another program.
type Direct struct {
	Card Transmitter
	ATR  []byte // the card's answer to reset
}

// step is one line of the script of a card: data, so that another profile is another table.
type step struct {
	name   string
	choose [][]byte // SELECT commands, tried in turn until one is accepted; none: the current folder
	sfi    byte     // READ BINARY by short identifier; 0 reads the selected file, from its start
	reads  bool
	may    bool // the card may refuse: the value is then missing
}

var (
	selectMF       = []byte{0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00}
	selectMFByName = append([]byte{0x00, 0xA4, 0x04, 0x00, 14}, append([]byte("\xD2\x50\x00\x00\x02MF_VITALE"), 0)...)
	selectVitale   = append([]byte{0x00, 0xA4, 0x04, 0x00, 11}, "\xD2\x50\x00\x00\x02VITALE"...)
)

// selectFile makes a SELECT by identifier that asks for no answer data.
func selectFile(id uint16) []byte {
	return []byte{0x00, 0xA4, 0x02, 0x0C, 0x02, byte(id >> 8), byte(id)}
}

var vitale2 = []step{
	{name: "root", choose: [][]byte{selectMF, selectMFByName}},
	{name: "people", reads: true, sfi: 2},
	{name: "serial", choose: [][]byte{selectFile(0x2F02)}, reads: true, may: true},
	{name: "insurance", choose: [][]byte{selectVitale}},
	{name: "numbers", reads: true, sfi: 2},
}

// specimenOnly is read on the simulator alone: rank and attachment, in a layout that is not that of real cards, which
// is not public. It lets pages be shown complete.
var specimenOnly = []step{
	{name: "root", choose: [][]byte{selectMF}},
	{name: "specimen", choose: [][]byte{selectFile(SpecimenFile)}, reads: true, may: true},
}

// SpecimenFile is the file of the simulator that no real card has.
const SpecimenFile = 0xCA4E

// Read reads the card. The error is an [*Error], or that of the context.
func (d Direct) Read(ctx context.Context) (Data, error) {
	switch kind := Recognise(d.ATR); kind {
	case KindProfessional:
		return Data{}, &Error{Code: NotVitale, Step: "answer to reset"}
	case KindVitale1:
		return Data{}, &Error{Code: Vitale1, Step: "answer to reset"}
	}
	files, err := d.run(ctx, vitale2)
	defer forget(files)
	if err != nil {
		return Data{}, err
	}
	data := Data{Provider: "direct", Card: Card{Type: KindVitale2, Nature: NatureUnknown}}
	if len(d.ATR) > 0 {
		data.Card.ATR = new(strings.ToUpper(hex.EncodeToString(d.ATR)))
	}
	if data.Beneficiaries, err = people(files["people"], files["numbers"]); err != nil {
		return Data{}, &Error{Code: BadData, Step: "people", Err: err}
	}
	data.Card.Serial = serial(files["serial"])
	if data.Card.Serial != nil && *data.Card.Serial == SpecimenSerial {
		data.Card.Nature = NatureSpecimen
		more, err := d.run(ctx, specimenOnly)
		defer forget(more)
		if err != nil {
			return Data{}, err
		}
		if err := data.addSpecimen(more["specimen"]); err != nil {
			return Data{}, &Error{Code: BadData, Step: "specimen", Err: err}
		}
	}
	data.Missing = data.missing()
	return data, nil
}

// Probe tells what the card is by what it does: reading applications are selected, nothing is read.
func (d Direct) Probe(ctx context.Context) (Kind, error) {
	if kind := Recognise(d.ATR); kind == KindProfessional || kind == KindVitale1 || kind == KindNone {
		return kind, nil
	}
	for _, command := range [][]byte{selectMF, selectVitale} {
		_, sw, err := d.send(ctx, command)
		if err != nil {
			return KindOther, err
		}
		if sw != 0x9000 {
			return KindOther, nil
		}
	}
	return KindVitale2, nil
}

func forget(files map[string][]byte) {
	for _, f := range files {
		clear(f)
	}
}

// run plays a script and returns the files that it read, by name of step.
func (d Direct) run(ctx context.Context, script []step) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, s := range script {
		sw := uint16(0x9000)
		for _, command := range s.choose {
			var err error
			if _, sw, err = d.send(ctx, command); err != nil {
				return files, at(err, s.name)
			}
			if sw == 0x9000 {
				break
			}
		}
		if sw == 0x9000 && s.reads {
			var err error
			if files[s.name], sw, err = d.read(ctx, s.sfi); err != nil {
				return files, at(err, s.name)
			}
		}
		if sw == 0x9000 || s.may {
			continue
		}
		if !s.reads { // it does not know its own root or application: another card
			return files, &Error{Code: NotVitale, Step: s.name, SW: sw}
		}
		if _, other, err := d.send(ctx, selectVitale); err != nil {
			return files, at(err, s.name)
		} else if other != 0x9000 {
			return files, &Error{Code: NotVitale, Step: s.name, SW: sw}
		}
		return files, &Error{Code: ReadFailed, Step: s.name, SW: sw}
	}
	return files, nil
}

func at(err error, name string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Step != "" {
			return err
		}
		named := *e
		named.Step = name
		return &named
	}
	return err
}

// read reads a whole file in blocks of 256 bytes. The card says where it ends: by a short block, or by refusing an
// offset.
func (d Direct) read(ctx context.Context, sfi byte) ([]byte, uint16, error) {
	p1 := byte(0)
	if sfi != 0 {
		p1 = 0x80 | sfi
	}
	file, sw, err := d.send(ctx, []byte{0x00, 0xB0, p1, 0x00, 0x00})
	if err != nil || sw != 0x9000 {
		return nil, sw, err
	}
	for block := len(file); block == 256; {
		if len(file) >= MaxFile {
			return nil, 0, &Error{Code: BadData, Err: errors.New("a file is too long")}
		}
		more, sw, err := d.send(ctx, []byte{0x00, 0xB0, byte(len(file) >> 8), byte(len(file)), 0x00})
		if err != nil {
			return nil, 0, err
		}
		switch sw {
		case 0x9000:
			file = append(file, more...)
			block = len(more)
		case 0x6B00, 0x6A86:
			block = 0
		default:
			return nil, sw, nil
		}
	}
	return file, 0x9000, nil
}

// send makes one command of as many exchanges as T=0 wants: 61xx tells how much to fetch, 6Cxx how much to ask for.
func (d Direct) send(ctx context.Context, command []byte) (data []byte, sw uint16, err error) {
	for range maxChain {
		answer, err := d.exchange(ctx, command)
		if err != nil {
			return nil, 0, err
		}
		if len(answer) > 258 {
			return nil, 0, &Error{Code: ReadFailed, Err: fmt.Errorf("an answer of %d bytes", len(answer))}
		}
		end := len(answer) - 2
		data, sw = append(data, answer[:end]...), uint16(answer[end])<<8|uint16(answer[end+1])
		switch {
		case sw>>8 == 0x61:
			command = []byte{0x00, 0xC0, 0x00, 0x00, byte(sw)}
		case sw>>8 == 0x6C:
			if len(command) != 5 {
				return nil, sw, nil
			}
			command, data = append(bytes.Clone(command[:4]), byte(sw)), nil
		default:
			return data, sw, nil
		}
		if len(data) > MaxFile {
			break
		}
	}
	return nil, 0, &Error{Code: ReadFailed, Err: errors.New("the card never ends its answer")}
}

var errNoStatus = errors.New("an answer without status word")

// exchange sends one command, and again when the transport failed for no reason that it names.
func (d Direct) exchange(ctx context.Context, command []byte) (answer []byte, err error) {
	for range maxRetries + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if answer, err = d.Card.Transmit(command); err == nil && len(answer) >= 2 {
			return answer, nil
		}
		if err == nil { // the reader lost the card, and does not know it yet
			err = errNoStatus
		}
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
	}
	return nil, &Error{Code: ReadFailed, Err: err}
}

// people joins the file of names and the file of numbers by their order. Where the counts differ nobody
// can say whose number is whose: that is an error, not a guess.
func people(names, numbers []byte) ([]Beneficiary, error) {
	who, err := entries(names)
	if err != nil {
		return nil, err
	}
	number, err := entries(numbers)
	if err != nil {
		return nil, err
	}
	if len(who) == 0 || len(who) > MaxPeople || len(number) != len(who) {
		return nil, fmt.Errorf("%d people and %d numbers", len(who), len(number))
	}
	list := make([]Beneficiary, len(who))
	for i := range list {
		b := &list[i]
		b.Insured, b.NIROf = i == 0, OwnerUnknown
		if b.Surname, err = text(who[i].part(0x80)); err != nil {
			return nil, err
		}
		if b.GivenName, err = text(who[i].part(0x81)); err != nil {
			return nil, err
		}
		if b.Birth, err = ParseBirth(string(who[i].part(0x82))); err != nil {
			return nil, err
		}
		digits := string(bytes.Trim(number[i].part(0x93), " \x00"))
		if digits == "" {
			continue
		}
		if len(digits) != nir.Length {
			return nil, fmt.Errorf("number of person %d has %d characters", i+1, len(digits))
		}
		key, err := nir.Key(digits[:13])
		if err != nil {
			return nil, fmt.Errorf("number of person %d: %w", i+1, err)
		}
		if strings.Trim(digits[13:], "0123456789") != "" {
			return nil, fmt.Errorf("key of person %d", i+1)
		}
		b.NIR, b.NIRKey, b.NIRKeyOK = new(digits[:13]), new(digits[13:]), digits[13:] == key
		switch {
		case i == 0:
			b.NIROf = OwnerSelf
		case list[0].NIR != nil && *b.NIR == *list[0].NIR:
			b.NIROf = OwnerInsured
		}
	}
	return list, nil
}

// entries gives the objects 65 of a file: one for each person.
func entries(file []byte) ([]object, error) {
	list, err := parse(file, 1)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(o object) bool { return o.tag != 0x65 }), nil
}

var errBirth = errors.New("a date of birth that is not six or eight digits")

// ParseBirth reads a date of birth of a card: AAAAMMJJ, or AAMMJJ where the century is absent. Months and days
// that no calendar has are kept: the date is luni-solar.
func ParseBirth(raw string) (Birth, error) {
	raw = strings.Trim(raw, " \x00")
	if len(raw) != 8 && len(raw) != 6 || strings.Trim(raw, "0123456789") != "" {
		return Birth{}, errBirth
	}
	b := Birth{Raw: raw}
	two := func(at int) int { return int(raw[at]-'0')*10 + int(raw[at+1]-'0') }
	year := 2000 + two(0) // any leap year: whether a February has 29 days is not known without the century
	if len(raw) == 8 {
		year = two(0)*100 + two(2)
		b.Year = &year
	} else if two(0)%4 == 0 {
		year = 2000
	}
	month, day := two(len(raw)-4), two(len(raw)-2)
	b.Lunisolar = month < 1 || month > 12 || day < 1 || day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return b, nil
}

// serial reads the card's number: object 5A, two digits a byte, F for none. Anything else is no number.
func serial(file []byte) *string {
	list, err := parse(file, 1)
	if err != nil {
		return nil
	}
	for _, o := range list {
		digits := strings.TrimRight(hex.EncodeToString(o.value), "f")
		if o.tag == 0x5A && digits != "" && len(digits) <= 20 && strings.Trim(digits, "0123456789") == "" {
			return &digits
		}
	}
	return nil
}

// addSpecimen adds what only the simulator gives: for each person 65 { 80 rank, 81 … address }, then
// 66 { 81 scheme, 82 fund, 83 centre, 84 management code, 85 from and to }.
func (d *Data) addSpecimen(file []byte) error {
	list, err := parse(file, 1)
	if err != nil {
		return err
	}
	who := 0
	for _, o := range list {
		switch {
		case o.tag == 0x65 && who < len(d.Beneficiaries):
			b := &d.Beneficiaries[who]
			who++
			if rank := o.part(0x80); len(rank) == 1 && rank[0] >= '1' && rank[0] <= '9' {
				b.BirthRank = new(int(rank[0] - '0'))
			}
			for _, p := range o.parts {
				if p.tag != 0x81 || len(b.Address) == 5 {
					continue
				}
				line, err := text(p.value)
				if err != nil {
					return err
				}
				b.Address = append(b.Address, line)
			}
		case o.tag == 0x66 && d.Attachment == nil:
			a := Attachment{Rights: []Period{}}
			for tag, field := range map[uint16]*string{0x81: &a.Scheme, 0x82: &a.Fund, 0x83: &a.Centre, 0x84: &a.ManagementCode} {
				if *field, err = text(o.part(tag)); err != nil {
					return err
				}
			}
			if p := o.part(0x85); len(p) == 16 && strings.Trim(string(p), "0123456789") == "" {
				a.Rights = append(a.Rights, Period{string(p[:8]), string(p[8:])})
			}
			d.Attachment = &a
		}
	}
	return nil
}

// missing names what is nil, in the order of the fields.
func (d Data) missing() []string {
	list := []string{}
	note := func(absent bool, name string) {
		if absent {
			list = append(list, name)
		}
	}
	for name, value := range map[string]*string{"serial": d.Card.Serial, "atr": d.Card.ATR, "validFrom": d.Card.ValidFrom} {
		note(value == nil, name)
	}
	note(d.Card.Nature == NatureUnknown, "nature")
	note(d.Attachment == nil, "attachment")
	some := func(absent func(Beneficiary) bool) bool { return slices.ContainsFunc(d.Beneficiaries, absent) }
	note(some(func(b Beneficiary) bool { return b.BirthName == nil }), "birthName")
	note(some(func(b Beneficiary) bool { return b.Birth.Year == nil }), "birthYear")
	note(some(func(b Beneficiary) bool { return b.BirthRank == nil }), "birthRank")
	note(some(func(b Beneficiary) bool { return b.Quality == nil }), "quality")
	note(some(func(b Beneficiary) bool { return b.Address == nil }), "address")
	note(some(func(b Beneficiary) bool { return b.NIR == nil }), "nir")
	note(some(func(b Beneficiary) bool { return b.CertifiedNIR == nil }), "certifiedNir")
	slices.Sort(list)
	return list
}

// Complete names in Missing what the provider left out. Providers call it last.
func (d *Data) Complete() { d.Missing = d.missing() }
