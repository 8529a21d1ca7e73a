package publish_test

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"carnet/internal/publish"
)

// BenchmarkCube builds the weekly cube of 18.3 million doses from Parquet, in turns with DuckDB on two threads that
// builds the same one; then asks the four-dimension question of the finished cube on both sides.
func BenchmarkCube(b *testing.B) {
	dir := portalData(b)
	if dir == "" {
		b.Skip("needs the synthetic doses")
	}
	path := filepath.Join(dir, fullDoses)
	db := newDuckDB(b)
	dims := []publish.Dimension{publish.ByWeek, publish.ByDepartment, publish.ByAge, publish.ByVaccine, publish.ByRank}
	const week = "date_trunc('week', day)::DATE + 6"
	create := "CREATE OR REPLACE TABLE cells AS SELECT (" + week + ")::DATE AS week, dep, clage, vaccine, rank, count(*) AS n FROM '" + path + "' GROUP BY ALL"
	var cube *publish.Cube
	b.Run("build", func(b *testing.B) {
		ours, theirs := time.Hour, time.Hour
		for b.Loop() {
			start := time.Now()
			cube = buildFile(b, path, dims)
			ours = min(ours, time.Since(start))
			_, ms := db.timed(b, create)
			theirs = min(theirs, time.Duration(ms*float64(time.Millisecond)))
		}
		b.ReportMetric(float64(ours.Milliseconds()), "ms")
		b.ReportMetric(float64(theirs.Milliseconds()), "duckdb-ms")
		b.ReportMetric(float64(theirs)/float64(ours), "times-duckdb")
		b.ReportMetric(float64(len(cube.Counts)), "cells")
	})
	b.Run("group", func(b *testing.B) {
		if cube == nil {
			cube = buildFile(b, path, dims)
			db.timed(b, create)
		}
		ours, theirs := time.Hour, time.Hour
		for b.Loop() {
			start := time.Now()
			if _, err := cube.Fold(publish.Roll{From: "week"}, publish.Roll{From: "dep"}, publish.Roll{From: "clage"}, publish.Roll{From: "vaccine"}); err != nil {
				b.Fatal(err)
			}
			ours = min(ours, time.Since(start))
			_, ms := db.timed(b, "CREATE OR REPLACE TEMP TABLE answer AS SELECT week, dep, clage, vaccine, sum(n) FROM cells GROUP BY ALL")
			theirs = min(theirs, time.Duration(ms*float64(time.Millisecond)))
		}
		b.ReportMetric(float64(ours.Microseconds())/1000, "ms")
		b.ReportMetric(float64(theirs)/float64(ours), "times-duckdb")
	})
	runtime.KeepAlive(cube)
}
