package login_test

import (
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"
)

// TestCallThroughProvider takes the whole way, with the provider's own side of CIBA in it.
func TestCallThroughProvider(t *testing.T) {
	r := newRig(t, ciba)
	site, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "http://localhost:8401", Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute,
		Calls: &login.Calls{Service: "Vaccin Covid", Professional: logintest.ProfessionalID}}, r.provider, r.store, logintest.Guard(t, r.clock.now), r.clock.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{t: t, clock: r.clock, store: r.store, site: site, phones: newPhones(r.clock)}
	pending := true
	r.phone = func() (string, string) {
		if pending {
			return "authorization_pending", ""
		}
		return "", ""
	}
	c := at("192.0.2.7")
	if wait := h.mustCall(c, number); len(wait.Number) != 6 || wait.Until.Sub(wait.Since) > 2*time.Minute {
		t.Errorf("%+v", wait)
	}
	form := r.forms["/push"][0]
	if form.Get("login_hint") != number || len(form.Get("binding_message")) != 6 || form.Get("request_context") == "" {
		t.Errorf("asked with %v", form)
	}
	if w, err := h.waiting(c); err != nil || w.State != login.WaitPending {
		t.Errorf("%v %v", w.State, err)
	}
	pending = false
	r.clock.forward(6 * time.Second)
	if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
		t.Fatalf("%v %v", w.State, err)
	}
	held, err := site.Held(c.request("GET", "/"))
	if err != nil || held.Asked.Establishment != "Centre des Tilleuls" {
		t.Fatalf("%+v %v", held.Asked, err)
	}
	var claims struct {
		Number string `json:"SubjectNameID"`
	}
	if err := held.Identity.Claims.Decode(&claims); err != nil || claims.Number != number {
		t.Errorf("the claims are not those of the provider: %v", err)
	}
	if _, err := h.enter(c, number, login.Delegation{}); err != nil {
		t.Fatal(err)
	}
	t.Run("a number that the provider does not know", func(t *testing.T) {
		r.pushed = func(m map[string]any) { clear(m); m["error"] = "unknown_user_id" }
		c := at("198.51.100.7")
		if _, err := h.call(c, number); err != nil {
			t.Errorf("the page is told: %v", err)
		}
		polls := r.requests["/token"]
		r.phone = func() (string, string) { return "invalid_grant", "" }
		r.clock.forward(6 * time.Second)
		if w, err := h.waiting(c); err != nil || w.State != login.WaitPending {
			t.Errorf("%v %v", w.State, err)
		}
		if r.requests["/token"] != polls+1 {
			t.Error("the provider is not asked, and the answer comes sooner than that for another number")
		}
	})
	t.Run("the answer of somebody else", func(t *testing.T) {
		r.pushed, r.phone = func(map[string]any) {}, func() (string, string) { return "", "" }
		c := at("203.0.113.7")
		h.mustCall(c, other)
		r.clock.forward(6 * time.Second)
		_, err := h.waiting(c)
		want(t, err, login.CodeToken)
		if _, err := site.Held(c.request("GET", "/")); err == nil {
			t.Error("the identity of somebody else waits")
		}
		_, err = h.waiting(c)
		want(t, err, login.CodeState)
	})
}

