package storetest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/delegation/passkeytest"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

const siteOrigin = "https://pro.example"

// impostor is another key under the name of one.
func impostor(t testing.TB, k *passkeytest.Key) *passkeytest.Key {
	other := passkeytest.New(t, siteOrigin, rand.Reader)
	other.ID, other.Counter = k.ID, 100
	return other
}

// ward is a world with a site and its delegates.
type ward struct {
	*world
	site *login.Site
	*delegation.Service
}

func newWard(t *testing.T, w *world) *ward {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	p, err := login.NewProvider(login.Profile{Name: "psc", DiscoveryURL: "https://psc.example/d", Issuer: "https://psc.example", ClientID: "carnet", SecretFile: secret,
		AuthMethod: login.SecretPost, Scopes: []string{"openid"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw}, w.now, rand.Reader, nil)
	must(t, err)
	site, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: siteOrigin, Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute}, p, w.Login, w.guard, w.now, rand.Reader)
	must(t, err)
	s, err := delegation.New(w.Delegation, w.guard, site, w.ids, siteOrigin)
	must(t, err)
	return &ward{w, site, s}
}

// session opens a session of a professional who has just authenticated.
func (w *ward) session(t *testing.T, who protect.Actor, d login.Delegation) login.Session {
	t.Helper()
	s, err := w.site.Open(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), login.Opening{Person: who.ID, Name: carnet.Hide("Lou AUBÉPINE"), Organisation: centre.ID,
		Delegation: d, Identity: login.Identity{Provider: "psc", Issuer: "https://psc.example", Subject: carnet.Hide(who.ID.String()), ACR: "eidas1", AuthTime: w.now()}})
	must(t, err)
	return s
}

// declare adds a delegate with a passkey.
func (w *ward) declare(t *testing.T, s login.Session, name string) (delegation.Delegate, *passkeytest.Key) {
	t.Helper()
	d, err := w.Declare(t.Context(), s, name)
	must(t, err)
	options, err := w.BeginPasskey(t.Context(), s, d.ID)
	must(t, err)
	k := passkeytest.New(t, siteOrigin, rand.Reader)
	must(t, w.FinishPasskey(t.Context(), s, d.ID, k.Make(t, options)))
	return d, k
}

func is(t *testing.T, err error, code string) {
	t.Helper()
	if carnet.CodeOf(err) != code || err == nil {
		t.Errorf("got %v, want %s", err, code)
	}
}

