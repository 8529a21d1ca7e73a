package scan

import (
	"math"
	"slices"
)

// A code is a dark, textured, nearly square patch with white around it. The locator halves the
// picture again and again; at every size it joins dark pixels that are at most two pixels apart
// and keeps the joined patches that are square enough and change colour often enough. At one of
// the sizes a module is one or two pixels wide, and there the code is one patch.

const (
	smallest   = 14  // side of a patch in pixels of its level; 10 modules at 1.4 pixels
	maxPatches = 160 // patches looked at in one picture
)

// locate returns the corners of every patch that may be a code, the largest first. The corners
// start anywhere: which of them is the first is for the reader to find out.
func locate(levels []raster) []quad {
	var found []quad
	for n, r := range levels {
		scale := float64(int(1) << n)
		for _, q := range patches(r) {
			for i := range q {
				q[i] = q[i].scale(scale)
			}
			found = append(found, settle(levels[0], q, scale))
		}
	}
	slices.SortStableFunc(found, func(a, b quad) int { return int(b.side() - a.side()) })
	var out []quad
	for _, q := range found {
		if !slices.ContainsFunc(out, func(o quad) bool { return same(o, q) }) {
			out = append(out, q)
		}
		if len(out) == maxPatches {
			break
		}
	}
	return out
}

// settle moves each edge of a patch found at a coarser level to where the picture turns from paper
// to code: where the mean along the edge is half way between the two.
func settle(r raster, q quad, scale float64) quad {
	const samples = 64
	reach := scale + 1
	step := scale / 4
	out := q
	for i := range 4 {
		a, b := i, (i+1)%4
		inward := q[(i+3)%4].sub(q[a]).add(q[(i+2)%4].sub(q[b]))
		length := math.Hypot(inward.x, inward.y)
		if length == 0 {
			return q
		}
		unit := inward.scale(1 / length)
		mean := func(offset float64) float64 {
			sum := 0.0
			for k := range samples {
				t := (float64(k) + 0.5) / samples
				p := q[a].scale(1 - t).add(q[b].scale(t)).add(unit.scale(offset))
				sum += r.sample(p)
			}
			return sum / samples
		}
		paper := max(mean(-reach), mean(-reach-1))
		ink := min(mean(reach), mean(reach+1), mean(2*reach))
		if paper-ink < 24 {
			continue
		}
		middle := (paper + ink) / 2
		before := paper
		for o := -reach; o <= 2*reach; o += step {
			m := mean(o)
			if m <= middle {
				if before > m {
					o -= step * (middle - m) / (before - m)
				}
				d := unit.scale(o)
				out[a], out[b] = out[a].add(d), out[b].add(d)
				break
			}
			before = m
		}
	}
	return out
}

// same reports that two patches differ by less than half a module of a small code.
func same(a, b quad) bool {
	s := a.side()
	tolerance := max(1, s/120)
	if math.Abs(s-b.side()) > tolerance {
		return false
	}
	for _, p := range a {
		if !slices.ContainsFunc(b[:], func(o point) bool { return o.distance(p) < 1.5*tolerance }) {
			return false
		}
	}
	return true
}

// pyramid halves the picture until a code no longer fits in.
func pyramid(r raster) []raster {
	levels := []raster{r}
	for min(r.w, r.h) >= 4*smallest && len(levels) < 7 {
		r = r.half()
		levels = append(levels, r)
	}
	return levels
}

// threshold marks each pixel that is clearly darker than the mean of the square around it.
func threshold(r raster, radius, contrast int) []bool {
	dark := make([]bool, len(r.pix))
	columns := make([]int, r.w) // sums over the rows of the window
	rows := 0
	for y := 0; y < min(radius, r.h); y++ {
		for x, v := range r.pix[y*r.w : (y+1)*r.w] {
			columns[x] += int(v)
		}
		rows++
	}
	for y := range r.h {
		if in := y + radius; in < r.h {
			for x, v := range r.pix[in*r.w : (in+1)*r.w] {
				columns[x] += int(v)
			}
			rows++
		}
		if out := y - radius - 1; out >= 0 {
			for x, v := range r.pix[out*r.w : (out+1)*r.w] {
				columns[x] -= int(v)
			}
			rows--
		}
		sum, width := 0, 0
		for x := 0; x < min(radius, r.w); x++ {
			sum += columns[x]
			width++
		}
		row := r.pix[y*r.w : (y+1)*r.w]
		for x, v := range row {
			if in := x + radius; in < r.w {
				sum += columns[in]
				width++
			}
			if out := x - radius - 1; out >= 0 {
				sum -= columns[out]
				width--
			}
			dark[y*r.w+x] = (int(v)+contrast)*width*rows < sum
		}
	}
	return dark
}

// run is a stretch of dark pixels of one row, widened by the pixel that joins neighbours.
type run struct{ x0, x1, y, patch int }

