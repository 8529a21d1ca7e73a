package sitetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"carnet/internal/site/ui"
)

// Catalogue checks the words of a site: folder is the site's package, shared the packages whose
// words it also speaks (ui). Every key must be in both languages with the same {names}, be used by
// the code or the templates of its folder, and every key used must exist. Keys built from a prefix
// and a code, "problem." + code, count as used when the prefix stands alone in the code.
//
// Typographic characters are set when a catalogue is loaded, so they must not be typed.
func Catalogue(t *testing.T, folder string, shared ...string) {
	t.Helper()
	fr, en := readCatalogue(t, folder, "fr"), readCatalogue(t, folder, "en")
	for key, text := range fr {
		other, ok := en[key]
		if !ok {
			t.Errorf("%s: in French only", key)
			continue
		}
		if a, b := names(text), names(other); !slices.Equal(a, b) {
			t.Errorf("%s: French has %v, English %v", key, a, b)
		}
		for _, s := range []string{text, other} {
			if strings.ContainsAny(s, "\u00a0\u202f’") || strings.TrimSpace(s) == "" || strings.Contains(s, "  ") {
				t.Errorf("%s: type plain spaces and apostrophes: %q", key, s)
			}
		}
	}
	for key := range en {
		if _, ok := fr[key]; !ok {
			t.Errorf("%s: in English only", key)
		}
	}
	used := usedWords(t, folder)
	all := map[string]bool{}
	for key := range fr {
		all[key] = true
	}
	for _, dir := range shared {
		for key := range readCatalogue(t, dir, "fr") {
			all[key] = true
		}
		for word := range usedWords(t, dir) {
			used[word] = true
		}
	}
	for key := range fr {
		if !isUsed(key, used) {
			t.Errorf("%s: nothing uses it", key)
		}
	}
	for word := range called(t, folder) {
		if all[word] || all[word+".one"] && all[word+".other"] || all[word+".label"] {
			continue
		}
		t.Errorf("%s: used, but in no catalogue", word)
	}
}

// isUsed reports that a key, its question (without .label and .hint), its counted form (without
// .one and .other), or a prefix of it that ends in a dot, is a word of the code.
func isUsed(key string, used map[string]bool) bool {
	if used[key] {
		return true
	}
	for _, suffix := range []string{".label", ".hint", ".one", ".other"} {
		if base, ok := strings.CutSuffix(key, suffix); ok && used[base] {
			return true
		}
	}
	for i := range len(key) {
		if key[i] == '.' && used[key[:i+1]] {
			return true
		}
	}
	// "fail." + name + ".title"
	if i, j := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.'); i > 0 && j > i && used[key[:i+1]] && used[key[j:]] {
		return true
	}
	return false
}

func readCatalogue(t *testing.T, folder, lang string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "text", lang+".toml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ui.ReadCatalogue(b)
	if err != nil {
		t.Fatalf("%s: %v", lang, err)
	}
	return c
}

var placeholder = regexp.MustCompile(`\{[A-Za-z]+\}`)

func names(s string) []string {
	list := placeholder.FindAllString(s, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

var (
	quoted = regexp.MustCompile(`"([a-z0-9.-]+)"`)
	spoken = regexp.MustCompile(`\$?\.[TN] "([a-z0-9.-]+)"`)
)

// usedWords lists every string of the code and the templates of a folder.
func usedWords(t *testing.T, folder string) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	sources(t, folder, func(n ast.Node) {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				words[s] = true
			}
		}
	})
	for _, text := range templates(t, folder) {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			words[m[1]] = true
		}
	}
	return words
}

// wordArgument says which argument of a method of ui is a key.
var wordArgument = map[string]int{
	"T": 0, "N": 0, "Input": 1, "Digits": 1, "Area": 1, "DayMonthYear": 1, "Select": 1, "Radios": 1, "Check": 1,
}

// called lists the keys that are spoken for certain: literal arguments of the methods above.
func called(t *testing.T, folder string) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	sources(t, folder, func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		i, ok := wordArgument[method.Sel.Name]
		if !ok || i >= len(call.Args) {
			return
		}
		if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				words[s] = true
			}
		}
	})
	for _, text := range templates(t, folder) {
		for _, m := range spoken.FindAllStringSubmatch(text, -1) {
			words[m[1]] = true
		}
	}
	return words
}

func sources(t *testing.T, folder string, visit func(ast.Node)) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, file := range list {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				visit(n)
			}
			return true
		})
	}
}

func templates(t *testing.T, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "templates", "*.html"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, file := range list {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return texts
}

var code = regexp.MustCompile(`^[a-z]+(\.[a-z][a-z-]*)+$`)

// Codes lists the error codes that packages can answer with: the string literals of the calls
// that build a carnet.Error, and the constants named Code…. A site checks that it has words for
// those that a person can meet.
func Codes(t *testing.T, folders ...string) []string {
	t.Helper()
	found := map[string]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && code.MatchString(s) {
				found[s] = true
			}
		}
	}
	for _, folder := range folders {
		sources(t, folder, func(n ast.Node) {
			switch n := n.(type) {
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				switch {
				case name == "E" && len(n.Args) == 4:
					add(n.Args[2])
				case name == "Add" && len(n.Args) == 3:
					add(n.Args[1])
				case name == "bad" && len(n.Args) == 1:
					add(n.Args[0])
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					add(n.Value)
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if strings.HasPrefix(name.Name, "Code") && i < len(n.Values) {
						add(n.Values[i])
					}
				}
			}
		})
	}
	list := make([]string, 0, len(found))
	for s := range found {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}
