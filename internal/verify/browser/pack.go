package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/verify"
)

// Fresh is for how long a site goes on with what it loaded.
const Fresh = 5 * time.Minute

// Pack is what a site trusts, and its form for the engine. As a handler it sends that form, which is
// about nobody. Source, Clock and Log are set by who makes it.
type Pack struct {
	// Source gives what is trusted now. It is called at the start and again when what it gave is older
	// than Fresh; an error then is logged and the site goes on with what it has.
	Source func(ctx context.Context) (verify.Checker, error)
	Clock  carnet.Clock
	Log    *slog.Logger

	mu     sync.Mutex
	loaded *Loaded
}

// Loaded is what was trusted at an instant.
type Loaded struct {
	Checker verify.Checker
	Made    time.Time
	pack    []byte
	tag     string
}

// Load asks for what is trusted.
func (p *Pack) Load(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.load(ctx)
}

func (p *Pack) load(ctx context.Context) error {
	checker, err := p.Source(ctx)
	if err != nil {
		return err
	}
	made := p.Clock()
	pack, err := checker.Pack(made)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(pack)
	p.loaded = &Loaded{Checker: checker, Made: made, pack: pack, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	return nil
}

// Current is what is trusted, loaded again when it has become old. Load was called before.
func (p *Pack) Current(ctx context.Context) *Loaded {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Clock().Sub(p.loaded.Made) > Fresh {
		if err := p.load(ctx); err != nil {
			p.Log.WarnContext(ctx, "trust could not be loaded again", "since", p.loaded.Made, "err", err)
		}
	}
	return p.loaded
}

// ServeHTTP sends what the engine needs.
func (p *Pack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := p.Current(r.Context())
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", now.tag)
	http.ServeContent(w, r, "", now.Made, bytes.NewReader(now.pack))
}
