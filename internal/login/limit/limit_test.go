package limit

import (
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	r := Rate{3, 15 * time.Minute}
	for _, c := range []struct {
		name string
		at   []time.Duration // of each request
		want string          // y or n for each
	}{
		{"a burst of the count, no more", []time.Duration{0, 0, 0, 0}, "yyyn"},
		{"then one every five minutes", []time.Duration{0, 0, 0, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute, 10 * time.Minute}, "yyynyny"},
		{"all of it again after the period", []time.Duration{0, 0, 0, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute}, "yyyyyyn"},
		{"insisting costs nothing", []time.Duration{0, 0, 0, time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute}, "yyynnny"},
		{"a clock that goes back opens nothing", []time.Duration{0, 0, 0, -time.Hour}, "yyyn"},
	} {
		var tat time.Time
		var got strings.Builder
		for _, d := range c.at {
			var a Answer
			a, tat = r.Next(tat, start.Add(d))
			got.WriteByte("ny"[map[bool]int{true: 1}[a.Allowed]])
			if a.Allowed == (a.Retry > 0) {
				t.Errorf("%s: allowed %v, retry in %s", c.name, a.Allowed, a.Retry)
			}
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.String(), c.want)
		}
	}
}

// TestNextHoldsItsPromise: in any period, at most twice the count passes, and whoever waits as
// long as the answer says passes.
func TestNextHoldsItsPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{rapid.IntRange(1, 50).Draw(t, "count"), time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second}
		now, tat := start, time.Time{}
		var passed []time.Time
		for _, gap := range rapid.SliceOfN(rapid.IntRange(0, 600), 1, 200).Draw(t, "gaps") {
			now = now.Add(time.Duration(gap) * time.Second / 10)
			var a Answer
			if a, tat = r.Next(tat, now); a.Allowed {
				passed = append(passed, now)
				continue
			}
			if again, _ := r.Next(tat, now.Add(a.Retry)); !again.Allowed {
				t.Fatalf("refused after waiting %s", a.Retry)
			}
			if again, _ := r.Next(tat, now.Add(a.Retry-time.Nanosecond)); again.Allowed {
				t.Fatalf("allowed before %s", a.Retry)
			}
		}
		for i := range passed {
			n := 0
			for _, p := range passed[i:] {
				if p.Sub(passed[i]) < r.Period {
					n++
				}
			}
			if n > 2*r.Count {
				t.Fatalf("%d passed within %s, the limit is %d", n, r.Period, r.Count)
			}
		}
	})
}

func TestConfiguration(t *testing.T) {
	read := func(text string) (Config, error) {
		var file struct{ Limits Config }
		if _, err := toml.Decode(text, &file); err != nil {
			t.Fatal(err)
		}
		return Defaults().With(file.Limits)
	}
	c, err := read("[limits.push-unknown]\ncount = 5\nperiod = \"1h\"\n[limits.origin.keys.\"192.0.2.0/24\"]\ncount = 600\nperiod = \"15m\"\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, key string
		want      Rate
	}{
		{PushUnknown, "x", Rate{5, time.Hour}},
		{Origin, "192.0.2.0/24", Rate{600, 15 * time.Minute}},
		{Origin, "198.51.100.0/24", Rate{120, 15 * time.Minute}},
		{PushKnown, "x", Rate{10, 15 * time.Minute}},
	} {
		if got, ok := c.For(x.name, x.key); !ok || got != x.want {
			t.Errorf("%s %s: %v %v, want %v", x.name, x.key, got, ok, x.want)
		}
	}
	if _, ok := c.For("unheard-of", "x"); ok {
		t.Error("a limit that nobody defined is one")
	}
	_, err = read("[limits.misspelt]\ncount = 1\nperiod = \"1h\"\n[limits.global]\ncount = 0\nperiod = \"1h\"\n[limits.origin.keys.\"x\"]\ncount = 1\nperiod = \"1ms\"\n")
	for _, part := range []string{"limits.misspelt", "limits.global", `limits.origin.keys."x"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named in %v", part, err)
		}
	}
	if _, err := Defaults().With(Defaults()); err != nil {
		t.Error(err)
	}
}
