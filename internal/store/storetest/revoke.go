package storetest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/protect"
)

// issued gives one dose to the fern and certifies it.
func (w *world) issued(t *testing.T, c *certify.Service) certify.Document {
	t.Helper()
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	return w.attestation(t, c)
}

func (w *world) attestation(t *testing.T, c *certify.Service) certify.Document {
	t.Helper()
	doc, err := c.Attestation(t.Context(), w.self(), w.fern)
	must(t, err)
	return doc
}

func (w *world) withdrawal(t *testing.T, doc certify.Document) certify.Withdrawal {
	t.Helper()
	key, err := w.ids.New()
	must(t, err)
	return certify.Withdrawal{Key: key, Person: w.fern, Scope: certify.OneDocument, Document: doc.ID, Reason: certify.WrongContent}
}

func (w *world) publisher(t *testing.T) (*certify.Publisher, *ecdsa.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return w.publisherOf(key), &key.PublicKey
}

func (w *world) publisherOf(key crypto.Signer) *certify.Publisher {
	return certify.NewPublisher(w.Backend.Certify, w.guard, w.ids, key, 7*24*time.Hour)
}

func testRevoke(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	doc := w.issued(t, c)
	found, err := c.Find(t.Context(), system, doc.ID)
	must(t, err)
	if len(found) != 1 || found[0].Person != w.fern || found[0].Document != doc.ID || found[0].IssuedAt.IsZero() {
		t.Fatalf("found %+v", found)
	}
	before := len(w.Journal(t))
	made, old, err := c.Revoke(t.Context(), system, w.withdrawal(t, doc))
	must(t, err)
	if len(made) != 1 || len(old) != 0 || made[0].Document != doc.ID || made[0].Certificate != found[0].ID || made[0].Dose != found[0].Dose ||
		made[0].Reason != certify.WrongContent || made[0].ID.Version() != 7 || made[0].At.IsZero() {
		t.Fatalf("made %+v, before %+v", made, old)
	}
	lines := w.Journal(t)[before:]
	if len(lines) != 4 {
		t.Fatalf("journal %+v", lines)
	}
	for i, want := range []Line{{Kind: "decide", Outcome: "allowed"}, {Kind: "read", Object: "revocation", Outcome: "done"},
		{Kind: "read", Object: "certificate", Outcome: "done"}, {Kind: "write", Object: "revocation", Outcome: "done"}} {
		l := lines[i]
		if l.Kind != want.Kind || l.Object != want.Object || l.Outcome != want.Outcome || l.Person != w.fern || l.Purpose != "revocation" || l.Role != "system" || l.Decision != lines[0].Decision {
			t.Errorf("line %d is %+v", i, l)
		}
	}
	again, old, err := c.Revoke(t.Context(), system, w.withdrawal(t, doc)) // another command
	must(t, err)
	if len(again) != 0 || len(old) != 1 || old[0].ID != made[0].ID || w.Count(t, "revocation") != 1 {
		t.Errorf("again: made %+v, before %+v", again, old)
	}
	_, _, err = c.Revoke(t.Context(), w.nurse, w.withdrawal(t, doc))
	if !errors.Is(err, protect.ErrDenied) {
		t.Errorf("by a professional: %v", err)
	}
	if _, err = c.Find(t.Context(), w.nurse, doc.ID); !errors.Is(err, protect.ErrDenied) {
		t.Errorf("found by a professional: %v", err)
	}
	if l := w.Journal(t); l[len(l)-1].Outcome != "no-grant" || l[len(l)-1].Purpose != "revocation" {
		t.Errorf("the last line is %+v", l[len(l)-1])
	}
}

func testRevokeScopes(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	first := w.issued(t, c)
	w.later(24 * time.Hour)
	second := w.attestation(t, c) // the same dose on another day
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-22"))
	must(t, err)
	third := w.attestation(t, c)
	found, err := c.Find(t.Context(), system, first.ID)
	must(t, err)
	dose := w.withdrawal(t, first)
	dose.Scope, dose.Dose = certify.OneDose, found[0].Dose
	made, before, err := c.Revoke(t.Context(), system, dose)
	must(t, err)
	if !slices.Equal(documents(made), [][32]byte{first.ID, second.ID}) || len(before) != 0 {
		t.Errorf("of the dose: %d made, %d before", len(made), len(before))
	}
	whole := w.withdrawal(t, first)
	whole.Scope, whole.Reason = certify.OnePerson, certify.WrongPerson
	made, before, err = c.Revoke(t.Context(), system, whole)
	must(t, err)
	if !slices.Equal(documents(made), [][32]byte{third.ID}) || !slices.Equal(documents(before), [][32]byte{first.ID, second.ID}) || before[0].Reason != certify.WrongContent {
		t.Errorf("of the person: %d made, %d before", len(made), len(before))
	}
}

