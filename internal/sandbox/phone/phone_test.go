package phone_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/internal/sandbox/phone"
	"carnet/internal/sandbox/phone/phonetest"
)

// one takes the only request that a phone lists.
func one(t *testing.T, p *phonetest.Phone) phonetest.Request {
	t.Helper()
	list, err := p.Requests()
	if err != nil || len(list) != 1 {
		t.Fatalf("%d requests on the phone: %v", len(list), err)
	}
	return list[0]
}

// shown takes the only request that a phone lists, on its screen.
func shown(t *testing.T, p *phonetest.Phone) phonetest.Request {
	t.Helper()
	r := one(t, p)
	if err := p.Show(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOneLiveRequest(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R1 a new request takes the place of the one before", func(t *testing.T) {
		old := w.ask(fougere, "11")
		old1 := one(t, p)
		now := w.ask("8"+fougere, "22")
		if w.state(old) != phone.Superseded || w.state(now) != phone.Pending {
			t.Errorf("old %s, new %s", w.state(old), w.state(now))
		}
		if r := one(t, p); r.ID == old1.ID {
			t.Error("the phone shows the old one")
		}
		_, err := p.Decide(old1, "approve", "11", phonetest.Code)
		is(t, err, phone.CodeGone)
	})
	t.Run("R1 two at the same time leave one", func(t *testing.T) {
		var wg sync.WaitGroup
		refs := make([]string, 8)
		for i := range refs {
			wg.Go(func() { refs[i], _ = w.tryAsk(fougere, "33") })
		}
		wg.Wait()
		live := 0
		for _, ref := range refs {
			if w.state(ref) == phone.Pending {
				live++
			}
		}
		if live != 1 {
			t.Errorf("%d are live", live)
		}
		one(t, p)
	})
	t.Run("R1 somebody else's request stays", func(t *testing.T) {
		mine, other := w.ask(fougere, "44"), w.ask(tilleul, "55")
		if w.state(mine) != phone.Pending || w.state(other) != phone.Pending {
			t.Error("one of them is gone")
		}
	})
	t.Run("R8 a number that nobody has behaves the same", func(t *testing.T) {
		old, now := w.ask(nobodys, "11"), w.ask(nobodys, "22")
		if w.state(old) != phone.Superseded || w.state(now) != phone.Pending {
			t.Errorf("old %s, new %s", w.state(old), w.state(now))
		}
		if _, err := w.Poll(t.Context(), now, clientID); err != nil {
			t.Errorf("its first poll: %v", err)
		}
	})
}

func TestNumber(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R2 approving without the number is refused as malformed", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := shown(t, p)
		_, err := p.Decide(r, "approve", "", phonetest.Code)
		is(t, err, phone.CodeForm)
		if f, ok := err.(*phonetest.Fault); !ok || f.Status != http.StatusBadRequest {
			t.Errorf("%v, want status 400", err)
		}
		if w.state(ref) != phone.Pending {
			t.Error("the request is over")
		}
	})
	t.Run("R2 the number is nowhere in what the phone gets", func(t *testing.T) {
		w.ask(fougere, "836251", quiet)
		var raw map[string]any
		if err := p.Prove(); err != nil {
			t.Fatal(err)
		}
		if err := p.Get("state", &raw); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprint(raw), "836251") {
			t.Error("the state holds the number")
		}
	})
	t.Run("R2 two digits where nothing is unusual, six or more else", func(t *testing.T) {
		for _, c := range []struct {
			binding string
			change  func(*phone.Ask)
			ok      bool
		}{
			{"42", func(*phone.Ask) {}, true}, {"123456", func(*phone.Ask) {}, true}, {"", func(*phone.Ask) {}, false}, {"4", func(*phone.Ask) {}, false},
			{"4a", func(*phone.Ask) {}, false}, {"123456789", func(*phone.Ask) {}, false}, {"42", quiet, false}, {"42", pull, false}, {"42", unusual, false},
			{"42", func(a *phone.Ask) { a.Context.FirstTime = true }, false}, {"123456", quiet, true}, {"123456", unusual, true},
			{"42", func(a *phone.Ask) { a.Context.Digits = 6 }, false}, {"٤٢", func(*phone.Ask) {}, false},
		} {
			_, err := w.tryAsk(fougere, c.binding, c.change)
			if c.ok && err != nil {
				t.Errorf("%q: %v", c.binding, err)
			} else if !c.ok {
				is(t, err, phone.CodeBinding)
			}
		}
	})
	t.Run("R3 one wrong number ends the request, and the right one comes too late", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := shown(t, p)
		_, err := p.Decide(r, "approve", "24", phonetest.Code)
		is(t, err, phone.CodeNumber)
		if w.state(ref) != phone.WrongTyped {
			t.Errorf("state %s", w.state(ref))
		}
		_, err = p.Decide(r, "approve", "42", phonetest.Code)
		is(t, err, phone.CodeGone)
		if !strings.Contains(w.history(p), "wrong-number") {
			t.Error("it is not recorded")
		}
	})
}

