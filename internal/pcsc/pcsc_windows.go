package pcsc

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/windows"
)

// winscard is loaded from the system folder only, so that none can be planted beside the program.
type winscard struct {
	context uintptr

	listReaders, statusChange, connectW, begin, transmit, end, disconnect, releaseContext *windows.LazyProc
}

const (
	scopeSystem  = 2
	shareShared  = 2
	leaveCard    = 0
	statePresent = 0x20
	maxATR       = 36
)

// readerState is SCARD_READERSTATEW.
type readerState struct {
	reader   *uint16
	user     uintptr
	current  uint32
	event    uint32
	atrBytes uint32
	atr      [maxATR]byte
}

// ioRequest is SCARD_IO_REQUEST.
type ioRequest struct{ protocol, size uint32 }

func establish() (system, Status) {
	dll := windows.NewLazySystemDLL("winscard.dll")
	if dll.Load() != nil {
		return nil, noService
	}
	w := &winscard{listReaders: dll.NewProc("SCardListReadersW"), statusChange: dll.NewProc("SCardGetStatusChangeW"), connectW: dll.NewProc("SCardConnectW"),
		begin: dll.NewProc("SCardBeginTransaction"), transmit: dll.NewProc("SCardTransmit"), end: dll.NewProc("SCardEndTransaction"),
		disconnect: dll.NewProc("SCardDisconnect"), releaseContext: dll.NewProc("SCardReleaseContext")}
	establishContext := dll.NewProc("SCardEstablishContext")
	for _, p := range []*windows.LazyProc{establishContext, w.listReaders, w.statusChange, w.connectW, w.begin, w.transmit, w.end, w.disconnect, w.releaseContext} {
		if p.Find() != nil {
			return nil, noService
		}
	}
	if s := status(establishContext, scopeSystem, 0, 0, uintptr(unsafe.Pointer(&w.context))); s != ok {
		return nil, s
	}
	return w, ok
}

// status calls a function whose result is a status: a LONG, of which only the low half counts.
func status(p *windows.LazyProc, args ...uintptr) Status {
	r, _, _ := p.Call(args...)
	return Status(uint32(r))
}

func (w *winscard) release() Status { return status(w.releaseContext, w.context) }

func (w *winscard) readers() ([]Reader, Status) {
	var n uint32
	if s := status(w.listReaders, w.context, 0, 0, uintptr(unsafe.Pointer(&n))); s != ok || n == 0 {
		return nil, s
	}
	names := make([]uint16, n)
	if s := status(w.listReaders, w.context, 0, uintptr(unsafe.Pointer(&names[0])), uintptr(unsafe.Pointer(&n))); s != ok {
		return nil, s
	}
	var list []Reader
	for rest := names[:min(int(n), len(names))]; len(rest) > 0 && rest[0] != 0; {
		end := 0
		for end < len(rest) && rest[end] != 0 {
			end++
		}
		name := windows.UTF16ToString(rest[:end])
		rest = rest[min(end+1, len(rest)):]
		p, err := windows.UTF16PtrFromString(name)
		if err != nil {
			continue
		}
		st := readerState{reader: p}
		if s := status(w.statusChange, w.context, 0, uintptr(unsafe.Pointer(&st)), 1); s != ok {
			return nil, s
		}
		r := Reader{Name: name, Present: st.event&statePresent != 0}
		if r.Present && st.atrBytes <= maxATR {
			r.ATR = bytes.Clone(st.atr[:st.atrBytes])
		}
		list = append(list, r)
	}
	return list, ok
}

func (w *winscard) connect(reader string, protocols uint32) (link, Status) {
	name, err := windows.UTF16PtrFromString(reader)
	if err != nil {
		return nil, unknownReader
	}
	c := &windowsCard{w: w}
	s := status(w.connectW, w.context, uintptr(unsafe.Pointer(name)), shareShared, uintptr(protocols), uintptr(unsafe.Pointer(&c.card)), uintptr(unsafe.Pointer(&c.protocol)))
	return c, s
}

type windowsCard struct {
	w        *winscard
	card     uintptr
	protocol uint32
}

func (c *windowsCard) begin() Status      { return status(c.w.begin, c.card) }
func (c *windowsCard) end() Status        { return status(c.w.end, c.card, leaveCard) }
func (c *windowsCard) disconnect() Status { return status(c.w.disconnect, c.card, leaveCard) }

func (c *windowsCard) transmit(command []byte) ([]byte, Status) {
	out, n := make([]byte, maxAnswer), uint32(maxAnswer)
	send := ioRequest{c.protocol, uint32(unsafe.Sizeof(ioRequest{}))}
	receive := send
	s := status(c.w.transmit, c.card, uintptr(unsafe.Pointer(&send)), uintptr(unsafe.Pointer(&command[0])), uintptr(len(command)),
		uintptr(unsafe.Pointer(&receive)), uintptr(unsafe.Pointer(&out[0])), uintptr(unsafe.Pointer(&n)))
	if s != ok || n > maxAnswer {
		return nil, s
	}
	return out[:n], ok
}
