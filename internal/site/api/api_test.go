package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/fhir"
	"carnet/internal/login/software"
	"carnet/internal/site/pro"
	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
)

// given is an immunization as a software of a practice sends it.
const given = `{"resourceType":"Immunization","status":"completed","identifier":[{"system":"https://logiciel.example/actes","value":"42"}],
"vaccineCode":{"coding":[{"system":"https://ec.europa.eu/health/documents/community-register/html/","code":"EU/1/20/1528"}]},
"patient":{"identifier":{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"NIR"}},
"occurrenceDateTime":"2026-11-22T09:45:00+01:00","primarySource":true,
"location":{"identifier":{"system":"https://finess.esante.gouv.fr","value":"990000011"}},
"lotNumber":"ab-12","expirationDate":"2027-05",
"site":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActSite","code":"LA"}]},
"route":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration","code":"IM"}]},
"performer":[{"function":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0443","code":"AP"}]},"actor":{"identifier":{"system":"https://rpps.esante.gouv.fr","value":"99700000112"}}}],
"protocolApplied":[{"doseNumberPositiveInt":1}],
"note":[{"text":"à revoir"}]}`

func body(replace ...string) string {
	return strings.NewReplacer(append(replace, "NIR", fernNIR.Reveal())...).Replace(given)
}

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

func TestCreate(t *testing.T) {
	f := newFake(t)
	var log bytes.Buffer
	h := start(t, f, &log)
	g := sent{method: "POST", path: "/fhir/Immunization", body: body()}.to(t, h)
	if g.status != http.StatusCreated {
		t.Fatalf("%d %s", g.status, g.text)
	}
	c := f.commands[0]
	want := vaccinate.Command{Key: c.Key, Person: fern, Vaccine: "EU/1/20/1528", Lot: c.Lot, Expiry: carnet.Date{Year: 2027, Month: 5, Day: 31}, Date: carnet.Date{Year: 2026, Month: 11, Day: 22}, Time: "09:45",
		Place: place, PlaceType: carnet.Centre, BodySite: carnet.LeftArm, Route: "IM", Note: c.Note, Injector: doctor, Responsible: nurse}
	if c.Lot.Reveal() != "AB-12" || c.Note.Reveal() != "à revoir" || c.Key.IsZero() {
		t.Errorf("lot, note or key: %+v", c)
	}
	if a, b := mustJSON(t, want), mustJSON(t, c); a != b {
		t.Errorf("command\n%s, want\n%s", b, a)
	}
	if !slices.Equal(f.met, []vaccinate.Link{vaccinate.ByNumber}) {
		t.Errorf("links: %v", f.met)
	}
	for _, a := range f.actors {
		if a.ID != nurse || a.Delegate != client || a.Organisation != place || a.Session != id(9) {
			t.Errorf("actor %+v", a)
		}
	}
	im, err := fhir.Decode[fhir.Immunization]([]byte(g.text), fhir.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if im.ID != idOf(fern, id(50)) || len(im.ID) != 64 || im.LotNumber != "AB-12" || im.ExpirationDate != "2027-05-31" || im.OccurrenceDateTime != "2026-11-22T09:45:00+01:00" ||
		im.VaccineCode.Find(sysEU) != "EU/1/20/1528" || im.Site.Find(sysSite) != "LA" || *im.ProtocolApplied[0].DoseNumberPositiveInt != 1 || *im.ProtocolApplied[0].SeriesDosesPositiveInt != 2 {
		t.Errorf("%s", g.text)
	}
	if want := "https://api.example/fhir/Immunization/" + string(im.ID) + "/_history/1"; g.header.Get("Location") != want || g.header.Get("ETag") != `W/"1"` || g.header.Get("DPoP-Nonce") != "nonce" {
		t.Errorf("headers: %v", g.header)
	}
	if again := (sent{method: "POST", path: "/fhir/Immunization", body: body()}).to(t, h); again.status != http.StatusCreated || len(f.events) != 1 {
		t.Errorf("sent again: %d, %d entries", again.status, len(f.events))
	}
	for _, secret := range []string{fernNIR.Reveal(), "AB-12", "ab-12", "FOUG", "revoir", doctorNo} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRecognised(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	const other = `"value":"42"`
	plain := body(`"identifier":[{"system":"https://logiciel.example/actes",`+other+`}],`, "")
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: plain}).to(t, h); g.status != http.StatusPreconditionRequired || g.code() != codeKey {
		t.Errorf("nothing to recognise it by: %d %s", g.status, g.text)
	}
	key := map[string]string{"Idempotency-Key": "0191f9a2-aaaa"}
	first := sent{method: "POST", path: "/fhir/Immunization", body: plain, header: key}.to(t, h)
	second := sent{method: "POST", path: "/fhir/Immunization", body: plain, header: key}.to(t, h)
	if first.status != 201 || second.status != 201 || first.header.Get("Location") != second.header.Get("Location") || len(f.events) != 1 {
		t.Errorf("%d %d", first.status, second.status)
	}
	none := map[string]string{"If-None-Exist": "identifier=https://logiciel.example/actes|42"}
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: plain, header: none}).to(t, h); g.status != 201 {
		t.Errorf("conditional: %d %s", g.status, g.text)
	}
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: body("ab-12", "CD-34"), header: none}).to(t, h); g.status != 200 || !strings.Contains(g.text, "AB-12") || len(f.events) != 2 {
		t.Errorf("conditional, again: %d %s", g.status, g.text)
	}
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: plain, header: map[string]string{"If-None-Exist": "patient=1"}}).to(t, h); g.status != http.StatusPreconditionRequired {
		t.Errorf("another condition: %d", g.status)
	}
}

