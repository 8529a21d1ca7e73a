// Package ui is the design system that every site of Carnet shares: one stylesheet of design
// tokens, a layout, components, catalogues in French and English, error pages, and the chain of
// handlers that a public web page needs. Nothing in it needs JavaScript.
//
// # A site in five steps
//
// A site embeds two folders, text (fr.toml, en.toml) and templates (one file per page), builds a
// [Kit] once, registers its handlers on a [http.ServeMux], and serves [Kit.Handler]:
//
//	//go:embed text all:templates
//	var files embed.FS
//
//	kit, err := ui.New(ui.Config{Site: "pro", Files: files, Clock: clock, Rand: rand.Reader, Log: log})
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
//		v := homeView{Page: kit.Page(r, "home.title")}
//		kit.Render(w, r, http.StatusOK, "home", &v)
//	})
//	server.Handler = kit.Handler(mux)
//
// A third folder, static, holds what the site sends besides: {{asset "name.css"}} is the address of a
// file. A page that needs it there defines the template "head". A file name.wasm.gz is sent as
// name.wasm. Scripts need a directive in Config.Policy.
//
// Each page has one typed view that embeds [Page], and one file templates/home.html that defines
// the template "main":
//
//	{{define "main"}}
//	<div class="sheet narrow">
//	  <h1>{{.Title}}</h1>
//	  <form method="post" action="/recherche" novalidate>
//	    {{template "field" .NIR}}
//	    <div class="actions"><button class="button">{{.T "find.submit"}}</button></div>
//	  </form>
//	</div>
//	{{end}}
//
// Files whose name begins with an underscore are shared by the pages of the site (embed leaves them
// out without "all:"). The catalogue of
// the site must have "site.name" and "site.tagline".
//
// # Components
//
// Templates: field, hidden, rows, table, banner, tag, empty; the layout draws the skip link, the
// sandbox strip, header with session and log-out button, language switch, back link, error summary
// and footer by itself. Classes for what is plain HTML: sheet (the page of the booklet), narrow,
// flow, pair, card, lead, small, actions, button (second, warning, login, small), linkish, ticks,
// bullets, numbered, steps, state, codes, details. Icons: {{icon "check"}}, one file each in icons.
//
// # Words
//
// Page.T gives a sentence, Page.N one that counts, Page.Date a day as the language writes it. The
// catalogue is typed plainly; non-breaking spaces and typographic apostrophes are set when it is
// loaded. Words typed by people are never touched.
//
// # Errors
//
// [Kit.Fail] is the only place where the kind of an error becomes a status and a page. Faults of a
// form ([carnet.Problems]) do not go there: [Page.Fault] puts them in the error summary and beside
// their fields, and the form comes back with everything typed.
//
// # What it does not do
//
// It knows no session, no person and no store. Every page is sent with Cache-Control: no-store.
package ui

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

//go:embed static text icons all:templates
var files embed.FS

// Config is what a site tells the kit about itself.
type Config struct {
	Site       string       // short name, "pro": cookies carry it, since cookies do not know ports
	Files      fs.FS        // folders text (fr.toml, en.toml) and templates (*.html)
	Shared     []fs.FS      // folders static that several sites send
	Texts      fs.FS        // folder text whose sentences speak over those of Files; nil for none
	Clock      carnet.Clock // durations of the access log
	Rand       io.Reader    // request ids
	Log        *slog.Logger // access log and internal errors
	HTTPS      bool         // the site is reached over https: send HSTS
	Sandbox    bool         // the strip on top says that everything is invented
	FormAction []string     // origins that a form may end at besides ours: a provider's, for log-out
	Cookies    []Cookie     // cookies that the site sets besides the one for the language

	Policy      []string         // directives of the content security policy besides ours: "script-src 'self'"
	Permissions string           // what of the device the pages may use, "camera=(self)"; nothing when empty
	Bodies      map[string]int64 // most bytes that may be sent to a path, where a form's limit is too low
	// Program answers a fault on the paths that programs ask for, and reports whether it did; nil for
	// a site of pages only.
	Program func(w http.ResponseWriter, r *http.Request, status int, code string) bool
}

// Cookie is one line of the page that lists the cookies of a site.
type Cookie struct {
	Name    string
	Purpose string // catalogue key
	Life    string // catalogue key
}

