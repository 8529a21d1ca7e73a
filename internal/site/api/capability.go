package api

import (
	"net/http"

	"carnet/internal/fhir"
)

// published is the day of this description.
const published = "2026-11-22"

// capability describes the interface.
func (s *site) capability(w http.ResponseWriter, r *http.Request) {
	if !takesJSON(r) {
		s.refuse(w, r, fhir.Faults{{Code: codeAccept}})
		return
	}
	s.answer(w, r, reply{resource: s.statement()})
}

func (s *site) statement() *fhir.CapabilityStatement {
	verbs := func(codes ...fhir.Code) (list []fhir.Interaction) {
		for _, c := range codes {
			list = append(list, fhir.Interaction{Code: c})
		}
		return list
	}
	param := func(name, definition, kind string) fhir.SearchParam {
		return fhir.SearchParam{Name: fhir.String(name), Definition: fhir.URI(definition), Type: fhir.Code(kind)}
	}
	const definitions = "http://hl7.org/fhir/SearchParameter/"
	c := &fhir.CapabilityStatement{
		URL: s.full("metadata"), Version: fhir.String(s.Version), Name: "Carnet", Title: "Carnet", Status: "active", Date: published, Kind: "instance",
		Software: &fhir.Software{Name: "Carnet", Version: fhir.String(s.Version)}, Implementation: &fhir.Implementation{Description: "Carnet", URL: fhir.URI(s.Origin + Base)},
		FHIRVersion: fhir.Version, Format: []fhir.Code{"application/fhir+json", "json"},
		Description: fhir.Markdown(s.ui.In("en").T("capability.description")),
	}
	c.Language = "en"
	smart := fhir.CodeableConcept{Coding: []fhir.Coding{{System: hl7 + "restful-security-service", Code: "SMART-on-FHIR"}}}
	endpoints := fhir.Extension{URL: "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"}
	endpoints.Extension = []fhir.Extension{{URL: "token", Value: fhir.Text("Uri", s.Origin+"/oauth/token")}}
	security := &fhir.Security{Service: []fhir.CodeableConcept{smart}, Description: fhir.Markdown(s.ui.In("en").T("capability.security"))}
	security.Extension = []fhir.Extension{endpoints}
	c.Rest = []fhir.Rest{{
		Mode: "server", Security: security, Interaction: verbs("batch"),
		Resource: []fhir.RestResource{
			{Type: "Immunization", Documentation: fhir.Markdown(s.ui.In("en").T("capability.immunization")), Versioning: "versioned-update", ReadHistory: flag(true), UpdateCreate: flag(false),
				ConditionalCreate: flag(true), ConditionalRead: "not-supported", ConditionalUpdate: flag(false), ConditionalDelete: "not-supported", ReferencePolicy: []fhir.Code{"literal", "logical"},
				Interaction: verbs("create", "read", "vread", "update", "history-instance", "search-type"),
				SearchParam: []fhir.SearchParam{param("patient", definitions+"clinical-patient", "reference")}},
			{Type: "Patient", Documentation: fhir.Markdown(s.ui.In("en").T("capability.patient")), Versioning: "no-version", Interaction: verbs("read", "search-type"),
				SearchParam: []fhir.SearchParam{param("identifier", definitions+"Patient-identifier", "token")},
				Operation:   []fhir.RestOperation{{Name: "match", Definition: "http://hl7.org/fhir/OperationDefinition/Patient-match"}}},
		},
	}}
	return c
}
