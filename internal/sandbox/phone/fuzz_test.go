package phone

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func FuzzContext(f *testing.F) {
	for _, s := range []string{"", "{}", `{"service":"a","notify":"quiet","digits":6,"first_time":true,"at":"2021-06-21T08:00:00Z"}`, `[]`, `{"place":"a\u202eb"}`, `{"digits":-1}`, "{\"service\":\"\u0000\"}", ` {"unusual":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseContext(s)
		if err != nil {
			return
		}
		for _, words := range []string{c.Service, c.Browser, c.Place, c.Establishment, c.Delegate} {
			if utf8.RuneCountInString(words) > maxWords || strings.ContainsAny(words, "\x00\n\r\u202e\u2028") {
				t.Errorf("%q is shown", words)
			}
		}
		if c.Notify != NotifyNormal && c.Notify != NotifyQuiet && c.Notify != NotifyNone {
			t.Errorf("notify %q", c.Notify)
		}
		if c.Careful() && c.checkBinding("42") == nil {
			t.Error("two digits for a request that needs care")
		}
	})
}

func FuzzSubscription(f *testing.F) {
	key := "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	for _, endpoint := range []string{"https://fcm.googleapis.com/x", "https://a.push.apple.com/", "http://localhost/", "https://fcm.googleapis.com:1/", "https://.push.apple.com", "//fcm.googleapis.com", "https://x@fcm.googleapis.com/"} {
		f.Add(`{"endpoint":"` + endpoint + `","keys":{"p256dh":"` + key + `","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`)
	}
	s := &Service{Config: Config{PushHosts: DefaultPushHosts}}
	f.Fuzz(func(t *testing.T, raw string) {
		sub, key, secret, err := s.parse(raw)
		if err != nil {
			return
		}
		u, err := url.Parse(sub.Endpoint)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || key == nil || len(secret) != 16 {
			t.Errorf("accepted %s", raw)
		}
		for _, h := range DefaultPushHosts {
			if u.Hostname() == h || strings.HasPrefix(h, ".") && strings.HasSuffix(u.Hostname(), h) {
				return
			}
		}
		t.Errorf("pushes would go to %s", u.Host)
	})
}

func FuzzDeviceKey(f *testing.F) {
	f.Add([]byte{0x30, 0x59})
	f.Fuzz(func(t *testing.T, der []byte) {
		if k, err := parseKey(der); err == nil && verify(k, "x", make([]byte, 64)) {
			t.Error("a signature of zeros is right")
		}
	})
}

// A device is never open to more than three codes in a row without a pause, nor to more than ten at all.
func TestWrongCodesAsAProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := device{State: deviceActive, Enrolled: time.Unix(1e9, 0)}
		now, tried, lock := d.Enrolled, 0, time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "minutes")) * time.Minute)
			if d.usable(now) != nil {
				continue
			}
			d = d.afterWrong(now)
			if tried++; tried > codesAtAll {
				t.Fatalf("%d codes were tried", tried)
			}
			if tried%codesPerLock == 0 && tried < codesAtAll {
				if got := d.Locked.Sub(now); got < firstLock || got <= lock {
					t.Fatalf("after %d: locked for %s, before for %s", tried, got, lock)
				}
				lock = d.Locked.Sub(now)
			}
		}
		if tried == codesAtAll && d.usable(now.Add(1000*time.Hour)) == nil {
			t.Fatal("open again")
		}
	})
}

// A statement is one for each list of parts: a part cannot pass for two.
func TestStatementAsAProperty(t *testing.T) {
	part := rapid.StringMatching(`[a-z0-9 \n]{0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(part, 0, 4).Draw(t, "a"), rapid.SliceOfN(part, 0, 4).Draw(t, "b")
		x, y := statement("o", "p", a...), statement("o", "p", b...)
		if x != "" && x == y && strings.Join(a, "|") != strings.Join(b, "|") {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
