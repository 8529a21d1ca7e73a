package fraud

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"carnet/internal/carnet"
)

// Known is an answer that may be missing.
type Known int8

// The three answers.
const (
	Unknown Known = iota
	No
	Yes
)

// answer is Yes or No.
func answer(b bool) Known {
	if b {
		return Yes
	}
	return No
}

// Act is one entry that was committed: a dose that certificates can be made of.
type Act struct {
	Event        carnet.ID
	Session      carnet.ID // of a program that enters without a session: of its token
	Professional carnet.ID // who answers for it
	Delegate     carnet.ID
	Person, Dose carnet.ID
	At           time.Time
	On           carnet.Date // of the injection
	Place        string      // FINESS
	Form         bool        // typed from a paper form with a serial number of the place
	Elsewhere    bool        // given elsewhere, on proof

	Seen    Known // the person's record was on the screen before, for long enough to be read
	Stocked Known // the place has the lot
	Drawn   int   // doses of the lot that the place recorded, this one too, in percent of what it received; 0 when not known
}

// Facts is what a session brings with it.
type Facts struct {
	NewDevice Known // the browser had never opened a session of this professional
	NewPlace  Known // the professional entered nothing at the place before today
}

const (
	buckets     = 12
	bucket      = 5 * time.Minute
	tiers       = 4 // at the limit, twice, four and eight times the limit
	together    = 15 * time.Minute
	hour        = buckets * bucket
	forgetAfter = 24 * time.Hour
	maxSessions = 50_000
	maxOthers   = 50_000 // professionals, and places
	maxRecent   = 200_000
)

// ring counts what happened in the last hour, by five minutes.
type ring struct {
	last int64 // number of the newest bucket
	n    [buckets]uint32
}

// add counts one at a time and gives the sum of the hour that ends with its bucket. What comes a
// little late is counted in its own bucket; what is older than the hour is not.
func (r *ring) add(at time.Time) int {
	b := at.Unix() / int64(bucket/time.Second)
	for ; r.last < b; r.last++ {
		if b-r.last > buckets {
			r.last = b - buckets
		}
		r.n[(r.last+1)%buckets] = 0
	}
	if r.last-b < buckets {
		r.n[b%buckets]++
	}
	sum := 0
	for _, n := range r.n {
		sum += int(n)
	}
	return sum
}

// group is what is counted of a professional or of a place.
type group struct {
	rate      ring
	last      time.Time
	sessions  map[carnet.ID]time.Time // in the professional's own name, with the last entry
	delegates map[carnet.ID]time.Time
}

// session is what is counted of a session.
type session struct {
	rate               ring
	last               time.Time
	facts              Facts
	asked              bool // facts were asked for
	professional       carnet.ID
	delegate           carnet.ID
	place              string
	acts, odd, form    int
	read, unread       int
	stocked, unstocked int
	backdated, abroad  int
	cycles             int
	rushed, refused    int
	people             map[carnet.ID]int // doses of each that were given here
	tier               map[Signal]int
	muted              map[Signal]int // tiers that staff have explained
}

// Engine counts acts and says what crosses a limit. It is not safe for concurrent use: a [Watch] is.
type Engine struct {
	policies Policies
	sessions map[carnet.ID]*session
	actors   map[carnet.ID]*group
	places   map[string]*group
	recent   map[carnet.ID]entered // people, for as long as a certificate of theirs would be rushed
	order    []carnet.ID           // of recent, oldest first
	swept    time.Time
}

type entered struct {
	session carnet.ID
	at      time.Time
}

// NewEngine returns an engine that has seen nothing.
func NewEngine(p Policies) *Engine {
	return &Engine{policies: p, sessions: map[carnet.ID]*session{}, actors: map[carnet.ID]*group{}, places: map[string]*group{}, recent: map[carnet.ID]entered{}}
}

// Fresh reports that nothing is known of a session yet: its facts are wanted.
func (e *Engine) Fresh(id carnet.ID) bool {
	s := e.sessions[id]
	return s == nil || !s.asked
}

// Learn tells what a session brings with it.
func (e *Engine) Learn(id carnet.ID, at time.Time, f Facts) {
	s := e.session(id, at)
	s.facts, s.asked = f, true
}

