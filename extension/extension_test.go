//go:build linux

package extension_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"carnet/extension"
	"carnet/extension/legal"
)

// published is an operator as a real one would be, fictitious all the same.
func published() legal.Operator {
	o := legal.Sandbox()
	o.Sandbox = false
	o.Publisher.Name, o.Behalf.Name = "Carnet éditeur", "Caisse des Fougères"
	return o
}

func files(t testing.TB, target extension.Target, o extension.Options) map[string][]byte {
	t.Helper()
	f, err := extension.Files(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func store() extension.Options {
	return extension.Options{Version: "1.2.3", Operator: published(), Origins: []string{"https://pro.example"}}
}

type manifest struct {
	Version     string `json:"version"`
	Minimum     string `json:"minimum_chrome_version"`
	Key         string
	Author      string
	Description string
	Permissions []string
	Background  map[string]any
	Scripts     []struct {
		Matches []string
		All     bool `json:"all_frames"`
	} `json:"content_scripts"`
	Firefox struct {
		Gecko struct {
			Minimum string `json:"strict_min_version"`
		}
	} `json:"browser_specific_settings"`
}

func read(t testing.TB, f map[string][]byte) manifest {
	t.Helper()
	var m manifest
	if err := json.Unmarshal(f["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPackages(t *testing.T) {
	t.Run("VIT-34 three packages, for the three stores, from one source", func(t *testing.T) {
		for _, target := range extension.Targets() {
			f := files(t, target, store())
			a, err := extension.Zip(f)
			if err != nil {
				t.Fatal(err)
			}
			b, err := extension.Zip(files(t, target, store()))
			if err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: two builds differ (%v)", target, err)
			}
			if len(a) >= 100_000 {
				t.Errorf("%s: %d bytes", target, len(a))
			}
			z, err := zip.NewReader(bytes.NewReader(a), int64(len(a)))
			if err != nil || len(z.File) != len(f) {
				t.Errorf("%s: %v", target, err)
			}
			m := read(t, f)
			if worker := m.Background["service_worker"] != nil; worker == (target == extension.Firefox) || m.Key != "" || m.Version != "1.2.3" || !slices.Equal(m.Scripts[0].Matches, []string{"https://pro.example/*"}) || m.Scripts[0].All {
				t.Errorf("%s: %+v", target, m)
			}
			for name, text := range f {
				if path.Ext(name) == ".js" && (bytes.Contains(text, []byte("http://")) || bytes.Contains(text, []byte("eval(")) || bytes.Contains(text, []byte("innerHTML"))) {
					t.Errorf("%s: %s holds an address, eval or innerHTML", target, name)
				}
			}
		}
	})
	t.Run("VIT-18 the manifests state the least versions, and nothing is to be paid", func(t *testing.T) {
		if m := read(t, files(t, extension.Chrome, store())); m.Minimum != extension.MinChrome {
			t.Error(m.Minimum)
		}
		if m := read(t, files(t, extension.Firefox, store())); m.Firefox.Gecko.Minimum != extension.MinFirefox {
			t.Error(m.Firefox)
		}
		for name, text := range files(t, extension.Chrome, store()) {
			if regexp.MustCompile(`(?i)payment|paiement|stripe|checkout|€`).Match(text) && path.Ext(name) != ".png" {
				t.Errorf("%s speaks of payment", name)
			}
		}
	})
	t.Run("the description names the publisher and the body that it acts for", func(t *testing.T) {
		for _, target := range extension.Targets() {
			f := files(t, target, store())
			for _, lang := range []string{"fr", "en"} {
				var m map[string]struct{ Message string }
				if err := json.Unmarshal(f["_locales/"+lang+"/messages.json"], &m); err != nil {
					t.Fatal(err)
				}
				if d := m["appDesc"].Message; !strings.Contains(d, "Carnet éditeur") || !strings.Contains(d, "Caisse des Fougères") {
					t.Errorf("%s %s: %s", target, lang, d)
				}
			}
		}
	})
	t.Run("VIT-48 the licence names its own rights holders", func(t *testing.T) {
		if text := string(files(t, extension.Edge, store())["LICENSE.txt"]); !strings.Contains(text, "the authors of Carnet, who hold the rights") || !strings.Contains(text, "Apache License, Version 2.0") {
			t.Error(text)
		}
	})
	t.Run("VIT-49 the licence assigns no trade mark and no other right", func(t *testing.T) {
		if text := string(files(t, extension.Edge, store())["LICENSE.txt"]); !strings.Contains(text, "No trade mark and no other right is assigned") {
			t.Error(text)
		}
	})
	t.Run("VIT-52 no mark or logo of others outside plain text", func(t *testing.T) {
		marks := regexp.MustCompile(`(?i)sesam|assurance[ -]?maladie|ameli`)
		for name, text := range files(t, extension.Chrome, store()) {
			if marks.MatchString(name) || strings.Contains(name, "vitale") {
				t.Errorf("a file is called %s", name)
			}
			switch path.Ext(name) {
			case ".png":
				if !strings.HasPrefix(name, "icons/") {
					t.Errorf("a picture that we did not draw: %s", name)
				}
			case ".svg", ".jpg", ".ico", ".woff2", ".gif":
				t.Errorf("a picture or font: %s", name)
			case ".html", ".json", ".js", ".css", ".txt":
				if marks.Match(text) {
					t.Errorf("%s names another's mark", name)
				}
			default:
				t.Errorf("an unknown kind of file: %s", name)
			}
		}
	})
}

func TestRefusedBuilds(t *testing.T) {
	for name, change := range map[string]func(*extension.Options){
		"sandbox in a store": func(o *extension.Options) { o.Operator = legal.Sandbox() }, "no operator": func(o *extension.Options) { o.Operator = legal.Operator{} },
		"http": func(o *extension.Options) { o.Origins = []string{"http://pro.example"} }, "wildcard path": func(o *extension.Options) { o.Origins = []string{"https://pro.example/*"} },
		"localhost in a store": func(o *extension.Options) { o.Origins = []string{"http://localhost:1"} }, "no version": func(o *extension.Options) { o.Version = "" },
		"long name": func(o *extension.Options) { o.Operator.Publisher.Name = strings.Repeat("x", 100) },
	} {
		o := store()
		change(&o)
		if _, err := extension.Files(extension.Chrome, o); err == nil {
			t.Errorf("%s is built", name)
		}
	}
	if _, err := extension.Zip(map[string][]byte{"../x": nil}); err == nil {
		t.Error("a name that leaves the folder")
	}
}

// TestWords: each word that a page asks for is there in both languages, and each that is there is asked for.
func TestWords(t *testing.T) {
	f := files(t, extension.Chrome, store())
	asked := map[string]bool{"appName": true, "appDesc": true}
	patterns := []*regexp.Regexp{regexp.MustCompile(`data-(?:say|title)="(\w+)"`), regexp.MustCompile(`say\("(\w+)"`), regexp.MustCompile(`line\("(\w+)"`), regexp.MustCompile(`\? "(purpose\w+)" : "(purpose\w+)"`)}
	prefixes := regexp.MustCompile(`say\("(\w+_)" \+`)
	var open []string
	for name, text := range f {
		if ext := path.Ext(name); ext != ".js" && ext != ".html" {
			continue
		}
		for _, p := range patterns {
			for _, m := range p.FindAllSubmatch(text, -1) {
				for _, key := range m[1:] {
					asked[string(key)] = true
				}
			}
		}
		for _, m := range prefixes.FindAllSubmatch(text, -1) {
			open = append(open, string(m[1]))
			delete(asked, string(m[1]))
		}
	}
	for _, c := range []string{"yes", "no", "unknown"} {
		asked[c] = true
	}
	for _, lang := range []string{"fr", "en"} {
		var have map[string]struct{ Message string }
		if err := json.Unmarshal(f["_locales/"+lang+"/messages.json"], &have); err != nil {
			t.Fatal(err)
		}
		for key := range asked {
			if have[key].Message == "" && !slices.Contains(open, key) {
				t.Errorf("%s lacks %s", lang, key)
			}
		}
		for key, m := range have {
			if !asked[key] && !slices.ContainsFunc(open, func(p string) bool { return strings.HasPrefix(key, p) }) {
				t.Errorf("%s has %s, which nothing asks for", lang, key)
			}
			if lang == "fr" && regexp.MustCompile(` [:;?!»]|« |'`).MatchString(m.Message) {
				t.Errorf("typography: %s", m.Message)
			}
		}
	}
}

// TestLint runs the linter of Firefox's store: not one error, warning or notice.
func TestLint(t *testing.T) {
	dir := buildExtension(t, extension.Firefox, []string{"http://localhost:8401"}, 0)
	out, err := exec.Command(nodeModules(t)+"/.bin/web-ext", "lint", "--output", "json", "-s", dir).Output()
	var report struct {
		Errors, Notices, Warnings []struct{ Code, Message, File string }
	}
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil || err != nil {
		t.Fatal(err, jsonErr, string(out))
	}
	for _, f := range slices.Concat(report.Errors, report.Warnings, report.Notices) {
		t.Errorf("%+v", f)
	}
}