// TestDoorHolds lets computers and phones do anything in any order. Whatever they do, a session
// opens only in the browser that showed the number which its owner typed on their phone, for the
// request that is under way there.
func TestDoorHolds(t *testing.T) {
	numbers := []string{owner, other}
	opened := 0
	rapid.Check(t, func(rt *rapid.T) {
		h := newHall(t, nil)
		type state struct {
			number  string // asked for
			shown   string
			typed   bool // its owner typed what it shows
			session string
		}
		computers := []computer{at("192.0.2.7"), at("192.0.2.8"), at("198.51.100.7")}
		model := make([]state, len(computers))
		pick := func() int { return rapid.IntRange(0, len(computers)-1).Draw(rt, "computer") }
		who := func() string { return rapid.SampledFrom(numbers).Draw(rt, "number") }
		rt.Repeat(map[string]func(*rapid.T){
			"call": func(*rapid.T) {
				i, n := pick(), who()
				wait, err := h.call(computers[i], n)
				if carnet.CodeOf(err) == login.CodeLimit {
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				model[i].number, model[i].shown, model[i].typed = n, wait.Number, false
			},
			"type": func(*rapid.T) {
				i := pick()
				m := &model[i]
				if m.number != "" && h.phones.open(m.number, m.shown) {
					for j := range model { // two computers may show the same digits by chance
						model[j].typed = model[j].typed || model[j].number == m.number && model[j].shown == m.shown
					}
				}
			},
			"call and type": func(*rapid.T) {
				i, n := pick(), who()
				wait, err := h.call(computers[i], n)
				if err != nil {
					return
				}
				model[i].number, model[i].shown, model[i].typed = n, wait.Number, h.phones.open(n, wait.Number)
			},
			"refuse": func(*rapid.T) {
				n := who()
				if r := h.latest(n); r != nil {
					h.refuse(n, says(carnet.Denied, rapid.SampledFrom([]string{login.CodeDenied, login.CodeReported}).Draw(rt, "answer")))
				}
			},
			"wait": func(*rapid.T) {
				h.clock.forward(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
				i := pick()
				w, err := h.waiting(computers[i])
				if err == nil && w.State == login.WaitHeld && !model[i].typed {
					rt.Fatalf("an identity waits in a browser whose number nobody typed: %+v", model[i])
				}
			},
			"quit": func(*rapid.T) {
				i := pick()
				h.quit(computers[i])
				model[i].number, model[i].shown, model[i].typed = "", "", false
			},
			"open": func(*rapid.T) {
				i := pick()
				if rapid.Bool().Draw(rt, "wait first") {
					h.clock.forward(6 * time.Second)
					if _, err := h.waiting(computers[i]); err != nil {
						return
					}
				}
				held, err := h.site.Held(computers[i].request("GET", "/"))
				if err != nil {
					return
				}
				if !model[i].typed || held.Identity.Subject.Reveal() != "f:1:"+model[i].number {
					rt.Fatalf("an identity of %s waits where %+v", held.Identity.Subject.Reveal(), model[i])
				}
				n := model[i].number
				if _, err := h.enter(computers[i], n, login.Delegation{}); err != nil {
					rt.Fatal(err)
				}
				model[i] = state{session: n}
				opened++
				if _, err := h.site.Open(httptest.NewRecorder(), computers[i].request("POST", "/"), login.Opening{Person: person(n), Identity: held.Identity}); carnet.CodeOf(err) != login.CodeState {
					rt.Fatalf("opened twice: %v", err)
				}
			},
			"": func(*rapid.T) {
				for i, c := range computers {
					s, err := h.current(c)
					if err == nil && (model[i].session == "" || s.Person != person(model[i].session)) {
						rt.Fatalf("computer %d has a session of %s, the model %+v", i, s.Person, model[i])
					}
				}
				for _, n := range numbers {
					live, err := h.liveCalls(n)
					if err != nil {
						rt.Fatal(err)
					}
					lanes := map[int]int{}
					for _, c := range live {
						lanes[c.Lane]++
					}
					if lanes[1]+lanes[2] > 1 {
						rt.Fatalf("%d requests ring for one number", lanes[1]+lanes[2])
					}
				}
			},
		})
	})
	if opened < 20 {
		t.Errorf("only %d sessions opened", opened)
	}
}

func (p *phones) latest(n string) *ring {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current[n]
}

func (h *hall) liveCalls(n string) (list []login.CallRow, err error) {
	if !h.decision.Allowed() {
		h.decision = logintest.Guard(h.t, h.clock.now).Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
	}
	err = h.store.Door(h.t.Context(), h.decision, func(tx login.Tx) error {
		list, err = tx.Calls(person(n), h.clock.now())
		return err
	})
	return list, err
}

// TestOperator : an operator lists and ends sessions, and the professional reads it.
func TestOperator(t *testing.T) {
	h := newHall(t, nil)
	a, b, c := at("192.0.2.7"), at("198.51.100.7"), at("192.0.2.8")
	first := h.in(a, owner)
	h.in(b, owner)
	h.in(c, other)
	o := login.Operator{Store: h.store, Guard: logintest.Guard(t, h.clock.now), Clock: h.clock.now}
	if list, err := o.Sessions(t.Context(), person(owner)); err != nil || len(list) != 2 || list[0].ID != first.ID {
		t.Fatalf("%+v, %v", list, err)
	}
	if n, err := o.End(t.Context(), person(other), first.ID); err != nil || n != 0 {
		t.Errorf("%d of somebody else's ended, %v", n, err)
	}
	if n, err := o.End(t.Context(), person(owner), first.ID); err != nil || n != 1 {
		t.Errorf("%d ended, %v", n, err)
	}
	if _, err := h.current(a); err == nil {
		t.Error("it goes on")
	}
	if _, err := h.current(b); err != nil {
		t.Error("the other one ended too")
	}
	if n, err := o.End(t.Context(), person(owner), carnet.ID{}); err != nil || n != 1 {
		t.Errorf("%d ended, %v", n, err)
	}
	if _, err := h.current(c); err != nil {
		t.Error("somebody else's ended")
	}
	list, err := h.site.History(t.Context(), actorOf(owner))
	if err != nil || list[0].Kind != login.EventEnded || list[0].Reasons[0] != login.ReasonStaff {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestParallelStarts : many computers ask for one number at the same time; one request rings.
func TestParallelStarts(t *testing.T) {
	h := newHall(t, nil)
	computers := make([]computer, 12)
	errs := make(chan error, len(computers))
	var wg sync.WaitGroup
	for i := range computers {
		computers[i] = at(fmt.Sprintf("10.0.%d.7", i))
		wg.Go(func() {
			_, err := h.call(computers[i], owner)
			errs <- err
		})
	}
	wg.Wait()
	for range computers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	live, err := h.liveCalls(owner)
	if err != nil {
		t.Fatal(err)
	}
	ringing, silent := 0, 0
	for _, c := range live {
		if c.Lane > 0 {
			ringing++
		} else {
			silent++
		}
	}
	if ringing != 1 || silent != len(computers)-3 || h.notified[owner] != 3 {
		t.Errorf("%d requests ring, %d wait to be found, %d notifications", ringing, silent, h.notified[owner])
	}
}
