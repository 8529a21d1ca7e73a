package publish_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
	"carnet/internal/publish"
)

func monday(t testing.TB, day string) string {
	t.Helper()
	d, err := carnet.ParseDate(day)
	if err != nil {
		t.Fatal(err)
	}
	_, sunday := publish.Week(d)
	return sunday.AddDays(-6).String()
}

func TestWeek(t *testing.T) {
	for day, want := range map[string]string{
		"2020-12-27": "2020-W52 2020-12-27", "2020-12-28": "2020-W53 2021-01-03", "2021-01-03": "2020-W53 2021-01-03",
		"2021-01-04": "2021-W01 2021-01-10", "2021-04-21": "2021-W16 2021-04-25", "1969-12-31": "1970-W01 1970-01-04",
	} {
		d, err := carnet.ParseDate(day)
		if err != nil {
			t.Fatal(err)
		}
		if week, sunday := publish.Week(d); week+" "+sunday.String() != want {
			t.Errorf("%s: %s %s, want %s", day, week, sunday, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := carnet.DateOfDays(rapid.IntRange(-20000, 40000).Draw(t, "day"))
		_, sunday := publish.Week(d)
		if at := time.Date(sunday.Year, sunday.Month, sunday.Day, 0, 0, 0, 0, time.UTC); at.Weekday() != time.Sunday || sunday.Before(d) || sunday.Days()-d.Days() > 6 {
			t.Fatalf("%s ends with %s", d, sunday)
		}
	})
}

const fewDoses = `person;rank;day;dep;clage;vaccine
1;1;2021-01-04;01;80;1
2;1;2021-01-05;01;80;1
3;1;2021-01-10;2A;NA;3
1;2;2021-02-01;01;80;1
4;1;2021-01-11;01;79;2
`

func textPart(name, csv string, sign int8) publish.Part {
	return publish.Part{Name: name, Rows: int64(strings.Count(csv, "\n") - 1), Read: func(ctx context.Context, columns []string, f func(publish.Batch) error) error {
		return publish.ReadCSV(ctx, strings.NewReader(csv), columns, func(b publish.Batch) error {
			b.Signs = slices.Repeat([]int8{sign}, len(b.Signs))
			return f(b)
		})
	}}
}

func TestBuild(t *testing.T) {
	dims := []publish.Dimension{publish.ByWeek, publish.ByDepartment, publish.ByRank}
	header, body, _ := strings.Cut(fewDoses, "\n")
	corrected := header + "\n" + strings.SplitAfter(body, "\n")[2]
	cube, err := publish.Build(context.Background(), []publish.Part{textPart("a", fewDoses, 1), textPart("b", corrected, -1)}, dims, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	cube.Cells(func(v []string, n int32) { got = append(got, strings.Join(v, " ")+" "+string(rune('0'+n))) })
	want := []string{"2021-01-10 01 1 2", "2021-01-17 01 1 1", "2021-02-07 01 2 1"}
	if !slices.Equal(got, want) {
		t.Errorf("a dose that was taken back is counted, or another is not: %q", got)
	}
	if _, err := publish.Build(context.Background(), []publish.Part{textPart("a", fewDoses, 1)}, []publish.Dimension{publish.BySex}, 1, nil); carnet.CodeOf(err) != "publish.column" {
		t.Errorf("a column that is not there: %v", err)
	}
	if _, err := publish.Build(context.Background(), []publish.Part{textPart("a", "day\n2021-13-01\n", 1)}, []publish.Dimension{publish.ByWeek}, 1, nil); carnet.CodeOf(err) != "publish.day" {
		t.Errorf("a day that does not exist: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = publish.Build(ctx, []publish.Part{textPart("a", fewDoses, 1), textPart("b", fewDoses, 1), textPart("c", fewDoses, 1)}, dims, 1, func(publish.Part) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestBuildWide grows the key of a cell beyond the table of counters.
func TestBuildWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.IntRange(0, 5000), 1, 300).Draw(t, "values")
		var b strings.Builder
		b.WriteString("dep,commune,clage\n")
		want := map[string]int32{}
		for _, v := range rows {
			cell := strings.Join([]string{string(rune('A' + v%7)), "c" + strings.Repeat("x", v%13) + string(rune('A'+v%26)), "a" + string(rune('0'+v%3))}, ",")
			b.WriteString(cell + "\n")
			want[cell]++
		}
		part := textPart("x", b.String(), 1)
		cube, err := publish.Build(context.Background(), []publish.Part{part, part}, []publish.Dimension{publish.ByDepartment, publish.ByCommune, publish.ByAge}, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		cube.Cells(func(v []string, got int32) {
			n++
			if got != 2*want[strings.Join(v, ",")] {
				t.Fatalf("%v: %d", v, got)
			}
		})
		if n != len(want) || cube.Total() != 2*int64(len(rows)) {
			t.Fatalf("%d cells, %d doses", n, cube.Total())
		}
	})
}
