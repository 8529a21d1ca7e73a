package api

import (
	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/catalogue"
)

// Systems of identifiers: FR Core (hl7.fr/ig/fhir/core) and the national directories.
const (
	sysNIR    fhir.URI = "urn:oid:1.2.250.1.213.1.4.8"   // INS-NIR
	sysNIA    fhir.URI = "urn:oid:1.2.250.1.213.1.4.9"   // INS-NIA
	sysRPPS   fhir.URI = "https://rpps.esante.gouv.fr"   // 11 digits
	sysIDNPS  fhir.URI = "urn:oid:1.2.250.1.71.4.2.1"    // 8 and the RPPS
	sysFINESS fhir.URI = "https://finess.esante.gouv.fr" // 9 characters
	sysIDNST  fhir.URI = "urn:oid:1.2.250.1.71.4.2.2"    // 1 and the FINESS
	sysURI    fhir.URI = "urn:ietf:rfc:3986"             // urn:uuid:
	own       fhir.URI = "https://carnet.example/fhir/"  // what is ours
	hl7       fhir.URI = "http://terminology.hl7.org/CodeSystem/"
	sysSite            = hl7 + "v3-ActSite"
	sysRoute           = hl7 + "v3-RouteOfAdministration"
	sysReason          = hl7 + "v3-ActReason"
	sysRole            = hl7 + "v2-0443"
	sysOrigin          = hl7 + "immunization-origin"
	sysTag             = hl7 + "v3-ObservationValue"
)

// Systems and extensions of ours.
const (
	sysVaccine     = own + "CodeSystem/vaccine" // products that have no European authorisation
	sysProblem     = own + "CodeSystem/problem"
	sysOutcome     = own + "CodeSystem/not-given"
	sysEligibility = own + "CodeSystem/eligibility"
	sysDisease     = own + "CodeSystem/disease"
	sysFunction    = own + "CodeSystem/function"
	sysCause       = own + "CodeSystem/cause"

	extConsent  = own + "StructureDefinition/consent"
	extLate     = own + "StructureDefinition/late-reason"
	extChange   = own + "StructureDefinition/correction-reason"
	extRank     = own + "StructureDefinition/rank-reason"
	extWarning  = own + "StructureDefinition/warning"
	extCountry  = own + "StructureDefinition/country"
	extForm     = own + "StructureDefinition/paper-form"
	extWordsFor = "http://hl7.org/fhir/StructureDefinition/translation"
	extMatch    = "http://hl7.org/fhir/StructureDefinition/match-grade"
)

// The lists of products that are written.
const (
	sysEU   fhir.URI = "https://ec.europa.eu/health/documents/community-register/html/"
	sysATC  fhir.URI = "http://www.whocc.no/atc"
	sysNUVA fhir.URI = "https://smt.esante.gouv.fr/terminologie-nuva"
)

// vaccineSystems are the lists of products that software may code with.
var vaccineSystems = []struct {
	system fhir.URI
	list   catalogue.System
}{
	{sysEU, catalogue.EU},
	{sysVaccine, catalogue.EU},
	{"https://smt.esante.gouv.fr/terminologie-bdpm", catalogue.CIP},
	{"https://www.gs1.org/gtin", catalogue.GTIN},
	{sysATC, catalogue.ATC},
	{"https://smt.esante.gouv.fr/terminologie-atc", catalogue.ATC},
	{sysNUVA, catalogue.NUVA},
	{"https://smt.esante.gouv.fr/terminologie-nuva/", catalogue.NUVA},
	{"http://ivci.org/NUVA", catalogue.NUVA},
}

// pair is a value of ours and its code in a system of others.
type pair[T comparable] struct {
	ours   T
	system fhir.URI
	code   fhir.Code
}

// The first code of a value is the one that is written.
var (
	sites = []pair[carnet.BodySite]{
		{carnet.LeftArm, sysSite, "LA"}, {carnet.RightArm, sysSite, "RA"}, {carnet.LeftThigh, sysSite, "LT"}, {carnet.RightThigh, sysSite, "RT"},
		{carnet.LeftArm, sysSite, "LD"}, {carnet.RightArm, sysSite, "RD"}, {carnet.LeftArm, sysSite, "LUA"}, {carnet.RightArm, sysSite, "RUA"},
		{carnet.LeftThigh, sysSite, "LVL"}, {carnet.RightThigh, sysSite, "RVL"},
	}
	routes = []pair[string]{
		{"IM", sysRoute, "IM"}, {"SC", sysRoute, "SQ"}, {"ID", sysRoute, "IDINJ"}, {"PO", sysRoute, "PO"}, {"NAS", sysRoute, "NASINHL"}, {"NAS", sysRoute, "NASINHLC"},
	}
	outcomes = []pair[carnet.NotGiven]{
		{carnet.Refused, sysReason, "PATOBJ"}, {carnet.Contraindicated, sysReason, "MEDPREC"}, {carnet.Elsewhere, sysReason, "IMMUNE"},
		{carnet.Refused, sysOutcome, "refused"}, {carnet.Absent, sysOutcome, "absent"}, {carnet.Unwell, sysOutcome, "unwell"},
		{carnet.Contraindicated, sysOutcome, "contraindicated"}, {carnet.Elsewhere, sysOutcome, "elsewhere"},
	}
	evidences = []pair[carnet.Evidence]{
		{carnet.Proven, sysOrigin, "record"}, {carnet.Stated, sysOrigin, "recall"}, {carnet.Proven, sysOrigin, "provider"}, {carnet.Proven, sysOrigin, "school"},
	}
	causes = []pair[vaccinate.Cause]{
		{vaccinate.WrongPerson, sysCause, "wrong-person"}, {vaccinate.NeverGiven, sysCause, "not-given"}, {vaccinate.Twice, sysCause, "twice"},
		{vaccinate.Other, sysCause, "other"}, {vaccinate.Undone, sysCause, "undo"}, {vaccinate.Forged, sysCause, "forged"},
	}
)

// concept writes a value as a concept, nil when it has no code.
func concept[T comparable](list []pair[T], v T) *fhir.CodeableConcept {
	for _, p := range list {
		if p.ours == v {
			return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: p.system, Code: p.code}}}
		}
	}
	return nil
}

// meaning reads a concept: the value of the first of its codes that has one.
func meaning[T comparable](list []pair[T], c *fhir.CodeableConcept) (v T, ok bool) {
	if c == nil {
		return v, false
	}
	for _, coding := range c.Coding {
		for _, p := range list {
			if p.system == coding.System && p.code == coding.Code {
				return p.ours, true
			}
		}
	}
	return v, false
}

// text is the value of an extension that is written as a text, empty without.
func text(list []fhir.Extension, url fhir.URI) string {
	for _, e := range list {
		if e.URL == url {
			return e.Value.String()
		}
	}
	return ""
}
