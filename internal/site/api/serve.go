package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/login/software"
	"carnet/internal/site/ui"
)

// query is one interaction, asked by a request or by an entry of a batch.
type query struct {
	context.Context
	grant   software.Grant
	text    ui.Text
	address string     // what follows the base: "Immunization/…"
	id, at  string     // of the address
	post    bool       // the parameters came in a body: numbers may be among them
	params  url.Values // of the address, or of the body of a search
	body    []byte

	ifMatch, ifNoneExist, key string
}

// reply is the answer to one.
type reply struct {
	status   int
	resource fhir.Resource
	version  int // 0 without
	location string
	modified time.Time
}

type interaction func(*query) (reply, error)

// route is an interaction and what it needs of a token.
type route struct {
	method, path string // after the base; {id} and {at} are parts of the address
	resource     string
	letter       byte
	do           interaction
}

func (s *site) routes() []route {
	return []route{
		{http.MethodPost, "/Patient/_search", "Patient", 's', s.findPatient},
		{http.MethodPost, "/Patient/$match", "Patient", 's', s.match},
		{http.MethodGet, "/Patient", "Patient", 's', s.refuseNumber},
		{http.MethodGet, "/Patient/{id}", "Patient", 'r', s.readPatient},
		{http.MethodPost, "/Immunization", "Immunization", 'c', s.create},
		{http.MethodGet, "/Immunization", "Immunization", 's', s.search},
		{http.MethodPost, "/Immunization/_search", "Immunization", 's', s.search},
		{http.MethodGet, "/Immunization/{id}", "Immunization", 'r', s.read},
		{http.MethodPut, "/Immunization/{id}", "Immunization", 'u', s.update},
		{http.MethodGet, "/Immunization/{id}/_history", "Immunization", 'r', s.history},
		{http.MethodGet, "/Immunization/{id}/_history/{at}", "Immunization", 'r', s.vread},
	}
}

// serve answers a request for an interaction.
func (s *site) serve(to route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := s.asked(w, r)
		if err == nil {
			q.id, q.at = r.PathValue("id"), r.PathValue("at")
			q.address = strings.TrimPrefix(r.URL.EscapedPath(), Base+"/")
			var out reply
			if out, err = s.run(to, q); err == nil {
				s.answer(w, r, out)
				return
			}
		}
		s.refuse(w, r, err)
	}
}

// run does an interaction when the token covers it.
func (s *site) run(to route, q *query) (reply, error) {
	if to.resource != "" { // a batch asks for each of its entries
		if err := q.grant.May(to.resource, to.letter); err != nil {
			return reply{}, err
		}
	}
	return to.do(q)
}

// asked reads what every request has: who asks, what they take, what they send.
func (s *site) asked(w http.ResponseWriter, r *http.Request) (*query, error) {
	w.Header().Set("DPoP-Nonce", s.Software.Nonce())
	grant, err := s.Software.Authenticate(r)
	if err != nil {
		return nil, err
	}
	if !takesJSON(r) {
		return nil, carnet.E("api", carnet.Invalid, codeAccept, nil)
	}
	q := &query{Context: r.Context(), grant: grant, text: s.ui.Text(r), params: r.URL.Query(),
		ifMatch: r.Header.Get("If-Match"), ifNoneExist: r.Header.Get("If-None-Exist"), key: r.Header.Get("Idempotency-Key")}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return q, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form := kind == "application/x-www-form-urlencoded"
	charset := strings.ToLower(params["charset"])
	if err != nil || form != strings.HasSuffix(r.URL.Path, "/_search") || !form && kind != fhir.MediaType && kind != "application/json" || charset != "" && charset != "utf-8" {
		return nil, carnet.E("api", carnet.Invalid, codeType, nil)
	}
	if form {
		if len(q.params) > 0 {
			return nil, carnet.E("api", carnet.Invalid, codeParameter, nil)
		}
		q.params, q.post = r.PostForm, true
		return q, nil
	}
	limit := int64(maxBody)
	if r.URL.Path == Base || r.URL.Path == Base+"/" {
		limit = maxBatch
	}
	if q.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return nil, fhir.Faults{{Code: fhir.CodeSize}}
		}
		return nil, fhir.Faults{{Code: fhir.CodeJSON}}
	}
	return q, nil
}

// takesJSON reads what a program accepts: the header, or the parameter _format in its place.
func takesJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	if format := r.URL.Query().Get("_format"); format != "" {
		accept = format
	}
	if accept == "" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(kind) {
		case "*/*", "application/*", "application/json", "application/fhir+json", "json":
			return true
		}
	}
	return false
}

// answer writes a reply.
func (s *site) answer(w http.ResponseWriter, r *http.Request, out reply) {
	h := w.Header()
	if out.version > 0 {
		h.Set("ETag", etag(out.version))
	}
	if out.location != "" {
		h.Set("Location", s.Origin+Base+"/"+out.location)
	}
	if !out.modified.IsZero() {
		h.Set("Last-Modified", out.modified.UTC().Format(http.TimeFormat))
	}
	if out.status == 0 {
		out.status = http.StatusOK
	}
	if out.resource == nil || strings.Contains(r.Header.Get("Prefer"), "return=minimal") && r.Method != http.MethodGet {
		w.WriteHeader(out.status)
		return
	}
	text, err := fhir.Encode(out.resource)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	h.Set("Content-Type", fhir.MediaType+"; charset=utf-8")
	w.WriteHeader(out.status)
	_, _ = w.Write(text) // the client may be gone
}

// refuse answers with an OperationOutcome.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if f, ok := errors.AsType[*software.Failure](err); ok {
		s.Software.Challenge(w.Header(), f)
	}
	if e, ok := errors.AsType[*carnet.Error](err); ok && e.Kind == carnet.TooMany {
		w.Header().Set("Retry-After", ui.RetryAfter(e))
	}
	status, out := s.outcome(s.ui.Text(r), err)
	if status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "request", ui.RequestID(r), "err", err)
	}
	text, broken := fhir.Encode(out)
	if broken != nil {
		http.Error(w, "internal", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", fhir.MediaType+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// program answers a fault that the kit found, to whoever is no browser.
func (s *site) program(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	switch {
	case r.URL.Path == Base || strings.HasPrefix(r.URL.Path, Base+"/"):
		kind := map[int]carnet.Kind{http.StatusNotFound: carnet.NotFound, http.StatusInternalServerError: carnet.Internal}[status]
		if status == http.StatusBadRequest || status == http.StatusForbidden || status == http.StatusMethodNotAllowed {
			kind = carnet.Invalid
		}
		_, out := s.outcome(s.ui.Text(r), carnet.E("api", kind, code, nil))
		text, err := fhir.Encode(out)
		if err != nil {
			return false
		}
		w.Header().Set("Content-Type", fhir.MediaType+"; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(text)
	case strings.HasPrefix(r.URL.Path, "/oauth/") || strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/.well-known/"):
		s.json(w, status, map[string]string{"error": "invalid_request", "code": code, "error_description": s.ui.In("en").Message(carnet.E("api", carnet.Invalid, code, nil))})
	default:
		return false
	}
	return true
}

func (s *site) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

func (s *site) metadata(w http.ResponseWriter, _ *http.Request) {
	s.json(w, http.StatusOK, s.Software.Metadata(s.Certificates, s.Origin+"/"))
}

func (s *site) smart(w http.ResponseWriter, _ *http.Request) {
	s.json(w, http.StatusOK, s.Software.Metadata(s.Certificates, s.Origin+"/").SMART())
}

// atoi reads a positive number of few digits.
func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && len(s) < 7
}
