package publish

import (
	_ "embed"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
	"carnet/internal/publish/geography"
	"carnet/internal/publish/release"
)

//go:embed classes.toml
var classesTOML string

// class is how a value of the doses is published.
type class struct{ Value, Code, Label string }

func readClasses() (map[string][]class, error) {
	var out map[string][]class
	if err := toml.Unmarshal([]byte(classesTOML), &out); err != nil {
		return nil, err
	}
	for _, list := range out {
		for i, c := range list {
			if c.Code == "" {
				list[i].Code = c.Value
			}
		}
	}
	return out, nil
}

// axis is a tree with the fields that name its members in a published row.
type axis struct {
	Tree
	name   string // in the tag niveau
	fields []release.Field
	write  func(b *release.Builder, member int)
}

func text(name, label, description string, facet bool) release.Field {
	return release.Field{Name: name, Label: label, Type: release.Text, Description: description, Facet: facet}
}

// classAxis is a whole and the classes that occur in a cube.
func classAxis(cube *Cube, column, key, name string, known []class, whole class, fields []release.Field, labelled bool) axis {
	a := axis{name: name, fields: fields, Tree: Tree{Name: column, Members: []Member{{Code: whole.Code, Label: whole.Label, Parent: -1}}}}
	at := map[string]int{}
	var codes []class
	var values []string
	if i := cube.Axis(column); i >= 0 {
		values = cube.Axes[i].Values
	}
	of := map[string]class{}
	for _, v := range values {
		c := class{Value: v, Code: v, Label: v}
		if i := slices.IndexFunc(known, func(k class) bool { return k.Value == v }); i >= 0 {
			c = known[i]
		}
		of[v] = c
		if !slices.ContainsFunc(codes, func(o class) bool { return o.Code == c.Code }) {
			codes = append(codes, c)
		}
	}
	slices.SortFunc(codes, func(x, y class) int { return strings.Compare(x.Code, y.Code) })
	for _, c := range codes {
		at[c.Code] = len(a.Members)
		a.Members = append(a.Members, Member{Code: c.Code, Label: c.Label, Key: key + ":" + c.Code, Private: c.Value == Unknown})
	}
	a.Leaf = func(v string) int { return at[of[v].Code] }
	a.write = func(b *release.Builder, member int) {
		b.Text(a.Members[member].Code)
		if labelled {
			b.Text(a.Members[member].Label)
		}
	}
	return a
}

// Words of totals and of what is not known, as in the real files.
const (
	allDepartments = "Tout département"
	allRegions     = "Toute région"
	france         = "FRANCE"
	noRegion       = "99"
	noDepartment   = "999"
)

// departmentAxis is the country, regions and departments; doses without a known one are a department of their own.
func departmentAxis(g *geography.Geography) axis {
	a := axis{name: "departement", Tree: Tree{Name: ColumnDepartment, Members: []Member{{Code: france, Label: france, Parent: -1}}}, fields: []release.Field{
		text("region_residence", "Region_residence", "Code de la région, 99 si elle est inconnue", true), text("libelle_region", "Libelle_region", "Nom de la région", true),
		text("departement_residence", "departement_residence", "Code du département, 999 s'il est inconnu", true), text("libelle_departement", "libelle_departement", "Nom du département", true),
	}}
	type names struct{ region, regionLabel, department, departmentLabel string }
	rows := []names{{allRegions, france, allDepartments, france}}
	at := map[string]int{}
	add := func(m Member, n names) int {
		a.Members, rows = append(a.Members, m), append(rows, n)
		return len(a.Members) - 1
	}
	for _, r := range g.Regions {
		region := add(Member{Code: r.Code, Label: r.Name, Key: "reg:" + r.Code}, names{r.Code, r.Name, allDepartments, france})
		for _, d := range g.Departments {
			if d.Region == r.Code {
				at[d.Code] = add(Member{Code: d.Code, Label: d.Name, Key: "dep:" + d.Code, Parent: region}, names{r.Code, r.Name, d.Code, d.Name})
			}
		}
	}
	unknown := add(Member{Code: noRegion, Key: "reg:99"}, names{noRegion, "", allDepartments, france})
	at[noDepartment] = add(Member{Code: noDepartment, Key: "dep:999", Parent: unknown}, names{noRegion, "", noDepartment, ""})
	a.Leaf = func(v string) int {
		if i, ok := at[v]; ok {
			return i
		}
		return at[noDepartment]
	}
	a.write = func(b *release.Builder, member int) {
		n := rows[member]
		b.Text(n.region).Text(n.regionLabel).Text(n.department).Text(n.departmentLabel)
	}
	return a
}

