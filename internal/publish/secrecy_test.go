package publish_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/publish"
)

// TestRates: rates from true counts narrow 8,120 counts of the real file and give 207 away; ours give none.
func TestRates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, population := rapid.Int32Range(0, 5000).Draw(t, "count"), rapid.Int32Range(0, 5000).Draw(t, "population")
		p := publish.DefaultPolicy
		shown := publish.Secret
		if n >= 11 {
			shown = p.Round(n)
		}
		rate, ok := p.Rate(shown, population)
		switch {
		case ok != (shown != publish.Secret && population >= 50):
			t.Fatalf("%d of %d: %v", shown, population, ok)
		case ok && population < 100 && (rate < 0.05 || rate > 0.95):
			t.Fatalf("%d of %d: %g is extreme", shown, population, rate)
		case ok && population >= 100 && rate != math.Round(float64(shown)/float64(population)*1000)/1000:
			t.Fatalf("%d of %d: %g", shown, population, rate)
		}
	})
	dir := portalData(t)
	if dir == "" {
		return
	}
	rates, narrowed, exact, ours := 0, 0, 0, 0
	for _, r := range ameli(t, dir) {
		population, err := strconv.Atoi(r["population_insee"])
		if err != nil {
			continue
		}
		for _, name := range []string{"1_inj", "termine", "cumu_1_inj", "cumu_termine"} {
			c, err := strconv.Atoi(r["effectif_"+name])
			if err != nil {
				continue
			}
			rates++
			rate, err := strconv.ParseFloat(r["taux_"+name], 64)
			if err != nil {
				t.Fatal(err)
			}
			all, fit, same := 0, 0, 0
			for n := max(11, c-5); n <= c+4; n++ {
				all++
				if math.Abs(float64(n)/float64(population)-rate) <= 0.0005+1e-12 {
					fit++
				}
				got, ok := publish.DefaultPolicy.Rate(publish.DefaultPolicy.Round(int32(n)), int32(population))
				if want, _ := publish.DefaultPolicy.Rate(int32(c), int32(population)); ok && got == want {
					same++
				}
			}
			if fit == 0 {
				t.Fatalf("no count fits %d and %g of %d", c, rate, population)
			}
			if fit < all {
				narrowed++
			}
			if fit == 1 && all > 1 {
				exact++
			}
			if same < all {
				ours++
			}
		}
	}
	t.Logf("%d rates: the true counts narrow %d and give %d away, the published ones %d", rates, narrowed, exact, ours)
	if rates != 66_779 || narrowed != 8_120 || exact != 207 || ours != 0 {
		t.Error("the specification measured 66779, 8120, 207 and asks for 0")
	}
}

