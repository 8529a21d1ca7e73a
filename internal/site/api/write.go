package api

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/vaccinate"
)

// idOf is the id of a resource: person and entry in hexadecimal, 64 characters, the most that FHIR
// allows. It leads to the record without an index over everybody.
func idOf(person, dose carnet.ID) fhir.ID {
	return fhir.ID(hex.EncodeToString(append(person[:], dose[:]...)))
}

// parseID is the inverse.
func parseID(s string) (person, dose carnet.ID, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return person, dose, false
	}
	copy(person[:], b[:16])
	copy(dose[:], b[16:])
	return person, dose, person.Version() >= 7 && dose.Version() >= 7
}

func etag(version int) string { return `W/"` + strconv.Itoa(version) + `"` }

// state is an entry as an event left it.
type state struct {
	carnet.Dose
	at    time.Time       // of the event; zero when it is not known
	cause vaccinate.Cause // why it was taken away
	gone  bool            // it was taken away
}

// stateOf is what an event left.
func stateOf(e vaccinate.Event) state {
	return state{Dose: e.Dose, at: e.At, cause: e.Cause, gone: e.Kind == vaccinate.Cancelled || e.Kind == vaccinate.Annulled}
}

func instant(at time.Time) string { return at.In(carnet.Paris).Format("2006-01-02T15:04:05.000Z07:00") }

func flag(b bool) *fhir.Boolean { f := fhir.Boolean(b); return &f }

func number(n int) *fhir.PositiveInt { p := fhir.PositiveInt(n); return &p }

// resource writes an entry.
func (s *site) resource(d state) *fhir.Immunization {
	im := &fhir.Immunization{Status: "completed", PrimarySource: flag(d.Evidence == carnet.Administered)}
	im.ID = idOf(d.PersonID, d.ID)
	im.Meta = &fhir.Meta{VersionID: fhir.ID(strconv.Itoa(d.Version))}
	if !d.at.IsZero() {
		im.Meta.LastUpdated = fhir.Instant(instant(d.at))
	}
	im.Identifier = []fhir.Identifier{{System: sysURI, Value: fhir.String("urn:uuid:" + d.ID.String())}}
	switch {
	case d.gone:
		im.Status, im.StatusReason = "entered-in-error", concept(causes, d.cause)
	case !d.Given():
		im.Status, im.StatusReason = "not-done", concept(outcomes, d.NotGiven)
	}
	im.VaccineCode = s.product(d.Dose)
	im.Patient = &fhir.Reference{Reference: fhir.String("Patient/" + d.PersonID.String()), Type: "Patient"}
	im.OccurrenceDateTime = fhir.DateTime(d.Date.String())
	if at, err := time.ParseInLocation("2006-01-02 15:04", d.Date.String()+" "+d.Time, carnet.Paris); d.Time != "" && err == nil {
		im.OccurrenceDateTime = fhir.DateTime(at.Format(time.RFC3339))
	}
	im.Recorded = fhir.DateTime(instant(d.RecordedAt))
	if d.Evidence != carnet.Administered {
		im.ReportOrigin = concept(evidences, d.Evidence)
	}
	if d.Place.ID != "" {
		im.Location = &fhir.Reference{Type: "Location", Identifier: &fhir.Identifier{System: sysFINESS, Value: fhir.String(d.Place.ID)}, Display: fhir.String(plain(d.Place.Name))}
	}
	im.LotNumber = fhir.String(d.Lot.Reveal())
	if !d.Expiry.IsZero() {
		im.ExpirationDate = fhir.Date(d.Expiry.String())
	}
	im.Site, im.Route = concept(sites, d.BodySite), concept(routes, d.Route)
	if d.Half {
		im.DoseQuantity = &fhir.Quantity{Value: "0.5", Unit: "dose", System: "http://unitsofmeasure.org", Code: "{dose}"}
	}
	performer := func(system fhir.URI, function fhir.Code, id carnet.ID) {
		if !id.IsZero() {
			im.Performer = append(im.Performer, fhir.Performer{Function: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: system, Code: function}}},
				Actor: &fhir.Reference{Type: "Practitioner", Identifier: &fhir.Identifier{System: sysURI, Value: fhir.String("urn:uuid:" + id.String())}}})
		}
	}
	performer(sysRole, "AP", d.Injector)
	performer(sysRole, "EP", d.RecordedBy)
	performer(sysFunction, "responsible", d.Responsible)
	if note := d.Note.Reveal(); note != "" {
		im.Note = []fhir.Annotation{{Text: fhir.Markdown(plain(note))}}
	}
	if d.Eligibility != "" {
		im.ProgramEligibility = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysEligibility, Code: fhir.Code(d.Eligibility)}}}}
	}
	if d.Rank > 0 {
		p := fhir.ProtocolApplied{DoseNumberPositiveInt: number(d.Rank)}
		if d.Expected > 0 {
			p.SeriesDosesPositiveInt = number(d.Expected)
		}
		if v, ok := s.Vaccinate.Catalogue().Find(d.Vaccine); ok {
			for _, disease := range v.Diseases {
				p.TargetDisease = append(p.TargetDisease, fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysDisease, Code: fhir.Code(disease)}}})
			}
		}
		im.ProtocolApplied = []fhir.ProtocolApplied{p}
	}
	extend := func(url fhir.URI, kind, value string) {
		if value != "" {
			im.Extension = append(im.Extension, fhir.Extension{URL: url, Value: fhir.Text(kind, plain(value))})
		}
	}
	extend(extConsent, "Code", string(d.Consent.By))
	extend(extLate, "String", d.LateReason)
	extend(extRank, "String", d.RankReason)
	extend(extCountry, "Code", d.Country)
	extend(extForm, "String", d.Form)
	for _, w := range d.Warnings {
		extend(extWarning, "Code", w)
	}
	return im
}

