package publish_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// portalData is the folder of the published tables and of the synthetic doses, or "" in a clone that does not have it.
func portalData(t testing.TB) string {
	t.Helper()
	dir, asked := os.LookupEnv("CARNET_DATA_PORTAL")
	if !asked {
		dir = filepath.Join("..", "..", "..", "shared", "data", "portal")
	}
	if _, err := os.Stat(dir); err != nil {
		if asked {
			t.Fatalf("CARNET_DATA_PORTAL: %v", err)
		}
		t.Logf("no published tables here (%v): the vectors of this package cover the same ground", err)
		return ""
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// duckDB is DuckDB behind a pipe (internal/publish/duckdb), built by scripts/test.
type duckDB struct {
	mu  sync.Mutex
	in  *json.Encoder
	out *bufio.Reader
}

func newDuckDB(t testing.TB) *duckDB {
	t.Helper()
	path := os.Getenv("CARNET_DUCKDB")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(cache, "carnet-test", "duckdb-1.5.4", "duckdb")
	}
	cmd := exec.Command(path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle is missing (%v): scripts/test builds it, or: cd internal/publish/duckdb && go build -o %s .", err, path)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	d := &duckDB{in: json.NewEncoder(in), out: bufio.NewReader(out)}
	d.rows(t, "SET threads = 2")
	return d
}

// rows runs a statement; every value comes back as text, null as "∅".
func (d *duckDB) rows(t testing.TB, sql string) [][]string {
	t.Helper()
	rows, _ := d.timed(t, sql)
	return rows
}

func (d *duckDB) timed(t testing.TB, sql string) ([][]string, float64) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.in.Encode(map[string]string{"sql": sql}); err != nil {
		t.Fatal(err)
	}
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Rows  [][]*string
		MS    float64
		Error string
	}
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	if a.Error != "" {
		t.Fatalf("%s\n%s", sql, a.Error)
	}
	rows := make([][]string, len(a.Rows))
	for i, r := range a.Rows {
		for _, v := range r {
			if v == nil {
				rows[i] = append(rows[i], "∅")
			} else {
				rows[i] = append(rows[i], *v)
			}
		}
	}
	return rows, a.MS
}
