package publish_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/publish"
	"carnet/internal/publish/geography"
	"carnet/internal/publish/release"
)

// reproducible is chance of a fixed seed.
func reproducible() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{8}) }

type source struct {
	columns []string
	parts   []publish.Part
}

func (s source) Columns() []string                             { return s.columns }
func (s source) Parts(context.Context) ([]publish.Part, error) { return s.parts, nil }

func newJob(t testing.TB, doses publish.Doses, day string) (*publish.Job, *ecdsa.PublicKey) {
	t.Helper()
	g, err := geography.Load(geography.Latest)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), reproducible())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	reference, err := carnet.ParseDate(day)
	if err != nil {
		t.Fatal(err)
	}
	return &publish.Job{Doses: doses, Geography: g, Policy: publish.DefaultPolicy, Sources: []string{"test"}, Reference: reference, Releases: filepath.Join(dir, "releases"), State: filepath.Join(dir, "state"),
		Key: key, Clock: func() time.Time { return time.Date(2021, 4, 26, 8, 0, 0, 0, time.UTC) }, Rand: reproducible(), Workers: 2}, &key.PublicKey
}

// invented makes doses in two departments, three communes and two EPCI with every column of the package.
func invented(part string, n int, seed uint64) publish.Part {
	chance := rand.New(rand.NewPCG(seed, 8))
	var b strings.Builder
	b.WriteString("rank,day,dep,commune,clage,sex,vaccine,place,injector\n")
	communes := [][2]string{{"75", "75101"}, {"75", "75120"}, {"69", "69381"}, {"69", "69266"}, {"13", "13201"}, {"42", "42011"}, {"69", "69009"}}
	for range n {
		c := communes[min(chance.IntN(8), 6)]
		fmt.Fprintf(&b, "%d,2021-03-%02d,%s,%s,%s,%s,%d,%s,%s\n", 1+chance.IntN(3), 1+chance.IntN(14), c[0], c[1],
			[]string{"20-39", "75 et +"}[chance.IntN(2)], []string{"F", "M"}[chance.IntN(2)], 1+chance.IntN(4), []string{"centre", "officine", "ehpad"}[chance.IntN(3)], []string{"Infirmier", "Médecin", "Pharmacien"}[chance.IntN(3)])
	}
	return textPart(part, b.String(), 1)
}

// national are the columns of the two datasets of the country: no territory to solve for.
var national = []string{"rank", "day", "place", "injector"}

var everyColumn = []string{"rank", "day", "dep", "commune", "clage", "sex", "vaccine", "place", "injector"}

func TestJob(t *testing.T) {
	doses := source{everyColumn, []publish.Part{invented("a", 3000, 1), invented("b", 3000, 2)}}
	job, key := newJob(t, doses, "2021-04-04")
	var stages []string
	job.Progress = func(p publish.Progress) {
		if p.Done > p.Total {
			t.Errorf("%+v", p)
		}
		stages = append(stages, p.Stage)
	}
	first, err := job.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first.ID != "2021-04-04" || first.Read != 6000 || first.Resumed != 0 || !slices.Equal(slices.Compact(stages), []string{"read", "protect", "check", "write"}) {
		t.Errorf("%+v, stages %v", first, slices.Compact(stages))
	}
	r, err := release.Open(job.Releases, first.ID, key)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Datasets) != 6 {
		t.Errorf("%d datasets", len(r.Datasets))
	}
	for _, d := range r.Datasets {
		f := r.Frames[d.ID]
		shown := 0
		for row := range f.Rows {
			for _, c := range f.Columns {
				if !strings.HasPrefix(c.Name, "effectif_") || c.Null(row) {
					continue
				}
				shown++
				if v := c.Ints[row]; v < 10 || v%10 != 0 {
					t.Fatalf("%s, row %d: %s is %d", d.ID, row, c.Name, v)
				}
				if strings.HasPrefix(d.Territory, "D") && d.ID != "donnees-de-vaccination-par-sexe-et-tranche-dage" {
					rate, population := f.Column("taux_"+strings.TrimPrefix(c.Name, "effectif_")), f.Column("population_insee").Ints[row]
					if want, ok := publish.DefaultPolicy.Rate(c.Ints[row], population); ok == rate.Null(row) || ok && want != rate.Floats[row] {
						t.Fatalf("%s, row %d: %s is %g, not %g", d.ID, row, rate.Name, rate.Floats[row], want)
					}
				}
			}
		}
		if shown == 0 || d.Hidden == 0 && d.Territory != "Pays" {
			t.Errorf("%s shows %d values and hides %d", d.ID, shown, d.Hidden)
		}
		if info, err := os.Stat(filepath.Join(r.Dir, d.ID+".csv")); err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s.csv can be written, %v", d.ID, err)
		}
	}

	t.Run("incremental", func(t *testing.T) {
		doses := source{national, doses.parts}
		job, _ := newJob(t, doses, "2021-04-04")
		if _, err := job.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		job.Doses = source{national, append(slices.Clone(doses.parts), invented("c", 500, 3))}
		again, err := job.Run(t.Context())
		if err != nil {
			t.Fatalf("%v %v", err, again)
		}
		if again.ID != "2021-04-04.2" || again.Read != 500 || again.Resumed != 6000 {
			t.Errorf("%+v", again)
		}
		ids, err := release.List(job.Releases)
		if err != nil || !slices.Equal(ids, []string{"2021-04-04.2", "2021-04-04"}) {
			t.Errorf("%v, %v", ids, err)
		}
		job.Doses = doses
		if _, err := job.Run(t.Context()); carnet.CodeOf(err) != "publish.source" {
			t.Errorf("a source without what was counted: %v", err)
		}
	})

	t.Run("resumed", func(t *testing.T) {
		var parts []publish.Part
		for i := range 130 {
			parts = append(parts, invented(fmt.Sprint("p", i), 50, uint64(i)))
		}
		job, key := newJob(t, source{national, parts}, "2021-04-04")
		ctx, cancel := context.WithCancel(t.Context())
		job.Progress = func(p publish.Progress) {
			if p.Stage == "read" && p.Done >= 80*50 {
				cancel()
			}
		}
		if _, err := job.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped: %v", err)
		}
		job.Progress = nil
		again, err := job.Run(t.Context())
		if err != nil || again.Resumed != 64*50 || again.Read != 66*50 {
			t.Fatalf("%+v, %v", again, err)
		}
		whole, wholeKey := newJob(t, source{national, parts}, "2021-04-04")
		other, err := whole.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, b := open(t, job.Releases, again.ID, key), open(t, whole.Releases, other.ID, wholeKey)
		for i := range a.Datasets {
			if a.Datasets[i].Files[1] != b.Datasets[i].Files[1] {
				t.Errorf("%s differs from that of a job that was not stopped", a.Datasets[i].ID)
			}
		}
	})
}

