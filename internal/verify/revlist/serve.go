package revlist

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
)

// Path is where an instance serves its list.
const Path = "/revocations/list"

// Handler serves a list: to anybody, from any page, kept by caches for five minutes. The source gives
// the list of the moment and is called for each request. Without one the answer is 503, and
// verifiers go on with the list that they hold.
func Handler(source func(context.Context) (Held, error), log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		l, err := source(r.Context())
		if err != nil {
			log.ErrorContext(r.Context(), "no revocation list", "err", err)
			h.Set("Cache-Control", "no-store")
			h.Set("Retry-After", "60")
			http.Error(w, "the list of revoked documents cannot be made now", http.StatusServiceUnavailable)
			return
		}
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", tag(l.Bytes))
		http.ServeContent(w, r, "", l.List.IssuedAt(), bytes.NewReader(l.Bytes))
	})
}

// tag is the entity tag of a list: the end of its signature, which no other list has.
func tag(list []byte) string { return `"` + hex.EncodeToString(list[len(list)-16:]) + `"` }
