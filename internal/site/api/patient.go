package api

import (
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/people"
	"carnet/internal/vaccinate"
)

// refuseNumber: a number is not written into an address, where proxies and logs keep it.
func (s *site) refuseNumber(*query) (reply, error) {
	return reply{}, carnet.E("api", carnet.Invalid, codeNumber, nil)
}

// findPatient finds a person by number.
func (s *site) findPatient(q *query) (reply, error) {
	for name := range q.params {
		if name != "identifier" && name != "_format" {
			return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeParameter, Field: "Patient.parameter"}}
		}
	}
	system, number, _ := strings.Cut(q.params.Get("identifier"), "|")
	n, err := insured(fhir.Identifier{System: fhir.URI(system), Value: fhir.String(number)})
	if err != nil {
		return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: carnet.CodeOf(err), Field: "Patient.identifier"}}
	}
	found, err := s.People.ByNIR(q, q.grant.Actor(), n)
	if carnet.KindOf(err) == carnet.NotFound {
		return s.people(nil), nil
	}
	if err != nil {
		return reply{}, err
	}
	if err := s.Vaccinate.Meet(q, q.grant.Actor(), found.ID, vaccinate.ByNumber); err != nil {
		return reply{}, err
	}
	return s.people([]people.Found{found}), nil
}

// people is a bundle of people that were found, each as little as is needed.
func (s *site) people(list []people.Found) reply {
	total := fhir.UnsignedInt(len(list))
	b := &fhir.Bundle{Kind: "searchset", Total: &total}
	for _, f := range list {
		score, grade := scoreOf(f)
		b.Entry = append(b.Entry, fhir.Entry{FullURL: s.full("Patient/" + f.ID.String()), Resource: hidden(f.ID, f.Identity, f.Died),
			Search: &fhir.EntrySearch{Backbone: fhir.Backbone{Element: fhir.Element{Extension: []fhir.Extension{{URL: extMatch, Value: fhir.Text("Code", grade)}}}}, Mode: "match", Score: score}})
	}
	return reply{resource: b}
}

// scoreOf says how well a person fits what was looked for, from 0 to 1, and in a word of FHIR.
func scoreOf(f people.Found) (fhir.Decimal, string) {
	score := fhir.Decimal(strconv.FormatFloat(float64(max(0, min(f.Score, 100)))/100, 'g', -1, 64))
	switch {
	case f.Sure():
		return score, "certain"
	case f.Score >= 80:
		return score, "probable"
	}
	return score, "possible"
}

// match finds people by traits (FHIR R4, Patient-operation-match): name and birth date at least.
func (s *site) match(q *query) (reply, error) {
	params, err := fhir.Decode[fhir.Parameters](q.body, fhir.Limits{Bytes: maxBody})
	if err != nil {
		return reply{}, err
	}
	var asked *fhir.Patient
	certain, most := false, 0
	for _, p := range params.Parameter {
		switch p.Name {
		case "resource":
			asked, _ = p.Resource.(*fhir.Patient)
		case "onlyCertainMatches":
			certain = p.Value.Bool()
		case "count":
			most = p.Value.Int()
		default:
			return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeParameter, Field: "Parameters.parameter"}}
		}
	}
	if asked == nil {
		return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeParameter, Field: "Parameters.parameter"}}
	}
	for _, i := range asked.Identifier {
		if i.System == sysNIR || i.System == sysNIA { // a number decides
			again := *q
			again.params = map[string][]string{"identifier": {string(i.System) + "|" + string(i.Value)}}
			return s.findPatient(&again)
		}
	}
	t := people.Traits{}
	if len(asked.Name) > 0 {
		t.Name = carnet.Hide(string(asked.Name[0].Family))
		if len(asked.Name[0].Given) > 0 {
			t.Given = carnet.Hide(string(asked.Name[0].Given[0]))
		}
	}
	t.Sex = map[fhir.Code]carnet.Sex{"female": carnet.Female, "male": carnet.Male}[asked.Gender]
	if len(asked.Address) > 0 {
		t.Postcode = string(asked.Address[0].PostalCode)
	}
	if t.Birth, err = carnet.ParseBirthDate(string(asked.BirthDate)); asked.BirthDate != "" && err != nil {
		return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeDate, Field: "Patient.birthDate"}}
	}
	found, err := s.People.ByTraits(q, q.grant.Actor(), t)
	if err != nil {
		return reply{}, err
	}
	var list []people.Found
	for _, f := range found {
		if _, grade := scoreOf(f); !certain || grade == "certain" {
			list = append(list, f)
		}
	}
	if most > 0 && len(list) > most {
		list = list[:most]
	}
	if len(found) == 1 && found[0].Sure() && !t.Name.IsZero() && !t.Given.IsZero() { // full traits, and one person: as if they stood there
		if err := s.Vaccinate.Meet(q, q.grant.Actor(), found[0].ID, vaccinate.ByTraits); err != nil {
			return reply{}, err
		}
	}
	return s.people(list), nil
}

func (s *site) readPatient(q *query) (reply, error) {
	id, err := carnet.ParseID(q.id)
	if err != nil {
		return reply{}, carnet.E("api", carnet.NotFound, "person.unknown", nil)
	}
	p, err := s.People.Person(q, q.grant.Actor(), id)
	if err != nil {
		return reply{}, err
	}
	return reply{resource: hidden(p.ID, p.Identity, carnet.Date{})}, nil
}
