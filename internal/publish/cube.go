package publish

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"carnet/internal/carnet"
)

// Dimension is one axis of a cube.
type Dimension struct {
	Name   string
	Column string                       // of the doses
	Map    func(string) (string, error) // from the value of the column to that of the dimension; nil: the same
}

// Dimensions of the usual cubes.
var (
	ByDay = Dimension{Name: "day", Column: ColumnDay, Map: checkDay}
	// ByWeek names a week by the Sunday that ends it.
	ByWeek       = Dimension{Name: "week", Column: ColumnDay, Map: weekOf}
	ByRank       = Dimension{Name: ColumnRank, Column: ColumnRank}
	ByDepartment = Dimension{Name: ColumnDepartment, Column: ColumnDepartment}
	ByCommune    = Dimension{Name: ColumnCommune, Column: ColumnCommune}
	ByAge        = Dimension{Name: ColumnAge, Column: ColumnAge}
	BySex        = Dimension{Name: ColumnSex, Column: ColumnSex}
	ByVaccine    = Dimension{Name: ColumnVaccine, Column: ColumnVaccine}
	ByPlace      = Dimension{Name: ColumnPlace, Column: ColumnPlace}
	ByInjector   = Dimension{Name: ColumnInjector, Column: ColumnInjector}
)

func checkDay(day string) (string, error) {
	if _, err := weekOf(day); err != nil {
		return "", err
	}
	return day, nil
}

// Axis is a dimension of a finished cube: its values, sorted as text.
type Axis struct {
	Name   string
	Values []string
}

// Cube counts doses by every combination of values that occurs. Cells are sorted by their values, the first axis first;
// Codes[a][i] is the index of the value of cell i on axis a. A count is never zero.
type Cube struct {
	Axes   []Axis
	Codes  [][]uint16
	Counts []int32
}

// Axis returns the number of an axis, or -1.
func (c *Cube) Axis(name string) int {
	return slices.IndexFunc(c.Axes, func(a Axis) bool { return a.Name == name })
}

const (
	maxAxis   = math.MaxUint16
	denseBits = 24 // up to 64 MB of counters; beyond, a map
)

// Build counts the doses of parts in one cube.
func Build(ctx context.Context, parts []Part, dims []Dimension, workers int, progress func(Part) error) (*Cube, error) {
	cubes, err := BuildAll(ctx, parts, [][]Dimension{dims}, workers, progress)
	if err != nil {
		return nil, err
	}
	return cubes[0], nil
}

