package certlogic_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/certlogic"
)

type evaluation struct {
	Name  string
	Cases []struct {
		Expression json.RawMessage
		Data       json.RawMessage
		Result     any
		Error      certlogic.Code
		Pointer    string
	}
}

func evaluations(t testing.TB) (groups []evaluation) {
	t.Helper()
	text, err := os.ReadFile("testdata/evaluation.json")
	if err == nil {
		err = json.Unmarshal(text, &groups)
	}
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestGoldenEvaluation runs the own suite.
func TestGoldenEvaluation(t *testing.T) {
	total := 0
	for _, g := range evaluations(t) {
		t.Run(g.Name, func(t *testing.T) {
			for _, c := range g.Cases {
				total++
				e, err := certlogic.Parse(c.Expression)
				if err != nil {
					t.Errorf("%s: %v", c.Expression, err)
					continue
				}
				var data any // by the decoder of the standard library: floats
				if err := json.Unmarshal(c.Data, &data); err != nil {
					t.Fatal(err)
				}
				got, err := e.Evaluate(data)
				if c.Error == "" {
					if err != nil || !reflect.DeepEqual(comparable(t, got), c.Result) {
						t.Errorf("%s over %s: %v, %v; expected %v", c.Expression, c.Data, got, err, c.Result)
					}
				} else if failure, ok := errors.AsType[*certlogic.Error](err); !ok || failure.Code != c.Error || failure.Pointer != c.Pointer {
					t.Errorf("%s over %s: %v, %v; expected %s at %q", c.Expression, c.Data, got, err, c.Error, c.Pointer)
				}
				exact, err := certlogic.DecodeData(c.Data)
				if err != nil {
					continue // integers that only floats can hold
				}
				again, err := e.Evaluate(exact)
				if (err == nil) != (c.Error == "") || err == nil && !reflect.DeepEqual(comparable(t, again), c.Result) {
					t.Errorf("%s over decoded %s: %v, %v; expected %v", c.Expression, c.Data, again, err, c.Result)
				}
			}
		})
	}
	t.Logf("%d cases", total)
}

type validation struct {
	Text   string
	Issues [][2]string
}

func validations(t testing.TB) (cases []validation) {
	t.Helper()
	text, err := os.ReadFile("testdata/validation.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestGoldenValidation(t *testing.T) {
	for _, c := range validations(t) {
		_, err := certlogic.Parse([]byte(c.Text))
		var got [][2]string
		var issues certlogic.Issues
		if errors.As(err, &issues) {
			for _, i := range issues {
				got = append(got, [2]string{string(i.Problem), i.Pointer})
			}
		}
		if len(got)+len(c.Issues) > 0 && !reflect.DeepEqual(got, c.Issues) {
			t.Errorf("%s: %v, expected %v", c.Text, got, c.Issues)
		}
	}
}

// TestLimits covers what a text file shows badly: sizes, depths, bytes that are no text.
func TestLimits(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }
	for name, c := range map[string]struct {
		text string
		want certlogic.Problem
	}{
		"largest":       {`"` + strings.Repeat("a", certlogic.MaxSize-2) + `"`, ""},
		"too large":     {`"` + strings.Repeat("a", certlogic.MaxSize-1) + `"`, certlogic.TooLarge},
		"deepest":       {deep(certlogic.MaxDepth), ""},
		"too deep":      {deep(certlogic.MaxDepth + 1), certlogic.TooDeep},
		"invalid UTF-8": {"\"\xff\"", certlogic.NotJSON},
		"zero byte":     {"\x00", certlogic.NotJSON},
	} {
		_, err := certlogic.Parse([]byte(c.text))
		var issues certlogic.Issues
		errors.As(err, &issues)
		if got := len(issues); (c.want == "") != (got == 0) || got > 0 && (got != 1 || issues[0].Problem != c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	for name, text := range map[string]string{
		"too deep": deep(certlogic.MaxDepth + 1), "too large": strings.Repeat(" ", certlogic.MaxData) + "1", "twice": `{"a":1,"a":1}`,
		"after": "1 1", "huge": "9007199254740992", "huge inside": `{"a":[1e99]}`, "UTF-8": "\"\xff\"", "empty": "", "beyond floats": "1e999",
	} {
		if v, err := certlogic.DecodeData([]byte(text)); err == nil {
			t.Errorf("data %s: %v", name, v)
		}
	}
}

// TestSteps: nested reductions end, in bounded time and memory.
func TestSteps(t *testing.T) {
	list := "[" + strings.Repeat("1,", 199) + "1]"
	for name, text := range map[string]string{
		"nested":   fmt.Sprintf(`{"reduce":[%s,{"reduce":[%s,{"reduce":[%s,1,0]},0]},0]}`, list, list, list),
		"doubling": fmt.Sprintf(`{"reduce":[%s,[{"var":"accumulator"},{"var":"accumulator"}],[]]}`, list),
	} {
		e, err := certlogic.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Evaluate(nil)
		if failure, ok := errors.AsType[*certlogic.Error](err); !ok || failure.Code != certlogic.Exhausted {
			t.Errorf("%s: %v", name, err)
		}
	}
	var zero certlogic.Expression
	if _, err := zero.Evaluate(nil); err == nil {
		t.Error("the zero expression evaluates")
	}
}

// TestGoTypes: data may come from any decoder.
func TestGoTypes(t *testing.T) {
	e, err := certlogic.Parse([]byte(`{"===":[{"var":"x"},7]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{7, int8(7), int16(7), int32(7), int64(7), uint(7), uint8(7), uint16(7), uint32(7), uint64(7), float32(7), 7.0, json.Number("7"), json.Number("7.0")} {
		if got, err := e.Evaluate(map[string]any{"x": v}); got != true {
			t.Errorf("%T: %v, %v", v, got, err)
		}
	}
	for _, v := range []any{math.NaN(), math.Inf(1), uint64(math.MaxUint64), uint(1 << 60), 1 << 60, int64(-1 << 60), json.Number("x"), json.Number("1e999"), struct{}{}, []string{"a"}, new(int)} {
		if got, err := e.Evaluate(map[string]any{"x": v}); err == nil {
			t.Errorf("%T %v: %v", v, v, got)
		}
	}
}

// TestErrorsAreSilent: no value of the data is in an error.
func TestErrorsAreSilent(t *testing.T) {
	const secret = "Aubépine"
	for _, text := range []string{`{"plusTime":[{"var":"x"},1,"day"]}`, `{"+":[{"var":"x"},1]}`, `{"in":["a",{"var":"x"}]}`, `{"dccDateOfBirth":[{"var":"x"}]}`} {
		e, err := certlogic.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Evaluate(map[string]any{"x": secret}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`{"` + secret, `["` + secret + `",`, `{"` + secret + `":1,"` + secret + `"}`} {
		if _, err := certlogic.DecodeData([]byte(text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestJSON(t *testing.T) {
	var e certlogic.Expression
	if err := json.Unmarshal([]byte(` { "+" : [ 1 , 2 ] } `), &e); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(&e); err != nil || string(text) != `{"+":[1,2]}` || e.String() != string(text) {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"foo":[]}`), &e); err == nil || e.String() != `{"+":[1,2]}` {
		t.Errorf("%v, %s", err, &e)
	}
	if _, err := json.Marshal(&certlogic.Expression{}); err == nil {
		t.Error("the zero expression marshals")
	}
}

// setUTC is JavaScript's Date.prototype.setUTC*, by the algorithms of ECMA-262 (MakeDay, MakeTime,
// MakeDate) in integers: an oracle that shares nothing with package time.
func setUTC(ms int64, n int64, unit string) (int64, bool) {
	const perDay = 86_400_000
	floor := func(a, b int64) int64 {
		q := a / b
		if a%b < 0 {
			q--
		}
		return q
	}
	fromYear := func(y int64) int64 {
		return 365*(y-1970) + floor(y-1969, 4) - floor(y-1901, 100) + floor(y-1601, 400)
	}
	leap := func(y int64) int64 { return fromYear(y+1) - fromYear(y) - 365 }
	inMonth := func(y, m int64) int64 {
		return []int64{31, 28 + leap(y), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m]
	}
	days, within := floor(ms, perDay), ms-floor(ms, perDay)*perDay
	y := 1970 + floor(days, 366)
	for fromYear(y+1) <= days {
		y++
	}
	for fromYear(y) > days {
		y--
	}
	d, m := days-fromYear(y), int64(0)
	for d >= inMonth(y, m) {
		d -= inMonth(y, m)
		m++
	}
	switch unit {
	case "year":
		y += n
	case "month":
		m += n
	case "day":
		d += n
	case "hour":
		within += n * 3_600_000
	}
	y, m = y+floor(m, 12), m-12*floor(m, 12)
	total := fromYear(y) + d
	for i := range m {
		total += inMonth(y, i)
	}
	result := total*perDay + within
	return result, result >= -8_640_000_000_000_000 && result <= 8_640_000_000_000_000
}

func TestPlusTimeAsJavaScript(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.UnixMilli(rapid.Int64Range(-62_167_219_200_000, 253_402_300_799_999).Draw(t, "start")).UTC() // years 0 to 9999
		if rapid.Bool().Draw(t, "end of month") {
			start = time.Date(start.Year(), start.Month()+1, 0, 0, 0, 0, 0, time.UTC)
		}
		unit := rapid.SampledFrom([]string{"year", "month", "day", "hour"}).Draw(t, "unit")
		n := rapid.OneOf(rapid.Int64Range(-50, 50), rapid.Int64Range(-300_000, 300_000), rapid.Int64Range(-2_500_000_000, 2_500_000_000)).Draw(t, "n")
		e, err := certlogic.Parse(fmt.Appendf(nil, `{"plusTime":[{"var":""},%d,%q]}`, n, unit))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Evaluate(start.Format("2006-01-02T15:04:05.000Z"))
		want, ok := setUTC(start.UnixMilli(), n, unit)
		if !ok {
			if failure, is := errors.AsType[*certlogic.Error](err); !is || failure.Code != certlogic.Overflow {
				t.Fatalf("%v + %d %s: %v, %v", start, n, unit, got, err)
			}
			return
		}
		if at, is := got.(time.Time); !is || at.UnixMilli() != want {
			t.Fatalf("%v + %d %s: %v, %v; expected %v", start, n, unit, got, err, time.UnixMilli(want).UTC())
		}
	})
}

// TestZones: an instant is one instant in all its spellings.
func TestZones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-2e9, 4e9).Draw(t, "at"), 0).UTC()
		minutes := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "zone")
		local := at.Add(time.Duration(minutes) * time.Minute).Format("2006-01-02T15:04:05")
		sign, m := "+", minutes
		if m < 0 {
			sign, m = "-", -m
		}
		spellings := []string{fmt.Sprintf("%02d:%02d", m/60, m%60), fmt.Sprintf("%02d%02d", m/60, m%60), fmt.Sprintf("%d:%02d", m/60, m%60), fmt.Sprintf("%d%02d", m/60, m%60)}
		if m%60 == 0 {
			spellings = append(spellings, fmt.Sprintf("%d", m/60), fmt.Sprintf("%02d", m/60))
		}
		for _, s := range spellings {
			e, err := certlogic.Parse([]byte(`{"plusTime":[{"var":""},0,"day"]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := e.Evaluate(local + sign + s); err != nil || !got.(time.Time).Equal(at) {
				t.Fatalf("%s%s%s: %v, %v; expected %v", local, sign, s, got, err, at)
			}
		}
	})
}

// TestNotIsTruth: ! and if agree on every value that has a truth.
func TestNotIsTruth(t *testing.T) {
	not, err1 := certlogic.Parse([]byte(`{"!":[{"var":""}]}`))
	iff, err2 := certlogic.Parse([]byte(`{"if":[{"var":""},false,true]}`))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.OneOf(rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int32().AsAny(), rapid.String().AsAny(),
			rapid.SliceOfN(rapid.Int().AsAny(), 0, 2).AsAny(), rapid.Float64Range(0, 3).AsAny()).Draw(t, "data")
		a, err := not.Evaluate(data)
		b, _ := iff.Evaluate(data)
		if err == nil && a != b {
			t.Fatalf("%v: not %v, if %v", data, a, b)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for _, g := range evaluations(f) {
		for _, c := range g.Cases {
			f.Add([]byte(c.Expression), []byte(c.Data))
		}
	}
	for _, c := range validations(f) {
		f.Add([]byte(c.Text), []byte("null"))
	}
	f.Fuzz(func(t *testing.T, expression, data []byte) {
		e, err := certlogic.Parse(expression)
		if err != nil {
			var issues certlogic.Issues
			if e != nil || !errors.As(err, &issues) || len(issues) == 0 {
				t.Fatalf("%v, %v", e, err)
			}
			return
		}
		again, err := certlogic.Parse([]byte(e.String()))
		if err != nil {
			t.Fatalf("%s does not parse again: %v", e, err)
		}
		tree, err := certlogic.DecodeData(data)
		if err != nil {
			return
		}
		a, err1 := e.Evaluate(tree)
		b, err2 := again.Evaluate(tree)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("%v, then %v", err1, err2)
		}
		if err1 != nil {
			if _, ok := errors.AsType[*certlogic.Error](err1); !ok {
				t.Fatal(err1)
			}
			return
		}
		// Years beyond 9999 have no form in JSON; everything else marshals, and the same twice.
		x, err1 := json.Marshal(a)
		y, err2 := json.Marshal(b)
		if err1 == nil && (err2 != nil || !bytes.Equal(x, y)) {
			t.Fatalf("%s, then %s", x, y)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := certlogic.Parse([]byte(rule)); err != nil {
			b.Fatal(err)
		}
	}
}

// rule has the shape of most rules: not this product, or so many days after the dose.
const rule = `{"if":[{"and":[{"var":"payload.v.0"},{"in":[{"var":"payload.v.0.mp"},{"var":"external.valueSets.vaccines-covid-19-names"}]}]},
	{"not-before":[{"plusTime":[{"var":"external.validationClock"},0,"day"]},{"plusTime":[{"var":"payload.v.0.dt"},14,"day"]}]},true]}`

func BenchmarkEvaluate(b *testing.B) {
	data, err := certlogic.DecodeData([]byte(`{"payload":{"v":[{"mp":"EU/1/20/1528","dt":"2022-01-01","dn":2,"sd":2}]},
		"external":{"validationClock":"2022-02-01T12:00:00Z","valueSets":{"vaccines-covid-19-names":["EU/1/20/1507","EU/1/20/1525","EU/1/20/1528"]}}}`))
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"dose": `{">=":[{"var":"payload.v.0.dn"},{"var":"payload.v.0.sd"}]}`, "dates": rule} {
		e, err := certlogic.Parse([]byte(text))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v, err := e.Evaluate(data); v != true {
					b.Fatal(v, err)
				}
			}
		})
	}
}