func documents(list []certify.Revocation) (out [][32]byte) {
	for _, r := range list {
		out = append(out, r.Document)
	}
	return out
}

func testRevokeIdempotent(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	doc := w.issued(t, c)
	command := w.withdrawal(t, doc)
	command.Scope = certify.OnePerson
	var mu sync.Mutex
	var all []carnet.ID
	parallel(t, 8, func(int) error {
		made, _, err := c.Revoke(t.Context(), system, command)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range made {
			all = append(all, r.ID)
		}
		return err
	})
	if len(all) != 8 || len(slices.Compact(all)) != 1 || w.Count(t, "revocation") != 1 {
		t.Errorf("%d answers, %d events", len(all), w.Count(t, "revocation"))
	}
	w.later(24 * time.Hour)
	w.attestation(t, c)
	if made, _, err := c.Revoke(t.Context(), system, command); err != nil || len(made) != 1 || w.Count(t, "revocation") != 1 {
		t.Errorf("the same key took a document that was issued later: %v", err)
	}
	command.Reason = certify.Asked
	if _, _, err := c.Revoke(t.Context(), system, command); carnet.KindOf(err) != carnet.Conflict || carnet.CodeOf(err) != "revocation.key-reused" {
		t.Errorf("the same key with another reason: %v", err)
	}
}

