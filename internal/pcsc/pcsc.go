// Package pcsc talks to the smart-card service of the machine (PC/SC) without cgo: pcscd over its socket on Linux,
// winscard.dll on Windows, PCSC.framework on macOS. One suite of tests serves all three; that of macOS has only
// been compiled so far.
//
//	service, err := pcsc.Open()
//	readers, err := service.Readers()
//	card, err := service.Connect(readers[0].Name)
//	err = card.Begin()
//	answer, err := card.Transmit(command)
//	err = card.Close()
//
// Cards are shared: another program may use one at the same time, except between Begin and Close; some services make
// Connect wait for as long as another program holds the card, so a caller needs a watchdog of its own. Nothing is ever
// reset, so what another program had selected stays. Errors are [*vitale.Error] with a cause that a person understands;
// the service's own number is in the [Status] that they wrap.
//
// Source: Carnet specification vitale.md, section 6. On Linux the socket is spoken directly, and not through
// libpcsclite, so that the program is one static file; versions 4.2 to 4.5 of its protocol and servers that accept them are known.
package pcsc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"carnet/vitale"
)

// Status is the number by which PC/SC tells what is wrong, the same on all systems.
type Status uint32

func (s Status) Error() string { return fmt.Sprintf("pcsc %08X", uint32(s)) }

const (
	ok             Status = 0
	unknownReader  Status = 0x80100009
	sharing        Status = 0x8010000B
	noCard         Status = 0x8010000C
	protoMismatch  Status = 0x8010000F
	notTransacted  Status = 0x80100016
	unavailable    Status = 0x80100017
	noService      Status = 0x8010001D
	serviceStopped Status = 0x8010001E
	noReaders      Status = 0x8010002E
	unresponsive   Status = 0x80100066
	unpowered      Status = 0x80100067
	wasReset       Status = 0x80100068
	removed        Status = 0x80100069
	denied         Status = 0x8010006A
)

var codes = map[Status]vitale.Code{
	unknownReader: vitale.NoReader, sharing: vitale.CardBusy, noCard: vitale.NoCard, notTransacted: vitale.CardRemoved,
	unavailable: vitale.NoReader, noService: vitale.NoService, serviceStopped: vitale.NoService, noReaders: vitale.NoReader,
	unresponsive: vitale.CardMute, unpowered: vitale.CardMute, wasReset: vitale.CardReset, removed: vitale.CardRemoved, denied: vitale.NoAccess,
}

// failure names the cause of a status, or gives nil for none. A status of no known cause stays as it is, so that a
// command is tried again.
func failure(step string, s Status) error {
	if s == ok {
		return nil
	}
	if code, known := codes[s]; known {
		return &vitale.Error{Code: code, Step: step, Err: s}
	}
	if step == "transmit" {
		return s
	}
	return &vitale.Error{Code: vitale.ReadFailed, Step: step, Err: s}
}

// Reader is a reader that is plugged in.
type Reader struct {
	Name    string
	Present bool   // a card is in it
	ATR     []byte // its answer to reset; empty for a card that is mute
}

// protocols of SCardConnect.
const (
	protocolT0 = 1
	protocolT1 = 2
)

// system is what each operating system implements.
type system interface {
	readers() ([]Reader, Status)
	connect(reader string, protocols uint32) (link, Status)
	release() Status
}

// link is a connected card.
type link interface {
	begin() Status
	transmit(command []byte) ([]byte, Status)
	end() Status
	disconnect() Status
}

// maxAnswer is a short APDU's answer, with room for services that want more than they use.
const maxAnswer = 65548

// Service is a conversation with the service. It is used by one goroutine at a time.
type Service struct{ sys system }

// Open begins a conversation.
func Open() (*Service, error) {
	sys, s := establish()
	if s != ok {
		return nil, failure("service", s)
	}
	return &Service{sys}, nil
}

// Close ends it.
func (s *Service) Close() error { return failure("release", s.sys.release()) }

// Readers lists what is plugged in. No reader is an empty list, not an error.
func (s *Service) Readers() ([]Reader, error) {
	list, status := s.sys.readers()
	if status == noReaders {
		return nil, nil
	}
	return list, failure("readers", status)
}

