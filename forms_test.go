package house_test

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

	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

// questions are the methods of ui that ask something, with the place of the question's key.
var questions = map[string]int{"Input": 1, "Digits": 1, "Area": 1, "DayMonthYear": 1, "Select": 1, "Radios": 1, "Check": 1}

// typedField is a field that a template writes by itself.
var typedField = regexp.MustCompile(`<(?:input|textarea|select)\b[^>]*>`)

// TestForms holds every form of every site against the register of processing.
func TestForms(t *testing.T) {
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob("internal/site/*/text")
	if err != nil || len(folders) < 5 {
		t.Fatalf("%d sites, %v", len(folders), err)
	}
	asked, boxes := map[string]bool{}, map[string]bool{}
	for _, folder := range folders {
		site := filepath.Base(filepath.Dir(folder))
		if site == "ui" {
			continue // it draws the questions of the others
		}
		askedBy(t, site, asked, boxes)
	}
	declared := map[string]string{} // to what the reader is told: required, conditional, optional
	for _, f := range register.Records().Forms {
		for kind, list := range map[string][]string{"required": f.Required, "conditional": f.Conditional, "optional": f.Optional} {
			for _, q := range list {
				declared[f.Site+"/"+q] = kind
			}
		}
	}
	t.Run("POL-26 optional fields are marked, and no field is outside the registry", func(t *testing.T) {
		if len(asked) < 40 {
			t.Fatalf("only %d questions were found", len(asked))
		}
		for q := range asked {
			if declared[q] == "" {
				t.Errorf("%s is asked, and in no category of the register", q)
			}
		}
		for q, kind := range declared {
			site, key, _ := strings.Cut(q, "/")
			if !asked[q] {
				t.Errorf("%s is declared, and nothing asks it", q)
				continue
			}
			if key[0] == '#' || boxes[q] { // a box that is left empty is an answer
				continue
			}
			for lang, mark := range map[string]string{"fr": "(facultatif)", "en": "(optional)"} {
				b, err := os.ReadFile(filepath.Join("internal", "site", site, "text", lang+".toml"))
				if err != nil {
					t.Fatal(err)
				}
				words, err := ui.ReadCatalogue(b)
				if err != nil {
					t.Fatal(err)
				}
				if marked := strings.Contains(words[key+".label"], mark); marked != (kind == "optional") {
					t.Errorf("%s, %s: %s in the register, and the label is %q", q, lang, kind, words[key+".label"])
				}
			}
		}
	})
}

// askedBy lists the questions of a site: site/key, or site/#name for a field of a template. boxes
// are those that are one box to tick.
func askedBy(t *testing.T, site string, asked, boxes map[string]bool) {
	t.Helper()
	folder := filepath.Join("internal", "site", site)
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			at, ok := questions[method.Sel.Name]
			if _, named := text(call.Args[0]); !ok || !named {
				return true
			}
			keys := words(file, call.Args[at])
			if len(keys) == 0 {
				t.Errorf("%s: a question whose key cannot be read", name)
			}
			for _, key := range keys {
				asked[site+"/"+key] = true
				if method.Sel.Name == "Check" {
					boxes[site+"/"+key] = true
				}
			}
			return true
		})
	}
	pages, err := filepath.Glob(filepath.Join(folder, "templates", "*.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range typedField.FindAllString(string(b), -1) {
			if strings.Contains(tag, `type="hidden"`) {
				continue
			}
			if _, rest, ok := strings.Cut(tag, ` name="`); ok {
				field, _, _ := strings.Cut(rest, `"`)
				asked[site+"/#"+field] = true
			}
		}
	}
}

// text is the value of a string literal.
func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// words are the strings that an argument can be: its own, or those that its file gives to a variable
// of that name.
func words(file *ast.File, e ast.Expr) []string {
	if s, ok := text(e); ok {
		return []string{s}
	}
	name, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, left := range a.Lhs {
			if id, ok := left.(*ast.Ident); ok && id.Name == name.Name && i < len(a.Rhs) {
				if s, ok := text(a.Rhs[i]); ok && strings.Contains(s, ".") && !slices.Contains(list, s) {
					list = append(list, s)
				}
			}
		}
		return true
	})
	return list
}
