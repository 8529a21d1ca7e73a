// Command duckdb is the oracle of the tests of internal/publish: DuckDB behind a pipe. It is a module of its own, so
// that neither DuckDB (MIT, a static library, needs cgo) nor Arrow is a dependency of the program.
//
// Each line of the standard input is one JSON object {"sql": "…"}; each line of the output answers one:
// {"rows": [[…]], "ms": 1.5} with every value as text and null for NULL, or {"error": "…"}. "ms" is the time that
// DuckDB took until the last row was read.
package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

type answer struct {
	Rows  [][]*string `json:"rows,omitempty"`
	MS    float64     `json:"ms"`
	Error string      `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

func run() error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // settings and tables in memory belong to the connection
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var q struct{ SQL string }
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return err
		}
		start := time.Now()
		rows, err := query(db, q.SQL)
		a := answer{Rows: rows, MS: float64(time.Since(start).Microseconds()) / 1000}
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return in.Err()
}

func query(db *sql.DB, text string) ([][]*string, error) {
	rows, err := db.Query(text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]*string
	for rows.Next() {
		row, into := make([]*string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
