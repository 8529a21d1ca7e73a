package logintest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Script is a program of e2e/peers that runs under node, and what it printed first.
type Script struct {
	Line []byte
	cmd  *exec.Cmd
	in   io.Closer
	said *bytes.Buffer
	stop func()
}

// Stop ends it before the end of the test.
func (s *Script) Stop() { s.stop() }

// PeersVariable names the folder where scripts/test installed what others wrote.
const PeersVariable = "CARNET_PEERS"

// StartScript runs a script of e2e/peers with an argument, waits for its first line, and ends it
// with the test by closing its standard input. Without the packages of CARNET_PEERS the test
// fails: scripts/test installs them.
func StartScript(t testing.TB, name string, argument any) *Script {
	t.Helper()
	if os.Getenv(PeersVariable) == "" {
		t.Fatalf("%s is not set: run scripts/test, or install the packages of e2e/peers", PeersVariable)
	}
	text, err := json.Marshal(argument)
	if err != nil {
		t.Fatal(err)
	}
	s := &Script{said: &bytes.Buffer{}}
	s.cmd = exec.Command("node", filepath.Join(root(t), "e2e", "peers", name), string(text))
	s.cmd.Stderr = s.said
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The wait reads what the script said last; only then may the buffer be read.
	s.stop = sync.OnceFunc(func() {
		s.in.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
		err := s.cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("%s: %v\n%s", name, err, s.said)
		}
	})
	t.Cleanup(s.stop)
	stop := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer stop.Stop()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", name, err)
	}
	s.Line = line
	return s
}

// root is the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// PeerConfig is how an npm oidc-provider is set up: see e2e/peers/provider.mjs.
type PeerConfig struct {
	Engine     string                    `json:"engine"` // oidc-provider, or oidc-provider-old
	Shape      string                    `json:"shape"`  // fc, fc-plus, psc or proconnect
	Port       int                       `json:"port"`   // 0: any
	Password   string                    `json:"password"`
	Client     map[string]any            `json:"client"`
	Accounts   map[string]map[string]any `json:"accounts"` // claims by identifier
	Encryption string                    `json:"encryption,omitempty"`
	ACR        string                    `json:"acr,omitempty"` // given whatever was asked
	Key        *jose.JSONWebKey          `json:"key,omitempty"` // private, that it signs with; nil for a new one
}

// Peer is an OpenID provider that others wrote.
type Peer struct {
	Issuer    string `json:"issuer"`
	Discovery string `json:"discovery"`
	Control   string `json:"control"`

	script *Script
}

// Stop ends it before the end of the test: it is away, as a provider is on a bad day.
func (p *Peer) Stop() { p.script.Stop() }

// StartPeer starts one.
func StartPeer(t testing.TB, c PeerConfig) *Peer {
	t.Helper()
	p := &Peer{script: StartScript(t, "provider.mjs", c)}
	if err := json.Unmarshal(p.script.Line, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Call is a call that waits on the phone of a peer.
type Call struct {
	Number, Binding, Context, Channel, Client string
}

// Calls lists what the phones show.
func (p *Peer) Calls(t testing.TB) (list []Call) {
	t.Helper()
	resp, err := http.Get(p.Control + "/phone")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// Answer answers a call: approve with the number of the computer, deny, or report.
func (p *Peer) Answer(t testing.TB, number, answer, binding string) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"number": number, "answer": answer, "binding": binding})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(p.Control+"/phone", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatal(fmt.Errorf("the phone of %s: status %d", number, resp.StatusCode))
	}
}