func TestHeld(t *testing.T) {
	f := newFake(t)
	f.held = carnet.E("fraud.Gate", carnet.Denied, fraud.CodeStopped, nil)
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: body()}).to(t, start(t, f, io.Discard)); g.status != http.StatusForbidden || g.code() != fraud.CodeStopped || len(f.events) != 0 {
		t.Errorf("%d %s", g.status, g.code())
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		replace []string
		want    string
	}{
		"a status that there is not":       {[]string{`"status":"completed"`, `"status":"entered-in-error"`}, codeStatus + " Immunization.status"},
		"not done without a reason":        {[]string{`"status":"completed"`, `"status":"not-done"`}, codeConcept + " Immunization.statusReason"},
		"a modifier":                       {[]string{`"lotNumber"`, `"modifierExtension":[{"url":"https://x.example","valueBoolean":true}],"lotNumber"`}, codeUnsupported + " Immunization.modifierExtension"},
		"rules of its own":                 {[]string{`"lotNumber"`, `"implicitRules":"https://x.example","lotNumber"`}, codeUnsupported + " Immunization.implicitRules"},
		"a reaction":                       {[]string{`"lotNumber"`, `"reaction":[{"date":"2026"}],"lotNumber"`}, codeUnsupported + " Immunization.reaction"},
		"less than a dose":                 {[]string{`"lotNumber"`, `"isSubpotent":true,"lotNumber"`}, codeUnsupported + " Immunization.isSubpotent"},
		"something inside":                 {[]string{`"lotNumber"`, `"contained":[{"resourceType":"Practitioner","id":"p"}],"lotNumber"`}, codeUnsupported + " Immunization.contained"},
		"a vague day":                      {[]string{`2026-11-22T09:45:00+01:00`, `2026-11`}, codeDate + " Immunization.occurrenceDateTime"},
		"an unknown product":               {[]string{`EU/1/20/1528`, `EU/1/99/9999`}, codeVaccine + " Immunization.vaccineCode"},
		"a list that nobody knows":         {[]string{`https://ec.europa.eu/health/documents/community-register/html/`, `https://x.example`}, codeVaccine + " Immunization.vaccineCode"},
		"a code of many products":          {[]string{`"system":"https://ec.europa.eu/health/documents/community-register/html/","code":"EU/1/20/1528"`, `"system":"http://www.whocc.no/atc","code":"J07BN01"`}, codeAmbiguous + " Immunization.vaccineCode"},
		"codes of two products":            {[]string{`"code":"EU/1/20/1528"}`, `"code":"EU/1/20/1528"},{"system":"https://ec.europa.eu/health/documents/community-register/html/","code":"EU/1/20/1507"}`}, codeVaccine + " Immunization.vaccineCode"},
		"a lot with a space":               {[]string{`ab-12`, `ab 12`}, "lot.character Immunization.lotNumber"},
		"another place":                    {[]string{`"value":"990000011"`, `"value":"990000029"`}, codePlace + " Immunization.location"},
		"a site that there is not":         {[]string{`"code":"LA"`, `"code":"NOSE"`}, codeConcept + " Immunization.site"},
		"a route that there is not":        {[]string{`"code":"IM"`, `"code":"OTHER"`}, codeConcept + " Immunization.route"},
		"an injector without number":       {[]string{`"actor":{"identifier":{"system":"https://rpps.esante.gouv.fr","value":"99700000112"}}`, `"actor":{"reference":"Practitioner/1"}`}, codeReference + " Immunization.performer[0].actor"},
		"a number of nobody's":             {[]string{`99700000112`, `99700000113`}, codeReference + " Immunization.performer[0].actor"},
		"entered by somebody else":         {[]string{`"code":"AP"`, `"code":"EP"`}, codeResponsible + " Immunization.performer[0].actor"},
		"a rank in words":                  {[]string{`"doseNumberPositiveInt":1`, `"doseNumberString":"one"`}, codeConcept + " Immunization.protocolApplied[0].doseNumber"},
		"from elsewhere, nobody knows how": {[]string{`"primarySource":true`, `"primarySource":false`}, codeConcept + " Immunization.reportOrigin"},
		"nobody":                           {[]string{`{"identifier":{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"NIR"}}`, `{"display":"x"}`}, codeReference + " Immunization.patient"},
		"somebody of another server":       {[]string{`{"identifier":{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"NIR"}}`, `{"reference":"https://other.example/fhir/Patient/1"}`}, codeReference + " Immunization.patient"},
		"a number with a wrong key":        {[]string{`"value":"NIR"`, `"value":"285059999900100"`}, "nir.key Immunization.patient"},
		"a number of an unknown list":      {[]string{`urn:oid:1.2.250.1.213.1.4.8`, `urn:oid:1.2.3`}, codeReference + " Immunization.patient"},
		"two faults at once":               {[]string{`"code":"LA"`, `"code":"NOSE"`, `ab-12`, `ab 12`}, "lot.character Immunization.lotNumber; " + codeConcept + " Immunization.site"},
		"an element that there is not":     {[]string{`"lotNumber"`, `"lot":"x","lotNumber"`}, fhir.CodeUnknown + " Immunization.lot"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			h := start(t, f, io.Discard)
			g := sent{method: "POST", path: "/fhir/Immunization", body: body(c.replace...)}.to(t, h)
			status := http.StatusUnprocessableEntity
			if strings.HasPrefix(c.want, fhir.CodeUnknown) {
				status = http.StatusBadRequest
			}
			if g.status != status || g.code() != c.want {
				t.Errorf("%d %s, want %d %s", g.status, g.code(), status, c.want)
			}
			if len(f.commands) != 0 {
				t.Error("something was recorded")
			}
			if strings.Contains(g.text, fernNIR.Reveal()) || strings.Contains(g.text, "NOSE") {
				t.Error("the answer repeats what was sent")
			}
			if !strings.Contains(g.text, extString) {
				t.Error("the words are in one language")
			}
		})
	}
}

