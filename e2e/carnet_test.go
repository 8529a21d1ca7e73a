package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "carnet-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "carnet")
	out, err := exec.Command("go", "build", "-o", path, "carnet/cmd/carnet").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // what is left is in a temporary folder
	}
	os.Exit(code)
}

func program(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// carnet is a running instance.
type carnet struct {
	dir    string // holds data, temporary files and logs, and nothing else
	pro    string // origins
	attest string
	staff  string
	wallet string
	psc    string // of the sandbox; empty without, as is fc
	fc     string
	cmd    *exec.Cmd
	out    *output
	log    *os.File
}

// output keeps what the program prints and tells when a line has come.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan string
}

var printedAddress = regexp.MustCompile(`http://localhost:\d+`)

// serve starts an instance on free ports in a folder, with more arguments if any, and waits until
// it says that it is ready.
func serve(t testing.TB, dir string, more ...string) *carnet {
	t.Helper()
	c := &carnet{dir: dir, out: &output{lines: make(chan string, 100)}}
	tmp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.log, err = os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		t.Fatal(err)
	}
	c.cmd = exec.Command(program(t), "serve", "--data", filepath.Join(dir, "data"), "--lang", "en", "--log-level", "debug",
		"--port-pro", "0", "--port-attestation", "0", "--port-verifier", "0", "--port-portefeuille", "0", "--port-api", "0", "--port-fc", "0", "--port-psc", "0", "--port-operator", "0", "--port-protection", "0", "--port-proconnect", "0",
		"--port-ameli", "0", "--port-laposte", "0", "--port-impots", "0", "--port-msa", "0")
	c.cmd.Args = append(c.cmd.Args, more...)
	c.cmd.Dir, c.cmd.Stderr = dir, c.log
	c.cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cmd.Process.Kill(); c.cmd.Wait(); c.log.Close() })
	go func() {
		for s := bufio.NewScanner(stdout); s.Scan(); {
			c.out.mu.Lock()
			c.out.text.WriteString(s.Text() + "\n")
			c.out.mu.Unlock()
			c.out.lines <- s.Text()
		}
		close(c.out.lines)
	}()
	c.wait(t, regexp.MustCompile(`Ctrl-C`))
	for name, origin := range map[string]*string{"Professionals": &c.pro, "Insured people": &c.attest, "Staff": &c.staff, "Wallet": &c.wallet, "Pro Santé Connect": &c.psc, "FranceConnect": &c.fc} {
		line := regexp.MustCompile(`(?m)^  ` + name + `\+?(?: \(sandbox\))? .*$`).FindString(c.printed())
		if *origin = printedAddress.FindString(line); *origin == "" && origin != &c.psc && origin != &c.fc {
			t.Fatalf("no address of %s:\n%s", name, c.printed())
		}
	}
	return c
}

// wait returns the next line that fits.
func (c *carnet) wait(t testing.TB, fits *regexp.Regexp) string {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case line, open := <-c.out.lines:
			if !open {
				t.Fatalf("the program ended before it printed %s:\n%s\n%s", fits, c.printed(), c.logged(t))
			}
			if fits.MatchString(line) {
				return line
			}
		case <-limit:
			t.Fatalf("the program did not print %s:\n%s\n%s", fits, c.printed(), c.logged(t))
		}
	}
}

func (c *carnet) printed() string {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.text.String()
}

func (c *carnet) logged(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(c.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop sends what Ctrl-C sends, and expects a clean end.
func (c *carnet) stop(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range c.out.lines { // to the end of what it prints
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("the program did not end cleanly: %v\n%s\n%s", err, c.printed(), c.logged(t))
	}
}
