package login_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/hours"
	"carnet/internal/login/logintest"
	"carnet/internal/login/origin"
	"carnet/internal/login/risk"
	"carnet/internal/protect"
)

// Numbers of the specification's test vectors (section 4.7), and one that nobody has.
const (
	owner    = "899700218896"
	other    = "899700366240"
	third    = "899700427869"
	stranger = "899700000013"
)

// phones is a provider with a phone for each number that it knows. It keeps one live request for
// each number (R1) and counts the notifications.
type phones struct {
	mu       sync.Mutex
	clock    *clock
	known    []string
	asked    []login.PushRequest
	live     map[string]*ring // by id
	current  map[string]*ring // by number
	notified map[string]int
	polls    int
	canceled int
	down     bool
	slow     int // next answers that say slow_down
	tokens   map[string]login.Ended
	issuer   string // of its identities
}

type ring struct {
	id, number, binding string
	at                  time.Time
	answer              error
	approved            time.Time
}

func newPhones(c *clock) *phones {
	return &phones{clock: c, known: []string{owner, other, third}, live: map[string]*ring{}, current: map[string]*ring{}, notified: map[string]int{}, tokens: map[string]login.Ended{}, issuer: "https://other.example"}
}

func says(kind carnet.Kind, c string) error { return carnet.E("test", kind, c, nil) }

func (p *phones) Push(_ context.Context, q login.PushRequest) (login.Pushed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return login.Pushed{}, says(carnet.Unavailable, login.CodeProviderDown)
	}
	p.asked = append(p.asked, q)
	number := q.Number.Reveal()
	if !slices.Contains(p.known, number) {
		return login.Pushed{}, says(carnet.Denied, login.CodeUnknownUser)
	}
	if q.Context.Notify != login.NotifyNone {
		p.notified[number]++
	}
	r := &ring{id: fmt.Sprintf("request-%d", len(p.asked)), number: number, binding: q.Binding, at: p.clock.now()}
	if q.Context.Notify != login.NotifyNone {
		if old := p.current[number]; old != nil && old.answer == nil && old.approved.IsZero() {
			old.answer = says(carnet.Invalid, login.CodeExpired)
		}
		p.current[number] = r
	}
	p.live[r.id] = r
	return login.Pushed{RequestID: carnet.Hide(r.id), Number: q.Number, At: r.at, ExpiresAt: r.at.Add(q.Lifetime), Interval: 5 * time.Second}, nil
}

func (p *phones) Collect(_ context.Context, c login.Pushed) (login.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	if p.down {
		return login.Identity{}, says(carnet.Unavailable, login.CodeProviderDown)
	}
	if p.slow > 0 {
		p.slow--
		return login.Identity{}, says(carnet.Unavailable, login.CodeSlowDown)
	}
	r := p.live[c.RequestID.Reveal()]
	switch {
	case r == nil:
		return login.Identity{}, says(carnet.Denied, login.CodeRefused)
	case r.answer != nil:
		return login.Identity{}, r.answer
	case !r.approved.IsZero():
		return p.identity(r.number, r.approved), nil
	}
	return login.Identity{}, says(carnet.Unavailable, login.CodePending)
}

func (p *phones) identity(number string, at time.Time) login.Identity {
	return login.Identity{Provider: "psc", Issuer: p.issuer, Subject: carnet.Hide("f:1:" + number), ACR: "eidas1", AuthTime: at.Truncate(time.Second),
		SID: "sid-" + number, IDToken: carnet.Hide("id-token")}
}

func (p *phones) CancelPush(_ context.Context, c login.Pushed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.canceled++
	if r := p.live[c.RequestID.Reveal()]; r != nil {
		delete(p.live, r.id)
		if p.current[r.number] == r {
			delete(p.current, r.number)
		}
	}
	return nil
}

func (p *phones) LogoutToken(_ context.Context, raw string) (login.Ended, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.tokens[raw]
	if !ok {
		return e, says(carnet.Denied, login.CodeToken)
	}
	return e, nil
}

// open is the application: its owner types the number of the computer, and approves the request
// that it shows or, among those that did not ring (R7), finds. It reports whether there was one.
func (p *phones) open(number, typed string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.live {
		if r.number == number && r.answer == nil && r.approved.IsZero() && r.binding == typed && p.clock.now().Sub(r.at) < 2*time.Minute {
			r.approved = p.clock.now()
			return true
		}
	}
	return false
}

func (p *phones) refuse(number string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current[number].answer = err
}

func (p *phones) last() login.PushRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

// hall is a site whose people log in by phone.
type hall struct {
	*phones
	t     testing.TB
	clock *clock
	store login.Store
	site  *login.Site
	log   *bytes.Buffer

	decision protect.Decision // of liveCalls
}

var workday = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) // a Monday, 10:30 in Paris

func newHall(t testing.TB, change func(*login.SiteConfig)) *hall {
	t.Helper()
	c := newClock()
	c.at = workday
	h := &hall{t: t, clock: c, store: logintest.NewMemory(), phones: newPhones(c), log: &bytes.Buffer{}}
	places, err := origin.Sample()
	if err != nil {
		t.Fatal(err)
	}
	config := login.SiteConfig{
		Name: "pro", Origin: "https://pro.example", Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute,
		Calls: &login.Calls{Service: "Vaccin Covid", Professional: logintest.ProfessionalID, Pusher: h.phones, Places: places,
			Log: slog.New(slog.NewTextHandler(h.log, nil))},
	}
	if change != nil {
		change(&config)
	}
	h.site = h.newSite(config)
	return h
}

func (h *hall) newSite(config login.SiteConfig) *login.Site {
	return h.newSiteOf(profile(h.t), config)
}