func (e *Engine) session(id carnet.ID, at time.Time) *session {
	s := e.sessions[id]
	if s == nil {
		s = &session{people: map[carnet.ID]int{}, tier: map[Signal]int{}, muted: map[Signal]int{}}
		e.sessions[id] = s
	}
	s.last = later(s.last, at)
	return s
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Observe counts an act and returns what it makes cross a limit, at most one finding for each
// signal. The findings have no id.
func (e *Engine) Observe(a Act) []Finding {
	e.sweep(a.At)
	p := e.policies.At(carnet.DateOf(a.At))
	s := e.session(a.Session, a.At)
	s.professional, s.delegate, s.place = a.Professional, a.Delegate, a.Place
	actor, place := e.group(a.Professional, a.At), e.groupOf(a.Place, a.At)
	values := map[Signal]int{}
	s.acts++
	if a.Form {
		s.form++ // paper of an outage is typed as fast as one can
	} else {
		values[SessionRate] = s.rate.add(a.At)
		values[ProfessionalRate] = actor.rate.add(a.At)
		values[PlaceRate] = place.rate.add(a.At)
		if !p.open(a.Place, a.At) {
			s.odd++
		}
		if !a.Elsewhere && a.On.Before(carnet.DateOf(a.At)) {
			s.backdated++
		}
	}
	if a.Elsewhere {
		s.abroad++
	} else if s.people[a.Person]++; s.people[a.Person] == 2 && !a.Form {
		s.cycles++
	}
	tell(a.Seen, &s.read, &s.unread)
	tell(a.Stocked, &s.stocked, &s.unstocked)
	values[OddHours], values[Backdated], values[Elsewhere], values[Cycles] = s.odd, s.backdated, s.abroad, s.cycles
	values[NoReading], values[NoStock], values[LotOverdrawn] = s.unread, s.unstocked, a.Drawn
	if s.facts.NewDevice == Yes {
		values[UnknownDevice] = 1
	}
	if s.facts.NewPlace == Yes {
		values[NewPlace] = s.acts
	}
	if a.Delegate.IsZero() {
		values[Parallel] = count(&actor.sessions, a.Session, a.At, together)
	} else {
		values[Delegates] = count(&actor.delegates, a.Delegate, a.At, hour)
	}
	e.remember(a)
	return e.judge(p, s, a.Session, a.At, values)
}

// tell counts a known answer.
func tell(k Known, yes, no *int) {
	switch k {
	case Yes:
		*yes++
	case No:
		*no++
	}
}

// count notes who acted when, and gives how many did within a time.
func count(of *map[carnet.ID]time.Time, who carnet.ID, at time.Time, within time.Duration) int {
	if *of == nil {
		*of = map[carnet.ID]time.Time{}
	}
	(*of)[who] = at
	maps.DeleteFunc(*of, func(_ carnet.ID, last time.Time) bool { return at.Sub(last) > within })
	return len(*of)
}

// Certified notes that a person was handed a certificate.
func (e *Engine) Certified(person carnet.ID, at time.Time) []Finding {
	p := e.policies.At(carnet.DateOf(at))
	was, ok := e.recent[person]
	if s := e.sessions[was.session]; ok && s != nil && at.Sub(was.at) < p.Rush {
		delete(e.recent, person) // once, whatever is downloaded again
		s.rushed++
		return e.judge(p, s, was.session, at, map[Signal]int{CertificateRush: s.rushed})
	}
	return nil
}

// Refused notes that a request of a session was refused because there were too many.
func (e *Engine) Refused(id, professional, delegate carnet.ID, place string, at time.Time) []Finding {
	s := e.session(id, at)
	s.professional, s.delegate, s.place = professional, delegate, place
	s.refused++
	return e.judge(e.policies.At(carnet.DateOf(at)), s, id, at, map[Signal]int{Excess: s.refused})
}

// judge compares the values of the moment with the limits.
func (e *Engine) judge(p Policy, s *session, id carnet.ID, at time.Time, values map[Signal]int) []Finding {
	var found []Finding
	for _, signal := range Signals {
		value, ok := values[signal]
		if !ok {
			continue
		}
		rule := p.Rules[signal]
		if own, ok := p.Rates[s.place]; ok && signal == PlaceRate {
			rule.Limit = own
		}
		if of := s.of(signal); rule.Share > 0 && of > 0 && value*100 < rule.Share*of {
			continue
		}
		tier := rule.tier(value)
		if tier <= s.tier[signal] {
			continue
		}
		s.tier[signal] = tier
		found = append(found, Finding{Session: id, Professional: s.professional, Delegate: s.delegate, Place: s.place, At: at, Signal: signal,
			Value: value, Limit: rule.Limit, Points: rule.Points * (tier - s.muted[signal]), Policy: p.From})
	}
	if score := s.score(p); len(found) > 0 {
		for i := range found {
			found[i].Score, found[i].Step = score, p.Step(score)
		}
	}
	return found
}

// of is how many acts a signal could have shown in.
func (s *session) of(signal Signal) int {
	switch signal {
	case NoReading:
		return s.read + s.unread
	case NoStock:
		return s.stocked + s.unstocked
	}
	return s.acts
}

// tier is how many times over the limit a value is: 0 below, 1 from it on, one more at each doubling.
func (r Rule) tier(value int) int {
	if r.Points == 0 || r.Limit < 1 || value < r.Limit {
		return 0
	}
	return min(bits.Len(uint(value/r.Limit)), cmp.Or(r.Times, tiers))
}

func (s *session) score(p Policy) int {
	sum := 0
	for signal, tier := range s.tier {
		sum += p.Rules[signal].Points * max(tier-s.muted[signal], 0)
	}
	return sum
}

// Score is the score of a session by the policy of a day.
func (e *Engine) Score(id carnet.ID, on carnet.Date) int {
	if s := e.sessions[id]; s != nil {
		return s.score(e.policies.At(on))
	}
	return 0
}

// Restore tells the engine what it found before it was started again.
func (e *Engine) Restore(f Finding) {
	s := e.session(f.Session, f.At)
	s.professional, s.delegate, s.place = f.Professional, f.Delegate, f.Place
	p := e.policies.At(carnet.DateOf(f.At))
	rule := p.Rules[f.Signal]
	if f.Limit > 0 {
		rule.Limit = f.Limit
	}
	s.tier[f.Signal] = max(s.tier[f.Signal], rule.tier(f.Value))
	if f.Verdict() == Genuine {
		e.Mute(f)
	}
}

// Mute takes the points of a finding away: staff have explained it.
func (e *Engine) Mute(f Finding) {
	if s := e.sessions[f.Session]; s != nil {
		s.muted[f.Signal] = s.tier[f.Signal]
	}
}

func (e *Engine) group(id carnet.ID, at time.Time) *group {
	g := e.actors[id]
	if g == nil {
		g = &group{}
		e.actors[id] = g
	}
	g.last = later(g.last, at)
	return g
}

func (e *Engine) groupOf(place string, at time.Time) *group {
	g := e.places[place]
	if g == nil {
		g = &group{}
		e.places[place] = g
	}
	g.last = later(g.last, at)
	return g
}

// remember keeps whose dose was entered, for as long as a certificate of theirs would be rushed.
func (e *Engine) remember(a Act) {
	if len(e.order) >= maxRecent {
		delete(e.recent, e.order[0])
		e.order = e.order[1:]
	}
	e.recent[a.Person] = entered{a.Session, a.At}
	e.order = append(e.order, a.Person)
}

// sweep forgets what is over, now and then, and what has been idle longest when there is too much.
func (e *Engine) sweep(at time.Time) {
	if at.Sub(e.swept) < bucket && len(e.sessions) < maxSessions && len(e.actors) < maxOthers && len(e.places) < maxOthers {
		return
	}
	e.swept = at
	maps.DeleteFunc(e.sessions, func(_ carnet.ID, s *session) bool { return at.Sub(s.last) > forgetAfter })
	maps.DeleteFunc(e.actors, func(_ carnet.ID, g *group) bool { return at.Sub(g.last) > hour })
	maps.DeleteFunc(e.places, func(_ string, g *group) bool { return at.Sub(g.last) > hour })
	trim(e.sessions, maxSessions, func(s *session) time.Time { return s.last })
	trim(e.actors, maxOthers, func(g *group) time.Time { return g.last })
	trim(e.places, maxOthers, func(g *group) time.Time { return g.last })
	i := 0
	for ; i < len(e.order); i++ {
		was, ok := e.recent[e.order[i]]
		if ok && at.Sub(was.at) < e.policies.At(carnet.DateOf(at)).Rush {
			break
		}
		delete(e.recent, e.order[i])
	}
	e.order = slices.Clone(e.order[i:])
}

// trim keeps nine tenths of what is too many, the latest.
func trim[K comparable, V any](m map[K]V, most int, last func(V) time.Time) {
	if len(m) < most {
		return
	}
	times := make([]time.Time, 0, len(m))
	for _, v := range m {
		times = append(times, last(v))
	}
	slices.SortFunc(times, time.Time.Compare)
	edge := times[len(times)-most*9/10]
	maps.DeleteFunc(m, func(_ K, v V) bool { return last(v).Before(edge) })
}
