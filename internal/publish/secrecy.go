package publish

import (
	"math"

	"carnet/internal/carnet"
)

// Policy is how small counts are kept secret (portal.md section 5).
type Policy struct {
	Threshold int // the least count that is published: 11
	Base      int // counts are rounded half-up to a multiple of it: 10
	// A rate on a population below Extreme is bounded to 5 and 95 %; nothing is published on one below Least.
	Extreme, Least int
}

// DefaultPolicy is that of the real portal for counts, and ours for small populations.
var DefaultPolicy = Policy{Threshold: 11, Base: 10, Extreme: 100, Least: 50}

// Check refuses parameters that protect nothing.
func (p Policy) Check() error {
	if p.Threshold < 2 || p.Base < 2 || p.Base > 1000 || p.Threshold > 1000 || p.Least < p.Threshold || p.Extreme < p.Least {
		return carnet.E("publish.Policy", carnet.Invalid, "publish.policy", nil)
	}
	return nil
}

// Round rounds half-up to the base.
func (p Policy) Round(n int32) int32 {
	return int32((int(n) + p.Base/2) / p.Base * p.Base)
}

// window is what one knows of a count from its rounded form.
func (p Policy) window(shown int32) (lo, hi int32) {
	return max(int32(p.Threshold), shown-int32(p.Base/2)), shown + int32((p.Base-1)/2)
}

// Rate is the published count over the published population, to three decimals.
func (p Policy) Rate(shown, population int32) (rate float64, ok bool) {
	if shown < 0 || population < int32(p.Least) || population <= 0 {
		return 0, false
	}
	rate = math.Round(1000*float64(shown)/float64(population)) / 1000
	if population < int32(p.Extreme) {
		rate = min(max(rate, 0.05), 0.95)
	}
	return rate, true
}

// Secret is the published form of a count that is not shown.
const Secret int32 = -1

// Status says why a value is not shown. Nobody outside the publication job sees it: a small count and one that is
// hidden to protect it look alike.
type Status uint8

const (
	Shown     Status = iota
	Small            // below the threshold, zero included
	Withheld         // of a population or a territory that nothing is published on
	Secondary        // hidden so that a small one stays so
)

// Protected is a table with what is shown of it: the published form of each value, by measure as in the table.
type Protected struct {
	*Table
	Policy     Policy
	Shown      [2][][]int32  // of Counts and of Sums; Secret when hidden
	Status     [2][][]Status // the same
	withheld   []bool        // by cell
	neverShown []bool        // by cell: private members
}

// The two families of values of a table.
const (
	weekly = iota
	cumulated
)

var families = [2]string{"week", "cumulated"}

func (t *Table) family(f int) [][]int32 {
	if f == weekly {
		return t.Counts
	}
	return t.Sums
}

// Protect hides what is small and rounds the rest, each value on its own. It is the same for the same persons, however
// often it is asked. Withhold, when not nil, names cells of which nothing is shown.
func Protect(t *Table, p Policy, withhold func(members []int) bool) (*Protected, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	out := &Protected{Table: t, Policy: p, neverShown: t.private(), withheld: make([]bool, t.Cells())}
	for c := range out.withheld {
		pop := t.Population[c]
		out.withheld[c] = pop > 0 && pop < int32(p.Least) || withhold != nil && withhold(t.Members(c))
	}
	for f := range families {
		for _, values := range t.family(f) {
			shown, status := make([]int32, len(values)), make([]Status, len(values))
			for i, n := range values {
				c := i % len(out.withheld)
				switch {
				case out.neverShown[c] || out.withheld[c]:
					shown[i], status[i] = Secret, Withheld
				case n < int32(p.Threshold):
					shown[i], status[i] = Secret, Small
				default:
					shown[i] = p.Round(n)
				}
			}
			out.Shown[f], out.Status[f] = append(out.Shown[f], shown), append(out.Status[f], status)
		}
	}
	return out, nil
}

// hide makes a shown value secret to protect another one.
func (t *Protected) hide(f, measure, i int) {
	t.Shown[f][measure][i], t.Status[f][measure][i] = Secret, Secondary
}
