package phone_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"carnet/internal/sandbox/phone"
	"carnet/internal/sandbox/phone/phonetest"
)

// service is a push service, with the keys of a browser.
type service struct {
	*httptest.Server
	key    *ecdh.PrivateKey
	secret []byte
	pushed chan delivery
	status int
}

type delivery struct {
	header http.Header
	path   string
	body   []byte
}

func pushService(t *testing.T) *service {
	t.Helper()
	s := &service{pushed: make(chan delivery, 100), secret: make([]byte, 16), status: http.StatusCreated}
	var err error
	if s.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := rand.Read(s.secret); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.pushed <- delivery{r.Header, r.URL.Path, body}
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

// subscription is what a browser would send.
func (s *service) subscription() map[string]any {
	b := base64.RawURLEncoding
	return map[string]any{"endpoint": s.URL + "/push/abc", "keys": map[string]string{
		"p256dh": b.EncodeToString(s.key.PublicKey().Bytes()), "auth": b.EncodeToString(s.secret)}}
}

func (s *service) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-s.pushed:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no push")
		return delivery{}
	}
}

// read lets others' code read a push: http_ece and jose.
func (s *service) read(t *testing.T, w *world, d delivery) (text string, size int) {
	t.Helper()
	if os.Getenv("CARNET_PEERS") == "" {
		t.Fatal("CARNET_PEERS is not set: scripts/test installs the packages and sets it")
	}
	b := base64.RawURLEncoding
	in, err := json.Marshal(map[string]any{
		"body": b.EncodeToString(d.body), "authorization": d.header.Get("Authorization"), "endpoint": s.URL, "now": w.clock.now().UnixMilli(),
		"privateKey": b.EncodeToString(s.key.Bytes()), "publicKey": b.EncodeToString(s.key.PublicKey().Bytes()), "auth": b.EncodeToString(s.secret),
	})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "../../../e2e/peers/push.mjs")
	node.Stdin, node.Stderr = bytes.NewReader(in), os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("push.mjs: %v", err)
	}
	var answer struct {
		Text   string
		Size   int
		Alg    string
		Claims struct {
			Aud, Sub string
			Exp      int64
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	until := time.Unix(answer.Claims.Exp, 0).Sub(w.clock.now())
	if answer.Alg != "ES256" || answer.Claims.Sub != "mailto:essai@exemple.invalid" || until <= 0 || until > 24*time.Hour {
		t.Errorf("VAPID token: %+v", answer)
	}
	return answer.Text, answer.Size
}

func TestPush(t *testing.T) {
	s := pushService(t)
	w := start(t, func(c *phone.Config) { c.PushHosts = []string{s.URL} })
	p := w.give("rose.fougere")
	if err := p.Post("push", map[string]any{"device": p.ID, "subscription": s.subscription()}, nil); err != nil {
		t.Fatal(err)
	}
	sealed := 0
	for _, c := range []struct {
		name, number, urgency string
		change                func(*phone.Ask)
	}{
		{"R16 a request that rings", "42", "high", func(*phone.Ask) {}},
		{"R9 R16 a quiet one", "161803", "low", quiet},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.ask(fougere, c.number, c.change)
			r := one(t, p)
			d := s.next(t)
			if d.path != "/push/abc" || d.header.Get("Content-Encoding") != "aes128gcm" || d.header.Get("TTL") != "120" || d.header.Get("Urgency") != c.urgency || d.header.Get("Topic") == "" {
				t.Errorf("%s %v", d.path, d.header)
			}
			text, _ := s.read(t, w, d)
			var m map[string]any
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				t.Fatal(err)
			}
			if m["id"] != r.ID || (m["quiet"] == true) != (c.urgency == "low") || len(m) > 2 {
				t.Errorf("message %s", text)
			}
			for _, secret := range []string{"FOUG", "Rose", fougere, c.number, phonetest.Code, "Vaccin", "Calvados", "Charmes"} {
				if strings.Contains(text, secret) || strings.Contains(strings.Join(d.header["Topic"], ""), secret) {
					t.Errorf("the push says %q: %s", secret, text)
				}
			}
			// One size for every message: its length tells nothing.
			if sealed != 0 && sealed != len(d.body) {
				t.Errorf("%d bytes, and %d before", len(d.body), sealed)
			}
			sealed = len(d.body)
		})
	}
	t.Run("R6 R7 a request that waits to be looked for pushes nothing", func(t *testing.T) {
		w.ask(fougere, "141421", pull)
		w.ask(tilleul, "42") // somebody without subscription neither
		w.ask(nobodys, "42")
		w.ask(fougere, "42")
		if text, _ := s.read(t, w, s.next(t)); !strings.Contains(text, one(t, p).ID) {
			t.Error("the next push is not of the next request")
		}
		select {
		case <-s.pushed:
			t.Error("one push too many")
		default:
		}
	})
	t.Run("R17 a new device is pushed to the old one", func(t *testing.T) {
		fresh := w.give("rose.fougere")
		if text, _ := s.read(t, w, s.next(t)); !strings.Contains(text, fresh.ID) {
			t.Errorf("message %s", text)
		}
	})
	t.Run("a subscription that ended is forgotten", func(t *testing.T) {
		s.status = http.StatusGone
		w.ask(fougere, "42")
		s.next(t)
		for range 400 {
			if strings.Contains(w.log.String(), "the subscription ended") {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		w.ask(fougere, "42")
		if err := w.Close(); err != nil { // waits for what is under way
			t.Fatal(err)
		}
		w.open()
		select {
		case <-s.pushed:
			t.Error("pushed again")
		default:
		}
	})
}

func TestPushGoesToKnownServicesOnly(t *testing.T) {
	w := start(t)
	p := w.give("rose.fougere")
	s := pushService(t)
	for name, endpoint := range map[string]string{
		"of this machine": s.URL, "of the network": "https://10.0.0.1/push", "by http": "http://fcm.googleapis.com/x", "below a known one": "https://a.fcm.googleapis.com/x",
		"with a name in front": "https://fcm.googleapis.com@evil.example/x", "a port": "https://fcm.googleapis.com:8443/x", "no address": "::", "just below": "https://push.apple.com.evil.example/x",
	} {
		sub := s.subscription()
		sub["endpoint"] = endpoint
		t.Run(name, func(t *testing.T) {
			is(t, p.Post("push", map[string]any{"device": p.ID, "subscription": sub}, nil), phone.CodeForm)
		})
	}
	sub := s.subscription()
	for _, good := range []string{"https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/wpush/v2/x", "https://web.push.apple.com/x", "https://wns2-par02p.notify.windows.com/w/?token=x"} {
		sub["endpoint"] = good
		if err := p.Post("push", map[string]any{"device": p.ID, "subscription": sub}, nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := p.Post("push", map[string]any{"device": p.ID, "subscription": nil}, nil); err != nil {
		t.Error(err)
	}
}