const extString = "http://hl7.org/fhir/StructureDefinition/translation"

func TestOtherRecords(t *testing.T) {
	for name, c := range map[string]struct {
		replace []string
		check   func(vaccinate.Command) bool
	}{
		"not done": {[]string{`"status":"completed"`, `"status":"not-done","statusReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"PATOBJ"}]}`},
			func(c vaccinate.Command) bool { return c.NotGiven == carnet.Refused && c.Injector.IsZero() }},
		"unwell": {[]string{`"status":"completed"`, `"status":"not-done","statusReason":{"coding":[{"system":"https://carnet.example/fhir/CodeSystem/not-given","code":"unwell"}]}`},
			func(c vaccinate.Command) bool { return c.NotGiven == carnet.Unwell }},
		"of elsewhere, by a paper": {[]string{`"primarySource":true`, `"primarySource":false,"reportOrigin":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/immunization-origin","code":"record"}]},"extension":[{"url":"https://carnet.example/fhir/StructureDefinition/country","valueCode":"BE"}]`,
			`"vaccineCode":{"coding":[{"system":"https://ec.europa.eu/health/documents/community-register/html/","code":"EU/1/20/1528"}]}`, `"vaccineCode":{"text":"Vaccin inconnu"}`},
			func(c vaccinate.Command) bool {
				return c.Evidence == carnet.Proven && c.Place == "" && c.Injector.IsZero() && c.Product == "Vaccin inconnu" && c.Vaccine == "" && c.Country == "BE"
			}},
		"half a dose": {[]string{`"lotNumber"`, `"doseQuantity":{"value":0.5,"code":"{dose}"},"lotNumber"`}, func(c vaccinate.Command) bool { return c.Half }},
		"by the professional of the token": {[]string{`"performer"`, `"_status":{"id":"x"},"performer"`, `"value":"99700000112"`, `"value":"99700218896"`},
			func(c vaccinate.Command) bool { return c.Injector == nurse }},
		"another rank, and why": {[]string{`"doseNumberPositiveInt":1`, `"doseNumberPositiveInt":3,"seriesDosesPositiveInt":3`, `"lotNumber"`, `"extension":[{"url":"https://carnet.example/fhir/StructureDefinition/rank-reason","valueString":"immunodépression"},{"url":"https://carnet.example/fhir/StructureDefinition/consent","valueCode":"self"}],"lotNumber"`},
			func(c vaccinate.Command) bool {
				return c.Rank == 3 && c.Expected == 3 && c.RankReason == "immunodépression" && c.Consent.By == carnet.BySelf
			}},
		"by the register's own id": {[]string{`{"identifier":{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"NIR"}}`, `{"reference":"Patient/` + fern.String() + `"}`},
			func(c vaccinate.Command) bool { return c.Person == fern }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			g := sent{method: "POST", path: "/fhir/Immunization", body: body(c.replace...)}.to(t, start(t, f, io.Discard))
			if g.status != 201 || len(f.commands) != 1 || !c.check(f.commands[0]) {
				t.Errorf("%d %s %+v", g.status, g.text, f.commands)
			}
		})
	}
}

// TestPacks finds a product by every list that it has a code of.
func TestPacks(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	var cip string
	for _, v := range f.catalogue.Vaccines() {
		if v.Code == "EU/1/20/1528" && len(v.Packs) > 0 {
			cip = v.Packs[0]
		}
	}
	if cip == "" {
		t.Fatal("the catalogue has no pack of it")
	}
	for n, coding := range []string{
		`"system":"https://smt.esante.gouv.fr/terminologie-bdpm","code":"` + cip + `"`,
		`"system":"https://www.gs1.org/gtin","code":"0` + cip + `"`,
		`"system":"http://www.whocc.no/atc","code":"J07BN01"},{"system":"https://smt.esante.gouv.fr/terminologie-bdpm","code":"` + cip + `"`,
	} {
		g := sent{method: "POST", path: "/fhir/Immunization", body: body(`"system":"https://ec.europa.eu/health/documents/community-register/html/","code":"EU/1/20/1528"`, coding, `"value":"42"`, `"value":"pack`+string(rune('a'+n))+`"`)}.to(t, h)
		if g.status != 201 || f.commands[len(f.commands)-1].Vaccine != "EU/1/20/1528" {
			t.Errorf("%s: %d %s", coding, g.status, g.code())
		}
	}
}

