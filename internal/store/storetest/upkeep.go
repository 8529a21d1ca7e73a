package storetest

import (
	"errors"
	"testing"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

// followed runs the upkeep and says how many documents it revoked.
func (w *world) followed(t *testing.T, c *certify.Service) int {
	t.Helper()
	n, err := c.Follow(t.Context(), system)
	must(t, err)
	return n
}

func testFollow(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-09-20"))
	must(t, err)
	early := w.european(t, c) // about the first dose alone
	second := w.command(t, "2026-11-20")
	d, err := w.vaccinate.Record(t.Context(), w.nurse, second)
	must(t, err)
	paper, doc := w.attestation(t, c), w.european(t, c)
	if n := w.followed(t, c); n != 0 {
		t.Errorf("%d documents are revoked by new doses", n)
	}

	lot := second
	lot.Key = next(t, w)
	lot.Lot, err = carnet.ParseLot("ZZ9998")
	must(t, err)
	_, err = w.vaccinate.Correct(t.Context(), w.nurse, lot, vaccinate.Revision{Dose: d.ID, Version: 1, Reason: "lot relu"})
	must(t, err)
	if n := w.followed(t, c); n != 0 {
		t.Errorf("%d documents are revoked by another lot, which none states", n)
	}
	if again := w.european(t, c); again.ID != doc.ID {
		t.Error("another lot makes another certificate")
	}

	fix := w.command(t, "2026-11-19")
	fix.Lot = lot.Lot
	_, err = w.vaccinate.Correct(t.Context(), w.nurse, fix, vaccinate.Revision{Dose: d.ID, Version: 2, Reason: "date relue"})
	must(t, err)
	before := len(w.Journal(t))
	if n := w.followed(t, c); n != 2 {
		t.Errorf("%d documents are revoked, of two that state the day", n)
	}
	for _, l := range w.Journal(t)[before:] {
		if l.Purpose != "upkeep" || l.Role != "system" {
			t.Errorf("line %+v", l)
		}
	}
	rows := w.Count(t, "revocation")
	if n := w.followed(t, c); n != 0 || w.Count(t, "revocation") != rows {
		t.Errorf("done again: %d more", n)
	}
	p, _ := w.publisher(t)
	list, err := p.Next(t.Context(), 0)
	must(t, err)
	next := w.european(t, c)
	for name, c := range map[string]struct {
		doc  certify.Document
		want revocation.Status
	}{"of the first dose": {early, revocation.NotListed}, "of the second": {doc, revocation.Revoked}, "the new one": {next, revocation.NotListed}} {
		read, _ := w.reads(t, c.doc.Payload)
		if got := list.List.Lookup(revocation.Keys(read)...); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if list.List.Lookup(revocation.TwoDDocKey(paper.ID)) != revocation.Revoked {
		t.Error("the attestation is not revoked")
	}
	if _, v := w.reads(t, next.Payload); v.Date != "2026-11-19" || next.ID == doc.ID {
		t.Errorf("the new one says %s", v.Date)
	}
	if fresh := w.attestation(t, c); fresh.ID == paper.ID {
		t.Error("the attestation is the old one")
	}
	if n, err := c.Follow(t.Context(), w.nurse); !errors.Is(err, protect.ErrDenied) || n != 0 {
		t.Errorf("by a professional: %v", err)
	}
}

func next(t *testing.T, w *world) carnet.ID {
	t.Helper()
	id, err := w.ids.New()
	must(t, err)
	return id
}

func testFollowCancel(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	d, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-09-20"))
	must(t, err)
	_, err = w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	doc := w.european(t, c) // 2/2, because of both
	must(t, w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Person: w.fern, Dose: d.ID, Key: next(t, w), Cause: vaccinate.NeverGiven, Reason: "autre personne"}))
	done := make([]int, 4)
	parallel(t, len(done), func(i int) (err error) {
		done[i], err = c.Follow(t.Context(), system)
		return err
	})
	if sum := done[0] + done[1] + done[2] + done[3]; sum != 1 || w.Count(t, "revocation") != 1 {
		t.Errorf("%v were revoked, %d rows", done, w.Count(t, "revocation"))
	}
	again := w.european(t, c)
	if _, v := w.reads(t, again.Payload); v.Dose != 1 || v.Doses != 2 || again.ID == doc.ID {
		t.Errorf("%d/%d after the first was cancelled", v.Dose, v.Doses)
	}
}

func testReplace(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	key := next(t, w)
	if _, err := c.Replace(t.Context(), w.self(), w.fern, key); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("without a document: %v", err)
	}
	paper := w.issued(t, c)
	doc := w.european(t, c)
	if n, err := c.Replace(t.Context(), w.self(), w.fern, key); n != 2 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
	fresh := w.european(t, c)
	if fresh.ID == doc.ID {
		t.Error("the new one is the old one")
	}
	if n, err := c.Replace(t.Context(), w.self(), w.fern, key); n != 2 || err != nil || w.Count(t, "revocation") != 2 {
		t.Errorf("sent again: %d documents, %v, %d rows", n, err, w.Count(t, "revocation"))
	}
	if again := w.european(t, c); again.ID != fresh.ID {
		t.Error("sending the form again revoked the new one")
	}
	if _, err := c.Attestation(t.Context(), w.self(), w.fern); carnet.CodeOf(err) != "certificate.revoked-today" {
		t.Errorf("the attestation of the same day: %v", err)
	}
	w.later(24 * time.Hour)
	if tomorrow := w.attestation(t, c); tomorrow.ID == paper.ID {
		t.Error("the attestation is the old one")
	}
	for name, a := range map[string]protect.Actor{"a professional": w.nurse, "another person": {ID: next(t, w), Role: protect.Insured}} {
		if _, err := c.Replace(t.Context(), a, w.fern, next(t, w)); !errors.Is(err, protect.ErrDenied) {
			t.Errorf("by %s: %v", name, err)
		}
	}
}

func testIssuance(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	w.issued(t, c)
	w.attestation(t, c) // the same one
	w.european(t, c)
	w.european(t, c)
	w.later(24 * time.Hour)
	w.attestation(t, c)
	list, err := c.Issuance(t.Context())
	must(t, err)
	day := carnet.Date{Year: 2026, Month: 11, Day: 21}
	want := []certify.Issued{{Day: day, Kind: certify.National, N: 1}, {Day: day, Kind: certify.European, N: 1}, {Day: day.AddDays(1), Kind: certify.National, N: 1}}
	if len(list) != len(want) {
		t.Fatalf("%+v", list)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("line %d is %+v, want %+v", i, list[i], want[i])
		}
	}
}
