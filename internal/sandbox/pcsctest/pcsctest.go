// Package pcsctest runs a pcscd of the test's own, with two virtual readers, beside whatever the machine runs.
package pcsctest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"carnet/internal/sandbox/card"
	"carnet/vitale/specimen"
)

const driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

// Daemon is a running pcscd.
type Daemon struct {
	Socket string   // for PCSCLITE_CSOCK_NAME
	Slots  []string // addresses where cards are inserted
	cmd    *exec.Cmd
	run    string
	conf   string
}

// Start runs a pcscd whose /run is a folder of the test, and stops it at the end of the test. It sets
// PCSCLITE_CSOCK_NAME for this process and those that it starts.
func Start(t testing.TB) *Daemon {
	t.Helper()
	for _, need := range []string{driver, "/usr/sbin/pcscd", "/usr/bin/unshare"} {
		if _, err := os.Stat(need); err != nil {
			t.Fatalf("%v: scripts/test installs it", err)
		}
	}
	// The path of a socket has at most 107 characters: t.TempDir may be longer.
	dir, err := os.MkdirTemp("", "pcsc-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in a temporary folder
	port := freePort(t)
	d := &Daemon{run: filepath.Join(dir, "run"), conf: filepath.Join(dir, "conf")}
	d.Socket = filepath.Join(d.run, "pcscd", "pcscd.comm")
	for _, f := range []string{d.run, d.conf} {
		if err := os.Mkdir(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := fmt.Sprintf("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", port, driver, port)
	if err := os.WriteFile(filepath.Join(d.conf, "vpcd"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Slots = []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)}
	t.Setenv("PCSCLITE_CSOCK_NAME", d.Socket)
	d.Run(t)
	t.Cleanup(func() {
		d.Stop(t)
		if t.Failed() {
			text, err := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("pcscd: %s (%v)", text[max(0, len(text)-4000):], err)
		}
	})
	return d
}

// freePort finds two ports in a row.
func freePort(t testing.TB) int {
	t.Helper()
	for range 20 {
		a, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port+1))
		_ = a.Close() // it was only tried
		if err != nil {
			continue
		}
		_ = b.Close()
		return port
	}
	t.Fatal("no two free ports in a row")
	return 0
}

// Run starts the daemon, again after Stop, and waits until it listens.
func (d *Daemon) Run(t testing.TB) {
	t.Helper()
	flags := []string{"--mount"}
	if os.Geteuid() != 0 {
		flags = append(flags, "--map-root-user")
	}
	d.cmd = exec.Command("unshare", append(flags, "sh", "-c", `mount --bind "$0" /run && exec pcscd -f -i -c "$1"`, d.run, d.conf)...)
	log, err := os.OpenFile(filepath.Join(d.conf, "..", "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := Eventually(10*time.Second, func() bool {
		conn, err := net.Dial("unix", d.Socket)
		if err == nil {
			_ = conn.Close() // it was only tried
		}
		return err == nil
	})
	if !ready {
		text, err := os.ReadFile(log.Name())
		t.Fatalf("pcscd is not ready: %s (%v)", text, err)
	}
}

// Stop ends the daemon.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	if d.cmd == nil {
		return
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	process := d.cmd.Process
	patience := time.AfterFunc(5*time.Second, func() { _ = process.Kill() }) // it waits for clients that hang
	_ = d.cmd.Wait()                                                         // ended by a signal, which is an error to exec
	patience.Stop()
	d.cmd = nil
	for _, name := range []string{"pcscd.comm", "pcscd.pid"} {
		_ = os.Remove(filepath.Join(d.run, "pcscd", name)) // it may have done so
	}
}

// Insert puts a specimen card into a slot. The function that it returns pulls it out, once the reader has noticed.
func (d *Daemon) Insert(t testing.TB, slot int, fault specimen.Fault) (pull func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- card.Insert(ctx, d.Slots[slot], specimen.New(fault), func() { close(in) })
	}()
	select {
	case <-in:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	pull = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(pull)
	return pull
}

// Eventually looks every ten milliseconds.
func Eventually(limit time.Duration, f func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f() {
			return true
		}
	}
	return false
}
