package publish_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"carnet/internal/publish"
)

// classTree is a whole and its classes; unknown values are a private class.
func classTree(axis, key, whole string, classes []string) publish.Tree {
	t := publish.Tree{Name: axis, Members: []publish.Member{{Code: whole, Parent: -1}}}
	for _, c := range classes {
		t.Members = append(t.Members, publish.Member{Code: c, Key: key + ":" + c, Private: c == publish.Unknown})
	}
	t.Leaf = func(v string) int { return 1 + slices.Index(classes, v) }
	return t
}

// territories is the country, its regions and their departments; what has no region is in 999.
func territories(regions map[string]string) publish.Tree {
	t := publish.Tree{Name: publish.ColumnDepartment, Members: []publish.Member{{Code: "FRANCE", Parent: -1}}}
	at := map[string]int{}
	add := func(code, key string, parent int) int {
		t.Members = append(t.Members, publish.Member{Code: code, Key: key, Parent: parent})
		at[key] = len(t.Members) - 1
		return len(t.Members) - 1
	}
	for _, dep := range sortedKeys(regions) {
		r, ok := at["reg:"+regions[dep]]
		if !ok {
			r = add(regions[dep], "reg:"+regions[dep], 0)
		}
		add(dep, "dep:"+dep, r)
	}
	unknown := add("999", "dep:999", add("99", "reg:99", 0))
	t.Leaf = func(v string) int {
		if i, ok := at["dep:"+v]; ok {
			return i
		}
		return unknown
	}
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

var vacsiAges = []string{"24", "29", "39", "49", "59", "64", "69", "74", "79", "80", publish.Unknown}

func regionsOf(t testing.TB, dir string) map[string]string {
	regions := map[string]string{}
	for _, r := range table(t, filepath.Join(dir, "geo/vacsi_departement_region.csv")) {
		regions[r["dep"]] = r["reg"]
	}
	return regions
}

func departmentTable(t testing.TB, dir, doses string) *publish.Table {
	t.Helper()
	cube := buildFile(t, filepath.Join(dir, doses), []publish.Dimension{publish.ByWeek, publish.ByDepartment, publish.ByAge, publish.ByVaccine, publish.ByRank})
	out, err := publish.NewTable("departments", cube, []publish.Tree{territories(regionsOf(t, dir)), classTree(publish.ColumnAge, "age", "TOUT_AGE", vacsiAges),
		classTree(publish.ColumnVaccine, "vaccine", "Tout vaccin", []string{"1", "2", "3"})}, []publish.Measure{publish.FirstDose, publish.Complete}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGate protects the real publication: with rounding and thresholds alone both the gate and an attack find hidden
// counts, after repair neither finds any.
func TestGate(t *testing.T) {
	dir := portalData(t)
	if dir == "" {
		return
	}
	for _, doses := range []string{fullDoses} {
		t.Run(filepath.Base(doses), func(t *testing.T) {
			p := protect(t, departmentTable(t, dir, doses), publish.DefaultPolicy)
			g := &publish.Gate{Tables: []*publish.Protected{p}}
			before := check(t, g)
			unique, present, few := attack(p)
			if len(before) == 0 || present == 0 || few == 0 {
				t.Fatalf("nothing to protect: %d findings; attacked %d, %d, %d", len(before), unique, present, few)
			}
			start := time.Now()
			more, err := g.Repair(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			if found := check(t, g); len(found) > 0 {
				t.Errorf("%d findings after repair, the first: %s", len(found), found[0])
			}
			shown, persons := 0, int64(0)
			for f := range p.Shown {
				for m := range p.Shown[f] {
					for i, r := range p.Shown[f][m] {
						if r != publish.Secret {
							shown++
						} else if p.Status[f][m][i] == publish.Secondary && f == 0 && i%p.Cells() == 0 {
							persons += int64(p.Counts[m][i])
						}
					}
				}
			}
			t.Logf("before: %d findings, the attack computes %d, is sure of %d, narrows %d to three; %d more values hidden in %v, %d shown, %d persons hidden in national weeks", len(before), unique, present, few, more, took, shown, persons)
			if unique, present, few = attack(p); unique+present+few > 0 {
				t.Errorf("the attack computes %d, is sure of %d, narrows %d to three", unique, present, few)
			}
		})
	}
}

func protect(t testing.TB, tab *publish.Table, policy publish.Policy) *publish.Protected {
	t.Helper()
	p, err := publish.Protect(tab, policy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(t testing.TB, g *publish.Gate) []publish.Finding {
	t.Helper()
	found, err := g.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return found
}
