//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"carnet/internal/module"
	"carnet/internal/sandbox/pcsctest"
	"carnet/vitale"
	"carnet/vitale/specimen"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carnet-vitale": main})
}

// TestScripts runs the commands as people do, in a home of their own and without a card service.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script"), Setup: func(e *testscript.Env) error {
		home := filepath.Join(e.WorkDir, "home")
		e.Setenv("HOME", home)
		e.Setenv("LANG", "en_GB.UTF-8")
		e.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(e.WorkDir, "none"))
		return os.Mkdir(home, 0o755)
	}})
}

// built is the module as it is shipped, built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "carnet-vitale-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "carnet-vitale")
	return path, build(path, "linux", "amd64")
})

func build(path, goos, arch string) error {
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestBuilds makes the module for every system, each a file of less than eight megabytes.
func TestBuilds(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, arch := range []string{"amd64", "arm64"} {
			t.Run(goos+"/"+arch, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x")
				if err := build(path, goos, arch); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(path)
				if err != nil || info.Size() >= 8e6 {
					t.Error(info.Size(), err)
				}
				if goos == "linux" {
					text, err := os.ReadFile(path)
					if err != nil || bytes.Contains(text, []byte("/lib64/ld-linux")) || bytes.Contains(text, []byte("/lib/ld-linux")) {
						t.Error("it is not static", err)
					}
				}
			})
		}
	}
}

// ask installs the module in a home and talks to it as a browser does.
func ask(t testing.TB, args []string, in []byte) (module.Answer, error) {
	t.Helper()
	c := exec.Command(filepath.Join(os.Getenv("HOME"), ".local/lib/carnet-vitale/carnet-vitale"), args...)
	c.Stdin = bytes.NewReader(in)
	var errOut bytes.Buffer
	c.Stderr = &errOut
	out, err := c.Output()
	if err != nil {
		return module.Answer{}, fmt.Errorf("%w: %s, %d bytes of output", err, errOut.Bytes(), len(out))
	}
	var a module.Answer
	if len(out) < 4 || int(binary.NativeEndian.Uint32(out)) != len(out)-4 {
		return a, fmt.Errorf("%d bytes that are no frame", len(out))
	}
	return a, json.Unmarshal(out[4:], &a)
}

func frame(text string) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...)
}

const (
	id   = "abcdefghijklmnopabcdefghijklmnop"
	read = `{"v":1,"op":"read","origin":"https://pro.example","purpose":"vaccination"}`
)

func install(t testing.TB, more ...string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", t.TempDir())
	args := append([]string{"install", "--origin", "https://pro.example", "--chrome-id", id}, more...)
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestHost talks to the installed module over a real pcscd.
func TestHost(t *testing.T) {
	d := pcsctest.Start(t)
	install(t, "--specimen")
	chrome := []string{"chrome-extension://" + id + "/"}
	firefox := []string{filepath.Join(os.Getenv("HOME"), ".mozilla/native-messaging-hosts", module.Name+".json"), "carnet-vitale@carnet.example"}
	status := func() int {
		a, err := ask(t, chrome, frame(`{"v":1,"op":"status","origin":"https://pro.example"}`))
		if err != nil || a.Status == nil || !a.Status.Service {
			t.Fatal(a, err)
		}
		n := 0
		for _, r := range a.Status.Readers {
			if r.Card != vitale.KindNone {
				n++
			}
		}
		return n
	}
	if a, err := ask(t, chrome, frame(read)); err != nil || a.Code != vitale.NoCard {
		t.Error(a, err)
	}
	pull := d.Insert(t, 0, specimen.None)
	if !pcsctest.Eventually(5*time.Second, func() bool { return status() == 1 }) {
		t.Fatal("the card does not come")
	}
	for name, args := range map[string][]string{"chrome": chrome, "chrome on Windows": append(chrome, "--parent-window=1"), "firefox": firefox} {
		a, err := ask(t, args, frame(read))
		if err != nil || !a.OK || a.Data == nil || len(a.Data.Beneficiaries) != 3 || a.V != module.Version || a.Host == "" {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	t.Run("others are not answered", func(t *testing.T) {
		for _, args := range [][]string{{"chrome-extension://" + strings.Repeat("b", 32) + "/"}, {firefox[0], "other@example"}} {
			if _, err := ask(t, args, frame(read)); err == nil || !strings.Contains(err.Error(), " 0 bytes of output") {
				t.Errorf("%v: %v", args, err)
			}
		}
	})
	t.Run("frames that are none end it", func(t *testing.T) {
		for _, in := range [][]byte{frame(""), binary.NativeEndian.AppendUint32(nil, 1<<30), frame(read)[:9]} {
			if _, err := ask(t, chrome, in); err == nil || !strings.Contains(err.Error(), " 0 bytes of output") {
				t.Errorf("%d bytes: %v", len(in), err)
			}
		}
	})
	t.Run("a specimen is refused in production", func(t *testing.T) {
		install(t)
		if a, err := ask(t, chrome, frame(read)); err != nil || a.Code != vitale.Refused || a.Data != nil {
			t.Error(a, err)
		}
	})
	t.Run("the terminal", func(t *testing.T) {
		program, err := built()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			args   []string
			says   string
			hushes string
		}{
			{[]string{"read", "--lang", "en"}, "3 beneficiary", "FOUG"},
			{[]string{"read", "--reveal"}, "FOUGÈRE", ""},
			{[]string{"doctor", "--card", "--redact"}, "651C8007585858585858588107", "464F5547"},
		} {
			out, err := exec.Command(program, c.args...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.says) || c.hushes != "" && strings.Contains(string(out), c.hushes) {
				t.Errorf("%v: %v %s", c.args, err, out)
			}
		}
		out, err := exec.Command(program, "doctor", "--json").Output()
		var list []struct{ Check, State, Seen string }
		if jsonErr := json.Unmarshal(out, &list); jsonErr != nil || !strings.Contains(string(out), "carte Vitale 2") {
			t.Error(err, jsonErr, string(out))
		}
		pull()
		done := make(chan string)
		go func() {
			out, err := exec.Command(program, "read", "--wait", "20s", "--lang", "en").CombinedOutput()
			done <- fmt.Sprint(string(out), err)
		}()
		time.Sleep(300 * time.Millisecond)
		d.Insert(t, 1, specimen.None)
		if said := <-done; !strings.Contains(said, "3 beneficiary") {
			t.Error(said)
		}
	})
}

// BenchmarkStart goes from the start of the process to its answer about no card service: what a browser waits for before
// the card is asked.
func BenchmarkStart(b *testing.B) {
	b.Setenv("PCSCLITE_CSOCK_NAME", "/nonexistent")
	install(b)
	for b.Loop() {
		if a, err := ask(b, []string{"chrome-extension://" + id + "/"}, frame(read)); err != nil || a.Code != vitale.NoService {
			b.Fatal(a, err)
		}
	}
	path, err := built()
	if err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB/module")
}
