package publish_test

import (
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"carnet/internal/publish"
)

var daily = []publish.Dimension{publish.ByDay, publish.ByDepartment, publish.ByAge, publish.ByVaccine, publish.ByRank}

func buildFile(t testing.TB, path string, dims []publish.Dimension) *publish.Cube {
	t.Helper()
	f, err := publish.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parts, err := f.Parts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c, err := publish.Build(context.Background(), parts, dims, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const fullDoses = "synthetic/doses_2021-04-21_full_18.28M.parquet"

// TestExact aggregates individual doses and compares every cell with the publication of 2021-04-21 that they were made
// from: no tolerance. The sample has reference tables of its own.
func TestExact(t *testing.T) {
	dir := portalData(t)
	if dir == "" {
		return
	}
	regions := map[string]string{}
	for _, r := range table(t, filepath.Join(dir, "geo/vacsi_departement_region.csv")) {
		regions[r["dep"]] = r["reg"]
	}
	for _, set := range []struct {
		name, doses, tables string
		cells               int
	}{
		{"18,284,330 doses", fullDoses, "vacsi_2021-04-21", 557_730},
		{"one person in a hundred", "synthetic/doses_2021-04-21_sample_1pct.csv.gz", "synthetic/sample_1pct_reference", 557_728},
	} {
		t.Run(set.name, func(t *testing.T) {
			cube := buildFile(t, filepath.Join(dir, set.doses), daily)
			e := &exactness{t: t}
			tables := filepath.Join(dir, set.tables)
			e.compare(cube, first(tables, "vacsi-a-dep.csv", "vacsi-a-dep.csv.gz"), "dep", publish.ColumnDepartment, "clage_vacsi", publish.ColumnAge, nil)
			e.compare(cube, filepath.Join(tables, "vacsi-v-fra.csv"), "", "", "vaccin", publish.ColumnVaccine, nil)
			e.compare(cube, filepath.Join(tables, "vacsi-fra.csv"), "", "", "", "", nil)
			e.compare(cube, filepath.Join(tables, "vacsi-reg.csv"), "reg", publish.ColumnDepartment, "", "", func(v string) (string, bool) { r, ok := regions[v]; return r, ok })
			if path := filepath.Join(tables, "vacsi-tot-a-fra.csv"); exists(path) {
				e.totals(cube, path)
			}
			if e.cells != set.cells || e.wrong != 0 {
				t.Errorf("%d cells compared, %d differ; %d and 0 are expected", e.cells, e.wrong, set.cells)
			}
			if set.tables == "vacsi_2021-04-21" && e.rates != 232+22 {
				t.Errorf("%d rates compared", e.rates)
			}
			t.Logf("%d doses, %d cells of the cube, %d published cells and %d coverages compared", cube.Total(), len(cube.Counts), e.cells, e.rates)
		})
	}
}

type exactness struct {
	t                   testing.TB
	cells, wrong, rates int
}

func (e *exactness) check(got, want, what string) {
	e.cells++
	if got != want {
		if e.wrong++; e.wrong < 10 {
			e.t.Errorf("%s: %s, published %s", what, got, want)
		}
	}
}

const population = 67_114_995.0 // of France, behind the published coverages

// compare checks one table: its counts by day and their running sums. Class 0 of the second key is all.
func (e *exactness) compare(cube *publish.Cube, path, key1, axis1, key2, axis2 string, group func(string) (string, bool)) {
	e.t.Helper()
	rolls := []publish.Roll{{From: "day"}, {From: publish.ColumnRank}}
	if axis1 != "" {
		rolls = append(rolls, publish.Roll{From: axis1, Map: group})
	}
	all, err := cube.Fold(rolls...)
	if err != nil {
		e.t.Fatal(err)
	}
	counts := map[string]int{}
	add := func(c *publish.Cube, class func([]string) string) {
		c.Cells(func(v []string, n int32) { counts[strings.Join(append(slices.Clone(v), class(v)), "|")] += int(n) })
	}
	add(all, func([]string) string { return "0" })
	if axis2 != "" {
		split, err := cube.Fold(append(rolls, publish.Roll{From: axis2})...)
		if err != nil {
			e.t.Fatal(err)
		}
		split.Cells(func(v []string, n int32) { counts[strings.Join(v, "|")] += int(n) })
	}
	rows := table(e.t, path)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i]["jour"] < rows[j]["jour"] })
	running := map[string]int{}
	for _, r := range rows {
		for rank := 1; rank <= 2; rank++ {
			key := []string{r["jour"], strconv.Itoa(rank)}
			if axis1 != "" {
				key = append(key, r[key1])
			}
			class := "0"
			if axis2 != "" {
				class = r[key2]
			}
			key = append(key, class)
			n := counts[strings.Join(key, "|")]
			series := strings.Join(key[1:], "|")
			running[series] += n
			what := filepath.Base(path) + " " + strings.Join(key, " ")
			e.check(strconv.Itoa(n), r[fmt.Sprintf("n_dose%d", rank)], what)
			e.check(strconv.Itoa(running[series]), r[fmt.Sprintf("n_cum_dose%d", rank)], what+" cumulated")
			if published, ok := r[fmt.Sprintf("couv_dose%d", rank)]; ok && axis1 == "" {
				e.coverage(running[series], population, published)
			}
		}
	}
}

