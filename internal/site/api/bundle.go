package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
)

// batch does the requests of a bundle, each apart: one that is refused leaves the others alone. A
// transaction is refused: entries of several people are not one.
func (s *site) batch(q *query) (reply, error) {
	b, err := fhir.Decode[fhir.Bundle](q.body, fhir.Limits{Bytes: maxBatch})
	if err != nil {
		return reply{}, err
	}
	if b.Kind != "batch" {
		return reply{}, carnet.E("api", carnet.Invalid, codeNotHere, nil)
	}
	if len(b.Entry) > maxMany {
		return reply{}, carnet.E("api", carnet.Invalid, codeMany, nil)
	}
	out := &fhir.Bundle{Kind: "batch-response"}
	for _, e := range b.Entry {
		answer, err := s.one(q, e)
		if err != nil {
			status, outcome := s.outcome(q.text, err)
			out.Entry = append(out.Entry, fhir.Entry{Response: &fhir.EntryResponse{Status: fhir.String(strconv.Itoa(status)), Outcome: outcome}})
			continue
		}
		if answer.status == 0 {
			answer.status = http.StatusOK
		}
		r := &fhir.EntryResponse{Status: fhir.String(strconv.Itoa(answer.status))}
		if answer.version > 0 {
			r.Etag = fhir.String(etag(answer.version))
		}
		if answer.location != "" {
			r.Location = fhir.URI(answer.location)
		}
		if !answer.modified.IsZero() {
			r.LastModified = fhir.Instant(instant(answer.modified))
		}
		out.Entry = append(out.Entry, fhir.Entry{Resource: answer.resource, Response: r})
	}
	return reply{resource: out}, nil
}

// one does the request of one entry.
func (s *site) one(q *query, e fhir.Entry) (reply, error) {
	none := carnet.E("api", carnet.Invalid, codeNotHere, nil)
	if e.Request == nil {
		return reply{}, none
	}
	path, params, _ := strings.Cut(string(e.Request.URL), "?")
	values, err := url.ParseQuery(params)
	if err != nil {
		return reply{}, none
	}
	for _, to := range s.routes() {
		id, at, ok := matches(to.path, "/"+strings.TrimPrefix(path, "/"))
		if !ok || to.method != string(e.Request.Method) || strings.HasSuffix(to.path, "_search") {
			continue
		}
		again := *q
		again.id, again.at, again.address, again.params, again.body = id, at, path, values, nil
		again.ifMatch, again.ifNoneExist, again.key = string(e.Request.IfMatch), string(e.Request.IfNoneExist), ""
		if e.Resource != nil {
			if again.body, err = fhir.Encode(e.Resource); err != nil {
				return reply{}, err
			}
		}
		return s.run(to, &again)
	}
	return reply{}, none
}

// matches compares an address with the path of a route.
func matches(pattern, path string) (id, at string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", "", false
	}
	for i := range want {
		switch {
		case want[i] == "{id}" && got[i] != "" && got[i][0] != '_' && got[i][0] != '$':
			id = got[i]
		case want[i] == "{at}" && got[i] != "":
			at = got[i]
		case want[i] != got[i]:
			return "", "", false
		}
	}
	return id, at, true
}