func (h *hall) newSiteOf(p login.Profile, config login.SiteConfig) *login.Site {
	h.t.Helper()
	provider, err := login.NewProvider(p, h.clock.now, rand.Reader, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := login.NewSite(config, provider, h.store, logintest.Guard(h.t, h.clock.now), h.clock.now, rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// profile is that of a provider that nobody calls: the fake answers in its place.
func profile(t testing.TB) login.Profile {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return login.Profile{Name: "psc", DiscoveryURL: "https://psc.example/d", Issuer: "https://psc.example", ClientID: "carnet", SecretFile: secret,
		AuthMethod: login.SecretBasic, Scopes: []string{"openid"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw,
		LoginMode: login.ModeCIBA, CIBA: login.CIBA{Context: true, Cancel: true}}
}

// computer is a browser at an address.
type computer struct {
	browser
	address string
	agent   string
}

func at(address string) computer {
	return computer{browser{}, address, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
}

func (c computer) request(method, target string) *http.Request {
	r := c.browser.request(method, target, url.Values{})
	r.RemoteAddr = c.address + ":40000"
	r.Header.Set("User-Agent", c.agent)
	return r
}

func (h *hall) call(c computer, number string) (login.Wait, error) {
	w := httptest.NewRecorder()
	wait, err := h.site.Call(w, c.request("POST", "/connexion"), login.CallRequest{Number: number, Establishment: "Centre des Tilleuls", Delegate: carnet.Hide("Rose Aubépine"), ReturnTo: "/recherche"})
	c.keep(w)
	return wait, err
}

func (h *hall) mustCall(c computer, number string) login.Wait {
	h.t.Helper()
	w, err := h.call(c, number)
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

func (h *hall) waiting(c computer) (login.Wait, error) {
	w := httptest.NewRecorder()
	wait, err := h.site.Waiting(w, c.request("GET", "/connexion/attente"))
	c.keep(w)
	return wait, err
}

func (h *hall) quit(c computer) {
	h.t.Helper()
	w := httptest.NewRecorder()
	if err := h.site.Quit(w, c.request("POST", "/connexion/quitter")); err != nil {
		h.t.Fatal(err)
	}
	c.keep(w)
}

// enter opens a session for the identity that waits.
func (h *hall) enter(c computer, number string, d login.Delegation) (login.Session, error) {
	held, err := h.site.Held(c.request("GET", "/ouverture"))
	if err != nil {
		return login.Session{}, err
	}
	w := httptest.NewRecorder()
	s, err := h.site.Open(w, c.request("POST", "/ouverture"), login.Opening{Person: person(number), Name: carnet.Hide("Camille FOUGÈRE"),
		Organisation: "990000011", Profession: carnet.Nurse, Delegation: d, Identity: held.Identity})
	c.keep(w)
	return s, err
}

// in logs in all the way: the phone approves after a human while.
func (h *hall) in(c computer, number string) login.Session {
	h.t.Helper()
	wait := h.mustCall(c, number)
	h.clock.forward(8 * time.Second)
	if !h.phones.open(number, wait.Number) {
		h.t.Fatal("the phone shows no request to approve")
	}
	if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
		h.t.Fatalf("%v, %v", w.State, err)
	}
	s, err := h.enter(c, number, login.Delegation{})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *hall) current(c computer) (login.Session, error) {
	return h.site.Current(c.request("GET", "/"))
}

func person(number string) carnet.ID { return logintest.ProfessionalID(carnet.Hide(number)) }

func actorOf(number string) protect.Actor {
	return protect.Actor{ID: person(number), Role: protect.Professional}
}

// kinds is the history of somebody, oldest first.
func (h *hall) kinds(number string) string {
	h.t.Helper()
	list, err := h.site.History(h.t.Context(), actorOf(number))
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range slices.Backward(list) {
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, " ")
}

func want(t testing.TB, err error, c string) {
	t.Helper()
	if carnet.CodeOf(err) != c || err == nil {
		t.Errorf("got %v, want %s", err, c)
	}
}

func TestECPS(t *testing.T) {
	t.Run("ECP-01 the number, then the phone; a second session asks again", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		if _, err := h.enter(c, owner, login.Delegation{}); err == nil {
			t.Error("a session opened without the phone")
		}
		h.clock.forward(8 * time.Second)
		h.phones.open(owner, wait.Number)
		if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
			t.Fatalf("%v %v", w, err)
		}
		s, err := h.enter(c, owner, login.Delegation{})
		if err != nil {
			t.Fatal(err)
		}
		if now, err := h.current(c); err != nil || now.ID != s.ID || now.Profession != carnet.Nurse || now.Browser != "Firefox, Linux" {
			t.Errorf("%+v, %v", now, err)
		}
		if _, err := h.enter(c, owner, login.Delegation{}); err == nil {
			t.Error("the identity opened two sessions")
		}
		n := len(h.asked)
		h.mustCall(c, owner)
		if len(h.asked) != n+1 {
			t.Error("the second login asked no phone (R23)")
		}
		if got := h.kinds(owner); got != "start pushed shown approved opened start pushed" {
			t.Errorf("history: %s", got)
		}
	})
	t.Run("ECP-05 outside the declared hours the request is flagged to the professional and to the log (R9)", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		h.in(c, owner)
		h.clock.forward(10 * time.Minute)
		if wait := h.mustCall(c, owner); len(wait.Number) != 2 || h.last().Context.Unusual || h.last().Context.FirstTime || h.last().Context.Notify != login.NotifyNormal {
			t.Errorf("by day, from a browser that is known: %q, %+v", wait.Number, h.last().Context)
		}
		h.clock.forward(15*time.Hour + 20*time.Minute) // 02:00
		wait := h.mustCall(c, owner)
		if q := h.last().Context; len(wait.Number) != 6 || !q.Unusual || q.Digits != 6 || q.Notify != login.NotifyQuiet {
			t.Errorf("at two in the morning: %q, %+v", wait.Number, q)
		}
		list, err := h.site.History(t.Context(), actorOf(owner))
		if err != nil || !list[0].Quiet || !slices.Contains(list[0].Reasons, login.ReasonHours) {
			t.Errorf("%+v, %v", list[0], err)
		}
		if !strings.Contains(h.log.String(), login.ReasonHours) || strings.Contains(h.log.String(), owner[1:]) {
			t.Errorf("log: %s", h.log)
		}
		// Never a block: the owner still enters.
		h.clock.forward(8 * time.Second)
		h.phones.open(owner, wait.Number)
		if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
			t.Errorf("%v %v", w.State, err)
		}
	})
	t.Run("declared sessions of the professional and of the place count", func(t *testing.T) {
		night, err := hours.Parse("mon-sun 20:00-06:00")
		if err != nil {
			t.Fatal(err)
		}
		h := newHall(t, func(c *login.SiteConfig) { c.Calls.PlaceHours = map[string]hours.Week{"Centre des Tilleuls": night} })
		c := at("192.0.2.7")
		s := h.in(c, owner)
		if !h.last().Context.Unusual {
			t.Error("the place is closed by day")
		}
		always, err := hours.Parse("mon-sun 00:00-24:00")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.site.SetHours(t.Context(), s, always); err != nil {
			t.Fatal(err)
		}
		if got, err := h.site.Hours(t.Context(), s.Actor()); err != nil || got.String() != always.String() {
			t.Errorf("%s, %v", got, err)
		}
		h.clock.forward(time.Minute)
		h.mustCall(c, owner)
		if h.last().Context.Unusual {
			t.Error("the professional declared this hour")
		}
		h.clock.forward(login.StepUp)
		want(t, h.site.SetHours(t.Context(), s, hours.Week{}), login.CodeStepUp)
		s.Delegation.ID = person(other)
		want(t, h.site.SetHours(t.Context(), s, hours.Week{}), "delegate.refused")
	})
}

// TestR01 : one live request for a number; a new one takes the place of the old.
func TestR01(t *testing.T) {
	h := newHall(t, nil)
	a, b := at("192.0.2.7"), at("198.51.100.7")
	first := h.mustCall(a, owner)
	h.clock.forward(6 * time.Second)
	second := h.mustCall(b, owner)
	if h.phones.open(owner, first.Number) && first.Number != second.Number {
		t.Error("the phone still shows the first")
	}
	_, err := h.waiting(a)
	want(t, err, login.CodeReplaced)
	h.phones.open(owner, second.Number)
	if w, err := h.waiting(b); err != nil || w.State != login.WaitHeld {
		t.Errorf("%v %v", w.State, err)
	}
	// A stranger neither pushes aside nor rings beside who calls from a browser of theirs.
	if _, err := h.enter(b, owner, login.Delegation{}); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(time.Minute)
	mine := h.mustCall(b, owner)
	rings := h.notified[owner]
	if wait := h.mustCall(at("203.0.113.9"), owner); wait.Pull || h.notified[owner] != rings {
		t.Errorf("it rings, or its page says why not: %+v", wait)
	}
	h.clock.forward(6 * time.Second)
	if !h.phones.open(owner, mine.Number) {
		t.Fatal("a stranger's request took the place")
	}
	if w, err := h.waiting(b); err != nil || w.State != login.WaitHeld {
		t.Errorf("%v %v", w.State, err)
	}
}

// TestR06 : notifications of a number, from browsers that it knows and from others.
func TestR06(t *testing.T) {
	h := newHall(t, nil)
	home := at("192.0.2.7")
	h.in(home, owner)
	before := h.notified[owner]
	pulled := 0
	for range 8 {
		h.clock.forward(time.Second)
		wait := h.mustCall(at("198.51.100.7"), owner)
		if wait.Pull {
			pulled++
		}
		if wait.State != login.WaitPending || len(wait.Number) != 6 {
			t.Errorf("over quota the answer differs: %+v", wait)
		}
	}
	if n := h.notified[owner] - before; n != 2 || pulled != 6 {
		t.Errorf("%d notifications, %d pulled; one of the three was spent on the first login", n, pulled)
	}
	if wait := h.mustCall(home, owner); wait.Pull {
		t.Error("the budget of strangers is that of the browser that is known")
	}
}

// TestNoContext : a provider that is not told how to notify would ring at each request. Beyond the
// quota it is not asked.
func TestNoContext(t *testing.T) {
	h := newHall(t, nil)
	p := profile(t)
	p.CIBA.Context = false
	h.site = h.newSiteOf(p, login.SiteConfig{Name: "pro", Origin: "https://pro.example", Role: protect.Professional, Absolute: time.Hour, Idle: time.Hour,
		Calls: &login.Calls{Professional: logintest.ProfessionalID, Pusher: h.phones}})
	for range 8 {
		h.clock.forward(time.Second)
		if _, err := h.call(at("198.51.100.7"), owner); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.asked) != 3 {
		t.Errorf("asked %d times", len(h.asked))
	}
	if wait := h.mustCall(at("192.0.2.7"), owner); !wait.Pull || !wait.Page {
		t.Error("the page does not say that nothing rings, nor where to go")
	}
}

// TestR06Flood : a thousand unsolicited requests for one number, while its owner logs in.
func TestR06Flood(t *testing.T) {
	for name, c := range map[string]struct {
		from  func(i int) string // the attacker's address
		known bool               // the owner has a browser that is known
	}{
		"from one network, owner at a new computer":     {func(i int) string { return fmt.Sprintf("198.51.100.%d", i%250) }, false},
		"from a hundred networks, owner at a new one":   {func(i int) string { return fmt.Sprintf("10.0.%d.9", i%100) }, false},
		"from a hundred networks, owner at their own":   {func(i int) string { return fmt.Sprintf("10.0.%d.9", i%100) }, true},
		"from the owner's own network, owner at theirs": {func(i int) string { return fmt.Sprintf("192.0.2.%d", i%250) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, nil)
			home := at("192.0.2.7")
			if c.known {
				h.in(home, owner)
				h.clock.forward(20 * time.Minute)
			}
			before, unsolicited, limited := h.notified[owner], 0, 0
			flood := func(n int) {
				for range n {
					unsolicited++
					switch _, err := h.call(at(c.from(unsolicited)), owner); carnet.CodeOf(err) {
					case login.CodeLimit:
						limited++
					default:
						if err != nil {
							t.Fatal(err)
						}
					}
					h.clock.forward(100 * time.Millisecond)
				}
			}
			flood(500)
			wait := h.mustCall(home, owner)
			if !c.known && !wait.Pull {
				t.Error("the flood has spent the notifications: the page must say so")
			}
			flood(100)
			if !h.phones.open(owner, wait.Number) { // the pull path (R7)
				t.Fatal("the owner finds no request in the application")
			}
			if w, err := h.waiting(home); err != nil || w.State != login.WaitHeld {
				t.Fatalf("the owner did not get in: %v, %v", w.State, err)
			}
			if _, err := h.enter(home, owner, login.Delegation{}); err != nil {
				t.Fatal(err)
			}
			flood(400)
			if n := h.notified[owner] - before; unsolicited != 1000 || n > 4 {
				t.Errorf("%d requests, %d notifications", unsolicited, n)
			}
			t.Logf("%d requests, %d notifications, %d refused by limits", unsolicited, h.notified[owner]-before, limited)
		})
	}
}

