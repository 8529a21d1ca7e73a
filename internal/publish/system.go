package publish

// system is what anyone can know from published figures: for each value the interval it lies in, and which values are
// sums of others. It is solved by propagating intervals to their fixed point.
type system struct {
	lo, hi []int32
	// A sum is total, then its parts, in terms from start[i] to start[i+1].
	start []int32
	terms []int32
	// sumsOf lists, for a variable, the sums that it is in; built when it is asked for.
	first []int32
	in    []int32
}

const unbounded = 1 << 29 // more than any count

func newSystem() *system { return &system{start: []int32{0}} }

func (s *system) variable(lo, hi int32) int32 {
	s.lo, s.hi = append(s.lo, lo), append(s.hi, hi)
	return int32(len(s.lo) - 1)
}

// sum states that total is the sum of its parts, and that there are no others.
func (s *system) sum(total int32, parts ...int32) {
	s.terms = append(append(s.terms, total), parts...)
	s.start = append(s.start, int32(len(s.terms)))
}

// maxSteps bounds the work on one sum: bounds are sound after any number of steps, so that the limit only stops an
// unending creep.
const maxSteps = 1000

// solve narrows the intervals until nothing changes. It says false when no values fit, which means that a figure is wrong.
func (s *system) solve() bool {
	sums := len(s.start) - 1
	queue, waiting, steps := make([]int32, sums), make([]bool, sums), make([]int16, sums)
	for i := range queue {
		queue[i], waiting[i] = int32(i), true
	}
	for len(queue) > 0 {
		var next []int32
		for _, i := range queue {
			waiting[i] = false
			if steps[i]++; steps[i] > maxSteps {
				continue
			}
			changed := func(v int32) {
				for _, other := range s.sumsOf(v) {
					if !waiting[other] && other != i {
						waiting[other] = true
						next = append(next, other)
					}
				}
			}
			terms := s.terms[s.start[i]:s.start[i+1]]
			total, parts := terms[0], terms[1:]
			var lo, hi int64
			for _, p := range parts {
				lo += int64(s.lo[p])
				hi += int64(s.hi[p])
			}
			if c, ok := s.narrow(total, lo, hi); !ok {
				return false
			} else if c {
				changed(total)
			}
			tlo, thi := int64(s.lo[total]), int64(s.hi[total])
			if tlo == lo && thi == hi {
				continue // the total says nothing that its parts do not
			}
			again := false
			for _, p := range parts {
				if s.lo[p] == s.hi[p] {
					continue
				}
				plo, phi := int64(s.lo[p]), int64(s.hi[p])
				c, ok := s.narrow(p, tlo-(hi-phi), thi-(lo-plo))
				if !ok {
					return false
				}
				if c {
					changed(p)
					again = true
					lo += int64(s.lo[p]) - plo
					hi += int64(s.hi[p]) - phi
				}
			}
			if again && !waiting[i] {
				waiting[i] = true
				next = append(next, i)
			}
		}
		queue = next
	}
	return true
}

func (s *system) narrow(v int32, lo, hi int64) (changed, ok bool) {
	if lo > int64(s.lo[v]) {
		s.lo[v], changed = int32(min(lo, unbounded)), true
	}
	if hi < int64(s.hi[v]) {
		s.hi[v], changed = int32(max(hi, -unbounded)), true
	}
	return changed, s.lo[v] <= s.hi[v]
}

// sumsOf lists the sums that a variable is in.
func (s *system) sumsOf(v int32) []int32 {
	if s.first == nil {
		s.first = make([]int32, len(s.lo)+1)
		for _, t := range s.terms {
			s.first[t+1]++
		}
		for i := range s.lo {
			s.first[i+1] += s.first[i]
		}
		next := append([]int32(nil), s.first...)
		s.in = make([]int32, len(s.terms))
		for i := range len(s.start) - 1 {
			for _, t := range s.terms[s.start[i]:s.start[i+1]] {
				s.in[next[t]] = int32(i)
				next[t]++
			}
		}
	}
	return s.in[s.first[v]:s.first[v+1]]
}

// implied is the interval that one sum alone leaves to a variable in it.
func (s *system) implied(sum, v int32) (lo, hi int64) {
	terms := s.terms[s.start[sum]:s.start[sum+1]]
	total, parts := terms[0], terms[1:]
	if v == total {
		for _, p := range parts {
			lo += int64(s.lo[p])
			hi += int64(s.hi[p])
		}
		return lo, hi
	}
	lo, hi = int64(s.lo[total]), int64(s.hi[total])
	for _, p := range parts {
		if p != v {
			lo -= int64(s.hi[p])
			hi -= int64(s.lo[p])
		}
	}
	return lo, hi
}
