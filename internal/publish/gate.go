package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

// Gate is what a release must pass: everything that anyone will hold, put together and solved. It knows the true counts,
// so that it can tell what must stay hidden, and looks at the published ones as an attacker does who knows the rules.
//
// Tables are those of the release, with the unpublished ones that say how their territories overlap (every member but
// the totals is private there). Previous are those of the release before: the two are solved together, with the values
// that did not change made equal.
type Gate struct {
	Tables, Previous []*Protected
}

// Rules that a release may break.
const (
	RuleUnique        = "unique"        // a hidden count can be computed
	RulePresent       = "present"       // a hidden count is certainly not zero
	RuleFew           = "few"           // a hidden count is one of three
	RuleThreshold     = "threshold"     // a count below the threshold is shown
	RuleRounding      = "rounding"      // a count is shown with another value than its rounded one
	RuleContradiction = "contradiction" // no counts fit what is shown
	RuleCorrection    = "correction"    // how many persons a correction moved can be known
)

// Finding is one reason not to publish. It says nothing of the true count.
type Finding struct {
	Rule      string   `json:"rule"`
	Dataset   string   `json:"dataset,omitempty"`
	Previous  bool     `json:"previous_release,omitempty"` // a cell of the release before
	Measure   string   `json:"measure,omitempty"`
	Family    string   `json:"family,omitempty"` // week or cumulated
	Week      string   `json:"week,omitempty"`
	Members   []string `json:"members,omitempty"`
	Low, High int32    `json:"-"` // what can be known
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s %s (%s) %s, week to %s", f.Rule, f.Dataset, f.Measure, f.Family, strings.Join(f.Members, ", "), f.Week)
	if f.Previous {
		s += ", of the previous release"
	}
	return s
}

const fewest = 4 // candidates that a hidden count must have

// joint is the system of all tables with where each variable comes from.
type joint struct {
	*system
	tables []*Protected
	base   [][2][]int32 // by table, family, measure: the first variable
	deltas []delta
	tied   map[int32]int32 // a value to the same of the release before, when it did not change
}

// delta is what a correction changed in a value between two releases.
type delta struct{ variable, of int32 }

func (g *Gate) build() *joint {
	j := &joint{system: newSystem(), tables: slices.Concat(g.Tables, g.Previous), tied: map[int32]int32{}}
	j.base = make([][2][]int32, len(j.tables))
	for n, t := range j.tables {
		for f := range families {
			for m := range t.Measures {
				j.base[n][f] = append(j.base[n][f], int32(len(j.lo)))
				shown, status := t.Shown[f][m], t.Status[f][m]
				for i, r := range shown {
					switch {
					case r != Secret:
						j.variable(t.Policy.window(r))
					case status[i] == Small:
						j.variable(0, int32(t.Policy.Threshold)-1)
					default:
						j.variable(0, unbounded)
					}
				}
				j.treeSums(t, j.base[n][f][m])
			}
		}
		for m := range t.Measures {
			j.seriesSums(t, j.base[n][weekly][m], j.base[n][cumulated][m])
		}
	}
	j.link(0, len(g.Tables))
	j.link(len(g.Tables), len(j.tables))
	j.previous(len(g.Tables))
	return j
}

// treeSums states that totals are the sums of their parts, on every axis.
func (j *joint) treeSums(t *Protected, base int32) {
	cells, strides := t.Cells(), t.strides()
	for axis, tree := range t.Trees {
		for total, parts := range tree.children() {
			if len(parts) == 0 {
				continue
			}
			terms := make([]int32, len(parts))
			for c := range cells {
				if c/strides[axis]%len(tree.Members) != total {
					continue
				}
				for w := range t.Weeks {
					for i, p := range parts {
						terms[i] = base + int32(w*cells+c+(p-total)*strides[axis])
					}
					j.sum(base+int32(w*cells+c), terms...)
				}
			}
		}
	}
}

// seriesSums states that a cumulated value is the one of the week before and the week.
func (j *joint) seriesSums(t *Protected, week, sum int32) {
	cells := int32(t.Cells())
	for i := range cells * int32(len(t.Weeks)) {
		if i < cells {
			j.sum(sum+i, week+i)
		} else {
			j.sum(sum+i, sum+i-cells, week+i)
		}
	}
}

