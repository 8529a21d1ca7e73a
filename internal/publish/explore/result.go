package explore

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/publish/odsql"
	"carnet/internal/publish/release"
)

// question is what a request asks of a dataset.
type question struct {
	where         []odsql.Expr
	keep          []predicate // refine, exclude
	selected      []odsql.Item
	group         []odsql.Group
	order         []odsql.Order
	limit, offset int // limit -1: all
}

// result is the columns of an answer and which of their rows it has, in order.
type result struct {
	columns []*release.Column
	rows    []int
	total   int
	grouped bool
	mixed   bool // totals and details were added up
}

const (
	maxGroups   = 1 << 18
	maxDistinct = 1 << 20
)

// ask answers a question.
func (e *engine) ask(q *question) (*result, error) {
	keep := slices.Clone(q.keep)
	for _, w := range q.where {
		p, err := e.condition(w)
		if err != nil {
			return nil, err
		}
		keep = append(keep, p)
	}
	rows := make([]int, 0, 1024)
scan:
	for row := range e.frame.Rows {
		for _, p := range keep {
			if !p(row) {
				continue scan
			}
		}
		rows = append(rows, row)
	}
	if q.group != nil || slices.ContainsFunc(q.selected, func(i odsql.Item) bool { return aggregates(i.Expr) }) {
		return e.askGroups(q, rows)
	}
	out := &result{total: len(rows)}
	aliases := map[string]odsql.Expr{}
	for _, i := range q.selected {
		if i.Alias != "" {
			aliases[i.Alias] = i.Expr
		}
	}
	var by []func(a, b int) int
	for _, o := range q.order {
		x := o.Expr
		if f, ok := x.(odsql.Field); ok && aliases[f.Name] != nil {
			x = aliases[f.Name]
		}
		if aggregates(x) {
			return nil, malformed("order_by", "an aggregate orders groups, and there is no group_by.")
		}
		one, err := e.orderBy(x, o.Desc)
		if err != nil {
			return nil, err
		}
		by = append(by, one)
	}
	sortRows(rows, by)
	rows = page(rows, q)
	return out, e.project(out, q.selected, rows)
}

