package module_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"carnet/internal/module"
	"carnet/vitale"
	"carnet/vitale/specimen"
)

// slot is a reader with a specimen in it.
type slot struct {
	fault specimen.Fault
	hang  bool
}

func (s slot) Status(context.Context) (module.Status, error) {
	return module.Status{Service: true, Readers: []module.Reader{{Card: vitale.KindVitale2}}}, nil
}

func (s slot) Read(ctx context.Context) (vitale.Data, error) {
	if s.hang {
		select {}
	}
	card := specimen.NewWaiting(s.fault, func(time.Duration) {})
	return vitale.Direct{Card: card, ATR: card.ATR()}.Read(ctx)
}

func host(s slot) module.Host {
	return module.Host{Version: "test", Cards: s, Now: func() time.Time { return time.Unix(0, 0) }, Limit: 50 * time.Millisecond,
		Config: module.Config{Origins: []string{"https://pro.example"}, Chrome: []string{"abc"}, Firefox: []string{"a@b"}, Accept: "specimen"}}
}

func frame(text string) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...)
}

const good = `{"v":1,"op":"read","origin":"https://pro.example","purpose":"vaccination"}`

func TestAnswers(t *testing.T) {
	real := host(slot{fault: specimen.Plain})
	real.Config.Accept = ""
	production := host(slot{})
	production.Config.Accept = "real"
	local := host(slot{})
	local.Config.Local, local.Config.Origins = true, []string{"http://localhost:8401"}
	for _, c := range []struct {
		name string
		host module.Host
		in   string
		code vitale.Code
	}{
		{"read", host(slot{}), good, ""},
		{"status", host(slot{}), `{"v":1,"op":"status","origin":"https://pro.example"}`, ""},
		{"a real card in production", real, good, ""},
		{"specimen in production", production, good, vitale.Refused},
		{"a real card in a test", host(slot{fault: specimen.Plain}), good, vitale.Refused},
		{"removed", host(slot{fault: specimen.Removed}), good, vitale.CardRemoved},
		{"a reader that hangs", host(slot{hang: true}), good, vitale.CardBusy},
		{"localhost in development", local, strings.Replace(good, "https://pro.example", "http://localhost:8401", 1), ""},
		{"localhost in production", host(slot{}), strings.Replace(good, "https://pro.example", "http://localhost:8401", 1), module.Insecure},
		{"http", host(slot{}), strings.Replace(good, "https:", "http:", 1), module.Insecure},
		{"origin with a path", host(slot{}), strings.Replace(good, "pro.example", "pro.example/x", 1), module.OriginRefused},
		{"origin with a user", host(slot{}), strings.Replace(good, "pro.example", "pro.example@evil.example", 1), module.OriginRefused},
		{"origin with another port", host(slot{}), strings.Replace(good, "pro.example", "pro.example:444", 1), module.OriginRefused},
		{"longer origin", host(slot{}), strings.Replace(good, "pro.example", "pro.example.evil.example", 1), module.OriginRefused},
		{"capitals", host(slot{}), strings.Replace(good, "pro.example", "PRO.example", 1), module.OriginRefused},
		{"no origin", host(slot{}), `{"v":1,"op":"read","purpose":"care"}`, module.Insecure},
		{"unknown field", host(slot{}), `{"v":1,"op":"read","origin":"https://pro.example","purpose":"care","apdu":"00A4"}`, module.BadRequest},
		{"unknown op", host(slot{}), `{"v":1,"op":"exec","origin":"https://pro.example"}`, module.BadRequest},
		{"a purpose of status", host(slot{}), `{"v":1,"op":"status","origin":"https://pro.example","purpose":"care"}`, module.BadRequest},
		{"two values", host(slot{}), good + good, module.BadRequest},
		{"no JSON", host(slot{}), `{`, module.BadRequest},
		{"a list", host(slot{}), `[1]`, module.BadRequest},
		{"another version, with fields of its own", host(slot{}), `{"v":2,"verb":"read"}`, module.VersionMismatch},
		{"no version", host(slot{}), `{"op":"status"}`, module.VersionMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.host.Answer(t.Context(), []byte(c.in))
			if a.Code != c.code || a.OK != (c.code == "") || a.V != module.Version || a.Host != "test" {
				t.Errorf("%+v, want %q", a, c.code)
			}
			if a.OK == (a.Data == nil && a.Status == nil) {
				t.Error("data without success, or success without data")
			}
			if _, ok := module.Sentences[a.Code]; !ok && a.Code != "" {
				t.Errorf("no sentence for %s", a.Code)
			}
		})
	}
	t.Run("a reading outside a care act or a vaccination is refused", func(t *testing.T) {
		for purpose, want := range map[string]vitale.Code{"care": "", "vaccination": "", "": module.PurposeRefused, "insurance": module.PurposeRefused, "marketing": module.PurposeRefused, "CARE": module.PurposeRefused} {
			text, err := json.Marshal(module.Request{V: 1, Op: "read", Origin: "https://pro.example", Purpose: purpose})
			if err != nil {
				t.Fatal(err)
			}
			if a := host(slot{}).Answer(t.Context(), text); a.Code != want {
				t.Errorf("%q: %s", purpose, a.Code)
			}
		}
	})
}