// TestR08 : a number that nobody has is answered as any other, from the first request to the last.
func TestR08(t *testing.T) {
	type seen struct {
		Waits   []login.Wait
		Errors  []string
		Cookies []string
		Status  []int
	}
	watch := func(number string) seen {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		var out seen
		look := func(wait login.Wait, err error) {
			wait.Number = strings.Repeat("0", len(wait.Number))
			out.Waits, out.Errors = append(out.Waits, wait), append(out.Errors, carnet.CodeOf(err))
		}
		for range 5 { // beyond the quota of notifications
			w := httptest.NewRecorder()
			wait, err := h.site.Call(w, c.request("POST", "/connexion"), login.CallRequest{Number: number})
			look(wait, err)
			for _, k := range w.Result().Cookies() {
				k.Value, k.Raw = "x", ""
				out.Cookies = append(out.Cookies, k.String())
			}
			out.Status = append(out.Status, w.Code)
			c.keep(w)
			for range 3 {
				h.clock.forward(5 * time.Second)
				look(h.waiting(c))
			}
		}
		polls := h.polls
		h.clock.forward(2 * time.Minute)
		look(h.waiting(c)) // expired
		look(h.waiting(c))
		out.Status = append(out.Status, polls)
		return out
	}
	known, unknown := watch(owner), watch(stranger)
	if !reflect.DeepEqual(known, unknown) {
		t.Error(cmp.Diff(known.Errors, unknown.Errors), cmp.Diff(known.Status, unknown.Status), known.Cookies, unknown.Cookies)
	}
	if len(known.Waits) != 22 || known.Errors[20] != login.CodeExpired {
		t.Errorf("%d looks, %v", len(known.Waits), known.Errors)
	}
	t.Run("limits of a network, of a site, of the instance", func(t *testing.T) {
		h := newHall(t, nil)
		refused := 0
		for i := range 130 {
			number := []string{owner, other, third, stranger}[i%4]
			if _, err := h.call(at("192.0.2.9"), number); carnet.CodeOf(err) == login.CodeLimit {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			h.clock.forward(time.Minute / 4)
		}
		if refused == 0 {
			t.Error("one network asks without end")
		}
		if _, err := h.call(at("203.0.113.1"), owner); err != nil {
			t.Errorf("another network: %v", err)
		}
	})
}

// TestR11 : one touch of "it is not me", and all that follows; TestR12 is in TestBackChannel.
func TestR11(t *testing.T) {
	h := newHall(t, nil)
	thief, colleague, home := at("198.51.100.66"), at("198.51.100.67"), at("192.0.2.7")
	mine := h.in(home, owner) // from elsewhere
	h.clock.forward(time.Minute)
	stolen := h.in(thief, owner)     // the thief got one approval
	beside := h.in(colleague, other) // somebody else, same network
	h.clock.forward(10 * time.Minute)
	h.mustCall(at("203.0.113.5"), owner) // another live request
	pending := at("198.51.100.66")
	h.mustCall(pending, owner)
	h.refuse(owner, says(carnet.Denied, login.CodeReported))
	h.clock.forward(5 * time.Second)
	_, err := h.waiting(pending)
	want(t, err, login.CodeReported)
	if _, err := h.current(thief); err == nil {
		t.Error("the session from that network goes on")
	}
	for who, c := range map[string]computer{"the owner": home, "a colleague": colleague} {
		if _, err := h.current(c); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	asked := len(h.asked)
	if wait := h.mustCall(at("198.51.100.1"), owner); wait.State != login.WaitPending || len(h.asked) != asked {
		t.Error("the network still reaches the phone, or is told that it does not")
	}
	if h.mustCall(at("198.51.100.1"), other); len(h.asked) != asked+1 {
		t.Error("the network is closed to another number")
	}
	if h.mustCall(at("203.0.113.7"), owner); len(h.asked) != asked+2 {
		t.Error("the number is closed to another network (R12)")
	}
	h.clock.forward(login.BlockLifetime)
	if h.mustCall(at("198.51.100.1"), owner); len(h.asked) != asked+3 {
		t.Error("the network is closed after a day")
	}
	list, err := h.site.History(t.Context(), actorOf(owner))
	if err != nil {
		t.Fatal(err)
	}
	found := map[login.EventKind]int{}
	for _, e := range list {
		found[e.Kind]++
		if e.Kind == login.EventEnded && e.Session != stolen.ID {
			t.Errorf("session %s ended; %s and %s must not", e.Session, mine.ID, beside.ID)
		}
	}
	if found[login.EventReported] == 0 || found[login.EventEnded] != 1 || found[login.EventAlert] == 0 || found[login.EventBlocked] == 0 {
		t.Errorf("history %v", found)
	}
	if !strings.Contains(h.log.String(), "security") || strings.Contains(h.log.String(), owner) {
		t.Errorf("log: %s", h.log)
	}
	alerts, err := h.site.Alerts(t.Context(), protect.Actor{ID: person(third), Role: protect.SecurityStaff})
	if err != nil || len(alerts) == 0 {
		t.Errorf("%d alerts, %v", len(alerts), err)
	}
	if _, err := h.site.Alerts(t.Context(), actorOf(owner)); err == nil {
		t.Error("a professional sees everybody's alerts")
	}
	if _, err := h.site.History(t.Context(), protect.Actor{ID: person(owner), Role: protect.Professional, Delegate: person(third)}); err == nil {
		t.Error("a delegate sees the history of the professional")
	}
}

// TestR13 : a login that was left stays left.
func TestR13(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	wait := h.mustCall(c, owner)
	secret := c.browser["__Host-pro-login"]
	h.quit(c)
	if h.canceled != 1 || len(c.browser) != 0 {
		t.Errorf("%d canceled, cookies %v", h.canceled, c.browser)
	}
	if h.phones.open(owner, wait.Number) {
		t.Error("the phone still shows it")
	}
	h.live["request-1"] = &ring{id: "request-1", number: owner, approved: h.clock.now()} // approved all the same
	h.clock.forward(5 * time.Second)
	_, err := h.waiting(c)
	want(t, err, login.CodeState)
	c.browser["__Host-pro-login"] = secret
	_, err = h.waiting(c)
	want(t, err, login.CodeState)
	h.quit(c)
	h.quit(at("192.0.2.7")) // nothing to leave
	t.Run("while the provider is asked", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		h.phones.open(owner, wait.Number)
		h.clock.forward(5 * time.Second)
		late := h.newSite(login.SiteConfig{Name: "pro", Origin: "https://pro.example", Role: protect.Professional, Absolute: time.Hour, Idle: time.Hour,
			Calls: &login.Calls{Professional: logintest.ProfessionalID, Pusher: &leaving{h.phones, func() { h.quit(computer{c.browser, c.address, c.agent}) }}}})
		saved := browser{"__Host-pro-login": c.browser["__Host-pro-login"]}
		_, err := late.Waiting(httptest.NewRecorder(), computer{saved, c.address, c.agent}.request("GET", "/"))
		want(t, err, login.CodeState)
		if _, err := h.site.Held(computer{saved, c.address, c.agent}.request("GET", "/")); err == nil {
			t.Error("an identity waits")
		}
	})
	t.Run("also the identity that waits", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		h.phones.open(owner, wait.Number)
		h.clock.forward(5 * time.Second)
		if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
			t.Fatal(err)
		}
		held, err := h.site.Held(c.request("GET", "/"))
		if err != nil {
			t.Fatal(err)
		}
		h.quit(c)
		_, err = h.site.Open(httptest.NewRecorder(), c.request("POST", "/"), login.Opening{Person: person(owner), Identity: held.Identity})
		want(t, err, login.CodeState)
	})
}

