// Package geography is the territories of France as dated tables: regions, departments, EPCI (groupings of communes) and
// communes of a year, with their populations, and the health-insurance fund of each commune (portal.md section 9).
//
// A table of a year never changes: rows of a release keep the codes of its year, and a change of perimeter is a table of
// another year. The tables are made by scripts/geography from the npm package @etalab/decoupage-administratif (code MIT,
// data Licence Ouverte 2.0). They hold no shapes: those are the site's.
package geography

import (
	"compress/gzip"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"carnet/internal/carnet"
)

//go:embed data
var data embed.FS

// Latest is the newest year that the program has.
const Latest = "2026"

// Region is a region, or a community overseas with the rank of one.
type Region struct {
	Code, Name, Zone string // zone: metro, drom, com
	Population       int
}

// Department is a department, or a community overseas.
type Department struct {
	Code, Name, Region, Zone string
	Population               int
}

// EPCI is a grouping of communes with its own taxes.
type EPCI struct {
	Code, Name, Type string // SIREN; CC, CA, CU, METRO …
	Population       int
}

// Kinds of communes.
const (
	Current = "C"
	Borough = "A" // of Paris, Lyon or Marseille; Parent is the city
	Merged  = "D" // into Parent
)

// Commune is a commune by its INSEE code, which is not its postal code.
type Commune struct {
	Code, Name, Kind, Parent, Department, EPCI string
	Population                                 int
	PostalCodes                                []string
}

// Geography is the territories of one year.
type Geography struct {
	Year        string
	Regions     []Region
	Departments []Department
	EPCI        []EPCI
	Communes    []Commune

	departments map[string]int
	communes    map[string]int
}

// Load returns the territories of a year; a year that the program does not have is NotFound, "geography.year".
func Load(year string) (*Geography, error) { return read(data, "data", year) }

func read(files fs.FS, dir, year string) (*Geography, error) {
	if _, err := strconv.Atoi(year); err != nil || len(year) != 4 {
		return nil, carnet.E("geography.Load", carnet.Invalid, "geography.year", fmt.Errorf("%q is not a year", year))
	}
	g := &Geography{Year: year, departments: map[string]int{}, communes: map[string]int{}}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	err := errors.Join(
		rows(files, path.Join(dir, year, "regions.csv"), 4, func(r []string) {
			g.Regions = append(g.Regions, Region{r[0], r[1], r[2], number(r[3])})
		}),
		rows(files, path.Join(dir, year, "departements.csv"), 5, func(r []string) {
			g.departments[r[0]] = len(g.Departments)
			g.Departments = append(g.Departments, Department{r[0], r[1], r[2], r[3], number(r[4])})
		}),
		rows(files, path.Join(dir, year, "epci.csv"), 4, func(r []string) {
			g.EPCI = append(g.EPCI, EPCI{r[0], r[1], r[2], number(r[3])})
		}),
		rows(files, path.Join(dir, year, "communes.csv.gz"), 8, func(r []string) {
			if _, ok := g.communes[r[0]]; !ok { // the current one sorts before a merged one of the same code
				g.communes[r[0]] = len(g.Communes)
			}
			g.Communes = append(g.Communes, Commune{r[0], r[1], r[2], r[3], r[4], r[5], number(r[6]), strings.Fields(r[7])})
		}),
	)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, carnet.E("geography.Load", carnet.NotFound, "geography.year", err)
	}
	return g, err
}

func rows(files fs.FS, name string, columns int, f func([]string)) (err error) {
	file, err := files.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var in io.Reader = file
	if path.Ext(name) == ".gz" {
		if in, err = gzip.NewReader(file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	r := csv.NewReader(in)
	r.Comma, r.FieldsPerRecord = ';', columns
	if _, err := r.Read(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f(record)
	}
}

// Department finds a department by its code.
func (g *Geography) Department(code string) (Department, bool) {
	i, ok := g.departments[code]
	if !ok {
		return Department{}, false
	}
	return g.Departments[i], true
}

// Commune finds a commune by its code: for one that was merged, the one that it is part of now.
func (g *Geography) Commune(code string) (Commune, bool) {
	i, ok := g.communes[code]
	if !ok {
		return Commune{}, false
	}
	c := g.Communes[i]
	if c.Kind == Merged && c.Parent != code {
		return g.Commune(c.Parent)
	}
	return c, true
}

// ByPostalCode lists the current communes that a postal code serves.
func (g *Geography) ByPostalCode(code string) (out []Commune) {
	for _, c := range g.Communes {
		if c.Kind == Current && slices.Contains(c.PostalCodes, code) {
			out = append(out, c)
		}
	}
	return out
}

// Region finds a region by its code.
func (g *Geography) Region(code string) (Region, bool) {
	i := slices.IndexFunc(g.Regions, func(r Region) bool { return r.Code == code })
	if i < 0 {
		return Region{}, false
	}
	return g.Regions[i], true
}
