// Package phonetest is a phone of the sandbox without a browser, for tests: it enrols itself, proves
// its key, and answers requests over HTTP as the page does. It is imported by tests only.
package phonetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Code is the secret code of every phone that Give makes.
const Code = "4711"

// Phone is an enrolled device.
type Phone struct {
	Origin string // of the issuer
	ID     string // of the device
	Owner  string // name of the person
	Number string // e-CPS number
	Name   string

	key    *ecdsa.PrivateKey
	random io.Reader
	client *http.Client
	cookie string
	now    int64 // of the server, ms
}

// Request is what a phone sees of a request.
type Request struct {
	ID, Device, Owner, Client, Title, Service, Browser, Place, Establishment, Delegate string

	FirstTime bool `json:"first_time"`
	Unusual   bool
	Quiet     bool
	Pull      bool
	Digits    int
	Wait      int64
	At        int64
	Expires   int64
}

// Fault is a refusal.
type Fault struct {
	Status int
	Code   string
	Wait   int64 // ms, with phone.early
	Left   int   // tries, with phone.code
	Until  int64 // ms, with phone.locked
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (status %d)", f.Code, f.Status) }

// Give takes a phone for a person of the sandbox from the page of an issuer and enrols it.
func Give(t testing.TB, origin, person string, random io.Reader) *Phone {
	t.Helper()
	return Enrol(t, origin, Token(t, origin, person), "Téléphone de test", random)
}

// Token takes the one-time token of a new phone from the page that shows it.
func Token(t testing.TB, origin, person string) string {
	t.Helper()
	resp, err := http.PostForm(origin+"/wallet/telephones", url.Values{"person": {person}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`href="/wallet#([A-Za-z0-9_-]+)"`).FindSubmatch(body)
	if m == nil {
		t.Fatalf("no phone for %s: status %d", person, resp.StatusCode)
	}
	return string(m[1])
}

// Enrol makes a key and uses a token.
func Enrol(t testing.TB, origin, token, name string, random io.Reader) *Phone {
	t.Helper()
	p, err := TryEnrol(origin, token, name, random)
	if err != nil {
		t.Fatalf("enrol: %v", err)
	}
	return p
}

// TryEnrol is Enrol for a token that may be refused.
func TryEnrol(origin, token, name string, random io.Reader) (*Phone, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Phone{Origin: origin, Name: name, key: key, random: random, client: &http.Client{Jar: jar}}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	var out struct{ Device, Owner, Number string }
	if err := p.Post("enrol", map[string]any{"token": token, "name": name, "key": public, "code": Code, "signature": p.Sign("enrol", token, name)}, &out); err != nil {
		return nil, err
	}
	p.ID, p.Owner, p.Number = out.Device, out.Owner, out.Number
	return p, p.Prove()
}

// Sign signs a statement as the page does.
func (p *Phone) Sign(purpose string, parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{"carnet-phone/1", p.Origin, purpose}, parts...), "\n")))
	r, s, err := ecdsa.Sign(p.random, p.key, sum[:])
	if err != nil {
		panic(err) // of a key that was just made
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// Prove opens a session with a signature over a challenge.
func (p *Phone) Prove() error {
	var c struct {
		Challenge string
		Now       int64
	}
	if err := p.Post("challenge", struct{}{}, &c); err != nil {
		return err
	}
	p.now = c.Now
	proof := map[string]any{"device": p.ID, "signature": p.Sign("session", p.ID, c.Challenge)}
	var out struct{ Devices, Revoked []string }
	if err := p.Post("session", map[string]any{"challenge": c.Challenge, "proofs": []any{proof}}, &out); err != nil {
		return err
	}
	if len(out.Devices) == 0 {
		return &Fault{Status: http.StatusUnauthorized, Code: "phone.device"}
	}
	return nil
}

// Post calls the interface of the page. A refusal is a *Fault.
func (p *Phone) Post(name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return p.call(http.MethodPost, name, bytes.NewReader(body), out)
}

// Get calls the interface of the page.
func (p *Phone) Get(name string, out any) error { return p.call(http.MethodGet, name, nil, out) }

func (p *Phone) call(method, name string, body io.Reader, out any) error {
	r, err := http.NewRequest(method, p.Origin+"/wallet/api/"+name, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if p.cookie != "" {
		r.Header.Set("Cookie", p.cookie) // the jar keeps secure cookies from http, browsers do not
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		p.cookie = c.Name + "=" + c.Value
	}
	if resp.StatusCode != http.StatusOK {
		f := &Fault{Status: resp.StatusCode}
		if err := json.NewDecoder(resp.Body).Decode(f); err != nil {
			return fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		return f
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Stream opens the stream of news and gives its lines until the context ends.
func (p *Phone) Stream(ctx context.Context) (<-chan string, error) {
	if err := p.Prove(); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Origin+"/wallet/api/stream", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Cookie", p.cookie)
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		resp.Body.Close()
		return nil, fmt.Errorf("stream: status %d, %s", resp.StatusCode, kind)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines, nil
}

// Requests opens the application: it proves the key and lists what waits.
func (p *Phone) Requests() ([]Request, error) {
	if err := p.Prove(); err != nil {
		return nil, err
	}
	var state struct {
		Now      int64
		Requests []Request
	}
	err := p.Get("state", &state)
	p.now = state.Now
	return state.Requests, err
}

// Find looks for the request that waits with a number: the pull path.
func (p *Phone) Find(number string) (Request, error) {
	var r Request
	if err := p.Prove(); err != nil {
		return r, err
	}
	err := p.Post("find", map[string]string{"number": number}, &r)
	return r, err
}

// Show tells the server that a request is on the screen.
func (p *Phone) Show(r Request) error {
	return p.Post("shown", map[string]string{"device": p.ID, "request": r.ID}, nil)
}

// Decide answers a request and returns the state that it has then. Decisions: approve, decline,
// report.
func (p *Phone) Decide(r Request, decision, number, code string) (string, error) {
	at := strconv.FormatInt(p.now, 10)
	var out struct{ State string }
	err := p.Post("decide", map[string]any{
		"device": p.ID, "request": r.ID, "decision": decision, "number": number, "code": code, "at": p.now,
		"signature": p.Sign("decide", p.ID, at, r.ID, r.Client, decision, number),
	}, &out)
	return out.State, err
}

// Approve opens the application, takes the request that is there, shows it, and approves it with a
// number. A request that must be read first answers phone.early with the time to wait.
func (p *Phone) Approve(number string) error {
	list, err := p.Requests()
	if err != nil {
		return err
	}
	var r Request
	if len(list) == 1 {
		r = list[0]
	} else if r, err = p.Find(number); err != nil {
		return err
	}
	if err := p.Show(r); err != nil {
		return err
	}
	_, err = p.Decide(r, "approve", number, Code)
	return err
}

// Revoke takes another device of the same person out of use.
func (p *Phone) Revoke(device, code string) error {
	if err := p.Prove(); err != nil {
		return err
	}
	return p.Post("revoke", map[string]any{"device": p.ID, "target": device, "code": code, "at": p.now,
		"signature": p.Sign("revoke", p.ID, strconv.FormatInt(p.now, 10), device)}, nil)
}
