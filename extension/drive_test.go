//go:build linux

package extension_test

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"carnet/extension"
	"carnet/extension/api"
	"carnet/extension/legal"
)

// driver is a browser behind testdata/driver.mjs.
type driver struct {
	in      io.WriteCloser
	cmd     *exec.Cmd
	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

type args map[string]any

func nodeModules(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CARNET_EXTENSION_NODE")
	if dir == "" {
		t.Fatal("CARNET_EXTENSION_NODE is the folder of puppeteer-core and web-ext: scripts/test sets it")
	}
	return dir
}

func newDriver(t testing.TB) *driver {
	t.Helper()
	d := &driver{cmd: exec.Command("node", "testdata/driver.mjs"), waiting: map[int]chan reply{}}
	d.cmd.Env = append(os.Environ(), "NODE_MODULES="+nodeModules(t))
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			var r reply
			if json.Unmarshal(lines.Bytes(), &r) != nil {
				continue
			}
			d.mu.Lock()
			c := d.waiting[r.ID]
			delete(d.waiting, r.ID)
			d.mu.Unlock()
			if c != nil {
				c <- r
			}
		}
	}()
	t.Cleanup(func() {
		_ = d.in.Close() // the driver then closes its browser and ends
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = d.cmd.Process.Kill()
			<-ended
		}
		_ = d.cmd.Wait() // how it ended does not matter any more
	})
	return d
}

// begin sends a command; the function that it returns waits for the answer.
func (d *driver) begin(t testing.TB, do string, a args) func() json.RawMessage {
	t.Helper()
	c := make(chan reply, 1)
	message := args{"do": do}
	for k, v := range a {
		message[k] = v
	}
	d.mu.Lock()
	d.next++
	message["id"] = d.next
	d.waiting[d.next] = c
	d.mu.Unlock()
	line, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	return func() json.RawMessage {
		t.Helper()
		select {
		case r := <-c:
			if r.Error != "" {
				t.Fatalf("%s %v: %s", do, a, r.Error)
			}
			return r.Result
		case <-time.After(90 * time.Second):
			t.Fatalf("%s %v: no answer", do, a)
		}
		return nil
	}
}

func (d *driver) do(t testing.TB, do string, a args) json.RawMessage {
	t.Helper()
	return d.begin(t, do, a)()
}

func (d *driver) page(t testing.TB, do string, a args) int {
	t.Helper()
	var id int
	if err := json.Unmarshal(d.do(t, do, a), &id); err != nil {
		t.Fatal(err)
	}
	return id
}

func as[T any](t testing.TB, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// sites serves the test page: on an allowed origin, on another port of the same host, and on another name of it.
type sites struct {
	allowed, otherPort, otherName string
}

func serve(t testing.TB) sites {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /carnet-vitale.js", func(w http.ResponseWriter, r *http.Request) {
		text, err := api.Files.ReadFile("carnet-vitale.js")
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(text)
	})
	// The site's own word on its session; a test that leaves sets the cookie "gone".
	mux.HandleFunc("GET /.well-known/carnet-vitale", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("gone"); err == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if frame := r.FormValue("frame"); frame != "" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<!doctype html><script>window.seen=[];addEventListener("message",e=>seen.push(JSON.stringify(e.data)))</script><iframe src="%s"></iframe>`, frame)
			return
		}
		http.ServeFile(w, r, "testdata/page.html")
	})
	port := func() string {
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		_, port, err := net.SplitHostPort(s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	a := port()
	return sites{"http://localhost:" + a, "http://localhost:" + port(), "http://127.0.0.1:" + a}
}

// chromeKey fixes the id of the extension, for the module to name.
var chromeKey = sync.OnceValues(func() ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(&k.PublicKey)
})

// buildExtension writes an extension for a development site.
func buildExtension(t testing.TB, target extension.Target, origins []string, idleMinutes float64) string {
	t.Helper()
	key, err := chromeKey()
	if err != nil {
		t.Fatal(err)
	}
	o := extension.Options{Version: "1.0.0", Operator: legal.Sandbox(), Origins: origins, Development: true, IdleMinutes: idleMinutes}
	if target != extension.Firefox {
		o.Key = key
	}
	files, err := extension.Files(target, o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// module is the native host, built once.
var module = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "carnet-vitale-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "carnet-vitale")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "carnet/cmd/carnet-vitale")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// installModule installs it in a home, as a user does.
func installModule(t testing.TB, home, origin string) {
	t.Helper()
	path, err := module()
	if err != nil {
		t.Fatal(err)
	}
	key, err := chromeKey()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, "install", "--specimen", "--local", "--origin", origin, "--chrome-id", extension.ID(key))
	c.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