// pollEvery is how often Wait looks.
const pollEvery = 250 * time.Millisecond

// Wait returns as soon as the readers or their cards are others than those given, or the context has ended.
func (s *Service) Wait(ctx context.Context, known []Reader) ([]Reader, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		list, err := s.Readers()
		if err != nil || !slices.EqualFunc(list, known, func(a, b Reader) bool { return a.Name == b.Name && a.Present == b.Present }) {
			return list, err
		}
		select {
		case <-ctx.Done():
			return list, ctx.Err()
		case <-tick.C:
		}
	}
}

// Card is a connected card. It implements [vitale.Transmitter].
type Card struct {
	link  link
	begun bool
}

// Connect powers the card of a reader, shared with other programs.
func (s *Service) Connect(reader string) (*Card, error) {
	l, status := s.sys.connect(reader, protocolT0|protocolT1)
	if status == protoMismatch { // some readers offer what the card does not have
		l, status = s.sys.connect(reader, protocolT0)
	}
	if status != ok {
		return nil, failure("connect", status)
	}
	return &Card{link: l}, nil
}

// A card that another program holds is asked for again during two seconds.
const (
	busyTries = 20
	busyEvery = 100 * time.Millisecond
)

// Begin keeps other programs off the card until Close.
func (c *Card) Begin() error {
	status := c.link.begin()
	for i := 0; status == sharing && i < busyTries; i++ {
		time.Sleep(busyEvery)
		status = c.link.begin()
	}
	c.begun = status == ok
	return failure("begin", status)
}

// Transmit sends one command.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	answer, status := c.link.transmit(command)
	return answer, failure("transmit", status)
}

// Close lets the card go, as it is.
func (c *Card) Close() error {
	var end Status
	if c.begun {
		end = c.link.end()
	}
	status := c.link.disconnect()
	if end != ok {
		status = end
	}
	return failure("disconnect", status)
}

// Read reads the first card that can be read, trying every reader: one with two slots holds the
// professional's card and the patient's. When none can, the error is that of the card that came nearest.
func Read(ctx context.Context, s *Service) (vitale.Data, error) {
	list, err := s.Readers()
	if err != nil {
		return vitale.Data{}, err
	}
	if len(list) == 0 {
		return vitale.Data{}, &vitale.Error{Code: vitale.NoReader}
	}
	var found error = &vitale.Error{Code: vitale.NoCard}
	for _, r := range list {
		if !r.Present {
			continue
		}
		data, err := readOne(ctx, s, r)
		if vitale.CodeOf(err) == vitale.CardReset { // another program reset the card: once more, from the first SELECT
			data, err = readOne(ctx, s, r)
		}
		if err == nil {
			return data, nil
		}
		if c := vitale.CodeOf(found); c == vitale.NoCard || c == vitale.NotVitale {
			found = err
		}
	}
	return vitale.Data{}, found
}

func readOne(ctx context.Context, s *Service, r Reader) (data vitale.Data, err error) {
	err = s.Use(r, func(card *Card) error {
		data, err = vitale.Direct{Card: card, ATR: r.ATR}.Read(ctx)
		return err
	})
	if err != nil {
		return vitale.Data{}, err
	}
	return data, nil
}

// Use connects to the card of a reader, keeps other programs off it during f, and lets it go.
func (s *Service) Use(r Reader, f func(*Card) error) error {
	card, err := s.Connect(r.Name)
	if err != nil {
		return err
	}
	err = card.Begin()
	if err == nil {
		err = f(card)
	}
	if end := card.Close(); err == nil && end != nil && vitale.CodeOf(end) != vitale.CardRemoved {
		err = end // a card that leaves after it was read was read
	}
	return err
}

// Probe tells what the card of a reader is, by what it does.
func Probe(ctx context.Context, s *Service, r Reader) (kind vitale.Kind, err error) {
	if !r.Present {
		return vitale.KindNone, nil
	}
	err = s.Use(r, func(card *Card) error {
		kind, err = vitale.Direct{Card: card, ATR: r.ATR}.Probe(ctx)
		return err
	})
	if err != nil {
		kind = vitale.KindOther
	}
	return kind, err
}

var errShort = errors.New("the service ended in the middle of an answer")
