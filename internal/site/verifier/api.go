package verifier

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/verify"
)

//go:embed openapi.json
var openAPI []byte

// accepted are the kinds of body that a program may send. The bytes decide what a body is: the kind
// only has to be one of these, so that a form or a JSON wrapping is refused with a word on why.
var accepted = []string{"text/plain", "application/pdf", "application/octet-stream", "image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp", "image/tiff"}

// Answer is what a program gets. The verdicts are those of `carnet verify --json`.
type Answer struct {
	At       time.Time        `json:"at"`       // the instant of the check
	Trust    verify.Facts     `json:"trust"`    // what the verdicts rest on
	Verdicts []verify.Verdict `json:"verdicts"` // one for each code, in reading order
	Problem  *Problem         `json:"problem,omitempty"`
}

// Problem is why something could not be checked.
type Problem struct {
	Code  string `json:"code"`  // stable
	Words string `json:"words"` // for people, in the language of the request
}

// api verifies what a program sends.
func (s *site) api(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(accepted, kind) {
		w.Header().Set("Accept", strings.Join(accepted, ", "))
		s.problem(w, r, http.StatusUnsupportedMediaType, "request.type")
		return
	}
	if !acceptsJSON(r.Header.Get("Accept")) {
		s.problem(w, r, http.StatusNotAcceptable, "request.accept")
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			s.problem(w, r, http.StatusRequestEntityTooLarge, "scan.size")
		} else {
			s.problem(w, r, http.StatusBadRequest, "request.malformed")
		}
		return
	}
	verdicts, err := s.verify(r.Context(), data)
	now := s.pack.Current(r.Context())
	a := Answer{At: s.Clock().UTC(), Trust: now.Checker.Facts(now.Made), Verdicts: verdicts}
	status := http.StatusOK
	if a.Verdicts == nil {
		a.Verdicts = []verify.Verdict{}
	}
	if err != nil {
		code := carnet.CodeOf(err)
		switch {
		case code == "rate":
			w.Header().Set("Retry-After", "1")
			s.problem(w, r, http.StatusTooManyRequests, code)
			return
		case carnet.KindOf(err) != carnet.Invalid:
			s.Log.ErrorContext(r.Context(), "verification failed", "err", err)
			s.problem(w, r, http.StatusInternalServerError, "internal")
			return
		case len(verdicts) == 0:
			status = http.StatusUnprocessableEntity
		}
		a.Problem = &Problem{code, s.say(r, code)}
	}
	answer(w, status, a)
}

// acceptsJSON reads an Accept header as far as it matters here.
func acceptsJSON(accept string) bool {
	if accept == "" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if kind = strings.TrimSpace(kind); kind == "*/*" || kind == "application/*" || kind == "application/json" {
			return true
		}
	}
	return false
}

// problem answers a program that gets no verdict.
func (s *site) problem(w http.ResponseWriter, r *http.Request, status int, code string) {
	answer(w, status, map[string]Problem{"problem": {code, s.say(r, code)}})
}

// program answers a fault that the kit found on a path that programs ask for.
func (s *site) program(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	s.problem(w, r, status, code)
	return true
}

// say puts a code in words: those of the verdicts, or those of this site.
func (s *site) say(r *http.Request, code string) string {
	t := s.ui.Text(r)
	if t.Has("problem." + code) {
		return t.T("problem." + code)
	}
	return capital(s.words[t.Lang].Problem(code))
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // texts, numbers and dates: nothing here cannot be marshalled
		status, b = http.StatusInternalServerError, []byte(`{"problem":{"code":"internal","words":""}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the reader is gone: nobody left to tell
}

func (s *site) openAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}
