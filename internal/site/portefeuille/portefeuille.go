// Package portefeuille is the wallet: an installable page that keeps certificates on the person's own
// device, for the whole family, and shows them for control.
//
// The server sends the page and what the engine trusts, and never gets a certificate: links carry them
// in the fragment, which browsers do not send, and once the page was visited its service worker answers
// for the older links too, which carry them after a question mark. The page clears the address at once.
// What is kept lies in the browser's own database, sealed by a key that scripts cannot read out
// (AES-256-GCM); a copy for another device is sealed by a passphrase (PBKDF2, SHA-256).
//
//	GET /                     the page; /fr and /en in that language, for the service worker
//	GET /app/wallet2d, /app/wallet, /app/walletdcc   the same: where the codes of attestations lead
//	GET /trust                what the engine trusts (verify.Checker.Pack)
//	GET /sw.js                the service worker
//	GET /manifest.webmanifest what a phone needs to install the page
//
// Without JavaScript nothing can be kept on a device: the page says so, and what to do instead.
//
// Specification: twoddoc section 7; workflow section 12, demands 8 and 9.
package portefeuille

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
	"carnet/internal/verify/browser"
)

//go:embed text static all:templates
var files embed.FS

// Deps is what the site is made of.
type Deps struct {
	Pack    *browser.Pack // what is trusted
	Clock   carnet.Clock
	Rand    io.Reader // safe for concurrent use
	Log     *slog.Logger
	HTTPS   bool
	Sandbox bool // the strip on top
}

const (
	trustPath   = "/trust"
	workerPath  = "/sw.js"
	installPath = "/manifest.webmanifest"
)

// linkPaths are where the right-hand codes of attestations lead, in all forms that were ever printed.
var linkPaths = []string{"/app/wallet2d", "/app/wallet", "/app/walletdcc"}

type site struct {
	Deps
	ui     *ui.Kit
	worker []byte
}

// New builds the site and loads what it trusts.
func New(ctx context.Context, d Deps) (http.Handler, error) {
	kit, err := ui.New(ui.Config{
		Site: "portefeuille", Files: files, Shared: []fs.FS{browser.Files}, Clock: d.Clock, Rand: d.Rand, Log: d.Log, HTTPS: d.HTTPS, Sandbox: d.Sandbox,
		Policy:      []string{"script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "connect-src 'self'", "media-src blob:", "manifest-src 'self'"},
		Permissions: "camera=(self), screen-wake-lock=(self)", // the camera's frames stay in the page
	})
	if err != nil {
		return nil, err
	}
	s := &site{Deps: d, ui: kit}
	addresses := []string{"/", trustPath, installPath}
	for _, lang := range ui.Languages {
		addresses = append(addresses, "/"+lang)
	}
	for _, name := range append([]string{"carnet.css", "portefeuille.css", "mark.svg", "portefeuille.js", "wallet-192.png", "wallet-512.png"}, browser.Assets...) {
		addresses = append(addresses, kit.Asset(name))
	}
	if s.worker, err = browser.ServiceWorker("portefeuille", addresses, linkPaths); err != nil {
		return nil, err
	}
	if err := d.Pack.Load(ctx); err != nil {
		return nil, fmt.Errorf("portefeuille: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	for _, lang := range ui.Languages {
		mux.HandleFunc("GET /"+lang, func(w http.ResponseWriter, r *http.Request) {
			ui.SetLanguage(r, lang)
			r = r.Clone(r.Context())
			r.URL.Path = "/"
			s.home(w, r)
		})
	}
	for _, path := range linkPaths {
		mux.HandleFunc("GET "+path, s.home)
	}
	mux.Handle("GET "+trustPath, d.Pack)
	mux.HandleFunc("GET "+workerPath, s.script)
	mux.HandleFunc("GET "+installPath, s.manifest)
	return kit.Handler(mux), nil
}

// spoken are the sentences that the page's script says.
var spoken = []string{
	"add.busy", "add.nothing", "add.denied", "add.camera", "add.failed", "add.unread", "add.found", "add.keep", "add.leave", "add.kept", "add.there", "add.full",
	"card.show", "card.details", "card.remove", "card.removed", "card.sure", "card.no", "card.ends", "card.soon", "card.ended", "card.revoked", "card.revoked-words",
	"card.invalid", "card.changed", "card.valid", "card.test", "card.signed", "card.code",
	"show.of",
	"copy.short", "copy.wrong", "copy.done", "copy.restored", "copy.file", "all.sure", "all.yes", "all.no", "all.gone",
	"state.ready", "state.refreshed", "state.away", "state.unable", "state.storage",
}

type view struct {
	ui.Page
	Words string // JSON
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	v := view{Page: s.ui.Page(r, "home.title")}
	words := map[string]string{}
	for _, key := range spoken {
		words[key] = v.T(key)
	}
	b, err := json.Marshal(words)
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	v.Words = string(b)
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

func (s *site) script(w http.ResponseWriter, r *http.Request) {
	send(w, r, "text/javascript; charset=utf-8", s.worker)
}

// manifest lets a phone install the page.
func (s *site) manifest(w http.ResponseWriter, r *http.Request) {
	t := s.ui.Text(r)
	b, err := browser.Install{Name: t.T("install.name"), Short: t.T("install.short"), Description: t.T("home.lead"), Lang: t.Lang,
		Icons: map[string]string{"192": s.ui.Asset("wallet-192.png"), "512": s.ui.Asset("wallet-512.png")}}.Manifest()
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	send(w, r, "application/manifest+json", b)
}

func send(w http.ResponseWriter, _ *http.Request, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	_, _ = io.Copy(w, bytes.NewReader(body)) // the reader is gone: nobody left to tell
}
