package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"carnet/internal/carnet"
)

// asset is a static file under a name that holds a hash of its content: it can be kept for ever.
type asset struct {
	kind          string
	plain, packed []byte
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func loadAssets(from fs.FS) (map[string]asset, map[string]string, error) {
	list, err := fs.Glob(from, "static/*")
	if err != nil {
		return nil, nil, err
	}
	assets, names := map[string]asset{}, map[string]string{}
	for _, f := range list {
		b, err := fs.ReadFile(from, f)
		if err != nil {
			return nil, nil, err
		}
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			return nil, nil, err
		}
		if _, err := w.Write(b); err != nil {
			return nil, nil, err
		}
		if err := w.Close(); err != nil {
			return nil, nil, err
		}
		ext, base := path.Ext(f), path.Base(f)
		sum := sha256.Sum256(b)
		name := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		assets[name] = asset{kinds[ext], b, z.Bytes()}
		names[base] = name
	}
	return assets, names, nil
}

func (k *Kit) asset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := k.assets[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		v := k.errorView(r, carnet.NotFound, carnet.E("ui.asset", carnet.NotFound, "request.address", nil))
		k.Render(w, r, http.StatusNotFound, "error", &v)
		return
	}
	h, body := w.Header(), a.plain
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}
