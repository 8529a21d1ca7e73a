package ui

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// bodyLimit bounds what a form may send; the longest of ours is under 4 kB.
const bodyLimit = 64 << 10

// state is what the chain of handlers knows about one request.
type state struct {
	id, lang string
	session  *Session
}

type stateKey struct{}

func stateOf(r *http.Request) *state {
	if st, ok := r.Context().Value(stateKey{}).(*state); ok {
		return st
	}
	return &state{lang: Languages[0]} // a handler called without the chain, in a test
}

// SetSession tells the layout who is logged in; every page of this request shows it, error pages too.
func SetSession(r *http.Request, s Session) { stateOf(r).session = &s }

// SetLanguage answers a request in one of Languages, whatever the reader prefers.
func SetLanguage(r *http.Request, lang string) { stateOf(r).lang = lang }

// Text speaks the language of a request.
func (k *Kit) Text(r *http.Request) Text { return k.texts.in(stateOf(r).lang) }

// RequestID is the number that the person quotes and the log holds.
func RequestID(r *http.Request) string { return stateOf(r).id }

// Handler puts the site behind everything a public page needs: request id, access log, panic to
// error page, security headers, language, size limit, protection against forged requests, static
// files, designed pages for unknown addresses.
func (k *Kit) Handler(mux *http.ServeMux) http.Handler {
	mux.HandleFunc("GET /cookies", k.cookies)
	forged := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := k.cfg.Clock()
		st := &state{id: k.requestID(), lang: k.language(r)}
		r = r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
		rec := &recorder{ResponseWriter: w}
		k.headers(rec.Header(), st)
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				k.cfg.Log.ErrorContext(r.Context(), "panic", "request", st.id, "value", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				if rec.status == 0 {
					k.Fail(rec, r, carnet.E("ui.Handler", carnet.Internal, "internal", errors.New("panic")))
				}
			}
			k.cfg.Log.InfoContext(r.Context(), "request", "request", st.id, "site", k.cfg.Site, "method", method(r.Method),
				"pattern", pattern(r.Pattern), "status", rec.status, "duration", k.cfg.Clock().Sub(start).Round(time.Microsecond))
		}()
		k.serve(rec, r, mux, forged)
	})
}

func (k *Kit) serve(w http.ResponseWriter, r *http.Request, mux *http.ServeMux, forged *http.CrossOriginProtection) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/static/"); ok {
		r.Pattern = "/static/"
		k.asset(w, r, name)
		return
	}
	if err := forged.Check(r); err != nil {
		k.Fail(w, r, carnet.E("ui.Handler", carnet.Denied, "request.forged", err))
		return
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, max(bodyLimit, k.cfg.Bodies[r.URL.Path]))
		if err := r.ParseForm(); err != nil {
			code := "request.malformed"
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				code = "request.large"
			}
			k.Fail(w, r, carnet.E("ui.Handler", carnet.Invalid, code, errors.New("form cannot be read")))
			return
		}
	}
	if k.chooseLanguage(w, r) {
		return
	}
	if _, p := mux.Handler(r); p == "" {
		k.unknown(w, r, mux)
		return
	}
	mux.ServeHTTP(w, r)
}

// unknown answers an address or a method that no page has, with the status the mux would give.
func (k *Kit) unknown(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &discard{header: http.Header{}}
	h, _ := mux.Handler(r)
	h.ServeHTTP(probe, r)
	switch probe.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", probe.header.Get("Allow"))
		if k.program(w, r, probe.status, "request.method") {
			return
		}
		v := k.errorView(r, carnet.Invalid, carnet.E("ui.Handler", carnet.Invalid, "request.method", nil))
		k.Render(w, r, http.StatusMethodNotAllowed, "error", &v)
	case http.StatusNotFound:
		if k.program(w, r, probe.status, "request.address") {
			return
		}
		v := k.errorView(r, carnet.NotFound, carnet.E("ui.Handler", carnet.NotFound, "request.address", nil))
		k.Render(w, r, http.StatusNotFound, "error", &v)
	default: // a redirect of the mux to the clean form of the path
		mux.ServeHTTP(w, r)
	}
}

func (k *Kit) headers(h http.Header, st *state) {
	h.Set("Content-Security-Policy", k.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", k.permissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", st.id)
	if k.cfg.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

func (k *Kit) langCookie() string { return "__Host-" + k.cfg.Site + "-lang" }

func (k *Kit) language(r *http.Request) string {
	cookie := ""
	if c, err := r.Cookie(k.langCookie()); err == nil {
		cookie = c.Value
	}
	return pickLanguage(cookie, r.Header.Get("Accept-Language"))
}

// chooseLanguage handles ?lang=: it remembers the choice for six months. A GET is sent to the same
// page without the parameter, a form goes on in the new language.
func (k *Kit) chooseLanguage(w http.ResponseWriter, r *http.Request) (done bool) {
	if !strings.Contains(r.URL.RawQuery, "lang=") {
		return false
	}
	q := r.URL.Query()
	lang := q.Get("lang")
	if lang == "" || lang != pickLanguage(lang, "") {
		return false
	}
	http.SetCookie(w, &http.Cookie{
		Name: k.langCookie(), Value: lang, Path: "/", MaxAge: 180 * 24 * 3600,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	stateOf(r).lang = lang
	if r.Method == http.MethodPost {
		return false
	}
	q.Del("lang")
	u := *r.URL
	u.Scheme, u.Host, u.RawQuery = "", "", q.Encode()
	u.Path = "/" + strings.TrimLeft(u.Path, "/") // never another host
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
	return true
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// requestID is eight characters that can be read out on the phone.
func (k *Kit) requestID() string {
	var b [5]byte
	if _, err := io.ReadFull(k.cfg.Rand, b[:]); err != nil {
		return "00000000"
	}
	return crockford.EncodeToString(b[:])
}

// method keeps what the log may hold: a known method, or nothing of what was sent.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// pattern is the route without its method; never the path itself, which may name a person.
func pattern(p string) string {
	if _, path, ok := strings.Cut(p, " "); ok {
		return path
	}
	if p == "" {
		return "-"
	}
	return p
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// discard learns the status that a handler would give.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}
