package qr

import (
	"math/bits"
	"sync"

	"carnet/hcert/qr/grid"
)

// line is a row or a column of a symbol, module 0 in the lowest bit of the first word. Rules on
// runs and patterns become shifts of whole lines.
type line [3]uint64

func (l *line) get(i int) bool { return l[i>>6]>>(i&63)&1 != 0 }
func (l *line) set(i int)      { l[i>>6] |= 1 << (i & 63) }

// later gives the line with module i+n at place i.
func (l *line) later(n uint) line {
	return line{l[0]>>n | l[1]<<(64-n), l[1]>>n | l[2]<<(64-n), l[2] >> n}
}

func (l *line) ones() int {
	return bits.OnesCount64(l[0]) + bits.OnesCount64(l[1]) + bits.OnesCount64(l[2])
}

// layout is what all symbols of a version have in common.
type layout struct {
	size          int
	rows          []line // the function patterns, dark modules
	taken         []line // modules that are no data
	place         []module
	masks         [8][]line // where each mask turns data
	masksByColumn [8][]line
}

type module struct{ x, y uint8 }

var layouts [41]struct {
	once   sync.Once
	layout *layout
}

func layoutOf(version int) *layout {
	l := &layouts[version]
	l.once.Do(func() { l.layout = newLayout(version) })
	return l.layout
}

func newLayout(version int) *layout {
	size := grid.Side(version)
	l := &layout{size: size, rows: make([]line, size), taken: make([]line, size)}
	put := func(x, y int, dark bool) {
		if x < 0 || y < 0 || x >= size || y >= size {
			return
		}
		l.taken[y].set(x)
		if dark {
			l.rows[y].set(x)
		}
	}
	for i := range size { // timing
		if !l.taken[6].get(i) {
			put(i, 6, i%2 == 0)
		}
		put(6, i, i%2 == 0)
	}
	for _, c := range [3][2]int{{3, 3}, {size - 4, 3}, {3, size - 4}} { // finders, with their separators
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				d := max(dx, -dx, dy, -dy)
				x, y := c[0]+dx, c[1]+dy
				if x >= 0 && y >= 0 && x < size && y < size {
					l.rows[y][x>>6] &^= 1 << (x & 63)
				}
				put(x, y, d != 2 && d != 4)
			}
		}
	}
	centres := grid.Alignment(version)
	for i, y := range centres {
		for j, x := range centres {
			if i == 0 && (j == 0 || j == len(centres)-1) || i == len(centres)-1 && j == 0 {
				continue // a finder is there
			}
			for dy := -2; dy <= 2; dy++ {
				for dx := -2; dx <= 2; dx++ {
					l.rows[y+dy][(x+dx)>>6] &^= 1 << ((x + dx) & 63)
					put(x+dx, y+dy, max(dx, -dx, dy, -dy) != 1)
				}
			}
		}
	}
	for _, places := range grid.Format(size) {
		for _, p := range places {
			put(p[0], p[1], false)
		}
	}
	put(8, size-8, true)
	if version >= 7 {
		code := versionCode(version)
		for i := range 18 {
			dark := code>>i&1 != 0
			a, b := i/3, size-11+i%3
			put(a, b, dark)
			put(b, a, dark)
		}
	}
	for x, y := range grid.Path(size) {
		if !l.taken[y].get(x) {
			l.place = append(l.place, module{uint8(x), uint8(y)})
		}
	}
	for m := range l.masks {
		l.masks[m], l.masksByColumn[m] = make([]line, size), make([]line, size)
		for _, p := range l.place {
			if grid.Masked(m, int(p.x), int(p.y)) {
				l.masks[m][p.y].set(int(p.x))
				l.masksByColumn[m][p.x].set(int(p.y))
			}
		}
	}
	return l
}

// formatCode is level and mask as they stand in a symbol.
func formatCode(l Level, mask int) int {
	if l == Q {
		return grid.FormatCode(3<<3 | mask)
	}
	return grid.FormatCode(mask) // M is 00
}

// versionCode is the version with its check bits (annex D).
func versionCode(version int) int {
	r := version
	for range 12 {
		r = r<<1 ^ (r>>11)*0x1f25
	}
	return version<<12 | r
}