// record makes one entry and returns its address.
func record(t *testing.T, h http.Handler) string {
	t.Helper()
	g := sent{method: "POST", path: "/fhir/Immunization", body: body()}.to(t, h)
	if g.status != 201 {
		t.Fatal(g.text)
	}
	return "/fhir/Immunization/" + g.body["id"].(string)
}

func TestReadAndHistory(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	at := record(t, h)
	g := sent{method: "GET", path: at}.to(t, h)
	if g.status != 200 || g.header.Get("ETag") != `W/"1"` || g.header.Get("Last-Modified") == "" || g.header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || g.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", g.status, g.header)
	}
	change := strings.Replace(g.text, `"AB-12"`, `"EF-56"`, 1)
	if g := (sent{method: "PUT", path: at, body: change}).to(t, h); g.status != http.StatusPreconditionRequired || g.code() != codeVersion {
		t.Errorf("without If-Match: %d %s", g.status, g.code())
	}
	if g := (sent{method: "PUT", path: at, body: change, header: map[string]string{"If-Match": `W/"7"`}}).to(t, h); g.status != http.StatusPreconditionFailed || g.code() != "dose.changed-meanwhile" {
		t.Errorf("another version: %d %s", g.status, g.code())
	}
	if g := (sent{method: "PUT", path: at, body: change, header: map[string]string{"If-Match": `W/"1"`}}).to(t, h); g.status != 422 || g.code() != "dose.reason-missing Immunization.extension" {
		t.Errorf("without a reason: %d %s", g.status, g.code())
	}
	reason := `"extension":[{"url":"https://carnet.example/fhir/StructureDefinition/correction-reason","valueString":"erreur de lot"}],"status"`
	change = strings.Replace(change, `"status"`, reason, 1)
	if g := (sent{method: "PUT", path: at, body: strings.Replace(change, `"id":"`, `"id":"0`, 1), header: map[string]string{"If-Match": `W/"1"`}}).to(t, h); g.status == 200 {
		t.Errorf("another id: %d", g.status)
	}
	g = sent{method: "PUT", path: at, body: change, header: map[string]string{"If-Match": `W/"1"`}}.to(t, h)
	if g.status != 200 || g.header.Get("ETag") != `W/"2"` || !strings.Contains(g.text, "EF-56") {
		t.Fatalf("%d %s", g.status, g.text)
	}
	if c := f.commands[len(f.commands)-1]; c.Injector != doctor || c.Responsible != nurse || c.Person != fern || c.Place != place {
		t.Errorf("correction: %+v", c)
	}
	if g := (sent{method: "GET", path: at + "/_history/1"}).to(t, h); g.status != 200 || !strings.Contains(g.text, "AB-12") {
		t.Errorf("first version: %d %s", g.status, g.text)
	}
	if g := (sent{method: "GET", path: at + "/_history/9"}).to(t, h); g.status != 404 || g.code() != "dose.unknown" {
		t.Errorf("no such version: %d", g.status)
	}
	wrong := strings.Replace(g.text, `"status":"completed"`, `"status":"entered-in-error","statusReason":{"coding":[{"system":"https://carnet.example/fhir/CodeSystem/cause","code":"twice"}]}`, 1)
	f.grant.Scopes = software.Scopes{"system/Immunization.cru"}
	if g := (sent{method: "PUT", path: at, body: wrong, header: map[string]string{"If-Match": `W/"2"`}}).to(t, h); g.status != 403 || g.code() != software.CodeGranted {
		t.Errorf("taking away without the right: %d %s", g.status, g.code())
	}
	f.grant.Scopes = software.AllScopes
	g = sent{method: "PUT", path: at, body: wrong, header: map[string]string{"If-Match": `W/"2"`}}.to(t, h)
	if g.status != 200 || g.body["status"] != "entered-in-error" || g.header.Get("ETag") != `W/"3"` || !strings.Contains(g.text, `"twice"`) {
		t.Errorf("taken away: %d %s", g.status, g.text)
	}
	if g := (sent{method: "GET", path: at}).to(t, h); g.status != 200 || g.body["status"] != "entered-in-error" {
		t.Errorf("read again: %d %s", g.status, g.text)
	}
	g = sent{method: "GET", path: at + "/_history"}.to(t, h)
	b, err := fhir.Decode[fhir.Bundle]([]byte(g.text), fhir.Limits{})
	if err != nil || b.Kind != "history" || len(b.Entry) != 3 || b.Entry[2].Request.Method != "POST" || b.Entry[0].Response.Etag != `W/"3"` {
		t.Errorf("%v %s", err, g.text)
	}
	if g := (sent{method: "DELETE", path: at}).to(t, h); g.status != http.StatusMethodNotAllowed || g.code() != "request.method" || !strings.Contains(g.header.Get("Allow"), "PUT") {
		t.Errorf("delete: %d %s %v", g.status, g.text, g.header)
	}
	for _, path := range []string{"/fhir/Immunization/x", "/fhir/Immunization/" + strings.Repeat("0", 64), "/fhir/Immunization/" + string(idOf(id(7), id(50)))} {
		if g := (sent{method: "GET", path: path}).to(t, h); g.status != 404 || g.code() != "dose.unknown" {
			t.Errorf("%s: %d %s", path, g.status, g.code())
		}
	}
}

