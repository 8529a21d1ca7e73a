package ui

import (
	"errors"
	"net/http"
	"strconv"

	"carnet/internal/carnet"
)

// statusOf is the one table from kind to status.
var statusOf = map[carnet.Kind]int{
	carnet.Internal:    http.StatusInternalServerError,
	carnet.Invalid:     http.StatusBadRequest,
	carnet.NotFound:    http.StatusNotFound,
	carnet.Conflict:    http.StatusConflict,
	carnet.Denied:      http.StatusForbidden,
	carnet.Unavailable: http.StatusServiceUnavailable,
	carnet.TooMany:     http.StatusTooManyRequests,
}

type errorView struct {
	Page
	Words  string // what happened
	Advice string // what to do
	Code   string
	Retry  bool
}

func (k *Kit) errorView(r *http.Request, kind carnet.Kind, e *carnet.Error) errorView {
	name := kind.String()
	v := errorView{Page: k.Page(r, "fail."+name+".title"), Retry: kind == carnet.Unavailable || kind == carnet.TooMany}
	v.Words, v.Advice, v.Code = v.T("fail."+name+".words"), v.T("fail."+name+".advice"), "internal"
	if e != nil {
		v.Code = e.Code
		if kind != carnet.Internal && v.Has("problem."+e.Code) {
			v.Words = v.Message(e)
		}
		if v.Has("advice." + e.Code) {
			v.Advice = v.T("advice." + e.Code)
		}
	}
	return v
}

// Fail answers with the page of an error. An error that is none of ours is Internal: the log has
// all of it, the person sees a number to quote.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := carnet.KindOf(err)
	e, _ := errors.AsType[*carnet.Error](err)
	st := stateOf(r)
	if kind == carnet.Internal {
		k.cfg.Log.ErrorContext(r.Context(), "request failed", "request", st.id, "err", err)
	} else {
		k.cfg.Log.InfoContext(r.Context(), "request refused", "request", st.id, "kind", kind.String(), "code", carnet.CodeOf(err))
	}
	switch kind {
	case carnet.Unavailable:
		w.Header().Set("Retry-After", "30")
	case carnet.TooMany:
		w.Header().Set("Retry-After", RetryAfter(e))
	}
	if k.program(w, r, statusOf[kind], carnet.CodeOf(err)) {
		return
	}
	v := k.errorView(r, kind, e)
	k.Render(w, r, statusOf[kind], "error", &v)
}

// program lets the site answer a program in its own way.
func (k *Kit) program(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	return k.cfg.Program != nil && k.cfg.Program(w, r, status, code)
}

type expiredView struct {
	Page
	Login  string
	Values []Hidden
}

// Expired answers a form that needs a session and has none: everything typed waits in the page
// itself, to be sent again after a login in another tab. Login is the page that begins one.
func (k *Kit) Expired(w http.ResponseWriter, r *http.Request, login string) {
	v := expiredView{Page: k.Page(r, "expired.title"), Login: login}
	v.Values = v.post
	w.Header().Set("WWW-Authenticate", `Session realm="`+k.cfg.Site+`"`)
	k.Render(w, r, http.StatusUnauthorized, "expired", &v)
}

type cookiesView struct {
	Page
	Table Table
}

func (k *Kit) cookies(w http.ResponseWriter, r *http.Request) {
	v := cookiesView{Page: k.Page(r, "cookies.title")}
	v.Table = Table{Caption: v.T("cookies.caption"), Head: []string{v.T("cookies.name"), v.T("cookies.purpose"), v.T("cookies.life")}}
	for _, c := range k.cfg.Cookies {
		v.Table.Rows = append(v.Table.Rows, []Cell{{Words: c.Name}, {Words: v.T(c.Purpose)}, {Words: v.T(c.Life)}})
	}
	k.Render(w, r, http.StatusOK, "cookies", &v)
}

// RetryAfter is how many seconds to wait after an error of the kind carnet.TooMany, as the header of
// that name says it.
func RetryAfter(e *carnet.Error) string {
	if n, ok := e.Args["Seconds"].(int); ok && n > 0 {
		return strconv.Itoa(n)
	}
	return "60"
}

// Status is the status of a kind, for a page that shows the error in its own words.
func Status(kind carnet.Kind) int { return statusOf[kind] }
