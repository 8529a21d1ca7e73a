package fraud

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"carnet/internal/carnet"
)

var update = flag.Bool("update", false, "write the golden file")

// scene makes the acts of one day.
type scene struct {
	r     *rand.Rand
	acts  []Act
	had   []Issue
	facts map[carnet.ID]Facts
	next  int
}

func newScene(seed uint64) *scene {
	return &scene{r: rand.New(rand.NewPCG(seed, 2026)), facts: map[carnet.ID]Facts{}, next: 1}
}

func (s *scene) id() carnet.ID { s.next++; return id(s.next) }

func (s *scene) chance(percent int) bool { return s.r.IntN(100) < percent }

// session opens a session of a professional.
func (s *scene) session(f Facts) carnet.ID {
	id := s.id()
	s.facts[id] = f
	return id
}

var usual = Facts{NewDevice: No, NewPlace: No}

// enter adds a dose of today; asks is the chance that the person has the certificate within ten minutes.
func (s *scene) enter(a Act, asks int) Act {
	if a.Person.IsZero() {
		a.Person = s.id()
	}
	a.Event, a.Dose = s.id(), s.id()
	if a.On.IsZero() {
		a.On = carnet.DateOf(a.At)
	}
	s.acts = append(s.acts, a)
	if s.chance(asks) {
		s.had = append(s.had, Issue{a.Person, a.At.Add(time.Duration(60+s.r.IntN(500)) * time.Second)})
	}
	return a
}

// ordinary is an entry of somebody who works as usual.
func (s *scene) ordinary(a Act) Act {
	a.Seen, a.Stocked, a.Drawn = answer(!s.chance(2)), answer(!s.chance(1)), 40+s.r.IntN(77) // seven doses out of a vial of six
	return a
}

// centre is a day of 600 people, 6 lines, 12 delegates for 3 doctors, one hour of outage on paper.
func (s *scene) centre() {
	doctors := []carnet.ID{s.id(), s.id(), s.id()}
	type line struct {
		session, delegate, doctor carnet.ID
	}
	outage := 8 + s.r.IntN(10)
	for half := range 3 { // sessions last four hours at most
		var lines []line
		for i := range 6 {
			lines = append(lines, line{s.session(usual), s.id(), doctors[i/2]})
		}
		n := 200
		for i := range n {
			l := lines[s.r.IntN(len(lines))]
			at := morning.Add(-time.Hour + time.Duration(half)*4*time.Hour + time.Duration(s.r.IntN(235))*time.Minute)
			a := s.ordinary(Act{Session: l.session, Professional: l.doctor, Delegate: l.delegate, Place: "750000001", At: at, Person: s.id()})
			if at.In(carnet.Paris).Hour() == outage {
				a.Form, a.At = true, at.Truncate(time.Hour).Add(time.Hour+time.Duration(i%60)*15*time.Second)
			}
			a.Elsewhere = s.chance(3)
			s.enter(a, 25)
		}
	}
}

// practice is a doctor with thirty people in a day.
func (s *scene) practice() {
	doctor, session := s.id(), s.session(usual)
	for range 30 {
		s.enter(s.ordinary(Act{Session: session, Professional: doctor, Place: "750000002", At: morning.Add(time.Duration(s.r.IntN(235)) * time.Minute)}), 20)
	}
}

// home is a mobile team in a care home, on a new computer, on a first day there: 90 people in a morning.
func (s *scene) home() {
	nurse, session := s.id(), s.session(Facts{NewDevice: Yes, NewPlace: Yes})
	for range 90 {
		s.enter(s.ordinary(Act{Session: session, Professional: nurse, Place: "750000003", At: morning.Add(time.Duration(s.r.IntN(180)) * time.Minute)}), 5)
	}
}

