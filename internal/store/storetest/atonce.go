package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"carnet/hcert/dcc"
	"carnet/internal/carnet"
	"carnet/internal/vaccinate"
	"carnet/twoddoc"
)

// testAtOnce : what a correction belies is revoked before the command answers, the preview said so, and the person
// is told and gets the right document.
func testAtOnce(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	w.vaccinate.After(func(ctx context.Context, person carnet.ID) {
		_, err := c.FollowPerson(ctx, system, person)
		must(t, err)
	})
	w.record(t, w.nurse, w.command(t, "2026-10-20"))
	d := w.record(t, w.nurse, w.command(t, "2026-11-20"))
	paper, doc := w.attestation(t, c), w.european(t, c)
	fix := vaccinate.Again(d)
	fix.Key, fix.Date = key(t, w), fix.Date.AddDays(-1)
	r := vaccinate.Revision{Dose: d.ID, Version: 1, Reason: "date relue"}
	effect, err := w.vaccinate.Preview(t.Context(), w.nurse, fix, r)
	must(t, err)
	belied, err := c.Belied(t.Context(), system, w.fern, effect.Standing)
	must(t, err)
	if len(belied) != 2 || w.Count(t, "revocation") != 0 {
		t.Errorf("the preview names %d documents, %d are revoked", len(belied), w.Count(t, "revocation"))
	}
	_, err = w.vaccinate.Correct(t.Context(), w.nurse, fix, r)
	must(t, err)
	if n := w.Count(t, "revocation"); n != 2 {
		t.Errorf("%d documents are revoked at once", n)
	}
	if next := w.european(t, c); next.ID == doc.ID {
		t.Error("the European certificate is the one before")
	}
	if next := w.attestation(t, c); next.ID == paper.ID {
		t.Error("the attestation is the one before")
	}
	if told := w.notices(t, w.fern); !slices.Equal(told, []string{"dose.corrected", "certificate.replaced"}) {
		t.Errorf("told %v", told)
	}
	if n := w.followed(t, c); n != 0 {
		t.Errorf("the round of the minute finds %d more", n)
	}
	effect, err = w.vaccinate.PreviewCancel(t.Context(), w.nurse, w.fern, d.ID)
	must(t, err)
	if len(effect.Standing) != 1 || !effect.After.ID.IsZero() || len(effect.Renumbered) != 0 {
		t.Errorf("preview of a cancellation %+v", effect)
	}
}

// testTrace : from a certificate back to the act.
func testTrace(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	start := w.now()
	w.record(t, w.nurse, w.command(t, "2026-10-20"))
	second := w.command(t, "2026-11-20")
	second.Injector = w.doctor.ID
	d := w.record(t, w.nurse, second)
	attestation, european := w.attestation(t, c), w.european(t, c)
	t.Run("ATT-40 each field of a certificate traces to the act, the professional and the time of entry", func(t *testing.T) {
		for _, document := range [][32]byte{attestation.ID, european.ID} {
			found, err := c.Find(t.Context(), system, document)
			must(t, err)
			if len(found) != 1 || found[0].Dose != d.ID || len(found[0].Basis) != 2 {
				t.Fatalf("found %+v", found)
			}
			for _, fact := range found[0].Basis { // every dose that the document counts
				events, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, fact.Dose)
				must(t, err)
				e := events[0]
				if e.Kind != vaccinate.Recorded || e.Actor != w.nurse.ID || e.At.Before(start) || e.At.After(w.now()) || e.Dose.RecordedBy != w.nurse.ID || e.Dose.Injector.IsZero() || e.Dose.Responsible != w.nurse.ID {
					t.Errorf("event %+v", e)
				}
				if _, err := w.vaccinate.Professional(t.Context(), w.nurse); err != nil {
					t.Error(err)
				}
			}
		}
		// The fields that the two documents print are those of the act.
		events, err := w.vaccinate.Events(t.Context(), w.nurse, w.fern, d.ID)
		must(t, err)
		act := events[len(events)-1].Dose
		vaccine, _ := w.vaccinate.Catalogue().Find(act.Vaccine)
		parsed, err := twoddoc.Parse(attestation.Payload)
		must(t, err)
		_, v := w.reads(t, european.Payload)
		for name, pair := range map[string][2]string{
			"L3 disease": {parsed.Value("L3"), vaccine.Disease}, "L4 prophylaxis": {parsed.Value("L4"), vaccine.ATC}, "L5 vaccine": {parsed.Value("L5"), vaccine.Label},
			"L7 rank": {parsed.Value("L7"), fmt.Sprint(act.Rank)}, "L8 expected": {parsed.Value("L8"), fmt.Sprint(act.Expected)}, "L9 date": {parsed.Value("L9"), act.Date.Compact()},
			"mp product": {v.Product, act.Vaccine}, "ma holder": {v.Holder, vaccine.HolderID}, "dn rank": {fmt.Sprint(v.Dose), fmt.Sprint(act.Rank)}, "sd doses": {fmt.Sprint(v.Doses), fmt.Sprint(act.Expected)},
			"dt date": {v.Date, act.Date.String()}, "co country": {v.Country, act.Place.Country},
		} {
			if pair[0] != pair[1] || pair[0] == "" {
				t.Errorf("%s prints %q, the act says %q", name, pair[0], pair[1])
			}
		}
		if dcc.CheckUVCI(v.ID) != dcc.CheckRight {
			t.Error("the identifier is not one")
		}
	})
}