func (e *exactness) coverage(n int, pop float64, published string) {
	e.rates++
	if got := strconv.FormatFloat(math.Round(1000*float64(n)/pop)/10, 'f', 1, 64); got != published {
		e.t.Errorf("coverage of %d in %g: %s, published %s", n, pop, got, published)
	}
}

func (e *exactness) totals(cube *publish.Cube, path string) {
	for _, r := range table(e.t, path) {
		pop, err := strconv.ParseFloat(r["pop"], 64)
		if err != nil {
			e.t.Fatal(err)
		}
		for rank := 1; rank <= 2; rank++ {
			published := r[fmt.Sprintf("n_tot_dose%d", rank)]
			if r["clage_vacsi"] == "0" {
				c, err := cube.Fold(publish.Roll{From: publish.ColumnRank, Map: publish.Keep(strconv.Itoa(rank))})
				if err != nil {
					e.t.Fatal(err)
				}
				e.check(strconv.FormatInt(c.Total(), 10), published, "total")
			}
			n, err := strconv.Atoi(published)
			if err != nil {
				e.t.Fatal(err)
			}
			e.coverage(n, pop, r[fmt.Sprintf("couv_tot_dose%d", rank)])
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func first(dir string, names ...string) string {
	for _, n := range names {
		if exists(filepath.Join(dir, n)) {
			return filepath.Join(dir, n)
		}
	}
	return filepath.Join(dir, names[0])
}

// table reads a CSV file by its column names.
func table(t testing.TB, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	r := csv.NewReader(in)
	r.Comma = ';'
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]string, len(records)-1)
	for i, rec := range records[1:] {
		out[i] = make(map[string]string, len(rec))
		for j, name := range records[0] {
			out[i][name] = rec[j]
		}
	}
	return out
}

// TestOracle asks DuckDB and the cube a thousand random questions.
func TestOracle(t *testing.T) {
	dir := portalData(t)
	if dir == "" {
		return
	}
	path := filepath.Join(dir, "synthetic/doses_2021-04-21_sample_1pct.csv.gz")
	cube := buildFile(t, path, daily)
	db := newDuckDB(t)
	db.rows(t, "CREATE TABLE doses AS SELECT *, CAST(date_trunc('week', CAST(day AS DATE)) AS DATE)::VARCHAR AS week FROM read_csv('"+path+"', delim=';', all_varchar=true)")
	names := []string{"day", "dep", "clage", "vaccine", "rank"}
	chance := rand.New(rand.NewPCG(20210421, 8))
	for q := range 1000 {
		var rolls []publish.Roll
		var group, where []string
		wide := 1 + chance.IntN(3)
		if q%50 == 0 {
			wide = len(names)
		}
		for _, i := range chance.Perm(len(names))[:wide] {
			name := names[i]
			roll := publish.Roll{From: name}
			expr := "coalesce(" + name + ", 'NA')"
			if name == "day" && chance.IntN(2) == 0 {
				roll.Map = func(v string) (string, bool) { return monday(t, v), true }
				expr = "week"
			} else if chance.IntN(3) == 0 {
				values := cube.Axes[cube.Axis(name)].Values
				kept := make([]string, 1+chance.IntN(4))
				for j := range kept {
					kept[j] = values[chance.IntN(len(values))]
				}
				roll.Map = publish.Keep(kept...)
				where = append(where, expr+" IN ('"+strings.Join(kept, "','")+"')")
			}
			rolls, group = append(rolls, roll), append(group, expr)
		}
		sql := "SELECT concat_ws('|', " + strings.Join(group, ", ") + ", count(*)) AS cell FROM doses"
		if len(where) > 0 {
			sql += " WHERE " + strings.Join(where, " AND ")
		}
		sql += " GROUP BY " + strings.Join(group, ", ")
		// The answers are compared by their sum: a few would be a hundred thousand lines.
		want := db.rows(t, "SELECT count(*), coalesce(md5(string_agg(cell, chr(10) ORDER BY cell)), md5('')) FROM ("+sql+")")[0]
		got, err := cube.Fold(rolls...)
		if err != nil {
			t.Fatal(err)
		}
		cells := make([]string, 0, len(got.Counts))
		got.Cells(func(v []string, n int32) { cells = append(cells, strings.Join(v, "|")+"|"+strconv.Itoa(int(n))) })
		slices.Sort(cells)
		sum := md5.Sum([]byte(strings.Join(cells, "\n")))
		if strconv.Itoa(len(cells)) != want[0] || hex.EncodeToString(sum[:]) != want[1] {
			t.Fatalf("question %d: %d cells, DuckDB has %s, or others\n%s", q, len(cells), want[0], sql)
		}
	}
}
