package api

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
	"carnet/nir"
)

// create records an entry.
func (s *site) create(q *query) (reply, error) {
	im, err := fhir.Decode[fhir.Immunization](q.body, fhir.Limits{Bytes: maxBody})
	if err != nil {
		return reply{}, err
	}
	if err := s.gate(q); err != nil {
		return reply{}, err
	}
	actor := q.grant.Actor()
	c, err := s.command(im, q.grant, nil)
	if err != nil {
		return reply{}, err
	}
	name, conditional, err := s.named(q, im)
	if err != nil {
		return reply{}, err
	}
	if c.Person, err = s.patient(q, im.Patient); err != nil {
		return reply{}, err
	}
	c.Key = s.Software.Key(q.grant, name)
	if conditional { // what was recorded under that identifier stands, whatever is said now (FHIR R4 section 3.1.0.8.1)
		if d, err := s.Vaccinate.Done(q, actor, c.Person, c.Key); err == nil {
			out, err := s.now(q, c.Person, d.ID)
			out.status = http.StatusOK
			return out, err
		} else if carnet.KindOf(err) != carnet.NotFound {
			return reply{}, err
		}
	}
	if err := s.expect(q, &c, carnet.ID{}); err != nil {
		return reply{}, err
	}
	d, err := s.Vaccinate.Record(q, actor, c)
	if err != nil {
		return reply{}, err
	}
	out := s.shown(state{Dose: d, at: d.RecordedAt})
	out.status = http.StatusCreated
	return out, nil
}

// gate asks the watch over entries whether the professional may go on.
func (s *site) gate(q *query) error {
	return s.Risk.Gate(fraud.Who{Session: q.grant.Session, Professional: q.grant.Professional, Delegate: q.grant.Client, Place: q.grant.Place})
}

const maxKey = 200 // bytes of what names a creation

// named is what a creation is recognised by when it is sent again.
func (s *site) named(q *query, im fhir.Immunization) (name string, conditional bool, err error) {
	switch {
	case q.key != "":
		name = "key\n" + q.key
	case q.ifNoneExist != "":
		value, ok := strings.CutPrefix(q.ifNoneExist, "identifier=")
		if !ok || strings.Contains(value, "&") {
			return "", false, carnet.E("api", carnet.Invalid, codeKey, nil)
		}
		name, conditional = "identifier\n"+value, true
	case len(im.Identifier) > 0 && im.Identifier[0].Value != "":
		name = "identifier\n" + string(im.Identifier[0].System) + "|" + string(im.Identifier[0].Value)
	}
	if name == "" || len(name) > maxKey {
		return "", false, carnet.E("api", carnet.Invalid, codeKey, nil)
	}
	return name, conditional, nil
}

// patient finds whom a reference names: somebody of this register by id, or by number.
func (s *site) patient(q *query, r *fhir.Reference) (carnet.ID, error) {
	bad := func(code string) (carnet.ID, error) {
		return carnet.ID{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: code, Field: "Immunization.patient"}}
	}
	if r == nil {
		return bad(codeReference)
	}
	if r.Reference != "" {
		text := strings.TrimPrefix(string(r.Reference), s.Origin+Base+"/")
		id, err := carnet.ParseID(strings.TrimPrefix(text, "Patient/"))
		if err != nil || !strings.HasPrefix(text, "Patient/") {
			return bad(codeReference)
		}
		return id, nil
	}
	if r.Identifier == nil {
		return bad(codeReference)
	}
	n, err := insured(*r.Identifier)
	if err != nil {
		return bad(carnet.CodeOf(err))
	}
	found, err := s.People.ByNIR(q, q.grant.Actor(), n)
	if err != nil {
		return carnet.ID{}, err
	}
	return found.ID, s.Vaccinate.Meet(q, q.grant.Actor(), found.ID, vaccinate.ByNumber)
}

// insured reads the number of an insured person: thirteen characters, or fifteen with the key.
func insured(i fhir.Identifier) (nir.Number, error) {
	if i.System != sysNIR && i.System != sysNIA {
		return nir.Number{}, carnet.E("api", carnet.Invalid, codeReference, nil)
	}
	text := strings.Join(strings.Fields(string(i.Value)), "")
	parse := nir.Parse
	if len(text) == 13 {
		parse = nir.Complete
	}
	n, err := parse(text)
	if e, ok := err.(*nir.Error); ok {
		return n, carnet.E("api", carnet.Invalid, e.Code, nil)
	}
	return n, err
}

