package publish

import (
	"context"
	"crypto"
	"encoding/csv"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/publish/geography"
	"carnet/internal/publish/release"
)

// Job makes one release.
type Job struct {
	Doses     Doses
	Geography *geography.Geography
	// Population by department and age; nil for that of the geography, all ages together.
	Population Population
	Policy     Policy
	Sources    []string    // that a page must name, each with its date
	Reference  carnet.Date // of the publication: weeks that end later are left for the next one
	Releases   string      // folder
	// State is a folder of the register, never of the portal: it holds true counts. A job that was stopped goes on from
	// it, the next one reads only parts that are new, and the release before is compared with.
	State    string
	Key      crypto.Signer
	Clock    carnet.Clock
	Rand     io.Reader
	Workers  int  // 0 for one per processor
	Restart  bool // count every dose again; the release before is still compared with
	Progress func(Progress)
}

// Progress says how far a job is.
type Progress struct {
	Stage       string // read, protect, check, write
	Name        string // what is being done, when the stage has several things to do
	Done, Total int64
}

// Result says what a job did.
type Result struct {
	ID       string // of the release; "" when it was refused
	Resumed  int64  // doses that had been counted before
	Read     int64  // doses that were read now
	Hidden   int    // values hidden to protect others
	Findings []Finding
	Withheld []string // territories of which nothing is published, for the few people whom they share with another
}

// state is what a job remembers. It is secret.
type state struct {
	Version  int
	Done     map[string]int64 // parts that are counted, with their rows
	Cubes    map[string]*Cube // by dataset
	Previous []*Protected     // of the last release that was written
	Release  string
}

const (
	stateVersion = 1
	stateFile    = "state.gob"
	reportFile   = "refused.json"
	chunk        = 64 // parts between two states: eight million doses in a file by DuckDB
)

