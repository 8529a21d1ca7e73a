// Package card inserts the specimen card into a virtual reader: the one that the driver vpcd (vsmartcard) adds to
// the real pcscd. The whole way from a page to a card can then be tried without a card.
//
// The driver listens and the card dials. A message is a length of two bytes, most significant first, and a body: of one
// byte for the power (0 off, 1 on, 2 reset, 4 what is the answer to reset), else a command of the card. To close the connection
// is to pull the card. Carnet specification vitale.md, section 9.
//
// The driver of the Debian package listens on all interfaces: keep it on test machines, behind a firewall.
package card

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"carnet/vitale"
	"carnet/vitale/specimen"
)

// Address is where the driver of the Debian package listens for the card of its first reader; the second has the next port.
const Address = "127.0.0.1:35963"

const (
	askATR = 4
	maxATR = 33
)

// Insert keeps a card in the reader until the context ends, the reader goes away or the card pulls itself out, which
// are no errors. inserted, when not nil, is called once the reader has taken it.
func Insert(ctx context.Context, address string, card *specimen.Card, inserted func()) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("no virtual reader at %s (is pcscd running, with vsmartcard-vpcd?): %w", address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // pulls the card
	defer stop()
	defer conn.Close()
	if inserted != nil {
		inserted()
	}
	err = serve(conn, card)
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func serve(conn net.Conn, card *specimen.Card) error {
	for {
		quickAck(conn) // the driver sends length and body apart: a delayed acknowledgement would cost 40 ms each time
		var head [2]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[:]))
		quickAck(conn)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		var answer []byte
		switch {
		case len(body) == 1 && body[0] == askATR:
			if answer = card.ATR(); card.Fault() == specimen.Mute {
				answer = make([]byte, maxATR+1) // it is felt, and cannot be powered: no reader has room for this
			}
		case len(body) == 1:
			card.Reset()
			continue
		default:
			var err error
			if answer, err = card.Transmit(body); err != nil {
				if vitale.CodeOf(err) == vitale.CardRemoved {
					return nil
				}
				answer = nil
			}
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return err
		}
	}
}
