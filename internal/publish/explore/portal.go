// Package explore is the programming interface of the open-data portal: the part of the Opendatasoft Explore API v2.1 that
// existing clients use, the older v1 and v2.0 addresses, and the downloads (portal.md section 4). It answers from releases
// alone, which are already protected: it imports neither the publication job nor any store.
//
// Sums and groups are made of published rows: a hidden count is skipped, so that a sum is a lower bound. The total rows of a
// dataset are rows like others; the hidden field niveau says what a row details, and an answer that adds totals and
// details together carries a Warning header.
//
// Not built: the formats fgb gpx jsonld kml n3 ov2 rdfxml shp turtle, geographic predicates, hierarchical and disjunctive
// options of facets, records/1.0/analyze. What is not built is an error that says so.
package explore

import (
	"bytes"
	"container/list"
	"crypto/ecdsa"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/publish/release"
)

// Config is what a portal is made of.
type Config struct {
	Releases string // folder
	Key      *ecdsa.PublicKey
	Origin   string // of its own addresses: https://donnees.example
	// Quota is how many requests one address may make in a day, 0 for as many as it likes.
	Quota int
	Clock carnet.Clock
	Log   *slog.Logger
}

// Portal answers. It is safe for concurrent use.
type Portal struct {
	Config
	mu    sync.RWMutex
	now   *release.Release
	cache *cache
	quota quotas
}

// New opens the newest release. Without any it is carnet.NotFound, "portal.release".
func New(c Config) (*Portal, error) {
	p := &Portal{Config: c, cache: newCache(64 << 20)}
	if err := p.Reload(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload opens the newest release when it is not the one that is open. What is open stays so when the new one is not
// what its publisher signed.
func (p *Portal) Reload() error {
	ids, err := release.List(p.Releases)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return carnet.E("portal.Reload", carnet.NotFound, "portal.release", fmt.Errorf("no release in %s", p.Releases))
	}
	if r := p.release(); r != nil && r.ID == ids[0] {
		return nil
	}
	r, err := release.Open(p.Releases, ids[0], p.Key)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = r
	p.cache = newCache(64 << 20)
	return nil
}

func (p *Portal) release() *release.Release {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.now
}

// Release is the release that is answered from.
func (p *Portal) Release() *release.Release { return p.release() }

const maxQuery = 16 << 10

// ServeHTTP answers GET and HEAD, with and without a slash at the end.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Warning, ETag")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		fail(w, &failure{http.StatusMethodNotAllowed, "MethodNotAllowed", "Only GET and HEAD are answered."})
		return
	}
	if len(r.URL.RawQuery) > maxQuery {
		fail(w, &failure{http.StatusRequestURITooLong, "InvalidRESTParameterError", "The query has more than 16 kB."})
		return
	}
	now := p.Clock().UTC()
	if over := p.limit(h, r, now); over != nil {
		writeJSON(w, http.StatusTooManyRequests, over)
		return
	}
	rel := p.release()
	a := &request{p: p, w: w, r: r, release: rel, now: now}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, badParameter("The query cannot be read: %v.", err))
		return
	}
	a.query = query
	etag := `"` + rel.ID + "-" + digest(r.URL.Path+"?"+query.Encode()) + `"`
	h.Set("ETag", etag)
	h.Set("Cache-Control", "public, max-age=300")
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, etag) && !usesNow(query) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if err := a.route(strings.Split(strings.Trim(r.URL.Path, "/"), "/")); err != nil {
		h.Del("ETag")
		h.Set("Cache-Control", "no-store")
		h.Del("Content-Disposition")
		fail(w, err)
	}
}

func digest(s string) string {
	sum := sha1.Sum([]byte(s)) // a name, not a protection
	return hex.EncodeToString(sum[:])[:16]
}

// usesNow says that an answer changes with the clock.
func usesNow(q url.Values) bool { return strings.Contains(strings.ToLower(q.Encode()), "now%28") }