// history is what the phone is told of the past.
func (w *world) history(p *phonetest.Phone) string {
	w.t.Helper()
	if err := p.Prove(); err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	if err := p.Get("history", &out); err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(out)
}

func TestSecretCode(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	second := w.give("rose.fougere")
	wrong := func(t *testing.T, want string) *phonetest.Fault {
		t.Helper()
		w.ask(fougere, "42")
		_, err := p.Decide(shown(t, p), "approve", "42", "0000")
		is(t, err, want)
		f, _ := errors.AsType[*phonetest.Fault](err)
		return f
	}
	t.Run("R4 three in a row lock the device for 15 minutes, then 30, then 60; ten disable it", func(t *testing.T) {
		lock := 15 * time.Minute
		for n := 1; n <= 9; n++ {
			if n%3 != 0 {
				if f := wrong(t, phone.CodeCode); f.Left != 3-n%3 {
					t.Errorf("after %d: %d tries left", n, f.Left)
				}
				continue
			}
			f := wrong(t, phone.CodeLocked)
			if got := time.UnixMilli(f.Until).Sub(w.clock.now()); got != lock {
				t.Errorf("after %d: locked for %s, want %s", n, got, lock)
			}
			// The right code does not help, and is not counted.
			ref := w.ask(fougere, "42")
			_, err := p.Decide(shown(t, p), "approve", "42", phonetest.Code)
			is(t, err, phone.CodeLocked)
			if w.state(ref) != phone.Pending {
				t.Errorf("state %s", w.state(ref))
			}
			if n == 3 {
				t.Run("R4 the other device of the account stays open", func(t *testing.T) {
					if err := second.Approve("42"); err != nil || w.state(ref) != phone.Approved {
						t.Errorf("%v, %s", err, w.state(ref))
					}
				})
				t.Run("R4 a locked device can still decline", func(t *testing.T) {
					ref := w.ask(fougere, "42")
					if _, err := p.Decide(one(t, p), "decline", "", ""); err != nil || w.state(ref) != phone.Declined {
						t.Errorf("%v, %s", err, w.state(ref))
					}
				})
			}
			w.clock.forward(lock + time.Second)
			lock *= 2
		}
		wrong(t, phone.CodeDisabled)
		w.clock.forward(24 * time.Hour)
		w.ask(fougere, "42")
		_, err := p.Decide(shown(t, p), "approve", "42", phonetest.Code)
		is(t, err, phone.CodeDisabled)
		for _, kind := range []string{"wrong-code", "locked", "disabled"} {
			if !strings.Contains(w.history(second), "kind:"+kind) {
				t.Errorf("no event %s", kind)
			}
		}
	})
	t.Run("R4 a right code begins the count again", func(t *testing.T) {
		p = w.give("rose.fougere")
		wrong(t, phone.CodeCode)
		wrong(t, phone.CodeCode)
		w.ask(fougere, "42")
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		if f := wrong(t, phone.CodeCode); f.Left != 2 {
			t.Errorf("%d tries left", f.Left)
		}
	})
	t.Run("R4 tries at the same time do not outrun the count", func(t *testing.T) {
		p = w.give("rose.fougere")
		w.ask(fougere, "42")
		r := shown(t, p)
		var wg sync.WaitGroup
		var mu sync.Mutex
		looked := 0 // codes that were compared
		for range 12 {
			wg.Go(func() {
				_, err := p.Decide(r, "approve", "42", "0000")
				f, _ := errors.AsType[*phonetest.Fault](err)
				mu.Lock()
				defer mu.Unlock()
				if f != nil && (f.Code == phone.CodeCode || f.Code == phone.CodeLocked && f.Until > 0) {
					looked++
				}
			})
		}
		wg.Wait()
		if n := strings.Count(w.history(p), "kind:wrong-code"); n > 20 {
			t.Errorf("%d wrong codes are recorded", n)
		}
		_, err := p.Decide(r, "approve", "42", "0000")
		f, _ := errors.AsType[*phonetest.Fault](err)
		if f == nil || f.Code == phone.CodeDisabled {
			t.Errorf("after twelve at once: %v", err)
		}
	})
}