// epciAxis is the country and its groupings of communes; the rest is counted in the country alone.
func epciAxis(g *geography.Geography) axis {
	a := axis{name: "epci", Tree: Tree{Name: ColumnCommune, Members: []Member{{Code: france, Label: france, Parent: -1}}}, fields: []release.Field{
		text("epci", "epci", "Numéro SIREN de l'EPCI", true), text("libelle_epci", "libelle_epci", "Nom de l'EPCI", true),
	}}
	at := map[string]int{}
	for _, e := range g.EPCI {
		at[e.Code] = len(a.Members)
		a.Members = append(a.Members, Member{Code: e.Code, Label: e.Name, Key: "epci:" + e.Code})
	}
	rest := len(a.Members)
	a.Members = append(a.Members, Member{Code: Unknown, Key: "epci:NA", Private: true})
	a.Leaf = func(v string) int {
		if c, ok := g.Commune(v); ok {
			if i, ok := at[c.EPCI]; ok {
				return i
			}
		}
		return rest
	}
	a.write = writeCode(&a.Tree)
	return a
}

// metropolises are those whose communes the real portal publishes: Paris, Lyon, Marseille.
var metropolises = []string{"200054781", "200046977", "200054807"}

func communeAxis(g *geography.Geography) axis {
	a := axis{name: "commune", Tree: Tree{Name: ColumnCommune, Members: []Member{{Code: france, Label: france, Parent: -1}}}, fields: []release.Field{
		text("commune_residence", "commune_residence", "Code INSEE de la commune ou de l'arrondissement", true), text("libelle_commune", "libelle_commune", "Nom de la commune", true),
	}}
	at := map[string]int{}
	for _, code := range metropolises {
		parent := len(a.Members)
		a.Members = append(a.Members, Member{Code: code, Label: name(g, code), Key: "epci:" + code})
		cities := map[string]int{}
		for _, c := range g.Communes {
			if c.Kind == geography.Current && c.EPCI == code {
				cities[c.Code] = len(a.Members)
				at[c.Code] = len(a.Members)
				a.Members = append(a.Members, Member{Code: c.Code, Label: c.Name, Key: "com:" + c.Code, Parent: parent})
			}
		}
		for _, c := range g.Communes {
			if city, ok := cities[c.Parent]; ok && c.Kind == geography.Borough {
				at[c.Code] = len(a.Members)
				a.Members = append(a.Members, Member{Code: c.Code, Label: c.Name, Key: "com:" + c.Code, Parent: city})
			}
		}
		for _, city := range slices.Sorted(maps.Values(cities)) {
			if slices.ContainsFunc(a.Members, func(m Member) bool { return m.Parent == city }) { // a borough may be unknown
				at[a.Members[city].Code] = len(a.Members)
				a.Members = append(a.Members, Member{Code: a.Members[city].Code + "?", Key: "com:" + a.Members[city].Code + "?", Parent: city, Private: true})
			}
		}
	}
	rest := len(a.Members)
	a.Members = append(a.Members, Member{Code: Unknown, Key: "com:NA", Private: true})
	a.Leaf = func(v string) int {
		if i, ok := at[v]; ok {
			return i
		}
		if c, ok := g.Commune(v); ok {
			if i, ok := at[c.Code]; ok {
				return i
			}
		}
		return rest
	}
	a.write = writeCode(&a.Tree)
	return a
}

func name(g *geography.Geography, epci string) string {
	if i := slices.IndexFunc(g.EPCI, func(e geography.EPCI) bool { return e.Code == epci }); i >= 0 {
		return g.EPCI[i].Name
	}
	return epci
}

func writeCode(t *Tree) func(*release.Builder, int) {
	return func(b *release.Builder, member int) { b.Text(t.Members[member].Code).Text(t.Members[member].Label) }
}