// leaving lets its owner quit while the provider answers.
type leaving struct {
	*phones
	quit func()
}

func (l *leaving) Collect(ctx context.Context, c login.Pushed) (login.Identity, error) {
	id, err := l.phones.Collect(ctx, c)
	l.quit()
	return id, err
}

// TestR14 : only the browser that began can finish.
func TestR14(t *testing.T) {
	h := newHall(t, nil)
	c, thief := at("192.0.2.7"), at("192.0.2.7")
	wait := h.mustCall(c, owner)
	h.mustCall(thief, other)
	h.phones.open(owner, wait.Number)
	h.clock.forward(5 * time.Second)
	if w, err := h.waiting(thief); err != nil || w.State != login.WaitPending {
		t.Errorf("another browser: %v, %v", w.State, err)
	}
	_, err := h.waiting(at("192.0.2.7"))
	want(t, err, login.CodeState)
	if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
		t.Fatalf("%v %v", w.State, err)
	}
	before := c.browser["__Host-pro-login"]
	elsewhere := computer{c.browser, c.address, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"}
	_, err = h.enter(elsewhere, owner, login.Delegation{})
	want(t, err, login.CodeState)
	s, err := h.enter(c, owner, login.Delegation{})
	if err != nil {
		t.Fatal(err)
	}
	if c.browser["__Host-pro-session"] == before || s.ID.IsZero() || c.browser["__Host-pro-login"] != "" {
		t.Error("the session goes on under the secret of the login")
	}
	t.Run("a browser of another family starts again", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		h.phones.open(owner, wait.Number)
		h.clock.forward(5 * time.Second)
		moved := computer{c.browser, c.address, "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"}
		_, err := h.waiting(moved)
		want(t, err, login.CodeState)
		_, err = h.waiting(c)
		want(t, err, login.CodeState)
		if !h.site.SameDevice(moved.request("GET", "/")) || h.site.SameDevice(c.request("GET", "/")) {
			t.Error("R25: which browser is a phone's")
		}
	})
	t.Run("an identity that waits, five minutes", func(t *testing.T) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		h.phones.open(owner, wait.Number)
		h.clock.forward(5 * time.Second)
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		h.clock.forward(login.HoldLifetime)
		_, err := h.enter(c, owner, login.Delegation{})
		want(t, err, login.CodeExpired)
	})
}

