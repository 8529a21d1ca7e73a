// Package module is the conversation between the browser extension and the program that reaches the card: native
// messaging. The browser starts the program for one request, writes one frame to its input, and reads one from its output.
//
// A frame is a length of four bytes in the machine's order and a JSON text. The length is looked at before anything is
// allocated; unknown fields are refused; nothing but the frame is written to the output.
//
//	→ {"v":1,"op":"status","origin":"https://pro.example"}
//	← {"v":1,"host":"v1.2.0","ok":true,"ms":3,"status":{"service":true,"readers":[{"card":"vitale2"}]}}
//	→ {"v":1,"op":"read","origin":"https://pro.example","purpose":"vaccination"}
//	← {"v":1,"host":"v1.2.0","ok":true,"ms":12,"data":{…}}
//	← {"v":1,"host":"v1.2.0","ok":false,"ms":2,"code":"NO_CARD"}
//
// Every answer says which version of the messages (v) and of the program (host) it is, so that either side can tell which of
// the two must be updated: a request of another version is answered VERSION_MISMATCH.
//
// The extension has checked the page already; the host compares the origin again with a list of its own, and answers the extensions
// that its configuration names and no other. A read needs a purpose, care or vaccination. Nothing is kept and
// nothing is logged. Carnet specification vitale.md, sections 4, 5 and 8.
package module

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of frames.
const (
	MaxIn  = 16 << 10
	MaxOut = 64 << 10
)

// ErrFrame is a frame that is empty, too long or cut.
var ErrFrame = errors.New("module: bad frame")

// ReadFrame reads one frame. At the end of the input it returns io.EOF.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	n := binary.NativeEndian.Uint32(head[:])
	if n == 0 || n > MaxIn {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return body, nil
}

// WriteFrame writes one frame in one write.
func WriteFrame(w io.Writer, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("module: %w", err)
	}
	if len(text) > MaxOut {
		return fmt.Errorf("%w: %d bytes to write", ErrFrame, len(text))
	}
	_, err = w.Write(append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}
