package explore_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/carnet"
	"carnet/internal/publish/explore"
	"carnet/internal/publish/release"
)

const id = "donnees-vaccination-par-tranche-dage-type-de-vaccin-et-departement"

// figures is a small dataset with totals, hidden counts and unknown residences, in the form of the real one.
func figures(weeks int) *release.Frame {
	f := func(name, label string, t release.Type, facet bool) release.Field {
		return release.Field{Name: name, Label: label, Type: t, Facet: facet}
	}
	b := release.NewBuilder([]release.Field{
		f("date_reference", "date_reference", release.Date, false), f("semaine_injection", "semaine_injection", release.Text, true),
		f("departement_residence", "departement_residence", release.Text, true), f("libelle_departement", "libelle_departement", release.Text, true),
		f("population_insee", "population_insee", release.Int, false), f("classe_age", "classe_age", release.Text, true), f("type_vaccin", "type_vaccin", release.Text, true),
		f("effectif_1_inj", "effectif_1_inj", release.Int, false), f("taux_1_inj", "taux_1_inj", release.Double, false), f("date", "date", release.Date, true),
		{Name: "niveau", Label: "niveau", Type: release.Text, Hidden: true},
	})
	start := carnet.Date{Year: 2022, Month: 1, Day: 9}
	for w := range weeks {
		sunday := start.AddDays(7 * w)
		for i, d := range [][2]string{{"Tout département", "FRANCE"}, {"01", "Ain"}, {"2A", "Corse-du-Sud"}, {"75", "Paris"}, {"999", ""}} {
			for j, age := range []string{"TOUT_AGE", "20-39", "75 et +"} {
				for k, vaccine := range []string{"Tout vaccin", "COMIRNATY Pfizer-BioNTech"} {
					var level []string
					for _, x := range []struct {
						n    int
						name string
					}{{i, "departement"}, {j, "age"}, {k, "vaccin"}} {
						if x.n > 0 {
							level = append(level, x.name)
						}
					}
					if level == nil {
						level = []string{"total"}
					}
					b.Text("2022-12-04").Text(fmt.Sprintf("2022-%02d", w+1)).Text(d[0]).Text(d[1])
					population := int32(100_000 * (5 - i))
					if i == 4 {
						population = release.NullInt
					}
					b.Int(population).Text(age).Text(vaccine)
					n := int32(1000*(w+1)*(5-i)/(1+j)/(1+k)) / 10 * 10
					if i == 2 && j == 2 {
						n = release.NullInt
					}
					rate := math.NaN()
					if n != release.NullInt && population != release.NullInt {
						rate = math.Round(1000*float64(n)/float64(population)) / 1000
					}
					b.Int(n).Double(rate).Text(sunday.String()).Text(strings.Join(level, "+"))
				}
			}
		}
	}
	return b.Frame()
}