// TestR05 : the page cannot ask too often, an approval after the end gives nothing.
func TestR05(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	wait := h.mustCall(c, owner)
	for range 40 {
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		h.clock.forward(500 * time.Millisecond)
	}
	if h.polls < 4 || h.polls > 5 {
		t.Errorf("%d polls in 20 s", h.polls)
	}
	h.slow, h.polls = 1, 0
	for range 60 {
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		h.clock.forward(500 * time.Millisecond)
	}
	if h.polls < 3 || h.polls > 4 {
		t.Errorf("%d polls in 30 s after slow_down", h.polls)
	}
	h.clock.forward(2 * time.Minute)
	h.phones.open(owner, wait.Number)
	_, err := h.waiting(c)
	want(t, err, login.CodeExpired)
	if h.canceled != 1 {
		t.Error("the phone still shows it")
	}
}

// TestR19 : what an attack looks like makes the next request quiet, and tells an operator.
func TestR19(t *testing.T) {
	for name, c := range map[string]struct {
		attack func(h *hall)
		from   string
		why    string
	}{
		"two refusals": {func(h *hall) {
			for range 2 {
				c := at("203.0.113.8")
				h.mustCall(c, owner)
				h.refuse(owner, says(carnet.Denied, login.CodeDenied))
				h.clock.forward(5 * time.Second)
				_, err := h.waiting(c)
				want(h.t, err, login.CodeDenied)
			}
		}, "192.0.2.7", risk.Repeated},
		"another country within the hour": {func(h *hall) { h.in(at("203.0.113.8"), owner) }, "192.0.2.7", risk.Travelling},
		"many numbers from one network": {func(h *hall) {
			for _, n := range []string{other, third, stranger, "899700000021"} {
				c := at("192.0.2.66")
				if _, err := h.call(c, n); err != nil {
					h.t.Fatal(err)
				}
				h.quit(c)
				c = at("192.0.2.66")
				h.mustCall(c, n)
				h.clock.forward(2*time.Minute + time.Second)
				_, err := h.waiting(c)
				want(h.t, err, login.CodeExpired)
			}
		}, "192.0.2.7", risk.Spraying},
		"faster than anybody reads": {func(h *hall) {
			c := at("192.0.2.7")
			wait := h.mustCall(c, owner)
			h.phones.open(owner, wait.Number)
			if _, err := h.waiting(c); err != nil {
				h.t.Fatal(err)
			}
		}, "192.0.2.7", risk.Hasty},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, nil)
			home := at(c.from)
			h.in(home, owner)
			h.clock.forward(2 * time.Hour)
			c.attack(h)
			h.clock.forward(time.Minute)
			wait := h.mustCall(home, owner)
			if q := h.last().Context; !q.Unusual || q.Notify == login.NotifyNormal || len(wait.Number) != 6 {
				t.Errorf("%+v", q)
			}
			alerts, err := h.site.Alerts(t.Context(), protect.Actor{ID: person(third), Role: protect.SecurityStaff})
			if err != nil || !slices.ContainsFunc(alerts, func(e login.Event) bool { return slices.Contains(e.Reasons, c.why) }) {
				t.Errorf("%+v, %v", alerts, err)
			}
			if !strings.Contains(h.log.String(), c.why) {
				t.Errorf("the log does not say %s: %s", c.why, h.log)
			}
		})
	}
}