func (j *Job) load() (*state, error) {
	s := &state{Version: stateVersion, Done: map[string]int64{}, Cubes: map[string]*Cube{}}
	f, err := os.Open(filepath.Join(j.State, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var read state
	err = gob.NewDecoder(f).Decode(&read)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, carnet.E("publish.Run", carnet.Invalid, "publish.state", err)
	}
	if read.Version != stateVersion {
		return nil, carnet.E("publish.Run", carnet.Invalid, "publish.state", fmt.Errorf("version %d", read.Version))
	}
	if read.Done == nil || read.Cubes == nil { // gob leaves empty maps out
		read.Done, read.Cubes = s.Done, s.Cubes
	}
	return &read, nil
}

func (j *Job) save(s *state) (err error) {
	if err := os.MkdirAll(j.State, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(j.State, ".state-*") // mode 0600
	if err != nil {
		return err
	}
	err = errors.Join(gob.NewEncoder(f).Encode(s), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(j.State, stateFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (j *Job) progress(p Progress) {
	if j.Progress != nil {
		j.Progress(p)
	}
}

// Run makes the next release. When the gate finds something the release is not written, the findings are in the result
// and in the file refused.json of the state, and the error is Conflict, "publish.refused".
func (j *Job) Run(ctx context.Context) (*Result, error) {
	if err := j.Policy.Check(); err != nil {
		return nil, err
	}
	classes, err := readClasses()
	if err != nil {
		return nil, err
	}
	p := &plan{geo: j.Geography, classes: classes, population: j.Population}
	if p.population == nil {
		p.population = func(department, age string) int {
			d, _ := j.Geography.Department(department)
			if age != "" {
				return 0
			}
			return d.Population
		}
	}
	columns := j.Doses.Columns()
	wanted := slices.DeleteFunc(datasets(), func(d dataset) bool {
		return slices.ContainsFunc(d.needs, func(n Dimension) bool { return !slices.Contains(columns, n.Column) })
	})
	if len(wanted) == 0 {
		return nil, missing(ColumnDepartment)
	}
	s, err := j.load()
	if err != nil {
		return nil, err
	}
	if j.Restart {
		s.Done, s.Cubes = map[string]int64{}, map[string]*Cube{}
	}
	out := &Result{}
	if err := j.count(ctx, s, wanted, out); err != nil {
		return nil, err
	}
	tables, axes, err := j.protect(ctx, p, s, wanted, out)
	if err != nil {
		return nil, err
	}
	gate := &Gate{Tables: tables, Previous: s.Previous}
	j.progress(Progress{Stage: "check", Total: 2})
	if out.Hidden, err = gate.Repair(ctx); err != nil {
		return nil, err
	}
	j.progress(Progress{Stage: "check", Done: 1, Total: 2})
	if out.Findings, err = gate.Check(ctx); err != nil {
		return nil, err
	}
	j.progress(Progress{Stage: "check", Done: 2, Total: 2})
	if len(out.Findings) > 0 {
		return out, errors.Join(carnet.E("publish.Run", carnet.Conflict, "publish.refused", fmt.Errorf("%d findings", len(out.Findings))), j.report(out))
	}
	if err := j.write(p, s, wanted, axes, tables, out); err != nil {
		return nil, err
	}
	s.Previous, s.Release = tables, out.ID
	for _, t := range s.Previous {
		for i := range t.Trees {
			t.Trees[i].Leaf = nil
		}
	}
	return out, j.save(s)
}

// count reads the parts that were not counted yet.
func (j *Job) count(ctx context.Context, s *state, wanted []dataset, out *Result) error {
	parts, err := j.Doses.Parts(ctx)
	if err != nil {
		return err
	}
	cubes := make([][]Dimension, len(wanted))
	for i, d := range wanted {
		cubes[i] = append([]Dimension{ByWeek, ByRank}, d.needs...)
		if c, ok := s.Cubes[d.id]; len(s.Done) > 0 && (!ok || len(c.Axes) > 0 && len(c.Axes) != len(cubes[i])) {
			return carnet.E("publish.Run", carnet.Conflict, "publish.state", fmt.Errorf("the state knows nothing of %s: publish from another state folder", d.id))
		}
	}
	var todo []Part
	var total int64
	for _, p := range parts {
		if n, ok := s.Done[p.Name]; ok {
			out.Resumed += n
		} else {
			todo = append(todo, p)
		}
		total += p.Rows
	}
	listed := 0
	for _, p := range parts {
		if _, ok := s.Done[p.Name]; ok {
			listed++
		}
	}
	if listed != len(s.Done) { // what was counted is not there any more: another source, whose doses would be counted twice
		return carnet.E("publish.Run", carnet.Conflict, "publish.source", fmt.Errorf("%d of the %d parts that were counted are not in this source: restart the count", len(s.Done)-listed, len(s.Done)))
	}
	done := out.Resumed
	j.progress(Progress{Stage: "read", Done: done, Total: total})
	workers := j.Workers
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	for some := range slices.Chunk(todo, chunk) {
		counted, err := BuildAll(ctx, some, cubes, workers, func(p Part) error {
			done += p.Rows
			out.Read += p.Rows
			j.progress(Progress{Stage: "read", Done: done, Total: total})
			return nil
		})
		if err != nil {
			return err
		}
		for i, d := range wanted {
			if s.Cubes[d.id], err = Sum(s.Cubes[d.id], counted[i]); err != nil {
				return err
			}
		}
		for _, p := range some {
			s.Done[p.Name] = p.Rows
		}
		if err := j.save(s); err != nil {
			return err
		}
	}
	return nil
}

// protect makes the tables. Territories that share a few people with another one are withheld.
func (j *Job) protect(ctx context.Context, p *plan, s *state, wanted []dataset, out *Result) ([]*Protected, map[string][]axis, error) {
	var tables []*Protected
	axes := map[string][]axis{}
	few := map[string]bool{}
	for i := len(wanted) - 1; i >= 0; i-- { // the overlaps come last and are needed first
		d := wanted[i]
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		j.progress(Progress{Stage: "protect", Name: d.id, Done: int64(len(wanted) - 1 - i), Total: int64(len(wanted))})
		whole, err := s.Cubes[d.id].until(j.Reference)
		if err != nil {
			return nil, nil, err
		}
		t, a, err := p.table(d, whole)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", d.id, err)
		}
		if d.id == "overlap-epci" {
			out.Withheld = intersections(t, j.Policy)
			for _, code := range out.Withheld {
				few[code] = true
			}
		}
		protected, err := Protect(t, j.Policy, func(members []int) bool { return few[t.Trees[0].Members[members[0]].Key] })
		if err != nil {
			return nil, nil, err
		}
		tables, axes[d.id] = append(tables, protected), a
	}
	slices.Reverse(tables)
	return tables, axes, nil
}

// until is the part of a cube by week that ends on a day or before.
func (c *Cube) until(day carnet.Date) (*Cube, error) {
	rolls := make([]Roll, len(c.Axes))
	for i, a := range c.Axes {
		rolls[i] = Roll{From: a.Name}
		if a.Name == ByWeek.Name {
			rolls[i].Map = func(sunday string) (string, bool) { return sunday, sunday <= day.String() }
		}
	}
	return c.Fold(rolls...)
}

// intersections lists the keys of the territories that share fewer people than the threshold with one of another kind.
func intersections(t *Table, p Policy) (out []string) {
	cells, last := t.Cells(), len(t.Weeks)-1
	strides := t.strides()
	of := map[string]int{}
	for _, m := range t.Trees[0].Members {
		if strings.HasPrefix(m.Key, "atom:") {
			of[t.Trees[0].Members[m.Parent].Key]++
		}
	}
	for i, m := range t.Trees[0].Members {
		if !strings.HasPrefix(m.Key, "atom:") {
			continue
		}
		parent := t.Trees[0].Members[m.Parent].Key
		if n := t.Sums[0][last*cells+i*strides[0]]; of[parent] > 1 && n > 0 && n < int32(p.Threshold) && !strings.HasSuffix(parent, ":"+Unknown) && !slices.Contains(out, parent) {
			out = append(out, parent)
		}
	}
	slices.Sort(out)
	return out
}

func (j *Job) write(p *plan, s *state, wanted []dataset, axes map[string][]axis, tables []*Protected, out *Result) error {
	id, err := release.NextID(j.Releases, j.Reference)
	if err != nil {
		return err
	}
	m := release.Metadata{ID: id, Reference: j.Reference.String(), Created: j.Clock().UTC(), Previous: s.Release, Geography: j.Geography.Year, Sources: j.Sources,
		Secrecy: release.Secrecy{Threshold: j.Policy.Threshold, Base: j.Policy.Base, Extreme: j.Policy.Extreme, Least: j.Policy.Least}}
	var parts []release.Part
	for i, d := range wanted {
		if d.unpublished {
			continue
		}
		frame, hidden, err := p.frame(d, axes[d.id], tables[i], j.Reference)
		if err != nil {
			return err
		}
		parts = append(parts, release.Part{Frame: frame, Dataset: release.Dataset{ID: d.id, Title: d.title, Description: d.description, Territory: d.territory, Hidden: hidden}})
	}
	done := int64(0)
	if err := release.Write(j.Releases, m, parts, j.Key, j.Rand, func(file string) {
		j.progress(Progress{Stage: "write", Name: file, Done: done, Total: int64(2 * len(parts))})
		done++
	}); err != nil {
		return err
	}
	j.progress(Progress{Stage: "write", Done: done, Total: done})
	out.ID = id
	return nil
}

// report leaves the findings of a refused release beside the state.
func (j *Job) report(r *Result) error {
	text, err := json.MarshalIndent(struct {
		Refused  string    `json:"refused"`
		Findings []Finding `json:"findings"`
	}{j.Reference.String(), r.Findings}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(j.State, reportFile), append(text, '\n'), 0o600)
}

const maxPopulation = 1 << 20 // lines

// ReadPopulation reads a population by department and age class: a CSV file separated by semicolons with the columns dep,
// classe_age and population; the class TOUT_AGE is all ages.
func ReadPopulation(in io.Reader) (Population, error) {
	bad := func(err error) error {
		return carnet.E("publish.ReadPopulation", carnet.Invalid, "publish.population", err)
	}
	r := csv.NewReader(in)
	r.Comma = ';'
	header, err := r.Read()
	if err != nil {
		return nil, bad(err)
	}
	dep, age, pop := slices.Index(header, "dep"), slices.Index(header, "classe_age"), slices.Index(header, "population")
	if dep < 0 || age < 0 || pop < 0 {
		return nil, bad(errors.New("the columns dep, classe_age and population are needed"))
	}
	people := map[[2]string]int{}
	for range maxPopulation {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return func(department, class string) int {
				if class == "" {
					class = allAges
				}
				return people[[2]string{department, class}]
			}, nil
		}
		if err != nil {
			return nil, bad(err)
		}
		n, err := strconv.ParseUint(record[pop], 10, 31)
		if err != nil {
			return nil, bad(err)
		}
		people[[2]string{record[dep], record[age]}] = int(n)
	}
	return nil, bad(fmt.Errorf("more than %d lines", maxPopulation))
}
