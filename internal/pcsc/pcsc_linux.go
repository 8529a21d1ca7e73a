package pcsc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Commands of pcscd's socket, and sizes of its messages.
const (
	cmdEstablish  = 0x01
	cmdRelease    = 0x02
	cmdConnect    = 0x04
	cmdDisconnect = 0x06
	cmdBegin      = 0x07
	cmdEnd        = 0x08
	cmdTransmit   = 0x09
	cmdVersion    = 0x11
	cmdReaders    = 0x12

	scopeSystem = 2
	shareShared = 2
	leaveCard   = 0

	maxReaders  = 16
	readerBytes = 184
	nameBytes   = 128
	statePres   = 0x04

	dialTries = 100
	dialEvery = 10 * time.Millisecond

	protocolMajor = 4
	protocolMinor = 4 // the oldest that newer servers accept
)

// Socket is where pcscd listens, unless PCSCLITE_CSOCK_NAME says otherwise.
const Socket = "/run/pcscd/pcscd.comm"

// daemon is a connection to pcscd. Numbers are in the machine's own order.
type daemon struct {
	conn    net.Conn
	context uint32
}

func establish() (system, Status) {
	path := os.Getenv("PCSCLITE_CSOCK_NAME")
	if path == "" {
		path = Socket
	}
	conn, err := net.Dial("unix", path)
	for i := 0; errors.Is(err, syscall.EAGAIN) && i < dialTries; i++ { // its queue holds one: others come at the same time
		time.Sleep(dialEvery)
		conn, err = net.Dial("unix", path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, denied
	}
	if err != nil {
		return nil, noService
	}
	d := &daemon{conn: conn}
	if s := d.greet(); s != ok {
		_ = conn.Close() // the refusal is what counts
		return nil, s
	}
	return d, ok
}

// greet agrees on a version and opens a context. A server of another version says which, and keeps the connection.
func (d *daemon) greet() Status {
	minor := uint32(protocolMinor)
	for range 2 {
		answer, err := d.call(cmdVersion, protocolMajor, minor, 0)
		if err != nil {
			return closed(err)
		}
		if answer[2] == 0 {
			break
		}
		minor = answer[1]
	}
	answer, err := d.call(cmdEstablish, scopeSystem, 0, 0)
	if err != nil {
		return closed(err)
	}
	d.context = answer[1]
	return Status(answer[2])
}

// closed tells a service that went away from one that closes its door on this user (polkit).
func closed(err error) Status {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return noService
	}
	return serviceStopped
}

// send writes a command: size of the body, number, body.
func (d *daemon) send(command uint32, body []byte) error {
	head := binary.NativeEndian.AppendUint32(nil, uint32(len(body)))
	head = binary.NativeEndian.AppendUint32(head, command)
	_, err := d.conn.Write(append(head, body...))
	return err
}

// call sends numbers and gets as many back.
func (d *daemon) call(command uint32, fields ...uint32) ([]uint32, error) {
	var body []byte
	for _, f := range fields {
		body = binary.NativeEndian.AppendUint32(body, f)
	}
	if err := d.send(command, body); err != nil {
		return nil, err
	}
	if err := d.receive(body); err != nil {
		return nil, err
	}
	for i := range fields {
		fields[i] = binary.NativeEndian.Uint32(body[4*i:])
	}
	return fields, nil
}

func (d *daemon) receive(into []byte) error {
	_, err := io.ReadFull(d.conn, into)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", errShort, io.EOF)
	}
	return err
}

// last is the status of a call whose last field is it.
func last(fields []uint32, err error) Status {
	if err != nil {
		return closed(err)
	}
	return Status(fields[len(fields)-1])
}

func (d *daemon) release() Status {
	s := last(d.call(cmdRelease, d.context, 0))
	if err := d.conn.Close(); err != nil && s == ok {
		s = serviceStopped
	}
	return s
}

func (d *daemon) readers() ([]Reader, Status) {
	table := make([]byte, maxReaders*readerBytes)
	if err := d.send(cmdReaders, nil); err != nil {
		return nil, closed(err)
	}
	if err := d.receive(table); err != nil {
		return nil, closed(err)
	}
	return parseReaders(table), ok
}

// parseReaders reads the table: name, events, state, sharing, answer to reset, its length, protocol.
func parseReaders(table []byte) []Reader {
	var list []Reader
	for ; len(table) >= readerBytes; table = table[readerBytes:] {
		name, _, _ := bytes.Cut(table[:nameBytes], []byte{0})
		if len(name) == 0 {
			continue
		}
		r := Reader{Name: string(name), Present: binary.NativeEndian.Uint32(table[132:])&statePres != 0}
		if n := binary.NativeEndian.Uint32(table[176:]); r.Present && n <= 33 {
			r.ATR = bytes.Clone(table[140 : 140+n])
		}
		list = append(list, r)
	}
	return list
}

func (d *daemon) connect(reader string, protocols uint32) (link, Status) {
	if len(reader) >= nameBytes {
		return nil, unknownReader
	}
	body := binary.NativeEndian.AppendUint32(nil, d.context)
	body = append(body, make([]byte, nameBytes)...)
	copy(body[4:], reader)
	for _, v := range []uint32{shareShared, protocols, 0, 0, 0} {
		body = binary.NativeEndian.AppendUint32(body, v)
	}
	if err := d.send(cmdConnect, body); err != nil {
		return nil, closed(err)
	}
	if err := d.receive(body); err != nil {
		return nil, closed(err)
	}
	tail := body[4+nameBytes+8:]
	if s := Status(binary.NativeEndian.Uint32(tail[8:])); s != ok {
		return nil, s
	}
	return &socketCard{d, binary.NativeEndian.Uint32(tail), binary.NativeEndian.Uint32(tail[4:])}, ok
}

type socketCard struct {
	d              *daemon
	card, protocol uint32
}

func (c *socketCard) begin() Status      { return last(c.d.call(cmdBegin, c.card, 0)) }
func (c *socketCard) end() Status        { return last(c.d.call(cmdEnd, c.card, leaveCard, 0)) }
func (c *socketCard) disconnect() Status { return last(c.d.call(cmdDisconnect, c.card, leaveCard, 0)) }

func (c *socketCard) transmit(command []byte) ([]byte, Status) {
	const pci = 8
	var head []byte
	for _, v := range []uint32{c.card, c.protocol, pci, uint32(len(command)), c.protocol, pci, maxAnswer, 0} {
		head = binary.NativeEndian.AppendUint32(head, v)
	}
	if err := c.d.send(cmdTransmit, head); err != nil {
		return nil, closed(err)
	}
	if _, err := c.d.conn.Write(command); err != nil {
		return nil, closed(err)
	}
	if err := c.d.receive(head); err != nil {
		return nil, closed(err)
	}
	n, s := binary.NativeEndian.Uint32(head[24:]), Status(binary.NativeEndian.Uint32(head[28:]))
	if s != ok {
		return nil, s
	}
	if n > maxAnswer {
		return nil, serviceStopped
	}
	answer := make([]byte, n)
	if err := c.d.receive(answer); err != nil {
		return nil, closed(err)
	}
	return answer, ok
}
