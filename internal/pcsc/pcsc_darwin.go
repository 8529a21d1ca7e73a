package pcsc

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

const framework = "/System/Library/Frameworks/PCSC.framework/PCSC"

const (
	scopeSystem  = 2
	shareShared  = 2
	leaveCard    = 0
	statePresent = 0x20
	maxATR       = 33

	// stateBytes is SCARD_READERSTATE, packed: name and user pointer of 8 bytes, two states, length, answer to reset.
	stateBytes = 8 + 8 + 4 + 4 + 4 + maxATR
)

// ioRequest is SCARD_IO_REQUEST. Handles and numbers have 32 bits here.
type ioRequest struct{ protocol, size uint32 }

// mac holds the functions of the framework.
type mac struct {
	context int32

	releaseContext func(context int32) int32
	listReaders    func(context int32, groups, names *byte, n *uint32) int32
	statusChange   func(context int32, timeout uint32, states *byte, n uint32) int32
	connectTo      func(context int32, reader *byte, share, protocols uint32, card *int32, protocol *uint32) int32
	begin          func(card int32) int32
	transmit       func(card int32, send *ioRequest, command *byte, n uint32, receive *ioRequest, answer *byte, m *uint32) int32
	end            func(card int32, disposition uint32) int32
	disconnect     func(card int32, disposition uint32) int32
}

func establish() (system, Status) {
	lib, err := purego.Dlopen(framework, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, noService
	}
	var establishContext func(scope uint32, r1, r2 uintptr, context *int32) int32
	m := &mac{}
	for name, f := range map[string]any{"SCardEstablishContext": &establishContext, "SCardReleaseContext": &m.releaseContext, "SCardListReaders": &m.listReaders,
		"SCardGetStatusChange": &m.statusChange, "SCardConnect": &m.connectTo, "SCardBeginTransaction": &m.begin, "SCardTransmit": &m.transmit,
		"SCardEndTransaction": &m.end, "SCardDisconnect": &m.disconnect} {
		symbol, err := purego.Dlsym(lib, name)
		if err != nil {
			return nil, noService
		}
		purego.RegisterFunc(f, symbol)
	}
	if s := establishContext(scopeSystem, 0, 0, &m.context); s != 0 {
		return nil, Status(uint32(s))
	}
	return m, ok
}

func (m *mac) release() Status { return Status(uint32(m.releaseContext(m.context))) }

func (m *mac) readers() ([]Reader, Status) {
	var n uint32
	if s := Status(uint32(m.listReaders(m.context, nil, nil, &n))); s != ok || n == 0 {
		return nil, s
	}
	names := make([]byte, n)
	if s := Status(uint32(m.listReaders(m.context, nil, &names[0], &n))); s != ok {
		return nil, s
	}
	var list []Reader
	for _, name := range bytes.Split(names[:min(int(n), len(names))], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		zero := append(bytes.Clone(name), 0)
		state := make([]byte, stateBytes)
		binary.NativeEndian.PutUint64(state, uint64(uintptr(unsafe.Pointer(&zero[0]))))
		s := Status(uint32(m.statusChange(m.context, 0, &state[0], 1)))
		runtime.KeepAlive(zero)
		if s != ok {
			return nil, s
		}
		r := Reader{Name: string(name), Present: binary.NativeEndian.Uint32(state[20:])&statePresent != 0}
		if k := binary.NativeEndian.Uint32(state[24:]); r.Present && k <= maxATR {
			r.ATR = bytes.Clone(state[28 : 28+k])
		}
		list = append(list, r)
	}
	return list, ok
}

// connect asks for T=0 alone: Vitale cards have nothing else, and some readers fail with the choice.
func (m *mac) connect(reader string, _ uint32) (link, Status) {
	name := append([]byte(reader), 0)
	c := &macCard{m: m}
	s := Status(uint32(m.connectTo(m.context, &name[0], shareShared, protocolT0, &c.card, &c.protocol)))
	return c, s
}

type macCard struct {
	m        *mac
	card     int32
	protocol uint32
}

func (c *macCard) begin() Status      { return Status(uint32(c.m.begin(c.card))) }
func (c *macCard) end() Status        { return Status(uint32(c.m.end(c.card, leaveCard))) }
func (c *macCard) disconnect() Status { return Status(uint32(c.m.disconnect(c.card, leaveCard))) }

func (c *macCard) transmit(command []byte) ([]byte, Status) {
	out, n := make([]byte, maxAnswer), uint32(maxAnswer)
	send := ioRequest{c.protocol, uint32(unsafe.Sizeof(ioRequest{}))}
	receive := send // without one, a reader was seen to refuse
	s := Status(uint32(c.m.transmit(c.card, &send, &command[0], uint32(len(command)), &receive, &out[0], &n)))
	if s != ok || n > maxAnswer {
		return nil, s
	}
	return out[:n], ok
}