func TestSignature(t *testing.T) {
	w := start(t)
	p, other := w.give("rose.fougere"), w.give("noe.tilleul")
	ref := w.ask(fougere, "42")
	r := shown(t, p)
	send := func(change func(map[string]any)) error {
		if err := p.Prove(); err != nil {
			return err
		}
		at := w.clock.now().UnixMilli()
		m := map[string]any{"device": p.ID, "request": r.ID, "decision": "approve", "number": "42", "code": phonetest.Code, "at": at,
			"signature": p.Sign("decide", p.ID, fmt.Sprint(at), r.ID, r.Client, "approve", "42")}
		change(m)
		return p.Post("decide", m, nil)
	}
	for name, c := range map[string]struct {
		code   string
		change func(map[string]any)
	}{
		"of another device":     {phone.CodeDevice, func(m map[string]any) { m["signature"] = other.Sign("decide", p.ID, "0") }},
		"missing":               {phone.CodeDevice, func(m map[string]any) { delete(m, "signature") }},
		"over another number":   {phone.CodeDevice, func(m map[string]any) { m["number"] = "43" }},
		"over another decision": {phone.CodeDevice, func(m map[string]any) { m["decision"] = "decline" }},
		"over another time":     {phone.CodeDevice, func(m map[string]any) { m["at"] = m["at"].(int64) + 1 }},
		"of another purpose":    {phone.CodeDevice, func(m map[string]any) { m["signature"] = p.Sign("session", p.ID) }},
		"as another device":     {phone.CodeDevice, func(m map[string]any) { m["device"] = other.ID }},
		"an hour old": {phone.CodeTime, func(m map[string]any) {
			at := w.clock.now().Add(-time.Hour).UnixMilli()
			m["at"], m["signature"] = at, p.Sign("decide", p.ID, fmt.Sprint(at), r.ID, r.Client, "approve", "42")
		}},
		"an unknown field": {phone.CodeForm, func(m map[string]any) { m["binding"] = "42" }},
	} {
		t.Run(name, func(t *testing.T) { is(t, send(c.change), c.code) })
	}
	if w.state(ref) != phone.Pending {
		t.Fatalf("state %s", w.state(ref))
	}
	if err := send(func(map[string]any) {}); err != nil || w.state(ref) != phone.Approved {
		t.Errorf("as it should be: %v", err)
	}
	t.Run("sent again it does nothing", func(t *testing.T) { is(t, send(func(map[string]any) {}), phone.CodeGone) })
	t.Run("somebody else's request", func(t *testing.T) {
		w.ask(tilleul, "42")
		mine := one(t, other)
		_, err := p.Decide(mine, "approve", "42", phonetest.Code)
		is(t, err, phone.CodeGone)
	})
}

