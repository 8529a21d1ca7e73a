package publish_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/publish"
)

// The programs of this file attack published figures. They share no code with the gate: an attacker does not either.

// sheet is a week, department, age and dose table with the sums over ages and over departments.
type sheet struct {
	truth   []int // of the cells
	margins [][]int
}

// attackSheet sums the publication by day to ISO weeks: 38,520 cells.
func attackSheet(t *testing.T, dir string) sheet {
	type cell struct{ week, dep, age, dose string }
	counts := map[cell]int{}
	for _, r := range table(t, filepath.Join(dir, "vacsi_2021-04-21/vacsi-a-dep.csv")) {
		if r["clage_vacsi"] == "0" {
			continue
		}
		d, err := carnet.ParseDate(r["jour"])
		if err != nil {
			t.Fatal(err)
		}
		week, _ := publish.Week(d)
		for _, dose := range []string{"1", "2"} {
			n, err := strconv.Atoi(r["n_dose"+dose])
			if err != nil {
				t.Fatal(err)
			}
			counts[cell{week, r["dep"], r["clage_vacsi"], dose}] += n
		}
	}
	var s sheet
	at := map[string]int{}
	for c, n := range counts {
		for _, key := range []string{c.week + c.dose + "dep" + c.dep, c.week + c.dose + "age" + c.age} {
			i, ok := at[key]
			if !ok {
				i = len(s.margins)
				at[key] = i
				s.margins = append(s.margins, nil)
			}
			s.margins[i] = append(s.margins[i], len(s.truth))
		}
		s.truth = append(s.truth, n)
	}
	return s
}

type bounds struct{ lo, hi int }

// seen is what a publication leaves of a count.
func seen(n int, zerosShown, exact bool) bounds {
	switch {
	case n == 0 && zerosShown:
		return bounds{0, 0}
	case n <= 10 && zerosShown:
		return bounds{1, 10}
	case n <= 10:
		return bounds{0, 10}
	case exact:
		return bounds{n, n}
	}
	r := (n + 5) / 10 * 10
	return bounds{max(11, r-5), r + 4}
}

// TestAttacks re-runs the attacks that the specification measured, on the protections that leak and on ours.
func TestAttacks(t *testing.T) {
	dir := portalData(t)
	if dir == "" {
		return
	}
	s := attackSheet(t, dir)
	nonZero, small := 0, 0
	for _, n := range s.truth {
		if n > 0 {
			nonZero++
		}
		if n > 0 && n <= 10 {
			small++
		}
	}
	if len(s.truth) != 38_520 || nonZero != 30_232 || small != 3_076 {
		t.Fatalf("%d cells, %d not zero, %d from 1 to 10", len(s.truth), nonZero, small)
	}
	for _, a := range []struct {
		zerosShown, exactMargins, exactCells bool
		subtraction, unique, few, present    int
	}{
		{true, true, true, 578, 786, 1066, 3076},
		{true, true, false, 60, 225, 399, 3076},
		{false, true, true, 405, 449, 634, 937},
		{false, true, false, 0, 0, 99, 3},
		{true, false, false, 0, 0, 0, 3076},
		{false, false, false, 0, 0, 0, 0},
	} {
		name := fmt.Sprintf("zeros shown %v, exact margins %v, exact cells %v", a.zerosShown, a.exactMargins, a.exactCells)
		t.Run(name, func(t *testing.T) {
			cells := make([]bounds, len(s.truth))
			for i, n := range s.truth {
				cells[i] = seen(n, a.zerosShown, a.exactCells)
			}
			margins := make([]bounds, len(s.margins))
			for m, parts := range s.margins {
				n := 0
				for _, i := range parts {
					n += s.truth[i]
				}
				margins[m] = seen(n, a.zerosShown, a.exactMargins)
				if a.exactMargins {
					margins[m] = bounds{n, n}
				}
			}
			subtraction := map[int]bool{}
			sums := make([][]int, len(s.margins)) // the total, then its parts
			known := append(cells, margins...)
			for m, parts := range s.margins {
				sums[m] = append([]int{len(cells) + m}, parts...)
				alone, unknown := 0, 0 // the one part that is not known exactly
				for _, i := range parts {
					if known[i].lo != known[i].hi {
						alone, unknown = i, unknown+1
					}
				}
				if total := known[len(cells)+m]; unknown == 1 && hidden(s.truth[alone]) && total.lo == total.hi {
					subtraction[alone] = true
				}
			}
			propagate(known, sums)
			cells = known[:len(cells)]
			for i, n := range s.truth {
				if n < cells[i].lo || n > cells[i].hi {
					t.Fatalf("the attack is wrong: %d is not in %v", n, cells[i])
				}
			}
			unique, few, present := 0, 0, 0
			for i, n := range s.truth {
				if !hidden(n) {
					continue
				}
				if cells[i].lo == cells[i].hi {
					unique++
				}
				if cells[i].hi-cells[i].lo < 3 {
					few++
				}
				if cells[i].lo > 0 {
					present++
				}
			}
			t.Logf("one subtraction %d, unique %d, at most three candidates %d, certainly there %d", len(subtraction), unique, few, present)
			if len(subtraction) != a.subtraction || unique != a.unique || few != a.few || present != a.present {
				t.Errorf("the specification measured %d, %d, %d, %d", a.subtraction, a.unique, a.few, a.present)
			}
		})
	}
}