// expect completes a rank whose course the software does not say: by the rules, when they say the
// same rank.
func (s *site) expect(q *query, c *vaccinate.Command, correcting carnet.ID) error {
	if c.Rank == 0 || c.Expected != 0 {
		return nil
	}
	p, err := s.Vaccinate.Propose(q, q.grant.Actor(), c.Person, c.Vaccine, c.Date, correcting)
	if err != nil {
		return err
	}
	if c.Expected = p.Expected; p.Rank == c.Rank {
		c.Rank, c.Expected = 0, 0
	}
	return nil
}

// shown is the reply with one entry.
func (s *site) shown(d state) reply {
	return reply{resource: s.resource(d), version: d.Version, modified: d.at, location: "Immunization/" + string(idOf(d.PersonID, d.ID)) + "/_history/" + strconv.Itoa(d.Version)}
}

// states lists what an entry was, by version.
func (s *site) states(q *query) ([]state, error) {
	person, dose, ok := parseID(q.id)
	if !ok {
		return nil, carnet.E("api", carnet.NotFound, "dose.unknown", nil)
	}
	events, err := s.Vaccinate.Events(q, q.grant.Actor(), person, dose)
	if err != nil {
		return nil, err
	}
	var list []state
	for _, e := range events {
		d := stateOf(e)
		if n := len(list); n > 0 && list[n-1].Version == d.Version {
			list[n-1] = d
		} else {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, carnet.E("api", carnet.NotFound, "dose.unknown", nil)
	}
	return list, nil
}

// now is an entry as it stands, or as it was taken away.
func (s *site) now(q *query, person, dose carnet.ID) (reply, error) {
	again := *q
	again.id = string(idOf(person, dose))
	return s.read(&again)
}

func (s *site) read(q *query) (reply, error) {
	list, err := s.states(q)
	if err != nil {
		return reply{}, err
	}
	out := s.shown(list[len(list)-1])
	out.location = ""
	return out, nil
}

func (s *site) vread(q *query) (reply, error) {
	list, err := s.states(q)
	if err != nil {
		return reply{}, err
	}
	n, _ := atoi(q.at)
	i := slices.IndexFunc(list, func(d state) bool { return d.Version == n })
	if i < 0 {
		return reply{}, carnet.E("api", carnet.NotFound, "dose.unknown", nil)
	}
	out := s.shown(list[i])
	out.location = ""
	return out, nil
}

// history lists the versions of an entry, newest first.
func (s *site) history(q *query) (reply, error) {
	list, err := s.states(q)
	if err != nil {
		return reply{}, err
	}
	total := fhir.UnsignedInt(len(list))
	b := &fhir.Bundle{Kind: "history", Total: &total}
	for i, d := range slices.Backward(list) {
		method, status := fhir.Code("PUT"), "200"
		if i == 0 {
			method, status = "POST", "201"
		}
		address := "Immunization"
		if i > 0 {
			address += "/" + q.id
		}
		b.Entry = append(b.Entry, fhir.Entry{FullURL: s.full("Immunization/" + q.id), Resource: s.resource(d),
			Request:  &fhir.EntryRequest{Method: method, URL: fhir.URI(address)},
			Response: &fhir.EntryResponse{Status: fhir.String(status), Etag: fhir.String(etag(d.Version)), LastModified: fhir.Instant(instant(d.at))}})
	}
	return reply{resource: b}, nil
}

func (s *site) full(address string) fhir.URI { return fhir.URI(s.Origin + Base + "/" + address) }

// update corrects an entry, or takes it away when the new status says that it was an error.
func (s *site) update(q *query) (reply, error) {
	im, err := fhir.Decode[fhir.Immunization](q.body, fhir.Limits{Bytes: maxBody})
	if err != nil {
		return reply{}, err
	}
	person, dose, ok := parseID(q.id)
	if !ok {
		return reply{}, carnet.E("api", carnet.NotFound, "dose.unknown", nil)
	}
	if string(im.ID) != q.id {
		return reply{}, carnet.E("api", carnet.Invalid, codeID, nil)
	}
	version, ok := atoi(strings.TrimSuffix(strings.TrimPrefix(q.ifMatch, `W/"`), `"`))
	if !ok || q.ifMatch != etag(version) {
		return reply{}, carnet.E("api", carnet.Invalid, codeVersion, nil)
	}
	actor := q.grant.Actor()
	key := s.Software.Key(q.grant, cmp.Or(q.key, "version\n"+q.id+"\n"+strconv.Itoa(version)))
	if im.Status == "entered-in-error" {
		if err := q.grant.May("Immunization", 'd'); err != nil {
			return reply{}, err
		}
		cause, known := meaning(causes, im.StatusReason)
		if !known {
			cause = vaccinate.Other
		}
		if err := s.Vaccinate.Cancel(q, actor, vaccinate.Cancellation{Key: key, Person: person, Dose: dose, Version: version, Cause: cause, Reason: text(im.Extension, extChange)}); err != nil {
			return reply{}, err
		}
		return s.now(q, person, dose)
	}
	list, err := s.states(q)
	if err != nil {
		return reply{}, err
	}
	was := list[len(list)-1]
	c, err := s.command(im, q.grant, &was.Dose)
	if err != nil {
		return reply{}, err
	}
	if to, err := s.patient(q, im.Patient); err != nil {
		return reply{}, err
	} else if to != person {
		return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeReference, Field: "Immunization.patient"}}
	}
	// What a resource does not hold stays as it was.
	c.Person, c.Key = person, key
	c.Contraindications, c.Run = was.Contraindications, was.Run
	if c.Consent.By == was.Consent.By {
		c.Consent = was.Consent
	}
	if c.Evidence == carnet.Administered {
		c.PlaceType = cmp.Or(was.PlaceType, c.PlaceType)
	}
	if err := s.expect(q, &c, dose); err != nil {
		return reply{}, err
	}
	if _, err := s.Vaccinate.Correct(q, actor, c, vaccinate.Revision{Dose: dose, Version: version, Reason: text(im.Extension, extChange)}); err != nil {
		return reply{}, err
	}
	return s.now(q, person, dose)
}

