package scan

import (
	"cmp"
	"math"
	"slices"
)

// cell is a module whose colour the standard fixes.
type cell struct {
	x, y int
	dark bool
}

// template is the fixed part of a symbol of n modules a side: finder, timing and alignment
// patterns. Where the fixed part matches best is where the grid lies.
type template struct {
	n     int
	cells []cell
}

// fit is a template laid over a quad.
type fit struct {
	template *template
	quad     quad
	score    float64 // correlation between what is fixed and what is seen, 1 at best
}

// weight is how unlikely the match is by chance: Fisher's transform of the correlation over its
// standard error. It lets templates of 36 and of 3,000 fixed modules compete.
func (f fit) weight() float64 {
	return math.Atanh(min(max(f.score, 0), 0.999)) * math.Sqrt(float64(len(f.template.cells)))
}

// resized lays another template over the same three finders, whose centres lie 3.5 modules from
// the edges whatever the version of the QR code.
func (f fit) resized(t *template) quad {
	n, m := float64(f.template.n), float64(t.n)
	u := 3.5/n - 3.5/m*(1-7/n)/(1-7/m)
	at := f.quad.mapping()
	return quad{at.at(u, u), at.at(1-u, u), at.at(1-u, 1-u), at.at(u, 1-u)}
}

// correlate compares the fixed modules with the picture; 1 is a perfect match.
func (t *template) correlate(r raster, q quad) float64 {
	m := q.mapping()
	inv := 1 / float64(t.n)
	var sum, squares, darkSum float64
	nd := 0
	for _, c := range t.cells {
		v := r.sample(m.at((float64(c.x)+0.5)*inv, (float64(c.y)+0.5)*inv))
		sum += v
		squares += v * v
		if c.dark {
			darkSum += v
			nd++
		}
	}
	n := float64(len(t.cells))
	nl := n - float64(nd)
	variance := squares/n - (sum/n)*(sum/n)
	if variance < 16 || nd == 0 || nl == 0 { // flat: no code here
		return 0
	}
	// Point-biserial correlation of the two groups.
	gap := (sum-darkSum)/nl - darkSum/float64(nd)
	return gap * math.Sqrt(nl*float64(nd)) / n / math.Sqrt(variance)
}

// refine climbs from a rough quad to the nearest place where the template fits best: first whole
// edges move, then single corners, in steps that shrink from a module to a sixteenth.
func (t *template) refine(r raster, q quad, steps []float64) fit {
	best := fit{t, q, t.correlate(r, q)}
	try := func(c quad) bool {
		if s := t.correlate(r, c); s > best.score+1e-6 {
			best.quad, best.score = c, s
			return true
		}
		return false
	}
	for _, step := range steps {
		for range 4 {
			moved := false
			module := best.quad.side() / float64(t.n)
			for i := range 4 { // the edge from corner i to the next, outwards and inwards
				a, b := i, (i+1)%4
				out := best.quad[a].sub(best.quad[(i+3)%4]).add(best.quad[b].sub(best.quad[(i+2)%4]))
				length := math.Hypot(out.x, out.y)
				if length == 0 {
					continue
				}
				d := out.scale(step * module / length)
				for _, f := range [2]float64{1, -1} {
					c := best.quad
					c[a], c[b] = c[a].add(d.scale(f)), c[b].add(d.scale(f))
					moved = try(c) || moved
				}
			}
			for i := range 4 {
				for _, d := range [4]point{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
					c := best.quad
					c[i] = c[i].add(d.scale(step * module))
					moved = try(c) || moved
				}
			}
			if !moved {
				break
			}
		}
	}
	return best
}

// survey lays every template in every position over the quad and returns the most promising,
// best first.
func survey(r raster, q quad, templates []*template, keep int) []fit {
	side := q.side()
	var fits []fit
	for _, t := range templates {
		if side/float64(t.n) < 0.97 {
			continue
		}
		for turn := range 4 {
			c := q.turn(turn)
			if s := t.correlate(r, c); s > 0.15 {
				fits = append(fits, fit{t, c, s})
			}
		}
	}
	sortFits(fits)
	return fits[:min(keep, len(fits))]
}

func sortFits(fits []fit) {
	slices.SortStableFunc(fits, func(a, b fit) int { return cmp.Compare(b.weight(), a.weight()) })
}

// modules reads the grey value of every module, row by row. Large modules are averaged over their
// middle, against noise.
func (f fit) modules(r raster) []float64 {
	n := f.template.n
	m := f.quad.mapping()
	inv := 1 / float64(n)
	out := make([]float64, n*n)
	offsets := []point{{0, 0}}
	if f.quad.side()*inv > 3.5 {
		offsets = []point{{0, 0}, {-0.2, -0.2}, {0.2, -0.2}, {-0.2, 0.2}, {0.2, 0.2}}
	}
	for y := range n {
		for x := range n {
			sum := 0.0
			for _, o := range offsets {
				sum += r.sample(m.at((float64(x)+0.5+o.x)*inv, (float64(y)+0.5+o.y)*inv))
			}
			out[y*n+x] = sum / float64(len(offsets))
		}
	}
	return out
}

// sharpen undoes part of the blur of a small picture: each module is pushed away from the mean of
// its four neighbours.
func sharpen(v []float64, n int, amount float64) []float64 {
	if amount == 0 {
		return v
	}
	out := make([]float64, len(v))
	for y := range n {
		for x := range n {
			sum, k := 0.0, 0.0
			for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				if i, j := x+d[0], y+d[1]; i >= 0 && j >= 0 && i < n && j < n {
					sum += v[j*n+i]
					k++
				} else {
					sum += 255 // the quiet zone
					k++
				}
			}
			c := v[y*n+x]
			out[y*n+x] = c + amount*(c-sum/k)
		}
	}
	return out
}

// binary decides which modules are dark: against the middle between the dark and the light
// modules around each.
func binary(v []float64, n, radius int) []bool {
	out := make([]bool, len(v))
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	global := otsu(v, lo, hi)
	if radius == 0 {
		for i, x := range v {
			out[i] = x < global
		}
		return out
	}
	for y := range n {
		for x := range n {
			// Means of what the global threshold calls dark and light near by.
			var d, l, nd, nl float64
			for j := max(0, y-radius); j <= min(n-1, y+radius); j++ {
				for i := max(0, x-radius); i <= min(n-1, x+radius); i++ {
					if c := v[j*n+i]; c < global {
						d += c
						nd++
					} else {
						l += c
						nl++
					}
				}
			}
			t := global
			if nd > 0 && nl > 0 {
				t = (d/nd + l/nl) / 2
			}
			out[y*n+x] = v[y*n+x] < t
		}
	}
	return out
}

// otsu is the threshold that parts the values into the two groups of least variance.
func otsu(v []float64, lo, hi float64) float64 {
	if hi <= lo {
		return lo
	}
	const bins = 64
	var count, sum [bins]float64
	total := 0.0
	for _, x := range v {
		i := min(bins-1, int((x-lo)/(hi-lo)*bins))
		count[i]++
		sum[i] += x
		total += x
	}
	best, threshold := -1.0, (lo+hi)/2
	var n, s float64
	for i := range bins - 1 {
		n += count[i]
		s += sum[i]
		m := float64(len(v)) - n
		if n == 0 || m == 0 {
			continue
		}
		d := s/n - (total-s)/m
		if b := n * m * d * d; b > best {
			best, threshold = b, (s/n+(total-s)/m)/2
		}
	}
	return threshold
}
