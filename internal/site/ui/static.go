package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	plain, packed []byte // plain is nil when the file is compressed in the program too
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8", ".png": "image/png", ".wasm": "application/wasm"}

// loadAssets reads the folder static of each source. A file that is compressed already, name.wasm.gz,
// is the asset name.wasm.
func loadAssets(sources ...fs.FS) (map[string]asset, map[string]string, error) {
	assets, names := map[string]asset{}, map[string]string{}
	for _, from := range sources {
		list, err := fs.Glob(from, "static/*")
		if err != nil {
			return nil, nil, err
		}
		for _, f := range list {
			b, err := fs.ReadFile(from, f)
			if err != nil {
				return nil, nil, err
			}
			base, compressed := strings.CutSuffix(path.Base(f), ".gz")
			ext := path.Ext(base)
			if kinds[ext] == "" {
				return nil, nil, fmt.Errorf("%s: unknown kind of file", f)
			}
			sum := sha256.Sum256(b)
			name := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
			a := asset{kind: kinds[ext], packed: b}
			if !compressed {
				a.plain = b
				if a.packed, err = pack(b); err != nil {
					return nil, nil, err
				}
			}
			assets[name], names[base] = a, name
		}
	}
	return assets, names, nil
}

func pack(b []byte) ([]byte, error) {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(b)
	err = errors.Join(err, w.Close())
	return z.Bytes(), err
}

// unpacked is the content for the rare reader that takes no gzip.
func (a asset) unpacked() ([]byte, error) {
	if a.plain != nil {
		return a.plain, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(a.packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func (k *Kit) asset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := k.assets[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		v := k.errorView(r, carnet.NotFound, carnet.E("ui.asset", carnet.NotFound, "request.address", nil))
		k.Render(w, r, http.StatusNotFound, "error", &v)
		return
	}
	h, body := w.Header(), a.packed
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = a.unpacked(); err != nil {
			k.Fail(w, r, carnet.E("ui.asset", carnet.Internal, "internal", err))
			return
		}
	}
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}
