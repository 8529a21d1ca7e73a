package explore

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/publish/odsql"
	"carnet/internal/publish/release"
)

// Limits of the contract.
const (
	maxLimit      = 100
	maxGroupLimit = 20_000
	maxWindow     = 10_000
)

// mixedWarning says that an answer adds totals and details (portal.md S5).
const mixedWarning = `199 carnet "this answer adds total rows and the rows that they are the totals of; filter on the field niveau"`

// catalog answers below catalog/. Old is v2.0, which has exports only.
func (a *request) catalog(path []string, old bool) error {
	if len(path) == 0 {
		return notFound("The address")
	}
	switch {
	case path[0] == "facets" && len(path) == 1:
		return a.catalogFacets()
	case path[0] == "exports" && len(path) == 1:
		return a.formats("/api/explore/v2.1/catalog/exports/", catalogFormats)
	case path[0] == "exports" && len(path) == 2:
		return a.catalogExport(path[1])
	case path[0] != "datasets":
		return notFound("The address")
	case len(path) == 1:
		return a.datasets()
	}
	d, err := a.dataset(path[1])
	if err != nil {
		return err
	}
	switch rest := strings.Join(path[2:], "/"); {
	case rest == "":
		return a.answer(func(b *bytes.Buffer) (string, error) {
			return "", json.NewEncoder(b).Encode(a.describe(d))
		})
	case rest == "records":
		return a.records(d)
	case rest == "facets":
		return a.facets(d)
	case rest == "attachments":
		writeJSON(a.w, http.StatusOK, map[string]any{"attachments": []any{}})
		return nil
	case rest == "exports":
		return a.formats("/api/explore/v2.1/catalog/datasets/"+d.ID+"/exports/", exportFormats)
	case strings.HasPrefix(rest, "exports/") && len(path) == 4:
		return a.export(d, path[3], old)
	case strings.HasPrefix(rest, "records/") && len(path) == 4:
		return a.record(d, path[3])
	}
	return notFound("The address")
}

// one gives a parameter that may be there once.
func (a *request) one(name, otherwise string) string {
	if v := a.query.Get(name); v != "" {
		return v
	}
	return otherwise
}

func (a *request) flag(name string, otherwise bool) (bool, error) {
	switch v := strings.ToLower(a.query.Get(name)); v {
	case "":
		return otherwise, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, badParameter("Invalid value for %s API parameter: %s was found but true or false is expected.", name, v)
	}
}

func (a *request) number(name string, otherwise, low, high int) (int, error) {
	v := a.query.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, badParameter("Invalid value for %s API parameter: %s was found but an integer is expected.", name, clip(v))
	}
	if n < low || n > high {
		return 0, badParameter("Invalid value for %s API parameter: %d was found but %d <= %s <= %d is expected.", name, n, low, name, high)
	}
	return n, nil
}

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

var parameters = []string{"select", "where", "group_by", "order_by", "limit", "offset", "refine", "exclude", "lang", "timezone", "include_links", "include_app_metas", "apikey",
	"use_labels", "compressed", "epsg", "delimiter", "list_separator", "quote_all", "with_bom", "parquet_compression", "facet", "use_labels_in_exports", "include_exports"}

var languages = []string{"fr", "en", "nl", "pt", "it", "ar", "de", "es", "ca", "eu", "sv"}

// common checks what every address accepts.
func (a *request) common() error {
	for name := range a.query {
		if !slices.Contains(parameters, name) {
			return badParameter("Unknown API parameter: %s.", clip(name))
		}
	}
	if lang := a.one("lang", "fr"); !slices.Contains(languages, lang) {
		return badParameter("Invalid value for lang API parameter: %s was found but one of %s is expected.", clip(lang), strings.Join(languages, ", "))
	}
	if _, err := location(a.one("timezone", "UTC")); err != nil {
		return badParameter("Invalid value for timezone API parameter: %s is not a time zone.", clip(a.query.Get("timezone")))
	}
	return nil
}

func location(name string) (*time.Location, error) {
	if strings.EqualFold(name, "local") || strings.Contains(name, "..") {
		return nil, fmt.Errorf("%s is not a time zone", name)
	}
	return time.LoadLocation(name)
}

