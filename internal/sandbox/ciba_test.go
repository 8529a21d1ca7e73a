package sandbox_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/sandbox/phone/phonetest"
)

// call is a login by phone of our own relying party.
func (w *world) pushProvider(t *testing.T) *login.Provider {
	t.Helper()
	p, err := login.NewProvider(w.sandbox.PSC.PushProfile(), w.later.now, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfessionalLogsInByPhone(t *testing.T) {
	w := start(t, t.TempDir())
	p, ctx := w.pushProvider(t), context.Background()
	device := phonetest.Give(t, w.psc.URL, "ines.bruyere", rand.Reader)
	pushed, err := p.Push(ctx, login.PushRequest{Number: carnet.Hide("99700000120"), Binding: "42",
		Context: login.PushContext{Service: "Vaccin Covid", Browser: "Firefox, Linux", Place: "Calvados (14)", Digits: 2, Notify: login.NotifyNormal, At: w.later.now()}})
	if err != nil {
		t.Fatal(err)
	}
	w.later.forward(6 * time.Second)
	if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) != login.CodePending {
		t.Fatalf("before the approval: %v", err)
	}
	if err := device.Approve("42"); err != nil {
		t.Fatal(err)
	}
	w.later.forward(6 * time.Second)
	id, err := p.Collect(ctx, pushed)
	if err != nil {
		t.Fatal(err)
	}
	pro, err := id.Claims.Professional()
	if err != nil || pro.Number.Reveal() != "899700000120" || id.AuthTime.IsZero() || id.SID == "" {
		t.Errorf("identity: %v, sid %q", err, id.SID)
	}
	if _, err := p.Collect(ctx, pushed); carnet.CodeOf(err) == "" || err == nil {
		t.Error("used twice")
	}
}
