//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"carnet/vitale/specimen"
)

// listenCard answers the double of winscard.dll: a length of two bytes and a command, a length and an answer.
func listenCard(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			card := specimen.New(specimen.None)
			for {
				var head [2]byte
				if _, err := io.ReadFull(conn, head[:]); err != nil {
					break
				}
				command := make([]byte, binary.BigEndian.Uint16(head[:]))
				if _, err := io.ReadFull(conn, command); err != nil {
					break
				}
				answer, err := card.Transmit(command)
				if err != nil {
					break
				}
				if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestWindows runs the Windows program under Wine: the card through the real calling convention of winscard.dll, the keys of
// the registry, and the host as a browser starts it.
func TestWindows(t *testing.T) {
	for _, need := range []string{"/usr/lib/wine/wine64", "/usr/bin/x86_64-w64-mingw32-gcc"} {
		if _, err := os.Stat(need); err != nil {
			t.Fatalf("%v: scripts/test installs it", err)
		}
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "carnet-vitale.exe")
	if err := build(exe, "windows", "amd64"); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"), "WINEDEBUG=-all", "WINEDLLOVERRIDES=winscard=n;mscoree=;mshtml=", "DISPLAY=", "HOME="+dir, "CARNET_TEST_CARD="+strconv.Itoa(listenCard(t)))
	wine := func(in []byte, args ...string) ([]byte, error) {
		c := exec.Command("/usr/lib/wine/wine64", args...)
		c.Env, c.Stdin = env, bytes.NewReader(in)
		return c.Output()
	}
	if out, err := wine(nil, "wineboot", "--init"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		c := exec.Command("/usr/lib/wine/wineserver64", "-k")
		c.Env = env
		_ = c.Run() // it may have ended by itself
	})
	system := filepath.Join(dir, "prefix", "drive_c", "windows", "system32")
	for name, libraries := range map[string][]string{"winscard": {"-lws2_32"}, "bcryptprimitives": {"-ladvapi32"}} {
		file := filepath.Join(system, name+".dll")
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-shared", "-O1", "-o", file, "testdata/wine/" + name + ".c"}, libraries...)
		if out, err := exec.Command("x86_64-w64-mingw32-gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Run("read", func(t *testing.T) {
		out, err := wine(nil, exe, "read", "--reveal")
		if err != nil || !strings.Contains(string(out), `"serial": "80250000000099999942"`) || !strings.Contains(string(out), "FOUGÈRE") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("install, ask as a browser does, uninstall", func(t *testing.T) {
		out, err := wine(nil, exe, "install", "--specimen", "--origin", "https://pro.example", "--chrome-id", id)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for browser, key := range map[string]string{"chrome": `HKCU\Software\Google\Chrome`, "edge": `HKCU\Software\Microsoft\Edge`, "chromium": `HKCU\Software\Chromium`, "firefox": `HKCU\Software\Mozilla`} {
			out, err := wine(nil, "reg", "query", key+`\NativeMessagingHosts\fr.carnet.vitale`, "/ve")
			if err != nil || !strings.Contains(string(out), `\Carnet\native\`+browser+".fr.carnet.vitale.json") {
				t.Errorf("%s: %v %s", browser, err, out)
			}
		}
		installed, err := filepath.Glob(filepath.Join(dir, "prefix/drive_c/users/*/AppData/Local/Carnet/native/carnet-vitale.exe"))
		if err != nil || len(installed) != 1 {
			t.Fatal(installed, err)
		}
		answer, err := wine(frame(read), installed[0], "chrome-extension://"+id+"/", "--parent-window=0")
		if err != nil || len(answer) < 4 || int(binary.LittleEndian.Uint32(answer)) != len(answer)-4 || !strings.Contains(string(answer), `"ok":true`) {
			t.Errorf("%v: %q", err, answer)
		}
		if out, err := wine(nil, exe, "uninstall"); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if out, err := wine(nil, "reg", "query", `HKCU\Software\Mozilla\NativeMessagingHosts\fr.carnet.vitale`, "/ve"); err == nil {
			t.Errorf("a key is left: %s", out)
		}
		if _, err := os.Stat(installed[0]); err == nil {
			t.Error("the program is left")
		}
	})
}
