package storetest

import (
	"slices"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/vaccinate"
	"carnet/twoddoc"
)

const (
	priorix  = "NUVA/VAC0053"
	stamaril = "NUVA/VAC0035"
)

// testDocumentsFollowDisease: a dose gets the formats that exist for its disease, and no other.
func testDocumentsFollowDisease(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	record := func(vaccine, date string) carnet.Dose {
		command := w.command(t, date)
		command.Vaccine = vaccine
		d, err := w.vaccinate.Record(t.Context(), w.nurse, command)
		must(t, err)
		return d
	}
	first := record(comirnaty, "2026-10-20")
	covid := record(comirnaty, "2026-11-17")
	measles := record(priorix, "2026-11-18")
	fever := record(stamaril, "2026-11-18")

	summary, err := c.Summary(t.Context(), w.self(), w.fern)
	must(t, err)
	var got []string
	for _, l := range summary.Lines() {
		for _, k := range l.Kinds() {
			got = append(got, l.Disease+" "+string(k))
		}
	}
	want := []string{"yellow-fever 2d-doc", "measles 2d-doc", "covid-19 2d-doc", "covid-19 hc1"}
	if len(got) != len(want) {
		t.Fatalf("formats %v", got)
	}
	for _, k := range want {
		if !slices.Contains(got, k) {
			t.Errorf("%s is not among %v", k, got)
		}
	}
	for name, v := range map[string]struct {
		dose                carnet.ID
		disease, atc, label string
		rank, expected      string
		link                bool
	}{
		"COVID-19, by its first dose": {first.ID, "COVID-19", "J07BX03", "COMIRNATY PFIZER/BIONTECH", "2", "2", true},
		"COVID-19, by its last":       {covid.ID, "COVID-19", "J07BX03", "COMIRNATY PFIZER/BIONTECH", "2", "2", true},
		"measles":                     {measles.ID, "ROUGEOLE OREILLONS RUBEOLE", "J07BD52", "PRIORIX GSK", "1", "2", false},
		"yellow fever":                {fever.ID, "FIEVRE JAUNE", "J07BL01", "STAMARIL SANOFI PASTEUR", "1", "1", false},
	} {
		doc, err := c.AttestationOf(t.Context(), w.self(), w.fern, v.dose)
		must(t, err)
		parsed, err := twoddoc.Parse(doc.Payload)
		must(t, err)
		must(t, parsed.Verify(w.signer.Certificate()))
		for id, want := range map[string]string{"L3": v.disease, "L4": v.atc, "L5": v.label, "L7": v.rank, "L8": v.expected} {
			if got := parsed.Value(id); got != want {
				t.Errorf("%s: %s is %q, want %q", name, id, got, want)
			}
		}
		if (doc.Link != "") != v.link {
			t.Errorf("%s: link %v", name, doc.Link != "")
		}
	}
	if w.Count(t, "certificate") != 3 {
		t.Errorf("%d certificates for three diseases", w.Count(t, "certificate"))
	}
	// The European certificate is that of COVID-19, whatever was given since.
	doc := w.european(t, c)
	_, v := w.reads(t, doc.Payload)
	if v.Product != comirnaty || v.Dose != 2 || v.Doses != 2 || v.Date != "2026-11-17" {
		t.Errorf("European certificate %+v", v)
	}
	// A correction of the measles dose belies its document and no other.
	must(t, w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Key: w.id(t), Person: w.fern, Dose: measles.ID, Cause: vaccinate.NeverGiven, Reason: "jamais faite"}))
	if n := w.followed(t, c); n != 1 {
		t.Errorf("%d documents were revoked", n)
	}
	if _, err := c.AttestationOf(t.Context(), w.self(), w.fern, measles.ID); carnet.CodeOf(err) != "certificate.no-dose" {
		t.Errorf("the cancelled dose is certified: %v", err)
	}
}

// testPageWithoutCode: a product that nobody knows, of which a proof was seen, gets a page without a code.
func testPageWithoutCode(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	command := w.command(t, "2021-05-03")
	command.Vaccine, command.Product, command.Country, command.Evidence = "", "Vacina da Figueira", "BR", carnet.Proven
	command.Lot, command.Place, command.BodySite, command.Injector = carnet.Lot{}, "", "", carnet.ID{}
	d, err := w.vaccinate.Record(t.Context(), w.nurse, command)
	must(t, err)
	doc, err := c.AttestationOf(t.Context(), w.self(), w.fern, d.ID)
	must(t, err)
	if len(doc.PDF) == 0 || len(doc.Payload) > 0 || doc.Link != "" || w.Count(t, "certificate") != 0 {
		t.Errorf("a code, or no page: %d bytes, payload %d, %d noted", len(doc.PDF), len(doc.Payload), w.Count(t, "certificate"))
	}
	summary, err := c.Summary(t.Context(), w.self(), w.fern)
	must(t, err)
	if lines := summary.Lines(); len(lines) != 1 || lines[0].Disease != "" || len(lines[0].Kinds()) != 1 || lines[0].Kinds()[0] != certify.Plain {
		t.Errorf("lines %+v", lines)
	}
}