// draw places the codewords and chooses the mask.
func draw(version int, level Level, words []byte) *Code {
	l := layoutOf(version)
	plain := make([]line, l.size)
	copy(plain, l.rows)
	for i, p := range l.place[:8*len(words)] { // what is over stays light
		plain[p.y][p.x>>6] |= uint64(words[i>>3]>>(7-i&7)&1) << (p.x & 63)
	}
	columns := transpose(plain, l.size)
	var best *Code
	least := 0
	rows, cols := make([]line, l.size), make([]line, l.size)
	formats := grid.Format(l.size)
	for m := range 8 {
		for i := range rows {
			a, b, t, u := &rows[i], &plain[i], &l.masks[m][i], &l.masksByColumn[m][i]
			*a = line{b[0] ^ t[0], b[1] ^ t[1], b[2] ^ t[2]}
			b = &columns[i]
			cols[i] = line{b[0] ^ u[0], b[1] ^ u[1], b[2] ^ u[2]}
		}
		code := formatCode(level, m)
		for _, places := range formats {
			for i, p := range places {
				if code>>i&1 != 0 {
					rows[p[1]].set(p[0])
					cols[p[0]].set(p[1])
				}
			}
		}
		p := penalty(rows, cols)
		if best == nil || p < least {
			least = p
			if best == nil {
				best = &Code{Version: version, Level: level, size: l.size, rows: make([]line, l.size)}
			}
			best.Mask = m
			copy(best.rows, rows)
		}
	}
	return best
}

func transpose(rows []line, size int) []line {
	columns := make([]line, size)
	for y := range rows {
		for w, word := range rows[y] {
			for ; word != 0; word &= word - 1 {
				columns[w<<6+bits.TrailingZeros64(word)].set(y)
			}
		}
	}
	return columns
}

// penalty is what makes a symbol hard to read (ISO/IEC 18004, section 7.8.3).
func penalty(rows, columns []line) int {
	size := len(rows)
	p := lines(rows, size) + lines(columns, size)
	within := upTo(size - 1)
	dark := 0
	for y := range rows {
		r := &rows[y]
		dark += r.ones()
		if y+1 == size {
			break
		}
		below, right := &rows[y+1], r.later(1)
		belowRight := below.later(1)
		for w := range r { // squares of two by two
			same := ^(r[w] ^ below[w]) & ^(r[w] ^ right[w]) & ^(r[w] ^ belowRight[w]) & within[w]
			p += 3 * bits.OnesCount64(same)
		}
	}
	// Ten for each step of five per cent away from one half.
	total := size * size
	return p + 10*(max(20*dark-10*total, 10*total-20*dark)/total)
}

// upTo has its first n modules set.
func upTo(n int) (l line) {
	for w := range l {
		switch k := n - 64*w; {
		case k >= 64:
			l[w] = ^uint64(0)
		case k > 0:
			l[w] = 1<<k - 1
		}
	}
	return l
}

// lines counts runs of five and more, and patterns like a finder with four light modules before or
// behind, in rows or columns.
func lines(all []line, size int) int {
	run, finder := upTo(size-4), upTo(size-10)
	words := (size + 63) / 64
	p := 0
	for i := range all {
		l := &all[i]
		var starts line
		for w := range words {
			var s [11]uint64 // the module at each place, and those behind it
			s[0] = l[w]
			for k := 1; k < len(s); k++ {
				s[k] = l[w] >> k
			}
			if w+1 < words {
				for k := 1; k < len(s); k++ {
					s[k] |= l[w+1] << (64 - k)
				}
			}
			// A run of n has n-4 places where five equal modules begin, and counts n-2.
			dark := s[0] & s[1] & s[2] & s[3] & s[4]
			light := ^(s[0] | s[1] | s[2] | s[3] | s[4])
			starts[w] = (dark | light) & run[w]
			a := s[0] &^ s[1] & s[2] & s[3] & s[4] &^ s[5] & s[6] &^ (s[7] | s[8] | s[9] | s[10])
			b := s[4] &^ s[5] & s[6] & s[7] & s[8] &^ s[9] & s[10] &^ (s[0] | s[1] | s[2] | s[3])
			p += 40 * (bits.OnesCount64(a&finder[w]) + bits.OnesCount64(b&finder[w]))
		}
		// Neighbouring places belong to one run only when they begin with the same colour, which
		// they do: five equal modules share four with the next five.
		next := starts.later(1)
		first := line{starts[0] &^ next[0], starts[1] &^ next[1], starts[2] &^ next[2]}
		p += starts.ones() + 2*first.ones()
	}
	return p
}
