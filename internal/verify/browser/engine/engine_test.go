package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/internal/verify"
)

func ask(t testing.TB, e *Engine, request Request, body []byte) Answer {
	t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var a Answer
	if err := json.Unmarshal(e.Answer(append(append(line, '\n'), body...)), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// golden gives a certificate of hcert's vectors, its trust as it travels, and when it is valid.
func golden(t testing.TB) (text string, pack []byte, at time.Time) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "hcert", "testdata")
	data, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name, Text string
		At         time.Time
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	trust, _, err := verify.LoadTrust([]string{filepath.Join(dir, "trust", "dsc.pem")}, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Name == "vaccination-es256" {
			text, at = v.Text, v.At
		}
	}
	if pack, err = (verify.Checker{Trust: trust}).Pack(at); err != nil || text == "" {
		t.Fatal(text, err)
	}
	return text, pack, at
}

func TestAnswer(t *testing.T) {
	text, pack, at := golden(t)
	var e Engine
	if a := ask(t, &e, Request{Kind: File, Lang: "en", At: at}, []byte(text)); len(a.Verdicts) != 1 || a.Verdicts[0].Valid || a.Verdicts[0].Reasons[0].Code != "kid.unknown" {
		t.Errorf("without trust: %+v", a)
	}
	if a := ask(t, &e, Request{Kind: Trust, Lang: "en", At: at}, pack); a.Problem != nil || len(a.Facts) < 4 || a.Facts[0].Label != "Gathered on" {
		t.Errorf("trust: %+v", a)
	}
	if a := ask(t, &e, Request{Kind: File, Lang: "en", At: at}, []byte(text)); a.Problem != nil || len(a.Verdicts) != 1 || !a.Verdicts[0].Valid || a.Verdicts[0].Name != "Capucine FOUGÈRE" || len(a.Verdicts[0].Rows) == 0 {
		t.Errorf("control: %+v", a)
	}
	a := ask(t, &e, Request{Kind: File, Lang: "fr", At: at, Minimal: true}, []byte(text))
	if b, err := json.Marshal(a); err != nil || len(a.Verdicts) != 1 || strings.Contains(string(b), "Comirnaty") || !strings.Contains(string(b), "12/05/1985") {
		t.Errorf("minimal: %s %v", b, err)
	}
	// Bad trust leaves what was there.
	if a := ask(t, &e, Request{Kind: Trust, Lang: "en", At: at}, []byte("{")); a.Problem == nil || a.Problem.Code != "trust.unreadable" || a.Problem.Words == "" {
		t.Errorf("%+v", a)
	}
	if a := ask(t, &e, Request{Kind: File, Lang: "en", At: at}, []byte(text)); !a.Verdicts[0].Valid {
		t.Errorf("%+v", a)
	}
	for _, c := range []struct {
		name    string
		request Request
		body    []byte
		code    string
	}{
		{"nothing in it", Request{Kind: File, Lang: "fr", At: at}, []byte("rien"), "scan.nothing"},
		{"nothing", Request{Kind: File, Lang: "fr", At: at}, nil, "scan.empty"},
		{"a frame of another size", Request{Kind: Frame, Lang: "fr", At: at, Width: 4, Height: 4}, []byte{1}, "scan.picture"},
		{"a frame without end", Request{Kind: Frame, Lang: "fr", At: at, Width: 1 << 30, Height: 1 << 30}, nil, "scan.pixels"},
		{"another question", Request{Kind: "weather", Lang: "fr", At: at}, nil, "request.malformed"},
		{"another language", Request{Kind: File, Lang: "../fr", At: at}, []byte(text), "request.malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := ask(t, &e, c.request, c.body); a.Problem == nil || a.Problem.Code != c.code || len(a.Verdicts) > 0 {
				t.Errorf("%+v %+v", a, a.Problem)
			}
		})
	}
	t.Run("a frame without a code is no problem", func(t *testing.T) {
		if a := ask(t, &e, Request{Kind: Frame, Lang: "fr", At: at, Width: 8, Height: 8}, make([]byte, 256)); a.Problem != nil || len(a.Verdicts) > 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("no JSON", func(t *testing.T) {
		var a Answer
		if err := json.Unmarshal(e.Answer([]byte("x\n")), &a); err != nil || a.Problem == nil {
			t.Errorf("%v %+v", err, a)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	text, pack, _ := golden(f)
	f.Add([]byte(`{"kind":"trust","lang":"fr","at":"2026-06-15T12:00:00Z"}` + "\n" + string(pack)))
	f.Add([]byte(`{"kind":"file","lang":"en","at":"2026-06-15T12:00:00Z"}` + "\n" + text))
	f.Add([]byte(`{"kind":"frame","width":1,"height":1}` + "\nabcd"))
	f.Fuzz(func(t *testing.T, request []byte) {
		var e Engine
		if !json.Valid(e.Answer(request)) {
			t.Error("no JSON")
		}
	})
}

// TestWallet keeps a certificate and draws it again: what is drawn reads as what was kept.
func TestWallet(t *testing.T) {
	text, pack, at := golden(t)
	var e Engine
	if a := ask(t, &e, Request{Kind: Trust, Lang: "en", At: at}, pack); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	a := ask(t, &e, Request{Kind: File, Lang: "en", At: at, Keep: true}, []byte(text))
	if len(a.Kept) != 1 || string(a.Kept[0].Payload) != text || a.Kept[0].Format != "hcert" || a.Kept[0].ID == "" || a.Kept[0].Ends == "" || a.Kept[0].Revoked {
		t.Fatalf("%+v", a.Kept)
	}
	if a := ask(t, &e, Request{Kind: File, Lang: "en", At: at}, []byte(text)); a.Kept != nil {
		t.Error("kept without being asked")
	}
	drawn := ask(t, &e, Request{Kind: Draw, Lang: "en", At: at}, a.Kept[0].Payload).Symbol
	if drawn == nil || drawn.Kind != "qr" {
		t.Fatalf("%+v", drawn)
	}
	if a := ask(t, &e, Request{Kind: Frame, Lang: "en", At: at, Keep: true, Width: 8 * (drawn.Side + 8), Height: 8 * (drawn.Side + 8)}, painted(t, drawn, 8)); len(a.Kept) != 1 || string(a.Kept[0].Payload) != text {
		t.Errorf("what was drawn reads as %+v %+v", a.Kept, a.Problem)
	}
	if a := ask(t, &e, Request{Kind: Draw, Lang: "en", At: at}, []byte("nothing")); a.Problem == nil || a.Problem.Code != "scan.nothing" {
		t.Errorf("%+v", a)
	}
}

// painted is a frame with a symbol, scale pixels a module, four modules of white around it.
func painted(t *testing.T, s *Symbol, scale int) []byte {
	t.Helper()
	side := scale * (s.Side + 8)
	pixels := make([]byte, 4*side*side)
	for i := range pixels {
		pixels[i] = 0xFF
	}
	for run := range strings.SplitSeq(strings.TrimSuffix(s.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", run, err)
		}
		for py := (y + 4) * scale; py < (y+5)*scale; py++ {
			for px := (x + 4) * scale; px < (x+4+n)*scale; px++ {
				copy(pixels[4*(py*side+px):], "\x00\x00\x00")
			}
		}
	}
	return pixels
}
