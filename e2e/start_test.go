package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// BenchmarkFirstPage goes from the start of the program on an empty folder to the first answered
// page: keys, store, tables, people of the sandbox, sites.
func BenchmarkFirstPage(b *testing.B) {
	info, err := os.Stat(program(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := serve(b, b.TempDir())
		r, err := http.Get(c.pro)
		if err != nil || r.StatusCode != http.StatusOK {
			b.Fatal(err)
		}
		r.Body.Close()
		b.StopTimer()
		c.stop(b)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/first-page")
	b.ReportMetric(float64(info.Size())/1e6, "MB/program")
}