func portal(t testing.TB, weeks int, change func(*explore.Config)) *explore.Portal {
	t.Helper()
	chance := rand.NewChaCha8([32]byte{3})
	key, err := ecdsa.GenerateKey(elliptic.P256(), chance)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := release.Metadata{ID: "2022-12-04", Reference: "2022-12-04", Created: time.Date(2022, 12, 4, 9, 0, 0, 0, time.UTC), Geography: "2026", Sources: []string{"Essai"},
		Secrecy: release.Secrecy{Threshold: 11, Base: 10, Extreme: 100, Least: 50}}
	d := release.Dataset{ID: id, Title: release.Words{FR: "Vaccination par « département »", EN: "Vaccination"}, Description: release.Words{FR: "Essai & test", EN: "Test"}, Territory: "Département"}
	if err := release.Write(dir, m, []release.Part{{Dataset: d, Frame: figures(weeks)}}, key, chance, nil); err != nil {
		t.Fatal(err)
	}
	c := explore.Config{Releases: dir, Key: &key.PublicKey, Origin: "http://localhost", Clock: func() time.Time { return time.Date(2022, 12, 5, 10, 0, 0, 0, time.UTC) }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	p, err := explore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(p http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// TestScenarios is one line for each thing that an address answers.
func TestScenarios(t *testing.T) {
	p := portal(t, 48, nil)
	records := "/api/explore/v2.1/catalog/datasets/" + id + "/records"
	ask := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return records + "?" + v.Encode()
	}
	v1 := "/api/records/1.0/search/?dataset=" + id
	for name, s := range map[string]struct {
		url    string
		status int
		want   []string
		not    []string
	}{
		"records":            {ask("limit", "1"), 200, []string{`{"total_count": 1440, "results": [{"date_reference": "2022-12-04", "semaine_injection": "2022-01"`, `"taux_1_inj": 0.01`, `"population_insee": 500000`}, []string{"niveau"}},
		"trailing slash":     {records + "/?limit=1", 200, []string{`"total_count": 1440`}, nil},
		"count alone":        {ask("limit", "0"), 200, []string{`{"total_count": 1440, "results": []}`}, nil},
		"where":              {ask("where", "departement_residence='75' and classe_age='TOUT_AGE' and semaine_injection='2022-03' and type_vaccin='Tout vaccin'"), 200, []string{`"total_count": 1,`, `"effectif_1_inj": 6000`}, nil},
		"several wheres":     {ask("where", "departement_residence='75'", "where", "classe_age='20-39'", "limit", "0"), 200, []string{`"total_count": 96,`}, nil},
		"number as text":     {ask("where", "departement_residence=75", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"hidden":             {ask("where", "effectif_1_inj is null", "limit", "0"), 200, []string{`"total_count": 96,`}, nil},
		"null is false":      {ask("where", "effectif_1_inj < 1000000", "limit", "0"), 200, []string{`"total_count": 1344,`}, nil},
		"date":               {ask("where", "date >= date'2022-11-01' and date < '2022/12'", "limit", "0"), 200, []string{`"total_count": 120,`}, nil},
		"year of a date":     {ask("where", "month(date)=11", "limit", "0"), 200, []string{`"total_count": 120,`}, nil},
		"now":                {ask("where", "date > now(months=-1)", "limit", "0"), 200, []string{`"total_count": 150,`}, nil},
		"in":                 {ask("where", "departement_residence in ('01','75')", "limit", "0"), 200, []string{`"total_count": 576,`}, nil},
		"between":            {ask("where", "effectif_1_inj in [10 TO 500[", "limit", "0"), 200, []string{`"total_count": 5,`}, nil},
		"like":               {ask("where", "libelle_departement like 'corse sud'", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"full text":          {ask("where", "'corse'", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"fuzzy":              {ask("where", "search(libelle_departement, 'Pariis')", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"suggest":            {ask("where", "suggest(libelle_departement, 'par')", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"starts with":        {ask("where", "startswith(libelle_departement, 'Pa')", "limit", "0"), 200, []string{`"total_count": 288,`}, nil},
		"refine":             {ask("refine", "departement_residence:75", "exclude", "classe_age:TOUT_AGE", "limit", "0"), 200, []string{`"total_count": 192,`}, nil},
		"refine a date":      {ask("refine", "date:2022/11", "limit", "0"), 200, []string{`"total_count": 120,`}, nil},
		"select":             {ask("select", "departement_residence as dep, effectif_1_inj/2 as moitie, upper(libelle_departement)", "limit", "1"), 200, []string{`[{"dep": "Tout département", "moitie": 2500, "upper(libelle_departement)": "FRANCE"}]`}, nil},
		"include":            {ask("select", "include(taux*), exclude(date)", "limit", "1"), 200, []string{`[{"taux_1_inj": 0.01}]`}, nil},
		"hidden field":       {ask("select", "niveau", "limit", "1"), 200, []string{`[{"niveau": "total"}]`}, nil},
		"order":              {ask("order_by", "effectif_1_inj desc", "select", "effectif_1_inj", "limit", "1"), 200, []string{`[{"effectif_1_inj": 240000}]`}, nil},
		"minus":              {ask("order_by", "-date,departement_residence", "select", "date,departement_residence", "limit", "1"), 200, []string{`[{"date": "2022-12-04", "departement_residence": "01"}]`}, nil},
		"nulls last":         {ask("order_by", "effectif_1_inj", "select", "effectif_1_inj", "limit", "1", "offset", "1343"), 200, []string{`[{"effectif_1_inj": 240000}]`}, nil},
		"group":              {ask("select", "sum(effectif_1_inj) as n, count(*) as c", "group_by", "departement_residence", "order_by", "n desc", "limit", "2", "where", "niveau='departement'"), 200, []string{`"total_count": 4, "results": [{"departement_residence": "01", "n": 4704000, "c": 48}, {"departement_residence": "2A", "n": 3528000, "c": 48}]`}, nil},
		"null group":         {ask("select", "count(*) as c", "group_by", "libelle_departement", "limit", "5"), 200, []string{`{"libelle_departement": null, "c": 288}`}, nil},
		"group by month":     {ask("select", "count(*) as c", "group_by", "range(date, '1 month') as m", "limit", "1"), 200, []string{`{"m": "[2022-01-01, 2022-02-01[", "c": 120}`}, nil},
		"group by numbers":   {ask("select", "count(effectif_1_inj) as c", "group_by", "range(effectif_1_inj, *, 1000, 10000, *)"), 200, []string{`"[*, 1000["`, `"[1000, 10000["`, `"[10000, *["`}, nil},
		"aggregates alone":   {ask("select", "min(effectif_1_inj) as a, max(date) as b, avg(taux_1_inj) as c, median(effectif_1_inj) as d, percentile(effectif_1_inj, 100) as e, count(distinct classe_age) as f", "where", "niveau='departement'"), 200, []string{`"a": 1000`, `"b": "2022-12-04"`, `"e": 192000`, `"f": 1`}, nil},
		"group limit":        {ask("group_by", "semaine_injection", "limit", "20000"), 200, []string{`"total_count": 48`}, nil},
		"bad limit":          {ask("limit", "1473"), 400, []string{`{"error_code":"InvalidRESTParameterError","message":"Invalid value for limit API parameter: 1473 was found but -1 \u003c= limit \u003c= 100 is expected."}`}, nil},
		"bad window":         {ask("limit", "100", "offset", "9901"), 400, []string{"offset + limit"}, nil},
		"unknown field":      {ask("select", "x"), 400, []string{`{"error_code":"ODSQLError","message":"ODSQL query is malformed: Unknown field: x Clause(s) containing the error(s): select."}`}, nil},
		"syntax":             {ask("where", "garbage=="), 400, []string{`"error_code":"ODSQLSyntaxError"`, "unexpected = at position 8 in garbage=="}, nil},
		"end of line":        {ask("where", "a="), 400, []string{`"message":"ODSQL syntax exception: unexpected end of line"`}, nil},
		"not grouped":        {ask("select", "classe_age", "group_by", "type_vaccin"), 400, []string{"ODSQLError"}, nil},
		"sum of a text":      {ask("select", "sum(classe_age)"), 400, []string{"ODSQLError"}, nil},
		"unknown parameter":  {ask("limite", "1"), 400, []string{"InvalidRESTParameterError"}, nil},
		"language":           {ask("lang", "xx"), 400, []string{"InvalidRESTParameterError"}, nil},
		"time zone":          {ask("timezone", "Mars/Olympus"), 400, []string{"InvalidRESTParameterError"}, nil},
		"apikey is ignored":  {ask("apikey", "x", "limit", "0"), 200, []string{`1440`}, nil},
		"unknown dataset":    {"/api/explore/v2.1/catalog/datasets/x/records", 404, []string{`"error_code"`, `"message"`}, nil},
		"unknown address":    {"/api/explore/v2.1/catalog/x", 404, []string{`"error_code"`}, nil},
		"federated name":     {"/api/explore/v2.1/catalog/datasets/" + id + "@cnam/", 200, []string{`"dataset_id":"` + id + `"`}, nil},
		"catalogue":          {"/api/explore/v2.1/catalog/datasets/?limit=5", 200, []string{`"total_count":1`, `"title":"Vaccination par « département »"`}, []string{"niveau"}},
		"catalogue search":   {"/api/explore/v2.1/catalog/datasets?where=" + url.QueryEscape("search('vaccinatoin')"), 200, []string{`"total_count":1`}, nil},
		"catalogue facets":   {"/api/explore/v2.1/catalog/facets", 200, []string{`"name":"territory"`}, nil},
		"facets":             {"/api/explore/v2.1/catalog/datasets/" + id + "/facets/?facet=classe_age&refine=departement_residence:75", 200, []string{`{"name":"20-39","count":96,"state":"displayed","value":"20-39"}`}, nil},
		"facet of dates":     {"/api/explore/v2.1/catalog/datasets/" + id + "/facets?facet=date&refine=date:2022", 200, []string{`"name":"2022/11"`}, nil},
		"facet with options": {"/api/explore/v2.1/catalog/datasets/" + id + "/facets?facet=" + url.QueryEscape(`facet(name="classe_age", sort="alphanum", limit=1)`), 200, []string{`"facets":[{"name":"20-39","count":480,"state":"displayed","value":"20-39"}]`}, nil},
		"attachments":        {"/api/explore/v2.1/catalog/datasets/" + id + "/attachments", 200, []string{`"attachments":[]`}, nil},
		"exports":            {"/api/explore/v2.1/catalog/datasets/" + id + "/exports", 200, []string{`/exports/parquet"`}, nil},
		"unknown format":     {"/api/explore/v2.1/catalog/datasets/" + id + "/exports/shp", 400, []string{"csv, geojson, json, jsonl, parquet, xlsx"}, nil},
		"export csv":         {"/api/explore/v2.1/catalog/datasets/" + id + "/exports/csv/?limit=1&timezone=UTC&use_labels=false", 200, []string{"\ufeffdate_reference;semaine_injection;", ";Tout vaccin;5000;0.01;2022-01-09\r\n"}, []string{"niveau"}},
		"export json v2.0":   {"/api/v2/catalog/datasets/" + id + "/exports/json?limit=-1&offset=0&timezone=UTC", 200, []string{`"departement_residence": "75"`}, nil},
		"export csv v2.0":    {"/api/v2/catalog/datasets/" + id + "/exports/csv?limit=1", 200, []string{"date_reference;"}, []string{"\ufeff"}},
		"v2.0 has no more":   {"/api/v2/catalog/datasets/" + id + "/records", 404, nil, nil},
		"legacy download":    {"/explore/dataset/" + id + "/download/?format=csv&timezone=Europe/Berlin&lang=fr&use_labels_for_header=true&csv_separator=%3B", 200, []string{"date_reference;semaine_injection;departement_residence;"}, []string{"\ufeff"}},
		"v1 search":          {v1 + "&q=&rows=10&refine.semaine_injection=2022-09", 200, []string{`{"nhits": 30, "parameters": {`, `"recordid": "`}, nil},
		"v1 query":           {v1 + "&q=date%3E2022-01-01&rows=5000", 200, []string{`"nhits": 1440`, `"fields": {"date_reference"`}, nil},
		"v1 human query":     {v1 + "&rows=0&q=" + url.QueryEscape("date=2022-11-06 and not (departement_residence:'999' OR departement_residence:'75')") + "&refine.type_vaccin=Tout+vaccin", 200, []string{`"nhits": 9,`}, nil},
		"v1 nulls are away":  {v1 + "&rows=1&q=" + url.QueryEscape("#null(effectif_1_inj)"), 200, []string{`"nhits": 96`}, []string{`"effectif_1_inj":`, ": null"}},
		"v1 sort":            {v1 + "&rows=1&sort=effectif_1_inj&fields=effectif_1_inj", 200, []string{`"fields": {"effectif_1_inj": 240000}`}, nil},
		"v1 facets":          {v1 + "&rows=0&facet=classe_age", 200, []string{`"facet_groups": [{"count":1440,"facets":[{"count":480,"name":"20-39","path":"20-39","state":"displayed"}`}, nil},
		"v1 disjunctive":     {v1 + "&rows=0&disjunctive.departement_residence=true&refine.departement_residence=75&refine.departement_residence=01", 200, []string{`"nhits": 576`}, nil},
		"v1 interval":        {v1 + "&rows=0&q=" + url.QueryEscape("date:[2022-11-01 TO 2022-11-30]"), 200, []string{`"nhits": 120`}, nil},
		"v1 bad query":       {v1 + "&q=(a", 400, []string{"InvalidRESTParameterError"}, nil},
		"v1 no dataset":      {"/api/records/1.0/search/", 400, []string{"dataset"}, nil},
		"v1 download":        {"/api/records/1.0/download/?dataset=" + id + "&csv_separator=,&rows=1", 200, []string{"date_reference,semaine_injection"}, nil},
		"v1 datasets":        {"/api/datasets/1.0/search/?rows=5", 200, []string{`"nhits":1`, `"datasetid":"` + id}, nil},
		"v1 dataset":         {"/api/datasets/1.0/" + id + "/", 200, []string{`"datasetid":"` + id}, nil},
		"human page":         {"/explore/dataset/" + id + "/information/", 302, nil, nil},
		"human catalogue":    {"/explore/?exclude.theme=Datavisualisation&sort=modified", 302, nil, nil},
		"newest file":        {"/releases/latest/" + id + ".csv", 302, nil, nil},
		"file":               {"/releases/2022-12-04/" + id + ".csv", 200, []string{"date_reference;"}, nil},
		"signature":          {"/releases/2022-12-04/release.json.sig", 200, nil, nil},
		"way out":            {"/releases/2022-12-04/..%2f..%2fx", 404, nil, nil},
		"releases":           {"/releases/", 200, []string{`"latest":"2022-12-04"`}, nil},
		"dcat":               {"/api/explore/v2.1/catalog/exports/dcat/", 200, []string{"<dcat:Dataset", "Essai &amp; test"}, nil},
		"dcat-ap":            {"/api/explore/v2.1/catalog/exports/dcat_ap_ch", 200, []string{"<dcat:Distribution"}, nil},
		"turtle":             {"/api/explore/v2.1/catalog/exports/ttl", 200, []string{"a dcat:Dataset"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(p, s.url)
			body := w.Body.String()
			if w.Code != s.status {
				t.Fatalf("%d: %.400s", w.Code, body)
			}
			for _, want := range s.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in\n%.600s", want, body)
				}
			}
			for _, not := range s.not {
				if strings.Contains(body, not) {
					t.Errorf("%s in\n%.600s", not, body)
				}
			}
			if w.Code == 400 || w.Code == 404 {
				var e map[string]string
				if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e["error_code"] == "" || e["message"] == "" || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
					t.Errorf("an error in another form: %s", body)
				}
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	p := portal(t, 2, func(c *explore.Config) { c.Quota = 3 })
	url := "/api/explore/v2.1/catalog/datasets/" + id + "/records?limit=1"
	w := get(p, url)
	h := w.Header()
	if h.Get("X-RateLimit-Limit") != "3" || h.Get("X-RateLimit-Remaining") != "2" || h.Get("X-RateLimit-Reset") != "1670284800" || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", h)
	}
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("If-None-Match", h.Get("ETag"))
	again := httptest.NewRecorder()
	p.ServeHTTP(again, r)
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("not changed: %d", again.Code)
	}
	get(p, url)
	if w := get(p, url); w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), `"errorcode":10005`) || !strings.Contains(w.Body.String(), `"reset_time":"2022-12-06T00:00:00Z"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	mixed := get(portal(t, 2, nil), "/api/explore/v2.1/catalog/datasets/"+id+"/records?select=sum(effectif_1_inj)&group_by=semaine_injection")
	if mixed.Code != 200 || !strings.Contains(mixed.Header().Get("Warning"), "niveau") {
		t.Errorf("totals and details are added up without a word: %d %v", mixed.Code, mixed.Header())
	}
	post := httptest.NewRecorder()
	p.ServeHTTP(post, httptest.NewRequest(http.MethodPost, url, strings.NewReader("x")))
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.Code)
	}
}

// TestSameValues: CSV, JSON, JSON lines, Parquet, GeoJSON and the sheet hold the same values.
func TestSameValues(t *testing.T) {
	p := portal(t, 3, nil)
	base := "/api/explore/v2.1/catalog/datasets/" + id + "/exports/"
	type row = map[string]any
	var want []row
	if err := json.Unmarshal(get(p, base+"json").Body.Bytes(), &want); err != nil || len(want) != 90 {
		t.Fatalf("%d rows, %v", len(want), err)
	}
	var lines []row
	for line := range strings.Lines(get(p, base+"jsonl").Body.String()) {
		var r row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r)
	}
	var geo struct {
		Type     string
		Features []struct{ Properties row }
	}
	if err := json.Unmarshal(get(p, base+"geojson").Body.Bytes(), &geo); err != nil || geo.Type != "FeatureCollection" {
		t.Fatal(err)
	}
	body := get(p, base+"parquet?parquet_compression=zstd").Body.Bytes()
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	sheet := readSheet(t, get(p, base+"xlsx").Body.Bytes())
	csv := strings.Split(strings.TrimSuffix(strings.TrimPrefix(get(p, base+"csv").Body.String(), "\ufeff"), "\r\n"), "\r\n")
	if len(lines) != 90 || len(geo.Features) != 90 || file.NumRows() != 90 || len(sheet) != 91 || len(csv) != 91 {
		t.Fatalf("%d lines, %d features, %d rows, %d rows of the sheet, %d of CSV", len(lines), len(geo.Features), file.NumRows(), len(sheet), len(csv))
	}
	names := strings.Split(csv[0], ";")
	for i, r := range want {
		fields := strings.Split(csv[i+1], ";")
		for j, name := range names {
			text := ""
			if v := r[name]; v != nil {
				text = fmt.Sprint(v)
				if n, ok := v.(float64); ok {
					text = fmt.Sprintf("%v", n)
					if strings.HasPrefix(name, "effectif") || strings.HasPrefix(name, "population") {
						text = fmt.Sprintf("%.0f", n)
					} else if n == math.Trunc(n) {
						text = fmt.Sprintf("%.1f", n)
					}
				}
			}
			if fields[j] != text || lines[i][name] != r[name] || geo.Features[i].Properties[name] != r[name] {
				t.Fatalf("row %d, %s: %q in CSV, %v, %v and %v in JSON", i, name, fields[j], r[name], lines[i][name], geo.Features[i].Properties[name])
			}
			if cell := sheet[i+1][j]; !strings.HasPrefix(name, "date") && cell != text {
				t.Fatalf("row %d, %s: %q in the sheet, %q", i, name, cell, text)
			}
		}
	}
	zipped := get(p, base+"csv?compressed=true")
	if zipped.Header().Get("Content-Type") != "application/gzip" || zipped.Body.Len() > 3000 {
		t.Errorf("%v, %d bytes", zipped.Header(), zipped.Body.Len())
	}
}

func readSheet(t testing.TB, body []byte) (rows [][]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var sheet struct {
		Rows []struct {
			Cells []struct {
				Value  string `xml:"v"`
				Inline string `xml:"is>t"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	if err := xml.Unmarshal(text, &sheet); err != nil {
		t.Fatal(err)
	}
	for _, r := range sheet.Rows {
		var cells []string
		for _, c := range r.Cells {
			cells = append(cells, c.Value+c.Inline)
		}
		rows = append(rows, cells)
	}
	return rows
}

// TestRecord: what a search names can be asked for by its name.
func TestRecord(t *testing.T) {
	p := portal(t, 2, nil)
	var out struct{ Records []struct{ Recordid string } }
	if err := json.Unmarshal(get(p, "/api/records/1.0/search/?rows=3&dataset="+id).Body.Bytes(), &out); err != nil || len(out.Records) != 3 {
		t.Fatal(err)
	}
	for _, address := range []string{"/api/explore/v2.1/catalog/datasets/" + id + "/records/", "/api/datasets/1.0/" + id + "/records/"} {
		if w := get(p, address+out.Records[2].Recordid); w.Code != 200 || !strings.Contains(w.Body.String(), `"classe_age"`) {
			t.Errorf("%s: %d %s", address, w.Code, w.Body)
		}
		if w := get(p, address+strings.Repeat("0", 40)); w.Code != 404 {
			t.Errorf("%s of nothing: %d", address, w.Code)
		}
	}
}

// TestAlone: the portal is built without the job that sees doses, without a store and without any key but a public one.
func TestAlone(t *testing.T) {
	list, err := exec.Command("go", "list", "-deps", "carnet/internal/publish/explore").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(list))
	for _, d := range deps {
		if strings.HasPrefix(d, "carnet/") && !slices.Contains([]string{"carnet/internal/carnet", "carnet/internal/publish/explore", "carnet/internal/publish/odsql", "carnet/internal/publish/release", "carnet/nir"}, d) || strings.Contains(d, "sqlite") {
			t.Errorf("it imports %s", d)
		}
	}
	if len(deps) < 20 {
		t.Fatalf("%d packages", len(deps))
	}
}

func FuzzQ(f *testing.F) {
	p := portal(f, 1, nil)
	for _, q := range []string{"date>2022-01-01", "(a OR b) AND NOT c", `#search(x,"y")`, "f:[1 TO 2]", "'", "#now("} {
		f.Add(q, q)
	}
	f.Fuzz(func(t *testing.T, q, where string) {
		if w := get(p, "/api/records/1.0/search/?"+url.Values{"dataset": {id}, "q": {q}, "rows": {"1"}}.Encode()); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		v := url.Values{"where": {where}, "select": {q}, "limit": {"1"}}
		if w := get(p, "/api/explore/v2.1/catalog/datasets/"+id+"/records?"+v.Encode()); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// BenchmarkRecords asks a dataset of 96,000 rows, as many as the release of 18.3 million doses has. Cached is the same
// question again and again; the others ask another one each time, over HTTP, and report the 95th percentile.
func BenchmarkRecords(b *testing.B) {
	p := portal(b, 3200, nil)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	base := "/api/explore/v2.1/catalog/datasets/" + id + "/records?"
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if w := get(p, base+"limit=20&where=departement_residence%3D%2775%27"); w.Code != 200 {
				b.Fatal(w.Body)
			}
		}
		b.ReportMetric(float64(memory.HeapInuse)/1e6, "MB-of-heap")
	})
	server := httptest.NewServer(p)
	defer server.Close()
	for name, query := range map[string]string{
		"filtered": "limit=20&where=departement_residence%%3D%%2775%%27%%20and%%20effectif_1_inj%%3E%d",
		"ordered":  "limit=100&order_by=effectif_1_inj%%20desc&where=classe_age%%3D%%2720-39%%27%%20and%%20effectif_1_inj%%3E%d",
		"grouped":  "limit=20000&select=sum(effectif_1_inj)&group_by=departement_residence,classe_age,type_vaccin&where=effectif_1_inj%%3E%d",
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				r, err := http.Get(server.URL + base + fmt.Sprintf(query, i))
				if err != nil {
					b.Fatal(err)
				}
				_, err = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if err != nil || r.StatusCode != 200 {
					b.Fatal(r.StatusCode, err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

func BenchmarkExport(b *testing.B) {
	p := portal(b, 3000, nil)
	for _, format := range []string{"csv", "json", "parquet", "xlsx"} {
		b.Run(format, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/api/explore/v2.1/catalog/datasets/"+id+"/exports/"+format, nil)
			var n int64
			b.ReportAllocs()
			for b.Loop() {
				w := &sink{header: http.Header{}}
				p.ServeHTTP(w, r)
				n = w.n
			}
			b.SetBytes(n)
		})
	}
}

type sink struct {
	header http.Header
	n      int64
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }
func (s *sink) WriteHeader(int)             {}
