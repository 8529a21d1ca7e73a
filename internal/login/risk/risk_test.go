package risk

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func number(n int) [16]byte { return [16]byte{1, byte(n), byte(n >> 8)} }

func TestAssess(t *testing.T) {
	me := number(1)
	ago := func(d time.Duration, kind Kind, n [16]byte, country string, took time.Duration) Event {
		return Event{At: start.Add(-d), Kind: kind, Number: n, Country: country, Took: took}
	}
	refused := func(d time.Duration, n [16]byte) Event { return ago(d, Refused, n, "FR", 0) }
	human := 9 * time.Second
	spray := func(n int) (list []Event) {
		for i := range n {
			list = append(list, ago(time.Minute, Expired, number(10+i), "FR", 0))
		}
		return list
	}
	for name, c := range map[string]struct {
		mine, network []Event
		want          []string
	}{
		"nothing":                           {nil, nil, nil},
		"one refusal":                       {[]Event{refused(time.Minute, me)}, nil, nil},
		"two refusals":                      {[]Event{refused(time.Minute, me), ago(9*time.Minute, Expired, me, "FR", 0)}, nil, []string{Repeated}},
		"two refusals, too long ago":        {[]Event{refused(time.Minute, me), refused(Window, me)}, nil, nil},
		"events of the future do not count": {[]Event{refused(-time.Minute, me), refused(-time.Minute, me)}, nil, nil},
		"another country":                   {[]Event{ago(59*time.Minute, Approved, me, "BE", human)}, nil, []string{Travelling}},
		"another country, an hour ago":      {[]Event{ago(time.Hour, Approved, me, "BE", human)}, nil, nil},
		"a country that nobody knows":       {[]Event{ago(time.Minute, Approved, me, "", human)}, nil, nil},
		"the same country":                  {[]Event{ago(time.Minute, Approved, me, "FR", human)}, nil, nil},
		"refused in another country":        {[]Event{ago(time.Minute, Refused, me, "BE", 0)}, nil, nil},
		"four other numbers":                {nil, spray(4), []string{Spraying}},
		"three other numbers":               {nil, spray(3), nil},
		"four others who then got in": {nil, append(spray(4), ago(0, Approved, number(10), "FR", human), ago(0, Approved, number(11), "FR", human)),
			nil},
		"one's own number is no spray": {nil, []Event{refused(time.Minute, me), refused(2*time.Minute, me), refused(3*time.Minute, me), refused(4*time.Minute, me)}, nil},
		"too fast":                     {[]Event{ago(time.Hour, Approved, me, "FR", TooFast-time.Millisecond)}, nil, []string{Hasty}},
		"fast, and long ago":           {[]Event{ago(LookBack, Approved, me, "FR", time.Second)}, nil, nil},
		"as fast as a human":           {[]Event{ago(time.Hour, Approved, me, "FR", TooFast)}, nil, nil},
		"all of it": {[]Event{refused(time.Minute, me), refused(time.Minute, me), ago(time.Minute, Approved, me, "BE", time.Second)}, spray(9),
			[]string{Repeated, Travelling, Spraying, Hasty}},
	} {
		if got := Assess(Request{At: start, Number: me, Country: "FR"}, c.mine, c.network); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// trace is a stretch of requests, as they would come one after another.
type trace struct {
	events map[[16]byte][]Event // by number
	nets   map[int][]Event
}

// ask assesses a request and then notes how it ended.
func (tr *trace) ask(at time.Time, n [16]byte, net int, country string, kind Kind, took time.Duration) []string {
	// Some are noted before others that they follow: all are looked at.
	recent := func(list []Event, d time.Duration) (out []Event) {
		for _, e := range list {
			if e.At.After(at.Add(-d)) && !e.At.After(at) {
				out = append(out, e)
			}
		}
		return out
	}
	why := Assess(Request{At: at, Number: n, Country: country}, recent(tr.events[n], LookBack), recent(tr.nets[net], Window))
	e := Event{At: at.Add(took), Kind: kind, Number: n, Country: country, Took: took}
	tr.events[n], tr.nets[net] = append(tr.events[n], e), append(tr.nets[net], e)
	return why
}

// TestTraces replays invented days (R19): a month of 600 professionals at 20 places, who err as
// people do, and attacks on them. Every attack is seen; how many honest requests are slowed down
// is measured.
func TestTraces(t *testing.T) {
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	tr := &trace{map[[16]byte][]Event{}, map[int][]Event{}}
	requests, slowed := 0, map[string]int{}
	any := 0
	type visit struct {
		at      time.Time
		n, net  int
		country string
	}
	for day := range 30 {
		var list []visit
		for n := range 600 {
			if random.IntN(7) < 2 { // does not work that day
				continue
			}
			morning := start.AddDate(0, 0, day).Add(time.Duration(random.IntN(1800)) * time.Second) // all within half an hour
			net, country := n%20, "FR"
			list = append(list, visit{morning, n, net, country})
			for k := range random.IntN(4) { // four hours, or a pause of more than fifteen minutes
				list = append(list, visit{morning.Add(time.Duration(k+1)*2*time.Hour + time.Duration(random.IntN(3600))*time.Second), n, net, country})
			}
			if n%100 == 0 { // lives across a border
				list = append(list, visit{morning.Add(10*time.Hour + time.Duration(random.IntN(5400))*time.Second), n, 50 + n%20, "BE"})
			}
		}
		slices.SortFunc(list, func(a, b visit) int { return a.at.Compare(b.at) })
		for _, v := range list {
			at := v.at
			// Until it works: one in twenty-five is not answered in time, one in a hundred refused by
			// mistake, and whoever missed it tries again soon.
			for try := 0; try < 4; try++ {
				kind, took := Approved, time.Duration(4000+random.IntN(20000))*time.Millisecond
				switch p := random.IntN(100); {
				case p < 4:
					kind, took = Expired, 2*time.Minute
				case p < 5:
					kind, took = Refused, 10*time.Second
				}
				requests++
				if why := tr.ask(at, number(v.n), v.net, v.country, kind, took); len(why) > 0 {
					any++
					for _, w := range why {
						slowed[w]++
					}
				}
				if kind == Approved {
					break
				}
				at = at.Add(took + time.Duration(5+random.IntN(60))*time.Second)
			}
		}
	}
	t.Logf("%d honest requests, %d slowed down (%.2f %%): %v", requests, any, 100*float64(any)/float64(requests), slowed)
	if rate := float64(any) / float64(requests); requests < 30_000 || rate > 0.01 {
		t.Errorf("%d requests, %.2f %% slowed down", requests, 100*rate)
	}
	night := start.AddDate(0, 0, 30).Add(18 * time.Hour)
	attack := func(name, want string, by int, steps func(yield func(at time.Time, n, net int, country string, kind Kind, took time.Duration) []string)) {
		i := 0
		seen := 0
		steps(func(at time.Time, n, net int, country string, kind Kind, took time.Duration) []string {
			i++
			why := tr.ask(at, number(n), net, country, kind, took)
			if slices.Contains(why, want) && seen == 0 {
				seen = i
			}
			return why
		})
		if seen == 0 || seen > by {
			t.Errorf("%s: seen at request %d, want by %d", name, seen, by)
		}
	}
	attack("notifications all night", Repeated, 3, func(yield func(time.Time, int, int, string, Kind, time.Duration) []string) {
		for k := range 30 {
			yield(night.Add(time.Duration(k)*2*time.Minute), 7, 90, "FR", Refused, 20*time.Second)
		}
	})
	attack("one request for each of many", Spraying, 5, func(yield func(time.Time, int, int, string, Kind, time.Duration) []string) {
		for k := range 40 {
			yield(night.Add(time.Duration(k)*15*time.Second), 100+k, 91, "FR", Expired, time.Second)
		}
	})
	attack("approved by a program", Hasty, 2, func(yield func(time.Time, int, int, string, Kind, time.Duration) []string) {
		yield(night, 8, 92, "FR", Approved, 800*time.Millisecond)
		yield(night.Add(time.Hour), 8, 92, "FR", Approved, 900*time.Millisecond)
	})
	attack("from two countries", Travelling, 2, func(yield func(time.Time, int, int, string, Kind, time.Duration) []string) {
		yield(night, 9, 9, "FR", Approved, 8*time.Second)
		yield(night.Add(20*time.Minute), 9, 93, "BE", Approved, 8*time.Second)
	})
}
