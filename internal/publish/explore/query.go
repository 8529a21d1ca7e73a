package explore

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/publish/odsql"
	"carnet/internal/publish/release"
)

// failure is an error of the API with its status and code.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.message }

func badParameter(format string, args ...any) error {
	return &failure{400, "InvalidRESTParameterError", fmt.Sprintf(format, args...)}
}

// malformed is a query that can be read and cannot be answered.
func malformed(clause, format string, args ...any) error {
	return &failure{400, "ODSQLError", "ODSQL query is malformed: " + fmt.Sprintf(format, args...) + " Clause(s) containing the error(s): " + clause + "."}
}

func syntax(err error) error { return &failure{400, "ODSQLSyntaxError", err.Error()} }

// engine answers questions on one frame.
type engine struct {
	frame *release.Frame
	now   time.Time
}

func (e *engine) column(clause, name string) (*release.Column, error) {
	c := e.frame.Column(name)
	if c == nil {
		return nil, malformed(clause, "Unknown field: %s", name)
	}
	return c, nil
}

type predicate func(row int) bool

// condition compiles a where clause.
func (e *engine) condition(x odsql.Expr) (predicate, error) {
	switch x := x.(type) {
	case odsql.Binary:
		switch x.Op {
		case "and", "or":
			left, err := e.condition(x.Left)
			if err != nil {
				return nil, err
			}
			right, err := e.condition(x.Right)
			if x.Op == "and" {
				return func(row int) bool { return left(row) && right(row) }, err
			}
			return func(row int) bool { return left(row) || right(row) }, err
		case "like":
			left, err := e.expression("where", x.Left)
			if err != nil {
				return nil, err
			}
			asked := wordsOf(x.Right.(odsql.Literal).Text)
			matches := memo(func(s string) bool {
				words := wordsOf(s)
				return !slices.ContainsFunc(asked, func(w string) bool { return !slices.Contains(words, w) })
			})
			return func(row int) bool { v := left(row); return v.kind == text && matches(v.s) }, nil
		}
		return e.comparison(x)
	case odsql.Not:
		of, err := e.condition(x.Of)
		return func(row int) bool { return !of(row) }, err
	case odsql.IsNull:
		c, err := e.column("where", x.Field.Name)
		return func(row int) bool { return c.Null(row) != x.Not }, err
	case odsql.In:
		var any predicate
		for _, l := range x.Values {
			one, err := e.comparison(odsql.Binary{Op: "=", Left: x.Field, Right: l})
			if err != nil {
				return nil, err
			}
			if before := any; before != nil {
				any = func(row int) bool { return before(row) || one(row) }
			} else {
				any = one
			}
		}
		return any, nil
	case odsql.Has:
		return e.comparison(odsql.Binary{Op: "=", Left: x.Field, Right: x.Value})
	case odsql.Between:
		all := predicate(func(int) bool { return true })
		for _, b := range []struct {
			bound odsql.Literal
			op    string
			open  bool
		}{{x.Low, ">", x.OpenLow}, {x.High, "<", x.OpenHigh}} {
			if b.bound.Kind == odsql.Null {
				continue
			}
			op := b.op
			if !b.open {
				op += "="
			}
			one, err := e.comparison(odsql.Binary{Op: op, Left: x.Field, Right: b.bound})
			if err != nil {
				return nil, err
			}
			before := all
			all = func(row int) bool { return before(row) && one(row) }
		}
		_, err := e.column("where", x.Field.Name)
		return all, err
	case odsql.Search:
		return e.search(x)
	}
	return nil, malformed("where", "this is not a condition.")
}

// memo remembers what was found for each text.
func memo(f func(string) bool) func(string) bool {
	known := map[string]bool{}
	return func(s string) bool {
		v, ok := known[s]
		if !ok {
			v = f(s)
			known[s] = v
		}
		return v
	}
}

func holds(op string, c int) bool {
	switch op {
	case "=":
		return c == 0
	case "!=":
		return c != 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	case ">=":
		return c >= 0
	}
	return c <= 0
}

// comparison compiles a comparison. One with null is false.
func (e *engine) comparison(x odsql.Binary) (predicate, error) {
	if f, ok := x.Left.(odsql.Field); ok {
		if l, ok := x.Right.(odsql.Literal); ok {
			c, err := e.column("where", f.Name)
			if err != nil {
				return nil, err
			}
			return e.fieldComparison(c, x.Op, l)
		}
	}
	left, err := e.expression("where", x.Left)
	if err != nil {
		return nil, err
	}
	right, err := e.expression("where", x.Right)
	if err != nil {
		return nil, err
	}
	return func(row int) bool {
		a, b := left(row), right(row)
		if a.kind == null || b.kind == null {
			return false
		}
		if a.kind != b.kind {
			if a.kind == date && b.kind == text {
				day, _, ok := parseDate(b.s)
				return ok && holds(x.Op, strings.Compare(a.s, day))
			}
			if a.kind == text && b.kind == date {
				day, _, ok := parseDate(a.s)
				return ok && holds(x.Op, strings.Compare(day, b.s))
			}
			return x.Op == "!="
		}
		return holds(x.Op, compare(a, b))
	}, nil
}