func TestTime(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R5 after its time an approval gives nothing", func(t *testing.T) {
		ref := w.ask(fougere, "42", func(a *phone.Ask) { a.Life = 60 * time.Second })
		r := shown(t, p)
		w.clock.forward(61 * time.Second)
		_, err := p.Decide(r, "approve", "42", phonetest.Code)
		is(t, err, phone.CodeGone)
		if w.state(ref) != phone.Expired {
			t.Errorf("state %s", w.state(ref))
		}
		if list, err := p.Requests(); err != nil || len(list) > 0 {
			t.Errorf("the phone still shows %d: %v", len(list), err)
		}
	})
	t.Run("R5 approved and not collected in time gives nothing", func(t *testing.T) {
		ref := w.ask(fougere, "42", func(a *phone.Ask) { a.Life = 60 * time.Second })
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(61 * time.Second)
		_, err := w.Collect(t.Context(), ref, clientID)
		is(t, err, phone.CodeUnknown)
	})
	t.Run("R5 the life that is asked is held between 30 s and 300 s", func(t *testing.T) {
		for asked, want := range map[time.Duration]time.Duration{0: 120 * time.Second, time.Second: 30 * time.Second, -5: 30 * time.Second, 99999999 * time.Second: 300 * time.Second, 90 * time.Second: 90 * time.Second} {
			if got := phone.Life(asked); got != want {
				t.Errorf("%s gives %s", asked, got)
			}
		}
	})
	t.Run("R5 polling faster than the interval, which then grows", func(t *testing.T) {
		ref := w.ask(fougere, "42", func(a *phone.Ask) { a.Life = 300 * time.Second })
		for _, step := range []struct {
			after time.Duration
			code  string
		}{
			{0, ""}, {5 * time.Second, ""}, {4 * time.Second, phone.CodeSlowDown}, {9 * time.Second, phone.CodeSlowDown}, {15 * time.Second, ""}, {14600 * time.Millisecond, ""},
		} {
			w.clock.forward(step.after)
			l, err := w.Poll(t.Context(), ref, clientID)
			is(t, err, step.code)
			if err == nil && l.State != phone.Pending {
				t.Errorf("state %s", l.State)
			}
		}
	})
	t.Run("R5 another client learns nothing", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		_, err := w.Poll(t.Context(), ref, "another")
		is(t, err, phone.CodeUnknown)
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		_, err = w.Collect(t.Context(), ref, "another")
		is(t, err, phone.CodeUnknown)
		if _, err := w.Collect(t.Context(), ref, clientID); err != nil {
			t.Errorf("its own client: %v", err)
		}
		_, err = w.Collect(t.Context(), ref, clientID)
		is(t, err, phone.CodeUnknown)
	})
}

func TestPullPath(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R7 opening the application lists the live request, without a push", func(t *testing.T) {
		ref := w.ask(fougere, "271828", pull)
		r := one(t, p)
		if !r.Pull || r.Wait != 5000 {
			t.Errorf("request %+v", r)
		}
		if err := p.Show(r); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(5 * time.Second)
		if _, err := p.Decide(r, "approve", "271828", phonetest.Code); err != nil || w.state(ref) != phone.Approved {
			t.Errorf("%v, %s", err, w.state(ref))
		}
	})
	t.Run("R6 R7 a thousand requests that nobody asked for do not end that of the owner", func(t *testing.T) {
		own := w.ask(fougere, "999999", pull)
		for i := range 1000 {
			w.ask(fougere, fmt.Sprintf("%06d", i), pull)
		}
		if list, err := p.Requests(); err != nil || len(list) != 0 {
			t.Errorf("the phone shows %d of them: %v", len(list), err)
		}
		r, err := p.Find("999999")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Show(r); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(5 * time.Second)
		if _, err := p.Decide(r, "approve", "999999", phonetest.Code); err != nil || w.state(own) != phone.Approved {
			t.Errorf("%v, %s", err, w.state(own))
		}
	})
	w.clock.forward(10 * time.Minute)
	t.Run("R3 looking does not help to guess the number of a request that rings", func(t *testing.T) {
		w.ask(fougere, "123456")
		_, err := p.Find("123456")
		is(t, err, phone.CodeNoMatch)
	})
	t.Run("R3 looking is limited", func(t *testing.T) {
		w.clock.forward(10 * time.Minute)
		w.ask(fougere, "555555", pull)
		for i := range 10 {
			_, err := p.Find(fmt.Sprintf("10%04d", i))
			is(t, err, phone.CodeNoMatch)
		}
		_, err := p.Find("555555")
		is(t, err, phone.CodeBusy)
		w.clock.forward(5 * time.Minute)
		w.ask(fougere, "555555", pull)
		if _, err = p.Find("555555"); err != nil {
			t.Error(err)
		}
	})
	t.Run("two with one number: none is shown", func(t *testing.T) {
		w.clock.forward(10 * time.Minute)
		w.ask(fougere, "777777", pull)
		w.ask(fougere, "777777", pull)
		_, err := p.Find("777777")
		is(t, err, phone.CodeNoMatch)
	})
	t.Run("somebody else's is not found", func(t *testing.T) {
		w.ask(tilleul, "888888", pull)
		_, err := p.Find("888888")
		is(t, err, phone.CodeNoMatch)
	})
	t.Run("what waits is bounded", func(t *testing.T) {
		var err error
		n := 0
		for ; n < 2100 && err == nil; n++ {
			_, err = w.tryAsk(tilleul, "123456", pull)
		}
		is(t, err, phone.CodeFull)
		if n < 1500 {
			t.Errorf("refused after %d", n)
		}
	})
}

