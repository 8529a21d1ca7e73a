package explore

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/publish/odsql"
	"carnet/internal/publish/release"
)

// questionV1 reads the parameters of the first version of the API: q, refine.X, exclude.X, sort.
func (a *request) questionV1(d *release.Dataset) (*question, error) {
	q := &question{limit: -1}
	f := a.release.Frames[d.ID]
	if text := strings.Join(a.query["q"], " "); strings.TrimSpace(text) != "" {
		e, err := parseQ(text)
		if err != nil {
			return nil, err
		}
		if e != nil {
			q.where = append(q.where, e)
		}
	}
	var refine, exclude []string
	disjunctive := map[string]predicate{}
	for name, values := range a.query {
		field, isRefine := strings.CutPrefix(name, "refine.")
		other, isExclude := strings.CutPrefix(name, "exclude.")
		for _, v := range values {
			switch {
			case isRefine && a.query.Get("disjunctive."+field) != "":
				is, err := facetIs(f, field, v)
				if err != nil {
					return nil, err
				}
				if before := disjunctive[field]; before != nil {
					now := is
					is = func(row int) bool { return before(row) || now(row) }
				}
				disjunctive[field] = is
			case isRefine:
				refine = append(refine, field+":"+v)
			case isExclude:
				exclude = append(exclude, other+":"+v)
			}
		}
	}
	var err error
	if q.keep, err = refinements(f, refine, exclude); err != nil {
		return nil, err
	}
	for _, is := range disjunctive {
		q.keep = append(q.keep, is)
	}
	if s := strings.TrimSpace(a.query.Get("sort")); s != "" {
		name, up := strings.CutPrefix(s, "-") // the other way round than in v2
		q.order = []odsql.Order{{Expr: odsql.Field{Name: name}, Desc: !up}}
	}
	if s := a.query.Get("fields"); s != "" {
		for _, name := range strings.Split(s, ",") {
			q.selected = append(q.selected, odsql.Item{Expr: odsql.Field{Name: strings.TrimSpace(name)}})
		}
	}
	return q, nil
}

// recordsV1 answers below api/records/1.0/.
func (a *request) recordsV1(action string) error {
	id := a.query.Get("dataset")
	if id == "" {
		return badParameter("The parameter dataset is missing.")
	}
	if action == "download" {
		return a.downloadV1(id)
	}
	if action != "search" {
		return notFound("The address")
	}
	d, err := a.dataset(id)
	if err != nil {
		return err
	}
	return a.answer(func(b *bytes.Buffer) (string, error) {
		q, err := a.questionV1(d)
		if err != nil {
			return "", err
		}
		if q.limit, err = a.number("rows", 10, -1, maxWindow); err != nil {
			return "", err
		}
		if q.limit < 0 {
			q.limit = maxWindow
		}
		if q.offset, err = a.number("start", 0, 0, maxWindow); err != nil {
			return "", err
		}
		if q.offset+q.limit > maxWindow {
			q.limit = maxWindow - q.offset
		}
		e := a.engine(d)
		all, err := e.everyRow(q)
		if err != nil {
			return "", err
		}
		selected := q.selected
		q.selected = nil // the rows keep their numbers: their names are made of every field
		out, err := e.ask(q)
		if err != nil {
			return "", err
		}
		shown := &result{}
		if err := e.project(shown, selected, out.rows); err != nil {
			return "", err
		}
		echo := map[string]any{"dataset": d.ID, "rows": q.limit, "start": q.offset, "format": "json", "timezone": a.one("timezone", "UTC")}
		for _, name := range []string{"q", "sort", "fields"} {
			if v := a.query.Get(name); v != "" {
				echo[name] = v
			}
		}
		if list := a.query["facet"]; len(list) > 0 {
			echo["facet"] = list
		}
		head, err := json.Marshal(echo)
		if err != nil {
			return "", err
		}
		b.WriteString(`{"nhits": ` + strconv.Itoa(out.total) + `, "parameters": `)
		b.Write(head)
		b.WriteString(`, "records": [`)
		w := newRows(shown.columns)
		stamp := a.release.Created.Format(time.RFC3339)
		for i, row := range shown.rows {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(`{"datasetid": "` + d.ID + `", "recordid": "` + recordID(d.ID, e.frame, out.rows[i]) + `", "fields": `)
			b.Write(w.object(row, true))
			b.WriteString(`, "record_timestamp": "` + stamp + `"}`)
		}
		b.WriteByte(']')
		groups, err := a.facetGroups(e, all)
		if err != nil {
			return "", err
		}
		if groups != nil {
			text, err := json.Marshal(groups)
			if err != nil {
				return "", err
			}
			b.WriteString(`, "facet_groups": `)
			b.Write(text)
		}
		b.WriteByte('}')
		return "", nil
	})
}

