// Package verifier is the site where anyone checks a certificate.
//
// The page verifies on the reader's device: it scans with the camera, takes a picture, a PDF or a
// text, and asks the engine of package verify/browser, which is Go compiled to WebAssembly. After the
// first visit it works without a network, and it never sends what it checks. Without JavaScript the
// same form posts to this server, and says so.
//
//	GET  /                     the page; /fr and /en in that language, for the service worker
//	POST /verification         the check by this server, for readers without scripts
//	POST /api/v1/verify        the same for programs; see openapi.json
//	GET  /api/v1/openapi.json  the description of that
//	GET  /trust                what the engine trusts (verify.Checker.Pack)
//	GET  /sw.js                the service worker
//	GET  /manifest.webmanifest what a phone needs to install the page
//
// # What is kept
//
// Nothing of a request is stored, and the log has the path, the status and the duration only. The
// server keeps no list of callers either, so the limit on how much it checks is one for all: Rate
// checks a second on average, as many at once as there are processors. A proxy in front can limit
// each caller.
//
// # Modes
//
// In minimal mode, the default, the page shows the verdict, the name and the date of birth, so that a
// person at a door learns no more than needed. In control mode it shows all that the code says. It
// is the operator who chooses. The interface for programs always gives everything: whoever has the
// code can decode it.
package verifier

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
	"carnet/internal/verify"
	"carnet/internal/verify/browser"
	"carnet/internal/verify/scan"
)

//go:embed text static all:templates
var files embed.FS

// Modes of the page.
const (
	Minimal = "minimal" // verdict, name, date of birth
	Control = "control" // all that the code says
)

// Limits of what the server checks.
const (
	MaxBody = 16 << 20 // bytes of a request
	Rate    = 10       // checks a second, on average
	Burst   = 30       // checks that may come at once
)

var limits = scan.Limits{File: MaxBody, Pages: 10, Lines: 100, Time: 10 * time.Second}

// Deps is what the site is made of.
type Deps struct {
	// Load gives what is trusted now. It is called at the start and again when what it gave is older
	// than browser.Fresh; an error then is logged and the site goes on with what it has.
	Load    func(ctx context.Context) (verify.Checker, error)
	Mode    string // Minimal or Control
	Clock   carnet.Clock
	Rand    io.Reader // safe for concurrent use
	Log     *slog.Logger
	HTTPS   bool
	Sandbox bool // the strip on top
}

const (
	checkPath   = "/verification"
	apiPath     = "/api/v1/verify"
	openAPIPath = "/api/v1/openapi.json"
	trustPath   = "/trust"
	workerPath  = "/sw.js"
	installPath = "/manifest.webmanifest"
)

type site struct {
	Deps
	ui     *ui.Kit
	words  map[string]verify.Words
	worker []byte        // the service worker
	slots  chan struct{} // one for each check under way

	pack    *browser.Pack
	mu      sync.Mutex
	allowed float64 // checks that may come now
	counted time.Time
}

// New builds the site and loads what it trusts.
func New(ctx context.Context, d Deps) (http.Handler, error) {
	s, err := newSite(ctx, d)
	if err != nil {
		return nil, err
	}
	return s.handler(), nil
}