// product writes a vaccine in the lists that it has a code of.
func (s *site) product(d carnet.Dose) *fhir.CodeableConcept {
	c := &fhir.CodeableConcept{Text: fhir.String(plain(d.Product))}
	add := func(system fhir.URI, code, display string) {
		if code != "" {
			c.Coding = append(c.Coding, fhir.Coding{System: system, Code: fhir.Code(code), Display: fhir.String(plain(display))})
		}
	}
	v, _ := s.Vaccinate.Catalogue().Find(d.Vaccine)
	first := sysVaccine
	if strings.HasPrefix(d.Vaccine, "EU/") {
		first = sysEU
	}
	add(first, d.Vaccine, v.Name)
	add(sysATC, v.ATC, "")
	add(sysNUVA, v.NUVA, "")
	if c.Text == "" {
		c.Text = fhir.String(plain(v.Name))
	}
	return c
}

// hidden shows the least of an identity that a developer or a professional needs to see that it is
// the right one: initials, year of birth, sex.
func hidden(id carnet.ID, i carnet.Identity, died carnet.Date) *fhir.Patient {
	p := &fhir.Patient{Gender: map[carnet.Sex]fhir.Code{carnet.Female: "female", carnet.Male: "male"}[i.Sex]}
	p.ID = fhir.ID(id.String())
	p.Meta = &fhir.Meta{Security: []fhir.Coding{{System: sysTag, Code: "MASKED"}}, Tag: []fhir.Coding{{System: sysTag, Code: "SUBSETTED"}}}
	initial := func(name carnet.Private) fhir.String {
		for _, r := range name.Reveal() {
			return fhir.String(string(r) + ".")
		}
		return ""
	}
	name := fhir.HumanName{Use: "official", Family: initial(i.BirthName)}
	if len(i.GivenNames) > 0 {
		name.Given = []fhir.String{initial(i.GivenNames[0])}
	}
	p.Name = []fhir.HumanName{name}
	if iso := i.Birth.ISO(); iso != "" {
		p.BirthDate = fhir.Date(iso[:4])
	}
	if !died.IsZero() {
		p.DeceasedBoolean = flag(true)
	}
	return p
}
