package explore_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOracle asks the API and DuckDB the same three hundred random questions about the same Parquet file.
func TestOracle(t *testing.T) {
	path := os.Getenv("CARNET_DUCKDB")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(cache, "carnet-test", "duckdb-1.5.4", "duckdb")
	}
	cmd := exec.Command(path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle is missing (%v): scripts/test builds it", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	ask := func(sql string) [][]*string {
		if err := json.NewEncoder(in).Encode(map[string]string{"sql": sql}); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			Rows  [][]*string
			Error string
		}
		if err := json.Unmarshal(line, &a); err != nil || a.Error != "" {
			t.Fatalf("%s\n%v %s", sql, err, a.Error)
		}
		return a.Rows
	}
	p := portal(t, 40, nil)
	file := filepath.Join(t.TempDir(), "d.parquet")
	body := get(p, "/releases/2022-12-04/"+id+".parquet").Body.Bytes()
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	ask("CREATE TABLE d AS SELECT * FROM '" + file + "'")
	chance := rand.New(rand.NewPCG(4, 8))
	pick := func(list ...string) string { return list[chance.IntN(len(list))] }
	// The conditions are written alike in both languages.
	condition := func() string {
		switch chance.IntN(6) {
		case 0:
			return "departement_residence " + pick("=", "!=", ">", "<=") + " '" + pick("01", "2A", "75", "999", "50") + "'"
		case 1:
			return "effectif_1_inj " + pick(">", "<", ">=", "<=", "=", "!=") + " " + strconv.Itoa(10*chance.IntN(5000))
		case 2:
			return "date " + pick(">", "<", ">=", "<=") + " date'2022-" + pick("02", "05", "09") + "-" + pick("06", "13", "01") + "'"
		case 3:
			return "classe_age in ('" + pick("20-39", "TOUT_AGE") + "', '75 et +')"
		case 4:
			return "libelle_departement is " + pick("", "not ") + "null"
		}
		return "taux_1_inj " + pick(">", "<") + " 0." + strconv.Itoa(chance.IntN(100))
	}
	keys := []string{"departement_residence", "classe_age", "type_vaccin", "semaine_injection", "libelle_departement", "month(date)"}
	for q := range 300 {
		where := condition()
		for range chance.IntN(3) {
			where = "(" + where + ") " + pick("and", "or") + " (" + condition() + ")"
		}
		var group []string
		for _, i := range chance.Perm(len(keys))[:chance.IntN(3)] {
			group = append(group, keys[i])
		}
		aggregates := "count(*) as a, sum(effectif_1_inj) as b, min(effectif_1_inj) as c, max(taux_1_inj) as d, avg(effectif_1_inj) as e, count(distinct classe_age) as f, median(effectif_1_inj) as g"
		v := url.Values{"where": {where}, "select": {aggregates}}
		sql := aggregates + " FROM d WHERE " + where
		if group != nil {
			v.Set("group_by", strings.Join(group, ","))
			v.Set("limit", "20000")
			sql = strings.Join(group, ", ") + ", " + sql + " GROUP BY ALL"
			for i := range group {
				sql += []string{" ORDER BY ", ", "}[min(i, 1)] + strconv.Itoa(i+1) + " NULLS LAST"
			}
		}
		want := ask("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT " + sql + ")")
		w := get(p, "/api/explore/v2.1/catalog/datasets/"+id+"/records?"+v.Encode())
		var answer struct{ Results []map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || len(answer.Results) != len(want) {
			t.Fatalf("question %d: %d, %d groups, DuckDB has %d\n%s\n%.300s", q, w.Code, len(answer.Results), len(want), sql, w.Body)
		}
		names := append(append([]string{}, group...), "a", "b", "c", "d", "e", "f", "g")
		for i, row := range want {
			for j, name := range names {
				if got := answer.Results[i][name]; !sameValue(got, row[j]) {
					text := "null"
					if row[j] != nil {
						text = *row[j]
					}
					t.Fatalf("question %d, row %d, %s: %v, DuckDB has %s\n%s", q, i, name, got, text, sql)
				}
			}
		}
	}
}

func sameValue(got any, want *string) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	if n, ok := got.(float64); ok {
		m, err := strconv.ParseFloat(*want, 64)
		return err == nil && math.Abs(n-m) <= 1e-9*math.Max(1, math.Abs(m))
	}
	return fmt.Sprint(got) == *want
}