// facetGroups counts facets as v1 writes them.
func (a *request) facetGroups(e *engine, rows []int) (groups []map[string]any, err error) {
	for _, name := range a.query["facet"] {
		c := e.frame.Column(name)
		if c == nil || c.Codes == nil {
			return nil, badParameter("Unknown facet: %s.", clip(name))
		}
		f, err := askedFacet{name: name, sort: "-count", limit: 1000}.count(c, rows, a.query["refine."+name], a.query["exclude."+name])
		if err != nil {
			return nil, err
		}
		values := []map[string]any{}
		n := 0
		for _, v := range f.Values {
			n += v.Count
			values = append(values, map[string]any{"name": v.Name, "path": v.Value, "count": v.Count, "state": v.State})
		}
		groups = append(groups, map[string]any{"name": name, "count": n, "facets": values})
	}
	return groups, nil
}

// downloadV1 streams a file: records/1.0/download, or the oldest address, whose header is of labels when it is asked.
func (a *request) downloadV1(id string) error {
	d, err := a.dataset(id)
	if err != nil {
		return err
	}
	if _, err := location(a.one("timezone", "UTC")); err != nil {
		return badParameter("Invalid value for timezone API parameter: %s is not a time zone.", clip(a.query.Get("timezone")))
	}
	format := a.one("format", "csv")
	if format == "xls" {
		format = "xlsx" // the format that is read today
	}
	if !slices.Contains(exportFormats, format) {
		return badParameter("Invalid value for format API parameter: %s was found but one of %s is expected.", clip(format), strings.Join(exportFormats, ", "))
	}
	q, err := a.questionV1(d)
	if err != nil {
		return err
	}
	if q.limit, err = a.number("rows", -1, -1, 1<<30); err != nil {
		return err
	}
	delimiter, err := a.delimiter("csv_separator")
	if err != nil {
		return err
	}
	labels, err := a.flag("use_labels_for_header", false)
	if err != nil {
		return err
	}
	out, err := a.engine(d).ask(q)
	if err != nil {
		return err
	}
	return a.write(out, format, d.ID, false, release.CSV{Delimiter: delimiter, Labels: labels}, &parquet.Snappy)
}

// datasetsV1 answers below api/datasets/1.0/: search, a dataset, one of its records.
func (a *request) datasetsV1(path []string) error {
	describe := func(d *release.Dataset) map[string]any {
		v2 := a.describe(d)
		metas := v2["metas"].(map[string]any)["default"].(map[string]any)
		fields := []map[string]any{}
		for _, f := range d.Fields {
			if !f.Hidden {
				fields = append(fields, map[string]any{"name": f.Name, "label": f.Label, "type": string(f.Type)})
			}
		}
		return map[string]any{"datasetid": d.ID, "metas": metas, "has_records": true, "data_visible": true, "features": v2["features"], "attachments": []any{}, "alternative_exports": []any{}, "fields": fields}
	}
	switch {
	case len(path) == 1 && path[0] == "search":
		rows, err := a.number("rows", 10, -1, maxWindow)
		if err != nil {
			return err
		}
		list := a.release.Datasets
		if rows >= 0 {
			list = list[:min(rows, len(list))]
		}
		out := []map[string]any{}
		for i := range list {
			out = append(out, describe(&list[i]))
		}
		writeJSON(a.w, http.StatusOK, map[string]any{"nhits": len(a.release.Datasets), "parameters": map[string]any{"rows": rows, "start": 0, "format": "json"}, "datasets": out})
		return nil
	case len(path) == 1 && path[0] != "":
		d, err := a.dataset(path[0])
		if err != nil {
			return err
		}
		writeJSON(a.w, http.StatusOK, describe(d))
		return nil
	case len(path) == 3 && path[1] == "records":
		d, err := a.dataset(path[0])
		if err != nil {
			return err
		}
		row, err := a.findRecord(d, path[2])
		if err != nil {
			return err
		}
		fields := newRows(a.release.Frames[d.ID].Visible()).object(row, true)
		writeJSON(a.w, http.StatusOK, map[string]any{"datasetid": d.ID, "recordid": path[2], "fields": json.RawMessage(fields), "record_timestamp": a.release.Created.Format(time.RFC3339)})
		return nil
	}
	return notFound("The address")
}
