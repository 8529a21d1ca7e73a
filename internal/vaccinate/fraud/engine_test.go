package fraud

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"carnet/internal/carnet"
)

// week is open from eight to eight.
type week struct{}

func (week) Open(at time.Time) bool {
	h := at.In(carnet.Paris).Hour()
	return h >= 8 && h < 20
}

func id(n int) carnet.ID {
	return carnet.DerivedID([]byte{byte(n >> 16), byte(n >> 8), byte(n), 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9})
}

var morning = time.Date(2026, 11, 23, 9, 0, 0, 0, carnet.Paris)

func TestDefaultIsValid(t *testing.T) {
	if err := (Policies{Default(week{})}).Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestSessionRate(t *testing.T) {
	e := NewEngine(Policies{Default(week{})})
	var found []Finding
	for i := range 125 {
		found = append(found, e.Observe(Act{Session: id(1), Professional: id(2), Person: id(1000 + i), Dose: id(5000 + i),
			At: morning.Add(time.Duration(i) * 20 * time.Second), On: carnet.DateOf(morning), Place: "750000001"})...)
	}
	if len(found) != 2 || found[0].Signal != SessionRate || found[0].Value != 60 || found[0].Step != Note || found[1].Value != 120 || found[1].Step != StepUp || found[1].Score != 4 {
		t.Fatalf("%+v", found)
	}
}

// TestReplay: an engine that is started again in the middle of any day, knowing what was found, finds
// exactly the rest, and an engine that forgot what was found finds it again.
func TestReplay(t *testing.T) {
	for name, scene := range map[string]func(*scene){"hijacked": (*scene).hijacked, "accomplice": (*scene).accomplice, "centre": (*scene).centre} {
		t.Run(name, func(t *testing.T) {
			s := newScene(7)
			scene(s)
			slices.SortStableFunc(s.acts, func(a, b Act) int { return a.At.Compare(b.At) })
			run := func(e *Engine, acts []Act) (found []Finding) {
				for _, a := range acts {
					if e.Fresh(a.Session) {
						e.Learn(a.Session, a.At, s.facts[a.Session])
					}
					found = append(found, e.Observe(a)...)
				}
				return found
			}
			p := Policies{Default(week{})}
			all := run(NewEngine(p), s.acts)
			for _, cut := range []int{0, 1, len(s.acts) / 3, len(s.acts)} {
				before := run(NewEngine(p), s.acts[:cut])
				again := NewEngine(p)
				for _, f := range before {
					again.Restore(f)
				}
				rest := run(again, s.acts)
				if got := append(before, rest...); len(got) != len(all) {
					t.Errorf("stopped after %d acts: %d findings, want %d", cut, len(got), len(all))
				}
			}
		})
	}
}

// TestMute: what staff explained counts no more, and what comes after it does.
func TestMute(t *testing.T) {
	e := NewEngine(Policies{Default(week{})})
	e.Learn(id(1), morning, Facts{NewDevice: No, NewPlace: No})
	act := func(i int) []Finding {
		return e.Observe(Act{Session: id(1), Professional: id(2), Person: id(1000 + i), Dose: id(5000 + i), At: morning.Add(time.Duration(i) * 10 * time.Second), On: carnet.DateOf(morning), Place: "750000001"})
	}
	var first Finding
	for i := range 60 {
		if found := act(i); len(found) > 0 {
			first = found[0]
		}
	}
	if first.Score != 2 {
		t.Fatalf("%+v", first)
	}
	e.Mute(first)
	if n := e.Score(id(1), carnet.DateOf(morning)); n != 0 {
		t.Errorf("score %d after an explanation", n)
	}
	for i := 60; i < 120; i++ {
		for _, f := range act(i) {
			if f.Score != 2 || f.Points != 2 {
				t.Errorf("twice the limit: %+v", f)
			}
		}
	}
}

// TestBounded: whatever comes, the engine keeps a bounded number of sessions, professionals and places.
func TestBounded(t *testing.T) {
	e := NewEngine(Policies{Default(week{})})
	for i := range 2 * maxSessions {
		e.Observe(Act{Session: id(i), Professional: id(i), Person: id(i), Dose: id(i), At: morning.Add(time.Duration(i) * time.Millisecond), Place: fmt.Sprint(i)})
	}
	if len(e.sessions) > maxSessions || len(e.actors) > maxOthers || len(e.places) > maxOthers {
		t.Errorf("%d sessions, %d professionals, %d places", len(e.sessions), len(e.actors), len(e.places))
	}
	e.Observe(Act{Session: id(1), Professional: id(1), At: morning.Add(49 * time.Hour)})
	if len(e.sessions) != 1 || len(e.places) != 1 || len(e.recent) != 1 {
		t.Errorf("two days later %d sessions, %d places and %d people are kept", len(e.sessions), len(e.places), len(e.recent))
	}
}

func TestPolicies(t *testing.T) {
	first := Default(week{})
	later := first.With(Policy{From: carnet.Date{Year: 2027, Month: 1, Day: 1}, Rules: map[Signal]Rule{SessionRate: {Limit: 30, Points: 1}}})
	p := Policies{first, later}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[carnet.Date]int{{Year: 2020, Month: 1, Day: 1}: 60, {Year: 2026, Month: 12, Day: 31}: 60, {Year: 2027, Month: 1, Day: 1}: 30} {
		if got := p.At(day).Rules[SessionRate].Limit; got != want {
			t.Errorf("%s: %d, want %d", day, got, want)
		}
	}
	if later.Rules[NoReading] != first.Rules[NoReading] {
		t.Error("a rule that was not named changed")
	}
	for name, bad := range map[string]Policies{
		"none":         {},
		"out of order": {later, first},
		"no signal":    {first.With(Policy{Rules: map[Signal]Rule{"luck": {Limit: 1, Points: 1}}})},
		"no limit":     {first.With(Policy{Rules: map[Signal]Rule{SessionRate: {Points: 1}}})},
		"share":        {first.With(Policy{Rules: map[Signal]Rule{SessionRate: {Limit: 1, Points: 1, Share: 101}}})},
		"falling":      {first.With(Policy{Scores: Scores{Stop: 1}})},
		"a rate":       {first.With(Policy{Rates: map[string]int{"750000001": 0}})},
		"a time":       {first.With(Policy{Rush: time.Second})},
		"no hours":     {Default(nil)},
	} {
		if bad.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkObserve is what an entry costs the request that made it, when nothing is found, with ten
// thousand sessions under way.
func BenchmarkObserve(b *testing.B) {
	p := Default(week{})
	for s, r := range p.Rules {
		r.Limit = maxLimit
		p.Rules[s] = r
	}
	e := NewEngine(Policies{p})
	people := make([]carnet.ID, 10_000)
	for i := range people {
		people[i] = id(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		who := people[i%len(people)]
		e.Observe(Act{Session: who, Professional: who, Person: people[i*7%len(people)], Dose: who, At: morning.Add(time.Duration(i) * time.Millisecond), Place: "750000001", Seen: Yes, Stocked: Yes})
	}
}