func TestCareful(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	w.clock.forward(18 * time.Hour) // 02:00 UTC
	for _, c := range []struct {
		name   string
		change func(*phone.Ask)
	}{
		{"R9 ECP-05 at 02:00, outside every session", func(a *phone.Ask) { a.Context = about(phone.NotifyQuiet); a.Context.Unusual = true }},
		{"R9 from an unknown browser", func(a *phone.Ask) { a.Context.FirstTime = true }},
		{"R9 delivered quietly", quiet},
	} {
		t.Run(c.name, func(t *testing.T) {
			ref := w.ask(fougere, "314159", c.change)
			r := one(t, p)
			if r.Digits != 6 || r.Wait != 5000 || !(r.Unusual || r.FirstTime || r.Quiet) {
				t.Errorf("request %+v", r)
			}
			_, err := p.Decide(r, "approve", "314159", phonetest.Code)
			is(t, err, phone.CodeEarly) // it was not even shown
			if err := p.Show(r); err != nil {
				t.Fatal(err)
			}
			w.clock.forward(4900 * time.Millisecond)
			if err := p.Show(r); err != nil { // again: the time does not begin anew
				t.Fatal(err)
			}
			_, err = p.Decide(r, "approve", "314159", phonetest.Code)
			is(t, err, phone.CodeEarly)
			w.clock.forward(100 * time.Millisecond)
			// Slower, never blocked.
			if _, err = p.Decide(r, "approve", "314159", phonetest.Code); err != nil || w.state(ref) != phone.Approved {
				t.Errorf("%v, %s", err, w.state(ref))
			}
		})
	}
	t.Run("ECP-05 a request at an unusual hour is flagged in what the professional reads later", func(t *testing.T) {
		if h := w.history(p); !strings.Contains(h, "kind:asked") || !strings.Contains(h, "Calvados (14)") {
			t.Error("the history does not say where it came from")
		}
	})
}

