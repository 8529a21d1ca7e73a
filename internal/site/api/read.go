package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/login/software"
	"carnet/internal/vaccinate"
)

// Stable codes of what this interface refuses before a room is asked.
const (
	codeUnsupported = "fhir.unsupported"   // an element that would change the meaning and is not kept
	codeReference   = "fhir.reference"     // a reference that leads nowhere
	codeVaccine     = "fhir.vaccine"       // no code of a known list, or codes of different products
	codeAmbiguous   = "fhir.vaccine-many"  // the codes fit several products
	codeConcept     = "fhir.code"          // a code that has no meaning here
	codeDate        = "fhir.date"          // a whole date is needed
	codeStatus      = "fhir.status"        // a status that cannot be asked for
	codePlace       = "fhir.place"         // another place than the token's
	codeResponsible = "fhir.responsible"   // another responsible professional than the token's
	codeID          = "fhir.id"            // the id of the resource is not that of the address
	codeKey         = "fhir.key"           // no key by which it could be recognised when it is sent again
	codeVersion     = "fhir.version"       // no version of the resource that is to be changed
	codeNumber      = "fhir.number"        // a number in an address
	codeParameter   = "fhir.parameter"     // a parameter that is missing or not known
	codeMany        = "fhir.many"          // too many entries
	codeNotHere     = "fhir.not-supported" // an interaction that there is not
	codeAccept      = "fhir.accept"        // a form of answer that there is not
	codeType        = "fhir.type"          // a form of body that there is not
)

// faults gathers what is wrong with a resource.
type faults struct{ carnet.Problems }

func (f *faults) add(path, code string) { f.Add(path, code, nil) }

// command reads an immunization as a command; the person is found apart. What is not in the
// description of the interface (docs/api.md) and would change the meaning is refused. was is the entry
// that is to be corrected, nil for a new one.
func (s *site) command(im fhir.Immunization, g software.Grant, was *carnet.Dose) (vaccinate.Command, error) {
	var f faults
	var c vaccinate.Command
	s.unsupported(&f, im)
	switch im.Status {
	case "completed":
	case "not-done":
		var ok bool
		if c.NotGiven, ok = meaning(outcomes, im.StatusReason); !ok {
			f.add("Immunization.statusReason", codeConcept)
		}
	default:
		f.add("Immunization.status", codeStatus)
	}
	if primary := im.PrimarySource; primary != nil && !bool(*primary) {
		var ok bool
		if c.Evidence, ok = meaning(evidences, im.ReportOrigin); !ok {
			f.add("Immunization.reportOrigin", codeConcept)
		}
	}
	s.vaccine(&f, im, &c)
	s.when(&f, im, &c)
	s.lot(&f, im, &c)
	s.where(&f, im, &c, g, was)
	s.who(&f, im, &c, g, was)
	s.rank(&f, im, &c)
	if im.Site != nil {
		var ok bool
		if c.BodySite, ok = meaning(sites, im.Site); !ok {
			f.add("Immunization.site", codeConcept)
		}
	}
	if im.Route != nil {
		var ok bool
		if c.Route, ok = meaning(routes, im.Route); !ok {
			f.add("Immunization.route", codeConcept)
		}
	}
	if q := im.DoseQuantity; q != nil && q.Code == "{dose}" {
		switch q.Value {
		case "1", "1.0":
		case "0.5", "0.50":
			c.Half = true
		default:
			f.add("Immunization.doseQuantity", codeConcept)
		}
	}
	if len(im.ProgramEligibility) > 0 {
		c.Eligibility = string(im.ProgramEligibility[0].Find(sysEligibility))
	}
	if by := text(im.Extension, extConsent); by != "" {
		if c.Consent.By = carnet.ConsentBy(by); !slices.Contains(carnet.ConsentsBy, c.Consent.By) {
			f.add("Immunization.extension", codeConcept)
		}
	}
	var notes []string
	for _, n := range im.Note {
		notes = append(notes, string(n.Text))
	}
	c.Note = carnet.Hide(strings.Join(notes, "\n"))
	c.LateReason, c.Form = text(im.Extension, extLate), text(im.Extension, extForm)
	return c, f.Err()
}

// unsupported refuses what would be lost and change the meaning.
func (s *site) unsupported(f *faults, im fhir.Immunization) {
	if im.ImplicitRules != "" {
		f.add("Immunization.implicitRules", codeUnsupported)
	}
	if len(im.ModifierExtension) > 0 {
		f.add("Immunization.modifierExtension", codeUnsupported)
	}
	if len(im.Contained) > 0 {
		f.add("Immunization.contained", codeUnsupported)
	}
	if len(im.Reaction) > 0 {
		f.add("Immunization.reaction", codeUnsupported)
	}
	if im.IsSubpotent != nil && bool(*im.IsSubpotent) {
		f.add("Immunization.isSubpotent", codeUnsupported)
	}
	if im.OccurrenceString != "" {
		f.add("Immunization.occurrenceString", codeDate)
	}
	for i := range im.Performer {
		if len(im.Performer[i].ModifierExtension) > 0 {
			f.add("Immunization.performer.modifierExtension", codeUnsupported)
		}
	}
	if len(im.ProtocolApplied) > 1 {
		f.add("Immunization.protocolApplied", codeUnsupported)
	}
}