func TestSearch(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	for n := range 5 {
		sent{method: "POST", path: "/fhir/Immunization", body: body(`"value":"42"`, `"value":"`+string(rune('a'+n))+`"`)}.to(t, h)
	}
	page := func(s sent) fhir.Bundle {
		g := s.to(t, h)
		b, err := fhir.Decode[fhir.Bundle]([]byte(g.text), fhir.Limits{})
		if err != nil {
			t.Fatalf("%d %s", g.status, g.text)
		}
		return b
	}
	b := page(sent{method: "GET", path: "/fhir/Immunization?patient=Patient/" + fern.String() + "&_count=2"})
	if *b.Total != 5 || len(b.Entry) != 2 || len(b.Link) != 2 || b.Link[1].Relation != "next" {
		t.Errorf("%+v", b)
	}
	seen := 2
	for next := b.Link[1].URL; next != ""; {
		b = page(sent{method: "GET", path: strings.TrimPrefix(string(next), "https://api.example")})
		seen, next = seen+len(b.Entry), ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
	}
	if seen != 5 {
		t.Errorf("%d entries on all pages", seen)
	}
	b = page(sent{method: "POST", path: "/fhir/Immunization/_search", body: "patient.identifier=urn:oid:1.2.250.1.213.1.4.8%7C" + fernNIR.Reveal()})
	if len(b.Entry) != 5 || strings.Contains(string(b.Link[0].URL), fernNIR.Reveal()) {
		t.Errorf("by number: %+v", b)
	}
	for path, want := range map[string]string{
		"/fhir/Immunization":                                      codeParameter,
		"/fhir/Immunization?patient=x":                            codeParameter,
		"/fhir/Immunization?patient=" + fern.String() + "&date=x": codeParameter,
		"/fhir/Immunization?patient.identifier=x":                 codeNumber,
		"/fhir/Patient?identifier=x":                              codeNumber,
	} {
		if g := (sent{method: "GET", path: path}).to(t, h); !strings.HasPrefix(g.code(), want) || g.status/100 != 4 {
			t.Errorf("%s: %d %s", path, g.status, g.code())
		}
	}
}

func TestPatient(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	find := func(number string) got {
		return sent{method: "POST", path: "/fhir/Patient/_search", body: "identifier=urn:oid:1.2.250.1.213.1.4.8%7C" + number}.to(t, h)
	}
	g := find(fernNIR.Reveal())
	b, err := fhir.Decode[fhir.Bundle]([]byte(g.text), fhir.Limits{})
	if err != nil || len(b.Entry) != 1 {
		t.Fatalf("%v %s", err, g.text)
	}
	p := b.Entry[0].Resource.(*fhir.Patient)
	if p.ID != fhir.ID(fern.String()) || p.Name[0].Family != "F." || p.Name[0].Given[0] != "C." || p.BirthDate != "1985" || p.Gender != "female" || len(p.Identifier) != 0 {
		t.Errorf("%s", g.text)
	}
	for _, secret := range []string{"FOUG", "Camille", "1985-05", fernNIR.Reveal()} {
		if strings.Contains(g.text, secret) {
			t.Errorf("the answer shows %q", secret)
		}
	}
	if !slices.Equal(f.met, []vaccinate.Link{vaccinate.ByNumber}) {
		t.Errorf("links: %v", f.met)
	}
	if g := find(fernNIR.Reveal()[:13]); g.status != 200 || g.body["total"] != 1.0 {
		t.Errorf("without the key: %s", g.text)
	}
	if g := find("255059999900125"); g.code() != "nir.key Patient.identifier" {
		t.Errorf("a wrong key: %s", g.code())
	}
	f.err = carnet.E("fake", carnet.NotFound, "person.unknown-nir", nil)
	if g := find(fernNIR.Reveal()); g.status != 200 || g.body["total"] != 0.0 {
		t.Errorf("nobody: %s", g.text)
	}
	match := `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Patient","name":[{"family":"Fougère","given":["Camille"]}],"birthDate":"1985-05-12"}},{"name":"onlyCertainMatches","valueBoolean":true},{"name":"count","valueInteger":3}]}`
	f.met = nil
	if g := (sent{method: "POST", path: "/fhir/Patient/$match", body: match}).to(t, h); g.status != 200 || g.body["total"] != 1.0 || !strings.Contains(g.text, `"certain"`) || !strings.Contains(g.text, `"score":0.97`) {
		t.Errorf("match: %d %s", g.status, g.text)
	}
	if !slices.Equal(f.met, []vaccinate.Link{vaccinate.ByTraits}) {
		t.Errorf("links: %v", f.met)
	}
	if g := (sent{method: "POST", path: "/fhir/Patient/$match", body: strings.Replace(match, `,"birthDate":"1985-05-12"`, "", 1)}).to(t, h); g.code() != "birth.missing Patient.birthDate" {
		t.Errorf("match without a date: %s", g.code())
	}
	if g := (sent{method: "GET", path: "/fhir/Patient/" + fern.String()}).to(t, h); g.status != 200 || strings.Contains(g.text, "FOUG") {
		t.Errorf("read: %d %s", g.status, g.text)
	}
	if g := (sent{method: "GET", path: "/fhir/Patient/" + nurse.String()}).to(t, h); g.status != 404 || g.code() != "person.unknown" {
		t.Errorf("nobody: %d %s", g.status, g.code())
	}
	f.grant.Scopes = software.Scopes{"system/Immunization.cr"}
	if g := find(fernNIR.Reveal()); g.status != 403 || g.code() != software.CodeGranted {
		t.Errorf("without the right: %d %s", g.status, g.code())
	}
}