func hidden(n int) bool { return n > 0 && n <= 10 }

// propagate narrows bounds by sums until nothing changes; sum[0] is the total.
func propagate(known []bounds, sums [][]int) {
	for changed := true; changed; {
		changed = false
		for _, sum := range sums {
			lo, hi := 0, 0
			for _, i := range sum[1:] {
				lo, hi = lo+known[i].lo, hi+known[i].hi
			}
			total := bounds{max(known[sum[0]].lo, lo), min(known[sum[0]].hi, hi)}
			changed = changed || total != known[sum[0]]
			known[sum[0]] = total
			for _, i := range sum[1:] {
				b := known[i]
				c := bounds{max(b.lo, total.lo-(hi-b.hi)), min(b.hi, total.hi-(lo-b.lo))}
				if c != b {
					lo, hi = lo+c.lo-b.lo, hi+c.hi-b.hi
					known[i], changed = c, true
				}
			}
		}
	}
}

// attack reads what a protected table shows, knows the rules, and recovers what it can: the number of hidden counts
// from 1 to 10 that it can compute, tell to be there, or narrow to three. It looks at the last measure, the one with most
// small counts.
func attack(p *publish.Protected) (unique, present, few int) {
	cells, weeks := p.Cells(), len(p.Weeks)
	for m := len(p.Measures) - 1; m < len(p.Measures); m++ {
		at := func(family, week, cell int) int { return family*weeks*cells + week*cells + cell }
		known := make([]bounds, 2*weeks*cells)
		truth := make([]int, len(known))
		for f, values := range [][]int32{p.Counts[m], p.Sums[m]} {
			for i, n := range values {
				truth[f*weeks*cells+i] = int(n)
				known[f*weeks*cells+i] = bounds{0, 1 << 28}
				if shown := int(p.Shown[f][m][i]); shown >= 0 {
					known[f*weeks*cells+i] = bounds{max(p.Policy.Threshold, shown-p.Policy.Base/2), shown + (p.Policy.Base-1)/2}
				} else if int(n) < p.Policy.Threshold && p.Status[f][m][i] == publish.Small {
					known[f*weeks*cells+i] = bounds{0, p.Policy.Threshold - 1}
				}
			}
		}
		var sums [][]int
		for w := range weeks {
			for c := range cells {
				series := []int{at(1, w, c), at(0, w, c)}
				if w > 0 {
					series = append(series, at(1, w-1, c))
				}
				sums = append(sums, series)
				members := p.Members(c)
				step := cells
				for axis, tree := range p.Trees {
					step /= len(tree.Members)
					var week, total []int
					for part, member := range tree.Members {
						if part > 0 && member.Parent == members[axis] {
							other := c + (part-members[axis])*step
							week, total = append(week, at(0, w, other)), append(total, at(1, w, other))
						}
					}
					if week != nil {
						sums = append(sums, append([]int{at(0, w, c)}, week...), append([]int{at(1, w, c)}, total...))
					}
				}
			}
		}
		propagate(known, sums)
		for i, n := range truth {
			if n < 1 || n >= p.Policy.Threshold {
				continue
			}
			if known[i].lo == known[i].hi {
				unique++
			}
			if known[i].lo > 0 {
				present++
			}
			if known[i].hi-known[i].lo < 3 {
				few++
			}
		}
	}
	return unique, present, few
}
