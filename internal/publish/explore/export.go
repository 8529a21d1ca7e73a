package explore

import (
	"archive/zip"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"carnet/internal/carnet"
	"carnet/internal/publish/release"
)

var (
	exportFormats  = []string{"csv", "geojson", "json", "jsonl", "parquet", "xlsx"}
	catalogFormats = []string{"csv", "dcat", "json", "rdf", "ttl"}
)

var contentTypes = map[string]string{
	"csv": "text/csv; charset=utf-8", "json": "application/json; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8", "geojson": "application/geo+json; charset=utf-8",
	"parquet": "application/vnd.apache.parquet", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// export streams the rows of a question in a format of the contract.
func (a *request) export(d *release.Dataset, format string, old bool) error {
	if !slices.Contains(exportFormats, format) {
		return badParameter("Invalid value for format API parameter: %s was found but one of %s is expected.", clip(format), strings.Join(exportFormats, ", "))
	}
	if old {
		a.query.Del("offset") // v2.0 has one
	}
	q, err := a.question(d)
	if err != nil {
		return err
	}
	if q.limit, err = a.number("limit", -1, -1, math.MaxInt32); err != nil {
		return err
	}
	labels, err := a.flag("use_labels", false)
	if err != nil {
		return err
	}
	bom, err := a.flag("with_bom", !old)
	if err != nil {
		return err
	}
	quote, err := a.flag("quote_all", false)
	if err != nil {
		return err
	}
	compressed, err := a.flag("compressed", false)
	if err != nil {
		return err
	}
	delimiter, err := a.delimiter("delimiter")
	if err != nil {
		return err
	}
	var codec compress.Codec = &parquet.Snappy
	switch c := a.one("parquet_compression", "snappy"); c {
	case "snappy":
	case "zstd":
		codec = &parquet.Zstd
	default:
		return badParameter("Invalid value for parquet_compression API parameter: %s was found but snappy or zstd is expected.", clip(c))
	}
	out, err := a.engine(d).ask(q)
	if err != nil {
		return err
	}
	return a.write(out, format, d.ID, compressed, release.CSV{Delimiter: delimiter, BOM: bom, Labels: labels, QuoteAll: quote}, codec)
}

func (a *request) delimiter(name string) (byte, error) {
	switch v := a.query.Get(name); v {
	case "", ";":
		return ';', nil
	case ",", "|", "\t":
		return v[0], nil
	default:
		return 0, badParameter("Invalid value for %s API parameter: %q was found but one of ; , | tab is expected.", name, clip(v))
	}
}

// write streams an answer as a file to download. What goes wrong after the first byte breaks the connection: a file that
// is cut must not look whole.
func (a *request) write(out *result, format, name string, compressed bool, csv release.CSV, codec compress.Codec) error {
	h := a.w.Header()
	h.Set("Content-Type", contentTypes[format])
	file := name + "." + format
	if compressed {
		file += ".gz"
		h.Set("Content-Type", "application/gzip")
	}
	h.Set("Content-Disposition", `attachment; filename="`+file+`"`)
	if out.mixed {
		h.Set("Warning", mixedWarning)
	}
	if a.r.Method != http.MethodGet {
		return nil
	}
	var w io.Writer = a.w
	var z *gzip.Writer
	if compressed {
		z = gzip.NewWriter(a.w)
		w = z
	}
	err := encode(w, out, format, csv, codec)
	if z != nil {
		err = errors.Join(err, z.Close())
	}
	if err != nil && a.r.Context().Err() == nil {
		a.p.Log.WarnContext(a.r.Context(), "an export was broken off", "format", format, "err", err)
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	return nil
}

func encode(w io.Writer, out *result, format string, csv release.CSV, codec compress.Codec) error {
	rowsOf := func(yield func(int) bool) {
		for _, r := range out.rows {
			if !yield(r) {
				return
			}
		}
	}
	switch format {
	case "csv":
		return csv.Write(w, out.columns, rowsOf)
	case "parquet":
		return release.WriteParquet(w, out.columns, rowsOf, codec)
	case "xlsx":
		return writeXLSX(w, out.columns, rowsOf, csv.Labels)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	r := newRows(out.columns)
	head, between, tail, before, after := "[", ",\n", "]", "", ""
	switch format {
	case "jsonl":
		head, between, tail = "", "\n", "\n"
	case "geojson": // the datasets have no shapes: every geometry is null
		head, tail, before, after = `{"type": "FeatureCollection", "features": [`, "]}", `{"type": "Feature", "geometry": null, "properties": `, "}"
	}
	_, _ = b.WriteString(head) // the buffer keeps the first error for Flush
	for i, row := range out.rows {
		if i > 0 {
			_, _ = b.WriteString(between)
		}
		_, _ = b.WriteString(before)
		if _, err := b.Write(r.object(row, false)); err != nil {
			return err
		}
		_, _ = b.WriteString(after)
	}
	if format != "jsonl" || len(out.rows) > 0 {
		_, _ = b.WriteString(tail)
	}
	return b.Flush()
}

// writeXLSX writes one sheet (ECMA-376), as a stream: texts are in the cells, so that nothing is held.
func writeXLSX(w io.Writer, columns []*release.Column, rows func(func(int) bool), labels bool) error {
	z := zip.NewWriter(w)
	for _, f := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="donnees" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`},
	} {
		part, err := z.Create(f[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(part, xml.Header+f[1]); err != nil {
			return err
		}
	}
	sheet, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(sheet, 1<<16)
	_, _ = b.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>`) // Flush says what failed
	cell := func(s string) {
		_, _ = b.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
		_ = xml.EscapeText(b, []byte(s))
		_, _ = b.WriteString(`</t></is></c>`)
	}
	for _, c := range columns {
		if labels {
			cell(c.Label)
		} else {
			cell(c.Name)
		}
	}
	_, _ = b.WriteString("</row>")
	days := make([][]string, len(columns)) // by column and code: days since 1899-12-30
	for i, c := range columns {
		for _, v := range c.Dict {
			serial := ""
			if d, err := carnet.ParseDate(v); c.Type == release.Date && err == nil {
				serial = strconv.Itoa(d.Days() + 25569)
			}
			days[i] = append(days[i], serial)
		}
	}
	var number []byte
	for row := range rows {
		if _, err := b.WriteString("<row>"); err != nil {
			return err
		}
		for i, c := range columns {
			switch {
			case c.Null(row):
				_, _ = b.WriteString("<c/>")
			case c.Type == release.Text:
				cell(c.Text(row))
			case c.Type == release.Date:
				_, _ = b.WriteString(`<c s="1"><v>` + days[i][c.Codes[row]] + `</v></c>`)
			default:
				number = c.AppendText(number[:0], row)
				_, _ = b.WriteString("<c><v>")
				_, _ = b.Write(number)
				_, _ = b.WriteString("</v></c>")
			}
		}
		_, _ = b.WriteString("</row>")
	}
	_, _ = b.WriteString("</sheetData></worksheet>")
	return errors.Join(b.Flush(), z.Close())
}

// catalogExport gives the catalogue to harvesters: as a table, as JSON, or as DCAT-AP.
func (a *request) catalogExport(format string) error {
	if strings.HasPrefix(format, "dcat") {
		format = "dcat"
	}
	if !slices.Contains(catalogFormats, format) {
		return badParameter("Invalid value for format API parameter: %s was found but one of %s is expected.", clip(format), strings.Join(catalogFormats, ", "))
	}
	list, err := a.matching()
	if err != nil {
		return err
	}
	h := a.w.Header()
	switch format {
	case "json":
		out := []map[string]any{}
		for i := range list {
			out = append(out, a.describe(&list[i]))
		}
		h.Set("Content-Type", contentTypes["json"])
		return json.NewEncoder(a.w).Encode(out)
	case "csv":
		b := release.NewBuilder([]release.Field{{Name: "datasetid", Type: release.Text}, {Name: "default.title", Type: release.Text}, {Name: "default.description", Type: release.Text},
			{Name: "default.modified", Type: release.Text}, {Name: "default.records_count", Type: release.Int}})
		for _, d := range list {
			b.Text(d.ID).Text(d.Title.FR).Text(d.Description.FR).Text(a.release.Created.Format(time.RFC3339)).Int(int32(d.Rows))
		}
		f := b.Frame()
		h.Set("Content-Type", contentTypes["csv"])
		return release.CSV{BOM: true}.Write(a.w, f.Columns, f.All())
	case "ttl":
		h.Set("Content-Type", "text/turtle; charset=utf-8")
		return a.turtle(list)
	}
	h.Set("Content-Type", "application/rdf+xml; charset=utf-8")
	return a.rdf(list)
}

// distributions are the files of a dataset, by format and media type.
func (a *request) distributions(d release.Dataset) (out [][3]string) {
	for _, f := range exportFormats {
		media, _, _ := strings.Cut(contentTypes[f], ";")
		out = append(out, [3]string{strings.ToUpper(f), a.p.Origin + "/api/explore/v2.1/catalog/datasets/" + d.ID + "/exports/" + f, media})
	}
	return out
}

// rdf writes the catalogue in DCAT-AP, as RDF/XML.
func (a *request) rdf(list []release.Dataset) error {
	var b strings.Builder
	esc := func(s string) string {
		var e strings.Builder
		_ = xml.EscapeText(&e, []byte(s)) // a strings.Builder takes everything
		return e.String()
	}
	words := func(tag string, w release.Words) string {
		return fmt.Sprintf("<%s xml:lang=\"fr\">%s</%s><%s xml:lang=\"en\">%s</%s>\n", tag, esc(w.FR), tag, tag, esc(w.EN), tag)
	}
	b.WriteString(xml.Header + `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dcat="http://www.w3.org/ns/dcat#" xmlns:dct="http://purl.org/dc/terms/" xmlns:foaf="http://xmlns.com/foaf/0.1/">` + "\n")
	fmt.Fprintf(&b, "<dcat:Catalog rdf:about=\"%s\">\n%s%s<dct:publisher><foaf:Agent><foaf:name>%s</foaf:name></foaf:Agent></dct:publisher>\n", esc(a.p.Origin+"/"), words("dct:title", catalogTitle), words("dct:description", catalogTitle), esc(strings.Join(a.release.Sources, ", ")))
	for _, d := range list {
		uri := a.p.Origin + "/explore/dataset/" + d.ID + "/"
		fmt.Fprintf(&b, "<dcat:dataset><dcat:Dataset rdf:about=\"%s\">\n<dct:identifier>%s</dct:identifier>\n%s%s<dct:modified rdf:datatype=\"http://www.w3.org/2001/XMLSchema#dateTime\">%s</dct:modified>\n<dcat:theme rdf:resource=\"http://publications.europa.eu/resource/authority/data-theme/HEAL\"/>\n",
			esc(uri), esc(d.ID), words("dct:title", d.Title), words("dct:description", d.Description), a.release.Created.Format(time.RFC3339))
		for _, f := range a.distributions(d) {
			fmt.Fprintf(&b, "<dcat:distribution><dcat:Distribution rdf:about=\"%[1]s\"><dct:title>%[2]s</dct:title><dcat:accessURL rdf:resource=\"%[1]s\"/><dcat:downloadURL rdf:resource=\"%[1]s\"/><dcat:mediaType>%[3]s</dcat:mediaType><dct:license rdf:resource=\"%[4]s\"/></dcat:Distribution></dcat:distribution>\n", esc(f[1]), f[0], f[2], licence)
		}
		b.WriteString("</dcat:Dataset></dcat:dataset>\n")
	}
	b.WriteString("</dcat:Catalog>\n</rdf:RDF>\n")
	_, err := io.WriteString(a.w, b.String())
	return err
}

var catalogTitle = release.Words{FR: "Données de vaccination", EN: "Vaccination data"}

// turtle writes the same in Turtle.
func (a *request) turtle(list []release.Dataset) error {
	var b strings.Builder
	words := func(w release.Words) string { return quoteTurtle(w.FR) + "@fr, " + quoteTurtle(w.EN) + "@en" }
	b.WriteString("@prefix dcat: <http://www.w3.org/ns/dcat#> .\n@prefix dct: <http://purl.org/dc/terms/> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n\n")
	fmt.Fprintf(&b, "<%s/> a dcat:Catalog ;\n  dct:title %s ;\n  dct:description %s .\n", a.p.Origin, words(catalogTitle), words(catalogTitle))
	for _, d := range list {
		uri := a.p.Origin + "/explore/dataset/" + d.ID + "/"
		fmt.Fprintf(&b, "<%s/> dcat:dataset <%s> .\n<%s> a dcat:Dataset ;\n  dct:identifier %s ;\n  dct:title %s ;\n  dct:description %s ;\n  dct:modified %s^^xsd:dateTime .\n",
			a.p.Origin, uri, uri, quoteTurtle(d.ID), words(d.Title), words(d.Description), quoteTurtle(a.release.Created.Format(time.RFC3339)))
		for _, f := range a.distributions(d) {
			fmt.Fprintf(&b, "<%[1]s> dcat:distribution <%[2]s> .\n<%[2]s> a dcat:Distribution ;\n  dct:title %[3]s ;\n  dcat:downloadURL <%[2]s> ;\n  dcat:mediaType %[4]s ;\n  dct:license <%[5]s> .\n", uri, f[1], quoteTurtle(f[0]), quoteTurtle(f[2]), licence)
		}
	}
	_, err := io.WriteString(a.w, b.String())
	return err
}

func quoteTurtle(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}