func TestNotMe(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R11 one click refuses with that word and takes back the other requests", func(t *testing.T) {
		waiting := w.ask(fougere, "101010", pull)
		ref := w.ask(fougere, "42")
		list, err := p.Requests()
		if err != nil || len(list) != 1 {
			t.Fatal(err, len(list))
		}
		if _, err := p.Decide(list[0], "report", "", ""); err != nil {
			t.Fatal(err)
		}
		if w.state(ref) != phone.Reported || w.state(waiting) != phone.Cancelled {
			t.Errorf("%s and %s", w.state(ref), w.state(waiting))
		}
		if !strings.Contains(w.history(p), "kind:reported") {
			t.Error("the history does not show it")
		}
		l, err := w.Poll(t.Context(), ref, clientID)
		if err != nil || l.State != phone.Reported {
			t.Errorf("the client polls %s, %v", l.State, err)
		}
	})
	t.Run("R11 a login that was approved ends at the client", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := one(t, p)
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		l, err := w.Collect(t.Context(), ref, clientID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Decide(r, "report", "", ""); err != nil {
			t.Fatal(err)
		}
		got := w.told(1)[0]
		if got.SID != l.SID || got.Person != "rose.fougere" || got.Client != clientID || !got.Reported || got.Request == "" {
			t.Errorf("told %+v", got)
		}
	})
	t.Run("R11 ECP-10 a request that was left can be reported afterwards", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := one(t, p)
		if _, err := p.Decide(r, "decline", "", ""); err != nil || w.state(ref) != phone.Declined {
			t.Fatal(err, w.state(ref))
		}
		if _, err := w.Poll(t.Context(), ref, clientID); err != nil { // the client knows already
			t.Fatal(err)
		}
		if _, err := p.Decide(r, "report", "", ""); err != nil || w.state(ref) != phone.Reported {
			t.Error(err, w.state(ref))
		}
		if got := w.told(2)[1]; !got.Reported {
			t.Errorf("told %+v", got)
		}
	})
	t.Run("R11 too late after four hours", func(t *testing.T) {
		w.ask(fougere, "42")
		r := one(t, p)
		if _, err := p.Decide(r, "decline", "", ""); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(4*time.Hour + time.Minute)
		if err := p.Prove(); err != nil {
			t.Fatal(err)
		}
		_, err := p.Decide(r, "report", "", "")
		is(t, err, phone.CodeGone)
	})
	t.Run("R12 nobody reports without the key of a device", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := one(t, p)
		body := fmt.Sprintf(`{"device":%q,"request":%q,"decision":"report","number":"","code":"","at":%d,"signature":""}`, p.ID, r.ID, w.clock.now().UnixMilli())
		resp, err := http.Post(w.server.URL+"/wallet/api/decide", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d", resp.StatusCode)
		}
		// With a proved page and somebody else's signature neither.
		stranger := w.give("noe.tilleul")
		at := w.clock.now().UnixMilli()
		err = p.Post("decide", map[string]any{"device": p.ID, "request": r.ID, "decision": "report", "number": "", "code": "", "at": at,
			"signature": stranger.Sign("decide", p.ID, fmt.Sprint(at), r.ID, r.Client, "report", "")}, nil)
		is(t, err, phone.CodeDevice)
		if f, ok := err.(*phonetest.Fault); !ok || f.Status != http.StatusUnauthorized {
			t.Errorf("%v, want 401", err)
		}
		if w.state(ref) != phone.Pending {
			t.Errorf("state %s", w.state(ref))
		}
		t.Run("and the number is never blocked", func(t *testing.T) {
			if err := p.Approve("42"); err != nil || w.state(ref) != phone.Approved {
				t.Error(err, w.state(ref))
			}
		})
	})
}

func TestQuit(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	t.Run("R13 taken back: the phone is cleared, a late approval opens nothing", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		r := shown(t, p)
		if err := w.Cancel(t.Context(), ref, clientID); err != nil {
			t.Fatal(err)
		}
		if list, err := p.Requests(); err != nil || len(list) > 0 {
			t.Errorf("the phone shows %d: %v", len(list), err)
		}
		_, err := p.Decide(r, "approve", "42", phonetest.Code)
		is(t, err, phone.CodeGone)
		if w.state(ref) != phone.Cancelled {
			t.Errorf("state %s", w.state(ref))
		}
	})
	t.Run("R13 taken back between approval and collection", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		if err := w.Cancel(t.Context(), ref, clientID); err != nil {
			t.Fatal(err)
		}
		_, err := w.Collect(t.Context(), ref, clientID)
		is(t, err, phone.CodeUnknown)
	})
	t.Run("R13 by its own client only, and silently", func(t *testing.T) {
		ref := w.ask(fougere, "42")
		for _, r := range [][2]string{{ref, "another"}, {"none", clientID}} {
			if err := w.Cancel(t.Context(), r[0], r[1]); err != nil {
				t.Error(err)
			}
		}
		if w.state(ref) != phone.Pending {
			t.Errorf("state %s", w.state(ref))
		}
	})
}

