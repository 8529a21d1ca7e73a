// Command make writes the tables of one year of geography from the folder "data" of the npm package
// @etalab/decoupage-administratif. scripts/geography runs it.
package main

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type place struct {
	Code, Nom, Type, Zone, Region, Departement string
	ChefLieu, Commune                          string
	Population                                 int
	CodesPostaux                               []string
	PopulationMunicipale                       int
	Membres                                    []struct{ Code string }
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: make FOLDER-OF-THE-PACKAGE'S-DATA FOLDER-TO-WRITE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	lists := map[string][]place{}
	for _, name := range []string{"regions", "departements", "epci", "communes"} {
		text, err := os.ReadFile(filepath.Join(from, name+".json"))
		if err != nil {
			return err
		}
		var list []place
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		slices.SortStableFunc(list, func(a, b place) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Type, b.Type)) })
		lists[name] = list
	}
	epci := map[string]string{}
	for _, e := range lists["epci"] {
		for _, m := range e.Membres {
			epci[m.Code] = e.Code
		}
	}
	population := map[string]int{}
	regionOf := map[string]string{}
	for _, d := range lists["departements"] {
		regionOf[d.Code] = d.Region
	}
	var communes [][]string
	for _, c := range lists["communes"] {
		kind, parent := "", cmp.Or(c.ChefLieu, c.Commune)
		switch c.Type {
		case "commune-actuelle":
			kind = "C"
			population[c.Departement] += c.Population
			population["r"+regionOf[c.Departement]] += c.Population
		case "arrondissement-municipal":
			kind = "A"
		case "commune-deleguee", "commune-associee":
			kind = "D"
		default:
			return fmt.Errorf("%s has the type %q", c.Code, c.Type)
		}
		communes = append(communes, []string{c.Code, c.Nom, kind, parent, c.Departement, epci[cmp.Or(parent, c.Code)], strconv.Itoa(c.Population), strings.Join(c.CodesPostaux, " ")})
	}
	var regions, departments, epcis [][]string
	for _, r := range lists["regions"] {
		regions = append(regions, []string{r.Code, r.Nom, r.Zone, strconv.Itoa(population["r"+r.Code])})
	}
	for _, d := range lists["departements"] {
		departments = append(departments, []string{d.Code, d.Nom, d.Region, d.Zone, strconv.Itoa(population[d.Code])})
	}
	for _, e := range lists["epci"] {
		epcis = append(epcis, []string{e.Code, e.Nom, e.Type, strconv.Itoa(e.PopulationMunicipale)})
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(to, "regions.csv"), "code;nom;zone;population", regions),
		write(filepath.Join(to, "departements.csv"), "code;nom;region;zone;population", departments),
		write(filepath.Join(to, "epci.csv"), "code;nom;type;population", epcis),
		write(filepath.Join(to, "communes.csv.gz"), "code;nom;type;parent;departement;epci;population;codes_postaux", communes),
	)
}

func write(path, header string, rows [][]string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var out io.WriteCloser = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
		if err != nil {
			return err
		}
		out = z
	}
	w := csv.NewWriter(out)
	w.Comma = ';'
	if err := w.Write(strings.Split(header, ";")); err != nil {
		return err
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	if out != f {
		return out.Close()
	}
	return nil
}
