// Package extension makes the browser extension: one source for Chrome, Edge and Firefox (Manifest V3), plain JavaScript without
// bundler, packed into zips whose bytes depend on the source and the options alone.
//
//	go run ./extension/build --out dist                              # for trying: fictitious operator, http://localhost
//	go run ./extension/build --out dist --operator operator.json --origin https://pro.example
//
// What a page sees is in package api. What the extension
// does is in src; its background says who may ask, its content script carries messages, its consent window asks the professional. The
// conditions, notices and the list of principles come from package legal and from the workstation's doctor, so that extension and
// module say the same. Carnet specification vitale.md, section 7; docs/vitale.md.
package extension

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"carnet/extension/legal"
	"carnet/internal/workstation"
)

//go:embed all:src
var source embed.FS

// Target is a store.
type Target string

const (
	Chrome  Target = "chrome"
	Edge    Target = "edge"
	Firefox Target = "firefox"
)

// Targets lists them all.
func Targets() []Target { return []Target{Chrome, Edge, Firefox} }

// FirefoxID is the id of the add-on.
const FirefoxID = "carnet-vitale@carnet.example"

// Oldest versions of browsers that have what the extension needs. Older ones refuse to install it.
const (
	MinChrome  = "120"
	MinFirefox = "140.0"
	minAndroid = "142.0"
)

// Options say what an extension is built for.
type Options struct {
	Version     string         // of one to four numbers: 1.0.0
	Operator    legal.Operator // who publishes it
	Origins     []string       // sites that may ask from the start, exactly: https://pro.example
	Development bool           // http://localhost counts as secure: never in a store
	Key         []byte         // public key (DER) that fixes the Chromium id; nil for the stores, which have their own
	IdleMinutes float64        // after how long without a reading consent ends; 15 when zero
}

// ID is the Chromium id of an extension with a public key.
func ID(key []byte) string {
	sum := sha256.Sum256(key)
	var b strings.Builder
	for _, c := range sum[:16] {
		b.WriteByte('a' + c>>4)
		b.WriteByte('a' + c&0xF)
	}
	return b.String()
}

// virusFree is the question after the ten principles.
var virusFree = [2]string{"Ce poste, son navigateur et son réseau sont en bon état de fonctionnement et sans virus connu.", "This workstation, its browser and its network work well and have no known virus."}

func (o Options) validate() error {
	if o.Version == "" || strings.Trim(o.Version, "0123456789.") != "" {
		return fmt.Errorf("extension: version %q is not made of numbers", o.Version)
	}
	if err := o.Operator.Validate(); err != nil {
		return err
	}
	if o.Operator.Sandbox && !o.Development {
		return errors.New("extension: the sandbox's operator is for development only: give the real one")
	}
	for _, origin := range o.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || u.Scheme != "https" && (!o.Development || u.Scheme != "http" || u.Hostname() != "localhost") {
			return fmt.Errorf("extension: %q is no https origin", origin)
		}
	}
	return nil
}