// campus is students who bring the proof of doses that they had abroad.
func (s *scene) campus() {
	doctor, session := s.id(), s.session(usual)
	for range 50 {
		a := s.ordinary(Act{Session: session, Professional: doctor, Place: "750000004", At: morning.Add(time.Duration(s.r.IntN(230)) * time.Minute), Person: s.id()})
		for range 1 + s.r.IntN(2) {
			b := a
			b.Elsewhere, b.On, b.Stocked, b.Drawn = true, carnet.DateOf(a.At).AddDays(-60), Unknown, 0
			s.enter(b, 10)
		}
		if s.chance(40) {
			s.enter(a, 25)
		}
	}
}

// late is a nurse who enters yesterday's home visits in the evening.
func (s *scene) late() {
	nurse, session := s.id(), s.session(usual)
	for i := range 14 {
		a := s.ordinary(Act{Session: session, Professional: nurse, Place: "750000005", At: morning.Add(11*time.Hour + time.Duration(i*3)*time.Minute)})
		a.On = carnet.DateOf(a.At).AddDays(-1)
		s.enter(a, 10)
	}
}

// hijacked is the account of August 2021: 178 people in one night, from another computer.
func (s *scene) hijacked() {
	doctor, session := s.id(), s.session(Facts{NewDevice: Yes, NewPlace: No})
	at := morning.Add(13 * time.Hour)
	for range 178 {
		at = at.Add(time.Duration(40+s.r.IntN(50)) * time.Second)
		s.enter(Act{Session: session, Professional: doctor, Place: "750000002", At: at, Seen: answer(s.chance(30)), Stocked: answer(s.chance(30)), Drawn: 60}, 90)
	}
}

// shared is the code of one doctor in the hands of five clerks, who type as themselves: an ordinary day but for that.
func (s *scene) shared() {
	doctor := s.id()
	for range 5 {
		session := s.session(usual)
		for range 70 {
			s.enter(s.ordinary(Act{Session: session, Professional: doctor, Place: "750000001", At: morning.Add(time.Duration(s.r.IntN(235)) * time.Minute)}), 25)
		}
	}
}

// accomplice is a clerk who sells full courses between two honest entries: a dose of today and one of three weeks ago.
func (s *scene) accomplice() {
	doctor, clerk, session := s.id(), s.id(), s.session(usual)
	for i := range 60 {
		at := morning.Add(time.Duration(i*4) * time.Minute)
		a := Act{Session: session, Professional: doctor, Delegate: clerk, Place: "750000001", At: at, Person: s.id()}
		s.enter(s.ordinary(a), 25)
		if i%6 == 3 {
			sold := Act{Session: session, Professional: doctor, Delegate: clerk, Place: "750000001", At: at.Add(time.Minute), Person: s.id(), Seen: Yes, Stocked: Yes, Drawn: 80}
			second := sold
			second.On, second.At = carnet.DateOf(at).AddDays(-21), sold.At.Add(30*time.Second)
			s.enter(sold, 0)
			s.enter(second, 95)
		}
	}
}

// patient is a thief who takes time: eight people an hour, by day, lots of the place, records opened.
func (s *scene) patient() {
	doctor, session := s.id(), s.session(Facts{NewDevice: Yes, NewPlace: No})
	for i := range 30 {
		s.enter(Act{Session: session, Professional: doctor, Place: "750000002", At: morning.Add(time.Duration(i*7+s.r.IntN(5)) * time.Minute), Seen: Yes, Stocked: Yes, Drawn: 70 + i*5}, 90)
	}
}

// result is what became of the sessions of a scene.
type result struct {
	sessions int
	worst    map[Step]int // sessions by the furthest step that they reached
	first    []int        // entries before the first step-up, of the sessions that reached it
	stopped  []int        // entries before the stop
	signals  map[Signal]int
}