// patches finds the joined patches of one level.
func patches(r raster) []quad {
	dark := threshold(r, 24, 12)
	// A dilation by one pixel in every direction, kept as runs: or of three rows, then widened.
	var runs []run
	var parent []int
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	previous := 0 // first run of the row above
	wide := make([]bool, r.w)
	for y := range r.h {
		copy(wide, dark[y*r.w:(y+1)*r.w])
		for _, near := range [2]int{y - 1, y + 1} {
			if near < 0 || near >= r.h {
				continue
			}
			for x, d := range dark[near*r.w : (near+1)*r.w] {
				if d {
					wide[x] = true
				}
			}
		}
		first := len(runs)
		above := previous
		for x := 0; x < r.w; x++ {
			if !wide[x] {
				continue
			}
			start := x
			gap := 0
			end := x
			for x++; x < r.w && gap < 3; x++ {
				if wide[x] {
					end, gap = x, 0
				} else {
					gap++
				}
			}
			x = end
			id := len(runs)
			runs = append(runs, run{start, end + 1, y, id})
			parent = append(parent, id)
			for above < first && runs[above].x1+1 < start {
				above++
			}
			for i := above; i < first && runs[i].x0 <= end+2; i++ {
				if a, b := root(i), root(id); a != b {
					parent[max(a, b)] = min(a, b)
				}
			}
		}
		previous = first
	}
	type patch struct {
		x0, y0, x1, y1 int
		members        []int
	}
	byRoot := map[int]*patch{}
	var order []*patch
	for i, n := range runs {
		k := root(i)
		p := byRoot[k]
		if p == nil {
			p = &patch{n.x0, n.y, n.x1, n.y + 1, nil}
			byRoot[k] = p
			order = append(order, p)
		}
		p.x0, p.x1, p.y1 = min(p.x0, n.x0), max(p.x1, n.x1), n.y+1
		p.members = append(p.members, i)
	}
	var out []quad
	for _, p := range order {
		w, h := p.x1-p.x0, p.y1-p.y0
		if w < smallest || h < smallest || w > 5*h/2 || h > 5*w/2 {
			continue
		}
		var edge []point
		pixels, changes := 0, 0
		for i := 0; i < len(p.members); {
			y := runs[p.members[i]].y
			lo, hi := math.MaxInt, -1
			for ; i < len(p.members) && runs[p.members[i]].y == y; i++ {
				n := runs[p.members[i]]
				last := false
				for x := n.x0; x < n.x1; x++ {
					d := dark[y*r.w+x]
					if d {
						lo, hi = min(lo, x), max(hi, x)
						pixels++
					}
					if d != last {
						changes++
						last = d
					}
				}
			}
			if hi >= 0 {
				edge = append(edge, point{float64(lo), float64(y)}, point{float64(lo), float64(y + 1)},
					point{float64(hi + 1), float64(y)}, point{float64(hi + 1), float64(y + 1)})
			}
		}
		if changes < 4*h { // text and drawings change colour less often in a row
			continue
		}
		q, ok := smallestRectangle(edge)
		if !ok {
			continue
		}
		a, b := q[0].distance(q[1]), q[1].distance(q[2])
		if min(a, b) < smallest-2 || a > 1.5*b || b > 1.5*a || float64(pixels) < 0.2*a*b {
			continue
		}
		out = append(out, q)
	}
	return out
}

// smallestRectangle is the rectangle of least area around the points, by the edges of their hull.
func smallestRectangle(points []point) (quad, bool) {
	hull := convexHull(points)
	if len(hull) < 3 {
		return quad{}, false
	}
	best := math.Inf(1)
	var out quad
	for i := range hull {
		u := hull[(i+1)%len(hull)].sub(hull[i])
		length := math.Hypot(u.x, u.y)
		if length == 0 {
			continue
		}
		u = u.scale(1 / length)
		v := point{-u.y, u.x}
		a0, a1, b0, b1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, p := range hull {
			a, b := p.x*u.x+p.y*u.y, p.x*v.x+p.y*v.y
			a0, a1, b0, b1 = min(a0, a), max(a1, a), min(b0, b), max(b1, b)
		}
		if area := (a1 - a0) * (b1 - b0); area < best {
			best = area
			corner := func(a, b float64) point { return u.scale(a).add(v.scale(b)) }
			out = quad{corner(a0, b0), corner(a1, b0), corner(a1, b1), corner(a0, b1)}
		}
	}
	return out, !math.IsInf(best, 1)
}

// convexHull is Andrew's monotone chain.
func convexHull(points []point) []point {
	slices.SortFunc(points, func(a, b point) int {
		switch {
		case a.x < b.x, a.x == b.x && a.y < b.y:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	points = slices.Compact(points)
	if len(points) < 3 {
		return points
	}
	half := func(ps []point) []point {
		var out []point
		for _, p := range ps {
			for len(out) >= 2 && cross(out[len(out)-2], out[len(out)-1], p) <= 0 {
				out = out[:len(out)-1]
			}
			out = append(out, p)
		}
		return out[:len(out)-1]
	}
	lower := half(points)
	slices.Reverse(points)
	return append(lower, half(points)...)
}