// fieldComparison compares a field with a literal by the codes or the numbers of its column.
func (e *engine) fieldComparison(c *release.Column, op string, l odsql.Literal) (predicate, error) {
	never := func(int) bool { return false }
	if l.Kind == odsql.Null {
		return never, nil
	}
	switch c.Type {
	case release.Int, release.Double:
		n := l.Number
		if l.Kind != odsql.Number {
			return nil, malformed("where", "the field %s is a number and is compared with something else.", c.Name)
		}
		if c.Type == release.Double {
			return func(row int) bool {
				v := c.Floats[row]
				return !math.IsNaN(v) && holds(op, boolInt(v > n)-boolInt(v < n))
			}, nil
		}
		return func(row int) bool {
			v := c.Ints[row]
			return v != release.NullInt && holds(op, boolInt(float64(v) > n)-boolInt(float64(v) < n))
		}, nil
	}
	s := l.Text
	switch {
	case l.Kind == odsql.Boolean:
		return nil, malformed("where", "the field %s is not a boolean.", c.Name)
	case c.Type == release.Date:
		day, _, ok := parseDate(s)
		if !ok {
			return nil, malformed("where", "%q is not a date.", s)
		}
		s = day
	}
	at, found := slices.BinarySearch(c.Dict, s)
	code := uint32(at)
	switch op {
	case "=":
		if !found {
			return never, nil
		}
		return func(row int) bool { return c.Codes[row] == code }, nil
	case "!=":
		return func(row int) bool { v := c.Codes[row]; return v != release.NullCode && (!found || v != code) }, nil
	case "<":
		return func(row int) bool { return c.Codes[row] < code }, nil
	case "<=":
		return func(row int) bool { return c.Codes[row] < code || found && c.Codes[row] == code }, nil
	case ">=":
		return func(row int) bool { return c.Codes[row] >= code && c.Codes[row] != release.NullCode }, nil
	}
	return func(row int) bool {
		v := c.Codes[row]
		return v != release.NullCode && (v > code || !found && v == code)
	}, nil
}

// search compiles search, suggest, startswith and texts that stand alone.
func (e *engine) search(x odsql.Search) (predicate, error) {
	var columns []*release.Column
	for _, f := range x.Fields {
		c, err := e.column("where", f.Name)
		if err != nil {
			return nil, err
		}
		if c.Codes == nil {
			return nil, malformed("where", "the field %s is not a text.", c.Name)
		}
		columns = append(columns, c)
	}
	if columns == nil {
		for _, c := range e.frame.Visible() {
			if c.Type == release.Text {
				columns = append(columns, c)
			}
		}
	}
	anywhere := func(matches func(string) bool) predicate {
		found := make([][]bool, len(columns))
		for i, c := range columns {
			found[i] = make([]bool, len(c.Dict))
			for code, s := range c.Dict {
				found[i][code] = matches(s)
			}
		}
		return func(row int) bool {
			for i, c := range columns {
				if code := c.Codes[row]; code != release.NullCode && found[i][code] {
					return true
				}
			}
			return false
		}
	}
	if x.Mode == "startswith" {
		return anywhere(func(s string) bool { return strings.HasPrefix(s, x.Text) }), nil
	}
	asked := wordsOf(x.Text)
	if len(asked) > 20 {
		return nil, malformed("where", "more than 20 words are searched.")
	}
	all := predicate(func(int) bool { return true })
	for i, w := range asked {
		last := i == len(asked)-1
		one := anywhere(func(s string) bool {
			return slices.ContainsFunc(wordsOf(s), func(word string) bool {
				switch {
				case word == w:
					return true
				case x.Mode == "suggest" || x.Mode == "search" && last:
					if strings.HasPrefix(word, w) {
						return true
					}
				}
				return x.Mode == "search" && near(word, w)
			})
		})
		before := all
		all = func(row int) bool { return before(row) && one(row) }
	}
	return all, nil
}

// expression compiles an expression of one row.
func (e *engine) expression(clause string, x odsql.Expr) (func(int) value, error) {
	switch x := x.(type) {
	case odsql.Literal:
		v, err := literal(clause, x)
		return func(int) value { return v }, err
	case odsql.Field:
		c, err := e.column(clause, x.Name)
		if err != nil {
			return nil, err
		}
		return fieldValue(c), nil
	case odsql.Binary:
		left, err := e.expression(clause, x.Left)
		if err != nil {
			return nil, err
		}
		right, err := e.expression(clause, x.Right)
		if err != nil {
			return nil, err
		}
		return func(row int) value { return arithmetic(x.Op, left(row), right(row)) }, nil
	case odsql.Call:
		return e.call(clause, x)
	}
	return nil, malformed(clause, "this is not an expression.")
}

