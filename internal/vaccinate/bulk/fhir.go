package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/nir"
)

const (
	maxResource = 1 << 20  // bytes of one resource of NDJSON
	maxBundle   = 32 << 20 // bytes of a Bundle
	// maxPatients is how many patients of one file may be spoken of: they are held until its end.
	maxPatients = 200_000
)

// Systems of identifiers, as the French profiles and their older forms write them.
var (
	systemsNIR    = []fhir.URI{"urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9", "urn:oid:1.2.250.1.213.1.4.10"}
	systemsRPPS   = []fhir.URI{"https://rpps.esante.gouv.fr", "http://rpps.fr", "urn:oid:1.2.250.1.71.4.2.1"}
	systemsFINESS = []fhir.URI{"https://finess.esante.gouv.fr", "http://finess.esante.gouv.fr", "http://finess.sante.gouv.fr", "urn:oid:1.2.250.1.71.4.2.2"}
)

// Resources is a file of FHIR R4 resources: NDJSON, as bulk data is exported, with the patients before their immunizations, or one
// Bundle, in any order. Other resources are passed over. An answer is for each Immunization.
type Resources struct {
	in       *bufio.Reader
	line     int
	rows     int
	patients map[string]carnet.Identity
	bundle   []fhir.Entry // what is left of a Bundle
	whole    bool         // it is a Bundle
}

// OpenFile tells a table from resources, and opens it.
func OpenFile(in io.Reader) (Rows, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	first, _ := buffered.Peek(512)
	if text := bytes.TrimLeft(bytes.TrimPrefix(first, []byte("\xef\xbb\xbf")), " \t\r\n"); len(text) > 0 && text[0] == '{' {
		return OpenFHIR(buffered)
	}
	return OpenTable(buffered)
}

// OpenFHIR opens resources.
func OpenFHIR(in io.Reader) (*Resources, error) {
	const op = "bulk.OpenFHIR"
	r := &Resources{in: bufio.NewReaderSize(in, 64<<10), patients: map[string]carnet.Identity{}}
	first, err := r.text()
	if err != nil {
		return nil, carnet.E(op, carnet.Invalid, CodeEmpty, nil)
	}
	if resource, err := fhir.DecodeAny(first, fhir.Limits{Bytes: maxResource}); err == nil && resource.Type() != "Bundle" {
		r.in, r.line = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(append(first, '\n')), r.in), 64<<10), 0
		return r, nil
	}
	rest, err := io.ReadAll(io.LimitReader(r.in, maxBundle))
	if err != nil {
		return nil, carnet.E(op, carnet.Unavailable, CodeTruncated, err)
	}
	bundle, err := fhir.Decode[fhir.Bundle](append(append(first, '\n'), rest...), fhir.Limits{Bytes: maxBundle})
	if err != nil {
		return nil, carnet.E(op, carnet.Invalid, CodeKind, nil)
	}
	r.whole = true
	for _, e := range bundle.Entry {
		if p, ok := e.Resource.(*fhir.Patient); ok {
			if err := r.keep(p, string(e.FullURL)); err != nil {
				return nil, err
			}
			continue
		}
		r.bundle = append(r.bundle, e)
	}
	return r, nil
}

// Ignored are the columns that are not kept: resources have none.
func (r *Resources) Ignored() []string { return nil }

// text reads the next line that is not empty.
func (r *Resources) text() ([]byte, error) {
	for {
		var line []byte
		r.line++
		for {
			part, more, err := r.in.ReadLine()
			if err != nil {
				return nil, err
			}
			if len(line)+len(part) > maxResource {
				return nil, carnet.E("bulk.Resources", carnet.Invalid, CodeLong, nil)
			}
			if line = append(line, part...); !more {
				break
			}
		}
		if line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))); len(line) > 0 {
			return line, nil
		}
	}
}

// Next reads the next immunization.
func (r *Resources) Next() (Row, error) {
	for {
		row, ok, err := r.next()
		if err != nil {
			return Row{}, err
		}
		if !ok {
			continue
		}
		if r.rows++; r.rows > MaxRows {
			return Row{}, &carnet.Error{Op: "bulk.Resources", Kind: carnet.Invalid, Code: CodeTooLong, Args: map[string]any{"Max": MaxRows}}
		}
		return row, nil
	}
}