// Kit is the design system, made ready for one site. It is safe for concurrent use.
type Kit struct {
	cfg    Config
	texts  *texts
	pages  map[string]*template.Template
	assets map[string]asset
	names  map[string]string // "carnet.css" to "carnet.0a1b2c3d.css"
	policy string

	permissions string
}

// New reads templates and catalogues; any fault in them is found here and not on a page.
func New(cfg Config) (*Kit, error) {
	k := &Kit{cfg: cfg, pages: map[string]*template.Template{}}
	var err error
	texts := []fs.FS{files, cfg.Files}
	if cfg.Texts != nil {
		texts = append(texts, cfg.Texts)
	}
	if k.texts, err = loadTexts(texts...); err != nil {
		return nil, fmt.Errorf("ui: catalogues of %s: %w", cfg.Site, err)
	}
	if k.assets, k.names, err = loadAssets(slices.Concat([]fs.FS{files, cfg.Files}, cfg.Shared)...); err != nil {
		return nil, fmt.Errorf("ui: static files: %w", err)
	}
	k.permissions = cfg.Permissions
	if k.permissions == "" {
		k.permissions = "camera=()"
	}
	k.permissions += ", geolocation=(), microphone=()"
	if err := k.loadPages(); err != nil {
		return nil, fmt.Errorf("ui: templates of %s: %w", cfg.Site, err)
	}
	k.policy = strings.Join(append([]string{
		"default-src 'none'", "style-src 'self'", "img-src 'self'", "base-uri 'none'", "frame-ancestors 'none'",
		strings.Join(append([]string{"form-action 'self'"}, cfg.FormAction...), " "),
	}, cfg.Policy...), "; ")
	k.cfg.Cookies = append([]Cookie{{Name: k.langCookie(), Purpose: "cookies.lang.purpose", Life: "cookies.lang.life"}}, cfg.Cookies...)
	return k, nil
}

// Asset is the address of a static file of the kit or of the site, by the name of the file.
func (k *Kit) Asset(name string) string { return "/static/" + k.names[name] }

// loadPages parses every page of the kit and of the site with the layout and the components.
func (k *Kit) loadPages() error {
	icons, err := loadIcons(files)
	if err != nil {
		return err
	}
	base := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"icon": func(name string) (template.HTML, error) {
			if svg, ok := icons[name]; ok {
				return svg, nil
			}
			return "", fmt.Errorf("no icon named %q", name)
		},
		"asset":   k.Asset,
		"slashes": slashes,
	})
	if base, err = base.ParseFS(files, "templates/_*.html"); err != nil {
		return err
	}
	for _, from := range []fs.FS{files, k.cfg.Files} {
		list, err := fs.Glob(from, "templates/*.html")
		if err != nil {
			return err
		}
		shared := []string{}
		for _, f := range list {
			if strings.HasPrefix(path.Base(f), "_") {
				shared = append(shared, f)
			}
		}
		for _, f := range list {
			if strings.HasPrefix(path.Base(f), "_") {
				continue
			}
			t, err := base.Clone()
			if err != nil {
				return err
			}
			if t, err = t.ParseFS(from, append(shared, f)...); err != nil {
				return err
			}
			k.pages[strings.TrimSuffix(path.Base(f), ".html")] = t
		}
	}
	return nil
}

// loadIcons wraps the drawings of the folder icons; an icon never speaks, the words beside it do.
func loadIcons(from fs.FS) (map[string]template.HTML, error) {
	list, err := fs.Glob(from, "icons/*.svg")
	if err != nil {
		return nil, err
	}
	icons := map[string]template.HTML{}
	for _, f := range list {
		b, err := fs.ReadFile(from, f)
		if err != nil {
			return nil, err
		}
		icons[strings.TrimSuffix(path.Base(f), ".svg")] = template.HTML(
			`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + strings.TrimSpace(string(b)) + `</svg>`)
	}
	return icons, nil
}

var lettersAcross = regexp.MustCompile(`(\pL/)(\pL)`)

// slashes lets a line end after a slash between two letters: on a narrow screen "Pfizer/BioNTech" ends there
// and not inside a name. Dates stay whole.
func slashes(s string) template.HTML {
	return template.HTML(lettersAcross.ReplaceAllString(template.HTMLEscapeString(s), "$1<wbr>$2"))
}