// question reads the parameters of records and exports.
func (a *request) question(d *release.Dataset) (*question, error) {
	if err := a.common(); err != nil {
		return nil, err
	}
	q := &question{limit: -1}
	var err error
	for _, w := range a.query["where"] {
		if strings.TrimSpace(w) == "" {
			continue
		}
		e, err := odsql.ParseWhere(w)
		if err != nil {
			return nil, syntax(err)
		}
		q.where = append(q.where, e)
	}
	if s := strings.Join(a.query["select"], ","); strings.TrimSpace(s) != "" {
		if q.selected, err = odsql.ParseSelect(s); err != nil {
			return nil, syntax(err)
		}
	}
	if s := strings.Join(a.query["group_by"], ","); strings.TrimSpace(s) != "" {
		if q.group, err = odsql.ParseGroup(s); err != nil {
			return nil, syntax(err)
		}
	}
	if s := strings.Join(a.query["order_by"], ","); strings.TrimSpace(s) != "" {
		if q.order, err = odsql.ParseOrder(s); err != nil {
			return nil, syntax(err)
		}
	}
	q.keep, err = refinements(a.release.Frames[d.ID], a.query["refine"], a.query["exclude"])
	return q, err
}

// refinements are the conditions refine=F:V and exclude=F:V. A date is refined by its beginning: 2021/04.
func refinements(f *release.Frame, refine, exclude []string) (out []predicate, err error) {
	for i, list := range [][]string{refine, exclude} {
		parameter := []string{"refine", "exclude"}[i]
		for _, text := range list {
			name, v, ok := strings.Cut(text, ":")
			name = strings.TrimSpace(name)
			if !ok {
				return nil, badParameter("Invalid value for %s API parameter: %s was found but FIELD:VALUE is expected.", parameter, clip(text))
			}
			v = strings.Trim(strings.TrimSpace(v), `"`)
			is, err := facetIs(f, name, v)
			if err != nil {
				return nil, err
			}
			if i == 1 {
				out = append(out, func(row int) bool { return !is(row) })
			} else {
				out = append(out, is)
			}
		}
	}
	return out, nil
}

func facetIs(f *release.Frame, name, v string) (predicate, error) {
	c := f.Column(name)
	if c == nil || c.Codes == nil {
		return nil, badParameter("Unknown facet: %s.", clip(name))
	}
	if c.Type == release.Date {
		v = strings.ReplaceAll(v, "/", "-")
		found := make([]bool, len(c.Dict))
		for i, d := range c.Dict {
			found[i] = d == v || strings.HasPrefix(d, v+"-")
		}
		return func(row int) bool { code := c.Codes[row]; return code != release.NullCode && found[code] }, nil
	}
	at, ok := slices.BinarySearch(c.Dict, v)
	return func(row int) bool { return ok && c.Codes[row] == uint32(at) }, nil
}

func (a *request) records(d *release.Dataset) error {
	return a.answer(func(b *bytes.Buffer) (string, error) {
		q, err := a.question(d)
		if err != nil {
			return "", err
		}
		most := maxLimit
		if q.group != nil {
			most = maxGroupLimit
		}
		if q.limit, err = a.number("limit", 10, -1, most); err != nil {
			return "", err
		}
		if q.limit < 0 {
			q.limit = most
		}
		window := max(maxWindow, most)
		if q.offset, err = a.number("offset", 0, 0, window); err != nil {
			return "", err
		}
		if q.offset+q.limit > window {
			return "", badParameter("Invalid value for offset API parameter: %d was found but offset + limit <= %d is expected.", q.offset, window)
		}
		out, err := a.engine(d).ask(q)
		if err != nil {
			return "", err
		}
		b.WriteString(`{"total_count": ` + strconv.Itoa(out.total) + `, "results": [`)
		w := newRows(out.columns)
		for i, row := range out.rows {
			if i > 0 {
				b.WriteString(", ")
			}
			b.Write(w.object(row, false))
		}
		b.WriteString("]}")
		return a.warn(out), nil
	})
}

func (a *request) warn(r *result) string {
	if r.mixed {
		return mixedWarning
	}
	return ""
}

// rows writes rows as JSON objects.
type rows struct {
	columns []*release.Column
	names   [][]byte
	texts   [][][]byte // by column, the dictionary as JSON
	buffer  []byte
}

