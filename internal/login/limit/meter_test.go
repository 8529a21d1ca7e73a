package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	now := start
	m := NewMeter(Config{"x": {Rate: Rate{3, 30 * time.Second}}}, func() time.Time { return now })
	for i := range 3 {
		if a := m.Take("x", "one"); !a.Allowed {
			t.Fatalf("request %d: %+v", i, a)
		}
	}
	if a := m.Take("x", "one"); a.Allowed || !a.Note || a.Retry != 10*time.Second {
		t.Fatalf("%+v", a)
	}
	if a := m.Take("x", "one"); a.Allowed || a.Note {
		t.Fatalf("the second refusal of a minute is to be written down: %+v", a)
	}
	if !m.Take("x", "other").Allowed || !m.Take("unknown", "one").Allowed {
		t.Fatal("another key, or a limit that nobody set")
	}
	now = now.Add(10 * time.Second)
	if !m.Take("x", "one").Allowed || m.Take("x", "one").Allowed {
		t.Fatal("one more passes after ten seconds, and not two")
	}
	now = now.Add(time.Hour)
	m.Take("x", "one")
	if len(m.kept) != 1 {
		t.Fatalf("%d keys are kept", len(m.kept))
	}
}

// TestMeterIsBounded: whoever invents keys does not fill the memory.
func TestMeterIsBounded(t *testing.T) {
	now := start
	m := NewMeter(Config{"x": {Rate: Rate{1, time.Second}}}, func() time.Time { return now })
	for i := range 3 * maxKept {
		now = now.Add(time.Millisecond)
		m.Take("x", fmt.Sprint(i))
	}
	if len(m.kept) > maxKept+1 {
		t.Fatalf("%d keys are kept", len(m.kept))
	}
}