func TestServe(t *testing.T) {
	var out bytes.Buffer
	in := append(frame(good), frame(`{}`)...)
	if err := host(slot{}).Serve(t.Context(), bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var codes []vitale.Code
	for out.Len() > 0 {
		n := binary.NativeEndian.Uint32(out.Next(4))
		var a module.Answer
		if err := json.Unmarshal(out.Next(int(n)), &a); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, a.Code)
	}
	if len(codes) != 2 || codes[0] != "" || codes[1] != module.VersionMismatch {
		t.Error(codes)
	}
	for name, in := range map[string][]byte{"empty": frame(""), "cut head": {1, 0}, "cut body": frame(good)[:20], "too long": frame(strings.Repeat(" ", module.MaxIn+1))} {
		if err := host(slot{}).Serve(t.Context(), bytes.NewReader(in), io.Discard); !errors.Is(err, module.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Run("a frame that announces a gigabyte", func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := module.ReadFrame(bytes.NewReader(binary.NativeEndian.AppendUint32(nil, 1<<30)))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, module.ErrFrame) || after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("%v, %d bytes", err, after.TotalAlloc-before.TotalAlloc)
		}
	})
	if err := module.WriteFrame(io.Discard, strings.Repeat("x", module.MaxOut)); !errors.Is(err, module.ErrFrame) {
		t.Error(err)
	}
}

func TestCaller(t *testing.T) {
	c := host(slot{}).Config
	for _, w := range []struct {
		args   []string
		family string
		served bool
	}{
		{[]string{"chrome-extension://abc/"}, "chrome", true},
		{[]string{"chrome-extension://abc/", "--parent-window=0"}, "chrome", true},
		{[]string{"chrome-extension://abd/"}, "chrome", false},
		{[]string{"/x/fr.carnet.vitale.json", "a@b"}, "firefox", true},
		{[]string{"/x/fr.carnet.vitale.json", "abc"}, "firefox", false},
		{[]string{"doctor"}, "", false},
		{nil, "", false},
	} {
		family, id, ok := module.Caller(w.args)
		if family != w.family || ok != (family != "") || c.Serves(family, id) != w.served {
			t.Errorf("%v: %s %s %v", w.args, family, id, ok)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := module.ReadConfig([]byte(`{"origins":["https://pro.example"],"accept":"real"}`)); err != nil {
		t.Error(err)
	}
	for _, in := range []string{``, `{"x":1}`, `{"accept":"all"}`, `{"origins":["http://pro.example"]}`, `{"origins":["https://pro.example/"]}`, `{"origins":["https://*.example"]}`, `{}{}`, strings.Repeat(" ", module.MaxConfig+1)} {
		if _, err := module.ReadConfig([]byte(in)); err == nil {
			t.Errorf("%.40s is a configuration", in)
		}
	}
}

func TestSentences(t *testing.T) {
	for code, w := range module.Sentences {
		for _, s := range []string{w.Says[0], w.Says[1], w.Do[0], w.Do[1]} {
			if s == "" {
				t.Errorf("%s lacks a sentence", code)
			}
		}
		for _, s := range []string{w.Says[0], w.Do[0]} {
			if strings.Contains(s, " ;") || strings.Contains(s, " :") || strings.Contains(s, "« ") || strings.Contains(s, "'") {
				t.Errorf("typography: %s", s)
			}
		}
	}
}

func FuzzServe(f *testing.F) {
	f.Add(frame(good))
	f.Add(frame(`{"v":1,"op":"status","origin":"https://pro.example"}`))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := host(slot{}).Serve(t.Context(), bytes.NewReader(in), &out); err != nil && !errors.Is(err, module.ErrFrame) {
			t.Error(err)
		}
		if out.Len() > 0 && bytes.Contains(out.Bytes(), []byte("FOUG")) && !bytes.Contains(in, []byte("https://pro.example")) {
			t.Error("data without the origin")
		}
	})
}