// next reads one resource, and says whether it is a row.
func (r *Resources) next() (Row, bool, error) {
	if r.whole {
		if len(r.bundle) == 0 {
			return Row{}, false, io.EOF
		}
		e := r.bundle[0]
		r.bundle, r.line = r.bundle[1:], r.line+1
		im, ok := e.Resource.(*fhir.Immunization)
		if !ok {
			return Row{}, false, nil
		}
		return r.row(im), true, nil
	}
	text, err := r.text()
	if err != nil {
		return Row{}, false, err
	}
	resource, err := fhir.DecodeAny(text, fhir.Limits{Bytes: maxResource})
	if err != nil {
		row := Row{Line: r.line}
		row.fault("", CodeNotJSON)
		if faults, ok := errors.AsType[fhir.Faults](err); ok {
			row.Faults = nil
			for _, f := range faults {
				row.fault(f.Path, f.Code)
			}
			row.fault("", CodeNotJSON)
		}
		return row, true, nil
	}
	switch x := resource.(type) {
	case *fhir.Patient:
		return Row{}, false, r.keep(x, "")
	case *fhir.Immunization:
		return r.row(x), true, nil
	}
	return Row{}, false, nil
}

// keep holds a patient under the names by which an immunization may speak of them.
func (r *Resources) keep(p *fhir.Patient, url string) error {
	if len(r.patients) >= maxPatients {
		return &carnet.Error{Op: "bulk.Resources", Kind: carnet.Invalid, Code: CodeTooLong, Args: map[string]any{"Max": maxPatients}}
	}
	if p.ID != "" {
		r.patients["Patient/"+string(p.ID)] = identity(p)
	}
	if url != "" {
		r.patients[url] = identity(p)
	}
	return nil
}

// identity is who a patient is. What cannot be read is absent: the checks of the row say so.
func identity(p *fhir.Patient) (i carnet.Identity) {
	for _, id := range p.Identifier {
		if contains(systemsNIR, id.System) {
			if n, err := nir.Parse(string(id.Value)); err == nil {
				i.NIR = n
			}
		}
	}
	for _, n := range p.Name {
		family := carnet.Hide(string(n.Family))
		switch {
		case n.Use == "usual" || n.Use == "maiden" && !i.BirthName.IsZero() && i.UsedName.IsZero():
			i.UsedName = family
		case i.BirthName.IsZero() || n.Use == "official":
			i.BirthName = family
		}
		if len(i.GivenNames) == 0 || n.Use == "official" {
			i.GivenNames = nil
			for _, g := range n.Given {
				for _, one := range strings.Fields(string(g)) {
					i.GivenNames = append(i.GivenNames, carnet.Hide(one))
				}
			}
		}
	}
	if len(p.BirthDate) == 10 {
		if d, err := carnet.ParseBirthDate(string(p.BirthDate)); err == nil {
			i.Birth = d
		}
	}
	switch p.Gender {
	case "female":
		i.Sex = carnet.Female
	case "male":
		i.Sex = carnet.Male
	}
	return i
}

func contains(systems []fhir.URI, s fhir.URI) bool {
	for _, one := range systems {
		if one == s {
			return true
		}
	}
	return false
}

// The codes of HL7's code systems, by our own words.
var (
	codedSites = map[fhir.Code]carnet.BodySite{"LA": carnet.LeftArm, "LUA": carnet.LeftArm, "LD": carnet.LeftArm, "RA": carnet.RightArm, "RUA": carnet.RightArm, "RD": carnet.RightArm,
		"LT": carnet.LeftThigh, "LVL": carnet.LeftThigh, "RT": carnet.RightThigh, "RVL": carnet.RightThigh}
	codedRoutes  = map[fhir.Code]string{"IM": "IM", "SQ": "SC", "IDINJ": "ID", "PO": "PO", "NASINHLC": "NAS", "NASINHL": "NAS"}
	codedReasons = map[fhir.Code]carnet.NotGiven{"PATOBJ": carnet.Refused, "IMMUNE": carnet.Elsewhere, "MEDPREC": carnet.Contraindicated}
)

