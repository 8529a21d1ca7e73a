package verify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// literals collects the string literals of the Go files of some folders, tests left out.
func literals(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", dir, err, len(files))
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						out[s] = true
					}
				}
				return true
			})
		}
	}
	return out
}

// codes collects the constants of a type of string in one package.
func codes(t *testing.T, dir, typeName string) []string {
	t.Helper()
	var out []string
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			id, ok := v.Type.(*ast.Ident)
			l, isLiteral := v.Values[0].(*ast.BasicLit)
			if ok && id.Name == typeName && isLiteral {
				if s, err := strconv.Unquote(l.Value); err == nil {
					out = append(out, s)
				}
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Fatalf("%s has no constants of type %s", dir, typeName)
	}
	return out
}

// Every code that a verdict or an error can hold has a sentence in both languages, and no sentence
// is left over.
func TestCatalogues(t *testing.T) {
	own := literals(t, ".")
	scanned := literals(t, "scan")
	command := literals(t, filepath.Join("..", "..", "cmd", "carnet"))
	want := map[string]map[string]bool{"reason": {}, "warning": {}, "problem": {}}

	for _, c := range codes(t, filepath.Join("..", "..", "hcert"), "Code") {
		want["reason"][c] = true
	}
	for _, c := range codes(t, filepath.Join("..", "..", "twoddoc"), "Code") {
		switch stage, _, _ := strings.Cut(c, "."); stage {
		case "signature":
			want["reason"][c] = true
		case "field", "type", "emitted", "annex":
			if c != "field.twice" { // always a reason: 2ddoc.field
				want["warning"]["2ddoc."+c] = true
			}
		}
	}
	for _, k := range codes(t, filepath.Join("..", "..", "hcert", "dcc"), "Kind") {
		want["warning"]["payload."+k] = true
	}
	for _, c := range []string{"2ddoc.structure", "2ddoc.field", "key.unknown", "certificate.revoked", "certificate.untrusted", "certificate.notyet", "certificate.expired", "date.undated", "date.future", "rule", "revoked"} {
		want["reason"][c] = true
	}
	for _, c := range []string{"2ddoc.annex", "trust.stale", "rule.open", "rule.none", "revoked.check", "revoked.stale", "certificate.unchecked", "certificate.stale", "bundle.stale", "bundle.early"} {
		want["warning"][c] = true
	}
	for s := range scanned {
		if strings.HasPrefix(s, "scan.") && s != "scan.Scan" {
			want["problem"][s] = true
		}
	}
	want["problem"]["scan.nothing"] = true
	for s := range command {
		for _, stage := range []string{"file.", "line.", "trust.", "time.", "rules.", "revoked."} {
			if strings.HasPrefix(s, stage) && !strings.ContainsAny(strings.TrimPrefix(s, stage), ".: %/") {
				want["problem"][s] = true
			}
		}
	}

	for _, lang := range []string{"fr", "en"} {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for table, keys := range want {
			for k := range keys {
				if w.text[table][k] == "" {
					t.Errorf("%s: no sentence for %s.%s", lang, table, k)
				}
			}
			for k := range w.text[table] {
				if !keys[k] {
					t.Errorf("%s: %s.%s is not used", lang, table, k)
				}
			}
		}
		for _, table := range []string{"verdict", "symbology", "format", "label", "fact"} {
			for k := range w.text[table] {
				if !own[k] && !scanned[k] {
					t.Errorf("%s: %s.%s is not used", lang, table, k)
				}
			}
		}
		for table, keys := range w.text {
			for k, s := range keys {
				if want[table] != nil && !strings.HasSuffix(s, ".") {
					t.Errorf("%s: %s.%s is no sentence: %q", lang, table, k, s)
				}
			}
		}
	}
	fr, err := ReadWords("fr")
	if err != nil {
		t.Fatal(err)
	}
	en, err := ReadWords("en")
	if err != nil {
		t.Fatal(err)
	}
	for table := range fr.text {
		a, b := keysOf(fr.text[table]), keysOf(en.text[table])
		if !slices.Equal(a, b) {
			t.Errorf("%s: the languages differ: %v, %v", table, a, b)
		}
	}
	// The keys that the printer asks for by a literal are there.
	for _, k := range []string{"valid", "invalid", "test", "claims", "says", "warnings", "page", "line"} {
		if _, ok := fr.text["verdict"][k]; !ok {
			t.Errorf("verdict.%s is missing", k)
		}
	}
}

func keysOf(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// The catalogues are TOML: a whole reader of it reads the same.
func TestCatalogueIsTOML(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		b, err := texts.ReadFile("text/" + lang + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readCatalogue(b)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]map[string]string
		if err := toml.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
	}
	for _, bad := range []string{"a = \"b\"", "[t]\na = b", "[t]\na \"b\"", "[t]\na = \"b\"\na = \"c\""} {
		if _, err := readCatalogue([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