// play runs a scene through an engine, as the watch would.
func (s *scene) play(out *result) {
	e := NewEngine(Policies{Default(week{})})
	slices.SortStableFunc(s.acts, func(a, b Act) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(s.had, func(a, b Issue) int { return a.At.Compare(b.At) })
	entries, reached, up, stop := map[carnet.ID]int{}, map[carnet.ID]Step{}, map[carnet.ID]int{}, map[carnet.ID]int{}
	take := func(found []Finding) {
		for _, f := range found {
			out.signals[f.Signal]++
			if rank(f.Step) > rank(reached[f.Session]) {
				reached[f.Session] = f.Step
			}
			if _, ok := up[f.Session]; !ok && rank(f.Step) >= rank(StepUp) {
				up[f.Session] = entries[f.Session]
			}
			if _, ok := stop[f.Session]; !ok && f.Step == Stop {
				stop[f.Session] = entries[f.Session]
			}
		}
	}
	for _, a := range s.acts {
		for len(s.had) > 0 && s.had[0].At.Before(a.At) {
			take(e.Certified(s.had[0].Person, s.had[0].At))
			s.had = s.had[1:]
		}
		if e.Fresh(a.Session) {
			e.Learn(a.Session, a.At, s.facts[a.Session])
		}
		entries[a.Session]++
		take(e.Observe(a))
	}
	for session := range s.facts {
		out.sessions++
		out.worst[reached[session]]++
		if n, ok := up[session]; ok {
			out.first = append(out.first, n)
		}
		if n, ok := stop[session]; ok {
			out.stopped = append(out.stopped, n)
		}
	}
}

func median(list []int) string {
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	return fmt.Sprint(list[len(list)/2])
}

// TestSimulation measures the default limits: how often an honest session is asked for something,
// and how soon an attack is. The days are seeded; the table is docs/fraud.md's.
func TestSimulation(t *testing.T) {
	const days = 100
	var table bytes.Buffer
	fmt.Fprintf(&table, "%-12s %8s %8s %8s %8s %8s %8s %8s  %s\n", "scene", "sessions", "nothing", "note", "step-up", "second", "pause", "stop", "entries before the first question / the stop (median)")
	results := map[string]*result{}
	for _, c := range []struct {
		name string
		make func(*scene)
	}{
		{"centre", (*scene).centre}, {"practice", (*scene).practice}, {"care home", (*scene).home}, {"campus", (*scene).campus}, {"late visits", (*scene).late},
		{"hijacked", (*scene).hijacked}, {"shared code", (*scene).shared}, {"accomplice", (*scene).accomplice}, {"patient", (*scene).patient},
	} {
		out := &result{worst: map[Step]int{}, signals: map[Signal]int{}}
		results[c.name] = out
		for seed := range uint64(days) {
			s := newScene(seed)
			c.make(s)
			s.play(out)
		}
		t.Log(c.name, out.signals)
		fmt.Fprintf(&table, "%-12s %8d", c.name, out.sessions)
		for _, step := range Steps {
			fmt.Fprintf(&table, " %8d", out.worst[step])
		}
		fmt.Fprintf(&table, "  %s / %s\n", median(out.first), median(out.stopped))
	}
	t.Logf("\n%s", &table)
	for _, honest := range []string{"centre", "practice", "care home", "campus", "late visits"} {
		r := results[honest]
		if n := r.worst[Second] + r.worst[Pause] + r.worst[Stop]; n > 0 {
			t.Errorf("%s: %d honest sessions wait for somebody else", honest, n)
		}
		if n := r.worst[StepUp]; n*50 > r.sessions {
			t.Errorf("%s: %d of %d honest sessions authenticate again", honest, n, r.sessions)
		}
	}
	for _, attack := range []string{"hijacked", "shared code", "accomplice"} {
		if r := results[attack]; r.worst[None]+r.worst[Note] > r.sessions/20 {
			t.Errorf("%s: %d of %d sessions are asked nothing", attack, r.worst[None]+r.worst[Note], r.sessions)
		}
	}
	if r := results["hijacked"]; r.worst[Stop] != r.sessions {
		t.Errorf("hijacked: only %d of %d are stopped", r.worst[Stop], r.sessions)
	}
	golden := filepath.Join("testdata", "simulation.txt")
	if *update {
		if err := os.WriteFile(golden, table.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(want, table.Bytes()) {
		t.Errorf("the table is not that of %s (-update writes it): %v", golden, err)
	}
}
