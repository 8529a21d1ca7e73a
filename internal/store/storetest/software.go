package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"carnet/internal/carnet"
	"carnet/internal/login/software"
	"carnet/internal/protect"
)

// testSoftware checks what a store keeps of software: clients, tokens by hash, what was used up.
func testSoftware(t *testing.T, w *world) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	within := func(fn func(software.Tx) error) error {
		return w.Software.Software(t.Context(), w.guard.Decide(protect.Request{Actor: system, Purpose: protect.Software}), fn)
	}
	id := func(n byte) carnet.ID { return carnet.DerivedID([]byte{n, 15: 0}) }
	at := time.Date(2026, 11, 22, 10, 0, 0, 5000, time.UTC)
	first := software.Client{ID: id(1), Name: "Logiciel du Tilleul", Places: []string{"990000011", "990000029"}, Scopes: software.AllScopes,
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "a"}}}, Since: at}
	second := software.Client{ID: id(2), Name: "Autre", Places: []string{"990000011"}, Scopes: software.Scopes{"system/Patient.s"}, KeysURL: "https://keys.example/set", Since: at.Add(time.Second)}
	must(t, within(func(tx software.Tx) error {
		for _, c := range []software.Client{second, first} {
			if err := tx.PutClient(c); err != nil {
				return err
			}
		}
		return nil
	}))
	second.Revoked = at.Add(time.Minute)
	must(t, within(func(tx software.Tx) error { return tx.PutClient(second) }))
	same := cmp.Comparer(func(a, b jose.JSONWebKey) bool {
		x, errX := a.MarshalJSON()
		y, errY := b.MarshalJSON()
		return errX == nil && errY == nil && string(x) == string(y)
	})
	must(t, within(func(tx software.Tx) error {
		list, err := tx.Clients()
		if diff := cmp.Diff([]software.Client{first, second}, list, same); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		one, err := tx.Client(second.ID)
		if diff := cmp.Diff(second, one, same); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		return nil
	}))
	if err := within(func(tx software.Tx) error { _, err := tx.Client(id(9)); return err }); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("nobody: %v", err)
	}

	token := software.Token{Hash: sha256.Sum256([]byte("t")), ID: id(3), Client: first.ID, Professional: id(4), Place: "990000011", Scopes: software.AllScopes,
		Proof: sha256.Sum256([]byte("p")), ExpiresAt: at.Add(5 * time.Minute)}
	held := software.Token{Hash: sha256.Sum256([]byte("u")), ID: id(5), Client: second.ID, Professional: id(4), Place: "990000011", Scopes: software.Scopes{"system/Patient.s"},
		Certificate: sha256.Sum256([]byte("c")), ExpiresAt: at.Add(6 * time.Minute)}
	must(t, within(func(tx software.Tx) error {
		if err := tx.PutToken(token); err != nil {
			return err
		}
		return tx.PutToken(held)
	}))
	find := func(want software.Token) error {
		return within(func(tx software.Tx) error {
			got, err := tx.Token(want.Hash)
			if err == nil && !cmp.Equal(want, got) {
				t.Error(cmp.Diff(want, got))
			}
			return err
		})
	}
	must(t, find(token))
	must(t, find(held))
	must(t, within(func(tx software.Tx) error { return tx.RemoveTokens(first.ID) }))
	if err := find(token); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("a token of a client whose tokens were removed: %v", err)
	}
	must(t, find(held))

	var fresh atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := within(func(tx software.Tx) error {
				ok, err := tx.Use(sha256.Sum256([]byte("once")), at.Add(time.Minute))
				if ok {
					fresh.Add(1)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 1 {
		t.Errorf("used %d times", fresh.Load())
	}
	must(t, within(func(tx software.Tx) error { return tx.Purge(at.Add(6 * time.Minute)) }))
	if n := w.Count(t, "software_token") + w.Count(t, "software_used"); n != 0 {
		t.Errorf("%d rows are left after their time", n)
	}
	if w.Count(t, "software") != 2 {
		t.Error("a client went with its tokens")
	}
	must(t, within(func(tx software.Tx) error { return tx.Refused(id(4), first.ID, "software-request") }))
	lines := w.Journal(t)
	if last := lines[len(lines)-1]; last.Person != id(4) || last.Kind != "event" || last.Outcome != "software-request" || last.Object != "limit "+first.ID.String() {
		t.Errorf("journal: %+v", last)
	}

	for name, actor := range map[string]protect.Actor{"a professional": w.nurse, "software": {ID: w.nurse.ID, Role: protect.BusinessSoftware, Delegate: first.ID}} {
		err := w.Software.Software(t.Context(), w.guard.Decide(protect.Request{Actor: actor, Purpose: protect.Software}), func(software.Tx) error {
			t.Errorf("%s is let in", name)
			return nil
		})
		if carnet.KindOf(err) != carnet.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
}