// fail writes an error as the API does.
func fail(w http.ResponseWriter, err error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{http.StatusInternalServerError, "InternalError", "The answer could not be made."}
	}
	writeJSON(w, f.status, struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}{f.code, f.message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error_code":"InternalError","message":""}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}

func notFound(what string) error {
	return &failure{http.StatusNotFound, "NotFound", what + " does not exist."}
}

// request is one request while it is answered.
type request struct {
	p       *Portal
	w       http.ResponseWriter
	r       *http.Request
	query   url.Values
	release *release.Release
	now     time.Time
}

// route finds who answers a path.
func (a *request) route(path []string) error {
	at := func(i int) string {
		if i < len(path) {
			return path[i]
		}
		return ""
	}
	switch {
	case at(0) == "api" && at(1) == "explore" && at(2) == "v2.1" && at(3) == "catalog":
		return a.catalog(path[4:], false)
	case at(0) == "api" && at(1) == "v2" && at(2) == "catalog" && at(3) == "datasets" && at(5) == "exports" && len(path) == 7:
		return a.catalog(path[3:], true)
	case at(0) == "api" && at(1) == "records" && at(2) == "1.0" && len(path) == 4:
		return a.recordsV1(at(3))
	case at(0) == "api" && at(1) == "datasets" && at(2) == "1.0":
		return a.datasetsV1(path[3:])
	case at(0) == "explore" && at(1) == "dataset" && at(3) == "download" && len(path) == 4:
		return a.downloadV1(at(2))
	case at(0) == "explore" && at(1) == "dataset" && (at(3) == "information" || at(3) == "api" || at(3) == "table") && len(path) == 4:
		if _, err := a.dataset(at(2)); err != nil {
			return err
		}
		return a.redirect("/api/explore/v2.1/catalog/datasets/" + at(2))
	case at(0) == "explore" && len(path) == 1:
		return a.redirect("/api/explore/v2.1/catalog/datasets")
	case at(0) == "fr" && at(1) == "datasets" && at(2) == "r" && len(path) == 4:
		for _, d := range a.release.Datasets {
			if permanentID(d.ID) == at(3) {
				return a.redirect("/releases/" + a.release.ID + "/" + d.ID + ".csv")
			}
		}
		return notFound("The resource")
	case at(0) == "releases":
		return a.file(path[1:])
	}
	return notFound("The address " + a.r.URL.Path)
}

func (a *request) redirect(to string) error {
	a.w.Header().Set("Cache-Control", "public, max-age=60")
	a.w.Header().Del("ETag")
	http.Redirect(a.w, a.r, to, http.StatusFound)
	return nil
}

// permanentID is the name of a dataset's newest file for links that must never change, in the form of a UUID.
func permanentID(dataset string) string {
	sum := sha1.Sum([]byte("carnet dataset " + dataset))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// file gives the files of a release as they are; "latest" sends to the newest.
func (a *request) file(path []string) error {
	if len(path) == 0 || path[0] == "" {
		ids, err := release.List(a.p.Releases)
		if err != nil {
			return err
		}
		writeJSON(a.w, http.StatusOK, map[string]any{"releases": ids, "latest": a.release.ID})
		return nil
	}
	if len(path) > 2 {
		return notFound("The file")
	}
	name := "release.json"
	if len(path) == 2 {
		name = path[1]
	}
	if path[0] == "latest" {
		return a.redirect("/releases/" + a.release.ID + "/" + name)
	}
	ids, err := release.List(a.p.Releases)
	if err != nil {
		return err
	}
	if !slices.Contains(ids, path[0]) || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return notFound("The file")
	}
	f, err := os.Open(filepath.Join(a.p.Releases, path[0], name))
	if err != nil {
		return notFound("The file")
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return notFound("The file")
	}
	h := a.w.Header()
	switch filepath.Ext(name) {
	case ".json":
		h.Set("Content-Type", "application/json; charset=utf-8")
	case ".csv":
		h.Set("Content-Type", "text/csv; charset=utf-8")
	case ".parquet":
		h.Set("Content-Type", "application/vnd.apache.parquet")
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("ETag", `"`+path[0]+"/"+name+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(a.w, a.r, name, info.ModTime(), f)
	return nil
}

// dataset finds a dataset by its name.
func (a *request) dataset(id string) (*release.Dataset, error) {
	id, _, _ = strings.Cut(id, "@")
	i := slices.IndexFunc(a.release.Datasets, func(d release.Dataset) bool { return d.ID == id })
	if i < 0 {
		return nil, &failure{http.StatusNotFound, "DatasetNotFoundError", "The dataset " + id + " does not exist."}
	}
	return &a.release.Datasets[i], nil
}

func (a *request) engine(d *release.Dataset) *engine {
	return &engine{frame: a.release.Frames[d.ID], now: a.now}
}

// quotas counts the requests of a day by address, in memory only.
type quotas struct {
	mu   sync.Mutex
	day  int64
	used map[string]int
}

const maxAddresses = 1 << 17

// limit tells a client how much it may still ask today; what it answers is the refusal when that is nothing.
func (p *Portal) limit(h http.Header, r *http.Request, now time.Time) any {
	if p.Quota == 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	day := now.Unix() / 86400
	p.quota.mu.Lock()
	if p.quota.day != day || len(p.quota.used) > maxAddresses {
		p.quota.day, p.quota.used = day, map[string]int{}
	}
	p.quota.used[host]++
	used := p.quota.used[host]
	p.quota.mu.Unlock()
	reset := time.Unix((day+1)*86400, 0).UTC()
	h.Set("X-RateLimit-Limit", strconv.Itoa(p.Quota))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, p.Quota-used)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	if used <= p.Quota {
		return nil
	}
	h.Set("Cache-Control", "no-store")
	return struct {
		Code  int    `json:"errorcode"`
		Reset string `json:"reset_time"`
		Unit  string `json:"limit_time_unit"`
		Limit int    `json:"call_limit"`
		Error string `json:"error"`
	}{10005, reset.Format(time.RFC3339), "day", p.Quota, "You have exceeded the requests limit for anonymous users."}
}

// cache keeps the newest answers, up to a number of bytes.
type cache struct {
	mu    sync.Mutex
	size  int
	limit int
	items map[string]*list.Element
	order *list.List
}

type cached struct {
	key     string
	body    []byte
	warning string
}

func newCache(limit int) *cache {
	return &cache{limit: limit, items: map[string]*list.Element{}, order: list.New()}
}

func (c *cache) get(key string) (*cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached), true
}

func (c *cache) put(v *cached) {
	if len(v.body) > c.limit/16 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[v.key]; ok {
		return
	}
	c.items[v.key] = c.order.PushFront(v)
	for c.size += len(v.body) + len(v.key); c.size > c.limit; {
		last := c.order.Back()
		old := last.Value.(*cached)
		c.size -= len(old.body) + len(old.key)
		delete(c.items, old.key)
		c.order.Remove(last)
	}
}

// answer gives a JSON answer from the cache, or makes it.
func (a *request) answer(make func(b *bytes.Buffer) (warning string, err error)) error {
	a.p.mu.RLock()
	store := a.p.cache
	a.p.mu.RUnlock()
	key := a.release.ID + a.r.URL.Path + "?" + a.query.Encode()
	c, ok := store.get(key)
	if !ok {
		var b bytes.Buffer
		warning, err := make(&b)
		if err != nil {
			return err
		}
		c = &cached{key, b.Bytes(), warning}
		if !usesNow(a.query) {
			store.put(c)
		}
	}
	h := a.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(c.body)))
	if c.warning != "" {
		h.Set("Warning", c.warning)
	}
	a.w.WriteHeader(http.StatusOK)
	if a.r.Method == http.MethodGet {
		_, _ = a.w.Write(c.body) // the client may be gone
	}
	return nil
}