// overlapAxis is a tree of departments or of EPCI over their intersections. Nothing of it is published: it tells the
// gate how the two add up.
func overlapAxis(g *geography.Geography, epci bool) axis {
	a := axis{Tree: Tree{Name: ColumnCommune, Members: []Member{{Code: france, Parent: -1}}}}
	parents, atoms := map[string]int{}, map[string]int{}
	atomOf := func(dep, group string) int {
		key := "atom:" + dep + "+" + group
		if i, ok := atoms[key]; ok {
			return i
		}
		parentKey := "dep:" + dep
		if epci {
			parentKey = "epci:" + group
		}
		parent, ok := parents[parentKey]
		if !ok {
			parent = len(a.Members)
			parents[parentKey] = parent
			a.Members = append(a.Members, Member{Code: parentKey, Key: parentKey, Private: true})
		}
		atoms[key] = len(a.Members)
		a.Members = append(a.Members, Member{Code: dep + "+" + group, Key: key, Parent: parent, Private: true})
		return atoms[key]
	}
	of := func(c geography.Commune) int {
		group := c.EPCI
		if group == "" {
			group = Unknown
		}
		return atomOf(c.Department, group)
	}
	for _, c := range g.Communes {
		if c.Kind == geography.Current {
			of(c)
		}
	}
	unknown := atomOf(noDepartment, Unknown)
	a.Leaf = func(v string) int {
		if c, ok := g.Commune(v); ok {
			return of(c)
		}
		return unknown
	}
	return a
}

// dataset is the plan of one published table.
type dataset struct {
	id                 string
	title, description release.Words
	territory          string
	population         string // name of the field, "" when there is none
	needs              []Dimension
	axes               func(*plan, *Cube) []axis
	unpublished        bool // the gate's
}

// plan is what the tables of a publication are made with.
type plan struct {
	geo        *geography.Geography
	classes    map[string][]class
	population Population
}

// Population is the number of people of a department and an age class, "" for all ages; 0 when it is not known.
type Population func(department, age string) int

const (
	allAges     = "TOUT_AGE"
	allVaccines = "Tout vaccin"
)

func (p *plan) ages(c *Cube) axis {
	return classAxis(c, ColumnAge, "age", "age", p.classes["age"], class{Code: allAges, Label: "Tout âge"},
		[]release.Field{text("classe_age", "classe_age", "Classe d'âge", true), text("libelle_classe_age", "libelle_classe_age", "Nom de la classe d'âge", false)}, true)
}

func (p *plan) vaccines(c *Cube) axis {
	return classAxis(c, ColumnVaccine, "vaccine", "vaccin", p.classes["vaccine"], class{Code: allVaccines},
		[]release.Field{text("type_vaccin", "type_vaccin", "Vaccin", true)}, false)
}

func (p *plan) category(c *Cube, column string) axis {
	return classAxis(c, column, column, "categorie", p.classes[column], class{Code: "Toutes", Label: "Toutes catégories"},
		[]release.Field{text("categorie", "categorie", "Catégorie", true), text("libelle_categorie", "libelle_categorie", "Nom de la catégorie", false)}, true)
}

func words(fr, en string) release.Words { return release.Words{FR: fr, EN: en} }

