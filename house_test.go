// Package house_test checks the plan of the house: who may import whom (docs/architecture.md).
package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// libraries are useful to anyone: they import nothing of Carnet but themselves.
var libraries = []string{"nir", "gs1", "twoddoc", "hcert", "certlogic", "vitale"}

// arrows lists, for each room, the other rooms and shared parts that it may import. Every room may
// import the nouns (internal/carnet) and the libraries, and any package of its own folder.
var arrows = map[string][]string{
	"internal/carnet":           {},
	"internal/protect":          {},
	"internal/journal":          {},
	"internal/people":           {"internal/protect"},
	"internal/vaccinate":        {"internal/protect", "internal/people", "internal/fhir"},
	"internal/certify":          {"internal/protect"},
	"internal/verify":           {},
	"internal/publish":          {},
	"internal/login":            {"internal/protect"},
	"internal/site/ui":          {},
	"internal/site/sitetest":    {"internal/site/ui", "internal/verify", "internal/certify"}, // test people's certificates
	"internal/site/pro":         {"internal/site/ui", "extension/api", "internal/protect", "internal/login", "internal/people", "internal/vaccinate"},
	"internal/site/api":         {"internal/site/ui", "internal/fhir", "internal/protect", "internal/login", "internal/people", "internal/vaccinate"},
	"internal/site/attestation": {"internal/site/ui", "internal/protect", "internal/login", "internal/people", "internal/certify", "internal/vaccinate"},
	"internal/site/protection":  {"internal/site/ui", "internal/protect", "internal/login", "internal/vaccinate"},
	"internal/site/verifier":    {"internal/site/ui", "internal/verify"},
	"internal/fhir":             {},
	"internal/pcsc":             {},
	"internal/module":           {},
	"internal/workstation":      {"internal/module", "internal/pcsc"},
	"internal/sandbox":          {"internal/site/ui", "internal/login", "internal/protect"}, // a federator is itself a relying party
	"internal/store/sqlite":     {"internal/protect", "internal/journal", "internal/people", "internal/vaccinate", "internal/certify", "internal/login", "internal/sandbox/crowd"},
	"internal/store/storetest":  {"internal/protect", "internal/people", "internal/vaccinate", "internal/certify", "internal/login"},

	"internal/site/portefeuille": {"internal/site/ui", "internal/verify"},
}

const module = "carnet/"

func TestArrows(t *testing.T) {
	list, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(list) > 0 || len(list) < 15 {
		t.Fatalf("%d packages, or errors", len(list))
	}
	for _, p := range list {
		name := strings.TrimPrefix(p.PkgPath, module)
		for imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if why := refused(name, other); why != "" {
				t.Errorf("%s imports %s: %s", name, other, why)
			}
		}
	}
}

// refused says why a package may not import another one of the module, or "" when it may.
func refused(name, other string) string {
	within := func(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }
	for _, l := range libraries {
		if within(name, l) && !within(other, l) {
			if l == "vitale" && other == "nir" { // the card holds the number: another library, nothing of Carnet
				return ""
			}
			return "a library imports nothing of Carnet"
		}
	}
	if slices.ContainsFunc(libraries, func(l string) bool { return within(other, l) }) {
		return ""
	}
	if within(name, "cmd") || within(name, "e2e") || within(name, "extension") { // the extension's package builds a zip: it imports its own texts
		return ""
	}
	for room, may := range arrows {
		if !within(name, room) {
			continue
		}
		if within(other, room) || other == "internal/carnet" {
			return ""
		}
		if slices.ContainsFunc(may, func(m string) bool { return within(other, m) }) {
			return ""
		}
		return "no such arrow is drawn"
	}
	return "the package is in no room of the plan"
}

// TestRefused makes sure that the check can fail.
func TestRefused(t *testing.T) {
	for pair, allowed := range map[[2]string]bool{
		{"nir", "internal/carnet"}:                      false,
		{"twoddoc/tsl", "twoddoc"}:                      true,
		{"twoddoc", "nir"}:                              false,
		{"vitale", "nir"}:                               true,
		{"vitale/apilec", "internal/carnet"}:            false,
		{"internal/carnet", "nir"}:                      true,
		{"internal/carnet", "internal/protect"}:         false,
		{"internal/people", "internal/vaccinate"}:       false,
		{"internal/vaccinate", "internal/people"}:       true,
		{"internal/certify", "internal/vaccinate"}:      false,
		{"internal/certify/sheet", "internal/certify"}:  true,
		{"internal/journal", "internal/protect"}:        false,
		{"internal/vaccinate", "internal/store/sqlite"}: false,
		{"internal/login", "internal/sandbox"}:          false,
		{"internal/unplanned", "internal/carnet"}:       false,
		{"cmd/carnet", "internal/sandbox"}:              true,
	} {
		if got := refused(pair[0], pair[1]) == ""; got != allowed {
			t.Errorf("%s -> %s: allowed %v", pair[0], pair[1], got)
		}
	}
}

// TestMainIsShort holds main under 20 lines, as the plan says.
func TestMainIsShort(t *testing.T) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "cmd/carnet/main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "main" {
			found = true
			if n := files.Position(fn.End()).Line - files.Position(fn.Pos()).Line + 1; n >= 20 {
				t.Errorf("main has %d lines", n)
			}
		}
	}
	if text, err := os.ReadFile("cmd/carnet/main.go"); err != nil || !found || strings.Count(string(text), "\n") >= 20 {
		t.Errorf("main.go has %d lines, %v", strings.Count(string(text), "\n"), err)
	}
}

// TestTimeAndChanceAreInjected: outside the places that wire the program, nobody asks the machine
// for the time or for chance.
func TestTimeAndChanceAreInjected(t *testing.T) {
	list, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedCompiledGoFiles}, "./internal/...", "./nir/...", "./twoddoc/...", "./hcert/...", "./vitale/...")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range list {
		if strings.HasPrefix(p.PkgPath, module+"internal/site/sitetest") || strings.HasPrefix(p.PkgPath, module+"internal/store/storetest") || strings.HasPrefix(p.PkgPath, module+"internal/sandbox/pcsctest") {
			continue // they are tests
		}
		for _, f := range p.Syntax {
			seen++
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := s.X.(*ast.Ident)
				if !ok {
					return true
				}
				switch name := pkg.Name + "." + s.Sel.Name; name {
				case "time.Now", "time.Since", "time.Until", "rand.Reader", "rand.Read", "rand.Int", "rand.IntN", "rand.N":
					t.Errorf("%s: %s", p.Fset.Position(s.Pos()), name)
				}
				return true
			})
		}
	}
	if seen < 50 {
		t.Fatalf("only %d files were read", seen)
	}
}
