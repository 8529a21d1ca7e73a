package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var updateScripts = flag.Bool("update-scripts", false, "write what the commands print into the scripts that compare it")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carnet": main})
}

// TestScripts runs the command as people do: testdata/script is also its documentation.
//
// Scripts know the vectors of the libraries: $TWODDOC and $HCERT are their folders, $ROPA that of registers, and
// "vector NAME FILE" writes the payload of one to a file. "issue PDF" makes an instance that has
// issued one certificate and sets $DOCUMENT to its identity; "serve FOLDER" serves files at $SERVER;
// "keypair PRIVATE PUBLIC" writes an Ed25519 key; "scheme FOLDER" writes there what an authority of a trust list publishes, see [scheme].
func TestScripts(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	twoDDoc, hCert := filepath.Join(root, "twoddoc", "testdata"), filepath.Join(root, "hcert", "testdata")
	vectors := readVectors(t, twoDDoc, hCert)
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *updateScripts,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TWODDOC", twoDDoc)
			e.Setenv("HCERT", hCert)
			e.Setenv("RULES", filepath.Join(root, "certlogic", "rules", "testdata", "example.json"))
			e.Setenv("ROPA", filepath.Join(root, "internal", "protect", "ropa", "testdata"))
			e.Setenv("LANG", "en_GB.UTF-8")
			e.Setenv("CARNET_DATA", filepath.Join(e.WorkDir, "data"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"issue":    issue,
			"issue-eu": issueEuropean,
			"serve":    serveFolder,
			"scheme":   scheme,
			"keypair":  keypair,
			"vector": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: vector NAME FILE")
				}
				text, ok := vectors[args[0]]
				if !ok {
					ts.Fatalf("no vector %q", args[0])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text+"\n"), 0o600))
			},
		},
	})
}

// keypair writes the two halves of an Ed25519 key that is the same each time.
func keypair(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keypair PRIVATE PUBLIC")
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600))
}

// readVectors reads the published vectors of the two libraries, by name.
func readVectors(t *testing.T, twoDDoc, hCert string) map[string]string {
	t.Helper()
	out := map[string]string{}
	data, err := os.ReadFile(filepath.Join(twoDDoc, "vectors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] != "#" {
			payload, err := url.PathUnescape(f[2])
			if err != nil {
				t.Fatal(err)
			}
			out["2d-doc/"+f[0]] = payload
			out["link/"+f[0]] = "https://carnet.example/app/wallet2d#" + f[2]
		}
	}
	if data, err = os.ReadFile(filepath.Join(hCert, "vectors.json")); err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name, Text string }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		out["hcert/"+v.Name] = v.Text
	}
	return out
}