// datasets are the tables that can be published; a source that lacks a column of one leaves it out.
func datasets() []dataset {
	byDep := func(p *plan, _ *Cube) axis { return departmentAxis(p.geo) }
	secret := words(" Les effectifs inférieurs à 11 ne sont pas publiés ; les autres sont arrondis à la dizaine.", " Counts under 11 are not published; the others are rounded to the ten.")
	describe := func(fr, en string) release.Words { return words(fr+secret.FR, en+secret.EN) }
	return []dataset{
		{id: "donnees-vaccination-par-tranche-dage-type-de-vaccin-et-departement", territory: "Département", population: "population_insee",
			title:       words("Vaccination par âge, vaccin et département", "Vaccination by age, vaccine and department"),
			description: describe("Personnes vaccinées par semaine, département, classe d'âge et vaccin.", "People vaccinated by week, department, age class and vaccine."),
			needs:       []Dimension{ByDepartment, ByAge, ByVaccine},
			axes:        func(p *plan, c *Cube) []axis { return []axis{byDep(p, c), p.ages(c), p.vaccines(c)} }},
		{id: "donnees-de-vaccination-par-sexe-et-tranche-dage", territory: "Département",
			title:       words("Vaccination par sexe, âge et département", "Vaccination by sex, age and department"),
			description: describe("Personnes vaccinées par semaine, département, sexe et classe d'âge.", "People vaccinated by week, department, sex and age class."),
			needs:       []Dimension{ByDepartment, BySex, ByAge},
			axes: func(p *plan, c *Cube) []axis {
				return []axis{byDep(p, c), classAxis(c, ColumnSex, "sex", "sexe", p.classes["sex"], class{Code: "Tous", Label: "Femmes et hommes"},
					[]release.Field{text("sexe", "sexe", "Sexe", true), text("libelle_sexe", "libelle_sexe", "Nom du sexe", false)}, true), p.ages(c)}
			}},
		{id: "donnees-de-vaccination-par-epci", territory: "EPCI", population: "population_carto",
			title:       words("Vaccination par EPCI", "Vaccination by grouping of communes"),
			description: describe("Personnes vaccinées par semaine, EPCI et classe d'âge.", "People vaccinated by week, grouping of communes and age class."),
			needs:       []Dimension{ByCommune, ByAge},
			axes:        func(p *plan, c *Cube) []axis { return []axis{epciAxis(p.geo), p.ages(c)} }},
		{id: "donnees-de-vaccination-par-commune", territory: "Commune", population: "population_carto",
			title:       words("Vaccination par commune de Paris, Lyon et Marseille", "Vaccination by commune of Paris, Lyon and Marseille"),
			description: describe("Personnes vaccinées par semaine, commune des trois métropoles et classe d'âge.", "People vaccinated by week, commune of the three metropolises and age class."),
			needs:       []Dimension{ByCommune, ByAge},
			axes:        func(p *plan, c *Cube) []axis { return []axis{communeAxis(p.geo), p.ages(c)} }},
		{id: "donnees-vaccination-lieu-de-vaccination", territory: "Pays",
			title:       words("Vaccination par lieu", "Vaccination by place"),
			description: describe("Personnes vaccinées par semaine et lieu de vaccination.", "People vaccinated by week and place."),
			needs:       []Dimension{ByPlace},
			axes:        func(p *plan, c *Cube) []axis { return []axis{p.category(c, ColumnPlace)} }},
		{id: "donnees-de-vaccination-type-dinjecteur", territory: "Pays",
			title:       words("Vaccination par type d'injecteur", "Vaccination by kind of vaccinator"),
			description: describe("Personnes vaccinées par semaine et profession de l'injecteur.", "People vaccinated by week and profession of the vaccinator."),
			needs:       []Dimension{ByInjector},
			axes:        func(p *plan, c *Cube) []axis { return []axis{p.category(c, ColumnInjector)} }},
		{id: "overlap-departement", unpublished: true, needs: []Dimension{ByCommune, ByAge},
			axes: func(p *plan, c *Cube) []axis { return []axis{overlapAxis(p.geo, false), p.ages(c)} }},
		{id: "overlap-epci", unpublished: true, needs: []Dimension{ByCommune, ByAge},
			axes: func(p *plan, c *Cube) []axis { return []axis{overlapAxis(p.geo, true), p.ages(c)} }},
	}
}

// table counts a dataset from its cube.
func (p *plan) table(d dataset, cube *Cube) (*Table, []axis, error) {
	axes := d.axes(p, cube)
	trees := make([]Tree, len(axes))
	for i, a := range axes {
		trees[i] = a.Tree
	}
	measures := []Measure{FirstDose, Complete}
	if r := cube.Axis(ColumnRank); r >= 0 && slices.ContainsFunc(cube.Axes[r].Values, func(v string) bool { return slices.Contains(Booster.Ranks, v) }) {
		measures = append(measures, Booster)
	}
	t, err := NewTable(d.id, cube, trees, measures, p.populationOf(d, trees))
	return t, axes, err
}

// populationOf gives the population of a cell: of a territory and all that is not split by anything but age.
func (p *plan) populationOf(d dataset, trees []Tree) func([]int) int {
	if d.population == "" {
		return nil
	}
	age := slices.IndexFunc(trees, func(t Tree) bool { return t.Name == ColumnAge })
	places := map[string]int{}
	for _, e := range p.geo.EPCI {
		places["epci:"+e.Code] = e.Population
	}
	for _, c := range p.geo.Communes {
		places["com:"+c.Code] = c.Population
	}
	var parts [][]string // by member of the first tree: its departments
	for _, m := range trees[0].Members {
		var deps []string
		for _, x := range trees[0].Members {
			if code, ok := strings.CutPrefix(x.Key, "dep:"); ok && code != noDepartment && (m.Key == "" || x.Key == m.Key || trees[0].Members[x.Parent].Key == m.Key) {
				deps = append(deps, code)
			}
		}
		parts = append(parts, deps)
	}
	return func(members []int) int {
		class := ""
		if members[age] > 0 {
			class = trees[age].Members[members[age]].Code
		}
		if d.territory != "Département" {
			if class != "" {
				return 0
			}
			return places[trees[0].Members[members[0]].Key]
		}
		n := 0
		for _, dep := range parts[members[0]] {
			of := p.population(dep, class)
			if of == 0 && class != "" {
				return 0 // the whole of a territory with a part that is not known is not known
			}
			n += of
		}
		return n
	}
}