func TestEnrolment(t *testing.T) {
	w := start(t)
	t.Run("R17 a token is good once", func(t *testing.T) {
		token := phonetest.Token(t, w.server.URL, "rose.fougere")
		phonetest.Enrol(t, w.server.URL, token, "un", rand.Reader)
		_, err := phonetest.TryEnrol(w.server.URL, token, "deux", rand.Reader)
		is(t, err, phone.CodeToken)
	})
	t.Run("R17 of two at once one is enrolled", func(t *testing.T) {
		token := phonetest.Token(t, w.server.URL, "rose.fougere")
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for range 4 {
			wg.Go(func() {
				if _, err := phonetest.TryEnrol(w.server.URL, token, "ensemble", rand.Reader); err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if done != 1 {
			t.Errorf("%d were enrolled", done)
		}
	})
	t.Run("R17 a token is good for 90 s", func(t *testing.T) {
		token := phonetest.Token(t, w.server.URL, "rose.fougere")
		w.clock.forward(91 * time.Second)
		_, err := phonetest.TryEnrol(w.server.URL, token, "tard", rand.Reader)
		is(t, err, phone.CodeToken)
	})
	t.Run("R17 the old device is told of the new one, until its owner has read it", func(t *testing.T) {
		old := w.give("noe.tilleul")
		w.clock.forward(25 * time.Hour)
		fresh := w.give("noe.tilleul")
		news := func(p *phonetest.Phone) (id int64, n int) {
			t.Helper()
			if err := p.Prove(); err != nil {
				t.Fatal(err)
			}
			var s struct {
				Cards []struct {
					News []struct {
						ID   int64
						Kind string
					}
				}
			}
			if err := p.Get("state", &s); err != nil {
				t.Fatal(err)
			}
			for _, e := range s.Cards[0].News {
				if e.Kind == "enrolled" {
					id, n = e.ID, n+1
				}
			}
			return id, n
		}
		id, n := news(old)
		if n != 1 {
			t.Errorf("the old one has %d pieces of news", n)
		}
		if _, n := news(fresh); n != 0 {
			t.Errorf("the new one has %d pieces of news", n)
		}
		if err := old.Post("noticed", map[string]any{"device": old.ID, "event": id}, nil); err != nil {
			t.Fatal(err)
		}
		if _, n := news(old); n != 0 {
			t.Error("it is told again")
		}
		t.Run("R17 for a day the audit says that the device is young", func(t *testing.T) {
			w.ask(tilleul, "42")
			if err := fresh.Approve("42"); err != nil {
				t.Fatal(err)
			}
			if h := w.history(fresh); !strings.Contains(h, "kind:approved") || strings.Count(h, "young:true") < 3 {
				t.Errorf("no flag: %s", h)
			}
			if !strings.Contains(w.log.String(), "young=true") {
				t.Error("the log does not say it")
			}
			w.clock.forward(25 * time.Hour)
			before := strings.Count(w.log.String(), "young=true")
			w.ask(tilleul, "42")
			if err := fresh.Approve("42"); err != nil {
				t.Fatal(err)
			}
			if strings.Count(w.log.String(), "young=true") != before {
				t.Error("still young after 25 hours")
			}
		})
	})
	t.Run("a person has ten devices at most", func(t *testing.T) {
		var err error
		for n := 0; n < 12 && err == nil; n++ {
			_, err = phonetest.TryEnrol(w.server.URL, phonetest.Token(t, w.server.URL, "noe.tilleul"), "encore", rand.Reader)
		}
		is(t, err, phone.CodeMany)
	})
	t.Run("nobody of this name", func(t *testing.T) {
		resp, err := http.PostForm(w.server.URL+"/wallet/telephones", map[string][]string{"person": {"nemo"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

func TestLostPhone(t *testing.T) {
	w := start(t)
	lost, other := w.give("rose.fougere"), w.give("rose.fougere")
	login := func(p *phonetest.Phone) phone.Login {
		t.Helper()
		ref := w.ask(fougere, "42")
		if err := p.Approve("42"); err != nil {
			t.Fatal(err)
		}
		l, err := w.Collect(t.Context(), ref, clientID)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l, kept := login(lost), login(other)
	t.Run("R18 from another device, with the code", func(t *testing.T) {
		is(t, other.Revoke(lost.ID, "0000"), phone.CodeCode)
		is(t, lost.Revoke("nothing", phonetest.Code), phone.CodeNoDevice)
		if err := other.Revoke(lost.ID, phonetest.Code); err != nil {
			t.Fatal(err)
		}
		if got := w.told(1); len(got) != 1 || got[0].SID != l.SID || got[0].Reported {
			t.Errorf("told %+v, want %s and not %s", got, l.SID, kept.SID)
		}
	})
	t.Run("R18 its page is closed and it proves nothing any more", func(t *testing.T) {
		is(t, lost.Get("state", nil), phone.CodeSession)
		is(t, lost.Prove(), phone.CodeDevice)
		w.ask(fougere, "42")
		_, err := lost.Decide(one(t, other), "approve", "42", phonetest.Code)
		is(t, err, phone.CodeSession)
	})
	t.Run("R18 from the card, and every session ends", func(t *testing.T) {
		third := w.give("rose.fougere")
		l := login(third)
		resp, err := http.PostForm(w.server.URL+"/wallet/perdu/revoquer", map[string][]string{"person": {"rose.fougere"}, "device": {third.ID}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := w.told(2); got[1].SID != l.SID {
			t.Errorf("told %+v", got)
		}
		is(t, third.Prove(), phone.CodeDevice)
	})
	t.Run("R18 approved and not collected: it opens nothing", func(t *testing.T) {
		fourth := w.give("rose.fougere")
		ref := w.ask(fougere, "42")
		if err := fourth.Approve("42"); err != nil {
			t.Fatal(err)
		}
		if err := w.Service.Revoke(t.Context(), "rose.fougere", fourth.ID); err != nil {
			t.Fatal(err)
		}
		_, err := w.Collect(t.Context(), ref, clientID)
		is(t, err, phone.CodeUnknown)
	})
	t.Run("R18 not a device of somebody else", func(t *testing.T) {
		is(t, w.Service.Revoke(t.Context(), "noe.tilleul", other.ID), phone.CodeNoDevice)
	})
	t.Run("R18 a client that is down is told later", func(t *testing.T) {
		fifth := w.give("rose.fougere")
		l := login(fifth)
		w.mu.Lock()
		w.down = true
		before := len(w.ended)
		w.mu.Unlock()
		if err := w.Service.Revoke(t.Context(), "rose.fougere", fifth.ID); err != nil {
			t.Fatal(err)
		}
		w.restart() // even by the next process
		w.mu.Lock()
		w.down = false
		w.mu.Unlock()
		w.restart()
		list := w.told(before + 1)
		if !strings.Contains(fmt.Sprint(list[before:]), l.SID) {
			t.Errorf("told %+v, not %s", list[before:], l.SID)
		}
	})
}

func TestRestart(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	ref := w.ask(fougere, "42")
	w.restart()
	if err := p.Approve("42"); err != nil {
		t.Fatal(err)
	}
	w.restart()
	l, err := w.Collect(t.Context(), ref, clientID)
	if err != nil || l.Person != "rose.fougere" || string(l.Session) != "{}" {
		t.Errorf("%+v, %v", l, err)
	}
	t.Run("the file is for its owner alone and holds neither key nor code", func(t *testing.T) {
		file := filepath.Join(w.config.Dir, "phone.sqlite")
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		for _, name := range []string{file, file + "-wal"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), ref) {
				t.Error("it holds a ref in clear")
			}
		}
	})
	t.Run("a file of another version is refused", func(t *testing.T) {
		c := w.config
		c.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(c.Dir, "phone.sqlite"), []byte("not a database, but long enough to look at"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := phone.New(c); err == nil {
			t.Error("no error")
		}
	})
}

func TestOldRowsGo(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	w.ask(fougere, "42")
	if !strings.Contains(w.history(p), "kind:asked") {
		t.Fatal("no event")
	}
	w.clock.forward(91 * 24 * time.Hour)
	w.ask(tilleul, "42") // any request sweeps
	if h := w.history(p); strings.Contains(h, "kind:") {
		t.Errorf("R21 after 91 days: %s", h)
	}
}

func TestNothingPersonalInTheLog(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	w.ask(fougere, "628318")
	if err := p.Approve("628318"); err != nil {
		t.Fatal(err)
	}
	w.ask(nobodys, "42")
	for _, secret := range []string{"FOUG", "rose", fougere, nobodys, "628318", phonetest.Code + " ", "Calvados"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// BenchmarkStart asks for somebody and for a number that nobody has, in turns (R8): the difference of
// the medians is what would tell them apart.
func BenchmarkStart(b *testing.B) {
	w := start(b)
	w.give("rose.fougere")
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, number := range []string{fougere, nobodys} {
			from := time.Now()
			w.ask(number, "42")
			took[number] = append(took[number], time.Since(from))
		}
		w.clock.forward(time.Second)
	}
	median := func(number string) float64 {
		slices.Sort(took[number])
		return float64(took[number][len(took[number])/2].Nanoseconds()) / 1000
	}
	known, unknown := median(fougere), median(nobodys)
	b.ReportMetric(known, "µs/known")
	b.ReportMetric(unknown-known, "µs/difference")
	b.ReportMetric(unknown/known, "ratio")
}