func TestBatch(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	entry := func(method, url, resource, more string) string {
		if resource != "" {
			resource = `"resource":` + resource + `,`
		}
		return `{` + resource + `"request":{"method":"` + method + `","url":"` + url + `"` + more + `}}`
	}
	batch := func(kind string, entries ...string) got {
		return sent{method: "POST", path: "/fhir", body: `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`}.to(t, h)
	}
	g := batch("batch", entry("POST", "Immunization", body(), ""), entry("POST", "Immunization", body("LA", "NOSE"), ""), entry("GET", "Immunization?patient="+fern.String(), "", ""),
		entry("GET", "Patient?identifier=x", "", ""), entry("DELETE", "Immunization/1", "", ""), entry("POST", "Immunization", body("ab-12", "zz"), `,"ifNoneExist":"identifier=https://logiciel.example/actes|42"`))
	b, err := fhir.Decode[fhir.Bundle]([]byte(g.text), fhir.Limits{})
	if err != nil || b.Kind != "batch-response" || g.status != 200 {
		t.Fatalf("%v %d %s", err, g.status, g.text)
	}
	var statuses []string
	for _, e := range b.Entry {
		statuses = append(statuses, string(e.Response.Status))
	}
	if want := []string{"201", "422", "200", "400", "400", "200"}; !slices.Equal(statuses, want) {
		t.Errorf("%v, want %v: %s", statuses, want, g.text)
	}
	if len(f.events) != 1 {
		t.Errorf("%d entries", len(f.events))
	}
	if g := batch("transaction", entry("POST", "Immunization", body(), "")); g.status != 400 || g.code() != codeNotHere {
		t.Errorf("transaction: %d %s", g.status, g.code())
	}
	many := make([]string, maxMany+1)
	for i := range many {
		many[i] = entry("GET", "Immunization/x", "", "")
	}
	if g := batch("batch", many...); g.status != http.StatusRequestEntityTooLarge || g.code() != codeMany {
		t.Errorf("many: %d %s", g.status, g.code())
	}
	f.grant.Scopes = software.Scopes{"system/Patient.s"}
	if g := batch("batch", entry("POST", "Immunization", body(), "")); g.status != 200 || !strings.Contains(g.text, `"403"`) {
		t.Errorf("without the right: %d %s", g.status, g.text)
	}
}

