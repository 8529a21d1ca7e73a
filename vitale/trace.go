package vitale

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	traceHeader = "carnet-vitale-trace 1"
	maxTrace    = 1 << 20
)

// Recorder passes commands on and keeps them with their answers, to be written with every value blanked: letters
// become X, digits 0, and of other values only the length stays. What stays are status words, tags and lengths. A
// file that is not wholly made of known objects keeps its length alone. Commands are fixed by this package and hold no data.
type Recorder struct {
	card  Transmitter
	atr   []byte
	steps []exchanged
}

// NewRecorder records what is sent to a card. The answer to reset is that of a kind of card, not of one card.
func NewRecorder(card Transmitter, atr []byte) *Recorder { return &Recorder{card: card, atr: atr} }

// Transmit implements [Transmitter].
func (r *Recorder) Transmit(command []byte) ([]byte, error) {
	answer, err := r.card.Transmit(command)
	step := exchanged{command: bytes.Clone(command)}
	if err == nil && len(answer) >= 2 {
		step.answer = bytes.Clone(answer)
	} else {
		step.failed = CodeOf(err)
	}
	r.steps = append(r.steps, step)
	return answer, err
}

// WriteTo writes the trace, blanked, and forgets what it held.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\natr %X\n", traceHeader, r.atr)
	for i := 0; i < len(r.steps); {
		end := i + 1
		for end < len(r.steps) && r.steps[end].continues() {
			end++
		}
		blankFile(r.steps[i:end])
		for _, s := range r.steps[i:end] {
			fmt.Fprintf(&b, "> %X\n", s.command)
			if s.failed != "" {
				fmt.Fprintf(&b, "! %s\n", s.failed)
			} else {
				fmt.Fprintf(&b, "< %X\n", s.answer)
			}
		}
		i = end
	}
	r.steps = nil
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// continues reports a command whose answer goes on where that of the one before it ended.
func (s exchanged) continues() bool {
	c := s.command
	return len(c) > 3 && (c[1] == 0xC0 || c[1] == 0xB0 && c[2]&0x80 == 0 && (c[2] != 0 || c[3] != 0))
}

// blankFile blanks the data of answers that are parts of one file.
func blankFile(steps []exchanged) {
	var file []byte
	for _, s := range steps {
		if s.answer != nil {
			file = append(file, s.answer[:len(s.answer)-2]...)
		}
	}
	shown, ok := blank(file, 1)
	if !ok {
		shown = make([]byte, len(file))
	}
	clear(file)
	for _, s := range steps {
		if s.answer != nil {
			shown = shown[copy(s.answer[:len(s.answer)-2], shown):]
		}
	}
}

// known are the tags that a trace may show, in folders and in files; what has others is shown as zeros.
var known = map[uint16]bool{0x62: true, 0x64: true, 0x65: true, 0x66: true, 0x6F: true, 0xA0: true, 0xE0: true, 0x7F21: true,
	0x4F: true, 0x50: true, 0x5A: true, 0x5F37: true, 0x5F38: true,
	0x80: true, 0x81: true, 0x82: true, 0x83: true, 0x84: true, 0x85: true, 0x86: true, 0x87: true, 0x88: true, 0x8A: true, 0x90: true, 0x93: true}

// blank keeps tags, lengths, the kind of each character and the length of everything.
func blank(data []byte, depth int) (out []byte, ok bool) {
	for rest := data; len(rest) > 0; {
		if rest[0] == 0 {
			out, rest = append(out, 0), rest[1:]
			continue
		}
		o, after, err := next(rest)
		if err != nil || depth > maxDepth || !known[o.tag] || depth == 1 && o.tag < 0x100 && o.tag&0x80 != 0 && o.tag&0x20 == 0 {
			return nil, false
		}
		out = append(out, rest[:len(rest)-len(after)-len(o.value)]...)
		rest = after
		if o.constructed() {
			inner, ok := blank(o.value, depth+1)
			if !ok {
				return nil, false
			}
			out = append(out, inner...)
			continue
		}
		for _, c := range o.value {
			switch {
			case o.tag == 0x5A: // two digits a byte: nothing of it is a character
				c = 0
			case c >= '0' && c <= '9':
				c = '0'
			case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0xC0:
				c = 'X'
			case c != ' ':
				c = 0
			}
			out = append(out, c)
		}
	}
	return out, true
}

// Replay answers as a recorded card did. It implements [Transmitter].
type Replay struct {
	atr   []byte
	steps []exchanged
}

type exchanged struct {
	command, answer []byte
	failed          Code
}

var errTrace = errors.New("vitale: not a trace, or not of this version")

// ReadTrace reads a trace of at most one mebibyte.
func ReadTrace(r io.Reader) (*Replay, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxTrace))
	if !lines.Scan() || lines.Text() != traceHeader {
		return nil, errTrace
	}
	p := &Replay{}
	for n := 2; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") { // a comment
			continue
		}
		mark, rest, ok := strings.Cut(lines.Text(), " ")
		raw, err := hex.DecodeString(rest)
		answered := len(p.steps) > 0 && (p.steps[len(p.steps)-1].answer != nil || p.steps[len(p.steps)-1].failed != "")
		switch {
		case mark == "!" && ok && len(p.steps) > 0 && !answered && rest != "":
			p.steps[len(p.steps)-1].failed = Code(rest)
			continue
		case !ok || err != nil:
			return nil, fmt.Errorf("%w: line %d", errTrace, n)
		case mark == "atr" && p.atr == nil:
			p.atr = raw
		case mark == ">" && (len(p.steps) == 0 || answered):
			p.steps = append(p.steps, exchanged{command: raw})
		case mark == "<" && len(p.steps) > 0 && !answered && len(raw) > 1:
			p.steps[len(p.steps)-1].answer = raw
		default:
			return nil, fmt.Errorf("%w: line %d", errTrace, n)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errTrace, err)
	}
	return p, nil
}

// ATR is the answer to reset of the recorded card.
func (p *Replay) ATR() []byte { return p.atr }

// Transmit implements [Transmitter]. A command that was not the recorded one is an error.
func (p *Replay) Transmit(command []byte) ([]byte, error) {
	if len(p.steps) == 0 {
		return nil, &Error{Code: ReadFailed, Step: "replay", Err: errors.New("the trace has ended")}
	}
	s := p.steps[0]
	p.steps = p.steps[1:]
	if string(s.command) != string(command) {
		return nil, &Error{Code: ReadFailed, Step: "replay", Err: fmt.Errorf("command %X where the trace has %X", command, s.command)}
	}
	if s.failed == ReadFailed { // of no known cause: it was tried again
		return nil, errors.New("the recorded transport failed")
	}
	if s.failed != "" {
		return nil, &Error{Code: s.failed, Step: "replay"}
	}
	return bytes.Clone(s.answer), nil
}