// Files makes the files of an extension, by name.
func Files(target Target, o Options) (map[string][]byte, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	err := fs.WalkDir(source, "src", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[strings.TrimPrefix(name, "src/")], err = source.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, lang := range []string{"fr", "en"} {
		name := "_locales/" + lang + "/messages.json"
		text := strings.NewReplacer("$PUBLISHER$", escaped(o.Operator.Publisher.Name), "$BEHALF$", escaped(o.Operator.Behalf.Name)).Replace(string(files[name]))
		if err := described(text); err != nil {
			return nil, fmt.Errorf("extension: %s: %w", name, err)
		}
		files[name] = []byte(text)
		for _, page := range legal.Pages() {
			html, err := legalPage(o.Operator, page, lang)
			if err != nil {
				return nil, err
			}
			files[page+"."+lang+".html"] = html
		}
	}
	for _, size := range iconSizes {
		files[fmt.Sprintf("icons/%d.png", size)] = icon(size)
	}
	if files["config.js"], err = o.config(); err != nil {
		return nil, err
	}
	if target == Firefox {
		delete(files, "schema.json") // of an administrator's settings in Chromium's family
	}
	files["manifest.json"], err = o.manifest(target)
	files["LICENSE.txt"] = []byte("Carnet. Copyright the authors of Carnet, who hold the rights to this extension.\nLicensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\nNo trade mark and no other right is assigned (section 6 of that licence).\n")
	return files, err
}

// escaped is a text inside a JSON string.
func escaped(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}

// described holds the limits of the stores: 45 characters for the name, 132 for the description.
func described(text string) error {
	var m map[string]struct{ Message string }
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	if n := len([]rune(m["appName"].Message)); n == 0 || n > 45 {
		return fmt.Errorf("a name of %d characters", n)
	}
	if n := len([]rune(m["appDesc"].Message)); n == 0 || n > 132 {
		return fmt.Errorf("a description of %d characters: shorten the names of the operator", n)
	}
	return nil
}

var legalShell = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Lang}}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css"><title>{{.Title}}</title></head>
<body>
<main>
<h1>{{.Title}}</h1>
{{.Text}}</main>
</body>
</html>
`))

func legalPage(o legal.Operator, page, lang string) ([]byte, error) {
	titles := map[string][2]string{"terms": {"Conditions d’utilisation", "Conditions of use"}, "privacy": {"Données personnelles", "Personal data"},
		"notice": {"Mentions légales", "Legal notice"}, "differences": {"Différences avec le service modèle", "Differences from the model service"}}
	text, err := o.HTML(page, lang)
	if err != nil {
		return nil, err
	}
	title := titles[page][0]
	if lang == "en" {
		title = titles[page][1]
	}
	var b bytes.Buffer
	err = legalShell.Execute(&b, struct {
		Lang, Title string
		Text        template.HTML
	}{lang, title, text})
	return b.Bytes(), err
}

// config is what the scripts know of the build.
func (o Options) config() ([]byte, error) {
	principles := map[string][]string{}
	for i, lang := range []string{"fr", "en"} {
		for _, p := range workstation.Principles {
			principles[lang] = append(principles[lang], p.Words[i])
		}
		principles[lang] = append(principles[lang], virusFree[i])
	}
	idle := o.IdleMinutes
	if idle == 0 {
		idle = 15
	}
	origins := o.Origins
	if origins == nil {
		origins = []string{}
	}
	text, err := json.MarshalIndent(map[string]any{"origins": origins, "development": o.Development, "sandbox": o.Operator.Sandbox, "host": "fr.carnet.vitale", "consentMinutes": 480, "idleMinutes": idle,
		"termsVersion": legal.TermsVersion, "questions": len(principles["fr"]), "report": o.Operator.Report, "principles": principles}, "", "\t")
	return append(append([]byte("export const CONFIG = "), text...), ";\n"...), err
}

func (o Options) manifest(target Target) ([]byte, error) {
	icons := map[string]string{}
	for _, size := range iconSizes {
		icons[fmt.Sprint(size)] = fmt.Sprintf("icons/%d.png", size)
	}
	m := map[string]any{
		"manifest_version": 3, "name": "__MSG_appName__", "description": "__MSG_appDesc__", "version": o.Version, "default_locale": "fr", "icons": icons,
		"permissions":               []string{"nativeMessaging", "storage", "scripting", "idle"},
		"optional_host_permissions": []string{"https://*/*"},
		"options_ui":                map[string]any{"page": "options.html", "open_in_tab": true},
		"content_security_policy":   map[string]string{"extension_pages": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	}
	var matches []string
	for _, origin := range o.Origins {
		u, err := url.Parse(origin)
		if err != nil {
			return nil, err
		}
		matches = append(matches, u.Scheme+"://"+u.Hostname()+"/*")
	}
	if slices.Sort(matches); len(matches) > 0 {
		m["content_scripts"] = []any{map[string]any{"matches": slices.Compact(matches), "js": []string{"content.js"}, "run_at": "document_start", "all_frames": false}}
	}
	if target == Firefox {
		m["author"] = o.Operator.Publisher.Name
		m["background"] = map[string]any{"scripts": []string{"background.js"}, "type": "module"}
		m["browser_specific_settings"] = map[string]any{
			"gecko":         map[string]any{"id": FirefoxID, "strict_min_version": MinFirefox, "data_collection_permissions": map[string]any{"required": []string{"healthInfo", "personallyIdentifyingInfo"}}},
			"gecko_android": map[string]any{"strict_min_version": minAndroid},
		}
	} else {
		m["minimum_chrome_version"] = MinChrome
		m["background"] = map[string]any{"service_worker": "background.js", "type": "module"}
		m["storage"] = map[string]any{"managed_schema": "schema.json"}
		if o.Key != nil {
			m["key"] = base64.StdEncoding.EncodeToString(o.Key)
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// Zip packs files: in the order of their names, at one date, so that the same source gives the same bytes.
func Zip(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("extension: %q is no name", name)
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