func literal(clause string, l odsql.Literal) (value, error) {
	switch l.Kind {
	case odsql.Number:
		return numberOf(l.Number), nil
	case odsql.Boolean:
		return value{kind: boolean, n: float64(boolInt(l.Bool))}, nil
	case odsql.Date:
		day, _, ok := parseDate(l.Text)
		if !ok {
			return value{}, malformed(clause, "%q is not a date.", l.Text)
		}
		return value{kind: date, s: day}, nil
	case odsql.Text:
		return value{kind: text, s: l.Text}, nil
	}
	return value{}, nil
}

// arithmetic gives null for what is not a number, and for a division by zero.
func arithmetic(op string, a, b value) value {
	if a.kind != number || b.kind != number {
		return value{}
	}
	switch op {
	case "+":
		return numberOf(a.n + b.n)
	case "-":
		return numberOf(a.n - b.n)
	case "*":
		return numberOf(a.n * b.n)
	case "/":
		return numberOf(a.n / b.n)
	}
	return value{}
}

func (e *engine) call(clause string, x odsql.Call) (func(int) value, error) {
	var args []func(int) value
	for _, a := range x.Args {
		f, err := e.expression(clause, a)
		if err != nil {
			return nil, err
		}
		args = append(args, f)
	}
	onText := func(f func(string) value) func(int) value {
		return func(row int) value {
			if v := args[0](row); v.kind == text || v.kind == date {
				return f(v.s)
			}
			return value{}
		}
	}
	part := func(f func(carnet.Date) int) func(int) value {
		return onText(func(s string) value {
			d, err := carnet.ParseDate(s)
			if err != nil {
				return value{}
			}
			return value{kind: number, n: float64(f(d))}
		})
	}
	switch x.Name {
	case "length":
		return onText(func(s string) value { return value{kind: number, n: float64(len([]rune(s)))} }), nil
	case "lower":
		return onText(func(s string) value { return value{kind: text, s: strings.ToLower(s)} }), nil
	case "upper":
		return onText(func(s string) value { return value{kind: text, s: strings.ToUpper(s)} }), nil
	case "year":
		return part(func(d carnet.Date) int { return d.Year }), nil
	case "month":
		return part(func(d carnet.Date) int { return int(d.Month) }), nil
	case "day":
		return part(func(d carnet.Date) int { return d.Day }), nil
	case "dayofweek":
		return part(func(d carnet.Date) int {
			return int(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()+6) % 7
		}), nil
	case "hour", "minute", "second":
		return part(func(carnet.Date) int { return 0 }), nil
	case "ifnull":
		return func(row int) value {
			if v := args[0](row); v.kind != null {
				return v
			}
			return args[1](row)
		}, nil
	case "date_format":
		layout, ok := x.Args[1].(odsql.Literal)
		if !ok || layout.Kind != odsql.Text {
			return nil, malformed(clause, "date_format wants a text of letters.")
		}
		if _, ok := formatDate("2021-01-01", layout.Text); !ok {
			return nil, malformed(clause, "%q is not a form of dates.", layout.Text)
		}
		return onText(func(s string) value {
			out, ok := formatDate(s, layout.Text)
			if !ok {
				return value{}
			}
			return value{kind: text, s: out}
		}), nil
	case "now":
		at, err := now(e.now, x.Named)
		if err != nil {
			return nil, malformed(clause, "%v.", err)
		}
		v := value{kind: date, s: carnet.DateOf(at).String()}
		return func(int) value { return v }, nil
	}
	return nil, malformed(clause, "the function %s cannot be used here.", x.Name)
}

// now moves the present by the arguments of now(): years=-1 adds, year=2021 sets.
func now(at time.Time, named map[string]float64) (time.Time, error) {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		n := int(named[name])
		if n < -100_000 || n > 100_000 {
			return at, fmt.Errorf("%d is too far", n)
		}
		switch name {
		case "years":
			at = at.AddDate(n, 0, 0)
		case "months":
			at = at.AddDate(0, n, 0)
		case "weeks":
			at = at.AddDate(0, 0, 7*n)
		case "days":
			at = at.AddDate(0, 0, n)
		case "hours":
			at = at.Add(time.Duration(n) * time.Hour)
		case "minutes":
			at = at.Add(time.Duration(n) * time.Minute)
		case "seconds":
			at = at.Add(time.Duration(n) * time.Second)
		case "year":
			at = time.Date(n, at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		case "month":
			at = time.Date(at.Year(), time.Month(n), at.Day(), 0, 0, 0, 0, time.UTC)
		case "day":
			at = time.Date(at.Year(), at.Month(), n, 0, 0, 0, 0, time.UTC)
		case "weekday":
			at = at.AddDate(0, 0, n-int(at.Weekday()+6)%7)
		default:
			day := slices.Index([]string{"mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays"}, name)
			if day < 0 {
				return at, fmt.Errorf("now() has no argument %s", name)
			}
			to := day - int(at.Weekday()+6)%7
			switch {
			case n > 0 && to <= 0:
				to += 7 * n
			case n > 0:
				to += 7 * (n - 1)
			case n < 0 && to >= 0:
				to += 7 * n
			case n < 0:
				to += 7 * (n + 1)
			}
			at = at.AddDate(0, 0, to)
		}
	}
	return at, nil
}