// key says what a cell is, in every table.
func (t *Table) key(cell int) string {
	var parts []string
	for i, m := range t.Members(cell) {
		if k := t.Trees[i].Members[m].Key; k != "" {
			parts = append(parts, k)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "|")
}

// link makes the cells equal that are the same thing in several tables.
func (j *joint) link(from, to int) {
	if to-from < 2 {
		return
	}
	type place struct{ table, cell int }
	seen := map[string]place{}
	for n := from; n < to; n++ {
		t := j.tables[n]
		for c := range t.Cells() {
			k := t.key(c)
			p, ok := seen[k]
			if !ok {
				seen[k] = place{n, c}
				continue
			}
			other := j.tables[p.table]
			if p.table == n {
				continue
			}
			for m, measure := range t.Measures {
				om := slices.IndexFunc(other.Measures, func(o Measure) bool { return o.Name == measure.Name })
				if om < 0 {
					continue
				}
				for w, week := range t.Weeks {
					ow, ok := slices.BinarySearch(other.Weeks, week)
					if !ok {
						continue
					}
					for f := range families {
						j.sum(j.base[n][f][m]+int32(w*t.Cells()+c), j.base[p.table][f][om]+int32(ow*other.Cells()+p.cell))
					}
				}
			}
		}
	}
}

// previous ties each table to itself in the release before: what did not change is equal, what did is a correction.
func (j *joint) previous(from int) {
	for o := from; o < len(j.tables); o++ {
		old := j.tables[o]
		n := slices.IndexFunc(j.tables[:from], func(t *Protected) bool { return t.Dataset == old.Dataset })
		if n < 0 {
			continue
		}
		now := j.tables[n]
		cells := map[string]int{}
		for c := range now.Cells() {
			cells[now.key(c)] = c
		}
		for oc := range old.Cells() {
			c, ok := cells[old.key(oc)]
			if !ok {
				continue
			}
			for om, measure := range old.Measures {
				m := slices.IndexFunc(now.Measures, func(x Measure) bool { return x.Name == measure.Name })
				if m < 0 {
					continue
				}
				for ow, week := range old.Weeks {
					w, ok := slices.BinarySearch(now.Weeks, week)
					if !ok {
						continue
					}
					i, oi := w*now.Cells()+c, ow*old.Cells()+oc
					for f := range families {
						v, ov := j.base[n][f][m]+int32(i), j.base[o][f][om]+int32(oi)
						if now.family(f)[m][i] == old.family(f)[om][oi] {
							j.sum(v, ov)
							j.tied[v] = ov
							continue
						}
						d := j.variable(-unbounded, unbounded)
						j.sum(v, ov, d)
						j.deltas = append(j.deltas, delta{d, v})
					}
				}
			}
		}
	}
}

// place finds where a variable comes from.
func (j *joint) place(v int32) (table, f, measure, index int) {
	for n, t := range j.tables {
		for f := range families {
			for m, base := range j.base[n][f] {
				if v >= base && int(v-base) < len(t.Counts[m]) {
					return n, f, m, int(v - base)
				}
			}
		}
	}
	return -1, 0, 0, 0
}

func (j *joint) finding(rule string, v int32, current int) Finding {
	n, f, m, i := j.place(v)
	t := j.tables[n]
	out := Finding{Rule: rule, Dataset: t.Dataset, Previous: n >= current, Measure: t.Measures[m].Name, Family: families[f], Week: t.Weeks[i/t.Cells()], Low: j.lo[v], High: j.hi[v]}
	for a, member := range t.Members(i % t.Cells()) {
		out.Members = append(out.Members, t.Trees[a].Members[member].Code)
	}
	return out
}

// broken is the rule that a solved variable breaks, when its true count must stay hidden.
func broken(lo, hi int32) string {
	switch {
	case lo == hi:
		return RuleUnique
	case lo >= 1:
		return RulePresent
	case hi-lo+1 < fewest:
		return RuleFew
	}
	return ""
}

// leaks lists the variables that the solved system gives away.
func (j *joint) leaks() (out []int32) {
	for n, t := range j.tables {
		for f := range families {
			for m, values := range t.family(f) {
				for i, count := range values {
					if count < int32(t.Policy.Threshold) && t.Shown[f][m][i] == Secret {
						if v := j.base[n][f][m] + int32(i); broken(j.lo[v], j.hi[v]) != "" {
							out = append(out, v)
						}
					}
				}
			}
		}
	}
	return out
}

// Check looks at everything and lists the reasons not to publish, none when there are none.
func (g *Gate) Check(ctx context.Context) ([]Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := g.rules()
	j := g.build()
	if !j.solve() {
		return append(out, Finding{Rule: RuleContradiction}), nil
	}
	for _, v := range j.leaks() {
		out = append(out, j.finding(broken(j.lo[v], j.hi[v]), v, len(g.Tables)))
	}
	for _, d := range j.deltas {
		if j.hi[d.variable]-j.lo[d.variable]+1 < fewest {
			out = append(out, j.finding(RuleCorrection, d.of, len(g.Tables)))
		}
	}
	return out, nil
}

// rules checks what is shown against the true counts, value by value.
func (g *Gate) rules() (out []Finding) {
	for _, t := range g.Tables {
		cells := t.Cells()
		for f := range families {
			for m, values := range t.family(f) {
				for i, r := range t.Shown[f][m] {
					rule := ""
					switch {
					case r == Secret:
					case values[i] < int32(t.Policy.Threshold) || t.neverShown[i%cells] || t.withheld[i%cells]:
						rule = RuleThreshold
					case r != t.Policy.Round(values[i]):
						rule = RuleRounding
					}
					if rule != "" {
						x := Finding{Rule: rule, Dataset: t.Dataset, Measure: t.Measures[m].Name, Family: families[f], Week: t.Weeks[i/cells]}
						for a, member := range t.Members(i % cells) {
							x.Members = append(x.Members, t.Trees[a].Members[member].Code)
						}
						out = append(out, x)
					}
				}
			}
		}
	}
	return out
}

// Repair hides more values until the gate finds nothing, or until it knows nothing more to hide. Each time it hides the
// least count among those that gave a hidden one away. It returns how many values were hidden.
func (g *Gate) Repair(ctx context.Context) (hidden int, err error) {
	g.keepHidden()
	j := g.build()
	lo, hi := slices.Clone(j.lo), slices.Clone(j.hi)
	for range 500 {
		if err := ctx.Err(); err != nil {
			return hidden, err
		}
		copy(j.lo, lo)
		copy(j.hi, hi)
		if !j.solve() {
			return hidden, carnet.E("publish.Repair", carnet.Conflict, "publish.contradiction", nil)
		}
		leaks := j.leaks()
		if len(leaks) == 0 {
			return hidden, nil
		}
		done := map[int32]bool{} // values that are hidden in this round
		before := hidden
		for _, v := range leaks {
			if u := j.culprit(v, len(g.Tables), done); u >= 0 && !done[u] {
				done[u] = true
				n, f, m, i := j.place(u)
				g.Tables[n].hide(f, m, i)
				lo[u], hi[u] = 0, unbounded
				hidden++
			}
		}
		if hidden == before {
			return hidden, nil // Check tells what is left
		}
	}
	return hidden, nil
}

// keepHidden hides again what the release before hid to protect others.
func (g *Gate) keepHidden() {
	for _, old := range g.Previous {
		n := slices.IndexFunc(g.Tables, func(t *Protected) bool { return t.Dataset == old.Dataset })
		if n < 0 {
			continue
		}
		now := g.Tables[n]
		cells := map[string]int{}
		for c := range now.Cells() {
			cells[now.key(c)] = c
		}
		for f := range families {
			for om, measure := range old.Measures {
				m := slices.IndexFunc(now.Measures, func(x Measure) bool { return x.Name == measure.Name })
				for oi, status := range old.Status[f][om] {
					if status != Secondary || m < 0 {
						continue
					}
					c, ok := cells[old.key(oi%old.Cells())]
					w, found := slices.BinarySearch(now.Weeks, old.Weeks[oi/old.Cells()])
					if i := w*now.Cells() + c; ok && found && now.Shown[f][m][i] != Secret {
						now.hide(f, m, i)
					}
				}
			}
		}
	}
}

// culprit is the shown value whose secrecy helps a variable that is given away: the least one in the sums that bound it,
// or in those that bound the others of these sums, the nearest first. It is one that was hidden in this round when there
// is one as near, and -1 when there is none.
func (j *joint) culprit(v int32, current int, done map[int32]bool) int32 {
	type candidate struct {
		v, count int32
		family   int
	}
	seen := map[int32]bool{v: true}
	const far = 5000 // variables looked at
	for level := []int32{v}; len(level) > 0 && len(seen) < far; {
		var found []candidate
		var next []int32
		for _, v := range level {
			for _, s := range j.sumsOf(v) {
				lo, hi := j.implied(s, v)
				if !(lo >= int64(j.lo[v]) && j.lo[v] > 0) && !(hi <= int64(j.hi[v]) && hi < unbounded) {
					continue // it does not bound v
				}
				for _, u := range j.terms[j.start[s]:j.start[s+1]] {
					if seen[u] {
						continue
					}
					if done[u] {
						return u
					}
					n, f, m, i := j.place(u)
					if n >= 0 && n < current && j.tables[n].Shown[f][m][i] != Secret && !j.known(u) {
						found = append(found, candidate{u, j.tables[n].family(f)[m][i], f})
					}
					seen[u] = true
					next = append(next, u)
				}
			}
		}
		if len(found) > 0 {
			return slices.MinFunc(found, func(a, b candidate) int {
				return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(b.family, a.family), cmp.Compare(a.v, b.v))
			}).v
		}
		level = next
	}
	return -1
}

// known says that a value is known from the release before: hiding it now hides nothing.
func (j *joint) known(v int32) bool {
	old, ok := j.tied[v]
	if !ok {
		return false
	}
	n, f, m, i := j.place(old)
	return j.tables[n].Shown[f][m][i] != Secret
}