// TestR20 : each event is there, with the request; TestR21: 90 days.
func TestR20(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	h.in(c, owner)
	h.mustCall(c, owner)
	h.refuse(owner, says(carnet.Denied, login.CodeDenied))
	h.clock.forward(5 * time.Second)
	_, err := h.waiting(c)
	want(t, err, login.CodeDenied)
	_, err = h.waiting(c)
	want(t, err, login.CodeDenied) // again, and once in the history
	h.mustCall(c, owner)
	h.quit(c)
	h.mustCall(c, owner)
	h.clock.forward(2 * time.Minute)
	_, err = h.waiting(c)
	want(t, err, login.CodeExpired)
	if got := h.kinds(owner); got != "start pushed shown approved opened start pushed shown refused start pushed quit start pushed expired" {
		t.Errorf("history: %s", got)
	}
	list, err := h.site.History(t.Context(), actorOf(owner))
	if err != nil {
		t.Fatal(err)
	}
	requests := map[carnet.ID]bool{}
	for _, e := range list {
		requests[e.Call] = true
		if e.Call.IsZero() || e.ID.IsZero() || e.Place.Label != "Valombre (département 99)" || e.Browser != "Firefox, Linux" {
			t.Errorf("%+v", e)
		}
	}
	if len(requests) != 4 {
		t.Errorf("%d requests", len(requests))
	}
	t.Run("R21 after ninety days it is gone", func(t *testing.T) {
		h.clock.forward(login.HistoryLifetime)
		h.mustCall(at("192.0.2.7"), other)
		if got := h.kinds(owner); got != "" {
			t.Errorf("history: %s", got)
		}
		if got := h.kinds(other); got != "start pushed" {
			t.Errorf("history: %s", got)
		}
	})
}

// TestR22 : settings ask for an authentication of the last five minutes; it renews the session
// under a new secret, and changes neither its end nor its delegate.
func TestR22(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	first := h.in(c, owner)
	if !h.site.Fresh(first) || h.site.Settings(first, protect.ActSettings) != nil {
		t.Error("just authenticated")
	}
	h.clock.forward(login.StepUp)
	s, err := h.current(c)
	if err != nil || h.site.Fresh(s) {
		t.Errorf("five minutes later: %v", err)
	}
	want(t, h.site.Settings(s, protect.ActDeclare), login.CodeStepUp)
	token := c.browser["__Host-pro-session"]
	again := func(number string) (login.Session, string, error) {
		wait := h.mustCall(c, number)
		h.clock.forward(8 * time.Second)
		h.phones.open(number, wait.Number)
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s, back, err := h.site.Renew(w, c.request("POST", "/renouveler"))
		c.keep(w)
		return s, back, err
	}
	_, _, err = again(other)
	want(t, err, login.CodeOther)
	if now, err := h.current(c); err != nil || now.ID != first.ID {
		t.Errorf("somebody else's phone ended or changed the session: %v", err)
	}
	renewed, back, err := again(owner)
	if err != nil || back != "/recherche" {
		t.Fatalf("%q, %v", back, err)
	}
	if !h.site.Fresh(renewed) || renewed.ID != first.ID || !renewed.ExpiresAt.Equal(first.ExpiresAt) || renewed.Organisation != first.Organisation || c.browser["__Host-pro-session"] == token {
		t.Errorf("renewed %+v", renewed)
	}
	if list, err := h.site.History(t.Context(), actorOf(owner)); err != nil || list[0].Kind != login.EventOpened || !slices.Contains(list[0].Reasons, login.ReasonRenewed) {
		t.Errorf("%+v, %v", list[0], err)
	}
	old := computer{browser{"__Host-pro-session": token}, c.address, c.agent}
	if _, err := h.current(old); err == nil {
		t.Error("the old secret still opens the session")
	}
	var absent login.Session
	if absent.Fresh(h.clock.now()) {
		t.Error("a provider that does not say when gives a fresh session")
	}
	for h.clock.now().Before(first.ExpiresAt) {
		if _, err := h.current(c); err != nil {
			t.Fatalf("used every ten minutes: %v", err)
		}
		h.clock.forward(10 * time.Minute)
	}
	_, err = h.current(c)
	want(t, err, login.CodeSessionEnded)
}

// TestR26 : the provider is down, and says nothing about anybody.
func TestR26(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	h.down = true
	_, err := h.call(c, owner)
	want(t, err, login.CodeProviderDown)
	if len(c.browser) != 0 {
		t.Error("a cookie was set")
	}
	h.down = false
	wait := h.mustCall(c, owner)
	h.down = true
	_, err = h.waiting(c)
	want(t, err, login.CodeProviderDown)
	h.down = false
	h.clock.forward(6 * time.Second)
	h.phones.open(owner, wait.Number)
	if w, err := h.waiting(c); err != nil || w.State != login.WaitHeld {
		t.Errorf("after the provider came back: %v, %v", w.State, err)
	}
}

