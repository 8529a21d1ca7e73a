package login_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRequirementsPage reads docs/login-requirements.md: each requirement has one row, and each
// test that a row names exists in the folder that it names.
func TestRequirementsPage(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "login-requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		id := strings.TrimSpace(cells[0])
		if !regexp.MustCompile(`^[RD][0-9]+$`).MatchString(id) {
			continue
		}
		if _, twice := rows[id]; twice || len(cells) != 3 {
			t.Errorf("%s: there twice, or not three cells", id)
		}
		rows[id] = cells[len(cells)-1]
	}
	tests := map[string]string{} // what the tests of a folder say
	read := func(folder string) string {
		if text, ok := tests[folder]; ok {
			return text
		}
		pattern := "*_test.go"
		if folder == "internal/store/storetest" { // it is tests
			pattern = "*.go"
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		var all strings.Builder
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		tests[folder] = all.String()
		return tests[folder]
	}
	check := func(id, cell string) (n int) {
		for _, part := range strings.Split(cell, "; `") {
			part = strings.Trim(part, "` ")
			folder, names, _ := strings.Cut(part, "` ")
			for _, name := range regexp.MustCompile(`"[^"]+"|(Test|Benchmark)[A-Za-z0-9]+`).FindAllString(names, -1) {
				n++
				if name[0] != '"' {
					name = "func " + name + "("
				}
				if !strings.Contains(read(folder), name) {
					t.Errorf("%s: %s has no %s", id, folder, name)
				}
			}
		}
		return n
	}
	for letter, last := range map[string]int{"R": 27, "D": 7} {
		for i := 1; i <= last; i++ {
			id := fmt.Sprintf("%s%d", letter, i)
			cell, ok := rows[id]
			if !ok {
				t.Errorf("no row %s", id)
			}
			if n := check(id, cell); n == 0 && id != "R24" {
				t.Errorf("%s names no test", id)
			}
		}
	}
}