func newSite(ctx context.Context, d Deps) (*site, error) {
	if d.Mode != Minimal && d.Mode != Control {
		return nil, fmt.Errorf("verifier: mode %q is neither %s nor %s", d.Mode, Minimal, Control)
	}
	s := &site{Deps: d, words: map[string]verify.Words{}, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), allowed: Burst, counted: d.Clock(),
		pack: &browser.Pack{Source: d.Load, Clock: d.Clock, Log: d.Log}}
	var err error
	s.ui, err = ui.New(ui.Config{
		Site: "verifier", Files: files, Shared: []fs.FS{browser.Files}, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox,
		Policy: []string{"script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "connect-src 'self'", "media-src blob:", "manifest-src 'self'"},
		// The camera's frames stay in the page.
		Permissions: "camera=(self)",
		Bodies:      map[string]int64{checkPath: MaxBody, apiPath: MaxBody},
		Program:     s.program,
	})
	if err != nil {
		return nil, err
	}
	for _, lang := range ui.Languages {
		if s.words[lang], err = verify.ReadWords(lang); err != nil {
			return nil, err
		}
	}
	if s.worker, err = s.serviceWorker(); err != nil {
		return nil, err
	}
	if err := s.pack.Load(ctx); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return s, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	for _, lang := range ui.Languages {
		mux.HandleFunc("GET /"+lang, s.homeIn(lang))
	}
	mux.HandleFunc("POST "+checkPath, s.check)
	mux.HandleFunc("GET "+checkPath, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	mux.HandleFunc("POST "+apiPath, s.api)
	mux.HandleFunc("GET "+openAPIPath, s.openAPI)
	mux.Handle("GET "+trustPath, s.pack)
	mux.HandleFunc("GET "+workerPath, s.script)
	mux.HandleFunc("GET "+installPath, s.manifest)
	return s.ui.Handler(mux)
}

// view is the page, with the verdicts when this server gave them.
type view struct {
	ui.Page
	Mode     string
	Facts    []verify.Row
	Verdicts []verify.View
	Problem  string // why there is none, or not all
	Remote   bool   // this server checked
}

func (s *site) view(r *http.Request) view {
	now := s.pack.Current(r.Context())
	v := view{Page: s.ui.Page(r, "home.title"), Mode: s.Mode}
	v.Facts = s.words[v.Lang].Facts(now.Checker.Facts(now.Made))
	return v
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	v := s.view(r)
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

// homeIn is the page in one language, which the service worker keeps: offline the reader can still
// change the language.
func (s *site) homeIn(lang string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ui.SetLanguage(r, lang)
		r = r.Clone(r.Context())
		r.URL.Path = "/"
		s.home(w, r)
	}
}

// check answers the form of a reader without scripts.
func (s *site) check(w http.ResponseWriter, r *http.Request) {
	data, err := posted(r)
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	v := s.view(r)
	v.Remote = true
	verdicts, err := s.verify(r.Context(), data)
	words := s.words[v.Lang]
	v.Verdicts = words.Views(verdicts, s.Mode == Minimal)
	status := http.StatusOK
	if e, ok := errors.AsType[*carnet.Error](err); ok && e.Kind == carnet.Invalid {
		v.Problem = capital(words.Problem(e.Code))
		if len(verdicts) == 0 {
			status = http.StatusUnprocessableEntity
		}
	} else if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	s.ui.Render(w, r, status, "home", &v)
}

// Capital is for templates.
func (view) Capital(s string) string { return capital(s) }

func capital(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// posted takes the file or the text out of a form. Nothing is written to a disk.
func posted(r *http.Request) ([]byte, error) {
	const op = "verifier.posted"
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, carnet.E(op, carnet.Invalid, "request.malformed", err)
	}
	var text []byte
	for range 10 {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		data, err := content(part, err)
		if err != nil {
			return nil, unreadable(op, err)
		}
		switch {
		case part.FormName() == "file" && len(data) > 0:
			return data, nil
		case part.FormName() == "text":
			text = data
		}
	}
	return text, nil
}

func content(part *multipart.Part, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return io.ReadAll(part)
}

// unreadable says why a body could not be read.
func unreadable(op string, err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return carnet.E(op, carnet.Invalid, "scan.size", err)
	}
	return carnet.E(op, carnet.Invalid, "request.malformed", err)
}

// verify gives the verdicts on a file, within what the server is willing to do.
func (s *site) verify(ctx context.Context, data []byte) ([]verify.Verdict, error) {
	const op = "verifier.verify"
	if !s.allow() {
		return nil, carnet.E(op, carnet.Unavailable, "rate", nil)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, carnet.E(op, carnet.Unavailable, "rate", ctx.Err())
	}
	return s.pack.Current(ctx).Checker.File(ctx, "-", data, s.Clock(), limits)
}

// allow counts a check against the rate.
func (s *site) allow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock()
	s.allowed = min(Burst, s.allowed+Rate*max(0, now.Sub(s.counted).Seconds())) // a clock may go back
	s.counted = now
	if s.allowed < 1 {
		return false
	}
	s.allowed--
	return true
}

// serviceWorker is the script with the list of what it keeps.
func (s *site) serviceWorker() ([]byte, error) {
	list := []string{"/", trustPath, installPath}
	for _, lang := range ui.Languages {
		list = append(list, "/"+lang)
	}
	for _, name := range append([]string{"carnet.css", "verifier.css", "mark.svg", "verifier.js", "icon-192.png", "icon-512.png"}, browser.Assets...) {
		list = append(list, s.ui.Asset(name))
	}
	return browser.ServiceWorker("verifier", list, nil)
}

func (s *site) script(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(s.worker) // the reader is gone: nobody left to tell
}

// manifest lets a phone install the page.
func (s *site) manifest(w http.ResponseWriter, r *http.Request) {
	t := s.ui.Text(r)
	b, err := browser.Install{Name: t.T("install.name"), Short: t.T("install.short"), Description: t.T("home.lead"), Lang: t.Lang,
		Icons: map[string]string{"192": s.ui.Asset("icon-192.png"), "512": s.ui.Asset("icon-512.png")}}.Manifest()
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/manifest+json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(b)
}