// TestBackChannel : the provider ends a session; only a token that holds does anything (R12).
func TestBackChannel(t *testing.T) {
	h := newHall(t, nil)
	post := func(method, token string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, h.site.EndPath(), strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = "203.0.113.1:443"
		h.site.BackChannel(w, r)
		return w
	}
	h.tokens["end"] = login.Ended{SessionID: "sid-" + owner}
	h.tokens["all"] = login.Ended{Subject: carnet.Hide("f:1:" + other)}
	h.tokens["not-me"] = login.Ended{SessionID: "sid-" + owner, Reported: true}
	h.tokens["empty"] = login.Ended{}
	c, d := at("192.0.2.7"), at("192.0.2.8")
	h.in(c, owner)
	h.in(d, other)
	for _, bad := range []string{"", "forged", "empty"} {
		if w := post("POST", bad); w.Code != http.StatusBadRequest || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
	if w := post("GET", "end"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %d", w.Code)
	}
	if _, err := h.current(c); err != nil {
		t.Fatalf("a forged token ended a session: %v", err)
	}
	// The issuer of a token is the profile's; the fake's sessions are of another one.
	if w := post("POST", "end"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := h.current(c); err != nil {
		t.Errorf("a token of another issuer ended the session: %v", err)
	}
	h.phones.issuer = "https://psc.example"
	h.clock.forward(login.HoldLifetime) // the fake gives the same sid again
	h.in(c, owner)
	h.in(d, other)
	if w := post("POST", "end"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := h.current(c); err == nil {
		t.Error("the session goes on")
	}
	if _, err := h.current(d); err != nil {
		t.Errorf("another's ended: %v", err)
	}
	if w := post("POST", "all"); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
	if _, err := h.current(d); err == nil {
		t.Error("by subject: the session goes on")
	}
	h.clock.forward(login.HoldLifetime)
	s := h.in(c, owner)
	if w := post("POST", "not-me"); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
	if _, err := h.current(c); err == nil {
		t.Error("after \"it is not me\" the session goes on")
	}
	asked := len(h.asked)
	if h.mustCall(c, owner); len(h.asked) != asked {
		t.Error("the network of the session still reaches the phone")
	}
	list, err := h.site.History(t.Context(), actorOf(owner))
	if err != nil || !slices.ContainsFunc(list, func(e login.Event) bool {
		return e.Kind == login.EventEnded && e.Session == s.ID && slices.Contains(e.Reasons, login.ReasonReported)
	}) {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestReportedBeforeTheSession : the phone approves, then says "it is not me" while the computer still
// chooses a situation; no session opens (R11).
func TestReportedBeforeTheSession(t *testing.T) {
	for name, c := range map[string]struct {
		ended  login.Ended
		blocks bool
	}{
		"reported": {login.Ended{SessionID: "sid-" + owner, Reported: true}, true},
		"ended":    {login.Ended{SessionID: "sid-" + owner}, false},
	} {
		t.Run("R11 "+name, func(t *testing.T) {
			h := newHall(t, nil)
			h.phones.issuer = "https://psc.example"
			h.tokens["end"] = c.ended
			from := at("192.0.2.7")
			wait := h.mustCall(from, owner)
			h.clock.forward(8 * time.Second)
			if !h.phones.open(owner, wait.Number) {
				t.Fatal("the phone shows nothing")
			}
			if w, err := h.waiting(from); err != nil || w.State != login.WaitHeld {
				t.Fatalf("%v, %v", w.State, err)
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", h.site.EndPath(), strings.NewReader(url.Values{"logout_token": {"end"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if h.site.BackChannel(w, r); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if _, err := h.enter(from, owner, login.Delegation{}); carnet.CodeOf(err) != login.CodeReported {
				t.Errorf("the session opens: %v", err)
			}
			if _, err := h.current(from); err == nil {
				t.Error("there is a session")
			}
			if _, err := h.enter(from, owner, login.Delegation{}); err == nil {
				t.Error("it opens at the second try")
			}
			asked := len(h.asked)
			if h.mustCall(from, owner); (len(h.asked) == asked) != c.blocks {
				t.Errorf("the network reaches the phone: %v", len(h.asked) > asked)
			}
		})
	}
}

// TestDelegation : what a session with a delegate is, and what it is not.
func TestDelegation(t *testing.T) {
	held := func(t *testing.T) (*hall, computer) {
		h := newHall(t, nil)
		c := at("192.0.2.7")
		wait := h.mustCall(c, owner)
		if q := h.last().Context; q.Delegate != "Rose Aubépine" || q.Establishment != "Centre des Tilleuls" || q.Place != "Valombre (département 99)" || q.Service != "Vaccin Covid" {
			t.Errorf("the phone is told %+v", q)
		}
		h.clock.forward(8 * time.Second)
		h.phones.open(owner, wait.Number)
		if _, err := h.waiting(c); err != nil {
			t.Fatal(err)
		}
		return h, c
	}
	rose := login.Delegation{ID: person(third), Name: carnet.Hide("Rose AUBÉPINE"), Presence: login.Present}
	t.Run("ECP-06 the session records how the professional answers for the delegate", func(t *testing.T) {
		h, c := held(t)
		if _, err := h.enter(c, owner, rose); err != nil {
			t.Fatal(err)
		}
		s, err := h.current(c)
		if err != nil || s.Delegation.ID != rose.ID || s.Delegation.Presence != login.Present || s.Delegation.Name.Reveal() != "Rose AUBÉPINE" {
			t.Errorf("%+v, %v", s.Delegation, err)
		}
		var token map[string]any
		if err := json.Unmarshal([]byte(s.Token()), &token); err != nil {
			t.Fatal(err)
		}
		act, _ := token["act"].(map[string]any)
		if token["sub"] != "psc:"+person(owner).String() || act["sub"] != "deleg:"+rose.ID.String() || act["presence"] != "present" ||
			token["sid"] != s.ID.String() || token["scope"] != "vaccination:draft vaccination:write" || token["acr"] != "eidas1" {
			t.Errorf("token %v", token)
		}
		if strings.Contains(s.Token(), "AUBÉPINE") || strings.Contains(s.Token(), owner) {
			t.Error("the token names somebody")
		}
		list, err := h.site.History(t.Context(), actorOf(owner))
		if err != nil || list[0].Kind != login.EventOpened || list[0].Delegate != rose.ID || list[0].Session != s.ID || !slices.Contains(list[0].Reasons, "present") {
			t.Errorf("%+v, %v", list[0], err)
		}
		sessions, err := h.site.Sessions(t.Context(), person(owner))
		if err != nil || len(sessions) != 1 || sessions[0].Delegate != rose.ID || sessions[0].Presence != login.Present || sessions[0].Browser != "Firefox, Linux" {
			t.Errorf("%+v, %v", sessions, err)
		}
	})
	t.Run("ECP-08 without a name there is no delegate", func(t *testing.T) {
		for name, d := range map[string]login.Delegation{
			"no name":       {ID: rose.ID, Presence: login.Present},
			"no presence":   {ID: rose.ID, Name: rose.Name},
			"some presence": {ID: rose.ID, Name: rose.Name, Presence: "by-post"},
		} {
			h, c := held(t)
			_, err := h.enter(c, owner, d)
			if carnet.CodeOf(err) != login.CodeDelegate {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := h.current(c); err == nil {
				t.Errorf("%s: a session opened", name)
			}
		}
	})
	t.Run("D2 none unless one is named", func(t *testing.T) {
		h, c := held(t)
		s, err := h.enter(c, owner, login.Delegation{})
		if err != nil || !s.Actor().Delegate.IsZero() || strings.Contains(s.Token(), `"act"`) {
			t.Errorf("%+v, %v", s.Actor(), err)
		}
	})
	t.Run("D5 the delegation ends with the session, and the session with the delegate", func(t *testing.T) {
		h, c := held(t)
		if _, err := h.enter(c, owner, rose); err != nil {
			t.Fatal(err)
		}
		if n, err := h.site.EndDelegate(t.Context(), person(other)); err != nil || n != 0 {
			t.Errorf("%d sessions of somebody else, %v", n, err)
		}
		if n, err := h.site.EndDelegate(t.Context(), rose.ID); err != nil || n != 1 {
			t.Errorf("%d sessions, %v", n, err)
		}
		if _, err := h.current(c); err == nil {
			t.Error("the session goes on")
		}
		if s := h.in(c, owner); !s.Delegation.ID.IsZero() {
			t.Error("the next session has the delegate of the one before")
		}
	})
	t.Run("D4 what a delegate may do", func(t *testing.T) {
		me := protect.Actor{ID: person(owner), Role: protect.Professional}
		typed := me
		typed.Delegate = rose.ID
		// What they have just entered themselves, in the same session, they may take back.
		may := map[protect.Act]bool{protect.ActRead: true, protect.ActEnter: true, protect.ActUndo: true}
		for _, act := range protect.Acts {
			if me.May(act) != nil {
				t.Errorf("the professional may not %s", act)
			}
			if (typed.May(act) == nil) != may[act] {
				t.Errorf("%s: %v", act, typed.May(act))
			}
		}
	})
}

// TestHold : the code flow waits for its opening too.
func TestHold(t *testing.T) {
	r := newRig(t, nil)
	b := browser{}
	id, err := r.finish(b, r.authorize(t, r.begin(t, b, "/parametres")))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if _, err := r.site.Hold(w, b.request("GET", "/", nil), id); err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	held, err := r.site.Held(b.request("GET", "/", nil))
	if err != nil || held.Asked.ReturnTo != "/parametres" || !held.Identity.Subject.Equal(id.Subject) || !held.Identity.AuthTime.Equal(id.AuthTime) {
		t.Fatalf("%+v, %v", held, err)
	}
	who, err := held.Identity.Claims.Professional()
	if err == nil || who.Number.Reveal() != "" {
		t.Log("the evil provider's claims are no professional's")
	}
	if p, err := held.Identity.Claims.Person(); err != nil || p.BirthName.Reveal() != "FOUGÈRE" {
		t.Errorf("the claims were lost: %v", err)
	}
	open := func() error {
		w := httptest.NewRecorder()
		_, err := r.site.Open(w, b.request("POST", "/", nil), login.Opening{Person: r.person(t), Name: carnet.Hide("x"), Identity: held.Identity})
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	want(t, open(), login.CodeState)
	_, err = r.site.Held(browser{}.request("GET", "/", nil))
	want(t, err, login.CodeState)
}

func TestCallFaults(t *testing.T) {
	h := newHall(t, nil)
	c := at("192.0.2.7")
	for _, bad := range []string{"", "123", "99700218897", "x99700218896", "8997002188960"} {
		_, err := h.call(c, bad)
		want(t, err, login.CodeNumber)
	}
	if _, err := h.call(c, "997 0021 8896"); err != nil {
		t.Errorf("eleven digits with spaces: %v", err)
	}
	if h.last().Number.Reveal() != owner {
		t.Error("the number is not normalised")
	}
	_, err := h.site.Call(httptest.NewRecorder(), c.request("POST", "/"), login.CallRequest{Number: owner, Establishment: strings.Repeat("é", 101)})
	want(t, err, login.CodeLong)
	_, err = h.site.Call(httptest.NewRecorder(), c.request("GET", "/"), login.CallRequest{Number: owner})
	want(t, err, login.CodeMethod)
	want(t, h.site.Quit(httptest.NewRecorder(), c.request("GET", "/")), login.CodeMethod)
	_, _, err = h.site.Renew(httptest.NewRecorder(), c.request("GET", "/"))
	want(t, err, login.CodeMethod)
	none := newHall(t, func(c *login.SiteConfig) { c.Calls = nil })
	_, err = none.call(c, owner)
	want(t, err, login.CodeMethod)
	for name, change := range map[string]func(*login.Calls){
		"no professional": func(c *login.Calls) { c.Professional = nil },
		"one digit":       func(c *login.Calls) { c.Digits = 1 },
		"fewer with care": func(c *login.Calls) { c.Digits, c.CareDigits = 6, 4 },
		"an hour":         func(c *login.Calls) { c.MaxWait = time.Hour },
	} {
		calls := &login.Calls{Professional: logintest.ProfessionalID, Pusher: h.phones}
		change(calls)
		p, err := login.NewProvider(profile(t), h.clock.now, rand.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "https://pro.example", Absolute: time.Hour, Idle: time.Hour, Calls: calls}, p, h.store,
			logintest.Guard(t, h.clock.now), h.clock.now, rand.Reader); carnet.CodeOf(err) != login.CodeProfile {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Run("Take asks for one more of a named limit", func(t *testing.T) {
		h := newHall(t, nil)
		for i := range 61 {
			err := h.site.Take(t.Context(), "search-traits", person(owner).String())
			if i < 60 && err != nil || i == 60 && carnet.CodeOf(err) != login.CodeLimit {
				t.Errorf("search %d: %v", i+1, err)
			}
		}
		if err := h.site.Take(t.Context(), "search-traits", person(other).String()); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkCall compares a number that somebody has with one that nobody has (R8): the request and
// three looks at it, in turns, so that what else the machine does falls on both. It reports the
// medians' difference and ratio.
func BenchmarkCall(b *testing.B) {
	h := newHall(b, nil)
	numbers := []string{owner, stranger}
	var took [2][]time.Duration
	for i := 0; b.Loop(); i++ {
		for k := range numbers {
			n := (i + k) % 2 // who goes first changes
			c := at("192.0.2.7")
			start := time.Now()
			if _, err := h.call(c, numbers[n]); err != nil {
				b.Fatal(err)
			}
			for range 3 {
				h.clock.forward(6 * time.Second)
				if _, err := h.waiting(c); err != nil {
					b.Fatal(err)
				}
			}
			took[n] = append(took[n], time.Since(start))
			h.clock.forward(login.HistoryLifetime + 7*time.Hour) // nothing is remembered
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	known, unknown := took[0][len(took[0])/2], took[1][len(took[1])/2]
	b.ReportMetric(float64(unknown-known)/float64(time.Microsecond), "µs-apart")
	b.ReportMetric(float64(unknown)/float64(known), "of-known")
}
