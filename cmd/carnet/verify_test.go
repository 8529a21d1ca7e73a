package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus gives the folder of a shared corpus, or "" on a clone that has none: the scripts cover the
// same ground with the project's own vectors.
func corpus(t *testing.T, variable, name string) string {
	t.Helper()
	dir, set := os.LookupEnv(variable)
	if !set {
		dir = filepath.Join("..", "..", "..", "shared", "corpus", name)
	}
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("%s: %v", variable, err)
		}
		t.Logf("no corpus at %s", dir)
		return ""
	}
	return dir
}

// verdictLine is one line of --json.
type verdictLine struct {
	Input   string
	Format  string
	Valid   bool
	Reasons []string
	Issuer  string
	Key     string
	Content map[string]any
}

func verifyJSON(t *testing.T, stdin string, args ...string) (answers []verdictLine, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), append([]string{"verify", "--json"}, args...), strings.NewReader(stdin), &out, &errOut)
	for line := range strings.Lines(out.String()) {
		var a verdictLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		answers = append(answers, a)
	}
	if errOut.Len() > 0 {
		t.Log(errOut.String())
	}
	return answers, code
}

// TestVerifyPublishedAttestations puts every published attestation of vaccination through the
// command: as text, as link, as symbol and as page. Their test certificate ended in 2015, so each
// is refused for its date and for nothing else.
func TestVerifyPublishedAttestations(t *testing.T) {
	dir := corpus(t, "CARNET_CORPUS_TWODDOC", "twoddoc")
	if dir == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Vectors []struct {
			ID, Type, URL, Image string
			Payload              []byte `json:"payload_b64"`
			Expect               struct {
				Dated bool `json:"signature_date_in_certificate_validity"`
			}
		}
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	trust := []string{"--trust", filepath.Join(dir, "certs"), "--trust", filepath.Join(dir, "tsl")}
	var stdin strings.Builder
	var want [][]string
	files := []string{filepath.Join(dir, "pages", "am-2021-05.png"), filepath.Join(dir, "pages", "am-2021-06.png")}
	for _, v := range all.Vectors {
		if v.Type != "L1" {
			continue
		}
		reasons := []string{}
		if !v.Expect.Dated {
			reasons = append(reasons, "certificate.expired")
		}
		for _, text := range []string{string(v.Payload), v.URL} {
			if text != "" {
				stdin.WriteString(text + "\n")
				want = append(want, reasons)
			}
		}
		if v.Image != "" {
			files = append(files, filepath.Join(dir, v.Image))
		}
	}
	got, code := verifyJSON(t, stdin.String(), append(trust, "-")...)
	if len(want) < 4 || len(got) != len(want) || code != exitNo {
		t.Fatalf("%d answers, want %d; exit %d", len(got), len(want), code)
	}
	for i, a := range got {
		if a.Format != "2d-doc" || !slices.Equal(a.Reasons, want[i]) || a.Key != "FR00/0001" || a.Content["familyName"] == "" {
			t.Errorf("line %d: %+v, want %v", i+1, a, want[i])
		}
	}
	got, code = verifyJSON(t, "", append(trust, files...)...)
	if len(got) != len(files)+1 || code != exitNo { // one of the pages has both codes
		t.Errorf("%d answers about %d pictures, exit %d", len(got), len(files), code)
	}
	for _, a := range got {
		if !slices.Equal(a.Reasons, []string{"certificate.expired"}) {
			t.Errorf("%s: %v", a.Input, a.Reasons)
		}
	}
}

// TestVerifyFrenchCertificates puts every French vector of the European test data through the
// command, with its own certificate and clock.
func TestVerifyFrenchCertificates(t *testing.T) {
	dir := corpus(t, "CARNET_CORPUS_DCC", "dcc")
	if dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "dgc-testdata", "FR", "2DCode", "raw", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	valid, early := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var x struct {
			PREFIX          string
			TESTCTX         struct{ CERTIFICATE, VALIDATIONCLOCK string }
			EXPECTEDRESULTS map[string]bool
		}
		if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &x); err != nil {
			t.Fatal(err)
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(x.TESTCTX.CERTIFICATE), ""))
		if err != nil {
			t.Fatal(err)
		}
		cert := filepath.Join(t.TempDir(), "dsc.der")
		if err := os.WriteFile(cert, der, 0o600); err != nil {
			t.Fatal(err)
		}
		at := x.TESTCTX.VALIDATIONCLOCK
		if n := len(at); n > 5 && (at[n-5] == '+' || at[n-5] == '-') { // +0200
			at = at[:n-2] + ":" + at[n-2:]
		}
		got, code := verifyJSON(t, x.PREFIX+"\n", "--trust", cert, "--at", at, "-")
		if len(got) != 1 {
			t.Errorf("%s: %d answers", file, len(got))
			continue
		}
		_, dated := x.EXPECTEDRESULTS["EXPECTEDEXPIRATIONCHECK"]
		switch {
		case got[0].Valid && code == exitOK:
			valid++
		case !dated && slices.Contains(got[0].Reasons, "cwt.future") && code == exitNo:
			early++ // the clock is before the instant of issue, and the vector leaves that check out
		default:
			t.Errorf("%s: %v, exit %d", file, got[0].Reasons, code)
		}
	}
	if valid != 23 || early != 3 {
		t.Errorf("%d valid and %d with a clock before issue, want 23 and 3", valid, early)
	}
}
