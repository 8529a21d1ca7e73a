package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
)

// marker is in the metadata of every issuer: a relying party whose profile does not say that it
// wants a sandbox does not take one (specification, R27).
const marker = "carnet_sandbox"

// announce adds to the engine's metadata what it does not know of.
func (i *Issuer) announce(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &answer{header: http.Header{}, status: http.StatusOK}
		next(rec, r)
		var m map[string]any
		if err := json.Unmarshal(rec.body.Bytes(), &m); err != nil || rec.status != http.StatusOK {
			rec.send(w)
			return
		}
		m[marker] = true
		maps.Copy(m, i.extension.metadata)
		rec.body.Reset()
		if err := json.NewEncoder(&rec.body).Encode(m); err != nil {
			i.log.ErrorContext(r.Context(), "metadata", "err", err)
		}
		rec.header.Del("Content-Length")
		rec.send(w)
	}
}

// answer holds an answer back until it is complete.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client may be gone
}