func open(t testing.TB, dir, id string, key *ecdsa.PublicKey) *release.Release {
	t.Helper()
	r, err := release.Open(dir, id, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRefused: a release that says, with the one before, more than it may is not written, and the report says why.
func TestRefused(t *testing.T) {
	doses := source{national, []publish.Part{invented("a", 300, 1)}}
	job, _ := newJob(t, doses, "2021-04-04")
	if _, err := job.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	job.Policy.Base = 3
	r, err := job.Run(t.Context())
	if carnet.CodeOf(err) != "publish.refused" || r == nil || len(r.Findings) == 0 || r.ID != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	report, err := os.ReadFile(filepath.Join(job.State, "refused.json"))
	if err != nil || !strings.Contains(string(report), `"rule": "`+r.Findings[0].Rule+`"`) {
		t.Errorf("the report does not say why: %v", err)
	}
	if ids, err := release.List(job.Releases); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	t.Logf("refused: %d findings, the first: %s", len(r.Findings), r.Findings[0])
}

// TestWithheld: a grouping of communes that lies in two departments, with five people in the smaller part, is not published.
func TestWithheld(t *testing.T) {
	g, err := geography.Load(geography.Latest)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]map[string]geography.Commune{} // by EPCI and department
	for _, c := range g.Communes {
		if c.Kind == geography.Current && c.EPCI != "" {
			if parts[c.EPCI] == nil {
				parts[c.EPCI] = map[string]geography.Commune{}
			}
			parts[c.EPCI][c.Department] = c
		}
	}
	var epci string
	var two []geography.Commune
	for _, code := range sortedKeys(parts) {
		if len(parts[code]) == 2 {
			epci = code
			for _, dep := range sortedKeys(parts[code]) {
				two = append(two, parts[code][dep])
			}
			break
		}
	}
	if epci == "" {
		t.Fatal("no EPCI lies in two departments")
	}
	var b strings.Builder
	b.WriteString("rank,day,dep,commune,clage,vaccine\n")
	for i, n := range []int{400, 5} {
		b.WriteString(strings.Repeat(fmt.Sprintf("1,2021-03-02,%s,%s,20-39,1\n", two[i].Department, two[i].Code), n))
	}
	whole := ""
	for _, code := range sortedKeys(parts) { // one that lies in one department, for comparison
		if c, ok := parts[code][two[0].Department]; ok && len(parts[code]) == 1 {
			whole = code
			b.WriteString(strings.Repeat(fmt.Sprintf("1,2021-03-02,%s,%s,20-39,1\n", c.Department, c.Code), 300))
			break
		}
	}
	job, key := newJob(t, source{[]string{"rank", "day", "dep", "commune", "clage", "vaccine"}, []publish.Part{textPart("a", b.String(), 1)}}, "2021-03-07")
	out, err := job.Run(t.Context())
	if err != nil {
		t.Fatalf("%v, %v", err, out)
	}
	if !slices.Equal(out.Withheld, []string{"epci:" + epci}) {
		t.Errorf("withheld: %v, want %s", out.Withheld, epci)
	}
	f := open(t, job.Releases, out.ID, key).Frames["donnees-de-vaccination-par-epci"]
	shown := map[string]int{}
	for row := range f.Rows {
		for _, c := range f.Columns {
			if strings.HasPrefix(c.Name, "effectif_") && !c.Null(row) {
				shown[f.Column("epci").Text(row)]++
			}
		}
	}
	if shown[epci] > 0 || shown[whole] == 0 {
		t.Errorf("shown of %s: %d; of %s: %d", epci, shown[epci], whole, shown[whole])
	}
}
