package revocation_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/revocation"
)

// corpus gives a folder of the published corpus, and false when this clone has none beside it.
func corpus(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Logf("the published corpus is not beside this clone; the vectors of testdata cover the same ground")
		return "", false
	}
	return dir, true
}

// table reads a file of tab-separated lines with a head.
func table(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r", ""), "\n"), "\n")
	names := strings.Split(lines[0], "\t")
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, value := range strings.Split(line, "\t") {
			row[names[i]] = value
		}
		rows = append(rows, row)
	}
	return rows
}

// TestCorpusHashes computes every row of the published hashes from the scanned texts.
func TestCorpusHashes(t *testing.T) {
	dir, ok := corpus(t)
	if !ok {
		return
	}
	texts := map[string]string{}
	for _, row := range table(t, filepath.Join(dir, "dcc-qa", "qa-hc1.tsv")) {
		texts[row["file"]] = row["text"]
	}
	rows := table(t, filepath.Join(dir, "derived", "revocation-hashes.tsv"))
	right, kinds := 0, map[hcert.Algorithm]int{}
	for _, row := range rows {
		c := hcert.Verify(texts[row["file"]], nil, time.Time{}, hcert.Tolerant).Certificate
		if c == nil {
			t.Errorf("%s does not decode", row["file"])
			continue
		}
		kinds[c.Algorithm]++
		sum := revocation.FrenchSum(row["co"], row["uci"])
		got := map[string]string{
			"UCI":                        revocation.HashUCI(row["uci"]).Base64(),
			"COUNTRYCODEUCI":             revocation.HashCountryUCI(row["co"], row["uci"]).Base64(),
			"SIGNATURE":                  revocation.HashSignature(c.Algorithm, c.Signature).Base64(),
			"FR_TAC_blacklist_sha256hex": hex.EncodeToString(sum[:]),
			"kid":                        base64.StdEncoding.EncodeToString(c.KID),
		}
		good := true
		for name, value := range got {
			if value != row[name] {
				t.Errorf("%s: %s is %s, expected %s", row["file"], name, value, row[name])
				good = false
			}
		}
		// The certificate itself gives the same names, when it has one event.
		found := map[string]bool{}
		for _, k := range revocation.Keys(c) {
			found[k.Kind.String()+k.Hash().Base64()] = true
		}
		for _, name := range []string{"UCI", "COUNTRYCODEUCI", "SIGNATURE"} {
			if !found[name+row[name]] && (c.DCC.ID() != "" || name == "SIGNATURE") {
				t.Errorf("%s: %s is not among the keys", row["file"], name)
				good = false
			}
		}
		if good {
			right++
		}
	}
	t.Logf("revocation hashes: %d of %d rows; %v", right, len(rows), kinds)
	if len(rows) == 0 || kinds[hcert.PS256] == 0 {
		t.Error("rows are missing")
	}
}

// TestCorpusBloom builds the published filters again.
func TestCorpusBloom(t *testing.T) {
	dir, ok := corpus(t, "revocation")
	if !ok {
		return
	}
	var cases []struct {
		P       float32
		Data    []string
		Written []int
		Exists  string
		Filter  string
	}
	text, err := os.ReadFile(filepath.Join(dir, "filter-test.json"))
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		b, err := revocation.NewBloom(len(c.Data), c.P)
		if err != nil {
			t.Fatal(err)
		}
		for j, element := range c.Data {
			if c.Written[j] == 1 {
				b.Add([]byte(element))
			}
		}
		printed, err := base64.StdEncoding.DecodeString(c.Filter)
		if err != nil {
			t.Fatal(err)
		}
		var words []int32
		var exists []int
		if json.Unmarshal(printed, &words) != nil || json.Unmarshal([]byte(c.Exists), &exists) != nil {
			t.Fatalf("case %d is not a list of words", i)
		}
		got := b.Words()
		if len(got) != len(words) {
			t.Errorf("case %d: %d words, expected %d", i, len(got), len(words))
			continue
		}
		for j := range words {
			if got[j] != uint32(words[j]) {
				t.Errorf("case %d: word %d is %#x, expected %#x", i, j, got[j], uint32(words[j]))
			}
		}
		for j, element := range c.Data {
			if b.Contains([]byte(element)) != (exists[j] == 1) {
				t.Errorf("case %d: element %d, expected %d", i, j, exists[j])
			}
		}
	}
	t.Logf("bloom filters: %d cases", len(cases))
	if len(cases) == 0 {
		t.Error("no case was run")
	}
}