func TestNegotiation(t *testing.T) {
	f := newFake(t)
	h := start(t, f, io.Discard)
	for name, c := range map[string]struct {
		s      sent
		status int
		code   string
	}{
		"XML is asked":       {sent{method: "GET", path: "/fhir/Immunization/x", header: map[string]string{"Accept": "application/fhir+xml"}}, 406, codeAccept},
		"XML by parameter":   {sent{method: "GET", path: "/fhir/Immunization/x?_format=xml"}, 406, codeAccept},
		"JSON by parameter":  {sent{method: "GET", path: "/fhir/Immunization/x?_format=json", header: map[string]string{"Accept": "text/html"}}, 404, "dose.unknown"},
		"XML is sent":        {sent{method: "POST", path: "/fhir/Immunization", body: "<x/>", header: map[string]string{"Content-Type": "application/fhir+xml"}}, 415, codeType},
		"another charset":    {sent{method: "POST", path: "/fhir/Immunization", body: body(), header: map[string]string{"Content-Type": "application/fhir+json; charset=latin1"}}, 415, codeType},
		"a form":             {sent{method: "POST", path: "/fhir/Immunization", body: "a=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, codeType},
		"JSON to a search":   {sent{method: "POST", path: "/fhir/Patient/_search", body: "{}", header: map[string]string{"Content-Type": "application/json"}}, 415, codeType},
		"a number with it":   {sent{method: "POST", path: "/fhir/Patient/_search?identifier=x", body: "a=b"}, 400, codeParameter},
		"too long":           {sent{method: "POST", path: "/fhir/Immunization", body: body("à revoir", strings.Repeat("x", 300<<10))}, 413, fhir.CodeSize},
		"no such resource":   {sent{method: "GET", path: "/fhir/Observation/1"}, 404, "request.address"},
		"no such method":     {sent{method: "PATCH", path: "/fhir/Immunization/1"}, 405, "request.method"},
		"from a page":        {sent{method: "POST", path: "/fhir/Immunization", body: body(), header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403, "request.forged"},
		"a room that is out": {sent{method: "GET", path: "/fhir/Patient/" + fern.String()}, 503, "store.unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.status == 503 {
				f.err = carnet.E("fake", carnet.Unavailable, "store.unavailable", nil)
			}
			if g := c.s.to(t, h); g.status != c.status || !strings.HasPrefix(g.code(), c.code) {
				t.Errorf("%d %s, want %d %s", g.status, g.text, c.status, c.code)
			}
		})
	}
	if g := (sent{method: "POST", path: "/fhir/Immunization", body: body(), header: map[string]string{"Prefer": "return=minimal"}}).to(t, h); g.status != 201 || g.text != "" || g.header.Get("Location") == "" {
		t.Errorf("the least: %d %s", g.status, g.text)
	}
	f.failure = &software.Failure{Name: "invalid_token", Code: software.CodeToken, Status: 401, Words: "no such token"}
	for _, s := range []sent{{method: "GET", path: "/fhir/Immunization/x"}, {method: "POST", path: "/fhir", body: "{}"}} {
		if g := s.to(t, h); g.status != 401 || g.code() != software.CodeToken || g.header.Get("WWW-Authenticate") == "" || g.header.Get("DPoP-Nonce") == "" {
			t.Errorf("without a token: %d %s %v", g.status, g.text, g.header)
		}
	}
	f.failure = &software.Failure{Name: "temporarily_unavailable", Code: software.CodeLimit, Status: 429}
	if g := (sent{method: "GET", path: "/fhir/Immunization/x"}).to(t, h); g.status != 429 || !strings.Contains(g.text, `"throttled"`) {
		t.Errorf("too much: %d %s", g.status, g.text)
	}
}

func TestLanguages(t *testing.T) {
	h := start(t, newFake(t), io.Discard)
	for lang, words := range map[string]string{"fr": "Personne de ce registre.", "en": "Nobody of this register."} {
		g := sent{method: "GET", path: "/fhir/Patient/x", header: map[string]string{"Accept-Language": lang}}.to(t, h)
		o, err := fhir.Decode[fhir.OperationOutcome]([]byte(g.text), fhir.Limits{})
		if err != nil || string(o.Issue[0].Details.Text) != words {
			t.Errorf("%s: %v %s", lang, err, g.text)
		}
		if !strings.Contains(g.text, "Nobody of") || !strings.Contains(g.text, "Personne de") {
			t.Errorf("one language only: %s", g.text)
		}
	}
}

func TestStatement(t *testing.T) {
	h := start(t, newFake(t), io.Discard)
	g := sent{method: "GET", path: "/fhir/metadata"}.to(t, h)
	c, err := fhir.Decode[fhir.CapabilityStatement]([]byte(g.text), fhir.Limits{})
	if err != nil || g.status != 200 || c.FHIRVersion != "4.0.1" || len(c.Rest[0].Resource) != 2 {
		t.Fatalf("%v %s", err, g.text)
	}
	// Every route is announced, and nothing else.
	s := &site{}
	announced := map[string]bool{}
	for _, r := range c.Rest[0].Resource {
		for _, i := range r.Interaction {
			announced[string(r.Type)+" "+string(i.Code)] = true
		}
	}
	verbs := map[string]string{"GET /{}": "search-type", "POST /{}": "create", "GET /{}/{id}": "read", "PUT /{}/{id}": "update", "POST /{}/_search": "search-type",
		"GET /{}/{id}/_history": "history-instance", "GET /{}/{id}/_history/{at}": "vread"}
	for _, to := range s.routes() {
		verb, ok := verbs[to.method+" "+strings.Replace(to.path, "/"+to.resource, "/{}", 1)]
		if !ok {
			if to.path != "/Patient/$match" {
				t.Errorf("%s %s is no interaction", to.method, to.path)
			}
			continue
		}
		if !announced[to.resource+" "+verb] {
			t.Errorf("%s %s is not announced", to.resource, verb)
		}
	}
	for _, path := range []string{"/fhir/.well-known/smart-configuration", "/.well-known/oauth-authorization-server", "/openapi.json"} {
		if g := (sent{method: "GET", path: path}).to(t, h); g.status != 200 || g.body == nil {
			t.Errorf("%s: %d %s", path, g.status, g.text)
		}
	}
}

func TestScan(t *testing.T) {
	h := start(t, newFake(t), io.Discard)
	plain := map[string]string{"Content-Type": "text/plain"}
	g := sent{method: "POST", path: "/api/v1/scan", body: "]d2" + "01" + gtin(t) + "17270531" + "10AB123", header: plain}.to(t, h)
	list, _ := g.body["readings"].([]any)
	if g.status != 200 || len(list) != 1 {
		t.Fatalf("%d %s", g.status, g.text)
	}
	if p := list[0].(map[string]any); p["lot"] != "AB123" || p["expiry"] != "2027-05-31" || p["vaccine"] != "EU/1/20/1528" || p["cip13"] == nil {
		t.Errorf("%v", p)
	}
	if g := (sent{method: "POST", path: "/api/v1/scan", body: "hello", header: plain}).to(t, h); g.status != 422 || !strings.HasPrefix(g.body["code"].(string), "gs1.") {
		t.Errorf("no pack: %d %s", g.status, g.text)
	}
	if g := (sent{method: "POST", path: "/api/v1/scan", body: "{}"}).to(t, h); g.status != 415 {
		t.Errorf("JSON: %d", g.status)
	}
}

func gtin(t *testing.T) string {
	t.Helper()
	for _, v := range newFake(t).catalogue.Vaccines() {
		if v.Code == "EU/1/20/1528" {
			return "0" + v.Packs[0]
		}
	}
	return ""
}

func TestProblem(t *testing.T) {
	var log bytes.Buffer
	h := start(t, newFake(t), &log)
	kind := map[string]string{"Content-Type": "application/json"}
	if g := (sent{method: "POST", path: "/api/v1/problem", body: `{"request":"0ABC1234","code":"dose.unknown","version":"1.2"}`, header: kind}).to(t, h); g.status != 204 {
		t.Errorf("%d %s", g.status, g.text)
	}
	if !strings.Contains(log.String(), "about=0ABC1234") || !strings.Contains(log.String(), client.String()) {
		t.Errorf("log: %s", log.String())
	}
	for _, body := range []string{`{"request":"0ABC1234","code":"dose.unknown","words":"Camille"}`, `{"request":"x","code":"y"}`, `x`} {
		if g := (sent{method: "POST", path: "/api/v1/problem", body: body, header: kind}).to(t, h); g.status != 400 {
			t.Errorf("%s: %d", body, g.status)
		}
	}
}

// TestCodesHaveWords finds the codes of this site and of the rooms in both languages.
func TestCodesHaveWords(t *testing.T) {
	kit, err := ui.New(ui.Config{Site: "api", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	codes := sitetest.Codes(t, ".", "../../fhir", "../../vaccinate", "../../carnet", "../../../nir")
	codes = append(codes, codeUnsupported, codeReference, codeVaccine, codeAmbiguous, codeConcept, codeDate, codeStatus, codePlace, codeResponsible, codeID, codeKey, codeVersion,
		codeNumber, codeParameter, codeMany, codeNotHere, codeAccept, codeType, software.CodeToken, software.CodeHolder, software.CodeProof, software.CodeProofReplay, software.CodeNonce,
		software.CodeGranted, software.CodeLimit, fraud.CodeStepUp, fraud.CodeSecond, fraud.CodePause, fraud.CodeStopped)
	if len(codes) < 80 || !slices.Contains(codes, "dose.site") {
		t.Fatalf("the codes were not found: %v", codes)
	}
	for _, lang := range ui.Languages {
		rooms, err := ui.ReadText(pro.Texts(), lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			room, _, _ := strings.Cut(code, ".")
			if !slices.Contains([]string{"fhir", "software", "dose", "lot", "nir", "person", "birth", "fraud"}, room) {
				continue // nobody can meet it here
			}
			if !kit.In(lang).Has("problem."+code) && !rooms.Has("problem."+code) {
				t.Errorf("%s: no words for %s", lang, code)
			}
		}
	}
}

func TestHome(t *testing.T) {
	h := start(t, newFake(t), io.Discard)
	for _, lang := range []string{"fr", "en"} {
		g := sent{method: "GET", path: "/", header: map[string]string{"Accept-Language": lang}}.to(t, h)
		if g.status != 200 || strings.Contains(g.text, "⟦") || !strings.Contains(g.text, client.String()) || !strings.Contains(g.text, "https://api.example/oauth/token") {
			t.Errorf("%s: %d %s", lang, g.status, g.text)
		}
	}
}

// TestHL7Immunizations sends HL7's own examples of Immunization: they are read, and what this register
// cannot keep is said by its path, never by a fault of ours.
func TestHL7Immunizations(t *testing.T) {
	dir := os.Getenv("CARNET_FHIR_EXAMPLES")
	if dir == "" {
		t.Fatal("CARNET_FHIR_EXAMPLES is not set: run scripts/test, or install the npm package that it names")
	}
	files, err := filepath.Glob(filepath.Join(dir, "Immunization-*.json"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	f := newFake(t)
	h := start(t, f, io.Discard)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		g := sent{method: "POST", path: "/fhir/Immunization", body: string(text)}.to(t, h)
		if g.status != http.StatusUnprocessableEntity || !strings.Contains(g.code(), "Immunization.") {
			t.Errorf("%s: %d %s", filepath.Base(file), g.status, g.code())
		}
	}
	if len(f.commands) > 0 {
		t.Error("an example of another country was recorded")
	}
}

// TestOpenAPI: every reference leads somewhere, every operation is served, and the server is this one.
func TestOpenAPI(t *testing.T) {
	h := start(t, newFake(t), io.Discard)
	g := sent{method: "GET", path: "/openapi.json"}.to(t, h)
	if g.body["openapi"] != "3.1.0" || !strings.Contains(g.text, `"url":"https://api.example"`) {
		t.Fatalf("%s", g.text)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				at := any(g.body)
				for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					object, _ := at.(map[string]any)
					at = object[part]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, one := range v {
				walk(one)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(g.body)
	for path, operations := range g.body["paths"].(map[string]any) {
		for method := range operations.(map[string]any) {
			if answer := (sent{method: strings.ToUpper(method), path: path, body: "x"}).to(t, h); answer.status == 404 || answer.status == 405 {
				t.Errorf("%s %s: %d", method, path, answer.status)
			}
		}
	}
}