const (
	usualPage = 50
	mostPage  = 100
)

// search lists the entries of a person, oldest injection first.
func (s *site) search(q *query) (reply, error) {
	var person carnet.ID
	count, page := usualPage, 1
	bad := func(name string) (reply, error) {
		return reply{}, carnet.Problems{{Op: "api", Kind: carnet.Invalid, Code: codeParameter, Field: "Immunization." + name}}
	}
	for name, values := range q.params {
		var err error
		ok := len(values) == 1
		switch value := strings.Join(values, ""); name {
		case "patient":
			if person, err = carnet.ParseID(strings.TrimPrefix(strings.TrimPrefix(value, s.Origin+Base+"/"), "Patient/")); err != nil {
				return bad("patient")
			}
		case "patient.identifier", "patient:identifier":
			if !q.post {
				return s.refuseNumber(q)
			}
			system, number, _ := strings.Cut(value, "|")
			if person, err = s.patient(q, &fhir.Reference{Identifier: &fhir.Identifier{System: fhir.URI(system), Value: fhir.String(number)}}); err != nil {
				return reply{}, err
			}
		case "_count":
			var n int
			n, ok = atoi(value)
			count = min(n, mostPage)
		case "_page":
			page, ok = atoi(value)
		case "_format":
		default:
			return bad("parameter")
		}
		if !ok {
			return bad("parameter")
		}
	}
	if person.IsZero() {
		return bad("patient")
	}
	doses, err := s.Vaccinate.History(q, q.grant.Actor(), person)
	if err != nil {
		return reply{}, err
	}
	total := fhir.UnsignedInt(len(doses))
	b := &fhir.Bundle{Kind: "searchset", Total: &total}
	link := func(relation string, n int) {
		b.Link = append(b.Link, fhir.BundleLink{Relation: fhir.String(relation), URL: s.full("Immunization?patient=" + person.String() + "&_count=" + strconv.Itoa(count) + "&_page=" + strconv.Itoa(n))})
	}
	link("self", page)
	first := min((page-1)*count, len(doses))
	last := min(first+count, len(doses))
	if last < len(doses) {
		link("next", page+1)
	}
	if page > 1 {
		link("previous", page-1)
	}
	for _, d := range doses[first:last] {
		b.Entry = append(b.Entry, fhir.Entry{FullURL: s.full("Immunization/" + string(idOf(d.PersonID, d.ID))), Resource: s.resource(state{Dose: d}), Search: &fhir.EntrySearch{Mode: "match"}})
	}
	return reply{resource: b}, nil
}
