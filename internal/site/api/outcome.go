package api

import (
	"errors"
	"net/http"
	"strings"
	"unicode"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/login/software"
	"carnet/internal/site/ui"
)

// paths say which element a field of a room is.
var paths = map[string]string{
	"vaccine": "Immunization.vaccineCode", "product": "Immunization.vaccineCode.text", "lot": "Immunization.lotNumber", "expiry": "Immunization.expirationDate",
	"date": "Immunization.occurrenceDateTime", "time": "Immunization.occurrenceDateTime", "place": "Immunization.location", "site": "Immunization.site", "route": "Immunization.route",
	"injector": "Immunization.performer", "responsible": "Immunization.performer", "rank": "Immunization.protocolApplied", "rank-reason": "Immunization.extension",
	"reason": "Immunization.extension", "late-reason": "Immunization.extension", "form": "Immunization.extension", "country": "Immunization.extension", "consent": "Immunization.extension",
	"evidence": "Immunization.primarySource", "not-given": "Immunization.statusReason", "cause": "Immunization.statusReason", "note": "Immunization.note",
	"nir": "Patient.identifier", "name": "Patient.name", "birth": "Patient.birthDate", "key": "Immunization.identifier",
}

// issueOf is the code of FHIR for each kind of error (value set issue-type).
var issueOf = map[carnet.Kind]fhir.Code{
	carnet.Internal: "exception", carnet.Invalid: "business-rule", carnet.NotFound: "not-found", carnet.Conflict: "conflict", carnet.Denied: "forbidden",
	carnet.Unavailable: "transient", carnet.TooMany: "throttled",
}

// issueCodes are those of single codes of ours.
var issueCodes = map[string]fhir.Code{
	fhir.CodeJSON: "structure", fhir.CodeSize: "too-long", fhir.CodeResource: "structure", fhir.CodeUnknown: "structure", fhir.CodeRequired: "required", fhir.CodeForm: "structure",
	fhir.CodeValue: "value", fhir.CodeChoice: "structure", codeUnsupported: "not-supported", codeReference: "not-found", codeVaccine: "code-invalid", codeAmbiguous: "code-invalid",
	codeConcept: "code-invalid", codeNotHere: "not-supported", codeMany: "too-costly", codeVersion: "required", codeKey: "required", codeAccept: "not-supported", codeType: "not-supported",
}

// statusOf are the statuses of single codes of ours; else the kind decides.
var statusOf = map[string]int{
	codeAccept: http.StatusNotAcceptable, codeType: http.StatusUnsupportedMediaType, codeVersion: http.StatusPreconditionRequired, codeKey: http.StatusPreconditionRequired,
	codeParameter: http.StatusBadRequest, codeNumber: http.StatusBadRequest, codeNotHere: http.StatusBadRequest, codeID: http.StatusBadRequest, fhir.CodeSize: http.StatusRequestEntityTooLarge,
	codeMany: http.StatusRequestEntityTooLarge, "dose.changed-meanwhile": http.StatusPreconditionFailed,
}

// outcome puts an error into an OperationOutcome, with its status.
func (s *site) outcome(text ui.Text, err error) (int, *fhir.OperationOutcome) {
	out := &fhir.OperationOutcome{}
	add := func(kind carnet.Kind, code, path string, e *carnet.Error) int {
		issue := fhir.Issue{Severity: "error", Code: issueOf[kind], Details: s.words(text, e)}
		if special, ok := issueCodes[code]; ok {
			issue.Code = special
		}
		if path != "" {
			issue.Expression = []fhir.String{fhir.String(path)}
		}
		if len(out.Issue) < 50 {
			out.Issue = append(out.Issue, issue)
		}
		if status, ok := statusOf[code]; ok {
			return status
		}
		return ui.Status(kind)
	}
	if f, ok := errors.AsType[*software.Failure](err); ok {
		add(map[int]carnet.Kind{403: carnet.Denied, 429: carnet.TooMany, 500: carnet.Internal, 503: carnet.Unavailable}[f.Status], f.Code, "", carnet.E("api", carnet.Denied, f.Code, nil))
		if f.Status == http.StatusUnauthorized {
			out.Issue[0].Code = "login"
		}
		out.Issue[0].Diagnostics = fhir.String(f.Words)
		return f.Status, out
	}
	if list, ok := errors.AsType[fhir.Faults](err); ok {
		status := http.StatusBadRequest
		for _, f := range list {
			if add(carnet.Invalid, f.Code, f.Path, carnet.E("api", carnet.Invalid, f.Code, nil)) == http.StatusRequestEntityTooLarge {
				status = http.StatusRequestEntityTooLarge
			}
		}
		return status, out
	}
	if list, ok := errors.AsType[carnet.Problems](err); ok {
		for _, e := range list {
			path := paths[e.Field]
			if path == "" && strings.Contains(e.Field, ".") {
				path = e.Field // named by this site
			}
			add(carnet.Invalid, e.Code, path, e)
		}
		return http.StatusUnprocessableEntity, out
	}
	e, ok := errors.AsType[*carnet.Error](err)
	if !ok || e.Kind == carnet.Internal {
		return add(carnet.Internal, "internal", "", carnet.E("api", carnet.Internal, "internal", nil)), out
	}
	status := add(e.Kind, e.Code, paths[e.Field], e)
	if _, special := statusOf[e.Code]; e.Kind == carnet.Invalid && !special {
		status = http.StatusUnprocessableEntity
	}
	return status, out
}

// words is an error in the language of the request, with the other one beside it.
func (s *site) words(text ui.Text, e *carnet.Error) *fhir.CodeableConcept {
	c := &fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysProblem, Code: fhir.Code(e.Code)}}, Text: fhir.String(s.say(text.Lang, e))}
	for _, lang := range ui.Languages {
		if lang == text.Lang {
			continue
		}
		inner := []fhir.Extension{{URL: "lang", Value: fhir.Text("Code", lang)}, {URL: "content", Value: fhir.Text("String", s.say(lang, e))}}
		c.Beside = fhir.Beside{"text": {Items: []*fhir.Element{{Extension: []fhir.Extension{{Element: fhir.Element{Extension: inner}, URL: extWordsFor}}}}}}
	}
	return c
}

// say is an error in a language: in the words of this site, else in those of the rooms.
func (s *site) say(lang string, e *carnet.Error) string {
	if own := s.ui.In(lang); own.Has("problem."+e.Code) || !s.rooms[lang].Has("problem."+e.Code) {
		return plain(own.Message(e))
	}
	return plain(s.rooms[lang].Message(e))
}

// plain writes every space as one: HL7's schema refuses the others that typography and people use.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) && r != '\n' && r != '\r' && r != '\t' {
			return ' '
		}
		return r
	}, text)
}