func newRows(columns []*release.Column) *rows {
	r := &rows{columns: columns}
	for _, c := range columns {
		name, _ := json.Marshal(c.Name) // a text can always be written
		r.names = append(r.names, append(name, ": "...))
		r.texts = append(r.texts, make([][]byte, len(c.Dict)))
	}
	return r
}

// object writes a row; without nulls leaves out what is missing, as v1 does. It is overwritten by the next one.
func (r *rows) object(row int, withoutNulls bool) []byte {
	b := append(r.buffer[:0], '{')
	for i, c := range r.columns {
		null := c.Null(row)
		if null && withoutNulls {
			continue
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		b = append(b, r.names[i]...)
		switch {
		case null:
			b = append(b, "null"...)
		case c.Type == release.Int || c.Type == release.Double:
			b = c.AppendText(b, row)
		default:
			code := c.Codes[row]
			if r.texts[i][code] == nil {
				r.texts[i][code], _ = json.Marshal(c.Dict[code])
			}
			b = append(b, r.texts[i][code]...)
		}
	}
	r.buffer = append(b, '}')
	return r.buffer
}

// recordID names a row by the values that make it what it is: everything but its figures.
func recordID(dataset string, f *release.Frame, row int) string {
	h := sha1.New() // a name, not a protection
	h.Write([]byte(dataset))
	var buffer []byte
	for _, c := range f.Visible() {
		if c.Codes != nil && c.Name != "date_reference" {
			buffer = append(c.AppendText(append(buffer[:0], 0), row), 0)
			h.Write(buffer)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (a *request) findRecord(d *release.Dataset, id string) (int, error) {
	f := a.release.Frames[d.ID]
	if len(id) == 40 {
		for row := range f.Rows {
			if recordID(d.ID, f, row) == id {
				return row, nil
			}
		}
	}
	return 0, &failure{http.StatusNotFound, "RecordNotFoundError", "The record does not exist."}
}

func (a *request) record(d *release.Dataset, id string) error {
	return a.answer(func(b *bytes.Buffer) (string, error) {
		if err := a.common(); err != nil {
			return "", err
		}
		row, err := a.findRecord(d, id)
		if err != nil {
			return "", err
		}
		var items []odsql.Item
		if s := a.query.Get("select"); s != "" {
			if items, err = odsql.ParseSelect(s); err != nil {
				return "", syntax(err)
			}
		}
		out := &result{}
		if err := a.engine(d).project(out, items, []int{row}); err != nil {
			return "", err
		}
		b.Write(newRows(out.columns).object(out.rows[0], false))
		return "", nil
	})
}

// facet is one facet of an answer.
type facet struct {
	Name   string       `json:"name"`
	Values []facetValue `json:"facets"`
}

type facetValue struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	State string `json:"state"`
	Value string `json:"value"`
}

// asked is one facet parameter: a name, or facet(name="x", sort="-count", limit=10).
type askedFacet struct {
	name, sort string
	limit      int
}

func parseFacet(s string) (askedFacet, error) {
	out := askedFacet{sort: "-count", limit: 1000}
	s = strings.TrimSpace(s)
	inner, ok := strings.CutPrefix(s, "facet(")
	if !ok {
		out.name = s
		return out, nil
	}
	inner, ok = strings.CutSuffix(inner, ")")
	if !ok {
		return out, badParameter("Invalid value for facet API parameter: %s was found but facet(name=…) is expected.", clip(s))
	}
	for _, part := range strings.Split(inner, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		v = strings.Trim(strings.TrimSpace(v), `"'`)
		switch strings.TrimSpace(k) {
		case "name":
			out.name = v
		case "sort":
			out.sort = v
		case "limit":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 1000 {
				return out, badParameter("Invalid value for facet API parameter: limit is a number from 1 to 1000.")
			}
			out.limit = n
		case "disjunctive", "hierarchical", "separator":
		default:
			return out, badParameter("Invalid value for facet API parameter: %s is not an option.", clip(k))
		}
	}
	return out, nil
}

// count counts the values of a facet in rows. Dates are counted by year, or by month of the year that is refined.
func (f askedFacet) count(c *release.Column, rows []int, refined, excluded []string) (facet, error) {
	label := func(v string) string { return v }
	if c.Type == release.Date {
		depth := 4
		for _, r := range refined {
			depth = max(depth, min(10, (len(r)+1)/3*3+1))
			if len(r) == 4 {
				depth = 7
			} else if len(r) >= 7 {
				depth = 10
			}
		}
		label = func(v string) string { return strings.ReplaceAll(v[:depth], "-", "/") }
	}
	counts := make([]int, len(c.Dict))
	for _, row := range rows {
		if code := c.Codes[row]; code != release.NullCode {
			counts[code]++
		}
	}
	sums := map[string]int{}
	for code, n := range counts {
		if n > 0 {
			sums[label(c.Dict[code])] += n
		}
	}
	out := facet{Name: c.Name, Values: []facetValue{}}
	for v, n := range sums {
		state := "displayed"
		if slices.Contains(refined, v) {
			state = "refined"
		}
		if slices.Contains(excluded, v) {
			state = "excluded"
		}
		out.Values = append(out.Values, facetValue{v, n, state, v})
	}
	by, desc := strings.CutPrefix(f.sort, "-")
	if by != "count" && by != "alphanum" && by != "num" {
		return out, badParameter("Invalid value for facet API parameter: sort is count, alphanum or num.")
	}
	slices.SortFunc(out.Values, func(x, y facetValue) int {
		c := cmp.Compare(x.Count, y.Count)
		switch by {
		case "alphanum":
			c = cmp.Compare(x.Value, y.Value)
		case "num":
			m, _ := strconv.ParseFloat(x.Value, 64)
			n, _ := strconv.ParseFloat(y.Value, 64)
			c = cmp.Compare(m, n)
		}
		if desc {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(x.Value, y.Value))
	})
	out.Values = out.Values[:min(f.limit, len(out.Values))]
	return out, nil
}

// refinedTo lists the values that a parameter refines a field to.
func refinedTo(list []string, field string) (out []string) {
	for _, text := range list {
		if name, v, ok := strings.Cut(text, ":"); ok && name == field {
			out = append(out, strings.Trim(v, `"`))
		}
	}
	return out
}

// everyRow is the rows that a question keeps.
func (e *engine) everyRow(q *question) ([]int, error) {
	keep := slices.Clone(q.keep)
	for _, w := range q.where {
		p, err := e.condition(w)
		if err != nil {
			return nil, err
		}
		keep = append(keep, p)
	}
	var rows []int
	for row := range e.frame.Rows {
		if !slices.ContainsFunc(keep, func(p predicate) bool { return !p(row) }) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (a *request) facets(d *release.Dataset) error {
	return a.answer(func(b *bytes.Buffer) (string, error) {
		q, err := a.question(d)
		if err != nil {
			return "", err
		}
		e := a.engine(d)
		rows, err := e.everyRow(q)
		if err != nil {
			return "", err
		}
		asked := a.query["facet"]
		if len(asked) == 0 {
			for _, c := range e.frame.Visible() {
				if c.Facet {
					asked = append(asked, c.Name)
				}
			}
		}
		out := []facet{}
		for _, text := range asked {
			f, err := parseFacet(text)
			if err != nil {
				return "", err
			}
			c := e.frame.Column(f.name)
			if c == nil || c.Codes == nil {
				return "", badParameter("Unknown facet: %s.", clip(f.name))
			}
			one, err := f.count(c, rows, refinedTo(a.query["refine"], f.name), refinedTo(a.query["exclude"], f.name))
			if err != nil {
				return "", err
			}
			out = append(out, one)
		}
		return "", json.NewEncoder(b).Encode(map[string]any{"links": []any{}, "facets": out})
	})
}

// formats lists the links of exports.
func (a *request) formats(base string, formats []string) error {
	type link struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	links := []link{}
	for _, f := range formats {
		links = append(links, link{f, a.p.Origin + base + f})
	}
	writeJSON(a.w, http.StatusOK, map[string]any{"links": links})
	return nil
}

// describe is a dataset as the API describes it.
func (a *request) describe(d *release.Dataset) map[string]any {
	lang := a.one("lang", "fr")
	fields := []map[string]any{}
	for _, f := range d.Fields {
		if f.Hidden {
			continue
		}
		annotations := map[string]any{}
		if f.Facet {
			annotations["facet"] = []any{}
		}
		var description any
		if f.Description != "" {
			description = f.Description
		}
		fields = append(fields, map[string]any{"name": f.Name, "label": f.Label, "type": string(f.Type), "annotations": annotations, "description": description})
	}
	return map[string]any{
		"dataset_id": d.ID, "dataset_uid": "da_" + digest(d.ID), "has_records": true, "data_visible": true, "visibility": "domain",
		"features": []string{"analyze", "timeserie"}, "attachments": []any{}, "alternative_exports": []any{}, "fields": fields,
		"metas": map[string]any{"default": map[string]any{
			"title": d.Title.In(lang), "description": d.Description.In(lang), "theme": []string{"Santé"}, "keyword": []string{"vaccination"}, "language": "fr",
			"license": "Licence Ouverte v2.0", "license_url": licence, "modified": a.release.Created.Format(time.RFC3339), "data_processed": a.release.Created.Format(time.RFC3339),
			"metadata_processed": a.release.Created.Format(time.RFC3339), "publisher": strings.Join(a.release.Sources, ", "), "records_count": d.Rows, "territory": []string{d.Territory},
		}, "carnet": map[string]any{"release": a.release.ID, "previous": a.release.Previous, "geography": a.release.Geography, "secrecy": a.release.Secrecy, "hidden_values": d.Hidden,
			"sums": "Les agrégats portent sur les lignes publiées : une somme est une borne inférieure."}},
	}
}

const licence = "https://www.etalab.gouv.fr/licence-ouverte-open-licence/"

func (a *request) datasets() error {
	return a.answer(func(b *bytes.Buffer) (string, error) {
		if err := a.common(); err != nil {
			return "", err
		}
		limit, err := a.number("limit", 10, -1, maxLimit)
		if err != nil {
			return "", err
		}
		offset, err := a.number("offset", 0, 0, maxWindow)
		if err != nil {
			return "", err
		}
		if limit < 0 {
			limit = maxLimit
		}
		list, err := a.matching()
		if err != nil {
			return "", err
		}
		results := []map[string]any{}
		for i := offset; i < len(list) && len(results) < limit; i++ {
			results = append(results, a.describe(&list[i]))
		}
		return "", json.NewEncoder(b).Encode(map[string]any{"total_count": len(list), "results": results})
	})
}

// matching lists the datasets that where and refine keep: in the catalogue they speak of dataset_id, title, description
// and territory.
func (a *request) matching() ([]release.Dataset, error) {
	builder := release.NewBuilder([]release.Field{{Name: "dataset_id", Type: release.Text}, {Name: "title", Type: release.Text}, {Name: "description", Type: release.Text},
		{Name: "territory", Type: release.Text, Facet: true}, {Name: "theme", Type: release.Text, Facet: true}, {Name: "records_count", Type: release.Int}, {Name: "modified", Type: release.Date}})
	lang := a.one("lang", "fr")
	for _, d := range a.release.Datasets {
		builder.Text(d.ID).Text(d.Title.In(lang)).Text(d.Description.In(lang)).Text(d.Territory).Text("Santé").Int(int32(d.Rows)).Text(a.release.Reference)
	}
	e := &engine{frame: builder.Frame(), now: a.now}
	q := &question{limit: -1}
	var err error
	for _, w := range a.query["where"] {
		x, err := odsql.ParseWhere(w)
		if err != nil {
			return nil, syntax(err)
		}
		q.where = append(q.where, x)
	}
	if s := a.query.Get("order_by"); s != "" {
		if q.order, err = odsql.ParseOrder(s); err != nil {
			return nil, syntax(err)
		}
	}
	if q.keep, err = refinements(e.frame, a.query["refine"], a.query["exclude"]); err != nil {
		return nil, err
	}
	out, err := e.ask(q)
	if err != nil {
		return nil, err
	}
	list := []release.Dataset{}
	for _, row := range out.rows {
		list = append(list, a.release.Datasets[row])
	}
	return list, nil
}

func (a *request) catalogFacets() error {
	list, err := a.matching()
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, d := range list {
		counts[d.Territory]++
	}
	territories := facet{Name: "territory", Values: []facetValue{}}
	for v, n := range counts {
		territories.Values = append(territories.Values, facetValue{v, n, "displayed", v})
	}
	slices.SortFunc(territories.Values, func(x, y facetValue) int { return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Value, y.Value)) })
	theme := facet{Name: "theme", Values: []facetValue{{"Santé", len(list), "displayed", "Santé"}}}
	writeJSON(a.w, http.StatusOK, map[string]any{"links": []any{}, "facets": []facet{territories, theme}})
	return nil
}