// frame is the published form of a protected table.
func (p *plan) frame(d dataset, axes []axis, t *Protected, reference carnet.Date) (*release.Frame, int, error) {
	fields := []release.Field{
		{Name: "date_reference", Label: "date_reference", Type: release.Date, Description: "Date de la publication"},
		{Name: "semaine_injection", Label: "semaine_injection", Type: release.Text, Description: "Semaine ISO 8601 de l'injection", Facet: true},
	}
	fields = append(fields, axes[0].fields...)
	if d.population != "" {
		fields = append(fields, release.Field{Name: d.population, Label: d.population, Type: release.Int, Description: "Population du territoire et de la classe d'âge"})
	}
	for _, a := range axes[1:] {
		fields = append(fields, a.fields...)
	}
	first := min(2, len(t.Measures))
	values := func(measures []Measure) {
		for _, prefix := range []string{"", "cumu_"} {
			for _, m := range measures {
				fields = append(fields, release.Field{Name: "effectif_" + prefix + m.Name, Label: strings.Replace("effectif_"+prefix+m.Name, "effectif_rappel", "Effectif_rappel", 1), Type: release.Int})
			}
		}
		if d.population == "" {
			return
		}
		for _, prefix := range []string{"", "cumu_"} {
			for _, m := range measures {
				fields = append(fields, release.Field{Name: "taux_" + prefix + m.Name, Label: strings.Replace("taux_"+prefix+m.Name, "taux_rappel", "TAUX_rappel", 1), Type: release.Double})
			}
		}
	}
	values(t.Measures[:first])
	fields = append(fields, release.Field{Name: "date", Label: "date", Type: release.Date, Description: "Dernier jour de la semaine", Facet: true})
	values(t.Measures[first:])
	fields = append(fields, release.Field{Name: "niveau", Label: "niveau", Type: release.Text, Description: "Ce qui est détaillé dans la ligne ; le reste est un total", Hidden: true})
	b := release.NewBuilder(fields)
	hidden, cells := 0, t.Cells()
	for w, sunday := range t.Weeks {
		day, err := carnet.ParseDate(sunday)
		if err != nil {
			return nil, 0, err
		}
		week, _ := Week(day)
		for cell := range cells {
			if t.neverShown[cell] {
				continue
			}
			members := t.Members(cell)
			b.Text(reference.String()).Text(week)
			axes[0].write(b, members[0])
			if d.population != "" {
				b.Int(known(t.Population[cell]))
			}
			for i, a := range axes[1:] {
				a.write(b, members[1+i])
			}
			add := func(from, to int) {
				for f := range families {
					for m := from; m < to; m++ {
						shown := t.Shown[f][m][w*cells+cell]
						if shown == Secret {
							hidden++
							shown = release.NullInt
						}
						b.Int(shown)
					}
				}
				if d.population == "" {
					return
				}
				for f := range families {
					for m := from; m < to; m++ {
						if rate, ok := t.Policy.Rate(t.Shown[f][m][w*cells+cell], t.Population[cell]); ok {
							b.Double(rate)
						} else {
							b.Double(math.NaN())
						}
					}
				}
			}
			add(0, first)
			b.Text(sunday)
			add(first, len(t.Measures))
			b.Text(level(axes, members))
		}
	}
	return b.Frame(), hidden, nil
}

func known(population int32) int32 {
	if population == 0 {
		return release.NullInt
	}
	return population
}

// level names what a row details: "departement+age", or "total".
func level(axes []axis, members []int) string {
	var parts []string
	for i, a := range axes {
		switch key := a.Members[members[i]].Key; {
		case strings.HasPrefix(key, "reg:"):
			parts = append(parts, "region")
		case strings.HasPrefix(key, "epci:"):
			parts = append(parts, "epci")
		case members[i] > 0:
			parts = append(parts, a.name)
		}
	}
	if parts == nil {
		return "total"
	}
	return strings.Join(parts, "+")
}