// ameli reads the real file, its last line cut away, as its copy is.
func ameli(t testing.TB, dir string) (rows []map[string]string) {
	paths, err := filepath.Glob(filepath.Join(dir, "ameli", "*.csv.gz"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	f, err := os.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.Comma = ';'
	names, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := r.Read()
		if err != nil {
			break
		}
		row := map[string]string{}
		for i, n := range names {
			row[n] = record[i]
		}
		rows = append(rows, row)
	}
	if len(rows) != 22_385 {
		t.Fatalf("%d rows", len(rows))
	}
	return rows
}

// TestGolden compares protection with DuckDB's, from the published table, and the gate with three mutants of it.
func TestGolden(t *testing.T) {
	dir := portalData(t)
	if dir == "" {
		return
	}
	db := newDuckDB(t)
	cube := buildFile(t, filepath.Join(dir, fullDoses), []publish.Dimension{publish.ByWeek, publish.ByDepartment, publish.ByAge, publish.ByRank})
	departments := slices.Clone(cube.Axes[cube.Axis(publish.ColumnDepartment)].Values)
	tab, err := publish.NewTable("golden", cube, []publish.Tree{classTree(publish.ColumnDepartment, "dep", "FRANCE", departments), classTree(publish.ColumnAge, "age", "TOUT_AGE", vacsiAges)},
		[]publish.Measure{publish.FirstDose, publish.Complete}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := protect(t, tab, publish.DefaultPolicy)
	rows := db.rows(t, `WITH long AS (
	    SELECT dep, clage_vacsi AS clage, (date_trunc('week', CAST(jour AS DATE))::DATE + 6)::VARCHAR AS week, unnest([1, 2]) AS dose, unnest([n_dose1, n_dose2]) AS n
	    FROM read_csv('`+dir+`/vacsi_2021-04-21/vacsi-a-dep.csv', delim=';', types={'dep': 'VARCHAR', 'clage_vacsi': 'VARCHAR'}) WHERE clage_vacsi <> '0')
	  SELECT dep, clage, week, dose::VARCHAR, (CASE WHEN sum(n) < 11 THEN -1 ELSE (sum(n) + 5)::INT // 10 * 10 END)::INT::VARCHAR FROM long GROUP BY ALL`)
	shown := 0
	for _, r := range rows {
		d, a := 1+slices.Index(departments, r[0]), 1+slices.Index(vacsiAges, r[1])
		w, dose := slices.Index(p.Weeks, r[2]), r[3][0]-'1'
		got := p.Shown[0][dose][w*p.Cells()+d*len(tab.Trees[1].Members)+a]
		if d == 0 {
			got = publish.Secret // no dose at all, so no such department in the cube
		}
		if strconv.Itoa(int(got)) != r[4] {
			t.Fatalf("%v: %d", r, got)
		}
		if got != publish.Secret {
			shown++
		}
	}
	if len(rows) != 38_520 || shown != 27_156 {
		t.Errorf("%d cells, %d shown", len(rows), shown)
	}

	g := &publish.Gate{Tables: []*publish.Protected{p}}
	if _, err := g.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := check(t, g); len(found) > 0 {
		t.Fatalf("%d findings, the first: %s", len(found), found[0])
	}
	again := protect(t, tab, publish.DefaultPolicy)
	if _, err := (&publish.Gate{Tables: []*publish.Protected{again}}).Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	for f := range p.Shown {
		for m := range p.Shown[f] {
			if !slices.Equal(p.Shown[f][m], again.Shown[f][m]) {
				t.Error("the same persons are protected in another way when asked again")
			}
		}
	}
	for name, mutate := range map[string]func(*publish.Protected) string{
		"threshold of ten": func(p *publish.Protected) string {
			i := slices.Index(p.Counts[0], 10)
			p.Shown[0][0][i] = 10
			return publish.RuleThreshold
		},
		"exact margin": func(p *publish.Protected) string {
			i := slices.IndexFunc(p.Counts[0], func(n int32) bool { return n > 1000 && n%10 != 0 })
			p.Shown[0][0][i] = p.Counts[0][i]
			return publish.RuleRounding
		},
		"a value shown that protects another": func(p *publish.Protected) string {
			for i, s := range p.Status[0][0] {
				if s == publish.Secondary {
					p.Shown[0][0][i] = p.Policy.Round(p.Counts[0][i])
				}
			}
			for i, s := range p.Status[1][0] {
				if s == publish.Secondary {
					p.Shown[1][0][i] = p.Policy.Round(p.Sums[0][i])
				}
			}
			return publish.RulePresent
		},
	} {
		t.Run(name, func(t *testing.T) {
			mutant := protect(t, tab, publish.DefaultPolicy)
			if _, err := (&publish.Gate{Tables: []*publish.Protected{mutant}}).Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := mutate(mutant)
			if found := check(t, &publish.Gate{Tables: []*publish.Protected{mutant}}); !slices.ContainsFunc(found, func(f publish.Finding) bool { return f.Rule == want || f.Rule == publish.RuleContradiction }) {
				t.Errorf("the gate lets it through: %d findings", len(found))
			}
		})
	}
}

// tiny is a table of two territories in three weeks, so that each rule can be seen.
func tiny(t testing.TB, dataset string, weeks [][2]int, population func([]int) int) *publish.Table {
	t.Helper()
	var b strings.Builder
	b.WriteString("day,rank,dep\n")
	for w, pair := range weeks {
		for d, n := range pair {
			b.WriteString(strings.Repeat(fmt.Sprintf("2021-01-%02d,1,%c\n", 4+7*w, 'A'+d), n))
		}
	}
	cube, err := publish.Build(t.Context(), []publish.Part{textPart("tiny", b.String(), 1)}, []publish.Dimension{publish.ByWeek, publish.ByDepartment, publish.ByRank}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := publish.NewTable(dataset, cube, []publish.Tree{classTree(publish.ColumnDepartment, "dep", "FRANCE", []string{"A", "B"})}, []publish.Measure{publish.FirstDose}, population)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestProtect(t *testing.T) {
	tab := tiny(t, "tiny", [][2]int{{40, 3}, {0, 11}, {16, 200}}, func(members []int) int { return []int{1000, 1000, 60}[members[0]] })
	p := protect(t, tab, publish.DefaultPolicy)
	want := [][]int32{{40, 40, -1, 10, -1, 10, 220, 20, 200}, {40, 40, -1, 50, 40, 10, 270, 60, 210}}
	for f := range want {
		if !slices.Equal(p.Shown[f][0], want[f]) {
			t.Errorf("%v, want %v", p.Shown[f][0], want[f])
		}
	}
	few := protect(t, tiny(t, "tiny", [][2]int{{40, 30}}, func(members []int) int { return []int{1000, 1000, 49}[members[0]] }), publish.DefaultPolicy)
	if !slices.Equal(few.Shown[0][0], []int32{70, 40, -1}) {
		t.Errorf("a population of 49: %v", few.Shown[0][0])
	}
	if _, err := publish.Protect(tab, publish.Policy{Threshold: 1, Base: 10}, nil); err == nil {
		t.Error("a threshold of one is accepted")
	}
}

// TestReleases: two releases that each pass give nothing away together.
func TestReleases(t *testing.T) {
	first := tiny(t, "d", [][2]int{{40, 30}, {50, 6}}, nil)
	second := tiny(t, "d", [][2]int{{40, 30}, {50, 7}, {90, 80}}, nil)
	repaired := func(tab *publish.Table, policy publish.Policy, previous ...*publish.Protected) (*publish.Protected, []publish.Finding) {
		p := protect(t, tab, policy)
		g := &publish.Gate{Tables: []*publish.Protected{p}, Previous: previous}
		if _, err := g.Repair(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p, check(t, g)
	}
	before, found := repaired(first, publish.DefaultPolicy)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if _, found := repaired(second, publish.DefaultPolicy, before); len(found) > 0 {
		t.Errorf("a late correction: %v", found)
	}
	// Rounded to another base, the same persons are seen through two different grids.
	other := protect(t, first, publish.Policy{Threshold: 11, Base: 2, Extreme: 100, Least: 50})
	if found := check(t, &publish.Gate{Tables: []*publish.Protected{other}, Previous: []*publish.Protected{before}}); len(found) == 0 {
		t.Error("a finer base after a coarse one passes")
	}
	// What was hidden to protect another value stays hidden.
	shown := protect(t, first, publish.DefaultPolicy)
	if found := check(t, &publish.Gate{Tables: []*publish.Protected{shown}, Previous: []*publish.Protected{before}}); len(found) == 0 {
		t.Error("a value that was hidden is shown again, and nothing is found")
	}
}

// TestOverlap: two territories that overlap another one in a few persons. Alone each table is safe.
func TestOverlap(t *testing.T) {
	// Department D is the union of A and of the few of B that live in it.
	base := []string{"a", "b1", "b2"}
	keys := map[string]string{"a": "atom:a", "b1": "atom:b1", "b2": "atom:b2"}
	var b strings.Builder
	b.WriteString("day,rank,commune\n")
	for i, n := range []int{95, 8, 300} {
		b.WriteString(strings.Repeat("2021-01-04,1,"+base[i]+"\n", n))
	}
	cube, err := publish.Build(t.Context(), []publish.Part{textPart("x", b.String(), 1)}, []publish.Dimension{publish.ByWeek, publish.ByCommune, publish.ByRank}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	grouped := func(dataset string, groups map[string][]string) *publish.Protected {
		tree := publish.Tree{Name: publish.ColumnCommune, Members: []publish.Member{{Code: "FRANCE", Parent: -1}}}
		at := map[string]int{}
		for _, g := range sortedKeys(groups) {
			tree.Members = append(tree.Members, publish.Member{Code: g, Key: "area:" + g})
			parent := len(tree.Members) - 1
			for _, c := range groups[g] {
				tree.Members = append(tree.Members, publish.Member{Code: c, Key: keys[c], Parent: parent, Private: true})
				at[c] = len(tree.Members) - 1
			}
		}
		tree.Leaf = func(v string) int { return at[v] }
		tab, err := publish.NewTable(dataset, cube, []publish.Tree{tree}, []publish.Measure{publish.FirstDose}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return protect(t, tab, publish.Policy{Threshold: 11, Base: 2, Extreme: 100, Least: 50})
	}
	departments := grouped("departments", map[string][]string{"D": {"a", "b1"}, "E": {"b2"}})
	epci := grouped("epci", map[string][]string{"A": {"a"}, "B": {"b1", "b2"}})
	for _, one := range []*publish.Protected{departments, epci} {
		if found := check(t, &publish.Gate{Tables: []*publish.Protected{one}}); len(found) > 0 {
			t.Errorf("%s alone: %v", one.Dataset, found)
		}
	}
	g := &publish.Gate{Tables: []*publish.Protected{departments, epci}}
	if found := check(t, g); len(found) == 0 {
		t.Error("the eight persons of the intersection are not found")
	}
	if _, err := g.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := check(t, g); len(found) > 0 {
		t.Errorf("after repair: %v", found)
	}
}
