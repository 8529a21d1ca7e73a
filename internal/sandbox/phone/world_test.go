package phone_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/sandbox/phone"
	"carnet/internal/sandbox/phone/phonetest"
)

// world is a service with its page on http://localhost.
type world struct {
	*phone.Service
	t      testing.TB
	config phone.Config
	server *httptest.Server
	clock  *clock
	log    *buffer

	mu    sync.Mutex
	ended []phone.Ended
	down  bool // the client does not answer
	n     int  // requests made
}

// clock stands still until it is put forward.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const (
	fougere  = "99700000120"
	tilleul  = "99700000138"
	nobodys  = "99700218896"
	clientID = "carnet-pro"
)

func start(t testing.TB, change ...func(*phone.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2021, 6, 21, 8, 0, 0, 0, time.UTC)}, log: &buffer{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.Handler().ServeHTTP(rw, r) }))
	w.server.URL = strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1)
	w.config = phone.Config{
		Dir: t.TempDir(), Origin: w.server.URL, Pepper: bytes.Repeat([]byte{7}, 32), Vapid: key, Contact: "mailto:essai@exemple.invalid",
		Clock: w.clock.now, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(w.log, nil)), End: w.end,
		People: []phone.Person{
			{ID: "rose.fougere", Name: carnet.Hide("Rose FOUGÈRE"), Number: carnet.Hide("8" + fougere), Story: func(string) string { return "Infirmière." }},
			{ID: "noe.tilleul", Name: carnet.Hide("Noé TILLEUL"), Number: carnet.Hide("8" + tilleul), Story: func(string) string { return "Pharmacien." }},
		},
	}
	for _, f := range change {
		f(&w.config)
	}
	w.open()
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		w.server.Close()
		if t.Failed() {
			t.Log(w.log)
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Service, err = phone.New(w.config); err != nil {
		w.t.Fatal(err)
	}
}

// restart is a new process on the same folder.
func (w *world) restart() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// end is the client that is told of logins that ended.
func (w *world) end(_ context.Context, e phone.Ended) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return fmt.Errorf("down")
	}
	w.ended = append(w.ended, e)
	return nil
}

// told waits until the client was told of n logins.
func (w *world) told(n int) []phone.Ended {
	w.t.Helper()
	for range 400 {
		w.mu.Lock()
		list := append([]phone.Ended(nil), w.ended...)
		w.mu.Unlock()
		if len(list) >= n {
			return list
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatalf("the client was not told of %d logins", n)
	return nil
}

// give enrols a phone without a browser.
func (w *world) give(person string) *phonetest.Phone {
	w.t.Helper()
	return phonetest.Give(w.t, w.server.URL, person, rand.Reader)
}

// ask makes a request and returns its ref.
func (w *world) ask(number, binding string, change ...func(*phone.Ask)) string {
	w.t.Helper()
	ref, err := w.tryAsk(number, binding, change...)
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

func (w *world) tryAsk(number, binding string, change ...func(*phone.Ask)) (string, error) {
	w.mu.Lock()
	w.n++
	ref := fmt.Sprintf("ref-%d", w.n)
	w.mu.Unlock()
	a := phone.Ask{Ref: ref, Client: clientID, Title: "Carnet, Vaccin Covid", Number: number, Binding: binding, Context: about(phone.NotifyNormal), Session: []byte("{}")}
	for _, f := range change {
		f(&a)
	}
	return ref, w.Start(w.t.Context(), a)
}

func about(notify string) phone.Context {
	return phone.Context{Service: "Vaccin Covid", Browser: "Firefox, Linux", Place: "Calvados (14)", Establishment: "Centre de vaccination des Charmes", Notify: notify}
}

func quiet(a *phone.Ask)   { a.Context = about(phone.NotifyQuiet) }
func pull(a *phone.Ask)    { a.Context = about(phone.NotifyNone) }
func unusual(a *phone.Ask) { a.Context.Unusual = true }

// state is what the client's next poll sees.
func (w *world) state(ref string) phone.State {
	w.t.Helper()
	w.clock.forward(20 * time.Millisecond)
	l, err := w.Peek(w.t.Context(), ref)
	if err != nil {
		w.t.Fatal(err)
	}
	return l.State
}

// is fails when an error has another code.
func is(t testing.TB, err error, code string) {
	t.Helper()
	got := ""
	if f, ok := err.(*phonetest.Fault); ok {
		got = f.Code
	} else if err != nil {
		got = carnet.CodeOf(err)
	}
	if got != code {
		t.Errorf("%v, want code %q", err, code)
	}
}