// testDelegates walks through a delegation, from the declaration to the end.
func testDelegates(t *testing.T, world *world) {
	w := newWard(t, world)
	s := w.session(t, w.nurse, login.Delegation{})
	rose, err := w.Declare(t.Context(), s, "  Rose   Aubépine ")
	must(t, err)
	if rose.Name.Reveal() != "Rose Aubépine" {
		t.Errorf("named %q", rose.Name.Reveal())
	}
	t.Run("D3 a name alone opens nothing", func(t *testing.T) {
		if ready, err := w.Ready(t.Context(), w.nurse.ID); err != nil || len(ready) != 0 {
			t.Errorf("%v, %v", ready, err)
		}
		_, err := w.BeginAuthorise(t.Context(), w.nurse.ID, rose.ID)
		is(t, err, delegation.CodeNoPasskey)
	})
	options, err := w.BeginPasskey(t.Context(), s, rose.ID)
	must(t, err)
	var asked struct {
		RP struct {
			ID string `json:"id"`
		} `json:"rp"`
		Selection struct {
			UserVerification string `json:"userVerification"`
		} `json:"authenticatorSelection"`
	}
	must(t, json.Unmarshal(options, &asked))
	if asked.RP.ID != "pro.example" || asked.Selection.UserVerification != "required" {
		t.Errorf("the browser is asked %s", options)
	}
	k := passkeytest.New(t, siteOrigin, rand.Reader)
	made := k.Make(t, options)
	must(t, w.FinishPasskey(t.Context(), s, rose.ID, made))
	is(t, w.FinishPasskey(t.Context(), s, rose.ID, made), delegation.CodePasskey) // once

	authorise := func(k *passkeytest.Key, professional protect.Actor, d carnet.ID, held login.Held, p login.Presence) (login.Delegation, error) {
		t.Helper()
		options, err := w.BeginAuthorise(t.Context(), professional.ID, d)
		if err != nil {
			return login.Delegation{}, err
		}
		return w.Authorise(t.Context(), held, professional.ID, d, p, k.Use(t, options))
	}
	t.Run("D2 by name, with the passkey, for one session", func(t *testing.T) {
		ready, err := w.Ready(t.Context(), w.nurse.ID)
		if err != nil || len(ready) != 1 || ready[0].ID != rose.ID || len(ready[0].Passkeys) != 1 || !ready[0].Passkeys[0].UsedAt.IsZero() {
			t.Fatalf("%+v, %v", ready, err)
		}
		d, err := authorise(k, w.nurse, rose.ID, login.Held{}, login.Present)
		if err != nil || d.ID != rose.ID || d.Name.Reveal() != "Rose Aubépine" || d.Presence != login.Present {
			t.Fatalf("%+v, %v", d, err)
		}
		if ready, err := w.Ready(t.Context(), w.nurse.ID); err != nil || ready[0].Passkeys[0].UsedAt.IsZero() {
			t.Errorf("%+v, %v", ready, err)
		}
	})
	t.Run("answers that do not hold", func(t *testing.T) {
		_, other := w.declare(t, s, "Jules Tilleul")
		for name, c := range map[string]struct {
			k  *passkeytest.Key
			as func(*passkeytest.Key)
		}{
			"another delegate's passkey": {other, func(*passkeytest.Key) {}},
			"from another origin":        {k, func(k *passkeytest.Key) { k.Origin = "https://pr0.example" }},
			"nobody was verified":        {k, func(k *passkeytest.Key) { k.Flags = 0x01 }},
			"nobody was there":           {k, func(k *passkeytest.Key) { k.Flags = 0x04 }},
			"a counter that went back":   {k, func(k *passkeytest.Key) { k.Counter = 0 }},
			"a key of nobody":            {passkeytest.New(t, siteOrigin, rand.Reader), func(*passkeytest.Key) {}},
			"a signature of another key": {impostor(t, k), func(*passkeytest.Key) {}},
		} {
			changed := *c.k
			c.as(&changed)
			if _, err := authorise(&changed, w.nurse, rose.ID, login.Held{}, login.Present); carnet.CodeOf(err) != delegation.CodePasskey {
				t.Errorf("%s: %v", name, err)
			}
		}
		options, err := w.BeginAuthorise(t.Context(), w.nurse.ID, rose.ID)
		must(t, err)
		answer := k.Use(t, options)
		_, err = w.Authorise(t.Context(), login.Held{}, w.nurse.ID, rose.ID, login.Present, answer)
		must(t, err)
		_, err = w.Authorise(t.Context(), login.Held{}, w.nurse.ID, rose.ID, login.Present, answer)
		is(t, err, delegation.CodePasskey)
		options, err = w.BeginAuthorise(t.Context(), w.nurse.ID, rose.ID)
		must(t, err)
		w.later(6 * time.Minute)
		_, err = w.Authorise(t.Context(), login.Held{}, w.nurse.ID, rose.ID, login.Present, k.Use(t, options))
		is(t, err, delegation.CodePasskey)
		for _, junk := range []string{"", "{}", "null", `{"id":"` + base64.RawURLEncoding.EncodeToString(k.ID) + `"}`, string(made), string(make([]byte, 70<<10))} {
			_, err := w.Authorise(t.Context(), login.Held{}, w.nurse.ID, rose.ID, login.Present, []byte(junk))
			is(t, err, delegation.CodePasskey)
		}
		is(t, w.FinishPasskey(t.Context(), w.session(t, w.nurse, login.Delegation{}), rose.ID, []byte("{}")), delegation.CodePasskey)
	})
	t.Run("ECP-09 from afar, only whom the request named and who was declared before", func(t *testing.T) {
		held := func(name string, at time.Time) login.Held {
			return login.Held{Asked: login.Asked{Delegate: carnet.Hide(name), At: at}}
		}
		_, err := authorise(k, w.nurse, rose.ID, held("Jules Tilleul", w.now()), login.RemoteChecked)
		is(t, err, delegation.CodeNotNamed)
		_, err = authorise(k, w.nurse, rose.ID, held("", w.now()), login.RemoteChecked)
		is(t, err, delegation.CodeNotNamed)
		_, err = authorise(k, w.nurse, rose.ID, held("Rose Aubépine", rose.Since.Add(-time.Minute)), login.RemoteChecked)
		is(t, err, delegation.CodeNotNamed)
		_, err = authorise(k, w.nurse, rose.ID, held("Rose Aubépine", w.now()), "")
		is(t, err, delegation.CodePresence)
		d, err := authorise(k, w.nurse, rose.ID, held("ROSE AUBEPINE", w.now()), login.RemoteChecked)
		if err != nil || d.Presence != login.RemoteChecked {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("D1 declaring and revoking need a fresh authentication", func(t *testing.T) {
		stale := w.session(t, w.nurse, login.Delegation{})
		w.later(login.StepUp)
		_, err := w.Declare(t.Context(), stale, "Noé Bruyère")
		is(t, err, login.CodeStepUp)
		is(t, w.Revoke(t.Context(), stale, rose.ID), login.CodeStepUp)
		_, err = w.BeginPasskey(t.Context(), stale, rose.ID)
		is(t, err, login.CodeStepUp)
		is(t, w.FinishPasskey(t.Context(), stale, rose.ID, nil), login.CodeStepUp)
	})
	t.Run("D4 a delegate declares and sees nobody", func(t *testing.T) {
		typed := w.session(t, w.nurse, login.Delegation{ID: rose.ID, Name: rose.Name, Presence: login.Present})
		_, err := w.Declare(t.Context(), typed, "Noé Bruyère")
		is(t, err, "delegate.refused")
		is(t, w.Revoke(t.Context(), typed, rose.ID), "delegate.refused")
		if _, err := w.List(t.Context(), typed.Actor()); !errors.Is(err, protect.ErrDenied) {
			t.Errorf("listed: %v", err)
		}
	})
	t.Run("each professional has delegates of their own", func(t *testing.T) {
		_, err := authorise(k, w.doctor, rose.ID, login.Held{}, login.Present)
		is(t, err, delegation.CodeUnknown)
		theirs := w.session(t, w.doctor, login.Delegation{})
		is(t, w.Revoke(t.Context(), theirs, rose.ID), delegation.CodeUnknown)
		if list, err := w.List(t.Context(), w.doctor); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
	t.Run("names that cannot be", func(t *testing.T) {
		s := w.session(t, w.nurse, login.Delegation{})
		for name, code := range map[string]string{"": delegation.CodeName, "  ": delegation.CodeName, "rose AUBEPINE": delegation.CodeTwice, string(bytes.Repeat([]byte("a"), 101)): delegation.CodeLong,
			"a\x00b": delegation.CodeLong} {
			_, err := w.Declare(t.Context(), s, name)
			is(t, err, code)
		}
	})
	t.Run("D5 revoking ends the sessions of the delegate", func(t *testing.T) {
		s := w.session(t, w.nurse, login.Delegation{})
		typed := w.session(t, w.nurse, login.Delegation{ID: rose.ID, Name: rose.Name, Presence: login.Present})
		must(t, w.Revoke(t.Context(), s, rose.ID))
		must(t, w.Revoke(t.Context(), s, rose.ID))
		list, err := w.site.Sessions(t.Context(), w.nurse.ID)
		must(t, err)
		for _, one := range list {
			if one.ID == typed.ID {
				t.Error("the session of the delegate goes on")
			}
		}
		if len(list) == 0 {
			t.Error("the professional's own sessions ended too")
		}
		_, err = authorise(k, w.nurse, rose.ID, login.Held{}, login.Present)
		is(t, err, delegation.CodeUnknown)
		all, err := w.List(t.Context(), w.nurse)
		if err != nil || len(all) != 2 || all[0].Stands() || !all[1].Stands() {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := w.Declare(t.Context(), s, "Rose Aubépine"); err != nil {
			t.Errorf("declared again after a revocation: %v", err)
		}
	})
	t.Run("the journal says that delegates were read and written, and no name", func(t *testing.T) {
		seen := map[string]bool{}
		for _, l := range w.Journal(t) {
			seen[l.Purpose+" "+l.Kind+" "+l.Object] = true
		}
		for _, line := range []string{"delegation write delegate", "delegation read delegate", "delegation write delegate_passkey", "delegation write delegate_challenge", "login write session"} {
			if !seen[line] {
				t.Errorf("no line %q", line)
			}
		}
	})
	t.Run("not more than fifty", func(t *testing.T) {
		theirs := w.session(t, w.doctor, login.Delegation{})
		var err error
		for i := range 51 {
			if i%10 == 0 {
				theirs = w.session(t, w.doctor, login.Delegation{})
			}
			_, err = w.Declare(t.Context(), theirs, fmt.Sprintf("Fougère %d", i))
			if i < 50 {
				must(t, err)
			}
		}
		is(t, err, delegation.CodeMany)
	})
}

// testDelegatedEntries : who types is part of every record, and the professional has the last word.
func testDelegatedEntries(t *testing.T, w *world) {
	session, err := w.ids.New()
	must(t, err)
	rose := carnet.DerivedID(bytes.Repeat([]byte{9}, 16))
	me, typed := w.nurse, w.nurse
	me.Session, typed.Session, typed.Delegate = session, session, rose
	start := w.now()
	must(t, w.vaccinate.Meet(t.Context(), typed, w.fern, vaccinate.ByNumber))
	var dose carnet.Dose
	t.Run("ECP-07 both names are on each act", func(t *testing.T) {
		dose, err = w.vaccinate.Record(t.Context(), typed, w.command(t, "2026-11-20"))
		must(t, err)
		if dose.RecordedBy != w.nurse.ID || dose.Delegate != rose || dose.Contested {
			t.Errorf("recorded %+v", dose)
		}
		history, err := w.vaccinate.History(t.Context(), typed, w.fern)
		if err != nil || len(history) != 1 || history[0].Delegate != rose {
			t.Errorf("%+v, %v", history, err)
		}
		lines := 0
		for _, l := range w.Journal(t) {
			if l.Object == "dose_event" && l.Kind == "write" && l.Actor == w.nurse.ID && l.Delegate == rose {
				lines++
			}
		}
		if lines != 1 {
			t.Errorf("%d lines of the journal name both", lines)
		}
	})
	t.Run("D4 a delegate corrects, cancels and contests nothing", func(t *testing.T) {
		_, err := w.vaccinate.Correct(t.Context(), typed, w.command(t, "2026-11-19"), vaccinate.Revision{Dose: dose.ID, Version: 1, Reason: "date relue"})
		is(t, err, "delegate.refused")
		key, _ := w.vaccinate.NewKey()
		is(t, w.vaccinate.Cancel(t.Context(), typed, vaccinate.Cancellation{Person: w.fern, Dose: dose.ID, Key: key, Cause: vaccinate.NeverGiven, Reason: "x"}), "delegate.refused")
		is(t, w.vaccinate.Contest(t.Context(), typed, w.fern, dose.ID, key, "x"), "delegate.refused")
		_, err = w.vaccinate.DelegatedEntries(t.Context(), typed, start)
		is(t, err, "delegate.refused")
		if n := w.Count(t, "dose_event"); n != 1 {
			t.Errorf("%d events", n)
		}
	})
	t.Run("D6 the entry keeps the session and the time", func(t *testing.T) {
		list, err := w.vaccinate.DelegatedEntries(t.Context(), me, start)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		e := list[0]
		if e.Delegate != rose || e.Session != session || e.Actor != w.nurse.ID || e.Kind != vaccinate.Recorded || e.Dose.PersonID != w.fern || e.At.Before(start) || !e.Stands || e.Now.ID != dose.ID {
			t.Errorf("%+v", e)
		}
		if list, err := w.vaccinate.DelegatedEntries(t.Context(), w.doctor, start); err != nil || len(list) != 0 {
			t.Errorf("another's: %v, %v", list, err)
		}
		if list, err := w.vaccinate.DelegatedEntries(t.Context(), me, w.now()); err != nil || len(list) != 0 {
			t.Errorf("since now: %v, %v", list, err)
		}
	})
	t.Run("D7 the professional contests it, once, with a reason", func(t *testing.T) {
		key, _ := w.vaccinate.NewKey()
		if err := w.vaccinate.Contest(t.Context(), me, w.fern, dose.ID, key, " "); !hasCode(err, "dose.reason-missing") {
			t.Errorf("without a reason: %v", err)
		}
		is(t, w.vaccinate.Contest(t.Context(), w.doctor, w.fern, dose.ID, key, "ce n’est pas moi"), "dose.not-yours")
		must(t, w.vaccinate.Contest(t.Context(), me, w.fern, dose.ID, key, "je n’étais pas là"))
		must(t, w.vaccinate.Contest(t.Context(), me, w.fern, dose.ID, key, "je n’étais pas là"))
		if n := w.Count(t, "dose_event"); n != 2 {
			t.Errorf("%d events", n)
		}
		history, err := w.vaccinate.History(t.Context(), me, w.fern)
		if err != nil || len(history) != 1 || !history[0].Contested || history[0].Version != 2 {
			t.Errorf("the dose shows %+v, %v", history, err)
		}
		fixed, err := w.vaccinate.Correct(t.Context(), me, w.command(t, "2026-11-19"), vaccinate.Revision{Dose: dose.ID, Version: 2, Reason: "date relue"})
		if err != nil || fixed.Contested || fixed.Delegate != rose {
			t.Errorf("corrected by the professional: %+v, %v", fixed, err)
		}
	})
	t.Run("what one typed oneself is not contested", func(t *testing.T) {
		c := w.command(t, "2026-11-18")
		own, err := w.vaccinate.Record(t.Context(), me, c)
		must(t, err)
		key, _ := w.vaccinate.NewKey()
		is(t, w.vaccinate.Contest(t.Context(), me, w.fern, own.ID, key, "x"), "dose.not-delegated")
		must(t, w.vaccinate.Cancel(t.Context(), me, vaccinate.Cancellation{Person: w.fern, Dose: dose.ID, Key: key, Cause: vaccinate.NeverGiven, Reason: "jamais faite"}))
		list, err := w.vaccinate.DelegatedEntries(t.Context(), me, start)
		if err != nil || len(list) != 1 || list[0].Stands {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