// row takes from an immunization what a row has. Codes that are not known are faults under the name of the element.
func (r *Resources) row(im *fhir.Immunization) Row {
	row := Row{Line: r.line, Key: string(im.ID)}
	for _, id := range im.Identifier {
		row.Key = string(id.System) + "|" + string(id.Value)
	}
	who, ok := r.patients[string(im.Patient.Reference)]
	for _, c := range im.Contained {
		if p, is := c.(*fhir.Patient); is && string(im.Patient.Reference) == "#"+string(p.ID) {
			who, ok = identity(p), true
		}
	}
	if !ok {
		row.fault("Immunization.patient", CodeReference)
	}
	row.Identity = who
	d := &row.Dose
	for _, c := range im.VaccineCode.Coding {
		if d.Vaccine == "" {
			d.Vaccine = string(c.Code)
		}
	}
	d.Product = string(im.VaccineCode.Text)
	if len(im.OccurrenceDateTime) < 10 {
		row.fault("Immunization.occurrence", CodeDateMissing)
	} else if on, err := carnet.ParseDate(string(im.OccurrenceDateTime[:10])); err != nil {
		row.note("Immunization.occurrence", err)
	} else {
		d.Date = on
	}
	if at := string(im.OccurrenceDateTime); len(at) >= 16 {
		d.Time = at[11:16]
	}
	var err error
	if im.LotNumber != "" {
		if d.Lot, err = carnet.ParseLot(string(im.LotNumber)); err != nil {
			row.note("Immunization.lotNumber", err)
		}
	}
	if im.ExpirationDate != "" {
		if d.Expiry, err = readExpiry(string(im.ExpirationDate)); err != nil {
			row.note("Immunization.expirationDate", err)
		}
	}
	switch {
	case im.Status == "not-done":
		d.NotGiven = carnet.Refused
		if im.StatusReason != nil {
			d.NotGiven = coded(&row, "Immunization.statusReason", im.StatusReason, codedReasons, notGivens)
		}
	case im.Status != "completed":
		row.fault("Immunization.status", CodeCellWord)
	}
	if im.Site != nil {
		d.BodySite = coded(&row, "Immunization.site", im.Site, codedSites, bodySites)
	}
	if im.Route != nil {
		d.Route = coded(&row, "Immunization.route", im.Route, codedRoutes, routes)
	}
	if im.PrimarySource != nil && !bool(*im.PrimarySource) {
		if d.Evidence = carnet.Proven; im.ReportOrigin == nil || im.ReportOrigin.Find("http://terminology.hl7.org/CodeSystem/immunization-origin") == "recall" {
			d.Evidence = carnet.Stated
		}
	}
	if im.IsSubpotent != nil {
		d.Half = bool(*im.IsSubpotent)
	}
	if im.Location != nil && im.Location.Identifier != nil && contains(systemsFINESS, im.Location.Identifier.System) {
		d.Place.ID = string(im.Location.Identifier.Value)
	}
	for _, p := range im.Performer {
		if p.Actor.Identifier == nil || !contains(systemsRPPS, p.Actor.Identifier.System) {
			continue
		}
		n, err := carnet.ParseRPPS(string(p.Actor.Identifier.Value))
		if err != nil {
			row.note("Immunization.performer", err)
			continue
		}
		if function := p.Function; function == nil || function.Find("http://terminology.hl7.org/CodeSystem/v2-0443") != "OP" {
			row.Injector = n
		} else {
			row.Responsible = n
		}
	}
	var notes []string
	for _, n := range im.Note {
		notes = append(notes, string(n.Text))
	}
	d.Note = carnet.Hide(strings.Join(notes, "\n"))
	if len(d.Note.Reveal()) > 4*maxCell {
		row.fault("Immunization.note", CodeCellLong)
	}
	return row
}

// coded finds the first code that one of two lists knows.
func coded[T ~string](row *Row, path string, c *fhir.CodeableConcept, theirs map[fhir.Code]T, ours map[string]T) T {
	for _, one := range c.Coding {
		if v, ok := theirs[one.Code]; ok {
			return v
		}
		if v, ok := ours[plain(string(one.Code))]; ok {
			return v
		}
	}
	row.fault(path, CodeCellWord)
	return ""
}