func sortRows(rows []int, by []func(a, b int) int) {
	if len(by) == 0 {
		return
	}
	slices.SortStableFunc(rows, func(a, b int) int {
		for _, one := range by {
			if c := one(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
}

// orderBy compares rows; null is last in both directions.
func (e *engine) orderBy(x odsql.Expr, desc bool) (func(a, b int) int, error) {
	if c, ok := x.(odsql.Call); ok && c.Name == "random" {
		seed, ok := c.Args[0].(odsql.Literal)
		if !ok || seed.Kind != odsql.Number {
			return nil, malformed("order_by", "random wants a number.")
		}
		return func(a, b int) int { return int(mix(a, seed.Number)>>33) - int(mix(b, seed.Number)>>33) }, nil
	}
	f, err := e.expression("order_by", x)
	if err != nil {
		return nil, err
	}
	return func(a, b int) int {
		x, y := f(a), f(b)
		c := compare(x, y)
		if desc && x.kind != null && y.kind != null {
			return -c
		}
		return c
	}, nil
}

// mix scatters row numbers, the same way for the same seed.
func mix(row int, seed float64) uint64 {
	z := uint64(row)*0x9e3779b97f4a7c15 + math.Float64bits(seed)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func page(rows []int, q *question) []int {
	rows = rows[min(q.offset, len(rows)):]
	if q.limit >= 0 {
		rows = rows[:min(q.limit, len(rows))]
	}
	return rows
}

func aggregates(x odsql.Expr) bool {
	switch x := x.(type) {
	case odsql.Call:
		return slices.Contains(odsql.Aggregates, x.Name)
	case odsql.Binary:
		return aggregates(x.Left) || aggregates(x.Right)
	}
	return false
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// project makes the columns of an answer: those of the frame as they are, those of expressions for the rows alone.
func (e *engine) project(out *result, selected []odsql.Item, rows []int) error {
	if selected == nil {
		selected = []odsql.Item{{Star: true}}
	}
	type made struct {
		name string
		f    func(int) value
	}
	var computed []made
	add := func(c *release.Column) {
		if !slices.ContainsFunc(out.columns, func(o *release.Column) bool { return o.Name == c.Name }) {
			out.columns = append(out.columns, c)
		}
	}
	if slices.IndexFunc(selected, func(i odsql.Item) bool { return i.Exclude == "" }) < 0 {
		selected = append([]odsql.Item{{Star: true}}, selected...)
	}
	for _, item := range selected {
		switch {
		case item.Star:
			for _, c := range e.frame.Visible() {
				add(c)
			}
		case item.Include != "":
			for _, c := range e.frame.Visible() {
				if matches(item.Include, c.Name) {
					add(c)
				}
			}
		case item.Exclude != "":
			out.columns = slices.DeleteFunc(out.columns, func(c *release.Column) bool { return matches(item.Exclude, c.Name) })
		default:
			if f, ok := item.Expr.(odsql.Field); ok {
				c, err := e.column("select", f.Name)
				if err != nil {
					return err
				}
				shown := *c
				shown.Hidden = false
				if item.Alias != "" {
					shown.Name, shown.Label = item.Alias, item.Alias
				}
				add(&shown)
				continue
			}
			f, err := e.expression("select", item.Expr)
			if err != nil {
				return err
			}
			name := item.Alias
			if name == "" {
				name = item.Text
			}
			computed = append(computed, made{name, f})
			add(&release.Column{Field: release.Field{Name: name, Label: name}})
		}
	}
	out.rows = rows
	if len(computed) == 0 {
		return nil
	}
	// Rows are numbered anew: every column is made for them.
	for i, c := range out.columns {
		f := fieldValue
		values := make([]value, len(rows))
		if m := slices.IndexFunc(computed, func(m made) bool { return m.name == c.Name && c.Type == "" }); m >= 0 {
			for j, row := range rows {
				values[j] = computed[m].f(row)
			}
			out.columns[i] = columnOf(c.Field, values)
			continue
		}
		read := f(c)
		for j, row := range rows {
			values[j] = read(row)
		}
		out.columns[i] = columnOf(c.Field, values)
	}
	out.rows = make([]int, len(rows))
	for j := range out.rows {
		out.rows[j] = j
	}
	return nil
}

// columnOf makes a column of values; its type is that of the first one that is not null when the field has none.
func columnOf(field release.Field, values []value) *release.Column {
	if field.Type == "" {
		field.Type = release.Text
		if i := slices.IndexFunc(values, func(v value) bool { return v.kind != null }); i >= 0 {
			switch values[i].kind {
			case number:
				field.Type = release.Double
				if !slices.ContainsFunc(values, func(v value) bool {
					return v.kind == number && (v.n != math.Trunc(v.n) || math.Abs(v.n) > math.MaxInt32)
				}) {
					field.Type = release.Int
				}
			case date:
				field.Type = release.Date
			}
		}
	}
	field.Hidden = false
	b := release.NewBuilder([]release.Field{field})
	for _, v := range values {
		switch field.Type {
		case release.Int:
			if v.kind != number {
				b.Int(release.NullInt)
			} else {
				b.Int(int32(v.n))
			}
		case release.Double:
			if v.kind != number {
				b.Double(math.NaN())
			} else {
				b.Double(v.n)
			}
		default:
			if v.kind == boolean {
				v.s = fmt.Sprint(v.n == 1)
			}
			b.Text(v.s)
		}
	}
	return b.Frame().Columns[0]
}

// key is one of group_by, compiled.
type key struct {
	name string
	text string
	expr odsql.Expr
	of   func(int) value
	col  *release.Column // a plain field with a dictionary
}

func (e *engine) key(g odsql.Group) (key, error) {
	k := key{name: g.Alias, text: g.Text, expr: g.Expr}
	if k.name == "" {
		k.name = g.Text
	}
	if g.Range != nil {
		f, err := e.rangeKey(g.Range)
		k.of = f
		return k, err
	}
	f, ok := g.Expr.(odsql.Field)
	if c, isCall := g.Expr.(odsql.Call); !ok && (!isCall || c.Name == "now" || c.Name == "length" || c.Name == "random") {
		return k, malformed("group_by", "%s cannot be grouped by.", g.Text)
	}
	var err error
	if k.of, err = e.expression("group_by", g.Expr); err != nil {
		return k, err
	}
	if ok {
		if c := e.frame.Column(f.Name); c.Codes != nil {
			k.col = c
		}
		if g.Alias == "" {
			k.name = f.Name
		}
	}
	return k, nil
}

// rangeKey groups numbers and dates in ranges that include their lower bound: [0, 10[.
func (e *engine) rangeKey(r *odsql.Range) (func(int) value, error) {
	c, err := e.column("group_by", r.Field.Name)
	if err != nil {
		return nil, err
	}
	of := fieldValue(c)
	switch {
	case r.Bounds != nil:
		var bounds []value
		for _, b := range r.Bounds {
			if c.Type == release.Date && b.Kind == odsql.Text {
				b.Kind = odsql.Date
			}
			v, err := literal("group_by", b)
			if err != nil {
				return nil, err
			}
			if v.kind != number && v.kind != date || (c.Type == release.Date) != (v.kind == date) || c.Codes != nil && c.Type != release.Date {
				return nil, malformed("group_by", "the bounds of the range do not fit the field %s.", c.Name)
			}
			bounds = append(bounds, v)
		}
		if !slices.IsSortedFunc(bounds, compare) {
			return nil, malformed("group_by", "the bounds of the range are not in order.")
		}
		return func(row int) value {
			v := of(row)
			if v.kind == null {
				return value{}
			}
			i := 0
			for i < len(bounds) && compare(v, bounds[i]) >= 0 {
				i++
			}
			low, high := "*", "*"
			if i > 0 {
				low = plain(bounds[i-1])
			} else if !r.OpenLow {
				return value{}
			}
			if i < len(bounds) {
				high = plain(bounds[i])
			} else if !r.OpenTop {
				return value{}
			}
			return value{kind: text, s: "[" + low + ", " + high + "["}
		}, nil
	case r.Unit == "":
		if c.Codes != nil {
			return nil, malformed("group_by", "the field %s is not a number.", c.Name)
		}
		return func(row int) value {
			v := of(row)
			if v.kind == null {
				return value{}
			}
			low := math.Floor(v.n/r.Step) * r.Step
			return value{kind: text, s: "[" + plain(numberOf(low)) + ", " + plain(numberOf(low+r.Step)) + "["}
		}, nil
	case c.Type != release.Date:
		return nil, malformed("group_by", "the field %s is not a date.", c.Name)
	}
	return func(row int) value {
		v := of(row)
		if v.kind == null {
			return value{}
		}
		d, err := carnet.ParseDate(v.s)
		if err != nil {
			return value{}
		}
		low, high := rangeOf(d, r)
		return value{kind: text, s: "[" + low.String() + ", " + high.String() + "["}
	}, nil
}

// rangeOf is the range of days that a day is in.
func rangeOf(d carnet.Date, r *odsql.Range) (low, high carnet.Date) {
	months := func(first, n int) (carnet.Date, carnet.Date) {
		at := func(month int) carnet.Date {
			t := time.Date(d.Year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
			return carnet.Date{Year: t.Year(), Month: t.Month(), Day: 1}
		}
		return at(first), at(first + n)
	}
	switch n := int(r.Step); r.Unit {
	case "y":
		return months(1, 12)
	case "q":
		return months((int(d.Month)-1)/3*3+1, 3)
	case "M":
		return months(int(d.Month), 1)
	case "w":
		_, monday := isoWeek(d)
		return monday, monday.AddDays(7)
	case "d":
		low = carnet.DateOfDays(d.Days() / n * n)
		return low, low.AddDays(n)
	}
	return d, d.AddDays(1) // the days of this portal have no hours
}

func isoWeek(d carnet.Date) (int, carnet.Date) {
	at := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	_, n := at.ISOWeek()
	return n, d.AddDays(-(int(at.Weekday()+6) % 7))
}

// plain writes a bound.
func plain(v value) string {
	if v.kind == number {
		return strconv.FormatFloat(v.n, 'f', -1, 64)
	}
	return v.s
}

// aggregate is one aggregate of a query while rows are added to it.
type aggregate struct {
	call  odsql.Call
	of    func(int) value
	share float64 // of percentile
	state []aggregated
}

// aggregated is an aggregate of one group.
type aggregated struct {
	n        int
	sum      float64
	min, max value
	distinct map[value]bool
	all      []float64
}

func (e *engine) aggregate(c odsql.Call) (*aggregate, error) {
	a := &aggregate{call: c}
	if c.Star {
		return a, nil
	}
	var err error
	if a.of, err = e.expression("select", c.Args[0]); err != nil {
		return nil, err
	}
	if c.Name == "percentile" {
		l, ok := c.Args[1].(odsql.Literal)
		if !ok || l.Kind != odsql.Number || l.Number < 0 || l.Number > 100 {
			return nil, malformed("select", "percentile wants a number from 0 to 100.")
		}
		a.share = l.Number / 100
	}
	if c.Name == "median" {
		a.share = 0.5
	}
	if f, ok := c.Args[0].(odsql.Field); ok && c.Name != "count" && c.Name != "min" && c.Name != "max" {
		if col := e.frame.Column(f.Name); col != nil && col.Codes != nil {
			return nil, malformed("select", "the field %s is not a number.", f.Name)
		}
	}
	return a, nil
}

func (a *aggregate) add(group, row int) error {
	s := &a.state[group]
	if a.of == nil {
		s.n++
		return nil
	}
	v := a.of(row)
	if v.kind == null {
		return nil
	}
	s.n++
	switch a.call.Name {
	case "count":
		if a.call.Distinct {
			if s.distinct == nil {
				s.distinct = map[value]bool{}
			}
			if s.distinct[v] = true; len(s.distinct) > maxDistinct {
				return malformed("select", "too many distinct values.")
			}
		}
	case "sum", "avg":
		s.sum += v.n
	case "min":
		if s.n == 1 || compare(v, s.min) < 0 {
			s.min = v
		}
	case "max":
		if s.n == 1 || compare(v, s.max) > 0 {
			s.max = v
		}
	default:
		s.all = append(s.all, v.n)
	}
	return nil
}

func (a *aggregate) value(group int) value {
	s := &a.state[group]
	switch {
	case a.call.Distinct:
		return numberOf(float64(len(s.distinct)))
	case a.call.Name == "count":
		return numberOf(float64(s.n))
	case s.n == 0:
		return value{}
	}
	switch a.call.Name {
	case "sum":
		return numberOf(s.sum)
	case "avg":
		return numberOf(s.sum / float64(s.n))
	case "min":
		return s.min
	case "max":
		return s.max
	}
	slices.Sort(s.all)
	at := a.share * float64(len(s.all)-1)
	low := int(at)
	high := min(low+1, len(s.all)-1)
	return numberOf(s.all[low] + (at-float64(low))*(s.all[high]-s.all[low]))
}

// askGroups answers with groups, or with one line when aggregates are asked for and no group.
func (e *engine) askGroups(q *question, rows []int) (*result, error) {
	var keys []key
	for _, g := range q.group {
		k, err := e.key(g)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	groupOf, first, err := group(keys, rows)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		first = []int{0}
	}
	out := &result{grouped: true, total: len(first)}
	if level := e.frame.Column("niveau"); level != nil {
		seen := make([]uint32, len(first))
		for i, row := range rows {
			g, code := groupOf[i], level.Codes[row]+1
			out.mixed = out.mixed || seen[g] != 0 && seen[g] != code
			seen[g] = code
		}
	}
	var wanted []*aggregate
	var compile func(clause string, x odsql.Expr) (func(int) value, error)
	compile = func(clause string, x odsql.Expr) (func(int) value, error) {
		for _, k := range keys {
			if f, ok := x.(odsql.Field); k.expr != nil && same(k.expr, x) || ok && (f.Name == k.name || f.Name == k.text) {
				return func(g int) value { return k.of(first[g]) }, nil
			}
		}
		switch x := x.(type) {
		case odsql.Literal:
			v, err := literal(clause, x)
			return func(int) value { return v }, err
		case odsql.Binary:
			left, err := compile(clause, x.Left)
			if err != nil {
				return nil, err
			}
			right, err := compile(clause, x.Right)
			return func(g int) value { return arithmetic(x.Op, left(g), right(g)) }, err
		case odsql.Call:
			if slices.Contains(odsql.Aggregates, x.Name) {
				a, err := e.aggregate(x)
				if err != nil {
					return nil, err
				}
				wanted = append(wanted, a)
				return a.value, nil
			}
		case odsql.Field:
			if e.frame.Column(x.Name) == nil {
				return nil, malformed(clause, "Unknown field: %s", x.Name)
			}
			return nil, malformed(clause, "the field %s is neither grouped by nor aggregated.", x.Name)
		}
		return nil, malformed(clause, "this cannot be said of a group.")
	}
	type named struct {
		name string
		f    func(int) value
	}
	var columns []named
	for _, k := range keys {
		columns = append(columns, named{k.name, func(g int) value { return k.of(first[g]) }})
	}
	aliases := map[string]func(int) value{}
	selected := q.selected
	if selected == nil {
		selected = []odsql.Item{}
	}
	for _, item := range selected {
		if item.Star || item.Include != "" || item.Exclude != "" {
			continue // the keys are there
		}
		name := item.Alias
		if name == "" {
			name = item.Text
		}
		f, err := compile("select", item.Expr)
		if err != nil {
			return nil, err
		}
		aliases[name] = f
		if !slices.ContainsFunc(columns, func(c named) bool { return c.name == name }) {
			columns = append(columns, named{name, f})
		}
	}
	type ordering struct {
		f    func(int) value
		desc bool
	}
	var by []ordering
	for _, o := range q.order {
		f, isField := o.Expr.(odsql.Field)
		if isField && aliases[f.Name] != nil {
			by = append(by, ordering{aliases[f.Name], o.Desc})
			continue
		}
		g, err := compile("order_by", o.Expr)
		if err != nil {
			return nil, err
		}
		by = append(by, ordering{g, o.Desc})
	}
	for _, a := range wanted {
		a.state = make([]aggregated, len(first))
		for i, row := range rows {
			if err := a.add(groupOf[i], row); err != nil {
				return nil, err
			}
		}
	}
	order := make([]int, len(first))
	for i := range order {
		order[i] = i
	}
	if len(by) == 0 { // groups in the order of their keys, so that pages do not change
		for _, k := range keys {
			by = append(by, ordering{func(g int) value { return k.of(first[g]) }, false})
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		for _, o := range by {
			x, y := o.f(a), o.f(b)
			c := compare(x, y)
			if o.desc && x.kind != null && y.kind != null {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	order = page(order, q)
	for _, c := range columns {
		values := make([]value, len(order))
		for i, g := range order {
			values[i] = c.f(g)
		}
		field := release.Field{Name: c.name, Label: c.name}
		if known := e.frame.Column(c.name); known != nil {
			field.Label, field.Type = known.Label, known.Type
			if slices.ContainsFunc(values, func(v value) bool { return !fits(v, known.Type) }) {
				field.Type = ""
			}
		}
		out.columns = append(out.columns, columnOf(field, values))
	}
	out.rows = make([]int, len(order))
	for i := range out.rows {
		out.rows[i] = i
	}
	return out, nil
}

func fits(v value, t release.Type) bool {
	switch v.kind {
	case null:
		return true
	case number:
		return t == release.Double || t == release.Int && v.n == math.Trunc(v.n) && math.Abs(v.n) <= math.MaxInt32
	case date:
		return t == release.Date
	}
	return t == release.Text
}

// same compares two expressions, wherever they stand.
func same(a, b odsql.Expr) bool {
	switch a := a.(type) {
	case odsql.Field:
		b, ok := b.(odsql.Field)
		return ok && a.Name == b.Name
	case odsql.Literal:
		b, ok := b.(odsql.Literal)
		a.Position, b.Position = 0, 0
		return ok && a == b
	case odsql.Call:
		b, ok := b.(odsql.Call)
		return ok && a.Name == b.Name && slices.EqualFunc(a.Args, b.Args, same)
	}
	return false
}

// group gives each row the number of its group, and each group one of its rows.
func group(keys []key, rows []int) (of []int, first []int, err error) {
	of = make([]int, len(rows))
	known := map[string]int{}
	codes := map[uint64]int{}
	var buffer []byte
	width := uint64(1)
	for _, k := range keys {
		if k.col == nil || width > 1<<40 {
			width = 0
			break
		}
		width *= uint64(len(k.col.Dict) + 1)
	}
	for i, row := range rows {
		var g int
		var ok bool
		if width > 0 {
			var code uint64
			for _, k := range keys {
				code = code*uint64(len(k.col.Dict)+1) + uint64(k.col.Codes[row]+1) // null is 0
			}
			if g, ok = codes[code]; !ok {
				codes[code] = len(first)
			}
		} else {
			buffer = buffer[:0]
			for _, k := range keys {
				v := k.of(row)
				buffer = append(buffer, byte(v.kind))
				buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(v.n))
				buffer = binary.AppendUvarint(buffer, uint64(len(v.s)))
				buffer = append(buffer, v.s...)
			}
			if g, ok = known[string(buffer)]; !ok {
				known[string(buffer)] = len(first)
			}
		}
		if !ok {
			g = len(first)
			if first = append(first, row); len(first) > maxGroups {
				return nil, nil, malformed("group_by", "more than %d groups.", maxGroups)
			}
		}
		of[i] = g
	}
	return of, first, nil
}
