package card

import (
	"net"
	"syscall"
)

// quickAck acknowledges at once what comes next. It is only a matter of speed.
func quickAck(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
		}
	}
}