func testRevokeFaults(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	doc := w.issued(t, c)
	for name, f := range map[string]struct {
		change func(*certify.Withdrawal)
		code   string
	}{
		"no key":           {func(x *certify.Withdrawal) { x.Key = carnet.ID{} }, "revocation.key-missing"},
		"nobody":           {func(x *certify.Withdrawal) { x.Person = carnet.ID{} }, "revocation.person-missing"},
		"no reason":        {func(x *certify.Withdrawal) { x.Reason = "" }, "revocation.reason"},
		"a reason of ours": {func(x *certify.Withdrawal) { x.Reason = "because" }, "revocation.reason"},
		"no document":      {func(x *certify.Withdrawal) { x.Document = [32]byte{} }, "revocation.scope"},
		"no dose":          {func(x *certify.Withdrawal) { x.Scope = certify.OneDose }, "revocation.scope"},
		"no scope":         {func(x *certify.Withdrawal) { x.Scope = "" }, "revocation.scope"},
		"not issued":       {func(x *certify.Withdrawal) { x.Document[0] ^= 1 }, "certificate.unknown"},
		"of another":       {func(x *certify.Withdrawal) { x.Person = w.nurse.ID }, "certificate.unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			command := w.withdrawal(t, doc)
			f.change(&command)
			if _, _, err := c.Revoke(t.Context(), system, command); !hasCode(err, f.code) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := c.Find(t.Context(), system, [32]byte{1}); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("a document of nobody: %v", err)
	}
	if n := w.Count(t, "revocation"); n != 0 {
		t.Errorf("%d events after faults", n)
	}
}

func testRevokedToday(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	doc := w.issued(t, c)
	_, _, err := c.Revoke(t.Context(), system, w.withdrawal(t, doc))
	must(t, err)
	again, err := c.Attestation(t.Context(), w.self(), w.fern)
	if carnet.KindOf(err) != carnet.Conflict || carnet.CodeOf(err) != "certificate.revoked-today" || again.PDF != nil || again.Payload != nil {
		t.Errorf("on the same day: %v", err)
	}
	failed := 0
	for _, l := range w.Journal(t) {
		if l.Purpose == "certification" && l.Object == "revocation" && l.Outcome == "failed" {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d lines tell the refusal", failed)
	}
	t.Run("another content is another document", func(t *testing.T) {
		_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-21"))
		must(t, err)
		if next := w.attestation(t, c); next.ID == doc.ID {
			t.Error("the same identity")
		}
	})
	t.Run("another day is another document", func(t *testing.T) {
		w.later(24 * time.Hour)
		if next := w.attestation(t, c); next.ID == doc.ID {
			t.Error("the same identity")
		}
	})
}

// revoking revokes the document of a person at the moment of the signature.
type revoking struct {
	certify.Signer
	now func()
}

func (s revoking) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.now()
	return s.Signer.Sign(r, digest, o)
}

func testRevokedMeanwhile(t *testing.T, w *world) {
	doc := w.issued(t, w.certify(t, w.signer))
	c := w.certify(t, revoking{w.signer, func() {
		_, _, err := w.certify(t, w.signer).Revoke(t.Context(), system, w.withdrawal(t, doc))
		must(t, err)
	}})
	if again, err := c.Attestation(t.Context(), w.self(), w.fern); carnet.CodeOf(err) != "certificate.revoked-today" || again.PDF != nil {
		t.Errorf("got %v", err)
	}
}

func testLists(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	p, key := w.publisher(t)
	empty, err := p.Next(t.Context(), 0)
	must(t, err)
	if empty.List.Number() != 1 || empty.List.Len(revocation.TwoDDoc) != 0 || empty.List.Stale(w.now()) {
		t.Errorf("the first list is %d with %d documents", empty.List.Number(), empty.List.Len(revocation.TwoDDoc))
	}
	doc := w.issued(t, c)
	_, _, err = c.Revoke(t.Context(), system, w.withdrawal(t, doc))
	must(t, err)
	w.later(24 * time.Hour)
	valid := w.attestation(t, c)
	before := len(w.Journal(t))
	next, err := p.Next(t.Context(), 0)
	must(t, err)
	list, err := revocation.Open(next.Bytes, key)
	must(t, err)
	if list.Number() != 2 || !list.Supersedes(empty.List) || !list.Exact() || list.NextUpdate().Sub(list.IssuedAt()) != 7*24*time.Hour {
		t.Errorf("the next list is %d", list.Number())
	}
	if list.Lookup(revocation.TwoDDocKey(doc.ID)) != revocation.Revoked || list.Lookup(revocation.TwoDDocKey(valid.ID)) != revocation.NotListed {
		t.Error("the list revokes the wrong document")
	}
	for _, l := range w.Journal(t)[before:] {
		if l.Purpose != "publication" || l.Role != "system" || !l.Person.IsZero() {
			t.Errorf("line %+v", l)
		}
	}
	far, err := p.Next(t.Context(), 41) // a list known from elsewhere
	must(t, err)
	if far.List.Number() != 42 || w.Count(t, "revocation_list") != 1 {
		t.Errorf("after list 41 comes %d", far.List.Number())
	}
	other, _ := w.publisher(t) // another key on the same store goes on counting
	last, err := other.Next(t.Context(), 0)
	must(t, err)
	if last.List.Number() != 43 {
		t.Errorf("after list 42 comes %d", last.List.Number())
	}
	w.later(-48 * time.Hour)
	if _, err := other.Next(t.Context(), 0); carnet.CodeOf(err) != "list.clock" {
		t.Errorf("with a clock before the last list: %v", err)
	}
}

func testCurrentList(t *testing.T, w *world) {
	c := w.certify(t, w.signer)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p := w.publisherOf(key)
	current := func() certify.Published {
		t.Helper()
		l, err := p.Current(t.Context())
		must(t, err)
		return l
	}
	first := current()
	_, _, err = c.Revoke(t.Context(), system, w.withdrawal(t, w.issued(t, c)))
	must(t, err)
	before := len(w.Journal(t))
	if again := current(); !bytes.Equal(again.Bytes, first.Bytes) || len(w.Journal(t)) != before {
		t.Error("the list was made again, or looked for, within a minute")
	}
	w.later(2 * time.Minute)
	if again := current(); !bytes.Equal(again.Bytes, first.Bytes) || len(w.Journal(t)) == before {
		t.Error("the list was made again within an hour, or not looked for")
	}
	published, err := w.publisherOf(key).Next(t.Context(), 0) // by another process
	must(t, err)
	w.later(2 * time.Minute)
	if again := current(); !bytes.Equal(again.Bytes, published.Bytes) || again.List.Len(revocation.TwoDDoc) != 1 {
		t.Error("a list that was published is not served")
	}
	w.later(2 * time.Hour)
	if again := current(); again.List.Number() != published.List.Number()+1 {
		t.Errorf("after two hours list %d is served", again.List.Number())
	}
}

func testConcurrentLists(t *testing.T, w *world) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	numbers := make([]uint64, 9)
	parallel(t, len(numbers), func(i int) error {
		l, err := w.publisherOf(key).Next(t.Context(), 0)
		if err == nil {
			numbers[i] = l.List.Number()
		}
		return err
	})
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != uint64(i+1) {
			t.Fatalf("numbers %v", numbers)
		}
	}
}