// BuildAll counts the doses of parts in several cubes at once, with several workers. Progress, when not nil, is called
// after each part, by one worker at a time.
func BuildAll(ctx context.Context, parts []Part, cubes [][]Dimension, workers int, progress func(Part) error) ([]*Cube, error) {
	var columns []string
	from := make([][]int, len(cubes)) // by cube and dimension: its column
	for i, dims := range cubes {
		for _, d := range dims {
			at := slices.Index(columns, d.Column)
			if at < 0 {
				at = len(columns)
				columns = append(columns, d.Column)
			}
			from[i] = append(from[i], at)
		}
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan Part)
	counters := make([][]*counter, max(1, min(workers, len(parts))))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range counters {
		for _, dims := range cubes {
			counters[w] = append(counters[w], newCounter(dims))
		}
		count := func(b Batch) error {
			if len(b.Columns) != len(columns) {
				return carnet.E("publish.Build", carnet.Internal, "publish.batch", fmt.Errorf("%d columns, not %d", len(b.Columns), len(columns)))
			}
			for i, c := range counters[w] {
				mine := Batch{Signs: b.Signs, Columns: make([]Column, len(from[i]))}
				for d, at := range from[i] {
					mine.Columns[d] = b.Columns[at]
				}
				if err := c.add(mine); err != nil {
					return err
				}
			}
			return nil
		}
		wg.Go(func() {
			for p := range next {
				err := p.Read(work, columns, count)
				if err == nil && progress != nil {
					mu.Lock()
					err = progress(p)
					mu.Unlock()
				}
				if err != nil {
					cancel(fmt.Errorf("part %s: %w", p.Name, err)) // the first cause is kept
					return
				}
			}
		})
	}
feed:
	for _, p := range parts {
		select {
		case next <- p:
		case <-work.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if work.Err() != nil {
		return nil, context.Cause(work)
	}
	out := make([]*Cube, len(cubes))
	for i := range cubes {
		partial := make([]*Cube, len(counters))
		for w := range counters {
			partial[w] = counters[w][i].cube()
		}
		var err error
		if out[i], err = Sum(partial...); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// counter is the cube of one worker while it grows. A cell's key is the codes of its values side by side.
type counter struct {
	dims   []Dimension
	values [][]string       // per dimension, by code
	codes  []map[string]int // the other way
	width  []int            // bits of the code in the key
	dense  []int32
	sparse map[uint64]int32
	keys   []uint64
	tables [][]uint64
}

func newCounter(dims []Dimension) *counter {
	c := &counter{dims: dims, values: make([][]string, len(dims)), codes: make([]map[string]int, len(dims)), width: make([]int, len(dims)), tables: make([][]uint64, len(dims))}
	for i := range dims {
		c.codes[i] = map[string]int{}
	}
	c.dense = make([]int32, 1)
	return c
}

// code gives the code of a value that a column has.
func (c *counter) code(d int, raw string) (int, error) {
	value := raw
	if m := c.dims[d].Map; m != nil {
		var err error
		if value, err = m(raw); err != nil {
			return 0, err
		}
	} else if value == "" {
		value = Unknown
	}
	if n, ok := c.codes[d][value]; ok {
		return n, nil
	}
	n := len(c.values[d])
	if n > maxAxis {
		return 0, &carnet.Error{Op: "publish.Build", Kind: carnet.Invalid, Code: "publish.axis", Field: c.dims[d].Name}
	}
	c.values[d] = append(c.values[d], strings.Clone(value))
	c.codes[d][c.values[d][n]] = n
	return n, nil
}

// add counts one batch.
func (c *counter) add(b Batch) error {
	rows := len(b.Columns[0].Codes)
	for d, col := range b.Columns {
		if len(col.Codes) != rows || b.Signs != nil && len(b.Signs) != rows {
			return carnet.E("publish.Build", carnet.Internal, "publish.batch", fmt.Errorf("columns of %d and %d rows", rows, len(col.Codes)))
		}
		c.tables[d] = c.tables[d][:0]
		for _, v := range col.Values {
			n, err := c.code(d, v)
			if err != nil {
				return err
			}
			c.tables[d] = append(c.tables[d], uint64(n))
		}
	}
	if err := c.widen(); err != nil {
		return err
	}
	c.keys = append(c.keys[:0], make([]uint64, rows)...)
	shift := 0
	for d, col := range b.Columns {
		table := c.tables[d]
		for i := range table {
			table[i] <<= shift
		}
		for i, code := range col.Codes {
			if uint(code) >= uint(len(table)) {
				return carnet.E("publish.Build", carnet.Internal, "publish.batch", fmt.Errorf("column %s has no value %d", c.dims[d].Column, code))
			}
			c.keys[i] |= table[code]
		}
		shift += c.width[d]
	}
	switch {
	case c.sparse != nil:
		for i, k := range c.keys {
			c.sparse[k] += b.sign(i)
		}
	case b.Signs == nil:
		for _, k := range c.keys {
			c.dense[k]++
		}
	default:
		for i, k := range c.keys {
			c.dense[k] += b.sign(i)
		}
	}
	return nil
}

func (b Batch) sign(i int) int32 {
	if b.Signs == nil {
		return 1
	}
	return int32(b.Signs[i])
}

// widen makes room in the keys for the values that are known now.
func (c *counter) widen() error {
	want, grown := make([]int, len(c.dims)), false
	total := 0
	for d := range c.dims {
		want[d] = c.width[d]
		if n := bits.Len(uint(max(0, len(c.values[d])-1))); n > want[d] {
			want[d], grown = n, true
		}
		total += want[d]
	}
	if !grown {
		return nil
	}
	if total > 64 {
		return carnet.E("publish.Build", carnet.Invalid, "publish.cube", fmt.Errorf("the values of %d dimensions need %d bits", len(c.dims), total))
	}
	oldDense, oldSparse, oldWidth := c.dense, c.sparse, c.width
	c.width = want
	if total <= denseBits {
		c.dense = make([]int32, 1<<total)
	} else {
		c.dense, c.sparse = nil, make(map[uint64]int32, len(oldSparse))
	}
	move := func(key uint64, n int32) {
		if n == 0 {
			return
		}
		var to uint64
		shift := 0
		for d, w := range oldWidth {
			to |= key & (1<<w - 1) << shift
			key >>= w
			shift += c.width[d]
		}
		if c.sparse != nil {
			c.sparse[to] = n
		} else {
			c.dense[to] = n
		}
	}
	for k, n := range oldDense {
		move(uint64(k), n)
	}
	for k, n := range oldSparse {
		move(k, n)
	}
	return nil
}

// cube is what was counted, with sorted values and cells.
func (c *counter) cube() *Cube {
	out := &Cube{Axes: make([]Axis, len(c.dims)), Codes: make([][]uint16, len(c.dims))}
	order := make([][]uint16, len(c.dims)) // from the code of the counter to that of the cube
	for d := range c.dims {
		sorted := slices.Sorted(slices.Values(c.values[d]))
		out.Axes[d] = Axis{Name: c.dims[d].Name, Values: sorted}
		order[d] = make([]uint16, len(sorted))
		for i, v := range sorted {
			order[d][c.codes[d][v]] = uint16(i)
		}
	}
	type cell struct {
		key uint64 // the first axis in the highest bits, so that keys sort as cells do
		n   int32
	}
	var cells []cell
	put := func(key uint64, n int32) {
		if n == 0 {
			return
		}
		var to uint64
		for d, w := range c.width {
			to = to<<w | uint64(order[d][key&(1<<w-1)])
			key >>= w
		}
		cells = append(cells, cell{to, n})
	}
	for k, n := range c.dense {
		put(uint64(k), n)
	}
	for k, n := range c.sparse {
		put(k, n)
	}
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Compare(a.key, b.key) })
	out.Counts = make([]int32, len(cells))
	for d := range c.dims {
		out.Codes[d] = make([]uint16, len(cells))
	}
	for i, cell := range cells {
		key := cell.key
		for d := len(c.dims) - 1; d >= 0; d-- {
			out.Codes[d][i] = uint16(key & (1<<c.width[d] - 1))
			key >>= c.width[d]
		}
		out.Counts[i] = cell.n
	}
	return out
}

// Sum adds cubes of the same axes, cell by cell.
func Sum(cubes ...*Cube) (*Cube, error) {
	cubes = slices.DeleteFunc(slices.Clone(cubes), func(c *Cube) bool { return c == nil || len(c.Counts) == 0 })
	switch len(cubes) {
	case 0:
		return &Cube{}, nil
	case 1:
		return cubes[0], nil
	}
	dims := make([]Dimension, len(cubes[0].Axes))
	for d, a := range cubes[0].Axes {
		dims[d] = Dimension{Name: a.Name, Column: a.Name}
	}
	sum := newCounter(dims)
	for _, c := range cubes {
		if !slices.EqualFunc(c.Axes, dims, func(a Axis, d Dimension) bool { return a.Name == d.Name }) {
			return nil, carnet.E("publish.Sum", carnet.Internal, "publish.axes", nil)
		}
		if err := sum.addCube(c); err != nil {
			return nil, err
		}
	}
	return sum.cube(), nil
}

func (c *counter) addCube(other *Cube) error {
	for d, a := range other.Axes {
		c.tables[d] = c.tables[d][:0]
		for _, v := range a.Values {
			n, err := c.code(d, v)
			if err != nil {
				return err
			}
			c.tables[d] = append(c.tables[d], uint64(n))
		}
	}
	if err := c.widen(); err != nil {
		return err
	}
	for i, n := range other.Counts {
		var key uint64
		shift := 0
		for d := range other.Axes {
			key |= c.tables[d][other.Codes[d][i]] << shift
			shift += c.width[d]
		}
		if c.sparse != nil {
			c.sparse[key] += n
		} else {
			c.dense[key] += n
		}
	}
	return nil
}

// Roll is one axis of a smaller cube: an axis of the cube it is made from, with its values mapped.
type Roll struct {
	From string
	Name string                               // "" for the same
	Map  func(string) (value string, in bool) // nil: the same; a value that is not in is left out
}

// Fold sums the cube over the axes that are not named and groups the values of those that are.
func (c *Cube) Fold(rolls ...Roll) (*Cube, error) {
	dims, from := make([]Dimension, len(rolls)), make([]int, len(rolls))
	for i, r := range rolls {
		if from[i] = c.Axis(r.From); from[i] < 0 {
			return nil, &carnet.Error{Op: "publish.Fold", Kind: carnet.Invalid, Code: "publish.column", Field: r.From}
		}
		dims[i] = Dimension{Name: cmp.Or(r.Name, r.From)}
	}
	f := newCounter(dims)
	const out = ^uint64(0)
	for i, r := range rolls {
		for _, v := range c.Axes[from[i]].Values {
			in := true
			if r.Map != nil {
				v, in = r.Map(v)
			}
			if !in {
				f.tables[i] = append(f.tables[i], out)
				continue
			}
			n, err := f.code(i, v)
			if err != nil {
				return nil, err
			}
			f.tables[i] = append(f.tables[i], uint64(n))
		}
	}
	if err := f.widen(); err != nil {
		return nil, err
	}
	keys := make([]uint64, len(c.Counts))
	shift := 0
	for i := range rolls {
		table, codes := f.tables[i], c.Codes[from[i]]
		for j, v := range table {
			if v != out {
				table[j] = v << shift
			}
		}
		for j, code := range codes {
			if v := table[code]; v == out || keys[j] == out {
				keys[j] = out
			} else {
				keys[j] |= v
			}
		}
		shift += f.width[i]
	}
	for i, k := range keys {
		switch {
		case k == out:
		case f.sparse != nil:
			f.sparse[k] += c.Counts[i]
		default:
			f.dense[k] += c.Counts[i]
		}
	}
	return f.cube(), nil
}

// Keep is a condition for Fold: the value is one of those.
func Keep(values ...string) func(string) (string, bool) {
	return func(v string) (string, bool) { return v, slices.Contains(values, v) }
}

// Cells calls f with the values and the count of every cell; values is reused.
func (c *Cube) Cells(f func(values []string, n int32)) {
	values := make([]string, len(c.Axes))
	for i, n := range c.Counts {
		for d := range c.Axes {
			values[d] = c.Axes[d].Values[c.Codes[d][i]]
		}
		f(values, n)
	}
}

// Total is the number of doses in the cube.
func (c *Cube) Total() (n int64) {
	for _, v := range c.Counts {
		n += int64(v)
	}
	return n
}