// vaccine finds the one product that all codes of known lists agree on. A dose of elsewhere may have
// a product that nobody knows here, in words.
func (s *site) vaccine(f *faults, im fhir.Immunization, c *vaccinate.Command) {
	var fit []carnet.Vaccine
	known := false
	for _, coding := range im.VaccineCode.Coding {
		for _, list := range vaccineSystems {
			if list.system != coding.System {
				continue
			}
			found := s.Vaccinate.Catalogue().FindCode(list.list, string(coding.Code))
			if !known {
				fit, known = found, true
				continue
			}
			fit = slices.DeleteFunc(slices.Clone(fit), func(v carnet.Vaccine) bool {
				return !slices.ContainsFunc(found, func(w carnet.Vaccine) bool { return v.Code == w.Code })
			})
		}
	}
	if c.Evidence != carnet.Administered {
		c.Product = string(im.VaccineCode.Text)
		c.Country = text(im.Extension, extCountry)
	}
	switch {
	case len(fit) == 1:
		c.Vaccine = fit[0].Code
	case len(fit) > 1:
		f.add("Immunization.vaccineCode", codeAmbiguous)
	case c.Product == "" || known:
		f.add("Immunization.vaccineCode", codeVaccine)
	}
}

func (s *site) when(f *faults, im fhir.Immunization, c *vaccinate.Command) {
	if im.OccurrenceDateTime == "" {
		return // unsupported has named it, or the decoder
	}
	t := string(im.OccurrenceDateTime)
	if at, err := time.Parse(time.RFC3339Nano, t); err == nil {
		c.Date, c.Time = carnet.DateOf(at), at.In(carnet.Paris).Format("15:04")
		return
	}
	var err error
	if c.Date, err = carnet.ParseDate(t); err != nil {
		f.add("Immunization.occurrenceDateTime", codeDate)
	}
}

func (s *site) lot(f *faults, im fhir.Immunization, c *vaccinate.Command) {
	if im.LotNumber != "" {
		var err error
		if c.Lot, err = carnet.ParseLot(string(im.LotNumber)); err != nil {
			f.add("Immunization.lotNumber", carnet.CodeOf(err))
		}
	}
	if e := string(im.ExpirationDate); e != "" {
		at, err := time.Parse(time.DateOnly, e)
		if len(e) == len("2026-05") { // a month: its last day, as on a pack
			at, err = time.Parse("2006-01", e)
			at = at.AddDate(0, 1, -1)
		}
		if err != nil {
			f.add("Immunization.expirationDate", codeDate)
			return
		}
		c.Expiry = carnet.Date{Year: at.Year(), Month: at.Month(), Day: at.Day()}
	}
}

// where is the place of the token, or of the entry, and nowhere for a dose of elsewhere.
func (s *site) where(f *faults, im fhir.Immunization, c *vaccinate.Command, g software.Grant, was *carnet.Dose) {
	if c.Evidence != carnet.Administered {
		return
	}
	place := g.Place
	if was != nil && was.Place.ID != "" {
		place = was.Place.ID
	}
	c.Place, c.PlaceType = place, carnet.Centre
	if im.Location == nil {
		return
	}
	id := im.Location.Identifier
	if id == nil || !(id.System == sysFINESS && string(id.Value) == place || id.System == sysIDNST && string(id.Value) == "1"+place) {
		f.add("Immunization.location", codePlace)
	}
}

// who is the injector: the performer of function AP, or the only one without a function; without
// one it is the professional of the token. Any other is who enters or answers: that professional, or
// the one of the entry.
func (s *site) who(f *faults, im fhir.Immunization, c *vaccinate.Command, g software.Grant, was *carnet.Dose) {
	known := []carnet.ID{g.Professional}
	c.Responsible = g.Professional
	injector := g.Professional
	if was != nil {
		known = append(known, was.RecordedBy, was.Responsible)
		c.Responsible, injector = was.Responsible, was.Injector
	}
	for i, p := range im.Performer {
		path := fmt.Sprintf("Immunization.performer[%d].actor", i)
		id, ok := s.performer(p.Actor)
		if !ok {
			f.add(path, codeReference)
			continue
		}
		function := fhir.Code("")
		if p.Function != nil {
			function = p.Function.Find(sysRole)
		}
		switch {
		case function == "AP" || p.Function == nil && len(im.Performer) == 1:
			injector = id
		case !slices.Contains(known, id):
			f.add(path, codeResponsible)
		}
	}
	if c.Evidence == carnet.Administered && c.NotGiven == "" {
		c.Injector = injector
	}
}

// performer reads who somebody is: an RPPS number, or the id that this interface has written.
func (s *site) performer(r *fhir.Reference) (carnet.ID, bool) {
	if r == nil || r.Identifier == nil {
		return carnet.ID{}, false
	}
	value := string(r.Identifier.Value)
	switch r.Identifier.System {
	case sysRPPS, sysIDNPS:
		if number, err := carnet.ParseRPPS(value); err == nil {
			return s.Vaccinate.ProfessionalID(number), true
		}
	case sysURI:
		if id, err := carnet.ParseID(strings.TrimPrefix(value, "urn:uuid:")); err == nil {
			return id, true
		}
	}
	return carnet.ID{}, false
}

// rank is the one of the rules, unless the software says another one and why. A number without a
// reason is checked by the room.
func (s *site) rank(f *faults, im fhir.Immunization, c *vaccinate.Command) {
	if len(im.ProtocolApplied) == 0 {
		return
	}
	p := im.ProtocolApplied[0]
	if p.DoseNumberPositiveInt == nil {
		f.add("Immunization.protocolApplied[0].doseNumber", codeConcept)
		return
	}
	if p.SeriesDosesString != "" {
		f.add("Immunization.protocolApplied[0].seriesDoses", codeConcept)
		return
	}
	c.Rank, c.RankReason = int(*p.DoseNumberPositiveInt), text(im.Extension, extRank)
	if p.SeriesDosesPositiveInt != nil {
		c.Expected = int(*p.SeriesDosesPositiveInt)
	}
}
